"""The reasons why a database cannot be used: the error of SQLite or the system in words, with a hint on what to do."""

import errno
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from hotlined.database_files import maybe_line
from hotlined.errors import StoreError
from hotlined.language import N_, _
from hotlined.states import DatabaseState


class LackingRight(StrEnum):
    """The right that a user lacks to use a database."""

    FOREIGN = "foreign"
    """The database belongs to another user, the only one who may open it."""
    NOT_WRITABLE = "not_writable"
    NOT_READABLE = "not_readable"


class DatabaseTrouble(NamedTuple):
    """The reason why a database cannot be used.

    `name` is None if SQLite's code has no words here; else it is the state, or the right that is lacking. `state` is
    what `status` shows of a database that its daemon cannot use; without a name it is damaged.
    """

    name: str | None
    state: DatabaseState
    words: str
    hint: str

    @classmethod
    def of(cls, error: BaseException | None, database: Path | None = None) -> "DatabaseTrouble":
        """Return the trouble behind an error of SQLite, of the system or of the store.

        SQLite uses the same words for a lacking right and for a disk that takes no file: so the disk of `database` is
        checked.
        """
        name = _maybe_name(error)
        if name in RIGHTS and database and _takes_nothing(database.parent):
            name = DatabaseState.FULL
        if name is None:
            return cls(None, DatabaseState.DAMAGED, str(error), UNNAMED_HINT)
        return TROUBLES[name]

    def as_error(self, subject: object = None, holders: Sequence[str] = ()) -> StoreError:
        """Return an error that says why the database cannot be used, and which `holders` lock it."""
        words = _("{subject} cannot be used: {reason}.", subject=subject or _("The database"), reason=_(self.words))
        if holders:
            held = _("It is held by {programs}.", programs=", ".join(holders))
            words = f"{words} {held}"
        return StoreError(words, self.cure(subject if isinstance(subject, Path) else None), self.name)

    def cure(self, database: Path | None) -> str:
        """Return the hint in words; for a damaged database with the newest of its daily copies that this user sees."""
        line = (database and maybe_line(database)) or "NAME"
        copies: list[tuple[float, Path]] = []
        with suppress(OSError):
            copies = [(copy.stat().st_mtime, copy) for copy in (COPIES / line).glob("*.db")]
        return _(self.hint, line=line, copy=max(copies)[1] if copies else "COPY")


COPIES = Path("/var/backups/hotlined")
"""The folder of the daily copies, with one folder for each line; the daemon cannot see it."""
UNNAMED_HINT = N_("`hotlined db check --full` says whether it is damaged.")
"""The hint for an error of SQLite that has no name here."""
TROUBLES: dict[str, DatabaseTrouble] = {
    DatabaseState.FULL: DatabaseTrouble(
        DatabaseState.FULL,
        DatabaseState.FULL,
        N_("the disk is full or takes nothing any more"),
        N_("Make room (`df -h` and `df -i` show it) or replace the card; texts wait on the SIM meanwhile."),
    ),
    DatabaseState.LOCKED: DatabaseTrouble(
        DatabaseState.LOCKED,
        DatabaseState.LOCKED,
        N_("another program keeps it locked"),
        N_("End what has it open beside the daemon (sqlite3, a backup); texts wait on the SIM meanwhile."),
    ),
    DatabaseState.DAMAGED: DatabaseTrouble(
        DatabaseState.DAMAGED,
        DatabaseState.DAMAGED,
        N_("it is damaged, or no database"),
        N_(
            "Put back the last copy: `sudo hotlined-setup restore {line} < {copy}`. Only if there is none: stop the"
            " daemon, move file, -wal and -shm away (delete nothing), and start it. Then the line begins paused, and"
            " opt-outs, blocks and what is spent are forgotten."
        ),
    ),
    LackingRight.FOREIGN: DatabaseTrouble(
        LackingRight.FOREIGN,
        DatabaseState.DENIED,
        N_("it belongs to another user"),
        N_("Give it to the user that serves the line: `sudo chown -R USER:GROUP FOLDER`."),
    ),
    LackingRight.NOT_WRITABLE: DatabaseTrouble(
        LackingRight.NOT_WRITABLE,
        DatabaseState.DENIED,
        N_("it may not be written by this user"),
        N_("The line's group only reads. Decide as the line's own user: with sudo, where it is a service."),
    ),
    LackingRight.NOT_READABLE: DatabaseTrouble(
        LackingRight.NOT_READABLE,
        DatabaseState.DENIED,
        N_("this user may not open it, or it is not a file"),
        N_("Be in its group (hotlined-NAME, where it is installed) and log in again."),
    ),
}
"""The troubles by name."""

RIGHTS = (LackingRight.NOT_WRITABLE, LackingRight.NOT_READABLE)
"""The troubles of a user who lacks a right."""

_CODES: dict[str, tuple[int, ...]] = {
    DatabaseState.FULL: (
        sqlite3.SQLITE_FULL,
        # SQLite says full for ENOSPC only; these are for a quota, a card that went read-only, and one that fails
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_DELETE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    ),
    DatabaseState.LOCKED: (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
    ),
    DatabaseState.DAMAGED: (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR),
    LackingRight.NOT_WRITABLE: (sqlite3.SQLITE_READONLY,),
    LackingRight.NOT_READABLE: (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
}
"""SQLite's result codes of each trouble, primary or extended."""

_ERRNOS: dict[str, tuple[int, ...]] = {
    DatabaseState.FULL: (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    DatabaseState.DAMAGED: (errno.EIO,),
}
"""The system's error numbers of each trouble."""

BY_CODE = {code: name for name, codes in _CODES.items() for code in codes}
_BY_ERRNO = {number: name for name, numbers in _ERRNOS.items() for number in numbers}


def _takes_nothing(folder: Path) -> bool:
    """Tell whether the disk of a folder is read-only, or has no room for another file."""
    with suppress(OSError):
        disk = os.statvfs(folder)
        no_file = disk.f_files and not disk.f_favail  # some file systems do not count files
        return bool(disk.f_flag & os.ST_RDONLY or no_file or not disk.f_bavail)
    return False


def _maybe_name(error: BaseException | None) -> str | None:
    if isinstance(error, StoreError):
        return error.trouble
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, LackingRight.NOT_READABLE)
    code = getattr(error, "sqlite_errorcode", 0)
    # the low byte of an extended result code is the primary one
    return BY_CODE.get(code) or BY_CODE.get(code & 0xFF)
