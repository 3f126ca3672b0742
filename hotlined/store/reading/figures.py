"""Counts the figures of a period: contacts, numbers, answers, segments, reactions, and the states of the modem.

Every figure is counted from the rows in the database. So erased rows are in no figure, and the counts of the parts of a
period add up to its total. A number is new at the oldest of its contacts that is still in the database. No figure names
a number or quotes a text of a person; the line's own texts are quoted. Known to be wrong: if older contacts of a number
have only its pseudonym, number and pseudonym count as two; a time that was recorded with a wrong calendar stays wrong;
the time without a daemon counts as the last state of the modem.
"""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from sqlite3 import Row
from typing import Any, NamedTuple

from hotlined.machine.clock import parse_rfc3339, rfc3339
from hotlined.states import (
    MAY_HAVE_LEFT,
    OCCUPIES,
    AnswerState,
    ContactKind,
    ContactVerdict,
    EventKind,
    ModemState,
    NoModemState,
    modem_event,
    modem_state_of,
)
from hotlined.store.line.database import Database
from hotlined.store.reading.review import IS_WITHIN, REACTION_HOURS, SENT

MODEM_STATES = (*ModemState, NoModemState.STOPPED)
"""The states of the modem, as `status` shows them, and the state of a daemon that ended because it was asked to."""

_SLOT_MINUTES = 15  # every offset from UTC in use is a multiple of it, so a slot is within one local hour
_HEARD = {ContactKind.TEXT, ContactKind.CALL}  # the kinds that come from a telephone: texts and calls


class ContactLabels(NamedTuple):
    """The kind of a contact, and its verdict and reason, which are None until it is judged.

    `anonymous` is 1 if it has no originator, and so belongs to no number, else 0.
    """

    kind: str
    verdict: str | None
    reason: str | None
    anonymous: int


class Slot(NamedTuple):
    """The number of texts and of contacts received in the quarter of an hour that begins at `start`, in UTC."""

    start: datetime
    texts: int
    contacts: int


class NumberCounts(NamedTuple):
    """The number of telephone numbers that contacted the line in a period, and of those that were new."""

    all: int
    new: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one bin, which is the time between two moments.

    A contact is counted in the bin in which it was received. `others` are neither texts nor calls; those of them that
    announce a picture message are also in `mms`. `withheld` are texts and calls without an originator, which belong to
    no number. `new` and `returning` count telephone numbers, so names and short codes are in neither. An answer is
    counted in the bin in which the gate let its first segment out, unless it ended when half of it had left.
    `unconfirmed` ones may have left. `segments` are all that the SIM spent.
    """

    texts: int = 0
    calls: int = 0
    others: int = 0
    mms: int = 0
    withheld: int = 0
    new: int = 0
    returning: int = 0
    suppressed: int = 0
    answers: int = 0
    unconfirmed: int = 0
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """The figures of a period: its counts, why contacts were not answered, how long answers took, and the reactions.

    `suppressed` and `cancelled` count contacts by reason, the most frequent first. `timed` counts the answers whose
    last segment was taken in the period; `seconds_to_answer` has the quartiles of the time from the contact to that
    segment (the second is the median), None without such answers. A reaction is a text from a number within 24 hours
    after an answer to that number was sent. `tags` counts reactions by tag, so one with two tags counts twice.
    `by_tags` counts each reaction once, except those whose text was erased before anybody tagged it: these are
    `unread`. `untagged` are the reactions in `by_tags` without a tag. `other_tags` counts by tag all contacts that are
    not reactions, such as a threat that came before any answer. `by_text` splits answers and reactions by the text that
    was sent.
    """

    counts: Counts
    suppressed: dict[str, int]
    cancelled: dict[str, int]
    seconds_to_answer: tuple[float, float, float] | None
    timed: int
    reactions: int
    untagged: int
    tags: dict[str, int]
    unread: int
    by_tags: tuple["Tagged", ...]
    other_tags: dict[str, int]
    by_text: tuple["SentText", ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """The number of reactions with exactly these tags; `tags` is an empty list for reactions that nobody has tagged."""

    tags: tuple[str, ...]
    reactions: int


@dataclass(frozen=True, slots=True)
class SentText:
    """A text that the line sent: the number of answers with it, of reactions to it, and of these by tag.

    All answers whose text is erased are one such row, without a text.
    """

    text: str | None
    answers: int
    reactions: int
    tags: dict[str, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """The time of the first contact or answer, and that of the last contact, answer or event; each may be None.

    If there is no contact and no answer, the first event counts instead.
    """

    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """The modem's state from `start` up to `end`; None while it is unknown."""

    state: str | None
    start: datetime
    end: datetime


