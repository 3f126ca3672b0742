"""The state of the modem: settings, storages, radio; and the routing of everything that comes from the network.

It handles no AT lines; the unsolicited ones go to `announce`. CNMI mode 0 discards codes instead of keeping them (TS
27.005, 3.4.1 allows it), and cell broadcast is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from typing import Any

from hotlined.simulator.makes import REGISTERS, Make
from hotlined.simulator.network import REGISTRATION, Call, Network
from hotlined.simulator.pdus import Segment, write_status_report, write_text
from hotlined.simulator.sim import Sim, SimState, Status, Storage, Union, tpdu_length
from hotlined.simulator.timers import Timers

ACKNOWLEDGE_SECONDS = 15.0  # how long the network waits for the acknowledgement of a +CMT
DEREGISTERED = 2  # the <mode> of +COPS (TS 27.007, 7.3)
CLASS_0 = 0  # TS 23.038, 4: to be shown at once, not stored
CLASS_2 = 2  # for the SIM
CLASS_3 = 3  # for the terminal equipment

LINES = ("any", "silent", "refused")

Event = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Setting:
    """Integers that a command sets (V.250, 5.4.2): their factory values and their ranges."""

    default: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]


_SWITCH = ((0, 1),)
SETTINGS = {
    "E": Setting((1,), _SWITCH),
    "+CMEE": Setting((0,), ((0, 2),)),
    "+CMGF": Setting((0,), _SWITCH),
    "+CNMI": Setting((0, 0, 0, 0, 0), ((0, 3), (0, 3), (0, 3), (0, 2), (0, 1))),
    "+CREG": Setting((0,), ((0, 2),)),
    "+CGREG": Setting((0,), ((0, 2),)),
    "+CEREG": Setting((0,), ((0, 2),)),
    "+C5GREG": Setting((0,), ((0, 2),)),
    "+CSMS": Setting((0,), _SWITCH),
    "+CLIP": Setting((0,), _SWITCH),
    "+CUSD": Setting((0,), ((0, 2),)),
    "+CSSN": Setting((0, 0), _SWITCH * 2),
    "+COPS": Setting((0, 0), ((0, 3), (0, 2))),
    "+CGSMS": Setting((1,), ((0, 3),)),
}


class Radio(IntEnum):
    """The <fun> of +CFUN (TS 27.007, 8.2)."""

    MINIMUM = 0
    FULL = 1
    FLIGHT = 4


def _routing(pdu: str) -> tuple[bool, int | None]:
    """Return whether a queued PDU is a status report, and the message class of a DELIVER (TS 23.038, 4)."""
    try:
        tpdu = bytes.fromhex(pdu)[-tpdu_length(pdu) :]
        report = tpdu[0] & 0x03 == 0x02
        dcs = tpdu[4 + (tpdu[1] + 1) // 2]
    except (ValueError, IndexError):
        return False, None
    return report, dcs & 0x03 if not report and (dcs & 0xD0 == 0x10 or dcs & 0xF0 == 0xF0) else None


@dataclass(slots=True)
class Device:
    """A modem without its AT line: `announce` takes the lines of one unsolicited code."""

    make: Make
    imei: str
    sim: Sim
    network: Network
    storages: Mapping[str, Storage | Union]
    timers: Timers
    announce: Callable[..., None]
    event: Event
    factory: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    settings: dict[str, tuple[int, ...]] = field(default_factory=dict)
    memories: list[str] = field(default_factory=list)
    overflows: bool = False  # texts go into ME when SM is full
    renumbers: bool = False  # each start numbers the entries again
    patience: float = ACKNOWLEDGE_SECONDS
    registers: frozenset[str] = frozenset(REGISTERS)
    lines: str = "any"  # the treatment of a line that does not begin with AT: any, silent or refused
    loops_back: bool = False  # a text to the SIM's own number comes back
    factory_charset: str = "GSM"
    charset: str = "GSM"
    centre: str = "+32475161616"
    running: bool = False
    is_silent: bool = False  # the make's chatter was ended
    radio: Radio = Radio.FULL
    mr: int = 0
    unacknowledged: str | None = None
    _stop_waiting: Callable[[], None] = lambda: None
    _stop_ringing: Callable[[], None] = lambda: None

    def reset_settings(self) -> None:
        """Restore the factory's settings, as ATZ does."""
        self.settings = {name: setting.default for name, setting in SETTINGS.items()}
        self.settings |= {**self.make.factory, **self.factory}
        self.memories = [self.make.receives or next(name for name in self.storages if name != "SR")] * 3
        self.charset = self.factory_charset

    def start(self) -> None:
        """Power up: settings are the factory's, and the PIN has to be entered."""
        self.reset_settings()
        self.is_silent = False
        self.sim.start()
        self.radio = Radio.FLIGHT if self.make.radio_off else Radio.FULL
        for storage in self.storages.values() if self.renumbers else ():
            if isinstance(storage, Storage):
                storage.renumber()

    def stop(self) -> None:
        """Lose power: a call ends, and a text that was not acknowledged stays in the network."""
        self.running = False
        self.hang_up("stopped")
        self.refuse()

    def boot(self) -> None:
        """Finish starting, and write the make's first lines."""
        self.running = True
        pin = "NOT INSERTED" if self.sim.absent else self.sim.state
        for line in self.make.boot:
            self.announce(line.format(pin=pin))
        self.pump()

    @property
    def registration(self) -> str:
        """The name of the state of registration: `none` unless power, radio and SIM allow one."""
        searches = self.radio is Radio.FULL and self.settings["+COPS"][0] != DEREGISTERED
        usable = self.running and searches and self.sim.state is SimState.READY
        return self.network.registration if usable else "none"

    def registration_in(self, name: str) -> int:
        """Return the <stat> of one of the four queries; one that is not in `registers` gives the make's `elsewhere`."""
        return REGISTRATION[self.registration if name in self.registers else self.make.elsewhere]

    @property
    def registered(self) -> bool:
        """Whether texts and calls can pass now."""
        return self.network.registered and self.registration == self.network.registration

    def announce_registration(self) -> None:
        """Announce the state of registration by each of the four codes that is switched on (TS 27.007, 7.2, 10.1)."""
        for name in REGISTERS:
            if self.settings[name][0] and name not in self.make.lacks:
                self.announce(f"{name}: {self.registration_in(name)}")

    def pump(self) -> None:
        """Let the waiting texts in from the network as far as there are room and a route."""
        while self.registered and self.network.queue and self.unacknowledged is None:
            if not self._route(self.network.queue[0]):
                return
            self.network.queue.popleft()

    def _route(self, pdu: str) -> bool:
        """Route one PDU by +CNMI (TS 27.005, 3.4.1); False leaves it in the network."""
        mode, mt, _, ds, _ = self.settings["+CNMI"]
        report, message_class = _routing(pdu)
        if report:
            route = (None, "+CDS", "+CDSI")[ds if mode else 0]
            if route is None:
                return True
        else:
            direct = {2: message_class != CLASS_2, 3: message_class in {CLASS_0, CLASS_3}}
            shown = bool(mt) and self.make.class_0_direct and message_class == CLASS_0
            route = "+CMT" if mode and (shown or direct.get(mt)) else "+CMTI"
        if route in {"+CMT", "+CDS"}:
            self._direct(route, pdu)
            return True
        storage = self.storages[self.memories[2]]
        if report and "SR" in self.storages:
            storage = self.storages["SR"]
        elif self.overflows and len(storage.entries) == storage.size:
            storage = self.storages["ME"]
        index = storage.add(Status.UNREAD, pdu)
        if index is None:
            return False
        self.event("delivered", storage=storage.name, index=index, pdu=pdu)
        if mode and (report or mt):  # in mode 0, nothing is announced
            if self.make.notifies_part and isinstance(storage, Union):
                storage, index = storage.place(index)
            self.announce(f'{route}: "{storage.name}",{index}')
        return True

    def _direct(self, route: str, pdu: str) -> None:
        """Hand over a PDU without storing it; with +CSMS=1 it has to be acknowledged (TS 27.005, 3.4.4)."""
        comma = "," if route == "+CMT" else ""
        self.event("delivered", storage=None, index=None, pdu=pdu)
        if self.settings["+CSMS"][0]:
            self.unacknowledged = pdu
            self._stop_waiting = self.timers.after(self.patience, self._not_acknowledged)
        self.announce(f"{route}: {comma}{tpdu_length(pdu)}", pdu)

    def acknowledge(self) -> None:
        """Treat the PDU that was handed over as received."""
        self._stop_waiting()
        self.unacknowledged = None

    def refuse(self) -> None:
        """Put the PDU that was not acknowledged back into the network."""
        if self.unacknowledged is not None:
            self.network.queue.appendleft(self.unacknowledged)
            self.acknowledge()

    def _not_acknowledged(self) -> None:
        """Stop routing directly, as TS 27.005, 3.4.4 requires, and let the network try again."""
        mode, _, bm, _, bfr = self.settings["+CNMI"]
        self.settings["+CNMI"] = (mode, 0, bm, 0, bfr)
        self.refuse()
        self.pump()

    def submit(self, segment: Segment) -> int:
        """Send a segment and return its message reference."""
        now = datetime.now(UTC)
        self.mr = (self.mr + 1) % 256
        self.event("segment", recipient=segment.recipient, mr=self.mr, pdu=segment.pdu)
        text = self.network.submit(segment, now)
        if text.complete:
            self.event("submitted", **text.as_json())
            if segment.recipient == self.sim.number and self.loops_back:
                self.timers.after(1.0, partial(self._deliver_to_itself, text.as_json()["text"]))
        if segment.report:
            self.network.queue.extend(
                write_status_report(self.mr, segment.recipient, now, now, status)
                for status in self.network.report_status
            )
        return self.mr

    def _deliver_to_itself(self, text: str) -> None:
        self.network.queue.extend(write_text(self.sim.number, text, scts=datetime.now(UTC), reference=self.mr))
        self.pump()

    def ring(self, call: Call) -> None:
        """Ring until the call is ended, or until its rings are over."""
        self.hang_up("replaced")
        self.network.call = call
        self.event("call", number=call.number)
        self._ring_once(call)

    def _ring_once(self, call: Call) -> None:
        if call.rings is not None and call.rung >= call.rings:
            self.hang_up("given up")
            self.announce("NO CARRIER")
            return
        call.rung += 1
        if self.registered:
            self.announce("RING")
            if self.settings["+CLIP"][0]:
                self.announce(_clip(call.number))
        self._stop_ringing = self.timers.after(call.interval, partial(self._ring_once, call))

    def hang_up(self, reason: str) -> None:
        """End the call if there is one."""
        if self.network.call is not None:
            self._stop_ringing()
            self.event("hung_up", number=self.network.call.number, rings=self.network.call.rung, reason=reason)
            self.network.call = None


def _clip(number: str | None) -> str:
    """Return the +CLIP line (TS 27.007, 7.6); validity 1 means that the number is withheld."""
    if number is None:
        return '+CLIP: "",128,"",0,"",1'
    return f'+CLIP: "{number}",{145 if number.startswith("+") else 129},"",0,"",0'


def as_json(device: Device) -> dict[str, Any]:
    """Return the state of the device for JSON."""
    return {
        "settings": {name: list(values) for name, values in device.settings.items()},
        "memories": list(device.memories),
        "charset": device.charset,
        "radio": int(device.radio),
        "registration": device.registration,
        "signal": device.network.signal,
        "sim": str(device.sim.state),
        "pin_tries": device.sim.tries,
        "storages": {
            name: {
                "size": storage.size,
                "used": len(storage.entries),
                "entries": [
                    {"index": index, "status": int(entry.status), "pdu": entry.pdu}
                    for index, entry in storage.occupied()
                ],
            }
            for name, storage in device.storages.items()
        },
        "queue": len(device.network.queue),
        "unacknowledged": device.unacknowledged,
        "menu": device.network.menu,
        "submitted": [text.as_json() for text in device.network.submitted],
    }
