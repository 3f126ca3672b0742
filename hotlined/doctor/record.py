"""The file of `hotlined doctor --record`: opened before anything is asked, and never anything but a recording."""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hotlined import __version__
from hotlined.doctor.machine import unit_name
from hotlined.doctor.probe import FORWARDING, TRIES
from hotlined.doctor.scene import Scene
from hotlined.errors import HotlinedError, PortError, RefusedError, UnavailableError, reason_of
from hotlined.gsm import recording
from hotlined.gsm.anonymous import Replacer
from hotlined.gsm.finding import Candidate, Holder
from hotlined.gsm.port import Port, maybe_shared
from hotlined.language import _

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded: the first of the ports that answers, and these questions beside the usual ones."""

    ports: Sequence[str]
    candidates: Sequence[Candidate]
    baudrate: int
    more: Sequence[str]
    holders: Callable[[str], list[Holder]]
    """Tells who has a port open."""


def opened(path: Path) -> int:
    """Open the file of a recording, new or an older recording; raises HotlinedError for anything else."""
    try:
        descriptor = os.open(path, _FLAGS, 0o644)
    except OSError as error:
        raise HotlinedError(
            _("{file} cannot be written ({reason}).", file=path, reason=reason_of(error)), _("Name a new file.")
        ) from error
    file = os.fstat(descriptor)
    empty = file.st_size == 0
    if (
        not stat.S_ISREG(file.st_mode)
        or file.st_nlink != 1
        or not (empty or recording.is_recording(os.pread(descriptor, 80, 0)))
    ):
        os.close(descriptor)
        raise HotlinedError(
            _("{file} is something else than a recording: it is left as it is.", file=path), _("Name a new file.")
        )
    return descriptor


@dataclass(frozen=True, slots=True)
class RecordingCounts:
    """How many questions a recording holds, and whether a modem answered them."""

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
    return Wanted(scene.ports, scene.candidates, scene.baudrate, (*tries, *FORWARDING.values()), scene.holders_of)


def record(wanted: Wanted, path: Path, before: Callable[[str], None]) -> RecordingCounts:
    """Ask the modem everything and write what it answers; `before` hears of each command before it is sent."""
    descriptor = opened(path)
    try:
        made, answered = _ask(wanted, before)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, made.text().encode("ascii"))
    finally:
        os.close(descriptor)
    return RecordingCounts(sum(line.ours for line in made.lines), answered)


def _ask(wanted: Wanted, before: Callable[[str], None]) -> tuple[recording.Recording, bool]:
    """Record the first port that answers, else the last one."""
    machine = os.uname()
    comments = [
        f"hotlined {__version__}, {machine.sysname} {machine.release} {machine.machine}",
        f"recorded on {datetime.now(UTC):%Y-%m-%d} at {wanted.baudrate} Bd",
        *_sticks(wanted.candidates),
    ]
    log, answered = recording.Log(), False
    for name in wanted.ports:
        if rival := maybe_shared(name, wanted.holders):
            raise rival
        log = recording.Log()
        try:
            answered = _record_port(name, wanted, log, before)
        except PortError as error:
            comments.append(f"{_short(name)}: {type(error).__name__}")
            continue
        comments.append(f"{_short(name)}: {'asked' if answered else 'mute'}")
        if answered:
            break
    return recording.finished(log, comments), answered


def _record_port(name: str, wanted: Wanted, log: recording.Log, before: Callable[[str], None]) -> bool:
    port = Port(name, wanted.baudrate, tap=log.tap)
    try:
        return recording.record(port, wanted.more, before)
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
