"""`hotlined status`: the state of the line, even when parts of it are missing."""

import itertools
import json
import os
import pwd
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from filled import KEVIN, LEA, Filled

from hotlined import conditions
from hotlined import config as configuration
from hotlined.causes import CauseCode
from hotlined.desk.band import band_of
from hotlined.machine.clock import boottime, parse_rfc3339
from hotlined.reports.overview import report_line
from hotlined.rules.breaker import Cause, Opening
from hotlined.states import KEPT_BACK, HoldReason, SendingState
from hotlined.status import DaemonStatus, DaemonTrouble, ModemStatus, Storage
from hotlined.store.answers import breakers, decisions
from hotlined.store.file import opening
from hotlined.store.line.line_row import calendar_time, commit_balance, row_of
from hotlined.words.harmless import harmless
from hotlined.words.times import lately

# the promised keys of `status --json`, in order
KEYS = [
    "alive", "pid", "version", "line", "config", "database", "paused", "paused_by", "since", "last_scan_at",
    "clock", "queue", "budgets", "modem", "database_state", "sending", "next_due_at", "credit", "backup", "waiting",
    "trouble",
]  # fmt: skip
MODEM_KEYS = [
    "state", "since", "step", "steps", "undeletable", "port", "manufacturer", "model", "generation", "operator",
    "registration", "signal_percent", "technology", "sms_service", "storages",
]  # fmt: skip


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    """Give a line whose daemon does not run."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    filled = Filled(tmp_path)
    with filled.db:
        yield filled


def say(line: Filled, *, folder: str = "run", state: str = "ready", **more: Any) -> None:
    """Write the daemon's status file."""
    modem = ModemStatus(
        state=state,
        since="2026-11-24T22:00:01.000Z",
        steps=2,
        undeletable=3,
        port="/dev/ttyUSB2",
        manufacturer="huawei",
        model="E3131",
        operator="Proximus\x1b[2J",
        registration="home",
        signal_percent=61,
        technology="LTE",
        sms_service="packet_first",
        storages=(Storage("SM", 3, 20),),
    )
    usual: dict[str, Any] = {
        "pid": os.getpid(),
        "database": str(line.database),
        "version": "9.9",
        "since": "2026-11-24T22:00:00.000Z",
        "last_scan_at": "2026-11-24T22:18:00.000Z",
        "modem": modem,
        "pass_boottime": boottime(),
    }
    path = line.folder / folder / "main" / "status.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(DaemonStatus(**usual | more).to_json())


NIGHT = "2026-11-24T22:00:00.000Z"
NO_MODEM = DaemonTrouble("absent", CauseCode.NO_STICK, since="2026-11-24T22:00:01.000Z")


def status(line: Filled) -> tuple[dict[str, Any], int]:
    """Return the output of `status --json`, and the exit code."""
    result = line.run("status", "--json")
    return json.loads(result.stdout), result.exit_code


def test_status_json_has_the_keys_that_are_promised(line: Filled) -> None:
    """Every key is there in order, with or without a daemon."""
    for _ in range(2):
        document, _ = status(line)
        assert list(document) == KEYS
        assert list(document["modem"]) == MODEM_KEYS
        assert list(document["queue"]) == ["queued", "sending", "unconfirmed"]
        assert list(document["budgets"]) == ["hour", "day", "month"]
        assert all(list(window) == ["limit", "used"] for window in document["budgets"].values())
        say(line)


def test_a_ready_daemon_is_0(line: Filled) -> None:
    """The daemon's own report is shown."""
    say(line)
    document, code = status(line)

    assert (document["alive"], document["modem"]["state"], code) == (True, "ready", 0)
    assert (document["pid"], document["version"]) == (os.getpid(), "9.9")
    assert document["config"] == str(line.config)
    assert document["modem"]["storages"] == [{"name": "SM", "used": 3, "total": 20}]


def test_a_modem_that_is_not_ready_is_69_with_its_cure(line: Filled) -> None:
    """Trouble and cure are one sentence."""
    say(line, state="absent", trouble=(NO_MODEM,))
    result = line.run("status")

    assert result.exit_code == 69
    assert "No modem is plugged in. Plug the stick in, or name its port in" in result.stdout
    assert str(line.config) in result.stdout


