"""Who visits, and what a visitor may do.

The kernel says who comes over the socket; for `--port` it is whoever has the link that was printed. Names and addresses
in headers mean nothing; that there are any means that a proxy speaks, and a proxy is nobody.
"""

import grp
import hmac
import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden

from hotlined.desk.serving import PEER
from hotlined.peer import Peer, overflow_uid

LINK_COOKIE = "hotlined_link"
_FORWARDED = ("forwarded", "via")
_FORWARDED_BEGIN = ("x-forwarded-", "tailscale-")


class Role(StrEnum):
    """What a visitor may do; each may what those before it may."""

    FIGURES = "figures"
    """No number, no text."""
    READER = "reader"
    """The log."""
    VOLUNTEER = "volunteer"
    """Tags, and what is kept."""
    ADMIN = "admin"
    """Who is answered, and whether anybody is."""

    def may(self, needed: "Role") -> bool:
        """Tell whether this role may what needs another one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who visits: under this name decisions are recorded."""

    name: str
    role: Role


class Door(Protocol):
    """A way to the desk."""

    def visitor(self, request: Request) -> Visitor | None:
        """Return who visits; None for who may come in and has to say who it is. Raises Forbidden for anybody else."""


@dataclass(frozen=True, slots=True)
class SocketDoor:
    """The Unix socket: root, the desk's own user and members of the line's group come in under their Unix names."""

    database: Path

    def visitor(self, request: Request) -> Visitor | None:
        """Return who is at the other end of the socket, by the kernel."""
        peer: Peer | None = request.environ.get(PEER)
        if peer is None or peer.uid == overflow_uid():
            raise Forbidden("The kernel does not say who you are.")
        if _is_forwarded(request.headers):
            raise Forbidden(f"{peer.name} speaks for somebody else, and no proxy may do that here.")
        if peer.uid in (0, os.geteuid()) or self._group() in peer.gids:
            return Visitor(peer.name, Role.ADMIN)
        raise Forbidden(
            f"{peer.name} may not look at this line. Members of the group {_group_name(self._group())} may:"
            " whoever joins it has to log in again."
        )

    def _group(self) -> int:
        """Return the line's group: that of its database, or of the folder that it is to be in."""
        for path in (self.database, *self.database.parents):
            if path.exists():
                return path.stat().st_gid
        return os.getegid()


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """A port of this machine, for one person: who has the link gets a cookie for it, once."""

    name: str
    token: str
    cookie: str
    used: set[str]

    @classmethod
    def new(cls, name: str) -> "LinkDoor":
        """Return a door for a person, whose link nobody can guess."""
        return cls(name, secrets.token_urlsafe(), secrets.token_urlsafe(), set())

    def visitor(self, request: Request) -> Visitor | None:
        """Return the person, where the request brings the cookie."""
        if _same(request.cookies.get(LINK_COOKIE, ""), self.cookie):
            return Visitor(self.name, Role.ADMIN)
        raise Forbidden("Open the link that `hotlined web` printed. It works once: start it again for another browser.")

    def exchange(self, token: str) -> str:
        """Return the cookie for the token of the link; raises Forbidden for any other, and the second time."""
        if not _same(token, self.token) or token in self.used:
            raise Forbidden("This link was used already, or is of an earlier start of `hotlined web`.")
        self.used.add(token)
        return self.cookie


def _is_forwarded(headers: Headers) -> bool:
    return any(name.lower() in _FORWARDED or name.lower().startswith(_FORWARDED_BEGIN) for name, _ in headers)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
