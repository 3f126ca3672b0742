"""Starts a modem until its storages can be listed: finds its port, enters its PIN, recognises stick and SIM.

The result is a modem, or an error; `state_of` and `maybe_trouble` translate the error into a state of the modem and a
trouble. Known to be wrong: with `port: auto` and several sticks, a stick that does not answer within two probes is
skipped.
"""

import logging
import re
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from hotlined import config as configuration
from hotlined.causes import CauseCode, SystemCause, Value
from hotlined.conditions import MODEM
from hotlined.daemon.shared import Line
from hotlined.errors import (
    CausedError,
    HotlinedError,
    ModemBusyError,
    ModemError,
    ModemRefusedError,
    ModemSilentError,
    NoTextsError,
    PortBusyError,
    PortError,
    PortLostError,
    PortMissingError,
    number_of,
)
from hotlined.gsm import finding, profiles
from hotlined.gsm.dialogue import PROBES
from hotlined.gsm.finding import Machine
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port, maybe_shared
from hotlined.gsm.responses import Identification, SimState
from hotlined.machine import systemd
from hotlined.states import ModemState, ModemTrouble
from hotlined.store.line import pins
from hotlined.store.line.line_row import bind_sim, row_of

log = logging.getLogger(__name__)

AUTO = "auto"  # in `modem.port`
QUICK_PROBES = 2  # questions to one of several ports before the next port is tried


class SimError(ModemError):
    """The SIM cannot be used; `state` says why, and the code has details if the state does not say everything."""

    def __init__(self, state: ModemState, code: CauseCode | None = None, /, **values: Value) -> None:
        if code is None:
            HotlinedError.__init__(self, MODEM[state].words, MODEM[state].cure)
            self.cause = None
        else:
            super().__init__(code, **values)
        self.state = state


class Part(StrEnum):
    """The parts by which a line recognises its modem; each may have been exchanged."""

    STICK = "stick"
    SIM = "SIM"


Mismatch = tuple[Part, ...]
"""The parts that do not belong to the line, in the order of `Part`; empty if both do."""

MISMATCHES: dict[Mismatch, CauseCode] = {
    (Part.STICK,): CauseCode.OTHER_STICK,
    (Part.SIM,): CauseCode.OTHER_SIM,
    (Part.STICK, Part.SIM): CauseCode.OTHER_STICK_AND_SIM,
}


