"""`hotlined tag`: words that people put on contacts, such as what a reaction to an answer was.

A tag is one word in lower case. Who put it on or took it off is an event, which `show` shows.
"""

import click

from hotlined.cli.output import as_typed, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID, complete_tag, tag_word
from hotlined.control.client import decide
from hotlined.language import _
from hotlined.reports import decided
from hotlined.store import decisions
from hotlined.store.opening import open_beside_daemon
from hotlined.words.tags import TAG_KEYS, maybe_tag_of_word, tag_of_words


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.argument("word", type=tag_word, shell_complete=complete_tag)
@click.option("--remove", is_flag=True, help="Take WORD off instead.")
@pass_settings
def tag(settings: Settings, contact_id: int, word: str, remove: bool) -> None:
    """Put WORD on contact ID, so that you can find and count it.

    `hotlined review` shows what wants a tag, one by one.

    Example: hotlined tag 12 apology
    """
    config, word = settings.config(), tag_of_words(word)
    verb, said = ("untag", decided.untagged) if remove else ("tag", decided.tagged)
    told = said(contact_id, word, news=decide(config, settings.who, verb, contact_id=contact_id, word=word))
    print_wrapped(told if remove else told + _hint(settings, word))


def _hint(settings: Settings, word: str) -> str:
    """Return a hint to the English word if the line uses it: the figures would count the two words separately."""
    with open_beside_daemon(settings.config().database) as db:
        in_use = {*TAG_KEYS.values()}.intersection(decisions.tags_in_use(db))
    # read the other catalogues only if the line uses a word of a key, which the typed word may mean
    english = maybe_tag_of_word(word) if in_use - {word} else None
    if english not in in_use:
        return ""
    return " " + as_typed(_("`{word}` is the word that `hotlined review` uses.", word=english))
