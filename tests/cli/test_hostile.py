"""Hostile text through every output: shown or escaped, never interpreted, and never given to a shell."""

import ast
import csv
import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import closing, suppress
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from conftest import Line, wait_until
from filled import Filled
from spreadsheets import calculated

from hotlined.cli import COMMANDS
from hotlined.simulator import pdus
from hotlined.words.harmless import harmless

ROOT = Path(__file__).parents[2]
MARK = "obeyed"  # the file that a shell would create
TEXTS = {
    "escape sequences": "\x1b[2J\x1b]0;title\x07\x1b[31mred\x9b31m\x1bP+q\x1b\\",
    "C0": "".join(map(chr, range(32))),
    "C1": "".join(map(chr, range(0x7F, 0xA0))),
    "NUL": "before\0after",
    "overrides of direction": "\u202egnp.exe\u202d\u2066x\u2067y\u2068z\u2069\u200e\u200f\u061c",
    "right to left": "שלום مرحبا 123",
    "nothing to see": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u3164h\u2800i\U000e0041",
    "separators": "un\u2028deux\u2029trois\x85quatre\x0bcinq\x0csix\rsept\n",
    "a storm of marks": "Z" + "\u0301\u0337\u0489" * 20,
    "=": "=1+1",
    "+": "+1",
    "-": "-1",
    "@": "@SUM(A1:A9)",
    "tab": "\t=1+1",
    "carriage return": "\r=1+1",
    "CSV": '"quoted",;\n=cmd|" /C calc"!A0',
    "semicolons": 'a;=WEBSERVICE(A1)\n+1; @SUM(A1);"-1',
    "HTML": "</script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;",
    "markup of the table": "[bold red]x[/] [link=http://x]y[/link] :bomb: \\[/",
    "a format": "%s %n {0} {x!r} $HOME ${HOME} %(x)s",
    "shell": f"$(touch {MARK}); `touch {MARK}`; | touch {MARK} & ' \" \\",
    "JSON": '"},{"id":0,"\\u0000',
    "emoji with joiners": "👩\u200d👩\u200d👧 \u200d👩\u200d\u200dx",
    "half of a pair": "a\ud83db\ude00c",
    "no character": "\ufffe\uffff\ufdd0\U0010ffff\ue000",
    "39 segments": "\x1b[31m\u202e😀é" * 326,
}
NAMES = {
    "shell": "$(touch x)",
    "=": "=1+1",
    "+": "+1+1",
    "@": "@A1",
    "tab": ";id",
    "CSV": '",=1"',
    "-": "-1;id|sh",
}
"""Alphanumeric originators of some of the texts, eleven characters at most."""

OUTPUTS = (
    "tag {contact} troll", "keep {contact}", "log -n 0", "log -n 0 --json", "log -n 0 --csv", "log -n 0 --search a",
    "log -n 0 --kept", "show {contact}", "show {contact} --json", "numbers -n 0", "numbers -n 0 --json",
    "numbers -n 0 --csv", "show --number={originator}", "show --json --number={originator}", "export -- {originator}",
    "export --json -- {originator}", "stats", "stats --json", "stats --csv", "stats --by day", "status", "limits",
    "alerts --dry-run", "db check --full", "evidence -- {originator}",
)  # fmt: skip
"""The commands that print received text, in the order in which they run: contacts are kept before `--kept` lists them.

One with a placeholder runs once for each text.
"""
SHOW_NO_TEXT = {
    "run", "demo", "doctor", "udev-rule", "block", "unblock", "pause", "resume", "requeue", "cancel",
    "send", "sim", "selftest", "review", "purge", "forget", "config", "text",
    "completion", "help", "web", "metrics", "fleet",
}  # fmt: skip
"""Commands that print no received text, or have tests of their own: `sim balance`, `review`, completion, `web`."""


EVIDENCE_TAGS = {
    *("head", "body", "main", "h1", "h2", "h3", "p", "table", "tr", "th", "td", "strong", "br", "section", "article"),
    *("blockquote", "bdi", "ul", "li", "dl", "dt", "dd", "div", "code", "kbd", "footer", "html"),
}
"""Elements allowed on the page of `evidence`."""

TABLE = {name for names in COMMANDS.values() for name in names}


def obeyed(shown: str) -> set[str]:
    """Return the characters that a terminal would obey or not show, except newlines and joiners of emoji."""
    return {
        character
        for character in re.sub("(?<=👩)\u200d(?=[👩👧])", "", shown)
        if character != "\n" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    }


