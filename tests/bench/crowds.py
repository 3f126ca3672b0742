"""The answers in a crowd, how late they are and what they spend, as a table: `scripts/run crowds`.

Each row is a flood in virtual time, through the real policy and the real store, in a temporary database. Only the
clock, the modem (it takes every segment at once) and the flood are simulated: texts spread evenly over the hours, a
share of them from numbers never seen before, the rest from 500 numbers that text again and again.
Known to be wrong: a waiting answer is looked at every ten minutes, so one may get too old ten minutes late.
"""

import math
import random
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
import store_steps

from hotlined import config as configuration
from hotlined.config import Config
from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan, plan
from hotlined.gsm.tpdu import EncodedSegment
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.rules.policy import Reason, Share
from hotlined.states import MAY_HAVE_LEFT, ContactKind
from hotlined.store.answers import fates, gate, queue, verdicts, windows
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import commit_share_wait

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_SECONDS = 3600.0
KNOWN_NUMBERS = 500
LOOK_AGAIN_SECONDS = 600.0
TICK_SECONDS = 1.0  # the shortest time between two looks, as in the daemon
ONE, TWO = "Non, c'est non. " * 2, "Non, c'est non. " * 12  # answers of one segment, and of two


class Crowd(NamedTuple):
    """A flood: how many texts come in how many hours, which percentage of them from new numbers, to which answer."""

    messages: int
    new: int
    answer: str
    hours: int = 72


CROWDS = (Crowd(10_000, 10, TWO), Crowd(10_000, 10, ONE), Crowd(17_400, 30, TWO), Crowd(17_400, 30, ONE))


class Outcome(NamedTuple):
    """The new numbers, the waits of those of them that were answered (seconds), and the times of all segments."""

    asked: int
    waits: list[float]
    segments: list[float]


class VirtualSender:
    """Sends answers in virtual time as the daemon does in real time; its network takes every segment."""

    def __init__(self, db: Database, config: Config) -> None:
        self._db, self._rules = db, config.rules()
        self._interval = config.modem.send_interval.total_seconds()
        self._plan = plan(config.answer.texts[0], config.answer.encoding)
        self._look_at = math.inf
        self._free_at = 0.0
        self._waits: dict[Share, float] = {}

    def expect(self, due: float, share: Share) -> None:
        """Plan a look for when an answer is due, or later if its share waits or a segment has just left."""
        self._look_at = min(self._look_at, max(due, self._waits.get(share, due), self._free_at))

    def run_until(self, at: float) -> None:
        """Do everything that is due up to a moment."""
        while self._look_at <= at:
            self._look_at = self._look(self._look_at)

    def _look(self, at: float) -> float:
        """Send at most one segment and return the time of the next look."""
        now = moment(at)
        queue.sweep(self._db, self._rules.max_age, now, by_calendar=False)
        for turn in queue.due(self._db, now):
            if turn.share and at < self._waits.get(turn.share, at):
                continue
            step = gate.begin(self._db, turn.answer_id, self._rules, now, compose=self._compose, encode=_encode)
            if isinstance(step, policy.Wait):
                assert turn.share
                commit_share_wait(self._db, turn.share, step.waiting_for)
                self._waits[turn.share] = self._room_at(now, turn.share)
                continue
            if turn.share:
                self._waits.pop(turn.share, None)
                commit_share_wait(self._db, turn.share, None)
            if isinstance(step, gate.Begun):
                fates.settle(self._db, step, policy.Taken(None), now)
                self._free_at = at + self._interval
                if step.sequence < step.total:
                    return self._free_at
            break
        self._look_at = math.inf
        dues = "SELECT share, min(due_limit) FROM answers WHERE state = 'queued' AND share IS NOT NULL GROUP BY share"
        for share, due in self._db.rows(dues):
            self.expect(max(at, due), Share(share))
        return self._look_at

    def _compose(self, step: int, _country: str | None, _draw: int) -> gate.Composition:
        return gate.Composition(self._plan, step)

    def _room_at(self, now: Now, share: Share) -> float:
        """Return the next look at a waiting share: when every window has room, but within `LOOK_AGAIN_SECONDS`."""
        occupied = windows.occupancy(self._db, now)
        room = max(
            occupied.room_at(name, self._plan.segments, self._rules.limits, now.limit, known=share is Share.KNOWN)
            for name in policy.WINDOW_SECONDS
        )
        return max(now.limit + TICK_SECONDS, min(room, now.limit + LOOK_AGAIN_SECONDS))


