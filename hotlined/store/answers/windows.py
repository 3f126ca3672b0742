"""What is counted in the windows, and from when they have room: no other module counts segments over time.

A segment counts from when it was handed over; one that waits behind it counts without an end, as if it were handed over
now. What each state counts for stands in `states.FACTS`.
"""

import math
from dataclasses import dataclass, field

from hotlined import policy, states
from hotlined.clock import Now
from hotlined.policy import Share
from hotlined.states import SegmentState
from hotlined.store.line.database import Database

_OCCUPIED = f"""
SELECT s.submitted_limit AS at, t.share = '{Share.KNOWN}' AS is_known
FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id
WHERE s.submitted_limit > :month AND s.state <> '{SegmentState.WAITING}'
  AND (s.state IN {states.OCCUPIES} OR (:shadow AND s.state IN {states.IN_SHADOW}))
UNION ALL
SELECT :now, t.share = '{Share.KNOWN}' FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id
WHERE s.state = '{SegmentState.WAITING}'
"""


def spent(db: Database, now: Now, *, shadow: bool, more: int = 0) -> dict[str, policy.Spent]:
    """Return the segments counted in each window, and so many more that are about to be."""
    row = db.the(_SPENT, **_moments(now, shadow=shadow))
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
    """When each segment that the longest window counts was handed over, in order; those to known numbers apart, too."""

    everything: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)

    def add(self, at: float, segments: int, *, known: bool) -> None:
        """Let so many segments more be handed over, no earlier than those before them."""
        self.everything += [at] * segments
        if known:
            self.known += [at] * segments

    def room_at(self, window: str, segments: int, limits: policy.Limits, start: float, *, known: bool) -> float:
        """Return the limit time from which a window has room for so many more if nothing is added; infinity for never.

        `known` asks for an answer to a number that was answered before, which the reserve is not for.
        """
        limit: int = getattr(limits.segments, window)
        asked = [(self.everything, limit), *([(self.known, policy.unreserved(limit, limits))] if known else [])]
        at = start
        for moments, most in asked:
            if segments > most:
                return math.inf
            # the newest are passed over, as many as may stay beside those that are to go: the next one has to leave
            if len(moments) > most - segments:
                at = max(at, moments[len(moments) - (most - segments) - 1] + policy.WINDOW_SECONDS[window])
        return at


def occupancy(db: Database, now: Now, *, shadow: bool) -> Occupancy:
    """Return what is counted in the longest window."""
    found = Occupancy()
    for at, is_known in db.rows(f"{_OCCUPIED} ORDER BY at", **_moments(now, shadow=shadow)):
        found.add(at, 1, known=bool(is_known))
    return found


def _moments(now: Now, *, shadow: bool) -> dict[str, float]:
    """Return since when each window counts, and the other arguments of the queries."""
    since = {name: now.limit - seconds for name, seconds in policy.WINDOW_SECONDS.items()}
    return since | {"now": now.limit, "shadow": int(shadow)}
