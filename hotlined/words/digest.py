"""Sentences of the digest beside the figures of its period, as a mail shows them."""

from collections.abc import Iterable, Iterator

from hotlined.language import N_, Phrases, ngettext

TITLES = Phrases({"daily": N_("the day, {dates}"), "weekly": N_("the week, {dates}")})
CAME, WAITS, HEALTH = N_("What came"), N_("What waits for a person"), N_("How the line is")
NOTHING_WAITS = N_("Nothing.")
NOTHING_WRONG = N_("Nothing is wrong.")
READY = N_("The modem was ready {percent} % of the time.")
BALANCE = N_("The balance was {balance}, asked on {asked}.")
LIVES = N_("Without a top-up the SIM ends on {until}.")


def worded(number: int) -> str:
    """Return how many texts without a tag have one of the words that raise an alert."""
    return ngettext(
        "{number} text has a word of alerts.words, and nobody has tagged it: hotlined review",
        "{number} texts have a word of alerts.words, and nobody has tagged them: hotlined review",
        number,
    )


def untagged(number: int) -> str:
    """Return how many reactions have no tag, and how to tag them."""
    return ngettext(
        "{number} reaction wants a tag: hotlined review",
        "{number} reactions want a tag: hotlined review",
        number,
    )


def unconfirmed(number: int) -> str:
    """Return how many answers were perhaps sent, and what a person can do about it."""
    return ngettext(
        "{number} answer of this time was perhaps sent, and goes out again only if you ask for it:"
        " hotlined log --state unconfirmed",
        "{number} answers of this time were perhaps sent, and go out again only if you ask for it:"
        " hotlined log --state unconfirmed",
        number,
    )


def section(heading: str, sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a section: plain text, without markup."""
    yield heading
    yield from (f"- {sentence}" for sentence in sentences)
