"""Counts what came and what went: contacts, numbers, answers, segments, reactions, and the states of the modem.

SQLite scans, however many bins there are; nothing of what it returns names a number or quotes a text. A number is
new at the first contact that the database still holds of it.
Known to be wrong: a number and the pseudonym that an older contact of it bears count as two; the calendar is believed
as it was written down; a time without a daemon counts as the modem's last state.
"""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Row
from typing import Any

from hotlined.clock import parse_rfc3339, rfc3339
from hotlined.states import MAY_HAVE_LEFT, OCCUPIES, ContactKind, ContactVerdict, ModemState, State, listed
from hotlined.store.database import Database

SLOT_MINUTES = 15
"""Every offset from UTC that is in use is a multiple of it: a slot lies in one hour of any local time."""

MODEM_STATES = (*ModemState, "stopped")
"""The states of the modem, as `status` shows them, and that of a daemon which was told to end.

An event of the kind `modem_STATE` says that one began.
"""

_MODEM = "modem_"
_CACHE_KIB = 32 * 1024  # the indexes of a hundred thousand contacts; SQLite's usual 2 MiB double the time


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened between two moments, in numbers that are there for every bin.

    Contacts are counted where they were received: `others` are neither text nor call, `withheld` are texts and calls
    without an originator, which belong to no number; `new` and `returning` are numbers. Answers are counted where their
    first segment was let out, in whatever state they ended: `unconfirmed` ones may have left, `shadowed` ones did not
    and are no part of `answers`. `segments` are all that the SIM spent, whatever for.
    """

    texts: int = 0
    calls: int = 0
    others: int = 0
    withheld: int = 0
    new: int = 0
    returning: int = 0
    suppressed: int = 0
    answers: int = 0
    unconfirmed: int = 0
    shadowed: int = 0
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in a period: its counts, why contacts were not answered, how long answers took, what they made.

    `suppressed` and `cancelled` count contacts by reason, the most frequent first. `seconds_to_answer` are the
    quartiles (the second is the median) from a contact to the last segment of its answer, or None without an answer;
    `timed` answers are behind them: those whose last segment was taken in the period. A reaction is a text from a
    number within 24 hours after an answer to it was sent; `tags` count reactions by tag, and one with two tags twice;
    `by_tags` count each reaction once, and add up to all; `other_tags` all other contacts: first ones, such as a threat
    that came before any answer, and later ones.
    """

    counts: Counts
    suppressed: dict[str, int]
    cancelled: dict[str, int]
    seconds_to_answer: tuple[float, float, float] | None
    timed: int
    reactions: int
    untagged: int
    tags: dict[str, int]
    by_tags: tuple["Tagged", ...]
    other_tags: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tagged:
    """How many reactions bear exactly these tags, which are none where nobody has tagged them yet."""

    tags: tuple[str, ...]
    reactions: int


@dataclass(frozen=True, slots=True)
class Extent:
    """When the first of all contacts and answers came or went, and the last thing of all; None where nothing is known.

    Without any contact or answer, a line begins with the first thing that its daemon wrote down.
    """

    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Slot:
    """What was received in the quarter of an hour that begins at `start`, in UTC."""

    start: datetime
    texts: int
    contacts: int


@dataclass(frozen=True, slots=True)
class Span:
    """The modem's state from `start` up to `end`; None while nothing is known of it."""

    state: str | None
    start: datetime
    end: datetime


