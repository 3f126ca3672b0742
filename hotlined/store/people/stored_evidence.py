"""Reads the kept contacts of one number, with segments and answers, for the police.

The room `evidence` makes documents of them.
"""

import json
from dataclasses import dataclass
from sqlite3 import Row

from hotlined import pseudonym
from hotlined.documents import (
    Kept,
    LoggedContact,
    ReceivedPart,
    ShownEvent,
    TextByHand,
    WholeAnswer,
)
from hotlined.errors import PduError
from hotlined.forms import Time, extended
from hotlined.gsm import tpdu
from hotlined.store.line import pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of
from hotlined.store.reading import log

_NAMED = "IN (SELECT value FROM json_each(:names))"


@dataclass(frozen=True, slots=True)
class EvidencePart(ReceivedPart):
    """A segment as it came, with the SIM that received it and the service centre in its PDU."""

    imsi: str | None
    service_centre: str | None


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """A status report of the network about a segment of an answer."""

    id: int
    answer_segment_id: int
    pdu: str | None
    scts: str | None
    received_at: Time
    service_centre: str | None


@dataclass(frozen=True, slots=True)
class EvidenceAnswer(WholeAnswer):
    """An answer with its segments, and the network's reports about them."""

    reports: tuple[EvidenceReport, ...]


@dataclass(frozen=True, slots=True)
class EvidenceContact(LoggedContact):
    """A contact in the form of `show --json`, with its country, line type, and whether the clock was right."""

    answer: EvidenceAnswer | None
    kept: Kept
    alert_words: tuple[str, ...]
    parts: tuple[EvidencePart, ...]
    events: tuple[ShownEvent, ...]
    country: str | None
    line_type: str
    synchronised: bool
    """True if the machine's clock was right when the contact came."""


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """The number of the line and the SIM that it is bound to, as far as they are known."""

    number: str | None
    imei: str | None
    imsi: str | None


@dataclass(frozen=True, slots=True)
class RefusedSince:
    """The block and the opt-out of a number: their times, and who blocked it."""

    blocked_at: Time | None
    blocked_by: str | None
    opted_out_at: Time | None


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """The kept contacts of a number or name, in the order of time, its texts by hand, and the decisions about it."""

    number: str
    line: EvidenceLine
    decided: RefusedSince
    contacts: tuple[EvidenceContact, ...]
    by_hand: tuple[TextByHand, ...]


def of_number(db: Database, name: str) -> StoredEvidence:
    """Return the stored evidence of a number or name.

    It is read at one moment, even if something is erased meanwhile.
    """
    names = {"names": json.dumps(pseudonyms.names(db, name))}
    with db.snapshot():
        return _all_of(db, name, names)


def _all_of(db: Database, name: str, names: dict[str, str]) -> StoredEvidence:
    rows = db.all(
        "SELECT id, country, line_type, synchronised FROM contacts"
        f" WHERE kept_at IS NOT NULL AND (originator {_NAMED} OR other_originator {_NAMED})"
        " ORDER BY received_limit, id",
        **names,
    )
    decided = db.the(
        "SELECT max(blocked_at) AS blocked_at, max(blocked_by) AS blocked_by, max(opted_out_at) AS opted_out_at"
        f" FROM numbers WHERE number {_NAMED}",
        **names,
    )
    sim = row_of(db).sim
    return StoredEvidence(
        number=name,
        line=EvidenceLine(row_of(db).own_number, sim[0] if sim else None, sim[1] if sim else None),
        decided=RefusedSince(**decided),
        contacts=tuple(_contact(db, row) for row in rows),
        by_hand=tuple(map(log.by_hand_entry, log.texts_by_hand(db, 0, name))),
    )


def _contact(db: Database, row: Row) -> EvidenceContact:
    contact = log.maybe_contact(db, row["id"])
    assert contact is not None  # it is kept, so it cannot be gone
    sims = {
        part["id"]: part["imsi"] for part in db.all("SELECT id, imsi FROM segments WHERE contact_id = ?", contact.id)
    }
    return extended(
        EvidenceContact,
        contact,
        answer=_answer(db, contact.answer) if contact.answer else None,
        parts=tuple(
            extended(EvidencePart, part, imsi=sims[part.id], service_centre=service_centre(part.pdu))
            for part in contact.parts
        ),
        country=row["country"],
        line_type=row["line_type"],
        synchronised=bool(row["synchronised"]),
    )


def _answer(db: Database, answer: WholeAnswer) -> EvidenceAnswer:
    found = db.all(
        f"SELECT id, answer_segment_id, iif(pdu GLOB '{pseudonym.GLOB}', NULL, pdu) AS pdu, scts, received_at"
        " FROM segments WHERE answer_segment_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        json.dumps([part.id for part in answer.parts]),
    )
    reports = (EvidenceReport(**report, service_centre=service_centre(report["pdu"])) for report in found)
    return extended(EvidenceAnswer, answer, reports=tuple(reports))


def service_centre(pdu: str | None) -> str | None:
    """Return the address of the service centre that a PDU begins with; None if there is none to read."""
    try:
        return tpdu.decode(pdu).service_centre if pdu else None
    except PduError:
        return None
