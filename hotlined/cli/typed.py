"""Arguments and options of several commands: how they are read, and how a shell completes them.

If anything fails during completion (no configuration, no database, no right to read it), nothing is suggested.
"""

import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import click

from hotlined.errors import HotlinedError, UsageError
from hotlined.language import N_, spoken
from hotlined.machine.clock import here
from hotlined.reports import typed
from hotlined.store.answers import correspondents, decisions
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Value = TypeVar("_Value")

_PLAIN = re.compile(r"\w[\w.-]*|[+~]\w+")  # a sender may have a name like $(reboot), and a shell would run it
_MOST = 200  # suggestions: nobody reads more, and a shell is slow with thousands


def read(reads: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Return the `type` of an option or argument from a function that reads it; an error names the option."""

    def convert(text: str) -> _Value:
        try:
            return reads(text)
        except UsageError as error:
            if _speak():
                return convert(text)  # again, so that the error is in the line's language
            raise click.BadParameter(f"{error.message} {error.hint}") from error

    return convert


def _speak() -> bool:
    """Turn on the line's language before its configuration is read; return whether the language changed."""
    before, context = spoken(), click.get_current_context(silent=True)
    if context and (settings := context.find_root().obj):
        settings.speak_early()
    return spoken() is not before


CONTACT_ID = read(typed.contact_id)
"""The `type` of an argument: a contact."""

ANSWER_ID = read(typed.answer_meant)
"""The `type` of an argument: a contact, or a text by hand."""

COUNT = read(typed.limit)
"""The `type` of an option: how many entries are shown."""

WHEN = read(lambda text: typed.when(text, here()))
"""The `type` of an option: a time."""

tag_word = read(typed.tag_word)
"""The `type` of an option or argument: a tag."""


def options(*table: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command these options; its help shows them in this order."""

    def put(command: _Command) -> _Command:
        for option in reversed(table):
            command = option(command)
        return command

    return put


def complete_number(ctx: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete a number or name that contacted the line, or that a decision is about."""
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
    """Return the typed number; for `-`, the first line of the input, because other users can see command lines."""
    if value != "-":
        return value
    number = sys.stdin.readline().strip()
    if not number:
        raise click.BadParameter(N_("there is no number in the first line of the input."))
    return number


number: Callable[[_Command], _Command] = click.argument("number", shell_complete=complete_number, callback=read_number)
"""The argument for a person's number."""
