"""Reasons, states, verdicts, a segment's problems and refusals (+CMS ERROR) in words; the codes are for scripts.

The words for an error of the port, the modem or the SIM are in `causes`, for a refused request in `words.requests`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hotlined.language import N_, NP_, Phrases, _, ngettext
from hotlined.rules import policy
from hotlined.rules.policy import AttemptCause, Reason, WaitingFor
from hotlined.states import AnswerState, ContactVerdict, PduProblem, SegmentState, SendingState, SubmitProblem
from hotlined.words.times import clock_time

if TYPE_CHECKING:  # every command needs reasons, few show a contact
    from hotlined.documents import LoggedAnswer

REASONS = Phrases(
    {
        Reason.FIRST_CONTACT: N_("this number was never answered before"),
        Reason.COOLDOWN_OVER: N_("the cooldown since its last answer is over"),
        Reason.PENDING: N_("an answer to this number was already queued"),
        Reason.COOLDOWN: N_("it was answered too recently"),
        Reason.PER_NUMBER: N_("it has had all the answers that a number ever gets"),
        Reason.BLOCKED: N_("the number is blocked"),
        Reason.OPTED_OUT: N_("the number asked not to be answered"),
        Reason.COUNTRY: N_("its country is not answered"),
        Reason.NOT_ANSWERABLE: N_("no text can reach it: a short code, a name, a withheld number or no mobile line"),
        Reason.OWN_NUMBER: N_("it is the line's own number"),
        Reason.LOOP: N_("another machine answers us"),
        Reason.STALE: N_("it was too old to be answered"),
        Reason.NOT_TEXT: N_("it is nothing that a person wrote"),
        Reason.SIM_CHANGED: N_("the modem had another SIM"),
        Reason.NO_ANSWER_TEXT: N_("the answer has no text"),
        Reason.RESTORED: N_("it waited in a backup that was put back, and nothing was decided"),
        Reason.PERSON: N_("a person said so"),
        Reason.TOO_LONG: N_("it takes more segments than answer.max_segments allows"),
        Reason.SET_ASIDE: N_("the program failed on it; the journal has the reason"),
    }
)
"""Every reason as a clause."""

CAUSES = Phrases(
    {
        AttemptCause.ERROR: N_("the modem answered with an error"),
        AttemptCause.NO_RESULT: N_("no result came from the modem"),
        AttemptCause.STOPPED: N_("the daemon was stopped before the result came"),
        AttemptCause.CRASHED: N_("the daemon ended unexpectedly before the result came"),
        AttemptCause.REBOOTED: N_("the machine was restarted before the result came"),
        AttemptCause.HALF: N_("a part of it was sent, and the rest was not"),
        AttemptCause.RESTORED: N_("it waited in a backup that was put back, and may have left since"),
    }
)
"""Every cause of a failed attempt as a clause, except those that have a number."""

_CMS_CAUSES = (
    (policy.NETWORK_REFUSED, N_("the network refused it (CMS error {number})")),
    (policy.CENTRE_REFUSED, N_("the service centre refused it (CMS error {number})")),
    (policy.MODEM_REFUSED, N_("the modem refused it (CMS error {number})")),
)
"""The refusing party, by the number of a +CMS ERROR."""

VERDICTS: Phrases[str | None] = Phrases(
    {
        ContactVerdict.ANSWER: N_("answer"),
        ContactVerdict.SUPPRESS: N_("no answer"),
        None: N_("not decided yet"),
    }
)

STATES = Phrases(
    {
        AnswerState.QUEUED: N_("waits"),
        AnswerState.SENDING: N_("being sent"),
        AnswerState.SENT: N_("sent"),
        AnswerState.DELIVERED: N_("delivered"),
        AnswerState.UNDELIVERED: N_("not delivered"),
        AnswerState.UNCONFIRMED: N_("perhaps sent"),
        AnswerState.FAILED: N_("failed"),
        AnswerState.CANCELLED: N_("cancelled"),
    }
)

BRIEF_REASONS = Phrases(
    {
        Reason.FIRST_CONTACT: N_("first contact"),
        Reason.COOLDOWN_OVER: N_("long enough ago"),
        Reason.PENDING: N_("another was under way"),
        Reason.COOLDOWN: N_("had one lately"),
        Reason.PER_NUMBER: N_("had all its answers"),
        Reason.BLOCKED: N_("blocked"),
        Reason.OPTED_OUT: N_("asked to stop"),
        Reason.COUNTRY: N_("country not answered"),
        Reason.NOT_ANSWERABLE: N_("cannot be texted"),
        Reason.OWN_NUMBER: N_("the line itself"),
        Reason.LOOP: N_("another machine"),
        Reason.STALE: N_("too late"),
        Reason.NOT_TEXT: N_("nothing to answer"),
        Reason.SIM_CHANGED: N_("another SIM was in"),
        Reason.NO_ANSWER_TEXT: N_("no text for it"),
        Reason.RESTORED: N_("from a backup"),
        Reason.PERSON: N_("by hand"),
        Reason.TOO_LONG: N_("answer too long"),
        Reason.SET_ASIDE: N_("program fault"),
    }
)
"""Every reason in a few words, for a column or after a colon."""

SEGMENT_STATES = Phrases(
    {
        SegmentState.WAITING: NP_("segment", "waits"),
        SegmentState.SUBMITTING: NP_("segment", "being sent"),
        SegmentState.SENT: NP_("segment", "sent"),
        SegmentState.DELIVERED: NP_("segment", "delivered"),
        SegmentState.UNDELIVERED: NP_("segment", "not delivered"),
        SegmentState.UNCONFIRMED: NP_("segment", "perhaps sent"),
        SegmentState.REFUSED: NP_("segment", "refused"),
        SegmentState.CANCELLED: NP_("segment", "cancelled"),
    }
)

_COUNTED = {
    AnswerState.QUEUED: lambda count: ngettext("{number} waiting", "{number} waiting", count),
    AnswerState.SENDING: lambda count: ngettext("{number} being sent", "{number} being sent", count),
    AnswerState.UNCONFIRMED: lambda count: ngettext(
        "{number} perhaps sent in the last 24 hours", "{number} perhaps sent in the last 24 hours", count
    ),
}
"""The number of answers in each state that is not final."""

_WAITS = Phrases(
    {
        WaitingFor.DUE: N_("goes {at}"),
        WaitingFor.HELD: N_("waits: held back"),
        WaitingFor.PAUSED: N_("paused"),
        WaitingFor.NETWORK: N_("waits: no network"),
        WaitingFor.OUTAGE: N_("waits: nothing leaves"),
        WaitingFor.CREDIT: N_("waits: no credit"),
        WaitingFor.COUNTRY_OUTAGE: N_("waits for its country"),
        WaitingFor.RETRY: N_("tries again {at}"),
        WaitingFor.BUDGET_MONTH: N_("waits: month's budget"),
        WaitingFor.BUDGET_DAY: N_("waits: day's budget"),
        WaitingFor.BUDGET_HOUR: N_("waits: hour's budget"),
        WaitingFor.RESERVE: N_("waits: new ones first"),
        WaitingFor.SEND_INTERVAL: N_("goes in a moment"),
    }
)
"""Everything that a queued answer can wait for; {at} is its time."""


_KEPT_BACK = {SendingState.HELD: WaitingFor.HELD, SendingState.PAUSED: WaitingFor.PAUSED}
"""The two holds that only a person can end: they are shown instead of the due time, even before it."""
_TIMED = frozenset({WaitingFor.DUE, WaitingFor.RETRY, WaitingFor.SEND_INTERVAL})
"""The waits that need a running daemon to end."""
NO_DAEMON = N_("waits: no daemon")
"""Shown instead of one of `_TIMED` while no daemon runs."""


def reason_in_words(reason: str | None) -> str:
    """Return the words for a reason's code; any other text is returned as it is."""
    return REASONS[Reason(reason)] if reason in list(Reason) else reason or ""


