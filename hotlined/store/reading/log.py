"""Reads contacts and what became of them, for the command line: filter, rows, follow, show. It writes nothing.

Rows are read in batches and handed on one by one: a hundred thousand contacts need little more memory than fifty, and
who looks at them for an hour keeps no transaction open. A search is a scan in Python: SQLite folds the case of ASCII
alone, and a full-text index would keep deleted words in its pages.
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

from hotlined import pseudonym, recognition
from hotlined.clock import rfc3339
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
from hotlined.policy import WaitingFor
from hotlined.states import OPEN, AnswerState, ByHand, ContactKind, ContactVerdict, SegmentState, listed
from hotlined.store.answers import words_met
from hotlined.store.line import events, pseudonyms
from hotlined.store.line.database import Database

_BATCH = 500  # rows: read at once, few enough for any memory
WITHHELD = "withheld"  # what is said for the originator of a call or text that hides it


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts are meant: those that fit everything that is set; one of several values will do.

    `since` is the first moment of `received_at` that fits, `until` the first that does not. A reason is the verdict's
    or the one for which its answer was cancelled. `originator` is exact, and its pseudonym fits too; `either` is
    exactly the originator or the other address. `name` is one of these, puts the case of ASCII aside, and finds those
    without an originator as `WITHHELD`. `search` puts case and accents aside. Their ids are below `before` and above
    `after`.
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
    # what has a tag has an index; SQLite takes it where the condition stands as it does there
    "tag": "id IN (SELECT id FROM contacts WHERE tags <> '[]'"
    " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag))",
    "kept": "id IN (SELECT id FROM contacts WHERE kept_at IS NOT NULL)",
    "alert_words": "id IN (SELECT contact_id FROM words_met)",
    "before": "id < :before",
    "after": "id > :after",
}


# none is read that came before the first of these; SQLite would look for that among all ids, from the oldest on
_SINCE = "id >= (SELECT min(id) FROM contacts INDEXED BY contacts_received_at WHERE received_at >= :since)"
# SQLite passes over texts of ASCII that do not have what is searched; of all others `without_accents` tells. One with
# a NUL is among these: its length ends there
_IS_NOT_ASCII = "length(text) <> length(CAST(text AS BLOB))"
_MAY_CONTAIN = f"(instr(lower(text), :needle) OR {_IS_NOT_ASCII})"

READ_ONE_BY_ONE = ("name", "kinds", "verdicts", "reasons", "search")
"""The fields of a filter for which every contact is read: no index tells which fit."""


def newest_id(db: Database, until: datetime | None = None) -> int:
    """Return the highest id of the contacts from before a moment, for None of all; 0 where there is none."""
    if until is None:
        return int(db.value("SELECT ifnull(max(id), 0) FROM contacts"))
    return int(db.value("SELECT ifnull(max(id), 0) FROM contacts WHERE received_at < ?", rfc3339(until)))


def columns(db: Database) -> tuple[str, ...]:
    """Name the columns of the view `log`."""
    return tuple(column for column, *_ in db.rows("SELECT * FROM log LIMIT 0").description)


def rows(db: Database, where: Filter, limit: int = 0) -> Iterator[sqlite3.Row]:
    """Yield rows of the view `log`, oldest first: the newest `limit` that fit (0: all).

    Each says in `kept` whether its contact is kept, and in `alert_words` which words it has, as JSON or NULL.
    """
    condition, arguments = _condition(db, where)
    sql = f"SELECT id, text FROM log WHERE {condition} ORDER BY id DESC"
    with closing(db.rows(sql, **arguments)) as found:
        # a list would take four times as much, for a million contacts as much as the daemon
        ids = array("q", (row["id"] for row in islice(filter(_searches(where), found), limit or None)))
    ids.reverse()
    for start in range(0, len(ids), _BATCH):
        yield from db.all(_THESE, json.dumps(ids[start : start + _BATCH].tolist()))


def entries(db: Database, where: Filter, limit: int = 0) -> Iterator[LoggedContact]:
    """Yield contacts, oldest first: the newest `limit` that fit, or all for 0."""
    return map(entry, rows(db, where, limit))


@dataclass(slots=True)
class FollowPosition:
    """What a follower (`log --follow`) knows: the newest rows, the contacts that were open then, the rows it has shown.

    Open is a contact that is not judged, or whose answer may still change by itself.
    """

    contact: int
    segment: int
    event: int
    open_ids: frozenset[int]
    shown: dict[int, int] = field(default_factory=dict)


def newest_position(db: Database) -> FollowPosition:
    """Return a follower that knows what there is now: it shows what comes after."""
    here = _here(db)
    for row in db.all(_THESE, json.dumps(sorted(here.open_ids))):
        note(here, row)
    return here


def changes(db: Database, where: Filter, follower: FollowPosition) -> list[sqlite3.Row]:
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
    """Remember that a row was shown; return whether it is new, or has changed since it was shown last."""
    fingerprint = hash(tuple(row))  # the rows themselves would be the whole database in memory, in the end
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
    """Return a row of the view `log`."""
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
    """Return the texts that people sent themselves, to everybody or to a number, oldest first: the newest (0: all)."""
    names = pseudonyms.names(db, recipient) if recipient else ()
    condition = "recipient IN (?, ?)" if names else "1"
    rows = db.all(f"SELECT * FROM log_by_hand WHERE {condition} ORDER BY answer_id DESC LIMIT ?", *names, limit or -1)
    return rows[::-1]


def by_hand_id(answer_id: int) -> str:
    """Return the ID of a text by hand as people see and type it: contacts have IDs of their own."""
    return f"h{answer_id}"


def by_hand_entry(row: sqlite3.Row) -> TextByHand:
    """Return a row of the view `log_by_hand`."""
    return TextByHand(row["id"], ByHand(row["kind"]), row["recipient"], row["asked_by"], _answer(row))


def maybe_contact(db: Database, contact_id: int) -> WholeContact | None:
    """Return one contact with its segments, its answer's, the texts by hand to its number, and its events; or None."""
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
    """Which of the line's texts an answer has, counted from 0: of which answer to its number, which variant.

    `country` is the number's where the text was one for it, else None.
    """

    step: int
    variant: int
    country: str | None


def maybe_place(db: Database, answer_id: int) -> Place | None:
    """Return which text the latest attempt of an answer had; None where there was none."""
    row = db.one("SELECT step, variant, country FROM attempts WHERE answer_id = ? ORDER BY id DESC LIMIT 1", answer_id)
    return Place(**row) if row else None


def chosen_by(db: Database, answer_id: int) -> tuple[str | None, int]:
    """Return by what the text of an answer is chosen: the country of its contact, and the number that it drew."""
    row = db.the(
        "SELECT c.country, a.draw FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE a.id = ?", answer_id
    )
    return row["country"], row["draw"]


def without_accents(text: str) -> str:
    """Put case and accents aside."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", recognition.without_marks(text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _condition(db: Database, where: Filter) -> tuple[str, dict[str, Any]]:
    """Return a condition on the view `log`, and its arguments; of a search it lets more pass than fit."""
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