# :start and :end bound the period; bin() returns the index of the bin that a moment is in. An answer that a person had
# sent again is counted once, at the first segment of its last attempt (max(l.id)): `first` is true there alone,
# and nowhere if the answer ended when half of it had left
_LET_OUT = f"""
SELECT coalesce(s.submitted_at, t.begun_at) AS at, a.by_hand, a.state, a.text, s.sequence = 1 AND t.id =
  (SELECT max(l.id) FROM attempts l JOIN answer_segments f ON f.attempt_id = l.id
    WHERE l.answer_id = a.id AND f.sequence = 1 AND f.state IN {MAY_HAVE_LEFT})
  AND NOT (a.state = '{AnswerState.FAILED}' AND EXISTS
    (SELECT 1 FROM answer_segments h WHERE h.attempt_id = t.id AND h.state NOT IN {MAY_HAVE_LEFT})) AS first
FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id JOIN answers a ON a.id = t.answer_id
WHERE s.state IN {OCCUPIES} AND at >= :start AND at < :end
"""
_COUNTS = f"""
SELECT bin(at) AS bin, count(*) AS segments,
  count(*) FILTER (WHERE first AND by_hand IS NULL) AS answers,
  count(*) FILTER (WHERE first AND by_hand IS NULL AND state = '{AnswerState.UNCONFIRMED}') AS unconfirmed
FROM ({_LET_OUT}) GROUP BY 1
"""
"""A query about answers: each row has a bin and its counts, named as in `Counts`."""

_TEXTS = f"SELECT text, count(*) FROM ({_LET_OUT}) WHERE first AND by_hand IS NULL GROUP BY text"

_CANCELLED = f"""
SELECT bin(c.received_at), a.reason, count(*) FROM answers a JOIN contacts c ON c.id = a.contact_id
WHERE a.state = '{AnswerState.CANCELLED}' AND c.received_at >= :start AND c.received_at < :end GROUP BY 1, 2
"""
_UNREAD = "null"
"""In JSON, in place of the tags of a reaction whose text was erased before anybody tagged it."""
# CROSS JOIN makes SQLite begin with the answers, which the budgets keep few, and look up the contacts of each recipient
_REACTIONS = f"""
WITH sent AS MATERIALIZED (
  {SENT} WHERE by_hand IS NULL AND sent_at < :end
    AND sent_at >= strftime('%Y-%m-%dT%H:%M:%fZ', :start, '-{REACTION_HOURS} hours')
)
SELECT s.text, iif(c.tags = '[]' AND c.text IS NULL, '{_UNREAD}', c.tags) AS tags, count(*)
FROM sent s CROSS JOIN contacts c ON c.originator = s.recipient
WHERE {IS_WITHIN} AND c.received_at >= :start AND c.received_at < :end GROUP BY s.text, 2
"""
_TAGGED = """
SELECT tags, count(*) FROM contacts WHERE tags <> '[]' AND received_at >= :start AND received_at < :end GROUP BY tags
"""
_SECONDS = """
SELECT bin(a.sent_at), (julianday(a.sent_at) - julianday(c.received_at)) * 86400 AS seconds
FROM answers a JOIN contacts c ON c.id = a.contact_id
WHERE a.sent_at >= :start AND a.sent_at < :end ORDER BY seconds
"""
# SQLite finds the least or the greatest by an index only if a query asks for one of them alone. ifnull(): max() of
# several values is NULL if one of them is, and '' is before every date
_EXTENT = """
SELECT coalesce(min(c.first, a.first), c.first, a.first, e.first), max(ifnull(c.last, ''), ifnull(a.last, ''),
  ifnull(e.last, ''))
FROM (SELECT (SELECT min(received_at) FROM contacts) AS first, (SELECT max(received_at) FROM contacts) AS last) c,
  (SELECT min(begun_at) AS first, max(begun_at) AS last FROM attempts) a,
  (SELECT min(at) AS first, max(at) AS last FROM events) e
"""


def extent(db: Database) -> Extent:
    """Return the beginning and the end of the time from which the database has contacts, answers or events."""
    row = db.one(_EXTENT)
    first, last = (parse_rfc3339(at) if at else None for at in row or (None, None))
    return Extent(first, last)


def maybe_last_event(db: Database, kind: EventKind) -> datetime | None:
    """Return the time of the last event of a kind."""
    row = db.one("SELECT at FROM events WHERE kind = ? ORDER BY id DESC LIMIT 1", kind)
    return parse_rfc3339(row[0]) if row else None