class NotOursError(ModemError):
    """The only modem that was found has neither the line's stick nor its SIM."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(CauseCode.NOT_OURS)
        self.mismatch = mismatch


class Starter:
    """Opens ports and starts the modems behind them; it knows the port that was taken last.

    `progress` is called during every wait (see Modem); `wake` is a descriptor that ends waits.
    """

    def __init__(self, line: Line, progress: Callable[[float], float | None], wake: int) -> None:
        self.line = line
        self.port_name = ""
        self.usb_device = ""
        """The USB device that the port belongs to (`1-1.2`)."""
        self._profile = profiles.GENERIC
        self._progress = progress
        self._wake = wake

    def forget_port(self) -> None:
        """Forget the port that was taken last, because the configuration names another one."""
        self.port_name = self.usb_device = ""

    # ---- port

    def open(self) -> Modem:
        """Return a modem that answers: that of the configured port, or the line's own stick, or else the first stick.

        If the machine has other lines, the first stick may be theirs: then only the line's own stick is taken.
        Raises PortError or ModemError, for the last port that was tried.
        """
        configured = self.line.config.modem.port
        if configured != AUTO:
            return self._take(self._try(configured, len(PROBES)))
        machine = self.line.machine
        names = [candidate.port for candidate in finding.candidates(machine.sysfs, machine.dev)]
        bound, others = row_of(self.line.db).sim, configuration.other_lines(self.line.config.path)
        if names and others and bound is None:
            raise _no_own_stick(machine, others)
        first: str | None = None
        error: CausedError = _no_stick(machine)
        for name in names:
            if self.line.stopping:
                break
            try:
                modem = self._try(name, QUICK_PROBES if len(names) > 1 else len(PROBES))
            except (PortError, ModemError) as problem:
                error = self._judge(problem, name, others)
                continue
            try:
                if bound is None or _is_own(modem, *bound, is_certain=bool(others)):
                    return self._take(modem)
            except (PortError, ModemError) as problem:
                error = self._judge(problem, name, others)
            else:
                first = first or name
            modem.port.close()
        if first and not others and not self.line.stopping:
            return self._take(self._try(first, len(PROBES)))
        raise _stick_away(machine) if first and others else error

    def _judge(self, error: CausedError, name: str, others: Sequence[str]) -> CausedError:
        """Return the error to report: if the machine has other lines, an error of a stick that may be theirs is not."""
        machine = self.line.machine
        is_own = self.usb_device != "" and finding.usb_device(name, machine.sysfs) == self.usb_device
        return _stick_away(machine) if others and not is_own else error

    def _take(self, modem: Modem) -> Modem:
        """Note the port of the modem that serves the line, and return the modem."""
        self.port_name = modem.port.name
        self._profile = modem.profile
        self.usb_device = finding.usb_device(modem.port.name, self.line.machine.sysfs)
        return modem

    def _try(self, name: str, probes: int) -> Modem:
        """Return the modem at a port, once it answers; raises PortError or ModemError."""
        port = Port(name, self.line.config.modem.baudrate, self._wake)
        try:
            modem = Modem(port, self._progress, self.line.timing.dialogue)
            modem.begin(probes)
        except (PortError, ModemError) as error:
            port.close()
            raise explain(error, name) from None
        return modem

    def reset_blindly(self) -> None:
        """Write the reset command to the port that was taken last, though its modem does not answer."""
        if not self.port_name:
            return
        port = Port(self.port_name, self.line.config.modem.baudrate, self._wake)
        try:
            modem = Modem(port, self._progress, self.line.timing.dialogue)
            modem.profile = self._profile
            modem.reset()
        finally:
            port.close()

    # ---- SIM

    def enter_pin(self, modem: Modem) -> None:
        """Make the SIM ready: enter the PIN if the SIM asks for it. No value is ever tried twice on the same SIM.

        Raises SimError for a SIM that cannot be used.
        """
        state, words = modem.sim_state()
        if state is SimState.PIN and (pin := self._maybe_pin()):
            self._try_pin(modem, pin)
            state, words = self._await_sim(modem)
        if state is SimState.READY:
            return
        if (shown := _SIM_STATES.get(state)) is None:
            raise SimError(ModemState.STARTING, CauseCode.SIM_NOT_READY, answer=words)
        raise SimError(shown)

    def _try_pin(self, modem: Modem, pin: str) -> None:
        """Enter a PIN that was never tried on this SIM, and commit the try before; raises SimError."""
        db, sim = self.line.db, modem.sim_identity()
        try:
            digest = pins.digest(db, pin)
        except OSError as error:
            denied = isinstance(error, PermissionError)
            code = CauseCode.PIN_NOTE_DENIED if denied else CauseCode.PIN_UNNOTED
            raise SimError(ModemState.PIN_REQUIRED, code, cause=number_of(error)) from error
        if pins.was_refused(db, sim, digest):
            raise SimError(ModemState.PIN_REFUSED, CauseCode.PIN_TRIED_BEFORE)
        pins.commit_try(db, sim, digest, db.now())  # before the try: a crash in between must not cost a second one
        if not modem.enter_pin(pin):
            pins.refuse(db, sim, digest)
            raise SimError(ModemState.PIN_REFUSED)
        pins.accept(db, sim, digest)

    def _await_sim(self, modem: Modem) -> tuple[SimState, str]:
        """Wait some seconds until a SIM that accepted its PIN is ready; return the last result of `sim_state`."""
        deadline = time.monotonic() + self.line.timing.sim_ready
        while (answer := modem.sim_state())[0] is not SimState.READY and not (
            self.line.stopping or time.monotonic() >= deadline
        ):
            modem.exchange.listen(0.5)
        return answer

    def _maybe_pin(self) -> str | None:
        """Return the PIN from the configuration, from its file, or from systemd's credential `pin`; None without one.

        Raises SimError for a file without a PIN.
        """
        modem = self.line.config.modem
        path = modem.pin_file
        path = path or systemd.maybe_credential("pin")
        return modem.pin or (_read_pin(path) if path else None)

    def is_own_stick(self, modem: Modem) -> bool:
        """Tell whether the line was served by this stick before."""
        bound = row_of(self.line.db).sim
        return bound is not None and bound[0] == modem.imei() != ""

    def recognise(self, identification: Identification) -> Mismatch:
        """Return the parts, stick or SIM, that are not the line's.

        The line is bound to the first stick and SIM that it is started with. Raises NotOursError if both differ, unless
        a person named the port; ModemError if the SIM no longer reports its IMSI.
        """
        db, imei, imsi = self.line.db, identification.imei, identification.imsi
        bound = row_of(db).sim or ("", "")
        if bound[1] and not imsi:
            raise ModemError(CauseCode.SIM_UNNAMED_NOW)
        pairs = {Part.STICK: (bound[0], imei), Part.SIM: (bound[1], imsi)}
        mismatch = tuple(part for part, (ours, this) in pairs.items() if ours and this and ours != this)
        if not mismatch:
            if (complete := (bound[0] or imei, bound[1] or imsi)) != bound:
                with db.transaction():
                    bind_sim(db, *complete)
            return mismatch
        if len(mismatch) == len(pairs) and self.line.config.modem.port == AUTO:
            raise NotOursError(mismatch)
        return mismatch


_SIM_STATES = {
    SimState.ABSENT: ModemState.SIM_ABSENT,
    SimState.PIN: ModemState.PIN_REQUIRED,
    SimState.PUK: ModemState.PUK_REQUIRED,
    SimState.LOCKED: ModemState.SIM_LOCKED,
}


def _read_pin(path: Path) -> str:
    """Read a PIN from its file; raises SimError for a missing file and for anything but a PIN, so that no try is lost.

    A PIN has 4 to 8 digits (TS 31.101 clause 9.5.1).
    """
    try:
        pin = path.read_text().strip()
    except FileNotFoundError:
        raise SimError(ModemState.PIN_REQUIRED, CauseCode.PIN_FILE_MISSING, path=str(path)) from None
    except (OSError, ValueError) as error:
        cause = number_of(error) if isinstance(error, OSError) else SystemCause.NO_TEXT
        raise SimError(ModemState.PIN_REQUIRED, CauseCode.PIN_FILE_UNREAD, path=str(path), cause=cause) from None
    if re.fullmatch("[0-9]{4,8}", pin):
        return pin
    code = CauseCode.PIN_FILE_NO_PIN if pin else CauseCode.PIN_FILE_EMPTY
    raise SimError(ModemState.PIN_REQUIRED, code, path=str(path))


def _no_stick(machine: Machine) -> CausedError:
    """Return the error for a machine without a modem; if a stick without a port is plugged in, the error names it."""
    for cause in finding.portless_sticks(machine.sysfs):
        return PortMissingError(CauseCode(cause.code), **cause.values)
    return PortMissingError(CauseCode.NO_STICK)


def _is_own(modem: Modem, imei: str, imsi: str, *, is_certain: bool) -> bool:
    """Tell whether a modem has the stick or the SIM of the line.

    A stick that does not report its IMEI counts as the line's, unless the caller needs to be certain.
    """
    found = modem.imei()
    return (found == imei if found else not is_certain) or modem.imsi() == imsi != ""


def _no_own_stick(machine: Machine, others: Sequence[str]) -> CausedError:
    """Return the error for a line that never had a stick: the sticks here may belong to the other lines."""
    return PortError(CauseCode.NO_OWN_STICK, lines=others, sticks=_sticks(machine))


def _stick_away(machine: Machine) -> CausedError:
    """Return the error for a line whose stick is not plugged in."""
    return PortMissingError(CauseCode.STICK_AWAY, sticks=_sticks(machine))


def _sticks(machine: Machine) -> list[str]:
    """Return the best port of each stick, as the lasting link that the udev rules made, if there is one."""
    found: dict[str, str] = {}
    for candidate in finding.candidates(machine.sysfs, machine.dev):
        device = finding.usb_device(candidate.port, machine.sysfs)
        link = machine.dev / "hotlined" / device
        port = link if device and link.exists() else candidate.port
        found.setdefault(device or candidate.port, f"{port} ({candidate.stick.title})")
    return list(found.values())


def explain(error: CausedError, port: str) -> CausedError:
    """Return a PortBusyError if another program has the port open, which may read our answers; else the error."""
    may_be_read_elsewhere = isinstance(error, ModemSilentError | ModemRefusedError)
    return (maybe_shared(port) if may_be_read_elsewhere else None) or error


def maybe_trouble(error: CausedError) -> ModemTrouble | None:
    """Return the trouble of a modem that could not be started, for the escalation; None if no step can help."""
    if isinstance(error, NotOursError | NoTextsError):
        return None
    if isinstance(error, SimError):
        return {ModemState.SIM_ABSENT: ModemTrouble.NO_SIM, ModemState.STARTING: ModemTrouble.UNREADY}.get(error.state)
    if isinstance(error, PortError):
        return ModemTrouble.ABSENT if isinstance(error, PortMissingError | PortLostError) else None
    return ModemTrouble.SILENT if isinstance(error, ModemSilentError) else ModemTrouble.UNREADY


def state_of(error: CausedError) -> ModemState:
    """Return the state of a modem that could not be started or that failed, from its error."""
    if isinstance(error, SimError):
        return error.state
    if isinstance(error, NotOursError):
        return ModemState.SIM_CHANGED
    if isinstance(error, NoTextsError):
        return ModemState.NO_TEXTS
    if isinstance(error, ModemBusyError):
        return ModemState.STARTING
    if isinstance(error, PortBusyError):
        return ModemState.BUSY_PORT
    if isinstance(error, PortError):
        return ModemState.ABSENT
    return ModemState.RECOVERING
