"""The room left in each window, the answers that wait, and the most that can be spent.

Times are for one more text: answers that leave before its own is due take room from it, and older ones that wait then
do not. The most is what the configured windows allow, whatever happens; it needs neither a daemon nor a database.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hotlined.config import Config
from hotlined.errors import DatabaseMissingError
from hotlined.forms import ByWindow, Seconds
from hotlined.language import _, ngettext, pgettext
from hotlined.machine.clock import rfc3339
from hotlined.reports.ahead import longest_by_step, look_ahead, sizes
from hotlined.reports.stored import holds_of
from hotlined.rules import policy
from hotlined.rules.policy import Share, Spent
from hotlined.store.answers import windows
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.line_row import Sending
from hotlined.store.reading import forecast
from hotlined.store.reading.forecast import Forecast, Outlook
from hotlined.words.amounts import SOON_SECONDS, in_answers, in_segments, maybe_price, room_in_words, segments_and_price
from hotlined.words.times import clock_time


@dataclass(frozen=True, slots=True)
class Window:
    """One window, in segments. `known` went to numbers that were answered before; these cannot use the `reserve`.

    `new_in_seconds` and `known_in_seconds`: the time until there is room for one more answer to a new or to a known
    number, after those that go first; 0: now, null: never.
    """

    used: int
    known: int
    limit: int
    reserve: int
    new_in_seconds: Seconds | None
    known_in_seconds: Seconds | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The waiting answers to new or to known numbers, their segments, and when a text that came now could be answered.

    `next_in_seconds` is the earliest time, because `answer.delay` is drawn at random; null: never, or not while
    something keeps all answers back. `ahead` counts the waiting answers that go first: those that leave before
    it is due; then it is the newest, and goes before the others.
    """

    answers: int
    segments: int
    next_in_seconds: Seconds | None
    ahead: int


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that a window allows: segments, their price, and how many first contacts that answers."""

    segments: int
    price: Decimal | None
    first_contacts: int


@dataclass(frozen=True, slots=True)
class AnswerCost:
    """The cost of one answer; the price is null if `limits.price_per_segment` is not set."""

    segments: int
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """The document that `limits --json` prints.

    `held`: everything that keeps answers back, even if there is room. `answers`: the highest cost of the first answer
    to a number, of the second, and so on; empty if the answer has no text, because then nothing is sent. `waits`: the
    number of answers that wait. `first_in_seconds`: the time until the first of them goes; null if it is not known.
    """

    line: str
    currency: str
    windows: ByWindow[Window]
    queue: dict[str, Queue]
    """By share: new, known."""
    held: tuple[Sending, ...]
    worst: dict[str, Worst]
    answers: tuple[AnswerCost, ...]
    waits: int
    first_in_seconds: Seconds | None


def report_limits(config: Config) -> LimitsReport:
    """Return the report for `limits`; without a database nothing is spent."""
    limits = config.limits
    segments = longest_by_step(config)
    spent, view, holds = _look(config)
    new, known = (_outlook(view, size, share) for share, size in sizes(config).items())
    return LimitsReport(
        line=config.line,
        currency=limits.currency,
        windows={name: _window(name, used, limits, view, new, known) for name, used in spent.items()},
        queue={
            share.value: Queue(
                view.ahead[share].answers,
                view.ahead[share].segments,
                None if holds else _left(view, outlook.at),
                outlook.ahead.answers,
            )
            for share, outlook in ((Share.NEW, new), (Share.KNOWN, known))
        },
        held=holds,
        worst={
            name: Worst(most, maybe_price(most, limits), most // segments[0] if segments[0] else 0)
            for name, most in worst_case(limits).items()
        },
        answers=tuple(AnswerCost(number, maybe_price(number, limits)) for number in segments if number),
        waits=sum(queue.answers for queue in view.ahead.values()),
        first_in_seconds=None if holds else _left(view, view.first_at()),
    )


def _outlook(view: Forecast, segments: int, share: Share) -> Outlook:
    """Return when one more answer of a share can leave; None (never) if there is no text for it."""
    if segments:
        return view.outlook(segments, known=share is Share.KNOWN)
    return Outlook(None, dict.fromkeys(policy.WINDOW_SECONDS), view.ahead[share])


def _look(config: Config) -> tuple[dict[str, Spent], Forecast, tuple[Sending, ...]]:
    """Return the spending of each window, the forecast, and everything that keeps answers back."""
    try:
        with open_beside_daemon(config.database) as db:
            now = db.now()
            spent = windows.spent(db, now)
            return spent, look_ahead(db, config, now), holds_of(db, config)
    except DatabaseMissingError:
        nothing = dict.fromkeys(policy.WINDOW_SECONDS, Spent())
        return nothing, forecast.nothing(config.limits, config.answer.delay[0]), ()


def _window(name: str, used: Spent, limits: policy.Limits, view: Forecast, new: Outlook, known: Outlook) -> Window:
    limit = getattr(limits.segments, name)
    return Window(
        used=used.total,
        known=used.known,
        limit=limit,
        reserve=policy.reserve(limit, limits),
        new_in_seconds=_left(view, new.windows[name]),
        known_in_seconds=_left(view, known.windows[name]),
    )


def _left(view: Forecast, at: float | None) -> float | None:
    """Return the seconds from the moment of a forecast until `at`, a moment of the limit clock."""
    return None if at is None else at - view.now


def worst_case(limits: policy.Limits) -> dict[str, int]:
    """Return the most segments that an hour, a day and 30 days can take: all three limits hold at the same time."""
    segments = limits.segments
    return {
        "hour": min(segments.hour, segments.day, segments.month),
        "day": min(24 * segments.hour, segments.day, segments.month),
        "month": min(30 * 24 * segments.hour, 30 * segments.day, segments.month),
    }


def worst_in_words(limits: policy.Limits) -> str:
    """Return the most that can be spent, in words."""
    worst = worst_case(limits)
    places = {window: segments_and_price(segments, limits) for window, segments in worst.items()}
    return _("At worst it spends {hour} in an hour, {day} in a day, {month} in 30 days.", **places)


def waits_in_words(report: LimitsReport, delay: timedelta, now: datetime) -> str:
    """Return in words how many answers wait and when they go, and when a text that came now could be answered.

    `delay` is the shortest delay of an answer.
    """
    new, known = (report.queue[share.value] for share in (Share.NEW, Share.KNOWN))
    waiting = _("No answer waits.")
    if report.waits:
        places = {"new": _waiting_in_words(new), "known": _waiting_in_words(known)}
        waiting = _("{new} to new numbers and {known} to known ones wait.", **places)
    if not report.answers:
        note = _("The answer has no text: nobody is answered, and what waits is cancelled when its time comes.")
        return f"{waiting} {note}"
    if report.held:
        return waiting
    note = _(
        "An answer to a new number can go: {new}. To a known number whose cooldown is over: {known}.",
        new=_next_in_words(new, delay),
        known=_next_in_words(known, delay),
    )
    return f"{_first_in_words(report, now)} {note}".lstrip()


def _next_in_words(queue: Queue, delay: timedelta) -> str:
    """Return in words when a text that came now could be answered, and how many waiting answers go before it."""
    seconds = queue.next_in_seconds
    if seconds is not None and seconds < delay.total_seconds() + SOON_SECONDS:
        when = _("after the usual delay") if delay else room_in_words(0)
    else:
        when = room_in_words(seconds)
    if not queue.ahead:
        return when
    return ngettext("{when} ({number} answer goes first)", "{when} ({number} answers go first)", queue.ahead, when=when)


def _first_in_words(report: LimitsReport, now: datetime) -> str:
    """Return in words how many answers wait and when the first of them goes; empty if none waits."""
    if not report.waits:
        return ""
    waits = ngettext("{number} answer waits", "{number} answers wait", report.waits)
    if report.first_in_seconds is None:
        return _("{waits}; none will find room in time.", waits=waits)
    if report.first_in_seconds < SOON_SECONDS:
        return _("{waits}; the next can go now.", waits=waits)
    at = rfc3339(now + timedelta(seconds=report.first_in_seconds))
    return _("{waits}; the next can go {at}.", waits=waits, at=clock_time(at))


def _waiting_in_words(queue: Queue) -> str:
    """Return in words how many answers wait, and their segments."""
    if not queue.answers:
        return pgettext("queue", "no answer")
    return f"{in_answers(queue.answers)} ({in_segments(queue.segments)})"
