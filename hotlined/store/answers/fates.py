"""Records the fates of segments: results, crashes, late results and reports; and reports outcomes to the breaker.

Each fate is one transaction. The policy decides what a result means; `states` says what each state counts for.
"""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hotlined import states
from hotlined.gsm import tpdu
from hotlined.gsm.address import Address, Ton
from hotlined.machine.clock import Now, boot_id
from hotlined.machine.timing import USUAL, pause_after
from hotlined.rules import policy
from hotlined.rules.breaker import Outcome
from hotlined.rules.policy import AttemptCause, Fate
from hotlined.states import AnswerState, EventKind, SegmentState
from hotlined.store.answers import breakers, gate, lifecycle
from hotlined.store.answers.breakers import BreakerUpdate
from hotlined.store.answers.correspondents import country_of
from hotlined.store.answers.gate import Begun
from hotlined.store.answers.lifecycle import latest_attempt, move, move_rest, move_segment
from hotlined.store.line import events, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import forget_waits, row_of

REPORT_WITHIN = timedelta(days=8)
"""A status report is matched to a segment only within this time: references are one byte, and come again."""


class Settled(NamedTuple):
    """The fate of a segment, and the change that it made to the breaker."""

    fate: Fate
    update: BreakerUpdate


def settle(
    db: Database,
    begun: Begun,
    result: policy.Result,
    now: Now,
    *,
    retry_after: Sequence[float] = USUAL.retry_after,
    pauses: Sequence[float] = USUAL.trial_after,
) -> Settled:
    """Commit the fate of a segment that was handed to the modem, and report it to the breaker."""
    with db.transaction():
        outcome: Outcome | None
        match result:
            case policy.Taken(mr):
                fate, outcome = Fate.TAKEN, _take(db, begun, mr, now)
            case policy.Refused():
                fate, outcome = _refuse(db, begun, result, now, retry_after)
            case policy.Unknown():
                fate, outcome = Fate.UNCONFIRMED, Outcome.UNCONFIRMED
                _unconfirm(db, begun.segment_id, result.cause, result.detail)
        certainly_not_sent = fate in (Fate.RETRY, Fate.FAILED) and not lifecycle.has_left(db, begun.attempt_id)
        update = _end_attempt(
            db,
            begun.attempt_id,
            outcome,
            None if isinstance(result, policy.Taken) else result.cause,
            now,
            pauses,
            certainly_not_sent=certainly_not_sent,
        )
    return Settled(fate, update)


def _outcome_of(result: policy.Refused, fate: Fate) -> Outcome:
    """Return what a refusal says about the line."""
    # `policy.fate` made it fail: the same refusal twice in a row, or too many in all, while segments to others left
    is_recipients = result.fault is policy.AtFault.EITHER and fate is Fate.FAILED
    if is_recipients or result.fault is policy.AtFault.RECIPIENT:
        return Outcome.RECIPIENT
    return Outcome.DECLINED if result.by_network else Outcome.REFUSED


def _end_attempt(
    db: Database,
    attempt_id: int,
    outcome: Outcome | None,
    cause: str | None,
    now: Now,
    pauses: Sequence[float],
    *,
    certainly_not_sent: bool,
) -> BreakerUpdate:
    """Record how an attempt ended and report it to the breaker; without an outcome the attempt goes on."""
    if outcome is None:
        return BreakerUpdate(None, row_of(db).breaker)
    lifecycle.end_attempt(db, attempt_id, outcome, cause, now)
    return breakers.report_outcome(db, attempt_id, outcome, now, tuple(pauses), certainly_not_sent=certainly_not_sent)


def _take(db: Database, begun: Begun, mr: int | None, now: Now) -> Outcome | None:
    """Record that the network took a segment; return the attempt's outcome if it was the last one."""
    move_segment(db, begun.segment_id, SegmentState.SENT, mr=mr, sent_at=now.rfc3339, cause=None)
    if begun.sequence < begun.total:
        return None
    move(db, begun.answer_id, AnswerState.SENT, sent_at=now.rfc3339)
    return Outcome.TAKEN


