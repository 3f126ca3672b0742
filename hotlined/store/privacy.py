"""Erases what is stored of people, by age or one person at once, and shows what is stored.

An age is told by the limit clock, or by the calendar if both now and at its reception that could be trusted: a wrong
clock erases nothing early. What a person keeps, what waits and what is being sent is never touched.
Known to be wrong: what belongs to no contact (a text by hand, a request, a decision) ages by the limit clock alone; a
text of somebody else that mentions a number stays as it is; what events, alerts and requests say of another number
that is masked alike goes with a person's own; a flash card may keep old blocks out of anyone's reach.
"""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hotlined import policy, pseudonym
from hotlined.clock import Now, rfc3339
from hotlined.gsm import tpdu
from hotlined.gsm.address import mask
from hotlined.states import (
    MAY_HAVE_LEFT,
    OPEN,
    PENDING,
    EventKind,
    Refusal,
    RequestState,
    SegmentKind,
    SegmentState,
    listed,
)
from hotlined.store import decisions, events, fates, fleet, fleet_answers, lifecycle, line, log, pseudonyms
from hotlined.store.database import Database

BATCH = 100  # rows a transaction: whoever wants to write beside it waited 0.14 s at most (100,000 contacts, a busy PC)
PAUSE_SECONDS = 0.05  # between two of them: who waits for the database gets it
CHECKPOINT_SECONDS = 30.0
"""How long a rebuild waits for readers, and for the checkpoint of somebody else: a Pi writes 20 MB a second."""
MOST_REBUILDS = 5
"""How often in a row the database is written anew because somebody else erased meanwhile; a later rebuild ends it."""
_SHORTEST = 8  # characters of a number that is looked for where it is only mentioned

_OLD_CONTACT = (
    "(c.received_limit <= :limit OR (c.synchronised AND c.received_at <= :calendar))",
    "c.kept_at IS NULL AND c.verdict IS NOT NULL",
    f"NOT EXISTS (SELECT 1 FROM answers q WHERE q.contact_id = c.id AND q.state IN {listed(OPEN)})",
)
_OLD_BY_HAND = (f"a.contact_id IS NULL AND a.queued_limit <= :limit AND a.state NOT IN {listed(OPEN)}",)
_OLD_REQUEST = (f"r.created_limit <= :limit AND r.state NOT IN {PENDING}",)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One kind of erasure: rows of a source, by `id`, that are `old` and hold what is to be erased (`left`), and how.

    The statements of `erase` know `:id` and the SQL function `pseudonym`; conditions also `:limit`, `:calendar` and
    `:glob`, which fits every pseudonym.
    """

    id: str
    source: str
    old: tuple[str, ...]
    left: str
    erase: tuple[str, ...]

    @property
    def due(self) -> str:
        """The query for what is to be erased, open for one more condition."""
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
    # status reports that belong to no contact's answer
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
"""What is erased after `privacy.keep_texts`: texts, and PDUs, of which the pseudonym stays to know a repeat by."""

# NULL NOT GLOB :glob is NULL, which is not true: a contact without an originator has no number left
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
            INSERT INTO numbers (number, blocked_at, opted_out_at, changed_by, changed_limit)
              SELECT pseudonym(number), blocked_at, opted_out_at, changed_by, changed_limit FROM numbers
              WHERE number = :id
              ON CONFLICT DO UPDATE SET blocked_at = coalesce(blocked_at, excluded.blocked_at),
                opted_out_at = coalesce(opted_out_at, excluded.opted_out_at)
            """,
            "DELETE FROM numbers WHERE number = :id",
        ),
    ),
    Erasure(
        "e.id",
        "events e",
        ("e.at_limit <= :limit",),
        "e.number IS NOT NULL",
        ("UPDATE events SET number = NULL, note = 'a number' WHERE id = :id",),
    ),
)
"""What is replaced after `privacy.keep_numbers`: numbers by their pseudonyms, masked ones by nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of a purge erased: rows that lost a text or PDU, or a number; `left` are still to come."""

    texts: int
    numbers: int
    left: int


