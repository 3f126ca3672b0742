"""Judges contacts and queues answers: verdicts, and the texts that people send, send again or cancel.

Each function is one transaction, or a part of the one that is open. The head of `lifecycle` explains the whole path,
and why nothing can leave twice. `queue` knows whose turn it is, `gate` lets answers out, `fates` records their results.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from sqlite3 import Row
from typing import NamedTuple

from hotlined import pseudonym, states
from hotlined.gsm.alphabet import Plan
from hotlined.machine.clock import Now, age, parse_rfc3339
from hotlined.rules import policy, recognition
from hotlined.rules.policy import Reason, Share
from hotlined.states import AnswerState, ByHand, ContactVerdict, EventKind, SegmentState
from hotlined.store.answers import decisions, gate, lifecycle
from hotlined.store.answers.correspondents import identity_of
from hotlined.store.line import elsewhere, events, line_row
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of, may_have_left

LATEST_TEXTS = 20
"""A new text is compared with at most this many earlier texts of its originator."""
BY_HAND_A_DAY = 5
"""The most often that people may have the first answer sent to phones of the house, in 24 hours."""
DRAWS = 1 << 31
"""Each answer gets a random number at its verdict, from 0 to below this; the gate makes all random choices by it."""


# ---- the verdict


def judge(db: Database, contact_id: int, rules: policy.Rules, now: Now, *, delay_seconds: float) -> policy.Verdict:
    """Commit the verdict on a contact and, if it says so, its queued answer; an opt-out cancels what was queued."""
    with db.transaction():
        row = db.one("SELECT * FROM contacts WHERE id = ?", contact_id)
        if row is None:  # a person had it erased after it was looked up
            return policy.Verdict(answer=False, reason=Reason.PERSON)
        identity = identity_of(row, row["originator"])
        text = recognition.fold(row["text"] or "")
        if identity.originator is not None and elsewhere.is_member(db):
            elsewhere.note_number(db, identity.originator)
        history = history_of(db, identity.originator, other=row["other_originator"])
        if history.answers and text:
            history = history._replace(same_texts=_same_texts(db, row, text))
        opts_out = recognition.opts_out(row["text"] or "", rules.numbers.opt_out_words)
        contact = policy.Contact(row["kind"], identity, _contact_age(row, now), text, opts_out)
        verdict = policy.judge(contact, history, rules, now.limit)
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ?, elsewhere = ? WHERE id = ?",
            ContactVerdict.ANSWER if verdict.answer else ContactVerdict.SUPPRESS,
            verdict.reason,
            elsewhere.lines_of(history, verdict.reason),
            contact_id,
        )
        if identity.originator is not None:
            if opts_out and not history.opted_out:
                decisions.opt_out(db, identity.originator, now)
            if verdict.answer:
                _enqueue(
                    db,
                    identity.originator,
                    now,
                    contact_id=contact_id,
                    delay_seconds=delay_seconds,
                    share=Share.KNOWN if history.known else Share.NEW,
                    age_limit=row["received_limit"],
                )
    return verdict


def set_contact_aside(db: Database, contact_id: int, why: str, now: Now) -> None:
    """Commit that a contact could not be judged: it is kept without an answer, and no longer blocks those behind it."""
    with db.transaction():
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ? WHERE id = ? AND verdict IS NULL",
            ContactVerdict.SUPPRESS,
            Reason.SET_ASIDE,
            contact_id,
        )
        events.record(db, now, EventKind.SET_ASIDE, contact_id=contact_id, detail={"error": why})


def notice(db: Database, contact_id: int) -> str:
    """Return the text of a contact as `recognition.fold` returns it: a text of the operator may be about credit."""
    row = db.one("SELECT text FROM contacts WHERE id = ?", contact_id)
    return recognition.fold(row["text"] or "") if row else ""


def recent_texts(db: Database, now: Now) -> list[str]:
    """Return the different texts of the answers of the last 30 days: an autoresponder may send one of them back."""
    rows = db.all(
        "SELECT DISTINCT text FROM answers WHERE by_hand IS NULL AND text IS NOT NULL AND queued_limit > ?",
        now.limit - policy.WINDOW_SECONDS["month"],
    )
    return [row["text"] for row in rows]


# ---- requests of people


def enqueue_by_hand(
    db: Database,
    recipient: str,
    planned: Plan,
    rules: policy.Rules,
    now: Now,
    *,
    kind: ByHand,
    who: str,
) -> policy.Wait | policy.Cancel | int:
    """Queue a text that a person asked for, inside the transaction that is open, and return its id.

    A text that would have to wait is refused instead, because the person can try again.
    """
    asked = gate.at_once(recipient, planned.segments, by_hand=True, known=kind == ByHand.ANSWER)
    verdict = gate.ask_at_once(db, asked, rules, now, before=_by_hand_before(db))
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
    """Count the segments of the texts by hand that are waiting already."""
    sql = f"SELECT coalesce(sum(segments), 0) FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ?"
    return int(db.value(sql, Share.BY_HAND))


def by_hand_today(db: Database, now: Now) -> int:
    """Count the answers that people had sent to phones of the house in the last 24 hours."""
    sent = db.value(
        f"SELECT count(*) FROM answers a WHERE by_hand = '{ByHand.ANSWER}' AND queued_limit > ?"
        f" AND (a.state IN {states.listed(states.OPEN)} OR EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s"
        f" ON s.attempt_id = t.id WHERE t.answer_id = a.id AND s.state IN {states.MAY_HAVE_LEFT}))",
        now.limit - policy.WINDOW_SECONDS["day"],
    )
    return int(sent)


def requeue(db: Database, contact_id: int, who: str, now: Now, *, blocked: Collection[str] = ()) -> str | None:
    """Commit that a person wants the answer to a contact sent again.

    Returns None, or why this is impossible: the state of the answer; `none` if the contact has no answer; `erased` if
    the answer's text or number was erased; `blocked` (by a person, or as one of the numbers in the argument `blocked`,
    which come from the configuration); or `opted_out`. A text that was already composed is sent unchanged. The age of
    the answer counts from now. It is due now; if no part of it ever left, it is still not due before its original time.
    """
    with db.transaction():
        row = db.one(f"{_REQUEUED} WHERE contact_id = ?", contact_id)
        if row is None or (refused := _requeue(db, row, who, now, blocked)):
            return refused if row else "none"
        events.record(db, now, EventKind.REQUEUE, contact_id=contact_id, who=who)
    return None


def requeue_by_hand(db: Database, answer_id: int, who: str, now: Now, *, blocked: Collection[str] = ()) -> str | None:
    """Commit that a person wants a text by hand sent again, unchanged; returns what `requeue` returns."""
    with db.transaction():
        row = db.one(f"{_REQUEUED} WHERE id = ? AND by_hand IS NOT NULL", answer_id)
        if row is None or (refused := _requeue(db, row, who, now, blocked)):
            return refused if row else "none"
        events.record(db, now, EventKind.REQUEUE, number=row["recipient"], who=who)
    return None


class PerhapsSent(NamedTuple):
    """The answers that were perhaps sent in a time: how many can be sent again, one for each number, and the rest."""

    again: int
    first_at: str | None
    """The time, in RFC 3339, at which the first of these answers was handed to the modem; None for no answers."""
    left_out: dict[str, int]
    """Counts of numbers that get none, by the reason: `taken` (something was, since), `waits`, or as in `requeue`."""


def perhaps_sent(db: Database, since: str, *, blocked: Collection[str] = ()) -> PerhapsSent:
    """Return what `requeue_since` would do."""
    return _perhaps_sent(db, since, blocked)[1]


def requeue_since(db: Database, since: str, who: str, now: Now, *, blocked: Collection[str] = ()) -> PerhapsSent:
    """Commit that a person wants all answers that were perhaps sent since a moment sent again.

    They are the answers to contacts whose latest segment, handed to the modem since then, is unconfirmed: of each
    number the latest. `blocked` is as in `requeue`.
    """
    with db.transaction():
        rows, found = _perhaps_sent(db, since, blocked)
        for row in rows:
            _requeue(db, row, who, now, blocked)
            events.record(db, now, EventKind.REQUEUE, contact_id=row["contact_id"], who=who)
    return found


def _perhaps_sent(db: Database, since: str, blocked: Collection[str]) -> tuple[list[Row], PerhapsSent]:
    latest: dict[object, Row] = {}
    for row in db.all(_PERHAPS_SENT, since):
        latest.setdefault(row["id"] if _is_erased(row) else row["recipient"], row)  # erased ones may have one name
    why = {row["id"]: _why_left_out(db, row, blocked) for row in latest.values()}
    again = [row for row in latest.values() if why[row["id"]] is None]
    first_at = min((row["submitted_at"] for row in again), default=None)
    return again, PerhapsSent(len(again), first_at, dict(Counter(str(each) for each in why.values() if each)))


def _why_left_out(db: Database, answer: Row, blocked: Collection[str]) -> str | None:
    if _is_erased(answer):
        return "erased"
    if decided := _maybe_decided(db, answer, blocked):
        return decided
    recipient = answer["recipient"]
    if db.one(_TAKEN_SINCE, recipient, answer["submitted_limit"]):
        return "taken"
    waits = f"SELECT 1 FROM answers WHERE recipient = ? AND state IN {states.listed(states.OPEN)} LIMIT 1"
    return "waits" if db.one(waits, recipient) else None


_PERHAPS_SENT = f"""
SELECT a.id, a.contact_id, a.recipient, a.state, a.text, a.encoding, a.by_hand, s.submitted_at, s.submitted_limit,
  (SELECT other_originator FROM contacts WHERE id = a.contact_id) AS other
