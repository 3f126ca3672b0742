"""Carries out a decision for the command line or the desk: through the control program, else in the database itself.

If the control program's socket exists but fails, that is an error, and never a reason to write the database directly.
"""

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

from hotlined.config import Config
from hotlined.control import DESKS_SOCKET, LONG, LONG_SECONDS, OTHER_LINE, not_allowed
from hotlined.errors import RefusedError, UnavailableError, reason_of
from hotlined.language import _, spoken
from hotlined.machine import wire

_ANSWER_SECONDS = 30.0  # a Pi Zero may have to start the program first, and the database may be locked for a while


def decide(config: Config, who: str, verb: str, **arguments: Any) -> Any:
    """Carry out a decision and return its result (see `verbs`).

    Raises the errors of the store; UnavailableError if the control program does not answer; RefusedError if this user
    may not ask it, or if there is no control program and another user owns the database.
    """
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect(os.fspath(_path(config)))
        except (FileNotFoundError, NotADirectoryError):
            return _directly(config, who, verb, arguments)
        except PermissionError as error:
            raise not_allowed(who) from error
        except OSError as error:
            if error.errno is None:  # the path is too long for a socket, so there is none
                return _directly(config, who, verb, arguments)
            raise _no_answer(config, reason_of(error)) from error
        answer = _asked(channel, config, who, verb, arguments)
    if "error" not in answer:
        return answer.get("result")
    if answer["error"].get("kind") == OTHER_LINE:  # our database is another one, whose line only has the same name
        return _directly(config, who, verb, arguments)
    raise wire.to_error(answer["error"])


def _asked(channel: socket.socket, config: Config, who: str, verb: str, arguments: dict[str, object]) -> dict[str, Any]:
    request = {"verb": verb, "arguments": arguments, "database": os.path.realpath(config.database)}
    request |= {"who": who, "language": spoken()}
    deadline = time.monotonic() + (LONG_SECONDS if verb in LONG else _ANSWER_SECONDS)
    try:
        return wire.ask(channel, request, deadline)
    except OSError as error:
        raise _no_answer(config, reason_of(error)) from error
    except ValueError as error:
        raise _no_answer(config, _("it ended")) from error


def _path(config: Config) -> Path:
    """Return the socket for this user: the desk's user has its own."""
    desks = wire.socket_path(config.runtime_dir, "control", config.name, DESKS_SOCKET)
    with contextlib.suppress(OSError):
        if desks.stat().st_uid == os.geteuid():
            return desks
    return wire.socket_path(config.runtime_dir, "control", config.name)


def _directly(config: Config, who: str, verb: str, arguments: dict[str, object]) -> Any:
    from hotlined.control.verbs import VERBS, Decision  # noqa: PLC0415  asking at the socket does not need the store
    from hotlined.store.file.opening import open_beside_daemon  # noqa: PLC0415  the same

    _require_own(config)
    with open_beside_daemon(config.database) as db:
        return VERBS[verb].act(Decision(db, arguments, who, db.now(), lambda: config))


def _require_own(config: Config) -> None:
    """Raise RefusedError if another user owns the database: only its owner writes it."""
    try:
        owner = config.database.stat().st_uid
    except OSError:
        return  # the file is missing or hidden: opening it raises the right error
    if owner != os.geteuid():
        raise RefusedError(
            _(
                "{database} is another user's, and there is no control socket to ask at ({socket}).",
                database=config.database,
                socket=_path(config),
            ),
            _("Start it: `sudo systemctl start {unit}`; or decide as root, with sudo.", unit=_unit(config)),
        )


def _no_answer(config: Config, reason: str) -> UnavailableError:
    return UnavailableError(
        _("The control program at {socket} does not answer: {reason}.", socket=_path(config), reason=reason),
        _("`systemctl status {unit}` says why; nothing was decided, as far as is known.", unit=_unit(config)),
    )


def _unit(config: Config) -> str:
    return f"hotlined-control@{config.name}.socket"
