"""Counts contacts and numbers by what the database's triggers keep, so that it takes no longer for a million of them.

The migration `totals` makes the tables and the triggers: no writer can forget one, and each changes in the transaction
of what it counts. `totals` has a row for each UTC hour and set of labels. Its `total` never falls, and what came while
the clock was not synchronised is in rows without an hour: it is for counters that only rise. Its `held` is how many
such contacts the database holds, by the hour that is written in them, whatever clock wrote it: all figures of a period
are made of it, so that they are those of the rows, also after a person was forgotten.
Numbers are in no total. `earlier_contacts` leads from each contact to the one before of the same originator: a number
is counted where the period has no earlier contact of it. `earlier_counts` has for each 1,024 ids how many contacts have
an earlier one, and how many one among the same ids: of a long period few rows are left to be read. `clock_steps` are
the contacts that came with an earlier date than the contact before them: between two of them dates ascend as ids do,
and a period is a range of ids.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from hotlined.clock import parse_rfc3339, rfc3339
from hotlined.states import ContactKind, listed
from hotlined.store.database import Database

SLOT_MINUTES = 15
"""Every offset from UTC that is in use is a multiple of it: a slot lies in one hour of any local time."""

HOUR = "substr(received_at, 1, 13) || ':00:00.000Z'"
"""The hour of a contact as totals have it, as SQL."""

_HOUR = timedelta(hours=1)
_HEARD = listed((ContactKind.TEXT, ContactKind.CALL))  # what a person sends by hand


class Labels(NamedTuple):
    """What a contact is: its kind, and its verdict with the reason; None while it is not judged."""

    kind: str
    verdict: str | None
    reason: str | None


class Ever(NamedTuple):
    """What has happened since the database was made: none of it ever falls, whoever is forgotten.

    Contacts are those that were judged; `answers` are entries into a state, `segments` those that the network took.
    """

    contacts: Counter[Labels]
    answers: Counter[str]
    segments: int


class Slot(NamedTuple):
    """What was received in the hour or the quarter of an hour that begins at `start`, in UTC."""

    start: datetime
    texts: int
    contacts: int


class NumberTotals(NamedTuple):
    """How many originators contacted the line in a period, how many of them never before, and what had no originator.

    `withheld` are the texts and calls among the last; a number is new at the first contact that the database holds.
    """

    all: int
    new: int
    withheld: int


def ever(db: Database) -> Ever:
    """Return the totals of all hours, which the migration `sums` has the database add up."""
    judged: Counter[Labels] = Counter()
    entered: Counter[str] = Counter()
    segments = 0
    for name, kind, verdict, reason, state, total in db.execute(_EVER):
        if name == "contacts":
            judged[Labels(kind, verdict, reason)] = total
        elif name == "answers":
            entered[state] = total
        else:
            segments = total
    return Ever(judged, entered, segments)


_EVER = "SELECT name, kind, verdict, reason, state, total FROM sums"


def contacts(db: Database, edges: Sequence[datetime]) -> list[Counter[Labels]]:
    """Count the contacts between each two of these moments, which ascend, by what they are.

    Full hours are those of the totals; of hours that an edge divides the rows are counted.
    """
    found: list[Counter[Labels]] = [Counter() for _ in edges[1:]]
    for counter, (start, end) in zip(found, _widened(db, edges), strict=True):
        for rows in _pieces(db, start, end):
            for *labels, count in rows:
                counter[Labels(*labels)] += count
    for at, kind in unjudged(db, edges[0], edges[-1]):
        found[bisect_right(edges, at) - 1][Labels(kind, None, None)] += 1
    return found


def unjudged(db: Database, start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield when the contacts of a period came that are not judged yet, and their kinds: they are in no total."""
    rows = db.execute(
        "SELECT received_at, kind FROM contacts INDEXED BY contacts_unjudged"
        " WHERE verdict IS NULL AND received_at >= ? AND received_at < ?",
        rfc3339(start),
        rfc3339(end),
    )
    for at, kind in rows:
        yield parse_rfc3339(at), kind


def slots(db: Database, start: datetime, end: datetime, whole: Callable[[datetime], bool]) -> Iterator[Slot]:
    """Yield how many texts and contacts were judged of those that came in each hour of a period.

    An hour is given as its quarters where the period divides it, or where `whole` is False for it.
    """
    ((start, end),) = _widened(db, (start, end))
    first, last = _full_hour(start, up=True), _full_hour(end)
    if first >= last:
        yield from _quarters(db, start, end)
        return
    yield from _quarters(db, start, first)
    for hour, texts, every in db.execute(_HOURS, rfc3339(first), rfc3339(last)).fetchall():
        slot = Slot(parse_rfc3339(hour), texts or 0, every)
        if whole(slot.start):
            yield slot
        else:
            yield from _quarters(db, slot.start, slot.start + _HOUR)
    yield from _quarters(db, last, end)


