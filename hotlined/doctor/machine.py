"""Checks of this machine: its programs, its clock, its power, its disk, its service."""

import grp
import os
import platform
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from hotlined import __version__, clock
from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.scene import NO_CONFIGURATION, Scene, text_of

LEAST_FREE = 20 << 20  # octets on the database's disk: less is a failure
ENOUGH_FREE = 200 << 20  # octets: less is a warning
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "UnitFileState")
COMMAND_SECONDS = 5.0  # for a program of this machine
_MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs"})
_OVERLAY_FOLDERS = ("/media/root-rw", "/overlay")  # where the read-only mode of raspi-config keeps what is written
_STRONGER = "Use the supply that was made for this Pi, and a powered hub for the stick."


def interpreter(_scene: Scene) -> Finding:
    """Return the versions of hotlined, Python and SQLite."""
    versions = f"hotlined {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return ok(f"{versions} ({sys.executable})")


def packages(_scene: Scene) -> Finding:
    """Check that the libraries that setup.cfg asks for are installed."""
    try:
        requirements = metadata.requires("hotlined") or []
    except metadata.PackageNotFoundError:
        return unknown("hotlined runs from its source, so nothing says what it needs")
    names = [re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in requirements if "extra ==" not in requirement]
    missing = [name for name in names if not any(metadata.distributions(name=name))]
    if missing:
        return fail(f"missing: {', '.join(missing)}", f"`{sys.executable} -m pip install {' '.join(missing)}`")
    return ok(f"all {len(names)} libraries are there")


def user(scene: Scene) -> Finding:
    """Check that this user may open the ports."""
    name, groups = pwd.getpwuid(os.getuid()).pw_name, [grp.getgrgid(gid).gr_name for gid in os.getgroups()]
    for port in map(Path, scene.ports):
        if port.exists() and not os.access(port, os.R_OK | os.W_OK):
            group = port.group()
            return fail(f"{name} may not open {port}", f"`sudo adduser {name} {group}`, then log in again.")
    return ok(f"{name}, in {', '.join(sorted(set(groups))) or 'no group'}")


def clocks(_scene: Scene) -> Finding:
    """Check that the calendar is right: the age of a backlog depends on it, limits do not."""
    if clock.synchronised():
        return ok("synchronised")
    return warn(
        "not synchronised: limits hold all the same, the age of texts counts from their arrival",
        "`sudo timedatectl set-ntp true`; without a network it stays so.",
    )


def power(scene: Scene) -> Finding:
    """Check that the supply of a Raspberry Pi holds its voltage."""
    is_measured = False
    for sensor in (scene.root / "sys/class/hwmon").glob("hwmon*"):
        if text_of(sensor / "name") == "rpi_volt":
            is_measured = True
            if text_of(sensor / "in0_lcrit_alarm") == "1":
                return fail("undervoltage, now", _STRONGER)
    if match := re.search(r"throttled=(0x[0-9a-f]+)", output_of("vcgencmd", "get_throttled")):
        bits = int(match[1], 16)  # bit 0: undervoltage now, bit 16: since this boot
        if bits & 1:
            return fail("undervoltage, now", _STRONGER)
        if bits & 1 << 16:
            return warn("there was undervoltage since this boot", _STRONGER)
        is_measured = True
    return ok("no undervoltage") if is_measured else unknown("this machine does not measure its voltage")


def disk(scene: Scene) -> Finding:
    """Check that the disk of the database can be written, keeps what is written, and has room."""
    if scene.config is None:
        return unknown(NO_CONFIGURATION)
    folder = next(parent for parent in (scene.config.database, *scene.config.database.parents) if parent.is_dir())
    use = os.statvfs(folder)
    free = use.f_bavail * use.f_frsize
    if use.f_flag & os.ST_RDONLY:
        return fail(f"{folder} is read-only", "`sudo mount -o remount,rw /`; if it comes back, replace the card.")
    if kind := _maybe_memory(folder, scene.root / "proc/self/mounts"):
        return fail(
            f"{folder} is in memory ({kind}): what is written is gone at the next power cut",
            "`sudo raspi-config nonint do_overlayfs 1`, or put the database on a disk.",
        )
    room = f"{free >> 20} MiB free at {folder}"
    if free < ENOUGH_FREE:
        return (fail if free < LEAST_FREE else warn)(room, "`sudo apt clean; sudo journalctl --vacuum-size=50M`")
    return ok(room)


def unit(scene: Scene) -> Finding:
    """Check that the service is installed, enabled and runs."""
    name = unit_name(scene)
    output = output_of("systemctl", "show", f"--property={','.join(_PROPERTIES)}", name)
    properties = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if not properties:
        return unknown("no systemd here")
    if properties["LoadState"] != "loaded":
        return warn(
            f"there is no {name}: nothing starts the daemon after a power cut", "See README.md, Ten minutes on a Pi."
        )
    return _judge_unit(name, properties)


def unit_name(scene: Scene) -> str:
    """Return the name of the service that serves the line."""
    own = scene.config and scene.config.path.name != "config.yaml"  # /etc/hotlined/LINE.yaml is that of a further line
    return f"hotlined@{scene.config.path.stem}.service" if scene.config and own else "hotlined.service"


def _judge_unit(name: str, properties: Mapping[str, str]) -> Finding:
    active, result, enabled = (properties[key] for key in ("ActiveState", "Result", "UnitFileState"))
    state = f"{name} is {active} ({properties['SubState']}), {properties['NRestarts']} restarts"
    if active == "failed" or result not in ("success", ""):
        return fail(f"{state}, last result: {result}", f"`journalctl -u {name} -n 50`")
    if active != "active" or enabled == "disabled":
        return warn(f"{state}, {enabled or 'not enabled'}", f"`sudo systemctl enable --now {name}`")
    return ok(state)


def output_of(*command: str) -> str:
    """Return what a program of this machine prints; nothing where there is none or it fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _maybe_memory(folder: Path, mounts: Path) -> str | None:
    """Return the kind of a folder's filesystem if it is lost with the power."""
    rows = [line.split() for line in text_of(mounts).splitlines()]
    above = [row for row in rows if len(row) > 3 and folder.resolve().is_relative_to(row[1])]
    if not above:
        return None
    _, _, kind, options = max(above, key=lambda row: len(row[1]))[:4]
    over = kind == "overlay" and any(f"upperdir={place}" in options for place in _OVERLAY_FOLDERS)
    return kind if over or kind in _MEMORY_FILESYSTEMS else None
