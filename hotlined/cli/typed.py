"""Arguments and options that several commands take: how they are read, and how a shell completes them.

If anything fails while a shell asks (no configuration, no database, no right to read it), nothing is completed.
"""

import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import click

from hotlined.clock import here
from hotlined.errors import HotlinedError, UsageError
from hotlined.language import N_, spoken
from hotlined.reports import typed
from hotlined.store.answers import correspondents, decisions
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Value = TypeVar("_Value")

_PLAIN = re.compile(r"\w[\w.-]*|[+~]\w+")  # a sender may call itself $(reboot), and what is completed is run by Enter
_MOST = 200  # suggestions: nobody reads more, and a shell is slow with thousands


def read(reads: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Return the `type` of an option or argument that is read by a function; the error names the option."""

    def convert(text: str) -> _Value:
        try:
            return reads(text)
        except UsageError as error:
            if _speak():
                return convert(text)  # again, so that its error is in the language of the line
            raise click.BadParameter(f"{error.message} {error.hint}") from error

    return convert


def _speak() -> bool:
    """Turn on the language of the line before its configuration is read; return whether the language changed."""
    before, context = spoken(), click.get_current_context(silent=True)
    if context and (settings := context.find_root().obj):
        settings.speak_early()
    return spoken() is not before


CONTACT_ID = read(typed.contact_id)
"""The `type` of an argument that names a contact."""

ANSWER_ID = read(typed.answer_meant)
"""The `type` of an argument that names a contact, or a text by hand."""

COUNT = read(typed.limit)
"""The `type` of an option that says how many are shown."""

WHEN = read(lambda text: typed.when(text, here()))
"""The `type` of an option that is a time."""

tag_word = read(typed.tag_word)
"""The `type` of an option or argument that is a tag."""


def options(*table: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Put a table of options on a command; its help shows them in the order of the table."""

    def put(command: _Command) -> _Command:
        for option in reversed(table):
            command = option(command)
        return command

    return put


def complete_number(ctx: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete a number or name that contacted the line or is decided about."""
    return _complete(ctx, incomplete, correspondents.names)


def complete_tag(ctx: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete a tag in use."""
    return _complete(ctx, incomplete, decisions.tags_in_use)


def _complete(ctx: click.Context, incomplete: str, candidates: Callable[[Database], list[str]]) -> list[str]:
    with suppress(HotlinedError, sqlite3.Error, OSError):
        config = ctx.find_root().obj.config()
        with open_beside_daemon(config.database) as db:
            fitting = (word for word in candidates(db) if word.startswith(incomplete) and _PLAIN.fullmatch(word))
            return list(fitting)[:_MOST]
    return []


def read_number(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the number that was typed; `-` reads it from the input, because other users see command lines."""
    if value != "-":
        return value
    number = sys.stdin.readline().strip()
    if not number:
        raise click.BadParameter(N_("there is no number in the first line of the input."))
    return number


maybe_number: Callable[[_Command], _Command] = click.argument(
    "number", required=False, shell_complete=complete_number, callback=read_number
)
"""The number of a person, where another option may stand for it."""
number: Callable[[_Command], _Command] = click.argument("number", shell_complete=complete_number, callback=read_number)
"""The number of a person."""
