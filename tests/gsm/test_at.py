import copy
from collections.abc import Callable, Iterator

import extent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.errors import ProtocolError
from hotlined.gsm.at import (
    MAX_LINE,
    MAX_LINES,
    MAX_UNRECOGNISED,
    MAX_USSD,
    TRANSITIONS,
    Command,
    Event,
    Final,
    Information,
    Late,
    OutOfStep,
    Prompt,
    Protocol,
    ProtocolState,
    ProtocolStep,
    Response,
    Unrecognised,
    Unsolicited,
)

PROBE = Command("AT+CMGF?", prefixes=("+CMGF:",))
CSMS = Command("AT+CSMS?", prefixes=("+CSMS:",))
CSQ = Command("AT+CSQ", prefixes=("+CSQ:",))
CREG = Command("AT+CREG?", prefixes=("+CREG:",))
CPIN = Command("AT+CPIN?", prefixes=("+CPIN:",))
CUSD = Command("AT+CUSD?", prefixes=("+CUSD:",))
CLIP = Command("AT+CLIP?", prefixes=("+CLIP:",))
CIMI = Command("AT+CIMI", bare=True)
LIST = Command("AT+CMGL=4", prefixes=("+CMGL:",), payload_after=("+CMGL:",))
SEND = Command("AT+CMGS=20", prefixes=("+CMGS:",), prompt=True)
DIAL = Command("ATD123;", dials=True)
SUBMIT = "0011000B913254769810F20000AA05E8329BFD06"
PDU = "07913254769810F2040B913254769810F20000421152220000400441F0C81C"
OTHER_PDU = "07913254769810F206"
CMTI = Unsolicited("+CMTI", '+CMTI: "SM",3')

thoroughly = settings(deadline=None, max_examples=extent.examples(100, 300))


def idle() -> Protocol:
    """Return a protocol that is in step, without a command."""
    protocol = Protocol()
    protocol.resynchronise(PROBE)
    protocol.receive(b"\r\n+CMGF: 0\r\n\r\nOK\r\n")
    return protocol


def asking(command: Command) -> Protocol:
    """Return a protocol that waits for the answer to this command."""
    protocol = idle()
    protocol.command(command)
    return protocol


def prompted() -> Protocol:
    """Return a protocol that has got its prompt."""
    protocol = asking(SEND)
    protocol.receive(b"\r\n> ")
    return protocol


def submitted() -> Protocol:
    """Return a protocol that has sent its payload."""
    protocol = prompted()
    protocol.submit(SUBMIT)
    return protocol


def lost(command: Command) -> Protocol:
    """Return a protocol whose command has timed out."""
    protocol = asking(command)
    protocol.time_out()
    return protocol


def probing(command: Command) -> Protocol:
    """Return a protocol that is resynchronising after a time-out of this command."""
    protocol = lost(command)
    protocol.resynchronise(PROBE)
    return protocol


IN_STATE: dict[ProtocolState, Callable[[], Protocol]] = {
    ProtocolState.IDLE: idle,
    ProtocolState.COMMAND: lambda: asking(CSQ),
    ProtocolState.PROMPT: prompted,
    ProtocolState.PAYLOAD: submitted,
    ProtocolState.DESYNCHRONISED: Protocol,
}

STEPS: dict[ProtocolStep, Callable[[Protocol], object]] = {
    ProtocolStep.COMMAND: lambda protocol: protocol.command(CSQ),
    ProtocolStep.SUBMIT: lambda protocol: protocol.submit(SUBMIT),
    ProtocolStep.TIME_OUT: Protocol.time_out,
    ProtocolStep.RESYNCHRONISE: lambda protocol: protocol.resynchronise(PROBE),
}


def read(
    make: Callable[[], Protocol], transcript: bytes, state: ProtocolState, trailing: bytes = b'+CMTI: "SM",3\r\n'
) -> list[Event]:
    """Read a transcript at once, byte by byte, and with trailing bytes; return the events, which must not differ."""
    whole = make()
    events = whole.receive(transcript)
    assert whole.state is state

    bytewise = make()
    assert [event for octet in transcript for event in bytewise.receive(bytes([octet]))] == events
    assert bytewise.state is state

    for cut in range(len(trailing) - 2):
        ahead = make()
        assert ahead.receive(transcript + trailing[:cut]) == events
        assert ahead.receive(trailing[cut:]) == [CMTI]
    return events


