"""Knows every state of an answer and its segments, and the outcome of its attempts: no other module writes one.

An answer is a row before it is a command, and two rules keep the SIM from paying twice. First, a segment that may have
left is never handed over again. `submitting` is on the disk before the modem hears of a segment; whatever happens then
(a result, silence, a crash, a power cut), the next state says what is known. Second, nothing is counted beside the
states. What a segment costs, whether its number was answered, whether a part can still leave: the table `FACTS` gives
all of it for each state, so no count can be lost, doubled or forgotten when a state changes.

An answer has attempts, one after the other; an attempt has segments. The gate makes an attempt when it lets an answer
out. If no part of the attempt can have left, it ends, and the next attempt is a new row. Once its first segment has
left, the line by itself never gives the attempt up for another: it goes on with the first segment that was never handed
over, under the same concatenation reference, or the answer ends as `failed`, half of it delivered. The segments that
wait behind one that was handed over keep their place in the windows, without an end, until they are handed over
themselves or cancelled. Without that, the second half of an answer could leave hours later and exceed a window that
other answers filled in between.

    queued ──gate──▶ sending ──every +CMGS──▶ sent ──reports──▶ delivered, undelivered
      ▲  │              │ │
      │  └─▶ cancelled  │ └─no proof──▶ unconfirmed ──late +CMGS──▶ sending, sent
      │                 │                   └──proof, half of it──▶ failed
      └───nothing left──┘ └─the recipient's fault, the end of the tries──▶ failed

`requeue` leads from unconfirmed, failed and cancelled back to queued: only a person may send twice, and the line itself
never goes that way. If such an answer is ended while it waits again, it gets the state of the attempt before:
unconfirmed, or failed with half of it delivered. If a proof comes meanwhile that all of the attempt before has left, it
is sent. A restored backup leads from queued to unconfirmed: the answers that waited in it may have left since.

This module also carries out the consequences of a change, once, before the commit. Code that moves a segment need not
know that its number now counts as answered, and that other answers to that number belong to another share (`refile`).
"""

import json
from collections.abc import Collection, Iterable
from sqlite3 import Row
from typing import Any

from hotlined.errors import LifecycleError
from hotlined.machine.clock import Now
from hotlined.rules.breaker import Outcome
from hotlined.rules.policy import Reason, Share
from hotlined.states import (
    FACTS,
    LEFT,
    MAY_HAVE_LEFT,
    REPEATABLE,
    SEGMENT_TRANSITIONS,
    TRANSITIONS,
    WAITS,
    AnswerState,
    SegmentState,
)
from hotlined.store.line import line_row, pseudonyms
from hotlined.store.line.database import Database


def new_answer(db: Database, recipient: str, **columns: Any) -> int:
    """Queue an answer, inside the transaction that is open, and return its id."""
    return db.insert("answers", recipient=recipient, state=AnswerState.QUEUED, **columns)


def new_attempt(db: Database, answer_id: int, share: Share, now: Now, **columns: Any) -> int:
    """Begin an attempt at an answer in a share, and return its id; it has no segments yet, and is not a trial."""
    begun = {"begun_at": now.rfc3339, "begun_limit": now.limit}
    return db.insert("attempts", answer_id=answer_id, share=share, **begun, **columns)


def new_segment(
    db: Database,
    attempt_id: int,
    sequence: int,
    tpdu_length: int,
    *,
    pdu: str | None = None,
    state: SegmentState = SegmentState.WAITING,
    at: Now | None = None,
) -> int:
    """Add a segment to an attempt and return its id.

    `at` is when the gate let it out, None if it waits; `state` can be any state.
    """
    segment_id = db.insert(
        "answer_segments",
        attempt_id=attempt_id,
        sequence=sequence,
        state=state,
        pdu=pdu,
        tpdu_length=tpdu_length,
        submitted_at=at.rfc3339 if at else None,
        submitted_limit=at.limit if at else None,
    )
    if FACTS[state].may_have_left:
        _follow(db, attempt_id)
    return segment_id


