"""A udev rule for the stick that is plugged in.

It gives the port a lasting name, keeps ModemManager off, and forbids the stick to sleep. It recognises the stick by its
serial number, or by its socket if the serial number cannot be trusted.
"""

import re
from collections.abc import Sequence

from hotlined.errors import UnavailableError
from hotlined.gsm.finding import Candidate
from hotlined.language import _

_SERIAL = re.compile(r"[A-Za-z0-9]{4,}")  # udev replaces other characters, and a shorter number is not unique
_FACTORY_SERIALS = frozenset({"0123456789ABCDEF", "1234567890ABCDEF", "123456789ABCDEF", "0000", "00000000"})

_RULE = """\
# {path}: {title}, interface {number:02x}, for the line {line}
# Numbered above 60: the rules before it find out the serial number, the interface and the socket.
ACTION=="remove", GOTO="{label}"

# The stick may not sleep: a modem that does misses texts.
SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", {device}, TEST=="power/control", ATTR{{power/control}}="on"

# ModemManager keeps off: two programs on one port steal each other's answers.
SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", {device}, ENV{{ID_MM_DEVICE_IGNORE}}="1"
SUBSYSTEM!="tty", GOTO="{label}"
SUBSYSTEMS=="usb", {devices}, ENV{{ID_MM_DEVICE_IGNORE}}="1"

# The port's name stays, whatever else is plugged in: `modem.port: /dev/hotlined-{line}`.
# {reason}
{port}, SYMLINK+="hotlined-{line}"

LABEL="{label}"
"""


def rule(chosen: Candidate, line: str, others: Sequence[Candidate] = ()) -> str:
    """Return the rule for a port and a line; `others` are all candidates, whose serial numbers may be equal."""
    stick, interface = chosen.stick, chosen.interface
    by_serial = _tells_apart(chosen, others)
    key, value = ("ID_SERIAL_SHORT", stick.serial) if by_serial else ("ID_PATH", f"*-usb-0:{interface.socket}")
    conditions = {
        "ID_VENDOR_ID": stick.vendor,
        "ID_MODEL_ID": stick.product,
        "ID_USB_INTERFACE_NUM": f"{interface.number:02x}",
        key: value,
    }
    return _RULE.format(
        path=f"/etc/udev/rules.d/70-hotlined-{line}.rules",
        title=re.sub(r"[^ -~]", "?", stick.title),
        number=interface.number,
        line=line,
        label=f"hotlined_{line}_end",
        device=f'ATTR{{idVendor}}=="{stick.vendor}", ATTR{{idProduct}}=="{stick.product}"',
        devices=f'ATTRS{{idVendor}}=="{stick.vendor}", ATTRS{{idProduct}}=="{stick.product}"',
        reason=(
            "It goes by the stick's serial number: any socket will do."
            if by_serial
            else "It goes by the socket: the stick has no serial number of its own. Always plug it in here."
        ),
        port=", ".join(f'ENV{{{name}}}=="{text}"' for name, text in conditions.items()),
    )


def pick(candidates: Sequence[Candidate], port: str | None) -> Candidate:
    """Return the candidate at a port, or without a port the best one; raises UnavailableError if there is none."""
    for candidate in candidates:
        if port in (None, candidate.port):
            return candidate
    if candidates:
        raise UnavailableError(
            _("{port} is not a port of a stick that speaks AT.", port=port),
            _("These are: {ports}.", ports=", ".join(candidate.port for candidate in candidates)),
        )
    raise UnavailableError(
        _("No stick with a port for AT commands is plugged in."), _("`hotlined doctor` says what there is.")
    )


def _tells_apart(chosen: Candidate, others: Sequence[Candidate]) -> bool:
    """Tell whether a serial number identifies its stick: it is not a factory default, and no other stick has it."""
    serial = chosen.stick.serial
    shared = any(other.stick.serial == serial and other.stick != chosen.stick for other in others)
    return bool(_SERIAL.fullmatch(serial)) and serial.upper() not in _FACTORY_SERIALS and not shared
