"""Texts that contain a word of alerts.words: recorded in the transaction that stores the text, by the words in force.

People who tag see them first. At most once an hour an alert covers the new ones. The record is erased with its text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hotlined.machine.clock import Now
from hotlined.states import AlertCondition
from hotlined.store.line.database import Database

PAUSE_SECONDS = 3600.0
"""The least time between two alerts, on the limit clock."""

_FEW = 3  # ids that an alert names at most


@dataclass(frozen=True, slots=True)
class NewTexts:
    """Texts that no alert has named: how many, the ids of the first few, and when the first came, in RFC 3339."""

    count: int
    first_ids: tuple[int, ...]
    since: str


def note(db: Database, contact_id: int, words: Sequence[str]) -> None:
    """Record which words are in a contact's text now, inside the transaction that is open.

    A text that gets a late part may have other words than before, or none any more. The record of a text that an alert
    has named stays.
    """
    if not words:
        db.execute("DELETE FROM words_met WHERE contact_id = ? AND NOT alerted", contact_id)
        return
    db.execute(
        "INSERT INTO words_met (contact_id, words) VALUES (?, ?) ON CONFLICT DO UPDATE SET words = excluded.words",
        contact_id,
        json.dumps(words, ensure_ascii=False),
    )


def maybe_due(db: Database, now: Now) -> NewTexts | None:
    """Return the texts that an alert has to name now; None if there are none, or the last alert was within an hour."""
    rows = db.all(
        "SELECT c.id, c.received_at FROM words_met w JOIN contacts c ON c.id = w.contact_id WHERE NOT w.alerted"
        " ORDER BY w.contact_id LIMIT ?",
        _FEW,
    )
    if not rows:
        return None
    last = db.value("SELECT max(at_limit) FROM alerts WHERE condition = ?", AlertCondition.WORDS)
    if last is not None and now.limit - last < PAUSE_SECONDS:
        return None
    count = db.value("SELECT count(*) FROM words_met WHERE NOT alerted")
    return NewTexts(count, tuple(row["id"] for row in rows), rows[0]["received_at"])


def mark_named(db: Database) -> None:
    """Record that an alert names every text recorded here, inside the transaction that is open."""
    db.execute("UPDATE words_met SET alerted = 1 WHERE NOT alerted")


def of(db: Database, contact_id: int) -> tuple[str, ...]:
    """Return the words of alerts.words in a contact's text, as they were recorded."""
    row = db.one("SELECT words FROM words_met WHERE contact_id = ?", contact_id)
    return tuple(json.loads(row["words"])) if row else ()


HAS_WORDS = "EXISTS (SELECT 1 FROM words_met w WHERE w.contact_id = c.id)"
"""SQL that is true if the text of contact `c` contains a word of alerts.words."""
