"""The Debian package for tests, built once for a commit by the first worker of any run.

It is hardly compressed, and kept below build/.
"""

import contextlib
import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build/tested"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of the build."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> Path:
    """Return the package of the checked-out commit."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    with _alone():
        folder = PLACE / commit.strip()
        if not list(folder.glob("*.deb")):
            for former in PLACE.iterdir():
                if former.is_dir():
                    shutil.rmtree(former)
            words = [ROOT / "scripts/deb", "--quick", folder]
            done = subprocess.run(words, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
        (file,) = folder.glob("*.deb")
        return file
