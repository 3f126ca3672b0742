"""Promises about answered contacts and decisions of people, tried on daemon, command line and simulator.

Nothing here depends on the implementation. Promises about held answers are in `test_promises_sending.py`.
"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_SECONDS, Line, wait_until
from promised import (
    FIXED,
    GERMAN,
    NEVER,
    NUMBER,
    begin,
    by_hand,
    contact,
    deliver,
    fate,
    is_alive,
    judged,
    look,
    person,
    recipients,
    reload,
    run,
    told,
    wait_open,
    wait_states,
)

from hotlined.simulator.pdus import write_delivers

FORGER = "+32470999999"


def forge(line: Line, numbers: range, **more: Any) -> None:
    """Announce an MMS from each of these people, by a push of the forger's own phone."""
    for number in numbers:
        line.sim.do("mms", from_=person(number), **{"originator": FORGER, **more})


# The originator of a contact


def test_phone_that_forges_mms_notifications_is_one_number(line: Line) -> None:
    """It gets one answer, the senders that it names none."""
    begin(line)
    forge(line, range(13))
    contacts = judged(line, 13)
    wait_states(line, sent=1)
    look(line)

    assert recipients(line) == [FORGER]
    assert {each["originator"] for each in contacts} == {FORGER}
    assert told(line, "show", FORGER)["contacts"] == 13


def test_block_holds_for_a_phone_that_forges_notifications(line: Line) -> None:
    """The line texts none of the senders that it names."""
    line.configure()
    begin(line)
    line.cli("block", FORGER)
    forge(line, range(13))
    contacts = judged(line, 13)
    look(line)

    assert [(each["verdict"], each["reason"]) for each in contacts] == [("suppress", "blocked")] * 13
    assert line.submitted() == []


@pytest.mark.parametrize(
    ("originator", "reason"), [("+447911123456", "country"), (FIXED, "not_answerable")], ids=["abroad", "fixed line"]
)
def test_unanswerable_announcer_makes_nobody_a_contact(line: Line, originator: str, reason: str) -> None:
    """Foreign and fixed numbers cannot name another recipient."""
    begin(line)
    forge(line, range(2), originator=originator)
    contacts = judged(line, 2)
    look(line)

    assert {each["reason"] for each in contacts} == {reason}
    assert line.submitted() == []


@pytest.mark.parametrize("originator", ["8600", "MMS"], ids=["short code", "name"])
def test_mms_announced_by_the_operators_centre_is_answered(line: Line, originator: str) -> None:
    """The sender of the MMS is the contact."""
    line.configure(numbers={"mms_centres": ["MMS"]})
    begin(line)
    line.sim.do("mms", from_=NUMBER, subject="photo", originator=originator)
    (found,) = judged(line, 1)
    wait_states(line, sent=1)

    assert (found["kind"], found["originator"], found["reason"]) == ("mms", NUMBER, "first_contact")
    assert recipients(line) == [NUMBER]


def test_block_holds_for_a_forged_sender(line: Line) -> None:
    """The phone that names a blocked number gets nothing either."""
    begin(line)
    line.cli("block", person(0))
    forge(line, range(1))
    (found,) = judged(line, 1)
    look(line)

    assert found["reason"] == "blocked"
    assert line.submitted() == []


