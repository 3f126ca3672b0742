"""The daemon's own receiver with a played clock and modem: what it records, and what it deletes and when.

`tests/gsm/test_storages.py` has what needs a modem's commands.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import year_now
from year import Settings

from hotlined.causes import CauseCode
from hotlined.errors import ModemError, ModemSilentError
from hotlined.gsm.at import Unsolicited
from hotlined.gsm.responses import Entry, Listing
from hotlined.machine.timing import Interval
from hotlined.simulator import pdus

HERS, HIS, THEIRS = "+32470000001", "+32470000002", "+32470000003"
Words, Numbers, Contacts = list[str], list[int], list[tuple[str, int]]
_none = list
DRAFT = "0011000B912374103254F60000AA05E8329BFD06"


def text(number: str) -> str:
    """Return the PDU of a text."""
    (pdu,) = pdus.write_text(number, "coucou", scts=year_now.START, reference=0)
    return pdu


@dataclass
class Stick:
    """A modem with its storages, which the receiver reads and deletes from."""

    line: year_now.Line
    held: dict[str, dict[int, str]] = field(default_factory=lambda: {"SM": {}})
    refuses: set[str] = field(default_factory=set)
    """Texts that it does not delete, and says so."""
    keeps: set[str] = field(default_factory=set)
    """Texts that it does not delete, though it says that it did."""
    swaps: str = ""
    """The text that lies in place of the first one after a listing that broke off."""
    unlisted: str = ""
    """The storage that it refuses to list."""
    hidden: dict[str, int] = field(default_factory=dict)
    unseen: frozenset[int | None] = frozenset()
    deletion_seconds: int = 0
    in_step: bool = True
    has_unsolicited: bool = False
    selected: str = ""
    asked: Numbers = field(default_factory=_none)
    """The indexes that it was told to delete."""
    kept: dict[str, int] = field(default_factory=dict)
    aliases: Words = field(default_factory=_none)
    done: Words = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Take the place of the line's modem."""
        self.exchange = self.storages = self
        self.sim = SimpleNamespace(imsi="206012345678901")
        self.receiver = self.line.daemon.receiver
        for name in ("poll", "_settings_check", "_deletions_first"):
            setattr(self.receiver, name, Interval(getattr(self.receiver, name).seconds, time.monotonic))
        self.receiver.connection = SimpleNamespace(  # type: ignore[assignment]
            identification=self.sim, scan_advanced=lambda: None
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return its storages."""
        return tuple(self.held)

    scan_order = names

    def room(self, name: str) -> int:
        """Return how many places a storage has beside its entries."""
        return 10 - len(self.held[name])

    def holds_listing(self, name: str) -> bool:
        """Tell whether a storage is selected."""
        return self.selected == name

    def list(self, name: str) -> Listing:
        """List a storage."""
        if name == self.unlisted:
            raise ModemError(CauseCode.LISTING_BROKE_OFF, storage=name)
        self.selected = name
        self.in_step = not self.swaps
        entries = tuple(
            Entry(index, 2 if pdu == DRAFT else 0, None, pdu)
            for index, pdu in self.held[name].items()
            if index not in self.unseen
        )
        return Listing(name, entries, complete=self.in_step, unseen=self.unseen, counted=True)

    def reselect(self, name: str, _probes: int) -> None:
        """Come into step again; meanwhile another text has come."""
        self.in_step, self.selected = True, name
        self.held[name][1], self.swaps = self.swaps, ""

    def read(self, index: int) -> Entry | None:
        """Read a slot."""
        pdu = self.held[self.selected].get(index)
        return Entry(index, 0, None, pdu) if pdu else None

    def delete(self, name: str, index: int) -> bool:
        """Delete an entry, as far as the storage does."""
        if self.selected != name:
            raise ModemError(CauseCode.STARTED_ANEW, storage=name)
        self.line.machine.run(self.deletion_seconds)
        self.asked.append(index)
        pdu = self.held[name][index]
        if pdu in self.refuses:
            return False
        if pdu not in self.keeps:
            del self.held[name][index]
        return True

    def has_slots_to_read(self, _name: str) -> bool:
        """Say that its listings show everything."""
        return False

    def note_kept(self, name: str, entries: int) -> None:
        """Note how many entries stay."""
        self.kept[name] = entries

    def drop_alias(self, name: str) -> None:
        """Note that a storage is left alone."""
        self.aliases.append(name)

    def listen(self, _seconds: float) -> None:
        """Hear nothing."""

    def direct_texts(self) -> None:
        """Note that it may choose the storage for new texts."""
        self.done.append("direct")

    def verify(self) -> None:
        """Note that its settings are read back."""
        self.done.append("verify")

    def acknowledge(self) -> None:
        """Note that a text was acknowledged."""
        self.done.append("acknowledge")

    retry_refused = confirm = retry_unknown = lambda _: None

    # ---- what a test does

    def scan(self, seconds: int = 1) -> None:
        """Let time pass, and scan."""
        self.line.machine.run(seconds)
        self.receiver.scan_soon()
        self.go_on()

    def go_on(self) -> None:
        """Do one pass."""
        self.receiver.scan(self)  # type: ignore[arg-type]

    def say(self, code: str, words: str, payload: str | None = None) -> Unsolicited:
        """Report a code."""
        event = Unsolicited(code, words, payload)
        self.receiver.act_on(event, self)  # type: ignore[arg-type]
        return event

    def note(self, _storage: str) -> None:
        """Hear of a storage that it has anyway."""

    def recorded(self) -> Contacts:
        """Return who wrote, with the repeats."""
        rows = self.line.db.all("SELECT originator, repeats FROM contacts ORDER BY id")
        return [(row["originator"], row["repeats"]) for row in rows]

    def events(self, kind: str) -> int:
        """Count the events of a kind."""
        return int(self.line.db.value("SELECT count(*) FROM events WHERE kind = ?", kind))

    def undeleted(self) -> int:
        """Count the texts that may still lie in a storage."""
        return int(self.line.db.value("SELECT count(*) FROM segments WHERE deleted_at IS NULL"))


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    """Give the stick of a line that has just started."""
    with year_now.line(tmp_path) as line:
        line.start(0, Settings(texts=("Non.",)))
        yield Stick(line)


def test_listing_that_broke_off_deletes_no_other_text_in_its_place(stick: Stick) -> None:
    """The modem restarted, and a new text came into the same slot: nothing received is lost."""
    stick.held["SM"] = {1: text(HERS)}
    stick.swaps = text(HIS)
    with pytest.raises(ModemSilentError):
        stick.scan()
    assert stick.held["SM"] == {1: text(HIS)}
    stick.scan()

    assert stick.recorded() == [(HERS, 0), (HIS, 0)]
    assert not stick.held["SM"]


def test_entries_that_stay_take_room(stick: Stick) -> None:
    """Drafts are neither contacts nor deleted; what a SIM refuses to delete is not asked for at each scan."""
    stick.held["SM"] = {1: DRAFT, 2: text(HERS), 3: text(HIS)}
    stick.refuses = {text(HERS)}
    stick.scan()
    stick.scan()

    assert stick.held["SM"] == {1: DRAFT, 2: text(HERS)}
    assert stick.recorded() == [(HERS, 0), (HIS, 0)]
    assert stick.asked == [2, 3]
    assert stick.kept == {"SM": 2}
    assert stick.done.count("direct") == 2


def test_kept_text_is_noticed_though_another_storage_was_listed(stick: Stick) -> None:
    """The SIM says that it deleted the text, and still shows it at the next scan."""
    stick.held = {"SM": {1: text(HERS)}, "ME": {1: text(HIS)}}
    stick.keeps = {text(HERS)}
    stick.scan()
    assert stick.events("delete_refused") == 0
    stick.scan()

    assert stick.events("delete_refused") == 1
    assert stick.recorded() == [(HERS, 0), (HIS, 0)]
    assert stick.undeleted() == 1


def test_listing_of_another_sim_confirms_no_deletion(stick: Stick) -> None:
    """The former SIM may still have the text: put back, its text is the same one."""
    stick.held["SM"] = {1: text(HERS)}
    stick.keeps = {text(HERS)}
    stick.scan()
    former, stick.held["SM"] = stick.held["SM"], {2: text(HIS)}
    stick.sim.imsi = "206010000000000"
    stick.receiver.start_anew()
    stick.scan()
    stick.held["SM"], stick.keeps = former, set()
    stick.sim.imsi = "206012345678901"
    stick.receiver.start_anew()
    stick.scan()

    assert stick.recorded() == [(HERS, 0), (HIS, 0)]


def test_text_in_another_storage_is_no_second_name_of_the_first(stick: Stick) -> None:
    """A text that the SIM does not delete leaves the modem's own storage in use."""
    stick.held = {"SM": {1: text(HERS)}, "ME": {1: text(HIS)}}
    stick.refuses = {text(HERS)}
    stick.scan()

    assert stick.aliases == []
    assert stick.held["ME"] == {}


def test_undeletable_text_at_an_unreadable_place_is_still_there(stick: Stick) -> None:
    """A garbled line of the listing says nothing about it."""
    stick.held["SM"] = {1: text(HERS)}
    stick.refuses = {text(HERS)}
    stick.scan()
    stick.unseen = frozenset({1})
    stick.scan()

    assert stick.receiver.undeletable == 1


def test_storage_that_is_not_listed_keeps_no_other_from_it(stick: Stick) -> None:
    """The error is raised at the end of the scan, for the escalation; later the storage is named for `status`."""
    stick.held = {"SM": {1: text(HERS)}, "ME": {1: text(HIS)}}
    stick.unlisted = "SM"
    for _time in range(2):
        assert stick.receiver.unlisted(stick) == []  # type: ignore[arg-type]
        with pytest.raises(ModemError):
            stick.scan()
    stick.scan()

    assert stick.recorded() == [(HIS, 0)]
    assert [name for name, _answer in stick.receiver.unlisted(stick)] == ["SM"]  # type: ignore[arg-type]


def test_modem_that_restarts_between_deletions_is_listed_again(stick: Stick) -> None:
    """An index may be another text's by then; nothing is deleted by the old listing, and it is no fault."""
    stick.held["SM"] = {1: text(HERS), 2: text(HIS)}
    stick.has_unsolicited, stick.deletion_seconds = True, 1
    stick.scan()
    assert stick.held["SM"] == {2: text(HIS)}
    stick.selected = ""
    stick.held["SM"] = {2: text(THEIRS)}
    stick.go_on()

    assert stick.recorded() == [(HERS, 0), (HIS, 0), (THEIRS, 0)]
    assert stick.held["SM"] == {}


def test_texts_that_come_do_not_keep_others_on_the_sim(stick: Stick) -> None:
    """A flood is deleted in its first pass as far as there is time; deletions hold answers back for a minute only."""
    stick.held["SM"] = {index: text(f"+3247000000{index}") for index in range(1, 9)}
    stick.has_unsolicited = True
    stick.scan()
    assert stick.held["SM"] == {}

    stick.held["SM"] = {1: text("+32471000001"), 2: text("+32471000002")}
    stick.deletion_seconds = 30
    assert stick.receiver.begin_sending_turn()
    stick.scan()
    assert not stick.receiver.begin_sending_turn()
    stick.line.machine.run(31)
    assert stick.receiver.begin_sending_turn()


def test_modem_that_says_that_it_restarted_has_its_settings_checked(stick: Stick) -> None:
    """It may have lost them; otherwise they are checked once a minute."""
    stick.scan(61)
    stick.scan()
    before = stick.done.count("verify")
    stick.say("^SYSSTART", "^SYSSTART")
    stick.scan()

    assert stick.done.count("verify") == before + 1


def test_text_handed_over_directly_is_recorded_and_acknowledged_once(stick: Stick) -> None:
    """Reported again by the driver, it is the same text."""
    pdu = text(HERS)
    event = stick.say("+CMT", f"+CMT: ,{len(pdu) // 2 - 8}", pdu)
    stick.receiver.act_on(event, stick)  # type: ignore[arg-type]

    assert stick.recorded() == [(HERS, 0)]
    assert stick.done == ["acknowledge"]


@pytest.mark.parametrize(("places", "hidden", "lost"), [((4, 5), 0, 0), ((4, 5, 6), 0, 1), ((4, 5, 6), 3, 0)])
def test_three_announced_texts_that_are_nowhere_are_lost(
    stick: Stick, places: tuple[int, ...], hidden: int, lost: int
) -> None:
    """Fewer may be noise; what the modem counts and does not show is unread."""
    if hidden:
        stick.hidden = {"SM": hidden}
    for place in places:
        stick.say("+CMTI", f'+CMTI: "SM",{place}')
        stick.scan()

    assert stick.events("text_lost") == lost
