"""The digest: a day or a week of the line in a mail, and the choice of the one that is due.

It contains no number and no quotation. Its figures are those of `stats`. It goes only to URLs: a text message has too
little room for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hotlined.conditions import month_in_words
from hotlined.config import Config, Digest
from hotlined.language import N_, Phrases, _, in_digits, ngettext
from hotlined.machine.clock import Now, parse_rfc3339
from hotlined.reports.overview import LineReport
from hotlined.reports.stored import balance_in_words
from hotlined.states import AlertCondition, ModemState, NoModemState
from hotlined.statistics.periods import By, midnight
from hotlined.statistics.plain import calendar
from hotlined.statistics.sentences import sentences
from hotlined.statistics.summary import Summary, modem_seconds, summarise
from hotlined.store.line.alerting import Draft
from hotlined.store.line.database import Database
from hotlined.store.reading import review
from hotlined.words.harmless import harmless
from hotlined.words.times import day, moment

_TITLES = Phrases({"daily": N_("the day, {dates}"), "weekly": N_("the week, {dates}")})
_CAME, _WAITS, _HEALTH = N_("What came"), N_("What waits for a person"), N_("How the line is")
_NOTHING_WAITS = N_("Nothing.")
_NOTHING_WRONG = N_("Nothing is wrong.")
_READY = N_("The modem was ready {percent} % of the time.")
_BALANCE = N_("The balance was {balance}, asked on {asked}.")
_LIVES = N_("Without a top-up the SIM ends on {until}.")


def _worded(number: int) -> str:
    """Return how many texts without a tag have one of the words that raise an alert."""
    return ngettext(
        "{number} text has a word of alerts.words, and nobody has tagged it: hotlined review",
        "{number} texts have a word of alerts.words, and nobody has tagged them: hotlined review",
        number,
    )


def _untagged(number: int) -> str:
    """Return how many reactions have no tag, and how to tag them."""
    return ngettext(
        "{number} reaction wants a tag: hotlined review",
        "{number} reactions want a tag: hotlined review",
        number,
    )


def _unconfirmed(number: int) -> str:
    """Return how many answers were perhaps sent, and what a person can do about it."""
    return ngettext(
        "{number} answer of this time was perhaps sent, and goes out again only if you ask for it:"
        " hotlined log --state unconfirmed",
        "{number} answers of this time were perhaps sent, and go out again only if you ask for it:"
        " hotlined log --state unconfirmed",
        number,
    )


def _section(heading: str, sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a section: plain text, without markup."""
    yield heading
    yield from (f"- {sentence}" for sentence in sentences)


HOUR = 8
"""The hour, in the machine's time zone, at which a digest becomes due."""
LONGEST = 3_800
"""In characters: the sender takes 4,096, and so do chats."""
_DAYS = {Digest.DAILY: 1, Digest.WEEKLY: 7}


@dataclass(frozen=True, slots=True)
class Edition:
    """A digest: the beginning and end of its days, from midnight to midnight, and when it may be sent."""

    start: datetime
    end: datetime
    since: datetime


def newest(rhythm: Digest, now: datetime) -> Edition:
    """Return the latest digest whose time has come: of the last whole day, or of the last week, Monday to Sunday."""
    length = timedelta(days=_DAYS[rhythm])
    end = now.astimezone().date()
    if rhythm is Digest.WEEKLY:
        end -= timedelta(days=end.weekday())
    if now < _morning(end):
        end -= length
    return Edition(midnight(end - length), midnight(end), _morning(end))


def is_due(edition: Edition, last: str | None, now: Now) -> bool:
    """Tell whether a digest is to be sent: once, however late the machine is switched on, if the clock is right.

    `last` is when the last digest was recorded; a `last` in the future comes from a wrong clock and does not count.
    """
    return now.synchronised and not (last and edition.since <= parse_rfc3339(last) <= now.utc)


def compose(db: Database, config: Config, report: LineReport, rhythm: Digest, edition: Edition, now: Now) -> Draft:
    """Return a digest as an alert that is ready to send."""
    summary = summarise(db, config, edition.start, edition.end, By.DAY, now.utc)
    dates = calendar(edition.start, edition.end)
    sections = (
        _section(_(_CAME), sentences(summary)),
        _section(_(_WAITS), list(_waiting(db, config, summary)) or [_(_NOTHING_WAITS)]),
        _section(_(_HEALTH), _health(report, summary)),
    )
    text = "\n\n".join("\n".join(map(harmless, lines)) for lines in sections)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    return Draft(AlertCondition.DIGEST, 0, now.rfc3339, _TITLES[rhythm].format(dates=dates), text)


def _waiting(db: Database, config: Config, summary: Summary) -> Iterator[str]:
    waiting = review.waiting(db, config.web.others)
    counts = (
        (_worded, waiting.alert_words),
        (_untagged, waiting.reactions),
        (_unconfirmed, summary.total.counts.unconfirmed),
    )
    yield from (in_words(number) for in_words, number in counts if number)


def _health(report: LineReport, summary: Summary) -> Iterator[str]:
    """Yield the troubles with their cures, and the state of the modem and the SIM."""
    yield from [trouble.sentences.replace("`", "'") for trouble in report.trouble] or [_(_NOTHING_WRONG)]
    seconds = modem_seconds(summary)
    known = sum(seconds.values()) - seconds.get(NoModemState.UNKNOWN, 0.0)
    if known:  # rounded down, so that 100 means the whole time
        share = int(1000 * seconds.get(ModemState.READY, 0.0) / known) / 10
        yield _(_READY, percent=in_digits(share, 1 if share % 1 else 0))
    if report.stored is None:
        return
    credit, month = report.stored.credit, report.stored.budgets["month"]
    yield month_in_words(month.used, month.limit)
    if credit.balance is not None and credit.asked_at:
        yield _(_BALANCE, balance=balance_in_words(report.config, credit), asked=moment(credit.asked_at))
    if credit.valid_until:
        yield _(_LIVES, until=day(credit.valid_until))


def _morning(of: date) -> datetime:
    return datetime(of.year, of.month, of.day, HOUR).astimezone()
