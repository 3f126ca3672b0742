"""Switches the measuring of coverage off and on again: in this process, and in the programs that it starts.

It is off where hundreds of runs take the same ways, where what runs has tests of its own, and in dear tests that cover
only what others cover: measuring doubles what they cost.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest  # whatever starts programs warm does without

VARIABLES = "COVERAGE_PROCESS"
"""How the variables begin by which coverage is measured of programs that are started."""
CONFIG = f"{VARIABLES}_CONFIG"
"""The one of them with coverage's configuration for these programs."""
APART = "HOTLINED_MEASURED_APART"
"""The variable with which each test is measured apart, and none is left out because of others."""
NEEDLESS = Path(__file__).parent / "data/unmeasured.txt"
"""The dear tests that cover only what others cover; `tests/unmeasured.py` writes it."""
_needless = frozenset(() if APART in os.environ else NEEDLESS.read_text().split())
_kept: dict[str, str] = {}
"""Those variables, where they were taken away."""
_stopped: list[Any] = []
"""What measures this process, while it does not."""


def without_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which programs are started that are not measured."""
    return {name: value for name, value in environment.items() if not name.startswith(VARIABLES)}


def current() -> Any:
    """Return the `coverage.Coverage` that measures this process now; None where nothing does."""
    return sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Measure no coverage in this process meanwhile."""
    if not (coverage := current()):
        yield
        return
    coverage.stop()
    coverage._warn_preimported_source = False  # it would look at all that is imported at each start: 25 ms
    _stopped.append(coverage)
    yield
    _stopped.pop().start()


def name_programs(test: str) -> None:
    """Let the programs that start from now on write down what they cover as covered by this test."""
    from coverage.config import CoverageConfig  # noqa: PLC0415  # whatever starts programs warm does without

    for variables in (os.environ, _kept):
        if CONFIG in variables:
            config = CoverageConfig.deserialize(variables[CONFIG])
            config.context = test
            variables[CONFIG] = config.serialize()


def test_of(node_id: str) -> str:
    """Return the name of a test without the folder that it is in, and without its parameters."""
    return node_id.partition("[")[0].partition(" ")[0].rpartition("/")[2]


@contextlib.contextmanager
def off_where_marked(where: "pytest.Item | pytest.Collector", *marks: str) -> Iterator[None]:
    """Measure no coverage of what has one of these marks itself, or is needless, nor of what it starts."""
    is_marked = {mark.name for mark in where.own_markers} & {*marks}
    if not is_marked and test_of(where.nodeid) not in _needless:
        yield
        return
    with off_in_programs(), off():
        yield


@contextlib.contextmanager
def off_in_programs() -> Iterator[None]:
    """Measure no coverage of programs that are started meanwhile."""
    kept = {name: value for name, value in os.environ.items() if name not in without_variables(os.environ)}
    for name in kept:
        del os.environ[name]
    _kept.update(kept)
    try:
        yield
    finally:
        os.environ.update(kept)


@contextlib.contextmanager
def on_again() -> Iterator[None]:
    """Measure coverage meanwhile, in a module of which none is measured."""
    if not _stopped:
        yield
        return
    os.environ.update(_kept)
    _stopped[-1].start()
    yield
    _stopped[-1].stop()
    for name in _kept:
        del os.environ[name]
