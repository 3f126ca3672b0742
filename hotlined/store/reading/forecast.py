"""Forecasts the queue: how many answers wait, the reason that holds each back, and when the next one can go.

The forecast plays the queue in memory as the gate would let it out: each share has its own head, an answer goes once it
is due and all windows have room for it, and an answer that would be too old by then is cancelled. It writes nothing,
and does not ask the limits of numbers: it assumes that each waiting answer passes them. Known to be wrong: the forecast
ignores holds on the whole line.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from hotlined import policy
from hotlined.clock import Now
from hotlined.policy import BUDGETS, WINDOW_SECONDS, Share
from hotlined.states import OPEN, AnswerState, SegmentState, SendingState, listed
from hotlined.store.answers import breakers
from hotlined.store.answers.windows import Occupancy, occupancy
from hotlined.store.line.database import Database
from hotlined.store.line.line import FREE, Sending, breaker_of, calendar_time, share_waits


@dataclass(frozen=True, slots=True)
class Ahead:
    """The number of answers that wait in one share, and of their segments."""

    answers: int
    segments: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    segments: int
    due_at: float
    too_old_at: float
    is_asked: bool = False
    """True for the answer that the forecast is about."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast for an answer to a text that comes now: when it can go (limit time), and how many go before it.

    `windows` has the time from which each window has room; None means never. `ahead` is the part of its share's queue
    that goes before it.
    """

    at: float | None
    windows: dict[str, float | None]
    ahead: Ahead


@dataclass(frozen=True, slots=True)
class Forecast:
    """The queue of each share, and the segments that the windows count."""

    ahead: dict[Share, Ahead]
    limits: policy.Limits
    send_interval: timedelta
    delay: timedelta
    now: float
    queues: dict[Share, tuple[_Waiting, ...]]
    occupied: Occupancy

    def outlook(self, segments: int, *, known: bool) -> Outlook:
        """Return when one more answer of this size can go: it is due after the shortest delay, behind the queue.

        `known` asks for an answer to a number that was answered before: such an answer may not use the reserve.
        """
        share = Share.KNOWN if known else Share.NEW
        asked = _Waiting(segments, self.now + self.delay.total_seconds(), math.inf, is_asked=True)
        queues = {each: deque(self.queues[each]) for each in _ORDER}
        queues[share] = deque(sorted([*queues[share], asked], key=attrgetter("due_at", "is_asked")))
        occupied = Occupancy([*self.occupied.everything], [*self.occupied.known])
        at, before, taken = self.now, 0, 0
        while True:
            heads = {each: waiting[0] for each, waiting in queues.items() if waiting}
            goes = {
                each: max(at, head.due_at, *self._rooms(occupied, head, each).values()) for each, head in heads.items()
            }
            first = min(goes, key=goes.__getitem__)  # if several can go at once, the first in the daemon's order
            if heads[share].is_asked and (first is share or goes[share] == math.inf):
                rooms = self._rooms(occupied, heads[share], share)
                windows = {window: _maybe(room) for window, room in rooms.items()}
                return Outlook(_maybe(goes[share]), windows, Ahead(before, taken))
            gone = queues[first].popleft()
            if first is share:
                before, taken = before + 1, taken + gone.segments
            if goes[first] <= heads[first].too_old_at and goes[first] < math.inf:
                occupied.add(goes[first], heads[first].segments, known=first is Share.KNOWN)
                at = goes[first] + heads[first].segments * self.send_interval.total_seconds()

    def first_at(self) -> float | None:
        """Return when the first waiting answer can go; None if none waits, or all will be too old by then."""
        moments = [
            goes
            for share, waiting in self.queues.items()
            for each in waiting
            if (goes := max(self.now, each.due_at, *self._rooms(self.occupied, each, share).values()))
            <= each.too_old_at
        ]
        return min(moments, default=None)

    def _rooms(self, occupied: Occupancy, answer: _Waiting, share: Share) -> dict[str, float]:
        return {
            window: occupied.room_at(window, answer.segments, self.limits, self.now, known=share is Share.KNOWN)
            for window in policy.WINDOW_SECONDS
        }


_ORDER = (Share.BY_HAND, Share.NEW, Share.KNOWN)


def _maybe(moment: float) -> float | None:
    return None if moment == math.inf else moment


def nothing(limits: policy.Limits, delay: timedelta) -> Forecast:
    """Return the forecast of a line that has no database yet: nothing waits, and nothing is spent."""
    none = dict.fromkeys(Share, Ahead(0, 0))
    return Forecast(none, limits, timedelta(0), delay, 0.0, dict.fromkeys(Share, ()), Occupancy())


def forecast(
    db: Database,
    limits: policy.Limits,
    now: Now,
    *,
    max_age: timedelta,
    send_interval: timedelta,
    delay: timedelta,
    sizes: Mapping[Share, int],
    shadow: bool,
) -> Forecast:
    """Return the forecast of the present queue; an answer not yet composed has the segments in `sizes`, by share.

    An answer that is half sent has its place in the windows already, so the queue leaves it out.
    """
    queues: dict[Share, list[_Waiting]] = {share: [] for share in Share}
    for row in db.rows(_QUEUE):
        share = Share(row["share"])
        size = row["segments"] or sizes.get(share, 1)
        queues[share].append(_Waiting(size, row["due_limit"], row["age_limit"] + max_age.total_seconds()))
    return Forecast(
        {share: Ahead(len(each), sum(waiting.segments for waiting in each)) for share, each in queues.items()},
        limits,
        send_interval,
        delay,
        now.limit,
        {share: tuple(each) for share, each in queues.items()},
        occupancy(db, now, shadow=shadow),
    )


_QUEUE = f"""
SELECT share, segments, due_limit, age_limit FROM answers a WHERE state = '{AnswerState.QUEUED}' AND NOT EXISTS
  (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
    WHERE t.answer_id = a.id AND s.state = '{SegmentState.WAITING}')
