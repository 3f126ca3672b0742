"""Results of decisions, in sentences: the command prints them, the desk shows them.

The control program carries out the decision. This module asks the database only for what a sentence needs.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping

from hotlined.conditions import HOLDS, NOT_RUNNING, SIM_UNKNOWN, WINDOWS
from hotlined.config import Config, alerts_reach_somebody
from hotlined.documents import TextByHand, WholeContact
from hotlined.errors import HotlinedError, RefusedError
from hotlined.language import N_, Phrases, _, in_row, ngettext
from hotlined.machine.clock import synchronised
from hotlined.reports.overview import report_line
from hotlined.reports.sim_life import top_up_in_words, valid_until
from hotlined.reports.typed import AnswerMeant
from hotlined.rules.policy import History, Reason, WaitingFor
from hotlined.states import HoldReason, Refusal, RequestState, SendingState, TroubleCode
from hotlined.store.answers import tells, verdicts
from hotlined.store.answers.decisions import THREAT, Resumed
from hotlined.store.answers.verdicts import PerhapsSent
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line import elsewhere, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of
from hotlined.store.line.line_row import Sending, TopUp, row_of
from hotlined.store.line.requests import RequestProgress
from hotlined.store.reading import forecast, log
from hotlined.words.amounts import sentence, wait_in_words
from hotlined.words.requests import fate_in_words, refusal_in_words
from hotlined.words.tags import tag_in_words
from hotlined.words.times import clock_time, day, moment

_LOST_KEYS = (HoldReason.KEY_LOST, HoldReason.KEY_DENIED)
_HOLD_ON = (HoldReason.SIM_CHANGED, HoldReason.OUTAGE, HoldReason.CREDIT, *WINDOWS)
"""The troubles that a `resume` does not end, and that keep answers back."""
_WHICH = Phrases(
    {
        "requeue": N_("Only what was perhaps sent, has failed or was cancelled, and is not erased, can be sent again."),
        "cancel": N_("Only one that waits can be cancelled."),
    }
)
"""The answers that a verb can change: the cure when an answer's state forbids it."""
_CHANGED = Phrases(
    {
        "requeue": N_("The answer to contact {number} is queued again."),
        "cancel": N_("The answer to contact {number} is cancelled."),
    }
)
_CHANGED_BY_HAND = Phrases(
    {
        "requeue": N_("The text {id} is queued again."),
        "cancel": N_("The text {id} is cancelled."),
    }
)


_LEFT_OUT: Mapping[str, Callable[[int], str]] = {
    "taken": lambda count: ngettext(
        "{number} number that got something since", "{number} numbers that got something since", count
    ),
    "waits": lambda count: ngettext(
        "{number} number for which an answer waits", "{number} numbers for which an answer waits", count
    ),
    Reason.BLOCKED: lambda count: ngettext(
        "{number} number that is blocked", "{number} numbers that are blocked", count
    ),
    Reason.OPTED_OUT: lambda count: ngettext(
        "{number} number that has opted out", "{number} numbers that have opted out", count
    ),
    "erased": lambda count: ngettext("{number} that is erased", "{number} that are erased", count),
}
"""The numbers that `requeue --since` leaves out, by the keys of `PerhapsSent.left_out`."""


def no_contact(contact_id: int) -> HotlinedError:
    """Return the error for an ID that no contact has."""
    return HotlinedError(
        _("There is no contact {number}.", number=contact_id), _("`hotlined log` shows those that there are.")
    )


def no_text_by_hand(answer_id: int) -> HotlinedError:
    """Return the error for an ID that no text by hand has."""
    return HotlinedError(
        _("There is no text {id}.", id=log.by_hand_id(answer_id)),
        _("`hotlined log --by-hand` shows those that there are."),
    )


def blocked(number: str, cancelled: int) -> str:
    """Return the result of `block` in a sentence."""
    words = _("{number} is blocked.", number=number)
    if not cancelled:
        return words
    note = ngettext(
        "{number} answer that waited for it will not be sent.",
        "{number} answers that waited for it will not be sent.",
        cancelled,
    )
    return f"{words} {note}"