PORT = bytes([0x05, 0x04, 0x15, 0x81, 0x00, 0x00])  # TS 23.040 9.2.3.24.4: 16 bits, to 5505


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("gsm7", "Je sais que tu habites ici"), ("ucs2", "Je sais où tu habites, 😡. " * 6)],
    ids=["one segment", "several segments"],
)
def test_text_to_a_port_is_shown_and_found(line: Line, encoding: str, words: str) -> None:
    """It is meant for an application, and is not answered."""
    begin(line)
    body = words.encode("utf-16-be" if encoding == "ucs2" else "ascii")
    write = partial(write_delivers, NUMBER, scts=datetime.now(UTC), ports=PORT)
    for pdu in [
        *write(encoding, body, reference=1),
        *write("8bit", b"octets", reference=2),
    ]:
        line.sim.do("deliver_pdu", pdu=pdu)
    found, octets = judged(line, 2)
    look(line)

    assert (found["kind"], found["text"], found["reason"]) == ("data", words, "not_text")
    assert (octets["kind"], octets["text"], octets["reason"]) == ("data", None, "not_text")
    assert f"no: nothing to answer (data) {words.rstrip()}" in " ".join(line.cli("log").split())
    assert words.rstrip() in " ".join(line.cli("show", "1").split())
    assert [each["id"] for each in line.log("--search", "tu habites")] == [found["id"]]
    assert line.submitted() == []


# Loops and opting out


@pytest.mark.parametrize(("ours", "text"), [("Non.", "Annonce ton nom"), ("No", "I know you")])
def test_short_answer_inside_a_longer_text_is_not_a_loop(line: Line, ours: str, text: str) -> None:
    """The same word alone is a loop."""
    line.configure(answer={"text": ours})
    begin(line)
    deliver(line, 1, text=text)
    assert contact(line, text)["reason"] == "first_contact"
    deliver(line, 2, text=ours)
    assert contact(line, ours)["reason"] == "loop"
    deliver(line, 3, text=ours.upper())
    assert contact(line, ours.upper())["reason"] == "loop"
    wait_states(line, sent=1)

    assert recipients(line) == [person(1)]


OPT_OUTS = (
    "STOP",
    "arret",
    "Arrêt !",
    "stoppen",
    "Stop svp",
    "stop sms merci",
    "STOP, s'il vous plaît",
    "STOP, s'il vous plait",
    "stoppen aub",
    "Stop please",
)
NO_OPT_OUTS = ("stop ça", "ne t'arrête pas, stop", "merci", "stop stalking me")


def test_first_text_that_opts_out_is_never_answered(line: Line) -> None:
    """A polite word beside the opt-out changes nothing; other words do."""
    begin(line)
    for number, text in enumerate((*OPT_OUTS, *NO_OPT_OUTS)):
        deliver(line, number, text=text)
    contacts = {each["text"]: each["reason"] for each in judged(line, len(OPT_OUTS + NO_OPT_OUTS))}

    assert {text: contacts[text] for text in OPT_OUTS} == dict.fromkeys(OPT_OUTS, "opted_out")
    assert {text: contacts[text] for text in NO_OPT_OUTS} == dict.fromkeys(NO_OPT_OUTS, "first_contact")
    wait_states(line, sent=len(NO_OPT_OUTS))
    assert told(line, "show", person(0))["opted_out"] is True
    assert told(line, "show", person(len(OPT_OUTS)))["opted_out"] is False
    deliver(line, 0, text="salut quand même")
    assert contact(line, "salut quand même")["reason"] == "opted_out"
    assert len(recipients(line)) == len(NO_OPT_OUTS)


def test_opt_out_within_the_delay_cancels_the_answer(line: Line) -> None:
    """The opt-out holds until a person lifts it."""
    line.configure(answer={"delay": "1h"})
    begin(line)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    contact(line, "salut")
    assert fate(line, NUMBER) == ("queued", None)
    line.sim.do("deliver", from_=NUMBER, text="Stop svp")

    assert contact(line, "Stop svp")["reason"] == "opted_out"
    assert fate(line, NUMBER) == ("cancelled", "opted_out")
    assert told(line, "show", NUMBER)["opted_out"] is True
    line.cli("unblock", "--opted-out", "--yes", NUMBER)
    line.sim.do("deliver", from_=NUMBER, text="me revoilà")
    assert contact(line, "me revoilà")["reason"] == "first_contact"


# The configuration in force


