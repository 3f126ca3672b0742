"""Telephone numbers and other addresses of short messages: identifies them, reads typed numbers, masks them for logs.

A TPDU (the body of a short message on the air) has the sender's or recipient's address as digits or as letters, with a
type (`Ton`). `identify` makes an E.164 number of it where that is possible (E.164 is the worldwide form, such as
+32470123456). This module decides nothing about numbers. It knows the numbering plans of the installed version of
`phonenumbers`: a range that was opened later is `unknown`. An alphanumeric address may spell anything; one that could
be taken for a number, a pseudonym or a withheld number is in “ ”, so that nobody acts on somebody else.
"""

import re
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from hotlined.causes import CauseCode
from hotlined.errors import AddressError, UsageError
from hotlined.language import _


class Ton(IntEnum):
    """Type of number (TS 23.040 9.1.2.5)."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


class Address(NamedTuple):
    """An address as received: digits with * # a b c and without a plus, or the alphanumeric text.

    `npi` is the numbering plan identification, 0 to 15 (TS 23.040 9.1.2.5). `str()` adds the plus of an international
    number.
    """

    value: str
    ton: Ton = Ton.UNKNOWN
    npi: int = 1

    def __str__(self) -> str:
        return f"+{self.value}" if self.value and self.ton is Ton.INTERNATIONAL else self.value


class LineType(StrEnum):
    """The kind of line behind an address, as far as its numbering plan shows it."""

    MOBILE = "mobile"
    FIXED = "fixed"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    PERSONAL = "personal"
    PREMIUM = "premium"
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    PAGER = "pager"
    UAN = "uan"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"
    WITHHELD = "withheld"


_LINE_TYPES: Final = {
    "MOBILE": LineType.MOBILE,
    "FIXED_LINE": LineType.FIXED,
    "FIXED_LINE_OR_MOBILE": LineType.FIXED_OR_MOBILE,
    "PERSONAL_NUMBER": LineType.PERSONAL,
    "PREMIUM_RATE": LineType.PREMIUM,
    "TOLL_FREE": LineType.TOLL_FREE,
    "SHARED_COST": LineType.SHARED_COST,
    "VOIP": LineType.VOIP,
    "PAGER": LineType.PAGER,
    "UAN": LineType.UAN,
    "VOICEMAIL": LineType.VOICEMAIL,
}

WITHHELD: Final = ("withheld", "masqué", "verborgen")
"""The words that lists show, and people type, for withheld numbers."""
SHORT_CODE_DIGITS: Final = 6  # the longest short codes of Europe that are not numbers of their numbering plan
_DIGITS: Final = re.compile(r"[0-9]+")
_NUMBER: Final = re.compile(r"\+?[0-9*#abc]+")
_PSEUDONYM: Final = re.compile(r"~[0-9a-f]{12}")
_TYPED: Final = re.compile(r"\s*\+?[\d\s()./-]+")


class Identity(NamedTuple):
    """The owner of an address: `originator` is in E.164 where possible, else as received, and None if withheld.

    A name without a letter, one that begins with ~ and one that means withheld numbers are in “ ”.

    `country` is an ISO 3166 region such as `BE`; None if the number has none or is not known to be valid.
    """

    originator: str | None
    e164: str | None
    country: str | None
    line_type: LineType


def load() -> None:
    """Import `phonenumbers`, which is slow: the daemon does so before it is ready, not when the first text comes."""
    import phonenumbers  # noqa: F401, PLC0415  commands that only show numbers do without


def _maybe_number(text: str, country: str | None) -> Identity | None:
    """Return the valid number that the text spells, if any, read as dialled in that country."""
    import phonenumbers  # noqa: PLC0415  # the plans of the world: commands that only show numbers do without

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(number)
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number))
    return Identity(
        originator=e164,
        e164=e164,
        country=None if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else region,
        line_type=_LINE_TYPES.get(kind, LineType.UNKNOWN),
    )


def identify(address: Address | None, country: str) -> Identity:
    """Identify the owner of an address; national numbers are read as in `country`, an ISO 3166 region such as `BE`.

    A number of unknown type is tried as national, then as international without its plus. Six digits or fewer are a
    short code, never a country's number. An invalid number stays as received.
    """
    if address is None or not address.value:
        return Identity(None, None, None, LineType.WITHHELD)
    received = str(address)
    if address.ton is Ton.ALPHANUMERIC:
        name = any(map(str.isalpha, received)) and received[0] != "~" and received.strip().casefold() not in WITHHELD
        return Identity(received if name else f"“{received}”", None, None, LineType.ALPHANUMERIC)
    if not _DIGITS.fullmatch(address.value):
        return Identity(received, None, None, LineType.UNKNOWN)
    international = address.ton is Ton.INTERNATIONAL
    if address.ton is Ton.ABBREVIATED or (not international and len(address.value) <= SHORT_CODE_DIGITS):
        return Identity(received, None, None, LineType.SHORT_CODE)
    number = None if international else _maybe_number(address.value, country)
    if number is None and address.ton is not Ton.NATIONAL:
        number = _maybe_number(f"+{address.value}", None)
    return number or Identity(received, None, None, LineType.UNKNOWN)


UNKNOWN_COUNTRY = ""
"""The `country` of `parse_number` where the country is not known: then it reads no national number."""


def parse_number(text: str, country: str) -> str:
    """Read a number as a person types it (`0470/12.34.56`, `+32 470 …`, `0032470…`) and return it in E.164.

    Raises AddressError if it is not a valid number of its country, and UsageError for a national number if the country
    is UNKNOWN_COUNTRY: it could belong to anybody.
    """
    number = _maybe_number(text, country or None) if _TYPED.fullmatch(text) else None
    national = len(re.sub(r"\D", "", text)) > SHORT_CODE_DIGITS and "+" not in text
    if number is None and country == UNKNOWN_COUNTRY and national and _TYPED.fullmatch(text):
        raise UsageError(
            _("It is not clear which country {typed} belongs to.", typed=repr(text)),
            _("Write the number with its + and its country, such as +32470123456."),
        )
    if number is None or number.e164 is None:
        code = CauseCode.NOT_A_NUMBER_HERE if country else CauseCode.NOT_A_NUMBER
        raise AddressError(code, typed=text, country=country)
    return number.e164


def mask(originator: str | None) -> str:
    """Shorten an originator for logs until it identifies nobody: +32470123877 becomes +3247…877.

    A pseudonym keeps three digits. An alphanumeric originator keeps only its first letter or digit, so that nothing it
    spells reaches a log.
    """
    if not originator:
        return "withheld"
    if _PSEUDONYM.fullmatch(originator):
        return f"{originator[:4]}…"
    if not _NUMBER.fullmatch(originator):
        return f"{originator[0] if originator[0].isalnum() else ''}…"
    length = len(originator)
    head, tail = (5, 3) if length >= 12 else (3, 2) if length >= 8 else (1, 0)
    return f"{originator[:head]}…{originator[length - tail :]}"
