"""A line tells a quiet week from lost reception: it texts itself, and reports a silence much longer than usual."""

import json
import random
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import SPENT, Line, wait_until
from filled import KEVIN, Filled
from hypothesis import given
from hypothesis import strategies as st
from test_alerts import Teller, at, seen

from hotlined import config as configuration
from hotlined.clock import Now
from hotlined.doctor import line as line_checks
from hotlined.doctor.findings import Health
from hotlined.doctor.scene import Scene
from hotlined.reports import selftest
from hotlined.reports.silence import HOURS_LEAST, LEAST, Silence, judged, maybe_silence, maybe_usual
from hotlined.states import HoldReason, ModemState, SelftestObstacle
from hotlined.store.line.line import Sending, commit_own_number
from hotlined.store.line.reception import SelfTest, ask_selftest, maybe_selftest
from hotlined.words import selftest as words

OWN = "+32460209399"
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def sent(*, pending: bool = False, left: bool = True, back: bool = False, left_limit: float = 0.0) -> SelfTest:
    """Return a self-test requested at 0 on the limit clock."""
    return SelfTest("2026-11-24T12:00:00.000Z", 0.0, pending, left, left_limit, back)


# ---- when the self-test is due


@pytest.mark.parametrize(
    ("last", "seconds", "expected"),
    [
        (None, 0, True),
        (sent(back=True), 604_799, False),
        (sent(back=True), 604_800, True),
        (sent(), 604_799, False),
        (sent(pending=True, left=False), 999_999, False),
        (sent(left=False), 3599, False),
        (sent(left=False), 3600, True),
    ],
)
def test_a_selftest_is_due_once_in_its_time(last: SelfTest | None, seconds: float, expected: bool) -> None:
    """One that did not leave is due earlier, after an hour."""
    assert selftest.is_due(last, WEEK, at(seconds)) == expected


@pytest.mark.parametrize(
    ("last", "seconds", "expected"),
    [
        (None, 0, None),
        (sent(), 899, None),
        (sent(), 900, True),
        (sent(left_limit=600), 1499, None),
        (sent(left_limit=600), 1500, True),
        (sent(back=True), 901, False),
        (sent(back=True), 1, False),
        (sent(pending=True, left=False), 9999, None),
        (sent(left=False), 9999, None),
    ],
)
def test_a_selftest_is_lost_after_a_quarter_of_an_hour(
    last: SelfTest | None, seconds: float, expected: bool | None
) -> None:
    """The time runs from its leaving; an unsent one says nothing."""
    assert selftest.is_lost(last, at(seconds)) is expected


def test_each_loss_is_sent_once_and_its_end_once() -> None:
    """No alert is due with the next one on its way."""
    teller = Teller()
    told = [teller.tell(seen(selftest_lost=lost)) for lost in (None, False, None, True, True, None, False, False)]

    assert told == [[], [], [], [("selftest", 1)], [], [], [("selftest", 0)], []]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"alive": False, "modem_is_ready": False}, SelftestObstacle.NOT_RUNNING),
        ({"modem_is_ready": False}, SelftestObstacle.MODEM_NOT_READY),
        ({"shadow": True}, SelftestObstacle.SHADOW),
        ({"holds": (Sending.kept_back(HoldReason.PERSON, None),)}, SelftestObstacle.PAUSED),
        ({"holds": (Sending.kept_back(HoldReason.CREDIT, None),)}, SelftestObstacle.CREDIT),
        ({"holds": (Sending.kept_back(HoldReason.OUTAGE, None),)}, SelftestObstacle.OUTAGE),
        ({"holds": (Sending.kept_back(HoldReason.KEY_LOST, None),)}, SelftestObstacle.HELD),
        ({"full": True}, SelftestObstacle.FULL),
        ({"knows_itself": False}, SelftestObstacle.NO_NUMBER),
    ],
)
def test_each_obstacle_of_the_selftest_has_a_name(more: dict[str, Any], expected: SelftestObstacle | None) -> None:
    """Examples are shadow mode, a pause and a full window."""
    usual: dict[str, Any] = {"alive": True, "modem_is_ready": True, "shadow": False, "holds": (), "full": False}

    assert next(selftest.obstacles(**usual | {"knows_itself": True} | more), None) == expected
    assert words.OBSTACLES.keys() == {*SelftestObstacle}


