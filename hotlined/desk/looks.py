"""Records looks: which person opened which contact or list. A thread does it, so no page waits for a busy database.

If a look cannot be recorded, only the journal reports it; the page is shown all the same.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import HotlinedError

CLOSE_SECONDS = 20.0
"""The time to record the looks that still wait when the desk ends."""
_MOST = 100  # more than this wait only while the database is locked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    config: Config
    who: str
    verb: str
    arguments: Mapping[str, Any]


class Looks:
    """The looks that wait to be recorded; the end of a `with` block calls `close`."""

    def __init__(self) -> None:
        self._waiting: deque[_Look] = deque()  # the first is removed after it was recorded, so `close` can name it
        self._changed = threading.Condition()
        self._is_closing = False
        # a daemon thread: the program can end while this thread waits for the database
        self._writer = threading.Thread(target=self._write_all, name="looks", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        """Return the looks themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Record the looks that wait, as `close` does."""
        self.close()

    def note(self, config: Config, who: str, verb: str, **arguments: Any) -> None:
        """Queue a look for the record; `verb` and `arguments` are those of the control program."""
        with self._changed:
            if self._is_closing:
                log.warning("that %s looked is not recorded: the desk ends", who)
            elif len(self._waiting) == _MOST:
                log.warning("that %s looked is not recorded: too much waits for the database", who)
            else:
                self._waiting.append(_Look(config, who, verb, arguments))
                self._changed.notify()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Record the looks that wait, for at most `seconds`; the others are only in the journal."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        try:
            self._writer.join(seconds)
        finally:  # also after a second Ctrl-C
            left = [look.who for look in tuple(self._waiting)]
            for who in left[:1]:  # the writer is recording this one, and may still succeed
                log.warning("that %s looked may not be recorded: the desk ends", who)
            for who in left[1:]:
                log.warning("that %s looked is not recorded: the desk ends", who)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
            self._write(self._waiting[0])
            self._waiting.popleft()

    def _write(self, look: _Look) -> None:
        try:
            decide(look.config, look.who, look.verb, **look.arguments)
        except (HotlinedError, sqlite3.Error) as error:
            log.warning("that %s looked could not be recorded: %s", look.who, error)
        except Exception:  # a bug: the looks after this one are still recorded
            log.exception("that %s looked could not be recorded", look.who)
