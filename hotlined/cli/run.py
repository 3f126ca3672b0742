"""`hotlined run`: the daemon in the foreground, its log on stderr."""

import click

from hotlined import config as configuration
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings


@click.command(cls=TranslatedCommand)
@click.option(
    "--once",
    is_flag=True,
    help="Read the SIM once, send what is due now, and end. The exit code is 69 if the modem cannot be used.",
)
@pass_settings
def run(settings: Settings, once: bool) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    SIGHUP makes it read the configuration again. The exit code is 0 after a signal, 78 if it cannot use the
    configuration, or if the database is of another version or has been changed by somebody, and 1 if another daemon has
    the database. If there is any other trouble, the daemon waits until the trouble is over.

    Example: hotlined --config config.yaml run --once
    """
    from hotlined.daemon import Daemon, serve  # noqa: PLC0415  --help needs neither modem nor store
    from hotlined.store.file.opening import open_for_daemon  # noqa: PLC0415  --help does not need it

    config = settings.written()
    if missing := configuration.maybe_missing_pin_file(config):
        raise missing
    prepare(config.log_level)
    if not once:
        serve(config)
        return
    with open_for_daemon(config.database) as db:
        Daemon(config, db).run_once()
