"""The accounts of people who log in at the desk: name, role, and a hash of the password, in a file of root's.

The file is beside the configuration: the desk reads it and cannot change it. Nobody can read a password in it. But
somebody who has the file can try passwords as fast as his machine can, so only the desk's own group may read it.
"""

import hashlib
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path

from hotlined import files
from hotlined.config import Config
from hotlined.desk.roles import Role
from hotlined.errors import ConfigError, reason_of
from hotlined.language import _

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,30}")
LEAST_CHARACTERS = 10
MOST_CHARACTERS = 256
# RFC 7914. 8 MiB and, on a PC, a quarter of a second: of the sets that OWASP gives as equal, the one that takes least
# memory (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html)
_COST, _BLOCK, _PARALLEL = 2**13, 8, 10
_SALT_OCTETS = 16
_KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in; `salt` changes with each password."""

    name: str
    role: Role
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)
    since: str
    """When the account or its password was made, RFC 3339."""

    def fits(self, password: str) -> bool:
        """Tell whether a password is this account's; it takes a quarter of a second and 8 MiB."""
        return compare_digest(_derived(password, self.salt), self.key)


NOBODY = Account("", Role.FIGURES, bytes(_SALT_OCTETS), b"", "")
"""Stands for an account that does not exist: checking a password against it takes as long, and always fails."""


def make(name: str, role: Role, password: str, since: str) -> Account:
    """Return an account with a password."""
    salt = secrets.token_bytes(_SALT_OCTETS)
    return Account(name, role, salt, _derived(password, salt), since)


def path_of(config: Config) -> Path:
    """Return where the accounts of a line are."""
    return config.path.with_name(f"{config.name}.accounts")


def read(path: Path) -> dict[str, Account]:
    """Return the accounts by their names, none where there is no file; raises ConfigError where it cannot be used."""
    try:
        document = json.loads(files.read(path))
        return {name: _account(name, entry) for name, entry in document.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        words = _("{path} cannot be read: {reason}.", path=path, reason=reason_of(error))
        raise ConfigError(words, hint=_("Its group is to be the desk's.")) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = _("{path} holds no accounts.", path=path)
        raise ConfigError(words, hint=_("`hotlined web user add` writes it.")) from error


def write(path: Path, accounts: Mapping[str, Account], group: int | None) -> None:
    """Replace all accounts; the group may read the file, and without a group nobody else may."""
    document = {
        name: {"role": one.role, "salt": one.salt.hex(), "key": one.key.hex(), "since": one.since}
        for name, one in sorted(accounts.items())
    }
    octets = json.dumps(document, indent=1).encode() + b"\n"
    files.replace(path, octets, 0o600, durable=True)
    if group is not None:
        descriptor = files.open_plain(path, os.O_RDONLY)
        try:
            os.fchown(descriptor, -1, group)
            os.fchmod(descriptor, 0o640)
        finally:
            os.close(descriptor)


def _account(name: str, entry: Mapping[str, str]) -> Account:
    salt, key = bytes.fromhex(entry["salt"]), bytes.fromhex(entry["key"])
    if not NAME.fullmatch(name) or not key:
        raise ValueError(name)
    return Account(name, Role(entry["role"]), salt, key, str(entry["since"]))


def _derived(password: str, salt: bytes) -> bytes:
    # a letter with an accent is one character on a phone, and may be two on a computer
    octets = unicodedata.normalize("NFC", password[:MOST_CHARACTERS]).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=_KEY_OCTETS)