def _quarters(db: Database, start: datetime, end: datetime) -> Iterator[Slot]:
    for hour, part, texts, every in db.execute(_QUARTERS, rfc3339(start), rfc3339(end)):
        yield Slot(parse_rfc3339(f"{hour}{part * SLOT_MINUTES:02}:00Z"), texts, every)


_HOURS = f"""
SELECT hour, sum(held) FILTER (WHERE kind = '{ContactKind.TEXT}'), sum(held) FROM totals
WHERE hour >= ? AND hour < ? AND name = 'contacts' GROUP BY hour HAVING sum(held) > 0
"""
_QUARTERS = f"""
SELECT substr(received_at, 1, 14), CAST(substr(received_at, 15, 2) AS INTEGER) / {SLOT_MINUTES},
  count(*) FILTER (WHERE kind = '{ContactKind.TEXT}'), count(*)
FROM contacts WHERE received_at >= ? AND received_at < ? AND verdict IS NOT NULL GROUP BY 1, 2
"""


def numbers(db: Database, edges: Sequence[datetime], counted: Sequence[int]) -> list[NumberTotals]:
    """Count the originators between each two of these moments; `counted` are the contacts there, as `contacts` has it.

    Where a clock was put back in the period its contacts may be no range of ids: then the rows are counted.
    """
    spans = list(pairwise(map(rfc3339, edges)))
    if clock_stepped(db):
        ranges = [
            list(_ranges(db, start, end)) if count else [] for (start, end), count in zip(spans, counted, strict=True)
        ]
    else:
        ids = [_first_id_since(db, rfc3339(edge)) for edge in edges]
        ranges = [[(first, last - 1)] for first, last in pairwise(ids)]
    return [
        _numbers(db, start, end, count, found) if count else NumberTotals(0, 0, 0)
        for (start, end), count, found in zip(spans, counted, ranges, strict=True)
    ]


def clock_stepped(db: Database) -> bool:
    """Tell whether any contact has an earlier date than one that came before it."""
    return db.one("SELECT 1 FROM clock_steps") is not None


def _first_id_since(db: Database, start: str) -> int:
    """Return the id of the first contact since a moment, where dates ascend as ids do; one after all if none came."""
    row = db.one("SELECT id FROM contacts WHERE received_at >= ? ORDER BY received_at, id LIMIT 1", start)
    return row["id"] if row else _NO_END


def _numbers(db: Database, start: str, end: str, contacts: int, ranges: Sequence[tuple[int, int]]) -> NumberTotals:
    row = db.one(_NOBODY, start, end)
    assert row is not None
    known = contacts - row["contacts"]
    earlier = inside = 0
    for first, last in ranges:
        with_earlier, with_one_inside = _earlier(db, first, last)
        earlier, inside = earlier + with_earlier, inside + with_one_inside
    if len(ranges) > 1:
        (every,) = db.execute(_EVERY, start, end).fetchone()
    else:
        every = known - inside
    return NumberTotals(every, known - earlier, row["withheld"])