def move(db: Database, answer_id: int, to: AnswerState, reason: str | None = None, **values: Any) -> None:
    """Bring an answer into another state and set columns of it, inside the transaction that is open.

    Raises LifecycleError if the state may not follow its present one.
    """
    row = db.one("SELECT state, recipient FROM answers WHERE id = ?", answer_id)
    if row is None or to not in TRANSITIONS[AnswerState(row["state"])]:
        raise LifecycleError(f"answer {answer_id} cannot become {to}: it is {row['state'] if row else 'not there'}")
    # The reason is stored although the attempt and its segment have a cause, too (`integrity` compares them), for the
    # two may differ: an answer that waits again keeps its reason when the breaker voids its refusals, and a withdrawn
    # answer has none
    _set(db, "answers", answer_id, {"state": to, "reason": reason} | values)
    if to is AnswerState.QUEUED:  # it waits again
        db.before_commit(refile, row["recipient"])


def reopen(db: Database, answer_id: int) -> bool:
    """Queue an answer once more because a person wants it, and tell whether its state allows that."""
    row = db.one("SELECT state, recipient FROM answers WHERE id = ?", answer_id)
    if row is None or row["state"] not in REPEATABLE:
        return False
    db.execute("UPDATE answers SET state = ?, reason = NULL WHERE id = ?", AnswerState.QUEUED, answer_id)
    db.before_commit(refile, row["recipient"])
    return True


def move_segment(db: Database, segment_id: int, to: SegmentState, **values: Any) -> None:
    """Bring a segment into another state and set columns of it.

    Raises LifecycleError if the state may not follow its present one.
    """
    row = db.one("SELECT state, attempt_id FROM answer_segments WHERE id = ?", segment_id)
    if row is None or to not in SEGMENT_TRANSITIONS[SegmentState(row["state"])]:
        raise LifecycleError(f"segment {segment_id} cannot become {to}: it is {row['state'] if row else 'not there'}")
    _set(db, "answer_segments", segment_id, {"state": to} | values)
    if FACTS[to].may_have_left != FACTS[SegmentState(row["state"])].may_have_left:
        _follow(db, row["attempt_id"])


def _set(db: Database, table: str, row_id: int, columns: dict[str, Any]) -> None:
    db.execute(
        f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?", *columns.values(), row_id
    )


def _follow(db: Database, attempt_id: int) -> None:
    """Plan the consequences of a segment that now counts for its number, or no longer does."""
    recipient = db.value(
        "SELECT a.recipient FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE t.id = ?", attempt_id
    )
    db.before_commit(refile, recipient)


def move_rest(db: Database, attempt_id: int, source: SegmentState, to: SegmentState) -> None:
    """Bring all segments of an attempt that are in one state into another."""
    for row in db.all("SELECT id FROM answer_segments WHERE attempt_id = ? AND state = ?", attempt_id, source):
        move_segment(db, row["id"], to)


def end_attempt(db: Database, attempt_id: int, outcome: Outcome, cause: str | None, now: Now) -> None:
    """Record how an attempt ended; this does not report it to the breakers (`breakers.report_outcome`)."""
    db.execute(
        "UPDATE attempts SET outcome = ?, cause = ?, ended_limit = ? WHERE id = ?",
        outcome,
        cause,
        now.limit,
        attempt_id,
    )


def drop_attempt(db: Database, attempt_id: int) -> None:
    """Delete an attempt that never submitted anything: it must not count for its number."""
    db.execute("DELETE FROM attempts WHERE id = ?", attempt_id)


def resume_attempt(db: Database, attempt_id: int) -> None:
    """Record that an attempt goes on with its next segment: its outcome so far is void.

    The cause of a refusal is kept, because the next refusal is compared with it; the cause of a missing result is not.
    """
    db.execute(  # each right side sees the row as it was
        "UPDATE attempts SET outcome = NULL, ended_limit = NULL, cause = iif(outcome IN (?, ?), NULL, cause)"
        " WHERE id = ?",
        Outcome.UNCONFIRMED,
        Outcome.NO_EVIDENCE,
        attempt_id,
    )


def mark_no_evidence(db: Database, attempt_id: int) -> None:
    """Record that an attempt which has ended says nothing about the line: its segment is proven to have left."""
    db.execute("UPDATE attempts SET outcome = ? WHERE id = ?", Outcome.NO_EVIDENCE, attempt_id)


