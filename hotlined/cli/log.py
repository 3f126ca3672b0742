"""`hotlined log`: contacts, the decisions about them, and the outcome of their answers.

The list has three forms: lines for people, as wide as the terminal; JSON Lines with every value exactly; CSV for
spreadsheets. Each is printed row by row, so the memory does not grow with the database. People read plain words and
local time, programs read codes and UTC.
"""

import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from sqlite3 import Row
from typing import Any, TypeVar

import click

from hotlined.cli import typed
from hotlined.cli.contacts import CONTACTS, TEXTS_BY_HAND
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import json_line, print_lines, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import COUNT, WHEN, complete_number, complete_tag, options, read_number, tag_word
from hotlined.config import Config
from hotlined.language import N_, _
from hotlined.machine.clock import rfc3339
from hotlined.reports.contact import entry, rows_for_people, texts_for_people
from hotlined.reports.typed import contacts_meant, reason
from hotlined.rules.policy import Reason
from hotlined.states import AnswerState, ContactKind, ContactVerdict
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database
from hotlined.store.reading import log as contact_log
from hotlined.words.harmless import csv_cell
from hotlined.words.times import moment

_Command = TypeVar("_Command", bound=Callable[..., Any])

FOLLOW_SECONDS = 1.0


def _print_by_hand(db: Database, config: Config, rows: list[Row], *, as_json: bool, as_csv: bool) -> None:
    """Print texts by hand."""
    if as_csv:
        _print_csv(rows, tuple(rows[0].keys()) if rows else ())
        return
    if as_json:
        for row in rows:
            click.echo(json_line(contact_log.by_hand_entry(row)))
    else:
        for line in table(texts_for_people(db, config, rows), TEXTS_BY_HAND, _("Nobody has sent a text by hand.")):
            click.echo(line)


def _print_csv(rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(csv_cell(row[column]) for column in columns)
        sys.stdout.flush()


def _follow(db: Database, where: contact_log.Filter, limit: int) -> Iterator[Row]:
    """Yield the newest rows, then every row that is new or has changed; it never ends."""
    follower = contact_log.newest_position(db)
    version = db.changed_elsewhere()
    for row in contact_log.rows(db, where, limit):
        contact_log.note(follower, row)
        yield row
    while True:
        yield from contact_log.changes(db, where, follower)
        # the left side is the old version, the right side reads the new one: wait until they differ
        while version == (version := db.changed_elsewhere()):
            time.sleep(FOLLOW_SECONDS)


def _any_of(
    option: str, name: str, metavar: str, values: type[StrEnum], meaning: str
) -> Callable[[_Command], _Command]:
    """Return an option that takes one of these values and may be repeated; its help lists the values."""
    codes = [value.value for value in values]
    kind = _Reasons(codes) if values is Reason else click.Choice(codes)
    return click.option(option, name, multiple=True, type=kind, metavar=metavar, help=f"{meaning}: {', '.join(codes)}.")


class _Reasons(click.Choice):  # type: ignore[type-arg]  # it has no type parameter before click 8.2
    """The codes of reasons, or the words that the log shows for them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code."""
        try:
            return typed.read(reason)(str(value))
        except click.BadParameter as error:
            raise click.BadParameter(error.message, ctx, param) from error


_FILTERS = options(
    click.option(
        "--since",
        metavar="WHEN",
        type=WHEN,
        help="Received at this time or later: 2026-11-24, 18:00, 24h (ago), yesterday, monday.",
    ),
    click.option("--until", metavar="WHEN", type=WHEN, help="Received at this time or earlier; a day counts whole."),
    click.option(
        "--number",
        metavar="NUMBER",
        shell_complete=complete_number,
        callback=read_number,
        help="From this number in any spelling, from this name, or withheld; - reads it from the input.",
    ),
    _any_of("--kind", "kinds", "KIND", ContactKind, "Of this kind"),
    _any_of("--verdict", "verdicts", "DECISION", ContactVerdict, "With this decision"),
    _any_of("--reason", "reasons", "REASON", Reason, "Decided or cancelled for this reason"),
    _any_of("--state", "states", "STATE", AnswerState, "With an answer in this state"),
    click.option("--tag", metavar="WORD", type=tag_word, shell_complete=complete_tag, help="With this tag."),
    click.option("--kept", is_flag=True, help="Kept: not erased, however old."),
    click.option("--alert-words", is_flag=True, help="With a word of alerts.words in its text."),
    click.option("--search", metavar="TEXT", help="With this in its text; case and accents do not count."),
)
"""The options of `log` that choose contacts."""


@click.command(cls=TranslatedCommand)
@click.option("-n", "limit", metavar="COUNT", type=COUNT, default="50", help="How many, the newest (50); 0: all.")
@click.option("--follow", is_flag=True, help="Then show each contact that comes or changes, until Ctrl-C.")
@_FILTERS
@click.option("--by-hand", is_flag=True, help="Instead, show the texts that people sent by hand, with `send`.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, oldest first, every text exactly.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets.")
@pass_settings
def log(
    settings: Settings,
    /,
    limit: int,
    follow: bool,
    by_hand: bool,
    as_json: bool,
    as_csv: bool,
    **filters: Any,
) -> None:
    """Show contacts and what became of them, the newest last.

    ANSWER says when an answer goes, what it waits for, or why there is none. TEXT also shows the contact's tags, and
    (kept) if it is not to be erased. In a pipe or a file no text is cut. With several filters, a contact has to fit all
    of them. A filter whose values are listed here may be given more than once: then one of them has to fit.

    Example: hotlined log --since yesterday --verdict answer
    """
    if as_json and as_csv:
        raise click.UsageError(N_("--json and --csv exclude each other."))
    config = settings.config()
    where = contacts_meant(config.numbers.country, **filters)
    if by_hand and (follow or where != contact_log.Filter(originator=where.originator, name=where.name)):
        raise click.UsageError(N_("--by-hand goes with -n, --number, --json and --csv alone."))
    with open_beside_daemon(config.database) as db, suppress(*([KeyboardInterrupt] if follow else [])):
        if by_hand:
            found = contact_log.texts_by_hand(db, 0, where.originator or where.name)
            _print_by_hand(db, config, found[-limit:], as_json=as_json, as_csv=as_csv)
            _tell_left_out(limit, len(found))
            return
        rows = _follow(db, where, limit) if follow else contact_log.rows(db, where, limit)
        if as_json:
            for row in rows:
                click.echo(json_line(entry(db, config, row)))
        elif as_csv:
            _print_csv(rows, contact_log.columns(db))
        else:
            everybody = where == contact_log.Filter()
            nothing = _("Nobody has contacted the line yet.") if everybody else _("No contact fits.")
            if where.since:
                click.echo(_("Since {moment}:", moment=moment(rfc3339(where.since), dated=True)))
            print_lines(table(rows_for_people(db, config, rows), CONTACTS, nothing))
        _tell_left_out(limit, contact_log.count(db, where) if limit else 0)


def _tell_left_out(limit: int, fitting: int) -> None:
    if fitting > limit > 0:
        print_wrapped(_("{shown} of {fitting}; `-n 0` shows all.", shown=limit, fitting=fitting), err=True)
