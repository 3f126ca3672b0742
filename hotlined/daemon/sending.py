"""Sends answers, one segment at a time.

A segment is committed as being submitted before the modem gets it, and its fate is committed before anything else
happens. So a segment that may have left is never submitted again, even after a crash. `policy` decides what a result
means; `store.answers.fates` writes it, together with the change of the breaker. Log, connection and `BreakerWatch` hear
of it only after that commit. An answer that cannot be encoded is set aside, so that it does not stop the others.
"""

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Sequence

from hotlined.daemon.breaker_watch import BreakerWatch
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.database_outage import concerns_database
from hotlined.daemon.shared import Line
from hotlined.errors import ModemError, PortError
from hotlined.gsm import alphabet, responses, tpdu
from hotlined.gsm.modem import Modem
from hotlined.gsm.responses import CMS_SMSC_UNKNOWN
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.rules.policy import AttemptCause, Reason, Share, WaitingFor
from hotlined.store.answers import breakers, fates, gate, queue, verdicts
from hotlined.store.line.line_row import (
    LineRow,
    commit_share_wait,
    commit_wait,
    row_of,
)

log = logging.getLogger(__name__)

SHARE_PAUSE_SECONDS = 5.0  # before the gate is asked again about the head of a share that waits
_plan = functools.lru_cache(maxsize=32)(alphabet.plan)  # the head of a share that waits is composed again and again