def test_a_response_is_information_and_a_final_result_code() -> None:
    """Each line of information text is an event as soon as complete.

    The final result code ends the command.
    """
    events = read(lambda: asking(CSQ), b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n", ProtocolState.IDLE)
    line = Information("+CSQ: 20,99")
    assert events == [line, Response(CSQ, Final("OK"), (line,))]


def test_written_octets_have_their_ends() -> None:
    """Commands end with CR, payloads with Ctrl-Z, and probes begin with ESC."""
    assert idle().command(CSQ) == b"AT+CSQ\r"
    assert prompted().submit(SUBMIT) == SUBMIT.encode() + b"\x1a"
    assert Protocol().resynchronise(PROBE) == b"\x1bAT+CMGF?\r"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n\r\n"])
def test_every_line_end_is_one(end: bytes) -> None:
    """Lines end with CR, LF or both, in any number."""
    line = Information("+CSQ: 20,99")
    events = read(lambda: asking(CSQ), end + b"+CSQ: 20,99" + end + b"OK" + end, ProtocolState.IDLE)
    assert events == [line, Response(CSQ, Final("OK"), (line,))]


@pytest.mark.parametrize(
    "final",
    [
        "OK",
        "ERROR",
        "ABORTED",
        "COMMAND NOT SUPPORT",
        "TOO MANY PARAMETERS",
        "+CME ERROR: 10",
        "+CME ERROR: SIM busy",
        "+CMS ERROR: 500",
        "+CMS ERROR: unknown",
    ],
)
def test_final_result_codes_end_a_command(final: str) -> None:
    """Each code in the table keeps its text; only OK is success."""
    events = read(lambda: asking(CSQ), f"\r\n{final}\r\n".encode(), ProtocolState.IDLE)
    assert events == [Response(CSQ, Final(final))]
    assert Final(final).ok is (final == "OK")


@pytest.mark.parametrize(
    ("text", "cms", "cme"),
    [
        ("OK", None, None),
        ("ERROR", None, None),
        ("+CMS ERROR: 500", 500, None),
        ("+CMS ERROR:38", 38, None),
        ("+CMS ERROR: unknown", None, None),
        ("+CMS ERROR: SIM busy", None, None),
        ("+CME ERROR: 10", None, 10),
        ("+CME ERROR: SIM busy", None, 14),
        ("+CME ERROR: SIM PIN required", None, 11),
        ("+CME ERROR: incorrect password", None, 16),
        ("+CME ERROR: what is this", None, None),
        ("+CME ERROR: ²", None, None),
    ],
)
def test_causes_are_numbers(text: str, cms: int | None, cme: int | None) -> None:
    """The number is the modem's own, or that of its standard words."""
    assert (Final(text).cms, Final(text).cme) == (cms, cme)


@pytest.mark.parametrize("line", ["OK see you at ten", "OKAY", "ERROR is human", "NOT OK", "ok"])
def test_a_line_that_resembles_a_final_result_code_ends_nothing(line: str) -> None:
    """Only a whole line is a final result code."""
    events = read(lambda: asking(CSQ), f"{line}\r\n".encode(), ProtocolState.COMMAND)
    assert events == [Unrecognised(line)]


@pytest.mark.parametrize("line", ["NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "CONNECT"])
def test_a_hang_up_does_not_end_a_listing(line: str) -> None:
    """Final results of dialling (NO CARRIER) end only a dialling command."""
    listing = f"+CMGL: 1,0,,26\r\n{line}\r\n{PDU}\r\nOK\r\n".encode()
    entry = Information("+CMGL: 1,0,,26", PDU)
    events = read(lambda: asking(LIST), listing, ProtocolState.IDLE)
    assert events == [Unsolicited(line, line), entry, Response(LIST, Final("OK"), (entry,))]
    assert read(lambda: asking(DIAL), f"{line}\r\n".encode(), ProtocolState.IDLE) == [Response(DIAL, Final(line))]


def test_a_listing_pairs_each_header_with_its_payload() -> None:
    """The payload may come after blank and unsolicited lines."""
    listing = (
        b"\r\n+CMGL: 1,0,,26\r\n\r\n" + PDU.encode() + b"\r\n"
        b'+CMGL: 2,1,,9\r\n+CMTI: "SM",3\r\nRING\r\n' + OTHER_PDU.encode() + b"\r\n"
        b"+CMGL: 3,1,,26\r\n+CMT: ,9\r\n" + OTHER_PDU.encode() + b"\r\n" + PDU.encode() + b"\r\n"
        b'+CMGL: 4,1,,9\r\n+CUSD: 0,"a\r\nb",15\r\n' + OTHER_PDU.lower().encode() + b"\r\nOK\r\n"
    )
    entries = (
        Information("+CMGL: 1,0,,26", PDU),
        Information("+CMGL: 2,1,,9", OTHER_PDU),
        Information("+CMGL: 3,1,,26", PDU),
        Information("+CMGL: 4,1,,9", OTHER_PDU.lower()),
    )
    assert read(lambda: asking(LIST), listing, ProtocolState.IDLE) == [
        entries[0],
        CMTI,
        Unsolicited("RING", "RING"),
        entries[1],
        Unsolicited("+CMT", "+CMT: ,9", OTHER_PDU),
        entries[2],
        Unsolicited("+CUSD", '+CUSD: 0,"a\nb",15'),
        entries[3],
        Response(LIST, Final("OK"), entries),
    ]


def test_a_header_without_payload_does_not_take_the_next_entrys() -> None:
    """The payload may be missing or not in hex."""
    listing = f"+CMGL: 1,0,,26\r\n+CMGL: 2,0,,26\r\n{PDU}\r\n+CMGL: 3,0,,26\r\n{PDU[:-1]}?\r\nOK\r\n"
    entries = (
        Information("+CMGL: 1,0,,26"),
        Information("+CMGL: 2,0,,26", PDU),
        Information("+CMGL: 3,0,,26"),
    )
    assert read(lambda: asking(LIST), listing.encode(), ProtocolState.IDLE) == [
        *entries[:2],
        Unrecognised(PDU[:-1] + "?"),
        entries[2],
        Response(LIST, Final("OK"), entries),
    ]


def test_information_text_without_a_prefix() -> None:
    """Only commands without a prefix take lines without one."""
    line = Information("206012345678901")
    transcript = b"206012345678901\r\n^RSSI:18\r\nOK\r\n"
    rssi = Unsolicited("^RSSI", "^RSSI:18")
    assert read(lambda: asking(CIMI), transcript, ProtocolState.IDLE) == [
        line,
        rssi,
        Response(CIMI, Final("OK"), (line,)),
    ]
    assert read(lambda: asking(CSQ), transcript, ProtocolState.IDLE) == [
        Unrecognised("206012345678901"),
        rssi,
        Response(CSQ, Final("OK")),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('+CMTI: "SM",3', "+CMTI"),
        ('+CMTI:"ME",0', "+CMTI"),
        ('+CDSI: "SM",3', "+CDSI"),
        ("RING", "RING"),
        ("+CRING: VOICE", "+CRING"),
        ('+CLIP: "+32470123456",145,"",,"",0', "+CLIP"),
        ("+CREG: 1", "+CREG"),
        ('+CREG: 5,"00C3","0000A1B2",7', "+CREG"),
        ("+CEREG: 1,00C3,0000A1B2,7", "+CEREG"),
        ("+CREG: 2,,", "+CREG"),  # ModemManager, test_creg2_xu870_unsolicited_unregistered
        ("+CUSD: 2", "+CUSD"),
        ('+CUSD: 0,"Solde: 5 EUR",15', "+CUSD"),
        ('+CUSD: 0,"say "hi" twice"', "+CUSD"),
        ("+CPIN: NOT READY", "+CPIN"),
        ('+CIEV: "MESSAGE",1', "+CIEV"),
        ("^BOOT:27710117,0,0,0,6", "^BOOT"),
        ('^HCSQ:"LTE",30,19,66,0', "^HCSQ"),
        ("^NEWS", "^NEWS"),
        ('+ZPASR: "UMTS"', "+ZPASR"),
        ("+ZUSIMR:2", "+ZUSIMR"),
        ('+QIND: "csq",20,99', "+QIND"),
        ("RDY", "RDY"),
        ("Call Ready", "Call Ready"),
        ("SMS Ready", "SMS Ready"),
        ("SMS DONE", "SMS DONE"),
        ("PB DONE", "PB DONE"),
        ("+CFUN: 1", "+CFUN"),
        ("NORMAL POWER DOWN", "NORMAL POWER DOWN"),
        ("UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE WARNNING"),
        ("NO CARRIER", "NO CARRIER"),
    ],
)
@pytest.mark.parametrize("make", [*IN_STATE.values(), lambda: asking(CIMI), lambda: probing(CSQ)])
def test_unsolicited_lines_are_known_in_every_state(line: str, code: str, make: Callable[[], Protocol]) -> None:
    """The line is one event and changes no state, whatever command waits."""
    assert read(make, f"\r\n{line}\r\n".encode(), make().state) == [Unsolicited(code, line)]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (CREG, "+CREG: 0,1"),
        (CREG, "+CREG: 2,11"),
        (CREG, '+CREG: 2,1,"00C3","0000A1B2",7'),
        (CREG, "+CREG: (0-2)"),
        (CPIN, "+CPIN: READY"),
        (CLIP, "+CLIP: 1,1"),
        (Command("AT^SYSINFO", prefixes=("^SYSINFO:",)), "^SYSINFO:2,3,0,5,1,,4"),
    ],
)
def test_the_prefix_that_a_command_expects_wins(command: Command, line: str) -> None:
    """The same code may also come unsolicited."""
    information = Information(line)
    events = read(lambda: asking(command), f"{line}\r\nOK\r\n".encode(), ProtocolState.IDLE)
    assert events == [information, Response(command, Final("OK"), (information,))]


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        (CREG, "+CREG", "+CREG: 1"),
        (CREG, "+CREG", "+CREG: 2,,"),
        (CREG, "+CREG", '+CREG: 1,"00C3","0000A1B2"'),
        (CLIP, "+CLIP", '+CLIP: "",128'),
        (CUSD, "+CUSD", '+CUSD: 0,"5 EUR",15'),
        (CUSD, "+CUSD", "+CUSD: 2"),
    ],
)
def test_an_unsolicited_form_is_not_an_answer(command: Command, code: str, line: str) -> None:
    """The form decides even where the command has the same prefix."""
    events = read(lambda: asking(command), f"{line}\r\nOK\r\n".encode(), ProtocolState.IDLE)
    assert events == [Unsolicited(code, line), Response(command, Final("OK"))]


