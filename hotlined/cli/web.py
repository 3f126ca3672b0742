"""`hotlined web`: the desk in a browser, at the socket that systemd hands over, at one that it makes, or at a port."""

import contextlib
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from hotlined.cli.output import print_wrapped
from hotlined.cli.service import listening, prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config
from hotlined.errors import HotlinedError, UsageError

_LOCAL = "127.0.0.1"


@click.command
@click.option("--port", metavar="NUMBER", type=click.IntRange(0, 65_535), help="Serve yourself here, at this port.")
@click.option("--socket", "path", metavar="PATH", type=click.Path(path_type=Path), help="Serve at a socket made there.")
@pass_settings
def web(settings: Settings, port: int | None, path: Path | None) -> None:
    """Show the line in a browser.

    With --port it prints a link for you alone, and serves until Ctrl-C; 0 takes any port that is free. As a service it
    serves at systemd's socket, and ends when nobody has looked for ten minutes.

    Example: hotlined web --port 8080
    """
    if port is not None and path is not None:
        raise UsageError("--port and --socket exclude each other.")
    if find_spec("flask") is None or find_spec("waitress") is None:
        raise HotlinedError(
            "The desk needs Flask and waitress, which are missing: pip install 'hotlined[web]'.",
            "In a checkout: `.venv/bin/pip install -e '.[web]'`.",
        )
    config = settings.config()
    prepare(config)
    with contextlib.suppress(KeyboardInterrupt):
        if port is None:
            _serve_socket(config, path)
        else:
            _serve_port(config, settings.who, port)


def _serve_socket(config: Config, path: Path | None) -> None:
    from hotlined.desk import app, serving, who  # noqa: PLC0415  --help does without

    with listening(path) as listener:
        idle_seconds = None if path else serving.IDLE_SECONDS
        serving.serve(app.make(config, who.SocketDoor(config.database)), listener, idle_seconds=idle_seconds)


def _serve_port(config: Config, name: str, port: int) -> None:
    from hotlined.desk import app, serving, who  # noqa: PLC0415  --help does without

    door = who.LinkDoor.new(name)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOCAL, port))
        listener.listen()
        print_wrapped("Open this in your browser; it works once, and is for you alone. Ctrl-C ends the desk.")
        click.echo(f"http://{_LOCAL}:{listener.getsockname()[1]}/enter?token={door.token}")
        sys.stdout.flush()
        serving.serve(app.make(config, door), listener, idle_seconds=None)
