r"""Records a stick's answers to all our commands, in all their forms, as a text that can be replayed.

The text is `# hotlined recording 1`, comments, then one line for each line at the port: seconds since the start, `>` to
the modem or `<` from it, and the line with its ends (`\r`, `\n`, `\\`, `\x1b`). `anonymous` has replaced everything
about a person. Recording deletes and sends nothing and enters no PIN, and the radio stays on; afterwards the modem has
the driver's settings. Known to be wrong: if a command of ours cut a line of the modem in two, the line is recorded
before the command.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hotlined.errors import ModemError
from hotlined.gsm import at, profiles, responses
from hotlined.gsm.anonymous import RecordedLine, anonymise
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.gsm.responses import SimState

HEADER = "# hotlined recording 1"

FIRST_WORDS = ("\x1bAT\r", "AT\r", "\x1b\rAT\r", "ATE0\r")
"""The first things written, one after the other: some modems ignore the bytes just after ESC."""

IDENTITIES = ("AT+CMEE=1", "ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CFUN?", "AT+CPIN?")

SETTINGS = (
    *("AT+CMEE?", "AT+CIMI", "AT+CNUM", "AT+CSCA?", "AT+CSCS=?", "AT+CSCS?", "AT+CMGF=?", "AT+CMGF=0", "AT+CMGF?"),
    *("AT+CSMS=?", "AT+CSMS=1", "AT+CSMS?", "AT+CLIP=1", "AT+CPMS=?", "AT+CPMS?", "AT+CNMI=?"),
)

NETWORK = (
    *("AT+CREG=1", "AT+CREG?", "AT+CEREG=?", "AT+CEREG=1", "AT+CEREG?", "AT+CGREG?", "AT+C5GREG?", "AT+WS46=?"),
    *("AT+CSQ", "AT+COPS?", "AT+CGSMS=?", "AT+CGSMS?"),
)

SECONDS = 20.0  # a command for the SIM or the network may take this long
FIRST_SECONDS = 2.0
GIVEN_UP_AFTER = 3  # questions in a row without a final result code
LONGEST_SECONDS = 300.0  # all questions to all ports together
_QUIET_SECONDS = 0.05
_CHUNK_SECONDS = 1.0
_PROMPT_LENGTH = 20  # octets of a TPDU that is announced and never sent

_PIECE = re.compile(r"[^\r\n]*[\r\n]+|[^\r\n]+")
_LINE = re.compile(r"\s*(\d+\.\d+) ([<>]) ?(.*)")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|(.))")
_SIGNS = {"\\": "\\\\", "\r": r"\r", "\n": r"\n"}
_MEANT = {"\\": "\\", "r": "\r", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Recording:
    """The lines of a recording, and its comments about the stick (without the `#`)."""

    comments: tuple[str, ...]
    lines: tuple[RecordedLine, ...]

    def text(self) -> str:
        """Return the recording as the text of a file."""
        said = (f"{each.seconds:8.3f} {'>' if each.ours else '<'} {_escaped(each.text)}" for each in self.lines)
        return "\n".join((HEADER, *(f"# {comment}" for comment in self.comments), *said, ""))


def parse(text: str) -> Recording:
    """Read a recording; raises ValueError if the text is not one."""
    first, *rows = text.splitlines()
    if first != HEADER:
        raise ValueError(f"the first line is not {HEADER!r}")
    comments, said = [], []
    for number, row in enumerate(rows, 2):
        if row.startswith("#"):
            comments.append(row[1:].strip())
        elif match := _LINE.fullmatch(row):
            said.append(RecordedLine(float(match[1]), match[2] == ">", _ESCAPED.sub(_meant, match[3])))
        elif row.strip():
            raise ValueError(f"line {number} is neither a comment nor something that was said")
    return Recording(tuple(comments), tuple(said))


@dataclass(slots=True)
class Log:
    """All lines read and written at a port; the port calls `tap`."""

    began: float = field(default_factory=time.monotonic)
    lines: list[RecordedLine] = field(default_factory=list)
    _half: str = ""

    def tap(self, octets: bytes, *, ours: bool) -> None:
        """Record octets that were written or read."""
        seconds = time.monotonic() - self.began
        text = octets.decode("latin-1")
        if ours:
            if self._half.strip() == ">":  # a prompt has no line end
                self._end(seconds)
            self.lines.append(RecordedLine(seconds, ours=True, text=text))
            return
        *whole, self._half = [*_PIECE.findall(self._half + text), ""]
        if whole and not whole[-1].endswith(("\r", "\n")):
            self._half = whole.pop()
        self.lines.extend(RecordedLine(seconds, ours=False, text=piece) for piece in whole)

    def _end(self, seconds: float) -> None:
        if self._half:
            self.lines.append(RecordedLine(seconds, ours=False, text=self._half))
        self._half = ""

    def close(self) -> list[RecordedLine]:
        """Return all lines, even an incomplete last one."""
        self._end(time.monotonic() - self.began)
        return self.lines


@dataclass(slots=True)
class RawExchange:
    """A dialogue without the protocol: writes a command and reads everything that comes, even if the driver fails."""

    port: Port
    on_command: Callable[[str], object]
    ends: float
    """The monotonic time after which nothing more is asked."""
    silent: int = 0
    unasked: int = 0

    def ask(self, command: str, seconds: float = SECONDS) -> str:
        """Write a command line; return everything up to a final result code, empty if none came in time.

        An echo does not count as an answer, nor do unsolicited lines of a stick that hangs.
        """
        if self.silent >= GIVEN_UP_AFTER or time.monotonic() >= self.ends:
            self.unasked += 1
            return ""
        self.on_command(command.strip("\x1b\r"))
        self.port.write(command.encode("latin-1"))
        came = self._answer(min(time.monotonic() + seconds, self.ends))
        self.silent = 0 if _is_over(came) else self.silent + 1
        return "" if self.silent else came

    def _answer(self, deadline: float) -> str:
        came = ""
        while (left := deadline - time.monotonic()) > 0 and not _is_over(came):
            came += self.port.read(min(left, _CHUNK_SECONDS)).decode("latin-1")
        latest = min(self.ends, time.monotonic() + _CHUNK_SECONDS)
        while time.monotonic() < latest and (late := self.port.read(_QUIET_SECONDS)):
            came += late.decode("latin-1")
        return came

    def all(self, commands: Iterable[str], seconds: float = SECONDS) -> None:
        """Ask these commands one after the other."""
        for command in commands:
            self.ask(f"{command}\r", seconds)


def record(port: Port, more: Iterable[str], on_command: Callable[[str], object], ends: float) -> int | None:
    """Ask a modem everything, then set it up as the driver does; return the number of questions left out at the end.

    None if it answered nothing. `more` has additional questions; `on_command` is called with each command; none is
    asked after `ends`, in monotonic seconds. The port's own tap does the recording.
    """
    exchange = RawExchange(port, on_command, ends)
    if not [word for word in FIRST_WORDS if exchange.ask(word, FIRST_SECONDS)]:
        return None
    exchange.silent = 0
    exchange.all(IDENTITIES)
    exchange.all(dict.fromkeys(query.command for row in _ROWS for query in row.iccid))
    exchange.all(SETTINGS)
    exchange.all(dict.fromkeys(f"AT+CNMI={setting}" for row in _ROWS for setting in row.cnmi))
    exchange.all(("AT+CNMI?", "AT+CMGF?;+CNMI?"))
    for name in _storages(exchange.ask("AT+CPMS=?\r")):
        exchange.all((f'AT+CPMS="{name}"', f'AT+CPMS="{name}","{name}"', f'AT+CPMS="{name}","{name}","{name}"'))
        exchange.ask("AT+CMGL=4\r", 10 * SECONDS)
    exchange.all(NETWORK)
    exchange.all(more)
    exchange.ask(f"AT+CMGS={_PROMPT_LENGTH}\r", FIRST_SECONDS)
    exchange.ask("\x1b", FIRST_SECONDS)
    with contextlib.suppress(ModemError):  # the dialogue is recorded all the same
        drive(Modem(port, lambda _until: ends))
    return exchange.unasked


def drive(modem: Modem) -> None:
    """Set up a modem as the daemon does, and list its storages."""
    modem.begin()
    sim, _ = modem.sim_state()
    modem.sim_identity()
    if sim is SimState.READY:
        modem.initialise()
        modem.network()
        modem.verify()
        for storage in modem.storages.names:
            modem.storages.list(storage)


def finished(log: Log, comments: Iterable[str]) -> Recording:
    """Return the finished recording, with everything about a person replaced."""
    return Recording(tuple(comments), tuple(anonymise(log.close())))


def _storages(answer: str) -> list[str]:
    offered = re.search(r"\+CPMS:\s*([^\r\n]*)", answer)
    names = dict.fromkeys(name for role in responses.offered(offered[1]) for name in role) if offered else {}
    return list(names) or ["SM"]


def _is_over(came: str) -> bool:
    return came.endswith("> ") or any(
        line.strip() in at.FINAL_RESULTS or line.strip().startswith(at.FINAL_RESULT_PREFIXES)
        for line in re.findall(r"[^\r\n]+(?=[\r\n])", came)
    )


def _escaped(text: str) -> str:
    escaped = "".join(_SIGNS.get(sign) or (sign if " " <= sign <= "~" else f"\\x{ord(sign):02x}") for sign in text)
    return escaped[:-1] + r"\x20" if escaped.endswith(" ") else escaped  # editors remove spaces at the ends of lines


def _meant(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else _MEANT.get(found[2], found[0])


_ROWS = (profiles.GENERIC, *profiles.PROFILES)