@pytest.mark.parametrize("code", ["+CMT", "+CDS", "+CBM"])
def test_two_line_codes_bring_their_pdu(code: str) -> None:
    """A blank line may stand between header and PDU."""
    events = read(idle, f"\r\n{code}: ,26\r\n\r\n{PDU}\r\n".encode(), ProtocolState.IDLE)
    assert events == [Unsolicited(code, f"{code}: ,26", PDU)]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("OK", Response(CIMI, Final("OK"))),
        ("RING", Unsolicited("RING", "RING")),
        ("+CMT: ,9", None),
        ("what", Information("what")),
    ],
)
def test_a_two_line_code_without_its_pdu_swallows_nothing(line: str, event: Event | None) -> None:
    """Only the next line can be the PDU; later digits are not.

    An IMSI is such a line of digits.
    """
    protocol = asking(CIMI)
    events = protocol.receive(f"+CMT: ,26\r\n{line}\r\n".encode())
    assert events == [Unsolicited("+CMT", "+CMT: ,26"), *([event] if event else [])]


def test_a_ussd_string_of_several_lines_is_one_event() -> None:
    """The string ends with the line of its closing quote."""
    transcript = b'+CUSD: 1,"\r\n1. Solde\r\n\r\n2. He said "no"!\n3. Fin",15\r\nRING\r\n'
    assert read(idle, transcript, ProtocolState.IDLE) == [
        Unsolicited("+CUSD", '+CUSD: 1,"\n1. Solde\n2. He said "no"!\n3. Fin",15'),
        Unsolicited("RING", "RING"),
    ]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("OK", Response(CSQ, Final("OK"))),
        ("+CMS ERROR: 500", Response(CSQ, Final("+CMS ERROR: 500"))),
        ("+CSQ: 20,99", Information("+CSQ: 20,99")),
        ('+CMTI: "SM",3', CMTI),
        ("x" * (MAX_LINE + 1), Unrecognised("x" * MAX_UNRECOGNISED)),
    ],
)
def test_a_recognised_line_ends_an_unfinished_ussd_string(line: str, event: Event) -> None:
    """The line is certainly something else, and is read as usual."""
    events = asking(CSQ).receive(f'+CUSD: 0,"Hello\r\nyou\r\n{line}\r\n'.encode())
    assert events == [Unsolicited("+CUSD", '+CUSD: 0,"Hello\nyou'), event]


