"""How long the SIM lives after its last top-up, and from when somebody is to be warned.

It is a matter of the calendar: while the clock is not synchronised nothing is warned of.
"""

from datetime import timedelta

from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.language import _, ngettext
from hotlined.store.line.line import TopUp
from hotlined.words import conditions
from hotlined.words.times import day

WARNED_DAYS = (60, 30, 7)
"""How long before the end an alert warns; only less than half of the whole life is worth a warning."""
OVER = len(WARNED_DAYS) + 1
"""The level at which it has run out; 0: there is nothing to warn of."""


def valid_until(top_up: TopUp | None, valid_for: timedelta | None) -> str | None:
    """Return until when the SIM lives, in RFC 3339; None where that is not known."""
    if top_up is None or valid_for is None:
        return None
    return rfc3339(parse_rfc3339(top_up.at) + valid_for)


def level(end: str | None, valid_for: timedelta | None, now: Now) -> int | None:
    """Return how near the end is: a level for each of `WARNED_DAYS`, then `OVER`; None without a synchronised clock."""
    if end is None or valid_for is None:
        return 0
    if not now.synchronised:
        return None
    left = parse_rfc3339(end) - now.utc
    if left <= timedelta(0):
        return OVER
    return sum(left <= timedelta(days=days) < valid_for / 2 for days in WARNED_DAYS)


def in_words(reached: int, top_up: TopUp, end: str, now: Now) -> conditions.Condition:
    """Return title, sentence and cure for a level of 1 or more."""
    known = conditions.SIM_ENDED if reached == OVER else conditions.SIM_ENDS
    days = -((now.utc - parse_rfc3339(end)) // timedelta(days=1))
    filling = {"left": ngettext("{number} day", "{number} days", days), "end": day(end), "topped_up": day(top_up.at)}
    return conditions.Condition(known.title.format(**filling), known.words.format(**filling), known.cure)


def filling(reached: int | None, top_up: TopUp | None, end: str | None, now: Now) -> dict[str, str]:
    """Return the values for the places in the alert of a level; for level 0, in the alert that the trouble is over."""
    if not reached or top_up is None or end is None:
        return {"words": _("It lasts until {day}.", day=day(end)) if end else _("Nothing is known of its end.")}
    known = in_words(reached, top_up, end, now)
    return {"title": known.title, "end": day(end), "cure": known.cure}


def top_up_in_words(top_up: TopUp) -> str:
    """Return when the SIM was topped up last, and who said so."""
    if top_up.rose_from is None:
        return _("{day}, said by {by}", day=day(top_up.at), by=top_up.by)
    return _(
        "{day}, taken for a top-up because the balance rose from {rose_from} to {rose_to}",
        day=day(top_up.at),
        rose_from=top_up.rose_from,
        rose_to=top_up.rose_to,
    )
