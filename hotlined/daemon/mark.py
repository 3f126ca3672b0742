"""The daemon's mark for the exchange: a file that says whether the line has news for the others, and its state.

Known to be wrong: the counts of today are up to a minute old, and a trouble that only `status` finds is missing.
"""

import json
import logging

from hotlined import exchange
from hotlined.clock import boottime, rfc3339
from hotlined.daemon.line import Line
from hotlined.database_files import FLEET, beside
from hotlined.exchange import Mark, RunFiles
from hotlined.states import MemberState, ModemState, SendingState
from hotlined.status import DaemonStatus
from hotlined.store import fleet
from hotlined.store.line.line import row_of
from hotlined.store.line.reception import today
from hotlined.timing import Interval

log = logging.getLogger(__name__)

_MOST_TROUBLES = 10
_MODE = 0o640


class MarkWriter:
    """Writes the mark of a line in a fleet. Other lines have no fleet's key, and cost only a look for that file."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._path = RunFiles(line.config.runtime_dir, line.config.name).mark
        self._again = Interval(line.timing.mark)
        self._seen: tuple[int, int] | None = None
        self._written: Mark | None = None
        self._error = ""

    def write(self, status: DaemonStatus | None) -> None:
        """Write the mark if the line has news, and now and then as a sign of life; errors are logged."""
        db = self._line.db
        seen, is_due = (self._line.version, db.connection.total_changes), self._again.is_due()
        if seen == self._seen and not (self._written and is_due):
            return
        self._seen = seen
        member = fleet.maybe_member(db) if beside(db.path, FLEET).exists() else None
        if member is None:
            self.remove()
            return
        if self._written and self._written.changed == member.version and not is_due:
            return
        self._again.restart()
        figures = json.dumps(self._figures(status))
        self._written = Mark(member.version, figures, boottime())
        try:
            exchange.write(self._path, self._written, _MODE)
        except OSError as error:
            if self._error != str(error):
                log.warning("the mark for the exchange cannot be written to %s: %s", self._path, error.strerror)
            self._error = str(error)

    def remove(self) -> None:
        """Remove the mark, because the daemon ends or the line has left its fleet."""
        if self._written:
            self._path.unlink(missing_ok=True)
            self._written = None

    def _figures(self, status: DaemonStatus | None) -> dict[str, object]:
        db = self._line.db
        midnight = db.now().utc.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        contacts, answers = today(db, rfc3339(midnight))
        return {
            "state": self._state(status),
            "contacts_today": contacts,
            "answers_today": answers,
            "trouble": [each.code for each in status.trouble][:_MOST_TROUBLES] if status else [],
            "open": fleet.open_here(db),
        }

    def _state(self, status: DaemonStatus | None) -> MemberState:
        sending = row_of(self._line.db).sending(sim_changed=status.sim_changed if status else None).state
        if sending is SendingState.PAUSED:
            return MemberState.PAUSED
        is_ready = status is not None and status.modem.state == ModemState.READY
        return MemberState.ANSWERING if is_ready and sending is not SendingState.HELD else MemberState.NOT_ANSWERING
