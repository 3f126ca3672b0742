"""The report of a line: what its daemon, its database and the clocks say at one moment, and what is wrong.

Each of the three may be missing; whatever is not known is None.
"""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass

from hotlined import conditions
from hotlined import status as daemon_status
from hotlined.conditions import Gravity
from hotlined.config import Config
from hotlined.errors import RefusedError, StoreError
from hotlined.language import _
from hotlined.reports.disk import Disk, maybe_disk
from hotlined.reports.seen import UNUSABLE, Seen, failure_of, see
from hotlined.reports.stored import Stored, read_stored
from hotlined.reports.trouble import Trouble
from hotlined.states import DatabaseState, ModemState, SelftestObstacle
from hotlined.status import DaemonStatus
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.line_row import Sending
from hotlined.store.line.reception import selftest_obstacles
from hotlined.store.reading import review
from hotlined.store.reading.review import Waiting


@dataclass(frozen=True, slots=True)
class LineReport:
    """Everything that is known of a line at one moment."""

    config: Config
    daemon: DaemonStatus
    """The daemon's last status, even if the daemon is dead."""
    alive: bool
    stored: Stored | None
    """None if the database cannot be read."""
    database_state: str | None
    seen: Seen
    """The conditions that hold, and the subjects of which nothing is known."""
    disk: Disk | None
    """The disk of the database; None if it cannot be seen."""

    @property
    def trouble(self) -> tuple[Trouble, ...]:
        """The troubles that people are shown."""
        return self.seen.shown

    @property
    def grave(self) -> tuple[Trouble, ...]:
        """The troubles that a person has to deal with: not a full window."""
        return tuple(trouble for trouble in self.trouble if trouble.row.gravity > Gravity.NOTE)

    @property
    def ready(self) -> bool:
        """True if the daemon is alive, its modem ready, and there is no grave trouble."""
        return self.alive and self.daemon.modem.state == ModemState.READY and not self.grave

    @property
    def stopping(self) -> tuple[Trouble, ...]:
        """The grave troubles that stop a running daemon from sending answers."""
        return tuple(trouble for trouble in self.trouble if trouble.row.gravity is Gravity.STOPS)

    @property
    def answers(self) -> bool:
        """True if answers go out: the daemon is alive, its modem is ready, and no grave trouble stops them."""
        return self.alive and self.daemon.modem.state == ModemState.READY and not self.stopping

    @property
    def sending(self) -> Sending | None:
        """The state of sending: free, or kept back and by what; None if the database cannot be read."""
        return self.stored.sending if self.stored else None

    @property
    def selftest_obstacle(self) -> SelftestObstacle | None:
        """The obstacle to a self-test now; None if there is none."""
        stored = self.stored
        if stored is None:
            return SelftestObstacle.NOT_RUNNING
        return next(
            selftest_obstacles(
                stored.selftest,
                is_number_set=self.config.line_number is not None,
                has_text=bool(self.config.answer.steps),
                alive=self.alive,
                modem_is_ready=self.daemon.modem.state == ModemState.READY,
                holds=stored.holds,
                full=any(budget.is_spent for budget in stored.budgets.values()),
            ),
            None,
        )

    def maybe(self, code: str) -> Trouble | None:
        """Return the trouble with this code, or None."""
        return next((trouble for trouble in self.trouble if trouble.code == code), None)


def report_line(config: Config) -> LineReport:
    """Return the report of a line that has this configuration in force."""
    statuses = daemon_status.find(config.runtime_dir, config.name, config.database)
    daemon, alive = statuses.ours, statuses.ours.is_alive()
    stored, state, failure = None, None, None
    try:
        stored, state = read_stored(config, daemon, alive=alive), str(DatabaseState.OK)
    except (StoreError, sqlite3.Error) as error:
        state, failure = failure_of(config, error)
    if alive and state not in UNUSABLE:
        state = daemon.database_state
    disk = maybe_disk(config)
    return LineReport(config, daemon, alive, stored, state, see(config, statuses, stored, state, failure, disk), disk)


def maybe_waiting(config: Config) -> Waiting | None:
    """Return what waits for a person; None if the database cannot be read."""
    with suppress(StoreError, sqlite3.Error), open_beside_daemon(config.database) as db:
        return review.waiting(db, config.web.others)
    return None


def require_daemons_database(config: Config) -> None:
    """Raise RefusedError if the running daemon has another file open than the one that is now at the database's path.

    A command that wrote into the new file would seem to succeed, and the daemon would never see the change.
    """
    daemon = daemon_status.find(config.runtime_dir, config.name, config.database).ours
    if not daemon.is_alive() or daemon.database_file is None:
        return
    try:
        file = config.database.stat()
    except PermissionError:
        return
    except OSError:
        file = None
    if file is None or (file.st_dev, file.st_ino) != daemon.database_file:
        raise RefusedError(
            _(
                "The daemon would not see this: {database} was moved, removed or replaced while it ran.",
                database=config.database,
            ),
            conditions.REPLACED.cure,
        )
