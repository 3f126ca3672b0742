"""The control program of a line: carries out decisions for users who may decide but do not own the database.

It answers one request after the other; a client that connects and says nothing delays nobody. A decision that may take
minutes gets a process of its own. The program ends after ten minutes without a request; systemd starts it again. The
kernel says which user asks (SO_PEERCRED), and at each request the system says whether that user is in the line's group.
Each socket has its own verbs and callers. Members decide in their own names, the desk's user in those of the desk's
visitors. The exchange's user fetches questions and brings answers, but decides nothing. A refusal is in the language of
the request, because the client may know a newer configuration. The journal is English.
"""

import contextlib
import logging
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hotlined.config import Config
from hotlined.control import DESKS_SOCKET, FLEETS_SOCKET, LONG, LONG_SECONDS, OTHER_LINE, not_allowed
from hotlined.control.verbs import DESK, EXCHANGE, VERBS, Decision, no_decision
from hotlined.errors import HotlinedError, RefusedError, UsageError
from hotlined.language import N_, Language, _, speak, spoken
from hotlined.machine import wire
from hotlined.machine.peer import Peer, is_member, peer_of
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import DatabaseTrouble

IDLE_SECONDS = 600.0
_REFUSING_SECONDS = 1.0  # with a broken configuration the program ends after this time, so the next one reads it again
_MOST_CHILDREN = 4  # at a time, because each has the database open, and a Pi has little memory
_WHO_CHARACTERS = 64
_AGAIN_SECONDS = 60.0  # between two log lines about the same refusal
_MALFORMED = N_("The request is malformed.")

_OF_SOCKETS = {DESKS_SOCKET: DESK, FLEETS_SOCKET: EXCHANGE}
"""The verbs at the sockets that are not for members."""

log = logging.getLogger(__name__)


def refuse(listeners: Sequence[socket.socket], error: HotlinedError) -> None:
    """Answer all waiting clients with an error: while one of them waits, systemd would start this again and again."""
    wire.serve(
        listeners,
        _REFUSING_SECONDS,
        lambda _door, channel, _octets: wire.send(channel, wire.from_error(error), time.monotonic() + wire.SAY_SECONDS),
    )