def as_received(text: str) -> str:
    """Return a text as it is stored: half of a surrogate pair has become U+FFFD."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def receive(line: Filled, name: str, originator: str) -> None:
    """Receive a hostile text, ten segments at a time, and judge it."""
    scts = line.now().utc
    segments = pdus.write_text(originator, TEXTS[name], encoding="ucs2", scts=scts, reference=7, bits=16)
    for start in range(0, len(segments), 10):
        line.pdu(*segments[start : start + 10])
    line.judge(line.newest())


class Crowd(Filled):
    """A line that got each text from a hostile name and from a number, answered, and got each again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.texts: dict[int, str] = {}
        """By the IDs of their contacts."""
        self.senders: list[tuple[int, str]] = []
        """The first contact of each text, and the number that sent it, too."""
        self._shown: dict[str, list[tuple[str, str]]] = {}
        for place, name in enumerate(TEXTS):
            number = f"+3247012{place:04}"
            for originator in (NAMES.get(name, f"info{place}"), number):
                receive(self, name, originator)
            self.send()
            receive(self, name, number)
            newest = self.newest()
            self.senders.append((newest - 2, number))
            self.texts |= dict.fromkeys(range(newest - 2, newest + 1), as_received(TEXTS[name]))

    def shown(self, command: str) -> list[tuple[str, str]]:
        """Return the output of a command for a text; each command runs once."""
        if command not in self._shown:
            asked = self.senders if "{" in command else self.senders[:1]
            self._shown[command] = [(self.texts[first], self._output(command, first)) for first, _ in asked]
        return self._shown[command]

    def _output(self, command: str, first: int) -> str:
        """Run a command that succeeds, or reports that no daemon runs."""
        row = self.db.the("SELECT originator FROM contacts WHERE id = ?", first)
        if command.startswith("evidence"):  # bytes; a test below looks into them
            return self.evidence(row["originator"], self.folder / f"evidence{first}").stderr
        places = {"contact": first, "originator": row["originator"]}
        result = self.run(*(word.format(**places) for word in command.split()), env={"COLUMNS": "120"})
        assert result.exit_code in {0, 69}, result.output
        return result.stdout_bytes.decode() + result.stderr


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Give a line that got every hostile text."""
    line = Crowd(tmp_path_factory.mktemp("crowd"))
    with line.db:
        yield line


# ---- every command


def test_every_command_is_in_a_table_of_outputs() -> None:
    """Each command prints received text or does not."""
    assert {command.partition(" ")[0] for command in OUTPUTS} | SHOW_NO_TEXT >= TABLE


@pytest.mark.parametrize("command", OUTPUTS)
def test_no_output_obeys_a_text(crowd: Crowd, command: str) -> None:
    """Control, bidirectional and invisible characters never reach it."""
    for text, shown in crowd.shown(command):
        assert shown
        assert not obeyed(shown.replace("\r\n", "\n")), ascii(text)


def contacts_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every contact in a JSON output, at any depth."""
    if isinstance(value, dict) and {"originator", "text"} <= value.keys():
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from contacts_in(each)


@pytest.mark.parametrize("command", [command for command in OUTPUTS if "--json" in command])
def test_json_is_ascii_and_keeps_the_text(crowd: Crowd, command: str) -> None:
    """The texts are exactly those received."""
    found = set()
    for _, shown in crowd.shown(command):
        objects = [json.loads(each) for each in shown.splitlines()]
        assert shown.isascii()
        assert objects
        for contact in contacts_in(objects):
            assert contact["text"] == crowd.texts[contact["id"]]
            found.add(contact["text"])

    assert found == (set() if command.startswith(("numbers", "stats")) else {*crowd.texts.values()})


@pytest.mark.parametrize("command", ["log -n 0", "show {contact}"])
def test_a_text_is_shown_itself_or_escaped(crowd: Crowd, command: str) -> None:
    """People read as much of it as fits the line."""
    shown = crowd.shown(command)
    for place, (first, _) in enumerate(crowd.senders):
        expected = harmless(crowd.texts[first])[:12].strip()
        if command.startswith("log"):
            rows = [row for row in shown[0][1].splitlines() if row.split()[0] == str(first)]
        else:
            rows = [shown[place][1]]
        assert len(rows) == 1
        assert expected in rows[0]


@pytest.mark.parametrize("command", [command for command in OUTPUTS if "--csv" in command])
def test_no_cell_is_calculated(crowd: Crowd, command: str) -> None:
    """No cell begins like a formula, whether commas or semicolons are between cells, except numbers.

    Each row has as many columns as the first.
    """
    ((_, shown),) = crowd.shown(command)

    assert len({len(row) for row in csv.reader(io.StringIO(shown, newline=""))}) == 1
    assert not calculated(shown)


def test_the_page_of_statistics_quotes_no_text(crowd: Crowd) -> None:
    """The sender's name is left out, too."""
    written = crowd.run("stats", "--html", "-").stdout

    assert not obeyed(written)
    assert "alert(1)" not in written
    assert not [
        text for text in map(as_received, [*TEXTS.values(), *NAMES.values()]) if len(text) > 5 and text in written
    ]


@pytest.mark.parametrize("sender", ["a name", "a number"])
def test_evidence_shows_a_text_harmlessly(crowd: Crowd, sender: str) -> None:
    """The page has none of its tags, links or overrides.

    The data keep the text exactly.
    """
    if sender == "a name":
        crowd.shown("evidence -- {originator}")
    for first, number in crowd.senders:
        folder = crowd.folder / f"evidence{first}"
        if sender == "a number":
            folder = crowd.folder / f"evidence{number}"
            crowd.evidence(number, folder)
        look_at_evidence(folder, crowd.texts[first])


