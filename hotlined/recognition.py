"""Recognises what a text says: whether it is one of ours, opts out, or has words that somebody looks for. Pure.

A text is compared folded, for people write the same word with and without capitals, accents and blanks. What follows
from it is decided in `policy`.
"""

import functools
import unicodedata
from collections.abc import Collection, Iterable, Iterator

SHARED_RUN = 24
"""So many letters and digits in a row in common with a text of ours, about five words: it is ours that comes back."""


def fold(text: str) -> str:
    """Put case, accents, blanks and punctuation aside: what is left are letters and digits.

    An œ is written oe, as on the air, so that our answer is known when it comes back.
    """
    return "".join(filter(str.isalnum, _decomposed(text)))


def _decomposed(text: str) -> str:
    """Put case aside, take letters and their accents apart, and write œ as two letters."""
    # taken apart before, too: a letter of another style becomes a capital; and after, as a small letter may fall apart
    apart = unicodedata.normalize("NFKD", without_marks(text))
    return unicodedata.normalize("NFKD", apart.casefold().replace("œ", "oe"))


def without_marks(text: str) -> str:
    """Drop what is written above and below letters: thousands of them in a row take minutes to be decomposed."""
    return "".join(filter(_is_no_mark, text))


def _is_no_mark(character: str) -> bool:
    return not unicodedata.combining(character) or character == "\u0345"  # it is a letter once case is put aside


_POLITE = (
    *("sms", "merci", "svp", "stp", "s'il vous plait", "s'il te plait", "aub", "alstublieft", "alsjeblieft"),
    *("please", "thanks", "bitte", "danke"),
)
"""The words that may stand beside one that opts out; anything else makes it another text ("stop ça")."""


def opts_out(text: str, opt_out_words: Iterable[str]) -> bool:
    """Tell whether a text as it was received has a word that opts out, and beside such words nothing but polite ones.

    Letters alone are compared: digits, blanks, signs and emojis are left out. Each word may stand as often as it likes.
    At any time: a first contact may say it, and someone whose answer is still queued.
    """
    wanted, polite = (set(filter(None, map(_known, words))) for words in (opt_out_words, _POLITE))
    said = letters(text)
    met = {0: False}  # where a word may begin, after nothing but words; and whether one of them opts out
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
    """Put all but letters aside, and case and accents."""
    return "".join(filter(str.isalpha, _decomposed(text)))


_known = functools.lru_cache(maxsize=256)(letters)  # the words are the configuration's, and are the same for all texts


def words_met(text: str, wanted: Collection[str]) -> list[str]:
    """Return those of some words and phrases that stand in a text, word by word; case and accents put aside.

    What stands between two words, a new line or a point, does not count. A word is what a person reads as one: letters
    of another style are those letters, and what cannot be seen is not there. Each sign (an emoji) is a word of its own;
    a phrase without one is also met where a sign stands between its words.
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


_NOT_THERE = frozenset({"Mn", "Me", "Cf", "Sk"})  # accents, what joins or hides, colours of emoji


def _in_token(character: str) -> str:
    """Return what a character adds to a row of tokens: itself, a blank, nothing, or itself between blanks."""
    if character.isalnum():
        return character
    category = unicodedata.category(character)
    if category in _NOT_THERE:
        return ""
    return f" {character} " if category == "So" else " "


def is_among(text: str, ours: Iterable[str]) -> bool:
    """Tell whether a folded text is one of these folded texts of ours.

    One of ours is known by a long run in common, so also shortened, quoted or with something in front; one that is
    shorter than such a run only by the whole text, for many a text has "non" in it.
    """
    runs = frozenset(_runs(text))  # once, for there may be hundreds of ours, and a stranger's text may be very long
    return any(_is_the_same(text, runs, each) for each in ours)


def _is_the_same(text: str, runs: frozenset[str], ours: str) -> bool:
    if len(ours) < SHARED_RUN:
        return bool(ours) and text == ours
    return not runs.isdisjoint(_runs(ours))


def _runs(text: str) -> Iterator[str]:
    return (text[start : start + SHARED_RUN] for start in range(len(text) - SHARED_RUN + 1))
