"""Which PINs were tried on which SIM: a PIN that a SIM refused is never tried on it again."""

import os

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.database_files import PINS, beside, write_key
from hotlined.store.line.database import Database


def digest(db: Database, pin: str) -> str:
    """Return what a PIN is noted as: its digest under a secret beside the database, made where there is none.

    A digest alone gives a PIN away: all ten thousand are tried in milliseconds. The secret is for the line's user
    alone, and of backups the sealed ones have it. Where it is lost, each PIN is tried once more. Raises OSError.
    """
    secret = pseudonym.maybe_key(beside(db.path, PINS))
    if secret is None:
        secret = os.urandom(pseudonym.KEY_OCTETS)
        write_key(db.path, PINS, secret)
    import hashlib  # noqa: PLC0415  it loads OpenSSL, 4 MiB: a line whose SIM has no PIN does without

    return hashlib.blake2b(pin.encode(), key=secret, digest_size=32).hexdigest()


def was_refused(db: Database, sim: str, pin: str) -> bool:
    """Tell whether this PIN (as a digest) was tried on this SIM before and not accepted."""
    return bool(db.one("SELECT 1 FROM pin_tries WHERE sim = ? AND pin = ? AND accepted IS NOT 1", sim, pin))


def commit_try(db: Database, sim: str, pin: str, now: Now) -> None:
    """Commit the try of a PIN before it is made."""
    with db.transaction():
        db.execute(
            # `accepted` stays as it was: a PIN that the SIM took once is no refused one while it is tried again
            "INSERT INTO pin_tries (sim, pin, tried_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at",
            sim,
            pin,
            now.rfc3339,
        )


def refuse(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM refused a PIN, be it one that it took before."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 0 WHERE sim = ? AND pin = ?", sim, pin)


def accept(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM took its PIN."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 1 WHERE sim = ? AND pin = ?", sim, pin)
