"""Reads contacts and their answers for the command line: filter, rows, follow, show. It writes nothing.

Rows are read in batches and passed on one by one: a hundred thousand contacts need little more memory than fifty, and a
person who pages through them for an hour keeps no transaction open. A search scans in Python, because SQLite folds the
case of ASCII only, and a full-text index would keep deleted words in its pages.
"""

import json
import sqlite3
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from hotlined import pseudonym
from hotlined.documents import (
    Kept,
    LoggedAnswer,
    LoggedContact,
    ReceivedPart,
    SegmentCount,
    SentPart,
    ShownEvent,
    TextByHand,
    WholeAnswer,
    WholeContact,
    WholeTextByHand,
)
from hotlined.forms import extended
from hotlined.gsm.alphabet import Encoding
from hotlined.machine.clock import rfc3339
from hotlined.rules import recognition
from hotlined.rules.policy import WaitingFor
from hotlined.states import OPEN, AnswerState, ByHand, ContactKind, ContactVerdict, SegmentState, listed
from hotlined.store.answers import words_met
from hotlined.store.line import events, pseudonyms
from hotlined.store.line.database import Database

_BATCH = 500  # rows that are read at once, few enough for any memory
WITHHELD = "withheld"  # stands in for the originator of a call or text that withholds it


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of contacts: a contact has to fit every field that is set, but only one of several values in a field.

    `since` is the first moment of `received_at` that fits, `until` the first that does not. A reason is that of the
    verdict or that of a cancelled answer. `originator` is exact, and fits its pseudonym, too; `either` is exactly the
    originator or the other address. `name` is either of the two, ignores the case of ASCII, and as `WITHHELD` finds
    contacts without an originator. `search` ignores case and accents. The ids of the contacts are below `before` and
    above `after`.
    """

    since: datetime | None = None
    until: datetime | None = None
    originator: str | None = None
    either: str | None = None
    name: str | None = None
    kinds: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    tag: str | None = None
    search: str | None = None
    kept: bool = False
    alert_words: bool = False
    before: int | None = None
    after: int | None = None


_CONDITIONS = {
    "since": "received_at >= :since",
    "until": "received_at < :until",
    "originator": "originator IN (SELECT value FROM json_each(:originator))",
    "either": "(originator IN (:either) OR other_originator IN (:either))",
    "name": "(originator = :name COLLATE NOCASE OR other_originator = :name COLLATE NOCASE"
    f" OR (lower(:name) = '{WITHHELD}' AND originator IS NULL AND kind <> '{ContactKind.UNREADABLE}'))",
    "kinds": "kind IN (SELECT value FROM json_each(:kinds))",
    "verdicts": "verdict IN (SELECT value FROM json_each(:verdicts))",
    "reasons": "EXISTS (SELECT 1 FROM json_each(:reasons) WHERE value = reason"
    f" OR (answer_state = '{AnswerState.CANCELLED}' AND value = answer_reason))",
    "states": "id IN (SELECT contact_id FROM answers WHERE state IN (SELECT value FROM json_each(:states)))",
    # there is an index on contacts with a tag; SQLite uses it only for a condition written as in the index
    "tag": "id IN (SELECT id FROM contacts WHERE tags <> '[]'"
    " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag))",
    "kept": "id IN (SELECT id FROM contacts WHERE kept_at IS NOT NULL)",
    "alert_words": "id IN (SELECT contact_id FROM words_met)",
    "before": "id < :before",
    "after": "id > :after",
}


# so that SQLite reads no contact older than the first that fits. It finds this one by the index on the time; without
# INDEXED BY it would look through all contacts, from the oldest on
_SINCE = "id >= (SELECT min(id) FROM contacts INDEXED BY contacts_received_at WHERE received_at >= :since)"
# SQLite drops ASCII texts without the needle; `without_accents` checks all others. A text with a NUL counts as one of
# the others, because its length() ends there
_IS_NOT_ASCII = "length(text) <> length(CAST(text AS BLOB))"
_MAY_CONTAIN = f"(instr(lower(text), :needle) OR {_IS_NOT_ASCII})"

READ_ONE_BY_ONE = ("name", "kinds", "verdicts", "reasons", "search")
"""The fields of a filter that read every contact, because there is no index for them."""


def newest_id(db: Database, until: datetime | None = None) -> int:
    """Return the highest id of the contacts before a moment, or of all for None; 0 if there is none."""
    if until is None:
        return int(db.value("SELECT ifnull(max(id), 0) FROM contacts"))
    return int(db.value("SELECT ifnull(max(id), 0) FROM contacts WHERE received_at < ?", rfc3339(until)))


def columns(db: Database) -> tuple[str, ...]:
    """Return the names of the columns of the view `log`."""
    return tuple(column for column, *_ in db.rows("SELECT * FROM log LIMIT 0").description)


def rows(db: Database, where: Filter, limit: int = 0) -> Iterator[sqlite3.Row]:
    """Yield rows of the view `log`, oldest first: the newest `limit` that fit (0: all).

    In each row `kept` says whether its contact is kept, and `alert_words` has its words as JSON, or NULL.
    """
    condition, arguments = _condition(db, where)
    sql = f"SELECT id, text FROM log WHERE {condition} ORDER BY id DESC"
    with closing(db.rows(sql, **arguments)) as found:
        # a list would need four times the memory: for a million contacts as much as the daemon
        ids = array("q", (row["id"] for row in islice(filter(_searches(where), found), limit or None)))
    ids.reverse()
    for start in range(0, len(ids), _BATCH):
        yield from db.all(_THESE, json.dumps(ids[start : start + _BATCH].tolist()))


def count(db: Database, where: Filter) -> int:
    """Return how many contacts fit."""
    condition, arguments = _condition(db, where)
    with closing(db.rows(f"SELECT text FROM log WHERE {condition}", **arguments)) as found:
        return sum(1 for _row in filter(_searches(where), found))


def entries(db: Database, where: Filter, limit: int = 0) -> Iterator[LoggedContact]:
    """Yield contacts, oldest first: the newest `limit` that fit (0: all)."""
    return map(entry, rows(db, where, limit))


@dataclass(slots=True)
class FollowPosition:
    """The position of a follower (`log --follow`): the newest rows, the contacts open then, and the rows shown so far.

    A contact is open if it is not judged, or if its answer may still change by itself.
    """

    contact: int
    segment: int
    event: int
    open_ids: frozenset[int]
    shown: dict[int, int] = field(default_factory=dict)


def newest_position(db: Database) -> FollowPosition:
    """Return the position of a follower that starts now, and shows only later changes."""
    here = _here(db)
    for row in db.all(_THESE, json.dumps(sorted(here.open_ids))):
        note(here, row)
    return here


def changes(db: Database, where: Filter, follower: FollowPosition) -> list[sqlite3.Row]:
    """Return the rows that are new or differ from those shown to a follower, oldest first, and move its position on.

    Only contacts that something happened to are read, whatever their age: those that are or were open, and those with a
    new segment, status report or event. The erasure of a text does not count as a change.
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
    found = db.all(sql, **arguments, **touched)
    follower.contact, follower.segment, follower.event = here.contact, here.segment, here.event
    follower.open_ids = here.open_ids
    return [row for row in filter(_searches(where), found) if note(follower, row)]


