"""`/numbers`: the numbers that contact the line, or that it refuses; and a field to look one up in any spelling."""

from flask import render_template, request

from hotlined.config import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line, looked_through, reading
from hotlined.errors import UsageError
from hotlined.language import N_, NP_, Phrases, _
from hotlined.reports.number import correspondents_of, refused_by, refused_in_words
from hotlined.store.answers.correspondents import Order
from hotlined.store.reading import log

_ROWS = 50
_AMONG = 100_000
"""Only numbers among this many newest contacts are listed: to count all contacts takes too long for a page."""
_ORDERS = Phrases(
    {Order.LAST: N_("last contact"), Order.CONTACTS: N_("most contacts"), Order.FIRST: N_("first contact")}
)

_REFUSED = Phrases({"": N_("everybody"), "blocked": NP_("list", "blocked"), "stop": NP_("list", "opted out")})
"""The lists, by `only` in the address: everybody, or the numbers that the line refuses."""


def show() -> str:
    """Show the numbers that contact the line, or those that it refuses."""
    asked = request.args.get("sort", Order.LAST)
    if asked not in list(Order):
        raise UsageError(_("The list has no such order."), _("There are {choices}.", choices=", ".join(Order)))
    only = request.args.get("only", "")
    if only not in _REFUSED:
        raise UsageError(
            _("There is no such list."), _("There are {choices}.", choices=", ".join(filter(None, _REFUSED)))
        )
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


PAGES = (Page("/numbers", "numbers", Role.READER, show, title=N_("Numbers"), sign="numbers"),)
