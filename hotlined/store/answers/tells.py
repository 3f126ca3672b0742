"""Requests of people at the desk that the admin looks at a contact.

A request is pending until an admin decides something about the contact, or says that it was seen; the people of the
desk who are no admins (`others`) end none by what they decide. An alert names the first request of a person at once,
further ones every ten minutes, and at once while an answer to the contact's number waits.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hotlined.machine.clock import Now
from hotlined.states import AnswerState, EventKind
from hotlined.store.line import events
from hotlined.store.line.database import Database

AGAIN_SECONDS = 3600.0  # an hour after a request the same contact may be asked about again
PAUSE_SECONDS = 600.0
"""The least time between two alerts about one person's requests, on the limit clock."""


@dataclass(frozen=True, slots=True)
class Tell:
    """A pending request: the contact, who asked, and when (RFC 3339).

    `waits` is the contact whose answer to the same number waits, which can be cancelled; None if none waits.
    """

    contact_id: int
    who: str
    at: str
    waits: int | None


_WAITS = (
    "(SELECT max(a.contact_id) FROM answers a JOIN contacts c ON c.originator = a.recipient"
    f" WHERE c.id = {{contact}} AND a.state = '{AnswerState.QUEUED}' AND a.contact_id IS NOT NULL)"
)
_PENDING = f"""
  SELECT t.contact_id, t.who, max(t.at) AS at, {_WAITS.format(contact="t.contact_id")} AS waits
  FROM events t WHERE t.kind = '{EventKind.TOLD}' AND t.contact_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM events later WHERE later.contact_id = t.contact_id AND later.id > t.id AND (
      later.kind IN ('{EventKind.SEEN}', '{EventKind.UNKEEP}', '{EventKind.CANCEL}', '{EventKind.REQUEUE}')
      OR later.kind IN ('{EventKind.TAG}', '{EventKind.UNTAG}', '{EventKind.KEEP}')
        AND later.who NOT IN (SELECT value FROM json_each(?)))){{more}}
  GROUP BY t.contact_id ORDER BY max(t.id)"""


def maybe_waits(db: Database, contact_id: int) -> int | None:
    """Return the contact whose answer to the number of a contact waits; None if none does."""
    found: int | None = db.value(f"SELECT {_WAITS.format(contact='?')}", contact_id)
    return found


def pending(db: Database, others: Sequence[str]) -> tuple[Tell, ...]:
    """Return the requests that no admin has answered, oldest first."""
    return tuple(Tell(**dict(row)) for row in db.all(_PENDING.format(more=""), json.dumps(others)))


def tell(db: Database, contact_id: int, who: str, now: Now) -> bool | None:
    """Commit that a person asks the admin to look at a contact; once an hour for each contact.

    Returns whether the request is new, None if there is no such contact.
    """
    if not db.one("SELECT 1 FROM contacts WHERE id = ?", contact_id):
        return None
    latest = "SELECT max(id) FROM events WHERE contact_id = ? AND kind = ? AND at_limit > ?"
    told = db.value(latest, contact_id, EventKind.TOLD, now.limit - AGAIN_SECONDS)
    if told and told > (db.value(latest, contact_id, EventKind.SEEN, 0.0) or 0):
        return False
    with db.transaction():
        events.record(db, now, EventKind.TOLD, contact_id=contact_id, who=who)
    return True


def see(db: Database, contact_id: int, who: str, now: Now) -> bool:
    """Commit that an admin has seen what was asked about a contact; return whether the contact exists."""
    return events.commit_at_contact(db, contact_id, EventKind.SEEN, who, now)


def see_all(db: Database, names: str, who: str, now: Now) -> None:
    """Record that an admin decided about a number, inside the transaction that is open; `names` is JSON."""
    wanted = " AND t.contact_id IN (SELECT id FROM contacts WHERE originator IN (SELECT value FROM json_each(?)))"
    for row in db.all(_PENDING.format(more=wanted), "[]", names):
        events.record(db, now, EventKind.SEEN, contact_id=row["contact_id"], who=who)


def due(db: Database, others: Sequence[str], now: Now) -> Iterator[tuple[Tell, ...]]:
    """Yield the requests that an alert has to name now, those of each person together."""
    unnamed = (
        " AND NOT EXISTS (SELECT 1 FROM events named WHERE named.contact_id = t.contact_id AND named.id > t.id"
        f" AND named.kind = '{EventKind.ALERTED}')"
    )
    found = [Tell(**dict(row)) for row in db.all(_PENDING.format(more=unnamed), json.dumps(others))]
    for who in dict.fromkeys(each.who for each in found):
        asked = tuple(each for each in found if each.who == who)
        last = "SELECT max(at_limit) FROM events WHERE kind = ? AND who = ?"
        named = db.value(last, EventKind.ALERTED, who)
        if named is None or now.limit - named >= PAUSE_SECONDS or any(each.waits for each in asked):
            yield asked


def mark_named(db: Database, tells: Sequence[Tell], now: Now) -> None:
    """Record that an alert names these requests, inside the transaction that is open."""
    for each in tells:
        events.record(db, now, EventKind.ALERTED, contact_id=each.contact_id, who=each.who)
