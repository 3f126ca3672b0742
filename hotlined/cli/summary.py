"""What `hotlined stats` and its page tell: a period and its bins in local time, the figures of both, and sentences.

Days, weeks and months are those of the machine's time zone: a day in which the clocks change has 23 or 25 hours. Weeks
begin on Monday (ISO 8601). Nothing here prints.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from hotlined.cli.limits import price
from hotlined.clock import rfc3339
from hotlined.config import Config
from hotlined.errors import UsageError
from hotlined.policy import Limits
from hotlined.store import figures
from hotlined.store.database import Database

_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
_USUAL_DAYS = 30  # today and the 29 days before
_MOST_BINS = 5_000


class By(StrEnum):
    """What a period is divided into."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS = {By.HOUR: _HOUR, By.DAY: _DAY, By.WEEK: _WEEK, By.MONTH: 28 * _DAY}  # at least
_USUAL = ((3 * _DAY, By.HOUR), (62 * _DAY, By.DAY), (400 * _DAY, By.WEEK), (timedelta.max, By.MONTH))


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to and without `end`, both in local time, and what it is divided into."""

    start: datetime
    end: datetime
    by: By


@dataclass(frozen=True, slots=True)
class Bin:
    """An hour, a day, a week or a month, as far as it lies in the period."""

    start: datetime
    end: datetime
    label: str
    counts: figures.Counts


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period beside those of the one before, which begins at `before_start` and is as long.

    `week` counts contacts by weekday (Monday first) and hour, `texts_by_week` texts in each 7 days from the start.
    """

    line: str
    limits: Limits
    period: Period
    before_start: datetime
    total: figures.Tally
    before: figures.Tally
    bins: tuple[Bin, ...]
    week: tuple[tuple[int, ...], ...]
    texts_by_week: tuple[int, ...]
    modem: tuple[figures.Span, ...]


# ---- periods


