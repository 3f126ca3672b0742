"""`hotlined review`: shows untagged texts one by one, and takes one key for each."""

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import click

from hotlined.cli.contacts import text_in_words
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import as_typed, print_wrapped, wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import read, tag_word
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.documents import WholeContact
from hotlined.errors import UsageError
from hotlined.language import N_, NP_, Phrases, _, labelled, ngettext
from hotlined.reports.contact import maybe_answer_text
from hotlined.reports.decided import kept_already, sorted_meanwhile
from hotlined.reports.review import maybe_before
from hotlined.reports.stored import sending_now
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of
from hotlined.store.reading import log
from hotlined.store.reading import review as waiting_texts
from hotlined.words.tags import TAG_KEYS, tag_in_words
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


@click.command(cls=TranslatedCommand)
@click.option("--all", "every", is_flag=True, help="Every untagged text, first contacts too.")
@click.option(
    "--key",
    "keys",
    metavar="KEY=WORD",
    type=read(_key),
    multiple=True,
    help="One more key, or another word for a key.",
)
@pass_settings
def review(settings: Settings, every: bool, keys: tuple[tuple[str, str], ...]) -> None:
    """Show texts with alert words, then reactions, one by one, and tag each with a key.

    A reaction is a text that came within a day after an answer to its number. A text with a word of alerts.words comes
    first, whether it is a reaction or not. Then the newest comes first, and what was skipped comes last. Press t for
    threat, which also keeps the contact, a for apology, i for insult, o for other. k only keeps it, as `hotlined keep`
    does, and asks again. s skips, q ends. u undoes the last key, but what k kept stays kept.

    Example: hotlined review --all
    """
    if not sys.stdin.isatty():
        raise click.UsageError(N_("`review` reads single keys: it needs a terminal."))
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        _walk(db, config, partial(decide, config, settings.who), TAG_KEYS | dict(keys), every=every)


def _walk(db: Database, config: Config, decided: Callable[..., Any], words: dict[str, str], *, every: bool) -> None:
    """Show each untagged text and wait for a key; a decision is committed before the next text is shown."""
    waiting = deque(waiting_texts.queue(db, every=every))
    meanings = {key: tag_in_words(word) for key, word in words.items()} | dict(_ACTIONS)
    legend = " ".join(f"{key}={word}" for key, word in meanings.items())
    done: list[tuple[int, str]] = []  # contacts with the key pressed for each
    was_kept: dict[int, bool] = {}  # when it was first shown
    skipped = 0  # these still wait, for the next `review`
    while waiting:
        contact = log.maybe_contact(db, waiting[0])
        if contact is None or contact.text is None:  # erased meanwhile
            waiting.popleft()
            continue
        was_kept.setdefault(contact.id, bool(contact.kept))
        print_wrapped(_head(contact, len(waiting) + skipped))
        if contact.alert_words:
            print_wrapped(_("alert: {words} (such texts come first)", words=", ".join(contact.alert_words)))
        _print_before(db, config, contact)
        print_wrapped(contact.text)
        key = _press(legend, meanings)
        if key == "q":
            break
        if key == "u":
            if done:
                skipped -= done[-1][1] == "s"
                _undo(decided, waiting, *done.pop(), words)
            continue
        done.append((contact.id, key))
        if key in words:
            waiting.popleft()
            _tag(db, decided, done, contact, words[key])
        elif key == "s":
            decided("skip", contact_id=waiting.popleft())
            skipped += 1
        elif contact.kept:
            print_wrapped(kept_already(contact))
        else:  # kept, and shown again for its tag
            decided("keep", contact_id=contact.id)
    kept = _count_kept(db, was_kept)
    tagged = sum(key in words for _id, key in done)
    click.echo(_in_all(tagged, kept, len(waiting) + skipped, every=every))


def _print_before(db: Database, config: Config, contact: WholeContact) -> None:
    """Print what the person wrote before a text, and our answer to that."""
    found = maybe_before(db, config, contact, sending_now(config, row_of(db).sending()))
    if found:
        print_wrapped(text_in_words(found), _("before"))
        if found.answer and found.answer.sent_at and (text := maybe_answer_text(db, config, found)):
            print_wrapped(text, _("answer"))


def _count_kept(db: Database, was_kept: dict[int, bool]) -> int:
    """Return how many contacts are kept now that were not before."""
    shown = (log.maybe_contact(db, contact_id) for contact_id, was in was_kept.items() if not was)
    return sum(bool(contact and contact.kept) for contact in shown)


def _tag(
    db: Database, decided: Callable[..., Any], done: list[tuple[int, str]], contact: WholeContact, word: str
) -> None:
    """Tag a text as it was shown; if another person changed its tags meanwhile, change nothing and say so."""
    by = decided("tag", contact_id=contact.id, word=word, seen=[*contact.tags])
    if isinstance(by, str):
        done.pop()
        print_wrapped(sorted_meanwhile(db, contact.id, by))


def _in_all(tagged: int, kept: int, left: int, *, every: bool) -> str:
    """Return the counts of tagged, kept and remaining texts."""
    if every:
        counts = [ngettext("{number} text tagged", "{number} texts tagged", tagged)]
    else:
        counts = [ngettext("{number} reaction tagged", "{number} reactions tagged", tagged)]
    counts += [ngettext("{number} kept", "{number} kept", kept)] if kept else []
    counts.append(ngettext("{number} left", "{number} left", left))
    return f"{', '.join(counts)}."


def _head(contact: WholeContact, left: int) -> str:
    """Return the line above a text: how many texts are left, and the contact."""
    places = {
        "id": contact.id,
        "moment": moment(contact.received_at),
        "sender": contact.originator or _("withheld"),
    }
    head = ngettext(
        "{number} left: contact {id}, {moment}, {sender}",
        "{number} left: contact {id}, {moment}, {sender}",
        left,
        **places,
    )
    return _("{contact}, kept", contact=head) if contact.kept else head


def _undo(decided: Callable[..., Any], waiting: deque[int], contact_id: int, key: str, words: dict[str, str]) -> None:
    """Undo a key, and show its contact again. What the key k kept stays kept."""
    if key == "k":
        print_wrapped(
            as_typed(_("Contact {number} stays kept; `hotlined keep {number} --undo` ends that.", number=contact_id))
        )
        return
    if key in words:
        decided("untag", contact_id=contact_id, word=words[key], undo=True)
    waiting.appendleft(contact_id)


def _press(legend: str, meanings: dict[str, str]) -> str:
    """Return the first pressed key that has a meaning, and print the meaning; Ctrl-C and Ctrl-D mean quit."""
    click.echo(labelled(wrapped(legend)), nl=False)
    key = ""
    with suppress(KeyboardInterrupt, EOFError):
        while (key := click.getchar()) not in meanings:
            click.echo(_("{typed} is not a key here.", typed=repr(key)) + f"\n{labelled(wrapped(legend))}", nl=False)
    key = key if key in meanings else "q"
    click.echo(f"{meanings[key]}\n")
    return key
