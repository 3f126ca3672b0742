"""The state of a line's fleet: the database's part of it, and the hub's last answer to the exchange.

The exchange leaves the hub's answer in the runtime directory. Other lines describe themselves, and the hub passes it
on; both may lie, so each value is checked here, and a line's troubles are codes only. Ages are by the hub's clock.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hotlined import clock, files
from hotlined.config import Config
from hotlined.exchange import Heard, RunFiles, login_path
from hotlined.language import N_, _, in_digits, ngettext
from hotlined.reports.trouble import Trouble
from hotlined.states import FleetTrouble, MemberState, TroubleCode
from hotlined.store import fleet
from hotlined.store.fleet import Asked
from hotlined.store.line.database import Database
from hotlined.words import conditions
from hotlined.words.columns import Column, Layout
from hotlined.words.states import MEMBER_STATES
from hotlined.words.times import maybe_moment, moment

AWAY_SECONDS = 3600.0
"""A line or the hub may be away for this long before it counts as a trouble."""
_MOST_LINES = 1000
_MOST_TROUBLES = 10
_LARGEST = 1_000_000_000
_NAME = re.compile("[a-z0-9][a-z0-9_]{0,21}")
_CODE = re.compile("[a-z][a-z_]{0,39}")
_SAID = (MemberState.ANSWERING, MemberState.PAUSED, MemberState.NOT_ANSWERING)
_CODES = {
    FleetTrouble.OTHER_KEY: TroubleCode.FLEET_OTHER_KEY,
    FleetTrouble.TWICE: TroubleCode.FLEET_TWICE,
    FleetTrouble.FULL: TroubleCode.FLEET_FULL,
    FleetTrouble.REFUSED: TroubleCode.HUB_REFUSED,
}
LEVELS = tuple(conditions.FLEET)
"""The troubles of an exchange. The place of a trouble here, from 1, is the level of its alert."""


@dataclass(frozen=True, slots=True)
class FleetLine:
    """A line of the fleet, by its own account."""

    line: str
    state: MemberState
    seen_at: str | None
    contacts_today: int | None
    answers_today: int | None
    trouble: tuple[str, ...]
    """The same codes as in `status --json`."""
    open: Mapping[str, int]
    """The persons whom this line has not erased yet, counted by the line that asked for it."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet of a line at one moment."""

    line: str
    unsent: int
    """The number of persons whose latest entries by this line are not at the hub yet."""
    asked: tuple[Asked, ...]
    """Requests of other lines to erase a person, which wait for a decision here."""
    heard: Heard | None
    """The state of the hub; None if no exchange has asked it since boot."""
    members: tuple[FleetLine, ...]
    trouble: tuple[Trouble, ...]

    @property
    def open(self) -> dict[str, int]:
        """The persons whom other lines have not erased yet although this line asked for it, counted by line."""
        return {each.line: each.open[self.line] for each in self.members if each.open.get(self.line)}

    @property
    def is_well(self) -> bool:
        """True if there is no trouble and no request waits for a person."""
        return not self.trouble and not self.asked


def maybe_fleet(db: Database, config: Config) -> Fleet | None:
    """Return the fleet of a line; None if it is not in a fleet."""
    member = fleet.maybe_member(db)
    if member is None:
        return None
    heard, now, boottime = RunFiles(config.runtime_dir, config.name).maybe_heard(), db.now().utc, clock.boottime()
    found = [(code, member.trouble_at) for code in [_CODES[member.trouble]] if member.trouble] if member.trouble else []
    if heard is None or boottime - heard.boottime >= AWAY_SECONDS:
        found.append((TroubleCode.HUB_AWAY, heard.since if heard and not heard.reachable else None))
    has_login = config.fleet.hub is not None or not files.is_missing(login_path(config.path))
    if not has_login or (heard and heard.not_let_in):
        found = [each for each in found if each[0] is not TroubleCode.HUB_AWAY]
        found.append((TroubleCode.HUB_LOGIN, heard.since if has_login and heard else None))
    return Fleet(
        member.line,
        fleet.unsent(db),
        tuple(fleet.asked(db)),
        heard,
        tuple(_members(heard, now, boottime)) if heard else (),
        tuple(_trouble(code, since) for code, since in found),
    )


