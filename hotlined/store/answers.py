"""Judges contacts and keeps the queue: verdicts, texts that persons send, whose turn it is, answers that got too old.

Each function is one transaction, or a part of the one that is open. How the path hangs together, and why nothing can
leave twice, stands at the head of `lifecycle`; `gate` lets answers out of this queue, `fates` says what became of them.
"""

import json
import random
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from sqlite3 import Row

from hotlined import policy, pseudonym, states
from hotlined.breaker import Breaker
from hotlined.clock import Now, age, rfc3339
from hotlined.gsm.alphabet import Plan
from hotlined.policy import Reason, Share
from hotlined.states import AnswerState, ByHand, ContactVerdict, SegmentState, Shared
from hotlined.store import attempts, decisions, events, fleet, gate, lifecycle, line
from hotlined.store.correspondents import identity_of
from hotlined.store.database import Database
from hotlined.store.lifecycle import move
from hotlined.store.shares import refile

LATEST_TEXTS = 20
"""How many earlier texts of a number are compared with a new one."""
SWEPT_AT_ONCE = 100  # answers that one sweep cancels: the next pass goes on
TRIED_AT_MOST = 500  # recipients that a trial looks back at
TRIES_A_DAY = 5
"""How often a day a person may try the first answer on a phone of the house."""
DRAWS = 1 << 31
"""An answer draws a number below this at its verdict; whatever there is to choose at the gate is chosen by it."""


# ---- the verdict


def judge(
    db: Database, contact_id: int, rules: policy.Rules, now: Now, *, delay_seconds: float, shadow: bool
) -> policy.Verdict:
    """Commit the verdict on a contact and, if it says so, its queued answer; opting out cancels what was queued."""
    with db.transaction():
        row = db.one("SELECT * FROM contacts WHERE id = ?", contact_id)
        if row is None:  # a person had it erased since it was looked up
            return policy.Verdict(answer=False, reason=Reason.PERSON)
        identity = identity_of(row, row["originator"])
        text = policy.fold(row["text"] or "")
        history = attempts.history_of(db, identity.originator, shadow=shadow, other=row["other_originator"])
        if history.answers and text:
            history = replace(history, same_texts=_same_texts(db, row, text))
        opts_out = policy.opts_out(row["text"] or "", rules)
        contact = policy.Contact(row["kind"], identity, _contact_age(row, now), text, opts_out)
        verdict = policy.judge(contact, history, rules, now.limit)
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ? WHERE id = ?",
            ContactVerdict.ANSWER if verdict.answer else ContactVerdict.SUPPRESS,
            verdict.reason,
            contact_id,
        )
        if verdict.elsewhere:
            fleet.note_elsewhere(db, contact_id, verdict.elsewhere)
        if identity.originator is not None:
            decisions.recognise(db, identity.originator)
            if opts_out and not history.opted_out:
                decisions.opt_out(db, identity.originator, now)
            elif opts_out:  # another line may answer this person again meanwhile, who has not heard of it
                fleet.claim(db, identity.originator, Shared.OPT_OUTS)
            if verdict.answer:
                _enqueue(
                    db,
                    identity.originator,
                    now,
                    contact_id=contact_id,
                    delay_seconds=delay_seconds,
                    share=Share.KNOWN if history.answers else Share.NEW,
                    age_limit=row["received_limit"],
                )
    return verdict


def set_contact_aside(db: Database, contact_id: int, why: str, now: Now) -> None:
    """Commit that a contact could not be judged: it is kept and not answered, and the contacts behind it are judged."""
    with db.transaction():
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ? WHERE id = ? AND verdict IS NULL",
            ContactVerdict.SUPPRESS,
            Reason.SET_ASIDE,
            contact_id,
        )
        events.record(db, now, "set_aside", f"contact {contact_id}: {why}", contact_id=contact_id)


