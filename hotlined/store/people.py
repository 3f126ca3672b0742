"""What persons decided about numbers and the line, and what the command line asks of the running daemon.

A decision is a row that the gate reads, so it holds before the next send whether a daemon runs or not. A request is for
what only the daemon can do, because it owns the modem.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from hotlined import files, pseudonym
from hotlined.clock import Now, boot_id, boottime
from hotlined.errors import RefusedError
from hotlined.gsm.address import mask
from hotlined.policy import Reason
from hotlined.states import State
from hotlined.store import lifecycle, pseudonyms
from hotlined.store.database import Database

EXPIRES_AFTER_SECONDS = 120.0
SHADOW, LIVE = "mode_shadow", "mode_live"
"""Events: from then on nothing is transmitted, or everything is again."""


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


def block(db: Database, number: str, who: str, now: Now) -> int:
    """Commit that a number is not answered any more, and cancel what waits for it; return how much that was."""
    with db.transaction():
        _decide(db, "block", number, who, now)
        return lifecycle.end_open(db, pseudonyms.both(db, number), Reason.BLOCKED, by_hand=True)


def unblock(db: Database, number: str, who: str, now: Now) -> None:
    """Commit that a number is treated like any other again; raises StoreError while the pseudonyms' key is lost."""
    pseudonyms.require_key(db, now)
    with db.transaction():
        _decide(db, "unblock", number, who, now)


def opt_in(db: Database, number: str, who: str, now: Now) -> None:
    """Commit that a number that had opted out is answered again; raises StoreError as `unblock` does."""
    pseudonyms.require_key(db, now)
    with db.transaction():
        _decide(db, "optin", number, who, now)


def opt_out(db: Database, number: str, now: Now) -> None:
    """Record that a number wants no more answers, for good, and cancel what waits for it.

    It runs inside the transaction that is open.
    """
    _change(db, "opted_out_at = ?", (now.rfc3339,), number, "its owner", now)
    db.event(now, "optout", mask(number))
    lifecycle.end_open(db, pseudonyms.both(db, number), Reason.OPTED_OUT, by_hand=False)


def pause(db: Database, who: str, now: Now) -> None:
    """Commit that nothing is sent until `resume`; receiving goes on."""
    with db.transaction():
        db.execute("UPDATE line_state SET paused_at = coalesce(paused_at, ?), paused_by = ?", now.rfc3339, who)
        db.event(now, "pause", f"by {who}")


def resume(db: Database, who: str, now: Now) -> bool:
    """Commit that answers go out again; return whether that gave up the pseudonyms, their key being lost.

    From then on the key that lies there, or a new one, is used. Raises RefusedError where the loss was not yet known:
    the next time a person knows what is decided. After a pause the breaker may try an answer.
    """
    if pseudonyms.note_lost(db, now):
        raise RefusedError(
            f"{db.key_path} is missing or another key, and there are pseudonyms that were made with it.",
            "Bring it back from a backup, then `hotlined resume`. Without it the same command goes on with another key,"
            " and whoever is a pseudonym counts as new: its caps, its block, its opt-out are forgotten.",
        )
    lost = pseudonyms.is_lost(db)
    with db.transaction():
        if lost:
            pseudonyms.adopt_key(db)
            db.event(now, "key_new", f"by {who}")
        db.execute(
            "UPDATE line_state SET breaker_called = iif(paused_at IS NULL, breaker_called, 1),"
            " paused_at = NULL, paused_by = NULL"
        )
        db.event(now, "resume", f"by {who}")
    return lost


def note_mode(db: Database, now: Now, *, shadow: bool) -> None:
    """Commit since when the line has been in shadow mode or not, if that is news: a restart is none."""
    last = db.one(f"SELECT kind FROM events WHERE kind IN ('{SHADOW}', '{LIVE}') ORDER BY id DESC LIMIT 1")
    if (last["kind"] == SHADOW if last else False) != shadow:
        with db.transaction():
            db.event(now, SHADOW if shadow else LIVE)


_DECISIONS = {
    "block": "blocked_at = coalesce(blocked_at, ?)",
    "unblock": "blocked_at = NULL",
    "optin": "opted_out_at = NULL",
}


