"""`/contact/ID` and `/person/ID`: the conversation with a person; a contact is a place in it.

The newest items are at the end, as on a phone. The address of a page has a number in it only if a visitor looks one
up.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from hotlined.config import Role, alerts_reach_somebody
from hotlined.desk.routes import CONTACT_ID, Page
from hotlined.desk.visit import line, looked_at, looked_up, reading
from hotlined.documents import ListedContact, ListedTextByHand, LoggedAnswer, ShownEvent
from hotlined.language import _
from hotlined.reports import typed
from hotlined.reports.contact import facts, maybe_answer_text, rows_for_people, shown, texts_for_people
from hotlined.reports.decided import no_contact
from hotlined.reports.number import NumberReport, next_answer, refused_in_words, report_number
from hotlined.reports.number import facts as number_facts
from hotlined.reports.stored import sending_now
from hotlined.reports.timeline import event_sentence, timeline
from hotlined.states import REPEATABLE, AnswerState, EventKind
from hotlined.store.answers import decisions, tells
from hotlined.store.line import events
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import Sending, row_of
from hotlined.store.reading import log
from hotlined.words.amounts import sentence
from hotlined.words.reasons import answer_in_words
from hotlined.words.times import of_day

_CONTACTS = 30  # of a person, on one page


def deciding(db: Database, contact_id: int) -> dict[str, object]:
    """Return what the buttons that decide about a contact depend on: the admin, and an answer that waits."""
    return {
        "can_be_told": alerts_reach_somebody(line()),
        "asked": any(each.contact_id == contact_id for each in tells.pending(db, line().web.others)),
        "waits": tells.maybe_waits(db, contact_id),
    }


class Side(StrEnum):
    """The sender of an item in a conversation; the style sheet has a place for each."""

    THEIRS = "theirs"
    OURS = "ours"
    BETWEEN = "between"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a conversation: a contact, a text of ours with its outcome, or a decision in between."""

    at: str
    side: Side
    words: str = ""
    contact: ListedContact | None = None
    text: str | None = None
    is_delivered: bool = False


def items_of(db: Database, contacts: Sequence[ListedContact], sending: Sending) -> Iterator[Item]:
    """Yield the items of contacts: each contact, its answer, and people's decisions about it."""
    for contact in contacts:
        answer = contact.answer if contact.answer and contact.answer.state is not AnswerState.CANCELLED else None
        yield Item(contact.received_at, Side.THEIRS, "" if answer else contact.outcome, contact)
        if answer:
            text = maybe_answer_text(db, line(), contact)
            yield _ours(answer, text, sending, answer.sent_at or answer.due_at)
        for row in events.of_contact(db, contact.id):
            event = ShownEvent(**dict(row))
            # a skip says nothing about the person, and what a threat keeps is said there
            if event.kind != EventKind.SKIP and "threat" not in (event.detail or {}):
                yield Item(event.at, Side.BETWEEN, event_sentence(event))


def _ours(answer: LoggedAnswer, text: str | None, sending: Sending, at: str, by: str = "") -> Item:
    """Return an item for a text of ours, with its outcome and the time of that."""
    fate = answer_in_words(answer, sending.state)
    moment = answer.reported_at or answer.sent_at
    words = " ".join(filter(None, (by, fate, of_day(moment) if moment else "")))
    return Item(at, Side.OURS, words, text=text, is_delivered=answer.state is AnswerState.DELIVERED)


