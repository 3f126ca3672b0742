"""What waits to be sent: how many answers are in which state, when the next one may go, which windows are full."""

from collections import Counter

from hotlined.policy import BUDGETS, WINDOW_SECONDS
from hotlined.states import OPEN, AnswerState, SendingState, listed
from hotlined.store.answers import breaking
from hotlined.store.line.database import Database
from hotlined.store.line.line import FREE, Sending, breaker_of, calendar_time, share_waits


def counted(db: Database, now: float) -> dict[str, int]:
    """Count the answers that are queued and sending, and those unconfirmed of which an attempt began in the last day.

    `now` is the limit clock's: like a window the day is 86,400 s of it.
    """
    counted = dict(
        db.rows(
            f"SELECT state, count(*) FROM answers WHERE state IN {listed(OPEN)} GROUP BY state UNION ALL"
            " SELECT a.state, count(DISTINCT a.id) FROM attempts t JOIN answers a ON a.id = t.answer_id"
            f" WHERE t.begun_limit > ? AND a.state = '{AnswerState.UNCONFIRMED}' GROUP BY a.state",
            now - WINDOW_SECONDS["day"],
        )
    )
    return {state.value: counted.get(state, 0) for state in (*OPEN, AnswerState.UNCONFIRMED)}


def waiting(db: Database) -> Counter[str]:
    """Count the queued answers, texts by hand among them, by what holds each back now."""
    found: Counter[str] = Counter()
    for view in ("log", "log_by_hand"):
        found.update(
            dict(
                db.rows(
                    f"SELECT answer_waiting_for, count(*) FROM {view}"
                    f" WHERE answer_state = '{AnswerState.QUEUED}' GROUP BY answer_waiting_for"
                )
            )
        )
    return found


def maybe_next_due_at(db: Database, held: Sending = FREE) -> str | None:
    """Return when the next queued answer may go, by the calendar; None where none is queued, or nobody can say.

    Nobody can while a person has to decide something first. While nothing leaves it is not before the next trial.
    """
    first = f"SELECT min(due_limit) FROM answers a WHERE state = '{AnswerState.QUEUED}'"
    due = db.value(f"{first} AND NOT {breaking.WAITS_BY_ITSELF}")
    if due is None and (due := db.value(first)) is not None:  # those of countries that wait by themselves
        due = max(due, db.value("SELECT min(due) FROM country_outages"))
    if due is None or held.state in (SendingState.HELD, SendingState.PAUSED):
        return None
    return calendar_time(db, max(due, breaker_of(db).due) if held.state is SendingState.TRIAL else due)


def full_windows(db: Database, now: float) -> set[str]:
    """Return the windows that are full, by what the daemon noted of each share in which an answer is due at `now`."""
    due = f"SELECT 1 FROM answers WHERE state = '{AnswerState.QUEUED}' AND share = ? AND due_limit <= ? LIMIT 1"
    waits = {waiting_for for share, waiting_for in share_waits(db).items() if waiting_for and db.one(due, share, now)}
    return {window for window, waits_for in BUDGETS.items() if waits_for in waits}
