"""The files by which a line and its exchange with the hub inform each other, in the runtime directory (in memory).

The daemon writes a mark, in a folder of the line's user: one number. By it the exchange knows whether the line may have
something new, without starting the control program. The exchange writes the state of the hub, in a folder of its own,
for everybody to read. That file has no number of a person in it.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hotlined.machine import files


@dataclass(frozen=True, slots=True)
class HubState:
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
    seen: dict[str, str | None] = field(default_factory=dict)
    """When each line was last at the hub, by the hub's clock, unchecked; None: never."""


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
    def hub(self) -> Path:
        """The path of the exchange's file."""
        return self._beside("hub") / "hub.json"

    def _beside(self, purpose: str) -> Path:
        return self.runtime_dir.with_name(f"{self.runtime_dir.name}-{purpose}") / self.name

    def maybe_mark(self) -> int | None:
        """Return the daemon's mark; None if there is none."""
        with suppress(OSError, ValueError, TypeError):
            return int(json.loads(files.read(self.mark)))
        return None

    def maybe_hub(self) -> HubState | None:
        """Return the state of the hub; None if no exchange has written it since boot."""
        with suppress(OSError, ValueError, TypeError):
            return HubState(**json.loads(files.read(self.hub)))
        return None


def login_path(config: Path) -> Path:
    """Return the path of a line's login at the hub, beside its configuration; with our units, only root can read it."""
    return config.with_suffix(".fleet")


def write(path: Path, value: int | HubState, mode: int) -> None:
    """Write a file for the other side, in one step; raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps(value if isinstance(value, int) else asdict(value)).encode(), mode)
