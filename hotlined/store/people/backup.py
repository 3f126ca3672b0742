"""Copies a database while its daemon runs, complete or not at all, and recognises such a copy after it was restored.

The state of the line marks a copy as one; the original never has that mark. A daemon that finds the mark serves a
database that went back in time: answers that waited in it may have left since, and are not sent without a person. Known
to be wrong: a copy that another program made has no mark, and is not recognised.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hotlined import migrations, pseudonym, states
from hotlined.database_files import (
    EVERY,
    FILE_MODE,
    FLEET,
    ITSELF,
    JOURNAL,
    KEY,
    KEYS,
    SECRET_MODE,
    SHM,
    WAL,
    beside,
    keys_folder,
    make_keys_folder,
    write_key,
)
from hotlined.errors import RefusedError, StoreError, UsageError
from hotlined.language import _
from hotlined.machine import files
from hotlined.machine.clock import LimitClock, Now
from hotlined.rules.policy import Reason
from hotlined.states import ContactVerdict, DatabaseState, EventKind, RequestState
from hotlined.store.answers import fates
from hotlined.store.file import integrity
from hotlined.store.file.opening import lock_out_daemons, open_to_read, require_known, require_own
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.line import events, line_row
from hotlined.store.line.database import Database

Progress = Callable[[int, int], None]
"""A function that is called with the number of pages copied and the number of all pages."""

_BEFORE = "before-"  # followed by a number: the folder with the database from before a restore
PAGES = 256  # in one step: 1 MiB, some tens of milliseconds on a card


@contextlib.contextmanager
def copied(database: Path, progress: Progress) -> Iterator[BinaryIO]:
    """Copy a database as it is now, check it and mark it as a copy, and give the open file of the copy to read.

    The copy is made beside the database, or among temporary files if the user may only read there. It loses its name
    once it is complete. Raises RefusedError if another copy is being made there, StoreError if the database is damaged
    or the disk is full, OSError.
    """
    own = database.resolve().parent
    with contextlib.ExitStack() as stack:
        if os.access(own, os.W_OK):
            stack.enter_context(_alone_in(own))
        else:
            own = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        new = own / f"{database.name}.copy"
        _remove(new)  # left by a copy that was cut off
        try:
            file = stack.enter_context(os.fdopen(files.open_new(new, SECRET_MODE), "rb"))
            with open_to_read(database) as source:
                _copy(source, new, progress)
        finally:
            _remove(new)
        yield file


def require_another_file(database: Path, target: Path) -> None:
    """Raise UsageError if `target` is one of the database's own files, even a missing one: SQLite would use it."""
    if target.resolve() in _files_of(database.resolve()):
        raise UsageError(
            _("{file} belongs to the database itself.", file=target), _("Name another file, best on another disk.")
        )


def maybe_key(database: Path, ending: str = KEY) -> bytes | None:
    """Return the key of a database's pseudonyms, or its fleet's key with that file ending.

    None if there is none, or if the file has a key that does not belong to the database.
    """
    octets = pseudonym.maybe_key(beside(database, ending))
    with open_to_read(database) as source:
        digest = line_row.key_digests_of(source)[ending == FLEET]
    return octets if octets is not None and digest in (None, pseudonym.digest(octets)) else None


class Placed(NamedTuple):
    """The result of a restore: the time of the backup, the folder with the old database, and what only the old one has.

    `contacts` is the number of its contacts since the backup, None if they cannot be counted; `decided` are the numbers
    that were blocked or opted out since.
    """

    made_at: str
    aside: Path | None
    contacts: int | None
    decided: tuple["Decided", ...]


class Decided(NamedTuple):
    """A number that must not be answered, and whether it opted out itself."""

    number: str
    opted_out: bool


