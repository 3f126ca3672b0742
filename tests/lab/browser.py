"""A visit to a desk: a program that any user can run, and the visitor who uses it, keeps cookies and fills in forms.

`browser.py AT METHOD PATH HEADERS BODY` makes one request; AT is a Unix socket, a port of this computer
(localhost:8080), or a host that a proxy at this computer serves by TLS. It prints one JSON object with `status`,
`headers` and `body`.
"""

import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

AUTHORITY = "/opt/lab/authority.pem"
SECONDS = 60


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket or a port, or TLS to this computer under a name that no DNS knows."""

    def connect(self) -> None:
        """Connect."""
        if self.host.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(SECONDS)
            self.sock.connect(self.host)
        elif self.host == "localhost":
            super().connect()
        else:
            plain = socket.create_connection(("127.0.0.1", 443), SECONDS)
            context = ssl.create_default_context(cafile=AUTHORITY)
            self.sock = context.wrap_socket(plain, server_hostname=self.host)


def ask(at: str, method: str, path: str, headers: dict[str, str], body: str | None) -> dict[str, Any]:
    """Make one request and return the answer."""
    connection = _Connection(at, timeout=SECONDS)
    connection.request(method, path, body, {"Host": "localhost" if at.startswith("/") else at} | headers)
    response = connection.getresponse()
    return {"status": response.status, "headers": response.getheaders(), "body": response.read().decode()}


@dataclass
class Answer:
    """An answer."""

    status: int
    body: str

    @property
    def words(self) -> str:
        """Return the text that a person reads."""
        return " ".join(unescape(re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", self.body, flags=re.DOTALL)).split())


@dataclass
class Visitor:
    """A visitor of a desk; `user` runs the program, by default root."""

    at: str
    user: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    """The headers of every request."""
    raw: bool = False
    """True if `_` in the name of a header is kept."""

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Make one request, and follow the redirect of an act; the status is 0 without an answer."""
        named = self.always | headers
        sent = named if self.raw else {name.replace("_", "-"): value for name, value in named.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        words = [sys.executable, __file__, self.at, method, path, json.dumps(sent), json.dumps(body)]
        prefix = ("runuser", "-u", self.user, "--") if self.user else ()
        done = subprocess.run([*prefix, *words], text=True, capture_output=True, check=False, cwd="/")
        if done.returncode:
            return Answer(0, done.stderr)
        found = json.loads(done.stdout)
        for name, value in found["headers"]:
            if name.lower() == "set-cookie":
                key, _, given = value.partition(";")[0].partition("=")
                self.cookies[key] = given
        if found["status"] == HTTPStatus.SEE_OTHER:
            return self.get(dict(found["headers"])["Location"])
        return Answer(found["status"], found["body"])

    def get(self, path: str = "/", **headers: str) -> Answer:
        """Get a page."""
        return self.ask("GET", path, **headers)

    def fill_in(self, path: str, **fields: str) -> Answer:
        """Get the page with a form that posts there, fill it in, and send it."""
        page = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.body))
        if page.status != 200 or not hidden:
            return page
        kind = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin"}
        return self.ask("POST", path.partition("?")[0], urlencode(hidden | fields), **kind)


def main() -> None:
    """Make a request for the user who runs this."""
    at, method, path, headers, body = sys.argv[1:]
    print(json.dumps(ask(at, method, path, json.loads(headers), json.loads(body))))


if __name__ == "__main__":
    main()
