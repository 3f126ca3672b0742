"""Who visits, and what a visitor may do.

The kernel says who connects to the socket; with `--port` it is the person with the printed link. Names and addresses in
headers mean nothing. If there are any, a proxy connects, and the people behind a proxy log in.
"""

import contextlib
import grp
import hmac
import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden

from hotlined.config import Config
from hotlined.desk import accounts
from hotlined.desk.logins import Logins
from hotlined.desk.roles import Role
from hotlined.desk.serving import MOST, MOST_OF_A_PROXY, MOST_OF_A_STRANGER, PEER
from hotlined.errors import ConfigError
from hotlined.language import _
from hotlined.peer import Peer, overflow_uid

SESSION_COOKIE = "__Host-hotlined"  # a browser takes a name like that from this host alone, and over TLS
_FORWARDED = ("forwarded", "via")
_FORWARDED_BEGIN = ("x-forwarded-", "tailscale-")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor; decisions are recorded under this name."""

    name: str
    role: Role
    logged_in: bool = False
    """Whether the visitor has logged in with a password, and so can log out."""


class Door(Protocol):
    """A way to the desk."""

    def visitor(self, request: Request) -> Visitor | None:
        """Return who visits; None for who may come in and has to say who it is. Raises Forbidden for anybody else."""


@dataclass(frozen=True, slots=True)
class SocketDoor:
    """The Unix socket: root, the desk's own user and members of the line's group come in under their Unix names.

    The users of `proxies` speak for people who log in, and never for themselves; that holds for root, too, if it is one
    of them.
    """

    database: Path
    logins: Logins
    proxies: frozenset[int] = frozenset()

    def visitor(self, request: Request) -> Visitor | None:
        """Return who is at the other end of the socket, by the kernel, or has logged in through a proxy."""
        peer = self._peer(request)
        if self._is_proxy(peer):
            account = self.logins.maybe_account(request.cookies.get(SESSION_COOKIE, ""))
            return Visitor(account.name, account.role, logged_in=True) if account else None
        if _is_forwarded(request.headers):
            words = _(
                "{name} speaks for somebody else, and is not in `web.proxies` of the configuration.", name=peer.name
            )
            raise Forbidden(words)
        if self._knows(peer):
            return Visitor(peer.name, Role.ADMIN)
        raise Forbidden(
            _(
                "{name} may not look at this line. Members of the group {group} may: whoever joins it has to log in"
                " again. A proxy has to be in `web.proxies` of the configuration.",
                name=peer.name,
                group=_group_name(line_group(self.database)),
            )
        )

    def most(self, peer: Peer) -> int:
        """Return how many connections somebody may have at a time."""
        if peer.uid in self.proxies:
            return MOST_OF_A_PROXY
        return MOST if self._knows(peer) else MOST_OF_A_STRANGER

    def asks_for_login(self, request: Request) -> bool:
        """Tell whether a request comes through a proxy, so that the person behind it has to log in."""
        return self._is_proxy(self._peer(request))

    def _knows(self, peer: Peer) -> bool:
        """Tell whether a peer comes in without logging in, because of the user that the kernel names."""
        return peer.uid in {0, os.geteuid()} or line_group(self.database) in peer.gids

    def _peer(self, request: Request) -> Peer:
        peer: Peer | None = request.environ.get(PEER)
        if peer is None or peer.uid == overflow_uid():
            raise Forbidden(_("The kernel does not say who you are."))
        return peer

    def _is_proxy(self, peer: Peer) -> bool:
        """Tell whether it is a proxy; raises Forbidden for one that has joined the line's group since the start."""
        if peer.uid not in self.proxies:
            return False
        if peer.uid != 0 and line_group(self.database) in peer.gids:
            words = _(
                "{name} is in `web.proxies` and in the line's group, and can be only one of them.", name=peer.name
            )
            raise Forbidden(words)
        return True


def at_socket(config: Config, secret: bytes, folder: Path | None) -> SocketDoor:
    """Return the door of a line's socket; `folder` keeps its sessions. Raises ConfigError as `proxies_of` does."""
    logins = Logins(accounts.path_of(config), secret, folder)
    return SocketDoor(config.database, logins, proxies_of(config))


def proxies_of(config: Config) -> frozenset[int]:
    """Return the uids of `web.proxies`; raises ConfigError for an unknown user, or one that comes in by itself."""
    found = set()
    for name in config.web.proxies:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            raise ConfigError(
                _("web.proxies names {name}, and this machine has no such user.", name=name),
                hint=_(
                    "`ps -o user= -C caddy` shows what a proxy runs as; without it the desk would serve nobody there."
                ),
            ) from None
        group = line_group(config.database)
        if user.pw_uid == os.geteuid() or (user.pw_uid != 0 and group in os.getgrouplist(name, user.pw_gid)):
            named = {"name": name, "group": _group_name(group)}
            raise ConfigError(
                _("web.proxies names {name}, which is in the line's group {group}.", **named),
                hint=_("Everybody behind it would be an admin: `sudo gpasswd -d {name} {group}`.", **named),
            )
        found.add(user.pw_uid)
    return frozenset(found)


def line_group(database: Path) -> int:
    """Return the line's group: that of its database, or of the folder that it is to be in."""
    for path in (database, *database.parents):
        with contextlib.suppress(OSError):
            return path.stat().st_gid
    return os.getegid()


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """A port of this machine, for one person: the printed link gives a cookie for it, once."""

    name: str
    token: str
    cookie: str
    cookie_name: str
    used: set[str]

    @classmethod
    def new(cls, name: str, port: int) -> "LinkDoor":
        """Return a door with a link that nobody can guess; the cookie's name has the port: all ports share cookies."""
        return cls(name, secrets.token_urlsafe(), secrets.token_urlsafe(), f"hotlined_link_{port}", set())

    def visitor(self, request: Request) -> Visitor | None:
        """Return the person, where the request brings the cookie."""
        if _same(request.cookies.get(self.cookie_name, ""), self.cookie):
            return Visitor(self.name, Role.ADMIN)
        raise Forbidden(
            _("Open the link that `hotlined web` printed. It works once: start it again for another browser.")
        )

    def exchange(self, token: str) -> str:
        """Return the cookie for the token of the link; raises Forbidden for any other, and the second time."""
        if not _same(token, self.token) or token in self.used:
            raise Forbidden(_("This link was used already, or is of an earlier start of `hotlined web`."))
        self.used.add(token)
        return self.cookie


def _is_forwarded(headers: Headers) -> bool:
    return any(name.lower() in _FORWARDED or name.lower().startswith(_FORWARDED_BEGIN) for name, value in headers)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
