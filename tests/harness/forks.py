"""Runs tests in several processes, forked after the collection: `--forks NUMBER`.

The collection of eight thousand tests costs more than most of them, and pytest-xdist repeats it in each process. Here a
process takes its next tests from a queue when it has none left. There are two queues: tests that mostly wait, and tests
that mostly compute; half of the processes begin with one, half with the other. Tests of a file that share a fixture
mostly go to one process, and a fixture of the session lives until its process ends. If a process dies, its current test
fails, and a new process takes its place.
"""

import atexit
import contextlib
import io
import itertools
import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import pytest

_NUMBER = struct.Struct("=I")
_AT_ONCE = 4
"""The number of tests that a process takes from a file whose tests share nothing and mostly compute."""
_SHARING_AT_ONCE = 24
"""The number where some share a fixture, which each process makes anew."""


class _Worker:
    """A process that runs tests, seen from its parent."""

    def __init__(self, run: Callable[[int], None]) -> None:
        self.left = range(0)
        """The tests that it has taken and not finished; it runs the first of them."""
        self._unread = b""
        self.reports, theirs = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if not self._process:
            _end_after(run, theirs)
        os.close(theirs)

    def read(self) -> list[Any] | None:
        """Return its messages since the last call; None once it has ended."""
        octets = os.read(self.reports, 1 << 16)
        if not octets:
            return None
        said, unread = [], io.BytesIO(self._unread + octets)
        while len(head := unread.read(_NUMBER.size)) == _NUMBER.size:
            size = _NUMBER.unpack(head)[0]
            if len(body := unread.read(size)) < size:
                head += body
                break
            said.append(pickle.loads(body))
        self._unread = head
        return said

    def interrupt(self) -> None:
        """Ask it to end as pytest ends at Ctrl-C."""
        os.kill(self._process, signal.SIGINT)

    def ended(self) -> int:
        """Return its exit code."""
        os.close(self.reports)
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


def _end_after(run: Callable[[int], None], reports: int) -> NoReturn:
    """Run tests in the forked process, and end it without the parent's own exit work."""
    code = 1
    try:
        run(reports)
        code = 0
    except BaseException as error:  # noqa: BLE001  it ends with it
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()  # programs are ended
        os._exit(code)


class _Reporting:
    """A plugin that sends each report to the parent, which counts and shows it."""

    def __init__(self, config: pytest.Config, reports: int) -> None:
        self._config = config
        self._reports = reports

    def say(self, said: Any) -> None:
        octets = pickle.dumps(said)
        left = memoryview(_NUMBER.pack(len(octets)) + octets)
        while left:
            left = left[os.write(self._reports, left) :]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.say(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))


def add_option(parser: pytest.Parser) -> None:
    """Add the option `--forks`."""
    parser.addoption("--forks", type=int, default=0, metavar="NUMBER", help="Run the tests in this many processes.")


def run(session: pytest.Session, waiting: Sequence[str], computing: Sequence[str]) -> None:
    """Run every test, in as many processes as `--forks` says.

    `waiting` and `computing` name the longest files of each kind; each kind begins with these, in this order.
    """
    shares = list(_shares(session.items, waiting))
    names = [session.items[share[0]].path.stem for share in shares]
    order = {name: place for place, name in enumerate([*waiting, *computing])}
    numbers = sorted(range(len(shares)), key=lambda number: order.get(names[number], len(order)))
    queues = [
        _queue(number for number in numbers if (names[number] in waiting) is is_waiting) for is_waiting in (True, False)
    ]

    def fork(turn: int, first: range = range(0)) -> _Worker:
        taken = _taken(shares, queues if turn % 2 else queues[::-1])
        return _Worker(lambda reports: _work(session, itertools.chain([first], taken), reports))

    workers = {worker.reports: worker for worker in map(fork, range(session.config.option.forks))}
    try:
        while workers:
            for ready in select.select(list(workers), [], [])[0]:
                worker = workers[ready]
                said = worker.read()
                if said is not None:
                    _tell(session, worker, said)
                    continue
                del workers[ready]
                if code := worker.ended():
                    _mourn(session, worker, code)
                    another = fork(len(workers), worker.left[1:])
                    workers[another.reports] = another
            if session.shouldfail or session.shouldstop:
                break
    finally:
        for queue in queues:
            os.close(queue)
        for worker in workers.values():
            worker.interrupt()
        for worker in workers.values():
            worker.ended()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def _shares(items: Sequence[pytest.Item], waiting: Sequence[str]) -> Iterator[range]:
    """Yield ranges of tests; a process takes one range at a time."""
    for path, group in itertools.groupby(range(len(items)), key=lambda number: items[number].path):
        numbers = list(group)
        size = 1 if path.stem in waiting else _AT_ONCE
        if any(_is_sharing(items[number]) for number in numbers):
            size = _SHARING_AT_ONCE
        for begin in range(numbers[0], numbers[-1] + 1, size):
            yield range(begin, min(begin + size, numbers[-1] + 1))


def _is_sharing(item: pytest.Item) -> bool:
    """Tell whether a test uses a fixture of ours with the scope of a module or session."""
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    of_ours = [found[-1] for name, found in fixtures.items() if not name.startswith("_") and found[-1].baseid]
    return any(fixture.scope in {"module", "session"} for fixture in of_ours)


def _queue(numbers: Iterable[int]) -> int:
    """Return the reading end of a pipe full of numbers; each process takes the next."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(b"".join(map(_NUMBER.pack, numbers)))  # a pipe holds 16,000 of them
    return read


def _taken(shares: Sequence[range], queues: Iterable[int]) -> Iterator[range]:
    for queue in queues:
        while octets := os.read(queue, _NUMBER.size):
            yield shares[_NUMBER.unpack(octets)[0]]


def _work(session: pytest.Session, shares: Iterable[range], reports: int) -> None:
    """Run tests until none is left."""
    config, items = session.config, session.items
    signal.signal(signal.SIGINT, signal.default_int_handler)
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are the first process's
    capture.start_global_capturing()
    terminal: Any = config.pluginmanager.getplugin("terminalreporter")
    terminal._tw._file = io.StringIO()
    reporting = _Reporting(config, reports)
    config.pluginmanager.register(reporting)
    try:
        for share in filter(None, shares):
            # fixtures of a file or folder end with its tests, those of the session do not
            here = items[share[0]].path
            elsewhere = next((item for item in items if item.path.parent != here.parent), None) or next(
                (item for item in items if item.path != here), None
            )
            for number in share:
                reporting.say(range(number, share.stop))
                following = items[number + 1] if number + 1 in share else elsewhere
                config.hook.pytest_runtest_protocol(item=items[number], nextitem=following)
    finally:
        session._setupstate.teardown_exact(None)


def _tell(session: pytest.Session, worker: _Worker, said: Iterable[Any]) -> None:
    """Count and show the reports of a process, and note its remaining tests."""
    for each in said:
        if isinstance(each, range):
            worker.left = each
            continue
        report = session.config.hook.pytest_report_from_serializable(config=session.config, data=each)
        session.config.hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            session.config.hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)


def _mourn(session: pytest.Session, worker: _Worker, code: int) -> None:
    """Report as failed the test that was running when a process died, or that kept it from ending in order."""
    item = session.items[worker.left[0] if worker.left else 0]
    words = f"the process that ran it ended with {code}"
    report = pytest.TestReport(item.nodeid, item.location, {}, "failed", words, "call")
    session.config.hook.pytest_runtest_logreport(report=report)
