"""`/log`: contacts and what became of them, the newest first."""

from flask import render_template

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import looked_through, reading
from hotlined.reports.contact import rows_for_people
from hotlined.store import log

_ROWS = 50


def show() -> str:
    """Show the last contacts."""
    with reading() as db:
        contacts = [*rows_for_people(db, log.rows(db, log.Filter(), _ROWS))][::-1]
    looked_through("log")
    return render_template("log.html", contacts=contacts)


PAGES = (Page("/log", "log", Role.READER, show, title="Log"),)
