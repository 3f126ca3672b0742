"""The two halves of the key for sealed backups, as age writes them and as a person types the secret half from paper.

The recipient (`age1…`) encrypts and is in the configuration; the identity (`AGE-SECRET-KEY-1…`) decrypts and is on
paper. Both are Bech32 (BIP 173), whose checksum finds every mistake of up to four characters. This module does not
encrypt or decrypt: age does (https://age-encryption.org/v1).
"""

import re
from functools import reduce

RECIPIENT, IDENTITY = "age", "age-secret-key-"
"""The prefixes of a recipient and an identity. After the prefix come a `1` and 58 characters of key and checksum."""
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173: without 1, b, i and o, which look like others
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHARACTERS = 58  # 32 octets in groups of 5 bits, and 6 characters of checksum
_GROUP, _GROUPS_A_LINE = 4, 4
# a character outside the alphabet, and the one that it looks like
_LIKE = str.maketrans({"o": "0", "i": "l", "1": "l", "b": "8"})


def is_recipient(text: str) -> bool:
    """Return whether this is a recipient with a correct checksum."""
    return text.startswith(f"{RECIPIENT}1") and text == text.lower() and _is_whole(RECIPIENT, text.partition("1")[2])


def on_paper(identity: str) -> list[str]:
    """Return an identity as lines: the prefix with its `1`, then four groups of four characters a line."""
    characters = identity.partition("1")[2]
    groups = [characters[start : start + _GROUP] for start in range(0, len(characters), _GROUP)]
    lines = [" ".join(groups[start : start + _GROUPS_A_LINE]) for start in range(0, len(groups), _GROUPS_A_LINE)]
    return [identity.partition("1")[0] + "1", *lines]


def typed(text: str) -> str:
    """Return the characters after the prefix of an identity as a person typed it, in any case, with or without spaces.

    The prefix may be missing. A character outside the alphabet is read as the one that it looks like: `o` as `0`.
    """
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    plain = re.sub("^agesecretkey[1l]", "", plain)
    return plain.translate(_LIKE)


def maybe_identity(text: str) -> str | None:
    """Return the identity that a person typed; None if it is mistyped or incomplete."""
    characters = typed(text)
    return f"{IDENTITY}1{characters}".upper() if _is_whole(IDENTITY, characters) else None


def length_of(text: str) -> tuple[int, int]:
    """Return how many characters were typed after the prefix, and how many there must be."""
    return len(typed(text)), _CHARACTERS


def _is_whole(prefix: str, characters: str) -> bool:
    """Return whether the characters after a prefix have the right length, alphabet and checksum."""
    if len(characters) != _CHARACTERS or not set(characters) <= set(_ALPHABET):
        return False
    high, low = [ord(each) >> 5 for each in prefix], [ord(each) & 31 for each in prefix]
    return reduce(_step, [*high, 0, *low, *map(_ALPHABET.index, characters)], 1) == 1


def _step(rest: int, value: int) -> int:
    """Add one value to the division of a polynomial over GF(32) by the generator of BIP 173; return the remainder."""
    top = rest >> 25
    rest = (rest & 0x1FFFFFF) << 5 ^ value
    for bit, part in enumerate(_GENERATOR):
        if top >> bit & 1:
            rest ^= part
    return rest
