"""The daemon is killed before each of its steps and started again; scripts/run crash-matrix prints the results.

A traced run gives the list of steps (tests/harness/steps.py), so a new step is tried without a new test. For each step
the same run begins anew, is killed there, started again and left to finish. Then everything has to be as if nothing had
happened, except that a segment which was being submitted is unconfirmed and never sent again.
"""

import multiprocessing
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / room) for room in ("", "harness"))

import click
import extent
import pytest
import simulated
import steps
from conftest import Line, wait_until
from filled import ANSWER, Filled
from forked import Forked
from steps import Step

KEVIN, LEA, AXEL, NORA = "+32470123456", "+33612345678", "+32471234567", "+32472345678"
TEXT = "Salut, ça va ?"
THREE_SEGMENTS = "Pourquoi tu ne réponds pas ? " * 14
SHARDS = 12 if extent.WHOLE else 4
"""The number of tests that share the points. Each process first finds all points, which takes six runs."""
ONE_IN = 8
"""A run that samples tries one step in this number."""
COSTLY = re.compile(
    r"PDU and Ctrl-Z|AT\+CPIN=|AT\+CMG[SD]=|"
    r"COMMIT: (UPDATE (answer_segments|segments|pin_tries)|INSERT INTO (contacts|segments|pin_tries)|SELECT count)"
)
"""Each run tries one step of each of these names: a crash there can cost a text, money, or the SIM."""


class Mortal(Line):
    """A line whose daemon records its steps and is killed before a given one."""

    @property
    def trace(self) -> Path:
        """The file with its steps."""
        return self.folder / "steps"

    def live(self, done: Callable[["Mortal"], bool], die_at: Step | None = None) -> bool:
        """Run the daemon until it is done, and stop it; return whether it was not killed before."""
        status = self.folder / "run" / "main" / "status.json"
        status.unlink(missing_ok=True)
        arguments = ("--config", str(self.config), "run")
        daemon = Forked(steps.run, (arguments, self.trace, die_at), self.log_path, self.folder)
        try:
            wait_until(
                lambda: daemon.poll() is not None or (status.exists() and done(self)), "what the daemon has to do"
            )
            daemon.terminate()
            assert daemon.wait() in {0, -signal.SIGKILL}
            return daemon.returncode == 0
        finally:
            daemon.kill()
            daemon.wait()


@dataclass(frozen=True, slots=True)
class Scenario:
    """The work that waits at the start of the daemon, the sign that it is done, and the checks afterwards.

    Its steps from `until` on equal those of another scenario; `options` are the simulator's.
    """

    begin: Callable[[Mortal], object]
    done: Callable[[Mortal], bool]
    check: Callable[[Mortal], None]
    settings: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    until: str = ""


def play(scenario: Scenario, die_at: Step | None = None) -> list[Step]:
    """Play a scenario on a new line, killed once and started again; return the steps of the first start.

    If it was killed, its last step was not carried out.
    """
    taken: list[Step] = []
    with (
        tempfile.TemporaryDirectory() as name,
        simulated.start(Path(name), sim_size=10, me_size=0, **scenario.options) as simulator,
    ):
        line = Mortal(Path(name), simulator)
        scenario.begin(line)
        line.configure(**scenario.settings)
        try:
            lived = line.live(scenario.done, die_at)
            names = line.trace.read_text().splitlines()
            taken = [Step(name, names[:number].count(name)) for number, name in enumerate(names)]
            if not lived:
                assert line.live(scenario.done), "it was to be killed once"
            scenario.check(line)
        except BaseException as error:
            error.add_note(f"to be killed before {die_at}\n{line.log_path.read_text()}")
            raise
    return taken


def left(line: Mortal) -> list[tuple[str, str]]:
    """Return recipient and PDU of each segment that left the SIM."""
    return [(message["recipient"], pdu) for message in line.submitted() for pdu in message["pdus"]]


# ---- traffic: contacts of several kinds, and answers of two segments with their reports


def traffic(line: Mortal) -> None:
    """Leave a text, three segments out of order and the notification of an MMS on the SIM, and let someone call."""
    Filled(line.folder).db.close()
    line.sim.do("deliver", from_=KEVIN, text=TEXT)
    line.sim.do("deliver", from_=LEA, text=THREE_SEGMENTS, parts=[3, 1, 2])
    line.sim.do("mms", from_=AXEL, subject="photo")
    line.sim.do("call", from_=NORA, interval=0.3)


def traffic_is_over(line: Mortal) -> bool:
    """Whether all contacts are judged, no answer waits, and the report of each segment has left the SIM again."""
    ((judged, waiting, reports),) = line.rows(
        "SELECT (SELECT count(*) FROM contacts WHERE verdict IS NOT NULL),"
        " (SELECT count(*) FROM answers WHERE state IN ('queued', 'sending')),"
        " (SELECT count(*) FROM segments WHERE kind = 'status_report')"
    )
    if judged < 4 or waiting:
        return False
    state = line.sim.do("state")
    return not state["queue"] and not state["storages"]["SM"]["used"] and reports == len(left(line))


