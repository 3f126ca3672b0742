"""Serves the command line: contacts and what became of them, the queue, the line's own state. It writes nothing.

Rows are read in batches and handed on one by one: a hundred thousand contacts need little more memory than fifty, and
who looks at them for an hour keeps no transaction open. A search is a scan in Python: SQLite folds the case of ASCII
alone, and a full-text index would keep deleted words in its pages.
"""

import json
import sqlite3
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from hotlined.clock import rfc3339
from hotlined.gsm.address import Identity, LineType
from hotlined.policy import WaitingFor
from hotlined.states import IN_SHADOW, OCCUPIES, OPEN, State, listed
from hotlined.store import pseudonyms
from hotlined.store.database import Database

_BATCH = 500  # rows: read at once, few enough for any memory

WITHHELD = "withheld"  # what is said for the originator of a call or text that hides it


class Kind(StrEnum):
    """What a contact is."""

    TEXT = "text"
    CALL = "call"
    MMS = "mms"
    DATA = "data"
    SERVICE = "service"
    UNREADABLE = "unreadable"


class Verdict(StrEnum):
    """What was decided on a contact."""

    ANSWER = "answer"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts are meant: those that fit everything that is set; one of several values will do.

    `since` is the first moment of `received_at` that fits, `until` the first that does not. A reason is the verdict's
    or the one for which its answer was cancelled. `originator` is exact, and its pseudonym fits too;
    `name` puts the case of ASCII aside, and finds those without an originator as `WITHHELD`. `search` puts case and
    accents aside.
    """

    since: datetime | None = None
    until: datetime | None = None
    originator: str | None = None
    name: str | None = None
    kinds: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    tag: str | None = None
    search: str | None = None
    kept: bool = False


_CONDITIONS = {
    "since": "received_at >= :since",
    "until": "received_at < :until",
    "originator": "originator IN (SELECT value FROM json_each(:originator))",
    "name": "(originator = :name COLLATE NOCASE"
    f" OR (lower(:name) = '{WITHHELD}' AND originator IS NULL AND kind <> '{Kind.UNREADABLE}'))",
    "kinds": "kind IN (SELECT value FROM json_each(:kinds))",
    "verdicts": "verdict IN (SELECT value FROM json_each(:verdicts))",
    "reasons": "EXISTS (SELECT 1 FROM json_each(:reasons) WHERE value = reason"
    f" OR (answer_state = '{State.CANCELLED}' AND value = answer_reason))",
    "states": "answer_state IN (SELECT value FROM json_each(:states))",
    "tag": "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)",
    "kept": "id IN (SELECT id FROM contacts WHERE kept_at IS NOT NULL)",
}


def columns(db: Database) -> tuple[str, ...]:
    """Name the columns of the view `log`."""
    return tuple(column for column, *_ in db.execute("SELECT * FROM log LIMIT 0").description)


def rows(db: Database, where: Filter, limit: int = 0) -> Iterator[sqlite3.Row]:
    """Yield rows of the view `log` and whether each is `kept`, oldest first: the newest `limit` that fit (0: all)."""
    condition, arguments = _condition(db, where)
    sql = f"SELECT id, text FROM log WHERE {condition} ORDER BY id DESC"
    with closing(db.connection.execute(sql, arguments)) as found:
        # a list would take four times as much, for a million contacts as much as the daemon
        ids = array("q", (row["id"] for row in islice(filter(_searches(where), found), limit or None)))
    ids.reverse()
    for start in range(0, len(ids), _BATCH):
        yield from db.all(_THESE, json.dumps(ids[start : start + _BATCH].tolist()))


def log(db: Database, where: Filter, limit: int = 0) -> Iterator[dict[str, Any]]:
    """Yield contacts as `log --json` has them, oldest first: the newest `limit` that fit, or all for 0."""
    return map(entry, rows(db, where, limit))


@dataclass(slots=True)
class Place:
    """How far a follower is: the newest rows that it knows, the contacts that were open then, and what it has shown.

    Open is a contact that is not judged, or whose answer may still change by itself.
    """

    contact: int
    segment: int
    event: int
    open_ids: frozenset[int]
    shown: dict[int, int] = field(default_factory=dict)


def place(db: Database) -> Place:
    """Return where a follower begins: at what there is now."""
    here = _here(db)
    for row in db.all(_THESE, json.dumps(sorted(here.open_ids))):
        note(here, row)
    return here


def changes(db: Database, where: Filter, follower: Place) -> list[sqlite3.Row]:
    """Return the rows that are new or differ from what was shown to a follower, oldest first, and move it on.

    Only contacts that something happened to are looked at, however old: those that are or were open, and those to which
    a new segment, status report or event belongs. That a text was erased is no news.
    """
    condition, arguments = _condition(db, where)
    here = _here(db)
    touched = {
        "contact": follower.contact,
        "segment": follower.segment,
        "event": follower.event,
        "open": json.dumps(sorted(follower.open_ids | here.open_ids)),
    }
    sql = f"{_ROWS} WHERE id IN ({_TOUCHED}) AND {condition} ORDER BY id"
    found = db.connection.execute(sql, arguments | touched).fetchall()
    follower.contact, follower.segment, follower.event = here.contact, here.segment, here.event
    follower.open_ids = here.open_ids
    return [row for row in filter(_searches(where), found) if note(follower, row)]


def _here(db: Database) -> Place:
    row = db.one(
        "SELECT (SELECT max(id) FROM contacts) AS contact, (SELECT max(id) FROM segments) AS segment,"
        " (SELECT max(id) FROM events) AS event"
    )
    assert row is not None
    open_ids = frozenset(contact_id for (contact_id,) in db.execute(_OPEN))
    return Place(row["contact"] or 0, row["segment"] or 0, row["event"] or 0, open_ids)


def note(follower: Place, row: sqlite3.Row) -> bool:
    """Note that a row is shown, and tell whether that is news."""
    fingerprint = hash(tuple(row))
    if follower.shown.get(row["id"]) == fingerprint:
        return False
    follower.shown[row["id"]] = fingerprint
    return True


_ROWS = "SELECT *, EXISTS (SELECT 1 FROM contacts k WHERE k.id = log.id AND k.kept_at IS NOT NULL) AS kept FROM log"
_THESE = f"{_ROWS} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_OPEN = (
    "SELECT id FROM contacts WHERE verdict IS NULL"
    " UNION SELECT contact_id FROM answers"
    f" WHERE state IN {listed((State.QUEUED, State.SENDING, State.UNCONFIRMED))} AND contact_id IS NOT NULL"
)
_TOUCHED = (
    "SELECT value FROM json_each(:open)"
    " UNION SELECT id FROM contacts WHERE id > :contact"
    " UNION SELECT contact_id FROM events WHERE id > :event"
    " UNION SELECT contact_id FROM segments WHERE id > :segment"
    " UNION SELECT a.contact_id FROM segments s JOIN answer_segments p ON p.id = s.answer_segment_id"
    " JOIN attempts t ON t.id = p.attempt_id JOIN answers a ON a.id = t.answer_id WHERE s.id > :segment"
)


def entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row of the view `log` as the object of `log --json`."""
    contact = {name: row[name] for name in ("id", "line", "kind", "originator", "text")}
    contact["segments"] = {"received": row["segments_received"], "total": row["segments_total"]}
    contact |= {name: row[name] for name in ("scts", "received_at", "repeats")}
    contact["tags"] = json.loads(row["tags"])
    contact |= {name: row[name] for name in ("verdict", "reason")}
    answer = {name: row[f"answer_{name}"] for name in _ANSWER}
    return contact | {"answer": None if answer["id"] is None else answer}


