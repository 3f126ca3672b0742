"""The contact before a text that waits, tags as people type them, and the known tag that a mistyped one resembles."""

from difflib import get_close_matches

from hotlined.config import Config
from hotlined.documents import ListedContact, WholeContact
from hotlined.language import _
from hotlined.reports import typed
from hotlined.reports.contact import rows_for_people
from hotlined.store.answers import decisions
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import Sending
from hotlined.store.reading import log
from hotlined.words.tags import TAG_KEYS, tag_in_words, tag_of_words, words_of_tags

_BEFORE = 8  # contacts of the person that are searched for the last answered one
_NEARLY = 0.75  # difflib's ratio: close enough for menaces and menace, apologies and apology


def maybe_before(db: Database, config: Config, contact: WholeContact, sending: Sending) -> ListedContact | None:
    """Return the person's last answered contact before a text, or the last contact if none was; None if none came."""
    if contact.originator is None:
        return None
    where = log.Filter(originator=contact.originator, before=contact.id)
    rows = [*rows_for_people(db, config, log.rows(db, where, _BEFORE), sending)]
    answered = [each for each in rows if each.answer and each.answer.sent_at]
    return next(reversed(answered or rows), None)


def tag_meant(text: str) -> str:
    """Read a tag, also in the word that people see for it; raises UsageError if the text cannot be a tag."""
    return tag_of_words(typed.tag_word(text))


def maybe_nearly(db: Database, word: str) -> str | None:
    """Return the known tag that a new one resembles or translates; None if it is in use already or resembles none."""
    in_use = {*TAG_KEYS.values(), *decisions.tags_in_use(db)}
    if word in in_use:
        return None
    known = words_of_tags() | {tag: tag for tag in in_use}
    nearest = get_close_matches(word, known, 1, _NEARLY)
    return known[nearest[0]] if nearest else None


def nearly_in_words(word: str, known: str) -> str:
    """Say that a tag would be a new one, and which tag it resembles."""
    return _("{word} is not a tag yet, and is nearly {known}.", word=word, known=tag_in_words(known))
