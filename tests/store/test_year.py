"""A year of traffic, played on the line and compared with a record made before its rules were rewritten.

The record is tests/data/year.jsonl.gz. Each difference needs a reason in `REASONS`; one without is a fault, here or in
the old code.
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

SHM = Path("/dev/shm")  # only processes die here, not the disk: no write has to wait for it
RECORD = Path(__file__).parents[1] / "data" / "year.jsonl.gz"
TURN = 600  # seconds that an answer may come earlier or later where others leave before it
ROOM = 4  # segments: two answers, one that left before and one that leaves now
DAYS = 370 if extent.WHOLE else 50
"""Days that are compared; contacts of the last `OPEN` of them are still open at their end."""
OPEN = 10
SOME = 15  # days that each run plays by themselves; the seed chooses them
FLOODED = {120, 255}  # periods that begin on these days: the flood in each takes longer than all other days together
FLOOD, LONG_FLOOD = (120.58, 120.68), (260.4, 260.45)
"""A part of each of these floods, in days."""
SHADOWED = (
    135  # the period that begins here: its first contacts are shadowed, never answered, and no fact gives the cause
)


# ---- comparing


@dataclass(frozen=True, slots=True)
class Difference:
    """One contact whose verdict, fate of segments, or times of sending differ between before and now."""

    what: str
    contact: int
    before: object
    now: object

    @property
    def is_less(self) -> bool:
        """Whether all that is done now was done before, and more."""
        return self.what == "fate" and self.both[0][: len(self.both[1])] == self.both[1]

    @property
    def both(self) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Return the segments, before and now."""
        assert isinstance(self.before, tuple)
        assert isinstance(self.now, tuple)
        return self.before, self.now


