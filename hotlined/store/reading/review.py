"""Defines a reaction, and the texts that wait for a person to tag them: first texts with alert words, then reactions.

A reaction is a text within a day after an answer was sent to its originator; texts by hand do not count as answers. If
two answers to a number are a day apart or less, a text is a reaction to the later one. The figures use the same
definition: a call is never a reaction, and its tags are counted separately.

A text waits only once, even if it is a reaction with an alert word, and only until it is erased or tagged. The newest
comes first. Texts that somebody skipped come last, the one skipped longest ago before the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hotlined.states import ContactKind, EventKind
from hotlined.store.answers import tells
from hotlined.store.answers.tells import Tell
from hotlined.store.answers.words_met import HAS_WORDS
from hotlined.store.line.database import Database

REACTION_HOURS = 24


def reaction_ends(sent_at: str) -> str:
    """Return SQL for the last moment when a text is a reaction to an answer; `sent_at` is SQL, too."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {sent_at}, '+{REACTION_HOURS} hours')"


# '~' is after every date, and means that there is no next answer
SENT = f"""
  SELECT recipient, text, sent_at AS since, min({reaction_ends("sent_at")},
      ifnull(lead(sent_at) OVER (PARTITION BY recipient ORDER BY sent_at, id), '~')) AS until
  FROM answers"""
"""SQL that selects answers, each with the time in which a text is a reaction to it; the caller excludes texts by hand.

That time is a day, and ends early with the next selected answer to the same number.
"""

IS_WITHIN = f"c.kind = '{ContactKind.TEXT}' AND c.received_at > s.since AND c.received_at <= s.until"
"""SQL that is true if contact `c` is a reaction to the answer `s`, which has `since` and `until`."""

# later than sent_at, and at the end of the 24 hours at the latest
IS_REACTION = (
    "EXISTS (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')})"
)
"""SQL that is true if the text of contact `c` came within a day after an answer."""


# ---- the texts that wait


@dataclass(frozen=True, slots=True)
class Waiting:
    """The number of texts that wait for a person: those with a word of alerts.words, and reactions without one.

    `told` are the requests that the admin looks at a contact.
    """

    alert_words: int
    reactions: int
    told: tuple[Tell, ...]


def waiting(db: Database, others: Sequence[str]) -> Waiting:
    """Count the texts that wait for a person; `others` are the people of the desk who are no admins."""
    return Waiting(
        db.value(f"SELECT count(*) {_WORDED}"),
        db.value(f"SELECT count(DISTINCT c.id) {_REACTIONS}"),
        tells.pending(db, others),
    )


def queue(db: Database, *, every: bool = False) -> Iterator[int]:
    """Yield the ids of the texts that wait, in the order in which a person gets them.

    With `every`, all other texts without a tag follow, not only reactions.
    """
    for source in (_WORDED, _ALL if every else _REACTIONS):
        rows = db.rows(f"SELECT DISTINCT c.id {source} AND c.id NOT IN ({_SKIPPED}) ORDER BY c.id DESC")
        yield from (contact_id for (contact_id,) in rows)
    rest = _IS_TEXT if every else f"{_IS_TEXT} AND {IS_REACTION}"
    wanted = f"{_IS_UNREAD} AND ({HAS_WORDS} OR {rest})"
    # CROSS JOIN makes SQLite begin with the few skipped contacts: otherwise it reads every contact
    rows = db.rows(
        f"SELECT c.id FROM ({_LAST_SKIPS}) s CROSS JOIN contacts c ON c.id = s.id WHERE {wanted} ORDER BY at"
    )
    yield from (contact_id for (contact_id,) in rows)


_IS_UNREAD = "c.tags = '[]' AND c.text IS NOT NULL"  # also the subject of an MMS, if it has an alert word
_IS_TEXT = f"c.kind = '{ContactKind.TEXT}'"
_ALL = f"FROM contacts c WHERE {_IS_TEXT} AND {_IS_UNREAD} AND NOT {HAS_WORDS}"
# CROSS JOIN makes SQLite begin with the few texts with alert words: otherwise it reads every contact
_WORDED = f"FROM words_met w CROSS JOIN contacts c ON c.id = w.contact_id WHERE {_IS_UNREAD}"
# CROSS JOIN makes SQLite begin with the answers, which the budgets keep few; contacts may be many more
_REACTIONS = (
    "FROM answers a CROSS JOIN contacts c ON c.originator = a.recipient"
    f" WHERE a.by_hand IS NULL AND {_IS_TEXT} AND {_IS_UNREAD} AND NOT {HAS_WORDS}"
    f" AND a.sent_at < c.received_at AND c.received_at <= {reaction_ends('a.sent_at')}"
)
_LAST_SKIPS = (
    f"SELECT contact_id AS id, max(id) AS at FROM events WHERE kind = '{EventKind.SKIP}' AND contact_id IS NOT NULL"
    " GROUP BY contact_id"
)
_SKIPPED = f"SELECT id FROM ({_LAST_SKIPS})"
