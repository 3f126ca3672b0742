"""Checks a database without writing: SQLite's own checks, and the promises that our rows keep among each other.

A damaged file fails SQLite's checks; a row that was changed by hand contradicts another row. A change without a
contradiction (a text that was altered, an answer that was deleted with all its segments) is not found.
"""

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator

from hotlined import states
from hotlined.language import N_, _
from hotlined.rules.breaker import Outcome
from hotlined.rules.policy import AttemptCause, Reason, Share
from hotlined.states import AnswerState, ContactVerdict, SegmentState
from hotlined.store.line import line_row

Tick = Callable[[int, int], None]
"""A function that is called repeatedly with the number of checks done and the number of all checks."""

TICK_STEPS = 20_000  # steps of SQLite's virtual machine: some milliseconds on a Pi
_PREFIX = re.compile(r"^\*\*\* in database main \*\*\*")  # SQLite's own heading; the rest stays in English
_MOST_IDS = 10  # ids of rows that break a promise: enough to look at

_LATEST = "(SELECT max(id) FROM attempts WHERE answer_id = a.id)"
_SEGMENTS = "JOIN attempts t ON t.answer_id = a.id JOIN answer_segments s ON s.attempt_id = t.id"
# reasons of an answer that need not be the cause of an attempt; `restored` is only the reason of a verdict
_NO_CAUSES = (AttemptCause.HALF, *(reason for reason in Reason if reason is not Reason.RESTORED))

PROMISES = {
    N_("the line's own state is there once"): line_row.WRONG_NUMBER_OF_ROWS,
    N_("a contact has as many segments as it counts"): (
        "SELECT id FROM contacts c WHERE segments_received <>"
        " (SELECT count(*) FROM segments s WHERE s.contact_id = c.id AND s.repeat = 0)"
    ),
    N_("a contact has as many repeats as it counts"): (
        "SELECT id FROM contacts c WHERE repeats <>"
        " (SELECT count(*) FROM segments s WHERE s.contact_id = c.id AND s.repeat = 1)"
    ),
    N_("an answer belongs to a contact that was to be answered"): (
        "SELECT a.id FROM answers a JOIN contacts c ON c.id = a.contact_id"
        f" WHERE c.verdict IS NOT '{ContactVerdict.ANSWER}'"
    ),
    N_("an answer that was sent has all its segments, and each of them left"): (
        f"SELECT id FROM answers a WHERE state IN {states.listed(states.TAKEN)} AND segments <>"
        f" (SELECT count(*) FROM answer_segments s WHERE s.attempt_id = {_LATEST} AND s.state IN {states.LEFT})"
    ),
    N_("an answer whose segments have all left was sent"): (
        f"SELECT id FROM answers a WHERE state NOT IN {states.listed(states.TAKEN)}"
        f" AND (SELECT min(s.state IN {states.LEFT}) FROM answer_segments s WHERE s.attempt_id = {_LATEST})"
    ),
    N_("only an answer that is being sent has a segment that is being submitted"): (
        f"SELECT a.id FROM answers a {_SEGMENTS} WHERE s.state = '{SegmentState.SUBMITTING}'"
        f" AND a.state <> '{AnswerState.SENDING}'"
    ),
    N_("segments wait only in the latest attempt of an answer that may still be sent"): (
        f"SELECT a.id FROM answers a {_SEGMENTS} WHERE s.state = '{SegmentState.WAITING}'"
        f" AND (a.state NOT IN {states.listed(states.OPEN)} OR t.id <> {_LATEST})"
    ),
    N_("nothing waits behind a segment that did not leave"): (
        f"SELECT w.id FROM answer_segments w JOIN answer_segments s ON s.attempt_id = w.attempt_id"
        f" AND s.sequence < w.sequence WHERE w.state = '{SegmentState.WAITING}' AND s.state NOT IN {states.LEFT}"
        f" AND s.state <> '{SegmentState.SUBMITTING}'"
    ),
    N_("an answer is unconfirmed because of a segment"): (
        f"SELECT id FROM answers a WHERE state = '{AnswerState.UNCONFIRMED}'"
        " AND NOT EXISTS (SELECT 1 FROM answer_segments s"
        f" WHERE s.attempt_id = {_LATEST} AND s.state = '{SegmentState.UNCONFIRMED}')"
    ),
    N_("a segment that was handed over has its time"): (
        "SELECT id FROM answer_segments WHERE (submitted_limit IS NULL) <> (submitted_at IS NULL)"
        f" OR (submitted_limit IS NULL AND state NOT IN ('{SegmentState.WAITING}', '{SegmentState.CANCELLED}'))"
    ),
    N_("an attempt whose segments all left was taken"): (
        f"SELECT t.id FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id GROUP BY t.id"
        f" HAVING min(s.state IN {states.LEFT}) AND min(t.outcome IS NOT '{Outcome.TAKEN}')"
    ),
    N_("an attempt that ended and was not taken has the cause of one of its segments"): (
        f"SELECT id FROM attempts t WHERE outcome <> '{Outcome.TAKEN}' AND NOT EXISTS"
        " (SELECT 1 FROM answer_segments s WHERE s.attempt_id = t.id AND s.cause = t.cause)"
    ),
    N_("an answer whose reason is a cause has the cause of its latest attempt"): (
        f"SELECT id FROM answers a WHERE reason NOT IN {states.listed(_NO_CAUSES)}"
        f" AND reason IS NOT (SELECT cause FROM attempts WHERE id = {_LATEST})"
    ),
    N_("an answer is in the share of its number"): (
        f"SELECT a.id FROM answers a WHERE a.state = '{AnswerState.QUEUED}' AND a.by_hand IS NULL"
        f" AND a.share = '{Share.NEW}'"
        f" AND EXISTS (SELECT 1 FROM answers o JOIN attempts t ON t.answer_id = o.id JOIN answer_segments s"
        f" ON s.attempt_id = t.id WHERE o.recipient = a.recipient AND o.by_hand IS NULL"
        f" AND s.state IN {states.MAY_HAVE_LEFT})"
    ),
    N_("windows, numbers and figures count the same segments"): (
        f"SELECT 1 FROM (SELECT count(*) FILTER (WHERE s.state = '{SegmentState.WAITING}' OR s.submitted_limit > -1e9)"
        f" AS windows, count(coalesce(s.submitted_at, t.begun_at)) AS figures, count(a.recipient) AS numbers"
        f" FROM answer_segments s LEFT JOIN attempts t ON t.id = s.attempt_id LEFT JOIN answers a ON a.id = t.answer_id"
        f" WHERE s.state IN {states.OCCUPIES}) WHERE windows <> figures OR figures <> numbers"
    ),
    N_("nothing counts from a time that the limit clock has not reached"): (
        f"SELECT id FROM answer_segments WHERE submitted_limit > {line_row.LIMIT_TIME}"
    ),
}
"""Promises that the rows keep among each other, each with the query for the ids of rows that break it."""


