"""The recording of a stick by `hotlined doctor --record`: the questions and the answers."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from hotlined import __version__
from hotlined.doctor.host import Host
from hotlined.doctor.machine import unit_name
from hotlined.doctor.probe import FORWARDING, TRIES
from hotlined.errors import PortError, RefusedError, UnavailableError
from hotlined.gsm import recording
from hotlined.gsm.anonymous import Replacer
from hotlined.gsm.finding import Candidate
from hotlined.gsm.port import Port, maybe_shared
from hotlined.language import _
from hotlined.machine.clock import here


@dataclass(frozen=True, slots=True)
class Wanted:
    """The plan of a recording: the first port that answers is asked the usual questions, and those in `more`."""

    ports: Sequence[str]
    candidates: Sequence[Candidate]
    baudrate: int
    more: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordedStick:
    """A recording: its text in ASCII, the number of its questions, and whether a modem answered."""

    text: str
    questions: int
    answered: bool


def wanted(host: Host) -> Wanted:
    """Return the plan of a recording; raises RefusedError while the daemon runs, UnavailableError without a port."""
    if host.alive:
        raise RefusedError(
            _("The daemon has the port."),
            _("Stop it for as long: `sudo systemctl stop {unit}`.", unit=unit_name(host)),
        )
    if not host.ports:
        raise UnavailableError(_("There is no port to ask."), _("`hotlined doctor` says what is plugged in."))
    tries = [command for command, _, _ in TRIES]
    return Wanted(host.ports, host.candidates, host.baudrate, (*tries, *FORWARDING.values()))


def record(wanted: Wanted, before: Callable[[str], None], seconds: float = recording.LONGEST_SECONDS) -> RecordedStick:
    """Ask the modem all questions and return the recording; `before` is called with each command before it is sent.

    After `seconds` the rest of the questions is left out.
    """
    made, answered = _ask(wanted, before, time.monotonic() + seconds)
    return RecordedStick(made.text(), sum(line.ours for line in made.lines), answered)


def _ask(wanted: Wanted, before: Callable[[str], None], ends: float) -> tuple[recording.Recording, bool]:
    """Record the first port that answers, or else the last port; return also whether a modem answered."""
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
    """Return a description of the USB devices, without their serial numbers."""
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
    """Return the kernel's name of a port, because a link may contain a serial number, and a URL an address."""
    return Path(port).resolve().name if port.startswith("/") else "a port that is no device of this machine"