def _trouble(code: TroubleCode, since: str | None) -> Trouble:
    known = conditions.FLEET[code]
    return Trouble(code, known.words, known.cure, since)


def _members(heard: Heard, now: datetime, boottime: float) -> Iterator[FleetLine]:
    """Yield the lines from the hub's answer; each value is checked, and an impossible one is dropped."""
    for row in heard.lines[:_MOST_LINES]:
        match row:
            case {"line": str(line), "away": int() | float() | None as away} if _NAME.fullmatch(line):
                yield _member(line, away, row.get("figures"), now, boottime - heard.lines_boottime)


def _member(line: str, away: float | None, figures: Any, now: datetime, since: float) -> FleetLine:
    said: Any = None
    with suppress(ValueError, TypeError, RecursionError):
        said = json.loads(figures)
    said = said if isinstance(said, dict) else {}
    state = next((each for each in _SAID if each == said.get("state")), MemberState.NOT_ANSWERING)
    seen_at = None
    if away is None:
        state = MemberState.NEW
    else:
        seconds = min(max(0.0, away + since), _LARGEST)
        seen_at = clock.rfc3339(now - timedelta(seconds=seconds))
        state = MemberState.UNSEEN if seconds >= AWAY_SECONDS else state
    codes, opened = said.get("trouble"), said.get("open")
    return FleetLine(
        line,
        state,
        seen_at,
        _maybe_count(said.get("contacts_today")),
        _maybe_count(said.get("answers_today")),
        tuple(each for each in codes if isinstance(each, str) and _CODE.fullmatch(each))[:_MOST_TROUBLES]
        if isinstance(codes, list)
        else (),
        {name: count for name, value in opened.items() if _NAME.fullmatch(name) and (count := _maybe_count(value))}
        if isinstance(opened, dict)
        else {},
    )


def _maybe_count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST else None


def hub_in_words(found: Fleet) -> str:
    """Return in words whether the hub is reachable, and since when."""
    heard = found.heard
    if heard is None:
        return _("not asked since this machine was started")
    if heard.reachable:
        return _("is there since {moment}", moment=moment(heard.since))
    return _("is away since {moment}", moment=moment(heard.since))


def asked_in_words(asked: int) -> str:
    """Return how many persons other lines want erased, and the command that shows them."""
    return ngettext(
        "Other lines want {number} person erased: `hotlined forget --asked`",
        "Other lines want {number} persons erased: `hotlined forget --asked`",
        asked,
    )


def requests_in_words(found: Fleet) -> Iterator[str]:
    """Yield the requests of other lines that wait for a person here, and this line's that wait at others."""
    for each in found.asked:
        yield _(
            "{line} asks since {moment} that {person} be erased: `hotlined forget --asked`.",
            line=each.by,
            moment=maybe_moment(each.since) or _("some time ago"),
            person=each.name or each.person,
        )
    for line, count in found.open.items():
        yield ngettext(
            "{line} has not erased {number} person yet for which this line asked.",
            "{line} has not erased {number} persons yet for which this line asked.",
            count,
            line=line,
        )


def _troubles_in_words(member: FleetLine) -> str:
    return ", ".join(code.replace("_", " ") for code in member.trouble)


MEMBERS: tuple[Layout[FleetLine], ...] = (
    Layout(
        100,
        (
            Column(N_("Line"), 22, lambda member: member.line, "bold"),
            Column(N_("State"), 22, lambda member: MEMBER_STATES[member.state]),
            Column(N_("Seen"), 18, lambda member: maybe_moment(member.seen_at) or ""),
            Column(N_("Contacts"), 9, lambda member: _amount(member.contacts_today), right=True),
            Column(N_("Answers"), 9, lambda member: _amount(member.answers_today), right=True),
            Column(N_("Trouble"), 0, _troubles_in_words),
        ),
    ),
    Layout(
        0,
        (
            Column(N_("Line"), 22, lambda member: member.line, "bold"),
            Column(N_("State"), 0, lambda member: MEMBER_STATES[member.state]),
        ),
        below=Column("", 2, _troubles_in_words),
    ),
)
"""The columns of `fleet status`: contacts and answers are those of today."""


def _amount(count: int | None) -> str:
    return "" if count is None else in_digits(count)
