"""What a card does that scripts/card prepared: its first boot, its second, and boots that were cut off.

The computer is a container with its own systemd and Debian's cloud-init, which finds user-data at /boot/firmware, as
Raspberry Pi OS does; it has no network. The power is cut by killing it: what was not yet on the disk is not lost by
that. No FAT file system is met. usage: card.py DEBIAN FOLDER-OF-PACKAGES FOLDER-OF-WHEELS
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from checks import check, figure, result

from hotlined.simulator.client import Client

PROJECT = Path(__file__).resolve().parents[2]
_starts = itertools.count(1)
PIN, TEXT = "2580", "Pas ce numéro"
CUTS = 6
CLOUD = """datasource_list: [NoCloud, None]
datasource: {NoCloud: {seedfrom: file:///boot/firmware}}
network: {config: disabled}
"""  # as Raspberry Pi OS has it


def run(*words: str | Path, **more: object) -> str:
    """Run a command of this computer; return what it prints."""
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True, check=False, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return str(done.stdout)


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait for a condition; tell whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Pi:
    """A computer and its card."""

    def __init__(self, folder: Path, debian: Path, packages: Path, sealed: "Sealed | None" = None) -> None:
        self.folder, self.boot, self.tree = folder, folder / "boot", folder / "tree"
        for path in (self.boot, self.tree, folder / "upper", folder / "work"):
            path.mkdir(parents=True)
        options = f"lowerdir={debian},upperdir={folder}/upper,workdir={folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.tree)
        (self.tree / "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg").write_text(CLOUD)
        (self.tree / "etc/cloud/ds-identify.cfg").write_text("policy: enabled\n")
        (self.tree / "boot/firmware").mkdir(parents=True)
        (self.boot / "config.txt").write_text("")
        text = (PROJECT / "config.yaml").read_text()
        values = {"port": "/run/lab/fr", "pin": f'"{PIN}"', "text": "Non.", "poll_interval": "1s", "delay": "0s"}
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^( *){key}: .*$", rf"\g<1>{key}: {value}", text, count=1)
            assert count, key
        (folder / "mine.yaml").write_text(text)
        (ours,) = packages.glob("hotlined_*.deb")
        needed = folder / "needed"
        needed.mkdir()
        for path in packages.glob("*.deb"):
            if path != ours:
                shutil.copy(path, needed)
        brings = ["--backup", sealed.path] if sealed else ["--config", folder / "mine.yaml"]
        card = ["--model", "4", *brings, "--package", ours, "--packages", needed, self.boot]
        run(PROJECT / "scripts/card", *card)
        if sealed:
            (self.boot / "hotlined.key").write_text(sealed.paper)
        # the lab has another processor
        here = f"debian trixie {run('dpkg', '--print-architecture')}"
        (self.boot / "hotlined/image").write_text(here)
        self._process: subprocess.Popen[bytes] | None = None
        self._machine = ""

    def start(self) -> None:
        """Switch it on."""
        self._machine = f"card{os.getpid()}-{next(_starts)}"
        words = [
            *(
                "systemd-nspawn",
                "--quiet",
                "--register=no",
                "--keep-unit",
                "--boot",
                "--console=pipe",
                "--private-network",
            ),
            *("--timezone=off", "--link-journal=no", "--capability=CAP_BPF,CAP_PERFMON"),
            *("--system-call-filter=bpf adjtimex clock_adjtime", f"--machine={self._machine}"),
            *(f"--directory={self.tree}", f"--bind={self.boot}:/boot/firmware"),
        ]
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment
            )

    @property
    def leader(self) -> str:
        """The process that is the first one inside, or nothing."""
        assert self._process
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], text=True, capture_output=True, check=False
        )
        return done.stdout.split()[0] if done.stdout.split() else ""

    def sh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside; one that cannot be run yet is one that fails."""
        command = ["nsenter", "-t", self.leader or "0", "-a", "env", "LANG=C.UTF-8", *words]
        return subprocess.run(command, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    def cut(self) -> None:
        """Pull the plug."""
        assert self._process
        if leader := self.leader:
            os.kill(int(leader), signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._process = None
        time.sleep(1)
        # which it would have taken away itself
        for path in Path("/run/systemd/nspawn").glob(f"*/{self._machine}"):
            subprocess.run(["umount", "--quiet", path], check=False)
            path.rmdir()

    def end(self) -> None:
        """Put it away."""
        if self._process:
            self.cut()
        run("umount", self.tree)
        shutil.rmtree(self.folder)

    @property
    def said(self) -> str:
        """What stands on the card for people."""
        path = self.boot / "hotlined.txt"
        return path.read_text() if path.exists() else ""

    def is_up(self) -> bool:
        """Tell whether it has booted, and cloud-init and what it started have ended."""
        state = self.sh("systemctl", "is-system-running").stdout.strip()
        card = self.sh("systemctl", "is-active", "hotlined-card").stdout.strip()
        return state in ("running", "degraded") and card in ("inactive", "failed")

    def simulate(self, wheels: Path) -> Client:
        """Start a simulated stick inside."""
        (wheel,) = wheels.glob("python_gsmmodem*.whl")
        shutil.copy(wheel, self.tree / "srv" / wheel.name)
        self.sh("install", "-d", "-m", "777", "/run/lab")
        where = ("--link", "/run/lab/fr", "--control", "/run/lab/fr.control", "--pin", PIN)
        words = ("/usr/lib/hotlined/current/bin/python", "-m", "hotlined.simulator", *where)
        how = ("-q", "--collect", "--uid=hotlined", "--gid=hotlined", f"--setenv=PYTHONPATH=/srv/{wheel.name}")
        done = self.sh("systemd-run", *how, *words)
        control = Path(f"/proc/{self.leader}/root/run/lab/fr.control")
        assert until(control.exists, 60), done.stderr
        return Client(control)


class Sealed(NamedTuple):
    """A sealed backup, and what stands on the paper that opens it."""

    path: Path
    paper: str


@contextlib.contextmanager
def card(debian: Path, packages: Path, sealed: Sealed | None = None) -> Iterator[Pi]:
    """Give a computer with a fresh card."""
    pi = Pi(Path(tempfile.mkdtemp(prefix="card.", dir=debian.parent)) / "pi", debian, packages, sealed)
    try:
        yield pi
    finally:
        pi.end()
        pi.folder.parent.rmdir()


def first_boot(pi: Pi, wheels: Path) -> float:
    """Let it install itself, and answer; return how long the installation took."""
    begun = time.monotonic()
    pi.start()
    through = until(lambda: pi.said, 900)
    took = time.monotonic() - begun
    figure("switched on to installed", took)
    journal = pi.sh("journalctl", "-u", "hotlined-card", "--no-pager").stdout
    check("the first boot installs it", (through and pi.said.startswith("Installed")) or print(pi.said, journal))
    names = [path.name for path in pi.boot.rglob("*")]
    check(
        "the configuration is gone from the boot partition", not {"hotlined.yaml", "gone"} & set(names) or print(names)
    )
    words = ["grep", "-rlE", rf"pin: .?{PIN}", str(pi.folder / "upper")]
    holders = subprocess.run(words, text=True, capture_output=True, check=False).stdout.split()
    check("and stands in one place alone", holders == [f"{pi.folder}/upper/etc/hotlined/config.yaml"] or print(holders))
    mode = pi.sh("stat", "-c", "%U:%G %a", "/etc/hotlined/config.yaml").stdout.strip()
    check("which the line's group may read", mode == "root:hotlined 640" or print(mode))
    enabled = pi.sh("systemctl", "is-enabled", "hotlined").stdout.strip()
    check("it starts with each boot", enabled == "enabled")
    answers(pi, wheels, 1)
    return took


def answers(pi: Pi, wheels: Path, count: int) -> None:
    """Let a text in, and its answer out."""
    sim = pi.simulate(wheels)
    ready = until(lambda: pi.sh("hotlined", "status").returncode == 0, 120)
    check("the modem is ready, with the PIN of the card", ready or print(pi.sh("hotlined", "status").stdout))
    sim.do("deliver", from_=f"+3247012345{count}", text=TEXT)
    sim.do("wait", for_="submitted", count=1, timeout=60)
    log = [json.loads(line) for line in pi.sh("hotlined", "log", "--json").stdout.splitlines()]
    check("it answers a text", len(log) == count and log[-1]["text"] == TEXT)
    sim.close()


def second_boot(pi: Pi, wheels: Path) -> None:
    """Boot again, as another instance for cloud-init, with the configuration changed meanwhile."""
    (pi.tree / "etc/hotlined/config.yaml").open("a").write("# mine\n")
    (pi.boot / "meta-data").write_text("instance-id: another\n")
    version = pi.sh("readlink", "/usr/lib/hotlined/current").stdout
    pi.cut()
    pi.start()
    check("it boots again", until(pi.is_up, 300))
    held = (pi.tree / "etc/hotlined/config.yaml").read_text().endswith("# mine\n")
    check("and changes nothing", held and pi.sh("readlink", "/usr/lib/hotlined/current").stdout == version)
    answers(pi, wheels, 2)


def sealed_of(pi: Pi, folder: Path) -> Sealed:
    """Have the line make a sealed backup, and take it out of the computer."""
    page = pi.sh("hotlined", "db", "key").stdout
    paper = "\n".join(line.strip() for line in page.splitlines() if re.fullmatch(r"    [0-9A-Z -]+", line))
    (recipient,) = re.findall(r"recipients: \[(.*)\]", page)
    config = pi.tree / "etc/hotlined/config.yaml"
    text = config.read_text()
    for key, value in (("folder", "/run/lab/stick"), ("recipients", f"[{recipient}]")):
        text, count = re.subn(rf"(?m)^( *){key}: .*$", rf"\g<1>{key}: {value}", text, count=1)
        assert count, key
    config.write_text(text)
    pi.sh("install", "-d", "-o", "hotlined", "-m", "700", "/run/lab/stick")
    done = pi.sh("hotlined", "db", "backup")
    (made,) = Path(f"/proc/{pi.leader}/root/run/lab/stick").glob("fr-*.age")
    check("the line is backed up", done.returncode == 0 or print(done.stderr))
    return Sealed(Path(shutil.copy(made, folder)), f"{paper.lower()}\n")


def from_backup(debian: Path, packages: Path, wheels: Path, sealed: Sealed) -> None:
    """Begin from a backup: whole, and cut off in the middle; what was answered before is known."""
    with card(debian, packages, sealed) as pi:
        begun = time.monotonic()
        pi.start()
        through = until(lambda: pi.said, 900)
        took = time.monotonic() - begun
        figure("switched on to restored", took)
        said = pi.sh("journalctl", "-u", "hotlined-card", "--no-pager").stdout
        check("a card begins from a backup", (through and "is restored" in pi.said) or print(pi.said, said))
        secret = sealed.paper.splitlines()[1].strip()
        words = ["grep", "-rliF", secret, str(pi.folder / "upper"), str(pi.boot)]
        holders = subprocess.run(words, text=True, capture_output=True, check=False).stdout.split()
        check("its key is nowhere any more", not holders or print(holders))
        waits = pi.tree / "etc/systemd/system/hotlined.service.d/card.conf"
        check("and nothing of it holds the line back", not waits.exists())
        timer = pi.sh("systemctl", "is-enabled", "hotlined-offcard@main.timer").stdout.strip()
        check("backups go on", timer == "enabled")
        answers(pi, wheels, 3)
    for number in (1, 2, 3):
        with card(debian, packages, sealed) as pi:
            pi.start()
            moment = took * number / 4
            until(lambda: pi.said, moment)
            pi.cut()
            pi.start()
            done = until(lambda: pi.said.startswith("Installed"), 900)
            contacts = pi.sh("hotlined", "log", "--json").stdout.splitlines()
            well = done and len(contacts) == 2 and not (pi.boot / "hotlined.key").exists()
            check(f"cut off after {moment:.0f} s the next boot restores it", well or print(pi.said, contacts))


def cut_off(debian: Path, packages: Path, seconds: float) -> None:
    """Pull the plug at moments of the first boot; the next one goes on."""
    for number in range(1, CUTS + 1):
        with card(debian, packages) as pi:
            pi.start()
            moment = seconds * number / (CUTS + 1)
            until(lambda: pi.said, moment)
            pi.cut()
            kept = (pi.boot / "hotlined.yaml").exists() or (pi.tree / "etc/hotlined/config.yaml").exists()
            check(f"cut off after {moment:.0f} s the configuration is somewhere", kept)
            pi.start()
            done = until(lambda: pi.said.startswith("Installed"), 900)
            said = pi.sh("journalctl", "-u", "hotlined-card", "--no-pager").stdout
            gone = not (pi.boot / "hotlined.yaml").exists()
            check(f"cut off after {moment:.0f} s the next boot finishes it", (done and gone) or print(pi.said, said))


def main() -> int:
    """Play all acts; the number of what did not hold is the exit code."""
    debian, packages, wheels = map(Path, sys.argv[1:])
    with card(debian, packages) as pi:
        took = first_boot(pi, wheels)
        second_boot(pi, wheels)
        kept = Path(tempfile.mkdtemp(prefix="kept.", dir=debian.parent))
        sealed = sealed_of(pi, kept)
    from_backup(debian, packages, wheels, sealed)
    shutil.rmtree(kept)
    cut_off(debian, packages, took)
    return result()


if __name__ == "__main__":
    sys.exit(main())
