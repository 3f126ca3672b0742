"""What is printed, made harmless: text from strangers is shown, never obeyed.

`harmless` is the one function that every such text passes before it reaches a terminal. JSON is ASCII and keeps the
text exactly; CSV is for people and spreadsheets, and has it escaped.
Known to be wrong: right-to-left letters are shown as they are, so a terminal that reorders them may show the rest of
their line in another order.
"""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import click

_MOST_MARKS = 3  # on one letter: Vietnamese takes two, a storm dozens
_MARKS = frozenset({"Mn", "Me"})
# controls, formats (bidi, zero-width), halves of pairs, private, unknown, line and paragraph separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and signs that show nothing
_CALCULATED = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str, newline: str = "⏎") -> str:
    r"""Write a text so that no terminal obeys it: \x1b, \u202e and their like escaped, newlines as `newline`."""
    if text.isascii() and text.isprintable():
        return text
    shown = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if character == "\n":
            shown.append(newline)
        elif category in _UNPRINTABLE or character in _BLANK or marks > _MOST_MARKS:
            shown.append(_escape(ord(character)))
        else:
            shown.append(character)
    return "".join(shown)


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


def print_sheet(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print labels and values for people, one pair a line; a value that is not known or empty is left out."""
    for label, value in pairs:
        if value:
            click.echo(f"{label:<14} {harmless(value)}")
