"""Texts that are to be tagged, one after the other."""

from dataclasses import dataclass

from hotlined.reports import typed
from hotlined.reports.contact import Contact
from hotlined.store import log, reactions, words_met
from hotlined.store.database import Database
from hotlined.words.tags import tag_of_words


def tag_meant(text: str) -> str:
    """Read a tag that may be written as it is shown; raises UsageError for what is no tag."""
    return tag_of_words(typed.tag_word(text))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands in the review: past a contact, `first` among the texts with a word of alerts.words."""

    past: int = 0
    first: bool = True


def next_to_tag(db: Database, place: Place, *, every: bool) -> tuple[Contact | None, Place]:
    """Return the next text without a tag, and the place from which it was found; None where none is left.

    Texts with a word of alerts.words come first, then reactions, the oldest first, or for `every` all texts, the newest
    first: most first contacts never get a tag, so the oldest would come again each time.
    """
    if place.first:
        if found := words_met.next_untagged(db, place.past):
            return log.maybe_contact(db, found), place
        place = Place(first=False)
    found = reactions.newest_untagged(db, place.past or None) if every else reactions.next_untagged(db, place.past)
    return None if found is None else log.maybe_contact(db, found), place


def count_left(db: Database, place: Place) -> int:
    """Return how many texts with a word of alerts.words and reactions have no tag, from a place on."""
    if not place.first:
        return reactions.count_untagged(db, place.past)
    return words_met.count_untagged(db, place.past) + reactions.count_untagged(db, 0)
