"""The people who contacted the line or about whom somebody decided, with counts of contacts, answers and segments."""

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from hotlined.forms import Time
from hotlined.gsm.address import UNKNOWN_COUNTRY, Address, Identity, LineType, Ton, identify
from hotlined.pseudonym import NOBODY
from hotlined.rules import policy
from hotlined.states import OCCUPIES, ContactKind
from hotlined.store.line.database import Database


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A number or a name that contacted the line, with counts; all who withhold their number are one row.

    `first_at` and `last_at` are the times of its first and last contact, `last_id` is the id of the last. These three
    are null if there is a decision about the number, but no contact.
    """

    number: str | None
    """Null for all who withhold their number."""
    contacts: int
    first_at: Time | None
    last_at: Time | None
    last_id: int | None
    answers: int
    segments: int
    blocked: bool
    opted_out: bool
    blocked_at: Time | None
    """The time of a block by a person; null if only the configuration blocks it."""
    blocked_by: str | None
    opted_out_at: Time | None


class Order(StrEnum):
    """The orders of a list of correspondents."""

    LAST = "last"
    CONTACTS = "contacts"
    FIRST = "first"


_ORDERS = {
    Order.LAST: "last_at DESC, last_id DESC",
    Order.CONTACTS: "contacts DESC, last_at DESC, last_id DESC",
    Order.FIRST: "first_at DESC, last_id DESC",
}


def correspondents(
    db: Database, order: Order, limit: int, *, among: int = 0, only: tuple[str, ...] | None = None
) -> list[Correspondent]:
    """Return at most `limit` correspondents (0: all): those at the top of an order, the top one last.

    So the top one is nearest to the prompt of a terminal.
    With `among`, only the originators of the newest `among` contacts are returned (0: of all contacts); with `only`,
    only these numbers.
    """
    chosen = "1"
    if only is not None:
        chosen = "originator IN (SELECT value FROM json_each(:only))"
    elif among:
        chosen = f"originator IN ({_NEWEST})"
    rows = db.rows(
        _CORRESPONDENTS.format(chosen=chosen, order=_ORDERS[order], counting=OCCUPIES, nobody=NOBODY),
        limit=limit or -1,  # to SQLite, a negative LIMIT is no limit
        among=among,
        only=None if only is None else json.dumps(only),
    )
    found = [
        Correspondent(**dict(row) | {"blocked": bool(row["blocked"]), "opted_out": bool(row["opted_out"])})
        for row in rows
    ]
    return found[::-1]


def refused(db: Database, *, blocked: bool, opted_out: bool) -> list[str]:
    """Return the numbers and names that a person has blocked, if `blocked`, and that opted out, if `opted_out`."""
    rows = db.rows(
        "SELECT number FROM numbers WHERE (blocked_at IS NOT NULL AND ?) OR (opted_out_at IS NOT NULL AND ?)",
        blocked,
        opted_out,
    )
    return [name for (name,) in rows]


_COUNTED = """
count(*) AS contacts, min(received_at) AS first_at, max(received_at) AS last_at, max(id) AS last_id FROM contacts
"""
# the originators of the newest contacts; withheld numbers are not among them
_NEWEST = """
SELECT originator FROM
  (SELECT originator FROM contacts WHERE originator IS NOT NULL ORDER BY id DESC LIMIT :among)
"""
# an answer counts as soon as its first segment may leave, even if it has not left yet: the limits count it then, too
_CORRESPONDENTS = f"""
WITH
  known AS MATERIALIZED (
    SELECT originator AS number, {_COUNTED}
    WHERE originator IS NOT NULL AND {{chosen}} GROUP BY originator
    UNION ALL
    SELECT NULL, {_COUNTED}
    WHERE originator IS NULL AND kind <> '{ContactKind.UNREADABLE}' AND :only IS NULL HAVING count(*) > 0
    UNION ALL
    SELECT number, 0, NULL, NULL, 0 FROM numbers
    WHERE (blocked_at IS NOT NULL OR opted_out_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM contacts WHERE originator = number)
    UNION ALL
    SELECT DISTINCT recipient, 0, NULL, NULL, 0 FROM answers
    WHERE by_hand IS NOT NULL AND recipient <> '{{nobody}}'
      AND NOT EXISTS (SELECT 1 FROM contacts WHERE originator = recipient)
      AND NOT EXISTS (SELECT 1 FROM numbers WHERE number = recipient
        AND (blocked_at IS NOT NULL OR opted_out_at IS NOT NULL))
  ),
  -- each answer with those of its segments that the limits count; a text by hand costs segments, but is not an answer
  let_out AS (
    SELECT a.recipient, a.by_hand, count(*) AS segments
    FROM answers a JOIN attempts t ON t.answer_id = a.id JOIN answer_segments s ON s.attempt_id = t.id
    WHERE a.recipient IN (SELECT number FROM known)
      AND s.state IN {{counting}} GROUP BY a.id
  ),
  answered AS (
    SELECT recipient, count(*) FILTER (WHERE by_hand IS NULL) AS answers, sum(segments) AS segments
    FROM let_out GROUP BY recipient
  )
