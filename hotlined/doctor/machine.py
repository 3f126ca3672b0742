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
from importlib.util import find_spec
from pathlib import Path

from hotlined import __version__
from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.host import NO_CONFIGURATION, Host, text_of
from hotlined.language import N_, _, in_digits, ngettext
from hotlined.machine import clock
from hotlined.states import TroubleCode

LEAST_FREE = 20 << 20  # bytes on the database's disk; less is a failure
LIBRARIES = {
    "click": "python3-click",
    "phonenumbers": "python3-phonenumbers",
    "rich": "python3-rich",
    "serial": "python3-serial",
    "sqlite_utils": "sqlite-utils",
    "yaml": "python3-yaml",
}
"""The libraries that the program always needs: the name for `import`, and Debian's package."""
OPTIONAL_LIBRARIES = {
    "apprise": "apprise",
    "flask": "python3-flask",
    "psycopg": "python3-psycopg",
    "waitress": "python3-waitress",
}
"""The libraries that only some lines need."""
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "UnitFileState")
COMMAND_SECONDS = 5.0  # for a program of this machine
_MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs"})
_OVERLAY_FOLDERS = ("/media/root-rw", "/overlay")  # in memory: the read-only mode of raspi-config writes there
_UNDERVOLTAGE = N_("undervoltage, now")
_STRONGER = N_("Use the supply that was made for this Pi, and a powered hub for the stick.")


def interpreter(_scene: Host) -> Finding:
    """Return the versions of hotlined, Python and SQLite."""
    versions = f"hotlined {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return ok(f"{versions} ({sys.executable})")


def libraries(host: Host) -> Finding:
    """Check that the libraries of the program, and those that the configuration needs, are installed."""
    wanted = dict(LIBRARIES)
    if host.config and (host.config.alerts.urls or host.config.alerts.urls_file):
        wanted["apprise"] = OPTIONAL_LIBRARIES["apprise"]
    if host.report and host.report.stored and host.report.stored.fleet:
        wanted["psycopg"] = OPTIONAL_LIBRARIES["psycopg"]
    missing = {name: package for name, package in wanted.items() if find_spec(name) is None}
    if missing:
        return fail(_("missing: {names}", names=", ".join(missing)), f"`sudo apt install {' '.join(missing.values())}`")
    return ok(ngettext("{number} library is there", "all {number} libraries are there", len(wanted)))


def user(host: Host) -> Finding:
    """Check that this user may open the ports; with a service only the service opens them, and no person has to."""
    name, groups = pwd.getpwuid(os.getuid()).pw_name, [grp.getgrgid(gid).gr_name for gid in os.getgroups()]
    for port in map(Path, () if _has_service(host) else host.ports):
        if port.exists() and not os.access(port, os.R_OK | os.W_OK):
            group = port.group()
            cure = _("`sudo adduser {user} {group}`, then log in again.", user=name, group=group)
            return fail(_("{user} may not open {port}", user=name, port=port), cure)
    if not groups:
        return ok(_("{user}, in no group", user=name))
    return ok(_("{user}, in {groups}", user=name, groups=", ".join(sorted(set(groups)))))


def clocks(_scene: Host) -> Finding:
    """Check that the calendar is synchronised: the age of a backlog depends on it; limits do not."""
    if clock.synchronised():
        return ok(_("synchronised"))
    return warn(
        _("not synchronised: limits hold all the same, the age of texts counts from their arrival"),
        _("`sudo timedatectl set-ntp true`; without a network it stays so."),
    )


def power(host: Host) -> Finding:
    """Check that the power supply of a Raspberry Pi holds its voltage."""
    is_measured = False
    for sensor in (host.root / "sys/class/hwmon").glob("hwmon*"):
        if text_of(sensor / "name") == "rpi_volt":
            is_measured = True
            if text_of(sensor / "in0_lcrit_alarm") == "1":
                return fail(_(_UNDERVOLTAGE), _(_STRONGER))
    if match := re.search(r"throttled=(0x[0-9a-f]+)", output_of("vcgencmd", "get_throttled")):
        bits = int(match[1], 16)  # bit 0: undervoltage now, bit 16: since this boot
        if bits & 1:
            return fail(_(_UNDERVOLTAGE), _(_STRONGER))
        if bits & 1 << 16:
            return warn(_("there was undervoltage since this boot"), _(_STRONGER))
        is_measured = True
    return ok(_("no undervoltage")) if is_measured else unknown(_("this machine does not measure its voltage"))


