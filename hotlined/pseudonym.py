"""Pseudonyms of numbers and of senders' names: `~` and 12 hexadecimal digits, made with a key; and the file of the key.

The same number and key always give the same pseudonym, so limits still count per person. A pseudonym is not anonymous:
with the key one finds the number within minutes, by trying all numbers. Without the key nobody can, not even the line.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

KEY_OCTETS = 32
_DIGITS = 12
_PATTERN = re.compile(rf"~[0-9a-f]{{{_DIGITS}}}")

NOBODY = "~"
"""The recipient of an answer that still counts although its person was forgotten; it is not a pseudonym."""

GLOB = NOBODY + "[0-9a-f]" * _DIGITS
"""The pattern of every pseudonym, for SQLite's GLOB."""


def of(key: bytes, name: str) -> str:
    """Return the pseudonym of a name: the first 48 bits of its HMAC-SHA256; a pseudonym is returned unchanged."""
    if is_one(name):
        return name
    import hmac  # noqa: PLC0415  it loads OpenSSL (4 MiB): commands without pseudonyms do without

    return NOBODY + hmac.digest(key, name.encode(errors="surrogatepass"), "sha256").hex()[:_DIGITS]


def is_one(name: str) -> bool:
    """Tell whether a name has the form of a pseudonym."""
    return _PATTERN.fullmatch(name) is not None


def digest(key: bytes) -> str:
    """Return the SHA-256 of a key, which identifies the key without revealing it."""
    import hashlib  # noqa: PLC0415  it loads OpenSSL, 4 MiB

    return hashlib.sha256(key).hexdigest()


def maybe_key(path: Path) -> bytes | None:
    """Read a key from its file; None if there is no file, or if it is not a key. Raises OSError if it is unreadable."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # do not wait for a FIFO in its place
        try:
            key = os.read(descriptor, KEY_OCTETS + 1)
        finally:
            os.close(descriptor)
        return key if len(key) == KEY_OCTETS else None
    return None
