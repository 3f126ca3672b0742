"""`hotlined tag` and `hotlined untag`: words that people put on contacts, such as what a reaction to an answer was.

A tag is one word in lower case. Who put it on or took it off is an event, which `show` shows.
"""

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import click

from hotlined.cli.output import as_typed, print_wrapped, wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID, complete_tag, read, tag_word
from hotlined.control.client import decide
from hotlined.errors import UsageError
from hotlined.language import N_, NP_, Phrases, _, labelled, ngettext
from hotlined.reports import decided as in_words
from hotlined.store import decisions, log
from hotlined.store.database import Database
from hotlined.store.opening import open_beside_daemon
from hotlined.words.tags import TAG_KEYS, maybe_tag_of_word, tag_in_words, tag_of_words
from hotlined.words.times import moment

_ACTIONS = Phrases({"k": NP_("key", "keep"), "s": NP_("key", "skip"), "u": NP_("key", "undo"), "q": NP_("key", "quit")})


def _key(text: str) -> tuple[str, str]:
    key, equals, word = text.partition("=")
    if len(key) != 1 or not key.isalnum() or not equals or key in _ACTIONS:
        raise UsageError(
            _(
                "{typed}: write KEY=WORD, KEY a letter or digit other than {keys}.",
                typed=repr(text),
                keys=", ".join(_ACTIONS),
            )
        )
    return key, tag_word(word)


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID, required=False)
@click.argument("word", type=tag_word, required=False, shell_complete=complete_tag)
@click.option("--next", "walk", is_flag=True, help="Show the untagged reactions one by one, and tag each with a key.")
@click.option("--all", "every", is_flag=True, help="With --next: every untagged text, first contacts too.")
@click.option(
    "--key",
    "keys",
    metavar="KEY=WORD",
    type=read(_key),
    multiple=True,
    help="With --next: one more key, or another word for a key.",
)
@pass_settings
def tag(
    settings: Settings,
    contact_id: int | None,
    word: str | None,
    walk: bool,
    every: bool,
    keys: tuple[tuple[str, str], ...],
) -> None:
    """Put WORD on contact ID.

    With --next, and without ID and WORD, it shows the untagged reactions one by one. A reaction is a text that came
    within a day after an answer to its number. With --all it shows every untagged text. Texts with a word of
    alerts.words come first. Press a for apology, i for insult, t for threat, o for other. k exempts the contact from
    erasure, as `hotlined keep` does, and asks again. s skips, u undoes the last key, q ends.

    Example: hotlined tag 12 apology
    """
    if walk == (contact_id is not None) or (word is None) != walk:
        raise click.UsageError(N_("Give ID and WORD, or --next alone."))
    if every and not walk:
        raise click.UsageError(N_("--all goes with --next."))
    if walk and not sys.stdin.isatty():
        raise click.UsageError(N_("--next reads single keys: it needs a terminal."))
    decided = partial(decide, settings.config(), settings.who)
    if contact_id is None or word is None:
        with open_beside_daemon(settings.config().database) as db:
            _walk(db, decided, TAG_KEYS | dict(keys), every=every)
        return
    word = tag_of_words(word)
    told = in_words.tagged(contact_id, word, news=decided("tag", contact_id=contact_id, word=word))
    print_wrapped(told + _hint(settings, word))


def _hint(settings: Settings, word: str) -> str:
    """Return a hint to the English word if the line uses it: the figures would count the two words separately."""
    with open_beside_daemon(settings.config().database) as db:
        in_use = {*TAG_KEYS.values()}.intersection(decisions.tags_in_use(db))
    # read the other catalogues only if the line uses a word of a key, which the typed word may mean
    english = maybe_tag_of_word(word) if in_use - {word} else None
    if english not in in_use:
        return ""
    return " " + as_typed(_("`{word}` is the word that `hotlined tag --next` uses.", word=english))


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.argument("word", type=tag_word, shell_complete=complete_tag)
@pass_settings
def untag(settings: Settings, contact_id: int, word: str) -> None:
    """Take WORD off contact ID.

    Example: hotlined untag 12 apology
    """
    config = settings.config()
    word = tag_of_words(word)
    news = decide(config, settings.who, "untag", contact_id=contact_id, word=word)
    print_wrapped(in_words.untagged(contact_id, word, news=news))


