"""The ladder: what is done, in which order and after which pause, about a modem that does not do its work.

Each rung takes a bounded time and is climbed in a pass of its own. What shows that it helped depends on why the
ladder was climbed: a scan that comes to its end, a registration, a segment that leaves. It does nothing itself:
`connection` does what a rung says.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hotlined.timing import USUAL, Backoff, Timing


class Rung(StrEnum):
    """The rungs, as `status` names them."""

    RESYNCHRONISE = "resynchronise"
    INITIALISE = "initialise"
    RADIO = "radio"
    RESET = "reset"
    REOPEN = "reopen"
    POWER_CYCLE = "power_cycle"
    WAIT = "wait"


class ModemTrouble(StrEnum):
    """Why the ladder is climbed."""

    SILENT = "it does not answer as it should"
    ABSENT = "its port is gone"
    UNREADY = "it cannot be set up"
    NO_SIM = "it sees no SIM"
    UNREGISTERED = "it is not registered"
    NOT_LEAVING = "it is registered, but nothing leaves"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What may help against a trouble: how long it may last (seconds), the rungs, and the time that each is given."""

    patience: float
    rungs: tuple[Rung, ...]
    pauses: tuple[float, ...]
    """Seconds before the next rung; the last pause repeats."""


def remedies(timing: Timing) -> Mapping[ModemTrouble, Remedy]:
    """Return the remedy of each trouble; after its last rung a climb goes on at RESET, or at its first rung."""
    reset = (Rung.RESET, Rung.POWER_CYCLE)
    radio = (Rung.RADIO, *reset)
    return {
        ModemTrouble.SILENT: Remedy(timing.silent_patience, tuple(Rung), timing.silent_pauses),
        ModemTrouble.ABSENT: Remedy(timing.absent_patience, (Rung.POWER_CYCLE,), timing.absent_pauses),
        ModemTrouble.UNREADY: Remedy(timing.unready_patience, reset, timing.unready_pauses),
        ModemTrouble.NO_SIM: Remedy(timing.no_sim_patience, reset, timing.no_sim_pauses),
        ModemTrouble.UNREGISTERED: Remedy(timing.unregistered_patience, radio, timing.unregistered_pauses),
        ModemTrouble.NOT_LEAVING: Remedy(timing.not_leaving_patience, radio, timing.not_leaving_pauses),
    }


@dataclass(slots=True)
class Climb:
    """How far one trouble has been climbed: when it began, its rungs counted, the last one, when the next may be."""

    began: float
    backoff: Backoff
    rung: Rung | None = None
    due: float = 0.0


@dataclass(slots=True)
class Ladder:
    """How far up one modem's ladder we are; times are those of `clock`, monotonic seconds.

    Each trouble has a climb of its own, so that a second one that comes while the first is being cured does not begin
    the first one's climb anew. `trouble` is the one whose rung was climbed last; `pending`: that rung is not done yet.
    """

    timing: Timing = USUAL
    clock: Callable[[], float] = time.monotonic
    trouble: ModemTrouble | None = None
    pending: bool = False
    _climbs: dict[ModemTrouble, Climb] = field(default_factory=dict)
    _remedies: Mapping[ModemTrouble, Remedy] = field(init=False)

    def __post_init__(self) -> None:
        self._remedies = remedies(self.timing)

    @property
    def rung(self) -> Rung | None:
        """The last rung that was climbed against a trouble that is there still."""
        return self._climbs[self.trouble].rung if self.trouble else None

    @property
    def climbed(self) -> int:
        """How many rungs were climbed since that trouble began."""
        return self._climbs[self.trouble].backoff.failures if self.trouble else 0

    def report(self, trouble: ModemTrouble) -> bool:
        """Report a trouble that has begun or goes on; return whether a rung is to be climbed now."""
        now = self.clock()
        remedy = self._remedies[trouble]
        climb = self._climbs.setdefault(trouble, Climb(now, Backoff(remedy.pauses)))
        if not self.pending and now >= max(climb.began + remedy.patience, climb.due):
            self._climb(trouble, climb, now)
        return self.pending

    def postpone(self, trouble: ModemTrouble) -> None:
        """Let the patience with a trouble begin anew: the modem has only just started."""
        if trouble in self._climbs:
            self._climbs[trouble].began = self.clock()

    def clear(self, *troubles: ModemTrouble) -> None:
        """Clear these troubles: they are over, and the next one of their kind begins at the first rung."""
        for trouble in troubles:
            self._climbs.pop(trouble, None)
        if self.trouble in troubles:
            self.pending = False
            self.trouble = next((trouble for trouble, climb in self._climbs.items() if climb.rung), None)

    def has_climbed(self, trouble: ModemTrouble) -> bool:
        """Tell whether a rung was climbed against a trouble that is there still."""
        return trouble in self._climbs and self._climbs[trouble].rung is not None

    def next_rung(self) -> Rung | None:
        """Return the rung that is to be climbed now, once."""
        rung, self.pending = (self.rung, False) if self.pending else (None, False)
        return rung

    def _climb(self, trouble: ModemTrouble, climb: Climb, now: float) -> None:
        remedy = self._remedies[trouble]
        at = remedy.rungs.index(climb.rung) + 1 if climb.rung else 0
        if at == len(remedy.rungs):
            at = remedy.rungs.index(Rung.RESET) if Rung.RESET in remedy.rungs else 0
        climb.rung = remedy.rungs[at]
        pause = climb.backoff.next()
        climb.due = now + (self.timing.ladder_rest if climb.rung is Rung.WAIT else pause)
        self.trouble, self.pending = trouble, True
