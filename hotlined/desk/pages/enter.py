"""`/enter`: changes the token of the link of `hotlined web --port` for the cookie that every request needs."""

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import NotFound

from hotlined.desk.routes import Page
from hotlined.desk.visit import desk
from hotlined.desk.who import LinkDoor

NAME = "enter"
"""The one page that is asked for before anybody is known."""


def show() -> Response:
    """Set the cookie, and lead on.

    The page leads on by itself and not by a redirect: a browser that was sent here by another site would not send a
    cookie of SameSite=Strict along with that.
    """
    door = desk().door
    if not isinstance(door, LinkDoor):
        raise NotFound
    if request.method != "GET":
        return Response()  # who only looks whether the link is there does not use it up
    cookie = door.exchange(request.args.get("token", ""))
    response = make_response(render_template("enter.html"))
    response.set_cookie(door.cookie_name, cookie, httponly=True, samesite="Strict")
    return response


PAGES = (Page("/enter", NAME, None, show),)