def _refuse(
    db: Database, begun: Begun, result: policy.Refused, now: Now, retry_after: Sequence[float]
) -> tuple[Fate, Outcome]:
    """Record a refusal: the answer waits for another try, has failed, or is unconfirmed if it may have left.

    If a segment of the attempt has left, the attempt goes on with the next try. Otherwise it is over, and the text is
    composed anew, unless a person asked for it.
    """
    answer = db.the("SELECT * FROM answers WHERE id = ?", begun.answer_id)
    refusals = _refusals(db, answer)
    fate = policy.fate(result, refusals)
    if fate is Fate.UNCONFIRMED:
        _unconfirm(db, begun.segment_id, result.cause, result.detail)
        return fate, Outcome.UNCONFIRMED
    again = fate is Fate.RETRY and not answer["by_hand"]  # else a person is there, and can try again
    half_sent = lifecycle.has_left(db, begun.attempt_id)
    goes_on = again and half_sent
    to = SegmentState.WAITING if goes_on else SegmentState.REFUSED
    move_segment(db, begun.segment_id, to, cause=result.cause, detail=result.detail or None)
    if not goes_on:
        move_rest(db, begun.attempt_id, SegmentState.WAITING, SegmentState.CANCELLED)
    if not again:
        move(db, begun.answer_id, AnswerState.FAILED, result.cause)
        return Fate.FAILED, _outcome_of(result, Fate.FAILED)
    move(db, begun.answer_id, AnswerState.QUEUED, result.cause)
    _count_refusal(db, begun.answer_id, refusals.plus(result), now, pause_after(retry_after, refusals.total))
    if not half_sent and answer["asked_by"] is None:
        _forget_text(db, begun.answer_id)
    return Fate.RETRY, _outcome_of(result, Fate.RETRY)


def _count_refusal(db: Database, answer_id: int, after: policy.Refusals, now: Now, pause: float) -> None:
    """Record one more refusal of an answer, and that it is due again after `pause` seconds."""
    db.execute(
        "UPDATE answers SET refusals = ?, refusals_counted = ?, refused_limit = ?, due_limit = ? WHERE id = ?",
        after.total,
        after.counted,
        now.limit,
        now.limit + pause,
        answer_id,
    )


def _refusals(db: Database, answer: sqlite3.Row) -> policy.Refusals:
    """Return the refusals of an answer, and whether a segment to somebody else was taken since the last one."""
    country = country_of(db, answer["id"])
    # NULL: it was never refused, or its refusals were forgotten (`requeue`, or the breaker closed): the next one counts
    others_left = answer["refused_limit"] is None or db.one(
        "SELECT 1 FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
        " JOIN answers a ON a.id = t.answer_id"
        f" WHERE s.submitted_limit > ? AND s.state IN {states.LEFT} AND a.recipient <> ?"
        " AND (NOT ? OR t.recipient_country = ?) LIMIT 1",
        answer["refused_limit"],
        answer["recipient"],
        breakers.is_out(db, country),
        country,
    )
    attempt = db.one(
        "SELECT cause FROM attempts WHERE answer_id = ? AND cause IS NOT NULL ORDER BY id DESC LIMIT 1", answer["id"]
    )
    # `refusals` becomes 0 when they are forgotten, but the attempt keeps the cause of the last one: without this test,
    # the next refusal with the same cause would count as the second in a row
    last = policy.maybe_cms(attempt["cause"]) if attempt and answer["refusals"] else None
    return policy.Refusals(answer["refusals"], answer["refusals_counted"], last, bool(others_left))


def _unconfirm(db: Database, segment_id: int, cause: str, detail: str = "") -> None:
    """Record that nobody knows whether a segment left; the segments behind it are not sent."""
    move_segment(db, segment_id, SegmentState.UNCONFIRMED, cause=cause, detail=detail or None)
    row = db.the(
        "SELECT t.id, t.answer_id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id WHERE s.id = ?",
        segment_id,
    )
    move_rest(db, row["id"], SegmentState.WAITING, SegmentState.CANCELLED)
    move(db, row["answer_id"], AnswerState.UNCONFIRMED, cause)


def withdraw_segment(db: Database, begun: Begun, now: Now) -> None:
    """Commit that a segment was not handed over after all.

    Its answer is queued, even if an earlier segment has left; a trial is withdrawn, and may begin again at once.
    """
    with db.transaction():
        asked_by = db.value("SELECT asked_by FROM answers WHERE id = ?", begun.answer_id)
        move_segment(db, begun.segment_id, SegmentState.WAITING, submitted_at=None, submitted_limit=None)
        move(db, begun.answer_id, AnswerState.QUEUED)
        breakers.withdraw_trial(db, begun.attempt_id, now)
        if begun.sequence == 1:  # no part of it was ever submitted: it must not count for the number
            lifecycle.drop_attempt(db, begun.attempt_id)
            if asked_by is None:
                _forget_text(db, begun.answer_id)


