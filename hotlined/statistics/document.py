"""The figures of a period for machines: `stats --json` and `stats --csv`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from hotlined.forms import Form, Seconds, Time, by_key, extended
from hotlined.machine.clock import rfc3339
from hotlined.rules.policy import Limits
from hotlined.statistics.periods import By, zone
from hotlined.statistics.sentences import sentences
from hotlined.statistics.summary import Summary, modem_seconds
from hotlined.store.reading.figures import SentText, Tagged, Tally
from hotlined.words.amounts import maybe_price

_Hours = Annotated[tuple[int, ...], Form(minItems=24, maxItems=24)]
_ByHour = Annotated[tuple[_Hours, ...], Form(minItems=7, maxItems=7)]


@dataclass(frozen=True, slots=True)
class PeriodCounts:
    """The counts of an hour, a day, a week or a month, or of the part of it that is in the period."""

    since: Time
    until: Time
    texts: int
    calls: int
    others: int
    """Contacts that are neither texts nor calls."""
    mms: int
    """Messages that announce a picture; they are also in `others`."""
    withheld: int
    """Texts and calls without a number."""
    new: int
    """Telephone numbers that contacted the line for the first time; names and short codes are not counted."""
    returning: int
    """Telephone numbers that had contacted the line before."""
    suppressed: int
    """Contacts whose verdict is that they get no answer."""
    answers: int
    """Answers whose first segment was given to the modem in this time; one that ended half sent is none."""
    unconfirmed: int
    """Answers that may or may not have left; they are also in `answers`."""
    segments: int
    """All segments that the SIM spent, also for texts by hand."""
    cost: float | None
    """`segments` times limits.price_per_segment; null if that is not set."""


@dataclass(frozen=True, slots=True)
class ReasonCounts:
    """Contacts by the reason why they get no answer, and by the reason why their answer was cancelled."""

    suppressed: dict[str, int]
    cancelled: dict[str, int]


@dataclass(frozen=True, slots=True)
class PeriodTally(PeriodCounts):
    """The counts of a whole period."""

    seconds_to_answer: tuple[Seconds, Seconds, Seconds] | None
    """The time from a contact to the last segment of its answer: the three quartiles; the second is the median."""
    timed: int
    """The number of answers that `seconds_to_answer` is computed from."""
    reactions: int
    """Texts that came within 24 hours after an answer to their number."""
    untagged: int
    """Reactions whose text is not erased, and which nobody has tagged."""
    tags: dict[str, int]
    """Reactions by tag; one with two tags counts twice."""
    unread: int
    """Reactions whose text was erased before a person tagged it."""
    by_tags: tuple[Tagged, ...]
    """Reactions by their list of tags; a reaction with two tags counts once, with both."""
    other_tags: dict[str, int]
    """Contacts that are not reactions, by tag; one with two tags counts twice."""
    by_text: tuple[SentText, ...]
    """Answers and reactions, by the text of the answer; the text is null for all answers whose text is erased."""
    reasons: ReasonCounts


@dataclass(frozen=True, slots=True)
class BusiestDay:
    """The day with the most texts, and their number."""

    day: Annotated[str, Form(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    texts: int


@dataclass(frozen=True, slots=True)
class WeekTexts:
    """A whole week, and the number of texts that came in it."""

    since: Time
    until: Time
    texts: int


@dataclass(frozen=True, slots=True)
class Stats:
    """stats --json: times are in RFC 3339, durations in seconds, money is in `currency`."""

    line: str
    currency: str
    zone: str
    """The time zone, such as CET; two if it changes during the period, such as CEST/CET."""
    by: By
    since: Time
    until: Time
    began: Time | None
    """The first contact or answer of the line."""
    price_per_segment: float | None
    total: PeriodTally
    before: PeriodTally | None
    """The same counts for the period of the same length before; null if the line began after that period did."""
    bins: tuple[PeriodCounts, ...]
    """The period in hours, days, weeks or months, as `by` says."""
    week: _ByHour
    """Contacts by weekday, Monday first, and by hour."""
    week_days: _ByHour
    """How often the period has each weekday and hour of `week`."""
    busiest_day: BusiestDay | None
    """The day with the most texts, the first of several; null if no text came."""
    weeks: tuple[WeekTexts, ...]
    """The whole weeks of the period, counted from its first midnight."""
    modem_seconds: dict[str, Seconds]
    """The time that the modem spent in each state; the state `unknown` has the time without a record."""
    words: tuple[str, ...]
    """The figures in sentences, in the language of the line."""


def document(summary: Summary) -> Stats:
    """Return the document that `stats --json` prints."""
    period, limits, busiest, before = summary.period, summary.limits, summary.busiest_day, None
    if summary.before_start and summary.before:
        before = _tally(summary.before_start, period.start, summary.before, limits)
    return Stats(
        line=summary.line,
        currency=limits.currency,
        zone=zone(period),
        by=period.by,
        since=rfc3339(period.start),
        until=rfc3339(period.end),
        began=rfc3339(summary.began) if summary.began else None,
        price_per_segment=_cost(1, limits),
        total=_tally(period.start, period.end, summary.total, limits),
        before=before,
        bins=tuple(bins(summary)),
        week=summary.week,
        week_days=summary.week_days,
        busiest_day=BusiestDay(busiest.date.isoformat(), busiest.texts) if busiest else None,
        weeks=tuple(WeekTexts(rfc3339(week.start), rfc3339(week.end), week.texts) for week in summary.weeks),
        modem_seconds=modem_seconds(summary),
        words=tuple(sentences(summary)),
    )


def bins(summary: Summary) -> Iterator[PeriodCounts]:
    """Yield the counts of each part of the period, for `stats --json` and `stats --csv`."""
    for part in summary.bins:
        since, until = rfc3339(part.start), rfc3339(part.end)
        cost = _cost(part.counts.segments, summary.limits)
        yield extended(PeriodCounts, part.counts, since=since, until=until, cost=cost)


def _tally(start: datetime, end: datetime, tally: Tally, limits: Limits) -> PeriodTally:
    return extended(
        PeriodTally,
        tally,
        **by_key(tally.counts),
        since=rfc3339(start),
        until=rfc3339(end),
        cost=_cost(tally.counts.segments, limits),
        reasons=ReasonCounts(tally.suppressed, tally.cancelled),
    )


def _cost(segments: int, limits: Limits) -> float | None:
    price = maybe_price(segments, limits)
    return None if price is None else float(price)
