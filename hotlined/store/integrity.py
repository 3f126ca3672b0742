"""Looks whether a database is whole: SQLite's own checks, and what our rows promise each other. It only reads.

A damaged file shows itself; a row that was changed by hand contradicts another one. What has no contradiction to show
(a text that was altered, an answer that was deleted with all its segments) is not found.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

Tick = Callable[[int, int], None]
"""Is told again and again how many checks are done, of how many."""

TICK_STEPS = 20_000  # of SQLite's virtual machine: some milliseconds on a Pi
_MOST_IDS = 10  # of the rows that break a promise: enough to look at

PROMISES = {
    "there is one row of the line's own state": "SELECT count(*) FROM line_state HAVING count(*) <> 1",
    "a contact has as many segments as it counts": (
        "SELECT id FROM contacts c WHERE segments_received <>"
        " (SELECT count(*) FROM segments s WHERE s.contact_id = c.id AND s.repeat = 0)"
    ),
    "a contact has as many repeats as it counts": (
        "SELECT id FROM contacts c WHERE repeats <>"
        " (SELECT count(*) FROM segments s WHERE s.contact_id = c.id AND s.repeat = 1)"
    ),
    "an answer belongs to a contact whose verdict says so": (
        "SELECT a.id FROM answers a JOIN contacts c ON c.id = a.contact_id WHERE c.verdict IS NOT 'answer'"
    ),
    "an answer that was sent has all its segments, and each of them left": (
        "SELECT id FROM answers a WHERE state IN ('sent', 'delivered', 'undelivered') AND segments <>"
        " (SELECT count(*) FROM answer_segments s WHERE s.answer_id = a.id AND s.current = 1"
        " AND s.state IN ('sent', 'delivered', 'undelivered'))"
    ),
    "only an answer that is being sent has a segment in hand": (
        "SELECT DISTINCT a.id FROM answers a JOIN answer_segments s ON s.answer_id = a.id"
        " WHERE s.state = 'submitting' AND s.current = 1 AND a.state <> 'sending'"
    ),
    "an answer counts when one of its segments does": (
        "SELECT id FROM answers a WHERE counted_limit IS NULL AND EXISTS"
        " (SELECT 1 FROM answer_segments s WHERE s.answer_id = a.id AND s.counted_limit IS NOT NULL)"
    ),
    "what left counts": (
        "SELECT id FROM answer_segments WHERE counted_limit IS NULL"
        " AND state IN ('submitting', 'sent', 'delivered', 'undelivered', 'unconfirmed')"
    ),
    "nothing counts from a time that the limit clock has not reached": (
        "SELECT s.id FROM answer_segments s, line_state l WHERE s.counted_limit > l.limit_time"
    ),
}
"""What the rows promise each other, and the query for the ids of those that do not keep it."""


def first_damage(connection: sqlite3.Connection, seconds: float, give_up: Callable[[], bool]) -> str | None:
    """Return the first damage that a quick check finds, or None where it finds none in so many seconds.

    It ends early, with None, once `give_up` says so. Raises sqlite3.Error where the file cannot be read.
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
    """Yield what SQLite finds wrong with the file: by its quick check, or in full with indexes and foreign keys."""
    with _ticking(connection, tick, 0):
        try:
            for (found,) in connection.execute("PRAGMA integrity_check" if full else "PRAGMA quick_check"):
                if found != "ok":
                    yield _one_line(found)
            for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check") if full else ():
                yield f"{table} {row} belongs to a row of {parent} that is not there"
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            yield f"the check goes no further: {error}"


def contradictions(connection: sqlite3.Connection, tick: Tick) -> Iterator[str]:
    """Yield each promise that rows break, with the ids of the first of them."""
    for done, (promise, query) in enumerate(PROMISES.items(), 1):
        with _ticking(connection, tick, done):
            broken = [str(row[0]) for row in connection.execute(query).fetchmany(_MOST_IDS + 1)]
        if broken:
            more = [*broken[:_MOST_IDS], "…"] if len(broken) > _MOST_IDS else broken
            yield f"not so: {promise} ({', '.join(more)})"


@contextlib.contextmanager
def _ticking(connection: sqlite3.Connection, tick: Tick, done: int) -> Iterator[None]:
    connection.set_progress_handler(lambda: tick(done, 1 + len(PROMISES)), TICK_STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _one_line(text: str) -> str:
    return " ".join(text.removeprefix("*** in database main ***").split())
