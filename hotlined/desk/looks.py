"""Records what people opened, one after the other, beside the pages: no page waits until the database is free.

A look that cannot be recorded is in the journal alone: the page is shown all the same.
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
    """The looks that wait to be recorded; a program that ends records them first."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="looks")
        self._room = threading.BoundedSemaphore(_MOST)

    def note(self, config: Config, who: str, verb: str, **arguments: Any) -> None:
        """Record later that a person looks, with a verb of the control program."""
        if self._room.acquire(blocking=False):
            self._writer.submit(self._write, config, who, verb, arguments)
        else:
            _logger.warning("that %s looked is not recorded: too much waits for the database", who)

    def close(self) -> None:
        """Record what waits, and end."""
        self._writer.shutdown()

    def _write(self, config: Config, who: str, verb: str, arguments: dict[str, Any]) -> None:
        try:
            decide(config, who, verb, **arguments)
        except (HotlinedError, sqlite3.Error) as error:
            _logger.warning("that %s looked could not be recorded: %s", who, error)
        finally:
            self._room.release()
