"""What a reaction is: a text within a day after an answer was sent to its originator; an answer, not a text by hand.

The listing of texts to be tagged and the figures ask here. Where two answers to a number are a day
apart or less, a text is a reaction to the later one. Whoever asks leaves contacts that are no texts out: figures count
them apart.
"""

from hotlined.states import ContactKind
from hotlined.store.database import Database
from hotlined.store.words_met import HAS_WORDS

REACTION_HOURS = 24


def reaction_ends(sent_at: str) -> str:
    """Return as SQL the last moment at which a text is a reaction to an answer; `sent_at` is SQL too."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {sent_at}, '+{REACTION_HOURS} hours')"


# '~' is after every date: there is no next one
SENT = f"""
  SELECT recipient, text, sent_at AS since, min({reaction_ends("sent_at")},
      ifnull(lead(sent_at) OVER (PARTITION BY recipient ORDER BY sent_at, id), '~')) AS until
  FROM answers"""
"""SQL that selects answers, each with the time in which a text is a reaction to it; texts by hand are left to exclude.

That time is a day, and ends with the next answer to the same number among those that are selected.
"""

IS_WITHIN = f"c.kind = '{ContactKind.TEXT}' AND c.received_at > s.since AND c.received_at <= s.until"
"""The condition on a contact `c` that it is a reaction to an answer `s`, of which `since` and `until` are known."""

# (sent_at, sent_at + 24 h]
IS_REACTION = (
    "EXISTS (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')})"
)
"""The condition on a text `c` of `contacts`: it came later than an answer, and no more than a day later."""


def next_untagged(db: Database, after: int) -> int | None:
    """Return the first reaction without a tag after a contact; None where there is none.

    Texts with a word of alerts.words are left out: people tag them first (`words_met`). The query begins at the
    answers, which are bounded; contacts are not.
    """
    row = db.one(f"SELECT c.id {_REACTIONS} AND c.id > ? ORDER BY c.id LIMIT 1", after)
    return row["id"] if row else None


def newest_untagged(db: Database, before: int | None) -> int | None:
    """Return the newest text without a tag before a contact, for None of all; None where there is none."""
    earlier = "c.id < ?" if before else "?1 IS NULL"
    row = db.one(f"SELECT c.id FROM contacts c WHERE {_UNTAGGED} AND {earlier} ORDER BY c.id DESC LIMIT 1", before)
    return row["id"] if row else None


def count_untagged(db: Database, after: int) -> int:
    """Return how many reactions after a contact have no tag, those with a word of alerts.words aside."""
    return int(db.value(f"SELECT count(DISTINCT c.id) {_REACTIONS} AND c.id > ?", after))


_UNTAGGED = f"c.kind = '{ContactKind.TEXT}' AND c.tags = '[]' AND NOT {HAS_WORDS}"
# CROSS: from the answers to the contacts of their recipients, or SQLite reads every contact
_REACTIONS = (
    f"FROM answers a CROSS JOIN contacts c ON c.originator = a.recipient WHERE a.by_hand IS NULL AND {_UNTAGGED}"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')}"
)
