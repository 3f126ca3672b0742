"""`hotlined metrics`: the figures of a line for Prometheus."""

from pathlib import Path

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import FILE, output_to
from hotlined.cli.settings import Settings, pass_settings
from hotlined.reports import metrics as report


@click.command(cls=TranslatedCommand)
@click.argument("file", type=FILE, required=False)
@pass_settings
def metrics(settings: Settings, file: Path | None) -> None:
    """Print figures in Prometheus' text format, or write them to FILE, which must not exist yet.

    They contain no number, no text and no tag. Figures that are not known now are left out; hotlined_up is 0 if the
    daemon does not live or cannot use its database. docs/metrics.md lists the figures, and has the line of cron that
    writes them for a node exporter each minute.

    Example: hotlined metrics
    """
    config = settings.config()
    with output_to(file):
        click.echo(report.write(config), nl=False)
