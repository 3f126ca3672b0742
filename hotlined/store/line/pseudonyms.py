"""Finds the rows of a number, under the number or its pseudonym, and keeps the key that pseudonyms are made with.

The database has a digest of that key, to recognise it. While the key is lost nobody knows who had an answer or opted
out, so nothing is sent until a person decides. A line in a fleet has the fleet's key, too: under it all lines have the
same pseudonym for a number.
"""

import os
from contextlib import suppress
from pathlib import Path

from hotlined import pseudonym
from hotlined.database_files import FLEET, KEY, beside, write_key
from hotlined.errors import StoreError, reason_of
from hotlined.language import _
from hotlined.machine.clock import Now
from hotlined.machine.peer import user_name
from hotlined.states import EventKind, HoldReason, ModemState, modem_event
from hotlined.store.line import events, line_row
from hotlined.store.line.database import Database


def names(db: Database, name: str) -> tuple[str, str]:
    """Return the two names that rows of a number or name are stored under: itself, and its pseudonym.

    The second is the same as the first if there are no pseudonyms yet, or if their key is lost.
    """
    return name, _second(db, name, line_row.key_digests_of(db.connection)[0])


def both(name: str) -> str:
    """Return SQL for a list of the two `names` of a value; `name` is SQL for the value."""
    return f"({name}, pseudonym_of({name}, {line_row.KEY_DIGEST}))"


IS_KEY_LOST = f"is_key_lost({line_row.KEY_DIGEST}, {line_row.FLEET_KEY_DIGEST})"
"""SQL that is true if a key is lost."""


def teach(db: Database) -> None:
    """Define the SQL functions of `both` and `IS_KEY_LOST`; they take the digests of the keys that they need."""
    db.connection.create_function("pseudonym_of", 2, lambda name, wanted: _second(db, name, wanted))
    db.connection.create_function("is_key_lost", 2, lambda *wanted: _lacking(db, wanted) is not None)


def _second(db: Database, name: str, wanted: str | None) -> str:
    key = _key_of(db, KEY, wanted) if wanted and name else None
    return pseudonym.of(key, name) if key else name


def is_lost(db: Database) -> bool:
    """Tell whether there are pseudonyms whose key is missing beside the database, or unreadable to this user."""
    return _lost(db) is not None


def is_fleet_key_lost(db: Database) -> bool:
    """Tell whether the fleet's key is lost and the line's own is not."""
    return _lost(db) == FLEET


def _lost(db: Database) -> str | None:
    """Return the file ending of a key that is lost, the line's own first; None if neither is."""
    return _lacking(db, line_row.key_digests_of(db.connection))


def _lacking(db: Database, digests: tuple[str | None, ...]) -> str | None:
    wanted = zip((KEY, FLEET), digests, strict=True)
    return next((ending for ending, digest in wanted if digest and not _key_of(db, ending, digest)), None)


def maybe_lack(db: Database) -> HoldReason | None:
    """Return why a key cannot be used now; None if all keys can, or if there are no pseudonyms."""
    lost = _lost(db)
    return _lack(db, lost) if lost else None


def lacking_file(db: Database) -> Path:
    """Return the path of the key that cannot be used, or of the line's own key if all can be used."""
    return beside(db.path, _lost(db) or KEY)


def lost_in_words(db: Database) -> str:
    """Return a sentence on why this user cannot use the key."""
    file = lacking_file(db)
    if maybe_lack(db) is HoldReason.KEY_DENIED:
        return _("{file} may not be read by {user}", file=file, user=user_name(os.geteuid()))
    return _("{file} is missing or another key", file=file)


def _lack(db: Database, ending: str) -> HoldReason:
    """Return why this user cannot use a key: it is missing, or this user may not read it."""
    try:
        pseudonym.maybe_key(beside(db.path, ending))
    except PermissionError:
        return HoldReason.KEY_DENIED
    except OSError:
        pass  # a folder in its place, or a card that fails: as good as missing
    return HoldReason.KEY_LOST


def have_key(db: Database, now: Now) -> bytes:
    """Return the key; make it first if there are no pseudonyms yet. Called before the transaction that needs the key.

    Raises StoreError if it is lost or cannot be made.
    """
    require_key(db, now)
    if key := _maybe_key(db):
        return key
    with db.transaction():
        return _maybe_key(db) or adopt_key(db)


def pause_beside_old_key(db: Database, now: Now) -> None:
    """Pause a database that was made anew beside the key of another one, inside the transaction that is open.

    Nobody knows who has opted out or is blocked, and what is spent. Before its daemon starts for the first time, a
    database has made no key: one that is there is of another.
    """
    own, _fleet = line_row.key_digests_of(db.connection)
    started = db.one("SELECT 1 FROM events WHERE kind = ?", modem_event(ModemState.STARTING))
    if own is None and started is None and db.key_path.exists():
        line_row.note_pause(db, None, now)
        events.record(db, now, EventKind.PAUSE)


def require_key(db: Database, now: Now) -> None:
    """Raise StoreError, and record it, if there are pseudonyms whose key is lost."""
    if lack := maybe_lack(db):
        if lack != line_row.row_of(db).key_lack:
            with db.transaction():
                line_row.note_key_lack(db, lack, lacking_file(db).name, now)
        raise StoreError(
            _("{problem}: numbers that are pseudonyms already cannot be recognised.", problem=lost_in_words(db)),
            _("Bring it back from a backup, or decide to go on without it: `hotlined resume`."),
        )


def adopt_key(db: Database) -> bytes:
    """Go on with the key that is beside the database, or make one, inside the transaction that is open; return it.

    A file that this user may not read is left alone: it may be the right key. Raises StoreError.
    """
    key = make_key(db)
    line_row.bind_key(db, pseudonym.digest(key))
    db.keys[KEY] = key
    return key


def make_key(db: Database) -> bytes:
    """Return the key that is beside the database, or make one: it shows later that there was a database.

    It is bound to the database with the first pseudonym: a line without any need not load OpenSSL. Raises StoreError.
    """
    try:
        key = pseudonym.maybe_key(db.key_path)
        if key is None:
            key = os.urandom(pseudonym.KEY_OCTETS)
            write_key(db.path, KEY, key)
    except OSError as error:
        raise StoreError(
            _("{subject} cannot be used: {reason}.", subject=db.key_path, reason=reason_of(error)),
            _("Its owner decides this: run it as the line's own user, with sudo where it is a service."),
        ) from error
    return key


def have_fleet_key(db: Database, key: bytes) -> None:
    """Write the key of a fleet beside the database. Raises OSError."""
    write_key(db.path, FLEET, key)
    db.keys[FLEET] = key


def maybe_fleet_key(db: Database) -> bytes | None:
    """Return the key of the line's fleet; None if the line is in no fleet, or the key is lost."""
    _own, wanted = line_row.key_digests_of(db.connection)
    return _key_of(db, FLEET, wanted) if wanted else None


def _maybe_key(db: Database) -> bytes | None:
    """Return the key that pseudonyms are made with; None if there are no pseudonyms yet, or it is lost."""
    wanted, _fleet = line_row.key_digests_of(db.connection)
    return _key_of(db, KEY, wanted) if wanted else None


def _key_of(db: Database, ending: str, wanted: str) -> bytes | None:
    """Return the key that has this digest, from its file; None if it is lost."""
    key = db.keys.get(ending)
    if key is None or pseudonym.digest(key) != wanted:
        with suppress(OSError):  # a key that this user cannot read is lost to this user
            key = pseudonym.maybe_key(beside(db.path, ending))
    if key is None or pseudonym.digest(key) != wanted:
        return None
    db.keys[ending] = key
    return key
