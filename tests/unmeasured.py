"""Chooses the tests of which no coverage is measured: `.venv/bin/python tests/unmeasured.py` writes the list of them.

To measure a test doubles what it costs, and most tests cover only what others cover, too. This runs all of them, each
measured apart, and takes those that cover most for what they cost until nothing is left to cover. The others are
written to tests/data/unmeasured.txt, but for cheap ones. It takes ten minutes. A test that is not in the list is
measured. The list is old when a test was changed or removed that alone covered something for those in the list: these
do not take its place until the list is made again. With `-p unmeasured` this is also the plugin that tells tests apart.
"""

import heapq
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import measuring
import pytest

ROOT = Path(__file__).resolve().parent.parent
CHEAP_SECONDS = 0.025
"""Seconds of a processor: a test that costs less is not in the list."""
FOLDER = "HOTLINED_UNMEASURED_COSTS"
"""The variable with the folder in which each process writes what its tests cost."""

Way = tuple[int, int, int]
"""A jump from one line to another: the file, the first line, the second line."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure a test apart, and write down what it costs."""
    from coverage.exceptions import CoverageException  # noqa: PLC0415  # its own tests also run without coverage

    before, test = _seconds(), measuring.test_of(item.nodeid)
    measuring.name_programs(test)
    if coverage := measuring.current():
        with suppress(CoverageException):  # it is off in this module
            coverage.switch_context(test)
    result = yield
    chosen = item.get_closest_marker("counted") is not None
    with (Path(os.environ[FOLDER]) / str(os.getpid())).open("a") as costs:
        costs.write(f"{test} {_seconds() - before} {int(chosen)}\n")
    return result


def _seconds() -> float:
    """Return how many seconds of a processor this process, and those that it has waited for, have taken."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measured(folder: Path) -> tuple[dict[str, set[Way]], dict[str, float], set[str]]:
    """Run all tests; return the ways of each that is measured, what each costs, and who is measured in any case."""
    python, figures = [sys.executable, "-m"], folder / ".coverage"
    environment = os.environ | {
        "COVERAGE_FILE": str(figures),
        "PYTHONPATH": str(Path(__file__).parent),
        measuring.APART: "1",
        FOLDER: str(folder / "costs"),
    }
    (folder / "costs").mkdir()
    run = [*python, "coverage", "run", "-m", "pytest", "-p", "unmeasured", "--forks", "12"]
    code = subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode
    if code not in {0, 1}:  # 1: a test has failed, which alters little
        raise SystemExit(code)
    subprocess.run([*python, "coverage", "combine", "--quiet"], cwd=ROOT, env=environment, check=True)
    costs, chosen = defaultdict[str, float](float), set()
    for path in (folder / "costs").iterdir():
        for test, seconds, is_chosen in map(str.split, path.read_text().splitlines()):
            costs[test] += float(seconds)
            if is_chosen == "1":
                chosen.add(test)
    ways = defaultdict[str, set[Way]](set)
    for test, *way in sqlite3.connect(figures).execute(
        "SELECT context, file_id, fromno, tono FROM arc JOIN context ON context.id = context_id"
    ):
        ways[test].add(tuple(way))
    return ways, costs, chosen | {""}


def needless(ways: dict[str, set[Way]], costs: dict[str, float], chosen: set[str]) -> list[str]:
    """Return the dear tests whose ways others take; no test is in it that is chosen already."""
    left = set().union(*ways.values()).difference(*(ways[test] for test in chosen & ways.keys()))
    rest = {test: found & left for test, found in ways.items() if test not in chosen}
    # how much each covers for its cost can only become less: a value that is still true when its turn comes is the best
    heap = [(-len(found) / (costs[test] + CHEAP_SECONDS), test) for test, found in rest.items()]
    heapq.heapify(heap)
    while left:
        _, test = heapq.heappop(heap)
        value = -len(rest[test] & left) / (costs[test] + CHEAP_SECONDS)
        if heap and value > heap[0][0]:
            heapq.heappush(heap, (value, test))
            continue
        left -= rest.pop(test)
    return sorted(test for test in rest if costs[test] > CHEAP_SECONDS)


def main() -> None:
    """Write the list anew."""
    with tempfile.TemporaryDirectory() as folder:
        found = needless(*measured(Path(folder)))
    measuring.NEEDLESS.write_text("".join(f"{test}\n" for test in found))


if __name__ == "__main__":
    main()
