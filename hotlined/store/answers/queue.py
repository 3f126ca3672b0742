"""Knows which answers are due, may be tried while nothing leaves, stopped halfway, or have become too old.

`answers` fills the queue; `gate` lets answers out.
"""

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hotlined import breaker, states
from hotlined.clock import Now, rfc3339
from hotlined.policy import Reason, Share
from hotlined.states import AnswerState, SegmentState
from hotlined.store.answers import breakers, contacts, lifecycle
from hotlined.store.answers.lifecycle import move
from hotlined.store.line import line
from hotlined.store.line.database import Database
from hotlined.timing import USUAL, Timing

SWEPT_AT_ONCE = 100  # answers that one sweep cancels at most; the next pass goes on


class Turn(NamedTuple):
    """An answer that the gate may be asked about now.

    `share` is the share whose first answer this is, None if half of it has left; `trial` is true if it would be the
    trial of an open breaker.
    """

    answer_id: int
    share: Share | None
    trial: bool = False


class Backlog(NamedTuple):
    """The moments when waiting contacts and answers next need the daemon, in limit time; None if there are none.

    `judgement` is when the oldest contact without a verdict is judged even if it is incomplete; `due` is when the first
    answer is due; `oldest` is the beginning of the oldest queued answer's age. `answers` says whether any answer is
    queued or being sent, `early` whether one may go on or be tried before it is due.
    """

    judgement: float | None
    due: float | None
    oldest: float | None
    answers: bool
    early: bool


def waiting(db: Database) -> Backlog:
    """Return the moments when waiting contacts and answers next need the daemon."""
    judgement, answers, early, oldest, *dues = db.the(_WAITING)
    due = min((due for due in dues if due is not None), default=None)
    judged = None if judgement is None else judgement + contacts.INCOMPLETE_AFTER_SECONDS
    return Backlog(judged, due, oldest, bool(answers), bool(early))


_ANY_TRIAL = f"({line.BREAKER_IS_OPEN} OR EXISTS (SELECT 1 FROM country_outages))"
_DUE = f"(SELECT min(due_limit) FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = '{{}}')"
_DUES = ", ".join(_DUE.format(share) for share in Share)  # one query for each share: so SQLite reads it from the index
_WAITING = f"""
SELECT (SELECT min(received_limit) FROM contacts WHERE verdict IS NULL),
  EXISTS (SELECT 1 FROM answers WHERE state IN {states.listed(states.OPEN)}),
  EXISTS (SELECT 1 FROM answers WHERE state = '{AnswerState.SENDING}') OR {_ANY_TRIAL},
  (SELECT min(age_limit) FROM answers INDEXED BY answers_age WHERE state = '{AnswerState.QUEUED}'), {_DUES}
"""


def due(db: Database, now: Now, *, shadow: bool = False, timing: Timing = USUAL) -> list[Turn]:
    """Return the answers whose turn it may be, in order; the gate lets out those that nothing holds back.

    Answers that are half sent come first, then a text by hand, then trials that are due, then the oldest answer to a
    new number and the oldest to a number that was answered before: each share has its own head. Answers to a country
    that waits by itself only get trials. Shadow mode has no trials.
    """
    row = db.the(_HEADS, now=now.limit)
    half_sent = db.all(_HALF_SENT, now.limit) if row["any_half_sent"] else ()
    by_hand, *heads = ([Turn(row[share], share)] if row[share] else [] for share in _IN_ORDER)
    trials = _trials(db, now, timing) if row["any_trial"] and not shadow else ()
    return [*(Turn(each["id"], None) for each in half_sent), *by_hand, *trials, *itertools.chain(*heads)]


_IN_ORDER = (Share.BY_HAND, Share.NEW, Share.KNOWN)
# an answer that is half sent is not the head of a share: it has a turn of its own
_HEAD = (
    f"(SELECT id FROM answers a WHERE state = '{AnswerState.QUEUED}' AND share = '{{0}}' AND due_limit <= :now"
    " AND NOT EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
    f" WHERE t.answer_id = a.id AND s.state = '{SegmentState.WAITING}') AND NOT {breakers.WAITS_BY_ITSELF}"
    " ORDER BY due_limit, id LIMIT 1) AS {0}"
)
# half-sent answers and trials are rare: they are looked up only if there are any
_HEADS = f"""
SELECT {", ".join(_HEAD.format(share) for share in _IN_ORDER)},
  EXISTS (SELECT 1 FROM answer_segments WHERE state = '{SegmentState.WAITING}') AS any_half_sent,
  {_ANY_TRIAL} AS any_trial
"""
_HALF_SENT = f"""
SELECT DISTINCT a.id, a.due_limit FROM answer_segments s
JOIN attempts t ON t.id = s.attempt_id JOIN answers a ON a.id = t.answer_id
WHERE s.state = '{SegmentState.WAITING}'
  AND (a.state = '{AnswerState.SENDING}' OR (a.state = '{AnswerState.QUEUED}' AND a.due_limit <= ?))
ORDER BY a.due_limit, a.id LIMIT 20
"""


