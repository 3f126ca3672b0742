"""Erases a person at once, kept or not: all rows under the person's number or name, and mentions in other rows.

Deleting rows is the easy part. The dangers, and the order that avoids them:

1. The key of the pseudonyms is read or made first, before the transaction. The rows that stay of a person have the
   pseudonym (an opt-out, a text that is still on the SIM). Under another key they would be a stranger's.
2. While a segment to the person is being submitted, nothing is done, and the caller asks again. Otherwise the result
   would find no answer, and nobody would know what was spent.
3. Waiting answers are ended before anything is deleted, so that nothing leaves to a person who is no longer stored.
4. Spent segments stay spent: those that the windows still count lose their number and text, and stay without a person.
   If they were deleted, a person could make room in the windows by asking to be erased.
5. All ids are looked up before the first deletion, because each deletion removes rows by which the next would be found.
   Contacts are deleted last: the cascade would otherwise delete answers that still count.
6. A text that is still on the SIM keeps the pseudonym of its PDU: so it is recognised when it is read again, and is
   deleted from the SIM. Otherwise it would be recorded as a new text of an erased person.

All of that is one transaction. After it the person is gone from every row, but not from the file. SQLite overwrites
deleted content, but has left copies where it moved rows earlier, and the -wal has older pages. So the same transaction
also notes that a rebuild is due (`line.request_rebuild` increments a count): a crash after it cannot lose that.
`rebuild` then rewrites the file (VACUUM), moves the whole -wal into it and truncates the -wal, and records the count
that it read *before it began*. If another process erased something meanwhile, the count is higher, and the file is
rewritten again. A reader with an open transaction keeps old pages in the -wal: then the command fails, names the
reader, and says to try again.

Known to be wrong: a text of somebody else that mentions a number stays as it is; mentions of another number with the
same mask in events, alerts and requests are erased, too. A flash card may keep old blocks where nobody can erase them.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace

from hotlined import pseudonym
from hotlined.gsm.address import mask
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.states import MAY_HAVE_LEFT, OPEN, PENDING, EventKind, Refusal, RequestState, SegmentState, listed
from hotlined.store.answers import decisions, lifecycle
from hotlined.store.line import elsewhere, events, line_row, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.elsewhere import Kinds
from hotlined.store.people import stored
from hotlined.store.people.stored import PersonRows, StoredCounts

CHECKPOINT_SECONDS = 30.0
"""The seconds that a rebuild waits for readers, and for another process's checkpoint: a Pi writes 20 MB a second."""
MOST_REBUILDS = 5
"""The highest number of rewrites in a row while other processes keep erasing; a later rebuild ends it."""
_LOOK_SECONDS = 0.05  # between two tries of the checkpoint


def forget(db: Database, name: str, who: str, now: Now, *, opts_out: Callable[[str], bool]) -> StoredCounts | None:
    """Commit that nothing is stored of a number or name any more, kept or not, and who decided that, but not of whom.

    Returns what was stored; or None, and does nothing, while a segment to the person is being submitted. If nothing is
    stored, nothing is written. Queued answers are cancelled. Segments that the windows still count stay without a
    person. A text that is still on the SIM keeps a pseudonym, by which it is recognised when it is read again. An
    opt-out stays under the number's pseudonym, even one in a text that was not judged yet: `opts_out` tells whether a
    text is an opt-out. Raises StoreError if the key of the pseudonyms is lost.
    """
    know_pseudonyms(db, now)
    names = pseudonyms.names(db, name)
    with db.transaction():
        found = stored.find(db, names)
        if _is_submitting(db, found):
            return None
        before = stored.count(db, names, found)
        is_lifted = elsewhere.lift(db, name, Kinds.BLOCKED)
        if not before.anything and not is_lifted:
            return before
        if _opted_out_unjudged(db, found, opts_out):
            decisions.opt_out(db, name, now)
            before = replace(before, opted_out=True)
        _erase(db, name, found, now)
        events.record(db, now, EventKind.FORGET, who=who)
    return before


def _opted_out_unjudged(db: Database, found: PersonRows, opts_out: Callable[[str], bool]) -> bool:
    """Tell whether a text that was not judged yet is an opt-out."""
    rows = db.all(
        "SELECT text FROM contacts WHERE verdict IS NULL AND text IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.contacts),
    )
    return any(opts_out(row["text"]) for row in rows)


def _is_submitting(db: Database, found: PersonRows) -> bool:
    """Tell whether a segment of an answer is being submitted: its fate is not known yet."""
    return db.one(_SUBMITTING, answers=json.dumps(found.answers)) is not None


def _erase(db: Database, name: str, found: PersonRows, now: Now) -> None:
    """Erase the rows found of a number or name, and the decisions about it, inside the transaction that is open.

    Queued answers are cancelled; an opt-out gets the pseudonym. Call `know_pseudonyms` before.
    """
    lists = {column: json.dumps(getattr(found, column)) for column in found.__slots__}
    for (answer_id,) in db.all(_WAITING, **lists):
        lifecycle.end(db, answer_id, policy.Reason.PERSON)
    arguments = lists | {
        "month": now.limit - policy.WINDOW_SECONDS["month"],
        "name": name,
        "pseudonym": pseudonyms.names(db, name)[1],
        "person": elsewhere.person(db, name),
        "mention": name if stored.is_number(name) else None,
        "masked": mask(name) if stored.is_number(name) else None,
        "nobody": pseudonym.NOBODY,
    }
    # The order matters: segments and answers are deleted by ids looked up before, and contacts after the rows that
    # belong to them, or the ON DELETE CASCADE would also delete answers that the windows still have to count
    for statement in _FORGET:
        db.execute(statement, **arguments)
    line_row.request_rebuild(db)