def choose(since: datetime | None, until: datetime | None, by: By | None, now: datetime) -> Period:
    """Return the period that is asked for, else the last 30 days with today; raises UsageError for none or too many."""
    end = (until or now).astimezone()
    start = since.astimezone() if since else _midnight(end.date() - (_USUAL_DAYS - 1) * _DAY)
    if start >= end:
        raise UsageError("The period ends before it begins.", "--since is its first moment, --until its last.")
    by = by or next(by for length, by in _USUAL if end - start <= length)
    if (bins := (end - start) // _LENGTHS[by]) > _MOST_BINS:
        raise UsageError(
            f"These are {bins:,} {by}s.", "Take a shorter period or a longer --by: hour, day, week, month."
        )
    return Period(start, end, by)


def before(start: datetime, end: datetime) -> datetime:
    """Return where the period before begins: as many days where both ends are midnights, else as many seconds."""
    if start == _midnight(start.date()) and end == _midnight(end.date()):
        return _midnight(start.date() - (end.date() - start.date()))
    return (start - (end - start)).astimezone()


def edges(start: datetime, end: datetime, by: By) -> list[datetime]:
    """Return the moments at which hours, days, weeks or months begin, between the ends of a period and with them."""
    found = [start]
    with suppress(OverflowError):  # the last month of the calendar
        while (at := _next(found[-1], by)) < end:
            found.append(at)
    return [*found, end]


def _next(moment: datetime, by: By) -> datetime:
    if by is By.HOUR:
        return (moment.replace(minute=0, second=0, microsecond=0) + _HOUR).astimezone()
    day = moment.date()
    if by is By.MONTH:
        return _midnight((day.replace(day=1) + 31 * _DAY).replace(day=1))
    return _midnight(day + (7 - day.weekday() if by is By.WEEK else 1) * _DAY)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone()


_LABELS = {By.HOUR: "%d %b %H:%M", By.DAY: "%a %d %b", By.WEEK: "%d %b %Y", By.MONTH: "%b %Y"}


def _label(moment: datetime, period: Period) -> str:
    changes = period.by is By.HOUR and period.start.utcoffset() != period.end.utcoffset()
    return f"{moment:{_LABELS[period.by]}}{f' {moment:%Z}' if changes else ''}"


def zone(period: Period) -> str:
    """Name the time zone as it is in force at both ends: `CET`, `CEST/CET`."""
    return "/".join(dict.fromkeys(f"{moment:%Z}" for moment in (period.start, period.end)))


# ---- figures


def summarise(db: Database, chosen: Config, period: Period) -> Summary:
    """Count everything, as of one moment."""
    start, end = period.start, period.end
    before_start = before(start, end)
    bounds = edges(start, end, period.by)
    with figures.one_moment(db):
        earlier, total = figures.tallies(db, [before_start, start, end])
        counts = figures.counts(db, bounds)
        slots = figures.slots(db, start, end)
        modem = figures.spans(db, start, end)
    return Summary(
        line=chosen.line,
        limits=chosen.limits,
        period=period,
        before_start=before_start,
        total=total,
        before=earlier,
        bins=tuple(
            Bin(first, last, _label(first, period), each)
            for first, last, each in zip(bounds, bounds[1:], counts, strict=False)
        ),
        week=_by_hour(slots),
        texts_by_week=_by_week(slots, start, end),
        modem=tuple(modem),
    )


def _by_hour(slots: Sequence[figures.Slot]) -> tuple[tuple[int, ...], ...]:
    week = [[0] * 24 for _ in range(7)]
    for slot in slots:
        local = slot.start.astimezone()
        week[local.weekday()][local.hour] += slot.contacts
    return tuple(map(tuple, week))


def _by_week(slots: Sequence[figures.Slot], start: datetime, end: datetime) -> tuple[int, ...]:
    weeks = [0] * math.ceil(_days(start, end) / 7)
    for slot in slots:
        weeks[min(len(weeks) - 1, max(0, (slot.start.astimezone().date() - start.date()).days // 7))] += slot.texts
    return tuple(weeks)


def _days(start: datetime, end: datetime) -> int:
    """Return a length in days, begun ones whole; an hour more or less is a change of the clocks."""
    return math.ceil((end - start - _HOUR) / _DAY)


def modem_seconds(summary: Summary) -> dict[str, float]:
    """Return how long the modem was in each state, the longest first; `unknown` is before anything is known."""
    found: dict[str, float] = {}
    for span in summary.modem:
        state = span.state or "unknown"
        found[state] = found.get(state, 0.0) + (span.end - span.start).total_seconds()
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def as_json(summary: Summary) -> dict[str, Any]:
    """Return what `stats --json` prints: times in RFC 3339, durations in seconds, money in `currency`."""
    period = summary.period
    return {
        "line": summary.line,
        "currency": summary.limits.currency,
        "zone": zone(period),
        "by": period.by.value,
        "since": rfc3339(period.start),
        "until": rfc3339(period.end),
        "total": _tally_json(summary.total, summary.limits),
        "before": {"since": rfc3339(summary.before_start)} | _tally_json(summary.before, summary.limits),
        "bins": list(bins(summary)),
        "week": summary.week,
        "modem_seconds": modem_seconds(summary),
        "words": list(sentences(summary)),
    }


def bins(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the bins as `stats --json` and `stats --csv` have them."""
    for each in summary.bins:
        yield {"since": rfc3339(each.start), "until": rfc3339(each.end)} | _counts_json(each.counts, summary.limits)


def _counts_json(counts: figures.Counts, limits: Limits) -> dict[str, Any]:
    return asdict(counts) | {"cost": price(counts.segments, limits)}


def _tally_json(tally: figures.Tally, limits: Limits) -> dict[str, Any]:
    more = asdict(tally)
    more["reasons"] = {"suppressed": more.pop("suppressed"), "cancelled": more.pop("cancelled")}
    del more["counts"]
    return _counts_json(tally.counts, limits) | more


# ---- words

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_SHARES = ((1 / 4, "a quarter"), (1 / 3, "a third"), (1 / 2, "half"), (2 / 3, "two thirds"), (3 / 4, "three quarters"))
_EXACT, _CLOSE = 0.005, 0.05
_RATES = ((14, "week", _WEEK), (2, "day", _DAY), (0, "hour", _HOUR))  # from so many days on
_IN_HOURS = 2 * 3_600  # seconds: shorter waits are told in minutes
_NEAR = 1.5  # times its even share: what a week has to have to be named


def money(segments: int, limits: Limits) -> str:
    """Write what segments cost."""
    return f"{price(segments, limits):,.2f} {limits.currency}"


def length(start: datetime, end: datetime) -> str:
    """Write how long a period is: `three weeks`, `30 days`, `one day`, `six hours`."""
    days = _days(start, end)
    if days >= 2 or end - start > _DAY - _HOUR:
        return _count(days // 7, "week") if days % 7 == 0 else _count(days, "day")
    return _count(max(1, round((end - start) / _HOUR)), "hour")


def _wait(seconds: float) -> str:
    hours = seconds >= _IN_HOURS
    return _count(math.ceil(seconds / (3_600 if hours else 60)), "hour" if hours else "minute")


def _count(number: int, noun: str) -> str:
    return f"{_NUMBERS[number] if number < len(_NUMBERS) else f'{number:,}'} {noun}{'' if number == 1 else 's'}"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rate(texts: int, start: datetime, end: datetime) -> str:
    """Write how often: a round number that is exceeded, or the number itself where it is small or round."""
    _, unit, step = next(rate for rate in _RATES if _days(start, end) >= rate[0])
    each = texts / max(1.0, (end - start) / step)
    if each < 10:
        return f"{each:.2g} a {unit}"
    size = 5 * 10 ** (len(str(int(each))) - 2)
    least = int(each // size * size)
    return f"{'' if each == least else 'more than '}{least:,} a {unit}"


def share(part: int, whole: int) -> str:
    """Write a share as people say it: `half`, `more than half`, `nearly a third`, `12 %`."""
    exact = part / whole
    if part == whole:
        return "all"
    for value, words in _SHARES:
        if abs(exact - value) < _EXACT:
            return words
    for value, words in _SHARES:
        if abs(exact - value) < _CLOSE:
            return f"{'more than' if exact > value else 'nearly'} {words}"
    return f"{exact:.0%}".replace("%", " %")


def sentences(summary: Summary) -> Iterator[str]:
    """Yield what can be read to a journalist, sentence by sentence."""
    counts, start, end = summary.total.counts, summary.period.start, summary.period.end
    if not counts.texts:
        yield f"No text in {length(start, end)}."
    else:
        yield f"{_many(counts.texts, 'text')} in {length(start, end)}, {_rate(counts.texts, start, end)}."
        yield from _busiest(summary.texts_by_week)
    if numbers := counts.new + counts.returning:
        new = {numbers: "all", 0: "none"}.get(counts.new, f"{counts.new:,}")
        yield f"{_many(numbers, 'number')} texted or called, {new} of them for the first time."
    if counts.answers:
        took = summary.total.seconds_to_answer
        when = f", half of them within {_wait(took[1])}" if took else ""
        yield f"{_many(counts.answers, 'answer')} went out{when}."
    if counts.segments:
        yield f"The SIM spent {money(counts.segments, summary.limits)}: {_many(counts.segments, 'segment')}."
    yield from _reactions(summary.total)
    was = summary.before.counts.texts
    earlier = length(summary.before_start, start).removeprefix("one ")
    yield f"In the {earlier} before: {_many(was, 'text') if was else 'no text'}."


def _busiest(weeks: Sequence[int]) -> Iterator[str]:
    most, total = max(weeks), sum(weeks)
    if 2 <= len(weeks) <= len(_ORDINALS) and most / total >= _NEAR / len(weeks):
        yield f"{share(most, total).capitalize()} of them came in the {_ORDINALS[weeks.index(most)]} week."


def _reactions(tally: figures.Tally) -> Iterator[str]:
    """Yield what people wrote back, by its tags; a reaction may have several."""
    if not tally.reactions:
        return
    if not tally.tags:
        yield f"{_many(tally.reactions, 'reaction')} to the answer, none tagged yet."
        return
    parts = [f"{share(count, tally.reactions)} are tagged {tag}" for tag, count in tally.tags.items()]
    if tally.untagged:
        parts.append(f"{share(tally.untagged, tally.reactions)} are not tagged yet")
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    yield f"Of {_many(tally.reactions, 'reaction')} to the answer, {listed}."
