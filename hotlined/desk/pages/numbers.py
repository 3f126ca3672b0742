"""`/numbers` and `/person/ID`: who contacts the line, and the person whom contact ID is from.

So the address of a page contains a number only where one is looked up.
"""

import shlex

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from hotlined.desk.roles import Role
from hotlined.desk.routes import CONTACT_ID, Page
from hotlined.desk.visit import line, looked_through, looked_up, reading
from hotlined.errors import UsageError
from hotlined.language import N_, NP_, Phrases, _
from hotlined.reports.contact import rows_for_people
from hotlined.reports.decided import no_contact
from hotlined.reports.number import correspondents_of, facts, refused_by, refused_in_words, report_number
from hotlined.store.answers.correspondents import Order
from hotlined.store.line.line import FREE
from hotlined.store.reading import log

_ROWS = 50
_AMONG = 100_000
"""So many of the newest contacts tell who is listed: to count those of everybody takes longer than a page may."""
_ORDERS = Phrases(
    {Order.LAST: N_("last contact"), Order.CONTACTS: N_("most contacts"), Order.FIRST: N_("first contact")}
)

_REFUSED = Phrases({"": N_("everybody"), "blocked": NP_("list", "blocked"), "stop": NP_("list", "opted out")})
"""The lists: of everybody, and of those whom the line refuses."""


def show() -> str:
    """Show who contacts the line, or whom it refuses."""
    asked = request.args.get("sort", Order.LAST)
    if asked not in list(Order):
        raise UsageError(_("That is no order."), _("There are {choices}.", choices=", ".join(Order)))
    only = request.args.get("only", "")
    if only not in _REFUSED:
        raise UsageError(_("That is no list."), _("There are {choices}.", choices=", ".join(filter(None, _REFUSED))))
    with reading() as db:
        if only:
            blocked = only == "blocked"
            found = refused_by(db, line(), Order(asked), _ROWS, blocked=blocked, opted_out=not blocked)[::-1]
        else:
            found = correspondents_of(db, line(), Order(asked), _ROWS, _AMONG)[::-1]
        some_choose = not only and log.newest_id(db) > _AMONG
    looked_through("numbers")
    rows = [(who, refused_in_words(who)) for who in found]
    return render_template(
        "numbers.html",
        rows=rows,
        order=Order(asked),
        orders=_ORDERS,
        only=only,
        lists=_REFUSED,
        full=len(found) == _ROWS,
        chosen=_AMONG if some_choose else None,
    )


def by_contact(contact_id: int) -> str | Response:
    """Show who a contact is from."""
    with reading() as db:
        contact = log.maybe_contact(db, contact_id)
    if contact is None:
        raise NotFound(no_contact(contact_id).message)
    if contact.originator is None:
        return redirect(url_for("log", number=log.WITHHELD))
    return _person(contact.originator)


def by_number() -> str:
    """Show a number in any spelling, also one that never contacted the line."""
    return _person(request.args.get("number", ""))


def _person(name: str) -> str:
    with reading() as db:
        now = db.now()
        report = report_number(db, line(), name, now)
        sending = next(iter(report.holds), FREE)
        contacts = [*rows_for_people(db, line(), log.rows(db, report.where, _ROWS), sending)][::-1]
    looked_up(report.originator)
    return render_template(
        "person.html",
        report=report,
        who=report.correspondent,
        facts=[(label, value) for label, value in facts(report, line(), now) if value],
        contacts=contacts,
        to_type=shlex.quote(report.originator),  # a name may be anything, and is pasted into a shell
        full=len(contacts) == _ROWS,
    )


PAGES = (
    Page("/numbers", "numbers", Role.READER, show, title=N_("Numbers")),
    Page(f"/person/{CONTACT_ID}", "person", Role.READER, by_contact),
    Page("/person", "person_of", Role.READER, by_number),
)
