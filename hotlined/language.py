"""The language that people read: sentences and phrases are looked up when they are wanted, in the one in force.

A sentence is written in English where it is said, whole, with {named} places; `catalogues/` has it in the others, in
gettext's format. A process has one language, English until `speak` says otherwise; the daemon's stays so, for its
journal is English. What a process says another one can say `again` in its own: the sentence's key and what fills its
places travel (`to_value`), and nobody has to know it by its wording.
The catalogues are read as they stand: a compiled one beside each would be another thing to forget.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Generic, Self, TypeVar

_Key = TypeVar("_Key")
_Catalogue = Mapping[str, tuple[str, ...]]

CATALOGUES = Path(__file__).parent / "catalogues"
NO_BREAK = "\N{NO-BREAK SPACE}"
"""The blank inside a number, and before French punctuation: the fonts of a console have no narrow one."""
_CONTEXT_END = "\x04"  # between a context and its sentence, as gettext has it
_FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[[0-9]\])?) ((?:".*"\n)+)', re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")
_PLACE = re.compile(r"\{(\w+)\}")
_PLACES_ALONE = re.compile(r"(?:[^{}]|\{[a-z]\w*\})*")
_ESCAPES = {"n": "\n", "t": "\t"}


class Language(StrEnum):
    """A language that people can be spoken to in."""

    ENGLISH = "en"
    FRENCH = "fr"
    DUTCH = "nl"


_SEMICOLON = {Language.FRENCH: f"{NO_BREAK}; "}
_COLON = {Language.FRENCH: f"{NO_BREAK}: "}
THOUSANDS = {Language.ENGLISH: ",", Language.FRENCH: NO_BREAK, Language.DUTCH: "."}
"""What stands between thousands."""
_DECIMAL = {Language.ENGLISH: ".", Language.FRENCH: ",", Language.DUTCH: ","}
_in_force = Language.ENGLISH


def speak(language: Language) -> None:
    """Put a language in force in this process."""
    global _in_force  # noqa: PLW0603  a process has one language
    _in_force = language


def spoken() -> Language:
    """Return the language in force."""
    return _in_force


def language_of_environment(environ: Mapping[str, str] = os.environ) -> Language:
    """Return the language that the environment asks for: for those who have no configuration yet."""
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    code = re.split("[_.@]", locale)[0]
    return Language(code) if code in list(Language) else Language.ENGLISH


def N_(message: str) -> str:  # noqa: N802  what gettext calls it
    """Mark a sentence that is looked up later: in a table that is made before the language is known."""
    return message


def NP_(context: str, message: str) -> str:  # noqa: N802  the same
    """Mark a phrase that has another translation elsewhere, with its context: sent, of an answer and of a segment."""
    return f"{context}{_CONTEXT_END}{message}"


class Said(str):
    """A sentence or a phrase in the language that was in force, which can be said again in another one.

    What is made of it by other means, an f-string say, is a plain text that stays as it is.
    """

    __slots__ = ("message", "number", "places", "several")
    message: str
    """Its key in the catalogues: how it is written in English, its places unfilled."""
    places: Mapping[str, object]
    several: str | None
    """Where a number decides: how it is said of several, and that number."""
    number: int

    @classmethod
    def of(
        cls, text: str, message: str, places: Mapping[str, object], several: str | None = None, number: int = 0
    ) -> Self:
        """Return a text with the way in which it is said."""
        said = cls(text)
        said.message, said.places, said.several, said.number = message, places, several, number
        return said


def _(message: str, /, **places: object) -> str:
    """Return a sentence in the language in force; with `places` those are filled in, without they stay as they are."""
    found = unfilled(message)
    return Said.of(found.format_map(places), message, places) if places else found


def pgettext(context: str, message: str, /, **places: object) -> str:
    """Return a phrase that has another translation elsewhere, by its context."""
    return _(NP_(context, message), **places)


def ngettext(one: str, several: str, number: int, /, **places: object) -> str:
    """Return the sentence for a number of something; `{number}` in it is that number, as `in_digits` writes it."""
    text = unfilled_plural(one, several, number).format_map({"number": in_digits(number), **places})
    return Said.of(text, one, places, several, number)


def unfilled(message: str) -> str:
    """Return a sentence in the language in force, its places as they are."""
    return Said.of(in_language(_in_force, message), message, {})


def in_language(language: Language, message: str) -> str:
    """Return a sentence in a language that need not be in force, its places as they are."""
    found = _catalogue(language).get(message)
    return found[0] if found else message.rpartition(_CONTEXT_END)[2]


def unfilled_plural(one: str, several: str, number: int) -> str:
    """Return the sentence for a number, its places as they are; in French, none of something is singular."""
    is_one = number in {0, 1} if _in_force is Language.FRENCH else number == 1
    forms = _catalogue(_in_force).get(one, ())
    return (forms if len(forms) == len((one, several)) else (one, several))[not is_one]


def in_sequence(sentences: Iterable[str]) -> str:
    """Join sentences by blanks, so that each can be said again; an empty one is left out."""
    return _joined(sentences, " ")


def in_list(names: Iterable[str]) -> str:
    """Join names by commas, so that each can be said again; an empty one is left out."""
    return _joined(names, ", ")


def _joined(texts: Iterable[str], sign: str) -> str:
    kept = [text for text in texts if text]
    if len(kept) <= 1:
        return kept[0] if kept else ""
    names = [f"part{number}" for number in range(len(kept))]
    return Said.of(sign.join(kept), sign.join(f"{{{name}}}" for name in names), dict(zip(names, kept, strict=True)))


def again(text: str) -> str:
    """Return a text in the language in force, whatever was in force when it was said; a plain one stays as it is."""
    if not isinstance(text, Said):
        return text
    places = {name: again(value) if isinstance(value, str) else value for name, value in text.places.items()}
    if text.several is not None:
        return ngettext(text.message, text.several, text.number, **places)
    return _(text.message, **places)


def to_value(text: str) -> object:
    """Return a text as JSON holds it: a plain one as a string, else its key, and what fills its places."""
    if not isinstance(text, Said):
        return text
    places = {
        name: value if isinstance(value, int | float) else to_value(value if isinstance(value, str) else str(value))
        for name, value in text.places.items()
    }
    numbered = {} if text.several is None else {"several": text.several, "number": text.number}
    return {"message": text.message, "places": places, **numbered}


def from_value(value: object) -> str:
    """Return a text that `to_value` made a value of, in the language in force.

    Raises ValueError for anything else: a file may be damaged, and what is filled in has to be text or a number.
    """
    if isinstance(value, str):
        return value
    forms: tuple[str, ...]
    match value:
        case {"message": str(one), "places": dict(places), "several": str(several), "number": int(number)}:
            forms, known = (one, several), {*places, "number"}
        case {"message": str(one), "places": dict(places)}:
            forms, number, known = (one,), 0, {*places}
        case _other:
            raise ValueError(value)
    # nothing but the names of places: a width behind a colon would fill the memory of who reads it
    if not all(_PLACES_ALONE.fullmatch(form) and set(_PLACE.findall(form)) <= known for form in forms):
        raise ValueError(value)
    filled = {str(name): each if isinstance(each, int | float) else from_value(each) for name, each in places.items()}
    return again(Said.of("", one, filled, forms[1] if len(forms) > 1 else None, number))


def recognised(text: str, messages: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Return which of these sentences a text is in English, and what fills its places; None where it is none.

    It is for what was said elsewhere, or long ago, and is no longer a `Said`. The first that fits is taken.
    """
    for message in messages:
        if found := _wording(message).fullmatch(text):
            return message, found.groupdict()
    return None


