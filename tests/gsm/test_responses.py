"""Answers of a modem, read: forms of the standards and of the makes, each with its source."""

import pytest

from hotlined.gsm.at import Final, Information
from hotlined.gsm.responses import (
    Forwarding,
    ForwardingReason,
    Registration,
    better,
    entry_of,
    hands_over,
    is_busy,
    maybe_forwarding,
    registration_of,
    signal_percent,
    slot,
    ussd,
)


@pytest.mark.parametrize(
    ("said", "percent"), [("0,0", 0), ("31,99", 100), ("16,0", 52), ("32,0", None), ("99,99", None)]
)
def test_a_signal_is_a_percentage_or_unknown(said: str, percent: int | None) -> None:
    """Values from 0 to 31 are percentages; 99 is unknown (27.007 8.5)."""
    assert signal_percent(said) == percent


@pytest.mark.parametrize(("octets", "is_read"), [(3, True), (2, False), (4, False)])
def test_an_entry_with_a_wrong_length_is_listed_again(octets: int, is_read: bool) -> None:
    """The header says how long the PDU is (27.005 3.4.2)."""
    line = Information(f"+CMGL: 1,0,,{octets}", "00010203")

    assert (entry_of(line) is not None) is is_read


@pytest.mark.parametrize(("mt", "is_handed_over"), [(0, False), (1, False), (2, True), (3, True)])
def test_mt_of_cnmi_says_whether_texts_are_handed_over(mt: int, is_handed_over: bool) -> None:
    """Modes 2 and 3 deliver some texts directly, unstored (27.005 3.4.1).

    Mode 3 does so for class 3 alone.
    """
    assert hands_over(f"+CNMI: 2,{mt},0,0,0") is is_handed_over


@pytest.mark.parametrize("says", ["+CMS ERROR: 314", "+CMS ERROR: 515", "+CME ERROR: 14", "+CME ERROR: SIM busy"])
def test_a_busy_modem_differs_from_one_that_refuses(says: str) -> None:
    """A busy SIM or a starting modem is asked again."""
    assert is_busy(Final(says))
    assert not is_busy(Final(says.replace("14", "13").replace("515", "516").replace("busy", "failure")))


@pytest.mark.parametrize(
    ("answer", "registration"),
    [
        ("0,0", Registration.NONE),
        ("0,1", Registration.HOME),
        ("2,2", Registration.SEARCHING),
        ("0,3", Registration.DENIED),
        ("0,4", Registration.UNKNOWN),
        ("0,5", Registration.ROAMING),
        ("0", Registration.UNKNOWN),
    ],
)
def test_a_registration_is_the_second_parameter(answer: str, registration: Registration) -> None:
    """The states are those of 27.007 7.2; a missing one is unknown."""
    assert registration_of(answer) is registration


def test_the_better_of_two_registrations_counts() -> None:
    """An LTE stick may always answer NONE to +CREG."""
    assert better(Registration.NONE, Registration.HOME) is Registration.HOME
    assert better(Registration.ROAMING, Registration.DENIED) is Registration.ROAMING


@pytest.mark.parametrize(("m", "waits"), [(0, False), (1, True), (2, False), (4, False)])
def test_a_network_waits_for_a_choice_in_state_one(m: int, waits: bool) -> None:
    """Other states end the dialogue (27.007 7.15)."""
    assert ussd(f'+CUSD: {m},"Solde 5 EUR",15', as_septets=False) == ("Solde 5 EUR", waits)


@pytest.mark.parametrize(("first", "status"), [("01", 2), ("11", 2), ("04", 1), ("00", 1), ("06", 1)])
def test_an_entry_without_a_status_gets_one_by_its_type(first: str, status: int) -> None:
    """A SUBMIT is unsent, others are read (23.040 9.2.3.1)."""
    entry = slot(3, Information("+CMGR: ", f"00{first}0001"), [])

    assert entry is not None
    assert entry.status == status


@pytest.mark.parametrize(
    ("line", "number", "seconds"),
    [
        ('+CCFC: 1,1,"+32475151516",145,,,20', "+32475151516", 20),  # 27.007; Telit, Huawei, Quectel
        ('+CCFC: 1,1,"+32475151516",145,20', "+32475151516", 20),  # Sierra
        ('+CCFC: 1,1,"+32475151516",145,128', "+32475151516", None),  # GSM 07.07, Sony Ericsson: no time
        ('+CCFC:1,7,"32475151516",145,"",,5', "+32475151516", 5),
        ("+CCFC: 1,1,0475151516,129,,,", "0475151516", None),
        ("+CCFC: 1", "", None),
    ],
)
def test_forwarding_is_read_in_the_form_of_each_make(line: str, number: str, seconds: int | None) -> None:
    """Some makes put the delay elsewhere, or omit it."""
    no_reply, busy = ForwardingReason.NO_REPLY, ForwardingReason.BUSY

    assert maybe_forwarding(no_reply, line) == Forwarding(no_reply, number, seconds)
    assert maybe_forwarding(busy, line) == Forwarding(busy, number)


@pytest.mark.parametrize("line", ["+CCFC: 0,7", '+CCFC: 1,2,"+32475151516",145', "+CCFC: ", "+CCFC: 1,x", "+CCFC: 2,1"])
def test_other_entries_are_not_a_forwarding_of_voice(line: str) -> None:
    """Inactive, malformed and data entries forward no call."""
    assert maybe_forwarding(ForwardingReason.ALWAYS, line) is None
