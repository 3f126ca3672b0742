"""One exchange with the hub: what this line claims goes there, what others claim comes in through the control socket.

What was sent is noted after the hub's COMMIT, up to the version that was sent, and what comes in is handed in before
the next is read. So whatever is killed at whatever moment, an exchange begins anew where it was. It writes nothing of
the line itself.
"""

from dataclasses import astuple, dataclass

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import HotlinedError, RefusedError
from hotlined.fleet import health
from hotlined.fleet.hub import Hub, opened
from hotlined.fleet.join import maybe_address
from hotlined.language import _
from hotlined.store import fleet
from hotlined.store.claims import Claim
from hotlined.store.database import Database
from hotlined.store.opening import open_beside_daemon

_WHO = "fleet"
_MOST_BATCHES = 1000  # of an exchange: a hub that always has more does not keep it for ever


@dataclass(frozen=True, slots=True)
class Exchanged:
    """How many claims went to the hub and came from it, and how many of these are not believed."""

    sent: int = 0
    taken: int = 0
    refused: int = 0


def exchange(config: Config) -> Exchanged:
    """Exchange everything once; raises RefusedError where the line is in no fleet, UnavailableError without the hub."""
    address = maybe_address(config)
    with open_beside_daemon(config.database) as db:
        member = fleet.maybe_membership(db)
        if member is None or address is None:
            raise RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
        try:
            with opened(address) as hub:
                greeting = hub.greet(member.line)
                highest = list(astuple(greeting.highest)) if greeting.highest else None
                decide(config, _WHO, "fleet_met", hub=greeting.hub, top=greeting.top, highest=highest)
                sent = _push(config, hub)
                taken, refused = _pull(config, db, hub)
                health.reached(config, db, hub, refused)
        except HotlinedError:
            health.away(config)
            raise
    return Exchanged(sent, taken, refused)


def _push(config: Config, hub: Hub) -> int:
    sent = 0
    for _batch in range(_MOST_BATCHES):
        owed = [Claim(*row) for row in decide(config, _WHO, "fleet_owed")["claims"]]
        if not owed:
            break
        hub.push(owed)
        decide(config, _WHO, "fleet_sent", sent=[[claim.person, claim.version] for claim in owed])
        sent += len(owed)
    return sent


def _pull(config: Config, db: Database, hub: Hub) -> tuple[int, int]:
    taken = refused = 0
    for _batch in range(_MOST_BATCHES):
        member = fleet.maybe_membership(db)
        placed = hub.pull(member.line, member.cursor, member.recall) if member else []
        if not member or not placed:
            break
        refused += decide(
            config,
            _WHO,
            "fleet_take",
            since=member.cursor,
            until=placed[-1].place,
            placed=[[each.place, list(astuple(each.claim))] for each in placed],
        )
        taken += len(placed)
    return taken - refused, refused
