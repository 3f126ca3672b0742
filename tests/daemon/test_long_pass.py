"""Long steps, such as slow deletions or a silent network: the daemon stays alive and responsive.

Times are a thirtieth of those in service: a daemon counts as hanging after 6 s instead of 180 s.
"""

import subprocess
import sys

import pytest
from conftest import Line, Open, wait_until

from hotlined.machine.clock import boottime
from hotlined.machine.timing import USUAL

SCALE = 30.0
ALIVE = USUAL.alive / SCALE
TIMING = {
    "alive": ALIVE,
    "sign_of_life": USUAL.sign_of_life / SCALE,
    "delete_slice": USUAL.delete_slice / SCALE,
    "delete_least": USUAL.delete_least / SCALE,
    "deletions_first": USUAL.deletions_first / SCALE,
    "stop_submitting": USUAL.stop_submitting / SCALE,
}
TEXTS = 220
SLOW, SLOWEST = 1.2 / SCALE, 15.0 / SCALE
"""Seconds that a SIM takes to delete a text; with the slowest, a full SIM takes far longer than any test here."""
CALLER = "+32470999999"
RECORDED = "SELECT kind FROM contacts WHERE originator = ? ORDER BY kind"
SUBMITTING = "SELECT count(*) FROM answer_segments WHERE state = 'submitting'"


@pytest.fixture
def full(open_line: Open, request: pytest.FixtureRequest) -> Line:
    """Give a line whose SIM has many texts and deletes slowly: in `SLOWEST` seconds, or as the test says."""
    line = open_line(sim_size=TEXTS + 10, me_size=0)
    for count in range(TEXTS):
        line.sim.do("deliver", from_=f"+3247{count:07}", text="un")
    line.sim.do("fault", kind="slow", command="+CMGD", seconds=getattr(request, "param", SLOWEST))
    return line


@pytest.fixture
def silent(line: Line) -> Line:
    """Give a line whose network has taken an answer and gives no result for longer than any test here."""
    line.configure(modem={"send_timeout": "10m"})
    line.sim.do("fault", kind="no_result", command="+CMGS", count=1)
    line.start(TIMING)
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470123456", text="un")
    wait_until(line.submitted, "a segment at the network")
    return line


def deletions(line: Line) -> int:
    """Return the number of deletions that the modem was asked for."""
    return int(line.sim.do("counters")["counters"].get("+CMGD", 0))


def status(line: Line) -> int:
    """Return the exit code of `hotlined status`."""
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "status"]
    return subprocess.run(command, check=False).returncode


def test_slow_deletions_do_not_look_like_a_hanging_daemon(full: Line) -> None:
    """`status` finds it alive and ready, and its scans go on."""
    full.start(TIMING)
    wait_until(lambda: deletions(full), "the first deletion")
    began = boottime()
    first = wait_until(lambda: full.status().get("last_scan_at"), "a scan")
    wait_until(lambda: full.status()["pass_boottime"] > began + ALIVE, "a sign of life after that time")

    assert status(full) == 0
    assert full.status()["last_scan_at"] > first
    assert deletions(full) < TEXTS


def test_contacts_are_recorded_between_deletions(full: Line) -> None:
    """Text and call are recorded long before the SIM is empty."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    full.sim.do("deliver", from_=CALLER, text="deux")
    full.sim.do("call", from_=CALLER, rings=1)
    wait_until(lambda: full.rows(RECORDED, CALLER) == [("call",), ("text",)], "a call and a text")

    assert deletions(full) < TEXTS - 20


def test_requests_and_answers_go_on_between_deletions(full: Line) -> None:
    """Contacts are judged as well."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    assert "Nothing has changed" in full.cli("sim", "adopt")
    wait_until(lambda: full.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "an answer that left")

    assert full.count("SELECT count(*) FROM contacts WHERE verdict IS NULL") == 0
    assert deletions(full) < TEXTS - 20


@pytest.mark.parametrize("full", [SLOW], indirect=True)
def test_one_listing_serves_all_its_deletions(full: Line) -> None:
    """Only a poll lists again."""
    full.configure(modem={"poll_interval": "1h"}, answer={"delay": "1h"})
    full.start(TIMING)
    wait_until(full.sim_is_empty, "an empty SIM")

    assert full.sim.do("counters")["counters"]["+CMGL"] == 1


def test_modem_restart_between_deletions_causes_another_listing(full: Line) -> None:
    """Entries of the old listing are not deleted."""
    full.configure(modem={"poll_interval": "1h"}, answer={"delay": "1h"})
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    full.sim.do("say", line="^SYSSTART")
    wait_until(lambda: full.sim.do("counters")["counters"]["+CMGL"] == 2, "another listing")

    assert deletions(full) < TEXTS - 20


def test_stop_works_between_deletions(full: Line) -> None:
    """SIGTERM ends the daemon long before the SIM is empty."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")

    assert full.stop() == 0
    assert deletions(full) < TEXTS - 20


def test_silent_network_does_not_look_like_a_hanging_daemon(silent: Line) -> None:
    """`status` finds it alive and ready."""
    began = boottime()
    wait_until(lambda: silent.status()["pass_boottime"] > began + ALIVE, "a sign of life after that time")

    assert silent.count(SUBMITTING) == 1
    assert status(silent) == 0


def test_contacts_are_recorded_while_the_network_is_silent(silent: Line) -> None:
    """Text and call are recorded before anything else is sent."""
    silent.sim.do("deliver", from_=CALLER, text="deux")
    silent.sim.do("call", from_=CALLER, rings=1)
    assert silent.count(SUBMITTING) == 1
    silent.sim.do("say", line="+CMGS: 1\r\n\r\nOK")
    wait_until(lambda: silent.rows(RECORDED, CALLER) == [("call",), ("text",)], "a call and a text")
    wait_until(silent.settled, "all done")

    contact = silent.rows("SELECT max(received_at) FROM contacts WHERE originator = ?", CALLER)
    assert silent.rows("SELECT max(submitted_at) FROM answer_segments") > contact


def test_stop_works_while_the_network_is_silent(silent: Line) -> None:
    """SIGTERM ends the daemon long before `send_timeout`, and the answer is unconfirmed."""
    assert silent.stop() == 0
    assert silent.rows("SELECT state FROM answer_segments") == [("unconfirmed",)]
