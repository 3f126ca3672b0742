"""Texts without a tag, one after the other."""

from dataclasses import dataclass
from difflib import get_close_matches

from hotlined.language import _
from hotlined.reports import typed
from hotlined.reports.contact import Contact
from hotlined.store import decisions, log, reactions, words_met
from hotlined.store.database import Database
from hotlined.words.tags import TAG_KEYS, tag_in_words, tag_of_words, words_of_tags

_NEARLY = 0.75  # of difflib: menaces and menace, apologies and apology


def tag_meant(text: str) -> str:
    """Read a tag, also in the word that people see for it; raises UsageError for a text that is no tag."""
    return tag_of_words(typed.tag_word(text))


def maybe_nearly(db: Database, word: str) -> str | None:
    """Return the tag that a new one nearly is, or is in another language; None if it is no new one, or like none."""
    in_use = {*TAG_KEYS.values(), *decisions.tags_in_use(db)}
    if word in in_use:
        return None
    known = words_of_tags() | {tag: tag for tag in in_use}
    nearest = get_close_matches(word, known, 1, _NEARLY)
    return known[nearest[0]] if nearest else None


def nearly_in_words(word: str, known: str) -> str:
    """Say that a tag would be a new one, and which it nearly is."""
    return _("{word} is no tag yet, and nearly {known}.", word=word, known=tag_in_words(known))


@dataclass(frozen=True, slots=True)
class ReviewPosition:
    """How far a person is in the review: after contact `past`; `first` while it shows texts with an alert word."""

    past: int = 0
    first: bool = True


def next_to_tag(db: Database, place: ReviewPosition, *, every: bool) -> tuple[Contact | None, ReviewPosition]:
    """Return the next text without a tag, and the place that it was found from; None if none is left.

    Texts with a word of alerts.words come first. Then come reactions, the oldest first, or with `every` all texts, the
    newest first: most first contacts never get a tag, so the oldest would come again each time.
    """
    if place.first:
        if found := words_met.next_untagged(db, place.past):
            return log.maybe_contact(db, found), place
        place = ReviewPosition(first=False)
    found = reactions.newest_untagged(db, place.past or None) if every else reactions.next_untagged(db, place.past)
    return None if found is None else log.maybe_contact(db, found), place


def count_left(db: Database, place: ReviewPosition) -> int:
    """Return how many texts with a word of alerts.words, and how many reactions, have no tag after a place."""
    if not place.first:
        return reactions.count_untagged(db, place.past)
    return words_met.count_untagged(db, place.past) + reactions.count_untagged(db, 0)
