"""`doctor --record`: the file has all questions and answers, no personal data, and can be replayed."""

import contextlib
import json
import math
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import simulated
from conftest import Line
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import STICKS, replayed
from submits import decode_any

from hotlined import config as configuration
from hotlined.doctor import record as recorder
from hotlined.doctor.host import Host
from hotlined.errors import PduError
from hotlined.gsm import tpdu
from hotlined.gsm.address import Ton
from hotlined.gsm.anonymous import RecordedLine, Replacer, anonymise
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.gsm.recording import Log, RawExchange, Recording, drive, parse
from hotlined.simulator.client import connect

PDUS = [json.loads(line) for line in (Path(__file__).parents[1] / "data/pdus.jsonl").read_text().splitlines()]
RECORDINGS = sorted(STICKS.glob("*.txt"))
FAST = settings(deadline=None)

NUMBERS = st.from_regex(r"\+?[1-9][0-9]{7,14}", fullmatch=True)
IDENTITIES = st.from_regex(r"[1-9][0-9]{14,18}", fullmatch=True)
# without x, which replaces letters, and without the maker, whose name stays in its line
WORDS = st.text("abcdeghijklmopqrstuvwyzéèß", min_size=6, max_size=12).filter(lambda words: words != "huawei")
CELLS = st.from_regex(r"[A-F][0-9A-F]{5,7}", fullmatch=True)


def record(line: Line, file: Path) -> subprocess.CompletedProcess[str]:
    """Record a line's modem; the shell opens the file."""
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "doctor", "--record", "-"]
    with file.open("w") as recording:
        return subprocess.run(
            command, stdout=recording, stderr=subprocess.PIPE, text=True, check=False, cwd=line.folder
        )


def driven(port: str) -> Modem:
    """Initialise a modem as the daemon does."""
    modem = Modem(Port(port), lambda _until: None)
    try:
        drive(modem)
    finally:
        modem.port.close()
    return modem


# ---- the command


@pytest.mark.parametrize("make", ["generic", "huawei", "zte", "wavecom"])
def test_a_recording_is_complete(make: str, tmp_path: Path) -> None:
    """A driver gets the same result, and asks nothing else."""
    with simulated.start(tmp_path, make=make) as simulator:
        line = Line(tmp_path, simulator)
        line.configure()
        line.sim.do("deliver", **{"from": "+32470123456", "text": "coucou toi"})
        file = tmp_path / "stick.txt"
        done = record(line, file)
        assert done.returncode == 0, done.stderr
        wanted = driven(simulator.port)
    made = parse(file.read_text())
    asked = {said.text.strip("\r") for said in made.lines if said.ours}
    assert asked >= {
        "ATI",
        "AT+CSCS?",
        "AT+CGSMS?",
        'AT+CPMS="SM","SM"',
        "AT+CCFC=0,2",
        "AT^ICCID?",
        "AT+CNMI=2,1,0,2,1",
    }
    with replayed(made, tmp_path) as replay:
        found = driven(replay.name)

        assert replay.simulated == {}
        assert len(replay.recorded) > 20
    assert found.profile == wanted.profile
    assert found.storages.uses == wanted.storages.uses


def test_a_recording_has_no_personal_data(line: Line) -> None:
    """Numbers, IMSI, IMEI, ICCID, texts and PDUs are replaced."""
    line.configure()
    texts = ("Bonjour Mathilde", "Rendez-vous à 18h, rue des Éperonniers", "Привет")
    senders = ("+32470123456", "+32495987654", "8989")
    for sender, text in zip(senders, texts, strict=True):
        line.sim.do("deliver", **{"from": sender, "text": text})
    pdus = [entry["pdu"] for entry in line.sim.do("state")["storages"]["SM"]["entries"]]
    file = line.folder / "stick.txt"
    record(line, file)
    text = file.read_text()
    lines = [said.text.strip() for said in parse(text).lines]

    for original in ("206012345678901", "8932012345678901234", "356938035643809", "32460209399", "32470123456"):
        assert original not in text
        assert _swapped(original) not in text
    assert len(pdus) == len(texts)
    assert not set(pdus) & set(lines)
    for words in texts:
        assert words.encode("utf-16-be").hex().upper() not in text
    decoded = [tpdu.decode(each) for each in dict.fromkeys(lines) if each.startswith("07") and len(each) > 40]
    assert len(decoded) == len(texts)
    assert all(set(each.content.text or "") == {"x"} for each in decoded if isinstance(each, tpdu.Deliver))


