"""The daemon's mark for the exchange: one number, which is another one once the line may have something new.

It is the number of the last event: every decision is one. What other programs decide is seen in the database, too.
"""

import logging

from hotlined import fleet_files
from hotlined.daemon.shared import Line
from hotlined.fleet_files import RunFiles
from hotlined.store.line import elsewhere, events

log = logging.getLogger(__name__)

_MODE = 0o640


class MarkWriter:
    """Writes the mark of a line in a fleet. Other lines have no fleet's key, and cost only a look for that file."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._path = RunFiles(line.config.runtime_dir, line.config.name).mark
        self._seen: tuple[int, int] | None = None
        self._written: int | None = None
        self._error = ""

    def write(self) -> None:
        """Write the mark if the database has changed; errors are logged."""
        db = self._line.db
        seen = (self._line.version, db.connection.total_changes)
        if seen == self._seen:
            return
        self._seen = seen
        if not elsewhere.is_member(db):
            self.remove()
            return
        if (mark := events.last_id(db)) == self._written:
            return
        self._written = mark
        try:
            fleet_files.write(self._path, mark, _MODE)
        except OSError as error:
            if self._error != str(error):
                log.warning("the mark for the exchange cannot be written to %s: %s", self._path, error.strerror)
            self._error = str(error)

    def remove(self) -> None:
        """Remove the mark, because the daemon ends or the line has left its fleet."""
        if self._written is not None:
            self._path.unlink(missing_ok=True)
            self._written = None
