"""`/review`: texts that want a tag, one after the other, for a thumb or a key; where one stands is in the address."""

from typing import Any

from flask import render_template, request

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import looked_at, reading
from hotlined.reports import typed
from hotlined.reports.review import TAG_KEYS, next_to_tag
from hotlined.store import log, reactions


def show() -> str:
    """Show the next reaction without a tag, or the next text."""
    after = typed.limit(request.args.get("after") or "0")
    last_id = typed.limit(request.args.get("last") or "0")
    every = bool(request.args.get("all"))
    with reading() as db:
        contact = next_to_tag(db, after, every=every)
        last: dict[str, Any] | None = log.maybe_contact(db, last_id) if last_id else None
        left = None if every else reactions.count_untagged(db, after)
    if contact:
        looked_at(contact["id"])
    return render_template(
        "review.html", contact=contact, last=last, left=left, every=every, after=after, keys=TAG_KEYS
    )


PAGES = (Page("/review", "review", Role.VOLUNTEER, show, title="Review"),)
