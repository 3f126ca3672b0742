"""Brings the modem up and back: finds its port, enters its PIN, sets it up, and says in which state it is.

Every way that a modem can fail is a state of a daemon that stays up, not a crash. A modem that does not answer is
brought back into step; where that fails, everything begins again at its port, with growing pauses.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from hotlined.daemon.line import Line
from hotlined.errors import AddressError, HotlinedError, ModemError, PortBusyError, PortError, PortMissingError
from hotlined.gsm import address
from hotlined.gsm.modem import REGISTERED, Condition, Identification, Modem, Registration, SimState
from hotlined.gsm.port import Port, candidates
from hotlined.store import people

log = logging.getLogger("hotlined")

CONDITION_SECONDS = {True: 60.0, False: 10.0}  # between two questions for registration, while registered and not
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # before the modem is looked for again
SIM_SECONDS = 10.0  # what a SIM is given to be ready after its PIN


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


class SimError(ModemError):
    """The SIM cannot be used as it is; `state` says how."""

    def __init__(self, state: ModemState, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.state = state


class Connection:
    """The way to the modem: `modem` is None while there is none that can be used.

    `progress` is called during every wait (see Modem); `wake` is a descriptor that ends waits.
    """

    def __init__(self, line: Line, progress: Callable[[float], float | None], wake: int) -> None:
        self.line = line
        self.modem: Modem | None = None
        self.state, self.since = ModemState.STARTING, line.db.now()
        self.trouble = ""
        self.identification = Identification()
        self.condition = Condition(Registration.UNKNOWN, None, "")
        self.due = 0.0
        self.condition_due = 0.0
        self._progress = progress
        self._wake = wake
        self._failures = 0

    @property
    def registered(self) -> bool:
        """Whether the network has us, by what was last known."""
        return self.condition.registration in REGISTERED

    def connect(self) -> None:
        """Open the port, ask for the SIM, set the modem up; every way that fails is a state, not a crash."""
        modem = None
        try:
            modem = self._open()
            self._enter_pin(modem)
            self.identification = modem.initialise()
            self.condition = modem.condition()
            self._note_own_number()
        except (PortError, ModemError) as error:
            if modem:
                modem.port.close()
            self._pause()
            self.change(_state_of(error), error)
            return
        self.modem = modem
        self._failures = 0
        self.condition_due = time.monotonic() + CONDITION_SECONDS[self.registered]
        self.note_condition()
        if not self.identification.service_centre:
            log.warning('the SIM has no service centre: set it with AT+CSCA="+32…",145 or answers cannot leave')

    def _note_own_number(self) -> None:
        """Keep the number that the SIM says is its own: the line never answers itself."""
        with contextlib.suppress(AddressError):
            number = address.parse_number(self.identification.own_number, self.line.config.numbers.country)
            people.note_own_number(self.line.db, number)

    def ask_condition(self) -> None:
        """Ask for registration and signal, if it is time."""
        if self.modem and time.monotonic() >= self.condition_due:
            self.condition_due = time.monotonic() + CONDITION_SECONDS[self.registered]
            self.condition = self.modem.condition()
            self.note_condition()

    def note_condition(self) -> None:
        """Make the state follow the registration."""
        self.change(ModemState.READY if self.registered else ModemState.UNREGISTERED)

    def recover(self, error: HotlinedError, *, start_again: bool = False) -> None:
        """Bring a modem that did not answer back into step; where that fails, begin again at its port."""
        if self.modem is None:
            self.change(_state_of(error), error)
            return
        log.warning("%s", error.message)
        if start_again:
            self.lose(ModemState.RECOVERING, error)
            return
        try:
            self.modem.resynchronise()
            self.modem.verify()
        except (ModemError, PortError) as worse:
            self.lose(ModemState.RECOVERING, worse)

    def lose(self, state: ModemState, error: HotlinedError) -> None:
        """Give the port up; the modem is looked for again after a pause."""
        if self.modem:
            self.modem.port.close()
            self.modem = None
        self._pause()
        self.change(state, error)

    def change(self, state: ModemState, error: HotlinedError | None = None) -> None:
        """Note the modem's state; one line and one event at every change."""
        self.trouble = f"{error.message} {error.hint}".strip() if error else ""
        if state == self.state:
            return
        now = self.line.db.now()
        if error:
            log.warning("modem %s: %s", state, self.trouble)
        else:
            log.info("modem %s", state)
        self.state, self.since = state, now
        with contextlib.suppress(sqlite3.Error), self.line.db.transaction():
            self.line.db.event(now, f"modem_{state}", error.message if error else "")

    def _open(self) -> Modem:
        """Return the modem at the configured port, or at the first port that answers; it is in step."""
        names = [self.line.config.modem.port] if self.line.config.modem.port != "auto" else list(candidates())
        error: HotlinedError = PortMissingError(
            "No modem is plugged in.", "Plug the stick in, or name its port in `modem.port`."
        )
        for name in names:
            port = None
            try:
                port = Port(name, self.line.config.modem.baudrate, self._wake)
                modem = Modem(port, self._progress)
                modem.begin()
            except (PortError, ModemError) as problem:
                if port:
                    port.close()
                error = problem
            else:
                return modem
        raise error

    def _enter_pin(self, modem: Modem) -> None:
        """Bring the SIM to READY: the PIN is sent only when asked for, once per value and SIM, ever."""
        state, words = modem.sim_state()
        if state is SimState.PIN and (pin := self._pin()):
            sim = modem.sim_identity()
            digest = hashlib.blake2b(pin.encode(), key=sim.encode()).hexdigest()
            if people.pin_tried(self.line.db, sim, digest):
                raise SimError(
                    ModemState.PIN_REFUSED,
                    "This PIN was tried on this SIM before and not seen to be right, so it is not tried again.",
                    "Correct modem.pin, or switch the PIN off with a phone: it also shows how many tries are left.",
                )
            people.try_pin(self.line.db, sim, digest, self.line.db.now())
            if not modem.enter_pin(pin):
                people.refuse_pin(self.line.db, sim, digest)
                raise SimError(
                    ModemState.PIN_REFUSED,
                    "The SIM refused the PIN.",
                    "Correct modem.pin. It is not tried again with this value; two more wrong ones lock the SIM.",
                )
            people.accept_pin(self.line.db, sim, digest)
            state, words = self._await_sim(modem)
        if state is not SimState.READY:
            raise SimError(*_SIM_TROUBLE.get(state, (ModemState.STARTING, f"The SIM is not ready ({words}).", "")))

    def _await_sim(self, modem: Modem) -> tuple[SimState, str]:
        """Give a SIM that took its PIN some seconds to become ready."""
        deadline = time.monotonic() + SIM_SECONDS
        while (found := modem.sim_state())[0] is not SimState.READY and time.monotonic() < deadline:
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
            log.warning("the PIN cannot be read from %s: %s", path, error)
            return None

    def _pause(self) -> None:
        self.due = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1


_SIM_TROUBLE = {
    SimState.ABSENT: (
        ModemState.SIM_ABSENT,
        "There is no SIM in the modem.",
        "Put it in, contacts down, and plug the stick in again.",
    ),
    SimState.PIN: (
        ModemState.PIN_REQUIRED,
        "The SIM wants its PIN.",
        "Set modem.pin or modem.pin_file, or switch the PIN off with a phone.",
    ),
    SimState.PUK: (
        ModemState.PUK_REQUIRED,
        "The SIM is locked and wants its PUK.",
        "Put it into a phone and enter the PUK that came with it; nothing is tried from here.",
    ),
}


def _state_of(error: HotlinedError) -> ModemState:
    if isinstance(error, SimError):
        return error.state
    if isinstance(error, PortBusyError):
        return ModemState.BUSY_PORT
    if isinstance(error, PortError):
        return ModemState.ABSENT
    return ModemState.RECOVERING
