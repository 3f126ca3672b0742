"""Erases a person at once, kept or not: all that is stored under its number or name, and what other rows say of it.

What was erased is gone from each row; `rebuilding` takes the copies out of the files.
Known to be wrong: a text of somebody else that mentions a number stays as it is; what events, alerts and requests say
of another number that is masked alike goes with a person's own.
"""

import json
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
