"""Arguments that several commands take and that are read in one way."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from hotlined.cli.completion import complete_number

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _read(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value != "-":
        return value
    typed = sys.stdin.readline().strip()
    if not typed:
        raise click.BadParameter("there is no number in the first line of the input.")
    return typed


number: Callable[[_Command], _Command] = click.argument("number", shell_complete=complete_number, callback=_read)
"""The number of a person; `-` reads it from the input: all users of a machine see what stands behind a command."""