def texts_by_hand(db: Database, limit: int = 0, recipient: str | None = None) -> list[sqlite3.Row]:
    """Return the texts that people sent themselves, to everybody or to a number, oldest first: the newest (0: all)."""
    names = pseudonyms.both(db, recipient) if recipient else ()
    condition = "recipient IN (?, ?)" if names else "1"
    rows = db.all(f"SELECT * FROM log_by_hand WHERE {condition} ORDER BY answer_id DESC LIMIT ?", *names, limit or -1)
    return rows[::-1]


def by_hand_entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row of the view `log_by_hand` as the object of `log --by-hand --json`."""
    text = {"id": row["answer_id"], **{name: row[name] for name in ("kind", "recipient", "asked_by")}}
    return text | {"answer": {name: row[f"answer_{name}"] for name in _ANSWER}}


_ANSWER = (
    "id", "state", "reason", "text", "encoding", "segments", "segments_sent", "waiting_for",
    "queued_at", "due_at", "sent_at", "reported_at",
)  # fmt: skip


def maybe_contact(db: Database, contact_id: int) -> dict[str, Any] | None:
    """Return one contact as `show --json` has it, or None: the object of the log, with its segments and events."""
    row = db.one("SELECT * FROM log WHERE id = ?", contact_id)
    if row is None:
        return None
    contact = entry(row)
    kept = db.one("SELECT kept_at AS at, kept_by AS by FROM contacts WHERE id = ? AND kept_at IS NOT NULL", contact_id)
    contact["kept"] = dict(kept) if kept else None
    parts = db.all(
        "SELECT id, kind, sequence, iif(pdu GLOB '~*', NULL, pdu) AS pdu, tpdu_length, problem, repeat, storage,"
        " storage_index, scts, received_at, deleted_at FROM segments WHERE contact_id = ? ORDER BY id",
        contact_id,
    )
    contact["parts"] = [dict(part) | {"repeat": bool(part["repeat"])} for part in parts]
    if contact["answer"]:
        sent = db.all(
            "SELECT s.id, t.id AS attempt, s.sequence,"
            " t.id = (SELECT max(id) FROM attempts WHERE answer_id = t.answer_id) AS current,"
            " s.state, s.pdu, s.tpdu_length, s.mr, s.cause, s.detail, s.submitted_at, s.sent_at,"
            " s.report_status, s.reported_at, s.discharged_at FROM answer_segments s"
            " JOIN attempts t ON t.id = s.attempt_id WHERE t.answer_id = ? ORDER BY s.id",
            contact["answer"]["id"],
        )
        contact["answer"]["parts"] = [dict(part) | {"current": bool(part["current"])} for part in sent]
    by_hand = texts_by_hand(db, 0, contact["originator"]) if contact["originator"] else []
    contact["by_hand"] = [by_hand_entry(text) for text in by_hand]
    events = db.all("SELECT at, kind, detail FROM events WHERE contact_id = ? ORDER BY id", contact_id)
    contact["events"] = [dict(event) for event in events]
    return contact


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Whoever contacts the line: a number, a name, or those who withhold theirs (None); what was counted in answers.

    `first_at` and `last_at` are when its contacts were received, None where it has none but a decision about it.
    """

    number: str | None
    contacts: int
    first_at: str | None
    last_at: str | None
    answers: int
    segments: int
    blocked: bool
    opted_out: bool


