"""Every wait of the daemon as one value that is handed in; growing pauses, intervals and rate limits.

Not here: the calendar, and what a modem is given to answer a command, which belongs to the protocol (`gsm.exchange`,
`gsm.storages`).
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Timing(NamedTuple):
    """The daemon's waiting times, in seconds; of growing pauses the last repeats."""

    # the loop
    tick: float = 1.0
    """The longest sleep: requests and decisions of people are seen within it."""
    idle: float = 10.0
    """The longest time between two passes while nothing waits to be judged or sent."""
    call_tick: float = 0.5
    """The same while a call rings."""
    anchor: float = 3600.0
    """Between two anchors of the limit clock while nothing else is written: what the card bears."""
    anchor_waiting: float = 300.0
    """The same while an answer is due within `anchor`, or the line's breaker is open: power may go every half hour."""
    flood_look: float = 15.0
    """Between two looks for a flood."""
    stop_submitting: float = 8.0
    """The time for a submission after SIGTERM: less than TimeoutStopSec= in systemd/hotlined@.service."""
    stop_other: float = 2.0
    """The time for anything else after it."""

    # the database
    database_pause: float = 5.0
    """Before a database that failed under the running loop is tried again."""
    database_pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    """Before one that cannot be opened is tried again."""

    # the status file
    sign_of_life: float = 30.0
    """Between two writings of the status file while nothing changes."""
    mark: float = 60.0
    """Between two writings of the mark for the exchange while the line has nothing new for its fleet."""
    waiting_sign_of_life: float = 10.0
    """The same while the database is waited for: the watchdog is fed with it."""
    alive: float = 180.0
    """How old a status file may be before its daemon counts as hanging."""

    # the modem
    reconnect_pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    """Before the modem is looked for again."""
    network_registered: float = 60.0
    """Between two questions for registration, signal and SIM while registered."""
    network_unregistered: float = 10.0
    """The same while not."""
    sim_certain: float = 60.0
    """How long the SIM is not asked again, between two segments of an answer, unless the modem hints at another one."""
    settings_polls: int = 6
    settings_longest: float = 60.0
    """The settings are read back after so many polls, or after so long where that is sooner; and after each hint."""
    sim_ready: float = 10.0
    """The time for a SIM to be ready after its PIN."""
    reset: float = 5.0
    """Before a modem that was reset is looked for."""
    changes_most: int = 20
    """How often in `changes_within` a change of state or a rung is an event and a line in the log.

    A stick with a loose plug changes its state a hundred times an hour, and the card wears.
    """
    changes_within: float = 3600.0

    # the ladder: how long a trouble may last before its first rung, and the pauses before the next rungs
    silent_grace: float = 0.0
    silent_pauses: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 20.0, 60.0)
    """Every rung is tried within two minutes."""
    absent_grace: float = 120.0
    absent_pauses: tuple[float, ...] = (1800.0, 3600.0)
    unready_grace: float = 60.0
    unready_pauses: tuple[float, ...] = (120.0, 600.0, 1800.0, 3600.0)
    no_sim_grace: float = 300.0
    no_sim_pauses: tuple[float, ...] = (600.0, 1800.0, 3600.0)
    unregistered_grace: float = 300.0
    unregistered_pauses: tuple[float, ...] = (300.0, 600.0, 1200.0, 2400.0, 3600.0)
    not_leaving_grace: float = 0.0
    not_leaving_pauses: tuple[float, ...] = (300.0, 600.0, 1200.0, 2400.0, 3600.0)
    ladder_rest: float = 3600.0
    """Between two rounds against a modem that nothing has helped."""

    # receiving
    list_pauses: tuple[float, ...] = (0.0, 0.0, 30.0, 120.0, 600.0)
    """Before a storage is listed again that could not be, beside others."""
    delete_slice: float = 5.0
    """How long entries are deleted in one pass: some SIMs take a second for each."""
    delete_least: float = 0.25
    """How long they are deleted though something waits to be read: else a full SIM is listed at each text it takes."""
    deletions_first: float = 60.0
    """How long answers wait for deletions that go on: a SIM that is full takes no text."""
    delete_pauses: tuple[float, ...] = (30.0, 120.0, 600.0, 3600.0)
    """Before a deletion that was refused is tried again."""
    complaint: float = 3600.0
    """Between two events of the same complaint of the modem: of its power supply, or of a text that it lost."""
    alert_request: float = 20.0
    """Between two requests that alerts be sent: a run takes some seconds, and systemd refuses the sixth in ten."""
    clip: float = 1.5
    """How long a first RING waits for its number."""
    last_ring: float = 3.0
    """A ring that comes so long after a call has ended is another call's."""
    ring_gap: float = 10.0
    """Networks ring every 5 or 6 s: a longer gap is the end of the call."""
    call_longest: float = 60.0
    """No network lets a call ring for longer."""

    # sending
    trial_after: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    """Before an answer is tried while nothing leaves."""
    trial_gap: float = 300.0
    """No two trials that an event calls for come within it."""
    unregistered_for: float = 600.0
    """A registration that comes back after so long makes a trial due."""
    retry_after: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    """Before an answer of which nothing can have left is tried again."""
    late_result_within: float = 3600.0
    """How long after its submission the late result of a segment still lets the rest of its answer go on."""


USUAL = Timing()
"""The waits of a daemon in service."""


def pause_after(pauses: Sequence[float], failures: int) -> float:
    """Return the growing pause that follows so many failures before this one; the last repeats."""
    return pauses[min(failures, len(pauses) - 1)]


@dataclass(slots=True)
class Backoff:
    """Growing pauses before something is tried again; the last repeats."""

    pauses: tuple[float, ...]
    failures: int = 0
    """How often in a row it failed, so far."""

    def next(self) -> float:
        """Count one more failure and return the pause before the next try."""
        self.failures += 1
        return pause_after(self.pauses, self.failures - 1)

    def reset(self) -> None:
        """Begin at the first pause again: it has worked."""
        self.failures = 0


@dataclass(slots=True)
class Interval:
    """An interval of a monotonic clock: due at first, then `seconds` after each `restart()`; `seconds` may change."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _last: float = -math.inf

    @property
    def seconds_left(self) -> float:
        """How many seconds are left until it is due, 0 when it is."""
        return max(0.0, self._last + self.seconds - self.clock())

    def is_due(self) -> bool:
        """Tell whether it is time."""
        return self.seconds_left == 0.0

    def restart(self) -> None:
        """Begin the interval anew now: what it is for is being done."""
        self._last = self.clock()

    def make_due(self) -> None:
        """Let it be due now, however long ago it was restarted."""
        self._last = -math.inf


@dataclass(slots=True)
class RateLimit:
    """At most `most` times in `seconds`: for what is logged or written when it happens all the time."""

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _moments: deque[float] = field(default_factory=deque)

    def count_if_allowed(self) -> bool:
        """Count it as done now if it may be done; return whether it may."""
        now = self.clock()
        while self._moments and now >= self._moments[0] + self.seconds:
            self._moments.popleft()
        if len(self._moments) >= self.most:
            return False
        self._moments.append(now)
        return True
