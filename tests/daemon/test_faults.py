"""The daemon and a faulty modem: every fault is a switch of the simulator."""

import itertools
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ANSWER, ANSWERS, BRISK, PATIENCE_SECONDS, SPENT, Line, Open, wait_until

from hotlined.simulator.makes import REGISTERS

NUMBER = "+32470123456"
PDU = "07912374151616F6040B912374103254F600009621133295950005E8329BFD06"


def texts(line: Line) -> list[str]:
    """Return the texts in the log, without calls that noise may have caused."""
    return [text for (text,) in line.rows("SELECT text FROM contacts WHERE kind = 'text' ORDER BY id")]


def deliver_and_settle(line: Line, *bodies: str) -> None:
    """Deliver each text from another number and wait until all is done."""
    for count, body in enumerate(bodies):
        line.sim.do("deliver", from_=f"+3247000{count:04}", text=body)
    wait_until(lambda: len(texts(line)) >= len(bodies) and line.settled(), "everything recorded and answered")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "urc_inside", "urc": "RING", "at": 1, "command": "+CMGL", "count": 2},
        {"kind": "urc_inside", "urc": '+CMTI: "SM",1', "at": 1, "command": "+CMGL", "count": 2},
        {"kind": "garbage", "octets": "\u00ff\u0080\u00c3\u0000\u001b", "command": "+CMGL", "count": 2},
        {"kind": "lost_answer", "command": "+CMGL", "count": 1},
        {"kind": "lost_answer", "command": "+CMGD", "count": 1},
        {"kind": "hang", "command": "+CMGD", "count": 1},
        {"kind": "truncate_listing", "lines": 3, "count": 1},
        {"kind": "list_lies", "how": "used", "count": 3},
        {"kind": "list_lies", "how": "length", "count": 1},
        {"kind": "list_lies", "how": "nonhex", "count": 1},
        {"kind": "list_lies", "how": "empty", "count": 3},
        {"kind": "bytewise"},
        {"kind": "echo_back"},
        {"kind": "error", "command": "+CMGL", "count": 2},
        {"kind": "slow", "seconds": 0.05},
    ],
    ids=lambda fault: "-".join(str(fault.get(key)) for key in ("kind", "command", "how") if fault.get(key)),
)
def test_fault_while_receiving_loses_nothing(line: Line, fault: dict[str, Any]) -> None:
    """Each text is recorded once, answered once, and leaves the SIM."""
    line.start(BRISK)
    line.wait_state("ready")
    line.sim.do("fault", **fault)
    deliver_and_settle(line, "un", "deux 😀", "trois")

    assert sorted(texts(line)) == ["deux 😀", "trois", "un"]
    assert sorted(message["recipient"] for message in line.submitted()) == [f"+3247000{count:04}" for count in range(3)]


def test_entry_that_is_not_a_pdu_is_kept_raw_and_leaves_the_sim(line: Line) -> None:
    """It does not block the SIM."""
    line.start()
    line.sim.do("deliver_pdu", pdu="07912374151616F6FFFFFF")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts") and line.settled())

    assert line.rows("SELECT kind, verdict, reason FROM contacts") == [("unreadable", "suppress", "not_text")]


def test_text_without_a_result_is_unconfirmed_and_not_sent_again(line: Line) -> None:
    """Silence after Ctrl-Z proves nothing, also after a restart."""
    line.configure(modem={"send_timeout": "1s"})
    line.sim.do("fault", kind="no_result", count=1)
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) and line.rows(ANSWERS)[0][0] == "unconfirmed")
    line.stop(signal.SIGKILL)
    line.start()
    deliver_and_settle(line, "deux")

    assert [row[0] for row in line.rows(ANSWERS)] == ["unconfirmed", "sent"]
    assert len(line.submitted()) == 2


def test_late_result_is_not_taken_for_another_command(line: Line) -> None:
    """A +CMGS after its time limit settles its own segment.

    Later answers of the modem belong to their commands.
    """
    line.configure(modem={"send_timeout": "3s"})
    line.sim.do("fault", kind="late_result", seconds=3.5, count=1)
    line.start(BRISK)
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: [row[0] for row in line.rows(ANSWERS)] == ["sent"])
    deliver_and_settle(line, "deux")

    assert [row[0] for row in line.rows(ANSWERS)] == ["sent", "sent"]
    assert line.status()["modem"]["signal_percent"] == round(18 * 100 / 31)


