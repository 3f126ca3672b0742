"""Takes in what comes: lists each storage, commits what it holds, deletes what was committed; direct deliveries; calls.

A notification is a hint, a scan is the truth. A deletion is only ever for an entry of the listing that was just made.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass

from hotlined.clock import Now
from hotlined.config import Calls, Config
from hotlined.daemon.connection import Connection
from hotlined.daemon.line import Line
from hotlined.errors import ModemError, ModemSilentError
from hotlined.gsm import address, profiles
from hotlined.gsm.at import Unsolicited
from hotlined.gsm.modem import REPORTS, Listing, Modem, StorageUse
from hotlined.gsm.profiles import Meaning
from hotlined.store import inbound
from hotlined.timing import Backoff, Every

log = logging.getLogger("hotlined")

HOPELESS_LISTINGS = 2  # that broke off one after the other: the storage is read slot by slot from then on


@dataclass(slots=True)
class Call:
    """A call that rings, or has ended (`ended`: when)."""

    began: float
    last_ring: float
    number: address.Address | None = None
    recorded: bool = False
    ended: float | None = None


@dataclass(slots=True)
class Refusal:
    """A deletion or a listing that the modem refused: how often in a row, and when it is tried again."""

    storage: str
    backoff: Backoff
    not_before: float = 0.0

    def count(self) -> None:
        """Take in that it was refused once more."""
        self.not_before = time.monotonic() + self.backoff.next()


class Receiver:
    """The receiving side of one line."""

    def __init__(self, line: Line, connection: Connection) -> None:
        self.line = line
        self.connection = connection
        self.timing = line.timing
        self.poll = Every(line.config.modem.poll_interval.total_seconds())
        self._settings = Every(self.poll.seconds)
        self.last_scan: Now | None = None
        self.call: Call | None = None
        self._has_heard = False
        self._taken: Unsolicited | None = None
        self._refused: dict[int, Refusal] = {}
        self._noted: set[int] = set()
        self._unlisted: dict[str, Refusal] = {}
        self._broke_off: Counter[str] = Counter()
        self._voltage: dict[Meaning, Every] = {}

    def begin(self) -> None:
        """Forget what belonged to a modem that went away: its call, its refusals; scan at once."""
        self.poll.at_once()
        self._settings.again()
        self.call = None
        self._has_heard = False
        self._refused.clear()
        self._unlisted.clear()
        self._broke_off.clear()

    def apply(self, config: Config) -> None:
        """Take in a configuration that was read again: its interval counts from the last poll on."""
        self.poll.seconds = self._settings.seconds = config.modem.poll_interval.total_seconds()

    def hear(self, event: Unsolicited, modem: Modem) -> None:
        """Act on an unsolicited code: most are hints that something is to be looked at."""
        meaning = profiles.meaning(event.text)
        if meaning in (Meaning.UNDERVOLTAGE, Meaning.OVERVOLTAGE):
            self._note_voltage(meaning, event.text)
        elif meaning is Meaning.RESET:
            self.poll.at_once()
            self._settings.at_once()
        elif event.code in ("+CMTI", "+CDSI"):
            self.poll.at_once()
            if f'"{REPORTS}"' in event.text:
                modem.storages.setdefault(REPORTS, StorageUse(REPORTS, 0, 0))
        elif event.code in ("+CMT", "+CDS") and event.payload:
            self._take_direct(event, modem)
        elif event.code in ("RING", "+CRING", "+CLIP"):
            self._ring(event)
        elif event.code == "NO CARRIER" and self.call:
            self.call.ended = time.monotonic()

    def scan(self, modem: Modem) -> None:
        """List each storage, commit what it holds, then delete what was committed, before the next storage.

        A storage that cannot be listed does not keep the others from it. Raises ModemError if one could not, after all;
        of one that never can it is raised only where no other could be.
        """
        self._verify(modem)
        trouble: ModemError | None = None
        left: set[tuple[int, str]] = set()
        for storage in tuple(modem.storages):
            if self.line.stopping:
                return
            if self._is_put_off(modem, storage):
                continue
            try:
                entries = self._scan_storage(modem, storage)
            except ModemError as error:
                if not modem.in_step:
                    raise
                trouble = self._note_unlisted(modem, storage, error) or trouble
                continue
            self._unlisted.pop(storage, None)
            if left and entries == left:
                log.warning("%s is another name of a storage that was listed before: left alone from now on", storage)
                del modem.storages[storage]
            left = self._still_there(entries)
        self.poll.again()
        if trouble:
            raise trouble
        self.connection.note_scan()
        self.last_scan = self.line.db.now()

    @property
    def undeletable(self) -> int:
        """How many entries the modem has refused to delete, and still holds."""
        return len(self._refused)

    def _verify(self, modem: Modem) -> None:
        """Check once a poll, not at each notification of a flood, that the modem still has its settings."""
        if self._settings.is_due():
            modem.verify()
            self._settings.again()

    def _note_unlisted(self, modem: Modem, storage: str, error: ModemError) -> ModemError | None:
        """Count a listing that was refused; None where it is tried again later, for another one lists."""
        unlisted = self._unlisted.setdefault(storage, Refusal(storage, Backoff(self.timing.list_pauses)))
        unlisted.count()
        at_once = self.timing.list_pauses.count(0.0)
        if unlisted.backoff.failures <= at_once or self._has_nothing_else(modem):
            return error
        if unlisted.backoff.failures == at_once + 1:
            log.warning("%s cannot be listed: tried again now and then", storage)
        return None

    def _is_put_off(self, modem: Modem, storage: str) -> bool:
        unlisted = self._unlisted.get(storage)
        return bool(unlisted and time.monotonic() < unlisted.not_before and not self._has_nothing_else(modem))

    def _has_nothing_else(self, modem: Modem) -> bool:
        """Tell whether no storage at all can be listed."""
        return modem.storages.keys() <= self._unlisted.keys()

    def _scan_storage(self, modem: Modem, storage: str) -> set[tuple[int, str]]:
        """Record and empty one storage; return what its listing showed."""
        listing = self._list(modem, storage)
        readings = [
            inbound.read(entry.pdu, entry.tpdu_length, entry.index)
            for entry in listing.entries
            if entry.status < 2  # drafts are not ours (27.005 3.1: 2 unsent, 3 sent)
        ]
        kept = inbound.record_listing(
            self.line.db, self._source(storage), readings, self.line.db.now(), complete=listing.complete
        )
        if listing.complete:
            self._forget_refusals(storage, {entry.segment_id for entry in kept})
        if not modem.in_step:  # it broke off: what was seen may go all the same, if it is still in its place
            modem.resynchronise()
            modem.verify()
            modem.require_selection(storage)
            seen = {entry.index: entry.pdu for entry in listing.entries}
            for entry in kept:
                now = modem.read(entry.index)
                if now and now.pdu == seen[entry.index]:
                    self._delete(modem, storage, [entry])
            raise ModemSilentError(f"The listing of {storage} broke off.", "It is made again.")
        self._delete(modem, storage, kept)
        return {(entry.index, entry.pdu) for entry in listing.entries}

    def _list(self, modem: Modem, storage: str) -> Listing:
        """List a storage, slot by slot where listing it at once is hopeless."""
        if self._broke_off[storage] >= HOPELESS_LISTINGS:
            return modem.list_slots(storage)
        listing = modem.list(storage)
        self._broke_off[storage] = 0 if modem.in_step else self._broke_off[storage] + 1
        if self._broke_off[storage] == HOPELESS_LISTINGS:
            log.warning("the modem hangs when it lists %s: it is read slot by slot from now on", storage)
        return listing

    def _forget_refusals(self, storage: str, still_there: set[int]) -> None:
        """Forget the refusals of entries that have left their storage all the same."""
        gone = [key for key, each in self._refused.items() if each.storage == storage and key not in still_there]
        for segment_id in gone:
            del self._refused[segment_id]

    def _note_voltage(self, meaning: Meaning, words: str) -> None:
        """Record trouble with the power supply: a modem says so again and again."""
        told = self._voltage.setdefault(meaning, Every(self.timing.voltage))
        if told.is_due():
            told.again()
            log.warning("the modem complains about its power supply: %s", words)
            with self.line.db.transaction():
                self.line.db.event(self.line.db.now(), meaning.value, words)

    def _still_there(self, entries: set[tuple[int, str]]) -> set[tuple[int, str]]:
        """Return the entries of a listing if deletions were refused: another storage that shows them is the same."""
        return entries if self._refused else set()

    def tend_call(self, modem: Modem) -> None:
        """Record a call once its number has come, hang up when it is time, forget it when it is over."""
        call = self.call
        if call is None:
            return
        now = time.monotonic()
        if call.number or call.ended or now - call.began >= self.timing.clip:
            self._record(call)
        rings_for = {Calls.HANG_UP: 0.0, Calls.RING: self.line.config.modem.ring_for.total_seconds()}.get(
            self.line.config.modem.calls
        )
        if call.recorded and not call.ended and rings_for is not None and now - call.began >= rings_for:
            modem.hang_up()
            call.ended = time.monotonic()
        if call.recorded and now - call.last_ring > self.timing.ring_gap:
            self.call = None

    def _record(self, call: Call) -> None:
        """Commit a call as a contact, once: the first that is heard may still ring from before a crash."""
        if call.recorded:
            return
        now, identity = self.line.db.now(), self.line.identify(call.number)
        if self._has_heard or not inbound.has_call(self.line.db, identity, now.limit - self.timing.call_longest):
            contact_id = inbound.record_call(self.line.db, self.line.config.line, identity, now)
            log.info("contact %d: a call from %s", contact_id, address.mask(identity.originator))
        call.recorded = self._has_heard = True

    def _take_direct(self, event: Unsolicited, modem: Modem) -> None:
        """Commit what was handed over, then acknowledge it; what comes again for want of an answer to that is known."""
        assert event.payload is not None
        if event is self._taken:
            return
        length = event.text.rpartition(",")[2].rpartition(":")[2].strip()
        reading = inbound.read(event.payload, int(length) if length.isdecimal() and len(length) < 4 else None, None)
        inbound.record(self.line.db, self._source(None), [reading], self.line.db.now())
        self._taken = event
        modem.acknowledge()

    def _source(self, storage: str | None) -> inbound.Source:
        return inbound.Source(self.line.config.line, self.connection.identification.imsi, storage, self.line.identify)

    def _delete(self, modem: Modem, storage: str, kept: list[inbound.Kept]) -> None:
        """Delete what is on the disk; what the modem refuses to delete is tried again with growing pauses."""
        deleted = []
        try:
            for entry in kept:
                refusal = self._refused.get(entry.segment_id)
                if self.line.stopping or not modem.in_step or (refusal and time.monotonic() < refusal.not_before):
                    continue
                if modem.delete(storage, entry.index):
                    deleted.append(entry.segment_id)
                    self._refused.pop(entry.segment_id, None)
                    continue
                fresh = Refusal(storage, Backoff(self.timing.delete_pauses))
                self._refused.setdefault(entry.segment_id, fresh).count()
                if entry.segment_id not in self._noted:
                    self._noted.add(entry.segment_id)
                    log.warning("%s does not delete entry %d; it is recorded all the same", storage, entry.index)
                    with self.line.db.transaction():
                        self.line.db.event(self.line.db.now(), "delete_refused", f"{storage} {entry.index}")
        finally:
            if deleted:
                inbound.confirm_deleted(self.line.db, deleted, self.line.db.now())
                use = modem.storages[storage]
                modem.storages[storage] = type(use)(storage, max(0, use.used - len(deleted)), use.total)

    def _ring(self, event: Unsolicited) -> None:
        """Take in a RING or its +CLIP: of the call that rings, or of the next one."""
        now = time.monotonic()
        number = _calling_number(event.text) if event.code == "+CLIP" else None
        call = self.call
        if call and (
            now - call.last_ring > self.timing.ring_gap
            or (call.ended is not None and now - call.ended > self.timing.last_ring)
            or (number and call.number and number != call.number)
        ):
            self._record(call)
            call = None
        if call is None:
            call = self.call = Call(began=now, last_ring=now)
        call.last_ring = now
        call.number = call.number or number


def _calling_number(text: str) -> address.Address | None:
    """Read +CLIP: "<number>",<type> (27.007 7.11); None where the number is withheld."""
    number, _, rest = text.partition(":")[2].partition(",")
    digits = number.strip().strip('"').removeprefix("+")
    kind = rest.partition(",")[0].strip()
    if not digits:
        return None
    ton = address.Ton((int(kind) >> 4) & 7) if kind.isdecimal() else address.Ton.UNKNOWN
    return address.Address(digits, ton, 1)
