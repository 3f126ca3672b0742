"""Hostile requests to the desk: malformed, too large, too slow, too many, and forged."""

import math
import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import simulated
from conftest import PATIENCE_SECONDS, Line, wait_until
from desk import Connection, Desk
from filled import KEVIN, Filled
from test_desk import Program, ends
from test_hostile import NAMES, TEXTS, obeyed, receive

from hotlined.desk import serving
from hotlined.desk.app import PAGES
from hotlined.desk.serving import HEADERS

LONG = "x" * 1600
"""A text without a blank, eleven segments long."""
SLOW = 110
"""More than the desk has threads."""
CROWD = 120


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line that got every hostile text, from a number and from hostile names, and a long one."""
    filled = Filled(tmp_path_factory.mktemp("line"))
    with filled.db:
        receive_all(filled)
        yield filled


def receive_all(filled: Filled) -> None:
    """Send a line every hostile text, and the long one."""
    for name in TEXTS:
        receive(filled, name, NAMES.get(name, KEVIN))
    filled.judge(filled.text(LONG))


@pytest.fixture(scope="module")
def desk(line: Filled) -> Iterator[Desk]:
    """Give its desk; afterwards its journal must have no traceback, number or text."""
    with Desk(line.config) as desk:
        yield desk
        desk.end()
        assert "Traceback" not in desk.journal
        assert KEVIN not in desk.journal
        assert not obeyed(desk.journal)


def connect(desk: Desk) -> socket.socket:
    """Return a connection to the desk."""
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(str(desk.socket))  # waits where too many wait already; with a time limit it would fail at once
    channel.settimeout(PATIENCE_SECONDS)
    return channel


def sent(desk: Desk, octets: bytes) -> str:
    """Send octets; return all that comes back until the desk closes the connection."""
    with connect(desk) as channel:
        channel.sendall(octets)
        channel.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: channel.recv(65536), b"")).decode()


def nothing_was_done(line: Filled) -> bool:
    """Tell whether no decision and no look is recorded."""
    return line.db.one("SELECT 1 FROM events WHERE kind NOT LIKE 'look%'") is None


# ---- text of strangers


def paths(line: Filled) -> Iterator[str]:
    """Yield every page of every contact, and every question and error about every originator."""
    contacts = [row["id"] for row in line.db.all("SELECT id FROM contacts")]
    writers = line.db.all("SELECT originator, max(id) AS newest FROM contacts GROUP BY originator")
    for page in PAGES:
        if "GET" not in page.methods or page.name == "enter":
            continue
        if "<" in page.path:
            yield from (re.sub("<.*?>", str(each), page.path) for each in contacts)
        for row in () if "<" in page.path else writers[:2] if "act_" in page.name else writers:
            query = {"contact_id": row["newest"], "number": row["originator"], "word": "other", "search": "a"}
            yield f"{page.path}?{urlencode(query)}"


def test_no_page_obeys_a_text(desk: Desk, line: Filled) -> None:
    """The text's markup, links and bidi overrides are on no page."""
    obeys_no_text(desk, line)


def test_no_page_obeys_a_text_in_french(tmp_path: Path) -> None:
    """Translated sentences escape their values as the English ones do."""
    line = Filled(tmp_path, language="fr")
    with line.db:
        receive_all(line)
        with Desk(line.config) as desk:
            assert '<html lang="fr">' in desk.browser().get("/").body
            obeys_no_text(desk, line)


def obeys_no_text(desk: Desk, line: Filled) -> None:
    """Check that no text has become a part of any page's markup."""
    browser = desk.browser()
    for path in paths(line):
        page = browser.get(path)
        assert page.status in {200, 302, 400, 404, 503}, path
        assert not obeyed(re.sub("[\r\n]", "", page.body)), path
        assert not re.search(r"<(script>|img src=x|/script><script>)", page.body), path
        assert not re.search(r'(href|src|action)="(?!/|#|tel:[0-9]+"|data:,"|data:image)', page.body), path


def test_a_long_text_without_a_blank_is_shown_whole(desk: Desk) -> None:
    """The log shows its beginning, and links to the rest."""
    browser = desk.browser()
    row = f'<bdi class="text">{LONG[:199]}…</bdi>.*?href="(/contact/[0-9]*)#'
    found = re.search(row, browser.get("/log").body, re.DOTALL)
    assert found
    assert f'<bdi class="text">{LONG}</bdi>' in browser.get(found[1]).body


