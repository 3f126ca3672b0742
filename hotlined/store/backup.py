"""Copies a database while its daemon runs, whole or not at all, and knows such a copy when it is restored.

A copy is marked as one in its line's state, which the database that it was made of never is. The daemon that finds the
mark serves a database that has gone back in time: what waited then may have left since, and is not sent by itself.
Known to be wrong: a copy that was made with anything else is not known for what it is.
"""

import contextlib
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from hotlined import files, pseudonym, states
from hotlined.clock import LimitClock, Now
from hotlined.errors import RefusedError, StoreError, UsageError
from hotlined.language import _
from hotlined.policy import Reason
from hotlined.states import ContactVerdict, DatabaseState, EventKind, RequestState
from hotlined.store import events, fates, integrity, line
from hotlined.store.database import Database
from hotlined.store.database_files import EVERY, FILE_MODE, KEY, LOCK, SECRET_MODE, beside
from hotlined.store.opening import lock_out_daemons, open_to_read, require_known
from hotlined.store.trouble import DatabaseTrouble

Progress = Callable[[int, int], None]
"""Called with how many pages are copied, and how many there are."""

PAGES = 256  # a step: 1 MiB, some tens of milliseconds on a card


@contextlib.contextmanager
def copied(database: Path, progress: Progress) -> Iterator[BinaryIO]:
    """Copy a database as it is now, looked through and marked as a copy, and give the copy to be read from its start.

    It is made beside the database, or among temporary files where one may only read there, and loses its name once it
    is whole. Raises RefusedError where another one is being made there, StoreError where the database is damaged or the
    disk takes no more, OSError.
    """
    own = database.resolve().parent
    with contextlib.ExitStack() as stack:
        if os.access(own, os.W_OK):
            stack.enter_context(_alone_in(own))
        else:
            own = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        new = own / f"{database.name}.copy"
        _remove(new)  # of a copy that was cut off
        try:
            descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET_MODE)
            file = stack.enter_context(os.fdopen(descriptor, "rb"))
            with open_to_read(database) as source:
                _copy(source, new, progress)
        finally:
            _remove(new)
        yield file


def require_another_file(database: Path, target: Path) -> None:
    """Raise UsageError where a file is one of the database's own, be it missing: a new one would be taken for it."""
    if target.resolve() in _files_of(database.resolve()):
        raise UsageError(
            _("{file} belongs to the database itself.", file=target), _("Name another file, best on another disk.")
        )


def maybe_key(database: Path) -> bytes | None:
    """Return the key of a database's pseudonyms; None without one, or where what lies there is the key of another."""
    octets = pseudonym.maybe_key(beside(database, KEY))
    with open_to_read(database) as source:
        digest = line.key_digest_of(source)
    return octets if octets is not None and digest in (None, pseudonym.digest(octets)) else None