def unblocked(config: Config, number: str, *, was: bool) -> str:
    """Return the result of `unblock` in a sentence; `was` says whether the number was blocked."""
    if number in config.numbers.blocked:
        words = _("{number} is still blocked: it is in numbers.blocked of the configuration.", number=number)
    elif was:
        words = _("{number} is not blocked any more.", number=number)
    else:
        words = _("{number} was not blocked.", number=number)
    history = _history(config, number)
    if others := _elsewhere(config, number):
        words += f" {others}"
    elif history.opted_out:
        words += " " + _(
            "It has opted out, and stays so: `hotlined unblock --opted-out {number}` lifts that.",
            number=shlex.quote(number),  # a name may be anything, and is pasted into a shell
        )
    return words


def opt_out_lifted(config: Config, number: str, *, was: bool) -> str:
    """Return the result of `unblock --opted-out` in a sentence; `was` says whether the number had opted out."""
    history = _history(config, number)
    if not was:
        words = _("{number} had not opted out: nothing has changed.", number=number)
        return f"{words} {_elsewhere(config, number)}".rstrip()
    words = _("The opt-out of {number} is lifted.", number=number)
    if others := _elsewhere(config, number):
        return f"{words} {others}"
    if number in config.numbers.blocked:
        return f"{words} " + _("It is still blocked: it is in numbers.blocked of the configuration.")
    if history.blocked:
        return f"{words} " + _(
            "It is still blocked: `hotlined unblock {number}` ends that.", number=shlex.quote(number)
        )
    return f"{words} " + _("Its next text can be answered.")


def _elsewhere(config: Config, number: str) -> str:
    """Return which lines of the fleet still refuse a number; empty if none does."""
    with open_beside_daemon(config.database) as db:
        others = elsewhere.of(db, number)
    blocked = [each.line for each in others if each.blocked]
    opted_out = [each.line for each in others if each.opted_out]
    parts = (
        _("It is blocked at {lines}: that is lifted there.", lines=in_row(blocked)) if blocked else "",
        _("It has opted out at {lines}: that is lifted there.", lines=in_row(opted_out)) if opted_out else "",
    )
    return " ".join(filter(None, parts))


def has_opted_out(config: Config, number: str) -> bool:
    """Tell whether a number has opted out."""
    return _history(config, number).opted_out


def _history(config: Config, number: str) -> History:
    with open_beside_daemon(config.database) as db:
        return history_of(db, number)


def pause_before(config: Config) -> Sending | None:
    """Return the pause of the line; None if it is not paused."""
    with open_beside_daemon(config.database) as db:
        return next((hold for hold in row_of(db).holds() if hold.state is SendingState.PAUSED), None)


def paused(config: Config, before: Sending | None) -> str:
    """Return the result of `pause` in a sentence; `before` is the earlier pause, None if there was none."""
    note = _(
        "An answer that has not gone {time} after its text came is cancelled.",
        time=wait_in_words(config.answer.max_age.total_seconds()),
    )
    return f"{_paused(before)} {note}"


def _paused(before: Sending | None) -> str:
    if before is None:
        return _("Paused: nothing is sent until somebody resumes.")
    by = before.by or _("somebody")
    if before.since is None:
        return _("It was paused already, by {by}: nothing is sent until somebody resumes.", by=by)
    return _(
        "It was paused already since {moment}, by {by}: nothing is sent until somebody resumes.",
        moment=moment(before.since),
        by=by,
    )


def is_ended_by_resume(config: Config) -> bool:
    """Tell whether `resume` has something to end: a pause, or the loss of the pseudonyms' key."""
    with open_beside_daemon(config.database) as db:
        return any(hold.state is SendingState.PAUSED or hold.reason in _LOST_KEYS for hold in row_of(db).holds())


def forgotten(config: Config) -> str:
    """Return what a `resume` makes the line forget, and how not to: a key is lost; empty if none is."""
    lost = HOLDS[HoldReason.KEY_LOST]
    with open_beside_daemon(config.database) as db:
        if row_of(db).key_lack is HoldReason.KEY_LOST:
            return f"{pseudonyms.lacking_file(db)}: {lost.words} {lost.cure}"
    return ""


