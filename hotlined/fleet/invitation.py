"""The file with which a line joins a fleet: the hub's address, the name to log in with, and the two keys of the fleet.

If lines reach the hub over TCP, it also contains the line's certificate. Whoever has the file can act as the line at
the hub, and can find the numbers of pseudonyms: it is private (0600), and is to be erased once the line has joined.
"""

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hotlined import files
from hotlined.errors import UsageError
from hotlined.fleet import certificates
from hotlined.fleet.certificates import Certificates
from hotlined.language import _
from hotlined.pseudonym import KEY_OCTETS

_MODE = 0o600
_KEYS = "fleet-keys"
_KEY = re.compile(f"[0-9a-f]{{{2 * KEY_OCTETS}}}")
_URL = re.compile(r"postgres(?:ql)?://\S+")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a fleet, in hexadecimal digits: the key of pseudonyms, and the key with which orders are signed."""

    pseudonyms: str = field(repr=False)
    orders: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Everything that a line needs to join."""

    line: str
    hub: str = field(repr=False)
    keys: Keys
    certificates: Certificates | None = None


def have_keys(folder: Path) -> Keys:
    """Return the keys of the fleet from a folder beside the invitations; the first call makes them."""
    path = folder / _KEYS
    if os.path.lexists(path):
        return _keys(_private(path))
    keys = Keys(os.urandom(KEY_OCTETS).hex(), os.urandom(KEY_OCTETS).hex())
    files.replace(path, json.dumps(asdict(keys)).encode(), _MODE, durable=True)
    return keys


def write(path: Path, invitation: Invitation) -> None:
    """Write an invitation to a private file."""
    files.replace(path, json.dumps(asdict(invitation)).encode(), _MODE, durable=True)


def read(path: Path) -> Invitation:
    """Read an invitation; raises UsageError if others can read the file, or if it is no invitation."""
    said = _private(path)
    line, hub = said.get("line"), said.get("hub")
    if not (isinstance(line, str) and isinstance(hub, str) and _URL.fullmatch(hub)):
        raise _no_invitation(path)
    keys, shown = said.get("keys"), said.get("certificates")
    return Invitation(
        line,
        hub,
        _keys(keys if isinstance(keys, dict) else {}),
        certificates.read(shown) if isinstance(shown, dict) else None,
    )


def _private(path: Path) -> dict[str, object]:
    if path.stat().st_mode & 0o077:
        raise UsageError(
            _("{path} can be read by others: it holds keys.", path=path),
            _("chmod 600 {path}; if others could read it for long, have new keys made.", path=path),
        )
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(files.read(path))
        if isinstance(said, dict):
            return said
    raise _no_invitation(path)


def _keys(said: dict[str, object]) -> Keys:
    found = [said.get("pseudonyms"), said.get("orders")]
    if not all(isinstance(key, str) and _KEY.fullmatch(key) for key in found):
        raise UsageError(_("The keys of the fleet cannot be read."), _("Copy the file again, whole."))
    return Keys(*map(str, found))


def _no_invitation(path: Path) -> UsageError:
    return UsageError(
        _("{path} is no invitation to a fleet.", path=path),
        _("`hotlined fleet hub invite LINE FILE --hub URL` makes one."),
    )
