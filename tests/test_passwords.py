"""What a password makes, and whom it lets in."""

import hashlib

from hotlined.desk import accounts
from hotlined.desk.roles import Role

PASSWORD = "zebra kwartaal lampe ours"


def test_a_password_lets_its_account_in_and_no_other_does() -> None:
    """What is stored is scrypt's key with the numbers of OWASP; an account that does not exist lets nobody in."""
    account = accounts.make("anna", Role.READER, PASSWORD, "2026-11-27T00:00:00.000Z")

    assert account.fits(PASSWORD)
    assert not account.fits("another")
    assert not accounts.NOBODY.fits(PASSWORD)
    assert account.key == hashlib.scrypt(PASSWORD.encode(), salt=account.salt, n=2**13, r=8, p=10, dklen=32)


def test_each_password_has_a_salt_of_its_own() -> None:
    """The same password makes another key for another person, and nobody's key is a part of another."""
    one, other = (accounts.make(name, Role.READER, PASSWORD, "2026-11-27T00:00:00.000Z") for name in ("anna", "bea"))

    assert one.salt != other.salt
    assert one.key != other.key
    assert len(one.key) == len(other.key) == 32
