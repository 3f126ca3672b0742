"""Periods in the machine's time zone, and the hours, days, weeks or months that they are divided into.

A day on which the clocks change has 23 or 25 hours. Weeks begin on Monday (ISO 8601).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from hotlined.errors import UsageError
from hotlined.language import N_, Phrases, _, in_digits, spoken
from hotlined.store.reading import figures
from hotlined.words.times import MONTHS

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
_LONG = 14 * DAY  # in a longer period a wrong half day is less than a twentieth
_USUAL_DAYS = 30  # days of the usual period, which ends with yesterday
_MOMENT = timedelta(microseconds=1)
_MOST_BINS = 5_000


class By(StrEnum):
    """The parts that a period is divided into."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS = {By.HOUR: HOUR, By.DAY: DAY, By.WEEK: WEEK, By.MONTH: 28 * DAY}  # the shortest of each
_USUAL = ((3 * DAY, By.HOUR), (62 * DAY, By.DAY), (400 * DAY, By.WEEK), (timedelta.max, By.MONTH))


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `start` up to, but not including, `end`, in local time, and the parts that it is divided into."""

    start: datetime
    end: datetime
    by: By


def choose(
    since: datetime | None, until: datetime | None, by: By | None, now: datetime, extent: figures.Extent
) -> Period:
    """Return the period that was asked for; by default the 30 whole days up to yesterday.

    A line that began today has its period up to now. The period begins at the earliest in the minute of the first
    contact, and ends at the latest now, so that averages do not count days without a line. If something is dated
    after now, a clock was wrong; the period then ends where it was asked to.
    Raises UsageError for a period that ends before it begins, and for too many parts.
    """
    began, today = full_minute(extent.first) if extent.first else None, midnight(now.astimezone().date())
    usual_end = now if since or began is None or began >= today else today
    end = (until or usual_end).astimezone()
    last = (end - _MOMENT).date()
    start = since.astimezone() if since else midnight(last - (_USUAL_DAYS - 1) * DAY)
    if start >= end:
        raise UsageError(_("The period ends before it begins."), _("--since is its first moment, --until its last."))
    if began is None and since is None:
        began = midnight(last)
    if began and start < began < end:
        start = began
    if start < now < end and (extent.last is None or extent.last <= now):
        end = now.astimezone()
    by = by or next(by for length, by in _USUAL if end - start <= length)
    if (bins := (end - start) // _LENGTHS[by]) > _MOST_BINS:
        raise UsageError(
            _("These are {number} bars.", number=in_digits(bins)),
            _("Take a shorter period or a longer --by: {choices}.", choices=", ".join(By)),
        )
    return Period(start, end, by)


def before(start: datetime, end: datetime) -> datetime:
    """Return the beginning of the period before: it has as many whole days, or otherwise as many seconds."""
    if days := calendar_days(start, end):
        return midnight(start.date() - days * DAY)
    return (start - (end - start)).astimezone()


def calendar_days(start: datetime, end: datetime) -> int | None:
    """Return the number of days of a period that begins at midnight, and ends at midnight or is long; otherwise None.

    A day on which the clocks change counts as one; so does a last day that has only begun.
    """
    if start != midnight(start.date()) or (end != midnight(end.date()) and end - start < _LONG):
        return None
    return ((end - _MOMENT).date() - start.date()).days + 1


def edges(start: datetime, end: datetime, by: By) -> list[datetime]:
    """Return the moments that divide a period into its parts, including its beginning and its end."""
    moments = [start]
    with suppress(OverflowError):  # the last month that Python's calendar has
        while (at := _next(moments[-1], by)) < end:
            moments.append(at)
    return [*moments, end]


def _next(moment: datetime, by: By) -> datetime:
    if by is By.HOUR:
        return (moment.replace(minute=0, second=0, microsecond=0) + HOUR).astimezone()
    day = moment.date()
    if by is By.MONTH:
        return midnight((day.replace(day=1) + 31 * DAY).replace(day=1))
    return midnight(day + (7 - day.weekday() if by is By.WEEK else 1) * DAY)


def is_whole(start: datetime, end: datetime, by: By) -> bool:
    """Tell whether this is a whole hour, day, week or month; the first and the last of a period may be partial."""
    day = start.date()
    first = {
        By.HOUR: start.replace(minute=0, second=0, microsecond=0),
        By.DAY: midnight(day),
        By.WEEK: midnight(day - day.weekday() * DAY),
        By.MONTH: midnight(day.replace(day=1)),
    }[by]
    with suppress(OverflowError):  # the last one that Python's calendar has
        return start == first and end == _next(start, by)
    return False


def full_minute(moment: datetime) -> datetime:
    """Return the beginning of a moment's minute, in local time."""
    return moment.astimezone().replace(second=0, microsecond=0)


def midnight(day: date) -> datetime:
    """Return the beginning of a day in this machine's time zone."""
    return datetime(day.year, day.month, day.day).astimezone()


UNITS = Phrases({By.HOUR: N_("hour"), By.DAY: N_("day"), By.WEEK: N_("week"), By.MONTH: N_("month")})
WEEKDAYS = Phrases(
    dict(enumerate((N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun")))),
)
"""Weekdays, abbreviated; Monday is 0."""
_LABELS = {
    By.HOUR: "{day:02} {month} {time}",
    By.DAY: "{weekday} {day:02} {month}",
    By.WEEK: "{day:02} {month} {year}",
    By.MONTH: "{month} {year}",
}


def in_short(moment: datetime, form: str = _LABELS[By.HOUR]) -> str:
    """Write a local moment in a short form, for an axis: 24 Nov 22:00."""
    return form.format(
        day=moment.day,
        weekday=WEEKDAYS[moment.weekday()],
        month=MONTHS[spoken()][moment.month - 1],
        year=moment.year,
        time=f"{moment:%H:%M}",
    )


def label_of(moment: datetime, period: Period) -> str:
    """Return the label of the part of a period that begins at a moment; with the time zone if the clocks change."""
    changes = period.by is By.HOUR and period.start.utcoffset() != period.end.utcoffset()
    return f"{in_short(moment, _LABELS[period.by])}{f' {moment:%Z}' if changes else ''}"


def zone(period: Period) -> str:
    """Return the time zone in force at both ends: `CET`, `CEST/CET`."""
    return "/".join(dict.fromkeys(f"{moment:%Z}" for moment in (period.start, period.end)))


def week_days(start: datetime, end: datetime) -> tuple[tuple[int, ...], ...]:
    """Return, for each weekday and hour, how many days of the period have that hour, at least in part.

    An hour that the clocks skip or repeat counts once for its day.
    """
    week = [[0] * 24 for _ in range(7)]
    last = end - _MOMENT  # a period that ends at a full hour has nothing of that hour
    whole, rest = divmod((last.date() - start.date()).days + 1, 7)
    for number, day in enumerate(week):
        days = whole + ((number - start.weekday()) % 7 < rest)
        day[:] = [days] * 24
    for hour in range(start.hour):
        week[start.weekday()][hour] -= 1
    for hour in range(last.hour + 1, 24):
        week[last.weekday()][hour] -= 1
    return tuple(map(tuple, week))
