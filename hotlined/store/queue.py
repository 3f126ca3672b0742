"""What waits to be sent: how many answers are in which state, when the next one may go, which windows are full."""

from datetime import UTC, datetime

from hotlined.clock import rfc3339
from hotlined.states import OPEN, State
from hotlined.store.database import Database
from hotlined.store.line import FREE, Sending


def counted(db: Database) -> dict[str, int]:
    """Count the answers that are queued, sending and unconfirmed."""
    counted = dict(
        db.execute(
            f"SELECT state, count(*) FROM answers WHERE state IN {OPEN} GROUP BY state"
            f" UNION ALL SELECT state, count(*) FROM answers WHERE state = '{State.UNCONFIRMED}' GROUP BY state"
        )
    )
    return {state.value: counted.get(state, 0) for state in (State.QUEUED, State.SENDING, State.UNCONFIRMED)}


def maybe_next_due_at(db: Database, held: Sending = FREE) -> str | None:
    """Return when the next queued answer may go, by the calendar; None where none is queued, or nobody can say.

    Nobody can while a person has to decide something first. While nothing leaves it is not before the next trial.
    """
    row = db.one(
        "SELECT min(a.due_limit) AS due, (SELECT limit_epoch FROM line_state) AS epoch,"
        " (SELECT breaker_due FROM line_state) AS trial_due FROM answers a"
        f" WHERE a.state = '{State.QUEUED}'"
    )
    if row is None or row["due"] is None or held.state in ("held", "paused"):
        return None
    due = max(row["due"], row["trial_due"]) if held.state == "trial" else row["due"]
    return rfc3339(datetime.fromtimestamp(row["epoch"] + due, UTC))


def full_windows(db: Database, now: float) -> set[str]:
    """Return the windows for which answers wait that are due, as the daemon found; `now` is a limit time."""
    rows = db.all(
        "SELECT l.hold_new AS hold FROM line_state l WHERE EXISTS (SELECT 1 FROM answers"
        f" WHERE state = '{State.QUEUED}' AND share = 'new' AND due_limit <= ?)"
        " UNION SELECT l.hold_known FROM line_state l WHERE EXISTS (SELECT 1 FROM answers"
        f" WHERE state = '{State.QUEUED}' AND share = 'known' AND due_limit <= ?)",
        now,
        now,
    )
    return {row["hold"].removeprefix("budget_") for row in rows if (row["hold"] or "").startswith("budget_")}
