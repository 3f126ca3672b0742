"""The Debian package: its contents, and what it must not contain. `scripts/lab service` installs it."""

import gzip
import hashlib
import io
import itertools
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from functools import cache
from pathlib import Path

import packaged
import pytest
from needs import needs, needs_allowance
from test_docs import SETUP

from hotlined.doctor.machine import LIBRARIES, OPTIONAL_LIBRARIES

ROOT = Path(__file__).parents[2]
SHARE = "usr/share/hotlined"
DOC = "usr/share/doc/hotlined"
UNITS = "usr/lib/systemd/system"
COMPLETIONS = {
    "usr/share/bash-completion/completions/hotlined": "bash",
    "usr/share/fish/vendor_completions.d/hotlined.fish": "fish",
    "usr/share/zsh/vendor-completions/_hotlined": "zsh",
}
# files whose place in the package differs from that in git, beyond the folders below
PLACES = {
    "usr/bin/hotlined": "debian/hotlined",
    "usr/sbin/hotlined-setup": "debian/hotlined-setup",
    f"{SHARE}/start.py": "debian/start.py",
    f"{SHARE}/power-cycle": "systemd/power-cycle",
    f"{DOC}/copyright": "debian/copyright",
    f"{DOC}/disk.conf": "systemd/disk.conf",
    "usr/lib/sysusers.d/hotlined.conf": "systemd/sysusers.conf",
    "usr/lib/tmpfiles.d/hotlined.conf": "systemd/tmpfiles.conf",
    "usr/lib/udev/rules.d/70-hotlined.rules": "systemd/70-hotlined.rules",
    "usr/share/lintian/overrides/hotlined": "debian/lintian-overrides",
    "usr/share/python3/runtime.d/hotlined.rtupdate": "debian/rtupdate",
}
FOLDERS = {f"{SHARE}/hotlined/": "hotlined/", f"{UNITS}/": "systemd/", f"{DOC}/": ""}
PACKED = {
    "usr/share/man/man1/hotlined.1.gz": "debian/hotlined.1",
    "usr/share/man/man8/hotlined-setup.8.gz": "debian/hotlined-setup.8",
}
BOOKWORM = {
    "age": "1.0.0-1",
    "apprise": "1.2.1-1",
    "caddy": "2.6.2-5",
    "default-dbus-system-bus": "1.14.10-1~deb12u1",
    "passwd": "1:4.13",
    "python3": "3.11.2-1",
    "python3-click": "8.1.3-2",
    "python3-flask": "2.2.2-3",
    "python3-psycopg": "3.1.7-4",
    "python3-rich": "13.3.1-1",
    "python3-serial": "3.5-1.1",
    "python3-waitress": "2.1.2-2",
    "python3-yaml": "6.0-3",
    "sqlite-utils": "3.30-1",
    "sqlite3": "3.40.1-2",
    "systemd": "252.38-1",
    "usb-modeswitch": "2.6.1-3",
}
"""The older Debian's versions of the packages that we name; trixie has newer ones."""