def maybe_notice(db: Database, contact_id: int) -> str | None:
    """Return the text of a contact from a short code or a name, folded; None from anyone else."""
    row = db.one(
        f"SELECT text FROM contacts WHERE id = ? AND line_type IN {states.listed(policy.CENTRES)}",
        contact_id,
    )
    return policy.fold(row["text"] or "") if row else None


def recent_texts(db: Database, now: Now) -> list[str]:
    """Return the texts of the answers of the last 30 days, each once: an autoresponder may send one of them back."""
    rows = db.all(
        "SELECT DISTINCT text FROM answers WHERE by_hand IS NULL AND text IS NOT NULL AND queued_limit > ?",
        now.limit - policy.WINDOW_SECONDS["month"],
    )
    return [row["text"] for row in rows]


# ---- what persons ask for


def enqueue_by_hand(
    db: Database,
    recipient: str,
    planned: Plan,
    rules: policy.Rules,
    now: Now,
    *,
    kind: ByHand,
    who: str,
    shadow: bool,
) -> policy.Wait | policy.Cancel | int:
    """Queue a text that a person asked for, inside the transaction that is open, and return its id.

    A text that would have to wait is refused instead, for the person can try again.
    """
    verdict = gate.ask_at_once(
        db,
        recipient,
        planned.segments,
        rules,
        now,
        by_hand=True,
        known=kind == ByHand.TRY,
        shadow=shadow,
        before=_by_hand_before(db),
    )
    if not isinstance(verdict, policy.Pass):
        return verdict
    return _enqueue(
        db,
        recipient,
        now,
        contact_id=None,
        delay_seconds=0.0,
        share=Share.BY_HAND,
        age_limit=now.limit,
        planned=planned,
        by_hand=kind,
        asked_by=who,
    )


def _by_hand_before(db: Database) -> int:
    """Count the segments of the texts by hand that wait for their turn already."""
    sql = f"SELECT coalesce(sum(segments), 0) FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ?"
    return int(db.value(sql, Share.BY_HAND))


def tried_today(db: Database, now: Now) -> int:
    """Count the answers that persons tried on phones of the house in the last 24 hours."""
    tries = db.value(
        f"SELECT count(*) FROM answers a WHERE by_hand = '{ByHand.TRY}' AND queued_limit > ?"
        f" AND (a.state IN {states.OPEN} OR EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s"
        f" ON s.attempt_id = t.id WHERE t.answer_id = a.id AND s.state IN {states.MAY_HAVE_LEFT}))",
        now.limit - policy.WINDOW_SECONDS["day"],
    )
    return int(tries)


def requeue(db: Database, contact_id: int, who: str, now: Now) -> str | None:
    """Commit that a person wants the answer to a contact sent again.

    Returns None, or why it cannot be: the state of the answer, `none` where there is no answer, `erased` where its text
    or its number is. A text that was composed goes out as it was; the age of the answer runs from now.
    """
    with db.transaction():
        row = db.one("SELECT id, recipient, state, text, encoding FROM answers WHERE contact_id = ?", contact_id)
        if row is not None and _is_erased(row):
            return "erased"
        if row is None or not lifecycle.reopen(db, row["id"]):
            return str(row["state"]) if row else "none"
        db.execute(
            "UPDATE answers SET asked_by = ?, refusals = 0, refusals_counted = 0, refused_limit = NULL, sent_at = NULL,"
            " reported_at = NULL, age_limit = ?, due_at = ?, due_limit = ? WHERE id = ?",
            who,
            now.limit,
            now.rfc3339,
            now.limit,
            row["id"],
        )
        fleet.note_elsewhere(db, contact_id, None)
        refile(db, row["recipient"])
        line.save_limit_clock(db, now)
        events.record(db, now, "requeue", contact_id=contact_id, who=who)
    return None


def _is_erased(answer: Row) -> bool:
    return (answer["text"] is None and answer["encoding"] is not None) or pseudonym.is_one(answer["recipient"])


