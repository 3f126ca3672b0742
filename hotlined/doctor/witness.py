"""Who has a port open, asked of a process that keeps root while the rest becomes the line's user.

It is made before that, opens nothing but what the kernel shows of processes, and is asked by the number of a device,
never by a name: a name that others can make may be a link by the time that root follows it.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hotlined import wire
from hotlined.gsm import finding
from hotlined.gsm.finding import Device, Holder

_ANSWER_SECONDS = 10.0  # a Pi Zero with some hundred processes takes less than one
_LIFE_SECONDS = 600  # more than any examination, should its end not be noticed


@dataclass(frozen=True, slots=True)
class Witness:
    """The process that has kept root, by the socket at which it answers."""

    channel: socket.socket

    def holders(self, port: str) -> list[Holder]:
        """Return the programs of all users that have a port open; raises OSError or ValueError without an answer."""
        question = {"device": finding.device_of(port)}
        answer = wire.ask(self.channel, question, time.monotonic() + _ANSWER_SECONDS)
        return [Holder(int(each["pid"]), str(each["name"])) for each in answer.get("result", ())]


@contextlib.contextmanager
def kept() -> Iterator[Witness | None]:
    """Keep root in a process of its own, and give who may be asked there; None for whoever is not root."""
    if os.geteuid() != 0:
        yield None
        return
    ours, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _serve(its)
        os._exit(0)
    its.close()
    try:
        with ours:
            yield Witness(ours)
    finally:
        os.waitpid(child, 0)


def _serve(channel: socket.socket) -> None:
    """Answer until the other end is closed; whatever is no question ends it."""
    signal.alarm(_LIFE_SECONDS)
    own = channel.fileno()
    os.closerange(0, own)
    os.closerange(own + 1, os.sysconf("SC_OPEN_MAX"))
    while True:
        device = _device(wire.receive(channel, time.monotonic() + _LIFE_SECONDS))
        found = [asdict(holder) for holder in finding.holders_of(device)]
        wire.send(channel, {"result": found}, time.monotonic() + _ANSWER_SECONDS)


def _device(question: Any) -> Device:
    """Return the device that is asked about; raises ValueError for anything that is no question."""
    match question:
        case {"device": [int(number), int(system)]} if len(question) == 1:
            return number, system
    raise ValueError("this is no question")
