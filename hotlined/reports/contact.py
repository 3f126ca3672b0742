"""Contacts in the form of `log --json` and `show --json`, and in words.

If an answer is not composed yet, they have the text that the present configuration would give it.
"""

import json
from collections.abc import Iterable, Iterator
from sqlite3 import Row

from hotlined.config import Config
from hotlined.documents import (
    ListedContact,
    ListedTextByHand,
    LoggedAnswer,
    LoggedContact,
    PreviewedAnswer,
    PreviewedContact,
    ReceivedPart,
    ShownAnswer,
    ShownContact,
    WholeAnswer,
    WholeContact,
    WholeTextByHand,
    WordingPlace,
)
from hotlined.forms import extended
from hotlined.gsm.alphabet import plan
from hotlined.language import N_, NP_, _, in_row, ngettext
from hotlined.reports.stored import sending_now
from hotlined.reports.text import place_in_words
from hotlined.states import AnswerState, ContactKind, ContactVerdict
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of
from hotlined.store.line.line_row import FREE, Sending, row_of
from hotlined.store.reading import log as contact_log
from hotlined.words.columns import inner
from hotlined.words.reasons import (
    SEGMENT_STATES,
    VERDICTS,
    answer_in_words,
    briefly,
    cause_in_words,
    problem_in_words,
    reason_in_words,
)
from hotlined.words.states import EVENTS, KINDS, SEGMENT_KINDS, event_in_words
from hotlined.words.tags import tag_in_words
from hotlined.words.times import maybe_moment, moment


def entry(db: Database, config: Config, row: Row) -> PreviewedContact:
    """Return the document that `log --json` prints for a row of the view `log`."""
    contact = contact_log.entry(row)
    answer = extended(PreviewedAnswer, contact.answer, **_preview(db, config, contact)) if contact.answer else None
    return extended(PreviewedContact, contact, answer=answer)


def shown(db: Database, config: Config, contact: WholeContact) -> ShownContact:
    """Return the document that `show --json` prints for a contact."""
    answer = None
    if contact.answer:
        more = _preview(db, config, contact)
        answer = extended(ShownAnswer, contact.answer, wording=_maybe_wording(db, config, contact), **more)
    return extended(ShownContact, contact, answer=answer)


def _preview(db: Database, config: Config, contact: LoggedContact) -> dict[str, object]:
    """Return whether an answer is composed; if it is not, also the text, encoding and segments that it would have now.

    The three are left out if the configuration has no text for it.
    """
    answer = contact.answer
    assert answer
    composed = answer.encoding is not None
    if composed or answer.state is not AnswerState.QUEUED:
        return {"composed": composed}
    answers, country, draw = _chosen_by(db, contact.originator, answer)
    chosen = config.answer.maybe_choose(answers, country, draw)
    if chosen is None:
        return {"composed": False}
    planned = plan(chosen.text, config.answer.encoding)
    return {"composed": False, "text": planned.text, "encoding": planned.encoding, "segments": planned.segments}


def maybe_answer_text(db: Database, config: Config, contact: LoggedContact) -> str | None:
    """Return the text of a contact's answer; before it is composed, the text that today's configuration gives it."""
    text = _preview(db, config, contact).get("text", contact.answer.text) if contact.answer else None
    return None if text is None else str(text)


def _maybe_wording(db: Database, config: Config, contact: LoggedContact) -> WordingPlace | None:
    """Return which of the line's texts an answer has, or would have if it were composed now.

    It is None if the line has only one text, and for an answer that ended before it had a text.
    """
    answer = contact.answer
    assert answer
    place = contact_log.maybe_place(db, answer.id)
    if place is None and answer.state is AnswerState.QUEUED:
        answers, country, draw = _chosen_by(db, contact.originator, answer)
        chosen = config.answer.maybe_choose(answers, country, draw)
        place = contact_log.Place(answers, chosen.variant, chosen.country) if chosen else None
    if place and (len(config.answer.texts) > 1 or place.variant or place.country):
        return WordingPlace(place.step + 1, place.variant + 1, place.country)
    return None


