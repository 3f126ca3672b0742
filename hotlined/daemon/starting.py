"""Starts a modem so far that its storages can be listed: finds its port, enters its PIN, recognises stick and SIM.

The result is a modem, or an error that says why there is none; `state_of` and `maybe_trouble` say which state of the
modem, and which trouble for the ladder, that is. Known to be wrong: with `port: auto` and several sticks, a stick that
takes longer to answer than two probes last is skipped.
"""

import logging
import re
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from hotlined import config as configuration
from hotlined import systemd
from hotlined.daemon.line import Line
from hotlined.errors import (
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
    reason_of,
)
from hotlined.gsm import finding, profiles
from hotlined.gsm.exchange import PROBES
from hotlined.gsm.finding import Machine
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port, maybe_shared
from hotlined.gsm.responses import Identification, SimState
from hotlined.language import N_, _
from hotlined.states import ModemState, ModemTrouble
from hotlined.store.line import pins
from hotlined.store.line.line import bind_sim, bound_sim
from hotlined.words.conditions import MODEM, PIN_FILE_CURE

log = logging.getLogger(__name__)

AUTO = "auto"  # in `modem.port`
QUICK_PROBES = 2  # questions to each of several ports before the next one is tried
OURS_HINT = N_(
    "Nothing is done with it: it may be another line's. Name this line's port in `modem.port`, or go on with this one:"
    " `hotlined sim adopt`."
)


