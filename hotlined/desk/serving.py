"""Serves the desk at its listening sockets, with waitress; each request has the door that it came in by.

No visitor can take the desk from others: a request that does not end is closed, and no door gets all connections.

Known to be wrong: waitress wakes once a second while it runs, which under systemd is until ten minutes after the last
visit.
"""

import logging
import math
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from hotlined.desk.headers import HEADERS
from hotlined.errors import HotlinedError
from hotlined.language import _
from hotlined.peer import Peer, maybe_local_peer, peer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PEER, DOOR = "hotlined.peer", "hotlined.door"
"""Where the environment of a request has them; no header can write there: the name of one begins with HTTP_."""
IDLE_SECONDS = 600.0
SLOW_SECONDS = 20.0  # from the first octet of a request to its last
FINISH_SECONDS = 10.0
"""How long the desk still serves the requests that it has when SIGTERM comes."""
JOIN_SECONDS = 5
"""How long it waits afterwards for threads that still work at such a request."""
_REFUSING_SECONDS = 1.0  # after this, the next connection makes systemd start a desk that reads the configuration again
_LOOK_SECONDS = 1.0  # between two checks whether anybody is connected
MOST = 500  # connections: half of the descriptors that a process usually has
MOST_OF_A_DOOR = 400
_limited = partial(
    create_server,
    threads=4,
    connection_limit=MOST,
    channel_timeout=30,  # seconds of silence
    max_request_header_size=16 * 1024,
    max_request_body_size=64 * 1024,  # a form of ours has less than 1 KiB
    clear_untrusted_proxy_headers=True,  # the default of later ones; an older one asks to be told
)


class _Task(WSGITask):
    """A request, which knows who connected, and where."""

    def get_environment(self) -> "WSGIEnvironment":
        environ = super().get_environment()
        channel: Any = self.channel
        environ |= {PEER: channel.peer, DOOR: channel.door}
        return environ


class _ErrorTask(ErrorTask):
    """The answer to octets that are no HTTP request, with the headers of every other answer."""

    def execute(self) -> None:
        self.response_headers = [*self.response_headers, *HEADERS.items()]
        super().execute()


class _Channel(HTTPChannel):
    """A connection; the kernel is asked at once who the peer is, before its process can end."""

    task_class = _Task
    error_task_class = _ErrorTask
    peer: Peer | None
    began = 0.0
    """When the request began that is not complete yet."""

    def __init__(self, server: Any, sock: socket.socket, *arguments: Any, door: object, **options: Any) -> None:
        self.peer = peer_of(sock) if sock.family == socket.AF_UNIX else maybe_local_peer(sock)
        self.door = door
        super().__init__(server, sock, *arguments, **options)

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began = time.monotonic()
        return super().received(data)

    def is_slow(self, seconds: float) -> bool:
        """Tell whether a request began too long ago and is still not complete."""
        return self.request is not None and time.monotonic() - self.began > seconds

    def is_busy(self) -> bool:
        """Tell whether a request is in hand."""
        return bool(self.request or self.requests or self.total_outbufs_len)


class Ending:
    """Whether the desk is to end: it then answers the requests that it has, and takes no others."""

    def __init__(self) -> None:
        self.is_asked_for = False
        self.wake: Callable[[], None] = _nothing
        """Wakes the loop that serves, so that it sees this at once."""

    @classmethod
    def at_sigterm(cls) -> Self:
        """Return an Ending for which systemd asks with SIGTERM; a second SIGTERM changes nothing."""
        ending = cls()
        signal.signal(signal.SIGTERM, lambda *_: ending.ask())
        return ending

    def ask(self) -> None:
        """Ask the desk to end; from a signal handler, too."""
        self.is_asked_for = True
        self.wake()


def _nothing() -> None:
    """Do nothing."""


def serve(
    app: "WSGIApplication",
    doors: Mapping[socket.socket, object],
    ending: Ending | None = None,
    *,
    idle_seconds: float | None = IDLE_SECONDS,
    slow_seconds: float = SLOW_SECONDS,
    finish_seconds: float = FINISH_SECONDS,
    is_stale: Callable[[], bool] = lambda: False,
) -> None:
    """Serve until nobody has connected for `idle_seconds` (None: without end), or until the configuration is stale.

    `doors` has what each listening socket stands for; the requests there have it in their environment. Where the end is
    asked for, or the configuration is stale, requests in hand have `finish_seconds`. A peer that connects then waits
    for the next start.
    """
    ending = ending or Ending()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits for a thread is no news
    table: dict[int, Any] = {}
    _limited(app, map=table, sockets=[*doors], ident=None)
    servers = [each for each in table.values() if isinstance(each, BaseWSGIServer)]
    for server in servers:
        server.channel_class = cast(
            "type[HTTPChannel]", partial(_Channel, door=doors[cast("socket.socket", server.socket)])
        )
    seen, end = time.monotonic(), math.inf
    ending.wake = servers[0].pull_trigger
    try:
        while idle_seconds is None or time.monotonic() - seen < idle_seconds:
            wasyncore.loop(timeout=_LOOK_SECONDS, use_poll=True, map=table, count=1)
            channels = [channel for channel in table.values() if isinstance(channel, _Channel)]
            if channels:
                seen = time.monotonic()
            _drop(channels, slow_seconds)
            is_busy = any(channel.is_busy() for channel in channels)
            if not ending.is_asked_for and is_stale():
                ending.ask()  # what an old configuration lets in has an end, whatever is in hand
            if ending.is_asked_for and servers[0].accepting:
                end = time.monotonic() + finish_seconds
                for server in servers:
                    server.accepting = False
                ending.wake()
                continue  # a connection that was accepted in this pass has not been read yet
            if ending.is_asked_for:
                _close_after_answers(channels)
            if time.monotonic() > end or (not is_busy and ending.is_asked_for):
                return
    finally:
        ending.wake = _nothing  # before its pipe is closed
        servers[0].task_dispatcher.shutdown(timeout=JOIN_SECONDS)  # which they share
        wasyncore.close_all(table)


def refuse(listeners: Iterable[socket.socket], error: HotlinedError) -> None:
    """Tell everybody who waits why there is no desk: systemd starts this again as long as somebody waits."""

    def app(_environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        start("503 Service Unavailable", [("Content-Type", "text/plain;charset=utf-8"), *HEADERS.items()])
        return [_("There is no desk: {reason} Its journal says more.", reason=error.message).encode() + b"\n"]

    serve(app, dict.fromkeys(listeners), idle_seconds=_REFUSING_SECONDS)


def _close_after_answers(channels: list[_Channel]) -> None:
    """Close connections without a request in hand, or those who ask again and again would keep the desk from ending."""
    for channel in channels:
        if not channel.is_busy():
            channel.will_close = True


def _drop(channels: list[_Channel], slow_seconds: float) -> None:
    """Close slow connections, and of those that a door has too many of the ones that came first."""
    counted: Counter[object] = Counter()
    for channel in reversed(channels):  # else who comes and stays would keep out who comes later
        counted[channel.server] += 1
        if counted[channel.server] > MOST_OF_A_DOOR or channel.is_slow(slow_seconds):
            channel.will_close = True  # waitress does it, at the next pass
