"""Figures for Prometheus, read by the parser of its own client."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import extent
import pytest
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from hypothesis import given, settings
from prometheus_client.parser import text_string_to_metric_families
from test_totals import LIVES, live

from hotlined import __version__
from hotlined.policy import WaitingFor
from hotlined.reports.metrics import FIGURES
from hotlined.states import AnswerState, ModemState, SendingState
from hotlined.store.answers import decisions
from hotlined.store.people import erasing

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAMES = {
    "hotlined_up": set(),
    "hotlined_build_info": {"version"},
    "hotlined_contacts_total": {"kind", "verdict", "reason"},
    "hotlined_answers_total": {"state"},
    "hotlined_segments_sent_total": set(),
    "hotlined_answers_queued": {"waiting_for"},
    "hotlined_budget_used_segments": {"window"},
    "hotlined_budget_limit_segments": {"window"},
    "hotlined_modem_state": {"state"},
    "hotlined_sending_state": {"state"},
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
        assert family.type == ("counter" if f"{family.name}_total" in NAMES else "gauge")
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert sample.timestamp is None  # the collector refuses a timestamp
            assert set(sample.labels) == NAMES[sample.name] | {"line"}
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def of(series: Series, name: str, **labels: str) -> dict[Any, float]:
    """Return the values of a name by its only label beside `line`, or by all labels if there are more."""
    found = {}
    for (each, pairs), value in series.items():
        rest = {key: word for key, word in pairs if key != "line"}
        if each == f"hotlined_{name}" and labels.items() <= rest.items():
            found[next(iter(rest.values()), "") if len(rest) < 2 else frozenset(rest.items())] = value
    return found


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
    """The values are those of `status` and `log`."""
    line.configure(credit={"ussd": "*121#", "pattern": r"(\d+[.,]\d+)"}, answer={"delay": "0s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=LEA, text="t'es où ?")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'sent'"), "the answer is sent")
    with closing(sqlite3.connect(line.database)) as db:
        db.execute("INSERT INTO events (at, at_limit, kind) VALUES ('2026-11-24T22:00:00.000Z', 0, 'restored')")
        db.execute("UPDATE line_state SET balance = '7.5'")
        db.commit()
    series = read(line.cli("metrics"))

    assert {name for name, _ in series} == NAMES.keys()
    assert {name: set(labels) for name, (labels, _) in FIGURES.items()} == NAMES
    assert all(dict(labels)["line"] == "fr" for _, labels in series)
    assert (one(series, "up"), of(series, "build_info")) == (1, {__version__: 1})
    assert of(series, "modem_state") == {state: float(state == "ready") for state in ModemState}
    assert of(series, "sending_state") == {
        state: float(state == "free") for state in SendingState if state != "no_daemon"
    }
    contact = {"kind": "text", "verdict": "answer", "reason": "first_contact"}
    assert of(series, "contacts_total") == {frozenset(contact.items()): 1}
    entered = {"queued", "sending", "sent"}
    assert of(series, "answers_total") == {state: float(state in entered) for state in AnswerState}
    sent = line.count("SELECT count(*) FROM answer_segments WHERE state = 'sent'")
    assert one(series, "segments_sent_total") == sent == of(series, "budget_used_segments")["hour"]
    assert of(series, "budget_limit_segments") == {"hour": 60, "day": 300, "month": 3000}
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
    assert names >= {"hotlined_answers_total", "hotlined_last_scan_timestamp_seconds", "hotlined_sending_state"}


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


def test_a_stopped_line_is_down_and_counted(filled: Filled) -> None:
    """Totals, pause and waiting answers need no daemon."""
    filled.judge(filled.text(sender=KEVIN), delay=3600)
    filled.judge(filled.text(sender=KEVIN))
    series = asked(filled)

    assert one(series, "up") == 0
    assert sum(of(series, "answers_queued").values()) == 1
    assert {dict(key)["reason"]: count for key, count in of(series, "contacts_total").items()} == {
        "first_contact": 1,
        "pending": 1,
    }
    decisions.pause(filled.db, "somebody", filled.now())
    series = asked(filled)
    assert of(series, "sending_state")["paused"] == 1
    assert of(series, "answers_queued")["due"] + of(series, "answers_queued")["paused"] == 1


@pytest.mark.parametrize("what", ["missing", "locked", "damaged"])
def test_an_unreadable_database_is_down(filled: Filled, what: str) -> None:
    """No total is invented; exit code 0 lets the file be renewed.

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
    assert names & {"hotlined_contacts_total", "hotlined_answers_total", "hotlined_budget_used_segments"} == set()


@settings(deadline=None, max_examples=extent.examples(15, 100))
@given(LIVES)
def test_totals_never_fall(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]) -> None:
    """No total decreases when contacts are erased, purged or renamed."""
    line = Filled(tmp_path_factory.mktemp("line"))
    with line.db:
        live(line, steps[: len(steps) // 2])
        before = asked(line)
        live(line, steps[len(steps) // 2 :])
        middle = asked(line)
        for number in ("+32470000000", "+32470000001", "+32470000002"):
            erasing.forget(line.db, number, "pi", line.now(), opts_out=lambda _: False)
        after = asked(line)
    for earlier, later in ((before, middle), (middle, after)):
        totals = {key: value for key, value in earlier.items() if key[0].endswith("_total")}
        assert all(later[key] >= value for key, value in totals.items())


def test_no_label_has_personal_data(filled: Filled) -> None:
    """Numbers, texts and tags are nowhere in the figures."""
    for number, text in ((KEVIN, "guet-apens"), (LEA, "bonjour")):
        contact = filled.text(text, sender=number)
        filled.judge(contact)
        decisions.tag(filled.db, contact, "menaces", "somebody", filled.now())
    filled.send()
    said = filled.run("metrics").stdout

    assert "hotlined_contacts_total" in said
    for secret in (KEVIN[1:], LEA[1:], "guet", "bonjour", "menaces", "somebody", "Non, c"):
        assert secret not in said
    words = re.findall(r'="([^"]*)"', said)
    assert all(re.fullmatch(r"[a-z_]{0,20}|\d+\.\d+\S*", word) for word in words)
