"""Contacts recorded, judged and answered in virtual time, by the functions that the daemon uses.

Known to be wrong: a waiting answer is checked every ten minutes, not every second, so an answer that gets too old is
cancelled up to ten minutes late.
"""

import math
import random
from collections.abc import Iterable
from datetime import timedelta
from operator import attrgetter

from hotlined import policy
from hotlined.clock import Now
from hotlined.config import Config
from hotlined.gsm.alphabet import Plan, plan
from hotlined.gsm.tpdu import EncodedSegment
from hotlined.policy import Reason, Share
from hotlined.simulation.flood import EPOCH, Arrival
from hotlined.store.answers import answers, contacts, fates, gate, queue, windows
from hotlined.store.line.database import Database
from hotlined.store.line.line import commit_share_wait

LOOK_AGAIN_SECONDS = 600.0
"""The longest time between two checks of a waiting answer, even if no window has room."""
TICK_SECONDS = 1.0  # the shortest time between two checks, as in the daemon


class VirtualSender:
    """Sends answers in virtual time as the daemon does in real time; its network takes every segment."""

    def __init__(self, db: Database, config: Config, rules: policy.Rules) -> None:
        self._db = db
        self._interval = config.modem.send_interval.total_seconds()
        self._rules = rules
        self._answer = config.answer
        self._plans = {text: plan(text, config.answer.encoding) for text in config.answer.texts}
        self._look_at = math.inf
        self._free_at = 0.0
        self._waits: dict[Share, float] = {}

    def expect(self, due: float, share: Share) -> None:
        """Plan a check for when an answer is due, or later if its share waits or a segment has just left."""
        self._look_at = min(self._look_at, max(due, self._waits.get(share, due), self._free_at))

    def run_until(self, at: float) -> None:
        """Do everything that is due up to a moment."""
        while self._look_at <= at:
            self._look_at = self._look(self._look_at)

    def _look(self, at: float) -> float:
        """Send at most one segment and return the time of the next check."""
        now = _now(at)
        queue.sweep(self._db, self._rules.max_age, now, by_calendar=False)
        for turn in queue.due(self._db, now):
            if turn.share and at < self._waits.get(turn.share, at):
                continue
            step = gate.begin(
                self._db, turn.answer_id, self._rules, now, compose=self._compose, encode=_encode, shadow=False
            )
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
        for share, due in queue.next_dues(self._db).items():
            self.expect(max(at, due), share)
        return self._look_at

    def _compose(self, step: int, country: str | None, _draw: int) -> gate.Composition | None:
        """Choose the variant with the most segments: the worst case, and the same in every run."""
        choices = [self._plans[wording.text] for wording in self._answer.choices(step, country)]
        return gate.Composition(max(choices, key=attrgetter("segments")), step) if choices else None

    def _room_at(self, now: Now, share: Share) -> float:
        """Return the next check of a waiting share: when every window has room, but within `LOOK_AGAIN_SECONDS`."""
        segments = max(planned.segments for planned in self._plans.values())
        occupied = windows.occupancy(self._db, now, shadow=False)
        room = max(
            occupied.room_at(name, segments, self._rules.limits, now.limit, known=share is Share.KNOWN)
            for name in policy.WINDOW_SECONDS
        )
        return max(now.limit + TICK_SECONDS, min(room, now.limit + LOOK_AGAIN_SECONDS))


def _encode(_recipient: str, planned: Plan, _reference: int) -> list[EncodedSegment]:
    """Return empty segments: the gate only counts them."""
    return [EncodedSegment("", 0)] * planned.segments


def play(
    db: Database, arrivals: Iterable[Arrival], config: Config, rng: random.Random, rules: policy.Rules | None = None
) -> float:
    """Record, judge and answer all arrivals, and return the end: the longest delay after the last of them.

    `rules` are the line's; if None, those of the configuration alone.
    """
    rules = rules or config.rules()
    sender = VirtualSender(db, config, rules)
    shortest, longest = (delay.total_seconds() for delay in config.answer.delay)
    end = 0.0
    for arrival in arrivals:
        sender.run_until(arrival.at)
        now = _now(arrival.at)
        contact_id = contacts.record_whole(db, config.line, arrival.kind, arrival.identity, arrival.text, now)
        delay = rng.uniform(shortest, longest)
        verdict = answers.judge(db, contact_id, rules, now, delay_seconds=delay, shadow=False)
        if verdict.answer:
            sender.expect(arrival.at + delay, Share.KNOWN if verdict.reason is Reason.COOLDOWN_OVER else Share.NEW)
        end = arrival.at + longest
    sender.run_until(end)
    return end


def _now(at: float) -> Now:
    """Return a moment of virtual time, `at` in seconds; its calendar begins in 1970."""
    return Now(EPOCH + timedelta(seconds=at), at, synchronised=False)