pytestmark = [
    needs("dpkg-deb", "git"),
    needs_allowance((ROOT / ".git").exists(), "this is no clone"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def package() -> Path:
    """Give the package, built once for all processes."""
    return packaged.build()


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with all files of the package."""
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


def field(package: Path, name: str) -> str:
    """Return a field of the package's control file."""
    words = ["dpkg-deb", "--field", package, name]
    return subprocess.run(words, text=True, capture_output=True, check=True).stdout.strip()


def below(folder: Path) -> dict[str, Path]:
    """Return each file and link below a folder by its relative path."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


@cache
def commit() -> dict[str, bytes]:
    """Return the files of the checked-out commit, and the targets of its links."""
    octets = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        found = {each: archive.extractfile(each) if each.isfile() else None for each in archive if not each.isdir()}
        return {each.name: file.read() if file else each.linkname.encode() for each, file in found.items()}


def committed(path: str) -> bytes:
    """Return a file of the checked-out commit."""
    return commit()[path]


def in_git(name: str) -> str | None:
    """Return the path in git of a file of the package; None for a file that git has not."""
    if name in PLACES:
        return PLACES[name]
    begin = next((each for each in FOLDERS if name.startswith(each)), None)
    return FOLDERS[begin] + name.removeprefix(begin) if begin else None


def test_the_package_has_only_files_of_git(tree: Path) -> None:
    """Other files are listed here; program and units are all there."""
    files = {name: path for name, path in below(tree).items() if not name.startswith("DEBIAN/")}
    library = {name for name in files if name.startswith(f"{SHARE}/phonenumbers/")}
    made = {f"{DOC}/changelog.gz", *COMPLETIONS, *PACKED}

    for name in files.keys() - library - made:
        source = in_git(name)
        assert source, name
        mine = str(files[name].readlink()).encode() if files[name].is_symlink() else files[name].read_bytes()
        assert mine == committed(source), name
    for name, source in PACKED.items():
        assert gzip.decompress(files[name].read_bytes()) == committed(source)
    for name, shell in COMPLETIONS.items():
        assert f"hotlined completion {shell}" in files[name].read_text()
    words = ["git", "ls-tree", "-r", "--name-only", "HEAD", "hotlined", "systemd"]
    sources = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()
    assert len(sources) > 200
    assert {*sources} <= {in_git(name) for name in files}


def test_one_library_is_carried_and_pinned_by_its_hash(tree: Path) -> None:
    """Names of places, carriers and time zones are left out."""
    name, digest = committed("debian/phonenumbers").decode().split()
    octets = (ROOT / "build/wheels" / name).read_bytes()
    assert hashlib.sha256(octets).hexdigest() == digest
    with zipfile.ZipFile(ROOT / "build/wheels" / name) as wheel:
        there = {each: wheel.read(each) for each in wheel.namelist() if each.startswith("phonenumbers/")}
    ours = {each: path.read_bytes() for each, path in below(tree / SHARE).items() if each.startswith("phonenumbers/")}

    assert ours.items() <= there.items()
    assert {each.split("/")[1] for each in there.keys() - ours.keys() if each.endswith(".py")} == {
        *("geodata", "carrierdata", "tzdata")
    }
    assert f"Files: /{SHARE}/phonenumbers/*" in (tree / DOC / "copyright").read_text()


def test_the_package_is_for_every_processor_and_only_in_usr(package: Path, tree: Path) -> None:
    """No file is compiled; only root can write them."""
    listed = subprocess.run(["dpkg-deb", "--contents", package], text=True, capture_output=True, check=True).stdout
    files = {name for name in below(tree) if not name.startswith("DEBIAN/")}

    assert field(package, "Architecture") == "all"
    assert {name.partition("/")[0] for name in files} == {"usr"}
    assert not [name for name in files if name.endswith(".png")]  # half of the package, and nobody looks at them there
    assert not [name for name in files if name.startswith(("usr/local/", "usr/lib/python3")) or name.endswith(".pyc")]
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    for path in tree.rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISLNK(mode) or not mode & 0o7022, path
    for name in ("usr/bin/hotlined", "usr/sbin/hotlined-setup", f"{SHARE}/power-cycle"):
        assert os.access(tree / name, os.X_OK), name


def test_the_dependencies_are_in_both_debians(package: Path) -> None:
    """Bookworm's versions suffice; every imported library is named."""
    named = {}
    for kind in ("Depends", "Recommends", "Suggests"):
        for each in field(package, kind).split(", "):
            usual = each.split(" | ")[0]
            name, least = re.fullmatch(r"(\S+)(?: \(>= (\S+)\))?", usual).groups()  # type: ignore[union-attr]
            named[name] = kind
            words = ["dpkg", "--compare-versions", BOOKWORM[name], "ge", least or "0"]
            assert subprocess.run(words, check=False).returncode == 0, each

    ours = {each for each in LIBRARIES.values() if each != "python3-phonenumbers"}
    assert {name for name in ours if named[name] != "Depends"} == set()
    optional = {name: "Suggests" if name == "apprise" else "Recommends" for name in OPTIONAL_LIBRARIES.values()}
    assert {name: named[name] for name in optional} == optional
    wanted = {re.split("[<>=]", line)[0] for line in SETUP["options"]["install_requires"].split("\n") if line}
    assert {name.removeprefix("python3-") for name in LIBRARIES.values()} == {
        name.removeprefix("py") if name != "pyyaml" else "yaml" for name in wanted
    }


def clone(folder: Path) -> Path:
    """Return a clone of this repository, with the present wheel."""
    project = folder / "project"
    subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, project], check=True)
    (project / "build").mkdir()
    (project / "build/wheels").symlink_to(ROOT / "build/wheels")
    return project


