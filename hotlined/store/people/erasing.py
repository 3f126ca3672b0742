"""Erases a person at once, kept or not: all that is stored under its number or name, and what other rows say of it.

To delete rows is the easy part. What would go wrong, and the order that prevents it:

1. The key of the pseudonyms comes first, before the transaction. What stays of a person stands under its pseudonym (an
   opt-out that is kept, a text that is still on the SIM); without the key that would be another stranger.
2. While a segment to the person is being submitted nothing is done, and the caller asks again: its result would find no
   answer, and nobody would know what was spent.
3. What waits is ended before anything is deleted, so that nothing leaves to somebody who is not there any more.
4. What was spent stays spent: segments that the windows still count lose their number and their text, and stay as
   nobody's. Were they deleted, a person could buy room in the windows by asking to be erased.
5. Ids are looked up before the first deletion, for each one takes away what the next would be found by; and contacts go
   last, or the cascade would take answers along that still count.
6. A text that is still on the SIM keeps a pseudonym of its PDU: it is known by that when it is read again, and leaves.
   Without it, it would be recorded as a new text of an erased person.

All of that is one transaction, and the person is gone from every row, but not from the file. SQLite overwrites what is
deleted, yet has left copies where it moved rows about earlier, and the -wal holds pages of before. So the same
transaction notes that a rebuild is due (`line.request_rebuild` counts up): a crash behind it forgets nothing. `rebuild`
then writes the file anew (VACUUM), moves the whole -wal into it and cuts that off, and records *how far it had counted
when it began*. What somebody else erased meanwhile is beyond that, and has the file written again. A reader whose
transaction is open holds old pages in the -wal: then the command fails and names the reader, and says to try again.

Known to be wrong: a text of somebody else that mentions a number stays as it is; what events, alerts and requests say
of another number that is masked alike goes with a person's own. A flash card may keep old blocks out of anyone's reach.
"""

import json
import time
from collections.abc import Callable

from hotlined import policy, pseudonym
from hotlined.clock import Now
from hotlined.gsm.address import mask
from hotlined.states import MAY_HAVE_LEFT, OPEN, PENDING, EventKind, Refusal, RequestState, SegmentState, listed
from hotlined.store import fleet
from hotlined.store.answers import decisions, lifecycle
from hotlined.store.line import events, line, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.people import stored
from hotlined.store.people.stored import PersonRows, StoredCounts

CHECKPOINT_SECONDS = 30.0
"""How long a rebuild waits for readers, and for the checkpoint of somebody else: a Pi writes 20 MB a second."""
MOST_REBUILDS = 5
"""How often in a row the database is written anew because somebody else erased meanwhile; a later rebuild ends it."""
_LOOK_SECONDS = 0.05  # between two looks whether the checkpoint was made


def forget(
    db: Database, name: str, now: Now, *, keep_opt_out: bool, opts_out: Callable[[str], bool], asks: bool = True
) -> StoredCounts | None:
    """Commit that nothing is stored of a number or name any more, kept or not.

    None, and nothing is done, while a segment to it is being submitted. What is queued for it is cancelled. Segments
    that the windows still count stay, as nobody's; of a text that is still on the SIM a pseudonym stays, to know it by
    when it is read again. With `keep_opt_out` an opt-out stays under the number's pseudonym, also one that was not
    judged yet: `opts_out` tells whether a text is one. In a fleet an opt-out always stays, and with `asks` the other
    lines are asked to erase the person, too. Raises StoreError if the key of the pseudonyms is lost.
    """
    know_pseudonyms(db, now)
    names = pseudonyms.names(db, name)
    keep_opt_out |= fleet.maybe_member(db) is not None
    with db.transaction():
        found = stored.find(db, names)
        if _is_submitting(db, found):
            return None
        if keep_opt_out:
            _note_opt_out(db, name, found, now, opts_out)
        before = stored.count(db, names, found)
        _erase(db, name, found, now, keep_opt_out=keep_opt_out)
        fleet.forget(db, name, now, asks=asks)
        events.record(db, now, EventKind.FORGET)
    return before


