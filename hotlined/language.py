"""The language that people read: sentences and phrases are looked up when they are wanted, in the one in force.

A sentence is written in English where it is said, whole, with {named} places; `catalogues/` has it in the others, in
gettext's format. A process has one language, English until `speak` says otherwise; the daemon's stays so, for its
journal is English. No sentence goes from one process to another: that are codes, which `causes` and `words` say.
The catalogues are read as they stand: a compiled one beside each would be another thing to forget.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Catalogue = Mapping[str, tuple[str, ...]]

CATALOGUES = Path(__file__).parent / "catalogues"
NO_BREAK = "\N{NO-BREAK SPACE}"
"""The blank inside a number, and before French punctuation: the fonts of a console have no narrow one."""
_CONTEXT_END = "\x04"  # between a context and its sentence, as gettext has it
_FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[[0-9]\])?) ((?:".*"\n)+)', re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
PLACEHOLDER = re.compile(r"[A-Z]{2,}")
"""A word in a command for what is typed there: FILE, NUMBER."""


class Language(StrEnum):
    """A language that people can be spoken to in."""

    ENGLISH = "en"
    FRENCH = "fr"
    DUTCH = "nl"


_SEMICOLON = {Language.FRENCH: f"{NO_BREAK}; "}
_COLON = {Language.FRENCH: f"{NO_BREAK}: "}
THOUSANDS = {Language.ENGLISH: ",", Language.FRENCH: NO_BREAK, Language.DUTCH: "."}
"""The separator between thousands."""
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


def _(message: str, /, **places: object) -> str:
    """Return a sentence in the language in force; with `places` those are filled in, without they stay as they are."""
    found = unfilled(message)
    return found.format_map(places) if places else found


def pgettext(context: str, message: str, /, **places: object) -> str:
    """Return a phrase that has another translation elsewhere, by its context."""
    return _(NP_(context, message), **places)


def ngettext(one: str, several: str, number: int, /, **places: object) -> str:
    """Return the sentence for a number of something; `{number}` in it is that number, as `in_digits` writes it."""
    return unfilled_plural(one, several, number).format_map({"number": in_digits(number), **places})


def unfilled(message: str) -> str:
    """Return a sentence in the language in force, its places as they are."""
    return in_language(_in_force, message)


def in_language(language: Language, message: str) -> str:
    """Return a sentence in a language that need not be in force, its places as they are."""
    found = _catalogue(language).get(message)
    return found[0] if found else message.rpartition(_CONTEXT_END)[2]


def unfilled_plural(one: str, several: str, number: int) -> str:
    """Return the sentence for a number, its places as they are; in French, none of something is singular."""
    is_one = number in {0, 1} if _in_force is Language.FRENCH else number == 1
    forms = _catalogue(_in_force).get(one, ())
    return (forms if len(forms) == len((one, several)) else (one, several))[not is_one]


def placeholders(command: str) -> str:
    """Return a command, or a piece of it, with its placeholders in the language in force."""
    return PLACEHOLDER.sub(lambda word: unfilled(word[0]), command)


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
