"""Checks whether a version can be released, and puts its files into dist/VERSION/. scripts/release calls it.

Each check prints a line: ok, failed with its cure, or not checked with what is missing here, which is never ok. 0: all
is ok; 1: something failed, and nothing is made; 75: nothing failed, but not all could be checked here. The package is
that of scripts/deb, licences are those of licences.py, pages those of manpages.py: here is how they fit together.
"""

import argparse
import configparser
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("trixie", "bookworm")
OPEN = 75  # as EX_TEMPFAIL of sysexits.h
LAB_FAILED = 125  # of tests/lab/container.sh
LEFT_OUT = {".git", ".venv", "build", "dist"}
ENDINGS = (".deb", ".whl", ".tar.gz", ".cdx.json")
PIN = re.compile(r"([\w.-]+)==(\S+)((?: --hash=sha256:\w{64})*)")


class FailedError(Exception):
    """A check does not hold: what is so, and what to do."""

    def __init__(self, said: str, cure: str) -> None:
        super().__init__(f"{said}. {cure}")


class NotHereError(Exception):
    """A check needs what is not here."""


@dataclass
class Release:
    """A version: the project, where its files are made, and where they come to lie."""

    project: Path
    work: Path
    epoch: int
    folder: Path = field(init=False)
    wheels: Path = field(init=False)
    tree: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder, self.wheels, self.tree = (self.work / name for name in ("release", "wheels", "tree"))

    @property
    def version(self) -> str:
        """The version that the program says."""
        (said,) = re.findall(r'^__version__ = "(.*)"$', self.text("hotlined/__init__.py"), re.MULTILINE)
        return str(said)

    @property
    def library(self) -> Path:
        """The Python packages in the package."""
        return self.tree / "usr/lib/hotlined/unpacked/lib"

    def text(self, name: str) -> str:
        """Return what is in a file of the project."""
        return (self.project / name).read_text("utf-8")

    def file(self, pattern: str) -> Path:
        """Return the one file of the release with such a name."""
        found = list(self.folder.glob(pattern))
        if len(found) != 1:
            raise NotHereError(f"needs what `build` makes: {pattern}")
        return found[0]

    def run(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the project, at the release's time."""
        own = {"SOURCE_DATE_EPOCH": str(self.epoch), "PYTHONPATH": str(self.project), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = os.environ | own | more
        return subprocess.run(
            [*map(str, words)], cwd=self.project, env=environment, text=True, capture_output=True, check=False
        )


def last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a program said."""
    lines = (done.stdout + "\n" + done.stderr).strip().splitlines()
    return lines[-1].strip() if lines else f"exit code {done.returncode}"


def need(*programs: str) -> None:
    """Take it that programs are here."""
    if missing := [program for program in programs if not shutil.which(program)]:
        raise NotHereError(f"needs {', '.join(missing)}")


# ---- what is committed


def checkout(release: Release) -> str:
    """Look whether what is here is what was committed."""
    done = release.run("git", "status", "--porcelain") if shutil.which("git") else None
    if done is None or done.returncode:
        raise NotHereError("needs a checkout of git")
    if done.stdout:
        raise FailedError(
            f"{len(done.stdout.splitlines())} files are not as committed", "Commit them, or put them back"
        )
    tag = release.run("git", "rev-parse", "--verify", "--quiet", f"v{release.version}^{{commit}}").stdout
    head = release.run("git", "rev-parse", "HEAD").stdout
    if tag and tag != head:
        raise FailedError(f"v{release.version} is another commit", "Raise the version: a release never changes")
    return f"all is committed, {head[:12]}"


def version(release: Release) -> str:
    """Look whether all who say the version say the same."""
    wanted = release.version
    if not re.fullmatch(r"\d+\.\d+\.\d+", wanted):
        raise FailedError(f"{wanted} is no version", "Write three numbers into hotlined/__init__.py")
    headings = re.findall(r"^## (.+)$", release.text("CHANGELOG.md"), re.MULTILINE)
    newest = headings[0] if headings else "nothing"
    if newest != wanted:
        raise FailedError(
            f"CHANGELOG.md begins with {newest}, the program is {wanted}", f"Head its news with: ## {wanted}"
        )
    said = set(re.findall(r"hotlined_([\d.]+)_all\.deb", release.text("docs/installation.md")))
    if said != {wanted}:
        raise FailedError(
            f"docs/installation.md says {', '.join(sorted(said)) or 'no version'}", f"Write {wanted} there"
        )
    return f"{wanted} everywhere"


def changelog(release: Release) -> str:
    """Look whether the newest section says what is new."""
    news = re.split(r"^## .+$", release.text("CHANGELOG.md"), flags=re.MULTILINE)[1:2]
    lines = re.findall(r"^- .+", news[0] if news else "", re.MULTILINE)
    if not lines:
        raise FailedError("the newest section of CHANGELOG.md is empty", "Write what users notice")
    return f"{len(lines)} entries"


def pins(release: Release) -> str:
    """Look whether each requirement has its pin, within its range, and each pin a hash."""
    from packaging.requirements import Requirement  # noqa: PLC0415  --help needs no environment

    setup = configparser.ConfigParser()
    setup.read_string(release.text("setup.cfg"))
    lists = [
        setup["options"]["install_requires"],
        *(setup["options.extras_require"][name] for name in ("alerts", "web")),
    ]
    lines = [line for line in release.text("scripts/requirements.txt").splitlines() if line and line[0] != "#"]
    found = {match[1]: match for match in map(PIN.fullmatch, lines) if match}
    if bad := [line.split()[0] for line in lines if not (match := PIN.fullmatch(line)) or not match[3]]:
        raise FailedError(f"{', '.join(bad)} has no hash", "scripts/hashes")
    for requirement in map(Requirement, "\n".join(lists).split()):
        pin = found.get(requirement.name)
        if not pin or pin[2] not in requirement.specifier:
            raise FailedError(f"{requirement} is not pinned so", "Change scripts/requirements.txt, then scripts/hashes")
    return f"{len(found)} packages, each with its hash"


def schema(release: Release) -> str:
    """Look whether the schema of what is printed is one, and config.yaml with an answer is what the program takes."""
    import jsonschema  # noqa: PLC0415  --help needs no environment

    name = "docs/output.schema.json"
    try:
        stated = json.loads(release.text(name))
        jsonschema.validators.validator_for(stated).check_schema(stated)
    except (ValueError, jsonschema.SchemaError) as error:
        raise FailedError(f"{name} is no schema", str(error).partition("\n")[0]) from None
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(release.text("config.yaml").replace("\n  text: null\n", "\n  text: Non.\n"), "utf-8")
        done = release.run(sys.executable, "-m", "hotlined", "--config", str(config), "config", "check")
    if done.returncode:
        raise FailedError("config.yaml is refused", last(done))
    return "of what is printed"


# ---- what is made


def sources(release: Release, to: Path) -> Path:
    """Copy the files of the project, of the release's time and with usual rights."""
    done = release.run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if done.returncode == 0:
        names: Iterable[str] = filter(None, done.stdout.split("\0"))
    else:
        every = (path.relative_to(release.project) for path in release.project.rglob("*") if path.is_file())
        names = [str(path) for path in every if LEFT_OUT.isdisjoint(path.parts) and "__pycache__" not in path.parts]
    for name in names:
        source, target = release.project / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
            os.utime(target, (release.epoch, release.epoch))
    return to


def repack(source: Path, epoch: int) -> None:
    """Write a source distribution anew, so that nothing of when and where it was built is in it."""
    with tarfile.open(source) as old:
        members = sorted(old.getmembers(), key=lambda member: member.name)
        read = {member.name: (old.extractfile(member) or io.BytesIO()).read() for member in members if member.isfile()}
    with (
        source.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in members:
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.pax_headers = {}
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, io.BytesIO(read[member.name]) if member.isfile() else None)


def made(release: Release, to: Path) -> None:
    """Make the package, the wheel, the source, the bill and the sums in a folder."""
    to.mkdir(parents=True)
    done = release.run("scripts/deb", "--wheels", release.wheels, to)
    if done.returncode:
        raise FailedError("the package cannot be built", last(done))
    tools = release.work / "tools"
    if not tools.exists():
        (release.work / "tools.txt").write_text(
            "".join(re.findall(r"^setuptools==.*\n", release.text("scripts/requirements.txt"), re.MULTILINE))
        )
        words = ("install", "--quiet", "--no-compile", "--no-deps", "--no-index", "--require-hashes", "--find-links")
        pip = (sys.executable, "-m", "pip", *words, release.wheels, "--target", tools)
        release.run(*pip, "--requirement", release.work / "tools.txt")
    hook = "import os, sys; os.chdir(sys.argv[1]); from setuptools import build_meta as b; b.build_{}(sys.argv[2])"
    with tempfile.TemporaryDirectory(dir=release.work) as place:
        project = sources(release, Path(place) / "project")
        for what in ("wheel", "sdist"):
            done = release.run(sys.executable, "-c", hook.format(what), project, to, PYTHONPATH=str(tools))
            if done.returncode:
                raise FailedError(f"no {what} can be built", last(done))
    (source,) = to.glob("*.tar.gz")
    repack(source, release.epoch)
    (package,) = to.glob("*.deb")
    shutil.rmtree(release.tree, ignore_errors=True)
    release.run("dpkg-deb", "--extract", package, release.tree)
    done = release.run(sys.executable, "scripts/sbom.py", release.library, release.wheels)
    if done.returncode:
        raise FailedError("no bill can be written", last(done))
    (to / f"hotlined-{release.version}.cdx.json").write_text(done.stdout, "utf-8")
    (to / "SHA256SUMS").write_text(sums(to))


def sums(folder: Path) -> str:
    """Return the sum of each file of a release, as sha256sum writes them."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(ENDINGS))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def build(release: Release) -> str:
    """Make all files of the release."""
    need("dh", "dpkg-buildpackage")
    kept = release.project / "build/wheels"
    if kept.exists() and not release.wheels.exists():
        shutil.copytree(kept, release.wheels)
    made(release, release.folder)
    size = sum(path.stat().st_size for path in release.folder.iterdir())
    return f"{len(list(release.folder.iterdir()))} files, {size / 1e6:.1f} MB"


def reproducible(release: Release) -> str:
    """Make everything once more, and compare it octet by octet."""
    release.file("*.deb")
    again = release.work / "again"
    shutil.rmtree(again, ignore_errors=True)
    made(release, again)
    if other := differing(release.folder, again):
        raise FailedError(f"{', '.join(other)} was another one the second time", "Compare both with diffoscope")
    return f"{len(list(again.iterdir()))} files are the same octet by octet"


def differing(first: Path, second: Path) -> list[str]:
    """Return the names of the files that are not the same in both folders."""
    here, there = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (first, second))
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


# ---- what is in it


def contents(release: Release) -> str:
    """Look whether wheel and source have every file of the program, and the version."""
    wanted = {
        path.relative_to(release.project).as_posix(): path.read_bytes()
        for path in (release.project / "hotlined").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    with zipfile.ZipFile(release.file("*.whl")) as wheel:
        found = {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(release.file("*.tar.gz")) as source:
        top = f"hotlined-{release.version}/"
        files = [member for member in source.getmembers() if member.isfile()]
        packed = {each.name.removeprefix(top): (source.extractfile(each) or io.BytesIO()).read() for each in files}
    for what, have in (("wheel", found), ("source", packed)):
        if missing := sorted(name for name, content in wanted.items() if have.get(name) != content):
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise FailedError(
                f"the {what} lacks {missing[0]}{more}", "Name it in package_data of setup.cfg, or MANIFEST.in"
            )
    if missing := sorted({"scripts/install", "config.yaml", "systemd/hotlined.service", "LICENSE"} - packed.keys()):
        raise FailedError(f"the source lacks {', '.join(missing)}", "Name it in MANIFEST.in")
    return f"{len(wanted)} files of the program in both, {len(packed)} in the source"


def manuals(release: Release) -> str:
    """Look whether the pages in the package are those of this program."""
    release.file("*.deb")
    with tempfile.TemporaryDirectory(dir=release.work) as place:
        done = release.run(sys.executable, "scripts/manpages.py", place)
        if done.returncode:
            raise FailedError("the man pages cannot be written", last(done))
        wanted = {path.relative_to(place).as_posix(): path.read_bytes() for path in Path(place).rglob("*.[1-8]")}
    folder = release.tree / "usr/share/man"
    found = {path.relative_to(folder).as_posix().removesuffix(".gz"): path for path in folder.rglob("*.gz")}
    if missing := sorted(wanted.keys() - found.keys()):
        raise FailedError(f"the package lacks {', '.join(missing)}", "Build it anew")
    if old := sorted(name for name, page in wanted.items() if gzip.decompress(found[name].read_bytes()) != page):
        raise FailedError(f"{', '.join(old)} is old", "Build the package anew")
    return f"{len(wanted)} man pages are this program's"


def debian(release: Release) -> str:
    """Let Debian's own checks look at the package."""
    need("lintian")
    done = release.run("lintian", "--fail-on", "error", release.file("*.deb"))
    if done.returncode:
        first = next((line for line in done.stdout.splitlines() if line.startswith("E:")), last(done))
        raise FailedError("lintian finds an error", first)
    return "lintian finds no error"


def licences(release: Release) -> str:
    """Look whether each package may be handed on."""
    release.file("*.deb")
    done = release.run(sys.executable, "scripts/licences.py", release.library)
    if done.returncode:
        raise FailedError("a licence is not on the list", last(done))
    return f"{done.stdout.count('Files: */')} packages, each under one of the list"


def bill(release: Release) -> str:
    """Look whether the bill is CycloneDX, and names each package that is in the package."""
    import sbom  # noqa: PLC0415  --help needs no environment

    if said := sbom.wrong(release.file("*.cdx.json").read_text("utf-8"), release.library):
        raise FailedError(said, "Make it anew with scripts/sbom.py")
    return "CycloneDX 1.6, with every package and its hash"


def hashes(release: Release) -> str:
    """Look whether SHA256SUMS is that of the files, and of all of them."""
    listed = release.file("SHA256SUMS").read_text("utf-8")
    said, found = (
        dict(reversed(line.split("  ")) for line in text.splitlines()) for text in (listed, sums(release.folder))
    )
    if other := sorted(name for name in said.keys() | found.keys() if said.get(name) != found.get(name)):
        raise FailedError(f"{', '.join(other)} is not as in SHA256SUMS", "Make the release anew")
    return f"{len(said)} files"


# ---- what only some machines can look at


def audit(release: Release) -> str:
    """Ask whether a package has a known fault."""
    words = (
        "--requirement",
        "scripts/requirements.txt",
        "--require-hashes",
        "--no-deps",
        "--disable-pip",
        "--format=json",
    )
    done = release.run(sys.executable, "-m", "pip_audit", "--progress-spinner=off", *words)
    return judge_audit(done.stdout, last(done))


def judge_audit(printed: str, said: str) -> str:
    """Read what pip-audit printed: a package that it could not ask about is none without faults."""
    try:
        packages = json.loads(printed)["dependencies"]
    except (ValueError, KeyError):
        raise NotHereError(f"pip-audit did not get through: {said}") from None
    if found := [f"{each['name']} {fault['id']}" for each in packages for fault in each.get("vulns", [])]:
        raise FailedError(f"known faults: {', '.join(found)}", "Pin a repaired version, then scripts/hashes")
    if skipped := [each["name"] for each in packages if "skip_reason" in each]:
        raise NotHereError(
            f"nothing was known of {len(skipped)} of {len(packages)} packages: ask where PyPI can be reached"
        )
    return f"no known fault in {len(packages)} packages"


def installing(suite: str) -> Callable[[Release], str]:
    """Return the check that installs each file on an empty Debian."""

    def install(release: Release) -> str:
        release.file("SHA256SUMS")
        if os.getuid() != 0:
            raise NotHereError("needs root")
        need("mmdebstrap", "systemd-nspawn", "nsenter")
        done = release.run("scripts/lab", "release", suite, release.folder)
        return judge_installation(suite, done.stdout, done.returncode, last(done))

    return install


def judge_installation(suite: str, printed: str, code: int, said: str) -> str:
    """Read what the lab printed: with 125 it was the lab that failed, with another code what it looked at."""
    passed, failed = (re.findall(rf"^{word} (.*)$", printed, re.MULTILINE) for word in ("PASS", "FAIL"))
    if failed:
        raise FailedError(f"{len(failed)} of {len(passed) + len(failed)} do not hold", failed[0])
    if code == LAB_FAILED or not passed:
        raise NotHereError(f"no {suite} could be booted: {said}")
    if code:
        raise FailedError(f"after {len(passed)} checks it ended: {said}", f"scripts/lab release {suite} says more")
    return f"package, wheel and source install on {suite}: {len(passed)} checks"


CHECKS: dict[str, Callable[[Release], str]] = {
    "checkout": checkout,
    "version": version,
    "changelog": changelog,
    "pins": pins,
    "schema": schema,
    "build": build,
    "contents": contents,
    "manuals": manuals,
    "debian": debian,
    "licences": licences,
    "bill": bill,
    "hashes": hashes,
    "audit": audit,
    "reproducible": reproducible,
    **{suite: installing(suite) for suite in SUITES},
}


def checked(release: Release, names: Iterable[str]) -> int:
    """Make these checks, print a line of each; return the exit code."""
    code = 0
    for name in names:
        try:
            word, said = "ok", CHECKS[name](release)
        except FailedError as error:
            word, said, code = "failed", str(error), 1
        except NotHereError as error:
            word, said, code = "not checked", str(error), code or OPEN
        print(f"{word:<12} {name:<13} {said}", flush=True)  # noqa: T201  that is what it is for
    return code


def main() -> int:
    """Check, and where nothing failed make the folder."""
    parser = argparse.ArgumentParser(prog="scripts/release", description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="make no folder: what is built is looked at and removed")
    parser.add_argument(
        "--only", action="append", choices=CHECKS, metavar="NAME", help=f"these checks: {', '.join(CHECKS)}"
    )
    options = parser.parse_args()
    if options.only and not options.check:
        parser.error("--only needs --check: a release is checked whole")
    committed = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    epoch = int(committed.stdout or (ROOT / "CHANGELOG.md").stat().st_mtime)
    with tempfile.TemporaryDirectory(prefix="hotlined-release.", dir="/var/tmp") as work:
        release = Release(ROOT, Path(work), epoch)
        code = checked(release, options.only or CHECKS)
        if not options.check and code != 1:
            code = publish(release) or code
    return code


def publish(release: Release) -> int:
    """Put the files into dist/VERSION; one that is there already never changes."""
    there = release.project / "dist" / release.version
    if there.exists() and sums(there) != sums(release.folder):
        print(f"{there} has other files of this version: a release never changes. Raise the version, or remove it.")  # noqa: T201
        return 1
    if not there.exists():
        there.parent.mkdir(exist_ok=True)
        new = there.with_name(f"{there.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(release.folder, new)
        new.rename(there)
    print(f"{there}: {', '.join(sorted(path.name for path in there.iterdir()))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