class SimError(ModemError):
    """The SIM cannot be used as it is; `state` says how."""

    def __init__(self, state: ModemState, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.state = state


class Part(StrEnum):
    """The parts by which a line recognises its modem; each may be another one than before."""

    STICK = "stick"
    SIM = "SIM"


Mismatch = tuple[Part, ...]
"""The parts that are not the line's, in the order of `Part`; none where both are."""

_MISMATCHES: dict[Mismatch, str] = {
    (Part.STICK,): N_("Another stick than before."),
    (Part.SIM,): N_("Another SIM than before."),
    (Part.STICK, Part.SIM): N_("Another stick and another SIM than before."),
}


def mismatch_in_words(mismatch: Mismatch) -> str:
    """Say which parts are not the line's."""
    return _(_MISMATCHES[mismatch])


class NotOursError(ModemError):
    """The only modem that was found has neither the line's stick nor its SIM."""

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(mismatch_in_words(mismatch), _(OURS_HINT))
        self.mismatch = mismatch


class Starter:
    """Opens ports and starts the modems at them; it knows the port that was opened last.

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
        """Forget the port that was opened last: the configuration names another one."""
        self.port_name = self.usb_device = ""

    # ---- port

    def open(self) -> Modem:
        """Return a modem in step: at the configured port, else the line's own among all sticks, else the first one.

        Where there are further lines, the first one may be another's: then only the line's own is taken. Raises
        PortError or ModemError for the last port that was tried.
        """
        configured = self.line.config.modem.port
        if configured != AUTO:
            return self._take(self._try(configured, len(PROBES)))
        machine = self.line.machine
        names = [candidate.port for candidate in finding.candidates(machine.sysfs, machine.dev)]
        bound, others = bound_sim(self.line.db), configuration.other_lines(self.line.config.path)
        if names and others and bound is None:
            raise _no_own_stick(machine, others)
        first: str | None = None
        error: HotlinedError = _no_stick(machine)
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

    def _judge(self, error: HotlinedError, name: str, others: Sequence[str]) -> HotlinedError:
        """Return the error that counts: where there are further lines, only the line's own stick can be in trouble."""
        machine = self.line.machine
        is_own = self.usb_device != "" and finding.usb_device(name, machine.sysfs) == self.usb_device
        return _stick_away(machine) if others and not is_own else error

    def _take(self, modem: Modem) -> Modem:
        """Note where the modem is that is to serve the line."""
        self.port_name = modem.port.name
        self._profile = modem.profile
        self.usb_device = finding.usb_device(modem.port.name, self.line.machine.sysfs)
        return modem

    def _try(self, name: str, probes: int) -> Modem:
        """Return the modem at a port, in step."""
        port = Port(name, self.line.config.modem.baudrate, self._wake)
        try:
            modem = Modem(port, self._progress)
            modem.begin(probes)
        except (PortError, ModemError) as error:
            port.close()
            raise explain(error, name) from None
        return modem

    def reset_blindly(self) -> None:
        """Write the reset command to the port that was opened last, though its modem does not answer."""
        if not self.port_name:
            return
        port = Port(self.port_name, self.line.config.modem.baudrate, self._wake)
        try:
            modem = Modem(port, self._progress)
            modem.profile = self._profile
            modem.reset()
        finally:
            port.close()

    # ---- SIM

    def enter_pin(self, modem: Modem) -> None:
        """Make the SIM ready: its PIN is entered if it asks for one, but each value only once for each SIM, ever.

        Raises SimError for a SIM that cannot be used.
        """
        state, words = modem.sim_state()
        if state is SimState.PIN and (pin := self._maybe_pin()):
            self._try_pin(modem, pin)
            state, words = self._await_sim(modem)
        if state is SimState.READY:
            return
        if (shown := _SIM_STATES.get(state)) is None:
            raise SimError(ModemState.STARTING, _("The SIM is not ready ({answer}).", answer=words), "")
        raise _sim_error(shown)

    def _try_pin(self, modem: Modem, pin: str) -> None:
        """Enter a PIN that was never tried on this SIM; the try is committed before."""
        db, sim = self.line.db, modem.sim_identity()
        try:
            digest = pins.digest(db, pin)
        except OSError as error:
            raise SimError(
                ModemState.PIN_REQUIRED,
                _(
                    "The PIN is not tried, since that could not be noted beside the database: {cause}.",
                    cause=reason_of(error),
                ),
                _(_NOTE_CURES.get(type(error), _DISK_CURE)),
            ) from error
        if pins.was_refused(db, sim, digest):
            raise SimError(
                ModemState.PIN_REFUSED,
                _("This PIN was tried on this SIM before and not seen to be right, so it is not tried again."),
                _(
                    "Correct modem.pin, or its file; or switch the PIN off with a phone: it says how many tries are"
                    " left."
                ),
            )
        pins.commit_try(db, sim, digest, db.now())  # before it is sent: a crash in between must not cost a second try
        if not modem.enter_pin(pin):
            pins.refuse(db, sim, digest)
            raise _sim_error(ModemState.PIN_REFUSED)
        pins.accept(db, sim, digest)

    def _await_sim(self, modem: Modem) -> tuple[SimState, str]:
        """Wait some seconds until a SIM that accepted its PIN is ready; return what `sim_state` said last."""
        deadline = time.monotonic() + self.line.timing.sim_ready
        while (answer := modem.sim_state())[0] is not SimState.READY and not (
            self.line.stopping or time.monotonic() >= deadline
        ):
            modem.exchange.listen(0.5)
        return answer

    def _maybe_pin(self) -> str | None:
        """Return the configured PIN: from the configuration, its file, or systemd's credential `pin`.

        None where none of them is there; raises SimError for a file that has no PIN for us.
        """
        modem = self.line.config.modem
        path = modem.pin_file
        path = path or systemd.maybe_credential("pin")
        return modem.pin or (_read_pin(path) if path else None)

    def is_own_stick(self, modem: Modem) -> bool:
        """Tell whether the line was served by this stick before."""
        bound = bound_sim(self.line.db)
        return bound is not None and bound[0] == modem.imei() != ""

    def recognise(self, identification: Identification) -> Mismatch:
        """Return which of stick and SIM are not the line's.

        The line is bound to the first stick and SIM that it is started with. Raises NotOursError where both differ,
        unless a person named the port; ModemError where the SIM no longer says its IMSI.
        """
        db, imei, imsi = self.line.db, identification.imei, identification.imsi
        bound = bound_sim(db) or ("", "")
        if bound[1] and not imsi:
            raise ModemError(_("The SIM does not say who it is any more."), _("It is asked again soon."))
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


_DISK_CURE = N_("Look after the disk that the database is on.")
_NOTE_CURES: dict[type[OSError], str] = {
    PermissionError: N_("Give the database's folder, and all that is in `keys` there, to the daemon's user."),
}
"""What a person can do where the try of a PIN cannot be noted, by the error."""

_SIM_STATES = {
    SimState.ABSENT: ModemState.SIM_ABSENT,
    SimState.PIN: ModemState.PIN_REQUIRED,
    SimState.PUK: ModemState.PUK_REQUIRED,
}


def _sim_error(state: ModemState) -> SimError:
    """Return the error of a state of the SIM, in the words that `status` and the alerts use, too."""
    return SimError(state, MODEM[state].words, MODEM[state].cure)


def _read_pin(path: Path) -> str:
    """Read a PIN from its file; raises SimError where it has none, or is not there: no try is risked on anything else.

    TS 31.101 clause 9.5.1: 4 to 8 digits.
    """
    try:
        pin = path.read_text().strip()
    except FileNotFoundError:
        problem = _("is not there")
    except (OSError, ValueError) as error:
        cause = reason_of(error) if isinstance(error, OSError) else _("it is no text")
        problem = _("cannot be read: {cause}", cause=cause)
    else:
        if re.fullmatch("[0-9]{4,8}", pin):
            return pin
        problem = _("has something else than the 4 to 8 digits of a PIN") if pin else _("is empty")
    words = _("The SIM wants its PIN, and {path} {problem}.", path=path, problem=problem)
    raise SimError(ModemState.PIN_REQUIRED, words, _(PIN_FILE_CURE))


def _no_stick(machine: Machine) -> HotlinedError:
    """Return the error for a machine without a modem; it names a stick that is plugged in and has no port."""
    for stick in finding.portless_sticks(machine.sysfs):
        return PortMissingError(stick.message, stick.hint)
    return PortMissingError(_("No modem is plugged in."), _("Plug the stick in, or name its port in `modem.port`."))


def _is_own(modem: Modem, imei: str, imsi: str, *, is_certain: bool) -> bool:
    """Tell whether a modem has the stick or the SIM that the line is bound to; one that does not say may be it."""
    found = modem.imei()
    return (found == imei if found else not is_certain) or modem.imsi() == imsi != ""


def _no_own_stick(machine: Machine, others: Sequence[str]) -> HotlinedError:
    """Return the error for a line that never had a stick, beside lines whose sticks these may be."""
    return PortError(
        _("This line has no stick yet, and those here may be another line's ({lines}).", lines=", ".join(others)),
        _("Name its port in `modem.port`: {sticks}.", sticks=_sticks_in_words(machine)),
    )


def _stick_away(machine: Machine) -> HotlinedError:
    """Return the error for a line whose stick is not among those that are here."""
    return PortMissingError(
        _("This line's stick is not here, or does not answer."),
        _(
            "Plug it in. For another one name its port in `modem.port` ({sticks}), then: `hotlined sim adopt`.",
            sticks=_sticks_in_words(machine),
        ),
    )


def _sticks_in_words(machine: Machine) -> str:
    """Return the best port of each stick; by its link, which stays, where the udev rules made one."""
    found: dict[str, str] = {}
    for candidate in finding.candidates(machine.sysfs, machine.dev):
        device = finding.usb_device(candidate.port, machine.sysfs)
        link = machine.dev / "hotlined" / device
        port = link if device and link.exists() else candidate.port
        found.setdefault(device or candidate.port, f"{port} ({candidate.stick.title})")
    return ", ".join(found.values())


def explain(error: HotlinedError, port: str) -> HotlinedError:
    """Return a PortBusyError where another program has the port open, for it may read our answers; else the error."""
    may_be_read_elsewhere = isinstance(error, ModemSilentError | ModemRefusedError)
    return (maybe_shared(port) if may_be_read_elsewhere else None) or error


def maybe_trouble(error: HotlinedError) -> ModemTrouble | None:
    """Return the trouble for the ladder of a modem that could not be started; None where no rung can help."""
    if isinstance(error, NotOursError | NoTextsError):
        return None
    if isinstance(error, SimError):
        return {ModemState.SIM_ABSENT: ModemTrouble.NO_SIM, ModemState.STARTING: ModemTrouble.UNREADY}.get(error.state)
    if isinstance(error, PortError):
        return ModemTrouble.ABSENT if isinstance(error, PortMissingError | PortLostError) else None
    return ModemTrouble.SILENT if isinstance(error, ModemSilentError) else ModemTrouble.UNREADY


def state_of(error: HotlinedError) -> ModemState:
    """Return the state of a modem that an error keeps from its work."""
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