WORDS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\x1b[2J\u202e", "{{ 7 * 7 }}", "\0", "'--")


@pytest.mark.parametrize("word", WORDS)
def test_hostile_input_is_escaped(desk: Desk, word: str) -> None:
    """Input comes in paths, in fields, and in unknown fields."""
    browser = desk.browser()
    asked = [f"/{quote(word)}", f"/act/block?{urlencode({'number': word})}", f"/static/{quote(word)}"]
    for page in PAGES:
        if page.methods == ("GET",) and "<" not in page.path:
            names = re.findall(r'<(?:input|select)[^>]* name="([^"]+)"', browser.get(page.path).body)
            asked += [f"{page.path}?{urlencode({name: word})}" for name in {*names, "unknown"}]
    for path in asked:
        answer = browser.get(path)
        assert answer.status in {200, 400, 403, 404, 503}, path
        assert not obeyed(re.sub("[\r\n]", "", answer.body)), path
        assert not re.search("<script>|<img src=x|(?<!\\d)49(?!\\d).*7 \\* 7", answer.body), path


@pytest.mark.parametrize(
    "more", ["_scheme=x", "endpoint=x", "_method=", "_anchor=%00", "_external=1&_scheme=http", "self=1", "values=1"]
)
def test_a_list_links_only_with_known_filters(desk: Desk, more: str) -> None:
    """Unknown parameters of an address are not repeated."""
    plain = desk.browser().get("/log?before=5&search=a").body

    assert '<a class="button" href="/log?search=a">' in plain
    assert desk.browser().get(f"/log?before=5&search=a&{more}").body == plain


# ---- malformed requests


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/....//app.py", "/log/", "/LOG",
        "/static//etc/passwd", "/static/%5c..%5capp.py", "/static/", "/static", "/../config.yaml", "/config.yaml",
        "/templates/base.html", "//evil.example/", "/%2f%2fevil.example/", "/static/desk.css%00", "/log;x=1", "/log%00",
        "/.git/config", "/hotlined.db", "/act/", "/act/forget", "/act/send?number=1", "/console", "/%ff%fe",
        "/?__debugger__=yes", "/../etc/passwd", "/log/../../etc/passwd", "/act/send", "/%E2%80%AE",
        "/" + "a" * 8000, "/log?" + "x=1&" * 2000 + "%",
    ],
)  # fmt: skip
def test_a_path_leads_nowhere_else(desk: Desk, path: str) -> None:
    """The desk serves its own files; no redirect leaves it."""
    answer = desk.browser().get(path)

    assert answer.status in ({200} if path.startswith(("/?", "/log?")) else {400, 403, 404, 308})
    assert re.match("(http://localhost)?/(?!/)", answer.headers.get("Location", "/"))
    assert "import" not in answer.body
    assert "root:" not in answer.body
    assert not obeyed(re.sub("[\r\n]", "", answer.body))
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "PROPFIND", "get"])
def test_no_method_but_those_of_forms_does_anything(desk: Desk, line: Filled, method: str) -> None:
    """Other methods than GET and POST do nothing and show nothing."""
    answer = desk.browser().ask(method, "/act/block?number=0470123456", X_HTTP_Method_Override="POST")

    assert answer.status in {200, 400, 404, 405, 501}
    assert method in {"HEAD", "get"} or answer.status != 200
    assert nothing_was_done(line)


NO_REQUESTS = {
    "two lengths": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a length below nothing": "POST /act/block HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "a length that is none": "POST /act/block HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n",
    "chunks that are none": "POST /act/block HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a bare carriage return": "GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "two hosts": "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "no version": "GET /\r\n\r\n",
    "no words": "\r\n\r\n\r\n",
    "a name with a blank": "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 64,
    "NUL": "\0" * 100,
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_malformed_requests_are_refused(desk: Desk, line: Filled, name: str) -> None:
    """Nothing of the line is shown, and no visitor is disturbed."""
    answer = sent(desk, NO_REQUESTS[name].encode("latin-1"))

    assert not answer or re.match(r"HTTP/1\.[01] (400|403|404|405|501) ", answer), answer
    assert KEVIN not in answer
    assert nothing_was_done(line)
    assert desk.browser().get("/").status == 200


def test_oversized_requests_are_refused(desk: Desk, line: Filled) -> None:
    """The desk does not wait for the rest of them."""

    def status(head: str) -> str:
        """Return the status of a request whose body is never sent."""
        with connect(desk) as channel:
            with suppress(BrokenPipeError):  # the desk may have closed already
                channel.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode())
            return channel.recv(65536).decode().split()[1]

    assert status("POST /act/block HTTP/1.1\r\nContent-Length: 70000") == "413"
    assert status("POST /act/block HTTP/1.1\r\nContent-Length: 99999999999999999999") == "413"
    assert status("GET / HTTP/1.1\r\nX: " + "x" * 20_000) == "431"
    assert status("GET /?" + "x" * 20_000 + " HTTP/1.1") == "431"
    assert status("GET / HTTP/1.1\r\n" + "\r\n".join(f"X-{each}: y" for each in range(2000))) == "431"
    assert nothing_was_done(line)
    chunks = "POST /act/block HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + "8000\r\n"
    assert " 413 " in sent(desk, (chunks + "x" * 0x8000 + "\r\n8000\r\n" + "x" * 0x8000 + "\r\n8000\r\n").encode())
    assert nothing_was_done(line)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/json", ""])
