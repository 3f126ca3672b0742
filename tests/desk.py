"""The desk as a visitor meets it: a real `hotlined web` at a socket, and a browser that is no more than HTTP.

`Desk` is the program, `Browser` somebody who visits: it keeps cookies and fills in forms as they stand on the page.
"""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from conftest import wait_until
from persons import COMMAND, Person


@dataclass
class Answer:
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def words(self) -> str:
        """What a person reads: the text of the page, its blanks put together."""
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
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where what is not shown begins."""
        del attrs
        self._hidden = tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        """Note where it ends."""
        del tag
        self._hidden = False

    def handle_data(self, data: str) -> None:
        """Take what is shown."""
        if not self._hidden:
            self.found.append(data)


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=40)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(40)
        self.sock.connect(os.fspath(self._path))

    def __enter__(self) -> Self:
        """Connect, and stay so."""
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.close()

    def get(self, path: str) -> int:
        """Ask once more over this connection, and return the status."""
        self.request("GET", path)
        response = self.getresponse()
        response.read()
        return response.status


@dataclass
class Browser:
    """Somebody who visits: at a socket, or at a port of this machine."""

    at: Path | int
    cookies: dict[str, str] = field(default_factory=dict)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.at) if isinstance(self.at, int) else Connection(self.at)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Send one request and return what came back; `_` in the name of a header stands for `-`."""
        connection = self._connection()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            named.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if body is not None:
            named.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it was refused before it was sent whole
                connection.request(method, path, body, named)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str = "/", **headers: str) -> Answer:
        """Look at a page."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form, as a browser sends that of the desk's own page."""
        return self.ask("POST", path, urlencode(fields), **{"Sec_Fetch_Site": "same-origin"} | headers)

    def act(self, path: str) -> Answer:
        """Ask for an act and say yes to its question."""
        asked = self.get(path)
        assert asked.status == 200, asked.words
        action = path.partition("?")[0]
        return self.post(action, asked.form(action))


class Desk:
    """The program that serves the desk of a configuration."""

    def __init__(self, config: Path, *, user: Person | None = None, at: Path | None = None, **environment: str) -> None:
        self.socket = at or config.parent / "web.sock"
        words = ["--config", str(config), "web", "--socket", str(self.socket)]
        program = user.program(COMMAND, *words) if user else [sys.executable, "-m", "hotlined", *words]
        self.program = subprocess.Popen(program, env=os.environ | environment, stderr=subprocess.PIPE, text=True)
        self.journal = ""
        try:
            wait_until(self._listens, "the desk listens")
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        """Give the desk; at the end it ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.end()

    def _listens(self) -> bool:
        assert self.program.poll() is None, self.end()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as channel:
            channel.connect(os.fspath(self.socket))
            return True
        return False

    def end(self) -> str:
        """End it and return what it wrote into its journal."""
        if self.program.stderr is None or self.program.stderr.closed:
            return self.journal
        self.program.terminate()
        self.journal += self.program.communicate()[1] or ""
        self.socket.unlink(missing_ok=True)
        return self.journal

    def browser(self, **cookies: Any) -> Browser:
        """Return a browser that was never here."""
        return Browser(self.socket, cookies)
