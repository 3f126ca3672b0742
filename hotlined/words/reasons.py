"""Reasons, states and verdicts in words: codes are for scripts, people read these.

Known to be wrong: they are English whatever `language` will say.
"""

from collections.abc import Mapping
from typing import Any

from hotlined.policy import Reason, WaitingFor
from hotlined.states import AnswerState, ContactVerdict, SegmentState, SendingState
from hotlined.words.times import clock_time

REASONS = {
    Reason.FIRST_CONTACT: "this number was never answered before",
    Reason.COOLDOWN_OVER: "the cooldown since its last answer is over",
    Reason.PENDING: "an answer to this number was already queued",
    Reason.COOLDOWN: "its last answer was too short a time ago",
    Reason.PER_NUMBER: "it has had all the answers that a number ever gets",
    Reason.BLOCKED: "the number is blocked",
    Reason.OPTED_OUT: "the number asked not to be answered",
    Reason.COUNTRY: "its country is not answered",
    Reason.NOT_ANSWERABLE: "no text can reach it: a short code, a name, a withheld number or no mobile line",
    Reason.OWN_NUMBER: "it is the line's own number",
    Reason.LOOP: "another machine answers us",
    Reason.STALE: "it was too old to be answered",
    Reason.NOT_TEXT: "it is nothing that a person wrote",
    Reason.SIM_CHANGED: "the modem had another SIM",
    Reason.RESTORED: "it waited for its verdict in a backup that was put back",
    Reason.PERSON: "a person said so",
    Reason.SHADOW: "it was sent by hand, and shadow mode transmits nothing",
    Reason.TOO_LONG: "it takes more segments than answer.max_segments allows",
    Reason.SET_ASIDE: "the program failed on it; the journal has the reason",
}
"""Every reason in a clause."""

VERDICTS: dict[str | None, str] = {
    ContactVerdict.ANSWER: "answer",
    ContactVerdict.SUPPRESS: "no answer",
    None: "not decided yet",
}
"""Every verdict in words."""

STATES = {
    AnswerState.QUEUED: "waits",
    AnswerState.SENDING: "being sent",
    AnswerState.SENT: "sent",
    AnswerState.DELIVERED: "delivered",
    AnswerState.UNDELIVERED: "not delivered",
    AnswerState.UNCONFIRMED: "perhaps sent",
    AnswerState.FAILED: "failed",
    AnswerState.CANCELLED: "cancelled",
    AnswerState.SHADOWED: "shadow: not sent",
}
"""Every state of an answer in words."""

BRIEF_REASONS = {
    Reason.FIRST_CONTACT: "first contact",
    Reason.COOLDOWN_OVER: "long enough ago",
    Reason.PENDING: "one was on its way",
    Reason.COOLDOWN: "answered lately",
    Reason.PER_NUMBER: "had all its answers",
    Reason.BLOCKED: "blocked",
    Reason.OPTED_OUT: "asked to stop",
    Reason.COUNTRY: "country not answered",
    Reason.NOT_ANSWERABLE: "cannot be texted",
    Reason.OWN_NUMBER: "the line itself",
    Reason.LOOP: "another machine",
    Reason.STALE: "too old",
    Reason.NOT_TEXT: "nothing to answer",
    Reason.SIM_CHANGED: "another SIM was in",
    Reason.RESTORED: "from a backup",
    Reason.PERSON: "cancelled by hand",
    Reason.SHADOW: STATES[AnswerState.SHADOWED],
    Reason.TOO_LONG: "answer too long",
    Reason.SET_ASIDE: "program fault",
}
"""Every reason in so few words that they fit a column."""

SEGMENT_STATES = {
    SegmentState.WAITING: STATES[AnswerState.QUEUED],
    SegmentState.SUBMITTING: STATES[AnswerState.SENDING],
    SegmentState.SENT: STATES[AnswerState.SENT],
    SegmentState.DELIVERED: STATES[AnswerState.DELIVERED],
    SegmentState.UNDELIVERED: STATES[AnswerState.UNDELIVERED],
    SegmentState.UNCONFIRMED: STATES[AnswerState.UNCONFIRMED],
    SegmentState.REFUSED: "refused",
    SegmentState.CANCELLED: STATES[AnswerState.CANCELLED],
    SegmentState.SHADOWED: STATES[AnswerState.SHADOWED],
}
"""Every state of a segment in words."""

_COUNTED = {**STATES, AnswerState.QUEUED: "waiting"}

_WAITS = {
    WaitingFor.DUE: "goes {at}",
    WaitingFor.HELD: "waits: see `status`",
    WaitingFor.PAUSED: "paused",
    WaitingFor.NETWORK: "waits: no network",
    WaitingFor.OUTAGE: "waits: nothing leaves",
    WaitingFor.CREDIT: "waits: no credit",
    WaitingFor.RETRY: "tries again {at}",
    WaitingFor.BUDGET_MONTH: "waits: month's budget",
    WaitingFor.BUDGET_DAY: "waits: day's budget",
    WaitingFor.BUDGET_HOUR: "waits: hour's budget",
    WaitingFor.RESERVE: "waits: new ones first",
    WaitingFor.SEND_INTERVAL: "goes in a moment",
}
"""Everything that a queued answer waits for; {at} is when it is to go."""


_KEPT_BACK = {SendingState.HELD: WaitingFor.HELD, SendingState.PAUSED: WaitingFor.PAUSED}
"""What an answer that is due later waits for first: no time ends that, only a person."""


def reason_in_words(reason: str | None) -> str:
    """Return what a reason means; a cause that is no reason of ours stands as it is."""
    return REASONS[Reason(reason)] if reason in list(Reason) else reason or ""


def briefly(code: str | None) -> str:
    """Return a reason, or what an answer waits for, in so few words that they fit a column.

    What is neither is returned as it is.
    """
    if code in list(Reason):
        return BRIEF_REASONS[Reason(code)]
    return _WAITS[WaitingFor(code)] if code in list(WaitingFor) else code or ""


def queue_in_words(queue: Mapping[str, int]) -> str:
    """Return how many answers are in which state: `2 waiting, 1 being sent`; for none at all, that none waits."""
    return (
        ", ".join(f"{count} {_COUNTED[AnswerState(state)]}" for state, count in queue.items() if count)
        or "none waiting"
    )


def answer_in_words(answer: Mapping[str, Any], sending: SendingState) -> str:
    """Return what becomes, or became, of an answer: `goes 04:12`, `paused`, `sent`; for a cancelled one, why.

    It is the object of `log --json`; `sending` is the line's.
    """
    state = AnswerState(answer["state"])
    if state is AnswerState.QUEUED:
        waits = answer["waiting_for"]
        if waits == WaitingFor.DUE:
            waits = _KEPT_BACK.get(sending, waits)
        return briefly(waits).format(at=clock_time(answer["due_at"])) or STATES[state]
    if state is AnswerState.CANCELLED and answer["reason"] in list(Reason):
        return briefly(answer["reason"])
    if state is AnswerState.FAILED and answer["segments_sent"]:
        return f"only {answer['segments_sent']} of {answer['segments']} left"
    return STATES[state]