def test_no_daemon_is_69_with_what_waits(line: Filled) -> None:
    """The database alone says what waits."""
    line.judge(line.text(), delay=3600)
    document, code = status(line)

    assert (document["alive"], document["pid"], document["modem"]["state"], code) == (False, None, None, 69)
    assert document["queue"]["queued"] == 1
    assert "The daemon does not run." in line.run("status").stdout


@pytest.mark.parametrize("how", [{"pid": 2**22 + 1}, {"pid": "x"}, {"pid": 2**70}, {"pass_boottime": -181.0},
                                 {"pass_boottime": 1e12}])  # fmt: skip
def test_the_file_of_a_dead_daemon_is_not_alive(line: Filled, how: dict[str, Any]) -> None:
    """An ended or hanging process leaves its last known state.

    The same holds for a file from before a reboot.
    """
    if how.get("pass_boottime") == -181.0:
        how = {"pass_boottime": boottime() - 181}
    say(line, **how)
    document, code = status(line)

    assert (document["alive"], document["modem"]["state"], code) == (False, "ready", 69)
    assert "last known" in line.run("status").stdout


def test_a_daemon_of_another_user_is_alive(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that this user may not signal counts as alive."""

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    say(line)

    assert status(line)[1] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\udcff"])
def test_an_unreadable_status_file_is_not_a_daemon(line: Filled, content: str) -> None:
    """`status` works whatever the status file contains."""
    (line.folder / "run" / "main").mkdir(parents=True)
    (line.folder / "run" / "main" / "status.json").write_bytes(content.encode(errors="surrogateescape"))

    assert status(line)[1] == 69


@pytest.mark.parametrize("trap", ["link", "fifo", "folder", "endless"])
def test_a_trap_as_status_file_is_not_a_daemon(line: Filled, trap: str) -> None:
    """A trap is neither followed, waited for, nor read to the end."""
    say(line)
    path = line.folder / "run" / "main" / "status.json"
    path.rename(line.folder / "moved")
    traps: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(line.folder / "moved"),
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "endless": lambda: path.write_text((line.folder / "moved").read_text() + " " * (8 << 20)),
    }
    traps[trap]()

    assert [each["code"] for each in status(line)[0]["trouble"]] == ["not_running"]


def test_a_database_of_a_later_version_is_the_only_trouble(line: Filled) -> None:
    """No start helps: the daemon would end at once."""
    line.db.connection.execute("UPDATE _sqlite_migrations SET name = 'later' WHERE id = 1")

    assert [each["code"] for each in status(line)[0]["trouble"]] == ["database_version"]
    assert "Start it" not in line.run("status").output


def test_the_daemon_is_found_in_the_temporary_folder(line: Filled) -> None:
    """The status file is there if there is no runtime directory."""
    say(line, folder=f"hotlined-{os.getuid()}")

    assert status(line)[1] == 0


def test_a_temporary_folder_of_another_user_is_not_believed(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's status file is ignored."""
    somebody_else = os.getuid() + 1
    say(line, folder=f"hotlined-{somebody_else}")
    monkeypatch.setattr(os, "getuid", lambda: somebody_else)

    assert status(line)[1] == 69


def test_no_database_yet_is_not_an_error(line: Filled) -> None:
    """Unknown values are null; the daemon's state is shown."""
    line.db.close()
    line.database.unlink()
    document, code = status(line)

    assert (document["queue"], document["budgets"], document["paused"], document["database_state"]) == (None,) * 4
    assert code == 69
    say(line)
    assert "There is no database" in line.run("status").stdout


def test_a_damaged_database_is_a_state(line: Filled) -> None:
    """A file that is not an SQLite database is reported as `damaged`."""
    line.db.close()
    for path in line.folder.glob("hotlined.db-*"):
        path.unlink()
    line.database.write_bytes(b"no database at all " * 100)

    assert status(line)[0]["database_state"] == "damaged"


def test_a_damaged_database_has_its_cure(line: Filled) -> None:
    """The sentence has a hint, although the daemon reported no damage."""
    say(line)
    line.db.close()
    line.database.write_bytes(b"no database at all " * 1000)
    for path in line.folder.glob("hotlined.db-*"):
        path.unlink()

    assert status(line)[0]["database_state"] == "damaged"
    assert f"trouble        {line.database} cannot be used: it is damaged, or no database. Put back the" in (
        line.run("status").stdout
    )


def test_a_locked_database_has_its_cure(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program keeps it locked, and is to be ended."""
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.01)
    line.db.close()
    with closing(sqlite3.connect(line.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert status(line)[0]["database_state"] == "locked"
        assert "another program keeps it locked. End what has it open" in line.run("status").stdout


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("full", "the disk is full or takes nothing any more. Make room"),
        ("locked", "another program keeps it locked. End what"),
    ],
)
def test_database_trouble_of_the_daemon_is_shown(line: Filled, state: str, words: str) -> None:
    """It has its cure, and stands beside the modem's trouble."""
    say(line, state="absent", trouble=(NO_MODEM,), database_state=state)
    document, _ = status(line)
    shown = line.run("status").stdout

    assert document["database_state"] == state
    assert [each["code"] for each in document["trouble"]] == ["absent", f"database_{state}"]
    assert "No modem is plugged in. Plug the stick in, or name its port in" in shown
    assert f"The daemon cannot use its database: {words}" in shown


def test_the_daemon_of_another_database_is_not_ours(line: Filled) -> None:
    """Two configurations can share a status file: `status` says so."""
    say(line, database="/elsewhere/hotlined.db")
    document, code = status(line)
    shown = line.run("status").stdout

    assert (document["alive"], document["pid"], document["modem"]["state"], code) == (False, None, None, 69)
    assert f"that of another daemon (process {os.getpid()}), which has the database /elsewhere/hotlined.db" in shown
    say(line, database="/elsewhere/hotlined.db", pass_boottime=-1e6)
    assert "The daemon does not run." in line.run("status").stdout


def test_a_database_has_one_name_whatever_the_way_to_it(line: Filled) -> None:
    """A link or a detour leads to the same daemon."""
    say(line, database=str(line.folder / "run" / ".." / "hotlined.db"))
    (line.folder / "link").symlink_to(line.folder)
    assert status(line)[1] == 0
    say(line, database=str(line.folder / "link" / "hotlined.db"))
    assert status(line)[1] == 0


def test_waiting_answers_are_shown_in_words(line: Filled) -> None:
    """No code of a state is shown, and no old unconfirmed answer."""
    say(line, state="pin_required")
    assert re.search(
        "^modem +pin required since .*^answers +none waiting$", line.run("status").stdout, re.MULTILINE | re.DOTALL
    )
    for sender in (KEVIN, LEA):
        line.judge(line.text(sender=sender))
    line.send([None])
    told = "^answers +1 waiting, 1 perhaps sent in the last 24 hours$"
    assert re.search(told, line.run("status").stdout, re.MULTILINE)
    assert not re.search("queued|unconfirmed|sending|pin_required", line.run("status").stdout)
    assert status(line)[0]["queue"] == {"queued": 1, "sending": 0, "unconfirmed": 1}
    line.db.connection.execute(
        "UPDATE attempts SET begun_limit = begun_limit - 86400"
    )  # nobody settles it: it is old news
    assert re.search("^answers +1 waiting$", line.run("status").stdout, re.MULTILINE)
    assert status(line)[0]["queue"]["unconfirmed"] == 0


def test_past_state_is_not_shown_as_present(line: Filled) -> None:
    """The modem of a daemon that ended `was ready`.

    No network is shown without a report.
    """
    assert "network" not in line.run("status").stdout
    say(line, pass_boottime=-1e6)
    assert "modem          was ready since" in line.run("status").stdout
    say(line)
    assert "modem          ready since" in line.run("status").stdout
    assert (
        r"network      Proximus\x1b[2J, home, LTE, signal 61 %, texts by the data network, else the telephone network"
        in line.run("status").stdout
    )


def test_a_line_without_a_service_gets_other_advice(line: Filled) -> None:
    """The hint has systemctl and, for other lines, `hotlined run`."""
    for more in ({}, {"pass_boottime": -1e6}):
        if more:
            say(line, **more)
        (trouble,) = re.findall("^trouble (.*)", line.run("status").stdout, re.MULTILINE)
        assert "`sudo systemctl" in trouble
        assert re.search("[Oo]r `hotlined .*run`,? where it is not a service", trouble)


def test_sent_segments_are_counted(line: Filled) -> None:
    """Budgets have each window's segments and limit."""
    line.judge(line.text())
    line.send()
    document, _ = status(line)

    assert document["budgets"]["hour"] == {"limit": 60, "used": 2}
    assert document["budgets"]["month"] == {"limit": 3000, "used": 2}
    assert re.search("^spent +hour 2 of 60, day 2 of 300, month 2 of 3,000$", line.run("status").stdout, re.MULTILINE)


def test_a_paused_line_shows(line: Filled) -> None:
    """`status` shows a pause, however long ago it began."""
    line.db.connection.execute("UPDATE line_state SET paused_at = '2026-11-24T22:00:00.000Z', paused_by = 'pi'")

    assert status(line)[0]["paused"] is True
    assert "paused" in line.run("status").stdout


def test_an_operators_name_is_escaped(line: Filled) -> None:
    """The network's name is a stranger's text and is escaped."""
    say(line)

    assert harmless("Proximus\x1b[2J") in line.run("status").stdout
    assert "\x1b" not in line.run("status").stdout


# ---- what keeps the line from its work


def troubled(line: Filled) -> tuple[list[str], int]:
    """Return the codes of what is wrong, and the exit code."""
    document, code = status(line)
    for each in document["trouble"]:
        assert list(each) == ["code", "words", "cure", "since", "warning"]
        assert each["words"]
        assert each["cure"]
    return [each["code"] for each in document["trouble"]], code


def change(line: Filled, state: str) -> None:
    """Change the line's own state as the daemon or a person does."""
    line.db.connection.execute(f"UPDATE line_state SET {state}")


def test_a_line_that_does_its_work_has_no_trouble(line: Filled) -> None:
    """Its daemon runs, its modem is ready, and nothing holds answers."""
    say(line)

    assert troubled(line) == ([], 0)
    assert status(line)[0]["sending"] == {"state": "free", "reason": None, "since": None, "by": None}


@pytest.mark.parametrize(
    ("state", "code", "sending"),
    [
        ("paused_at = '2026-11-24T22:00:00.000Z', paused_by = 'pi'", "paused", "paused"),
        ("key_lost_at = '2026-11-24T22:00:00.000Z'", "key_lost", "held"),
        ("breaker_cause = 'outage', breaker_since = '2026-11-24T22:00:00.000Z'", "outage", "trial"),
        ("breaker_cause = 'credit', breaker_since = '2026-11-24T22:00:00.000Z'", "credit", "trial"),
    ],
)
def test_each_hold_is_a_trouble(line: Filled, state: str, code: str, sending: str) -> None:
    """Each has its code, beginning and cure; status ends with 69."""
    say(line)
    change(line, state)

    assert troubled(line) == ([code], 69)
    document, _ = status(line)
    assert document["sending"]["state"] == sending
    assert document["sending"]["since"] == document["trouble"][0]["since"] == NIGHT
    assert re.search("^trouble +Since [0-9-]+", line.run("status").stdout, re.MULTILINE)


def test_each_hold_has_its_words(line: Filled) -> None:
    """Holds of the line's row keep answers back as the table says."""
    found = set()
    maybe = ("NULL", "'x'")
    for lost, denied, by, restored, cause in itertools.product(maybe, (0, 1), maybe, (0, 1), Cause):
        change(line, f"key_lost_at = {lost}, key_denied = {denied}, paused_at = 'x', pause_restored = {restored}")
        change(line, f"breaker_cause = '{cause}', paused_by = {by}")
        found |= {(hold.state, hold.reason) for hold in row_of(line.db).holds(sim_changed=True)}

    assert found == {(state, reason) for reason, state in KEPT_BACK.items()}
    assert {state for state, _ in found} == {*SendingState} - {SendingState.FREE, SendingState.NO_DAEMON}
    assert {reason for _, reason in found} == {*HoldReason} == {*conditions.HOLDS}


def test_a_pause_names_its_beginning_person_and_end(line: Filled) -> None:
    """The sentence has the command that ends it."""
    say(line)
    decisions.pause(line.db, "marie", line.db.now())
    shown = line.run("status").stdout

    assert re.search("^trouble +Since .*: Paused by marie: nothing is sent. `hotlined .* resume`", shown, re.MULTILINE)
    assert status(line)[0]["sending"]["by"] == "marie"


def test_all_troubles_are_shown(line: Filled) -> None:
    """`sending` names the one that a resume would not end; another SIM says more than none."""
    say(line, state="absent", trouble=(NO_MODEM,), sim_changed=True)
    change(line, f"paused_at = '{NIGHT}', paused_by = 'pi', breaker_cause = 'outage', key_lost_at = '{NIGHT}'")

    assert troubled(line) == (["key_lost", "sim_changed", "paused", "outage"], 69)
    assert status(line)[0]["sending"]["reason"] == "key_lost"


def test_an_unknown_sim_is_shown_while_nothing_waits(line: Filled) -> None:
    """The running daemon's report counts, else its last note.

    The beginning is in the line's row.
    """
    say(line, sim_changed=True)
    assert troubled(line) == (["sim_changed"], 69)
    change(line, f"sim_changed_at = '{NIGHT}'")
    assert status(line)[0]["sending"]["since"] == NIGHT
    say(line)
    assert troubled(line) == ([], 0)
    say(line, pass_boottime=-1e6)
    assert troubled(line) == (["not_alive"], 69)


def test_a_full_window_is_shown_and_is_not_a_failure(line: Filled) -> None:
    """A window without room for the next answer is full, too."""
    say(line)
    line.settings["limits"] = {"segments": {"hour": 2}}
    line.config.write_text(json.dumps(line.settings))
    line.judge(line.text())
    line.send()
    assert troubled(line) == (["budget_hour"], 0)

    line.settings["limits"] = {"segments": {"hour": 3}}
    line.config.write_text(json.dumps(line.settings))
    assert troubled(line) == ([], 0)
    change(line, "hold_new = 'budget_hour'")
    assert troubled(line) == ([], 0)
    line.judge(line.text(sender=LEA))
    line.db.connection.execute("UPDATE answers SET due_limit = 0 WHERE state = 'queued'")
    assert troubled(line) == (["budget_hour"], 0)


def test_no_next_answer_is_promised_while_none_can_go(line: Filled) -> None:
    """A person must decide first; an outage waits for its next trial."""
    say(line)
    line.judge(line.text(), delay=600)
    row = line.db.one("SELECT due_limit FROM answers")
    assert row
    free = status(line)[0]["next_due_at"]
    change(line, f"breaker_cause = 'outage', breaker_due = {row['due_limit'] + 60}")
    tried = status(line)[0]["next_due_at"]
    change(line, f"breaker_cause = NULL, paused_at = '{NIGHT}'")

    assert parse_rfc3339(tried) - parse_rfc3339(free) == timedelta(seconds=60)
    assert status(line)[0]["next_due_at"] is None
    assert "next answer" not in line.run("status").stdout
    change(line, "paused_at = NULL")
    say(line, sim_changed=True)
    assert status(line)[0]["next_due_at"] is None


def test_the_next_answer_waits_for_room(tmp_path: Path) -> None:
    """`status` and `limits` say one time, and it is none that has passed."""
    line = Filled(tmp_path, limits={"segments": {"hour": 2, "day": 20, "month": 50}})
    say(line)
    for number in range(2):
        line.judge(line.text(sender=f"+3247000000{number}"))
    line.send()
    found = status(line)[0]
    seconds = json.loads(line.run("limits", "--json").stdout)["first_in_seconds"]
    now = line.db.value("SELECT limit_time FROM line_state")  # ahead of this machine's clock
    left = parse_rfc3339(found["next_due_at"]) - parse_rfc3339(calendar_time(line.db, now))

    assert found["queue"]["queued"] == 1
    assert seconds > 3000
    assert left.total_seconds() == pytest.approx(seconds, abs=5)
    change(line, "hold_new = 'budget_hour'")
    band = band_of(report_line(configuration.load(line.config)))
    assert band.more.endswith(f"There is room again {lately(found['next_due_at'])}.")


def test_decisions_are_under_the_name_that_the_kernel_gives(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's claim does not count; a nameless uid is a number."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("SUDO_USER", "somebody else")
    monkeypatch.setenv("USER", "somebody\nelse")
    assert line.run("pause").exit_code == 0
    assert status(line)[0]["paused_by"] == pwd.getpwuid(os.getuid()).pw_name

    if os.getuid() == 0:
        program = "import os; from hotlined.machine import person; os.setuid(54321); print(person.who())"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "uid 54321\n"


def test_the_counts_of_the_daemon_are_shown(line: Filled) -> None:
    """These are undeletable entries and the step of the recovery."""
    say(line)
    assert (status(line)[0]["modem"]["undeletable"], status(line)[0]["modem"]["steps"]) == (3, 2)
    assert "SM 3 of 20, 3 that it does not delete" in line.run("status").stdout


def test_the_balance_is_shown_with_its_age(line: Filled) -> None:
    """The age is that of its last enquiry."""
    assert status(line)[0]["credit"] == dict.fromkeys(["balance", "asked_at", "topped_up_at", "valid_until"])
    commit_balance(line.db, "9.20", line.now(), low=False)
    say(line, balance_asked_at="2026-11-25T07:00:00.000Z")

    assert status(line)[0]["credit"]["balance"] == 9.2
    assert status(line)[0]["credit"]["asked_at"] == "2026-11-25T07:00:00.000Z"
    assert re.search(r"^balance +9\.20 EUR, asked ", line.run("status").stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("balance", "credit", "words"),
    [
        ("3.20", {"ussd": "*100#"}, "3.20 EUR is left on the SIM. Top it up."),
        ("5.00", {"ussd": "*100#"}, None),
        ("3.20", {"ussd": "*100#", "alert_below": 3}, None),
        ("3.20", {}, None),  # it is not asked for any more
    ],
)
def test_little_credit_is_a_warning(line: Filled, balance: str, credit: dict[str, Any], words: str | None) -> None:
    """Little credit has its cure, currency and beginning; it is no failure."""
    line.config.write_text(json.dumps(line.settings | {"credit": credit}))
    commit_balance(line.db, balance, line.now(), low=True)
    say(line)
    document, code = status(line)
    shown = " ".join(line.run("status").stdout.split())

    assert code == 0
    since = document["credit"]["asked_at"]
    assert [(each["code"], each["since"], each["warning"]) for each in document["trouble"]] == (
        [("credit_low", since, True)] if words else []
    )
    assert ((words or "is left on the SIM") in shown) == (words is not None)
    assert f"balance {balance} EUR, asked" in shown


def test_lack_of_credit_is_shown_once(line: Filled) -> None:
    """The lack is a trouble, without a warning beside it."""
    line.config.write_text(json.dumps(line.settings | {"credit": {"ussd": "*100#"}}))
    commit_balance(line.db, "0.01", line.now(), low=True)
    with line.db.transaction():
        breakers.open_breaker(line.db, Opening(Cause.CREDIT, 0.0), line.now(), (60.0,))
    say(line)

    assert [(each["code"], each["warning"]) for each in status(line)[0]["trouble"]] == [("credit", False)]


def test_ten_failed_answers_are_a_note(line: Filled) -> None:
    """Refusals that are each about the recipient stop nothing, and may all be about the line."""
    for number in range(10):
        line.judge(line.text(sender=f"+3247100000{number}"))
        line.refuse(27)
        say(line)
        document, code = status(line)
        assert code == 0
        assert [(each["code"], each["warning"]) for each in document["trouble"]] == (
            [("answers_fail", True)] if number == 9 else []
        )
    assert document["trouble"][0]["since"]


WORDS = {"words": ["tue"]}


@pytest.mark.parametrize(
    ("alerts", "file", "told"),
    [
        (WORDS, None, True),
        (WORDS | {"ping": "https://localhost/1"}, None, True),
        (WORDS | {"urls": ["json://localhost"]}, None, False),
        (WORDS | {"urls_file": "urls"}, None, False),
        (WORDS | {"sms_to": "+32470123456"}, None, False),
        (WORDS, "main.urls", False),
        ({}, None, False),
    ],
)
def test_an_alert_that_goes_nowhere_is_a_warning(
    line: Filled, alerts: dict[str, Any], file: str | None, *, told: bool
) -> None:
    """`status`, `doctor` and the check report such alerts on words."""
    line.config.write_text(json.dumps(line.settings | {"alerts": alerts}))
    if file:
        (line.folder / file).write_text("json://localhost\n")
    say(line)
    document, code = status(line)

    assert code == 0
    assert [(each["code"], each["warning"]) for each in document["trouble"]] == [("alerts_nowhere", True)] * told
    sentence = "and that goes nowhere: nobody hears of a threat. Set alerts.urls or alerts.sms_to"
    for command in (("status",), ("doctor",), ("config", "check")):
        assert (sentence in " ".join(line.run(*command).stdout.split())) == told, command
