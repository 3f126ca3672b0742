"""What `hotlined doctor --record` asks a stick, and the recording of it."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from hotlined import __version__
from hotlined.clock import here
from hotlined.doctor.machine import unit_name
from hotlined.doctor.probe import FORWARDING, TRIES
from hotlined.doctor.scene import Scene
from hotlined.errors import PortError, RefusedError, UnavailableError
from hotlined.gsm import recording
from hotlined.gsm.anonymous import Replacer
from hotlined.gsm.finding import Candidate
from hotlined.gsm.port import Port, maybe_shared
from hotlined.language import _


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded: the first of the ports that answers, and these questions beside the usual ones."""

    ports: Sequence[str]
    candidates: Sequence[Candidate]
    baudrate: int
    more: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordedStick:
    """The text of a recording, in ASCII, how many questions it holds, and whether a modem answered them."""

    text: str
    questions: int
    answered: bool


def wanted(scene: Scene) -> Wanted:
    """Return what is recorded of a stick; raises RefusedError while the daemon has it, UnavailableError without one."""
    if scene.alive:
        raise RefusedError(
            _("The daemon has the port."),
            _("Stop it for as long: `sudo systemctl stop {unit}`.", unit=unit_name(scene)),
        )
    if not scene.ports:
        raise UnavailableError(_("There is no port to ask."), _("`hotlined doctor` says what is plugged in."))
    tries = [command for command, _, _ in TRIES]
    return Wanted(scene.ports, scene.candidates, scene.baudrate, (*tries, *FORWARDING.values()))


def record(wanted: Wanted, before: Callable[[str], None], seconds: float = recording.LONGEST_SECONDS) -> RecordedStick:
    """Ask the modem everything and return what it answers; `before` hears of each command before it is sent.

    It ends after so many seconds, whatever is left to ask: what came until then is in the recording.
    """
    made, answered = _ask(wanted, before, time.monotonic() + seconds)
    return RecordedStick(made.text(), sum(line.ours for line in made.lines), answered)


def _ask(wanted: Wanted, before: Callable[[str], None], ends: float) -> tuple[recording.Recording, bool]:
    """Record the first port that answers, else the last one."""
    machine = os.uname()
    comments = [
        f"hotlined {__version__}, {machine.sysname} {machine.release} {machine.machine}",
        f"recorded on {here().astimezone(UTC):%Y-%m-%d} at {wanted.baudrate} Bd",
        *_sticks(wanted.candidates),
    ]
    log, unasked = recording.Log(), None
    for name in wanted.ports:
        if rival := maybe_shared(name):
            raise rival
        log = recording.Log()
        try:
            unasked = _record_port(name, wanted, log, before, ends)
        except PortError as error:
            comments.append(f"{_short(name)}: {type(error).__name__}")
            continue
        comments.append(f"{_short(name)}: {'mute' if unasked is None else 'asked'}")
        if unasked is not None:
            if unasked:
                comments.append(f"{unasked} questions were left out: it answered no more, or the time was over")
            break
    return recording.finished(log, comments), unasked is not None


def _record_port(
    name: str, wanted: Wanted, log: recording.Log, before: Callable[[str], None], ends: float
) -> int | None:
    port = Port(name, wanted.baudrate, tap=log.tap)
    try:
        return recording.record(port, wanted.more, before, ends)
    finally:
        port.close()


def _sticks(candidates: Iterable[Candidate]) -> list[str]:
    """Return what the USB devices are, without their serial numbers."""
    rows, replacer = [], Replacer()
    for stick in dict.fromkeys(candidate.stick for candidate in candidates):
        rows.append(
            f"usb {stick.id} {replacer.answer(''.join(sign if ' ' <= sign <= '~' else '?' for sign in stick.title))}"
        )
        rows.extend(
            f"interface {one.number:02x} {one.class_code:02x}/{one.subclass:02x}/{one.protocol:02x} "
            f"{one.driver or '-'} {one.tty or '-'}"
            for one in stick.interfaces
        )
    return rows


def _short(port: str) -> str:
    """Return the kernel's name of a port: a link may hold a serial number, a URL an address."""
    return Path(port).resolve().name if port.startswith("/") else "a port that is no device of this machine"
