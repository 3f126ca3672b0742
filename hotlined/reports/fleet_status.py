"""What `fleet status --json` prints: the document of a fleet at one moment."""

from dataclasses import dataclass

from hotlined.forms import Time, extended
from hotlined.reports.fleet import Fleet
from hotlined.reports.trouble import Trouble
from hotlined.states import MemberState


@dataclass(frozen=True, slots=True)
class HubStatus:
    """Whether the last question to the hub was answered, and since when that is so."""

    reachable: bool | None
    """Null: none was put since this machine was started."""
    since: Time | None


@dataclass(frozen=True, slots=True)
class FleetLineStatus:
    """A line of the fleet as the hub has it, by what it said itself."""

    line: str
    state: MemberState
    """How it is; unseen: not at the hub for an hour; new: never."""
    seen_at: Time | None
    """By the hub's clock."""
    contacts_today: int | None
    answers_today: int | None
    trouble: tuple[str, ...]
    """Codes, as those of status."""


@dataclass(frozen=True, slots=True)
class AskedStatus:
    """A person whom another line wants erased here, which nobody has answered."""

    person: str
    """As the fleet knows it."""
    by: str
    since: Time | None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """fleet status --json."""

    hub: HubStatus
    unsent: int
    """Of how many persons the hub has not got what this line says."""
    lines: tuple[FleetLineStatus, ...]
    asked: tuple[AskedStatus, ...]
    open: dict[str, int]
    """How many persons each other line has not erased yet for which this line asked."""
    trouble: tuple[Trouble, ...]
    """What is wrong between the line and the hub, as in status."""


def document(found: Fleet) -> FleetStatus:
    """Return what `fleet status --json` prints."""
    heard = found.heard
    return FleetStatus(
        HubStatus(heard.reachable, heard.since) if heard else HubStatus(None, None),
        found.unsent,
        tuple(extended(FleetLineStatus, each) for each in found.members),
        tuple(extended(AskedStatus, each) for each in found.asked),
        found.open,
        found.trouble,
    )
