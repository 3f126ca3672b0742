"""How much a line has yet to exchange with the hub of its fleet, its decisions and its answers counted together.

Both are rows with versions, which `fleet` and `fleet_answers` make and take.
"""

from hotlined.store import fleet
from hotlined.store.database import Database

_OWED = "(SELECT 1 FROM fleet_own WHERE sent < version UNION ALL SELECT 1 FROM fleet_answers_own WHERE sent < version)"


def is_owing(db: Database) -> bool:
    """Tell whether the hub lacks a row of this line, or the line has yet to make rows of what it decided."""
    return bool(db.value(f"SELECT EXISTS {_OWED} OR EXISTS (SELECT 1 FROM fleet_line WHERE unclaimed)"))


def count_owed(db: Database) -> int:
    """Return how many rows of this line, each of a person, the hub has not committed."""
    return int(db.value(f"SELECT count(*) FROM {_OWED}"))


def is_recalling(db: Database) -> bool:
    """Tell whether the line has yet to read back rows of its own."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_line WHERE cursor < recall)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers_line WHERE cursor < recall)"
    return bool(db.value(sql))


def is_full(db: Database) -> bool:
    """Tell whether the next rows of other lines may find no room here."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_persons LIMIT 1 OFFSET ?1)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers LIMIT 1 OFFSET ?1)"
    return bool(db.value(sql, fleet.MOST_HELD - fleet.MOST_ROWS))
