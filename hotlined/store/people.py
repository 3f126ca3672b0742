"""What persons decided about numbers and the line, and what the command line asks of the running daemon.

A decision is a row that the gate reads, so it holds before the next send whether a daemon runs or not. A request is for
what only the daemon can do, because it owns the modem.
"""

import json
from dataclasses import dataclass

from hotlined.clock import Now, boot_id, boottime
from hotlined.store.database import Database

EXPIRES_AFTER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked of the daemon: a verb and its arguments."""

    request_id: int
    verb: str
    arguments: dict[str, str]
    who: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a request is: open, begun, done, refused or expired, and what came of it."""

    state: str
    result: str | None
    answer_id: int | None


def ask(db: Database, verb: str, arguments: dict[str, str], who: str, now: Now) -> int:
    """Commit a request and return its id; one that is not begun in two minutes expires."""
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO requests (verb, arguments, who, created_at, boot_id, expires_boottime, state)"
            " VALUES (?, ?, ?, ?, ?, ?, 'open')",
            verb,
            json.dumps(arguments),
            who,
            now.rfc3339,
            boot_id(),
            boottime() + EXPIRES_AFTER_SECONDS,
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def outcome(db: Database, request_id: int) -> Outcome:
    """Return how far a request is."""
    row = db.one("SELECT state, result, answer_id FROM requests WHERE id = ?", request_id)
    assert row is not None
    return Outcome(**row)


def take(db: Database, now: Now) -> Request | None:
    """Commit the oldest open request as begun and return it; those that expired are marked so."""
    if not db.one("SELECT 1 FROM requests WHERE state = 'open' LIMIT 1"):
        return None
    with db.transaction():
        db.execute(
            "UPDATE requests SET state = 'expired', ended_at = ? WHERE state = 'open'"
            " AND (boot_id IS NOT ? OR expires_boottime < ?)",
            now.rfc3339,
            boot_id(),
            boottime(),
        )
        row = db.one("SELECT id, verb, arguments, who FROM requests WHERE state = 'open' ORDER BY id LIMIT 1")
        if row is None:
            return None
        db.execute("UPDATE requests SET state = 'begun' WHERE id = ?", row["id"])
    return Request(row["id"], row["verb"], json.loads(row["arguments"]), row["who"])


def end(db: Database, request_id: int, state: str, result: str, now: Now) -> None:
    """Commit what came of a request."""
    with db.transaction():
        db.execute(
            "UPDATE requests SET state = ?, result = ?, ended_at = ? WHERE id = ?",
            state,
            result,
            now.rfc3339,
            request_id,
        )


def expire(db: Database, request_id: int, now: Now) -> bool:
    """Withdraw a request that nobody has begun; return whether it could be."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE requests SET state = 'expired', ended_at = ? WHERE id = ? AND state = 'open'",
            now.rfc3339,
            request_id,
        )
    return cursor.rowcount == 1


def pin_tried(db: Database, sim: str, pin: str) -> bool:
    """Tell whether this PIN (as a digest) was tried on this SIM before and not accepted."""
    return bool(db.one("SELECT 1 FROM pin_tries WHERE sim = ? AND pin = ? AND accepted IS NOT 1", sim, pin))


def try_pin(db: Database, sim: str, pin: str, now: Now) -> None:
    """Commit the try of a PIN before it is made."""
    with db.transaction():
        db.execute(
            "INSERT INTO pin_tries (sim, pin, tried_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at, accepted = NULL",
            sim,
            pin,
            now.rfc3339,
        )


def accept_pin(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM took its PIN."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 1 WHERE sim = ? AND pin = ?", sim, pin)
