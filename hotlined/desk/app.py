"""The desk as a WSGI application: its pages, the checks of each request, the headers of each answer, error pages."""

import logging
import sqlite3
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, render_template, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import Forbidden, HTTPException

from hotlined.config import Config, Role
from hotlined.desk import forms, showing
from hotlined.desk.pages import acts, enter, evidence, health, inbox, log, numbers, overview, stats, thread
from hotlined.desk.plain import whom_to_ask
from hotlined.desk.routes import ROLES, Page
from hotlined.desk.serving import HEADERS
from hotlined.desk.visit import EXTENSION, Desk, desk, line, maybe_visitor
from hotlined.desk.who import authenticator_of
from hotlined.errors import HotlinedError, StoreError
from hotlined.language import N_, Phrases, _
from hotlined.reports import in_force
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.words.amounts import sentence

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *inbox.PAGES,
    *log.PAGES,
    *thread.PAGES,
    *numbers.PAGES,
    *stats.PAGES,
    *evidence.PAGES,
    *acts.PAGES,
    *health.PAGES,
    *enter.PAGES,
)
NEEDS: Mapping[str, Role | None] = {"static": None} | {page.name: page.needs for page in PAGES}
"""The role that each page needs; a page that is not in this table is not served."""
_STATUS = {1: 409, 2: 400, 69: 503, 75: 409, 78: 503}
"""The status of the answer for a HotlinedError, by the exit code of the error."""
_TITLES = Phrases(
    {
        400: N_("This makes no sense"),
        403: N_("Not for you"),
        404: N_("There is no such page"),
        405: N_("Not in this way"),
        409: N_("Refused now"),
        413: N_("Too much at once"),
        500: N_("A bug"),
        503: N_("Not now"),
    }
)
"""The headline of an error page, by its status."""
_WORDS = Phrases(
    {
        404: N_("There is nothing at this address."),
        405: N_("This page cannot be asked for like that. Go back, and use its buttons."),
        413: N_("No form here is that long."),
    }
)
"""The sentence of an error page, by its status, for errors that have none."""


def make(config: Config, key: bytes) -> Flask:
    """Return the desk of a line; forms stay valid as long as the key is the same."""
    app = Flask(__name__, static_folder=None)
    app.static_folder = "static"
    app.extensions[EXTENSION] = Desk(config, key)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.config["MAX_FORM_PARTS"] = 32
    app.jinja_options = {"undefined": StrictUndefined, "autoescape": True, "finalize": showing.shown}
    app.jinja_env.filters |= showing.FILTERS
    app.jinja_env.globals |= {**showing.GLOBALS, "navigation": _navigation, "may": _may}
    app.url_map.merge_slashes = False  # two slashes in a path are not the same page as one
    # each rule refuses OPTIONS: only later versions of Flask have one setting for all rules
    add_rule = partial(app.add_url_rule, provide_automatic_options=False)
    add_rule("/static/<path:filename>", "static", app.send_static_file)
    for page in PAGES:
        add_rule(page.path, page.name, page.show, methods=[*page.methods])
    app.before_request(_require)
    app.after_request(_finish)
    for kind in (HTTPException, HotlinedError, sqlite3.Error, Exception):
        app.register_error_handler(kind, _fail)
    return app


def _require() -> Any:
    """Let a request pass if its Host, visitor, role and form are right; raises Forbidden or BadRequest otherwise."""
    g.visitor, g.config = None, desk().config
    g.config = in_force.current(g.config)
    forms.require_host(request, line().web.hosts)
    forms.require_visit(request)
    if request.endpoint == enter.NAME:
        return None
    g.visitor = authenticator_of(request).visitor(request)
    if request.endpoint is None:
        return None  # Flask answers 404, but only to a visitor who was let in
    needed = NEEDS[request.endpoint]
    if needed and not g.visitor.role.may(needed):
        words = _("This needs the role {role}.", role=ROLES[needed])
        raise Forbidden(f"{words} " + _("Ask {person}.", person=whom_to_ask(line())))
    if request.method == "POST":
        forms.require_origin(request)
        forms.require_token(request, desk().key, g.visitor.name, line().name)
    return None


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _fail(error: Exception) -> tuple[str, int]:
    """Show an error as a page: the problem and its cure."""
    words, hint, status = _explained(error)
    if not isinstance(error, HTTPException | HotlinedError | sqlite3.Error):
        g.has_bug = True
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return render_template("error.html", words=words, hint=hint, title=title, status=status), status


def _explained(error: Exception) -> tuple[str, str, int]:
    """Return the sentence and the cure of an error, and the status of the answer."""
    if isinstance(error, HTTPException):
        code = error.code or 500
        is_ours = error.description != type(error).description
        return (error.description or "") if is_ours else _WORDS.get(code, ""), "", code
    if isinstance(error, sqlite3.Error):
        error = DatabaseTrouble.of(error).as_error()
    if isinstance(error, HotlinedError):
        unusable = isinstance(error, StoreError) and error.exit_code == 1
        status = HTTPStatus.SERVICE_UNAVAILABLE if unusable else _STATUS.get(error.exit_code, 500)
        return sentence(error.message), error.hint, status
    logging.getLogger(__name__).error("%s failed", request.endpoint, exc_info=error)
    hint = _("Its journal shows where: `journalctl -u 'hotlined-web@*'`.")
    return _("The desk has a bug."), hint, 500


def _navigation() -> list[Page]:
    """Return the pages in the navigation of this visitor."""
    visitor = maybe_visitor()
    return [page for page in PAGES if page.title and visitor and page.needs and visitor.role.may(page.needs)]


def _may(name: str) -> bool:
    """Tell whether this visitor may open the page of this name; decisions (`acts`) are pages, too."""
    visitor, needed = maybe_visitor(), NEEDS[name]
    return needed is None or (visitor is not None and visitor.role.may(needed))
