"""How commands print: sentences and sheets as wide as the terminal, JSON, and a question that is answered with yes.

Sentences and sheets pass through `hotlined.words.harmless`, which says what it does to text from strangers; JSON is
ASCII and keeps the text exactly. Tables are made by `table`.
Known to be wrong: wide characters count once where a sentence or a sheet is wrapped.
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

from hotlined import files
from hotlined.errors import UsageError
from hotlined.forms import plain
from hotlined.language import _, labelled
from hotlined.words.harmless import harmless

_YES = ("y", "yes", "o", "oui", "j", "ja")
"""What people type for yes, in every language."""

TYPED = "hotlined.typed"
"""Where click keeps the options before the command as they were typed, for `as_typed`."""
FILE = click.Path(path_type=Path)
"""The type of a FILE that a command writes, for `output_to`."""
STANDARD_OUTPUT = Path("-")
"""What stands for it where a FILE is named."""
_LABEL = 14  # characters: the first column of a sheet
_COLUMNS = 80  # without a terminal
_LEAST = 10  # characters: a narrower column is not worth having
_WRAPPER = partial(
    textwrap.TextWrapper,
    replace_whitespace=False,
    break_long_words=False,  # a path or a PDU can be copied
    break_on_hyphens=False,
)


@contextlib.contextmanager
def output_to(file: Path | None, instead: str | None = None) -> Iterator[None]:
    """Have everything that is printed meanwhile go to FILE, a new one; to the standard output without FILE and for `-`.

    What is for no terminal names the command to type `instead`. Raises UsageError and OSError, as `files.create`.
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
    """Return how wide the terminal is, in characters; 80 where there is none."""
    if "COLUMNS" not in os.environ and not os.isatty(1):
        return _COLUMNS
    from shutil import get_terminal_size  # noqa: PLC0415  it loads what packs and unpacks, half a MiB

    return get_terminal_size((_COLUMNS, 0)).columns


def json_line(value: Any) -> str:
    """Write a document as one line of ASCII JSON, harmless on a terminal."""
    return json.dumps(value, ensure_ascii=True, default=plain).replace("\x7f", "\\u007f")


def print_lines(lines: Iterable[str]) -> None:
    """Print each line as soon as it is there: a person looks at a list before it is complete."""
    for line in lines:
        print(line, flush=True)


def as_typed(text: str) -> str:
    """Add the --config or --line that was typed to the commands in a sentence, so that they can be copied."""
    context = click.get_current_context(silent=True)
    typed = context.meta.get(TYPED) if context else None
    return text.replace("`hotlined ", f"`hotlined {typed} ") if typed else text


def wrapped(text: str, label: str = "", *, err: bool = False) -> str:
    """Return a text made harmless behind a label; on a terminal it is wrapped below itself, and no word is cut."""
    indent = f"{label:<{_LABEL}} " if label else ""
    lines = [harmless(text)]
    if (sys.stderr if err else sys.stdout).isatty():
        room = columns() - len(indent)
        lines = _WRAPPER(max(room, _LEAST)).wrap(lines[0]) or lines
    return indent + f"\n{' ' * len(indent)}".join(lines)


def print_wrapped(text: str, label: str = "", *, err: bool = False) -> None:
    """Print a text as `wrapped` has it."""
    click.echo(wrapped(text, label, err=err), err=err)


def sheet(pairs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Yield the lines of a sheet for people: labels and values; one that is not known or empty is left out."""
    for label, value in pairs:
        if value:
            yield from wrapped(value, label).split("\n")


def print_sheet(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print labels and values as `sheet` has them."""
    for line in sheet(pairs):
        click.echo(line)


def confirm(question: str, without: str) -> None:
    """Let a person say yes; raises click.Abort for anything else, and UsageError where there is nobody to be asked.

    `without` is the hint of that error: the command that asks nothing.
    """
    if not asked(question, _("Nobody can be asked here."), without):
        raise click.Abort


def asked(question: str, problem: str, without: str) -> bool:
    """Let a person say yes or no, which is also anything else; raises UsageError where there is nobody to be asked.

    `problem` and `without` are the sentence and the hint of that error.
    """
    if not sys.stdin.isatty():
        raise UsageError(problem, without)
    choice = _("[y/N]")
    words = labelled(wrapped(f"{question} {choice}"))
    said = click.prompt(words, prompt_suffix="", default="n", show_default=False)
    return said.strip().casefold() in _YES
