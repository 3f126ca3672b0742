"""The life of a prepaid SIM: its top-up is recorded, and its end announced in time."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import Line, wait_until
from filled import Filled
from hypothesis import given
from hypothesis import strategies as st

from hotlined import config as configuration
from hotlined.daemon.credit import is_top_up, maybe_amount
from hotlined.doctor.host import Host
from hotlined.doctor.sim import life as examined
from hotlined.errors import RefusedError
from hotlined.machine.clock import Now, boot_id, rfc3339
from hotlined.reports import sim_life
from hotlined.reports.overview import LineReport, report_line
from hotlined.store.answers.decisions import top_up
from hotlined.store.line.line_row import (
    TopUp,
    bind_sim,
    commit_balance,
    commit_balance_before,
    commit_top_up_date,
    note_top_up,
    row_of,
)

YEAR = timedelta(days=365)
CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "valid_for": "365d"}


@pytest.fixture
def line_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    """Give a line whose SIM lives for a year after a top-up, on a machine with a synchronised clock."""
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: True)
    for name in ("reports.typed", "reports.decided"):
        monkeypatch.setattr(f"hotlined.{name}.synchronised", lambda: True)
    line = Filled(tmp_path, credit={"valid_for": "365d"})
    with closing(line.db):
        yield line


def days_ago(days: float) -> str:
    """Return a moment before now, in RFC 3339."""
    return rfc3339(datetime.now(UTC) - timedelta(days=days))


def told(line: Filled) -> dict[str, Any]:
    """Return the output of `status --json`."""
    document: dict[str, Any] = json.loads(line.run("status", "--json").stdout)
    return document


def codes(line: Filled) -> list[str]:
    """Return the codes of the troubles, without the one about the missing daemon."""
    return [each["code"] for each in told(line)["trouble"] if each["code"] != "not_running"]


# ---- top-ups that people report


def test_a_top_up_is_recorded_with_its_person_and_end(line_of: Filled) -> None:
    """The default is today; `status` names day, person and end."""
    output = line_of.run("sim", "topup").output
    credit = told(line_of)["credit"]
    at, until = (datetime.fromisoformat(credit[name]) for name in ("topped_up_at", "valid_until"))

    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert until - at == YEAR
    assert output.startswith("The SIM was topped up on ")
    assert "lasts until" in output
    row = line_of.db.the("SELECT kind, detail FROM events ORDER BY id DESC LIMIT 1")
    assert row["kind"] == "topup"
    assert json.loads(row["detail"]) == {"topped_up_at": credit["topped_up_at"]}
    assert "said by" in line_of.run("status").stdout
    assert codes(line_of) == []


@pytest.mark.parametrize("date", ["yesterday", "hier", "7d", "2 jan 2026", "2026-02", "monday", "20/11/2025"])
def test_the_day_of_a_top_up_is_read_like_any_time(line_of: Filled, date: str) -> None:
    """The forms are ISO, that of the tables, and words."""
    result = line_of.run("sim", "topup", date)

    assert result.exit_code == 0, result.output
    assert datetime.fromisoformat(told(line_of)["credit"]["topped_up_at"]) < datetime.now(UTC)


@pytest.mark.parametrize(("date", "words"), [("3026-01-01", "future"), ("1999-01-01", "year"), ("soon", "not a time")])
def test_a_day_that_cannot_be_one_is_refused_in_words(line_of: Filled, date: str, words: str) -> None:
    """It is in the future, long ago, or no date."""
    result = line_of.run("sim", "topup", date)

    assert result.exit_code == 2
    assert words in result.output
    assert row_of(line_of.db).top_up is None


def test_a_top_up_says_when_the_next_answer_is_tried(line_of: Filled) -> None:
    """It says so only for an outage of credit.

    A person who gave the day is not asked for it.
    """
    line_of.db.connection.execute("UPDATE line_state SET breaker_cause = 'credit'")
    tries = "The answers wait: the line tries one within five minutes."
    assert tries not in line_of.run("sim", "topup").output  # no daemon would try
    line_of.daemon_runs()
    assert tries in line_of.run("sim", "topup").output
    line_of.db.connection.execute("UPDATE line_state SET breaker_cause = NULL")

    assert tries not in line_of.run("sim", "topup").output
    assert "if that is another day" not in line_of.run("sim", "topup", "yesterday").output


@pytest.mark.parametrize("at", ["9999-12-31T00:00:00.000Z", "0001-01-01T00:00:00.000Z"])
def test_a_day_at_the_ends_of_the_calendar_is_refused(line_of: Filled, at: str) -> None:
    """It would make every report fail; the clock may be unset."""
    before_the_clock_is_set = Now(datetime(1970, 1, 1, tzinfo=UTC), 100.0, synchronised=False)
    with pytest.raises(RefusedError):
        top_up(line_of.db, at, "anna", before_the_clock_is_set)

    assert row_of(line_of.db).top_up is None
    assert told(line_of)["credit"]["valid_until"] is None


def test_a_top_up_makes_a_trial_due(line_of: Filled) -> None:
    """A closed breaker gets none, then or later."""
    line_of.run("sim", "topup")
    assert not row_of(line_of.db).breaker.trial_requested
    with line_of.db.transaction():
        line_of.db.execute("UPDATE line_state SET breaker_cause = 'credit', breaker_due = 1e9")
    line_of.run("sim", "topup")

    assert row_of(line_of.db).breaker.trial_requested


# ---- its end


@pytest.mark.parametrize(
    ("ago", "level"),
    [
        (0, 0),
        (304.5, 0),
        (305.5, 1),
        (334.5, 1),
        (335.5, 2),
        (357.5, 2),
        (358.5, 3),
        (364.5, 3),
        (365.5, sim_life.OVER),
    ],
)
def test_the_end_is_announced_sixty_thirty_and_seven_days_before(ago: float, level: int) -> None:
    """Each threshold is a level, and so is the end."""
    now = Now(datetime.now(UTC), 0.0, synchronised=True)
    end = sim_life.valid_until(TopUp(days_ago(ago)), YEAR)

    assert sim_life.level(end, YEAR, now) == level
    assert sim_life.level(end, YEAR, Now(now.utc, 0.0, synchronised=False)) is None


@pytest.mark.parametrize(("valid", "levels"), [(30, [0, 1]), (90, [0, 1, 2]), (180, [0, 1, 2, 3])])
def test_a_short_life_has_no_warning_on_its_first_day(valid: int, levels: list[int]) -> None:
    """Thresholds of half the life or more are left out."""
    now, valid_for = Now(datetime.now(UTC), 0.0, synchronised=True), timedelta(days=valid)
    found = [
        sim_life.level(sim_life.valid_until(TopUp(days_ago(ago)), valid_for), valid_for, now) for ago in range(valid)
    ]

    assert sorted(set(found)) == levels
    assert found == sorted(found)


def test_an_unknown_end_causes_no_warning(line_of: Filled) -> None:
    """Doctor says which fact is missing: a top-up or the life's length."""
    assert codes(line_of) == []
    assert told(line_of)["credit"]["valid_until"] is None
    finding = examined(Host(configuration.load(line_of.config)))
    assert finding.verdict == "unknown"
    assert "hotlined sim topup" in finding.cure

    line_of.config.write_text(json.dumps(line_of.settings | {"credit": {}}))
    line_of.run("sim", "topup")
    assert told(line_of)["credit"]["valid_until"] is None
    finding = examined(Host(configuration.load(line_of.config)))
    assert finding.verdict == "unknown"
    assert "credit.valid_for" in finding.cure


