"""Opens the database of a line: for the one daemon that owns it, or for a command beside it.

WAL and synchronous=FULL, because this machine usually stops by a power cut. A damaged database is detected before
anything is written to it.
"""

import contextlib
import errno
import functools
import grp
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

from hotlined import migrations
from hotlined.causes import CauseCode
from hotlined.database_files import (
    FILE_MODE,
    FOLDER_MODE,
    ITSELF,
    JOURNAL,
    LOCK,
    READABLE,
    SECRET_MODE,
    SHM,
    WAL,
    WAL_OCTETS,
    beside,
    keys_folder,
    maybe_line,
)
from hotlined.errors import (
    DatabaseInUseError,
    DatabaseMissingError,
    DatabaseVersionError,
    StoreError,
    number_of,
    reason_of,
)
from hotlined.language import _
from hotlined.machine import files
from hotlined.machine.clock import LimitClock
from hotlined.machine.peer import user_name
from hotlined.states import DatabaseState
from hotlined.store.file import holders, integrity
from hotlined.store.file.trouble import RIGHTS, TROUBLES, DatabaseTrouble, LackingRight
from hotlined.store.line import line_row, pseudonyms
from hotlined.store.line.database import Database

BUSY_SECONDS = 5.0
CHECK_SECONDS = 10.0  # the check at start: a Pi reads some 200 MB in this time, and a start is not delayed for longer
CLOSING_SECONDS = 0.5  # SQLite removes -wal and -shm at the last close, and within this time they are there again
_Opened = TypeVar("_Opened")


class _Connection(sqlite3.Connection):
    """A connection that, when it is closed, leaves the database so that its group can read it.

    The last connection to close removes -wal and -shm. A user who may only read cannot make them, and without them
    SQLite opens nothing; empty ones are enough. Between the removal and their return a reader may find neither.
    """

    path: Path

    def close(self) -> None:
        """Close it; then the owner of the database makes -wal and -shm again, empty."""
        super().close()
        with contextlib.suppress(OSError):  # a full or read-only disk: then it stays as SQLite leaves it
            database = self.path.lstat()
            if database.st_uid == os.geteuid() and stat.S_ISREG(database.st_mode):
                for ending in (WAL, SHM):
                    _make_empty(beside(self.path, ending), database.st_gid)


def _make_empty(path: Path, group: int) -> None:
    """Make an empty file of a group, if there is none.

    A file that exists is never opened: closing it would drop the locks that SQLite holds on it in this process, and it
    may belong to another process that has just opened the database. SQLite treats an empty file like one that it made
    itself.
    """
    try:
        descriptor = files.open_new(path, FILE_MODE)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, FILE_MODE)
        # mostly the folder has set the group already, and the daemon's sandbox forbids this call
        if os.fstat(descriptor).st_gid != group:
            os.fchown(descriptor, -1, group)
    finally:
        os.close(descriptor)


def open_for_daemon(path: Path, give_up: Callable[[], bool] = lambda: False) -> Database:
    """Create or migrate the database and open it for the one daemon that owns it.

    An existing one is checked first, for `CHECK_SECONDS` at most or until `give_up` returns true; a damaged one is left
    alone. Raises DatabaseInUseError if another daemon has it, DatabaseVersionError if another version wrote it or
    somebody changed its schema, StoreError if it cannot be made or is damaged.
    """
    try:
        _make_folder(path.parent)
        lock = _lock(path)
    except OSError as error:
        raise _unusable(path, error) from error
    with contextlib.ExitStack() as stack:
        stack.callback(lock.close)
        try:
            _require_files(path.resolve())
            if not path.exists():
                os.close(files.open_plain(path.resolve(), os.O_WRONLY | os.O_EXCL, FILE_MODE))
            _lock_file(path, lock)
            _require_undamaged(path, give_up)
            _migrate(path)
            connection = _connect(path)
            stack.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            database = opened(path, connection, lock.close)
        except sqlite3.Error as error:
            trouble = DatabaseTrouble.of(error, path)
            raise _maybe_foreign(path, trouble.name) or trouble.as_error(path) from error
        except OSError as error:
            raise _unusable(path, error) from error
        stack.pop_all()
    return database


