"""`hotlined metrics`: the figures of a line for Prometheus, printed or put into a file that its collector reads."""

from pathlib import Path

import click

from hotlined import owner
from hotlined.cli.settings import Settings, pass_settings
from hotlined.reports import metrics as report

_FOR_ALL = 0o644  # the collector runs as a user of its own


@click.command
@click.argument("file", type=click.Path(path_type=Path), required=False)
@pass_settings
def metrics(settings: Settings, file: Path | None) -> None:
    """Print figures in Prometheus' text format, or write them to FILE for its textfile collector.

    FILE is replaced whole, and everybody may read it: it contains no number, no text and no tag. Figures that are not
    known now are left out; hotlined_up is 0 if the daemon does not live or cannot use its database. If the machine has
    a node exporter, a timer writes the figures each minute; docs/metrics.md lists them.

    Example: hotlined metrics
    """
    config = settings.loaded()
    if file is None:
        owner.become(config.database)
        click.echo(report.write(config, settings.broken, settings.unknown), nl=False)
        return
    with owner.written(file, _FOR_ALL) as written:
        owner.become(config.database)
        written.write(report.write(config, settings.broken, settings.unknown).encode())
        written.finish()
