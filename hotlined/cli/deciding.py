"""Decisions that commands have carried out, and requests that only the running daemon can: it owns the modem."""

from typing import Any

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.reports import decided
from hotlined.reports.line import report_line, require_daemons_database
from hotlined.store import requests
from hotlined.store.opening import open_beside_daemon
from hotlined.store.requests import RequestVerb
from hotlined.words.conditions import NOT_RUNNING


def decided_now(config: Config, who: str, verb: str, **arguments: Any) -> Any:
    """Carry out a decision; raises RefusedError if the daemon has another file open than the line's database."""
    require_daemons_database(config)
    return decide(config, who, verb, **arguments)


def asked(config: Config, who: str, verb: RequestVerb, **arguments: str) -> str:
    """Request something of the running daemon, wait for its result and return it."""
    require_daemon(config)
    request_id = decided_now(config, who, "ask", request=verb, arguments=arguments)
    with open_beside_daemon(config.database) as db:
        progress = requests.wait_for(
            db, request_id, lambda: bool(decided_now(config, who, "expire", request_id=request_id))
        )
    return decided.result(progress)


def require_daemon(config: Config) -> None:
    """Raise RefusedError unless the daemon of the line runs."""
    if not report_line(config).alive:
        raise RefusedError(NOT_RUNNING.words, _("Start it: only the daemon can do this, it owns the modem."))
