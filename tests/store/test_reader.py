"""A reader that keeps old pages makes the -wal grow: after an hour `status` names it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filled import Filled
from test_members import HOLDING

from hotlined.database_files import WAL, WAL_OCTETS, beside

clock_gettime = time.clock_gettime


@contextmanager
def reading(database: Path) -> Iterator[int]:
    """Let another program keep a transaction open; give its process id."""
    program = [sys.executable, "-c", HOLDING, str(database), "pages"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.communicate("\n")


def named(line: Filled) -> list[str]:
    """Return the words of `status` about a reader."""
    told = json.loads(line.run("status", "--json").stdout)
    return [each["words"] for each in told["trouble"] if each["code"] == "reader"]


def test_status_names_a_reader_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The -wal is too large; the reader has run for an hour.

    A reader counts only with both, and the daemon itself never.
    """
    line = Filled(tmp_path)
    with line.db, reading(line.database) as reader:
        line.text()
        assert named(line) == []
        os.truncate(beside(line.database, WAL), WAL_OCTETS + 4096)
        assert named(line) == []
        monkeypatch.setattr(time, "clock_gettime", lambda clock: clock_gettime(clock) + 3600)
        (words,) = named(line)
        assert f"(process {reader} of " in words
        assert "hotlined.db-wal cannot shrink" in words
        monkeypatch.setattr(os, "getpid", lambda: reader)  # the process that the daemon's status file names
        line.daemon_runs()
        monkeypatch.undo()
        monkeypatch.setattr(time, "clock_gettime", lambda clock: clock_gettime(clock) + 3600)
        assert named(line) == []
    line = Filled(tmp_path)
    with line.db:
        line.text()
        os.truncate(beside(line.database, WAL), WAL_OCTETS + 4096)
        assert named(line) == []
