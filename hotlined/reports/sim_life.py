"""The end of the SIM's life after its last top-up, and when to warn of it.

The end is a date, so there is no warning while the clock is not synchronised.
"""

from datetime import timedelta

from hotlined import conditions
from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.language import _, ngettext
from hotlined.store.line.line import TopUp
from hotlined.words.times import day

WARNED_DAYS = (60, 30, 7)
"""An alert warns at these numbers of days before the end; a warning in the first half of the life is left out."""
OVER = len(WARNED_DAYS) + 1
"""The level after the end of the life. At level 0 there is nothing to warn of."""


def valid_until(top_up: TopUp | None, valid_for: timedelta | None) -> str | None:
    """Return the end of the SIM's life in RFC 3339; None if it is not known."""
    if top_up is None or valid_for is None:
        return None
    return rfc3339(parse_rfc3339(top_up.at) + valid_for)


def level(end: str | None, valid_for: timedelta | None, now: Now) -> int | None:
    """Return how near the end is: a level for each of `WARNED_DAYS`, then `OVER`; None without a synchronised clock.

    It is 0 if the end is not known.
    """
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
    """Return the values for an alert of a level; for level 0, for the alert that the trouble is over."""
    if not reached or top_up is None or end is None:
        return {"words": _("It lasts until {day}.", day=day(end)) if end else _("Nothing is known of its end.")}
    known = in_words(reached, top_up, end, now)
    return {"title": known.title, "end": day(end), "cure": known.cure}


def top_up_in_words(top_up: TopUp) -> str:
    """Return in words when the SIM was last topped up, and who reported it, or which rise of the balance shows it."""
    if top_up.rose_from is None:
        return _("{day}, said by {by}", day=day(top_up.at), by=top_up.by)
    return _(
        "{day}, taken for a top-up because the balance rose from {rose_from} to {rose_to}",
        day=day(top_up.at),
        rose_from=top_up.rose_from,
        rose_to=top_up.rose_to,
    )
