"""The state of a line's fleet: the database's part of it, and what the exchange last found at the hub.

The exchange leaves that in the runtime directory. A hub may lie, so each value is checked here.
"""

import re
from dataclasses import dataclass

from hotlined.config import Config
from hotlined.fleet_files import HubState, RunFiles, login_path
from hotlined.forms import Time, extended
from hotlined.language import N_, _, in_digits
from hotlined.machine import clock, files
from hotlined.reports.trouble import Trouble, TroubleStatus, holding, trouble_status
from hotlined.states import FleetTrouble, TroubleCode
from hotlined.store import lists
from hotlined.store.line.database import Database
from hotlined.words.columns import Column, Layout
from hotlined.words.times import maybe_moment, moment

AWAY_SECONDS = 3600.0
"""The hub may be away for this long before that counts as a trouble."""
_NAME = re.compile("[a-z0-9][a-z0-9_]{0,21}")
_CODES = {
    FleetTrouble.OTHER_KEY: TroubleCode.FLEET_OTHER_KEY,
    FleetTrouble.REFUSED: TroubleCode.HUB_REFUSED,
}


@dataclass(frozen=True, slots=True)
class FleetLine:
    """A line of the fleet: when it was last at the hub, and how many persons its list has here."""

    line: str
    seen_at: str | None
    refused: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet of a line at one moment."""

    line: str
    hub: HubState | None
    """The state of the hub; None if no exchange has asked it since boot."""
    trouble: tuple[Trouble, ...]


def maybe_fleet(db: Database, config: Config) -> Fleet | None:
    """Return the fleet of a line; None if it is not in a fleet."""
    member = lists.maybe_member(db)
    if member is None:
        return None
    hub, boottime = RunFiles(config.runtime_dir, config.name).maybe_hub(), clock.boottime()
    found = [(_CODES[member.trouble], member.trouble_at)] if member.trouble else []
    has_login = config.fleet.hub is not None or not files.is_missing(login_path(config.path))
    if not has_login or (hub and hub.not_let_in):
        found.append((TroubleCode.HUB_LOGIN, hub.since if has_login and hub else None))
    elif hub is None or boottime - hub.boottime >= AWAY_SECONDS:
        found.append((TroubleCode.HUB_AWAY, hub.since if hub and not hub.reachable else None))
    return Fleet(member.line, hub, tuple(holding(code, since) for code, since in found))


def lines(db: Database, found: Fleet) -> list[FleetLine]:
    """Return the lines that the hub knows, or whose list is here, by their names."""
    refused = lists.refused(db) | {found.line: len(lists.own_list(db))}
    seen = {line: at for line, at in (found.hub.seen if found.hub else {}).items() if _NAME.fullmatch(line)}
    names = sorted({*seen, *refused})[: lists.MOST_LINES]
    return [FleetLine(name, _maybe_time(seen.get(name)), refused.get(name, 0)) for name in names]


def _maybe_time(value: object) -> str | None:
    """Return a time of the hub in our form; None for anything else."""
    try:
        return clock.rfc3339(clock.parse_rfc3339(str(value)))
    except (ValueError, OverflowError):
        return None


def hub_in_words(found: Fleet) -> str:
    """Return in words whether the hub is reachable, and since when."""
    if found.hub is None:
        return _("not asked since this machine was started")
    if found.hub.reachable:
        return _("is there since {moment}", moment=moment(found.hub.since))
    return _("is away since {moment}", moment=moment(found.hub.since))


LINES: tuple[Layout[FleetLine], ...] = (
    Layout(
        0,
        (
            Column(N_("Line"), 22, lambda each: each.line, "bold"),
            Column(N_("Refused"), 9, lambda each: in_digits(each.refused), right=True),
            Column(N_("At the hub"), 0, lambda each: maybe_moment(each.seen_at) or _("never seen")),
        ),
    ),
)
"""The columns of `fleet status`: how many persons a line refuses, and when it was at the hub."""


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