def test_a_text_of_another_number_is_not_a_selftest(tmp_path: Path) -> None:
    """Only a text from the own number is the test's return.

    The last test of another SIM does not count.
    """
    line = Filled(tmp_path)
    with closing(line.db):
        commit_own_number(line.db, OWN)
        line.text("hotlined selftest 0000", sender=OWN)
        ask_selftest(line.db, OWN, selftest.text(), "hotlined alerts", line.now())
        line.text(sender=KEVIN)
        test = maybe_selftest(line.db, OWN)
        assert test
        assert (test.is_pending, test.left, test.back) == (True, False, False)
        assert maybe_selftest(line.db, KEVIN) is None
        line.text("hotlined selftest 1234", sender=OWN)
        test = maybe_selftest(line.db, OWN)
        assert test
        assert test.back


@pytest.mark.parametrize(
    ("every", "cost"),
    [("7d", "52 times a year: 52 segments (2.60 EUR)."), ("90d", "4 times a year: 4 segments (0.20 EUR).")],
)
def test_config_check_names_the_cost_of_selftests(tmp_path: Path, every: str, cost: str) -> None:
    """The price of a year is beside the highest possible spending."""
    line = Filled(tmp_path, alerts={"selftest": every}, limits={"price_per_segment": 0.05})
    with closing(line.db):
        output = " ".join(line.run("config", "check").output.split())

    assert f"alerts.selftest makes the line text itself {cost}" in output


# ---- the whole path


def alert(line: Line) -> tuple[int, str]:
    """Run the command; return its exit code and its output."""
    done = line.run("alerts")
    return done.exit_code, " ".join(done.output.split())


def later(line: Line, seconds: float) -> None:
    """Make all sent and requested texts older."""
    with closing(sqlite3.connect(line.database)) as db, db:
        db.execute("UPDATE requests SET created_limit = created_limit - ?", (seconds,))
        db.execute("UPDATE answer_segments SET submitted_limit = submitted_limit - ?", (seconds,))


def conditions_sent(line: Line) -> list[tuple[str, int]]:
    """Return the alerts about the line's self-tests."""
    return line.rows("SELECT condition, level FROM alerts WHERE condition = 'selftest' ORDER BY id")


def trouble(line: Line) -> list[str]:
    """Return the codes of the troubles."""
    return [each["code"] for each in json.loads(line.cli("status", "--json", check=False))["trouble"]]


def test_a_selftest_that_comes_back_proves_the_line(line: Line) -> None:
    """It costs a segment, is not answered, nor repeated after a restart."""
    line.configure(alerts={"selftest": "7d"})
    line.start()
    line.wait_state("ready")
    assert alert(line) == (0, "The line texts itself.")
    (sent,) = wait_until(line.submitted)
    assert sent["recipient"] == OWN
    assert line.count(SPENT) == 1
    assert "on its way" in line.cli("status")
    line.sim.do("deliver", from_=OWN, text=sent["text"])
    wait_until(lambda: line.rows("SELECT reason FROM contacts") == [("own_number",)])
    later(line, 901)
    assert alert(line) == (0, "")
    line.stop()
    line.start()
    line.wait_state("ready")
    assert alert(line) == (0, "")

    assert len(line.submitted()) == 1
    assert (conditions_sent(line), trouble(line)) == ([], [])
    assert re.search(r"^self-test +came back, sent ", line.cli("status"), re.MULTILINE)
    later(line, 7 * 86_400)
    assert alert(line) == (0, "The line texts itself.")
    wait_until(lambda: len(line.submitted()) == 2)


def test_a_selftest_that_the_network_loses_is_sent_as_an_alert(line: Line) -> None:
    """The alert comes once; the text's late return ends it."""
    line.configure(alerts={"selftest": "7d"})
    line.start()
    line.wait_state("ready")
    alert(line)
    (sent,) = wait_until(line.submitted)
    wait_until(lambda: line.rows("SELECT state FROM requests") == [("done",)])
    later(line, 890)
    alert(line)
    assert conditions_sent(line) == []
    later(line, 10)
    for _ in range(2):
        alert(line)
    assert conditions_sent(line) == [("selftest", 1)]
    assert trouble(line) == ["selftest_lost"]
    assert line.run("status").exit_code == 69
    assert len(line.submitted()) == 1

    line.sim.do("deliver", from_=OWN, text=sent["text"])
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL"))
    for _ in range(2):
        alert(line)
    assert conditions_sent(line) == [("selftest", 1), ("selftest", 0)]
    assert trouble(line) == []


