"""Columns of a table for people, as values: what stands in them, and which of them a narrow terminal shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, Self, TypeVar

from hotlined.language import Language, spoken, unfilled

_Row = TypeVar("_Row")

FITTED = -1
"""The width of a column that is as wide as its widest cell: all rows are read before the first is shown."""


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, its width (0: what is left), what stands in it, and the style, fixed or of the row.

    The heading is marked with `N_`, or a function returns it as it stands; a width may differ by language.
    """

    heading_message: str | Callable[[], str]
    width: int | Mapping[Language, int]
    cell: Callable[[_Row], str]
    style: str | Callable[[_Row], str] = ""
    right: bool = False

    @property
    def heading(self) -> str:
        """The heading in the language in force; empty for a column without one."""
        if callable(self.heading_message):
            return self.heading_message()
        return unfilled(self.heading_message) if self.heading_message else ""

    @property
    def cells(self) -> int:
        """The width in the language in force."""
        return self.width if isinstance(self.width, int) else self.width[spoken()]


@dataclass(frozen=True, slots=True)
class Layout(Generic[_Row]):
    """The columns that a terminal of at least so many characters shows, and what stands below each row on its own.

    If all columns are `FITTED`, they say themselves how wide the terminal has to be; `least` is 0 then.
    """

    least: int
    columns: tuple[Column[_Row], ...]
    below: Column[_Row] | None = None
    bars: Callable[[_Row], int] | None = None
    """What bars behind the columns show: all columns are `FITTED` then."""
    then: Self | None = None
    """A table of the same rows that follows this one."""


def figures(*headings: str | Callable[[], str]) -> tuple[Column[Sequence[str]], ...]:
    """Return the columns of rows that are written already: the first is a name, the others are figures."""
    return tuple(Column(heading, FITTED, itemgetter(place), right=place > 0) for place, heading in enumerate(headings))


def inner(label: str) -> str:
    """Return the label of a line that belongs to the one above it."""
    return f"  {label}"
