"""Writes the daemon's status into a file in the runtime directory (tmpfs), and into systemd's status line."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hotlined import __version__
from hotlined import config as configuration
from hotlined.config import Config
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.database_outage import DatabaseOutage, DatabaseOutages
from hotlined.daemon.receiving import Receiver
from hotlined.daemon.shared import Line
from hotlined.errors import ConfigError
from hotlined.machine import files, systemd
from hotlined.machine.clock import boottime
from hotlined.machine.timing import Interval, Timing
from hotlined.states import DatabaseState, ModemState, TroubleCode, database_trouble
from hotlined.status import FILE, DaemonStatus, DaemonTrouble, ModemStatus, Storage

log = logging.getLogger(__name__)


class StatusFile:
    """The status file of one line; it is written after a change, and now and then as a sign of life."""

    def __init__(self, config: Config, timing: Timing) -> None:
        self.written: DaemonStatus | None = None
        self._failed = False
        self._sign_of_life = Interval(timing.sign_of_life)
        self._alive = timing.alive
        self._path: Path = configuration.runtime_dir(config) / FILE

    @property
    def wants_sign_of_life(self) -> bool:
        """Whether the file is due to be written as a sign of life."""
        return self.written is not None and self._sign_of_life.is_due()

    def write(self, status: DaemonStatus, words: str) -> None:
        """Write the file and systemd's status line if something changed or a sign of life is due; errors are logged."""
        if self._is_news(status) or self._sign_of_life.is_due():
            self._write(status, words)

    def _is_news(self, status: DaemonStatus) -> bool:
        """Tell whether anything except the time of the last scan has changed.

        Each poll changes that time. Only people read it, so the next sign of life is soon enough for it.
        """
        written = self.written
        return written is None or status != replace(written, last_scan_at=status.last_scan_at)

    def _write(self, status: DaemonStatus, words: str) -> None:
        self.written = status
        self._sign_of_life.restart()
        systemd.notify(STATUS=words)
        text = replace(status, pass_boottime=boottime(), alive_seconds=self._alive).to_json()
        try:
            files.replace(self._path, text.encode(), 0o640)  # not for everybody: it has the blocked numbers
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("the status cannot be written to %s: %s", self._path, error.strerror)
            self._failed = True

    def remove(self) -> None:
        """Remove the file, because the daemon ends."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def require_no_other(config: Config, folder: Path) -> None:
    """Raise ConfigError if the daemon of another database writes its status into this folder.

    This happens if two configuration files have the same name and the same runtime_dir.
    """
    other = None
    with contextlib.suppress(OSError, ValueError):
        other = DaemonStatus.from_json(files.read(folder / FILE))
    if other and other.is_alive() and os.path.realpath(other.database) != os.path.realpath(config.database):
        message = f"{folder} has the status of the daemon of {other.config} (process {other.pid})"
        raise ConfigError(
            message,
            (f"{config.path}: {message}, which has another database",),
            "Give one of the two files another name, or another runtime_dir.",
        )


def without_modem(config: Config, since: str, outage: DatabaseOutage | None) -> DaemonStatus:
    """Return the status of a daemon that waits for its database, before it looks for a modem."""
    return DaemonStatus(
        pid=os.getpid(),
        version=__version__,
        line=config.line,
        config=os.fspath(config.path),
        database=os.fspath(config.database),
        since=since,
        modem=ModemStatus(ModemState.STARTING, since),
        database_state=outage.state if outage else DatabaseState.OK,
        trouble=_database_trouble(outage),
        in_force=configuration.in_force(config),
    )


def _database_trouble(outage: DatabaseOutage | None) -> tuple[DaemonTrouble, ...]:
    if outage is None:
        return ()
    return (DaemonTrouble(database_trouble(outage.state), outage.cause, outage.values, outage.since),)


class StatusWriter:
    """Writes the status of a daemon that has its database."""

    def __init__(
        self, line: Line, connection: Connection, receiver: Receiver, balance: Balance, outages: DatabaseOutages
    ) -> None:
        self._line = line
        self._connection = connection
        self._receiver = receiver
        self._balance = balance
        self._outages = outages
        self._since = line.db.now()
        self._file = StatusFile(line.config, line.timing)
        self._began: dict[str, str] = {}
        """The beginning of each present trouble of the modem's settings, by its code."""

    def write(self) -> None:
        """Write the file if something changed or a sign of life is due."""
        state, trouble, outage = self._connection.state, self._connection.explanation, self._outages.current
        words = (state.value, trouble, outage.words if outage else "")
        self._file.write(self._status(outage), ": ".join(filter(None, words)))

    @property
    def current(self) -> DaemonStatus | None:
        """The status in the file; None before it was written."""
        return self._file.written

    def give_sign_of_life(self) -> None:
        """Write the file if it was not written for some time, because a pass may be long."""
        if self._file.wants_sign_of_life:
            self.write()

    def remove(self) -> None:
        """Remove the file, because the daemon ends."""
        self._file.remove()

    def _status(self, outage: DatabaseOutage | None) -> DaemonStatus:
        connection, last_scan = self._connection, self._receiver.last_scan
        asked = self._balance.asked_at
        return replace(
            without_modem(self._line.config, self._since.rfc3339, outage),
            last_scan_at=last_scan.rfc3339 if last_scan else None,
            modem=self._modem(),
            sim_changed=bool(connection.mismatch),
            database_file=self._line.database_file,
            balance_asked_at=asked.rfc3339 if asked else None,
            trouble=(
                *self._modem_trouble(),
                *self._with_since(self._settings_trouble()),
                *_database_trouble(outage),
                *filter(None, [self._line.config_refused]),
            ),
        )

    def _modem(self) -> ModemStatus:
        connection = self._connection
        modem, network, who = connection.modem, connection.network, connection.identification
        return ModemStatus(
            state=connection.state.value,
            since=connection.since.rfc3339,
            step=connection.escalation.step,
            steps=connection.escalation.steps,
            undeletable=self._receiver.undeletable,
            port=modem.port.name if modem else None,
            manufacturer=who.manufacturer or None,
            model=who.model or None,
            generation=who.generation,
            operator=network.operator or None if modem else None,
            registration=network.registration.value if modem else "unknown",
            signal_percent=network.signal_percent if modem else None,
            technology=network.technology or None if modem else None,
            sms_service=who.sms_service or None,
            storages=tuple(Storage(use.name, use.used, use.total) for use in (modem.storages.uses if modem else ())),
        )

    def _settings_trouble(self) -> Iterator[DaemonTrouble]:
        """Yield the troubles of a modem that lacks something for the line, though its state may be ready."""
        if (modem := self._connection.modem) is None:
            return
        for name, answer in (*self._receiver.unlisted(modem), *modem.storages.unread.items()):
            yield DaemonTrouble(TroubleCode.STORAGE_UNREAD, values={"storage": name, "answer": answer})
        for name, count in modem.storages.hidden.items():
            yield DaemonTrouble(TroubleCode.STORAGE_UNREAD, values={"storage": name, "count": count})
        if full := modem.storages.full:
            yield DaemonTrouble(TroubleCode.STORAGE_FULL, values={"storage": full.name, "places": full.total})
        if self._connection.network.denies_circuits:
            yield DaemonTrouble(TroubleCode.VOLTE_ONLY)
        if self._line.config.modem.delivery_reports and not modem.reports:
            yield DaemonTrouble(TroubleCode.NO_REPORTS)

    def _with_since(self, troubles: Iterator[DaemonTrouble]) -> Iterator[DaemonTrouble]:
        """Yield these troubles, each with its beginning; a trouble that ended meanwhile begins again."""
        found = list(troubles)
        now = self._line.db.now().rfc3339
        self._began = {each.code: self._began.get(each.code, now) for each in found}
        yield from (replace(each, since=self._began[each.code]) for each in found)

    def _modem_trouble(self) -> tuple[DaemonTrouble, ...]:
        connection = self._connection
        if connection.state is ModemState.READY:
            return ()
        code, values = (connection.cause.code, connection.cause.values) if connection.cause else (None, {})
        return (DaemonTrouble(connection.state.value, code, values, connection.since.rfc3339),)
