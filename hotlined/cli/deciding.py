"""Decisions, which a command carries out itself, and requests, which the running daemon serves, as it has the modem."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from hotlined.conditions import MODEM, NOT_RUNNING, UNKNOWN_STATE
from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import UnavailableError
from hotlined.language import _
from hotlined.reports import decided
from hotlined.reports.overview import LineReport, report_line, require_daemons_database
from hotlined.states import ModemState
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line import requests
from hotlined.store.line.database import Database
from hotlined.store.line.requests import RequestVerb
from hotlined.store.reading import log


def decided_now(config: Config, who: str, verb: str, **arguments: Any) -> Any:
    """Carry out a decision; raises RefusedError if the running daemon still has another database file open."""
    require_daemons_database(config)
    return decide(config, who, verb, **arguments)


def asked(config: Config, who: str, verb: RequestVerb, **arguments: str) -> str:
    """Ask the running daemon for something, wait for its result and return it.

    Ctrl-C withdraws the request if the daemon has not begun it, and raises KeyboardInterrupt with a sentence for the
    person: the request was withdrawn, or it is too late for this. Raises UnavailableError at once if no daemon runs or
    its modem is not ready; `adopt` needs no ready modem.
    """
    if verb is RequestVerb.ADOPT:
        require_daemon(config)
    else:
        require_modem(config)
    with _interrupted_later() as let_in:
        request_id = decided_now(config, who, "ask", request=verb, arguments=arguments)
        expire = partial(decided_now, config, who, "expire", request_id=request_id)
        with open_beside_daemon(config.database) as db:
            try:
                let_in()
                progress = requests.wait_for(db, request_id, lambda: bool(expire()))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_withdraw(config, who, db, request_id)) from None
    return decided.result(progress)


@contextmanager
def _interrupted_later() -> Iterator[Callable[[], object]]:
    """Hold Ctrl-C back until the yielded function is called: by then the request has its ID, so it can be withdrawn."""
    let_in = partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield let_in
    finally:
        let_in()


def _withdraw(config: Config, who: str, db: Database, request_id: int) -> str:
    """Withdraw a request, or the text that the daemon has queued for it; return the result in a sentence."""
    if decided_now(config, who, "expire", request_id=request_id):
        return decided.withdrawn()
    answer_id = requests.wait_for_answer(db, request_id)
    if answer_id is None:
        return _("The daemon has begun it: it cannot be withdrawn any more.")
    state = decided_now(config, who, "cancel_by_hand", answer_id=answer_id)
    return decided.withdrawn(log.maybe_text_by_hand(db, answer_id), state)


def require_daemon(config: Config) -> LineReport:
    """Return the report of a line whose daemon runs; raises UnavailableError if it does not run."""
    report = report_line(config)
    if not report.alive:
        raise UnavailableError(NOT_RUNNING.words, _("Start it: only the daemon can do this, it owns the modem."))
    return report


def require_modem(config: Config) -> None:
    """Raise UnavailableError unless the line's daemon runs and its modem is ready."""
    state = require_daemon(config).daemon.modem.state
    if state != ModemState.READY:
        known = MODEM.get(state or "", UNKNOWN_STATE)
        raise UnavailableError(known.words, known.cure)