def _walk(db: Database, decided: Callable[..., Any], words: dict[str, str], *, every: bool) -> None:
    """Show each untagged text, wait for a key, and commit its decision before the next text."""
    waiting = deque(decisions.untagged(db, reactions=not every))
    meanings = {key: tag_in_words(word) for key, word in words.items()} | dict(_ACTIONS)
    legend = " ".join(f"{key}={word}" for key, word in meanings.items())
    done: list[tuple[int, str]] = []  # which key was pressed at which contact
    while waiting:
        contact = log.maybe_contact(db, waiting[0])
        if contact is None:  # erased since
            waiting.popleft()
            continue
        print_wrapped(_head(contact, len(waiting)))
        if contact["alert_words"]:
            print_wrapped(_("alert: {words} (such texts come first)", words=", ".join(contact["alert_words"])))
        print_wrapped(contact["text"] or _("(erased)"))
        key = _press(legend, meanings)
        if key == "q":
            break
        if key == "u":
            if done:
                _undo(decided, waiting, *done.pop(), words)
        elif key != "k":
            if key in words:
                decided("tag", contact_id=contact["id"], word=words[key])
            done.append((waiting.popleft(), key))
        elif not contact["kept"]:  # it can get its tag now
            decided("keep", contact_id=contact["id"])
            done.append((contact["id"], key))
    tagged, kept_now = sum(key in words for _id, key in done), sum(key == "k" for _id, key in done)
    click.echo(_in_all(tagged, kept_now, len(waiting), every=every))


def _in_all(tagged: int, kept: int, left: int, *, every: bool) -> str:
    """Return what was done, and how many texts are left."""
    if every:
        counts = [ngettext("{number} text tagged", "{number} texts tagged", tagged)]
    else:
        counts = [ngettext("{number} reaction tagged", "{number} reactions tagged", tagged)]
    counts += [ngettext("{number} kept", "{number} kept", kept)] if kept else []
    counts.append(ngettext("{number} left", "{number} left", left))
    return f"{', '.join(counts)}."


def _head(contact: dict[str, Any], left: int) -> str:
    """Return the line above a text: which contact it is, and how many texts are left."""
    places = {
        "id": contact["id"],
        "moment": moment(contact["received_at"]),
        "sender": contact["originator"] or _("withheld"),
    }
    head = ngettext(
        "{number} left: contact {id}, {moment}, {sender}",
        "{number} left: contact {id}, {moment}, {sender}",
        left,
        **places,
    )
    return _("{contact}, kept", contact=head) if contact["kept"] else head


def _undo(decided: Callable[..., Any], waiting: deque[int], contact_id: int, key: str, words: dict[str, str]) -> None:
    """Undo a key; the contact at which it was pressed comes again."""
    if key == "k":
        decided("keep_no_more", contact_id=contact_id)
        return
    if key in words:
        decided("untag", contact_id=contact_id, word=words[key])
    waiting.appendleft(contact_id)


def _press(legend: str, meanings: dict[str, str]) -> str:
    """Return the first key that has a meaning, and show that; Ctrl-C and Ctrl-D mean quit."""
    click.echo(labelled(wrapped(legend)), nl=False)
    key = ""
    with suppress(KeyboardInterrupt, EOFError):
        while (key := click.getchar()) not in meanings:
            click.echo(_("{typed} is no key here.", typed=repr(key)) + f"\n{labelled(wrapped(legend))}", nl=False)
    key = key if key in meanings else "q"
    click.echo(f"{meanings[key]}\n")
    return key