def restore(
    database: Path, pieces: Iterable[bytes], made_at: str, secrets: Mapping[Path, tuple[bytes, int]]
) -> list[Path]:
    """Write a database in the place of the one that is there, marked as a copy, and the keys that belong to it.

    The files that are there get a second name in a folder beside them; return that folder, if there were any. `secrets`
    are files by their paths, each with its octets and its mode.
    Raises DatabaseInUseError where a daemon has it, StoreError and DatabaseVersionError for what cannot be used,
    OSError.
    """
    with lock_out_daemons(database):
        new = database.with_name(database.name + ".new")
        _remove(new)
        try:
            _write(new, pieces)
            with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
                copy.execute("PRAGMA trusted_schema = OFF")  # it may be anybody's who knows the recipient
                if found := next(integrity.damage(copy, full=False, tick=lambda _, __: None), None):
                    raise StoreError(_("The backup is damaged: {damage}.", damage=found), _("Take another one."))
                require_known(new, copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # it was in the middle of its work
                _mark(copy, made_at)
            _finish(new)
            own = [path for path in _files_of(database) if path != beside(database, LOCK) and path.exists()]
            moved = _keep_aside(database, own)
            for path, (octets, mode) in secrets.items():
                files.replace(path, octets, mode, durable=True)
            # the database itself is replaced and never missing: a daemon that starts after a power cut would begin an
            # empty one, and answer everybody again
            for path in own:
                if path != database and path not in secrets:
                    path.unlink(missing_ok=True)
            new.replace(database)
            _sync(database.parent)
        finally:
            _remove(new)
    return moved


def _write(new: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)


def _keep_aside(database: Path, own: Sequence[Path]) -> list[Path]:
    """Give a database and all that belongs to it a second name in a folder beside it; return that folder."""
    if not own:
        return []
    number = 1
    while (folder := database.with_name(f"before-{number}")).exists():
        number += 1
    folder.mkdir(mode=0o750)
    for path in own:
        try:
            (folder / path.name).hardlink_to(path)
        except OSError:  # a file system that knows no second name
            path.replace(folder / path.name)
    _sync(folder)
    return [folder]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def quarantine_restored(db: Database, now: Now) -> str | None:
    """Commit, once, what follows from a backup that was restored; return when it was made, None for another database.

    Answers that waited when it was made are unconfirmed: they may have left since, and count as sent to their number
    from now on. What was not judged yet is not answered, and no request of then is still wanted. A pause of then holds
    again, which nobody may expect: it is an event of its own.
    """
    copied_at = line.maybe_copied_at(db)
    if copied_at is None:
        return None
    with db.transaction():
        waited = [row["id"] for row in db.all(f"SELECT id FROM answers WHERE state IN {states.listed(states.OPEN)}")]
        for answer_id in waited:
            fates.mark_doubtful(db, answer_id, now)
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ? WHERE verdict IS NULL",
            ContactVerdict.SUPPRESS,
            Reason.RESTORED,
        )
        db.execute(
            f"UPDATE requests SET state = ?, ended_at = ? WHERE state IN {states.PENDING}",
            RequestState.EXPIRED,
            now.rfc3339,
        )
        line.save_limit_clock(db, now)
        events.record(
            db,
            now,
            EventKind.RESTORED,
            f"from the backup of {copied_at}; {len(waited)} answers that waited are unconfirmed",
        )
        if pause := line.note_restored(db):
            events.record(db, now, EventKind.PAUSE_RESTORED, f"of {pause.at} by {pause.by}")
    return copied_at


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one copy at a time be made in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system that knows no locks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError(
                    _("Another backup is being made in {folder}.", folder=folder), _("Wait until it ends.")
                ) from None
        yield
    finally:
        os.close(descriptor)


def _remove(database: Path) -> None:
    for path in _files_of(database):
        path.unlink(missing_ok=True)


def _files_of(database: Path) -> list[Path]:
    return [beside(database, ending) for ending in EVERY]


def _copy(source: sqlite3.Connection, new: Path, progress: Progress) -> None:
    """Copy what `source` sees in its transaction, mark the copy as one, and look it through."""
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
        try:
            # `source` keeps one moment in view, so that a daemon that writes never makes the copying begin again
            source.backup(copy, pages=PAGES, progress=lambda _state, left, total: progress(total - left, total))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without another beside it
            _mark(copy, LimitClock(None).now().rfc3339)
        except sqlite3.Error as error:
            trouble = DatabaseTrouble.of(error)
            if trouble.name == DatabaseState.DAMAGED:
                raise trouble.as_error() from error
            words = _("{file} cannot be written: {reason}.", file=new, reason=_(trouble.words))
            raise StoreError(words, _("The copy is made there first: make room."), trouble.name) from error
        if found := next(integrity.damage(copy, full=False, tick=lambda _done, _all: None), None):
            raise StoreError(
                _("The copy is damaged: {found}.", found=found),
                _("`hotlined db check` says whether the database is."),
            )


def _mark(copy: sqlite3.Connection, at: str) -> None:
    copy.execute("INSERT INTO events (at, kind) VALUES (?, ?)", (at, EventKind.BACKUP))
    line.mark_copied(copy, at)


def _finish(path: Path) -> None:
    """Give a file to its group, and bring it to the disk."""
    descriptor = files.open_plain(path, os.O_RDONLY)
    try:
        with contextlib.suppress(PermissionError):  # a stick with FAT knows no rights
            os.fchmod(descriptor, FILE_MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
