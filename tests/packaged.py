"""The Debian package for tests: built once of the same sources, by whichever worker of whichever run comes first.

It is compressed hardly, and kept below build/, by a sum of all that goes in, with what lintian said of it.
"""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / "build/wheels"
PLACE = ROOT / "build/tested"
LEFT_OUT = {".git", ".venv", "build", "dist", "tests", "__pycache__", ".hypothesis", ".ci"}


def _sum() -> str:
    """Return what names these sources: the paths and what is in the files, tests aside."""
    found = hashlib.sha256()
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if LEFT_OUT.isdisjoint(parts) and not parts[0].startswith(".") and path.is_file():
            found.update(f"{'/'.join(parts)} {path.stat().st_mode & 0o777:o} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let nobody else build or look meanwhile."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> Path:
    """Return the package of this checkout."""
    with _alone():
        folder = PLACE / _sum()
        if not list(folder.glob("*.deb")):
            for former in PLACE.iterdir():
                if former.is_dir():
                    shutil.rmtree(former)
            words = [ROOT / "scripts/deb", "--quick", "--wheels", WHEELS, folder]
            done = subprocess.run(words, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
        (file,) = folder.glob("*.deb")
        return file


def linted(package: Path) -> str:
    """Return the errors that lintian finds in the package.

    The check that is left out looks for libraries of JavaScript in every file, and can but warn.
    """
    said = package.with_name("lintian")
    if not said.exists():
        words = ["lintian", "--fail-on", "error", "--dont-check-part", "languages/javascript/embedded", package]
        done = subprocess.run(words, text=True, capture_output=True, check=False)
        if done.returncode:
            return done.stdout + done.stderr  # and looked at anew the next time
        said.write_text("")
    return said.read_text()
