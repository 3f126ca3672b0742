"""The facts of the page: everything stored about a number, the moment, the machine, and what is missing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC

from hotlined import __version__, pseudonym
from hotlined.documents import TextByHand
from hotlined.evidence.words import MISSING
from hotlined.forms import Time, extended
from hotlined.language import _
from hotlined.machine.clock import Now, parse_rfc3339
from hotlined.states import ContactKind
from hotlined.store.people.stored_evidence import EvidenceContact, EvidenceLine, RefusedSince, StoredEvidence
from hotlined.words.times import exact


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """The store's data about a number, and who asked for it, when, and whether the clock was right."""

    held: StoredEvidence
    line: str
    line_number: str | None
    made_at: str
    made_by: str
    synchronised: bool

    @property
    def number(self) -> str:
        """The number, the name or the pseudonym."""
        return self.held.number

    @property
    def contacts(self) -> tuple[EvidenceContact, ...]:
        """The contacts, in the order of time."""
        return self.held.contacts


@dataclass(frozen=True, slots=True)
class EvidenceOrigin:
    """The time and the author of evidence, whether the clock was right then, and the version of hotlined."""

    at: Time
    by: str
    clock_synchronised: bool
    version: str


@dataclass(frozen=True, slots=True)
class NamedLine(EvidenceLine):
    """The line, with its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole evidence as one document: the stored data, and when and by whom it was written."""

    number: str
    made: EvidenceOrigin
    missing: tuple[str, ...]
    line: NamedLine
    decided: RefusedSince
    contacts: tuple[EvidenceContact, ...]
    by_hand: tuple[TextByHand, ...]


def facts(held: StoredEvidence, line: str, line_number: str | None, who: str, now: Now) -> EvidenceFacts:
    """Combine the stored data with the person who asks, the time and the line."""
    return EvidenceFacts(held, line, line_number or held.line.number, now.rfc3339, who, now.synchronised)


def document(facts: EvidenceFacts) -> Evidence:
    """Return the document."""
    return extended(
        Evidence,
        facts.held,
        made=EvidenceOrigin(facts.made_at, facts.made_by, facts.synchronised, __version__),
        missing=tuple(missing(facts)),
        line=extended(NamedLine, facts.held.line, name=facts.line, number=facts.line_number),
    )


def missing(facts: EvidenceFacts) -> Iterator[str]:
    """Yield sentences about what is missing or uncertain."""
    if pseudonym.is_one(facts.number):
        yield _(MISSING["pseudonym"], number=facts.number)
    elif not facts.number.removeprefix("+").isdecimal():
        yield _(MISSING["name"])
    for name, applies in _OF_CONTACTS.items():
        if ids := [str(contact.id) for contact in facts.contacts if applies(contact)]:
            yield _(MISSING[name], contacts=", ".join(ids))
    if not facts.synchronised:
        yield _(MISSING["clock_now"])
    if not facts.line_number:
        yield _(MISSING["line_number"])


def _is_erased(contact: EvidenceContact) -> bool:
    return contact.kind == ContactKind.TEXT and contact.text is None


_OF_CONTACTS: Mapping[str, Callable[[EvidenceContact], bool]] = {
    "erased": _is_erased,
    "pdu_erased": lambda contact: any(part.pdu is None for part in contact.parts),
    "clock": lambda contact: not contact.synchronised,
    "incomplete": lambda contact: contact.segments.received < contact.segments.total,
    "unreadable": lambda contact: contact.kind == ContactKind.UNREADABLE or any(part.problem for part in contact.parts),
    "other": lambda contact: bool(contact.other_originator),
}


def local(moment: str) -> str:
    """Return a moment in the local time of this machine, with its zone and its difference from UTC."""
    there = parse_rfc3339(moment).astimezone()
    offset = there.strftime("%z")
    return f"{exact(moment)} ({there.tzname()}, UTC{offset[:3]}:{offset[3:5]})"


def universal(moment: str) -> str:
    """Return a moment in UTC, in the format of the database."""
    return parse_rfc3339(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def network(scts: str) -> str:
    """Return the service centre's time stamp as it came, with its difference from UTC, and in UTC."""
    stamp = parse_rfc3339(scts)
    return f"{stamp.isoformat(' ')} = {universal(scts)}"
