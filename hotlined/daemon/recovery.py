"""The recovery of a modem that does not do its work: a ladder of steps, its rungs, with pauses between them.

A trouble is reported to the ladder as long as it lasts (`Ladder.report`), and cleared by proof that it is over
(`Ladder.clear`): a finished scan, a registration, a segment that leaves. The ladder chooses the next rung; `Recovery`
carries it out early in a pass, in a bounded time. Only a cleared trouble shows that a rung helped, so a rung that fails
or changes nothing is followed by the next one. Several troubles may last at once, and each has its own climb: a reset
because of a missing network also makes the port disappear for a while, and this must not start the climb against the
missing network again.
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


class Rung(StrEnum):
    """The rungs, as `status` names them."""

    RESYNCHRONISE = "resynchronise"
    INITIALISE = "initialise"
    RADIO = "radio"
    RESET = "reset"
    REOPEN = "reopen"
    POWER_CYCLE = "power_cycle"
    WAIT = "wait"


class Remedy(NamedTuple):
    """The remedy for a trouble: the grace before the first rung, the rungs, and the pauses after them."""

    grace_seconds: float
    rungs: tuple[Rung, ...]
    pauses: tuple[float, ...]
    """Seconds from each rung to the next; the last pause repeats."""


IN_LOG: Mapping[ModemTrouble, str] = {
    ModemTrouble.SILENT: "it does not answer as it should",
    ModemTrouble.ABSENT: "its port is gone",
    ModemTrouble.UNREADY: "it cannot be set up",
    ModemTrouble.NO_SIM: "it sees no SIM",
    ModemTrouble.UNREGISTERED: "it is not registered",
    ModemTrouble.NOT_LEAVING: "it is registered, but nothing leaves",
    ModemTrouble.NOT_ARRIVING: "it is registered, but a text to itself did not come back",
}
"""The trouble that a rung is against, in words for the log, which is always in English."""


def remedies(timing: Timing) -> Mapping[ModemTrouble, Remedy]:
    """Return the remedy for each trouble; after its last rung a climb goes on at RESET, or at its first rung."""
    reset = (Rung.RESET, Rung.POWER_CYCLE)
    radio = (Rung.RADIO, *reset)
    return {
        ModemTrouble.SILENT: Remedy(timing.silent_grace, tuple(Rung), timing.silent_pauses),
        ModemTrouble.ABSENT: Remedy(timing.absent_grace, (Rung.POWER_CYCLE,), timing.absent_pauses),
        ModemTrouble.UNREADY: Remedy(timing.unready_grace, reset, timing.unready_pauses),
        ModemTrouble.NO_SIM: Remedy(timing.no_sim_grace, reset, timing.no_sim_pauses),
        ModemTrouble.UNREGISTERED: Remedy(timing.unregistered_grace, radio, timing.unregistered_pauses),
        ModemTrouble.NOT_LEAVING: Remedy(timing.not_leaving_grace, radio, timing.not_leaving_pauses),
        ModemTrouble.NOT_ARRIVING: Remedy(
            timing.not_arriving_grace, (Rung.RADIO, Rung.RESET), timing.not_arriving_pauses
        ),
    }


@dataclass(slots=True)
class Climb:
    """The climb against one trouble: `rung` is the last one, `due` is when the next may follow."""

    began: float
    backoff: Backoff
    rung: Rung | None = None
    due: float = 0.0


@dataclass(slots=True)
class Ladder:
    """The climbs of one modem, one for each trouble; times are readings of `clock`, in monotonic seconds.

    `trouble` is the one whose rung was chosen last; while `pending`, that rung is not carried out yet.
    """

    timing: Timing = USUAL
    clock: Callable[[], float] = time.monotonic
    trouble: ModemTrouble | None = None
    pending: bool = False
    _climbs: dict[ModemTrouble, Climb] = field(default_factory=dict)
    _remedies: Mapping[ModemTrouble, Remedy] = field(init=False)

    def __post_init__(self) -> None:
        self._remedies = remedies(self.timing)

    @property
    def rung(self) -> Rung | None:
        """The last rung of the climb against `trouble`; None while there is no climb."""
        return self._climbs[self.trouble].rung if self.trouble else None

    @property
    def climbed(self) -> int:
        """The number of rungs so far in the climb against `trouble`."""
        return self._climbs[self.trouble].backoff.failures if self.trouble else 0

    def report(self, trouble: ModemTrouble) -> bool:
        """Report a trouble that has begun or goes on; return whether a rung is pending."""
        now = self.clock()
        remedy = self._remedies[trouble]
        climb = self._climbs.setdefault(trouble, Climb(now, Backoff(remedy.pauses)))
        if not self.pending and now >= max(climb.began + remedy.grace_seconds, climb.due):
            self._climb(trouble, climb, now)
        return self.pending

    def postpone(self, trouble: ModemTrouble) -> None:
        """Let the grace of a trouble begin now, because the modem has only just started."""
        if trouble in self._climbs:
            self._climbs[trouble].began = self.clock()

    def clear(self, *troubles: ModemTrouble) -> None:
        """Note that these troubles are over; if one comes back, its climb begins at the first rung."""
        for trouble in troubles:
            self._climbs.pop(trouble, None)
        if self.trouble in troubles:
            self.pending = False
            self.trouble = next((trouble for trouble, climb in self._climbs.items() if climb.rung), None)

    def has_climbed(self, trouble: ModemTrouble) -> bool:
        """Tell whether a rung was chosen against a trouble that is not cleared."""
        return trouble in self._climbs and self._climbs[trouble].rung is not None

    def next_rung(self) -> Rung | None:
        """Return the pending rung, only once; else None."""
        rung, self.pending = (self.rung, False) if self.pending else (None, False)
        return rung

    def _climb(self, trouble: ModemTrouble, climb: Climb, now: float) -> None:
        remedy = self._remedies[trouble]
        at = remedy.rungs.index(climb.rung) + 1 if climb.rung else 0
        if at == len(remedy.rungs):
            at = remedy.rungs.index(Rung.RESET) if Rung.RESET in remedy.rungs else 0
        climb.rung = remedy.rungs[at]
        pause = climb.backoff.next()
        climb.due = now + (self.timing.ladder_rest if climb.rung is Rung.WAIT else pause)
        self.trouble, self.pending = trouble, True


UNRECORDED = frozenset({Rung.RESYNCHRONISE, Rung.INITIALISE, Rung.REOPEN, Rung.WAIT})
"""Rungs that are not recorded as events; the changes of state that they cause are."""

NEED_A_MODEM_IN_STEP = frozenset({Rung.INITIALISE, Rung.RADIO})


class LastPort(Protocol):
    """The port that was taken last, also after it was closed or its modem stopped answering."""

    port_name: str
    usb_device: str

    def reset_blindly(self) -> None:
        """Write the reset command to a port whose modem does not answer."""


class Recoverable(Protocol):
    """The connection, as far as the rungs need it."""

    ladder: Ladder
    modem: Modem | None

    @property
    def explanation(self) -> str:
        """The reason for the state."""

    def set_up(self, modem: Modem) -> None:
        """Set up a modem that is in step completely."""

    def follow_network(self) -> None:
        """Set the state by the registration."""

    def command_failed(self, error: CausedError) -> None:
        """Report to the ladder that a command failed."""

    def close(self, state: ModemState, cause: CodedCause | None) -> None:
        """Close the port, and set the state with its cause."""

    def start_again(self, seconds: float) -> None:
        """Close the port and look for the modem again after some seconds."""


class Recovery:
    """Carries out the rungs that the ladder of a connection chooses."""

    def __init__(self, line: Line, connection: Recoverable, last_port: LastPort) -> None:
        self.line = line
        self.connection = connection
        self.last_port = last_port
        self._recorded_limit = RateLimit(line.timing.changes_most, line.timing.changes_within)
        self._power_cycle_path = configuration.runtime_dir(line.config) / "power-cycle"
        self._power_cycle_error = ""
        self._rungs: dict[Rung, Callable[[], None]] = {
            Rung.RESYNCHRONISE: self._resynchronise,
            Rung.INITIALISE: self._initialise,
            Rung.RADIO: self._restart_radio,
            Rung.RESET: self._reset,
            Rung.REOPEN: self._reopen,
            Rung.POWER_CYCLE: self._power_cycle,
            Rung.WAIT: self._wait,
        }

    def climb(self) -> bool:
        """Carry out the pending rung; return whether there was one. A rung that fails is reported to the ladder."""
        ladder = self.connection.ladder
        while (rung := ladder.next_rung()) is not None:
            assert ladder.trouble
            if self._is_impossible(rung):
                ladder.report(ladder.trouble)
                continue
            self._record(rung, ladder.trouble)
            try:
                self._rungs[rung]()
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

    def _record(self, rung: Rung, trouble: ModemTrouble) -> None:
        """Record a rung that disturbs the modem, in the log and the events."""
        if rung not in UNRECORDED and self._recorded_limit.count_if_allowed():
            log.warning("recovery: %s: %s", rung, IN_LOG[trouble])
            with contextlib.suppress(sqlite3.Error), self.line.db.transaction():
                events.record(
                    self.line.db, self.line.db.now(), EventKind.RECOVERY, detail={"rung": rung, "trouble": trouble}
                )

    def _is_impossible(self, rung: Rung) -> bool:
        """Tell whether a rung needs an open modem, or one in step, while there is none."""
        if (modem := self.connection.modem) is None:
            return rung in {Rung.RESYNCHRONISE, *NEED_A_MODEM_IN_STEP}
        return rung in NEED_A_MODEM_IN_STEP and not modem.in_step

    # ---- the rungs

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
