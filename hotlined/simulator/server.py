"""One process, one loop: it waits for the port, the control socket and the timers together.

Each message and each answer is one line of JSON; a connection that watches also gets each event as a line. Access to
the control socket is access to its folder; it asks for no password.
"""

import contextlib
import json
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotlined.errors import HotlinedError
from hotlined.simulator import control
from hotlined.simulator.bench import Bench

BACKLOG_OCTETS = 4 << 20  # a watcher that does not read is dropped after this much
WAIT_SECONDS = 10.0


@dataclass(eq=False, slots=True)
class _Connection:
    """One client of the control socket."""

    socket: socket.socket
    unparsed: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    watching: bool = False

    def say(self, answer: dict[str, Any]) -> None:
        """Queue one line."""
        self.unsent += json.dumps(answer).encode() + b"\n"


class Server:
    """A bench with a control socket; none if `control_path` is None."""

    def __init__(self, bench: Bench, control_path: Path | None, until: int | None = None) -> None:
        self._bench = bench
        self._path = control_path
        self._listener: socket.socket | None = None
        self._connections: list[_Connection] = []
        self._waits: list[Callable[[], bool]] = []
        self._until = until
        bench.listeners.append(self._tell)

    def run(self, ready: Callable[[], object]) -> None:
        """Serve without end, or until the file with the descriptor `until` ends; leave nothing behind.

        `ready` is called once, when the port and the socket can be opened.
        """
        try:
            if self._path:
                self._path.unlink(missing_ok=True)
                self._listener = socket.socket(socket.AF_UNIX)
                self._listener.bind(str(self._path))
                self._listener.listen()
                self._listener.setblocking(False)
            self._bench.plug()
            ready()
            while self._pass():
                pass
        finally:
            self._bench.unplug()
            for connection in self._connections:
                connection.socket.close()
            if self._listener and self._path:
                self._listener.close()
                self._path.unlink(missing_ok=True)

    def _pass(self) -> bool:
        """Wait for the next event and handle it; return False when it is time to end."""
        port = self._bench.port
        sources: list[Any] = [*self._connections, *([self._listener] if self._listener else [])]
        until = [] if self._until is None else [self._until]
        master = [] if port.master is None else [port.master]
        by_descriptor = {_descriptor(source): source for source in sources}
        writers = [c.socket.fileno() for c in self._connections if c.unsent]
        readable, writable, _ = select.select(
            [*by_descriptor, *master, *until],
            [*writers, *(master if port.has_unread else [])],
            [],
            self._bench.timers.wait_seconds(),
        )
        self._bench.timers.run()
        for descriptor in readable:
            source = by_descriptor.get(descriptor)
            if descriptor in until:
                if not os.read(descriptor, 4096):
                    return False
            elif source is None:
                self._bench.modem.receive(port.read())
            elif source is self._listener:
                accepted, _ = self._listener.accept()
                accepted.setblocking(False)
                self._connections.append(_Connection(accepted))
            else:
                self._hear(source)
        if port.master in writable:
            port.write(b"")
        self._waits = [wait for wait in self._waits if wait()]
        for connection in list(self._connections):
            self._send(connection)
        return True

    def _hear(self, connection: _Connection) -> None:
        """Read from a client and answer every complete line."""
        try:
            data = connection.socket.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        connection.unparsed += data
        *lines, rest = connection.unparsed.split(b"\n")
        connection.unparsed = rest
        for line in lines:
            try:
                self._message(connection, json.loads(line))
            except HotlinedError as error:
                connection.say({"ok": False, "error": error.message, "hint": error.hint})
            except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, OSError) as error:
                connection.say({"ok": False, "error": f"{type(error).__name__}: {error}", "hint": ""})

    def _message(self, connection: _Connection, message: dict[str, Any]) -> None:
        name = message.pop("do", None)
        if name == "watch":
            connection.watching = True
            connection.say({"ok": True})
        elif name == "wait":
            self._wait(connection, message)
        else:
            connection.say({"ok": True, **control.do(self._bench, name, message)})

    def _wait(self, connection: _Connection, message: dict[str, Any]) -> None:
        """Answer when the condition is met, or when the time is over."""
        what, seconds = message["for"], float(message.get("timeout", WAIT_SECONDS))
        so = control.condition(self._bench, what, int(message.get("count", 1)))
        over = False

        def give_up() -> None:
            nonlocal over
            over = True

        self._bench.timers.after(seconds, give_up)

        def goes_on() -> bool:
            if so():
                connection.say({"ok": True})
            elif over:
                connection.say({"ok": False, "error": f"no {what} within {seconds:g} s", "hint": ""})
            return not (so() or over)

        self._waits.append(goes_on)

    def _tell(self, event: dict[str, Any]) -> None:
        for connection in self._connections:
            if connection.watching:
                connection.say(event)

    def _send(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.unsent) if connection.unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        del connection.unsent[:sent]
        if len(connection.unsent) > BACKLOG_OCTETS:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)
        connection.socket.close()


def _descriptor(source: Any) -> int:
    return int((source.socket if isinstance(source, _Connection) else source).fileno())
