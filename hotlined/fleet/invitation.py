"""Invitations: what an admin brings to a line so that it is in the fleet, and the fleet's key, which no hub ever has.

An invitation is one line of JSON: `line`, `hub` (the URL with the line's login) and `key`. What `hotlined-setup` hands
to the line's user has no `hub`: root keeps that.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotlined import files, pseudonym
from hotlined.errors import RefusedError, UsageError
from hotlined.language import _

KEY_FILE = "fleet.key"
"""The fleet's key, beside the first invitation: 64 hexadecimal digits."""
LARGEST = 4096
"""Octets of an invitation."""
_KEY = re.compile("[0-9a-f]{64}")
_LINE = re.compile("[a-z0-9][a-z0-9_]{0,21}")


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation; `hub` is None where root has kept it."""

    line: str
    key: bytes = field(repr=False)
    hub: str | None = field(repr=False)

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps({"line": self.line, "hub": self.hub, "key": self.key.hex()}) + "\n"


def require_line(line: str) -> None:
    """Raise UsageError unless a line may be called so."""
    if not _LINE.fullmatch(line):
        raise UsageError(
            _("{line} is no line: a name has 1 to 22 of a-z, 0-9 and _, first a letter or digit.", line=line)
        )


def require_person(person: str) -> None:
    """Raise UsageError unless this is how a fleet names somebody."""
    if not pseudonym.is_one(person):
        raise UsageError(_("{person} is nobody in a fleet: `hotlined show NUMBER` prints one as ~….", person=person))


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
    raise UsageError(_("This is no invitation."), _("`hotlined fleet hub invite LINE FILE --hub URL` writes one."))


def have_key(folder: Path, *, is_first: bool) -> bytes:
    """Return the fleet's key, which lies beside the first invitation and is made with it.

    Raises RefusedError where the hub has its fingerprint already, and it is not there.
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
