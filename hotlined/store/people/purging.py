"""Erases old rows, a batch at a time: texts first; later numbers, which become pseudonyms.

An age is measured by the limit clock, or by the calendar if that could be trusted both now and at reception: so a wrong
clock erases nothing too early. Kept contacts, waiting answers and answers being sent are never touched. Known to be
wrong: the age of a row without a contact (a text by hand, a request, a decision) is measured by the limit clock alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hotlined import pseudonym
from hotlined.machine.clock import Now, rfc3339
from hotlined.states import OPEN, PENDING, listed
from hotlined.store.line import line_row, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.people import erasing

BATCH = 100  # rows in a transaction: another writer waited 0.14 s at most (100,000 contacts, a busy PC)
PAUSE_SECONDS = 0.05  # between two transactions, so that another writer gets its turn
_OLD_CONTACT = (
    "(c.received_limit <= :limit OR (c.synchronised AND c.received_at <= :calendar))",
    "c.kept_at IS NULL AND c.verdict IS NOT NULL",
    f"NOT EXISTS (SELECT 1 FROM answers q WHERE q.contact_id = c.id AND q.state IN {listed(OPEN)})",
)
_OLD_BY_HAND = (f"a.contact_id IS NULL AND a.queued_limit <= :limit AND a.state NOT IN {listed(OPEN)}",)
_OLD_REQUEST = (f"r.created_limit <= :limit AND r.state NOT IN {PENDING}",)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One kind of erasure: rows of a source, by `id`, that are `old` and still have something to erase (`left`).

    The statements of `erase` can use `:id` and the SQL function `pseudonym`; the conditions also `:limit`, `:calendar`
    and `:glob`, which fits every pseudonym.
    """

    id: str
    source: str
    old: tuple[str, ...]
    left: str
    erase: tuple[str, ...]

    @property
    def due(self) -> str:
        """The query for the rows to erase; one more condition can be added to its end."""
        conditions = " AND ".join((*self.old, f"({self.left})"))
        return f"SELECT {self.id} FROM {self.source} WHERE {conditions}"


