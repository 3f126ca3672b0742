"""The desk for its visitors: a real `hotlined web` at its sockets, and a browser that only speaks HTTP.

`Desk` is the program, `served` the same in a thread, where the process is not what is promised. `Browser` is a visitor:
it keeps cookies and fills in the forms of a page.
"""

import http.client
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from conftest import PATIENCE_SECONDS, listens
from persons import ADMIN, COMMAND, Lists, Person

from hotlined import config as configuration
from hotlined.desk import app, forms, serving, who


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def words(self) -> str:
        """The visible text of the page, with single blanks."""
        text = _Words()
        text.feed(self.body)
        return " ".join("".join(text.found).split())

    def form(self, action: str = "") -> dict[str, str]:
        """Return the hidden fields of the form that posts to a path, or of the only one."""
        forms = re.findall(r"<form ([^>]*)>(.*?)</form>", self.body, re.DOTALL)
        ours = [inside for head, inside in forms if 'method="post"' in head and f'action="{action}' in head]
        assert len(ours) == 1, (action, self.body)
        return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', ours[0]))


class _Words(HTMLParser):
    """The visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the begin of an invisible part."""
        del attrs
        self._hidden = tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an invisible part."""
        del tag
        self._hidden = False

    def handle_data(self, data: str) -> None:
        """Collect visible text."""
        if not self._hidden:
            self.found.append(data)


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.fspath(self._path))  # waits where too many wait already; with a limit it fails at once
        self.sock.settimeout(PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        """Connect, and keep the connection."""
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def get(self, path: str) -> int:
        """Send another request over this connection, and return the status."""
        self.request("GET", path)
        response = self.getresponse()
        response.read()
        return response.status


@dataclass
class Browser:
    """A visitor, at a socket or at a port of this machine."""

    at: Path | int
    cookies: dict[str, str] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    """Headers of each request, such as those of a proxy."""

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.at) if isinstance(self.at, int) else Connection(self.at)

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPConnection:
        """Send one request, and return the connection at which its answer comes; `_` in a header's name means `-`."""
        connection = self._connection()
        named = self.always | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            named.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if body is not None:
            named.setdefault("Content-Type", "application/x-www-form-urlencoded")
        with suppress(BrokenPipeError, ConnectionResetError):  # the desk refused the request before its end
            connection.request(method, path, body, named)
        return connection

    def read(self, connection: http.client.HTTPConnection) -> Answer:
        """Return the answer that comes at a connection, which ends."""
        try:
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Send one request and return its answer."""
        return self.read(self.send(method, path, body, **headers))

    def get(self, path: str = "/", **headers: str) -> Answer:
        """Get a page."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form, as a browser sends that of the desk's own page, and return the answer."""
        return self.read(self.send_form(path, fields, **headers))

    def send_form(self, path: str, fields: Mapping[str, str], **headers: str) -> http.client.HTTPConnection:
        """Send such a form, and return the connection at which its answer will come."""
        return self.send("POST", path, urlencode(fields), **{"Sec_Fetch_Site": "same-origin"} | headers)

    def act(self, path: str) -> Answer:
        """Request an action, confirm its question, and follow the redirect."""
        asked = self.get(path)
        assert asked.status == 200, asked.words
        action = path.partition("?")[0]
        done = self.post(action, asked.form(action))
        return self.get(done.headers["Location"]) if done.status == 303 else done


class Desk:
    """The program that serves the desk of a configuration, at two sockets as systemd hands them over."""

    def __init__(
        self,
        config: Path,
        *,
        user: Person = ADMIN,
        at: Path | None = None,
        lists: Lists | None = None,
        **environment: str,
    ) -> None:
        folder = at or config.parent
        self.socket, self.proxies = folder / "web.sock", folder / "web-proxy.sock"
        with listening(self.socket) as members, listening(self.proxies) as proxies:
            self.program = start(config, (members, proxies), user=user, lists=lists, **environment)
        self.journal = ""

    def __enter__(self) -> Self:
        """Give the desk; at the end it ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.end()

    def end(self) -> str:
        """End it and return its journal."""
        if self.program.stderr is None or self.program.stderr.closed:
            return self.journal
        if self.program.poll() is None:
            with suppress(OSError):
                self.browser().get("/static/desk.css")  # it runs, so SIGTERM ends it as systemd does
        self.program.terminate()
        self.journal += self.program.communicate()[1] or ""
        for path in (self.socket, self.proxies):
            path.unlink(missing_ok=True)
        return self.journal

    def browser(self, **cookies: Any) -> Browser:
        """Return a new browser at the members' socket."""
        return Browser(self.socket, cookies)

    def proxied(self, name: str) -> Browser:
        """Return the browser of a person whom a proxy names, at the socket of proxies."""
        return Browser(self.proxies, {}, {"X-Remote-User": name})


@contextmanager
def served(config: Path) -> Iterator[Browser]:
    """Serve a desk in a thread of the tests' process, and give a browser at its members' socket."""
    given, ending, path = configuration.load(config), serving.Ending(), config.parent / "web.sock"
    with listening(path) as members:
        arguments = app.make(given, forms.key_in(None)), {members: who.MembersAuthenticator(given.database)}, ending
        thread = threading.Thread(target=serving.serve, args=arguments, daemon=True)
        thread.start()
        try:
            yield Browser(path)
        finally:
            ending.is_asked_for = True
            listens(path)  # it wakes: from another thread its pipe may be closed
            thread.join()
            path.unlink()


def listening(path: Path) -> socket.socket:
    """Return a listening socket at a path, open to everybody."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    path.chmod(0o666)
    listener.listen(100)
    return listener


def start(
    config: Path,
    listeners: Sequence[socket.socket],
    *,
    user: Person = ADMIN,
    lists: Lists | None = None,
    **environment: str,
) -> "subprocess.Popen[str]":
    """Start the program as systemd does: with listening sockets, where visitors may wait already."""
    numbers = [each.fileno() for each in listeners]
    handed = f"import os; [os.dup2(each, 3 + place) for place, each in enumerate({numbers})];"
    handed += f"os.environ.update(LISTEN_FDS='{len(numbers)}', LISTEN_PID=str(os.getpid())); {COMMAND}"
    words = ["--config", str(config), "web"]
    # only root can become another user
    program = user.program(handed, *words) if os.getuid() == 0 else [sys.executable, "-c", handed, *words]
    return subprocess.Popen(
        lists.program(*program) if lists else program,
        pass_fds=numbers,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