def know_pseudonyms(db: Database, now: Now) -> None:
    """Define the SQL functions `pseudonym` and `fleet_pseudonym_of`; raises StoreError if a key is lost."""
    key = pseudonyms.have_key(db, now)
    db.connection.create_function(
        "pseudonym", 1, lambda name: None if name is None else pseudonym.of(key, name), deterministic=True
    )
    db.connection.create_function("fleet_pseudonym_of", 1, lambda name: elsewhere.person(db, name))


_MENTIONS = (
    ("events", "who"),
    ("events", "number"),
    ("events", "word"),
    ("events", "detail"),
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
    # a text still on the SIM keeps its pseudonym: so it is recognised when it is read again, and deleted there
    """
    UPDATE segments SET contact_id = NULL, answer_segment_id = NULL, sequence = NULL, problem = NULL, scts = NULL,
      pdu = pseudonym(pdu) WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each(:segments))
    """,
    "DELETE FROM segments WHERE deleted_at IS NOT NULL AND id IN (SELECT value FROM json_each(:segments))",
    f"""
    DELETE FROM answers WHERE id IN (SELECT value FROM json_each(:answers)) AND NOT EXISTS
      (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id WHERE t.answer_id = answers.id
        AND s.state IN {MAY_HAVE_LEFT} AND s.submitted_limit > :month)
      AND NOT EXISTS (SELECT 1 FROM attempts t WHERE t.answer_id = answers.id AND t.ended_limit > :month)
    """,
    """
    UPDATE answers SET contact_id = NULL, recipient = :nobody, text = NULL
      WHERE id IN (SELECT value FROM json_each(:answers))
    """,
    """
    UPDATE answer_segments SET pdu = NULL, mr = NULL WHERE attempt_id IN
      (SELECT id FROM attempts WHERE answer_id IN (SELECT value FROM json_each(:answers)))
    """,
    # MMS whose sender claimed to be this person: the address, and the PDUs that contain it, are erased
    """
    UPDATE segments SET pdu = pseudonym(pdu) WHERE contact_id IN (SELECT value FROM json_each(:named))
    """,
    # without `concatenation` a late part becomes a contact of its own: it could not be joined with the erased PDUs
    """
    UPDATE contacts SET other_originator = NULL, concatenation = NULL WHERE id IN (SELECT value FROM json_each(:named))
    """,
    # each right side sees the row as it was: `result` depends on the state before
    f"""
    UPDATE requests SET arguments = '{{}}', answer_id = NULL,
      result = iif(state IN {PENDING}, '{Refusal.FORGOTTEN}', NULL), detail = NULL,
      state = iif(state IN {PENDING}, '{RequestState.REFUSED}', state)
      WHERE id IN (SELECT value FROM json_each(:requests))
    """,
    "DELETE FROM contacts WHERE id IN (SELECT value FROM json_each(:contacts))",
    # The person may have two rows, by number and by pseudonym: they become one. REPLACE also drops, from a row that has
    # the pseudonym already, all that is not kept. max() returns one row even for no rows, which HAVING drops
    """
    INSERT OR REPLACE INTO numbers (number, opted_out_at, changed_limit, fleet_pseudonym)
      SELECT :pseudonym, max(opted_out_at), max(changed_limit), :person FROM numbers
      WHERE number IN (:name, :pseudonym) AND opted_out_at IS NOT NULL HAVING count(*)
    """,
    """
    DELETE FROM numbers WHERE number IN (:name, :pseudonym)
      AND NOT (number = :pseudonym AND opted_out_at IS NOT NULL)
    """,
    # For a name both are NULL: then instr() is NULL, and no row is changed. Without this condition replace(x, NULL, …)
    # would set every detail of everybody to NULL
    *(
        f"UPDATE {table} SET {column} = replace(replace({column}, :mention, '…'), :masked, '…')"
        f" WHERE instr({column}, :mention) OR instr({column}, :masked)"
        for table, column in _MENTIONS
    ),
)


# ---- no copy in the file


def rebuild(db: Database) -> bool:
    """Rewrite the database so that no page and no -wal has erased content; return False if one of them still may.

    SQLite overwrites deleted content at once (`PRAGMA secure_delete`, set by `opening`), but has left copies where it
    moved rows: of two rows in a thousand (tried). Only VACUUM removes those. Others can read meanwhile, but have to
    wait with writing; a reader whose transaction stays open keeps a copy. If nothing was erased since the last time,
    this does nothing.
    """
    if not line_row.row_of(db).needs_rebuild:
        return True
    for _time in range(MOST_REBUILDS):
        before = line_row.row_of(db).erasures
        db.connection.execute("VACUUM")
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while not (done := _checkpoint(db)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if not done:
            return False
        with db.transaction():
            line_row.note_rebuilt(db, before)
            # the file may still have what another process erased meanwhile
            again = line_row.row_of(db).needs_rebuild
        if not again:
            return True
    return False


def _checkpoint(db: Database) -> bool:
    """Move the whole -wal into the database and truncate it; return False while another process uses it.

    SQLite does not wait for another checkpoint, such as that of a daemon whose commit came just after the VACUUM.
    """
    row = db.one("PRAGMA wal_checkpoint(TRUNCATE)")
    return row is not None and not row["busy"]
