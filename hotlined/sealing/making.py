"""Makes a sealed backup of a line, the database as it is now and the rest that a new card needs, and stores it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hotlined import __version__, files, pseudonym
from hotlined.clock import Now
from hotlined.config import Config, answer_octets, kept_by_root
from hotlined.database_files import beside
from hotlined.errors import HotlinedError, SealError, StoreError, UnsentError
from hotlined.language import _
from hotlined.sealing import age, archive
from hotlined.sealing.sending import sending
from hotlined.sealing.shelf import Shelf
from hotlined.states import SealFailure
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.snapshot import snapshot
from hotlined.store.line import line
from hotlined.systemd import maybe_credential

CREDENTIALS = (archive.PIN, archive.URLS)
"""The credentials that the unit hands over from files that only root reads; see systemd/hotlined-offcard@.service."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sealed backup: its name, its places and its members; in two places it may have two names.

    `lacks` are the members that only the unit could have handed over.
    """

    name: str
    places: tuple[str, ...]
    holds: tuple[str, ...]
    lacks: tuple[str, ...]


def make(config: Config) -> Made:
    """Make a backup, and record it or why it failed; raises SealError, StoreError, RefusedError, OSError."""
    with open_beside_daemon(config.database) as db:
        began = db.now()
    try:
        made = _make(config, began)
    except (SealError, StoreError) as error:
        failure = error.failure if isinstance(error, SealError) else SealFailure.DATABASE
        with contextlib.suppress(HotlinedError), open_beside_daemon(config.database) as db:
            line.commit_seal_failure(db, SealFailure(failure or SealFailure.NO_AGE), began)
        raise
    with open_beside_daemon(config.database) as db:
        line.commit_sealed(db, made.name, began)
    return made


def _make(config: Config, began: Now) -> Made:
    if not config.backup.is_wanted:
        raise SealError(
            _("backup.folder names no place for sealed backups."),
            _("Set it, and backup.recipients: see docs/backup.md."),
        )
    small = dict(_small(config))
    made: list[tuple[str, str]] = []
    failures: list[SealError] = []
    for is_wanted, put in ((config.backup.folder is not None, _shelve), (config.backup.send, _send)):
        if is_wanted:
            try:
                made.append(put(config, small, began))
            except SealError as error:  # the other place still gets a backup
                failures.append(error)
    if failures:
        raise _all_of(failures)
    places = tuple(place for _name, place in made)
    lacks = tuple(name for name in kept_by_root(config) if name not in small)
    return Made(made[0][0], places, (*small, archive.DATABASE), lacks)


def _all_of(failures: Sequence[SealError]) -> SealError:
    """Return one error for all failures; the cause of the first is recorded (that of the folder, if it failed)."""
    first, *others = failures
    if not others:
        return first
    # a failed transfer is tried again: the exit code asks for it, whatever else failed
    kind = UnsentError if any(isinstance(error, UnsentError) for error in failures) else SealError
    return kind(" ".join(map(str, failures)), " ".join(error.hint for error in failures), first.failure)


def _shelve(config: Config, small: Mapping[str, bytes], began: Now) -> tuple[str, str]:
    """Put a backup into the folder; return its name and its path."""
    assert config.backup.folder
    shelf = Shelf(config.backup.folder, config.line)
    shelf.require_elsewhere(config.database)
    while True:
        try:
            with shelf.new(began.utc) as writing:
                _seal(config, small, began, writing.write)
                path = writing.finish()
        except SealError as error:
            if error.failure != SealFailure.FULL or not shelf.make_room():
                raise
        else:
            shelf.keep(config.backup.keep)
            return path.name, str(path)


def _send(config: Config, small: Mapping[str, bytes], began: Now) -> tuple[str, str]:
    """Send a backup to the other machine; return its name there and its place."""
    with sending(config.runtime_dir, config.line, began.utc) as on_its_way:
        _seal(config, small, began, on_its_way.write)
        name = on_its_way.finish()
    return name, _("{name} on the other machine", name=name)


def _seal(config: Config, small: Mapping[str, bytes], began: Now, take: Callable[[bytes], None]) -> None:
    """Seal the line as it is now, and hand it to `take` piece by piece."""
    about = archive.About(config.line, began.rfc3339, __version__)
    with snapshot(config.database) as database:
        write = partial(archive.write, about=about, small=small, database=database)
        age.seal(config.backup.recipients, write, take)


def _small(config: Config) -> Iterator[tuple[str, bytes]]:
    """Yield the files that a new card needs beside the database, if they exist."""
    yield archive.CONFIG, files.read(config.path).encode()
    if file := config.answer.text_file:
        with contextlib.suppress(OSError):  # an unreadable answer is never sent anyway
            yield archive.ANSWER, answer_octets(file)
    for name, ending in archive.BESIDE.items():
        if octets := pseudonym.maybe_key(beside(config.database, ending)):
            yield name, octets
    for name in CREDENTIALS:
        if (handed := maybe_credential(name)) and (text := files.read(handed)).strip():
            yield name, text.encode()
