"""Writes amounts in words: counts with their noun, waits, prices. `sentence` adds a missing full stop to any text."""

import math
from datetime import timedelta
from decimal import Decimal

from hotlined.language import NO_BREAK, Language, _, in_digits, ngettext, spoken
from hotlined.rules.policy import Limits

SOON_SECONDS = 60
"""A shorter wait is shown as "now": the next answer often waits only for the answers before it to leave."""
_STEPS = ((86_400, 3_600), (3_600, 60), (0, 1))  # seconds: the least wait, and the step that it is rounded up to
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
_UNITS = {
    Language.ENGLISH: ("d", "h", "m", "s"),
    Language.FRENCH: (" j ", " h ", " min ", " s "),
    Language.DUTCH: (" d ", " u ", " min ", " s "),
}
"""The units of a wait; `wait_in_words` writes each blank as a no-break space."""
_SIGNS = {"EUR": "€"}  # for French and Dutch; English writes the code


def in_segments(number: int) -> str:
    """Write how many segments there are, with the noun."""
    return ngettext("{number} segment", "{number} segments", number)


def in_answers(number: int) -> str:
    """Write how many answers there are, with the noun."""
    return ngettext("{number} answer", "{number} answers", number)


def in_reactions(number: int) -> str:
    """Write how many reactions there are, with the noun."""
    return ngettext("{number} reaction", "{number} reactions", number)


def in_contacts(number: int) -> str:
    """Write how many contacts there are, with the noun."""
    return ngettext("{number} contact", "{number} contacts", number)


def in_money(amount: Decimal, currency: str, decimals: int = 2) -> str:
    """Write an amount of money: 0.60 EUR; 0,60 € in French, € 0,60 in Dutch."""
    digits = in_digits(amount, decimals)
    if spoken() is Language.ENGLISH:
        return f"{digits} {currency}"
    sign = _SIGNS.get(currency, currency)
    return f"{sign}{NO_BREAK}{digits}" if spoken() is Language.DUTCH else f"{digits}{NO_BREAK}{sign}"


def sentence(text: str) -> str:
    """Return a text with a full stop, unless it is empty or ends with a mark of its own."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def maybe_price(segments: int, limits: Limits) -> Decimal | None:
    """Return the price of some segments, in units of the configured currency; None if no price is set."""
    return None if limits.price_per_segment is None else segments * limits.price_per_segment


def maybe_money(segments: int, limits: Limits) -> str | None:
    """Write the price of some segments: 0.60 EUR; None if no price is set."""
    price = maybe_price(segments, limits)
    return None if price is None else in_money(price, limits.currency)


def segments_and_price(segments: int, limits: Limits) -> str:
    """Write how many segments there are, and their price if a price is set: 12 segments (0.60 EUR)."""
    money = maybe_money(segments, limits)
    return f"{in_segments(segments)} ({money})" if money else in_segments(segments)


def room_in_words(seconds: float | None) -> str:
    """Write when a window has room for one more answer: now, never, in 3h12m."""
    return _("in {wait}", wait=wait_in_words(seconds)) if seconds else wait_in_words(seconds)


def lasting(length: timedelta) -> str:
    """Write a length of time in whole hours, or in whole days if it has two or more: 1 hour, 36 hours, 5 days."""
    hours = max(1, round(length / timedelta(hours=1)))
    if hours < 48:
        return ngettext("{number} hour", "{number} hours", hours)
    return ngettext("{number} day", "{number} days", hours // 24)


def wait_in_words(seconds: float | None) -> str:
    """Write a wait in at most two units, rounded up: now, 45s, 3h12m, 29d4h; never for None."""
    if seconds is None:
        return _("never")
    if seconds <= 0:
        return _("now")
    step = next(step for least, step in _STEPS if seconds >= least)
    rest = math.ceil(round(seconds, 3) / step) * step  # floats: 1800.0000002 s must be 30 minutes, not 31
    written = ""
    for unit, size in zip(_UNITS[spoken()], _UNIT_SECONDS, strict=True):
        number, rest = divmod(rest, size)
        written += f"{number}{unit}" if number else ""
    return written.rstrip().replace(" ", NO_BREAK)
