"""The simulated modem, SIM and network: the behaviour that tests and demo rely on."""

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
import serial
from conftest import PATIENCE_SECONDS
from hypothesis import given, settings
from hypothesis import strategies as st
from running import CliRunner
from terminal import ALICE, INITIALISATION, Terminal, lines

from hotlined.errors import HotlinedError, PduError, RefusedError, UnavailableError, UsageError
from hotlined.gsm import tpdu
from hotlined.gsm.alphabet import encode_gsm7, plan
from hotlined.gsm.push import mms_sender, mms_subject
from hotlined.simulator import control, pdus
from hotlined.simulator.__main__ import main
from hotlined.simulator.bench import Bench, Options
from hotlined.simulator.client import Simulation, connect, start
from hotlined.simulator.commands import COMMANDS, Operation, execute, parse
from hotlined.simulator.device import SETTINGS
from hotlined.simulator.faults import KINDS
from hotlined.simulator.makes import MAKES, REGISTERS
from hotlined.simulator.port import UNREAD_OCTETS
from hotlined.simulator.sim import tpdu_length
from hotlined.simulator.timers import Timers

TIOCGEXCL = 0x80045440  # Linux, asm-generic/ioctls.h; root could still open the port
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _listed(said: list[str]) -> list[str]:
    """Decode the texts in a listing."""
    return [tpdu.decode(pdu).content.text for header, pdu in pairwise(said) if header.startswith("+CMGL")]


@pytest.fixture(name="line")
def _line(tmp_path: Path) -> Iterator[Terminal]:
    """Give a connected simulator."""
    line = Terminal(tmp_path)
    yield line
    line.close()


@pytest.fixture(name="ready")
def _ready(line: Terminal) -> Terminal:
    """Give an initialised one."""
    line.initialise()
    return line


@pytest.fixture(name="make_line")
def _make_line(tmp_path: Path) -> Iterator[object]:
    """Give a function that connects simulators with options."""
    made = []

    def make(**options: object) -> Terminal:
        made.append(Terminal(tmp_path, **options))
        return made[-1]

    yield make
    for line in made:
        line.close()


# The line


def test_bytes_of_an_answer(ready: Terminal) -> None:
    """Information text and final result code have the line ends of V.250."""
    assert ready.type(b"AT+CMGF?\r") == "\r\n+CMGF: 0\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    "command",
    [
        "AT+CMGF=2",
        "AT+CMGF=",
        "AT+CMGF",
        "AT+CMGF=0,0",
        "AT+CMGF?1",
        "AT+CNMI=2,x",
        "AT+CPMS=SM",
        "AT+CPMS",
        "AT+CMGD",
        "AT+CMGD=x",
        "AT+CMGL=5",
        "AT+CMGL?",
        "AT+CMGR",
        "AT+CMGS",
        "AT+CMGS=0",
        "AT+CMGS=999",
        "AT+CMGW",
        "AT+CFUN",
        "AT+CFUN=3",
        "AT+CSCA",
        'AT+CSCS="X"',
        "AT+CPIN",
        "AT+CSQ=1",
        "AT=",
        "AT+CSQ?;=",
        "AT" + "X" * 2000,
    ],
)
def test_a_malformed_command_is_an_error(ready: Terminal, command: str) -> None:
    """A malformed command is an ERROR and changes nothing."""
    before = ready.do("state")["settings"]
    assert ready.at(command) == ["ERROR"]
    assert ready.do("state")["settings"] == before


@pytest.mark.parametrize("name", sorted(SETTINGS.keys() - {"E", "+COPS", "+CSMS", *REGISTERS}))
def test_every_setting_can_be_read_set_and_listed(ready: Terminal, name: str) -> None:
    """Every setting accepts its largest values, returns them and lists its ranges."""
    largest = ",".join(str(high) for _, high in SETTINGS[name].ranges)
    assert ready.at(f"AT{name}={largest}") == ["OK"]
    assert ready.at(f"AT{name}?") == [f"{name}: {largest}", "OK"]
    assert ready.at(f"AT{name}=?")[-1] == "OK"


@given(text=st.text(alphabet='AT+CMGLSDE=?;,"0123456789 &Z\x1b\x08', max_size=40), name=st.sampled_from([*COMMANDS]))
@settings(deadline=None, max_examples=300)
def test_any_command_line_gets_an_answer(text: str, name: str) -> None:
    """The answer may be ERROR, and the simulator never crashes."""
    bench = Bench(Options())
    bench.device.start()
    for line in (text, name + text):
        try:
            calls = list(parse(line))
        except ValueError:
            continue
        for call in calls:
            execute(bench.device, call)


def test_the_identity_is_the_options(ready: Terminal) -> None:
    """The modem names its maker and its SIM's subscriber."""
    commands = ("I", "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CCID", "+CNUM", "+CSCA?", "+COPS?", "+CSQ")
    said = {command: ready.at(f"AT{command}") for command in commands}
    assert all(lines[-1] == "OK" and len(lines) > 1 for lines in said.values())
    assert said["+CIMI"][0] == "206012345678901"
    assert said["+CNUM"][0] == '+CNUM: "","+32460209399",145'
    assert said["+COPS?"][0] == '+COPS: 0,0,"Proximus"'


def test_no_text_is_kept_among_status_reports() -> None:
    """Memories for texts are chosen even where SR is offered first."""
    device = Bench(Options(offers=("SR", "SM"))).device
    device.reset_settings()
    assert device.memories == ["SM"] * 3


def test_test_commands_are_answered(ready: Terminal) -> None:
    """The driver's questions with =? are answered with OK."""
    for name in ("+CPMS", "+CMGL", "+CMGR", "+CMGD", "+CMGS", "+CMGW", "+CNMA", "+CFUN", "+CSQ", "+CIMI"):
        assert ready.at(f"AT{name}=?")[-1] == "OK"


def test_the_clock_has_a_zone(ready: Terminal) -> None:
    """CCLK gives local time with its zone in quarters of an hour."""
    said = ready.at("AT+CCLK?")[0]
    assert datetime.strptime(said[8:25], "%y/%m/%d,%H:%M:%S").replace(tzinfo=UTC).year == datetime.now(UTC).year
    assert said[25] in "+-"
    assert said.endswith('"')


# Receiving


def test_a_text_is_indicated_and_listed(ready: Terminal) -> None:
    """The listing has status, length and PDU; then it is read."""
    assert ready.deliver("coucou é€") == ['+CMTI: "SM",1']
    said = ready.at("AT+CMGL=4")
    assert said[0] == f"+CMGL: 1,0,,{len(said[1]) // 2 - 8}"
    assert _listed(said) == ["coucou é€"]
    assert ready.at("AT+CMGL=4")[0].startswith("+CMGL: 1,1,,")
    assert ready.at("AT+CMGL") == ["OK"]
    assert len(ready.at("AT+CMGL=1")) == 3


@pytest.mark.parametrize(("flag", "left"), [(0, [0, 2, 3]), (1, [0, 2, 3]), (2, [0, 2]), (3, [0]), (4, [])])
def test_deletion_is_by_index_or_flag(ready: Terminal, flag: int, left: list[int]) -> None:
    """Flags are those of TS 27.005; an invalid index is refused.

    An empty index is accepted.
    """
    for status in (1, 0, 2, 3):
        ready.do("store", pdu="00", status=status)
    assert ready.at(f"AT+CMGD=1,{flag}") == ["OK"]
    assert [entry["status"] for entry in ready.do("state")["storages"]["SM"]["entries"]] == left
    assert ready.at("AT+CMGD=1") == ["OK"]
    assert ready.at("AT+CMGD=0") == ["+CMS ERROR: 321"]


def test_full_storage_keeps_texts_in_the_network(make_line: object) -> None:
    """Waiting texts come in order as soon as an index is free."""
    line = make_line(sim_size=2)
    line.initialise()
    for number in range(4):
        line.deliver(f"text {number}")
    assert line.do("state")["queue"] == 2
    assert line.at("AT+CMGD=1") == ["OK", '+CMTI: "SM",1']
    assert _listed(line.at("AT+CMGL=4")) == ["text 2", "text 1"]
    assert line.at("AT+CMGD=1,4") == ["OK", '+CMTI: "SM",1']
    assert _listed(line.at("AT+CMGL=4")) == ["text 3"]