@pytest.mark.parametrize(
    ("sender", "sections", "reason"),
    [
        (GERMAN, {"numbers": {"answer_countries": ["BE"]}}, "country"),
        (NUMBER, {"line_number": NUMBER}, "own_number"),
        (NUMBER, {"numbers": {"blocked": [NUMBER]}}, "blocked"),
    ],
    ids=["country", "own number", "blocked"],
)
def test_reload_holds_for_queued_answers(line: Line, sender: str, sections: dict[str, Any], reason: str) -> None:
    """Answers that are no longer allowed are cancelled with the reason."""
    begin(line)
    line.cli("pause")
    line.sim.do("deliver", from_=sender, text="salut")
    judged(line, 1)
    assert fate(line, sender) == ("queued", None)
    reload(line, **sections)
    line.cli("resume")

    wait_until(lambda: fate(line, sender) == ("cancelled", reason), f"an answer that is cancelled ({reason})")
    assert line.submitted() == []


def test_reload_that_ignores_calls_cancels_their_queued_answers(line: Line) -> None:
    """The answer to a text leaves."""
    begin(line)
    line.cli("pause")
    line.sim.do("call", from_=NUMBER, rings=1, interval=0.1)
    deliver(line, 1)
    judged(line, 2)
    reload(line, modem={"calls": "ignore"})
    line.cli("resume")

    wait_until(lambda: fate(line, NUMBER) == ("cancelled", "not_text"), "the answer to a call cancelled")
    wait_until(lambda: fate(line, person(1))[0] == "sent")
    assert recipients(line) == [person(1)]


# Decisions of people


def test_block_cancels_queued_answers_with_and_without_a_daemon(line: Line) -> None:
    """The answers are cancelled when the command ends."""
    line.configure(answer={"delay": "1h"})
    begin(line)
    first, second, third = deliver(line, 1, 2, 3)
    judged(line, 3)
    line.cli("block", first)
    assert fate(line, first) == ("cancelled", "blocked")
    line.stop()
    line.cli("block", second)

    assert fate(line, second) == ("cancelled", "blocked")
    assert fate(line, third) == ("queued", None)


def test_cancel_takes_back_the_answer_of_one_contact(line: Line) -> None:
    """It exits with 75 if no answer is queued."""
    line.configure(answer={"delay": "1h"}, numbers={"blocked": [person(3)]})
    begin(line)
    deliver(line, 1, 2, 3)
    ids = {each["originator"]: str(each["id"]) for each in judged(line, 3)}

    assert run(line, "cancel", ids[person(1)])[0] == 0
    assert fate(line, person(1)) == ("cancelled", "person")
    assert fate(line, person(2)) == ("queued", None)
    assert run(line, "cancel", ids[person(1)])[0] == 75
    assert run(line, "cancel", ids[person(3)])[0] == 75
    line.stop()
    assert run(line, "cancel", ids[person(2)])[0] == 0
    assert fate(line, person(2)) == ("cancelled", "person")


def test_cancelled_answer_can_be_requeued(line: Line) -> None:
    """`cancel` does not take back an answer that has left."""
    line.configure(answer={"delay": "10s"})
    begin(line)
    deliver(line, 1)
    judged(line, 1)
    assert run(line, "cancel", "1")[0] == 0
    line.cli("requeue", "1")
    wait_until(lambda: fate(line, person(1))[0] == "sent")

    assert run(line, "cancel", "1")[0] == 75
    assert fate(line, person(1))[0] == "sent"


# Texts by hand


def test_send_answer_sends_the_first_answer_at_once(line: Line) -> None:
    """Only the log of texts by hand has it."""
    line.configure(answer={"text": None, "texts": ["Un.", "Deux."], "delay": "1h"})
    begin(line)
    code, output = run(line, "send", "--answer", "0470 12 34 56")

    assert code == 0, output
    assert [(each["recipient"], each["text"]) for each in line.submitted()] == [(NUMBER, "Un.")]
    assert line.log() == []
    (row,) = by_hand(line)
    assert NUMBER in row.values()
    assert "Un." in json.dumps(row)


