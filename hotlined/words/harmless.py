"""Text from strangers made harmless: it is shown, and no terminal obeys it.

`harmless` is the one function that every such text passes before it reaches a terminal or a page.
Known to be wrong: right-to-left letters are shown as they are, so a terminal that reorders them may show the rest of
their line in another order.
"""

import re
import unicodedata

JOINER = "\u200d"
"""ZERO WIDTH JOINER: makes one emoji of several."""
_MOST_MARKS = 3  # combining marks on one letter: Vietnamese has two, a text made to clutter the screen has dozens
_MARKS = frozenset({"Mn", "Me"})
# Unicode categories: controls, formats (bidi, zero-width), surrogates, private, unassigned, line and paragraph
# separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters that show nothing
# UTS #51: a joined emoji begins with a picture (So) or one of two arrows that count as mathematics; then come a skin
# colour and a variation selector
_FIRST_PICTURE = "\u2190"
_ARROWS = ("\u2194", "\u2195")
_MODIFIERS = "\ufe0f" + "".join(map(chr, range(0x1F3FB, 0x1F400)))
_MOST_MODIFIERS = 2
# where a cell begins: also behind a semicolon, which separates cells where the comma is in decimals
_CALCULATED = re.compile(r"((?:^|;)[\"\s]*)(?=[=+@-])")


def harmless(text: str, newline: str = "⏎") -> str:
    r"""Write a text so that no terminal obeys it: \x1b, \u202e and the like are escaped, newlines become `newline`.

    A joiner between two emoji stays, because there it hides nothing.
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


def csv_cell(value: object) -> object:
    """Return a cell that no terminal obeys and no spreadsheet takes for a formula, nor a part of it for another one."""
    return _CALCULATED.sub(r"\1'", harmless(value)) if isinstance(value, str) else value


def _joins(text: str, place: int) -> bool:
    """Tell whether a joiner is between two emoji; the first may have a skin colour and a variation selector."""
    before = text[max(0, place - _MOST_MODIFIERS - 1) : place].rstrip(_MODIFIERS)
    return _is_picture(before[-1:]) and _is_picture(text[place + 1 : place + 2])


def _is_picture(character: str) -> bool:
    return character in _ARROWS or (
        character >= _FIRST_PICTURE and unicodedata.category(character) == "So" and character not in _BLANK
    )


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
