"""A card that fails: the line's backups on a stick, and the same line on a new card, as docs/backup.md describes.

`scripts/lab backup` runs it twice, each time in a fresh container: shared are the stick, a loop device with FAT, and
the paper with the key. Without udev the stick's name is a link made here.
"""

import itertools
import json
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from checks import check, figure, result
from service import (
    CONFIGS,
    LAB,
    MAIN,
    NL,
    PROJECT,
    configure,
    install,
    journal,
    quicken,
    ready,
    setup,
    sh,
    show,
    simulate,
    until,
)

from hotlined.simulator.client import Client
from hotlined.store.file.opening import WAL_OCTETS

KEPT = Path("/srv/kept")
PAPER = KEPT / "paper"
STICK = next(path for path in Path("/dev").glob("loop[0-9]*") if path.is_block_device())
LABEL = Path("/dev/disk/by-label/HOTLINED")
MOUNT = Path("/media/hotlined")
UNIT = "hotlined-offcard@main"
DATABASE = Path("/var/lib/hotlined-main/hotlined.db")
SECRET, CALLER = "la phrase que personne ne lit", "+32470123456"
ROWS = 1_000_000
GROW = """
INSERT INTO contacts (line, kind, originator, country, line_type, text, segments_received, segments_total, received_at,
  received_limit, verdict, reason)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)
SELECT 'main', 'text', '+3249' || (1000000 + i), 'BE', 'mobile', hex(randomblob(35)), 0, 0,
  '2026-11-01T00:00:00.000Z', 0.0, 'suppress', 'cooldown' FROM n
"""


def plug() -> None:
    """Mount the stick."""
    LABEL.parent.mkdir(parents=True, exist_ok=True)
    LABEL.unlink(missing_ok=True)
    LABEL.symlink_to(STICK)
    if "vfat" not in Path("/proc/filesystems").read_text():
        # the effect of uid=, gid= and umask= on FAT
        folder = Path("/etc/systemd/system/media-hotlined.mount.d")
        folder.mkdir(exist_ok=True)
        (folder / "lab.conf").write_text("[Mount]\nOptions=nosuid,nodev,noexec,noatime\n")
        sh("systemctl", "daemon-reload")
        on_stick("rm -rf lost+found; chgrp hotlined-backup .; chmod 770 .")


def pull() -> None:
    """Unmount it."""
    LABEL.unlink()


def on_stick(do: str = "ls -A .", mode: str = "rw") -> list[str]:
    """Run a shell command on the stick as any reader of it; return its output."""
    sh("mount", "-o", mode, str(STICK), "/mnt")
    said = sh("sh", "-c", f"cd /mnt && {do}").stdout.splitlines()
    sh("umount", "/mnt")
    return said


def status() -> dict[str, object]:
    """Return the backup's part of `status --json`."""
    found: dict[str, object] = json.loads(sh("hotlined", "status", "--json").stdout)["backup"]
    return found


def back_up() -> str:
    """Run the unit; return its result, or why it failed."""
    sh("systemctl", "reset-failed", UNIT)
    sh("systemctl", "start", UNIT)
    said = show(UNIT, "Result")
    return said if said == "success" else str(status()["failure"])


def answered(sim: Client, text: str, count: int, sender: str = CALLER) -> bool:
    """Deliver a text; tell whether it is recorded, and this number of segments was submitted in all."""
    sim.do("deliver", from_=sender, text=text)
    return until(lambda: last_contact().get("text") == text) and until(
        lambda: len(sim.do("submitted")["submitted"]) == count, 10
    )


def last_contact() -> dict[str, Any]:
    """Return the newest contact: printing a million takes minutes."""
    found: dict[str, Any] = json.loads(sh("hotlined", "log", "-n", "1", "--json").stdout or "{}")
    return found


def key_on_paper() -> str:
    """Make a key and write it on paper as a person does; return the recipient."""
    said = sh("hotlined", "db", "key").stdout
    rows = [line.strip() for line in said.splitlines() if re.fullmatch(r"    [0-9A-Z -]+", line)]
    PAPER.write_text("\n".join(rows).lower() + "\n")
    return re.findall(r"recipients: \[(.*)\]", said)[0]


