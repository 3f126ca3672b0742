"""The document that `fleet status --json` prints: a fleet at one moment."""

from dataclasses import dataclass

from hotlined.forms import Time, extended
from hotlined.reports.fleet import Fleet, lines
from hotlined.reports.trouble import TroubleStatus, trouble_status
from hotlined.store import lists
from hotlined.store.line.database import Database


@dataclass(frozen=True, slots=True)
class HubStatus:
    """The hub: whether it was reached the last time, and since when that is so."""

    reachable: bool | None
    """Null: nothing has asked the hub since this machine was started."""
    since: Time | None


@dataclass(frozen=True, slots=True)
class FleetLineStatus:
    """A line of the fleet."""

    line: str
    seen_at: Time | None
    """When it was last at the hub, by the hub's clock; null if never, or if that is not known."""
    refused: int
    """The number of persons whom its list refuses."""


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """fleet status --json."""

    hub: HubStatus
    unsent: bool
    """True if the hub lacks this line's present list."""
    lines: tuple[FleetLineStatus, ...]
    trouble: tuple[TroubleStatus, ...]
    """The troubles between the line and the hub, as in status."""


def document(db: Database, found: Fleet) -> FleetStatus:
    """Return the document that `fleet status --json` prints."""
    return FleetStatus(
        HubStatus(found.hub.reachable, found.hub.since) if found.hub else HubStatus(None, None),
        lists.is_unsent(db),
        tuple(extended(FleetLineStatus, each) for each in lines(db, found)),
        tuple(map(trouble_status, found.trouble)),
    )
