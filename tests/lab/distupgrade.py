"""A line during an upgrade from bookworm to trixie: run as root inside the container of `scripts/lab distupgrade`.

apt's downloads are at /srv/trixie, because the container has no network. A new kernel is not tested: a container has
none.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from checks import check, figure, result
from service import (
    LAB,
    MAIN,
    SHARE,
    configure,
    install,
    instances,
    journal,
    log,
    quicken,
    ready,
    reboot,
    sh,
    show,
    simulate,
    until,
)

from hotlined.simulator.client import Client

DOWNLOADED = Path("/srv/trixie")
ANSWERED, STOPPED, SOON, LATER, MEANWHILE = (f"+324701234{number:02}" for number in range(5))
LATE = "10m"  # longer than the installation of all packages


def contacts() -> list[tuple[str, str, str]]:
    """Return the contacts with their outcomes, without the fields that a later answer changes."""
    return [(each["originator"], each["text"], each["reason"]) for each in log()]


def submitted(sim: Client, recipient: str) -> int:
    """Return the number of segments that the network took for a recipient."""
    return sum(each["recipient"] == recipient for each in sim.do("submitted")["submitted"])


def answer_to(sender: str) -> dict[str, Any]:
    """Return the answer to an originator's first contact, from the log."""
    return next(each["answer"] or {} for each in log() if each["originator"] == sender)


def a_line(sim: Client) -> None:
    """Make contacts: one answered, one who opted out, one whose answer waits for seconds, and one for minutes."""
    sh("systemctl", "restart", MAIN)
    check("the line of bookworm is ready", until(ready) or print(sh("hotlined", "status").stdout))
    sim.do("deliver", from_=ANSWERED, text="bonjour")
    check("somebody is answered", until(lambda: submitted(sim, ANSWERED) == 1))
    sim.do("deliver", from_=STOPPED, text="Stop")
    check("somebody says stop", until(lambda: [each["text"] for each in log()][-1:] == ["Stop"]))
    for delay, sender in (("30s", SOON), (LATE, LATER)):
        configure("main", answer={"delay": delay})
        sh("systemctl", "reload", MAIN)
        time.sleep(3)
        sim.do("deliver", from_=sender, text=f"dans {delay}")
        kept = until(lambda: (log()[-1]["answer"] or {}).get("state") == "queued")
        check(f"an answer waits for {delay}", kept or print(log()[-1]))
    configure("main", answer={"delay": "0s"})
    sh("systemctl", "reload", MAIN)


def full_upgrade(sim: Client) -> int:
    """Upgrade Debian by its release notes, without the downloads, while texts arrive; return their number."""
    sources = Path("/etc/apt/sources.list")
    sources.write_text(sources.read_text().replace("bookworm", "trixie"))
    for each, there in (("lists", "/var/lib/apt/lists"), ("archives", "/var/cache/apt/archives")):
        shutil.copytree(DOWNLOADED / each, there, dirs_exist_ok=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    words = ("apt-get", "--yes", "--no-download", "full-upgrade")
    begun, came = time.monotonic(), 0
    with (
        (LAB / "apt").open("w+") as said,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT) as apt,
    ):
        while apt.poll() is None:
            sim.do("deliver", from_=MEANWHILE, text=f"pendant {came}")
            came += 1
            time.sleep(10)
        said.seek(0)
        check("Debian is upgraded", apt.returncode == 0 or print(said.read()))
        said.seek(0)
        figure("packages", " ".join(re.findall(r"^\d+ upgraded.*$", said.read(), re.MULTILINE)))
    figure("Debian's upgrade", time.monotonic() - begun)
    return came


def compiled() -> set[str]:
    """Return the Python versions with compiled code of ours; a module without any is printed."""
    versions: set[str] = set()
    for each in (SHARE / "hotlined").rglob("*.py"):
        found = {path.name.split(".")[-2] for path in each.parent.glob(f"__pycache__/{each.stem}.*.pyc")}
        versions |= found or {str(each)}
    return versions