def test_direct_delivery_stores_nothing(ready: Terminal) -> None:
    """A text is handed over directly in mode mt=2."""
    ready.at("AT+CNMI=2,2,0,0,0")
    header, pdu = ready.deliver()
    assert header == f"+CMT: ,{tpdu_length(pdu)}"
    assert tpdu.decode(pdu).content.text == "coucou"
    assert ready.at("AT+CMGL=4") == ["OK"]


@pytest.mark.parametrize(
    ("mt", "class_", "code"),
    [
        (1, 0, "+CMTI"),
        (2, 0, "+CMT"),
        (3, 0, "+CMT"),
        (2, 2, "+CMTI"),
        (3, 3, "+CMT"),
        (3, 1, "+CMTI"),
        (3, None, "+CMTI"),
    ],
)
def test_classes_choose_the_route(ready: Terminal, mt: int, class_: int | None, code: str) -> None:
    """CNMI's mt also decides between storing and direct delivery (TS 27.005, 3.4.1)."""
    ready.at(f"AT+CNMI=2,{mt},0,0,0")
    assert ready.deliver(class_=class_)[0].partition(":")[0] == code


def test_an_unacknowledged_text_comes_again(ready: Terminal) -> None:
    """CSMS=1 makes the next text wait for CNMA.

    A text that is refused, or not acknowledged in time, comes again.
    """
    assert ready.at("AT+CSMS=1") == ["+CSMS: 1,1,1", "OK"]
    assert ready.at("AT+CSMS?") == ["+CSMS: 1,1,1,1", "OK"]
    ready.at("AT+CNMI=2,2,0,0,0")
    assert ready.at("AT+CNMA") == ["+CMS ERROR: 340"]
    first = ready.deliver("first")
    assert ready.deliver("second") == []
    assert ready.at("AT+CNMA=2") == ["OK", *first]
    assert tpdu.decode(ready.at("AT+CNMA=1")[-1]).content.text == "second"
    assert ready.at("AT+CNMA") == ["OK"]
    ready.deliver("third")
    assert ready.later(20) == []
    assert ready.do("state")["queue"] == 0
    assert ready.at("AT+CNMI?") == ["+CNMI: 2,0,0,0,0", "OK"]
    assert _listed(ready.at("AT+CMGL=4")) == ["third"]


def test_an_acknowledged_text_comes_once(ready: Terminal) -> None:
    """An acknowledged text does not come again after the network's time-out."""
    ready.at("AT+CSMS=1;+CNMI=2,2,0,0,0")
    ready.deliver()
    ready.at("AT+CNMA")
    assert ready.later(20) == []
    assert ready.at("AT+CNMI?") == ["+CNMI: 2,2,0,0,0", "OK"]


def test_an_unacknowledged_text_survives_a_reset(ready: Terminal) -> None:
    """The network still has a directly delivered text."""
    ready.at("AT+CSMS=1;+CNMI=2,2,0,0,0")
    ready.deliver()
    ready.do("reset")
    ready.hear()
    assert _listed(ready.at("AT+CMGL=4")) == ["coucou"]


# Writing of the network


@given(
    text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x1b"), min_size=1, max_size=500),
    bits=st.sampled_from([8, 16]),
    encoding=st.sampled_from([None, "ucs2"]),
)
@settings(deadline=None, max_examples=150)
def test_delivered_texts_decode_to_the_original(text: str, bits: int, encoding: str | None) -> None:
    """The daemon's codec reads either alphabet and either reference."""
    written = pdus.write_text(ALICE, text, encoding=encoding, scts=NOON, reference=0x1234, bits=bits)
    read = [tpdu.decode(pdu) for pdu in written]
    assert tpdu.join(read) == text
    assert all(not each.issues and each.scts == NOON and str(each.originator) == ALICE for each in read)
    assert [each.content.concatenation and each.content.concatenation.sequence for each in read] == (
        list(range(1, len(read) + 1)) if len(read) > 1 else [None]
    )


@pytest.mark.parametrize("pair", ["€", "😀"])
@pytest.mark.parametrize("before", range(4))
def test_pairs_are_not_split(pair: str, before: int) -> None:
    """Each segment can be read alone.

    No segment ends within an escape pair or a surrogate pair.
    """
    text = "x" * before + pair * 100
    parts = [tpdu.decode(pdu) for pdu in pdus.write_text(ALICE, text, scts=NOON, reference=0)]
    assert len(parts) > 1
    assert "".join(part.content.text for part in parts) == text


@pytest.mark.parametrize("sender", [ALICE, "0470123456", "8989", "Proximus", "*100#", ""])
@pytest.mark.parametrize("hours", [0, 1, -3.5, 13.75])
def test_senders_and_zones_are_encoded(sender: str, hours: float) -> None:
    """Every kind of sender, and zones both sides of Greenwich, fit."""
    scts = (NOON + timedelta(hours=hours)).replace(tzinfo=UTC) - timedelta(hours=hours)
    local = scts.astimezone(timezone(timedelta(hours=hours)))
    read = tpdu.decode(pdus.write_text(sender, "x", scts=local, reference=0)[0])
    assert str(read.originator) == sender
    assert (read.scts, read.scts.utcoffset()) == (local, timedelta(hours=hours))


def test_parts_come_in_any_order(ready: Terminal) -> None:
    """Parts may come twice or not at all, and as 8-bit data."""
    assert len(ready.deliver("x" * 300, parts=[2, 1, 2])) == 3
    assert [text[0].sequence for text in _concatenations(ready)] == [2, 1, 2]
    with pytest.raises(UsageError):
        ready.deliver("x" * 300, parts=[3])
    ready.do("deliver", from_=ALICE, text="ÿ" * 300, encoding="8bit", parts=[1])


def _concatenations(line: Terminal) -> list[tuple[tpdu.Concatenation]]:
    listed = line.at("AT+CMGL=4")
    return [(tpdu.decode(pdu).content.concatenation,) for pdu in listed[1:-1:2]]


def test_references_differ(ready: Terminal) -> None:
    """Two long texts have different references unless one is chosen."""
    ready.deliver("x" * 300, parts=[1])
    ready.deliver("x" * 300, parts=[1])
    ready.deliver("x" * 300, parts=[1], reference=77)
    references = [each[0].reference for each in _concatenations(ready)]
    assert len(set(references)) == 3
    assert references[2] == 77


@pytest.mark.parametrize("sender", [ALICE, None])
@pytest.mark.parametrize("subject", ["", "photo", "photo " * 30])
def test_an_mms_is_announced_by_a_push(ready: Terminal, sender: str | None, subject: str) -> None:
    """The WAP push has as many segments as needed.

    It may lack its sender.
    """
    parts = [tpdu.decode(pdu) for pdu in ready.do("mms", from_=sender, subject=subject)["pdus"]]
    assert tpdu.kind(parts, tpdu.join(parts)) is tpdu.MessageKind.MMS
    assert mms_sender(tpdu.join_data(parts)) == sender
    assert (len(parts) > 1) is (len(subject) > 20)


@pytest.mark.parametrize("charset", [None, "utf-8", "latin-1", "utf-16-be"])
@pytest.mark.parametrize("subject", ["arrête", "été", "ê" * 40])
def test_an_mms_may_have_a_subject_in_any_character_set(ready: Terminal, subject: str, charset: str | None) -> None:
    """The notification names the set."""
    pdus = ready.do("mms", from_=ALICE, subject=subject, charset=charset)["pdus"]
    data = tpdu.join_data([tpdu.decode(pdu) for pdu in pdus])
    assert (mms_sender(data), mms_subject(data)) == (ALICE, subject)


@pytest.mark.parametrize("originator", ["8600", "MMS", "+32470999999"])
def test_an_mms_may_be_announced_by_anybody(ready: Terminal, originator: str) -> None:
    """A short code, a name or a subscriber may announce it.

    The centre of an operator has a short code or a name; a subscriber forges the announcement.
    """
    (pdu,) = ready.do("mms", from_=ALICE, originator=originator)["pdus"]
    read = tpdu.decode(pdu)
    assert (str(read.originator), mms_sender(tpdu.join_data([read]))) == (originator, ALICE)


