"""`/`: whether the line answers, what waits for a person, the troubles with their cures, and the last contacts."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template

from hotlined.conditions import WINDOW_NAMES
from hotlined.config import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line_report, looked_through, reading, visitor
from hotlined.documents import ListedContact
from hotlined.errors import StoreError
from hotlined.language import N_
from hotlined.machine.clock import here
from hotlined.reports.contact import rows_for_people
from hotlined.reports.overview import LineReport
from hotlined.reports.summary import Came, at_a_glance, came
from hotlined.store.reading import log

_LAST = 5  # contacts


def show() -> str:
    """Show the line as it is now."""
    report = line_report()
    seen = _seen(report)
    if seen.contacts:
        looked_through("last_contacts")
    words = [*at_a_glance(report, seen.came)]
    return render_template(
        "overview.html",
        report=report,
        words=words,
        contacts=seen.contacts,
        windows=WINDOW_NAMES,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The facts that a visitor may see: the number of contacts, the last ones."""

    came: Came | None = None
    contacts: Sequence[ListedContact] = ()


def _seen(report: LineReport) -> _Seen:
    """Return the facts that this visitor may see; nothing if the database fails."""
    if report.stored is None:
        return _Seen()
    try:
        with reading() as db:
            seen = came(db, here())
            if not visitor().role.may(Role.READER):
                return _Seen(seen)
            contacts = [*rows_for_people(db, report.config, log.rows(db, log.Filter(), _LAST), report.sending)][::-1]
            return _Seen(seen, contacts)
    except StoreError:
        return _Seen()


PAGES = (Page("/", "overview", Role.FIGURES, show, title=N_("Now"), sign="now"),)
