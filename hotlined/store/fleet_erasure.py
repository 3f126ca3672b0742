"""Carries out on this line what other lines of the fleet decided and ordered: blocks, opt-outs and erasures.

An order of erasure names a person by its pseudonym alone. The names of that person here are found by making the
pseudonym of every name in the database. What came after the order stays. What may be evidence stays, too, until a
person at this line decides about it: whoever has the keys of one line must not be able to erase it at all others.
Known to be wrong: a contact that came while the clock was not synchronised is as old as the time that the machine was
on since. One from before a power cut may so count as later than the order, and stay.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from hotlined.clock import Now, parse_rfc3339
from hotlined.states import THREAT, EventKind
from hotlined.store import decisions, erasing, events, pseudonyms, stored
from hotlined.store.database import Database
from hotlined.store.fleet import ErasureOrder, Followed
from hotlined.store.stored import PersonRows
from hotlined.store.words_met import HAS_WORDS

_NAMES = """
SELECT originator AS name FROM contacts UNION SELECT other_originator FROM contacts UNION SELECT recipient FROM answers
  UNION SELECT number FROM numbers UNION SELECT json_extract(arguments, '$.number') FROM requests
  UNION SELECT person FROM fleet_answers
"""
# An order of another line spares contacts that a person exempted from erasure (kept_at), threats, and texts with a word
# of alerts.words. An order of this line itself, which its database had lost, was given by a person here: it spares only
# what was exempted after it. If the moment of the order is unknown, :at is NULL: then ifnull() spares all exempt ones.
_IS_EVIDENCE = f"""
iif(:own, kept_at IS NOT NULL AND ifnull(kept_at > :at, 1),
  kept_at IS NOT NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = '{THREAT}') OR {HAS_WORDS})
"""
# The age of a contact goes by the calendar if both clocks were synchronised, else by the limit clock. If the moment of
# the order is unknown, :limit is infinite: every contact counts as older than the order.
_CONTACTS = f"""
SELECT id, {_IS_EVIDENCE} AS evidence FROM contacts c WHERE id IN (SELECT value FROM json_each(:ids))
  AND iif(synchronised AND :at IS NOT NULL, received_at <= :at, received_limit <= :limit)
"""
# what belongs to no contact has its age by the limit clock alone
_ERASABLE = {
    "contacts": _CONTACTS,
    "named": _CONTACTS,
    "answers": """
        SELECT id FROM answers WHERE id IN (SELECT value FROM json_each(:ids))
          AND iif(contact_id IS NULL, queued_limit <= :limit, contact_id IN (SELECT value FROM json_each(:contacts)))
    """,
    "segments": """
        SELECT s.id FROM segments s LEFT JOIN answer_segments p ON p.id = s.answer_segment_id
          LEFT JOIN attempts t ON t.id = p.attempt_id WHERE s.id IN (SELECT value FROM json_each(:ids))
          AND CASE WHEN s.contact_id IS NOT NULL THEN s.contact_id IN (SELECT value FROM json_each(:contacts))
            WHEN t.answer_id IS NOT NULL THEN t.answer_id IN (SELECT value FROM json_each(:answers))
            ELSE s.received_limit <= :limit END
    """,
    "requests": """
        SELECT id FROM requests WHERE id IN (SELECT value FROM json_each(:ids))
          AND iif(answer_id IS NULL, created_limit <= :limit, answer_id IN (SELECT value FROM json_each(:answers)))
    """,
}


class LocalConsequences:
    """Carries out the consequences of rows on this line: decisions that it follows, persons that it erases."""

    def __init__(self, db: Database, now: Now, opts_out: Callable[[str], bool]) -> None:
        self._db = db
        self._now = now
        self._opts_out = opts_out
        self._names: dict[str, list[str]] = {}
        """The names of each person, looked up once: a name that is stored later came after the order."""

    def names(self, persons: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return for persons the names under which this line has rows of them; raises StoreError without the key."""
        unknown = set(persons) - self._names.keys()
        if not unknown:
            return self._names
        erasing.know_pseudonyms(self._db, self._now)
        found = defaultdict(list)
        sql = f"SELECT name, pseudonym(name) AS person FROM ({_NAMES}) WHERE person IN (SELECT value FROM json_each(?))"
        for row in self._db.all(sql, json.dumps(list(unknown))):
            found[row["person"]].append(row["name"])
        # a person who is stored under a number and under its pseudonym is found by the number
        for person in unknown:
            self._names[person] = [name for name in found[person] if name != person] or found[person]
        return self._names

    def follow(self, followed: Sequence[Followed]) -> None:
        """Record the decisions that hold here from now on, or no longer."""
        decisions.follow(self._db, followed, self._now)

    def maybe_erasure(self, names: Sequence[str]) -> Callable[[ErasureOrder], None] | None:
        """Return what erases the person of these names, given an order; None while an answer to it is being sent."""
        found = {name: stored.find(self._db, pseudonyms.names(self._db, name)) for name in names}
        if any(erasing.is_submitting(self._db, each) for each in found.values()):
            return None
        return partial(self._erase, found)

    def _erase(self, found: Mapping[str, PersonRows], order: ErasureOrder) -> None:
        """Erase what was found of a person up to the order, but for contacts that may be evidence, which are noted."""
        until = self._limit(order.at)
        for name, all_found in found.items():
            erasable = self._spare_evidence(all_found, order)
            erasing.note_opt_out(self._db, name, erasable, self._now, self._opts_out)
            erasing.erase(self._db, name, erasable, self._now, keep_opt_out=True, keep_block=True, until=until)
        kind = EventKind.FORGET if order.own else EventKind.FORGET_ELSEWHERE
        events.record(self._db, self._now, kind, line=order.line)

    def _spare_evidence(self, found: PersonRows, order: ErasureOrder) -> PersonRows:
        """Note contacts that may be evidence as kept; return what else of a person came no later than the order."""
        arguments = {"at": order.at, "own": order.own, "limit": self._limit(order.at)}
        erasable: dict[str, list[int]] = {}
        for what, sql in _ERASABLE.items():
            ids = {"ids": json.dumps(getattr(found, what))}
            rows = self._db.connection.execute(sql, arguments | ids).fetchall()
            if sql == _CONTACTS:
                kept = [row["id"] for row in rows if row["evidence"]]
                self._db.execute("INSERT OR IGNORE INTO fleet_kept SELECT value FROM json_each(?)", json.dumps(kept))
                rows = [row for row in rows if not row["evidence"]]
            erasable[what] = [row["id"] for row in rows]
            arguments[what] = json.dumps(erasable[what])
        return PersonRows(**erasable)

    def _limit(self, at: str | None) -> float:
        """Return the reading of the limit clock when the order was given; infinite if clock or moment is unsure."""
        if at is None or not self._now.synchronised:
            return float("inf")
        return self._now.limit - (self._now.utc - parse_rfc3339(at)).total_seconds()