def test_garbage_is_delivered_as_it_is(ready: Terminal) -> None:
    """Any queued PDU is listed unchanged."""
    for pdu in ("ZZ", "", "00", "07FF", "0791FFFFFFFFFFFF04"):
        ready.do("deliver_pdu", pdu=pdu)
    assert ready.do("state")["storages"]["SM"]["entries"][0]["pdu"] == "ZZ"
    assert "0791FFFFFFFFFFFF04" in ready.at("AT+CMGL=4")


# Submitting


@pytest.mark.parametrize("text", ["Bonjour", "€" * 90, "😀" * 40, "Hé " * 150])
def test_submitted_texts_are_kept_whole(ready: Terminal, text: str) -> None:
    """Recipient, alphabet and raw PDUs are kept with the text."""
    results = ready.send(text, reference=9)
    assert [result[-1] for result in results] == ["OK"] * len(results)
    (left,) = ready.do("submitted")["submitted"]
    assert (left["recipient"], left["text"], left["complete"]) == (ALICE, text, True)
    assert left["segments"] == len(left["pdus"]) == len(results)
    assert left["encoding"] == plan(text).encoding


def test_message_references_count_up(ready: Terminal) -> None:
    """Each segment gets the next message reference."""
    assert [each[0] for each in ready.send("x" * 200)] == ["+CMGS: 1", "+CMGS: 2"]


def test_a_text_submitted_twice_is_two_texts(ready: Terminal) -> None:
    """A repetition is another text, even while the first one is incomplete."""
    first, second = tpdu.encode_submit(ALICE, plan("x" * 200), reference=3)
    for segment in (first, first, second, second):
        ready.submit(segment)
    assert [text["complete"] for text in ready.do("submitted")["submitted"]] == [True, True]
    ready.send("short")
    ready.send("short")
    assert len(ready.do("submitted")["submitted"]) == 4


def test_a_wrong_length_is_refused(ready: Terminal) -> None:
    """The length differs from the PDU's, and nothing is sent."""
    (segment,) = tpdu.encode_submit(ALICE, plan("x"))
    assert ready.at(f"AT+CMGS={segment.tpdu_length + 1}") == ["> "]
    assert lines(ready.type(segment.pdu.encode() + b"\x1a")) == ["+CMS ERROR: 304"]
    assert ready.do("submitted")["submitted"] == []


def test_a_payload_has_to_be_a_submit(ready: Terminal) -> None:
    """Another payload of the right length is refused."""
    ready.at("AT+CMGS=4")
    assert lines(ready.type(b"0004000000\x1a")) == ["+CMS ERROR: 304"]
    assert ready.do("submitted")["submitted"] == []


def test_a_payload_before_the_prompt_is_lost(ready: Terminal) -> None:
    """The PDU came with its command; the prompt stays open."""
    (segment,) = tpdu.encode_submit(ALICE, plan("x"))
    assert lines(ready.type(f"AT+CMGS={segment.tpdu_length}\r{segment.pdu}\x1a".encode())) == ["> "]
    assert lines(ready.type(b"AT\r\x1a")) == ["+CMS ERROR: 304"]
    assert ready.do("submitted")["submitted"] == []


def test_escape_ends_a_prompt(ready: Terminal) -> None:
    """ESC ends a prompt with OK, and nothing is sent."""
    (segment,) = tpdu.encode_submit(ALICE, plan("x"))
    ready.at(f"AT+CMGS={segment.tpdu_length}")
    assert lines(ready.type(segment.pdu.encode() + b"\x1b")) == ["OK"]
    assert ready.do("submitted")["submitted"] == []
    assert ready.at("AT+CMGF?") == ["+CMGF: 0", "OK"]


def test_an_endless_payload_is_refused(ready: Terminal) -> None:
    """A payload without end does not fill the memory, and is refused."""
    ready.at("AT+CMGS=20")
    assert ready.type(b"0" * 3000) == ""
    assert lines(ready.type(b"\x1a")) == ["+CMS ERROR: 304"]


@pytest.mark.parametrize(
    "pdu",
    [
        "zz",
        "",
        "00",
        "0001000B912374103254F600000141FF",  # an octet too many
        "0001000B912374103254F6000002",  # two too few
        "0004000B912374103254F600000141",  # a DELIVER
        "0001000000000141",  # no recipient
        "00010002D04100000141",  # an alphanumeric one
        "0001000B912374103254F6000C0141",  # a reserved alphabet
        "0041000B912374103254F6000806050003010203",  # segment 3 of 2
        "0041000B912374103254F600000A05000301000041414141",  # segment 0 of 0
    ],
)
def test_an_invalid_submit_is_refused(pdu: str) -> None:
    """Any fault makes a SUBMIT refused."""
    with pytest.raises(PduError):
        pdus.read_submit(pdu)


@given(
    pdu=st.one_of(
        st.binary(max_size=40), st.binary(max_size=40).map(lambda tail: b"\x00\x41\x00\x04\x91\x21\x43" + tail)
    )
)
@settings(deadline=None, max_examples=500)
def test_any_octets_are_a_submit_or_an_error(pdu: bytes) -> None:
    """Any octets give a text or a PduError."""
    with suppress(PduError):
        assert pdus.read_submit(pdu.hex()).pdu == pdu.hex()


@given(
    text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x1b"), max_size=400),
    mode=st.sampled_from(["smart", "ucs2"]),
)
@settings(deadline=None, max_examples=200)
def test_submits_are_read_by_another_decoder(text: str, mode: str) -> None:
    """The other decoder's known faults are corrected."""
    planned = plan(text, mode)
    segments = [pdus.read_submit(each.pdu) for each in tpdu.encode_submit(ALICE, planned, reference=200, report=True)]
    assert "".join(each.text for each in segments) == planned.text
    assert {(each.recipient, each.encoding, each.report) for each in segments} == {(ALICE, planned.encoding, True)}


@pytest.mark.parametrize("validity", [None, timedelta(days=2)])
@pytest.mark.parametrize("text", ["12345678@", "1234567@", "123456@", "§`", "a\fb", "€" * 4])
@pytest.mark.parametrize("bits", [0, 8, 16])
def test_known_faults_of_the_decoder_are_corrected(text: str, bits: int, validity: timedelta | None) -> None:
    """Headers of seven octets, a last @, § and form feed work."""
    text = text.replace("`", "")
    elements = {0: b"", 8: b"\x05\x00\x03\x07\x01\x01", 16: b"\x06\x08\x04\x00\x07\x01\x01"}[bits]
    first = 0x01 | (0x40 if bits else 0) | (0x10 if validity else 0)
    vp = b"\xa8" if validity else b""
    head = bytes([0, first, 0, 3, 0x81]) + pdus._semi_octets("1*#") + b"\x00\x00" + vp
    pdu = (head + pdus._user_data("gsm7", elements, encode_gsm7(text))).hex()
    read = pdus.read_submit(pdu)
    assert (read.text, read.recipient) == (text, "1*#")
    assert read.reference == (7 if bits else 0)


def test_eight_bit_data_can_be_sent() -> None:
    """Data is sent as data."""
    read = pdus.read_submit("0001000B912374103254F600040380FF00")
    assert (read.encoding, read.text) == ("8bit", "\x80ÿ\x00")


def test_a_requested_report_comes(ready: Terminal) -> None:
    """The status is the chosen one; CNMI says stored or direct."""
    said = ready.send("x", report=True)[0]
    assert said == ["+CMGS: 1", "OK", '+CDSI: "SM",1']
    ready.do("network", report_status=0x46)
    ready.at("AT+CNMI=2,1,0,1,0")
    *_, header, pdu = ready.send("x", report=True)[0]
    report = tpdu.decode(pdu)
    assert header == f"+CDS: {tpdu_length(pdu)}"
    assert (report.mr, str(report.recipient), report.status) == (2, ALICE, 0x46)
    assert ready.send("x")[0] == ["+CMGS: 3", "OK"]
    ready.do("network", report_status="none")
    assert ready.send("x", report=True)[0] == ["+CMGS: 4", "OK"]
    ready.do("network", report_status=0)
    ready.at("AT+CNMI=2,1,0,0,0")
    assert ready.send("x", report=True)[0] == ["+CMGS: 5", "OK"]
    assert ready.do("state")["queue"] == 0


