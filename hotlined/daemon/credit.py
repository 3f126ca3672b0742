"""Watches whether the SIM can still pay: by the network's refusals, and by the balance where a USSD code is configured.

Once it cannot, answers wait and receiving goes on; now and then one answer is let through as a trial, and the first
that leaves ends it. What was refused has cost nothing. The state is the last credit event in the database.
"""

import contextlib
import logging
import time
from decimal import Decimal, InvalidOperation

from hotlined.daemon.line import Line
from hotlined.errors import ModemError, ModemSilentError
from hotlined.gsm.modem import Modem
from hotlined.store import people

log = logging.getLogger("hotlined")

REFUSALS = 2  # in a row, before the SIM and not the recipient is held to be the cause
TRIAL_PAUSES = (900.0, 3600.0, 4 * 3600.0)
BALANCE_SECONDS = 86_400.0  # between two questions by itself
SUSPICION_SECONDS = 3600.0  # between two questions for a reason

# TS 24.011 E-2: operator determined barring, call barred, transfer rejected, unidentified subscriber, facility
# rejected, unknown subscriber, facility not subscribed; TS 23.040 9.2.3.22: no subscription to the service centre
BARRED = frozenset({8, 10, 21, 28, 29, 30, 50, 196})

NOTICE_WORDS = ("credit", "solde", "recharg", "tegoed", "krediet", "herlaad", "opwaard", "guthaben", "balance")
"""Parts of the words in which operators tell that a prepaid card is empty, folded: a reason to ask for the balance."""


class Credit:
    """Whether the SIM of one line can pay."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.out = people.credit_is_out(line.db)
        self._refusals = 0
        self._trials = 0
        self._trial_due = 0.0
        self._asked: float | None = None
        self._suspicious = False

    def lets_send(self) -> bool:
        """Tell whether an answer may be tried: always while there is credit, else as a trial now and then."""
        return not self.out or time.monotonic() >= self._trial_due

    def note_sent(self) -> None:
        """Take in that a segment left: there is credit."""
        self._refusals = 0
        if self.out:
            self._change(out=False, detail="a trial has passed")

    def note_not_sent(self, cms: int | None) -> None:
        """Take in that a segment did not leave, or may not have; while there is no credit that was a trial."""
        if self.out:
            self._trials += 1
            self._trial_due = time.monotonic() + TRIAL_PAUSES[min(self._trials, len(TRIAL_PAUSES) - 1)]
        if cms not in BARRED:
            return
        self._refusals += 1
        self._suspicious = True
        if not self.out and self._refusals >= REFUSALS:
            self._change(out=True, detail=f"the network refuses (cms_{cms})")

    def note_notice(self, folded: str) -> None:
        """Take in a text from a short code or a name: an operator's notice is a reason to ask for the balance."""
        self._suspicious = self._suspicious or any(word in folded for word in NOTICE_WORDS)

    def watch(self, modem: Modem) -> None:
        """Ask for the balance if a code is configured and it is time: once a day, or sooner for a reason."""
        if not self._line.config.credit.ussd:
            return
        pause = SUSPICION_SECONDS if self._suspicious else BALANCE_SECONDS
        if self._asked is not None and time.monotonic() - self._asked < pause:
            return
        self._suspicious = False
        try:
            self.ask(modem)
        except ModemSilentError:
            raise
        except ModemError as error:
            log.warning("the balance is not known: %s", error.message)

    def ask(self, modem: Modem) -> str:
        """Ask the network for the balance, act on it, and return what it said."""
        credit = self._line.config.credit
        self._asked = time.monotonic()
        said = modem.ussd(credit.ussd or "")
        balance = None
        if credit.pattern and (match := credit.pattern.search(said)):
            with contextlib.suppress(InvalidOperation):
                balance = Decimal(match[1].replace(",", "."))
        if balance is None:
            return said
        low = balance < credit.alert_below
        people.note_balance(self._line.db, str(balance), self._line.db.now(), low=low)
        if balance < self._line.config.limits.price_per_segment and not self.out:
            self._change(out=True, detail=f"the balance is {balance}")
        return said

    def _change(self, *, out: bool, detail: str) -> None:
        self.out = out
        self._trials = 0
        self._trial_due = time.monotonic() + TRIAL_PAUSES[0] if out else 0.0
        self._refusals = 0
        people.note_credit(self._line.db, self._line.db.now(), out=out, detail=detail)
        if out:
            log.warning("out of credit or barred: %s; answers wait, one is tried now and then", detail)
        else:
            log.warning("answers go out again: %s", detail)
