"""Finds and counts the rows of a person, under the number or name and its pseudonym.

Known to be wrong: a text of somebody else that mentions a number is counted, but not found.
"""

import json
from dataclasses import dataclass

from hotlined import pseudonym
from hotlined.gsm import tpdu
from hotlined.gsm.address import Address
from hotlined.states import SegmentKind
from hotlined.store.answers import fates
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database

_SHORTEST = 8  # characters of a number long enough to be looked for inside texts


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """The counts of one person's rows; `named` are MMS of others that claim its number, `mentions` texts with it.

    `decided` says that a decision would be erased: an opt-out that stays under a pseudonym alone is none.
    """

    contacts: int
    kept: int
    segments: int
    answers: int
    decided: bool
    blocked: bool
    opted_out: bool
    requests: int
    named: int
    mentions: int

    @property
    def anything(self) -> bool:
        """True if anything is stored that `forget` would erase."""
        return bool(self.contacts or self.segments or self.answers or self.decided or self.requests or self.named)


@dataclass(frozen=True, slots=True)
class PersonRows:
    """The ids of the rows of one person; `segments` include those that only contain the number.

    `named` are contacts of others that claim to come from the person.
    """

    contacts: list[int]
    answers: list[int]
    segments: list[int]
    requests: list[int]
    named: list[int]


def stored_of(db: Database, name: str) -> StoredCounts:
    """Count the rows of a number or name, also under its pseudonym."""
    names = pseudonyms.names(db, name)
    return count(db, names, find(db, names))


def count(db: Database, names: tuple[str, str], found: PersonRows) -> StoredCounts:
    """Count the rows that were found under the names of a person."""
    kept = db.value(
        "SELECT count(*) FROM contacts WHERE kept_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.contacts),
    )
    mentions = db.value(  # for a name this looks for NULL, so instr() is NULL and no text counts
        "SELECT count(*) FROM contacts WHERE instr(text, ?) AND id NOT IN (SELECT value FROM json_each(?))",
        names[0] if is_number(names[0]) else None,
        json.dumps(found.contacts),
    )
    decided = db.the(
        "SELECT count(*) FILTER (WHERE number NOT GLOB ? OR opted_out_at IS NULL OR blocked_at NOTNULL) AS rows,"
        " count(blocked_at) AS blocked, count(opted_out_at) AS opted_out FROM numbers WHERE number IN (?, ?)",
        pseudonym.GLOB,
        *names,
    )
    return StoredCounts(
        contacts=len(found.contacts),
        kept=kept,
        segments=len(found.segments),
        answers=len(found.answers),
        decided=bool(decided["rows"]),
        blocked=bool(decided["blocked"]),
        opted_out=bool(decided["opted_out"]),
        requests=len(found.requests),
        named=len(found.named),
        mentions=mentions,
    )


def find(db: Database, names: tuple[str, str]) -> PersonRows:
    """Find the rows of a person, under the number or name and its pseudonym."""
    number = names[0] if is_number(names[0]) else None
    named = _named(db, number)
    contacts = {row["id"] for row in db.all("SELECT id FROM contacts WHERE originator IN (?, ?)", *names)}
    # an unreadable text has no originator, but its raw PDU may spell the number
    nobody = db.all("SELECT id FROM contacts WHERE originator IS NULL")
    contacts |= {row["id"] for row in nobody} & set(named.values())
    theirs = json.dumps(sorted(contacts))
    answers = db.all(
        "SELECT id FROM answers WHERE recipient IN (?, ?) OR contact_id IN (SELECT value FROM json_each(?))",
        *names,
        theirs,
    )
    sent = json.dumps([row["id"] for row in answers])
    segments = _segments(db, theirs, sent) | _reports(db, number)
    segments |= {segment_id for segment_id, contact_id in named.items() if contact_id is None}
    requests = db.all(
        "SELECT id FROM requests WHERE json_extract(arguments, '$.number') IN (?, ?)"
        " OR answer_id IN (SELECT value FROM json_each(?))",
        *names,
        sent,
    )
    named_by = db.all("SELECT id FROM contacts WHERE other_originator IN (?, ?)", *names)
    return PersonRows(
        sorted(contacts),
        [row["id"] for row in answers],
        sorted(segments),
        [row["id"] for row in requests],
        [row["id"] for row in named_by],
    )


def _named(db: Database, number: str | None) -> dict[int, int | None]:
    """Return every segment whose PDU contains a number, with its contact; none without a number."""
    # for a name this looks for NULL, so instr() is NULL and no PDU is found
    sql = "SELECT id, contact_id FROM segments WHERE instr(upper(pdu), ?)"
    rows = db.all(sql, tpdu.address_digits(number[1:]) if number else None)
    return {row["id"]: row["contact_id"] for row in rows}


def _segments(db: Database, contacts: str, answers: str) -> set[int]:
    """Return the segments of contacts, and the reports on answers; both arguments are ids as JSON."""
    rows = db.all(
        "SELECT id FROM segments WHERE contact_id IN (SELECT value FROM json_each(?)) OR answer_segment_id IN"
        " (SELECT p.id FROM answer_segments p JOIN attempts t ON t.id = p.attempt_id"
        " WHERE t.answer_id IN (SELECT value FROM json_each(?)))",
        contacts,
        answers,
    )
    return {row["id"] for row in rows}


def _reports(db: Database, number: str | None) -> set[int]:
    """Return the reports about a number that belong to no answer; none without a number."""
    rows = db.all(
        f"SELECT id, pdu FROM segments WHERE kind = '{SegmentKind.STATUS_REPORT}' AND contact_id IS NULL"
        " AND answer_segment_id IS NULL AND pdu NOT GLOB ?",
        pseudonym.GLOB,
    )
    return {
        row["id"]
        for row in rows
        if number and (recipient := _maybe_recipient(row["pdu"])) and fates.same_number(recipient, number)
    }


def is_number(name: str) -> bool:
    """Tell whether a name is an international number, and long enough that no other text looks like it."""
    return name.startswith("+") and name[1:].isdecimal() and len(name) >= _SHORTEST


def _maybe_recipient(pdu: str) -> Address | None:
    message = tpdu.decode(pdu)
    return message.recipient if isinstance(message, tpdu.StatusReport) else None
