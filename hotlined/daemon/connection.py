"""Brings the modem up and back: finds its port, enters its PIN, sets it up, and says in which state it is.

Every way that a modem can fail is a state of a daemon that stays up, not a crash. A modem that does not answer is
brought back into step; where that fails, everything begins again at its port, with growing pauses.
"""

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from hotlined import config as configuration
from hotlined import files
from hotlined.daemon.line import Line
from hotlined.daemon.recovery import Ladder, ModemTrouble, Rung
from hotlined.errors import (
    AddressError,
    HotlinedError,
    ModemError,
    ModemRefusedError,
    ModemSilentError,
    PortBusyError,
    PortError,
    PortLostError,
    PortMissingError,
)
from hotlined.gsm import address, finding, profiles
from hotlined.gsm.finding import Machine
from hotlined.gsm.modem import PROBES, REGISTERED, Condition, Identification, Modem, Registration, SimState
from hotlined.gsm.port import Port, maybe_shared
from hotlined.policy import Reason
from hotlined.store import answers, attempts, pins
from hotlined.store.line import bind_sim, bound_sim, note_own_number
from hotlined.timing import Backoff, RateLimit
from hotlined.words.conditions import MODEM

log = logging.getLogger("hotlined")

AUTO = "auto"  # in `modem.port`
QUICK_PROBES = 2  # questions to each of several ports before the next one is tried
ADOPT_HINT = "Texts are recorded, nobody is answered. `hotlined adopt` goes on with it; else put the old one back."
OURS_HINT = (
    "Nothing is done with it: it may be another line's. Name this line's port in `modem.port`, or go on with this one:"
    " `hotlined adopt`."
)
CENTRE_HINT = (
    "Nothing can be sent without it. Ask the operator for its number, stop the daemon, and give it to the SIM:"
    """ `printf 'AT+CSCA="+32…",145\\r' > PORT`."""
)

UNRECORDED = frozenset({Rung.RESYNCHRONISE, Rung.INITIALISE, Rung.REOPEN, Rung.WAIT})
"""Rungs that are no event: the changes of state tell enough."""

NEED_A_MODEM_IN_STEP = frozenset({Rung.INITIALISE, Rung.RADIO})


class ModemState(StrEnum):
    """The states of the modem that `status` shows."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    UNREGISTERED = "unregistered"
    RECOVERING = "recovering"
    BUSY_PORT = "busy_port"
    SIM_ABSENT = "sim_absent"
    PIN_REQUIRED = "pin_required"
    PIN_REFUSED = "pin_refused"
    PUK_REQUIRED = "puk_required"
    SIM_CHANGED = "sim_changed"
    NO_SERVICE_CENTRE = "no_service_centre"


class SimError(ModemError):
    """The SIM cannot be used as it is; `state` says how."""

    def __init__(self, state: ModemState, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.state = state


class NotOursError(ModemError):
    """Among all sticks there is only one that has nothing in common with the line's: neither stick nor SIM."""


