"""One open database: its queries, its transactions, and its limit clock.

Code that reads and then writes does both in one BEGIN IMMEDIATE: it waits for its turn to write before it reads. Had it
begun with a read, SQLite could refuse its first write, for another process may have written in between. `opening` opens
a database.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hotlined.database_files import KEY, beside
from hotlined.machine.clock import LimitClock, Now


class Database:
    """One open database and the limit clock that continues from it.

    `limit_epoch` is the calendar's time when the limit clock was 0, in seconds since 1970; `release` gives up the
    daemon's lock.
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
        self.keys: dict[str, bytes] = {}  # of its pseudonyms, by the file's ending, once `pseudonyms` has read them
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
        self._release()  # last: closing a locked file would drop the locks that SQLite holds on it in this process

    @property
    def key_path(self) -> Path:
        """The path of the key that the pseudonyms are made with."""
        return beside(self.path, KEY)

    def now(self) -> Now:
        """Read all clocks."""
        return self.clock.now()

    def one(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None.

        Here and below a statement takes its values either by `?` or by `:name`, never both. A list is handed in as one
        value, in JSON, and `json_each` takes it apart.
        """
        row: sqlite3.Row | None = self.rows(sql, *arguments, **named).fetchone()
        return row

    def the(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Row:
        """Return the first row of a query that always has one; raises LookupError if it has none."""
        row = self.one(sql, *arguments, **named)
        if row is None:
            raise LookupError(f"no row: {sql}")
        return row

    def value(self, sql: str, /, *arguments: object, **named: object) -> Any:
        """Return the first column of the first row of a query; raises LookupError if there is no row."""
        return self.the(sql, *arguments, **named)[0]

    def all(self, sql: str, /, *arguments: object, **named: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self.rows(sql, *arguments, **named).fetchall()

    def rows(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Cursor:
        """Return the rows of a query one by one, for a query that may have too many rows for the memory."""
        return self.connection.execute(sql, named or arguments)

    def execute(self, sql: str, /, *arguments: object, **named: object) -> sqlite3.Cursor:
        """Run one statement that writes, inside the transaction that is open."""
        assert self.connection.in_transaction, f"outside a transaction: {sql}"
        return self.connection.execute(sql, named or arguments)

    def before_commit(self, follow: "Follow", subject: str) -> None:
        """Have `follow` called once, just before the open transaction is committed, with all subjects named until then.

        If the transaction is rolled back, `follow` is not called.
        """
        assert self.connection.in_transaction
        self._following.setdefault(follow, set()).add(subject)

    def insert(self, table: str, **columns: object) -> int:
        """Insert a row, inside the transaction that is open, and return its id."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING rowid"
        ((row_id,),) = self.execute(sql, *columns.values()).fetchall()  # the statement ends only with its last row
        return int(row_id)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction that has the right to write from its beginning.

        At the end of the block it is committed and on the disk, or waits for others (`shared_commit`). On any exception
        nothing of it remains.
        """
        if self._is_shared and self.connection.in_transaction:  # begun by an earlier block of the shared commit
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
        """Bring all transactions of the block to the disk together, at its end; each is written whole or not at all.

        Only for work that promises nothing before it is on the disk: an act outside the database (deleting a text from
        the SIM, handing over a segment) has to come after the block. If the commit at the end fails, none of the
        transactions remains.
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
        """Commit now what is open of a shared commit, if anything is: it has grown large, or another writer waits."""
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def _follow(self) -> None:
        for follow, subjects in self._following.items():
            follow(self, subjects)
        self._following.clear()

    def _roll_back(self) -> None:
        self._following.clear()
        self._undone += 1
        if self.connection.in_transaction:  # SQLite has rolled back by itself if the disk is full, for example
            self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run the block so that all its reads see the database at one moment; other processes can write meanwhile."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.rollback()  # the block wrote nothing; after an error SQLite itself may have ended it

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run the block inside the open transaction so that an exception undoes the block alone."""
        self.execute("SAVEPOINT inside")
        try:
            yield
        except BaseException:
            self._undone += 1
            if self.connection.in_transaction:  # else SQLite itself has rolled back the whole transaction
                self.execute("ROLLBACK TO inside")
            raise
        finally:
            if self.connection.in_transaction:
                self.execute("RELEASE inside")  # ROLLBACK TO undoes the writes after the savepoint, but leaves it open

    def changed_here(self) -> tuple[int, int]:
        """Return a value that changes when this connection writes or rolls back; runs no query."""
        return self.connection.total_changes, self._undone

    def changed_elsewhere(self) -> int:
        """Return a number that changes when another process writes, and not when this connection does."""
        return int(self.value("PRAGMA data_version"))


Follow = Callable[[Database, Collection[str]], None]
"""A function that is called before a commit, with all subjects of the changes; it must not call `before_commit`."""