def _here(db: Database) -> FollowPosition:
    row = db.the(
        "SELECT (SELECT max(id) FROM contacts) AS contact, (SELECT max(id) FROM segments) AS segment,"
        " (SELECT max(id) FROM events) AS event"
    )
    open_ids = frozenset(contact_id for (contact_id,) in db.rows(_OPEN))
    return FollowPosition(row["contact"] or 0, row["segment"] or 0, row["event"] or 0, open_ids)


def note(follower: FollowPosition, row: sqlite3.Row) -> bool:
    """Remember that a row was shown; return whether it is new, or has changed since it was last shown."""
    fingerprint = hash(tuple(row))  # the rows themselves would in the end be the whole database in memory
    if follower.shown.get(row["id"]) == fingerprint:
        return False
    follower.shown[row["id"]] = fingerprint
    return True


_ROWS = (
    "SELECT *, EXISTS (SELECT 1 FROM contacts k WHERE k.id = log.id AND k.kept_at IS NOT NULL) AS kept,"
    " (SELECT words FROM words_met w WHERE w.contact_id = log.id) AS alert_words FROM log"
)
_THESE = f"{_ROWS} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_OPEN = (
    "SELECT id FROM contacts WHERE verdict IS NULL"
    " UNION SELECT contact_id FROM answers"
    f" WHERE state IN {listed((*OPEN, AnswerState.UNCONFIRMED))}"
    " AND contact_id IS NOT NULL"
)
_TOUCHED = (
    "SELECT value FROM json_each(:open)"
    " UNION SELECT id FROM contacts WHERE id > :contact"
    " UNION SELECT contact_id FROM events WHERE id > :event"
    " UNION SELECT contact_id FROM segments WHERE id > :segment"
    " UNION SELECT a.contact_id FROM segments s JOIN answer_segments p ON p.id = s.answer_segment_id"
    " JOIN attempts t ON t.id = p.attempt_id JOIN answers a ON a.id = t.answer_id WHERE s.id > :segment"
)