def purge(db: Database, keep_texts: timedelta, keep_numbers: timedelta, now: Now) -> Iterator[Batch]:
    """Erase what is old enough, a batch at a time, each in its own transaction.

    A row that somebody has kept, or wants sent again, since it was found is left alone. Raises StoreError if the key of
    the pseudonyms is lost or cannot be made.
    """
    pseudonyms.require_keys(db, now)
    for erasures, keep_for in ((TEXTS, keep_texts), (NUMBERS, keep_numbers)):
        age = _oldest_kept(keep_for, now)
        for erasure in erasures:
            ids = [row[0] for row in db.connection.execute(erasure.due, age).fetchall()]
            if ids:
                know_pseudonyms(db, now)
            for start in range(0, len(ids), BATCH):
                erased = _erase(db, erasure, age, ids[start : start + BATCH])
                left = max(0, len(ids) - start - BATCH)
                yield Batch(erased, 0, left) if erasures is TEXTS else Batch(0, erased, left)


@dataclass(frozen=True, slots=True)
class Stored:
    """How much is stored of one person; `named` are MMS of others that claim its number, `mentions` texts with it."""

    contacts: int
    kept: int
    segments: int
    answers: int
    decided: bool
    opted_out: bool
    requests: int
    named: int
    mentions: int

    @property
    def anything(self) -> bool:
        """Whether anything is stored."""
        return bool(self.contacts or self.segments or self.answers or self.decided or self.requests or self.named)


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of what belongs to one person; `segments` are also those in which only the number stands.

    `named` are contacts of others that claim to be of the person.
    """

    contacts: list[int]
    answers: list[int]
    segments: list[int]
    requests: list[int]
    named: list[int]


def keep(db: Database, contact_id: int, who: str, now: Now) -> bool:
    """Commit that a contact is exempt from erasure by age; return whether there is such a contact."""
    return _keep(db, contact_id, EventKind.KEEP, (now.rfc3339, who), who, now)


def keep_no_more(db: Database, contact_id: int, who: str, now: Now) -> bool:
    """Commit that a contact ages like any other again; return whether there is such a contact."""
    return _keep(db, contact_id, EventKind.UNKEEP, (None, None), who, now)


def stored_of(db: Database, name: str) -> Stored:
    """Count what is stored of a number or name, also under its pseudonym."""
    names = pseudonyms.names(db, name)
    return _count(db, names, find(db, names))


def _count(db: Database, names: tuple[str, ...], found: Found) -> Stored:
    marks = pseudonyms.marks(names)
    kept = db.value(
        "SELECT count(*) FROM contacts WHERE kept_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.contacts),
    )
    mentions = db.value(  # of a name instr() looks for NULL and is NULL: no text counts
        "SELECT count(*) FROM contacts WHERE instr(text, ?) AND id NOT IN (SELECT value FROM json_each(?))",
        names[0] if _is_number(names[0]) else None,
        json.dumps(found.contacts),
    )
    decided = db.the(
        f"SELECT count(*) AS rows, count(opted_out_at) AS opted_out FROM numbers WHERE number IN ({marks})", *names
    )
    return Stored(
        contacts=len(found.contacts),
        kept=kept,
        segments=len(found.segments),
        answers=len(found.answers),
        decided=bool(decided["rows"]),
        opted_out=bool(decided["opted_out"]),
        requests=len(found.requests),
        named=len(found.named),
        mentions=mentions,
    )


def forget(db: Database, name: str, now: Now, *, keep_opt_out: bool, opts_out: Callable[[str], bool]) -> Stored | None:
    """Commit that nothing is stored of a number or name any more, kept or not.

    None, and nothing is done, while a segment to it is being submitted. What is queued for it is cancelled. Segments
    that the windows still count stay, as nobody's; of a text that is still on the SIM a pseudonym stays, to know it by
    when it is read again. With `keep_opt_out` an opt-out stays under the number's pseudonym, also one that was not
    judged yet: `opts_out` tells whether a text is one. In a fleet it always stays, and the other lines are told to
    erase, too. Raises StoreError if the key of the pseudonyms is lost.
    """
    know_pseudonyms(db, now)
    names = pseudonyms.names(db, name)
    with db.transaction():
        found = find(db, names)
        if is_submitting(db, found):
            return None
        keeps = keep_opt_out or fleet.maybe_membership(db) is not None
        if keeps:
            decisions.recognise(db, name)
            note_opt_out(db, name, found, now, opts_out)
        before = _count(db, names, found)
        erase(db, name, found, now, keep_opt_out=keeps)
        fleet.order_erasure(db, name, now)
        events.record(db, now, EventKind.FORGET, "a person was erased")
    return before


def note_opt_out(db: Database, name: str, found: Found, now: Now, opts_out: Callable[[str], bool]) -> None:
    """Record an opt-out that stands in a text which was not judged yet, inside the transaction that is open."""
    rows = db.all(
        "SELECT text FROM contacts WHERE verdict IS NULL AND text IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.contacts),
    )
    if any(opts_out(row["text"]) for row in rows):
        decisions.opt_out(db, name, now)


def is_submitting(db: Database, found: Found) -> bool:
    """Tell whether a segment of an answer is being submitted: nobody knows what becomes of it."""
    return db.connection.execute(_SUBMITTING, {"answers": json.dumps(found.answers)}).fetchone() is not None


def erase(
    db: Database,
    name: str,
    found: Found,
    now: Now,
    *,
    keep_opt_out: bool = False,
    keep_block: bool = False,
    until: float = math.inf,
) -> None:
    """Erase what was found of a number or name, inside the transaction that is open, and what was decided about it.

    What is queued is cancelled; a decision that is kept stands under the pseudonym. What others answered after `until`,
    a reading of the limit clock, stays. `know_pseudonyms` comes before it.
    """
    lists = {column: json.dumps(getattr(found, column)) for column in found.__slots__}
    for (answer_id,) in db.connection.execute(_WAITING, lists).fetchall():
        lifecycle.end(db, answer_id, policy.Reason.PERSON)
    arguments = lists | {
        "month": now.limit - policy.WINDOW_SECONDS["month"],
        "names": json.dumps(pseudonyms.names(db, name)),
        "person": pseudonyms.person(db, name),
        "mention": name if _is_number(name) else None,
        "masked": mask(name) if _is_number(name) else None,
        "keep_opt_out": keep_opt_out,
        "keep_block": keep_block,
        "nobody": pseudonym.NOBODY,
    }
    # in their order: segments and answers are found by ids taken before, and contacts go after what belongs to
    # them, or the ON DELETE CASCADE would take answers along that the windows still have to count
    for statement in _FORGET:
        db.connection.execute(statement, arguments)
    fleet_answers.forget(db, name, until)
    line.request_rebuild(db)


def rebuild(db: Database) -> bool:
    """Write the database anew, so that no page and no WAL holds what was erased; False where one of them still may.

    Deleted content is overwritten at once, but SQLite leaves copies where it moved rows about: of two rows in a
    thousand (tried), and only VACUUM takes them away. Others can read meanwhile and wait with writing; a reader
    whose transaction stays open keeps a copy. Nothing is done where nothing was erased since the last time.
    """
    if not line.needs_rebuild(db):
        return True
    for _time in range(MOST_REBUILDS):
        before = line.erasures(db)
        db.execute("VACUUM")
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while not (done := _checkpoint(db)) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        if not done:
            return False
        with db.transaction():
            line.note_rebuilt(db, before)
            # of what somebody else erased meanwhile the file may hold a copy
            again = line.needs_rebuild(db)
        if not again:
            return True
    return False


def _checkpoint(db: Database) -> bool:
    """Move the whole WAL into the database and cut it off; False while somebody else is at it.

    SQLite does not wait for another checkpoint, as that of the daemon whose commit came right behind the VACUUM.
    """
    row = db.one("PRAGMA wal_checkpoint(TRUNCATE)")
    return row is not None and not row["busy"]


def export(db: Database, name: str) -> dict[str, Any]:
    """Return all that is stored of a number or name, also under its pseudonym, as one object for JSON."""
    names = pseudonyms.names(db, name)
    found = find(db, names)
    decided = db.one(
        "SELECT number, max(blocked_at) AS blocked_at, max(opted_out_at) AS opted_out_at, changed_by FROM numbers"
        # max() makes one row of none: HAVING takes that away again
        f" WHERE number IN ({pseudonyms.marks(names)}) HAVING count(*)",
        *names,
    )
    requests = _dicts(
        db,
        "SELECT id, verb, arguments, who, created_at, state, result, detail FROM requests"
        " WHERE id IN (SELECT value FROM json_each(?))",
        json.dumps(found.requests),
    )
    return {
        "number": name,
        "pseudonym": person if (person := pseudonyms.first(names)) != name else None,
        "contacts": [log.maybe_contact(db, contact_id) for contact_id in found.contacts],
        "decided": dict(decided) if decided else None,
        "named_by": _dicts(
            db,
            "SELECT id, received_at FROM contacts WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            json.dumps(found.named),
        ),
        "by_hand": _dicts(
            db,
            "SELECT id, recipient, state, text, queued_at, sent_at FROM answers WHERE by_hand IS NOT NULL"
            " AND id IN (SELECT value FROM json_each(?))",
            json.dumps(found.answers),
        ),
        "segments": _dicts(
            db,
            "SELECT id, kind, pdu, scts, received_at FROM segments WHERE contact_id IS NULL"
            " AND id IN (SELECT value FROM json_each(?))",
            json.dumps(found.segments),
        ),
        "requests": [row | {"arguments": json.loads(row["arguments"])} for row in requests],
        "events": events.of_person(db, found.contacts, name if _is_masked_alone(db, name) else None),
    }


def _dicts(db: Database, sql: str, *arguments: object) -> list[dict[str, Any]]:
    return [dict(row) for row in db.all(sql, *arguments)]


def _is_masked_alone(db: Database, name: str) -> bool:
    """Tell whether what is masked like a number can be nobody else's that the database knows."""
    return all(
        mask(row["number"]) != mask(name)
        for row in db.all(
            "SELECT originator AS number FROM contacts UNION SELECT other_originator FROM contacts"
            " UNION SELECT recipient FROM answers UNION SELECT number FROM numbers"
        )
        if row["number"] != name
    )


