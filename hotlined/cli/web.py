"""`hotlined web`: the desk in a browser, at the sockets from systemd, or at a port."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click

from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import print_wrapped
from hotlined.cli.service import prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.config import Config
from hotlined.errors import ConfigError, HotlinedError, UsageError
from hotlined.language import _
from hotlined.machine import person, systemd

OF_PROXIES = "-proxy.sock"
"""The end of a socket's path at which a proxy names the visitor; a line's name has no hyphen, so it cannot end so."""
_LOCAL = "127.0.0.1"


@click.command(cls=TranslatedCommand)
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65_535), help="Serve you alone, at this port.")
@pass_settings
def web(settings: Settings, port: int | None) -> None:
    """Show the line in a browser.

    With --port it prints a link for you alone, and serves until Ctrl-C; port 0 means any free port. As a service it
    serves at systemd's sockets, and ends when nobody has opened a page for ten minutes.

    Example: hotlined web --port 8080
    """
    if find_spec("flask") is None or find_spec("waitress") is None:
        settings.speak_early()
        raise HotlinedError(
            _("The desk needs Flask and waitress, which are missing."),
            "`sudo apt install python3-flask python3-waitress`",
        )
    with contextlib.suppress(KeyboardInterrupt):
        if port is None:
            _serve_sockets(settings)
        else:
            _serve_port(settings, port)


def _serve_sockets(settings: Settings) -> None:
    from hotlined.desk import app, forms, serving, who  # noqa: PLC0415  --help does not need it

    listeners = systemd.listeners()
    if not listeners:
        settings.speak_early()
        words = _("systemd handed no socket over.")
        raise UsageError(words, _("`hotlined web --port 8080` shows the line to you alone."))
    try:
        config = settings.config()
    except ConfigError as error:
        serving.refuse(listeners, error)
        raise
    prepare(config.log_level)
    kept = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    key = forms.key_in(Path(kept) if kept else None)
    members, proxies = who.MembersAuthenticator(config.database), who.ProxyAuthenticator(config.web)
    authenticators = {each: proxies if each.getsockname().endswith(OF_PROXIES) else members for each in listeners}
    ending = serving.Ending.at_sigterm()
    desk = app.make(config, key)
    serving.serve(desk, authenticators, ending, is_stale=_changes(config))


def _changes(config: Config) -> Callable[[], bool]:
    """Return a function that tells whether the configuration or the answer's file changed since this call.

    If so, the desk ends and starts again.
    """

    def state(path: Path) -> tuple[int, ...] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    files = [path for path in (config.path, config.answer.text_file) if path]
    before = [*map(state, files)]
    return lambda: [*map(state, files)] != before


def _serve_port(settings: Settings, port: int) -> None:
    from hotlined.desk import app, forms, serving, who  # noqa: PLC0415  --help does not need it

    config = settings.config()
    prepare(config.log_level)
    ending = serving.Ending.at_sigterm()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOCAL, port))
        listener.listen()
        bound = listener.getsockname()[1]
        authenticator = who.LinkAuthenticator(settings.who, person.uid(), bound)
        print_wrapped(_("Open this in your browser; it works once, and is for you alone. Ctrl-C ends the desk."))
        click.echo(f"http://{_LOCAL}:{bound}/enter?token={authenticator.token}")
        sys.stdout.flush()
        desk = app.make(config, forms.key_in(None))
        serving.serve(desk, {listener: authenticator}, ending, idle_seconds=None)
