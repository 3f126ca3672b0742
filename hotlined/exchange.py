"""What a line and the program that asks the hub for it leave for each other in the runtime directory: in memory alone.

The daemon writes a mark, in a folder of the line's user: with it the exchange knows whether there is anything new to
ask for, without starting the control program. The exchange writes how the hub is, in a folder of its own, for everybody
to read: there is no number in it, and what others say of themselves is not believed where it is read.
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
    """What the daemon says: `changed` is another number once the line has something new for the others."""

    changed: int
    figures: str
    """How the line is, as the hub has it for the others: JSON."""
    boottime: float
    """When this was written, in seconds since boot."""

    def is_fresh(self, boottime: float) -> bool:
        """Tell whether its daemon lives, as far as the exchange can know."""
        return 0 <= boottime - self.boottime < _FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class Heard:
    """How the hub is, as the exchange found it."""

    reachable: bool
    since: str
    """RFC 3339: since when that has been so."""
    boottime: float
    """When the hub was last reached, in seconds since boot; 0 where it never was."""
    reason: str = ""
    """Why it is not reached."""
    not_let_in: bool = False
    """It is there, and does not take the line's login."""
    lines: tuple[Any, ...] = ()
    """What it said last of the lines, unchecked; their ages are those of `lines_boottime`."""
    lines_boottime: float = 0.0


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the files of a line are; `runtime_dir` is that of the configuration."""

    runtime_dir: Path
    name: str

    @property
    def mark(self) -> Path:
        """Where the daemon's mark is."""
        return self._beside("fleet") / "mark.json"

    @property
    def heard(self) -> Path:
        """Where the exchange writes."""
        return self._beside("hub") / "hub.json"

    def _beside(self, purpose: str) -> Path:
        return self.runtime_dir.with_name(f"{self.runtime_dir.name}-{purpose}") / self.name

    def maybe_mark(self) -> Mark | None:
        """Return the daemon's mark; None where there is none."""
        return _maybe(self.mark, Mark)

    def maybe_heard(self) -> Heard | None:
        """Return how the hub is; None where no exchange has said it since boot."""
        return _maybe(self.heard, Heard)


def login_path(config: Path) -> Path:
    """Return where a line's login at the hub lies, beside its configuration: where units are, only root reads it."""
    return config.with_suffix(".fleet")


def write(path: Path, value: Mark | Heard, mode: int) -> None:
    """Write a file for the other side, whole; raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps(asdict(value)).encode(), mode)


def _maybe(path: Path, kind: type[_Kind]) -> _Kind | None:
    with suppress(OSError, ValueError, TypeError):
        return kind(**json.loads(files.read(path)))
    return None
