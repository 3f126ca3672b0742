"""Lets answers out: asks the policy with all that is known in one transaction, composes the text, counts, stores.

What passes is on the disk as being submitted before the modem hears of it (`lifecycle`).
"""

import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from hotlined import policy
from hotlined.clock import Now, age, boot_id
from hotlined.gsm.address import Identity, LineType
from hotlined.gsm.alphabet import Plan, plan
from hotlined.policy import Reason, Share, WaitingFor
from hotlined.states import OPEN, AnswerState, ByHand, ContactKind, EventKind, SegmentState, listed
from hotlined.store import fleet
from hotlined.store.answers import breaking, lifecycle, windows
from hotlined.store.answers.correspondents import identity_of
from hotlined.store.answers.lifecycle import latest_attempt, move, move_segment
from hotlined.store.fleet import history_of
from hotlined.store.line import events
from hotlined.store.line.database import Database
from hotlined.store.line.history import may_have_left
from hotlined.store.line.line import breaker_of, is_paused, save_limit_clock
from hotlined.timing import USUAL

if TYPE_CHECKING:
    from hotlined.gsm.tpdu import EncodedSegment  # the desk reads this module, and never a PDU


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
    """A text for an answer, and how it was chosen: for which answer to the number (`step`), which variant, from 0 on.

    `country` is None where the text is not one for the numbers of a country.
    """

    plan: Plan
    step: int = 0
    variant: int = 0
    country: str | None = None


Compose = Callable[[int, str | None, int], Composition | None]
"""Returns the text of an answer, None where there is none; arguments: how many answers the number had, its country, the
random draw."""

