"""A year of traffic: what a line makes of it is compared with what the line made of it before its rules were rewritten.

The record in tests/data/year.jsonl.gz was made by the code of before. Whatever another one does differently has to have
a reason in `REASONS`; what has none is a mistake, here or there.
"""

import gzip
import heapq
import tempfile
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import causes
import extent
import oracle
import pytest
import year
import year_now
from year import DAY, HOUR, Call, Handed, Network, Record, Replay, Settings, Submission, Text, Year

from hotlined import breaker, policy, recognition
from hotlined.store.answers import windows
from hotlined.store.file import integrity

SHM = Path("/dev/shm")  # processes die here, disks do not: nothing has to wait for one
RECORD = Path(__file__).parents[1] / "data" / "year.jsonl.gz"
TURN = 600  # seconds that an answer may come earlier or later where others leave before it
ROOM = 4  # segments: two answers, of which one left before and another one now
DAYS = 370 if extent.WHOLE else 50
"""How much of the year is compared; what comes in the last `OPEN` days is not over by then."""
OPEN = 10
SOME = 15  # days that are looked at alone in each run: which ones, the seed says
FLOODED = {120, 255}  # the days from then on: the flood of either alone takes longer than all others together
FLOOD, LONG_FLOOD = (120.58, 120.68), (260.4, 260.45)
"""A part of each of these floods, in days."""
SHADOWED = 135  # the days from then on: who is shadowed first in them is not answered later, and no fact says why


# ---- comparing


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one contact, before and now: its verdict, the fate of its segments, or when they left."""

    what: str
    contact: int
    before: object
    now: object

    @property
    def is_less(self) -> bool:
        """Whether what is done now was done before, too, and more."""
        return self.what == "fate" and self.both[0][: len(self.both[1])] == self.both[1]

    @property
    def both(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Return the segments, before and now."""
        assert isinstance(self.before, tuple)
        assert isinstance(self.now, tuple)
        return self.before, self.now


