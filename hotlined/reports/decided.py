"""What came of a decision, in sentences: the command prints them, the desk shows them.

The verb itself is the control program's; what is asked of the database here is only what a sentence needs.
"""

from collections.abc import Iterator

from hotlined.clock import synchronised
from hotlined.config import Config, format_duration
from hotlined.errors import HotlinedError, RefusedError
from hotlined.reports.life import top_up_in_words, valid_until
from hotlined.reports.line import SIM_ENDED, SIM_ENDS, report_line
from hotlined.states import HoldReason, SendingState
from hotlined.store import log
from hotlined.store.line import Sending, TopUp, recorded_holds
from hotlined.store.opening import open_beside_daemon
from hotlined.words.amounts import counted
from hotlined.words.conditions import NOT_RUNNING, SIM_UNKNOWN
from hotlined.words.refusals import state_in_words
from hotlined.words.times import day, moment

_LOST_KEYS = (HoldReason.KEY_LOST, HoldReason.KEY_DENIED)
_WHICH = {
    "requeue": "Only what was perhaps sent, has failed or was cancelled, and is not erased, can be sent again.",
    "cancel": "Only one that waits can be cancelled.",
}
"""Which answers a verb is for."""
_CHANGED = {"requeue": "is queued again", "cancel": "is cancelled"}


def no_contact(contact_id: int) -> HotlinedError:
    """Return the error of a contact that there is not."""
    return HotlinedError(f"There is no contact {contact_id}.", "`hotlined log` shows those that there are.")


def blocked(number: str, cancelled: int) -> str:
    """Return what came of `block`."""
    note = f" {counted(cancelled, 'answer')} that waited for it will not be sent." if cancelled else ""
    return f"{number} is blocked.{note}"


def unblocked(config: Config, number: str, *, was: bool) -> str:
    """Return what came of `unblock`."""
    note = " It is still blocked in the configuration (numbers.blocked)." if number in config.numbers.blocked else ""
    return f"{number} {'is not blocked any more' if was else 'was not blocked'}.{note}"


def opted_in(number: str, *, was: bool) -> str:
    """Return what came of `optin`."""
    return f"{number} {'is answered again: its opt-out is over' if was else 'had not opted out'}."


def pause_before(config: Config) -> Sending | None:
    """Return the pause that is in force, if any."""
    with open_beside_daemon(config.database) as db:
        return next((hold for hold in recorded_holds(db) if hold.state is SendingState.PAUSED), None)


def paused(config: Config, before: Sending | None) -> str:
    """Return what came of `pause`; `before` is the pause that was in force already."""
    began = "Paused: nothing is sent"
    if before:
        since = f" since {moment(before.since)}" if before.since else ""
        began = f"It was paused already{since}, by {before.by or 'somebody'}: nothing is sent"
    return (
        f"{began} until `hotlined resume`. An answer that has not gone {format_duration(config.answer.max_age)} after"
        " its text came is cancelled (answer.max_age)."
    )


def is_ended_by_resume(config: Config) -> bool:
    """Tell whether anything keeps answers back that `resume` ends: a pause, or the loss of the pseudonyms' key."""
    with open_beside_daemon(config.database) as db:
        return any(hold.state is SendingState.PAUSED or hold.reason in _LOST_KEYS for hold in recorded_holds(db))


def resumed(config: Config, *, was: bool, another_key: bool) -> str:
    """Return what came of `resume`; `was` is whether there was anything that it ends."""
    note = " Another key is in use: whoever was a pseudonym counts as new." if another_key else ""
    if not was:
        effect = "It was not paused."
    elif report_line(config).alive:
        effect = "Answers go out again."
    else:
        effect = f"{NOT_RUNNING.words} Answers go out again when you start it."
    return f"{effect}{note}"


def topped_up(config: Config, at: str) -> str:
    """Return what came of `topup`."""
    if not synchronised():
        note = " This clock is not synchronised: if that is another day, say so: `hotlined topup DATE`."
    elif config.credit.valid_for is None:
        note = " Set credit.valid_for, and the line warns you before its life ends."
    else:
        note = ""
    until = valid_until(TopUp(at), config.credit.valid_for)
    words = "The SIM was topped up on {day}, and lasts until {end}." if until else "The SIM was topped up on {day}."
    return words.format(day=day(at), end=day(until) if until else "") + note


def life(config: Config) -> Iterator[str]:
    """Yield when the SIM was topped up last and what is to be done about that; nothing where nobody asked for it."""
    report = report_line(config)
    if report.stored is None or config.credit.valid_for is None:
        return
    top_up, end = report.stored.top_up, report.stored.credit.valid_until
    if top_up is None or end is None:
        yield f"Nobody knows when the SIM was topped up last. {SIM_UNKNOWN}"
        return
    yield f"Topped up: {top_up_in_words(top_up)}; it lasts until {day(end)}."
    if trouble := report.maybe(SIM_ENDS) or report.maybe(SIM_ENDED):
        yield trouble.sentences


def changed(config: Config, verb: str, contact_id: int, state: str | None) -> str:
    """Return what came of `requeue` or `cancel`; `state` is that of the answer where it forbids it, `none` for none.

    Raises RefusedError where its state forbids it, or HotlinedError where there is no such contact.
    """
    if state == "none":
        with open_beside_daemon(config.database) as db:
            if log.maybe_contact(db, contact_id) is None:
                raise no_contact(contact_id)
        raise RefusedError(f"Contact {contact_id} has no answer.", f"`hotlined show {contact_id}` says why.")
    if state:
        raise RefusedError(f"The answer to contact {contact_id} {state_in_words(state)}.", _WHICH[verb])
    return f"The answer to contact {contact_id} {_CHANGED[verb]}."


def tagged(contact_id: int, word: str, *, news: bool | None) -> str:
    """Return what came of `tag`; raises HotlinedError where there is no such contact (None)."""
    if news is None:
        raise no_contact(contact_id)
    return f"Contact {contact_id} {'is' if news else 'was already'} tagged {word}."


def untagged(contact_id: int, word: str, *, news: bool | None) -> str:
    """Return what came of `untag`; raises HotlinedError where there is no such contact (None)."""
    if news is None:
        raise no_contact(contact_id)
    return f"Contact {contact_id} {'is no longer' if news else 'was not'} tagged {word}."


def kept(contact_id: int, *, found: bool) -> str:
    """Return what came of `keep`; raises HotlinedError where there is no such contact."""
    if not found:
        raise no_contact(contact_id)
    return f"Contact {contact_id} is kept, however old it becomes."


def kept_no_more(contact_id: int, *, found: bool) -> str:
    """Return what came of `keep --undo`; raises HotlinedError where there is no such contact."""
    if not found:
        raise no_contact(contact_id)
    return f"Contact {contact_id} ages like any other again."
