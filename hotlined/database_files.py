"""The files of a database: their names, their folders, and who may read them."""

import contextlib
import stat
from pathlib import Path

from hotlined.machine import files

ITSELF = ""
WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
"""The files that SQLite puts beside a database: https://sqlite.org/tempfiles.html."""
WAL_OCTETS = 32 * 1024 * 1024
"""The size to which SQLite cuts the -wal file when it starts it again; while a reader prevents that, it may grow."""
LOCK, KEY, FLEET, PINS = ".lock", ".key", ".fleet", ".pins"
"""Our files: the daemon's lock, the key of the line's pseudonyms, the key of its fleet, the key of the tried PINs."""
KEYS = (KEY, FLEET, PINS)
"""The files in the folder `keys`: one setting of a unit hides that folder, even when the files are replaced."""
EVERY = (ITSELF, WAL, SHM, JOURNAL, LOCK, KEY, FLEET, PINS)
"""Every file that may belong to a database."""

READABLE = (ITSELF, WAL, SHM, KEY, FLEET)
"""The files that the line's group may read."""
SECRET = (LOCK, PINS)
"""The files that only the line's user may open: a user who may open the lock could hold it."""

FOLDER_MODE = 0o2750
FILE_MODE = 0o640  # the group reads; only the owner writes
SECRET_MODE = 0o600
_KEYS_FOLDER = "keys"
_FOR_DISKS = "/media", "/mnt", "/run/media"
"""The folders in which disks are mounted; while one is out, its folder there is on the card."""


def beside(database: Path, ending: str) -> Path:
    """Return the path of a file of a database; `ending` is one of `EVERY`."""
    folder = keys_folder(database) if ending in KEYS else database.parent
    return folder / (database.name + ending)


def maybe_line(database: Path) -> str | None:
    """Return the line whose database is at this path in an installation; None for any other path."""
    user, _hyphen, name = database.parent.name.partition("-")
    return name if user == "hotlined" and name else None


def keys_folder(database: Path) -> Path:
    """Return the folder of a database's keys."""
    return database.parent / _KEYS_FOLDER


def make_keys_folder(database: Path) -> None:
    """Make the folder of a database's keys, if there is none; the line's group may read it. Raises OSError."""
    folder = keys_folder(database)
    if not folder.exists():
        folder.mkdir(mode=0o750)  # it inherits the group and the setgid bit of the folder above
        if (
            stat.S_IMODE(folder.stat().st_mode) & 0o777 != 0o750
        ):  # never in a unit, which may not set setgid: its umask is right
            folder.chmod(FOLDER_MODE)
        files.sync(folder.parent)


def write_key(database: Path, ending: str, octets: bytes) -> None:
    """Write a key into its file, whole and durably, for the owner of the database. Raises OSError."""
    make_keys_folder(database)
    mode = SECRET_MODE if ending in SECRET else FILE_MODE
    files.replace(beside(database, ending), octets, mode, beside=database, durable=True)


def is_on_card(folder: Path, database: Path) -> bool:
    """Tell whether a folder is lost together with the database; one that is for another disk is not."""
    if any(folder.is_relative_to(place) for place in _FOR_DISKS):
        return False
    with contextlib.suppress(OSError):
        return folder.stat().st_dev == database.parent.stat().st_dev
    return False