# Network, SIM, calls


@pytest.mark.parametrize(
    ("name", "stat"),
    [
        *[("home", 1), ("roaming", 5), ("searching", 2), ("denied", 3), ("none", 0), ("home_sms", 6)],
        *[("roaming_sms", 7), ("emergency", 8), ("home_no_csfb", 9), ("roaming_no_csfb", 10)],
        ("emergency_lte", 11),
    ],
)
def test_each_registration_is_reported(ready: Terminal, name: str, stat: int) -> None:
    """Texts pass only when registered at home or roaming, for any service.

    Each state is answered and announced.
    """
    assert ready.at("AT+CREG=1;+CGREG=1") == ["OK"]
    ready.do("network", registered=name)
    assert lines(ready.hear()) == [f"+CREG: {stat}", f"+CGREG: {stat}"]
    assert ready.at("AT+CREG?") == [f"+CREG: 1,{stat}", "OK"]
    passes = stat in {1, 5, 6, 7, 9, 10}
    assert bool(ready.deliver()) is passes
    assert ready.send("x")[0][-1] == ("OK" if passes else "+CMS ERROR: 331")
    ready.do("network", registered=True)
    assert _listed(ready.at("AT+CMGL=4")) == ["coucou"]


def test_hidden_events_are_counted(ready: Terminal) -> None:
    """Commands without an answer count, and so do hung-up calls."""
    ready.do("fault", kind="hang", command="at+csq", count=1)
    for command in ("AT+CSQ", "AT+CSQ"):
        ready.at(command)
    ready.do("call", from_=ALICE)
    ready.at("AT+CHUP")
    ready.at("ATH")

    assert ready.do("counters")["counters"]["+CSQ"] == 2
    assert ready.bench.tally["hung_up"] == 1


@pytest.mark.parametrize(
    ("charset", "text", "said"),
    [
        ("UCS2", "Solde", '"0053006F006C00640065",15'),
        ("GSM", "w\xe4hlen @", '"w{hlen \x00",15'),  # gammu, tests/at-ussd/03-unknown
        ("GSM", "\u0416", '"0416",72'),
        ("IRA", "w\xe4hlen", '"007700E40068006C0065006E",72'),
    ],
)
def test_strings_are_in_the_chosen_character_set(ready: Terminal, charset: str, text: str, said: str) -> None:
    """+CSCS decides the form of USSD, operator, number and service centre."""
    ready.at(f'AT+CSCS="{charset}"')
    ready.do("ussd", code="*1#", text=text)
    code = "*1#".encode("utf-16-be").hex() if charset == "UCS2" else "*1#"
    assert ready.at(f'AT+CUSD=1,"{code}",15') == ["OK", f"+CUSD: 0,{said}"]
    for command, plain in (("+COPS?", "Proximus"), ("+CNUM", "+32460209399"), ("+CSCA?", "+32475161616")):
        written = plain.encode("utf-16-be").hex().upper() if charset == "UCS2" else plain
        assert f'"{written}"' in ready.at(f"AT{command}")[0]


# Resets


@pytest.mark.parametrize("how", ["AT+CFUN=1,1", "reset", "power", "replug", "ATZ", "AT&F"])
def test_a_restart_resets_the_settings(ready: Terminal, how: str) -> None:
    """The contents of the SIM stay."""
    ready.at("AT+CSMS=1")
    ready.do("store", pdu="00")
    before = ready.do("state")["storages"]
    match how:
        case "replug":
            ready.open()
        case "power":
            ready.do("power", on=False)
            assert ready.at("AT") == []
            ready.do("power", on=True)
        case "reset":
            ready.do("reset")
        case _:
            assert ready.at(how)[0] == "OK"
    assert ready.do("state")["settings"] == {name: list(row.default) for name, row in SETTINGS.items()}
    assert ready.do("state")["storages"] == before


def test_a_modem_without_power_does_nothing(ready: Terminal) -> None:
    """Waiting texts come in at the start, and a call ends."""
    ready.at("AT+CREG=1")
    ready.do("call", from_=ALICE)
    ready.hear()
    ready.do("power", on=False)
    assert ready.deliver() == []
    assert ready.later(60) == []
    assert ready.do("state")["queue"] == 1
    assert ready.do("state")["modem"] == "off"
    ready.do("network", registered=True)
    assert ready.hear() == ""
    ready.do("power", on=True)
    assert ready.do("state")["queue"] == 0


def test_latencies_are_real(make_line: object) -> None:
    """An answer, a result and a start take time, in silence."""
    line = make_line(latency="real")
    assert line.type(b"ATE0\r") == ""
    assert line.later(8) == ["RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"]
    assert lines(line.type(b"ATE0\rAT+CSQ\r")) == ["ATE0\r"]
    assert line.later(0.1) == ["OK"]
    assert line.later(0.1) == ["+CSQ: 18,99", "OK"]
    (segment,) = tpdu.encode_submit(ALICE, plan("x"))
    line.at(f"AT+CMGS={segment.tpdu_length}")
    assert line.later(0.1) == ["> "]
    line.type(segment.pdu.encode() + b"\x1a")
    assert line.later(1.9) == []
    assert line.later(2.2) == ["+CMGS: 1", "OK"]


# Faults


def test_noise_is_around_the_lines(ready: Terminal) -> None:
    """Noise comes before, between and after the lines, with octets beyond 0x7F."""
    ready.do("fault", kind="garbage", count=1)
    noise = KINDS["garbage"].given["octets"]
    assert ready.at("AT+CSQ") == [noise, "+CSQ: 18,99", noise, "OK"]
    assert max(map(ord, noise)) > 0x7F


@pytest.mark.parametrize(
    ("given", "final"), [({"cms": 38}, "+CMS ERROR: 38"), ({"cme": 14}, "+CME ERROR: 14"), ({}, "ERROR")]
)
def test_a_refused_text_was_not_sent(ready: Terminal, given: dict[str, int], final: str) -> None:
    """Only error_after_submit refuses a text that was sent."""
    ready.do("fault", kind="error", command="+CMGS", count=1, **given)
    assert ready.send("x") == [[final]]
    assert ready.do("submitted")["submitted"] == []
    ready.do("fault", kind="error_after_submit", count=1, **given)
    assert ready.send("x") == [[final]]
    assert len(ready.do("submitted")["submitted"]) == 1


BOB = "+32470654321"


@pytest.mark.parametrize(
    ("kind", "said", "left"),
    [("error", ["+CMS ERROR: 38"], 0), ("error_after_submit", ["+CMS ERROR: 38"], 1), ("no_result", [], 1)],
)
def test_a_fault_can_be_of_one_recipient(ready: Terminal, kind: str, said: list[str], left: int) -> None:
    """Other recipients' texts are sent; other commands do not use it up."""
    ready.do("fault", kind=kind, recipient=BOB, **({"cms": 38} if said else {}))
    assert ready.send("x", recipient=BOB) == [said]
    assert len(ready.do("submitted")["submitted"]) == left
    assert ready.send("x") == [[f"+CMGS: {left + 1}", "OK"]]
    assert ready.at("AT+CSQ")[-1] == "OK"


def test_a_fault_can_be_of_one_segment(ready: Terminal) -> None:
    """The first segment of every text is sent."""
    ready.do("fault", kind="error", cms=38, segment=2)
    assert ready.send("x" * 200) == [["+CMGS: 1", "OK"], ["+CMS ERROR: 38"]]
    (text,) = ready.do("submitted")["submitted"]
    assert (text["segments"], text["total"], text["complete"]) == (1, 2, False)
    assert ready.submit(tpdu.EncodedSegment("zz", 1)) == ["+CMS ERROR: 304"]  # not hex


