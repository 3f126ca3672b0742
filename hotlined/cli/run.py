"""`hotlined run`: the daemon in the foreground, its log on stderr."""

import click

from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings


@click.command
@click.option("--once", is_flag=True, help="Scan once, send what is due now, and end; 69 if the modem cannot be used.")
@pass_settings
def run(settings: Settings, once: bool) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again. It ends with 0 when it is told to, 78 for a configuration that cannot be used
    or a database of a later version, and 1 where another daemon has the database. Any other trouble is waited for.

    Example: hotlined --config config.yaml run --once
    """
    from hotlined.daemon import Daemon, serve  # noqa: PLC0415  --help does without the modem and the store
    from hotlined.store.opening import open_for_daemon  # noqa: PLC0415  the same

    config = settings.config()
    prepare(config)
    if not once:
        serve(config)
        return
    with open_for_daemon(config.database) as db:
        Daemon(config, db).run_once()
