"""A contact as a story: what came, what was decided and why, each step of its answer, what people did, in time."""

from collections.abc import Iterator
from dataclasses import dataclass

from hotlined.reports.contact import Contact
from hotlined.states import AnswerState, ContactKind, ContactVerdict, SegmentState
from hotlined.store.line import Sending
from hotlined.words.reasons import SEGMENT_STATES, answer_in_words, reason_in_words
from hotlined.words.times import clock_time

_CAME = {
    ContactKind.TEXT: "The text came",
    ContactKind.CALL: "The call came",
    ContactKind.MMS: "The notice of a picture message came",
}
_EVENTS = {
    "tag": "Tagged {detail}",
    "untag": "Tag taken off: {detail}",
    "keep": "Kept {detail}",
    "unkeep": "No longer kept, {detail}",
    "cancel": "Answer cancelled {detail}",
    "look": "Looked at {detail}",
    "requeue": "Answer queued again {detail}",
}
"""What people did, by the kind of its event; `detail` names them."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: when, None where only its place is known, in words, and a text that belongs to it."""

    at: str | None
    words: str
    text: str | None = None


def story(contact: Contact, sending: Sending) -> list[Step]:
    """Return the steps of a contact of `show --json`, in time; what has no time of its own follows what it came of."""
    steps = [*_arrival(contact), *_answer(contact), *_people(contact, sending)]
    arrived = max((part["received_at"] for part in contact["parts"]), default=contact["received_at"])
    answer = contact["answer"]
    decided = max(arrived, answer["queued_at"]) if answer else arrived
    timed = [(step.at or decided, step) for step in steps]
    timed.sort(key=lambda pair: pair[0])
    return [*(step for _, step in timed), *_end(contact)]


def _arrival(contact: Contact) -> Iterator[Step]:
    parts, total = contact["parts"], contact["segments"]["total"]
    came = _CAME.get(contact["kind"], f"The {contact['kind']} came")
    if not parts:
        yield Step(contact["received_at"], f"{came}.")
    for part in parts:
        which = f"Segment {part['sequence']} of {total}" if total > 1 and part["sequence"] else ""
        words = f"{which} came" if which else came
        yield Step(part["received_at"], f"{words}, again." if part["repeat"] else f"{words}.")
    if contact["verdict"] is None:
        yield Step(None, "Not decided yet.")
        return
    decided = "It is to be answered" if contact["verdict"] == ContactVerdict.ANSWER else "No answer"
    yield Step(None, f"{decided}: {reason_in_words(contact['reason'])}.")


def _answer(contact: Contact) -> Iterator[Step]:
    answer = contact["answer"]
    if not answer:
        return
    yield Step(answer["queued_at"], f"The answer is queued, to go at {clock_time(answer['due_at'])}.", answer["text"])
    several = len({part["sequence"] for part in answer["parts"]}) > 1
    for part in answer["parts"]:
        what = f"Segment {part['sequence']} of the answer" if several else "The answer"
        earlier = "" if part["current"] else " (an earlier attempt)"
        if part["submitted_at"]:
            yield Step(part["submitted_at"], f"{what} is given to the modem{earlier}.")
        if part["sent_at"]:
            yield Step(part["sent_at"], f"{what}: the network took it{earlier}.")
        if part["reported_at"]:
            fate = SEGMENT_STATES[SegmentState(part["state"])]
            yield Step(part["reported_at"], f"{what}: the network reports that it is {fate}{earlier}.")
        elif part["submitted_at"] and not part["sent_at"] and part["state"] != SegmentState.SUBMITTING:
            yield Step(part["submitted_at"], f"{what}: {SEGMENT_STATES[SegmentState(part['state'])]}{earlier}.")


def _end(contact: Contact) -> Iterator[Step]:
    """Yield what became of an answer where none of its steps says so."""
    answer = contact["answer"]
    if answer and answer["state"] == AnswerState.CANCELLED:
        yield Step(None, f"The answer is cancelled: {reason_in_words(answer['reason'])}.")


def _people(contact: Contact, sending: Sending) -> Iterator[Step]:
    for event in contact["events"]:
        known = _EVENTS.get(event["kind"], f"{event['kind'].replace('_', ' ').capitalize()}: {{detail}}")
        yield Step(event["at"], f"{known.format(detail=event['detail'] or '').rstrip(' :')}.")
    for text in contact["by_hand"]:
        fate = answer_in_words(text["answer"], sending.state)
        words = f"{text['asked_by']} sent this number a text by hand ({text['kind']}): {fate}."
        yield Step(text["answer"]["queued_at"], words, text["answer"]["text"])
