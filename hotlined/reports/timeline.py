"""A contact step by step, in order of time: arrival, decision and reason, each step of the answer, people's acts."""

from collections.abc import Iterator
from dataclasses import dataclass

from hotlined.documents import ReceivedPart, ShownEvent, WholeContact
from hotlined.language import N_, Phrases, _
from hotlined.states import AnswerState, ContactKind, ContactVerdict, EventKind, SegmentState
from hotlined.store.line.line_row import Sending
from hotlined.words.reasons import SEGMENT_STATES, answer_in_words, cause_in_words, reason_in_words
from hotlined.words.states import KINDS, event_in_words
from hotlined.words.times import clock_time

_CAME = Phrases(
    {
        ContactKind.TEXT: N_("The text came."),
        ContactKind.CALL: N_("The call came."),
        ContactKind.MMS: N_("The notice of a photo message came."),
    }
)
_EVENTS: Phrases[str] = Phrases(
    {
        EventKind.TAG: N_("Tagged {detail}"),
        EventKind.UNTAG: N_("Tag taken off: {detail}"),
        EventKind.KEEP: N_("Kept {detail}"),
        EventKind.UNKEEP: N_("No longer kept, {detail}"),
        EventKind.SKIP: N_("Skipped {detail}"),
        EventKind.TOLD: N_("The admin is asked to look {detail}"),
        EventKind.ALERTED: N_("The admin was informed {detail}"),
        EventKind.SEEN: N_("Seen {detail}"),
        EventKind.CANCEL: N_("Answer cancelled {detail}"),
        EventKind.REQUEUE: N_("Answer queued again {detail}"),
        EventKind.SET_ASIDE: N_("Set aside: {detail}"),
    }
)
"""The sentence for each kind of event; `detail` is the person or the tag, or the step that the program failed at."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its moment (None if only its place in the order is known), a sentence, and a text that goes with it."""

    at: str | None
    words: str
    text: str | None = None


def timeline(contact: WholeContact, sending: Sending) -> list[Step]:
    """Return the steps of a contact in the order of time; a step without a time follows the step that caused it."""
    steps = [*_arrival(contact), *_answer(contact), *_people(contact, sending)]
    arrived = max((part.received_at for part in contact.parts), default=contact.received_at)
    answer = contact.answer
    decided = max(arrived, answer.queued_at) if answer else arrived
    timed = [(step.at or decided, step) for step in steps]
    timed.sort(key=lambda pair: pair[0])
    return [*(step for _, step in timed), *_end(contact)]


def _arrival(contact: WholeContact) -> Iterator[Step]:
    parts = contact.parts
    came = _CAME.get(contact.kind) or _("A contact came ({kind}).", kind=KINDS[contact.kind])
    if not parts:
        yield Step(contact.received_at, came)
    for part in parts:
        yield Step(part.received_at, _part_came(contact, part, came))
    if contact.verdict is None:
        yield Step(None, _("Not decided yet."))
        return
    reason = reason_in_words(contact.reason)
    if contact.verdict == ContactVerdict.ANSWER:
        yield Step(None, _("It is to be answered: {reason}.", reason=reason))
    else:
        yield Step(None, _("No answer: {reason}.", reason=reason))


def _part_came(contact: WholeContact, part: ReceivedPart, came: str) -> str:
    total = contact.segments.total
    if total > 1 and part.sequence:
        which = {"number": part.sequence, "total": total}
        if part.repeat:
            return _("Segment {number} of {total} came again.", **which)
        return _("Segment {number} of {total} came.", **which)
    return _("{came} It is a copy: the network or the modem had it twice.", came=came) if part.repeat else came


def _answer(contact: WholeContact) -> Iterator[Step]:
    answer = contact.answer
    if not answer:
        return
    queued = _("The answer is queued, to go at {moment}.", moment=clock_time(answer.due_at))
    yield Step(answer.queued_at, queued, answer.text)
    several = len({part.sequence for part in answer.parts}) > 1
    for part in answer.parts:
        what = _("Segment {number} of the answer", number=part.sequence) if several else _("The answer")
        if not part.current:
            what = _("{what} (an earlier attempt)", what=what)
        if part.submitted_at:
            yield Step(part.submitted_at, _("{what} is given to the modem.", what=what))
        if part.sent_at:
            yield Step(part.sent_at, _("{what}: the network took it.", what=what))
        fate = SEGMENT_STATES[part.state]
        if part.reported_at:
            yield Step(part.reported_at, _("{what}: the network reports that it is {fate}.", what=what, fate=fate))
        elif part.submitted_at and not part.sent_at and part.state != SegmentState.SUBMITTING:
            yield Step(part.submitted_at, _("{what}: {fate}.", what=what, fate=fate))


def _end(contact: WholeContact) -> Iterator[Step]:
    """Yield the final state of an answer, if none of its steps says it."""
    answer = contact.answer
    if answer and answer.state == AnswerState.CANCELLED:
        yield Step(None, _("The answer is cancelled: {reason}.", reason=cause_in_words(answer.reason)))


def event_sentence(event: ShownEvent) -> str:
    """Return the sentence for an event: a person's act, or a failure of the program."""
    known = _EVENTS.get(event.kind) or f"{event.kind.replace('_', ' ').capitalize()}: {{detail}}"
    return f"{known.format(detail=event_in_words(event)).rstrip(' :')}."


def _people(contact: WholeContact, sending: Sending) -> Iterator[Step]:
    for event in contact.events:
        yield Step(event.at, event_sentence(event))
    for text in contact.by_hand:
        words = _(
            "{by} sent this number a text by hand ({id}, {command}): {fate}.",
            id=text.id,
            by=text.asked_by,
            command=text.kind,
            fate=answer_in_words(text.answer, sending.state),
        )
        yield Step(text.answer.queued_at, words, text.answer.text)
