"""Figures for Prometheus, read by the parser of its own client."""

import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from needs import needs
from prometheus_client.parser import text_string_to_metric_families

from hotlined import __version__
from hotlined.reports.metrics import FIGURES
from hotlined.rules.policy import WaitingFor
from hotlined.states import ModemState, SendingState
from hotlined.store.answers import decisions

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAMES = {
    "hotlined_up": set(),
    "hotlined_build_info": {"version"},
    "hotlined_answers_queued": {"waiting_for"},
    "hotlined_budget_used_segments": {"window"},
    "hotlined_budget_limit_segments": {"window"},
    "hotlined_modem_state": {"state"},
    "hotlined_sending_state": {"state"},
    "hotlined_trouble": {"code"},
    "hotlined_signal_ratio": set(),
    "hotlined_storage_used": {"storage"},
    "hotlined_storage_slots": {"storage"},
    "hotlined_last_scan_timestamp_seconds": set(),
    "hotlined_last_contact_timestamp_seconds": set(),
    "hotlined_balance": set(),
    "hotlined_database_bytes": set(),
    "hotlined_restored_timestamp_seconds": set(),
}
"""The promised names, each with its labels beside `line`."""


def read(text: str) -> Series:
    """Return every sample of a text, checked as the collector does."""
    assert text.endswith("\n")
    found: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type == "gauge"
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert sample.timestamp is None  # the collector refuses a timestamp
            assert set(sample.labels) == NAMES[sample.name] | {"line"}
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def of(series: Series, name: str) -> dict[str, float]:
    """Return the values of a name by its label beside `line`; by "" if it has none."""
    return {
        next((word for key, word in pairs if key != "line"), ""): value
        for (each, pairs), value in series.items()
        if each == f"hotlined_{name}"
    }


def one(series: Series, name: str) -> float | None:
    """Return the value of a name without further labels; None if it is missing."""
    return of(series, name).get("")


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line without a daemon."""
    line = Filled(tmp_path)
    with line.db:
        yield line


def asked(line: Filled) -> Series:
    """Return the output of the command."""
    done = line.run("metrics")
    assert done.exit_code == 0, done.output
    return read(done.stdout)


def test_every_promised_figure_is_there(line: Line) -> None:
    """The values are those of `status --json`."""
    line.configure(credit={"ussd": "*121#", "pattern": r"(\d+[.,]\d+)", "alert_below": 10}, answer={"delay": "0s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=LEA, text="t'es où ?")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "the answer is sent")
    with closing(sqlite3.connect(line.database)) as db:
        db.execute("INSERT INTO events (at, at_limit, kind) VALUES ('2026-11-24T22:00:00.000Z', 0, 'restored')")
        db.execute("UPDATE line_state SET balance = '7.5'")
        db.commit()
    series = read(line.cli("metrics"))
    known = json.loads(line.cli("status", "--json"))

    assert {name for name, _ in series} == NAMES.keys()
    assert {name: set(labels) for name, (labels, _) in FIGURES.items()} == NAMES
    assert all(dict(labels)["line"] == "fr" for _, labels in series)
    assert (one(series, "up"), of(series, "build_info")) == (1, {__version__: 1})
    assert of(series, "modem_state") == {state: float(state == "ready") for state in ModemState}
    assert of(series, "sending_state") == {
        state: float(state == "free") for state in SendingState if state != "no_daemon"
    }
    assert of(series, "trouble") == {"credit_low": 1} == dict.fromkeys((one["code"] for one in known["trouble"]), 1)
    for name in ("used", "limit"):
        assert of(series, f"budget_{name}_segments") == {window: one[name] for window, one in known["budgets"].items()}
    assert of(series, "answers_queued") == dict.fromkeys(WaitingFor, 0)
    assert of(series, "storage_used").keys() == of(series, "storage_slots").keys() != set()
    assert 0 < (one(series, "signal_ratio") or 0) <= 1
    assert (one(series, "last_contact_timestamp_seconds") or 0) > 1.7e9
    assert (one(series, "last_scan_timestamp_seconds") or 0) > 1.7e9
    assert one(series, "restored_timestamp_seconds") == 1_795_557_600
    assert one(series, "balance") == 7.5
    assert (one(series, "database_bytes") or 0) >= line.database.stat().st_size


def test_a_daemon_that_was_killed_is_down_at_once(line: Line) -> None:
    """The modem's values disappear; those of the database stay."""
    line.start()
    line.wait_state("ready")
    assert one(read(line.cli("metrics")), "up") == 1
    assert line.daemon
    line.daemon.send_signal(signal.SIGKILL)
    line.daemon.wait()
    series = read(line.cli("metrics"))

    assert one(series, "up") == 0
    names = {name for name, _ in series}
    assert not names & {"hotlined_modem_state", "hotlined_signal_ratio", "hotlined_storage_used"}
    assert names >= {"hotlined_answers_queued", "hotlined_last_scan_timestamp_seconds", "hotlined_sending_state"}
    assert of(series, "trouble") == {"not_alive": 1}


