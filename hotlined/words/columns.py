"""Columns of a table for people, as values: their cells, and which of them a narrow terminal shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, Self, TypeVar

from hotlined.language import Language, spoken, unfilled

_Row = TypeVar("_Row")

FITTED = -1
"""The width of a column that is as wide as its widest cell: the table reads all rows before it shows the first."""


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, its width (0: all that is left), the text of its cell, and a style, fixed or by row.

    The heading is marked with `N_`, or a function returns it ready to show. A width may differ by language.
    """

    heading_message: str | Callable[[], str]
    width: int | Mapping[Language, int]
    cell: Callable[[_Row], str]
    style: str | Callable[[_Row], str] = ""
    right: bool = False

    @property
    def heading(self) -> str:
        """The heading in the current language; empty if the column has none."""
        if callable(self.heading_message):
            return self.heading_message()
        return unfilled(self.heading_message) if self.heading_message else ""

    @property
    def cells(self) -> int:
        """The width in the current language."""
        return self.width if isinstance(self.width, int) else self.width[spoken()]


@dataclass(frozen=True, slots=True)
class Layout(Generic[_Row]):
    """The columns for a terminal of at least `least` characters, and a column that is shown below each row.

    If all columns are `FITTED`, `least` is 0: the table then measures how wide a terminal it needs.
    """

    least: int
    columns: tuple[Column[_Row], ...]
    below: Column[_Row] | None = None
    bars: Callable[[_Row], int] | None = None
    """The length of a bar behind the columns; all columns must be `FITTED` then."""
    then: Self | None = None
    """A second table of the same rows, below this one."""


def figures(*headings: str | Callable[[], str]) -> tuple[Column[Sequence[str]], ...]:
    """Return the columns of rows that are already written: the first column is a name, the others are figures."""
    return tuple(Column(heading, FITTED, itemgetter(place), right=place > 0) for place, heading in enumerate(headings))


def inner(label: str) -> str:
    """Return the label of a fact that belongs to the fact above it."""
    return f"  {label}"