def disk(host: Host) -> Finding:
    """Check that the disk of the database can be written, keeps its data without power, and has room."""
    if host.config is None:
        return unknown(_(NO_CONFIGURATION))
    folder = next(parent for parent in (host.config.database, *host.config.database.parents) if parent.is_dir())
    use = os.statvfs(folder)
    free = use.f_bavail * use.f_frsize
    if use.f_flag & os.ST_RDONLY:
        cure = _("`sudo mount -o remount,rw /`; if it comes back, replace the card.")
        return fail(_("{folder} is read-only", folder=folder), cure)
    if kind := _maybe_memory(folder, host.root / "proc/self/mounts"):
        return fail(
            _(
                "{folder} is in memory ({kind}): what is written is gone at the next power cut",
                folder=folder,
                kind=kind,
            ),
            _("`sudo raspi-config nonint do_overlayfs 1`, or put the database on a disk."),
        )
    room = _("{number} MiB free at {folder}", number=in_digits(free >> 20), folder=folder)
    low = host.report is not None and host.report.maybe(TroubleCode.DISK_LOW) is not None
    if low or free < LEAST_FREE:
        return (fail if free < LEAST_FREE else warn)(room, "`sudo apt clean; sudo journalctl --vacuum-size=50M`")
    return ok(room)


def unit(host: Host) -> Finding:
    """Check that the service is installed, enabled and running."""
    name = unit_name(host)
    output = output_of("systemctl", "show", f"--property={','.join(_PROPERTIES)}", name)
    properties = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if not properties:
        return unknown(_("no systemd here"))
    if properties["LoadState"] != "loaded":
        return warn(
            _("there is no {service}: nothing starts the daemon after a power cut", service=name),
            _("See docs/installation.md."),
        )
    return _judge_unit(name, properties)


def _has_service(host: Host) -> bool:
    """Tell whether systemd has a service for the line."""
    return output_of("systemctl", "show", "--property=LoadState", unit_name(host)).strip() == "LoadState=loaded"


def unit_name(host: Host) -> str:
    """Return the name of the line's service."""
    return f"hotlined@{host.config.name if host.config else 'main'}.service"


def _judge_unit(name: str, properties: Mapping[str, str]) -> Finding:
    active, result, enabled = (properties[key] for key in ("ActiveState", "Result", "UnitFileState"))
    state = ngettext(
        "{service} is {active} ({sub}), {number} restart",
        "{service} is {active} ({sub}), {number} restarts",
        int(properties["NRestarts"]),
        service=name,
        active=active,
        sub=properties["SubState"],
    )
    if active == "failed" or result not in ("success", ""):
        return fail(_("{state}, last result: {result}", state=state, result=result), f"`journalctl -u {name} -n 50`")
    if active != "active" or enabled == "disabled":
        seen = f"{state}, {enabled}" if enabled else _("{state}, not enabled", state=state)
        return warn(seen, f"`sudo systemctl enable --now {name}`")
    return ok(state)


def output_of(*command: str) -> str:
    """Return the output of a program of this machine; empty if it is missing, fails, or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _maybe_memory(folder: Path, mounts: Path) -> str | None:
    """Return the kind of a folder's filesystem if it loses its data with the power, else None."""
    rows = [line.split() for line in text_of(mounts).splitlines()]
    above = [row for row in rows if len(row) > 3 and folder.resolve().is_relative_to(row[1])]
    if not above:
        return None
    _, _, kind, options = max(above, key=lambda row: len(row[1]))[:4]
    over = kind == "overlay" and any(f"upperdir={place}" in options for place in _OVERLAY_FOLDERS)
    return kind if over or kind in _MEMORY_FILESYSTEMS else None