class Order(StrEnum):
    """How correspondents are ordered."""

    LAST = "last"
    CONTACTS = "contacts"
    FIRST = "first"


_ORDERS = {
    Order.LAST: "last_at DESC, last_id DESC",
    Order.CONTACTS: "contacts DESC, last_at DESC, last_id DESC",
    Order.FIRST: "first_at DESC, last_id DESC",
}


def correspondents(
    db: Database, order: Order, limit: int, *, shadow: bool, only: tuple[str, ...] | None = None
) -> list[Correspondent]:
    """Return who contacts the line or is decided about, the latest or most frequent `limit` (0: all), these last.

    `shadow` counts what shadow mode let out too, as its limits do. `only` are the numbers that are meant, if not all.
    """
    rows = db.connection.execute(
        _CORRESPONDENTS.format(order=_ORDERS[order], counting=OCCUPIES, in_shadow=IN_SHADOW),
        {"limit": limit or -1, "shadow": int(shadow), "only": None if only is None else json.dumps(only)},
    )
    found = [
        Correspondent(**dict(row) | {"blocked": bool(row["blocked"]), "opted_out": bool(row["opted_out"])})
        for row in rows
    ]
    return found[::-1]


# an answer counts from the moment that it was let out, as limits have it
_CORRESPONDENTS = """
WITH
  known AS (
    SELECT originator AS number, count(*) AS contacts, min(received_at) AS first_at, max(received_at) AS last_at,
      max(id) AS last_id
    FROM contacts WHERE originator IS NOT NULL OR kind <> 'unreadable' GROUP BY originator
    UNION ALL
    SELECT number, 0, NULL, NULL, 0 FROM numbers
    WHERE (blocked_at IS NOT NULL OR opted_out_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM contacts WHERE originator = number)
    UNION ALL
    SELECT DISTINCT recipient, 0, NULL, NULL, 0 FROM answers
    WHERE by_hand IS NOT NULL AND recipient <> '~'
      AND NOT EXISTS (SELECT 1 FROM contacts WHERE originator = recipient)
      AND NOT EXISTS (SELECT 1 FROM numbers WHERE number = recipient
        AND (blocked_at IS NOT NULL OR opted_out_at IS NOT NULL))
  ),
  -- of each answer what the windows count; texts by hand are spent, but are no answers
  let_out AS (
    SELECT a.recipient, a.by_hand, count(*) AS segments
    FROM answers a JOIN attempts t ON t.answer_id = a.id JOIN answer_segments s ON s.attempt_id = t.id
    WHERE s.state IN {counting} OR (:shadow AND s.state IN {in_shadow}) GROUP BY a.id
  ),
  answered AS (
    SELECT recipient, count(*) FILTER (WHERE by_hand IS NULL) AS answers, sum(segments) AS segments
    FROM let_out GROUP BY recipient
  )
SELECT k.number, k.contacts, k.first_at, k.last_at, coalesce(a.answers, 0) AS answers,
  coalesce(a.segments, 0) AS segments, n.blocked_at IS NOT NULL AS blocked, n.opted_out_at IS NOT NULL AS opted_out
FROM known k LEFT JOIN answered a ON a.recipient = k.number LEFT JOIN numbers n ON n.number = k.number
WHERE :only IS NULL OR k.number IN (SELECT value FROM json_each(:only))
ORDER BY {order} LIMIT :limit
"""


