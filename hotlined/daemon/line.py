"""One line while its daemon runs: its configuration, its database, its waits; all parts of the daemon share it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotlined.config import Config, Mode
from hotlined.gsm import address
from hotlined.gsm.finding import THIS_MACHINE, Machine
from hotlined.status import DaemonTrouble
from hotlined.store.line.database import Database
from hotlined.timing import USUAL, Timing


def file_at(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at a path; None where there is none, or it may not be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@dataclass(slots=True)
class Line:
    """One line while its daemon runs; `config` is replaced when the configuration is read again."""

    config: Config
    db: Database
    timing: Timing = USUAL
    machine: Machine = THIS_MACHINE
    database_file: tuple[int, int] | None = None
    """Which file it was when it was opened: its device and inode."""
    config_refused: DaemonTrouble | None = None
    """Why the configuration was not read again when that was asked for last."""
    stopping: bool = False
    _version: int | None = None
    """The reading of `version` for the pass that goes on; None between two passes."""

    @property
    def shadow(self) -> bool:
        """Whether the line judges and composes, and sends nothing."""
        return self.config.mode is Mode.SHADOW

    @property
    def version(self) -> int:
        """A number that changes when another process writes to the database; the same for a whole pass."""
        return self.db.changed_elsewhere() if self._version is None else self._version

    @contextlib.contextmanager
    def keep_version(self) -> Iterator[None]:
        """Read `version` once for a whole pass: what others write meanwhile is seen in the next pass."""
        self._version = self.db.changed_elsewhere()
        try:
            yield
        finally:
            self._version = None

    def identify(self, originator: address.Address | None) -> address.Identity:
        """Return who an originator is; a national number is read as one of this line's country."""
        return address.identify(originator, self.config.numbers.country)
