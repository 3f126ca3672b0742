"""`hotlined completion`, and what it completes that only the database knows: numbers and tags.

Whatever goes wrong while a shell asks, no configuration, no database, no right to read it, is nothing to complete.
"""

import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress

import click
from click.shell_completion import get_completion_class

from hotlined.cli import Settings
from hotlined.errors import HotlinedError
from hotlined.store import correspondents, decisions
from hotlined.store.database import Database, open_beside_daemon

_SHELLS = ("bash", "zsh", "fish")
# a zsh that nobody set up completes nothing
_BEFORE = {"zsh": "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"}
_PLAIN = re.compile(r"\w[\w.-]*|[+~]\w+")  # a sender may call itself $(reboot), and what is completed is run by Enter
_MOST = 200  # suggestions: nobody reads more, and a shell is slow with thousands


def complete_number(ctx: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete a number or name that contacted the line or is decided about."""
    return _complete(ctx, incomplete, correspondents.names)


def complete_tag(ctx: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete a tag in use."""
    return _complete(ctx, incomplete, decisions.tags_in_use)


def _complete(ctx: click.Context, incomplete: str, candidates: Callable[[Database], list[str]]) -> list[str]:
    said = ctx.find_root().params
    with suppress(HotlinedError, sqlite3.Error, OSError):
        config = Settings(said.get("config"), said.get("line")).config()
        with open_beside_daemon(config.database) as db:
            fitting = (word for word in candidates(db) if word.startswith(incomplete) and _PLAIN.fullmatch(word))
            return list(fitting)[:_MOST]
    return []


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, numbers, reasons and states of hotlined.

    The line that turns it on goes into the shell's own file:

    \b
    ~/.bashrc: eval "$(hotlined completion bash)"
    ~/.zshrc: eval "$(hotlined completion zsh)"
    ~/.config/fish/config.fish: hotlined completion fish | source

    Example: hotlined completion bash
    """  # noqa: D301  \b is click's mark: keep these lines
    found = get_completion_class(shell)
    assert found
    script = found(ctx.find_root().command, {}, "hotlined", "_HOTLINED_COMPLETE").source()
    click.echo(_BEFORE.get(shell, "") + script)
