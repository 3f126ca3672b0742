"""`hotlined alerts`: each alert is sent once and its end once, whatever is killed, refused or broken in between."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import store_steps
from conftest import PATIENCE_SECONDS, Line, wait_until
from filled import Filled
from running import CliRunner

from hotlined import config as configuration
from hotlined.alerts import run as alerts_run
from hotlined.alerts import texting as by_text
from hotlined.alerts.delivery import find
from hotlined.alerts.note import open_note
from hotlined.cli import main
from hotlined.gsm.alphabet import plan
from hotlined.language import Language
from hotlined.machine.clock import boottime
from hotlined.reports.overview import report_line
from hotlined.reports.seen import see
from hotlined.rules import recognition
from hotlined.simulator import pdus
from hotlined.status import DaemonStatus, DaemonTrouble, ModemStatus
from hotlined.status import find as find_status
from hotlined.store.answers import decisions, tells
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.file.trouble import LackingRight
from hotlined.store.line import events, requests
from hotlined.store.line.alerting import Alert
from hotlined.store.line.line_row import save_limit_clock

ADMIN = "+32470999888"
SECRET = "s3cr3t-t0k3n"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


# ---- channels


class Receiver:
    """A web server for alerts and pings that keeps paths and bodies; paths in `refused` get a 500."""

    def __init__(self) -> None:
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.refused: set[str] = set()
        self.before_answer: Callable[[], object] = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.came.append((self.path, json.loads(body) if body else {}))
                receiver.before_answer()
                self.send_response(500 if self.path in receiver.refused else 200)
                self.end_headers()

            do_GET = do_POST  # noqa: N815  # the name is http.server's

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def titles(self, path: str = "/a") -> list[str]:
        """Return the titles of a path's alerts, and clear the list."""
        titles = [body["title"] for at, body in self.came if at == path]
        self.came.clear()
        return titles

    def pings(self) -> int:
        """Count the pings so far."""
        return [path for path, _ in self.came].count(f"/{SECRET}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


class Quiet(Filled):
    """A line whose status file plays the daemon, and whose alerts go to the receiver's paths."""

    def __init__(self, folder: Path, receiver: Receiver, **alerts: Any) -> None:
        urls = {"urls": [f"json://user:{SECRET}@{receiver.address}/a"]}
        super().__init__(folder, alerts=urls | alerts)
        with self.db.transaction():
            save_limit_clock(self.db, self.db.now())  # as a daemon does at its start
        self.say()

    def say(self, state: str = "ready", database_state: str = "ok", **more: Any) -> None:
        """Write the daemon's status file."""
        status = DaemonStatus(
            pid=os.getpid(),
            database=str(self.database),
            modem=ModemStatus(state, datetime.now(UTC).isoformat()),
            database_state=database_state,
            trouble=() if state == "ready" else (DaemonTrouble(state, since=datetime.now(UTC).isoformat()),),
            pass_boottime=boottime(),
        )
        path = self.folder / "run" / "main" / "status.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(replace(status, **more).to_json())

    def alerts(self, *arguments: str) -> tuple[int, str]:
        """Run the command; return its exit code and its output, which must not have a secret."""
        result = self.run("alerts", *arguments)
        assert SECRET not in result.output
        assert ADMIN not in result.output
        return result.exit_code, result.output

    def event(self, kind: str) -> None:
        """Record an event as the daemon does."""
        with self.db.transaction():
            events.record(self.db, self.db.now(), kind, detail={"contacts": 61, "seconds": 600})

    def later(self, seconds: float) -> None:
        """Let time pass: make what is recorded older."""
        older = "(SELECT json_group_object(key, value - ?) FROM json_each(alerts_since))"
        self.db.connection.execute(f"UPDATE line_state SET alerts_since = {older}", (seconds,))
        self.db.connection.execute("UPDATE alerts SET at_limit = at_limit - ?", (seconds,))


@pytest.fixture
def quiet(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Quiet]]:
    """Give a maker of lines; the system's temporary folder is the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made: list[Quiet] = []

    def make(**alerts: Any) -> Quiet:
        made.append(Quiet(tmp_path, receiver, **alerts))
        made[0].alerts()
        receiver.came.clear()
        return made[0]

    yield make
    for line in made:
        line.db.close()


def test_a_well_line_is_quiet(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Nothing is sent, printed or written."""
    line = quiet()
    version = line.db.changed_elsewhere()

    assert line.alerts() == (0, "")
    assert receiver.came == []
    assert line.db.changed_elsewhere() == version


