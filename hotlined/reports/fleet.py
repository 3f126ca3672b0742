"""How the lines of a fleet are, as the last exchange of this line with the hub read it.

The exchange leaves a record in a folder of its own at run time, so that nothing is written to the card; everybody else
reads it here. What comes from the hub may be a lie: each value is checked where it is read, and of a line's troubles
there are codes alone. A line's age is that of the hub's clock, and grows by the time since this machine was started.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotlined import clock, files
from hotlined.config import Config
from hotlined.language import N_, _, in_digits, ngettext
from hotlined.states import MemberState, TroubleCode
from hotlined.status import Trouble
from hotlined.store import exchanging, fleet
from hotlined.store.claims import HIGHEST
from hotlined.store.database import Database
from hotlined.store.database_files import ORDERS, beside
from hotlined.store.opening import open_beside_daemon
from hotlined.words import conditions
from hotlined.words.columns import Column, Layout
from hotlined.words.conditions import headline
from hotlined.words.states import MEMBER_STATES
from hotlined.words.times import maybe_moment, moment

AWAY_SECONDS = 3600.0
"""How long a line or the hub may be away before an alert reports it."""
MOST_LINES = 1000
"""Further lines are ignored, so that a hostile hub cannot fill the memory."""
MOST_ERASURES = 200
"""How many erasures that are not carried out everywhere are named one by one; all are counted."""
_FILE = "fleet.json"
_MOST_TROUBLES = 10
_MOST_NAMED = 2  # lines in an alert, which is one segment
_MOST_KEPT = 20  # contacts that are named: somebody who threatens a thousand times fills no screen
_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,21}")
_CODE = re.compile("[a-z][a-z_]{0,39}")
_LARGEST = 1_000_000_000
_SAID = frozenset({MemberState.ANSWERING, MemberState.SHADOW, MemberState.PAUSED, MemberState.NOT_ANSWERING})


@dataclass(frozen=True, slots=True)
class Figures:
    """What a line says of itself: no number, no text, and a bounded length."""

    state: MemberState
    contacts_today: int | None = None
    answers_today: int | None = None
    trouble: tuple[str, ...] = ()
    """Codes, as those of `status --json`."""
    read: int | None = None
    """The place at the hub up to which the line has carried out erasures of others."""
    kept: int | None = None
    """How many contacts the line keeps of persons whom others erased."""

    def to_json(self) -> str:
        """Write it in the form that the hub stores."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Member:
    """A line of the fleet; `seen_seconds` is how long ago it was at the hub when this was read, None: never."""

    line: str
    seen_at: str | None
    seen_seconds: float | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class PendingErasure:
    """The erasure of a person that some lines have not carried out; `at` is None if its moment is unknown."""

    line: str
    at: str | None
    missing: tuple[str, ...]
    alike: int = 1
    """How many persons that line has erased and the same lines have not, this person included."""


