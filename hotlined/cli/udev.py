"""`hotlined udev-rule`: prints a rule for the stick that is plugged in; nothing is written to the disk."""

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.settings import Settings, pass_settings
from hotlined.doctor.udev import pick, rule
from hotlined.gsm import finding


@click.command("udev-rule", cls=TranslatedCommand)
@click.option("--port", metavar="DEVICE", help="The port that the rule is for. Without it, the best port of the stick.")
@pass_settings
def udev_rule(settings: Settings, port: str | None) -> None:
    """Print a udev rule for the stick that is plugged in: a stable name, no ModemManager, no sleep.

    The name is /dev/hotlined-LINE. Write the rule to the file that its first line names. Then run
    `sudo udevadm control --reload`, and plug the stick in again. The exit code is 69 if there is no stick.

    Example: hotlined udev-rule --port /dev/ttyUSB2
    """
    line = settings.config().line
    candidates = finding.candidates()
    click.echo(rule(pick(candidates, port), line, candidates), nl=False)
