"""What outlives the end of the desk: one JSON object a file, in a folder that systemd keeps until the machine stops.

Without such a folder (at a port, in a test) it is in this process alone. The folder is in memory (tmpfs), the desk's
own, and nobody else's to read.
"""

import json
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hotlined import files

_Result = TypeVar("_Result")


class Memory:
    """One object, and who may change it: one after the other."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / f"{name}.json" if folder else None
        self._lock = threading.Lock()
        self._object = self._read()

    def change(self, change: Callable[[dict[str, Any]], _Result]) -> _Result:
        """Change the object and keep it; raises OSError, and nothing has changed, where it cannot be kept."""
        with self._lock:
            new = dict(self._object)
            result = change(new)
            if new != self._object:
                if self._path:
                    files.replace(self._path, json.dumps(new).encode(), 0o600)
                self._object = new
            return result

    def get(self, key: str) -> Any:
        """Return a value of the object, or None."""
        return self._object.get(key)

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            found = json.loads(files.read(self._path))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def secret(folder: Path | None) -> bytes:
    """Return what forms and cookies are made with, the same as long as the folder is kept."""
    new = secrets.token_hex()
    found: str = Memory(folder, "secret").change(lambda known: known.setdefault("secret", new))
    return bytes.fromhex(found)