def counts(db: Database, edges: Sequence[datetime]) -> list[Counts]:
    """Return the counts of each bin; `edges` are the beginnings of the bins in order, and the end of the last."""
    return _counts(db, edges, contacts(db, edges))


def contacts(db: Database, edges: Sequence[datetime]) -> list[Counter[ContactLabels]]:
    """Count the contacts of each bin by their labels; for `edges` see `counts`."""
    return [
        Counter({ContactLabels(*labels): count for labels, count in _tallied(db, _CONTACTS, start, end).items()})
        for start, end in pairwise(map(rfc3339, edges))
    ]


def _tallied(db: Database, sql: str, start: str, end: str) -> Counter[tuple[Any, ...]]:
    """Count equal rows of a query. GROUP BY would make SQLite sort them, and a million rows in a temporary file."""
    cursor = db.connection.cursor()
    cursor.row_factory = None
    return Counter(cursor.execute(sql, {"start": start, "end": end}))


_OF_PERIOD = "FROM contacts WHERE received_at >= :start AND received_at < :end"
_CONTACTS = f"SELECT kind, verdict, reason, originator IS NULL {_OF_PERIOD}"


def numbers(db: Database, start: str, end: str) -> NumberCounts:
    """Count the telephone numbers of a period; `start` and `end` are written as in the database."""
    return NumberCounts(**db.the(_NUMBERS, start=start, end=end))


# MATERIALIZED: without it SQLite looks up the first contact of a number twice. Names and short codes have no country
_NUMBERS = f"""
WITH came AS MATERIALIZED (
  SELECT (SELECT received_at FROM contacts WHERE originator = name ORDER BY id LIMIT 1) AS first_at
  FROM (SELECT DISTINCT originator AS name {_OF_PERIOD} AND country IS NOT NULL)
)
SELECT count(*) AS "all", count(*) FILTER (WHERE first_at >= :start AND first_at < :end) AS new FROM came
"""


def _counts(db: Database, edges: Sequence[datetime], received: Sequence[Counter[ContactLabels]]) -> list[Counts]:
    """Return the counts of each bin, from its contacts by label (`received`) and from the database."""
    found: list[dict[str, int]] = [{} for _ in received]
    query = _between(db, edges)
    for row in query(_COUNTS):
        counts: dict[str, Any] = dict(row)
        found[counts.pop("bin")] = counts
    periods = pairwise(map(rfc3339, edges))
    for named, counted, (start, end) in zip(found, received, periods, strict=True):
        kinds, suppressed, withheld = Counter[str](), 0, 0
        for each, count in counted.items():
            kinds[each.kind] += count
            suppressed += count if each.verdict == ContactVerdict.SUPPRESS else 0
            withheld += count if each.anonymous and each.kind in _HEARD else 0
        people = numbers(db, start, end) if counted else NumberCounts(0, 0)
        named |= {
            "texts": kinds[ContactKind.TEXT],
            "calls": kinds[ContactKind.CALL],
            "others": kinds.total() - kinds[ContactKind.TEXT] - kinds[ContactKind.CALL],
            "mms": kinds[ContactKind.MMS],
            "withheld": withheld,
            "new": people.new,
            "returning": people.all - people.new,
            "suppressed": suppressed,
        }
    return [Counts(**named) for named in found]


def tallies(db: Database, edges: Sequence[datetime]) -> list[Tally]:
    """Return the figures of each period between two successive `edges`, which ascend; there is one fewer than edges."""
    query = _between(db, edges)
    received = contacts(db, edges)
    cancelled: list[Counter[str]] = [Counter() for _ in received]
    for at, reason, count in query(_CANCELLED):
        cancelled[at][reason] += count
    seconds: defaultdict[int, list[float]] = defaultdict(list)
    for at, waited in query(_SECONDS):
        seconds[at].append(waited)
    each = zip(_counts(db, edges, received), received, cancelled, _reactions(db, edges), strict=True)
    return [
        Tally(
            counts=counted,
            suppressed=_ranked(_suppressed(labelled)),
            cancelled=_ranked(ended),
            seconds_to_answer=_quartiles(seconds[at]) if seconds[at] else None,
            timed=len(seconds[at]),
            reactions=brought.by_tags.total(),
            untagged=brought.by_tags["[]"],
            unread=brought.by_tags[_UNREAD],
            tags=_ranked(_by_tag(brought.by_tags)),
            by_tags=_by_tags(brought.by_tags),
            other_tags=_ranked(_by_tag(brought.others)),
            by_text=brought.by_text,
        )
        for at, (counted, labelled, ended, brought) in enumerate(each)
    ]


