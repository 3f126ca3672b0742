"""The desk over plain HTTP: a real `hotlined web`, on a database filled as the daemon does."""

import contextlib
import http.client
import json
import math
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from conftest import PATIENCE_SECONDS, wait_until
from desk import Answer, Browser, Connection, Desk, listening, start
from filled import KEVIN, Filled
from flask import render_template_string
from jinja2 import UndefinedError
from needs import needs_root
from persons import ADMIN, COMMAND, DESK, LINE, MEMBER, NOBODY, STRANGER, Lists, Person, give, user_name
from running import CliRunner
from test_hostile import TEXTS, receive

from hotlined import config as line_config
from hotlined.cli import main
from hotlined.config import Role
from hotlined.desk.app import NEEDS, PAGES, make
from hotlined.desk.serving import HEADERS, MOST_OF_A_SOCKET, Ending, serve
from hotlined.desk.who import MembersAuthenticator
from hotlined.machine.peer import Peer, maybe_local_peer
from hotlined.states import ModemState

PLAIN = [page.path for page in PAGES if page.methods == ("GET",) and "<" not in page.path and page.name != "enter"]
"""The pages that a stranger may see."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line whose answer to Kevin waits, and which got every hostile text."""
    filled = Filled(tmp_path_factory.mktemp("line"))
    with filled.db:
        filled.judge(filled.text(), delay=3600)
        for name in TEXTS:
            receive(filled, name, KEVIN)
        yield filled


@pytest.fixture(scope="module")
def desk(line: Filled) -> Iterator[Desk]:
    """Give its desk."""
    with Desk(line.config) as desk:
        yield desk
        desk.end()
        assert "Traceback" not in desk.journal


# ---- what every answer has


@pytest.mark.parametrize("path", [*PLAIN, "/act/block?number=0470123456", "/static/desk.css", "/none", "/act/block"])
def test_every_answer_carries_the_headers(desk: Desk, path: str) -> None:
    """No answer is cached or framed, or loads from other sites."""
    answer = desk.browser().get(path)

    assert answer.status in {200, 400, 404, 503}
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers


def test_malformed_requests_get_the_headers_too(desk: Desk) -> None:
    """The answer to a malformed request has the same headers."""
    answer = desk.browser().get("/", Transfer_Encoding="nonsense")

    assert answer.status == 501
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_log_shows_every_text_escaped(desk: Desk) -> None:
    """Each stranger's text is readable in the log, escaped."""
    page = desk.browser().get("/log")

    assert page.words.count(KEVIN) == len(TEXTS) + 1
    assert "<script>alert(1)</script>" in page.words
    assert "\\x1b[2J" in page.words


def test_the_overview_begins_with_words(desk: Desk) -> None:
    """Its first sentence says whether the line answers; troubles follow."""
    words = desk.browser().get("/").words

    assert "To the content The line does not answer. Its program is not running. Call the person " in words
    assert "The daemon does not run. Start it: sudo systemctl start hotlined@main, or hotlined run where" in words


# ---- roles


def test_every_page_has_a_role(desk: Desk) -> None:
    """Pages that need none show nothing of the line."""
    assert {name for name, needed in NEEDS.items() if needed is None} == {
        "static",
        "healthz",
        "enter",
    }
    assert desk.browser().get("/healthz").body == ""


def test_roles_are_nested() -> None:
    """Each role may do all that the roles before it may."""
    roles = list(Role)

    assert [[one.may(other) for other in roles] for one in roles] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_a_block_is_recorded_with_the_persons_name(tmp_path: Path) -> None:
    """The desk asks first; the waiting answer is cancelled, too."""
    filled = Filled(tmp_path)
    with filled.db, Desk(filled.config) as desk:
        filled.judge(filled.text(), delay=3600)
        asked = desk.browser().get("/act/block?number=0470/12.34.56")
        assert f"Never answer {KEVIN} again" in asked.words
        assert filled.db.one("SELECT 1 FROM events WHERE kind = 'block'") is None
        done = desk.browser().act("/act/block?number=0470/12.34.56")

        assert f"{KEVIN} is blocked. 1 answer that waited for it will not be sent." in done.words
        event = filled.db.the("SELECT who FROM events WHERE kind = 'block'")
        assert event["who"] == user_name(0)


