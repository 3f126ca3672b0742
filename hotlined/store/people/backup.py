"""Copies a database while its daemon runs, whole or not at all, and knows such a copy when it is restored.

A copy is marked as one in its line's state, which the database that it was made of never is. The daemon that finds the
mark serves a database that has gone back in time: what waited then may have left since, and is not sent by itself.
Known to be wrong: a copy that was made with anything else is not known for what it is.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hotlined import files, migrations, pseudonym, states
from hotlined.clock import LimitClock, Now
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
from hotlined.policy import Reason
from hotlined.states import ContactVerdict, DatabaseState, EventKind, RequestState
from hotlined.store.answers import fates
from hotlined.store.file import integrity
from hotlined.store.file.opening import lock_out_daemons, open_to_read, require_known
from hotlined.store.file.trouble import DatabaseTrouble
from hotlined.store.line import events, line
from hotlined.store.line.database import Database

Progress = Callable[[int, int], None]
"""Called with how many pages are copied, and how many there are."""

_BEFORE = "before-"  # and a number: the folder of what was there
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
            file = stack.enter_context(os.fdopen(files.open_new(new, SECRET_MODE), "rb"))
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


def maybe_key(database: Path, ending: str = KEY) -> bytes | None:
    """Return the key of a database's pseudonyms, or with the ending of that file its fleet's.

    None without one, or where what lies there is the key of another.
    """
    octets = pseudonym.maybe_key(beside(database, ending))
    with open_to_read(database) as source:
        digest = line.key_digests_of(source)[ending == FLEET]
    return octets if octets is not None and digest in (None, pseudonym.digest(octets)) else None


class Placed(NamedTuple):
    """What became of a database: where the one lies that was there, and what that one has had since the other's time.

    `contacts` is None where it cannot be counted, and `decided` has who was blocked or opted out since.
    """

    made_at: str
    aside: Path | None
    contacts: int | None
    decided: tuple["Decided", ...]


class Decided(NamedTuple):
    """A number that is not to be answered, and whether it opted out itself."""

    number: str
    opted_out: bool


def stage(database: Path, pieces: Iterable[bytes], made_at: str | None, secrets: Mapping[str, bytes] | None) -> str:
    """Write a database that is to take the place of another, and its keys, beside it; return when it was made.

    All of it is on the disk before it has its name, marked as a copy; one that is such a copy already needs no
    `made_at`. `secrets` are the keys by what they are called after the database; None leaves those that are there.
    Raises DatabaseInUseError where a daemon has the database, StoreError and DatabaseVersionError for what cannot be
    used, OSError.
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
    """Remove what was staged; nothing where there is none."""
    for folder in (_part(database.resolve()), _staged(database.resolve())):
        if folder.exists():
            shutil.rmtree(folder)


def place(database: Path) -> Placed:
    """Put the database that is staged, and its keys, in the place of those that are there.

    These get a second name in a folder beside them first. Cut off anywhere, and staged and placed once more, it ends
    the same way. Raises DatabaseInUseError where a daemon has the database, StoreError where none is staged, OSError.
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
            made_at = str(line.copied_at_of(copy))
        aside = None
        if real.exists():
            if _copied_at(real) != made_at:  # else it was cut off behind the last step
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
        for ending in (WAL, SHM, JOURNAL):  # of the one that was there; it has them aside
            beside(real, ending).unlink(missing_ok=True)
        # the database itself is replaced and never missing: a daemon that starts after a power cut would begin an
        # empty one, and answer everybody again
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
    """See that a database can be used, mark it as a copy unless it is one, and bring it to the disk."""
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
        copy.execute("PRAGMA trusted_schema = OFF")  # it may be anybody's who knows the recipient
        if found := next(integrity.damage(copy, full=False, tick=lambda _, __: None), None):
            raise StoreError(_("The backup is damaged: {damage}.", damage=found), _("Take another one."))
        require_known(new, copy)
        if not migrations.applied(copy) or (made_at is None and line.copied_at_of(copy) is None):
            raise _no_copy()
        copy.execute("PRAGMA journal_mode = DELETE")  # it was in the middle of its work
        if made_at is not None:
            _mark(copy, made_at)
        marked = str(line.copied_at_of(copy))
    _finish(new)
    return marked


def _no_copy() -> StoreError:
    return StoreError(_("This is no copy of a line's database."), _("Take another one."))


def _copied_at(real: Path) -> str | None:
    """Return when a database was copied that no daemon has opened since; None for any other.

    What still stands in its -wal is brought into it, as far as it is sound: the -wal of another would be taken for its.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(real)) as there:
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return line.copied_at_of(there)
    return None


def _keep_aside(real: Path) -> None:
    """Give a database and all that belongs to it a second name in a folder beside it, unless it has one already."""
    own = [path for ending in (ITSELF, JOURNAL, *KEYS) if (path := beside(real, ending)).exists()]
    if beside(real, WAL).exists() and beside(real, WAL).stat().st_size:  # it is damaged: else all of it is in the file
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
        except OSError:  # a file system that knows no second name
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
    """Return how many contacts a database has from after a moment, and who is not to be answered since then.

    It may be damaged, or of a later version: what cannot be read there is not known.
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
        events.record(db, now, EventKind.RESTORED, detail={"copied_at": copied_at, "answers": len(waited)})
        if pause := line.note_restored(db):
            events.record(db, now, EventKind.PAUSE_RESTORED, detail={"paused_at": pause.at, "paused_by": pause.by})
    return copied_at


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one copy at a time be made in a folder."""
    with files.open_folder(folder) as descriptor:
        with contextlib.suppress(OSError):  # a file system that knows no locks
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