def test_the_stick_is_left_as_it_was(line: Line) -> None:
    """Nothing is sent or deleted, and a daemon can start."""
    line.configure()
    line.sim.do("deliver", **{"from": "+32470123456", "text": "coucou"})
    record(line, line.folder / "stick.txt")
    counters = line.sim.do("counters")["counters"]

    assert not line.submitted()
    assert line.sim.do("state")["storages"]["SM"]["used"] == 1
    assert "+CMGD" not in counters
    line.start()
    line.wait_state("ready")


def test_a_locked_sim_is_recorded_without_its_pin(line: Line) -> None:
    """The configured PIN is neither given nor in the file."""
    line.sim.do("sim", pin="48151")
    line.configure(modem={"pin": "48151"})
    file = line.folder / "stick.txt"
    done = record(line, file)
    asked = [said.text for said in parse(file.read_text()).lines if said.ours]

    assert done.returncode == 0, done.stderr
    assert "+CPIN: SIM PIN" in file.read_text()
    assert not any(text.startswith("AT+CPIN=") for text in asked)
    assert "48151" not in file.read_text()


def test_a_daemon_is_not_disturbed(line: Line) -> None:
    """Nothing is recorded from its port; the exit code is 75."""
    line.start()
    line.wait_state("ready")
    done = record(line, line.folder / "stick.txt")

    assert done.returncode == 75
    assert "systemctl stop" in done.stderr
    assert (line.folder / "stick.txt").read_text() == ""


def test_a_mute_modem_is_recorded_too(line: Line) -> None:
    """The file has the questions; the exit code is 69."""
    line.configure()
    line.sim.do("fault", kind="hang", until="reset")
    file = line.folder / "stick.txt"
    done = record(line, file)

    assert done.returncode == 69
    assert "No port answered" in done.stderr
    assert [said.text for said in parse(file.read_text()).lines if said.ours][:2] == ["\x1bAT\r", "AT\r"]


@contextlib.contextmanager
def chattering(line: Line) -> Iterator[None]:
    """Let the modem send an unsolicited line all the time, even while it hangs."""
    over = threading.Event()

    def chatter() -> None:
        with connect(line.folder / "control") as client:
            while not over.wait(0.1):
                client.do("say", line="^RSSI:14")

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_unsolicited_lines_are_not_an_answer(line: Line) -> None:
    """A hanging modem that sends ^RSSI is given up, too."""
    asked: list[str] = []
    port = Port(line.simulator.port)
    with chattering(line), contextlib.closing(port):
        exchange = RawExchange(port, asked.append, ends=math.inf)
        assert exchange.ask("AT+CMGF?\r", 5.0)
        line.sim.do("fault", kind="hang", until="reset")
        exchange.all(("AT+CSQ", "AT+CREG?", "AT+CIMI", "AT+CNUM", "AT+COPS?"), 0.5)

    assert asked == ["AT+CMGF?", "AT+CSQ", "AT+CREG?", "AT+CIMI"]
    assert exchange.unasked == 2


def test_a_recording_ends_in_time(line: Line) -> None:
    """The file of a hanging stick says that it is incomplete.

    The stick hangs at its 20th question; all before is in the file.
    """
    line.configure()
    line.sim.do("fault", kind="hang", after=20, until="reset")
    with chattering(line):
        made = recorder.record(recorder.wanted(Host(configuration.load(line.config))), lambda _: None, seconds=8.0)
    recording = parse(made.text)
    asked = [said.text.strip("\x1b\r") for said in recording.lines if said.ours]

    assert made.answered
    assert {"ATI", "AT+CGMI", "AT+CPIN?"} <= set(asked)
    assert "AT+CSCS=?" not in asked
    assert any("Hotlined" in said.text for said in recording.lines if not said.ours)
    assert "questions were left out" in recording.comments[-1]


# ---- personal data


