"""Says how the daemon is: to `hotlined status` through a file in the runtime directory (tmpfs), and to systemd."""

import contextlib
import json
import logging
import os
import time
from pathlib import Path

from hotlined import __version__, systemd
from hotlined import config as configuration
from hotlined.clock import boottime
from hotlined.daemon.connection import Connection
from hotlined.daemon.line import Line
from hotlined.daemon.receiving import Receiver

log = logging.getLogger("hotlined")

SIGN_OF_LIFE_SECONDS = 30.0


class Status:
    """The status file of one line: written when something has changed, and now and then as a sign of life."""

    def __init__(self, line: Line, connection: Connection, receiver: Receiver) -> None:
        self._line = line
        self._connection = connection
        self._receiver = receiver
        self._since = line.db.now()
        self._written = ""
        self._failed = False
        self._due = 0.0
        self._path: Path = configuration.runtime_dir(line.config) / f"{line.config.line}.json"

    def write(self, database_state: str) -> None:
        """Write the file if it is time; a full or missing runtime directory is only logged."""
        text = json.dumps(self._document(database_state))
        if text == self._written and time.monotonic() < self._due:
            return
        self._written, self._due = text, time.monotonic() + SIGN_OF_LIFE_SECONDS
        state, trouble = self._connection.state, self._connection.trouble
        systemd.notify(STATUS=f"{state}: {trouble}" if trouble else state)
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(json.loads(text) | {"pass_boottime": boottime()}))
            temporary.chmod(0o644)
            temporary.replace(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.warning("the status cannot be written to %s: %s", self._path, error.strerror)
            self._failed = True

    def remove(self) -> None:
        """Take the file away: the daemon ends."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _document(self, database_state: str) -> dict[str, object]:
        config, connection = self._line.config, self._connection
        modem, condition, who = connection.modem, connection.condition, connection.identification
        last_scan = self._receiver.last_scan
        return {
            "pid": os.getpid(),
            "version": __version__,
            "line": config.line,
            "config": os.fspath(config.path),
            "database": os.fspath(config.database),
            "mode": config.mode.value,
            "since": self._since.rfc3339,
            "last_scan_at": last_scan.rfc3339 if last_scan else None,
            "modem": {
                "state": connection.state.value,
                "since": connection.since.rfc3339,
                "step": None,
                "port": modem.port.name if modem else None,
                "manufacturer": who.manufacturer or None,
                "model": who.model or None,
                "operator": condition.operator or None if modem else None,
                "registration": condition.registration.value if modem else "unknown",
                "signal_percent": condition.signal_percent if modem else None,
                "storages": [
                    {"name": use.name, "used": use.used, "total": use.total}
                    for use in (modem.storages.values() if modem else ())
                ],
            },
            "trouble": connection.trouble or None,
            "database_state": database_state,
        }