def _chosen_by(db: Database, originator: str | None, answer: LoggedAnswer) -> tuple[int, str | None, int]:
    """Return the values that choose a text: the earlier answers to the number, its country, the random draw."""
    history = history_of(db, originator, without=answer.id)
    return history.answers, *contact_log.chosen_by(db, answer.id)


def rows_for_people(
    db: Database, config: Config, rows: Iterable[Row], known: Sending | None = None
) -> Iterator[ListedContact]:
    """Yield contacts for a list, with their alert words, their outcome in words, and whether a person keeps them.

    `known` is what keeps answers back, if the caller has read it already; None reads it from the database.
    """
    for row in rows:
        contact = contact_log.entry(row)
        waits = contact.answer and contact.answer.waiting_for
        sending = (
            sending_now(config, known or row_of(db).sending()) if waits else FREE
        )  # only a waiting answer needs it
        yield extended(
            ListedContact,
            contact,
            kept=bool(row["kept"]),
            alert_words=tuple(json.loads(row["alert_words"] or "[]")),
            outcome=outcome(contact, sending),
        )


def texts_for_people(db: Database, config: Config, rows: Iterable[Row]) -> Iterator[ListedTextByHand]:
    """Yield texts by hand, with their outcome in words."""
    sending = sending_now(config, row_of(db).sending())
    for row in rows:
        text = contact_log.by_hand_entry(row)
        yield extended(ListedTextByHand, text, outcome=answer_in_words(text.answer, sending.state))


def outcome(contact: LoggedContact, sending: Sending) -> str:
    """Return the outcome of a contact in words: the state of its answer, or why it has none."""
    if contact.answer:
        return answer_in_words(contact.answer, sending.state)
    reason = maybe_why_not(contact)
    return _("no answer: {reason}", reason=reason) if reason else VERDICTS[None]


def sender(contact: LoggedContact) -> str:
    """Return the number, name or short code of a contact; in words if it is withheld or unreadable."""
    nobody = _("unknown") if contact.kind == ContactKind.UNREADABLE else _("withheld")
    return contact.originator or nobody


def maybe_why_not(contact: LoggedContact) -> str | None:
    """Return in a few words why a contact gets no answer; None if it has one or may still get one."""
    answer = contact.answer
    if answer is None:
        return briefly(contact.reason) or None
    return briefly(answer.reason) if answer.state == AnswerState.CANCELLED else None


def facts(contact: WholeContact, sending: Sending) -> Iterator[tuple[str, str | None]]:
    """Yield everything that is known of a contact, as labels and values; an unknown value is None."""
    kind = KINDS[contact.kind]
    yield (
        _("contact"),
        _("{number}: {kind} on line {line}", number=contact.id, kind=kind, line=contact.line),
    )
    yield _("from"), sender(contact)
    yield _("other address"), contact.other_originator
    yield _("received"), moment(contact.received_at)
    yield _("network's time"), maybe_moment(contact.scts)
    yield _("text"), contact.text
    yield _("alert words"), ", ".join(contact.alert_words)
    yield _("segments"), _segments(contact)
    yield _("tags"), " ".join(map(tag_in_words, contact.tags))
    yield _("outcome"), outcome(contact, sending)
    if contact.verdict == ContactVerdict.ANSWER:  # the outcome already has the words of any other verdict
        yield _("decision"), VERDICTS[contact.verdict]
    yield inner(_("because")), reason_in_words(contact.reason)
    if kept := contact.kept:
        yield _("kept"), _("by {by}, {moment}", by=kept.by, moment=moment(kept.at))
    for number, part in enumerate(contact.parts, 1):
        yield _("part {number}", number=number), _part(part)
        yield inner(_("problem")), problem_in_words(part.problem)
        yield inner(_("bytes")), part.pdu
    if answer := contact.answer:
        yield from _answer_facts(answer, sending)
    for text in contact.by_hand:
        fate, at = answer_in_words(text.answer, sending.state), moment(text.answer.queued_at)
        by = _("{by} ({command}): {fate}, {moment}", by=text.asked_by, command=text.kind, fate=fate, moment=at)
        yield _("by hand"), f"{text.id}: {by}"
        yield inner(_("text")), text.answer.text
    for event in contact.events:
        what = EVENTS.get(event.kind, event.kind.replace("_", " "))
        yield _("event"), " ".join(filter(None, (moment(event.at), what, event_in_words(event))))