def entry(row: sqlite3.Row) -> LoggedContact:
    """Return the contact in a row of the view `log`."""
    return LoggedContact(
        id=row["id"],
        line=row["line"],
        kind=ContactKind(row["kind"]),
        originator=row["originator"],
        other_originator=row["other_originator"],
        text=row["text"],
        segments=SegmentCount(row["segments_received"], row["segments_total"]),
        scts=row["scts"],
        received_at=row["received_at"],
        repeats=row["repeats"],
        tags=tuple(json.loads(row["tags"])),
        verdict=ContactVerdict(row["verdict"]) if row["verdict"] else None,
        reason=row["reason"],
        elsewhere=tuple(json.loads(row["elsewhere"] or "[]")),
        answer=None if row["answer_id"] is None else _answer(row),
    )


def _answer(row: sqlite3.Row) -> LoggedAnswer:
    """Return the answer in a row of the view `log` or `log_by_hand`."""
    encoding, waiting_for = row["answer_encoding"], row["answer_waiting_for"]
    return LoggedAnswer(
        id=row["answer_id"],
        state=AnswerState(row["answer_state"]),
        reason=row["answer_reason"],
        text=row["answer_text"],
        encoding=Encoding(encoding) if encoding else None,
        segments=row["answer_segments"],
        segments_sent=row["answer_segments_sent"],
        waiting_for=WaitingFor(waiting_for) if waiting_for else None,
        queued_at=row["answer_queued_at"],
        due_at=row["answer_due_at"],
        sent_at=row["answer_sent_at"],
        reported_at=row["answer_reported_at"],
    )


def texts_by_hand(db: Database, limit: int = 0, recipient: str | None = None) -> list[sqlite3.Row]:
    """Return the texts that people sent by hand, to all or to one number, oldest first: the newest `limit` (0: all)."""
    names = pseudonyms.names(db, recipient) if recipient else ()
    condition = "recipient IN (?, ?)" if names else "1"
    rows = db.all(f"SELECT * FROM log_by_hand WHERE {condition} ORDER BY answer_id DESC LIMIT ?", *names, limit or -1)
    return rows[::-1]


def by_hand_id(answer_id: int) -> str:
    """Return the ID of a text by hand as people see and type it: the IDs of contacts are plain numbers."""
    return f"h{answer_id}"


def by_hand_entry(row: sqlite3.Row) -> TextByHand:
    """Return the text by hand in a row of the view `log_by_hand`."""
    return TextByHand(row["id"], ByHand(row["kind"]), row["recipient"], row["asked_by"], _answer(row))


def maybe_contact(db: Database, contact_id: int) -> WholeContact | None:
    """Return a contact with its segments, its answer's segments, texts by hand to its number, and events; or None."""
    row = db.one("SELECT * FROM log WHERE id = ?", contact_id)
    if row is None:
        return None
    contact = entry(row)
    kept = db.one("SELECT kept_at AS at, kept_by AS by FROM contacts WHERE id = ? AND kept_at IS NOT NULL", contact_id)
    by_hand = texts_by_hand(db, 0, contact.originator) if contact.originator else []
    return extended(
        WholeContact,
        contact,
        answer=_whole(db, contact.answer) if contact.answer else None,
        kept=Kept(**kept) if kept else None,
        alert_words=words_met.of(db, contact_id),
        parts=_parts(db, contact_id),
        by_hand=tuple(map(by_hand_entry, by_hand)),
        events=tuple(ShownEvent(**event) for event in events.of_contact(db, contact_id)),
    )