def test_each_alert_is_sent_once_and_its_end_once(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Progress outlives a run; an alert has title, cure and time."""
    line = quiet()
    line.say("absent")
    line.event("flood_begin")
    assert line.alerts() == (0, "alerts.urls entry 1: hotlined fr: a flood of texts\n")
    ((_, body),) = receiver.came
    assert body["type"] == "warning"
    assert body["message"].startswith("61 contacts in 600 s. The limits bound")
    assert re.fullmatch("[0-9]+ [A-Z][a-z]{2} 20[0-9]{2} [0-9]{2}:[0-9]{2}", body["message"].splitlines()[1])
    receiver.came.clear()
    line.later(600)
    line.alerts()
    line.alerts()
    assert receiver.titles() == ["hotlined fr: the modem is lost"]
    line.say("ready")
    line.event("flood_end")
    line.alerts()
    assert {body["type"] for _, body in receiver.came} == {"success"}
    assert receiver.titles() == ["hotlined fr: the flood is over", "hotlined fr: the modem is ready"]
    line.alerts()
    assert receiver.came == []


def test_the_end_of_the_sim_is_sent_by_level(
    quiet: Callable[..., Quiet], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts come from sixty days before, and after a top-up.

    A wrong clock sends none.
    """
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: True)
    line = quiet()
    line.config.write_text(json.dumps(line.settings | {"credit": {"valid_for": "365d"}}))

    def told(days_ago: float) -> list[tuple[str, str]]:
        receiver.came.clear()
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        decisions.top_up(line.db, at, "anna", line.db.now())
        line.alerts()
        line.alerts()
        return [(body["title"].partition(": ")[2], body["message"].splitlines()[0]) for _, body in receiver.came]

    assert told(1) == []
    ((title, words),) = told(310)
    assert title == "the SIM is switched off in 55 days"
    assert re.fullmatch(r"On .* 20.. its number is lost\. Top it up, then say so: 'hotlined sim topup'\.", words)
    assert told(311) == []
    assert [title for title, _ in told(360)] == ["the SIM is switched off in 5 days"]
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: False)
    assert told(400) == []
    monkeypatch.setattr("hotlined.machine.clock.synchronised", lambda: True)
    assert [title for title, _ in told(401)] == ["the SIM may be switched off"]
    ((title, words),) = told(0)
    assert title == "the SIM's life counts from the beginning"
    assert words == "It was topped up."


KEY_LOST = "key_lost_at = '2026-11-24T12:00:00.000Z'"


def age(line: Quiet, column: str, seconds: float) -> None:
    """Make a beginning on the limit clock, and the alerts, this much older."""
    line.db.connection.execute(f"UPDATE line_state SET {column} = {column} - ?", (seconds,))
    line.db.connection.execute("UPDATE alerts SET at_limit = at_limit - ?", (seconds,))


