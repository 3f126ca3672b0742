"""One visit, for the pages: the visitor, the line, its database."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from flask import current_app, g, request

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.desk.notices import Notice, Notices
from hotlined.desk.who import Visitor
from hotlined.gsm.address import mask
from hotlined.reports.overview import LineReport, report_line, require_daemons_database
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database

log = logging.getLogger(__name__)
EXTENSION = "hotlined"
_HOUR_SECONDS = 3600.0
_CACHE_KIB = 256  # otherwise each page at work would take 2 MiB for sorting


@dataclass(slots=True)
class Looks:
    """The people and what they looked at in the last hour, with the moment (monotonic seconds)."""

    last: dict[tuple[str, str], float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def note(self, who: str, what: str, now: float) -> bool:
        """Note a look and return True, unless the same one was noted less than an hour before."""
        with self.lock:
            self.last = {look: at for look, at in self.last.items() if now - at < _HOUR_SECONDS}
            if (who, what) in self.last:
                return False
            self.last[who, what] = now
            return True


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk: the line that it serves, and the key of its forms' tokens."""

    config: Config
    """The configuration as the desk began; `line` has the one in force now."""
    key: bytes = field(repr=False)
    notices: Notices = field(default_factory=Notices)
    looks: Looks = field(default_factory=Looks)


def desk() -> Desk:
    """Return the desk that serves this request."""
    found: Desk = current_app.extensions[EXTENSION]
    return found


def line() -> Config:
    """Return the line's configuration that is in force for this request."""
    found: Config = g.config
    return found


def line_report() -> LineReport:
    """Return the report of the line; within one request always the same one."""
    if "report" not in g:
        g.report = report_line(line())
    report: LineReport = g.report
    return report


def visitor() -> Visitor:
    """Return the visitor of this request."""
    found: Visitor = g.visitor
    return found


def maybe_visitor() -> Visitor | None:
    """Return the visitor of this request; None before one is authenticated."""
    found: Visitor | None = g.get("visitor")
    return found


SAID = "said"
"""The name of a notice's sign in an address."""


def notify(notice: Notice) -> str:
    """Keep a sentence for the page that this visitor is led to, and return its sign for the address."""
    return desk().notices.leave(visitor().name, notice)


def notice_of(visitor: Visitor) -> Notice | None:
    """Return the notice whose code is in the address of the page; None if the address has no code."""
    return desk().notices.maybe(visitor.name, request.args.get(SAID, ""))


@contextlib.contextmanager
def reading() -> Iterator[Database]:
    """Yield the database for reading; raises StoreError if it cannot be used, which becomes an error page."""
    with open_beside_daemon(line().database, _CACHE_KIB) as db:
        yield db


def looked_at(contact_id: int) -> None:
    """Log that the visitor looks at a contact."""
    _looked(f"contact {contact_id}")


def looked_up(originator: str) -> None:
    """Log that the visitor looks at the data stored about an originator, which is masked."""
    _looked(f"number {mask(originator)}")


def looked_through(listed: str) -> None:
    """Log that the visitor looks through the list of this name."""
    _looked(f"list {listed}")


def _looked(what: str) -> None:
    """Log a look, at most once in an hour: a page that stays open asks for itself again and again."""
    if desk().looks.note(visitor().name, what, time.monotonic()):
        log.info("%s looked at %s", visitor().name, what)


def decided(verb: str, **arguments: Any) -> Any:
    """Carry out a decision in the visitor's name, as commands do; raises as they do, which becomes an error page."""
    require_daemons_database(line())
    return decide(line(), visitor().name, verb, **arguments)
