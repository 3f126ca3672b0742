"""What goes over the control socket: one line of JSON each way, then the connection ends.

A request holds `verb`, `arguments`, `database` (the file that is meant) and perhaps `who`. An answer holds `result`, or
`error` with `kind` (a class of errors.py), `message` and `hint`.
"""

import json
import socket
import time
from pathlib import Path
from typing import Any

from hotlined import errors
from hotlined.config import Config
from hotlined.errors import HotlinedError

MOST_OCTETS = 512 * 1024  # the longest text that can be sent, each character as \uXXXX
OTHER_LINE = "other line"
"""The kind of the error that says: the database that is meant is not the one that is served here."""


def path(config: Config) -> Path:
    """Return where the control socket of a line is: beside its runtime folder's parent, in a folder of root's."""
    folder = config.runtime_dir
    return folder.with_name(f"{folder.name}-control") / f"{config.name}.sock"


def receive(channel: socket.socket, deadline: float) -> Any:
    """Return what a line of JSON says; raises ValueError for anything else, TimeoutError by the monotonic clock."""
    octets = b""
    while not octets.endswith(b"\n"):
        channel.settimeout(max(0.001, deadline - time.monotonic()))
        part = channel.recv(65_536)
        octets += part
        if not part or len(octets) > MOST_OCTETS:
            raise ValueError("this is no line of JSON")
    return json.loads(octets)


def send(channel: socket.socket, message: dict[str, Any], deadline: float) -> None:
    """Send a line of JSON."""
    channel.settimeout(max(0.001, deadline - time.monotonic()))
    channel.sendall(json.dumps(message).encode() + b"\n")


def from_error(error: HotlinedError) -> dict[str, Any]:
    """Return an error as it goes over the socket."""
    return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}


def to_error(error: dict[str, Any]) -> HotlinedError:
    """Return the error that came over the socket: of its own class where there is one."""
    kind = getattr(errors, str(error.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, HotlinedError) else HotlinedError
    return kind(str(error.get("message")), hint=str(error.get("hint") or ""))
