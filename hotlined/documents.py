"""Documents: what `--json` prints and the desk shows of contacts, of their answers, and of texts that people sent.

A document is a frozen dataclass that is made once, from rows; its fields are the keys of its JSON, in their order. More
of them stand beside what makes them. `docs/output.schema.json` is made of all by `scripts/run schema`: it says of a key
what its type and its docstring say. Moments are RFC 3339 in UTC.

To make so many dataclasses takes a tenth of the daemon's start, so nothing that the daemon imports imports this.
"""

from dataclasses import dataclass
from typing import Annotated

from hotlined.forms import Detail, Form, Time
from hotlined.gsm.alphabet import Encoding
from hotlined.policy import WaitingFor
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
    """An answer, or a text that somebody sent by hand."""

    id: int
    state: AnswerState
    reason: str | None
    """Why it ended so; more may be added."""
    text: str | None
    """As on the air; null until it is composed."""
    encoding: Encoding | None
    segments: int | None
    segments_sent: int
    waiting_for: WaitingFor | None
    queued_at: Time
    due_at: Time
    sent_at: Time | None
    """The last segment's +CMGS."""
    reported_at: Time | None


@dataclass(frozen=True, slots=True)
class PreviewedAnswer(LoggedAnswer):
    """An answer with the text that would leave by the configuration in force, while it has none of its own."""

    composed: bool
    """False: the text is what would leave by the configuration in force."""


@dataclass(frozen=True, slots=True)
class SentPart:
    """A segment of an answer, of one of its attempts."""

    id: int
    attempt: int
    sequence: int
    current: bool
    """Whether it is of the latest attempt."""
    state: SegmentState
    pdu: str | None
    tpdu_length: int | None
    mr: int | None
    cause: str | None
    detail: str | None
    """What is known beside the cause: a code, or what the modem said; more may be added."""
    submitted_at: Time | None
    sent_at: Time | None
    report_status: int | None
    reported_at: Time | None
    discharged_at: str | None
    """By the clock of the network, with its offset."""


@dataclass(frozen=True, slots=True)
class WholeAnswer(LoggedAnswer):
    """An answer with its segments."""

    parts: tuple[SentPart, ...]


@dataclass(frozen=True, slots=True)
class WordingPlace:
    """Which of several texts an answer has, counted from 1."""

    answer: int
    variant: int
    country: str | None


@dataclass(frozen=True, slots=True)
class ShownAnswer(WholeAnswer):
    """An answer with its segments, the text that it has or would have, and which of the line's texts that is."""

    composed: bool
    """False: the text is what would leave by the configuration in force."""
    wording: WordingPlace | None
    """Which of several texts it is; null where there is one."""


@dataclass(frozen=True, slots=True)
class TextByHand:
    """A line of log --by-hand --json: a text that somebody sent."""

    id: ByHandId
    kind: ByHand
    recipient: str
    asked_by: str | None
    answer: LoggedAnswer


@dataclass(frozen=True, slots=True)
class ListedTextByHand(TextByHand):
    """A text by hand as people see it in a list, with its outcome in words."""

    outcome: str


@dataclass(frozen=True, slots=True)
class WholeTextByHand(TextByHand):
    """show --json of a text by hand."""

    answer: WholeAnswer


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many segments of a text came, and how many it has."""

    received: int
    total: int


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """A contact, with its answer."""

    id: int
    line: str
    kind: ContactKind
    originator: str | None
    """E.164, or as received; ~ and twelve hexadecimal digits once it is a pseudonym; null if withheld"""
    other_originator: str | None
    """Of an MMS: the address that the contact does not go by, who announced it or who is named in it."""
    text: str | None
    segments: SegmentCount
    scts: str | None
    """The service centre's time, with its offset."""
    received_at: Time
    repeats: int
    tags: tuple[str, ...]
    verdict: ContactVerdict | None
    reason: str | None
    """Of the verdict; more may be added."""
    elsewhere: tuple[str, ...]
    """The lines of the fleet that the refusal is due to, if it is not this one's own."""
    answer: LoggedAnswer | None


@dataclass(frozen=True, slots=True)
class PreviewedContact(LoggedContact):
    """A line of log --json."""

    answer: PreviewedAnswer | None


@dataclass(frozen=True, slots=True)
class ListedContact(LoggedContact):
    """A contact as people see it in a list, with its outcome in words."""

    kept: bool
    alert_words: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Who exempted a contact from erasure, and when."""

    at: Time
    by: str


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """A segment as it came."""

    id: int
    kind: str
    sequence: int | None
    pdu: str | None
    tpdu_length: int | None
    problem: str | None
    """Why it cannot be read: a code; more may be added."""
    repeat: bool
    storage: str | None
    storage_index: int | None
    scts: str | None
    received_at: Time
    deleted_at: Time | None


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """Something that somebody did, or that happened."""

    at: Time
    kind: str
    detail: Detail | None
    """What else is known, by its name; more may be added."""
    who: str | None
    """The person who did it; null if nobody did."""
    number: str | None
    """Whom it is about, masked."""
    word: str | None
    """The tag, or the list that was looked through."""


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """Something that somebody did or that happened, with its ID."""

    id: int
    at: Time
    kind: str
    detail: Detail | None
    """What else is known, by its name; more may be added."""
    who: str | None
    """The person who did it; null if nobody did."""
    number: str | None
    """The number that it is about, masked."""
    word: str | None
    """The tag, or the list that was looked through."""


@dataclass(frozen=True, slots=True)
class WholeContact(LoggedContact):
    """A contact with its segments, and what people did with it: a contact of export --json."""

    answer: WholeAnswer | None
    kept: Kept | None
    alert_words: tuple[str, ...]
    """Of alerts.words, those in its text."""
    parts: tuple[ReceivedPart, ...]
    by_hand: tuple[TextByHand, ...]
    events: tuple[ShownEvent, ...]


@dataclass(frozen=True, slots=True)
class ShownContact(WholeContact):
    """show --json of a contact."""

    answer: ShownAnswer | None