class Connection:
    """The way to the modem: `modem` is None while there is none that can be used.

    `progress` is called during every wait (see Modem); `wake` is a descriptor that ends waits. `mismatch` says in which
    way the stick or the SIM is not the one that the line is served with; empty where it is.
    """

    def __init__(self, line: Line, progress: Callable[[float], float | None], wake: int) -> None:
        self.line = line
        self.modem: Modem | None = None
        self.state, self.since = ModemState.STARTING, line.db.now()
        self.reason = self.cure = ""
        self.mismatch = ""
        self.identification = Identification()
        self.condition = Condition(Registration.UNKNOWN, None, "")
        self.ladder = Ladder(line.timing)
        self.due = 0.0
        self.condition_due = 0.0
        self._progress = progress
        self._wake = wake
        self._announced = ModemState.STARTING
        told = (line.timing.changes_most, line.timing.changes_within)
        self._states_limit, self._rungs_limit, self._failures_limit = (
            RateLimit(*told),
            RateLimit(*told),
            RateLimit(*told),
        )
        self._pin_trouble = ""
        self._backoff = Backoff(line.timing.reconnect_pauses)
        self._port_name = ""
        self._usb_device = ""
        self._profile = profiles.GENERIC
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

    @property
    def trouble(self) -> str:
        """Why the state is what it is, and what a person can do about it."""
        return f"{self.reason} {self.cure}".strip()

    @property
    def registered(self) -> bool:
        """Whether the network has us, by what was last known."""
        return self.condition.registration in REGISTERED

    @property
    def can_send(self) -> bool:
        """Whether what is submitted can leave: the network has us, and the SIM knows its service centre."""
        return self.registered and self.identification.service_centre != ""

    def connect(self) -> None:
        """Open the port, ask for the SIM, set the modem up; every way that fails is a state, not a crash."""
        modem = None
        try:
            modem = self._open()
            self._set_up(modem)
        except (PortError, ModemError) as error:
            trouble: HotlinedError = error
            if modem:
                trouble = _explain(error, modem.port.name)
                modem.port.close()
            self._pause()
            self.set_state(_state_of(trouble), trouble)
            self._report_trouble(_maybe_cause(trouble))
            return
        self.modem = modem
        self.ladder.postpone(ModemTrouble.UNREGISTERED)
        with contextlib.suppress(OSError):
            self._power_cycle_path.unlink(missing_ok=True)
        self.follow_condition()

    def _report_trouble(self, cause: ModemTrouble | None) -> None:
        """Tell the ladder why there is no modem; a port that is there is not gone, whatever else is wrong."""
        if cause is not ModemTrouble.ABSENT:
            self.ladder.clear(ModemTrouble.ABSENT)
        elif self.ladder.has_climbed(ModemTrouble.SILENT):
            cause = ModemTrouble.SILENT  # its reset is what took the port away
        if cause and not self.line.stopping:
            self.ladder.report(cause)

    def _set_up(self, modem: Modem) -> None:
        """Bring a modem that is in step to the point where it can work; raises what keeps it from that."""
        self._enter_pin(modem)
        self.ladder.clear(ModemTrouble.NO_SIM)
        self.identification = modem.initialise()
        self._recognise()
        self.condition = modem.condition()
        self._schedule_condition()
        self.ladder.clear(ModemTrouble.UNREADY)

    def _recognise(self) -> None:
        """Compare stick and SIM with those that the line is served with; the first ones are taken as they are.

        Raises NotOursError where both are others, and it was not a person who named the port.
        """
        who, db = self.identification, self.line.db
        served = bound_sim(db) or ("", "")
        if served[1] and not who.imsi:
            raise ModemError("The SIM does not say who it is any more.", "It is asked again soon.")
        pairs = {"stick": (served[0], who.imei), "SIM": (served[1], who.imsi)}
        differs = [name for name, (old, new) in pairs.items() if old and new and old != new]
        self.mismatch = f"Another {' and another '.join(differs)} than before" if differs else ""
        if not differs:
            if (now := (served[0] or who.imei, served[1] or who.imsi)) != served:
                with db.transaction():
                    bind_sim(db, *now)
            self._note_own_number()
        elif len(differs) == len(pairs) and self.line.config.modem.port == AUTO:
            raise NotOursError(f"{self.mismatch}.", OURS_HINT)

    def adopt(self, who: str) -> str:
        """Serve the line with the stick and SIM that are in from now on; return what came of it."""
        if not self.mismatch:
            return "nothing has changed"
        found, db = self.identification, self.line.db
        served = bound_sim(db)
        with db.transaction():
            bind_sim(db, found.imei, found.imsi)
            db.event(db.now(), "sim_adopted", f"by {who}")
            if served and served[1] != found.imsi:
                answers.cancel_all(db, Reason.SIM_CHANGED)
        attempts.call_trial(db, db.now(), self.line.timing.trial_gap)
        self.mismatch = ""
        self._note_own_number()
        if self.modem:
            self.follow_condition()
        else:
            self.due = 0.0
        return f"served with {'another SIM' if served and served[1] != found.imsi else 'another stick'} from now on"

    def _note_own_number(self) -> None:
        """Keep the number that the SIM says is its own: the line never answers itself."""
        with contextlib.suppress(AddressError):
            number = address.parse_number(self.identification.own_number, self.line.config.numbers.country)
            note_own_number(self.line.db, number)

    def ask_condition(self) -> None:
        """Ask for registration, signal and SIM, if it is time; another SIM is recognised before anything is sent."""
        if self.modem is None or time.monotonic() < self.condition_due:
            return
        self.condition = self.modem.condition()
        self._schedule_condition()
        if self.modem.imsi() != self.identification.imsi:
            log.warning("the SIM was taken out or is another")
            self._set_up(self.modem)
        if self.identification.service_centre == "":
            self.identification = replace(self.identification, service_centre=self.modem.service_centre())
        self.follow_condition()
        if not self.registered:
            self.ladder.report(ModemTrouble.UNREGISTERED)

    def _schedule_condition(self) -> None:
        timing = self.line.timing
        pause = timing.condition_registered if self.registered else timing.condition_unregistered
        self.condition_due = time.monotonic() + pause

    def has_our_sim(self) -> bool:
        """Ask whether the SIM is the one that was recognised; where it is not, it is looked at next."""
        if self.modem is None or not self.modem.in_step or self.modem.imsi() != self.identification.imsi:
            self.condition_due = 0.0
            return False
        return True

    def recheck(self) -> None:
        """Ask for registration, signal and SIM at the next occasion."""
        self.condition_due = 0.0

    def recheck_service_centre(self) -> None:
        """Ask for the service centre again before anything else is sent: a segment was refused for want of one."""
        self.identification = replace(self.identification, service_centre="")
        self.condition_due = 0.0

    def scan_done(self) -> None:
        """Take in that a scan came to its end: the modem does its work."""
        self._backoff.reset()
        self.ladder.clear(ModemTrouble.ABSENT)
        if self.ladder.has_climbed(ModemTrouble.SILENT):
            self.ladder.clear(ModemTrouble.SILENT)
            self.follow_condition()

    def follow_condition(self) -> None:
        """Make the state follow the registration; a modem that is being recovered is so until a scan ends."""
        if self.registered:
            self.ladder.clear(ModemTrouble.UNREGISTERED)
        if self.state is ModemState.RECOVERING and self.ladder.has_climbed(ModemTrouble.SILENT):
            return
        if self.mismatch:
            self.set_state(ModemState.SIM_CHANGED, ModemError(f"{self.mismatch}.", ADOPT_HINT))
        elif self.identification.service_centre == "":
            words = MODEM["no_service_centre"].words
            self.set_state(ModemState.NO_SERVICE_CENTRE, ModemError(words, CENTRE_HINT))
        else:
            self.set_state(ModemState.READY if self.registered else ModemState.UNREGISTERED)

    # ---- recovery

    def command_failed(self, error: HotlinedError) -> None:
        """Take in that the modem did not do what it was asked to."""
        if self.modem is None:
            self.set_state(_state_of(error), error)
            return
        error = _explain(error, self.modem.port.name)
        if isinstance(error, SimError | PortBusyError):
            self.close(_state_of(error), error)
            return
        if self._failures_limit.allows():
            log.warning("%s", error.message)
        self.ladder.report(ModemTrouble.SILENT)
        if not self.ladder.pending:
            self.close(ModemState.RECOVERING, error)
        elif self.ladder.rung is not Rung.RESYNCHRONISE:
            self.set_state(ModemState.RECOVERING, error)

    def port_lost(self, error: PortLostError) -> None:
        """Take in that the port went away while the modem was at work."""
        self.close(ModemState.ABSENT, error)
        self.ladder.report(ModemTrouble.ABSENT)

    def climb_ladder(self) -> bool:
        """Do what the ladder wants, and tell whether it wanted something; a rung that fails leads to the next."""
        while (rung := self.ladder.next_rung()) is not None:
            assert self.ladder.trouble
            if self._is_impossible(rung):
                self.ladder.report(self.ladder.trouble)
                continue
            self._record_rung(rung)
            try:
                self._rungs[rung]()
            except PortLostError as error:
                self.close(ModemState.RECOVERING, error)
            except (ModemError, PortError) as error:
                self.command_failed(error)
            return True
        return False

    def _record_rung(self, rung: Rung) -> None:
        """Record that a rung is climbed which is more than a word to the modem."""
        if rung not in UNRECORDED and self._rungs_limit.allows():
            words = f"{rung}: {self.ladder.trouble}"
            log.warning("recovery: %s", words)
            with contextlib.suppress(sqlite3.Error), self.line.db.transaction():
                self.line.db.event(self.line.db.now(), "recovery", words)

    def _is_impossible(self, rung: Rung) -> bool:
        """Tell whether a rung needs a modem that is open, or one that answers, while there is none."""
        if self.modem is None:
            return rung in {Rung.RESYNCHRONISE, *NEED_A_MODEM_IN_STEP}
        return rung in NEED_A_MODEM_IN_STEP and not self.modem.in_step

    def _resynchronise(self) -> None:
        assert self.modem
        self.modem.resynchronise()
        self.modem.verify()

    def _initialise(self) -> None:
        assert self.modem
        self.modem.begin()
        self._set_up(self.modem)
        self.follow_condition()

    def _restart_radio(self) -> None:
        assert self.modem
        self.modem.restart_radio()
        self._initialise()

    def _reset(self) -> None:
        """Let the modem start anew; one that is not open any more gets to hear it blindly."""
        if modem := self.modem:
            modem.reset()
        elif self._port_name:
            port = Port(self._port_name, self.line.config.modem.baudrate, self._wake)
            try:
                blind = Modem(port, self._progress)
                blind.profile = self._profile
                blind.reset()
            finally:
                port.close()
        self._start_again(self.line.timing.reset)

    def _reopen(self) -> None:
        self._start_again(0.0)

    def _power_cycle(self) -> None:
        """Ask the unit that may switch the USB port's power, by a file in the runtime directory."""
        wish = f"port={self._port_name}\nusb={self._usb_device}\n"
        try:
            files.replace(self._power_cycle_path, wish.encode(errors="surrogateescape"), 0o640)
        except OSError as error:
            if self._power_cycle_error != str(error):
                log.warning("the power cycle cannot be asked for in %s: %s", self._power_cycle_path, error.strerror)
            self._power_cycle_error = str(error)
        self._start_again(self.line.timing.reset)

    def _wait(self) -> None:
        self._start_again(self.line.timing.reconnect_pauses[-1])

    def _start_again(self, pause: float) -> None:
        """Let the port go; everything begins at it again after a pause."""
        if self.modem:
            self.close(ModemState.RECOVERING, ModemError("The modem is being started again.", self.trouble))
        self.due = time.monotonic() + pause

    def close(self, state: ModemState, error: HotlinedError) -> None:
        """Give the port up; the modem is looked for again after a pause."""
        if self.modem:
            self.modem.port.close()
            self.modem = None
        self._pause()
        self.set_state(state, error)

    def set_state(self, state: ModemState, error: HotlinedError | None = None) -> None:
        """Note the modem's state."""
        before = self.reason
        self.reason, self.cure = (error.message, error.hint) if error else ("", "")
        if self.reason != before and state is self._announced is ModemState.STARTING and self._states_limit.allows():
            log.warning("modem %s: %s", state, self.trouble)  # the state is no news, what keeps it so is
        if state != self.state:
            self.state, self.since = state, self.line.db.now()
            self.announce_state()

    def announce_state(self) -> None:
        """Say the state in a line and an event if that is news; one that changes all the time is told now and then."""
        if self.state is self._announced or not self._states_limit.allows():
            return
        if self.trouble:
            log.warning("modem %s: %s", self.state, self.trouble)
        else:
            log.info("modem %s", self.state)
        self._announced = self.state
        with contextlib.suppress(sqlite3.Error), self.line.db.transaction():
            self.line.db.event(self.since, f"modem_{self.state}", self.reason)

    def reopen_elsewhere(self) -> None:
        """Begin anew at another port, which the configuration names now."""
        self.close(ModemState.STARTING, PortMissingError("The configuration names another port."))
        self.ladder.clear(*ModemTrouble)
        self._port_name = self._usb_device = ""
        self._backoff.reset()
        self.due = 0.0

    # ---- port and SIM

    def _open(self) -> Modem:
        """Return the modem at the configured port; where none is, the one that was here before, else the first.

        It is in step. Raises what kept the last port that was tried from being it.
        """
        configured = self.line.config.modem.port
        if configured != AUTO:
            return self._try(configured, len(PROBES))
        machine = self.line.machine
        names = [candidate.port for candidate in finding.candidates(machine.sysfs, machine.dev)]
        served = bound_sim(self.line.db)
        first: str | None = None
        error: HotlinedError = _no_stick(machine)
        for name in names:
            if self.line.stopping:
                break
            try:
                modem = self._try(name, QUICK_PROBES if len(names) > 1 else len(PROBES))
            except (PortError, ModemError) as problem:
                error = problem
                continue
            try:
                if served is None or modem.imei() in ("", served[0]) or modem.imsi() == served[1]:
                    return modem
            except (PortError, ModemError) as problem:
                error = problem
            else:
                first = first or name
            modem.port.close()
        if first and not self.line.stopping:
            return self._try(first, len(PROBES))
        raise error

    def _try(self, name: str, probes: int) -> Modem:
        """Return the modem at a port, in step."""
        port = Port(name, self.line.config.modem.baudrate, self._wake)
        try:
            modem = Modem(port, self._progress)
            modem.begin(probes)
        except (PortError, ModemError) as error:
            port.close()
            raise _explain(error, name) from None
        self._port_name = name
        self._profile = modem.profile
        self._usb_device = finding.usb_device(name, self.line.machine.sysfs)
        return modem

    def _enter_pin(self, modem: Modem) -> None:
        """Bring the SIM to READY: the PIN is sent only when asked for, once per value and SIM, ever."""
        state, words = modem.sim_state()
        if state is SimState.PIN and (pin := self._pin()):
            sim = modem.sim_identity()
            try:
                digest = pins.digest(self.line.db, pin)
            except OSError as error:
                raise SimError(
                    ModemState.PIN_REQUIRED,
                    f"The PIN is not tried, since that could not be noted: {error.strerror}.",
                    "Look after the disk that the database is on.",
                ) from error
            if pins.was_refused(self.line.db, sim, digest):
                raise SimError(
                    ModemState.PIN_REFUSED,
                    "This PIN was tried on this SIM before and not seen to be right, so it is not tried again.",
                    "Correct modem.pin, or switch the PIN off with a phone: it also shows how many tries are left.",
                )
            pins.note_try(self.line.db, sim, digest, self.line.db.now())
            if not modem.enter_pin(pin):
                pins.refuse(self.line.db, sim, digest)
                raise SimError(
                    ModemState.PIN_REFUSED,
                    "The SIM refused the PIN.",
                    "Correct modem.pin. It is not tried again with this value; two more wrong ones lock the SIM.",
                )
            pins.accept(self.line.db, sim, digest)
            state, words = self._await_sim(modem)
        if state is not SimState.READY:
            trouble = _SIM_TROUBLE.get(state)
            if trouble is None:
                raise SimError(ModemState.STARTING, f"The SIM is not ready ({words}).", "")
            raise SimError(trouble, MODEM[trouble].words, MODEM[trouble].cure)

    def _await_sim(self, modem: Modem) -> tuple[SimState, str]:
        """Give a SIM that took its PIN some seconds to become ready."""
        deadline = time.monotonic() + self.line.timing.sim_ready
        while (found := modem.sim_state())[0] is not SimState.READY and not (
            self.line.stopping or time.monotonic() >= deadline
        ):
            modem.listen(0.5)
        return found

    def _pin(self) -> str | None:
        """Return the configured PIN: from the configuration, its file, or systemd's credential `pin`."""
        if self.line.config.modem.pin:
            return self.line.config.modem.pin
        path = self.line.config.modem.pin_file
        if path is None and (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
            path = Path(folder) / "pin"
        try:
            return path.read_text().strip() if path else None
        except (OSError, ValueError) as error:
            if self._pin_trouble != str(error):
                log.warning("the PIN cannot be read from %s: %s", path, error)
            self._pin_trouble = str(error)
            return None

    def _pause(self) -> None:
        self.due = time.monotonic() + self._backoff.next()


_SIM_TROUBLE = {
    SimState.ABSENT: ModemState.SIM_ABSENT,
    SimState.PIN: ModemState.PIN_REQUIRED,
    SimState.PUK: ModemState.PUK_REQUIRED,
}


def _no_stick(machine: Machine) -> HotlinedError:
    """Say that no modem is plugged in, or what is there instead."""
    for trouble in finding.portless_sticks(machine.sysfs):
        return PortMissingError(trouble.message, trouble.hint)
    return PortMissingError("No modem is plugged in.", "Plug the stick in, or name its port in `modem.port`.")


def _explain(error: HotlinedError, port: str) -> HotlinedError:
    """Return who takes a modem's answers away where another program has its port open too, else the error itself."""
    spoilt = isinstance(error, ModemSilentError | ModemRefusedError)
    return (maybe_shared(port) if spoilt else None) or error


def _maybe_cause(error: HotlinedError) -> ModemTrouble | None:
    """Return why the ladder is to be climbed; None for what no rung can help against."""
    if isinstance(error, NotOursError):
        return None
    if isinstance(error, SimError):
        return {ModemState.SIM_ABSENT: ModemTrouble.NO_SIM, ModemState.STARTING: ModemTrouble.UNREADY}.get(error.state)
    if isinstance(error, PortError):
        return ModemTrouble.ABSENT if isinstance(error, PortMissingError | PortLostError) else None
    return ModemTrouble.SILENT if isinstance(error, ModemSilentError) else ModemTrouble.UNREADY


def _state_of(error: HotlinedError) -> ModemState:
    if isinstance(error, SimError):
        return error.state
    if isinstance(error, NotOursError):
        return ModemState.SIM_CHANGED
    if isinstance(error, PortBusyError):
        return ModemState.BUSY_PORT
    if isinstance(error, PortError):
        return ModemState.ABSENT
    return ModemState.RECOVERING
