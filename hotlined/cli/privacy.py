"""People's data: `purge` by age, `forget` a person, `export` what is stored of one, `keep` a contact, `evidence`.

They work on the database beside the running daemon, and end when no file of the database has a copy of what they erase.
They do not change backups: what was backed up before is still there.
"""

import errno
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from hotlined import owner, pseudonym
from hotlined.cli import typed
from hotlined.cli.output import as_typed, confirm, json_line, print_sheet, print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.typed import CONTACT_ID
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import AddressError, HotlinedError, RefusedError, UnavailableError, UsageError, reason_of
from hotlined.evidence.facts import Facts, facts
from hotlined.evidence.files import NAMES, SUMS, compose
from hotlined.gsm.address import parse_number
from hotlined.language import _, ngettext
from hotlined.reports import decided
from hotlined.reports.held import sheet
from hotlined.reports.line import report_line
from hotlined.reports.typed import is_withheld
from hotlined.store import evidence as held
from hotlined.store import fleet, holders, privacy
from hotlined.store.history import history_of
from hotlined.store.opening import open_beside_daemon
from hotlined.words.amounts import in_answers, in_contacts, in_segments
from hotlined.words.refusals import result_in_words

_LOOK_SECONDS = 0.2


@click.command
@pass_settings
def purge(settings: Settings) -> None:
    """Erase texts older than privacy.keep_texts and make pseudonyms of numbers older than privacy.keep_numbers.

    A timer runs it every night, beside the daemon. Limits, blocks and opt-outs apply to a pseudonym as to its number.
    Contacts that `keep` exempts stay as they are, and so do contacts whose answer waits or is being sent.

    Example: hotlined purge
    """
    config = settings.config()
    texts = numbers = 0
    for batch in _with_progress(_batches(config, settings.who)):
        texts, numbers = texts + batch.texts, numbers + batch.numbers
    _require_rebuilt(config, "purge", decide(config, settings.who, "rebuild"))
    print_wrapped(
        _(
            "Texts and PDUs erased in {texts}, numbers replaced in {numbers}.",
            texts=_in_rows(texts),
            numbers=_in_rows(numbers),
        )
    )


def _in_rows(number: int) -> str:
    return ngettext("{number} row", "{number} rows", number)


@click.command
@typed.number
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-opt-out", is_flag=True, help="Keep its opt-out, if it has opted out.")
@pass_settings
def forget(settings: Settings, number: str, yes: bool, keep_opt_out: bool) -> None:
    """Erase everything about NUMBER, also what `keep` exempts; an answer that waits for it is never sent.

    When the command ends, everything is gone from every file of the database, also while the daemon runs. If the number
    contacts the line again, it is a new number. NUMBER may also be a name or a pseudonym, as `log` shows it. While an
    answer to it is being sent, the command erases nothing, and the exit code is 75.

    In a fleet the other lines erase it, too, except what may be evidence there. An opt-out stays as a pseudonym.

    Example: hotlined forget +32470123456 --yes
    """
    config = settings.config()
    name = _name(number, config)
    with open_beside_daemon(config.database) as db:
        held = privacy.held(db, name)
        in_fleet = fleet.maybe_membership(db) is not None
        elsewhere = history_of(db, name, shadow=False).opted_out_elsewhere if in_fleet else None
    keep_opt_out |= in_fleet
    if (held.anything or in_fleet) and not yes:
        _ask(name, held, keep_opt_out=keep_opt_out, in_fleet=in_fleet)
    if held.anything or in_fleet:
        held = _forget(config, settings.who, name, keep_opt_out=keep_opt_out)
    else:  # a reader may have kept an earlier `forget` from coming to its end
        _require_rebuilt(config, "forget", decide(config, settings.who, "rebuild"))
    if not held.anything:
        print_wrapped(_nothing(name))
    else:
        print_wrapped(_("Erased everything about {name}: {what}.", name=name, what=_in_words(held)))
    if keep_opt_out and (held.opted_out or elsewhere):
        print_wrapped(_("Its opt-out is kept as a pseudonym."))
    elif held.anything:
        print_wrapped(_("If it contacts the line again, it is a new number."))
    if in_fleet:
        print_wrapped(as_typed(_("The other lines erase it, too: `hotlined fleet status` says which have not yet.")))
    if name in config.numbers.blocked:
        print_wrapped(_("The configuration still blocks it (numbers.blocked): {path}.", path=config.path))
    if held.mentions:
        print_wrapped(as_typed(_mentions(name, held.mentions)))


