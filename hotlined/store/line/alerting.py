"""Stores alerts: the last one of each condition, which channels have yet to take one, the texts asked of the daemon.

An alert is a row before it is sent, and each channel checks it off after: a crash repeats it at most, and loses none.
A text is a request that carries its alert's id, so none is asked for twice. What is due is not decided here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hotlined.clock import Now
from hotlined.states import MAY_HAVE_LEFT, AlertCondition, AnswerState, RequestState
from hotlined.store.line import line, requests
from hotlined.store.line.database import Database
from hotlined.store.line.requests import RequestVerb

GIVEN_UP_AFTER_SECONDS = 86_400.0
"""So long, on the limit clock, a channel that fails is tried again."""

SMS_WINDOW_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class AlertProgress:
    """How far alerts are: the level of the last alert of each condition, and the last event read (None: none yet).

    `unwell_limit` is the reading of the limit clock since when the line does not work, or None; `recorded_limits` are
    the readings at which the last alert of each condition was recorded.
    """

    levels: Mapping[str, int] = field(default_factory=dict)
    event_id: int | None = None
    unwell_limit: float | None = None
    recorded_limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An alert before it is recorded: level 0 says that it is over; the channels in `taken` know it already."""

    condition: str
    level: int
    at: str
    title: str
    text: str
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that a channel has yet to take."""

    alert_id: int
    level: int
    at: str
    title: str
    text: str
    condition: str


@dataclass(frozen=True, slots=True)
class TextFate:
    """How far the text of an alert is: `state` as in `requests`, and whether it left or may have left."""

    request_id: int
    state: RequestState
    result: str | None
    detail: str | None
    """The values of the result, as in `requests`."""
    left: bool


def progress(db: Database) -> AlertProgress:
    """Return how far alerts are."""
    event_id, unwell_limit = line.alerts_reached(db)
    latest = db.all(
        "SELECT condition, level, at_limit FROM alerts WHERE id IN (SELECT max(id) FROM alerts GROUP BY condition)"
    )
    return AlertProgress(
        {each["condition"]: each["level"] for each in latest},
        event_id,
        unwell_limit,
        {each["condition"]: each["at_limit"] for each in latest},
    )


def record(db: Database, drafts: Iterable[Draft], channels: Iterable[str], now: Now) -> list[int]:
    """Record alerts for the channels to take and return their ids, inside the transaction that is open."""
    channels = tuple(channels)
    ids = []
    for draft in drafts:
        alert_id = db.insert(
            "alerts",
            condition=draft.condition,
            level=draft.level,
            at=draft.at,
            at_limit=now.limit,
            title=draft.title,
            text=draft.text,
        )
        ids.append(alert_id)
        for channel in channels:
            db.execute(
                "INSERT INTO alert_deliveries (alert_id, channel, taken_at) VALUES (?, ?, ?)",
                alert_id,
                channel,
                draft.at if channel in draft.taken else None,
            )
    return ids


def move(db: Database, reached: AlertProgress) -> None:
    """Record how far alerts are, levels aside, inside the transaction that is open."""
    line.note_alerts_reached(db, reached.event_id, reached.unwell_limit)


def untaken(db: Database, channel: str, now: Now) -> list[Alert]:
    """Return the alerts that a channel has yet to take; after `GIVEN_UP_AFTER_SECONDS` a digest alone.

    The oldest come first, and those of words behind all others: whoever texts such words is not to hide what is wrong.
    """
    rows = db.all(
        "SELECT a.id AS alert_id, a.level, a.at, a.title, a.text, a.condition FROM alerts a"
        " JOIN alert_deliveries d ON d.alert_id = a.id"
        " WHERE d.channel = ? AND d.taken_at IS NULL AND a.condition <> ? AND iif(a.condition = ?,"
        " a.id = (SELECT max(id) FROM alerts WHERE condition = a.condition), a.at_limit > ?)"
        " ORDER BY a.condition = ?, a.id",
        channel,
        AlertCondition.TEST,
        AlertCondition.DIGEST,
        now.limit - GIVEN_UP_AFTER_SECONDS,
        AlertCondition.WORDS,
    )
    return [Alert(**row) for row in rows]


def maybe_last_digest(db: Database) -> str | None:
    """Return when the last digest was recorded, in RFC 3339."""
    row = db.one("SELECT at FROM alerts WHERE condition = ? ORDER BY id DESC LIMIT 1", AlertCondition.DIGEST)
    return row["at"] if row else None


def begin(db: Database, alert_id: int, channel: str) -> None:
    """Commit a try before it is made: what cannot be written down is not sent again and again."""
    with db.transaction():
        db.execute(
            "UPDATE alert_deliveries SET tries = tries + 1 WHERE alert_id = ? AND channel = ?", alert_id, channel
        )


def take(db: Database, alert_id: int, channel: str, now: Now) -> None:
    """Commit that a channel took an alert."""
    with db.transaction():
        db.execute(
            "UPDATE alert_deliveries SET taken_at = ? WHERE alert_id = ? AND channel = ?",
            now.rfc3339,
            alert_id,
            channel,
        )


def ask(db: Database, alert_id: int, number: str, text: str, who: str, now: Now) -> None:
    """Commit a request that the daemon texts an alert to a number."""
    requests.ask(db, RequestVerb.SEND, {"number": number, "text": text, "alert": str(alert_id)}, who, now)


def maybe_fate(db: Database, alert_id: int) -> TextFate | None:
    """Return how far the text of an alert is, or None while it was not asked for.

    One that is unconfirmed was refused by its state and may have left all the same: it is not asked for again.
    """
    row = db.one(
        "SELECT r.id AS request_id, r.state, r.result, r.detail,"
        f" r.state = '{RequestState.DONE}' OR EXISTS ({_MAY_HAVE_LEFT}) AS left"
        " FROM requests r LEFT JOIN answers a ON a.id = r.answer_id"
        f" WHERE r.verb = '{RequestVerb.SEND}' AND json_extract(r.arguments, '$.alert') = ? ORDER BY r.id DESC LIMIT 1",
        str(alert_id),
    )
    if row is None:
        return None
    return TextFate(row["request_id"], RequestState(row["state"]), row["result"], row["detail"], bool(row["left"]))


def texted(db: Database, now: Now) -> int:
    """Count the segments that alerts took in the last `SMS_WINDOW_SECONDS` of the limit clock, or may still take."""
    segments = db.value(
        "SELECT coalesce(sum(a.segments), 0) FROM requests r JOIN answers a ON a.id = r.answer_id"
        f" WHERE r.verb = '{RequestVerb.SEND}' AND json_extract(r.arguments, '$.alert') IS NOT NULL"
        f" AND (a.state = '{AnswerState.QUEUED}' OR EXISTS ({_MAY_HAVE_LEFT} AND t.begun_limit > ?))",
        now.limit - SMS_WINDOW_SECONDS,
    )
    return int(segments)


_MAY_HAVE_LEFT = (
    "SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id WHERE t.answer_id = a.id"
    f" AND s.state IN {MAY_HAVE_LEFT}"
)
