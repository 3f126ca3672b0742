"""One exchange with the hub: it sends the rows of this line, and passes those of others to the control socket.

After the hub's COMMIT it notes up to which version it has sent, and it passes each batch on before it reads the next.
So an exchange that is killed at any moment goes on where it was. The control program alone writes to the database.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, TypeVar

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.control.verbs import VERBS
from hotlined.errors import HotlinedError, RefusedError
from hotlined.fleet import health
from hotlined.fleet.hub import Hub, opened
from hotlined.fleet.join import maybe_address
from hotlined.language import _
from hotlined.store import exchanging, fleet, fleet_answers
from hotlined.store.claims import Claim
from hotlined.store.database import Database
from hotlined.store.fleet_answers import Answered
from hotlined.store.opening import open_beside_daemon

_WHO = "fleet"
_Row = TypeVar("_Row", Claim, Answered)
_MOST_BATCHES = 1000  # of an exchange, so that it ends even with a hub that always has more
_Where = Callable[[Database], fleet.Membership | fleet_answers.AnswerExchange | None]
HUB_SECONDS = 60.0
"""The time that the hub has for one step, at most 500 rows: on a slow mobile connection they take half of it."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The number of rows that were sent, of rows that were taken from the hub, and of rows that were not believed."""

    sent: int = 0
    taken: int = 0
    refused: int = 0


class HubSession:
    """A connection of a line to its hub, which is known by its identity."""

    def __init__(self, config: Config, db: Database, hub: Hub, may_rebuild: Callable[[], bool]) -> None:
        self._config = config
        self._db = db
        self._hub = hub
        self._may_rebuild = may_rebuild
        self._refused = 0
        self._erased = False
        self._read_early = (0, 0)
        """How many rows were believed, and were not, of those that `push` read; `pull` counts them."""

    def has_unsent_rows(self) -> bool:
        """Tell whether the line has rows that the hub lacks; it asks the line's database alone."""
        return exchanging.has_unsent_rows(self._db)

    def push(self) -> int:
        """Send the rows that the hub lacks, and return their number.

        A database that is older than its own rows at the hub reads them first: the rows that it sends replace them.
        """
        self._require_own_fleet()
        if exchanging.has_own_rows_to_read(self._db):
            self._read_early = self._take()
        sent = self._send("fleet_owed", "fleet_sent", Claim, self._push_claims)
        if answers := fleet_answers.maybe_exchange(self._db):
            push = functools.partial(self._hub.push_answers, answers.line)
            sent += self._send("fleet_answers_owed", "fleet_answers_sent", Answered, push)
        if self._erased:
            self._report()
        return sent

    def _push_claims(self, rows: Sequence[Claim]) -> None:
        self._hub.push(rows)
        self._erased |= any(claim.erased for claim in rows)

    def _send(self, asks: str, notes: str, row: Callable[..., _Row], push: Callable[[Sequence[_Row]], None]) -> int:
        sent = 0
        for _batch in range(_MOST_BATCHES):
            rows = [row(*fields) for fields in decide(self._config, _WHO, asks)["rows"]]
            if not rows:
                break
            with self._hub.within(HUB_SECONDS):
                push(rows)
            decide(self._config, _WHO, notes, sent=[[each.person, each.version] for each in rows])
            sent += len(rows)
        return sent

    def pull(self) -> tuple[int, int]:
        """Read the rows of others, and exchange how the lines are; return how many rows were believed, and were not."""
        counts, self._read_early = (self._read_early, self._take()), (0, 0)
        taken, refused = map(sum, zip(*counts, strict=True))
        self._refused += refused
        if fleet.is_unconfirmed(self._db) and self._may_rebuild():
            decide(self._config, _WHO, "fleet_rebuild")
            self._erased = True
        self._report()
        return taken, refused

    def _report(self) -> None:
        """Exchange how the lines are: after an erasure at once, to show which lines have yet to carry it out."""
        with self._hub.within(HUB_SECONDS):
            health.exchange(self._config, self._db, self._hub, self._refused, anew=self._erased)
        self._erased = False

    def _require_own_fleet(self) -> None:
        """Raise RefusedError if the line now makes other pseudonyms than the fleet, as it does after `resume`.

        It would not find the persons whose erasure others order, and would report their erasure as carried out.
        """
        maybe_address(self._config, self._db)

    def _take(self) -> tuple[int, int]:
        """Read the rows of others up to the last; return how many were believed, and were not."""
        self._require_own_fleet()
        found = [self._read("fleet_take", fleet.maybe_membership, self._hub.pull)]
        answers = fleet_answers.maybe_exchange(self._db)
        if answers and answers.is_on:
            found.append(self._read("fleet_answers_take", fleet_answers.maybe_exchange, self._hub.pull_answers))
        taken, refused = map(sum, zip(*found, strict=True))
        return taken, refused

    def _read(self, verb: str, where: _Where, pull: Callable[[str, int, int], list[list[Any]]]) -> tuple[int, int]:
        """Pass on the rows that the hub has after the place up to which the line has read it."""
        taken = refused = 0
        placed: list[list[Any]] = []
        for _batch in range(_MOST_BATCHES):
            before = where(self._db)
            if before is None:
                break
            placed = [row for row in placed if row[0] > before.cursor]
            if not placed:
                with self._hub.within(HUB_SECONDS):
                    rows = pull(before.line, before.cursor, before.recall)
                placed = _readable(rows, before.cursor, verb)
                refused += len(rows) - len(placed)
            if not placed:
                break
            batch = _batch_of(placed)
            span = {"since": before.cursor, "until": batch[-1][0]}
            refused_now = decide(self._config, _WHO, verb, placed=batch, **span)
            after = where(self._db)
            read = sum(place <= after.cursor for place, _row in batch) if after else 0
            refused, taken = refused + refused_now, taken + read - refused_now
            self._erased |= verb == "fleet_take" and any(Claim(*row).erased for _place, row in batch)
            if not read:
                break  # an answer is being sent to somebody who is to be erased
        return taken, refused


