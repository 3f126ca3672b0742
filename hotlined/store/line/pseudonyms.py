"""Finds the rows of a number, under the number or its pseudonym, and keeps the key that pseudonyms are made with.

Which key that is stands in the database, as a digest. Where the key is lost nobody knows who had an answer or opted
out, so nothing is sent until a person decides.
"""

import os
from contextlib import suppress

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.database_files import KEY, write_key
from hotlined.errors import StoreError, reason_of
from hotlined.language import _
from hotlined.peer import user_name
from hotlined.states import HoldReason
from hotlined.store.line import line
from hotlined.store.line.database import Database


def names(db: Database, name: str) -> tuple[str, str]:
    """Return the two names that rows of somebody stand under: the name, and its pseudonym.

    The second one is the name again where there are no pseudonyms yet, or their key is lost.
    """
    key = _maybe_key(db)
    return name, pseudonym.of(key, name) if key else name


def teach(db: Database) -> None:
    """Teach SQL the function `pseudonym_of`, which returns the second of the `names` of somebody."""
    db.connection.create_function("pseudonym_of", 1, lambda name: names(db, name)[1])


def is_lost(db: Database) -> bool:
    """Tell whether there are pseudonyms whose key is not beside the database, or may not be read."""
    return line.key_digest_of(db.connection) is not None and _maybe_key(db) is None


def maybe_lack(db: Database) -> HoldReason | None:
    """Return why the key cannot be used now, None where it can, or where there are no pseudonyms."""
    return _lack(db) if is_lost(db) else None


def lost_in_words(db: Database) -> str:
    """Say in words why this user cannot use the key."""
    if _lack(db) is HoldReason.KEY_DENIED:
        return _("{file} may not be read by {user}", file=db.key_path, user=user_name(os.geteuid()))
    return _("{file} is missing or another key", file=db.key_path)


def _lack(db: Database) -> HoldReason:
    """Return why this user cannot use the key: it is missing, or may not be read."""
    try:
        pseudonym.maybe_key(db.key_path)
    except PermissionError:
        return HoldReason.KEY_DENIED
    except OSError:
        pass  # a folder in its place, a card that fails: it is not there
    return HoldReason.KEY_LOST


def have_key(db: Database, now: Now) -> bytes:
    """Return the key, making it if there are no pseudonyms yet, before the transaction that needs it.

    Raises StoreError where it is lost, or cannot be made.
    """
    require_key(db, now)
    if key := _maybe_key(db):
        return key
    with db.transaction():
        return _maybe_key(db) or adopt_key(db)


def require_key(db: Database, now: Now) -> None:
    """Raise StoreError, and record it, if there are pseudonyms whose key is lost."""
    if lack := maybe_lack(db):
        if lack != line.key_lack(db):
            with db.transaction():
                line.note_key_lack(db, lack, now)
        raise StoreError(
            _("{problem}: what is a pseudonym already cannot be told from others.", problem=lost_in_words(db)),
            _("Bring it back from a backup, or decide to go on with another key: `hotlined resume`."),
        )


def adopt_key(db: Database) -> bytes:
    """Go on with the key that lies beside the database, or make one, inside the transaction that is open; return it.

    A file that this user may not read is left where it is: it may be the right one. Raises StoreError.
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
    line.bind_key(db, pseudonym.digest(key))
    db.key = key
    return key


def _maybe_key(db: Database) -> bytes | None:
    """Return the key that pseudonyms are made with; None where there are none yet, or it is lost."""
    wanted = line.key_digest_of(db.connection)
    return _key_of(db, wanted) if wanted else None


def _key_of(db: Database, wanted: str) -> bytes | None:
    """Return the key with a digest; None where it is lost."""
    if db.key is None or pseudonym.digest(db.key) != wanted:
        with suppress(OSError):  # to this user it is lost
            db.key = pseudonym.maybe_key(db.key_path)
    return db.key if db.key and pseudonym.digest(db.key) == wanted else None