def test_an_unfinished_ussd_string_is_bounded() -> None:
    """A missing closing quote costs some thousand characters, no later line."""
    events = idle().receive(b'+CUSD: 0,"' + b"abcdefg\r\n" * 1000)
    assert isinstance(events[0], Unsolicited)
    assert MAX_USSD < len(events[0].text) <= MAX_USSD + 8
    assert events[1] == Unrecognised("abcdefg")


@pytest.mark.parametrize("echo", ["AT+CMGL=4\r", "\x1bAT+CMGL=4\r", "\xff\x00 > \x1bAT+CMGL=4\r", "AT+CMGL=4\r\r\n"])
def test_the_echo_of_the_command_is_swallowed(echo: str) -> None:
    """ESC, line noise and a +CMT around it change nothing."""
    events = read(lambda: asking(LIST), echo.encode("latin-1") + b"\r\nOK\r\n", ProtocolState.IDLE)
    assert events == [Response(LIST, Final("OK"))]
    events = read(lambda: asking(LIST), f"+CMT: ,26\r\n{echo}\n{PDU}\r\nOK\r\n".encode("latin-1"), ProtocolState.IDLE)
    assert events == [Unsolicited("+CMT", "+CMT: ,26", PDU), Response(LIST, Final("OK"))]


@pytest.mark.parametrize("line", ["AT+CSQ?", "AT+CIM", "AT", "XAT+CIMI", "9AT+CIMI"])
def test_only_the_command_itself_is_its_echo(line: str) -> None:
    """Only the outstanding command's own text is its echo, and only once."""
    information = Information(line)
    assert asking(CIMI).receive(f"{line}\r\n".encode()) == [information]
    assert asking(CIMI).receive(b"AT+CIMI\rAT+CIMI\r") == [Information("AT+CIMI")]
    assert idle().receive(b"AT+CIMI\r") == [Unrecognised("AT+CIMI")]


@pytest.mark.parametrize("prompt", [b"> ", b"\r\n> ", b">", b"AT+CMGS=20\r\r\n> ", b"\r\n\x00> ", b"RI\x80NG\r\n> "])
def test_a_prompt_has_no_line_end(prompt: bytes) -> None:
    """A prompt is recognised by its first octet on a new line."""
    events = read(lambda: asking(SEND), prompt, ProtocolState.PROMPT)
    assert events[-1] == Prompt()
    assert [event for event in events if not isinstance(event, Unrecognised)] == [Prompt()]


@pytest.mark.parametrize("make", [idle, lambda: asking(CSQ), submitted, Protocol])
def test_an_unexpected_prompt_is_unrecognised(make: Callable[[], Protocol]) -> None:
    """A prompt that no command awaits changes no state."""
    assert read(make, b"\r\n> hello\r\n", make().state) == [Unrecognised("> hello")]


def test_a_prompt_begins_its_line() -> None:
    """A greater-than sign within a line is text in any chunking."""
    assert read(lambda: asking(SEND), b"5 > 3\r\n", ProtocolState.COMMAND) == [Unrecognised("5 > 3")]


def test_an_old_prompt_is_not_the_new_commands() -> None:
    """A prompt that arrived before the command does not answer it."""
    protocol = idle()
    protocol.receive(b"\r\n> ")
    protocol.command(SEND)
    assert protocol.receive(b"AT+CMGS=20\r\r\n") == []
    assert protocol.receive(b"> ") == [Prompt()]


@pytest.mark.parametrize("echo", ["", f"{SUBMIT}\x1a", f" {SUBMIT}\x1a\r\n"])
def test_a_submission_ends_with_its_reference(echo: str) -> None:
    """The echo of the payload gives no event."""
    information = Information("+CMGS: 12")
    events = read(submitted, f"{echo}\r\n+CMGS: 12\r\n\r\nOK\r\n".encode(), ProtocolState.IDLE)
    assert events == [information, Response(SEND, Final("OK"), (information,))]


@pytest.mark.parametrize("make", [lambda: asking(SEND), prompted, submitted])
def test_an_error_ends_a_submission_at_any_moment(make: Callable[[], Protocol]) -> None:
    """Errors come before the prompt, at it, or after the payload."""
    events = read(make, b"\r\n+CMS ERROR: 304\r\n", ProtocolState.IDLE)
    assert events == [Response(SEND, Final("+CMS ERROR: 304"))]