@pytest.mark.parametrize("cause", [332, 500, 512, None])
def test_ambiguous_error_makes_an_answer_unconfirmed(line: Line, cause: int | None) -> None:
    """The standard does not define its cause as a refusal.

    The answer keeps what it counted and is not tried again.
    """
    line.sim.do("fault", kind="error_after_submit", count=1, **({"cms": cause} if cause else {}))
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) and line.settled())

    assert line.rows(ANSWERS)[0][0] == "unconfirmed"
    assert line.count(SPENT) == 1
    assert len(line.submitted()) == 1


def test_answers_that_become_due_later_show_the_budget_too(line: Line) -> None:
    """The budget was used up before they became due."""
    line.configure(answer={"delay": ["0s", "3s"]}, limits={"segments": {"hour": 1, "day": 1, "month": 1}})
    line.start()
    for count in range(6):
        line.sim.do("deliver", from_=f"+3247000000{count}", text=f"texte {count}")
    wait_until(
        lambda: (
            line.count("SELECT count(*) FROM answers WHERE state = 'sent'") == 1
            and line.count("SELECT count(*) FROM log WHERE answer_waiting_for LIKE 'budget_%'") == 5
        ),
        "five answers that wait for the budget",
    )


@pytest.mark.parametrize(
    ("fault", "state", "waiting_for"),
    [
        ({"kind": "error", "cms": 42, "command": "+CMGS"}, "queued", "retry"),
        ({"kind": "error", "cms": 322, "command": "+CMGS"}, "queued", "retry"),
        ({"kind": "prompt_refused", "cms": 314}, "queued", "retry"),
        ({"kind": "error", "cms": 30, "command": "+CMGS"}, "queued", "retry"),
        ({"kind": "error", "cms": 208, "command": "+CMGS"}, "queued", "retry"),
        ({"kind": "prompt_refused", "cms": 310}, "queued", "retry"),
        ({"kind": "error", "cms": 27, "command": "+CMGS"}, "failed", None),
        ({"kind": "error", "cms": 196, "command": "+CMGS"}, "failed", None),
    ],
)
def test_refusal_counts_for_nothing(line: Line, fault: dict[str, Any], state: str, waiting_for: str | None) -> None:
    """The cause decides whether the answer is tried again or fails.

    Budget and cooldown stay as they were.
    """
    line.sim.do("fault", count=1, **fault)
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) and line.rows(ANSWERS)[0][1])

    assert line.rows(ANSWERS) == [(state, f"cms_{fault['cms']}", waiting_for)]
    assert line.count(SPENT) == 0


def test_answers_wait_for_the_network(line: Line) -> None:
    """Nothing is tried or counted without registration."""
    line.configure(answer={"delay": "3s"})
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.start()
    wait_until(lambda: line.rows(ANSWERS))
    line.sim.do("network", registered="searching")
    line.stop()
    line.start()
    line.wait_state("unregistered")
    wait_until(lambda: line.rows(ANSWERS)[0][2] == "network")
    assert line.sim.do("counters")["counters"].get("+CMGS", 0) == 0
    line.sim.do("network", registered="home")
    line.stop()
    line.start()
    wait_until(lambda: line.rows(ANSWERS)[0][0] == "sent")


def test_refused_deletion_costs_one_row_and_one_answer(line: Line) -> None:
    """The text's deletion is not tried again at every listing."""
    line.sim.do("fault", kind="delete_refused")
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(line.submitted)
    line.wait_more("+CMGL", 4)

    assert texts(line) == ["un"]
    assert len(line.submitted()) == 1
    assert line.sim.do("counters")["counters"]["+CMGD"] == 1
    line.sim.do("clear", what="faults")
    line.stop()
    line.start()
    wait_until(line.settled)
    assert texts(line) == ["un"]


def test_drafts_on_the_sim_are_left_alone(line: Line) -> None:
    """They are neither recorded nor deleted."""
    line.sim.do("store", pdu="0011000B912374103254F60000A70FCEB79B051A9FCA733AC8FD76BB00", storage="SM", status=2)
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.submitted() and texts(line) == ["un"])
    wait_until(lambda: line.sim.do("state")["storages"]["SM"]["used"] == 1)


