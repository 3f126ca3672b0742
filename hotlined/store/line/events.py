"""Writes and reads the table `events`.

An event is a code, its `kind`, with values in fields beside it: who did it, about whom or what, and `detail`, further
values by name. `words` makes the sentences; the table has none.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hotlined.gsm.address import mask
from hotlined.machine.clock import Now
from hotlined.states import EventKind, StateEvent
from hotlined.store.line.database import Database

_FIELDS = "at, kind, detail, who, number, word FROM events"


class Event(NamedTuple):
    """The part of an event that alerts need; `at` is RFC 3339, and the other fields are those of `record`."""

    event_id: int
    kind: str
    at: str
    detail: Mapping[str, Any]
    contact_id: int | None = None
    who: str | None = None


def record(
    db: Database,
    now: Now,
    kind: EventKind | StateEvent,
    *,
    contact_id: int | None = None,
    who: str | None = None,
    number: str | None = None,
    word: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Record that something happened, inside the transaction that is open.

    `who` is the person who did it. `number` is the number or name that it is about; it is masked here. `word` is a tag,
    or the name of a list that somebody read. `detail` has further values, as JSON can hold them, and no sentence.
    """
    db.insert(
        "events",
        at=now.rfc3339,
        at_limit=now.limit,
        kind=kind,
        contact_id=contact_id,
        who=who,
        number=None if number is None else mask(number),
        word=word,
        detail=json.dumps(detail, ensure_ascii=False) if detail else None,
    )


def is_begun(db: Database, began: EventKind, ended: EventKind) -> bool:
    """Tell whether the latest event of two kinds is the one that begins what the other one ends."""
    latest = "SELECT max(id) FROM events WHERE kind = ?"
    return bool(db.value(f"SELECT ({latest}) > coalesce(({latest}), 0)", began, ended))


def last_id(db: Database) -> int:
    """Return the id of the last event; 0 before the first."""
    return int(db.value("SELECT coalesce(max(id), 0) FROM events"))


def news(db: Database, kinds: Iterable[str], after: int) -> list[Event]:
    """Return the events of these kinds that came after the event `after`, oldest first."""
    rows = db.all(
        "SELECT id AS event_id, kind, at, detail, contact_id, who FROM events"
        " WHERE id > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id",
        after,
        json.dumps(list(kinds)),
    )
    return [Event(**dict(row) | {"detail": json.loads(row["detail"] or "{}")}) for row in rows]


def of_contact(db: Database, contact_id: int) -> list[dict[str, Any]]:
    """Return the events of a contact: the fields of `ShownEvent`."""
    return _read(db.all(f"SELECT {_FIELDS} WHERE contact_id = ? ORDER BY id", contact_id))


def of_person(db: Database, contact_ids: Sequence[int], number: str | None) -> list[dict[str, Any]]:
    """Return the events of contacts, and those about a number or name: the fields of `ExportedEvent`.

    `number` is None if another number has the same mask.
    """
    rows = db.all(
        f"SELECT id, {_FIELDS} WHERE contact_id IN (SELECT value FROM json_each(?)) OR number = ? ORDER BY id",
        json.dumps(list(contact_ids)),
        None if number is None else mask(number),
    )
    return _read(rows)


def _read(rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    return [dict(row) | {"detail": json.loads(row["detail"] or "null")} for row in rows]


def commit_at_contact(db: Database, contact_id: int, kind: EventKind, who: str, now: Now) -> bool:
    """Commit what a person did about a contact; return whether the contact exists."""
    with db.transaction():
        if not db.one("SELECT 1 FROM contacts WHERE id = ?", contact_id):
            return False
        record(db, now, kind, contact_id=contact_id, who=who)
    return True
