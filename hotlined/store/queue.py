"""Knows whose turn it is: what is due, who may be tried while nothing leaves, what stopped halfway, what got too old.

What enters the queue stands in `answers`; `gate` lets it out.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hotlined import states
from hotlined.breaker import Breaker
from hotlined.clock import Now, rfc3339
from hotlined.policy import Reason, Share
from hotlined.states import AnswerState, SegmentState
from hotlined.store import lifecycle, line
from hotlined.store.database import Database
from hotlined.store.lifecycle import move
from hotlined.store.shares import refile

SWEPT_AT_ONCE = 100  # answers that one sweep cancels: the next pass goes on
TRIED_AT_MOST = 500  # recipients that a trial looks back at


class Turn(NamedTuple):
    """An answer that the gate may be asked about now.

    `share` is the share whose first answer it is, None where half of it has left; `trial` says that it would be the
    open breaker's trial.
    """

    answer_id: int
    share: Share | None
    trial: bool = False


def is_waiting(db: Database) -> bool:
    """Tell whether any answer is queued or being sent."""
    return bool(db.one(f"SELECT 1 FROM answers WHERE state IN {states.listed(states.OPEN)} LIMIT 1"))


def due(
    db: Database, now: Now, *, trial: bool = False, shadow: bool = False, breaker: Breaker | None = None
) -> list[Turn]:
    """Return the answers whose turn it may be, in their order.

    Answers that are half sent come first, then a text by hand, then the oldest answer to a new number and the oldest to
    one that was answered before: each share has its own head. While the breaker is open only candidates for its trial
    are returned, if a trial is due, in the order in which the gate is asked about them; in shadow mode the breaker
    holds nothing back. The breaker is read unless it is given.
    """
    state = breaker or line.breaker_of(db)
    is_open = state.is_open and not shadow
    half_sent = db.connection.execute(_HALF_SENT, {"is_open": is_open, "now": now.limit}).fetchall()
    turns = [Turn(row["id"], None) for row in half_sent]
    for share in (Share.BY_HAND,) if is_open else (Share.BY_HAND, Share.NEW, Share.KNOWN):
        turns += [Turn(row["id"], share) for row in db.all(_HEAD, share, now.limit)]
    return turns + (_trials(db, state, now) if is_open and trial else [])


_HALF_SENT = f"""
SELECT DISTINCT a.id, a.due_limit FROM answer_segments s
JOIN attempts t ON t.id = s.attempt_id JOIN answers a ON a.id = t.answer_id
WHERE s.state = '{SegmentState.WAITING}' AND (
  (NOT :is_open AND (a.state = '{AnswerState.SENDING}' OR (a.state = '{AnswerState.QUEUED}' AND a.due_limit <= :now)))
  OR (:is_open AND t.trial AND a.state = '{AnswerState.SENDING}'))