def test_a_button_about_a_name_never_reaches_a_number(tmp_path: Path) -> None:
    """A name that spells a number is blocked itself, from its own page."""
    filled = Filled(tmp_path)
    with filled.db, Desk(filled.config) as desk:
        filled.text("je suis un tiers")
        named = filled.text("menace sous un nom", "“0470123456”")
        page = desk.browser().get(f"/person/{named}")
        (number,) = re.findall(r'action="/act/block">\s*<input type="hidden" name="number" value="([^"]*)">', page.body)
        desk.browser().act(f"/act/block?{urlencode({'number': number})}")

        assert [row["number"] for row in filled.db.all("SELECT number FROM numbers")] == ["“0470123456”"]


LOOK = """
import socket, sys
for path in sys.argv[2:]:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(sys.argv[1])
        channel.sendall(f"GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n".encode())
        print(*channel.makefile(newline="\\n").read().split())
"""
"""A program that gets pages and prints each answer on a line."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that other users can read."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-desk-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_visitors_are_known_by_their_system_user(folder: Path) -> None:
    """Members of the line's group see every page; others, even root, none.

    The socket itself lets all of them connect.
    """
    Filled(folder).db.close()
    give(folder)
    lists = Lists(folder)
    lists.write("anna")
    with Desk(folder / "main.yaml", user=LINE, lists=lists) as desk:

        def seen(person: Person, *paths: str) -> list[str]:
            done = person.call(LOOK, str(desk.socket), *paths)
            assert done.returncode == 0, done.stderr
            return done.stdout.splitlines()

        assert [each.split()[1] for each in seen(MEMBER, "/", "/log", "/none")] == ["200", "200", "404"]
        for person, name in ((STRANGER, "stranger"), (ADMIN, "root"), (DESK, "hotweb-main")):
            for each in seen(person, "/", "/log", "/none", "/healthz", "/static/desk.css"):
                assert f"{name} may not look at this line here. Members of the group hotlined-main may" in each
                assert each.split()[1] == "403"
        assert [each.split()[1] for each in seen(NOBODY, "/", "/healthz")] == ["403", "403"]
        lists.write("stranger")
        assert [seen(person, "/")[0].split()[1] for person in (MEMBER, STRANGER)] == ["403", "200"]


# ---- forms


def test_a_form_of_another_site_is_refused(desk: Desk, line: Filled) -> None:
    """Browsers mark it by Sec-Fetch-Site or by Origin."""
    browser = desk.browser()
    form = browser.get("/act/block?number=0470123456").form()
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "", "Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "", "Origin": "http://localhost:81"},
    ):
        assert browser.post("/act/block", form, **headers).status == 403
    assert line.db.one("SELECT 1 FROM events WHERE kind = 'block'") is None


def test_a_form_needs_its_token(desk: Desk, line: Filled) -> None:
    """Another token does nothing either; no cookie is needed."""
    browser = desk.browser()
    form = browser.get("/act/block?number=0470123456").form()
    without = {name: value for name, value in form.items() if name != "form_token"}
    assert browser.post("/act/block", without).status == 400
    assert browser.post("/act/block", form | {"form_token": "0" * 64}).status == 400
    assert browser.cookies == {}
    assert line.db.one("SELECT 1 FROM events WHERE kind = 'block'") is None


def test_the_token_of_another_line_is_refused(tmp_path: Path) -> None:
    """Even the same person and key have other tokens there."""
    line = Filled(tmp_path)
    other = line.config.with_name("nl.yaml")
    shutil.copy(line.config, other)
    (tmp_path / "kept").mkdir()
    with line.db, Desk(line.config, RUNTIME_DIRECTORY=str(tmp_path / "kept")) as desk:
        form = desk.browser().get("/act/block?number=0470123456").form()
        (tmp_path / "nl").mkdir()
        with Desk(other, at=tmp_path / "nl", RUNTIME_DIRECTORY=str(tmp_path / "kept")) as elsewhere:
            assert elsewhere.browser().post("/act/block", form).status == 400
        assert desk.browser().post("/act/block", form).status == 303


FETCHED = (
    ("cross-site", "image", 403),
    ("cross-site", "iframe", 403),
    ("same-site", "empty", 403),
    ("cross-site", "document", 200),
    ("same-origin", "empty", 200),
    ("none", "document", 200),
)
"""Sec-Fetch-Site and Sec-Fetch-Dest of a request, and its status."""


def test_another_site_can_link_to_a_page_and_not_embed_it(tmp_path: Path) -> None:
    """A page that is refused shows nothing."""
    line = Filled(tmp_path)
    with line.db:
        contacts = {line.text(): each for each in FETCHED}
        with Desk(line.config) as desk:
            for contact, (site, into, status) in contacts.items():
                answer = desk.browser().get(f"/contact/{contact}", Sec_Fetch_Site=site, Sec_Fetch_Dest=into)
                assert (answer.status, KEVIN in answer.words) == (status, status == 200), (site, into)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "[", ""])
def test_another_host_is_refused(desk: Desk, host: str) -> None:
    """The host name leads here, but is not one of the desk's."""
    assert desk.browser().get("/", Host=host).status == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_this_machine_is_served_under_its_own_names(desk: Desk, host: str) -> None:
    """A name may have any port, as through ssh."""
    assert desk.browser().get("/", Host=host).status == 200


