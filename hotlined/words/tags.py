"""Tags as people read them: those that have a key are in the language in force, any other as somebody wrote it."""

from hotlined.language import NP_, Phrases
from hotlined.states import THREAT

_TAGS = Phrases(
    {
        "apology": NP_("tag", "apology"),
        "insult": NP_("tag", "insult"),
        THREAT: NP_("tag", "threat"),
        "other": NP_("tag", "other"),
    }
)


def tag_in_words(tag: str) -> str:
    """Return a tag as it is shown."""
    return _TAGS.get(tag, tag)


def tag_of_words(words: str) -> str:
    """Return the tag that is shown like that: what `tag_in_words` undoes."""
    return next((tag for tag, shown in _TAGS.items() if shown == words), words)
