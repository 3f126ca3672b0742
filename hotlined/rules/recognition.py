"""Recognises texts: our own that come back, texts that opt out, and texts with words that somebody looks for. Pure.

Texts are folded before they are compared, because people write the same word with and without capitals, accents and
blanks. `policy` decides what follows.
"""

import functools
import unicodedata
from collections.abc import Collection, Iterable, Iterator

SHARED_RUN = 24
"""A text that has this many letters and digits in a row from a text of ours (about five words) is ours, coming back."""


def fold(text: str) -> str:
    """Return only the letters and digits of a text, without case and accents.

    An œ becomes oe, as it is transmitted, so that our answer is recognised when it comes back.
    """
    return "".join(filter(str.isalnum, _decomposed(text)))


def _decomposed(text: str) -> str:
    """Return a text in small letters, each accent apart from its letter, and œ as two letters."""
    # decomposed twice: before, because only that turns a styled letter into a plain capital; and after, because a small
    # letter may decompose, too
    apart = unicodedata.normalize("NFKD", without_marks(text))
    return unicodedata.normalize("NFKD", apart.casefold().replace("œ", "oe"))


def without_marks(text: str) -> str:
    """Drop all marks above and below letters: it takes minutes to decompose thousands of them in a row."""
    return "".join(filter(_is_no_mark, text))


def _is_no_mark(character: str) -> bool:
    return not unicodedata.combining(character) or character == "\u0345"  # casefold turns this one into a letter


_OPT_OUT = (
    *("stop", "stopp", "stoppe", "stoppen", "stoppez", "arret", "arrete", "arretes", "arreter", "arretez"),
    *("unsubscribe", "desabonner", "desinscrire", "afmelden", "hou op", "stop ermee"),
)
"""The words and phrases that opt out."""
_POLITE = (
    *("sms", "ok", "oui", "non", "merci", "beaucoup", "pardon", "desole", "desolee", "sorry", "svp", "stp"),
    *("s'il vous plait", "s'il te plait", "aub", "alstublieft", "alsjeblieft", "please", "thanks", "bitte", "danke"),
)
"""The words that are allowed beside a word that opts out; with any other word ("stop ça") the text does not opt out."""


def opts_out(text: str, more_words: Iterable[str]) -> bool:
    """Tell whether a received text has a word that opts out, and beside such words only polite ones.

    `more_words` also opt out; nothing switches the known ones off. Only letters are compared; digits, blanks, signs and
    emojis are ignored. Each word may occur several times. A text may opt out at any time, as a first contact or while
    an answer is still queued.
    """
    wanted, polite = (set(filter(None, map(_known, words))) for words in ((*_OPT_OUT, *more_words), _POLITE))
    said = letters(text)
    met = {0: False}  # each place that whole words lead up to, and whether one of these words opts out
    for at in range(len(said)):
        if not met:
            return False
        if (opted := met.pop(at, None)) is None:
            continue
        for word in wanted | polite:
            if said.startswith(word, at):
                end = at + len(word)
                met[end] = met.get(end, False) or opted or word in wanted
    return met.get(len(said), False)


def letters(text: str) -> str:
    """Return only the letters of a text, without case and accents."""
    return "".join(filter(str.isalpha, _decomposed(text)))


_known = functools.lru_cache(maxsize=256)(letters)  # the words of the configuration are the same for all texts


def words_met(text: str, wanted: Collection[str]) -> list[str]:
    """Return those words and phrases of `wanted` that occur in a text as whole words, without case and accents.

    New lines and punctuation between two words do not matter. Words are compared as people see them: styled letters
    equal plain ones, and invisible characters do not count. Each sign (such as an emoji) is a word of its own; a phrase
    without signs also matches if there is a sign between its words.
    """
    if not wanted:
        return []
    tokens = _tokens(text)
    whole, letters = _spaced(tokens), _spaced(token for token in tokens if token.isalnum())
    return [phrase for phrase in wanted if (sought := _spaced(_tokens(phrase))) in whole or sought in letters]


def has_words(text: str) -> bool:
    """Tell whether a text has anything that `words_met` can look for."""
    return bool(_tokens(text))


def _spaced(tokens: Iterable[str]) -> str:
    return f" {' '.join(tokens)} "


def _tokens(text: str) -> list[str]:
    return "".join(map(_in_token, _decomposed(text))).split()


_NOT_THERE = frozenset({"Mn", "Me", "Cf", "Sk"})  # accents, invisible joiners, colours of emoji


def _in_token(character: str) -> str:
    """Return the part of a token that a character becomes: itself, a blank, nothing, or itself between blanks."""
    if character.isalnum():
        return character
    category = unicodedata.category(character)
    if category in _NOT_THERE:
        return ""
    return f" {character} " if category == "So" else " "


def is_among(text: str, ours: Iterable[str]) -> bool:
    """Tell whether a folded text is, or contains, one of these folded texts of ours.

    A run of `SHARED_RUN` characters in common is enough, so a shortened or quoted text is recognised, and one with
    something in front. A text of ours that is shorter than such a run must match whole: many texts contain "non".
    """
    runs = frozenset(_runs(text))  # made only once: there may be hundreds of ours, and the text may be very long
    return any(_is_the_same(text, runs, each) for each in ours)


def _is_the_same(text: str, runs: frozenset[str], ours: str) -> bool:
    if len(ours) < SHARED_RUN:
        return bool(ours) and text == ours
    return not runs.isdisjoint(_runs(ours))


def _runs(text: str) -> Iterator[str]:
    return (text[start : start + SHARED_RUN] for start in range(len(text) - SHARED_RUN + 1))
