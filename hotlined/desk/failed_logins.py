"""Failed attempts to log in: each makes the next attempt under that name wait longer.

An attempt counts before its password is checked, and is removed if it succeeds. So neither a crash nor many attempts at
once win any. Names are stored as short digests, so that there is room for every name, and many names cannot push one
out. Times are seconds since boot, which setting a clock cannot shorten.

Known to be wrong: somebody who fails under 4,096 names makes everybody wait whose browser is new.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from hotlined.clock import boottime
from hotlined.desk.memory import Memory

_FREE = 3  # attempts without a wait, because people mistype
_MOST_SECONDS = 300.0
_FORGOTTEN_SECONDS = 3600.0
_DIGITS = 3  # of a digest: 4,096 of them


class Attempts:
    """The failed attempts, by name."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = boottime) -> None:
        self._memory = memory
        self._clock = clock

    def begin(self, name: str) -> float:
        """Count an attempt and return 0.0; or count nothing, and return the seconds until an attempt is allowed."""
        now = self._clock()
        return self._memory.change(lambda known: _begin(known, _digest(name), now))

    def forgive(self, name: str) -> None:
        """Remove the failed attempts of a name, after the right password."""
        self._memory.change(lambda known: known.pop(_digest(name), None))


def _begin(known: dict[str, Any], key: str, now: float) -> float:
    count, last = known.get(key, (0, now))
    if not 0 <= now - last < _FORGOTTEN_SECONDS:
        count, last = 0, now
    left = float(last + _wait(count) - now)
    if left > 0:
        return left
    known[key] = [count + 1, now]
    return 0.0


def _wait(count: int) -> float:
    """Return for how many seconds the next attempt has to wait: 0, 0, 0, 2, 4, 8 … 300."""
    return 0.0 if count < _FREE else min(_MOST_SECONDS, 2.0 ** min(count - _FREE + 1, 20))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
