"""The language that people read: sentences and phrases are translated when they are needed, into the one in force.

The code has each sentence whole, in English, with {named} places; `catalogues/` has the other languages, in the format
of gettext. A process has one language, which is English until `speak` changes it. The daemon never changes it, because
its journal is English. Processes exchange codes and not sentences; `causes` and `words` put codes into sentences.
The .po files are read directly, because compiled ones would have to be made again after each change.
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
"""The blank inside a number, and before French punctuation; console fonts have no narrow one."""
_CONTEXT_END = "\x04"  # gettext's separator between a context and its sentence
_FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[[0-9]\])?) ((?:".*"\n)+)', re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
PLACEHOLDER = re.compile(r"[A-Z]{2,}")
"""A word in a command for what is typed there: FILE, NUMBER."""


class Language(StrEnum):
    """The languages that sentences are available in."""

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
    """Make a language the current one of this process."""
    global _in_force  # noqa: PLW0603  a process has one language
    _in_force = language


def spoken() -> Language:
    """Return the current language."""
    return _in_force


def language_of_environment(environ: Mapping[str, str] = os.environ) -> Language:
    """Return the language that the environment asks for, while there is no configuration yet."""
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    code = re.split("[_.@]", locale)[0]
    return Language(code) if code in list(Language) else Language.ENGLISH


def N_(message: str) -> str:  # noqa: N802  gettext's name
    """Mark a sentence that is translated later, such as one in a table that is made before the language is known."""
    return message


def NP_(context: str, message: str) -> str:  # noqa: N802  gettext's name
    """Mark a phrase with its context, because it is translated differently elsewhere ("sent": an answer, a segment)."""
    return f"{context}{_CONTEXT_END}{message}"


def _(message: str, /, **places: object) -> str:
    """Return a sentence in the current language, with its {places} filled in if there are any arguments for them."""
    found = unfilled(message)
    return found.format_map(places) if places else found


def pgettext(context: str, message: str, /, **places: object) -> str:
    """Return a phrase in the current language, translated by its context; see `NP_`."""
    return _(NP_(context, message), **places)


def ngettext(one: str, several: str, number: int, /, **places: object) -> str:
    """Return the sentence for a number of things; `{number}` in it is that number, as `in_digits` writes it."""
    return unfilled_plural(one, several, number).format_map({"number": in_digits(number), **places})


def unfilled(message: str) -> str:
    """Return a sentence in the current language, without filling in its places."""
    return in_language(_in_force, message)


def in_language(language: Language, message: str) -> str:
    """Return a sentence in any language, without filling in its places; an untranslated one in English."""
    found = _catalogue(language).get(message)
    return found[0] if found else message.rpartition(_CONTEXT_END)[2]


def unfilled_plural(one: str, several: str, number: int) -> str:
    """Return the singular or plural sentence for a number, without filling in its places; in French 0 is singular."""
    is_one = number in {0, 1} if _in_force is Language.FRENCH else number == 1
    forms = _catalogue(_in_force).get(one, ())
    return (forms if len(forms) == len((one, several)) else (one, several))[not is_one]


def placeholders(command: str) -> str:
    """Return a command, or a piece of it, with its placeholders in the current language."""
    return PLACEHOLDER.sub(lambda word: unfilled(word[0]), command)


def character_name(character: str) -> str:
    """Return a name for an invisible character: in English that of Unicode, in other languages its code (U+00A0)."""
    import unicodedata  # noqa: PLC0415  only mistakes need it

    code = f"U+{ord(character):04X}"
    return unicodedata.name(character, code).lower() if _in_force is Language.ENGLISH else code


def in_digits(number: float | Decimal, decimals: int = 0) -> str:
    """Write a number with the separators of the current language, in English 1,234.50."""
    marks = {",": THOUSANDS[_in_force], ".": _DECIMAL[_in_force]}
    return "".join(marks.get(character, character) for character in f"{number:,.{decimals}f}")


def in_row(clauses: Iterable[str]) -> str:
    """Join clauses by semicolons; leave out empty ones."""
    return _SEMICOLON.get(_in_force, "; ").join(filter(None, clauses))


def labelled(label: str, text: str = "") -> str:
    """Join a label and a text by a colon; without a text, return a prompt."""
    return f"{label}{_COLON.get(_in_force, ': ')}{text}"


class Phrases(Mapping[_Key, str], Generic[_Key]):
    """A table of phrases that are marked with `N_`; each is translated when it is read."""

    def __init__(self, messages: Mapping[_Key, str]) -> None:
        self.messages = messages
        """The phrases in English."""

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
    """Read a catalogue: by each sentence, with its context before it, one translation or one for each plural form.

    Sentences without a translation are left out, so they are shown in English.
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
    found.pop("", None)  # the header of the file
    return found
