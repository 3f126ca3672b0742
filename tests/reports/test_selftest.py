"""A line tells a quiet week from lost reception: it texts itself, and reports a silence much longer than usual."""

import json
import random
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filled import KEVIN, Filled
from hypothesis import given
from hypothesis import strategies as st

from hotlined import config as configuration
from hotlined.doctor import operation as line_checks
from hotlined.doctor.findings import Health
from hotlined.doctor.host import Host
from hotlined.machine.clock import Now
from hotlined.reports.selftest import OBSTACLES
from hotlined.reports.silence import HOURS_LEAST, LEAST, Silence, judged, maybe_silence, maybe_usual
from hotlined.states import HoldReason, ModemState, SelftestObstacle
from hotlined.store.line.line_row import SelfTest, Sending, bind_sim, commit_selftest, row_of
from hotlined.store.line.reception import maybe_back_at, selftest_obstacles

OWN, AT = "+32460209399", "2026-11-24T12:00:00.000Z"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# ---- the text to itself


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"alive": False, "modem_is_ready": False}, SelftestObstacle.NOT_RUNNING),
        ({"modem_is_ready": False}, SelftestObstacle.MODEM_NOT_READY),
        ({"holds": (Sending.kept_back(HoldReason.PERSON, None),)}, SelftestObstacle.PAUSED),
        ({"holds": (Sending.kept_back(HoldReason.CREDIT, None),)}, SelftestObstacle.CREDIT),
        ({"holds": (Sending.kept_back(HoldReason.OUTAGE, None),)}, SelftestObstacle.OUTAGE),
        ({"holds": (Sending.kept_back(HoldReason.KEY_LOST, None),)}, SelftestObstacle.HELD),
        ({"full": True}, SelftestObstacle.FULL),
        ({"has_text": False}, SelftestObstacle.NO_ANSWER),
        ({"is_number_set": False}, SelftestObstacle.NEVER_BACK),
        ({"is_number_set": False, "test": SelfTest(OWN, back_at=AT)}, None),
        ({"test": None}, SelftestObstacle.NO_NUMBER),
    ],
)
def test_each_obstacle_of_the_selftest_has_a_name(more: dict[str, Any], expected: SelftestObstacle | None) -> None:
    """Examples are a pause and a full window."""
    usual: dict[str, Any] = {"test": SelfTest(OWN), "is_number_set": True, "has_text": True, "alive": True}
    usual |= {"modem_is_ready": True, "holds": (), "full": False}

    assert next(selftest_obstacles(**usual | more), None) == expected
    assert OBSTACLES.keys() == {*SelftestObstacle}


def test_only_the_own_number_proves_that_a_selftest_comes_back(tmp_path: Path) -> None:
    """A text of another number, or on another SIM, does not."""
    line = Filled(tmp_path)
    with closing(line.db):
        line.text(sender=KEVIN)
        line.text("hotlined selftest 1234", sender=OWN)
        assert maybe_back_at(line.db, OWN) is None
        (imsi,) = line.db.the("SELECT max(imsi) FROM segments")
        with line.db.transaction():
            bind_sim(line.db, "861111111111111", imsi)
        assert maybe_back_at(line.db, OWN)
        assert maybe_back_at(line.db, "+32499999999") is None


def test_another_sim_has_no_selftests(tmp_path: Path) -> None:
    """Knowledge of a number holds for the SIM on which it was found."""
    line = Filled(tmp_path)
    test = SelfTest(OWN, at=AT, tries=2, back_at=AT)
    with closing(line.db):
        for imsi, expected in (("206011111111111", test), ("206012222222222", SelfTest(OWN))):
            with line.db.transaction():
                bind_sim(line.db, "861111111111111", imsi)
            if expected is test:
                commit_selftest(line.db, test)
            assert row_of(line.db).selftest(OWN) == expected


