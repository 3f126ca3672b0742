"""The control program of a line: carries out the decisions of people who may decide and do not own the database.

One connection after the other, each with two seconds to say what it wants. What may take minutes is done by a process
of its own, so that nobody waits behind it. The program ends after ten minutes in which nobody asked; systemd starts it
again. Who asks is the kernel's word (SO_PEERCRED), and who is in the line's group that of the system's lists, at each
question. The desk's user decides less, and in other people's names. A refusal is in the language of
who asks: that person may have read the configuration later than this program. The journal is English.
Known to be wrong: members who connect and say nothing can hold up each other, two seconds each.
"""

import contextlib
import logging
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hotlined import wire
from hotlined.config import Config
from hotlined.control import LONG, LONG_SECONDS, OTHER_LINE
from hotlined.control.verbs import DESK, VERBS, Decision, no_decision
from hotlined.errors import HotlinedError, RefusedError, UsageError
from hotlined.language import N_, Language, _, speak, spoken
from hotlined.peer import Peer, is_member, peer_of
from hotlined.store.opening import open_beside_daemon
from hotlined.store.trouble import DatabaseTrouble

SAY_SECONDS = 2.0
IDLE_SECONDS = 600.0
_REFUSING_SECONDS = 1.0  # then the configuration is read again when somebody asks
_MOST_CHILDREN = 4  # at a time: each has the database open, and a Pi little memory
_WHO_CHARACTERS = 64
_MALFORMED = N_("The request is malformed.")

log = logging.getLogger(__name__)


def refuse(listener: socket.socket, error: HotlinedError) -> None:
    """Tell everybody who waits why nothing can be decided: systemd starts this anew as long as somebody waits."""
    wire.serve(
        listener,
        _REFUSING_SECONDS,
        lambda channel: wire.send(channel, wire.from_error(error), time.monotonic() + SAY_SECONDS),
    )


class Server:
    """Serves one database at a listening socket."""

    def __init__(
        self,
        database: Path,
        config: Callable[[], Config],
        *,
        desk: int | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._database = database
        self._config = config
        self._desk = desk
        self._idle_seconds = idle_seconds
        self._language = spoken()
        self._children: set[int] = set()

    def serve(self, listener: socket.socket) -> None:
        """Serve until nobody has asked for some time and nothing is in hand."""
        wire.serve(listener, self._idle_seconds, partial(self._answer, listener), self._working)

    def _working(self) -> bool:
        """Drop the child processes that have ended, and tell whether another one still runs."""
        for child in tuple(self._children):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._children.discard(child)
        return bool(self._children)

    def _answer(self, listener: socket.socket, channel: socket.socket) -> None:
        """Hear what somebody wants and carry it out, or refuse it, in the language of who asks."""
        deadline = time.monotonic() + SAY_SECONDS
        speak(self._language)
        try:
            peer = peer_of(channel)
            self._require_known(peer)  # before anything is read: a stranger does not keep others waiting
            request = _read(channel, deadline)
            if request.get("language") in list(Language):
                speak(Language(request["language"]))
            if request.get("database") != os.path.realpath(self._database):
                wire.send(channel, {"error": {"kind": OTHER_LINE, "message": str(self._database)}}, deadline)
                return
            self._require_verb(request, peer)
        except HotlinedError as error:
            wire.send(channel, wire.from_error(error), deadline)
            return
        who = self._who(peer, request.get("who"))
        if request["verb"] in LONG:
            self._decide_apart(listener, channel, request, who)
        else:
            wire.send(channel, self._decided(request, who), time.monotonic() + SAY_SECONDS)

    def _require_verb(self, request: Mapping[str, Any], peer: Peer) -> None:
        """Raise UsageError for a request without a known verb and its arguments, RefusedError if the peer may not."""
        verb = VERBS.get(str(request.get("verb")))
        if verb is None:
            raise no_decision()
        arguments = request.get("arguments")
        verb.require(arguments if isinstance(arguments, dict) else {"": None})
        self._require_allowed(peer, str(request["verb"]))

    def _decide_apart(
        self, listener: socket.socket, channel: socket.socket, request: Mapping[str, Any], who: str
    ) -> None:
        """Decide in a process of its own what may take minutes, and answer from there; refuse where too many are."""
        self._working()  # forgets those that have ended
        if len(self._children) >= _MOST_CHILDREN:
            busy = RefusedError(_("Others are erasing just now."), _("Try again in a minute."))
            wire.send(channel, wire.from_error(busy), time.monotonic() + SAY_SECONDS)
            return
        child = os.fork()
        if child:
            self._children.add(child)
            return
        with contextlib.suppress(BaseException):
            listener.close()  # else a peer that comes after the program has ended waits at a socket that nobody serves
            wire.send(channel, self._decided(request, who), time.monotonic() + LONG_SECONDS)
        os._exit(0)

    def _require_known(self, peer: Peer) -> None:
        """Raise RefusedError for who is neither the line's user nor in the database's group."""
        members = self._database.stat().st_gid if self._database.exists() else os.getgid()
        if peer.uid != os.getuid() and not is_member(peer.uid, members):
            log.warning("a decision of %s was refused: it is not in the line's group", peer.name)
            raise RefusedError(
                _("{name} may not decide for this line.", name=peer.name),
                _("Members of its group may, and who types `sudo hotlined`. Whoever joined it has to log in again."),
            )

    def _require_allowed(self, peer: Peer, verb: str) -> None:
        """Raise RefusedError where the desk asks for more than its pages decide: who breaks into it gets no more."""
        if peer.uid == self._desk and verb not in DESK:
            log.warning("the desk asked for %s, which no page of it decides", verb)
            raise RefusedError(
                _("This is nothing that the desk may decide ({verb}).", verb=verb), _("It is done at the command line.")
            )

    def _who(self, peer: Peer, claimed: Any) -> str:
        """Return who decides; the line's own user and the desk alone are believed another name than theirs."""
        believed = peer.uid in (os.getuid(), self._desk)
        if believed and isinstance(claimed, str) and claimed.isprintable() and claimed.strip():
            return claimed[:_WHO_CHARACTERS]
        return peer.name

    def _decided(self, request: Mapping[str, Any], who: str) -> dict[str, Any]:
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


def _read(channel: socket.socket, deadline: float) -> dict[str, Any]:
    try:
        request = wire.receive(channel, deadline)
    except TimeoutError as error:
        raise UsageError(_("Nothing was asked in time.")) from error
    except ValueError as error:
        raise UsageError(_(_MALFORMED)) from error
    if not isinstance(request, dict) or not isinstance(request.get("database"), str):
        raise UsageError(_(_MALFORMED))
    return request