@dataclass(frozen=True, slots=True)
class LastExchange:
    """What the last exchange found; readings are seconds of the clock since boot."""

    reachable: bool
    since: str
    since_boottime: float
    at_boottime: float | None = None
    """When the hub was last reached."""
    refused: int = 0
    """Rows of the last exchange that were not believed."""
    members: tuple[Member, ...] = ()
    erasures: tuple[PendingErasure, ...] = ()
    said: str = ""
    """What this line last said of itself."""
    said_boottime: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet of a line at one moment."""

    line: str
    unsent_rows: int
    full: bool
    """Whether the line takes no more of what others claim."""
    last_exchange: LastExchange | None
    """None if there was no exchange since boot."""
    boottime: float
    unsent: tuple[str | None, ...] = ()
    """When this line erased the persons whose erasure the hub has not got."""
    kept: tuple[int, ...] = ()
    """The contacts of persons whom others erased that are kept here."""
    erased: tuple[tuple[str, int], ...] = ()
    """How many persons this line erased in the last seven days, by the line that ordered it."""

    @property
    def erasures(self) -> tuple[PendingErasure, ...]:
        """Erasures that not all lines have carried out: of the hub's some of each kind, and all that it has not got."""
        return (*self._known_erasures, *(PendingErasure(self.line, at, self._others) for at in self.unsent))

    @property
    def open(self) -> dict[tuple[str, tuple[str, ...]], int]:
        """The number of persons not yet erased everywhere, by the line that erased them and the lines that have not."""
        counted = {(each.line, each.missing): each.alike for each in self._known_erasures}
        if self.unsent and self._others:
            own = self.line, self._others
            counted[own] = counted.get(own, 0) + len(self.unsent)
        return dict(sorted(counted.items()))

    @property
    def _known_erasures(self) -> tuple[PendingErasure, ...]:
        return self.last_exchange.erasures if self.last_exchange else ()

    @property
    def _others(self) -> tuple[str, ...]:
        return tuple(member.line for member in self.members if member.line != self.line)

    @property
    def away_seconds(self) -> float:
        """For how many seconds the hub was not reached: since boot, if it was never reached."""
        reached = self.last_exchange.at_boottime if self.last_exchange else None
        return self.boottime - (reached or 0.0)

    @property
    def is_hub_away(self) -> bool:
        """Whether the hub was not reached for an hour."""
        return self.away_seconds >= AWAY_SECONDS

    @property
    def hub_away(self) -> bool | None:
        """True if the hub was not reached for an hour, False if it can be reached, None if it is away for less."""
        if self.is_hub_away:
            return True
        return False if self.last_exchange and self.last_exchange.reachable else None

    def state(self, member: Member) -> MemberState:
        """Return how a line is now, given how long ago it was seen."""
        if member.seen_seconds is None or self.last_exchange is None or self.last_exchange.at_boottime is None:
            return MemberState.NEW
        age = member.seen_seconds + self.boottime - self.last_exchange.at_boottime
        return MemberState.UNSEEN if age >= AWAY_SECONDS else member.figures.state

    @property
    def members(self) -> tuple[Member, ...]:
        """Every line that the hub has."""
        return self.last_exchange.members if self.last_exchange else ()

    @property
    def unseen(self) -> tuple[str, ...] | None:
        """The lines that were not at the hub for an hour; None while the hub itself is away, and nobody can say."""
        if self.last_exchange is None or not self.last_exchange.reachable or self.is_hub_away:
            return None
        return tuple(each.line for each in self.members if self.state(each) is MemberState.UNSEEN)

    def document(self) -> dict[str, Any]:
        """Return what `fleet status --json` prints."""
        last = self.last_exchange
        return {
            "hub": {
                "reachable": last.reachable if last else None,
                "since": last.since if last else None,
            },
            "owed": self.unsent_rows,
            "lines": [
                {
                    "line": each.line,
                    "state": self.state(each),
                    "seen_at": each.seen_at,
                    "contacts_today": each.figures.contacts_today,
                    "answers_today": each.figures.answers_today,
                    "trouble": list(each.figures.trouble),
                    "kept": each.figures.kept,
                }
                for each in self.members
            ],
            "erasures": [{"at": each.at, "line": each.line, "missing": list(each.missing)} for each in self.erasures],
            "open": [
                {"line": line, "missing": list(missing), "persons": persons}
                for (line, missing), persons in self.open.items()
            ],
            "kept": list(self.kept),
            "erased": [{"line": line, "persons": persons} for line, persons in self.erased],
        }


def path(config: Config) -> Path:
    """Return the file where the exchange writes what it found: in a folder of its own beside the daemon's."""
    folder = config.runtime_dir
    return folder.with_name(f"{folder.name}-fleet") / config.name / _FILE


def maybe_fleet(config: Config) -> Fleet | None:
    """Return the fleet of a line, None where it is in none; raises StoreError where the database cannot be used."""
    with open_beside_daemon(config.database) as db:
        return maybe_fleet_of(db, config)


def maybe_fleet_of(db: Database, config: Config) -> Fleet | None:
    """Return the fleet of a line by its database, which is open; None where it is in none."""
    member = fleet.maybe_membership(db)
    if member is None:
        return None
    return Fleet(
        member.line,
        exchanging.count_unsent_rows(db),
        exchanging.is_full(db),
        maybe_last_exchange(config),
        clock.boottime(),
        tuple(fleet.unsent_erasures(db)),
        tuple(fleet.kept(db)),
        tuple(fleet.erased_elsewhere(db, db.now())),
    )


