"""What takes long, a SIM that deletes slowly or a network that says nothing: the daemon is alive, and hears.

Times are a thirtieth of those in service: of the 180 s after which a daemon counts as hanging six are left.
"""

import signal
import subprocess
import sys

import pytest
from conftest import Line, Open, wait_until

from hotlined.clock import boottime
from hotlined.timing import USUAL

SCALE = 30.0
ALIVE = USUAL.alive / SCALE
TIMING = {
    "alive": ALIVE,
    "sign_of_life": USUAL.sign_of_life / SCALE,
    "delete_slice": USUAL.delete_slice / SCALE,
    "delete_least": USUAL.delete_least / SCALE,
    "deletions_first": USUAL.deletions_first / SCALE,
}
STOP_SECONDS = 10.0  # TimeoutStopSec= in systemd/hotlined@.service
TEXTS = 220
SLOW, SLOWEST = 1.2 / SCALE, 15.0 / SCALE
"""How long a SIM takes to delete a text. The slowest one takes far longer for all than any question of these tests."""
CALLER = "+32470999999"
RECORDED = "SELECT kind FROM contacts WHERE originator = ? ORDER BY kind"
SUBMITTING = "SELECT count(*) FROM answer_segments WHERE state = 'submitting'"


@pytest.fixture
def full(open_line: Open, request: pytest.FixtureRequest) -> Line:
    """Give a line whose SIM holds many texts and takes long to delete one: `SLOWEST`, or what the test says."""
    line = open_line(sim_size=TEXTS + 10, me_size=0)
    for count in range(TEXTS):
        line.sim.do("deliver", from_=f"+3247{count:07}", text="un")
    line.sim.do("fault", kind="slow", command="+CMGD", seconds=getattr(request, "param", SLOWEST))
    return line


@pytest.fixture
def silent(line: Line) -> Line:
    """Give a line whose network has just been handed an answer, and says nothing for longer than a daemon may hang."""
    line.configure(modem={"send_timeout": f"{300 / SCALE:g}s"})
    line.sim.do("fault", kind="no_result", command="+CMGS", count=1)
    line.start(TIMING)
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470123456", text="un")
    wait_until(lambda: line.count(SUBMITTING), "a segment that is being submitted")
    return line


def deletions(line: Line) -> int:
    """Return how many deletions the modem was asked for."""
    return int(line.sim.do("counters")["counters"].get("+CMGD", 0))


def status(line: Line) -> int:
    """Return what `hotlined status` ends with."""
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "status"]
    return subprocess.run(command, check=False).returncode


def test_a_sim_that_deletes_slowly_is_no_daemon_that_hangs(full: Line) -> None:
    """While more is deleted than a daemon may hang, `status` finds it alive and ready, and its scans go on."""
    full.start(TIMING)
    wait_until(lambda: deletions(full), "the first deletion")
    began = boottime()
    first = wait_until(lambda: full.status().get("last_scan_at"), "a scan")
    wait_until(lambda: full.status()["pass_boottime"] > began + ALIVE, "a sign of life after that time")

    assert status(full) == 0
    assert full.status()["last_scan_at"] > first
    assert deletions(full) < TEXTS


def test_what_comes_is_taken_in_between_deletions(full: Line) -> None:
    """A text and a call that come while a full SIM is emptied are recorded long before it is empty."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    full.sim.do("deliver", from_=CALLER, text="deux")
    full.sim.do("call", from_=CALLER, rings=1)
    wait_until(lambda: full.rows(RECORDED, CALLER) == [("call",), ("text",)], "a call and a text")

    assert deletions(full) < TEXTS - 20


def test_people_are_served_between_deletions(full: Line) -> None:
    """While a full SIM is emptied contacts are judged, requests are done, and the first answers go out."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    assert "Nothing has changed" in full.cli("sim", "adopt")
    wait_until(lambda: full.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "an answer that left")

    assert full.count("SELECT count(*) FROM contacts WHERE verdict IS NULL") == 0
    assert deletions(full) < TEXTS - 20


@pytest.mark.parametrize("full", [SLOW], indirect=True)
def test_all_is_deleted_after_few_listings(full: Line) -> None:
    """What was listed once is deleted in one pass after the other; nothing is listed anew for that but at a poll."""
    full.configure(modem={"poll_interval": "1h"}, answer={"delay": "1h"})
    full.start(TIMING)
    wait_until(full.sim_is_empty, "an empty SIM")

    assert full.sim.do("counters")["counters"]["+CMGL"] == 1
    wait_until(lambda: not full.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL"), "confirmed deletions")


def test_a_modem_that_starts_anew_between_deletions_is_listed_again(full: Line) -> None:
    """Of a listing that was made before the modem says that it has started anew nothing more is deleted."""
    full.configure(modem={"poll_interval": "1h"}, answer={"delay": "1h"})
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    full.sim.do("say", line="^SYSSTART")
    wait_until(lambda: full.sim.do("counters")["counters"]["+CMGL"] == 2, "another listing")

    assert deletions(full) < TEXTS - 20


def test_a_stop_is_obeyed_between_deletions(full: Line) -> None:
    """SIGTERM ends a daemon that empties a full SIM before the service manager loses its patience."""
    full.start(TIMING)
    wait_until(lambda: deletions(full) >= 20, "the first deletions")
    assert full.daemon
    full.daemon.send_signal(signal.SIGTERM)

    assert full.daemon.wait(STOP_SECONDS) == 0
    assert deletions(full) < TEXTS - 20


def test_a_network_that_says_nothing_is_no_daemon_that_hangs(silent: Line) -> None:
    """While a result is waited for longer than a daemon may hang, `status` finds it alive and ready."""
    began = boottime()
    wait_until(lambda: silent.status()["pass_boottime"] > began + ALIVE, "a sign of life after that time")

    assert silent.count(SUBMITTING) == 1
    assert status(silent) == 0


def test_what_comes_while_the_network_says_nothing_is_taken_in_then(silent: Line) -> None:
    """A text and a call that come while a result is waited for are recorded before anything else is sent."""
    silent.sim.do("deliver", from_=CALLER, text="deux")
    silent.sim.do("call", from_=CALLER, rings=1)
    assert silent.count(SUBMITTING) == 1
    wait_until(lambda: silent.rows(RECORDED, CALLER) == [("call",), ("text",)], "a call and a text")
    wait_until(silent.settled, "all done")

    contact = silent.rows("SELECT max(received_at) FROM contacts WHERE originator = ?", CALLER)
    assert silent.rows("SELECT max(submitted_at) FROM answer_segments") > contact


def test_a_stop_is_obeyed_while_the_network_says_nothing(silent: Line) -> None:
    """SIGTERM ends a daemon that waits for a result before the service manager loses its patience."""
    assert silent.daemon
    silent.daemon.send_signal(signal.SIGTERM)

    assert silent.daemon.wait(STOP_SECONDS) == 0
    assert silent.rows("SELECT state FROM answer_segments") == [("unconfirmed",)]
