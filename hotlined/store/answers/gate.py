"""Lets answers out: asks the policy, composes the text, counts its segments and stores them, in one transaction.

An answer that passes is stored as being submitted before the modem hears of it (`lifecycle`).
"""

import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan, plan
from hotlined.machine.clock import Now, age, parse_rfc3339
from hotlined.machine.timing import USUAL
from hotlined.rules import policy
from hotlined.rules.policy import Reason, Share
from hotlined.states import OPEN, AnswerState, ByHand, ContactKind, EventKind, SegmentState, listed
from hotlined.store.answers import breakers, lifecycle, windows
from hotlined.store.answers.correspondents import country_in, identity_of
from hotlined.store.answers.lifecycle import move, move_segment
from hotlined.store.line import elsewhere, events
from hotlined.store.line.database import Database
from hotlined.store.line.history import ANY_MAY_HAVE_LEFT, history_of
from hotlined.store.line.line_row import BREAKER_IS_OPEN, IS_PAUSED, save_limit_clock

if TYPE_CHECKING:
    from hotlined.gsm.tpdu import EncodedSegment  # the desk reads this module, but needs no PDUs


@dataclass(frozen=True, slots=True)
class Begun:
    """A segment that is committed as being submitted."""

    answer_id: int
    attempt_id: int
    segment_id: int
    sequence: int
    total: int
    recipient: str
    pdu: str
    tpdu_length: int


class Composition(NamedTuple):
    """A text for an answer, and its place among the line's texts.

    `step` is the number of earlier answers to the number, `variant` counts from 0, and `country` is None if the text is
    not one for the numbers of a country.
    """

    plan: Plan
    step: int = 0
    variant: int = 0
    country: str | None = None


Compose = Callable[[int, str | None, int], Composition | None]
"""A function that returns the text of an answer, None if there is none.

Its arguments are the number of answers before, the recipient's country, and the random draw.
"""

Encode = Callable[[str, Plan, int], Sequence["EncodedSegment"]]
"""A function that makes the TPDUs of a text to a recipient, under a concatenation reference."""


TurnResult = Begun | policy.Wait | policy.Cancel
"""The result of an answer's turn."""


@dataclass(frozen=True, slots=True)
class AtGate:
    """An answer at its turn, as the open transaction sees it: the question to the gate.

    `row` has the answer's contact, and its attempt if that goes on because its first segment has left. Otherwise
    `composition` has the text, or is None if there is none. `trial` is true if it would be the trial of a breaker.
    """

    row: sqlite3.Row
    history: policy.History
    composition: Composition | None
    now: Now
    trial: bool

    def question(self) -> policy.Queued:
        """Return the question to the policy."""
        row, planned = self.row, self.composition
        return policy.Queued(
            identity_of(row, row["recipient"]),
            row["kind"] or ContactKind.TEXT,
            row["waiting"] if row["attempt_id"] else planned.plan.segments if planned else 0,
            _age(row, self.now),
            skips_number_limits=row["asked_by"] is not None,
            by_hand=row["by_hand"] is not None,
            begun=row["attempt_id"] is not None,
            known=row["left_before"] or row["by_hand"] == ByHand.ANSWER,
            has_text=row["attempt_id"] is not None or planned is not None,
        )

    def hold(self) -> policy.LineHold | None:
        """Return the reason that holds this answer back, or None.

        Only a pause holds back a trial, and the rest of a half-sent trial.
        """
        rest_of_trial = self.row["trial"] is not None and self.row["state"] == AnswerState.SENDING
        hold = _maybe_hold(self.row["hold"])
        excepted = self.trial or rest_of_trial
        return None if excepted and hold is not policy.LineHold.PAUSED else hold


def begin(
    db: Database,
    answer_id: int,
    rules: policy.Rules,
    now: Now,
    *,
    compose: Compose,
    encode: Encode,
    trial: bool = False,
    pauses: Sequence[float] = USUAL.trial_after,
) -> TurnResult:
    """Ask the policy's gate and, if the answer passes, commit its next segment as being submitted, and return it.

    The text is composed here, by the configuration in force now, and stored. Raises HotlinedError if it cannot be
    composed or encoded: `set_aside` then takes it out of the way.
    """
    with db.transaction():
        row = db.one(_ANSWER, answer=answer_id)
        if row is None:  # another process ended it after `queue.due` read it, and wrote its reason
            return policy.Cancel(Reason.PERSON)
        history = history_of(db, row["recipient"], without=answer_id, other=row["other_originator"])
        composition = None if row["attempt_id"] else _compose(db, row, history, compose)
        asked = AtGate(row, history, composition, now, trial)
        verdict = _verdict(db, asked, rules)
        if isinstance(verdict, policy.Pass):
            return _let_out(db, asked, verdict, encode, pauses)
        if isinstance(verdict, policy.Cancel):
            lifecycle.end(db, answer_id, verdict.reason)
            lines = elsewhere.lines_of(history, verdict.reason)
            db.execute("UPDATE contacts SET elsewhere = ? WHERE id = ?", lines, row["contact_id"])
        elif row["state"] == AnswerState.SENDING:
            move(db, answer_id, AnswerState.QUEUED)  # it was stopped between two segments
        return verdict


