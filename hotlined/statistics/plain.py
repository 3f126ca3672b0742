"""Numbers, shares, rates and periods in plain words: `half`, `more than ten a day`, `three weeks`."""

import math
from datetime import date, datetime, timedelta
from fractions import Fraction

from hotlined.language import N_, NP_, Language, _, in_digits, pgettext, spoken, unfilled
from hotlined.statistics.periods import DAY, HOUR, WEEK, calendar_days, full_minute, midnight
from hotlined.store.reading.figures import SentText

_NUMBERS = (
    *(N_("no"), N_("one"), N_("two"), N_("three"), N_("four"), N_("five"), N_("six"), N_("seven"), N_("eight")),
    *(N_("nine"), N_("ten"), N_("eleven"), N_("twelve")),
)
_MONTHS = (
    *(N_("January"), N_("February"), N_("March"), N_("April"), NP_("month", "May"), N_("June"), N_("July")),
    *(N_("August"), N_("September"), N_("October"), N_("November"), N_("December")),
)
_SHARES = {
    Fraction(1, 4): (N_("a quarter"), N_("more than a quarter"), N_("nearly a quarter")),
    Fraction(1, 3): (N_("a third"), N_("more than a third"), N_("nearly a third")),
    Fraction(1, 2): (N_("half"), N_("more than half"), N_("nearly half")),
    Fraction(2, 3): (N_("two thirds"), N_("more than two thirds"), N_("nearly two thirds")),
    Fraction(3, 4): (N_("three quarters"), N_("more than three quarters"), N_("nearly three quarters")),
}
"""Plain fractions in words: for the exact value, for a little more, for a little less."""
_EXACT, _CLOSE = Fraction(5, 1000), Fraction(2, 100)
FEW = 12  # at most this many people are counted one by one, not given as a share
UNITS = {"week": WEEK, "day": DAY, "hour": HOUR, "minute": timedelta(minutes=1)}
_ONE = {"week": N_("one week"), "day": N_("one day"), "hour": N_("one hour"), "minute": N_("one minute")}
_SEVERAL = {
    "week": N_("{count} weeks"),
    "day": N_("{count} days"),
    "hour": N_("{count} hours"),
    "minute": N_("{count} minutes"),
}
_EACH = {"week": N_("{times} a week"), "day": N_("{times} a day"), "hour": N_("{times} an hour")}
_RATES = ((14 * DAY, "week"), (2 * DAY, "day"), (2 * HOUR, "hour"))  # from this length on
_IN_HOURS, _IN_DAYS = 2 * HOUR, 3 * DAY  # a shorter time is given in minutes, or in hours