def _decide(db: Database, verb: str, number: str, who: str, now: Now) -> None:
    _change(db, _DECISIONS[verb], (now.rfc3339,) if verb == "block" else (), number, who, now)
    db.event(now, verb, f"{mask(number)} by {who}")


def _change(db: Database, change: str, values: tuple[str, ...], number: str, who: str, now: Now) -> None:
    """Change what is decided about a number, whether it stands there as it is or as its pseudonym."""
    names = pseudonyms.both(db, number)
    db.execute(
        "INSERT INTO numbers (number, changed_by) SELECT ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM numbers WHERE number IN (?, ?))",
        number,
        who,
        *names,
    )
    db.execute(
        f"UPDATE numbers SET {change}, changed_by = ?, changed_limit = ? WHERE number IN (?, ?)",
        *values,
        who,
        now.limit,
        *names,
    )


def tag(db: Database, contact_id: int, word: str, who: str, now: Now) -> bool | None:
    """Commit that a person put a word on a contact; return whether that is news, or None where there is no contact."""
    return _retag(db, "tag", contact_id, word, who, now)


def untag(db: Database, contact_id: int, word: str, who: str, now: Now) -> bool | None:
    """Commit that a person took a word off a contact; return whether it was on it, None where there is no contact."""
    return _retag(db, "untag", contact_id, word, who, now)


def _retag(db: Database, verb: str, contact_id: int, word: str, who: str, now: Now) -> bool | None:
    with db.transaction():
        row = db.one("SELECT tags FROM contacts WHERE id = ?", contact_id)
        if row is None:
            return None
        tags = json.loads(row["tags"])
        wanted = [*(tag for tag in tags if tag != word), *([word] if verb == "tag" else [])]
        if len(wanted) == len(tags):
            return False
        db.execute("UPDATE contacts SET tags = ? WHERE id = ?", json.dumps(wanted, ensure_ascii=False), contact_id)
        db.event(now, verb, f"{word} by {who}", contact_id)
    return True


def note_own_number(db: Database, number: str) -> None:
    """Commit the number that the SIM says is its own, if that is news."""
    if own_number(db) != number:
        with db.transaction():
            db.execute("UPDATE line_state SET own_number = ?", number)


def own_number(db: Database) -> str | None:
    """Return the number that the SIM last said is its own, in E.164."""
    row = db.one("SELECT own_number FROM line_state")
    return row["own_number"] if row else None


def served(db: Database) -> tuple[str, str] | None:
    """Return the IMEI and the IMSI that the line is served with; None before the first."""
    row = db.one("SELECT imei, imsi FROM line_state WHERE imsi IS NOT NULL")
    return (row["imei"], row["imsi"]) if row else None


def serve(db: Database, imei: str, imsi: str) -> None:
    """Record with which stick and SIM the line is served from now on, inside the transaction that is open."""
    db.execute("UPDATE line_state SET imei = ?, imsi = ?", imei, imsi)


def came_back(db: Database, text: str) -> bool:
    """Tell whether a text that was sent to the line itself is among the latest that were received."""
    latest = "SELECT text FROM contacts ORDER BY id DESC LIMIT 1000"  # no modem takes so many while somebody waits
    return db.one(f"SELECT 1 FROM ({latest}) WHERE text = ?", text) is not None


def note_balance(db: Database, balance: str, now: Now, *, low: bool) -> None:
    """Commit a balance that the network told, if that is news: another value, or low for the first time."""
    kind = "balance_low" if low else "balance"
    last = db.one("SELECT kind, detail FROM events WHERE kind IN ('balance', 'balance_low') ORDER BY id DESC LIMIT 1")
    if last is None or (last["kind"], last["detail"]) != (kind, balance):
        with db.transaction():
            db.event(now, kind, balance)


