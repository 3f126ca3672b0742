"""A line that is registered and deaf: after a week without a text it texts itself, and a lost one begins a recovery."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from conftest import SPENT, Line, wait_until
from store_steps import make_empty

from hotlined.machine.clock import boot_id, boottime
from hotlined.machine.timing import USUAL
from hotlined.states import TroubleCode
from hotlined.store.line.line_row import SelfTest
from hotlined.store.line.reception import selftest_due_limit

OWN, KEVIN = "+32460209399", "+32470123456"
WEEK = timedelta(days=7).total_seconds()
HASTY = {"selftest_look": 0.1, "selftest_late": 1.0, "selftest_again": 1.0, "tick": 0.1, "idle": 0.2, "reset": 0.1}
REST_SECONDS = 3.0
"""The time for which a line that is not to text itself is watched: several of the waits above."""
AT = "2026-11-24T12:00:00.000Z"


def age(line: Line, seconds: float, *, heard: bool = True, number: str = OWN) -> None:
    """Give a line a database that has been in use for some time without a text; `heard`: it once heard itself."""
    make_empty(line.database)
    with closing(sqlite3.connect(line.database)) as db, db:
        stand_at(db, seconds)
        if heard:
            db.execute("UPDATE line_state SET selftest_number = ?, selftest_back_at = ?", (number, AT))


def stand_at(db: sqlite3.Connection, seconds: float) -> None:
    """Set the limit clock, whose daemon does not run."""
    anchor = (seconds, boot_id(), boottime())
    db.execute("UPDATE line_state SET limit_time = ?, boot_id = ?, boottime = ?", anchor)


def start(line: Line, **settings: Any) -> None:
    """Start a daemon whose waits are short, with an address that alerts go to."""
    line.configure(**{"alerts": {"urls": ["json://localhost:9"]}, **settings})
    line.start(HASTY)
    line.wait_state("ready")


def codes(line: Line) -> list[str]:
    """Return the codes of the troubles."""
    return [each["code"] for each in json.loads(line.cli("status", "--json", check=False))["trouble"]]


def steps(line: Line) -> list[str]:
    """Return the steps that disturbed the modem."""
    return [step for (step,) in line.rows("SELECT detail ->> '$.step' FROM events WHERE kind = 'recovery' ORDER BY id")]


def alerts(line: Line) -> list[tuple[str, int]]:
    """Run the alerts, and return those about texts to itself."""
    line.run("alerts")
    return line.rows("SELECT condition, level FROM alerts WHERE condition = 'selftest' ORDER BY id")


def stays_silent(line: Line, count: int = 0) -> bool:
    """Tell whether nothing more leaves for some time."""
    time.sleep(REST_SECONDS)
    return len(line.submitted()) == count


@pytest.mark.parametrize(
    ("test", "heard", "expected"),
    [
        (SelfTest(OWN), 0.0, WEEK),
        (SelfTest(OWN, at=AT, left_limit=1.0, back_at=AT), 500.0, WEEK + 500),
        (SelfTest(OWN, at_limit=9.0, tries=1), 0.0, 9.0 + USUAL.selftest_again),
        (SelfTest(OWN, left_limit=9.0, tries=1, back_at=AT), 0.0, None),
        (SelfTest(OWN, left_limit=9.0, tries=1, lost_at=AT), 0.0, None),
        (SelfTest(OWN, left_limit=9.0, tries=1, lost_at=AT, back_at=AT), 0.0, 9.0 + USUAL.selftest_late),
        (SelfTest(OWN, left_limit=9.0, tries=2, lost_at=AT, back_at=AT), 0.0, 9.0 + USUAL.selftest_again),
        (SelfTest(OWN, left_limit=9.0, tries=3, lost_at=AT, back_at=AT), 0.0, 9.0 + WEEK),
    ],
)
def test_any_text_starts_the_wait_anew(test: SelfTest, heard: float, expected: float | None) -> None:
    """A lost one is followed by two more at most before the next wait, and by none if none ever came back."""
    assert selftest_due_limit(test, heard, timedelta(days=7), USUAL) == expected


def test_a_quiet_line_texts_itself_once_a_week(line: Line) -> None:
    """A return costs one segment, is not answered and is in `status`; a restart sends no other."""
    age(line, WEEK)
    start(line)
    (sent,) = wait_until(line.submitted)
    assert sent["recipient"] == OWN
    line.sim.do("deliver", from_=OWN, text=sent["text"])
    wait_until(lambda: "came back, sent" in line.cli("status"))
    line.stop()
    line.start(HASTY)
    line.wait_state("ready")

    assert stays_silent(line, 1)
    assert (line.count(SPENT), steps(line), codes(line), alerts(line)) == (1, [], [], [])


def test_a_text_from_somebody_is_the_better_witness(line: Line) -> None:
    """A line that was texted within the week sends nothing."""
    age(line, WEEK - 60)
    start(line, line_number=OWN)
    line.sim.do("deliver", from_=KEVIN, text="Salut")
    wait_until(line.submitted)
    with closing(sqlite3.connect(line.database)) as db, db:
        (limit,) = db.execute("SELECT received_limit FROM segments").fetchone()
    line.stop()
    with closing(sqlite3.connect(line.database)) as db, db:
        stand_at(db, limit + WEEK - 3600)
    line.start(HASTY)
    line.wait_state("ready")

    assert stays_silent(line, 1)


def test_a_lost_text_takes_two_steps_and_three_segments(line: Line) -> None:
    """The radio is restarted before the second and the modem reset before the third; then it is left alone."""
    age(line, WEEK)
    start(line)
    wait_until(lambda: len(line.submitted()) == 3)
    line.wait_state("ready")

    assert stays_silent(line, 3)
    assert steps(line) == ["radio", "reset"]
    assert codes(line) == [TroubleCode.SELFTEST_LOST]
    assert line.run("status").exit_code == 69
    assert (alerts(line), alerts(line)) == ([("selftest", 1)], [("selftest", 1)])

    line.sim.do("deliver", from_=KEVIN, text="Salut")
    wait_until(lambda: not codes(line))
    assert line.run("status").exit_code == 0
    assert alerts(line) == [("selftest", 1), ("selftest", 0)]


def test_a_number_that_never_came_back_is_asked_about(line: Line) -> None:
    """The loss is a note without a step, and no other text follows until one came back."""
    age(line, WEEK, heard=False)
    start(line, line_number=OWN)
    wait_until(lambda: codes(line) == [TroubleCode.NUMBER_UNSURE])

    assert stays_silent(line, 1)
    assert (steps(line), alerts(line), line.run("status").exit_code) == ([], [], 0)

    line.sim.do("deliver", from_=OWN, text="hotlined selftest 00000000")
    wait_until(lambda: not codes(line))
    assert line.rows("SELECT selftest_tries FROM line_state WHERE selftest_back_at IS NOT NULL") == [(0,)]


def test_another_number_is_tried_anew(line: Line) -> None:
    """Knowledge of a number that was corrected since does not count."""
    age(line, WEEK, heard=False)
    start(line, line_number="+32470999999")
    wait_until(lambda: codes(line) == [TroubleCode.NUMBER_UNSURE])
    line.reload(line_number=OWN)

    wait_until(lambda: [each["recipient"] for each in line.submitted()] == ["+32470999999", OWN])


@pytest.mark.parametrize(
    ("settings", "heard", "said"),
    [
        ({}, False, "no text to itself came back on this SIM yet"),
        ({"limits": {"segments": {"hour": 0}}}, True, "the budget is spent"),
        ({"answer": {"text": None, "text_file": "empty.txt"}}, True, "its answer has no text"),
        ({"alerts": {"selftest": None}}, True, ""),
    ],
    ids=["never back", "budget", "no answer", "off"],
)
def test_a_line_that_may_not_text_itself_says_why(line: Line, settings: dict[str, Any], heard: bool, said: str) -> None:
    """Nothing leaves, and no request is written."""
    (line.folder / "empty.txt").touch()
    age(line, WEEK, heard=heard)
    start(line, **settings)

    assert stays_silent(line)
    assert line.count("SELECT count(*) FROM requests") == 0
    assert said in " ".join(line.cli("status", check=False).split())


def test_a_paused_line_texts_itself_once_it_goes_on(line: Line) -> None:
    """A pause holds it back like an answer."""
    age(line, WEEK - 1)
    line.configure()
    line.cli("pause")
    start(line)
    assert stays_silent(line)
    assert "no next one: the line is paused" in " ".join(line.cli("status", check=False).split())
    line.cli("resume")

    wait_until(line.submitted)


def test_one_that_did_not_leave_is_tried_again(line: Line) -> None:
    """A refusal says nothing about reception, and costs nothing."""
    age(line, WEEK)
    with closing(sqlite3.connect(line.database)) as db, db:
        db.execute("INSERT INTO numbers (number, blocked_by, blocked_at) VALUES (?, 'anna', '2026')", (OWN,))
    start(line)
    wait_until(lambda: line.count("SELECT count(*) FROM requests WHERE state = 'refused'") > 1)

    assert (codes(line), line.submitted()) == ([], [])
    assert line.rows("SELECT selftest_tries FROM line_state") == [(1,)]


def test_an_unconfirmed_one_counts_as_sent(line: Line) -> None:
    """Whether the network took it is not known, so it is lost without its return."""
    age(line, WEEK, heard=False)
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    start(line, line_number=OWN)
    wait_until(lambda: codes(line))

    assert TroubleCode.NUMBER_UNSURE in codes(line)
    assert stays_silent(line, 1)
