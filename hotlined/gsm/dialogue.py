"""The dialogue with the modem at an open port: runs commands, collects their responses, keeps unsolicited codes.

The commands themselves are in `modem` and `storages`. Every wait has a time limit, and reads the port all the time. If
a response does not come in time, the modem is out of step: no command may be sent until `resynchronise` succeeds.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hotlined.causes import CauseCode
from hotlined.errors import ModemBusyError, ModemRefusedError, ModemSilentError, PortLostError
from hotlined.gsm import profiles, responses
from hotlined.gsm.at import (
    Command,
    Event,
    Final,
    Information,
    Late,
    OutOfStep,
    Prompt,
    Protocol,
    ProtocolState,
    Response,
    Unrecognised,
    Unsolicited,
)
from hotlined.gsm.port import Port
from hotlined.gsm.profiles import Meaning
from hotlined.machine.timing import USUAL_MODEM, ModemWaits

log = logging.getLogger(__name__)

PROBES = tuple(Command(f"AT{name}?", prefixes=(f"{name}:",)) for name in ("+CMGF", "+CSMS", "+CNMI", "+CPMS", "+CFUN"))
"""The probes of `resynchronise`, used in turn: a late answer to one cannot be taken for the answer to the next."""

PLAIN = Command("AT")


@dataclass(slots=True)
class ModemSession:
    """Facts about a modem that are valid only until it restarts or its SIM may have been changed.

    The exchange notes hints in the modem's lines; `modem` and `storages` note the results of their own questions.
    """

    selected: str = ""
    """The storage selected last; empty if none is known to be selected, or if its indexes may have changed."""
    is_sim_certain: bool = False
    """True if the SIM has identified itself, and nothing since has hinted at another SIM."""
    has_sim_moved: bool = False
    """True if the modem has hinted at another SIM since the last `take_sim_moved`."""
    was_busy: bool = False
    """True if SIM or modem was busy since the modem was last asked to send its unsolicited codes."""

    def note_final(self, final: Final) -> None:
        """Note the hint in a final result code: that the SIM is busy, or may be another one."""
        self.was_busy = self.was_busy or responses.is_busy(final)
        if responses.may_be_another_sim(final):
            self.is_sim_certain = False

    def note_unsolicited(self, meaning: Meaning) -> None:
        """Note the hint in an unsolicited code: that the modem has restarted, or the SIM may be another one."""
        if meaning is Meaning.RESET:
            self.selected = ""  # its indexes may have changed
        if meaning in (Meaning.RESET, Meaning.SIM):
            self.is_sim_certain = False
        self.has_sim_moved = self.has_sim_moved or meaning is Meaning.SIM

    def note_possible_restart(self) -> None:
        """Note that the modem may have restarted silently: it was out of step."""
        self.selected = ""
        self.is_sim_certain = False

    def note_selection(self, storage: str) -> None:
        """Note which storage is selected; empty: none whose indexes are known."""
        self.selected = storage

    def note_sim(self, *, certain: bool) -> None:
        """Note whether the SIM has just identified itself."""
        self.is_sim_certain = certain

    def take_sim_moved(self) -> bool:
        """Return whether the modem has hinted at another SIM since the last call."""
        moved, self.has_sim_moved = self.has_sim_moved, False
        return moved

    def forget_busy(self) -> None:
        """Forget that SIM or modem was busy: the modem is being asked again to send its unsolicited codes."""
        self.was_busy = False


def refused(command: str, final: Final) -> ModemRefusedError:
    """Return the error for a command that the modem refused."""
    kind = ModemBusyError if responses.is_busy(final) else ModemRefusedError
    return kind(CauseCode.COMMAND_REFUSED, final.text, command=command, answer=final.text)


class Exchange:
    """The dialogue with the modem at one open port.

    `progress` is called in every turn of every wait, with the monotonic time by which the current step has to end. It
    may return an earlier time, at which the wait ends, or None.
    """

    def __init__(self, port: Port, progress: Callable[[float], float | None], waits: ModemWaits = USUAL_MODEM) -> None:
        self.port = port
        self.waits = waits
        self.session = ModemSession()
        self.information: list[Information] = []
        """The lines of the last command's response so far."""
        self.unrecognised: deque[str] = deque(maxlen=16)
        self._progress = progress
        self._protocol = Protocol()
        self._unsolicited: deque[Unsolicited] = deque()
        self._late: deque[str] = deque(maxlen=16)
        self._probe = 0
        self._lost: PortLostError | None = None

    @property
    def in_step(self) -> bool:
        """False after a response that did not come: then no command may be sent."""
        return self._protocol.state is not ProtocolState.DESYNCHRONISED

    @property
    def is_submitting(self) -> bool:
        """True while the result of a segment that was handed over has not come."""
        return self._protocol.state is ProtocolState.PAYLOAD

    @property
    def has_unsolicited(self) -> bool:
        """Whether `take_unsolicited` has anything to yield."""
        return bool(self._unsolicited)

    def take_unsolicited(self) -> Iterable[Unsolicited]:
        """Yield the unsolicited codes that came since the last call, each once, oldest first."""
        while self._unsolicited:
            yield self._unsolicited[0]
            self._unsolicited.popleft()  # only now: if the caller failed on this code, it is yielded again

    def take_late_reference(self) -> int | None:
        """Return the latest reference of a +CMGS that came after its time limit, and forget all that came."""
        references = [responses.maybe_reference(line) for line in self._late]
        self._late.clear()
        return next((reference for reference in reversed(references) if reference is not None), None)

    def listen(self, seconds: float) -> bool:
        """Read until something has come or the time is over, at most a second; return whether the caller has to act."""
        if not self._unsolicited:
            self.receive(time.monotonic() + seconds)
        return self._needs_attention

    def wait(self, seconds: float, *others: int) -> bool:
        """Wait until something has come, the time is over or one of `others` is readable; return as `listen` does.

        The wait may take longer than a second; `progress` is not called meanwhile.
        """
        if self._needs_attention:
            return True
        return self.port.wait(seconds, *others) and self.listen(0.0)

    @property
    def _needs_attention(self) -> bool:
        return bool(self._unsolicited or self._late) or not self.in_step

    # ---- synchronisation

    def resynchronise(self, tries: int = len(PROBES)) -> None:
        """Let late answers pass, then write probes until one gets its own answer; ESC before each closes a prompt.

        A probe is a harmless question whose answer has a prefix of its own: so it cannot be mistaken for a late answer
        to an earlier command. That mistake would be dangerous: a late OK would be read as the result of the next
        command, for example of a deletion. Raises ModemSilentError if none of `tries` probes, nor those without ESC
        after them, got its own answer, or if `progress` ended the waits.
        """
        if self.in_step:
            self._protocol = Protocol()
        self.session.note_possible_restart()
        deadline = time.monotonic() + self.waits.late_answers
        is_clean = True
        while self.receive(time.monotonic() + self.waits.quiet) and not self.report_progress(deadline):
            is_clean = False
        strays: list[int] = []  # for each probe, how many answers of other commands came
        for _try in range(tries):
            if self.report_progress(time.monotonic() + self.waits.probe):
                break
            strays.append(self._ask_probe(self._next_probe(), is_clean=is_clean and not strays))
            if self.in_step:
                return
        # no answer to any probe: the modem may ignore every line with ESC; exactly one to each: it may refuse them
        if strays in ([0] * tries, [1] * tries):
            self._ask_probe(self._next_probe(), escapes=False)
            if self.in_step:
                return
        # a modem that knows none of the probes is in step if it refused each of them and nothing else came
        if strays == [1] * tries and self._ask_probe(PLAIN, escapes=False) == 0 and self.in_step:
            return
        raise ModemSilentError(CauseCode.MODEM_SILENT, port=self.port.name)

    def _next_probe(self) -> Command:
        self._probe += 1
        return PROBES[self._probe % len(PROBES)]

    def _ask_probe(self, probe: Command, *, escapes: bool = True, is_clean: bool = False) -> int:
        """Write a probe, read until nothing more comes, and return how many answers came that were not the probe's.

        `is_clean`: nothing came before the probe. A modem answers in order, so if the probe's own answer then comes
        first, no late answer can follow, and the wait ends at once.
        """
        self.write(self._protocol.resynchronise(probe, escapes=escapes))
        late, deadline = 0, time.monotonic() + self.waits.probe
        while not self.report_progress(deadline):
            events = self.receive(deadline)
            answers = [event for event in events if isinstance(event, Response)]
            late += sum(isinstance(event, Late) for event in events) + sum(not answer.final.ok for answer in answers)
            if answers and is_clean and not late:
                break
            if late or answers:
                deadline = min(deadline, time.monotonic() + (self.waits.late if late else self.waits.quiet))
        if self._protocol.state is not ProtocolState.IDLE and self.in_step:
            self._protocol.time_out()
        return late

    # ---- commands

    def run(
        self,
        text: str,
        *prefixes: str,
        seconds: float | None = None,
        bare: bool = False,
        payload: bool = False,
        line_seconds: float | None = None,
    ) -> Response:
        """Run one command and return its response, whatever its final result code.

        Raises ModemSilentError if no response came within `seconds`, `waits.command` if none are given, and
        PortLostError. With `line_seconds`, each line that comes starts the time limit again.
        """
        self.require_step()
        seconds = self.waits.command if seconds is None else seconds
        if self.report_progress(time.monotonic() + seconds):
            raise ModemSilentError(CauseCode.STOPPING)
        command = Command(text, prefixes=prefixes, payload_after=prefixes if payload else (), bare=bare)
        self.information.clear()
        self.write(self._protocol.command(command))
        response = self._response(seconds, line_seconds)
        self.session.note_final(response.final)
        return response

    def require(self, text: str, *prefixes: str, seconds: float | None = None, bare: bool = False) -> Response:
        """Run one command that must succeed; raises ModemRefusedError otherwise."""
        response = self.run(text, *prefixes, seconds=seconds, bare=bare)
        if not response.final.ok:
            raise refused(text, response.final)
        return response

    def ask(self, text: str, prefix: str = "", seconds: float | None = None) -> str:
        """Return the answer to a query without its prefix, or an empty string if the query is refused."""
        response = self.run(text, *([prefix] if prefix else ()), seconds=seconds, bare=not prefix)
        if not response.final.ok or not response.lines:
            return ""
        return response.lines[0].text.removeprefix(prefix).strip() if prefix else responses.words(response, text)

    def ask_digits(self, text: str, prefix: str = "") -> str:
        """Return the long number in the answer to a query (an IMSI, IMEI or ICCID), or an empty string."""
        response = self.run(text, *([prefix] if prefix else ()), seconds=self.waits.slow_command, bare=not prefix)
        return responses.digits(response)

    def open_prompt(self, text: str, prefix: str) -> Event | None:
        """Write a command that is answered with a prompt; return the prompt or a refusal, None if neither came.

        A prompt with a late result or an error right behind it is none: no payload may follow it.
        """
        self.write(self._protocol.command(Command(text, prefixes=(prefix,), prompt=True)))
        answer = self._until(lambda event: isinstance(event, Prompt | Response), self.waits.prompt, None)
        if isinstance(answer, Response):
            self.session.note_final(answer.final)
        elif self._protocol.state is not ProtocolState.PROMPT:
            return None
        return answer

    def send_payload(self, payload: str, seconds: float) -> Response:
        """Write the payload after a prompt and return the response; raises as `run` does."""
        self.write(self._protocol.submit(payload))
        response = self._response(seconds)
        self.session.note_final(response.final)
        return response

    def take_code(self, code: str) -> Unsolicited | None:
        """Remove and return the oldest waiting unsolicited event of this code; None if there is none."""
        found = next((event for event in self._unsolicited if event.code == code), None)
        if found:
            self._unsolicited.remove(found)
        return found

    def take_echoed(self) -> bool:
        """Return whether the modem has echoed since the last call."""
        return self._protocol.take_echoed()

    # ---- basics

    def require_step(self) -> None:
        """Raise ModemSilentError if the modem is out of step, and PortLostError again if the port was lost."""
        if self._lost:
            raise self._lost
        if not self.in_step:
            raise ModemSilentError(CauseCode.OUT_OF_STEP)

    def write(self, octets: bytes) -> None:
        """Write octets as they are."""
        with self._noting_loss():
            self.port.write(octets)

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        """Give the outstanding command up if the port is lost: whoever runs the next one is told, too."""
        try:
            yield
        except PortLostError as error:
            self._lost, self._protocol = error, Protocol()
            raise

    def _response(self, seconds: float, line_seconds: float | None = None) -> Response:
        event = self._until(lambda event: isinstance(event, Response), seconds, line_seconds)
        if not isinstance(event, Response):
            raise ModemSilentError(CauseCode.NO_RESPONSE, seconds=seconds)
        return event

    def _until(self, wanted: Callable[[Event], bool], seconds: float, line_seconds: float | None) -> Event | None:
        """Read until an event is the wanted one; None after the time limit, or as soon as the modem is out of step."""
        deadline = time.monotonic() + seconds
        latest = time.monotonic() + max(seconds, self.waits.whole_listing)
        while True:
            events = self.receive(deadline)
            for event in events:
                if wanted(event):
                    return event
                if isinstance(event, OutOfStep):
                    return None
                if isinstance(event, Information) and line_seconds:
                    deadline = min(time.monotonic() + line_seconds, latest)
            if self.report_progress(deadline):
                self._protocol.time_out()
                return None

    def report_progress(self, deadline: float) -> bool:
        """Call `progress`; return whether the wait ends: at its time limit, or earlier if `progress` says so."""
        ends = self._progress(deadline)
        return time.monotonic() >= (deadline if ends is None else min(deadline, ends))

    def receive(self, deadline: float) -> tuple[Event, ...]:
        """Read once, at most until the deadline; return the events, and keep those that answer no command."""
        self._progress(deadline)
        with self._noting_loss():
            octets = self.port.read(min(max(0.0, deadline - time.monotonic()), 1.0))
        events = tuple(self._protocol.receive(octets)) if octets else ()
        for event in events:
            if isinstance(event, Unsolicited):
                self._unsolicited.append(event)
                self.session.note_unsolicited(profiles.meaning(event.text))
            elif isinstance(event, Late):
                self._late.append(event.text)
            elif isinstance(event, Unrecognised):
                self.unrecognised.append(event.text)
                log.debug("unrecognised: %d characters", len(event.text))
            elif isinstance(event, Information):
                self.information.append(event)
        return events
