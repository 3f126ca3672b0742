"""The command line of the simulator: `python -m hotlined.simulator`."""

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from hotlined.simulator import control
from hotlined.simulator.bench import Bench, Options
from hotlined.simulator.commands import CHARSETS
from hotlined.simulator.device import SETTINGS
from hotlined.simulator.faults import KINDS
from hotlined.simulator.makes import MAKES
from hotlined.simulator.modem import LATENCIES
from hotlined.simulator.server import Server


class _Command(click.Command):
    """A command whose help ends with tables of the messages and the faults."""

    def format_epilog(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the tables."""
        with formatter.section('Messages of the control socket, {"do": NAME, ...}'):
            rows = [*control.summaries().items(), *_CONVERSATION.items()]
            formatter.write_dl([(f"{name} {taken}".strip(), doc) for name, (taken, doc) in rows])
        with formatter.section('Faults, {"do": "fault", "kind": NAME, ...}'):
            formatter.write_dl([(" ".join((name, *kind.given)), f"{kind.doc}.") for name, kind in KINDS.items()])


_CONVERSATION = {
    "watch": ("", "From now on write every event to this connection, as a line of JSON."),
    "wait": (
        "for [count] [timeout]",
        "Answer when that is so: submitted texts, empty, a command (+CMGL), or an event, count times.",
    ),
}


_DEFAULT = Options()


def _factory(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Read settings such as +CMGF=1."""
    settings = {}
    for text in given:
        name, _equals, values = text.partition("=")
        if name not in SETTINGS or not re.fullmatch(r"\d+(,\d+)*", values):
            raise click.BadParameter(f"{text!r} is no setting; {', '.join(SETTINGS)} are")
        settings[name] = tuple(map(int, values.split(",")))
        if len(settings[name]) != len(SETTINGS[name].default):
            raise click.BadParameter(f"{name} takes {len(SETTINGS[name].default)} values")
    return settings


def _names(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Read the names of storages."""
    if given is None:
        return ()
    names = tuple(given.split(","))
    if set(names) - {"SM", "ME", "MT", "SR"} or names == ("SR",):
        raise click.BadParameter(f"{given!r} is not made of SM, ME, MT, SR, or leaves no place for texts")
    return names


def _end(*_: object) -> NoReturn:
    sys.exit(0)


@click.command(cls=_Command)
@click.option("--link", type=click.Path(path_type=Path), help="Make this a link to the port, as udev does.")
@click.option("--control", "control_path", type=click.Path(path_type=Path), help="Listen on this socket.")
@click.option("--sim-size", type=int, help="Places in SM; those of the make if not given.")
@click.option("--me-size", type=int, help="Places in ME, 0 for none; those of the make if not given.")
@click.option("--me-is-sim", is_flag=True, help="Make ME another name of SM.")
@click.option("--offers", callback=_names, help="Storages: of SM, ME, MT, SR; those of the make if not given.")
@click.option("--latency", type=click.Choice(sorted(LATENCIES)), default="zero", show_default=True)
@click.option("--number", default=_DEFAULT.number, show_default=True, help="The SIM's own number.")
@click.option("--imsi", default=_DEFAULT.imsi, show_default=True)
@click.option("--imei", default=_DEFAULT.imei, show_default=True)
@click.option("--pin", help="Ask for this PIN.")
@click.option("--make", type=click.Choice(sorted(MAKES)), default="generic", show_default=True)
@click.option("--lacks", multiple=True, help="A command that it does not know, too, e.g. +CSMS or +CMGF?.")
@click.option("--unknown", help="What it says to a command that it does not know.")
@click.option("--factory", multiple=True, callback=_factory, help="A setting from the factory, e.g. +CMGF=1.")
@click.option("--charset", type=click.Choice(CHARSETS), default=_DEFAULT.charset, help="That of +CSCS at the start.")
@click.option("--loops-back", is_flag=True, help="A text to the SIM's own number comes back after a second.")
@click.option("--until-eof", is_flag=True, help="End when standard input ends.")
def main(*, control_path: Path | None, until_eof: bool, **options: Any) -> None:
    """Be a GSM modem on a pseudo-terminal, with a SIM and a network to play with.

    One line of JSON on standard output says what to open; SIGTERM and SIGINT end it. Example:

    python -m hotlined.simulator --link /tmp/modem --control /tmp/control

    echo '{"do": "deliver", "from": "+32470123456", "text": "coucou"}' | nc -NU /tmp/control

    `nc` is that of netcat-openbsd. A fault names its command without ? or =, such as +CREG.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    bench = Bench(Options(**options))
    said = {"control": str(control_path) if control_path else None}
    server = Server(bench, control_path, sys.stdin.fileno() if until_eof else None)
    server.run(lambda: click.echo(json.dumps({"port": bench.port.name, **said})))


if __name__ == "__main__":
    main()
