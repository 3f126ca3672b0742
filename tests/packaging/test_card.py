"""The zips for a card, and a Pi's boots with them, with the power cut at every step; cloud-init is not tested."""

import hashlib
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import extent
import pytest
import yaml
from needs import needs

ROOT = Path(__file__).parents[2]
TEMPLATE = "answer: {text_file: main.txt}\n"
CONFIG = TEMPLATE + "modem: {pin: '2580'}\n"
ANSWER = "\ufeffHey! Non.\r\nC’est non.\r\n"
COMMANDS = (
    *("cat", "cp", "mv", "rm", "mkdir", "sync", "dd", "stat", "cmp", "chmod", "chgrp", "sha256sum", "setpriv"),
    *("dpkg", "dpkg-query", "systemctl", "hotlined", "hotlined-setup"),
)
READERS = ("find", "sort", "tail", "dirname", "tr", "grep", "sed")  # they change nothing, and several run at once

STUB = """#!/bin/sh
# counts, and cuts the power before the command whose turn it is; whatever it can it does without another program
here() {{
  read -r n <'{here}/count'
  n=$((n + 1))
  echo $n >'{here}/count'
  read -r cut <'{here}/cut'
  [ $n != "$cut" ] || kill -KILL 0
}}
echo "{name} $1 $2" >>'{here}/log'
here
{body}
"""
BODIES = {
    "chgrp": ":",
    "sync": ":",
    "setpriv": 'while case $1 in --*) ;; *) false ;; esac; do shift; done; exec "$@"',
    # a unit starts unless its condition prevents it or its configuration is broken
    "systemctl": """case $1 in
  is-enabled) [ -e '{here}/enabled' ]; exit ;;
  start | restart | reload) ;;
  *) exit 0 ;;
esac
for path in $(/bin/sed -n s/ConditionPathExists=!//p '{here}/drop-ins/hotlined@main.service.d/card.conf'); do
  [ ! -e "$path" ] || exit 0
done
! /bin/grep -q broken '{here}/etc/main.yaml' || exit 1
/bin/cp '{here}/etc/main.yaml' '{here}/started.yaml'
/bin/cp '{here}/etc/main.txt' '{here}/started.txt'""",
    # it runs as the line's user, who does not own the files
    "hotlined": """for file in "$2" "${{2%.yaml}}.txt"; do
  case $(/bin/ls -l "$file") in ????r*) ;; *) echo "$file is denied"; exit 78 ;; esac
  ! /bin/grep -q broken "$file" || {{ printf 'Error: one problem\\n  %s:1: no\\nHint: hotlined\\n' "$file"; exit 78; }}
done""",
    "hotlined-setup": """[ "$1 $2 $3 $5" = "restore main --key --take-all" ] || exit 2
echo '+ hotlined db unpack'
/bin/grep -q KEY "$4" || {{ echo 'The key is mistyped.'; exit 1; }}
/bin/cat >'{here}/backup'
for half in txt yaml; do
  here
  /bin/cp '{here}/backup' "{here}/etc/main.$half"
done
printf 'The configuration of the backup\\npin: 2580\\n3 contacts stay beside it.\\n'""",
    "dpkg-query": 'read -r state <\'{here}/state\'; [ "$state" != none ] && echo "$state"',
    # both halves take long and can be cut off; the second pretends to install any unpacked package, even a broken one
    "dpkg": """configure() {{
  /bin/mkdir -p '{here}/etc'
  : >'{here}/enabled'
  here
  [ -e '{here}/etc/main.txt' ] || : >'{here}/etc/main.txt'
  here
  [ -e '{here}/etc/main.yaml' ] || echo '{template}' >'{here}/etc/main.yaml'
  '{here}/bin/systemctl' start hotlined@main
  echo "installed $version" >'{here}/state'
}}
read -r state version <'{here}/state'
case $1 in
  --print-architecture) echo arm64 ;;
  --compare-versions) [ "$2" -ge "$4" ] ;;
  --install)
    # what it is skipped over for is there after that, and nobody has configured it
    [ "$state" != unpacked ] || {{ : >'{here}/needed'; exit 0; }}
    for file; do
      case $file in */hotlined.deb) read -r version <"$file" ;; esac
    done
    [ "$version" != bad ] || exit 1
    echo "half-installed $version" >'{here}/state'; here
    echo "unpacked $version" >'{here}/state'; here
    : >'{here}/needed'; here
    configure ;;
  --configure)
    [ "$state" = unpacked ] || exit 0
    [ -e '{here}/needed' ] || exit 1
    configure ;;
esac""",
}


