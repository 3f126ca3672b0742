"""`hotlined-setup restore` as root, in folders of its own: questions, written files, kept files.

Each run is in a mount namespace that has the test's folders as /etc, /run, /var/lib and /var/backups. It has no
systemd, as where an image is made; the program becomes the line's user all the same. The unit is tried in
`scripts/lab`.
"""

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import extent
import pytest
from filled import Filled
from needs import needs_allowance, needs_root
from test_docs import ROOT
from test_sealing import IDENTITY, UNUSABLE, contents, forged, hostile, member, needs_age

from hotlined.sealing import archive

SETUP = ROOT / "debian/hotlined-setup"
FOLDERS = ("/etc", "/run", "/var/lib", "/var/backups")
NUMBER = 987  # a user of the system
# the program at its place in a package, and a kill at the n-th new name
DRIVER = """\
import importlib.machinery, importlib.util, os, signal, sys
loader = importlib.machinery.SourceFileLoader("setup", sys.argv[1])
setup = importlib.util.module_from_spec(importlib.util.spec_from_loader("setup", loader))
sys.dont_write_bytecode = True
loader.exec_module(setup)
setup.PROGRAM = sys.argv[2]
left = int(sys.argv[3])
def die_in_time(event, arguments):
    global left
    if event in ("os.rename", "os.link") and str(arguments[0]).startswith("/etc/hotlined"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die_in_time)
sys.argv[1:] = sys.argv[4:]
sys.exit(setup.main())
"""


def unshared() -> bool:
    """Tell whether root may have its own mounts on this machine."""
    return subprocess.run(("unshare", "--mount", "true"), capture_output=True, check=False).returncode == 0


pytestmark = [needs_root, needs_age, needs_allowance(os.getuid() != 0 or unshared(), "nobody may mount")]


class Machine:
    """A machine with a line `main` that was just installed, and a backup of another card."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)  # it is /srv inside the namespace, so no folder above it is closed
        for name in FOLDERS:
            (folder / "root" / name.strip("/")).mkdir(parents=True)
        root = folder / "root"
        self.etc, self.data = root / "etc/hotlined", root / "var/lib/hotlined-main"
        self.backups = root / "var/backups/hotlined"
        for name in ("passwd", "group"):
            known = Path("/etc", name).read_text()
            added = {"passwd": "hotlined-main:x:{0}:{0}::/:/usr/sbin/nologin\n", "group": "hotlined-main:x:{0}:\n"}[
                name
            ]
            (root / "etc" / name).write_text(known + added.format(NUMBER))
        for name in ("ld.so.cache", "localtime"):
            shutil.copy(f"/etc/{name}", root / "etc")
        for path in (self.etc, self.data, self.backups):
            path.mkdir()
        os.chown(self.data, NUMBER, NUMBER)
        self.data.chmod(0o2750)
        (self.etc / "main.yaml").write_text("answer:\n  text_file: main.txt\n")
        (self.etc / "main.txt").write_text("")
        program = folder / "hotlined"
        where = ":".join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
        python = Path("/mnt/bin") / Path(sys.executable).resolve().name  # root's own Python may be closed to others
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{where}" exec {python} -m hotlined "$@"\n')
        program.chmod(0o755)
        (folder / "driver.py").write_text(DRIVER)
        (folder / "key").write_text(IDENTITY)

    def command(self, *words: str, step: int = 0) -> list[str]:
        """Return the command that runs hotlined-setup in the namespace."""
        mounts = "".join(f"mount -n --bind {self.folder}/root{each} {each} && " for each in FOLDERS)
        mounts += f"mount -n --bind {self.folder} /srv && mount -n --bind {sys.base_prefix} /mnt"
        script = f'{mounts} && exec "{sys.executable}" -I {self.folder}/driver.py "$@"'
        driven = ("sh", str(SETUP), "/srv/hotlined", str(step), *words)
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, *driven]

    def restore(self, backup: Path, *words: str, step: int = 0) -> "subprocess.CompletedProcess[str]":
        """Restore without a terminal."""
        command = self.command("restore", *words, step=step)
        with backup.open("rb") as file:
            return subprocess.run(
                command, stdin=file, capture_output=True, text=True, start_new_session=True, check=False
            )

    def at_terminal(self, backup: Path, answers: Mapping[str, str], *words: str) -> str:
        """Restore with a person at the terminal who answers the questions; return the output."""
        child, ours = pty.fork()
        if child == 0:
            os.dup2(os.open(backup, os.O_RDONLY), 0)
            command = self.command("restore", *words)
            os.execvp(command[0], command)
        said, left = "", dict(answers)
        while True:
            try:
                said += os.read(ours, 65536).decode()
            except OSError:
                break
            for question, answer in list(left.items()):
                if question in said:
                    os.write(ours, f"{answer}\n".encode())
                    del left[question]
        os.close(ours)
        os.waitpid(child, 0)
        return said

    def files(self) -> dict[str, bytes]:
        """Return all files of the line, and those that a restore could leave in /run."""
        places = (self.etc, self.data, self.backups, self.folder / "root/run")
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for place in places
            for path in place.rglob("*")
            if path.is_file() and path.name != "hotlined.db.lock"
        }

    def last(self) -> int | None:
        """Return the newest contact of the line's database."""
        with closing(sqlite3.connect(f"file:{self.data}/hotlined.db?mode=ro", uri=True)) as db:
            found: int | None = db.execute("SELECT max(id) FROM contacts").fetchone()[0]
            return found


