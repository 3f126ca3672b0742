"""Contacts, and texts that people sent by hand, as rows of a table: what stands in each column."""

from collections.abc import Iterable, Iterator
from sqlite3 import Row
from typing import Any

from hotlined.states import ContactKind, State
from hotlined.store import log
from hotlined.store.database import Database
from hotlined.store.line import FREE, Sending, sending_of
from hotlined.words.columns import Column, Layout
from hotlined.words.harmless import harmless
from hotlined.words.reasons import answer_in_words, briefly
from hotlined.words.times import TIME_WIDTH, moment

Contact = dict[str, Any]
"""An object of `log --json`."""

# how an answer's state shows at a glance
_MARKS = {
    State.QUEUED: "…",
    State.SENDING: "…",
    State.SENT: "✓",
    State.DELIVERED: "✓",
    State.SHADOWED: "✓",
    State.UNDELIVERED: "!",
    State.FAILED: "!",
    State.UNCONFIRMED: "?",
    State.CANCELLED: "-",
}
_STYLES = {"✓": "green", "!": "red", "?": "yellow", "…": "cyan", "-": "dim"}
OUTCOME_WIDTH = 21
"""The width of a column of outcomes: none is longer, so none is cut."""


def rows_for_people(db: Database, rows: Iterable[Row], known: Sending | None = None) -> Iterator[Contact]:
    """Yield contacts with whether they are kept, and their outcome in words.

    `known` is whether answers go out, where the caller knows it; else it is what the database says.
    """
    for row in rows:
        contact = log.entry(row)
        waits = contact["answer"] and contact["answer"]["waiting_for"]
        sending = known or (sending_of(db) if waits else FREE)  # asked only where it is of use
        yield contact | {"kept": row["kept"], "outcome": outcome(contact, sending)}


def outcome(contact: Contact, sending: Sending) -> str:
    """Return what became of a contact in words: what becomes of its answer, or why there is none."""
    if contact["answer"]:
        return answer_in_words(contact["answer"], sending.state)
    return briefly(contact["reason"]) or "not decided yet"


def sender(contact: Contact) -> str:
    """Return who a contact is from; one that withholds its number is `withheld`."""
    nobody = "unknown" if contact["kind"] == ContactKind.UNREADABLE else log.WITHHELD
    return contact["originator"] or nobody


def _mark(contact: Contact) -> str:
    if contact.get("verdict", "") is None:
        return "…"
    return _MARKS[State(contact["answer"]["state"])] if contact["answer"] else "-"


def _style(contact: Contact) -> str:
    return _STYLES[_mark(contact)]


def _text(contact: Contact) -> str:
    """Return the text behind its marks: its kind unless it is plain text, whether it is kept, its tags."""
    kind, text, segments = contact["kind"], contact["text"], contact["segments"]
    marks = [f"({kind})"] if kind != "text" else [] if text is not None else ["(erased)"]
    if segments["received"] < segments["total"]:
        marks.append(f"({segments['received']} of {segments['total']})")
    if contact["kept"]:
        marks.append("(kept)")
    marks += [harmless(f"#{tag}") for tag in contact["tags"]]
    return " ".join([*marks, *filter(None, [harmless(text or "")])])


_ID: Column[Contact] = Column("ID", 5, lambda contact: str(contact["id"]), "dim", right=True)
_TIME: Column[Contact] = Column("TIME", TIME_WIDTH, lambda contact: moment(contact["received_at"]), right=True)
_FROM: Column[Contact] = Column("FROM", 13, lambda contact: harmless(sender(contact)), "bold")
_MARK = Column("", 1, _mark, _style)
_TEXT = Column("TEXT", 0, _text)
_OUTCOME: Column[Contact] = Column("OUTCOME", OUTCOME_WIDTH, lambda contact: contact["outcome"], _style)
CONTACTS = (
    Layout(70, (_ID, _TIME, _FROM, _MARK, _OUTCOME, _TEXT)),
    Layout(
        0,
        (_ID, _TIME, _FROM, _MARK),
        below=Column("", 2, lambda contact: f"{contact['outcome']} · {_text(contact)}"),
    ),
)
"""The columns of `log`, for a wide and a narrow terminal."""

_TO: Column[Contact] = Column("TO", 13, lambda text: harmless(text["recipient"]), "bold")
_BY: Column[Contact] = Column("BY", 12, lambda text: harmless(f"{text['asked_by']} ({text['kind']})"))
_QUEUED_AT: Column[Contact] = Column("TIME", TIME_WIDTH, lambda text: moment(text["answer"]["queued_at"]), right=True)
_HAND_TEXT: Column[Contact] = Column("TEXT", 0, lambda text: harmless(text["answer"]["text"] or ""))
TEXTS_BY_HAND = (
    Layout(80, (_QUEUED_AT, _TO, _BY, _MARK, _OUTCOME, _HAND_TEXT)),
    Layout(
        0,
        (_QUEUED_AT, _TO, _MARK),
        below=Column("", 2, lambda text: f"{text['outcome']} · {_HAND_TEXT.cell(text)}"),
    ),
)
"""The columns of `log --by-hand`, for a wide and a narrow terminal."""
