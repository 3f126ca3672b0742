"""Opens the database at a start, after a check for damage, or waits until it can be opened.

Meanwhile texts stay on the SIM, and `status` gives the reason. A failure under a running loop is the business of
`database_outage`.
"""

import logging
import signal
import time

from hotlined.config import Config
from hotlined.daemon.database_outage import DatabaseOutage, outage_of
from hotlined.daemon.status import StatusFile, without_modem
from hotlined.errors import DatabaseInUseError, DatabaseVersionError, StoreError
from hotlined.machine import systemd
from hotlined.machine.clock import LimitClock
from hotlined.machine.timing import Timing, pause_after
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database

log = logging.getLogger(__name__)

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
SIGNALS = STOPS | {signal.SIGHUP}
"""The signals that are blocked while no loop runs: a stop ends the wait here, SIGHUP waits for the loop."""


def open_database(
    config: Config, outage: DatabaseOutage | None, timing: Timing
) -> tuple[Database, DatabaseOutage | None] | None:
    """Return the database as soon as it can be opened, with the outage before that; None if a stop came first.

    The caller has blocked `SIGNALS`. Raises DatabaseInUseError and DatabaseVersionError, which waiting does not cure.
    """
    clock, status = LimitClock(None), StatusFile(config, timing)
    since = clock.now().rfc3339
    while True:
        if outage:
            systemd.notify(READY=1)
            due = time.monotonic() + pause_after(timing.database_pauses, outage.tries - 1)
            while (left := due - time.monotonic()) > 0:
                systemd.notify(WATCHDOG=1)
                status.write(without_modem(config, since, outage), outage.words)
                if signal.sigtimedwait(STOPS, min(left, timing.waiting_sign_of_life)):
                    status.remove()
                    return None
        try:
            return open_for_daemon(config.database, lambda: bool(signal.sigpending() & STOPS)), outage
        except (DatabaseInUseError, DatabaseVersionError):
            status.remove()
            raise
        except StoreError as error:
            outage = outage_of(config.database, error, outage, clock.now())
