"""Makes a sealed backup of a line, the database as it is now and the rest that a new card needs, and stores it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotlined import __version__, pseudonym
from hotlined.config import Config, answer_octets, kept_by_root
from hotlined.database_files import beside, is_on_card
from hotlined.errors import HotlinedError, SealError, StoreError
from hotlined.language import _
from hotlined.machine import files
from hotlined.machine.clock import Now
from hotlined.machine.systemd import maybe_credential
from hotlined.sealing import age, archive
from hotlined.sealing.shelf import Shelf
from hotlined.states import SealFailure
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.snapshot import snapshot
from hotlined.store.line import line_row

CREDENTIALS = (archive.PIN, archive.URLS)
"""The credentials that the unit hands over from files that only root reads; see systemd/hotlined-offcard@.service."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sealed backup and its members; `lacks` are those that only the unit could have handed over."""

    path: Path
    is_on_card: bool
    """Whether it is on the disk of the database, so that both are lost together."""
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
            line_row.commit_seal_failure(db, SealFailure(failure or SealFailure.NO_AGE), began)
        raise
    with open_beside_daemon(config.database) as db:
        line_row.commit_sealed(db, made.path.name, began)
    return made


def _make(config: Config, began: Now) -> Made:
    if config.backup.folder is None:
        raise SealError(
            _("backup.folder names no place for sealed backups."),
            _("Set it, and backup.recipients: see docs/backup.md."),
        )
    small = dict(_small(config))
    shelf = Shelf(config.backup.folder, config.line)
    shelf.require_disk(config.database)
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
            lacks = tuple(name for name in kept_by_root(config) if name not in small)
            return Made(path, is_on_card(shelf.folder, config.database), (*small, archive.DATABASE), lacks)


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
