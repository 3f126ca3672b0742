"""Writes down what people looked at, one after the other, beside the pages: none waits until the database is free.

What cannot be written is in the journal alone: a page is shown all the same.
"""

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import HotlinedError

_MOST = 100  # that wait: more come only while the database is locked

_logger = logging.getLogger(__name__)


class Looks:
    """What waits to be written down; a program that ends writes it first."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="looks")
        self._room = threading.BoundedSemaphore(_MOST)

    def note(self, config: Config, who: str, verb: str, **arguments: Any) -> None:
        """Have it written down that a person looks, by a verb of the control program."""
        if self._room.acquire(blocking=False):
            self._writer.submit(self._write, config, who, verb, arguments)
        else:
            _logger.warning("that %s looked is not recorded: too much waits for the database", who)

    def close(self) -> None:
        """Write down what waits, and end."""
        self._writer.shutdown()

    def _write(self, config: Config, who: str, verb: str, arguments: dict[str, Any]) -> None:
        try:
            decide(config, who, verb, **arguments)
        except (HotlinedError, sqlite3.Error) as error:
            _logger.warning("that %s looked could not be recorded: %s", who, error)
        finally:
            self._room.release()
