"""Columns of a table for people, as values: what stands in them, and which of them a narrow terminal shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from hotlined.language import Language, spoken, unfilled

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, its width (0: what is left), what stands in it, and the style, fixed or of the row.

    The heading is marked with `N_`; a width may differ by language.
    """

    heading_message: str
    width: int | Mapping[Language, int]
    cell: Callable[[_Row], str]
    style: str | Callable[[_Row], str] = ""
    right: bool = False

    @property
    def heading(self) -> str:
        """The heading in the language in force; empty for a column without one."""
        return unfilled(self.heading_message) if self.heading_message else ""

    @property
    def cells(self) -> int:
        """The width in the language in force."""
        return self.width if isinstance(self.width, int) else self.width[spoken()]


@dataclass(frozen=True, slots=True)
class Layout(Generic[_Row]):
    """The columns that a terminal of at least so many characters shows, and what stands below each row on its own."""

    least: int
    columns: tuple[Column[_Row], ...]
    below: Column[_Row] | None = None


def inner(label: str) -> str:
    """Return the label of a line that belongs to the one above it."""
    return f"  {label}"
