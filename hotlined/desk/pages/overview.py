"""`/`: the line at a glance, words first, then what is wrong with its cure, then who came last."""

from datetime import datetime

from flask import render_template

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line_report, looked_through, reading, visitor
from hotlined.errors import StoreError
from hotlined.language import N_
from hotlined.reports.contact import Contact, rows_for_people
from hotlined.reports.glance import Came, at_a_glance, came
from hotlined.reports.line import LineReport
from hotlined.store import log, reactions, words_met
from hotlined.words.conditions import WINDOWS

_LAST = 5  # contacts


def show() -> str:
    """Show the line at this moment."""
    report = line_report()
    seen, contacts, untagged, alarms = _seen(report)
    if contacts:
        looked_through("last contacts")
    words = [*at_a_glance(report, seen)]
    return render_template(
        "overview.html",
        report=report,
        words=words,
        contacts=contacts,
        untagged=untagged,
        alarms=alarms,
        windows=WINDOWS,
    )


def _seen(report: LineReport) -> tuple[Came | None, list[Contact], int, int]:
    """Return who came, the last contacts for those who may read them, and what a visitor could tag.

    That is how many reactions, and how many texts with a word of alerts.words. Nothing where the database fails.
    """
    if report.stored is None:
        return None, [], 0, 0
    try:
        with reading() as db:
            seen = came(db, datetime.now().astimezone())
            if not visitor().role.may(Role.READER):
                return seen, [], 0, 0
            contacts = [*rows_for_people(db, report.config, log.rows(db, log.Filter(), _LAST), report.sending)][::-1]
            if not visitor().role.may(Role.VOLUNTEER):
                return seen, contacts, 0, 0
            return seen, contacts, reactions.count_untagged(db, 0), words_met.count_untagged(db, 0)
    except StoreError:
        return None, [], 0, 0


PAGES = (Page("/", "overview", Role.FIGURES, show, title=N_("Now")),)
