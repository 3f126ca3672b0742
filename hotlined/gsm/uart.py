"""The UART (serial pins) of a Raspberry Pi, where HATs connect their modems: why it cannot be used, and the cure.

It reads files and opens no port. Sources: the UART pages of Raspberry Pi's documentation and the functions
`do_serial_hw` and `do_serial_cons` of raspi-config. Known to be incomplete: it knows only the UART of pins 8 and 10,
not those that an overlay puts on other pins; it cannot distinguish a modem that is off from one at another speed.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from hotlined.language import N_, _

_PORT = re.compile(r"/dev/(serial\d|tty(AMA|S)\d+)")
_CONSOLE = re.compile(r"(?:^|\s)console=(\w+)")
_CONFIGURATIONS = ("boot/firmware/config.txt", "boot/config.txt")
_DEBUG_CONNECTOR = "ttyAMA10"  # the connector of a Pi 5 between its HDMI sockets
_MINI_UART = "bcm2835-aux-uart"  # the name of its kind in the device tree

HARDWARE_ON = N_("`sudo raspi-config nonint do_serial_hw 0` (it sets enable_uart=1), then `sudo reboot`.")
CONSOLE_OFF = N_("`sudo raspi-config nonint do_serial_cons 1`, then `sudo reboot`.")
WAKING = N_(
    "Is it on? A HAT wants its PWRKEY held for a second (docs/sticks.md has the command), and 2 A. Is `modem.baudrate` "
    "its speed? One that finds the speed by itself stays silent until it hears AT: fix it with AT+IPR=115200."
)
"""Advice for a UART with a modem that does not answer."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason why a UART cannot be used, or not well, and its cure."""

    message: str
    cure: str
    is_fatal: bool = True


def is_uart(port: str) -> bool:
    """Return whether a port is one of this machine's own, not one on USB."""
    return _PORT.fullmatch(port) is not None


def obstacles(port: str, root: Path = Path("/")) -> list[Obstacle]:
    """Return all reasons why a modem on a UART cannot be used, or not well."""
    found = []
    path = root / port.lstrip("/")
    name = path.resolve().name
    if not path.exists():
        message = _("there is no {port}, although the Pi's settings switch its UART on", port=port)
        if _maybe_setting(root, "enable_uart") is None:
            message = _("there is no {port}: the Pi's UART is not switched on in its settings", port=port)
        found.append(Obstacle(message, _(HARDWARE_ON)))
    if name in _CONSOLE.findall(_text(root / "proc/cmdline")):
        message = _("the login console is on {port}, and types into the modem", port=name)
        found.append(Obstacle(message, _(CONSOLE_OFF)))
    if name == _DEBUG_CONNECTOR:
        found.append(
            Obstacle(
                _("{port} is the debug connector of a Pi 5, not pins 8 and 10", port=port),
                _("Put dtparam=uart0=on into /boot/firmware/config.txt, reboot, and set `modem.port: /dev/ttyAMA0`."),
            )
        )
    tree = root / "sys/class/tty" / name / "device/of_node"
    if (tree / "bluetooth").exists():
        found.append(
            Obstacle(_("Bluetooth has {port}", port=name), _("Set `modem.port: /dev/serial0`: pins 8 and 10."))
        )
    if _MINI_UART in _text(tree / "compatible"):
        found.append(
            Obstacle(
                _(
                    "{port} is the mini UART, for Bluetooth has the better one: small buffers, and a speed that changes"
                    " with the processor's unless enable_uart=1 fixes that",
                    port=name,
                ),
                _("If answers come garbled: dtoverlay=disable-bt in /boot/firmware/config.txt, then reboot."),
                is_fatal=False,
            )
        )
    return found


def _maybe_setting(root: Path, name: str) -> str | None:
    """Return the last value of a setting in config.txt, in any section; None if it is 0 or missing."""
    text = "\n".join(_text(root / path) for path in _CONFIGURATIONS)
    found = re.findall(rf"^{name}=(\w+)", text, re.MULTILINE)
    return found[-1] if found and found[-1] != "0" else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").replace("\0", " ").strip()
    except OSError:
        return ""
