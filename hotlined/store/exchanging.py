"""How much a line has yet to exchange with the hub of its fleet, rows of decisions and of answers counted together.

`fleet` makes and stores the rows of decisions, `fleet_answers` those of answers.
"""

from hotlined.store import fleet
from hotlined.store.database import Database

_UNSENT = (
    "(SELECT 1 FROM fleet_own WHERE sent < version UNION ALL SELECT 1 FROM fleet_answers_own WHERE sent < version)"
)


def has_unsent_rows(db: Database) -> bool:
    """Tell whether the hub lacks a row of this line, or the line has yet to make rows of what it decided."""
    return bool(db.value(f"SELECT EXISTS {_UNSENT} OR EXISTS (SELECT 1 FROM fleet_line WHERE unclaimed)"))


def count_unsent_rows(db: Database) -> int:
    """Return how many rows of this line, each of a person, the hub has not committed."""
    return int(db.value(f"SELECT count(*) FROM {_UNSENT}"))


def has_own_rows_to_read(db: Database) -> bool:
    """Tell whether the line has yet to read back rows of its own."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_line WHERE cursor < recall)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers_line WHERE cursor < recall)"
    return bool(db.value(sql))


def is_full(db: Database) -> bool:
    """Tell whether the next rows of other lines may find no room here."""
    sql = "SELECT EXISTS (SELECT 1 FROM fleet_persons LIMIT 1 OFFSET ?1)"
    sql += " OR EXISTS (SELECT 1 FROM fleet_answers LIMIT 1 OFFSET ?1)"
    return bool(db.value(sql, fleet.MOST_STORED - fleet.MOST_ROWS))
