"""Records what people opened, one after the other, beside the pages: no page waits until the database is free.

A look that cannot be recorded is in the journal alone: the page is shown all the same.
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
"""What the looks that wait are given when the desk ends."""
_MOST = 100  # that wait: more come only while the database is locked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    config: Config
    who: str
    verb: str
    arguments: Mapping[str, Any]


class Looks:
    """The looks that wait to be recorded; as a context it ends by `close`."""

    def __init__(self) -> None:
        self._waiting: deque[_Look] = deque()  # the first stays until it is recorded
        self._changed = threading.Condition()
        self._is_closing = False
        # a daemon: the program ends even while this waits for the database
        self._writer = threading.Thread(target=self._write_all, name="looks", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        """Give the looks."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self.close()

    def note(self, config: Config, who: str, verb: str, **arguments: Any) -> None:
        """Record later that a person looks, with a verb of the control program."""
        with self._changed:
            if self._is_closing:
                log.warning("that %s looked is not recorded: the desk ends", who)
            elif len(self._waiting) == _MOST:
                log.warning("that %s looked is not recorded: too much waits for the database", who)
            else:
                self._waiting.append(_Look(config, who, verb, arguments))
                self._changed.notify()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Record what waits, as far as it can be recorded within some seconds; the rest is in the journal alone."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        try:
            self._writer.join(seconds)
        finally:  # also when somebody types Ctrl-C once more
            left = [look.who for look in tuple(self._waiting)]
            for who in left[:1]:  # the control program was asked for this one, and may still record it
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
        except Exception:  # a bug; the looks that come after it are still recorded
            log.exception("that %s looked could not be recorded", look.who)
