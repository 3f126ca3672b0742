"""The visitor of a request and the visitor's role: the system knows them, or a proxy that asks for names.

At the members' socket the kernel knows which user connects, and the system's lists (NSS) say
whether that is a member. At the proxies' socket, which belongs to another group, a header names the person. A port is
for the one person with the printed link.
"""

import contextlib
import grp
import hmac
import os
import pwd
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flask import Request
from werkzeug.exceptions import Forbidden

from hotlined.config import Role
from hotlined.config.keys import PERSON
from hotlined.config.values import WebConfig
from hotlined.desk.serving import AUTHENTICATOR, PEER
from hotlined.language import _
from hotlined.machine.peer import Peer, is_member


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor; decisions are recorded under this name."""

    name: str
    role: Role
    by_proxy: bool = False
    """True if a proxy names the person: such a person has no terminal."""


class Authenticator(Protocol):
    """Tells who visits at one socket."""

    def visitor(self, request: Request) -> Visitor:
        """Return the visitor; raises Forbidden for anybody without access."""


def authenticator_of(request: Request) -> Authenticator:
    """Return the authenticator of the socket at which a request came in."""
    found: Authenticator = request.environ[AUTHENTICATOR]
    return found


@dataclass(frozen=True, slots=True)
class MembersAuthenticator:
    """The socket of the line's group: its members come in under their Unix names, as the system has them now."""

    database: Path

    def visitor(self, request: Request) -> Visitor:
        """Return the member at the other end of the socket; root is not a member by itself."""
        peer: Peer = request.environ[PEER]
        group = _line_group(self.database)
        if is_member(peer.uid, group):
            return Visitor(peer.name, Role.ADMIN)
        raise Forbidden(
            _(
                "{name} may not look at this line here. Members of the group {group} may:"
                " `sudo adduser PERSON {group}`.",
                name=peer.name,
                group=_group_name(group),
            )
        )


@dataclass(frozen=True, slots=True)
class ProxyAuthenticator:
    """The socket of the group hotlined-proxy: the proxy names the visitor in a header."""

    web: WebConfig

    def visitor(self, request: Request) -> Visitor:
        """Return the person whom the header names, in the role that `web.people` gives."""
        name = request.headers.get(self.web.user_header, "")
        if not re.fullmatch(PERSON.pattern, name):
            words = _(
                "The proxy names nobody in the header {header}, or not in one word of 1 to 64 letters, digits and"
                " . _ @ + -.",
                header=self.web.user_header,
            )
            raise Forbidden(words)
        role = dict(self.web.people).get(name)
        if role is None:
            words = _(
                "{name} may not look at this line. `web.people` of the configuration has those who may, such as"
                " `{name}: reader`.",
                name=name,
            )
            ask = _("Ask {person}.", person=self.web.ask) if self.web.ask else ""
            raise Forbidden(f"{words} {ask}".strip())
        return Visitor(_apart(name), role, by_proxy=True)


def _apart(name: str) -> str:
    """Return a proxy's name in a form that cannot be taken for the Unix user of the same name."""
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwnam(name).pw_name} (proxy)"
    return name


@dataclass(frozen=True, slots=True)
class LinkAuthenticator:
    """A port of this machine, for one person: the printed link gives a cookie for it, once.

    A browser sends that cookie to every port of this machine, and another user may listen at one. So if the kernel
    names the user of a connection, the cookie is good only for connections of this person.
    """

    name: str
    uid: int
    port: int
    token: str = field(default_factory=secrets.token_urlsafe)
    cookie: str = field(default_factory=secrets.token_urlsafe)
    used: set[str] = field(default_factory=set)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie; it has the port in it, because all ports of a machine share their cookies."""
        return f"hotlined_link_{self.port}"

    def visitor(self, request: Request) -> Visitor:
        """Return the person if the request has the cookie; raises Forbidden otherwise."""
        self._require_own(request)
        if _same(request.cookies.get(self.cookie_name, ""), self.cookie):
            return Visitor(self.name, Role.ADMIN)
        raise Forbidden(
            _("Open the link that `hotlined web` printed. It works once: start it again for another browser.")
        )

    def exchange(self, request: Request) -> str:
        """Return the cookie for the token of the link; raises Forbidden for another token, and the second time."""
        self._require_own(request)
        token = request.args.get("token", "")
        if not _same(token, self.token) or token in self.used:
            raise Forbidden(_("This link was used already, or is of an earlier start of `hotlined web`."))
        self.used.add(token)
        return self.cookie

    def _require_own(self, request: Request) -> None:
        peer: Peer | None = request.environ[PEER]
        if peer is not None and peer.uid != self.uid:
            raise Forbidden(_("This desk serves {name} alone, and {other} asks.", name=self.name, other=peer.name))


def _line_group(database: Path) -> int:
    """Return the line's group: that of its database, or of the folder in which it will be."""
    for path in (database, *database.parents):
        with contextlib.suppress(OSError):
            return path.stat().st_gid
    return os.getegid()


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
