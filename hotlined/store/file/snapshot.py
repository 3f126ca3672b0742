"""The bytes of a database at one moment, read in order while its daemon writes, without making a copy first.

SQLite's backup interface needs a file to copy to, but the card must not hold a second copy. So this reads the database
file itself. It begins at a moment when every page of the -wal is also in the file, and keeps a read transaction open.
As long as that is open, SQLite copies no newer page into the file: new writes stay in the -wal, and if SQLite begins
the -wal again from its start, it does not touch the file (https://sqlite.org/walformat.html). Without the transaction,
pages of several moments would be mixed. Known to be wrong: while another reader has an older transaction open, such a
moment does not come.
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

PATIENCE_SECONDS = 30.0  # to find that moment; it comes every few milliseconds, even while a flood is recorded
PIECE = 256 * 1024  # bytes in one read
# the header of the -shm has at byte 16 the number of frames in the -wal, and at byte 96 that of those in the file, too
_FRAMES_AT, _MOVED_AT, _INDEX_OCTETS = 16, 96, 100


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment: its number of bytes, and the descriptor to read them from."""

    octets: int
    descriptor: int

    def pieces(self) -> Iterator[bytes]:
        """Yield all bytes in order; raises StoreError if the file has fewer."""
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
    """Check a database, and yield its snapshot; raises StoreError for damage, RefusedError if the moment does not come.

    Until the context ends, this process must not close another descriptor of the database's files: POSIX then drops all
    locks of the process on that file, also those of SQLite, and the daemon could write over pages that are being read.
    """
    real = path.resolve()
    # the descriptors are closed last, after SQLite has given up its locks
    with contextlib.ExitStack() as descriptors, contextlib.closing(open_beside_daemon(path)) as database:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        descriptors.callback(os.close, descriptor)
        index = _maybe_open(beside(real, SHM))
        if index is not None:
            descriptors.callback(os.close, index)
        yield Snapshot(_begun(path, database.connection, index), descriptor)


def _begun(path: Path, connection: sqlite3.Connection, index: int | None) -> int:
    """Begin the transaction, check the database, and return its number of bytes; raises StoreError if it is damaged."""
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
    with contextlib.suppress(FileNotFoundError):  # a copy that no daemon has opened yet has no -shm
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return None


def _begin(connection: sqlite3.Connection, index: int | None) -> None:
    """Begin a transaction at a moment when the whole database is in its file."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        # the daemon may write between the checkpoint and the first read: then try again
        connection.execute("PRAGMA wal_checkpoint").fetchall()
        connection.execute("BEGIN")
        # BEGIN alone reads nothing: the transaction shows the database as it is at its first SELECT
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if index is None or _is_moved(index):
            return
        connection.execute("ROLLBACK")
        if time.monotonic() > deadline:
            raise RefusedError(_("Another program reads the database as it was."), _("Close it, and try again."))
        time.sleep(0.02)


def _is_moved(index: int) -> bool:
    """Tell whether every page of the -wal is also in the file."""
    header = os.pread(index, _INDEX_OCTETS, 0)
    if len(header) < _INDEX_OCTETS:
        return True  # nothing was written since the -wal's index was made
    frames, moved = (struct.unpack_from("=I", header, at)[0] for at in (_FRAMES_AT, _MOVED_AT))
    return bool(frames == moved)