def _note_opt_out(db: Database, name: str, found: PersonRows, now: Now, opts_out: Callable[[str], bool]) -> None:
    """Record an opt-out that stands in a text which was not judged yet, inside the transaction that is open."""
    rows = db.all(
        "SELECT text FROM contacts WHERE verdict IS NULL AND text IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.contacts),
    )
    if any(opts_out(row["text"]) for row in rows):
        decisions.opt_out(db, name, now)


def _is_submitting(db: Database, found: PersonRows) -> bool:
    """Tell whether a segment of an answer is being submitted: nobody knows what becomes of it."""
    return db.one(_SUBMITTING, answers=json.dumps(found.answers)) is not None


def _erase(db: Database, name: str, found: PersonRows, now: Now, *, keep_opt_out: bool) -> None:
    """Erase what was found of a number or name, inside the transaction that is open, and what was decided about it.

    What is queued is cancelled; an opt-out that is kept stands under the pseudonym. `know_pseudonyms` comes before it.
    """
    lists = {column: json.dumps(getattr(found, column)) for column in found.__slots__}
    for (answer_id,) in db.all(_WAITING, **lists):
        lifecycle.end(db, answer_id, policy.Reason.PERSON)
    arguments = lists | {
        "month": now.limit - policy.WINDOW_SECONDS["month"],
        "name": name,
        "pseudonym": pseudonyms.names(db, name)[1],
        "mention": name if stored.is_number(name) else None,
        "masked": mask(name) if stored.is_number(name) else None,
        "keep_opt_out": keep_opt_out,
        "nobody": pseudonym.NOBODY,
    }
    # in their order: segments and answers are found by ids taken before, and contacts go after what belongs to
    # them, or the ON DELETE CASCADE would take answers along that the windows still have to count
    for statement in _FORGET:
        db.execute(statement, **arguments)
    line.request_rebuild(db)


def know_pseudonyms(db: Database, now: Now) -> None:
    """Teach SQL the function `pseudonym`; raises StoreError if its key is lost."""
    key = pseudonyms.have_key(db, now)
    db.connection.create_function(
        "pseudonym", 1, lambda name: None if name is None else pseudonym.of(key, name), deterministic=True
    )


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
    # whose MMS said to be from this person: the address and the PDUs that spell it go
    """
    UPDATE segments SET pdu = pseudonym(pdu) WHERE contact_id IN (SELECT value FROM json_each(:named))
    """,
    # without `concatenation` a part that comes later is a contact of its own: it could not be joined with those PDUs
    """
    UPDATE contacts SET other_originator = NULL, concatenation = NULL WHERE id IN (SELECT value FROM json_each(:named))
    """,
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
    INSERT OR REPLACE INTO numbers (number, opted_out_at, changed_limit)
      SELECT :pseudonym, max(opted_out_at), max(changed_limit) FROM numbers
      WHERE number IN (:name, :pseudonym) AND :keep_opt_out AND opted_out_at IS NOT NULL HAVING count(*)
    """,
    """
    DELETE FROM numbers WHERE number IN (:name, :pseudonym)
      AND NOT (number = :pseudonym AND :keep_opt_out AND opted_out_at IS NOT NULL)
    """,
    # of a name both are NULL: instr() is NULL then and no row is touched. Without this condition replace(x, NULL, …)
    # would set every detail of everybody to NULL
    *(
        f"UPDATE {table} SET {column} = replace(replace({column}, :mention, '…'), :masked, '…')"
        f" WHERE instr({column}, :mention) OR instr({column}, :masked)"
        for table, column in _MENTIONS
    ),
)


# ---- no copy in a file


def rebuild(db: Database) -> bool:
    """Write the database anew, so that no page and no WAL holds what was erased; False where one of them still may.

    SQLite overwrites deleted content at once (`PRAGMA secure_delete`, which `opening` sets), but leaves copies where it
    moved rows about: of two rows in a thousand (tried), and only VACUUM takes them away. Others can read meanwhile and
    wait with writing; a reader whose transaction stays open keeps a copy. Nothing is done where nothing was erased
    since the last time.
    """
    if not line.needs_rebuild(db):
        return True
    for _time in range(MOST_REBUILDS):
        before = line.erasures(db)
        db.connection.execute("VACUUM")
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while not (done := _checkpoint(db)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
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