def _encode(_recipient: str, planned: Plan, _reference: int) -> list[EncodedSegment]:
    """Return empty segments: the gate only counts them."""
    return [EncodedSegment("", 0)] * planned.segments


def moment(at: float) -> Now:
    """Return a moment of virtual time, `at` in seconds."""
    return Now(EPOCH + timedelta(seconds=at), at, synchronised=False)


def arrivals(crowd: Crowd, rng: random.Random) -> Iterator[tuple[float, str, str]]:
    """Yield the time, the number and the text of each; all texts differ, so that nobody is taken for a machine."""
    for number in range(crowd.messages):
        newcomers = number * crowd.new // 100
        is_new = (number + 1) * crowd.new // 100 > newcomers
        who = f"+9991{newcomers:010}" if is_new else f"+9990{rng.randrange(KNOWN_NUMBERS):010}"
        yield (number + rng.random()) * crowd.hours * HOUR_SECONDS / crowd.messages, who, f"{number}"


def play(crowd: Crowd, folder: Path) -> Outcome:
    """Record, judge and answer all texts of a crowd with the default limits, and measure who was answered when."""
    config = configuration.parse(f"answer: {{text: {crowd.answer!r}}}\n", folder / "main.yaml")
    rng = random.Random(1)  # the same flood in each run
    shortest, longest = (delay.total_seconds() for delay in config.answer.delay)
    with open_for_daemon(folder / "crowd.db") as db:
        db.connection.execute("PRAGMA synchronous = OFF")
        sender, end = VirtualSender(db, config), 0.0
        for at, who, text in arrivals(crowd, rng):
            sender.run_until(at)
            identity = Identity(who, who, config.numbers.country, LineType.MOBILE)
            contact_id = store_steps.record_whole(db, config.line, ContactKind.TEXT, identity, text, moment(at))
            delay = rng.uniform(shortest, longest)
            verdict = verdicts.judge(db, contact_id, config.rules(), moment(at), delay_seconds=delay)
            if verdict.answer:
                sender.expect(at + delay, Share.KNOWN if verdict.reason is Reason.COOLDOWN_OVER else Share.NEW)
            end = at + longest
        sender.run_until(end)
        waits = [row["waited"] for row in db.all(_WAITS)]
        segments = [row["submitted_limit"] for row in db.all(_SEGMENTS)]
    return Outcome(len(waits), sorted(each for each in waits if each is not None), segments)


def most(times: list[float], seconds: float) -> int:
    """Return the most of these moments within any window of so many seconds."""
    window: deque[float] = deque()
    largest = 0
    for at in times:
        window.append(at)
        while window[0] <= at - seconds:
            window.popleft()
        largest = max(largest, len(window))
    return largest


_SEGMENTS = f"SELECT submitted_limit FROM answer_segments WHERE state IN {MAY_HAVE_LEFT} ORDER BY submitted_limit"
_WAITS = f"""
SELECT (SELECT max(t.begun_limit) FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
    WHERE t.answer_id = a.id AND s.state IN {MAY_HAVE_LEFT}) - c.received_limit AS waited
FROM contacts c JOIN answers a ON a.contact_id = c.id WHERE c.reason = '{Reason.FIRST_CONTACT}'
"""


def main() -> None:
    """Print a row for each crowd."""
    click.echo("| texts | from new numbers | answer | new numbers answered | half of them within | last | segments |")
    click.echo("|---|---|---|---|---|---|---|")
    for crowd in CROWDS:
        with tempfile.TemporaryDirectory() as folder:
            asked, waits, segments = play(crowd, Path(folder))
        answer = "one segment" if crowd.answer is ONE else "two segments"
        half, last = (waits[len(waits) // 2] / 60, waits[-1] / 60) if waits else (math.nan, math.nan)
        click.echo(
            f"| {crowd.messages:,} in {crowd.hours} h | {crowd.new} % | {answer} |"
            f" {len(waits)} of {asked:,} | {half:.0f} min | {last:.0f} min |"
            f" {len(segments)}, at most {most(segments, 86_400)} in a day |"
        )


if __name__ == "__main__":
    main()
