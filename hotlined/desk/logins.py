"""Logging in: each attempt has to be allowed, one password is computed at a time, and each session is new.

A browser that has logged in before has a cookie for its name, and its attempts are counted and computed apart. So
nobody can keep a person out by failing under her name, or under any other, again and again.
"""

import hashlib
import hmac
import logging
import math
import threading
from dataclasses import dataclass
from pathlib import Path

from werkzeug.exceptions import Forbidden, TooManyRequests

from hotlined.desk import accounts
from hotlined.desk.accounts import Account
from hotlined.desk.failed_logins import Attempts
from hotlined.desk.memory import Memory
from hotlined.desk.sessions import Sessions
from hotlined.language import _
from hotlined.words.amounts import wait_in_words

_logger = logging.getLogger(__name__)

_AT_ONCE = 2  # attempts in hand: one computes, one waits; a known browser waits beside them, a thread shows pages


@dataclass(frozen=True, slots=True)
class Login:
    """What a browser gets for the right password: the token of a session, and a cookie that knows it next time."""

    account: Account
    token: str
    known: str


class Logins:
    """The accounts of a line, the people who are logged in, and the attempts."""

    def __init__(self, path: Path, secret: bytes, folder: Path | None) -> None:
        self.sessions = Sessions(Memory(folder, "sessions"))
        self._path = path
        self._secret = secret
        self._attempts = Attempts(Memory(folder, "attempts"))
        self._in_hand = threading.BoundedSemaphore(_AT_ONCE)
        self._known_in_hand = threading.BoundedSemaphore()
        self._computing = threading.Lock()

    def maybe_account(self, token: str) -> Account | None:
        """Return the account that has this session; None if there is none, or if it has ended."""
        return self.sessions.maybe_account(token, accounts.read(self._path)) if token else None

    def enter(self, name: str, password: str, known: str) -> Login:
        """Begin a session; raises Forbidden for a wrong name or password, TooManyRequests if an attempt has to wait."""
        account = accounts.read(self._path).get(name, accounts.NOBODY)
        is_known = account is not accounts.NOBODY and hmac.compare_digest(known.encode(), self._known(account).encode())
        key = f"{name}\nknown" if is_known else name
        in_hand = self._known_in_hand if is_known else self._in_hand
        if not in_hand.acquire(blocking=False):
            raise TooManyRequests(_("Others are logging in just now. Try again in a moment."), retry_after=1)
        try:
            if left := self._attempts.begin(key):
                raise TooManyRequests(
                    _(
                        "Too many attempts under this name have failed. The next one may be in {wait}.",
                        wait=wait_in_words(left),
                    ),
                    retry_after=math.ceil(left),
                )
            with self._computing:
                fits = account.fits(password)
        finally:
            in_hand.release()
        if not fits:
            if account is not accounts.NOBODY:  # an unknown name may be a password that was typed into the wrong field
                _logger.warning("somebody gave a wrong password for %s", account.name)
            raise Forbidden(_("Name and password do not fit."))
        self._attempts.forgive(key)
        _logger.info("%s logged in", account.name)
        return Login(account, self.sessions.begin(account), self._known(account))

    def _known(self, account: Account) -> str:
        words = f"known\n{account.name}\n{account.salt.hex()}"
        return hmac.new(self._secret, words.encode(), hashlib.sha256).hexdigest()
