"""The modem's end of the serial line: command lines, echo, prompt, answers, unsolicited codes (ITU-T V.250).

Bytes in, bytes out, on a clock that is passed in; no port and no thread. It runs one command line at a time: bytes that
come meanwhile wait, and bytes that come before a prompt are lost, as on real modems.
"""

import random
import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from hotlined.simulator.commands import ERROR, Answer, Error, GivenCommand, Prompt, execute, parse
from hotlined.simulator.device import Device, Event
from hotlined.simulator.faults import KINDS, FaultRemedy, Faults, FaultSite
from hotlined.simulator.pdus import maybe_segment
from hotlined.simulator.timers import Timers

CR, LF, BACKSPACE, ESC, CTRL_Z = b"\r\n\x08\x1b\x1a"
REFUSALS = {"error", "delete_refused", "storage_refused"}
PROMPTING = {"+CMGS", "+CMGW"}
SUBMIT_FAULTS = {name for name, kind in KINDS.items() if kind.place is FaultSite.SUBMIT}
RADIO_OFF = ("+CFUN=0", "+CFUN=4", "+COPS=2")  # TS 27.007, 8.2 and 7.3
BAD_LINE = Error("CME", 4, "operation not supported")
CHATTER_EVERY = 4  # answers between two lines of chatter
LINE_OCTETS = 1024  # a command line longer than this is refused
BYTE_SECONDS = 0.0005  # between bytes that are written one by one: longer than one read of the peer


@dataclass(frozen=True, slots=True)
class Latency:
    """The time that things take, each uniformly between two durations in seconds."""

    command: tuple[float, float] = (0.0, 0.0)
    submit: tuple[float, float] = (0.0, 0.0)
    boot: tuple[float, float] = (0.0, 0.0)


LATENCIES = {
    "zero": Latency(),
    "real": Latency(command=(0.02, 0.08), submit=(2.0, 4.0), boot=(4.0, 8.0)),
}


class State(Enum):
    """The modem's current activity."""

    OFF = "off"
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    PROMPT = "prompt"