def _decided(report: NumberReport) -> Iterator[Item]:
    """Yield the decisions about a person that hold now; those that were lifted are not known here."""
    who = report.correspondent
    if who.blocked_at:
        yield Item(who.blocked_at, Side.BETWEEN, _("{by} blocked this number.", by=who.blocked_by))
    if who.opted_out_at:
        yield Item(who.opted_out_at, Side.BETWEEN, _("This number has opted out."))


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of a conversation, the oldest item first.

    `older` is the contact before which the next page ends; None on the last page.
    """

    items: Sequence[Item]
    older: int | None
    is_newest: bool


def _thread(db: Database, where: log.Filter, sending: Sending, report: NumberReport | None, here: int) -> Thread:
    """Return the newest contacts of a person; if `here` is older than these, those up to `here`."""
    newest = [*rows_for_people(db, line(), log.rows(db, where, _CONTACTS + 1), sending)]
    has_here = not here or any(contact.id == here for contact in newest[-_CONTACTS:])
    if not has_here:
        upto = log.Filter(originator=where.originator, either=where.either, before=here + 1)
        newest = [*rows_for_people(db, line(), log.rows(db, upto, _CONTACTS + 1), sending)]
    contacts = newest[-_CONTACTS:]
    items = [*items_of(db, contacts, sending)]
    others = [*_decided(report)] if report else []
    if report:
        texts = texts_for_people(db, line(), log.texts_by_hand(db, _CONTACTS, report.originator))
        others += [_by_hand(text, sending) for text in texts]
    older = contacts[0].id if len(newest) > _CONTACTS else None
    # decisions and texts by hand are on the page of the contacts around them; "" is before and "~" after every date
    since = contacts[0].received_at if older else ""
    until = contacts[-1].received_at if not has_here else "~"
    items += [each for each in others if since <= each.at <= until]
    return Thread(sorted(items, key=attrgetter("at")), older, has_here)


def _by_hand(text: ListedTextByHand, sending: Sending) -> Item:
    answer = text.answer
    by = _("{by}, by hand:", by=text.asked_by)
    return _ours(answer, answer.text, sending, answer.sent_at or answer.queued_at, by)


@dataclass(frozen=True, slots=True)
class PersonPage:
    """A page of a person: the conversation, and all that is known; for a withheld number, only one contact.

    `to_type` is the number or name in the form that a shell takes. `refused` says why it gets no answer, `next` when
    it gets one.
    """

    thread: Thread
    report: NumberReport | None = None
    to_type: str = ""
    refused: str = ""
    next: str = ""
    known: Sequence[tuple[str, str]] = ()


def contact(contact_id: int) -> str:
    """Show a conversation at the place of a contact, with all that is known of the contact."""
    with reading() as db:
        whole = log.maybe_contact(db, contact_id)
        if whole is None:
            raise NotFound(no_contact(contact_id).message)
        sending = sending_now(line(), row_of(db).sending())
        found = shown(db, line(), whole)
        tags = decisions.tags_in_use(db)
        asked = deciding(db, contact_id)
        page = _page(db, found.originator, sending, contact_id)
    looked_at(contact_id)
    state = found.answer.state if found.answer else None
    return render_template(
        "thread.html",
        page=page,
        here=found,
        steps=timeline(found, sending),
        known=[(label, value) for label, value in facts(found, sending) if value],
        tags=tags,
        threat=decisions.THREAT,
        is_threat=bool(found.alert_words) or decisions.THREAT in found.tags,
        **asked,
        can_be_cancelled=state == AnswerState.QUEUED,
        can_be_repeated=state in REPEATABLE,
    )


def _page(db: Database, originator: str | None, sending: Sending, here: int) -> PersonPage:
    """Return the page of a person at the place of the contact `here`; 0 means at the newest."""
    if originator is None:
        contacts = [*rows_for_people(db, line(), log.rows(db, log.Filter(before=here + 1), 1), sending)]
        return PersonPage(Thread([*items_of(db, contacts, sending)], None, is_newest=True))
    now = db.now()
    report = report_number(db, line(), originator, now)
    return PersonPage(
        _thread(db, report.where, sending, report, here),
        report,
        shlex.quote(report.originator),  # a name can contain anything, and people paste it into a shell
        refused_in_words(report.correspondent),
        sentence(next_answer(report, line(), now)),
        [(label, value) for label, value in number_facts(report, line(), now) if value],
    )


def by_contact(contact_id: int) -> str | Response:
    """Show the conversation with the person of a contact, or the part of it before the contact in the address."""
    with reading() as db:
        found = log.maybe_contact(db, contact_id)
    if found is None:
        raise NotFound(no_contact(contact_id).message)
    if found.originator is None:
        return redirect(url_for("log", number=log.WITHHELD))
    return _person(found.originator)


def by_number() -> str:
    """Show the conversation with a number in any spelling, even if it never contacted the line."""
    return _person(request.args.get("number", ""))


def _person(name: str) -> str:
    before = typed.contact_id(request.args["before"]) if request.args.get("before") else None
    with reading() as db:
        sending = sending_now(line(), row_of(db).sending())
        page = _page(db, name, sending, before - 1 if before else 0)
    assert page.report
    looked_up(page.report.originator)
    return render_template("thread.html", page=page, here=None)


PAGES = (
    Page(f"/contact/{CONTACT_ID}", "contact", Role.READER, contact),
    Page(f"/person/{CONTACT_ID}", "person", Role.READER, by_contact),
    Page("/person", "person_of", Role.READER, by_number),
)
