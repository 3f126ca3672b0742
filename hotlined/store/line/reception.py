"""Signs that the line receives: the last text, its texts to itself and whether they came back, hours with contacts.

A text to itself is a request like that of a person. `line.SelfTest` has the state; what follows from it is here, for
the daemon and for reports.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hotlined.machine.clock import Now
from hotlined.machine.timing import Timing
from hotlined.rules.policy import Reason
from hotlined.states import (
    MAY_HAVE_LEFT,
    EventKind,
    HoldReason,
    RequestState,
    SegmentKind,
    SelftestObstacle,
    SendingState,
)
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import SelfTest, Sending, row_of

LOST_TEXT_SECONDS = 86_400.0
"""A lost text counts as trouble for a day."""


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


def last_text_limit(db: Database) -> float:
    """Return when the last text of any kind came, on the limit clock; 0 before the first."""
    kind = SegmentKind.STATUS_REPORT
    row = db.one("SELECT received_limit FROM segments WHERE kind <> ? ORDER BY id DESC LIMIT 1", kind)
    return float(row["received_limit"]) if row else 0.0


# ---- texts to itself

MOST_TRIES = 3
"""The most texts to itself before the next wait for a text: one, and one after each step of the escalation."""


def selftest_text() -> str:
    """Return the text of a self-test; each is different, so that it can be recognised when it comes back."""
    return " ".join(("hotlined", "selftest", os.urandom(4).hex()))


def selftest_due_limit(test: SelfTest, heard_limit: float, every: timedelta, timing: Timing) -> float | None:
    """Return when the next text to itself is due, on the limit clock; None as long as the last one says otherwise.

    `heard_limit` is when the last text came. One that did not leave is tried again. One that may still come back is
    waited for, and so is a person if none ever came back. A lost one is followed by others, with a step before each.
    """
    if not test.tries:
        return heard_limit + every.total_seconds()
    if test.left_limit is None:
        return test.at_limit + timing.selftest_again
    if test.lost_at is None or test.back_at is None:
        return None
    pauses = (timing.selftest_late, timing.selftest_again, every.total_seconds())
    return test.left_limit + pauses[test.tries - 1]


def maybe_back_at(db: Database, number: str) -> str | None:
    """Return when the last text from the line's own number came on the SIM of the line; None if none came."""
    sim = row_of(db).sim
    row = db.one(
        "SELECT s.received_at FROM contacts c JOIN segments s ON s.contact_id = c.id"
        " WHERE c.originator IN (?, ?) AND s.imsi = ? ORDER BY c.id DESC LIMIT 1",
        *pseudonyms.names(db, number),
        sim and sim[1],
    )
    return row["received_at"] if row else None


def is_selftest_pending(db: Database, test: SelfTest) -> bool:
    """Tell whether the last text to itself still waits to be sent."""
    row = db.one("SELECT state FROM requests WHERE id = ?", test.request_id)
    return row is not None and RequestState(row["state"]).is_pending


def maybe_left_limit(db: Database, test: SelfTest) -> float | None:
    """Return when the last text to itself left or may have left, on the limit clock; None if it did not."""
    left: float | None = db.value(
        "SELECT max(coalesce(s.submitted_limit, t.begun_limit)) FROM requests r"
        " JOIN attempts t ON t.answer_id = r.answer_id JOIN answer_segments s ON s.attempt_id = t.id"
        f" WHERE r.id = ? AND s.state IN {MAY_HAVE_LEFT}",
        test.request_id,
    )
    return left


def selftest_obstacles(
    test: SelfTest | None,
    *,
    is_number_set: bool,
    has_text: bool,
    alive: bool,
    modem_is_ready: bool,
    holds: tuple[Sending, ...],
    full: bool,
) -> Iterator[SelftestObstacle]:
    """Yield why the line cannot text itself now; nothing if it can. `test` is None if it does not know its number."""
    found = {
        SelftestObstacle.NO_NUMBER: test is None,
        SelftestObstacle.NEVER_BACK: test is not None and test.back_at is None and not is_number_set,
        SelftestObstacle.NO_ANSWER: not has_text,
        SelftestObstacle.NOT_RUNNING: not alive,
        SelftestObstacle.MODEM_NOT_READY: alive and not modem_is_ready,
    }
    yield from (obstacle for obstacle, is_there in found.items() if is_there)
    for hold in holds:
        if hold.state is SendingState.PAUSED:
            yield SelftestObstacle.PAUSED
        else:
            yield _HOLDS.get(hold.reason, SelftestObstacle.HELD)
    if full:
        yield SelftestObstacle.FULL


_HOLDS: dict[HoldReason | None, SelftestObstacle] = {
    HoldReason.CREDIT: SelftestObstacle.CREDIT,
    HoldReason.OUTAGE: SelftestObstacle.OUTAGE,
}


# ---- contacts


@dataclass(frozen=True, slots=True)
class LastContact:
    """The time of the last contact, by the calendar and on the limit clock."""

    at: str
    limit: float


def maybe_last_contact(db: Database) -> LastContact | None:
    """Return the time of the last contact of any kind; None if there is none."""
    row = db.one("SELECT received_at, received_limit FROM contacts ORDER BY id DESC LIMIT 1")
    return LastContact(*row) if row else None


def hours_with_contacts(db: Database, now: Now, length: timedelta) -> list[timedelta]:
    """Return the hours of the limit clock since `length` ago that had a contact; the line's own texts do not count.

    From each hour it looks by the index for the next one: the contacts of a flood are passed over.
    """
    first = (now.limit - length.total_seconds()) // 3600
    return [timedelta(hours=hour) for (hour,) in db.rows(_HOURS, int(first), Reason.OWN_NUMBER)]


_HOURS = """
WITH RECURSIVE hours (hour) AS (
  VALUES (?)
  UNION ALL
  SELECT (SELECT CAST(received_limit / 3600 AS INTEGER) FROM contacts
    WHERE received_limit >= (hour + 1) * 3600 AND reason IS NOT ? ORDER BY received_limit LIMIT 1)
  FROM hours WHERE hour IS NOT NULL
) SELECT hour FROM hours WHERE hour IS NOT NULL LIMIT -1 OFFSET 1
"""