class Pi:
    """A boot partition, a system without hotlined, and substitutes of every command that a boot calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.boot = folder, folder / "boot"
        self.config, self.answer = folder / "etc/main.yaml", folder / "etc/main.txt"
        for path in (self.boot / "hotlined", folder / "bin", folder / "run"):
            path.mkdir(parents=True)
        for name in COMMANDS:
            body = BODIES.get(name, f'exec {shutil.which(name)} "$@"').format(here=folder, template=TEMPLATE.strip())
            (folder / "bin" / name).write_text(STUB.format(here=folder, name=name, body=body))
            (folder / "bin" / name).chmod(0o755)
        for name in READERS:
            (folder / "bin" / name).symlink_to(str(shutil.which(name)))
        (folder / "release").write_text("ID=debian\nVERSION_CODENAME=trixie\n")
        (folder / "state").write_text("none\n")
        (folder / "log").write_text("")
        self.wanted, self.written = self.boot / "hotlined.yaml", self.boot / "answer.txt"
        self.unpack("1")
        self.wanted.write_text(CONFIG)
        self.written.write_bytes(ANSWER.encode())

    def unpack(self, version: str) -> None:
        """Unpack a version's zip onto the card: its empty answer and its configuration replace those there."""
        beside = self.boot / "hotlined"
        contents = {"hotlined.deb": f"{version}\n", "main.yaml": TEMPLATE, "python3-yaml.deb": "yaml\n"}
        for name, text in contents.items():
            (beside / name).write_text(text)
        sums = (f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in contents.items())
        (beside / "SHA256SUMS").write_text("".join(sums))
        (beside / "image").write_text(f"debian trixie arm64 {version}\n")
        self.wanted.write_text(TEMPLATE)
        self.written.write_text("")

    def start(self, cut: int = 0) -> int:
        """Run a boot until the power is cut before this command (0: never); return its exit code."""
        (self.folder / "count").write_text("0\n")
        (self.folder / "cut").write_text(f"{cut}\n")
        (self.folder / "log").write_text("")
        return subprocess.run(
            ["/bin/sh", ROOT / "card/first-boot"],
            capture_output=True,
            check=False,
            start_new_session=True,
            env={
                "PATH": f"{self.folder}/bin",
                "HOTLINED_BOOT": str(self.boot),
                "HOTLINED_CONFIGS": str(self.folder / "etc"),
                "HOTLINED_RELEASE": str(self.folder / "release"),
                "HOTLINED_DROP_INS": str(self.folder / "drop-ins"),
                "HOTLINED_CANDIDATE": str(self.folder / "run/candidate"),
            },
        ).returncode

    def boots(self) -> None:
        """Let systemd start the line, as at each boot once it is enabled."""
        (self.folder / "cut").write_text("0\n")
        if (self.folder / "enabled").exists() and self.config.exists():
            subprocess.run(["/bin/sh", self.folder / "bin/systemctl", "start", "hotlined@main"], check=False)

    @property
    def count(self) -> int:
        """Return the number of steps of the last run."""
        return int((self.folder / "count").read_text())

    @property
    def steps(self) -> list[str]:
        """Return the commands of the last run."""
        return (self.folder / "log").read_text().splitlines()

    @property
    def said(self) -> str:
        """Return the text for people on the card."""
        path = self.boot / "hotlined.txt"
        return path.read_text() if path.exists() else ""

    @property
    def served(self) -> tuple[str, str] | None:
        """Return configuration and answer at the line's last start; None if it never started."""
        paths = [self.folder / f"started.{end}" for end in ("yaml", "txt")]
        return (paths[0].read_text(), paths[1].read_bytes().decode()) if paths[0].exists() else None

    @property
    def version(self) -> str:
        """Return the version that is completely installed."""
        return (self.folder / "state").read_text().strip()

    def secrets(self, word: str = "2580") -> list[str]:
        """Return the files with secrets on the boot partition."""
        return [path.name for path in self.boot.rglob("*") if path.is_file() and word in path.read_text()]


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    """Give a Pi before its first boot."""
    return Pi(tmp_path)


