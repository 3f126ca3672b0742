"""Commands that systemd runs at a connection to a socket of the line: the control program, the sender of alerts."""

import contextlib
import pwd
from pathlib import Path

import click

from hotlined import config as configuration
from hotlined.cli.service import listening, prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.errors import ConfigError
from hotlined.language import Language, speak
from hotlined.systemd import maybe_credential


@click.command(hidden=True)
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Make this socket, instead of systemd's.")
@click.option("--desk", metavar="USER", help="The user, or its number, that the line's desk runs as.")
@pass_settings
def control(settings: Settings, path: Path | None, desk: str | None) -> None:
    """Carry out the decisions of the people who may decide for the line, until nobody has asked for ten minutes.

    systemd starts it at the first decision and hands the socket over.

    Example: hotlined control --socket /run/hotlined-control/main.sock
    """
    from hotlined.control.server import Server, refuse  # noqa: PLC0415  --help does without the store

    try:
        config = settings.config()
    except ConfigError as error:
        with listening(path) as listener:
            refuse(listener, error)
        speak(Language.ENGLISH)
        if settings.path:
            configuration.load(settings.path)  # again, for the journal
        raise
    prepare(config)
    with listening(path) as listener:
        Server(config.database, lambda: configuration.load(config.path), desk=_uid(desk)).serve(listener)


def _uid(user: str | None) -> int | None:
    """Return the user's number; None without a user of this name, because the line then has no desk."""
    if user is None or user.isdecimal():
        return int(user) if user else None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    return None


@click.command("alerts-sender", hidden=True)
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Make this socket, instead of systemd's.")
@pass_settings
def alerts_sender(settings: Settings, path: Path | None) -> None:
    """Send what the line's alerts ask for, to the addresses of the configuration, until nobody asks.

    systemd starts it. Its configuration is systemd's credential `config`, or the usual one.

    Example: hotlined alerts-sender --socket /run/hotlined-alerts/main.sock
    """
    from hotlined.alerts.delivery import from_here  # noqa: PLC0415  --help does without
    from hotlined.alerts.sender import AlertSender  # noqa: PLC0415  the same

    handed = maybe_credential("config")
    config = configuration.salvage(handed).config if handed else settings.loaded()
    prepare(config)
    with listening(path, mode=0o600) as listener:
        AlertSender(from_here(config)).serve(listener)