def recover(db: Database, now: Now, pauses: Sequence[float] = USUAL.trial_after) -> int:
    """Commit what a crash left behind: segments that were being submitted are unconfirmed. Returns their number.

    This is evidence about the line only if the machine was started anew, too: a stick that draws too much current takes
    the Pi down with it. If only the daemon ended, that says nothing about the line.
    """
    rows = db.all(
        "SELECT s.id, s.attempt_id, t.boot_id FROM answers a JOIN attempts t ON t.answer_id = a.id"
        " JOIN answer_segments s ON s.attempt_id = t.id"
        f" WHERE a.state = '{AnswerState.SENDING}' AND s.state = '{SegmentState.SUBMITTING}'"
    )
    with db.transaction():
        forget_waits(db)  # the recorded reasons are from the daemon that ended; this one has not looked yet
        for row in rows:
            same_boot = row["boot_id"] == boot_id()
            cause = AttemptCause.CRASHED if same_boot else AttemptCause.REBOOTED
            outcome = Outcome.NO_EVIDENCE if same_boot else Outcome.UNCONFIRMED
            _unconfirm(db, row["id"], cause)
            _end_attempt(db, row["attempt_id"], outcome, cause, now, pauses, certainly_not_sent=False)
        if rows:
            events.record(db, now, EventKind.UNCONFIRMED, detail={"segments": len(rows)})
    return len(rows)


def mark_doubtful(db: Database, answer_id: int, now: Now) -> None:
    """Record that an answer which waited in a backup may have left since, inside the transaction that is open.

    If it was never begun in this database, it gets an attempt with one segment whose length and text are unknown: so it
    counts for its number.
    """
    answer = db.the("SELECT share FROM answers WHERE id = ?", answer_id)
    row = db.one(
        "SELECT s.id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
        f" WHERE t.answer_id = ? AND s.state IN ('{SegmentState.WAITING}', '{SegmentState.SUBMITTING}')"
        " ORDER BY s.sequence LIMIT 1",
        answer_id,
    )
    if row is None:
        share = policy.Share.NEW if answer["share"] == policy.Share.NEW else policy.Share.KNOWN
        attempt_id = lifecycle.new_attempt(
            db, answer_id, share, now, recipient_country=country_of(db, answer_id), step=0, variant=0, reference=0
        )
        segment_id = lifecycle.new_segment(db, attempt_id, sequence=1, tpdu_length=0)
    else:
        segment_id = row["id"]
    segment = db.the("SELECT state, attempt_id FROM answer_segments WHERE id = ?", segment_id)
    # through `submitting`, because no other state leads to `unconfirmed`; from `submitted_limit` the windows count it
    if segment["state"] == SegmentState.WAITING:
        move_segment(db, segment_id, SegmentState.SUBMITTING, submitted_at=now.rfc3339, submitted_limit=now.limit)
    _unconfirm(db, segment_id, AttemptCause.RESTORED)
    lifecycle.end_attempt(db, segment["attempt_id"], Outcome.NO_EVIDENCE, AttemptCause.RESTORED, now)


# ---- late results and reports


def awaits_another_result(db: Database, segment_id: int, now: Now, within: float) -> bool:
    """Tell whether the modem may still owe the result of another segment, submitted in the last `within` seconds."""
    another = db.one(
        f"SELECT 1 FROM answer_segments WHERE state = '{SegmentState.UNCONFIRMED}' AND id <> ? AND submitted_limit > ?"
        " AND cause IN (?, ?, ?)",
        segment_id,
        now.limit - within,
        AttemptCause.NO_RESULT,
        AttemptCause.STOPPED,
        AttemptCause.CRASHED,
    )
    return another is not None


def settle_late(
    db: Database,
    segment_id: int,
    mr: int,
    rules: policy.Rules,
    now: Now,
    *,
    late_within: float = USUAL.late_result_within,
) -> BreakerUpdate | None:
    """Commit a result that came after its time limit: the segment was taken, and the rest may go on.

    A segment that is no longer unconfirmed stays as it is. Returns the breaker's update if this ended the attempt.
    """
    with db.transaction():
        segment = db.one("SELECT state, submitted_limit FROM answer_segments WHERE id = ?", segment_id)
        if segment is None or segment["state"] != SegmentState.UNCONFIRMED:
            return None
        move_segment(db, segment_id, SegmentState.SENT, mr=mr, sent_at=now.rfc3339)
        in_time = now.limit - segment["submitted_limit"] <= late_within
        return _follow_segments(db, segment_id, now, rules if in_time else None)