def ask(db: Database, verb: str, arguments: dict[str, str], who: str, now: Now) -> int:
    """Commit a request and return its id; one that is not begun in two minutes expires."""
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO requests (verb, arguments, who, created_at, created_limit, boot_id, expires_boottime, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'open')",
            verb,
            json.dumps(arguments),
            who,
            now.rfc3339,
            now.limit,
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
    """Commit the oldest open request as begun and return it; those that expired, or are none, are marked so."""
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
        for row in db.all("SELECT id, verb, arguments, who FROM requests WHERE state = 'open' ORDER BY id"):
            arguments = _maybe_arguments(row["verb"], row["arguments"])
            if arguments is not None:
                db.execute("UPDATE requests SET state = 'begun' WHERE id = ?", row["id"])
                return Request(row["id"], row["verb"], arguments, row["who"])
            db.execute(
                "UPDATE requests SET state = 'refused', arguments = '{}', result = 'this is no request', ended_at = ?"
                " WHERE id = ?",
                now.rfc3339,
                row["id"],
            )
    return None


_NEEDED = {"send": ("number", "text"), "try": ("number",)}


def _maybe_arguments(verb: str, text: str) -> dict[str, str] | None:
    """Read the arguments of a request; None where another program wrote something else than an object of texts."""
    try:
        arguments = json.loads(text)
    except ValueError:
        return None
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        return None
    return arguments if all(name in arguments for name in _NEEDED.get(verb, ())) else None


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


def await_answer(db: Database, request_id: int, answer_id: int) -> None:
    """Tie a request to the answer that decides it, inside the transaction that is open."""
    db.execute("UPDATE requests SET answer_id = ? WHERE id = ?", answer_id, request_id)


def recover(db: Database, now: Now) -> None:
    """Commit that requests which a crash cut off before they were done were not done."""
    rows = db.all("SELECT id FROM requests WHERE state = 'begun' AND answer_id IS NULL")
    for row in rows:
        end(db, row["id"], "refused", "the daemon stopped before it was done", now)


def settle(db: Database, now: Now) -> int:
    """End the requests whose answer has met its fate; return how many still wait for one."""
    rows = db.all(
        "SELECT r.id, a.state, a.reason FROM requests r JOIN answers a ON a.id = r.answer_id WHERE r.state = 'begun'"
    )
    open_ones = 0
    for row in rows:
        if row["state"] in (State.QUEUED, State.SENDING):
            open_ones += 1
            continue
        done = row["state"] in (State.SENT, State.DELIVERED, State.SHADOWED)
        words = row["state"] if done or not row["reason"] else f"{row['state']}: {row['reason']}"
        end(db, row["id"], "done" if done else "refused", words, now)
    return open_ones


def expire(db: Database, request_id: int, now: Now) -> bool:
    """Withdraw a request that nobody has begun; return whether it could be."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE requests SET state = 'expired', ended_at = ? WHERE id = ? AND state = 'open'",
            now.rfc3339,
            request_id,
        )
    return cursor.rowcount == 1


def pin_digest(db: Database, pin: str) -> str:
    """Return what a PIN is noted as: its digest under a secret beside the database, made where there is none.

    A digest alone gives a PIN away: all ten thousand are tried in milliseconds. The secret is for the line's user
    alone, and no backup has it. Where it is lost, each PIN is tried once more. Raises OSError.
    """
    path = db.path.with_name(db.path.name + ".pins")
    secret = pseudonym.maybe_key(path)
    if secret is None:
        secret = secrets.token_bytes(pseudonym.KEY_OCTETS)
        files.replace(path, secret, 0o600, beside=db.path, durable=True)
    return hashlib.blake2b(pin.encode(), key=secret, digest_size=32).hexdigest()


def pin_tried(db: Database, sim: str, pin: str) -> bool:
    """Tell whether this PIN (as a digest) was tried on this SIM before and not accepted."""
    return bool(db.one("SELECT 1 FROM pin_tries WHERE sim = ? AND pin = ? AND accepted IS NOT 1", sim, pin))


def try_pin(db: Database, sim: str, pin: str, now: Now) -> None:
    """Commit the try of a PIN before it is made."""
    with db.transaction():
        db.execute(
            "INSERT INTO pin_tries (sim, pin, tried_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at",
            sim,
            pin,
            now.rfc3339,
        )


def refuse_pin(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM refused a PIN, be it one that it took before."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 0 WHERE sim = ? AND pin = ?", sim, pin)


def accept_pin(db: Database, sim: str, pin: str) -> None:
    """Commit that a SIM took its PIN."""
    with db.transaction():
        db.execute("UPDATE pin_tries SET accepted = 1 WHERE sim = ? AND pin = ?", sim, pin)
