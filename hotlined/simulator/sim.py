"""The SIM with its PIN, and storages of short messages (3GPP TS 27.005, 3.1).

It knows indexes, states and raw PDUs; it decodes nothing and speaks no AT.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

PIN_TRIES = 3  # TS 102 221, 9.5.1: what cards are issued with


class Status(IntEnum):
    """The <stat> of an entry in PDU mode (TS 27.005, 3.1)."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True)
class Entry:
    """One occupied place of a storage: its status, and hexadecimal digits with service centre."""

    status: Status
    pdu: str

    @property
    def tpdu_length(self) -> int:
        """Octets without the service centre, as +CMGL gives them."""
        return tpdu_length(self.pdu)


def tpdu_length(pdu: str) -> int:
    """Count the octets behind the service centre; of what is no PDU, all of them."""
    octets = len(pdu) // 2
    centre = int(pdu[:2], 16) + 1 if re.match(r"[0-9A-Fa-f]{2}", pdu) else 0
    return octets - centre if centre <= octets else octets


@dataclass(slots=True)
class Storage:
    """`size` numbered places, of which the lowest free one is taken first."""

    name: str
    size: int
    first: int = 1
    entries: dict[int, Entry] = field(default_factory=dict)

    @property
    def indexes(self) -> range:
        """Every index that there is, free or not."""
        return range(self.first, self.first + self.size)

    def add(self, status: Status, pdu: str) -> int | None:
        """Put an entry into the lowest free place and return its index; None if it is full."""
        index = next((i for i in self.indexes if i not in self.entries), None)
        if index is not None:
            self.put(index, status, pdu)
        return index

    def put(self, index: int, status: Status, pdu: str) -> None:
        """Put an entry into a place, whatever stood there."""
        self.entries[index] = Entry(status, pdu)

    def occupied(self) -> list[tuple[int, Entry]]:
        """Return the entries in the order of their indexes."""
        return sorted(self.entries.items())


class SimState(StrEnum):
    """The answers of AT+CPIN? (TS 27.007, 8.3), and no SIM at all."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    ABSENT = "absent"


@dataclass(slots=True)
class Sim:
    """A card; the PIN has to be entered after each start if there is one."""

    imsi: str
    iccid: str
    number: str
    pin: str | None = None
    puk: str = "12345678"
    absent: bool = False
    unlocked: bool = False
    tries: int = PIN_TRIES

    def start(self) -> None:
        """Lose power and get it again: the PIN is to be entered, the tries left stay."""
        self.unlocked = False

    @property
    def state(self) -> SimState:
        """What AT+CPIN? says."""
        if self.absent:
            return SimState.ABSENT
        if not self.tries:
            return SimState.PUK
        return SimState.READY if self.unlocked or self.pin is None else SimState.PIN

    def enter(self, code: str, new: str | None = None) -> bool:
        """Take the PIN, or the PUK with a new PIN; False if it is wrong or not asked for."""
        match self.state:
            case SimState.PIN if new is None:
                self.unlocked = code == self.pin
                self.tries = PIN_TRIES if self.unlocked else self.tries - 1
            case SimState.PUK if new is not None and code == self.puk:
                self.pin, self.tries, self.unlocked = new, PIN_TRIES, True
            case _:
                return False
        return self.unlocked
