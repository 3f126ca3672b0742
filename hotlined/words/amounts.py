"""Amounts in words: counts with their noun, waits, prices, sentences with their full stop."""

import math

from hotlined.policy import Limits

SOON_SECONDS = 60
"""What goes in less than that goes now, for people: the next answer waits for those before it to be handed over."""
_STEPS = ((86_400, 3_600), (3_600, 60), (0, 1))  # seconds: from so many on, a wait is written in steps of so many
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, in the singular or with an s."""
    return f"{number} {_plural(number, noun)}"


def many(number: int, noun: str) -> str:
    """Write a number with its noun as `counted` does, its thousands apart: 1,234 texts."""
    return f"{number:,} {_plural(number, noun)}"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def sentence(text: str) -> str:
    """End a text with a full stop, unless it has an end."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def price(segments: int, limits: Limits) -> float:
    """Return what segments cost, in the configured currency."""
    return float(segments * limits.price_per_segment)


def wait_in_words(seconds: float | None) -> str:
    """Write a time to wait in at most two units, rounded up: now, 45s, 3h12m, 29d4h; never for None."""
    if seconds is None:
        return "never"
    if seconds <= 0:
        return "now"
    step = next(step for least, step in _STEPS if seconds >= least)
    rest = math.ceil(round(seconds, 3) / step) * step  # moments are sums: 1800.0000002 s are 30 minutes
    written = ""
    for unit, size in _UNITS.items():
        number, rest = divmod(rest, size)
        written += f"{number}{unit}" if number else ""
    return written
