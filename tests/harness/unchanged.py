"""Compares the machine before and after a run of the tests: it has to be as it was, but for their temporary folder.

What others do meanwhile on the same machine is none of its business: names and processes count that are the project's.
`scripts/lab newcomer` compares all of a machine that nobody else has.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MARK = "HOTLINED_TESTS"
"""The variable by which the processes of a run are known; its value is the id of the first."""
_NAMES = ("/", "/dev", "/dev/shm", "/etc", "/run", "/tmp", "/var", "/var/backups", "/var/lib", "/var/tmp")
FOLDERS = tuple(map(Path, _NAMES))
"""Folders whose modes and owners stay as they are."""
OURS = tuple(map(Path, ("/etc", "/etc/systemd/system", "/run", "/usr/lib/systemd/system", "/var/backups", "/var/lib")))
"""Folders in which nothing of ours is made."""
LISTS = tuple(map(Path, ("/etc/passwd", "/etc/group", "/etc/shadow")))
ENDING = "multiprocessing"
"""What runs as long as the process that started it, and ends with it."""


def facts() -> Iterator[str]:
    """Yield what a run may not change, in words."""
    for folder in filter(Path.exists, FOLDERS):
        status = folder.stat()
        yield f"{folder} has the mode {status.st_mode:o} and the owners {status.st_uid}:{status.st_gid}"
    for folder in filter(Path.exists, OURS):
        yield from (f"{path} is there" for path in folder.glob("*hotline*"))
    for path in LISTS:
        if os.access(path, os.R_OK):
            yield f"{path} has {len(path.read_text().splitlines())} lines"


def processes() -> Iterator[str]:
    """Yield the processes that this run has left, but those that end with it."""
    sought = f"{MARK}={os.environ[MARK]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            is_ours = sought in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid()
            if is_ours and words and ENDING not in words:
                yield f"{words}runs"
        except OSError:  # it has ended, or is another user's
            continue


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember how the machine is."""
    os.environ[MARK] = str(os.getpid())
    session.config.stash[_BEFORE] = frozenset(facts())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the run fail if the machine is another one now, and say what differs."""
    before, after = session.config.stash[_BEFORE], frozenset((*facts(), *processes()))
    changes = [f"since the tests: {each}" for each in sorted(after - before)]
    changes += [f"before the tests, and no more: {each}" for each in sorted(before - after)]
    if changes:
        print("", *changes, sep="\n")  # noqa: T201  what a run says at its end
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_BEFORE = pytest.StashKey[frozenset[str]]()
