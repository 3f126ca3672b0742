"""Forecasts the queue: how many answers wait, the reason that holds each back, and when the next one can go.

The forecast plays the queue in memory as the gate would let it out, in the order of `queue.due`: each share has its own
head, the newest answer that is due, which goes once all windows have room for it, and is cancelled if it would be too
old by then. The forecast writes nothing, and does not ask the limits of numbers: it assumes that each waiting answer
passes them. Known to be wrong: it ignores holds on the whole line, and texts that come later.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple

from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.rules.policy import BUDGETS, WINDOW_SECONDS, Share
from hotlined.states import OPEN, WAITS, AnswerState, EventKind, SegmentState, SendingState, listed
from hotlined.store.answers.windows import Occupancy, occupancy
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import FREE, Sending, calendar_time, row_of


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
    rank: tuple[float, float]
    """Its place in its share: of those that are due the one with the least rank is the head."""


class _Goes(NamedTuple):
    """The head of a share, when it goes, and the time from which each window has room for it."""

    at: float
    share: Share
    answer: _Waiting
    rooms: dict[str, float]

    @property
    def ends(self) -> float:
        """When it is no longer the head: it goes, or is cancelled."""
        return min(self.at, self.answer.too_old_at)


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
        """Return when one more answer of this size can go: it is due after the shortest delay, and the newest then.

        `known` asks for an answer to a number that was answered before: such an answer may not use the reserve.
        """
        share = Share.KNOWN if known else Share.NEW
        due_at = self.now + self.delay.total_seconds()
        asked = _Waiting(segments, due_at, math.inf, _rank(share, math.inf, due_at, self.now))
        played = self._played({**self.queues, share: (*self.queues[share], asked)})
        before, taken = 0, 0
        while (goes := next(played)).answer is not asked:
            if goes.share is share:
                before, taken = before + 1, taken + goes.answer.segments
        windows = {window: _maybe(room) for window, room in goes.rooms.items()}
        return Outlook(_maybe(goes.at), windows, Ahead(before, taken))

    def first_at(self) -> float | None:
        """Return when the first waiting answer can go; None if none waits, or all will be too old by then."""
        return next((goes.at for goes in self._played(self.queues)), None)

    def _played(self, queues: Mapping[Share, Sequence[_Waiting]]) -> Iterator[_Goes]:
        """Yield the answers that go, in their order; one that is never too old and has no room goes at infinity."""
        later = {share: deque(sorted(queues[share], key=attrgetter("due_at"))) for share in _ORDER}
        due: dict[Share, list[tuple[tuple[float, float], _Waiting]]] = {share: [] for share in _ORDER}
        occupied = Occupancy([*self.occupied.everything], [*self.occupied.known])
        at = self.now
        while True:
            heads = []
            for share in _ORDER:
                while later[share] and later[share][0].due_at <= at:
                    answer = later[share].popleft()
                    heapq.heappush(due[share], (answer.rank, answer))
                if due[share]:
                    answer = due[share][0][1]
                    rooms = self._rooms(occupied, answer, share)
                    heads.append(_Goes(max(at, *rooms.values()), share, answer, rooms))
            # if several end at once, the first in the daemon's order
            first = min(heads, key=attrgetter("ends"), default=None)
            following = min((waiting[0].due_at for waiting in later.values() if waiting), default=math.inf)
            if following < math.inf and (first is None or following <= first.ends):
                at = following
                continue
            if first is None:
                return
            heapq.heappop(due[first.share])
            if first.at > first.answer.too_old_at:  # cancelled as soon as it is older than that
                at = max(at, math.nextafter(first.answer.too_old_at, math.inf))
                continue
            yield first
            occupied.add(first.at, first.answer.segments, known=first.share is Share.KNOWN)
            at = first.at + first.answer.segments * self.send_interval.total_seconds()

    def _rooms(self, occupied: Occupancy, answer: _Waiting, share: Share) -> dict[str, float]:
        return {
            window: occupied.room_at(window, answer.segments, self.limits, self.now, known=share is Share.KNOWN)
            for window in policy.WINDOW_SECONDS
        }


_ORDER = (Share.BY_HAND, Share.NEW, Share.KNOWN)


def _rank(share: Share, answer_id: float, due_at: float, age_from: float) -> tuple[float, float]:
    """Return the rank of an answer by the order of `queue.due`; `age_from` is when its age began."""
    return (due_at, answer_id) if share is Share.BY_HAND else (-age_from, -answer_id)


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
) -> Forecast:
    """Return the forecast of the present queue; an answer not yet composed has the segments in `sizes`, by share.

    An answer that is half sent has its place in the windows already, so the queue leaves it out. One to a country that
    waits by itself is due with the next trial there.
    """
    queues: dict[Share, list[_Waiting]] = {share: [] for share in Share}
    for row in db.rows(_QUEUE):
        share = Share(row["share"])
        size = row["segments"] or sizes.get(share, 1)
        too_old_at = row["age_limit"] + max_age.total_seconds()
        rank = _rank(share, row["id"], row["due_limit"], row["age_limit"])
        queues[share].append(_Waiting(size, row["due_limit"], too_old_at, rank))
    return Forecast(
        {share: Ahead(len(each), sum(waiting.segments for waiting in each)) for share, each in queues.items()},
        limits,
        send_interval,
        delay,
        now.limit,
        {share: tuple(each) for share, each in queues.items()},
        occupancy(db, now),
    )


_BEGUN = f"""EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id
  WHERE t.answer_id = a.id AND s.state = '{SegmentState.WAITING}')"""
_QUEUE = f"""
SELECT id, share, segments, age_limit, max(due_limit, coalesce((SELECT o.due FROM contacts k
  JOIN country_outages o ON o.country = k.country WHERE k.id = a.contact_id), 0)) AS due_limit