class Sender:
    """Sends the answers of one line."""

    def __init__(self, line: Line, connection: Connection, balance: Balance) -> None:
        self.line = line
        self.connection = connection
        self.balance = balance
        self.next_segment_at = 0.0
        """The earliest time for the next segment, by the interval between two (monotonic seconds)."""
        self._last_unconfirmed_segment: int | None = None
        """The segment to which a late result belongs: the last one whose payload the modem got, while it has none."""
        self._pending_write: Callable[[], None] | None = None
        """The function that commits a fate that the disk refused; it is called again before anything is sent."""
        self._all_wait = False
        """Whether answers wait for more than the interval between two segments; then the loop may sleep longer."""
        self._asked_again_at: dict[tuple[Share | None, bool], float] = {}
        """When the gate is asked again about the head of a share, or its trial, that waits (monotonic seconds)."""
        self._texts: list[str] | None = None
        """The texts of the line's answers before this configuration, to recognise one that comes back; None: unread."""
        self._looked_at: tuple[int, tuple[int, int]] | None = None
        """The counts of writes (by others, by us) at which `_waiting` was looked up."""
        self._waiting = queue.Backlog(None, None, None, answers=False, early=False)
        self.breaker_watch = BreakerWatch(line, balance)

    def waiting(self) -> queue.Backlog:
        """Return the work that waits to be judged or sent; look it up only after a write to the database."""
        db = self.line.db
        written = (self.line.version, db.changed_here())  # by others, by us
        if written != self._looked_at:
            self._waiting, self._looked_at = queue.waiting(db), written
        return self._waiting

    def is_idle(self) -> bool:
        """Tell whether no contact waits to be judged and no answer waits to be sent."""
        waiting = self.waiting()
        return waiting.judgement is None and not waiting.answers

    def flush_pending_write(self) -> None:
        """Commit the fate of a segment that the disk refused before; until then nothing else may be sent."""
        if self._pending_write:
            self._pending_write()

    def settle_late_result(self, mr: int) -> None:
        """Settle the segment that the modem got last as sent, because its result `mr` came after the time limit.

        Nothing is settled if the result may be that of an earlier segment.
        """
        db, within = self.line.db, self.line.timing.late_result_within
        segment_id, self._last_unconfirmed_segment = self._last_unconfirmed_segment, None
        if segment_id is None or fates.awaits_another_result(db, segment_id, db.now(), within):
            return

        def settle() -> None:
            update = fates.settle_late(db, segment_id, mr, self.rules(), db.now(), late_within=within)
            self._pending_write = None
            log.info("a result came late: the segment was sent")
            if update:
                self.breaker_watch.report(update, self.connection.escalation)

        self._commit_fate(settle)

    def forget_marks(self) -> None:
        """Forget which answers and shares wait: something has changed, so the gate is asked again."""
        self._all_wait = False
        self._asked_again_at.clear()

    def reload(self) -> None:
        """Apply a configuration, at the start and after a reload; the gate is asked again about queued answers."""
        self.forget_marks()
        self._texts = None
        breakers.keep_countries(self.line.db, self.line.config.numbers.answer_countries)

    # ---- sending

    def has_due_answer(self) -> bool:
        """Tell whether an answer is due that waits only for the interval between two segments."""
        db = self.line.db
        return not (self._all_wait or self.is_idle()) and bool(queue.due(db, db.now(), timing=self.line.timing))

    def hold_without_modem(self) -> None:
        """Note that answers wait for the network or a person while there is no modem."""
        if self.connection.modem is not None:
            return
        self.breaker_watch.forget_registration()  # the port may come back without a network having come back
        if not self.is_idle():
            self._note_and_apply_hold(row_of(self.line.db))

    def begin_next(self, modem: Modem) -> gate.Begun | None:
        """Ask the gate about the answers whose turn it is; return the next segment of the first one that passes.

        The caller submits it when it is on the disk: after the end of the shared commit, if there is one.
        """
        db, now = self.line.db, self.line.db.now()
        self.breaker_watch.note_registration(now, registered=self.connection.registered)
        if self.is_idle():
            self._all_wait = False
            return None
        if time.monotonic() < self.next_segment_at or not modem.in_step:
            return None
        row = row_of(db)
        if self._note_and_apply_hold(row):
            return None
        self.breaker_watch.announce_changes(row.breaker, self.connection.escalation)
        for turn in queue.due(db, now, timing=self.line.timing):
            if time.monotonic() < self._asked_again_at.get((turn.share, turn.trial), 0.0):
                self._all_wait = True
                continue
            result = self._take_turn(turn, row, now)
            if not isinstance(result, policy.Wait):
                return result if isinstance(result, gate.Begun) else None
        return None

    def _take_turn(self, turn: queue.Turn, row: LineRow, now: Now) -> gate.TurnResult:
        """Ask the gate about an answer, note what follows from the result, and return it."""
        db = self.line.db
        try:
            result = gate.begin(
                db,
                turn.answer_id,
                self._rules(row.own_number),
                now,
                compose=self.compose,
                encode=self._encode,
                trial=turn.trial,
                pauses=self.line.timing.trial_after,
            )
        except Exception as error:
            if concerns_database(error):
                raise
            log.exception("answer %d cannot be sent: set aside", turn.answer_id)
            gate.set_aside(db, turn.answer_id, repr(error), now)
            return policy.Cancel(Reason.SET_ASIDE)
        if isinstance(result, policy.Wait):
            self._all_wait = True
            if turn.share:
                self._asked_again_at[turn.share, turn.trial] = time.monotonic() + SHARE_PAUSE_SECONDS
                if result.waiting_for in policy.FULL_WINDOWS:
                    self._note_share_wait(turn.share, result.waiting_for, row)
            return result
        self.forget_marks()
        if turn.share:
            self._note_share_wait(turn.share, None, row)
        if isinstance(result, policy.Cancel):
            log.info("answer %d: cancelled (%s)", turn.answer_id, result.reason)
        else:
            self._begin_interval()  # before submitting: if that fails, the next pass must not try again at once
        return result

    def _begin_interval(self) -> None:
        """Begin the interval between two segments."""
        self.next_segment_at = time.monotonic() + self.line.config.modem.send_interval.total_seconds()

    def _note_share_wait(self, share: Share, waiting_for: WaitingFor | None, row: LineRow) -> None:
        """Commit what the answers of a share wait for, if that has changed."""
        if row.share_waits.get(share) != waiting_for:
            commit_share_wait(self.line.db, share, waiting_for)

    def _note_and_apply_hold(self, row: LineRow) -> bool:
        """Commit what holds all answers back; if something does, queue half-sent answers again, and return True."""
        waiting_for = self._maybe_wait()
        if row.hold != waiting_for:
            commit_wait(self.line.db, waiting_for)
        self._all_wait = waiting_for is not None or row.is_paused
        if self._all_wait:
            queue.requeue_half_sent(self.line.db)
        return self._all_wait

    def _maybe_wait(self) -> WaitingFor | None:
        if self.connection.mismatch:
            return WaitingFor.HELD
        if self.connection.modem is None or not self.connection.can_send:
            return WaitingFor.NETWORK
        return None

    def rules(self) -> policy.Rules:
        """Return the rules of the configuration, with the SIM's own number and the line's earlier texts."""
        return self._rules(row_of(self.line.db).own_number)

    def _rules(self, own: str | None) -> policy.Rules:
        if self._texts is None:
            self._texts = verdicts.recent_texts(self.line.db, self.line.db.now())
        return self.line.config.rules(own, sim_changed=bool(self.connection.mismatch), earlier_texts=self._texts)

    def compose(self, step: int, country: str | None, draw: int) -> gate.Composition | None:
        """Choose the text for an answer, by its step or its country and its random number; None if there is no text."""
        answer = self.line.config.answer
        wording = answer.maybe_choose(step, country, draw)
        if wording is None:
            return None
        return gate.Composition(_plan(wording.text, answer.encoding), step, wording.variant, wording.country)

    def _encode(self, recipient: str, planned: alphabet.Plan, reference: int) -> Sequence[tpdu.EncodedSegment]:
        return tpdu.encode_submit(
            recipient,
            planned,
            reference=reference,
            report=self.line.config.modem.delivery_reports,
            validity=self.line.config.answer.validity,
        )

    # ---- one segment

    def submit(self, modem: Modem, begun: gate.Begun) -> None:
        """Submit a segment that is on the disk as being submitted, and commit its result."""
        try:
            result = self._hand_over(modem, begun)
        except (ModemError, PortError):  # raised only if the segment certainly did not leave
            self._withdraw_segment(begun)
            raise
        if result is None:
            self._withdraw_segment(begun)
            return
        now = self.line.db.now()
        self._commit_fate(lambda: self._settle(begun, result, now))
        self._begin_interval()  # again, after the result: the network may have taken longer than the interval

    def _hand_over(self, modem: Modem, begun: gate.Begun) -> policy.Result | None:
        """Submit a segment and return the result; None, without a submission, if the SIM may not be the line's."""
        if not self.connection.confirm_sim(begun.answer_id):
            return None
        seconds = self.line.config.modem.send_timeout.total_seconds()
        return _result(modem.submit(begun.pdu, begun.tpdu_length, seconds), stopping=self.line.stopping)

    def _settle(self, begun: gate.Begun, result: policy.Result, now: Now) -> None:
        """Commit the fate of a segment, then report it to the log, the connection and the watch over the breaker."""
        timing = self.line.timing
        settled = fates.settle(
            self.line.db, begun, result, now, retry_after=timing.retry_after, pauses=timing.trial_after
        )
        self._pending_write = None  # it is on the disk, and must not be written twice if anything below fails
        name = f"answer {begun.answer_id}: segment {begun.sequence}/{begun.total}"
        if isinstance(result, policy.Taken):
            log.info("%s sent", name)
        else:
            log.warning("%s %s (%s)", name, settled.fate, result.cause)
        if isinstance(result, policy.Unknown):
            self._last_unconfirmed_segment = begun.segment_id
        elif not (isinstance(result, policy.Refused) and result.before_payload):
            self._last_unconfirmed_segment = None  # a late result may belong to this segment, and settles none before
        if isinstance(result, policy.Refused) and result.cms == CMS_SMSC_UNKNOWN:
            self.connection.recheck_service_centre()
        if isinstance(result, policy.Refused) and result.fault is policy.AtFault.LINE:
            self._ask_network()
        self.breaker_watch.report(settled.update, self.connection.escalation)

    def _ask_network(self) -> None:
        """Ask for the registration at once: if its lack caused the refusal, the next answers wait and are not lost."""
        self.connection.recheck()
        if self.connection.modem and self.connection.modem.in_step:
            with contextlib.suppress(ModemError, PortError):
                self.connection.ask_network()

    def _withdraw_segment(self, begun: gate.Begun) -> None:
        """Commit that a segment was not submitted after all, so that it waits again."""
        log.info("answer %d: segment %d was not submitted, and waits", begun.answer_id, begun.sequence)

        def withdraw() -> None:
            fates.withdraw_segment(self.line.db, begun, self.line.db.now())
            self._pending_write = None

        self._commit_fate(withdraw)

    def _commit_fate(self, write: Callable[[], None]) -> None:
        """Commit the fate of a segment; if the disk refuses, keep it: it is committed before anything else is sent.

        `write` itself clears `_pending_write`, right after its commit.
        """
        self._pending_write = write
        write()


def _result(outcome: responses.SubmitOutcome, *, stopping: bool) -> policy.Result:
    """Return the outcome of a submission as the policy's result."""
    match outcome:
        case responses.Sent(mr):
            return policy.Taken(mr)
        case responses.SubmitRefused(text, cms, before_payload):
            return policy.Refused(cms, before_payload, text if cms is None else "")
        case responses.SubmitUnknown(text):
            return policy.Unknown(AttemptCause.STOPPED if stopping else AttemptCause.NO_RESULT, text)
