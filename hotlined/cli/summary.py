"""What `hotlined stats` and its page tell: a period and its bins in local time, the figures of both, and sentences.

Days, weeks and months are those of the machine's time zone: a day in which the clocks change has 23 or 25 hours. Weeks
begin on Monday (ISO 8601). Nothing here prints.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from hotlined.clock import rfc3339
from hotlined.config import Config
from hotlined.errors import UsageError
from hotlined.policy import Limits
from hotlined.store import figures
from hotlined.store.database import Database
from hotlined.words.amounts import many, price

_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
_LONG = 14 * _DAY  # from here on, half a day is less than a twentieth
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
class Week:
    """A week from midnight to midnight, wholly in the period, and the texts that came in it."""

    start: datetime
    end: datetime
    texts: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period beside those of the one before, which is as long.

    There is none `before` where the line did not exist for the whole of it: it begins with its first contact or answer.
    `week` counts contacts by weekday (Monday first) and hour, `week_days` how many such days the period has at that
    hour. `weeks` are the whole ones, from the first midnight on.
    """

    line: str
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
    modem: tuple[figures.Span, ...]


# ---- periods


def choose(
    since: datetime | None, until: datetime | None, by: By | None, now: datetime, extent: figures.Extent
) -> Period:
    """Return the period that is asked for, else the last 30 days with today, as far as the line existed in it.

    It begins in the minute of the first contact at the earliest and ends now at the latest, so that nothing is divided
    by days in which nothing could come. Where something came after now, a clock was wrong: it ends where it is asked
    to.
    Raises UsageError for none or too many bins.
    """
    end = (until or now).astimezone()
    start = since.astimezone() if since else _midnight(end.date() - (_USUAL_DAYS - 1) * _DAY)
    if start >= end:
        raise UsageError("The period ends before it begins.", "--since is its first moment, --until its last.")
    began = _full_minute(extent.first) if extent.first else None
    if began is None and since is None:
        began = _midnight(end.date())
    if began and start < began < end:
        start = began
    if start < now < end and (extent.last is None or extent.last <= now):
        end = now.astimezone()
    by = by or next(by for length, by in _USUAL if end - start <= length)
    if (bins := (end - start) // _LENGTHS[by]) > _MOST_BINS:
        raise UsageError(
            f"These are {bins:,} {by}s.", "Take a shorter period or a longer --by: hour, day, week, month."
        )
    return Period(start, end, by)


def before(start: datetime, end: datetime) -> datetime:
    """Return where the period before begins: as many days where these are counted, else as many seconds."""
    if days := _calendar_days(start, end):
        return _midnight(start.date() - days * _DAY)
    return (start - (end - start)).astimezone()


def _calendar_days(start: datetime, end: datetime) -> int | None:
    """Return the days of a period that begins with a day, and ends with one or is so long that a part does not matter.

    A day on which the clocks change is one, and so is the last if it has only begun; None for other periods.
    """
    if start != _midnight(start.date()) or (end != _midnight(end.date()) and end - start < _LONG):
        return None
    return ((end - timedelta(microseconds=1)).date() - start.date()).days + 1


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


def _full_minute(moment: datetime) -> datetime:
    return moment.astimezone().replace(second=0, microsecond=0)


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


def summarise(
    db: Database, chosen: Config, since: datetime | None, until: datetime | None, by: By | None, now: datetime
) -> Summary:
    """Choose the period and count everything, as of one moment."""
    with figures.one_moment(db):
        extent = figures.extent(db)
        period = choose(since, until, by, now, extent)
        start, end = period.start, period.end
        bounds = edges(start, end, period.by)
        before_start = before(start, end)
        existed = extent.first is not None and _full_minute(extent.first) <= before_start
        *earlier, total = figures.tallies(db, [before_start, start, end] if existed else [start, end])
        counts = figures.counts(db, bounds)
        slots = figures.slots(db, start, end)
        modem = figures.spans(db, start, end)
    return Summary(
        line=chosen.line,
        limits=chosen.limits,
        period=period,
        began=extent.first,
        before_start=before_start if existed else None,
        total=total,
        before=earlier[0] if earlier else None,
        bins=tuple(
            Bin(first, last, _label(first, period), each)
            for first, last, each in zip(bounds, bounds[1:], counts, strict=False)
        ),
        week=_by_hour(slots),
        week_days=week_days(start, end),
        weeks=tuple(_weeks(slots, start, end)),
        modem=tuple(modem),
    )


def _by_hour(slots: Sequence[figures.Slot]) -> tuple[tuple[int, ...], ...]:
    week = [[0] * 24 for _ in range(7)]
    for slot in slots:
        local = slot.start.astimezone()
        week[local.weekday()][local.hour] += slot.contacts
    return tuple(map(tuple, week))


def week_days(start: datetime, end: datetime) -> tuple[tuple[int, ...], ...]:
    """Return for each weekday and hour on how many days of a period it is, at least in part.

    An hour that the clocks skip or repeat is one of its day all the same.
    """
    week = [[0] * 24 for _ in range(7)]
    last = end - timedelta(microseconds=1)  # what ends at a full hour does not touch it
    whole, rest = divmod((last.date() - start.date()).days + 1, 7)
    for number, day in enumerate(week):
        days = whole + ((number - start.weekday()) % 7 < rest)
        day[:] = [days] * 24
    for hour in range(start.hour):
        week[start.weekday()][hour] -= 1
    for hour in range(last.hour + 1, 24):
        week[last.weekday()][hour] -= 1
    return tuple(map(tuple, week))


def averages(summary: Summary) -> list[list[float | None]]:
    """Return the contacts by weekday and hour on such a day of the period; None where it has none."""
    return [
        [contacts / days if days else None for contacts, days in zip(*row, strict=True)]
        for row in zip(summary.week, summary.week_days, strict=True)
    ]


def _weeks(slots: Sequence[figures.Slot], start: datetime, end: datetime) -> Iterator[Week]:
    first = start if start == _midnight(start.date()) else _midnight(start.date() + _DAY)
    by_day: Counter[date] = Counter()
    for slot in slots:
        by_day[slot.start.astimezone().date()] += slot.texts
    with suppress(OverflowError):  # the last week of the calendar
        while (after := _midnight(first.date() + _WEEK)) <= end:
            yield Week(first, after, sum(by_day[first.date() + number * _DAY] for number in range(7)))
            first = after


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
        "began": rfc3339(summary.began) if summary.began else None,
        "price_per_segment": price(1, summary.limits),
        "total": _ends_json(period.start, period.end) | _tally_json(summary.total, summary.limits),
        "before": _ends_json(summary.before_start, period.start) | _tally_json(summary.before, summary.limits)
        if summary.before_start and summary.before
        else None,
        "bins": list(bins(summary)),
        "week": summary.week,
        "week_days": summary.week_days,
        "weeks": [_ends_json(each.start, each.end) | {"texts": each.texts} for each in summary.weeks],
        "modem_seconds": modem_seconds(summary),
        "words": list(sentences(summary)),
    }


