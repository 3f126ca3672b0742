"""The line's texts to itself: after a long time without any text they show whether it still receives.

A text from anybody is the better witness, and costs nothing: it starts the wait anew and ends every loss. A lost text
to itself is reported as a trouble, if one came back on this SIM before; after each step another one is sent.
Known to be wrong: a daemon that is started again between two steps begins with the first one, and a text that somebody
else sends under the line's own number is taken for one that came back.
"""

import logging
from dataclasses import replace

from hotlined.daemon.connection import Connection
from hotlined.daemon.requesting import Requests
from hotlined.daemon.shared import Line
from hotlined.machine.clock import Now
from hotlined.machine.timing import Interval
from hotlined.rules.policy import WINDOW_SECONDS
from hotlined.states import ModemState, ModemTrouble
from hotlined.store.answers import windows
from hotlined.store.line import reception, requests
from hotlined.store.line.line_row import SelfTest, commit_selftest, row_of
from hotlined.store.line.requests import RequestVerb

log = logging.getLogger(__name__)

WHO = "hotlined selftest"
"""The name under which the line texts itself."""


class SelfTests:
    """Makes the texts of one line to itself, and follows what becomes of them."""

    def __init__(self, line: Line, connection: Connection, requests: Requests) -> None:
        self._line = line
        self._connection = connection
        self._requests = requests
        self._look = Interval(line.timing.selftest_look)
        self._escalated_at = 0
        """The number of lost texts at which the last step was chosen."""

    def look(self) -> None:
        """Note what became of the last text to itself; send the next one, or choose a step before it, if it is due."""
        config, db = self._line.config, self._line.db
        if not self._look.is_due():
            return
        self._look.restart()
        if (number := config.line_number or row_of(db).own_number) is None:
            return
        now, before, heard_limit = db.now(), row_of(db).selftest(number), reception.last_text_limit(db)
        test = self._follow(before, heard_limit, now)
        if test != before:
            commit_selftest(db, test)
        if (every := config.alerts.selftest) is None:
            return
        due = reception.selftest_due_limit(test, heard_limit, every, self._line.timing)
        if due is None or now.limit < due or reception.is_selftest_pending(db, test) or self._has_obstacle(test, now):
            return
        if test.tries < reception.MOST_TRIES and test.lost_at and test.left_limit and not self._escalate(test.tries):
            return
        self._send(test, now)

    def _follow(self, test: SelfTest, heard_limit: float, now: Now) -> SelfTest:
        """Return what is known now of the last text to itself: whether it left, whether it is lost, or a text came."""
        db = self._line.db
        test = replace(test, back_at=reception.maybe_back_at(db, test.number) or test.back_at)
        if test.tries and heard_limit >= test.at_limit:
            if test.lost_at:
                log.warning("a text has come: the line receives again")
            self._forget_steps()
            return replace(test, tries=0, lost_at=None)
        if test.tries and test.left_limit is None:
            test = replace(test, left_limit=reception.maybe_left_limit(db, test))
        ready_limit = row_of(db).ready_limit
        if test.left_limit is None or test.lost_at or not test.tries or ready_limit is None:
            return test
        if now.limit - max(test.left_limit, ready_limit) < self._line.timing.selftest_late:
            return test
        log.warning("a text of the line to itself did not come back")
        return replace(test, lost_at=now.rfc3339)

    def _has_obstacle(self, test: SelfTest, now: Now) -> bool:
        line, connection = self._line, self._connection
        spent = windows.spent(line.db, now)
        limits = line.config.limits.segments
        obstacles = reception.selftest_obstacles(
            test,
            is_number_set=line.config.line_number is not None,
            has_text=bool(line.config.answer.steps),
            alive=True,
            modem_is_ready=connection.state is ModemState.READY,
            holds=tuple(row_of(line.db).holds(sim_changed=bool(connection.mismatch))),
            full=any(spent[name].total >= getattr(limits, name) for name in WINDOW_SECONDS),
        )
        return next(obstacles, None) is not None

    def _escalate(self, lost: int) -> bool:
        """Report to the escalation that so many texts were lost; return whether its step was carried out since."""
        escalation = self._connection.escalation
        if self._escalated_at == lost:
            return not escalation.pending
        if escalation.report(ModemTrouble.NOT_ARRIVING) and escalation.trouble is ModemTrouble.NOT_ARRIVING:
            self._escalated_at = lost
        return False

    def _forget_steps(self) -> None:
        self._connection.escalation.clear(ModemTrouble.NOT_ARRIVING)
        self._escalated_at = 0

    def _send(self, test: SelfTest, now: Now) -> None:
        """Ask for a text to itself, and record that; one that did not leave is not counted twice."""
        db, tries = self._line.db, test.tries
        if not tries or test.left_limit is not None:
            tries = tries % reception.MOST_TRIES + 1
        if tries == 1:
            self._forget_steps()
        arguments = {"number": test.number, "text": reception.selftest_text()}
        with db.shared_commit():  # the request alone would be sent, and not be known as a text to itself
            request_id = requests.ask(db, RequestVerb.SEND, arguments, WHO, now)
            commit_selftest(
                db,
                replace(test, at=now.rfc3339, at_limit=now.limit, request_id=request_id, left_limit=None, tries=tries),
            )
        log.info("the line texts itself")
        self._requests.serve()