CONFIG = "line: fr\nlanguage: en\nanswer:\n  text_file: main.txt\nmodem:\n  pin: 2580\n"
ALL = {"config.yaml": CONFIG.encode(), "answer.txt": b"Non.\n", "pin": b"2580\n", "urls": b"ntfy://secret-topic\n"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine with a line that has run."""
    return Machine(tmp_path)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Give a backup of a line with two contacts."""
    (tmp_path / "card").mkdir()
    filled = Filled(tmp_path / "card")
    with filled.db:
        filled.judge(filled.text("un"))
        filled.text("deux")
    return of(tmp_path, filled.database.read_bytes(), ALL)


def of(folder: Path, database: bytes, small: Mapping[str, bytes]) -> Path:
    """Seal a backup."""
    about = {"line": "fr", "made_at": "2026-11-01T00:00:00.000Z", "version": "0.1.0", "format": archive.FORMAT}
    contents = {"about.json": json.dumps(about).encode(), **small, archive.DATABASE: database}
    return forged(folder / "fr-000001.age", [member(name, octets) for name, octets in contents.items()])


LATER = "2026-11-02T10:00:00.000Z"


@pytest.fixture
def lived(machine: Machine) -> Machine:
    """Give a machine whose line has received three contacts and blocked a number since the backup."""
    (machine.folder / "lived").mkdir()
    filled = Filled(machine.folder / "lived")
    with filled.db as db:
        for text in ("un", "deux", "trois"):
            filled.text(text)
        db.connection.execute("UPDATE contacts SET received_at = ?", (LATER,))
        db.connection.execute("INSERT INTO numbers VALUES ('+32470555001', ?, 'anna', NULL, 0, NULL)", (LATER,))
        db.connection.execute("INSERT INTO numbers VALUES ('+32470555002', NULL, NULL, ?, 0, NULL)", (LATER,))
    for name, octets in (("hotlined.db", filled.database.read_bytes()), ("keys/hotlined.db.pins", b"o" * 32)):
        (machine.data / name).parent.mkdir(exist_ok=True)
        (machine.data / name).write_bytes(octets)
        for each in (machine.data / name, (machine.data / name).parent):
            os.chown(each, NUMBER, NUMBER)
        (machine.data / name).chmod(0o640)
    (machine.etc / "main.yaml").write_text("answer:\n  text_file: main.txt\n# mine\n")
    return machine


def key(machine: Machine) -> tuple[str, str]:
    """Return the option that names the key."""
    return "--key", str(machine.folder / "key")


def test_take_all_restores_every_file_and_keeps_the_old_ones(lived: Machine, backup: Path) -> None:
    """The last line counts contacts that only the old database has."""
    before = lived.files()
    done = lived.restore(backup, *key(lived), "--take-all")

    assert done.returncode == 0, done.stderr
    assert (lived.etc / "main.yaml").read_text() == CONFIG
    assert (lived.etc / "main.yaml.before").read_bytes() == before["root/etc/hotlined/main.yaml"]
    found = {path.name: path.stat() for path in lived.etc.iterdir()}
    assert {name: (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) for name, stat in found.items()} == {
        "main.yaml": (0o640, 0, NUMBER),
        "main.txt": (0o640, 0, NUMBER),
        "main.pin": (0o600, 0, 0),
        "main.urls": (0o600, 0, 0),
        "main.yaml.before": (0o644, 0, 0),
        "main.txt.before": (0o644, 0, 0),
    }
    assert (lived.etc / "main.urls").read_bytes() == ALL["urls"]
    assert lived.last() == 2
    assert {path.stat().st_uid for path in lived.data.rglob("*")} == {NUMBER}
    assert list((lived.folder / "root/run").glob("hotlined*")) == []
    rows = done.stdout.splitlines()
    assert "hotlined --line main block +32470555001" in rows
    assert "hotlined --line main block +32470555002  # opted out" in rows
    assert re.fullmatch(
        r"Contacts that .* had received since .*: 3\. It is in /var/lib/hotlined-main/before-1, .*", rows[-1]
    )
    for secret in ("2580", "secret-topic", IDENTITY):
        assert secret not in done.stdout + done.stderr


def test_restore_without_a_terminal_takes_only_database_and_keys(lived: Machine, backup: Path) -> None:
    """/etc stays as it is."""
    before = {path.name: path.read_bytes() for path in lived.etc.iterdir()}
    done = lived.restore(backup, *key(lived))

    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in lived.etc.iterdir()} == before
    assert lived.last() == 2


