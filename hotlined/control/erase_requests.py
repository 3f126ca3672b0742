"""Erases for the command line, and ends only when no file of the database has a copy of the erased data.

Each batch, each try to erase a person, and the rebuild are separate decisions, so the daemon can work in between.
"""

import time
from collections.abc import Callable, Iterator

from hotlined.config import Config
from hotlined.control.client import decide
from hotlined.errors import RefusedError, UnavailableError
from hotlined.language import _
from hotlined.store.file import holders
from hotlined.store.people import purging, stored

_LOOK_SECONDS = 0.2
_SETTLED_SECONDS = 5.0  # the time that the daemon needs after modem.send_timeout to settle what it was sending


def purge(config: Config, who: str) -> Iterator[purging.Batch]:
    """Erase old texts and numbers, and yield each batch; afterwards `rebuild` removes the copies from the files."""
    while (batch := decide(config, who, "purge")) is not None:
        yield purging.Batch(**batch)


def forget(config: Config, who: str, name: str, *, daemon_runs: Callable[[], bool]) -> stored.StoredCounts:
    """Erase a person from every file, and return the counts of erased data; wait while an answer to it is being sent.

    Raises RefusedError if the wait is too long, or if no daemon runs that could settle the answer that was being sent;
    UnavailableError if a file still has a copy.
    """
    deadline = time.monotonic() + config.modem.send_timeout.total_seconds() + _SETTLED_SECONDS
    while (done := decide(config, who, "forget", name=name)) is None:
        runs = daemon_runs()
        if not runs or time.monotonic() > deadline:
            raise RefusedError(
                _("An answer to this number is just being sent: nothing was erased."),
                _("Try again in two minutes.")
                if runs
                else _(
                    "It was being sent when the daemon stopped. Start the daemon, which settles that, and try again."
                ),
            )
        time.sleep(_LOOK_SECONDS)
    _require_rebuilt(config, "forget", rebuilt=done["rebuilt"])
    return stored.StoredCounts(**done["erased"])


def rebuild(config: Config, who: str, command: str) -> None:
    """Rewrite the database if it may have a copy of erased data.

    Raises UnavailableError if one of its files still has such a copy, for example because a program reads it.
    """
    _require_rebuilt(config, command, rebuilt=decide(config, who, "rebuild"))


def _require_rebuilt(config: Config, command: str, *, rebuilt: bool) -> None:
    """Raise UnavailableError unless the database was `rebuilt`: a reader then keeps a copy in one of its files."""
    if not rebuilt:
        readers, again = ", ".join(holders.who_reads(config.database)), f"`hotlined {command}`"
        raise UnavailableError(
            _(
                "It is erased from the database, but {programs} still has it open, so one of its files (-wal) holds a"
                " copy.",
                programs=readers or _("a program"),
            ),
            _("End that, then {command} again.", command=again)
            if readers
            else _(
                "End what has the database open beside the daemon (sqlite3, Datasette), then {command} again.",
                command=again,
            ),
        )
