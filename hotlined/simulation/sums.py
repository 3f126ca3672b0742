"""The sums of a simulation: what became of the contacts, the segments spent, the fullest moment of each window."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from hotlined import policy
from hotlined.config import Config
from hotlined.forms import ByWindow, Form, Seconds
from hotlined.simulation.flood import DAY_SECONDS, HOUR_SECONDS
from hotlined.store.line.database import Database
from hotlined.store.reading import simulation
from hotlined.words.amounts import maybe_price

HOURLY_UP_TO = 100 * HOUR_SECONDS  # longer simulations are counted by the day


@dataclass(frozen=True, slots=True)
class Peak:
    """The most segments that a window ever had, and its limit."""

    segments: int
    limit: int


@dataclass(frozen=True, slots=True)
class Hours:
    """An hour or a day: its start, in seconds since the first contact, and its numbers of contacts and answers."""

    start_seconds: int
    received: int
    answered: int


@dataclass(frozen=True, slots=True)
class FloodReport:
    """The document of `simulate --json`; contacts are counted by their fate, and each fate by its reasons."""

    seed: Annotated[int, Form(minimum=None)]
    seconds: Seconds
    received: int
    fates: dict[str, dict[str, int]]
    segments: int
    price: Decimal | None
    currency: str
    worst: ByWindow[Peak]
    first_contacts: simulation.Waits
    bin_seconds: int
    timeline: tuple[Hours, ...]


def sum_up(db: Database, config: Config, seed: int, seconds: float) -> FloodReport:
    """Return the report of a simulation of this many seconds."""
    fates = simulation.fates(db)
    segments, worst = peaks(simulation.segment_times(db))
    bin_seconds = HOUR_SECONDS if seconds <= HOURLY_UP_TO else DAY_SECONDS
    return FloodReport(
        seed=seed,
        seconds=seconds,
        received=sum(sum(reasons.values()) for reasons in fates.values()),
        fates=fates,
        segments=segments,
        price=maybe_price(segments, config.limits),
        currency=config.limits.currency,
        worst={name: Peak(most, getattr(config.limits.segments, name)) for name, most in worst.items()},
        first_contacts=simulation.waits(db),
        bin_seconds=bin_seconds,
        timeline=tuple(
            Hours(number * bin_seconds, *counts) for number, counts in simulation.timeline(db, bin_seconds).items()
        ),
    )


def peaks(times: Iterable[float]) -> tuple[int, dict[str, int]]:
    """Count the moments, which come in order, and return their number and the most of them in each sliding window."""
    held: dict[str, deque[float]] = {name: deque() for name in policy.WINDOW_SECONDS}
    most = dict.fromkeys(held, 0)
    count = 0
    for count, time in enumerate(times, 1):  # noqa: B007 only the last count is used
        for name, window in held.items():
            window.append(time)
            while window[0] <= time - policy.WINDOW_SECONDS[name]:
                window.popleft()
            most[name] = max(most[name], len(window))
    return count, most
