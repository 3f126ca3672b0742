"""Migrates a database and keeps what SIGKILL would leave before each of the statements: `python interrupting.py DATABASE`.

Until the migration ends nobody else writes, and SQLite keeps nothing back that it has written: whoever is killed leaves
the files as they are at that moment. They are copied to DATABASE.0, DATABASE.1 and so on, with their journals; where a
statement finds them as the one before did, it has no copy of its own. It prints how many statements there were.
"""

import sqlite3
import sys
from pathlib import Path

import sqlite_utils

from hotlined import migrations

SUFFIXES = ("", "-journal", "-wal")
"""What SQLite needs after a crash; it makes `-shm` anew."""
_connect = sqlite3.connect


class Copies:
    """What was left before each statement, and how many there were."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._last: dict[str, bytes] = {}

    def take(self, _: str) -> None:
        """Copy the files if they are others than before the last statement."""
        found = {end: path.read_bytes() for end in SUFFIXES if (path := Path(f"{self._path}{end}")).exists()}
        if found != self._last:
            for end, octets in found.items():
                Path(f"{self._path}.{self.count}{end}").write_bytes(octets)
        self._last = found
        self.count += 1


def main(path: Path) -> None:
    """Migrate, with a copy at each statement."""
    copies = Copies(path)

    def connect(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = _connect(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(copies.take)
        return connection

    sqlite_utils.db.sqlite3.connect = connect  # type: ignore[attr-defined]
    migrations.apply(path)
    sys.stdout.write(f"{copies.count}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
