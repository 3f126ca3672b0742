"""Documents: contacts, their answers and texts by hand, as `--json` prints them and the desk shows them.

A document is a frozen dataclass that is made once, from database rows. Its fields are the keys of its JSON, in the same
order. Other documents are defined in the modules that make them. `scripts/run schema` writes docs/output.schema.json
from all of them: the docstring below a field becomes the description of that key. Moments are RFC 3339 in UTC.

The daemon must not import this module, not even indirectly: making these dataclasses takes a tenth of its start.
"""

from dataclasses import dataclass
from typing import Annotated

from hotlined.forms import Detail, Form, Time
from hotlined.gsm.alphabet import Encoding
from hotlined.rules.policy import WaitingFor
from hotlined.states import AnswerState, ByHand, ContactKind, ContactVerdict, SegmentState

ByHandId = Annotated[
    str,
    Form(
        name="by_hand_id",
        description="The ID of a text by hand, as show, cancel and requeue take it.",
        pattern="^h[1-9][0-9]*$",
    ),
]


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """An answer to a contact, or a text that a person sent by hand."""

    id: int
    state: AnswerState
    reason: str | None
    """The code of why the answer ended in this state; new codes may be added."""
    text: str | None
    """The text as it is transmitted; null until the answer is composed."""
    encoding: Encoding | None
    segments: int | None
    segments_sent: int
    waiting_for: WaitingFor | None
    queued_at: Time
    due_at: Time
    sent_at: Time | None
    """When the network took the last segment (+CMGS)."""
    reported_at: Time | None


@dataclass(frozen=True, slots=True)
class PreviewedAnswer(LoggedAnswer):
    """An answer; until it is composed, it has the text that the present configuration would give it."""

    composed: bool
    """Whether the text is the answer's own; if false, it is the one that the configuration in force would give it."""


@dataclass(frozen=True, slots=True)
class SentPart:
    """A segment of one attempt to send an answer."""

    id: int
    attempt: int
    sequence: int
    current: bool
    """Whether it belongs to the latest attempt."""
    state: SegmentState
    pdu: str | None
    tpdu_length: int | None
    mr: int | None
    cause: str | None
    detail: str | None
    """Details of the cause: a code, or the modem's own words; new codes may be added."""
    submitted_at: Time | None
    sent_at: Time | None
    report_status: int | None
    reported_at: Time | None
    discharged_at: str | None
    """When the network delivered or gave up the segment, by its own clock, with the offset of that clock."""


@dataclass(frozen=True, slots=True)
class WholeAnswer(LoggedAnswer):
    """An answer with its segments."""

    parts: tuple[SentPart, ...]


@dataclass(frozen=True, slots=True)
class WordingPlace:
    """The place of a text among the texts in the configuration, counted from 1."""

    answer: int
    variant: int
    country: str | None


@dataclass(frozen=True, slots=True)
class ShownAnswer(WholeAnswer):
    """An answer with its segments, its text, and the place of that text in the configuration."""

    composed: bool
    """Whether the text is the answer's own; if false, it is the one that the configuration in force would give it."""
    wording: WordingPlace | None
    """The place of the text; null if the line has only one text, or if the answer ended without a text."""


@dataclass(frozen=True, slots=True)
class TextByHand:
    """A line of log --by-hand --json: a text that a person sent."""

    id: ByHandId
    kind: ByHand
    recipient: str
    asked_by: str | None
    answer: LoggedAnswer


@dataclass(frozen=True, slots=True)
class ListedTextByHand(TextByHand):
    """A text by hand in a list for people, with its outcome in words."""

    outcome: str


@dataclass(frozen=True, slots=True)
class WholeTextByHand(TextByHand):
    """show --json of a text by hand."""

    answer: WholeAnswer


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many segments of a text were received, and how many it consists of."""

    received: int
    total: int


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """A contact, with its answer."""

    id: int
    line: str
    kind: ContactKind
    originator: str | None
    """E.164, or as received; a name that could be taken for a number is in “ ”; as a pseudonym ~ and twelve hexadecimal
    digits; null if the number is withheld."""
    other_originator: str | None
    """Of an MMS, which has two addresses (its named sender, and the one that announced it): the second of them."""
    text: str | None
    """As it was received, of an MMS its subject; null if there is none, or it was erased."""
    segments: SegmentCount
    scts: str | None
    """The service centre's time, with its offset."""
    received_at: Time
    repeats: int
    tags: tuple[str, ...]
    verdict: ContactVerdict | None
    reason: str | None
    """The code of the reason for the verdict; new codes may be added."""
    elsewhere: tuple[str, ...]
    """The other lines of the fleet that caused the refusal; empty if this line refuses by itself."""
    answer: LoggedAnswer | None


@dataclass(frozen=True, slots=True)
class PreviewedContact(LoggedContact):
    """A line of log --json."""

    answer: PreviewedAnswer | None


@dataclass(frozen=True, slots=True)
class ListedContact(LoggedContact):
    """A contact in a list for people, with its outcome in words."""

    kept: bool
    alert_words: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The exemption of a contact from erasure: its time and the person who made it."""

    at: Time
    by: str


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """A segment as it was received."""

    id: int
    kind: str
    sequence: int | None
    pdu: str | None
    tpdu_length: int | None
    problem: str | None
    """The code of why the segment cannot be read; new codes may be added."""
    repeat: bool
    storage: str | None
    storage_index: int | None
    scts: str | None
    received_at: Time
    deleted_at: Time | None


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event: an action of a person, or something that happened by itself."""

    at: Time
    kind: str
    detail: Detail | None
    """Further values by their names; new names may be added."""
    who: str | None
    """The person who acted; null if it happened by itself."""
    number: str | None
    """The number that the event is about, masked."""
    word: str | None
    """The tag that was set or removed, or the name of the list that the person read."""


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """An event with its ID: an action of a person, or something that happened by itself."""

    id: int
    at: Time
    kind: str
    detail: Detail | None
    """Further values by their names; new names may be added."""
    who: str | None
    """The person who acted; null if it happened by itself."""
    number: str | None
    """The number that the event is about, masked."""
    word: str | None
    """The tag that was set or removed, or the name of the list that the person read."""


@dataclass(frozen=True, slots=True)
class WholeContact(LoggedContact):
    """A contact of export --json: with its segments, the texts by hand to its number, and its events."""

    answer: WholeAnswer | None
    kept: Kept | None
    alert_words: tuple[str, ...]
    """The words and phrases of alerts.words that its text has."""
    parts: tuple[ReceivedPart, ...]
    by_hand: tuple[TextByHand, ...]
    events: tuple[ShownEvent, ...]


@dataclass(frozen=True, slots=True)
class ShownContact(WholeContact):
    """show --json of a contact."""

    answer: ShownAnswer | None