def leaving(config: Config) -> str:
    """Return how many answers leave at a `resume`, and since when they wait or what holds them; empty if none does."""
    if not is_ended_by_resume(config):
        return ""
    with open_beside_daemon(config.database) as db:
        found = forecast.leaving(db, config.answer.max_age, db.now())
    if found.since is None:
        return ""
    if held := _maybe_held(config):
        return ngettext("{number} answer waits.", "{number} answers wait.", found.answers) + f" {held}"
    return ngettext(
        "{number} answer waits, since {moment}: it goes out.",
        "{number} answers wait, the first since {moment}: they go out.",
        found.answers,
        moment=moment(found.since),
    )


def _maybe_held(config: Config) -> str | None:
    """Return what goes on holding answers back after a `resume`, and its cure; None if nothing does."""
    trouble = (f"{each.words} {each.cure}" for each in report_line(config).trouble if each.code in _HOLD_ON)
    return next(trouble, None)


def resumed(config: Config, done: Resumed, *, was: bool, drops: bool = False) -> str:
    """Return the result of `resume` in a sentence; `was` says whether there was something to end."""
    if not was:
        effect = _("It was not paused.")
        effect += f" {_spared(config)}" if drops else ""
    elif report_line(config).alive:
        effect = _maybe_held(config) or _("Answers go out again.")
    else:
        effect = f"{NOT_RUNNING.words} {_when_started()}"
    if done.dropped:
        dropped = ngettext(
            "{number} answer that waited is cancelled.", "{number} answers that waited are cancelled.", done.dropped
        )
        effect = f"{dropped} {effect}"
    note = _("Another key is in use: numbers that were stored as pseudonyms count as new.") if done.another_key else ""
    return f"{effect} {note}".rstrip()


def _spared(config: Config) -> str:
    """Return how many answers a `resume --cancel` left, because nothing held them."""
    with open_beside_daemon(config.database) as db:
        waiting = forecast.leaving(db, config.answer.max_age, db.now()).answers
    return ngettext(
        "Nothing is cancelled: {number} answer waits for its time.",
        "Nothing is cancelled: {number} answers wait for their time.",
        waiting,
    )


def _when_started() -> str:
    return _("Answers go out again when you start it.")


def topped_up(config: Config, at: str, *, is_dated: bool) -> str:
    """Return the result of `sim topup` in a sentence; `is_dated` says whether the person gave a date."""
    report = report_line(config)
    holds = report.stored.holds if report.stored else ()
    if report.alive and any(hold.state is SendingState.TRIAL for hold in holds):
        note = _("The answers wait: the line tries one within five minutes.")
    elif not synchronised() and not is_dated:
        note = _("This clock is not synchronised: if that is another day, say so: `hotlined sim topup DATE`.")
    elif config.credit.valid_for is None:
        note = _("Set credit.valid_for, and the line warns you before its life ends.")
    else:
        note = ""
    until = valid_until(TopUp(at), config.credit.valid_for)
    if until:
        words = _("The SIM was topped up on {day}, and lasts until {end}.", day=day(at), end=day(until))
    else:
        words = _("The SIM was topped up on {day}.", day=day(at))
    return f"{words} {note}".rstrip()


def life(config: Config) -> Iterator[str]:
    """Yield when the SIM was last topped up and when it ends; nothing if `credit.valid_for` is not set."""
    report = report_line(config)
    if report.stored is None or config.credit.valid_for is None:
        return
    top_up, end = report.stored.top_up, report.stored.credit.valid_until
    if top_up is None or end is None:
        yield _("Nobody knows when the SIM was topped up last.") + " " + _(SIM_UNKNOWN)
        return
    yield _("Topped up: {said}; it lasts until {day}.", said=top_up_in_words(top_up), day=day(end))
    if trouble := report.maybe(TroubleCode.SIM_ENDS) or report.maybe(TroubleCode.SIM_ENDED):
        yield trouble.sentences