def _parts(db: Database, contact_id: int) -> tuple[ReceivedPart, ...]:
    parts = db.all(
        f"SELECT id, kind, sequence, iif(pdu GLOB '{pseudonym.GLOB}', NULL, pdu) AS pdu, tpdu_length, problem, repeat,"
        " storage, storage_index, scts, received_at, deleted_at FROM segments WHERE contact_id = ? ORDER BY id",
        contact_id,
    )
    return tuple(ReceivedPart(**dict(part) | {"repeat": bool(part["repeat"])}) for part in parts)


def maybe_text_by_hand(db: Database, answer_id: int) -> WholeTextByHand | None:
    """Return a text by hand with its segments, or None."""
    row = db.one("SELECT * FROM log_by_hand WHERE answer_id = ?", answer_id)
    if row is None:
        return None
    text = by_hand_entry(row)
    return extended(WholeTextByHand, text, answer=_whole(db, text.answer))


def _whole(db: Database, answer: LoggedAnswer) -> WholeAnswer:
    sent = db.all(
        "SELECT s.id, t.id AS attempt, s.sequence,"
        " t.id = (SELECT max(id) FROM attempts WHERE answer_id = t.answer_id) AS current,"
        " s.state, s.pdu, s.tpdu_length, s.mr, s.cause, s.detail, s.submitted_at, s.sent_at,"
        " s.report_status, s.reported_at, s.discharged_at FROM answer_segments s"
        " JOIN attempts t ON t.id = s.attempt_id WHERE t.answer_id = ? ORDER BY s.id",
        answer.id,
    )
    parts = (
        SentPart(**dict(part) | {"current": bool(part["current"]), "state": SegmentState(part["state"])})
        for part in sent
    )
    return extended(WholeAnswer, answer, parts=tuple(parts))


class Place(NamedTuple):
    """The place of an answer's text among the line's texts: the step and the variant, counted from 0.

    `step` is the number of earlier answers to the number. `country` is the number's country if the text is one for that
    country, else None.
    """

    step: int
    variant: int
    country: str | None


def maybe_place(db: Database, answer_id: int) -> Place | None:
    """Return the place of the text of an answer's latest attempt; None without an attempt."""
    row = db.one("SELECT step, variant, country FROM attempts WHERE answer_id = ? ORDER BY id DESC LIMIT 1", answer_id)
    return Place(**row) if row else None


def chosen_by(db: Database, answer_id: int) -> tuple[str | None, int]:
    """Return the values that choose the text of an answer: the country of its contact, and the number that it drew."""
    row = db.the(
        "SELECT c.country, a.draw FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE a.id = ?", answer_id
    )
    return row["country"], row["draw"]


def without_accents(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", recognition.without_marks(text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _condition(db: Database, where: Filter) -> tuple[str, dict[str, Any]]:
    """Return a condition on the view `log`, and its arguments; for a search it lets more rows pass than fit."""
    arguments = {name: argument for name in _CONDITIONS if (argument := _argument(getattr(where, name))) is not None}
    if where.originator is not None:
        arguments["originator"] = json.dumps(pseudonyms.names(db, where.originator))
    conditions = [*map(_CONDITIONS.__getitem__, arguments)]
    if where.since:
        conditions.append(_SINCE)
    if needle := without_accents(where.search or ""):
        arguments["needle"] = needle
        conditions.append(_MAY_CONTAIN if needle.isascii() else _IS_NOT_ASCII)
    return " AND ".join(conditions) or "1", arguments


def _searches(where: Filter) -> Callable[[sqlite3.Row], bool]:
    needle = without_accents(where.search or "")
    return lambda row: not needle or needle in without_accents(row["text"] or "")


def _argument(value: datetime | tuple[str, ...] | str | int | None) -> str | int | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        return json.dumps(value) if value else None
    return None if value is False else value
