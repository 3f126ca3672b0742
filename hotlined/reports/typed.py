"""Input that people type at a command or in a form: read, or refused by a UsageError that says what to write.

A time without an offset is local, so a day has 23 or 25 hours when the clocks change. In French and Dutch it reads
the words for today, yesterday and the days of the week; in no language does it read a word for the future.

Known to be wrong: in the hour that the clocks repeat, a moment may be taken for the one an hour later.
"""

import re
import shlex
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from hotlined.causes import CauseCode
from hotlined.config import parse_duration
from hotlined.errors import AddressError, UsageError
from hotlined.gsm import address
from hotlined.gsm.address import SHORT_CODE_DIGITS, parse_number
from hotlined.language import NO_BREAK, _
from hotlined.machine.clock import synchronised
from hotlined.store.reading.log import WITHHELD, Filter
from hotlined.words.reasons import BRIEF_REASONS
from hotlined.words.tags import tag_of_words
from hotlined.words.times import MONTHS

LARGEST = 2**63 - 1  # the largest integer of SQLite
_TAG = re.compile(r"[^\W_][\w-]{0,39}")
_DAY = timedelta(days=1)
_HALF_A_YEAR = 183 * _DAY
_OLDEST_TOP_UP = 730 * _DAY  # many operators give a SIM a year, few give two
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_DAGEN = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_SHOWN = re.compile(r"([0-9]{1,2}) ([^\W\d]{3,9})\.?(?: ([0-9]{4}))?(?: ([0-9]{2}):([0-9]{2}))?")
_MONTHS = {name.rstrip(".").upper(): number for names in MONTHS.values() for number, name in enumerate(names, 1)}
"""The number of a month by its name in any language; no name means different months in two languages."""
_NUMBERS = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})(?:[/.-]([0-9]{4}|[0-9]{2}))?(?: ([0-9]{2}):([0-9]{2}))?")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_HOUR = re.compile("([0-9]{1,2})[:H]([0-9]{2})")
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The time from `start` up to, but not including, `end`: a moment is one millisecond, a day 23, 24 or 25 hours."""

    start: datetime
    end: datetime


def period(text: str, now: datetime) -> TimeRange:
    """Read a moment, an hour, a day, a week or a month.

    It reads RFC 3339 or the beginning of it (2026-11, 2026-11-24, 2026-11-24T22:18), a week of ISO 8601 (2026-W48), a
    time as tables show it (24 Nov, 24 Nov 22:18, 24 Nov 2025), a date in numbers with the day first (24/11,
    24/11/2025 22:18), an hour (18:00 or 18h00, the latest one), a duration before now (7d, 90m), today, yesterday,
    and the name of a weekday (the latest such day, or today).
    Raises ValueError or OverflowError for anything else.
    """
    word = text.strip().upper()
    with suppress(ValueError):
        return _moment(now - parse_duration(word.lower()))
    today = now.astimezone().date()
    if (days_ago := _days_ago(today).get(word.lower().replace("’", "'"))) is not None:
        return _days(today - days_ago * _DAY)
    if hour := _HOUR.fullmatch(word):
        times = (_minute(day, hour[1], hour[2]) for day in (today, today - _DAY))
        return next((time for time in times if time.start <= now), _minute(today, hour[1], hour[2]))
    if month := _MONTH.fullmatch(word):
        first = date(int(month[1]), int(month[2]), 1)
        return _days(first, (first + 31 * _DAY).replace(day=1) - first)
    if (shown := _SHOWN.fullmatch(word)) and (month_number := _month_number(shown[2])):
        return _shown(shown, month_number, today)
    if numbered := _NUMBERS.fullmatch(word):
        return _shown(numbered, int(numbered[2]), today)
    with suppress(ValueError):
        return _days(date.fromisoformat(word), 7 * _DAY if _WEEK.fullmatch(word) else _DAY)
    return _moment(datetime.fromisoformat(word).astimezone())


def _month_number(name: str) -> int | None:
    """Return the number of a month by its name in any language, short or whole; None for another word."""
    return next((_MONTHS[each] for each in _MONTHS if name.startswith(each)), 3 if name == "MAART" else None)


def _days_ago(today: date) -> dict[str, int]:
    ago = {"today": 0, "aujourd'hui": 0, "vandaag": 0, "yesterday": 1, "hier": 1, "gisteren": 1}
    for number, names in enumerate(zip(_WEEKDAYS, _JOURS, _DAGEN, strict=True)):
        for name in (*names, names[0][:3]):
            ago[name] = (today.weekday() - number) % 7
    return ago


def _shown(found: re.Match[str], month: int, today: date) -> TimeRange:
    """Return the day or minute of a written date; two digits of a year mean 2000 to 2099.

    Without a year it is this year's: --until may name a day to come. One more than half a year ahead is last year's.
    """
    day, _month_name, year, hour, minute = found.groups()
    first = date(int(f"20{year}"[-4:]) if year else today.year, month, int(day))
    if not year and first - today > _HALF_A_YEAR:
        first = first.replace(year=today.year - 1)
    if hour is None:
        return _days(first)
    return _minute(first, hour, minute)


def _minute(day: date, hour: str, minute: str) -> TimeRange:
    start = datetime.combine(day, time(int(hour), int(minute))).astimezone()
    return TimeRange(start, start + timedelta(minutes=1))


def _moment(moment: datetime) -> TimeRange:
    return TimeRange(moment, moment + timedelta(milliseconds=1))


def _days(first: date, length: timedelta = _DAY) -> TimeRange:
    """Return whole days; each midnight has the UTC offset of its day, because the clocks may change between the two."""
    midnights = (datetime(day.year, day.month, day.day).astimezone() for day in (first, first + length))
    return TimeRange(*midnights)


def when(text: str, now: datetime) -> TimeRange:
    """Read a period as `period` does; raises UsageError for anything else."""
    try:
        return period(text, now)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            _("{typed} is not a time.", typed=repr(text)),
            _(
                "Write 24/11, 24/11/2026 (the day first), '24/11 22:18', 18:00, 2026-11-24, 2026-11, '24 Nov', 7d or"
                " 90m (ago), today, yesterday or monday."
            ),
        ) from error


def topped_up(text: str, longest: timedelta | None, now: datetime) -> datetime:
    """Read the day or the moment of a top-up; `longest` is the life of the SIM after one.

    Raises UsageError for a moment in the future, and for one so long ago that the SIM would have ended since.
    """
    start = when(text, now).start
    if synchronised() and start > now:
        raise UsageError(
            _("{typed} is in the future.", typed=repr(text)), _("Name the day on which the SIM was topped up.")
        )
    if start < now - max(_OLDEST_TOP_UP, longest or _OLDEST_TOP_UP):
        raise UsageError(
            _(
                "{typed} is {day}: no SIM lives that long without a top-up.",
                typed=repr(text),
                day=start.date().isoformat(),
            ),
            _("Is the year right?"),
        )
    return start


def contact_id(text: str) -> int:
    """Read the ID of a contact; raises UsageError for anything else, and names the way from a number to its IDs."""
    if re.match("[0+].", text):
        raise UsageError(
            _("{typed} is a number, and an ID is needed here.", typed=repr(text)),
            _("`hotlined show {number}` shows the IDs.", number=shlex.quote(text)),
        )
    if (number := _maybe_whole(text)) is None or number < 1:
        raise UsageError(
            _("{typed} is not a contact.", typed=repr(text)),
            _("They are numbers from 1 on, the first column of `hotlined log`."),
        )
    return number


class AnswerMeant(NamedTuple):
    """The answer that an ID means: the answer to a contact, or a text by hand, whose ID is written `h12`."""

    row_id: int
    by_hand: bool


def answer_meant(text: str) -> AnswerMeant:
    """Read the ID of a contact or of a text by hand; raises UsageError for anything else."""
    word = text.strip()
    if re.fullmatch("[hH][0-9]{1,19}", word):
        return AnswerMeant(contact_id(word[1:]), by_hand=True)
    return AnswerMeant(contact_id(word), by_hand=False)


def is_id(text: str) -> bool:
    """Tell whether a text is an ID, not a number or name: digits without a leading 0, or `h` and such digits."""
    return re.fullmatch("[hH]?[1-9][0-9]*", text.strip()) is not None


def limit(text: str) -> int:
    """Read how many entries to show, 0 for all; raises UsageError for anything else."""
    if (number := _maybe_whole(text)) is None:
        raise UsageError(_("{typed} is not a count.", typed=repr(text)), _("Write a whole number, 0 for all."))
    return number


def _maybe_whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,19}", text) and int(text) <= LARGEST else None


def tag_word(text: str) -> str:
    """Read a tag, one word of at most 40 letters, digits, - and _; return it in lower case.

    Raises UsageError for anything else.
    """
    word = unicodedata.normalize("NFC", text.strip()).casefold()
    if not _TAG.fullmatch(word):
        raise UsageError(
            _("{typed} is not a tag.", typed=repr(text)),
            _("A tag is one word of at most 40 letters, digits, - and _."),
        )
    return word


def reason(text: str) -> str:
    """Read a reason, as a code or in the words of the log, and return its code; raises UsageError for anything else."""
    typed = text.strip().casefold()
    for known, english in BRIEF_REASONS.messages.items():
        words = (known.value.replace("_", " "), english, BRIEF_REASONS[known].replace(NO_BREAK, " "))
        if typed in (known.value, *map(str.casefold, words)):
            return known.value
    reasons = ", ".join(f"{known} ({brief})" for known, brief in BRIEF_REASONS.items())
    raise UsageError(_("{typed} is not a reason.", typed=repr(text)), _("There are {reasons}.", reasons=reasons))


def e164(text: str, country: str) -> str:
    """Read a number in any spelling and return it in E.164; raises AddressError if it is not a number."""
    try:
        return parse_number(text, country)
    except AddressError as error:
        if len(text.strip()) > SHORT_CODE_DIGITS or not text.strip().isdecimal():
            raise
        raise AddressError(CauseCode.SHORT_CODE, typed=text) from error


def contacts_meant(
    country: str,
    *,
    since: TimeRange | None,
    until: TimeRange | None,
    number: str | None,
    tag: str | None = None,
    **more: Any,
) -> Filter:
    """Return the filter of a list of contacts; `more` are its other fields. A tag may be the word that people see.

    Raises UsageError for a masked number, and for a period that ends before it begins.
    """
    if since and until and until.end <= since.start:
        raise UsageError(_("The period ends before it begins."), _("--since is its first moment, --until its last."))
    originator, name = _sender(number, country) if number is not None else (None, None)
    return Filter(
        since=since.start if since else None,
        until=until.end if until else None,
        tag=tag_of_words(tag) if tag else None,
        originator=originator,
        name=name,
        **more,
    )


def is_withheld(text: str) -> bool:
    """Tell whether a text means withheld numbers: the word that a list shows for them, in any language."""
    return unicodedata.normalize("NFC", text.strip()).casefold() in address.WITHHELD


def _sender(text: str, country: str) -> tuple[str | None, str | None]:
    """Return the originator for a filter if the text is a number, else the name; raises UsageError if it is masked."""
    if "…" in text or "..." in text:
        raise UsageError(
            _("{typed} is masked.", typed=repr(text)), _("Take the whole number, as `hotlined log` shows it.")
        )
    if is_withheld(text):
        return None, WITHHELD
    try:
        return parse_number(text, country), None
    except AddressError:
        return None, text.strip()
