"""Requests to send alerts now: a file in the runtime folder, which a path unit of systemd watches.

The daemon has no network and does not decide which alerts are due; the file only says that there may be one. If a
request is missed, the next run of the timer finds the same texts.
"""

import logging

from hotlined import config as configuration
from hotlined.daemon.shared import Line
from hotlined.machine import files
from hotlined.machine.timing import Interval
from hotlined.store.answers import words_met

log = logging.getLogger(__name__)

FILE = "alarm"  # systemd/hotlined-alerts@.path names it


class AlertRequest:
    """The request of one line; it is made after a text with a word of alerts.words was committed."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._path = configuration.runtime_dir(line.config) / FILE
        self._pause = Interval(line.timing.alert_request)
        self._error = ""

    def make_if_due(self) -> None:
        """Request a run of the alerts if it would report a text, and the last request is some seconds old."""
        if not self._line.config.alerts.words or not self._pause.is_due():
            return
        if words_met.maybe_due(self._line.db, self._line.db.now()) is None:
            return
        self._pause.restart()
        try:
            files.replace(self._path, b"", 0o640)
        except OSError as error:
            if self._error != str(error):
                log.warning("alerts cannot be asked for in %s: %s", self._path, error.strerror)
            self._error = str(error)
