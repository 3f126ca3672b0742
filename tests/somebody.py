"""Runs a command of hotlined as another user of this machine: for tests that root runs.

`somebody.py UID GID[,GID…] ARGUMENTS…` loads everything first, for the interpreter may lie where that user cannot look.
"""

import contextlib
import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

OWNER, MEMBER, STRANGER = 40001, 40002, 40003
GROUP = 40010
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def command(uid: int, groups: Sequence[int], *arguments: str) -> list[str]:
    """Return what runs a command of hotlined as a user of these groups, the first of which is the primary one."""
    return [sys.executable, __file__, str(uid), ",".join(map(str, groups)), *arguments]


def run(uid: int, groups: Sequence[int], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of hotlined as a user of these groups."""
    return subprocess.run(
        command(uid, groups, *arguments), capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )


def give(folder: Path, uid: int = OWNER, gid: int = GROUP) -> None:
    """Give a folder and all that is in it to a user and a group."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def become(uid: int, groups: Sequence[int]) -> None:
    """Become another user for good, everything of hotlined loaded."""
    import hotlined  # noqa: PLC0415  only where it is run as a program

    for module in pkgutil.walk_packages(hotlined.__path__, "hotlined."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("rich.console", "rich.progress", "rich.table", "sqlite_utils", "encodings.idna", "rich.live"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    os.setgroups(list(groups))
    os.setgid(groups[0])
    os.setuid(uid)


if __name__ == "__main__":
    become(int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")])
    from hotlined.cli import main

    main(sys.argv[3:])
