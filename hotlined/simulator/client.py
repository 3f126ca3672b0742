"""A blocking client of the control socket, and a simulator as a context: for tests and the demo."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hotlined.errors import RefusedError, UnavailableError

ANSWER_SECONDS = 30.0


class Client:
    """One connection to the control socket of a simulator."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._watchers: list[Client] = []
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise UnavailableError(f"no simulator answers at {path}") from error
        self._lines = self._socket.makefile("rb")

    def do(self, name: str, /, **given: Any) -> dict[str, Any]:
        """Send a message and return its answer; `from_`, `class_` and `for_` stand for the keywords.

        Raises RefusedError with the simulator's reason, and UnavailableError if the simulator has ended.
        """
        message = {"do": name} | {key.removesuffix("_"): value for key, value in given.items()}
        self._socket.settimeout(ANSWER_SECONDS + float(given.get("timeout", 0)))
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            answer = self._next()
        except OSError as error:
            raise UnavailableError(f"the simulator at {self._path} does not answer") from error
        if not answer["ok"]:
            raise RefusedError(answer["error"], answer["hint"])
        return answer

    def watch(self) -> Iterator[dict[str, Any]]:
        """Yield every event from now on, over a separate connection; ends with the simulator."""
        watcher = Client(self._path)
        watcher.do("watch")
        watcher._socket.settimeout(None)
        self._watchers.append(watcher)
        return watcher._events()

    def close(self) -> None:
        """Close the connection and those of `watch`."""
        for watcher in self._watchers:
            watcher.close()
        self._lines.close()
        self._socket.close()

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionError
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _events(self) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError):
            while True:
                yield self._next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(path: str | Path) -> Client:
    """Connect to the control socket of a running simulator."""
    return Client(path)


@dataclass(slots=True)
class Simulation:
    """A running simulator: `port` is the link to open, `client` is connected to it."""

    process: subprocess.Popen[str]
    port: str
    client: Client

    def kill(self) -> None:
        """End it as a power cut does: links and sockets stay behind."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it in an orderly way."""
        self.client.close()
        # not by a signal: its exception may come at a bad moment, such as inside a lock of coverage
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def arguments(options: dict[str, Any]) -> Iterator[str]:
    """Yield options as arguments of the command line: `sim_size=3`, `me_is_sim=True`, `factory=["+CMGF=1"]`."""
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        match value:
            case True:
                yield option
            case list():
                for each in value:
                    yield from (option, str(each))
            case None | False:
                pass
            case _:
                yield from (option, str(value))


def start(directory: str | Path, **options: Any) -> Simulation:
    """Start a simulator with its link and its socket in `directory`; it ends with this process.

    `options` are those of the command line. Raises UnavailableError if it does not start.
    """
    link, path = Path(directory) / "modem", Path(directory) / "control"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "hotlined.simulator", "--until-eof"),
            *("--link", str(link), "--control", str(path)),
            *arguments(options),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    if not process.stdout.readline():
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        raise UnavailableError("the simulator does not start", hint="its reason is on standard error")
    return Simulation(process, str(link), connect(path))