def first_damage(connection: sqlite3.Connection, seconds: float, give_up: Callable[[], bool]) -> str | None:
    """Return the first damage that a quick check finds, or None if it finds none within `seconds`.

    It ends early, with None, once `give_up` returns true. Raises sqlite3.Error if the file cannot be read.
    """
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline or give_up(), TICK_STEPS)
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)
    return None if found == "ok" else _one_line(found)


def damage(connection: sqlite3.Connection, *, full: bool, tick: Tick) -> Iterator[str]:
    """Yield the errors that SQLite finds in the file: by its quick check, or in full with indexes and foreign keys."""
    with _ticking(connection, tick, 0):
        try:
            for (found,) in connection.execute("PRAGMA integrity_check" if full else "PRAGMA quick_check"):
                if found != "ok":
                    yield _one_line(found)
            for table, row, parent, _key in connection.execute("PRAGMA foreign_key_check") if full else ():
                yield _(
                    "{table} {number} belongs to an entry of {parent} that is not there",
                    table=table,
                    number=row,
                    parent=parent,
                )
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            yield _("the check goes no further: {error}", error=error)


def contradictions(connection: sqlite3.Connection, tick: Tick) -> Iterator[str]:
    """Yield each promise that rows break, with the ids of the first of these rows."""
    for done, (promise, query) in enumerate(PROMISES.items(), 1):
        with _ticking(connection, tick, done):
            broken = [str(row[0]) for row in connection.execute(query).fetchmany(_MOST_IDS + 1)]
        if broken:
            more = [*broken[:_MOST_IDS], "…"] if len(broken) > _MOST_IDS else broken
            yield _("not so: {promise} ({rows})", promise=_(promise), rows=", ".join(more))


@contextlib.contextmanager
def _ticking(connection: sqlite3.Connection, tick: Tick, done: int) -> Iterator[None]:
    connection.set_progress_handler(lambda: tick(done, 1 + len(PROMISES)), TICK_STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _one_line(text: str) -> str:
    return " ".join(_PREFIX.sub("", text).split())