def test_replugged_stick_under_another_port_is_used_again(line: Line) -> None:
    """The link stays; no text is lost and answers go on."""
    line.start()
    line.wait_state("ready")
    line.sim.do("unplug")
    line.wait_state("absent")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.sim.do("replug")
    wait_until(lambda: line.submitted() and line.settled())

    assert texts(line) == ["un"]
    kinds = [kind for (kind,) in line.rows("SELECT kind FROM events ORDER BY id")]
    assert kinds == ["modem_starting", "modem_ready", "modem_absent", "modem_ready"]


@pytest.mark.parametrize(
    ("faults", "struck", "state"),
    [
        ([{"kind": "hang", "command": "+CMGS"}], "+CMGS", "queued"),
        ([{"kind": "no_result"}], "+CMGS", "unconfirmed"),
        ([{"kind": "error", "command": "+CMGS", "cms": 330}, {"kind": "hang", "command": "+CREG"}], "+CREG", "queued"),
    ],
    ids=["before the prompt", "before the result", "after a refusal"],
)
def test_stick_pulled_while_a_code_waits_does_not_end_the_daemon(
    line: Line, faults: list[dict[str, Any]], struck: str, state: str
) -> None:
    """A lost port ends what was asked of the modem; a code that came before waits to be acted on."""
    line.start(BRISK | {"retry_after": [1.0], "trial_after": [1.0]})
    line.wait_state("ready")
    line.sim.do("fault", kind="urc_inside", command="+CIMI", urc='+CMTI: "SM",1', at=0, count=1)
    for fault in faults:
        line.sim.do("fault", count=1, **fault)
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: not line.sim.do("state")["faults"], f"{struck} without an answer")
    line.sim.do("unplug")
    line.wait_state("absent")
    assert [row[0] for row in line.rows(ANSWERS)] == [state]
    line.sim.do("replug")
    deliver_and_settle(line, "un", "deux")


@pytest.mark.parametrize("factory", ["+CMGF=1", "+CNMI=2,2,0,0,0"])
def test_modem_that_resets_itself_is_set_up_again(open_line: Open, factory: str) -> None:
    """A brown-out to text mode or direct delivery loses no text."""
    line = open_line(factory=[factory])
    line.start()
    line.wait_state("ready")
    line.sim.do("reset")
    deliver_and_settle(line, "un", "deux")
    assert sorted(texts(line)) == ["deux", "un"]


def test_modem_that_hangs_is_initialised_again(line: Line) -> None:
    """Its silence is the state recovering, which ends when it answers."""
    line.start(BRISK)
    line.wait_state("ready")
    line.sim.do("fault", kind="hang")
    line.wait_state("recovering")
    line.sim.do("clear", what="faults")
    deliver_and_settle(line, "un")
    line.wait_state("ready")


def test_status_is_there_before_the_first_connection(line: Line) -> None:
    """A port that hangs is asked for long, and meanwhile `status` says that the daemon runs."""
    line.sim.do("fault", kind="hang")
    line.start({"dialogue": {"probe": 3600.0}})
    line.wait_state("starting")
    assert "not_running" not in line.cli("status", "--json", check=False)


def test_stray_result_before_a_submission_costs_no_answer(line: Line) -> None:
    """The modem is out of step between two commands."""
    line.sim.do("fault", kind="garbage", octets="OK", command="+COPS", count=2)
    line.start(BRISK)
    deliver_and_settle(line, "un", "deux", "trois")

    assert {row[0] for row in line.rows(ANSWERS)} == {"sent"}


def test_truncated_listings_do_not_stop_the_line(line: Line) -> None:
    """The listed entries are handled each time until the SIM is empty."""
    line.start(BRISK)
    line.wait_state("ready")
    line.sim.do("fault", kind="truncate_listing", lines=3, command="+CMGL", count=3)
    for count in range(3):
        line.sim.do("deliver", from_=f"+3247000{count:04}", text=f"texte {count}")
    wait_until(lambda: line.submitted(), "an answer although no listing ends")  # noqa: PLW0108
    wait_until(lambda: len(line.submitted()) == 3 and line.settled())


def test_unlistable_storage_does_not_hide_the_other(open_line: Open) -> None:
    """The modem is set up again after some errors."""
    line = open_line(me_size=10)
    line.start()
    line.wait_state("ready")
    line.sim.do("store", pdu=PDU, storage="ME", status=0)
    line.sim.do("fault", kind="error", command="+CMGL", cms=313, count=1)
    wait_until(lambda: texts(line) == ["hello"])
    line.sim.do("fault", kind="error", command="+CMGL", cms=313, count=12)
    wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'modem_recovering'"))
    line.sim.do("clear", what="faults")
    line.wait_state("ready")