TEXTS = (
    Erasure(
        "c.id",
        "contacts c",
        _OLD_CONTACT,
        """
        c.text IS NOT NULL OR c.concatenation IS NOT NULL
        OR EXISTS (SELECT 1 FROM segments s WHERE s.contact_id = c.id AND s.pdu NOT GLOB :glob)
        OR EXISTS (SELECT 1 FROM answers a WHERE a.contact_id = c.id AND a.text IS NOT NULL)
        OR EXISTS (SELECT 1 FROM answers a JOIN attempts t ON t.answer_id = a.id
          JOIN answer_segments p ON p.attempt_id = t.id LEFT JOIN segments s ON s.answer_segment_id = p.id
          WHERE a.contact_id = c.id AND (p.pdu IS NOT NULL OR s.pdu NOT GLOB :glob))
        """,
        (
            "UPDATE contacts SET text = NULL, concatenation = NULL WHERE id = :id",
            "DELETE FROM words_met WHERE contact_id = :id",
            "UPDATE segments SET pdu = pseudonym(pdu) WHERE contact_id = :id",
            """
            UPDATE segments SET pdu = pseudonym(pdu) WHERE answer_segment_id IN
              (SELECT p.id FROM answer_segments p JOIN attempts t ON t.id = p.attempt_id
                JOIN answers a ON a.id = t.answer_id WHERE a.contact_id = :id)
            """,
            """
            UPDATE answer_segments SET pdu = NULL WHERE attempt_id IN
              (SELECT t.id FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE a.contact_id = :id)
            """,
            "UPDATE answers SET text = NULL WHERE contact_id = :id",
        ),
    ),
    # status reports that do not belong to an answer of a contact
    Erasure(
        "s.id",
        """
        segments s LEFT JOIN answer_segments p ON p.id = s.answer_segment_id
          LEFT JOIN attempts t ON t.id = p.attempt_id LEFT JOIN answers a ON a.id = t.answer_id
        """,
        ("s.received_limit <= :limit",),
        "s.contact_id IS NULL AND a.contact_id IS NULL AND s.pdu NOT GLOB :glob",
        ("UPDATE segments SET pdu = pseudonym(pdu) WHERE id = :id",),
    ),
    Erasure(
        "a.id",
        "answers a",
        _OLD_BY_HAND,
        """
        a.text IS NOT NULL
        OR EXISTS (SELECT 1 FROM attempts t JOIN answer_segments p ON p.attempt_id = t.id
          WHERE t.answer_id = a.id AND p.pdu IS NOT NULL)
        """,
        (
            """
            UPDATE answer_segments SET pdu = NULL WHERE attempt_id IN (SELECT id FROM attempts WHERE answer_id = :id)
            """,
            "UPDATE answers SET text = NULL WHERE id = :id",
        ),
    ),
    Erasure(
        "r.id",
        "requests r",
        _OLD_REQUEST,
        "json_extract(r.arguments, '$.text') IS NOT NULL",
        (
            """
            UPDATE requests SET arguments = json_remove(arguments, '$.text'), result = NULL, detail = NULL
              WHERE id = :id
            """,
        ),
    ),
)
"""Erased after `privacy.keep_texts`: texts, and PDUs, whose pseudonym stays to recognise a repeat."""
# NULL NOT GLOB :glob is NULL, which is not true: a contact without an originator has no number left to erase
NUMBERS = (
    Erasure(
        "c.id",
        "contacts c",
        _OLD_CONTACT,
        """
        c.originator NOT GLOB :glob OR c.other_originator NOT GLOB :glob
        OR EXISTS (SELECT 1 FROM answers a WHERE a.contact_id = c.id AND a.recipient NOT GLOB :glob)
        """,
        (
            """
            UPDATE contacts SET originator = pseudonym(originator), other_originator = pseudonym(other_originator)
              WHERE id = :id
            """,
            "UPDATE answers SET recipient = pseudonym(recipient) WHERE contact_id = :id",
        ),
    ),
    Erasure(
        "a.id",
        "answers a",
        _OLD_BY_HAND,
        f"a.recipient <> '{pseudonym.NOBODY}' AND a.recipient NOT GLOB :glob",
        ("UPDATE answers SET recipient = pseudonym(recipient) WHERE id = :id",),
    ),
    Erasure(
        "r.id",
        "requests r",
        _OLD_REQUEST,
        "json_extract(r.arguments, '$.number') NOT GLOB :glob",
        (
            """
            UPDATE requests SET arguments =
              json_set(arguments, '$.number', pseudonym(json_extract(arguments, '$.number'))) WHERE id = :id
            """,
        ),
    ),
    Erasure(
        "n.number",
        "numbers n",
        ("n.changed_limit <= :limit",),
        """
        n.number NOT GLOB :glob AND NOT EXISTS (SELECT 1 FROM contacts WHERE originator = n.number)
        AND NOT EXISTS (SELECT 1 FROM answers WHERE recipient = n.number)
        """,
        (
            """
            INSERT INTO numbers (number, blocked_at, blocked_by, opted_out_at, changed_limit, fleet_pseudonym)
              SELECT pseudonym(number), blocked_at, blocked_by, opted_out_at, changed_limit, fleet_pseudonym_of(number)
              FROM numbers WHERE number = :id
              ON CONFLICT DO UPDATE SET blocked_at = coalesce(blocked_at, excluded.blocked_at),
                blocked_by = coalesce(blocked_by, excluded.blocked_by),
                opted_out_at = coalesce(opted_out_at, excluded.opted_out_at),
                fleet_pseudonym = excluded.fleet_pseudonym
            """,
            "DELETE FROM numbers WHERE number = :id",
        ),
    ),
    Erasure(
        "e.id",
        "events e",
        ("e.at_limit <= :limit",),
        "e.number IS NOT NULL",
        ("UPDATE events SET number = NULL WHERE id = :id",),
    ),
)
"""Replaced after `privacy.keep_numbers`: numbers by their pseudonyms; masked numbers are erased."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of one transaction of a purge: rows that lost a text or PDU, or a number; `left` are still to come."""

    texts: int
    numbers: int
    left: int


def purge(db: Database, keep_texts: timedelta, keep_numbers: timedelta, now: Now) -> Iterator[Batch]:
    """Erase old rows, a batch at a time, each in its own transaction.

    A row is left alone if a person has kept it, or wants it sent again, since it was found. Raises StoreError if the
    key of the pseudonyms is lost or cannot be made.
    """
    pseudonyms.require_key(db, now)
    for erasures, keep_for in ((TEXTS, keep_texts), (NUMBERS, keep_numbers)):
        age = _oldest_kept(keep_for, now)
        for erasure in erasures:
            ids = [row[0] for row in db.all(erasure.due, **age)]
            if ids:
                erasing.know_pseudonyms(db, now)
            for start in range(0, len(ids), BATCH):
                erased = _erase(db, erasure, age, ids[start : start + BATCH])
                left = max(0, len(ids) - start - BATCH)
                yield Batch(erased, 0, left) if erasures is TEXTS else Batch(0, erased, left)


def _oldest_kept(keep: timedelta, now: Now) -> dict[str, Any]:
    """Return the moments before which something is old, on the limit clock and by a trusted calendar, and `glob`."""
    calendar = rfc3339(now.utc - keep) if now.synchronised else None
    return {"limit": now.limit - keep.total_seconds(), "calendar": calendar, "glob": pseudonym.GLOB}


def _erase(db: Database, erasure: Erasure, age: Mapping[str, Any], ids: list[Any]) -> int:
    still = f"{erasure.due} AND {erasure.id} IN (SELECT value FROM json_each(:ids))"
    with db.transaction():
        rows = db.all(still, **age, ids=json.dumps(ids))
        for (row_id,) in rows:
            for statement in erasure.erase:
                db.execute(statement, id=row_id)
        line_row.request_rebuild(db)
    return len(rows)