Encode = Callable[[str, Plan, int], Sequence["EncodedSegment"]]
"""Makes the TPDUs of a text to a recipient, under a concatenation reference."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """The answer passed in shadow mode: it has ended, and nothing is submitted."""


TurnResult = Begun | Shadowed | policy.Wait | policy.Cancel
"""What became of an answer at its turn."""


def begin(
    db: Database,
    answer_id: int,
    rules: policy.Rules,
    now: Now,
    *,
    compose: Compose,
    encode: Encode,
    shadow: bool,
    trial: bool = False,
    pauses: Sequence[float] = USUAL.trial_after,
) -> TurnResult:
    """Ask the policy's gate and, if the answer passes, commit its next segment as being submitted, and return it.

    The text is composed here, by what is in force now, and stored; in shadow mode the answer ends as `shadowed`. Raises
    HotlinedError where it cannot be composed or encoded: `set_aside` then takes it out of the way.
    """
    with db.transaction():
        answer, attempt = _open_answer(db, answer_id), _open_attempt(db, answer_id)
        if answer is None:  # ended by another process since `queue.due` read it; its own reason stands in its row
            return policy.Cancel(Reason.PERSON)
        if decided := _decide_without_policy(db, answer, attempt, shadow=shadow):
            return decided
        history = history_of(
            db, answer["recipient"], shadow=shadow, without=answer_id, other=answer["other_originator"]
        )
        known = may_have_left(db, answer_id, shadow=shadow)
        composed = None if attempt else _compose(db, answer, history, compose)
        asked = _question(answer, attempt, composed, now, known=known)
        under_way = attempt is not None and attempt["trial"] is not None and answer["state"] == AnswerState.SENDING
        hold = _hold(db, answer["country"], excepted=trial or under_way or shadow)
        verdict = _ask(db, asked, history, rules, now, hold, shadow=shadow)
        if isinstance(verdict, policy.Cancel):
            lifecycle.end(db, answer_id, verdict.reason)
            lines = fleet.lines_of(history, verdict.reason)
            db.execute("UPDATE contacts SET elsewhere = ? WHERE id = ?", lines, answer["contact_id"])
        elif isinstance(verdict, policy.Wait) and answer["state"] == AnswerState.SENDING:
            move(db, answer_id, AnswerState.QUEUED)  # something came between two segments
        if not isinstance(verdict, policy.Pass):
            return verdict
        if composed:
            _begin_attempt(db, answer, composed, encode, now, verdict, shadow=shadow)
        elif attempt:
            lifecycle.resume_attempt(db, attempt["id"])
        if trial:
            breaking.begin_trial(db, answer_id, now, pauses)
        return _let_out(db, answer, now, shadow=shadow)


def ask_at_once(
    db: Database,
    recipient: str,
    segments: int,
    rules: policy.Rules,
    now: Now,
    *,
    by_hand: bool,
    known: bool,
    country: str | None = None,
    shadow: bool = False,
    without: int | None = None,
    before: int = 0,
) -> policy.Gate:
    """Ask whether a person's text, or the rest of an answer, may go to a number now, inside the open transaction.

    Cap and cooldown are not asked, nor whether its country is answered; an answer to a `country` that waits by itself
    waits. The answer `without` is left out of the number's history; `before` is how many segments wait to go first.
    """
    history = history_of(db, recipient, shadow=shadow, without=without)
    identity = Identity(recipient, recipient, country, LineType.MOBILE)
    asked = policy.Queued(
        identity, ContactKind.TEXT, segments, timedelta(0), skips_number_limits=True, by_hand=by_hand, known=known
    )
    return _ask(db, asked, history, rules, now, _hold(db, country), shadow=shadow, before=before)


def _ask(
    db: Database,
    asked: policy.Queued,
    history: policy.History,
    rules: policy.Rules,
    now: Now,
    hold: policy.LineHold | None,
    *,
    shadow: bool,
    before: int = 0,
) -> policy.Gate:
    spent = {
        name: policy.Spent(each.total + before, each.known + before)
        for name, each in windows.spent(db, now, shadow=shadow).items()
    }
    return policy.gate(asked, history, spent, rules, now.limit, hold)


def _decide_without_policy(
    db: Database, answer: sqlite3.Row, attempt: sqlite3.Row | None, *, shadow: bool
) -> policy.Wait | policy.Cancel | None:
    """Decide about an answer for which the policy need not be asked; return what becomes of it, None where it is asked.

    Half of it went out live, or shadow mode excludes it: then it is ended here.
    """
    if attempt and shadow:
        return policy.Wait(WaitingFor.HELD)  # half of it went out live: the rest does too, or nothing
    if answer["by_hand"] and shadow:
        lifecycle.end(db, answer["id"], Reason.SHADOW)
        return policy.Cancel(Reason.SHADOW)
    return None


def _hold(db: Database, country: str | None, *, excepted: bool = False) -> policy.LineHold | None:
    """Return what holds answers to a country back: all of it, or where they are `excepted`, a pause alone.

    Excepted are a trial, the rest of one, and shadow mode. Texts by hand ask the policy, too, which excepts them.
    """
    if is_paused(db):
        return policy.LineHold.PAUSED
    if excepted:
        return None
    if breaker_of(db).is_open:
        return policy.LineHold.BREAKER_OPEN
    return policy.LineHold.COUNTRY_OUT if breaking.is_out(db, country) else None


def _let_out(db: Database, answer: sqlite3.Row, now: Now, *, shadow: bool) -> Begun | Shadowed:
    """Record that an answer passed: its next segment is being submitted, or in shadow mode all of it has ended."""
    save_limit_clock(db, now)
    if answer["state"] == AnswerState.QUEUED:
        move(db, answer["id"], AnswerState.SHADOWED if shadow else AnswerState.SENDING)
    return Shadowed() if shadow else _begin_segment(db, answer, now)


def _question(
    answer: sqlite3.Row, attempt: sqlite3.Row | None, composed: Composition | None, now: Now, *, known: bool
) -> policy.Queued:
    """Return an answer as the question that the policy's gate is asked."""
    segments = composed.plan.segments if composed else 0
    return policy.Queued(
        identity_of(answer, answer["recipient"]),
        answer["kind"] or ContactKind.TEXT,
        attempt["waiting"] if attempt else segments,
        _age(answer, now),
        skips_number_limits=answer["asked_by"] is not None,
        by_hand=answer["by_hand"] is not None,
        begun=attempt is not None,
        known=known or answer["by_hand"] == ByHand.ANSWER,
        has_text=attempt is not None or composed is not None,
    )


def set_aside(db: Database, answer_id: int, why: str, now: Now) -> None:
    """Commit that an answer cannot be composed or encoded: it has ended, and those behind it go."""
    with db.transaction():
        row = db.one(f"SELECT contact_id FROM answers WHERE id = ? AND state IN {listed(OPEN)}", answer_id)
        if row is None:
            return
        lifecycle.end(db, answer_id, Reason.SET_ASIDE, AnswerState.FAILED)
        events.record(db, now, EventKind.SET_ASIDE, contact_id=row["contact_id"], detail={"error": why})


