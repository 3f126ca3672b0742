"""Makes a line join a fleet or leave it, as the line's own user; the store keeps the fleet's key beside the line's own.

Where units are installed, root keeps the login: `hotlined-setup` passes an invitation without `hub`. Elsewhere the
login is in a file beside the configuration.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import RefusedError
from hotlined.fleet_files import login_path
from hotlined.language import _
from hotlined.machine import files
from hotlined.store import lists
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon

_MODE = 0o600


def maybe_url(config: Config) -> str | None:
    """Return the hub's URL with the line's login, from the file beside the configuration; None without that file."""
    with suppress(FileNotFoundError):
        return files.read(login_path(config.path)).strip()
    return None


def join(config: Config, line: str, key: bytes, hub: str | None) -> int:
    """Join a fleet with the values of an invitation; return how many decisions cannot be shared yet (`fleet.join`).

    Raises RefusedError for an invitation of another line, and without the right to write beside the configuration.
    """
    if line != config.line:
        raise RefusedError(
            _("The invitation is for line {other}; this one is {line}.", other=line, line=config.line),
            _("Have one made for {line}, or correct `line` in the configuration.", line=config.line),
        )
    if hub:
        try:
            files.replace(login_path(config.path), f"{hub}\n".encode(), _MODE, durable=True)
        except PermissionError as error:
            raise RefusedError(
                _("{path} may not be written by you.", path=login_path(config.path)),
                _("`sudo hotlined-setup fleet {name} < INVITATION` keeps the login for root.", name=config.name),
            ) from error
    if not config.database.exists():  # the daemon has not run yet
        open_for_daemon(config.database).close()
    with open_beside_daemon(config.database) as db:
        return lists.join(db, config.line, key, db.now())


def leave(config: Config) -> int:
    """Leave the fleet; return how many persons other lines refused. Raises RefusedError if the line is not in one."""
    with open_beside_daemon(config.database) as db:
        if lists.maybe_member(db) is None:
            raise RefusedError(_("This line is in no fleet."))
        left = lists.leave(db)
    with suppress(FileNotFoundError, PermissionError):  # root has the login where units are installed
        login_path(config.path).unlink()
    return left


def asker(config: Config, who: str) -> Callable[[dict[str, Any] | None], dict[str, Any]]:
    """Return a function that takes what the hub has and returns what to do next, by the decision `exchange`."""

    def ask(brought: dict[str, Any] | None) -> dict[str, Any]:
        following: dict[str, Any] = decide(config, who, "exchange", brought=brought)
        return following

    return ask
