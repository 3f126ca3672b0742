"""The ladder: what is done, in which order and after which pause, about a modem that does not do its work.

Each rung takes a bounded time and is climbed in a pass of its own. What shows that it helped depends on why the
ladder was climbed: a scan that comes to its end, a registration, a segment that leaves. It does nothing itself:
`connection` does what a rung says.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hotlined.timing import USUAL, Backoff, Timing


class Step(StrEnum):
    """The rungs, as `status` names them."""

    RESYNCHRONISE = "resynchronise"
    INITIALISE = "initialise"
    RADIO = "radio"
    RESET = "reset"
    REOPEN = "reopen"
    POWER_CYCLE = "power_cycle"
    WAIT = "wait"


class Cause(StrEnum):
    """Why the ladder is climbed."""

    SILENT = "it does not answer as it should"
    ABSENT = "its port is gone"
    UNREADY = "it cannot be set up"
    NO_SIM = "it sees no SIM"
    UNREGISTERED = "it is not registered"
    NOT_LEAVING = "it is registered, but nothing leaves"


@dataclass(frozen=True, slots=True)
class Way:
    """What may help against a cause: how long it may last (seconds), the rungs, and the time that each is given."""

    patience: float
    rungs: tuple[Step, ...]
    pauses: tuple[float, ...]
    """Seconds before the next rung; the last pause repeats."""


def ways(timing: Timing) -> Mapping[Cause, Way]:
    """Return the way of each cause; after its last rung a way goes on at RESET, or at its first."""
    reset = (Step.RESET, Step.POWER_CYCLE)
    radio = (Step.RADIO, *reset)
    return {
        Cause.SILENT: Way(timing.silent_patience, tuple(Step), timing.silent_pauses),
        Cause.ABSENT: Way(timing.absent_patience, (Step.POWER_CYCLE,), timing.absent_pauses),
        Cause.UNREADY: Way(timing.unready_patience, reset, timing.unready_pauses),
        Cause.NO_SIM: Way(timing.no_sim_patience, reset, timing.no_sim_pauses),
        Cause.UNREGISTERED: Way(timing.unregistered_patience, radio, timing.unregistered_pauses),
        Cause.NOT_LEAVING: Way(timing.not_leaving_patience, radio, timing.not_leaving_pauses),
    }


@dataclass(slots=True)
class Climb:
    """How far one trouble has been climbed: when it began, its rungs counted, the last one, when the next may be."""

    began: float
    rungs: Backoff
    step: Step | None = None
    due: float = 0.0


@dataclass(slots=True)
class Ladder:
    """How far up one modem's ladder we are; times are those of `clock`, monotonic seconds.

    Each trouble has a climb of its own, so that one on the way to curing another does not begin that one anew. `cause`
    is the trouble whose rung was climbed last, `pending` tells that it is still to be done.
    """

    timing: Timing = USUAL
    clock: Callable[[], float] = time.monotonic
    cause: Cause | None = None
    pending: bool = False
    _climbs: dict[Cause, Climb] = field(default_factory=dict)
    _ways: Mapping[Cause, Way] = field(init=False)

    def __post_init__(self) -> None:
        self._ways = ways(self.timing)

    @property
    def step(self) -> Step | None:
        """The last rung that was climbed against a trouble that is there still."""
        return self._climbs[self.cause].step if self.cause else None

    @property
    def climbed(self) -> int:
        """How many rungs were climbed since that trouble began."""
        return self._climbs[self.cause].rungs.failures if self.cause else 0

    def slip(self, cause: Cause) -> bool:
        """Take in that a trouble is there or goes on, and tell whether a rung is to be climbed now."""
        now = self.clock()
        way = self._ways[cause]
        climb = self._climbs.setdefault(cause, Climb(now, Backoff(way.pauses)))
        if not self.pending and now >= max(climb.began + way.patience, climb.due):
            self._climb(cause, climb, now)
        return self.pending

    def renew(self, cause: Cause) -> None:
        """Take in that a trouble has to last anew before its next rung: the modem has only just begun."""
        if cause in self._climbs:
            self._climbs[cause].began = self.clock()

    def hold(self, *causes: Cause) -> None:
        """Take in that what shows these troubles to be over has been seen."""
        for cause in causes:
            self._climbs.pop(cause, None)
        if self.cause in causes:
            self.pending = False
            self.cause = next((cause for cause, climb in self._climbs.items() if climb.step), None)

    def is_climbing(self, cause: Cause) -> bool:
        """Tell whether a rung was climbed against a trouble that is there still."""
        return cause in self._climbs and self._climbs[cause].step is not None

    def take(self) -> Step | None:
        """Return the rung that is to be climbed now, once."""
        step, self.pending = (self.step, False) if self.pending else (None, False)
        return step

    def _climb(self, cause: Cause, climb: Climb, now: float) -> None:
        way = self._ways[cause]
        at = way.rungs.index(climb.step) + 1 if climb.step else 0
        if at == len(way.rungs):
            at = way.rungs.index(Step.RESET) if Step.RESET in way.rungs else 0
        climb.step = way.rungs[at]
        pause = climb.rungs.next()
        climb.due = now + (self.timing.ladder_rest if climb.step is Step.WAIT else pause)
        self.cause, self.pending = cause, True


@dataclass(slots=True)
class Ration:
    """How often something may be said: `most` times in `seconds`, however often it happens."""

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _taken: deque[float] = field(default_factory=deque)

    def take(self) -> bool:
        """Tell whether it may be said now, and count it."""
        now = self.clock()
        while self._taken and now >= self._taken[0] + self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.most:
            return False
        self._taken.append(now)
        return True
