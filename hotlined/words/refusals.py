"""What refuses a text by hand or a decision, in words, and what a person can do."""

import json
from collections import defaultdict

from hotlined.policy import Reason, WaitingFor
from hotlined.states import AnswerState, Refusal
from hotlined.words.reasons import REASONS

_STATES = {
    AnswerState.QUEUED: "still waits",
    AnswerState.SENDING: "is being sent",
    AnswerState.UNDELIVERED: "was sent and not delivered",
    AnswerState.UNCONFIRMED: "may have left",
    AnswerState.FAILED: "has failed",
    AnswerState.SHADOWED: "was not sent: that was shadow mode",
    AnswerState.CANCELLED: "is cancelled already",
    AnswerState.SENT: "was sent",
    AnswerState.DELIVERED: "was delivered",
}
"""Every state of an answer as the end of a sentence about it."""

_NO_ROOM = ("there is no room in the {0}'s budget", "`hotlined limits` says when there is.")
_WAITS = {
    WaitingFor.PAUSED: ("the line is paused", "`hotlined resume` ends that."),
    WaitingFor.HELD: ("the line holds all answers back", "`hotlined status` says why, and the cure."),
    WaitingFor.BUDGET_HOUR: _NO_ROOM,
    WaitingFor.BUDGET_DAY: _NO_ROOM,
    WaitingFor.BUDGET_MONTH: _NO_ROOM,
    WaitingFor.RESERVE: ("what is left of the budget is for new numbers", "`hotlined limits` says when there is room."),
}
"""What makes an answer wait and refuses a text by hand, each with its cure."""

_REASON_CURES = {
    Reason.PENDING: "`hotlined log` shows when it goes; try again then, or end it with `hotlined cancel ID`.",
    Reason.BLOCKED: "`hotlined unblock NUMBER` ends that, unless numbers.blocked in the configuration names it.",
    Reason.OPTED_OUT: "If it has changed its mind: `hotlined optin NUMBER`.",
    Reason.COUNTRY: "numbers.answer_countries in the configuration says which are.",
}
"""The cures of the reasons for which a number is refused."""

_STATUS = "`hotlined status` says how the line is."
REFUSALS = {
    Refusal.SHADOW: ("shadow mode transmits nothing", _STATUS),
    Refusal.UNSENDABLE: ("{problem}", _STATUS),
    Refusal.TOO_MANY_SEGMENTS: (
        "{segments} segments, and answer.max_segments is {most}",
        "Shorten it: `hotlined text check` says what a text takes.",
    ),
    Refusal.TRIES_USED_UP: (
        "the line has tried its answer {most} times in 24 hours",
        "Try again when the first of these is a day old.",
    ),
    Refusal.NO_USSD: (
        "credit.ussd is not configured",
        "Set credit.ussd to the code that your operator gives, such as *121#, and reload the daemon.",
    ),
    Refusal.MODEM_UNUSABLE: ("the modem cannot be used now", _STATUS),
    Refusal.MODEM_FAILED: ("{problem}", _STATUS),
    Refusal.UNKNOWN_VERB: ("this daemon cannot do that", _STATUS),
    Refusal.MALFORMED: ("this is no request", _STATUS),
    Refusal.STOPPED: ("the daemon stopped before it was done", _STATUS),
    Refusal.FORGOTTEN: ("the number was forgotten", _STATUS),
    Refusal.NOT_SENT: ("{fate}", _STATUS),
}
"""Every refusal of the daemon, with its values between braces, and its cure."""


def state_in_words(state: str) -> str:
    """Write the state of an answer as the end of a sentence about it; a state that is none of ours as it is."""
    return _STATES[AnswerState(state)] if state in list(AnswerState) else f"is {state}"


def result_in_words(result: str | None, detail: str | None) -> str | None:
    """Return what came of a request as its record shows it: a refusal as its sentence, all else as it stands."""
    if result not in list(Refusal):
        return result
    return REFUSALS[Refusal(result)][0].format_map(defaultdict(lambda: "…", json.loads(detail or "{}")))


def refusal_in_words(result: str, detail: str | None) -> tuple[str, str]:
    """Return what a result of the daemon that refuses means, and its cure; earlier versions wrote a sentence."""
    if result in list(Reason):
        reason = Reason(result)
        words = "an answer to this number is queued already" if reason is Reason.PENDING else REASONS[reason]
        return words, _REASON_CURES.get(reason, "`hotlined number NUMBER` says more about it.")
    if result in list(WaitingFor) and WaitingFor(result) in _WAITS:
        words, cure = _WAITS[WaitingFor(result)]
        return words.format(result.removeprefix("budget_")), cure
    cure = REFUSALS[Refusal(result)][1] if result in list(Refusal) else _STATUS
    return result_in_words(result, detail) or "", cure