def said(*texts: str, command: str = "AT+CMGL=4") -> list[RecordedLine]:
    """Return a recorded question with its answer."""
    return [
        RecordedLine(0.0, ours=True, text=f"{command}\r"),
        *(RecordedLine(0.1, ours=False, text=f"{text}\r\n") for text in texts),
    ]


@given(data=st.data(), number=NUMBERS, identity=IDENTITIES, words=WORDS, cell=CELLS)
@FAST
def test_no_personal_data_is_left(data: st.DataObject, number: str, identity: str, words: str, cell: str) -> None:
    """Known lines lose numbers, identities, cells, names and texts, in any order."""
    spaced = " ".join(identity[place : place + 4] for place in range(0, len(identity), 4))
    ucs2 = words.encode("utf-16-be").hex().upper()
    lines = (
        ("AT+CNUM", f'+CNUM: "{words}","{number}",145', "OK"),
        ("AT+CNUM", f"+CNUM: ,{number},129"),
        ("AT+CNUM", f'+CNUM: "{ucs2}","{number.encode("utf-16-be").hex().upper()}",145'),
        ("AT+CSCA?", f'+CSCA: "{number}",145', "OK"),
        ("AT+CSCA?", f"+CSCA: {number},145"),
        ("AT+CIMI", identity, "OK"),
        ("AT+CGSN", f'"{identity}"'),
        ("ATI", "Manufacturer: huawei", f"IMEI: {identity}", "OK"),
        ("AT+CGSN", f"+CGSN: {identity}", "OK"),
        ("AT^ICCID?", f"^ICCID: {identity}F", "OK"),
        ("AT+CCID", f'+CCID: "{identity}"', "OK"),
        ("AT+CCID", f"+CCID: {spaced}", "OK"),
        ("AT+CIMI", spaced, "OK"),
        ("AT+CREG?", f'+CREG: 2,1,"{cell}","{cell}",7', "OK"),
        ("AT+CREG?", f"+CREG: 0,1,{cell},{cell}", "OK"),
        ("AT+CSQ", f'+CREG: 1,"{cell}","{cell}"', "OK"),
        ("AT+CSQ", f"+CEREG: 5,{cell},{cell}", "OK"),
        ("AT+CCFC=0,2", f'+CCFC: 1,1,"{number}",145', "OK"),
        ("AT+CSQ", "RING", f'+CLIP: "{number}",145,"",0,"{words}",0', "+CSQ: 12,99", "OK"),
        ("AT+CSQ", f'+CUSD: 0,"{words}', f"{number} {words}", f"^MODE: {words}", f'{words}",15', "+CSQ: 12,99", "OK"),
        (
            "AT+CMGL=4",
            f'+CMGL: 1,"REC READ","{number}","{words}","26/11/24,21:18:00+04"',
            words,
            "",
            f"{words}: 1",
            "OK",
        ),
        ("AT+CMGL=4", f'+CMGL: 1,1,"{words}",28', ucs2 * 3, "OK"),
        ("AT+CMGR=1", f'+CMGR: 1,"{words}",28', f"+COPS: {words}", "OK"),
        ("AT+CPIN?", f'+CMT: "{number}","{words}","26/11/24,21:18:00+04"', f"^MODE: {words} {number}", "OK"),
        ("AT+COPS?", f"MISSED_CALL: 09:32AM {number}", f"{words} {identity}", "OK"),
        ("AT+CSQ", f"+COPS: {words}", f"+XMSG: {words} {number}", f'%NEWS: "{words}"', "OK"),
        ("AT+CPMS=?", f"+CME ERROR: {number}"),
    )
    chosen = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=6))
    before = [line for command, *texts in chosen for line in said(*texts, command=command)]
    after = anonymise(before)
    text = "".join(line.text for line in after)

    for original in (number.removeprefix("+"), identity, words, cell, ucs2, spaced, spaced[5:]):
        assert original not in text
    assert [(line.ours, len(line.text)) for line in after] == [(line.ours, len(line.text)) for line in before]
    same = r"[^\w+]"  # the characters between
    assert [re.findall(same, line.text) for line in after] == [re.findall(same, line.text) for line in before]


