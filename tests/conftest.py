"""The base of end-to-end tests: the simulator at a pty, and the real daemon as a program beside it."""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

# tests of one room import from another: each module name exists once
sys.path.extend(str(room) for room in Path(__file__).parent.iterdir() if room.is_dir() and room.name != "lab")

import extent
import hasty
import hypothesis
import pytest
import simulated
from forked import Forked, keep_socket_in
from running import CliRunner, Result
from skips import pytest_runtest_makereport, pytest_unconfigure  # noqa: F401  hooks are found by their names
from store_steps import make_empty
from unchanged import pytest_sessionfinish, pytest_sessionstart  # noqa: F401  the same

from hotlined import config as configuration
from hotlined.cli import main
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.language import Language, speak, spoken
from hotlined.reports.trouble import said
from hotlined.simulator.client import Simulation
from hotlined.status import DaemonStatus

ANSWER = "Non, c'est non."
SPENT = "SELECT count(*) FROM answer_segments WHERE state NOT IN ('refused', 'cancelled')"
"""Counts the segments that count in windows, at any age."""
ANSWERS = (
    "SELECT answer_state, answer_reason, answer_waiting_for FROM log WHERE answer_id IS NOT NULL ORDER BY answer_id"
)
"""State and reason of each answer, and what it waits for."""
UNSETTLED = (
    "SELECT (SELECT count(*) FROM contacts WHERE verdict IS NULL)"
    " + (SELECT count(*) FROM answers WHERE state IN ('queued', 'sending'))"
)
"""Counts contacts to be judged and answers to be sent."""
SHM = "/dev/shm"
"""The folder for files of tests; tests that measure a disk choose their own (`tests/daemon/test_cost.py`)."""
ROOM = 1 << 30  # bytes
WHOLE_SECONDS = 3600
"""The time limit of a test that takes all of a sweep; setup.cfg has the usual one."""
WAITING = {
    *("test_soak", "test_recovery", "test_promises_sending", "test_faults", "test_traps", "test_makes"),
    *("test_year", "test_habits", "test_recording", "test_long_pass", "test_hotline", "test_crash"),
    *("test_demo", "test_behaviours", "test_members", "test_promises", "test_disks", "test_while_broken"),
}
"""Files whose tests mostly wait, for a modem or a daemon, or are long."""
BRISK: Mapping[str, Any] = {
    "dialogue": {
        "command": 1.5,
        "slow_command": 3.0,
        "radio": 3.0,
        "prompt": 2.0,
        "first_line": 3.0,
        "next_line": 2.0,
        "probe": 0.7,
        "late_answers": 1.0,
    }
}
"""Shorter waits for a modem, for tests in which it does not answer; one that answers late is only asked again."""
PATIENCE_SECONDS = 120.0  # before a test gives up; never a promise about speed


