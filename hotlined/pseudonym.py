"""Pseudonyms: a number, or what else names a person, as `~` and 12 hexadecimal digits under a key, and the key's file.

The same number and key give the same pseudonym, so limits still know whom they count. It is not anonymous: whoever has
the key finds the number by trying all that there are, in minutes. Without the key nobody does, the line included.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

KEY_OCTETS = 32
_DIGITS = 12
_PATTERN = re.compile(rf"~[0-9a-f]{{{_DIGITS}}}")

NOBODY = "~"
"""The recipient of an answer that is counted and whose person was forgotten; no pseudonym, though one begins so."""

GLOB = NOBODY + "[0-9a-f]" * _DIGITS
"""The pattern of every pseudonym, for SQLite's GLOB."""


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
    """Read a key from its file; None where there is no file, or it is no key. Raises OSError if it may not be read."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO in its place is not waited for
        try:
            key = os.read(descriptor, KEY_OCTETS + 1)
        finally:
            os.close(descriptor)
        return key if len(key) == KEY_OCTETS else None
    return None
