"""`hotlined numbers`: the numbers that contacted the line.

Known to be wrong: a number that became a pseudonym in part is in the list twice, once under each name.
"""

import csv
import sys
from dataclasses import replace

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import json_line, print_lines
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import COUNT
from hotlined.forms import by_key
from hotlined.language import N_, _
from hotlined.reports.number import correspondents_of, decided_about, refused_by, refused_in_words
from hotlined.store.answers import correspondents
from hotlined.store.answers.correspondents import Correspondent
from hotlined.store.file.opening import open_beside_daemon
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
_WHY: Column[Correspondent] = replace(_STATE, cell=refused_in_words)
_REFUSED = (
    Layout(70, (_NUMBER, _CONTACTS, _LAST, _WHY)),
    Layout(0, (_NUMBER, replace(_CONTACTS, heading_message=N_("IN"), width=5), _LAST), below=replace(_WHY, width=2)),
)
"""The columns of the numbers that the line refuses."""


@click.command(cls=TranslatedCommand)
@click.option(
    "-n", "limit", metavar="COUNT", type=COUNT, default="50", help="How many, the last in the list (50); 0: all."
)
@click.option(
    "--sort",
    "order",
    metavar="ORDER",
    type=click.Choice([order.value for order in correspondents.Order]),
    default=correspondents.Order.LAST.value,
    help="By the last contact (last), the number of contacts (contacts), or the first contact"
    " (first). The latest, or those with most contacts, are at the end.",
)
@click.option("--blocked", is_flag=True, help="Only those who are blocked, by whom and since when.")
@click.option("--opted-out", is_flag=True, help="Only those who have opted out, and since when.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a number.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@pass_settings
def numbers(
    settings: Settings, limit: int, order: str, blocked: bool, opted_out: bool, as_json: bool, as_csv: bool
) -> None:
    """Show who contacts the line.

    For each number: contacts, answers, their segments, and whether it is blocked or has opted out. --blocked and
    --opted-out show only those whom the line refuses, by whom and since when.

    Example: hotlined numbers --sort contacts -n 10
    """
    if as_json and as_csv:
        raise click.UsageError(N_("--json and --csv exclude each other."))
    config, sort = settings.config(), correspondents.Order(order)
    with open_beside_daemon(config.database) as db:
        if refused := blocked or opted_out:
            shown = refused_by(db, config, sort, limit, blocked=blocked, opted_out=opted_out)
        else:
            shown = correspondents_of(db, config, sort, limit)
    if as_json:
        for who in shown:
            click.echo(json_line(who))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows(map(csv_cell, by_key(who).values()) for who in shown)
    else:
        nobody = _("Nobody is in this list.") if refused else _("Nobody has contacted the line yet.")
        print_lines(table(shown, _REFUSED if refused else _LAYOUTS, nobody))
