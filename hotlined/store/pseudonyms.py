"""Finds the rows of a number, under the number or its pseudonyms, and keeps the keys that these are made with.

One key is in use; a line that joined a fleet keeps its former ones behind it, in the same file, and finds people under
all of them. Which keys there are stands in the database, as digests. Where one of them is lost nobody knows who had an
answer or opted out, so nothing is sent until a person decides.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.errors import RefusedError, StoreError, reason_of
from hotlined.language import _
from hotlined.states import HoldReason
from hotlined.store import line
from hotlined.store.database import Database
from hotlined.store.holders import user_name


def names(db: Database, name: str) -> tuple[str, ...]:
    """Return the names that rows of somebody stand under: the name, its pseudonym, and those of former keys."""
    return tuple(dict.fromkeys((name, *(pseudonym.of(key, name) for key in _keys(db).values()))))


def first(found: Sequence[str]) -> str:
    """Return the name that `person` returns, out of those that `names` has found: no pseudonym is made again.

    While the key in use is lost it may be a former pseudonym: nothing is sent then.
    """
    # `names` puts the name first, and the pseudonym under the newest key that is there second
    return found[:2][-1]


def marks(found: Sequence[str]) -> str:
    """Return as many marks for values of SQL as there are names."""
    return ", ".join("?" * len(found))


def person(db: Database, name: str) -> str:
    """Return the pseudonym of a name under the key in use; the name itself where there is none, or it is lost."""
    key = maybe_key(db)
    return pseudonym.of(key, name) if key else name


def teach(db: Database) -> None:
    """Teach SQL the functions `pseudonym_of`, as `person` has it, and `names_of`, a JSON list as `names` has it."""
    db.connection.create_function("pseudonym_of", 1, lambda name: person(db, name))
    db.connection.create_function("names_of", 1, lambda name: json.dumps(names(db, name)))


def is_lost(db: Database) -> bool:
    """Tell whether there are pseudonyms one of whose keys is not beside the database, or may not be read."""
    wanted = line.key_digests_of(db.connection)
    return len(_keys_found(db, wanted)) < len(wanted)


def note_lost(db: Database, now: Now) -> bool:
    """Commit that a key cannot be used, and why, or that all can again; while one cannot, nothing is sent.

    Return whether a key cannot be used and this was not known before.
    """
    lack = _lack(db) if is_lost(db) else None
    if lack == line.key_lack(db):
        return False
    with db.transaction():
        line.note_key_lack(db, lack, now)
    return lack is not None


def lost_in_words(db: Database) -> str:
    """Say in words why this user cannot use a key."""
    if _lack(db) is HoldReason.KEY_DENIED:
        return _("{file} may not be read by {user}", file=db.key_path, user=user_name(os.geteuid()))
    if maybe_key(db):
        return _("{file} lacks a former key", file=db.key_path)
    return _("{file} is missing or another key", file=db.key_path)


def _lack(db: Database) -> HoldReason:
    """Return why this user cannot use a key: it is missing, or may not be read."""
    try:
        pseudonym.keys(db.key_path)
    except PermissionError:
        return HoldReason.KEY_DENIED
    except OSError:
        pass  # a folder in its place, a card that fails: it is not there
    return HoldReason.KEY_LOST


def have_key(db: Database, now: Now) -> bytes:
    """Return the key in use, making it if there are no pseudonyms yet, before the transaction that needs it.

    Raises StoreError where one is lost, or it cannot be made.
    """
    require_keys(db, now)
    if key := maybe_key(db):
        return key
    with db.transaction():
        return maybe_key(db) or adopt_keys(db)


def require_keys(db: Database, now: Now) -> None:
    """Raise StoreError, and record it, if there are pseudonyms one of whose keys is lost."""
    if is_lost(db):
        note_lost(db, now)
        raise StoreError(
            _("{problem}: what is a pseudonym already cannot be told from others.", problem=lost_in_words(db)),
            _("Bring it back from a backup, or decide to go on with another key: `hotlined resume`."),
        )


def adopt_keys(db: Database) -> bytes:
    """Go on with the keys that lie beside the database, inside the transaction that is open; return that in use.

    Where the key in use is not among them, the first that is no former key takes its place, or a new one. A file that
    this user may not read is left where it is: it may be the right one. Raises StoreError.
    """
    wanted = line.key_digests_of(db.connection)
    try:
        lying = {pseudonym.digest(key): key for key in pseudonym.keys(db.key_path)}
        former = [digest for digest in wanted[1:] if digest in lying]
        if wanted and wanted[0] in lying:
            key = lying[wanted[0]]
        elif others := [lying[digest] for digest in lying if digest not in former]:
            key = others[0]
        else:
            key = pseudonym.make_key()
            pseudonym.write_keys(db.key_path, (key, *lying.values()), db.path)
    except OSError as error:
        raise StoreError(
            _("{subject} cannot be used: {reason}.", subject=db.key_path, reason=reason_of(error)),
            _("Its owner decides this: run it as the line's own user, with sudo where it is a service."),
        ) from error
    _bind(db, (key, *(lying[digest] for digest in former)))
    return key


def store_shared(db: Database, key: bytes, now: Now) -> None:
    """Write a key that other lines have, too, before the line's own keys into their file, so that it can be used.

    This key may have been lost before. Raises StoreError where another one is lost, RefusedError where there is no room
    for one more, OSError.
    """
    found = (key, *(each for each in _keys(db).values() if each != key))
    if not {pseudonym.digest(each) for each in found}.issuperset(line.key_digests_of(db.connection)):
        require_keys(db, now)
    if len(found) > pseudonym.MOST_KEYS:
        raise RefusedError(
            _("The line has {number} former keys, and keeps no more.", number=len(found) - 1),
            _("Join with the keys of a fleet that it was in before."),
        )
    lying: tuple[bytes, ...] = ()
    with suppress(OSError):
        lying = pseudonym.keys(db.key_path)
    if found != lying:  # an exchange that runs does not see the file; another in its place it would
        pseudonym.write_keys(db.key_path, found, db.path)


def is_used(db: Database, key: bytes) -> bool:
    """Tell whether pseudonyms are made with this key."""
    return line.key_digests_of(db.connection)[:1] == (pseudonym.digest(key),)


def use_shared(db: Database, key: bytes) -> None:
    """Record that pseudonyms are made with a key that is stored, inside the transaction that is open."""
    _bind(db, (key, *(each for each in _keys(db).values() if each != key)))


def _bind(db: Database, keys: Sequence[bytes]) -> None:
    """Record which keys pseudonyms were made with, that in use first; who is a pseudonym under another is marked so."""
    digests = [pseudonym.digest(key) for key in keys]
    if line.key_digests_of(db.connection)[:1] != tuple(digests[:1]):
        db.execute("UPDATE numbers SET former = 1 WHERE number GLOB ?", pseudonym.GLOB)
    line.bind_keys(db, digests)
    db.keys = dict(zip(digests, keys, strict=True))


def maybe_key(db: Database) -> bytes | None:
    """Return the key that pseudonyms are made with; None where there are none yet, or it is lost."""
    wanted = line.key_digests_of(db.connection)
    return _keys_found(db, wanted).get(wanted[0]) if wanted else None


def _keys(db: Database) -> dict[str, bytes]:
    """Return the keys that pseudonyms were made with, by digest, that in use first, without those that are lost."""
    return _keys_found(db, line.key_digests_of(db.connection))


def _keys_found(db: Database, wanted: Sequence[str]) -> dict[str, bytes]:
    if not db.keys.keys() >= set(wanted):
        with suppress(OSError):  # to this user they are lost
            db.keys |= {pseudonym.digest(key): key for key in pseudonym.keys(db.key_path)}
    return {digest: db.keys[digest] for digest in wanted if digest in db.keys}
