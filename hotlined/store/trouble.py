"""Why a database cannot be used: what SQLite or the system refused, in words, with what a person can do about it."""

import errno
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotlined.errors import StoreError
from hotlined.language import N_, _


@dataclass(frozen=True, slots=True)
class DatabaseTrouble:
    """Why a database cannot be used.

    `name` is None where SQLite's code has none. `state` is what `status` shows of a database which its daemon cannot
    use: full, locked, damaged, or denied where the user of the daemon lacks a right. One without a name is damaged.
    """

    name: str | None
    state: str
    words: str
    hint: str

    @classmethod
    def of(cls, error: BaseException | None, database: Path | None = None) -> "DatabaseTrouble":
        """Return the trouble that an error of SQLite, of the system or of the store is about.

        SQLite refuses a right in the same words as a disk that takes no file: where `database` lies is asked then.
        """
        name = _maybe_name(error)
        if name in RIGHTS and database and _takes_nothing(database.parent):
            name = "full"
        if name is None:
            return cls(None, "damaged", str(error), N_("`hotlined db check --full` says whether it is damaged."))
        return TROUBLES[name]

    def as_error(self, subject: object = None, holders: Sequence[str] = ()) -> StoreError:
        """Say in a sentence that the database cannot be used, and why: also who locks it, where that is known."""
        words = _("{subject} cannot be used: {reason}.", subject=subject or _("The database"), reason=_(self.words))
        if holders:
            held = _("It is held by {programs}.", programs=", ".join(holders))
            words = f"{words} {held}"
        return StoreError(words, _(self.hint), self.name)


TROUBLES = {
    "full": DatabaseTrouble(
        "full",
        "full",
        N_("the disk is full or takes nothing any more"),
        N_("Make room (`df -h` and `df -i` show it) or replace the card; texts wait on the SIM meanwhile."),
    ),
    "locked": DatabaseTrouble(
        "locked",
        "locked",
        N_("another program keeps it locked"),
        N_("End what has it open beside the daemon (sqlite3, a backup); texts wait on the SIM meanwhile."),
    ),
    "damaged": DatabaseTrouble(
        "damaged",
        "damaged",
        N_("it is damaged, or no database"),
        N_("Stop the daemon; move file, -wal and -shm away (delete nothing), then start it, or restore a backup."),
    ),
    "foreign": DatabaseTrouble(
        "foreign",
        "denied",
        N_("it belongs to another user"),
        N_("Give it to the user that serves the line: `sudo chown -R USER:GROUP FOLDER`."),
    ),
    "not writable": DatabaseTrouble(
        "not writable",
        "denied",
        N_("it may not be written by this user"),
        N_("The line's group only reads. Decide as the line's own user: with sudo, where it is a service."),
    ),
    "not readable": DatabaseTrouble(
        "not readable",
        "denied",
        N_("it may not be opened by this user, or is no file"),
        N_("Be in its group (hotlined, after installation; hotlined-NAME for a further line) and log in again."),
    ),
}
"""The troubles that have a name, by it."""

RIGHTS = ("not writable", "not readable")
"""The troubles of a user who lacks a right."""

_CODES = {
    "full": (
        sqlite3.SQLITE_FULL,
        # SQLite calls it full for ENOSPC alone; a quota, a card that went read-only and one that fails are these
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_DELETE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    ),
    "locked": (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
    ),
    "damaged": (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR),
    "not writable": (sqlite3.SQLITE_READONLY,),
    "not readable": (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
}
"""SQLite's result codes for each, primary or extended."""

_ERRNOS = {
    "full": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    "damaged": (errno.EIO,),
}
"""The system's error numbers for each."""

BY_CODE = {code: name for name, codes in _CODES.items() for code in codes}
_BY_ERRNO = {number: name for name, numbers in _ERRNOS.items() for number in numbers}


def _takes_nothing(folder: Path) -> bool:
    """Tell whether the disk of a folder is read-only, or has no room for another file."""
    with suppress(OSError):
        disk = os.statvfs(folder)
        no_file = disk.f_files and not disk.f_favail  # some file systems count none
        return bool(disk.f_flag & os.ST_RDONLY or no_file or not disk.f_bavail)
    return False


def _maybe_name(error: BaseException | None) -> str | None:
    if isinstance(error, StoreError):
        return error.trouble
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, "not readable")
    code = getattr(error, "sqlite_errorcode", 0)
    return BY_CODE.get(code) or BY_CODE.get(
        code & 0xFF
    )  # an extended result code holds the primary one in its low byte
