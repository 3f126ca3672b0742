"""Decisions that commands have carried out, and requests that only the running daemon can: it owns the modem."""

from typing import Any

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import UnavailableError
from hotlined.language import _
from hotlined.reports import decided
from hotlined.reports.line import LineReport, report_line, require_daemons_database
from hotlined.states import ModemState
from hotlined.store import requests
from hotlined.store.opening import open_beside_daemon
from hotlined.store.requests import RequestVerb
from hotlined.words.conditions import MODEM, NOT_RUNNING, UNKNOWN_STATE


def decided_now(config: Config, who: str, verb: str, **arguments: Any) -> Any:
    """Carry out a decision; raises RefusedError if the daemon has another file open than the line's database."""
    require_daemons_database(config)
    return decide(config, who, verb, **arguments)


def asked(config: Config, who: str, verb: RequestVerb, **arguments: str) -> str:
    """Request something of the running daemon, wait for its result and return it.

    Raises UnavailableError at once without a daemon, and without a modem that is ready for all but the adoption of one.
    """
    if verb is RequestVerb.ADOPT:
        require_daemon(config)
    else:
        require_modem(config)
    request_id = decided_now(config, who, "ask", request=verb, arguments=arguments)
    with open_beside_daemon(config.database) as db:
        progress = requests.wait_for(
            db, request_id, lambda: bool(decided_now(config, who, "expire", request_id=request_id))
        )
    return decided.result(progress)


def require_daemon(config: Config) -> LineReport:
    """Return the report of a line whose daemon runs; raises UnavailableError for another."""
    report = report_line(config)
    if not report.alive:
        raise UnavailableError(NOT_RUNNING.words, _("Start it: only the daemon can do this, it owns the modem."))
    return report


def require_modem(config: Config) -> None:
    """Raise UnavailableError unless the daemon of the line runs and its modem is ready."""
    state = require_daemon(config).daemon.modem.state
    if state != ModemState.READY:
        known = MODEM.get(state or "", UNKNOWN_STATE)
        raise UnavailableError(known.words, known.cure)
