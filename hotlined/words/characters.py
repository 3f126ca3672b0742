"""Replaced characters of a text, in words."""

from hotlined.gsm.alphabet import Replacement
from hotlined.language import _, character_name, ngettext


def replacement_in_words(replaced: Replacement) -> str:
    """Write which character was replaced by what, and how often."""
    character, by = replaced.original, replaced.replacement
    return ngettext(
        "{original} by {by}, {number} time",
        "{original} by {by}, {number} times",
        replaced.count,
        original=_("a {name}", name=character_name(character)) if character.isspace() else character,
        by=_("a blank") if by == " " else repr(by),
    )