def find(db: Database, names: tuple[str, ...]) -> Found:
    """Find what belongs to a person, under its number or name and its pseudonym."""
    number, marks = names[0] if _is_number(names[0]) else None, pseudonyms.marks(names)
    named = _named(db, number)
    contacts = {row["id"] for row in db.all(f"SELECT id FROM contacts WHERE originator IN ({marks})", *names)}
    # an unreadable text has no originator, but its raw PDU may spell the number
    nobody = db.all("SELECT id FROM contacts WHERE originator IS NULL")
    contacts |= {row["id"] for row in nobody} & set(named.values())
    theirs = json.dumps(sorted(contacts))
    answers = db.all(
        f"SELECT id FROM answers WHERE recipient IN ({marks}) OR contact_id IN (SELECT value FROM json_each(?))",
        *names,
        theirs,
    )
    sent = json.dumps([row["id"] for row in answers])
    segments = _segments(db, theirs, sent) | _reports(db, number)
    segments |= {segment_id for segment_id, contact_id in named.items() if contact_id is None}
    requests = db.all(
        f"SELECT id FROM requests WHERE json_extract(arguments, '$.number') IN ({marks})"
        " OR answer_id IN (SELECT value FROM json_each(?))",
        *names,
        sent,
    )
    named_by = db.all(f"SELECT id FROM contacts WHERE other_originator IN ({marks})", *names)
    return Found(
        sorted(contacts),
        [row["id"] for row in answers],
        sorted(segments),
        [row["id"] for row in requests],
        [row["id"] for row in named_by],
    )


