"""A row of the table of pages: each page names the role that it needs, so that none is open by mistake."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hotlined.config import Role
from hotlined.language import NP_, Phrases
from hotlined.reports.typed import LARGEST

ROLES = Phrases(
    {
        Role.FIGURES: NP_("role", "figures"),
        Role.READER: NP_("role", "reader"),
        Role.VOLUNTEER: NP_("role", "volunteer"),
        Role.ADMIN: NP_("role", "admin"),
    }
)


CONTACT_ID = f"<int(max={LARGEST}):contact_id>"
"""The ID of a contact in a path; a number too large for the database is not a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, its name (for `url_for`), the role that it needs, and the function that shows it.

    `needs` is None for a page without a role; its socket still checks the request. `title` is its name in the
    navigation, `sign` the icon beside that.
    """

    path: str
    name: str
    needs: Role | None
    show: Callable[..., Any]
    methods: tuple[str, ...] = ("GET",)
    title: str = ""
    sign: str = ""