@pytest.mark.parametrize(
    ("every", "cost"),
    [
        ("7d", "at most 156 segments (7.80 EUR) a year."),
        ("90d", "at most 12 segments (0.60 EUR) a year."),
    ],
)
def test_config_check_names_the_cost_of_selftests(tmp_path: Path, every: str, cost: str) -> None:
    """The price of a year is beside the highest possible spending, with what the first one needs."""
    line = Filled(tmp_path, alerts={"selftest": every}, limits={"price_per_segment": 0.05})
    with closing(line.db):
        output = " ".join(line.run("config", "check").output.split())

    assert f"without any text the line texts itself: {cost}" in output
    assert output.count("selftest` came back, or with line_number.") == 1


def test_config_check_and_doctor_warn_that_reception_is_not_watched(tmp_path: Path) -> None:
    """Nobody notices a deaf line then."""
    line = Filled(tmp_path, alerts={"selftest": None})
    with closing(line.db):
        output = " ".join(line.run("config", "check").output.split())
        found = line_checks.reception(Host(configuration.load(line.config)))

    assert "Careful: alerts.selftest is null: nobody notices a line that receives nothing." in output
    assert (found.verdict, found.seen) == (Health.WARN, "nobody notices if nothing arrives")


@pytest.mark.parametrize(
    ("number", "known", "expected"),
    [
        (None, {}, Health.WARN),
        (OWN, {}, Health.OK),
        (OWN, {"lost_at": AT}, Health.WARN),
        (OWN, {"lost_at": AT, "back_at": AT}, Health.FAIL),
    ],
)
def test_doctor_says_whether_reception_is_watched(
    tmp_path: Path, number: str | None, known: dict[str, Any], expected: Health
) -> None:
    """A loss fails if one came back before."""
    line = Filled(tmp_path, line_number=number)
    line.daemon_runs(modem=ModemState.READY)
    with closing(line.db):
        commit_selftest(line.db, SelfTest(OWN, at=AT, left_limit=0.0, tries=1, **known))
        assert line_checks.reception(Host(configuration.load(line.config))).verdict is expected


# ---- silence


def hours_of(days: int, opens: int, closes: int, workdays: int = 7, each: int = 1) -> list[timedelta]:
    """Return the hours with a contact, for a line that is contacted every `each` hours of its day."""
    return [day * DAY + hour * HOUR for day in range(days) if day % 7 < workdays for hour in range(opens, closes, each)]


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
def test_nights_and_weekends_are_usual(hours: list[timedelta], usual: timedelta | None) -> None:
    """Nine tenths of the time are within the usual pause.

    A young or quiet line has no usual pause.
    """
    assert maybe_usual(hours) == usual


