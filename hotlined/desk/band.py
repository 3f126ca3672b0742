"""The band at the head of every page: whether the line answers, as a colour, a sign and a sentence.

It can be read from two metres, and says what a volunteer needs: what the line waits for and until when, who paused
it, or why it does not answer and whom to call.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from hotlined.conditions import MODEM
from hotlined.desk.plain import trouble_in_plain_words, whom_to_ask
from hotlined.language import N_, Phrases, _
from hotlined.machine.clock import rfc3339
from hotlined.reports.limits import report_limits
from hotlined.reports.overview import LineReport
from hotlined.rules.policy import BUDGETS
from hotlined.states import HoldReason, ModemState, SendingState
from hotlined.words.times import lately


class Mood(StrEnum):
    """The state of the line in one word; the style sheet has a colour for each, and `icons` a sign."""

    ANSWERS = "answers"
    LATER = "later"
    PAUSED = "paused"
    SILENT = "silent"


_WINDOWS = Phrases(
    {
        "hour": N_("What it may send in an hour is used up."),
        "day": N_("What it may send in a day is used up."),
        "month": N_("What it may send in a month is used up."),
    }
)


@dataclass(frozen=True, slots=True)
class Band:
    """The state of the line in one sentence, and its consequence in a second one."""

    mood: Mood
    words: str
    more: str = ""
    code: str = ""
    """The code of the trouble that it is about, or empty."""


def band_of(report: LineReport, *, calls: bool = True) -> Band:
    """Return the band for a report; with `calls` it says whom to call where the line does not answer."""
    sending, modem = report.sending, report.daemon.modem.state
    if report.alive and sending and sending.state is SendingState.PAUSED:
        return _paused(report)
    if report.answers:
        full = [window for window, code in BUDGETS.items() if report.maybe(code)]
        return _full(report, full[-1]) if full else Band(Mood.ANSWERS, _("The line answers."))
    if report.alive and modem == ModemState.STARTING:
        return Band(Mood.LATER, _("The line answers in a moment."), MODEM[ModemState.STARTING].words)
    if (
        report.alive
        and sending
        and sending.reason is HoldReason.OUTAGE
        and report.daemon.modem.state == ModemState.READY
    ):
        return _outage(report)
    return _silent(report, calls=calls)


def _paused(report: LineReport) -> Band:
    """Say who paused the line, and since when."""
    hold = report.sending
    assert hold is not None
    since = _("Since {moment}.", moment=lately(hold.since)) if hold.since else ""
    recorded = _("Texts and calls are still recorded.")
    if hold.reason is HoldReason.RESTORED:
        words = _("The line is paused, since it came back from a backup.")
    elif hold.reason is HoldReason.MADE_ANEW:
        words = _("The line is paused, since its database was made anew.")
    elif hold.by:
        words = _("{by} has paused the line.", by=hold.by)
    else:
        words = _("The line is paused.")
    return Band(Mood.PAUSED, words, f"{since} {recorded}".lstrip(), SendingState.PAUSED)


def _full(report: LineReport, window: str) -> Band:
    """Say that the line waits for room in a window, and until when."""
    more, at = _WINDOWS[window], report.stored.next_due_at if report.stored else None
    if report.stored and (left := report_limits(report.config).windows[window].new_in_seconds):
        # the next answer may wait for something else, such as its country: then one more would leave before it
        one_more = rfc3339(report.stored.at.utc + timedelta(seconds=left))
        at = min(at, one_more) if at else one_more
    if at:
        more = f"{more} " + _("There is room again {moment}.", moment=lately(at))
    return Band(Mood.LATER, _("The line answers later."), more)


def _outage(report: LineReport) -> Band:
    """Say that nothing leaves, and when the next answer is tried."""
    more = _("Nothing leaves, though the network is there.")
    at = report.stored.next_due_at if report.stored else None
    if at:
        more = f"{more} " + _("It tries again {moment}.", moment=lately(at))
    return Band(Mood.LATER, _("The line answers later."), more)


def _silent(report: LineReport, *, calls: bool) -> Band:
    """Say why the line does not answer, and whom to call."""
    first = next(iter(report.stopping), None)
    why = trouble_in_plain_words(first) if first else ""
    call = _("Call {person}.", person=whom_to_ask(report.config)) if calls else ""
    return Band(Mood.SILENT, _("The line does not answer."), f"{why} {call}".strip(), first.code if first else "")
