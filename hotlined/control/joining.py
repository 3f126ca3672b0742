"""Makes a line a member of a fleet, or of none, as the line's own user: the key beside its own, in the store's hands.

Where units are installed, root keeps the login: an invitation without `hub` comes from `hotlined-setup`. Elsewhere it
lies beside the configuration.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hotlined import files
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import RefusedError
from hotlined.exchange import login_path
from hotlined.language import _
from hotlined.store import fleet
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.fleet import DecidedElsewhere

_MODE = 0o600


def maybe_url(config: Config) -> str | None:
    """Return the URL with the login of a line whose user may read it; None where there is none."""
    with suppress(FileNotFoundError):
        return files.read(login_path(config.path)).strip()
    return None


def join(config: Config, line: str, key: bytes, hub: str | None) -> int:
    """Make the line a member, by an invitation; return how many decisions the others cannot hear yet (`fleet.join`).

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
    if not config.database.exists():  # it has not run yet
        open_for_daemon(config.database).close()
    with open_beside_daemon(config.database) as db:
        return fleet.join(db, config.line, key, db.now())


def leave(config: Config) -> DecidedElsewhere:
    """Make the line a member of no fleet; raises RefusedError where it is in none."""
    with open_beside_daemon(config.database) as db:
        if fleet.maybe_member(db) is None:
            raise RefusedError(_("This line is in no fleet."))
        left = fleet.leave(db)
    with suppress(FileNotFoundError, PermissionError):  # root's, where units are installed
        login_path(config.path).unlink()
    return left


def door(config: Config, who: str) -> Callable[[dict[str, Any] | None], dict[str, Any]]:
    """Return the door for a person who is the line's user: the control program's, else the database itself."""

    def ask(answer: dict[str, Any] | None) -> dict[str, Any]:
        told: dict[str, Any] = decide(config, who, "exchange", answer=answer)
        return told

    return ask