def test_two_names_of_one_storage_are_detected(open_line: Open) -> None:
    """ME is SM, and deletion is refused: each text is one row.

    The second name is left alone.
    """
    line = open_line(me_size=10, me_is_sim=True)
    line.sim.do("fault", kind="delete_refused")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.start()
    wait_until(lambda: "another name" in line.log_path.read_text())
    assert texts(line) == ["un"]
    assert line.count("SELECT count(*) FROM segments") == 1


def test_locked_database_keeps_texts_on_the_sim(line: Line) -> None:
    """Nothing is deleted or answered until the other program releases it."""
    line.configure()
    line.start()
    line.wait_state("ready")
    locker = sqlite3.connect(line.database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.status()["database_state"] == "locked")
    assert line.sim.do("state")["storages"]["SM"]["used"] == 1
    assert line.submitted() == []
    locker.execute("COMMIT")
    locker.close()
    wait_until(lambda: line.submitted() and line.settled())
    wait_until(lambda: line.status()["database_state"] == "ok", "a database that can be used again")


def test_fate_is_written_once_the_database_is_unlocked(line: Line) -> None:
    """Nothing else leaves until then."""
    line.configure(modem={"send_timeout": "3s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("fault", kind="no_result", count=1)
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(line.submitted, "a segment at the network")
    locker = sqlite3.connect(line.database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    wait_until(lambda: line.status()["database_state"] == "locked")
    assert line.rows("SELECT state FROM answers") == [("sending",)]
    locker.execute("COMMIT")
    locker.close()
    wait_until(lambda: line.rows("SELECT state, reason FROM answers") == [("unconfirmed", "no_result")])

    assert len(line.submitted()) == 1


def test_daemon_waits_for_a_database_locked_at_its_start(line: Line) -> None:
    """It begins once it can write."""
    line.start()
    line.wait_state("ready")
    line.stop()
    locker = sqlite3.connect(line.database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    line.sim.do("deliver", from_=NUMBER, text="un")
    line.start()
    wait_until(lambda: line.status().get("database_state") == "locked")
    locker.execute("COMMIT")
    locker.close()
    wait_until(lambda: line.submitted() and line.settled())


def test_daemon_begins_nothing_after_sigterm(line: Line) -> None:
    """It stops between two deletions of a full SIM."""
    for count in range(10):
        line.sim.do("deliver", from_=f"+3247000{count:04}", text="un")
    line.sim.do("fault", kind="slow", seconds=5, command="+CMGD")
    line.start({"stop_other": 60.0, "delete_slice": 600.0})
    line.wait_for("+CMGD")
    assert line.stop(signal.SIGTERM) == 0
    assert line.submitted() == []
    assert line.sim.do("counters")["counters"]["+CMGD"] < 10


# ---- the port and the SIM


def test_missing_modem_is_a_state_that_ends(line: Line) -> None:
    """The daemon says so, and finds the stick when it comes."""
    line.sim.do("unplug")
    line.start()
    line.wait_state("absent")
    assert "There is no modem" in line.trouble()
    line.sim.do("replug")
    line.wait_state("ready")


def test_busy_port_is_a_state_that_ends(line: Line) -> None:
    """Its sentence says that another program holds the port."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); input()",
            line.simulator.port,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin
    assert holder.stdout
    assert holder.stdout.readline()
    line.start()
    line.wait_state("busy_port")
    assert "Another program holds the port" in line.trouble()
    holder.communicate(b"\n")
    line.wait_state("ready")


def test_port_without_at_commands_is_a_state(line: Line) -> None:
    """A wrong port is recovering, with a sentence."""
    master, slave = pty.openpty()
    line.configure(modem={"port": os.ttyname(slave)})
    line.start(BRISK)
    line.wait_state("recovering")
    assert "does not answer" in line.trouble()
    os.close(master)
    os.close(slave)


def test_missing_sim_is_a_state_that_ends(line: Line) -> None:
    """The daemon goes on once there is a SIM."""
    line.sim.do("sim", absent=True)
    line.start()
    line.wait_state("sim_absent")
    line.sim.do("sim", absent=False)
    line.wait_state("ready")


def with_pin(open_line: Open, pin: str | None) -> Line:
    """Give a line whose SIM needs 1234, with a PIN in its configuration or none."""
    line = open_line(pin="1234")
    line.configure(modem={"pin": pin} if pin else {})
    return line


def test_configured_pin_opens_the_sim(open_line: Open) -> None:
    """It is given again after a reset of the modem."""
    line = with_pin(open_line, "1234")
    line.start()
    line.wait_state("ready")
    line.sim.do("reset")
    deliver_and_settle(line, "un")


def test_wrong_pin_is_given_only_once(open_line: Open) -> None:
    """Restarts use no second try; a corrected PIN is tried."""
    line = with_pin(open_line, "9999")
    for _ in range(3):
        line.start()
        line.wait_state("pin_refused")
        line.stop(signal.SIGKILL)
        (line.folder / "run" / "main" / "status.json").unlink()
    assert line.sim.do("state")["pin_tries"] == 2
    line.configure(modem={"pin": "1234"})
    line.start()
    line.wait_state("ready")


def test_reload_tries_a_corrected_pin(open_line: Open) -> None:
    """The wrong one was tried once; it lies in a file, and the configuration stays as it is."""
    line = open_line(pin="1234")
    line.configure(modem={"pin_file": "secret"})
    (line.folder / "secret").write_text("9999")
    line.start()
    line.wait_state("pin_refused")
    (line.folder / "secret").write_text("1234")
    line.reload(modem={"pin_file": "secret"})
    line.wait_state("ready")
    assert line.sim.do("state")["pin_tries"] == 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("modem.pin: 1234", "has something else than the 4 to 8 digits of a PIN"),
        (b"\xff", "cannot be read: it is not text"),
    ],
)
def test_pin_file_without_a_pin_is_named(open_line: Open, content: str | bytes, problem: str) -> None:
    """No PIN is tried; a reload reads a corrected file."""
    line = open_line(pin="1234")
    line.configure(modem={"pin_file": "secret"})
    path = line.folder / "secret"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    line.start()
    line.wait_state("pin_required")
    [trouble] = json.loads(line.cli("status", "--json", check=False))["trouble"]
    assert trouble["words"] == f"The SIM wants its PIN, and {path} {problem}."
    assert trouble["cure"].startswith("Put the SIM's PIN into that file")
    assert "Put the SIM's PIN into that file" in " ".join(line.cli("status", check=False).split())
    assert line.sim.do("state")["pin_tries"] == 3
    path.write_text("1234\n")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    line.wait_state("ready")


def test_reload_refuses_a_missing_pin_file(open_line: Open) -> None:
    """The old configuration stays in force, and `status` names the file."""
    line = open_line(pin="1234")
    line.configure(modem={"pin": "1234"})
    line.start()
    line.wait_state("ready")
    line.configure(modem={"pin": None, "pin_file": "secret"})
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)

    def told() -> str:
        return line.cli("status", "--json", check=False)

    wait_until(lambda: "config_refused" in told())
    [trouble] = json.loads(told())["trouble"]
    assert f"modem.pin_file: there is no {line.folder / 'secret'}, so" in trouble["words"]
    (line.folder / "secret").write_text("1234")
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "config_refused" not in told())


def test_credential_of_systemd_is_the_pin(open_line: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit's placeholder for a missing file is not tried."""
    line = with_pin(open_line, None)
    (tmp_path / "pin").write_text("-")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    line.start()
    line.wait_state("pin_required")
    [trouble] = json.loads(line.cli("status", "--json", check=False))["trouble"]
    assert trouble["cure"].startswith("Set modem.pin, or modem.pin_file")
    assert line.sim.do("state")["pin_tries"] == 3
    (tmp_path / "pin").write_text("1234\n")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    line.wait_state("ready")


def test_missing_pin_is_a_state(open_line: Open) -> None:
    """Nothing is tried."""
    line = with_pin(open_line, None)
    line.start()
    line.wait_state("pin_required")
    line.stop()
    assert line.sim.do("state")["pin_tries"] == 3


def test_puk_is_never_tried(open_line: Open) -> None:
    """A person unlocks the SIM with a phone."""
    line = with_pin(open_line, "9999")
    for pin in ("9999", "8888", "7777"):
        line.configure(modem={"pin": pin})
        line.start()
        wait_until(lambda: line.status()["modem"]["state"] in ("pin_refused", "puk_required"))
        line.stop(signal.SIGKILL)
        (line.folder / "run" / "main" / "status.json").unlink()
    line.start()
    line.wait_state("puk_required")


# ---- calls


def test_call_is_a_contact_and_is_answered_by_text(line: Line) -> None:
    """The caller is recorded once, and texts are received meanwhile."""
    line.configure(modem={"ring_for": "2s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("call", from_=NUMBER, rings=3, interval=1)
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE kind = 'call'"))
    line.sim.do("deliver", from_="+32470999999", text="pendant l'appel")
    wait_until(lambda: len(line.submitted()) == 2 and line.settled())
    line.wait_for("hung_up")

    assert line.rows("SELECT kind, originator FROM contacts WHERE kind = 'call'") == [("call", NUMBER)]


# ---- configuration, stopping, once


def test_sighup_applies_the_log_level(line: Line) -> None:
    """It does so without a restart."""
    line.configure(log_level="error")
    line.start()
    deliver_and_settle(line, "un")
    assert "contact 1:" not in line.log_path.read_text()
    line.configure(log_level="info")
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "read again" in line.log_path.read_text(), "a configuration that is read")
    line.sim.do("deliver", from_=NUMBER, text="deux")

    wait_until(lambda: "contact 2:" in line.log_path.read_text(), "what was left out before")


def test_sighup_applies_a_shorter_poll_interval_at_once(line: Line) -> None:
    """The rest of the old interval is not waited for."""
    line.configure(modem={"poll_interval": "1h"})
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.status().get("last_scan_at"), "the first scan")
    line.sim.do("store", pdu=PDU)
    line.configure(modem={"poll_interval": "1s"})
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)

    wait_until(lambda: line.count("SELECT count(*) FROM contacts"), "a text that is found")


def test_sighup_reloads_the_configuration_or_keeps_it(line: Line) -> None:
    """A wrong file leaves the previous configuration in force."""
    line.start()
    line.wait_state("ready")
    line.configure(answer={"text": "Nouveau."})
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "read again" in line.log_path.read_text())
    line.config.write_text("answer: {text: 'x', nonsense: 1}")
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "refused" in line.log_path.read_text())
    deliver_and_settle(line, "un")

    assert [message["text"] for message in line.submitted()] == ["Nouveau."]


def test_broken_configuration_ends_with_78_and_second_daemon_with_1(line: Line) -> None:
    """These codes keep systemd from endless restarts."""
    line.start()
    line.wait_state("ready")
    first = line.daemon
    line.start()
    assert line.daemon
    assert line.daemon.wait(PATIENCE_SECONDS) == 1
    line.config.write_text("answer: {}")
    line.start()
    assert line.daemon.wait(PATIENCE_SECONDS) == 78
    line.daemon = first


def test_delay_survives_a_restart(line: Line) -> None:
    """The answer keeps its due time."""
    line.configure(answer={"delay": "30m"})
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows("SELECT due_limit FROM answers"))
    before = line.rows("SELECT due_limit FROM answers")
    line.stop(signal.SIGKILL)
    line.start()
    line.wait_more("+CMGL", 2)

    assert line.rows("SELECT due_limit FROM answers") == before
    assert line.submitted() == []


