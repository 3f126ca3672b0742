"""`/`: the line at a glance, words first, then what is wrong with its cure, then who came last."""

from collections.abc import Iterator

from flask import render_template

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line_report, reading, visitor
from hotlined.errors import StoreError
from hotlined.reports.contact import Contact, rows_for_people
from hotlined.reports.line import SHADOW, LineReport
from hotlined.store import log
from hotlined.words.amounts import counted
from hotlined.words.conditions import spent_in_words
from hotlined.words.times import clock_time

_LAST = 5  # contacts


def show() -> str:
    """Show the line at this moment."""
    report = line_report()
    return render_template("overview.html", report=report, words=list(_words(report)), contacts=_last(report))


def _words(report: LineReport) -> Iterator[str]:
    """Yield what one wants to know first, in sentences."""
    shadow = report.mode == SHADOW
    yield "Not answering." if not report.ready else "Shadow mode: nobody is answered." if shadow else "Answering."
    if not (stored := report.stored):
        return
    waiting = stored.queue.get("queued", 0)
    if waiting:
        goes = f"; the next goes {clock_time(stored.next_due_at)}" if stored.next_due_at and report.ready else ""
        yield f"{counted(waiting, 'answer')} {'waits' if waiting == 1 else 'wait'}{goes}."
    yield f"Segments: {', '.join(spent_in_words(name, budget) for name, budget in stored.budgets.items())}."


def _last(report: LineReport) -> list[Contact]:
    """Return the last contacts, the newest first, for those who may read them; none where the database fails."""
    if not visitor().role.may(Role.READER) or report.stored is None:
        return []
    try:
        with reading() as db:
            return [*rows_for_people(db, log.rows(db, log.Filter(), _LAST), report.sending)][::-1]
    except StoreError:
        return []


PAGES = (Page("/", "overview", Role.FIGURES, show, title="Now"),)
