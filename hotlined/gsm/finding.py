"""Finds modems: the USB ports that may be probed, in order; sticks without a port; programs that have a port open.

It reads sysfs and procfs (the kernel's files about devices and processes) and opens no port. It cannot distinguish a
modem on a serial adapter from another device. Without root it sees a port's use only by programs of the same user.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hotlined.causes import CauseCode, CodedCause, program_in_words, release_in_words
from hotlined.gsm.sticks import (
    ADAPTERS,
    HUAWEI,
    HUAWEI_PROTOCOLS,
    MODEM_DRIVERS,
    NEVER,
    NUMBERS,
    VENDORS,
    PortRole,
    bound,
)

_COMMUNICATIONS, _STORAGE, _HUB, _WIRELESS, _VENDOR_SPECIFIC = 0x02, 0x08, 0x09, 0xE0, 0xFF  # USB: class codes
_MODEM_CLASSES = frozenset({_COMMUNICATIONS, _STORAGE, _WIRELESS, _VENDOR_SPECIFIC})
_ACM = 0x02  # USB CDC PSTN 1.2, 3.3: abstract control model, the class of USB modems
_HSO_KINDS = ("Control", "Application", "Modem")  # the others are for diagnosis, positions, cards
_TERMINAL_MASTER, TERMINALS = os.makedev(5, 2), range(136, 144)  # from the kernel's list of device numbers


Device = tuple[int, int]
"""The number of a device and, for a pseudo-terminal, that of its file system: each container has its own numbers."""


class Machine(NamedTuple):
    """The folders in which the kernel shows sticks and their ports."""

    sysfs: Path = Path("/sys")
    dev: Path = Path("/dev")


THIS_MACHINE = Machine()


class Interface(NamedTuple):
    """One interface of a USB device; `tty` is the name of its port, empty if it has none."""

    number: int
    class_code: int
    subclass: int
    protocol: int
    driver: str
    tty: str
    socket: str
    """Its place: the port number at each hub on the way, then configuration and interface (`1.2:1.0`)."""


class Stick(NamedTuple):
    """One USB device; a field that it does not give is empty."""

    vendor: str
    product: str
    serial: str
    manufacturer: str
    name: str
    interfaces: tuple[Interface, ...]

    @property
    def id(self) -> str:
        """The `vendor:product` of the device, as lsusb shows it."""
        return f"{self.vendor}:{self.product}"

    @property
    def title(self) -> str:
        """Return the name under which people know the device, with its id."""
        maker = self.manufacturer or VENDORS.get(self.vendor, "")
        named = self.name if self.name.startswith(maker) else f"{maker} {self.name}"
        return f"{named.strip()} ({self.id})".strip()


class Candidate(NamedTuple):
    """A port that may belong to a modem, and so may be probed."""

    port: str
    role: PortRole
    stick: Stick
    interface: Interface


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a port open; `name` is the name of its process (15 characters at most)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return program_in_words(self.pid, self.name)

    @property
    def hint(self) -> str:
        """Return what a person can do to make the program close the port."""
        return release_in_words(self.pid, self.name)


def sticks(sys_root: Path = Path("/sys")) -> list[Stick]:
    """Return all USB devices except hubs, sorted by name; empty if there is no sysfs."""
    folder = sys_root / "bus/usb/devices"
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
    interfaces: dict[str, list[Interface]] = {}
    for name in names:
        device, colon, _interface = name.partition(":")
        if colon and (interface := _maybe_interface(folder / name)):
            interfaces.setdefault(device, []).append(interface)
    return [_stick(folder / device, tuple(found)) for device, found in interfaces.items()]


def candidates(sys_root: Path = Path("/sys"), dev_root: Path = Path("/dev")) -> list[Candidate]:
    """Return the ports that may be probed, best first; never one for diagnosis, positions or voice."""
    found = [
        Candidate(str(dev_root / interface.tty), role, stick, interface)
        for stick in sticks(sys_root)
        for interface in stick.interfaces
        if interface.tty and (role := maybe_role(stick, interface)) is not None
    ]
    return sorted(found, key=lambda candidate: candidate.role)


def portless_sticks(sys_root: Path = Path("/sys")) -> list[CodedCause]:
    """Return, for each plugged-in stick without a port, the cause."""
    return [
        CodedCause(code, {"stick": stick.title, "vendor": stick.vendor, "product": stick.product})
        for stick in sticks(sys_root)
        if (code := _maybe_portless(stick, sys_root)) is not None
    ]


def strangers(sys_root: Path = Path("/sys")) -> list[Stick]:
    """Return the devices that are in no table of modems, except those whose USB class rules a modem out."""
    return [
        stick
        for stick in sticks(sys_root)
        if not _is_known(stick, sys_root)
        and any(interface.class_code in _MODEM_CLASSES for interface in stick.interfaces)
    ]


def holders(port: str, proc_root: Path = Path("/proc")) -> list[Holder]:
    """Return the other programs that have a port open, as far as this user may see them.

    The program at the other end of a pseudo-terminal is left out: it is the modem.
    """
    device = _device(Path(port))
    if not any(device):
        return []
    terminal = os.major(device[0]) in TERMINALS
    processes = sorted(proc_root.glob("[0-9]*"), key=lambda folder: int(folder.name))
    return [
        Holder(int(folder.name), _text(folder / "comm"))
        for folder in processes
        if int(folder.name) != os.getpid()
        and _has_open(folder / "fd", device)
        and not (terminal and _has_open(folder / "fd", (_TERMINAL_MASTER, 0)))
    ]


def usb_device(port: str, sys_root: Path = Path("/sys")) -> str:
    """Return the name of the USB device that a port belongs to (`1-1.2`), or an empty string."""
    folder = (sys_root / "class/tty" / Path(port).resolve().name / "device").resolve()
    return next((parent.name for parent in folder.parents if (parent / "idVendor").exists()), "")


def maybe_role(stick: Stick, interface: Interface) -> PortRole | None:
    """Return the purpose of an interface with a port; None if it must not be probed."""
    if (numbers := NUMBERS.get(stick.id)) is not None:
        return numbers.get(interface.number)
    if interface.number in NEVER.get(stick.id, ()):
        return None
    if stick.vendor == HUAWEI and interface.class_code == _VENDOR_SPECIFIC:
        if interface.subclass == _VENDOR_SPECIFIC:
            return PortRole.MODEM if interface.number == 0 else None
        return HUAWEI_PROTOCOLS.get(interface.protocol)
    if stick.id in ADAPTERS:
        return PortRole.ADAPTER
    if interface.driver in MODEM_DRIVERS:
        return PortRole.UNLISTED
    if (interface.class_code, interface.subclass) == (_COMMUNICATIONS, _ACM):
        return PortRole.UNLISTED if stick.vendor in VENDORS else PortRole.ADAPTER
    return None


def _is_known(stick: Stick, sys_root: Path) -> bool:
    return (
        stick.vendor in VENDORS
        or stick.id in NUMBERS
        or stick.id in NEVER
        or stick.id in ADAPTERS
        or stick.id in bound()
        or _is_switched(stick, sys_root)
    )


def _is_switched(stick: Stick, sys_root: Path) -> bool:
    """Tell whether usb-modeswitch makes a modem of a stick when that is a drive, by the rules that start it."""
    rules = _text(sys_root.parent / "usr/lib/udev/rules.d/40-usb_modeswitch.rules")
    named = f'idVendor}}=="{stick.vendor}", ATTR{{idProduct}}=="{stick.product}"'
    return named in rules or bool(rules and stick.vendor == HUAWEI)  # of Huawei's, it tries each one


def _maybe_portless(stick: Stick, sys_root: Path) -> CauseCode | None:
    if not _is_known(stick, sys_root) or any(interface.tty for interface in stick.interfaces):
        return None
    classes = {interface.class_code for interface in stick.interfaces}
    driver = stick.id in bound() or stick.vendor == HUAWEI
    why_driver = CauseCode.DRIVER_KNOWN if driver else CauseCode.DRIVER_UNKNOWN
    if classes == {_STORAGE}:
        known_cd = CauseCode.STORAGE_KNOWN if _is_switched(stick, sys_root) else CauseCode.STORAGE_UNKNOWN
        return CauseCode.STORAGE_BROVI if stick.id == _BROVI else known_cd
    known = NUMBERS.get(stick.id, {})
    if any(port.number in known and port.class_code == _VENDOR_SPECIFIC for port in stick.interfaces):
        return why_driver  # the stick is in modem mode: its command port lacks only a driver
    if classes & {_COMMUNICATIONS, _WIRELESS} or any(interface.driver == "qmi_wwan" for interface in stick.interfaces):
        known_card = CauseCode.NETWORK_HUAWEI if stick.vendor == HUAWEI else CauseCode.NETWORK_UNKNOWN
        return CauseCode.NETWORK_BROVI if stick.id == _BROVI else known_card
    return why_driver if _VENDOR_SPECIFIC in classes else None


def _stick(folder: Path, interfaces: tuple[Interface, ...]) -> Stick:
    vendor, product, serial, manufacturer, name = (
        _text(folder / attribute) for attribute in ("idVendor", "idProduct", "serial", "manufacturer", "product")
    )
    return Stick(vendor, product, serial, manufacturer, name, interfaces)


def _maybe_interface(folder: Path) -> Interface | None:
    try:
        number, class_code, subclass, protocol = (
            int(_text(folder / name), 16)
            for name in ("bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        )
        ports = sorted(path for pattern in ("tty/*", "tty*/tty/*") for path in folder.glob(pattern))
    except (ValueError, OSError):  # unplugged meanwhile: a file is empty for us, a folder that is listed is an error
        return None
    if class_code == _HUB:
        return None
    ttys = [path.name for path in sorted(ports, key=_hso_rank) if _hso_rank(path) < len(_HSO_KINDS)]
    driver = (folder / "driver").resolve().name if (folder / "driver").exists() else ""
    _bus, _dash, socket = folder.name.partition("-")
    return Interface(number, class_code, subclass, protocol, driver, ttys[0] if ttys else "", socket)


def _hso_rank(port: Path) -> int:
    """Return the rank of a port of the driver hso, best first: one interface has several ports of different kinds."""
    kind = _text(port / "hsotype")
    return _HSO_KINDS.index(kind) if kind in _HSO_KINDS else len(_HSO_KINDS) if kind else 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _has_open(folder: Path, device: Device) -> bool:
    try:
        with os.scandir(folder) as descriptors:
            return any(_device(descriptor) == device for descriptor in descriptors)
    except OSError:  # the process is another user's, or has ended
        return False


def _device(path: os.PathLike[str]) -> Device:
    """Return the device behind a path, following links; zeros if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 os.stat is faster, and there are thousands of descriptors
    except (OSError, ValueError):
        return 0, 0
    return found.st_rdev, found.st_dev if os.major(found.st_rdev) in TERMINALS else 0


_BROVI = "3566:2001"