def test_full_hour_holds_answers_back(line: Line) -> None:
    """They wait for budget_hour, also after a restart."""
    line.configure(limits={"segments": {"hour": 2, "day": 9, "month": 9}})
    line.start()
    for count in range(4):
        line.sim.do("deliver", from_=f"+3247000{count:04}", text="un")
    wait_until(lambda: [row[2] for row in line.rows(ANSWERS)].count("budget_hour") == 2)
    line.stop(signal.SIGKILL)
    line.start()
    line.wait_more("+CMGL", 2)

    assert sorted(row[0] for row in line.rows(ANSWERS)) == ["queued", "queued", "sent", "sent"]
    assert [message["text"] for message in line.submitted()] == [ANSWER, ANSWER]


def test_run_once_scans_once_and_answers(line: Line) -> None:
    """It ends by itself, and with 69 without a modem."""
    line.configure()
    line.sim.do("deliver", from_=NUMBER, text="un")
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "run", "--once"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert [message["recipient"] for message in line.submitted()] == [NUMBER]
    line.sim.do("unplug")
    failed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert failed.returncode == 69
    assert "There is no modem" in failed.stderr


def test_delivery_reports_settle_answers(line: Line) -> None:
    """An answer ends as delivered or undelivered."""
    line.configure(modem={"delivery_reports": "true"})
    line.start()
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: line.rows(ANSWERS) == [("delivered", None, None)])
    line.sim.do("network", report_status=0x46)
    line.sim.do("deliver", from_="+32470999999", text="deux")
    wait_until(lambda: [row[0] for row in line.rows(ANSWERS)] == ["delivered", "undelivered"])

    assert line.count("SELECT count(*) FROM contacts") == 2
    assert json.dumps(line.rows("SELECT report_status FROM answer_segments ORDER BY id")) == "[[0], [70]]"