@pytest.mark.parametrize(
    ("command", "line", "kept", "gone"),
    [
        ("AT+CREG?", "+CREG: 0,1,00C3,0012", "+CREG: 0,1,", {"00C3", "0012"}),
        ("AT+CREG?", '+CREG: 2,5,"00C3","12A",2', "+CREG: 2,5,", {"00C3", "12A"}),
        ("AT+CSQ", "+CREG: 1,A1F,5F", "+CREG: 1,", {"A1F"}),
        ("AT+CCFC=0,2", '+CCFC: 1,1,"0470",129', "+CCFC: 1,1,", {"0470"}),
        ("AT+CSCA?", '+CSCA: "8989",129', "+CSCA: ", {"8989"}),
    ],
)
def test_short_cells_and_numbers_are_replaced_too(command: str, line: str, kept: str, gone: set[str]) -> None:
    """Three or four digits are replaced; the status before stays."""
    for _ in range(20):  # the replacement is random
        other = anonymise(said(line, command=command))[1].text.strip()

        assert other.startswith(kept)
        assert len(other) == len(line)
        assert not gone & set(re.findall(r"[0-9A-F]{3,}", other[len(kept) :]))


def test_impersonal_answers_stay() -> None:
    """Model, firmware, storages, settings, causes and unsolicited lines are its purpose."""
    lines = [
        *said("huawei", "^BOOT:1,0,0,0,64", "OK", command="AT+CGMI"),
        *said("MULTIBAND  900E  1800", "OK", command="AT+CGMM"),
        *said("11.126.85.00.209", "OK", command="AT+CGMR"),
        *said('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")', "OK", command="AT+CPMS=?"),
        *said("+CNMI: (0-3),(0,1),(0,2,3),(0,2),(1)", "OK", command="AT+CNMI=?"),
        *said('+COPS: 0,0,"Proximus",7', "OK", command="AT+COPS?"),
        *said("+CREG: 2,1", "OK", command="AT+CREG?"),
        *said("+CMS ERROR: 321", command="AT+CMGL=4"),
        *said('+CMTI: "SM",3', "^RSSI:17", "+CSQ: 12,99", "COMMAND NOT SUPPORT", command="AT+CSQ"),
    ]

    assert anonymise(lines) == lines


def test_equal_numbers_have_equal_replacements() -> None:
    """Related lines can be recognised, even in PDUs."""
    pdu = "07912374151616F6040B912374103254F600006211422200000005E8329BFD06"
    lines = anonymise(
        [
            *said('+CNUM: ,"+32470123456",145', command="AT+CNUM"),
            *said("+CMGL: 1,1,,24", pdu),
            *said("+CMGL: 1,1,,24", pdu, "OK"),
            *said('+CSCA: "+32470123456",145', command="AT+CSCA?"),
        ]
    )
    number = re.findall(r"\d{11}", lines[1].text)[0]
    decoded = tpdu.decode(lines[4].text.strip())

    assert number != "32470123456"
    assert isinstance(decoded, tpdu.Deliver)
    assert str(decoded.originator) == f"+{number}"
    assert lines[4] == lines[7]
    assert f'+CSCA: "+{number}"' in lines[-1].text


@pytest.mark.parametrize("seed", range(3))
def test_a_pdu_keeps_its_frame_and_loses_its_content(seed: int) -> None:
    """Length, type, alphabet and header stay; numbers and text go."""
    replacer = Replacer(random.Random(seed))
    checked = 0
    for row in PDUS:
        pdu = row["pdu"]
        if not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){8,}", pdu) or row["kind"] != "sms" or row["verdict"] != "ok":
            continue
        inbound, centre = row["dir"] == "mt", row["smsc_prefix"]
        if not centre:
            pdu = f"00{pdu}"
        before, after = (decode_any(each, inbound=inbound) for each in (pdu, replacer.pdu(pdu)))
        _compare(before, after)
        checked += 1
    assert checked > 300


@given(octets=st.binary(min_size=8, max_size=60))
@FAST
def test_a_malformed_pdu_is_replaced_whole(octets: bytes) -> None:
    """Any octets are replaced by as many others, without an error."""
    other = Replacer().pdu(octets.hex())

    assert len(other) == 2 * len(octets)
    with contextlib.suppress(PduError):
        tpdu.decode(other)