def test_a_text_can_be_sent_without_a_result(ready: Terminal) -> None:
    """The modem goes on taking commands."""
    ready.do("fault", kind="no_result", count=1)
    assert ready.send("x") == [[]]
    assert len(ready.do("submitted")["submitted"]) == 1
    assert ready.at("AT") == ["OK"]


def test_a_result_can_be_late(ready: Terminal) -> None:
    """A result can come late, between or inside answers to other commands."""
    ready.do("fault", kind="late_result", count=1, seconds=30)
    assert ready.send("x") == [[]]
    assert ready.at("AT") == ["OK"]
    assert ready.later(30) == ["+CMGS: 1", "OK"]


def test_a_result_can_come_with_the_next_prompt(ready: Terminal) -> None:
    """Nothing comes before it, and one write has both."""
    ready.do("fault", kind="result_at_prompt", count=1)
    assert ready.send("x") == [[]]
    assert ready.at("AT") == ["OK"]
    assert ready.at("AT+CMGS=12") == ["> ", "+CMGS: 1", "OK"]
    assert ready.type(b"\x1b") == "\r\nOK\r\n"
    assert ready.send("x") == [["+CMGS: 2", "OK"]]


def test_a_deletion_can_be_refused(ready: Terminal) -> None:
    """A refused deletion leaves the entry."""
    ready.deliver()
    ready.do("fault", kind="delete_refused")
    assert ready.at("AT+CMGD=1") == ["+CMS ERROR: 500"]
    assert len(ready.do("state")["storages"]["SM"]["entries"]) == 1


def test_a_listing_can_be_wrong(ready: Terminal) -> None:
    """Lengths, empty entries, characters and CPMS counts can be false."""
    ready.do("fault", kind="list_lies", how="empty", count=1)
    assert ready.at("AT+CMGL=4") == ["OK"]
    ready.deliver()
    header, pdu, _ = ready.at("AT+CMGL=4")
    length = tpdu_length(pdu)
    said = {}
    for how in ("length", "empty", "nonhex"):
        ready.do("fault", kind="list_lies", how=how, count=1)
        said[how] = ready.at("AT+CMGL=4")
    header = header.replace("+CMGL: 1,0", "+CMGL: 1,1")
    assert said["length"] == [header.replace(f",,{length}", f",,{length + 1}"), pdu, "OK"]
    assert said["empty"] == [header, "OK"]
    assert said["nonhex"] == [header, "Z" + pdu[1:], "OK"]
    ready.do("fault", kind="list_lies", how="used", count=3)
    assert ready.at("AT+CPMS?")[0] == '+CPMS: "SM",2,10,"SM",1,10,"SM",1,10'
    assert ready.at('AT+CPMS="SM"')[0] == "+CPMS: 2,10,1,10,1,10"
    assert ready.at("AT+CSQ")[0] == "+CSQ: 18,99"


def test_a_listing_can_be_undecodable(ready: Terminal) -> None:
    """The PDUs have the right length, and no decoder reads them."""
    ready.deliver()
    ready.do("fault", kind="undecodable", count=1)
    header, pdu, _ = ready.at("AT+CMGL=4")
    assert len(pdu) // 2 - 1 >= int(header.rpartition(",")[2])
    with pytest.raises(PduError):
        tpdu.decode(pdu)


def test_an_answer_can_come_byte_by_byte(ready: Terminal) -> None:
    """An answer in single bytes is the same."""
    ready.do("fault", kind="bytewise", count=1)
    assert ready.at("AT+CSQ") == []
    said = 0
    while len(ready.bench.timers._due) > 0:
        said += 1
        ready.now = ready.bench.timers._due[0][0]
        ready.bench.timers.run()
    assert said == len("\r\n+CSQ: 18,99\r\n\r\nOK\r\n")
    assert lines(ready.hear()) == ["+CSQ: 18,99", "OK"]


# Control socket


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("nothing", {}),
        ("fault", {"kind": "nothing"}),
        ("fault", {"kind": "hang", "seconds": 1}),
        ("fault", {"kind": "list_lies", "how": "badly"}),
        ("deliver", {"from": ALICE}),
        ("deliver", {"from": ALICE, "text": "x", "bits": 7}),
        ("deliver", {"from": ALICE, "text": "x", "encoding": "utf-8"}),
        ("deliver", {"from": ALICE, "text": "ê", "encoding": "gsm7"}),
        ("deliver", {"from": ALICE, "text": "x", "scts": "2026-11-24T22:18:00"}),
        ("deliver", {"from": ALICE, "text": "x", "class": 300}),
        ("store", {"pdu": "00", "index": 11}),
        ("store", {"pdu": "00", "storage": "XX"}),
        ("store", {"pdu": "00", "status": 9}),
        ("call", {"interval": 0}),
        ("clear", {"what": "everything"}),
        ("network", {"registered": "maybe"}),
        ("fault", {"kind": "hang", "until": "tomorrow"}),
        ("forget", {"settings": ["+FOO"]}),
        ("habits", {"overflows": True}),
        ("habits", {"lines": "no such"}),
        ("away", {"seconds": 1, "name": "/nowhere/at/all"}),
        ("ussd", {"code": "*1#", "kind": "song"}),
        ("replug", {"name": "/nowhere/at/all"}),
    ],
)
def test_absurd_messages_are_refused(ready: Terminal, name: str, given: dict[str, object]) -> None:
    """A message without sense is refused, and changes nothing."""
    before = ready.do("state")
    with pytest.raises((HotlinedError, TypeError, ValueError, LookupError)):
        control.do(ready.bench, name, given)
    assert ready.do("state") == before


def test_entries_can_be_stored_and_cleared(ready: Terminal) -> None:
    """An index can be chosen, and everything can be removed."""
    assert ready.do("store", pdu="00", index=7, status=3)["index"] == 7
    assert ready.do("store", pdu="00")["index"] == 1
    ready.do("network", registered=False)
    ready.deliver()
    ready.send("x")
    ready.do("fault", kind="hang")
    ready.do("clear", what="all")
    state = ready.do("state")
    assert (state["queue"], state["submitted"], state["faults"], state["storages"]["SM"]["entries"]) == (0, [], [], [])
    ready.do("reset_counters")
    assert ready.do("counters") == {"counters": {}, "events": {}}


def test_a_full_sim_stores_nothing(make_line: object) -> None:
    """An entry without a free index is refused."""
    line = make_line(sim_size=0)
    with pytest.raises(UsageError):
        line.do("store", pdu="00")


def test_a_text_has_the_chosen_timestamp(ready: Terminal) -> None:
    """A text has the SCTS given in the message."""
    ready.deliver(scts="2025-01-02T03:04:05-03:30")
    assert tpdu.decode(ready.at("AT+CMGL=4")[1]).scts == datetime.fromisoformat("2025-01-02T03:04:05-03:30")


def test_timers_run_in_order() -> None:
    """Actions run in order when they are due, unless they are cancelled."""
    now, done = [0.0], []
    timers = Timers(lambda: now[0])
    assert timers.wait_seconds() is None
    timers.after(2, lambda: done.append("b"))
    timers.after(1, lambda: done.append("a"))
    timers.after(1, lambda: done.append("x"))()
    assert timers.wait_seconds() == 1
    timers.run()
    now[0] = 5
    assert timers.wait_seconds() == 0
    timers.run()
    assert done == ["a", "b"]


def test_unread_output_is_bounded(ready: Terminal) -> None:
    """Output beyond a limit is dropped, and the modem goes on."""
    for _ in range(1_000):
        ready.bench.port.write(b"x" * 2_000)
    assert ready.bench.port.has_unread
    assert len(ready.bench.port._unread) <= UNREAD_OCTETS


def test_an_idle_port_reads_nothing(ready: Terminal) -> None:
    """Reading without input returns nothing at once."""
    assert ready.bench.port.read() == b""


def test_a_pulled_port_is_closed(ready: Terminal) -> None:
    """A pulled port neither reads nor writes."""
    ready.bench.unplug()
    ready.bench.unplug()
    ready.bench.port.write(b"x")
    assert (ready.bench.port.read(), ready.bench.port.name, ready.bench.port.master) == (b"", None, None)


