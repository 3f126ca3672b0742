"""`/review`: texts without a tag, one after the other, for a thumb or a key; the address has the place in the list."""

from typing import Any

from flask import render_template, request

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import looked_at, reading
from hotlined.language import N_
from hotlined.reports import typed
from hotlined.reports.review import ReviewPosition, count_left, next_to_tag
from hotlined.store import log
from hotlined.words.tags import TAG_KEYS


def show() -> str:
    """Show the next text with a word of alerts.words that has no tag, then the next reaction, or the next text."""
    after = typed.limit(request.args.get("after") or "0")
    place = ReviewPosition(after, first=not after or bool(request.args.get("first")))
    last_id = typed.limit(request.args.get("last") or "0")
    every = bool(request.args.get("all"))
    with reading() as db:
        contact, found = next_to_tag(db, place, every=every)
        last: dict[str, Any] | None = log.maybe_contact(db, last_id) if last_id else None
        left = None if every else count_left(db, found)
    if contact:
        looked_at(contact["id"])
    return render_template(
        "review.html",
        contact=contact,
        last=last,
        left=left,
        every=every,
        after=after,
        keys=TAG_KEYS,
    )


PAGES = (Page("/review", "review", Role.VOLUNTEER, show, title=N_("Review")),)