def test_figures_write_nothing_to_the_card(line: Line) -> None:
    """Each file of the idle line stays untouched."""
    line.start()
    line.wait_state("ready")
    line.cli("metrics")

    def files() -> dict[str, tuple[int, bytes]]:
        paths = line.database.parent.glob(f"{line.database.name}*")
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    before = files()
    line.cli("metrics")

    assert files() == before


def test_a_stopped_line_is_down_and_has_its_queue(filled: Filled) -> None:
    """Pause and waiting answers need no daemon."""
    filled.judge(filled.text(sender=KEVIN), delay=3600)
    filled.judge(filled.text(sender=KEVIN))
    series = asked(filled)

    assert one(series, "up") == 0
    assert sum(of(series, "answers_queued").values()) == 1
    decisions.pause(filled.db, "somebody", filled.now())
    series = asked(filled)
    assert of(series, "sending_state")["paused"] == 1
    assert of(series, "answers_queued")["due"] + of(series, "answers_queued")["paused"] == 1


@pytest.mark.parametrize("what", ["missing", "locked", "damaged"])
def test_an_unreadable_database_is_down(filled: Filled, what: str) -> None:
    """No figure is invented; exit code 0 lets the file be renewed.

    This holds even beside a living daemon.
    """
    filled.judge(filled.text())
    filled.daemon_runs(modem=ModemState.READY)
    assert one(asked(filled), "up") == 1
    filled.db.close()
    if what == "missing":
        filled.database.unlink()
    if what == "damaged":
        for path in filled.folder.glob("hotlined.db-*"):
            path.unlink()
        filled.database.write_bytes(b"no database" * 1000)
    with closing(sqlite3.connect(filled.folder / "other.db" if what != "locked" else filled.database)) as other:
        if what == "locked":
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
        series = asked(filled)

    names = {name for name, _ in series}
    assert one(series, "up") == 0
    assert of(series, "modem_state")["ready"] == 1
    assert names & {"hotlined_answers_queued", "hotlined_balance", "hotlined_budget_used_segments"} == set()
    assert of(series, "trouble") == {f"database_{what}": 1}


@needs("promtool")
def test_promtool_finds_nothing_to_say_about_the_figures(filled: Filled) -> None:
    """Their names, units and helps are as Prometheus wants them."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=filled.run("metrics").stdout,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_trouble_of_two_countries_is_one_figure(filled: Filled) -> None:
    """The collector would refuse the file for a sample that comes twice."""
    row = "INSERT INTO country_outages (country, since, since_limit, due) VALUES (?, '2026-11-24T22:00:00.000Z', 0, 0)"
    filled.db.connection.executemany(row, [("BE",), ("FR",)])

    assert of(asked(filled), "trouble")["country_outage"] == 1


def test_no_label_has_personal_data(filled: Filled) -> None:
    """Numbers, texts and tags are nowhere in the figures."""
    for number, text in ((KEVIN, "guet-apens"), (LEA, "bonjour")):
        contact = filled.text(text, sender=number)
        filled.judge(contact)
        decisions.tag(filled.db, contact, "menaces", "somebody", filled.now())
    filled.send()
    said = filled.run("metrics").stdout

    assert "hotlined_answers_queued" in said
    for secret in (KEVIN[1:], LEA[1:], "guet", "bonjour", "menaces", "somebody", "Non, c"):
        assert secret not in said
    words = re.findall(r'="([^"]*)"', said)
    assert all(re.fullmatch(r"[a-z_]{0,20}|\d+\.\d+\S*", word) for word in words)
