"""Contacts as `log --json` has them, with the answer that would leave by the configuration in force, and in words."""

import json
from collections.abc import Iterable, Iterator
from sqlite3 import Row
from typing import Any

from hotlined.config import Config, Mode
from hotlined.gsm.alphabet import plan
from hotlined.reports.line import sending_now
from hotlined.states import AnswerState, ContactKind, SegmentState
from hotlined.store import attempts, wordings
from hotlined.store import log as contact_log
from hotlined.store.database import Database
from hotlined.store.line import FREE, Sending, sending_of
from hotlined.words.amounts import counted
from hotlined.words.reasons import SEGMENT_STATES, VERDICTS, answer_in_words, briefly, reason_in_words
from hotlined.words.times import maybe_moment, moment
from hotlined.words.wordings import place_in_words

Contact = dict[str, Any]
"""An object of `log --json`."""

_MARKS = {
    AnswerState.QUEUED: "…",
    AnswerState.SENDING: "…",
    AnswerState.SENT: "✓",
    AnswerState.DELIVERED: "✓",
    AnswerState.SHADOWED: "✓",
    AnswerState.UNDELIVERED: "!",
    AnswerState.FAILED: "!",
    AnswerState.UNCONFIRMED: "?",
    AnswerState.CANCELLED: "-",
}
"""How the state of an answer shows at a glance."""


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
    answers, country, draw = _chosen_by(db, config, contact)
    planned = plan(config.answer.choose(answers, country, draw).text, config.answer.encoding)
    answer |= {"text": planned.text, "encoding": planned.encoding.value, "segments": planned.segments}


def tell_wording(db: Database, config: Config, contact: dict[str, Any]) -> None:
    """Say of an answer which of the line's texts it has or would have, counted from 1, as `wording`.

    None where the line has one text alone, and for an answer that ended before it had any.
    """
    if (answer := contact["answer"]) is None:
        return
    place = wordings.maybe_place(db, answer["id"])
    if place is None and answer["state"] == AnswerState.QUEUED:
        answers, country, draw = _chosen_by(db, config, contact)
        chosen = config.answer.choose(answers, country, draw)
        place = wordings.Place(answers, chosen.variant, chosen.country)
    answer["wording"] = None
    if place and (len(config.answer.texts) > 1 or place.variant or place.country):
        answer["wording"] = {"answer": place.step + 1, "variant": place.variant + 1, "country": place.country}


def _chosen_by(db: Database, config: Config, contact: dict[str, Any]) -> tuple[int, str | None, int]:
    """Return by what an answer is composed: earlier answers to the number, its country, the random draw."""
    answer_id, shadow = contact["answer"]["id"], config.mode is Mode.SHADOW
    history = attempts.history_of(db, contact["originator"], shadow=shadow, without=answer_id)
    return history.answers, *wordings.chosen_by(db, answer_id)


def rows_for_people(
    db: Database, config: Config, rows: Iterable[Row], known: Sending | None = None
) -> Iterator[Contact]:
    """Yield contacts with whether they are kept, the words in them that are an alert, and their outcome in words.

    `known` is whether answers go out, where the caller knows it; else it is what the database says.
    """
    for row in rows:
        contact = contact_log.entry(row)
        waits = contact["answer"] and contact["answer"]["waiting_for"]
        sending = sending_now(config, known or sending_of(db)) if waits else FREE  # asked only where it is of use
        more = {"kept": row["kept"], "alert_words": json.loads(row["alert_words"] or "[]")}
        yield contact | more | {"outcome": outcome(contact, sending)}


