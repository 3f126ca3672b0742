"""The disk of the database: how much room is left, and whether that is too little."""

import shutil
from dataclasses import dataclass

from hotlined.config import Config

SHARE, OCTETS = 0.05, 50_000_000
"""Less than the larger of the two is too little: a share of the disk, and octets."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The octets that are free on a disk, and those that it has."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        """True if the disk is nearly full."""
        return self.free < self._need

    @property
    def has_room(self) -> bool:
        """True if twice as much is free as it needs, so that an alert is over."""
        return self.free >= 2 * self._need

    @property
    def megabytes(self) -> int:
        """The free megabytes."""
        return self.free // 1_000_000

    @property
    def _need(self) -> float:
        return max(SHARE * self.total, OCTETS)


def maybe_disk(config: Config) -> Disk | None:
    """Return the disk of a line's database; None if it cannot be seen."""
    try:
        use = shutil.disk_usage(config.database.parent)
    except OSError:
        return None
    return Disk(use.free, use.total)
