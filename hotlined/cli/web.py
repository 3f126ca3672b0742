"""`hotlined web`: the desk in a browser, at the socket that systemd gives, at a socket of its own, or at a port."""

import contextlib
import os
import pwd
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click

from hotlined import person
from hotlined.cli.group import Group
from hotlined.cli.output import print_wrapped
from hotlined.cli.service import listening, prepare
from hotlined.cli.settings import Settings, pass_settings
from hotlined.clock import rfc3339
from hotlined.config import Config
from hotlined.desk import accounts
from hotlined.desk.accounts import Account
from hotlined.desk.roles import Role
from hotlined.errors import ConfigError, HotlinedError, RefusedError, UsageError
from hotlined.language import N_, _, in_digits, labelled
from hotlined.words.times import moment

DESK_USER = "hotweb-"
"""How the user begins that the desk of a line runs as; the line's name follows. `hotlined-web-…` may be a line's."""
_LOCAL = "127.0.0.1"
_MADE_OCTETS = 15  # of a password that is made here: 20 characters


@click.group(cls=Group, invoke_without_command=True)
@click.option("--port", metavar="NUMBER", type=click.IntRange(0, 65_535), help="Serve you alone, at this port.")
@click.option(
    "--socket", "path", metavar="PATH", type=click.Path(path_type=Path), help="Make a socket at PATH, and serve there."
)
@pass_settings
@click.pass_context
def web(ctx: click.Context, settings: Settings, port: int | None, path: Path | None) -> None:
    """Show the line in a browser.

    With --port it prints a link for you alone, and serves until Ctrl-C; port 0 means any free port. As a service it
    serves at systemd's socket, and ends when nobody has opened a page for ten minutes. `hotlined web user` has the
    accounts of those who come through a proxy.

    Example: hotlined web user list
    """
    if ctx.invoked_subcommand:
        return
    if port is not None and path is not None:
        raise click.UsageError(N_("--port and --socket exclude each other."))
    if find_spec("flask") is None or find_spec("waitress") is None:
        settings.speak_early()
        raise HotlinedError(
            _("The desk needs Flask and waitress, which are missing."),
            "`sudo apt install python3-flask python3-waitress`",
        )
    with contextlib.suppress(KeyboardInterrupt):
        if port is None:
            _serve_socket(settings, path)
        else:
            _serve_port(settings, port)


@web.group(cls=Group)
def user() -> None:
    """Add, list and remove the people who log in at the desk.

    Only those who come through a proxy log in (web.proxies).

    Example: hotlined web user list
    """


_role = click.option(
    "--role",
    metavar="ROLE",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help=f"What the person may do: {', '.join(Role)}. Each role includes those before it.",
)


@user.command("add")
@click.argument("name")
@_role
@pass_settings
def add_user(settings: Settings, name: str, role: str) -> None:
    """Add a person, who logs in under NAME; decisions are recorded under NAME, too.

    The command asks for a password twice. If you type none, it makes one and prints it. In a script, the first line of
    the input is the password.

    Example: hotlined web user add anna --role volunteer
    """
    name = name.lower()

    def add(known: dict[str, Account]) -> str:
        if not accounts.NAME.fullmatch(name):
            raise UsageError(
                _("{name} is no name for an account.", name=repr(name)),
                _("1 to 31 of a-z, 0-9, ., - and _, first a letter or digit."),
            )
        if name in known:
            hint = _("`hotlined web user password` changes it.")
            raise UsageError(_("There is an account {name} already.", name=name), hint)
        password, words = _password()
        known[name] = accounts.make(name, Role(role), password, rfc3339(datetime.now(UTC)))
        told = _("{name} may log in as {role}.", name=name, role=role)
        return f"{told} {words}".rstrip()

    print_wrapped(_changed(settings, add))


@user.command("password")
@click.argument("name")
@pass_settings
def change_password(settings: Settings, name: str) -> None:
    """Give the person NAME another password, and end the sessions of that person.

    Example: hotlined web user password anna
    """

    def change(known: dict[str, Account]) -> str:
        account = _known(known, name)
        password, words = _password()
        known[account.name] = accounts.make(account.name, account.role, password, rfc3339(datetime.now(UTC)))
        told = _("{name} has another password, and has to log in again.", name=account.name)
        return f"{told} {words}".rstrip()

    print_wrapped(_changed(settings, change))