def cause_in_words(code: str | None) -> str:
    """Return the words for the cause of a failed attempt, or for the reason of an answer's end.

    Any other text is returned as it is.
    """
    if code in list(AttemptCause):  # before the reasons: `restored` is a cause and a reason, with different words
        return CAUSES[AttemptCause(code)]
    cms = policy.maybe_cms(code)
    if cms is None:
        return reason_in_words(code)
    who_refused = (_(message, number=cms) for numbers, message in _CMS_CAUSES if cms in numbers)
    return next(who_refused, None) or _("the modem reported CMS error {number}", number=cms)


def briefly(code: str | None) -> str:
    """Return a few words for a column: a reason, or the wait of a queued answer.

    Any other text is returned as it is.
    """
    if code in list(Reason):
        return BRIEF_REASONS[Reason(code)]
    return _WAITS[WaitingFor(code)] if code in list(WaitingFor) else code or ""


def queue_in_words(queue: Mapping[str, int]) -> str:
    """Return how many answers are in each state: `2 waiting, 1 being sent`; `none waiting` if there are none."""
    return ", ".join(_COUNTED[AnswerState(state)](count) for state, count in queue.items() if count) or _(
        "none waiting"
    )


def answer_in_words(answer: "LoggedAnswer", sending: SendingState) -> str:
    """Return the state of an answer in words: `goes 04:12`, `paused`, `sent`; for a cancelled answer, the reason.

    `sending` says what keeps all answers back, or that no daemon runs: in both cases the words contain no time.
    """
    if answer.state is AnswerState.QUEUED:
        waits = answer.waiting_for
        if sending is SendingState.NO_DAEMON and waits in _TIMED:
            return _(NO_DAEMON)
        if waits is WaitingFor.DUE:
            waits = _KEPT_BACK.get(sending, waits)
        return briefly(waits).format(at=clock_time(answer.due_at)) or STATES[answer.state]
    if answer.state is AnswerState.CANCELLED and answer.reason in list(Reason):
        return _("cancelled: {reason}", reason=briefly(answer.reason))
    if answer.state is AnswerState.FAILED and answer.segments_sent:
        return _("only {sent} of {segments} left", sent=answer.segments_sent, segments=answer.segments)
    return STATES[answer.state]


_PROBLEMS: Phrases[str] = Phrases(
    {
        PduProblem.TRUNCATED: N_("truncated"),
        PduProblem.NOISE: N_("neither the address nor the time is one"),
        PduProblem.NOT_HEXADECIMAL: N_("not an even number of hexadecimal digits"),
        PduProblem.WRONG_DIRECTION: N_("a type of message that only goes out"),
        PduProblem.CONTRADICTS: N_("the report does not fit the state of its segment"),
        SubmitProblem.OUT_OF_STEP: N_("out of step"),
        SubmitProblem.NO_PROMPT: N_("no prompt came"),
        SubmitProblem.NO_RESPONSE: N_("no answer came"),
        SubmitProblem.PORT_LOST: N_("the port went away"),
    }
)


def problem_in_words(stored: str | None) -> str | None:
    """Return a stored problem in words; an answer of the modem, which has no code, is returned unchanged."""
    return _PROBLEMS.get(stored, stored) if stored else None