def test_a_forgotten_pause_is_sent_with_its_cure(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Person and time are named; it is repeated daily, without pings.

    Its end is sent once.
    """
    line = quiet(ping=f"http://{receiver.address}/{SECRET}")
    decisions.pause(line.db, "marie", line.db.now())
    (line.folder / "run" / "main" / "alerts.json").unlink()
    assert line.alerts() == (0, "")
    assert receiver.came == []
    age(line, "paused_limit", 3600)
    for _ in range(2):
        line.alerts()
    ((_, body),) = receiver.came
    assert body["title"] == "hotlined fr: the line is paused"
    assert re.match(
        "Since [0-9]+ [A-Z][a-z]+ [0-9:]+: Paused by marie: nothing is sent. 'hotlined resume'", body["message"]
    )
    age(line, "paused_limit", 86_400)
    for _ in range(2):
        line.alerts()
    decisions.resume(line.db, "marie", line.db.now())
    for _ in range(2):
        line.alerts()

    assert receiver.pings() == 1
    assert receiver.titles() == ["hotlined fr: the line is paused"] * 2 + ["hotlined fr: the pause is over"]


def test_a_locked_database_ends_nothing(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The report, which could not be made, says nothing of a pause or of missing credit."""
    line = quiet()
    decisions.pause(line.db, "marie", line.db.now())
    age(line, "paused_limit", 3600)
    line.db.connection.execute("UPDATE line_state SET breaker_cause = 'credit'")
    line.alerts()
    told = receiver.titles()
    config = configuration.load(line.config)
    report = report_line(config)
    statuses = find_status(config.runtime_dir, config.name, config.database)
    locked = see(config, statuses, None, "locked", None, report.disk)
    run = alerts_run.Run(config, find(config), replace(report, stored=None, seen=locked), say=print, complain=print)
    run.send_due()

    assert told == ["hotlined fr: the line is paused", "hotlined fr: the SIM cannot pay"]
    assert receiver.came == []


def test_the_disk_of_the_database_is_checked(
    quiet: Callable[..., Quiet], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk is not looked at; 1 % is free."""
    line = quiet()
    use = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: {line.folder: use(10**11, 99 * 10**9, 10**9)}[path])
    line.alerts()

    assert receiver.titles() == ["hotlined fr: the disk is nearly full"]
    report = report_line(configuration.load(line.config))
    assert report.maybe("disk_low")
    assert report.ready  # it is a note in `status`


def test_a_first_run_tells_all_that_holds_in_one_alert(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Later ones tell each change by itself, and the end of what was told together."""
    line = quiet()
    line.db.connection.execute("UPDATE line_state SET alerts_event = NULL")
    assert line.alerts("--test")[0] == 0
    receiver.came.clear()
    line.event("flood_begin")
    line.db.connection.execute(
        "UPDATE line_state SET breaker_cause = 'credit', key_lost_at = '2026-11-24T12:00:00.000Z'"
    )
    shown = line.alerts("--dry-run")[1]
    line.alerts()
    line.alerts()
    line.db.connection.execute("UPDATE line_state SET breaker_cause = NULL")
    line.alerts()

    named = "a flood of texts; a key of the pseudonyms is lost; the SIM cannot pay"
    assert f"3 things are wrong. 'hotlined status' says what helps: {named}." in shown
    assert receiver.titles() == ["hotlined fr: 3 things are wrong", "hotlined fr: answers go out again"]


def test_an_outage_that_is_about_credit_is_not_over(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Both end with the answer that is taken."""
    line = quiet()
    for cause in ("'outage'", "'credit'", "NULL"):
        line.db.connection.execute(f"UPDATE line_state SET breaker_cause = {cause}")
        line.alerts()

    titles = ["nothing leaves", "the SIM cannot pay", "answers go out again"]
    assert receiver.titles() == [f"hotlined fr: {title}" for title in titles]


def test_between_two_bounds_a_full_disk_stays_told(
    quiet: Callable[..., Quiet], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room that comes and goes makes one alert."""
    line = quiet()
    use = type(shutil.disk_usage("/"))
    for free in (4, 6, 4, 9, 10, 9):  # percent
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: use(10**11, 0, free * 10**9))
        line.alerts()

    assert receiver.titles() == ["hotlined fr: the disk is nearly full", "hotlined fr: the disk has room again"]


def test_a_failed_channel_is_tried_again_alone(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """It gets its alerts in order; the failure is a sentence."""
    line = quiet(urls=[f"json://{receiver.address}/{path}/?token={SECRET}" for path in "ab"])
    a, b = (f"/{path}/" for path in "ab")
    receiver.came.clear()
    receiver.refused = {b}
    line.event("flood_begin")
    line.event("flood_end")
    code, output = line.alerts()
    assert code == 1
    assert output.splitlines()[-1] == "alerts.urls entry 2 did not take an alert; it is tried again by the next run."
    assert len([path for path, _ in receiver.came if path.startswith(a)]) == 2
    receiver.came.clear()
    receiver.refused = set()

    assert line.alerts()[0] == 0
    assert receiver.titles(b) == ["hotlined fr: a flood of texts", "hotlined fr: the flood is over"]
    line.alerts()
    assert receiver.came == []


def test_an_alert_is_given_up_after_a_day(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """A channel repaired later gets no old alerts."""
    line = quiet()
    receiver.refused = {"/a"}
    line.event("flood_begin")
    assert line.alerts()[0] == 1
    line.later(86_300)
    assert line.alerts()[0] == 1
    line.later(200)
    receiver.came.clear()

    assert line.alerts() == (0, "")
    assert receiver.came == []


def test_killed_between_sending_and_recording(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The alert is repeated once, and never lost."""
    line = quiet()
    line.event("flood_begin")
    command = subprocess.Popen([sys.executable, "-m", "hotlined", "--config", str(line.config), "alerts"])
    receiver.before_answer = command.kill
    assert command.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    receiver.before_answer = lambda: None
    line.alerts()
    line.alerts()

    assert receiver.titles() == ["hotlined fr: a flood of texts"] * 2


def test_an_alert_that_cannot_be_recorded_is_not_sent(
    quiet: Callable[..., Quiet], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A locked database ends the run with 1."""
    monkeypatch.setattr("hotlined.store.file.opening.BUSY_SECONDS", 0.1)
    line = quiet()
    line.event("flood_begin")
    line.db.connection.execute("BEGIN IMMEDIATE")
    code, output = line.alerts()
    line.db.connection.execute("ROLLBACK")

    assert (code, "locked" in output) == (1, True)
    assert receiver.came == []
    assert line.alerts()[0] == 0
    assert receiver.titles() == ["hotlined fr: a flood of texts"]


def test_an_alert_whose_delivery_cannot_be_recorded_is_not_repeated(
    quiet: Callable[..., Quiet], receiver: Receiver
) -> None:
    """The damage of the database is sent once instead."""
    line = quiet()
    line.db.connection.execute(
        "CREATE TRIGGER full BEFORE UPDATE ON alert_deliveries BEGIN SELECT raise(ABORT, 'full'); END"
    )
    line.event("flood_begin")
    for _ in range(3):
        line.alerts()
    assert receiver.titles() == ["hotlined fr: the database is damaged"]
    line.db.connection.execute("DROP TRIGGER full")
    line.alerts()
    line.alerts()

    assert receiver.titles() == ["hotlined fr: a flood of texts", "hotlined fr: the database is fine again"]


def test_the_note_keeps_the_words_of_an_alert(quiet: Callable[..., Quiet]) -> None:
    """They are recorded once the database can be used."""
    line = quiet()
    words = "The daemon cannot use its database: the disk is full. Make room."
    note = {"pinged": None, "trouble": "full", "words": words, "at": "2026-11-24T22:00:00.000Z", "taken": []}
    (line.folder / "run" / "main" / "alerts.json").write_text(json.dumps(note))
    line.alerts()
    row = line.db.one("SELECT text, at FROM alerts WHERE condition = 'database' AND level = 1")
    again = json.loads((line.folder / "run" / "main" / "alerts.json").read_text())

    assert row is not None
    assert tuple(row) == (words, note["at"])
    assert again.keys() == note.keys()


def test_one_url_twice_is_one_channel(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Each alert goes there once."""
    line = quiet(urls=[f"json://{receiver.address}/a"] * 2)
    line.event("flood_begin")
    line.alerts()

    assert receiver.titles() == ["hotlined fr: a flood of texts"]


def test_dry_run_prints_and_changes_nothing(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The printed alert names its channel, and stays due."""
    line = quiet()
    line.event("flood_begin")
    code, output = line.alerts("--dry-run")

    assert code == 0
    assert output.startswith("alerts.urls entry 1: hotlined fr: a flood of texts. 61 contacts in 600 s. ")
    assert receiver.came == []
    line.alerts()
    assert receiver.titles() == ["hotlined fr: a flood of texts"]
    assert line.alerts("--dry-run") == (0, "Nothing is due.\n")


def test_the_test_option_tries_every_channel(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """An unreachable one gives 1, and is not tried again later."""
    line = quiet(ping=f"http://{receiver.address}/{SECRET}", sms_to=ADMIN)
    assert receiver.came == []
    line.say("absent")
    code, output = line.alerts("--test")

    assert code == 1
    assert set(output.splitlines()) == {
        "alerts.urls entry 1: hotlined fr: a test",
        "alerts.sms_to is left out: its modem is not ready.",
        "alerts.ping is left out: it is asked only while all is well.",
    }
    assert receiver.titles() == ["hotlined fr: a test"]
    line.say("ready")
    assert line.alerts() == (0, "")


def test_the_test_option_pings(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The line must be well; a failure is reported."""
    line = quiet(urls=[], ping=f"http://{receiver.address}/{SECRET}")
    assert line.alerts("--test") == (0, "alerts.ping: heard\n")
    assert receiver.pings() == 1
    receiver.refused = {f"/{SECRET}"}

    assert line.alerts("--test")[0] == 1


def test_dry_run_and_test_exclude_each_other(quiet: Callable[..., Quiet]) -> None:
    """`--dry-run` and `--test` together are a usage error."""
    assert quiet().alerts("--dry-run", "--test")[0] == 2


def test_without_apprise_the_installation_is_named(
    quiet: Callable[..., Quiet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 1, and the alerts stay due."""
    line = quiet()
    line.event("flood_begin")
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert line.alerts() == (1, "alerts.urls needs Apprise, which is missing: sudo apt install apprise.\n")
    monkeypatch.undo()
    assert line.alerts() == (0, "alerts.urls entry 1: hotlined fr: a flood of texts\n")
    assert line.alerts("--test") == (0, "alerts.urls entry 1: hotlined fr: a test\n")


def test_a_url_that_apprise_rejects_is_named_by_its_place(quiet: Callable[..., Quiet]) -> None:
    """The URL itself is not shown."""
    line = quiet(urls=[f"nonsense://{SECRET}"])
    line.event("flood_begin")

    assert line.alerts() == (
        1,
        "alerts.urls entry 1 is not a URL that Apprise knows; the next run tries it again.\n",
    )


def test_no_library_logs_a_secret(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Records of Apprise and its libraries do not reach the journal."""
    line = quiet(urls=[f"nonsense://{SECRET}", f"json://127.0.0.1:1/{SECRET}", f"json://{receiver.address}/{SECRET}"])
    receiver.refused = {f"/{SECRET}"}
    line.event("flood_begin")
    done = subprocess.run(
        [sys.executable, "-m", "hotlined", "--config", str(line.config), "alerts"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3
    assert SECRET not in done.stderr + done.stdout


def test_an_alert_without_a_channel_stays_due(quiet: Callable[..., Quiet]) -> None:
    """A channel added later gets it."""
    line = quiet(urls=[])
    line.event("flood_begin")
    code, output = line.alerts()

    assert (code, "nowhere" in output) == (0, True)
    assert line.db.one("SELECT 1 FROM alerts") is None


def test_a_run_without_a_channel_loads_nothing(quiet: Callable[..., Quiet]) -> None:
    """It costs each line a start of Python every five minutes, and no more."""
    line = quiet(urls=[])
    words = [sys.executable, "-X", "importtime", "-m", "hotlined", "--config", str(line.config), "alerts"]
    done = subprocess.run(words, text=True, capture_output=True, check=True)

    assert "nowhere" in done.stdout
    assert "hotlined.config.loading" in done.stderr
    assert "hotlined.store" not in done.stderr


def test_no_database_is_69(quiet: Callable[..., Quiet]) -> None:
    """There is none before the daemon's first start."""
    line = quiet()
    line.db.close()
    for path in line.folder.glob("hotlined.db*"):
        path.unlink()

    assert line.alerts()[0] == 69


def test_a_second_run_at_once_is_refused(quiet: Callable[..., Quiet]) -> None:
    """Nothing may be sent twice."""
    line = quiet()
    with open_note(configuration.load(line.config)):
        assert line.alerts()[0] == 75


@pytest.mark.parametrize("content", ["", "{", "[]", "1", '{"else": 1}'])
def test_a_truncated_note_is_ignored(quiet: Callable[..., Quiet], content: str) -> None:
    """A crash can truncate it, which costs at most one repetition."""
    line = quiet()
    (line.folder / "run" / "main" / "alerts.json").write_text(content)

    assert line.alerts() == (0, "")


@pytest.mark.parametrize("trap", ["link", "fifo", "stranger"])
def test_a_trap_in_place_of_the_note_is_removed(quiet: Callable[..., Quiet], tmp_path: Path, trap: str) -> None:
    """It is not read; a link's target stays unchanged."""
    line, target = quiet(), tmp_path / "target"
    note = line.folder / "run" / "main" / "alerts.json"
    note.unlink()
    target.write_text("kept")
    if trap == "stranger":
        note.touch(0o666)
        if os.getuid() == 0:
            os.chown(note, 12345, -1)
    else:
        {"link": lambda: note.symlink_to(target), "fifo": lambda: os.mkfifo(note)}[trap]()

    assert line.alerts() == (0, "")
    assert target.read_text() == "kept"
    assert (note.is_file(), note.lstat().st_mode & 0o777, note.lstat().st_uid) == (True, 0o600, os.getuid())


def test_a_note_that_cannot_be_written_is_an_error(quiet: Callable[..., Quiet]) -> None:
    """A folder in its place is named."""
    line = quiet()
    note = line.folder / "run" / "main" / "alerts.json"
    note.unlink()
    note.mkdir()
    code, said = line.alerts()

    assert (code, str(note) in said) == (1, True)


# ---- all is well


def test_a_ping_goes_out_hourly_while_all_is_well(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """A boot causes one, too."""
    line = quiet(urls=[], ping=f"http://{receiver.address}/{SECRET}")
    note = line.folder / "run" / "main" / "alerts.json"
    first = json.loads(note.read_text())["pinged"]
    line.alerts()
    assert receiver.pings() == 0
    for pinged, pings in ((first - 3600, 1), (first + 86_400, 2)):
        note.write_text(json.dumps({"pinged": pinged}))
        assert line.alerts() == (0, "")
        assert receiver.pings() == pings


def test_an_empty_answers_file_is_sent_until_it_has_a_text(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """One that a reload refused counts, too: a restart would use it."""
    line = quiet(ping=f"http://{receiver.address}/{SECRET}")
    line.config.write_text(json.dumps(line.settings | {"answer": {"text_file": "main.txt"}}))
    refused = DaemonTrouble("answer_refused")
    for text, trouble, titles in (
        ("Non.\n---\n", (refused,), ["the answer's file cannot be used"]),
        ("", (), ["the answer has no text"]),
        ("", (), []),
        ("Non.", (), ["the answer is fine again"]),
    ):
        (line.folder / "main.txt").write_text(text)
        line.say(trouble=trouble, config=str(line.config), in_force="answer: {text: Oui.}" if trouble else "")
        line.alerts()
        assert receiver.titles() == [f"hotlined fr: {title}" for title in titles]


@pytest.mark.parametrize("trouble", [{"state": "absent"}, {"pid": 2**22 + 1}, {"database_state": "locked"}])
def test_no_ping_goes_out_during_a_trouble(
    quiet: Callable[..., Quiet], receiver: Receiver, trouble: dict[str, Any]
) -> None:
    """The watcher must notice."""
    line = quiet(urls=[], ping=f"http://{receiver.address}/{SECRET}")
    (line.folder / "run" / "main" / "alerts.json").unlink()
    line.say(**trouble)
    line.alerts()

    assert receiver.pings() == 0


def test_no_ping_goes_out_while_the_line_is_held(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """A lost key, a pause or an outage holds it."""
    line = quiet(urls=[], ping=f"http://{receiver.address}/{SECRET}")
    for held in (
        "key_lost_at = '2026-11-24T12:00:00.000Z'",
        "paused_at = '2026', paused_by = 'pi'",
        "breaker_cause = 'outage'",
        "",
    ):
        (line.folder / "run" / "main" / "alerts.json").unlink(missing_ok=True)
        line.db.connection.execute("UPDATE line_state SET key_lost_at = NULL, paused_at = NULL, breaker_cause = NULL")
        line.db.connection.execute(f"UPDATE line_state SET {held or 'id = 1'}")
        line.alerts()
        assert receiver.pings() == (0 if held else 1)


def test_a_failed_ping_is_a_failure(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The URL is not named; the next run tries again."""
    line = quiet(urls=[], ping=f"http://{receiver.address}/{SECRET}")
    note = line.folder / "run" / "main" / "alerts.json"
    note.unlink()
    receiver.refused = {f"/{SECRET}"}
    refused = line.alerts()
    line.settings["alerts"]["ping"] = f"http://127.0.0.1:1/{SECRET}"
    line.config.write_text(json.dumps(line.settings))

    assert refused == (1, "alerts.ping was not heard (status 500); it is tried again by the next run.\n")
    assert line.alerts() == (1, "alerts.ping was not heard (no answer); it is tried again by the next run.\n")


# ---- a configuration in trouble


def test_a_broken_configuration_still_sends_alerts(
    quiet: Callable[..., Quiet], receiver: Receiver, tmp_path: Path
) -> None:
    """The daemon names the file of the addresses; the end is sent."""
    (tmp_path / "urls").write_text(f"json://user:{SECRET}@{receiver.address}/a\n")
    line = quiet(urls=[], urls_file="urls", ping=f"http://{receiver.address}/{SECRET}")
    sound = line.config.read_text()
    config = configuration.load(line.config)
    line.say(config=str(line.config), in_force=configuration.in_force(config))
    line.config.write_text(json.dumps(line.settings | {"mod": "live"}))
    assert SECRET not in (line.folder / "run" / "main" / "status.json").read_text()
    for _ in range(2):
        assert line.alerts()[0] == 0
        line.later(600)
    assert receiver.pings() == 0
    assert receiver.titles() == ["hotlined fr: the configuration cannot be used"]
    line.config.write_text(sound)
    line.alerts()

    assert receiver.titles() == ["hotlined fr: the configuration can be used again"]


def test_broken_addresses_of_alerts_are_78(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """No daemon tells the URLs of config.yaml, which are secrets; the run does not look like one without alerts."""
    line = quiet()
    line.say(config=str(line.config), in_force=configuration.in_force(configuration.load(line.config)))
    line.config.write_text(json.dumps(line.settings | {"mod": "live"}))

    code, said = line.alerts()
    assert code == 78
    assert "where alerts go cannot be read from it" in said
    assert receiver.came == []


# ---- a database in trouble


def test_a_damaged_database_is_sent_without_it(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Each URL gets alert and end once, despite a second attempt.

    A text message follows both.
    """
    line = quiet(urls=[f"json://{receiver.address}/{path}" for path in "ab"], sms_to=ADMIN)
    line.db.close()
    whole = line.database.read_bytes()
    line.database.write_bytes(b"not a database, but long enough to look at " * 50)
    receiver.refused = {"/b"}
    assert line.alerts()[0] == 1
    assert receiver.titles("/a") == ["hotlined fr: the database is damaged"]
    receiver.refused = set()
    assert line.alerts() == (0, "alerts.urls entry 2: hotlined fr: the database is damaged\n")
    assert line.alerts() == (0, "")
    line.database.write_bytes(whole)
    line.say("absent")
    receiver.came.clear()
    line.alerts()
    line.alerts()

    assert [(path, body["title"]) for path, body in receiver.came] == [
        (path, "hotlined fr: the database is fine again") for path in ("/a", "/b")
    ]
    assert [text.partition(". ")[0] for text in line.alerts("--dry-run")[1].splitlines()] == [
        f"alerts.sms_to: hotlined fr: the database is {state}" for state in ("damaged", "fine again")
    ]


def test_database_trouble_of_the_daemon_is_sent(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """The daemon alone cannot write; other alerts are sent, too."""
    line = quiet()
    denied = DaemonTrouble("database_denied", LackingRight.NOT_WRITABLE)
    line.say(database_state="denied", trouble=(denied,))
    line.event("flood_begin")
    line.alerts()
    line.alerts()
    assert receiver.came[0][1]["message"].startswith(
        "The daemon cannot use its database: it may not be written by this user."
    )  # it is not reported as full
    assert receiver.titles() == ["hotlined fr: the daemon may not use its database", "hotlined fr: a flood of texts"]
    line.say()
    line.alerts()
    line.alerts()

    assert receiver.titles() == ["hotlined fr: the database is fine again"]


def test_a_database_of_another_version_causes_no_alert(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Such a database asks for a restart."""
    line = quiet()
    line.db.connection.execute("UPDATE _sqlite_migrations SET name = 'later' WHERE id = 1")

    assert line.alerts()[0] == 78
    assert receiver.came == []


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (sqlite3.SQLITE_FULL, "full"),
        (sqlite3.SQLITE_BUSY, "locked"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_IOERR, "damaged"),
        (sqlite3.SQLITE_READONLY, None),
    ],
)
def test_each_error_of_sqlite_has_its_state(code: int, state: str | None) -> None:
    """A lacking right is not a failing card."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code

    assert alerts_run.maybe_database_state(error) == state


# ---- an outage, through the daemon


def test_an_outage_and_its_end_are_sent(line: Line, receiver: Receiver) -> None:
    """The pings stop; the first taken answer ends the outage."""
    ping = f"http://{receiver.address}/{SECRET}"
    line.configure(alerts={"urls": [f"json://{receiver.address}/a"], "ping": ping})
    line.sim.do("fault", kind="error", command="+CMGS", cms=42)
    line.start(timing={"trial_after": [3600.0], "trial_gap": 0.0})
    line.wait_state("ready")
    assert alert(line) == (0, "")
    assert receiver.pings() == 1
    for number in range(3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text="un")
    wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'outage_begin'"))
    (line.folder / "run" / "main" / "alerts.json").unlink()
    for _ in range(2):
        alert(line)
    assert receiver.pings() == 1
    assert receiver.titles() == ["hotlined fr: nothing leaves"]
    told = json.loads(line.cli("status", "--json", check=False))
    assert [each["code"] for each in told["trouble"]] == ["outage"]
    assert (told["sending"]["state"], told["sending"]["reason"]) == ("trial", "outage")

    line.sim.do("clear", what="faults")
    line.cli("pause")
    line.cli("resume")
    wait_until(lambda: len(line.submitted()) == 3)
    for _ in range(2):
        alert(line)
    assert receiver.pings() == 1
    assert receiver.titles() == ["hotlined fr: answers go out again"]
    line.cli("status")


# ---- text messages, through the daemon


_COST = "The limits bound what it can cost; 'hotlined pause' stops all answers."
BEGIN = (ADMIN, f"hotlined fr: a flood of texts. 61 contacts in 600 s. {_COST}")
END = (ADMIN, "hotlined fr: the flood is over. It brought 61 contacts in 600 s.")


def flood(line: Line, kind: str) -> None:
    """Record an event of the daemon about a flood."""
    detail = json.dumps({"contacts": 61, "seconds": 600})
    with sqlite3.connect(line.database) as db:
        db.execute("INSERT INTO events (at, kind, detail) VALUES (?, ?, ?)", (NOON.isoformat(), kind, detail))
    db.close()


def texts(line: Line) -> list[tuple[str, str]]:
    """Return the texts that left from the SIM."""
    return [(sent["recipient"], sent["text"]) for sent in line.submitted()]


def alert(line: Line) -> tuple[int, str]:
    """Run the command; return its exit code and its output."""
    done = CliRunner().invoke(main, ["--config", str(line.config), "alerts"])
    return done.exit_code, done.output


@pytest.fixture
def texting(line: Line) -> Line:
    """Give a running, ready line that texts its alerts to the admin and has sent all so far."""
    line.configure(alerts={"sms_to": ADMIN})
    line.start()
    line.wait_state("ready")
    assert alert(line) == (0, "")
    return line


def test_texted_alerts_are_limited_by_day(texting: Line) -> None:
    """The limit sms_per_day is for all runs together."""
    texting.configure(alerts={"sms_per_day": 1})
    flood(texting, "flood_begin")
    assert alert(texting) == (0, "alerts.sms_to: hotlined fr: a flood of texts\n")
    flood(texting, "flood_end")
    assert alert(texting) == (0, "alerts.sms_to is left out: alerts.sms_per_day is used up.\n")
    assert texts(texting) == [BEGIN]
    texting.configure(alerts={"sms_per_day": 2})
    alert(texting)
    alert(texting)

    assert texts(texting) == [BEGIN, END]
    assert ADMIN not in texting.log_path.read_text()


def test_texted_alerts_leave_in_the_strict_alphabet_too(line: Line) -> None:
    """With answer.encoding gsm7 a text with ê is refused: an alert is written without it."""
    line.configure(language="fr", answer={"encoding": "gsm7"}, alerts={"sms_to": ADMIN})
    line.start()
    line.wait_state("ready")
    assert alert(line) == (0, "")
    flood(line, "flood_begin")
    alert(line)

    [(recipient, text)] = texts(line)
    assert recipient == ADMIN
    assert "'hotlined pause' arrete toutes les réponses." in text


def test_alerts_on_words_use_half_of_the_texts_at_most(texting: Line) -> None:
    """Alerts on troubles go first."""
    texting.configure(alerts={"sms_per_day": 2})
    with sqlite3.connect(texting.database) as db:
        for _ in range(2):
            db.execute(
                "INSERT INTO alerts (condition, level, at, at_limit, title, text) VALUES ('words', 1, ?, ?, 'a', 'b')",
                (NOON.isoformat(), 0.0),
            )
        db.execute("INSERT INTO alert_deliveries (alert_id, channel) SELECT id, 'sms' FROM alerts")
    db.close()
    flood(texting, "flood_begin")
    code, said = alert(texting)

    assert code == 0
    assert "alerts.sms_to is left out: half of alerts.sms_per_day is for other alerts.\n" in said
    assert texts(texting) == [BEGIN]


def test_a_text_of_a_killed_run_is_not_sent_again(texting: Line) -> None:
    """The recorded request shows the next run that it is done."""
    flood(texting, "flood_begin")
    assert texting.daemon
    texting.daemon.send_signal(signal.SIGSTOP)
    command = subprocess.Popen([sys.executable, "-m", "hotlined", "--config", str(texting.config), "alerts"])
    wait_until(lambda: texting.count("SELECT count(*) FROM requests"))
    command.kill()
    command.wait()
    texting.daemon.send_signal(signal.SIGCONT)
    assert alert(texting) == (0, "alerts.sms_to: hotlined fr: a flood of texts\n")
    assert alert(texting) == (0, "")

    assert texts(texting) == [BEGIN]


def test_a_text_waits_for_the_daemon(texting: Line) -> None:
    """Pause, budget, block and a stopped daemon bar its way."""
    flood(texting, "flood_begin")
    texting.cli("pause")
    assert alert(texting) == (0, "alerts.sms_to is left out: the line is paused.\n")
    texting.cli("resume")
    texting.reload(limits={"segments": {"hour": 0}})
    assert alert(texting) == (0, "alerts.sms_to is left out: the budget is spent.\n")
    texting.reload(limits={"segments": {"hour": 9}})
    texting.cli("block", ADMIN)
    assert alert(texting) == (0, "alerts.sms_to is left out: the daemon refused it (blocked).\n")
    texting.cli("unblock", ADMIN)
    texting.stop()
    assert alert(texting) == (0, "alerts.sms_to is left out: the daemon does not run.\n")
    assert texts(texting) == []
    texting.start()
    texting.wait_state("ready")
    alert(texting)

    assert texts(texting) == [BEGIN]


def test_an_unconfirmed_text_counts_as_sent(texting: Line) -> None:
    """No program sends it again."""
    texting.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    flood(texting, "flood_begin")
    alert(texting)
    with sqlite3.connect(texting.database) as db:
        db.execute("UPDATE alert_deliveries SET taken_at = NULL")  # as a run that is killed here leaves it
    db.close()
    alert(texting)

    assert texts(texting) == [BEGIN]


def test_a_text_that_the_daemon_does_not_begin_is_withdrawn(
    quiet: Callable[..., Quiet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that it has begun is left to it."""
    monkeypatch.setattr(by_text, "RESULT_SECONDS", 0.1)
    line = quiet(urls=[], sms_to=ADMIN)
    line.event("flood_begin")
    assert line.alerts() == (0, "alerts.sms_to is left out: the daemon did not begin it.\n")
    assert requests.next_request(line.db, line.db.now()) is None
    monkeypatch.setattr(time, "sleep", lambda _: requests.next_request(line.db, line.db.now()))
    for _ in range(2):
        assert line.alerts() == (0, "alerts.sms_to is left out: its text waits to be sent.\n")

    states = [tuple(row) for row in line.db.all("SELECT state FROM requests ORDER BY id")]
    assert states == [("expired",), ("begun",)]


@pytest.mark.parametrize("encoding", ["smart", "gsm7", "ucs2"])
@pytest.mark.parametrize("name", ["fr", "a" * 22])
@pytest.mark.parametrize("detail", ["", "many words " * 20, "ê 😀"])
def test_a_text_is_cut_to_one_segment(quiet: Callable[..., Quiet], encoding: str, name: str, detail: str) -> None:
    """The daemon's encoding counts; the title comes first."""
    line = quiet()
    line.settings |= {"line": name, "answer": {"text": "x", "encoding": encoding}}
    config = configuration.parse(json.dumps(line.settings), line.config)
    text = by_text.fitting(config, Alert(1, 1, "", "the modem is lost " + detail, detail, "modem"))

    assert plan(text, encoding).segments == 1
    assert text.startswith(f"hotlined {name}: the modem is")


def test_urls_may_be_in_a_file_of_their_own(quiet: Callable[..., Quiet], receiver: Receiver, tmp_path: Path) -> None:
    """A URL that is in both places gets each alert once."""
    url = f"json://user:{SECRET}@{receiver.address}"
    (tmp_path / "urls").write_text(f"# the neighbour\n\n  {url}/b  \n{url}/a\n")
    line = quiet(urls_file="urls")
    line.event("flood_begin")

    assert line.alerts() == (
        0,
        "alerts.urls entry 1: hotlined fr: a flood of texts\nalerts.urls_file line 3: hotlined fr: a flood of texts\n",
    )
    assert sorted(path for path, _ in receiver.came) == ["/a", "/b"]


def test_an_unreadable_file_of_urls_is_a_failure(
    quiet: Callable[..., Quiet], receiver: Receiver, tmp_path: Path
) -> None:
    """The other URLs get the alert."""
    line = quiet(urls_file="nowhere")
    line.event("flood_begin")

    code, output = line.alerts()
    assert code == 1
    assert f"alerts.urls_file: {tmp_path / 'nowhere'} cannot be read" in " ".join(output.split())
    assert receiver.titles() == ["hotlined fr: a flood of texts"]


# ---- requests for the admin


def test_a_request_at_the_desk_is_sent_to_the_admin(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """Person and contact are named, neither text nor number.

    A contact is asked about once an hour.
    """
    line = quiet()
    contact = line.text("je te tue", "+32470123456")
    assert tells.tell(line.db, contact, "léa", line.db.now())
    assert tells.tell(line.db, contact, "anna", line.db.now()) is False  # once in an hour
    assert tells.tell(line.db, 99, "anna", line.db.now()) is None
    line.alerts()
    line.alerts()
    ((_, body),) = receiver.came
    assert body["title"] == "hotlined fr: somebody asks you to look at a text"
    assert f"léa asks: look at contact {contact}. 'hotlined show {contact}' shows it." in body["message"]
    assert not re.search("tue|32470|123456", json.dumps(body))


@pytest.mark.parametrize("language", Language)
def test_a_command_in_an_alert_can_be_typed(
    quiet: Callable[..., Quiet], receiver: Receiver, language: Language
) -> None:
    """The ID in it is not grouped by thousands."""
    line = quiet(words=["tue"])
    line.config.write_text(json.dumps(json.loads(line.config.read_text()) | {"language": language}))
    line.db.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('contacts', 17120)")
    contact = meet(line, "je te tue", "+32470123456")
    assert tells.tell(line.db, contact, "léa", line.db.now())
    line.alerts()

    commands = [re.search(r"'(hotlined show [^']*)'", body["message"]) for _, body in receiver.came]
    assert [command and command[1] for command in commands] == [f"hotlined show {contact}"] * 2
    assert not re.search(r"17\D121", json.dumps(receiver.came, ensure_ascii=False))


# ---- words in a text


def meet(line: Quiet, text: str, sender: str) -> int:
    """Receive a text as a daemon that looks for `tue` does; return its contact."""
    line.source = line.source._replace(words_met=lambda text: recognition.words_met(text, ["tue"]))
    return line.text(text, sender)


def test_a_word_is_sent_with_its_contact_and_later_ones_with_their_number(
    quiet: Callable[..., Quiet], receiver: Receiver
) -> None:
    """Neither text nor number is sent; the hour's later texts come together."""
    line = quiet(words=["tue"])
    first = meet(line, "Je te TUÉ, pute", "+32470123456")
    assert "It is contact 1, since" in line.alerts("--dry-run")[1]
    line.alerts()
    ((_, body),) = receiver.came
    assert body["title"] == "hotlined fr: a text has a word of alerts.words"
    assert f"It is contact {first}, since" in body["message"]
    assert not re.search("pute|32470|123456", json.dumps(body))
    receiver.came.clear()

    others = [meet(line, "tue", f"+3247012345{digit}") for digit in range(7)]
    meet(line, "Tu es belle", "+32470123459")
    line.alerts()
    line.later(1000)  # texts of a filled line are a minute apart
    line.alerts()
    assert receiver.came == []
    line.later(2600)
    for _ in range(2):
        line.alerts()
    ((_, body),) = receiver.came
    assert body["title"] == "hotlined fr: 7 texts have a word of alerts.words"
    assert body["message"].startswith(f"Contacts {', '.join(map(str, others[:3]))} and more, since")


def test_a_text_during_a_run_is_sent_by_the_same_run(quiet: Callable[..., Quiet], receiver: Receiver) -> None:
    """A second run cannot start meanwhile."""
    line = quiet(words=["tue"])
    line.event("flood_begin")

    text = pdus.write_text("+32470123456", "je te tue", scts=NOON, reference=1)
    source = line.source._replace(words_met=lambda text: recognition.words_met(text, ["tue"]))

    def receive() -> None:
        with open_beside_daemon(line.database) as db:  # a thread of the receiver
            if not db.value("SELECT count(*) FROM contacts"):
                store_steps.record(db, *text, now=db.now(), source=source)

    receiver.before_answer = receive
    line.alerts()

    assert receiver.titles() == ["hotlined fr: a flood of texts", "hotlined fr: a text has a word of alerts.words"]


@pytest.mark.parametrize("how", ["answered", "blocked", "paused", "never answered", "opting out"])
def test_the_daemon_requests_alerts_for_a_text_with_a_word(
    how: str, open_line: Callable[..., Line], receiver: Receiver
) -> None:
    """A file appears beside the status, whatever the verdict.

    No file appears for other texts.
    """
    line = open_line()
    line.configure(
        alerts={"words": ["tue", "stop"], "urls": [f"json://{receiver.address}/a"]},
        numbers={"blocked": ["+32470123456"] if how == "blocked" else []},
    )
    line.start()
    line.wait_state("ready")
    if how == "paused":
        line.cli("pause")
    asked = line.folder / "run" / "main" / "alarm"
    line.sim.do("deliver", from_="+32470123456", text="Tu es belle")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == 1, "a contact")
    assert not asked.exists()
    sender = "+3290012345" if how == "never answered" else "+32470123456"
    line.sim.do("deliver", from_=sender, text="Stop" if how == "opting out" else "je te TUÉ !")
    wait_until(asked.exists, "the file")

    assert asked.read_bytes() == b""
    assert line.count("SELECT count(*) FROM words_met WHERE contact_id = 2") == 1
    assert "a text has a word of alerts.words" in alert(line)[1]
    assert "hotlined fr: a text has a word of alerts.words" in receiver.titles()