def is_joined(config: Config) -> bool:
    """Tell whether a line has joined a fleet: it then has a key, so the database need not be opened."""
    return beside(config.database, ORDERS).exists()


def maybe_last_exchange(config: Config) -> LastExchange | None:
    """Return what the last exchange since boot found; None if there was none."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        said = json.loads(files.read(path(config)))
        at = said["at_boottime"]
        last = LastExchange(
            reachable=said["reachable"] is True,
            since=str(said["since"]),
            since_boottime=float(said["since_boottime"]),
            at_boottime=None if at is None else float(at),
            refused=int(said["refused"]),
            members=tuple(read_members(map(_row, said["members"]))),
            erasures=tuple(
                PendingErasure(each["line"], each["at"], tuple(each["missing"]), each.get("alike", 1))
                for each in said.get("erasures", ())
            ),
            said=str(said["said"]),
            said_boottime=float(said["said_boottime"]),
        )
        clock.parse_rfc3339(last.since)
        if max(last.since_boottime, last.at_boottime or 0.0) <= clock.boottime():
            return last
    return None


def _row(each: Mapping[str, Any]) -> tuple[Any, ...]:
    return each["line"], each["seen_at"], each["seen_seconds"], json.dumps(each["figures"])


def read_members(rows: Any) -> Iterator[Member]:
    """Yield the lines from the hub's rows; a row with an impossible name is left out, a wrong figure becomes None."""
    for line, seen_at, seconds, figures in rows:
        if not isinstance(line, str) or not _NAME.fullmatch(line):
            continue
        with suppress(ValueError, OverflowError):
            at = clock.rfc3339(seen_at.astimezone(UTC)) if isinstance(seen_at, datetime) else seen_at
            at = clock.rfc3339(clock.parse_rfc3339(at)) if at else None
            age = None if at is None or seconds is None else min(max(float(seconds), 0.0), float(_LARGEST))
            yield Member(line, at, age, _figures(figures))


def read_erasures(rows: Any, members: Sequence[Member]) -> Iterator[PendingErasure]:
    """Yield the erasures from the hub's rows that a line has not carried out; a row of another form is left out."""
    for line, at, place, number in rows:
        alike = _count(number)
        if not isinstance(line, str) or not _NAME.fullmatch(line) or type(place) is not int or not alike:
            continue
        with suppress(ValueError, TypeError, OverflowError):
            moment = None if at is None else clock.rfc3339(clock.parse_rfc3339(at))
            missing = tuple(each.line for each in members if each.line != line and (each.figures.read or 0) < place)
            if missing:
                yield PendingErasure(line, moment, missing, alike)


def _figures(text: Any) -> Figures:
    said: Any = None
    with suppress(ValueError, TypeError, RecursionError):
        said = json.loads(text)
    if not isinstance(said, Mapping) or str(said.get("state")) not in _SAID:
        return Figures(MemberState.UNKNOWN)
    codes = said.get("trouble")
    listed = codes if isinstance(codes, list) else []
    fitting = [code for code in listed if isinstance(code, str) and _CODE.fullmatch(code)]
    return Figures(
        MemberState(str(said["state"])),
        _count(said.get("contacts_today")),
        _count(said.get("answers_today")),
        tuple(fitting[:_MOST_TROUBLES]),
        _count(said.get("read"), HIGHEST),
        _count(said.get("kept")),
    )


def _count(value: Any, largest: int = _LARGEST) -> int | None:
    return value if type(value) is int and 0 <= value <= largest else None


def hub_in_words(found: Fleet) -> str:
    """Return whether the hub can be reached, and since when."""
    if found.last_exchange is None:
        return _("not reached since this machine was started")
    words = _("reachable since {moment}") if found.last_exchange.reachable else _("not reachable since {moment}")
    return words.format(moment=moment(found.last_exchange.since))


def troubles_in_words(member: Member) -> str:
    """Return the troubles of a line, each as its headline; a code that nobody knows here stands as it is."""
    return ", ".join(headline(code) for code in member.figures.trouble)


