"""Finds the answers that are due, that may be a trial while nothing leaves, that stopped halfway, or that are too old.

`verdicts` fills the queue; `gate` lets answers out.
"""

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hotlined import states
from hotlined.machine.clock import Now, rfc3339
from hotlined.machine.timing import USUAL, Timing
from hotlined.rules import breaker
from hotlined.rules.policy import Reason, Share
from hotlined.states import AnswerState, SegmentState
from hotlined.store.answers import breakers, contacts, lifecycle
from hotlined.store.answers.lifecycle import move
from hotlined.store.line import line_row
from hotlined.store.line.database import Database

SWEPT_AT_ONCE = 100  # the most answers that one sweep cancels; the next pass of the daemon cancels the others


class Turn(NamedTuple):
    """An answer that the gate may be asked about now.

    `share` is the queue that it comes from, None if it is half sent; `trial` is true if the gate has to treat it as the
    trial of an open breaker.
    """

    answer_id: int
    share: Share | None
    trial: bool = False


class Backlog(NamedTuple):
    """The moments when waiting contacts and answers next need the daemon, in limit time; None if there are none.

    `judgement` is the time to judge the oldest contact without a verdict, even if some of its segments are missing;
    `due` is when the first answer is due; `oldest` is when the age of the oldest queued answer began. `answers` says
    whether any answer is queued or being sent, `early` whether one may leave before `due`, as the rest of a half-sent
    one or as a trial.
    """

    judgement: float | None
    due: float | None
    oldest: float | None
    answers: bool
    early: bool


def waiting(db: Database) -> Backlog:
    """Return the moments when waiting contacts and answers next need the daemon."""
    judgement, answers, early, *moments = db.the(_WAITING)
    due, oldest = (
        min((each for each in kind if each is not None), default=None)
        for kind in (moments[: len(Share)], moments[len(Share) :])
    )
    judged = None if judgement is None else judgement + contacts.INCOMPLETE_AFTER_SECONDS
    return Backlog(judged, due, oldest, bool(answers), bool(early))


_ANY_TRIAL = f"({line_row.BREAKER_IS_OPEN} OR EXISTS (SELECT 1 FROM country_outages))"
_DUE = f"(SELECT min(due_limit) FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = '{{}}')"
# without INDEXED BY SQLite uses the index on the state, and reads the whole queue in every pass
_OLDEST = (
    f"(SELECT min(age_limit) FROM answers INDEXED BY answers_age WHERE state = '{AnswerState.QUEUED}'"
    " AND share = '{}')"
)
# one query for each share: so SQLite reads it from the index
_DUES, _OLDESTS = (", ".join(each.format(share) for share in Share) for each in (_DUE, _OLDEST))
_WAITING = f"""
SELECT (SELECT min(received_limit) FROM contacts WHERE verdict IS NULL),
  EXISTS (SELECT 1 FROM answers WHERE state IN {states.listed(states.OPEN)}),
  EXISTS (SELECT 1 FROM answers WHERE state = '{AnswerState.SENDING}') OR {_ANY_TRIAL}, {_DUES}, {_OLDESTS}
"""


def due(db: Database, now: Now, *, timing: Timing = USUAL) -> list[Turn]:
    """Return the answers to ask the gate about, in this order; it lets out those that nothing holds back.

    Half-sent answers come first, then the first text by hand, then trials that are due, then the newest answer to a new
    number and the newest to a number that was answered before: those whose age began last, of equals the one that was
    queued last. If the gate holds one of these back, the others can still leave, but none behind it. An answer to a
    country whose own breaker is open leaves only as a trial.
    """
    row = db.the(_HEADS, now=now.limit)
    half_sent = db.all(_HALF_SENT, now.limit) if row["any_half_sent"] else ()
    by_hand, *heads = ([Turn(row[share], share)] if row[share] else [] for share in _IN_ORDER)
    trials = _trials(db, now, timing) if row["any_trial"] else ()
    return [*(Turn(each["id"], None) for each in half_sent), *by_hand, *trials, *itertools.chain(*heads)]