def _earlier(db: Database, first: int, last: int) -> tuple[int, int]:
    """Return how many contacts of a range of ids have an earlier one, and how many have one in the range."""
    begin, end = -(-first // STRETCH), (last + 1) // STRETCH
    if begin >= end:
        row = db.one(_EARLIER, first, first, last)
    else:
        pieces = {"first": first, "last": last, "begin": begin, "end": end}
        row = db.connection.execute(_EARLIER_IN_STRETCHES, pieces).fetchone()
    assert row is not None
    return row["earlier"], row["inside"]


STRETCH = 1024
"""How many ids the migration `stretches` counts together."""

_NOBODY = f"""
SELECT count(*) AS contacts, count(*) FILTER (WHERE kind IN {_HEARD}) AS withheld
FROM contacts INDEXED BY contacts_withheld WHERE originator IS NULL AND received_at >= ? AND received_at < ?
"""
_EARLIER = """
SELECT count(*) AS earlier, count(*) FILTER (WHERE earlier_id >= ?) AS inside
FROM earlier_contacts WHERE contact_id BETWEEN ? AND ?
"""
# whole stretches from their counts, the pieces before and after them row by row; of those whose earlier contact is in
# another stretch an index tells which lie in the range
_NEAR = f"contact_id / {STRETCH} = earlier_id / {STRETCH}"
_EARLIER_IN_STRETCHES = f"""
SELECT sum(earlier) AS earlier, sum(inside) AS inside FROM (
  SELECT ifnull(sum(earlier), 0) AS earlier, ifnull(sum(near), 0) AS inside FROM earlier_counts
    WHERE stretch >= :begin AND stretch < :end
  UNION ALL SELECT count(*), count(*) FILTER (WHERE earlier_id >= :first AND {_NEAR}) FROM earlier_contacts
    WHERE contact_id >= :first AND contact_id < :begin * {STRETCH}
  UNION ALL SELECT count(*), count(*) FILTER (WHERE {_NEAR}) FROM earlier_contacts
    WHERE contact_id >= :end * {STRETCH} AND contact_id <= :last
  UNION ALL SELECT 0, count(*) FROM earlier_contacts INDEXED BY earlier_contacts_far
    WHERE {_NEAR.replace("=", "<>")} AND earlier_id BETWEEN :first AND :last AND contact_id <= :last
)
"""
_EVERY = "SELECT count(DISTINCT originator) FROM contacts WHERE received_at >= ? AND received_at < ?"
_FIRST_ID = """
SELECT id FROM contacts WHERE received_at >= ? AND received_at < ? AND id BETWEEN ? AND ?
ORDER BY received_at, id LIMIT 1
"""
_LAST_ID = _FIRST_ID.replace("received_at, id LIMIT", "received_at DESC, id DESC LIMIT")
_BETWEEN = "SELECT 1 FROM contacts WHERE id > ? AND id < ?"
_NO_END = 2**62


def _ranges(db: Database, start: str, end: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ids that make up a period: one, unless a clock was put back."""
    steps = [contact_id for (contact_id,) in db.execute("SELECT contact_id FROM clock_steps ORDER BY contact_id")]
    begun: tuple[int, int] | None = None
    for since, until in pairwise((-_NO_END, *steps, _NO_END)):
        first = db.one(_FIRST_ID, start, end, since, until - 1)
        last = db.one(_LAST_ID, start, end, since, until - 1)
        if first is None or last is None:
            continue
        if begun and db.one(_BETWEEN, begun[1], first["id"]):
            yield begun
            begun = None
        begun = (begun[0] if begun else first["id"], last["id"])
    if begun:
        yield begun


_WHOLE = """
SELECT kind, verdict, reason, sum(held) FROM totals
WHERE hour >= ? AND hour < ? AND name = 'contacts' GROUP BY kind, verdict, reason HAVING sum(held) > 0
"""
_PART = """
SELECT kind, verdict, reason, count(*) FROM contacts
WHERE received_at >= ? AND received_at < ? AND verdict IS NOT NULL GROUP BY kind, verdict, reason
"""


def _pieces(db: Database, start: datetime, end: datetime) -> Iterator[Iterator[tuple[str, str, str, int]]]:
    """Yield the rows of the full hours of a period, and of what is before and after them."""
    first, last = _full_hour(start, up=True), _full_hour(end)
    pieces = ((_WHOLE, first, last), (_PART, start, first), (_PART, last, end))
    for sql, since, until in pieces if first < last else ((_PART, start, end),):
        if since < until:
            yield db.execute(sql, rfc3339(since), rfc3339(until))


def _widened(db: Database, edges: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the periods between each two edges, each with the same contacts, as they stand in the database.

    Nothing is before the first contact or after the last one: a beginning or an end there is moved to a full hour, so
    that it divides none, and no row has to be counted for it.
    """
    periods = list(pairwise(map(_to_milliseconds, edges)))
    ends = db.the("SELECT (SELECT min(received_at) FROM contacts), (SELECT max(received_at) FROM contacts)")
    if None in tuple(ends):
        return periods
    first, last = map(parse_rfc3339, ends)
    first_hour, after_last_hour = _full_hour(first), _full_hour(last) + _HOUR
    return [(first_hour if start <= first else start, after_last_hour if end > last else end) for start, end in periods]


def _full_hour(moment: datetime, *, up: bool = False) -> datetime:
    """Return the last full hour of UTC up to a moment, or the first from then on."""
    full = parse_rfc3339(rfc3339(moment)).replace(minute=0, second=0, microsecond=0)
    return full + _HOUR if up and full < moment else full


def _to_milliseconds(moment: datetime) -> datetime:
    """Return a moment as it stands in the database."""
    return parse_rfc3339(rfc3339(moment))
