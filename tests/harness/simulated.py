"""The simulator in a thread of the tests' process: the modem is a pseudo-terminal and the control socket is a socket.

A program of its own costs its start in each test; `tests/simulator/test_simulator.py` has the program.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotlined.simulator import client
from hotlined.simulator.__main__ import main
from hotlined.simulator.bench import Bench, Options
from hotlined.simulator.server import Server

STARTED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """A running simulator: `port` is the link to open, `client` is connected to it."""

    port: str
    client: client.Client


@contextlib.contextmanager
def start(directory: Path, **options: Any) -> Iterator[Simulated]:
    """Give a simulator with its link and its socket in `directory`; `options` are those of the command line."""
    link, path = directory / "modem", directory / "control"
    given = main.make_context("simulator", [f"--link={link}", f"--control={path}", *client.arguments(options)]).params
    del given["control_path"], given["until_eof"]
    ended, end = os.pipe()
    server = Server(Bench(Options(**given)), path, ended)
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,), name=f"simulator in {directory}", daemon=True)
    thread.start()
    try:
        assert ready.wait(STARTED_SECONDS)
        with client.connect(path) as connected:
            yield Simulated(str(link), connected)
    finally:
        os.close(end)
        thread.join()
        os.close(ended)
