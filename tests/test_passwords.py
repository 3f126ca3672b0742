"""What a password makes: the same by the system's library as by OpenSSL, and without OpenSSL's memory."""

import hashlib
import secrets
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hotlined.desk import accounts
from hotlined.desk.accounts import Account
from hotlined.desk.roles import Role
from hotlined.desk.scrypt import KEY_OCTETS, SALT, scrypt

PASSWORD = "zebra kwartaal lampe ours"


@pytest.mark.parametrize(
    ("password", "salt", "cost", "parallel", "key"),
    [
        (
            *(b"password", b"NaCl", 1024, 16),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162",
        ),
        (
            *(b"pleaseletmein", b"SodiumChloride", 16384, 1),
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2",
        ),
    ],
)
def test_it_is_scrypt(password: bytes, salt: bytes, cost: int, parallel: int, key: str) -> None:
    """The examples of RFC 7914, section 12, come out: the first 32 octets of each."""
    assert scrypt(password, salt, cost=cost, block=8, parallel=parallel).hex() == key


@given(
    st.binary(max_size=40) | st.binary(min_size=500, max_size=530),
    st.text(SALT, min_size=1, max_size=30).map(str.encode) | st.binary(max_size=20),
    st.sampled_from([2, 16]),
    st.integers(1, 9),
    st.integers(1, 9),
)
@example(b"half\0of it", b"salt", 16, 8, 1)
@example(b"", b"", 16, 8, 1)
@example(b"many", b"at once", 2, 70, 65)
def test_both_compute_the_same(password: bytes, salt: bytes, cost: int, block: int, parallel: int) -> None:
    """Any octets make what OpenSSL makes of them, whichever of the two is asked."""
    key = hashlib.scrypt(password, salt=salt, n=cost, r=block, p=parallel, dklen=KEY_OCTETS)
    assert scrypt(password, salt, cost=cost, block=block, parallel=parallel) == key


def test_a_password_takes_no_openssl() -> None:
    """Whoever has an account, and whoever has none, is tried without OpenSSL: it takes 4 MiB, and tells them apart."""
    code = f"""
from hotlined.desk import sparing
with sparing.without_unused():
    import hotlined.desk.app
from hotlined.desk import accounts
account = accounts.make("anna", accounts.Role.READER, {PASSWORD!r}, "2026-11-27T00:00:00.000Z")
print(account.fits({PASSWORD!r}), account.fits("another"), accounts.NOBODY.fits({PASSWORD!r}))
print("libcrypto" in open("/proc/self/maps").read())
"""
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "True False False\nFalse\n"


def test_an_account_of_before_is_still_one() -> None:
    """A salt of any octets and a key of 64 are what accounts had at first."""
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2**13, r=8, p=10)
    account = Account("anna", Role.READER, salt, key, "2026-11-27T00:00:00.000Z")

    assert account.fits(PASSWORD)
    assert not account.fits("another")


def test_each_password_has_a_salt_of_its_own() -> None:
    """The same password makes another key for another person, and nobody's key is a part of another."""
    one, other = (accounts.make(name, Role.READER, PASSWORD, "2026-11-27T00:00:00.000Z") for name in ("anna", "bea"))

    assert one.salt != other.salt
    assert one.key != other.key
    assert len(one.key) == len(other.key) == KEY_OCTETS
