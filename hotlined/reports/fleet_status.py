"""The document that `fleet status --json` prints: a fleet at one moment."""

from dataclasses import dataclass

from hotlined.forms import Time, extended
from hotlined.reports.fleet import Fleet
from hotlined.reports.trouble import Trouble
from hotlined.states import MemberState


@dataclass(frozen=True, slots=True)
class HubStatus:
    """The hub: whether it answered the last question, and since when that is so."""

    reachable: bool | None
    """Null: nothing has asked the hub since this machine was started."""
    since: Time | None


@dataclass(frozen=True, slots=True)
class FleetLineStatus:
    """A line of the fleet, by its own account, as the hub passes it on."""

    line: str
    state: MemberState
    """unseen: not at the hub for an hour; new: never at the hub."""
    seen_at: Time | None
    """By the hub's clock."""
    contacts_today: int | None
    answers_today: int | None
    trouble: tuple[str, ...]
    """Codes, like those of status."""


@dataclass(frozen=True, slots=True)
class AskedStatus:
    """A person whom another line wants erased here; no person has decided about it yet."""

    person: str
    """The name that the fleet has for the person: a pseudonym."""
    by: str
    """The line that asks."""
    since: Time | None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """fleet status --json."""

    hub: HubStatus
    unsent: int
    """The number of persons whose latest entries by this line are not at the hub yet."""
    lines: tuple[FleetLineStatus, ...]
    asked: tuple[AskedStatus, ...]
    open: dict[str, int]
    """The persons whom other lines have not erased yet although this line asked for it, counted by line."""
    trouble: tuple[Trouble, ...]
    """The troubles between the line and the hub, as in status."""


def document(found: Fleet) -> FleetStatus:
    """Return the document that `fleet status --json` prints."""
    heard = found.heard
    return FleetStatus(
        HubStatus(heard.reachable, heard.since) if heard else HubStatus(None, None),
        found.unsent,
        tuple(extended(FleetLineStatus, each) for each in found.members),
        tuple(extended(AskedStatus, each) for each in found.asked),
        found.open,
        found.trouble,
    )
