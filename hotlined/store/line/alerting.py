"""Stores alerts: the last one of each condition, the channels that have yet to take it, and alert texts as requests.

An alert is a row before it is sent, and each channel marks it as taken afterwards: a crash can repeat an alert, but not
lose one. An alert text is a request that carries its alert's id, so no alert is texted twice. This module does not
decide which alerts are due.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hotlined.machine.clock import Now
from hotlined.states import MAY_HAVE_LEFT, AlertCondition, AnswerState, RequestState
from hotlined.store.line import line_row, requests
from hotlined.store.line.database import Database
from hotlined.store.line.requests import RequestVerb

GIVEN_UP_AFTER_SECONDS = 86_400.0
"""A channel that fails is tried again for this long, on the limit clock."""

SMS_WINDOW_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class AlertProgress:
    """The progress of alerts: the level of each condition's last alert, and the last event read (None for none yet).

    `since_limits` is when each condition that holds began, `recorded_limits` when its last alert was recorded: readings
    of the limit clock. `told` is the beginning that its last alert named, in RFC 3339.
    """

    levels: Mapping[str, int] = field(default_factory=dict)
    event_id: int | None = None
    since_limits: Mapping[str, float] = field(default_factory=dict)
    recorded_limits: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An alert before it is recorded: level 0 means that its condition is over; channels in `taken` have it already."""

    condition: str
    level: int
    at: str
    title: str
    text: str
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Alert:
    """A recorded alert that a channel has yet to take."""

    alert_id: int
    level: int
    at: str
    title: str
    text: str
    condition: str


@dataclass(frozen=True, slots=True)
class TextFate:
    """The fate of an alert's text: its request (`state` as in `requests`), and whether it left or may have left."""

    request_id: int
    state: RequestState
    result: str | None
    detail: str | None
    """The values of the result's sentence, as in `requests`."""
    left: bool


def progress(db: Database) -> AlertProgress:
    """Return the progress of alerts."""
    row = line_row.row_of(db)
    latest = db.all(
        "SELECT condition, level, at, at_limit FROM alerts WHERE id IN (SELECT max(id) FROM alerts GROUP BY condition)"
    )
    return AlertProgress(
        {each["condition"]: each["level"] for each in latest},
        row.alerts_event,
        json.loads(row.alerts_since),
        {each["condition"]: each["at_limit"] for each in latest},
        {each["condition"]: each["at"] for each in latest},
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
    """Record the progress of alerts, except the levels, inside the transaction that is open."""
    line_row.note_alerts_reached(db, reached.event_id, json.dumps(reached.since_limits))


def untaken(db: Database, channel: str, now: Now) -> list[Alert]:
    """Return the alerts that a channel has yet to take; after `GIVEN_UP_AFTER_SECONDS` only a digest.

    The oldest come first, and alerts about words (alerts.words) last: a person who texts such words must not delay the
    alerts about faults.
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
    """Return when the last digest was recorded, in RFC 3339; None if there is none."""
    row = db.one("SELECT at FROM alerts WHERE condition = ? ORDER BY id DESC LIMIT 1", AlertCondition.DIGEST)
    return row["at"] if row else None


def begin(db: Database, alert_id: int, channel: str) -> None:
    """Commit a try before it is made: if the disk takes no writes, the same alert is not sent again and again."""
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
    """Commit a request to text an alert to a number."""
    requests.ask(db, RequestVerb.SEND, {"number": number, "text": text, "alert": str(alert_id)}, who, now)


def maybe_fate(db: Database, alert_id: int) -> TextFate | None:
    """Return the fate of an alert's text; None if it was not requested yet.

    An unconfirmed text ends its request as refused, but may have left all the same: it is not requested again.
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