def _open_answer(db: Database, answer_id: int) -> sqlite3.Row | None:
    return db.one(
        "SELECT a.*, c.kind, c.country, c.line_type, c.scts, c.received_at, c.synchronised, c.other_originator"
        " FROM answers a"
        f" LEFT JOIN contacts c ON c.id = a.contact_id WHERE a.id = ? AND a.state IN {listed(OPEN)}",
        answer_id,
    )


def _open_attempt(db: Database, answer_id: int) -> sqlite3.Row | None:
    """Return the attempt that is under way: of its segments the first has left, and others wait; else None."""
    return db.one(
        "SELECT t.*, count(*) AS waiting FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
        f" WHERE t.answer_id = ? AND s.state = '{SegmentState.WAITING}' GROUP BY t.id",
        answer_id,
    )


def _compose(db: Database, answer: sqlite3.Row, history: policy.History, compose: Compose) -> Composition | None:
    """Return the stored text as it was chosen for the attempt before, or else the one that is chosen now, if any."""
    if answer["text"] is None:
        chosen = compose(history.answers, answer["country"], answer["draw"])
        return chosen._replace(step=history.answers) if chosen else None
    before = db.one(
        "SELECT step, variant, country FROM attempts WHERE answer_id = ? ORDER BY id DESC LIMIT 1", answer["id"]
    )
    place = dict(before) if before else {"step": history.answers}
    return Composition(plan(answer["text"], answer["encoding"]), **place)


def _begin_attempt(
    db: Database,
    answer: sqlite3.Row,
    composed: Composition,
    encode: Encode,
    now: Now,
    passed: policy.Pass,
    *,
    shadow: bool,
) -> None:
    """Write an answer's text, and an attempt with a segment for each TPDU of it, none of which is submitted yet.

    `passed` says whose share of the windows it counts in; in shadow mode it counts from now on. Raises HotlinedError
    where the text cannot be encoded.
    """
    reference = random.SystemRandom().randrange(256)
    segments = encode(answer["recipient"], composed.plan, reference)
    db.execute(
        "UPDATE answers SET text = ?, encoding = ?, segments = ? WHERE id = ?",
        composed.plan.text,
        composed.plan.encoding,
        len(segments),
        answer["id"],
    )
    attempt_id = lifecycle.new_attempt(
        db,
        answer["id"],
        Share.KNOWN if passed.known else Share.NEW,
        now,
        step=composed.step,
        variant=composed.variant,
        country=composed.country,
        asked_by=answer["asked_by"],
        reference=reference,
    )
    for sequence, segment in enumerate(segments, 1):
        lifecycle.new_segment(
            db, attempt_id, sequence, segment.tpdu_length, pdu=segment.pdu, shadow=now if shadow else None
        )


def _begin_segment(db: Database, answer: sqlite3.Row, now: Now) -> Begun:
    """Record the first segment that waits as being submitted, and return it."""
    attempt_id = latest_attempt(db, answer["id"])
    segment = db.the(
        "SELECT *, (SELECT count(*) FROM answer_segments o WHERE o.attempt_id = answer_segments.attempt_id) AS total"
        # written out: SQLite compiles anew at each value that it compares with the condition of an index
        f" FROM answer_segments WHERE attempt_id = ? AND state = '{SegmentState.WAITING}' ORDER BY sequence LIMIT 1",
        attempt_id,
    )
    move_segment(db, segment["id"], SegmentState.SUBMITTING, submitted_at=now.rfc3339, submitted_limit=now.limit)
    db.execute("UPDATE attempts SET boot_id = ? WHERE id = ?", boot_id(), attempt_id)
    return Begun(
        answer_id=answer["id"],
        attempt_id=segment["attempt_id"],
        segment_id=segment["id"],
        sequence=segment["sequence"],
        total=segment["total"],
        recipient=answer["recipient"],
        pdu=segment["pdu"],
        tpdu_length=segment["tpdu_length"],
    )


def _age(answer: sqlite3.Row, now: Now) -> timedelta:
    """Return how old an answer is: as old as its contact, or since a person asked for it.

    A call has no time of the centre: the calendar of its arrival serves, if that could be trusted.
    """
    moment = answer["scts"] or (answer["received_at"] if answer["synchronised"] else None)
    began = datetime.fromisoformat(moment) if moment and not answer["asked_by"] else None
    return age(now, arrived_limit=answer["age_limit"], scts=began)