ORDER BY due_limit, id
"""


# ---- the present queue


def counted(db: Database, now: float) -> dict[str, int]:
    """Count the answers queued and sending, and the unconfirmed ones that began an attempt in the last day.

    `now` is a reading of the limit clock; like a window, the day is 86,400 s of it.
    """
    counted = dict(
        db.rows(
            f"SELECT state, count(*) FROM answers WHERE state IN {listed(OPEN)} GROUP BY state UNION ALL"
            " SELECT a.state, count(DISTINCT a.id) FROM attempts t JOIN answers a ON a.id = t.answer_id"
            f" WHERE t.begun_limit > ? AND a.state = '{AnswerState.UNCONFIRMED}' GROUP BY a.state",
            now - WINDOW_SECONDS["day"],
        )
    )
    return {state.value: counted.get(state, 0) for state in (*OPEN, AnswerState.UNCONFIRMED)}


def waiting(db: Database) -> Counter[str]:
    """Count the queued answers, including texts by hand, by the reason that holds each back now."""
    found: Counter[str] = Counter()
    for view in ("log", "log_by_hand"):
        found.update(
            dict(
                db.rows(
                    f"SELECT answer_waiting_for, count(*) FROM {view}"
                    f" WHERE answer_state = '{AnswerState.QUEUED}' GROUP BY answer_waiting_for"
                )
            )
        )
    return found


def maybe_next_due_at(db: Database, held: Sending = FREE) -> str | None:
    """Return when the next queued answer may go, by the calendar; None if none is queued, or that is unknown.

    It is unknown while a person has to decide something first. While nothing leaves, it is not before the next trial.
    """
    first = f"SELECT min(due_limit) FROM answers a WHERE state = '{AnswerState.QUEUED}'"
    due = db.value(f"{first} AND NOT {breakers.WAITS_BY_ITSELF}")
    if due is None and (due := db.value(first)) is not None:  # only for countries that wait by themselves
        due = max(due, db.value("SELECT min(due) FROM country_outages"))
    if due is None or held.state in (SendingState.HELD, SendingState.PAUSED):
        return None
    return calendar_time(db, max(due, breaker_of(db).due) if held.state is SendingState.TRIAL else due)


def full_windows(db: Database, now: float) -> set[str]:
    """Return the full windows, as the daemon recorded them for each share that has an answer due at `now`."""
    due = f"SELECT 1 FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ? AND due_limit <= ? LIMIT 1"
    waits = {waiting_for for share, waiting_for in share_waits(db).items() if waiting_for and db.one(due, share, now)}
    return {window for window, waits_for in BUDGETS.items() if waits_for in waits}
