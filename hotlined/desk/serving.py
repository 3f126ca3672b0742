"""Serves the desk at one listening socket, with waitress; at a Unix socket the kernel says who connects.

No visitor can take the desk from others: a request that does not end is closed, a stranger gets few connections, and
people behind a proxy never get all.

Known to be wrong: waitress wakes once a second while it runs, which under systemd is until ten minutes after the last
visit.
"""

import logging
import math
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from hotlined.desk.headers import HEADERS
from hotlined.errors import HotlinedError
from hotlined.language import _
from hotlined.peer import Peer, peer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PEER = "hotlined.peer"
"""Where the environment of a request has the Peer; no header can write there: a header's name begins with HTTP_."""
IDLE_SECONDS = 600.0
SLOW_SECONDS = 20.0  # from the first octet of a request to its last
FINISH_SECONDS = 10.0
"""How long the desk still serves the requests that it has when SIGTERM comes."""
JOIN_SECONDS = 5
"""How long it waits afterwards for threads that still work at such a request."""
_REFUSING_SECONDS = 1.0  # after this, the next connection makes systemd start a desk that reads the configuration again
_LOOK_SECONDS = 1.0  # between two checks whether anybody is connected
MOST = 500  # connections: half of the descriptors that a process usually has
MOST_OF_A_PROXY = 400
MOST_OF_A_STRANGER = 8
_LIMITS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": MOST,
    "channel_timeout": 30,  # seconds of silence
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 64 * 1024,  # a form of ours has less than 1 KiB
}


class _Task(WSGITask):
    """A request, which knows who connected."""

    def get_environment(self) -> "WSGIEnvironment":
        environ = super().get_environment()
        environ[PEER] = getattr(self.channel, "peer", None)
        return environ


class _ErrorTask(ErrorTask):
    """The answer to octets that are no HTTP request, with the headers of every other answer."""

    def execute(self) -> None:
        self.response_headers = [*self.response_headers, *HEADERS.items()]
        super().execute()


class _Channel(HTTPChannel):
    """A connection; at a Unix socket the kernel is asked at once who the peer is, before its process can end."""

    task_class = _Task
    error_task_class = _ErrorTask
    peer: Peer | None
    most: int | None = None
    """How many connections its peer may have, once the kernel has named the peer."""
    began = 0.0
    """When the request began that is not complete yet."""

    def __init__(self, server: Any, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        self.peer = peer_of(sock) if sock.family == socket.AF_UNIX else None
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
    listener: socket.socket,
    ending: Ending | None = None,
    *,
    idle_seconds: float | None = IDLE_SECONDS,
    slow_seconds: float = SLOW_SECONDS,
    finish_seconds: float = FINISH_SECONDS,
    most: Callable[[Peer], int] = lambda _: MOST,
    is_stale: Callable[[], bool] = lambda: False,
) -> None:
    """Serve until nobody has connected for `idle_seconds` (None: without end), or until the configuration is stale.

    `most` returns how many connections a peer may have. Requests in hand are finished first; if the end is asked for,
    they have `finish_seconds`. A peer that connects then waits for the next start.
    """
    ending = ending or Ending()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits for a thread is no news
    table: dict[int, Any] = {}
    # keeps the headers of proxies: they show whether a request comes through a proxy
    server = create_server(
        app, map=table, sockets=[listener], ident=None, clear_untrusted_proxy_headers=False, **_LIMITS
    )
    assert isinstance(server, BaseWSGIServer)  # it listens at one socket
    server.channel_class = _Channel
    seen, end = time.monotonic(), math.inf
    ending.wake = server.pull_trigger
    try:
        while idle_seconds is None or time.monotonic() - seen < idle_seconds:
            wasyncore.loop(timeout=_LOOK_SECONDS, use_poll=True, map=table, count=1)
            channels = [channel for channel in table.values() if isinstance(channel, _Channel)]
            if channels:
                seen = time.monotonic()
            _drop(channels, slow_seconds, most)
            is_busy = any(channel.is_busy() for channel in channels)
            if ending.is_asked_for and server.accepting:
                server.accepting, end = False, time.monotonic() + finish_seconds
                ending.wake()
                continue  # a connection that was accepted in this pass has not been read yet
            if ending.is_asked_for:
                _close_after_answers(channels)
            if time.monotonic() > end or (not is_busy and (ending.is_asked_for or is_stale())):
                return
    finally:
        ending.wake = _nothing  # before its pipe is closed
        server.task_dispatcher.shutdown(timeout=JOIN_SECONDS)
        wasyncore.close_all(table)


def refuse(listener: socket.socket, error: HotlinedError) -> None:
    """Tell everybody who waits why there is no desk: systemd starts this again as long as somebody waits."""

    def app(_environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        start("503 Service Unavailable", [("Content-Type", "text/plain;charset=utf-8"), *HEADERS.items()])
        return [_("There is no desk: {reason} Its journal says more.", reason=error.message).encode() + b"\n"]

    serve(app, listener, idle_seconds=_REFUSING_SECONDS)


def _close_after_answers(channels: list[_Channel]) -> None:
    """Close connections without a request in hand, or those who ask again and again would keep the desk from ending."""
    for channel in channels:
        if not channel.is_busy():
            channel.will_close = True


def _drop(channels: list[_Channel], slow_seconds: float, most: Callable[[Peer], int]) -> None:
    """Close slow connections, and those that a peer has too many of."""
    counted: Counter[int] = Counter()
    for channel in channels:
        crowds = False
        if channel.peer:
            channel.most = most(channel.peer) if channel.most is None else channel.most
            counted[channel.peer.uid] += 1
            crowds = counted[channel.peer.uid] > channel.most
        if crowds or channel.is_slow(slow_seconds):
            channel.will_close = True  # waitress does it, at the next pass
