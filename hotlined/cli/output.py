"""Printing: sentences, sheets (a label and a value on each line), JSON, and questions that a person answers with yes.

Sentences and sheets are wrapped at the terminal's width, and made harmless by `hotlined.words.harmless`: no terminal
obeys them. JSON is ASCII and keeps the text exactly.
Tables are made by `table`.
Known to be wrong: in a wrapped sentence or sheet a wide character counts as one column.
"""

import contextlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from hotlined.errors import UsageError
from hotlined.forms import plain
from hotlined.language import _, labelled
from hotlined.machine import files
from hotlined.words.harmless import harmless

_YES = ("y", "yes", "o", "oui", "j", "ja")
"""A yes in English, French and Dutch: each is accepted in every language."""

TYPED = "hotlined.typed"
"""The key in click's `meta` under which `as_typed` finds the --config or --line option that was typed."""
FILE = click.Path(path_type=Path)
"""The type of the FILE that a command writes to with `output_to`."""
STANDARD_OUTPUT = Path("-")
"""The name that means the standard output where a FILE is expected."""
_LABEL = 14  # characters: the width of a label
_COLUMNS = 80  # if there is no terminal
_LEAST = 10  # characters: a narrower text is unreadable
_WRAPPER = partial(
    textwrap.TextWrapper,
    replace_whitespace=False,
    break_long_words=False,  # so that a path or a PDU can be copied
    break_on_hyphens=False,
)


@contextlib.contextmanager
def output_to(file: Path | None, instead: str | None = None) -> Iterator[None]:
    """Send everything printed in this context to the new file `file`, or to the standard output for None or `-`.

    For output that is useless on a terminal, `instead` is the command to type: if the output would go to a terminal,
    this raises UsageError with that command as its hint. Raises UsageError and OSError, too, as `files.create` does.
    """
    if file is None or file == STANDARD_OUTPUT:
        if instead and sys.stdout.isatty():
            raise UsageError(_("This is nothing for a terminal."), _("Type `{command}`.", command=instead))
        yield
        return
    with (
        files.create(file) as made,
        io.TextIOWrapper(made, "utf-8", "backslashreplace") as text,
        contextlib.redirect_stdout(text),
    ):
        yield


def columns() -> int:
    """Return the width of the terminal in characters; 80 if there is no terminal."""
    if "COLUMNS" not in os.environ and not os.isatty(1):
        return _COLUMNS
    from shutil import get_terminal_size  # noqa: PLC0415  imports compression, half a MiB

    return get_terminal_size((_COLUMNS, 0)).columns


def json_line(value: Any) -> str:
    """Write a document as one line of ASCII JSON, harmless on a terminal."""
    return json.dumps(value, ensure_ascii=True, default=plain).replace("\x7f", "\\u007f")


def print_lines(lines: Iterable[str]) -> None:
    """Print each line at once, because a person reads a list before it is complete."""
    for line in lines:
        print(line, flush=True)


def as_typed(text: str) -> str:
    """Add the typed --config or --line to the commands in a sentence, so that they can be copied and run."""
    context = click.get_current_context(silent=True)
    typed = context.meta.get(TYPED) if context else None
    return text.replace("`hotlined ", f"`hotlined {typed} ") if typed else text


def wrapped(text: str, label: str = "", *, err: bool = False) -> str:
    """Return a label and a text, made harmless; on a terminal the text is wrapped beside the label, no word is cut."""
    indent = f"{label:<{_LABEL}} " if label else ""
    lines = [harmless(text)]
    if (sys.stderr if err else sys.stdout).isatty():
        room = columns() - len(indent)
        lines = _WRAPPER(max(room, _LEAST)).wrap(lines[0]) or lines
    return indent + f"\n{' ' * len(indent)}".join(lines)


def print_wrapped(text: str, label: str = "", *, err: bool = False) -> None:
    """Print a label and a text, in the form that `wrapped` returns."""
    click.echo(wrapped(text, label, err=err), err=err)


def sheet(pairs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the lines of a sheet of labels and values; unknown and empty values are left out."""
    for label, value in pairs:
        if value:
            yield from wrapped(value, label).split("\n")


def print_sheet(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print the lines of a sheet."""
    for line in sheet(pairs):
        click.echo(line)


def confirm(question: str, without: str) -> None:
    """Ask a person to say yes; raises click.Abort for any other answer, and UsageError if there is no terminal.

    `without` is the hint of the UsageError: it names a command that does the same without a question.
    """
    if not asked(question, _("The command cannot ask here."), without):
        raise click.Abort(_("Nothing has changed."))


def asked(question: str, problem: str, without: str) -> bool:
    """Ask a person for yes or no; any other answer means no. Raises UsageError if there is no terminal.

    `problem` and `without` are the sentence and the hint of that error.
    """
    if not sys.stdin.isatty():
        raise UsageError(problem, without)
    choice = _("[y/N]")
    words = labelled(wrapped(f"{question} {choice}"))
    said = click.prompt(words, prompt_suffix="", default="n", show_default=False)
    return said.strip().casefold() in _YES