def changed(config: Config, verb: str, meant: AnswerMeant, state: str | None) -> str:
    """Return the result of `requeue` or `cancel` in a sentence.

    `state` is None if the answer was changed. Otherwise it says why not: the answer's state, `none` (there is no
    answer), `erased` (its text or its number is erased), or a `Reason` for which the number is refused.
    Raises RefusedError for each of these, and HotlinedError if there is no such contact or text.
    """
    if state == "none":
        if meant.by_hand:
            raise no_text_by_hand(meant.row_id)
        with open_beside_daemon(config.database) as db:
            if log.maybe_contact(db, meant.row_id) is None:
                raise no_contact(meant.row_id)
        raise RefusedError(
            _("Contact {number} has no answer.", number=meant.row_id),
            _("`hotlined show {number}` says why.", number=meant.row_id),
        )
    by_hand_id = log.by_hand_id(meant.row_id)
    if state in list(Reason):
        raise _refused(*refusal_in_words(state, None))
    if state:
        if meant.by_hand:
            text = _("The text {id}", id=by_hand_id)
        else:
            text = _("The answer to contact {number}", number=meant.row_id)
        raise RefusedError(
            _("{text} is erased.", text=text) if state == "erased" else fate_in_words(text, state), _WHICH[verb]
        )
    if meant.by_hand:
        return _CHANGED_BY_HAND[verb].format(id=by_hand_id)
    words = _CHANGED[verb].format(number=meant.row_id)
    if verb == "requeue" and (due := _maybe_due(config, meant.row_id)):
        words += " " + _("It keeps its time: {moment}.", moment=clock_time(due))
    return words


def perhaps_sent(config: Config, since: str) -> PerhapsSent:
    """Return what `requeue --since` would send again."""
    with open_beside_daemon(config.database) as db:
        return verdicts.perhaps_sent(db, since, blocked=config.numbers.blocked)


def requeue_question(found: PerhapsSent) -> Iterator[str]:
    """Yield what `requeue --since` asks: how many it would send again, from when, and whom it leaves out."""
    assert found.first_at
    yield ngettext(
        "{number} answer was perhaps sent, at {moment}: it is sent again.",
        "{number} answers were perhaps sent, the first at {moment}: they are sent again, one for each number.",
        found.again,
        moment=moment(found.first_at),
    )
    yield from _left_out(found)
    yield ngettext(
        "It may have arrived: then its recipient gets it twice. Send it again?",
        "Some may have arrived: then their recipients get them twice. Send them again?",
        found.again,
    )


def requeued_since(found: PerhapsSent) -> str:
    """Return the result of `requeue --since` in a sentence."""
    if found.again:
        words = ngettext("{number} answer is queued again.", "{number} answers are queued again.", found.again)
    else:
        words = _("Nothing that was perhaps sent since then can be sent again.")
    return " ".join((words, *_left_out(found)))


def _left_out(found: PerhapsSent) -> Iterator[str]:
    """Yield how many numbers `requeue --since` leaves out, and why; nothing if there are none."""
    if found.left_out:
        whom = in_row(_LEFT_OUT[why](found.left_out[why]) for why in _LEFT_OUT if why in found.left_out)
        yield _("Left out: {whom}.", whom=whom)


def _maybe_due(config: Config, contact_id: int) -> str | None:
    """Return the time at which the answer to a contact is due, in RFC 3339; None if that has passed."""
    with open_beside_daemon(config.database) as db:
        contact = log.maybe_contact(db, contact_id)
    answer = contact.answer if contact else None
    return answer.due_at if answer and answer.waiting_for == WaitingFor.DUE else None


def withdrawn(text: TextByHand | None = None, state: str | None = None) -> str:
    """Return the result of Ctrl-C during a sending in a sentence.

    `text` is the text that the daemon had queued, None if it had queued nothing. `state` is None if the text was
    cancelled; otherwise it is the state that made this impossible.
    """
    if text and state:
        fate = fate_in_words(_("The text {id}", id=text.id), state)
        return f"{fate} " + _("It cannot be withdrawn any more.")
    if text and text.answer.segments_sent:
        return _("Withdrawn; a part of it has left.")
    return _("Withdrawn: nothing has left.")


def result(progress: RequestProgress) -> str:
    """Return the result of a request that the daemon has dealt with; raises RefusedError if it was not carried out.

    A text that was tried, and has failed or was perhaps sent, raises HotlinedError.
    """
    if progress.state is not RequestState.DONE:
        words, cure = refusal_in_words(progress.result or "", progress.detail)
        raise HotlinedError(sentence(words), cure) if progress.result == Refusal.NOT_SENT else _refused(words, cure)
    return progress.result or ""