ORDER BY a.due_limit, a.id LIMIT 20
"""
# half of an answer is no head of a share: it has a turn of its own
_HEAD = (
    f"SELECT id FROM answers a WHERE state = '{AnswerState.QUEUED}' AND share = ? AND due_limit <= ? AND NOT EXISTS"
    f" (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
    f" WHERE t.answer_id = a.id AND s.state = '{SegmentState.WAITING}') ORDER BY due_limit, id LIMIT 1"
)


def _trials(db: Database, state: Breaker, now: Now) -> list[Turn]:
    """Return answers that may be tried while the breaker is open: first to a number that took something before.

    Oldest and newest in turn, and nobody again while there is one who was not tried since it opened; else whoever was
    not tried in this round, nor last. Where a candidate's share has no room the next one has its chance.
    """
    tried = _tried(db, state)
    this_round = tried[: max(1, state.refused)]  # at the start of a round: the one who was tried last
    # Who is left out, step by step until somebody is found: everybody tried since it opened; else those of this round;
    # else nobody, but only at the start of a round: within one nobody is tried twice.
    steps = [tried, this_round] if state.refused else [tried, this_round, []]
    for excluded in steps:
        if turns := _candidates(db, state, excluded, now):
            return turns
    return []


def _tried(db: Database, state: Breaker) -> list[str]:
    """Return the recipients that were tried since the breaker opened, the last one first."""
    rows = db.all(
        "SELECT a.recipient FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE t.trial = 1"
        " AND t.outcome IS NOT NULL AND t.ended_limit > ? ORDER BY t.ended_limit DESC, t.id DESC LIMIT ?",
        state.closed_limit,
        TRIED_AT_MOST,
    )
    return [row["recipient"] for row in rows]


def _candidates(db: Database, state: Breaker, excluded: Sequence[str], now: Now) -> list[Turn]:
    """Return of each share the first answer to a number that took something before, then the first of all.

    No answer to a recipient that is excluded is among them.
    """
    order = "DESC" if state.rounds % 2 else "ASC"
    turns: dict[int, Turn] = {}
    for taken in (_TAKEN_BEFORE, "1"):
        for share in (Share.NEW, Share.KNOWN):
            row = db.one(
                f"SELECT a.id FROM answers a WHERE a.state = '{AnswerState.QUEUED}' AND a.share = ?"
                " AND (a.due_limit <= ? OR a.refusals > 0)"
                f" AND a.recipient NOT IN (SELECT value FROM json_each(?)) AND {taken}"
                f" ORDER BY a.due_limit {order}, a.id {order} LIMIT 1",
                share,
                now.limit,
                json.dumps(excluded),
            )
            if row:
                turns.setdefault(row["id"], Turn(row["id"], share, trial=True))
    return list(turns.values())


# its own first half is no proof that the number takes what is sent to it
_TAKEN_BEFORE = (
    "EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id JOIN answer_segments s"
    f" ON s.attempt_id = t.id WHERE o.recipient = a.recipient AND o.id <> a.id AND s.state IN {states.LEFT})"
)


def next_dues(db: Database) -> dict[Share, float]:
    """Return when the first queued answer of each share is due, in limit time."""
    found = {
        share: db.one(
            f"SELECT due_limit FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ?"
            " ORDER BY due_limit LIMIT 1",
            share,
        )
        for share in Share
    }
    return {share: row["due_limit"] for share, row in found.items() if row}


def next_due(db: Database) -> float | None:
    """Return the limit time at which the next queued answer is due."""
    return min(next_dues(db).values(), default=None)


def requeue_half_sent(db: Database, *, trials: bool) -> None:
    """Queue again every answer of which a segment has left and another waits, because sending stopped in between.

    With `trials` the breaker's own trial is queued again too: a pause or the network stops it, the breaker does not.
    """
    query = _STOPPED_HALFWAY if trials else f"{_STOPPED_HALFWAY} AND {_NO_TRIAL}"
    if db.one(query):
        with db.transaction():
            # again, now that nobody else can write: somebody may have ended one just now
            for row in db.all(query):
                move(db, row["id"], AnswerState.QUEUED)
                refile(db, row["recipient"])


_STOPPED_HALFWAY = f"SELECT id, recipient FROM answers WHERE state = '{AnswerState.SENDING}' AND {states.WAITS}"
_NO_TRIAL = "NOT (SELECT trial FROM attempts WHERE answer_id = answers.id ORDER BY id DESC LIMIT 1)"


def sweep(db: Database, max_age: timedelta, now: Now, *, by_calendar: bool) -> int:
    """Commit that answers which waited for too long are not sent, whatever held them back; return how many.

    `by_calendar` looks at the centre's time stamps too, which tell of time without power; that reads the whole queue.
    """
    if not _stale(db, max_age, now, 1, by_calendar=by_calendar):
        return 0
    with db.transaction():
        # again: one may have been ended just now
        stale = _stale(db, max_age, now, SWEPT_AT_ONCE, by_calendar=by_calendar)
        for answer_id in stale:
            lifecycle.end(db, answer_id, Reason.STALE)
    return len(stale)


def _stale(db: Database, max_age: timedelta, now: Now, most: int, *, by_calendar: bool) -> list[int]:
    # without INDEXED BY SQLite takes the index on the state, and reads the whole queue in every pass
    rows = db.all(
        f"SELECT id FROM answers INDEXED BY answers_age WHERE state = '{AnswerState.QUEUED}' AND age_limit < ? LIMIT ?",
        now.limit - max_age.total_seconds(),
        most,
    )
    if by_calendar and now.synchronised and not rows:
        # julianday(): a scts has the centre's offset from UTC, so as texts the two would not compare. Without a time
        # that can be trusted the left side is NULL: such an answer is never stale by the calendar. What a person asked
        # for again (asked_by) ages from then, by age_limit alone: by its contact's time it would be stale at once
        rows = db.all(
            f"SELECT a.id FROM answers a JOIN contacts c ON c.id = a.contact_id WHERE a.state = '{AnswerState.QUEUED}'"
            " AND a.asked_by IS NULL"
            " AND julianday(coalesce(c.scts, iif(c.synchronised, c.received_at, NULL))) < julianday(?) LIMIT ?",
            rfc3339(now.utc - max_age),
            most,
        )
    return [row["id"] for row in rows]
