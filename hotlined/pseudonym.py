"""Pseudonyms: a number, or what else names a person, as `~` and 12 hexadecimal digits under a key, and the keys' file.

The same number and key give the same pseudonym, so limits still know whom they count. It is not anonymous: whoever has
the key finds the number by trying all that there are, in minutes. Without the key nobody does, the line included.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from hotlined import files

KEY_OCTETS = 32
MOST_KEYS = 32
"""So many keys are in one file at most: that in use, and former ones behind it."""
_DIGITS = 12
_PATTERN = re.compile(rf"~[0-9a-f]{{{_DIGITS}}}")

FILE_MODE = 0o640
"""Of the key's file: its group tells who is who, as `show` does."""

NOBODY = "~"
"""The recipient of an answer that is counted and whose person was forgotten; no pseudonym, though one begins so."""

GLOB = NOBODY + "[0-9a-f]" * _DIGITS
"""What fits every pseudonym, as SQLite's GLOB has it."""


def of(key: bytes, name: str) -> str:
    """Return the pseudonym of a name: the first 48 bits of its HMAC-SHA256; a pseudonym's own is itself."""
    if is_one(name):
        return name
    import hmac  # noqa: PLC0415  it loads OpenSSL, 4 MiB: a line without pseudonyms does without

    return NOBODY + hmac.digest(key, name.encode(errors="surrogatepass"), "sha256").hex()[:_DIGITS]


def is_one(name: str) -> bool:
    """Tell whether a name has the form of a pseudonym."""
    return _PATTERN.fullmatch(name) is not None


def digest(key: bytes) -> str:
    """Return what tells a key from others without telling the key."""
    import hashlib  # noqa: PLC0415  the same

    return hashlib.sha256(key).hexdigest()


def maybe_key(path: Path) -> bytes | None:
    """Read a key from its file; None where there is no file, or it is not one key. Raises OSError as `keys` does."""
    found = keys(path)
    return found[0] if len(found) == 1 else None


def keys(path: Path) -> tuple[bytes, ...]:
    """Read the keys of a file, that in use first; none where there is no file, or it holds something else.

    Raises OSError if it may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO in its place is not waited for
    except FileNotFoundError:
        return ()
    try:
        octets = os.read(descriptor, MOST_KEYS * KEY_OCTETS + 1)
    finally:
        os.close(descriptor)
    if len(octets) % KEY_OCTETS:
        return ()
    return tuple(octets[start : start + KEY_OCTETS] for start in range(0, len(octets), KEY_OCTETS))


def make_key() -> bytes:
    """Make a key."""
    return os.urandom(KEY_OCTETS)


def write_keys(path: Path, found: Sequence[bytes], beside: Path) -> None:
    """Put keys into their file, whole and on the disk before they are used; whoever owns `beside` owns it too.

    Raises OSError.
    """
    files.replace(path, b"".join(found), FILE_MODE, beside=beside, durable=True)
