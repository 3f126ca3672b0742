"""Tables for people: as many columns as fit the terminal; wide characters count as two.

A text that is too long for its column ends in an ellipsis. In a pipe or a file nothing is cut: the column without a
width is last, so the other columns stay straight. Every cell is made harmless here. Only terminals get colours,
unless NO_COLOR is set; a colour never says something that no word says.
Known to be wrong: an emoji joined from several counts as all of them, and terminals differ in how they draw it.
"""

import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import click

from hotlined.words.columns import FITTED, Layout
from hotlined.words.harmless import JOINER, harmless

_Row = TypeVar("_Row")

_LEAST = 8  # characters: a narrower text is unreadable
_LEAST_BAR, _MOST_BAR = 6, 40  # characters
_STYLES = {
    "bold": partial(click.style, bold=True),
    "dim": partial(click.style, dim=True),
    **{colour: partial(click.style, fg=colour) for colour in ("green", "red", "yellow", "cyan")},
}


def table(rows: Iterable[_Row], layouts: Sequence[Layout[_Row]], nothing: str = "") -> Iterator[str]:
    """Yield the lines of a table, its headings first; only `nothing` if there are no rows.

    The first layout that fits the terminal is used, or else the last; in a pipe or a file always the first.
    """
    whole = not sys.stdout.isatty()
    room = shutil.get_terminal_size().columns
    if any(column.cells == FITTED for column in layouts[0].columns):
        rows = list(rows)
    measured = [(layout, _widths(layout, rows)) for layout in layouts]
    layout, widths = next(
        (each for each in measured if whole or room >= max(each[0].least, _needed(*each))), measured[-1]
    )
    left = room - sum(width + 1 for width in widths)
    rest, longest = max(_LEAST, left), _MOST_BAR if whole else min(_MOST_BAR, max(_LEAST_BAR, left))
    bars = layout.bars
    highest = max(1, *(bars(row) for row in rows)) if bars else 1
    coloured = colours()

    def line(cells: Iterable[str], styles: Iterable[str], bar: int = 0) -> str:
        fitted = [
            _fit(cell, width or rest, right=column.right, whole=whole)
            for cell, width, column in zip(cells, widths, layout.columns, strict=True)
        ]
        if bar:
            fitted.append(_bar() * math.ceil(longest * bar / highest))
        fitted[-1] = fitted[-1].rstrip()
        if not coloured:
            return " ".join(fitted).rstrip()
        styled = zip(fitted, [*styles, "cyan"], strict=False)  # the last style is the bar's
        return " ".join(_STYLES[style](cell) if style else cell for cell, style in styled)

    first = True
    for row in rows:
        if first:
            yield line((column.heading for column in layout.columns), ["dim"] * len(widths))
            first = False
        styles = [column.style if isinstance(column.style, str) else column.style(row) for column in layout.columns]
        yield line((column.cell(row) for column in layout.columns), styles, bars(row) if bars else 0)
        if layout.below and (text := layout.below.cell(row)):
            yield " " * layout.below.cells + _fit(text, max(_LEAST, room - layout.below.cells)).rstrip()
    if first:
        yield nothing
    if layout.then:
        yield from table(rows, [layout.then])


def colours() -> bool:
    """Tell whether the output can show colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _widths(layout: Layout[_Row], rows: Iterable[_Row]) -> list[int]:
    """Return the width of each column; 0 means all that is left."""
    return [
        max(map(_cells, (column.heading, *map(column.cell, rows)))) if column.cells == FITTED else column.cells
        for column in layout.columns
    ]


def _needed(layout: Layout[_Row], widths: Sequence[int]) -> int:
    """Return the least width of a terminal for columns of these widths, and for bars that are worth showing."""
    return sum(width + 1 for width in widths) + (_LEAST_BAR if layout.bars else -1)


def _cells(text: str) -> int:
    """Return the width of a text on a terminal, in cells."""
    from rich.cells import cell_len  # noqa: PLC0415  JSON and CSV do not need it

    return cell_len(harmless(text))


def _bar() -> str:
    """Return the character for bars; it is in ASCII if the output has no other."""
    return "━" if sys.stdout.encoding.lower().startswith("utf") else "-"


def _fit(text: str, width: int, *, right: bool = False, whole: bool = False) -> str:
    """Cut or pad a text to `width` cells of a terminal; a longer one ends in an ellipsis unless it stays `whole`."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  JSON and CSV do not need it

    text = harmless(text)
    cells = cell_len(text)
    if cells > width:
        return text if whole else set_cell_size(text, width - 1).rstrip(JOINER) + "…"
    blanks = " " * (width - cells)
    return blanks + text if right else text + blanks
