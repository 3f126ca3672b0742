"""`hotlined doctor`: looks at everything that a line needs, and says what is wrong and how it is cured.

Each check is a function in one table; what cannot be looked at is unknown, never an error. While the daemon runs its
status is asked, and the port is left alone; else the modem itself is asked, on a port that nobody holds. The PIN is
never sent. Known to be wrong: without root it does not see which programs of other users hold the port.
"""

import grp
import os
import platform
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import click

from hotlined import __version__, clock
from hotlined.cli.output import as_typed, json_line, print_wrapped
from hotlined.cli.record import Wanted, record
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config
from hotlined.errors import (
    ConfigError,
    DatabaseMissingError,
    HotlinedError,
    ModemError,
    PortError,
    RefusedError,
    StoreError,
    UnavailableError,
    UsageError,
)
from hotlined.files import is_missing
from hotlined.gsm import finding, uart
from hotlined.gsm.finding import Candidate, Holder
from hotlined.gsm.modem import REGISTERED, SMS_SERVICES, Condition, Modem, Registration, SimState
from hotlined.gsm.port import Port
from hotlined.gsm.sticks import OLD_IDS, OLD_MODELS, Role
from hotlined.reports.line import SHADOW, WINDOW_CODES, LineReport, report_line
from hotlined.status import ModemStatus
from hotlined.store import integrity
from hotlined.store.database import CHECK_SECONDS, open_beside_daemon
from hotlined.store.trouble import DatabaseTrouble
from hotlined.words.conditions import spent_in_words

LEAST_FREE = 20 << 20  # octets on the database's disk: less is a failure
ENOUGH_FREE = 200 << 20  # octets: less is a warning
WEAK_PERCENT = 10  # 27.007 8.5: rssi 3, -107 dBm
FORWARDING_SECONDS = 20.0  # the network is asked
_BAUDRATE = 115200  # where no configuration tells another
COMMAND_SECONDS = 5.0  # for a program of this machine
_VOICE = 1  # 27.007 7.11: class of telephony
_MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs"})
_OVERLAY_FOLDERS = ("/media/root-rw", "/overlay")  # where the read-only mode of raspi-config keeps what is written

NOTHING = Condition(Registration.UNKNOWN, None, "")

TRIES = (
    ('AT+CPINR="SIM PIN"', "+CPINR:", r"SIM PIN,\s*(\d+)"),  # 27.007 8.65
    ("AT^CPIN?", "^CPIN:", r"[^,]*,[^,]*,\d*,(\d+)"),  # Huawei: code, tries, PUK, PIN, PUK2, PIN2
    ("AT+SPIC", "+SPIC:", r"(\d+)"),  # SIMCom: PIN, PUK, PIN2, PUK2
    ('AT+QPINC="SC"', "+QPINC:", r'"SC",\s*(\d+)'),  # Quectel: PIN, PUK
)
"""What makes are asked for the PIN tries that are left, and where the number stands in the answer."""

FORWARDING = ("always", "when busy", "when not answered", "when out of reach")
"""27.007 7.11: the reasons of AT+CCFC, by their number."""


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check saw, and what a person can do about it."""

    verdict: Verdict
    seen: str
    cure: str = ""


def ok(seen: str) -> Seen:
    """Return what is as it should be."""
    return Seen(Verdict.OK, seen)


def unknown(seen: str, cure: str = "") -> Seen:
    """Return what could not be looked at."""
    return Seen(Verdict.UNKNOWN, seen, cure)


def warn(seen: str, cure: str) -> Seen:
    """Return what works and should be changed."""
    return Seen(Verdict.WARN, seen, cure)


def fail(seen: str, cure: str) -> Seen:
    """Return what keeps the line from working."""
    return Seen(Verdict.FAIL, seen, cure)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the modem itself said; `why_not` where it was not asked."""

    why_not: str = ""
    sim: SimState | None = None
    words: str = ""
    tries: int | None = None
    model: str = ""
    condition: Condition = NOTHING
    service_centre: str = ""
    sms_service: str = ""
    storages: tuple[tuple[str, int, int], ...] = ()
    """Name, used, total."""
    forwarding: tuple[tuple[str, str], ...] | None = None
    """When calls are forwarded, and to which number; None where the network was not asked or did not say."""


