"""The file of `hotlined doctor --record`: opened before anything is asked, and never anything but a recording."""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from hotlined import __version__
from hotlined.cli.output import print_wrapped
from hotlined.errors import HotlinedError, PortError, UnavailableError
from hotlined.gsm import recording
from hotlined.gsm.anonymous import Replacer
from hotlined.gsm.finding import Candidate
from hotlined.gsm.port import Port, maybe_shared

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded: the first of the ports that answers, by these questions beside all others."""

    ports: Sequence[str]
    candidates: Sequence[Candidate]
    baudrate: int
    more: Sequence[str]


def opened(path: Path) -> int:
    """Open the file of a recording, new or an older recording; raises HotlinedError for anything else."""
    try:
        descriptor = os.open(path, _FLAGS, 0o644)
    except OSError as error:
        raise HotlinedError(f"{path} cannot be written ({error.strerror}).", "Name a new file.") from error
    found = os.fstat(descriptor)
    empty = found.st_size == 0
    if (
        not stat.S_ISREG(found.st_mode)
        or found.st_nlink != 1
        or not (empty or recording.is_recording(os.pread(descriptor, 80, 0)))
    ):
        os.close(descriptor)
        raise HotlinedError(f"{path} is something else than a recording: it is left as it is.", "Name a new file.")
    return descriptor


def record(wanted: Wanted, path: Path) -> None:
    """Ask the modem everything and write what it says; raises UnavailableError where none answers."""
    descriptor = opened(path)
    try:
        made, answered = _asked(wanted)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, made.text().encode("ascii"))
    finally:
        os.close(descriptor)
    questions = sum(line.ours for line in made.lines)
    print_wrapped(
        f"{path}: {questions} questions and what came. Numbers, identities and texts are replaced; "
        "read it all the same before you send it."
    )
    if not answered:
        raise UnavailableError("No port answered.", f"{path} says what was asked. Is the modem on, at this speed?")


def _asked(wanted: Wanted) -> tuple[recording.Recording, bool]:
    """Record the first port that answers, else the last one."""
    machine = os.uname()
    comments = [
        f"hotlined {__version__}, {machine.sysname} {machine.release} {machine.machine}",
        f"recorded on {datetime.now(UTC):%Y-%m-%d} at {wanted.baudrate} Bd",
        *_sticks(wanted.candidates),
    ]
    log, answered = recording.Log(), False
    for name in wanted.ports:
        if rival := maybe_shared(name):
            raise rival
        log = recording.Log()
        try:
            answered = _record_port(name, wanted, log)
        except PortError as error:
            comments.append(f"{_short(name)}: {type(error).__name__}")
            continue
        comments.append(f"{_short(name)}: {'asked' if answered else 'mute'}")
        if answered:
            break
    return recording.finished(log, comments), answered


def _record_port(name: str, wanted: Wanted, log: recording.Log) -> bool:
    port = Port(name, wanted.baudrate, tap=log.tap)
    try:
        return recording.record(port, wanted.more, lambda command: click.echo(f"  {command}", err=True))
    finally:
        port.close()


def _sticks(candidates: Iterable[Candidate]) -> list[str]:
    """Say what the USB devices are, without their serial numbers."""
    rows, replacer = [], Replacer()
    for stick in dict.fromkeys(candidate.stick for candidate in candidates):
        rows.append(
            f"usb {stick.id} {replacer.answer(''.join(sign if ' ' <= sign <= '~' else '?' for sign in stick.title))}"
        )
        rows.extend(
            f"interface {each.number:02x} {each.class_code:02x}/{each.subclass:02x}/{each.protocol:02x} "
            f"{each.driver or '-'} {each.tty or '-'}"
            for each in stick.interfaces
        )
    return rows


def _short(port: str) -> str:
    """Return the kernel's name of a port: a link may hold a serial number, a URL an address."""
    return Path(port).resolve().name if port.startswith("/") else "a port that is no device of this machine"