def maybe_identity(db: Database, originator: str) -> Identity | None:
    """Return what was found out about an originator, spelled as it is kept, or None where it never contacted us."""
    row = db.one(
        "SELECT country, line_type FROM contacts WHERE originator = ? ORDER BY id DESC LIMIT 1",
        originator,
    )
    if row is None:
        return None
    e164 = originator if row["country"] else None
    return Identity(originator, e164, row["country"], LineType(row["line_type"]))


def names(db: Database) -> list[str]:
    """Return every originator and every number that is decided about, for completion."""
    rows = db.execute("SELECT originator FROM contacts WHERE originator IS NOT NULL UNION SELECT number FROM numbers")
    return [name for (name,) in rows]


def tags(db: Database) -> list[str]:
    """Return every tag in use, in order."""
    return [tag for (tag,) in db.execute("SELECT DISTINCT value FROM contacts, json_each(contacts.tags) ORDER BY 1")]


def untagged(db: Database, *, reactions: bool) -> list[int]:
    """Return the ids of the texts without a tag, oldest first: of reactions alone, or of all.

    A reaction is a text within a day after an answer was sent to its originator; an answer, not a text by hand.
    """
    only = _IS_REACTION if reactions else "1"
    rows = db.execute(f"SELECT c.id FROM contacts c WHERE c.kind = 'text' AND c.tags = '[]' AND {only} ORDER BY c.id")
    return [contact_id for (contact_id,) in rows]


_IS_REACTION = (
    "EXISTS (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL"
    " AND a.sent_at <= c.received_at AND c.received_at < strftime('%Y-%m-%dT%H:%M:%fZ', a.sent_at, '+1 day'))"
)


def queue(db: Database) -> dict[str, int]:
    """Count the answers that are queued, sending and unconfirmed."""
    counted = dict(
        db.execute(
            f"SELECT state, count(*) FROM answers WHERE state IN {OPEN} GROUP BY state"
            f" UNION ALL SELECT state, count(*) FROM answers WHERE state = '{State.UNCONFIRMED}' GROUP BY state"
        )
    )
    return {state.value: counted.get(state, 0) for state in (State.QUEUED, State.SENDING, State.UNCONFIRMED)}


def paused(db: Database) -> bool:
    """Tell whether the line is paused."""
    return maybe_paused_by(db) is not None