def _nothing(name: str) -> str:
    return _("Nothing is stored about {name}.", name=name)


def _mentions(name: str, number: int) -> str:
    return ngettext(
        "{number} text of other people mentions it and stays: `hotlined log --search {name}`.",
        "{number} texts of other people mention it and stay: `hotlined log --search {name}`.",
        number,
        name=name,
    )


@click.command
@typed.number
@click.option("--json", "as_json", is_flag=True, help="One object, every text exactly.")
@pass_settings
def export(settings: Settings, number: str, as_json: bool) -> None:
    """Show everything about NUMBER, for a person who asks what is stored about them.

    NUMBER may also be a name or a pseudonym, as `log` shows it.

    Example: hotlined export 0470/12.34.56 --json
    """
    config = settings.config()
    name = _name(number, config)
    with open_beside_daemon(config.database) as db:
        held = privacy.export(db, name)
    for request in held["requests"]:
        request["result"] = result_in_words(request["result"], request.pop("detail"))
    if as_json:
        click.echo(json_line(held))
    elif any(value for key, value in held.items() if key not in ("number", "pseudonym")):
        print_sheet(sheet(held))
    else:
        print_wrapped(_nothing(name))


@click.command
@click.argument("contact_id", metavar="ID", type=CONTACT_ID)
@click.option("--undo", is_flag=True, help="End the exemption.")
@pass_settings
def keep(settings: Settings, contact_id: int, undo: bool) -> None:
    """Exempt contact ID from `purge`: its text, its PDUs, its number.

    This is for threats, which are evidence. The command records who decided it and when. `forget` still erases the
    contact.

    Example: hotlined keep 12
    """
    verb = "keep_no_more" if undo else "keep"
    found = decide(settings.config(), settings.who, verb, contact_id=contact_id)
    print_wrapped((decided.kept_no_more if undo else decided.kept)(contact_id, found=found))


@click.command
@typed.number
@click.argument("folder", type=click.Path(path_type=Path))
@pass_settings
def evidence(settings: Settings, number: str, folder: Path) -> None:
    """Write what came from NUMBER into FOLDER, for the police.

    FOLDER gets a page to read and to print, its data as JSON and CSV, and the SHA-256 of each file. Only you can read
    it. FOLDER must not exist yet, or must be empty. The command first keeps the contacts, as `hotlined keep` does.
    NUMBER may also be a name or a pseudonym, as `log` shows it.

    Example: hotlined evidence +32470120006 threat
    """
    try:
        with owner.written_folder(folder.absolute(), NAMES) as written:
            config = settings.config()
            name = _name(number, config)
            files, sum_of_sums = compose(_facts(config, settings.who, name))
            for file, octets in files.items():
                written.write(file, octets)
            written.finish()
    except OSError as error:
        raise _no_folder(folder, error) from error
    print_wrapped(
        _("{folder} holds what came from {name}: open evidence.html in it, and print it.", folder=folder, name=name)
    )
    print_wrapped(_("Write this down, on the printed page: the SHA-256 of {file} is {sum}", file=SUMS, sum=sum_of_sums))
    print_wrapped(
        _("It is personal data: give it to the police or a lawyer, and delete it when it is no longer needed.")
    )


def _facts(config: Config, who: str, name: str) -> Facts:
    """Keep the contacts of a number or name, and return all that is stored of it; raises HotlinedError without any."""
    if is_withheld(name):
        raise UsageError(
            _("Nobody can tell who withholds a number: contacts without one may be of many people."),
            _("`hotlined log --number withheld` lists them; `hotlined keep ID` and `hotlined show ID` are for one."),
        )
    decide(config, who, "evidence", name=name)
    with open_beside_daemon(config.database) as db:
        known = held.of_number(db, name)
        if not known["contacts"]:  # there was none, or somebody has erased them meanwhile
            raise HotlinedError(
                _("Nothing is stored about {name}: no folder was made.", name=name),
                _("`hotlined numbers` lists who came."),
            )
        return facts(known, config.line, config.line_number, who, db.now())


