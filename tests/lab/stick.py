"""A simulated GSM stick on the USB bus of the machine that runs this (vhci-hcd, USB/IP's wire format).

usage: stick.py LAYOUT [--serial TEXT] [--modem PORT] [--log FILE]

It has the IDs and interfaces of a real stick, so that the kernel's drivers, udev and ModemManager treat it as one. Its
interface for texts is connected to a serial port (the simulator's); all others are silent. --log records what the
machine wrote, by interface. SIGTERM pulls it. Needs root and the module vhci-hcd, which Debian has.
"""

import argparse
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED = 3


class Interface(NamedTuple):
    """One interface: class, subclass, protocol, and whether it has an interrupt endpoint, as all but diagnosis do."""

    kind: tuple[int, int, int]
    interrupt: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """A make of stick; `texts` is the interface for texts."""

    vendor: int
    product: int
    maker: str
    name: str
    interfaces: tuple[Interface, ...]
    texts: int


VENDOR = (255, 255, 255)
LAYOUTS = {
    "sim7600": Layout(
        0x1E0E,
        0x9001,
        "SimTech, Incorporated",
        "SimTech, Incorporated",
        (Interface(VENDOR, interrupt=False), *[Interface((255, 0, 0))] * 4, Interface(VENDOR)),
        2,
    ),
    "e173": Layout(
        0x12D1,
        0x1001,
        "HUAWEI",
        "HUAWEI Mobile",
        (Interface(VENDOR), Interface(VENDOR, interrupt=False), Interface(VENDOR)),
        2,
    ),
    "e3372": Layout(
        0x12D1,
        0x1506,
        "HUAWEI",
        "HUAWEI_MOBILE",
        (Interface((255, 2, 18)), Interface((255, 2, 1)), Interface((255, 2, 22))),
        0,
    ),
    # after its mode switch; its network card, on later interfaces, is left out
    "e3372-325": Layout(0x3566, 0x2001, "Mobile", "Mobile", (Interface(VENDOR),) * 5, 4),
}


def descriptors(layout: Layout) -> tuple[bytes, bytes]:
    """Return the device descriptor and the configuration descriptor (USB 2.0, 9.6)."""
    device = struct.pack(
        "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, layout.vendor, layout.product, 0x0100, 1, 2, 3, 1
    )
    body = b""
    for number, interface in enumerate(layout.interfaces):
        body += struct.pack("<BBBBBBBBB", 9, 4, number, 0, 2 + interface.interrupt, *interface.kind, 0)
        if interface.interrupt:
            body += struct.pack("<BBBBHB", 7, 5, 0x80 | (number + 9), 3, 16, 9)
        body += struct.pack("<BBBBHB", 7, 5, 0x80 | (number + 1), 2, 512, 0)
        body += struct.pack("<BBBBHB", 7, 5, number + 1, 2, 512, 0)
    head = struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(layout.interfaces), 1, 0, 0xA0, 250)
    return device, head + body


class Stick:
    """A stick, plugged in from its creation until `pull`."""

    def __init__(self, layout: Layout, serial: str, modem: str | None, log: Path | None) -> None:
        self._layout = layout
        self._strings = ("", layout.maker, layout.name, serial)
        self._device, self._configuration = descriptors(layout)
        self._modem = os.open(modem, os.O_RDWR | os.O_NOCTTY) if modem else None
        self._log = log
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[int, int]] = {}  # reads without an answer: endpoint and length by number
        self._unread = dict.fromkeys(range(len(layout.interfaces)), b"")
        self._wire, theirs = socket.socketpair()
        (VHCI / "attach").write_text(f"0 {theirs.fileno()} {(1 << 16) | 1} {HIGH_SPEED}")
        theirs.close()
        threading.Thread(target=self._serve, daemon=True).start()
        if self._modem is not None:
            threading.Thread(target=self._listen, daemon=True).start()

    def pull(self) -> None:
        """Remove the stick."""
        (VHCI / "detach").write_text("0")
        self._wire.close()

    def _listen(self) -> None:
        assert self._modem is not None
        while octets := os.read(self._modem, 4096):
            with self._lock:
                self._unread[self._layout.texts] += octets
                self._answer_reads(self._layout.texts)

    def _receive(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            if not (more := self._wire.recv(length - len(octets))):
                raise ConnectionError
            octets += more
        return octets

    def _return(self, number: int, status: int, octets: bytes = b"", written: int | None = None) -> None:
        length = len(octets) if written is None else written
        self._wire.sendall(
            struct.pack(">5I", 3, number, 0, 0, 0) + struct.pack(">iiiii8x", status, length, 0, 0, 0) + octets
        )

    def _answer_reads(self, interface: int) -> None:
        for number, (endpoint, length) in list(self._waiting.items()):
            if endpoint == interface + 1 and self._unread[interface]:
                octets, self._unread[interface] = (
                    self._unread[interface][:length],
                    self._unread[interface][length:],
                )
                del self._waiting[number]
                self._return(number, 0, octets)

    def _control(self, setup: bytes) -> tuple[int, bytes]:
        """Answer a control request (USB 2.0, 9.3): descriptors; zeros to any other question."""
        kind, request, value, _, length = struct.unpack("<BBHHH", setup)
        if (kind, request) == (0x80, 6):
            index = value & 0xFF
            text = self._strings[index].encode("utf-16-le") if index < len(self._strings) else b""
            string = b"\x04\x03\x09\x04" if index == 0 else bytes([len(text) + 2, 3]) + text
            found = {1: self._device, 2: self._configuration, 3: string}.get(value >> 8)
            return (0, found[:length]) if found else (-32, b"")
        return 0, bytes(length) if kind & 0x80 else b""

    def _written(self, interface: int, octets: bytes) -> None:
        if self._log:
            with self._log.open("a") as log:
                log.write(f"{interface} {octets!r}\n")
        if self._modem is not None and interface == self._layout.texts:
            os.write(self._modem, octets)

    def _serve(self) -> None:
        """Answer the kernel until the stick is pulled (USB/IP: 1 submit, 2 unlink, 3 and 4 their answers)."""
        try:
            while True:
                self._serve_one()
        except OSError:
            return

    def _serve_one(self) -> None:
        command, number, _, is_read, endpoint = struct.unpack(">5I", self._receive(20))
        rest = self._receive(28)
        if command == 2:
            with self._lock:
                status = -104 if self._waiting.pop(struct.unpack(">I", rest[:4])[0], None) else 0
                self._wire.sendall(struct.pack(">5I", 4, number, 0, 0, 0) + struct.pack(">i24x", status))
            return
        (length,) = struct.unpack(">i", rest[4:8])
        octets = b"" if is_read else self._receive(length)
        with self._lock:
            if endpoint == 0:
                status, found = self._control(rest[20:])
                self._return(number, status, found if is_read else b"", None if is_read else length)
            elif is_read:
                self._waiting[number] = endpoint, length
                if endpoint <= len(self._layout.interfaces):
                    self._answer_reads(endpoint - 1)
            else:
                self._written(endpoint - 1, octets)
                self._return(number, 0, b"", length)


def main() -> int:
    """Plug the stick in and wait for SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layout", choices=sorted(LAYOUTS))
    parser.add_argument("--serial", default="")
    parser.add_argument("--modem")
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    if not VHCI.exists():
        subprocess.run(["modprobe", "vhci-hcd"], check=True)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    stick = Stick(LAYOUTS[given.layout], given.serial, given.modem, given.log)
    while not ended.is_set():
        time.sleep(0.1)
    stick.pull()
    return 0


if __name__ == "__main__":
    sys.exit(main())
