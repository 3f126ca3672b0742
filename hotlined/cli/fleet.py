"""`hotlined fleet`: several lines that share whom they refuse, through a hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, confirm, json_line, print_sheet, print_wrapped
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.errors import RefusedError, UnavailableError, UsageError
from hotlined.language import Language, _, ngettext, speak
from hotlined.machine.systemd import maybe_credential

if TYPE_CHECKING:
    from hotlined.reports.fleet import Fleet
    from hotlined.store.line.database import Database


@click.group(cls=Group)
def fleet() -> None:
    """Share opt-outs and blocks with other lines, through a hub.

    Example: hotlined fleet status
    """


@fleet.command()
@click.argument("file", type=click.File("rb"))
@pass_settings
def join(settings: Settings, file: BinaryIO) -> None:
    """Make this line a member of a fleet, with the invitation in FILE; - is the standard input.

    On an installed line `sudo hotlined-setup fleet NAME < FILE` does it, and keeps the login for root. FILE holds a
    password and the key of the fleet: erase it afterwards. A line can join again with a new invitation.

    Example: hotlined fleet join fr.invitation
    """
    from hotlined.control import joining  # noqa: PLC0415  --help does not need it
    from hotlined.fleet import invitation  # noqa: PLC0415  the same

    invited = invitation.read(file.read(invitation.LARGEST + 1))
    config = settings.config()
    kept = joining.join(config, invited.line, invited.key, invited.hub)
    print_wrapped(_("Line {line} is in the fleet.", line=config.line))
    if kept:
        print_wrapped(
            ngettext(
                "{number} opt-out or block is only under a pseudonym of this line: it applies here,"
                " and is shared once that number contacts the line again.",
                "{number} opt-outs and blocks are only under pseudonyms of this line: they apply"
                " here, and each is shared once its number contacts the line again.",
                kept,
            )
        )
    if invited.hub:
        print_wrapped(as_typed(_("`hotlined fleet sync` exchanges. Erase the invitation: it holds a password.")))


@fleet.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def leave(settings: Settings, yes: bool) -> None:
    """Take this line out of its fleet, even if the hub cannot be reached. The command asks first.

    The lists of other lines no longer apply here. That of this line stays at the hub, under pseudonyms, until `hub
    lift` empties it there. On an installed line: `sudo hotlined-setup fleet NAME --leave`.

    Example: hotlined fleet leave --yes
    """
    from hotlined.control import joining  # noqa: PLC0415  --help does not need it

    config = settings.config()
    if not yes:
        confirm(
            _(
                "Take line {line} out of its fleet? Who said stop to other lines alone is answered then.",
                line=config.line,
            ),
            _("`hotlined fleet leave --yes` leaves without asking."),
        )
    print_wrapped(
        _(
            "Line {line} is not in a fleet any more. What no longer applies here of other lines: {persons}.",
            line=config.line,
            persons=_in_persons(joining.leave(config)),
        )
    )


def _in_persons(number: int) -> str:
    return ngettext("{number} person", "{number} persons", number)


@fleet.command()
@click.option("--once", is_flag=True, help="End once neither side has anything new.")
@pass_settings
def sync(settings: Settings, once: bool) -> None:
    """Share decisions with the other lines through the hub, until it is stopped.

    systemd runs it for a line that `hotlined-setup fleet` has made a member. This line then knows within half a minute
    what the others decide. With --once the exit code is 69 where something is wrong between this line and the hub.

    Example: hotlined fleet sync --once
    """
    from hotlined.config import KEYS  # noqa: PLC0415  --help does not need it
    from hotlined.fleet import sync as exchanging  # noqa: PLC0415  the same
    from hotlined.fleet_files import RunFiles  # noqa: PLC0415  the same
    from hotlined.machine.wire import socket_path  # noqa: PLC0415  the same

    url: str | None
    if settings.line and (handed := maybe_credential("fleet")):  # under systemd it cannot read the configuration
        runtime_dir = KEYS["runtime_dir"].default
        place, url = RunFiles(runtime_dir, settings.line), handed.read_text("utf-8").strip()
        ask_line = exchanging.at(socket_path(runtime_dir, "control", settings.line, "fleet"))
        speak(Language.ENGLISH)
        prepare("info")
    else:
        from hotlined.control import joining  # noqa: PLC0415  imports the store

        config = settings.config()
        place, url = RunFiles(config.runtime_dir, config.name), joining.maybe_url(config)
        ask_line = joining.asker(config, settings.who)
    exchange = exchanging.HubExchange(ask_line, url, place)
    if not once:
        exchange.run()
        return
    exchange.run_once()
    with _found(settings) as (_db, found):
        for trouble in found.trouble:
            raise UnavailableError(trouble.words, trouble.cure)


@fleet.command()
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show the lines of the fleet, when each was last at the hub, and how many it refuses.

    It also shows since when the hub can or cannot be reached, and whether it has this line's present list. The exit
    code is 69 if something is wrong.

    Example: hotlined fleet status
    """
    with _found(settings) as (db, found):
        if as_json:
            from hotlined.reports.fleet import document  # noqa: PLC0415  only --json needs it

            click.echo(json_line(document(db, found)))
        else:
            _show(db, found)
    ctx.exit(UnavailableError.exit_code if found.trouble else 0)


