"""Watches the line's breaker: once it has opened or closed, log, ladder and balance are told, each time once.

What a breaker does is in `hotlined.breaker`; `store.breakers` keeps it, and the gate begins its trials.
"""

import logging
import time

from hotlined import breaker
from hotlined.breaker import Breaker
from hotlined.clock import Now
from hotlined.daemon.credit import Balance
from hotlined.daemon.line import Line
from hotlined.daemon.recovery import Ladder
from hotlined.states import ModemTrouble
from hotlined.store.answers import breakers
from hotlined.store.line.line import breaker_of

log = logging.getLogger(__name__)


class BreakerWatch:
    """What was announced last of the breaker of one line."""

    def __init__(self, line: Line, balance: Balance) -> None:
        self._line = line
        self._balance = balance
        self._cause = breaker_of(line.db).cause
        self._unregistered_since: float | None = None

    def announce_changes(self, state: Breaker, ladder: Ladder) -> None:
        """Tell the log, the ladder and the balance what has changed of the breaker."""
        if state.is_open and state.trial_requested:  # by a person's command, which makes no trial due itself
            breakers.make_trial_due(self._line.db, self._line.db.now(), self._line.timing.trial_gap)
        if state.cause is not self._cause:
            if state.cause:
                log.warning("nothing leaves (%s): answers wait, one is tried now and then", state.cause)
                self._balance.ask_soon()
                ladder.report(ModemTrouble.NOT_LEAVING)
            else:
                log.warning("answers go out again")
                ladder.clear(ModemTrouble.NOT_LEAVING)
            self._cause = state.cause

    def report(self, update: breakers.BreakerUpdate, ladder: Ladder) -> None:
        """Tell the others what the outcome of a segment has changed of the breaker."""
        if update.change is breaker.Change.TRIAL_FAILED:
            self._balance.ask_soon()
            ladder.report(ModemTrouble.NOT_LEAVING)
        elif update.change is breaker.Change.ROW_DECLINED:
            self._balance.ask_soon()
        elif not update.breaker.is_open:
            ladder.clear(ModemTrouble.NOT_LEAVING)
        self.announce_changes(update.breaker, ladder)

    def note_registration(self, now: Now, *, registered: bool) -> None:
        """Make a trial due where the modem is registered again after a long time without a network."""
        if not registered:
            self._unregistered_since = self._unregistered_since or time.monotonic()
            return
        since, self._unregistered_since = self._unregistered_since, None
        if since is not None and time.monotonic() - since >= self._line.timing.unregistered_for:
            breakers.make_trial_due(self._line.db, now, self._line.timing.trial_gap)

    def forget_registration(self) -> None:
        """Forget since when there has been no network: without a modem, nobody knows whether there is one."""
        self._unregistered_since = None