def test_concatenated_text_in_any_order_is_one_contact(line: Line) -> None:
    """A repeated segment is a repeat, and there is one answer."""
    line.start()
    line.wait_state("ready")
    body = "".join(f"{count:03} " for count in range(100))
    for count, parts in enumerate(itertools.islice(itertools.permutations((1, 2, 3)), 1, 4)):
        line.sim.do("deliver", from_=f"+3247000{count:04}", text=body, parts=[*parts, parts[0]])
    wait_until(lambda: len(line.submitted()) == 3 and line.settled())

    assert texts(line) == [body] * 3
    assert line.rows("SELECT DISTINCT repeats FROM contacts") == [(1,)]


def test_systemd_gets_ready_states_and_signs_of_life(line: Line) -> None:
    """READY comes with the open database, not with the modem."""
    line.sim.do("unplug")
    path = line.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(PATIENCE_SECONDS)
        line.start(NOTIFY_SOCKET=str(path))

        def told(beginning: str) -> str:
            while True:
                message = channel.recv(4096).decode()
                if any(field.startswith(beginning) for field in message.splitlines()):
                    return message

        assert "READY=1" in told("READY=")
        assert "There is no modem" in told("STATUS=absent")
        told("WATCHDOG=1")
        line.sim.do("replug")
        told("STATUS=ready")
        assert line.daemon
        line.daemon.send_signal(signal.SIGTERM)
        told("STOPPING=1")
        assert line.daemon.wait(PATIENCE_SECONDS) == 0