def stage(database: Path, pieces: Iterable[bytes], made_at: str | None, secrets: Mapping[str, bytes] | None) -> str:
    """Write a database and its keys beside the one that it will replace; return when it was made.

    All of it is on the disk, marked as a copy, before it gets its name. A database that is such a copy already needs no
    `made_at`. `secrets` are the keys by the ending of their file; None keeps the present keys. Raises
    DatabaseInUseError if a daemon has the database, StoreError and DatabaseVersionError if it cannot be used, OSError.
    """
    real = database.resolve()
    with lock_out_daemons(database):
        discard(database)
        part = _part(real)
        part.mkdir(mode=0o750)
        try:
            new = part / real.name
            _write(new, pieces)
            try:
                made_at = _as_copy(new, made_at)
            except sqlite3.Error as error:
                raise _no_copy() from error
            for ending in KEYS:
                octets = pseudonym.maybe_key(beside(real, ending)) if secrets is None else secrets.get(ending)
                if octets is not None:
                    write_key(new, ending, octets)
            files.sync(part)
            part.rename(_staged(real))
            files.sync(real.parent)
        except BaseException:
            discard(database)
            raise
    return made_at


def discard(database: Path) -> None:
    """Remove a staged database, if there is one."""
    for folder in (_part(database.resolve()), _staged(database.resolve())):
        if folder.exists():
            shutil.rmtree(folder)


def place(database: Path) -> Placed:
    """Put the staged database and its keys in the place of the present ones.

    The present ones first get a second name in a folder beside them. After an interruption at any point, staging and
    placing again leads to the same end. Raises DatabaseInUseError if a daemon has the database, StoreError if none is
    staged, OSError.
    """
    real = database.resolve()
    staged = _staged(real)
    new = staged / real.name
    if not new.exists():
        raise StoreError(
            _("Nothing is unpacked for {database}.", database=database), _("First: `hotlined-setup restore`.")
        )
    with lock_out_daemons(database):
        with contextlib.closing(sqlite3.connect(new)) as copy:
            made_at = str(line_row.copied_at_of(copy))
        aside = None
        if real.exists():
            if _copied_at(real) != made_at:  # otherwise an interrupted call had already replaced it
                _keep_aside(real)
            aside = _last_aside(real)
        contacts, decided = _since(aside / real.name, made_at) if aside else (0, ())
        for ending in KEYS:
            if beside(new, ending).exists():
                make_keys_folder(real)
                beside(new, ending).replace(beside(real, ending))
            else:
                beside(real, ending).unlink(missing_ok=True)
        if keys_folder(real).exists():
            files.sync(keys_folder(real))
        for ending in (WAL, SHM, JOURNAL):  # of the old database; the needed ones have a name in `aside`
            beside(real, ending).unlink(missing_ok=True)
        # the database itself is replaced, and so never missing: after a power cut, a daemon that finds none would begin
        # an empty one, and answer everybody again
        new.replace(real)
        files.sync(real.parent)
        discard(database)
    return Placed(made_at, aside, contacts, decided)


def _part(real: Path) -> Path:
    return real.with_name(f".{real.name}.part")


def _staged(real: Path) -> Path:
    return real.with_name(f".{real.name}.staged")


def _write(new: Path, pieces: Iterable[bytes]) -> None:
    with os.fdopen(files.open_new(new, FILE_MODE), "wb") as file:
        for piece in pieces:
            file.write(piece)


