"""`hotlined` with other waits, on another machine: `python tests/harness/hasty.py JSON --config FILE run`.

JSON is an object of fields of `Timing` in seconds; its `dialogue` is an object of fields of `ModemWaits`. It may also
have `sysfs` and `dev`, the folders to search for sticks, and `calendar`: a folder whose file `days` has the calendar's
error, and whose file `synchronised` exists while the kernel takes the calendar for right. Everything else is as in
service; with an empty word instead of JSON, all of it.

Known to be wrong: the calendar cannot be handed in, so the module that reads it is changed.
"""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Self

import click

from hotlined.cli import LazyGroup
from hotlined.cli import main as real
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.daemon import serve
from hotlined.gsm.finding import Machine
from hotlined.machine import clock
from hotlined.machine.timing import ModemWaits, Timing

PATIENT = Timing(clip=60.0)
"""For tests of callers with a number: on a busy machine it may come later than the usual wait."""


def program(timing: Timing, machine: Machine) -> click.Group:
    """Return all commands; `run` serves with the given timing and machine."""

    @click.command()
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
    """Return the timing and machine of a JSON object; its calendar is set at once."""
    fields = json.loads(given)
    if folder := fields.pop("calendar", None):
        step_calendar(Path(folder))
    folders = {name: Path(fields.pop(name)) for name in ("sysfs", "dev") if name in fields}
    dialogue = ModemWaits(**fields.pop("dialogue", {}))
    waits = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Timing(**waits, dialogue=dialogue), Machine(**folders)


def step_calendar(folder: Path) -> None:
    """Move this process's calendar by the days in a file."""

    class Stepped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return super().now(tz) + dt.timedelta(days=float((folder / "days").read_text()))

    clock.datetime = Stepped  # type: ignore[misc]
    clock.synchronised = (folder / "synchronised").exists


def start(given: str, *arguments: str) -> None:
    """Be `hotlined` with these arguments, with the waits and the machine of a JSON object, or with those of service."""
    (program(*read(given)) if given else real)(list(arguments), prog_name="hotlined")


if __name__ == "__main__":
    start(*sys.argv[1:])