@dataclass(frozen=True)
class Compared:
    """Two records of a year, and what reasons need to know of them; differences are looked at in order of arrival."""

    played: Year
    before: Record
    now: Record
    touched: set[str] = field(default_factory=set)
    """Numbers to which something else happened already: their history is another one."""

    @cached_property
    def contacts(self) -> dict[int, Text | Call]:
        """Return every contact."""
        return self.played.contacts

    @cached_property
    def left(self) -> tuple[dict[int, list[Submission]], ...]:
        """Return the submissions for each contact, before and now."""
        return tuple(dict(year.by_contact(record.submissions)) for record in (self.before, self.now))

    @cached_property
    def by_hand(self) -> dict[str, int]:
        """Return since when a number has had a text by hand."""
        sends = [each for each in self.played.operations if isinstance(each, year.Send)]
        return {each.number: each.at for each in reversed(sends)}

    @cached_property
    def stops(self) -> dict[str, int]:
        """Return since when a number has written a text that is nothing but a word that opts out."""
        words = Settings().opt_out_words
        texts = [each for each in self.played.operations if isinstance(each, Text)]
        return {each.number: each.at for each in reversed(texts) if oracle.opts_out(each.text, words)}

    @cached_property
    def answered(self) -> dict[str, int]:
        """Return since when a number has had an answer, before or now."""
        both = [*self.before.submissions, *self.now.submissions]
        left = sorted((each.at, each.contact) for each in both if each.outcome != "refused")
        return {self.contacts[contact].number: at for at, contact in reversed(left) if contact < year.BY_HAND}

    @cached_property
    def tight(self) -> dict[bool, list[tuple[int, int]]]:
        """Return when a window had no more than `ROOM`, for anyone (False) and for known numbers (True).

        A power cut may cost a line up to an hour of its clock: so much longer a window may be for it. Of an answer
        whose fate nobody knows the segments that were never submitted were counted before, too.
        """
        found: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
        for record in (self.before, self.now):
            for known, begin, end in self._tight(record):
                times = found[known]
                if times and times[-1][0] <= begin <= times[-1][1]:
                    times[-1] = times[-1][0], max(times[-1][1], end)
                else:
                    times.append((begin, end))
        return found

    def _tight(self, record: Record) -> Iterator[tuple[bool, int, int]]:
        changes = [each for each in self.played.operations if isinstance(each, year.Reload)]
        moments = [each.at for each in changes]
        cuts = [each.at for each in self.played.operations if isinstance(each, year.Restart) and each.seconds_off]
        recent = {(known, name): deque[int]() for name in oracle.WINDOWS for known in (False, True)}
        for each in record.submissions:
            if each.outcome == "refused":
                continue
            settings = changes[bisect_right(moments, each.at) - 1].settings
            by_hand = each.contact >= year.BY_HAND
            is_known = not by_hand and self.answered[self.contacts[each.contact].number] < each.at
            for (known, name), window in recent.items():
                seconds = oracle.WINDOWS[name]
                lost = HOUR * (bisect_right(cuts, each.at) - bisect_right(cuts, each.at - seconds))
                if is_known or not known:
                    unknown = each.total - each.sequence if each.outcome != "taken" else 0
                    window.extend([each.at] * (1 + unknown))
                while window and window[0] <= each.at - seconds - lost:
                    window.popleft()
                limit = getattr(settings, name)
                most = max(1, limit - known * (limit * settings.reserve_percent // 100) - ROOM)
                if len(window) >= most:
                    yield known, each.at, window[len(window) - most] + seconds + lost

    def differences(self) -> Iterator[Difference]:
        """Yield what differs, in the order in which the contacts came."""
        for contact in self.contacts:
            verdicts = self.before.verdicts.get(contact), self.now.verdicts.get(contact)
            if verdicts[0] != verdicts[1]:
                yield Difference("verdict", contact, *verdicts)
            segments = [each.get(contact, []) for each in self.left]
            fates = [tuple((s.attempt, s.sequence, s.outcome, s.cause) for s in each) for each in segments]
            moments = [tuple(s.at for s in each) for each in segments]
            if fates[0] != fates[1]:
                yield Difference("fate", contact, *fates)
            elif moments[0] != moments[1]:
                yield Difference("moment", contact, *moments)

    def explained(self) -> Iterator[tuple[str | None, Difference]]:
        """Yield each difference with the name of the first reason that explains it, or None."""
        for each in self.differences():
            yield next((name for name, reason in REASONS.items() if reason(self, each)), None), each
            self.touched.add(self.contacts[each.contact].number)


# ---- why something may differ


Reason = Callable[[Compared, Difference], bool]


def opting_out(compared: Compared, each: Difference) -> bool:
    """Whoever says stop is heard at first, while an answer is queued, and with polite words beside it."""
    contact = compared.contacts[each.contact]
    said = compared.stops.get(contact.number)
    if said is None:
        return False
    if each.what == "verdict":
        return contact.at >= said and each.now == ("suppress", "opted_out")
    return each.is_less and contact.at + DAY >= said  # what waited is cancelled, and is not there to be asked for again


def country_at_the_gate(compared: Compared, each: Difference) -> bool:
    """Answers that wait are cancelled where their country is not answered any more."""
    contact = compared.contacts[each.contact]
    return (
        each.what == "fate"
        and not each.now
        and any(
            isinstance(change, year.Reload)
            and contact.at <= change.at <= contact.at + DAY
            and not contact.number.startswith(
                tuple(f"+{oracle.CALLING_CODES[code]}" for code in change.settings.answer_countries)
            )
            for change in compared.played.operations
        )
    )


def outage(compared: Compared, each: Difference) -> bool:
    """While nothing leaves answers wait for the breaker; after it those that waited go out, or are too old.

    It lasts from the first refusal to the last trial, an hour after it is over; in between an answer was due that was
    not yet out, before or now.
    """
    contact = compared.contacts[each.contact]
    left = [left.get(each.contact, []) for left in compared.left]
    end = max(segments[-1].at if segments else contact.at + DAY for segments in left)
    return each.what != "verdict" and any(
        contact.at + contact.delay <= o.end + HOUR and o.begin <= end for o in compared.played.outages
    )


def the_lines_fault(_compared: Compared, each: Difference) -> bool:
    """Refusals that are the line's, or may be, are tried again later; the recipient's are not."""
    if each.what != "fate":
        return False
    alike = [before for before, now in zip(*each.both, strict=False) if before == now]
    if not alike or alike != list(each.both[0][: len(alike)]):
        return False
    *_, outcome, cause = alike[-1]
    return outcome == "refused" and cause not in (1, 27, 195)


def late_result(compared: Compared, each: Difference) -> bool:
    """Results that come late let the rest of an answer go."""
    before, now = (left.get(each.contact, []) for left in compared.left)
    return (
        each.what == "fate"
        and len(now) > len(before) > 0
        and before == now[: len(before)]
        and before[-1].outcome == "unknown"
        and before[-1].cause is None
    )


def by_hand(compared: Compared, each: Difference) -> bool:
    """Texts by hand make nobody a number that was answered, and push no cooldown."""
    contact = compared.contacts[each.contact]
    since = compared.by_hand.get(contact.number)
    before, now = (record.verdicts.get(each.contact) for record in (compared.before, compared.now))
    return (
        since is not None
        and contact.at >= since
        and before != now
        and before is not None
        and before[1] in ("cooldown", "per_number", "pending", "cooldown_over")
    )


def stale_on_time(compared: Compared, each: Difference) -> bool:
    """Answers that waited too long are cancelled on time, and no later contact is `pending` behind one."""
    contact = compared.contacts[each.contact]
    return (
        each.what == "verdict"
        and each.before == ("suppress", "pending")
        and each.now == ("answer", "first_contact")
        and any(
            other.number == contact.number and contact.at - other.at > DAY and other.contact not in compared.left[1]
            for other in compared.contacts.values()
        )
    )


def loop_of_the_month(compared: Compared, each: Difference) -> bool:
    """Our own answer is known for thirty days after it was stored, also where the configuration has another one."""
    contact = compared.contacts[each.contact]
    return (
        each.what == "verdict"
        and each.now == ("suppress", "loop")
        and isinstance(contact, Text)
        and any(text in contact.text for text in (year.FIRST_TEXT, year.SECOND_TEXT, year.LATER_TEXT))
    )


def shadowed(compared: Compared, each: Difference) -> bool:
    """Answers that are half sent wait while the line is in shadow mode; whatever waits then leaves or is shadowed."""
    contact = compared.contacts[each.contact]
    modes = [change for change in compared.played.operations if isinstance(change, year.Reload)]
    return each.what != "verdict" and any(
        mode.settings.shadow and mode.at - DAY <= contact.at <= following.at for mode, following in pairwise(modes)
    )


def history(compared: Compared, each: Difference) -> bool:
    """Something else happened to this number before, for a reason of its own, or at another time."""
    if each.what == "verdict":
        reasons = {verdict[1] for verdict in (each.before, each.now) if isinstance(verdict, tuple)}
        if not reasons <= {"first_contact", "cooldown_over", "pending", "cooldown", "per_number", "loop"}:
            return False
    return compared.contacts[each.contact].number in compared.touched


def own_share(compared: Compared, each: Difference) -> bool:
    """Nobody new waits behind what a person asked for again: that stands in the share in which it is counted."""
    contact = compared.contacts[each.contact]
    if each.what != "moment" or each.now >= each.before:  # type: ignore[operator]
        return False
    due = contact.at + contact.delay
    return (
        compared.answered.get(contact.number, due) >= due
        and any(begin <= due <= end for begin, end in compared.tight[True])
        and any(isinstance(o, year.Requeue) and contact.at < o.at < due for o in compared.played.operations)
    )


def full_windows(compared: Compared, each: Difference) -> bool:
    """Windows were nearly full, before or now: what left sooner or later for a reason gave room or took it."""
    contact = compared.contacts[each.contact]
    known = compared.answered.get(contact.number, contact.at) < contact.at
    tight = compared.tight[False] + compared.tight[True] * known
    return each.what != "verdict" and any(begin <= contact.at + DAY and contact.at <= end for begin, end in tight)


def turn(_compared: Compared, each: Difference) -> bool:
    """Others left before it that did not, or the other way round: it comes some minutes sooner or later."""
    if each.what != "moment":
        return False
    return all(abs(before - now) <= TURN for before, now in zip(*each.both, strict=True))  # type: ignore[operator]


REASONS: dict[str, Reason] = {
    reason.__name__: reason
    for reason in (
        opting_out, country_at_the_gate, outage, the_lines_fault, late_result, by_hand, stale_on_time,
        loop_of_the_month, shadowed, turn, history, full_windows, own_share,
    )
}  # fmt: skip
"""In the order in which they are asked: the more a reason explains, the later."""


def compare(played: Year, before: Record, now: Record) -> tuple[Counter[str], list[Difference]]:
    """Return how many differences each reason explains, and those that none does."""
    explained = Counter[str]()
    unexplained = []
    for name, each in Compared(played, before, now).explained():
        if name is None:
            unexplained.append(each)
        else:
            explained[name] += 1
    return explained, unexplained


# ---- the year and its record


@pytest.fixture(scope="module")
def played() -> Year:
    """Give the year."""
    return year.write()


@pytest.fixture(scope="module")
def before() -> Record:
    """Give what the code of before made of it."""
    return Record.read(RECORD)


def test_the_year_is_always_the_same(played: Year, before: Record) -> None:
    """A seed means one year, on every machine and Python, and it is the one that the record was made of."""
    assert year.write().digest == played.digest == before.digest
    assert year.write(2).digest != played.digest


def test_the_year_has_everything(played: Year) -> None:
    """All kinds of operations are in it, thousands of contacts, and every fault of the network."""
    counted = Counter(type(each) for each in played.operations)
    assert {each.__name__ for each in counted} == {each.__name__ for each in year.Operation.__subclasses__()}
    assert 8_000 <= len(played.contacts) <= 15_000
    assert {cause for each in played.outages for cause in each.causes} == {10, 38, 42, 196, 500, None}


def test_the_record_is_of_the_year(played: Year, before: Record) -> None:
    """Each contact but those erased before it was judged has its verdict, and every outcome was met."""
    assert set(before.verdicts) == set(played.contacts)
    assert {each.outcome for each in before.submissions} == {"taken", "refused", "unknown", "crash", "power_cut"}
    assert {reason for _, reason in before.verdicts.values()} >= {
        "first_contact", "cooldown_over", "pending", "cooldown", "per_number", "blocked", "opted_out", "country",
        "not_answerable", "loop",
    }  # fmt: skip


def test_a_record_is_read_as_it_was_written(before: Record, tmp_path: Path) -> None:
    """It is the same text again, whatever packed it."""
    before.write(tmp_path / "again")
    assert gzip.decompress((tmp_path / "again").read_bytes()) == gzip.decompress(RECORD.read_bytes())


def test_what_the_oracle_says_of_before(played: Year, before: Record) -> None:
    """Windows, reserve, cap, cooldown, block, pause, once and in order held; what did not is what was changed since."""
    found = Counter(words.partition(":")[0] for words in oracle.violations(year.facts_of(played, before)))
    assert set(found) == {"opt_out", "breaker", "country"}


def test_what_was_left_undone_before(played: Year, before: Record) -> None:
    """A text by hand, and an answer that was too old, kept some from their answer; each other one has its cause."""
    undone = list(causes.Causes(played, before).missing())
    assert len(undone) == 34
    assert all(words.endswith((" for cooldown", " for per_number", " for pending")) for words in undone)


# ---- the line as it is now


@dataclass(frozen=True)
class Played:
    """What the line as it is now made of a year, or of a part of it."""

    year: Year
    record: Record
    facts: list[oracle.Fact]
    broken: list[str]
    """What is not so in its database at the end."""

    def rules_broken(self) -> set[str]:
        """Return the rules that the oracle finds broken."""
        return {words.partition(":")[0] for words in oracle.violations(self.facts)}


def play(played: Year) -> Played:
    """Let the line as it is now play a year."""
    with (
        tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder,
        year_now.line(Path(folder)) as line,
    ):
        player = year.Player(played, line)
        record = player.play()
        broken = [*integrity.contradictions(line.db.connection, lambda *_: None)]
        set_aside = line.db.all("SELECT id FROM answers WHERE reason = ?", policy.Reason.SET_ASIDE)
        broken += [f"answer {row['id']} was set aside" for row in set_aside]
    return Played(played, record, player.facts, broken)


MOST = {
    "opting_out": 745,
    "country_at_the_gate": 2,
    "outage": 475,
    "the_lines_fault": 3,
    "late_result": 4,
    "by_hand": 61,
    "stale_on_time": 2,
    "loop_of_the_month": 1,
    "shadowed": 20,
    "turn": 550,
    "history": 170,
    "full_windows": 564,
    "own_share": 1,
}
"""So many differences each reason may explain: what came of it, and a few more where one shifts the other."""


@pytest.mark.timeout(1200)
def test_the_line_as_it_is_now(played: Year, before: Record) -> None:
    """Nothing is done wrong and nothing left undone, and what is different was changed on purpose.

    A reason that explains more than it did when it was given explains something that nobody has looked at.
    """
    begun = part(played, 0, DAYS)
    now = play(begun)
    is_right(now)
    explained, unexplained = compare(begun, beginning(before, begun), beginning(now.record, begun))
    contacts = begun.contacts
    over = [each for each in unexplained if extent.WHOLE or contacts[each.contact].at < (DAYS - OPEN) * DAY]
    assert not over
    assert not {name: count for name, count in explained.items() if count > MOST[name]}


def test_some_days_of_the_year(played: Year) -> None:
    """Whatever days the line begins with, nothing is done wrong and nothing left undone."""
    left_out = {SHADOWED} if extent.WHOLE else {SHADOWED, *FLOODED}
    begins = [day for day in range(0, 360, SOME) if day not in left_out]
    begin = begins[extent.SEED % len(begins)]
    is_right(play(part(played, begin, begin + SOME)))


@pytest.mark.parametrize("days", [FLOOD, LONG_FLOOD])
def test_a_part_of_a_flood(played: Year, days: tuple[float, float]) -> None:
    """While more is sent in than may be answered, nothing is done wrong and nothing left undone."""
    is_right(play(part(played, *days)))


def is_right(now: Played) -> None:
    """Fail if a rule is broken, somebody has no answer without a cause, or the database is not sound."""
    assert not list(oracle.violations(now.facts))
    assert not list(causes.Causes(now.year, now.record).missing())
    assert not now.broken


def beginning(record: Record, begun: Year) -> Record:
    """Return what a record says of the contacts of a year that has only begun."""
    contacts = begun.contacts
    return replace(
        record,
        verdicts={contact: each for contact, each in record.verdicts.items() if contact in contacts},
        submissions=[
            each
            for each in record.submissions
            if each.at < DAYS * DAY and (each.contact in contacts or each.contact >= year.BY_HAND)
        ],
    )


# ---- that all of this can fail


class Careless(Replay):
    """A peer that answers whatever has a number, always, in two segments, and what may have left once more."""

    def __init__(self, played: Year) -> None:
        super().__init__(Record(""), played)
        self._queue: list[tuple[int, int, str, int]] = []

    def receive(self, at: int, contact: int, number: str, _text: str, delay: int) -> None:
        """Queue an answer."""
        if number.startswith("+"):
            heapq.heappush(self._queue, (at + delay, contact, number, 1))

    def receive_call(self, at: int, contact: int, number: str, delay: int) -> None:
        """Queue an answer."""
        self.receive(at, contact, number, "", delay)

    def next_due(self, _at: int) -> int | None:
        """Return when the first is due."""
        return self._queue[0][0] if self._queue else None

    def submit_due(self, at: int, network: Network) -> Handed | None:
        """Let the first out, whatever anybody has decided."""
        if not self._queue or self._queue[0][0] > at:
            return None
        _, contact, number, sequence = heapq.heappop(self._queue)
        handed = Handed(contact, number, sequence, 2)
        outcome = network(handed)
        if outcome.kind == "unknown" or outcome.cause == 38:
            heapq.heappush(self._queue, (at, contact, number, sequence))
        elif sequence == 1:
            heapq.heappush(self._queue, (at, contact, number, 2))
        return handed

    def forget(self, _at: int, _number: str, *, keep_opt_out: bool) -> bool:
        """Say that it was done."""
        return keep_opt_out in (True, False)


def test_a_careless_line_is_found_out(played: Year) -> None:
    """Who answers everything breaks every rule, but that it is neither early nor late and makes nothing up.

    Nobody cancels anything there, nor says what it wrote, promised, or let out in shadow mode.
    """
    days = ((0, 150), (180.4, 180.75), (260, 261))  # a usual time, an outage, a flood
    few = tuple(each for each in played.operations if any(one * DAY <= each.at < end * DAY for one, end in days))
    player = year.Player(replace(played, operations=few, outages=played.outages[:3]), Careless(played))
    player.play()
    found = {words.partition(":")[0] for words in oracle.violations(player.facts)}
    never = {"asked_for", "stale", "delay", "interval", "cancelled", "wording", "liveness", "shadowed"}
    assert found >= {rule.__name__ for rule in oracle.RULES} - never


def part(played: Year, begin: float, end: float) -> Year:
    """Return what happens between two days, by the configuration of then."""
    kept = tuple(
        each
        for each in played.operations
        if begin * DAY <= each.at < end * DAY or (isinstance(each, year.Reload) and each.at < end * DAY)
    )
    known = {each.contact for each in kept if isinstance(each, Text | Call)}
    return replace(
        played,
        operations=tuple(
            each for each in kept if not isinstance(each, year.Again | year.Requeue) or each.contact in known
        ),
    )


FAULTS: dict[str, tuple[object, str, object, tuple[float, float]]] = {
    "cooldown": (policy, "cooldown_left", lambda *_: 0.0, (0, 8)),
    "windows": (windows, "spent", lambda *_, **__: dict.fromkeys(oracle.WINDOWS, policy.Spent()), FLOOD),
    "breaker": (breaker, "maybe_opening", lambda _: None, (180.4, 180.75)),
    "at_most_once": (policy.Refused, "proves_not_sent", True, (180, 180.5)),
    "opt_out": (recognition, "opts_out", lambda *_: False, (0, 8)),
    "block": (policy, "_blocked", lambda *_: False, (20.3, 23.2)),
}
"""Where a line goes wrong, how, in which days, and the rule that it breaks."""


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_found(played: Year, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is wrong in one place breaks the rule for it."""
    where, name, instead, days = FAULTS[rule]
    monkeypatch.setattr(where, name, instead)
    assert rule in play(part(played, *days)).rules_broken()


def test_a_line_that_answers_too_little_is_found(played: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks no rule, but nobody knows why it says nothing."""
    some = part(played, 0, 8)
    monkeypatch.setattr(policy, "cooldown_left", lambda history, *_: float(history.answers))
    silent = play(some)
    assert not silent.rules_broken()
    assert list(causes.Causes(some, silent.record).missing())


def test_the_same_has_no_differences(played: Year, before: Record) -> None:
    """A record compared with itself needs no reason."""
    assert compare(played, before, before) == (Counter(), [])


def changed(before: Record, contact: int, verdict: tuple[str, str] | None, *, silent: bool = False) -> Record:
    """Return a record in which a contact fared otherwise: another verdict, or nothing left."""
    return replace(
        before,
        verdicts=before.verdicts | ({contact: verdict} if verdict else {}),
        submissions=[each for each in before.submissions if not (silent and each.contact == contact)],
    )


def quiet(played: Year, before: Record) -> int:
    """Return a contact of a quiet day that was answered, of somebody of whom nothing else is known."""
    often = Counter(each.number for each in played.contacts.values())
    return next(
        contact
        for contact, each in played.contacts.items()
        if 20 * DAY < each.at < 55 * DAY and often[each.number] == 1 and before.verdicts[contact][0] == "answer"
    )


def test_what_has_no_reason_is_a_mistake(played: Year, before: Record) -> None:
    """On a quiet day another verdict, an answer that does not leave, and one that is an hour late are unexplained."""
    contact = quiet(played, before)
    _, unexplained = compare(played, before, changed(before, contact, ("suppress", "cooldown")))
    assert [each.what for each in unexplained] == ["verdict"]
    _, unexplained = compare(played, before, changed(before, contact, None, silent=True))
    assert [each.what for each in unexplained] == ["fate"]
    late = [replace(each, at=each.at + HOUR * (each.contact == contact)) for each in before.submissions]
    _, unexplained = compare(played, before, replace(before, submissions=late))
    assert [each.what for each in unexplained] == ["moment"]


def test_reasons_are_found(played: Year, before: Record) -> None:
    """Who opts out at first is not answered any more; what failed in an outage may have left after it."""
    words = Settings().opt_out_words
    first = next(
        contact
        for contact, each in played.contacts.items()
        if isinstance(each, Text) and oracle.opts_out(each.text, words) and before.verdicts[contact][0] == "answer"
    )
    explained, unexplained = compare(played, before, changed(before, first, ("suppress", "opted_out"), silent=True))
    assert not unexplained
    assert explained == {"opting_out": 2}
    begin = played.outages[1].begin
    lost = next(each.contact for each in before.submissions if each.at > begin and each.outcome == "refused")
    explained, unexplained = compare(played, before, changed(before, lost, None, silent=True))
    assert not unexplained
    assert explained == {"outage": 1}