def test_a_number_that_is_none_gets_a_page(desk: Desk) -> None:
    """A mistyped number is explained on a page."""
    answer = desk.browser().get("/act/block?number=nobody")

    assert answer.status == 400
    assert "nobody" in answer.words


@pytest.mark.parametrize("module", ["flask", "waitress"])
def test_without_its_libraries_the_desk_says_what_installs_them(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command installs both, whichever is missing."""
    monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(main, ["web", "--port", "0"])

    assert done.exit_code == 1
    assert (
        "Flask and waitress, which are missing.\nHint: `sudo apt install python3-flask python3-waitress`" in done.stderr
    )


# ---- in every state


def test_a_missing_database_gets_a_page(tmp_path: Path) -> None:
    """Each page says so, and the overview still works."""
    filled = Filled(tmp_path)
    filled.db.close()
    for file in tmp_path.glob("hotlined.db*"):
        file.unlink()
    with Desk(filled.config) as desk:
        for path, status in (("/", 200), ("/log", 503), ("/healthz", 503)):
            answer = desk.browser().get(path)
            assert answer.status == status, path
            assert path == "/healthz" or "There is no database at" in answer.words


def test_a_damaged_database_gets_a_page(tmp_path: Path) -> None:
    """Damage is a page with its cure, not a bug."""
    filled = Filled(tmp_path)
    filled.db.close()
    filled.database.write_bytes(b"nothing of ours" * 1000)
    with Desk(filled.config) as desk:
        assert "damaged" in desk.browser().get("/").words
        assert desk.browser().get("/log").status == 503


def test_a_locked_database_gets_a_page(tmp_path: Path) -> None:
    """Each page names the program; pages are back afterwards."""
    filled = Filled(tmp_path)
    filled.db.close()
    paths = ("/", "/log", "/stats", "/inbox", "/numbers")
    other = sqlite3.connect(filled.database, isolation_level=None)
    with Desk(filled.config) as desk, contextlib.closing(other):
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        def maybe_named(path: str) -> Answer | None:
            """Return a page if it names the process: a list of many locks comes in parts, and can lack one."""
            answer = desk.browser().get(path)
            return answer if f"(process {os.getpid()} of " in answer.words else None

        with ThreadPoolExecutor() as visitors:  # each of them waits for the database
            answers = [*visitors.map(lambda path: wait_until(partial(maybe_named, path), f"{path} names it"), paths)]
        other.close()

        for path, answer in zip(paths, answers, strict=True):
            assert "locked" in answer.words, path
            assert answer.status == (200 if path == "/" else 503)
        assert [desk.browser().get(path).status for path in paths] == [200] * len(paths)


def test_the_health_check_follows_the_line(tmp_path: Path) -> None:
    """`/healthz` is an empty 200 for a ready line, else 503."""
    filled = Filled(tmp_path)
    with filled.db, Desk(filled.config) as desk:
        found = []
        for state in (ModemState.READY, ModemState.SIM_ABSENT):
            filled.daemon_runs(modem=state)
            answer = desk.browser().get("/healthz")
            found.append((answer.status, answer.body))

    assert found == [(200, ""), (503, "")]


# ---- at a port


@contextlib.contextmanager
def at_a_port(config: Path, user: Person | None = None, **environment: str) -> Iterator[tuple[int, str]]:
    """Start the desk at a port; give its number, and the path of the link that it prints."""
    words = ["--config", str(config), "web", "--port", "0"]
    command = user.program(COMMAND, *words) if user else [sys.executable, "-m", "hotlined", *words]
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout
            printed = [program.stdout.readline() for _ in range(2)]
            found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/enter\?token=\S+)\n", printed[1])
            assert found, printed
            yield int(found[1]), found[2]
        finally:
            program.terminate()


def test_a_port_needs_its_link(tmp_path: Path) -> None:
    """The link works once; every path wants its cookie."""
    line = Filled(tmp_path)
    with line.db, at_a_port(line.config) as (port, link):
        mine, other = Browser(port), Browser(port)
        refused = [other.get(path).status for path in ("/", "/none", "/healthz", "/static/desk.css", "/enter?token=x")]
        assert other.ask("HEAD", link).headers.get("Set-Cookie") is None
        entered = mine.get(link)

        assert refused == [403] * 5
        assert (entered.status, other.get(link).status) == (200, 403)
        assert re.search("hotlined_link_[0-9]+=.*; HttpOnly; Path=/; SameSite=Strict", entered.headers["Set-Cookie"])
        assert (mine.get("/log").status, other.get("/log").status) == (200, 403)
        assert mine.get("/enter").status == 403
        assert "is blocked" in mine.act("/act/block?number=0470999999").words
        assert line.db.the("SELECT who FROM events WHERE kind = 'block'")["who"] == user_name(0)


ASK_PORT = """
import socket, sys
at = "127.0.0.1" if sys.argv[1] == "2" else "::ffff:127.0.0.1"
with socket.socket(int(sys.argv[1])) as channel:
    channel.connect((at, int(sys.argv[2])))
    channel.sendall(f"GET {sys.argv[3]} HTTP/1.0\\r\\nHost: localhost\\r\\nCookie: {sys.argv[4]}\\r\\n\\r\\n".encode())
    print(*channel.makefile(newline="\\n").read().split())
"""
"""A program that asks for a page at a port, by IPv4 or over an IPv6 socket, with a cookie."""


@needs_root
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_serves_one_user_of_the_machine(folder: Path, family: int) -> None:
    """A link or cookie in another user's hands is refused.

    Browsers send cookies to every port of a machine.
    """
    line = Filled(folder)
    with line.db, at_a_port(line.config) as (port, link):

        def asked(person: Person, path: str, cookie: str) -> str:
            done = person.call(ASK_PORT, str(int(family)), str(port), path, cookie)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "serves root alone, and uid 61003 asks" in asked(STRANGER, link, "")
        mine = Browser(port)
        assert mine.get(link).status == 200
        ((name, cookie),) = mine.cookies.items()
        assert " 403 " in asked(STRANGER, "/log", f"{name}={cookie}")
        assert " 200 " in asked(ADMIN, "/log", f"{name}={cookie}")
        assert mine.get("/log").status == 200


@needs_root
@pytest.mark.parametrize(
    ("named", "person"), [({"SUDO_UID": str(STRANGER.uid)}, STRANGER), ({"SUDO_UID": "0"}, ADMIN), ({}, ADMIN)]
)
def test_a_port_started_with_sudo_serves_the_person(folder: Path, named: dict[str, str], person: Person) -> None:
    """The program itself becomes the line's user.

    Without sudo it serves root's browser.
    """
    Filled(folder).db.close()
    give(folder)
    with at_a_port(folder / "main.yaml", LINE, HOTLINED_FOR_ROOT="1", **named) as (port, link):
        for other in {LINE, STRANGER, ADMIN} - {person}:
            assert " 403 " in other.call(ASK_PORT, "2", str(port), link, "").stdout
        assert " 200 " in person.call(ASK_PORT, "2", str(port), link, "").stdout


def test_a_closed_connection_has_no_user() -> None:
    """Its row in the kernel's table is gone; nothing is raised."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
        with near:
            assert maybe_local_peer(near) == Peer(os.getuid())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # its row disappears at once
            assert maybe_local_peer(near) is None


# ---- hostile clients


def test_the_desk_is_not_a_proxy(desk: Desk) -> None:
    """Absolute addresses are taken as paths; paths like addresses redirect nowhere."""
    assert desk.browser().get("http://evil.example/log").status in {200, 400, 404}
    assert desk.browser().get("//evil.example/log").status == 404
    assert "evil" not in str(desk.browser().get("//evil.example/..").headers)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST"])
@pytest.mark.parametrize("path", ["/", "/log", "/static/desk.css"])
def test_other_methods_are_refused(desk: Desk, method: str, path: str) -> None:
    """A page refuses a method that it does not have."""
    assert desk.browser().ask(method, path).status in {400, 403, 405, 501}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("x" * 70_000, {}, 413),
        ("number=" + "1" * 60_000, {}, 400),
        ("&".join(f"a{number}=1" for number in range(5_000)), {}, 400),
        ("", {"Content_Length": "99999999999"}, 413),
        ("--x", {"Content_Type": "multipart/form-data; boundary=x"}, 400),
    ],
)
def test_a_body_beyond_the_bounds_is_refused(desk: Desk, body: str, headers: dict[str, str], status: int) -> None:
    """No form has such a body or so many fields."""
    answer = desk.browser().ask("POST", "/act/block", body, Sec_Fetch_Site="same-origin", **headers)

    assert answer.status == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_headers_beyond_the_bounds_are_refused(desk: Desk) -> None:
    """Headers larger than any browser's are refused."""
    answer = desk.browser().get("/", X_Long="y" * 20_000)

    assert answer.status == 431
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


