"""Judges contacts: cancels answers that have become stale, then gives every complete contact its verdict.

An answer is queued with its verdict, and `sending` sends it. A contact that cannot be judged is set aside, and the next
ones go on.
"""

import logging
import random

from hotlined.daemon.credit import Balance
from hotlined.daemon.database_outage import concerns_database
from hotlined.daemon.line import Line
from hotlined.daemon.sending import Sender
from hotlined.store.answers import answers, contacts, queue
from hotlined.timing import Interval

log = logging.getLogger(__name__)

CALENDAR_SECONDS = 60.0  # between two looks at the age of what waits by the centre's time stamps


class Judge:
    """The judging of one line, by the rules that its sender has."""

    def __init__(self, line: Line, sender: Sender, balance: Balance) -> None:
        self._line = line
        self._sender = sender
        self._balance = balance
        self._by_calendar = Interval(CALENDAR_SECONDS)

    def judge_contacts(self) -> None:
        """Cancel stale answers, then give every complete contact its verdict and queue the answers."""
        db = self._line.db
        if self._sender.is_idle():
            return
        by_calendar = self._by_calendar.is_due()
        if by_calendar:
            self._by_calendar.restart()
        if ended := queue.sweep(db, self._line.config.answer.max_age, db.now(), by_calendar=by_calendar):
            log.info("%d answers cancelled (stale)", ended)
        if ended == queue.SWEPT_AT_ONCE:
            return  # there may be more: else a contact would be refused because a stale answer is pending
        while (contact_id := contacts.next_unjudged(db, db.now())) is not None:
            try:
                self._judge(contact_id)
            except Exception as error:
                if concerns_database(error):
                    raise
                log.exception("contact %d cannot be judged: set aside", contact_id)
                answers.set_contact_aside(db, contact_id, repr(error), db.now())

    def _judge(self, contact_id: int) -> None:
        shortest, longest = self._line.config.answer.delay
        verdict = answers.judge(
            self._line.db,
            contact_id,
            self._sender.rules(),
            self._line.db.now(),
            delay_seconds=random.SystemRandom().uniform(shortest.total_seconds(), longest.total_seconds()),
            shadow=self._line.shadow,
        )
        if notice := answers.maybe_notice(self._line.db, contact_id):
            self._balance.note_operator_text(notice)
        log.info("contact %d: %s (%s)", contact_id, "answer" if verdict.answer else "no answer", verdict.reason)