class Modem:
    """One modem on one line; `write` takes its output."""

    def __init__(
        self,
        device: Device,
        faults: Faults,
        latency: Latency,
        timers: Timers,
        write: Callable[[bytes], None],
        event: Event,
        restart: Callable[[], None],
    ) -> None:
        self._device = device
        self._faults = faults
        self._latency = latency
        self._timers = timers
        self._write = write
        self._event = event
        self._restart = restart
        self._state = State.OFF
        self._life = 0
        self._input: deque[int] = deque()
        self._line = bytearray()
        self._prompt: Prompt | None = None
        self._prompted: Sequence[str] = ()
        self._unsolicited: deque[bytes] = deque()
        self._reading = False
        self._held: list[bytes] = []
        self._behind_prompt = b""
        self._answered = 0
        self.counters: Counter[str] = Counter()
        self.octets_in = 0
        self.octets_out = 0

    @property
    def state(self) -> State:
        """The current activity."""
        return self._state

    def start(self) -> None:
        """Power up, or reset: settings are lost, and the make writes its first lines."""
        self.stop()
        self._faults.cure(FaultRemedy.RESET)
        self._state = State.STARTING
        self._device.start()
        self._event("reset")
        self._later(self._latency.boot, self._up)

    def stop(self) -> None:
        """Lose power: input, output and everything in memory are lost."""
        self._device.stop()
        self._life += 1
        self._state = State.OFF
        self._input.clear()
        self._line.clear()
        self._held.clear()
        self._behind_prompt = b""
        self._unsolicited.clear()

    def _up(self) -> None:
        self._state = State.IDLE
        self._device.boot()

    def announce(self, *lines: str) -> None:
        """Write one unsolicited code of one or two lines, as soon as no command is running."""
        octets = _octets("\r\n" + "\r\n".join(lines) + "\r\n")
        if self._state is State.IDLE:
            self._say(octets)
        elif self._state in {State.BUSY, State.PROMPT}:
            self._unsolicited.append(octets)

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self.octets_in += len(data)
        if self._state not in {State.OFF, State.STARTING}:
            self._input.extend(data)
            self._read()

    def _read(self) -> None:
        """Read octets while no command is running. An immediate answer calls this again; the inner call returns."""
        if self._reading:
            return
        self._reading = True
        while self._input and self._state in {State.IDLE, State.PROMPT}:
            octet = self._input.popleft()
            if self._device.settings["E"] == (1,):
                self._say(bytes([octet]))
            if self._state is State.IDLE:
                self._take_command(octet)
            else:
                self._take_payload(octet)
        self._reading = False

    def _take_command(self, octet: int) -> None:
        if octet == CR:
            line = bytes(self._line)
            self._line.clear()
            self._command(line.decode("latin-1"))
        elif octet == BACKSPACE:
            del self._line[-1:]
        elif octet != LF and len(self._line) <= LINE_OCTETS:
            self._line.append(octet)

    def _take_payload(self, octet: int) -> None:
        if octet == ESC:
            self._state = State.BUSY
            self._line.clear()
            self._answer((), [], None)
        elif octet == CTRL_Z:
            digits = "".join(self._line.decode("latin-1").split())
            self._line.clear()
            self._state = State.BUSY
            self._later(self._latency.submit, lambda: self._payload(digits))
        elif len(self._line) <= LINE_OCTETS:
            self._line.append(octet)

    def _command(self, line: str) -> None:
        """Begin with a command line; one without AT is ignored, and `lines` decides about noise before AT."""
        start = re.search("AT", line, re.IGNORECASE)
        if start is None:
            return
        if start.start() and self._device.lines != "any":
            if self._device.lines == "refused":
                self._say(_octets(f"\r\n{BAD_LINE.final(self._device.settings['+CMEE'][0])}\r\n"))
            return
        try:
            calls = list(parse(line[start.end() :])) if len(line) <= LINE_OCTETS else []
        except ValueError:
            calls = []
        names = [call.name or "AT" for call in calls] or ["unreadable"]
        self.counters.update(names)
        self._event("command", line=line[start.start() :], names=names)
        remedy = self._remedy(calls)
        if self._faults.take({"hang"}, names, remedy=remedy):
            return
        if self._faults.take({"echo_back"}, names):
            self._say(_octets(f"{line}\r"))
        self._state = State.BUSY
        self._later(self._latency.command, lambda: self._carry_out(calls, names))

    def _carry_out(self, calls: Sequence[GivenCommand], names: Sequence[str]) -> None:
        prompts = PROMPTING.intersection(names)
        index = next((call.given[0] for call in calls if call.given), None)
        refused = self._faults.take({"prompt_refused"} if prompts else REFUSALS, names, index)
        if refused:
            self._answer(names, [], refused.error)
            return
        lines: list[str] = []
        answer = Answer() if calls else Answer(error=ERROR)
        for call in calls:
            if self._faults.take({"delete_ignored"}, names):
                continue
            answer = execute(self._device, call)
            lines += answer.lines
            if answer.prompt:
                self._open_prompt(answer.prompt, names)
                return
            if answer.error:
                break
        if not (lines or answer.error) and (refused := self._faults.take({"empty_refused"}, names)):
            self._answer(names, [], refused.error)
            return
        if not answer.error and (remedy := self._remedy(calls)):
            self._faults.cure(remedy)
        self._answer(names, lines, answer.error, self._restart if answer.restarts else answer.then, ends=answer.ends)

    def _open_prompt(self, prompt: Prompt, names: Sequence[str]) -> None:
        self._state = State.PROMPT
        self._prompt, self._prompted = prompt, names
        self._input.clear()
        late, self._behind_prompt = self._behind_prompt, b""
        self._say(b"\r\n> " + late)

    def _payload(self, digits: str) -> None:
        """Run the prompt's command on a PDU, and change its result as the faults say."""
        assert self._prompt
        names = self._prompted
        segment = maybe_segment(digits)
        refused = self._faults.take({"error"}, names, segment=segment)
        if refused:
            self._answer(names, [], refused.error)
            return
        answer = self._prompt.done(digits)
        fault = None if answer.error else self._faults.take(SUBMIT_FAULTS, names, segment=segment)
        if fault is None:
            self._answer(names, list(answer.lines), answer.error)
        elif fault.kind == "error_after_submit":
            self._answer(names, [], fault.error)
        else:
            late = _octets("".join(_written(answer.lines, "OK")))
            if fault.kind == "late_result":
                self._later((fault.given["seconds"],) * 2, lambda: self._say(late))
            elif fault.kind == "result_at_prompt":
                self._behind_prompt = late
            self._finish()

    def _answer(
        self,
        names: Sequence[str],
        lines: list[str],
        error: Error | None,
        then: Callable[[], None] | None = None,
        *,
        ends: bool = True,
    ) -> None:
        """Write an answer, changed by the faults, and then be ready for the next command."""
        said = [each for line in lines for each in line.split("\r\n")]
        final = error.final(self._device.settings["+CMEE"][0]) if error else "OK" if ends else ""
        self._chatter()
        for fault in self._faults.take_all(FaultSite.LINES, names):
            kind = KINDS[fault.kind]
            said = kind.change(said, fault.given)
            final = "" if kind.silent else final
            then = self.start if kind.resets else then
        held, self._held = self._held, [_octets(text) for text in _written(said, final)]
        if self._faults.take({"one_late"}, names):
            chunks = held
        else:
            chunks, self._held = [*held, *self._held], []
        slow = self._faults.take({"slow"}, names)
        seconds = slow.given["seconds"] if slow else 0.0
        if self._faults.take({"bytewise"}, names):
            chunks = [bytes([octet]) for chunk in chunks for octet in chunk]
            seconds = seconds or BYTE_SECONDS
        for number, chunk in enumerate(chunks, 1):
            self._later((seconds * number,) * 2, partial(self._say, chunk))
        self._later((seconds * len(chunks),) * 2, lambda: self._finish(then))

    def _remedy(self, calls: Sequence[GivenCommand]) -> FaultRemedy | None:
        """Return the remedy that a command line is, if any."""
        remedies = {**dict.fromkeys(RADIO_OFF, FaultRemedy.RADIO), self._device.make.reset: FaultRemedy.RESET}
        return next((remedies[str(call)] for call in calls if str(call) in remedies), None)

    def _chatter(self) -> None:
        """Write a line of the make's chatter before every fourth answer."""
        self._answered += 1
        chatter = self._device.make.chatter
        if chatter and not self._device.is_silent and self._answered % CHATTER_EVERY == 0:
            self._say(_octets(f"\r\n{chatter[self._answered // CHATTER_EVERY % len(chatter)]}\r\n"))

    def _finish(self, then: Callable[[], None] | None = None) -> None:
        """Become idle: write what had to wait, and let texts in from the network."""
        self._state = State.IDLE
        while self._unsolicited:
            self._say(self._unsolicited.popleft())
        if then:
            then()
        self._device.pump()
        self._read()

    def _later(self, between: tuple[float, float], action: Callable[[], object]) -> None:
        """Act after a random time between two durations; at once if they are zero, never after a reset."""
        seconds = random.uniform(*between)
        life = self._life
        if seconds:
            self._timers.after(seconds, lambda: action() if self._life == life else None)
        else:
            action()

    def _say(self, octets: bytes) -> None:
        self.octets_out += len(octets)
        self._write(octets)


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _written(lines: Sequence[str], final: str) -> list[str]:
    """Add line ends as in V.250, 5.7.1."""
    written = [("\r\n" if number == 0 else "") + line + "\r\n" for number, line in enumerate(lines)]
    return [*written, f"\r\n{final}\r\n"] if final else written