def _named(db: Database, number: str | None) -> dict[int, int | None]:
    """Return every segment whose PDU spells a number, with its contact; none without a number."""
    # of a name instr() looks for NULL and is NULL: no PDU is taken for one that spells it
    sql = "SELECT id, contact_id FROM segments WHERE instr(upper(pdu), ?)"
    rows = db.all(sql, tpdu.address_digits(number[1:]) if number else None)
    return {row["id"]: row["contact_id"] for row in rows}


def _segments(db: Database, contacts: str, answers: str) -> set[int]:
    """Return the segments of contacts, and the reports of answers; both are ids as JSON."""
    rows = db.all(
        "SELECT id FROM segments WHERE contact_id IN (SELECT value FROM json_each(?)) OR answer_segment_id IN"
        " (SELECT p.id FROM answer_segments p JOIN attempts t ON t.id = p.attempt_id"
        " WHERE t.answer_id IN (SELECT value FROM json_each(?)))",
        contacts,
        answers,
    )
    return {row["id"] for row in rows}


def _reports(db: Database, number: str | None) -> set[int]:
    """Return the reports about a number that belong to no answer; none without a number."""
    rows = db.all(
        f"SELECT id, pdu FROM segments WHERE kind = '{SegmentKind.STATUS_REPORT}' AND contact_id IS NULL"
        " AND answer_segment_id IS NULL AND pdu NOT GLOB ?",
        pseudonym.GLOB,
    )
    return {row["id"] for row in rows if number and fates.same_number(_recipient(row["pdu"]), number)}


