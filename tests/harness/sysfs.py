"""Builds trees of files and links that look like /sys and /dev, from a compact table of sticks."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Plugged(NamedTuple):
    """A stick in a socket (`1-1.2`): its id, its interfaces (`number class/subclass/protocol driver tty`), texts."""

    socket: str
    id: str
    interfaces: tuple[str, ...]
    serial: str = ""
    manufacturer: str = ""
    name: str = ""


HUB = Plugged("usb1", "1d6b:0002", ("00 09/00/00 hub",), manufacturer="Linux xhci-hcd", name="xHCI Host Controller")


def build(root: Path, sticks: Iterable[Plugged]) -> Path:
    """Write the tree as the kernel lays it out and return its root, which is `/sys`; `/dev` is beside it."""
    controller = root / "sys/devices/platform/soc/3f980000.usb/usb1"
    bus, tty_class = root / "sys/bus/usb/devices", root / "sys/class/tty"
    for folder in (bus, tty_class, root / "dev"):
        folder.mkdir(parents=True, exist_ok=True)
    console = root / "sys/devices/virtual/tty/tty0"
    console.mkdir(parents=True, exist_ok=True)
    (tty_class / "tty0").symlink_to(console)
    for stick in (HUB, *sticks):
        device = controller if stick is HUB else controller / "1-1" / stick.socket
        vendor, product = stick.id.split(":")
        texts = {"serial": stick.serial, "manufacturer": stick.manufacturer, "product": stick.name}
        _write(device, {"idVendor": vendor, "idProduct": product} | {key: text for key, text in texts.items() if text})
        (bus / stick.socket).symlink_to(device)
        for row in stick.interfaces:
            number, function, driver, *ttys = row.split()
            name = f"{'1-0' if stick is HUB else stick.socket}:1.{int(number, 16)}"
            keys = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
            _write(device / name, {"bInterfaceNumber": number, **dict(zip(keys, function.split("/"), strict=True))})
            (bus / name).symlink_to(device / name)
            if driver != "-":
                (root / "sys/bus/usb/drivers" / driver).mkdir(parents=True, exist_ok=True)
                (device / name / "driver").symlink_to(root / "sys/bus/usb/drivers" / driver)
            for tty in ttys:
                folder = device / name if driver == "cdc_acm" else device / name / tty
                (folder / "tty" / tty).mkdir(parents=True)
                (folder / "tty" / tty / "device").symlink_to(folder)
                (tty_class / tty).symlink_to(folder / "tty" / tty)
                (root / "dev" / tty).touch()
    return root / "sys"


def _write(folder: Path, attributes: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in attributes.items():
        (folder / name).write_text(f"{text}\n")
