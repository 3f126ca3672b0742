"""Preparations of a service: its log on stderr, files that only its group can read, the sockets from systemd.

In the journal a record has only its priority (sd-daemon(3)), because the journal adds the time; elsewhere it has time
and priority in words.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from hotlined.errors import UsageError
from hotlined.machine import systemd
from hotlined.words.harmless import harmless

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # syslog(3)
_DEBUG = 7


class Formatter(logging.Formatter):
    """Writes a record on one line, made harmless; in the journal the priority comes first.

    The journal would take a second line for a record of its own, so a stranger's text could forge one.
    """

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)-7s %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Write a record on one line; a sign replaces each line break, such as those of a traceback."""
        priority = next((priority for level, priority in _PRIORITIES if record.levelno >= level), _DEBUG)
        prefix = f"<{priority}>" if self._journal else ""
        return prefix + harmless(super().format(record))


def prepare(log_level: str) -> None:
    """Make this process a service: its log goes to stderr, and only its group can read its files."""
    output = logging.StreamHandler()
    output.setFormatter(Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=log_level.upper(), handlers=[output], force=True)
    os.umask(0o027)


@contextlib.contextmanager
def listening(*paths: Path, mode: int = 0o660) -> Iterator[list[socket.socket]]:
    """Yield the sockets from systemd, or one made at each path; those are removed at the end."""
    with contextlib.ExitStack() as stack:
        found = [
            stack.enter_context(each)
            for each in ((_made(path, mode) for path in paths) if paths else systemd.listeners())
        ]
        if not found:
            raise UsageError("systemd handed no socket over.", "--socket PATH makes one.")
        yield found


@contextlib.contextmanager
def _made(path: Path, mode: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        try:
            path.chmod(mode)
            listener.listen()
            yield listener
        finally:
            path.unlink(missing_ok=True)
