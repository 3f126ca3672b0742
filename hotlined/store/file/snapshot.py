"""The octets of a database at one moment, read in order while its daemon writes: nothing is copied before.

SQLite's backup interface wants a file to copy to, and the card is to hold no second copy. So the file of the database
is read, at a moment in which nothing stands in the -wal alone: SQLite moves no page there past what a reader sees, and
begins the -wal anew without touching the file (https://sqlite.org/walformat.html). What is written meanwhile stays
in the -wal.
Known to be wrong: while another reader keeps an older moment in view, there is no such moment.
"""

import contextlib
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotlined.database_files import SHM, beside
from hotlined.errors import RefusedError, StoreError
from hotlined.language import _
from hotlined.states import DatabaseState
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import DatabaseTrouble

PATIENCE_SECONDS = 30.0  # until a moment is found; a daemon in a flood leaves one every few milliseconds
PIECE = 256 * 1024  # octets read at once
# the index of the -wal begins with a header: its frames are counted at 16, and at 96 how many of them are in the file
_FRAMES_AT, _MOVED_AT, _INDEX_OCTETS = 16, 96, 100


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment: how many octets it has, and where they are read."""

    octets: int
    descriptor: int

    def pieces(self) -> Iterator[bytes]:
        """Yield all octets in order; raises StoreError where the file has fewer."""
        done = 0
        while done < self.octets:
            piece = os.pread(self.descriptor, min(PIECE, self.octets - done), done)
            if not piece:
                raise StoreError(
                    _("The file of the database is shorter than the database."), trouble=DatabaseState.DAMAGED
                )
            done += len(piece)
            yield piece


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[Snapshot]:
    """Give a database as it is now, looked through and whole; raises StoreError, and RefusedError where it is in use.

    No other file of it may be closed meanwhile: that would drop the locks of this process.
    """
    real = path.resolve()
    # the descriptors are closed last, when SQLite has let go of its locks
    with contextlib.ExitStack() as descriptors, contextlib.closing(open_beside_daemon(path)) as database:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        descriptors.callback(os.close, descriptor)
        index = _maybe_open(beside(real, SHM))
        if index is not None:
            descriptors.callback(os.close, index)
        yield Snapshot(_begun(path, database.connection, index), descriptor)


def _begun(path: Path, connection: sqlite3.Connection, index: int | None) -> int:
    """Keep a moment in view, look it through, and return its octets; raises StoreError where it is damaged."""
    try:
        _begin(connection, index)
        damage = next(integrity.damage(connection, full=False, tick=lambda *_progress: None), None)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(path) from error
    if damage:
        raise StoreError(
            _("{path} is damaged: {damage}.", path=path, damage=damage),
            _("`hotlined db check` says more."),
            DatabaseState.DAMAGED,
        )
    return int(pages * size)


def _maybe_open(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):  # a copy that no daemon has opened yet has none
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return None


def _begin(connection: sqlite3.Connection, index: int | None) -> None:
    """Keep a moment in view in which all of the database stands in its file."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection.execute("PRAGMA wal_checkpoint").fetchall()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the moment is that of the first read
        if index is None or _is_moved(index):
            return
        connection.execute("ROLLBACK")
        if time.monotonic() > deadline:
            raise RefusedError(_("Another program reads the database as it was."), _("Close it, and try again."))
        time.sleep(0.02)


def _is_moved(index: int) -> bool:
    """Tell whether all that the -wal holds is in the file, too."""
    header = os.pread(index, _INDEX_OCTETS, 0)
    if len(header) < _INDEX_OCTETS:
        return True  # nothing was written since it was made
    frames, moved = (struct.unpack_from("=I", header, at)[0] for at in (_FRAMES_AT, _MOVED_AT))
    return bool(frames == moved)