THROUGH = """\
hotlined 1 is installed.
The configuration is on the Pi: /etc/hotlined/main.yaml
answer.txt was taken.
The line runs. Text its number.
"""


def test_the_first_boot_leaves_no_secret_on_the_boot_partition(pi: Pi) -> None:
    """Package, configuration and answer are placed before the PIN is removed."""
    assert pi.start() == 0
    assert pi.version == "installed 1"
    assert pi.served == (CONFIG, ANSWER)
    assert [path.stat().st_mode & 0o777 for path in (pi.config, pi.answer)] == [0o640, 0o640]
    assert (pi.folder / "etc/card-answer.txt").stat().st_mode & 0o777 == 0o600
    assert pi.secrets() == []
    assert not pi.wanted.exists()
    assert pi.written.read_bytes().decode() == ANSWER
    assert pi.said == THROUGH
    names = [step.split()[0] for step in pi.steps]
    placed, overwritten = pi.steps.index(f"mv {pi.config}.new {pi.config}"), names.index("dd")
    assert "sync" in names[placed:overwritten]
    assert pi.steps.index(f"rm -f {pi.boot}/hotlined/gone", overwritten) > overwritten
    assert "sync" in names[overwritten:]
    assert not list((pi.folder / "run").iterdir())


def test_a_second_boot_changes_nothing(pi: Pi) -> None:
    """Changes on the Pi stay, and the card is not written."""
    pi.start()
    pi.config.write_text(CONFIG + "# mine\n")
    pi.answer.write_text("Mine.\n")
    before = (pi.boot / "hotlined.txt").stat().st_ino

    assert pi.start() == 0
    assert {step.split()[0] for step in pi.steps} == {"cat", "cmp", "dpkg", "dpkg-query", "rm", "sync", "systemctl"}
    assert not [step for step in pi.steps if "--install" in step or "reload" in step]
    assert (pi.config.read_text(), pi.answer.read_text()) == (CONFIG + "# mine\n", "Mine.\n")
    assert pi.said == THROUGH
    assert (pi.boot / "hotlined.txt").stat().st_ino == before


@pytest.mark.timeout(1200)  # it boots some sixty times
def test_a_power_cut_at_any_step_loses_nothing(tmp_path: Path) -> None:
    """The next boot completes the installation, even within dpkg."""
    whole = Pi(tmp_path / "whole")
    whole.start()

    assert whole.count > 40
    for cut in extent.sample(range(1, whole.count + 1), 3):
        pi = Pi(tmp_path / str(cut))
        assert pi.start(cut) < 0
        assert CONFIG in [path.read_text() for path in (pi.wanted, pi.config) if path.exists()], cut
        pi.boots()
        assert pi.served in (None, (TEMPLATE, ""), (CONFIG, ""), (CONFIG, ANSWER)), cut
        assert pi.start() == 0, (cut, pi.said)
        assert (pi.version, pi.served) == ("installed 1", (CONFIG, ANSWER)), cut
        assert (pi.secrets(), pi.wanted.exists(), (pi.boot / "hotlined/gone").exists()) == ([], False, False), cut
        assert pi.said == THROUGH, cut


