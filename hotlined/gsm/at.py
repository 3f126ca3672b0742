"""The AT protocol without a port: bytes in, events out; commands in, bytes out (V.250, TS 27.005, 27.007).

A modem answers a command (`AT+CSQ`) with lines of information text (`+CSQ: 17,99`) and one final result code (`OK`).
Between them it may write unsolicited result codes (`+CMTI`: a text has come). This module only sorts these lines, and
the pieces in which the bytes are read make no difference; `dialogue` and `modem` wait, log and retry. Text mode and
numeric result codes (ATV0) are not supported. Known to be wrong: if a modem silently returns to text mode, a text that
looks like a result code is taken for one. A +CUSD without its closing quote swallows a payload, or an answer without
prefix, that follows it. Blank lines in a +CUSD, and spaces at the ends of its lines, are lost. A late answer with the
prefix of the command now outstanding looks like that command's own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar, NamedTuple

from hotlined.errors import ProtocolError
from hotlined.gsm import profiles

MAX_LINE = 4096
"""Longest line that is kept, in octets; a PDU takes 352, the longest known line is the answer to AT+COPS=?."""

MAX_LINES = 4096
"""Most lines of information text in one response; the largest storages have some hundred messages."""

MAX_USSD = 1024
"""Most characters of a +CUSD that are read while its closing quote is missing.

A USSD string has at most 160 octets (TS 23.038), which are 320 hex digits.
"""

MAX_UNRECOGNISED = 256
"""Most characters of an unrecognised line that its event keeps."""

_CR = b"\r"
_CTRL_Z = b"\x1a"  # ends a PDU, TS 27.005 4.3
_ESC = b"\x1b"  # closes the prompt, TS 27.005 4.3
_CONTROLS_AND_BLANK = "".join(map(chr, range(0x21))) + "\x7f"
_LINES_AND_ENDS = re.compile(r"[^\r\n]+|[\r\n]")
_HEX = re.compile(r"[0-9A-Fa-f]+")


class ProtocolState(Enum):
    """The state of the protocol, named after the input that it waits for."""

    IDLE = "idle"
    COMMAND = "command"
    PROMPT = "prompt"
    PAYLOAD = "payload"  # Ctrl-Z was sent, its result is still to come
    DESYNCHRONISED = "desynchronised"


class ProtocolStep(Enum):
    """The steps that move the protocol from state to state."""

    COMMAND = "command"
    PROMPTED = "prompted"
    SUBMIT = "submit"
    ANSWERED = "answered"
    TIME_OUT = "time out"
    LOSE_STEP = "lose step"
    RESYNCHRONISE = "resynchronise"


TRANSITIONS: Mapping[ProtocolState, Mapping[ProtocolStep, ProtocolState]] = {
    ProtocolState.IDLE: {
        ProtocolStep.COMMAND: ProtocolState.COMMAND,
        ProtocolStep.LOSE_STEP: ProtocolState.DESYNCHRONISED,
    },
    ProtocolState.COMMAND: {
        ProtocolStep.PROMPTED: ProtocolState.PROMPT,
        ProtocolStep.ANSWERED: ProtocolState.IDLE,
        ProtocolStep.TIME_OUT: ProtocolState.DESYNCHRONISED,
        ProtocolStep.LOSE_STEP: ProtocolState.DESYNCHRONISED,
    },
    ProtocolState.PROMPT: {
        ProtocolStep.SUBMIT: ProtocolState.PAYLOAD,
        ProtocolStep.ANSWERED: ProtocolState.IDLE,
        ProtocolStep.TIME_OUT: ProtocolState.DESYNCHRONISED,
        ProtocolStep.LOSE_STEP: ProtocolState.DESYNCHRONISED,
    },
    ProtocolState.PAYLOAD: {
        ProtocolStep.ANSWERED: ProtocolState.IDLE,
        ProtocolStep.TIME_OUT: ProtocolState.DESYNCHRONISED,
        ProtocolStep.LOSE_STEP: ProtocolState.DESYNCHRONISED,
    },
    ProtocolState.DESYNCHRONISED: {
        ProtocolStep.RESYNCHRONISE: ProtocolState.COMMAND,
    },
}
"""Every legal step; any other step raises ProtocolError and changes nothing."""

FINAL_RESULTS = frozenset({"OK", "ERROR"}) | profiles.FINALS
"""Final result codes (V.250 5.7.1) that end any command; each is a whole line."""

FINAL_RESULT_PREFIXES = ("+CME ERROR:", "+CMS ERROR:")
"""Final result codes with a cause: TS 27.007 9.2, TS 27.005 3.2.5."""

DIAL_RESULTS = frozenset({"CONNECT", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
"""Codes that end only a command that dials (V.250 5.7.1).