@pytest.mark.parametrize(
    ("ago", "code", "verdict", "words"),
    [
        (310, "sim_ends", "warn", "55 days"),
        (360, "sim_ends", "warn", "5 days"),
        (364.5, "sim_ends", "warn", "1 day"),
        (400, "sim_ended", "fail", "may switch it off"),
        (10, None, "ok", ""),
    ],
)
def test_the_end_is_named_with_its_cure(
    line_of: Filled, ago: float, code: str | None, verdict: str, words: str
) -> None:
    """It is a warning before the end, and a failure after it."""
    with line_of.db.transaction():
        note_top_up(line_of.db, TopUp(days_ago(ago), by="anna"), line_of.now(), dated=True)
    report = life_report(line_of)
    found = [each for each in report.trouble if each.code == code]

    assert bool(found) == bool(code)
    assert [each.code in ("sim_ended", "not_running") for each in report.grave] == [True] * (1 + (code == "sim_ended"))
    assert all(words in each.words and "hotlined sim topup" in each.cure for each in found)
    finding = examined(Host(configuration.load(line_of.config)))
    assert finding.verdict == verdict
    assert words in finding.cure


def life_report(line: Filled) -> LineReport:
    """Return the report of a line."""
    return report_line(configuration.load(line.config))


def test_an_unsynchronised_clock_causes_no_warning(line_of: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the SIM is a date of the calendar."""
    with line_of.db.transaction():
        note_top_up(line_of.db, TopUp(days_ago(400), by="anna"), line_of.now(), dated=True)
    assert codes(line_of) == ["sim_ended"]
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: False)

    assert codes(line_of) == []
    assert examined(Host(configuration.load(line_of.config))).verdict == "unknown"


def test_another_sim_has_no_top_up_yet(line_of: Filled) -> None:
    """Balance and number of the old SIM do not count, either."""
    with line_of.db.transaction():
        bind_sim(line_of.db, "imei", "206011111111111")
        note_top_up(line_of.db, TopUp(days_ago(400), by="anna"), line_of.now(), dated=True)
    commit_balance(line_of.db, "3.20", line_of.now(), low=True)
    with line_of.db.transaction():
        bind_sim(line_of.db, "another stick", "206011111111111")
    assert row_of(line_of.db).credit.balance == 3.2
    with line_of.db.transaction():
        bind_sim(line_of.db, "another stick", "206012222222222")

    assert set(told(line_of)["credit"].values()) == {None}
    assert row_of(line_of.db).balance_before is None
    assert row_of(line_of.db).top_up is None
    assert codes(line_of) == []


def test_a_date_from_a_wrong_clock_is_corrected(line_of: Filled) -> None:
    """The limit clock knows its age, unless the machine has rebooted."""
    db, utc = line_of.db, datetime(2026, 11, 26, 12, tzinfo=UTC)
    early = Now(datetime(1970, 1, 1, tzinfo=UTC), 100.0, synchronised=False)
    with db.transaction():
        note_top_up(db, TopUp(early.rfc3339, by="anna"), early, dated=False)
    commit_top_up_date(db, Now(utc, 3700.0, synchronised=True))
    assert row_of(db).credit.topped_up_at == "2026-11-26T11:00:00.000Z"
    commit_top_up_date(db, Now(utc, 9999.0, synchronised=True))
    assert row_of(db).credit.topped_up_at == "2026-11-26T11:00:00.000Z"

    with db.transaction():
        note_top_up(db, TopUp(early.rfc3339, by="anna"), early, dated=False)
        db.execute("UPDATE line_state SET topped_up_boot = ?", boot_id()[::-1])
    commit_top_up_date(db, Now(utc, 3700.0, synchronised=True))
    assert row_of(db).credit.topped_up_at == early.rfc3339


# ---- top-ups recognised by the balance


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("3,20", "3.20"), ("3.20", "3.20"), ("12", "12"), ("1.234,56", "1234.56"), ("1,234.56", "1234.56"),
        ("1 234,56", "1234.56"), ("1'234.50", "1234.50"), ("1.234.567", "1234567"), ("-0,50", "-0.50"),
        ("3.20.", "3.20"), (" 7,5 ", "7.5"), ("", None), ("NaN", None), ("Infinity", None), ("1e9", None), (",", None),
        ("3,20 12", None), ("1.234'567", None), ("3,20\u00a031", None),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_operators_write_it(text: str, amount: str | None) -> None:
    """Comma or point, with and without thousands; other texts give None."""
    assert maybe_amount(text) == (Decimal(amount) if amount else None)


@given(st.text("0123456789.,'’ \u00a0-", max_size=12))
def test_any_match_of_a_pattern_is_an_amount_or_none(text: str) -> None:
    """Networks may send anything, and patterns match too much."""
    amount = maybe_amount(text)

    assert amount is None or amount.is_finite()


@pytest.mark.parametrize(
    ("before", "balance", "expected"),
    [
        ("3.20", "18.20", True), ("3.20", "4.20", True), ("3.20", "3.20", False), ("3.20", "3.10", False),
        ("3.20", "3.25", False), ("-0.50", "9.50", True), (None, "18.20", False),
    ],
)  # fmt: skip
def test_an_increased_balance_is_a_top_up(before: str | None, balance: str, expected: bool) -> None:
    """The first balance is none, nor a segment paid back."""
    assert is_top_up(Decimal(before) if before else None, Decimal(balance)) == expected


def ask(line: Line, balance: str) -> None:
    """Ask the network for the balance, which has changed."""
    line.sim.do("ussd", code="*121#", text=f"Solde: {balance} EUR")
    line.cli("sim", "balance")


def topups(line: Line) -> list[dict[str, str]]:
    """Return the top-ups in the events."""
    return [json.loads(detail) for (detail,) in line.rows("SELECT detail FROM events WHERE kind = 'topup' ORDER BY id")]


def test_an_increased_balance_is_recorded_as_a_top_up(line: Line) -> None:
    """Both values are named; a person's later report counts instead."""
    line.sim.do("ussd", code="*121#", text="Solde: 3,20 EUR")
    line.configure(credit=CREDIT)
    line.start()
    wait_until(lambda: line.count("SELECT count(*) FROM line_state WHERE balance_before = '3.20'"))
    assert "Nobody knows when the SIM was topped up last." in line.cli("sim", "balance")
    assert topups(line) == []
    ask(line, "18,20")
    ask(line, "18.20")
    ask(line, "17,00")

    assert topups(line) == [{"rose_from": "3.20", "rose_to": "18.20"}]
    words = "taken for a top-up because the balance rose from 3.20 to 18.20"
    assert words in " ".join(line.cli("status", check=False).split())
    assert words in " ".join(line.cli("sim", "balance").split())
    assert "the balance rose from 3.20 to 18.20: taken for a top-up" in line.log_path.read_text()
    credit = json.loads(line.cli("status", "--json", check=False))["credit"]
    assert datetime.fromisoformat(credit["valid_until"]) - datetime.fromisoformat(credit["topped_up_at"]) == YEAR

    line.cli("sim", "topup", "7d")
    ask(line, "32,00")  # the person's report explains the next balance
    assert "taken for" not in line.cli("status", check=False)
    ask(line, "42,00")
    assert topups(line)[2:] == [{"rose_from": "32.00", "rose_to": "42.00"}]


def test_a_top_up_ends_an_outage_of_credit_at_once(line: Line) -> None:
    """Waiting answers are tried as soon as a person reports it."""
    line.sim.do("fault", kind="error", command="+CMGS", cms=10)
    line.start(timing={"trial_after": [3600.0]})
    for number in range(3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text="un")
    wait_until(lambda: line.rows("SELECT breaker_cause FROM line_state") == [("credit",)])
    line.sim.do("clear", what="faults")
    line.cli("sim", "topup")

    wait_until(lambda: len(line.submitted()) == 3)


def test_an_unchanged_balance_is_not_written(line_of: Filled) -> None:
    """Asking again costs no write to the card."""
    commit_balance_before(line_of.db, "3.20")
    before = line_of.db.connection.total_changes
    commit_balance_before(line_of.db, "3.20")

    assert line_of.db.connection.total_changes == before
