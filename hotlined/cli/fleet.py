"""`hotlined fleet`: several lines that share who said stop, through a hub."""

from pathlib import Path

import click

from hotlined.cli.group import Group
from hotlined.cli.output import as_typed, print_wrapped
from hotlined.language import _, ngettext


@click.group(cls=Group)
def fleet() -> None:
    """Share opt-outs, blocks and answers with other lines, through a hub.

    Example: hotlined fleet status
    """


@fleet.group(cls=Group)
def hub() -> None:
    """Set up the hub: a PostgreSQL that all lines of the fleet reach.

    Example: hotlined fleet hub init --hub postgresql:///hotlined
    """


_hub = click.option("--hub", "url", metavar="URL", required=True, help="The hub, as a PostgreSQL URL of its admin.")


@hub.command
@_hub
def init(url: str) -> None:
    """Make the PostgreSQL database at URL a hub.

    Run it as a superuser of that PostgreSQL. The command prints four lines; put them first in pg_hba.conf.

    Example: hotlined fleet hub init --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does without

    with opened(url) as found:
        lines = found.init()
    print_wrapped(_("The hub is ready. These lines come first in pg_hba.conf:"))
    click.echo("\n".join(lines))


@hub.command
@click.argument("line")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_hub
@click.option("--host", metavar="HOST", help="Where lines reach the hub, if URL says something else; HOST:PORT, too.")
def invite(line: str, file: Path, url: str, host: str | None) -> None:
    """Write an invitation for LINE into FILE: a login at the hub, and the key of the fleet.

    The first invitation makes the key, in the file fleet.key beside FILE, and gives the hub its fingerprint. The hub
    must never have the key itself: keep neither file there. An earlier invitation for LINE is void.

    Example: hotlined fleet hub invite fr fr.invitation --hub postgresql:///hotlined
    """
    from hotlined import files, pseudonym  # noqa: PLC0415  --help does without
    from hotlined.fleet.hub import opened  # noqa: PLC0415  the same
    from hotlined.fleet.invitation import Invitation, have_key, require_line  # noqa: PLC0415  the same

    require_line(line)
    with opened(url) as found, files.create(file) as made:
        key = have_key(file.parent, is_first=found.maybe_fingerprint() is None)
        address = found.invite(line, pseudonym.digest(key), host)
        made.write(Invitation(line, key, address).to_json().encode())
    print_wrapped(as_typed(_("{file} invites line {line}. On its machine: {command}", file=file, line=line, command=f"`sudo hotlined-setup fleet NAME < {file}`")))


@hub.command
@click.argument("line")
@_hub
def remove(line: str, url: str) -> None:
    """Shut LINE out of the hub.

    What LINE said stays: the others still do not answer those who opted out there, until `hub lift` takes it back. A
    new invitation lets LINE in again.

    Example: hotlined fleet hub remove fr --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does without

    with opened(url) as found:
        found.remove(line)
    print_wrapped(_("Line {line} reaches the hub no more. What it said stays.", line=line))


@hub.command
@click.argument("line")
@click.argument("person", required=False)
@_hub
def lift(line: str, person: str | None, url: str) -> None:
    """Take back what LINE said, of PERSON or of everybody; LINE must have been removed.

    PERSON is what `hotlined show NUMBER` prints as "in the fleet ~…". Of a line that is in the fleet nothing is lifted
    here: a person lifts it there.

    Example: hotlined fleet hub lift fr ~0123456789ab --hub postgresql:///hotlined
    """
    from hotlined.fleet.hub import opened  # noqa: PLC0415  --help does without
    from hotlined.fleet.invitation import require_line, require_person  # noqa: PLC0415  the same

    require_line(line)
    if person is not None:
        require_person(person)
    with opened(url) as found:
        opt_outs, blocks = found.lift(line, person)
    print_wrapped(
        _(
            "Lifted: {opt_outs}, {blocks}.",
            opt_outs=ngettext("{number} opt-out", "{number} opt-outs", opt_outs),
            blocks=ngettext("{number} block", "{number} blocks", blocks),
        )
    )
