"""Every wait of the daemon as one value that is handed in; growing pauses, intervals and rate limits.

The calendar is not here.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class ModemWaits(NamedTuple):
    """The time limits of a modem's commands, in seconds, and the silences that mean that it has said everything."""

    command: float = 5.0
    """For a command that needs only the modem."""
    slow_command: float = 20.0
    """For one that needs the SIM or the network."""
    radio: float = 20.0
    """For one that switches the radio, or resets the modem."""
    ussd: float = 30.0
    """For the network's answer to a USSD code."""
    prompt: float = 10.0
    """For the prompt of AT+CMGS."""
    sim_state: float = 1.0
    """After +CPIN:, because some makes send no final result code after it."""
    first_line: float = 15.0
    """Before the first line of a listing."""
    next_line: float = 10.0
    """Between two lines of a listing."""
    slots_again: float = 600.0
    """Before the slots of a storage are read again, if they did not show all that the modem counts there."""
    whole_listing: float = 150.0
    """For all lines of a listing; 255 entries at 9,600 Bd take 100 s."""
    probe: float = 2.0
    """For the answer to a probe."""
    quiet: float = 0.2
    """After this time without a byte the modem has nothing more to say."""
    late: float = 0.5
    """For a probe's own answer, after something else came."""
    late_answers: float = 5.0
    """For late answers to arrive before the first probe."""


USUAL_MODEM = ModemWaits()
"""The waits for a modem in service."""


class Timing(NamedTuple):
    """The daemon's waiting times, in seconds. A tuple is a growing pause: its last value repeats."""

    # the loop
    tick: float = 1.0
    """Longest sleep; people's requests and decisions are seen within this time."""
    idle: float = 10.0
    """Longest time between two passes while nothing waits to be judged or sent."""
    call_tick: float = 0.5
    """The same while a call rings."""
    anchor: float = 3600.0
    """Between two writings of the limit clock while nothing else is written: rare, because writing wears the card."""
    anchor_waiting: float = 300.0
    """The same while an answer is due within `anchor`, or the breaker is open: power may fail every half hour."""
    flood_look: float = 15.0
    """Between two checks for a flood."""
    stop_submitting: float = 8.0
    """Limit for a submission after SIGTERM: less than TimeoutStopSec= in systemd/hotlined@.service."""
    stop_other: float = 2.0
    """Limit for anything else after SIGTERM."""

    # the database
    database_pause: float = 5.0
    """Before the next try with a database that failed under the running loop."""
    database_pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    """Before the next try with a database that cannot be opened."""

    # the status file
    sign_of_life: float = 30.0
    """Between two writings of the status file while nothing changes."""
    waiting_sign_of_life: float = 10.0
    """The same while waiting for the database; each of these writings also feeds the watchdog."""
    alive: float = 180.0
    """Age of a status file at which its daemon counts as hanging."""

    # the modem
    reconnect_pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    """Before the next search for the modem."""
    network_registered: float = 60.0
    """Between two questions for registration, signal and SIM while registered."""
    network_unregistered: float = 10.0
    """The same while not registered."""
    sim_certain: float = 60.0
    """Time between two segments of an answer without asking the SIM again, unless the modem hints at another SIM."""
    settings_polls: int = 6
    settings_longest: float = 60.0
    """The settings are read back after `settings_polls` polls or this time, whichever is less, and after each hint."""
    sim_ready: float = 10.0
    """Limit for a SIM to become ready after its PIN."""
    reset: float = 5.0
    """Before the search for a modem that was reset."""
    changes_most: int = 20
    """The most changes of state or steps within `changes_within` that become an event and a line in the log.

    A stick with a loose plug changes its state a hundred times an hour, and writing wears the card.
    """
    changes_within: float = 3600.0

    dialogue: ModemWaits = USUAL_MODEM
    """The time limits of its commands."""

    # the escalation of recovery: the grace is the time before the first step, the pauses are before the next steps
    silent_grace: float = 0.0
    silent_pauses: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 20.0, 60.0)
    """Every step is tried within two minutes."""
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
    not_arriving_grace: float = 0.0
    not_arriving_pauses: tuple[float, ...] = (0.0,)
    """The waits between these steps are those of the self-tests, which last longer than the daemon may run."""
    escalation_rest: float = 3600.0
    """Between two rounds of steps if none has helped."""

    # the line's texts to itself, on the limit clock
    selftest_look: float = 60.0
    """Between two looks whether one is due, lost, or back."""
    selftest_late: float = 900.0
    """One that is not back after this time with a ready modem is lost."""
    selftest_again: float = 86_400.0
    """Before the third one of a silence, and before one that did not leave is tried again."""

    # receiving
    list_pauses: tuple[float, ...] = (0.0, 0.0, 30.0, 120.0, 600.0)
    """Before the next listing of a storage that could not be listed, while others can."""
    delete_slice: float = 5.0
    """Longest time of deleting entries in one pass: some SIMs take a second for each."""
    delete_least: float = 0.25
    """Shortest time of deleting, even if texts wait to be read: else a full SIM would be listed for each new text."""
    deletions_first: float = 60.0
    """Longest time that answers wait for deletions: a full SIM takes no text."""
    delete_pauses: tuple[float, ...] = (30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 86400.0)
    """Before the next try of a refused deletion: each wears the cells of the SIM."""
    slots_slice: float = 1.0
    """Longest time of reading slots in one pass."""
    announced_late: float = 60.0
    """Longest time by which a text's announcement may come after the text was read."""
    complaint: float = 3600.0
    """Between two events about the same complaint of the modem: its power supply, or a text that it lost."""
    alert_request: float = 20.0
    """Between two requests to send alerts: a run takes some seconds, and systemd refuses the sixth within ten."""
    clip: float = 1.5
    """Time after a first RING in which its number may come."""
    last_ring: float = 3.0
    """A ring later than this after the end of a call belongs to another call."""
    ring_gap: float = 10.0
    """Networks ring every 5 or 6 s: a longer gap ends the call."""
    call_longest: float = 60.0
    """Longest time of ringing; no network rings longer."""

    # sending
    trial_after: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    """Before a trial, one answer that is tried while the breaker is open."""
    trial_gap: float = 300.0
    """Shortest time between two trials that events cause."""
    unregistered_for: float = 600.0
    """A registration that comes back after more than this time makes a trial due."""
    retry_after: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    """Before the next try of an answer that cannot have left."""
    late_result_within: float = 3600.0
    """A result that comes later than this after its submission no longer lets the rest of the answer leave."""


