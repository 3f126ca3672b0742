"""The files of a database: what each is called after it, where it lies, and who may read it."""

import stat
from pathlib import Path

from hotlined import files

ITSELF = ""
WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
"""The files that SQLite puts beside a database: https://sqlite.org/tempfiles.html."""
WAL_OCTETS = 32 * 1024 * 1024
"""The -wal keeps no more when it begins anew: it is larger while a reader keeps it from that."""
LOCK, KEY, FLEET, PINS = ".lock", ".key", ".fleet", ".pins"
"""Our files: the daemon's lock, the key of the pseudonyms, that of a fleet's, the secret that PINs are noted under."""
KEYS = (KEY, FLEET, PINS)
"""Those that lie in a folder of their own, so that one setting of a unit hides them, also once they are replaced."""
EVERY = (ITSELF, WAL, SHM, JOURNAL, LOCK, KEY, FLEET, PINS)
"""Every file that may belong to a database."""

READABLE = (ITSELF, WAL, SHM, KEY, FLEET)
"""The files that the line's group reads."""
SECRET = (LOCK, PINS)
"""The files that nobody but the line's user opens: whoever may open a lock can hold it."""

FOLDER_MODE = 0o2750
FILE_MODE = 0o640  # its group reads; nobody but its owner writes
SECRET_MODE = 0o600


_KEYS_FOLDER = "keys"


def beside(database: Path, ending: str) -> Path:
    """Return where a file of a database lies."""
    folder = keys_folder(database) if ending in KEYS else database.parent
    return folder / (database.name + ending)


def keys_folder(database: Path) -> Path:
    """Return the folder of a database's keys."""
    return database.parent / _KEYS_FOLDER


def make_keys_folder(database: Path) -> None:
    """Make the folder of a database's keys, if there is none; the line's group reads in it. Raises OSError."""
    folder = keys_folder(database)
    if not folder.exists():
        folder.mkdir(mode=0o750)  # its group and setgid are those of the folder above
        if (
            stat.S_IMODE(folder.stat().st_mode) & 0o777 != 0o750
        ):  # a unit, which may set no such bit, has the right umask
            folder.chmod(FOLDER_MODE)
        files.sync(folder.parent)


def write_key(database: Path, ending: str, octets: bytes) -> None:
    """Put a key in its place, whole and on the disk; whoever owns the database owns it too. Raises OSError."""
    make_keys_folder(database)
    mode = SECRET_MODE if ending in SECRET else FILE_MODE
    files.replace(beside(database, ending), octets, mode, beside=database, durable=True)