@pytest.mark.parametrize("make", [lambda: asking(SEND), prompted])
@pytest.mark.parametrize("line", ["OK", "+CMGS: 99"])
def test_a_result_before_the_payload_is_of_an_earlier_submission(make: Callable[[], Protocol], line: str) -> None:
    """Success and reference count only after the payload was written."""
    events = read(make, f"{line}\r\n".encode(), ProtocolState.DESYNCHRONISED)
    assert events == [Late(line), OutOfStep()]


@pytest.mark.parametrize("line", ["OK", "ERROR", "+CMS ERROR: 500", "+CMGS: 99", "+CMGL: 1,1,,26"])
def test_an_answer_to_no_command_is_out_of_step(line: str) -> None:
    """Only a command can cause such a line, and none is waiting."""
    events = read(idle, f"\r\n{line}\r\n".encode(), ProtocolState.DESYNCHRONISED)
    assert events == [Late(line), OutOfStep()]


@pytest.mark.parametrize("command", [CSQ, CIMI, LIST])
def test_an_answer_to_another_command_is_out_of_step(command: Command) -> None:
    """A late +CMGS taken as information would shift every later answer."""
    events = read(
        lambda: asking(command), b"\r\n+CMGS: 99\r\n\r\nOK\r\n+CSCA: 2\r\nOK\r\n", ProtocolState.DESYNCHRONISED
    )
    assert events[:3] == [Late("+CMGS: 99"), OutOfStep(), Late("OK")]
    assert events[3:] == [Late("+CSCA: 2"), Late("OK")]


def test_a_desynchronised_listing_reports_its_last_header() -> None:
    """The header without its payload is late, not lost."""
    events = asking(LIST).receive(b"+CMGL: 1,1,,26\r\n+CMGS: 99\r\n")
    assert events == [Late("+CMGS: 99"), Late("+CMGL: 1,1,,26"), OutOfStep()]


def test_the_answer_to_a_lost_command_is_late() -> None:
    """No line counts as an answer until the probe's own information."""
    transcript = (
        b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"  # to the lost command
        b"\r\nERROR\r\n"  # to ESC
        b"\r\n+CMGF: 0\r\n\r\nOK\r\n"
    )
    information = Information("+CMGF: 0")
    assert read(lambda: probing(CREG), transcript, ProtocolState.IDLE) == [
        Late("+CREG: 0,1"),
        Late("OK"),
        Late("ERROR"),
        information,
        Response(PROBE, Final("OK"), (information,)),
    ]


def test_a_listing_after_its_time_out_is_late_line_by_line() -> None:
    """Late headers and payloads stay together and answer no command."""
    protocol = asking(LIST)
    protocol.receive(b"+CMGL: 1,1,,26\r\n")
    protocol.time_out()
    events = protocol.receive(f"{PDU}\r\n+CMGL: 2,1,,9\r\n{OTHER_PDU}\r\nOK\r\n{PDU}\r\n".encode())
    assert events == [
        Late("+CMGL: 1,1,,26"),
        Late(PDU),
        Late("+CMGL: 2,1,,9"),
        Late(OTHER_PDU),
        Late("OK"),
        Unrecognised(PDU),
    ]


def test_the_echo_of_a_lost_command_is_swallowed() -> None:
    """A modem that wakes up may echo it; that is no event."""
    assert lost(CSQ).receive(b"AT+CSQ\r\r\nOK\r\n") == [Late("OK")]


def test_a_lost_command_is_forgotten_once_in_step() -> None:
    """Back in step, the prefix of a lost command is unsolicited again."""
    protocol = probing(CPIN)
    assert protocol.receive(b"+CPIN: READY\r\n") == [Late("+CPIN: READY")]
    protocol.receive(b"+CMGF: 0\r\nOK\r\n")
    assert protocol.receive(b"+CPIN: READY\r\n") == [Unsolicited("+CPIN", "+CPIN: READY")]
    assert protocol.state is ProtocolState.IDLE


def test_a_refused_probe_is_followed_by_the_next() -> None:
    """The answer to the next probe brings the protocol into step."""
    protocol = probing(CSQ)
    assert protocol.receive(b"ERROR\r\n") == [Late("ERROR")]
    protocol.time_out()
    protocol.resynchronise(CSMS)
    events = protocol.receive(b"+CMGF: 0\r\nOK\r\n+CSMS: 1,1,1,1\r\nOK\r\n")
    assert events[:2] == [Late("+CMGF: 0"), Late("OK")]
    assert isinstance(events[-1], Response)
    assert protocol.state is ProtocolState.IDLE


def test_half_a_line_is_reported_when_resynchronising() -> None:
    """The beginning of a line does not spoil the probe's answer."""
    protocol = asking(CSQ)
    assert protocol.receive(f"+CMT: ,26\r\n{PDU[:20]}".encode()) == []
    protocol.time_out()
    protocol.resynchronise(PROBE)
    half = [Unsolicited("+CMT", "+CMT: ,26"), Unrecognised(PDU[:20])]
    information = Information("+CMGF: 0")
    assert protocol.receive(b"+CMGF: 0\r\nOK\r\n") == [
        *half,
        information,
        Response(PROBE, Final("OK"), (information,)),
    ]