def test_a_selftest_held_back_is_reported_once(line: Line) -> None:
    """`status` reports it always; it is sent once nothing holds it."""
    line.configure(alerts={"selftest": "1d"})
    line.start()
    line.wait_state("ready")
    line.cli("pause")
    assert alert(line) == (0, words.LEFT_OUT.format(obstacle=words.OBSTACLES[SelftestObstacle.PAUSED]))
    assert alert(line) == (0, "")
    assert "none yet; the next one is due, but the line is paused" in " ".join(line.cli("status", check=False).split())
    line.cli("resume")
    line.reload(limits={"segments": {"hour": 0}})
    assert alert(line) == (0, words.LEFT_OUT.format(obstacle=words.OBSTACLES[SelftestObstacle.FULL]))
    line.reload(limits={"segments": {"hour": 9}})
    assert line.count("SELECT count(*) FROM requests") == 0
    assert alert(line) == (0, "The line texts itself.")

    wait_until(line.submitted)


def test_a_refused_selftest_is_tried_again_an_hour_later(line: Line) -> None:
    """A refusal says nothing about reception, and costs nothing."""
    line.configure(alerts={"selftest": "7d"})
    line.start()
    line.wait_state("ready")
    with closing(sqlite3.connect(line.database)) as db, db:
        db.execute("UPDATE line_state SET own_number = ?", (OWN,))
        db.execute("INSERT INTO numbers (number, blocked_by, blocked_at) VALUES (?, 'anna', '2026')", (OWN,))
    assert alert(line) == (0, "The line texts itself.")
    wait_until(lambda: line.rows("SELECT state FROM requests") == [("refused",)])
    later(line, 3000)  # this test itself takes less than the rest of the hour
    assert alert(line) == (0, "")
    assert conditions_sent(line) == []
    later(line, 600)
    assert alert(line) == (0, "The line texts itself.")

    assert line.submitted() == []


def test_an_unconfirmed_selftest_is_not_sent_again(line: Line) -> None:
    """It counts as sent, and is lost without its return."""
    line.configure(alerts={"selftest": "7d"})
    line.start()
    line.wait_state("ready")
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    alert(line)
    wait_until(lambda: line.rows("SELECT state FROM requests") == [("refused",)])
    later(line, 3600)
    alert(line)

    assert len(line.submitted()) == 1
    assert conditions_sent(line) == [("selftest", 1)]


# ---- silence


def hours_of(days: int, opens: int, closes: int, workdays: int = 7, each: int = 1) -> list[datetime]:
    """Return the hours with a contact, for a line that is contacted every `each` hours of its day."""
    return [
        MONDAY + day * DAY + hour * HOUR
        for day in range(days)
        if day % 7 < workdays
        for hour in range(opens, closes, each)
    ]


@pytest.mark.parametrize(
    ("hours", "usual"),
    [
        (hours_of(28, 0, 24), HOUR),
        (hours_of(28, 8, 22), 11 * HOUR),
        (hours_of(28, 8, 22, each=6), 12 * HOUR),
        (hours_of(28, 9, 18, workdays=5), 64 * HOUR),
        (hours_of(28, 12, 13), None),
        (hours_of(40, 12, 13), DAY),
        (hours_of(6, 0, 24), None),
        ([], None),
    ],
    ids=["always", "days", "three a day", "workdays", "too few", "once a day", "young", "never"],
)
def test_nights_and_weekends_are_usual(hours: list[datetime], usual: timedelta | None) -> None:
    """Nine tenths of the time are within the usual pause.

    A young or quiet line has no usual pause.
    """
    assert maybe_usual(hours) == usual


@given(st.integers(0, 2**32), st.integers(2, 72))
def test_a_line_with_random_contacts_is_never_quiet(seed: int, mean_hours: int) -> None:
    """No pause is ten times the usual one, however rare contacts are."""
    drawn = random.Random(seed)
    moments, moment = [], MONDAY
    while moment < MONDAY + 56 * DAY:
        moment += timedelta(hours=drawn.expovariate(1 / mean_hours))
        moments.append(moment)
    hours = sorted({each.replace(minute=0, second=0, microsecond=0) for each in moments})
    learned = [hour for hour in hours if hour < MONDAY + 28 * DAY]
    usual = maybe_usual(learned)
    longest = max(after - before for before, after in pairwise(moments))

    assert usual is None or not judged(longest, longest, usual, "").is_long


@pytest.mark.parametrize(
    ("length", "heard", "usual", "expected"),
    [
        (DAY - HOUR, DAY - HOUR, HOUR, False),
        (LEAST, LEAST, HOUR, True),
        (109 * HOUR, 109 * HOUR, 11 * HOUR, False),
        (110 * HOUR, 110 * HOUR, 11 * HOUR, True),
        (200 * HOUR, 109 * HOUR, 11 * HOUR, None),
        (30 * DAY, 30 * DAY, None, None),
        (HOUR, HOUR, None, False),
    ],
)
def test_ten_times_the_usual_pause_is_a_silence(
    length: timedelta, heard: timedelta, usual: timedelta | None, expected: bool | None
) -> None:
    """It lasts at least a day of listening."""
    assert judged(length, heard, usual, "").is_long is expected


