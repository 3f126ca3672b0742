"""Carries answers from state to state; each function is one transaction and one arrow of the table of states.

An answer is a row before it is a command: `begin` asks the gate and commits `sending` before the modem hears of
it. A segment counts for the windows from the moment that it is let out (`counted_limit`); segments that wait
behind it keep their place.
"""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hotlined import policy
from hotlined.clock import Now, age, rfc3339
from hotlined.gsm import tpdu
from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan
from hotlined.store import people, pseudonyms
from hotlined.store.database import Database

RETRY_AFTER_SECONDS = (60.0, 300.0, 900.0, 3600.0, 3600.0)
"""Pauses before an answer that cannot have left is tried again; after the last one it has failed."""

LATEST_TEXTS = 20
"""How many earlier texts of a number are compared with a new one."""

REPORT_WITHIN = timedelta(days=8)
"""How long a status report is matched to a segment: references are one octet and come again."""

_BEGUN = (
    "SELECT id AS answer_id, recipient, text, encoding, reference, answered_before FROM answers"
    " WHERE state = 'sending' ORDER BY id LIMIT 20"
)
_QUEUED = (
    "SELECT id AS answer_id, recipient, text, encoding, reference, answered_before FROM answers"
    " WHERE state = 'queued' AND answered_before = ? AND due_limit <= ? ORDER BY due_limit, id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Due:
    """An answer that is due, with what is needed to make its TPDUs."""

    answer_id: int
    recipient: str
    text: str
    encoding: str
    reference: int
    answered_before: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A segment that is committed as being submitted."""

    answer_id: int
    segment_id: int
    sequence: int
    total: int
    pdu: str
    tpdu_length: int


Compose = Callable[[int], Plan]
"""Gives the text of the answer to a number that was answered so often before."""


def judge(
    db: Database,
    contact_id: int,
    rules: policy.Rules,
    now: Now,
    *,
    compose: Compose,
    delay_seconds: float,
    shadow: bool,
) -> policy.Verdict:
    """Commit the verdict on a contact and, if it says so, its queued answer."""
    with db.transaction():
        row = db.one("SELECT * FROM contacts WHERE id = ?", contact_id)
        if row is None:  # a person had it erased since it was looked up
            return policy.Verdict(answer=False, reason=policy.Reason.PERSON)
        identity = Identity(
            originator=row["originator"],
            e164=row["originator"] if row["country"] else None,
            country=row["country"],
            line_type=LineType(row["line_type"]),
        )
        text = policy.fold(row["text"] or "")
        history = history_of(db, identity.originator, shadow=shadow)
        if history.answers and text:
            history = replace(history, same_texts=_same_texts(db, row, text))
        contact = policy.Contact(row["kind"], identity, _age(row, now), text)
        verdict = policy.judge(contact, history, rules, now.limit)
        db.execute(
            "UPDATE contacts SET verdict = ?, reason = ? WHERE id = ?",
            "answer" if verdict.answer else "suppress",
            verdict.reason.value,
            contact_id,
        )
        if policy.opts_out(text, history, rules) and not history.opted_out:
            assert identity.originator is not None
            people.opt_out(db, identity.originator, now)
        if verdict.answer:
            assert identity.originator is not None
            _enqueue(
                db,
                identity.originator,
                compose(history.answers),
                now,
                contact_id=contact_id,
                delay_seconds=delay_seconds,
                answered_before=history.answers > 0,
            )
    return verdict


def maybe_notice(db: Database, contact_id: int) -> str | None:
    """Return the text of a contact from a short code or a name, folded; None from anyone else."""
    row = db.one(
        "SELECT text FROM contacts WHERE id = ? AND line_type IN ('short_code', 'alphanumeric')",
        contact_id,
    )
    return policy.fold(row["text"] or "") if row else None


def enqueue_by_person(
    db: Database, recipient: str, plan: Plan, rules: policy.Rules, now: Now, *, shadow: bool
) -> policy.Wait | policy.Cancel | int:
    """Queue a text that a person asked for, inside the transaction that is open, and return its id.

    What would have to wait is refused instead: a person stands there and can try again.
    """
    history = history_of(db, recipient, shadow=shadow)
    queued = policy.Queued(recipient, plan.segments, timedelta(0), by_person=True)
    verdict = policy.gate(queued, history, spent(db, now, shadow=shadow), rules, now.limit, paused=_paused(db))
    if not isinstance(verdict, policy.Pass):
        return verdict
    return _enqueue(db, recipient, plan, now, contact_id=None, delay_seconds=0.0, answered_before=history.answers > 0)


def requeue(db: Database, contact_id: int, who: str, now: Now) -> str | None:
    """Commit that a person wants the answer to a contact sent again.

    Returns None, or what does not allow it: its state, `none` where there is no answer, `erased` without its text. The
    whole text goes out anew, held to the windows and to blocks alone; what was counted before stays counted.
    """
    with db.transaction():
        row = db.one("SELECT id, state, text FROM answers WHERE contact_id = ?", contact_id)
        if row is None or row["state"] not in ("unconfirmed", "failed", "cancelled"):
            return str(row["state"]) if row else "none"
        if row["text"] is None:
            return "erased"
        db.execute("UPDATE answer_segments SET current = 0 WHERE answer_id = ?", row["id"])
        db.execute(
            "UPDATE answers SET state = 'queued', waiting_for = 'due', reason = NULL, by_person = 1, attempts = 0,"
            " reference = ?, sent_at = NULL, reported_at = NULL, due_at = ?, due_limit = ? WHERE id = ?",
            secrets.randbelow(256),
            now.rfc3339,
            now.limit,
            row["id"],
        )
        db.event(now, "requeue", f"by {who}", contact_id)
    return None


def cancel_all(db: Database, reason: policy.Reason) -> None:
    """Cancel every answer that is queued or half sent, inside the transaction that is open."""
    for row in db.all("SELECT id FROM answers WHERE state IN ('queued', 'sending')"):
        cancel(db, row["id"], reason)


def history_of(db: Database, number: str | None, *, shadow: bool, without: int | None = None) -> policy.History:
    """Return what limits need to know of a number, also by its pseudonym; the answer `without` is left out."""
    names = pseudonyms.both(db, number or "")
    answers = db.one(
        "SELECT count(counted_limit) AS answers, max(counted_limit) AS last,"
        " coalesce(max(state IN ('queued', 'sending')), 0) AS pending FROM answers"
        " WHERE recipient IN (?, ?) AND shadow <= ? AND id IS NOT ?",
        *names,
        int(shadow),
        without,
    )
    decided = db.one(  # two rows, if it was decided about while nobody knew its pseudonym
        "SELECT count(blocked_at) AS blocked, count(opted_out_at) AS opted_out FROM numbers WHERE number IN (?, ?)",
        *names,
    )
    assert answers is not None
    assert decided is not None
    return policy.History(
        answers=answers["answers"],
        last_answer=answers["last"],
        pending=bool(answers["pending"]),
        blocked=bool(decided["blocked"]),
        opted_out=bool(decided["opted_out"]),
        hidden=pseudonyms.is_lost(db),
    )


def spent(db: Database, now: Now, *, shadow: bool, without: int | None = None) -> dict[str, policy.Spent]:
    """Return the segments counted in each window; what the answer `without` has not submitted is left out."""
    result = {}
    for name, seconds in policy.WINDOW_SECONDS.items():
        row = db.one(
            "SELECT count(*) AS total, coalesce(sum(answered_before), 0) AS returning_total FROM answer_segments"
            " WHERE counted_limit > ? AND shadow <= ?",
            now.limit - seconds,
            int(shadow),
        )
        own = db.one(
            "SELECT count(*) AS total, coalesce(sum(answered_before), 0) AS returning_total FROM answer_segments"
            " WHERE answer_id = ? AND current = 1 AND state = 'waiting' AND counted_limit > ?",
            without,
            now.limit - seconds,
        )
        assert row is not None
        assert own is not None
        result[name] = policy.Spent(*(counted - reserved for counted, reserved in zip(row, own, strict=True)))
    return result


def due(db: Database, now: Now) -> list[Due]:
    """Return the answers whose turn it may be: one begun, the oldest to a new number, the oldest to a known one."""
    rows = db.all(_BEGUN)
    for answered_before in (0, 1):
        rows += db.all(_QUEUED, answered_before, now.limit)
    return [Due(**row) for row in rows]


def latest_due(db: Database, now: Now) -> tuple[float | None, ...]:
    """Return when the last answers fell due that are queued, to new numbers and to known ones."""
    rows = [
        db.one(
            "SELECT max(due_limit) AS due FROM answers"
            " WHERE state = 'queued' AND answered_before = ? AND due_limit <= ?",
            answered_before,
            now.limit,
        )
        for answered_before in (0, 1)
    ]
    return tuple(row["due"] if row else None for row in rows)


def next_dues(db: Database) -> dict[bool, float]:
    """Return when the first queued answer is due, in limit time: to new numbers (False) and to known ones (True)."""
    rows = {
        answered_before: db.one(
            "SELECT due_limit FROM answers WHERE state = 'queued' AND answered_before = ? ORDER BY due_limit LIMIT 1",
            int(answered_before),
        )
        for answered_before in (False, True)
    }
    return {answered_before: row["due_limit"] for answered_before, row in rows.items() if row}


def next_due(db: Database) -> float | None:
    """Return the limit time at which the next queued answer is due."""
    return min(next_dues(db).values(), default=None)


def begin(
    db: Database,
    answer: Due,
    segments: Sequence[tpdu.EncodedSegment],
    rules: policy.Rules,
    now: Now,
    *,
    shadow: bool,
) -> tuple[policy.Gate, Begun | None]:
    """Ask the gate and, if it says pass, commit the next segment as being submitted.

    In shadow mode the whole answer is counted and ends as `shadowed`. `segments` are used if this is the first
    attempt; later ones go on with what was stored then.
    """
    with db.transaction():
        row = db.one(
            "SELECT a.*, c.scts, c.received_limit FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id"
            " WHERE a.id = ? AND a.state IN ('queued', 'sending')",
            answer.answer_id,
        )
        if row is None:
            return policy.Cancel(policy.Reason.PERSON), None
        stored = db.all(
            "SELECT * FROM answer_segments WHERE answer_id = ? AND current = 1 ORDER BY sequence",
            answer.answer_id,
        )
        if any(segment["state"] == "submitting" for segment in stored):
            return policy.Wait(policy.WaitingFor.SEND_INTERVAL), None
        waiting = [segment for segment in stored if segment["state"] == "waiting"]
        remaining = len(waiting) if stored else len(segments)
        has_left = len(waiting) < len(stored)
        if shadow and has_left:
            return policy.Wait(policy.WaitingFor.RETRY), None  # half of it went out live: it is finished live
        verdict = policy.gate(
            policy.Queued(
                answer.recipient,
                remaining,
                _age(row, now),
                bool(row["by_person"]),
                has_left,
                _may_have_left(db, answer),
            ),
            history_of(db, answer.recipient, shadow=shadow, without=answer.answer_id),
            spent(db, now, shadow=shadow, without=answer.answer_id),
            rules,
            now.limit,
            paused=_paused(db),
        )
        if isinstance(verdict, policy.Cancel):
            cancel(db, answer.answer_id, verdict.reason)
            return verdict, None
        if isinstance(verdict, policy.Wait):
            return verdict, None
        if not stored:
            _store_segments(db, answer.answer_id, segments, returning=verdict.returning, shadow=shadow)
        db.execute(
            "UPDATE answer_segments SET counted_limit = ?, answered_before = ?, shadow = ?"
            " WHERE answer_id = ? AND current = 1 AND state = 'waiting'",
            now.limit,
            int(verdict.returning),
            int(shadow),
            answer.answer_id,
        )
        db.execute(
            "UPDATE answers SET state = ?, waiting_for = NULL, reason = NULL WHERE id = ?",
            "shadowed" if shadow else "sending",
            answer.answer_id,
        )
        if not (shadow and _may_have_left(db, answer)):  # what may have left live counts as it did
            db.execute("UPDATE answers SET shadow = ? WHERE id = ?", int(shadow), answer.answer_id)
            _recount(db, answer.answer_id)
        db.save_limit_clock(now)
        if shadow:
            db.execute(
                "UPDATE answer_segments SET state = 'shadowed' WHERE answer_id = ? AND current = 1",
                answer.answer_id,
            )
            return verdict, None
        segment = db.one(
            "SELECT * FROM answer_segments WHERE answer_id = ? AND current = 1 AND state = 'waiting'"
            " ORDER BY sequence LIMIT 1",
            answer.answer_id,
        )
        assert segment is not None
        db.execute(
            "UPDATE answer_segments SET state = 'submitting', submitted_at = ? WHERE id = ?",
            now.rfc3339,
            segment["id"],
        )
    return verdict, Begun(
        answer.answer_id,
        segment["id"],
        segment["sequence"],
        len(stored) or len(segments),
        segment["pdu"],
        segment["tpdu_length"],
    )


def mark_waiting(db: Database, waiting_for: policy.WaitingFor, now: Now, *, answered_before: bool | None) -> None:
    """Say in every due answer of a class (None: all) what it waits for; written only where that has changed."""
    arguments = (now.limit, waiting_for.value, answered_before)
    changed = db.all(
        "SELECT id FROM answers WHERE state = 'queued' AND due_limit <= ? AND waiting_for IS NOT ?"
        " AND coalesce(answered_before = ?, 1)",
        *arguments,
    )
    if changed:
        with db.transaction():
            for row in changed:
                db.execute("UPDATE answers SET waiting_for = ? WHERE id = ?", waiting_for.value, row["id"])


def mark_sent(db: Database, segment_id: int, mr: int | None, now: Now) -> None:
    """Commit that the network took a segment under the reference `mr`."""
    with db.transaction():
        db.execute(
            "UPDATE answer_segments SET state = 'sent', mr = ?, sent_at = ?, cause = NULL WHERE id = ?",
            mr,
            now.rfc3339,
            segment_id,
        )
        _settle(db, segment_id, now)


def mark_unconfirmed(db: Database, segment_id: int, cause: str) -> None:
    """Commit that nobody knows whether a segment left; it keeps its count, and what stands behind it is not sent."""
    with db.transaction():
        _unconfirm(db, segment_id, cause)


def mark_refused(db: Database, begun: Begun, cause: str, now: Now, *, again: bool) -> bool:
    """Commit that a segment cannot have left; return whether it will be tried again.

    Of an answer of which nothing has left nothing counts. One that is worth another attempt is queued with a
    growing pause.
    """
    with db.transaction():
        row = db.one("SELECT attempts FROM answers WHERE id = ?", begun.answer_id)
        assert row is not None
        again = again and row["attempts"] < len(RETRY_AFTER_SECONDS)
        db.execute(
            "UPDATE answer_segments SET state = ?, cause = ?, counted_limit = NULL WHERE id = ?",
            "waiting" if again else "failed",
            cause,
            begun.segment_id,
        )
        db.execute(
            "UPDATE answer_segments SET counted_limit = NULL WHERE answer_id = ? AND current = 1 AND state = 'waiting'",
            begun.answer_id,
        )
        _recount(db, begun.answer_id)
        pause = RETRY_AFTER_SECONDS[min(row["attempts"], len(RETRY_AFTER_SECONDS) - 1)]
        db.execute(
            "UPDATE answers SET state = ?, reason = ?, waiting_for = ?, attempts = attempts + 1,"
            " due_limit = ?, due_at = ? WHERE id = ?",
            "queued" if again else "failed",
            cause,
            policy.WaitingFor.RETRY.value if again else None,
            now.limit + pause,
            rfc3339(now.utc + timedelta(seconds=pause)),
            begun.answer_id,
        )
    return again


def put_back(db: Database, begun: Begun, waiting_for: policy.WaitingFor) -> None:
    """Commit that a segment was not submitted after all, through no fault of its own: not an attempt."""
    with db.transaction():
        db.execute(
            "UPDATE answer_segments SET state = 'waiting' WHERE id = ? AND state = 'submitting'",
            begun.segment_id,
        )
        db.execute(
            "UPDATE answer_segments SET counted_limit = NULL WHERE answer_id = ? AND current = 1 AND state = 'waiting'",
            begun.answer_id,
        )
        db.execute(
            "UPDATE answers SET state = 'queued', waiting_for = ? WHERE id = ?", waiting_for.value, begun.answer_id
        )
        _recount(db, begun.answer_id)


def recover(db: Database, now: Now) -> int:
    """Commit what a crash left behind: a segment in hand is unconfirmed. Returns how many there were."""
    rows = db.all("SELECT s.id FROM answers a JOIN answer_segments s ON s.answer_id = a.id"
                  " WHERE a.state = 'sending' AND s.state = 'submitting' AND s.current = 1")  # fmt: skip
    if rows:
        with db.transaction():
            for row in rows:
                _unconfirm(db, row["id"], "the daemon stopped before the result came")
            db.event(now, "unconfirmed", f"{len(rows)} found at start")
    return len(rows)


def apply_report(db: Database, report: tpdu.StatusReport, now: Now) -> int | None:
    """Match a status report to its segment and settle its answer, inside the transaction that is open.

    Matched by recipient and reference, the latest first; a segment whose reference never came (unconfirmed) is
    matched by its recipient alone. Returns the segment's id, or None where nothing matches.
    """
    rows = db.all(
        "SELECT s.id, s.state, a.recipient, s.mr FROM answer_segments s JOIN answers a ON a.id = s.answer_id"
        " WHERE (s.mr = ? OR (s.mr IS NULL AND s.state = 'unconfirmed')) AND s.counted_limit >= ?"
        " ORDER BY s.mr IS NULL, s.id DESC",
        report.mr,
        now.limit - REPORT_WITHIN.total_seconds(),
    )
    recipient = report.recipient.value
    names = pseudonyms.both(db, str(report.recipient))
    matching = [row for row in rows if row["recipient"] in names or same_number(recipient, row["recipient"])]
    if not matching:
        return None
    segment = matching[0]
    state = _REPORTED[report.status_class]
    if state == "sent" and segment["state"] in ("delivered", "undelivered"):
        return int(segment["id"])  # a report that was overtaken by the final one
    db.execute(
        "UPDATE answer_segments SET state = ?, mr = ?, report_status = ?, reported_at = ?, discharged_at = ?"
        " WHERE id = ?",
        state,
        report.mr,
        report.status,
        now.rfc3339,
        report.discharged_at.isoformat() if report.discharged_at else None,
        segment["id"],
    )
    db.execute(
        "UPDATE answers SET reported_at = ? WHERE id = (SELECT answer_id FROM answer_segments WHERE id = ?)",
        now.rfc3339,
        segment["id"],
    )
    _settle(db, segment["id"], now)
    return int(segment["id"])


_REPORTED = {
    tpdu.StatusClass.DELIVERED: "delivered",
    tpdu.StatusClass.COMPLETED: "delivered",
    tpdu.StatusClass.PENDING: "sent",
    tpdu.StatusClass.FAILED: "undelivered",
    tpdu.StatusClass.TEMPORARY_FAILED: "undelivered",
    tpdu.StatusClass.RESERVED: "sent",
}


def _same_texts(db: Database, contact: sqlite3.Row, folded: str) -> int:
    """Count the same text among the latest ones of a number."""
    earlier = db.all(
        "SELECT text FROM contacts WHERE originator = ? AND id < ? AND text IS NOT NULL ORDER BY id DESC LIMIT ?",
        contact["originator"],
        contact["id"],
        LATEST_TEXTS,
    )
    return sum(policy.fold(row["text"]) == folded for row in earlier)


def _enqueue(
    db: Database,
    recipient: str,
    plan: Plan,
    now: Now,
    *,
    contact_id: int | None,
    delay_seconds: float,
    answered_before: bool,
) -> int:
    cursor = db.execute(
        "INSERT INTO answers (contact_id, recipient, state, waiting_for, text, encoding, segments, reference,"
        " answered_before, by_person, queued_at, queued_limit, due_at, due_limit)"
        " VALUES (?, ?, 'queued', 'due', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        contact_id,
        recipient,
        plan.text,
        plan.encoding.value,
        plan.segments,
        secrets.randbelow(256),
        int(answered_before),
        int(contact_id is None),
        now.rfc3339,
        now.limit,
        rfc3339(now.utc + timedelta(seconds=delay_seconds)),
        now.limit + delay_seconds,
    )
    db.save_limit_clock(now)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _store_segments(
    db: Database, answer_id: int, segments: Sequence[tpdu.EncodedSegment], *, returning: bool, shadow: bool
) -> None:
    for sequence, segment in enumerate(segments, 1):
        db.execute(
            "INSERT INTO answer_segments (answer_id, sequence, state, pdu, tpdu_length, answered_before, shadow)"
            " VALUES (?, ?, 'waiting', ?, ?, ?, ?)",
            answer_id,
            sequence,
            segment.pdu,
            segment.tpdu_length,
            int(returning),
            int(shadow),
        )


def _paused(db: Database) -> bool:
    return bool(db.one("SELECT 1 FROM line_state WHERE paused_at IS NOT NULL"))


def _may_have_left(db: Database, answer: Due) -> bool:
    """Tell whether an earlier attempt of an answer, before a person asked for it again, may have left."""
    return bool(
        db.one(
            "SELECT 1 FROM answer_segments WHERE answer_id = ? AND current = 0 AND counted_limit IS NOT NULL LIMIT 1",
            answer.answer_id,
        )
    )


def _recount(db: Database, answer_id: int) -> None:
    """Let an answer count from when its current attempt began, else from the last of which something may have left."""
    db.execute(
        "UPDATE answers SET counted_limit = coalesce("
        "(SELECT min(counted_limit) FROM answer_segments s WHERE s.answer_id = answers.id AND s.current = 1),"
        " (SELECT max(counted_limit) FROM answer_segments s WHERE s.answer_id = answers.id)) WHERE id = ?",
        answer_id,
    )


def cancel(db: Database, answer_id: int, reason: policy.Reason) -> None:
    """Record that nothing more of an answer is sent, inside the transaction that is open."""
    db.execute(
        "UPDATE answer_segments SET counted_limit = NULL WHERE answer_id = ? AND current = 1 AND state = 'waiting'",
        answer_id,
    )
    _recount(db, answer_id)
    db.execute(
        "UPDATE answers SET state = CASE WHEN EXISTS (SELECT 1 FROM answer_segments s WHERE s.answer_id = answers.id"
        " AND s.current = 1 AND s.state IN ('sent', 'delivered', 'undelivered')) THEN 'failed' ELSE 'cancelled' END,"
        " waiting_for = NULL, reason = ? WHERE id = ?",
        reason.value,
        answer_id,
    )


def _unconfirm(db: Database, segment_id: int, cause: str) -> None:
    db.execute("UPDATE answer_segments SET state = 'unconfirmed', cause = ? WHERE id = ?", cause, segment_id)
    db.execute(
        "UPDATE answers SET state = 'unconfirmed', reason = ? WHERE id ="
        " (SELECT answer_id FROM answer_segments WHERE id = ?)",
        cause,
        segment_id,
    )


def _settle(db: Database, segment_id: int, now: Now) -> None:
    """Give an answer the state that its segments add up to."""
    row = db.one(
        "SELECT answer_id, min(state IN ('sent', 'delivered', 'undelivered')) AS all_left,"
        " min(state = 'delivered') AS all_delivered,"
        " max(state = 'undelivered') AS undelivered FROM answer_segments WHERE current = 1 AND answer_id ="
        " (SELECT answer_id FROM answer_segments WHERE id = ?)",
        segment_id,
    )
    assert row is not None
    if not row["all_left"]:
        return
    state = "undelivered" if row["undelivered"] else "delivered" if row["all_delivered"] else "sent"
    db.execute(
        "UPDATE answers SET state = ?, reason = NULL, sent_at = coalesce(sent_at, ?) WHERE id = ?",
        state,
        now.rfc3339,
        row["answer_id"],
    )


def same_number(reported: str, recipient: str) -> bool:
    """Compare by the trailing digits: networks report national and international forms, and some a digit too much."""
    ours, theirs = recipient.lstrip("+"), reported.lstrip("0")
    digits = min(len(ours), len(theirs), 9)
    return ours == theirs or (digits >= 7 and ours[-digits:] == theirs[-digits:])


def _age(row: object, now: Now) -> timedelta:
    arrived, scts = row["received_limit"], row["scts"]  # type: ignore[index]
    if arrived is None:
        return timedelta(0)
    return age(now, arrived_limit=arrived, scts=datetime.fromisoformat(scts) if scts else None)