@dataclass(frozen=True)
class Compared:
    """Two records of a year, with the facts that reasons need; differences are taken in order of arrival."""

    played: Year
    before: Record
    now: Record
    touched: set[str] = field(default_factory=set)
    """Numbers with an earlier difference: their history is another one."""

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
        """Return for each number the time of its first text by hand."""
        sends = [each for each in self.played.operations if isinstance(each, year.Send)]
        return {each.number: each.at for each in reversed(sends)}

    @cached_property
    def stops(self) -> dict[str, int]:
        """Return for each number the time of its first text that is only an opt-out word."""
        words = Settings().opt_out_words
        texts = [each for each in self.played.operations if isinstance(each, Text)]
        return {each.number: each.at for each in reversed(texts) if oracle.opts_out(each.text, words)}

    @cached_property
    def answered(self) -> dict[str, int]:
        """Return for each number the time of its first answer, before or now."""
        both = [*self.before.submissions, *self.now.submissions]
        left = sorted((each.at, each.contact) for each in both if each.outcome != "refused")
        return {self.contacts[contact].number: at for at, contact in reversed(left) if contact < year.BY_HAND}

    @cached_property
    def tight(self) -> dict[bool, list[tuple[int, int]]]:
        """Return the periods with at most `ROOM` left in a window: for any number (False), for known ones (True).

        After a power cut a line may lose up to an hour of its clock, which makes a window that much longer. Before, the
        segments of an unconfirmed answer that were never submitted counted, too.
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
        """Yield the differences, by the arrival of their contacts."""
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


# ---- reasons for differences


Reason = Callable[[Compared, Difference], bool]


def opting_out(compared: Compared, each: Difference) -> bool:
    """Opt-outs hold as the first text, while an answer is queued, and with polite words beside them."""
    contact = compared.contacts[each.contact]
    said = compared.stops.get(contact.number)
    if said is None:
        return False
    if each.what == "verdict":
        return contact.at >= said and each.now == ("suppress", "opted_out")
    return each.is_less and contact.at + DAY >= said  # a waiting answer is cancelled and cannot be requeued


def country_at_the_gate(compared: Compared, each: Difference) -> bool:
    """Answers that wait are cancelled when their country is no longer answered."""
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
    """In an outage answers wait for the breaker; after it they go out, or are too old.

    It lasts from the first refusal to the last trial, an hour after its end; an answer was due in between that was not
    out yet, before or now.
    """
    contact = compared.contacts[each.contact]
    left = [left.get(each.contact, []) for left in compared.left]
    end = max(segments[-1].at if segments else contact.at + DAY for segments in left)
    return each.what != "verdict" and any(
        contact.at + contact.delay <= o.end + HOUR and o.begin <= end for o in compared.played.outages
    )


def the_lines_fault(_compared: Compared, each: Difference) -> bool:
    """Refusals that may be the line's are tried again later; the recipient's are not."""
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
    """Texts by hand make no number a known one, and move no cooldown."""
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
    """Stale answers are cancelled on time, and no later contact is `pending` behind one."""
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
    """Answers are known to the loop guard for thirty days, also after a change of the configuration."""
    contact = compared.contacts[each.contact]
    return (
        each.what == "verdict"
        and each.now == ("suppress", "loop")
        and isinstance(contact, Text)
        and any(text in contact.text for text in (year.FIRST_TEXT, year.SECOND_TEXT, year.LATER_TEXT))
    )


def shadowed(compared: Compared, each: Difference) -> bool:
    """Half-sent answers wait during shadow mode; all other waiting ones leave or are shadowed."""
    contact = compared.contacts[each.contact]
    modes = [change for change in compared.played.operations if isinstance(change, year.Reload)]
    return each.what != "verdict" and any(
        mode.settings.shadow and mode.at - DAY <= contact.at <= following.at for mode, following in pairwise(modes)
    )


def history(compared: Compared, each: Difference) -> bool:
    """Earlier differences of this number changed its history."""
    if each.what == "verdict":
        reasons = {verdict[1] for verdict in (each.before, each.now) if isinstance(verdict, tuple)}
        if not reasons <= {"first_contact", "cooldown_over", "pending", "cooldown", "per_number", "loop"}:
            return False
    return compared.contacts[each.contact].number in compared.touched


def own_share(compared: Compared, each: Difference) -> bool:
    """Answers that a person requeued wait in the share that counts them, and hold up no new number."""
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
    """Windows were nearly full, before or now: another difference left more or less room."""
    contact = compared.contacts[each.contact]
    known = compared.answered.get(contact.number, contact.at) < contact.at
    tight = compared.tight[False] + compared.tight[True] * known
    return each.what != "verdict" and any(begin <= contact.at + DAY and contact.at <= end for begin, end in tight)


def turn(_compared: Compared, each: Difference) -> bool:
    """Other answers left before it, or did not: it leaves some minutes sooner or later."""
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
"""Reasons, tried in this order: the more a reason explains, the later."""


def compare(played: Year, before: Record, now: Record) -> tuple[Counter[str], list[Difference]]:
    """Return the number of differences that each reason explains, and those without a reason."""
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
    """Give the record that the old code made of it."""
    return Record.read(RECORD)


def test_seed_always_gives_the_same_year(played: Year, before: Record) -> None:
    """It is the record's year, on every machine and Python."""
    assert year.write().digest == played.digest == before.digest
    assert year.write(2).digest != played.digest


def test_year_has_every_kind_of_operation_and_fault(played: Year) -> None:
    """It has thousands of contacts."""
    counted = Counter(type(each) for each in played.operations)
    assert {each.__name__ for each in counted} == {each.__name__ for each in year.Operation.__subclasses__()}
    assert 8_000 <= len(played.contacts) <= 15_000
    assert {cause for each in played.outages for cause in each.causes} == {10, 38, 42, 196, 500, None}


