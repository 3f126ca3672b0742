"""Results of requests in words: the change, or why the daemon refused and what the person can do.

The words for a refusal by a network or a modem are in `reasons`, `problems` and `causes`.
"""

import json
from collections import defaultdict
from typing import Any

from hotlined.causes import CodedCause
from hotlined.conditions import HOLDS
from hotlined.language import N_, Phrases, _
from hotlined.rules.policy import Reason, WaitingFor
from hotlined.states import Adoption, AnswerState, HoldReason, Refusal
from hotlined.words.reasons import REASONS, STATES, cause_in_words

_FATES = Phrases(
    {
        AnswerState.QUEUED: N_("{text} still waits."),
        AnswerState.SENDING: N_("{text} is being sent."),
        AnswerState.UNDELIVERED: N_("{text} was sent and not delivered."),
        AnswerState.UNCONFIRMED: N_("{text} may have left."),
        AnswerState.FAILED: N_("{text} has failed."),
        AnswerState.CANCELLED: N_("{text} is cancelled already."),
        AnswerState.SENT: N_("{text} was sent."),
        AnswerState.DELIVERED: N_("{text} was delivered."),
    }
)
"""Every state of an answer as a sentence about `the answer to …` or `the text to …`."""

_NO_ROOM = N_("`hotlined limits` says when there is room.")
_WAITS = {
    WaitingFor.PAUSED: (
        HOLDS[HoldReason.PERSON].title_message,
        N_("`hotlined resume` ends that."),
    ),
    WaitingFor.HELD: (N_("the line holds all answers back"), N_("`hotlined status` says why, and the cure.")),
    WaitingFor.BUDGET_HOUR: (N_("there is no room in the hour's budget"), _NO_ROOM),
    WaitingFor.BUDGET_DAY: (N_("there is no room in the day's budget"), _NO_ROOM),
    WaitingFor.BUDGET_MONTH: (N_("there is no room in the month's budget"), _NO_ROOM),
    WaitingFor.RESERVE: (N_("what is left of the budget is for new numbers"), _NO_ROOM),
}
"""Waits for which a text by hand is refused at once, each with its cure."""

_REASON_CURES = Phrases(
    {
        Reason.PENDING: N_("`hotlined log` shows when it goes; try again then, or end it with `hotlined cancel ID`."),
        Reason.BLOCKED: N_(
            "`hotlined unblock NUMBER` ends that, or names the other line or the configuration that has it blocked."
        ),
        Reason.OPTED_OUT: N_(
            "If it has changed its mind: `hotlined unblock --opted-out NUMBER` ends that, or names the other line where"
            " it said so."
        ),
        Reason.NO_ANSWER_TEXT: N_("Write one: `hotlined status` names the file, and says how."),
        Reason.SIM_CHANGED: N_("`hotlined sim adopt` goes on with this SIM."),
        Reason.COUNTRY: N_("numbers.answer_countries in the configuration says which are."),
    }
)
"""The cures for the reasons for which a number is refused."""

_STATUS = N_("`hotlined status` says how the line is.")
REFUSALS = {
    Refusal.TOO_MANY_SEGMENTS: (
        N_("{segments} segments, and answer.max_segments is {most}"),
        N_("Shorten it: `hotlined text check` says what a text takes."),
    ),
    Refusal.ANSWERS_USED_UP: (
        N_("the line has sent its answer by hand {most} times in 24 hours"),
        N_("Try again when the first of these is a day old."),
    ),
    Refusal.NO_USSD: (
        N_("credit.ussd is not configured"),
        N_("Set credit.ussd to the code that your operator gives, such as *121#, and reload the daemon."),
    ),
    Refusal.MODEM_UNUSABLE: (N_("the modem cannot be used now"), _STATUS),
    Refusal.UNKNOWN_VERB: (N_("this daemon cannot do that"), _STATUS),
    Refusal.MALFORMED: (N_("this is not a request"), _STATUS),
    Refusal.STOPPED: (N_("the daemon stopped before it was done"), _STATUS),
    Refusal.FORGOTTEN: (N_("the number was forgotten"), _STATUS),
    Refusal.NOT_SENT: ("{fate}", _STATUS),
}
"""Every refusal of the daemon, with values in braces, and its cure."""


ADOPTIONS = Phrases(
    {
        Adoption.UNCHANGED: N_("Nothing has changed."),
        Adoption.SIM: N_("The line uses another SIM from now on."),
        Adoption.STICK: N_("The line uses another stick from now on."),
    }
)
"""The results of `sim adopt`."""


def fate_in_words(text: str, state: str) -> str:
    """Return a sentence with the state of an answer or of a text by hand; an unknown state is shown as it is."""
    if state not in list(AnswerState):
        return _("{text} is {state}.", text=text, state=state)
    return _FATES[AnswerState(state)].format(text=text)


def result_in_words(result: str | None, detail: str | None) -> str | None:
    """Return the result of a request from its record: a code becomes words, any other text is returned as it is."""
    if result in list(Adoption):
        return ADOPTIONS[Adoption(result)]
    values: dict[str, Any] = defaultdict(lambda: "…", json.loads(detail or "{}"))
    if result not in list(Refusal):
        return (CodedCause(result, values).words or result) if result else result
    if "state" in values:
        state, reason = values["state"], values["reason"]
        known = STATES[AnswerState(state)] if state in list(AnswerState) else state
        values["fate"] = ": ".join(filter(None, (known, cause_in_words(reason))))
    return _(REFUSALS[Refusal(result)][0]).format_map(values)


def refusal_in_words(result: str, detail: str | None) -> tuple[str, str]:
    """Return why the daemon refused a request, and the cure."""
    if result in list(Reason):
        reason = Reason(result)
        words = _("an answer to this number is queued already") if reason is Reason.PENDING else REASONS[reason]
        return words, _REASON_CURES.get(reason, _("`hotlined show NUMBER` says more about it."))
    if result in list(WaitingFor) and WaitingFor(result) in _WAITS:
        words, cure = _WAITS[WaitingFor(result)]
        return _(words), _(cure)
    words = result_in_words(result, detail) or ""
    if result in list(Refusal):
        return words, _(REFUSALS[Refusal(result)][1])
    return words, CodedCause(result, json.loads(detail or "{}")).cure or _(_STATUS)
