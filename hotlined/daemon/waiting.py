"""Waits for a database that cannot be used: the daemon stays up, says why, and takes nothing off the SIM meanwhile.

A full disk under a running daemon is waited for by its loop, which keeps the modem. Damage ends the loop, so that
nothing more is written; the file is looked through before it is served again.
"""

import logging
import signal
import sqlite3
import time
from pathlib import Path

from hotlined import systemd
from hotlined.clock import LimitClock, Now
from hotlined.config import Config
from hotlined.daemon.line import Outage
from hotlined.daemon.status import StatusFile, without_modem
from hotlined.errors import DatabaseInUseError, DatabaseVersionError, StoreError
from hotlined.language import _
from hotlined.states import DatabaseState
from hotlined.store.database import Database
from hotlined.store.opening import open_for_daemon
from hotlined.store.trouble import DatabaseTrouble
from hotlined.timing import Timing, pause_after
from hotlined.words.amounts import sentence
from hotlined.words.conditions import REPLACED_CURE

log = logging.getLogger("hotlined")

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
SIGNALS = STOPS | {signal.SIGHUP}
"""Blocked while no loop runs: what comes meanwhile is waited for here, or is given to the loop."""


def outage_of(database: Path, error: StoreError | sqlite3.Error, before: Outage | None, now: Now) -> Outage:
    """Return the outage that an error begins or goes on with, since when the first one was; logged when it changes."""
    trouble = DatabaseTrouble.of(error, database)
    as_error, state = trouble.as_error() if isinstance(error, sqlite3.Error) else error, trouble.state
    if before is None or before.state != state:
        log.error("database: %s; texts stay on the SIM and nothing is answered", str(error).rstrip("."))
    since, tries = (before.since, before.tries + 1) if before else (now.rfc3339, 1)
    return Outage(state, sentence(as_error.message), as_error.hint, since, tries)


def outage_of_replaced(database: Path, before: Outage | None, now: Now) -> Outage:
    """Return the outage of a database that is not at its path any more: what is written to it would be lost."""
    if before and before.state is DatabaseState.REPLACED:
        return before
    words = _("{database} was moved, removed or replaced while the daemon had it open.", database=database)
    log.error("database replaced: texts stay on the SIM and nothing is answered; %s %s", words, REPLACED_CURE)
    return Outage(DatabaseState.REPLACED, words, _(REPLACED_CURE), before.since if before else now.rfc3339, 1)


def wait_for_database(config: Config, outage: Outage | None, timing: Timing) -> tuple[Database, Outage | None] | None:
    """Return the database as soon as it can be used, and the outage before that; None if the daemon is told to end.

    `SIGNALS` are blocked. Raises DatabaseInUseError and DatabaseVersionError: those do not go away by themselves.
    """
    clock, status = LimitClock(None), StatusFile(config, timing)
    since = clock.now().rfc3339
    while True:
        if outage:
            systemd.notify(READY=1)
            due = time.monotonic() + pause_after(timing.database_pauses, outage.tries - 1)
            while (left := due - time.monotonic()) > 0:
                systemd.notify(WATCHDOG=1)
                status.write(without_modem(config, since, outage), f"{outage.words} {outage.cure}")
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