def test_a_line_without_an_answer_runs_and_the_card_says_so(pi: Pi) -> None:
    """The empty files of the zip do not count as a person's."""
    pi.unpack("1")

    assert pi.start() == 0
    assert pi.served == (TEMPLATE, "")
    assert pi.wanted.read_text() == TEMPLATE
    assert "The answer is missing: write it into answer.txt." in pi.said
    assert 'add this line at the end of it, with yours:\nmodem: {pin: "1234"}\n' in pi.said
    assert pi.said.endswith("The line runs.\n")


# ---- the answer, at every boot


def test_a_changed_answer_on_the_card_is_taken_at_the_next_boot(pi: Pi) -> None:
    """Edits on the Pi are replaced."""
    pi.start()
    pi.answer.write_text("Mine.\n")
    pi.written.write_text("Oui.\n")

    assert pi.start() == 0
    assert pi.served == (CONFIG, "Oui.\n")
    assert "systemctl reload hotlined@main" in pi.steps
    pi.written.write_bytes(ANSWER.encode())
    assert pi.start() == 0
    assert pi.served == (CONFIG, ANSWER)


def test_a_power_cut_at_any_step_leaves_one_answer_whole(tmp_path: Path) -> None:
    """The old or new answer stays; the next boot has the new."""
    whole = Pi(tmp_path / "whole")
    whole.start()
    whole.written.write_text("Oui.\n")
    whole.start()

    for cut in extent.sample(range(1, whole.count + 1), 3):
        pi = Pi(tmp_path / str(cut))
        pi.start()
        pi.written.write_text("Oui.\n")
        assert pi.start(cut) < 0
        pi.boots()
        assert pi.served in ((CONFIG, ANSWER), (CONFIG, "Oui.\n")), cut
        assert pi.start() == 0, cut
        assert pi.served == (CONFIG, "Oui.\n"), cut


@pytest.mark.parametrize("blank", [b"", b" \r\n\t\n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_answer_on_the_card_is_ignored(pi: Pi, blank: bytes) -> None:
    """Each zip brings one; a removed answer changes nothing, either."""
    pi.start()
    pi.written.write_bytes(blank)
    assert pi.start() == 0
    assert pi.served == (CONFIG, ANSWER)

    pi.written.unlink()
    assert pi.start() == 0
    assert pi.served == (CONFIG, ANSWER)


def test_an_unusable_answer_is_not_taken(pi: Pi) -> None:
    """The old one stays; the card names mistake and file."""
    pi.start()
    pi.written.write_text("broken\n")

    assert pi.start() == 0
    assert "answer.txt was not taken. Error: one problem\n  answer.txt:1: no\nThe line runs." in pi.said
    assert pi.served == (CONFIG, ANSWER)
    assert pi.answer.read_bytes().decode() == ANSWER
    assert not list((pi.folder / "run").iterdir())


# ---- the configuration, once


def test_an_unusable_configuration_stays_to_be_corrected(pi: Pi) -> None:
    """The reason is beside it; the next boot takes a corrected one."""
    pi.wanted.write_text("broken")
    assert pi.start() == 0
    assert "hotlined.yaml was not taken. Error: one problem\n  hotlined.yaml:1: no\nanswer.txt was taken.\n" in pi.said
    assert pi.wanted.read_text() == "broken"
    assert pi.served == (TEMPLATE, ANSWER)

    pi.wanted.write_text(CONFIG)
    assert pi.start() == 0
    assert pi.served == (CONFIG, ANSWER)
    assert not pi.wanted.exists()


def test_a_later_configuration_does_not_replace_the_one_in_force(pi: Pi) -> None:
    """The card says so, and keeps the file."""
    pi.start()
    pi.wanted.write_text("answer: {text: Oui}\n")

    assert pi.start() == 0
    assert "the line has a configuration already" in pi.said
    assert pi.config.read_text() == CONFIG
    assert pi.wanted.exists()


def test_an_empty_configuration_is_removed_like_any_other(pi: Pi) -> None:
    """An empty configuration is removed without being overwritten."""
    pi.wanted.write_text("")

    assert pi.start() == 0
    assert (pi.config.read_text(), pi.wanted.exists()) == ("", False)


# ---- the package


def test_a_newer_zip_upgrades_the_line_and_keeps_its_files(pi: Pi) -> None:
    """The empty files of the zip change nothing."""
    pi.start()
    pi.unpack("2")

    assert pi.start() == 0
    assert (pi.version, pi.served) == ("installed 2", (CONFIG, ANSWER))
    assert pi.said.startswith("hotlined 2 is installed.\n")
    pi.unpack("1")
    assert pi.start() == 0
    assert pi.version == "installed 2"
    assert not [step for step in pi.steps if "--install" in step]


def test_a_power_cut_during_an_upgrade_is_repaired(tmp_path: Path) -> None:
    """The next boot has the newer package and the same line."""
    whole = Pi(tmp_path / "whole")
    whole.start()
    whole.unpack("2")
    whole.start()

    for cut in extent.sample(range(1, whole.count + 1), 3):
        pi = Pi(tmp_path / str(cut))
        pi.start()
        pi.unpack("2")
        assert pi.start(cut) < 0
        assert pi.start() == 0, cut
        assert (pi.version, pi.served) == ("installed 2", (CONFIG, ANSWER)), cut


def another_system(pi: Pi) -> None:
    """Replace the Pi's system."""
    (pi.folder / "release").write_text("ID=raspbian\nVERSION_CODENAME=trixie\n")


def damaged(pi: Pi) -> None:
    """Damage a package."""
    (pi.boot / "hotlined/python3-yaml.deb").write_text("yam")


def refused(pi: Pi) -> None:
    """Make dpkg refuse a package."""
    pi.unpack("bad")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(another_system, "it is for debian trixie arm64"), (damaged, "is damaged"), (refused, "dpkg failed")],
)
def test_a_failed_installation_is_shown_on_the_card(pi: Pi, spoil: Callable[[Pi], None], words: str) -> None:
    """The card has the reason, and the line is not started."""
    spoil(pi)

    assert pi.start() == 1
    assert words in pi.said
    assert (pi.version, pi.served) == ("none", None)


