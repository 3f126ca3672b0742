"""Lists for people: as many columns as the terminal has room for, wide characters counted double.

What does not fit a column ends in an ellipsis. In a pipe or a file nothing is cut: what has no width of its own stands
last, so the other columns stay straight there. Colours are for terminals, and not where NO_COLOR is set;
nothing is said by colour alone.
Known to be wrong: an emoji that is joined of several is counted as all of them, and terminals differ in what they draw.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click

from hotlined.words.columns import Layout
from hotlined.words.harmless import JOINER

_Row = TypeVar("_Row")

_LEAST = 8  # characters: a narrower text is not worth having
_STYLES: dict[str, dict[str, Any]] = {
    "bold": {"bold": True},
    "dim": {"dim": True},
    **{colour: {"fg": colour} for colour in ("green", "red", "yellow", "cyan")},
}


def table(rows: Iterable[_Row], layouts: Iterable[Layout[_Row]], nothing: str) -> Iterator[str]:
    """Yield the lines of a table, its headings first; `nothing` where there are no rows.

    The first layout that the terminal is wide enough for is taken; in a pipe or a file, the first of all.
    """
    whole = not sys.stdout.isatty()
    room = shutil.get_terminal_size().columns
    layout = next(layout for layout in layouts if whole or room >= layout.least)
    columns, below = layout.columns, layout.below
    rest = max(_LEAST, room - sum(column.cells + 1 for column in columns))
    coloured = colours()

    def line(cells: Iterable[str], styles: Iterable[str]) -> str:
        fitted = [
            _fit(cell, column.cells or rest, right=column.right, whole=whole)
            for cell, column in zip(cells, columns, strict=True)
        ]
        fitted[-1] = fitted[-1].rstrip()
        if not coloured:
            return " ".join(fitted).rstrip()
        return " ".join(
            click.style(cell, **_STYLES[style]) if style else cell for cell, style in zip(fitted, styles, strict=True)
        )

    first = True
    for row in rows:
        if first:
            yield line((column.heading for column in columns), ["dim"] * len(columns))
            first = False
        styles = (column.style if isinstance(column.style, str) else column.style(row) for column in columns)
        yield line((column.cell(row) for column in columns), styles)
        if below and (text := below.cell(row)):
            yield " " * below.cells + _fit(text, max(_LEAST, room - below.cells)).rstrip()
    if first:
        yield nothing


def colours() -> bool:
    """Tell whether the output shows colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _fit(text: str, width: int, *, right: bool = False, whole: bool = False) -> str:
    """Cut or pad a text to so many cells of a terminal; a longer one ends in an ellipsis unless it stays `whole`."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  JSON and CSV do without

    cells = cell_len(text)
    if cells > width:
        return text if whole else set_cell_size(text, width - 1).rstrip(JOINER) + "…"
    blanks = " " * (width - cells)
    return blanks + text if right else text + blanks
