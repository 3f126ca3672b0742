"""Moments of the database for people to read, in the local time of this machine.

They follow the current language and no locale. Documents for machines have RFC 3339, in UTC.
"""

from datetime import datetime, timedelta

from hotlined.language import N_, Language, Phrases, _, ngettext, spoken
from hotlined.machine.clock import here, parse_rfc3339

MONTHS = {
    Language.ENGLISH: ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    Language.FRENCH: (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
    Language.DUTCH: ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
}
_HALF_A_DAY = timedelta(hours=12)
_WEEKDAYS = Phrases(
    dict(
        enumerate(
            (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
        )
    )
)
_WEEK = 7  # days; a day of the past week is called by its weekday

TIME_WIDTH = {language: len("24  22:18") + max(map(len, names)) for language, names in MONTHS.items()}
"""The width of a column of times. A moment of another year is longer: its day and year fit, its time is cut off."""


def moment(text: str, *, dated: bool = False) -> str:
    """Write a moment of the database, or an `scts`, for people: 24 Nov 22:18, or 24 Nov 2025 22:18.

    The year is written if it is not this year, and always if `dated`, for paper. All times for people are written by
    this function.
    """
    local = parse_rfc3339(text).astimezone()
    return f"{_day(local, dated=dated)} {local:%H:%M}"


def day(text: str) -> str:
    """Write the day of a moment of the database, with its year: 24 Nov 2026."""
    return _day(parse_rfc3339(text).astimezone(), dated=True)


def exact(text: str) -> str:
    """Write a moment as `moment` does, with its year and seconds, as evidence needs it: 24 Nov 2026 22:18:05."""
    return f"{moment(text, dated=True)}:{parse_rfc3339(text).second:02}"


def maybe_exact(text: str | None) -> str | None:
    """Write a moment as `exact` does; None stays None."""
    return exact(text) if text else None


def maybe_moment(text: str | None) -> str | None:
    """Write a moment as `moment` does; None stays None."""
    return moment(text) if text else None


def clock_time(text: str) -> str:
    """Write a moment within half a day by the clock alone, 04:12; any other as `moment` does."""
    local = parse_rfc3339(text).astimezone()
    return f"{local:%H:%M}" if abs(local - here()) < _HALF_A_DAY else moment(text)


def lately(text: str) -> str:
    """Write a moment as people say it: today 03:53, Tuesday 22:18, 24 Nov 22:18."""
    local = parse_rfc3339(text).astimezone()
    return f"{day_said(text)} {local:%H:%M}"


def day_said(text: str) -> str:
    """Write the day of a moment as people say it: today, yesterday, Tuesday, 24 Nov."""
    local = parse_rfc3339(text).astimezone()
    days = (here().date() - local.date()).days
    named = {-1: N_("tomorrow"), 0: N_("today"), 1: N_("yesterday")}
    if days in named:
        return _(named[days])
    return _WEEKDAYS[local.weekday()] if 1 < days < _WEEK else _day(local)


def of_day(text: str) -> str:
    """Write a moment by the clock alone: 22:18."""
    return f"{parse_rfc3339(text).astimezone():%H:%M}"


def ago(text: str) -> str:
    """Write how long ago a moment was, `12 minutes ago`, if that is less than half a day; otherwise its date and time.

    A moment in the future, which a clock that was set back can make, gets its date and time, too.
    """
    passed = here() - parse_rfc3339(text)
    if not timedelta(0) <= passed < _HALF_A_DAY:
        return _("on {moment}", moment=moment(text))
    minutes = passed // timedelta(minutes=1)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("{number} minute ago", "{number} minutes ago", minutes)
    return ngettext("{number} hour ago", "{number} hours ago", minutes // 60)


def _day(local: datetime, *, dated: bool = False) -> str:
    year = f" {local.year}" if dated or local.year != here().year else ""
    return f"{local.day} {MONTHS[spoken()][local.month - 1]}{year}"