def test_a_form_comes_as_forms_do(desk: Desk, line: Filled, kind: str) -> None:
    """Another site could send other content types without asking first."""
    browser = desk.browser()
    fields = urlencode(browser.get("/act/block?number=0470123456").form("/act/block"))

    answer = browser.ask("POST", "/act/block", fields, Content_Type=kind, Sec_Fetch_Site="same-origin")

    assert answer.status == 400
    assert nothing_was_done(line)


def test_the_token_does_not_work_in_an_address(desk: Desk, line: Filled) -> None:
    """Addresses are kept in histories and logs."""
    browser = desk.browser()
    fields = urlencode(browser.get("/act/block?number=0470123456").form("/act/block"))

    assert browser.get(f"/act/block?{fields}").status == 200
    assert browser.post(f"/act/block?{fields}", {}).status == 400
    assert nothing_was_done(line)


# ---- too slow, too many


@pytest.mark.parametrize(
    "begun",
    [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
    ],
    ids=["nothing", "a line", "headers", "a form"],
)
def test_slow_requests_delay_no_one_else(
    line: Filled, tmp_path: Path, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other visitors are served while no unfinished request is dropped."""
    monkeypatch.setitem(serving._limited.keywords, "channel_timeout", 1_000_000)  # seconds of silence
    with Program(line, tmp_path / "web.sock", slow_seconds=math.inf) as program:
        with ExitStack() as stack:
            slow = [stack.enter_context(Connection(program.path)).sock]  # before the start: without visitors it ends
            thread = program.start()
            slow += [stack.enter_context(Connection(program.path)).sock for _ in range(SLOW - 1)]
            for channel in slow:
                channel.sendall(begun.encode())
            for _ in range(3):
                with Connection(program.path) as visitor:
                    assert visitor.get("/healthz") == 503
            assert select.select(slow, (), (), 0) == ([], [], [])
        assert ends(thread)


def test_unread_answers_delay_no_one_else(desk: Desk) -> None:
    """Pages that nobody reads fill their sockets."""
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(desk)).sendall(b"GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        assert [desk.browser().get(path).status for path in ("/", "/log")] == [200, 200]


def test_a_crowd_beside_a_flood_loses_nothing(answering: Line) -> None:
    """More visitors at once than may wait for the desk's sockets all get their pages."""
    line = answering
    with Desk(line.config) as desk:
        assert desk.browser().get("/healthz").status == 200  # the desk is started
        statuses: list[int] = []
        crowd = [
            threading.Thread(target=lambda path=path: statuses.append(desk.browser().get(path).status))
            for path in ("/", "/log") * (CROWD // 2)
        ]
        for visitor in crowd:
            visitor.start()
        for count in range(40):
            line.sim.do("deliver", from_=f"+4474001{count:05}", text="Hello?")
        for visitor in crowd:
            visitor.join()
        wait_until(lambda: line.count("SELECT count(*) FROM contacts") == 40 and line.settled(), "all is taken in")
        desk.end()

        assert statuses == [200] * CROWD
        assert (
            desk.journal.count("\n") == desk.journal.count(" looked at list ") == 2
        )  # the crowd does not fill the journal
    assert line.status()["modem"]["state"] == "ready"


@pytest.fixture(name="answering")
def _answering(tmp_path: Path) -> Iterator[Line]:
    """Give a line whose daemon runs."""
    with simulated.start(tmp_path, sim_size=10, me_size=0) as simulator, Line(tmp_path, simulator) as line:
        line.start()
        line.wait_state("ready")
        yield line