def goes_on(sim: Client, before: list[tuple[str, str, str]], came: int, daemon: str) -> None:
    """Check the line before the restart: bookworm's daemon on the libraries of trixie."""
    check("this is trixie", "trixie" in Path("/etc/os-release").read_text())
    check("hotlined is still installed", sh("dpkg-query", "-Wf${Status}", "hotlined").stdout == "install ok installed")
    check("its daemon ran all the time", show(MAIN, "MainPID") == daemon or print(journal(MAIN)))
    version = "cpython-" + sh("python3", "-c", "import sys; print(*sys.version_info[:2], sep='')").stdout.strip()
    check(f"our code is compiled for {version} alone", compiled() == {version} or print(compiled()))
    check("and reads what is there", until(ready) or print(sh("hotlined", "status").stdout))
    check("no contact is lost, or changed", contacts()[: len(before)] == before or print(before, contacts()))
    here = until(lambda: [text for _, text, _ in contacts()[len(before) :]] == [f"pendant {n}" for n in range(came)])
    check(f"all {came} that came meanwhile are there, once", here or print(contacts()))
    check("who wrote meanwhile is answered once", submitted(sim, MEANWHILE) == 1)
    check("the answer that was due meanwhile left once", submitted(sim, SOON) == 1)
    later = answer_to(LATER)
    check("the later one waits", later["state"] == "queued" or print(later))


def started_anew(sim: Client, python: str) -> None:
    """Start the line with trixie's Python, as the next boot does: its contacts are known, and waiting answers go."""
    known = contacts()
    check("the line runs on trixie's Python", process() != python or print(process()))
    check("it is ready", until(ready) or print(sh("hotlined", "status").stdout, journal(MAIN)))
    check("with the same contacts", contacts() == known)
    for sender in (ANSWERED, STOPPED, SOON):
        sim.do("deliver", from_=sender, text="encore moi")
    check("who writes again is known", until(lambda: len(log()) == len(known) + 3 and log()[-1]["reason"]))
    reasons = {each["originator"]: each["reason"] for each in log()[len(known) :]}
    figure("and why nobody of them is answered", reasons)
    waited = until(lambda: submitted(sim, LATER) == 1, 1200)
    check("the answer that waited leaves", waited or print(sh("hotlined", "log").stdout))
    until(lambda: answer_to(LATER)["sent_at"])
    left = answer_to(LATER)
    check("when it is due", left["sent_at"] >= left["due_at"] or print(left))
    sim.do("deliver", from_="+32470123499", text="nouveau")
    check("a new person is answered", until(lambda: submitted(sim, "+32470123499") == 1))
    time.sleep(5)
    counts = {recipient: submitted(sim, recipient) for recipient in (ANSWERED, STOPPED, SOON, LATER, MEANWHILE)}
    check("nobody was answered twice", list(counts.values()) == [1, 0, 1, 1, 1] or print(counts))
    whole = sh("hotlined", "db", "check", "--full")
    check("the database is whole", whole.returncode == 0 or print(whole.stdout, whole.stderr))
    for unit in ("alerts", "backup", "purge"):
        sh("systemctl", "reset-failed", f"hotlined-{unit}@main")
        sh("systemctl", "start", f"hotlined-{unit}@main")
        check(f"{unit} runs in its sandbox", show(f"hotlined-{unit}@main", "Result") == "success")
    units = [each for ending in (".service", ".socket", ".timer", ".path") for each in instances(ending)]
    verified = [
        each for each in sh("systemd-analyze", "verify", "--man=no", *units).stderr.splitlines() if "hotl" in each
    ]
    check("trixie's systemd has nothing to say against the units", not verified or print(*verified, sep="\n"))


def process() -> str:
    """Return the daemon's executable."""
    return str(Path(f"/proc/{show(MAIN, 'MainPID')}/exe").resolve())


def main() -> int:
    """Run all; the exit code is the number of failures."""
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    # the container's own boot ID: sandboxes of one Debian see it, those of the other the computer's
    sh("umount", "/proc/sys/kernel/random/boot_id")
    done = install()
    check("it is installed on bookworm", done.returncode == 0 or print(done.stdout, done.stderr))
    quicken("main")
    sim = simulate("main")
    a_line(sim)
    before, daemon, python = contacts(), show(MAIN, "MainPID"), process()
    came = full_upgrade(sim)
    goes_on(sim, before, came, daemon)
    stumbled = [line for line in journal("hotlined*").splitlines() if re.search("Error|Failed|Traceback", line)]
    stumbled = [line for line in stumbled if "Failed to kill control group" not in line]
    figure("what ours said meanwhile", "\n".join(stumbled) or "nothing")
    reboot()
    started_anew(sim, python)
    removed = sh("apt-get", "--yes", "autoremove", stdin=subprocess.DEVNULL)
    check("what bookworm left goes", removed.returncode == 0 and not Path(python).exists())
    sh("systemctl", "restart", MAIN)
    check("and the line runs without it", until(ready) or print(journal(MAIN)))
    failed = sh("systemctl", "list-units", "--failed", "--plain", "--no-legend", "hotlined*").stdout
    check("nothing of ours is failed", not failed or print(failed))
    sim.close()
    return result()


if __name__ == "__main__":
    sys.exit(main())