def refused(line: Line, number: str, *words: str) -> None:
    """Assert that `send --answer` is refused with one of these words, and that nothing leaves."""
    before = submissions_whole(line)
    code, output = run(line, "send", "--answer", number)
    assert code == (69 if "daemon" in words else 75), output
    assert any(word in output.casefold().replace("_", " ") for word in words), output
    assert submissions_whole(line) == before


def submissions_whole(line: Line) -> int:
    """Return the number of texts that have left."""
    return len(line.submitted())


def test_send_answer_names_the_rule_that_refuses_it(line: Line) -> None:
    """The rules are fixed lines, blocks, opt-outs, and queued answers.

    The countries do not refuse: an admin can try whether the SIM can text one before it is configured.
    """
    blocked, by_command, out, queued = map(person, range(4))
    line.configure(numbers={"answer_countries": ["BE"], "blocked": [blocked]}, answer={"delay": "1h"})
    begin(line)
    line.cli("block", by_command)
    deliver(line, 2, text="STOP")
    deliver(line, 3)
    assert contact(line, "STOP")["reason"] == "opted_out"
    contact(line, "t'es où ?", queued)

    refused(line, FIXED, "answerable", "mobile", "fixed line")
    refused(line, blocked, "blocked")
    refused(line, by_command, "blocked")
    refused(line, out, "asked not to be answered")
    refused(line, queued, "queued", "pending")
    assert fate(line, queued) == ("queued", None)
    assert run(line, "send", "--answer", GERMAN)[0] == 0


def test_send_answer_works_five_times_a_day(line: Line) -> None:
    """The line counts all recipients together, also over a restart."""
    begin(line)
    for number in (1, 1, 2, 2):
        assert run(line, "send", "--answer", person(number))[0] == 0
    line.stop()
    begin(line)
    assert run(line, "send", "--answer", person(1))[0] == 0

    refused(line, person(3), "5", "five")
    assert len(by_hand(line)) == 5


def test_send_answer_needs_the_daemon(line: Line) -> None:
    """The command says so, and a later start sends nothing."""
    begin(line)
    line.stop()
    refused(line, NUMBER, "daemon")
    begin(line)
    look(line)

    assert line.submitted() == []
    assert by_hand(line) == []


def test_text_by_hand_is_listed_but_not_as_a_contact_or_answer(line: Line) -> None:
    """`log --by-hand` and `show` of the number have it."""
    begin(line)
    line.cli("send", NUMBER, "Tout va bien.")

    assert line.log() == []
    (row,) = by_hand(line)
    assert "Tout va bien." in json.dumps(row)
    assert NUMBER in row.values()
    sheet = told(line, "show", NUMBER)
    assert "Tout va bien." in json.dumps(sheet)
    assert (sheet["contacts"], sheet["answers"]) == (0, 0)
    assert told(line, "limits")["windows"]["hour"]["used"] == 1


@pytest.mark.parametrize("words", ["--answer", "Tout va bien."])
def test_text_by_hand_leaves_its_number_a_first_contact(line: Line, words: str) -> None:
    """The number still gets the first answer."""
    line.configure(answer={"text": None, "texts": ["Un.", "Deux."]}, limits={"per_number": 1})
    begin(line)
    line.cli("send", NUMBER, words)
    line.sim.do("deliver", from_=NUMBER, text="salut")

    assert contact(line, "salut")["reason"] == "first_contact"
    wait_states(line, sent=1)
    assert [each["text"] for each in line.submitted()][1:] == ["Un."]


def test_text_by_hand_moves_no_cooldown(line: Line) -> None:
    """The time of the next answer to the number stays."""
    line.configure(limits={"cooldown": ["2h", "7d"]})
    begin(line)
    line.sim.do("deliver", from_=NUMBER, text="salut")
    wait_until(lambda: fate(line, NUMBER)[0] == "sent")
    before = told(line, "show", NUMBER)["next"]
    line.cli("send", NUMBER, "Tout va bien.")
    after = told(line, "show", NUMBER)["next"]

    assert before["reason"] == after["reason"] == "cooldown"
    assert 0 < after["in_seconds"] <= before["in_seconds"] <= 7200


