"""The roles of the desk's visitors in words."""

from hotlined.config import Role
from hotlined.language import NP_, Phrases

__all__ = ["ROLES", "Role"]

ROLES = Phrases(
    {
        Role.FIGURES: NP_("role", "figures"),
        Role.READER: NP_("role", "reader"),
        Role.VOLUNTEER: NP_("role", "volunteer"),
        Role.ADMIN: NP_("role", "admin"),
    }
)