def cancel(db: Database, contact_id: int, who: str, now: Now) -> str | None:
    """Commit that a person wants the answer to a contact not sent; return None, or its state where it does not wait."""
    with db.transaction():
        row = db.one(
            f"SELECT id, state, {states.WAITS} AS waits FROM answers WHERE contact_id = ?",
            contact_id,
        )
        if row is None or not row["waits"]:
            return str(row["state"]) if row else "none"
        lifecycle.end(db, row["id"], Reason.PERSON)
        events.record(db, now, "cancel", contact_id=contact_id, who=who)
    return None


def cancel_all(db: Database, reason: Reason) -> None:
    """Cancel every answer that waits or is half sent, inside the transaction that is open."""
    for row in db.all(f"SELECT id FROM answers WHERE {states.WAITS}"):
        lifecycle.end(db, row["id"], reason)


# ---- the queue


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer that the gate may be asked about now.

    `share` is the share whose first answer it is, None where half of it has left; `trial` says that it would be the
    open breaker's trial.
    """

    answer_id: int
    share: Share | None
    trial: bool = False


def is_waiting(db: Database) -> bool:
    """Tell whether any answer is queued or being sent."""
    return bool(db.one(f"SELECT 1 FROM answers WHERE state IN {states.OPEN} LIMIT 1"))


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
    tried = [
        row["recipient"]
        for row in db.all(
            "SELECT a.recipient FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE t.trial = 1"
            " AND t.outcome IS NOT NULL AND t.ended_limit > ? ORDER BY t.ended_limit DESC, t.id DESC LIMIT ?",
            state.closed_limit,
            TRIED_AT_MOST,
        )
    ]
    order = "DESC" if state.rounds % 2 else "ASC"
    turns: dict[int, Turn] = {}
    # Who is left out, step by step until somebody is found: everybody tried since it opened; else those of this round,
    # or at its start whoever was last; else nobody, but only at the start of a round: within one nobody is tried twice.
    # In each step numbers that took something before go first.
    for excluded in (tried, tried[: max(1, state.refused)], *([] if state.refused else [[]])):
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
        if turns:
            break
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
        stale = _stale(
            db, max_age, now, SWEPT_AT_ONCE, by_calendar=by_calendar
        )  # again: one may have been ended just now
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


# ---- rows and values


def _enqueue(
    db: Database,
    recipient: str,
    now: Now,
    *,
    contact_id: int | None,
    delay_seconds: float,
    share: Share,
    age_limit: float,
    planned: Plan | None = None,
    by_hand: ByHand | None = None,
    asked_by: str | None = None,
) -> int:
    answer_id = lifecycle.new_answer(
        db,
        recipient,
        contact_id=contact_id,
        by_hand=by_hand,
        asked_by=asked_by,
        share=share,
        draw=random.SystemRandom().randrange(DRAWS),
        text=planned.text if planned else None,
        encoding=planned.encoding if planned else None,
        segments=planned.segments if planned else None,
        queued_at=now.rfc3339,
        queued_limit=now.limit,
        age_limit=age_limit,
        due_at=rfc3339(now.utc + timedelta(seconds=delay_seconds)),
        due_limit=now.limit + delay_seconds,
    )
    line.save_limit_clock(db, now)
    return answer_id


def _same_texts(db: Database, contact: sqlite3.Row, folded: str) -> int:
    """Count the same text among the latest ones of a number."""
    earlier = db.all(
        "SELECT text FROM contacts WHERE originator = ? AND id < ? AND text IS NOT NULL ORDER BY id DESC LIMIT ?",
        contact["originator"],
        contact["id"],
        LATEST_TEXTS,
    )
    return sum(policy.fold(row["text"]) == folded for row in earlier)


def _contact_age(row: sqlite3.Row, now: Now) -> timedelta:
    scts = datetime.fromisoformat(row["scts"]) if row["scts"] else None
    return age(now, arrived_limit=row["received_limit"], scts=scts)