def _suppressed(received: Counter[ContactLabels]) -> Counter[str]:
    """Count the suppressed contacts by reason."""
    found: Counter[str] = Counter()
    for contact, count in received.items():
        if contact.verdict == ContactVerdict.SUPPRESS:
            found[contact.reason or ""] += count
    return found


class _Brought(NamedTuple):
    """The reactions of a period (`by_tags`) and its other tagged contacts (`others`), both by the list of tags in JSON.

    `by_text` splits the answers and the reactions by the text that was sent.
    """

    by_tags: Counter[str]
    others: Counter[str]
    by_text: tuple[SentText, ...]


def _reactions(db: Database, edges: Sequence[datetime]) -> Iterator[_Brought]:
    """Yield the reactions of each period."""
    for start, end in pairwise(map(rfc3339, edges)):
        period = {"start": start, "end": end}
        by_text: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
        for text, tags, count in db.rows(_REACTIONS, **period):
            by_text[text][tags] = count
        answers = Counter(dict(db.rows(_TEXTS, **period)))
        by_tags = sum(by_text.values(), Counter[str]())
        tagged = Counter(dict(db.rows(_TAGGED, **period)))
        texts = [
            SentText(text, answers[text], by_text[text].total(), _ranked(_by_tag(by_text[text])))
            for text in {*answers, *by_text}
        ]
        texts.sort(key=lambda sent: (sent.text is None, -sent.answers, sent.text))
        yield _Brought(by_tags, tagged - by_tags, tuple(texts))


def slots(db: Database, start: datetime, end: datetime) -> list[Slot]:
    """Count the received contacts by quarter of an hour; a quarter without contacts is left out."""
    return [
        Slot(parse_rfc3339(f"{hour}{part * _SLOT_MINUTES:02}:00Z"), count if is_text else 0, count)
        for (hour, part, is_text), count in _tallied(db, _SLOTS, rfc3339(start), rfc3339(end)).items()
    ]


_SLOTS = f"""
SELECT substr(received_at, 1, 14), CAST(substr(received_at, 15, 2) AS INTEGER) / {_SLOT_MINUTES},
  kind = '{ContactKind.TEXT}' {_OF_PERIOD}
"""


def spans(db: Database, start: datetime, end: datetime) -> list[Span]:
    """Return the states of the modem from `start` to `end` without a gap, as the events recorded them."""
    found: list[Span] = []
    state, since = None, start
    for at, kind in db.rows(
        "SELECT at, kind FROM events WHERE kind IN (SELECT value FROM json_each(?)) AND at < ? ORDER BY id",
        json.dumps([*map(modem_event, MODEM_STATES)]),
        rfc3339(end),
    ):
        moment = max(since, parse_rfc3339(at))
        if moment > since:
            found.append(Span(state, since, moment))
        state, since = modem_state_of(kind), moment
    return [*found, Span(state, since, end)]


def _between(db: Database, edges: Sequence[datetime]) -> Callable[[str], Iterator[Row]]:
    """Define bin() for these edges; return a function that runs a query on the time from the first edge to the last."""
    texts = [rfc3339(edge) for edge in edges]
    db.connection.create_function("bin", 1, lambda at: bisect_right(texts, at) - 1, deterministic=True)
    return lambda sql: db.rows(sql, start=texts[0], end=texts[-1])


def _by_tag(reactions: Counter[str]) -> Counter[str]:
    """Return the counts by single tag, from counts by the list of tags in JSON."""
    found: Counter[str] = Counter()
    for tags, count in reactions.items():
        found.update(dict.fromkeys(json.loads(tags) or (), count))
    return found


def _by_tags(reactions: Counter[str]) -> tuple[Tagged, ...]:
    """Return the counts by the list of tags, whatever its order: the most frequent first, those without a tag last."""
    found: Counter[tuple[str, ...]] = Counter()
    for tags, count in reactions.items():
        if tags != _UNREAD:
            found[tuple(sorted(set(json.loads(tags))))] += count
    ranked = sorted(found.items(), key=lambda item: (not item[0], -item[1], item[0]))
    return tuple(Tagged(tags, count) for tags, count in ranked)


def _ranked(counted: Counter[str]) -> dict[str, int]:
    """Return counts, the highest first; equal ones are in alphabetical order."""
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _quartiles(ordered: Sequence[float]) -> tuple[float, float, float]:
    """Return the values that a quarter, a half and three quarters of all do not exceed, to the millisecond."""
    first, second, third = (round(ordered[(len(ordered) - 1) * part // 4], 3) for part in (1, 2, 3))
    return first, second, third
