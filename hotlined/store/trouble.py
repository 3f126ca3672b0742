"""Why a database cannot be used: what SQLite or the system refused, in words, with what a person can do about it."""

import errno
import sqlite3
from dataclasses import dataclass

from hotlined.errors import StoreError


@dataclass(frozen=True, slots=True)
class DatabaseTrouble:
    """Why a database cannot be used.

    `name` is None where SQLite's code has none. `state` is what `status` shows of a database which its daemon cannot
    use: full, locked or damaged. One that takes no writing is full, whoever forbids it; one without a name is damaged.
    """

    name: str | None
    state: str
    words: str
    hint: str

    @classmethod
    def of(cls, error: BaseException | None) -> "DatabaseTrouble":
        """Return the trouble that an error of SQLite, of the system or of the store is about."""
        name = _maybe_name(error)
        if name is None:
            return cls(None, "damaged", str(error), "`hotlined db check --full` says whether it is damaged.")
        return TROUBLES[name]

    def as_error(self, subject: object = "The database") -> StoreError:
        """Say in a sentence that the database cannot be used, and why."""
        return StoreError(f"{subject} cannot be used: {self.words}.", self.hint, self.name)


TROUBLES = {
    "full": DatabaseTrouble(
        "full",
        "full",
        "the disk is full or takes nothing any more",
        "Make room (`df -h` and `df -i` show it) or replace the card; texts wait on the SIM meanwhile.",
    ),
    "locked": DatabaseTrouble(
        "locked",
        "locked",
        "another program keeps it locked",
        "End what has it open beside the daemon (sqlite3, a backup); texts wait on the SIM meanwhile.",
    ),
    "damaged": DatabaseTrouble(
        "damaged",
        "damaged",
        "it is damaged, or no database",
        "Stop the daemon; move file, -wal and -shm away (delete nothing), then start it, or restore a backup.",
    ),
    "foreign": DatabaseTrouble(
        "foreign",
        "full",
        "it belongs to another user",
        "Give it to the user that serves the line: `sudo chown -R USER:GROUP FOLDER`.",
    ),
    "not writable": DatabaseTrouble(
        "not writable",
        "full",
        "it may not be written by this user",
        "The line's group only reads. Decide as the line's own user: with sudo, where it is a service.",
    ),
    "not readable": DatabaseTrouble(
        "not readable",
        "full",
        "it may not be opened by this user, or is no file",
        "Be in its group (hotlined, after installation; hotlined-NAME for a further line) and log in again.",
    ),
}
"""The troubles that have a name, by it."""

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


def _maybe_name(error: BaseException | None) -> str | None:
    if isinstance(error, StoreError):
        return error.trouble
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, "not readable")
    code = getattr(error, "sqlite_errorcode", 0)
    return BY_CODE.get(code) or BY_CODE.get(
        code & 0xFF
    )  # an extended result code holds the primary one in its low byte
