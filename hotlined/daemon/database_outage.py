"""Knows whether the database can be used: the present outage, if any, its beginning, and the time of the next try.

While the disk is full, or the file is locked or moved away, the loop keeps the modem and tries again. Damage ends the
loop, so that nothing more is written; then `opening` opens the database again, as at a start.
"""

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hotlined.causes import Value
from hotlined.conditions import REPLACED
from hotlined.daemon.shared import Line, file_at
from hotlined.errors import StoreError
from hotlined.machine.clock import Now
from hotlined.machine.timing import Interval
from hotlined.states import DatabaseState, database_event
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.line import events
from hotlined.store.line.line_row import save_limit_clock

log = logging.getLogger(__name__)


class DatabaseOutage(NamedTuple):
    """An outage of the database: its state and cause, its beginning, and the number of tries that failed.

    `cause` is a `CauseCode` with its `values`, or the name of a `DatabaseTrouble`. If it is None, the value `reason`
    has SQLite's message. `words` are for systemd's status line.
    """

    state: DatabaseState
    cause: str | None
    values: Mapping[str, Value]
    words: str
    since: str
    tries: int


def outage_of(
    database: Path, error: StoreError | sqlite3.Error, before: DatabaseOutage | None, now: Now
) -> DatabaseOutage:
    """Return the outage after an error: a new one, or `before` if its state is the same. A new state is logged."""
    trouble = DatabaseTrouble.of(error, database)
    as_error, state = trouble.as_error(database) if isinstance(error, sqlite3.Error) else error, trouble.state
    if before is None or before.state != state:
        log.error("database: %s; texts stay on the SIM and nothing is answered", str(error).rstrip("."))
    since, tries = (before.since, before.tries + 1) if before else (now.rfc3339, 1)
    words = f"{as_error.message} {as_error.hint}"
    if isinstance(error, StoreError) and error.cause:
        return DatabaseOutage(state, error.cause.code, error.cause.values, words, since, tries)
    values = {"reason": str(error)} if trouble.name is None and isinstance(error, sqlite3.Error) else {}
    return DatabaseOutage(state, trouble.name, values, words, since, tries)


def outage_of_replaced(database: Path, before: DatabaseOutage | None, now: Now) -> DatabaseOutage:
    """Return the outage of a database that is no longer at its path: anything written to it would be lost."""
    if before and before.state is DatabaseState.REPLACED:
        return before
    words = f"{REPLACED.words.format(database=database)} {REPLACED.cure}"
    log.error("database replaced: texts stay on the SIM and nothing is answered; %s", words)
    return DatabaseOutage(DatabaseState.REPLACED, None, {}, words, before.since if before else now.rfc3339, 1)


def concerns_database(error: Exception) -> bool:
    """Tell whether an error is about the whole database, not about one row; SQLite's lack of memory is MemoryError."""
    return isinstance(error, MemoryError) or (
        isinstance(error, sqlite3.Error) and DatabaseTrouble.of(error).name is not None
    )


class DatabaseOutages:
    """The outages of the database that a loop has open; there is at most one at a time."""

    def __init__(self, line: Line, before: DatabaseOutage | None) -> None:
        self._line = line
        self.current = before
        """The present outage; one that began before the start of the loop ends after the first write."""
        self.is_damaged = False
        """Whether SQLite has found damage: if it has, nothing may be written any more."""
        self._pause = Interval(line.timing.database_pause)

    @property
    def seconds_left(self) -> float:
        """The seconds until a database that failed is tried again; 0 without such a pause."""
        return self._pause.seconds_left

    def is_in_place(self) -> bool:
        """Tell whether the file at the database's path is still the one that was opened."""
        return file_at(self._line.db.path) == self._line.database_file

    def begin_if_replaced(self) -> bool:
        """Begin an outage if the database is no longer at its path; return whether it has left it."""
        if self.is_in_place():
            return False
        self.current = outage_of_replaced(self._line.db.path, self.current, self._line.db.now())
        self._pause.restart()
        return True

    def begin(self, error: sqlite3.Error) -> None:
        """Begin an outage after an error of the database, or count one more failed try in the present one."""
        self.current = outage_of(self._line.db.path, error, self.current, self._line.db.now())
        # the name decides, not the state: an unknown error has the state `damaged`, too, but is tried again
        self.is_damaged = DatabaseTrouble.of(error).name == DatabaseState.DAMAGED
        self._pause.restart()

    def end_if_over(self) -> None:
        """End the outage, if any, by recording it: only a write proves that the database can be used again."""
        if self.current is None or self.seconds_left:  # with a pause it began in this very pass
            return
        db, outage = self._line.db, self.current
        with db.transaction():
            save_limit_clock(db, db.now())
            events.record(db, db.now(), database_event(outage.state), detail={"since": outage.since})
        log.warning("the database can be used again")
        self.current = None