def git(project: Path, *words: str) -> None:
    """Run git as an arbitrary author in a clone."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=project, check=True, capture_output=True)


def built(project: Path) -> tuple[Path, str]:
    """Build the package of a clone; return it, and the output."""
    words = [project / "scripts/deb", "--quick"]
    done = subprocess.run(words, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return project / done.stdout.strip(), done.stderr


def test_versions_are_ordered(package: Path, tmp_path: Path) -> None:
    """Commits are newer than earlier ones, tags newer than their commits.

    Later commits are newer than the tag.

    Uncommitted changes are left out, and the output says so.
    """
    del package  # the wheel is there then
    project = clone(tmp_path)
    for tag in subprocess.run(["git", "tag"], cwd=project, text=True, capture_output=True, check=True).stdout.split():
        git(project, "tag", "--delete", tag)
    versions = []
    for tag in (None, None, "v0.1.0", None):
        git(project, "commit", "--quiet", "--allow-empty", "--message", "more")
        if tag:
            git(project, "tag", tag)
        made, said = built(project)
        assert said == ""
        versions.append(field(made, "Version"))
        assert made.name == f"hotlined_{versions[-1]}_all.deb"

    assert [re.sub(r"\d+\.[0-9a-f]{7}$", "N.HASH", each) for each in versions] == [
        *("0.1.0~gitN.HASH", "0.1.0~gitN.HASH", "0.1.0", "0.1.0+gitN.HASH")
    ]
    for older, newer in itertools.pairwise(versions):
        assert subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False).returncode == 0
    (project / "hotlined/machine/person.py").write_text("raise SystemExit(3)\n")
    (project / "hotlined/foreign.py").touch()
    made, said = built(project)
    subprocess.run(["dpkg-deb", "--extract", made, tmp_path / "again"], check=True)
    assert "not committed" in said
    person = "hotlined/machine/person.py"
    assert (tmp_path / "again" / SHARE / person).read_bytes() == committed(person)
    assert not (tmp_path / "again" / SHARE / "hotlined/foreign.py").exists()


def test_stray_files_do_not_get_into_the_package(package: Path, tmp_path: Path) -> None:
    """An environment's startup code, a wheel and untracked files change nothing."""
    project = clone(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    (environment,) = project.glob(".venv/lib/python3*/site-packages")
    came = tmp_path / "came"
    plants = f"from pathlib import Path; Path({str(came)!r}).touch()"
    plants += f"; [each.write_text('foreign') for each in Path({str(project)!r}).rglob('tree/**/*.py')]"
    (environment / "foreign.pth").write_text(f"import sys; exec({plants!r})\n")
    (project / "build/wheels").unlink()
    shutil.copytree(ROOT / "build/wheels", project / "build/wheels")
    (project / "build/wheels/foreign-1-py3-none-any.whl").write_bytes(b"foreign")
    for name in ("hotlined/foreign.py", "systemd/hotlined-foreign.service", "debian/foreign", "docs/foreign.md"):
        (project / name).write_text("foreign\n")
    subprocess.run([project / ".venv/bin/python", "-c", ""], check=True)
    assert came.exists()  # so that Python does run it
    came.unlink()
    made, _ = built(project)

    assert made.read_bytes() == package.read_bytes()
    assert not came.exists()


def test_a_library_of_another_hash_is_not_taken(package: Path, tmp_path: Path) -> None:
    """A wheel with another hash than git's stops the build."""
    del package
    project = clone(tmp_path)
    pin = project / "debian/phonenumbers"
    pin.write_text(re.sub(r"\w{64}", "0" * 64, pin.read_text()))
    git(project, "commit", "--quiet", "--all", "--message", "another")
    (project / "build/wheels").unlink()
    (project / "build/wheels").mkdir()
    (tmp_path / "venv").mkdir()
    python = tmp_path / "bin/python3"  # makes an environment whose pip brings the present wheel
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\ncase "$*" in "-m venv "*) mkdir -p "$3/bin"; '
        f'printf \'#!/bin/sh\\ncp "{ROOT}"/build/wheels/phonenumbers-* {project}/build/wheels/\\n\' >"$3/bin/pip"; '
        f'chmod 755 "$3/bin/pip" ;; *) exec "{sys.executable}" "$@" ;; esac\n'
    )
    python.chmod(0o755)
    environment = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    done = subprocess.run([project / "scripts/deb"], text=True, capture_output=True, check=False, env=environment)

    assert done.returncode != 0
    assert "FAILED" in done.stdout + done.stderr
    assert list((project / "build/wheels").iterdir())
    assert not list(project.rglob("*.deb"))


