"""Checks that a form is ours: this visitor asked for it, at this desk, in this browser.

The token in a form fits a cookie of the browser and the visitor's name. A browser says where a form comes from
(Sec-Fetch-Site, Origin). Because of our Referrer-Policy the Origin of our own forms is `null`, too: for a browser that
says nothing else, the token alone decides. What a page elsewhere embeds or fetches is not shown either, because a
visitor over SSH brings no cookie, and every look is recorded.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Request, Response, g, request
from werkzeug.exceptions import BadRequest, Forbidden

from hotlined.language import _

COOKIE = "hotlined_form"
FIELD = "form_token"
_COOKIE = re.compile("[A-Za-z0-9_-]{43}")  # as `secrets.token_urlsafe` makes it
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def require_host(asked: Request, hosts: Iterable[str]) -> None:
    """Raise BadRequest unless the request names one of our hosts: another site's name could lead to this address."""
    if _host_of(f"//{asked.headers.get('Host', '')}") not in _LOCAL.union(hosts):
        raise BadRequest(
            _("This desk is not known under that name. web.hosts in the configuration names those it has.")
        )


def require_origin(asked: Request) -> None:
    """Raise Forbidden for a form of another site."""
    site = asked.headers.get("Sec-Fetch-Site")
    origin = asked.headers.get("Origin", "null")
    elsewhere = site != "same-origin" if site else origin != "null" and _net(origin) != asked.headers.get("Host")
    if elsewhere:
        raise Forbidden(_("That form is of another site. Nothing was done."))


def require_visit(asked: Request) -> None:
    """Raise Forbidden if another site fetches or embeds a page: it may only link to it."""
    site, into = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Sec-Fetch-Dest")
    if site in {"cross-site", "same-site"} and into != "document":
        raise Forbidden(_("Another site asks for this. It is shown to nobody but who looks here."))


def require_token(asked: Request, secret: bytes, name: str) -> None:
    """Raise BadRequest unless the form's token fits this browser and this visitor."""
    cookie = asked.cookies.get(COOKIE, "")
    given = asked.form.get(FIELD, "")
    if not cookie or not hmac.compare_digest(given.encode(), _token(secret, cookie, name).encode()):
        raise BadRequest(_("This form is too old, or is not ours. Go back, load the page again and repeat it."))


def new_token(secret: bytes, name: str) -> str:
    """Return the token for a form of this request; the browser gets its cookie with the answer."""
    brought = request.cookies.get(COOKIE, "")
    cookie = brought if _COOKIE.fullmatch(brought) else g.get("form_cookie") or secrets.token_urlsafe()
    g.form_cookie = cookie
    return _token(secret, cookie, name)


def set_cookie(response: Response) -> None:
    """Set the cookie that belongs to the forms of the page."""
    if g.get("form_cookie"):
        response.set_cookie(COOKIE, g.form_cookie, httponly=True, samesite="Strict")


def _token(secret: bytes, cookie: str, name: str) -> str:
    return hmac.new(secret, f"{cookie}\n{name}".encode(), hashlib.sha256).hexdigest()


def _net(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
