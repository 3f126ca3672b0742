"""Signs that the line receives: its self-tests and whether they came back, the last contact, hours with contacts.

A self-test is a text that the line sends to its own number by itself. Its only record is a request that has `selftest`
among its arguments.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.policy import Reason
from hotlined.states import MAY_HAVE_LEFT, EventKind, RequestState
from hotlined.store.line import pseudonyms, requests
from hotlined.store.line.database import Database
from hotlined.store.line.requests import RequestVerb

LOST_TEXT_SECONDS = 86_400.0
"""A lost text counts as trouble for a day."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The last text that the line sent to itself: when it was requested, whether it left, and whether it came back.

    `left` is true if it left or may have left, at `left_limit` on the limit clock; `back` if a text from the line's own
    number has come since the request.
    """

    at: str
    at_limit: float
    is_pending: bool
    left: bool
    left_limit: float
    back: bool


@dataclass(frozen=True, slots=True)
class LostText:
    """The last text that came but was stored nowhere by the modem: its time by the calendar and on the limit clock."""

    at: str
    at_limit: float

    def is_recent(self, now: Now) -> bool:
        """Tell whether it was lost within the last day of the limit clock."""
        return now.limit - self.at_limit < LOST_TEXT_SECONDS


def maybe_lost_text(db: Database) -> LostText | None:
    """Return the last text that was lost; None if there is none."""
    row = db.one("SELECT at, at_limit FROM events WHERE kind = ? ORDER BY id DESC LIMIT 1", EventKind.TEXT_LOST)
    return LostText(row["at"], row["at_limit"]) if row else None


def ask_selftest(db: Database, own: str, text: str, who: str, now: Now) -> None:
    """Commit a request that the daemon texts the line's own number."""
    requests.ask(db, RequestVerb.SEND, {"number": own, "text": text, "selftest": "yes"}, who, now)


def maybe_selftest(db: Database, own: str) -> SelfTest | None:
    """Return the last self-test of the number that the line has now; None before the first."""
    names = pseudonyms.names(db, own)
    row = db.one(
        "SELECT r.created_at, r.created_limit, r.state,"
        " (SELECT max(coalesce(s.submitted_limit, t.begun_limit)) FROM attempts t JOIN answer_segments s"
        f" ON s.attempt_id = t.id WHERE t.answer_id = r.answer_id AND s.state IN {MAY_HAVE_LEFT}) AS left_limit"
        f" FROM requests r WHERE r.verb = '{RequestVerb.SEND}' AND json_extract(r.arguments, '$.selftest') IS NOT NULL"
        " AND json_extract(r.arguments, '$.number') IN (?, ?) ORDER BY r.id DESC LIMIT 1",
        *names,
    )
    if row is None:
        return None
    back = db.one(
        "SELECT 1 FROM contacts WHERE originator IN (?, ?) AND received_limit >= ? LIMIT 1",
        *names,
        row["created_limit"],
    )
    return SelfTest(
        row["created_at"],
        row["created_limit"],
        RequestState(row["state"]).is_pending,
        row["left_limit"] is not None,
        row["left_limit"] or row["created_limit"],
        back is not None,
    )


@dataclass(frozen=True, slots=True)
class LastContact:
    """The time of the last contact, by the calendar and on the limit clock."""

    at: str
    limit: float


def maybe_last_contact(db: Database) -> LastContact | None:
    """Return the time of the last contact of any kind; None if there is none."""
    row = db.one("SELECT received_at, received_limit FROM contacts ORDER BY id DESC LIMIT 1")
    return LastContact(*row) if row else None


def hours_with_contacts(db: Database, now: Now, length: timedelta) -> list[datetime]:
    """Return the UTC hours since `length` ago that had a contact, in order; the line's own texts do not count.

    They are read from the hourly totals: a flood adds rows to the contacts, but not to the hours.
    """
    rows = db.all(
        "SELECT DISTINCT hour FROM totals WHERE name = 'contacts' AND total > 0 AND reason <> ? AND hour >= ?"
        " ORDER BY hour",
        Reason.OWN_NUMBER,
        rfc3339(now.utc - length),
    )
    return [parse_rfc3339(row["hour"]) for row in rows]
