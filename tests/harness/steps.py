"""Runs the real `hotlined` with its steps recorded, and kills it (SIGKILL) right before one of them.

A step is an effect that outlives the process: bytes for the modem, a statement that commits, a file that is opened for
writing, made, renamed, changed or removed, a program that is started. They are seen from outside (audit hooks of
Python, SQLite's trace, `os.write`), so new code has its steps without a change here. The moment after a step is the
moment before the next; only bytes for the modem have an extra one, before their answer is read.

Known to be wrong: all that SQLite does inside one commit is one step; tests/daemon/test_powercut.py takes that apart.
"""

import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hotlined.gsm.finding import THIS_MACHINE

# https://docs.python.org/3/library/audit_events.html: events that change files or start programs
_FILE_EVENTS = frozenset(
    {
        "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
        "os.truncate", "os.utime", "os.exec", "os.fork", "os.posix_spawn",
    }
)  # fmt: skip
_RANDOM = re.compile(r"(?<=\.)[a-z0-9_]{8}$")  # the random end of a name by mkstemp
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_ENDS = ("COMMIT", "END", "RELEASE")
_CHANGES_NOTHING = ("SELECT", "WITH", "EXPLAIN", "BEGIN", "ROLLBACK")
_STATEMENT = re.compile(r"[^=(]*[^=(\s]")  # without the parts that differ between runs


class Step(NamedTuple):
    """A step: its name, and the number of earlier steps with that name."""

    name: str
    before: int


class Steps:
    """Writes the name of each step to the file `trace`, one a line, and dies right before the step `die_at`."""

    def __init__(self, trace: Path, die_at: Step | None) -> None:
        self._pid = os.getpid()
        self._die_at = die_at
        self._taken: Counter[str] = Counter()
        self._changed = ""
        self._write, self._connect = os.write, sqlite3.connect
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def watch(self) -> None:
        """Record the steps of this process from now on."""
        os.write, sqlite3.connect = self._to_descriptor, self._to_database  # type: ignore[assignment]
        sys.addaudithook(self._hear)

    def _take(self, name: str) -> None:
        if os.getpid() != self._pid:
            return
        self._write(self._trace, f"{name}\n".encode())
        if self._die_at == (name, self._taken[name]):
            os.kill(self._pid, signal.SIGKILL)
        self._taken[name] += 1

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS or (event == "open" and arguments[2] & _TO_WRITE):
            names = (_RANDOM.sub("", Path(str(path)).name) for path in arguments[:1])
            self._take(" ".join([event.removeprefix("os."), *names]))

    def _to_descriptor(self, descriptor: int, octets: bytes) -> int:
        if not os.isatty(descriptor):
            return self._write(descriptor, octets)
        text = octets.decode("latin-1").strip("\r\x1b")
        name = "PDU and Ctrl-Z" if text.endswith("\x1a") else text
        self._take(name)
        written = self._write(descriptor, octets)
        self._take(f"{name}: before its answer")
        return written

    def _to_database(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._connect(*arguments, **options)
        connection.set_trace_callback(partial(self._to_statement, connection))
        return connection

    def _to_statement(self, connection: sqlite3.Connection, sql: str) -> None:
        found = _STATEMENT.match(" ".join(sql.split()))
        shown = found[0] if found else sql
        if sql.startswith(_ENDS):
            self._take(f"{shown}: {self._changed}")
            self._changed = ""
        elif sql.startswith(_CHANGES_NOTHING) or (sql.startswith("PRAGMA") and "=" not in sql):
            pass
        elif connection.in_transaction:
            self._changed = self._changed or shown
        else:
            self._take(shown)


def run(arguments: Sequence[str], trace: Path, die_at: Step | None) -> None:
    """Be `hotlined` with these arguments, in the forked process that calls this."""
    from hasty import PATIENT, program  # noqa: PLC0415  # imported before the fork

    sys.dont_write_bytecode = True
    Steps(trace, die_at).watch()
    program(PATIENT, THIS_MACHINE)(list(arguments))