def test_text_by_hand_is_tried_in_an_outage(line: Line) -> None:
    """The text leaves before any trial of an answer is due."""
    begin(line, timing=NEVER)
    line.sim.do("fault", kind="error", command="+CMGS", cms=500)
    deliver(line, *range(4))
    wait_open(line)
    line.sim.do("clear", what="faults")

    assert run(line, "send", NUMBER, "Tout va bien.")[0] == 0
    assert NUMBER in recipients(line)


# One daemon


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_second_daemon_behind_a_link_is_refused(line: Line, tmp_path: Path, link: Any) -> None:
    """It ends with 1, and the first one goes on."""
    begin(line)
    folder = tmp_path / "second"
    folder.mkdir()
    link(line.database, folder / "hotlined.db")
    settings = line.settings | {"database": str(folder / "hotlined.db"), "runtime_dir": str(folder / "run")}
    settings["modem"] = settings["modem"] | {"port": str(folder / "modem")}
    (folder / "main.yaml").write_text(json.dumps(settings))
    second = subprocess.Popen(
        [sys.executable, "-m", "hotlined", "--config", str(folder / "main.yaml"), "run"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = second.communicate(timeout=PATIENCE_SECONDS)[1]
    except subprocess.TimeoutExpired:
        pytest.fail("a second daemon runs on the same database")
    finally:
        second.kill()
        second.wait()
        assert second.stderr
        second.stderr.close()

    assert second.returncode == 1, said
    deliver(line, 1)
    wait_until(lambda: recipients(line) == [person(1)])
    assert is_alive(line)


# Malformed requests

MALFORMED = (
    "",
    "{}",
    "[]",
    "null",
    "7",
    "no JSON",
    '{"number": 32470123456, "text": "un"}',
    '{"number": ["+32470123456"], "text": null}',
    '{"number": "", "text": ""}',
)
WITHOUT_A_TEXT = ('{"number": "+32470123456"}', '{"number": "+32470123456", "text": 5}')


def insert_like(database: Path, arguments: str, verb: str) -> bool:
    """Insert a copy of the newest request with these changes; return False if the database refuses it."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.row_factory = sqlite3.Row
        old = dict(connection.execute("SELECT * FROM requests ORDER BY id DESC LIMIT 1").fetchone())
        kept = {name for name in old if name.startswith(("created", "boot", "expires", "who"))}
        row = {name: value for name, value in old.items() if name in kept}
        row |= {"verb": verb, "arguments": arguments, "state": "open"}
        marks = ", ".join(f":{name}" for name in row)
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO requests ({', '.join(row)}) VALUES ({marks})", row)
            return True
    return False


@pytest.mark.parametrize(
    ("verb", "requests"),
    [("send", MALFORMED + WITHOUT_A_TEXT), ("answer", MALFORMED), ("nonsense", MALFORMED + WITHOUT_A_TEXT)],
    ids=["send", "answer", "nonsense"],
)
def test_malformed_requests_are_refused(line: Line, verb: str, requests: tuple[str, ...]) -> None:
    """Nothing is sent for them, and the line goes on."""
    begin(line)
    line.cli("send", NUMBER, "Tout va bien.")
    put = sum(insert_like(line.database, arguments, verb) for arguments in requests)

    def refusals() -> int:
        return line.count("SELECT count(*) FROM requests WHERE state = 'refused'")

    wait_until(lambda: refusals() == put or not is_alive(line), "requests that are refused")
    assert is_alive(line)
    assert refusals() == put
    deliver(line, 1)
    wait_until(lambda: recipients(line) == [NUMBER, person(1)])