def test_a_changed_link_stays(ready: Terminal, tmp_path: Path) -> None:
    """A link that was changed meanwhile is not removed."""
    link = tmp_path / "modem"
    link.unlink()
    link.symlink_to("/dev/null")
    ready.bench.unplug()
    assert link.is_symlink()


# The program


@pytest.fixture(scope="module", name="program")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """Give a running simulator that the tests share."""
    with start(
        tmp_path_factory.mktemp("simulator"), sim_size=3, factory=["+CMEE=1"], me_is_sim=False, pin=None
    ) as running:
        yield running


def test_the_program_serves_a_driver(program: Simulation) -> None:
    """The control socket shows all that the driver does.

    It initialises, is notified of a text, lists, deletes and answers.
    """
    events = program.client.watch()
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS, exclusive=True) as port:
        for command in INITIALISATION:
            port.write(command.encode() + b"\r")
            assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")
        program.client.do("deliver", from_=ALICE, text="coucou")
        assert port.read_until(b",1\r\n") == b'\r\n+CMTI: "SM",1\r\n'
        port.write(b"AT+CMGL=4;+CMGD=1\r")
        assert port.read_until(b"OK\r\n")
        program.client.do("wait", for_="empty", timeout=PATIENCE_SECONDS)
        (segment,) = tpdu.encode_submit(ALICE, plan("réponse"))
        port.write(f"AT+CMGS={segment.tpdu_length}\r".encode())
        assert port.read_until(b"> ")
        port.write(segment.pdu.encode() + b"\x1a")
        assert port.read_until(b"OK\r\n").startswith(b"\r\n+CMGS: ")
    program.client.do("wait", for_="submitted", count=1, timeout=PATIENCE_SECONDS)
    assert program.client.do("counters")["counters"]["+CMGS"] == 1
    seen = [next(events) for _ in range(10)]
    assert [event["event"] for event in seen if event["event"] != "command"] == [
        "queued",
        "delivered",
        "deleted",
        "segment",
    ]
    assert next(events)["text"] == "réponse"


def test_the_program_can_be_unplugged(program: Simulation) -> None:
    """The driver's read fails; the stick returns under any name."""
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS, exclusive=True) as port:
        program.client.do("unplug")
        with pytest.raises(serial.SerialException):
            port.read(1)
        assert not os.path.lexists(program.port)
    other = f"{program.port}2"
    program.client.do("replug", after=0.01, name=other)
    program.client.do("wait", for_="plugged", count=2, timeout=PATIENCE_SECONDS)
    assert os.path.lexists(other)
    program.client.do("replug", name=program.port)
    assert not os.path.lexists(other)
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS) as port:
        port.write(b"AT\r")
        assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")


def test_exclusive_use_does_not_outlive_its_user(program: Simulation) -> None:
    """The next driver can open the port."""
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS) as port:
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        port.write(b"AT\r")
        assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")
        is_exclusive = fcntl.ioctl(port.fileno(), TIOCGEXCL, b"\xff" * 4)
    assert is_exclusive == bytes(4)


def test_a_client_can_wait_for_a_command(program: Simulation) -> None:
    """The client learns when it does not come."""
    client = program.client
    client.do("reset_counters")
    with pytest.raises(RefusedError):
        client.do("wait", for_="+CSQ", timeout=0.01)
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS) as port:
        port.write(b"AT+CSQ\rAT\r")
        for what in ("+CSQ", "AT+CSQ", "AT", "command"):
            client.do("wait", for_=what, timeout=PATIENCE_SECONDS)
        port.read_until(b"OK\r\n")


def test_nonsense_on_the_socket_is_an_error(program: Simulation, tmp_path: Path) -> None:
    """Clients may also leave at any time."""
    path = Path(program.port).with_name("control")
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(path))
        rude.settimeout(PATIENCE_SECONDS)
        rude.sendall(b'{"do": "sta')
        rude.sendall(
            b'te"}\nnonsense\n[]\n{"do": "nothing"}\n{"do": "deliver", "from": "+1", "text": "x", "scts": 7}\n'
        )
        lines = rude.makefile("rb")
        answers = [json.loads(lines.readline()) for _ in range(5)]
        assert [answer["ok"] for answer in answers] == [True, False, False, False, False]
        rude.shutdown(socket.SHUT_RD)
        rude.sendall(b'{"do": "watch"}\n' + b'{"do": "state"}\n' * 200)
    with connect(path) as other:
        assert other.do("state")["ok"]
    with pytest.raises(UnavailableError):
        connect(tmp_path / "nothing")


def test_a_client_that_does_not_read_is_dropped(program: Simulation) -> None:
    """Others are served while it sends requests."""
    asked = 8_000
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.settimeout(PATIENCE_SECONDS)
        deaf.connect(str(Path(program.port).with_name("control")))
        with suppress(OSError):
            deaf.sendall(b'{"do": "state"}\n' * asked)
        assert program.client.do("state")["ok"]
        with suppress(ConnectionError):
            assert sum(line.endswith(b"\n") for line in deaf.makefile("rb")) < asked


def test_nothing_is_lost_on_the_way_to_a_slow_reader(program: Simulation) -> None:
    """Answers that fill the terminal's buffer wait until read."""
    with serial.Serial(program.port, timeout=PATIENCE_SECONDS) as port:
        port.write(b"ATE0\r")
        port.read_until(b"OK\r\n")
        port.write(b"AT+CSQ\r" * 2_500)
        program.client.do("wait", for_="+CSQ", count=2_500, timeout=PATIENCE_SECONDS)
        answer = b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n"
        assert port.read(len(answer) * 2_500) == answer * 2_500


def test_a_failing_start_is_explained(tmp_path: Path) -> None:
    """A simulator that cannot start prints the reason."""
    with pytest.raises(UnavailableError):
        start(tmp_path / "missing")


def test_the_program_leaves_nothing_behind(tmp_path: Path) -> None:
    """A signal or its input's end ends it with 0.

    The signals are SIGTERM and SIGINT. Files that a killed one left are removed, too.
    """
    dead = start(tmp_path)
    watched = dead.client.watch()
    dead.kill()
    assert list(watched) == []
    with pytest.raises(UnavailableError):
        dead.client.do("state")
    dead.close()
    assert {path.name for path in tmp_path.iterdir()} == {"modem", "control"}
    for number in (signal.SIGTERM, signal.SIGINT, None):
        running = start(tmp_path, me_is_sim=True)
        if number is None:
            running.process.stdin.write("not the end yet")
            running.process.stdin.close()
        else:
            running.process.send_signal(number)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        running.close()
        assert list(tmp_path.iterdir()) == []


def test_without_options_the_port_is_named() -> None:
    """Without options the program is a bare port, whose name it prints."""
    with subprocess.Popen([sys.executable, "-m", "hotlined.simulator"], stdout=subprocess.PIPE, text=True) as bare:
        ready = json.loads(bare.stdout.readline())
        assert ready["control"] is None
        with serial.Serial(ready["port"], timeout=PATIENCE_SECONDS) as port:
            port.write(b"AT\r")
            assert port.read_until(b"OK\r\n") == b"AT\r\r\nOK\r\n"
        bare.terminate()
        assert bare.wait(PATIENCE_SECONDS) == 0


def test_the_help_names_every_message_and_fault() -> None:
    """The help lists every message of the control socket and every fault."""
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(f"  {name}" in shown for name in [*control.MESSAGES, *KINDS, "watch", "wait"])
    for factory in ("+FOO=1", "+CMGF=x", "+CNMI=1"):
        assert CliRunner().invoke(main, ["--factory", factory]).exit_code == 2


def test_the_syntaxes_of_a_command_differ() -> None:
    """Each of the four syntaxes of a command is recognised."""
    found = [next(iter(parse(f"+CSQ{suffix}"))).operation for suffix in ("", "?", "=?", "=1")]
    assert found == list(Operation)


# Makes


def prepared(make_line: object, make: str) -> Terminal:
    """Connect a make and initialise it with commands that every make takes."""
    line = make_line(make=make)
    for command in ("ATE0", "AT+CMEE=1;+CMGF=0", "AT+CNMI=2,1"):
        assert line.at(command)[-1] == "OK"
    return line