USUAL = Timing()
"""The waits of a daemon in service."""


def pause_after(pauses: Sequence[float], failures: int) -> float:
    """Return the growing pause after this number of earlier failures; the last repeats."""
    return pauses[min(failures, len(pauses) - 1)]


@dataclass(slots=True)
class Backoff:
    """Growing pauses before the next try; the last repeats."""

    pauses: tuple[float, ...]
    failures: int = 0
    """The number of failures in a row."""

    def next(self) -> float:
        """Count one more failure and return the pause before the next try."""
        self.failures += 1
        return pause_after(self.pauses, self.failures - 1)

    def reset(self) -> None:
        """Start with the first pause again, after a success."""
        self.failures = 0


@dataclass(slots=True)
class Interval:
    """An interval of a monotonic clock: due at first, then `seconds` after each `restart()`; `seconds` may change."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _last: float = -math.inf

    @property
    def seconds_left(self) -> float:
        """The seconds until it is due, 0 if it is."""
        return max(0.0, self._last + self.seconds - self.clock())

    def is_due(self) -> bool:
        """Return whether it is due."""
        return self.seconds_left == 0.0

    def restart(self) -> None:
        """Start the interval again from now, when its task is being done."""
        self._last = self.clock()

    def make_due(self) -> None:
        """Make it due now."""
        self._last = -math.inf


@dataclass(slots=True)
class RateLimit:
    """A limit of `most` times in `seconds`, for things that are logged or written and may happen all the time."""

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _moments: deque[float] = field(default_factory=deque)

    def count_if_allowed(self) -> bool:
        """Count one more and return True, or return False if the limit is reached."""
        now = self.clock()
        while self._moments and now >= self._moments[0] + self.seconds:
            self._moments.popleft()
        if len(self._moments) >= self.most:
            return False
        self._moments.append(now)
        return True
