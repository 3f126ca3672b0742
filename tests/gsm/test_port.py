"""Ports that are no device of this machine: pyserial's URLs."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import serial
from serial import rfc2217

from hotlined.errors import PortError
from hotlined.gsm.port import Port

Speak = Callable[[socket.socket], None]


def echo(caller: socket.socket) -> None:
    """Send back what comes."""
    while octets := caller.recv(4096):
        caller.sendall(octets)


class Caller:
    """The other end of a connection, as pyserial writes to it."""

    def __init__(self, channel: socket.socket) -> None:
        self.write = channel.sendall


def echo_by_rfc2217(caller: socket.socket) -> None:
    """Be a port that sends back what comes, by the protocol of RFC 2217."""
    port = serial.serial_for_url("loop://", timeout=0)
    manager = rfc2217.PortManager(port, Caller(caller))
    while octets := caller.recv(4096):
        port.write(b"".join(manager.filter(octets)))
        caller.sendall(b"".join(manager.escape(port.read(4096))))


@contextlib.contextmanager
def served(speak: Speak) -> Iterator[int]:
    """Serve one caller, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            channel, _ = server.accept()
            with channel, contextlib.suppress(OSError):
                speak(channel)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning")  # pyserial's
@pytest.mark.parametrize(("scheme", "speak"), [("socket", echo), ("rfc2217", echo_by_rfc2217)])
def test_a_port_may_be_on_another_machine(scheme: str, speak: Speak) -> None:
    """It is read and written as a device is."""
    with served(speak) as number:
        port = Port(f"{scheme}://127.0.0.1:{number}")
        try:
            port.write(b"AT\r")
            ends, octets = time.monotonic() + 30.0, b""
            while len(octets) < 3 and time.monotonic() < ends:
                octets += port.read(1.0)
        finally:
            port.close()

    assert octets == b"AT\r"


def test_what_cannot_be_opened_is_an_error_of_the_port() -> None:
    """It is one whatever pyserial raises: a daemon with it looks for a modem again and again."""
    with pytest.raises(PortError, match="cannot be opened"):
        Port("hwgrep://(", 9600)
