"""How this line is, reported to the hub, and how the other lines are, read from it.

Each exchange writes how the lines are to a file that `reports.fleet` reads. If the folder belongs to somebody else, as
it does for a person who exchanges by hand, it writes nothing.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime

from hotlined import clock, files
from hotlined.config import Config, Mode
from hotlined.fleet.hub import Hub
from hotlined.reports import fleet as report
from hotlined.reports.glance import came
from hotlined.reports.line import LineReport, report_line
from hotlined.states import AnswerState, MemberState, SendingState, TroubleCode
from hotlined.store import fleet, totals
from hotlined.store.database import Database

AGAIN_SECONDS = 60.0
"""How long after its last report a line reports again, and asks how the others are."""
LINE_SECONDS = 1.0
"""How much longer that is for each line of the fleet: else all reports would grow with the square of their number."""
_MODE = 0o644  # it contains no number, and its readers have no group in common with the exchange
_MOST_TROUBLES = 10


def exchange(config: Config, db: Database, hub: Hub, refused: int, *, anew: bool = False) -> None:
    """Report to the hub how this line is, read how the others are, and write that for everybody to read.

    If only counts have changed, it does so a minute plus a second for each line after the last time; with `anew`, at
    once.
    """
    before, now = report.maybe_last_exchange(config), clock.boottime()
    said = own_figures(config, db).to_json()
    if (
        not anew
        and before
        and before.reachable
        and (_uncounted(before.said), before.refused) == (_uncounted(said), refused)
        and now - before.said_boottime < AGAIN_SECONDS + LINE_SECONDS * len(before.members)
    ):
        return
    hub.report(said)
    members = tuple(report.read_members(hub.lines(report.MOST_LINES)))
    read = {member.line: member.figures.read or 0 for member in members}
    erasures = tuple(report.read_erasures(hub.erasures(read, report.MOST_ERASURES), members))
    began = _since(before, reachable=True)
    found = replace(
        began,
        at_boottime=clock.boottime(),
        refused=refused,
        members=members,
        erasures=erasures,
        said=said,
        said_boottime=now,
    )
    _write(config, found)


def note_unreachable(config: Config) -> None:
    """Write for everybody to read that the hub cannot be reached, unless that is written already."""
    before = report.maybe_last_exchange(config)
    if before is None or before.reachable:
        _write(config, _since(before, reachable=False))


def own_figures(config: Config, db: Database) -> report.Figures:
    """Return how this line is, as it reports it."""
    now = datetime.now().astimezone()
    midnight = datetime(now.year, now.month, now.day).astimezone()
    line = report_line(config)
    return report.Figures(
        _state(line),
        came(db, now).today,
        totals.entered(db, AnswerState.SENT, midnight),
        tuple(trouble.code for trouble in line.trouble if trouble.code != TroubleCode.HUB_AWAY)[:_MOST_TROUBLES],
        fleet.confirmed(db),
        len(fleet.kept(db)),
    )


def _uncounted(said: str) -> tuple[object, ...]:
    """Return what of a line's report the others have to know soon: everything except its counts."""
    with suppress(ValueError, AttributeError):
        found = json.loads(said)
        return found.get("state"), found.get("trouble")
    return ()


def _state(line: LineReport) -> MemberState:
    if line.mode == Mode.SHADOW:
        return MemberState.SHADOW
    if line.answers:
        return MemberState.ANSWERING
    paused = line.alive and line.sending is not None and line.sending.state is SendingState.PAUSED
    return MemberState.PAUSED if paused else MemberState.NOT_ANSWERING


def _since(before: report.LastExchange | None, *, reachable: bool) -> report.LastExchange:
    """Return what was written before, and since when the hub can be reached, or cannot."""
    if before and before.reachable is reachable:
        return before
    moment, boottime = clock.rfc3339(datetime.now(UTC)), clock.boottime()
    if before:
        return replace(before, reachable=reachable, since=moment, since_boottime=boottime)
    return report.LastExchange(reachable, moment, boottime)


def _write(config: Config, found: report.LastExchange) -> None:
    path = report.path(config)
    with suppress(OSError):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path.parent.stat().st_uid == os.geteuid():  # root writes nothing into a folder that another user controls
            files.replace(path, json.dumps(asdict(found)).encode(), _MODE)
