"""Keeps copies of the files that SIGKILL would leave of a database before each statement of its migrations.

A kill leaves the files as they are at that moment, since SQLite holds back nothing that it has written. Each copy is a
folder with the database and its journals; a statement that finds the same files as the one before has none.
"""

import sqlite3
from pathlib import Path

import pytest

from hotlined import migrations
from hotlined.database_files import keys_folder

_connect = sqlite3.connect


class Copies:
    """The copies before each statement, and the number of statements; `take` is called for each."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._last: dict[str, bytes] = {}

    def take(self, _: str) -> None:
        """Copy the files if they have changed since the last statement; SQLite makes `-shm` again after a crash."""
        there = (*self._path.parent.glob(f"{self._path.name}*"), *keys_folder(self._path).glob("*"))
        files = [path for path in there if not path.name.endswith("-shm")]
        found = {str(path.relative_to(self._path.parent)): path.read_bytes() for path in files if path.is_file()}
        if found != self._last:
            folder = _folder(self._path, self.count)
            folder.mkdir(parents=True)
            for name, octets in found.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(octets)
        self._last = found
        self.count += 1


def _folder(path: Path, statement: int) -> Path:
    return path.parent / "copies" / str(statement)


def copies(path: Path, count: int) -> list[Path]:
    """Return the existing copies of a database after this number of statements."""
    return [copy for number in range(count) if (copy := _folder(path, number) / path.name).exists()]


def migrate(path: Path) -> int:
    """Migrate with a copy at each statement, and return the number of statements."""
    taken = Copies(path)

    def connect(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = _connect(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(taken.take)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        migrations.apply(path)
    return taken.count
