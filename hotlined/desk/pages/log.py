"""`/log`: contacts and their outcomes, the newest first, with every filter of the command; and texts by hand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from flask import render_template, request

from hotlined.config import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import line, looked_through, reading
from hotlined.language import N_, NP_
from hotlined.machine.clock import here
from hotlined.reports import typed
from hotlined.reports.contact import rows_for_people, texts_for_people
from hotlined.reports.review import tag_meant
from hotlined.rules.policy import Reason
from hotlined.states import AnswerState, ContactKind, ContactVerdict
from hotlined.store.answers import decisions
from hotlined.store.reading import log
from hotlined.words.reasons import BRIEF_REASONS, STATES, VERDICTS
from hotlined.words.states import KINDS

_ROWS = 50
_READ = 100_000
"""At most this many contacts are searched for one page, the newest first, if no index fits the filter."""
_READS: Mapping[str, Callable[[str], Any]] = {
    "since": lambda text: typed.when(text, here()),
    "until": lambda text: typed.when(text, here()),
    "number": str,
    "tag": tag_meant,
    "search": str,
}
"""The function that reads each field of the form; an empty field is not a filter."""
_CHOICES: Mapping[str, tuple[str, type[StrEnum], Mapping[Any, str]]] = {
    "verdicts": (N_("Decision"), ContactVerdict, VERDICTS),
    "states": (N_("Answer"), AnswerState, STATES),
    "kinds": (N_("Kind"), ContactKind, KINDS),
    "reasons": (N_("Reason"), Reason, BRIEF_REASONS),
}
"""The tick boxes, by the field of the filter: a title, the codes, and words for the codes."""


def show() -> str:
    """Show the newest contacts that fit the filters."""
    given = {name: request.args.get(name, "").strip() for name in _READS}
    meant = {name: read(given[name]) if given[name] else None for name, read in _READS.items()}
    ticked = {name: tuple(filter(None, request.args.getlist(name))) for name in _CHOICES}
    flags = {name: name in request.args for name in ("kept", "alert_words")}
    before = typed.contact_id(request.args["before"]) if request.args.get("before") else None
    chosen: dict[str, Any] = meant | ticked | flags | {"before": before}
    where = typed.contacts_meant(line().numbers.country, **chosen)
    with reading() as db:
        newest = log.newest_id(db, where.until)
        end = min(before or newest + 1, newest + 1)
        # a filter without an index reads contact by contact: it stops at `read_to`, where the next page goes on
        one_by_one = any(getattr(where, name) for name in log.READ_ONE_BY_ONE)
        read_to = max(0, end - 1 - _READ) if one_by_one else 0
        where = replace(where, before=end, after=read_to or None)
        found = [*rows_for_people(db, line(), log.rows(db, where, _ROWS + 1))][::-1]
        tags = decisions.tags_in_use(db)
    looked_through("log")
    # no other arguments: `url_for` has some of its own
    asked = {name: request.args.getlist(name) for name in (*_READS, *_CHOICES, "kept") if name in request.args}
    last = found[_ROWS - 1].id if len(found) > _ROWS else read_to + 1
    older = asked | {"before": last} if last > 1 else None
    return render_template(
        "log.html",
        contacts=found[:_ROWS],
        given=given | flags,
        ticked=ticked,
        choices=_CHOICES,
        tags=tags,
        is_filtered=any([*given.values(), *ticked.values(), *flags.values()]),
        before=before,
        newest=asked,
        older=older,
        read_to=read_to if len(found) <= _ROWS else 0,
    )


def by_hand() -> str:
    """Show texts by hand, the newest first."""
    with reading() as db:
        texts = [*texts_for_people(db, line(), log.texts_by_hand(db, _ROWS))][::-1]
    looked_through("by_hand")
    return render_template("by_hand.html", texts=texts)


PAGES = (
    Page("/log", "log", Role.READER, show, title=NP_("page", "Log"), sign="log"),
    Page("/by-hand", "by_hand", Role.READER, by_hand),
)