@pytest.mark.parametrize("make", sorted(MAKES.keys() - {"a7670e-lnxy"}))
def test_every_make_answers(make_line: object, make: str) -> None:
    """Names, chatter, refusals and resets are the make's own.

    Chatter comes before each fourth answer.
    """
    row = MAKES[make]
    line = prepared(make_line, make)
    assert row.manufacturer in line.at("AT+CGMI")
    said = [each for _ in range(8) for each in line.at("AT") if each != "OK"]
    assert len(said) == 2 * bool(row.chatter)
    assert set(said) <= set(row.chatter)
    unknown = "+CME ERROR: 100" if row.unknown is None else row.unknown
    for command in ("AT+FOO", *(f"AT{name}" for name in row.lacks)):
        assert line.at(command)[-1] == unknown
    for count, command in ((2, f"AT{row.reset}"), (2 + (not row.ignores_reset), "AT+CFUN=1,1")):
        line.at(command)
        assert line.do("counters")["events"]["reset"] == count


def test_a_make_answers_in_its_own_form(make_line: object) -> None:
    """Status, alpha field, memories, deletion and CPIN's end differ."""
    zte = prepared(make_line, "zte")
    zte.deliver()
    assert "+CMGR: ,," in "".join(zte.at("AT+CMGR=0"))
    sim800 = prepared(make_line, "sim800")
    sim800.deliver()
    assert next(each for each in sim800.at("AT+CMGL=4") if "+CMGL" in each).startswith('+CMGL: 1,0,"",')
    wavecom = prepared(make_line, "wavecom")
    assert [each for each in wavecom.at("AT+CPIN?") if "+WIND" not in each] == ["+CPIN: READY"]
    assert "+CPMS: ((" in "".join(wavecom.at("AT+CPMS=?"))
    assert wavecom.at('AT+CPMS="SM","SM","SM"')[-1] == "ERROR"
    assert wavecom.at("AT+CSMS=1")[-1] == "+CMS ERROR: 303"
    cinterion = prepared(make_line, "cinterion")
    assert cinterion.at("AT+CMGD=1,0")[-1] == "ERROR"
    assert cinterion.at("AT+CNMI=2,1,0,2,0")[-1] == "ERROR"
    assert cinterion.at("AT+CNMI=2,1,0,2,1")[-1] == "OK"
    assert "+CNMI: (0-3),(0-3),(0-3),(0-2),(1-1)" in cinterion.at("AT+CNMI=?")


# Answers of real modems, octet by octet


def test_a_make_has_its_storages_in_its_own_roles(make_line: object) -> None:
    """A Cinterion lists ME and MT, and receives into SM or MT.

    It reports its choices.
    """
    for make, named in (("cinterion-mt", '"MT"'), ("cinterion-sm", '"SM"')):
        line = prepared(make_line, make)
        line.at("AT+CNMI=2,1,0,2,1")
        assert '+CPMS: ("ME","MT"),("ME","SM","MT"),("SM","MT")' in line.at("AT+CPMS=?")
        assert line.at('AT+CPMS="ME","ME","ME"')[-1] == "+CMS ERROR: 302"
        assert line.at('AT+CPMS="ME","ME"')[-1] == "OK"
        assert '+CPMS: "ME",0,25,"ME",0,25,"MT",0,55' in line.at("AT+CPMS?")
        assert f"+CMTI: {named},1" in line.deliver()
    line = prepared(make_line, "huawei-e352")
    assert line.at('AT+CPMS="ME"')[-1] == "ERROR"


def test_the_brovi_takes_three_memories_or_none(make_line: object) -> None:
    """The E3372-325 reports no counts (gammu, issues 829 and 908)."""
    line = make_line(make="brovi")
    assert line.at("ATE0")[-1] == "OK"
    for sent, said in (
        (b"AT+CPMS=?\r", b'\r\n+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")\r\n\r\nOK\r\n'),
        (b'AT+CPMS="SM"\r', b"\r\nERROR\r\n"),
        (b'AT+CPMS="SM","SM"\r', b"\r\nERROR\r\n"),
        (b'AT+CPMS="SM","SM","SM"\r', b"\r\nOK\r\n"),
        (b'AT+CPMS="SM","SM","SM","SM"\r', b"\r\nERROR\r\n"),
    ):
        assert said in line.type(sent).encode()  # amid unsolicited lines


@pytest.mark.parametrize(
    ("command", "old", "new", "said"),
    [
        # ModemManager, test_cnum_response_generic_without_detail
        ("+CNUM", r'"",(".*"),145', r",\1,161", '+CNUM: ,"+32460209399",161'),
        ("+CNUM", r'""(.*)', r"something\1", '+CNUM: something,"+32460209399",145'),
        # gammu, tests/at-smsc/01
        ("+CSCA", '"', "", "+CSCA: +32475161616,145"),
        # Nordic's nRF modems
        ("+CPIN", "READY", '"READY"', '+CPIN: "READY"'),
        ("+CPIN", "READY", "SIM PUK2", "+CPIN: SIM PUK2"),
        # Quectel M95 AT Commands Manual V3.1
        ("+CPIN", "READY", "NOT INSERTED", "+CPIN: NOT INSERTED"),
        # ModemManager, test_creg2_iridium_solicited
        ("+CREG", r"(\d),(\d).*", r'002,00\2,"0001","0010"', '+CREG: 002,001,"0001","0010"'),
    ],
)
def test_an_answer_can_have_another_form(ready: Terminal, command: str, old: str, new: str, said: str) -> None:
    """Each line of an answer can be rewritten in another make's form."""
    ready.do("fault", kind="rewrites", command=command, old=old, new=new)
    sent = f"AT{command}{'' if command == '+CNUM' else '?'}\r"
    assert ready.type(sent.encode()) == f"\r\n{said}\r\n\r\nOK\r\n"


def test_a_registration_may_be_known_to_one_question(ready: Terminal) -> None:
    """The domain may be packets or 5G alone."""
    for name in ("+CGREG", "+C5GREG"):
        ready.do("habits", registers=[name])
        ready.at(f"AT{name}=1")
        ready.do("network", registered="roaming")
        assert f"{name}: 5" in lines(ready.hear())
        assert ready.at("AT+CREG?") == ["+CREG: 0,0", "OK"]
        assert ready.at(f"AT{name}?") == [f"{name}: 1,5", "OK"]


def test_a_make_without_circuits_registers_elsewhere(make_line: object) -> None:
    """An LTE stick is registered by CEREG only."""
    line = prepared(make_line, "quectel")
    assert line.at("AT+CREG=1;+CEREG=1")[-1] == "OK"
    line.do("network", registered="roaming")
    assert lines(line.hear()) == ["+CREG: 0", "+CEREG: 5"]


def test_class_0_may_be_delivered_directly(make_line: object) -> None:
    """Some makes do so where CNMI stores; CNMI=2,0 silences it."""
    line = prepared(make_line, "u-blox")
    assert line.deliver(class_=0)[0].startswith("+CMT: ")
    assert line.deliver(class_=1) == ['+CMTI: "SM",1']
    line.at("AT+CNMI=2,0,0,0,0")
    assert line.deliver(class_=0) == []


def test_a_stick_of_huawei_can_be_silenced(make_line: object) -> None:
    """AT^CURC=0 ends its chatter until it starts again; other makes do not know it."""
    line = prepared(make_line, "huawei")
    assert line.at("AT^CURC=0")[-1] == "OK"
    assert [line.at("AT") for _ in range(8)] == [["OK"]] * 8
    assert prepared(make_line, "sim800").at("AT^CURC=0")[-1] != "OK"


@pytest.mark.parametrize("make", ["huawei", "sim800"])
def test_a_sim_can_be_removed_and_changed(make_line: object, make: str) -> None:
    """Makes report it in their words; another SIM has another identity."""
    line = prepared(make_line, make)
    line.do("sim", absent=True)
    assert lines(line.hear()) == list(MAKES[make].sim_out)
    line.do("sim", absent=False, imsi="206019999999999", iccid="8932099")
    assert lines(line.hear()) == list(MAKES[make].sim_in)
    assert "206019999999999" in line.at("AT+CIMI")
    assert any("8932099" in each for each in line.at(f"AT{MAKES[make].iccid[0]}"))