def look_at_evidence(folder: Path, text: str) -> None:
    """Check that the files of `evidence` have a text in harmless form."""
    page = (folder / "evidence.html").read_text("utf-8")
    inside = page.partition("</style>")[2]
    assert not obeyed(page)
    assert set(re.findall(r"</?([a-zA-Z0-9]+)", inside)) <= EVIDENCE_TAGS
    assert not re.search(r"<[^>]*\b(href|src|on\w+|style|action)\s*=", inside)
    assert harmless(text, "\n") in unescape(inside) or text.isspace()
    data = (folder / "evidence.json").read_bytes()
    assert data.isascii()
    assert json.loads(data)["contacts"][0]["text"] == text
    for name in ("contacts.csv", "segments.csv"):
        written = (folder / name).read_bytes().decode()
        assert len({len(row) for row in csv.reader(io.StringIO(written, newline=""))}) == 1
        assert not calculated(written)


def test_completions_are_harmless_to_a_shell(crowd: Crowd) -> None:
    """Enter would run anything but letters, digits and a few signs."""
    asked = {
        "_HOTLINED_COMPLETE": "bash_complete",
        "COMP_WORDS": "hotlined show ",
        "COMP_CWORD": "2",
        "HOTLINED_CONFIG": str(crowd.config),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hotlined"], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    offered = [each.partition(",")[2] for each in done.stdout.splitlines()]

    assert {number for _, number in crowd.senders} <= {*offered}
    assert all(re.fullmatch(r"\w[\w.-]*|[+~]\w+", word) for word in offered)


# ---- on a terminal, and while it is followed


def test_a_terminal_gets_no_sequence_but_colours(crowd: Crowd) -> None:
    """The colours are the list's own."""
    ours, theirs = pty.openpty()
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "wb") as terminal:
            subprocess.run(
                [sys.executable, "-m", "hotlined", "--config", str(crowd.config), "log"],
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                env=os.environ | {"COLUMNS": "100", "TERM": "xterm"},
                check=True,
            )
        with suppress(OSError):  # the end of a pseudo-terminal
            while octets := screen.read(4096):
                shown += octets

    assert len(shown.splitlines()) > len(TEXTS)
    assert not obeyed(re.sub("\x1b\\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n"))


def test_a_follower_gets_no_escape_sequence(crowd: Crowd) -> None:
    """`log --follow` prints texts as harmless as `log` does."""
    command = [sys.executable, "-m", "hotlined", "--config", str(crowd.config), "log", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "100"}) as follower:
        assert follower.stdout
        shown = [follower.stdout.readline() for _ in range(1 + len(TEXTS))]
        follower.send_signal(signal.SIGINT)

    assert not obeyed("".join(shown))


# ---- the daemon


class Systemd:
    """A socket in the place of systemd's, and the messages to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Close the socket."""
        self._socket.shutdown(socket.SHUT_RD)
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        while octets := self._socket.recv(65_536):
            self.said += octets + b"\n"


def test_the_daemon_repeats_no_text(line: Line) -> None:
    """Its log and status line have no text or whole number.

    They have no control characters either.
    """
    line.configure(credit={"ussd": "*100#", "pattern": "([0-9]+)"}, modem={"poll_interval": "1s"})
    line.sim.do("ussd", code="*100#", text=f"\x1b[31m\u202e{TEXTS['shell']} 12")
    with closing(Systemd(line.folder / "notify")) as systemd:
        line.start(NOTIFY_SOCKET=str(systemd.path))
        for number, text in enumerate(TEXTS.values()):
            line.sim.do("deliver", from_=f"+3247012{number:04}", text=text, encoding="ucs2", reference=number)
        line.sim.do("deliver", from_=NAMES["shell"], text="solde")
        wait_until(lambda: line.count("SELECT count(*) FROM contacts") > len(TEXTS) and line.settled(), "all recorded")
        balance = line.cli("sim", "balance")
        assert line.stop() == 0
    said, logged = systemd.said.decode(), line.log_path.read_text("utf-8")

    assert "READY=1" in said
    assert "STATUS=ready" in said
    assert not obeyed(said + logged + balance)
    assert MARK not in said + logged
    assert "alert(1)" not in logged
    assert "+3247012" not in logged
    assert not list(line.folder.rglob(MARK))


# ---- no shell


def test_no_module_has_a_shell() -> None:
    """No module gives a string to a shell."""
    shells = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}
    for path in (ROOT / "hotlined").rglob("*.py"):
        source = path.read_text("utf-8")
        if not any(name in source for name in {*shells, "shell"}):  # parsing them all is slow
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert name not in shells, path
                assert not any(keyword.arg == "shell" for keyword in node.keywords), path