_HEARD = listed((ContactKind.TEXT, ContactKind.CALL))  # what a person sends by hand
# :start and :end bound what is counted; bin() tells between which of the edges a moment lies
_COUNTS = (
    f"""
    SELECT bin(received_at) AS bin,
      count(*) FILTER (WHERE kind = '{ContactKind.TEXT}') AS texts,
      count(*) FILTER (WHERE kind = '{ContactKind.CALL}') AS calls,
      count(*) FILTER (WHERE kind NOT IN {_HEARD}) AS others,
      count(*) FILTER (WHERE originator IS NULL AND kind IN {_HEARD}) AS withheld,
      count(DISTINCT originator) AS numbers,
      count(*) FILTER (WHERE originator IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM contacts e WHERE e.originator = c.originator AND e.id < c.id)) AS new,
      count(*) FILTER (WHERE verdict = '{ContactVerdict.SUPPRESS}') AS suppressed
    FROM contacts c WHERE received_at >= :start AND received_at < :end GROUP BY 1
    """,
    f"""
    SELECT bin(at) AS bin, sum(segments) AS segments,
      count(*) FILTER (WHERE first AND by_hand IS NULL) AS answers,
      count(*) FILTER (WHERE first AND by_hand IS NULL AND state = '{State.UNCONFIRMED}') AS unconfirmed
    FROM (
      SELECT coalesce(s.submitted_at, t.begun_at) AS at, 1 AS segments, a.by_hand, a.state, s.sequence = 1 AND t.id =
        (SELECT max(l.id) FROM attempts l JOIN answer_segments f ON f.attempt_id = l.id
          WHERE l.answer_id = a.id AND f.sequence = 1 AND f.state IN {MAY_HAVE_LEFT}) AS first
      FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id JOIN answers a ON a.id = t.answer_id
      WHERE s.state IN {OCCUPIES} AND at >= :start AND at < :end
    ) GROUP BY 1
    """,
    f"""
    SELECT bin(due_at) AS bin, count(*) AS shadowed FROM answers
    WHERE state = '{State.SHADOWED}' AND by_hand IS NULL AND due_at >= :start AND due_at < :end GROUP BY 1
    """,
)
"""Rows of a bin and its counts, named as in `Counts`."""

_SUPPRESSED = f"""
SELECT bin(received_at), reason, count(*) FROM contacts
WHERE verdict = '{ContactVerdict.SUPPRESS}' AND received_at >= :start AND received_at < :end GROUP BY 1, 2
"""
_CANCELLED = f"""
SELECT bin(c.received_at), a.reason, count(*) FROM answers a JOIN contacts c ON c.id = a.contact_id
WHERE a.state = '{State.CANCELLED}' AND c.received_at >= :start AND c.received_at < :end GROUP BY 1, 2
"""
_IS_REACTION = f"""
kind = '{ContactKind.TEXT}' AND EXISTS
  (SELECT 1 FROM answers a WHERE a.recipient = c.originator AND a.by_hand IS NULL AND a.sent_at < c.received_at
    AND strftime('%Y-%m-%dT%H:%M:%fZ', a.sent_at, '+24 hours') >= c.received_at)
"""
_REACTIONS = f"""
SELECT bin(received_at), tags, count(*) FROM contacts c
WHERE received_at >= :start AND received_at < :end AND {_IS_REACTION} GROUP BY 1, 2
"""
_OTHER_TAGS = f"""
SELECT bin(received_at), tags, count(*) FROM contacts c
WHERE received_at >= :start AND received_at < :end AND tags <> '[]' AND NOT ({_IS_REACTION}) GROUP BY 1, 2
"""
_SECONDS = """
SELECT bin(a.sent_at), (julianday(a.sent_at) - julianday(c.received_at)) * 86400 AS seconds, 1
FROM answers a JOIN contacts c ON c.id = a.contact_id
WHERE a.sent_at >= :start AND a.sent_at < :end ORDER BY seconds
"""
_SLOTS = f"""
SELECT substr(received_at, 1, 14), CAST(substr(received_at, 15, 2) AS INTEGER) / {SLOT_MINUTES},
  count(*) FILTER (WHERE kind = '{ContactKind.TEXT}'), count(*)
FROM contacts WHERE received_at >= ? AND received_at < ? GROUP BY 1, 2 ORDER BY 1, 2
"""


_EXTENT = """
SELECT coalesce(min(c.first, a.first), c.first, a.first, e.first), max(ifnull(c.last, ''), ifnull(a.last, ''),
  ifnull(e.last, ''))
FROM (SELECT min(received_at) AS first, max(received_at) AS last FROM contacts) c,
  (SELECT min(begun_at) AS first, max(begun_at) AS last FROM attempts) a,
  (SELECT min(at) AS first, max(at) AS last FROM events) e
"""


@contextmanager
def one_moment(db: Database) -> Iterator[None]:
    """Count everything inside as of one moment, with room for the indexes, while the daemon writes on."""
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.connection.rollback()


def extent(db: Database) -> Extent:
    """Return from when to when anything is known of the line."""
    row = db.one(_EXTENT)
    first, last = (parse_rfc3339(at) if at else None for at in row or (None, None))
    return Extent(first, last)


