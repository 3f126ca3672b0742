"""Contacts, and texts by hand, as rows of a table."""

from hotlined.documents import ListedContact, ListedTextByHand
from hotlined.language import N_, _
from hotlined.reports.contact import maybe_why_not, sender
from hotlined.states import AnswerState, ContactKind
from hotlined.words.columns import Column, Layout
from hotlined.words.states import KINDS
from hotlined.words.tags import tag_in_words
from hotlined.words.times import TIME_WIDTH, moment

_STYLES: dict[str, str] = {
    AnswerState.QUEUED: "cyan",
    AnswerState.SENDING: "cyan",
    AnswerState.SENT: "green",
    AnswerState.DELIVERED: "green",
    AnswerState.UNDELIVERED: "red",
    AnswerState.FAILED: "red",
    AnswerState.UNCONFIRMED: "yellow",
}
"""The colour for each state of an answer; other states are dim."""
OUTCOME_WIDTH = 26
"""The width of a column of outcomes: the longest outcome fits."""


def _style(contact: ListedContact | ListedTextByHand) -> str:
    return _STYLES.get(contact.answer.state, "dim") if contact.answer else "dim"


def _outcome(contact: ListedContact) -> str:
    """Return the outcome of a contact for the column ANSWER; a reason why there is no answer begins with "no"."""
    why_not = maybe_why_not(contact)
    return _("no: {reason}", reason=why_not) if why_not else contact.outcome


def text_in_words(contact: ListedContact) -> str:
    """Return the text after its marks: the kind unless it is a text, an alert, whether it is kept, its tags.

    A second address of the contact is shown beside the kind.
    """
    kind, text, segments = contact.kind, contact.text, contact.segments
    named = ", ".join(filter(None, (KINDS[kind], contact.other_originator)))
    marks = [f"({named})"] if kind != ContactKind.TEXT else [] if text is not None else [_("(erased)")]
    if segments.received < segments.total:
        marks.append(_("({received} of {total})", received=segments.received, total=segments.total))
    if contact.alert_words:
        marks.append(_("(alert)"))  # the words themselves are in the text; a phone has little room
    if contact.kept:
        marks.append(_("(kept)"))
    marks += [f"#{tag_in_words(tag)}" for tag in contact.tags]
    return " ".join([*marks, *filter(None, [text])])


_ID: Column[ListedContact] = Column(N_("ID"), 5, lambda contact: str(contact.id), "dim", right=True)
_TIME: Column[ListedContact] = Column(N_("TIME"), TIME_WIDTH, lambda contact: moment(contact.received_at), right=True)
_FROM: Column[ListedContact] = Column(N_("FROM"), 13, sender, "bold")
_TEXT = Column(N_("TEXT"), 0, text_in_words)
_ANSWER: Column[ListedContact] = Column(N_("ANSWER"), OUTCOME_WIDTH, _outcome, _style)
CONTACTS = (
    Layout(75, (_ID, _TIME, _FROM, _ANSWER, _TEXT)),
    Layout(
        0,
        (_ID, _TIME, _FROM),
        below=Column("", 2, lambda contact: f"{_outcome(contact)} · {text_in_words(contact)}"),
    ),
)
"""The columns of `log`, for a wide and a narrow terminal."""

_HAND_ID: Column[ListedTextByHand] = Column(N_("ID"), 5, lambda text: text.id, "dim", right=True)
_TO: Column[ListedTextByHand] = Column(N_("TO"), 13, lambda text: text.recipient, "bold")
_BY: Column[ListedTextByHand] = Column(N_("BY"), 12, lambda text: f"{text.asked_by} ({text.kind})")
_QUEUED_AT: Column[ListedTextByHand] = Column(
    N_("TIME"), TIME_WIDTH, lambda text: moment(text.answer.queued_at), right=True
)
_OUTCOME: Column[ListedTextByHand] = Column(N_("OUTCOME"), OUTCOME_WIDTH, lambda text: text.outcome, _style)
_HAND_TEXT: Column[ListedTextByHand] = Column(N_("TEXT"), 0, lambda text: text.answer.text or "")
TEXTS_BY_HAND = (
    Layout(80, (_HAND_ID, _QUEUED_AT, _TO, _BY, _OUTCOME, _HAND_TEXT)),
    Layout(
        0,
        (_HAND_ID, _QUEUED_AT, _TO),
        below=Column("", 2, lambda text: f"{text.outcome} · {_HAND_TEXT.cell(text)}"),
    ),
)
"""The columns of `log --by-hand`, for a wide and a narrow terminal."""
