"""`/contact/ID`: a contact step by step, everything that is stored of it, and what may be decided about it."""

from flask import render_template
from werkzeug.exceptions import NotFound

from hotlined.desk.roles import Role
from hotlined.desk.routes import CONTACT_ID, Page
from hotlined.desk.visit import line, looked_at, reading
from hotlined.language import N_
from hotlined.reports.contact import facts, outcome, shown
from hotlined.reports.decided import no_contact
from hotlined.reports.line import sending_now
from hotlined.reports.timeline import timeline
from hotlined.states import REPEATABLE, AnswerState, ContactKind
from hotlined.store.answers import decisions
from hotlined.store.line.line import sending_of
from hotlined.store.reading import log
from hotlined.words.tags import TAG_KEYS

_CAME = {
    ContactKind.TEXT: N_("Text from {sender}, {moment}"),
    ContactKind.CALL: N_("Call from {sender}, {moment}"),
    ContactKind.MMS: N_("MMS from {sender}, {moment}"),
    ContactKind.DATA: N_("Data from {sender}, {moment}"),
    ContactKind.SERVICE: N_("Service message from {sender}, {moment}"),
    ContactKind.UNREADABLE: N_("Unreadable message from {sender}, {moment}"),
}
"""What came, from whom and when."""


def show(contact_id: int) -> str:
    """Show a contact."""
    with reading() as db:
        found, sending = log.maybe_contact(db, contact_id), sending_now(line(), sending_of(db))
        if found is None:
            raise NotFound(no_contact(contact_id).message)
        contact = shown(db, line(), found)
        tags = decisions.tags_in_use(db)
    looked_at(contact_id)
    state = contact.answer and contact.answer.state
    return render_template(
        "contact.html",
        contact=contact,
        outcome=outcome(contact, sending),
        steps=timeline(contact, sending),
        facts=[(label, value) for label, value in facts(contact, sending) if value],
        tags=tags,
        came=_CAME,
        can_be_cancelled=state == AnswerState.QUEUED,
        can_be_repeated=state in REPEATABLE,
        words=[word for word in TAG_KEYS.values() if word not in contact.tags],
    )


PAGES = (Page(f"/contact/{CONTACT_ID}", "contact", Role.READER, show),)
