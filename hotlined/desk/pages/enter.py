"""`/enter`: takes the token in the link of `hotlined web --port`, and sets the cookie that every request needs."""

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import NotFound

from hotlined.desk.routes import Page
from hotlined.desk.who import LinkAuthenticator, authenticator_of

NAME = "enter"
"""The name of the only page that needs no visitor."""


def show() -> Response:
    """Set the cookie, and lead to the first page.

    A page leads on, not a redirect: after a redirect that began at another site, a browser would not send a cookie of
    SameSite=Strict.
    """
    authenticator = authenticator_of(request)
    if not isinstance(authenticator, LinkAuthenticator):
        raise NotFound
    if request.method != "GET":
        return Response()  # a request that only checks the link must not use it up
    cookie = authenticator.exchange(request)
    response = make_response(render_template("enter.html"))
    response.set_cookie(authenticator.cookie_name, cookie, httponly=True, samesite="Strict")
    return response


PAGES = (Page("/enter", NAME, None, show),)
