"""Remembers the PINs that were tried on each SIM, so that a PIN that a SIM refused is never tried on it again."""

import os

from hotlined import pseudonym
from hotlined.database_files import PINS, beside, write_key
from hotlined.machine.clock import Now
from hotlined.store.line.database import Database


def digest(db: Database, pin: str) -> str:
    """Return the digest of a PIN under a secret beside the database; makes the secret if there is none.

    A digest without a secret would give the PIN away: all ten thousand PINs are tried in milliseconds. Only the line's
    user can read the secret, and of the backups only the sealed ones contain it. If it is lost, each PIN is tried once
    more. Raises OSError.
    """
    secret = pseudonym.maybe_key(beside(db.path, PINS))
    if secret is None:
        secret = os.urandom(pseudonym.KEY_OCTETS)
        write_key(db.path, PINS, secret)
    import hashlib  # noqa: PLC0415  it loads OpenSSL, 4 MiB: a line whose SIM has no PIN does without

    return hashlib.blake2b(pin.encode(), key=secret, digest_size=32).hexdigest()


def was_refused(db: Database, sim: str, pin: str) -> bool:
    """Tell whether this PIN (as a digest) was tried on this SIM and not accepted."""
    return bool(db.one("SELECT 1 FROM pin_tries WHERE sim = ? AND pin = ? AND accepted IS NOT 1", sim, pin))


def commit_try(db: Database, sim: str, pin: str, now: Now) -> None:
    """Commit the try of a PIN, before it is made."""
    with db.transaction():
        db.execute(
            # `accepted` is left as it was: a PIN that the SIM accepted once does not become a refused one during
            # another try
            "INSERT INTO pin_tries (sim, pin, tried_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at",
            sim,
            pin,
            now.rfc3339,
        )


def refuse(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM refused a PIN, even one that it accepted before."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 0 WHERE sim = ? AND pin = ?", sim, pin)


def accept(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM accepted its PIN."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 1 WHERE sim = ? AND pin = ?", sim, pin)