def counts(db: Database, edges: Sequence[datetime]) -> list[Counts]:
    """Count what happened between each two of these moments, which ascend: one fewer than there are edges."""
    found: list[dict[str, int]] = [{} for _ in edges[1:]]
    query = _between(db, edges)
    for sql in _COUNTS:
        for row in query(sql):
            named: dict[str, Any] = dict(row)
            found[named.pop("bin")] |= named
    for named in found:
        named["returning"] = named.pop("numbers", 0) - named.get("new", 0)
    return [Counts(**named) for named in found]


def tallies(db: Database, edges: Sequence[datetime]) -> list[Tally]:
    """Sum up what happened between each two of these moments, which ascend: one fewer than there are edges."""
    query = _between(db, edges)

    def by_bin(sql: str) -> list[Counter[str]]:
        found: list[Counter[str]] = [Counter() for _ in edges[1:]]
        for at, word, count in query(sql):
            found[at][word] += count
        return found

    seconds: defaultdict[int, list[float]] = defaultdict(list)
    for at, waited, _ in query(_SECONDS):
        seconds[at].append(waited)
    each = zip(counts(db, edges), *map(by_bin, (_SUPPRESSED, _CANCELLED, _REACTIONS, _OTHER_TAGS)), strict=True)
    return [
        Tally(
            counts=counted,
            suppressed=_ranked(suppressed),
            cancelled=_ranked(cancelled),
            seconds_to_answer=_quartiles(seconds[at]) if seconds[at] else None,
            timed=len(seconds[at]),
            reactions=reactions.total(),
            untagged=reactions["[]"],
            tags=_ranked(_by_tag(reactions)),
            by_tags=_by_tags(reactions),
            other_tags=_ranked(_by_tag(others)),
        )
        for at, (counted, suppressed, cancelled, reactions, others) in enumerate(each)
    ]


def slots(db: Database, start: datetime, end: datetime) -> list[Slot]:
    """Count what was received in each quarter of an hour, oldest first; empty ones are left out."""
    return [
        Slot(parse_rfc3339(f"{hour}{part * SLOT_MINUTES:02}:00Z"), texts, contacts)
        for hour, part, texts, contacts in db.execute(_SLOTS, rfc3339(start), rfc3339(end))
    ]


def spans(db: Database, start: datetime, end: datetime) -> list[Span]:
    """Return the modem's states one after the other, as its events tell them."""
    found: list[Span] = []
    state, since = None, start
    for at, kind in db.execute(
        "SELECT at, kind FROM events WHERE kind IN (SELECT value FROM json_each(?)) AND at < ? ORDER BY id",
        json.dumps([_MODEM + each for each in MODEM_STATES]),
        rfc3339(end),
    ):
        moment = max(since, parse_rfc3339(at))
        if moment > since:
            found.append(Span(state, since, moment))
        state, since = kind.removeprefix(_MODEM), moment
    return [*found, Span(state, since, end)]


def _between(db: Database, edges: Sequence[datetime]) -> Callable[[str], Iterator[Row]]:
    """Return what runs a query on what lies between edges."""
    texts = [rfc3339(edge) for edge in edges]
    db.connection.create_function("bin", 1, lambda at: bisect_right(texts, at) - 1, deterministic=True)
    return lambda sql: db.connection.execute(sql, {"start": texts[0], "end": texts[-1]})


def _by_tag(reactions: Counter[str]) -> Counter[str]:
    """Count by tag what is counted by lists of tags, in JSON."""
    found: Counter[str] = Counter()
    for tags, count in reactions.items():
        found.update(dict.fromkeys(json.loads(tags), count))
    return found


def _by_tags(reactions: Counter[str]) -> tuple[Tagged, ...]:
    """Count by all their tags together, the most frequent first, what is not tagged last."""
    found: Counter[tuple[str, ...]] = Counter()
    for tags, count in reactions.items():
        found[tuple(sorted(set(json.loads(tags))))] += count
    ranked = sorted(found.items(), key=lambda item: (not item[0], -item[1], item[0]))
    return tuple(Tagged(tags, count) for tags, count in ranked)


def _ranked(counted: Counter[str]) -> dict[str, int]:
    """Return counts, the highest first and else by the alphabet."""
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _quartiles(ordered: Sequence[float]) -> tuple[float, float, float]:
    """Return the values that a quarter, a half and three quarters do not exceed, to the millisecond."""
    first, second, third = (round(ordered[(len(ordered) - 1) * part // 4], 3) for part in (1, 2, 3))
    return first, second, third
