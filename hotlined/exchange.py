"""The files by which a line and its exchange with the hub inform each other, in the runtime directory (in memory).

The daemon writes a mark, in a folder of the line's user. By it the exchange knows whether the line has news for the
hub, without starting the control program. The exchange writes the state of the hub, in a folder of its own, for
everybody to read. That file has no number in it, and its readers do not trust what other lines say about themselves.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from hotlined import files

_FRESH_SECONDS = 180.0
_Kind = TypeVar("_Kind", "Mark", "Heard")


@dataclass(frozen=True, slots=True)
class Mark:
    """The daemon's mark: `changed` becomes another number when the line has something new for the others."""

    changed: int
    figures: str
    """The state of the line for the hub and the other lines: JSON."""
    boottime: float
    """The time of writing, in seconds since boot."""

    def is_fresh(self, boottime: float) -> bool:
        """Return whether the daemon of this mark is alive, as far as the exchange can know."""
        return 0 <= boottime - self.boottime < _FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class Heard:
    """The state of the hub, as the exchange found it."""

    reachable: bool
    since: str
    """RFC 3339: the beginning of this state."""
    boottime: float
    """The last time that the hub was reached, in seconds since boot; 0 if never."""
    reason: str = ""
    """The reason why it is not reached."""
    not_let_in: bool = False
    """True if the hub can be reached and refuses the line's login."""
    lines: tuple[Any, ...] = ()
    """The hub's last figures about the lines, unchecked; their ages count from `lines_boottime`."""
    lines_boottime: float = 0.0


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The paths of a line's files; `runtime_dir` is the line's runtime directory."""

    runtime_dir: Path
    name: str

    @property
    def mark(self) -> Path:
        """The path of the daemon's mark."""
        return self._beside("fleet") / "mark.json"

    @property
    def heard(self) -> Path:
        """The path of the exchange's file."""
        return self._beside("hub") / "hub.json"

    def _beside(self, purpose: str) -> Path:
        return self.runtime_dir.with_name(f"{self.runtime_dir.name}-{purpose}") / self.name

    def maybe_mark(self) -> Mark | None:
        """Return the daemon's mark; None if there is none."""
        return _maybe(self.mark, Mark)

    def maybe_heard(self) -> Heard | None:
        """Return the state of the hub; None if no exchange has written it since boot."""
        return _maybe(self.heard, Heard)


def login_path(config: Path) -> Path:
    """Return the path of a line's login at the hub, beside its configuration; with our units, only root can read it."""
    return config.with_suffix(".fleet")


def write(path: Path, value: Mark | Heard, mode: int) -> None:
    """Write a file for the other side, in one step; raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps(asdict(value)).encode(), mode)


def _maybe(path: Path, kind: type[_Kind]) -> _Kind | None:
    with suppress(OSError, ValueError, TypeError):
        return kind(**json.loads(files.read(path)))
    return None