def traffic_is_right(line: Mortal) -> None:
    """Check that nothing is lost or doubled, no segment left twice, and all that left is counted."""
    assert line.rows("PRAGMA integrity_check") == [("ok",)]
    assert line.rows("SELECT kind, originator, text, repeats FROM contacts ORDER BY kind, originator") == [
        ("call", NORA, None, 0),
        ("mms", AXEL, "photo", 0),
        ("text", KEVIN, TEXT, 0),
        ("text", LEA, THREE_SEGMENTS, 0),
    ]
    assert max(Counter(line.rows("SELECT pdu FROM segments")).values()) == 1
    segments = left(line)
    counted = line.rows(
        "SELECT a.recipient, s.pdu FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
        " JOIN answers a ON a.id = t.answer_id WHERE s.state NOT IN ('refused', 'cancelled')"
    )
    assert len(set(segments)) == len(segments)
    assert set(counted) >= set(segments)
    submitting = line.count("SELECT count(*) FROM events WHERE kind = 'unconfirmed'")
    fates = Counter(state for (state,) in line.rows("SELECT state FROM answers"))
    assert (fates["delivered"], fates.total()) in {(4, 4), (4 - submitting, 4)}
    # failed: a report proves that half of the answer left
    assert fates["unconfirmed"] + fates["failed"] == 4 - fates["delivered"]
    assert len(segments) >= 8 - 2 * submitting


TRAFFIC = Scenario(
    traffic,
    traffic_is_over,
    traffic_is_right,
    {"answer": {"text": ANSWER}, "modem": {"delivery_reports": True, "calls": "hang_up", "poll_interval": "1h"}},
)


# ---- the first start: there is no database yet


def text_is_answered_once(line: Mortal) -> None:
    """Check that the text is stored once and answered once."""
    assert line.rows("PRAGMA integrity_check") == [("ok",)]
    assert line.rows("SELECT text, repeats FROM contacts") == [(TEXT, 0)]
    assert [recipient for recipient, _ in left(line)] == [KEVIN]


FIRST_START = Scenario(
    lambda line: line.sim.do("deliver", from_=KEVIN, text=TEXT),
    lambda line: bool(line.submitted()) and line.settled(),
    text_is_answered_once,
    {},
    until="open modem",
)


# ---- a wrong PIN: after three of them the SIM is locked


def tries_are_left(line: Mortal) -> None:
    """Check that at most one of the SIM's three tries is used."""
    assert line.sim.do("state")["pin_tries"] >= 2


WRONG_PIN = Scenario(
    lambda line: Filled(line.folder).db.close(),
    lambda line: line.status()["modem"]["state"] == "pin_refused",
    tries_are_left,
    {"modem": {"pin": "1234"}},
    options={"pin": "4321"},
)


# ---- the matrix

SCENARIOS = {"traffic": TRAFFIC, "first start": FIRST_START, "wrong PIN": WRONG_PIN}


@cache
def points() -> tuple[tuple[str, Step], ...]:
    """Return all points for a kill: a scenario and a step in it.

    The first run of a fresh checkout is slow and queries the modem more than once: only steps that a second run has,
    too, are points.
    """
    usual = {(name, step) for name, scenario in SCENARIOS.items() for step in play(scenario)}
    return tuple(
        (name, step)
        for name, scenario in SCENARIOS.items()
        for step in takewhile(lambda step: step.name != scenario.until, play(scenario))  # noqa: B023  # used at once
        if (name, step) in usual
    )


def chosen() -> list[tuple[str, Step]]:
    """Return the points of this run of the tests."""
    costly: dict[tuple[str, str], list[tuple[str, Step]]] = {}
    for point in points():
        if COSTLY.search(point[1].name):
            costly.setdefault((point[0], point[1].name), []).append(point)
    drawn = {alike[extent.SEED % len(alike)] for alike in costly.values()} | {*extent.sample(points(), ONE_IN)}
    return [point for point in points() if point in drawn]


def kill(name: str, step: Step) -> bool:
    """Kill the daemon before a step of a scenario; return whether it was killed.

    A run may have a poll or two fewer than those that gave the points: then the next one is killed before the last step
    of that name.
    """
    taken = play(SCENARIOS[name], step)
    if step in taken:
        return True
    alike = [each for each in taken if each.name == step.name]
    return bool(alike) and alike[-1] in play(SCENARIOS[name], alike[-1])


@pytest.mark.parametrize("shard", range(SHARDS))
def test_crash_at_any_step_loses_and_doubles_nothing(shard: int) -> None:
    """All that left is counted, and no PIN is tried again."""
    mine = chosen()[shard::SHARDS]
    killed = [kill(name, step) for name, step in mine]
    assert killed.count(False) <= max(1, len(mine) / 10), "a run differs from another by a poll or two"


@click.command()
@click.option("--workers", default=4, show_default=True, help="So many lines are played at the same time.")
def main(workers: int) -> None:
    """Kill the daemon at every step, check every promise, and print the results."""
    began = time.monotonic()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        killed = Counter(
            name
            for (name, _), was_killed in zip(points(), pool.map(kill, *zip(*points(), strict=True)), strict=True)
            if was_killed
        )
    for name, kills in killed.items():
        click.echo(f"{name:<12}{kills:>5} kills")
    click.echo(f"{'in all':<12}{killed.total():>5} kills, every promise held, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
