"""Tags as people read and type them: the four with a key in the current language, others as somebody wrote them."""

from collections.abc import Callable, Mapping, Sequence

from hotlined.language import NP_, Language, Phrases, _, in_digits, in_language, ngettext

_TAGS = Phrases(
    {
        "apology": NP_("tag", "apology"),
        "insult": NP_("tag", "insult"),
        "threat": NP_("tag", "threat"),
        "other": NP_("tag", "other"),
    }
)
_ALSO = {"excuse": "apology"}
"""Other words that people type, each with its tag."""

_COUNTED: Mapping[str, Callable[[int], str]] = {
    "apology": lambda count: ngettext("{number} apology", "{number} apologies", count),
    "insult": lambda count: ngettext("{number} insult", "{number} insults", count),
    "threat": lambda count: ngettext("{number} threat", "{number} threats", count),
    "other": lambda count: ngettext("{number} other text", "{number} other texts", count),
}
"""The phrase for a number of texts with a tag."""

TAG_KEYS = {tag[0]: tag for tag in _TAGS}
"""The keys of tags, for tagging one text after the other."""


def tag_in_words(tag: str) -> str:
    """Return the word that people read for a tag, in the current language."""
    return _TAGS.get(tag, tag)


def tagged_in_words(tags: Sequence[str], count: int) -> str:
    """Write how many texts have exactly these tags: 10 insults, 3 tagged joke, 2 tagged insult + threat."""
    if len(tags) == 1 and (counted := _COUNTED.get(tags[0])):
        return counted(count)
    return _("{number} tagged {tags}", number=in_digits(count), tags=" + ".join(map(tag_in_words, tags)))


def tag_of_words(words: str) -> str:
    """Return the tag for a word that people read: the reverse of `tag_in_words`."""
    return next((tag for tag, shown in _TAGS.items() if shown == words), words)


def words_of_tags() -> dict[str, str]:
    """Return the words of the tags with a key in every language, each with its tag."""
    shown = {in_language(language, message): tag for tag, message in _TAGS.messages.items() for language in Language}
    return shown | _ALSO
