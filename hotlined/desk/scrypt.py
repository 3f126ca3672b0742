"""scrypt (RFC 7914), which makes guessing a password expensive, from the library with which the machine logs people in.

Python's own scrypt is OpenSSL's, which takes 4 MiB and more time. It is used where `crypt` cannot be: for a text with a
zero in it or of more than 511 octets, for a salt with other characters than those of `SALT`, and where there is no such
library. Both give the same key. Source of the format: crypt(5), "scrypt"; each number and the key are written 6 bits a
character, the lowest first.
"""

import ctypes
from functools import cache

SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The characters of a salt, each of which stands for 6 bits in `crypt`."""
_ALPHABET = SALT.encode()
KEY_OCTETS = 32
_DATA_OCTETS = 32_768  # struct crypt_data
_OPENSSL_OCTETS = 64 * 1024 * 1024  # that OpenSSL may take: more than the 128 * cost * block that it needs


def scrypt(password: bytes, salt: bytes, *, cost: int, block: int, parallel: int) -> bytes:
    """Return the 32 octets of a password; it takes 128 * `cost` * `block` octets. `cost` is a power of two."""
    if b"\0" not in password and not salt.strip(_ALPHABET) and (library := _library()):
        numbers = _written(cost.bit_length() - 1, 1) + _written(block, 5) + _written(parallel, 5)
        data = ctypes.create_string_buffer(_DATA_OCTETS)
        made: bytes | None = library.crypt_rn(password, b"$7$" + numbers + salt, data, len(data))
        if made:
            return _read(made.rpartition(b"$")[2])
    # `hashlib` has no scrypt if it was imported without OpenSSL
    from _hashlib import scrypt as openssl  # noqa: PLC0415  it loads OpenSSL, 4 MiB

    return openssl(password, salt=salt, n=cost, r=block, p=parallel, maxmem=_OPENSSL_OCTETS, dklen=KEY_OCTETS)


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libcrypt.so.1")
        library.crypt_rn.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library


def _written(number: int, characters: int) -> bytes:
    return bytes(_ALPHABET[number >> 6 * place & 63] for place in range(characters))


def _read(text: bytes) -> bytes:
    number = sum(_ALPHABET.index(character) << 6 * place for place, character in enumerate(text))
    return number.to_bytes(KEY_OCTETS, "little")
