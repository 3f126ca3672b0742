"""`/`: the line at a glance, words first, then what is wrong with its cure, then who came last."""

from datetime import datetime

from flask import render_template

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line_report, looked_through, reading, visitor
from hotlined.errors import StoreError
from hotlined.reports.contact import Contact, rows_for_people
from hotlined.reports.glance import Came, at_a_glance, came
from hotlined.reports.line import LineReport
from hotlined.store import log
from hotlined.words.conditions import WINDOWS

_LAST = 5  # contacts


def show() -> str:
    """Show the line at this moment."""
    report = line_report()
    seen, contacts = _seen(report)
    if contacts:
        looked_through("last contacts")
    words = [*at_a_glance(report, seen)]
    return render_template("overview.html", report=report, words=words, contacts=contacts, windows=WINDOWS)


def _seen(report: LineReport) -> tuple[Came | None, list[Contact]]:
    """Return who came, and the last contacts for those who may read them; nothing where the database fails."""
    if report.stored is None:
        return None, []
    try:
        with reading() as db:
            seen = came(db, datetime.now().astimezone())
            if not visitor().role.may(Role.READER):
                return seen, []
            return seen, [*rows_for_people(db, log.rows(db, log.Filter(), _LAST), report.sending)][::-1]
    except StoreError:
        return None, []


PAGES = (Page("/", "overview", Role.FIGURES, show, title="Now"),)
