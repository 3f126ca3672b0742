"""The Debian package: what is in it, and what must not be. `scripts/lab service --package` installs it."""

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import packaged
import pytest
from packaged import OURS, WHEELS
from test_units import DROP_INS, FILES

ROOT = Path(__file__).parent.parent
OF_DEBIAN = {"pyyaml", "markupsafe"}  # they have a part in C

pytestmark = [
    pytest.mark.skipif(not shutil.which("dh"), reason="needs debhelper"),
    pytest.mark.skipif(not shutil.which("dpkg-buildpackage"), reason="needs dpkg-dev"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def package() -> Path:
    """Give the package, built once for all processes that run tests."""
    return packaged.build()


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with everything that the package puts on a disk."""
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return folder


def field(package: Path, name: str) -> str:
    """Return what the package says of itself."""
    return subprocess.run(
        ["dpkg-deb", "--field", package, name], text=True, capture_output=True, check=True
    ).stdout.strip()


def below(folder: Path) -> dict[str, Path]:
    """Return each file below a folder by its path in there."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def pinned() -> dict[str, str]:
    """Return the versions that the package has to have."""
    lines = (ROOT / "scripts/requirements.txt").read_text().splitlines()
    versions = dict(line.split()[0].split("==") for line in lines if not line.startswith("#"))
    return {name: version for name, version in versions.items() if name not in {*OF_DEBIAN, "setuptools"}}


def test_it_is_for_every_processor_and_touches_nothing_of_an_admin(package: Path, tree: Path) -> None:
    """No compiled part, no environment of one Python, nothing outside of /usr: configurations are written once."""
    files = below(tree)

    assert field(package, "Architecture") == "all"
    assert {name.partition("/")[0] for name in files} == {"usr"}
    assert not [name for name in files if name.startswith("usr/local/")]
    assert not [name for name in files if name.endswith((".so", ".pyc", "pyvenv.cfg", "direct_url.json"))]
    assert not [name for name, path in files.items() if not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
    depends = {each.split()[0] for each in field(package, "Depends").split(", ")}
    assert depends >= {"python3", "python3-yaml", "python3-markupsafe", "usb-modeswitch"}
    # what apt brings along unless told otherwise: sealed backups work without another step
    assert {each.split()[0] for each in field(package, "Recommends").split(", ")} == {"age"}


def test_its_units_are_those_of_the_installer(tree: Path) -> None:
    """Each unit and drop-in is there as in systemd/, with the package's folder in place of the installer's."""
    units = below(tree / "usr/lib/systemd/system")

    assert units.keys() == {*FILES, *DROP_INS}
    for name, path in units.items():
        text = (ROOT / "systemd" / name).read_text()
        assert path.read_text() == text.replace("/opt/hotlined/", "/usr/lib/hotlined/")
        assert "/opt/" not in path.read_text()
    for name in ("power-cycle", "power-key"):
        assert (tree / "usr/lib/hotlined" / name).read_text() == (ROOT / "systemd" / name).read_text()
        assert os.access(tree / "usr/lib/hotlined" / name, os.X_OK)
    assert (tree / "usr/lib/udev/rules.d/70-hotlined.rules").exists()
    assert (tree / "usr/lib/tmpfiles.d/hotlined.conf").exists()


def test_what_sets_a_line_up_is_what_the_installer_does(tree: Path) -> None:
    """The steps and what they read are the installer's, at the places where they look for it."""
    setup = tree / "usr/lib/hotlined/setup"
    read = set(
        re.findall(r"<?\(?[\s(](systemd/[\w.-]+|scripts/[\w-]+|config\.yaml)\b", (ROOT / "scripts/lines").read_text())
    )

    assert read >= {"systemd/sysusers-line.conf", "systemd/tmpfiles-line.conf", "config.yaml"}
    for name in {*read, "scripts/lines"} - {"scripts/install"}:
        assert (setup / name).read_text() == (ROOT / name).read_text()
    (name,) = (setup / "unpacked").read_text().splitlines()
    assert re.fullmatch(r"\d+\.\d+\.\d+-\d+", name)


def test_its_packages_are_those_that_are_pinned(tree: Path) -> None:
    """Every package is there at its version, and each of its files as its publisher made it."""
    library = tree / "usr/lib/hotlined/unpacked/lib"
    found = {}
    for folder in library.glob("*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        found[name.lower().replace("_", "-")] = version
        with (folder / "RECORD").open(newline="") as record:
            for path, said, _ in csv.reader(record):
                kind, _, wanted = said.partition("=")
                if kind == "sha256" and (library / path).exists():
                    digest = base64.urlsafe_b64encode(hashlib.sha256((library / path).read_bytes()).digest())
                    assert digest.decode().rstrip("=") == wanted, path
                # another place or day would make another package
                assert not path.endswith(("direct_url.json", "REQUESTED", ".pyc")), path

    assert {name: version for name, version in found.items() if name != "hotlined"} == pinned()
    ours = {name for name in below(ROOT / "hotlined") if name.endswith((".py", ".html", ".css", ".js", ".mo"))}
    assert ours - below(library / "hotlined").keys() == set()


def project_without_environment(folder: Path) -> Path:
    """Copy the checkout to where a test may change it, with the environment that there is."""
    project = folder / "project"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".coverage*", ".hypothesis", "build", "dist", "tests", "__pycache__"
    )
    shutil.copytree(ROOT, project, ignore=ignored)
    (project / "scripts/environment").write_text("")
    (project / ".venv").symlink_to(ROOT / ".venv")
    return project


@pytest.mark.skipif(not (ROOT / ".venv/bin/pip").exists(), reason="needs the environment of scripts/test")
def test_a_file_of_another_hash_is_not_taken(package: Path, tmp_path: Path) -> None:
    """Where a hash is another than the list's nothing is built."""
    del package  # its wheels are there then
    wheels = tmp_path / "wheels"
    shutil.copytree(WHEELS, wheels, copy_function=os.symlink)  # pip takes away the one that it refuses
    project = project_without_environment(tmp_path)
    requirements = project / "scripts/requirements.txt"
    text, count = re.subn(
        r"^(click==\S+ --hash=sha256:)\w{64}", rf"\g<1>{'0' * 64}", requirements.read_text(), flags=re.MULTILINE
    )
    assert count == 1
    requirements.write_text(text)
    words = [project / "scripts/deb", "--wheels", wheels, tmp_path / "out"]
    done = subprocess.run(words, text=True, capture_output=True, check=False)

    assert done.returncode != 0
    assert "HASH" in done.stderr.upper() or "No matching distribution" in done.stderr
    assert not list(tmp_path.rglob("*.deb"))


def test_the_licence_of_every_file_is_told(tree: Path) -> None:
    """Each file of a vendored package is named in debian/copyright, with whose it is and the text of its licence."""
    text = (tree / "usr/share/doc/hotlined/copyright").read_text()
    paragraphs = [dict(re.findall(r"^([\w-]+): ?(.*(?:\n .*)*)", each, re.MULTILINE)) for each in text.split("\n\n")]
    files = [each for each in paragraphs if "Files" in each]
    named = {each["License"].partition("\n")[0] for each in files}
    given = {each["License"].partition("\n")[0] for each in paragraphs if "\n" in each.get("License", "")}

    assert len(files) == len(pinned()) + 1
    assert all(each["Copyright"].strip() for each in files)
    assert named <= given
    patterns = [pattern for each in files for pattern in each["Files"].split() if pattern != "*"]
    library = tree / "usr/lib/hotlined/unpacked/lib"
    for name in below(library):
        path = f"usr/lib/hotlined/unpacked/lib/{name}"
        if not name.startswith(OURS):
            assert any(fnmatchcase(path, pattern) for pattern in patterns), path


@pytest.mark.parametrize(
    ("said", "written", "told"),
    [
        ("License-Expression: MIT", "Permission is hereby granted, free of charge", True),
        ("License-Expression: MIT", "Redistribution and use in source and binary forms", False),
        ("License: Mine", "All rights reserved", False),
        ("License-Expression: MIT", "", False),
        ("License: BSD", "", True),
    ],
)
def test_a_package_of_no_known_licence_is_not_handed_on(said: str, written: str, told: bool, tmp_path: Path) -> None:
    """What a package says of its licence is on the list, and is what the text beside it says."""
    folder = tmp_path / "thing-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: 1\n{said}\n")
    (folder / "RECORD").write_text("thing.py,sha256=x,1\n")
    if written:
        (folder / "LICENSE").write_text(f"Copyright (c) 2020 Somebody\n\n{written}\n")
    words = [sys.executable, ROOT / "scripts/licences.py", tmp_path]
    done = subprocess.run(words, text=True, capture_output=True, check=False)

    assert (done.returncode == 0) == told
    assert ("thing" in done.stderr) != told
    assert ("Files: */unpacked/lib/thing.py" in done.stdout) == told


def test_its_changelog_is_ours(package: Path, tree: Path) -> None:
    """The version is the program's, and what changed is what CHANGELOG says."""
    changelog = tree / "usr/share/doc/hotlined/changelog.gz"
    words = ["dpkg-parsechangelog", "--file", changelog, "--show-field"]
    version, changes = (
        subprocess.run([*words, name], text=True, capture_output=True, check=True).stdout
        for name in ("Version", "Changes")
    )

    assert version.strip() == field(package, "Version")
    assert f'"{version.strip()}"' in (ROOT / "hotlined/__init__.py").read_text()
    assert "  * It records every text" in changes


@pytest.mark.skipif(not shutil.which("lintian"), reason="needs lintian")
def test_lintian_finds_no_error(package: Path) -> None:
    """Debian's own checks of a package find no error in it."""
    assert packaged.linted(package) == ""


@pytest.mark.skipif(
    subprocess.run(["/usr/bin/python3", "-c", "import markupsafe, yaml"], capture_output=True, check=False).returncode
    != 0,
    reason="needs python3-yaml and python3-markupsafe",
)
def test_it_runs_with_the_python_of_debian(tree: Path, tmp_path: Path) -> None:
    """The command is called hotlined, and the programs that it starts find what it finds: a database is made by one."""
    current = tree / "usr/lib/hotlined/current"
    if not current.exists():
        current.symlink_to("unpacked")
    config = tmp_path / "main.yaml"
    config.write_text(f"answer: {{text: x}}\ndatabase: {tmp_path}/x.db\nmodem: {{port: {tmp_path}/none}}\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # compiled once, and beside the tree
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"), "LC_ALL": "C.UTF-8"}
        command = [tree / "usr/bin/hotlined", *words]
        return subprocess.run(command, text=True, capture_output=True, check=False, env=environment, cwd="/")

    assert run("--help").stdout.startswith("Usage: hotlined [OPTIONS]")
    assert "Try 'hotlined log --help'" in run("log", "--nothing").stderr
    assert run("--config", str(config), "run", "--once").returncode == 69
    assert run("--config", str(config), "db", "check").returncode == 0
    assert "all" in run("--config", str(config), "doctor", "--json").stdout
    assert (tmp_path / "x.db").exists()
