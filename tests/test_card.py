"""The card: what scripts/card writes, and what its first boot does, cut off at every step. No cloud-init is met."""

import hashlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CONFIG = "answer: {text: Non}\nmodem: {pin: '2580'}\n"
COMMANDS = (
    *("cat", "cp", "mv", "rm", "mkdir", "sync", "dd", "stat", "cmp", "chmod", "chgrp", "grep", "sha256sum"),
    *("dpkg", "dpkg-query", "systemctl", "hotlined"),
)
READERS = ("find", "sort", "tail", "dirname")  # they change nothing, and three of them run at once

STUB = """#!/bin/sh
# counts, and cuts the power before the command whose turn it is; whatever it can it does without another program
here() {{
  read -r n <'{here}/count'
  n=$((n + 1))
  echo $n >'{here}/count'
  read -r cut <'{here}/cut'
  [ $n != "$cut" ] || kill -KILL 0
}}
echo "{name} $1" >>'{here}/log'
here
{body}
"""
BODIES = {
    "chgrp": ":",
    "sync": ":",
    # a unit starts where what it waits for is there, and with a configuration that can be used
    "systemctl": """[ "$1" = start ] || exit 0
drop_in='{here}/drop-ins/hotlined.service.d/card.conf'
[ ! -e "$drop_in" ] || [ -e "$(/bin/sed -n s/ConditionPathExists=//p "$drop_in")" ] || exit 0
/bin/cp '{here}/etc/config.yaml' '{here}/started'
! /bin/grep -q broken '{here}/started'""",
    "hotlined": """case $* in
  *restore*)
    /bin/grep -q KEY "${{7}}" || {{ echo 'The key is mistyped.'; exit 2; }}
    for half in 1 2; do
      here
      [ $half = 1 ] || /bin/cp "$5" '{here}/etc/config.yaml'
    done
    echo 'Line fr is restored.'
    ! /bin/grep -q broken "$5" || exit 78 ;;
esac
! /bin/grep -q broken '{here}/etc/config.yaml' || {{ echo 'config.yaml:1: no'; exit 78; }}""",
    "dpkg-query": "read -r state <'{here}/state'; echo $state",
    # each of its halves is long, and may be cut off; what is unpacked it takes for installed, where it should skip such
    "dpkg": """read -r state <'{here}/state'
case $1 in
  --print-architecture) echo arm64 ;;
  --install)
    # what it is skipped over for is there after that, and nobody has configured it
    [ "$state" != unpacked ] || {{ : >'{here}/needed'; exit 0; }}
    echo half-installed >'{here}/state'; here
    echo unpacked >'{here}/state'; here
    : >'{here}/needed'; here
    /bin/mkdir -p '{here}/etc'; [ -e '{here}/etc/config.yaml' ] || echo example >'{here}/etc/config.yaml'
    echo installed >'{here}/state' ;;
  --configure)
    [ "$state" = unpacked ] || exit 0
    [ -e '{here}/needed' ] || exit 1
    /bin/mkdir -p '{here}/etc'; [ -e '{here}/etc/config.yaml' ] || echo example >'{here}/etc/config.yaml'
    echo installed >'{here}/state' ;;
esac""",
}


