"""The core that stands alone: it answers with libraries, a configuration and `hotlined run`, and nothing else.

A virtual environment has the rooms of the core and the libraries that they use: no control socket, no desk, no fleet,
no alerts, no program that shows something to people. What the line did is asked from outside.
"""

import os
import signal
import subprocess
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from sys import executable

from conftest import Line, wait_until
from promised import deliver, fate, recipients, submissions, told, untrue, waits

import hotlined

LIBRARIES = {"click", "phonenumbers", "serial", "sqlite_utils", "yaml"}
OF_SQLITE_UTILS = {"click_default_group", "dateutil", "pluggy", "six", "sqlite_fts4", "tabulate"}
"""The libraries of sqlite-utils, of one version or another."""
OTHER_ROOMS = {
    *("alerts", "control", "desk", "doctor", "evidence"),
    *("fleet", "reports", "sealing", "simulator", "statistics"),
}
HOUR = 5
EVENING = range(12)


def environment(folder: Path) -> Path:
    """Make a virtual environment with the core and its libraries, by links; return its Python."""
    subprocess.run([executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in LIBRARIES | OF_SQLITE_UTILS:
        if spec := find_spec(name):
            assert spec.origin
            found = Path(spec.origin)
            found = found.parent if spec.submodule_search_locations else found
            (packages / found.name).symlink_to(found)
    (packages / "hotlined").mkdir()
    for each in Path(hotlined.__file__).parent.iterdir():
        if each.name not in OTHER_ROOMS:
            (packages / "hotlined" / each.name).symlink_to(each)
    return folder / "bin/python"


def test_core_alone_keeps_the_four_promises_through_an_evening(line: Line, tmp_path: Path) -> None:
    """Of twelve people five are answered; a daemon is killed, the stick is pulled, and one result stays open."""
    line.configure(limits={"segments": {"hour": HOUR, "day": 100, "month": 100}, "reserve_for_new": "0%"})
    python = environment(tmp_path / "bare")

    def begin() -> None:
        with line.log_path.open("ab") as log:
            line.daemon = subprocess.Popen(
                [python, "-I", "-m", "hotlined", "--config", line.config, "run"],
                stdout=log,
                stderr=log,
                env={"LANG": os.environ["LANG"]},
            )

    def is_over() -> bool:
        return line.sim_is_empty() and waits(line).total() == waits(line)["budget_hour"] > 0

    begin()
    line.wait_state("ready")
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    opened = deliver(line, 0)
    wait_until(lambda: fate(line, opened[0])[0], "an answer")
    deliver(line, *EVENING[1:], text="un")
    wait_until(lambda: len(recipients(line)) > 1, "an answer more")
    line.stop(signal.SIGKILL)
    deliver(line, *EVENING, text="deux")
    begin()
    line.wait_state("ready")
    line.sim.do("unplug")
    line.wait_state("absent")
    deliver(line, *EVENING, text="trois")
    line.sim.do("replug")
    wait_until(is_over, "an evening that is over")

    # nothing received is lost
    assert Counter(each["text"] for each in line.log()) == {"t'es où ?": 1, "un": 11, "deux": 12, "trois": 12}
    # nobody makes us pay
    assert len(set(recipients(line))) == len(recipients(line)) <= submissions(line) <= HOUR
    assert told(line, "limits")["windows"]["hour"]["used"] == HOUR
    # it comes back by itself
    assert line.status()["modem"]["state"] == "ready"
    # it tells the truth
    assert untrue(line) == []
    assert fate(line, opened[0])[0] == "unconfirmed"
    assert {fate(line, each)[0] for each in recipients(line)} <= {"sent", "unconfirmed"}
    assert line.stop() == 0
