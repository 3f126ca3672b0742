"""Whether the line receives: what it texted itself and whether that came back, the last contact, the hours with one.

A text that the line sends to itself on its own is a request whose arguments say so: that row is all that is kept of it.
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
"""For so long a text that was lost is trouble."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The last text that the line sent to itself on its own: when it was asked for, and how far it is.

    `left` says that it left or may have left, at `left_limit` of the limit clock; `back` that a text of the line's own
    number came since.
    """

    at: str
    at_limit: float
    is_pending: bool
    left: bool
    left_limit: float
    back: bool


@dataclass(frozen=True, slots=True)
class LostText:
    """The last text that came and that the modem stored nowhere: when that was, by the calendar and the limit clock."""

    at: str
    at_limit: float

    def is_recent(self, now: Now) -> bool:
        """Tell whether it was lost within the last day that this machine was on."""
        return now.limit - self.at_limit < LOST_TEXT_SECONDS


def maybe_lost_text(db: Database) -> LostText | None:
    """Return the last text that was lost; None where none was."""
    row = db.one("SELECT at, at_limit FROM events WHERE kind = ? ORDER BY id DESC LIMIT 1", EventKind.TEXT_LOST)
    return LostText(row["at"], row["at_limit"]) if row else None


def ask_selftest(db: Database, own: str, text: str, who: str, now: Now) -> None:
    """Commit a request that the daemon texts the line's own number."""
    requests.ask(db, RequestVerb.SEND, {"number": own, "text": text, "selftest": "yes"}, who, now)


def maybe_selftest(db: Database, own: str) -> SelfTest | None:
    """Return the last self-test of the number that is the line's now; None before the first."""
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
    """When the last contact came: by the calendar, and on the limit clock."""

    at: str
    limit: float


def maybe_last_contact(db: Database) -> LastContact | None:
    """Return when the last contact came, whatever it was; None where there is none."""
    row = db.one("SELECT received_at, received_limit FROM contacts ORDER BY id DESC LIMIT 1")
    return LastContact(*row) if row else None


def hours_with_contacts(db: Database, now: Now, length: timedelta) -> list[datetime]:
    """Return the UTC hours of the last time in which somebody contacted the line, itself aside, in order.

    They are those of the totals: a flood makes no more of them than the clock has.
    """
    rows = db.all(
        "SELECT DISTINCT hour FROM totals WHERE name = 'contacts' AND total > 0 AND reason <> ? AND hour >= ?"
        " ORDER BY hour",
        Reason.OWN_NUMBER,
        rfc3339(now.utc - length),
    )
    return [parse_rfc3339(row["hour"]) for row in rows]
