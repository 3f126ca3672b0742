"""The three clocks: calendar time for people, the limit clock for limits, monotonic time for waits.

A limit says: so many segments a day, no second answer within a week. On the calendar that would be worth nothing. A Pi
has no clock chip: it starts in 1970, or where it stopped, and is set minutes later, or never. Set forward, all windows
are empty at once and every cooldown is over, so a crowd is answered again, and whoever can move the time of a network
can buy that. Set back, nothing is due until the calendar has caught up, be it in a year. A monotonic clock is no help
either: it begins anew at each boot, and pulling the plug would buy answers.

So limits run on the seconds that this machine was powered on. The limit clock is made of two things: what the kernel
counts within a boot (CLOCK_BOOTTIME, time asleep included), and an anchor on the disk, which says that the clock stood
at so much at such a moment of such a boot. In the same boot it is the anchor plus what has passed since: exact, however
often the daemon starts. In another boot it goes on from the anchor, for nobody knows how long the machine was off.

    boot 1   0 ──────── 500 (anchor) ─ ─ 520  power cut
    boot 2                  500 ──────────────── 900      the 20 s behind the anchor are not known

It may thus be late by what was powered on without an anchor, and is never early: that makes limits stricter, and buys
nothing. But a row of then would have a moment that the clock has yet to reach, and count for longer than its window. So
the anchor is written *in the transaction* of each row that limits read (`line.save_limit_clock`), not before it and not
after it. It is also written hourly, for the sake of cooldowns that wait, and every five minutes while an answer or a
trial is due soon: else a machine whose plug is pulled each half hour would never come to it. Within one process no
reading is before an earlier one, whatever the kernel says.
"""

import contextlib
import ctypes
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIMEX_STATUS_OFFSET = 4 * ctypes.sizeof(ctypes.c_long) + ctypes.sizeof(ctypes.c_long)
_TIMEX = ctypes.create_string_buffer(512)  # struct timex is 208 octets or less; with zeros it only asks
_STATUS = ctypes.c_int.from_buffer(_TIMEX, _TIMEX_STATUS_OFFSET)
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Anchor(NamedTuple):
    """A reading of the limit clock that was committed: `limit_time` held at `boottime` of boot `boot_id`."""

    limit_time: float
    boot_id: str
    boottime: float


class Now(NamedTuple):
    """One moment on all clocks that are ever written down; `limit` in seconds."""

    utc: datetime
    limit: float
    synchronised: bool

    @property
    def rfc3339(self) -> str:
        """The calendar time as it stands in the database and in all output."""
        return rfc3339(self.utc)


class LimitClock:
    """The limit clock of one line, continued from the last anchor in its database."""

    def __init__(self, anchor: Anchor | None) -> None:
        self.boot_id = boot_id()
        if anchor is None:
            anchor = Anchor(0.0, self.boot_id, boottime())
        if anchor.boot_id == self.boot_id:
            self._offset = anchor.limit_time - anchor.boottime
        else:
            self._offset = anchor.limit_time
        self._latest = anchor.limit_time

    def anchor(self, limit_time: float) -> Anchor:
        """Return what to commit so that a later start continues from `limit_time`."""
        return Anchor(limit_time, self.boot_id, limit_time - self._offset)

    def now(self) -> Now:
        """Read all clocks at once."""
        self._latest = max(self._latest, boottime() + self._offset)
        return Now(datetime.now(UTC), self._latest, synchronised())


def here() -> datetime:
    """Return what the calendar of this machine says, in its local time: for what is told about now, and typed by it.

    Only who is nearest to the person asks (a command, a page, the words for a time); everybody else is handed it.
    """
    return datetime.now(UTC).astimezone()


def boot_id() -> str:
    """Return the kernel's name for this boot."""
    return _BOOT_ID.read_text().strip()


def boottime() -> float:
    """Return the seconds since this boot, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def libc() -> ctypes.CDLL:
    """Return the C library, opened once for all: the clocks are read in every pass."""
    return ctypes.CDLL(None, use_errno=True)


def synchronised() -> bool:
    """Tell whether the calendar is to be trusted: the kernel's word (adjtimex), as timedatectl shows it.

    Where a sandbox refuses the call, systemd-timesyncd's mark is asked instead.
    """
    with contextlib.suppress(AttributeError, OSError):
        if libc().adjtimex(_TIMEX) >= 0:
            return not _STATUS.value & _STA_UNSYNC
    return _TIMESYNCD_MARK.exists()


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC with milliseconds: 2026-11-24T22:18:00.123Z."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Read what `rfc3339` wrote, or an `scts`, which keeps the offset of its centre."""
    return datetime.fromisoformat(text)


def age(now: Now, *, arrived_limit: float, scts: datetime | None) -> timedelta:
    """Return how old a contact is: by the calendar only while that can be trusted, else since it arrived."""
    since_arrival = timedelta(seconds=max(0.0, now.limit - arrived_limit))
    if not now.synchronised or scts is None:
        return since_arrival
    return max(since_arrival, now.utc - scts)
