"""The figures of a period, and of the period before it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from hotlined.config import Config
from hotlined.rules.policy import Limits
from hotlined.states import NoModemState
from hotlined.statistics.periods import (
    DAY,
    WEEK,
    By,
    Period,
    before,
    choose,
    edges,
    full_minute,
    is_whole,
    label_of,
    midnight,
    week_days,
)
from hotlined.store.line.database import Database
from hotlined.store.reading import figures
from hotlined.store.reading.figures import Slot


@dataclass(frozen=True, slots=True)
class Bin:
    """An hour, a day, a week or a month, or the part of it that is in the period."""

    start: datetime
    end: datetime
    label: str
    counts: figures.Counts
    whole: bool
    """True if all of it is in the period."""


@dataclass(frozen=True, slots=True)
class Week:
    """A week from midnight to midnight, wholly in the period, and the number of texts that came in it."""

    start: datetime
    end: datetime
    texts: int


class Day(NamedTuple):
    """A day of the period, and the number of texts that came on it."""

    date: date
    texts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period, and of the period before, which is as long.

    `before` is None if the line did not exist for the whole of that period: a line begins with its first contact or
    answer. `week` counts contacts by weekday (Monday first) and hour; `week_days` counts the days of the period that
    have this hour. `weeks` are the whole weeks from the first midnight on. `busiest_day` is the day with the most
    texts, the first of several; None if no text came.
    """

    line: str
    about: str | None
    limits: Limits
    period: Period
    began: datetime | None
    before_start: datetime | None
    total: figures.Tally
    before: figures.Tally | None
    bins: tuple[Bin, ...]
    week: tuple[tuple[int, ...], ...]
    week_days: tuple[tuple[int, ...], ...]
    weeks: tuple[Week, ...]
    busiest_day: Day | None
    modem: tuple[figures.Span, ...]


def summarise(
    db: Database, chosen: Config, since: datetime | None, until: datetime | None, by: By | None, now: datetime
) -> Summary:
    """Choose the period and count its figures; all of them are read from one snapshot of the database."""
    with db.snapshot():
        extent = figures.extent(db)
        period = choose(since, until, by, now, extent)
        start, end = period.start, period.end
        bounds = edges(start, end, period.by)
        before_start = before(start, end)
        existed = extent.first is not None and full_minute(extent.first) <= before_start
        *earlier, total = figures.tallies(db, [before_start, start, end] if existed else [start, end])
        counts = figures.counts(db, bounds)
        slots = figures.slots(db, start, end)
        by_day = _by_day(slots)
        modem = figures.spans(db, start, end)
    return Summary(
        line=chosen.line,
        about=chosen.about,
        limits=chosen.limits,
        period=period,
        began=extent.first,
        before_start=before_start if existed else None,
        total=total,
        before=earlier[0] if earlier else None,
        bins=tuple(
            Bin(first, last, label_of(first, period), counted, is_whole(first, last, period.by))
            for first, last, counted in zip(bounds, bounds[1:], counts, strict=False)
        ),
        week=_by_hour(slots),
        week_days=week_days(start, end),
        weeks=tuple(_weeks(by_day, start, end)),
        busiest_day=_maybe_busiest(by_day),
        modem=tuple(modem),
    )


def _by_hour(slots: Sequence[Slot]) -> tuple[tuple[int, ...], ...]:
    week = [[0] * 24 for _ in range(7)]
    for slot in slots:
        local = slot.start.astimezone()
        week[local.weekday()][local.hour] += slot.contacts
    return tuple(map(tuple, week))


def averages(summary: Summary) -> list[list[float | None]]:
    """Return the average number of contacts by weekday and hour; None for an hour that the period does not have."""
    return [
        [contacts / days if days else None for contacts, days in zip(*row, strict=True)]
        for row in zip(summary.week, summary.week_days, strict=True)
    ]


def _by_day(slots: Sequence[Slot]) -> Counter[date]:
    by_day: Counter[date] = Counter()
    for slot in slots:
        by_day[slot.start.astimezone().date()] += slot.texts
    return by_day


def _maybe_busiest(by_day: Counter[date]) -> Day | None:
    day = max(sorted(by_day), key=by_day.__getitem__, default=None)
    return Day(day, by_day[day]) if day and by_day[day] else None


def _weeks(by_day: Counter[date], start: datetime, end: datetime) -> Iterator[Week]:
    with suppress(OverflowError):  # the last week that Python's calendar has
        first = start if start == midnight(start.date()) else midnight(start.date() + DAY)
        while (after := midnight(first.date() + WEEK)) <= end:
            yield Week(first, after, sum(by_day[first.date() + number * DAY] for number in range(7)))
            first = after


def modem_seconds(summary: Summary) -> dict[str, float]:
    """Return the seconds that the modem spent in each state, the longest first; `unknown` if nothing was recorded."""
    seconds: dict[str, float] = {}
    for span in summary.modem:
        state = span.state or NoModemState.UNKNOWN
        seconds[state] = seconds.get(state, 0.0) + (span.end - span.start).total_seconds()
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))