# ---- the form


@given(
    comments=st.lists(
        st.text(st.characters(max_codepoint=127, whitelist_categories=("L", "N", "Zs")), max_size=20).map(str.strip)
    ),
    lines=st.lists(st.tuples(st.booleans(), st.text(st.characters(max_codepoint=255), min_size=1, max_size=30))),
)
@FAST
def test_a_recording_is_read_as_written(comments: list[str], lines: list[tuple[bool, str]]) -> None:
    """The file is ASCII, and no line ends with a blank."""
    recording = Recording(tuple(comments), tuple(RecordedLine(1.5, ours, text) for ours, text in lines))
    text = recording.text()

    assert parse(text) == recording
    assert text.isascii()
    assert not re.search(r" \n", text.replace("# \n", ""))


@given(octets=st.binary(max_size=80), cuts=st.lists(st.integers(0, 80)))
@FAST
def test_lines_do_not_depend_on_the_chunks(octets: bytes, cuts: list[int]) -> None:
    """No octet is lost; lines are cut only at their ends."""
    log = Log()
    places = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
    for begin, end in pairwise(places):
        log.tap(octets[begin:end], ours=False)
    texts = [line.text for line in log.close()]

    assert "".join(texts).encode("latin-1") == octets
    assert all(text.endswith(("\r", "\n")) for text in texts[:-1])


def test_a_number_that_is_cut_by_a_question_is_replaced() -> None:
    """The two halves around the question become one line."""
    log = Log()
    log.tap(b'+CLIP: "+32470', ours=False)
    log.tap(b"AT+CSQ\r", ours=True)
    log.tap(b'123456",145\r\nOK\r\n', ours=False)

    assert [line.text for line in log.close()] == ["AT+CSQ\r", '+CLIP: "+32470123456",145\r\n', "OK\r\n"]


# ---- recorded sticks

FOUND = {
    "cinterion-mc75i": ("cinterion", ["SM", "ME"], 5),
    "huawei-e1752": ("huawei", ["SM", "ME"], 6),
    "huawei-e3372-325": ("generic", ["SM", "ME"], 2),
    "huawei-k3715": ("huawei", ["SM", "ME"], 6),
    "nokia-n79": ("generic", ["SM", "ME"], 7),
    "qualcomm-m6280": ("qualcomm", ["SM", "ME"], 6),
    "wavecom-900e-1800": ("wavecom", ["SM", "ME"], 6),
    "zte-k3565-z": ("zte", ["SM", "ME"], 7),
}
"""The expected result of each recording: make, storages, and how many of the driver's questions it answers."""


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_stick_is_initialised(path: Path, tmp_path: Path) -> None:
    """The table says how many answers come from the recording."""
    make, storages, questions = FOUND[path.stem]
    with replayed(parse(path.read_text()), tmp_path, me_size=5) as replay:
        modem = driven(replay.name)

        assert modem.profile.name == make
        assert list(modem.storages.names) == storages
        assert len(replay.recorded) == questions


def test_every_recording_is_judged() -> None:
    """A new recording needs its line in the table."""
    assert {path.stem for path in RECORDINGS} == set(FOUND)


def _compare(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    for name in ("dcs", "pid", "mr", "status"):
        assert getattr(before, name, None) == getattr(after, name, None)
    for name in ("originator", "recipient"):
        first, second = getattr(before, name, None), getattr(after, name, None)
        if first is not None:
            assert first.ton == second.ton
            assert len(first.value) == len(second.value) or first.ton is Ton.ALPHANUMERIC  # a sign may take two septets
            assert first.value != second.value or not re.search(r"\w", first.value)
    content, other = getattr(before, "content", None), getattr(after, "content", None)
    if content is not None:
        assert (content.alphabet, content.concatenation) == (other.alphabet, other.concatenation)


def _swapped(digits: str) -> str:
    """Return digits as semi-octets."""
    even = digits if len(digits) % 2 == 0 else f"{digits}F"
    return "".join(even[place + 1] + even[place] for place in range(0, len(even), 2))
