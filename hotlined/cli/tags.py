"""`hotlined tag`: words that people put on contacts, such as `apology` on a reaction to an answer.

A tag is one word in lower case. An event records who put it on or took it off; `show` shows it.
"""

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import asked, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID, complete_tag, tag_word
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.language import _
from hotlined.reports import decided
from hotlined.reports.review import maybe_nearly, nearly_in_words
from hotlined.store.file.opening import open_beside_daemon
from hotlined.words.tags import tag_in_words, tag_of_words


@click.command(cls=TranslatedCommand)
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.argument("word", type=tag_word, shell_complete=complete_tag)
@click.option("--remove", is_flag=True, help="Take WORD off instead.")
@click.option("--new", is_flag=True, help="Do not ask whether WORD is a new tag.")
@pass_settings
def tag(settings: Settings, contact_id: int, word: str, remove: bool, new: bool) -> None:
    """Put WORD on contact ID, so that you can find and count it.

    The tag threat also keeps the contact, as `hotlined keep` does; --remove does not end that.

    The command asks about a new WORD that is nearly the same as a tag in use: the figures would count the two
    separately. Where it cannot ask, it refuses such a WORD. `hotlined review` shows the texts that need a tag, one by
    one.

    Example: hotlined tag 12 apology
    """
    config, word = settings.config(), tag_of_words(word)
    if not remove and not new:
        word = _meant(config, contact_id, word)
    if remove:
        news = decide(config, settings.who, "untag", contact_id=contact_id, word=word, undo=False)
        print_wrapped(decided.untagged(contact_id, word, news=news))
    else:
        news = decide(config, settings.who, "tag", contact_id=contact_id, word=word, seen=None)
        print_wrapped(decided.tagged(contact_id, word, news=news))


def _meant(config: Config, contact_id: int, word: str) -> str:
    """Return the word that a person means; if it resembles a known tag, the person is asked."""
    with open_beside_daemon(config.database) as db:
        known = maybe_nearly(db, word)
    if known is None:
        return word
    without = _("`hotlined tag {number} {word}`, or --new for a new tag.", number=contact_id, word=tag_in_words(known))
    question = _("Is {known} meant?", known=tag_in_words(known))
    return known if asked(f"{nearly_in_words(word, known)} {question}", nearly_in_words(word, known), without) else word
