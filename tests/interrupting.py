"""Migrates a database and ends as by SIGKILL before one of the statements: `python interrupting.py DATABASE`.

It prints how many statements there are; for each of them a child works on a copy, DATABASE.0, DATABASE.1 and so on.
"""

import os
import shutil
import sqlite3
import sys
from pathlib import Path

import sqlite_utils  # read once, for all children

from hotlined import migrations

_connect = sqlite3.connect


def _apply(path: Path, last: int | None) -> int:
    """Apply what is pending, up to a statement; return how many there were."""
    count = 0

    def trace(_: str) -> None:
        nonlocal count
        if count == last:
            os._exit(9)
        count += 1

    def connect(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = _connect(*args, **kwargs)  # type: ignore[call-overload]
        connection.set_trace_callback(trace)
        return connection

    sqlite_utils.db.sqlite3.connect = connect  # type: ignore[attr-defined]
    migrations.apply(path)
    return count


def main(path: Path) -> None:
    """Interrupt a copy at each statement."""
    whole = path.with_name(f"{path.name}.whole")
    shutil.copy(path, whole)
    for number in range(count := _apply(whole, None)):
        copy = path.with_name(f"{path.name}.{number}")
        shutil.copy(path, copy)
        if (child := os.fork()) == 0:
            _apply(copy, number)
            os._exit(1)  # it was to end before
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    sys.stdout.write(f"{count}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