def test_a_failed_upgrade_leaves_the_old_line(pi: Pi) -> None:
    """The older package goes on and takes a new answer."""
    pi.start()
    pi.unpack("2")
    damaged(pi)
    pi.written.write_text("Oui.\n")

    assert pi.start() == 0
    assert "hotlined 2 was not installed" in pi.said
    assert "hotlined 1 is installed." in pi.said
    assert pi.served == (CONFIG, "Oui.\n")


# ---- odd conditions


@pytest.mark.parametrize("name", ["answer.txt", "hotlined.yaml", "hotlined.key"])
def test_a_name_that_windows_made_longer_is_reported(pi: Pi, name: str) -> None:
    """Windows hides a second .txt; the card gives the right name."""
    (pi.boot / f"{name}.txt").write_text("2580")
    pi.start()

    assert f"{name}.txt is not read: call it {name}." in pi.said


def test_a_line_that_is_switched_off_stays_off(pi: Pi) -> None:
    """A boot does not start a line that a person has disabled."""
    pi.start()
    (pi.folder / "enabled").unlink()
    (pi.folder / "started.yaml").unlink()

    assert pi.start() == 0
    assert "sudo systemctl enable --now hotlined@main" in pi.said
    assert pi.served is None


def test_a_line_that_does_not_start_is_reported(pi: Pi) -> None:
    """The card names the command on the Pi that shows the reason."""
    pi.start()
    pi.config.write_text("broken")

    assert pi.start() == 1
    assert "The line does not start. Its reason: journalctl -u hotlined@main" in pi.said


def test_a_pi_without_the_first_line_gets_none(pi: Pi) -> None:
    """The card changes none of the other lines."""
    pi.start()
    pi.config.rename(pi.config.with_name("nl.yaml"))

    assert pi.start() == 1
    assert "There is no line main on this Pi" in pi.said


