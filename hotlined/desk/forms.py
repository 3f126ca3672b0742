"""Checks that a form comes from this desk, and that this visitor opened it.

The token in a form is made from the visitor's name and the line, with a key of the desk. A browser also says where a
form comes from (Sec-Fetch-Site, Origin). Because of our Referrer-Policy the Origin of our own forms is `null`; if a
browser sends only that, the token alone decides. Pages are not shown inside another site's page or to its scripts:
the browser would send the visitor's credentials, and every look is recorded.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request
from werkzeug.exceptions import BadRequest, Forbidden

from hotlined.language import _
from hotlined.machine import files

FIELD = "form_token"
_KEY_OCTETS = 32
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def require_host(asked: Request, hosts: Iterable[str]) -> None:
    """Raise BadRequest unless the request names one of our hosts.

    Another site could give its own name this address (DNS rebinding), and then read our pages.
    """
    if _host_of(f"//{asked.headers.get('Host', '')}") not in _LOCAL.union(hosts):
        raise BadRequest(
            _("This desk is not known under that name. web.hosts in the configuration names those it has.")
        )


def require_origin(asked: Request) -> None:
    """Raise Forbidden for a form from another site."""
    site = asked.headers.get("Sec-Fetch-Site")
    origin = asked.headers.get("Origin", "null")
    elsewhere = site != "same-origin" if site else origin != "null" and _net(origin) != asked.headers.get("Host")
    if elsewhere:
        raise Forbidden(_("That form is of another site. Nothing was done."))


def require_visit(asked: Request) -> None:
    """Raise Forbidden if another site fetches or embeds a page; it may only link to it."""
    site, into = asked.headers.get("Sec-Fetch-Site"), asked.headers.get("Sec-Fetch-Dest")
    if site in {"cross-site", "same-site"} and into != "document":
        raise Forbidden(_("Another site asks for this page. Open it yourself to see it."))


def require_token(asked: Request, key: bytes, name: str, line: str) -> None:
    """Raise BadRequest unless the form has the token of this visitor at this line."""
    if not hmac.compare_digest(asked.form.get(FIELD, "").encode(), token(key, name, line).encode()):
        raise BadRequest(_("This form is too old, or is not ours. Go back, load the page again and repeat it."))


def token(key: bytes, name: str, line: str) -> str:
    """Return the token of a visitor's forms at a line."""
    return hmac.new(key, f"{line}\n{name}".encode(), hashlib.sha256).hexdigest()


def key_in(folder: Path | None) -> bytes:
    """Return the key of the tokens, from a folder of the desk that lasts until shutdown; without one, a new key."""
    new = secrets.token_bytes(_KEY_OCTETS)
    if folder is None:
        return new
    path = folder / "key"
    try:
        found = bytes.fromhex(files.read(path))
    except (OSError, ValueError):
        found = b""
    if len(found) != _KEY_OCTETS:
        files.replace(path, new.hex().encode(), 0o600)
        return new
    return found


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