def _readable(rows: Sequence[list[Any]], after: int, verb: str) -> list[list[Any]]:
    """Return the rows after a place that have the form of a line's rows, in the order of their places.

    Raises HotlinedError if there are rows and none has that form: a hub lets no line write such rows.
    """
    fits = VERBS[verb].takes["placed"]
    placed = sorted((row for row in rows if fits([row]) and row[0] > after), key=lambda row: row[0])
    if rows and not placed:
        raise HotlinedError(
            _("The hub sends what no line writes: nothing is taken from it."),
            _("Whoever runs it has to look what is at its address."),
        )
    return placed


def _batch_of(placed: Sequence[list[Any]]) -> list[list[Any]]:
    """Return the first rows, at least one, that have at most `LARGEST_BATCH` characters together."""
    batch: list[list[Any]] = []
    size = 0
    for row in placed:
        size += len(json.dumps(row))
        if batch and size > fleet.LARGEST_BATCH:
            break
        batch.append(row)
    return batch


@contextlib.contextmanager
def session(
    config: Config, may_change: Callable[[], bool] = lambda: True, may_rebuild: Callable[[], bool] = lambda: True
) -> Iterator[HubSession]:
    """Give a connected session; raises RefusedError if the line is in no fleet, UnavailableError without the hub.

    `may_change` is called if this is another hub than before, for which all rows are sent and read again: if it returns
    False, RefusedError is raised. `may_rebuild` is called before the database is written anew, so that no file contains
    a copy of what another line ordered to erase: if it returns False, that is left for later.
    """
    with open_beside_daemon(config.database) as db:
        address, member = maybe_address(config, db), fleet.maybe_membership(db)
        if member is None or address is None:
            raise RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
        try:
            with opened(address) as hub:
                with hub.within(HUB_SECONDS):
                    greeting = hub.greet(member.line)
                if member.hub not in (None, greeting.hub) and not may_change():
                    raise RefusedError(
                        _("The hub is another one each time it is asked; all would be sent again each time."),
                        _("Whoever runs it has to look what is at its address. It is asked again within the hour."),
                    )
                highest = list(astuple(greeting.highest)) if greeting.highest else None
                decide(config, _WHO, "fleet_met", hub=greeting.hub, top=greeting.top, highest=highest)
                if config.fleet.answers or fleet_answers.maybe_exchange(db):
                    with hub.within(HUB_SECONDS):
                        top, latest = hub.greet_answers(member.line)
                    row = list(astuple(latest)) if latest else None
                    decide(config, _WHO, "fleet_answers_met", hub=greeting.hub, top=top, highest=row)
                yield HubSession(config, db, hub, may_rebuild)
        except HotlinedError:
            health.note_unreachable(config)
            raise


def exchange(config: Config) -> Exchanged:
    """Exchange everything once; raises what `session` raises."""
    with session(config) as open_session:
        return Exchanged(open_session.push(), *open_session.pull())
