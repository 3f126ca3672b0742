"""The digest in sentences: what is in it besides the figures of its period, as a mail shows it.

Each sentence stands whole, once for one and once for several; what stands between braces is filled in.
"""

from collections.abc import Iterable, Iterator

TITLES = {"daily": "the day, {dates}", "weekly": "the week, {dates}"}
CAME, WAITS, HEALTH = "What came", "What waits for a person", "How the line is"
NOTHING_WAITS = "Nothing."
NOTHING_WRONG = "Nothing is wrong."
UNTAGGED = (
    "1 reaction wants a tag: hotlined tag --next",
    "{number} reactions want a tag: hotlined tag --next",
)
UNCONFIRMED = (
    "1 answer was perhaps sent, and goes out again only if you ask for it: hotlined log --state unconfirmed",
    "{number} answers were perhaps sent, and go out again only if you ask for it: hotlined log --state unconfirmed",
)
SPENT = "Of the {limit} segments that may be spent in 30 days, {used} are."
READY = "The modem was ready {percent} % of the time."
BALANCE = "The balance was {balance}, asked on {asked}."
LIVES = "The SIM lives until {until}, if nobody tops it up."


def several(sentences: tuple[str, str], number: int) -> str:
    """Return the sentence for so many."""
    return sentences[number != 1].format(number=f"{number:,}")


def section(heading: str, sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a section, which a mail shows without any markup."""
    yield heading
    yield from (f"- {sentence}" for sentence in sentences)