class Program:
    """The desk in a thread, at two sockets for members; it ends when it has no visitor."""

    def __init__(self, line: Filled, path: Path, **options: Any) -> None:
        self.path, self.second = path, path.with_name("second.sock")
        self.authenticator = MembersAuthenticator(line.database)
        self.app = make(line_config.load(line.config), b"")
        self.options = {"idle_seconds": 0.1} | options
        self.listeners = [listening(self.path), listening(self.second)]

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its sockets."""
        for each in self.listeners:
            each.close()

    def start(self) -> threading.Thread:
        """Start it; also again after it has ended."""
        listeners = {each.dup(): self.authenticator for each in self.listeners}
        thread = threading.Thread(target=serve, args=(self.app, listeners), kwargs=self.options)
        thread.start()
        return thread


def ends(thread: threading.Thread) -> bool:
    """Tell whether it ends within the tests' patience."""
    thread.join(PATIENCE_SECONDS)
    return not thread.is_alive()


def test_a_visitor_who_waits_is_served_before_an_idle_desk_ends(line: Filled, tmp_path: Path) -> None:
    """The desk looks first, even if its time is over before that."""
    with Program(line, tmp_path / "web.sock", idle_seconds=0.0) as program, Connection(program.path) as visitor:
        thread = program.start()
        assert visitor.get("/healthz") == 503
        visitor.close()
        assert ends(thread)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: local", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_slow_request_is_dropped(line: Filled, tmp_path: Path, said: bytes) -> None:
    """Octets that keep coming do not help; others are answered."""
    with Program(line, tmp_path / "web.sock", slow_seconds=0.5) as program, socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(program.path))
        slow.sendall(said)
        slow.settimeout(PATIENCE_SECONDS)
        thread = program.start()
        with Connection(program.path) as visitor:
            assert visitor.get("/healthz") == 503
        if not said:  # no request has begun: the desk waits longer for one
            slow.close()
        else:
            with suppress(BrokenPipeError, ConnectionResetError):
                while True:  # an octet now and then
                    slow.sendall(b"x")
                    time.sleep(0.05)
        assert ends(thread)


