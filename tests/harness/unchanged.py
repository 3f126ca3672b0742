"""Compares the machine before and after a run of the tests: only the temporary folder of the tests may differ.

Changes by others on the same machine do not matter: only the project's names and processes count. `scripts/lab
newcomer` compares everything on a machine of its own.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

MARK = "HOTLINED_TESTS"
"""The environment variable that marks the processes of a run; its value is the id of the first."""
_NAMES = ("/", "/dev", "/dev/shm", "/etc", "/run", "/tmp", "/var", "/var/backups", "/var/lib", "/var/tmp")
FOLDERS = tuple(map(Path, _NAMES))
"""Folders whose modes and owners have to stay."""
OURS = tuple(map(Path, ("/etc", "/etc/systemd/system", "/run", "/usr/lib/systemd/system", "/var/backups", "/var/lib")))
"""Folders that get no files of ours."""
CHECKOUT = Path(__file__).parents[2]
"""The folder that gets no files beside those of git, except some whose names begin with a dot, and `MADE`."""
MADE = ("__pycache__", "build")
LISTS = tuple(map(Path, ("/etc/passwd", "/etc/group", "/etc/shadow")))
ENDING = "multiprocessing"
"""The name of processes that end with the process that started them."""


def facts() -> Iterator[str]:
    """Yield facts that a run may not change, in words."""
    for folder in filter(Path.exists, FOLDERS):
        status = folder.stat()
        yield f"{folder} has the mode {status.st_mode:o} and the owners {status.st_uid}:{status.st_gid}"
    for folder in filter(Path.exists, OURS):
        yield from (f"{path} is there" for path in folder.glob("*hotline*"))
    yield from (f"{path} is there" for path in CHECKOUT.glob("[!.]*") if path.name not in MADE)
    for path in LISTS:
        if os.access(path, os.R_OK):
            yield f"{path} has the sum {zlib.crc32(path.read_bytes()):08x}"


def processes() -> Iterator[str]:
    """Yield the processes left by this run, except those that end with it."""
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
    """Store the state of the machine, before processes of pytest-xdist begin."""
    if hasattr(session.config, "workerinput"):  # one of these: it keeps the mark of the first process
        return
    os.environ[MARK] = str(os.getpid())
    session.config.stash[_BEFORE] = frozenset(facts())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if the machine has changed, and report the differences."""
    if hasattr(session.config, "workerinput"):
        return
    before, after = session.config.stash[_BEFORE], frozenset((*facts(), *processes()))
    changes = [f"since the tests: {each}" for each in sorted(after - before)]
    changes += [f"before the tests, and no more: {each}" for each in sorted(before - after)]
    if changes:
        print("", *changes, sep="\n")  # noqa: T201  what a run says at its end
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_BEFORE = pytest.StashKey[frozenset[str]]()
