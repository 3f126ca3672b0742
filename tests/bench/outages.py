"""Plays networks that refuse: barred countries, forged numbers, outages; in virtual time, on the real store and rules.

`scripts/run outages` prints a table: answered people and their waits, hours of the open breaker, escalations, and
segments spent without an answer. It judges nothing; test_outages has some of these days, shortened.

Known to be wrong: the modem is always there, and a segment takes five seconds.
"""

import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
import store_steps

from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.rules import breaker, policy
from hotlined.rules.policy import AttemptCause
from hotlined.store.answers import fates, gate, queue, verdicts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of

START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
BEFORE = 10 * 86400.0  # of the limit clock: windows look back
HOUR = 3600.0
SHM = Path("/dev/shm")
TEXT = plan("Non.")
SEGMENT_SECONDS = 5.0  # until the next may go: the network's time, and the interval
PREFIXES = {"BE": "+3247", "DE": "+4915", "FR": "+3361", "NL": "+3161", "LU": "+352621"}
DIGITS = {"BE": 7, "DE": 9, "FR": 7, "NL": 7, "LU": 6}
RULES = policy.Rules(policy.Limits(), policy.Numbers(answer_countries=tuple(PREFIXES)), timedelta(hours=24))

NOTHING_SAID = policy.Unknown(AttemptCause.NO_RESULT)
NoAnswer = policy.Refused | policy.Unknown
CAUSES: dict[str, NoAnswer] = {
    **{str(cms): policy.Refused(cms) for cms in (10, 28, 38, 500)},
    "none": NOTHING_SAID,
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """People who write once each: a number an hour, from a country, between two hours; `honest` ones are counted."""

    country: str
    an_hour: float
    honest: bool = False
    refused: NoAnswer | None = None
    """The network's result for each segment to them; None if it accepts them."""
    since: float = 0.0
    until: float = 1e9


@dataclass(frozen=True, slots=True)
class Outage:
    """Two hours between which nothing leaves at all."""

    since: float
    until: float
    says: NoAnswer


@dataclass(frozen=True, slots=True)
class Played:
    """The figures of some days."""

    due: int
    """Honest people who wrote early enough to be answered."""
    answered: int
    median_hours: float
    longest_hours: float
    opened: int
    open_share: float
    escalations: int
    """Reports to the escalation that nothing leaves."""
    tried: int
    """Submissions that were not accepted."""
    spent: int
    """Segments among these that may have left, and may have been paid for."""
    out: tuple[str, ...]
    """Countries in an outage of their own at the end."""


_WAITING = (
    "SELECT 1 FROM answers WHERE state IN ('queued', 'sending')"
    " AND recipient IN (SELECT value FROM json_each(?)) LIMIT 1"
)


@dataclass(slots=True)
class Player:
    """One line, its clock, and its network."""

    db: Database
    crowds: Sequence[Crowd]
    outage: Outage | None
    rules: policy.Rules
    at: float = 0.0
    refused: dict[str, NoAnswer | None] = field(default_factory=dict)
    wrote: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    opened: int = 0
    open_seconds: float = 0.0
    escalations: int = 0
    tried: int = 0
    spent: int = 0

    @property
    def now(self) -> Now:
        """The present moment."""
        return Now(START + timedelta(seconds=self.at), BEFORE + self.at, synchronised=False)

    def arrivals(self, hours: float, draw: random.Random) -> list[tuple[float, str, Crowd]]:
        """Draw the arrivals: time, number and crowd of each."""
        found = []
        for serial, crowd in enumerate(self.crowds):
            begin, end = crowd.since * HOUR, min(crowd.until, hours) * HOUR
            for number in range(round(crowd.an_hour * (end - begin) / HOUR)):
                digits = f"{serial}{number:0{DIGITS[crowd.country] - 1}}"
                found.append((draw.uniform(begin, end), PREFIXES[crowd.country] + digits, crowd))
        return sorted(found, key=lambda each: each[:2])

    def play(self, hours: float, seed: int) -> Played:
        """Play these hours, and until no reachable number waits any more, a day at most."""
        draw = random.Random(seed)
        for at, number, crowd in self.arrivals(hours, draw):
            self.run_until(at)
            self.receive(number, crowd, draw.uniform(0.5, 1.0) * HOUR)
        self.run_until(hours * HOUR)
        open_share = self.open_seconds / self.at
        while self.at < (hours + 24) * HOUR and self.db.one(_WAITING, json.dumps([*self.wrote])):
            self.run_until(self.at + HOUR / 4)
        waits = [(self.answered[number] - at) / HOUR for number, at in self.wrote.items() if number in self.answered]
        return Played(
            due=len(self.wrote),
            answered=len(waits),
            median_hours=statistics.median(waits) if waits else 0.0,
            longest_hours=max(waits, default=0.0),
            opened=self.opened,
            open_share=open_share,
            escalations=self.escalations,
            tried=self.tried,
            spent=self.spent,
            out=tuple(row["country"] for row in self.db.all("SELECT country FROM country_outages ORDER BY country")),
        )

    def receive(self, number: str, crowd: Crowd, delay: float) -> None:
        """Receive a text, and queue its answer."""
        identity = identify(Address(number[1:], Ton.INTERNATIONAL), "BE")
        assert identity.country == crowd.country, number
        contact = store_steps.record_whole(self.db, "fr", "text", identity, f"qui es-tu {number}", self.now)
        verdict = verdicts.judge(self.db, contact, self.rules, self.now, delay_seconds=delay)
        assert verdict.answer, verdict
        self.refused[number] = crowd.refused
        if crowd.honest:
            self.wrote[number] = self.at

    def run_until(self, end: float) -> None:
        """Let answers out, as the daemon does, until a moment."""
        while self.at < end:
            before = row_of(self.db).breaker.is_open
            step = SEGMENT_SECONDS if self.send() else self.pause()
            step = max(1.0, min(step, end - self.at))
            self.open_seconds += step * before
            self.at += step

    def pause(self) -> float:
        """Return the seconds until something may be due; too few do no harm."""
        moments = [HOUR]
        row = self.db.one(
            "SELECT min(due_limit) AS at FROM answers WHERE state = 'queued' AND due_limit > ?", self.now.limit
        )
        if row and row["at"] is not None:
            moments.append(row["at"] - self.now.limit)
        if queue.waiting(self.db).answers:
            moments.append(60.0)
        return min(moments)

    def send(self) -> bool:
        """Let the next due segment out; tell whether there was one."""
        queue.sweep(self.db, self.rules.max_age, self.now, by_calendar=False)
        for turn in queue.due(self.db, self.now):
            became = store_steps.begin(self.db, turn.answer_id, self.now, TEXT, self.rules, trial=turn.trial)
            if isinstance(became, policy.Wait):
                continue
            if isinstance(became, gate.Begun):
                self.submit(became)
            return True
        return False

    def submit(self, begun: gate.Begun) -> None:
        """Hand a segment over, and commit the network's result."""
        number = begun.recipient
        says: policy.Result | None = self.refused[number]
        if self.outage and self.outage.since * HOUR <= self.at < self.outage.until * HOUR:
            says = self.outage.says
        settled = fates.settle(self.db, begun, says or policy.Taken(1), self.now)
        if says is None:
            self.answered[number] = self.at
        else:
            self.tried += 1
            self.spent += settled.fate is policy.Fate.UNCONFIRMED
        change = settled.update.change
        self.opened += change is breaker.Change.OPENED
        self.escalations += change in (breaker.Change.OPENED, breaker.Change.TRIAL_FAILED)


def play(
    *crowds: Crowd, hours: float = 48, outage: Outage | None = None, seed: int = 1, rules: policy.Rules = RULES
) -> Played:
    """Play some days on a new line."""
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        db = open_for_daemon(store_steps.make_empty(Path(folder) / "hotlined.db"))
        db.connection.execute("PRAGMA synchronous = OFF")
        try:
            return Player(db, crowds, outage, rules).play(hours, seed)
        finally:
            db.close()


# ---- the printed days

ABROAD = ("DE", "FR", "NL", "LU")


def honest(an_hour: float, country: str = "BE") -> Crowd:
    """Return people who can be reached."""
    return Crowd(country, an_hour, honest=True)


def barred(countries: int, an_hour: float, says: NoAnswer) -> list[Crowd]:
    """Return people of this number of countries that the SIM may not text."""
    return [Crowd(country, an_hour / countries, refused=says) for country in ABROAD[:countries]]


def days() -> Iterator[tuple[str, str, Callable[[], Played]]]:
    """Yield groups of days, each with its name and a function that plays it; the first of a group has no trolls."""
    for rate, words, hours in ((2.0, "2 an hour", 36), (0.25, "6 a day", 144)):
        group = f"honest Belgians, {words}"
        week = partial(play, honest(rate), hours=hours)
        yield group, "alone", week
        for countries in (1, 2, 4):
            for name, says in CAUSES.items():
                yield group, f"{countries} barred, 20 an hour, {name}", partial(week, *barred(countries, 20, says))
        yield group, "1 barred, 5 an hour, 10", partial(week, *barred(1, 5, CAUSES["10"]))
        for forged in (5, 20):
            for name in ("10", "28", "38", "500", "none"):
                crowd = Crowd("BE", forged, refused=CAUSES[name])
                yield group, f"forged Belgians, {forged} an hour, {name}", partial(week, crowd)
    group, late = "a new line, honest from the second day on", Crowd("BE", 2.0, honest=True, since=24)
    yield group, "alone", partial(play, late, hours=60)
    for name in ("10", "500"):
        yield group, f"1 barred, 20 an hour, {name}", partial(play, late, *barred(1, 20, CAUSES[name]), hours=60)
        forged_ones = Crowd("BE", 20, refused=CAUSES[name])
        yield group, f"forged Belgians, 20 an hour, {name}", partial(play, late, forged_ones, hours=60)
    group = "an outage of ten hours, 2 honest Belgians and 1 German an hour"
    both = (honest(2.0), honest(1.0, "DE"))
    quiet = (Crowd("BE", 2.0, honest=True, until=20), Crowd("BE", 2.0, honest=True, since=30), honest(1.0, "DE"))
    yield group, "alone", partial(play, *both)
    for name in ("none", "500", "38"):
        outage = Outage(20, 30, CAUSES[name])
        yield group, name, partial(play, *both, outage=outage)
        yield group, f"{name}, Germans alone write in it", partial(play, *quiet, outage=outage)


@click.command(help=(__doc__ or "").splitlines()[0])
@click.option("--only", default="", help="Only days with these words in their names.")
def main(only: str) -> None:
    """Print the table."""
    shown = ""
    for group, name, played in days():
        if only and only not in f"{group}: {name}":
            continue
        if group != shown:
            shown = group
            click.echo(f"\n{group}\n{'':40}answered   median  longest  opened  open  escalated  tried  spent  out")
        p = played()
        click.echo(
            f"{name:40}{p.answered:3}/{p.due:<3}  {p.median_hours:6.2f} h {p.longest_hours:6.2f} h  {p.opened:4}"
            f"  {p.open_share:4.0%}  {p.escalations:9}  {p.tried:5}  {p.spent:5}  {' '.join(p.out)}"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
