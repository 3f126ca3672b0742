"""One visit, for the pages: who visits, the line, its database."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Response, after_this_request, current_app, g

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.desk.who import Door, Visitor
from hotlined.errors import HotlinedError
from hotlined.reports.in_force import Broken
from hotlined.reports.line import LineReport, report_line, require_daemons_database
from hotlined.store.database import Database
from hotlined.store.opening import open_beside_daemon

EXTENSION = "hotlined"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a desk serves, and for whom."""

    config: Config
    door: Door
    secret: bytes = field(repr=False)
    broken: Broken | None = None
    """What is wrong with the configuration's file, where the line is shown by what is in force instead."""


def desk() -> Desk:
    """Return the desk that is asked."""
    found: Desk = current_app.extensions[EXTENSION]
    return found


def line() -> Config:
    """Return the line's configuration."""
    return desk().config


def line_report() -> LineReport:
    """Return the report of the line at this moment."""
    return report_line(line(), desk().broken)


def visitor() -> Visitor:
    """Return who visits."""
    found: Visitor = g.visitor
    return found


@contextlib.contextmanager
def reading() -> Iterator[Database]:
    """Give the database, to read; raises StoreError where it cannot be used, which becomes a page."""
    with open_beside_daemon(line().database) as db:
        yield db


def looked_at(contact_id: int) -> None:
    """Record that the visitor looks at a contact."""
    _looked("look", contact_id=contact_id)


def looked_through(subject: str) -> None:
    """Record that the visitor looks at a number, which is masked there, or through a list, which is named."""
    _looked("look_through", subject=subject)


def _looked(verb: str, **arguments: Any) -> None:
    """Record it once the page is on its way; what fails is in the journal alone, for a page is shown all the same."""
    config, name = line(), visitor().name

    def record() -> None:
        try:
            decide(config, name, verb, **arguments)
        except (HotlinedError, sqlite3.Error) as error:
            _logger.warning("that somebody looked could not be recorded: %s", error)

    @after_this_request
    def _(response: Response) -> Response:
        response.call_on_close(record)
        return response


def decided(verb: str, **arguments: Any) -> Any:
    """Decide in the visitor's name, as the commands do; raises what they raise, which becomes a page."""
    require_daemons_database(line())
    return decide(line(), visitor().name, verb, **arguments)
