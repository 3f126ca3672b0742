"""Texts that are to be tagged, one after the other: the words that there are a key for, and the next text."""

from hotlined.reports.contact import Contact
from hotlined.store import log, reactions
from hotlined.store.database import Database

TAG_KEYS = {"a": "apology", "i": "insult", "t": "threat", "o": "other"}
"""The words that have a key of their own."""


def next_to_tag(db: Database, after: int, *, every: bool) -> Contact | None:
    """Return the next reaction without a tag after a contact, or for `every` the next text; None where none is left."""
    found = reactions.next_untagged(db, after, reactions=not every)
    return None if found is None else log.maybe_contact(db, found)
