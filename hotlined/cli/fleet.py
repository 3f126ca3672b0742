"""`hotlined fleet`: lets several lines share opt-outs, blocks and erasures through a hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotlined import config as configuration
from hotlined import owner
from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, confirm, json_line, print_sheet, print_wrapped
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.cli.table import table
from hotlined.errors import RefusedError
from hotlined.language import _, ngettext
from hotlined.reports.fleet import MEMBERS, Fleet, erasures_in_words, hub_in_words, maybe_fleet

if TYPE_CHECKING:
    from hotlined.config import Config
    from hotlined.fleet.join import Joined


@click.group(cls=Group)
def fleet() -> None:
    """Share opt-outs, blocks and erasures with other lines, through a hub.

    Example: hotlined fleet sync --once
    """


@fleet.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_settings
def join(settings: Settings, file: Path) -> None:
    """Make this line a member of a fleet, with the invitation in FILE.

    From then on the line uses the pseudonyms of the fleet, and shares its opt-outs and blocks. It still recognises
    persons whom it knows by a former pseudonym alone, but cannot share them. FILE contains the keys of the fleet:
    erase it afterwards. If the command was interrupted, run it again.

    Example: hotlined fleet join fr.invitation
    """
    from hotlined.fleet import invitation, join  # noqa: PLC0415  --help does without
    from hotlined.store.opening import open_beside_daemon  # noqa: PLC0415  the same

    invited = invitation.read(file)
    config = settings.loaded()
    join.require_fitting(config, invited)
    join.store_address(config, invited)
    owner.become(config.database)
    join.have_database(config.database)
    with open_beside_daemon(config.database) as db:
        joined = join.join(db, invited, db.now())
    for sentence in _what_changed(joined, config.line):
        print_wrapped(sentence)
    print_wrapped(
        as_typed(
            _(
                "`sudo systemctl restart {unit}` exchanges from now on, `hotlined fleet sync --once` now. Erase {file}:"
                " it holds keys.",
                unit=_unit(config),
                file=file,
            )
        )
    )


def _unit(config: "Config") -> str:
    return f"hotlined-fleet@{config.name}"


def _what_changed(joined: "Joined", line: str) -> Iterator[str]:
    """Yield sentences about what joining has changed for a line."""
    yield ngettext(
        "Line {line} is in the fleet. It has {number} person to share.",
        "Line {line} is in the fleet. It has {number} persons to share.",
        joined.persons,
        line=line,
    )
    if joined.another_key:
        yield _("It makes the fleet's pseudonyms from now on, and still finds whom it knew by earlier ones.")
    if joined.kept:
        yield _stay_refused(joined.kept)
    if joined.formerly:
        yield ngettext(
            "The opt-out or block of {number} person is known by a former pseudonym alone. It holds here, and is"
            " shared once that number contacts this line again.",
            "The opt-outs and blocks of {number} persons are known by former pseudonyms alone. They hold here, and"
            " each is shared once that number contacts this line again.",
            joined.formerly,
        )


def _stay_refused(kept: int) -> str:
    return ngettext(
        "{number} person whom other lines had refused is not answered here either: this line has decided so now.",
        "{number} persons whom other lines had refused are not answered here either: this line has decided so now.",
        kept,
    )


@fleet.command
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def leave(settings: Settings, yes: bool) -> None:
    """Take this line out of its fleet, with or without the hub.

    The line still refuses the persons whom other lines had refused. The hub keeps what this line said. With a new
    invitation the line can join again.

    Example: hotlined fleet leave --yes
    """
    from hotlined.fleet import join  # noqa: PLC0415  --help does without
    from hotlined.store.opening import open_beside_daemon  # noqa: PLC0415  the same

    config = settings.loaded()
    if not yes:
        confirm(
            _("Take line {line} out of its fleet?", line=config.line),
            _("`hotlined fleet leave --yes` leaves without asking."),
        )
    had_address = join.forget_address(config)
    owner.become(config.database)
    with open_beside_daemon(config.database) as db:
        kept = join.leave(db, db.now())
    if kept is None and not had_address:
        raise RefusedError(_("This line is in no fleet."))
    print_wrapped(_("Line {line} is in no fleet any more.", line=config.line))
    if kept:
        print_wrapped(_stay_refused(kept))
    if config.fleet.hub:
        print_wrapped(_("Take `fleet.hub` out of {path}.", path=config.path))
    print_wrapped(
        _(
            "`sudo systemctl stop {unit}` ends its exchange. The hub keeps what this line said, under pseudonyms;"
            " `hotlined fleet hub remove {line} --hub URL` there shuts it out.",
            unit=_unit(config),
            line=config.line,
        )
    )


@fleet.command
@click.option("--once", is_flag=True, help="Exchange everything once, then end.")
@pass_settings
def sync(settings: Settings, once: bool) -> None:
    """Exchange opt-outs, blocks and erasures with the other lines, until it is stopped.

    systemd runs it if the line is in a fleet. This line then knows the decisions of the others within half a minute.

    Example: hotlined fleet sync --once
    """
    from hotlined.fleet.service import Service  # noqa: PLC0415  --help does without
    from hotlined.fleet.sync import exchange  # noqa: PLC0415  the same

    config = settings.config()
    if not once:
        prepare(config)
        Service(lambda: configuration.load(config.path)).run()
        return
    done = exchange(config)
    print_wrapped(_("Sent: {sent}. Taken: {taken}.", sent=done.sent, taken=done.taken))
    if done.refused:
        print_wrapped(_("Not believed: {refused}.", refused=done.refused), err=True)


@fleet.command
@click.option("--json", "as_json", is_flag=True, help="One object, every value exactly.")
@pass_settings
def status(settings: Settings, as_json: bool) -> None:
    """Show how the lines of the fleet are, as this line last heard it from the hub.

    It also shows since when the hub can or cannot be reached, and how many changes the hub has not got yet. What other
    lines say is shown as the hub passed it on. At the end are the persons whom one line has erased and other lines have
    not erased yet.

    Example: hotlined fleet status
    """
    found = maybe_fleet(settings.config())
    if found is None:
        raise RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
    if as_json:
        click.echo(json_line(found.document()))
        return
    print_sheet(_sheet(found))
    rows = [(found, member) for member in found.members]
    for line in table(rows, MEMBERS, _("The hub has not named any line yet.")):
        click.echo(line)
    for words in erasures_in_words(found):
        print_wrapped(as_typed(words))


def _sheet(found: Fleet) -> Iterator[tuple[str, str | None]]:
    yield _("line"), found.line
    yield _("hub"), hub_in_words(found)
    yield _("still to send"), ngettext("{number} person", "{number} persons", found.unsent_rows)


@fleet.group(cls=Group)
def hub() -> None:
    """Set up the hub: a PostgreSQL that all lines of the fleet reach.

    Example: hotlined fleet hub init postgresql:///hotlined
    """


@hub.command
@click.argument("url")
def init(url: str) -> None:
    """Make the PostgreSQL database at URL a hub, or bring a hub up to date.

    Run it as a user who may create a schema and roles there. Lines that use the hub go on meanwhile. The command says
    what to write into pg_hba.conf; `hub invite` says what to write into postgresql.conf.

    Example: hotlined fleet hub init postgresql:///hotlined
    """
    from hotlined.fleet.hub import HBA, opened  # noqa: PLC0415  --help does without

    with opened(url) as found:
        applied = found.init()
        needed = [each.format(database=found.database) for each in HBA]
    print_wrapped(_("The hub is ready.") if applied else _("The hub was up to date."))
    print_wrapped(_("These lines come first in pg_hba.conf:"))
    click.echo("\n".join(needed))


@hub.command
@click.argument("line")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--hub", "url", metavar="URL", required=True, help="The hub, as for `hub init`.")
def invite(line: str, file: Path, url: str) -> None:
    """Write an invitation for LINE into FILE: the hub's address, and the keys of the fleet.

    The first invitation makes the keys, in the file fleet-keys beside FILE. The hub must never have them: keep neither
    file on its machine. If URL names a host, FILE also contains a certificate for LINE; fleet-ca.key beside FILE signs
    it. Another invitation for LINE makes the one before void.

    Example: hotlined fleet hub invite fr fr.invitation --hub postgresql:///hotlined
    """
    from hotlined.fleet import certificates, invitation  # noqa: PLC0415  --help does without
    from hotlined.fleet.hub import LINE, new_login, opened  # noqa: PLC0415  the same

    if not LINE.fullmatch(line):
        raise click.UsageError(_("A line's name has 1 to 22 of a-z, 0-9, - and _, first a letter or digit."))
    keys, login = invitation.have_keys(file.parent), new_login(line)
    with opened(url) as found:
        new = bool(found.hosts) and certificates.have_hub(file.parent, found.hosts)
        shown = certificates.for_line(file.parent, login) if found.hosts else None
        address = found.invite(line, login)
    invitation.write(file, invitation.Invitation(line, address, keys, shown))
    print_wrapped(as_typed(_("{file} invites line {line}: `hotlined fleet join` there.", file=file, line=line)))
    if new:
        files = {"hub": certificates.HUB, "authority": certificates.AUTHORITY_CERTIFICATE}
        said = _(
            "Copy {hub} and {authority} into the data folder of PostgreSQL (`SHOW data_directory`), both owned by"
            " postgres, the first with mode 600. Then postgresql.conf needs this, and PostgreSQL a new start:",
            **files,
        )
        print_wrapped(as_typed(said))
        for setting in certificates.SETTINGS:
            click.echo(setting.format(**files))


@hub.command
@click.argument("line")
@click.option("--hub", "url", metavar="URL", required=True, help="The hub, as for `hub init`.")
def remove(line: str, url: str) -> None:
    """Shut LINE out of the hub.

    What LINE said stays: the others still do not answer those who opted out there. A new invitation lets LINE in again.

    Example: hotlined fleet hub remove fr --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does without

    with opened(url) as found:
        found.remove(line)
    print_wrapped(_("Line {line} reaches the hub no more. What it said stays.", line=line))
