"""Alerts in two halves: one knows what is due and has no network, the other has addresses and nothing else."""

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
def sender() -> Iterator[Callable[[Quiet, dict[str, Any]], Path]]:
    """Give what starts the sender of a line with a configuration of its own, as systemd hands it over."""
    programs = []

    def start(line: Quiet, settings: dict[str, Any]) -> Path:
        credentials = line.folder / "credentials"
        credentials.mkdir()
        (credentials / "config").write_text(json.dumps(settings))
        path = line.folder / "run-alerts/main.sock"
        path.parent.mkdir()
        programs.append(
            subprocess.Popen(
                [sys.executable, "-m", "hotlined", "alerts-sender", "--socket", str(path)],
                env={**os.environ, "CREDENTIALS_DIRECTORY": str(credentials)},
                cwd="/",
            )
        )
        wait_until(path.exists)
        return path

    yield start
    for program in programs:
        program.send_signal(signal.SIGTERM)
        program.wait()


def test_the_sender_alone_knows_where_alerts_go(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[[Quiet, dict[str, Any]], Path]
) -> None:
    """What is due is decided without an address: alerts and the ping go where the sender's configuration says."""
    line = quiet(ping=f"http://{receiver.address}/{SECRET}")
    urls = [f"json://{receiver.address}/known-to-the-sender"]
    sender(line, line.settings | {"alerts": line.settings["alerts"] | {"urls": urls}})
    (line.folder / "run/main/alerts.json").unlink()
    line.event("flood_begin")

    code, output = line.alerts()
    assert (code, output) == (0, "alerts.urls entry 1: hotlined fr: a flood of texts\n")
    assert [path for path, _ in receiver.came if path != f"/{SECRET}"] == ["/known-to-the-sender"]
    assert receiver.pings() == 1


def test_a_sender_that_is_gone_is_an_error_and_loses_no_alert(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[[Quiet, dict[str, Any]], Path]
) -> None:
    """Nothing is sent beside it; the next run tells what was due."""
    line = quiet()
    path = sender(line, line.settings)
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


def test_the_sender_takes_no_address_from_whoever_asks(
    quiet: Callable[..., Quiet], receiver: Receiver, sender: Callable[[Quiet, dict[str, Any]], Path]
) -> None:
    """It is no way onto the network: what names a channel that it does not know, or an address, is no request."""
    line = quiet()
    path = sender(line, line.settings)
    told = {"title": "t", "text": "x", "level": 1}
    for request in (
        {},
        [],
        {"do": "ping"},
        {"do": "post", "key": "ffffff", **told},
        {"do": "post", "url": f"json://{receiver.address}/x", **told},
        {"do": "post", "key": 1, **told},
        {"do": "post", "key": "ffffff", **told, "text": "x" * 5000},
    ):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(path))
            channel.sendall(json.dumps(request).encode() + b"\n")
            assert json.loads(channel.makefile().readline())["error"]["kind"] == "UsageError", request
    assert receiver.came == []
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(path))
        channel.sendall(b'{"do": "channels"}\n')
        assert SECRET not in channel.makefile().readline()