def test_no_door_takes_all_connections(desk: Desk) -> None:
    """Visitors at the other socket are still served."""
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_OF_A_SOCKET + 120):
            visitor = stack.enter_context(socket.socket(socket.AF_UNIX))
            visitor.connect(os.fspath(desk.socket))
        wait_until(lambda: accepted(desk.socket) == MOST_OF_A_SOCKET, "the others are dropped")
        assert desk.proxied("nobody").get().status == 403
        assert [desk.browser().get("/healthz").status for _ in range(3)] == [503] * 3


def connections(path: Path) -> list[str]:
    """Return each connection's inode at a socket, from the kernel's table: 0 until it is accepted."""
    rows = [each.split() for each in Path("/proc/net/unix").read_text().splitlines()]
    return [each[6] for each in rows if each[-1] == str(path) and each[5] == "03"]


def accepted(path: Path) -> int:
    """Return the number of accepted connections."""
    return sum(inode != "0" for inode in connections(path))


# ---- at a socket from systemd


def test_the_desk_ends_without_visitors(line: Filled, tmp_path: Path) -> None:
    """A new connection waits for the next start."""
    with Program(line, tmp_path / "web.sock") as program:
        with Connection(program.path) as visitor:
            first = program.start()
            for _ in range(2):
                assert visitor.get("/healthz") == 503
                time.sleep(0.3)
            assert first.is_alive()
        assert ends(first)
        with Connection(program.path) as visitor:
            second = program.start()
            assert visitor.get("/healthz") == 503
        assert ends(second)