def _is_number(name: str) -> bool:
    """Tell whether a name is a number of the world, so long that nothing else is spelled like it."""
    return name.startswith("+") and name[1:].isdecimal() and len(name) >= _SHORTEST


def _recipient(pdu: str) -> str:
    message = tpdu.decode(pdu)
    return message.recipient.value if isinstance(message, tpdu.StatusReport) else ""


_MENTIONS = (
    ("events", "who"),
    ("events", "number"),
    ("events", "word"),
    ("events", "note"),
    ("alerts", "title"),
    ("alerts", "text"),
    ("requests", "arguments"),
    ("requests", "result"),
    ("requests", "detail"),
)
_SUBMITTING = f"""
    SELECT 1 FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id WHERE s.state = '{SegmentState.SUBMITTING}'
      AND t.answer_id IN (SELECT value FROM json_each(:answers))
"""
_WAITING = f"SELECT id FROM answers WHERE state IN {listed(OPEN)} AND id IN (SELECT value FROM json_each(:answers))"
_FORGET = (
    # of what is still on the SIM a pseudonym stays: it is known when it is read again, and leaves
    """
    UPDATE segments SET contact_id = NULL, answer_segment_id = NULL, sequence = NULL, problem = NULL, scts = NULL,
      pdu = pseudonym(pdu) WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each(:segments))
    """,
    "DELETE FROM segments WHERE deleted_at IS NOT NULL AND id IN (SELECT value FROM json_each(:segments))",
    f"""
    DELETE FROM answers WHERE id IN (SELECT value FROM json_each(:answers)) AND NOT EXISTS
      (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id WHERE t.answer_id = answers.id
        AND s.state IN {MAY_HAVE_LEFT} AND s.submitted_limit > :month)
    """,
    """
    UPDATE answers SET contact_id = NULL, recipient = :nobody, text = NULL
      WHERE id IN (SELECT value FROM json_each(:answers))
    """,
    """
    UPDATE answer_segments SET pdu = NULL, mr = NULL WHERE attempt_id IN
      (SELECT id FROM attempts WHERE answer_id IN (SELECT value FROM json_each(:answers)))
    """,
    # whose MMS said to be from this person: the address and the PDUs that spell it go
    """
    UPDATE segments SET pdu = pseudonym(pdu) WHERE contact_id IN (SELECT value FROM json_each(:named))
    """,
    "UPDATE contacts SET other_originator = NULL WHERE id IN (SELECT value FROM json_each(:named))",
    # each right side sees the row as it was: `result` is decided by the state before
    f"""
    UPDATE requests SET arguments = '{{}}', answer_id = NULL,
      result = iif(state IN {PENDING}, '{Refusal.FORGOTTEN}', NULL), detail = NULL,
      state = iif(state IN {PENDING}, '{RequestState.REFUSED}', state)
      WHERE id IN (SELECT value FROM json_each(:requests))
    """,
    "DELETE FROM contacts WHERE id IN (SELECT value FROM json_each(:contacts))",
    # of two rows of one person (number, pseudonym) one is made; REPLACE, so that what is not kept of a row that the
    # pseudonym has already goes; max() makes one row of none, which HAVING takes away again
    """
    INSERT OR REPLACE INTO numbers (number, blocked_at, opted_out_at, changed_by, former, changed_limit)
      SELECT :person, iif(:keep_block, max(blocked_at), NULL), iif(:keep_opt_out, max(opted_out_at), NULL),
        changed_by, former AND number = :person, max(changed_limit) FROM numbers
      WHERE number IN (SELECT value FROM json_each(:names))
        AND (:keep_block AND blocked_at IS NOT NULL OR :keep_opt_out AND opted_out_at IS NOT NULL) HAVING count(*)
    """,
    """
    DELETE FROM numbers WHERE number IN (SELECT value FROM json_each(:names))
      AND NOT (number = :person
        AND (:keep_block AND blocked_at IS NOT NULL OR :keep_opt_out AND opted_out_at IS NOT NULL))
    """,
    # of a name both are NULL: instr() is NULL then and no row is touched. Without this condition replace(x, NULL, …)
    # would set every detail of everybody to NULL
    *(
        f"UPDATE {table} SET {column} = replace(replace({column}, :mention, '…'), :masked, '…')"
        f" WHERE instr({column}, :mention) OR instr({column}, :masked)"
        for table, column in _MENTIONS
    ),
)


