"""The three clocks: calendar time for people, the limit clock for limits, monotonic time for waits.

A limit is a number of segments a day, or a week in which nobody gets a second answer. The calendar cannot measure that.
A Pi has no clock chip: it starts in 1970, or at the time when it stopped, and its calendar is set minutes later, or
never. If the calendar is set forward, all windows are empty at once and every cooldown is over, so a crowd is answered
again; an attacker who can change the network's time could do that on purpose. If the calendar is set back, nothing is
due until it has caught up, perhaps in a year. A monotonic clock does not help either: it begins again at each boot, so
pulling the plug would allow more answers.

So limits count the seconds for which this machine was powered on. The limit clock has two parts: the kernel's time
since boot (CLOCK_BOOTTIME, sleep included), and an anchor on the disk, which is a reading of the limit clock with the
boot and the boot time of that moment. In the same boot the limit clock is the anchor plus the time since: exact,
however often the daemon starts. In another boot it goes on from the anchor, because the time without power is unknown.
A restored copy goes on from its first use in this boot: the machine may have been on for days before its line came.

    boot 1   0 ──────── 500 (anchor) ─ ─ 520  power cut
    boot 2                  500 ──────────────── 900      the 20 s after the anchor are lost

So the limit clock may be late, by the time after the last anchor, but it is never early: lateness makes limits stricter
and never allows an answer too many. There is one danger: a row that was written in the lost seconds, at 515, would be
in the future when boot 2 begins at 500, and would count for longer than its window. Therefore the anchor is written *in
the transaction* of each row that limits read (`line.save_limit_clock`), neither before nor after it. It is also written
hourly, for cooldowns, and every five minutes while an answer or a trial is due soon: otherwise a machine that loses its
power every half hour would begin again from the same anchor each time, and the answer would never be due. Within one
process a reading is never smaller than an earlier one, whatever the kernel says.

The anchor also holds the latest calendar time that could be trusted. Together with the date of this version it says how
late it is at least, so that a text of years ago is seen to be old even while the calendar cannot be trusted. No service
centre's time stamp is used for this: one that is forged or wrong would make all later texts look old.
"""

import contextlib
import ctypes
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hotlined import RELEASED

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIMEX_STATUS_OFFSET = 4 * ctypes.sizeof(ctypes.c_long) + ctypes.sizeof(ctypes.c_long)
_TIMEX = ctypes.create_string_buffer(512)  # struct timex has at most 208 bytes; zeros make adjtimex only read
_STATUS = ctypes.c_int.from_buffer(_TIMEX, _TIMEX_STATUS_OFFSET)
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Anchor(NamedTuple):
    """A committed reading of the limit clock: it was `limit_time` at `boottime` seconds of boot `boot_id`."""

    limit_time: float
    boot_id: str
    boottime: float
    known_time: float = 0.0
    """The latest calendar time that could be trusted, in seconds since 1970."""


class Now(NamedTuple):
    """One moment on the calendar and on the limit clock; `limit` is in seconds."""

    utc: datetime
    limit: float
    synchronised: bool
    known: datetime = datetime.fromtimestamp(0, UTC)
    """A moment that has passed, whatever the calendar says."""

    @property
    def newest(self) -> datetime:
        """The newest moment that is known to have passed: now, if the calendar can be trusted."""
        return self.utc if self.synchronised else self.known

    @property
    def rfc3339(self) -> str:
        """The calendar time in the format of the database and of all output."""
        return rfc3339(self.utc)


class LimitClock:
    """The limit clock of one line; it goes on from the last anchor in the database, or from 0 without one."""

    def __init__(self, anchor: Anchor | None) -> None:
        self.boot_id = boot_id()
        anchor = anchor or Anchor(0.0, self.boot_id, boottime())
        self._offset = anchor.limit_time - (anchor.boottime if anchor.boot_id == self.boot_id else 0.0)
        self._latest = anchor.limit_time
        released = datetime.fromisoformat(RELEASED).replace(tzinfo=UTC)
        self._known = max(released, datetime.fromtimestamp(anchor.known_time, UTC))

    def anchor(self, limit_time: float) -> Anchor:
        """Return the anchor for a reading; once it is committed, a later start goes on from that reading."""
        return Anchor(limit_time, self.boot_id, limit_time - self._offset, self._known.timestamp())

    def now(self) -> Now:
        """Read all clocks at once."""
        self._latest = max(self._latest, boottime() + self._offset)
        now = Now(datetime.now(UTC), self._latest, synchronised(), self._known)
        self._known = now.newest
        return now


def here() -> datetime:
    """Return the calendar time in this machine's time zone, to show times to people and to read times that they type.

    Only commands, pages and `hotlined.words.times` call this; other code gets the time as an argument.
    """
    return datetime.now(UTC).astimezone()


def boot_id() -> str:
    """Return the kernel's ID of this boot."""
    return _BOOT_ID.read_text().strip()


def boottime() -> float:
    """Return the seconds since this boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def libc() -> ctypes.CDLL:
    """Return the C library; it is opened only once, because each pass of the daemon reads the clocks."""
    return ctypes.CDLL(None, use_errno=True)


def synchronised() -> bool:
    """Tell whether the calendar can be trusted: whether the kernel (adjtimex) says that it is synchronised.

    timedatectl shows the same. If a sandbox refuses the call, the mark of systemd-timesyncd decides.
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
    """Read a time in RFC 3339 with any offset: a service centre's time stamp (`scts`) has the centre's offset."""
    return datetime.fromisoformat(text)


def age(now: Now, *, arrived_limit: float, scts: datetime | None) -> timedelta:
    """Return the age of a contact: since it arrived, or since its `scts`, if that is longer.

    The time since the `scts`, the service centre's time stamp, is counted to the newest moment that is known;
    `arrived_limit` is in seconds of the limit clock.
    """
    since_arrival = timedelta(seconds=max(0.0, now.limit - arrived_limit))
    return since_arrival if scts is None else max(since_arrival, now.newest - scts)
