"""The summary of a line in a few sentences: its contacts, its next answer, and what it has spent this month."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from hotlined.conditions import month_in_words
from hotlined.language import _, ngettext
from hotlined.reports.overview import LineReport
from hotlined.states import AnswerState
from hotlined.store.line.database import Database
from hotlined.store.reading import figures, log
from hotlined.words.times import ago, clock_time


@dataclass(frozen=True, slots=True)
class Came:
    """The number of contacts since midnight, and the time of the last contact; None before the first one."""

    today: int
    last_at: str | None


def came(db: Database, now: datetime) -> Came:
    """Count the contacts since the local midnight, and find the time of the last one."""
    midnight = datetime(now.year, now.month, now.day).astimezone()
    today = figures.contacts(db, (midnight, now))[0].total() if midnight < now else 0
    last = next(log.rows(db, log.Filter(), 1), None)
    return Came(today, last["received_at"] if last else None)


def at_a_glance(report: LineReport, seen: Came | None) -> Iterator[str]:
    """Yield the most important sentences about a line; `seen` is None if the database cannot be read."""
    if seen:
        yield _contacts(seen)
    if stored := report.stored:
        if waiting := stored.queue.get(AnswerState.QUEUED, 0):
            yield _waiting(waiting, stored.next_due_at if report.answers else None)
        month = stored.budgets["month"]
        yield month_in_words(month.used, month.limit)


def _contacts(seen: Came) -> str:
    if seen.last_at is None:
        return _("Nobody has contacted the line yet.")
    if not seen.today:
        return _("No contact today; the last came {when}.", when=ago(seen.last_at))
    return ngettext(
        "{number} contact today, the last {when}.",
        "{number} contacts today, the last {when}.",
        seen.today,
        when=ago(seen.last_at),
    )


def _waiting(answers: int, next_due_at: str | None) -> str:
    if next_due_at is None:
        return ngettext("{number} answer waits.", "{number} answers wait.", answers)
    return ngettext(
        "{number} answer goes at {at}.",
        "{number} answers wait, the next goes at {at}.",
        answers,
        at=clock_time(next_due_at),
    )