class Pi:
    """A boot partition, a system without hotlined, and every command that the first boot calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.boot, self.config = folder, folder / "boot", folder / "etc/config.yaml"
        beside = self.boot / "hotlined"
        for path in (beside, folder / "bin"):
            path.mkdir(parents=True)
        for name in COMMANDS:
            body = BODIES.get(name, f'exec {shutil.which(name)} "$@"').format(here=folder)
            (folder / "bin" / name).write_text(STUB.format(here=folder, name=name, body=body))
            (folder / "bin" / name).chmod(0o755)
        for name in READERS:
            (folder / "bin" / name).symlink_to(str(shutil.which(name)))
        (beside / "hotlined_1_all.deb").write_text("package")
        (beside / "SHA256SUMS").write_text(f"{hashlib.sha256(b'package').hexdigest()}  hotlined_1_all.deb\n")
        (beside / "image").write_text("debian trixie arm64\n")
        (folder / "release").write_text("ID=debian\nVERSION_CODENAME=trixie\n")
        (folder / "state").write_text("not-installed\n")
        (folder / "log").write_text("")
        self.wanted = self.boot / "hotlined.yaml"
        self.wanted.write_text(CONFIG)

    def start(self, cut: int = 0) -> int:
        """Run the first boot until the power is cut before a command, 0: never; return its exit code."""
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
            },
        ).returncode

    @property
    def steps(self) -> list[str]:
        """The commands of the last run."""
        return (self.folder / "log").read_text().splitlines()

    @property
    def said(self) -> str:
        """What a person reads on the card."""
        path = self.boot / "hotlined.txt"
        return path.read_text() if path.exists() else ""

    @property
    def served(self) -> str | None:
        """The configuration that the line was last started with, by a boot or by the script; None: it never was."""
        path = self.folder / "started"
        return path.read_text() if path.exists() else None

    def boots(self) -> None:
        """Let systemd start the line, as at each boot once it is installed."""
        (self.folder / "cut").write_text("0\n")
        if (self.folder / "state").read_text() == "installed\n":
            subprocess.run(["/bin/sh", self.folder / "bin/systemctl", "start", "hotlined"], check=False)

    def is_installed(self) -> bool:
        """Tell whether the package is there whole, and the configuration."""
        return (self.folder / "state").read_text() == "installed\n" and self.config.read_text() == CONFIG


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    """Give a Pi before its first boot."""
    return Pi(tmp_path)


def test_the_first_boot_installs_and_leaves_no_secret_on_the_boot_partition(pi: Pi) -> None:
    """Package and configuration are on the card before the latter goes from the boot partition, overwritten."""
    assert pi.start() == 0
    assert pi.is_installed()
    assert pi.config.stat().st_mode & 0o777 == 0o640
    assert not [path for path in pi.boot.rglob("*") if path.is_file() and "2580" in path.read_text()]
    assert pi.said == "Installed. Text its number.\n"
    names = [step.split()[0] for step in pi.steps]
    installed, overwritten = names.index("chmod"), names.index("dd")
    removed = names.index("rm")
    assert "sync" in names[installed:overwritten]
    assert installed < overwritten < removed
    assert "sync" in names[removed:]
    assert names[-4:].count("systemctl") == 1


def test_a_second_boot_changes_nothing(pi: Pi) -> None:
    """Once it is through it calls nothing that changes something, and a configuration that was changed since stays."""
    pi.start()
    pi.config.write_text(CONFIG + "# mine\n")

    assert pi.start() == 0
    assert {step.split()[0] for step in pi.steps} == {"dpkg-query", "grep"}
    assert pi.config.read_text().endswith("# mine\n")


def test_a_power_cut_at_any_step_loses_nothing(tmp_path: Path) -> None:
    """Cut off before any of its commands, or in the middle of dpkg, the next boot finishes it; nothing is lost."""
    whole = Pi(tmp_path / "whole")
    whole.start()
    count = int((whole.folder / "count").read_text())

    assert count > 20
    for cut in range(1, count + 1):
        pi = Pi(tmp_path / str(cut))
        assert pi.start(cut) < 0
        assert pi.is_installed() or (pi.wanted.exists() and pi.wanted.read_text() == CONFIG), cut
        assert pi.start() == 0, (cut, pi.said)
        assert pi.is_installed(), cut
        assert not [path.name for path in pi.boot.rglob("*") if path.name in ("hotlined.yaml", "gone")], cut
        assert pi.said == "Installed. Text its number.\n", cut


def another_system(pi: Pi) -> None:
    """Put another system on the card."""
    (pi.folder / "release").write_text("ID=raspbian\nVERSION_CODENAME=trixie\n")


def damaged(pi: Pi) -> None:
    """Damage a package."""
    (pi.boot / "hotlined/hotlined_1_all.deb").write_text("pack")


def no_configuration(pi: Pi) -> None:
    """Forget the configuration."""
    pi.wanted.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (another_system, "prepared for debian trixie arm64"),
        (damaged, "is damaged"),
        (no_configuration, "there is no hotlined.yaml"),
    ],
)
def test_what_cannot_be_installed_is_said_on_the_card(pi: Pi, spoil: Callable[[Pi], None], words: str) -> None:
    """Nothing is installed, and whoever puts the card into a computer reads why."""
    spoil(pi)

    assert pi.start() == 1
    assert words in pi.said
    assert not [step for step in pi.steps if "--install" in step]


def test_a_configuration_that_cannot_be_used_stays_to_be_put_right(pi: Pi) -> None:
    """It stays on the boot partition with the reason beside it; put right, the next boot takes it."""
    pi.wanted.write_text("broken")
    assert pi.start() == 1
    assert "config.yaml:1: no" in pi.said
    assert pi.wanted.read_text() == "broken"

    pi.wanted.write_text(CONFIG)
    assert pi.start() == 0
    assert pi.is_installed()
    assert not pi.wanted.exists()


def test_another_configuration_does_not_replace_the_one_in_force(pi: Pi) -> None:
    """A hotlined.yaml that comes later is neither taken nor removed, and that is said."""
    pi.start()
    pi.wanted.write_text("answer: {text: Oui}\n")

    assert pi.start() == 0
    assert "has a configuration already" in pi.said
    assert pi.config.read_text() == CONFIG
    assert pi.wanted.exists()


# ---- a card that begins from a backup


KEY = "AGE-SECRET-KEY-1 2580\n"


def from_backup(folder: Path, configuration: str = CONFIG) -> Pi:
    """Give a Pi whose card has a sealed backup, which brings its configuration, and the key that opens it."""
    pi = Pi(folder)
    pi.wanted.unlink()
    for number, text in ((1, "older"), (12, configuration)):
        (pi.boot / f"fr-{number:06}-20261126T220000Z.age").write_text(text)
    (pi.boot / "._fr-000099-20261126T220000Z.age").write_text("of another computer")
    (pi.boot / "hotlined.key").write_text(KEY)
    return pi


def test_the_first_boot_puts_a_backup_back_and_takes_its_key_away(tmp_path: Path) -> None:
    """The newest backup is back before the line starts, the key is overwritten and gone, and backups go on."""
    pi = from_backup(tmp_path)
    assert pi.start() == 0
    assert pi.is_installed()
    assert pi.served == CONFIG
    assert not [path for path in pi.boot.rglob("*") if path.is_file() and "KEY" in path.read_text()]
    assert "dd if=/dev/zero" in pi.steps
    assert pi.said == "Installed. Text its number.\nLine fr is restored.\n"
    assert "systemctl enable" in pi.steps
    assert not [path for path in (tmp_path / "drop-ins").rglob("*") if path.is_file()]
    assert pi.start() == 0
    assert {step.split()[0] for step in pi.steps} == {"dpkg-query", "grep"}


def test_a_power_cut_at_any_step_starts_no_empty_line(tmp_path: Path) -> None:
    """Cut off before any command, in dpkg or in the restore, no boot serves the example; the next one finishes it."""
    whole = from_backup(tmp_path / "whole")
    whole.start()
    count = int((whole.folder / "count").read_text())

    assert count > 30
    for cut in range(1, count + 1):
        pi = from_backup(tmp_path / str(cut))
        assert pi.start(cut) < 0
        pi.boots()
        assert pi.served in (None, CONFIG), cut
        assert pi.is_installed() or (pi.boot / "hotlined.key").read_text() == KEY, cut
        assert pi.start() == 0, (cut, pi.said)
        assert (pi.is_installed(), pi.served) == (True, CONFIG), cut
        assert not [path.name for path in pi.boot.rglob("*") if path.name in ("hotlined.key", "gone")], cut
        assert pi.said.startswith("Installed. Text its number.\n"), cut


def test_a_key_that_is_mistyped_starts_nothing(tmp_path: Path) -> None:
    """It stays to be put right, with the reason; given up for a configuration of one's own, the line is a new one."""
    pi = from_backup(tmp_path)
    (pi.boot / "hotlined.key").write_text("AGE-SECRET-KYE")
    assert pi.start() == 1
    assert "The key is mistyped." in pi.said
    pi.boots()
    assert pi.served is None

    (pi.boot / "hotlined.key").unlink()
    pi.boots()
    assert pi.served is None
    pi.wanted.write_text(CONFIG)
    assert pi.start() == 0
    assert (pi.is_installed(), pi.served) == (True, CONFIG)


