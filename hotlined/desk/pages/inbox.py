"""`/inbox`: texts that wait for a person, threats first, one after the other, for a thumb or a key."""

from collections.abc import Sequence
from itertools import islice

from flask import render_template, request

from hotlined.config import Role
from hotlined.desk.pages.thread import Item, Side, deciding, items_of
from hotlined.desk.routes import Page
from hotlined.desk.visit import line, looked_at, reading
from hotlined.documents import WholeContact
from hotlined.language import N_
from hotlined.reports import typed
from hotlined.reports.review import maybe_before
from hotlined.reports.stored import sending_now
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of
from hotlined.store.reading import log, review


def show() -> str:
    """Show the first text of the queue, or the text in the address (`here`) while it has no tag."""
    here = _maybe_contact_id("here")
    every = bool(request.args.get("all"))
    before: Sequence[Item] = ()
    with reading() as db:
        contact = log.maybe_contact(db, here) if here else None
        queue = review.queue(db, every=every)
        waiting = [*(islice(queue, 1) if every else queue)]  # with `all` there may be too many to count for a page
        if contact is None or contact.tags or contact.text is None:
            contact = log.maybe_contact(db, waiting[0]) if waiting else None
        if contact:
            before = _before(db, contact)
        asked = deciding(db, contact.id if contact else 0)
    if contact:
        looked_at(contact.id)
    left = None if every else len(waiting)
    return render_template(
        "inbox.html",
        contact=contact,
        before=before,
        left=left,
        every=every,
        fields={"contact_id": contact.id, "then": "inbox", **({"all": 1} if every else {})} if contact else {},
        **asked,
    )


def _before(db: Database, contact: WholeContact) -> Sequence[Item]:
    """Return what the person wrote before a text, and our answer to that."""
    sending = sending_now(line(), row_of(db).sending())
    found = maybe_before(db, line(), contact, sending)
    return [item for item in items_of(db, [found] if found else [], sending) if item.side is not Side.BETWEEN]


def _maybe_contact_id(name: str) -> int | None:
    """Return the contact's ID in the address of the page; None if the address has no ID."""
    return typed.contact_id(text) if (text := request.args.get(name)) else None


PAGES = (Page("/inbox", "inbox", Role.VOLUNTEER, show, title=N_("Inbox"), sign="inbox"),)
