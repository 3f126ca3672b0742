"""One exchange with the hub: what this line claims goes there, what others claim comes in through the control socket.

What was sent is noted after the hub's COMMIT, up to the version that was sent, and what comes in is handed in before
the next is read. So whatever is killed at whatever moment, an exchange begins anew where it was. It writes nothing of
the line itself.
"""

import contextlib
from collections.abc import Iterator
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
HUB_SECONDS = 60.0
"""What the hub is given for one step, at most 500 rows: on a slow mobile connection they take half of it."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """How many claims went to the hub and came from it, and how many of these are not believed."""

    sent: int = 0
    taken: int = 0
    refused: int = 0


class Session:
    """A line before its hub, which has said who it is."""

    def __init__(self, config: Config, db: Database, hub: Hub) -> None:
        self._config = config
        self._db = db
        self._hub = hub
        self._refused = 0
        self._first = (0, 0)

    def is_owing(self) -> bool:
        """Tell whether the line says something that the hub has not; it asks the line's database alone."""
        return fleet.is_owing(self._db)

    def push(self) -> int:
        """Send what the line says and the hub has not, and return how many rows that were.

        A database older than its own rows takes them back first: what it sends replaces them at the hub.
        """
        if fleet.is_recalling(self._db):
            self._first = self._take()
        sent = 0
        for _batch in range(_MOST_BATCHES):
            owed = [Claim(*row) for row in decide(self._config, _WHO, "fleet_owed")["claims"]]
            if not owed:
                break
            with self._hub.within(HUB_SECONDS):
                self._hub.push(owed)
            decide(self._config, _WHO, "fleet_sent", sent=[[claim.person, claim.version] for claim in owed])
            sent += len(owed)
        return sent

    def pull(self) -> tuple[int, int]:
        """Hand in what others say, and exchange how the lines are; return how many rows are believed, and not."""
        counts, self._first = (self._first, self._take()), (0, 0)
        taken, refused = map(sum, zip(*counts, strict=True))
        self._refused += refused
        with self._hub.within(HUB_SECONDS):
            health.reached(self._config, self._db, self._hub, self._refused)
        return taken, refused

    def _take(self) -> tuple[int, int]:
        taken = refused = 0
        for _batch in range(_MOST_BATCHES):
            member = fleet.maybe_membership(self._db)
            if member is None:
                break
            with self._hub.within(HUB_SECONDS):
                placed = self._hub.pull(member.line, member.cursor, member.recall)
            if not placed:
                break
            refused += decide(
                self._config,
                _WHO,
                "fleet_take",
                since=member.cursor,
                until=placed[-1].place,
                placed=[[each.place, list(astuple(each.claim))] for each in placed],
            )
            taken += len(placed)
        return taken - refused, refused


@contextlib.contextmanager
def session(config: Config) -> Iterator[Session]:
    """Go before the hub; raises RefusedError where the line is in no fleet, UnavailableError without the hub."""
    address = maybe_address(config)
    with open_beside_daemon(config.database) as db:
        member = fleet.maybe_membership(db)
        if member is None or address is None:
            raise RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
        try:
            with opened(address) as hub:
                with hub.within(HUB_SECONDS):
                    greeting = hub.greet(member.line)
                highest = list(astuple(greeting.highest)) if greeting.highest else None
                decide(config, _WHO, "fleet_met", hub=greeting.hub, top=greeting.top, highest=highest)
                yield Session(config, db, hub)
        except HotlinedError:
            health.away(config)
            raise


def exchange(config: Config) -> Exchanged:
    """Exchange everything once; raises what `session` raises."""
    with session(config) as open_session:
        return Exchanged(open_session.push(), *open_session.pull())