def test_a_backup_with_a_broken_configuration_is_put_back(tmp_path: Path) -> None:
    """All is back, the key is gone, and what keeps the line from starting is said; it is not restored again."""
    pi = from_backup(tmp_path, "broken\n")
    assert pi.start() == 1
    assert "the line does not start" in pi.said
    assert "Line fr is restored." in pi.said
    assert not (pi.boot / "hotlined.key").exists()
    pi.config.write_text(CONFIG)
    assert pi.start() == 0
    assert (pi.is_installed(), pi.served) == (True, CONFIG)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda pi: pi.wanted.write_text(CONFIG), "both hotlined.yaml and hotlined.key"),
        (lambda pi: [path.unlink() for path in pi.boot.glob("fr*.age")], "no backup (.age) beside it"),
    ],
)
def test_what_is_not_clear_is_not_guessed(tmp_path: Path, spoil: Callable[[Pi], object], words: str) -> None:
    """A key without a backup, or two configurations: nothing is installed."""
    pi = from_backup(tmp_path)
    spoil(pi)
    assert pi.start() == 1
    assert words in pi.said
    assert not [step for step in pi.steps if "--install" in step]


def test_a_key_that_comes_later_changes_nothing(pi: Pi) -> None:
    """A line that serves is not replaced by what lies on the boot partition; it is said where that is done."""
    pi.start()
    (pi.boot / "hotlined.key").write_text(KEY)
    (pi.boot / "fr-000012-20261126T220000Z.age").write_text("another")

    assert pi.start() == 0
    assert pi.is_installed()
    assert pi.said.startswith("Installed already.")


