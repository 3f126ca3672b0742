"""Carries out people's requests to the daemon: a text by hand, the first answer by hand, the balance, another SIM.

Texts are only queued here, and sent in their turn; their request ends with the result of the queued answer. The other
requests end at once with their own result.
"""

import logging
import random
from datetime import timedelta
from typing import assert_never

from hotlined.causes import CauseCode
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.sending import Sender
from hotlined.daemon.shared import Line
from hotlined.errors import AddressError, CausedError, ModemError, ModemRefusedError, PortError, TextError
from hotlined.gsm import address, alphabet
from hotlined.rules import policy
from hotlined.rules.policy import Reason, WaitingFor
from hotlined.states import ContactKind, ModemState, Refusal
from hotlined.store.answers import verdicts
from hotlined.store.line import requests
from hotlined.store.line.history import history_of
from hotlined.store.line.requests import Request, RequestVerb

log = logging.getLogger(__name__)

IGNORED_BY_HAND = frozenset({Reason.PER_NUMBER, Reason.COOLDOWN})
"""Reasons against an answer that do not count if a person has the answer sent to their own phone."""


MOST = {"most": verdicts.BY_HAND_A_DAY}
"""The values in the sentence of `Refusal.ANSWERS_USED_UP`."""


class Requests:
    """Carries out the requests of one line."""

    def __init__(self, line: Line, connection: Connection, sender: Sender, balance: Balance) -> None:
        self._line = line
        self._connection = connection
        self._sender = sender
        self._balance = balance
        self.awaits_answers = True
        """Whether a request may wait for the end of its answer."""

    def settle(self) -> None:
        """End the requests whose answer the network took, or whose answer will not be sent."""
        if self.awaits_answers:
            self.awaits_answers = requests.settle(self._line.db, self._line.db.now()) > 0

    def serve(self) -> None:
        """Carry out every open request, the oldest first."""
        db = self._line.db
        while (request := requests.next_request(db, db.now())) is not None:
            log.info("request %d: %s, asked by %s", request.request_id, request.verb, request.who)
            self._carry_out(request)

    def _carry_out(self, request: Request) -> None:
        match request.verb:  # not a table: here the type checker sees that no verb is left out
            case RequestVerb.SEND | RequestVerb.ANSWER:
                self._queue_or_refuse(request)
            case RequestVerb.BALANCE:
                self._ask_balance(request)
            case RequestVerb.ADOPT:
                self._adopt(request)
            case _:
                assert_never(request.verb)

    def _end(self, request: Request, result: str) -> None:
        requests.end(self._line.db, request.request_id, result, self._line.db.now())

    def _refuse(self, request: Request, refusal: Refusal | Reason | WaitingFor | CauseCode, **values: object) -> None:
        requests.refuse(self._line.db, request.request_id, refusal, self._line.db.now(), **values)

    def _refuse_for(self, request: Request, error: CausedError) -> None:
        """Refuse a request with the cause of an error about the modem, the number or the text."""
        assert error.cause
        self._refuse(request, CauseCode(error.cause.code), **error.cause.values)

    # ---- texts

    def _queue_or_refuse(self, request: Request) -> None:
        """Queue the text that a person asked to be sent, or refuse it at once with the reason."""
        db, config = self._line.db, self._line.config
        self.awaits_answers = True
        try:
            recipient = address.parse_number(request.arguments["number"], config.numbers.country)
            if request.verb is RequestVerb.ANSWER and (reason := self._maybe_reason(recipient)):
                self._refuse(request, reason, **MOST if reason is Refusal.ANSWERS_USED_UP else {})
                return
            planned = self._plan(request, recipient)
        except (TextError, AddressError) as error:
            self._refuse_for(request, error)
            return
        if planned.segments > config.answer.max_segments:
            self._refuse(request, Refusal.TOO_MANY_SEGMENTS, segments=planned.segments, most=config.answer.max_segments)
            return
        with db.transaction():
            queued = verdicts.enqueue_by_hand(
                db,
                recipient,
                planned,
                self._sender.rules(),
                db.now(),
                kind=requests.BY_HAND[request.verb],
                who=request.who,
            )
            if isinstance(queued, int):
                requests.await_answer(db, request.request_id, queued)
                return
        self._refuse(request, queued.waiting_for if isinstance(queued, policy.Wait) else queued.reason)

    def _plan(self, request: Request, recipient: str) -> alphabet.Plan:
        """Return the text of a request, split into segments: a person's text, or a variant of the first answer."""
        if request.verb is RequestVerb.ANSWER:
            draw = random.SystemRandom().randrange(verdicts.DRAWS)
            composed = self._sender.compose(0, self._identify(recipient).country, draw)
            assert composed  # `_maybe_reason` has checked that there is a text
            return composed.plan
        return alphabet.plan(request.arguments["text"], self._line.config.answer.encoding)

    def _maybe_reason(self, number: str) -> Reason | Refusal | None:
        """Return why the first answer may not be sent to a number by hand, or None."""
        db = self._line.db
        history = history_of(db, number)
        contact = policy.Contact(ContactKind.TEXT, self._identify(number), timedelta(0))
        verdict = policy.judge(contact, history, self._rules_by_hand(contact.identity), db.now().limit)
        if not verdict.answer and verdict.reason not in IGNORED_BY_HAND:
            return verdict.reason
        if verdicts.by_hand_today(db, db.now()) >= verdicts.BY_HAND_A_DAY:
            return Refusal.ANSWERS_USED_UP
        return None

    def _rules_by_hand(self, recipient: address.Identity) -> policy.Rules:
        """Return the rules for the first answer by hand, to a phone of one's own in any country.

        So a person can find out whether the SIM can text abroad, before adding that country to
        `numbers.answer_countries`.
        """
        rules = self._sender.rules()
        countries = (recipient.country,) if recipient.country else ()
        return rules._replace(numbers=rules.numbers._replace(answer_countries=countries))

    def _identify(self, number: str) -> address.Identity:
        return self._line.identify(address.Address(number.removeprefix("+"), address.Ton.INTERNATIONAL))

    # ---- the modem

    def _ask_balance(self, request: Request) -> None:
        """Ask the network for the balance, and end the request with the network's answer."""
        modem = self._connection.modem
        if not self._line.config.credit.ussd:
            self._refuse(request, Refusal.NO_USSD)
            return
        if modem is None or not self._connection.registered:
            self._refuse(request, Refusal.MODEM_UNUSABLE)
            return
        try:
            reply = self._balance.ask(modem)
        except (ModemError, PortError) as error:
            self._refuse_for(request, error)
            if isinstance(error, ModemRefusedError):  # the network refused, so nothing is wrong with the modem
                return
            raise
        self._end(request, reply)

    def _adopt(self, request: Request) -> None:
        """Bind the line to the stick and the SIM that are plugged in."""
        if self._connection.modem is None and self._connection.state is not ModemState.SIM_CHANGED:
            self._refuse(request, Refusal.MODEM_UNUSABLE)
            return
        self._end(request, self._connection.adopt(request.who))
        self._balance.ask_soon()  # the SIM may be another one, with an unknown balance