def installing() -> Client:
    """Install the line, with a PIN readable only by root."""
    done = install()
    check("it is installed", done.returncode == 0 or print(done.stdout, done.stderr))
    quicken("main")
    pin = CONFIGS / "main.pin"
    pin.touch(0o600)
    pin.write_text("2580\n")
    sim = simulate("main", "--pin", "2580")
    sh("systemctl", "restart", MAIN)
    check("the line is ready", until(ready) or print(sh("hotlined", "status").stdout))
    return sim


def first_backup() -> None:
    """Insert the stick, and have a backup made by the unit."""
    plug()
    check("before the first one status says so", "There is no sealed backup" in sh("hotlined", "status").stdout)
    sh("systemctl", "enable", "--now", f"{UNIT}.timer")
    check("its timer is on", show(f"{UNIT}.timer", "ActiveState") == "active")
    check("a backup is made", back_up() == "success" or print(journal(UNIT), journal("media-hotlined.mount")))
    names = on_stick()
    check("it is on the stick", (len(names) == 1 and names[0].startswith("main-000001-")) or print(names))
    check("which is not mounted any more", until(lambda: not MOUNT.is_mount(), 10))
    check("status knows it", status()["name"] == names[0])
    words = (SECRET, CALLER[1:], "SQLite format 3", "poll_interval")
    found = [word for word in words if not sh("grep", "-qaF", word, str(KEPT / "stick")).returncode]
    sealed = on_stick("head -c 29 main-*")
    check(
        "who finds the stick reads nothing", (not found and "age-encryption.org/v1" in sealed) or print(found, sealed)
    )
    check("nothing of it is in the journal", "main-000001" not in journal(UNIT))


def two_lines(recipient: str) -> None:
    """Let two lines write to one stick at the same time."""
    done = setup("add", "nl")
    check("a second line is added", done.returncode == 0 or print(done.stdout, done.stderr))
    quicken("nl")
    configure("nl", backup={"folder": str(MOUNT), "recipients": [recipient]})
    other = simulate("nl")
    sh("systemctl", "restart", NL)
    until(lambda: ready("nl"))
    sh("systemctl", "start", UNIT, "hotlined-offcard@nl")
    results = [show(unit, "Result") for unit in (UNIT, "hotlined-offcard@nl")]
    check("both at once have their backups", results == ["success", "success"] or print(journal("hotlined-offcard@nl")))
    names = on_stick()
    check(
        "each keeps its own",
        sorted(name.rpartition("-")[0] for name in names) == ["main-000001", "main-000002", "nl-000001"]
        or print(names),
    )
    sh("systemctl", "stop", NL)
    other.close()


def what_goes_wrong() -> None:
    """Remove the stick, make it read-only, fill it: each is reported, and the last good backup stays."""
    newest = on_stick("ls main-*")[-1]
    digest = on_stick(f"sha256sum {newest}")
    pull()
    begun = time.monotonic()
    check("a stick that is not in is told", back_up() == "absent" or print(journal(UNIT)))
    figure("a try without a stick", time.monotonic() - begun)
    check("and nothing lies on the card in its place", not MOUNT.exists() or not list(MOUNT.iterdir()))
    plug()
    sh("blockdev", "--setro", str(STICK))
    check("one that is read-only is told", back_up() == "read_only" or print(status(), journal(UNIT)))
    sh("blockdev", "--setrw", str(STICK))
    on_stick("dd if=/dev/zero of=photos bs=1M 2>/dev/null; dd if=/dev/zero of=more bs=1k 2>/dev/null; sync")
    check("one that is full is told", back_up() == "full" or print(status(), journal(UNIT)))
    kept = on_stick("ls main-*")
    check("its last good backup stays", kept == [newest] or print(kept))
    on_stick("rm photos more")
    check("with room it goes on", back_up() == "success" or print(journal(UNIT)))
    check("the last good one is as it was", on_stick(f"sha256sum {newest}") == digest)


FETCHED = Path.home() / "hotlined-backups"


