"""Erases for the person at the command line, and ends once no file of the database holds a copy of what was erased.

Each batch, each try to erase a person and the rebuild is a decision of its own, so the daemon goes on in between.
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
_SETTLED_SECONDS = 5.0  # after modem.send_timeout: so long the daemon may take to settle what it sent


def purge(config: Config, who: str) -> Iterator[purging.Batch]:
    """Erase what is old enough, and yield each batch; `rebuild` then takes the copies out of the files."""
    while (batch := decide(config, who, "purge")) is not None:
        yield purging.Batch(**batch)


def forget(
    config: Config, who: str, name: str, *, keep_opt_out: bool, daemon_runs: Callable[[], bool], asks: bool = True
) -> stored.StoredCounts:
    """Erase a person from every file once nothing is being sent to it, and return what was erased.

    With `asks` the other lines of a fleet are asked to erase it, too.
    Raises RefusedError where that takes too long, or no daemon runs that would settle what is being sent, and
    UnavailableError where a file still holds a copy.
    """
    deadline = time.monotonic() + config.modem.send_timeout.total_seconds() + _SETTLED_SECONDS
    while (done := decide(config, who, "forget", name=name, keep_opt_out=keep_opt_out, asks=asks)) is None:
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
    """Write the database anew if it may hold a copy of what was erased.

    Raises UnavailableError if one of its files still holds such a copy, as while a program reads it.
    """
    _require_rebuilt(config, command, rebuilt=decide(config, who, "rebuild"))


def _require_rebuilt(config: Config, command: str, *, rebuilt: bool) -> None:
    """Raise UnavailableError where a reader keeps a copy of what was erased in one of the database's files."""
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
