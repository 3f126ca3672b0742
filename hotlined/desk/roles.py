"""What a visitor of the desk may do."""

from enum import StrEnum

from hotlined.language import NP_, Phrases


class Role(StrEnum):
    """What a visitor may do; each role includes those before it."""

    FIGURES = "figures"
    """No number, and nothing that somebody wrote."""
    READER = "reader"
    """The log."""
    VOLUNTEER = "volunteer"
    """Tags, and keeping contacts."""
    ADMIN = "admin"
    """Decisions about who is answered, and the pause."""

    def may(self, needed: "Role") -> bool:
        """Tell whether this role includes another one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


ROLES = Phrases(
    {
        Role.FIGURES: NP_("role", "figures"),
        Role.READER: NP_("role", "reader"),
        Role.VOLUNTEER: NP_("role", "volunteer"),
        Role.ADMIN: NP_("role", "admin"),
    }
)
"""Each role in words."""