def apply_report(db: Database, report: tpdu.StatusReport, now: Now) -> int | None:
    """Match a status report to its segment and settle its answer, inside the transaction that is open.

    A report matches by recipient and reference, the latest segment first; otherwise it matches the only unconfirmed
    segment to its recipient. It may prove that a segment left, but never lets the rest of an answer go. A report on an
    attempt before the latest changes that attempt alone. Returns the segment's id, or None if nothing matches.
    """
    segment = _reported_segment(db, report, now)
    if segment is None:
        return None
    segment_id = int(segment["id"])
    state, before = _REPORTED[report.status_class], SegmentState(segment["state"])
    if state is SegmentState.SENT and before in (SegmentState.DELIVERED, SegmentState.UNDELIVERED):
        return segment_id  # the final report overtook this one
    columns = {
        "mr": report.mr,
        "report_status": report.status,
        "reported_at": now.rfc3339,
        "discharged_at": report.discharged_at.isoformat() if report.discharged_at else None,
    }
    if state is not before:
        move_segment(db, segment_id, state, **columns)
    else:
        db.execute(
            f"UPDATE answer_segments SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
            *columns.values(),
            segment_id,
        )
    if segment["attempt_id"] == latest_attempt(db, segment["answer_id"]):
        db.execute("UPDATE answers SET reported_at = ? WHERE id = ?", now.rfc3339, segment["answer_id"])
    _follow_segments(db, segment_id, now, None)
    return segment_id


_REPORTED = {
    tpdu.StatusClass.DELIVERED: SegmentState.DELIVERED,
    tpdu.StatusClass.COMPLETED: SegmentState.SENT,  # forwarded, replaced: no phone has confirmed it (23.040 9.2.3.15)
    tpdu.StatusClass.PENDING: SegmentState.SENT,
    tpdu.StatusClass.FAILED: SegmentState.UNDELIVERED,
    tpdu.StatusClass.TEMPORARY_FAILED: SegmentState.UNDELIVERED,
    tpdu.StatusClass.RESERVED: SegmentState.SENT,
}


def _reported_segment(db: Database, report: tpdu.StatusReport, now: Now) -> sqlite3.Row | None:
    since = now.limit - REPORT_WITHIN.total_seconds()
    names = pseudonyms.names(db, str(report.recipient))

    def fitting(condition: str, *arguments: object) -> list[sqlite3.Row]:
        rows = db.all(
            "SELECT s.id, s.state, s.attempt_id, t.answer_id, a.recipient FROM answer_segments s"
            " JOIN attempts t ON t.id = s.attempt_id JOIN answers a ON a.id = t.answer_id"
            f" WHERE {condition} AND s.state IN {states.MAY_HAVE_LEFT} AND s.submitted_limit >= ?"
            " ORDER BY s.id DESC",
            *arguments,
            since,
        )
        return [row for row in rows if row["recipient"] in names or same_number(report.recipient, row["recipient"])]

    if by_reference := fitting("s.mr = ?", report.mr):
        return by_reference[0]
    unconfirmed = fitting(f"s.mr IS NULL AND s.state = '{SegmentState.UNCONFIRMED}'")
    return unconfirmed[0] if len(unconfirmed) == 1 else None


def _follow_segments(db: Database, segment_id: int, now: Now, rules: policy.Rules | None) -> BreakerUpdate | None:
    """Bring an answer into the state that follows from its segments, after one of them is known to have left.

    With `rules` the rest goes on if the gate passes it at once; else the answer ends as half sent. If all of it has
    left, an answer that a person wanted sent again is not sent again. An attempt before the latest one changes only
    itself.
    """
    row = db.the(
        "SELECT a.*, t.id AS attempt_id, t.outcome, t.share AS attempt_share FROM answer_segments s"
        " JOIN attempts t ON t.id = s.attempt_id"
        " JOIN answers a ON a.id = t.answer_id WHERE s.id = ?",
        segment_id,
    )
    segments = [
        SegmentState(each["state"])
        for each in db.all("SELECT state FROM answer_segments WHERE attempt_id = ?", row["attempt_id"])
    ]
    whole = all(states.FACTS[state].left for state in segments)
    is_latest = row["attempt_id"] == latest_attempt(db, row["id"])
    update = None
    if whole and row["outcome"] != Outcome.TAKEN:
        # this closes the breaker; a country whose answers all failed meanwhile then waits by itself, with the usual
        # pauses
        update = _end_attempt(
            db, row["attempt_id"], Outcome.TAKEN, None, now, USUAL.trial_after, certainly_not_sent=False
        )
    if not is_latest:
        return update
    if whole:
        _follow_whole(db, row, segments, now)
    elif row["state"] == AnswerState.UNCONFIRMED and SegmentState.UNCONFIRMED not in segments:
        _follow_half(db, row, segments, now, rules)
    return update