During any other command they are unsolicited: NO CARRIER, because a caller hung up, must not end a listing of texts.
"""

TWO_LINE_CODES = frozenset({"+CMT", "+CDS", "+CBM"})
"""Unsolicited codes whose PDU is the next line (TS 27.005 3.4.1)."""

UNSOLICITED_CODES = (
    DIAL_RESULTS
    | TWO_LINE_CODES
    | frozenset({"+CMTI", "+CDSI", "+CBMI"})  # TS 27.005 3.4.1
    | frozenset({"RING", "+CRING", "+CLIP", "+CCWA", "+CSSI", "+CSSU", "+CUSD", "+COLP"})  # TS 27.007 7
    | frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CGEV"})  # TS 27.007 7.2, 10.1
    | frozenset({"+CPIN", "+CFUN", "+CIEV", "+CTZV", "+CTZE", "+CTZEU"})  # TS 27.007 8
    | frozenset({"+CSQ"})  # ZTE's MF626; SIMCom's after AT+AUTOCSQ=1, which ModemManager sends
    | frozenset(beginning.partition(":")[0] for beginning in profiles.UNSOLICITED)
)
"""Registered unsolicited result codes: the part before the colon, or the whole line.

A line with such a code is information text if the outstanding command expects that prefix (+CPIN: after AT+CPIN?),
unless it has one of UNSOLICITED_FORMS.
"""

_FAMILIES = re.compile(r"\^[A-Z][A-Z0-9_]*|\+UU[A-Z0-9]+")  # codes of Huawei and Cinterion, and of u-blox

_REGISTRATION = re.compile(r'\+C\w*REG:\s*\d+\s*(?:$|,\s*(?:"|,|[0-9A-Fa-f]{4}))')
_CALLER = re.compile(r'\+\w+:\s*[",]')
UNSOLICITED_FORMS: Mapping[str, re.Pattern[str]] = {
    "+CREG": _REGISTRATION,
    "+CGREG": _REGISTRATION,
    "+CEREG": _REGISTRATION,
    "+C5GREG": _REGISTRATION,
    "+CLIP": _CALLER,
    "+CCWA": _CALLER,
    "+CUSD": re.compile(""),
}
"""Forms that these codes have only when unsolicited, never as the answer to a command.

