"""Finds the processes that keep a database locked, or hold on to its old pages, in the kernel's list of locks.

It runs in commands: the daemon's sandbox does not see the processes of other users. The bytes that SQLite locks are
described in https://sqlite.org/walformat.html#wal_locks and in its os.h.

Known to be wrong: on a file system whose device number differs between stat and the kernel (btrfs, some overlays) no
process is found. The kernel gives a list of over seventy locks in parts: one can be missed while others end.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hotlined.database_files import ITSELF, LOCK, SHM, WAL, WAL_OCTETS, beside
from hotlined.language import _
from hotlined.machine.clock import boottime
from hotlined.machine.peer import user_name

_LOCKS = Path("/proc/locks")
_STARTED = 19  # proc_pid_stat(5), field 22: the start of a process, in ticks since the boot; 3 fields are before ')'
_LONG_SECONDS = 3600.0
_WRITER, _RECOVERER = (120, 120), (122, 122)  # bytes of -shm, first and last
_READERS = (123, 127)  # the same
_WHOLE = (0x40000000, 0x40000000 + 511)  # of the database itself


class _Lock(NamedTuple):
    """One lock: its process, whether it excludes all others, and the file and bytes that it covers."""

    pid: int
    whole: bool
    """True for a lock by flock(2), on the whole file: SQLite does not use those, but daemons do against each other."""
    exclusive: bool
    file: tuple[int, int, int]
    """The major and minor number of its device, and its inode."""
    first: int
    last: float

    def covers(self, first: int, last: int) -> bool:
        """Tell whether it covers any of these bytes."""
        return not self.whole and self.first <= last and first <= self.last


def who_blocks(database: Path) -> tuple[str, ...]:
    """Return in words which other processes keep writers out of a database, including the daemon's own writing.

    A reader can do that, too: anybody who may read a file may put a shared lock on it, and a writer needs an exclusive
    one.
    """
    shm, own = _file(database, SHM), _file(database, ITSELF)
    return _in_words(
        lock
        for lock in _locks()
        if (lock.file == shm and (lock.covers(*_WRITER) or lock.covers(*_RECOVERER)))
        or (lock.file == shm and lock.exclusive and lock.covers(*_READERS))
        or (lock.file == own and lock.exclusive and lock.covers(*_WHOLE))
    )


def who_reads(database: Path) -> tuple[str, ...]:
    """Return in words which other processes have an open transaction that sees old pages."""
    shm = _file(database, SHM)
    return _in_words(lock for lock in _locks() if lock.file == shm and lock.covers(*_READERS))


def who_keeps_pages(database: Path, daemon: int | None) -> tuple[str, ...]:
    """Return in words which processes read a database while its -wal is larger than it should be.

    Only processes that have run for an hour, without its daemon.
    """
    try:
        if beside(database.resolve(), WAL).stat().st_size <= WAL_OCTETS:
            return ()
    except OSError:
        return ()
    shm = _file(database, SHM)
    return _in_words(
        lock
        for lock in _locks()
        if lock.file == shm and lock.covers(*_READERS) and lock.pid != daemon and _age(lock.pid) >= _LONG_SECONDS
    )


def _age(pid: int) -> float:
    """Return how many seconds a process has run; infinity if the kernel does not say."""
    try:
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.inf
    return boottime() - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")


def who_has(database: Path) -> tuple[str, ...]:
    """Return in words which other processes hold a daemon's lock on a database."""
    files = (_file(database, ITSELF), _file(database, LOCK))
    return _in_words(lock for lock in _locks() if lock.whole and lock.file in files)


def _in_words(found: Iterator[_Lock]) -> tuple[str, ...]:
    return tuple(sorted({_process(lock.pid) for lock in found if lock.pid != os.getpid()}))


def _process(pid: int) -> str:
    """Return in words which process it is and whose, as far as the kernel shows it."""
    folder = Path("/proc") / str(pid)
    try:
        program, owner = (folder / "comm").read_text().strip(), user_name(folder.stat().st_uid)
    except (OSError, ValueError):
        return _("process {pid}", pid=pid) if pid > 0 else _("a process of another container")
    return _("{program} (process {pid} of {owner})", program=program, pid=pid, owner=owner)


def _file(database: Path, ending: str) -> tuple[int, int, int] | None:
    try:
        found = beside(database.resolve(), ending).stat()
    except OSError:
        return None
    return os.major(found.st_dev), os.minor(found.st_dev), found.st_ino


def _locks() -> Iterator[_Lock]:
    """Yield the locks that processes hold. The kernel's lines of locks that are only waited for have one field more."""
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return
    for fields in map(str.split, lines):
        # 1: POSIX  ADVISORY  READ 1234 08:02:131 120 120
        if len(fields) == 8 and fields[1] in ("POSIX", "OFDLCK", "FLOCK"):
            _number, family, _advisory, kind, pid, file, first, last = fields
            major, minor, inode = file.split(":")
            end = float("inf") if last == "EOF" else int(last)
            where = int(major, 16), int(minor, 16), int(inode)
            yield _Lock(int(pid), family == "FLOCK", kind == "WRITE", where, int(first), end)