SELECT k.number, k.contacts, k.first_at, k.last_at, nullif(k.last_id, 0) AS last_id,
  coalesce(a.answers, 0) AS answers,
  coalesce(a.segments, 0) AS segments, n.blocked_at IS NOT NULL AS blocked, n.opted_out_at IS NOT NULL AS opted_out,
  n.blocked_at, n.blocked_by, n.opted_out_at
FROM known k LEFT JOIN answered a ON a.recipient = k.number LEFT JOIN numbers n ON n.number = k.number
WHERE :only IS NULL OR k.number IN (SELECT value FROM json_each(:only))
ORDER BY {{order}} LIMIT :limit
"""


def maybe_identity(db: Database, originator: str) -> Identity | None:
    """Return the identity of an originator, spelled as in the database; None if it never contacted the line.

    A name or a short code that announced the MMS of another number counts as having contacted the line, too.
    """
    row = db.one(
        "SELECT country, line_type FROM contacts WHERE originator = ? ORDER BY id DESC LIMIT 1",
        originator,
    )
    if row:
        return identity_of(row, originator)
    if originator.startswith("+") or not db.one("SELECT 1 FROM contacts WHERE other_originator = ?", originator):
        return None
    line_type = LineType.SHORT_CODE if originator.isdecimal() else LineType.ALPHANUMERIC
    return Identity(originator, None, None, line_type)


def unbelieved_centres(db: Database, believed: tuple[str, ...], limit: int) -> list[tuple[str, int]]:
    """Return the names that announced a number's MMS in the last 30 days and were not believed, with counts of MMS.

    Anybody can send under a name, so an announcement is believed only if its name is in `believed`, or if it is a short
    code. Names with the most MMS come first.
    """
    rows = db.all(
        f"SELECT originator, count(*) AS announced FROM contacts WHERE other_originator GLOB '+*'"
        f" AND kind = '{ContactKind.MMS}' AND line_type = '{LineType.ALPHANUMERIC}' AND received_limit > ?"
        " AND originator NOT IN (SELECT value FROM json_each(?)) GROUP BY originator ORDER BY 2 DESC, 1 LIMIT ?",
        db.now().limit - policy.WINDOW_SECONDS["month"],
        json.dumps(believed),
        limit,
    )
    return [tuple(row) for row in rows]


def identity_of(row: sqlite3.Row, originator: str | None) -> Identity:
    """Return the identity of the originator of a row of `contacts`, or of `answers` joined with `contacts`."""
    return Identity(
        originator=originator,
        e164=originator if row["country"] else None,
        country=row["country"],
        line_type=LineType(row["line_type"] or LineType.MOBILE),
    )


def names(db: Database) -> list[str]:
    """Return every originator, and every number with a decision about it; the shell completes them."""
    rows = db.rows("SELECT originator FROM contacts WHERE originator IS NOT NULL UNION SELECT number FROM numbers")
    return [name for (name,) in rows]


def country_of(db: Database, answer_id: int) -> str | None:
    """Return the country of an answer's recipient; None if the number belongs to none."""
    return country_in(
        db.the(
            "SELECT a.recipient, a.contact_id, c.country FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id"
            " WHERE a.id = ?",
            answer_id,
        )
    )


def country_in(row: sqlite3.Row) -> str | None:
    """Return the country of an answer's recipient; the row is one of `answers` joined with `contacts`."""
    if row["contact_id"] is not None:
        country: str | None = row["country"]
        return country
    return identify(Address(row["recipient"][1:], Ton.INTERNATIONAL), UNKNOWN_COUNTRY).country