FROM answers a WHERE state = '{AnswerState.QUEUED}' AND NOT {_BEGUN}
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


class Leaving(NamedTuple):
    """The answers that leave when the line is resumed: their number, and since when the first waits."""

    answers: int
    since: str | None


def leaving(db: Database, max_age: timedelta, now: Now) -> Leaving:
    """Return what leaves when the line is resumed; one not begun that is older than `max_age` is cancelled instead.

    One that was asked for again waits since then.
    """
    return Leaving(*db.the(_LEAVING, now.limit - max_age.total_seconds()))


_LEAVING = f"""
SELECT count(*), min(coalesce((SELECT max(at) FROM events e WHERE e.contact_id = answers.contact_id
  AND e.kind = '{EventKind.REQUEUE}'), queued_at))
FROM answers WHERE {WAITS} AND (state <> '{AnswerState.QUEUED}' OR age_limit >= ?)
"""


def maybe_next_at(db: Database, view: Forecast, held: Sending = FREE) -> str | None:
    """Return when the next answer leaves, by the calendar; None if none waits, or none finds room in time.

    It is unknown while a person has to decide something first. While nothing leaves, it is not before the next trial.
    """
    if held.state in (SendingState.HELD, SendingState.PAUSED):
        return None
    begun = db.value(f"SELECT min(due_limit) FROM answers a WHERE state = '{AnswerState.QUEUED}' AND {_BEGUN}")
    first = min((at for at in (begun, view.first_at()) if at is not None), default=None)
    if first is None:
        return None
    trial = row_of(db).breaker.due if held.state is SendingState.TRIAL else first
    return calendar_time(db, max(first, trial))


def full_windows(db: Database, now: float) -> set[str]:
    """Return the full windows, as the daemon recorded them for each share that has an answer due at `now`."""
    due = f"SELECT 1 FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ? AND due_limit <= ? LIMIT 1"
    waits = {
        waiting_for for share, waiting_for in row_of(db).share_waits.items() if waiting_for and db.one(due, share, now)
    }
    return {window for window, waits_for in BUDGETS.items() if waits_for in waits}
