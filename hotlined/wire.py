"""One line of JSON each way over a Unix socket, then the connection ends: how our programs ask each other.

An answer holds `result`, or `error` with `kind` (a class of errors.py), `message` and `hint`.
"""

import contextlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hotlined import errors
from hotlined.errors import HotlinedError

MOST_OCTETS = 512 * 1024  # the longest text that can be sent, each character as \uXXXX


def receive(channel: socket.socket, deadline: float) -> Any:
    """Return what a line of JSON says; raises ValueError for anything else, TimeoutError by the monotonic clock.

    JSON that is nested too deeply counts as anything else.
    """
    octets = b""
    while not octets.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:  # also for who goes on sending a little at a time
            raise TimeoutError
        channel.settimeout(left)
        part = channel.recv(65_536)
        octets += part
        if not part or len(octets) > MOST_OCTETS:
            raise ValueError("this is no line of JSON")
    try:
        return json.loads(octets)
    except RecursionError as error:
        raise ValueError("this is no line of JSON") from error


def send(channel: socket.socket, message: dict[str, Any], deadline: float) -> None:
    """Send a line of JSON."""
    channel.settimeout(max(0.001, deadline - time.monotonic()))
    channel.sendall(json.dumps(message).encode() + b"\n")


def serve(
    listener: socket.socket,
    idle_seconds: float,
    answer: Callable[[socket.socket], None],
    is_busy: Callable[[], bool] = lambda: False,
) -> None:
    """Answer one connection after the other, until nobody has come for some time and nothing is in hand."""
    listener.settimeout(idle_seconds)
    while True:
        try:
            channel, _ = listener.accept()
        except TimeoutError:
            if not is_busy():
                return
            continue
        with channel, contextlib.suppress(OSError):  # who went away hears nothing
            answer(channel)


def from_error(error: HotlinedError) -> dict[str, Any]:
    """Return an error as it goes over the socket."""
    return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}


def to_error(error: dict[str, Any]) -> HotlinedError:
    """Return the error that came over the socket: of its own class where there is one."""
    kind = getattr(errors, str(error.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, HotlinedError) else HotlinedError
    return kind(str(error.get("message")), hint=str(error.get("hint") or ""))


def ask(channel: socket.socket, request: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Ask at a socket that is connected and return the answer; raises OSError or ValueError where there is none."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has refused already, and says why
        send(channel, request, deadline)
    answer = receive(channel, deadline)
    if not isinstance(answer, dict) or not isinstance(answer.get("error", {}), dict):
        raise ValueError("this is no answer")  # noqa: TRY004  as anything else that makes no sense
    return answer


def socket_path(runtime_dir: Path, purpose: str, name: str) -> Path:
    """Return where a socket of a line is: beside the runtime folder, in a folder of root's."""
    return runtime_dir.with_name(f"{runtime_dir.name}-{purpose}") / f"{name}.sock"
