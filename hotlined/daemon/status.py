"""Says how the daemon is: to `hotlined status` through a file in the runtime directory (tmpfs), and to systemd."""

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from hotlined import __version__, systemd
from hotlined import config as configuration
from hotlined.clock import boottime
from hotlined.config import Config
from hotlined.daemon.connection import Connection
from hotlined.daemon.line import Line, Outage
from hotlined.daemon.receiving import Receiver
from hotlined.timing import Every, Timing

log = logging.getLogger("hotlined")


class StatusFile:
    """The status file of one line: written when something has changed, and now and then as a sign of life."""

    def __init__(self, config: Config, timing: Timing) -> None:
        self._written = ""
        self._failed = False
        self._sign_of_life = Every(timing.sign_of_life)
        self._alive = timing.alive
        self._path: Path = configuration.runtime_dir(config) / f"{config.line}.json"

    @property
    def wants_sign_of_life(self) -> bool:
        """Whether a file that is there was written long enough ago."""
        return bool(self._written) and self._sign_of_life.is_due()

    def write(self, document: Mapping[str, object], words: str) -> None:
        """Write the file and tell systemd in words, if it is time; a full or missing folder is only logged."""
        text = json.dumps(document)
        if text == self._written and not self._sign_of_life.is_due():
            return
        self._written = text
        self._sign_of_life.again()
        systemd.notify(STATUS=words)
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(
                json.dumps(json.loads(text) | {"pass_boottime": boottime(), "alive_seconds": self._alive})
            )
            temporary.chmod(0o640)  # it names numbers that are blocked
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


def common(config: Config, since: str, outage: Outage | None) -> dict[str, object]:
    """Return what stands in the file with a modem or without."""
    return {
        "pid": os.getpid(),
        "version": __version__,
        "line": config.line,
        "config": os.fspath(config.path),
        "database": os.fspath(config.database),
        "mode": config.mode.value,
        "since": since,
        "database_state": outage.state if outage else "ok",
        "database_trouble": outage.words if outage else None,
        "in_force": configuration.in_force(config),
    }


class Status:
    """How a daemon is that has its database, for the status file."""

    def __init__(self, line: Line, connection: Connection, receiver: Receiver) -> None:
        self._line = line
        self._connection = connection
        self._receiver = receiver
        self._since = line.db.now()
        self._file = StatusFile(line.config, line.timing)

    def write(self, outage: Outage | None) -> None:
        """Write the file if it is time."""
        state, trouble = self._connection.state, self._connection.trouble
        words = (state.value, trouble, outage.words if outage else "")
        self._file.write(self._document(outage), ": ".join(filter(None, words)))

    def give_sign_of_life(self, outage: Outage | None) -> None:
        """Write the file if nothing else has for some time: a pass may be long."""
        if self._file.wants_sign_of_life:
            self.write(outage)

    def remove(self) -> None:
        """Take the file away: the daemon ends."""
        self._file.remove()

    def _document(self, outage: Outage | None) -> dict[str, object]:
        config, connection = self._line.config, self._connection
        modem, condition, who = connection.modem, connection.condition, connection.identification
        last_scan = self._receiver.last_scan
        return common(config, self._since.rfc3339, outage) | {
            "database_file": self._line.database_file,
            "last_scan_at": last_scan.rfc3339 if last_scan else None,
            "modem": {
                "state": connection.state.value,
                "since": connection.since.rfc3339,
                "step": connection.ladder.step,
                "steps": connection.ladder.climbed,
                "port": modem.port.name if modem else None,
                "manufacturer": who.manufacturer or None,
                "model": who.model or None,
                "operator": condition.operator or None if modem else None,
                "registration": condition.registration.value if modem else "unknown",
                "signal_percent": condition.signal_percent if modem else None,
                "undeletable": self._receiver.undeletable,
                "storages": [
                    {"name": use.name, "used": use.used, "total": use.total}
                    for use in (modem.storages.values() if modem else ())
                ],
            },
            "trouble": connection.trouble or None,
        }
