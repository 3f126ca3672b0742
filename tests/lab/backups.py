"""A stick for backups in an emulated computer: FAT, udev, and removal of the stick or the power at any moment.

An act of `scripts/lab usb`; alone: backups.py FOLDER-WITH-THE-PACKAGE
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks import check, figure, result
from machine import INSTALL, Machine, image

CACHE = Path(os.environ.get("HOTLINED_LAB", "/var/tmp/hotlined-lab"))
UNIT = "hotlined-offcard@main"
STICK = "/dev/disk/by-label/HOTLINED"
GROW = (
    "INSERT INTO events (at, kind, word)"
    " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000)"
    " SELECT '2026-11-24T22:18:00.123Z', 'lab', hex(randomblob(150)) FROM n"
)


def status(pi: Machine) -> dict[str, object]:
    """Return the backup's part of `status --json`."""
    found: dict[str, object] = json.loads(pi.sh("hotlined status --json")[1])["backup"] or {}
    return found


def lies_there(pi: Machine) -> list[str]:
    """Return the files on the stick with their checksums."""
    said = pi.sh(f"mount -o ro {STICK} /mnt && cd /mnt && ls -A | xargs -r sha256sum; cd /; umount /mnt")[1]
    return said.splitlines()


def configured(pi: Machine) -> None:
    """Make a key, and configure the backup's place and recipient."""
    page = pi.sh("hotlined db key")[1]
    found = re.search(r"recipients: \[(age1\w+)\]", page)
    check("a key is made", found or print(page))
    recipient = found[1] if found else ""
    section = f"backup:\\n  folder: /media/hotlined\\n  recipients: [{recipient}]\\n"
    pi.sh(f"printf '{section}' >>/etc/hotlined/main.yaml")
    code, said = pi.sh(f"hotlined config check; systemctl reload hotlined@main; systemctl enable --now {UNIT}.timer")
    check("backups are switched on", code == 0 or print(said))


def plugged(pi: Machine, disk: Path) -> None:
    """Plug the stick in: that is all a person does."""
    begun = time.monotonic()
    pi.plug_disk("backup", disk)
    made = pi.until(f"hotlined status --json | grep -q main-000001 && ! systemctl is-active {UNIT}", 180)
    check(
        "a stick that is put in has its backup",
        made or print(pi.sh(f"journalctl -u {UNIT} -u media-hotlined.mount")[1]),
    )
    figure("plugged in to a backup that counts", time.monotonic() - begun)
    gone = pi.until("! mountpoint -q /media/hotlined", 30)
    check("it is mounted no longer", gone)
    found = lies_there(pi)
    check("one file lies on it", (len(found) == 1 and "main-000001-" in found[0]) or print(found))


def pulled(pi: Machine, disk: Path) -> None:
    """Pull it during a backup, and plug it in again."""
    before = lies_there(pi)
    pi.sh(
        f'systemctl stop hotlined@main; runuser -u hotlined-main -- python3 -c "import sqlite3; c = sqlite3.connect('
        f"'/var/lib/hotlined-main/hotlined.db'); c.execute('''{GROW}'''); c.commit()\"; systemctl start hotlined@main"
    )
    pi.sh(f"systemctl start --no-block {UNIT}")
    begun = pi.until("test -s /media/hotlined/.main.unfinished", 120)
    options = pi.sh("findmnt -no OPTIONS /media/hotlined")[1]
    who = pi.sh("stat -c '%U:%G %a' /media/hotlined/.main.unfinished")[1]
    check(
        "nothing on a mounted stick is run", {"nosuid", "nodev", "noexec"} <= set(options.split(",")) or print(options)
    )
    check("and nobody but lines read it", who == "root:hotlined-backup 770" or print(who))
    pi.unplug("backup")
    check("it is pulled in the middle", begun)
    ended = pi.until(f"systemctl is-failed {UNIT}", 120)
    check("that is told", (ended and status(pi)["failure"] in ("lost", "read_only")) or print(status(pi)))
    pi.until(f"! test -e {STICK}", 30)
    pi.plug_disk("backup", disk)
    check(
        "put in again, it has its backup",
        pi.until("hotlined status --json | grep -q main-000002", 240) or print(status(pi)),
    )
    pi.until(f"! systemctl is-active {UNIT}; ! mountpoint -q /media/hotlined", 60)
    after = lies_there(pi)
    check("the one before is as it was", (before[0] in after and len(after) == 2) or print(before, after))


def cut(pi: Machine, disk: Path) -> None:
    """Cut the power during a backup; afterwards the clock is months late."""
    before = lies_there(pi)
    pi.sh(f"systemctl start --no-block {UNIT}")
    check("a backup is being written", pi.until("test -s /media/hotlined/.main.unfinished", 120))
    pi.cut_power()
    pi.boot("1999-01-01T00:00:00")  # systemd sets its own build date instead
    pi.plug_disk("backup", disk)
    check(
        "after a power cut the next one is made",
        pi.until("hotlined status --json | grep -q main-000003", 300) or print(status(pi)),
    )
    pi.until(f"! systemctl is-active {UNIT}; ! mountpoint -q /media/hotlined", 60)
    after = lies_there(pi)
    check("and those before are as they were", (set(before) <= set(after) and len(after) == 3) or print(before, after))
    dates = [each.split("-")[2] for each in sorted(each.split()[1] for each in after)]
    check("though it bears an earlier date than the one before", dates[2] < dates[1] or print(after))


def backups(pi: Machine, work: Path) -> None:
    """Run all of it on a machine with hotlined installed."""
    disk = work / "backup.img"
    with disk.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.vfat", "-n", "HOTLINED", disk], check=True, stdout=subprocess.DEVNULL)
    configured(pi)
    plugged(pi, disk)
    pulled(pi, disk)
    cut(pi, disk)


def main() -> int:
    """Install, and run this act alone."""
    work = Path(tempfile.mkdtemp(prefix="machine.", dir=CACHE))
    pi = None
    try:
        pi = Machine(image(CACHE), work, Path(sys.argv[1]))
        figure("boot, of the machine", pi.boot())
        code, said = pi.sh(INSTALL)
        check("it is installed", code == 0 or print(said))
        backups(pi, work)
    finally:
        if pi:
            pi.cut_power()
        shutil.rmtree(work, ignore_errors=True)
    return result()


if __name__ == "__main__":
    sys.exit(main())