@lru_cache
def _wording(message: str) -> re.Pattern[str]:
    """Return what fits a sentence in English, each of its places a group."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(message)), re.DOTALL)


def character_name(character: str) -> str:
    """Name a character that nobody sees: as Unicode does, whose names are English, in other languages by its code."""
    import unicodedata  # noqa: PLC0415  for mistakes alone

    code = f"U+{ord(character):04X}"
    return unicodedata.name(character, code).lower() if _in_force is Language.ENGLISH else code


def in_digits(number: float | Decimal, decimals: int = 0) -> str:
    """Write a number, its thousands apart and with the decimal sign of the language: 1,234.50."""
    marks = {",": THOUSANDS[_in_force], ".": _DECIMAL[_in_force]}
    return "".join(marks.get(character, character) for character in f"{number:,.{decimals}f}")


def in_row(clauses: Iterable[str]) -> str:
    """Join clauses by semicolons; an empty one is left out."""
    return _SEMICOLON.get(_in_force, "; ").join(filter(None, clauses))


def labelled(label: str, text: str = "") -> str:
    """Join a label and what follows it by a colon; without a text it is what somebody types that follows."""
    return f"{label}{_COLON.get(_in_force, ': ')}{text}"


class Phrases(Mapping[_Key, str], Generic[_Key]):
    """A table of phrases that are marked with `N_`: each is looked up when it is asked for."""

    def __init__(self, messages: Mapping[_Key, str]) -> None:
        self.messages = messages
        """The phrases as they are marked, in English."""

    def __getitem__(self, key: _Key) -> str:
        return unfilled(self.messages[key])

    def __iter__(self) -> Iterator[_Key]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)


@lru_cache
def _catalogue(language: Language) -> _Catalogue:
    if language is Language.ENGLISH:
        return {}
    return read_catalogue((CATALOGUES / f"{language}.po").read_text("utf-8"))


def read_catalogue(text: str) -> _Catalogue:
    """Read a catalogue: its sentences, each with its context before it, and one or several translations.

    What is not translated is left out, and shown in English.
    """
    found: dict[str, tuple[str, ...]] = {}
    context, key = "", ""
    for match in _FIELD.finditer(text):
        field, quoted = match.groups()
        value = "".join(line[1:-1] for line in quoted.splitlines())
        if "\\" in value:
            value = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), value)
        if field == "msgctxt":
            context = f"{value}{_CONTEXT_END}"
        elif field == "msgid":
            key, context = f"{context}{value}", ""
        elif field.startswith("msgstr") and value:
            found[key] = (*found.get(key, ()), value)
    found.pop("", None)  # the head of the file
    return found
