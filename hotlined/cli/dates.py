"""Moments, days, weeks and months as people type them, for --since and --until, and moments as they read them.

What has no offset is local time, so a day has 23 or 25 hours when the clocks change. Of French and Dutch it
reads today and yesterday alone; nothing that names the future.
Known to be wrong: in the hour that the clocks repeat, a moment may be taken for the one an hour later.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import click

from hotlined.config import parse_duration

_DAY = timedelta(days=1)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` up to and without `end`: a moment takes a millisecond, a day its 24 hours, more or less."""

    start: datetime
    end: datetime


def period(text: str, now: datetime) -> TimeRange:
    """Read a moment, a day, a week or a month.

    RFC 3339 or the beginning of it (2026-11, 2026-11-24, 2026-11-24T22:18), a week of ISO 8601 (2026-W48), a duration
    ago (7d, 90m), today, yesterday, the last weekday of a name. Raises ValueError or OverflowError for anything else.
    """
    word = text.strip().upper()
    with suppress(ValueError):
        return _moment(now - parse_duration(word.lower()))
    today = now.astimezone().date()
    if (days_ago := _days_ago(today).get(word.lower().replace("’", "'"))) is not None:
        return _days(today - days_ago * _DAY)
    if month := _MONTH.fullmatch(word):
        first = date(int(month[1]), int(month[2]), 1)
        return _days(first, (first + 31 * _DAY).replace(day=1) - first)
    with suppress(ValueError):
        return _days(date.fromisoformat(word), 7 * _DAY if _WEEK.fullmatch(word) else _DAY)
    return _moment(datetime.fromisoformat(word).astimezone())


def _days_ago(today: date) -> dict[str, int]:
    ago = {"today": 0, "aujourd'hui": 0, "vandaag": 0, "yesterday": 1, "hier": 1, "gisteren": 1}
    for number, name in enumerate(_WEEKDAYS):
        ago[name] = ago[name[:3]] = (today.weekday() - number) % 7
    return ago


def _moment(moment: datetime) -> TimeRange:
    return TimeRange(moment, moment + timedelta(milliseconds=1))


def _days(first: date, length: timedelta = _DAY) -> TimeRange:
    """Return whole days; each midnight has the offset of its own day."""
    midnights = (datetime(day.year, day.month, day.day).astimezone() for day in (first, first + length))
    return TimeRange(*midnights)


def when(text: str) -> TimeRange:
    """Read a period as of now: the `type` of a click option."""
    try:
        return period(text, datetime.now().astimezone())
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is no time. Write 2026-11-24, 2026-11-24T22:18, 2026-11, 7d or 90m (ago), today, yesterday or"
            " monday."
        ) from error
