"""Makes the files of a line its user's alone, where an earlier version let every member of the group write there.

What lies there may be anybody's: a link, a FIFO, a file that has a second name elsewhere. So nothing is followed and
nothing is waited for; it runs as the line's user, never as root, and what is not that user's is copied, not taken over.
Known to be wrong: files of others that no program of ours reads stay where they are.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from hotlined.errors import StoreError
from hotlined.language import N_, _
from hotlined.states import DatabaseState
from hotlined.store.database_files import (
    FILE_MODE,
    FOLDER_MODE,
    ITSELF,
    JOURNAL,
    KEY,
    LOCK,
    PINS,
    SECRET,
    SECRET_MODE,
    SHM,
    WAL,
)

_COPIED = (ITSELF, WAL, KEY)  # what holds something of the line
_MADE_ANEW = (SHM, LOCK, PINS, JOURNAL)  # the last: in WAL mode SQLite has none, and would obey a foreign one
_OLD_COPIES = "backup"  # where versions kept the copies of a week
_ASIDE = ".set-aside-"
_PUT_IT_THERE = N_("Put the database there, or a backup.")
_NOT_OURS = N_("{name} was somebody else's and is {new} now.")
_PIECE = 1 << 20
_SHM_IN_USE = 128  # the octet of a -shm that whoever has the database open locks: https://sqlite.org/walformat.html
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def own(folder: Path, database: Path) -> Iterator[str]:
    """Make the user who runs this the only owner of a line's folder and database, and yield in words what was done.

    The group of this process becomes theirs. What cannot be the line's is renamed to NAME.set-aside-…; nothing is
    deleted but what SQLite makes anew. Raises StoreError where the database itself cannot be the line's, or where
    another program has it open, and OSError where the folder belongs to somebody else.
    """
    if not os.getuid():
        raise StoreError(_("This is for the user of a line, not for root."), "runuser -u hotlined -- hotlined db own …")
    with _opened(folder) as where:
        # first: from here on nobody else changes a name in it
        os.fchown(where, -1, os.getgid())
        os.fchmod(where, FOLDER_MODE)
        if database.parent.resolve() == folder.resolve():
            yield from _own_database(where, database)
        yield from _own_rest(where)
        os.fsync(where)
    if database.parent.resolve() != folder.resolve() and database.exists():
        with _opened(database.parent) as where:
            yield from _own_database(where, database)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _LOOK | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _own_database(where: int, database: Path) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_lock_out_programs(where, database.name + SHM))
        for ending in (*_COPIED, *_MADE_ANEW):
            name = database.name + ending
            found = _look(where, name)
            if found is None:
                continue
            if not stat.S_ISREG(found.st_mode):
                if not ending:
                    raise StoreError(_("{database} is no file.", database=database), _(_PUT_IT_THERE))
                yield _("{name} was no file of its own and is {new} now.", name=name, new=_set_aside(where, name))
            elif found.st_uid == os.getuid() and found.st_nlink == 1:
                _close_to_others(where, name)
            elif ending in _MADE_ANEW:
                yield _(_NOT_OURS, name=name, new=_set_aside(where, name))
            elif found.st_uid != os.getuid() and found.st_nlink > 1:
                if not ending:
                    raise StoreError(_("{database} belongs to somebody else.", database=database), _(_PUT_IT_THERE))
                yield _(_NOT_OURS, name=name, new=_set_aside(where, name))
            else:
                _copy(where, name)
                yield _("{name} is a file of the line's own now.", name=name)


def _own_rest(where: int) -> Iterator[str]:
    """Close what is the line's to others, in the folder and in those below that are its own."""
    for name in sorted(os.listdir(where)):
        found = _look(where, name)
        if found is None:
            continue
        ours = found.st_uid == os.getuid()
        if stat.S_ISDIR(found.st_mode) and ours:
            descriptor = os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=where)
            try:
                os.fchown(descriptor, -1, os.getgid())
                os.fchmod(descriptor, FOLDER_MODE)
                yield from _own_rest(descriptor)
            finally:
                os.close(descriptor)
        elif stat.S_ISREG(found.st_mode) and ours and found.st_nlink == 1:
            _close_to_others(where, name)
        elif name == _OLD_COPIES:
            yield _("{name} was no folder of the line's and is {new} now.", name=name, new=_set_aside(where, name))
        elif not ours and _ASIDE not in name:
            yield _("{name} belongs to user {uid} and stays as it is.", name=name, uid=found.st_uid)


def _look(where: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=where, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _lock_out_programs(where: int, name: str) -> Iterator[None]:
    """Keep everybody from opening the database: what a program writes to the original would not be in the copy."""
    found = _look(where, name)
    if found is None or not stat.S_ISREG(found.st_mode):
        yield
        return
    try:
        descriptor = os.open(name, _LOOK | os.O_RDWR, dir_fd=where)
    except PermissionError:  # nobody of this version's group made it
        yield
        return
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _SHM_IN_USE)
        except OSError as error:
            raise StoreError(
                _("Another program has the database {name} open.", name=name.removesuffix(SHM)),
                _("End what has it open (sqlite3, Datasette, `hotlined log --follow`), then go on."),
                DatabaseState.LOCKED,
            ) from error
        yield
    finally:
        os.close(descriptor)


def _close_to_others(where: int, name: str) -> None:
    descriptor = os.open(name, _LOOK, dir_fd=where)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_nlink == 1:
            os.fchown(descriptor, -1, os.getgid())
            os.fchmod(descriptor, SECRET_MODE if name.endswith(SECRET) else FILE_MODE)
    finally:
        os.close(descriptor)


def _copy(where: int, name: str) -> None:
    """Put a copy of our own in the place of a file."""
    new = f"{name}.{secrets.token_hex(8)}"
    source = os.open(name, _LOOK, dir_fd=where)
    try:
        target = os.open(
            new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET_MODE, dir_fd=where
        )
        try:
            try:
                while piece := os.read(source, _PIECE):
                    while piece:
                        piece = piece[os.write(target, piece) :]
                os.fchown(target, -1, os.getgid())
                os.fchmod(target, FILE_MODE)
                os.fsync(target)
            finally:
                os.close(target)
            os.rename(new, name, src_dir_fd=where, dst_dir_fd=where)
        except BaseException:
            os.unlink(new, dir_fd=where)
            raise
    finally:
        os.close(source)


def _set_aside(where: int, name: str) -> str:
    """Give a file another name, and return that."""
    new = f"{name}{_ASIDE}{secrets.token_hex(4)}"
    os.rename(name, new, src_dir_fd=where, dst_dir_fd=where)
    return new