class RefusalCounts:
    """Counts the refusals of each caller or verb since the last log line, so that a client cannot fill the journal."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int]] = {}

    def count(self, refused: str, now: float) -> int:
        """Count a refusal, and return how many the journal has to report now; 0 if it reported one in the last minute.

        `now` is in seconds of the monotonic clock.
        """
        at, count = self._known.get(refused, (-_AGAIN_SECONDS, 0))
        is_due = now - at >= _AGAIN_SECONDS
        self._known[refused] = (now, 0) if is_due else (at, count + 1)
        return count + 1 if is_due else 0


class Server:
    """Serves one database at listening sockets."""

    def __init__(self, database: Path, config: Callable[[], Config], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._database = database
        self._config = config
        self._idle_seconds = idle_seconds
        self._language = spoken()
        self._listeners: Sequence[socket.socket] = ()
        self._children: set[int] = set()
        self._refusals = RefusalCounts()

    def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Serve until there was no request for `idle_seconds` and no child process runs."""
        self._listeners = listeners
        wire.serve(listeners, self._idle_seconds, self._answer, self._working)

    def _working(self) -> bool:
        """Collect the child processes that have ended, and tell whether another one still runs."""
        for child in tuple(self._children):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._children.discard(child)
        return bool(self._children)

    def _answer(self, listener: socket.socket, channel: socket.socket, octets: bytes) -> None:
        """Carry out a request or refuse it, in the language of the request."""
        deadline = time.monotonic() + wire.SAY_SECONDS
        speak(self._language)
        try:
            peer, path = peer_of(channel), Path(listener.getsockname())
            of_whom = next((each for each in _OF_SOCKETS if path.stem.endswith(f"-{each}")), None)
            is_desk = of_whom == DESKS_SOCKET
            self._require_known(peer, path if of_whom else None)
            request = _read(octets, self._database if of_whom == FLEETS_SOCKET else None)
            if request.get("language") in list(Language):
                speak(Language(request["language"]))
            if request.get("database") != os.path.realpath(self._database):
                wire.send(channel, {"error": {"kind": OTHER_LINE, "message": str(self._database)}}, deadline)
                return
            self._require_verb(request, _OF_SOCKETS[of_whom] if of_whom else _members(peer))
        except HotlinedError as error:
            wire.send(channel, wire.from_error(error), deadline)
            return
        # the line's own user is root or a person with sudo, and the desk acts for its visitors: both may name a person
        is_believed = is_desk or peer.uid == os.getuid()
        who = (_maybe_name(request.get("who")) if is_believed else None) or peer.name
        if request["verb"] in LONG:
            self._decide_apart(channel, request, who)
        else:
            wire.send(channel, self._decided(request, who), time.monotonic() + wire.SAY_SECONDS)

    def _require_verb(self, request: Mapping[str, Any], allowed: frozenset[str]) -> None:
        """Raise UsageError for an unknown verb or wrong arguments, RefusedError for a verb of another socket.

        So an attacker who breaks into the desk can only decide what its pages can decide.
        """
        name = str(request.get("verb"))
        verb = VERBS.get(name)
        if verb is None:
            raise no_decision()
        arguments = request.get("arguments")
        verb.require(arguments if isinstance(arguments, dict) else {"": None})
        if name not in allowed:
            if count := self._refusals.count(name, time.monotonic()):
                log.warning("%s was asked for at a socket at which nobody decides that (%d times)", name, count)
            raise RefusedError(
                _("This is not decided at this socket ({verb}).", verb=name),
                _("It is done at the command line."),
            )

    def _decide_apart(self, channel: socket.socket, request: Mapping[str, Any], who: str) -> None:
        """Carry out a long verb in a process of its own, which also answers; refuse it if too many are running."""
        self._working()  # collect those that have ended
        if len(self._children) >= _MOST_CHILDREN:
            busy = RefusedError(_("Others are erasing just now."), _("Try again in a minute."))
            wire.send(channel, wire.from_error(busy), time.monotonic() + wire.SAY_SECONDS)
            return
        child = os.fork()
        if child:
            self._children.add(child)
            return
        with contextlib.suppress(BaseException):
            try:
                for listener in self._listeners:  # else a client could connect, and wait after the program has ended
                    listener.close()
                wire.send(channel, self._decided(request, who), time.monotonic() + LONG_SECONDS)
            except Exception:
                log.exception("%s broke off", request["verb"])
        os._exit(0)

    def _require_known(self, peer: Peer, own: Path | None) -> None:
        """Raise RefusedError for a user who may not ask at this socket.

        At the sockets of the desk and the exchange only the owner of the socket may ask; at the members', the line's
        user and the members of the database's group.
        """
        if own:
            is_known = peer.uid == own.stat().st_uid
        else:
            members = self._database.stat().st_gid if self._database.exists() else os.getgid()
            is_known = peer.uid == os.getuid() or is_member(peer.uid, members)
        if not is_known:
            if count := self._refusals.count(peer.name, time.monotonic()):
                log.warning("a decision of %s was refused: it has another socket (%d times)", peer.name, count)
            raise not_allowed(peer.name)

    def _decided(self, request: Mapping[str, Any], who: str) -> dict[str, object]:
        try:
            with open_beside_daemon(self._database) as db:
                decision = Decision(db, request["arguments"], who, db.now(), self._config)
                return {"result": VERBS[request["verb"]].act(decision)}
        except HotlinedError as error:
            return wire.from_error(error)
        except sqlite3.Error as error:
            return wire.from_error(DatabaseTrouble.of(error).as_error())
        except Exception:
            log.exception("%s could not be carried out", request["verb"])
            return wire.from_error(HotlinedError(_("The control program has a bug."), _("Its journal shows where.")))


def _maybe_name(claimed: Any) -> str | None:
    """Return a person's name for the record, cut to 64 characters; None if it is blank or not printable."""
    if isinstance(claimed, str) and claimed.isprintable() and claimed.strip():
        return claimed[:_WHO_CHARACTERS]
    return None


def _members(peer: Peer) -> frozenset[str]:
    """Return the verbs for a user at the members' socket; those of the exchange are only for the line's own user."""
    return frozenset(VERBS) - (frozenset() if peer.uid == os.getuid() else EXCHANGE)


def _read(octets: bytes, database: Path | None) -> dict[str, Any]:
    """Return a request; with a `database` it is about that one, whatever it says. Raises UsageError."""
    try:
        request = wire.parse(octets)
    except ValueError as error:
        raise UsageError(_(_MALFORMED)) from error
    if isinstance(request, dict) and database:
        request["database"] = os.path.realpath(database)
    if not isinstance(request, dict) or not isinstance(request.get("database"), str):
        raise UsageError(_(_MALFORMED))
    return request