# ---- a card that begins from a backup


KEY = "AGE-SECRET-KEY-1 2580\n"
BACKUP = "from the backup\n"


def with_backup(pi: Pi) -> Pi:
    """Put sealed backups and their key onto a card with no other files of a person."""
    pi.unpack("1")
    for number, text in ((1, "older"), (12, BACKUP)):
        (pi.boot / f"fr-{number:06}-20261126T220000Z.age").write_text(text)
    (pi.boot / "._fr-000099-20261126T220000Z.age").write_text("of another computer")
    (pi.boot / "hotlined.key").write_text(KEY)
    return pi


def test_the_first_boot_restores_a_backup_and_removes_its_key(pi: Pi) -> None:
    """The newest backup comes before the line's start.

    Its key is overwritten and removed, and backups go on.
    """
    with_backup(pi)
    assert pi.start() == 0
    assert (pi.version, pi.served) == ("installed 1", (BACKUP, BACKUP))
    assert pi.secrets("KEY") == pi.secrets() == []
    assert "dd if=/dev/zero of=" + str(pi.boot / "hotlined/gone") in pi.steps
    assert "Restored from fr-000012-20261126T220000Z.age. 3 contacts stay beside it.\n" in pi.said
    assert "systemctl enable --quiet" in pi.steps
    said = pi.said
    assert pi.start() == 0
    assert not [step for step in pi.steps if step.startswith(("hotlined-setup", "mv"))]
    assert pi.said == said


def test_a_power_cut_at_any_step_starts_no_empty_line(tmp_path: Path) -> None:
    """The next boot restores the backup, even amid a restore."""
    whole = with_backup(Pi(tmp_path / "whole"))
    whole.start()

    assert whole.count > 40
    for cut in extent.sample(range(1, whole.count + 1), 3):
        pi = with_backup(Pi(tmp_path / str(cut)))
        assert pi.start(cut) < 0
        pi.boots()
        assert pi.served in (None, (BACKUP, BACKUP)), cut
        assert pi.served or (pi.boot / "hotlined.key").exists() or (pi.boot / "hotlined/gone").exists(), cut
        assert pi.start() == 0, (cut, pi.said)
        assert (pi.version, pi.served) == ("installed 1", (BACKUP, BACKUP)), cut
        assert not [path.name for path in pi.boot.rglob("*") if path.name in ("hotlined.key", "gone")], cut
        assert "Restored from fr-000012" in pi.said, cut


def test_a_mistyped_key_starts_nothing(pi: Pi) -> None:
    """The key stays to be corrected, with the reason.

    Without it the line starts without the backup.
    """
    with_backup(pi)
    (pi.boot / "hotlined.key").write_text("AGE-SECRET-KYE")
    assert pi.start() == 1
    assert "The line waits for its backup, fr-000012-20261126T220000Z.age" in pi.said
    assert "was not restored:\nThe key is mistyped.\n" in pi.said
    pi.boots()
    assert pi.served is None

    (pi.boot / "hotlined.key").unlink()
    assert pi.start() == 0
    assert pi.served == (TEMPLATE, "")


def test_a_key_without_a_backup_starts_nothing(pi: Pi) -> None:
    """The person expects a backup."""
    with_backup(pi)
    for path in pi.boot.glob("fr*.age"):
        path.unlink()

    assert pi.start() == 1
    assert "there is a hotlined.key, and no backup beside it" in pi.said
    pi.boots()
    assert pi.served is None


def test_a_key_whose_name_windows_made_longer_starts_nothing(pi: Pi) -> None:
    """A second .txt has to be removed first."""
    with_backup(pi)
    (pi.boot / "hotlined.key").rename(pi.boot / "hotlined.key.txt")

    assert pi.start() == 1
    assert "hotlined.key.txt is not read: call it hotlined.key." in pi.said
    pi.boots()
    assert pi.served is None
    (pi.boot / "hotlined.key.txt").rename(pi.boot / "hotlined.key")
    assert pi.start() == 0
    assert pi.served == (BACKUP, BACKUP)


