"""Headlines and texts of alerts: of conditions, by their rows, and of what is no condition.

A text message can carry every sentence: GSM-7 has its letters, or substitutes for them.
"""

from collections.abc import Mapping

from hotlined import conditions
from hotlined.conditions import Row
from hotlined.language import N_, _, in_digits, ngettext
from hotlined.states import AlertCondition
from hotlined.words.countries import country_in_words

_WORDS = N_("{count} texts have a word of alerts.words")
_ASKS = N_("somebody asks you to look at a text")

TEXTS: Mapping[tuple[str, int], tuple[str, str]] = {
    (AlertCondition.FLOOD, 1): (
        N_("a flood of texts"),
        N_("{contacts}. The limits bound what it can cost; 'hotlined pause' stops all answers."),
    ),
    (AlertCondition.FLOOD, 0): (N_("the flood is over"), N_("It brought {contacts}.")),
    (AlertCondition.DATABASE, 1): ("{title}", "{words}"),
    (AlertCondition.DATABASE, 0): conditions.OVER[AlertCondition.DATABASE],
    (AlertCondition.WORDS, 1): (
        N_("a text has a word of alerts.words"),
        N_("It is contact {id}, since {since}. 'hotlined show {id}' shows it."),
    ),
    (AlertCondition.WORDS, 2): (_WORDS, N_("Contacts {ids}, since {since}. 'hotlined review' shows them.")),
    (AlertCondition.WORDS, 3): (
        _WORDS,
        N_("Contacts {ids} and more, since {since}. 'hotlined review' shows them."),
    ),
    (AlertCondition.TOLD, 1): (_ASKS, N_("{by} asks: look at contact {ids}. 'hotlined show {id}' shows it.")),
    (AlertCondition.TOLD, 2): (_ASKS, N_("{by} asks: look at contacts {ids}. 'hotlined show {id}' shows the first.")),
    (AlertCondition.TOLD, 3): (_ASKS, N_("{by}: contact {ids}. An answer waits: 'hotlined cancel {id}'.")),
    (AlertCondition.TOLD, 4): (_ASKS, N_("{by}: contacts {ids}. An answer waits: 'hotlined cancel {id}'.")),
    (AlertCondition.SEVERAL, 1): (
        N_("{count} things are wrong"),
        N_("'hotlined status' says what helps: {titles}."),
    ),
    (AlertCondition.TEST, 0): (N_("a test"), N_("Alerts of this line arrive here.")),
}
"""Headline and text of the alerts that are no condition's, by what they are about and their level (0: it is over)."""


def begin_in_words(row: Row, values: Mapping[str, object]) -> tuple[str, str]:
    """Return the headline and the text of the alert that a condition holds."""
    places = {name: _place(value) for name, value in values.items()}
    for name, message in (("words", row.known.words), ("cure", row.known.cure)):
        if f"{{{name}}}" in row.alert_message and name not in places:
            places[name] = message.format(**places)
    return _quoted(row.known.title.format(**places)), _quoted(_(row.alert_message, **places))


def end_in_words(subject: str) -> tuple[str, str]:
    """Return the headline and the text of the alert that a subject is over; both empty if none tells it."""
    known, _colon, instance = subject.partition(":")
    title, text = conditions.OVER.get(known, ("", ""))
    places = {"country": country_in_words(instance), "storage": instance} if instance else {}
    return (_(title, **places), _(text)) if title else ("", "")


def alert_in_words(condition: str, level: int, filling: Mapping[str, object]) -> tuple[str, str]:
    """Return the headline and the text of an alert that is no condition's."""
    places = {name: _place(value) for name, value in filling.items()}
    if isinstance(contacts := filling.get("contacts"), int):
        places["contacts"] = _flood_in_words(contacts, filling["seconds"])
    title, text = (_quoted(_(message, **places)) for message in TEXTS[condition, level])
    return title, text


def _quoted(text: str) -> str:
    """Put commands into quotes, because GSM-7 has no backticks."""
    return text.replace("`", "'")


def _place(value: object) -> object:
    """Write an amount in the language's way; whatever is typed is a str, and stays as it is."""
    if value is None:
        return "…"
    return in_digits(value) if isinstance(value, int) else value


def _flood_in_words(contacts: int, seconds: object) -> str:
    """Write how many contacts a flood brought, and in how many seconds; without the seconds if `seconds` is None."""
    if seconds is None:
        return ngettext("{number} contact", "{number} contacts", contacts)
    return ngettext("{number} contact in {seconds} s", "{number} contacts in {seconds} s", contacts, seconds=seconds)
