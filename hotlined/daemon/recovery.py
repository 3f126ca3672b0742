"""The ladder: what is done, in which order and after which pause, about a modem that does not do its work.

Each rung takes a bounded time and is climbed in a pass of its own. What shows that it helped depends on why the
ladder was climbed: a scan that comes to its end, a registration, a segment that leaves. It does nothing itself:
`connection` does what a rung says.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


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


WAYS = {
    Cause.SILENT: Way(0.0, tuple(Step), (0.0, 0.0, 0.0, 0.0, 30.0, 60.0)),
    Cause.ABSENT: Way(120.0, (Step.POWER_CYCLE,), (1800.0, 3600.0)),
    Cause.UNREADY: Way(60.0, (Step.RESET, Step.POWER_CYCLE), (120.0, 600.0, 1800.0, 3600.0)),
    Cause.NO_SIM: Way(300.0, (Step.RESET, Step.POWER_CYCLE), (600.0, 1800.0, 3600.0)),
    Cause.UNREGISTERED: Way(300.0, (Step.RADIO, Step.RESET, Step.POWER_CYCLE), (300.0, 600.0, 1200.0, 2400.0, 3600.0)),
    Cause.NOT_LEAVING: Way(0.0, (Step.RADIO, Step.RESET, Step.POWER_CYCLE), (300.0, 600.0, 1200.0, 2400.0, 3600.0)),
}
"""After its last rung a way goes on at RESET, or at its first."""


REST_SECONDS = 3600.0  # between two rounds against a modem that nothing has helped


@dataclass(slots=True)
class Ladder:
    """How far up one modem's ladder we are; times are those of `clock`, monotonic seconds.

    `step` is the last rung that was climbed, `pending` tells that it is still to be done, `climbed` counts the rungs
    since the trouble began.
    """

    cause: Cause | None = None
    step: Step | None = None
    pending: bool = False
    climbed: int = 0
    due: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _began: dict[Cause, float] = field(default_factory=dict)

    def slip(self, cause: Cause) -> bool:
        """Take in that a trouble is there or goes on, and tell whether a rung is to be climbed now."""
        now = self.clock()
        began = self._began.setdefault(cause, now)
        if self.pending:
            return True
        if now < began + WAYS[cause].patience:
            return False
        if self.cause is None or (self.cause is not cause and cause is Cause.SILENT):
            self.cause, self.step, self.climbed, self.due = cause, None, 0, 0.0
        if cause is not self.cause or now < self.due:
            return False
        self._climb(now)
        return True

    def hold(self, *causes: Cause) -> None:
        """Take in that what shows these troubles to be over has been seen."""
        for cause in causes:
            self._began.pop(cause, None)
        if self.cause in causes:
            self.cause = self.step = None
            self.pending, self.climbed = False, 0

    def take(self) -> Step | None:
        """Return the rung that is to be climbed now, once."""
        step, self.pending = (self.step, False) if self.pending else (None, False)
        return step

    def _climb(self, now: float) -> None:
        assert self.cause is not None
        way = WAYS[self.cause]
        at = way.rungs.index(self.step) + 1 if self.step else 0
        if at == len(way.rungs):
            at = way.rungs.index(Step.RESET) if Step.RESET in way.rungs else 0
        self.step, self.pending = way.rungs[at], True
        pause = way.pauses[min(self.climbed, len(way.pauses) - 1)]
        self.due = now + (REST_SECONDS if self.step is Step.WAIT else pause)
        self.climbed += 1
