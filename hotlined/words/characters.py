"""Characters of a text in words: which were replaced, and by what."""

import unicodedata

from hotlined.gsm.alphabet import Replacement
from hotlined.words.amounts import counted


def replacement_in_words(replaced: Replacement) -> str:
    """Write which character was replaced by what, and how often."""
    character = replaced.original
    original = f"a {unicodedata.name(character).lower()}" if character.isspace() else character
    by = "a blank" if replaced.replacement == " " else repr(replaced.replacement)
    return f"{original} by {by}, {counted(replaced.count, 'time')}"
