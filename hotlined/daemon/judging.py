"""Judges contacts: first cancels answers that have become stale, then gives every complete contact its verdict.

The verdict and its queued answer are one commit; `sending` sends the answer. A contact that cannot be judged is set
aside, so that it does not stop the others.
"""

import logging
import random

from hotlined.daemon.credit import Balance
from hotlined.daemon.database_outage import concerns_database
from hotlined.daemon.sending import Sender
from hotlined.daemon.shared import Line
from hotlined.machine.timing import Interval
from hotlined.rules import policy
from hotlined.store.answers import contacts, queue, verdicts

log = logging.getLogger(__name__)

CALENDAR_SECONDS = 60.0  # between two checks of ages by the service centre's time stamps


class Judge:
    """Judges the contacts of one line, by the rules that its sender has."""

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
        oldest, longest = self._sender.waiting().oldest, self._line.config.answer.max_age
        by_calendar = self._by_calendar.is_due()
        if by_calendar:
            self._by_calendar.restart()
        if by_calendar or (oldest is not None and oldest < db.now().limit - longest.total_seconds()):
            ended = queue.sweep(db, longest, db.now(), by_calendar=by_calendar)
            if ended:
                log.info("%d answers cancelled (stale)", ended)
            if ended == queue.SWEPT_AT_ONCE:
                return  # more may be stale: a new contact must not be refused because a stale answer is pending
        if self._sender.waiting().judgement is None:
            return
        while unjudged := contacts.unjudged(db, db.now()):
            rules = self._sender.rules()
            for contact in unjudged:
                self._judge(contact, rules)
            if len(unjudged) < contacts.BATCH:
                return
            db.flush()  # there are many contacts, and other processes want to write, too

    def _judge(self, contact: contacts.Unjudged, rules: policy.Rules) -> None:
        """Commit the verdict on a contact, or set the contact aside if it cannot be judged."""
        db, line = self._line.db, self._line
        shortest, longest = line.config.answer.delay
        try:
            verdict = verdicts.judge(
                db,
                contact.contact_id,
                rules,
                db.now(),
                delay_seconds=random.SystemRandom().uniform(shortest.total_seconds(), longest.total_seconds()),
            )
        except Exception as error:
            if concerns_database(error):
                raise
            log.exception("contact %d cannot be judged: set aside", contact.contact_id)
            verdicts.set_contact_aside(db, contact.contact_id, repr(error), db.now())
            return
        if contact.is_from_centre:
            self._balance.note_operator_text(verdicts.notice(db, contact.contact_id))
        log.info("contact %d: %s (%s)", contact.contact_id, "answer" if verdict.answer else "no answer", verdict.reason)
