"""Serves the desk at its listening sockets, with waitress; each request has the authenticator of its socket.

No visitor can keep the others out: the connection of an unfinished request is closed after some seconds, and no
listener gets all connections.

Known to be wrong: waitress wakes once a second as long as it runs. Under systemd it ends ten minutes after the last
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

from hotlined.errors import HotlinedError
from hotlined.language import _
from hotlined.machine.peer import Peer, maybe_local_peer, peer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PEER, AUTHENTICATOR = "hotlined.machine.peer", "hotlined.authenticator"
"""The keys of peer and authenticator in the environment of a request. No header can set them: its key has HTTP_."""
IDLE_SECONDS = 600.0
SLOW_SECONDS = 20.0  # from the first byte of a request to its last
FINISH_SECONDS = 10.0
"""After SIGTERM, the time to finish the requests that have begun."""
JOIN_SECONDS = 5
"""After FINISH_SECONDS, the time to wait for threads that are still at work."""
# the program that only refuses ends after this time without a connection: at the next one systemd starts the desk
# again, which reads the configuration anew
_REFUSING_SECONDS = 1.0
_LOOK_SECONDS = 1.0  # between two checks whether a connection is open
MOST = 500  # connections: half of the descriptors that a process usually has
MOST_OF_A_SOCKET = 400
_limited = partial(
    create_server,
    threads=4,
    connection_limit=MOST,
    channel_timeout=30,  # seconds of silence
    max_request_header_size=16 * 1024,
    max_request_body_size=64 * 1024,  # a form of this desk has less than 1 KiB
    clear_untrusted_proxy_headers=True,  # the default of later versions; an older one warns if it is not set
)


class _Task(WSGITask):
    """A request that knows which process connected (`PEER`), and who tells its visitor (`AUTHENTICATOR`)."""

    def get_environment(self) -> "WSGIEnvironment":
        environ = super().get_environment()
        channel: Any = self.channel
        environ |= {PEER: channel.peer, AUTHENTICATOR: channel.authenticator}
        return environ


class _ErrorTask(ErrorTask):
    """The answer to bytes that are not an HTTP request, with the headers of every other answer."""

    def execute(self) -> None:
        self.response_headers = [*self.response_headers, *HEADERS.items()]
        super().execute()


class _Channel(HTTPChannel):
    """A connection; it asks the kernel at once for the peer, before the peer's process can end."""

    task_class = _Task
    error_task_class = _ErrorTask
    peer: Peer | None
    began = 0.0
    """The beginning of the request that is not complete yet, by the monotonic clock."""

    def __init__(
        self, server: Any, sock: socket.socket, *arguments: Any, authenticator: object, **options: Any
    ) -> None:
        self.peer = peer_of(sock) if sock.family == socket.AF_UNIX else maybe_local_peer(sock)
        self.authenticator = authenticator
        super().__init__(server, sock, *arguments, **options)

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began = time.monotonic()
        return super().received(data)

    def is_slow(self, seconds: float) -> bool:
        """Tell whether a request began more than `seconds` ago and is still not complete."""
        return self.request is not None and time.monotonic() - self.began > seconds

    def is_busy(self) -> bool:
        """Tell whether a request is being read or answered."""
        return bool(self.request or self.requests or self.total_outbufs_len)


class Ending:
    """A request to end the desk: after it the desk finishes the requests that it has, and accepts no others."""

    def __init__(self) -> None:
        self.is_asked_for = False
        self.wake: Callable[[], None] = _nothing
        """A function that wakes the serving loop, so that it sees `is_asked_for` at once."""

    @classmethod
    def at_sigterm(cls) -> Self:
        """Return an Ending, and make SIGTERM, the signal of systemd, ask for it; a second SIGTERM changes nothing."""
        ending = cls()
        signal.signal(signal.SIGTERM, lambda *_: ending.ask())
        return ending

    def ask(self) -> None:
        """Ask the desk to end; may be called from a signal handler."""
        self.is_asked_for = True
        self.wake()