def test_a_silence_is_sent_once_and_ended_by_a_contact() -> None:
    """A modem that was away does not end it."""
    teller = Teller()
    at_noon = at(0).rfc3339
    long, unknown, short = (Silence(5 * DAY, 11 * HOUR, is_long, at_noon) for is_long in (True, None, False))
    told = [teller.tell(seen(silence=silence)) for silence in (None, short, long, long, unknown, None, long, short)]

    assert told == [[], [], [("silence", 1)], [], [], [], [], [("silence", 0)]]


def quiet_for(line: Filled, length: timedelta, *, synchronised: bool = True) -> Silence | None:
    """Return the silence of a line this long after its last contact, on all clocks."""
    row = line.db.the("SELECT received_limit, received_at FROM contacts ORDER BY id DESC LIMIT 1")
    utc = datetime.fromisoformat(row["received_at"]) + length
    return maybe_silence(line.db, Now(utc, row["received_limit"] + length.total_seconds(), synchronised))


def come_each_ten_hours(line: Filled, until: datetime) -> None:
    """Let the line be contacted every ten hours, and text itself between."""
    for reason, early in (("first_contact", 0), ("own_number", 5)):
        for number in range(HOURS_LEAST, 0, -1):
            hour = (until - (10 * number + early) * HOUR).strftime("%Y-%m-%dT%H:00:00.000Z")
            line.db.connection.execute(
                "INSERT INTO totals (hour, name, kind, verdict, reason, total)"
                " VALUES (?, 'contacts', 'text', 'suppress', ?, 1)",
                (hour, reason),
            )


def test_the_silence_of_a_line_is_from_its_database(tmp_path: Path) -> None:
    """The totals give hours; the modem must have been ready all along."""
    line = Filled(tmp_path)
    with closing(line.db):
        assert maybe_silence(line.db, line.now()) is None
        contact = line.text()
        line.judge(contact)
        last = line.db.value("SELECT received_at FROM contacts")
        ends = datetime.fromisoformat(last)
        assert quiet_for(line, HOUR) == Silence(HOUR, None, is_long=False, last_at=last)
        line.db.connection.execute("UPDATE line_state SET ready_limit = 0")
        come_each_ten_hours(line, ends)
        # the contact itself came at 22:00 by an unsynchronised clock, and is in no hour
        found = quiet_for(line, 4 * DAY)
        assert found
        assert (found.usual, found.is_long) == (10 * HOUR, False)
        found = quiet_for(line, 100 * HOUR)
        assert found
        assert found.is_long
        unsynchronised = quiet_for(line, 100 * HOUR, synchronised=False)
        assert unsynchronised
        assert unsynchronised.is_long is None
        with line.db.transaction():
            line.db.execute("UPDATE line_state SET ready_limit = (SELECT max(received_limit) + 3600 FROM contacts)")
        away = quiet_for(line, 100 * HOUR)
        assert away
        assert away.is_long is None
        line.db.connection.execute("UPDATE line_state SET ready_limit = NULL")
        unknown = quiet_for(line, 100 * HOUR)
        assert unknown
        assert unknown.is_long is None


def test_a_long_silence_is_in_status_and_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be chance, so `status` ends with 0."""
    monkeypatch.setattr("hotlined.clock.synchronised", lambda: True)
    told = "No contact for 5 days; usually one comes within 10 hours. `hotlined"
    line = Filled(tmp_path)
    line.daemon_runs(modem=ModemState.READY)
    with closing(line.db):
        line.text()
        now, began = line.db.now(), 5 * DAY.total_seconds()
        come_each_ten_hours(line, now.utc - 5 * DAY)
        line.db.connection.execute("UPDATE line_state SET ready_limit = ?", (now.limit - 2 * began,))
        for ago, expected in ((HOUR.total_seconds(), 0), (began, 1)):
            line.db.connection.execute("UPDATE contacts SET received_limit = ?", (now.limit - ago,))
            status = line.run("status")
            assert (status.stdout.count(told.partition(" `")[0]), status.exit_code) == (expected, 0)
        codes = {one["code"] for one in json.loads(line.run("status", "--json").stdout)["trouble"]}
        daemon = line_checks.daemon(Scene(configuration.load(line.config)))

        assert "silence" in codes
        assert (daemon.verdict, told in daemon.cure) == (Health.WARN, True)
        line.daemon_runs(modem=ModemState.ABSENT)
        assert "No contact" not in line.run("status").stdout
