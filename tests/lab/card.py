"""A card with the zip of scripts/card: first boot, later ones, a newer zip, a backup, boots without power at the end.

Imager 2.0.7 and later write an instance ID into cmdline.txt: cloud-init then looks for the zip at the first boot alone.

The computer is a container with its own systemd and Debian's cloud-init, which finds its files at /boot/firmware as in
Raspberry Pi OS; it has no network. Power cuts kill it, so that data not yet on the disk are not lost, and the card has
no FAT file system. usage: card.py DEBIAN FOLDER-OF-ZIP-AND-WHEEL
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
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from checks import check, figure, result

from hotlined.simulator.client import Client

_starts = itertools.count(1)
CARD = Path(__file__).parents[2] / "card"
PIN, TEXT = "2580", "Pas ce numéro"
ANSWER, OTHER = "Hey ! Non.", "Toujours pas."
UNIT = "card-of-hotlined"
CUTS = 6
ID = "rpi-imager-1796"
IMAGER = f"ds=nocloud;i={ID}"
"""The words that Imager 2.0.11 adds to cmdline.txt; a container's first process has it in its own command line."""
BY_HAND = ("sh", "/boot/firmware/hotlined/first-boot")
CLOUD = """datasource_list: [NoCloud, None]
datasource: {NoCloud: {seedfrom: file:///boot/firmware}}
network: {config: disabled}
"""  # as in Raspberry Pi OS
USER_DATA = """#cloud-config
hostname: pi
users: [{name: anna, groups: [sudo]}]
bootcmd: [[touch, /run/of-user-data]]
"""  # as Imager writes it, with a bootcmd, which would replace a vendor's
DELAY = "answer:\n  delay: 0s\n"
MINE = f"""modem:
  port: /opt/lab/main
  pin: "{PIN}"
  poll_interval: 1s
"""  # after the zip's own text


class Made(NamedTuple):
    """The inputs of a scenario: Debian, the zip, and the wheel with which the simulator decodes texts."""

    debian: Path
    zip: Path
    wheel: Path


def run(*words: str | Path, **more: object) -> str:
    """Run a command on this computer; return its output."""
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

    def __init__(self, folder: Path, made: Made, sealed: "Sealed | None" = None, cmdline: str = IMAGER) -> None:
        self._cmdline = cmdline
        self.folder, self.boot, self.tree = folder, folder / "boot", folder / "tree"
        for path in (self.boot, self.tree, folder / "upper", folder / "work"):
            path.mkdir(parents=True)
        options = f"lowerdir={made.debian},upperdir={folder}/upper,workdir={folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.tree)
        (self.tree / "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg").write_text(CLOUD)
        (self.tree / "etc/cloud/ds-identify.cfg").write_text("policy: enabled\n")
        (self.tree / "etc/rpi-issue").write_text("Raspberry Pi reference\n")
        (self.tree / "boot/firmware").mkdir(parents=True)
        (self.boot / "user-data").write_text(USER_DATA)
        (self.boot / "meta-data").write_text(f"instance-id: {ID}\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._machine = ""
        self.unpack(made)
        if sealed:
            shutil.copy(sealed.path, self.boot)
            (self.boot / "hotlined.key").write_text(sealed.paper)
        else:
            self.write()

    def unpack(self, made: Made) -> None:
        """Unpack the zip onto the card."""
        with zipfile.ZipFile(made.zip) as zipped:
            zipped.extractall(self.boot)

    def write(self) -> None:
        """Write answer and configuration, as a person does."""
        (self.boot / "answer.txt").write_text(f"{ANSWER}\n")
        config = self.boot / "hotlined.yaml"
        config.write_text(config.read_text().replace("answer:\n", DELAY) + MINE)

    def start(self) -> None:
        """Power it on."""
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
            *([self._cmdline] if self._cmdline else []),
        ]
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment
            )

    @property
    def leader(self) -> str:
        """Return its first process, or 0."""
        assert self._process
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], text=True, capture_output=True, check=False
        )
        return done.stdout.split()[0] if done.stdout.split() else ""

    def sh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside; one that cannot run yet counts as failed."""
        command = ["nsenter", "-t", self.leader or "0", "-a", "env", "LANG=C.UTF-8", *words]
        return subprocess.run(command, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    def cut(self) -> None:
        """Cut the power."""
        assert self._process
        if leader := self.leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(leader), signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._process = None
        time.sleep(1)
        # which it would otherwise have removed itself
        for path in Path("/run/systemd/nspawn").glob(f"*/{self._machine}"):
            subprocess.run(["umount", "--quiet", path], check=False)
            path.rmdir()

    def end(self) -> None:
        """Remove it."""
        if self._process:
            self.cut()
        run("umount", self.tree)
        shutil.rmtree(self.folder)

    @property
    def said(self) -> str:
        """Return the text that the Pi wrote on the card for people."""
        path = self.boot / "hotlined.txt"
        said = path.read_text() if path.exists() else ""
        return "" if said == (CARD / "hotlined.txt").read_text() else said

    def hotlined(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command about the line."""
        return self.sh("hotlined", "--line", "main", *words)

    def journal(self) -> str:
        """Return the script's messages in the journal."""
        return self.sh("journalctl", "-u", UNIT, "--no-pager").stdout

    def is_through(self) -> bool:
        """Tell whether the boot, cloud-init and the units that it starts are finished."""
        state = self.sh("systemctl", "is-system-running").stdout.strip()
        begun = self.sh("journalctl", "-b", "-u", UNIT, "-o", "cat", "--no-pager").stdout
        ended = self.sh("systemctl", "is-active", UNIT).stdout.strip() in ("inactive", "failed")
        return state in ("running", "degraded") and bool(begun) and ended

    def simulate(self, made: Made) -> Client:
        """Start a simulated stick inside."""
        shutil.copy(made.wheel, self.tree / "srv")
        self.sh("rm", "-rf", "/opt/lab/main.control")  # of the boot before
        self.sh("install", "-d", "-m", "777", "/opt/lab")
        where = ("--link", "/opt/lab/main", "--control", "/opt/lab/main.control", "--pin", PIN)
        words = ("python3", "-m", "hotlined.simulator", *where)
        path = f"PYTHONPATH=/usr/share/hotlined:/srv/{made.wheel.name}"
        how = ("-q", "--collect", "--uid=hotlined-main", "--gid=hotlined-main", f"--setenv={path}")
        done = self.sh("systemd-run", *how, *words)
        control = Path(f"/proc/{self.leader}/root", "opt/lab/main.control")
        assert until(control.exists, 60), done.stderr
        return Client(control)


