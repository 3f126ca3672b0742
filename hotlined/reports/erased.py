"""Erasure in sentences: the question before a person is forgotten, and the result of `forget` and `purge`."""

from collections.abc import Iterator

from hotlined.config import Config
from hotlined.language import _, ngettext
from hotlined.store.people.purging import Batch
from hotlined.store.people.stored import StoredCounts
from hotlined.words.amounts import in_answers, in_contacts, in_segments


def question(name: str, stored: StoredCounts) -> str:
    """Return the question that a person confirms before a number is forgotten."""
    kept = ngettext(
        "{number} KEPT contact is among them, which a person wanted to keep.",
        "{number} KEPT contacts are among them, which a person wanted to keep.",
        stored.kept,
    )
    parts = (
        kept if stored.kept else "",
        _("Erase everything about {name} for good: {what}?", name=name, what=_in_words(stored) or _("nothing here")),
        _("Its block does not stay.") if stored.blocked else "",
        _("Its opt-out stays as a pseudonym, so that it gets no answer.") if stored.opted_out else "",
    )
    return " ".join(filter(None, parts))


def forgotten(config: Config, name: str, stored: StoredCounts, person: str | None) -> Iterator[str]:
    """Yield the result of `forget`: `stored` was erased; `person` is the fleet's pseudonym, None without a fleet.

    What stays is named, with why and until when.
    """
    if stored.anything:
        yield _("Erased everything about {name}: {what}.", name=name, what=_in_words(stored))
    elif not stored.opted_out:
        yield nothing(name)
    if stored.blocked:
        yield _("{number} is not blocked any more.", number=name)
    if stored.opted_out:
        yield _(
            "Only its opt-out stays, as a pseudonym, so that it gets no answer: without end, until `hotlined unblock"
            " --opted-out NUMBER`."
        )
    elif stored.anything:
        yield _("If it contacts the line again, it is a new number.")
    if stored.anything:
        yield _("This does not reach backups and other copies of the database, nor the system's journal.")
    if person:
        yield _(
            "Other lines of the fleet may have something of it, too. Tell the people who run them: `hotlined forget"
            " {person}` there erases it.",
            person=person,
        )
    if name in config.numbers.blocked:
        yield _("The configuration still blocks it (numbers.blocked): {path}.", path=config.path)
    if stored.mentions:
        yield ngettext(
            "{number} text of other people mentions it and stays: `hotlined log --search {name}`.",
            "{number} texts of other people mention it and stay: `hotlined log --search {name}`.",
            stored.mentions,
            name=name,
        )


def nothing(name: str) -> str:
    """Return the sentence that nothing is stored of a number or name."""
    return _("Nothing is stored about {name}.", name=name)


def withheld(contacts: int) -> str:
    """Return how many contacts withheld their number; nobody can tell which of them belong to the same person."""
    if not contacts:
        return _("No contact came without a number.")
    return ngettext(
        "{number} contact came without a number, and nobody can tell whose it is. `hotlined log --number withheld`"
        " shows it.",
        "{number} contacts came without a number, and nobody can tell whose they are. `hotlined log --number withheld`"
        " shows them.",
        contacts,
    )


def purged(batches: list[Batch]) -> str:
    """Return the result of `purge` in a sentence."""
    texts, numbers = sum(batch.texts for batch in batches), sum(batch.numbers for batch in batches)
    if not texts and not numbers:
        return _("Nothing was old enough.")
    return _(
        "Texts are erased in {texts}, numbers replaced by pseudonyms in {numbers}.",
        texts=_in_entries(texts),
        numbers=_in_entries(numbers),
    )


def _in_entries(number: int) -> str:
    return ngettext("{number} entry", "{number} entries", number)


def _in_words(stored: StoredCounts) -> str:
    parts = (
        in_contacts(stored.contacts) if stored.contacts else "",
        in_segments(stored.segments) if stored.segments else "",
        in_answers(stored.answers) if stored.answers else "",
        ngettext("{number} request", "{number} requests", stored.requests) if stored.requests else "",
        _in_pictures(stored.named) if stored.named else "",
        _("what was decided about it") if stored.decided else "",
    )
    return ", ".join(filter(None, parts))


def _in_pictures(number: int) -> str:
    return ngettext(
        "{number} photo message of others that claimed the number",
        "{number} photo messages of others that claimed the number",
        number,
    )
