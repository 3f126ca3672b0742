"""Checks of the stick and its ports: its presence, other programs on its ports, rights, and its generation."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hotlined.doctor.findings import Finding, fail, ok, unknown, warn
from hotlined.doctor.host import Host, text_of
from hotlined.doctor.machine import output_of, unit_name
from hotlined.gsm import finding, uart
from hotlined.gsm.responses import Generation
from hotlined.gsm.sticks import PortRole
from hotlined.language import N_, NP_, Phrases, _, in_row
from hotlined.states import ModemState

_LET_IN = N_("`sudo hotlined-setup uart {port} {name}` lets a UART in; ports on USB are let in by themselves.")
_NO_PORT = N_("there is no port")
_DOES_NOT_RUN = N_("does not run")
_OLD: Phrases[str] = Phrases(
    {
        Generation.SECOND: N_("2G"),
        Generation.THIRD: N_("2G and 3G"),
        Generation.BEFORE_LTE: N_("2G or 3G"),
    }
)
"""The networks of a modem without LTE, in words."""
_PLUG_IN = N_(
    "Plug the stick in again. If it is there under another name (`ls -l /dev/serial/by-id`), correct modem.port, then"
    " reload the daemon."
)
_LTE = frozenset({"LTE", "NB-IoT", "5G"})
_ROLES = Phrases(
    {
        PortRole.AT: NP_("port", "at"),
        PortRole.MODEM: NP_("port", "modem"),
        PortRole.UNLISTED: NP_("port", "unlisted"),
        PortRole.ADAPTER: NP_("port", "adapter"),
    }
)


def stick(host: Host) -> Finding:
    """Check that there is a port for a modem, and that no stick is in a mode without ports."""
    troubles = finding.portless_sticks(host.root / "sys")
    configured = host.config.modem.port if host.config else "auto"
    if uart.is_uart(configured):
        return ok(_("{port}, as configured: a modem on the UART", port=configured))
    if configured.startswith("/") and not Path(configured).exists():
        others = ", ".join(candidate.port for candidate in host.candidates)
        cure = _("Ports that may be asked: {ports}.", ports=others) if others else _(_PLUG_IN)
        return fail(_("modem.port names {port}, which is not there", port=configured), cure)
    if troubles:
        words, cures = (" ".join(texts) for texts in zip(*((each.words, each.cure) for each in troubles), strict=True))
        return (warn if host.ports else fail)(words, cures)
    if not host.ports:
        strangers = ", ".join(stick.title for stick in finding.strangers(host.root / "sys"))
        return fail(
            _("no stick is plugged in that is known as a modem; there is {devices}", devices=strangers)
            if strangers
            else _("no stick is plugged in"),
            _(
                "Plug it in, on a powered hub if it comes and goes; `lsusb` shows it. A modem on the UART (a HAT) is "
                "never looked for: name it, `modem.port: /dev/serial0`."
            ),
        )
    if configured != "auto":
        return ok(_("{port}, as configured", port=configured))
    return ok(
        ", ".join(
            _("{port} ({role} of {stick})", port=port.port, role=_ROLES[port.role], stick=port.stick.title)
            for port in host.candidates
        )
    )


def uarts(host: Host) -> Finding:
    """Check the needs of a modem on the UART: the UART itself, no console or Bluetooth on it, a modem that is on."""
    port = host.config.modem.port if host.config else "auto"
    if not uart.is_uart(port):
        return ok(_("not used"))
    if obstacles := uart.obstacles(port, host.root):
        judge = fail if any(obstacle.is_fatal for obstacle in obstacles) else warn
        messages = in_row(obstacle.message for obstacle in obstacles)
        return judge(messages, " ".join(obstacle.cure for obstacle in obstacles))
    if not host.alive and host.probe.sim is None and not host.holders:
        return warn(_("nothing answers at {port}", port=port), _(uart.WAKING))
    return ok(_("{port} is free for the modem", port=port))


def sandbox(host: Host) -> Finding:
    """Check that the sandbox and the groups of the service let it open the ports."""
    name = unit_name(host)
    output = output_of(
        "systemctl", "show", "--property=LoadState,DevicePolicy,DeviceAllow,Group,SupplementaryGroups", name
    )
    rows = [line.split("=", 1) for line in output.splitlines() if "=" in line]
    if ["LoadState", "loaded"] not in rows:
        return unknown(_("there is no {service} here", service=name))
    if host.modem and host.modem.state == ModemState.READY and host.modem.port:  # it has that port open
        return ok(_("{service} may open {ports}", service=name, ports=host.modem.port))
    return judge_sandbox(name, rows, [Path(port) for port in host.ports if Path(port).exists()])


def judge_sandbox(name: str, rows: Sequence[Sequence[str]], ports: Iterable[Path]) -> Finding:
    """Judge whether a service may open ports (systemd.resource-control(5): DeviceAllow=).

    `rows` are its properties, each a pair of name and value from `systemctl show`.
    """
    allowed = [value.split()[0] for key, value in rows if key == "DeviceAllow" and value]
    groups = {group for key, value in rows if key in ("Group", "SupplementaryGroups") for group in value.split()}
    is_open = ["DevicePolicy", "auto"] in [list(row) for row in rows] and not allowed
    ports = list(ports)
    for port in ports:
        device = port.stat()
        is_terminal = os.major(device.st_rdev) in finding.TERMINALS  # systemd always allows them
        if not (is_open or is_terminal or any(_lets_in(rule, device.st_rdev) for rule in allowed)):
            seen = _("{service} may not open {port}: its sandbox lets in no device", service=name, port=port)
            if allowed:
                seen = _(
                    "{service} may not open {port}: its sandbox lets in {devices}",
                    service=name,
                    port=port,
                    devices=", ".join(allowed),
                )
            return fail(seen, _(_LET_IN, port=port, name=name.partition("@")[2].removesuffix(".service")))
        if device.st_mode & 0o006 != 0o006 and not (device.st_mode & 0o060 == 0o060 and port.group() in groups):
            return _belongs_to_others(name, port)
    if not ports:
        return unknown(_(_NO_PORT))
    return ok(_("{service} may open {ports}", service=name, ports=", ".join(map(str, ports))))


def _belongs_to_others(name: str, port: Path) -> Finding:
    owner, group = port.owner(), port.group()
    if group == "tty":
        cure = _("The login console has it: {cure}", cure=_(uart.CONSOLE_OFF))
    else:
        cure = _("Let the service into {group}: `sudo systemctl edit {service}`.", group=group, service=name)
    seen = _(
        "{service} may not open {port}, which belongs to {owner} and {group}",
        service=name,
        port=port,
        owner=owner,
        group=group,
    )
    return fail(seen, cure)


def _lets_in(rule: str, device: int) -> bool:
    """Tell whether a rule of DeviceAllow= names a device: by its major number, its driver, or a path to it."""
    if not rule.startswith("/"):
        major = str(os.major(device))
        drivers = re.findall(rf"^\s*{major} (\S+)$", text_of(Path("/proc/devices")).partition("Block")[0], re.MULTILINE)
        return rule.removeprefix("char-") in (major, *drivers)
    try:
        return Path(rule).stat().st_rdev == device
    except OSError:
        return False


def holders(host: Host) -> Finding:
    """Check that no other program has the ports open."""
    if host.holders:
        programs = in_row(
            _("{port}: {programs}", port=port, programs=", ".join(map(str, holders)))
            for port, holders in host.holders.items()
        )
        cures = dict.fromkeys(holder.hint for holders in host.holders.values() for holder in holders)
        return fail(_("held by another program: {programs}", programs=programs), " ".join(cures))
    if not host.ports:
        return unknown(_(_NO_PORT))
    if not host.sees_everybody:
        return ok(
            _(
                "no other program of this user; `sudo fuser -v {ports}` names those of all",
                ports=" ".join(host.ports),
            )
        )
    return ok(_("no other program"))


def modemmanager(host: Host) -> Finding:
    """Check that ModemManager does not run, or that a rule keeps it off the ports."""
    if not host.running("ModemManager"):
        return ok(_(_DOES_NOT_RUN))
    if host.ports and all(_is_left_alone(Path(port), host.root / "run/udev/data") for port in host.ports):
        return ok(_("runs, and a udev rule keeps it off"))
    is_modem = any(candidate.role is not PortRole.ADAPTER for candidate in host.candidates)
    return (fail if is_modem else warn)(  # by default ModemManager leaves bare serial adapters alone
        _("runs, and takes the answers of any modem that it knows"),
        _("`sudo systemctl mask --now ModemManager`, or the rule that `hotlined udev-rule` prints."),
    )


def brltty(host: Host) -> Finding:
    """Check that brltty does not run: it mistakes serial adapters for braille displays."""
    if host.running("brltty"):
        return warn(_("runs: it takes CH340, CP210x and FTDI adapters away"), "`sudo apt remove brltty`")
    return ok(_(_DOES_NOT_RUN))


def generation(host: Host) -> Finding:
    """Check that the modem supports LTE, and so will find a network in the years to come."""
    model = (host.modem.model if host.modem else host.probe.model) or _("the modem")
    newest = host.modem.generation if host.modem else host.probe.generation
    if newest == Generation.LTE or host.network.technology in _LTE:  # Huawei's E398 uses LTE without knowing AT+CEREG
        return ok(_("{model} knows LTE", model=model))
    if newest is None or newest not in _OLD:
        return unknown(host.probe.why_not or _("{model} does not say which networks it knows", model=model))
    return warn(
        _(
            "{model} knows {networks} only: these networks are being switched off (in Belgium 3G has been, and 2G "
            "will be between 2027 and 2030)",
            model=model,
            networks=_OLD[newest],
        ),
        _("Ask the operator until when, and plan for an LTE stick with serial ports."),
    )


def _is_left_alone(port: Path, tags: Path) -> bool:
    """Tell whether udev's database tells ModemManager to leave a port alone."""
    try:
        device = port.stat().st_rdev
    except OSError:
        return False
    rules = text_of(tags / f"c{os.major(device)}:{os.minor(device)}").splitlines()
    return "E:ID_MM_DEVICE_IGNORE=1" in rules or "E:ID_MM_PORT_IGNORE=1" in rules