def test_record_has_a_verdict_for_each_contact(played: Year, before: Record) -> None:
    """Contacts erased before their verdict are not part of the year.

    The record has every outcome and the usual reasons.
    """
    assert set(before.verdicts) == set(played.contacts)
    assert {each.outcome for each in before.submissions} == {"taken", "refused", "unknown", "crash", "power_cut"}
    assert {reason for _, reason in before.verdicts.values()} >= {
        "first_contact", "cooldown_over", "pending", "cooldown", "per_number", "blocked", "opted_out", "country",
        "not_answerable", "loop",
    }  # fmt: skip


def test_record_is_read_as_it_was_written(before: Record, tmp_path: Path) -> None:
    """The text is the same, whatever version compressed it."""
    before.write(tmp_path / "again")
    assert gzip.decompress((tmp_path / "again").read_bytes()) == gzip.decompress(RECORD.read_bytes())


def test_oracle_finds_the_old_rules_broken_only_where_changed(played: Year, before: Record) -> None:
    """These are opt-outs, breaker and countries; all others held."""
    found = Counter(words.partition(":")[0] for words in oracle.violations(year.facts_of(played, before)))
    assert set(found) == {"opt_out", "breaker", "country"}


def test_unanswered_contacts_of_the_record_have_known_causes(played: Year, before: Record) -> None:
    """Texts by hand and stale answers explain the 34 cases."""
    undone = list(causes.Causes(played, before).missing())
    assert len(undone) == 34
    assert all(words.endswith((" for cooldown", " for per_number", " for pending")) for words in undone)


# ---- the line as it is now


@dataclass(frozen=True)
class Played:
    """The record that the current line makes of a year, or of a part of it."""

    year: Year
    record: Record
    facts: list[oracle.Fact]
    broken: list[str]
    """Promises that the rows of its database break at the end."""

    def rules_broken(self) -> set[str]:
        """Return the rules that the oracle finds broken."""
        return {words.partition(":")[0] for words in oracle.violations(self.facts)}


def play(played: Year) -> Played:
    """Let the current line play a year."""
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
    "outage": 455,
    "the_lines_fault": 3,
    "late_result": 4,
    "by_hand": 61,
    "stale_on_time": 3,
    "loop_of_the_month": 1,
    "shadowed": 15,
    "turn": 670,
    "history": 145,
    "full_windows": 425,
    "own_share": 1,
}
"""Most differences that each reason may explain: those that were looked at, and a few that others may shift."""


@pytest.mark.timeout(1200)
def test_line_differs_from_the_record_for_known_reasons_only(played: Year, before: Record) -> None:
    """No rule is broken and no contact unanswered without a cause.

    A reason with more differences than `MOST` allows explains some that were never examined.
    """
    begun = part(played, 0, DAYS)
    now = play(begun)
    is_right(now)
    explained, unexplained = compare(begun, beginning(before, begun), beginning(now.record, begun))
    contacts = begun.contacts
    over = [each for each in unexplained if extent.WHOLE or contacts[each.contact].at < (DAYS - OPEN) * DAY]
    assert not over
    assert not {name: count for name, count in explained.items() if count > MOST[name]}


def test_line_keeps_the_rules_from_any_first_day(played: Year) -> None:
    """No rule is broken and no contact unanswered without a cause."""
    left_out = {SHADOWED} if extent.WHOLE else {SHADOWED, *FLOODED}
    begins = [day for day in range(0, 360, SOME) if day not in left_out]
    begin = begins[extent.SEED % len(begins)]
    is_right(play(part(played, begin, begin + SOME)))


@pytest.mark.parametrize("days", [FLOOD, LONG_FLOOD])
def test_line_keeps_the_rules_in_a_flood(played: Year, days: tuple[float, float]) -> None:
    """More contacts come than may be answered."""
    is_right(play(part(played, *days)))


def is_right(now: Played) -> None:
    """Fail if a rule is broken, a contact is unanswered without a cause, or the database is not sound."""
    assert not list(oracle.violations(now.facts))
    assert not list(causes.Causes(now.year, now.record).missing())
    assert not now.broken


def beginning(record: Record, begun: Year) -> Record:
    """Return the part of a record about the contacts of a year that is cut short."""
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


