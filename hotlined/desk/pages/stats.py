"""`/stats`: the figures of a period, which `stats --html` writes as a file; they contain no number."""

from urllib.parse import urlencode

from flask import Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from hotlined.config import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line, reading
from hotlined.errors import UsageError
from hotlined.language import N_, Phrases, _
from hotlined.machine.clock import here
from hotlined.reports import typed
from hotlined.statistics.page import draw_parts, maybe_picture
from hotlined.statistics.periods import UNITS, By
from hotlined.statistics.style import FIGURES
from hotlined.statistics.summary import Summary, summarise

_INSIDE = "<!-- inside -->"
"""The place of the drawings in the template; a visitor cannot forge it, because typed values are escaped."""
_USUAL = Phrases({"7d": N_("7 days"), "": N_("30 days"), "90d": N_("90 days"), "365d": N_("A year")})
"""The periods that the page links to, by their `since`."""


def show() -> Response:
    """Show the figures of the period in the address, by default of the last 30 days."""
    given, summary = _asked_for()
    page = render_template("stats.html", given=given, units=UNITS, usual=_USUAL)
    head, _mark, foot = page.partition(_INSIDE)
    query = urlencode({name: value for name, value in given.items() if value})
    parts = draw_parts(summary, lambda name: f"{url_for('stats_picture', name=name)}?{query}")
    # joined as bytes: a template with a bar for each hour of a month would take 2 MiB more
    body = b"\n".join([head.encode(), *(part.encode() for part in parts), foot.encode()])
    return Response(body, mimetype="text/html")


def picture(name: str) -> Response:
    """Send one drawing as a picture of its own, for the press."""
    _given, summary = _asked_for()
    drawn = maybe_picture(summary, name)
    if drawn is None:
        raise NotFound
    return Response(drawn, mimetype="image/svg+xml")


def _asked_for() -> tuple[dict[str, str], Summary]:
    """Return the values in the address, and the figures of their period."""
    now = here()
    given = {name: request.args.get(name, "").strip() for name in ("since", "until", "by")}
    since, until = (typed.when(given[name], now) if given[name] else None for name in ("since", "until"))
    if given["by"] and given["by"] not in list(By):
        raise UsageError(
            _("'{text}' is not a unit.", text=given["by"]), _("There are {choices}.", choices=", ".join(By))
        )
    by = By(given["by"]) if given["by"] else None
    with reading() as db:
        return given, summarise(db, line(), since.start if since else None, until.end if until else None, by, now)


def style() -> Response:
    """Send the style sheet of the drawings."""
    return Response(FIGURES, mimetype="text/css")


PAGES = (
    Page("/stats", "stats", Role.FIGURES, show, title=N_("Figures"), sign="stats"),
    Page("/stats.css", "stats_style", Role.FIGURES, style),
    Page("/stats/<name>.svg", "stats_picture", Role.FIGURES, picture),
)