class Sealed(NamedTuple):
    """A sealed backup, and the paper with its key."""

    path: Path
    paper: str


@contextlib.contextmanager
def card(made: Made, sealed: Sealed | None = None, cmdline: str = IMAGER) -> Iterator[Pi]:
    """Give a computer with a fresh card."""
    pi = Pi(Path(tempfile.mkdtemp(prefix="card.", dir=made.debian.parent)) / "pi", made, sealed, cmdline)
    try:
        yield pi
    finally:
        pi.end()
        pi.folder.parent.rmdir()


def boot(pi: Pi, what: str) -> float:
    """Boot it to the end; return the time."""
    begun = time.monotonic()
    pi.start()
    check(what, until(pi.is_through, 900) or print(pi.said, pi.journal()))
    return time.monotonic() - begun


def first_boot(pi: Pi, made: Made) -> float:
    """Let it install itself, and answer; return the installation's time."""
    begun = time.monotonic()
    pi.start()
    through = until(lambda: pi.said, 900)
    took = time.monotonic() - begun
    figure("switched on to installed", took)
    check(
        "the first boot installs it",
        (through and "The line runs. Text its number." in pi.said) or print(pi.said, pi.journal()),
    )
    check("user-data was obeyed, too", pi.sh("test", "-e", "/run/of-user-data").returncode == 0)
    groups = pi.sh("id", "-nG", "anna").stdout.split()
    check("its one person reads the line", "hotlined-main" in groups or print(groups))
    names = [path.name for path in pi.boot.rglob("*")]
    check(
        "the configuration is gone from the boot partition", not {"hotlined.yaml", "gone"} & set(names) or print(names)
    )
    words = ["grep", "-rlE", rf"pin: .?{PIN}", str(pi.folder / "upper"), str(pi.boot)]
    holders = subprocess.run(words, text=True, capture_output=True, check=False).stdout.split()
    check("and stands in one place alone", holders == [f"{pi.folder}/upper/etc/hotlined/main.yaml"] or print(holders))
    modes = pi.sh("stat", "-c", "%U:%G %a", "/etc/hotlined/main.yaml", "/etc/hotlined/main.txt").stdout.split("\n")[:2]
    check("which the line's group may read, like the answer", modes == ["root:hotlined-main 640"] * 2 or print(modes))
    check("it starts with each boot", pi.sh("systemctl", "is-enabled", "hotlined@main").stdout.strip() == "enabled")
    broken = pi.sh("dpkg", "--audit").stdout + pi.sh("systemctl", "--failed", "--no-legend").stdout
    check("nothing is left half done", not broken.strip() or print(broken))
    answers(pi, made, 1, ANSWER)
    return took


