"""Watches the line's breaker: reports each opening and closing, once, to the log, the escalation and the balance.

`hotlined.rules.breaker` explains breakers; `store.answers.breakers` stores them, and the gate begins their trials.
"""

import logging
import time

from hotlined.daemon.credit import Balance
from hotlined.daemon.recovery import Escalation
from hotlined.daemon.shared import Line
from hotlined.machine.clock import Now
from hotlined.rules import breaker
from hotlined.rules.breaker import Breaker
from hotlined.states import ModemTrouble
from hotlined.store.answers import breakers
from hotlined.store.line.line_row import row_of

log = logging.getLogger(__name__)


class BreakerWatch:
    """The watch over the breaker of one line; it remembers the last state that it reported."""

    def __init__(self, line: Line, balance: Balance) -> None:
        self._line = line
        self._balance = balance
        self._cause = row_of(line.db).breaker.cause
        self._unregistered_since: float | None = None

    def announce_changes(self, state: Breaker, escalation: Escalation) -> None:
        """Report a change of the breaker to the log, the escalation and the balance."""
        if state.is_open and state.trial_requested:  # by a command of a person, which cannot make a trial due itself
            breakers.make_trial_due(self._line.db, self._line.db.now(), self._line.timing.trial_gap)
        if state.cause is not self._cause:
            if state.cause:
                log.warning("nothing leaves (%s): answers wait, one is tried now and then", state.cause)
                self._balance.ask_soon()
                escalation.report(ModemTrouble.NOT_LEAVING)
            else:
                log.warning("answers go out again")
                escalation.clear(ModemTrouble.NOT_LEAVING)
            self._cause = state.cause

    def report(self, update: breakers.BreakerUpdate, escalation: Escalation) -> None:
        """Report to the log, the escalation and the balance how the outcome of a segment changed the breaker."""
        if update.change is breaker.Change.TRIAL_FAILED:
            self._balance.ask_soon()
            escalation.report(ModemTrouble.NOT_LEAVING)
        elif update.change is breaker.Change.ROW_DECLINED:
            self._balance.ask_soon()
        elif not update.breaker.is_open:
            escalation.clear(ModemTrouble.NOT_LEAVING)
        self.announce_changes(update.breaker, escalation)

    def note_registration(self, now: Now, *, registered: bool) -> None:
        """Make a trial due if the modem is registered again after a long time without a network."""
        if not registered:
            self._unregistered_since = self._unregistered_since or time.monotonic()
            return
        since, self._unregistered_since = self._unregistered_since, None
        if since is not None and time.monotonic() - since >= self._line.timing.unregistered_for:
            breakers.make_trial_due(self._line.db, now, self._line.timing.trial_gap)

    def forget_registration(self) -> None:
        """Forget since when there has been no network: without a modem this is unknown."""
        self._unregistered_since = None