def lasts(start: datetime, end: datetime) -> tuple[int, str]:
    """Return the length of a period, as a number and its unit, counted by the minutes that `calendar` writes.

    It is in hours or minutes if whole days would be more than a tenth off.
    """
    start, end = full_minute(start), full_minute(end)
    if counted := calendar_days(start, end):
        days = counted
    elif end - start >= _IN_DAYS and abs(end - start - _nearest(end - start, DAY) * DAY) <= (end - start) / 10:
        days = _nearest(end - start, DAY)
    else:
        unit = "hour" if end - start >= _IN_HOURS else "minute"
        return max(1, _nearest(end - start, UNITS[unit])), unit
    return (days // 7, "week") if days % 7 == 0 else (days, "day")


def _nearest(length: timedelta, unit: timedelta) -> int:
    return (length + unit / 2) // unit


def length(start: datetime, end: datetime) -> str:
    """Write the length of a period: `three weeks`, `30 days`, `one day`, `six hours`."""
    return count_in_words(*lasts(start, end))


def calendar(start: datetime, end: datetime) -> str:
    """Write a period by the calendar: `2 to 22 November 2026`, `24 November 2026, 22:00 to 23:10`.

    A period that ends at midnight ends with the day before.
    """
    whole = end == midnight(end.date())
    last = end.date() - DAY if whole else end.date()
    is_timed = not whole or start != midnight(start.date())
    first_time = "" if start == midnight(start.date()) else f", {start:%H:%M}"
    last_time = "24:00" if whole else f"{end:%H:%M}"
    if start.date() == last:
        if is_timed:
            return _("{day}, {first} to {last}", day=day_in_words(last), first=format(start, "%H:%M"), last=last_time)
        return day_in_words(last)
    first = _day_number(start.date())
    if start.year != last.year:
        first = day_in_words(start.date())
    elif first_time or start.month != last.month:
        first = f"{_day_number(start.date())} {_month(start.date())}"
    if is_timed:
        return _("{first} to {last}", first=first + first_time, last=", ".join([day_in_words(last), last_time]))
    return pgettext("days", "{first} to {last}", first=first, last=day_in_words(last))


def day_in_words(day: date) -> str:
    """Write a day: `24 November 2026`."""
    return f"{_day_number(day)} {_month(day)} {day.year}"


def _day_number(day: date) -> str:
    return "1er" if day.day == 1 and spoken() is Language.FRENCH else str(day.day)


def _month(day: date) -> str:
    return unfilled(_MONTHS[day.month - 1])


def wait_in_sentence(seconds: float) -> str:
    """Write a wait, rounded up: `20 minutes`, `three hours`."""
    unit = "hour" if seconds >= _IN_HOURS.total_seconds() else "minute"
    return count_in_words(max(1, math.ceil(seconds / UNITS[unit].total_seconds())), unit)


def number_in_words(number: int) -> str:
    """Write a number, up to twelve in letters."""
    return unfilled(_NUMBERS[number]) if number < len(_NUMBERS) else in_digits(number)


def count_in_words(number: int, unit: str) -> str:
    """Write a number of weeks, days, hours or minutes; numbers up to twelve are in letters."""
    return unfilled(_ONE[unit]) if number == 1 else _(_SEVERAL[unit], count=number_in_words(number))


def rate(texts: int, number: int, unit: str) -> str | None:
    """Write a rate as a round number: the exact one, `more than` a lower one or `nearly` a higher one.

    It is computed from the rounded length, so that the figures agree. It is None for less than one per unit, for a time
    that is too short, and for a time of one unit.
    """
    time = number * UNITS[unit]
    per = next((per for least, per in _RATES if time >= least), None)
    if per is None or time == UNITS[per]:
        return None
    often = texts * Fraction(UNITS[per] // timedelta(seconds=1), time // timedelta(seconds=1))
    if often < 1:
        return None
    digits = str(int(often))
    whole = often < 10 or (often < 100 and often == int(often))
    size = 1 if whole else (1 if digits[0] == "1" else 5) * 10 ** (len(digits) - 2)
    least = int(often // size * size)
    if often == least:
        times = in_digits(least)
    elif often - least <= Fraction(size, 2):
        times = _("more than {number}", number=in_digits(least))
    else:
        times = _("nearly {number}", number=in_digits(least + size))
    return _(_EACH[per], times=times)


def _maybe_plain(exact: Fraction) -> str | None:
    """Return the plain fraction within two percentage points, in words; None if there is none."""
    value = min(_SHARES, key=lambda fraction: abs(fraction - exact))
    if abs(exact - value) > _CLOSE:
        return None
    plain, more, less = _SHARES[value]
    return unfilled(plain if abs(exact - value) < _EXACT else more if exact > value else less)


def share(part: int, whole: int) -> str:
    """Write a share in plain words: `half`, `more than half`, `nearly a third`, `12 %`."""
    exact = Fraction(part, whole)
    if part == whole:
        return _("all")
    if fraction := _maybe_plain(exact):
        return fraction
    if exact < Fraction(1, 100):
        return _("less than 1 %")
    if exact > Fraction(99, 100):
        return _("more than 99 %")
    return _("{number} %", number=round(100 * exact))


def text_in_words(sent: SentText) -> str:
    """Return a sent text of the line; for all those that are erased, the word for erased."""
    return _("(erased)") if sent.text is None else sent.text