class Handed:
    """A substitute for systemd: it listens, and starts the desk with its socket."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.path = config.parent / "handed.sock"
        self.listener = listening(self.path)
        self.browser = Browser(self.path)

    def start(self) -> subprocess.Popen[str]:
        """Start the program."""
        return start(self.config, [self.listener])


@pytest.mark.parametrize("changed", ["main.yaml", "main.txt"])
def test_a_changed_configuration_restarts_the_desk(tmp_path: Path, changed: str) -> None:
    """The desk ends; systemd starts it for the next visitor."""
    (tmp_path / "main.txt").write_text("Non.")
    filled = Filled(tmp_path, line="nouvelle", answer={"text_file": "main.txt"})
    filled.db.close()
    handed = Handed(filled.config)
    first = handed.start()
    assert handed.browser.get("/").status == 200
    with (tmp_path / changed).open("a") as file:
        file.write("\n")
    assert first.wait(PATIENCE_SECONDS) == 0
    second = handed.start()
    try:
        assert "Line nouvelle" in handed.browser.get("/").words
    finally:
        for each in (first, second):
            each.terminate()
            each.communicate()
        handed.listener.close()


def test_a_desk_that_cannot_start_tells_the_visitor_why(tmp_path: Path) -> None:
    """The desk answers the waiting visitor, then ends with 78."""
    filled = Filled(tmp_path)
    filled.db.close()
    filled.config.write_text("answer: {text: a\n")
    handed = Handed(filled.config)
    program = handed.start()
    answer = handed.browser.get("/log")

    assert answer.status == 503
    assert "main.yaml cannot be used" in answer.words
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert program.wait(PATIENCE_SECONDS) == 78
    program.communicate()
    handed.listener.close()


# ---- how it ends


def threads(program: "subprocess.Popen[str]") -> int:
    """Return the number of threads of a program."""
    return len([*Path(f"/proc/{program.pid}/task").iterdir()])


@contextlib.contextmanager
def killed(program: "subprocess.Popen[str]") -> Iterator[None]:
    """Kill a program at the end, if it has not ended."""
    try:
        yield
    finally:
        program.kill()
        if program.stderr and not program.stderr.closed:
            program.communicate()


def maybe_waiting(path: Path) -> socket.socket | None:
    """Ask for a page; return the connection if it is neither answered soon nor closed."""
    visitor = socket.socket(socket.AF_UNIX)
    visitor.connect(os.fspath(path))
    with suppress(OSError):
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if select.select([visitor], [], [], 0.5)[0]:
        visitor.close()
        return None
    return visitor


def test_a_connection_that_comes_with_sigterm_is_answered(tmp_path: Path) -> None:
    """The ending desk answers what it accepted, the next the rest."""
    line = Filled(tmp_path)
    line.db.close()
    handed = Handed(line.config)
    desk = handed.start()
    with contextlib.closing(handed.listener), killed(desk), socket.socket(socket.AF_UNIX) as visitor:
        assert handed.browser.get("/").status == 200
        desk.send_signal(signal.SIGSTOP)
        visitor.connect(os.fspath(handed.path))
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        desk.terminate()
        desk.send_signal(signal.SIGCONT)
        assert desk.wait(PATIENCE_SECONDS) == 0
        with killed(handed.start()):
            assert visitor.recv(12) == b"HTTP/1.1 200"


def test_a_desk_that_ends_finishes_a_decision_and_leaves_visitors_to_the_next(tmp_path: Path) -> None:
    """The decision waits for the database."""
    line = Filled(tmp_path)
    handed = Handed(line.config)
    desk = handed.start()
    with line.db, contextlib.closing(handed.listener), killed(desk):
        form = handed.browser.get("/act/block?number=0470123456").form()
        wait_until(lambda: accepted(handed.path) == 0, "that connection is closed")
        with line.db.transaction():
            decision = handed.browser.send_form("/act/block", form)  # sent whole: the desk reads it if it accepts it
            wait_until(lambda: accepted(handed.path) == 1, "the decision is asked for")
            desk.terminate()
            later = next(filter(None, (maybe_waiting(handed.path) for _ in range(50))))
        assert handed.browser.read(decision).status == 303
        assert desk.wait(PATIENCE_SECONDS) == 0
        with later, killed(handed.start()):
            assert later.recv(12) == b"HTTP/1.1 200"


class AskedAtALook(Ending):
    """An ending that comes while the serving loop is at work: at its `looks`-th look at it, counted from zero."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        super().__init__()

    @property
    def is_asked_for(self) -> bool:  # type: ignore[override]
        """Tell whether that look has come."""
        self.looks -= 1
        return self.looks < 0

    @is_asked_for.setter
    def is_asked_for(self, _: bool) -> None:
        """Nobody but the looks decides."""