def at_once(recipient: str, segments: int, country: str | None = None, *, by_hand: bool, known: bool) -> policy.Queued:
    """Return the question whether a person's text, or the rest of an answer, may be sent to a number now.

    The policy then does not check the limits of one number (cap and cooldown), nor whether its country is answered. But
    an answer to a `country` that waits by itself waits, too.
    """
    return policy.Queued(
        Identity(recipient, recipient, country, LineType.MOBILE),
        ContactKind.TEXT,
        segments,
        timedelta(0),
        skips_number_limits=True,
        by_hand=by_hand,
        known=known,
    )


def ask_at_once(
    db: Database,
    asked: policy.Queued,
    rules: policy.Rules,
    now: Now,
    *,
    without: int | None = None,
    before: int = 0,
) -> policy.Gate:
    """Ask the gate about a text that is in no queue, inside the open transaction.

    The answer `without` is left out of the number's history; `before` is the number of segments that wait to go first.
    """
    history = history_of(db, asked.identity.originator, without=without)
    hold = _maybe_hold(db.value(f"SELECT {_HOLD.format(':country')}", country=asked.identity.country))
    spent = windows.spent(db, now, more=before)
    return policy.gate(asked, history, spent, rules, now.limit, hold)


def _maybe_hold(found: str | None) -> policy.LineHold | None:
    return policy.LineHold(found) if found else None


def _verdict(db: Database, asked: AtGate, rules: policy.Rules) -> policy.Gate:
    """Return the policy's verdict: the answer goes out, waits or is cancelled."""
    spent = windows.spent(db, asked.now)
    return policy.gate(asked.question(), asked.history, spent, rules, asked.now.limit, asked.hold())


# the first reason that holds back answers to a country; for texts by hand the policy regards only a pause
_HOLD = (
    f"CASE WHEN {IS_PAUSED} THEN '{policy.LineHold.PAUSED}'"
    f" WHEN {BREAKER_IS_OPEN} THEN '{policy.LineHold.BREAKER_OPEN}'"
    f" WHEN {breakers.IS_OUT} THEN '{policy.LineHold.COUNTRY_OUT}' END"
)


def _let_out(db: Database, asked: AtGate, passed: policy.Pass, encode: Encode, pauses: Sequence[float]) -> Begun:
    """Record that an answer passed: its next segment is being submitted."""
    row, now = asked.row, asked.now
    written: dict[str, Any] = {}
    if asked.composition:
        segments = encode(row["recipient"], asked.composition.plan, reference := random.SystemRandom().randrange(256))
        attempt_id = _new_attempt(db, asked, asked.composition, passed, reference)
        begun = _new_segments(db, asked, attempt_id, segments)
        planned = asked.composition.plan
        written = {"text": planned.text, "encoding": planned.encoding, "segments": len(segments)}
    else:
        attempt_id = row["attempt_id"]
        begun = _next_segment(db, asked, attempt_id)
    if asked.trial:
        breakers.begin_trial(db, attempt_id, now, pauses)
    save_limit_clock(db, now)
    if row["state"] == AnswerState.QUEUED:
        move(db, row["id"], AnswerState.SENDING, **written)
    return begun


def set_aside(db: Database, answer_id: int, why: str, now: Now) -> None:
    """Commit that an answer cannot be composed or encoded: it has failed, and no longer blocks those behind it."""
    with db.transaction():
        row = db.one(f"SELECT contact_id FROM answers WHERE id = ? AND state IN {listed(OPEN)}", answer_id)
        if row is None:
            return
        lifecycle.end(db, answer_id, Reason.SET_ASIDE, AnswerState.FAILED)
        events.record(db, now, EventKind.SET_ASIDE, contact_id=row["contact_id"], detail={"error": why})


