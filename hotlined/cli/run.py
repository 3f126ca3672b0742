"""`hotlined run`: the daemon in the foreground, its log on stderr.

In the journal each line carries its priority (sd-daemon(3)) and no time, which the journal adds; elsewhere it carries
both as words.
"""

import logging
import os

import click

from hotlined.cli import Settings, pass_settings
from hotlined.config import Config
from hotlined.words.harmless import harmless

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # syslog(3)
_DEBUG = 7


class Formatter(logging.Formatter):
    """Writes each line of a record harmless to a terminal, in the journal with its priority in front."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)-7s %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; a traceback keeps its lines."""
        priority = next((priority for level, priority in _PRIORITIES if record.levelno >= level), _DEBUG)
        prefix = f"<{priority}>" if self._journal else ""
        return "\n".join(prefix + harmless(line) for line in super().format(record).split("\n"))


def prepare(config: Config) -> None:
    """Make this process the daemon's: its log goes to stderr, its files are its group's to read and nobody else's."""
    output = logging.StreamHandler()
    output.setFormatter(Formatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=config.log_level.upper(), handlers=[output], force=True)
    os.umask(0o027)


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
    from hotlined.store.database import open_for_daemon  # noqa: PLC0415  the same

    config = settings.config()
    prepare(config)
    if not once:
        serve(config)
        return
    with open_for_daemon(config.database) as db:
        Daemon(config, db).run_once()