# ---- scripts/card


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give scripts/card with a boot partition, a package and one of Debian's."""
    boot = tmp_path / "boot"
    (tmp_path / "debs").mkdir()
    boot.mkdir()
    (boot / "config.txt").write_text("")
    for path in (tmp_path / "hotlined_1_all.deb", tmp_path / "debs/usb-modeswitch_1_arm64.deb"):
        path.write_text(path.name)
    (tmp_path / "mine.yaml").write_text(CONFIG)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        usual = ["--package", tmp_path / "hotlined_1_all.deb", "--packages", tmp_path / "debs", *words, boot]
        command = [ROOT / "scripts/card", *map(str, usual)]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    return run


needs_environment = pytest.mark.skipif(
    not (ROOT / ".venv/bin/hotlined").exists(), reason="needs the environment of scripts/test"
)


@needs_environment
@pytest.mark.parametrize("before", [None, "#cloud-config\nusers: [{name: anna}]\n"])
def test_the_card_has_what_the_first_boot_needs(
    card: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, before: str | None
) -> None:
    """Packages, their sums, the configuration; the PIN stands in hotlined.yaml alone, and user-data of others stays."""
    boot = tmp_path / "boot"
    if before:
        (boot / "user-data").write_text(before)
    for _ in range(2):
        done = card("--model", "4", "--config", str(tmp_path / "mine.yaml"))
        assert done.returncode == 0, done.stderr

    data = yaml.safe_load((boot / "user-data").read_text())
    assert (boot / "user-data").read_text().startswith("#cloud-config\n")
    assert data["bootcmd"] == [["sh", "/boot/firmware/hotlined/begin"]]
    assert ("users" in data) == bool(before)
    assert {"runcmd", "packages"}.isdisjoint(data)  # not tried again, and not without a network
    assert [path.name for path in boot.rglob("*") if path.is_file() and "2580" in path.read_text()] == ["hotlined.yaml"]
    sums = (boot / "hotlined/SHA256SUMS").read_text()
    assert "usb-modeswitch_1_arm64.deb" in sums
    assert (
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=boot / "hotlined", check=False).returncode
        == 0
    )
    assert (boot / "hotlined/image").read_text() == "debian trixie arm64\n"


@needs_environment
def test_a_card_with_a_backup_has_no_configuration_and_no_key(
    card: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The backup lies there alone, sealed; whoever has the paper is told where its key goes."""
    boot, backup = tmp_path / "boot", tmp_path / "fr-000012-20261126T220000Z.age"
    backup.write_text("age-encryption.org/v1\n")
    (boot / "fr-000011-20261126T220000Z.age").touch()
    (boot / "hotlined.yaml").write_text(CONFIG)
    done = card("--model", "4", "--backup", str(backup))

    assert done.returncode == 0, done.stderr
    assert f"the key from the paper into {boot}/hotlined.key" in done.stdout
    assert not {"hotlined.yaml", "hotlined.key"} & {path.name for path in boot.iterdir()}
    assert [path.name for path in boot.glob("*.age")] == [backup.name]
    (tmp_path / "photo.age").write_text("photo")
    for words in (("--config", str(tmp_path / "mine.yaml")), ("--backup", str(tmp_path / "photo.age"))):
        assert card("--model", "4", "--backup", str(backup), *words).returncode == 1


@needs_environment
def test_what_the_documents_type_prepares_a_card(
    card: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The first way in of both READMEs and of the installation is one line, and it writes the card."""
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "README.fr.md", "docs/installation.md")]
    typed = {line for page in pages for line in re.findall(r"^scripts/card .*$", page, re.MULTILINE)}
    assert all(
        page.find("scripts/card ") < page.find("scripts/install") or "scripts/install" not in page for page in pages
    )
    (line,) = typed
    *options, boot = shlex.split(line)[1:]

    assert boot == "/media/you/bootfs"
    done = card(*options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "boot/hotlined.yaml").read_text("utf-8") == (ROOT / "config.yaml").read_text("utf-8")


@needs_environment
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which Pi?"),
        (("--model", "6"), "there is no Raspberry Pi 6"),
        (("--model", "zero", "--config", "/dev/null"), "cannot be used"),
    ],
)
def test_what_cannot_be_prepared_is_refused(
    card: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Nothing is written then."""
    done = card(*words)

    assert done.returncode == 1
    assert said in done.stderr
    assert [path.name for path in (tmp_path / "boot").iterdir()] == ["config.txt"]


@needs_environment
def test_a_card_that_runs_something_else_at_boot_is_left_alone(
    card: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Two bootcmd would be one: a person has to put them together."""
    (tmp_path / "boot/user-data").write_text("#cloud-config\nbootcmd:\n  - [true]\n")

    assert "has a bootcmd already" in card("--model", "zero").stderr
    (tmp_path / "boot/config.txt").unlink()
    assert "is no boot partition" in card("--model", "zero").stderr