def test_a_key_that_comes_later_holds_the_line_back_too(pi: Pi) -> None:
    """Even an existing line waits for its restored backup."""
    pi.start()
    before = pi.served
    (pi.folder / "started.yaml").unlink()
    for name in ("hotlined.key", "fr-000012-20261126T220000Z.age"):
        (pi.boot / name).write_text(KEY if name == "hotlined.key" else BACKUP)
    pi.boots()

    assert before == (CONFIG, ANSWER)
    assert pi.served is None
    assert pi.start() == 0
    assert pi.served == (BACKUP, BACKUP)


# ---- scripts/card

needs_dpkg = needs("dpkg-deb")
CARD = "debian trixie arm64 http://archive.example/debian debian-archive-keyring"
CONTROL = "Version: 7\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x"
# an archive with two packages of every image, and two that only our package needs
APT = """#!/bin/sh
case $* in
  *" update")
    for word; do case $word in Dir=*) cp "${{word#Dir=}}/etc/apt/sources.list" '{here}'.sources ;; esac; done ;;
  *--print-uris*)
    echo "$*" >>'{here}'.asked
    names='python3 libc6'
    case $* in *hotlined_7*) names="$names python3-yaml libusb-1.0-0" ;; esac
    for name in $names; do echo "'http://archive.example/$name' ${{name}}_2%3a1_arm64.deb 10 SHA256:0"; done
    case $* in *hotlined_7*) echo "'file:/hotlined.deb' hotlined_7_all.deb 10 SHA256:0" ;; esac ;;
  *download*)
    while [ "$1" != download ]; do shift; done
    shift
    for name; do
      mkdir -p '{here}'/$name/DEBIAN
      printf 'Package: %s\\n{control}\\n' $name >'{here}'/$name/DEBIAN/control
      dpkg-deb --build '{here}'/$name ${{name}}_2%3a1_arm64.deb >/dev/null
    done ;;
esac
"""

Card = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Give scripts/card with a package and an archive; its output goes into the folder out."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(APT.format(here=tmp_path / "archive", control=CONTROL.replace("\n", "\\n")))
    (tmp_path / "bin/apt-get").chmod(0o755)
    (tmp_path / "tree/usr/sbin").mkdir(parents=True)
    (tmp_path / "tree/DEBIAN").mkdir()
    shutil.copy(ROOT / "debian/hotlined-setup", tmp_path / "tree/usr/sbin")
    (tmp_path / "tree/DEBIAN/control").write_text(f"Package: hotlined\n{CONTROL}\n")
    subprocess.run(
        ["dpkg-deb", "--build", tmp_path / "tree", tmp_path / "hotlined_7_all.deb"],
        check=True,
        stdout=subprocess.DEVNULL,
    )

    def run(*words: str, card: str = CARD) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "scripts/card", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOTLINED_CARD": card},
        )

    return run


@needs_dpkg
def test_a_zip_has_what_a_card_needs(card: Card, tmp_path: Path) -> None:
    """Packages that an image lacks are there, named without versions.

    It also has an empty answer and the template.
    """
    done = card("--package", "hotlined_7_all.deb", "out")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/out/hotlined-card-64-trixie.zip\n"), done.stderr
    with zipfile.ZipFile(tmp_path / "out/hotlined-card-64-trixie.zip") as zipped:
        zipped.extractall(tmp_path / "boot")
    boot = tmp_path / "boot"

    assert {path.name for path in boot.iterdir()} == {
        "vendor-data",
        "answer.txt",
        "hotlined.yaml",
        "hotlined.txt",
        "hotlined",
    }
    assert {path.name for path in (boot / "hotlined").iterdir()} == {
        *("hotlined.deb", "libusb-1.0-0.deb", "python3-yaml.deb", "SHA256SUMS", "first-boot", "image", "main.yaml"),
    }
    assert (boot / "answer.txt").read_bytes() == b""
    assert (boot / "hotlined.yaml").read_bytes() == (boot / "hotlined/main.yaml").read_bytes()
    assert yaml.safe_load((boot / "hotlined.yaml").read_text()) == {
        "language": "en",
        "answer": {"text_file": "main.txt"},
        "numbers": {"country": "BE"},
    }
    assert (boot / "hotlined/image").read_text() == "debian trixie arm64 7\n"
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=boot / "hotlined", check=False)
    assert sums.returncode == 0
    assert (boot / "hotlined/SHA256SUMS").read_text().count(".deb\n") == 3


