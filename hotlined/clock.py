"""The three clocks: calendar time for people, the limit clock for limits, monotonic time for waits.

The limit clock counts the seconds that this machine was powered on (CLOCK_BOOTTIME). Within a boot it is
exact, also over restarts of the daemon; a reboot adds nothing for the time off. It never runs backwards,
whatever happens to the calendar. What it does not know: seconds powered on in boots in which the daemon
left no anchor; it then runs late, which only makes limits stricter.
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
    """Read what `rfc3339` wrote."""
    return datetime.fromisoformat(text)


def age(now: Now, *, arrived_limit: float, scts: datetime | None) -> timedelta:
    """Return how old a contact is: by the calendar only while that can be trusted, else since it arrived."""
    since_arrival = timedelta(seconds=max(0.0, now.limit - arrived_limit))
    if not now.synchronised or scts is None:
        return since_arrival
    return max(since_arrival, now.utc - scts)
