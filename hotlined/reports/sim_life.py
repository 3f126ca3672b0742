"""The end of the SIM's life after its last top-up, and when to warn of it.

The end is a date, so there is no warning while the clock is not synchronised.
"""

from datetime import timedelta

from hotlined.conditions import SIM_ENDS_DAYS
from hotlined.language import _, ngettext
from hotlined.machine.clock import Now, parse_rfc3339, rfc3339
from hotlined.reports.trouble import Trouble, holding
from hotlined.states import TroubleCode
from hotlined.store.line.line_row import TopUp
from hotlined.words.times import day

OVER = len(SIM_ENDS_DAYS) + 1
"""The level after the end of the life. At level 0 there is nothing to warn of."""


def valid_until(top_up: TopUp | None, valid_for: timedelta | None) -> str | None:
    """Return the end of the SIM's life in RFC 3339; None if it is not known."""
    if top_up is None or valid_for is None:
        return None
    return rfc3339(parse_rfc3339(top_up.at) + valid_for)


def level(end: str | None, valid_for: timedelta | None, now: Now) -> int | None:
    """Return how near the end is: a level for each of `SIM_ENDS_DAYS`, then `OVER`; None without a synchronised clock.

    It is 0 if the end is not known; a warning in the first half of the life is left out.
    """
    if end is None or valid_for is None:
        return 0
    if not now.synchronised:
        return None
    left = parse_rfc3339(end) - now.utc
    if left <= timedelta(0):
        return OVER
    return sum(left <= timedelta(days=days) < valid_for / 2 for days in SIM_ENDS_DAYS)


def maybe_trouble(reached: int | None, top_up: TopUp | None, end: str | None, now: Now) -> Trouble | None:
    """Return the trouble of a level of 1 or more; None if there is none."""
    if not reached or top_up is None or end is None:
        return None
    if reached == OVER:
        return holding(TroubleCode.SIM_ENDED, end, topped_up=day(top_up.at), end=day(end))
    left = -((now.utc - parse_rfc3339(end)) // timedelta(days=1))
    variant, days = str(SIM_ENDS_DAYS[reached - 1]), ngettext("{number} day", "{number} days", left)
    return holding(TroubleCode.SIM_ENDS, variant=variant, left=days, end=day(end))


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
