"""Makes a sealed backup of a line: its database as it is now and what else a new card needs, written where it stays."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hotlined import __version__, files, pseudonym
from hotlined.clock import Now
from hotlined.config import Config
from hotlined.errors import HotlinedError, SealError, StoreError
from hotlined.language import _
from hotlined.sealing import age, archive
from hotlined.sealing.shelf import Shelf
from hotlined.states import SealFailure
from hotlined.store import line
from hotlined.store.beside import beside
from hotlined.store.opening import open_beside_daemon
from hotlined.store.snapshot import snapshot

CREDENTIALS = (archive.ACCOUNTS, archive.PIN, archive.URLS)
"""What the unit hands over of files that only root reads; see systemd/hotlined-offcard@.service."""
NOTHING = b"-"
"""What stands in a credential where root has no such file."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sealed backup: where it is, how large, and what is in it."""

    path: Path
    octets: int
    holds: tuple[str, ...]


def make(config: Config) -> Made:
    """Make a backup, and record that or why it failed; raises SealError, StoreError, RefusedError, OSError."""
    with open_beside_daemon(config.database) as db:
        began = db.now()
    try:
        made = _make(config, began)
    except (SealError, StoreError) as error:
        failure = error.failure if isinstance(error, SealError) else SealFailure.DATABASE
        with contextlib.suppress(HotlinedError), open_beside_daemon(config.database) as db:
            line.note_seal_failure(db, SealFailure(failure or SealFailure.NO_AGE), began)
        raise
    with open_beside_daemon(config.database) as db:
        line.note_sealed(db, made.path.name, began)
    return made


def _make(config: Config, began: Now) -> Made:
    folder = config.backup.folder
    if folder is None:
        raise SealError(
            _("backup.folder names no place for sealed backups."),
            _("Set it, and backup.recipients: see docs/backup.md."),
        )
    shelf = Shelf(folder, config.line)
    shelf.require_elsewhere(config.database)
    small = dict(_small(config))
    about = archive.About(config.line, config.name, began.rfc3339, __version__)
    while True:
        try:
            made = _write(config, shelf, about, small, began)
        except SealError as error:
            if error.failure != SealFailure.FULL or not shelf.make_room():
                raise
        else:
            shelf.keep(config.backup.keep)
            return made


def _write(config: Config, shelf: Shelf, about: archive.About, small: Mapping[str, bytes], began: Now) -> Made:
    with shelf.new(began.utc) as writing, snapshot(config.database) as database:
        age.seal(
            config.backup.recipients,
            partial(archive.write, about=about, small=small, database=database),
            writing.write,
        )
        return Made(writing.finish(), writing.octets, (*small, archive.DATABASE))


def _small(config: Config) -> Iterator[tuple[str, bytes]]:
    """Yield what a new card needs beside the database, as far as there is such."""
    yield archive.CONFIG, files.read(config.path).encode()
    with contextlib.suppress(FileNotFoundError):
        yield archive.FLEET, files.read(config.path.with_suffix(".fleet")).encode()
    for name, ending in archive.BESIDE.items():
        if octets := pseudonym.maybe_key(beside(config.database, ending)):
            yield name, octets
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    for name in CREDENTIALS if handed else ():
        with contextlib.suppress(FileNotFoundError):
            octets = files.read(Path(str(handed)) / name).encode()
            if octets.strip() not in (b"", NOTHING):
                yield name, octets
