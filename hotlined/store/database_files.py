"""The files of a database: what each is called after it, and who may read it."""

from pathlib import Path

ITSELF = ""
WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
"""The files that SQLite puts beside a database: https://sqlite.org/tempfiles.html."""
WAL_OCTETS = 32 * 1024 * 1024
"""The -wal keeps no more when it begins anew: it is larger while a reader keeps it from that."""
LOCK, KEY, PINS = ".lock", ".key", ".pins"
"""Our files: the daemon's lock, the key of the pseudonyms, the secret that PINs are noted under."""
EVERY = (ITSELF, WAL, SHM, JOURNAL, LOCK, KEY, PINS)
"""Every file that may belong to a database."""

READABLE = (ITSELF, WAL, SHM, KEY)
"""The files that the line's group reads."""
SECRET = (LOCK, PINS)
"""The files that nobody but the line's user opens: whoever may open a lock can hold it."""

FOLDER_MODE = 0o2750
FILE_MODE = 0o640  # its group reads; nobody but its owner writes
SECRET_MODE = 0o600


def beside(database: Path, ending: str) -> Path:
    """Return where a file of a database lies."""
    return database.with_name(database.name + ending)
