"""The Debian package for tests: built once of the same sources, by whichever worker of whichever run comes first.

It is compressed hardly, and kept below build/, by a sum of all that goes in, with what lintian said of it.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / "build/wheels"
PLACE = ROOT / "build/tested"
TAGS = Path("/usr/share/lintian/tags")
"""What lintian can find: a file for each, with how grave it is and which check finds it."""
OURS = ("hotlined", "hotlined-")
"""How the names begin of what is not a pinned package's beside them."""
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
    """Return the errors that lintian finds in the package: in all of it once for its pinned packages, then in the rest.

    Checks that can but warn are left out, and so is what the program man warns of: a start for each page.
    """
    said = package.with_name("lintian")
    whole = PLACE / f"linted-{_sum_of_pinned()}"
    if not said.exists():
        with tempfile.TemporaryDirectory() as folder:
            looked_at = _without_pinned(package, Path(folder)) if whole.exists() else package
            words = ["lintian", "--fail-on", "error", "--dont-check-part", ",".join(_warning()), looked_at]
            (Path(folder) / "man").symlink_to("/bin/true")
            environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
            done = subprocess.run(words, text=True, capture_output=True, check=False, env=environment)
        if done.returncode:
            return done.stdout + done.stderr  # and looked at anew the next time
        whole.touch()
        said.touch()
    return ""


def _warning() -> list[str]:
    """Return the checks of lintian that know no error."""
    severities: dict[str, set[str]] = {}
    for path in TAGS.rglob("*.tag"):
        fields = dict(re.findall(r"^(Check|Severity): (\S+)$", path.read_text("utf-8"), re.MULTILINE))
        severities.setdefault(fields["Check"], set()).add(fields["Severity"])
    assert severities
    return sorted(check for check, found in severities.items() if "error" not in found)


def _sum_of_pinned() -> str:
    """Return what names the pinned packages, how they are put into ours, and the lintian that looks at them."""
    version = subprocess.run(["dpkg-query", "--show", "lintian"], capture_output=True, check=True).stdout
    files = (ROOT / "scripts/requirements.txt", ROOT / "scripts/deb", *sorted((ROOT / "debian").rglob("*")))
    found = hashlib.sha256(version)
    for path in filter(Path.is_file, files):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _without_pinned(package: Path, folder: Path) -> Path:
    """Make the same package without the pinned ones: a seventh of its files."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    for path in (tree / "usr/lib/hotlined/unpacked/lib").iterdir():
        if not path.name.startswith(OURS):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    sums = tree / "DEBIAN/md5sums"
    left = [line for line in sums.read_text().splitlines(keepends=True) if (tree / line[34:].rstrip()).exists()]
    sums.write_text("".join(left))
    made = folder / package.name
    words = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return made
