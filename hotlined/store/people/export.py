"""Reads everything that is stored about a person, so that the line can answer when the person asks for it."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from hotlined.documents import ByHandId, ExportedEvent, WholeContact
from hotlined.forms import Time
from hotlined.gsm.address import mask
from hotlined.states import AnswerState, RequestState
from hotlined.store.line import elsewhere, events, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.elsewhere import Elsewhere
from hotlined.store.people.stored import PersonRows, find
from hotlined.store.reading import log


@dataclass(frozen=True, slots=True)
class ExportedDecision:
    """The decisions about a number."""

    number: str
    blocked_at: Time | None
    blocked_by: str | None
    opted_out_at: Time | None


@dataclass(frozen=True, slots=True)
class NamedBy:
    """An MMS notification from another originator whose second address is this number."""

    id: int
    received_at: Time


@dataclass(frozen=True, slots=True)
class ExportedText:
    """A text that was sent to the number by hand."""

    id: ByHandId
    recipient: str
    state: AnswerState
    text: str | None
    queued_at: Time
    sent_at: Time | None


@dataclass(frozen=True, slots=True)
class ExportedSegment:
    """A segment that belongs to no contact."""

    id: int
    kind: str
    pdu: str | None
    scts: str | None
    received_at: Time


@dataclass(frozen=True, slots=True)
class ExportedRequest:
    """A request to the daemon that concerns the number, with the arguments of its verb."""

    id: int
    verb: str
    arguments: dict[str, str]
    who: str
    created_at: Time
    state: RequestState
    result: str | None
    """The result in words; null while there is none."""


@dataclass(frozen=True, slots=True)
class Export:
    """export --json."""

    number: str
    pseudonym: str | None
    contacts: tuple[WholeContact, ...]
    decided: ExportedDecision | None
    named_by: tuple[NamedBy, ...]
    by_hand: tuple[ExportedText, ...]
    segments: tuple[ExportedSegment, ...]
    requests: tuple[ExportedRequest, ...]
    events: tuple[ExportedEvent, ...]
    elsewhere: tuple[Elsewhere, ...]
    """The rows of other lines of the fleet about the number."""
    fleet_pseudonym: str | None
    """The pseudonym of the number in the fleet; null if the line is not in a fleet."""

    @property
    def anything(self) -> bool:
        """True if anything is stored."""
        rows = (self.contacts, self.named_by, self.by_hand, self.segments, self.requests, self.events, self.elsewhere)
        return self.decided is not None or any(rows)


def export(db: Database, name: str, in_words: Callable[[str | None, str | None], str | None]) -> Export:
    """Return everything that is stored about a number or name, also under its pseudonym.

    `in_words` makes a sentence from the result and the detail of a request.
    """
    names = pseudonyms.names(db, name)
    found = find(db, names)
    decided = db.one(
        "SELECT number, max(blocked_at) AS blocked_at, max(blocked_by) AS blocked_by,"
        " max(opted_out_at) AS opted_out_at FROM numbers"
        # max() returns one row even for no rows: HAVING drops it
        " WHERE number IN (?, ?) HAVING count(*)",
        *names,
    )
    contacts = (log.maybe_contact(db, contact_id) for contact_id in found.contacts)
    named = db.all(
        "SELECT id, received_at FROM contacts WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        json.dumps(found.named),
    )
    happened = events.of_person(db, found.contacts, name if _is_masked_alone(db, name) else None)
    return Export(
        number=name,
        pseudonym=names[1] if names[1] != name else None,
        contacts=tuple(filter(None, contacts)),
        decided=ExportedDecision(**decided) if decided else None,
        named_by=tuple(NamedBy(**row) for row in named),
        by_hand=_by_hand(db, found),
        segments=_segments(db, found),
        requests=_requests(db, found, in_words),
        events=tuple(ExportedEvent(**row) for row in happened),
        elsewhere=tuple(elsewhere.of(db, name)),
        fleet_pseudonym=elsewhere.person(db, name),
    )


def _by_hand(db: Database, found: PersonRows) -> tuple[ExportedText, ...]:
    rows = db.all(
        "SELECT 'h' || id AS id, recipient, state, text, queued_at, sent_at FROM answers WHERE by_hand IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.answers),
    )
    return tuple(ExportedText(**dict(row) | {"state": AnswerState(row["state"])}) for row in rows)


def _segments(db: Database, found: PersonRows) -> tuple[ExportedSegment, ...]:
    rows = db.all(
        "SELECT id, kind, pdu, scts, received_at FROM segments WHERE contact_id IS NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        json.dumps(found.segments),
    )
    return tuple(ExportedSegment(**row) for row in rows)


def _requests(
    db: Database, found: PersonRows, in_words: Callable[[str | None, str | None], str | None]
) -> tuple[ExportedRequest, ...]:
    rows = db.all(
        "SELECT id, verb, arguments, who, created_at, state, result, detail FROM requests"
        " WHERE id IN (SELECT value FROM json_each(?))",
        json.dumps(found.requests),
    )
    return tuple(
        ExportedRequest(
            id=row["id"],
            verb=row["verb"],
            arguments=json.loads(row["arguments"]),
            who=row["who"],
            created_at=row["created_at"],
            state=RequestState(row["state"]),
            result=in_words(row["result"], row["detail"]),
        )
        for row in rows
    )


def _is_masked_alone(db: Database, name: str) -> bool:
    """Tell whether the mask belongs to this number alone: events have only masks, and might concern another number."""
    return all(
        mask(row["number"]) != mask(name)
        for row in db.all(
            "SELECT originator AS number FROM contacts UNION SELECT other_originator FROM contacts"
            " UNION SELECT recipient FROM answers UNION SELECT number FROM numbers"
        )
        if row["number"] != name
    )