def erasures_in_words(found: Fleet) -> Iterator[str]:
    """Yield the persons whom some lines have not erased, and what is kept here.

    The persons of one line that the same lines lack are counted in one sentence.
    """
    for (line, missing), number in found.open.items():
        yield ngettext(
            "{number} person who was erased at {line} is not yet erased at: {missing}.",
            "{number} persons who were erased at {line} are not yet erased at: {missing}.",
            number,
            line=line,
            missing=", ".join(missing),
        )
    for each in found.members:
        if each.figures.kept and each.line != found.line:
            yield ngettext(
                "{number} contact of persons who were erased elsewhere is kept at {line}.",
                "{number} contacts of persons who were erased elsewhere are kept at {line}.",
                each.figures.kept,
                line=each.line,
            )
    for line, persons in found.erased:
        yield ngettext(
            "In the last seven days {number} person was erased here because {line} ordered it.",
            "In the last seven days {number} persons were erased here because {line} ordered it.",
            persons,
            line=line,
        )
    if found.kept:
        yield ngettext(
            "Of persons who were erased elsewhere this contact is kept here: {ids}. A person decides: `hotlined forget"
            " NUMBER` erases it, else it stays.",
            "Of persons who were erased elsewhere these contacts are kept here: {ids}. A person decides: `hotlined"
            " forget NUMBER` erases them, else they stay.",
            len(found.kept),
            ids=_first(found.kept, _MOST_KEPT),
        )


def _first(named: Sequence[object], most: int) -> str:
    """Name the first of several, and say that there are more."""
    words = ", ".join(map(str, named[:most]))
    return _("{lines} and more", lines=words) if len(named) > most else words


def troubles(found: Fleet) -> Iterator[Trouble]:
    """Yield what is wrong with the exchange; no such trouble keeps the line from answering."""
    last = found.last_exchange
    if found.is_hub_away:
        since = last.since if last and not last.reachable else None
        yield Trouble(TroubleCode.HUB_AWAY, conditions.HUB_AWAY.words, conditions.HUB_AWAY.cure, since)
    if last and last.refused:
        words = conditions.HUB_REFUSED.words.format(number=in_digits(last.refused))
        yield Trouble(TroubleCode.HUB_REFUSED, words, conditions.HUB_REFUSED.cure)
    if found.full:
        yield Trouble(TroubleCode.FLEET_FULL, conditions.FLEET_FULL.words, conditions.FLEET_FULL.cure)


@dataclass(frozen=True, slots=True)
class FleetAway:
    """The hub or the lines of a fleet that were away for an hour."""

    hub: bool | None
    """Whether the hub was away; None if that is not known."""
    lines: int | None = None
    """How many lines were away; None if that is not known."""
    first_lines: str = ""
    """The first names of these lines."""


def away(found: Fleet) -> FleetAway:
    """Return whether the hub, and which lines, are away; the alerts ask for it."""
    unseen = found.unseen
    if unseen is None:
        return FleetAway(found.hub_away)
    return FleetAway(found.hub_away, len(unseen), _first(unseen, _MOST_NAMED))


def _amount(count: int | None) -> str:
    return "" if count is None else in_digits(count)


_Row = tuple[Fleet, Member]
MEMBERS: tuple[Layout[_Row], ...] = (
    Layout(
        100,
        (
            Column(N_("Line"), 22, lambda row: row[1].line, "bold"),
            Column(N_("State"), 22, lambda row: MEMBER_STATES[row[0].state(row[1])]),
            Column(N_("Seen"), 18, lambda row: maybe_moment(row[1].seen_at) or ""),
            Column(N_("Contacts"), 9, lambda row: _amount(row[1].figures.contacts_today), right=True),
            Column(N_("Answers"), 9, lambda row: _amount(row[1].figures.answers_today), right=True),
            Column(N_("Trouble"), 0, lambda row: troubles_in_words(row[1])),
        ),
    ),
    Layout(
        0,
        (
            Column(N_("Line"), 22, lambda row: row[1].line, "bold"),
            Column(N_("State"), 0, lambda row: MEMBER_STATES[row[0].state(row[1])]),
        ),
        below=Column("", 2, lambda row: troubles_in_words(row[1])),
    ),
)
"""The columns of `fleet status`: contacts and answers are those of today."""
