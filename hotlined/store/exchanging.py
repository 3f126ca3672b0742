"""What a line has yet to exchange with the hub of its fleet: of what it decides and of whom it answered together.

Both are rows with versions, which `fleet` and `answered` make and take.
"""

from hotlined.store import fleet
from hotlined.store.database import Database

_OWED = "(SELECT 1 FROM fleet_own WHERE sent < version UNION ALL SELECT 1 FROM fleet_answers_own WHERE sent < version)"


def is_owing(db: Database) -> bool:
    """Tell whether this line says something that the hub has not committed, or has yet to say it."""
    return bool(db.value(f"SELECT EXISTS {_OWED} OR EXISTS (SELECT 1 FROM fleet_line WHERE unclaimed)"))


def count_owed(db: Database) -> int:
    """Return how many rows of this line the hub has not committed, each of a person."""
    return int(db.value(f"SELECT count(*) FROM {_OWED}"))


def is_recalling(db: Database) -> bool:
    """Tell whether the line has yet to read back rows of its own."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_line WHERE cursor < recall)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers_line WHERE cursor < recall)"
    return bool(db.value(sql))


def is_full(db: Database) -> bool:
    """Tell whether there may be no room for what others say next."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_persons LIMIT 1 OFFSET ?1)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers LIMIT 1 OFFSET ?1)"
    return bool(db.value(sql, fleet.MOST_HELD - fleet.MOST_ROWS))
