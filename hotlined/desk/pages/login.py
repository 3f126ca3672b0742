"""`/login`, `/logout`: for people behind a proxy, whom the kernel does not know."""

from flask import Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound, TooManyRequests

from hotlined.desk.logins import Logins
from hotlined.desk.routes import Page
from hotlined.desk.visit import desk
from hotlined.desk.who import SESSION_COOKIE, SocketDoor
from hotlined.language import N_, _

NAME = "login"
_OVER = N_("You are not logged in any more. Nothing was done: log in, and do it again.")
_KNOWN_COOKIE = "__Host-hotlined-known"
_KNOWN_SECONDS = 180 * 86_400


def show() -> Response:
    """Ask for name and password; if they are right, begin a new session, whatever cookie the browser sent."""
    logins = _logins()
    if request.method != "POST":
        return make_response(render_template("login.html", words=_(_OVER) if "over" in request.args else ""))
    name = request.form.get("name", "").strip().lower()
    try:
        login = logins.enter(name, request.form.get("password", ""), request.cookies.get(_KNOWN_COOKIE, ""))
    except (Forbidden, TooManyRequests) as error:
        refused = make_response(render_template("login.html", words=error.description), error.code)
        refused.headers.extend(error.get_headers() if isinstance(error, TooManyRequests) else {})
        return refused
    logins.sessions.end(request.cookies.get(SESSION_COOKIE, ""))
    response = _to("overview")
    response.set_cookie(SESSION_COOKIE, login.token, secure=True, httponly=True, samesite="Strict")
    response.set_cookie(
        _KNOWN_COOKIE, login.known, secure=True, httponly=True, samesite="Strict", max_age=_KNOWN_SECONDS
    )
    return response


def leave() -> Response:
    """End the session."""
    _logins().sessions.end(request.cookies.get(SESSION_COOKIE, ""))
    g.visitor = None
    response = _to(NAME)
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Strict")
    return response


def _logins() -> Logins:
    """Return the logins of the desk; raises NotFound if nobody has to log in here."""
    door = desk().door
    if not isinstance(door, SocketDoor) or not door.asks_for_login(request):
        raise NotFound
    return door.logins


def _to(name: str) -> Response:
    return make_response(redirect(url_for(name), 303))


PAGES = (
    Page("/login", NAME, None, show, ("GET", "POST")),
    Page("/logout", "logout", None, leave, ("POST",)),
)
