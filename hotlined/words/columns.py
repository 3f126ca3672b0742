"""Columns of a table for people, as values: what stands in them, and which of them a narrow terminal shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column: its heading, its width (0: what is left), what stands in it, and the style, fixed or of the row."""

    heading: str
    width: int
    cell: Callable[[_Row], str]
    style: str | Callable[[_Row], str] = ""
    right: bool = False


@dataclass(frozen=True, slots=True)
class Layout(Generic[_Row]):
    """The columns that a terminal of at least so many characters shows, and what stands below each row on its own."""

    least: int
    columns: tuple[Column[_Row], ...]
    below: Column[_Row] | None = None
