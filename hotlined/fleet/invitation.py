"""Invitations, with which an admin lets a line into the fleet, and the fleet's key, which the hub never has.

An invitation is one line of JSON: `line`, `hub` (the URL with the line's login) and `key`. The invitation that
`hotlined-setup` hands to the line's user has no `hub`: root keeps it.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotlined import pseudonym
from hotlined.errors import RefusedError, UsageError
from hotlined.language import _
from hotlined.machine import files

KEY_FILE = "fleet.key"
"""The file of the fleet's key, beside the first invitation: 64 hexadecimal digits."""
LARGEST = 4096
"""Largest size of an invitation, in bytes."""
_KEY = re.compile("[0-9a-f]{64}")
_LINE = re.compile("[a-z0-9][a-z0-9_]{0,21}")


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation; `hub` is None if root has kept it."""

    line: str
    key: bytes = field(repr=False)
    hub: str | None = field(repr=False)

    def to_json(self) -> str:
        """Return the invitation as one line of JSON."""
        return json.dumps({"line": self.line, "hub": self.hub, "key": self.key.hex()}) + "\n"


def require_line(line: str) -> None:
    """Raise UsageError unless this is a valid name of a line."""
    if not _LINE.fullmatch(line):
        raise UsageError(
            _("{line} is not a line: a name has 1 to 22 of a-z, 0-9 and _, first a letter or digit.", line=line)
        )


def read(octets: bytes) -> Invitation:
    """Read an invitation; raises UsageError for anything else."""
    try:
        found: Any = json.loads(octets if len(octets) <= LARGEST else b"")
    except (ValueError, RecursionError):
        found = None
    match found:
        case {"line": str(line), "key": str(key), **rest} if _KEY.fullmatch(key):
            hub = rest.get("hub")
            if hub is None or (isinstance(hub, str) and re.fullmatch(r"postgres(?:ql)?://\S+", hub)):
                return Invitation(line, bytes.fromhex(key), hub)
    raise UsageError(_("This is not an invitation."), _("`hotlined fleet hub invite LINE FILE --hub URL` writes one."))


def have_key(folder: Path, *, is_first: bool) -> bytes:
    """Return the fleet's key from the file beside the first invitation; make it with the first invitation.

    Raises RefusedError if the file is missing although the hub has a key's fingerprint already.
    """
    path = folder / KEY_FILE
    try:
        text = files.read(path).strip()
    except FileNotFoundError as error:
        if not is_first:
            raise RefusedError(
                _("There is no {path}, and the hub has the fingerprint of a key.", path=path),
                _(
                    "Write the invitation into the folder of the first one. If that file is lost: each line of the"
                    " fleet has the key, in the folder `keys` beside its database."
                ),
            ) from error
        key = os.urandom(pseudonym.KEY_OCTETS)
        with files.create(path) as file:
            file.write(f"{key.hex()}\n".encode())
        return key
    if not _KEY.fullmatch(text):
        raise RefusedError(_("{path} holds no key of a fleet.", path=path))
    return bytes.fromhex(text)