@needs_dpkg
def test_a_zip_takes_security_updates_and_nothing_of_the_image(card: Card, tmp_path: Path) -> None:
    """It leaves out all that every image has, and what this needs; the rest is the newest of suite and repairs."""
    assert card("--package", "hotlined_7_all.deb", "out").returncode == 0
    sources = (tmp_path / "archive.sources").read_text()
    lines = (tmp_path / "archive.asked").read_text().splitlines()
    asked = [set(line.partition(" install ")[2].split()) for line in lines]

    assert re.findall(r"\] (.*)", sources) == [
        "http://archive.example/debian trixie main",
        "http://archive.example/debian-security trixie-security main",
    ]
    base = min(asked, key=len)
    assert base > {"base-files", "dbus", "init-system-helpers", "mawk", "python3", "systemd"}
    assert all(base <= names for names in asked)


@needs_dpkg
def test_the_card_knows_the_configuration_of_the_package(card: Card, tmp_path: Path) -> None:
    """The zip has exactly the configuration that hotlined-setup makes."""
    card("--package", "hotlined_7_all.deb", "out")
    with zipfile.ZipFile(tmp_path / "out/hotlined-card-64-trixie.zip") as zipped:
        template = zipped.read("hotlined/main.yaml").decode()
    source = (ROOT / "debian/hotlined-setup").read_text()
    (made,) = re.findall(r'^_CONFIG = """\\\n(.*?)"""', source, re.MULTILINE | re.DOTALL)

    assert template == made.format(name="main", language="en")


@needs_dpkg
def test_a_missing_key_is_named(card: Card, tmp_path: Path) -> None:
    """The error says what to install, and no zip is made."""
    done = card(
        "--package", "hotlined_7_all.deb", "out", card="debian trixie arm64 http://archive.example no-such-keyring"
    )

    assert (done.returncode, "apt install no-such-keyring" in done.stderr) == (1, True)
    assert not list((tmp_path / "out").iterdir())


@needs_dpkg
def test_an_invalid_package_is_refused(card: Card, tmp_path: Path) -> None:
    """No zip is made of a file that is not a package."""
    for name in ("nothing.deb", "bin/apt-get"):
        assert card("--package", name, "out").returncode == 1
    assert not (tmp_path / "out").exists()


def test_the_boothook_of_the_card_runs_at_each_boot() -> None:
    """A vendor's boothook runs beside any user-data.

    Upgrades stop hotlined*, and its unit has another name.
    """
    first, second, *lines = (ROOT / "card/vendor-data").read_text().splitlines()

    assert (first, second) == ("#cloud-boothook", "#!/bin/sh")
    (unit,) = re.findall(r"--unit=(\S+)", "\n".join(lines))
    assert not unit.startswith("hotlined")
    done = subprocess.run(["/bin/sh", ROOT / "card/vendor-data"], check=False)
    assert done.returncode == 0  # in a removed folder, too


def test_the_documents_name_the_files_on_the_card() -> None:
    """Both READMEs and the installation's first way name them correctly."""
    for name in ("README.md", "README.fr.md", "docs/installation.md"):
        page = (ROOT / name).read_text("utf-8")
        for word in ("hotlined-card-64-trixie.zip", "`answer.txt`", "`hotlined.yaml`", "`hotlined.txt`", "trixie"):
            assert word in page, (name, word)
