"""The SIM with its PIN, and the storages of short messages (3GPP TS 27.005, 3.1).

It knows indexes, states and raw PDUs; it decodes nothing and knows no AT commands.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

PIN_TRIES = 3  # TS 102 221, 9.5.1: the number on a new card


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
        """The number of octets without the service centre, as in +CMGL."""
        return tpdu_length(self.pdu)


def tpdu_length(pdu: str) -> int:
    """Count the octets after the service centre; if it is not a PDU, all of them."""
    octets = len(pdu) // 2
    centre = int(pdu[:2], 16) + 1 if re.match(r"[0-9A-Fa-f]{2}", pdu) else 0
    return octets - centre if centre <= octets else octets


@dataclass(slots=True)
class Storage:
    """`size` numbered places; the lowest free one is used first."""

    name: str
    size: int
    first: int = 1
    entries: dict[int, Entry] = field(default_factory=dict)

    @property
    def indexes(self) -> range:
        """Every index, free or not."""
        return range(self.first, self.first + self.size)

    def add(self, status: Status, pdu: str) -> int | None:
        """Put an entry into the lowest free place and return its index; None if it is full."""
        index = next((i for i in self.indexes if i not in self.entries), None)
        if index is not None:
            self.put(index, status, pdu)
        return index

    def put(self, index: int, status: Status, pdu: str) -> None:
        """Put an entry into a place, even if it is occupied."""
        self.entries[index] = Entry(status, pdu)

    def remove(self, index: int) -> Entry:
        """Empty a place and return its entry."""
        return self.entries.pop(index)

    def occupied(self) -> list[tuple[int, Entry]]:
        """Return the entries in the order of their indexes."""
        return sorted(self.entries.items())

    def renumber(self) -> None:
        """Move the entries to the lowest places, the last one first."""
        entries = [entry for _, entry in reversed(self.occupied())]
        self.entries = dict(zip(self.indexes, entries, strict=False))


@dataclass(slots=True)
class Union:
    """Two storages under one name, MT: the places of the second come after those of the first (TS 27.005, 3.1)."""

    parts: tuple[Storage, Storage]
    name: str = "MT"

    @property
    def size(self) -> int:
        """The number of places in both."""
        return sum(part.size for part in self.parts)

    @property
    def indexes(self) -> range:
        """Every index, free or not."""
        first = self.parts[0].first
        return range(first, first + self.size)

    @property
    def entries(self) -> dict[int, Entry]:
        """Both storages' entries by their index here."""
        first, second = self.parts
        behind = {index + first.size: entry for index, entry in second.entries.items()}
        return first.entries | behind

    def add(self, status: Status, pdu: str) -> int | None:
        """Put an entry into the lowest free place and return its index; None if both are full."""
        first, second = self.parts
        if (index := first.add(status, pdu)) is not None:
            return index
        index = second.add(status, pdu)
        return None if index is None else index + first.size

    def put(self, index: int, status: Status, pdu: str) -> None:
        """Put an entry into a place, even if it is occupied."""
        part, place = self.place(index)
        part.put(place, status, pdu)

    def remove(self, index: int) -> Entry:
        """Empty a place and return its entry."""
        part, place = self.place(index)
        return part.remove(place)

    def occupied(self) -> list[tuple[int, Entry]]:
        """Return the entries in the order of their indexes."""
        return sorted(self.entries.items())

    def place(self, index: int) -> tuple[Storage, int]:
        """Return the storage behind an index, and the index within that storage."""
        first, second = self.parts
        return (first, index) if index in first.indexes else (second, index - first.size)


class SimState(StrEnum):
    """The answers of AT+CPIN? (TS 27.007, 8.3), and one for a missing SIM."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    ABSENT = "absent"


@dataclass(slots=True)
class Sim:
    """A card; if it has a PIN, that has to be entered after each start."""

    imsi: str
    iccid: str
    number: str
    pin: str | None = None
    puk: str = "12345678"
    absent: bool = False
    unlocked: bool = False
    tries: int = PIN_TRIES

    def start(self) -> None:
        """Lose power and get it again: the PIN has to be entered, the tries left stay."""
        self.unlocked = False

    @property
    def state(self) -> SimState:
        """The answer to AT+CPIN?."""
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
