"""The time without a contact, and whether it is much longer than usual.

A pause is the time from one hour with a contact to the next such hour, by the limit clock. The pauses of the last four
weeks are added up, from the shortest: the usual pause is the one at which the sum reaches nine tenths of the time. So
nights and weekends count, and a flood, with its many contacts in little time, changes nothing.

Known to be wrong: a line that is young, or contacted less than about once a day, is never found to be too quiet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hotlined.machine.clock import Now
from hotlined.store.line import reception
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of

PERIOD = timedelta(days=28)
TIMES = 10
"""A silence is too long if it lasts this many times the usual pause."""
LEAST = timedelta(days=1)
"""A shorter silence is never too long: a quiet night is normal."""
HOURS_LEAST = 30
SPAN_LEAST = timedelta(days=7)
"""The usual pause is known only after this many hours with a contact (`HOURS_LEAST`), over at least this span."""
SHARE = 0.9
"""The share of the time that the usual pause and all shorter pauses make up."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The time since the last contact, the usual pause (None if unknown), and whether the silence is too long.

    `is_long` is None if that is not known.
    """

    length: timedelta
    usual: timedelta | None
    is_long: bool | None
    last_at: str


def maybe_usual(hours: Sequence[timedelta]) -> timedelta | None:
    """Return the usual pause between contacts, from the hours with a contact in order; None if there are too few."""
    if len(hours) < HOURS_LEAST or hours[-1] - hours[0] < SPAN_LEAST:
        return None
    pauses = sorted(after - before for before, after in pairwise(hours))
    left = (hours[-1] - hours[0]) * SHARE
    for pause in pauses:
        left -= pause
        if left <= timedelta(0):
            return pause
    return pauses[-1]


def judged(length: timedelta, heard: timedelta, usual: timedelta | None, last_at: str) -> Silence:
    """Judge a silence: `length` is the time since the last contact, `heard` the part in which the modem was ready.

    Only time with a ready modem makes a silence too long. Only a contact ends it.
    """
    limit = max(LEAST, TIMES * usual) if usual else None
    if length < LEAST or (limit and length < limit):
        return Silence(length, usual, is_long=False, last_at=last_at)
    is_long = True if limit and heard >= limit else None
    return Silence(length, usual, is_long, last_at)


def maybe_silence(db: Database, now: Now) -> Silence | None:
    """Return the time without a contact; None before the first contact.

    The usual pause is computed only after a day without a contact.
    """
    last = reception.maybe_last_contact(db)
    if last is None:
        return None
    length = timedelta(seconds=max(0.0, now.limit - last.limit))
    ready_since = row_of(db).ready_limit
    heard = min(length, timedelta(seconds=0.0 if ready_since is None else max(0.0, now.limit - ready_since)))
    usual = maybe_usual(reception.hours_with_contacts(db, now, PERIOD)) if length >= LEAST else None
    return judged(length, heard, usual, last.at)