def _refused(words: str, cure: str) -> RefusedError:
    """Return the error for a refusal by a rule."""
    return RefusedError(sentence(_("Refused: {words}", words=words)), cure)


def tagged(contact_id: int, word: str, *, news: bool | None) -> str:
    """Return the result of `tag` in a sentence; raises HotlinedError if there is no such contact (`news` is None)."""
    if news is None:
        raise no_contact(contact_id)
    said = {"number": contact_id, "word": tag_in_words(word)}
    if word == THREAT:
        if news:
            return _("Contact {number} is tagged {word}, and kept.", **said)
        return _("Contact {number} was already tagged {word}, and is kept.", **said)
    if news:
        return _("Contact {number} is tagged {word}.", **said)
    return _("Contact {number} was already tagged {word}.", **said)


def sorted_meanwhile(db: Database, contact_id: int, by: str) -> str:
    """Return the sentence for a tag that was not put on: another person changed the tags after they were shown."""
    contact = log.maybe_contact(db, contact_id)
    tags = ", ".join(map(tag_in_words, contact.tags)) if contact else ""
    return _(
        "{by} has sorted contact {number} meanwhile: {tags}. Nothing was changed.",
        number=contact_id,
        by=by or _("Somebody"),
        tags=tags or _("no tag"),
    )


def told(config: Config, contact_id: int, *, news: bool | None) -> str:
    """Return the result of asking the admin to look at a contact: who hears of it, and whether an answer waits.

    Raises HotlinedError if there is no such contact (`news` is None).
    """
    if news is None:
        raise no_contact(contact_id)
    if not alerts_reach_somebody(config):
        said = _("Contact {number} is on the first page of the admin, and no alert tells of it.", number=contact_id)
        call = _("Call {person}.", person=config.web.ask) if config.web.ask else _("In danger, call 112.")
        return f"{said} {call}"
    if not news:
        return _("The admin has heard of contact {number} within the last hour.", number=contact_id)
    said = _("The admin will hear of contact {number} within five minutes.", number=contact_id)
    with open_beside_daemon(config.database) as db:
        waits = tells.maybe_waits(db, contact_id)
    return f"{said} " + _("An answer to it waits: the alert says so.") if waits else said


def seen(contact_id: int, *, found: bool) -> str:
    """Return the result of `seen`; raises HotlinedError if there is no such contact."""
    if not found:
        raise no_contact(contact_id)
    return _("Contact {number} waits for no admin any more.", number=contact_id)


def untagged(contact_id: int, word: str, *, news: bool | None) -> str:
    """Return the result of `tag --remove`; raises HotlinedError if there is no such contact (`news` is None)."""
    if news is None:
        raise no_contact(contact_id)
    if news:
        return _("Contact {number} is no longer tagged {word}.", number=contact_id, word=tag_in_words(word))
    return _("Contact {number} was not tagged {word}.", number=contact_id, word=tag_in_words(word))


def kept(config: Config, contact_id: int, *, news: bool | None) -> str:
    """Return the result of `keep` in a sentence; raises HotlinedError if there is no such contact (`news` is None)."""
    if news is None:
        raise no_contact(contact_id)
    if not news:
        with open_beside_daemon(config.database) as db:
            contact = log.maybe_contact(db, contact_id)
        if contact and contact.kept:
            return kept_already(contact)
    return _("Contact {number} is kept, however old it becomes.", number=contact_id)


def kept_already(contact: WholeContact) -> str:
    """Return the sentence that a contact is kept already, by whom and since when."""
    assert contact.kept
    by, at = contact.kept.by, moment(contact.kept.at)
    return _("Contact {number} is kept already, by {by} since {moment}.", number=contact.id, by=by, moment=at)


def kept_no_more(contact_id: int, *, found: bool) -> str:
    """Return the result of `keep --undo` in a sentence; raises HotlinedError if there is no such contact."""
    if not found:
        raise no_contact(contact_id)
    return _("Contact {number} is no longer kept: it will be erased like any other.", number=contact_id)


def skipped(contact_id: int, *, found: bool) -> str:
    """Return the result of skipping a contact in the review; raises HotlinedError if there is no such contact."""
    if not found:
        raise no_contact(contact_id)
    return _("Contact {number} is skipped: it comes last in the inbox.", number=contact_id)
