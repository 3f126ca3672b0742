"""Addresses: the identity behind an originator, and how numbers are typed and masked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.errors import AddressError
from hotlined.gsm.address import Address, Identity, LineType, Ton, identify, mask, parse_number

INTERNATIONAL, NATIONAL, UNKNOWN = Ton.INTERNATIONAL, Ton.NATIONAL, Ton.UNKNOWN


@pytest.mark.parametrize(
    ("value", "ton", "e164", "country", "line_type"),
    [
        ("32470123456", INTERNATIONAL, "+32470123456", "BE", LineType.MOBILE),
        ("32470123456", UNKNOWN, "+32470123456", "BE", LineType.MOBILE),
        ("0470123456", UNKNOWN, "+32470123456", "BE", LineType.MOBILE),
        ("0470123456", NATIONAL, "+32470123456", "BE", LineType.MOBILE),
        ("470123456", NATIONAL, "+32470123456", "BE", LineType.MOBILE),
        ("0032470123456", UNKNOWN, "+32470123456", "BE", LineType.MOBILE),
        ("32460209399", INTERNATIONAL, "+32460209399", "BE", LineType.MOBILE),
        ("33612345678", INTERNATIONAL, "+33612345678", "FR", LineType.MOBILE),
        ("33612345678", UNKNOWN, "+33612345678", "FR", LineType.MOBILE),
        ("31612345678", INTERNATIONAL, "+31612345678", "NL", LineType.MOBILE),
        ("352621123456", INTERNATIONAL, "+352621123456", "LU", LineType.MOBILE),
        ("4915123456789", INTERNATIONAL, "+4915123456789", "DE", LineType.MOBILE),
        ("022123456", UNKNOWN, "+3222123456", "BE", LineType.FIXED),
        ("12025550123", INTERNATIONAL, "+12025550123", "US", LineType.FIXED_OR_MOBILE),
        ("447012345678", INTERNATIONAL, "+447012345678", "GB", LineType.PERSONAL),
        ("3290212345", INTERNATIONAL, "+3290212345", "BE", LineType.PREMIUM),
        ("3280012345", INTERNATIONAL, "+3280012345", "BE", LineType.TOLL_FREE),
        ("88850100000018", UNKNOWN, "+88850100000018", None, LineType.UAN),
        ("80012345678", INTERNATIONAL, "+80012345678", None, LineType.TOLL_FREE),
    ],
)
def test_numbers_become_e164(value: str, ton: Ton, e164: str, country: str | None, line_type: LineType) -> None:
    """The form in which a valid number was sent does not matter.

    Country and line type are known with it.
    """
    assert identify(Address(value, ton), "BE") == Identity(e164, e164, country, line_type)


@pytest.mark.parametrize(
    ("address", "originator", "line_type"),
    [
        (Address("8850"), "8850", LineType.SHORT_CODE),
        (Address("22012", Ton.SUBSCRIBER, 9), "22012", LineType.SHORT_CODE),
        (Address("112", NATIONAL), "112", LineType.SHORT_CODE),
        (Address("470123456", Ton.ABBREVIATED), "470123456", LineType.SHORT_CODE),
        (Address("8850", INTERNATIONAL), "+8850", LineType.UNKNOWN),
        (Address("3299", INTERNATIONAL), "+3299", LineType.UNKNOWN),
        (Address("0999999999"), "0999999999", LineType.UNKNOWN),
        (Address("33612345678", NATIONAL), "33612345678", LineType.UNKNOWN),
        (Address("99950100000018"), "99950100000018", LineType.UNKNOWN),
        (Address("00000000000000000000"), "00000000000000000000", LineType.UNKNOWN),
        (Address("*100#"), "*100#", LineType.UNKNOWN),
        (Address("3247012345a", INTERNATIONAL), "+3247012345a", LineType.UNKNOWN),
        (Address("٠٤٧٠١٢٣٤٥٦"), "٠٤٧٠١٢٣٤٥٦", LineType.UNKNOWN),
        (Address("Vodafone", Ton.ALPHANUMERIC, 0), "Vodafone", LineType.ALPHANUMERIC),
        (Address("+32470123456", Ton.ALPHANUMERIC, 0), "“+32470123456”", LineType.ALPHANUMERIC),
        (Address("~0123456789a", Ton.ALPHANUMERIC, 0), "“~0123456789a”", LineType.ALPHANUMERIC),
        (Address("-", Ton.ALPHANUMERIC, 0), "“-”", LineType.ALPHANUMERIC),
        (Address("Masqué", Ton.ALPHANUMERIC, 0), "“Masqué”", LineType.ALPHANUMERIC),
        (Address("", Ton.ALPHANUMERIC, 0), None, LineType.WITHHELD),
        (Address("", INTERNATIONAL), None, LineType.WITHHELD),
        (None, None, LineType.WITHHELD),
    ],
)
def test_other_addresses_stay_as_received(address: Address | None, originator: str | None, line_type: LineType) -> None:
    """Short codes, names and impossible numbers get no E.164 form or country."""
    assert identify(address, "BE") == Identity(originator, None, None, line_type)


@settings(deadline=None)
@given(st.text("0123456789*#abc", max_size=20), st.sampled_from(Ton), st.sampled_from(["BE", "FR", "US", "XX"]))
def test_any_address_can_be_identified(value: str, ton: Ton, country: str) -> None:
    """An E.164 form, where there is one, is also the originator."""
    identity = identify(Address(value, ton), country)
    assert identity.e164 in {None, identity.originator}
    assert (identity.originator is None) == (identity.line_type is LineType.WITHHELD) == (not value)


@pytest.mark.parametrize(
    "typed",
    ["0470/12.34.56", "+32 470 12 34 56", "0032470123456", "+32 (0)470 12-34-56", " 0470 123456 ", "0470\u00a0123456"],
)
def test_numbers_are_read_as_people_type_them(typed: str) -> None:
    """The usual ways to write a number all give its E.164 form."""
    assert parse_number(typed, "BE") == "+32470123456"


@pytest.mark.parametrize(
    "typed", ["", "8850", "hello", "0470 CALLME", "+32 470 12", "tel:+32470123456", "0470123456 ext. 3", "+", "++32"]
)
def test_anything_but_a_number_is_refused_with_a_hint(typed: str) -> None:
    """The hint shows a number as it has to be written."""
    with pytest.raises(AddressError) as caught:
        parse_number(typed, "BE")
    assert "+32470123456" in caught.value.hint


@pytest.mark.parametrize(
    ("originator", "masked"),
    [
        ("+32470123877", "+3247…877"),
        ("0470123456", "047…56"),
        ("8850", "8…"),
        ("Vodafone", "V…"),
        ("\n\x1b[31mroot", "…"),
        ("~0123456789ab", "~012…"),
        ("", "withheld"),
        (None, "withheld"),
    ],
)
def test_a_mask_identifies_nobody(originator: str | None, masked: str) -> None:
    """Logs get a number's ends and a name's first letter."""
    assert mask(originator) == masked


@settings(deadline=None)
@given(st.text(min_size=1) | st.from_regex(r"\+?[0-9]{3,20}", fullmatch=True))
def test_a_mask_hides_three_characters_at_least(originator: str) -> None:
    """No character of a mask is obeyed by a terminal or log."""
    masked = mask(originator)
    assert masked.isprintable()
    assert len(masked.replace("…", "")) <= max(1, len(originator) - 3)
