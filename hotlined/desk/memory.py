"""What the desk keeps when it ends: one JSON object a file, in a folder that systemd keeps until the machine stops.

Without such a folder (at a port, in a test), this process keeps it in its memory alone. The folder is in memory
(tmpfs); only the desk can read it.
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
    """One object, which callers change one after the other."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / f"{name}.json" if folder else None
        self._lock = threading.Lock()
        self._object = self._read()

    def change(self, change: Callable[[dict[str, Any]], _Result]) -> _Result:
        """Change the object and store it; raises OSError if it cannot be stored, and then nothing has changed."""
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
    """Return the secret from which tokens and cookies are made; it stays the same as long as the folder is kept."""
    new = secrets.token_hex()
    found: str = Memory(folder, "secret").change(lambda known: known.setdefault("secret", new))
    return bytes.fromhex(found)
