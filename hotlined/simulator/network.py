"""The network of the modem: texts that wait for the SIM, texts that the SIM has submitted, a call.

It simulates no radio and never refuses a text by itself; for that there are faults. It keeps every segment that leaves,
and joins the segments of one text by recipient, reference and total.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hotlined.simulator.pdus import Segment

# The <stat> of +CREG (TS 27.007, 7.2) for each name that the control socket uses.
REGISTRATION = {
    "none": 0,
    "home": 1,
    "searching": 2,
    "denied": 3,
    "roaming": 5,
    "home_sms": 6,
    "roaming_sms": 7,
    "emergency": 8,
    "home_no_csfb": 9,
    "roaming_no_csfb": 10,
    "emergency_lte": 11,
}
REGISTERED = {name for name in REGISTRATION if name.startswith(("home", "roaming"))}


@dataclass(slots=True)
class Submitted:
    """A text that left, complete or not yet."""

    at: datetime
    segments: dict[int, Segment]

    @property
    def complete(self) -> bool:
        """Whether every segment is there."""
        return len(self.segments) == next(iter(self.segments.values())).total

    def takes(self, segment: Segment) -> bool:
        """Return whether a segment belongs to this text; a sequence that is already here begins another text."""
        first = next(iter(self.segments.values()))
        same = (first.recipient, first.reference, first.total) == (
            segment.recipient,
            segment.reference,
            segment.total,
        )
        return same and segment.sequence not in self.segments

    def as_json(self) -> dict[str, Any]:
        """Return the text so far, in order, and the raw PDUs in the order in which they came."""
        first = next(iter(self.segments.values()))
        return {
            "recipient": first.recipient,
            "text": "".join(segment.text for _, segment in sorted(self.segments.items())),
            "encoding": first.encoding,
            "segments": len(self.segments),
            "total": first.total,
            "complete": self.complete,
            "reference": first.reference,
            "report": first.report,
            "at": self.at.isoformat(timespec="milliseconds"),
            "pdus": [segment.pdu for segment in self.segments.values()],
        }


@dataclass(slots=True)
class Call:
    """An incoming call: `number` is None if it is withheld; with `rings` None it rings until it is ended."""

    number: str | None
    rings: int | None = None
    interval: float = 5.0
    rung: int = 0


class UssdKind(StrEnum):
    """The kinds of answer to a USSD code."""

    NOTIFY = "notify"
    MENU = "menu"  # waits for a choice
    ERROR = "error"  # not supported
    TIMEOUT = "timeout"
    SILENCE = "silence"


# The <m> of +CUSD (TS 27.007, 7.15)
USSD_CODES = {UssdKind.NOTIFY: 0, UssdKind.MENU: 1, UssdKind.ERROR: 4, UssdKind.TIMEOUT: 5}


@dataclass(frozen=True, slots=True)
class UssdReply:
    """An answer to a USSD code: its text and its kind."""

    text: str = ""
    kind: UssdKind = UssdKind.NOTIFY


FORWARDING = ("always", "busy", "no_reply", "not_reachable")
"""The reasons of +CCFC by their number (TS 27.007, 7.11)."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """The target of calls for one reason; `services` is the sum of classes, 1 is voice."""

    number: str
    services: int = 1
    seconds: int = 20


@dataclass(slots=True)
class Network:
    """The state of the network; `report_status` has the TP-ST of each report for a text, in turn."""

    operator: tuple[str, str] = ("Proximus", "20601")
    technology: int | None = None  # <AcT> of +COPS (TS 27.007, 7.3); None: the modem leaves it out
    registration: str = "home"
    signal: int = 18
    report_status: tuple[int, ...] = (0,)
    queue: deque[str] = field(default_factory=deque)
    submitted: list[Submitted] = field(default_factory=list)
    call: Call | None = None
    ussd: dict[str, UssdReply] = field(default_factory=lambda: {"*100#": UssdReply("Solde: 12,34 EUR")})
    menu: bool = False  # a USSD session waits for an answer
    forwarding: dict[str, Forwarding] = field(default_factory=dict)

    @property
    def registered(self) -> bool:
        """Whether texts and calls can pass."""
        return self.registration in REGISTERED

    def submit(self, segment: Segment, at: datetime) -> Submitted:
        """Take a segment and return the text to which it belongs."""
        for text in reversed(self.submitted):
            if not text.complete and text.takes(segment):
                text.segments[segment.sequence] = segment
                return text
        self.submitted.append(Submitted(at, {segment.sequence: segment}))
        return self.submitted[-1]
