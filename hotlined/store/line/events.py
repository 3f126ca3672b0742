"""The table `events`: how an event is written, and how it is read.

An event is a code, its `kind`, with what it tells in fields beside that, of which `words` makes sentences. Its `detail`
is made of the fields by the database, for people who look there and for programs that know it from before. No code
reads it, nor `note`, which is what a person may want to know of the cause.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hotlined.clock import Now
from hotlined.gsm.address import mask
from hotlined.states import EventKind, StateEvent
from hotlined.store.line.database import Database

_LAST = 5000
_FIELDS = "at, kind, detail, who, number, word FROM events"


class Event(NamedTuple):
    """What alerts want to know of an event; `at` is RFC 3339. The fields are those of `record`."""

    event_id: int
    kind: str
    at: str
    contacts: int | None = None
    seconds: int | None = None
    balance: str | None = None
    contact_id: int | None = None
    who: str | None = None


def record(
    db: Database,
    now: Now,
    kind: EventKind | StateEvent,
    note: str | None = None,
    *,
    contact_id: int | None = None,
    who: str | None = None,
    number: str | None = None,
    word: str | None = None,
    contacts: int | None = None,
    seconds: int | None = None,
    balance: str | None = None,
) -> None:
    """Record that something happened, inside the transaction that is open.

    `who` is the person who did it. It is about `number`, a number or name, which is masked here, or `word`: a tag, or
    the list that somebody looked through. `contacts` is how many a flood brought, in `seconds`.
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
        contacts=contacts,
        seconds=seconds,
        balance=balance,
        note=note or None,
    )


def is_repeated(
    db: Database,
    kind: EventKind,
    after: float,
    *,
    who: str,
    contact_id: int | None = None,
    number: str | None = None,
    word: str | None = None,
) -> bool:
    """Tell whether an event like this one came after a reading of the limit clock."""
    found = db.one(
        # the table only grows, so no more than the latest events are looked through
        f"SELECT 1 FROM events WHERE kind = ? AND id > (SELECT max(id) FROM events) - {_LAST} AND at_limit > ?"
        " AND who = ? AND contact_id IS ? AND number IS ? AND word IS ? LIMIT 1",
        kind,
        after,
        who,
        contact_id,
        None if number is None else mask(number),
        word,
    )
    return found is not None


def news(db: Database, kinds: Iterable[str], after: int) -> list[Event]:
    """Return the events of these kinds that came after the event `after`, oldest first."""
    rows = db.all(
        "SELECT id AS event_id, kind, at, contacts, seconds, balance, contact_id, who FROM events"
        " WHERE id > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id",
        after,
        json.dumps(list(kinds)),
    )
    return [Event(**row) for row in rows]


def of_contact(db: Database, contact_id: int) -> list[sqlite3.Row]:
    """Return the events of a contact: the columns of `ShownEvent`."""
    return db.all(f"SELECT {_FIELDS} WHERE contact_id = ? ORDER BY id", contact_id)


def of_person(db: Database, contact_ids: Sequence[int], number: str | None) -> list[sqlite3.Row]:
    """Return the events of contacts, and those about a number or name: the columns of `ExportedEvent`.

    The number is None where another one is masked alike.
    """
    return db.all(
        f"SELECT id, {_FIELDS} WHERE contact_id IN (SELECT value FROM json_each(?)) OR number = ? ORDER BY id",
        json.dumps(list(contact_ids)),
        None if number is None else mask(number),
    )