def test_restore_at_a_terminal_asks_for_each_file(lived: Machine, backup: Path) -> None:
    """The question follows the file, shown without its secrets."""
    answers = {
        "Type the key": IDENTITY,
        "\n>": "",
        "Take the configuration": "n",
        "Take the answer": "y",
        "Take the PIN": "",
        "Take the addresses": "yes",
    }
    said = lived.at_terminal(backup, answers)

    assert (lived.etc / "main.yaml").read_text().endswith("# mine\n"), said
    assert (lived.etc / "main.txt").read_bytes() == b"Non.\n"
    assert (lived.etc / "main.urls").read_bytes() == ALL["urls"]
    assert not (lived.etc / "main.pin").exists()
    assert "line: fr instead of main" in said
    assert 'modem.pin: "***" instead of null' in said
    assert "Non." in said
    assert "ntfy://***" in said
    for secret in ("2580", "secret-topic"):
        assert secret not in said


@pytest.mark.parametrize("wrong", ["key", "backup", "config", "name", "link"])
def test_failed_restore_as_root_changes_nothing(lived: Machine, backup: Path, wrong: str) -> None:
    """A wrong key, name or backup leaves no staged file."""
    words = [*key(lived), "--take-all"]
    if wrong == "key":
        said = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        (lived.folder / "key").write_text(said)
    elif wrong == "backup":
        backup = of(lived.folder, b"hello" * 1000, ALL)
    elif wrong == "config":
        backup = forged(backup, [member("about.json", b"{}"), member("config.yaml"), member("hotlined.db")])
    elif wrong == "name":
        words.insert(0, "../x")
    else:
        link = member("config.yaml", type=b"2", linkname="/etc/shadow")
        backup = forged(backup, [member("about.json", b"{}"), link, member("hotlined.db")])
    before = lived.files()
    done = lived.restore(backup, *words)

    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert lived.files() == before


@pytest.mark.parametrize(
    "name", ["traversal", "symlink config", "symlink db", "device", "dup config", "setuid", "sparse"]
)
def test_root_refuses_forged_backups(lived: Machine, backup: Path, name: str) -> None:
    """Anybody with the recipient can forge links, devices, names and modes."""
    made = forged(lived.folder / "made.age", hostile(backup)[name])
    before = lived.files()
    done = lived.restore(made, *key(lived), "--take-all")

    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert lived.files() == before


@pytest.mark.parametrize("name", UNUSABLE)
def test_hostile_configuration_never_comes_into_force(lived: Machine, backup: Path, name: str) -> None:
    """It grows without end, is binary, or names code."""
    made = forged(lived.folder / "made.age", hostile(backup)[name])
    mine = (lived.etc / "main.yaml").read_bytes()
    done = lived.restore(made, *key(lived), "--take-all")

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert (lived.etc / "main.yaml").read_bytes() == mine
    assert lived.last() == 2


def test_unusable_configuration_is_stored_beside_the_lines_own(lived: Machine, backup: Path) -> None:
    """It names another database; no path in it is written to."""
    forged = CONFIG + "database: /etc/sudoers.d/hotlined\n"
    backup = of(lived.folder, contents_of(backup), {**ALL, "config.yaml": forged.encode()})
    done = lived.restore(backup, *key(lived), "--take-all")

    assert done.returncode == 0, done.stderr
    assert "It has the database at /etc/sudoers.d/hotlined" in done.stdout
    assert (lived.etc / "main.yaml").read_text().endswith("# mine\n")
    assert (lived.etc / "main.yaml.unusable").read_text() == forged
    assert not (lived.folder / "root/etc/sudoers.d").exists()
    assert (lived.etc / "main.txt").read_bytes() == b"Non.\n"
    assert lived.last() == 2


def contents_of(backup: Path) -> bytes:
    """Return the database of a backup."""
    return contents(backup)[archive.DATABASE]