def wait_until(condition: Callable[[], Any], what: str = "the condition", seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the first true value of a condition; fail if it does not come true.

    A condition that stays false, or is expensive, is evaluated less and less often: evaluation takes time from what it
    waits for.
    """
    began = asked = time.monotonic()
    while not (value := condition()):
        now = time.monotonic()
        assert now - began < seconds, f"{what} did not come true"
        time.sleep(min(0.02 + (now - began) / 20 + 5 * (now - asked), 0.3))
        asked = time.monotonic()
    return value


def listens(path: Path) -> bool:
    """Tell whether a program listens at a socket: the path is there earlier, and connections are refused until then."""
    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(str(path)) == 0


class Line:
    """One hotline: a simulated modem, a configuration, and the daemon that serves it."""

    def __init__(self, folder: Path, simulator: Simulation | simulated.Simulated) -> None:
        self.folder = folder
        self.simulator = simulator
        self.sim = simulator.client
        self.config = folder / "main.yaml"
        self.database = folder / "hotlined.db"
        self.log_path = folder / "daemon.log"
        self.daemon: subprocess.Popen[bytes] | Forked | None = None
        self.settings: dict[str, Any] = {
            "line": "fr",
            "database": str(self.database),
            "runtime_dir": str(folder / "run"),
            "modem": {"port": simulator.port, "send_interval": "0s", "poll_interval": "1s", "send_timeout": "10s"},
            "answer": {"text": ANSWER, "delay": "0s"},
            "numbers": {"answer_countries": ["BE", "FR", "NL", "LU", "DE"]},
        }

    def __enter__(self) -> Self:
        """Give the line; at the end its daemon ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the daemon, whatever has happened."""
        self.end()

    def configure(self, **sections: Any) -> None:
        """Write the configuration, with these sections merged over the usual ones."""
        for name, value in sections.items():
            old = self.settings.get(name)
            self.settings[name] = {**old, **value} if isinstance(old, dict) else value
        self.config.write_text(json.dumps(self.settings))

    def reload(self, **sections: Any) -> None:
        """Change the configuration as `configure` does, and wait until the daemon has it in force."""
        self.configure(**sections)
        assert self.daemon
        self.daemon.send_signal(signal.SIGHUP)
        wanted = configuration.in_force(configuration.load(self.config))
        wait_until(lambda: self.status()["in_force"] == wanted, "the reload")

    def start(self, timing: Mapping[str, Any] | None = None, **environment: str) -> None:
        """Start the daemon with the arguments of tests/harness/hasty.py and more in its environment.

        It finds an empty database; the making of one at the very first start has tests of its own. With another
        environment Python starts anew.
        """
        if not self.config.exists():
            self.configure()
        if not self.database.exists() and self.settings["database"] == str(self.folder / "hotlined.db"):
            make_empty(self.database)
        given = "" if timing is None else json.dumps(timing)
        arguments = given, "--config", str(self.config), "run"
        if not environment:
            self.daemon = Forked(hasty.start, arguments, self.log_path, self.folder)
            return
        with self.log_path.open("ab") as output:
            self.daemon = subprocess.Popen(
                [sys.executable, hasty.__file__, *arguments],
                stderr=output,
                stdout=output,
                cwd=self.folder,
                env=os.environ | environment,
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon by a signal and return its exit code."""
        assert self.daemon
        self.daemon.send_signal(number)
        return self.daemon.wait(PATIENCE_SECONDS)

    def end(self) -> None:
        """End the daemon if it runs: in order if it reacts."""
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(10)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()

    def run(self, *arguments: str) -> Result:
        """Run a command in this process: most of a program's cost is its start."""
        with speaking(spoken()):
            result = CliRunner().invoke(main, ["--config", str(self.config), *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def cli(self, *arguments: str, check: bool = True) -> str:
        """Run a command and return its output."""
        result = self.run(*arguments)
        assert not check or result.exit_code == 0, result.output
        return result.stdout

    def log(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the contacts of `log --json`."""
        return [json.loads(line) for line in self.cli("log", "-n", "0", "--json", *arguments).splitlines()]

    def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Query the database as any program of the group may."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(sql, arguments).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def count(self, sql: str, *arguments: Any) -> int:
        """Return the number that a query counts."""
        rows = self.rows(sql, *arguments)
        return int(rows[0][0]) if rows else 0

    def status(self) -> dict[str, Any]:
        """Return the daemon's status file."""
        path = self.folder / "run" / "main" / "status.json"
        return json.loads(path.read_text()) if path.exists() else {"modem": {"state": None}}

    def trouble(self) -> str:
        """Return the daemon's troubles with their cures."""
        path = self.folder / "run" / "main" / "status.json"
        troubles = DaemonStatus.from_json(path.read_text()).trouble if path.exists() else ()
        config = configuration.parse(json.dumps(self.settings), self.config)
        return " ".join(said(each, config).sentences for each in troubles)

    def wait_state(self, state: str) -> None:
        """Wait until the modem is in a state."""
        wait_until(lambda: self.status()["modem"]["state"] == state, f"modem state {state}")

    def wait_for(self, what: str, count: int = 1) -> None:
        """Wait until the simulator has seen a command or an event so many times."""
        self.sim.do("wait", for_=what, count=count, timeout=PATIENCE_SECONDS)

    def wait_more(self, command: str, count: int) -> None:
        """Wait until the simulator has been given a command so many more times."""
        self.wait_for(command, self.sim.do("counters")["counters"].get(command, 0) + count)

    def submitted(self) -> list[dict[str, Any]]:
        """Return the texts that the network accepted."""
        return list(self.sim.do("submitted")["submitted"])

    def sim_is_empty(self) -> bool:
        """Tell whether everything in the network and on the SIM has been received."""
        state = self.sim.do("state")
        return not state["queue"] and not any(storage["used"] for storage in state["storages"].values())

    def settled(self) -> bool:
        """Tell whether the SIM is empty and nothing waits to be judged or sent."""
        return self.sim_is_empty() and not self.count(UNSETTLED)


def pytest_configure() -> None:
    """Set up a run: interrupts, bytecode, the profile of property tests, the language, PATH and the temporary folder.

    SIGINT ends the run though a shell's background jobs ignore it. Bytecode is kept, whatever the environment says:
    each of some hundred processes imports all modules. Properties have no deadline: the machine may be busy. Their
    examples are the same in each run, except when a run takes all of the sweeps.
    """
    hypothesis.settings.register_profile(
        "patient",
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        derandomize=not extent.WHOLE,
    )
    hypothesis.settings.load_profile("patient")
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name == "LANGUAGE" or name.startswith("LC_")]:
        del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    python = Path(sys.executable).resolve()
    if Path(shutil.which("python3") or "").resolve() != python:
        # a shim that selects a version takes ten times as long as the start of Python itself
        os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    if "TMPDIR" not in os.environ and _has_room(SHM):
        os.environ["TMPDIR"] = tempfile.tempdir = SHM
    if extent.WHOLE:
        os.environ.setdefault("PYTEST_TIMEOUT", str(WHOLE_SECONDS))


def _has_room(folder: str) -> bool:
    """Tell whether files of tests have room in a folder, and programs may run there."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize > ROOM and not disk.f_flag & os.ST_NOEXEC


def pytest_report_header() -> str:
    """Report how much of the sweeps this run takes."""
    return extent.header()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each process begin with its part of the tests that mostly wait: at the end few processes would run them."""
    if not hasattr(config, "workerinput"):  # one process
        return
    processes = config.workerinput["workercount"]
    waiting = [each for each in items if each.path.stem in WAITING]
    others = [each for each in items if each.path.stem not in WAITING]
    part = len(others) // processes + 1
    items[:] = [
        each
        for process in range(processes)
        for each in (*waiting[process::processes], *others[process * part : (process + 1) * part])
    ]


def pytest_collection_finish() -> None:
    """Exclude the imported modules and collected tests from garbage collection: they stay until the end."""
    gc.freeze()


@contextlib.contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Put a language in force for the duration of the context."""
    before = spoken()
    speak(language)
    try:
        yield
    finally:
        speak(before)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Begin each test in English: a command that runs in this process puts the language of its line in force."""
    speak(Language.ENGLISH)
    yield
    speak(Language.ENGLISH)


@pytest.fixture(scope="session", autouse=True)
def _forks(tmp_path_factory: pytest.TempPathFactory) -> None:
    keep_socket_in(tmp_path_factory.getbasetemp().parent)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Give each test the usual umask: a daemon's command within the tests leaves its own behind."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Give a line with a running simulator and a stopped daemon."""
    with simulated.start(tmp_path, sim_size=10, me_size=0) as simulator:
        line = Line(tmp_path, simulator)
        try:
            yield line
        finally:
            line.end()
            if line.log_path.exists():
                sys.stdout.write(line.log_path.read_text())  # shown if the test fails


Open = Callable[..., Line]


@pytest.fixture(name="open_line")
def _open_line(tmp_path: Path) -> Iterator[Open]:
    """Give a function that makes lines with options for the simulator."""
    with contextlib.ExitStack() as stack:

        def open_line(**options: Any) -> Line:
            line = Line(tmp_path, stack.enter_context(simulated.start(tmp_path, **options)))
            stack.callback(lambda: sys.stdout.write(line.log_path.read_text() if line.log_path.exists() else ""))
            stack.callback(line.end)
            return line

        yield open_line


@contextlib.contextmanager
def driver(line: Line, patience: float = 20.0) -> Iterator[Modem]:
    """Open the line's modem without a daemon; each of its waits ends after `patience` seconds."""
    began: dict[float, float] = {}
    port = Port(line.simulator.port)
    try:
        modem = Modem(port, lambda deadline: began.setdefault(deadline, time.monotonic()) + patience)
        modem.begin()
        yield modem
    finally:
        port.close()