def answers(pi: Pi, made: Made, count: int, answer: str) -> None:
    """Deliver a text, and see its answer sent."""
    sim = pi.simulate(made)
    ready = until(lambda: pi.hotlined("status").returncode == 0, 120)
    check("the modem is ready, with the PIN of the card", ready or print(pi.hotlined("status").stdout))
    sim.do("deliver", from_=f"+3247012345{count}", text=TEXT)
    sim.do("wait", for_="submitted", count=1, timeout=60)
    sent = sim.do("submitted")["submitted"]
    log = [json.loads(line) for line in pi.hotlined("log", "--json").stdout.splitlines()]
    check("it answers a text", (len(log) == count and log[-1]["text"] == TEXT) or print(log))
    check("with the answer of the card", answer in json.dumps(sent, ensure_ascii=False) or print(sent))
    sim.close()


def later_boots(pi: Pi, made: Made) -> None:
    """Boot again: with another answer, a new instance ID of cloud-init, a changed configuration, mistakes."""
    with (pi.tree / "etc/hotlined/main.yaml").open("a") as file:
        file.write("# mine\n")
    (pi.boot / "meta-data").write_text("instance-id: another\n")
    (pi.boot / "answer.txt").write_text(f"{OTHER}\n")
    dpkg = (pi.tree / "var/log/dpkg.log").stat().st_size
    pi.cut()
    figure("switched on to through, once it is installed", boot(pi, "it boots again"))
    held = (pi.tree / "etc/hotlined/main.yaml").read_text().endswith("# mine\n")
    check("and installs nothing", held and (pi.tree / "var/log/dpkg.log").stat().st_size == dpkg)
    answers(pi, made, 2, OTHER)
    (pi.boot / "answer.txt").write_text(OTHER, encoding="utf-16")
    (pi.boot / "answer.txt.txt").touch()
    pi.cut()
    boot(pi, "it boots with an answer that cannot be used")
    check("and says so", ("answer.txt was not taken" in pi.said and "UTF-16" in pi.said) or print(pi.said))
    check("and that Windows made its name longer", "answer.txt.txt is not read" in pi.said)
    check("and serves the former one", OTHER in (pi.tree / "etc/hotlined/main.txt").read_text())
    (pi.boot / "answer.txt.txt").unlink()


def newer(pi: Pi, made: Made) -> None:
    """Unpack a zip with a newer package over the first one: the line is upgraded and keeps its data."""
    pi.unpack(made)
    beside = pi.boot / "hotlined"
    with tempfile.TemporaryDirectory(dir=made.debian.parent) as folder:
        run("dpkg-deb", "--raw-extract", beside / "hotlined.deb", Path(folder) / "tree")
        control = Path(folder) / "tree/DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*", "Version: 9", control.read_text()))
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", Path(folder) / "tree", beside / "hotlined.deb")
    (beside / "image").write_text(re.sub(r"\S+$", "9", (beside / "image").read_text().strip()) + "\n")
    names = [line.split()[1] for line in (beside / "SHA256SUMS").read_text().splitlines()]
    (beside / "SHA256SUMS").write_text(run("sha256sum", *names, cwd=beside))
    pi.cut()
    figure("switched on to upgraded", boot(pi, "it boots with a newer zip"))
    check("which upgrades it", "hotlined 9 is installed." in pi.said or print(pi.said, pi.journal()))
    check("and changes no answer", OTHER in (pi.tree / "etc/hotlined/main.txt").read_text())
    answers(pi, made, 3, OTHER)


def later_zip(made: Made, cmdline: str) -> None:
    """Unpack the zip onto a card whose system has already booted."""
    with card(made, cmdline=cmdline) as pi:
        kept = pi.folder / "kept"
        kept.mkdir()
        for name in ("vendor-data", "hotlined", "hotlined.yaml", "answer.txt", "hotlined.txt"):
            shutil.move(pi.boot / name, kept)
        pi.start()
        check("a card boots without the zip", until(lambda: is_up(pi), 300))
        pi.cut()
        for path in kept.iterdir():
            shutil.move(path, pi.boot)
        if not cmdline:
            boot(pi, "and with it")
            check("which installs the line then", "The line runs." in pi.said or print(pi.said, pi.journal()))
            return
        pi.start()
        check(
            "and with it, but does not look where Imager 2.0.7 or later wrote it",
            until(lambda: is_up(pi), 300) and not pi.said,
        )
        by_hand(pi)


def without_cloud_init(made: Made) -> None:
    """Boot an image that has no cloud-init, as Raspberry Pi prepares them."""
    with card(made) as pi:
        (pi.tree / "etc/cloud/cloud-init.disabled").touch()
        pi.start()
        check("an image without cloud-init does not look", until(lambda: is_up(pi), 300) and not pi.said)
        by_hand(pi)


def is_up(pi: Pi) -> bool:
    """Tell whether the boot is over, and what cloud-init starts with it."""
    return pi.sh("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")


