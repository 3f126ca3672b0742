"""Tables of USB modems: which interfaces take AT commands, and who makes modems.

Most rows are in `usb_ids`, made by scripts/usb_ids.py. The rows here come from oFono's Huawei driver and, for 3566:2001
and 2ca3:4006, from their owners. An interface that a row leaves out is for diagnosis (DIAG, QCDM), positions (NMEA),
voice (PCM) or the network, and nothing is ever written to it. Known to be incomplete: a stick without a row is probed
by its driver and class, after all others, even if that port has another purpose.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import cache
from types import MappingProxyType

from hotlined.gsm.usb_ids import BOUND, PORT_TYPES


class PortRole(IntEnum):
    """The purpose of a port, best first: ports are probed in this order."""

    AT = 0
    """For commands only, beside the data connection; unsolicited result codes come here (Huawei calls it PCUI)."""
    MODEM = 1
    """For commands and the data connection: second choice."""
    UNLISTED = 2
    """A port of a modem without a row; it may answer."""
    ADAPTER = 3
    """A serial adapter, or an unknown device with one port; a modem may be behind it."""


def _first(first: int, second: int | None = None) -> Mapping[int, PortRole]:
    rows = {first: PortRole.AT} if second is None else {first: PortRole.AT, second: PortRole.MODEM}
    return MappingProxyType(rows)


_OWN: Mapping[str, Mapping[int, PortRole]] = MappingProxyType(
    {
        "12d1:1001": _first(2, 0),  # Huawei E173, E1550, E1752
        "12d1:1003": _first(1, 0),  # Huawei E220, E270
        "12d1:1436": _first(4, 0),  # Huawei E173 with an Ethernet function: 0, 3 and 4 are serial
        "2ca3:4006": _first(2, 3),  # Baiwang QDC507 (DJI Cellular): 0 and 1 are for diagnosis and positions
        "3566:2001": _first(4, 1),  # Brovi (Zowee) E3372-325: 2 is Marvell's for diagnosis, 0 and 3 are not ports
    }
)


def _typed() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of PORT_TYPES: a `vendor:product`, and the interface numbers of each mark."""
    for row in PORT_TYPES.split("\n")[1:-1]:
        stick, *marks = row.split()
        yield stick, dict(mark.split("=") for mark in marks)


def _numbers(marks: Mapping[str, str], mark: str) -> frozenset[int]:
    return frozenset(int(number, 16) for number in marks.get(mark, "").split(",") if number)


def _roles(marks: Mapping[str, str]) -> Mapping[int, PortRole]:
    at, modem = (dict.fromkeys(_numbers(marks, role.name.lower()), role) for role in (PortRole.AT, PortRole.MODEM))
    return MappingProxyType(at | modem)


NUMBERS: Mapping[str, Mapping[int, PortRole]] = MappingProxyType(
    {stick: _roles(marks) for stick, marks in _typed() if marks.keys() & {"at", "modem"} or marks["never"] == "*"}
    | dict(_OWN)
)
"""For each `vendor:product`, the role of each interface that may be asked."""

NEVER: Mapping[str, frozenset[int]] = MappingProxyType(
    {stick: _numbers(marks, "never") for stick, marks in _typed() if stick not in NUMBERS}
)
"""For each `vendor:product` without a known command port, the interfaces that are never asked."""


@cache
def bound() -> frozenset[str]:
    """Return the `vendor:product` ids that one of the kernel's modem drivers binds to by itself."""
    parted = (row.partition(": ") for row in BOUND.split("\n")[1:-1])
    return frozenset(f"{vendor}:{product}" for vendor, _colon, products in parted for product in products.split())


HUAWEI = "12d1"
HUAWEI_PROTOCOLS: Mapping[int, PortRole] = MappingProxyType(
    {
        0x01: PortRole.MODEM,
        0x10: PortRole.MODEM,
        0x31: PortRole.MODEM,
        0x02: PortRole.AT,
        0x12: PortRole.AT,
        0x32: PortRole.AT,
    }
)
"""The role of a vendor-specific interface of Huawei's later sticks (E3131, E3372s: 12d1:1506), by bInterfaceProtocol.

Other values: 0x03, 0x13 and 0x33 are for diagnosis, 0x05 and 0x14 for positions.
"""

ADAPTERS = frozenset(
    {
        "0403:6001",  # FTDI FT232R
        "0403:6010",  # FTDI FT2232
        "0403:6011",  # FTDI FT4232
        "0403:6014",  # FTDI FT232H
        "0403:6015",  # FTDI FT230X
        "067b:2303",  # Prolific PL2303
        "067b:23a3",  # Prolific PL2303GC
        "067b:23b3",  # Prolific PL2303GB
        "067b:23c3",  # Prolific PL2303GT
        "067b:23d3",  # Prolific PL2303GL
        "067b:23e3",  # Prolific PL2303GE
        "067b:23f3",  # Prolific PL2303GS
        "10c4:ea60",  # Silicon Labs CP2102
        "10c4:ea70",  # Silicon Labs CP2105
        "1a86:7522",  # WCH CH340K
        "1a86:5523",  # WCH CH341
        "1a86:7523",  # WCH CH340
        "1a86:55d4",  # WCH CH9102
    }
)
"""Serial adapters, `vendor:product`: a SIM800 board is connected through one."""

MODEM_DRIVERS = frozenset({"option", "qcserial", "sierra", "hso"})
"""Kernel drivers that bind only to modems."""

VENDORS: Mapping[str, str] = MappingProxyType(
    {
        "05c6": "Qualcomm",
        "0af0": "Option",
        "1199": "Sierra Wireless",
        "12d1": "Huawei",
        "1546": "u-blox",
        "19d2": "ZTE",
        "1bbb": "Alcatel",
        "1bc7": "Telit",
        "1c9e": "Longcheer",
        "1e0e": "SIMCom",
        "1e2d": "Cinterion",
        "2020": "BroadMobi",
        "2c7c": "Quectel",
        "2cb7": "Fibocom",
        "3566": "Brovi",
    }
)
"""USB vendors that make modems: a device of theirs without a serial port is a stick in the wrong mode.

Vendors that also make drives, keyboards or network cards are not here: their devices are known by their ids.
"""