def test_its_changelog_names_its_version(package: Path, tree: Path) -> None:
    """Debian's changelog has the version, and refers to ours."""
    text = gzip.decompress((tree / DOC / "changelog.gz").read_bytes()).decode()

    assert text.startswith(f"hotlined ({field(package, 'Version')}) ")
    assert "CHANGELOG.md" in text
    assert (tree / DOC / "CHANGELOG.md").is_file()


@needs("lintian")
def test_lintian_finds_nothing(package: Path) -> None:
    """Lintian finds no error, and only the accepted warnings."""
    words = ["lintian", "--fail-on", "error,warning", "--allow-root", package]
    done = subprocess.run(words, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_program_starts_from_its_folder(tree: Path, tmp_path: Path) -> None:
    """Its library is beside it, and it makes a database."""
    config = tmp_path / "main.yaml"
    config.write_text(
        f"answer: {{text: x}}\ndatabase: {tmp_path}/x.db\nruntime_dir: {tmp_path}\nmodem: {{port: {tmp_path}/none}}\n"
    )
    start = tree / SHARE / "start.py"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-I", start, *words]
        return subprocess.run(command, text=True, capture_output=True, check=False, env=environment, cwd="/")

    assert run("--help").stdout.startswith("Usage: hotlined [OPTIONS]")
    assert "Try 'hotlined log --help'" in run("log", "--nothing").stderr
    assert run("--config", str(config), "run", "--once").returncode == 69
    assert run("--config", str(config), "db", "check").returncode == 0
    assert "all" in run("--config", str(config), "doctor", "--json").stdout
    program = f"import runpy, sys; sys.argv = ['x', '--version']\ntry: runpy.run_path({str(start)!r})\nfinally: "
    program += "import phonenumbers, hotlined; print(hotlined.__file__, phonenumbers.__file__)"
    words = [sys.executable, "-I", "-c", program]
    done = subprocess.run(words, text=True, capture_output=True, check=False, cwd="/")
    assert (
        done.stdout.splitlines()[-1] == f"{tree}/{SHARE}/hotlined/__init__.py {tree}/{SHARE}/phonenumbers/__init__.py"
    )