@dataclass
class Scene:
    """What the checks look at: the configuration, or why there is none; the machine below `root`; daemon and modem."""

    config: Config | None
    problem: ConfigError | None = None
    root: Path = Path("/")

    @cached_property
    def told(self) -> LineReport | None:
        """What `status` has found; None without a configuration."""
        return report_line(self.config) if self.config else None

    @property
    def alive(self) -> bool:
        """Whether the daemon lives."""
        return self.told is not None and self.told.alive

    @property
    def modem(self) -> ModemStatus | None:
        """What a living daemon says of its modem."""
        return self.told.daemon.modem if self.told and self.told.alive else None

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The ports that may be asked."""
        return finding.candidates(self.root / "sys", self.root / "dev")

    @cached_property
    def ports(self) -> list[str]:
        """The configured port, or all candidates."""
        if self.config and self.config.modem.port != "auto":
            return [self.config.modem.port]
        return [candidate.port for candidate in self.candidates]

    @property
    def baudrate(self) -> int:
        """The speed of the port."""
        return self.config.modem.baudrate if self.config else _BAUDRATE

    @cached_property
    def holders(self) -> dict[str, list[Holder]]:
        """Who holds the ports, the daemon left out; ports that nobody holds are not in it."""
        ours = self.told.daemon.pid if self.told and self.told.alive else None
        found = {port: finding.holders(port, self.root / "proc") for port in self.ports}
        others = {port: [holder for holder in holders if holder.pid != ours] for port, holders in found.items()}
        return {port: holders for port, holders in others.items() if holders}

    @cached_property
    def asked(self) -> Asked:
        """What the modem says, asked once."""
        return ask(self)

    @property
    def condition(self) -> Condition:
        """Registration, signal and operator, from the daemon or the modem."""
        if (told := self.modem) is None:
            return self.asked.condition
        return Condition(
            Registration(told.registration), told.signal_percent, told.operator or "", told.technology or ""
        )

    def running(self, program: str) -> bool:
        """Tell whether a program runs, by the name of its process."""
        names = (_text(folder / "comm") for folder in (self.root / "proc").glob("[0-9]*"))
        return program in names


def ask(scene: Scene) -> Asked:
    """Ask the first modem that answers; no port is opened that the daemon or another program has."""
    if scene.alive:
        return Asked("the daemon has the port: stop it to have the modem asked")
    why_not = "there is no port to ask"
    for name in scene.ports:
        if name in scene.holders:
            why_not = f"{name} is held by another program"
            continue
        try:
            port = Port(name, scene.baudrate)
        except PortError as error:
            why_not = error.message.rstrip(".")
            continue
        try:
            return _answers(Modem(port, lambda _until: None))
        except (PortError, ModemError) as error:
            why_not = error.message.rstrip(".")
        finally:
            port.close()
    return Asked(why_not)


def _answers(modem: Modem) -> Asked:
    modem.begin(tries=2)
    sim, words = modem.sim_state()
    tries = next((found for row in TRIES if (found := _maybe_tries(modem, *row)) is not None), None)
    model = modem.ask("AT+CGMM")
    if sim is not SimState.READY:
        return Asked(sim=sim, words=words, tries=tries, model=model)
    condition = modem.condition()
    storages = re.findall(r'"(\w+)",(\d+),(\d+)', modem.ask("AT+CPMS?", "+CPMS:"))
    return Asked(
        sim=sim,
        words=words,
        tries=tries,
        model=model,
        condition=condition,
        service_centre=modem.ask("AT+CSCA?", "+CSCA:").split(",")[0].strip('"'),
        sms_service=SMS_SERVICES.get(modem.ask("AT+CGSMS?", "+CGSMS:"), ""),
        storages=tuple(sorted({(name, int(used), int(total)) for name, used, total in storages})),
        forwarding=_maybe_forwarding(modem) if condition.registration in REGISTERED else None,
    )


def _maybe_tries(modem: Modem, command: str, prefix: str, pattern: str) -> int | None:
    found = re.match(pattern, modem.ask(command, prefix))
    return int(found[1]) if found else None


def _maybe_forwarding(modem: Modem) -> tuple[tuple[str, str], ...] | None:
    """Ask the network when calls are forwarded (27.007 7.11: mode 2 only asks); None if it does not say."""
    active = []
    for reason, when in enumerate(FORWARDING):
        response = modem.run(f"AT+CCFC={reason},2", "+CCFC:", seconds=FORWARDING_SECONDS)
        if not response.final.ok:
            return None
        for line in response.lines:
            status, services, number = [*line.text.removeprefix("+CCFC:").split(","), "", ""][:3]
            if status.strip() == "1" and int(services or _VOICE) & _VOICE:
                active.append((when, number.strip(' "')))
    return tuple(active)


# ---- this machine


def interpreter(_scene: Scene) -> Seen:
    """Tell the versions of hotlined, Python and SQLite."""
    versions = f"hotlined {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return ok(f"{versions} ({sys.executable})")


def packages(_scene: Scene) -> Seen:
    """Check that the libraries are there that setup.cfg asks for."""
    try:
        requirements = metadata.requires("hotlined") or []
    except metadata.PackageNotFoundError:
        return unknown("hotlined runs from its source, so nothing says what it needs")
    names = [re.split(r"[<>=!~;\[ ]", each)[0] for each in requirements if "extra ==" not in each]
    missing = [name for name in names if not any(metadata.distributions(name=name))]
    if missing:
        return fail(f"missing: {', '.join(missing)}", f"`{sys.executable} -m pip install {' '.join(missing)}`")
    return ok(f"all {len(names)} libraries are there")


def configuration(scene: Scene) -> Seen:
    """Check that there is a configuration, and that it can be used."""
    if scene.config is None:
        problem = scene.problem or ConfigError(_NO_CONFIGURATION)
        return fail("; ".join((problem.message, *problem.problems)), problem.hint or "`hotlined config check`")
    if is_missing(pin_file := scene.config.modem.pin_file):
        seen = f"{scene.config.path}: modem.pin_file names {pin_file}, which is not there"
        return warn(seen, "Put the SIM's PIN into that file, readable by the daemon's user, or take the key away.")
    return ok(f"{scene.config.path}, line {scene.config.line}")


def user(scene: Scene) -> Seen:
    """Check that this user may open the ports."""
    name, groups = pwd.getpwuid(os.getuid()).pw_name, [grp.getgrgid(gid).gr_name for gid in os.getgroups()]
    for port in map(Path, scene.ports):
        if port.exists() and not os.access(port, os.R_OK | os.W_OK):
            group = port.group()
            return fail(f"{name} may not open {port}", f"`sudo adduser {name} {group}`, then log in again.")
    return ok(f"{name}, in {', '.join(sorted(set(groups))) or 'no group'}")


def clocks(_scene: Scene) -> Seen:
    """Check that the calendar is right: limits do not need it, the age of a backlog does."""
    if clock.synchronised():
        return ok("synchronised")
    return warn(
        "not synchronised: limits hold all the same, the age of texts counts from their arrival",
        "`sudo timedatectl set-ntp true`; without a network it stays so.",
    )


def power(scene: Scene) -> Seen:
    """Check that the supply of a Raspberry Pi holds its voltage."""
    seen = False
    for sensor in (scene.root / "sys/class/hwmon").glob("hwmon*"):
        if _text(sensor / "name") == "rpi_volt":
            seen = True
            if _text(sensor / "in0_lcrit_alarm") == "1":
                return fail("undervoltage, now", _STRONGER)
    if found := re.search(r"throttled=(0x[0-9a-f]+)", _output("vcgencmd", "get_throttled")):
        bits = int(found[1], 16)  # bit 0: undervoltage now, bit 16: since this boot
        if bits & 1:
            return fail("undervoltage, now", _STRONGER)
        if bits & 1 << 16:
            return warn("there was undervoltage since this boot", _STRONGER)
        seen = True
    return ok("no undervoltage") if seen else unknown("this machine does not tell its voltage")


def disk(scene: Scene) -> Seen:
    """Check that the disk of the database can be written, keeps what is written, and has room."""
    if scene.config is None:
        return unknown(_NO_CONFIGURATION)
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
    seen = f"{free >> 20} MiB free at {folder}"
    if free < ENOUGH_FREE:
        return (fail if free < LEAST_FREE else warn)(seen, "`sudo apt clean; sudo journalctl --vacuum-size=50M`")
    return ok(seen)


def unit(scene: Scene) -> Seen:
    """Check that the service is installed, enabled and runs."""
    asked = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "UnitFileState")
    name = _unit_name(scene)
    output = _output("systemctl", "show", f"--property={','.join(asked)}", name)
    found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if not found:
        return unknown("no systemd here")
    if found["LoadState"] != "loaded":
        return warn(
            f"there is no {name}: nothing starts the daemon after a power cut", "See README.md, Ten minutes on a Pi."
        )
    return _judge_unit(name, found)


def _unit_name(scene: Scene) -> str:
    own = scene.config and scene.config.path.name != "config.yaml"  # /etc/hotlined/LINE.yaml is that of a further line
    return f"hotlined@{scene.config.path.stem}.service" if scene.config and own else "hotlined.service"


def _judge_unit(name: str, found: Mapping[str, str]) -> Seen:
    seen = f"{name} is {found['ActiveState']} ({found['SubState']}), {found['NRestarts']} restarts"
    if found["ActiveState"] == "failed" or found["Result"] not in ("success", ""):
        return fail(f"{seen}, last result: {found['Result']}", f"`journalctl -u {name} -n 50`")
    if found["ActiveState"] != "active" or found["UnitFileState"] == "disabled":
        return warn(f"{seen}, {found['UnitFileState'] or 'not enabled'}", f"`sudo systemctl enable --now {name}`")
    return ok(seen)


# ---- the stick


def stick(scene: Scene) -> Seen:
    """Check that there is a port that may be asked, and that no stick is in a mode without one."""
    troubles = finding.portless_sticks(scene.root / "sys")
    configured = scene.config.modem.port if scene.config else "auto"
    if uart.is_uart(configured):
        return ok(f"{configured}, as configured: a modem on the UART")
    if configured.startswith("/") and not Path(configured).exists():
        others = ", ".join(candidate.port for candidate in scene.candidates) or "none"
        return fail(f"modem.port names {configured}, which is not there", f"Ports that may be asked: {others}.")
    if troubles:
        seen = " ".join(trouble.message for trouble in troubles)
        return (warn if scene.ports else fail)(seen, " ".join(trouble.hint for trouble in troubles))
    if not scene.ports:
        return fail(
            "no stick is plugged in",
            "Plug it in, on a powered hub if it comes and goes; `lsusb` shows it. A modem on the UART (a HAT) is never "
            "looked for: name it, `modem.port: /dev/serial0`.",
        )
    if configured != "auto":
        return ok(f"{configured}, as configured")
    return ok(", ".join(f"{each.port} ({each.role.name.lower()} of {each.stick.title})" for each in scene.candidates))


def uarts(scene: Scene) -> Seen:
    """Check what a modem on the UART needs: the UART itself, no console on it, no Bluetooth, and a modem that is on."""
    port = scene.config.modem.port if scene.config else "auto"
    if not uart.is_uart(port):
        return ok("not used")
    if found := uart.obstacles(port, scene.root):
        judge = fail if any(each.is_fatal for each in found) else warn
        return judge("; ".join(each.message for each in found), " ".join(each.cure for each in found))
    if not scene.alive and scene.asked.sim is None and not scene.holders:
        return warn(f"nothing answers at {port}", uart.WAKING)
    return ok(f"{port} is free for the modem")


def sandbox(scene: Scene) -> Seen:
    """Check that the service may open the ports, whoever may do so here: its devices, its groups."""
    name = _unit_name(scene)
    output = _output(
        "systemctl", "show", "--property=LoadState,DevicePolicy,DeviceAllow,Group,SupplementaryGroups", name
    )
    rows = [line.split("=", 1) for line in output.splitlines() if "=" in line]
    if ["LoadState", "loaded"] not in rows:
        return unknown(f"there is no {name} here")
    return judge_sandbox(name, rows, [Path(port) for port in scene.ports if Path(port).exists()])


def judge_sandbox(name: str, rows: Sequence[Sequence[str]], ports: Iterable[Path]) -> Seen:
    """Judge whether a service that systemd describes so may open ports (systemd.resource-control(5): DeviceAllow=)."""
    allowed = [value.split()[0] for key, value in rows if key == "DeviceAllow" and value]
    groups = {group for key, value in rows if key in ("Group", "SupplementaryGroups") for group in value.split()}
    is_open = ["DevicePolicy", "auto"] in [list(row) for row in rows] and not allowed
    ports = list(ports)
    for port in ports:
        device = port.stat()
        is_terminal = os.major(device.st_rdev) in finding.TERMINALS  # systemd always lets them in
        if not (is_open or is_terminal or any(_lets_in(rule, device.st_rdev) for rule in allowed)):
            listed = ", ".join(allowed) or "none"
            return fail(f"{name} may not open {port}: its sandbox lets in {listed}", _LET_IN.format(port))
        if device.st_mode & 0o006 != 0o006 and not (device.st_mode & 0o060 == 0o060 and port.group() in groups):
            return fail(
                f"{name} may not open {port}, which belongs to {port.owner()} and {port.group()}",
                _CONSOLE_PORT
                if port.group() == "tty"
                else f"Let the service into {port.group()}: `sudo systemctl edit {name}`.",
            )
    return ok(f"{name} may open {', '.join(map(str, ports))}") if ports else unknown("there is no port")


def _lets_in(rule: str, device: int) -> bool:
    """Tell whether a rule of DeviceAllow= names a device: by major number, driver, or a name that leads to it."""
    if not rule.startswith("/"):
        major = str(os.major(device))
        drivers = re.findall(rf"^\s*{major} (\S+)$", _text(Path("/proc/devices")).partition("Block")[0], re.MULTILINE)
        return rule.removeprefix("char-") in (major, *drivers)
    try:
        return Path(rule).stat().st_rdev == device
    except OSError:
        return False


def holders(scene: Scene) -> Seen:
    """Check that no other program has the ports open."""
    if scene.holders:
        seen = "; ".join(f"{port}: {', '.join(map(str, found))}" for port, found in scene.holders.items())
        cures = dict.fromkeys(holder.hint for found in scene.holders.values() for holder in found)
        return fail(f"held by another program: {seen}", " ".join(cures))
    if not scene.ports:
        return unknown("there is no port")
    return ok("no other program" if os.geteuid() == 0 else "no other program of this user; root sees all")


def modemmanager(scene: Scene) -> Seen:
    """Check that ModemManager does not run, or that a rule keeps it off the ports."""
    if not scene.running("ModemManager"):
        return ok("does not run")
    if scene.ports and all(_is_left_alone(Path(port), scene.root / "run/udev/data") for port in scene.ports):
        return ok("runs, and a udev rule keeps it off")
    known = any(candidate.role is not Role.ADAPTER for candidate in scene.candidates)
    return (fail if known else warn)(  # by default it leaves bare serial adapters alone
        "runs, and takes the answers of any modem that it knows",
        "`sudo systemctl mask --now ModemManager`, or the rule that `hotlined udev-rule` prints.",
    )


def brltty(scene: Scene) -> Seen:
    """Check that brltty does not run, which takes serial adapters for braille displays."""
    if scene.running("brltty"):
        return warn("runs: it takes CH340, CP210x and FTDI adapters away", "`sudo apt remove brltty`")
    return ok("does not run")


def generation(scene: Scene) -> Seen:
    """Check that the modem will find a network in years to come."""
    model = (scene.modem and scene.modem.model) or scene.asked.model
    old = next((name for pattern, name in OLD_MODELS if re.search(pattern, model)), None)
    if not model:
        old, model = next(
            ((OLD_IDS[each.stick.id], each.stick.title) for each in scene.candidates if each.stick.id in OLD_IDS),
            (None, ""),
        )
    if old:
        return warn(
            f"{model} knows {old} only: these networks are being switched off (in Belgium 3G has been, and 2G "
            "will be between 2027 and 2030)",
            "Ask the operator until when, and plan for an LTE stick with serial ports.",
        )
    return ok(f"{model}: not known to be old") if model else unknown("the model is not known")


# ---- daemon, SIM and network


def daemon(scene: Scene) -> Seen:
    """Check that the daemon lives, has no complaint, and lets answers out; full windows have a check of their own."""
    told = scene.told
    if told is None:
        return unknown(_NO_CONFIGURATION)
    words = " ".join(each.sentences for each in told.trouble if each.code not in WINDOW_CODES)
    if not told.alive:
        return fail("does not run", words)
    state = f"process {told.daemon.pid}, modem {told.daemon.modem.state}"
    notes = "".join(f", {note}" for code, note in _CHOSEN.items() if told.maybe(code))
    if not words:
        return ok(state)
    return (fail if told.grave else warn)(state + notes, words)


def sim(scene: Scene) -> Seen:
    """Check that the SIM can be used; else tell how many tries of its PIN are left."""
    if scene.told and scene.told.alive:
        state = str(scene.told.daemon.modem.state)
        if state in ("ready", "unregistered"):
            return ok("ready, as the daemon says")
        if state.startswith(("sim", "pin", "puk")):
            trouble = scene.told.maybe(state)
            return fail(state, trouble.sentences if trouble else "")
        return unknown(f"the modem is {state}")
    asked = scene.asked
    if asked.sim is None:
        return unknown(asked.why_not)
    seen = asked.words if asked.tries is None else f"{asked.words}, tries of the PIN left: {asked.tries}"
    if asked.sim is SimState.READY:
        return ok(seen)
    if asked.sim is SimState.PIN and asked.tries != 1:
        return warn(seen, "Set `modem.pin_file`: the daemon tries each value once; or switch the PIN off with a phone.")
    return fail(seen, _SIM_CURES.get(asked.sim, "Put the SIM into a phone and see."))


def forwarding(scene: Scene) -> Seen:
    """Check that no call goes to a voicemail or another number instead of the line."""
    active = scene.asked.forwarding
    if active is None:
        return unknown(scene.asked.why_not or "the network does not say")
    if active:
        seen = ", ".join(f"{when} to {number or 'a number'}" for when, number in active)
        return warn(f"calls are forwarded {seen}", "Dial ##002# with the SIM in a phone: it ends all forwarding.")
    return ok("calls are not forwarded")


def registration(scene: Scene) -> Seen:
    """Check that the network has the SIM."""
    state, operator = scene.condition.registration, scene.condition.operator or "an unnamed operator"
    if state is Registration.UNKNOWN:
        return unknown(scene.asked.why_not or "the modem does not say")
    if state is Registration.HOME:
        return ok(f"at home with {operator}")
    if state is Registration.ROAMING:
        return warn(f"roaming with {operator}: answers may cost more", "Check the SIM's tariff.")
    return fail(str(state), "Check antenna and place, then the SIM in a phone: is it activated, paid, allowed here?")


def technology(scene: Scene) -> Seen:
    """Tell which network is used, and how texts are sent in it; warn where it is one that is being switched off."""
    used = scene.condition.technology
    service = (scene.modem.sms_service if scene.modem else scene.asked.sms_service) or ""
    way = f", texts by {service} (AT+CGSMS?)" if service else ""
    if not used:
        return unknown((scene.asked.why_not or "the modem does not say") + way)
    if used in _ENDING:
        return warn(
            f"{used}{way}: this network is being switched off",
            "Ask the operator until when; a stick that knows LTE uses it by itself where it is there.",
        )
    if service == "packet":
        return warn(f"{used}{way} alone", "If texts are refused: `AT+CGSMS=3` lets the other way in, too.")
    return ok(used + way)


def signal(scene: Scene) -> Seen:
    """Check that the signal is strong enough."""
    percent = scene.condition.signal_percent
    if percent is None:
        return unknown(scene.asked.why_not or "the modem does not say")
    if percent < WEAK_PERCENT:
        return warn(f"{percent} %", "Bring the stick to a window, on an extension cable and away from the Pi.")
    return ok(f"{percent} %")


def service_centre(scene: Scene) -> Seen:
    """Check that the SIM knows its service centre, without which no text leaves."""
    if scene.asked.sim is not SimState.READY:
        return unknown(scene.asked.why_not or "the SIM is not ready")
    if scene.asked.service_centre:
        return ok(scene.asked.service_centre)
    return fail("the SIM has none", 'Ask the operator for it and set it with AT+CSCA="+32…",145 or in a phone.')


def storages(scene: Scene) -> Seen:
    """Check that the SIM has room for texts."""
    told = tuple((each.name, each.used, each.total) for each in scene.modem.storages) if scene.modem else ()
    found = told or scene.asked.storages
    if not found:
        return unknown(scene.asked.why_not or "the modem does not say")
    seen = ", ".join(f"{name} {used} of {total}" for name, used, total in found)
    if scene.modem and scene.modem.undeletable:
        return warn(
            f"{seen}; the modem does not delete {scene.modem.undeletable} of them",
            "What is in them is recorded. Delete them with the SIM in a phone, or replace the SIM.",
        )
    if any(total and used >= total for _, used, total in found):
        return warn(f"{seen}: full, so texts wait in the network", "`hotlined run` records and empties it.")
    return ok(seen)


def budgets(scene: Scene) -> Seen:
    """Check that there is room for answers."""
    if scene.told is None or scene.told.stored is None:
        return unknown("no database tells it" if scene.told else _NO_CONFIGURATION)
    found = scene.told.stored.budgets
    seen = ", ".join(spent_in_words(name, budget) for name, budget in found.items())
    if any(scene.told.maybe(code) for code in WINDOW_CODES):
        return warn(f"{seen}: answers wait", "`hotlined limits` says when there is room again.")
    return ok(seen)


def database(scene: Scene) -> Seen:
    """Check that the database is there and whole."""
    if scene.config is None or scene.told is None:
        return unknown(_NO_CONFIGURATION)
    try:
        with open_beside_daemon(scene.config.database) as db:
            found = integrity.first_damage(db.connection, CHECK_SECONDS, lambda: False)
    except DatabaseMissingError as error:
        return warn(error.message.rstrip("."), error.hint)
    except StoreError:
        if locked := scene.told.maybe("database_locked"):
            return fail(locked.words.rstrip("."), locked.cure)
        raise
    except sqlite3.Error as error:
        raise DatabaseTrouble.of(error).as_error(scene.config.database) from error
    state = scene.told.database_state
    if found or state not in ("ok", None):
        trouble = scene.told.maybe(f"database_{state}")
        return fail(f"{scene.config.database}: {found or state}", trouble.sentences if trouble else "Restore a backup.")
    return ok(f"{scene.config.database} is whole")


CHECKS: Mapping[str, Callable[[Scene], Seen]] = MappingProxyType(
    {
        "interpreter": interpreter,
        "libraries": packages,
        "configuration": configuration,
        "user": user,
        "clock": clocks,
        "power": power,
        "disk": disk,
        "service": unit,
        "stick": stick,
        "UART": uarts,
        "sandbox": sandbox,
        "port": holders,
        "ModemManager": modemmanager,
        "brltty": brltty,
        "daemon": daemon,
        "database": database,
        "budgets": budgets,
        "SIM": sim,
        "generation": generation,
        "registration": registration,
        "technology": technology,
        "signal": signal,
        "service centre": service_centre,
        "storages": storages,
        "forwarding": forwarding,
    }
)
"""Every check by its name, in the order in which they are told."""


def look(settings: Settings) -> Scene:
    """Return this machine with the configuration that was asked for; raises UsageError for a line that is none."""
    try:
        return Scene(settings.config())
    except ConfigError as error:
        return Scene(None, error)


def examine(scene: Scene) -> Iterator[tuple[str, Seen]]:
    """Run all checks; one that cannot look is unknown."""
    for name, check in CHECKS.items():
        try:
            yield name, check(scene)
        except HotlinedError as error:
            yield name, fail(error.message.rstrip("."), error.hint)
        except (OSError, KeyError, ValueError) as error:
            yield name, unknown(f"{type(error).__name__}: {error}")


def record_stick(scene: Scene, path: Path) -> None:
    """Record the stick; raises RefusedError while the daemon has it, UnavailableError where there is none."""
    if scene.alive:
        raise RefusedError("The daemon has the port.", "Stop it for as long: `sudo systemctl stop hotlined`.")
    if not scene.ports:
        raise UnavailableError("There is no port to ask.", "`hotlined doctor` says what is plugged in.")
    forwarding = [f"AT+CCFC={reason},2" for reason, _ in enumerate(FORWARDING)]
    tries = [command for command, _, _ in TRIES]
    record(Wanted(scene.ports, scene.candidates, scene.baudrate, (*tries, *forwarding)), path)


@click.command
@click.option("--json", "as_json", is_flag=True, help="One object a line: check, verdict, seen, cure.")
@click.option(
    "--record",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Instead, write what the stick answers to all that is ever asked, without numbers, identities and texts.",
)
@pass_settings
@click.pass_context
def doctor(ctx: click.Context, settings: Settings, as_json: bool, file: Path | None) -> None:
    """Look at everything that a line needs, and say what is wrong and how it is cured.

    A running daemon is not disturbed; without one the modem itself is asked. The exit code is 1 if something fails.
    A recording is for the project, which replays it. Stop the daemon first; nothing is sent or deleted, no PIN given.

    Example: hotlined doctor
    """
    if file:
        if as_json:
            raise UsageError("--record writes no JSON.", "Leave --json out.")
        record_stick(look(settings), file)
        return
    tally: Counter[Verdict] = Counter()
    for name, found in examine(look(settings)):
        tally[found.verdict] += 1
        if as_json:
            click.echo(json_line({"check": name} | asdict(found)))
            continue
        print_wrapped(f"{found.verdict}: {found.seen}", name)
        if found.cure:
            print_wrapped(as_typed(f"→ {found.cure}"), " ")
    if not as_json:
        print_wrapped(", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.items())))
    ctx.exit(HotlinedError.exit_code if tally[Verdict.FAIL] else 0)


_LET_IN = "`sudo scripts/install --uart {}` lets a UART in; ports on USB are let in by themselves."
_CONSOLE_PORT = f"The login console has it: {uart.CONSOLE_OFF}"
_ENDING = frozenset({"2G", "3G"})
_CHOSEN = {SHADOW: "shadow mode", "paused": "paused"}
_NO_CONFIGURATION = "there is no configuration to tell"
_STRONGER = "Use the supply that was made for this Pi, and a powered hub for the stick."
_SIM_CURES: Mapping[SimState, str] = MappingProxyType(
    {
        SimState.ABSENT: "Put the SIM in, contacts down, and plug the stick in again.",
        SimState.PIN: "One more wrong PIN locks the SIM: enter it in a phone, and switch it off there.",
        SimState.PUK: "Put the SIM into a phone and enter the PUK that came with it.",
    }
)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _output(*command: str) -> str:
    """Return what a program of this machine prints; nothing where there is none or it fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _is_left_alone(port: Path, tags: Path) -> bool:
    """Tell whether udev's database says that ModemManager keeps off a port."""
    try:
        device = port.stat().st_rdev
    except OSError:
        return False
    told = _text(tags / f"c{os.major(device)}:{os.minor(device)}").splitlines()
    return "E:ID_MM_DEVICE_IGNORE=1" in told or "E:ID_MM_PORT_IGNORE=1" in told


def _maybe_memory(folder: Path, mounts: Path) -> str | None:
    """Return the kind of filesystem that a folder is on if that is lost with the power."""
    rows = [line.split() for line in _text(mounts).splitlines()]
    above = [row for row in rows if len(row) > 3 and folder.resolve().is_relative_to(row[1])]
    if not above:
        return None
    _, _, kind, options = max(above, key=lambda row: len(row[1]))[:4]
    over = kind == "overlay" and any(f"upperdir={place}" in options for place in _OVERLAY_FOLDERS)
    return kind if over or kind in _MEMORY_FILESYSTEMS else None