def by_hand(pi: Pi) -> None:
    """Type the command that hotlined.txt names."""
    assert " ".join(BY_HAND) in (CARD / "hotlined.txt").read_text()
    begun = time.monotonic()
    done = pi.sh(*BY_HAND)
    figure("installed by hand", time.monotonic() - begun)
    well = done.returncode == 0 and "The line runs. Text its number." in pi.said
    check("what its text says to type installs the line", well or print(done.stdout, done.stderr, pi.said))


def sealed_of(pi: Pi, folder: Path) -> Sealed:
    """Make a sealed backup of the line, and copy it out of the computer."""
    page = pi.hotlined("db", "key").stdout
    paper = "\n".join(line.strip() for line in page.splitlines() if re.fullmatch(r"    [0-9A-Z -]+", line))
    (recipient,) = set(re.findall(r"\bage1[a-z0-9]{58}\b", page))
    with (pi.tree / "etc/hotlined/main.yaml").open("a") as file:
        file.write(f"backup:\n  folder: /opt/lab/stick\n  recipients: [{recipient}]\n")
    pi.sh("install", "-d", "-o", "hotlined-main", "-m", "700", "/opt/lab/stick")
    done = pi.hotlined("db", "backup")
    (made,) = Path(f"/proc/{pi.leader}/root", "opt/lab/stick").glob("*.age")
    check("the line is backed up", done.returncode == 0 or print(done.stderr))
    return Sealed(Path(shutil.copy(made, folder)), f"{paper.lower()}\n")


def from_backup(made: Made, sealed: Sealed) -> None:
    """Start from a backup, without and with a power cut; contacts answered before are known."""
    with card(made, sealed) as pi:
        begun = time.monotonic()
        pi.start()
        through = until(lambda: pi.said, 900)
        took = time.monotonic() - begun
        figure("switched on to restored", took)
        check("a card begins from a backup", (through and "Restored from" in pi.said) or print(pi.said, pi.journal()))
        secret = sealed.paper.splitlines()[1].strip()
        words = ["grep", "-rliF", secret, str(pi.folder / "upper"), str(pi.boot)]
        holders = subprocess.run(words, text=True, capture_output=True, check=False).stdout.split()
        check("its key is nowhere any more", not holders or print(holders))
        timer = pi.sh("systemctl", "is-enabled", "hotlined-offcard@main.timer").stdout.strip()
        check("backups go on", timer == "enabled")
        answers(pi, made, 4, OTHER)
    for number in (1, 2, 3):
        with card(made, sealed) as pi:
            pi.start()
            moment = took * number / 4
            until(lambda: pi.said, moment)
            pi.cut()
            pi.start()
            done = until(pi.is_through, 900) and "The line runs." in pi.said
            contacts = pi.hotlined("log", "--json").stdout.splitlines()
            well = done and len(contacts) == 3 and not (pi.boot / "hotlined.key").exists()
            check(f"cut off after {moment:.0f} s the next boot restores it", well or print(pi.said, contacts))


def cut_off(made: Made, seconds: float) -> None:
    """Cut the power at moments of the first boot; the next boot completes it."""
    for number in range(1, CUTS + 1):
        with card(made) as pi:
            pi.start()
            moment = seconds * number / (CUTS + 1)
            until(lambda: pi.said, moment)
            pi.cut()
            places = (pi.boot / "hotlined.yaml", pi.tree / "etc/hotlined/main.yaml")
            kept = any(path.exists() and PIN in path.read_text() for path in places)
            check(f"cut off after {moment:.0f} s the configuration is somewhere", kept)
            pi.start()
            done = until(pi.is_through, 900) and "The line runs. Text its number." in pi.said
            well = done and not (pi.boot / "hotlined.yaml").exists() and not pi.sh("dpkg", "--audit").stdout
            check(f"cut off after {moment:.0f} s the next boot finishes it", well or print(pi.said, pi.journal()))


def main() -> int:
    """Run all acts; the exit code is the number of failures."""
    debian, folder = map(Path, sys.argv[1:])
    (zipped,), (wheel,) = folder.glob("hotlined-card-*.zip"), folder.glob("python_gsmmodem*.whl")
    made = Made(debian, zipped, wheel)
    figure("the zip", f"{zipped.stat().st_size:,} octets")
    kept = Path(tempfile.mkdtemp(prefix="kept.", dir=debian.parent))
    with card(made) as pi:
        took = first_boot(pi, made)
        later_boots(pi, made)
        newer(pi, made)
        sealed = sealed_of(pi, kept)
    for cmdline in ("", IMAGER):
        later_zip(made, cmdline)
    without_cloud_init(made)
    cut_off(made, took)
    from_backup(made, sealed)
    shutil.rmtree(kept)
    return result()


if __name__ == "__main__":
    sys.exit(main())
