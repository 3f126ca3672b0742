"""A year of traffic, played on the line: no rule is broken, and no contact is unanswered without a cause."""

import heapq
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import causes
import extent
import oracle
import pytest
import year
import year_now
from year import DAY, Call, Handed, Network, Record, Text, Verdict, Year

from hotlined.rules import breaker, policy, recognition
from hotlined.store.answers import queue, windows
from hotlined.store.file import integrity

SHM = Path("/dev/shm")  # only processes die here, not the disk: no write has to wait for it
DAYS = 370 if extent.WHOLE else 50  # from the first day on
SOME = 15  # days that each run plays by themselves; the seed chooses them
FLOODED = {120, 255}  # periods that begin on these days: the flood in each takes longer than all other days together
FLOOD, LONG_FLOOD = (120.58, 120.68), (260.4, 260.45)
"""A part of each of these floods, in days."""


# ---- the year


@pytest.fixture(scope="module")
def played() -> Year:
    """Give the year."""
    return year.write()


def test_seed_always_gives_the_same_year(played: Year) -> None:
    """Another one gives another year."""
    assert year.write() == played
    assert year.write(2) != played


def test_year_has_every_kind_of_operation_and_fault(played: Year) -> None:
    """It has thousands of contacts."""
    counted = Counter(type(each) for each in played.operations)
    assert {each.__name__ for each in counted} == {each.__name__ for each in year.Operation.__subclasses__()}
    assert 8_000 <= len(played.contacts) <= 15_000
    assert {cause for each in played.outages for cause in each.causes} == {10, 38, 42, 196, 500, None}


# ---- the line


@dataclass(frozen=True)
class Played:
    """The record that the line makes of a year, or of a part of it."""

    year: Year
    record: Record
    facts: list[oracle.Fact]
    broken: list[str]
    """Promises that the rows of its database break at the end."""

    def rules_broken(self) -> set[str]:
        """Return the rules that the oracle finds broken."""
        return {words.partition(":")[0] for words in oracle.violations(self.facts)}


def play(played: Year) -> Played:
    """Let the line play a year."""
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


@pytest.mark.timeout(3600)
def test_line_keeps_the_rules_over_the_year(played: Year) -> None:
    """No rule is broken and no contact unanswered without a cause."""
    begun = part(played, 0, DAYS)
    now = play(begun)
    is_right(now)
    assert set(now.record.verdicts) == set(begun.contacts)


def test_line_keeps_the_rules_from_any_first_day(played: Year) -> None:
    """No rule is broken and no contact unanswered without a cause."""
    begins = [day for day in range(0, 360, SOME) if extent.WHOLE or day not in FLOODED]
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


# ---- these checks can fail


class Careless:
    """A peer that answers every number, always, in two segments, and sends unconfirmed segments again."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, str, int]] = []

    def receive(self, at: int, contact: int, number: str, _text: str, delay: int) -> None:
        """Queue an answer."""
        if number.startswith("+"):
            heapq.heappush(self._queue, (at + delay, contact, number, 1))

    def receive_call(self, at: int, contact: int, number: str, delay: int) -> None:
        """Queue an answer."""
        self.receive(at, contact, number, "", delay)

    def judge_all(self, _at: int) -> list[Verdict]:
        """Judge nobody."""
        return []

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
        if outcome.kind == "unknown" or outcome.cause == 42:
            heapq.heappush(self._queue, (at, contact, number, sequence))
        elif sequence == 1:
            heapq.heappush(self._queue, (at, contact, number, 2))
        return handed

    def forget(self, _at: int, _number: str) -> bool:
        """Say that it was done, without doing it."""
        return True

    def requeue(self, _at: int, _contact: int) -> bool:
        """Refuse."""
        return False

    def send(self, _at: int, _hand: int, _number: str, _text: str) -> bool:
        """Refuse."""
        return False

    def decide(self, *_: object) -> None:
        """Do nothing."""

    start = reload = restart = receive_again = late_result = purge = decide


def test_careless_line_breaks_the_rules(played: Year) -> None:
    """It cannot break the nine rules in `never`.

    These are about times, order, cancels, wording, promises and what it says; the line breaks all others.
    """
    days = ((0, 150), (180.4, 180.75), (260, 261))  # a usual time, an outage, a flood
    few = tuple(each for each in played.operations if any(one * DAY <= each.at < end * DAY for one, end in days))
    player = year.Player(replace(played, operations=few, outages=played.outages[:3]), Careless())
    player.play()
    found = {words.partition(":")[0] for words in oracle.violations(player.facts)}
    never = {"asked_for", "stale", "delay", "interval", "cancelled", "wording", "liveness", "truth"}
    never |= {"newest_first"}
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
    "newest_first": (queue, "_HEADS", queue._HEADS.replace("DESC", "ASC"), FLOOD),
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
