"""One open database: its queries, its transactions, and its limit clock.

Whatever reads and then writes does so in BEGIN IMMEDIATE: it waits for its turn instead of failing half-way. How a
database is opened stands in `opening`.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hotlined.clock import LimitClock, Now
from hotlined.database_files import KEY, beside


class Database:
    """One open database and the limit clock that continues from it.

    `limit_epoch` is what the calendar said when the limit clock stood at 0, in seconds since 1970; `release` gives up
    the daemon's lock.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        clock: LimitClock,
        limit_epoch: float,
        release: Callable[[], None],
    ) -> None:
        self.path = path
        self.connection = connection
        self.clock = clock
        self.limit_epoch = limit_epoch
        self.keys: dict[str, bytes] = {}  # of its pseudonyms, once `pseudonyms` has read them
        self._release = release
        self._following: dict[Follow, set[str]] = {}
        self._is_shared = False
        self._undone = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and give up the daemon's lock."""
        self.connection.close()
        self._release()  # last: to close a locked file drops the locks that SQLite has on it in this process

    @property
    def key_path(self) -> Path:
        """Where the key of the pseudonyms lies."""
        return beside(self.path, KEY)

    def now(self) -> Now:
        """Read all clocks."""
        return self.clock.now()

    def one(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None.

        Here and below a statement has either `?` or `:name` for what is handed in, never both; a list is one value, in
        JSON, that `json_each` takes apart.
        """
        row: sqlite3.Row | None = self.rows(sql, *arguments, **named).fetchone()
        return row

    def the(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Row:
        """Return the first row of a query that has one whatever the database holds; raises LookupError else."""
        row = self.one(sql, *arguments, **named)
        if row is None:
            raise LookupError(f"no row: {sql}")
        return row

    def value(self, sql: str, /, *arguments: object, **named: object) -> Any:
        """Return the first column of the first row of a query; raises LookupError where there is no row."""
        return self.the(sql, *arguments, **named)[0]

    def all(self, sql: str, /, *arguments: object, **named: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self.rows(sql, *arguments, **named).fetchall()

    def rows(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Cursor:
        """Return the rows of a query one by one, where there may be too many for the memory."""
        return self.connection.execute(sql, named or arguments)

    def execute(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Cursor:
        """Run one statement that writes, inside the transaction that is open."""
        assert self.connection.in_transaction, f"outside a transaction: {sql}"
        return self.connection.execute(sql, named or arguments)

    def before_commit(self, follow: "Follow", subject: str) -> None:
        """Have what follows a change done once, just before the open transaction is committed, with all its subjects.

        It is not done for what a rollback undoes.
        """
        assert self.connection.in_transaction
        self._following.setdefault(follow, set()).add(subject)

    def insert(self, table: str, **columns: object) -> int:
        """Insert a row by the names of its columns, inside the transaction that is open, and return its id."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING rowid"
        ((row_id,),) = self.execute(sql, *columns.values()).fetchall()  # all of them: only then is the statement over
        return int(row_id)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run what is inside as one transaction that has the right to write from its beginning.

        On the way out it is committed and on the disk, or with others (`shared_commit`); on any exception nothing of it
        remains.
        """
        if self._is_shared and self.connection.in_transaction:  # the first one has begun it
            with self.savepoint():
                yield
                self._follow()
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._follow()
            if not self._is_shared:
                self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @contextlib.contextmanager
    def shared_commit(self) -> Iterator[None]:
        """Have the transactions inside on the disk together, at the end: each of them is whole, or nothing of it is.

        For what promises nothing before it is on the disk: whatever is done for it outside the database (a text deleted
        from the SIM, a segment handed over) comes after the end. Where the end fails, nothing of them remains.
        """
        self._is_shared = True
        try:
            yield
            self.flush()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._is_shared = False

    def flush(self) -> None:
        """Commit what waits for the end of a shared commit, if anything does: there is much of it, or others wait."""
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def _follow(self) -> None:
        for follow, subjects in self._following.items():
            follow(self, subjects)
        self._following.clear()

    def _roll_back(self) -> None:
        self._following.clear()
        self._undone += 1
        if self.connection.in_transaction:  # SQLite itself has rolled back where the disk is full, for one
            self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run what is inside so that all that it reads is of one moment; it keeps nobody from writing."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.rollback()  # it wrote nothing; after an error SQLite may have ended it itself

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run what is inside so that nothing of it remains on any exception, within the transaction that is open."""
        self.execute("SAVEPOINT inside")
        try:
            yield
        except BaseException:
            self._undone += 1
            if self.connection.in_transaction:  # else SQLite itself has rolled back all of it
                self.execute("ROLLBACK TO inside")
            raise
        finally:
            if self.connection.in_transaction:
                self.execute("RELEASE inside")  # ROLLBACK TO undoes what came after the savepoint, and leaves it open

    def changed_here(self) -> tuple[int, int]:
        """Return what differs after this connection has written, or has undone what it wrote; it asks nothing."""
        return self.connection.total_changes, self._undone

    def changed_elsewhere(self) -> int:
        """Return a number that differs after another process has written; our own writing leaves it as it is."""
        return int(self.value("PRAGMA data_version"))


Follow = Callable[[Database, Collection[str]], None]
"""What follows a change, with all that it was about; it changes nothing that something follows."""