# In a crowd the windows are full whatever the order, and as many are answered: newest first, most of these get their
# answer within the hour. Oldest first, each would get it after a day, when it no longer says anything
_NEWEST = "answers_age", "ORDER BY age_limit DESC, id DESC LIMIT 1"
_BY_HAND = "answers_queue", "ORDER BY due_limit, id LIMIT 1"
_IN_ORDER = {Share.BY_HAND: _BY_HAND, Share.NEW: _NEWEST, Share.KNOWN: _NEWEST}
# an answer that is half sent is not the head of a share: it has a turn of its own
_HEAD = (
    "(SELECT id FROM answers a INDEXED BY {1}"
    f" WHERE state = '{AnswerState.QUEUED}' AND share = '{{0}}' AND due_limit <= :now"
    " AND NOT EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"
    f" WHERE t.answer_id = a.id AND s.state = '{SegmentState.WAITING}') AND NOT {breakers.WAITS_BY_ITSELF}"
    " {2}) AS {0}"
)
# half-sent answers and trials are rare: they are looked up only if there are any
_HEADS = f"""
SELECT {", ".join(_HEAD.format(share, *order) for share, order in _IN_ORDER.items())},
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
    """Return the answers that may be a trial now, of the line's breaker; if that one is closed, of a country's breaker.

    These are the first answers of each country and share, of the country with the best chance first. If the gate has
    no room for one, it is asked about the next.
    """
    state = line_row.row_of(db).breaker
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


# a refused answer has a pause of its own; while nothing leaves, a trial does not wait for its end
_MAY_BE_TRIED = f"a.state = '{AnswerState.QUEUED}' AND a.by_hand IS NULL AND (a.due_limit <= ? OR a.refusals > 0)"
_COUNTRIES = (
    f"SELECT DISTINCT c.country FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE {_MAY_BE_TRIED}"
)


def _candidates(db: Database, country: str | None, in_round: Sequence[str], now: Now) -> list[Turn]:
    """Return the first answer of each share to a country, without the recipients whom this round has tried already.

    The first is one to a number for which the network took another answer, then the one with the fewest attempts, then
    the oldest.
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


# the segments of this answer that left do not prove that the number receives texts
_TAKEN_BEFORE = (
    "EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id JOIN answer_segments s"
    f" ON s.attempt_id = t.id WHERE o.recipient = a.recipient AND o.id <> a.id AND s.state IN {states.LEFT})"
)
_TRIES = "(SELECT count(*) FROM attempts t WHERE t.answer_id = a.id)"


def requeue_half_sent(db: Database) -> None:
    """Queue every answer again whose sending was stopped between two segments."""
    if db.one(_STOPPED_HALFWAY):
        with db.transaction():
            # read again inside the transaction: an answer that another process has ended meanwhile must not be queued
            for row in db.all(_STOPPED_HALFWAY):
                move(db, row["id"], AnswerState.QUEUED)


_STOPPED_HALFWAY = f"SELECT id FROM answers WHERE state = '{AnswerState.SENDING}' AND {states.WAITS}"


def sweep(db: Database, max_age: timedelta, now: Now, *, by_calendar: bool) -> int:
    """Commit the end of queued answers that are older than `max_age`, whatever held them back; return their number.

    Their age by the limit clock leaves out the time without power. With `by_calendar` the age is also computed from the
    service centre's time stamps to the newest moment that is known, without such a gap; that reads the whole queue.
    """
    if not _stale(db, max_age, now, 1, by_calendar=by_calendar):
        return 0
    with db.transaction():
        # read again inside the transaction: another process may have ended one meanwhile
        stale = _stale(db, max_age, now, SWEPT_AT_ONCE, by_calendar=by_calendar)
        for answer_id in stale:
            lifecycle.end(db, answer_id, Reason.STALE)
    return len(stale)


def _stale(db: Database, max_age: timedelta, now: Now, most: int, *, by_calendar: bool) -> list[int]:
    rows = db.all(
        f"SELECT id FROM answers INDEXED BY answers_age WHERE state = '{AnswerState.QUEUED}'"
        f" AND share IN {states.listed(Share)} AND age_limit < ? LIMIT ?",
        now.limit - max_age.total_seconds(),
        most,
    )
    if by_calendar and not rows:
        # julianday(): scts has the offset from UTC of the service centre, so the two times cannot be compared as texts.
        # If no time can be trusted, the left side is NULL, and the answer is never too old by the calendar. An answer
        # that a person asked for again (asked_by) ages from that moment, by age_limit alone: by the time of its contact
        # it would be too old at once
        rows = db.all(
            f"SELECT a.id FROM answers a JOIN contacts c ON c.id = a.contact_id WHERE a.state = '{AnswerState.QUEUED}'"
            " AND a.asked_by IS NULL"
            " AND julianday(coalesce(c.scts, iif(c.synchronised, c.received_at, NULL))) < julianday(?) LIMIT ?",
            rfc3339(now.newest - max_age),
            most,
        )
    return [row["id"] for row in rows]