def open_beside_daemon(path: Path, cache_kib: int = 2048) -> Database:
    """Open an existing database for a command, whether or not a daemon runs on it.

    For a user who may only read, SQLite opens it read-only by itself. `cache_kib` is how much memory SQLite uses for
    its pages and for sorting; 2 MiB is SQLite's default. Raises DatabaseMissingError if there is none,
    DatabaseVersionError or StoreError if its schema is not this version's or it cannot be used.
    """
    if _is_missing(path):
        raise _missing(path)
    return _patiently(path, functools.partial(_open_beside, cache_kib=cache_kib))


def _make_folder(folder: Path) -> None:
    """Make the folder of a new database; raises StoreError if none can be made there, OSError for other errors."""
    if folder.exists():
        return
    try:
        folder.mkdir(parents=True)
        folder.chmod(FOLDER_MODE)
    except OSError as error:
        trouble = DatabaseTrouble.of(error)
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise StoreError.caused(
            trouble.name or DatabaseState.DAMAGED,
            CauseCode.DATABASE_NOWHERE,
            folder=str(folder),
            reason=number_of(error),
        ) from error


def _open_beside(path: Path, cache_kib: int) -> Database:
    with contextlib.ExitStack() as stack:
        connection = _connect(path)
        stack.callback(connection.close)
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        require_current(path, connection)
        database = opened(path, connection)
        stack.pop_all()
    return database


def opened(path: Path, connection: sqlite3.Connection, release: Callable[[], None] = lambda: None) -> Database:
    """Return a database on a connection; `release` gives up the daemon's lock when it is closed."""
    anchor, epoch = line_row.clock_of(connection)
    database = Database(path, connection, LimitClock(anchor), epoch, release)
    pseudonyms.teach(database)  # only once: after this SQLite compiles every statement anew
    return database


@contextlib.contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing database of any version, even a damaged one, read-only, and see it as it is now.

    Raises DatabaseMissingError if there is none, StoreError if it is not hotlined's or cannot be used.
    """
    if _is_missing(path):
        raise _missing(path)
    with contextlib.closing(_patiently(path, _open_at_one_moment)) as connection:
        yield connection


def _open_at_one_moment(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as stack:
        connection = _connect(path, _reading_mode(path))
        stack.callback(connection.close)
        connection.execute("BEGIN")
        if not migrations.applied(connection):
            require_current(path, connection)  # it is not hotlined's, or still empty
        stack.pop_all()
    return connection


def _patiently(path: Path, open_it: Callable[[Path], _Opened]) -> _Opened:
    """Open a database; a user who may only read tries again while another process closes it. Raises StoreError."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while True:
        try:
            return open_it(path)
        except sqlite3.Error as error:
            if not _is_for_us_to_read(path, error) or time.monotonic() > deadline:
                raise _maybe_unprepared(path, error) or _closed_to_a_person(path, error) from error
        time.sleep(0.01)