@user.command("remove")
@click.argument("name")
@pass_settings
def remove_user(settings: Settings, name: str) -> None:
    """Remove NAME, and end the sessions of that person.

    Example: hotlined web user remove anna
    """

    def remove(known: dict[str, Account]) -> str:
        account = _known(known, name)
        del known[account.name]
        return _("{name} may not log in any more.", name=account.name)

    print_wrapped(_changed(settings, remove))


@user.command("list")
@pass_settings
def list_users(settings: Settings) -> None:
    """Show who may log in, and as what.

    Example: hotlined web user list
    """
    config = settings.loaded()
    path = accounts.path_of(config)
    person.require_no_root(path, config.name)
    known = accounts.read(path)
    for account in known.values():
        places = {"name": account.name, "role": account.role, "moment": moment(account.since)}
        print_wrapped(_("{name}: {role}, since {moment}", **places))
    if not known:
        print_wrapped(_("Nobody may log in. Members of the line's group and root come in without."))


def _known(known: Mapping[str, Account], name: str) -> Account:
    if name.lower() not in known:
        hint = _("`hotlined web user list` shows those that there are.")
        raise UsageError(_("There is no account {name}.", name=name), hint)
    return known[name.lower()]


def _changed(settings: Settings, change: Callable[[dict[str, Account]], str]) -> str:
    """Change the accounts so that the desk's user can read them, and return the sentence about the change."""
    config = settings.loaded()
    path = accounts.path_of(config)
    person.require_no_root(path, config.name)
    known = accounts.read(path)
    words = change(known)
    try:
        accounts.write(path, known, _desks_group(config) if os.geteuid() == 0 else None)
    except PermissionError as error:
        raise RefusedError(
            _("{path} may not be written by you.", path=path), _("Put `sudo` before the command.")
        ) from error
    return words


def _desks_group(config: Config) -> int | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(f"{DESK_USER}{config.name}").pw_gid
    return None


def _password() -> tuple[str, str]:
    """Return a password, typed or made here, and the sentence about it."""
    if sys.stdin.isatty():
        typed = _prompted(_("Password (nothing: one is made)"))
        if typed and typed != _prompted(_("Once more")):
            raise UsageError(_("The two are not the same."), _("Nothing was changed."))
    else:
        typed = sys.stdin.readline().rstrip("\n")
    if not typed:
        made = secrets.token_urlsafe(_MADE_OCTETS)
        return made, _("The password: {password}", password=made)
    least, most = accounts.LEAST_CHARACTERS, accounts.MOST_CHARACTERS
    if not least <= len(typed) <= most:
        raise UsageError(
            _("A password has {least} to {most} characters.", least=in_digits(least), most=in_digits(most)),
            _("Four words that belong to nothing are good."),
        )
    return typed, ""


def _prompted(question: str) -> str:
    return str(click.prompt(labelled(question), prompt_suffix="", default="", hide_input=True, show_default=False))


def _serve_socket(settings: Settings, path: Path | None) -> None:
    from hotlined.desk import app, looks, memory, serving, who  # noqa: PLC0415  --help does without

    kept = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    folder = Path(kept) if kept else None
    secret = memory.secret(folder)
    try:
        config = settings.config()
        door = who.at_socket(config, secret, folder)
    except ConfigError as error:
        if path is None:
            with listening() as (listener,):
                serving.refuse(listener, error)
        raise
    prepare(config.log_level)
    ending = serving.Ending.at_sigterm()
    with looks.Looks() as waiting, listening(*filter(None, [path]), mode=0o666) as (listener,):
        desk = app.make(config, door, secret, waiting, settings.broken)
        if path:
            serving.serve(desk, listener, ending, most=door.most, idle_seconds=None)
        else:
            serving.serve(desk, listener, ending, most=door.most, is_stale=_changes(config))


def _changes(config: Config) -> Callable[[], bool]:
    """Return a function that tells whether the configuration or the answer's file has changed since now.

    The desk then ends and starts again.
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
    from hotlined.desk import app, looks, memory, serving, who  # noqa: PLC0415  --help does without

    config = settings.config()
    prepare(config.log_level)
    ending = serving.Ending.at_sigterm()
    with looks.Looks() as waiting, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOCAL, port))
        listener.listen()
        bound = listener.getsockname()[1]
        door = who.LinkDoor.new(settings.who, bound)
        print_wrapped(_("Open this in your browser; it works once, and is for you alone. Ctrl-C ends the desk."))
        click.echo(f"http://{_LOCAL}:{bound}/enter?token={door.token}")
        sys.stdout.flush()
        desk = app.make(config, door, memory.secret(None), waiting, settings.broken)
        serving.serve(desk, listener, ending, idle_seconds=None)
