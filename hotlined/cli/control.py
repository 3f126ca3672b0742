"""Commands that systemd starts when somebody connects to a socket of the line: control program and alert sender."""

from pathlib import Path

import click

from hotlined import config as configuration
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.service import listening, prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.errors import ConfigError
from hotlined.language import Language, speak
from hotlined.machine.systemd import maybe_credential


@click.command(hidden=True, cls=TranslatedCommand)
@click.option(
    "--socket",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Make this socket, instead of systemd's; one that ends with -desk.sock is the desk's.",
)
@pass_settings
def control(settings: Settings, paths: tuple[Path, ...]) -> None:
    """Carry out the decisions of the people who may decide for the line, until nobody has asked for ten minutes.

    systemd starts it at the first decision and hands the socket over.

    Example: hotlined control --socket /run/hotlined-control/main.sock
    """
    from hotlined.control.server import Server, refuse  # noqa: PLC0415  --help does not need the store
    from hotlined.reports import in_force  # noqa: PLC0415  the same

    try:
        config = settings.config()
    except ConfigError as error:
        with listening(*paths) as listeners:
            refuse(listeners, error)
        speak(Language.ENGLISH)
        if settings.path:
            configuration.load(settings.path)  # again, because the journal needs the error in English
        raise
    prepare(config.log_level)
    with listening(*paths) as listeners:
        Server(config.database, lambda: in_force.read(config.path)).serve(listeners)


@click.command("alerts-sender", hidden=True, cls=TranslatedCommand)
@click.option(
    "--socket", "paths", multiple=True, type=click.Path(path_type=Path), help="Make this socket, instead of systemd's."
)
def alerts_sender(paths: tuple[Path, ...]) -> None:
    """Send the alerts that it is handed, to the addresses that it is handed with them, until nobody asks.

    systemd starts it. It reads no configuration; the addresses of its own are those of systemd's credential `urls`.

    Example: hotlined alerts-sender --socket /run/hotlined-alerts/main.sock
    """
    from hotlined.alerts.sender import AlertSender  # noqa: PLC0415  --help does not need it

    prepare("info")
    with listening(*paths) as listeners:
        AlertSender(maybe_credential("urls")).serve(listeners)
