"""Tags as people read and type them: those with a key are in the language in force, any other as somebody wrote it."""

from hotlined.language import NP_, Language, Phrases, in_language

_TAGS = Phrases(
    {
        "apology": NP_("tag", "apology"),
        "insult": NP_("tag", "insult"),
        "threat": NP_("tag", "threat"),
        "other": NP_("tag", "other"),
    }
)
_ALSO = {"excuse": "apology"}
"""Other forms that people write of a word, each with its tag."""

TAG_KEYS = {tag[0]: tag for tag in _TAGS}
"""The tags that have a key of their own when texts are tagged one after the other."""


def tag_in_words(tag: str) -> str:
    """Return a tag as people read it, in the language in force."""
    return _TAGS.get(tag, tag)


def tag_of_words(words: str) -> str:
    """Return the tag that people read as these words: the reverse of `tag_in_words`."""
    return next((tag for tag, shown in _TAGS.items() if shown == words), words)


def maybe_tag_of_word(word: str) -> str | None:
    """Return the tag with a key that has this word in French or Dutch, or None."""
    others = [language for language in Language if language is not Language.ENGLISH]
    shown = {in_language(language, message): tag for tag, message in _TAGS.messages.items() for language in others}
    return (shown | _ALSO).get(word)
