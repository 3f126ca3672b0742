"""Contacts as `log --json` has them, with the answer that would leave by the configuration in force, and in words."""

from collections.abc import Iterable, Iterator
from sqlite3 import Row
from typing import Any

from hotlined.config import Config, Mode
from hotlined.gsm.alphabet import plan
from hotlined.states import AnswerState, ContactKind
from hotlined.store import attempts
from hotlined.store import log as contact_log
from hotlined.store.database import Database
from hotlined.store.line import FREE, Sending, sending_of
from hotlined.words.reasons import answer_in_words, briefly

Contact = dict[str, Any]
"""An object of `log --json`."""


def entry(db: Database, config: Config, row: Row) -> dict[str, Any]:
    """Return a row as the object of `log --json`."""
    contact = contact_log.entry(row)
    preview(db, config, contact)
    return contact


def preview(db: Database, config: Config, contact: dict[str, Any]) -> None:
    """Put the text, encoding and segments that would leave now into an answer that is not composed yet."""
    answer = contact["answer"]
    if answer is None:
        return
    answer["composed"] = answer["encoding"] is not None
    if answer["composed"] or answer["state"] != AnswerState.QUEUED:
        return
    history = attempts.history_of(db, contact["originator"], shadow=config.mode is Mode.SHADOW, without=answer["id"])
    planned = plan(config.answer.text_after(history.answers), config.answer.encoding)
    answer |= {"text": planned.text, "encoding": planned.encoding.value, "segments": planned.segments}


def rows_for_people(db: Database, rows: Iterable[Row], known: Sending | None = None) -> Iterator[Contact]:
    """Yield contacts with whether they are kept, and their outcome in words.

    `known` is whether answers go out, where the caller knows it; else it is what the database says.
    """
    for row in rows:
        contact = contact_log.entry(row)
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
    nobody = "unknown" if contact["kind"] == ContactKind.UNREADABLE else contact_log.WITHHELD
    return contact["originator"] or nobody
