"""Watches the line's breaker: the journal, the ladder and the balance learn once that it was opened or closed.

The breaker itself is pure (`hotlined.breaker`) and kept by the store; its trials are begun by the gate.
"""

import logging
import time

from hotlined import breaker
from hotlined.clock import Now
from hotlined.daemon.credit import Balance
from hotlined.daemon.line import Line
from hotlined.daemon.recovery import Ladder
from hotlined.states import ModemTrouble
from hotlined.store import breaking, queue
from hotlined.store.line import breaker_of

log = logging.getLogger("hotlined")


class BreakerWatch:
    """The breaker of one line, as its daemon saw it last."""

    def __init__(self, line: Line, balance: Balance) -> None:
        self._line = line
        self._balance = balance
        self._cause = breaker_of(line.db).cause
        self._unregistered_since: float | None = None

    def announce_changes(self, now: Now, ladder: Ladder) -> breaker.Breaker:
        """Tell the journal, the ladder and the balance what has changed of the breaker; return it as it is now."""
        db = self._line.db
        state = breaker_of(db)
        if state.is_open and state.trial_requested:  # by a person's command, which makes no trial due itself
            breaking.call_trial(db, now, self._line.timing.trial_gap)
            state = breaker_of(db)
        if state.cause is not self._cause:
            if state.cause:
                log.warning("nothing leaves (%s): answers wait, one is tried now and then", state.cause)
                self._balance.ask_soon()
                ladder.report(ModemTrouble.NOT_LEAVING)
            else:
                log.warning("answers go out again")
                ladder.clear(ModemTrouble.NOT_LEAVING)
            self._cause = state.cause
        if state.is_open:
            queue.requeue_half_sent(db, trials=False)
        return state

    def report(self, update: breaking.BreakerUpdate, ladder: Ladder) -> None:
        """Pass on what the outcome of a segment has changed of the breaker."""
        if update.change is breaker.Change.TRIAL_FAILED:
            self._balance.ask_soon()
            ladder.report(ModemTrouble.NOT_LEAVING)
        elif not update.breaker.is_open:
            ladder.clear(ModemTrouble.NOT_LEAVING)
        self.announce_changes(self._line.db.now(), ladder)

    def note_registration(self, now: Now, *, registered: bool) -> None:
        """Call for a trial where the network has us again after a long time without."""
        if not registered:
            self._unregistered_since = self._unregistered_since or time.monotonic()
            return
        since, self._unregistered_since = self._unregistered_since, None
        if since is not None and time.monotonic() - since >= self._line.timing.unregistered_for:
            breaking.call_trial(self._line.db, now, self._line.timing.trial_gap)

    def forget_registration(self) -> None:
        """Forget for how long there has been no network: there is no modem that could say so."""
        self._unregistered_since = None
