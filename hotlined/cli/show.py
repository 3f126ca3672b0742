"""`hotlined show`: everything about one contact, one text by hand, or one person.

The policy decides whether a number may be answered, as for a text that came now.
"""

from itertools import chain

import click

from hotlined.cli.contacts import CONTACTS
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import as_typed, json_line, print_lines, sheet
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.cli.typed import COUNT, complete_number, read_number
from hotlined.config import Config
from hotlined.errors import HotlinedError
from hotlined.language import N_, _
from hotlined.reports.contact import by_hand_facts, rows_for_people, shown
from hotlined.reports.contact import facts as contact_facts
from hotlined.reports.decided import no_text_by_hand
from hotlined.reports.number import document, report_number
from hotlined.reports.number import facts as number_facts
from hotlined.reports.stored import sending_now
from hotlined.reports.typed import answer_meant, is_id
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.line_row import FREE, row_of
from hotlined.store.reading import log


@click.command(cls=TranslatedCommand)
@click.argument(
    "id_or_number", metavar="[ID|NUMBER]", required=False, shell_complete=complete_number, callback=read_number
)
@click.option(
    "--number",
    metavar="NUMBER",
    shell_complete=complete_number,
    callback=read_number,
    help="This number or name, whatever it looks like: a short code such as 8850.",
)
@click.option(
    "-n", "limit", metavar="COUNT", type=COUNT, default="50", help="For a number: the newest contacts (50); 0: all."
)
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def show(settings: Settings, /, id_or_number: str | None, number: str | None, limit: int, as_json: bool) -> None:
    """Show one contact, or one person, with everything about it.

    Digits alone are the ID of a contact, unless they begin with 0. What begins with + or 0 is a number, and letters are
    a name. A name that could be taken for a number is shown in “ ”: type them, too. A text that was sent by hand has an
    ID such as h12. If you type -, the number is read from the input.

    For a contact it shows the segments byte by byte, what was decided and why, the answer and what became of each of
    its segments, and what people did. For a number it shows what it sent and received, and when it can next be
    answered, or why not.

    Example: hotlined show 12
    """
    asked = id_or_number if number is None else number
    if asked is None or None not in (id_or_number, number):
        raise click.UsageError(N_("Give an ID, a number or --number."))
    config = settings.config()
    meant = answer_meant(asked) if number is None and is_id(asked) else None
    if meant is None:
        _show_number(config, asked, limit, as_json=as_json)
    elif meant.by_hand:
        _show_text_by_hand(config, meant.row_id, as_json=as_json)
    else:
        _show_contact(config, meant.row_id, as_json=as_json)


def _show_contact(config: Config, contact_id: int, *, as_json: bool) -> None:
    with open_beside_daemon(config.database) as db:
        found, sending = log.maybe_contact(db, contact_id), sending_now(config, row_of(db).sending())
        contact = shown(db, config, found) if found else None
    if contact is None:
        raise HotlinedError(
            _("There is no contact {number}.", number=contact_id),
            _(
                "`hotlined log` shows those that there are. A number begins with + or 0; a short code is"
                " `hotlined show --number {number}`.",
                number=contact_id,
            ),
        )
    if as_json:
        click.echo(json_line(contact))
    else:
        print_lines(sheet(contact_facts(contact, sending)))


def _show_text_by_hand(config: Config, answer_id: int, *, as_json: bool) -> None:
    with open_beside_daemon(config.database) as db:
        text, sending = log.maybe_text_by_hand(db, answer_id), sending_now(config, row_of(db).sending())
    if text is None:
        raise no_text_by_hand(answer_id)
    if as_json:
        click.echo(json_line(text))
    else:
        print_lines(sheet(by_hand_facts(text, sending)))


def _show_number(config: Config, number: str, limit: int, *, as_json: bool) -> None:
    with open_beside_daemon(config.database) as db:
        now = db.now()
        report = report_number(db, config, number, now)
        rows = log.rows(db, report.where, limit)
        if as_json:
            click.echo(json_line(document(db, config, report, rows)))
            return
        sending = next(iter(report.holds), FREE)
        head = sheet((label, as_typed(value)) for label, value in number_facts(report, config, now))
        history = table(rows_for_people(db, config, rows, sending), CONTACTS, _("It has not contacted the line."))
        print_lines(chain(head, [""], history))