def test_attempt_without_registration_does_not_count(line: Line) -> None:
    """The refusal shows the loss: the answer waits for the network.

    The answer goes when the network is back.
    """
    line.start(timing={"retry_after": [0.5]})
    line.wait_state("ready")
    line.sim.do("forget", settings=list(REGISTERS))  # the modem does not announce the loss
    line.sim.do("network", registered="none")
    line.sim.do("store", pdu=PDU)
    line.sim.do("say", line='+CMTI: "SM",1')
    wait_until(lambda: line.rows(ANSWERS) == [("queued", "cms_331", "network")], "an answer that waits for the network")
    assert line.sim.do("counters")["counters"]["+CMGS"] == 1
    assert line.count(SPENT) == 0

    line.sim.do("network", registered="home")
    wait_until(lambda: line.submitted() and line.settled(), "the answer that waited")
    assert line.rows(ANSWERS) == [("sent", None, None)]


def test_wrong_time_stamp_of_a_text_is_tolerated(line: Line) -> None:
    """A text of the future is answered and makes no other look old, while one of 2003 is stale by any clock."""
    line.start()
    for sender, scts in (NUMBER, "2069-12-31T23:59:59+00:00"), ("+32470000071", "2003-01-01T00:00:00+00:00"):
        line.sim.do("deliver", from_=sender, text="un", scts=scts)
    line.sim.do("deliver", from_="+32470000072", text="un")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE verdict IS NOT NULL") == 3 and line.settled())

    assert line.rows("SELECT originator FROM contacts WHERE reason = 'stale'") == [("+32470000071",)]
    assert len(line.submitted()) == 2


def test_ringing_call_holds_up_neither_texts_nor_answers(line: Line) -> None:
    """It rings for minutes."""
    line.configure(modem={"ring_for": "5m", "poll_interval": "60s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("call", from_="+32471111111", interval=0.2)
    line.wait_for("call")
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: any(text["recipient"] == NUMBER for text in line.submitted()) and line.settled())

    assert line.sim.do("counters")["events"].get("hung_up", 0) == 0
