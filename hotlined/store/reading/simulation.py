"""Gives a simulation a database to be thrown away, and the sums at its end.

The rows are written by the daemon's own functions; nothing here decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hotlined.forms import Seconds
from hotlined.policy import Reason
from hotlined.states import MAY_HAVE_LEFT, AnswerState, ContactVerdict
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database


class FinalState(StrEnum):
    """The fate of a contact at the end of a simulation."""

    ANSWERED = "answered"
    """A segment of its answer was let out."""
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of first contacts: how many asked for an answer, how many got one; the seconds are null if none did."""

    asked: int
    answered: int
    median_seconds: Seconds | None
    worst_seconds: Seconds | None


def open_to_throw_away(path: Path) -> Database:
    """Open a new database that a power cut may damage: no commit waits for the disk."""
    db = open_for_daemon(path)
    db.connection.execute("PRAGMA synchronous = OFF")
    return db


def fates(db: Database) -> dict[str, dict[str, int]]:
    """Count the contacts by their fate, a `FinalState`, and its reason."""
    counted: dict[str, dict[str, int]] = {state.value: {} for state in FinalState}
    for fate, reason, contacts in db.rows(_FATES):
        counted[fate][reason] = contacts
    return counted


def waits(db: Database) -> Waits:
    """Measure how long first contacts waited, from their arrival to the first segment."""
    ordered = (
        f"SELECT begun - received AS seconds FROM ({_FIRST}) WHERE begun IS NOT NULL ORDER BY seconds LIMIT 1 OFFSET ?"
    )
    row = db.the(f"SELECT count(*) AS asked, count(begun) AS answered FROM ({_FIRST})")
    at = {"median": (row["answered"] - 1) // 2, "worst": row["answered"] - 1} if row["answered"] else {}
    seconds = {name: db.value(ordered, offset) for name, offset in at.items()}
    return Waits(row["asked"], row["answered"], seconds.get("median"), seconds.get("worst"))


def segment_times(db: Database) -> Iterator[float]:
    """Yield the limit time of every segment that counted, in order."""
    for (moment,) in db.rows(
        f"SELECT submitted_limit FROM answer_segments WHERE state IN {MAY_HAVE_LEFT} ORDER BY submitted_limit"
    ):
        yield moment


def timeline(db: Database, bin_seconds: float) -> dict[int, tuple[int, int]]:
    """Count contacts received and answers begun in each bin of the limit clock; empty bins are left out."""
    received = db.rows(_BINS.format(moment="received_limit", table="contacts"), bin_seconds)
    answered = db.rows(_BINS.format(moment="begun_limit", table="attempts"), bin_seconds)
    counts = [dict(rows.fetchall()) for rows in (received, answered)]
    return {number: (counts[0].get(number, 0), counts[1].get(number, 0)) for number in sorted(counts[0] | counts[1])}


_BINS = "SELECT CAST({moment} / ? AS INTEGER) AS bin, count(*) FROM {table} WHERE {moment} IS NOT NULL GROUP BY bin"
_FATES = f"""
SELECT CASE WHEN c.verdict = '{ContactVerdict.SUPPRESS}' THEN '{FinalState.SUPPRESSED}'
    WHEN a.state = '{AnswerState.QUEUED}' THEN '{FinalState.WAITING}'
    WHEN a.state = '{AnswerState.CANCELLED}' THEN '{FinalState.CANCELLED}' ELSE '{FinalState.ANSWERED}' END AS fate,
  CASE a.state WHEN '{AnswerState.QUEUED}' THEN l.answer_waiting_for
    WHEN '{AnswerState.CANCELLED}' THEN a.reason ELSE c.reason END AS why,
  count(*) AS contacts
FROM contacts c LEFT JOIN answers a ON a.contact_id = c.id
  LEFT JOIN log l ON l.id = c.id AND a.state = '{AnswerState.QUEUED}'
GROUP BY fate, why ORDER BY contacts DESC, why
"""
_FIRST = f"""
SELECT c.received_limit AS received, (SELECT max(t.begun_limit) FROM attempts t JOIN answer_segments s
  ON s.attempt_id = t.id WHERE t.answer_id = a.id AND s.state IN {MAY_HAVE_LEFT}) AS begun
FROM contacts c JOIN answers a ON a.contact_id = c.id WHERE c.reason = '{Reason.FIRST_CONTACT}'
"""
