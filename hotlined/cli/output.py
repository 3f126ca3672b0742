"""What is printed, made harmless: text from strangers is shown, never obeyed.

`harmless` is the one function that every such text passes before it reaches a terminal. JSON is ASCII and keeps the
text exactly; CSV is for people and spreadsheets, and has it escaped.
Known to be wrong: right-to-left letters are shown as they are, so a terminal that reorders them may show the rest of
their line in another order; wide characters count once where a sentence or a sheet is wrapped.
"""

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import click

TYPED = "hotlined.typed"
"""Where click keeps the options before the command as they were typed, for `as_typed`."""
_LABEL = 14  # characters: the first column of a sheet
_LEAST = 10  # characters: a narrower column is not worth having
_WRAPPER = partial(
    textwrap.TextWrapper,
    replace_whitespace=False,
    break_long_words=False,  # a path or a PDU can be copied
    break_on_hyphens=False,
)
_MOST_MARKS = 3  # on one letter: Vietnamese takes two, a storm dozens
_MARKS = frozenset({"Mn", "Me"})
# controls, formats (bidi, zero-width), halves of pairs, private, unknown, line and paragraph separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
JOINER = "\u200d"
"""Makes one emoji of several."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and signs that show nothing
# UTS #51: what joins others is a picture (So), or an arrow of Unicode's mathematics; skin colours and a selector follow
_FIRST_PICTURE = "\u2190"
_ARROWS = ("\u2194", "\u2195")
_MODIFIERS = "\ufe0f" + "".join(map(chr, range(0x1F3FB, 0x1F400)))
_MOST_MODIFIERS = 2
_CALCULATED = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str, newline: str = "⏎") -> str:
    r"""Write a text so that no terminal obeys it: \x1b, \u202e and their like escaped, newlines as `newline`.

    A joiner stays where it joins two emoji, for it hides nothing there.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = []
    marks = 0
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if character == "\n":
            shown.append(newline)
        elif character == JOINER and _joins(text, place):
            shown.append(character)
        elif category in _UNPRINTABLE or character in _BLANK or marks > _MOST_MARKS:
            shown.append(_escape(ord(character)))
        else:
            shown.append(character)
    return "".join(shown)


def _joins(text: str, place: int) -> bool:
    """Tell whether a joiner stands between two emoji, the first of which may have a colour and a selector."""
    before = text[max(0, place - _MOST_MODIFIERS - 1) : place].rstrip(_MODIFIERS)
    return _is_picture(before[-1:]) and _is_picture(text[place + 1 : place + 2])


def _is_picture(character: str) -> bool:
    return character in _ARROWS or (
        character >= _FIRST_PICTURE and unicodedata.category(character) == "So" and character not in _BLANK
    )


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_line(value: Any) -> str:
    """Write a value as one line of ASCII JSON, harmless on a terminal."""
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def csv_cell(value: object) -> object:
    """Return a cell that neither a terminal obeys nor a spreadsheet calculates; newlines stay."""
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(_CALCULATED) else "") + harmless(value, "\n")


def counted(number: int, noun: str) -> str:
    """Write a number with what it counts, the noun in the singular or with an s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """End a text with a full stop, unless it has an end."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def as_typed(text: str) -> str:
    """Give the commands that a sentence of ours advises the --config or --line that was typed: they can be copied."""
    context = click.get_current_context(silent=True)
    typed = context.meta.get(TYPED) if context else None
    return text.replace("`hotlined ", f"`hotlined {typed} ") if typed else text


def wrapped(text: str, label: str = "", *, err: bool = False) -> str:
    """Return a text harmless, behind a label; on a terminal it is wrapped beneath itself, and no word is cut."""
    indent = f"{label:<{_LABEL}} " if label else ""
    lines = [harmless(text)]
    if (sys.stderr if err else sys.stdout).isatty():
        room = shutil.get_terminal_size().columns - len(indent)
        lines = _WRAPPER(max(room, _LEAST)).wrap(lines[0]) or lines
    return indent + f"\n{' ' * len(indent)}".join(lines)


def print_wrapped(text: str, label: str = "", *, err: bool = False) -> None:
    """Print a text as `wrapped` has it."""
    click.echo(wrapped(text, label, err=err), err=err)


def sheet(pairs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the lines of a sheet for people: labels and values; one that is not known or empty is left out."""
    for label, value in pairs:
        if value:
            yield from wrapped(value, label).split("\n")


def print_sheet(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print labels and values as `sheet` has them."""
    for line in sheet(pairs):
        click.echo(line)
