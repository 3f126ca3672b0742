"""Decisions of other lines of the fleet: who is refused there, by the lists that `store.fleet` takes in.

A line without a fleet asks its database nothing of this: it has no fleet's key, and the look for that file is all. Rows
under the line's own name are its own decisions that a restore had lost, and the hub still had.
"""

import json
from dataclasses import dataclass
from enum import IntFlag

from hotlined import pseudonym
from hotlined.database_files import FLEET, beside
from hotlined.rules import policy
from hotlined.rules.policy import Reason
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database


class Kinds(IntFlag):
    """The decisions that a list has of a person: one kind, or both."""

    OPTED_OUT = 1
    BLOCKED = 2


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The decisions of another line about a person."""

    line: str
    opted_out: bool
    blocked: bool


def is_member(db: Database) -> bool:
    """Tell whether the line is in a fleet, at the price of a look for a file."""
    return beside(db.path, FLEET).exists()


def person(db: Database, name: str) -> str | None:
    """Return the fleet's pseudonym of a number, a name or an own pseudonym; None if it has none."""
    if not is_member(db):
        return None
    if pseudonym.is_one(name):
        row = db.one("SELECT fleet_pseudonym FROM numbers WHERE number = ?", name)
        return row["fleet_pseudonym"] if row else None
    key = pseudonyms.maybe_fleet_key(db)
    return pseudonym.of(key, name) if key else None


def of(db: Database, name: str) -> list[Elsewhere]:
    """Return what other lines have decided about a number or name."""
    return [
        Elsewhere(line, bool(kinds & Kinds.OPTED_OUT), bool(kinds & Kinds.BLOCKED))
        for line, kinds, is_own in _rows(db, name)
        if not is_own
    ]


def _rows(db: Database, name: str) -> list[tuple[str, int, bool]]:
    met = person(db, name)
    if met is None:
        return []
    sql = "SELECT r.line, r.kinds, r.line = f.line FROM fleet_refused r, fleet f WHERE r.person = ? ORDER BY r.line"
    return [(line, kinds, bool(is_own)) for line, kinds, is_own in db.all(sql, met)]


def together(db: Database, known: policy.History, name: str, other: str | None) -> policy.History:
    """Return the history of a number together with what other lines have decided about it or its second address."""
    rows = _rows(db, name) + (_rows(db, other) if other else [])

    def lines(kind: Kinds, *, here: bool) -> tuple[str, ...] | None:
        found = [row for row in rows if row[1] & kind]
        is_own = here or any(own for _line, _kinds, own in found)
        return () if is_own else tuple(dict.fromkeys(line for line, _kinds, _own in found)) or None

    blocked, opted_out = lines(Kinds.BLOCKED, here=known.blocked), lines(Kinds.OPTED_OUT, here=known.opted_out)
    return known._replace(
        blocked=blocked is not None,
        opted_out=opted_out is not None,
        elsewhere={Reason.BLOCKED: blocked or (), Reason.OPTED_OUT: opted_out or ()},
    )


def lines_of(history: policy.History, reason: Reason) -> str | None:
    """Return the lines whose decision is the reason, as a contact's row has them; None if there are none."""
    lines = history.elsewhere.get(reason)
    return json.dumps(lines) if lines else None


def note_number(db: Database, name: str) -> None:
    """Note the fleet's pseudonym of a number that came, if it is only stored under the line's own pseudonym.

    It runs inside the transaction that is open.
    """
    if met := person(db, name):
        own = pseudonyms.names(db, name)[1]
        sql = "UPDATE numbers SET fleet_pseudonym = ? WHERE number = ? AND number <> ? AND fleet_pseudonym IS NULL"
        db.execute(sql, met, own, name)


def lift(db: Database, name: str, kind: Kinds) -> bool:
    """Lift a decision of this line that only its list at the hub had; tell whether there was one.

    It runs inside the transaction that is open.
    """
    met = person(db, name)
    own = "person = ? AND line = (SELECT line FROM fleet)"
    if met is None or not db.one(f"SELECT 1 FROM fleet_refused WHERE {own} AND kinds & ?", met, kind):
        return False
    db.execute(f"DELETE FROM fleet_refused WHERE {own} AND kinds = ?", met, kind)
    db.execute(f"UPDATE fleet_refused SET kinds = kinds & ~? WHERE {own}", kind, met)
    return True
