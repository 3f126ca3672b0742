"""`/review`: what waits for a person, one text after the other, for a thumb or a key."""

from itertools import islice

from flask import render_template, request

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import looked_at, reading
from hotlined.language import N_
from hotlined.reports import typed
from hotlined.store.reading import log, review
from hotlined.words.tags import TAG_KEYS


def show() -> str:
    """Show the first text of the queue; or the one that somebody comes back to, while it has no tag."""
    here, last = (_maybe_contact_id(name) for name in ("here", "last"))
    every = bool(request.args.get("all"))
    with reading() as db:
        contact = log.maybe_contact(db, here) if here else None
        queue = review.queue(db, every=every)
        waiting = [*(islice(queue, 1) if every else queue)]  # every text are too many to be counted for a page
        if contact is None or contact.tags or contact.text is None:
            contact = log.maybe_contact(db, waiting[0]) if waiting else None
        before = log.maybe_contact(db, last) if last else None
    if contact:
        looked_at(contact.id)
    left = None if every else len(waiting)
    return render_template("review.html", contact=contact, last=before, left=left, every=every, keys=TAG_KEYS)


def _maybe_contact_id(name: str) -> int | None:
    """Return the ID of a contact in the address; None where it has none."""
    return typed.contact_id(text) if (text := request.args.get(name)) else None


PAGES = (Page("/review", "review", Role.VOLUNTEER, show, title=N_("Review")),)