def by_hand_facts(text: WholeTextByHand, sending: Sending) -> Iterator[tuple[str, str | None]]:
    """Yield everything that is known of a text by hand, as labels and values."""
    yield _("text by hand"), f"{text.id}: {answer_in_words(text.answer, sending.state)}"
    yield _("to"), text.recipient
    yield _("by"), f"{text.asked_by} ({text.kind})"
    yield from _fate_facts(text.answer)


def _segments(contact: LoggedContact) -> str:
    repeats = contact.repeats
    return ngettext(
        "{received} of {total}; {number} copy",
        "{received} of {total}; {number} copies",
        repeats,
        received=contact.segments.received,
        total=contact.segments.total,
    )


def _part(part: ReceivedPart) -> str:
    storage = f"{part.storage} {part.storage_index}" if part.storage else _("handed over directly")
    deleted_at = part.deleted_at
    known = [SEGMENT_KINDS.get(part.kind, part.kind), _("sequence {number}", number=part.sequence or "-")]
    known += [_("a copy")] if part.repeat else []
    deleted = _("deleted {moment}", moment=moment(deleted_at)) if deleted_at else _("not deleted yet")
    return in_row((", ".join(known), f"{storage}, {deleted}"))


def _answer_facts(answer: WholeAnswer, sending: Sending) -> Iterator[tuple[str, str | None]]:
    fate = answer_in_words(answer, sending.state)
    yield _("answer"), _("{number}: {fate}", number=answer.id, fate=fate)
    yield from _fate_facts(answer)


def _fate_facts(answer: WholeAnswer) -> Iterator[tuple[str, str | None]]:
    """Yield the text of an answer or of a text by hand, and its outcome."""
    yield inner(_("because")), cause_in_words(answer.reason)
    yield inner(_("text")), answer.text
    if isinstance(answer, ShownAnswer) and (wording := answer.wording):
        place = place_in_words(wording.answer - 1, wording.variant - 1, wording.country)
        yield inner(_("which")), place
    if answer.segments:
        yield inner(_("segments")), _answer_segments(answer)
    yield (
        inner(_("queued")),
        _("{moment}, to go {due}", moment=moment(answer.queued_at), due=moment(answer.due_at)),
    )
    yield inner(_("sent")), maybe_moment(answer.sent_at)
    yield inner(_("reported")), maybe_moment(answer.reported_at)
    for part in answer.parts:
        state = SEGMENT_STATES[part.state]
        first = state if part.current else _("{state} (an earlier attempt)", state=state)
        known = [cause_in_words(part.cause)] if part.cause else []
        known += [f"{_(name)} {getattr(part, key)}" for name, key in _FATE if getattr(part, key) is not None]
        known += [_("detail: {words}", words=words)] if (words := problem_in_words(part.detail)) else []
        known += [f"{_(name)} {moment(getattr(part, key))}" for name, key in _FATE_AT if getattr(part, key) is not None]
        yield inner(_("part {number}", number=part.sequence)), in_row([first, *known])
        yield inner(inner(_("bytes"))), part.pdu


def _answer_segments(answer: WholeAnswer) -> str:
    places = {"sent": answer.segments_sent, "segments": answer.segments, "encoding": answer.encoding}
    if not isinstance(answer, ShownAnswer) or answer.composed:
        return _("{sent} of {segments} sent, in {encoding}", **places)
    return _("{sent} of {segments} sent; by the configuration in force, in {encoding}", **places)


_FATE = (
    (N_("reference"), "mr"),
    (N_("status"), "report_status"),
)
_FATE_AT = (
    (NP_("segment", "submitted"), "submitted_at"),
    (NP_("segment", "sent"), "sent_at"),
    (NP_("segment", "reported"), "reported_at"),
    (NP_("segment", "discharged"), "discharged_at"),
)