def test_restore_repeated_after_a_kill_at_any_file_ends_the_same(lived: Machine, backup: Path) -> None:
    """The configuration is whole after each kill."""
    saved = lived.folder / "saved"
    subprocess.run(("cp", "-a", lived.folder / "root", saved), check=True)
    whole = [*key(lived), "--take-all"]
    ends, cut = set(), 0
    for step in extent.sample(range(1, 20), 2):
        subprocess.run(f"rm -rf {lived.folder}/root && cp -a {saved} {lived.folder}/root", shell=True, check=True)
        done = lived.restore(backup, *whole, step=step)
        cut += done.returncode == -signal.SIGKILL
        there = (lived.etc / "main.yaml").read_bytes()
        assert there == ALL["config.yaml"] or there.endswith(b"# mine\n")
        again = lived.restore(backup, *whole)
        assert again.returncode == 0, again.stderr
        files = {name: octets for name, octets in lived.files().items() if not name.startswith("root/run")}
        ends.add((again.stdout.splitlines()[-1], *sorted(files.items())))
        if done.returncode == 0:
            break

    assert cut
    assert step > 6
    assert len(ends) == 1, [[name for name in end if isinstance(name, tuple)] for end in ends]


def test_restore_before_takes_the_copy_from_before_the_upgrade(lived: Machine, backup: Path) -> None:
    """It is in root's own folder; configuration and keys stay."""
    dpkg = lived.folder / "root/var/lib/dpkg"
    (dpkg / "info").mkdir(parents=True)
    (dpkg / "status").write_text(
        "Package: hotlined\nStatus: install ok installed\nMaintainer: x <x@y>\nArchitecture: all\n"
        "Version: 0.1.0~git5.abc\nDescription: x\n\n"
    )
    missing = lived.restore(backup, "--before")
    assert missing.returncode == 1
    assert "There is no /var/backups/hotlined/main-0.1.0~git5.abc.db" in missing.stderr
    database = lived.folder / "copy.db"
    database.write_bytes(contents_of(backup))
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("UPDATE line_state SET copied_at = '2026-11-01T00:00:00.000Z'")
    (lived.backups / "main-0.1.0~git5.abc.db").write_bytes(database.read_bytes())
    (lived.backups / "main-0.1.0~git5.abc.db").chmod(0o600)
    before = {path.name: path.read_bytes() for path in lived.etc.iterdir()}
    done = lived.restore(backup, "--before")

    assert done.returncode == 0, done.stderr
    assert lived.last() == 2
    assert "hotlined --line main block +32470555001" in done.stdout
    assert ": 3. It is in /var/lib/hotlined-main/before-1, which" in done.stdout.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in lived.etc.iterdir()} == before
    assert (lived.data / "keys/hotlined.db.pins").read_bytes() == b"o" * 32


def test_plain_copy_is_restored_without_a_key(lived: Machine, backup: Path) -> None:
    """Its first bytes identify it; configuration and keys stay."""
    database = lived.folder / "copy.db"
    database.write_bytes(contents_of(backup))
    refused = lived.restore(database)
    assert (refused.returncode, "not a copy of a line's database" in refused.stderr) == (1, True), refused.stderr
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("UPDATE line_state SET copied_at = '2026-11-01T00:00:00.000Z'")
    before = {path.name: path.read_bytes() for path in lived.etc.iterdir()}
    done = lived.restore(database)

    assert (done.returncode, lived.last()) == (0, 2), done.stderr
    assert {path.name: path.read_bytes() for path in lived.etc.iterdir()} == before
    assert (lived.data / "keys/hotlined.db.pins").read_bytes() == b"o" * 32


def test_restore_makes_a_missing_line(machine: Machine, backup: Path) -> None:
    """It does so after a wrong key, too."""
    units = machine.folder / "root/etc/systemd/system"
    units.mkdir(parents=True)
    for name in ("hotlined@.service", "hotlined-control@.service", "hotlined-control@.socket"):
        shutil.copy(ROOT / "systemd" / name, units)
    for path in machine.etc.iterdir():
        path.unlink()
    other = machine.folder / "other"
    other.write_text(subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout)
    assert machine.restore(backup, "--key", str(other), "--take-all").returncode == 1
    done = machine.restore(backup, *key(machine), "--take-all")

    assert done.returncode == 0, done.stderr
    assert (units / "multi-user.target.wants/hotlined@main.service").is_symlink()
    assert (machine.etc / "main.yaml").read_text() == CONFIG
    assert done.stdout.splitlines()[-1] == "There was no database here before."
    assert machine.last() == 2


def test_dry_run_names_the_steps_only(lived: Machine, backup: Path) -> None:
    """It does not read the backup and changes nothing."""
    before = lived.files()
    done = lived.restore(backup, "--dry-run", *key(lived))

    assert (done.returncode, lived.files()) == (0, before), done.stderr
    assert "db unpack (as hotlined-main)" in done.stdout
