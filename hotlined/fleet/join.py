"""Makes a line a member of a fleet, or of none: keys beside the database, the hub's address beside the configuration.

Each step is on the disk before the next. The file of the address contains a digest of the pseudonyms' key of the fleet.
So a line that joined in part exchanges nothing, and joining again completes it.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hotlined import files, pseudonym
from hotlined.clock import Now
from hotlined.config import Config
from hotlined.errors import RefusedError, StoreError
from hotlined.fleet import certificates
from hotlined.fleet.hub import HubAddress
from hotlined.fleet.invitation import Invitation
from hotlined.language import _
from hotlined.store import fleet, fleet_answers, line, pseudonyms
from hotlined.store.database import Database
from hotlined.store.database_files import ORDERS, beside
from hotlined.store.opening import open_for_daemon

_ADDRESS_MODE = 0o640


def address_path(config: Config) -> Path:
    """Return where the hub's address is, beside the configuration."""
    return config.path.with_suffix(".fleet")


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of joining: `persons` is the number of those whose decisions the line can share.

    `formerly` counts persons whose opt-out or block is stored under a former pseudonym alone, and cannot be shared;
    `kept` those whom lines of another fleet had refused. `another_key` says whether the line now makes new pseudonyms.
    """

    persons: int
    formerly: int
    kept: int
    another_key: bool


def maybe_address(config: Config, db: Database) -> HubAddress | None:
    """Return the hub's address: of the configuration, else as it was stored when the line joined; None without both.

    The certificates are those that were stored then, unless the address names its own. Raises RefusedError if the line
    makes other pseudonyms than the fleet.
    """
    stored = _stored_address(config)
    digest = stored.get("pseudonyms")
    if digest is not None and digest != next(iter(line.key_digests_of(db.connection)), None):
        raise RefusedError(
            _("The line makes other pseudonyms than its fleet: nothing is exchanged."),
            _("`hotlined fleet join FILE` with its invitation ends that."),
        )
    url = config.fleet.hub or stored.get("hub")
    if not isinstance(url, str):
        return None
    shown = stored.get("certificates")
    return HubAddress(url, certificates.read(shown) if isinstance(shown, dict) and "sslcert=" not in url else None)


def _stored_address(config: Config) -> dict[str, Any]:
    try:
        stored = json.loads(files.read(address_path(config)))
    except FileNotFoundError:
        return {}
    return stored if isinstance(stored, dict) else {}


def store_address(config: Config, invitation: Invitation) -> None:
    """Write the hub's address, the line's certificate, and the digest of the pseudonyms' key.

    Raises RefusedError without the right to write beside the configuration.
    """
    shown = asdict(invitation.certificates) if invitation.certificates else None
    digest = pseudonym.digest(bytes.fromhex(invitation.keys.pseudonyms))
    octets = json.dumps({"hub": invitation.hub, "certificates": shown, "pseudonyms": digest}).encode()
    with _needing_rights(config):
        files.replace(address_path(config), octets, _ADDRESS_MODE, beside=config.path, durable=True)


def require_fitting(config: Config, invitation: Invitation) -> None:
    """Raise RefusedError if an invitation is for another line."""
    if invitation.line != config.line:
        raise RefusedError(
            _("The invitation is for line {other}; this one is {line}.", other=invitation.line, line=config.line),
            _("Have one made for {line}, or correct `line` in the configuration.", line=config.line),
        )


def have_database(path: Path) -> None:
    """Make the database of a line that has not run yet, as its user; raises StoreError if its folder is missing."""
    if path.exists():
        return
    if os.geteuid() == 0 and not path.parent.is_dir():
        raise StoreError(
            _("There is no folder {folder}: the line is not installed here.", folder=path.parent),
            _("First `sudo scripts/install`, or the package."),
        )
    open_for_daemon(path).close()


def join(db: Database, invitation: Invitation, now: Now) -> Joined:
    """Make the line a member; raises StoreError if a key of its pseudonyms is lost, RefusedError as `store_shared`.

    Persons whom lines of a fleet with another key had refused stay refused here.
    """
    key = bytes.fromhex(invitation.keys.pseudonyms)
    pseudonyms.store_shared(db, key, now)
    files.replace(beside(db.path, ORDERS), bytes.fromhex(invitation.keys.orders), 0o600, beside=db.path, durable=True)
    with db.transaction():
        another, kept = not pseudonyms.is_used(db, key), 0
        if another:
            kept = fleet.leave(db, now)
            pseudonyms.use_shared(db, key)
        fleet_answers.join_again(db)
        persons = fleet.join(db, invitation.line)
        return Joined(persons, fleet.count_formerly(db), kept, another)


def forget_address(config: Config) -> bool:
    """Remove the hub's address; return whether there was one. Raises RefusedError as `store_address` does.

    `fleet.hub` in the configuration stays there.
    """
    with _needing_rights(config):
        return _remove(address_path(config))


@contextlib.contextmanager
def _needing_rights(config: Config) -> Iterator[None]:
    """Raise RefusedError with the path for a PermissionError, which names a temporary file."""
    try:
        yield
    except PermissionError as error:
        path = address_path(config)
        raise RefusedError(
            _("{path} may not be written by you.", path=path), _("Put `sudo` before the command.")
        ) from error


def leave(db: Database, now: Now) -> int | None:
    """Make the line a member of no fleet; return how many persons stay refused here, None where it was in none.

    The key of the pseudonyms stays in use.
    """
    with db.transaction():
        member = fleet.maybe_membership(db)
        kept = fleet.leave(db, now) if member else None
    had_key = _remove(beside(db.path, ORDERS))
    return 0 if kept is None and had_key else kept


def _remove(path: Path) -> bool:
    """Remove a file durably; return whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    files.sync_folder(path.parent)
    return True
