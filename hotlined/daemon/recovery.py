"""The recovery of a modem that does not do its work: an escalation of steps, with pauses between them.

A trouble is reported as long as it lasts (`Escalation.report`), and cleared by proof that it is over
(`Escalation.clear`): a finished scan, a registration, a segment that leaves. The escalation chooses the next step;
`Recovery` carries it out early in a pass, in a bounded time. Only a cleared trouble shows that a step helped, so a step
that fails or changes nothing is followed by the next one. Several troubles may last at once, and each has its own
course: a reset because of a missing network also makes the port disappear for a while, and this must not start the
course against the missing network again.
Known to be wrong: a broken modem looks like a modem in a place without a network; both are reset hourly.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from hotlined import config as configuration
from hotlined.causes import CodedCause
from hotlined.daemon.shared import Line
from hotlined.errors import CausedError, ModemError, PortError, PortLostError
from hotlined.gsm.modem import Modem
from hotlined.machine import files
from hotlined.machine.timing import USUAL, Backoff, RateLimit, Timing
from hotlined.states import EventKind, ModemState, ModemTrouble
from hotlined.store.line import events

log = logging.getLogger(__name__)


class RecoveryStep(StrEnum):
    """The steps, as `status` names them."""

    RESYNCHRONISE = "resynchronise"
    INITIALISE = "initialise"
    RADIO = "radio"
    RESET = "reset"
    REOPEN = "reopen"
    POWER_CYCLE = "power_cycle"
    WAIT = "wait"


class Remedy(NamedTuple):
    """The remedy for a trouble: the grace before the first step, the steps, and the pauses after them."""

    grace_seconds: float
    steps: tuple[RecoveryStep, ...]
    pauses: tuple[float, ...]
    """Seconds from each step to the next; the last pause repeats."""


IN_LOG: Mapping[ModemTrouble, str] = {
    ModemTrouble.SILENT: "it does not answer as it should",
    ModemTrouble.ABSENT: "its port is gone",
    ModemTrouble.UNREADY: "it cannot be set up",
    ModemTrouble.NO_SIM: "it sees no SIM",
    ModemTrouble.UNREGISTERED: "it is not registered",
    ModemTrouble.NOT_LEAVING: "it is registered, but nothing leaves",
    ModemTrouble.NOT_ARRIVING: "it is registered, but a text to itself did not come back",
}
"""The trouble that a step is against, in words for the log, which is always in English."""


def remedies(timing: Timing) -> Mapping[ModemTrouble, Remedy]:
    """Return the remedy for each trouble; after its last step a course goes on at RESET, or at its first step."""
    reset = (RecoveryStep.RESET, RecoveryStep.POWER_CYCLE)
    radio = (RecoveryStep.RADIO, *reset)
    return {
        ModemTrouble.SILENT: Remedy(timing.silent_grace, tuple(RecoveryStep), timing.silent_pauses),
        ModemTrouble.ABSENT: Remedy(timing.absent_grace, (RecoveryStep.POWER_CYCLE,), timing.absent_pauses),
        ModemTrouble.UNREADY: Remedy(timing.unready_grace, reset, timing.unready_pauses),
        ModemTrouble.NO_SIM: Remedy(timing.no_sim_grace, reset, timing.no_sim_pauses),
        ModemTrouble.UNREGISTERED: Remedy(timing.unregistered_grace, radio, timing.unregistered_pauses),
        ModemTrouble.NOT_LEAVING: Remedy(timing.not_leaving_grace, radio, timing.not_leaving_pauses),
        ModemTrouble.NOT_ARRIVING: Remedy(
            timing.not_arriving_grace, (RecoveryStep.RADIO, RecoveryStep.RESET), timing.not_arriving_pauses
        ),
    }


@dataclass(slots=True)
class Course:
    """The course against one trouble: `step` is the last one, `due` is when the next may follow."""

    began: float
    backoff: Backoff
    step: RecoveryStep | None = None
    due: float = 0.0


@dataclass(slots=True)
class Escalation:
    """The courses of one modem, one for each trouble; times are readings of `clock`, in monotonic seconds.

    `trouble` is the one whose step was chosen last; while `pending`, that step is not carried out yet.
    """

    timing: Timing = USUAL
    clock: Callable[[], float] = time.monotonic
    trouble: ModemTrouble | None = None
    pending: bool = False
    _courses: dict[ModemTrouble, Course] = field(default_factory=dict)
    _remedies: Mapping[ModemTrouble, Remedy] = field(init=False)

    def __post_init__(self) -> None:
        self._remedies = remedies(self.timing)

    @property
    def step(self) -> RecoveryStep | None:
        """The last step of the course against `trouble`; None while there is no course."""
        return self._courses[self.trouble].step if self.trouble else None

    @property
    def steps(self) -> int:
        """The number of steps so far in the course against `trouble`."""
        return self._courses[self.trouble].backoff.failures if self.trouble else 0

    def report(self, trouble: ModemTrouble) -> bool:
        """Report a trouble that has begun or goes on; return whether a step is pending."""
        now = self.clock()
        remedy = self._remedies[trouble]
        course = self._courses.setdefault(trouble, Course(now, Backoff(remedy.pauses)))
        if not self.pending and now >= max(course.began + remedy.grace_seconds, course.due):
            self._choose(trouble, course, now)
        return self.pending

    def postpone(self, trouble: ModemTrouble) -> None:
        """Let the grace of a trouble begin now, because the modem has only just started."""
        if trouble in self._courses:
            self._courses[trouble].began = self.clock()

    def clear(self, *troubles: ModemTrouble) -> None:
        """Note that these troubles are over; if one comes back, its course begins at the first step."""
        for trouble in troubles:
            self._courses.pop(trouble, None)
        if self.trouble in troubles:
            self.pending = False
            self.trouble = next((trouble for trouble, course in self._courses.items() if course.step), None)

    def has_step(self, trouble: ModemTrouble) -> bool:
        """Tell whether a step was chosen against a trouble that is not cleared."""
        return trouble in self._courses and self._courses[trouble].step is not None

    def next_step(self) -> RecoveryStep | None:
        """Return the pending step, only once; else None."""
        step, self.pending = (self.step, False) if self.pending else (None, False)
        return step

    def _choose(self, trouble: ModemTrouble, course: Course, now: float) -> None:
        remedy = self._remedies[trouble]
        at = remedy.steps.index(course.step) + 1 if course.step else 0
        if at == len(remedy.steps):
            at = remedy.steps.index(RecoveryStep.RESET) if RecoveryStep.RESET in remedy.steps else 0
        course.step = remedy.steps[at]
        pause = course.backoff.next()
        course.due = now + (self.timing.escalation_rest if course.step is RecoveryStep.WAIT else pause)
        self.trouble, self.pending = trouble, True


UNRECORDED = frozenset({RecoveryStep.RESYNCHRONISE, RecoveryStep.INITIALISE, RecoveryStep.REOPEN, RecoveryStep.WAIT})
"""Steps that are not recorded as events; the changes of state that they cause are."""

NEED_AN_ANSWERING_MODEM = frozenset({RecoveryStep.INITIALISE, RecoveryStep.RADIO})


class LastPort(Protocol):
    """The port that was taken last, also after it was closed or its modem stopped answering."""

    port_name: str
    usb_device: str

    def reset_blindly(self) -> None:
        """Write the reset command to a port whose modem does not answer."""


class Recoverable(Protocol):
    """The connection, as far as the steps need it."""

    escalation: Escalation
    modem: Modem | None

    @property
    def explanation(self) -> str:
        """The reason for the state."""

    def set_up(self, modem: Modem) -> None:
        """Set up a modem that is in step completely."""

    def follow_network(self) -> None:
        """Set the state by the registration."""

    def command_failed(self, error: CausedError) -> None:
        """Report to the escalation that a command failed."""

    def close(self, state: ModemState, cause: CodedCause | None) -> None:
        """Close the port, and set the state with its cause."""

    def start_again(self, seconds: float) -> None:
        """Close the port and look for the modem again after some seconds."""


class Recovery:
    """Carries out the steps that the escalation of a connection chooses."""

    def __init__(self, line: Line, connection: Recoverable, last_port: LastPort) -> None:
        self.line = line
        self.connection = connection
        self.last_port = last_port
        self._recorded_limit = RateLimit(line.timing.changes_most, line.timing.changes_within)
        self._power_cycle_path = configuration.runtime_dir(line.config) / "power-cycle"
        self._power_cycle_error = ""
        self._steps: dict[RecoveryStep, Callable[[], None]] = {
            RecoveryStep.RESYNCHRONISE: self._resynchronise,
            RecoveryStep.INITIALISE: self._initialise,
            RecoveryStep.RADIO: self._restart_radio,
            RecoveryStep.RESET: self._reset,
            RecoveryStep.REOPEN: self._reopen,
            RecoveryStep.POWER_CYCLE: self._power_cycle,
            RecoveryStep.WAIT: self._wait,
        }

    def take_step(self) -> bool:
        """Carry out the pending step; return whether there was one. A step that fails is reported to the escalation."""
        escalation = self.connection.escalation
        while (step := escalation.next_step()) is not None:
            assert escalation.trouble
            if self._is_impossible(step):
                escalation.report(escalation.trouble)
                continue
            self._record(step, escalation.trouble)
            try:
                self._steps[step]()
            except PortLostError as error:
                self.connection.close(ModemState.RECOVERING, error.cause)
            except (ModemError, PortError) as error:
                self.connection.command_failed(error)
            return True
        return False

    def withdraw_power_cycle(self) -> None:
        """Withdraw the request for a power cycle, because the modem works."""
        with contextlib.suppress(OSError):
            self._power_cycle_path.unlink(missing_ok=True)

    def _record(self, step: RecoveryStep, trouble: ModemTrouble) -> None:
        """Record a step that disturbs the modem, in the log and the events."""
        if step not in UNRECORDED and self._recorded_limit.count_if_allowed():
            log.warning("recovery: %s: %s", step, IN_LOG[trouble])
            with contextlib.suppress(sqlite3.Error), self.line.db.transaction():
                events.record(
                    self.line.db, self.line.db.now(), EventKind.RECOVERY, detail={"step": step, "trouble": trouble}
                )

    def _is_impossible(self, step: RecoveryStep) -> bool:
        """Tell whether a step needs an open modem, or one that answers in order, while there is none."""
        if (modem := self.connection.modem) is None:
            return step in {RecoveryStep.RESYNCHRONISE, *NEED_AN_ANSWERING_MODEM}
        return step in NEED_AN_ANSWERING_MODEM and not modem.in_step

    # ---- the steps

    @property
    def _modem(self) -> Modem:
        assert self.connection.modem
        return self.connection.modem

    def _resynchronise(self) -> None:
        self._modem.exchange.resynchronise()
        self._modem.verify()

    def _initialise(self) -> None:
        self._modem.begin()
        self.connection.set_up(self._modem)
        self.connection.follow_network()

    def _restart_radio(self) -> None:
        self._modem.restart_radio()
        self._initialise()

    def _reset(self) -> None:
        """Reset the modem; if its port is closed, open it and write the command without waiting for an answer."""
        if modem := self.connection.modem:
            modem.reset()
        else:
            self.last_port.reset_blindly()
        self.connection.start_again(self.line.timing.reset)

    def _reopen(self) -> None:
        self.connection.start_again(0.0)

    def _power_cycle(self) -> None:
        """Ask for a power cycle, by a file in the runtime directory: a unit of root's may switch the port's power."""
        request = f"port={self.last_port.port_name}\nusb={self.last_port.usb_device}\n"
        try:
            files.replace(self._power_cycle_path, request.encode(errors="surrogateescape"), 0o640)
        except OSError as error:
            if self._power_cycle_error != str(error):
                log.warning("the power cycle cannot be asked for in %s: %s", self._power_cycle_path, error.strerror)
            self._power_cycle_error = str(error)
        self.connection.start_again(self.line.timing.reset)

    def _wait(self) -> None:
        self.connection.start_again(self.line.timing.reconnect_pauses[-1])