@pytest.mark.parametrize("probe", [CIMI, SEND, Command("ATI", prefixes=("+CMGF:",), bare=True)])
def test_a_probe_has_a_prefix_of_its_own(probe: Command) -> None:
    """A probe whose answer could be another command's raises an error."""
    protocol = Protocol()
    with pytest.raises(ProtocolError):
        protocol.resynchronise(probe)
    assert protocol.state is ProtocolState.DESYNCHRONISED


def test_a_probe_without_a_prefix_takes_what_comes_first() -> None:
    """A bare result suffices where no other answer can come.

    The caller has to know that none can.
    """
    protocol = Protocol()
    protocol.resynchronise(Command("AT"))

    assert protocol.receive(b"\r\nOK\r\n") == [Response(Command("AT"), Final("OK"))]
    assert protocol.state is ProtocolState.IDLE


@pytest.mark.parametrize("text", ["AT+CSQ\r", "AT\x1b", "ATé", "", "CSQ"])
def test_a_command_is_one_printable_line(text: str) -> None:
    """A command cannot contain a second one or a control character."""
    with pytest.raises(ProtocolError):
        Command(text)


@pytest.mark.parametrize("payload", ["", "00 11", "00\x1aAT", "٠٠"])
def test_a_payload_has_to_be_hex(payload: str) -> None:
    """A payload that is not hex is refused before any state changes."""
    protocol = prompted()
    with pytest.raises(ProtocolError):
        protocol.submit(payload)
    assert protocol.state is ProtocolState.PROMPT


@pytest.mark.parametrize("length", [MAX_LINE + 1, 3 * MAX_LINE])
def test_an_endless_line_is_one_unrecognised_event(length: int) -> None:
    """The event has a limited length, and later lines are read."""
    events = read(lambda: asking(CSQ), b"A" * length + b"\r\nOK\r\n", ProtocolState.IDLE)
    assert events == [Unrecognised("A" * MAX_UNRECOGNISED), Response(CSQ, Final("OK"))]


def test_an_endless_line_keeps_no_more_than_its_limit() -> None:
    """A blank at the cut does not make the line whole.

    Octets beyond the limit are dropped at once.
    """
    protocol = asking(CIMI)
    for _ in range(3):
        protocol.receive(b"A" * MAX_LINE + b" ")
        assert len(protocol._line) == MAX_LINE + 1
    assert protocol.receive(b"A\r\n") == [Unrecognised("A" * MAX_UNRECOGNISED)]


def test_the_longest_line_is_whole() -> None:
    """A line of exactly the limit is kept to its last octet."""
    text = "A" * MAX_LINE
    assert asking(CIMI).receive(f"{text}\r\n".encode()) == [Information(text)]


def test_an_endless_response_is_out_of_step() -> None:
    """The command counts as lost before its listing fills the memory."""
    protocol = asking(CSQ)
    events = protocol.receive(b"+CSQ: 20,99\r\n" * (MAX_LINES + 1))
    assert events[-2:] == [Late("+CSQ: 20,99"), OutOfStep()]
    assert len(events) == MAX_LINES + 2
    assert protocol.state is ProtocolState.DESYNCHRONISED


@pytest.mark.parametrize("octets", [b"\x00", b"\x00\x1b\x7f", b" \t "])
def test_controls_and_blanks_are_ignored(octets: bytes) -> None:
    """These characters have no meaning alone or at a line's ends."""
    events = read(lambda: asking(CSQ), octets + b"\r\n" + octets + b"OK" + octets + b"\r\n", ProtocolState.IDLE)
    assert events == [Response(CSQ, Final("OK"))]


def test_octets_above_0x7f_are_latin_1() -> None:
    """No octet raises or is lost."""
    assert idle().receive(bytes(range(0x80, 0x100)) + b"\r\n") == [Unrecognised("".join(map(chr, range(0x80, 0x100))))]


@pytest.mark.parametrize("state", ProtocolState)
@pytest.mark.parametrize("step", STEPS)
def test_illegal_steps_change_nothing(state: ProtocolState, step: ProtocolStep) -> None:
    """A step that is not in the table raises an error."""
    protocol = IN_STATE[state]()
    assert protocol.state is state
    before = copy.deepcopy(vars(protocol))
    if step in TRANSITIONS[state]:
        STEPS[step](protocol)
        assert protocol.state is TRANSITIONS[state][step]
    else:
        with pytest.raises(ProtocolError):
            STEPS[step](protocol)
        assert vars(protocol) == before


def test_the_table_is_complete() -> None:
    """Every state has ways in and out; only ESC restores step.

    Every wait can time out or desynchronise.
    """
    assert set(TRANSITIONS) == set(ProtocolState)
    assert {target for row in TRANSITIONS.values() for target in row.values()} == set(ProtocolState)
    assert {step for row in TRANSITIONS.values() for step in row} == set(ProtocolStep)
    for state in (ProtocolState.COMMAND, ProtocolState.PROMPT, ProtocolState.PAYLOAD):
        assert TRANSITIONS[state][ProtocolStep.TIME_OUT] is ProtocolState.DESYNCHRONISED
        assert TRANSITIONS[state][ProtocolStep.LOSE_STEP] is ProtocolState.DESYNCHRONISED
        assert TRANSITIONS[state][ProtocolStep.ANSWERED] is ProtocolState.IDLE
    assert set(TRANSITIONS[ProtocolState.DESYNCHRONISED]) == {ProtocolStep.RESYNCHRONISE}


# Properties

