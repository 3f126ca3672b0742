"""One line while its daemon runs: its configuration, its database, its waits. All parts of the daemon share it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotlined.config import Config
from hotlined.gsm import address
from hotlined.gsm.finding import THIS_MACHINE, Machine
from hotlined.machine.timing import USUAL, Timing
from hotlined.status import DaemonTrouble
from hotlined.store.line.database import Database


def file_at(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at a path; None if it does not exist or cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@dataclass(slots=True)
class Line:
    """One line while its daemon runs; a reload replaces `config`."""

    config: Config
    db: Database
    timing: Timing = USUAL
    machine: Machine = THIS_MACHINE
    database_file: tuple[int, int] | None = None
    """Device and inode of the database at its opening."""
    config_refused: DaemonTrouble | None = None
    """The reason for which the last reload failed; None if it did not."""
    stopping: bool = False
    _version: int | None = None
    """The value of `version` for the present pass; None between two passes."""

    @property
    def version(self) -> int:
        """A number that changes when another process writes to the database; it is constant within a pass."""
        return self.db.changed_elsewhere() if self._version is None else self._version

    @contextlib.contextmanager
    def keep_version(self) -> Iterator[None]:
        """Read `version` once for a whole pass; the next pass sees what other processes write meanwhile."""
        self._version = self.db.changed_elsewhere()
        try:
            yield
        finally:
            self._version = None

    def identify(self, originator: address.Address | None) -> address.Identity:
        """Return the identity of an originator; a national number is read as a number of this line's country."""
        return address.identify(originator, self.config.numbers.country)
