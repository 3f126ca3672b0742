"""Tables of USB modems: which interfaces take AT commands, and who makes modems.

Sources: the udev rules 77-mm-*-port-types of ModemManager 1.24, the Huawei driver of oFono, the list of usb-modeswitch
2019-11-28, the kernel's drivers `option` and `cdc_acm`; for 3566:2001 the notes of trackIT-Systems' package
modemmanager-e3372. An interface that a row leaves out is for diagnosis (DIAG, QCDM), positions (NMEA), voice (PCM) or
the network, and nothing is ever written to it. Known to be incomplete: a stick without a row is probed by what its
driver and class say, after all others.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class PortRole(IntEnum):
    """What a port is for, best first: the order in which ports are probed."""

    AT = 0
    """Commands beside the data connection: unsolicited result codes come here (Huawei calls it PCUI)."""
    MODEM = 1
    """Commands and the data connection: second choice."""
    UNLISTED = 2
    """A port of a modem without a row: it may answer."""
    ADAPTER = 3
    """A serial adapter, or an unknown device with one port: there may be a modem behind it."""


def _first(first: int, second: int | None = None) -> Mapping[int, PortRole]:
    rows = {first: PortRole.AT} if second is None else {first: PortRole.AT, second: PortRole.MODEM}
    return MappingProxyType(rows)


_NONE: Mapping[int, PortRole] = MappingProxyType({})

NUMBERS: Mapping[str, Mapping[int, PortRole]] = MappingProxyType(
    {
        "12d1:1001": _first(2, 0),  # Huawei E173, E1550, E1752
        "12d1:1003": _first(1, 0),  # Huawei E220, E270
        "12d1:1436": _first(4, 0),  # Huawei E173 with an Ethernet function: 0, 3 and 4 are serial
        "1546:01a7": _NONE,  # u-blox 7, a receiver of positions; so are the next two
        "1546:01a8": _NONE,
        "1546:01a9": _NONE,
        "19d2:0016": _first(2, 1),  # ZTE MF6xx
        "19d2:0031": _first(3, 1),  # ZTE MF110, MF190, MF626
        "19d2:0037": _first(3, 1),  # ZTE
        "19d2:0052": _first(3, 1),  # ZTE
        "19d2:0063": _first(3, 1),  # ZTE K3565-Z
        "19d2:0064": _first(2, 0),  # ZTE MF627
        "19d2:0104": _first(3, 1),  # ZTE K4505-Z
        "19d2:0108": _first(3, 1),  # ZTE
        "19d2:0117": _first(2, 1),  # ZTE MF112, MF190
        "19d2:0124": _first(4, 1),  # ZTE
        "19d2:1008": _first(3, 1),  # ZTE K3570-Z, K3571-Z
        "19d2:2002": _first(3, 1),  # ZTE K3765-Z
        "19d2:2003": _first(3, 1),  # ZTE MF180
        "1e0e:9001": _first(2, 3),  # SIMCom SIM7000, SIM7100, SIM7500, SIM7600
        "1e0e:9011": _first(4, 5),  # SIMCom A7600, A7602, A7670
        "1e0e:9205": _first(2, 3),  # SIMCom SIM7070, SIM7080, SIM7090
        "1e0e:9206": _first(2, 5),  # the same, second layout
        "2c7c:0121": _first(2, 3),  # Quectel EC21, EG21
        "2c7c:0125": _first(2, 3),  # Quectel EC25, EG25
        "2c7c:0191": _first(2, 3),  # Quectel EG91
        "2c7c:0195": _first(2, 3),  # Quectel EG95
        "2c7c:0296": _first(2, 3),  # Quectel BG96
        "2c7c:0306": _first(2, 3),  # Quectel EG06, EP06
        "2c7c:0512": _first(2, 3),  # Quectel EG12
        "2c7c:0800": _first(2, 3),  # Quectel RM500
        "2c7c:0801": _first(2, 3),  # Quectel RM520N
        "3566:2001": _first(4, 1),  # Brovi (Zowee) E3372-325: 2 is Marvell's for diagnosis, 0 and 3 are no ports
    }
)
"""By `vendor:product`: the role of each interface number that may be asked."""

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
"""By bInterfaceProtocol, in the vendor-specific interfaces of Huawei's later sticks (E3131, E3372s: 12d1:1506).

Of the rest 0x03, 0x13 and 0x33 are for diagnosis, 0x05 and 0x14 for positions."""

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
"""Serial adapters, `vendor:product`: a SIM800 board is connected by one."""

MODEM_DRIVERS = frozenset({"option", "qcserial", "sierra", "hso"})
"""Drivers of the kernel that bind to modems only."""

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
"""Makers of modems by USB vendor: where a device of theirs has no serial port, it is a stick in the wrong mode."""