def latest_attempt(db: Database, answer_id: int) -> int | None:
    """Return the id of the latest attempt at an answer, the one that its state is about; None if there is none."""
    row = db.one("SELECT max(id) AS id FROM attempts WHERE answer_id = ?", answer_id)
    return row["id"] if row else None


def has_left(db: Database, attempt_id: int | None) -> bool:
    """Tell whether the network took a segment of an attempt."""
    return bool(
        db.one(
            f"SELECT 1 FROM answer_segments WHERE attempt_id = ? AND state IN {LEFT} LIMIT 1",
            attempt_id,
        )
    )


def end(db: Database, answer_id: int, reason: Reason, nothing_left: AnswerState = AnswerState.CANCELLED) -> None:
    """End an answer that has no segment being submitted.

    Its new state is `nothing_left`, by default cancelled. But it is failed if half of it has left, and unconfirmed if a
    person asked to send it again and the attempt before may have left.
    """
    attempt_id = latest_attempt(db, answer_id)
    states = (
        []
        if attempt_id is None
        else [row["state"] for row in db.all("SELECT state FROM answer_segments WHERE attempt_id = ?", attempt_id)]
    )
    to = nothing_left
    if SegmentState.UNCONFIRMED in states:
        to = AnswerState.UNCONFIRMED
    elif has_left(db, attempt_id):
        to = AnswerState.FAILED
    if attempt_id is not None:
        move_rest(db, attempt_id, SegmentState.WAITING, SegmentState.CANCELLED)
    move(db, answer_id, to, reason)


def end_open(db: Database, names: Iterable[str], reason: Reason, *, by_hand: bool) -> int:
    """End every answer to these names that waits, with or without texts by hand, and return how many there were.

    Includes the answers to people who sent an MMS by way of one of these names. An answer with a segment being
    submitted is left alone until its result: the gate asks again before its next segment.
    """
    rows = db.all(
        "SELECT id FROM answers WHERE (recipient IN (SELECT value FROM json_each(:names)) OR contact_id IN"
        " (SELECT id FROM contacts WHERE other_originator IN (SELECT value FROM json_each(:names))))"
        f" AND (by_hand IS NULL OR :by_hand) AND {WAITS}",
        names=json.dumps([name for name in names if name]),
        by_hand=by_hand,
    )
    for row in rows:
        end(db, row["id"], reason)
    return len(rows)


def end_all(db: Database, reason: Reason) -> list[Row]:
    """End every answer that waits or is half sent; return their rows as they were: contact and recipient."""
    rows = db.all(f"SELECT id, contact_id, recipient FROM answers WHERE {WAITS}")
    for row in rows:
        end(db, row["id"], reason)
    return rows


# ---- the consequences: shares


def refile(db: Database, recipients: Collection[str] | None = None) -> None:
    """Put queued answers into the shares that the gate counts them in: the answers to `recipients`, or all.

    The gate itself looks up the share of the answer that it lets out, new or known. For the others the stored share has
    to agree with what the gate will find; a text by hand has a share of its own. So this runs before the commit
    whenever a segment of the number moved or its answer waits again; `decisions` runs it for all answers when a
    decision changes which numbers are known.
    """
    # with `+state` SQLite does not use the index on state; with it, each received text would cost a read of the whole
    # queue
    which = "state" if recipients is None else f"{_TO_THEM} AND +state"
    # `share <> new share`: SQLite writes a row even if no value of it changes, and each write wears the card
    db.execute(
        f"UPDATE answers SET share = {_SHARE} WHERE {which} = '{AnswerState.QUEUED}' AND by_hand IS NULL"
        f" AND share <> {_SHARE}",
        names=json.dumps([] if recipients is None else [*recipients]),
    )


_TO_THEM = (
    "recipient IN (SELECT value FROM json_each(:names)"
    f" UNION SELECT pseudonym_of(value, {line_row.KEY_DIGEST}) FROM json_each(:names))"
)
_SHARE = f"""
CASE WHEN EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id
  JOIN answer_segments s ON s.attempt_id = t.id
  WHERE o.recipient IN {pseudonyms.both("answers.recipient")} AND o.by_hand IS NULL AND s.state IN {MAY_HAVE_LEFT})
THEN '{Share.KNOWN}' ELSE '{Share.NEW}' END
"""