def _nothing() -> None:
    """Do nothing."""


def serve(
    app: "WSGIApplication",
    listeners: Mapping[socket.socket, object],
    ending: Ending | None = None,
    *,
    idle_seconds: float | None = IDLE_SECONDS,
    slow_seconds: float = SLOW_SECONDS,
    finish_seconds: float = FINISH_SECONDS,
    is_stale: Callable[[], bool] = lambda: False,
) -> None:
    """Serve until nobody has connected for `idle_seconds` (None: without end), or the configuration is stale.

    `listeners` has the authenticator of each listening socket; each request has it in its environment. If the end is
    asked for, or the configuration is stale, requests that have begun get `finish_seconds` more. A peer that
    connects during that time waits for the next start of the desk.
    """
    ending = ending or Ending()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it would report each request that waits for a thread
    table: dict[int, Any] = {}
    _limited(app, map=table, sockets=[*listeners], ident=None)
    servers = [each for each in table.values() if isinstance(each, BaseWSGIServer)]
    for server in servers:
        server.channel_class = cast(
            "type[HTTPChannel]", partial(_Channel, authenticator=listeners[cast("socket.socket", server.socket)])
        )
    seen, end = time.monotonic(), math.inf
    ending.wake = servers[0].pull_trigger
    try:
        while True:
            looked = time.monotonic()
            wasyncore.loop(timeout=_LOOK_SECONDS, use_poll=True, map=table, count=1)
            channels = [channel for channel in table.values() if isinstance(channel, _Channel)]
            if channels:
                seen = time.monotonic()
            elif idle_seconds is not None and looked - seen >= idle_seconds:
                return  # a look that began after that time found nobody, however long this process did not run
            _drop(channels, slow_seconds)
            is_busy = any(channel.is_busy() for channel in channels)
            if not ending.is_asked_for and is_stale():
                ending.ask()  # no request may go on for long under an old configuration
            if not ending.is_asked_for:
                continue
            if servers[0].accepting:
                end = time.monotonic() + finish_seconds
                for server in servers:
                    server.accepting = False
                ending.wake()
                continue  # a connection accepted in this pass has not been read yet: give it one pass
            _close_after_answers(channels)
            if time.monotonic() > end or not is_busy:
                return
    finally:
        ending.wake = _nothing  # a later signal must not write to the pipe of the loop, which is closed below
        servers[0].task_dispatcher.shutdown(timeout=JOIN_SECONDS)  # all servers share it
        wasyncore.close_all(table)


def refuse(listeners: Iterable[socket.socket], error: HotlinedError) -> None:
    """Answer everybody who waits with the reason why there is no desk.

    Without an answer they would go on waiting, and systemd would start this program again and again.
    """

    def app(_environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        start("503 Service Unavailable", [("Content-Type", "text/plain;charset=utf-8"), *HEADERS.items()])
        return [_("The desk is not there: {reason} Its journal says more.", reason=error.message).encode() + b"\n"]

    serve(app, dict.fromkeys(listeners), idle_seconds=_REFUSING_SECONDS)


def _close_after_answers(channels: list[_Channel]) -> None:
    """Close connections without a request: a peer that sends one after the other could keep the desk from ending."""
    for channel in channels:
        if not channel.is_busy():
            channel.will_close = True


def _drop(channels: list[_Channel], slow_seconds: float) -> None:
    """Close slow connections, and the oldest connections of a listener that has too many."""
    counted: Counter[object] = Counter()
    # the newest first, so that the oldest are closed: idle connections must not keep new ones out
    for channel in reversed(channels):
        counted[channel.server] += 1
        if counted[channel.server] > MOST_OF_A_SOCKET or channel.is_slow(slow_seconds):
            channel.will_close = True  # waitress closes it in the next pass


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