@contextmanager
def _found(settings: Settings) -> Iterator[tuple["Database", "Fleet"]]:
    """Give the line's database and its fleet; raises RefusedError if it is in none."""
    from hotlined.reports.fleet import maybe_fleet  # noqa: PLC0415  --help does not need it
    from hotlined.store.file.opening import open_beside_daemon  # noqa: PLC0415  the same

    config = settings.config()
    with open_beside_daemon(config.database) as db:
        if (found := maybe_fleet(db, config)) is None:
            raise RefusedError(
                _("This line is in no fleet."), _("`sudo hotlined-setup fleet NAME < INVITATION` makes it a member.")
            )
        yield db, found


def _show(db: "Database", found: "Fleet") -> None:
    from hotlined.reports import fleet as report  # noqa: PLC0415  --help does not need it
    from hotlined.store import lists as stored  # noqa: PLC0415  the same

    is_unsent = stored.is_unsent(db)
    print_sheet(
        (
            (_("line"), found.line),
            (_("hub"), report.hub_in_words(found)),
            (_("its list"), _("still to send") if is_unsent else _("is at the hub")),
        )
    )
    for line in table(report.lines(db, found), report.LINES, ""):
        click.echo(line)
    for trouble in found.trouble:
        print_wrapped(as_typed(trouble.sentences))


@fleet.group(cls=Group)
def hub() -> None:
    """Set up the hub: a PostgreSQL that all lines of the fleet reach.

    Example: hotlined fleet hub init --hub postgresql:///hotlined
    """


_JOINING = "`sudo hotlined-setup fleet NAME < FILE`"
_hub = click.option("--hub", "url", metavar="URL", required=True, help="The hub, as a PostgreSQL URL of its admin.")


@hub.command()
@_hub
def init(url: str) -> None:
    """Make the PostgreSQL database at URL a hub; after a restore of the database, make it one again.

    Run it as a superuser of that PostgreSQL. The command prints four lines; put them first in pg_hba.conf.

    Example: hotlined fleet hub init --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does not need it

    with opened(url) as found:
        lines = found.init()
    print_wrapped(_("The hub is ready. These lines come first in pg_hba.conf:"))
    click.echo("\n".join(lines))


@hub.command()
@click.argument("line")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_hub
@click.option("--host", metavar="HOST", help="Where lines reach the hub, if URL says something else; HOST:PORT, too.")
def invite(line: str, file: Path, url: str, host: str | None) -> None:
    """Write an invitation for LINE into FILE: a login at the hub, and the key of the fleet.

    The first invitation makes the key, in the file fleet.key beside FILE, and gives the hub its fingerprint. The hub
    must never have the key itself: do not leave either file there. An earlier invitation for LINE is void.

    Example: hotlined fleet hub invite fr fr.invitation --hub postgresql:///hotlined
    """
    from hotlined import pseudonym  # noqa: PLC0415  --help does not need it
    from hotlined.fleet.hub import opened  # noqa: PLC0415  the same
    from hotlined.fleet.invitation import Invitation, have_key, require_line  # noqa: PLC0415  the same
    from hotlined.machine import files, person  # noqa: PLC0415  the same

    require_line(line)
    with opened(url) as found:
        if person.is_for_root():  # by now it may run as another user, who cannot write fleet.key beside FILE
            raise UsageError(
                _("Root writes no invitation."), _("Type it as the person who is a superuser of that PostgreSQL.")
            )
        with files.create(file) as made:
            key = have_key(file.parent, is_first=found.maybe_fingerprint() is None)
            address = found.invite(line, pseudonym.digest(key), host)
            made.write(Invitation(line, key, address).to_json().encode())
    print_wrapped(_("{file} invites line {line}. On its machine: {command}", file=file, line=line, command=_JOINING))


@hub.command()
@click.argument("line")
@_hub
def remove(line: str, url: str) -> None:
    """Shut LINE out of the hub.

    The list of LINE stays: the other lines still do not answer those who are in it, until `hub lift` empties it. A new
    invitation lets LINE in again.

    Example: hotlined fleet hub remove fr --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does not need it

    with opened(url) as found:
        found.remove(line)
    print_wrapped(_("Line {line} cannot reach the hub any more. Its list stays.", line=line))


@hub.command()
@click.argument("line")
@_hub
def lift(line: str, url: str) -> None:
    """Empty the list of LINE at the hub, whatever it had decided; LINE must have been removed.

    The decisions of a line that is still in the fleet are lifted on that line.

    Example: hotlined fleet hub lift fr --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does not need it
    from hotlined.fleet.invitation import require_line  # noqa: PLC0415  the same

    require_line(line)
    with opened(url) as found:
        persons = _in_persons(found.lift(line))
    print_wrapped(_("The list of line {line} was emptied: {persons}.", line=line, persons=persons))