# ---- these checks can fail


class Careless(Replay):
    """A peer that answers every number, always, in two segments, and sends unconfirmed segments again."""

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
        """Return the due time of the first answer."""
        return self._queue[0][0] if self._queue else None

    def submit_due(self, at: int, network: Network) -> Handed | None:
        """Let the first answer out, against all decisions."""
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

    def forget(self, _at: int, _number: str) -> bool:
        """Say that it was done, without doing it."""
        return True


def test_careless_line_breaks_the_rules(played: Year) -> None:
    """It cannot break the eight rules in `never`.

    These are about times, cancels, wording, promises and shadow mode; the line breaks all others.
    """
    days = ((0, 150), (180.4, 180.75), (260, 261))  # a usual time, an outage, a flood
    few = tuple(each for each in played.operations if any(one * DAY <= each.at < end * DAY for one, end in days))
    player = year.Player(replace(played, operations=few, outages=played.outages[:3]), Careless(played))
    player.play()
    found = {words.partition(":")[0] for words in oracle.violations(player.facts)}
    never = {"asked_for", "stale", "delay", "interval", "cancelled", "wording", "liveness", "shadowed"}
    assert found >= {rule.__name__ for rule in oracle.RULES} - never


def part(played: Year, begin: float, end: float) -> Year:
    """Return the events between two days, with the configuration at their beginning."""
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
"""For each rule: a patch that breaks it, and days that show it."""


@pytest.mark.parametrize("rule", FAULTS)
def test_oracle_finds_each_planted_fault(played: Year, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is wrong in one place, and breaks that rule."""
    where, name, instead, days = FAULTS[rule]
    monkeypatch.setattr(where, name, instead)
    assert rule in play(part(played, *days)).rules_broken()


def test_line_that_answers_too_little_is_found(played: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks no rule, but contacts are unanswered without a cause."""
    some = part(played, 0, 8)
    monkeypatch.setattr(policy, "cooldown_left", lambda history, *_: float(history.answers))
    silent = play(some)
    assert not silent.rules_broken()
    assert list(causes.Causes(some, silent.record).missing())


def test_record_compared_with_itself_has_no_differences(played: Year, before: Record) -> None:
    """The comparison finds none, and needs no reason."""
    assert compare(played, before, before) == (Counter(), [])


def changed(before: Record, contact: int, verdict: tuple[str, str] | None, *, silent: bool = False) -> Record:
    """Return a record with another verdict for a contact, or without its submissions."""
    return replace(
        before,
        verdicts=before.verdicts | ({contact: verdict} if verdict else {}),
        submissions=[each for each in before.submissions if not (silent and each.contact == contact)],
    )


def quiet(played: Year, before: Record) -> int:
    """Return an answered contact of a quiet day whose number has no other history."""
    often = Counter(each.number for each in played.contacts.values())
    return next(
        contact
        for contact, each in played.contacts.items()
        if 20 * DAY < each.at < 55 * DAY and often[each.number] == 1 and before.verdicts[contact][0] == "answer"
    )


def test_unexplained_differences_are_reported(played: Year, before: Record) -> None:
    """These are a verdict, an unsent answer, and a late one.

    The contact is of a quiet day: no outage or flood explains anything.
    """
    contact = quiet(played, before)
    _, unexplained = compare(played, before, changed(before, contact, ("suppress", "cooldown")))
    assert [each.what for each in unexplained] == ["verdict"]
    _, unexplained = compare(played, before, changed(before, contact, None, silent=True))
    assert [each.what for each in unexplained] == ["fate"]
    late = [replace(each, at=each.at + HOUR * (each.contact == contact)) for each in before.submissions]
    _, unexplained = compare(played, before, replace(before, submissions=late))
    assert [each.what for each in unexplained] == ["moment"]


def test_opt_out_and_outage_explain_differences(played: Year, before: Record) -> None:
    """First stops get no answer now; an outage's failures may leave later."""
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
