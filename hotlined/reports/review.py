"""Texts that are to be tagged, one after the other: the words that there are a key for, and the next text."""

from hotlined.reports.contact import Contact
from hotlined.store import log, reactions
from hotlined.store.database import Database

TAG_KEYS = {"a": "apology", "i": "insult", "t": "threat", "o": "other"}
"""The words that have a key of their own."""


def next_to_tag(db: Database, past: int, *, every: bool) -> Contact | None:
    """Return the next reaction without a tag, the oldest first, or for `every` the next text, the newest first.

    Most first contacts never get a tag, so the oldest would come again each time. `past` is the contact that one is
    past, 0 at the beginning. None where none is left.
    """
    found = reactions.newest_untagged(db, past or None) if every else reactions.next_untagged(db, past)
    return None if found is None else log.maybe_contact(db, found)