@given(st.integers(0, 2**32), st.integers(2, 72))
def test_a_line_with_random_contacts_is_never_quiet(seed: int, mean_hours: int) -> None:
    """No pause is ten times the usual one, however rare contacts are."""
    drawn = random.Random(seed)
    moments, moment = [], timedelta(0)
    while moment < 56 * DAY:
        moment += timedelta(hours=drawn.expovariate(1 / mean_hours))
        moments.append(moment)
    hours = sorted({each // HOUR * HOUR for each in moments})
    learned = [hour for hour in hours if hour < 28 * DAY]
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


def quiet_for(line: Filled, length: timedelta, *, synchronised: bool = True) -> Silence | None:
    """Return the silence of a line this long after its last contact, on all clocks."""
    row = line.db.the("SELECT received_limit, received_at FROM contacts ORDER BY id DESC LIMIT 1")
    utc = datetime.fromisoformat(row["received_at"]) + length
    return maybe_silence(line.db, Now(utc, row["received_limit"] + length.total_seconds(), synchronised))


def come(line: Filled, count: int, since: timedelta, until: timedelta, reason: str = "cooldown") -> None:
    """Let the line be contacted this often, evenly between two times of the limit clock, and last at the later one."""
    line.db.connection.execute(
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        " INSERT INTO contacts (line, kind, originator, line_type, segments_received, segments_total, received_at,"
        " received_limit, verdict, reason) SELECT 'fr', 'text', :number, 'mobile', 1, 1, '2026-11-24T22:00:00.000Z',"
        " :since + (:until - :since) * i / :count, 'suppress', :reason FROM n",
        {
            "count": count,
            "number": KEVIN,
            "since": since.total_seconds(),
            "until": until.total_seconds(),
            "reason": reason,
        },
    )


def come_each_ten_hours(line: Filled, until: timedelta) -> None:
    """Let the line be contacted every ten hours, and text itself between."""
    for reason, early in (("own_number", 5 * HOUR), ("cooldown", 0 * HOUR)):
        come(line, HOURS_LEAST, until - HOURS_LEAST * 10 * HOUR - early, until - early, reason)


def test_the_silence_of_a_line_is_from_its_contacts(tmp_path: Path) -> None:
    """The limit clock gives their hours, whatever the calendar says; the modem must have been ready all along."""
    line = Filled(tmp_path)
    with closing(line.db):
        assert maybe_silence(line.db, line.now()) is None
        line.text()
        last = line.db.value("SELECT received_at FROM contacts")
        assert quiet_for(line, HOUR) == Silence(HOUR, None, is_long=False, last_at=last)
        line.db.connection.execute("UPDATE line_state SET ready_limit = 0")
        come_each_ten_hours(line, 13 * DAY)
        found = quiet_for(line, 4 * DAY)
        assert found
        assert (found.usual, found.is_long) == (10 * HOUR, False)
        for synchronised in (True, False):
            found = quiet_for(line, 100 * HOUR, synchronised=synchronised)
            assert found
            assert found.is_long
        for ready in ((13 * DAY + HOUR).total_seconds(), None):
            line.db.connection.execute("UPDATE line_state SET ready_limit = ?", (ready,))
            away = quiet_for(line, 100 * HOUR)
            assert away
            assert away.is_long is None


def test_the_silence_after_a_flood_costs_what_any_silence_costs(tmp_path: Path) -> None:
    """Ten times as many contacts in each hour make SQLite take at most twice as many steps."""
    line = Filled(tmp_path)
    steps = []
    with closing(line.db):
        for count in (2_000, 18_000):
            come(line, count, DAY, 29 * DAY)
            found = []
            line.db.connection.set_progress_handler(partial(found.append, None), 1)
            silence = quiet_for(line, DAY)
            line.db.connection.set_progress_handler(None, 0)
            assert silence
            assert silence.usual == HOUR
            steps.append(len(found))

    assert 0 < steps[1] <= 2 * steps[0]


def test_a_long_silence_is_in_status_and_doctor(tmp_path: Path) -> None:
    """It may be chance, so `status` ends with 0."""
    told = "No contact for 5 days; usually one comes within 10 hours. `hotlined"
    line = Filled(tmp_path)
    line.daemon_runs(modem=ModemState.READY)
    with closing(line.db):
        line.text()
        line.db.connection.execute(
            "UPDATE line_state SET limit_time = ?, ready_limit = 0", ((40 * DAY).total_seconds(),)
        )
        for ago, expected in ((HOUR, 0), (5 * DAY, 1)):
            line.db.connection.execute("DELETE FROM contacts")
            come_each_ten_hours(line, 40 * DAY - ago)
            status = line.run("status")
            assert (status.stdout.count(told.partition(" `")[0]), status.exit_code) == (expected, 0)
        codes = {one["code"] for one in json.loads(line.run("status", "--json").stdout)["trouble"]}
        daemon = line_checks.daemon(Host(configuration.load(line.config)))

        assert "silence" in codes
        assert (daemon.verdict, told in daemon.cure) == (Health.WARN, True)
        line.daemon_runs(modem=ModemState.ABSENT)
        assert "No contact" not in line.run("status").stdout
