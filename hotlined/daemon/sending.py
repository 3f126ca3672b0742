"""Judges contacts and lets answers out, one segment at a time; commits the fate of each before anything else is done.

Nothing is submitted that was not committed as being submitted, and what may have left is never submitted again.
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable

from hotlined import policy
from hotlined.clock import Now
from hotlined.config import Calls
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Credit
from hotlined.daemon.line import Line
from hotlined.daemon.recovery import Cause
from hotlined.errors import AddressError, ModemError, ModemRefusedError, PortError, TextError
from hotlined.gsm import address, alphabet, tpdu
from hotlined.gsm.modem import CENTRE_UNKNOWN, Modem, Refused, Sent
from hotlined.store import inbound, outbound, people

log = logging.getLogger("hotlined")

# TS 24.011 E-2 (1-127), TS 23.040 9.2.3.22 (128-255), TS 27.005 3.2.5 (300-331): the network, the service centre or
# the modem refused, and nothing left. What else may come after Ctrl-Z proves nothing.
NOTHING_LEFT = (range(1, 256), range(300, 332))
WORTH_ANOTHER_TRY = frozenset({38, 41, 42, 47, 192, 194, 195, 314, 322, 331})

MOST_NOT_LEAVING = 3
"""Segments in a row that did not leave though the network has us, before the modem is held to be the cause."""


class Sender:
    """The answering side of one line."""

    def __init__(self, line: Line, connection: Connection) -> None:
        self.line = line
        self.connection = connection
        self.credit = Credit(line)
        self.due = 0.0
        self._unsettled: int | None = None
        self._unwritten: Callable[[], object] | None = None
        self._marked: dict[bool | None, tuple[object, ...]] = {}
        self._not_leaving = 0

    def write_what_is_owed(self) -> None:
        """Commit the fate of a segment that the disk refused before; nothing else is sent until that is done."""
        if self._unwritten:
            self._unwritten()
            self._unwritten = None

    def settle_late(self, mr: int) -> None:
        """Take in a result that came after its time limit: the last unconfirmed segment was sent."""
        if self._unsettled is not None:
            log.info("a result came late: the segment was sent")
            segment_id, self._unsettled = self._unsettled, None
            self._write_down(lambda: outbound.mark_sent(self.line.db, segment_id, mr, self.line.db.now()))

    def look_again(self) -> None:
        """Note anew what answers wait for: something was changed from outside."""
        self._marked.clear()

    def judge(self) -> None:
        """Give every contact that is complete its verdict, and queue the answers."""
        rules = self._rules()
        shortest, longest = self.line.config.answer.delay
        while (contact_id := inbound.next_unjudged(self.line.db, self.line.db.now())) is not None:
            delay = random.SystemRandom().uniform(shortest.total_seconds(), longest.total_seconds())
            verdict = outbound.judge(
                self.line.db,
                contact_id,
                rules,
                self.line.db.now(),
                compose=self._compose,
                delay_seconds=delay,
                shadow=self.line.shadow,
            )
            if notice := outbound.maybe_notice(self.line.db, contact_id):
                self.credit.note_notice(notice)
            log.info("contact %d: %s (%s)", contact_id, "answer" if verdict.answer else "no answer", verdict.reason)

    def take(self, request: people.Request) -> None:
        """Queue the text that a person asked to be sent, or refuse it at once with the reason."""
        db, config = self.line.db, self.line.config
        try:
            recipient = address.parse_number(request.arguments["number"], config.numbers.country)
            plan = alphabet.plan(request.arguments["text"], config.answer.encoding)
        except (TextError, AddressError) as error:
            people.end(db, request.request_id, "refused", error.message, db.now())
            return
        if plan.segments > config.answer.max_segments:
            words = f"{plan.segments} segments, and answer.max_segments is {config.answer.max_segments}"
            people.end(db, request.request_id, "refused", words, db.now())
            return
        with db.transaction():
            queued = outbound.enqueue_by_person(db, recipient, plan, self._rules(), db.now(), shadow=self.line.shadow)
            if isinstance(queued, int):
                people.await_answer(db, request.request_id, queued)
        if isinstance(queued, policy.Wait):
            people.end(db, request.request_id, "refused", queued.waiting_for.value, db.now())
        elif isinstance(queued, policy.Cancel):
            people.end(db, request.request_id, "refused", queued.reason.value, db.now())

    def tell_balance(self, request: people.Request, modem: Modem | None) -> None:
        """Ask the network for the balance because a person wants to know it."""
        db = self.line.db
        if not self.line.config.credit.ussd:
            people.end(db, request.request_id, "refused", "credit.ussd is not configured", db.now())
            return
        if modem is None or not self.connection.registered:
            people.end(db, request.request_id, "refused", "the modem cannot be used now", db.now())
            return
        try:
            said = self.credit.ask(modem)
        except (ModemError, PortError) as error:
            people.end(db, request.request_id, "refused", error.message, db.now())
            if isinstance(error, ModemRefusedError):  # by the network: nothing is wrong with the modem
                return
            raise
        people.end(db, request.request_id, "done", said, db.now())

    def ready(self) -> bool:
        """Tell whether an answer is due that waits for nothing but the interval between two segments."""
        return not self._marked and bool(outbound.due(self.line.db, self.line.db.now()))

    def send(self, modem: Modem) -> None:
        """Let at most one segment out, of the first due answer that the gate passes."""
        now = self.line.db.now()
        answers = outbound.due(self.line.db, now)
        if not answers:
            self._marked.clear()
            return
        if time.monotonic() < self.due or not modem.in_step:
            return
        if held_back := self._held_back():
            self._mark(held_back, now, None)
            return
        for answer in answers:
            plan = alphabet.plan(answer.text, answer.encoding)
            segments = tpdu.encode_submit(
                answer.recipient,
                plan,
                reference=answer.reference,
                report=self.line.config.modem.delivery_reports,
                validity=self.line.config.answer.validity,
            )
            verdict, begun = outbound.begin(self.line.db, answer, segments, self._rules(), now, shadow=self.line.shadow)
            if isinstance(verdict, policy.Wait):
                everyone = verdict.waiting_for is policy.WaitingFor.PAUSED
                self._mark(verdict.waiting_for, now, None if everyone else answer.answered_before)
                continue
            self._marked.clear()
            if isinstance(verdict, policy.Cancel):
                log.info("answer %d: cancelled (%s)", answer.answer_id, verdict.reason)
            elif begun is None:
                log.info("answer %d: shadowed", answer.answer_id)
            else:
                self._submit(modem, begun)
            if isinstance(verdict, policy.Pass):
                self.due = time.monotonic() + self.line.config.modem.send_interval.total_seconds()
            return

    def _held_back(self) -> policy.WaitingFor | None:
        """Return what holds every answer back, before the gate is asked."""
        if self.connection.stranger:
            return policy.WaitingFor.PAUSED
        if self.line.shadow:
            return None
        if not self.connection.can_send:
            return policy.WaitingFor.NETWORK
        return None if self.credit.lets_send() else policy.WaitingFor.CREDIT

    def _rules(self) -> policy.Rules:
        config = self.line.config
        own = (config.line_number, people.own_number(self.line.db))
        return policy.Rules(
            limits=config.limits,
            numbers=config.numbers,
            max_age=config.answer.max_age,
            sim_changed=bool(self.connection.stranger),
            answer_calls=config.modem.calls is not Calls.IGNORE,
            own_numbers=frozenset(number for number in own if number),
            our_texts=tuple(policy.fold(text) for text in config.answer.texts),
        )

    def _compose(self, answered_before: int) -> alphabet.Plan:
        texts = self.line.config.answer.texts
        return alphabet.plan(texts[min(answered_before, len(texts) - 1)], self.line.config.answer.encoding)

    def _mark(self, waiting_for: policy.WaitingFor, now: Now, answered_before: bool | None) -> None:
        marked = (waiting_for, outbound.latest_due(self.line.db, now))
        if self._marked.get(answered_before) == marked:
            return
        outbound.mark_waiting(self.line.db, waiting_for, now, answered_before=answered_before)
        for overwritten in (True, False) if answered_before is None else (None,):
            self._marked.pop(overwritten, None)
        self._marked[answered_before] = marked

    def _submit(self, modem: Modem, begun: outbound.Begun) -> None:
        """Hand a segment that is committed as being submitted to the modem, and commit what came of it."""
        seconds = self.line.config.modem.send_timeout.total_seconds()
        try:
            outcome = modem.submit(begun.pdu, begun.tpdu_length, seconds) if self.connection.has_its_sim() else None
        except (ModemError, PortError):  # raised only where nothing can have left
            self._put_back(begun)
            raise
        if outcome is None:
            self._put_back(begun)
            return
        now = self.line.db.now()
        name = f"answer {begun.answer_id}: segment {begun.sequence}/{begun.total}"
        if isinstance(outcome, Sent):
            self._write_down(lambda: outbound.mark_sent(self.line.db, begun.segment_id, outcome.mr, now))
            self._unsettled = None
            self._not_leaving = 0
            self.connection.ladder.hold(Cause.NOT_LEAVING)
            self.credit.note_sent()
            log.info("%s sent", name)
        elif isinstance(outcome, Refused) and _nothing_left(outcome):
            cause = f"cms_{outcome.cms}" if outcome.cms is not None else outcome.text
            again = outcome.cms in WORTH_ANOTHER_TRY or (outcome.before_payload and outcome.cms is None)
            if again and modem.in_step:
                self.connection.condition_due = 0.0
                with contextlib.suppress(ModemError, PortError):
                    self.connection.ask_condition()
            if again and not self.connection.registered:
                self._put_back(begun)
                log.info("%s waits for the network", name)
                return
            self._write_down(lambda: outbound.mark_refused(self.line.db, begun, cause, now, again=again))
            self.credit.note_not_sent(outcome.cms)
            if outcome.cms == CENTRE_UNKNOWN:
                self.connection.doubt_centre()
            log.warning("%s refused (%s)%s", name, cause, ", to be tried again" if again else "")
            if again:
                self._note_not_leaving()
        else:
            self._unsettled = begun.segment_id
            cause = "the daemon was stopped before the result came" if self.line.stopping else outcome.text
            self._write_down(lambda: outbound.mark_unconfirmed(self.line.db, begun.segment_id, cause))
            self.credit.note_not_sent(None)
            log.warning("%s unconfirmed: %s", name, cause)
            if not self.line.stopping:
                self._note_not_leaving()

    def _put_back(self, begun: outbound.Begun) -> None:
        """Let a segment wait again that was not submitted after all."""
        self._write_down(lambda: outbound.put_back(self.line.db, begun, policy.WaitingFor.NETWORK))

    def _note_not_leaving(self) -> None:
        self._not_leaving += 1
        if self._not_leaving >= MOST_NOT_LEAVING:
            self._not_leaving = 0
            self.connection.ladder.slip(Cause.NOT_LEAVING)

    def _write_down(self, write: Callable[[], object]) -> None:
        """Commit the fate of a segment; what the disk refuses now is committed before anything else happens."""
        self._unwritten = write
        write()
        self._unwritten = None


def _nothing_left(refused: Refused) -> bool:
    return refused.before_payload or any(refused.cms in causes for causes in NOTHING_LEFT)