MAKES = [
    *IN_STATE.values(),
    lambda: asking(LIST),
    lambda: asking(SEND),
    lambda: asking(CIMI),
    lambda: asking(DIAL),
    lambda: probing(LIST),
]
FRAGMENTS = [
    *(b"\r\n", b"\r", b"\n", b" ", b"> ", b">", b"\x1b", b"\x1a", b'"', b'",15\r\n', b",", b":", b"\x00", b"\xff"),
    *(b"OK\r\n", b"ERROR\r\n", b"+CMS ERROR: 500\r\n", b"NO CARRIER\r\n", b"RING\r\n", b'+CMTI: "SM",1\r\n'),
    *(b"+CMGL: 1,1,,9\r\n", b"+CMGS: 9\r\n", b"+CSQ: 1,2\r\n", b"+CMGF: 0\r\n", b"+CMT: ,9\r\n", b"+CDS: 9\r\n"),
    *(b'+CUSD: 0,"a\r\n', b"+CUSD: 2\r\n", OTHER_PDU.encode() + b"\r\n", b"AT+CMGL=4\r", b"AT+CSQ\r", b"^RSSI:1\n"),
    *(SUBMIT.encode(), b"A" * (MAX_LINE - 5), b" " * 4000, b"f" * 300 + b"\n"),
]
garbage = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=8)), max_size=25).map(b"".join)


