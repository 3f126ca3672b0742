"""Alerts in two programs: one knows what is due, without a network; the other sends it and has no database."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until
from test_alerts import SECRET, Quiet, Receiver, quiet, receiver

__all__ = ["quiet", "receiver"]


@pytest.fixture
def sender() -> Iterator[Callable[..., Path]]:
    """Give a function that starts a line's sender with addresses as systemd's credentials, and nothing else."""
    programs = []

    def start(line: Quiet, *urls: str) -> Path:
        credentials, nowhere = line.folder / "credentials", line.folder / "nowhere"
        for folder in (credentials, nowhere):
            folder.mkdir()
        (credentials / "urls").write_text("\n".join(urls) or "-")  # as in the unit when root has no such file
        path = line.folder / "run-alerts/main.sock"
        path.parent.mkdir()
        programs.append(
            subprocess.Popen(
                [sys.executable, "-m", "hotlined", "alerts-sender", "--socket", str(path)],
                env={
                    **os.environ,
                    "CREDENTIALS_DIRECTORY": str(credentials),
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                },
                cwd=nowhere,
            )
        )
        wait_until(path.exists)
        return path

    yield start
    for program in programs:
        program.send_signal(signal.SIGTERM)
        program.wait()


def asked(path: Path, request: Any) -> dict[str, Any]:
    """Return the sender's reply."""
    with socket.socket(socket.AF_UNIX) as channel:
        wait_until(lambda: channel.connect_ex(str(path)) == 0, "the sender listens")
        channel.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(channel.makefile().readline())
        assert isinstance(answer, dict)
        return answer


def test_the_sender_gets_each_address_with_its_text(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[..., Path]
) -> None:
    """The sender cannot read them in the configuration; pings go, too."""
    line = quiet(ping=f"http://{receiver.address}/{SECRET}")
    sender(line)
    (line.folder / "run/main/alerts.json").unlink()
    line.event("flood_begin")

    assert line.alerts() == (0, "alerts.urls entry 1: hotlined fr: a flood of texts\n")
    assert [path for path, _ in receiver.came if path != f"/{SECRET}"] == ["/a"]
    assert receiver.pings() == 1


def test_addresses_unknown_to_the_line_stay_with_the_sender(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[..., Path]
) -> None:
    """The line knows their keys; one in both places is used once."""
    line = quiet()
    own = f"json://{receiver.address}/known-to-the-sender"
    path = sender(line, "# the neighbour", own, line.settings["alerts"]["urls"][0])
    line.event("flood_begin")

    assert "known-to" not in json.dumps(asked(path, {"do": "channels"}))
    assert line.alerts()[1].splitlines() == [
        "alerts.urls entry 1: hotlined fr: a flood of texts",
        "the credential urls line 2: hotlined fr: a flood of texts",
    ]
    assert sorted(path for path, _ in receiver.came) == ["/a", "/known-to-the-sender"]


def test_a_file_that_the_sender_does_not_have_is_a_failure(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[..., Path]
) -> None:
    """The error names the file that counts."""
    line = quiet()
    (line.folder / "urls").write_text(f"json://{receiver.address}/b\n")
    line.config.write_text(json.dumps(line.settings | {"alerts": line.settings["alerts"] | {"urls_file": "urls"}}))
    sender(line)
    line.event("flood_begin")

    code, output = line.alerts()
    assert code == 1
    assert f"alerts.urls_file: the sender of alerts reads {line.config.with_suffix('.urls')} alone" in " ".join(
        output.split()
    )
    assert [path for path, _ in receiver.came] == ["/a"]


def test_a_missing_sender_is_an_error_and_loses_no_alert(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[..., Path]
) -> None:
    """The next run sends what is due."""
    line = quiet()
    path = sender(line)
    listening = path.rename(path.with_name("away"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    line.event("flood_begin")
    code, output = line.alerts()
    assert code == 69
    assert "does not answer" in output
    assert receiver.titles() == []

    path.unlink()
    listening.rename(path)
    assert line.alerts()[0] == 0
    assert receiver.titles() == ["hotlined fr: a flood of texts"]


def test_malformed_requests_are_refused(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[..., Path]
) -> None:
    """Nothing is sent, and the sender goes on."""
    line = quiet()
    path = sender(line)
    told = {"title": "t", "text": "x", "level": 1, "name": "n", "key": "ffffff"}
    url = f"json://{receiver.address}/x"
    for request in (
        {},
        [],
        {"do": "ping"},
        {"do": "ping", "url": "file:///etc/passwd"},
        {"do": "post", **told},
        {"do": "post", **told, "url": None},
        {"do": "post", **told, "url": [url]},
        {"do": "post", **told, "url": url, "text": "x" * 5000},
        {"do": "post", **told, "url": url + "x" * 5000},
        {"do": "post", **told, "url": url, "key": 1},
    ):
        assert asked(path, request)["error"]["kind"] == "UsageError", request
    assert receiver.came == []
    assert asked(path, {"do": "post", **told, "url": url}) == {"result": None}
    assert [path for path, _ in receiver.came] == ["/x"]


def test_a_failure_of_an_address_is_in_the_language_of_the_line(
    quiet: Callable[..., Quiet], sender: Callable[..., Path]
) -> None:
    """The address is left out: it may contain a password."""
    line = quiet()
    path = sender(line)
    post = {"do": "post", "title": "t", "text": "x", "level": 1, "key": "k", "url": f"nonsense://{SECRET}"}
    said = [asked(path, post | {"name": "URL 1", "language": each})["error"]["message"] for each in ("en", "fr")]

    assert said[0].startswith("URL 1 is not a URL that Apprise knows")
    assert said[1].startswith("URL 1 n’est pas une adresse")
    assert SECRET not in "".join(said)