# an attempt that goes on has segments that wait, because its first one has left; the state is written as a literal, as
# in the index
_ANSWER = f"""
SELECT a.*, c.kind, c.country, c.line_type, c.scts, c.received_at, c.synchronised, c.other_originator,
  t.id AS attempt_id, t.trial, {_HOLD.format("c.country")} AS hold, {ANY_MAY_HAVE_LEFT.format("a.id")} AS left_before,
  (SELECT count(*) FROM answer_segments w WHERE w.attempt_id = t.id AND w.state = '{SegmentState.WAITING}') AS waiting
FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id
LEFT JOIN attempts t ON t.id = (SELECT o.id FROM attempts o JOIN answer_segments w ON w.attempt_id = o.id
  WHERE o.answer_id = a.id AND w.state = '{SegmentState.WAITING}' LIMIT 1)
WHERE a.id = :answer AND a.state IN {listed(OPEN)}
"""


def _compose(db: Database, answer: sqlite3.Row, history: policy.History, compose: Compose) -> Composition | None:
    """Return the text that an earlier attempt stored; without one, choose a text now; None if there is no text."""
    if answer["text"] is None:
        chosen = compose(history.answers, answer["country"], answer["draw"])
        return chosen._replace(step=history.answers) if chosen else None
    before = db.one(
        "SELECT step, variant, country FROM attempts WHERE answer_id = ? ORDER BY id DESC LIMIT 1", answer["id"]
    )
    place = dict(before) if before else {"step": history.answers}
    return Composition(plan(answer["text"], answer["encoding"]), **place)


def _new_attempt(db: Database, asked: AtGate, composition: Composition, passed: policy.Pass, reference: int) -> int:
    """Write an attempt and return its id; `passed` says in which share of the windows it counts."""
    return lifecycle.new_attempt(
        db,
        asked.row["id"],
        Share.KNOWN if passed.known else Share.NEW,
        asked.now,
        recipient_country=country_in(asked.row),
        step=composition.step,
        variant=composition.variant,
        country=composition.country,
        asked_by=asked.row["asked_by"],
        boot_id=db.clock.boot_id,
        reference=reference,
    )


def _new_segments(db: Database, asked: AtGate, attempt_id: int, segments: Sequence["EncodedSegment"]) -> Begun:
    """Write a segment for each TPDU: the first is being submitted."""
    first, *rest = segments
    state, now = SegmentState.SUBMITTING, asked.now
    segment_id = lifecycle.new_segment(db, attempt_id, 1, first.tpdu_length, pdu=first.pdu, state=state, at=now)
    for sequence, segment in enumerate(rest, 2):
        lifecycle.new_segment(db, attempt_id, sequence, segment.tpdu_length, pdu=segment.pdu)
    return Begun(
        answer_id=asked.row["id"],
        attempt_id=attempt_id,
        segment_id=segment_id,
        sequence=1,
        total=len(segments),
        recipient=asked.row["recipient"],
        pdu=first.pdu,
        tpdu_length=first.tpdu_length,
    )


def _next_segment(db: Database, asked: AtGate, attempt_id: int) -> Begun:
    """Record the first segment that waits in the attempt as being submitted."""
    segment = db.the(
        "SELECT *, (SELECT count(*) FROM answer_segments o WHERE o.attempt_id = answer_segments.attempt_id) AS total"
        # the state as a literal: a parameter would have to be compared with the condition of the index, and for that
        # SQLite compiles the query anew at each value
        f" FROM answer_segments WHERE attempt_id = ? AND state = '{SegmentState.WAITING}' ORDER BY sequence LIMIT 1",
        attempt_id,
    )
    now = asked.now
    lifecycle.resume_attempt(db, attempt_id)
    move_segment(db, segment["id"], SegmentState.SUBMITTING, submitted_at=now.rfc3339, submitted_limit=now.limit)
    db.execute("UPDATE attempts SET boot_id = ? WHERE id = ?", db.clock.boot_id, attempt_id)
    return Begun(
        answer_id=asked.row["id"],
        attempt_id=attempt_id,
        segment_id=segment["id"],
        sequence=segment["sequence"],
        total=segment["total"],
        recipient=asked.row["recipient"],
        pdu=segment["pdu"],
        tpdu_length=segment["tpdu_length"],
    )


def _age(answer: sqlite3.Row, now: Now) -> timedelta:
    """Return the age of an answer: that of its contact, or the time since a person asked for it.

    A call has no time stamp of the centre: the calendar at its arrival is used, if that could be trusted.
    """
    moment = answer["scts"] or (answer["received_at"] if answer["synchronised"] else None)
    began = parse_rfc3339(moment) if moment and not answer["asked_by"] else None
    return age(now, arrived_limit=answer["age_limit"], scts=began)