def chunked(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Cut octets into pieces of these sizes, over and over."""
    start = turn = 0
    while start < len(data):
        size = cuts[turn % len(cuts)]
        yield data[start : start + size]
        start, turn = start + size, turn + 1


@thoroughly
@given(st.sampled_from(MAKES), garbage, st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_octets_give_the_same_events_at_any_chunking(
    make: Callable[[], Protocol], data: bytes, cuts: list[int]
) -> None:
    """No octets raise an error or fill the memory."""
    whole, pieces = make(), make()
    events = whole.receive(data)
    assert [event for piece in chunked(data, cuts) for event in pieces.receive(piece)] == events
    assert vars(pieces) == vars(whole)
    assert len(whole._line) <= MAX_LINE + 1
    assert len(whole._previous) <= MAX_LINE + 1
    assert whole._unfinished is None or len(whole._unfinished.text) <= MAX_LINE + MAX_USSD
    assert all(len(event.text) <= MAX_UNRECOGNISED for event in events if isinstance(event, Unrecognised))


@thoroughly
@given(st.sampled_from(MAKES), garbage)
def test_one_probe_brings_any_protocol_into_step(make: Callable[[], Protocol], data: bytes) -> None:
    """A time-out and an answered probe suffice, whatever octets came before."""
    protocol = make()
    protocol.receive(data)
    if protocol.state is ProtocolState.IDLE:
        protocol.command(CREG)
    if protocol.state is not ProtocolState.DESYNCHRONISED:
        protocol.time_out()
    protocol.resynchronise(CSMS)
    protocol.receive(b"\r\n+CSMS: 1,1,1,1\r\n\r\nOK\r\n")
    assert protocol.state is ProtocolState.IDLE
    protocol.command(CSQ)
    line = Information("+CSQ: 7,99")
    assert protocol.receive(b"\r\n+CSQ: 7,99\r\n\r\nOK\r\n") == [line, Response(CSQ, Final("OK"), (line,))]


RESPONSES: list[tuple[Response, list[str]]] = [
    (Response(CSQ, Final("OK"), (Information("+CSQ: 20,99"),)), ["AT+CSQ", "+CSQ: 20,99", "OK"]),
    (Response(CREG, Final("OK"), (Information("+CREG: 0,1"),)), ["+CREG: 0,1", "OK"]),
    (Response(CIMI, Final("OK"), (Information("206012345678901"),)), ["206012345678901", "OK"]),
    (Response(CPIN, Final("+CME ERROR: 10")), ["AT+CPIN?", "+CME ERROR: 10"]),
    (
        Response(LIST, Final("OK"), (Information("+CMGL: 1,1,,26", PDU), Information("+CMGL: 2,1,,9", OTHER_PDU))),
        ["+CMGL: 1,1,,26", PDU, "+CMGL: 2,1,,9", OTHER_PDU, "OK"],
    ),
    (Response(Command("ATE0"), Final("OK")), ["ATE0", "OK"]),
]
UNSOLICITED = [
    CMTI,
    Unsolicited("RING", "RING"),
    Unsolicited("NO CARRIER", "NO CARRIER"),
    Unsolicited("^RSSI", "^RSSI:18"),
    Unsolicited("+CREG", '+CREG: 1,"00C3","0000A1B2"'),
    Unsolicited("+CMT", "+CMT: ,30", PDU[:-2]),
    Unsolicited("+CDS", "+CDS: 9", OTHER_PDU[:-2]),
    Unsolicited("+CUSD", '+CUSD: 0,"1\n2\n3",15'),
    Unsolicited("+CUSD", "+CUSD: 2"),
]


def written(event: Unsolicited) -> list[str]:
    """Return an unsolicited code's lines as the modem writes them."""
    return [*event.text.split("\n"), *([event.payload] if event.payload else [])]


@thoroughly
@given(st.data(), st.lists(st.sampled_from(RESPONSES), min_size=1, max_size=6), st.integers(1, 30))
def test_unsolicited_lines_never_move_an_answer(
    data: st.DataObject, responses: list[tuple[Response, list[str]]], size: int
) -> None:
    """Every unsolicited code is seen once and in order, wherever it comes."""
    protocol = idle()
    for response, lines in responses:
        protocol.command(response.command)
        came: list[Unsolicited] = []
        transcript = []
        for line in lines:
            some = data.draw(st.lists(st.sampled_from(UNSOLICITED), max_size=2))
            came += some
            transcript += [text for event in some for text in written(event)] + [line]
        octets = "".join(f"\r\n{line}\r\n" for line in transcript).encode()
        events = [event for piece in chunked(octets, [size]) for event in protocol.receive(piece)]
        assert [event for event in events if isinstance(event, Unsolicited)] == came
        assert [event for event in events if isinstance(event, Information)] == list(response.lines)
        assert events[-1] == response
        assert len(events) == len(came) + len(response.lines) + 1


Question = Callable[[int], tuple[Command, list[str]]]
QUESTIONS: list[Question] = [
    lambda n: (Command(f"AT+X{n}?", prefixes=(f"+X{n}:",)), [f"+X{n}: 1", "OK"]),
    lambda n: (Command(f"AT+X{n}=1", prefixes=(f"+X{n}:",)), ["+CME ERROR: 3"]),
    lambda n: (Command("AT+CIMI", bare=True), [f"{206010000000000 + n}", "OK"]),
    lambda _: (Command("ATE0"), ["ATE0", "OK"]),
    lambda _: (LIST, ["+CMGL: 1,1,,26", PDU, "+CMGL: 2,1,,9", OTHER_PDU, "OK"]),
    lambda _: (SEND, ["> "]),
]


class LateModem:
    """A modem that answers in order but late; each line has the number of the command that it answers."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.number = 0
        self.lines: list[tuple[int, str]] = []
        self.said: dict[int, list[str]] = {}
        self.maimed: set[int] = set()
        self.prompts = False

    def ask(self, question: Question) -> None:
        """Give it a command."""
        self.number += 1
        command, lines = question(self.number)
        self.protocol.command(command)
        self.prompts = command.prompt
        self._answer(lines)

    def probe(self, *, says_so: bool) -> None:
        """Give it ESC and a question with a new prefix; it may reply OK to the end of a prompt."""
        if self.prompts and says_so:
            self._answer(["OK"])
        self.number, self.prompts = self.number + 1, False
        self.protocol.resynchronise(Command(f"AT+P{self.number}?", prefixes=(f"+P{self.number}:",)))
        self._answer([f"+P{self.number}: 1", "OK"])

    def submit(self) -> None:
        """Give it the payload that it asked for."""
        self.protocol.submit(SUBMIT)
        self.prompts = False
        self._answer([f"+CMGS: {self.number % 256}", "OK"])

    def _answer(self, lines: list[str]) -> None:
        self.lines += [(self.number, line) for line in lines]

    def say(self) -> None:
        """Send the next line, and check that it was taken for the answer to its own command or to none."""
        number, line = self.lines.pop(0)
        if line not in ("> ", "ATE0"):  # a prompt and an echo are not parts of a response
            self.said.setdefault(number, []).append(line)
        events = self.protocol.receive(b"\r\n> " if line == "> " else f"\r\n{line}\r\n".encode())
        for event in events:
            assert number == self.number or not isinstance(event, Information | Response | Prompt)
            if isinstance(event, Response):
                texts = [text for each in event.lines for text in (each.text, each.payload) if text]
                assert set(texts) <= set(self.said[number])
                assert number in self.maimed or [*texts, event.final.text] == self.said[number]

    def lose(self) -> None:
        """Drop the next line."""
        number, _ = self.lines.pop(0)
        self.maimed.add(number)


@thoroughly
@given(
    st.data(), st.lists(st.sampled_from(["ask", "probe", "say", "say", "say", "lose", "time out", "urc"]), max_size=60)
)
def test_a_modem_that_answers_late_never_answers_another_command(data: st.DataObject, steps: list[str]) -> None:
    """A late line answers its own command or none.

    So it is when lines are missing.
    """
    modem = LateModem(protocol := idle())
    for step in steps:
        if step == "ask" and protocol.state is ProtocolState.IDLE:
            modem.ask(data.draw(st.sampled_from(QUESTIONS)))
        elif step == "ask" and protocol.state is ProtocolState.PROMPT:
            modem.submit()
        elif step == "probe" and protocol.state is ProtocolState.DESYNCHRONISED:
            modem.probe(says_so=data.draw(st.booleans()))
        elif step == "say" and modem.lines:
            modem.say()
        elif step == "lose" and modem.lines:
            modem.lose()
        elif step == "time out" and protocol.state in (
            ProtocolState.COMMAND,
            ProtocolState.PROMPT,
            ProtocolState.PAYLOAD,
        ):
            protocol.time_out()
        elif step == "urc":
            unsolicited = data.draw(st.sampled_from(UNSOLICITED))
            octets = "".join(f"\r\n{line}\r\n" for line in written(unsolicited)).encode()
            assert not any(isinstance(event, Information | Response) for event in protocol.receive(octets))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(MAKES), garbage, st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=3).map(b"".join))
def test_endless_output_is_kept_within_bounds(make: Callable[[], Protocol], data: bytes, again: bytes) -> None:
    """Memory keeps no more than a line, a code, and the response."""
    protocol = make()
    protocol.receive(data)
    for _ in range(60):
        protocol.receive(again)
    kept = {name: value for name, value in vars(protocol).items() if name not in ("_lines", "_command")}

    assert len(repr(kept)) < 6 * MAX_LINE
    assert all(len(line.text) <= MAX_LINE for line in protocol._lines)