# Storages


def test_a_union_has_both_storages(make_line: object) -> None:
    """MT has the indexes of SM, then those of ME.

    It receives until both are full, and deletes.
    """
    line = make_line(sim_size=1, me_size=1, offers=("MT", "SM", "ME"))
    line.initialise()
    line.at('AT+CPMS="MT","MT","MT"')
    assert line.deliver("a") == ['+CMTI: "MT",1']
    assert line.deliver("b") == ['+CMTI: "MT",2']
    assert line.deliver("c") == []
    assert _listed(line.at("AT+CMGL=4")) == ["a", "b"]
    assert line.at("AT+CMGD=2") == ["OK", '+CMTI: "MT",2']
    assert _listed(line.at("AT+CMGL=4")) == ["a", "c"]
    assert line.at("AT+CMGD=1") == [
        "OK",
    ]
    line.do("store", storage="MT", pdu="0011", index=1)
    line.do("store", storage="MT", pdu="0022", index=2)
    assert [len(line.do("state")["storages"][name]["entries"]) for name in ("SM", "ME")] == [1, 1]


def test_a_reset_may_renumber_the_entries(ready: Terminal) -> None:
    """A start with that habit reverses their order."""
    for text in ("a", "b", "c"):
        ready.deliver(text)
    ready.do("habits", renumbers=True)
    ready.do("reset")
    ready.hear()
    ready.initialise()
    assert _listed(ready.at("AT+CMGL=4")) == ["c", "b", "a"]


def test_reports_have_a_storage_of_their_own(make_line: object) -> None:
    """No message but a status report can go to SR."""
    line = make_line(offers=("SM", "SR"))
    line.initialise()
    assert line.send("x", report=True)[0][-1] == '+CDSI: "SR",1'
    assert line.at('AT+CPMS="SM","SM","SR"') == ["+CMS ERROR: 302"]
    assert line.at('AT+CPMS="SR"')[-1] == "OK"
    assert len([each for each in line.at("AT+CMGL=4") if each.startswith("+CMGL")]) == 1


def test_a_text_can_get_several_reports(ready: Terminal) -> None:
    """A service centre that still tries reports that before the final status."""
    ready.at("AT+CNMI=2,1,0,1,0")
    ready.do("network", report_status=[0x20, 0x00])
    said = ready.send("x", report=True)[0]
    assert [tpdu.decode(pdu).status for header, pdu in pairwise(said) if header.startswith("+CDS")] == [0x20, 0x00]


# Faults that end with a remedy


@pytest.mark.parametrize(
    ("until", "cures"),
    [
        ("radio", {"AT+CFUN=4": True, "AT+COPS=2": True, "AT+CFUN=1,1": True}),
        ("reset", {"AT+CFUN=4": False, "AT+COPS=2": False, "AT+CFUN=1,1": True}),
        ("power", {"AT+CFUN=4": False, "AT+COPS=2": False, "AT+CFUN=1,1": False}),
    ],
)
def test_a_hang_ends_at_its_remedy(ready: Terminal, until: str, cures: dict[str, bool]) -> None:
    """Only the command that cures it, or a stronger one, helps."""
    for command, cured in cures.items():
        ready.do("clear")
        ready.do("fault", kind="hang", until=until)
        assert "OK" not in ready.at("AT")
        assert ("OK" in ready.at(command)) is cured
        assert ("OK" in ready.at("AT")) is cured
    ready.do("power_cycle")
    assert ready.do("state")["port"] is None
    ready.now += 1
    ready.bench.timers.run()
    assert ready.do("state")["faults"] == []
    assert ready.do("state")["port"]


def test_a_registered_modem_may_refuse_every_text(ready: Terminal) -> None:
    """The radio has to be switched off and on."""
    ready.do("fault", kind="error", command="+CMGS", cms=38, until="radio")
    assert ready.at("AT+CREG?")[0] == "+CREG: 0,1"
    assert [ready.send("x")[0] for _ in range(2)] == [["+CMS ERROR: 38"]] * 2
    ready.at("AT+CFUN=4")
    ready.at("AT+CFUN=1")
    assert ready.send("x")[0][-1] == "OK"


def test_a_reset_may_remove_the_port(ready: Terminal, tmp_path: Path) -> None:
    """AT+CFUN=1,1 brings the stick back under another name."""
    ready.do("away", seconds=2, name=str(tmp_path / "other"))
    ready.port.write(b"AT+CFUN=1,1\r")
    while ready.bench.port.master and ready.bench.port.name:
        assert select.select([ready.bench.port.master], [], [], 10)[0]
        ready.bench.modem.receive(ready.bench.port.read())
    assert not (tmp_path / "modem").is_symlink()
    ready.now += 2
    ready.bench.timers.run()
    assert ready.do("state")["port"] == str(tmp_path / "other")
    ready.do("away")
    ready.bench.modem.receive(b"AT+CFUN=1,1\r")
    assert ready.do("state")["port"] == str(tmp_path / "other")


def test_a_missing_service_centre_can_be_set(ready: Terminal) -> None:
    """CSCA is empty without one, and no text is sent."""
    ready.do("network", centre="")
    assert ready.at("AT+CSCA?") == ['+CSCA: "",129', "OK"]
    assert ready.send("x")[0] == ["+CMS ERROR: 330"]
    ready.at('AT+CSCA="+32475161616",145')
    assert ready.send("x")[0][-1] == "OK"


def test_ussd_has_its_outcomes_and_forms(make_line: object) -> None:
    """The network answers, asks back, refuses or is silent.

    It may also give up; a make may pack the strings.
    """
    line = make_line()
    line.initialise()
    said = {}
    for kind in ("notify", "menu", "error", "timeout", "silence"):
        line.do("ussd", code="*1#", text="x", kind=kind)
        said[kind] = line.at('AT+CUSD=1,"*1#",15')[1:]
        assert line.do("state")["menu"] is (kind == "menu")
    assert said == {
        "notify": ['+CUSD: 0,"x",15'],
        "menu": ['+CUSD: 1,"x",15'],
        "error": ["+CUSD: 4"],
        "timeout": ["+CUSD: 5"],
        "silence": [],
    }
    line.do("ussd", code="*1#", text="x", kind="menu")
    line.at('AT+CUSD=1,"*1#",15')
    assert line.at("AT+CUSD=2") == ["OK"]
    assert line.do("state")["menu"] is False
    huawei = prepared(make_line, "huawei")
    assert huawei.at('AT+CUSD=1,"*100#",15')[-1] == "ERROR"
    packed = pdus.write_ussd("*100#")
    assert packed == "AA180C3602"  # as on many web pages
    assert huawei.at(f'AT+CUSD=1,"{packed}",15')[-1] == f'+CUSD: 0,"{pdus.write_ussd("Solde: 12,34 EUR")}",15'
    assert pdus.read_ussd(pdus.write_ussd("*101*1#")) == "*101*1#"
    qualcomm = prepared(make_line, "qualcomm")
    assert qualcomm.at('AT+CUSD=1,"*100#",15')[-1].endswith('0052",72')


def test_several_modems_run_at_once(tmp_path: Path) -> None:
    """Each has its own port, SIM and network."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with start(tmp_path / "one", make="huawei") as one, start(tmp_path / "two", offers="MT") as two:
        one.client.do("deliver", from_=ALICE, text="x")
        assert one.port != two.port
        assert [len(each.client.do("state")["storages"]) for each in (one, two)] == [2, 1]
        assert two.client.do("state")["storages"]["MT"]["used"] == 0
    assert CliRunner().invoke(main, ["--offers", "SR"]).exit_code == 2


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_text_to_the_own_number_comes_back_if_chosen(tmp_path: Path, comes_back: bool) -> None:
    """Real networks deliver it; tests may do it themselves."""
    line = Terminal(tmp_path, loops_back=comes_back)
    try:
        line.initialise()
        line.send("coucou", recipient=Options().number)
        line.later(1.5)
        assert _listed(line.at("AT+CMGL=4")) == (["coucou"] if comes_back else [])
    finally:
        line.close()
