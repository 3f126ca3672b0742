"""A row in the table of pages: each page names the role that it needs, so that none is open by mistake."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hotlined.desk.roles import Role
from hotlined.reports.typed import LARGEST

CONTACT_ID = f"<int(max={LARGEST}):contact_id>"
"""The number of a contact in a path: what the database cannot hold is no page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, its name (for `url_for`), the role that it needs, and the function that shows it.

    `needs` is None for a page without a visitor's role; the door checks the request all the same. `title` is the page's
    name in the navigation, `sign` the icon beside it.
    """

    path: str
    name: str
    needs: Role | None
    show: Callable[..., Any]
    methods: tuple[str, ...] = ("GET",)
    title: str = ""
    sign: str = ""
