"""`hotlined numbers` and `hotlined number`: who contacts the line, and when one may next be answered.

Whether a number may be answered is asked of the policy itself, as for a text that came now.
Known to be wrong: a number that became a pseudonym in part stands in the list twice, once under each name.
"""

import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import chain
from sqlite3 import Row
from typing import Any

import click

from hotlined.cli import typed
from hotlined.cli.contacts import CONTACTS
from hotlined.cli.output import as_typed, json_line, sheet
from hotlined.cli.pager import no_pager, print_paged
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import COUNT
from hotlined.config import Config
from hotlined.language import N_, _
from hotlined.reports.contact import entry, rows_for_people
from hotlined.reports.number import NumberReport, correspondents_of, decided_about, facts, report_number
from hotlined.store import correspondents, log
from hotlined.store.correspondents import Correspondent
from hotlined.store.database import Database
from hotlined.store.line import FREE, is_paused
from hotlined.store.opening import open_beside_daemon
from hotlined.words.columns import Column, Layout
from hotlined.words.harmless import csv_cell
from hotlined.words.times import TIME_WIDTH, maybe_moment

_COLUMNS = tuple(Correspondent.__dataclass_fields__)


def _when(text: str | None) -> str:
    return maybe_moment(text) or "-"


_NUMBER: Column[Correspondent] = Column(N_("NUMBER"), 14, lambda who: who.number or _("withheld"), "bold")
_CONTACTS: Column[Correspondent] = Column(N_("CONTACTS"), 8, lambda who: str(who.contacts), right=True)
_ANSWERS: Column[Correspondent] = Column(N_("ANSWERS"), 8, lambda who: str(who.answers), right=True)
_SEGMENTS: Column[Correspondent] = Column(N_("SEGMENTS"), 8, lambda who: str(who.segments), right=True)
_FIRST: Column[Correspondent] = Column(N_("FIRST"), TIME_WIDTH, lambda who: _when(who.first_at), right=True)
_LAST: Column[Correspondent] = Column(N_("LAST"), TIME_WIDTH, lambda who: _when(who.last_at), right=True)
_STATE: Column[Correspondent] = Column(N_("STATE"), 0, decided_about, "yellow")
_LAYOUTS = (
    Layout(79, (_NUMBER, _CONTACTS, _ANSWERS, _SEGMENTS, _FIRST, _LAST, _STATE)),
    Layout(
        0,
        (
            _NUMBER,
            replace(_CONTACTS, heading_message=N_("IN"), width=5),
            replace(_ANSWERS, heading_message=N_("OUT"), width=4),
            _LAST,
        ),
        below=replace(_STATE, width=2),
    ),
)


@click.command
@click.option(
    "-n", "limit", metavar="COUNT", type=COUNT, default="50", help="How many, the last in the list (50); 0: all."
)
@click.option(
    "--sort",
    "order",
    metavar="ORDER",
    type=click.Choice([order.value for order in correspondents.Order]),
    default=correspondents.Order.LAST.value,
    help="By the last contact (last), the number of contacts (contacts), or the first contact (first). The latest or"
    " most stand at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a number.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@no_pager
@pass_settings
def numbers(settings: Settings, limit: int, order: str, as_json: bool, as_csv: bool, pager: bool) -> None:
    """Show who contacts the line.

    For each number: contacts, answers, the segments of these, and whether it is blocked or has opted out.

    Example: hotlined numbers --sort contacts -n 10
    """
    if as_json and as_csv:
        raise click.UsageError(N_("--json and --csv exclude each other."))
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        shown = correspondents_of(db, config, correspondents.Order(order), limit)
    if as_json:
        for who in shown:
            click.echo(json_line(asdict(who)))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows(map(csv_cell, asdict(who).values()) for who in shown)
    else:
        print_paged(table(shown, _LAYOUTS, _("Nobody has contacted the line yet.")), pager=pager, at_end=True)


@click.command
@typed.number
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="The newest contacts (50); 0: all.")
@click.option(
    "--json", "as_json", is_flag=True, help="One object: that of `numbers --json`, with `next` and `history`."
)
@no_pager
@pass_settings
def number(settings: Settings, /, number: str, limit: int, as_json: bool, pager: bool) -> None:
    """Show what NUMBER sent and got, and when it can next be answered, or why not.

    Example: hotlined number 0470123456
    """
    config = settings.config()
    with open_beside_daemon(config.database) as db:
        now = db.now()
        report = report_number(db, config, number, now)
        rows = log.rows(db, log.Filter(originator=report.originator), limit)
        if as_json:
            click.echo(json_line(_as_json(db, config, report, rows)))
            return
        sending = next(iter(report.holds), FREE)
        head = sheet((label, as_typed(value)) for label, value in facts(report, config, now))
        history = table(rows_for_people(db, config, rows, sending), CONTACTS, _("It has not contacted the line."))
        print_paged(chain(head, [""], history), pager=pager)


def _as_json(db: Database, config: Config, report: NumberReport, rows: Iterable[Row]) -> dict[str, Any]:
    return asdict(report.correspondent) | {
        "country": report.identity.country,
        "line_type": report.identity.line_type,
        "next": asdict(report.outlook),
        "paused": is_paused(db),
        "history": [entry(db, config, row) for row in rows],
        "by_hand": [log.by_hand_entry(row) for row in log.texts_by_hand(db, 0, report.originator)],
    }
