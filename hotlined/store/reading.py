"""Serves the command line: contacts and what became of them, the queue, the line's own state. It writes nothing.

Rows are handed on one by one, so that a hundred thousand contacts need no more memory than fifty. A search is a
scan in Python: SQLite folds the case of ASCII alone, and a full-text index would keep deleted words in its pages.
"""

import json
import sqlite3
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from hotlined import policy
from hotlined.clock import Now, rfc3339
from hotlined.store.database import Database

FOLLOWED = 1000  # the contacts whose changes are looked for: an hour of a flood, and little to compare each second


WITHHELD = "withheld"  # what is said for the originator of a call or text that hides it


class Kind(StrEnum):
    """What a contact is."""

    TEXT = "text"
    CALL = "call"
    MMS = "mms"
    DATA = "data"
    SERVICE = "service"
    UNREADABLE = "unreadable"


class Verdict(StrEnum):
    """What was decided on a contact."""

    ANSWER = "answer"
    SUPPRESS = "suppress"


class State(StrEnum):
    """How far an answer is."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SHADOWED = "shadowed"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts are meant: those that fit everything that is set; one of several values will do.

    `since` is the first moment of `received_at` that fits, `until` the first that does not. A reason is the verdict's
    or the one for which its answer was cancelled. `originator` is exact; `name` puts the case of ASCII aside, and
    finds those without an originator as `WITHHELD`. `search` puts case and accents aside.
    """

    since: datetime | None = None
    until: datetime | None = None
    originator: str | None = None
    name: str | None = None
    kinds: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    tag: str | None = None
    search: str | None = None
    first_id: int | None = None


_CONDITIONS = {
    "since": "received_at >= :since",
    "until": "received_at < :until",
    "originator": "originator = :originator",
    "name": "(originator = :name COLLATE NOCASE"
    f" OR (lower(:name) = '{WITHHELD}' AND originator IS NULL AND kind <> '{Kind.UNREADABLE}'))",
    "kinds": "kind IN (SELECT value FROM json_each(:kinds))",
    "verdicts": "verdict IN (SELECT value FROM json_each(:verdicts))",
    "reasons": "EXISTS (SELECT 1 FROM json_each(:reasons) WHERE value = reason"
    " OR (answer_state = 'cancelled' AND value = answer_reason))",
    "states": "answer_state IN (SELECT value FROM json_each(:states))",
    "tag": "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)",
    "first_id": "id >= :first_id",
}


def columns(db: Database) -> tuple[str, ...]:
    """Name the columns of the view `log`."""
    return tuple(column for column, *_ in db.execute("SELECT * FROM log LIMIT 0").description)


def rows(db: Database, where: Filter, limit: int = 0) -> Generator[sqlite3.Row, None, None]:
    """Yield rows of the view `log`, oldest first: the newest `limit` that fit, or all for 0.

    Who does not take them all closes it before the database.
    """
    if limit:
        yield from reversed(list(islice(_matching(db, where, "id DESC"), limit)))
    else:
        yield from _matching(db, where, "id")


def log(db: Database, where: Filter, limit: int = 0) -> Iterator[dict[str, Any]]:
    """Yield contacts as `log --json` has them, oldest first: the newest `limit` that fit, or all for 0."""
    return map(entry, rows(db, where, limit))


def changes(db: Database, where: Filter, seen: dict[int, int]) -> Iterator[sqlite3.Row]:
    """Yield the rows that are new or have changed since they were noted in `seen`, and note them.

    `seen` keeps the newest `FOLLOWED` contacts; changes of older ones go unnoticed.
    """
    for row in rows(db, replace(where, first_id=min(seen, default=None))):
        mark = fingerprint(row)
        if seen.get(row["id"]) != mark:
            seen[row["id"]] = mark
            yield row
    for contact_id in sorted(seen)[:-FOLLOWED]:
        del seen[contact_id]


def fingerprint(row: sqlite3.Row) -> int:
    """Return a number that differs for a row that has changed."""
    return hash(tuple(row))


def entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row of the view `log` as the object of `log --json`."""
    contact = {name: row[name] for name in ("id", "line", "kind", "originator", "text")}
    contact["segments"] = {"received": row["segments_received"], "total": row["segments_total"]}
    contact |= {name: row[name] for name in ("scts", "received_at", "repeats")}
    contact["tags"] = json.loads(row["tags"])
    contact |= {name: row[name] for name in ("verdict", "reason")}
    answer = {name: row[f"answer_{name}"] for name in _ANSWER}
    return contact | {"answer": None if answer["id"] is None else answer}


_ANSWER = (
    "id", "state", "reason", "text", "encoding", "segments", "segments_sent", "waiting_for",
    "queued_at", "due_at", "sent_at", "reported_at",
)  # fmt: skip


def maybe_contact(db: Database, contact_id: int) -> dict[str, Any] | None:
    """Return one contact as `show --json` has it, or None: the object of the log, with every segment as a part."""
    row = db.one("SELECT * FROM log WHERE id = ?", contact_id)
    if row is None:
        return None
    contact = entry(row)
    parts = db.all(
        "SELECT id, kind, sequence, pdu, tpdu_length, problem, repeat, storage, storage_index, scts, received_at,"
        " deleted_at FROM segments WHERE contact_id = ? ORDER BY id",
        contact_id,
    )
    contact["parts"] = [dict(part) | {"repeat": bool(part["repeat"])} for part in parts]
    if contact["answer"]:
        sent = db.all(
            "SELECT id, sequence, current, state, pdu, tpdu_length, mr, cause, submitted_at, sent_at, report_status,"
            " reported_at, discharged_at FROM answer_segments WHERE answer_id = ? ORDER BY id",
            contact["answer"]["id"],
        )
        contact["answer"]["parts"] = [dict(part) | {"current": bool(part["current"])} for part in sent]
    return contact


def queue(db: Database) -> dict[str, int]:
    """Count the answers that are queued, sending and unconfirmed."""
    counted = dict(
        db.execute(
            "SELECT state, count(*) FROM answers WHERE state IN ('queued', 'sending') GROUP BY state"
            " UNION ALL SELECT state, count(*) FROM answers WHERE state = 'unconfirmed' GROUP BY state"
        )
    )
    return {state.value: counted.get(state, 0) for state in (State.QUEUED, State.SENDING, State.UNCONFIRMED)}


def paused(db: Database) -> bool:
    """Tell whether a person has paused the line."""
    row = db.one("SELECT paused_at FROM line_state")
    return bool(row and row["paused_at"])


def room_at(
    db: Database, window: str, segments: int, limits: policy.Limits, now: Now, *, returning: bool, shadow: bool
) -> float | None:
    """Return the limit time from which a window holds so many more segments if nothing else is let out; None: never.

    `returning` asks for an answer to a number that was answered before, which the reserve is not for.
    """
    limit: int = getattr(limits.segments, window)
    seconds = policy.WINDOW_SECONDS[window]
    shares = {0: limit} | ({1: limit - policy.reserve(limit, limits)} if returning else {})
    if segments > min(shares.values()):
        return None
    in_the_way = (
        db.one(
            "SELECT counted_limit FROM answer_segments WHERE counted_limit > ? AND shadow <= ? AND answered_before >= ?"
            " ORDER BY counted_limit DESC LIMIT 1 OFFSET ?",
            now.limit - seconds,
            int(shadow),
            answered_before,
            share - segments,
        )
        for answered_before, share in shares.items()
    )
    return max([now.limit, *(float(row["counted_limit"]) + seconds for row in in_the_way if row)])


def fold(text: str) -> str:
    """Put case and accents aside."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _matching(db: Database, where: Filter, order: str) -> Iterator[sqlite3.Row]:
    arguments = {name: argument for name in _CONDITIONS if (argument := _argument(getattr(where, name))) is not None}
    conditions = " AND ".join(map(_CONDITIONS.__getitem__, arguments)) or "1"
    sql = f"SELECT * FROM log WHERE {conditions} ORDER BY {order}"  # noqa: S608  fixed words; values are parameters
    found: Iterable[sqlite3.Row] = db.connection.execute(sql, arguments)
    if where.search:
        needle = fold(where.search)
        found = (row for row in found if needle in fold(row["text"] or ""))
    yield from found


def _argument(value: datetime | tuple[str, ...] | str | int | None) -> str | int | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return value