def texts_for_people(db: Database, config: Config, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Yield texts that people sent themselves, with their outcome in words."""
    sending = sending_now(config, sending_of(db))
    for row in rows:
        text = contact_log.by_hand_entry(row)
        yield text | {"outcome": answer_in_words(text["answer"], sending.state)}


def outcome(contact: Contact, sending: Sending) -> str:
    """Return what became of a contact in words: what becomes of its answer, or why there is none."""
    if contact["answer"]:
        return answer_in_words(contact["answer"], sending.state)
    return briefly(contact["reason"]) or VERDICTS[None]


def sender(contact: Contact) -> str:
    """Return who a contact is from; one that withholds its number is `withheld`."""
    nobody = "unknown" if contact["kind"] == ContactKind.UNREADABLE else contact_log.WITHHELD
    return contact["originator"] or nobody


def mark(contact: Contact) -> str:
    """Return how a contact, or a text by hand, shows at a glance."""
    if contact.get("verdict", "") is None:
        return "…"
    return _MARKS[AnswerState(contact["answer"]["state"])] if contact["answer"] else "-"


def facts(contact: Contact, sending: Sending) -> Iterator[tuple[str, str | None]]:
    """Yield all that is known of a contact of `show --json`, as labels and values; None for what is not known."""
    segments = contact["segments"]
    yield "contact", f"{contact['id']}: {contact['kind']} on line {contact['line']}"
    yield "from", sender(contact)
    yield "received", moment(contact["received_at"])
    yield "network's time", maybe_moment(contact["scts"])
    yield "text", contact["text"]
    yield "alert words", ", ".join(contact["alert_words"])
    yield "segments", f"{segments['received']} of {segments['total']}; {counted(contact['repeats'], 'repeat')}"
    yield "tags", " ".join(contact["tags"])
    yield "outcome", outcome(contact, sending)
    yield "verdict", VERDICTS[contact["verdict"]]
    yield "  because", reason_in_words(contact["reason"])
    if kept := contact["kept"]:
        yield "kept", f"by {kept['by']}, {moment(kept['at'])}"
    for number, part in enumerate(contact["parts"], 1):
        place = f"{part['storage']} {part['storage_index']}" if part["storage"] else "handed over directly"
        deleted = f"deleted {moment(part['deleted_at'])}" if part["deleted_at"] else "not deleted yet"
        repeat = ", a repeat" if part["repeat"] else ""
        yield f"part {number}", f"{part['kind']}, sequence {part['sequence'] or '-'}{repeat}; {place}, {deleted}"
        yield "  problem", part["problem"]
        yield "  pdu", part["pdu"]
    if answer := contact["answer"]:
        yield from _answer_facts(answer, sending)
    for text in contact["by_hand"]:
        fate = answer_in_words(text["answer"], sending.state)
        yield "by hand", f"{text['asked_by']} ({text['kind']}): {fate}, {moment(text['answer']['queued_at'])}"
        yield "  text", text["answer"]["text"]
    for event in contact["events"]:
        yield "event", " ".join(filter(None, (moment(event["at"]), event["kind"].replace("_", " "), event["detail"])))


def _answer_facts(answer: dict[str, Any], sending: Sending) -> Iterator[tuple[str, str | None]]:
    yield "answer", f"{answer['id']}: {answer_in_words(answer, sending.state)}"
    yield "  because", reason_in_words(answer["reason"])
    yield "  text", answer["text"]
    if wording := answer.get("wording"):
        yield "  which", place_in_words(wording["answer"] - 1, wording["variant"] - 1, wording["country"])
    if answer["segments"]:
        tense = "sent" if answer["composed"] else "sent; by the configuration in force"
        yield "  segments", f"{answer['segments_sent']} of {answer['segments']} {tense}, in {answer['encoding']}"
    yield "  queued", f"{moment(answer['queued_at'])}, to go {moment(answer['due_at'])}"
    yield "  sent", maybe_moment(answer["sent_at"])
    yield "  reported", maybe_moment(answer["reported_at"])
    for part in answer["parts"]:
        earlier = "" if part["current"] else " (an earlier attempt)"
        known = [f"{name} {part[key]}" for name, key in _FATE if part[key] is not None]
        known += [f"{name} {moment(part[key])}" for name, key in _FATE_AT if part[key] is not None]
        yield f"  part {part['sequence']}", "; ".join([SEGMENT_STATES[SegmentState(part["state"])] + earlier, *known])
        yield "    pdu", part["pdu"]


_FATE = (
    ("reference", "mr"),
    ("cause", "cause"),
    ("detail", "detail"),
    ("status", "report_status"),
)
_FATE_AT = (
    ("submitted", "submitted_at"),
    ("sent", "sent_at"),
    ("reported", "reported_at"),
    ("discharged", "discharged_at"),
)