def maybe_paused_by(db: Database) -> str | None:
    """Return who has paused the line, None while it is not paused."""
    row = db.one("SELECT coalesce(paused_by, '') AS paused_by FROM line_state WHERE paused_at IS NOT NULL")
    return row["paused_by"] if row else None


@dataclass(frozen=True, slots=True)
class Sending:
    """Whether answers go out: free, paused (by a person), held (nothing that `resume` ends), or trial (the breaker).

    `reason` is a code: of a pause `person`, or `restored` where it came back with a backup. `since` is RFC 3339, None
    where it is not known.
    """

    state: str
    reason: str | None = None
    since: str | None = None
    by: str | None = None


FREE = Sending("free")


def sending(db: Database, *, sim_changed: bool | None = None) -> Sending:
    """Return whether answers go out, and else what keeps them back before all; `sim_changed` as `holds` has it."""
    return next(holds(db, sim_changed=sim_changed), FREE)


def holds(db: Database, *, sim_changed: bool | None = None) -> Iterator[Sending]:
    """Yield all that keeps answers back, first what a resume or a trial would not end.

    `sim_changed` is the daemon's word on whether another stick or SIM is in; None where no daemon says anything: then
    it is so if the last answer was held for it.
    """
    row = db.one("SELECT hold, key_lost_at, paused_at, paused_by, breaker_cause, breaker_since FROM line_state")
    assert row is not None
    if row["key_lost_at"]:
        yield Sending("held", "key_lost", row["key_lost_at"])
    if row["hold"] == WaitingFor.HELD if sim_changed is None else sim_changed:
        changed = _maybe_latest(db, "modem_sim_changed")
        yield Sending("held", "sim_changed", changed["at"] if changed else None)
    if row["paused_at"]:
        latest = _maybe_latest(db, "pause", "pause_restored")
        restored = latest is not None and latest["kind"] == "pause_restored"
        yield Sending("paused", "restored" if restored else "person", row["paused_at"], row["paused_by"])
    if row["breaker_cause"]:
        yield Sending("trial", row["breaker_cause"], row["breaker_since"])


def _maybe_latest(db: Database, *kinds: str) -> sqlite3.Row | None:
    """Return the latest event of these kinds."""
    return db.one(
        "SELECT at, kind, detail FROM events WHERE id = (SELECT max(id) FROM events"
        " WHERE kind IN (SELECT value FROM json_each(?)))",
        json.dumps(kinds),
    )


def maybe_shadow_since(db: Database) -> str | None:
    """Return since when the line has been in shadow mode by what its daemon noted; None where it has not."""
    latest = _maybe_latest(db, "mode_shadow", "mode_live")
    return latest["at"] if latest and latest["kind"] == "mode_shadow" else None


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


@dataclass(frozen=True, slots=True)
class Credit:
    """What is known of the SIM's credit: the balance that the network told last, and when."""

    balance: float | None = None
    asked_at: str | None = None
    topped_up_at: str | None = None
    valid_until: str | None = None


def credit(db: Database) -> Credit:
    """Return what was noted of the credit; a balance is noted when it has changed."""
    latest = _maybe_latest(db, "balance", "balance_low")
    if latest is None:
        return Credit()
    with suppress(ValueError):
        return Credit(float(latest["detail"]), latest["at"])
    return Credit()


def fold(text: str) -> str:
    """Put case and accents aside."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _condition(db: Database, where: Filter) -> tuple[str, dict[str, Any]]:
    """Return a condition on the view `log`, the search aside, and its arguments."""
    arguments = {name: argument for name in _CONDITIONS if (argument := _argument(getattr(where, name))) is not None}
    if where.originator is not None:
        arguments["originator"] = json.dumps(pseudonyms.both(db, where.originator))
    return " AND ".join(map(_CONDITIONS.__getitem__, arguments)) or "1", arguments


def _searches(where: Filter) -> Callable[[sqlite3.Row], bool]:
    needle = fold(where.search or "")
    return lambda row: not needle or needle in fold(row["text"] or "")


def _argument(value: datetime | tuple[str, ...] | str | bool | None) -> str | bool | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return None if value is False else value
