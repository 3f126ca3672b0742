"""Sessions of people who have logged in: the browser has a token, the desk stores only its digest.

A session ends two hours after the last visit, twelve hours after it began, when its account is removed or gets another
password, and when the machine starts again. Its role is that of its account at each request.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from hotlined.clock import boottime
from hotlined.desk.accounts import Account
from hotlined.desk.memory import Memory

IDLE_SECONDS = 2 * 3600.0
WHOLE_SECONDS = 12 * 3600.0
_SEEN_SECONDS = 60.0  # between two records of a visit
_MOST = 200  # at a time: a new one replaces the one that was unused for the longest time


class Sessions:
    """All sessions of a desk."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = boottime) -> None:
        self._memory = memory
        self._clock = clock

    def begin(self, account: Account) -> str:
        """Begin a session and return its token, which is random."""
        token, now = secrets.token_urlsafe(), self._clock()
        entry = {"name": account.name, "salt": account.salt.hex(), "began": now, "seen": now}

        def add(known: dict[str, Any]) -> None:
            for key in [key for key, one in known.items() if not _lives(one, now)]:
                del known[key]
            if len(known) >= _MOST:
                del known[min(known, key=lambda key: known[key]["seen"])]
            known[_digest(token)] = entry

        self._memory.change(add)
        return token

    def maybe_account(self, token: str, accounts: Mapping[str, Account]) -> Account | None:
        """Return the account of a session, if it has not ended and the account still has the password that began it."""
        key, now = _digest(token), self._clock()
        entry = self._memory.get(key)
        if entry is None or not _lives(entry, now):
            return None
        account = accounts.get(entry["name"])
        if account is None or account.salt.hex() != entry["salt"]:
            return None
        if now - entry["seen"] >= _SEEN_SECONDS:
            self._memory.change(lambda known: known.update({key: entry | {"seen": now}}) if key in known else None)
        return account

    def end(self, token: str) -> None:
        """End a session, if there is such."""
        self._memory.change(lambda known: known.pop(_digest(token), None))


def _lives(entry: Mapping[str, Any], now: float) -> bool:
    return bool(0 <= now - entry["began"] < WHOLE_SECONDS and 0 <= now - entry["seen"] < IDLE_SECONDS)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
