"""A tag as somebody types it in the review."""

from hotlined.reports import typed
from hotlined.words.tags import tag_of_words


def tag_meant(text: str) -> str:
    """Read a tag, also in the word that people see for it; raises UsageError for a text that is no tag."""
    return tag_of_words(typed.tag_word(text))