def _no_folder(folder: Path, error: OSError) -> HotlinedError:
    """Return the error for a folder that cannot be made."""
    unfinished = folder.with_name(folder.name + owner.UNFINISHED)
    if isinstance(error, FileExistsError):
        return UsageError(
            _("{folder} is left of one that was cut off.", folder=unfinished), _("Look into it, and delete it.")
        )
    if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
        return UsageError(
            _("{folder} is there, and is no empty folder.", folder=folder), _("Name one that is not there yet.")
        )
    return HotlinedError(
        _("{folder} cannot be written: {reason}.", folder=folder, reason=reason_of(error)),
        _("Name a folder that is not there yet, in one of your own."),
    )


def _name(text: str, config: Config) -> str:
    """Return a number in E.164, or a name or pseudonym as it was typed."""
    try:
        return parse_number(text, config.numbers.country)
    except AddressError:
        name = text.strip()
        if not name or "…" in name:
            raise
        return name.lower() if pseudonym.is_one(name.lower()) else name


def _with_progress(batches: Iterable[privacy.Batch]) -> Iterator[privacy.Batch]:
    """Pass batches on and show on a terminal how many rows are done."""
    from rich.console import Console  # noqa: PLC0415  it takes a tenth of a second
    from rich.progress import Progress  # noqa: PLC0415  the same

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        done = 0
        for batch in batches:
            done += batch.texts + batch.numbers
            what = _("texts") if batch.texts else _("numbers")
            progress.update(task, description=what, completed=done, total=done + batch.left)
            yield batch


def _ask(name: str, held: privacy.Held, *, keep_opt_out: bool, in_fleet: bool) -> None:
    """Let a person confirm; raises UsageError if nobody can be asked."""
    kept = ngettext(
        "{number} KEPT contact is among them, which a person wanted to keep.",
        "{number} KEPT contacts are among them, which a person wanted to keep.",
        held.kept,
    )
    parts = (
        kept if held.kept else "",
        _("Erase everything about {name} for good: {what}?", name=name, what=_in_words(held)) if held.anything else "",
        _("The other lines of the fleet are to erase everything about {name}, too.", name=name) if in_fleet else "",
        _("Its opt-out goes too; --keep-opt-out keeps it.") if held.opted_out and not keep_opt_out else "",
    )
    confirm(" ".join(filter(None, parts)), _("`hotlined forget NUMBER --yes` erases without asking."))


def _batches(config: Config, who: str) -> Iterator[privacy.Batch]:
    while (batch := decide(config, who, "purge")) is not None:
        yield privacy.Batch(**batch)


def _forget(config: Config, who: str, name: str, *, keep_opt_out: bool) -> privacy.Held:
    """Erase a person from every file, after an answer that is being sent; RefusedError if that takes too long."""
    deadline = time.monotonic() + config.modem.send_timeout.total_seconds() + 5.0
    while (done := decide(config, who, "forget", name=name, keep_opt_out=keep_opt_out)) is None:
        alive = report_line(config).alive
        if not alive or time.monotonic() > deadline:
            raise RefusedError(
                _("An answer to this number is just being sent: nothing was erased."),
                _("Try again in two minutes.")
                if alive
                else _(
                    "It was being sent when the daemon stopped. Start the daemon, which settles that, and try again."
                ),
            )
        time.sleep(_LOOK_SECONDS)
    _require_rebuilt(config, "forget", done["rebuilt"])
    return privacy.Held(**done["erased"])


def _require_rebuilt(config: Config, command: str, rebuilt: bool) -> None:
    """Raise UnavailableError if a file of the database still has a copy of what was erased: some program reads it."""
    if not rebuilt:
        readers, again = ", ".join(holders.who_reads(config.database)), f"`hotlined {command}`"
        raise UnavailableError(
            _(
                "It is erased from the database, but {programs} still has it open, so one of its files (-wal) holds a"
                " copy.",
                programs=readers or _("a program"),
            ),
            _("End that, then {command} again.", command=again)
            if readers
            else _(
                "End what has the database open beside the daemon (sqlite3, Datasette), then {command} again.",
                command=again,
            ),
        )


def _in_words(held: privacy.Held) -> str:
    parts = (
        in_contacts(held.contacts) if held.contacts else "",
        in_segments(held.segments) if held.segments else "",
        in_answers(held.answers) if held.answers else "",
        ngettext("{number} request", "{number} requests", held.requests) if held.requests else "",
        _in_pictures(held.named) if held.named else "",
        _("what was decided about it") if held.decided else "",
    )
    return ", ".join(filter(None, parts))


def _in_pictures(number: int) -> str:
    return ngettext(
        "{number} photo message of others that claimed the number",
        "{number} photo messages of others that claimed the number",
        number,
    )