+CREG: <stat>[,<lac>…] has one field less than the answer +CREG: <n>,<stat>[,<lac>…], and its location area is quoted,
four digits long or empty. An MD400 writes <n> in unsolicited lines, too; those count as answers. +CLIP: and +CCWA:
start with a number in quotes; +CUSD is never an answer.
"""

RESPONSE_PREFIXES = (
    *("+CMGF:", "+CMGL:", "+CMGR:", "+CMGS:", "+CMGW:", "+CMSS:", "+CNMI:", "+CPMS:", "+CSCA:", "+CSMS:"),
    *("+CSMP:", "+CSCB:", "+CCLK:", "+CMEE:", "+CNUM:", "+COPS:", "+CPAS:", "+CSCS:"),
)
"""Information text that is never unsolicited: if no command expects it, modem and protocol are out of step."""

_TWO_LINE_RESPONSES = ("+CMGL:", "+CMGR:")

CME_ERRORS: Mapping[str, int] = {
    "phone failure": 0,
    "no connection to phone": 1,
    "operation not allowed": 3,
    "operation not supported": 4,
    "ph-sim pin required": 5,
    "sim not inserted": 10,
    "sim pin required": 11,
    "sim puk required": 12,
    "sim failure": 13,
    "sim busy": 14,
    "sim wrong": 15,
    "incorrect password": 16,
    "sim pin2 required": 17,
    "sim puk2 required": 18,
    "memory full": 20,
    "invalid index": 21,
    "not found": 22,
    "memory failure": 23,
    "no network service": 30,
    "network timeout": 31,
    "unknown": 100,
}
"""Verbose +CME ERROR causes (AT+CMEE=2) in lower case, with their numbers: TS 27.007 9.2."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and the form of its response.

    `text` starts with AT and is printable ASCII without a line end, else ProtocolError. `prefixes` start the lines of
    its information text; the line after one of `payload_after` is a payload, a PDU in hex digits. `bare`: the
    information text has no prefix (AT+CIMI). `prompt`: the modem answers with a prompt and waits for a PDU; the
    prefixes count only after the PDU was sent. `dials`: the DIAL_RESULTS are final.
    """

    text: str
    prefixes: tuple[str, ...] = ()
    payload_after: tuple[str, ...] = ()
    bare: bool = False
    prompt: bool = False
    dials: bool = False

    def __post_init__(self) -> None:
        if not (self.text.startswith("AT") and self.text.isascii() and self.text.isprintable()):
            raise ProtocolError(f"{self.text!r} is no command line")


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code, as the modem wrote it."""

    text: str

    @property
    def ok(self) -> bool:
        """Whether the command succeeded; CONNECT does not count, because no command here wants a connection."""
        return self.text == "OK"

    @property
    def cms(self) -> int | None:
        """The number of a +CMS ERROR (TS 27.005 3.2.5); None for other results and for causes in words."""
        cause = self._cause("+CMS ERROR:")
        return int(cause) if cause.isdecimal() else None

    @property
    def cme(self) -> int | None:
        """The number of a +CME ERROR, also for a cause in the words of CME_ERRORS; None for other results."""
        cause = self._cause("+CME ERROR:")
        return int(cause) if cause.isdecimal() else CME_ERRORS.get(cause.lower())

    def _cause(self, prefix: str) -> str:
        return self.text.removeprefix(prefix).strip() if self.text.startswith(prefix) else ""


@dataclass(frozen=True, slots=True)
class Information:
    """One line of the outstanding command's response, emitted when it is complete; `payload` is in hex digits."""

    text: str
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The end of a command: its final result code and all its information text."""

    command: Command
    final: Final
    lines: tuple[Information, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for the payload."""


