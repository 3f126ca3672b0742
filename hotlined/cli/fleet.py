"""`hotlined fleet`: several lines that share opt-outs, blocks and answers, through a hub."""

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
from hotlined.systemd import maybe_credential

if TYPE_CHECKING:
    from hotlined.reports.fleet import Fleet


@click.group(cls=Group)
def fleet() -> None:
    """Share opt-outs, blocks and answers with other lines, through a hub.

    Example: hotlined fleet status
    """


@fleet.command()
@click.argument("file", type=click.File("rb"))
@pass_settings
def join(settings: Settings, file: BinaryIO) -> None:
    """Make this line a member of a fleet, with the invitation in FILE; - is the standard input.

    Where units are installed, `sudo hotlined-setup fleet NAME < FILE` does it, and keeps the login for root. FILE
    holds a password and the key of the fleet: erase it afterwards. A line can join again with a new invitation.

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

    The decisions of other lines no longer apply here. Those of this line stay at the hub, under pseudonyms, until `hub
    lift` takes them back there. Where units are installed: `sudo hotlined-setup fleet NAME --leave`.

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
    left = joining.leave(config)
    print_wrapped(
        _(
            "Line {line} is not in a fleet any more. What no longer applies here of other lines: {stops}, {blocks}.",
            line=config.line,
            **_in_words(left.opt_outs, left.blocks),
        )
    )


def _in_words(opt_outs: int, blocks: int) -> dict[str, str]:
    return {
        "stops": ngettext("{number} opt-out", "{number} opt-outs", opt_outs),
        "blocks": ngettext("{number} block", "{number} blocks", blocks),
    }


@fleet.command()
@click.option("--once", is_flag=True, help="End once neither side has news.")
@pass_settings
def sync(settings: Settings, once: bool) -> None:
    """Share decisions with the other lines through the hub, until it is stopped.

    systemd runs it for a line that `hotlined-setup fleet` has made a member. This line then knows within half a minute
    what the others decide. With --once the exit code is 69 where something is wrong between this line and the hub.

    Example: hotlined fleet sync --once
    """
    from hotlined.config import KEYS  # noqa: PLC0415  --help does not need it
    from hotlined.exchange import RunFiles  # noqa: PLC0415  the same
    from hotlined.fleet import sync as exchanging  # noqa: PLC0415  the same
    from hotlined.wire import socket_path  # noqa: PLC0415  the same

    url: str | None
    if settings.line and (handed := maybe_credential("fleet")):  # under systemd it cannot read the configuration
        runtime_dir = KEYS["runtime_dir"].default
        place, url = RunFiles(runtime_dir, settings.line), handed.read_text("utf-8").strip()
        door = exchanging.at(socket_path(runtime_dir, "control", settings.line, "fleet"))
        speak(Language.ENGLISH)
        prepare("info")
    else:
        from hotlined.control import joining  # noqa: PLC0415  imports the store

        config = settings.config()
        place, url = RunFiles(config.runtime_dir, config.name), joining.maybe_url(config)
        door = joining.door(config, settings.who)
    exchange = exchanging.HubExchange(door, url, place)
    if not once:
        exchange.run()
        return
    exchange.run_once()
    found = _found(settings)
    for trouble in found.trouble if found else ():
        raise UnavailableError(trouble.words, trouble.cure)


@fleet.command()
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Show how the lines of the fleet are, as the hub last said; exit code 69 if something is wrong or asked for.

    It also shows since when the hub can or cannot be reached, for how many people the hub does not have this line's
    decision yet, whom other lines want erased here, and which lines have not yet erased the people that this line asked
    them to erase.

    Example: hotlined fleet status
    """
    found = _found(settings)
    if found is None:
        raise RefusedError(
            _("This line is in no fleet."), _("`sudo hotlined-setup fleet NAME < INVITATION` makes it a member.")
        )
    if as_json:
        from hotlined.reports.fleet_status import document  # noqa: PLC0415  only --json needs it

        click.echo(json_line(document(found)))
    else:
        _show(found)
    ctx.exit(0 if found.is_well else UnavailableError.exit_code)


def _found(settings: Settings) -> "Fleet | None":
    from hotlined.reports.fleet import maybe_fleet  # noqa: PLC0415  --help does not need it
    from hotlined.store.file.opening import open_beside_daemon  # noqa: PLC0415  the same

    config = settings.config()
    with open_beside_daemon(config.database) as db:
        return maybe_fleet(db, config)


def _show(found: "Fleet") -> None:
    from hotlined.reports import fleet as report  # noqa: PLC0415  --help does not need it

    print_sheet(
        (
            (_("line"), found.line),
            (_("hub"), report.hub_in_words(found)),
            (_("still to send"), ngettext("{number} person", "{number} persons", found.unsent)),
        )
    )
    for line in table(found.members, report.MEMBERS, _("The hub has not named any line yet.")):
        click.echo(line)
    for words in (*report.requests_in_words(found), *(each.sentences for each in found.trouble)):
        print_wrapped(as_typed(words))


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
    """Make the PostgreSQL database at URL a hub.

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
    from hotlined import files, person, pseudonym  # noqa: PLC0415  --help does not need it
    from hotlined.fleet.hub import opened  # noqa: PLC0415  the same
    from hotlined.fleet.invitation import Invitation, have_key, require_line  # noqa: PLC0415  the same

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

    The decisions of LINE stay: the other lines still do not answer people who opted out there, until `hub lift` takes
    them back. A new invitation lets LINE in again.

    Example: hotlined fleet hub remove fr --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does not need it

    with opened(url) as found:
        found.remove(line)
    print_wrapped(_("Line {line} cannot reach the hub any more. Its decisions stay.", line=line))


@hub.command()
@click.argument("line")
@click.argument("person", required=False)
@_hub
def lift(line: str, person: str | None, url: str) -> None:
    """Take back the decisions of LINE about PERSON, or about everybody; LINE must have been removed.

    PERSON is what `hotlined show NUMBER` prints as "in the fleet ~…". The decisions of a line that is still in the
    fleet are lifted on that line.

    Example: hotlined fleet hub lift fr ~0123456789ab --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does not need it
    from hotlined.fleet.invitation import require_line, require_person  # noqa: PLC0415  the same

    require_line(line)
    if person is not None:
        require_person(person)
    with opened(url) as found:
        opt_outs, blocks = found.lift(line, person)
    print_wrapped(
        _(
            "Lifted: {stops}, {blocks}.",
            **_in_words(opt_outs, blocks),
        )
    )