def blocks(section: str, kind: str) -> list[str]:
    """Return the blocks of a kind in a section of the page, for root, with this machine in place of each."""
    page = (PROJECT / "docs/backup.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)
    return [block.replace("sudo ", "").replace("raspberrypi.local", "127.0.0.1") for block in found]


def another_machine() -> None:
    """Fetch backups from the card, as the page describes, over the loopback; the stick is removed."""
    pull()
    here, there = (block.splitlines() for block in blocks("Another machine", "console"))
    (fetch,), (allowed,) = blocks("Another machine", "sh"), blocks("Another machine", "text")
    configure("main", backup={"folder": "/srv/hotlined-backups/main"})
    for step in (*here[1:-2], *there):  # without a network nothing is installed; the timer is on
        done = sh("sh", "-c", step)
        check(f"the page: {step[:60]}", done.returncode == 0 or print(done.stdout, done.stderr))
    check("a backup is made on the card", back_up() == "success" or print(journal(UNIT)))
    check("status says where it is", "only on this card" in sh("hotlined", "status").stdout)
    Path("/run/sshd").mkdir(exist_ok=True)
    sh("systemd-run", "-q", "--unit=lab-sshd", "/usr/sbin/sshd", "-D", "-o", "ListenAddress=127.0.0.1")
    until(lambda: not sh("ssh-keyscan", "127.0.0.1").returncode, 30)
    key = (Path.home() / ".ssh/hotlined.pub").read_text().split()
    may = allowed.strip().partition(" ssh-ed25519")[0]
    Path("/home/backups/.ssh/authorized_keys").write_text(f"{may} {' '.join(key)}\n")
    (FETCHED / "fetch").write_text(fetch)
    known = Path.home() / ".ssh/known_hosts"
    known.write_text(sh("ssh-keyscan", "-t", "ed25519", "127.0.0.1").stdout)
    done = sh("sh", str(FETCHED / "fetch"))
    names = sorted(path.name for path in FETCHED.glob("*.age"))
    check("it is fetched, and nothing is said", [status()["name"]] == names or print(done, names))
    check("nothing is said", done.stdout + done.stderr == "" or print(done))
    (FETCHED / names[0]).write_bytes(b"older")
    sh("sh", str(FETCHED / "fetch"))
    check("what came is not replaced", (FETCHED / names[0]).read_bytes() == b"older")
    sh("touch", "--date=3 days ago", str(FETCHED / names[0]))
    sh("systemctl", "stop", "lab-sshd")
    check("days without one are told", "for two days" in sh("sh", str(FETCHED / "fetch")).stdout)
    sh("systemctl", "reset-failed", "lab-sshd")
    sh("systemd-run", "-q", "--unit=lab-sshd", "/usr/sbin/sshd", "-D", "-o", "ListenAddress=127.0.0.1")
    until(lambda: not sh("ssh-keyscan", "127.0.0.1").returncode, 30)
    what_that_key_can_do(names[0])
    sh("systemctl", "stop", "lab-sshd")
    configure("main", backup={"folder": str(MOUNT)})
    sh("systemctl", "reload", MAIN)
    plug()
    check("the stick is enough again", back_up() == "success" or print(status()))


def what_that_key_can_do(name: str) -> None:
    """Check that the other machine's key can only read backups."""
    ssh = ("ssh", "-i", str(Path.home() / ".ssh/hotlined"), "-o", "BatchMode=yes", "backups@127.0.0.1")
    place = "/srv/hotlined-backups/main"
    refused = [
        sh(*ssh, words, stdin=subprocess.DEVNULL) for words in ("id", f"cat {place}/{name}", f"rm {place}/{name}")
    ]
    check("that key does nothing else", all(each.returncode and not each.stdout for each in refused) or print(refused))
    Path("/run/mine.age").write_text("mine")
    carry = ("rsync", "-r", "-e", " ".join(ssh[:-1]))
    put = sh(*carry, "/run/mine.age", "backups@127.0.0.1:")
    check("nor does it add or replace one", put.returncode != 0 and not Path(place, "mine.age").exists())
    sh(*carry, "backups@127.0.0.1:/var/lib/hotlined-main/", "/run/fetched")
    sh(*carry, "backups@127.0.0.1:../../../etc/hotlined/", "/run/fetched")
    check(
        "nor does it read anything else",
        not list(Path("/run/fetched").glob("**/*")) or print(sh("ls", "-R", "/run/fetched")),
    )


def million(sim: Client) -> None:
    """Back up a database of a million rows while texts arrive."""
    sh("systemctl", "stop", MAIN)
    begun = time.monotonic()
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(GROW, (ROWS,))
        connection.commit()
    figure("a million rows written", time.monotonic() - begun)
    sh("chown", "-R", "hotlined-main:hotlined-main", "/var/lib/hotlined-main")
    sh("systemctl", "start", MAIN)
    check("the line is ready with a million rows", until(ready) or print(sh("hotlined", "status").stdout))
    figure("octets of the database", f"{DATABASE.stat().st_size:,}")
    alone = latencies(sim, lambda: False, 10)
    begun = time.monotonic()
    with subprocess.Popen(["systemctl", "start", UNIT]) as process:
        beside = latencies(sim, lambda: process.poll() is None, 10_000)
    figure("the backup", time.monotonic() - begun)
    check("it is made", show(UNIT, "Result") == "success" or print(journal(UNIT)))
    figure(
        "its memory at most", f"{int(show(UNIT, 'MemoryPeak') or 0):,}" if show(UNIT, "MemoryPeak").isdecimal() else "?"
    )
    for name, found in (("alone", alone), ("beside the backup", beside)):
        words = f"{statistics.median(found) * 1000:.0f} ms, at most {max(found) * 1000:.0f} ms, of {len(found)}"
        figure(f"a text until it is deleted from the SIM, {name}", words)
    check("a text beside it is taken in within two seconds", max(beside) < 2)
    figure("octets of the backup", on_stick("stat -c %s main-* | tail -n 1")[0])
    options = MOUNTED[0] if MOUNTED else ""
    check("the stick was mounted so that nothing on it runs", {"nosuid", "nodev", "noexec"} <= set(options.split(",")))


def slow(sim: Client) -> None:
    """Back it up at a tenth of the speed, as a slow machine does; measure the space needed on the card."""
    least, log_least = octets_on_card()
    ON_CARD.clear()
    LOG_ON_CARD.clear()
    turns = itertools.count()
    begun = time.monotonic()
    with subprocess.Popen(["systemctl", "start", UNIT]) as process:

        def goes_on() -> bool:
            sh("systemctl", "kill", "--signal", "STOP" if next(turns) % 10 else "CONT", UNIT)
            return process.poll() is None

        count = len(latencies(sim, goes_on, 10_000))
    figure("a slow backup", time.monotonic() - begun)
    check("it is made, too", show(UNIT, "Result") == "success" or print(journal(UNIT)))
    most, log_most = (max(each, default=0) for each in (ON_CARD, LOG_ON_CARD))
    figure("octets on the card but the -wal, before and at most beside it", f"{least:,}, {most:,}")
    check("no second copy lay on the card", ON_CARD and most - least < 10_000_000)
    figure("the -wal, before and at most beside it", f"{log_least:,}, {log_most:,} after {count} texts")
    check("the -wal keeps what came meanwhile, and no more", log_most - log_least < 300_000 * count)
    sim.do("deliver", from_="+32471234567", text="et après")
    given = until(lambda: is_empty(sim) and octets_on_card()[1] <= WAL_OCTETS, 30)
    check("which it gives back with the next text", given or print(octets_on_card()))


MOUNTED: list[str] = []
ON_CARD: list[int] = []
LOG_ON_CARD: list[int] = []


def octets_on_card() -> tuple[int, int]:
    """Return the bytes that a line and its programs hold on the card: without the -wal, and in the -wal."""
    places = (DATABASE.parent, Path("/var/backups/hotlined"), Path("/tmp"), Path("/var/tmp"))
    words = ("du", "--summarize", "--total", "--block-size=1", f"--exclude={DATABASE.name}-wal")
    found = sh(*words, *map(str, places)).stdout.split("\n")[-2]
    return int(found.split()[0]), DATABASE.with_name(f"{DATABASE.name}-wal").stat().st_size


def is_empty(sim: Client) -> bool:
    """Tell whether all texts in the network and on the SIM have been recorded."""
    state = sim.do("state")
    return not state["queue"] and not any(storage["used"] for storage in state["storages"].values())


def latencies(sim: Client, goes_on: object, most: int) -> list[float]:
    """Return the times that texts spend on the SIM, one after the other."""
    found: list[float] = []
    while len(found) < most and (goes_on() or len(found) < 10):  # type: ignore[operator]
        begun = time.monotonic()
        sim.do("deliver", from_=f"+3247{len(found):07}", text="pendant ce temps")
        until(lambda: is_empty(sim), 30)
        found.append(time.monotonic() - begun)
        mounted = [line.split()[3] for line in Path("/proc/mounts").read_text().splitlines() if f" {MOUNT} " in line]
        MOUNTED[:] = MOUNTED or mounted
        if mounted:
            rest, log = octets_on_card()
            ON_CARD.append(rest)
            LOG_ON_CARD.append(log)
    return found


def before() -> None:
    """Run a line with a stick and all its faults; then its card dies."""
    sim = installing()
    check("it answers", answered(sim, SECRET, 1))
    recipient = key_on_paper()
    checked = sh("sh", "-c", f"hotlined db key --check <{PAPER}")
    check("a key that is not configured is told", checked.returncode == 1)
    configure("main", backup={"folder": str(MOUNT), "recipients": [recipient]})
    sh("systemctl", "reload", MAIN)
    checked = sh("sh", "-c", f"hotlined db key --check <{PAPER}")
    check("the key on paper is the right one", checked.returncode == 0 or print(checked.stderr))
    first_backup()
    two_lines(recipient)
    what_goes_wrong()
    another_machine()
    million(sim)
    slow(sim)
    configure("main", answer={"delay": "1h"})
    sh("systemctl", "reload", MAIN)
    sim.do("deliver", from_="+32470999999", text="une réponse attend")
    until(lambda: (last_contact()["answer"] or {}).get("state") == "queued")
    check("the last backup has an answer that waits", back_up() == "success")
    sim.do("deliver", from_="+32470888888", text="après la dernière sauvegarde")
    sim.close()


def after() -> None:
    """Restore the line on a new card, timed, as a person does."""
    begun = time.monotonic()
    done = install()
    check("hotlined is installed on the new card", done.returncode == 0 or print(done.stdout, done.stderr))
    installed = time.monotonic()
    plug()
    sh("mount", "-o", "ro", str(STICK), "/mnt")
    newest = max(path.name for path in Path("/mnt").glob("main-*"))
    restoring = sh("sh", "-c", f"hotlined-setup restore --key {PAPER} --take-all </mnt/{newest}")
    print(restoring.stdout, restoring.stderr, flush=True)
    check("the line is restored", restoring.returncode == 0)
    restored = time.monotonic()
    sh("umount", "/mnt")
    modes = sh(
        "stat", "-c", "%U:%G %a", "/etc/hotlined/main.yaml", "/etc/hotlined/main.pin", str(DATABASE)
    ).stdout.split("\n")
    wanted = ["root:hotlined-main 640", "root:root 600", "hotlined-main:hotlined-main 640"]
    check("each file is for those who read it", modes[:3] == wanted or print(modes))
    sim = simulate("main", "--pin", "2580")
    sh("systemctl", "start", MAIN)
    check(
        "the line is ready, with its PIN",
        until(ready, 120) or print(sh("hotlined", "status").stdout, journal(MAIN)),
    )
    figure("installation", installed - begun)
    figure("restore of a million rows", restored - installed)
    figure("start until ready", time.monotonic() - restored)
    figure("from a bare system to a line that answers", time.monotonic() - begun)
    contacts = sh("hotlined", "log", "-n", "1", "--json", "--number", "+32470999999").stdout
    state = json.loads(contacts)["answer"]["state"]
    check("an answer that waited is not sent by itself", state == "unconfirmed" or print(state))
    sim.do("deliver", from_=CALLER, text="encore moi")
    until(lambda: last_contact()["text"] == "encore moi" and last_contact()["reason"])
    reason = last_contact()["reason"]
    check("who was answered is known", reason == "cooldown" or print(reason))
    submitted = sim.do("submitted")["submitted"]
    check("nobody was answered twice", submitted == [] or print(submitted))
    configure(
        "main", answer={"delay": "0s"}, limits={"segments": {"hour": 2000, "day": 2000}}
    )  # used up by the texts beside the backup
    sh("systemctl", "reload", MAIN)
    check("a new person is answered", answered(sim, "bonjour", 1, "+32470777777") or print(last_contact()))
    sh("systemctl", "enable", "--now", f"{UNIT}.timer")
    check("backups go on", back_up() == "success")
    names = on_stick("ls main-*")
    check("with the next number", int(names[-1].split("-")[1]) == int(newest.split("-")[1]) + 1 or print(names))
    full = sh("hotlined", "db", "check", "--full")
    check("its database is whole", full.returncode == 0 or print(full.stdout, full.stderr))
    sim.close()


if __name__ == "__main__":
    LAB.mkdir(exist_ok=True)
    LAB.chmod(0o777)
    {"before": before, "after": after}[(KEPT / "act").read_text().strip()]()
    sys.exit(result())
