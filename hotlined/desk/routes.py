"""A page's row in the table of pages: what it needs is said where it is named, so that none is open by oversight."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hotlined.desk.roles import Role
from hotlined.reports.typed import LARGEST

CONTACT_ID = f"<int(max={LARGEST}):contact_id>"
"""The number of a contact in a path: what the database cannot hold is no page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, its name (for `url_for`), what a visitor needs for it, and what shows it.

    `needs` is None for what needs no visitor; the door is asked all the same. `title` stands in the navigation.
    """

    path: str
    name: str
    needs: Role | None
    show: Callable[..., Any]
    methods: tuple[str, ...] = ("GET",)
    title: str = ""
    when: Callable[[], bool] | None = None
    """Whether it stands in the navigation now; without it: always."""