FROM answers a
  JOIN answer_segments s ON s.attempt_id = (SELECT max(id) FROM attempts WHERE answer_id = a.id)
WHERE a.state = '{AnswerState.UNCONFIRMED}' AND a.by_hand IS NULL
  AND s.state = '{SegmentState.UNCONFIRMED}' AND s.submitted_at >= ?
ORDER BY s.submitted_limit DESC, a.id DESC
"""
_TAKEN_SINCE = (
    "SELECT 1 FROM answers a JOIN attempts t ON t.answer_id = a.id JOIN answer_segments s ON s.attempt_id = t.id"
    f" WHERE a.recipient = ? AND s.submitted_limit > ? AND s.state IN {states.LEFT} LIMIT 1"
)
_REQUEUED = (
    "SELECT id, recipient, state, text, encoding, by_hand,"
    " (SELECT other_originator FROM contacts WHERE id = contact_id) AS other FROM answers"
)


def _requeue(db: Database, answer: Row, who: str, now: Now, blocked: Collection[str]) -> str | None:
    """Queue an answer again, inside the transaction that is open; return why that is impossible, or None."""
    if _is_erased(answer):
        return "erased"
    if answer["state"] in states.REPEATABLE and (decided := _maybe_decided(db, answer, blocked)):
        return decided
    if not lifecycle.reopen(db, answer["id"]):
        return str(answer["state"])
    db.execute(
        "UPDATE contacts SET elsewhere = NULL WHERE id = (SELECT contact_id FROM answers WHERE id = ?)", answer["id"]
    )
    left = may_have_left(db, answer["id"])
    db.execute(
        "UPDATE answers SET asked_by = ?, refusals = 0, refusals_counted = 0, refused_limit = NULL, sent_at = NULL,"
        " reported_at = NULL, age_limit = ?, due_limit = max(?, iif(?, 0, due_limit)) WHERE id = ?",
        who,
        now.limit,
        now.limit,
        left,
        answer["id"],
    )
    line_row.save_limit_clock(db, now)
    return None


def _maybe_decided(db: Database, answer: Row, blocked: Collection[str]) -> Reason | None:
    """Return the decision about the number of an answer that keeps it from being sent again, or None."""
    decided = history_of(db, answer["recipient"], other=answer["other"])
    if decided.blocked or not {answer["recipient"], answer["other"]}.isdisjoint(blocked):
        return Reason.BLOCKED
    # a text that a person wrote may also go to a number that has opted out
    return Reason.OPTED_OUT if decided.opted_out and answer["by_hand"] is None else None


def _is_erased(answer: Row) -> bool:
    return (answer["text"] is None and answer["encoding"] is not None) or pseudonym.is_one(answer["recipient"])


def cancel(db: Database, contact_id: int, who: str, now: Now) -> str | None:
    """Commit that a person wants the answer to a contact not sent.

    Returns None; or, if the answer does not wait, its state, `none` without an answer.
    """
    with db.transaction():
        row = db.one(f"{_CANCELLED} WHERE contact_id = ?", contact_id)
        if row is None or not row["waits"]:
            return str(row["state"]) if row else "none"
        lifecycle.end(db, row["id"], Reason.PERSON)
        events.record(db, now, EventKind.CANCEL, contact_id=contact_id, who=who)
    return None


def cancel_by_hand(db: Database, answer_id: int, who: str, now: Now) -> str | None:
    """Commit that a person wants a text by hand not sent; returns what `cancel` returns."""
    with db.transaction():
        row = db.one(f"{_CANCELLED} WHERE id = ? AND by_hand IS NOT NULL", answer_id)
        if row is None or not row["waits"]:
            return str(row["state"]) if row else "none"
        lifecycle.end(db, row["id"], Reason.PERSON)
        events.record(db, now, EventKind.CANCEL, number=row["recipient"], who=who)
    return None


_CANCELLED = f"SELECT id, recipient, state, {states.WAITS} AS waits FROM answers"


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
        due_limit=now.limit + delay_seconds,
    )
    line_row.save_limit_clock(db, now)
    return answer_id


def _same_texts(db: Database, contact: sqlite3.Row, folded: str) -> int:
    """Count, among the latest texts of the number, those that are equal to this one."""
    earlier = db.all(
        "SELECT text FROM contacts WHERE originator = ? AND id < ? AND text IS NOT NULL ORDER BY id DESC LIMIT ?",
        contact["originator"],
        contact["id"],
        LATEST_TEXTS,
    )
    return sum(recognition.fold(row["text"]) == folded for row in earlier)


def _contact_age(row: sqlite3.Row, now: Now) -> timedelta:
    scts = parse_rfc3339(row["scts"]) if row["scts"] else None
    return age(now, arrived_limit=row["received_limit"], scts=scts)
