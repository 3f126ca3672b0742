"""Text from strangers, made harmless: shown, never obeyed.

`harmless` is the one function that every such text passes before it reaches a terminal or a page.
Known to be wrong: right-to-left letters are shown as they are, so a terminal that reorders them may show the rest of
their line in another order.
"""

import unicodedata

JOINER = "\u200d"
"""Makes one emoji of several."""
_MOST_MARKS = 3  # on one letter: Vietnamese takes two, a storm dozens
_MARKS = frozenset({"Mn", "Me"})
# controls, formats (bidi, zero-width), halves of pairs, private, unknown, line and paragraph separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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


def csv_cell(value: object) -> object:
    """Return a cell that no terminal obeys and no spreadsheet calculates; newlines stay."""
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(_CALCULATED) else "") + harmless(value, "\n")


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