def _closed_to_a_person(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the error for a command, which can see other users' processes; the daemon cannot."""
    trouble = DatabaseTrouble.of(error, path)
    return trouble.as_error(path, holders.who_blocks(path) if trouble.name == DatabaseState.LOCKED else ())


def _is_for_us_to_read(path: Path, error: sqlite3.Error) -> bool:
    """Tell whether rights were refused though the file itself is readable: then a file beside it is missing."""
    return DatabaseTrouble.of(error).name in RIGHTS and os.access(path, os.R_OK)


def _maybe_unprepared(path: Path, error: sqlite3.Error) -> StoreError | None:
    """Return an error that names the missing files, which a reader may not make; None if none is missing."""
    if not _is_for_us_to_read(path, error):
        return None
    real = path.resolve()
    missing = [ending for ending in (WAL, SHM) if not beside(real, ending).exists()]
    if not missing:
        return None
    files = missing[0] if len(missing) == 1 else _("{listed} and {last}", listed=missing[0], last=missing[1])
    return StoreError(
        _(
            "{database} was closed by another program, which took {files} away: its group cannot open it.",
            database=path,
            files=files,
        ),
        _("Once its owner has opened it, all can again: `sudo hotlined status`."),
        DatabaseTrouble.of(error).name,
    )


def _missing(path: Path) -> DatabaseMissingError:
    return DatabaseMissingError(
        _("There is no database at {database}.", database=path), _("`hotlined run` makes it when it starts.")
    )


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return not isinstance(error, PermissionError)  # a file that this user may not look at may exist
    return False


@contextlib.contextmanager
def lock_out_daemons(path: Path) -> Iterator[None]:
    """Keep every daemon from a database, or from the place of a new one; makes the folder if needed.

    Raises DatabaseInUseError if a daemon has it, StoreError and OSError if no database can be there.
    """
    _make_folder(path.parent)
    with contextlib.closing(_lock(path)) as lock:
        if path.exists():
            _lock_file(path, lock)
        yield


def require_known(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database that is not hotlined's, or that another version wrote; an empty one passes."""
    applied = migrations.applied(connection)
    if not applied and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise StoreError(
            _("{database} is not a database of hotlined.", database=path),
            _("`database` in the configuration names it."),
        )
    known = migrations.names()
    if unknown := next((name for name in applied if name not in known), None):
        raise DatabaseVersionError(
            _(
                "{database} was written by another version of hotlined (it has {migration}), and is left as it is.",
                database=path,
                migration=unknown,
            ),
            _(
                "Install that version again, or go back to the copy from before its upgrade: `sudo hotlined-setup"
                " restore {line} --before`.",
                line=maybe_line(path) or "NAME",
            ),
        )


def require_own(path: Path, connection: sqlite3.Connection) -> tuple[str, ...]:
    """Refuse a database if its tables, views and triggers are not those of its migrations, all of which are known.

    A trigger that came with a backup would decide in the line's name. Returns the names of the indexes that differ:
    they change no result.
    """
    found = migrations.differing(connection)
    if names := [name for kind, name in found if kind != "index"]:
        raise DatabaseVersionError(
            _(
                "{database} has other tables, views or triggers than hotlined makes ({names}), and is left as it is.",
                database=path,
                names=", ".join(names),
            ),
            _(
                "Somebody has changed it. A backup from before puts it right: `sudo hotlined-setup restore {line}`.",
                line=maybe_line(path) or "NAME",
            ),
        )
    return tuple(name for _kind, name in found)


def require_current(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database that the daemon has yet to make or to migrate, or that another version wrote."""
    require_known(path, connection)
    _require_tables(path, connection)
    if migrations.applied(connection) != migrations.names():
        raise StoreError(
            _("{database} was written by an earlier version of hotlined.", database=path),
            _("Restart the daemon: it brings the database up to date."),
        )


def _require_tables(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database that a daemon is about to make: its file exists, and is empty."""
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise _missing(path)


def _require_undamaged(path: Path, give_up: Callable[[], bool]) -> None:
    """Refuse a damaged database before anything is written: on closing, SQLite would move the -wal into it."""
    with contextlib.closing(_connect(path, _reading_mode(path))) as connection:
        found = integrity.first_damage(connection, CHECK_SECONDS, give_up)
    if found:
        raise _damaged(path, found)


def _damaged(path: Path, found: str) -> StoreError:
    words = _("{database} is damaged: {found}.", database=path, found=found)
    return StoreError(words, TROUBLES[DatabaseState.DAMAGED].cure(path), DatabaseState.DAMAGED)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _reading_mode(path: Path) -> str:
    """Return the mode for reading a database: read-only, but writable if SQLite has to undo what a crash cut off."""
    real = path.resolve()
    return "rw" if beside(real, JOURNAL).exists() else "ro"


def _unusable(path: Path, error: OSError) -> StoreError:
    trouble = DatabaseTrouble.of(error)
    if foreign := _maybe_foreign(path, trouble.name):
        return foreign
    hint = _("The daemon's user needs to own the folder of the database; see `database` in the configuration.")
    return StoreError(
        _("{database}: {found}", database=path, found=reason_of(error)),
        trouble.cure(path) if trouble.name in (DatabaseState.FULL, DatabaseState.DAMAGED) else hint,
        trouble.name,
    )


def _maybe_foreign(path: Path, trouble: str | None) -> StoreError | None:
    """Return an error that names the other user who owns a database; None if that is not the trouble.

    Another user copied or restored it, or its card comes from a machine whose users have other ids.
    """
    real = path.resolve()
    if trouble not in RIGHTS or not (found := next(_others(real), None)):
        return None
    file, uid = found
    owner, us, group = user_name(uid), user_name(os.geteuid()), _group(os.getegid())
    moved = _uid(real.parent) == uid  # the folder has the same owner: then all of it was moved
    cure = f"`sudo chown -R {us}:{group} {real.parent if moved else f'{real}* {keys_folder(real)}'}`."
    code = CauseCode.DATABASE_MOVED if owner.isdecimal() else CauseCode.DATABASE_FOREIGN
    return StoreError.caused(LackingRight.FOREIGN, code, file=str(file), owner=owner, user=us, cure=cure)


def _others(database: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files of a database that belong to another user, and the user's id; the folder if they are hidden."""
    for file in (*(beside(database, ending) for ending in (*READABLE, LOCK)), database.parent):
        uid = _uid(file)
        if uid not in (None, os.geteuid()) and not (file == database.parent and uid == 0):
            yield file, uid or 0


def _uid(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except OSError:
        return None


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _require_files(real: Path) -> None:
    """Refuse a database if a path of its files is not a regular file: SQLite would wait for a FIFO."""
    for ending in (ITSELF, WAL, SHM, JOURNAL):
        file = beside(real, ending)
        with contextlib.suppress(OSError):  # it does not exist, or this user may not look at it
            if not stat.S_ISREG(file.lstat().st_mode):
                hint = _(
                    "Move {file} away; where it stood for the database itself, put that or a backup there.", file=file
                )
                raise StoreError(_("{file} is not a file of a database.", file=file), hint, DatabaseState.DAMAGED)


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    real = path.resolve()
    _require_files(real)
    if _size(real) == 0 and _size(beside(real, WAL)):  # SQLite would throw the -wal away, even for reading
        raise _damaged(path, _("it is empty, and what was written last waits beside it"))
    connection = sqlite3.connect(f"{real.as_uri()}?mode={mode}", uri=True, isolation_level=None, factory=_Connection)
    connection.path = real
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # erased content is overwritten
        connection.execute(f"PRAGMA journal_size_limit = {WAL_OCTETS}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrate(path: Path) -> None:
    with contextlib.closing(_connect(path)) as connection:
        require_known(path, connection)
        require_own(path, connection)
        is_current = migrations.applied(connection) == migrations.names()
    if not is_current:
        migrations.apply(path)


class Lock:
    """The locks of the one daemon that has a database: on a file beside it, and on the database itself.

    The first holds while the database file is replaced; the second whatever link the file is reached by.
    """

    def __init__(self, beside: IO[bytes]) -> None:
        self._files = [beside]

    def add(self, file: IO[bytes]) -> None:
        """Hold the lock of one more file."""
        self._files.append(file)

    def close(self) -> None:
        """Give up all locks."""
        for file in self._files:
            file.close()


def _lock(path: Path) -> Lock:
    real = path.resolve()
    file = os.fdopen(files.open_plain(beside(real, LOCK), os.O_RDWR, SECRET_MODE), "r+b")
    _take(file, path)
    return Lock(file)


def _lock_file(path: Path, lock: Lock) -> None:
    file = path.open("rb")
    lock.add(file)
    _take(file, path)


def _take(file: IO[bytes], path: Path) -> None:
    if not files.lock(file.fileno()):
        file.close()
        raise DatabaseInUseError(
            _("Another daemon has {database}.", database=", ".join(map(str, (path, *holders.who_has(path))))),
            _(
                "Each line has a configuration, a database and a daemon of its own; `hotlined status` says which one"
                " runs."
            ),
        )