@dataclass(frozen=True, slots=True)
class Unsolicited:
    r"""An unsolicited result code, complete: the `text` of a +CUSD may have several lines, joined by \n.

    `payload` is the PDU, in hex digits, of a code in TWO_LINE_CODES; None if it did not come.
    """

    code: str
    text: str
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """A line of a response, or a final result code, that cannot belong to the outstanding command."""

    text: str


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A line, or part of a line, of unknown kind; at most MAX_UNRECOGNISED characters."""

    text: str


@dataclass(frozen=True, slots=True)
class OutOfStep:
    """The modem wrote a line that cannot belong to the outstanding command, which will get no Response.

    The protocol no longer knows which command the modem answers, until `resynchronise` has succeeded.
    """


Event = Information | Response | Prompt | Unsolicited | Late | Unrecognised | OutOfStep


def unsolicited_code(text: str) -> str | None:
    """Return the registered unsolicited result code that a line starts with; None if there is none."""
    code = text.partition(":")[0].rstrip()
    return code if code in UNSOLICITED_CODES or _FAMILIES.fullmatch(code) else None


def answers(text: str, prefixes: tuple[str, ...]) -> bool:
    """Return whether a line is information text with one of these prefixes, and not in its unsolicited form."""
    form = UNSOLICITED_FORMS.get(text.partition(":")[0])
    return text.startswith(prefixes) and not (form and form.match(text))


def _is_unfinished(event: Unsolicited) -> bool:
    if event.code in TWO_LINE_CODES:
        return event.payload is None
    if event.code != "+CUSD" or len(event.text) > MAX_USSD:
        return False
    # Quotes inside the string are not doubled (TS 27.007 7.15): a last quote with only <dcs> after it closes the
    # string.
    closed = event.text.count('"') > 1 and not event.text.rpartition('"')[2].strip(" ,0123456789")
    return '"' in event.text and not closed


class Protocol:
    """The AT protocol of one modem; it starts desynchronised, because the modem may be in the middle of anything."""

    def __init__(self) -> None:
        self._state = ProtocolState.DESYNCHRONISED
        self._line = ""  # the line that is arriving, at most MAX_LINE + 1 characters
        self._previous = ""
        self._deferred: list[Event] = []  # events of `time_out` and `resynchronise`, which the next `receive` returns
        self._command: Command | None = None
        self._lines: list[Information] = []
        self._header: str | None = None  # information text whose payload has not come yet
        self._unfinished: Unsolicited | None = None  # an unsolicited code whose next line has not come yet
        self._echo: str | None = None
        self._probing = False  # the probe's own information text has not come yet
        self._unanswered_prefixes: set[str] = set()  # prefixes of commands without a response, until a probe succeeds
        self._echoed = False

    @property
    def state(self) -> ProtocolState:
        """The current state."""
        return self._state

    def take_echoed(self) -> bool:
        """Return whether the modem has echoed anything since the last call."""
        echoed, self._echoed = self._echoed, False
        return echoed

    def command(self, command: Command) -> bytes:
        """Begin a command, in state IDLE; return the bytes to write."""
        self._step(ProtocolStep.COMMAND)
        return self._begin(command)

    def submit(self, payload: str) -> bytes:
        """Answer the prompt with a PDU in hex digits (else ProtocolError); return the bytes to write."""
        if not _HEX.fullmatch(payload):
            raise ProtocolError("the payload is not made of hex digits")
        self._step(ProtocolStep.SUBMIT)
        self._echo = payload
        return payload.encode("ascii") + _CTRL_Z

    def time_out(self) -> None:
        """Give up the outstanding command; lines with its prefix are Late until the protocol is in step again."""
        self._step(ProtocolStep.TIME_OUT)
        self._deferred.extend(self._give_command_up())

    def resynchronise(self, probe: Command, *, escapes: bool = True) -> bytes:
        """Start again with a probe, a command whose answer has a prefix of its own; return the bytes to write.

        The probe shows which of the modem's answers are old. Until a line with the probe's prefix comes, every final
        result code is Late. If a modem refuses the probe, the probe times out: use another probe each time, or a late
        answer to one probe looks like the answer to the next. If part of a line has arrived, the next `receive` returns
        this part as Unrecognised.

        A probe without a prefix accepts the next final result code as its own. It is only for a modem that has answered
        several other probes with exactly one result code each.

        ESC is written before the probe, because a prompt may be open. There is no CR between ESC and the probe. The
        modem may already have half of a command line (AT+CMGD=1 of AT+CMGD=12), and a CR would make it run that half
        and delete the wrong text; half a line with the probe after it is only an ERROR. A modem that ignores the bytes
        just after ESC costs one time-out. A modem that accepts only lines that begin with AT needs a probe without ESC
        (`escapes`). The caller tries the probe without ESC last, when no prompt can be open.
        """
        if probe.bare or probe.prompt:
            raise ProtocolError(f"{probe.text} is no probe: its answer has no prefix of its own")
        self._step(ProtocolStep.RESYNCHRONISE)
        self._deferred.extend(self._release_unfinished())
        if half := self._line.strip(_CONTROLS_AND_BLANK):
            self._deferred.extend(self._take_unrecognised(half))
        self._line = ""
        self._probing = bool(probe.prefixes)
        return (_ESC if escapes else b"") + self._begin(probe)

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes as they were read, in pieces of any size; return the events that they complete. Never raises."""
        events, self._deferred = self._deferred, []
        for piece in _LINES_AND_ENDS.findall(data.decode("latin-1")):
            events.extend(self._end_line() if piece in "\r\n" else self._extend_line(piece))
        return events

    def _step(self, step: ProtocolStep) -> None:
        try:
            self._state = TRANSITIONS[self._state][step]
        except KeyError:
            raise ProtocolError(f"no {step.value} in state {self._state.value}") from None

    def _begin(self, command: Command) -> bytes:
        self._command = command
        self._lines = []
        self._echo = command.text
        return command.text.encode("ascii") + _CR

    def _lose_step(self) -> Iterator[Event]:
        if self._state is ProtocolState.DESYNCHRONISED or self._probing:
            return  # a probe has to go on: lines of earlier commands are expected before its own
        self._step(ProtocolStep.LOSE_STEP)
        yield from self._give_command_up()
        yield OutOfStep()

    def _give_command_up(self) -> Iterator[Event]:
        if self._command:
            self._unanswered_prefixes.update(self._command.prefixes)
        if self._header is not None:
            yield Late(self._header)
        self._command = self._header = None
        self._probing = False

    # Lines

    def _awaits_prompt(self) -> bool:
        return self._state is ProtocolState.COMMAND and self._command is not None and self._command.prompt

    def _extend_line(self, piece: str) -> Iterator[Event]:
        begun = self._line.strip(_CONTROLS_AND_BLANK)
        rest = piece.lstrip(_CONTROLS_AND_BLANK)
        if not begun and rest.startswith(">") and self._awaits_prompt():
            self._step(ProtocolStep.PROMPTED)
            self._line, piece = "", rest[1:]
            yield Prompt()
        self._line += piece[: MAX_LINE + 1 - len(self._line)]

    def _end_line(self) -> Iterator[Event]:
        line, self._line = self._line, ""
        text = line if len(line) > MAX_LINE else line.strip(_CONTROLS_AND_BLANK)
        if not text:
            return
        rule = next(rule for rule in self._RULES if rule.holds(self, text))
        if not rule.continues:
            yield from self._release_unfinished()
        yield from rule.take(self, text)
        self._previous = text

    def _release_unfinished(self) -> Iterator[Event]:
        if self._unfinished:
            yield self._unfinished
            self._unfinished = None

    # Kinds of lines; none of these methods changes anything

    def _is_too_long(self, text: str) -> bool:
        return len(text) > MAX_LINE

    def _is_echo(self, text: str) -> bool:
        if self._echo is None or not text.endswith(self._echo):
            return False
        noise = text[: -len(self._echo)]  # ESC, an old prompt, octets of a wrong baud rate
        return not any(character.isascii() and character.isalnum() for character in noise)

    def _awaits_unsolicited_payload(self) -> bool:
        return self._unfinished is not None and self._unfinished.code in TWO_LINE_CODES

    def _is_payload(self, text: str) -> bool:
        # a modem writes the lines of an unsolicited code one after the other: while one is unfinished, this line
        # belongs to it, and a line of digits in the menu of a +CUSD is not the PDU of the command's response
        awaited = self._awaits_unsolicited_payload() if self._unfinished else self._header is not None
        return awaited and _HEX.fullmatch(text) is not None

    def _is_final(self, text: str) -> bool:
        dials = self._command is not None and self._command.dials
        return text in FINAL_RESULTS or text.startswith(FINAL_RESULT_PREFIXES) or (dials and text in DIAL_RESULTS)

    def _is_expected(self, text: str) -> bool:
        if self._command is None or (self._command.prompt and self._state is not ProtocolState.PAYLOAD):
            return False
        return answers(text, self._command.prefixes)

    def _is_unsolicited(self, text: str) -> bool:
        return unsolicited_code(text) is not None and not answers(text, tuple(self._unanswered_prefixes))

    def _is_late(self, text: str) -> bool:
        return answers(text, (*RESPONSE_PREFIXES, *self._unanswered_prefixes)) or (
            self._previous.startswith(_TWO_LINE_RESPONSES) and _HEX.fullmatch(text) is not None
        )

    def _is_continuation(self, _text: str) -> bool:
        return self._unfinished is not None and not self._awaits_unsolicited_payload()

    def _is_bare(self, _text: str) -> bool:
        return self._command is not None and self._command.bare

    def _is_anything(self, _text: str) -> bool:
        return True

    # The handling of each kind of line

    def _take_echo(self, _text: str) -> Iterator[Event]:
        self._echo = None
        self._echoed = True
        yield from ()

    def _take_payload(self, text: str) -> Iterator[Event]:
        if self._unfinished is not None and self._awaits_unsolicited_payload():
            yield replace(self._unfinished, payload=text)
            self._unfinished = None
        else:
            yield from self._end_entry(text)

    def _end_entry(self, payload: str | None) -> Iterator[Event]:
        if self._header is not None:
            yield self._add(Information(self._header, payload))
            self._header = None

    def _add(self, information: Information) -> Information:
        self._lines.append(information)
        return information

    def _take_final(self, text: str) -> Iterator[Event]:
        final = Final(text)
        # an OK before the PDU was sent cannot be the answer to it, so it is late; an ERROR there refuses the command
        too_early = final.ok and (self._awaits_prompt() or self._state is ProtocolState.PROMPT)
        if self._command is None or self._probing or too_early:
            yield from self._take_late(text)
            return
        yield from self._end_entry(None)
        self._step(ProtocolStep.ANSWERED)
        response = Response(self._command, final, tuple(self._lines))
        self._command = self._echo = None
        yield response

    def _take_information(self, text: str) -> Iterator[Event]:
        assert self._command is not None
        if self._probing:
            self._probing = False
            self._unanswered_prefixes.clear()
        yield from self._end_entry(None)
        if len(self._lines) >= MAX_LINES:
            yield from self._take_late(text)
        elif text.startswith(self._command.payload_after):
            self._header = text
        else:
            yield self._add(Information(text))

    def _take_unsolicited(self, text: str) -> Iterator[Event]:
        code = unsolicited_code(text)
        assert code is not None
        yield from self._keep_unfinished(Unsolicited(code, text))

    def _take_continuation(self, text: str) -> Iterator[Event]:
        assert self._unfinished is not None
        yield from self._keep_unfinished(replace(self._unfinished, text=f"{self._unfinished.text}\n{text}"))

    def _keep_unfinished(self, event: Unsolicited) -> Iterator[Event]:
        self._unfinished = event
        if not _is_unfinished(event):
            yield from self._release_unfinished()

    def _take_late(self, text: str) -> Iterator[Event]:
        yield Late(text)
        yield from self._lose_step()

    def _take_unrecognised(self, text: str) -> Iterator[Event]:
        yield Unrecognised(text[:MAX_UNRECOGNISED])

    class _Rule(NamedTuple):
        holds: "Callable[[Protocol, str], bool]"
        take: "Callable[[Protocol, str], Iterator[Event]]"
        continues: bool = False  # the unsolicited code stays unfinished

    _RULES: ClassVar[tuple[_Rule, ...]] = (  # the first rule that holds takes the line
        _Rule(_is_too_long, _take_unrecognised),
        _Rule(_is_echo, _take_echo, continues=True),
        _Rule(_is_payload, _take_payload, continues=True),
        _Rule(_is_final, _take_final),
        _Rule(_is_expected, _take_information),
        _Rule(_is_unsolicited, _take_unsolicited),
        _Rule(_is_late, _take_late),
        _Rule(_is_continuation, _take_continuation, continues=True),
        _Rule(_is_bare, _take_information),
        _Rule(_is_anything, _take_unrecognised),
    )