def _as_copy(new: Path, made_at: str | None) -> str:
    """Check that a database can be used, mark it as a copy unless it is one, and bring it to the disk."""
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
        copy.execute("PRAGMA trusted_schema = OFF")  # anybody who knows the recipient of backups can have written it
        if found := next(integrity.damage(copy, full=False, tick=lambda _, __: None), None):
            raise StoreError(_("The backup is damaged: {damage}.", damage=found), _("Take another one."))
        require_known(new, copy)
        if not migrations.applied(copy) or (made_at is None and line_row.copied_at_of(copy) is None):
            raise _no_copy()
        require_own(new, copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # the backup was read from a database in use, in WAL mode
        if made_at is not None:
            _mark(copy, made_at)
        marked = str(line_row.copied_at_of(copy))
    _finish(new)
    return marked


def _no_copy() -> StoreError:
    return StoreError(_("This is not a copy of a line's database."), _("Take another one."))


def _copied_at(real: Path) -> str | None:
    """Return when a database was copied, if no daemon has opened it since; None if it is no copy.

    Its -wal is first moved into it, as far as that is valid: left there, it would be taken for the -wal of the database
    that is put in its place.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(real)) as there:
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return line_row.copied_at_of(there)
    return None


def _keep_aside(real: Path) -> None:
    """Give a database and its files a second name in a folder beside it, unless it has one already."""
    own = [path for ending in (ITSELF, JOURNAL, *KEYS) if (path := beside(real, ending)).exists()]
    if beside(real, WAL).exists() and beside(real, WAL).stat().st_size:  # only if damaged: else all is in the file
        own.append(beside(real, WAL))
    last = _last_aside(real)
    if last and (last / real.name).exists() and real.samefile(last / real.name):
        return
    part = real.with_name(f".{real.name}.aside")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(mode=0o750)
    for path in own:
        try:
            (part / path.name).hardlink_to(path)
        except OSError:  # a file system without hard links
            shutil.copy2(path, part / path.name)
    files.sync(part)
    part.rename(real.with_name(f"{_BEFORE}{_number(last) + 1}"))
    files.sync(real.parent)


def _last_aside(real: Path) -> Path | None:
    return max((path for path in real.parent.glob(f"{_BEFORE}*") if _number(path)), key=_number, default=None)


def _number(folder: Path | None) -> int:
    digits = folder.name.removeprefix(_BEFORE) if folder else "0"
    return int(digits) if digits.isdecimal() and digits.isascii() else 0


def _since(aside: Path, made_at: str) -> tuple[int | None, tuple[Decided, ...]]:
    """Return how many contacts a database has from after a moment, and the numbers blocked or opted out since.

    It may be damaged, or of a later version: values that cannot be read are left out.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(aside)) as there:
        contacts = there.execute("SELECT count(*) FROM contacts WHERE received_at > ?", (made_at,)).fetchone()[0]
        rows = there.execute(
            "SELECT number, opted_out_at IS NOT NULL FROM numbers WHERE max(ifnull(blocked_at, ''),"
            " ifnull(opted_out_at, '')) > ? ORDER BY number",
            (made_at,),
        )
        return contacts, tuple(Decided(number, bool(opted_out)) for number, opted_out in rows)
    return None, ()


def quarantine_restored(db: Database, now: Now) -> str | None:
    """Commit, once, the consequences of a restored backup; return when it was made, None for any other database.

    Answers that waited in it are unconfirmed: they may have left since, and count as sent to their number from now on.
    Contacts without a verdict are not answered, and open requests expire. A pause in it holds again; as nobody may
    expect that, it is an event of its own.
    """
    row = line_row.row_of(db)
    if row.copied_at is None:
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
        line_row.save_limit_clock(db, now)
        events.record(db, now, EventKind.RESTORED, detail={"copied_at": row.copied_at, "answers": len(waited)})
        line_row.note_restored(db)
        if row.is_paused:
            detail = {"paused_at": row.paused_at, "paused_by": row.paused_by}
            events.record(db, now, EventKind.PAUSE_RESTORED, detail=detail)
    return row.copied_at


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Allow only one copy at a time to be made in a folder."""
    with files.open_folder(folder) as descriptor:
        with contextlib.suppress(OSError):  # a file system without locks
            if not files.lock(descriptor):
                raise RefusedError(
                    _("Another backup is being made in {folder}.", folder=folder), _("Wait until it ends.")
                )
        yield


def _remove(database: Path) -> None:
    for path in _files_of(database):
        path.unlink(missing_ok=True)


def _files_of(database: Path) -> list[Path]:
    return [beside(database, ending) for ending in EVERY]


def _copy(source: sqlite3.Connection, new: Path, progress: Progress) -> None:
    """Copy the database as `source` sees it in its transaction, mark the copy as one, and check it."""
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
        try:
            # the transaction of `source` fixes one moment: otherwise each write of the daemon would start the copying
            # again
            source.backup(copy, pages=PAGES, progress=lambda _state, left, total: progress(total - left, total))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete without another beside it
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
    line_row.mark_copied(copy, at)


def _finish(path: Path) -> None:
    """Make a file readable for its group, and bring it to the disk."""
    descriptor = files.open_plain(path, os.O_RDONLY)
    try:
        with contextlib.suppress(PermissionError):  # a stick with FAT has no access rights
            os.fchmod(descriptor, FILE_MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
