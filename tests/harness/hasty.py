"""`hotlined` with other waits, on another machine: `python tests/harness/hasty.py JSON --config FILE run`.

JSON is an object of fields of `Timing` in seconds. Beside them may stand `sysfs` and `dev`, the folders in which sticks
are looked for, and `calendar`: a folder whose file `days` says how far the calendar is off, and in which a file
`synchronised` stands while the kernel takes it for the right time. Everything else is as it is in service.
Known to be wrong: the calendar is the one thing that cannot be handed in, so the module that reads it is changed.
"""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Self

import click

from hotlined import clock
from hotlined.cli import LazyGroup
from hotlined.cli import main as real
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.daemon import serve
from hotlined.gsm.finding import Machine
from hotlined.timing import Timing

PATIENT = Timing(clip=60.0)
"""For callers whose number always comes: on a machine that is busy it may be later than what people wait for."""


def program(timing: Timing, machine: Machine) -> click.Group:
    """Return all commands, of which `run` serves with what was handed in."""

    @click.command
    @pass_settings
    def run(settings: Settings) -> None:
        config = settings.config()
        prepare(config.log_level)
        serve(config, timing, machine)

    class Hasty(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return run if cmd_name == "run" else super().get_command(ctx, cmd_name)

    return Hasty(params=real.params, callback=real.callback, context_settings=real.context_settings)


def read(given: str) -> tuple[Timing, Machine]:
    """Return what a JSON object hands in; the calendar is set at once."""
    fields = json.loads(given)
    if folder := fields.pop("calendar", None):
        step_calendar(Path(folder))
    folders = {name: Path(fields.pop(name)) for name in ("sysfs", "dev") if name in fields}
    waits = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Timing(**waits), Machine(**folders)


def step_calendar(folder: Path) -> None:
    """Let the calendar of this process be as many days off as a file says."""

    class Stepped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return super().now(tz) + dt.timedelta(days=float((folder / "days").read_text()))

    clock.datetime = Stepped  # type: ignore[misc]
    clock.synchronised = (folder / "synchronised").exists


if __name__ == "__main__":
    program(*read(sys.argv.pop(1)))()
