"""People's data: `purge` by age, `forget` a person, `export` their data, `keep` a contact, `evidence`.

The commands work on the database beside the running daemon. Those that erase end when no file of the database has a
copy of the erased data any more. They do not change backups: these still have it.
"""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from hotlined import pseudonym
from hotlined.cli import typed
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import FILE, as_typed, confirm, json_line, output_to, print_sheet, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID
from hotlined.config import Config
from hotlined.control import erase_requests
from hotlined.control.client import decide
from hotlined.errors import AddressError, HotlinedError, UsageError
from hotlined.evidence.facts import EvidenceFacts, facts
from hotlined.evidence.files import SUMS, zipped
from hotlined.gsm.address import parse_number
from hotlined.language import _
from hotlined.machine.clock import here
from hotlined.reports import decided, erased
from hotlined.reports.export_sheet import sheet
from hotlined.reports.overview import report_line
from hotlined.reports.typed import contact_id, is_id, is_withheld
from hotlined.store import lists
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line import elsewhere
from hotlined.store.people import export as stored_export
from hotlined.store.people import purging, stored, stored_evidence
from hotlined.store.reading import log
from hotlined.words.requests import result_in_words


@click.command(cls=TranslatedCommand)
@pass_settings
def purge(settings: Settings) -> None:
    """Erase texts older than privacy.keep_texts and make pseudonyms of numbers older than privacy.keep_numbers.

    A timer runs it each day, beside the daemon. Limits, blocks and opt-outs apply to a pseudonym as to its number.
    Contacts that are kept stay as they are, and so do contacts whose answer waits or is being sent.

    Example: hotlined purge
    """
    config = settings.config()
    batches = list(_with_progress(erase_requests.purge(config, settings.who)))
    erase_requests.rebuild(config, settings.who, "purge")
    print_wrapped(erased.purged(batches))


@click.command(cls=TranslatedCommand)
@typed.number
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def forget(settings: Settings, number: str, yes: bool) -> None:
    """Erase everything about NUMBER, also what is kept; an answer that waits is never sent.

    When the command ends, everything is gone from every file of the database, also while the daemon runs. If the number
    contacts the line again, it is a new number, and a block is gone, too. Only an opt-out stays, as a pseudonym, until
    `unblock --opted-out` lifts it. NUMBER may also be a name or a pseudonym, as `log` shows it. While an answer to it
    is being sent, the command erases nothing, and the exit code is 75.

    In a fleet it prints the pseudonym by which the other lines know the person. Tell it to the people who run them:
    `forget ~…` there erases what that line has of the person.

    Example: hotlined forget +32470123456 --yes
    """
    config = settings.config()
    name = _name(number, config)
    if is_withheld(name):
        raise _nobodys()
    with open_beside_daemon(config.database) as db:
        if pseudonym.is_one(name):
            name = lists.maybe_name(db, name) or name
        amounts = stored.stored_of(db, name)
        person = elsewhere.person(db, name)
    if amounts.anything and not yes:
        confirm(
            erased.question(name, amounts),
            _("`hotlined forget NUMBER --yes` erases without asking."),
        )
    if amounts.anything or person:
        amounts = erase_requests.forget(config, settings.who, name, daemon_runs=lambda: report_line(config).alive)
    else:  # a reader of the database may have kept an earlier `forget` from finishing
        erase_requests.rebuild(config, settings.who, "forget")
    for words in erased.forgotten(config, name, amounts, person):
        print_wrapped(as_typed(words))


@click.command(cls=TranslatedCommand)
@typed.number
@click.argument("file", type=FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="One object, every text exactly.")
@pass_settings
def export(settings: Settings, number: str, file: Path | None, as_json: bool) -> None:
    """Show everything about NUMBER, for a person who asks what is stored about them, or write it to FILE, a new one.

    NUMBER may also be a name or a pseudonym, as `log` shows it. For withheld numbers it says how many contacts there
    are, and how to see them.

    Example: hotlined export 0470/12.34.56 --json
    """
    config = settings.config()
    name = _name(number, config)
    if is_withheld(name):
        if as_json:
            raise _nobodys()
        with open_beside_daemon(config.database) as db:
            contacts = sum(1 for _row in log.rows(db, log.Filter(name=log.WITHHELD), 0))
        print_wrapped(as_typed(erased.withheld(contacts)))
        return
    with open_beside_daemon(config.database) as db:
        known = stored_export.export(db, name, result_in_words)
    if not as_json and not known.anything:
        # also if there is a FILE: that may be the second half of a number that was typed with a blank
        print_wrapped(erased.nothing(name))
        return
    with output_to(file):
        if as_json:
            click.echo(json_line(known))
        else:
            print_sheet(sheet(known, here()))


