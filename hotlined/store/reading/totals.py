"""Totals since the database was made. They never fall, even if people are erased.

The schema's triggers keep them, so that no writer can forget one; each changes in the transaction of the row that it
counts. `totals` has a row for each UTC hour and set of labels, `sums` has their sums over all hours. Rows without an
hour are for times when the clock was not synchronised. The figures of a period are not read from here, but counted
(`figures`).
"""

from collections import Counter
from typing import NamedTuple

from hotlined.states import AnswerState
from hotlined.store.line.database import Database


class Labels(NamedTuple):
    """The labels of a judged contact: its kind, and its verdict with the reason."""

    kind: str
    verdict: str
    reason: str


class Ever(NamedTuple):
    """The totals of all time: judged contacts, answers that entered each state, and segments that the network took."""

    contacts: Counter[Labels]
    answers: Counter[str]
    segments: int


def ever(db: Database) -> Ever:
    """Return the totals of all hours."""
    judged: Counter[Labels] = Counter()
    entered: Counter[str] = Counter()
    segments = 0
    for name, kind, verdict, reason, state, total in db.rows(_EVER):
        if name == "contacts":
            judged[Labels(kind, verdict, reason)] = total
        elif name == "answers":
            entered[state] = total
        else:
            segments = total
    return Ever(judged, entered, segments)


class Today(NamedTuple):
    """Contacts that were judged and answers that were sent, since midnight."""

    contacts: int
    answers: int


def today(db: Database, midnight: str) -> Today:
    """Return the totals of the hours since `midnight`, which is written as in the database."""
    found: dict[str, int] = dict(map(tuple, db.all(_TODAY, midnight[:13], AnswerState.SENT)))
    return Today(found.get("contacts", 0), found.get("answers", 0))


_TODAY = """
    SELECT name, sum(total) FROM totals WHERE hour >= ? AND (name = 'contacts' OR (name = 'answers' AND state = ?))
    GROUP BY name
"""
_EVER = "SELECT name, kind, verdict, reason, state, total FROM sums"
