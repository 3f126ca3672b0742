"""One visit, for the pages: who visits, the line, its database."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, g

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.desk.who import Door, Visitor
from hotlined.reports.line import require_daemons_database
from hotlined.store.database import Database
from hotlined.store.opening import open_beside_daemon

EXTENSION = "hotlined"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a desk serves, and for whom."""

    config: Config
    door: Door
    secret: bytes = field(repr=False)
    hosts: tuple[str, ...] = ()


def desk() -> Desk:
    """Return the desk that is asked."""
    found: Desk = current_app.extensions[EXTENSION]
    return found


def line() -> Config:
    """Return the line's configuration."""
    return desk().config


def visitor() -> Visitor:
    """Return who visits."""
    found: Visitor = g.visitor
    return found


@contextlib.contextmanager
def reading() -> Iterator[Database]:
    """Give the database, to read; raises StoreError where it cannot be used, which becomes a page."""
    with open_beside_daemon(line().database) as db:
        yield db


def decided(verb: str, **arguments: Any) -> Any:
    """Decide in the visitor's name, as the commands do; raises what they raise, which becomes a page."""
    require_daemons_database(line())
    return decide(line(), visitor().name, verb, **arguments)