@click.command(cls=TranslatedCommand)
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.option("--undo", is_flag=True, help="No longer keep it.")
@pass_settings
def keep(settings: Settings, contact_id: int, undo: bool) -> None:
    """Keep contact ID, however old it becomes: its text, its bytes as they came, its number.

    This is for threats, which are evidence. The command records who decided it and when. `forget` still erases the
    contact.

    Example: hotlined keep 12
    """
    config = settings.config()
    if undo:
        found = decide(config, settings.who, "keep_no_more", contact_id=contact_id)
        print_wrapped(decided.kept_no_more(contact_id, found=found))
    else:
        news = decide(config, settings.who, "keep", contact_id=contact_id)
        print_wrapped(decided.kept(config, contact_id, news=news))


@click.command(cls=TranslatedCommand)
@click.argument("number", metavar="ID|NUMBER", shell_complete=typed.complete_number, callback=typed.read_number)
@click.argument("file", type=FILE, required=False)
@pass_settings
def evidence(settings: Settings, number: str, file: Path | None) -> None:
    """Write what came from a number as a ZIP, for the police: to the standard output, or to FILE, which must not exist.

    The ZIP has a page to read and to print, its data as JSON and CSV, and the SHA-256 of each file. The command first
    keeps the contacts, as `hotlined keep` does. Digits alone are the ID of a contact, and mean its number, unless they
    begin with 0. NUMBER may also be a name or a pseudonym, as `log` shows it.

    Example: hotlined evidence +32470120006 > threat.zip
    """
    config = settings.config()
    name = _sender(config, contact_id(number)) if is_id(number) and number.isdecimal() else _name(number, config)
    with output_to(file, f"hotlined evidence {shlex.quote(number)} > threat.zip"):
        octets, sum_of_sums = zipped(_facts(config, settings.who, name))
        click.echo(octets, nl=False)
    for words in (
        _("The ZIP holds what came from {name}: open evidence.html in it, and print it.", name=name),
        _("Write this down, on the printed page: the SHA-256 of {file} is {sum}", file=SUMS, sum=sum_of_sums),
        _("It is personal data: give it to the police or a lawyer, and delete it when it is no longer needed."),
    ):
        print_wrapped(words, err=True)  # on stderr, because the ZIP may be on the standard output


def _facts(config: Config, who: str, name: str) -> EvidenceFacts:
    """Keep the contacts of a number or name, and return all that is stored; raises HotlinedError if nothing is."""
    if is_withheld(name):
        raise _nobodys()
    decide(config, who, "evidence", name=name)
    with open_beside_daemon(config.database) as db:
        known = stored_evidence.of_number(db, name)
        if not known.contacts:  # either there never was one, or all were erased meanwhile
            raise HotlinedError(
                _("Nothing is stored about {name}: there is no evidence.", name=name),
                _("Give the number: `hotlined show ID` has that of a contact, and `hotlined numbers` lists who came."),
            )
        return facts(known, config.line, config.line_number, who, db.now())


def _sender(config: Config, contact_id: int) -> str:
    """Return the number, name or pseudonym that a contact is of; raises HotlinedError if there is no such contact."""
    with open_beside_daemon(config.database) as db:
        found = next(log.entries(db, log.Filter(before=contact_id + 1, after=contact_id - 1)), None)
    if found is None:
        raise decided.no_contact(contact_id)
    if found.originator is None:
        raise _nobodys()
    return found.originator


def _nobodys() -> UsageError:
    """Return the error for withheld numbers: the command is about one person."""
    return UsageError(
        _("Nobody can tell who withholds a number: contacts without one may be of many people."),
        _("`hotlined log --number withheld` lists them; `hotlined keep ID` and `hotlined show ID` are for one."),
    )


def _name(text: str, config: Config) -> str:
    """Return a number in E.164; a name or a pseudonym as it was typed."""
    try:
        return parse_number(text, config.numbers.country)
    except AddressError:
        name = text.strip()
        if not name or "…" in name:
            raise
        return name.lower() if pseudonym.is_one(name.lower()) else name


def _with_progress(batches: Iterable[purging.Batch]) -> Iterator[purging.Batch]:
    """Pass batches on; a terminal shows how many rows are done."""
    from rich.console import Console  # noqa: PLC0415  importing it takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415  slow to import, too

    console = Console(stderr=True)
    if not console.is_interactive:  # before rich 14 a disabled progress bar leaves an empty line
        yield from batches
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        done = 0
        for batch in batches:
            done += batch.texts + batch.numbers
            what = _("texts") if batch.texts else _("numbers")
            progress.update(task, description=what, completed=done, total=done + batch.left)
            yield batch