def _trials(db: Database, now: Now, timing: Timing) -> list[Turn]:
    """Return answers that may be tried now: by the line's breaker if it is open, otherwise by a country's breaker.

    These are the first answers of each country and share: if a share has no room for its answer, the next answer gets
    its chance.
    """
    state = line.breaker_of(db)
    if not state.is_open:
        for country, outage in breakers.countries_due(db, now, timing.trial_after):
            if turns := _candidates(db, country, breakers.in_round(db, outage, now, country), now):
                return turns
        return []
    if not (state.lets_try(now.limit) or state.lets_try_fresh(now.limit, timing.trial_gap)):
        return []
    in_round = breakers.in_round(db, state, now)
    countries = [row["country"] for row in db.all(_COUNTRIES, now.limit)]
    records = breaker.by_hope(breakers.records(db, state, countries))
    if not state.lets_try(now.limit):
        records = [each for each in records if breaker.is_fresh(each)] if breakers.has_failed(db, state) else []
    return [turn for record in records for turn in _candidates(db, record.country, in_round, now)]


# a refused answer need not wait out its own pause, which is void while nothing leaves
_MAY_BE_TRIED = f"a.state = '{AnswerState.QUEUED}' AND a.by_hand IS NULL AND (a.due_limit <= ? OR a.refusals > 0)"
_COUNTRIES = (
    f"SELECT DISTINCT c.country FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE {_MAY_BE_TRIED}"
)


def _candidates(db: Database, country: str | None, in_round: Sequence[str], now: Now) -> list[Turn]:
    """Return the first answer of each share to a country that may be tried, leaving out the recipients of this round.

    An answer to a number that took something before is first, then the one with the fewest tries, then the oldest.
    """
    turns: dict[Turn, tuple[object, ...]] = {}
    for share in (Share.NEW, Share.KNOWN):
        row = db.one(
            f"SELECT a.id, NOT {_TAKEN_BEFORE} AS untaken, {_TRIES} AS tries, a.age_limit FROM answers a"
            f" LEFT JOIN contacts c ON c.id = a.contact_id WHERE {_MAY_BE_TRIED} AND a.share = ? AND c.country IS ?"
            " AND a.recipient NOT IN (SELECT value FROM json_each(?))"
            " ORDER BY untaken, tries, a.age_limit, a.id LIMIT 1",
            now.limit,
            share,
            country,
            json.dumps(in_round),
        )
        if row:
            turns[Turn(row["id"], share, trial=True)] = (row["untaken"], row["tries"], row["age_limit"], row["id"])
    return sorted(turns, key=turns.__getitem__)


# of the number, but not of this answer: that its own first half was taken does not prove that the number takes texts
_TAKEN_BEFORE = (
    "EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id JOIN answer_segments s"
    f" ON s.attempt_id = t.id WHERE o.recipient = a.recipient AND o.id <> a.id AND s.state IN {states.LEFT})"
)
_TRIES = "(SELECT count(*) FROM attempts t WHERE t.answer_id = a.id)"


def next_dues(db: Database) -> dict[Share, float]:
    """Return when the first queued answer of each share is due, in limit time."""
    found = zip(Share, db.the(f"SELECT {_DUES}"), strict=True)
    return {share: due for share, due in found if due is not None}


def requeue_half_sent(db: Database) -> None:
    """Queue every answer again whose sending was stopped between two segments."""
    if db.one(_STOPPED_HALFWAY):
        with db.transaction():
            # read again, now that nobody else can write: another process may have ended one meanwhile
            for row in db.all(_STOPPED_HALFWAY):
                move(db, row["id"], AnswerState.QUEUED)


_STOPPED_HALFWAY = f"SELECT id FROM answers WHERE state = '{AnswerState.SENDING}' AND {states.WAITS}"


def sweep(db: Database, max_age: timedelta, now: Now, *, by_calendar: bool) -> int:
    """Commit that answers which waited for too long are not sent, whatever held them back; return how many.

    `by_calendar` also compares the centre's time stamps, which include the time without power; this reads the whole
    queue.
    """
    if not _stale(db, max_age, now, 1, by_calendar=by_calendar):
        return 0
    with db.transaction():
        # read again: one may have been ended meanwhile
        stale = _stale(db, max_age, now, SWEPT_AT_ONCE, by_calendar=by_calendar)
        for answer_id in stale:
            lifecycle.end(db, answer_id, Reason.STALE)
    return len(stale)


def _stale(db: Database, max_age: timedelta, now: Now, most: int, *, by_calendar: bool) -> list[int]:
    # without INDEXED BY SQLite uses the index on the state, and reads the whole queue in every pass
    rows = db.all(
        f"SELECT id FROM answers INDEXED BY answers_age WHERE state = '{AnswerState.QUEUED}' AND age_limit < ? LIMIT ?",
        now.limit - max_age.total_seconds(),
        most,
    )
    if by_calendar and now.synchronised and not rows:
        # julianday(): a scts has the centre's offset from UTC, so the two cannot be compared as texts. Without a
        # trustworthy time the left side is NULL: such an answer is never stale by the calendar. An answer that a person
        # asked for again (asked_by) ages from that moment, by age_limit alone: by its contact's time it would be stale
        # at once
        rows = db.all(
            f"SELECT a.id FROM answers a JOIN contacts c ON c.id = a.contact_id WHERE a.state = '{AnswerState.QUEUED}'"
            " AND a.asked_by IS NULL"
            " AND julianday(coalesce(c.scts, iif(c.synchronised, c.received_at, NULL))) < julianday(?) LIMIT ?",
            rfc3339(now.utc - max_age),
            most,
        )
    return [row["id"] for row in rows]
