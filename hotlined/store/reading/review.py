"""What waits for a person to read and tag: texts with a word of alerts.words, then reactions; each once.

Only a text that can still be read waits. The newest comes first, and what somebody skipped comes last: what was skipped
the longest ago before the rest. Whoever lists or counts what waits asks here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hotlined.states import ContactKind, EventKind
from hotlined.store.answers.words_met import HAS_WORDS
from hotlined.store.line.database import Database
from hotlined.store.reading.reactions import IS_REACTION, reaction_ends


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many texts wait for a person: with a word of alerts.words, and reactions without such a word."""

    alert_words: int
    reactions: int


def waiting(db: Database) -> Waiting:
    """Count what waits for a person."""
    return Waiting(
        db.value(f"SELECT count(*) {_WORDED}"),
        db.value(f"SELECT count(DISTINCT c.id) {_REACTIONS}"),
    )


def queue(db: Database, *, every: bool = False) -> Iterator[int]:
    """Yield the ids of the texts that wait, in the order in which a person gets them.

    With `every` all texts without a tag wait, first contacts too, and not reactions alone.
    """
    for source in (_WORDED, _ALL if every else _REACTIONS):
        rows = db.rows(f"SELECT DISTINCT c.id {source} AND c.id NOT IN ({_SKIPPED}) ORDER BY c.id DESC")
        yield from (contact_id for (contact_id,) in rows)
    wanted = _IS_UNREAD if every else f"{_IS_UNREAD} AND ({HAS_WORDS} OR {IS_REACTION})"
    # CROSS: from the few that were skipped to their contacts, or SQLite reads every contact
    rows = db.rows(
        f"SELECT c.id FROM ({_LAST_SKIPS}) s CROSS JOIN contacts c ON c.id = s.id WHERE {wanted} ORDER BY at"
    )
    yield from (contact_id for (contact_id,) in rows)


_IS_UNREAD = f"c.kind = '{ContactKind.TEXT}' AND c.tags = '[]' AND c.text IS NOT NULL"
_ALL = f"FROM contacts c WHERE {_IS_UNREAD} AND NOT {HAS_WORDS}"
# CROSS: from the few texts with a word to their contacts, or SQLite reads every contact
_WORDED = f"FROM words_met w CROSS JOIN contacts c ON c.id = w.contact_id WHERE {_IS_UNREAD}"
# CROSS: from the answers, which are bounded, to the contacts of their recipients, which are not
_REACTIONS = (
    "FROM answers a CROSS JOIN contacts c ON c.originator = a.recipient"
    f" WHERE a.by_hand IS NULL AND {_IS_UNREAD} AND NOT {HAS_WORDS}"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')}"
)
_LAST_SKIPS = (
    f"SELECT contact_id AS id, max(id) AS at FROM events WHERE kind = '{EventKind.SKIP}' AND contact_id IS NOT NULL"
    " GROUP BY contact_id"
)
_SKIPPED = f"SELECT id FROM ({_LAST_SKIPS})"