@pytest.mark.parametrize("looks", range(6))
def test_a_signal_between_two_looks_drops_no_accepted_request(line: Filled, tmp_path: Path, looks: int) -> None:
    """Whenever it comes, a request that the desk accepted is read and answered."""
    with (
        Program(line, tmp_path / "web.sock", ending=AskedAtALook(looks), idle_seconds=None) as program,
        Connection(program.path) as visitor,
    ):
        visitor.request("GET", "/healthz")  # so the first pass accepts it
        thread = program.start()
        assert visitor.getresponse().status == 503
        assert ends(thread)


def test_an_unfinished_request_delays_the_end_of_the_desk_by_a_limited_time(line: Filled, tmp_path: Path) -> None:
    """Octets that come now and then do not prolong it."""
    ending = Ending()
    options = {"ending": ending, "idle_seconds": None, "slow_seconds": math.inf, "finish_seconds": 0.2}
    with Program(line, tmp_path / "web.sock", **options) as program, socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(program.path))
        slow.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        thread = program.start()
        wait_until(lambda: accepted(program.path) == 1, "it is connected")
        ending.ask()

        def has_ended() -> bool:
            with suppress(OSError):
                slow.sendall(b"y")
            return not thread.is_alive()

        wait_until(has_ended, "the desk ends")


def test_an_unfinished_request_keeps_no_old_configuration(line: Filled, tmp_path: Path) -> None:
    """A person removed from it cannot stay by endless requests."""
    changed = threading.Event()
    options = {"idle_seconds": None, "slow_seconds": math.inf, "finish_seconds": 0.2, "is_stale": changed.is_set}
    with Program(line, tmp_path / "web.sock", **options) as program, socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(program.path))
        slow.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")
        thread = program.start()
        with Connection(program.path) as visitor:
            assert visitor.get("/healthz") == 503  # so the slow request has begun, too
        changed.set()
        assert ends(thread)


