"""The balance of the SIM: the daemon asks the network for it once a day, if a USSD code is configured.

If there is a reason to doubt the last balance, the daemon asks sooner, but at most once an hour; a question that
brought no balance does not use up that hour. A balance that does not pay for one segment opens the line's breaker, or
names the cause of one that is open: answers wait. Refusals by the network can open it, too, even if no balance is known
(`hotlined.rules.breaker`).
"""

import logging
import re
import time
from decimal import Decimal

from hotlined.daemon.shared import Line
from hotlined.errors import ModemError, ModemSilentError
from hotlined.gsm.modem import Modem
from hotlined.machine.clock import Now
from hotlined.rules import breaker
from hotlined.states import EventKind
from hotlined.store.answers import breakers
from hotlined.store.line import events
from hotlined.store.line.line_row import (
    TopUp,
    commit_balance,
    commit_balance_before,
    commit_top_up_date,
    note_top_up,
    row_of,
)

log = logging.getLogger(__name__)

BALANCE_SECONDS = 86_400.0  # at least, between two requests for the balance
REASON_SECONDS = 3600.0  # the same, if there is a reason to doubt the last balance
FAILED_SECONDS = 300.0  # the same, if there is a reason, and the last question brought no balance

NOTICE_WORDS = ("credit", "solde", "recharg", "tegoed", "krediet", "herlaad", "opwaard", "guthaben", "balance")
"""Parts of words in operators' texts about credit, as `recognition.fold` leaves them: a reason to ask anew."""


LEAST_TOP_UP = Decimal(1)
"""The least rise of a balance that counts as a top-up, in the operator's currency; less is a refund or a rounding."""

_AMOUNT = re.compile(r"-?[0-9]+(?:[.,'’ \u00a0\u202f][0-9]+)*")


def maybe_amount(text: str) -> Decimal | None:
    """Read an amount as operators write it: 3,20, 3.20, 1.234,56, 1,234.56, 1 234,56, 12; None for anything else.

    A single comma or point is the decimal sign; if there are both, the last one is. Several commas, or several points,
    separate thousands.
    """
    text = text.strip().rstrip(".,")
    if not _AMOUNT.fullmatch(text):
        return None
    marks = re.findall("[.,]", text)
    if marks and marks.count(marks[-1]) == 1:
        whole, _, fraction = text.rpartition(marks[-1])
    else:
        whole, fraction = text, ""
    if fraction and not fraction.isdecimal():  # two amounts, or an amount and a date
        return None
    sign = "-" if whole.startswith("-") else ""
    return Decimal(f"{sign}{re.sub('[^0-9]', '', whole)}.{fraction}")


def is_top_up(before: Decimal | None, balance: Decimal) -> bool:
    """Tell whether a balance is so much higher than the one before that the SIM was topped up in between."""
    return before is not None and balance - before >= LEAST_TOP_UP


class Balance:
    """Asks for the balance of one line's SIM, and notes top-ups and an empty SIM."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked: float | None = None
        self.asked_at: Now | None = None
        """When the network last reported a balance to this daemon; None if it has not since the daemon started."""
        self._is_dated = False
        """Whether the last top-up has a date that can be trusted."""
        self._has_reason = False
        self._has_failed = False
        """Whether the last question brought no balance."""

    def ask_soon(self) -> None:
        """Ask for the balance within the hour, because there is a reason to doubt the last one."""
        self._has_reason = True

    def note_operator_text(self, folded: str) -> None:
        """Ask for the balance soon if a text from a short code or a name may be about credit.

        `folded` is the text as `recognition.fold` returns it.
        """
        self._has_reason = self._has_reason or any(word in folded for word in NOTICE_WORDS)

    def ask_if_due(self, modem: Modem) -> None:
        """Ask for the balance if a code is configured and it is time: once a day, or sooner if there is a reason."""
        self._date_top_up()
        if not self._line.config.credit.ussd:
            return
        after_reason = FAILED_SECONDS if self._has_failed else REASON_SECONDS
        pause = after_reason if self._has_reason else BALANCE_SECONDS
        if self._asked is not None and time.monotonic() - self._asked < pause:
            return
        self._has_reason = False
        try:
            self.ask(modem)
        except ModemSilentError:
            raise  # the modem is out of step: the pass has to end, so that the recovery resynchronises it
        except ModemError as error:
            log.warning("the balance is not known: %s", error.message)

    def ask(self, modem: Modem) -> str:
        """Ask the network for the balance, note it, and return the network's answer.

        Raises ModemError and PortError.
        """
        credit = self._line.config.credit
        self._asked, self._has_failed = time.monotonic(), True
        reply = modem.ussd(credit.ussd or "")
        match = credit.pattern and credit.pattern.search(reply)
        balance = maybe_amount(match[1] or "") if match else None
        self._has_failed = balance is None and credit.pattern is not None
        if self._has_failed:
            log.warning("the balance is not known: credit.pattern finds no amount; see `hotlined sim balance`")
        if balance is None:
            return reply
        self.asked_at = self._line.db.now()
        commit_balance(self._line.db, str(balance), self.asked_at, low=balance < credit.alert_below)
        self._note_top_up(balance, self.asked_at)
        self._update_breaker(balance)
        return reply

    def _note_top_up(self, balance: Decimal, now: Now) -> None:
        """Record a top-up if the balance is at least `LEAST_TOP_UP` higher than the one before."""
        db = self._line.db
        before = row_of(db).balance_before
        if before is None or not is_top_up(maybe_amount(before), balance):
            commit_balance_before(db, str(balance))
            return
        with db.transaction():
            note_top_up(db, TopUp(now.rfc3339, rose_from=before, rose_to=str(balance)), now, dated=now.synchronised)
            events.record(db, now, EventKind.TOPUP, detail={"rose_from": before, "rose_to": str(balance)})
        self._is_dated = False
        log.warning(
            "the balance rose from %s to %s: taken for a top-up; if it was none, `hotlined sim topup DATE` says when"
            " the last one was",
            before,
            balance,
        )

    def _date_top_up(self) -> None:
        """Correct, once, the date of a top-up that was noted while the calendar could not be trusted."""
        if self._is_dated or not (now := self._line.db.now()).synchronised:
            return
        commit_top_up_date(self._line.db, now)
        self._is_dated = True

    def _update_breaker(self, balance: Decimal) -> None:
        """Open the breaker if the balance does not pay for a segment; have an answer tried soon if it does again.

        If the breaker is open because nothing left, such a balance is the cause.
        """
        db, timing = self._line.db, self._line.timing
        price = self._line.config.limits.price_per_segment
        pays = balance > 0 if price is None else balance >= price
        cause = row_of(db).breaker.cause
        if not pays and cause is not breaker.Cause.CREDIT:
            with db.transaction():
                opening = breaker.Opening(breaker.Cause.CREDIT, db.now().limit)
                breakers.open_breaker(db, opening, db.now(), timing.trial_after, {"balance": str(balance)})
            log.warning("out of credit: the balance is %s; answers wait, one is tried now and then", balance)
        if pays and cause is breaker.Cause.CREDIT:
            breakers.make_trial_due(db, db.now(), timing.trial_gap)
