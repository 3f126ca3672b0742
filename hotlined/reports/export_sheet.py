"""The export of a number as labels and values, for a person who asks what the line stores about them."""

from collections.abc import Iterator
from datetime import datetime

from hotlined.documents import LoggedAnswer, WholeContact
from hotlined.language import _, labelled, pgettext
from hotlined.machine.clock import rfc3339
from hotlined.reports.number import decided_elsewhere
from hotlined.store.people.export import Export, ExportedRequest, ExportedText
from hotlined.words.columns import inner
from hotlined.words.reasons import STATES, VERDICTS, reason_in_words
from hotlined.words.states import EVENTS, KINDS, REQUEST_STATES, SEGMENT_KINDS, event_in_words
from hotlined.words.tags import tag_in_words
from hotlined.words.times import exact, maybe_exact


def sheet(export: Export, now: datetime) -> Iterator[tuple[str, str | None]]:
    """Yield everything that is stored, as labels and values; the moment of writing is first, for the printed sheet."""
    yield from _head(export, now)
    yield _("number"), export.number
    yield _("pseudonym"), export.pseudonym
    if decided := export.decided:
        if decided.blocked_at:
            by = _("by {by}, {moment}", by=decided.blocked_by, moment=exact(decided.blocked_at))
            yield _("blocked"), by
        yield _("opted out"), maybe_exact(decided.opted_out_at)
    for said in export.elsewhere:
        yield _("elsewhere"), labelled(said.line, decided_elsewhere(said))
    yield _("in the fleet"), export.fleet_pseudonym
    for contact in export.contacts:
        yield from _contact(contact)
    for answer in export.by_hand:
        yield _("text by hand"), f"{answer.id}: {_queued(answer)}"
        yield inner(_("to")), answer.recipient
        yield inner(_("text")), answer.text
        yield inner(_("sent")), maybe_exact(answer.sent_at)
    for segment in export.segments:
        yield _("segment"), f"{SEGMENT_KINDS.get(segment.kind, segment.kind)}, {exact(segment.received_at)}"
        yield inner(_("bytes")), segment.pdu
    for request in export.requests:
        yield _("request"), _request(request)
        for name, value in request.arguments.items():
            yield f"  {name}", value
        yield "  result", request.result
    for event in export.events:
        what = f"{EVENTS.get(event.kind, event.kind)} {event_in_words(event)}".rstrip()
        yield _("event"), _("{moment}: {what}", moment=exact(event.at), what=what)


def _head(export: Export, now: datetime) -> Iterator[tuple[str, str | None]]:
    written, zone = exact(rfc3339(now)), f"{now:%Z}"
    yield _("written"), _("{moment}; all times here are local ({zone})", moment=written, zone=zone)
    if export.segments or any(each.parts or (each.answer and each.answer.parts) for each in export.contacts):
        yield _("bytes"), _("a message byte by byte, as the network delivered or took it")


def _contact(contact: WholeContact) -> Iterator[tuple[str, str | None]]:
    places = {"number": contact.id, "kind": KINDS[contact.kind], "line": contact.line}
    yield _("contact"), _("{number}: {kind} on line {line}", **places) + f", {exact(contact.received_at)}"
    yield inner(_("from")), contact.originator
    yield inner(pgettext("address", "other")), contact.other_originator
    yield inner(_("text")), contact.text
    yield inner(pgettext("time", "network")), maybe_exact(contact.scts)
    yield inner(_("decision")), VERDICTS[contact.verdict]
    yield inner(_("because")), reason_in_words(contact.reason)
    yield inner(_("tags")), " ".join(map(tag_in_words, contact.tags))
    for part in contact.parts:
        yield inner(_("bytes")), part.pdu
    if answer := contact.answer:
        yield inner(_("answer")), _queued(answer)
        yield inner(_("its text")), answer.text
        for sent in answer.parts:
            yield inner(_("its bytes")), sent.pdu


def _queued(answer: LoggedAnswer | ExportedText) -> str:
    return _("{state}, queued {moment}", state=STATES[answer.state], moment=exact(answer.queued_at))


def _request(request: ExportedRequest) -> str:
    return _(
        "{command} by {by}, {moment}: {state}",
        command=request.verb,
        by=request.who,
        moment=exact(request.created_at),
        state=REQUEST_STATES[request.state],
    )