def test_repeated_requests_do_not_keep_the_desk_from_ending(line: Filled, tmp_path: Path) -> None:
    """A connection is kept only until the desk has to end."""
    ending = Ending()
    with Program(line, tmp_path / "web.sock", ending=ending, idle_seconds=None, finish_seconds=math.inf) as program:
        thread, answered = program.start(), [0] * 24

        def ask(visitor: int) -> None:
            connection = Connection(program.path)
            with contextlib.closing(connection), suppress(OSError, http.client.HTTPException):
                while thread.is_alive():
                    connection.request("GET", "/healthz")
                    connection.getresponse().read()
                    answered[visitor] += 1

        with ThreadPoolExecutor(len(answered)) as visitors:
            for visitor in range(len(answered)):
                visitors.submit(ask, visitor)
            wait_until(lambda: min(answered) > 2, "each has asked again")
            ending.ask()
            assert ends(thread)


def test_accepted_requests_are_answered_before_the_desk_ends(tmp_path: Path) -> None:
    """Six of ten decisions wait for a thread at SIGTERM."""
    line = Filled(tmp_path)
    numbers = [f"047012345{digit}" for digit in range(10)]
    with line.db, Desk(line.config) as desk:
        browser = desk.browser()
        form = browser.get("/act/block?number=0470123456").form()
        wait_until(lambda: accepted(desk.socket) == 0, "that connection is closed")
        with line.db.transaction():
            decisions = [browser.send_form("/act/block", form | {"number": each}) for each in numbers]  # sent whole
            wait_until(lambda: accepted(desk.socket) == len(numbers), "all are asked for")
            desk.program.terminate()
        assert {browser.read(each).status for each in decisions} == {303}
        assert desk.program.wait(PATIENCE_SECONDS) == 0
        assert len(line.db.all("SELECT 1 FROM events WHERE kind = 'block'")) == len(numbers)


# ---- faults


def test_a_desk_without_anything_in_force_says_so(tmp_path: Path) -> None:
    """It begins with a broken file while no daemon lives."""
    filled = Filled(tmp_path)
    filled.db.close()
    filled.config.write_text(json.dumps(filled.settings | {"mod": "live"}))
    with Desk(filled.config) as desk:
        gone = desk.browser().get("/")
    assert (gone.status, f"{filled.config} cannot be used: one problem" in gone.words) == (503, True)


def test_an_unknown_name_in_a_template_is_a_bug(tmp_path: Path) -> None:
    """The template fails instead of leaving an empty place."""
    filled = Filled(tmp_path)
    with filled.db:
        app = make(line_config.load(filled.config), b"")
    with app.test_request_context("/"), pytest.raises(UndefinedError):
        render_template_string("{{ contactz }}")
    with app.test_request_context("/"), pytest.raises(UndefinedError):
        render_template_string("{% if contact.sendr %}{% endif %}", contact={})


# ---- memory

UNIT = Path(__file__).parents[2] / "systemd/hotlined-web@.service"


def test_the_desk_stays_under_64_mebibytes(line: Filled, tmp_path: Path) -> None:
    """It has its unit's environment, and has shown each page."""
    given = re.search("^Environment=(.*)", UNIT.read_text("utf-8"), re.MULTILINE)
    assert given
    with listening(tmp_path / "web.sock") as listener:
        number = listener.fileno()
        handed = f"import os; os.dup2({number}, 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))"
        program = subprocess.Popen(
            [sys.executable, "-B", "-c", f"{handed}; {COMMAND}", "--config", str(line.config), "web"],
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | dict(each.split("=") for each in given[1].split()),
            pass_fds=[number],
        )
    try:
        browser = Browser(tmp_path / "web.sock")
        for path in (*PLAIN, "/contact/1", "/person/1", "/stats?by=hour"):
            wait_until(lambda path=path: browser.get(path).status, path)
        status = Path(f"/proc/{program.pid}/status").read_text()
    finally:
        program.terminate()
        program.wait()

    most = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert most
    assert int(most[1]) < 64 * 1024
