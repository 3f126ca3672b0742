"""Numbers, shares, rates and periods as people say them: `half`, `more than ten a day`, `three weeks`."""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction

from hotlined.policy import Limits
from hotlined.statistics.periods import DAY, HOUR, WEEK, calendar_days, full_minute, midnight
from hotlined.words.amounts import price

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SHARES = {
    Fraction(1, 4): "a quarter",
    Fraction(1, 3): "a third",
    Fraction(1, 2): "half",
    Fraction(2, 3): "two thirds",
    Fraction(3, 4): "three quarters",
}
_EXACT, _CLOSE = Fraction(5, 1000), Fraction(2, 100)
FEW = 12  # so many people or fewer are counted, not given in shares
UNITS = {"week": WEEK, "day": DAY, "hour": HOUR, "minute": timedelta(minutes=1)}
_RATES = ((14 * DAY, "week"), (2 * DAY, "day"), (2 * HOUR, "hour"))  # from so long on
_IN_HOURS, _IN_DAYS = 2 * HOUR, 3 * DAY  # what is shorter is given in minutes, in hours


def money(segments: int, limits: Limits) -> str:
    """Write what segments cost."""
    return f"{price(segments, limits):,.2f} {limits.currency}"


def lasts(start: datetime, end: datetime) -> tuple[int, str]:
    """Return how long a period is: a number and its unit, by the minutes that `calendar` writes."""
    start, end = full_minute(start), full_minute(end)
    if counted := calendar_days(start, end):
        days = counted
    elif end - start >= _IN_DAYS:
        days = _nearest(end - start, DAY)
    else:
        unit = "hour" if end - start >= _IN_HOURS else "minute"
        return max(1, _nearest(end - start, UNITS[unit])), unit
    return (days // 7, "week") if days % 7 == 0 else (days, "day")


def _nearest(length: timedelta, unit: timedelta) -> int:
    return (length + unit / 2) // unit


def length(start: datetime, end: datetime) -> str:
    """Write how long a period is: `three weeks`, `30 days`, `one day`, `six hours`."""
    return count_in_words(*lasts(start, end))


def calendar(start: datetime, end: datetime) -> str:
    """Write a period by the calendar: `2 to 22 November 2026`, `24 November 2026, 22:00 to 23:10`.

    What ends at midnight ends with the day before.
    """
    whole = end == midnight(end.date())
    last = end.date() - DAY if whole else end.date()
    first_time = "" if start == midnight(start.date()) else f", {start:%H:%M}"
    last_time = f", {'24:00' if whole else f'{end:%H:%M}'}" if first_time or not whole else ""
    if start.date() == last:
        if last_time:
            return f"{day_in_words(last)}, {start:%H:%M} to {last_time[2:]}"
        return day_in_words(last)
    first = f"{start.day}"
    if start.year != last.year:
        first = day_in_words(start.date())
    elif first_time or start.month != last.month:
        first = f"{start.day} {start:%B}"
    return f"{first}{first_time} to {day_in_words(last)}{last_time}"


def day_in_words(day: date) -> str:
    """Write a day: `24 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def wait_in_sentence(seconds: float) -> str:
    """Write a time to wait, rounded up: `20 minutes`, `three hours`."""
    unit = "hour" if seconds >= _IN_HOURS.total_seconds() else "minute"
    return count_in_words(max(1, math.ceil(seconds / UNITS[unit].total_seconds())), unit)


def number_in_words(number: int) -> str:
    """Write a number, up to twelve in letters."""
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"


def count_in_words(number: int, noun: str) -> str:
    """Write a number with its noun, up to twelve in letters."""
    return f"{number_in_words(number)} {noun}{'' if number == 1 else 's'}"


def rate(texts: int, number: int, unit: str) -> str | None:
    """Write a rate as a round number: the number itself, `more than` a lower or `nearly` a higher one.

    It is the texts divided by the time as the sentence says it, so that whoever divides finds the same. None for less
    than one, and for a time too short or that is the unit itself.
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
        times = f"{least:,}"
    elif often - least <= Fraction(size, 2):
        times = f"more than {least:,}"
    else:
        times = f"nearly {least + size:,}"
    return f"{times} {'an' if per == 'hour' else 'a'} {per}"


def _plain(exact: Fraction) -> tuple[Fraction, str] | None:
    """Return the plain fraction that is within two points, and its words; None where there is none."""
    value = min(_SHARES, key=lambda fraction: abs(fraction - exact))
    if abs(exact - value) > _CLOSE:
        return None
    if abs(exact - value) < _EXACT:
        return value, _SHARES[value]
    return value, f"{'more than' if exact > value else 'nearly'} {_SHARES[value]}"


def share(part: int, whole: int) -> str:
    """Write one share as people say it: `half`, `more than half`, `nearly a third`, `12 %`."""
    exact = Fraction(part, whole)
    if part == whole:
        return "all"
    if fraction := _plain(exact):
        return fraction[1]
    if exact < Fraction(1, 100):
        return "less than 1 %"
    if exact > Fraction(99, 100):
        return "more than 99 %"
    return _percent(round(100 * exact))


def _percent(number: int) -> str:
    return f"{number} %"


def shares(parts: Sequence[int]) -> list[str]:
    """Write the parts of a whole so that they add up to it: as numbers, as plain fractions, or in percent.

    Few are counted, and so are all where one of the parts is less than a percent. Plain fractions are used only where
    all parts have one and these make up the whole; percents are rounded so that they make 100.
    """
    whole = sum(parts)
    if whole <= FEW or any(part * 100 < whole for part in parts):
        return [number_in_words(part) for part in parts]
    exact = [Fraction(part, whole) for part in parts]
    plain = [fraction for value in exact if (fraction := _plain(value))]
    if len(plain) == len(parts) and sum(value for value, _ in plain) == 1:
        return [words for _, words in plain]
    rounded = [int(100 * value) for value in exact]
    by_rest = sorted(range(len(parts)), key=lambda at: int(100 * exact[at]) - 100 * exact[at])
    for at in by_rest[: 100 - sum(rounded)]:
        rounded[at] += 1
    return [_percent(value) for value in rounded]