def _follow_whole(db: Database, answer: sqlite3.Row, segments: Sequence[SegmentState], now: Now) -> None:
    """Bring an answer whose segments have all left into the state that follows from them."""
    final = _taken_state(segments)
    if answer["state"] != final:
        # a delivered answer was sent before
        if answer["state"] not in states.TAKEN and final is not AnswerState.SENT:
            move(db, answer["id"], AnswerState.SENT)
        move(db, answer["id"], final)
    db.execute("UPDATE answers SET sent_at = coalesce(sent_at, ?) WHERE id = ?", now.rfc3339, answer["id"])


def _follow_half(
    db: Database, answer: sqlite3.Row, segments: Sequence[SegmentState], now: Now, rules: policy.Rules | None
) -> None:
    """Let the rest of an answer go if it may, after half of it has certainly left; otherwise the answer has failed.

    An answer that a person, a block or its age has ended does not go on.
    """
    ended = answer["reason"] in list(policy.Reason)
    if rules and not ended and _may_go_on(db, answer, segments.count(SegmentState.CANCELLED), rules, now):
        move_rest(db, answer["attempt_id"], SegmentState.CANCELLED, SegmentState.WAITING)
        move(db, answer["id"], AnswerState.SENDING)
        lifecycle.resume_attempt(db, answer["attempt_id"])
    else:
        move(db, answer["id"], AnswerState.FAILED, answer["reason"] if ended else AttemptCause.HALF)
        lifecycle.mark_no_evidence(db, answer["attempt_id"])


def _taken_state(segments: Sequence[SegmentState]) -> AnswerState:
    if SegmentState.UNDELIVERED in segments:
        return AnswerState.UNDELIVERED
    return AnswerState.DELIVERED if all(state is SegmentState.DELIVERED for state in segments) else AnswerState.SENT


def _may_go_on(db: Database, answer: sqlite3.Row, segments: int, rules: policy.Rules, now: Now) -> bool:
    """Tell whether the rest of an answer may follow a late result: its number got nothing else, and the gate passes it.

    The limits of one number (cap and cooldown) are not checked again: they have already counted this answer.
    """
    names = pseudonyms.names(db, answer["recipient"])
    later = db.one(
        "SELECT 1 FROM attempts t JOIN answers a ON a.id = t.answer_id WHERE a.recipient IN (?, ?) AND t.id > ?",
        *names,
        answer["attempt_id"],
    )
    erased = db.one("SELECT 1 FROM answer_segments WHERE attempt_id = ? AND pdu IS NULL", answer["attempt_id"])
    if later or erased:
        return False
    asked = gate.at_once(
        answer["recipient"],
        segments,
        country_of(db, answer["id"]),
        by_hand=answer["by_hand"] is not None,
        known=answer["attempt_share"] == policy.Share.KNOWN,
    )
    verdict = gate.ask_at_once(db, asked, rules, now, without=answer["id"])
    return isinstance(verdict, policy.Pass)


# ---- comparing, forgetting


def same_number(reported: Address, recipient: str) -> bool:
    """Compare an international address whole, and any other by its trailing digits: it may be in a national form."""
    ours, theirs = recipient.lstrip("+"), reported.value.lstrip("0")
    digits = min(len(ours), len(theirs), 9)
    return ours == theirs or (
        reported.ton is not Ton.INTERNATIONAL and digits >= 7 and ours[-digits:] == theirs[-digits:]
    )


def _forget_text(db: Database, answer_id: int) -> None:
    db.execute("UPDATE answers SET text = NULL, encoding = NULL, segments = NULL WHERE id = ?", answer_id)
