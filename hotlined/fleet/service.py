"""The exchange with the hub as a service: it goes on until it is stopped, even if the hub or the network fails.

It looks for unsent rows in the line's own database, and for rows of others at the hub. While there are none, it does
not start the control program.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from hotlined.config import Config
from hotlined.errors import HotlinedError
from hotlined.fleet.join import address_path
from hotlined.fleet.sync import HubSession, session
from hotlined.timing import Backoff, Interval, RateLimit

_OTHER_HUBS = 2, 3600.0  # changes of the hub in this many seconds: each one writes a row on the card for every person
_REBUILDS = 1, 3600.0  # of the database in this many seconds: each one writes it anew on the card

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the service waits, in seconds."""

    look: float = 2.0
    """Between two looks for unsent rows."""
    read: float = 15.0
    """Between two questions to the hub for rows of others."""
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    """Before a hub that was not reached is tried again: 30 s after it is back, other lines know what was decided."""


class Service:
    """Exchanges with the hub of a line for as long as it is a member of a fleet."""

    def __init__(
        self, config: Callable[[], Config], pace: Pace = Pace(), sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._config = config
        self._pace = pace
        self._sleep = sleep
        self._failed: str | None = ""

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Open sessions with the hub again and again, whatever failed, also while the configuration is unusable."""
        pauses = Backoff(self._pace.pauses)
        another_hub, rebuild = RateLimit(*_OTHER_HUBS), RateLimit(*_REBUILDS)
        while goes_on():
            try:
                config = self._config()
                with session(config, another_hub.count_if_allowed, rebuild.count_if_allowed) as open_session:
                    self._note_reached()
                    pauses.reset()
                    self._exchange(open_session, config, goes_on)
            except HotlinedError as error:
                self._note_failure(error)
                self._sleep(pauses.next())

    def _exchange(self, open_session: HubSession, config: Config, goes_on: Callable[[], bool]) -> None:
        """Exchange while the hub is there, and while configuration, address and database are those of the start."""
        before = _identities(config)
        read = Interval(self._pace.read)
        while goes_on() and _identities(config) == before:
            # reading first: if another line keeps this one from writing, it still reads what others decided
            if read.is_due():
                read.restart()
                refused = open_session.pull()[1]
                if refused:
                    log.warning("%d rows of the hub are not believed", refused)
            if open_session.has_unsent_rows():
                open_session.push()
            self._sleep(self._pace.look)

    def _note_reached(self) -> None:
        if self._failed is not None:
            log.warning("the hub is there")
        self._failed = None

    def _note_failure(self, error: HotlinedError) -> None:
        if str(error) != self._failed:
            log.warning("%s", error)  # once: the log is on the card
        self._failed = str(error)


def _identities(config: Config) -> list[tuple[int, ...]]:
    """Return a value that changes when the configuration, the hub's address or the database is replaced."""
    found: list[tuple[int, ...]] = []
    for path in (config.path, address_path(config), config.database):
        with contextlib.suppress(OSError):
            status = path.stat()
            # the same database changes all the time
            changed = 0 if path == config.database else status.st_mtime_ns
            found.append((status.st_dev, status.st_ino, changed))
    return found
