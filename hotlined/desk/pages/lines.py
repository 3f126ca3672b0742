"""`/lines`: how the lines of a fleet are, as the hub last said; it shows no number, and exists only in a fleet."""

from flask import abort, render_template

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line, reading
from hotlined.language import N_
from hotlined.reports import fleet
from hotlined.words.states import MEMBER_STATES


def show() -> str:
    """Show every line that the hub has, each as it reports itself."""
    with reading() as db:
        found = fleet.maybe_fleet_of(db, line())
    if found is None:
        abort(404)
    return render_template(
        "lines.html",
        fleet=found,
        hub=fleet.hub_in_words(found),
        rows=[(each, MEMBER_STATES[found.state(each)], fleet.troubles_in_words(each)) for each in found.members],
        wrong=[*fleet.troubles(found)],
        erasures=[*fleet.erasures_in_words(found)],
    )


PAGES = (Page("/lines", "lines", Role.FIGURES, show, title=N_("Lines"), when=lambda: fleet.is_joined(line())),)