def _keep(
    db: Database, contact_id: int, kind: EventKind, values: tuple[str | None, str | None], who: str, now: Now
) -> bool:
    with db.transaction():
        cursor = db.execute("UPDATE contacts SET kept_at = ?, kept_by = ? WHERE id = ?", *values, contact_id)
        if not cursor.rowcount:
            return False
        events.record(db, now, kind, contact_id=contact_id, who=who)
    return True


def _oldest_kept(keep: timedelta, now: Now) -> dict[str, Any]:
    """Return up to when something is old, by the limit clock and by the calendar if that can be trusted, and `glob`."""
    calendar = rfc3339(now.utc - keep) if now.synchronised else None
    return {"limit": now.limit - keep.total_seconds(), "calendar": calendar, "glob": pseudonym.GLOB}


def know_pseudonyms(db: Database, now: Now) -> None:
    """Teach SQL the function `pseudonym`; raises StoreError if its key is lost."""
    key = pseudonyms.have_key(db, now)
    db.connection.create_function(
        "pseudonym", 1, lambda name: None if name is None else pseudonym.of(key, name), deterministic=True
    )


def _erase(db: Database, erasure: Erasure, age: Mapping[str, Any], ids: list[Any]) -> int:
    still = f"{erasure.due} AND {erasure.id} IN (SELECT value FROM json_each(:ids))"
    with db.transaction():
        rows: list[sqlite3.Row] = db.connection.execute(still, {**age, "ids": json.dumps(ids)}).fetchall()
        for (row_id,) in rows:
            for statement in erasure.erase:
                db.connection.execute(statement, {"id": row_id})
        line.request_rebuild(db)
    return len(rows)
