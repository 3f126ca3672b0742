"""One line of JSON each way over a Unix socket, then the connection ends: how our programs ask each other.

An answer has `result`, or `error` with `kind` (a class of errors.py), `message` and `hint`.
"""

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotlined import errors
from hotlined.errors import HotlinedError

MOST_OCTETS = 512 * 1024  # the longest text that can be sent, each character as \uXXXX
SAY_SECONDS = 2.0  # to send a line, and to take the answer
_MOST_CALLERS = 100  # connections whose line is not complete; if there are more, the oldest is closed with an answer


def receive(channel: socket.socket, deadline: float) -> Any:
    """Read a line of JSON and return its value; raises ValueError for anything else, TimeoutError after `deadline`."""
    octets = b""
    while not octets.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:  # checked each time, so that a peer that sends slowly gets no extra time
            raise TimeoutError
        channel.settimeout(left)
        part = channel.recv(65_536)
        octets += part
        if not part or len(octets) > MOST_OCTETS:
            break
    return parse(octets)


def parse(octets: bytes) -> Any:
    """Return the value of a line of JSON; raises ValueError for anything else, even for JSON nested too deeply."""
    if not octets.endswith(b"\n") or len(octets) > MOST_OCTETS:
        raise ValueError("this is no line of JSON")
    try:
        return json.loads(octets)
    except RecursionError as error:
        raise ValueError("this is no line of JSON") from error


def send(channel: socket.socket, message: Mapping[str, object], deadline: float) -> None:
    """Send a line of JSON."""
    channel.settimeout(max(0.001, deadline - time.monotonic()))
    channel.sendall(json.dumps(message).encode() + b"\n")


@dataclass(slots=True)
class _Caller:
    """A program that has connected at a listener and has not been answered yet."""

    listener: socket.socket
    deadline: float
    octets: bytes = b""

    def hear(self, channel: socket.socket) -> bool:
        """Read the next bytes; return whether the line is complete, the caller has gone or it has sent too much."""
        try:
            part = channel.recv(65_536)
        except OSError:  # the caller has gone
            part = b""
        self.octets += part
        return not part or part.endswith(b"\n") or len(self.octets) > MOST_OCTETS


def serve(
    listeners: Sequence[socket.socket],
    idle_seconds: float,
    answer: Callable[[socket.socket, socket.socket, bytes], None],
    is_busy: Callable[[], bool] = lambda: False,
) -> None:
    """Answer the callers, one after the other, until `idle_seconds` pass without one and nothing is busy.

    `answer` gets the listener, the connection, and the bytes that came; `parse` checks that they are a line. A caller
    that sends nothing, or no whole line, delays no other caller.
    """
    callers: dict[socket.socket, _Caller] = {}
    while True:
        now = time.monotonic()
        left = min((caller.deadline - now for caller in callers.values()), default=idle_seconds)
        ready, _, _ = select.select([*listeners, *callers], (), (), max(0.0, left))
        if not ready and not callers and not is_busy():
            return
        for listener in set(listeners).intersection(ready):
            channel, _ = listener.accept()
            channel.setblocking(False)
            callers[channel] = _Caller(listener, time.monotonic() + SAY_SECONDS)
        ended = [channel for channel, caller in callers.items() if channel in ready and caller.hear(channel)]
        now = time.monotonic()
        ended += [channel for channel, caller in callers.items() if caller.deadline <= now and channel not in ended]
        for channel in ended or [*callers][:-_MOST_CALLERS]:
            caller = callers.pop(channel)
            with channel, contextlib.suppress(OSError):  # the caller may have gone
                answer(caller.listener, channel, caller.octets)


def from_error(error: HotlinedError) -> dict[str, object]:
    """Return an error in the form for the socket."""
    return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}


def to_error(error: Mapping[str, object]) -> HotlinedError:
    """Return the error that came over the socket, as its own class if that exists."""
    kind = getattr(errors, str(error.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, HotlinedError) else HotlinedError
    return kind(str(error.get("message")), hint=str(error.get("hint") or ""))


def ask(channel: socket.socket, request: Mapping[str, object], deadline: float) -> dict[str, Any]:
    """Ask at a connected socket and return the answer; raises OSError or ValueError if there is none."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has refused already, and says why
        send(channel, request, deadline)
    answer = receive(channel, deadline)
    if not isinstance(answer, dict) or not isinstance(answer.get("error", {}), dict):
        raise ValueError("this is no answer")  # noqa: TRY004 the same error as for anything else that makes no sense
    return answer


def socket_path(runtime_dir: Path, purpose: str, name: str, kind: str = "") -> Path:
    """Return the path of a line's socket, beside the runtime folder, in a folder of root's.

    A socket for others than members has its kind after a hyphen; the name of a line never has one.
    """
    ending = f"-{kind}.sock" if kind else ".sock"
    return runtime_dir.with_name(f"{runtime_dir.name}-{purpose}") / f"{name}{ending}"
