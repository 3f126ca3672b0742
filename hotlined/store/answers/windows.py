"""Counts segments in the windows, and says when a window has room again; no other module counts segments over time.

A segment counts from the moment it was handed over. A segment that waits behind it counts as if it were handed over
now, so its place never runs out. `states.FACTS` says what each state counts for.
"""

import math
from dataclasses import dataclass, field

from hotlined import states
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.rules.policy import Share
from hotlined.states import SegmentState
from hotlined.store.line.database import Database

_OCCUPIED = f"""
SELECT s.submitted_limit AS at, t.share = '{Share.KNOWN}' AS is_known
FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id
WHERE s.submitted_limit > :month AND s.state <> '{SegmentState.WAITING}' AND s.state IN {states.OCCUPIES}
UNION ALL
SELECT :now, t.share = '{Share.KNOWN}' FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id
WHERE s.state = '{SegmentState.WAITING}'
"""


def spent(db: Database, now: Now, *, more: int = 0) -> dict[str, policy.Spent]:
    """Return the segments counted in each window, plus `more` that are about to be handed over."""
    row = db.the(_SPENT, **_moments(now))
    return {name: policy.Spent(row[name] + more, row[f"{name}_known"] + more) for name in policy.WINDOW_SECONDS}


_SPENT = f"""
SELECT
  count(*) FILTER (WHERE at > :hour) AS hour,
  count(*) FILTER (WHERE at > :hour AND is_known) AS hour_known,
  count(*) FILTER (WHERE at > :day) AS day,
  count(*) FILTER (WHERE at > :day AND is_known) AS day_known,
  count(*) AS month,
  count(*) FILTER (WHERE is_known) AS month_known
FROM ({_OCCUPIED})
"""


@dataclass(slots=True)
class Occupancy:
    """The moments when the segments of the longest window were handed over, in order: of all, and of known numbers."""

    everything: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)

    def add(self, at: float, segments: int, *, known: bool) -> None:
        """Count more segments as handed over `at` a moment, not before those already counted."""
        self.everything += [at] * segments
        if known:
            self.known += [at] * segments

    def room_at(self, window: str, segments: int, limits: policy.Limits, start: float, *, known: bool) -> float:
        """Return the limit time from which a window has room for more segments if nothing is added; infinity for never.

        `known` asks for an answer to a number that was answered before: such an answer may not use the reserve.
        """
        limit: int = getattr(limits.segments, window)
        asked = [(self.everything, limit), *([(self.known, policy.unreserved(limit, limits))] if known else [])]
        at = start
        for moments, most in asked:
            if segments > most:
                return math.inf
            # the new segments fit when the window has at most `most - segments` others: the newest ones may stay, and
            # the window has room once the segment just before these has left it
            if len(moments) > most - segments:
                at = max(at, moments[len(moments) - (most - segments) - 1] + policy.WINDOW_SECONDS[window])
        return at


def occupancy(db: Database, now: Now) -> Occupancy:
    """Return the segments that are counted in the longest window."""
    found = Occupancy()
    for at, is_known in db.rows(f"{_OCCUPIED} ORDER BY at", **_moments(now)):
        found.add(at, 1, known=bool(is_known))
    return found


def _moments(now: Now) -> dict[str, float]:
    """Return the beginning of each window, and the other arguments of the queries."""
    since = {name: now.limit - seconds for name, seconds in policy.WINDOW_SECONDS.items()}
    return since | {"now": now.limit}
