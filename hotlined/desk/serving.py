"""Serves the desk at one listening socket, with waitress: who connects over a Unix socket is asked of the kernel.

Known to be wrong: waitress wakes once a second while it runs, which under systemd is ten minutes after the last visit.
"""

import socket
import time
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from hotlined.desk.headers import HEADERS
from hotlined.peer import Peer, peer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

PEER = "hotlined.peer"
"""Where the environment of a request has the Peer; no header can write there: a header's name begins with HTTP_."""
IDLE_SECONDS = 600.0
_LOOK_SECONDS = 1.0  # how often it is asked whether anybody is still there
_OWN_ENTRIES = 2  # of waitress in its table of sockets: the listener, and what wakes the loop
_LIMITS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": 100,
    "channel_timeout": 30,  # seconds without a word
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
    """The answer to what is no request that HTTP knows: with the headers of every other answer."""

    def execute(self) -> None:
        self.response_headers = [*self.response_headers, *HEADERS.items()]
        super().execute()


class _Channel(HTTPChannel):
    """A connection; over a Unix socket the kernel is asked who it is at once, whatever becomes of that process."""

    task_class = _Task
    error_task_class = _ErrorTask
    peer: Peer | None

    def __init__(self, server: Any, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        self.peer = peer_of(sock) if sock.family == socket.AF_UNIX else None
        super().__init__(server, sock, *arguments, **options)


def serve(app: "WSGIApplication", listener: socket.socket, *, idle_seconds: float | None = IDLE_SECONDS) -> None:
    """Serve until nobody has been there for some time; for None without end."""
    table: dict[int, Any] = {}
    # headers of proxies stay: whether there are any is what tells a proxy from a person
    server = create_server(
        app, map=table, sockets=[listener], ident=None, clear_untrusted_proxy_headers=False, **_LIMITS
    )
    assert isinstance(server, BaseWSGIServer)  # it listens at one socket
    server.channel_class = _Channel
    try:
        _loop(table, idle_seconds)
    finally:
        server.task_dispatcher.shutdown()
        wasyncore.close_all(table)


def _loop(table: dict[int, Any], idle_seconds: float | None) -> None:
    seen = time.monotonic()
    while idle_seconds is None or time.monotonic() - seen < idle_seconds:
        wasyncore.loop(timeout=_LOOK_SECONDS, use_poll=True, map=table, count=1)
        if len(table) > _OWN_ENTRIES:
            seen = time.monotonic()