def bins(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield the bins as `stats --json` and `stats --csv` have them."""
    for each in summary.bins:
        yield _ends_json(each.start, each.end) | _counts_json(each.counts, summary.limits)


def _ends_json(start: datetime, end: datetime) -> dict[str, Any]:
    return {"since": rfc3339(start), "until": rfc3339(end)}


def _counts_json(counts: figures.Counts, limits: Limits) -> dict[str, Any]:
    return asdict(counts) | {"cost": price(counts.segments, limits)}


def _tally_json(tally: figures.Tally, limits: Limits) -> dict[str, Any]:
    more = asdict(tally)
    more["reasons"] = {"suppressed": more.pop("suppressed"), "cancelled": more.pop("cancelled")}
    del more["counts"]
    return _counts_json(tally.counts, limits) | more


# ---- words

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SHARES = {
    Fraction(1, 4): "a quarter",
    Fraction(1, 3): "a third",
    Fraction(1, 2): "half",
    Fraction(2, 3): "two thirds",
    Fraction(3, 4): "three quarters",
}
_EXACT, _CLOSE = Fraction(5, 1000), Fraction(2, 100)
_FEW = 12  # of so many or fewer, people are counted and not told in shares
_MOST_PARTS = 5  # of a whole that are told one by one
_UNITS = {"week": _WEEK, "day": _DAY, "hour": _HOUR, "minute": timedelta(minutes=1)}
_RATES = ((14 * _DAY, "week"), (2 * _DAY, "day"), (2 * _HOUR, "hour"))  # from so long on
_IN_HOURS, _IN_DAYS = 2 * _HOUR, 3 * _DAY  # what is shorter is told in minutes, in hours
_MOST_WEEKS = 6
_NEAR = 1.5  # times its even share: what a week has to have to be named


def money(segments: int, limits: Limits) -> str:
    """Write what segments cost."""
    return f"{price(segments, limits):,.2f} {limits.currency}"


def lasts(start: datetime, end: datetime) -> tuple[int, str]:
    """Return how long a period is: a number and its unit."""
    if counted := _calendar_days(start, end):
        days = counted
    elif end - start >= _IN_DAYS:
        days = _nearest(end - start, _DAY)
    else:
        unit = "hour" if end - start >= _IN_HOURS else "minute"
        return max(1, _nearest(end - start, _UNITS[unit])), unit
    return (days // 7, "week") if days % 7 == 0 else (days, "day")


def _nearest(length: timedelta, unit: timedelta) -> int:
    return (length + unit / 2) // unit


def length(start: datetime, end: datetime) -> str:
    """Write how long a period is: `three weeks`, `30 days`, `one day`, `six hours`."""
    return _count(*lasts(start, end))


def calendar(start: datetime, end: datetime) -> str:
    """Write a period by the calendar: `2 to 22 November 2026`, `24 November 2026, 22:00 to 23:10`.

    What ends at midnight ends with the day before.
    """
    whole = end == _midnight(end.date())
    last = end.date() - _DAY if whole else end.date()
    first_time = "" if start == _midnight(start.date()) else f", {start:%H:%M}"
    last_time = f", {'24:00' if whole else f'{end:%H:%M}'}" if first_time or not whole else ""
    if start.date() == last:
        if last_time:
            return f"{_day(last)}, {start:%H:%M} to {last_time[2:]}"
        return _day(last)
    first = f"{start.day}"
    if start.year != last.year:
        first = _day(start.date())
    elif first_time or start.month != last.month:
        first = f"{start.day} {start:%B}"
    return f"{first}{first_time} to {_day(last)}{last_time}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _wait(seconds: float) -> str:
    unit = "hour" if seconds >= _IN_HOURS.total_seconds() else "minute"
    return _count(max(1, math.ceil(seconds / _UNITS[unit].total_seconds())), unit)


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"


def _count(number: int, noun: str) -> str:
    return f"{_word(number)} {noun}{'' if number == 1 else 's'}"


def rate(texts: int, number: int, unit: str) -> str | None:
    """Write how often: the number itself where it is round, else the round one that is nearest.

    It is the texts divided by the time as the sentence says it, so that whoever divides finds the same. None for less
    than one, and for a time too short or that is the unit itself.
    """
    time = number * _UNITS[unit]
    per = next((per for least, per in _RATES if time >= least), None)
    if per is None or time == _UNITS[per]:
        return None
    each = texts * Fraction(_UNITS[per] // timedelta(seconds=1), time // timedelta(seconds=1))
    if each < 1:
        return None
    digits = str(int(each))
    whole = each < 10 or (each < 100 and each == int(each))
    size = 1 if whole else (1 if digits[0] == "1" else 5) * 10 ** (len(digits) - 2)
    least = int(each // size * size)
    if each == least:
        said = f"{least:,}"
    elif each - least <= Fraction(size, 2):
        said = f"more than {least:,}"
    else:
        said = f"nearly {least + size:,}"
    return f"{said} {'an' if per == 'hour' else 'a'} {per}"


def _plain(exact: Fraction) -> tuple[Fraction, str] | None:
    """Return the plain fraction that is within two points, and how it is said; None where there is none."""
    value = min(_SHARES, key=lambda each: abs(each - exact))
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
    if found := _plain(exact):
        return found[1]
    if exact < Fraction(1, 100):
        return "less than 1 %"
    if exact > Fraction(99, 100):
        return "more than 99 %"
    return _percent(round(100 * exact))


def _percent(number: int) -> str:
    return f"{number} %"


def shares(parts: Sequence[int]) -> list[str]:
    """Write the parts of a whole so that they add up to it: as numbers, as plain fractions, or in percent.

    Few are counted, and so are all where one of the parts is less than a percent. Plain fractions are said only where
    all parts have one and these make up the whole; percents are rounded so that they make 100.
    """
    whole = sum(parts)
    if whole <= _FEW or any(part * 100 < whole for part in parts):
        return [_word(part) for part in parts]
    exact = [Fraction(part, whole) for part in parts]
    plain = [found for each in exact if (found := _plain(each))]
    if len(plain) == len(parts) and sum(value for value, _ in plain) == 1:
        return [words for _, words in plain]
    rounded = [int(100 * each) for each in exact]
    by_rest = sorted(range(len(parts)), key=lambda at: int(100 * exact[at]) - 100 * exact[at])
    for at in by_rest[: 100 - sum(rounded)]:
        rounded[at] += 1
    return [_percent(each) for each in rounded]


def sentences(summary: Summary) -> Iterator[str]:
    """Yield what can be read to a journalist, sentence by sentence: each with the period that it is about."""
    counts, start, end = summary.total.counts, summary.period.start, summary.period.end
    time = f"{length(start, end)} ({calendar(start, end)})"
    if counts.texts:
        often = rate(counts.texts, *lasts(start, end))
        yield f"{many(counts.texts, 'text')} in {time}{f', {often}' if often else ''}."
        yield from _busiest(summary)
    else:
        yield f"No text in {time}."
    if counts.calls:
        yield f"{many(counts.calls, 'call')} in the same time."
    yield from _people(counts)
    yield from _answers(summary.total)
    if counts.segments:
        each = f" at {_price(summary.limits)}{' each' if counts.segments > 1 else ''}"
        spent = money(counts.segments, summary.limits)
        yield f"In all the SIM spent {spent}: {many(counts.segments, 'segment')}{each}."
    yield from _reactions(summary.total)
    if summary.total.other_tags:
        tags = ", ".join(f"{tag} {number:,}" for tag, number in summary.total.other_tags.items())
        yield f"Tags on what is no reaction to an answer: {tags}."
    if summary.before and summary.before_start:
        was = summary.before.counts.texts
        earlier = length(summary.before_start, start).removeprefix("one ")
        told = f"In the {earlier} before ({calendar(summary.before_start, start)})"
        yield f"{told}: {many(was, 'text') if was else 'no text'}."
    elif summary.began and summary.began < end:
        local = summary.began.astimezone()
        yield f"The line's records begin on {_day(local.date())} at {local:%H:%M}."


def _price(limits: Limits) -> str:
    """Write the price of a segment with all its places, and at least two of them."""
    exact = limits.price_per_segment.normalize()
    return f"{exact:f} {limits.currency}" if -int(exact.as_tuple().exponent) > 2 else money(1, limits)


def _busiest(summary: Summary) -> Iterator[str]:
    """Yield the week that had far more than its share, unless they are few or another had as many."""
    total, weeks = summary.total.counts.texts, sorted(summary.weeks, key=lambda each: -each.texts)
    if total <= _FEW or not 2 <= len(weeks) <= _MOST_WEEKS or weeks[0].texts == weeks[1].texts:
        return
    most = weeks[0]
    if most.texts / total >= _NEAR * (_WEEK / (summary.period.end - summary.period.start)):
        part = share(most.texts, total)
        yield f"{part[0].upper()}{part[1:]} of them came in the week from {calendar(most.start, most.end)}."


def _people(counts: figures.Counts) -> Iterator[str]:
    """Yield how many texted or called: senders, for a name or a short code is none that one could text."""
    numbers = counts.new + counts.returning
    if numbers == 1:
        yield f"1 sender texted or called, {'' if counts.new else 'not '}for the first time."
    elif numbers:
        new = {numbers: "all", 0: "none"}.get(counts.new, f"{counts.new:,}")
        yield f"{numbers:,} senders texted or called, {new} of them for the first time."
    if counts.withheld:
        kinds = "text or call" if counts.withheld == 1 else "texts or calls"
        yield f"{counts.withheld:,} {kinds} came without a number."


def _answers(tally: figures.Tally) -> Iterator[str]:
    """Yield how many went out and how soon, and how many of them the network did not confirm."""
    answers, unconfirmed = tally.counts.answers, tally.counts.unconfirmed
    if not answers:
        return
    when = ""
    if tally.seconds_to_answer:
        wait = _wait(tally.seconds_to_answer[1])
        if tally.timed == answers:
            when = f", within {wait}" if answers == 1 else f", half of them within {wait}"
        elif tally.timed == 1:
            when = f"; of 1 it is known how soon, within {wait}"
        else:
            when = f"; of {tally.timed:,} it is known how soon, half of these within {wait}"
    yield f"{many(answers, 'answer')} went out{when}."
    if unconfirmed:
        them = "it" if answers == 1 else "any of them" if unconfirmed == answers else f"{unconfirmed:,} of them"
        yield f"The network did not confirm {them}."


def _reactions(tally: figures.Tally) -> Iterator[str]:
    """Yield what people wrote back, each reaction once, by all of its tags."""
    if not tally.reactions:
        return
    reactions = f"{many(tally.reactions, 'reaction')} to the answer"
    parts = _parts(tally.by_tags)
    if len(parts) == 1:
        ((words, _),) = parts
        one = tally.reactions == 1
        if words == _UNTAGGED:
            yield f"{reactions}, {'not' if one else 'none'} tagged yet."
        else:
            yield f"{reactions}, {'' if one else 'all of them '}{words}."
        return
    told = [
        f"{said} {'is' if said == _NUMBERS[1] else 'are'} {words}"
        for said, (words, _) in zip(shares([part for _, part in parts]), parts, strict=True)
    ]
    together = any(len(each.tags) > 1 for each in tally.by_tags)
    yield f"Of {reactions}, {_listed(told, ', and ' if together else ' and ')}."


_UNTAGGED = "not tagged yet"


def _parts(by_tags: Sequence[figures.Tagged]) -> list[tuple[str, int]]:
    """Return the parts of the reactions, in words; those with the rarest tags are one where they are many."""
    together = {tag for each in by_tags if len(each.tags) > 1 for tag in each.tags}
    parts = []
    for each in by_tags:
        words = f"tagged {_listed(each.tags)}" if each.tags else _UNTAGGED
        alone = len(each.tags) == 1 and each.tags[0] in together
        parts.append((f"{words}{' together' if len(each.tags) > 1 else ' alone' if alone else ''}", each.reactions))
    if len(parts) <= _MOST_PARTS:
        return parts
    untagged = [part for part in parts if part[0] == _UNTAGGED]
    kept = _MOST_PARTS - 1 - len(untagged)
    others = sum(part for _, part in parts[kept : len(parts) - len(untagged)])
    return [*parts[:kept], ("tagged otherwise", others), *untagged]


def _listed(words: Sequence[str], last: str = " and ") -> str:
    return last.join(filter(None, (", ".join(words[:-1]), words[-1])))
