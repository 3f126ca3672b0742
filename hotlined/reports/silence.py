"""Whether it has been quiet for much longer than usual, by the hours in which somebody contacted the line.

The usual pause is the shortest one for which it and all shorter pauses make up nine tenths of the last four weeks. So
nights and weekends are in it, and a flood, which has many contacts in little time, changes nothing.

Known to be wrong: a line that is young, or contacted less than about once a day, is never found to be quiet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from hotlined.clock import Now
from hotlined.store.line import reception
from hotlined.store.line.database import Database
from hotlined.store.line.line import maybe_ready_since
from hotlined.words.amounts import lasting
from hotlined.words.conditions import SILENCE

PERIOD = timedelta(days=28)
TIMES = 10
LEAST = timedelta(days=1)
"""A shorter silence is never long: a night is not."""
HOURS_LEAST = 30
SPAN_LEAST = timedelta(days=7)
"""What is usual is known only after this many hours with a contact, over at least this span."""
SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nobody has contacted the line, how long is usual, and whether the silence is long.

    `is_long` is None if that is not known.
    """

    length: timedelta
    usual: timedelta | None
    is_long: bool | None
    last_at: str


def maybe_usual(hours: Sequence[datetime]) -> timedelta | None:
    """Return the usual pause between contacts, from the hours with a contact in order; None if these are too few."""
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
    """Judge a silence: `length` is the time since the last contact, `heard` how much of it the modem was ready.

    Only time in which the modem was ready makes a silence long. Only a contact makes it short again.
    """
    limit = max(LEAST, TIMES * usual) if usual else None
    if length < LEAST or (limit and length < limit):
        return Silence(length, usual, is_long=False, last_at=last_at)
    is_long = True if limit and heard >= limit else None
    return Silence(length, usual, is_long, last_at)


def maybe_silence(db: Database, now: Now) -> Silence | None:
    """Return how long nobody has contacted the line; None before the first contact.

    What is usual is asked for only once a day has passed, and is a matter of the calendar. The silence is not.
    """
    last = reception.maybe_last_contact(db)
    if last is None:
        return None
    length = timedelta(seconds=max(0.0, now.limit - last.limit))
    ready_since = maybe_ready_since(db)
    heard = min(length, timedelta(seconds=0.0 if ready_since is None else max(0.0, now.limit - ready_since)))
    usual = None
    if length >= LEAST and now.synchronised:
        usual = maybe_usual(reception.hours_with_contacts(db, now, PERIOD))
    return judged(length, heard, usual, last.at)


def in_words(silence: Silence) -> str:
    """Write how long nobody has contacted the line, and how long is usual."""
    usual = lasting(silence.usual) if silence.usual else ""
    return SILENCE.words.format(silence=lasting(silence.length), usual=usual)
