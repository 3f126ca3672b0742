"""Makes a line the member of a fleet: its keys beside the database, the hub's address beside the configuration.

Known to be wrong: a line that has pseudonyms of its own cannot join, for nobody can make those of the fleet of them.
"""

import contextlib
import json
from dataclasses import asdict
from pathlib import Path

from hotlined import files, pseudonym
from hotlined.config import Config
from hotlined.errors import RefusedError
from hotlined.fleet import certificates
from hotlined.fleet.hub import Address
from hotlined.fleet.invitation import Invitation
from hotlined.language import _
from hotlined.store import answered, fleet, line, pseudonyms
from hotlined.store.beside import ORDERS, beside
from hotlined.store.database import Database

_ADDRESS_MODE = 0o640


def address_path(config: Config) -> Path:
    """Return where the hub's address is, beside the configuration."""
    return config.path.with_suffix(".fleet")


def maybe_address(config: Config) -> Address | None:
    """Return where the hub is: as the configuration says, else as was stored when the line joined.

    The certificates are those of then, but for an address that names its own.
    """
    try:
        said = json.loads(files.read(address_path(config)))
    except FileNotFoundError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    url = config.fleet.hub or said.get("hub")
    if not isinstance(url, str):
        return None
    shown = said.get("certificates")
    return Address(url, certificates.read(shown) if isinstance(shown, dict) and "sslcert=" not in url else None)


def store_address(config: Config, invitation: Invitation) -> None:
    """Write the hub's address, and the line's certificate, with the rights of whoever writes the configuration."""
    shown = asdict(invitation.certificates) if invitation.certificates else None
    octets = json.dumps({"hub": invitation.hub, "certificates": shown}).encode()
    files.replace(address_path(config), octets, _ADDRESS_MODE, beside=config.path, durable=True)


def require_fitting(config: Config, invitation: Invitation) -> None:
    """Raise RefusedError where an invitation is another line's."""
    if invitation.line != config.line:
        raise RefusedError(
            _("The invitation is for line {other}; this one is {line}.", other=invitation.line, line=config.line),
            _("Have one made for {line}, or correct `line` in the configuration.", line=config.line),
        )


def join(db: Database, invitation: Invitation) -> int:
    """Make the line a member; return of how many persons it has something to share.

    Raises RefusedError where it has pseudonyms under another key.
    """
    key = bytes.fromhex(invitation.keys.pseudonyms)
    if not _has(db, key):
        pseudonyms.share_key(db, key)
    files.replace(beside(db.path, ORDERS), bytes.fromhex(invitation.keys.orders), 0o600, beside=db.path, durable=True)
    with db.transaction():
        answered.join_again(db)
        return fleet.join(db, invitation.line)


def _has(db: Database, key: bytes) -> bool:
    """Tell whether the line has the fleet's key already: a new file would not be hidden from an exchange that runs."""
    with contextlib.suppress(OSError):
        return line.key_digest_of(db.connection) == pseudonym.digest(key) and pseudonym.maybe_key(db.key_path) == key
    return False
