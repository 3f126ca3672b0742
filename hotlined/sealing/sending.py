"""Sends a sealed backup to another machine, through a program at a socket that has a network and no database.

The program gets a line with the name of the hotline's line and the moment, the bytes of the backup, and their SHA-256
in hexadecimal digits; it passes them on by ssh (systemd/hotlined-away@.service). When the backup is on the other
machine's disk, that machine numbers it and answers with its name there; docs/examples/receive-backup is that side.
"""

import contextlib
import hashlib
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from hotlined import wire
from hotlined.errors import UnsentError
from hotlined.sealing.shelf import NAME
from hotlined.states import SealFailure
from hotlined.words.conditions import SEAL_FAILURES

PATIENCE_SECONDS = 600.0  # for a piece of 256 KiB, and for the disk of the other machine
_LONGEST_ANSWER = 200  # bytes; a longer answer is not a name


def socket_path(runtime_dir: Path) -> Path:
    """Return the socket of the program, one for all lines of this machine."""
    return wire.socket_path(runtime_dir, "away", "all")


class BackupTransfer:
    """A backup on its way; it has arrived when `finish` returns."""

    def __init__(self, connection: socket.socket, line: str) -> None:
        self._connection, self._line = connection, line
        self._digest = hashlib.sha256()

    def write(self, octets: bytes) -> None:
        """Send the next bytes; raises UnsentError."""
        self._digest.update(octets)
        with _named_errors():
            self._connection.sendall(octets)

    def finish(self) -> str:
        """End the backup, wait until the other machine has it on disk, return its name there; raises UnsentError."""
        answer = b""
        with _named_errors():
            self._connection.sendall(self._digest.hexdigest().encode())
            self._connection.shutdown(socket.SHUT_WR)
            while len(answer) < _LONGEST_ANSWER and (piece := self._connection.recv(_LONGEST_ANSWER)):
                answer += piece
        name = answer.decode(errors="replace").strip()
        match = NAME.fullmatch(name)
        if match is None or match["line"] != self._line:
            raise _unsent()
        return name


@contextlib.contextmanager
def sending(runtime_dir: Path, line: str, made_at: datetime) -> Iterator[BackupTransfer]:
    """Open a transfer; raises UnsentError if the backup does not arrive: it can be tried again."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        with _named_errors():
            connection.connect(str(socket_path(runtime_dir)))
            connection.sendall(f"{line} {made_at:%Y%m%dT%H%M%SZ}\n".encode())
        yield BackupTransfer(connection, line)


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    """Raise an OSError of the connection as an UnsentError."""
    try:
        yield
    except OSError as error:
        raise _unsent() from error


def _unsent() -> UnsentError:
    known = SEAL_FAILURES[SealFailure.UNSENT]
    return UnsentError(known.words, known.cure, SealFailure.UNSENT)
