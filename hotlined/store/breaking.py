"""Opens, tries and closes the line's breaker, by how attempts ended.

The breaker itself is pure (`hotlined.breaker`), and a part of the line's state (`line`). `make_trial_due` and
`end_round` are transactions of their own; each other function is a part of the one that is open.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hotlined import breaker, policy, pseudonym, states
from hotlined.breaker import Breaker
from hotlined.clock import Now
from hotlined.states import EventKind
from hotlined.store import events
from hotlined.store.database import Database
from hotlined.store.line import breaker_of, set_breaker

_ROW_OF_ENDED = 40  # attempts: more than enough for the last ten answers


class BreakerUpdate(NamedTuple):
    """The breaker after an outcome was reported to it; `change` is what that changed, None where it was nothing."""

    change: breaker.Change | None
    breaker: Breaker


def ended(db: Database, state: Breaker) -> Iterator[breaker.Ended]:
    """Yield the attempts that ended since the breaker closed last, the latest first.

    Recipients who were forgotten are all called `NOBODY`: there each answer counts as one to a recipient of its own.
    """
    for row in db.all(
        "SELECT t.answer_id, a.recipient, t.outcome, t.cause FROM attempts t JOIN answers a ON a.id = t.answer_id"
        # by id where two have ended at one reading of the clock: else the last failure before it closed counts again
        " WHERE t.outcome IS NOT NULL AND (t.ended_limit > ? OR (t.ended_limit = ? AND t.id > ?))"
        " ORDER BY t.ended_limit DESC, t.id DESC LIMIT ?",
        state.closed_limit,
        state.closed_limit,
        state.closed_at_attempt,
        _ROW_OF_ENDED,
    ):
        recipient = (
            f"{row['recipient']}{row['answer_id']}" if row["recipient"] == pseudonym.NOBODY else row["recipient"]
        )
        yield breaker.Ended(
            row["answer_id"],
            recipient,
            breaker.Outcome(row["outcome"]),
            policy.maybe_cms(row["cause"]) in policy.BARRED,
        )


def report_outcome(
    db: Database,
    attempt_id: int,
    outcome: breaker.Outcome,
    now: Now,
    pauses: tuple[float, ...],
    *,
    certainly_not_sent: bool,
) -> BreakerUpdate:
    """Report to the line's breaker how an attempt ended, inside the transaction that is open."""
    state = breaker_of(db)
    row = db.one("SELECT trial FROM attempts WHERE id = ?", attempt_id)
    trial = bool(row and row["trial"])
    change = None
    if outcome is breaker.Outcome.TAKEN:
        if state.is_open:
            change = breaker.Change.CLOSED
            state = close_breaker(db, now)
    elif not state.is_open:
        if cause := breaker.maybe_cause(ended(db, state)):
            change = breaker.Change.OPENED
            state = open_breaker(db, cause, now, pauses)
    elif trial and outcome in breaker.NOT_TAKEN:
        change = breaker.Change.TRIAL_FAILED
        state = breaker.trial_failed(state, now.limit, certainly_not_sent=certainly_not_sent)
    elif trial and outcome is breaker.Outcome.RECIPIENT:
        # a trial of which half has left was paid for: were it withdrawn, trials to such numbers would have no pause
        withdrawn = breaker.trial_withdrawn(state, now.limit)
        state = withdrawn if certainly_not_sent else breaker.trial_failed(state, now.limit, certainly_not_sent=False)
    set_breaker(db, state)
    return BreakerUpdate(change, state)


def open_breaker(db: Database, cause: breaker.Cause, now: Now, pauses: Sequence[float], why: str = "") -> Breaker:
    """Open the breaker, inside the transaction that is open; one that is open stays as it is."""
    before = breaker_of(db)
    if before.is_open:
        return before
    state = breaker.opened(before, cause, now.limit, now.rfc3339, pauses)
    set_breaker(db, state)
    events.record(db, now, _EVENTS[cause][0], why or "answers to different numbers were not taken, one after the other")
    return state


_EVENTS = {
    breaker.Cause.OUTAGE: (EventKind.OUTAGE_BEGIN, EventKind.OUTAGE_END),
    breaker.Cause.CREDIT: (EventKind.CREDIT_OUT, EventKind.CREDIT_OK),
}


def make_trial_due(db: Database, now: Now, gap: float) -> None:
    """Commit that something may have ended the outage: an answer may be tried now, or soon."""
    if breaker_of(db).is_open:
        with db.transaction():
            set_breaker(db, breaker.trial_made_due(breaker_of(db), now.limit, gap))


def end_round(db: Database, pauses: Sequence[float]) -> None:
    """Commit that the breaker's round is over, for nobody is left to try: the next trial comes after its pause."""
    with db.transaction():
        set_breaker(db, breaker.round_over(breaker_of(db), pauses))


def close_breaker(db: Database, now: Now) -> Breaker:
    """Close the breaker: answers that were refused before are due now, and their refusals are forgotten."""
    latest = db.value("SELECT max(id) FROM attempts")
    before = breaker_of(db)
    state = Breaker(last_trial=before.last_trial, closed_at_attempt=latest or 0, closed_limit=now.limit)
    set_breaker(db, state)
    if before.cause:
        events.record(db, now, _EVENTS[before.cause][1], "an answer was taken")
    db.execute(
        "UPDATE answers SET due_limit = min(due_limit, ?), refusals = 0, refusals_counted = 0,"
        " refused_limit = NULL"
        f" WHERE state = '{states.AnswerState.QUEUED}' AND refusals > 0",
        now.limit,
    )
    return state
