"""`hotlined alerts`: sends the alerts that are due by every channel, then ends; a timer runs it."""

from functools import partial

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import print_wrapped
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import alerts_reach_somebody
from hotlined.errors import ConfigError, UsageError
from hotlined.language import _


@click.command(cls=TranslatedCommand)
@click.option("--dry-run", is_flag=True, help="Print what would be sent; send and record nothing.")
@click.option("--test", is_flag=True, help="Send a test alert through every channel.")
@pass_settings
@click.pass_context
def alerts(ctx: click.Context, settings: Settings, dry_run: bool, test: bool) -> None:
    """Send the alerts that are due: each problem once, and once more when it is over.

    Most problems are sent at once, a lost modem after ten minutes, a pause after an hour and then daily. Texts with a
    word of alerts.words are reported once an hour at most, and each contact that somebody at the desk asks the admin to
    look at is reported, too. If a channel does not take an alert, the exit code is 1, and later runs try again for 24
    hours. With alerts.digest, the figures of the day or the week are sent in the morning.

    Example: hotlined alerts --test
    """
    config = settings.config()
    if dry_run and test:
        raise UsageError(_("--dry-run and --test exclude each other."))
    reach_somebody = alerts_reach_somebody(config)
    if config.broken and not reach_somebody:  # URLs of config.yaml are secrets, which no daemon tells
        raise ConfigError(_("{problem}, and where alerts go cannot be read from it.", problem=config.broken.message))
    if not reach_somebody and config.alerts.ping is None:
        print_wrapped(_("There is nowhere to send alerts: set alerts.urls, alerts.sms_to or alerts.ping."))
        return
    # a timer runs this every five minutes: where nothing can go anywhere it ends before these imports
    from hotlined.alerts.delivery import find  # noqa: PLC0415
    from hotlined.alerts.run import Run  # noqa: PLC0415
    from hotlined.reports.overview import report_line  # noqa: PLC0415

    report = report_line(config)
    run = Run(config, find(config), report, say=print_wrapped, complain=partial(print_wrapped, err=True))
    if dry_run:
        run.rehearse()
    elif test:
        run.test()
    else:
        run.send_due()
    ctx.exit(int(run.failed))
