"""People's data: erased data is in no file, and limits, blocks and opt-outs still hold."""

import ast
import json
import os
import pty
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import store_steps
from conftest import SPENT, Line, wait_until
from filled import ANSWER, KEVIN, LEA, RULES, SENT, Filled
from interrupting import Copies, copies
from persons import UNPRIVILEGED, user_name

from hotlined import database_files, pseudonym
from hotlined.cli.output import json_line
from hotlined.errors import RefusedError, StoreError
from hotlined.gsm import alphabet
from hotlined.gsm.address import Address, Ton, identify, mask
from hotlined.machine.clock import Now, parse_rfc3339
from hotlined.rules import policy
from hotlined.simulator import pdus
from hotlined.states import ByHand, Refusal, RequestState
from hotlined.store.answers import contacts, decisions, fates, queue, verdicts, windows
from hotlined.store.file import opening
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line import events, requests
from hotlined.store.line.database import Database
from hotlined.store.line.history import history_of
from hotlined.store.line.line_row import row_of
from hotlined.store.line.requests import RequestVerb
from hotlined.store.people import erasing, export, purging, stored
from hotlined.store.reading.log import maybe_contact
from hotlined.words.requests import result_in_words

TEXT = "You will regret this on Sunday"
DEAR = "Tu vas le regretter 🔪 dimanche"
DAY = timedelta(days=1)
KEEP_TEXTS, KEEP_NUMBERS = 90 * DAY, 365 * DAY


@pytest.fixture
def line_of(tmp_path: Path) -> Iterator[Filled]:
    """Give a filled database without a daemon."""
    filled = Filled(tmp_path)
    with filled.db:
        yield filled


def semi_octets(digits: str) -> str:
    """Write digits as an address of a PDU has them."""
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))


def septets(text: str, fill: int) -> bytes:
    """Pack an ASCII text as GSM-7 after some fill bits; leave out characters that share a byte with something else."""
    bits = sum(ord(character) << (7 * at + fill) for at, character in enumerate(text))
    packed = bits.to_bytes((7 * len(text) + fill) // 8 + 1, "little")
    return packed[1:-2]


def forms(number: str, *texts: str) -> set[bytes]:
    """Return all forms that a number and texts may have in a file: in each coding, as bytes and as hexadecimal."""
    digits = number.lstrip("+")
    plain = [digits.encode(), bytes.fromhex(semi_octets(digits).replace("F", "f"))]
    for text in (*texts, digits):
        plain += [text.encode(), text.encode("utf-16-be"), text.encode("utf-16-le")]
        if text.isascii():
            plain += [septets(text, fill) for fill in range(7)]
    spelled = [form.hex().encode() for form in plain]
    return {*plain, *spelled, *(form.upper() for form in spelled)}


def traces(database: Path, wanted: set[bytes]) -> list[tuple[str, bytes]]:
    """Return the places of these forms in the files of a database, its -wal, and the files beside it."""
    files = [path for path in database.parent.rglob("*") if path.is_file()]
    return [(path.name, form) for path in files for form in wanted if form in path.read_bytes()]


def moment(filled: Filled, days: float, *, synchronised: bool = False) -> Now:
    """Return a moment, in days after the first one, on both clocks."""
    now = filled.now()
    return Now(now.utc + days * DAY, now.limit + days * 86400, synchronised)


def exported(filled: Filled, number: str) -> export.Export:
    """Return everything that is stored about a number."""
    return export.export(filled.db, number, result_in_words)


def purge(filled: Filled, now: Now) -> tuple[int, int]:
    """Erase old data and return the counts of rows that lost a text and a number."""
    batches = list(purging.purge(filled.db, KEEP_TEXTS, KEEP_NUMBERS, now))
    return sum(batch.texts for batch in batches), sum(batch.numbers for batch in batches)


def judged(filled: Filled, now: Now, text: str = "Salut", sender: str = KEVIN) -> policy.Verdict:
    """Receive a text and judge it at the same moment."""
    entries = pdus.write_text(sender, text, scts=now.utc, reference=9)
    contacts.record(filled.db, filled.source, [contacts.read(pdu, None, None) for pdu in entries], now)
    return store_steps.judge(filled.db, filled.newest(), now, RULES)


def answered(filled: Filled, sender: str = KEVIN) -> int:
    """Receive a text, answer it in two segments, and return its contact's id."""
    contact_id = filled.text(TEXT, sender)
    filled.judge(contact_id)
    filled.send()
    return contact_id


def report(recipient: str, mr: int) -> str:
    """Return the PDU of a report that a segment was delivered."""
    return pdus.write_status_report(mr, recipient, SENT, SENT, 0)


def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query as tuples."""
    return [tuple(row) for row in db.all(sql)]


# ---- contents of the files


def fill(line: Line) -> set[bytes]:
    """Let a number text in each alphabet and in parts, call, and be answered; return the forms of its data."""
    long_text = f"{TEXT} " * 8
    line.start()
    line.wait_state("ready")
    for text in (TEXT, DEAR, long_text):
        line.sim.do("deliver", from_=KEVIN, text=text)
    line.sim.do("call", from_=KEVIN)
    line.sim.do("deliver", from_=LEA, text="Autre chose")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE kind = 'call'"))
    wait_until(line.settled)
    held = forms(KEVIN, TEXT, DEAR)
    for (pdu,) in line.rows(
        "SELECT pdu FROM segments JOIN contacts c ON c.id = contact_id WHERE originator = ?", KEVIN
    ):
        held |= {pdu[at : at + 30].encode() for at in range(40, len(pdu) - 30, 30)}
    return held - {form for form in held if any(form in pdu.encode() for (pdu,) in others(line))}


def others(line: Line) -> list[tuple[Any, ...]]:
    """Return the PDUs of everyone else."""
    return line.rows("SELECT pdu FROM segments JOIN contacts c ON c.id = contact_id WHERE originator <> ?", KEVIN)


def test_forgotten_person_is_in_no_file_while_the_daemon_runs(line: Line) -> None:
    """Database, -wal and log are searched in every coding.

    The number counts as new.
    """
    line.configure(modem={"calls": "hang_up", "delivery_reports": True}, privacy={"keep_texts": "90d"})
    held = fill(line)
    assert traces(line.database, held)
    before = line.count(SPENT)
    said = line.cli("forget", KEVIN, "--yes")

    assert "4 contacts" in said
    assert traces(line.database, held) == []
    assert line.count(SPENT) == before
    assert [entry["originator"] for entry in line.log()] == [LEA]
    line.sim.do("deliver", from_=KEVIN, text="Encore moi")
    wait_until(lambda: line.log("--number", KEVIN) and line.log("--number", KEVIN)[0]["reason"] == "first_contact")
    wait_until(line.settled)
    assert KEVIN[1:] not in line.log_path.read_text()


def test_purged_data_is_in_no_file_while_the_daemon_runs(line: Line) -> None:
    """The files are searched in every coding; the cooldown still holds."""
    line.configure(modem={"calls": "hang_up"}, privacy={"keep_texts": "1s", "keep_numbers": "1s"})
    held = fill(line)

    def purged() -> bool:
        line.cli("purge")
        return not line.count("SELECT count(*) FROM contacts WHERE originator NOT GLOB '~*'")

    wait_until(purged)
    assert traces(line.database, held) == []
    assert [entry["text"] for entry in line.log()] == [None] * 5
    line.sim.do("deliver", from_=KEVIN, text="Encore moi")
    wait_until(lambda: len(line.log("--number", KEVIN)) == 5)  # the earlier call was within the cooldown, too
    wait_until(lambda: line.log("--number", KEVIN)[-1]["reason"] == "cooldown")
    assert len(line.log("--number", KEVIN)) == 5


def test_erased_rows_leave_no_copies_in_the_file(line_of: Filled) -> None:
    """None of a thousand erased rows is left, though SQLite moves rows."""
    db, rng, now = line_of.db, random.Random(3), line_of.now()
    strangers = [f"+32471{rng.randrange(10**6):06}" for _ in range(500)]
    with db.transaction():
        for place in range(2000):
            theirs = rng.random() < 0.5
            cursor = db.execute(
                "INSERT INTO contacts (line, kind, originator, line_type, text, segments_received, segments_total,"
                " received_at, received_limit) VALUES ('fr', 'text', ?, 'mobile', ?, 1, 1, ?, ?)",
                KEVIN if theirs else rng.choice(strangers),
                f"text{theirs:d}{place:06}" + "x" * rng.randrange(300),
                now.rfc3339,
                now.limit,
            )
            db.execute(
                "INSERT INTO segments (contact_id, kind, pdu, imsi, received_at, deleted_at)"
                " VALUES (?, 'deliver', ?, '206', ?, ?)",
                cursor.lastrowid,
                f"DD{theirs:d}{place:06}" + "AB" * rng.randrange(20, 160),
                now.rfc3339,
                now.rfc3339,
            )
    held = re.compile(rb"\+32470123456|text1\d{6}|DD1\d{6}")
    db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert len(held.findall(line_of.database.read_bytes())) > 3000
    assert erasing.forget(db, KEVIN, "pi", now, opts_out=lambda _: False)
    assert erasing.rebuild(db)

    assert held.findall(line_of.database.read_bytes()) == []


def test_forget_reports_a_reader_of_old_pages(line_of: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The -wal has a copy until that reader ends.

    `forget` exits with 69 until then.
    """
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(erasing, "CHECKPOINT_SECONDS", 0.2)
    answered(line_of)
    with closing(sqlite3.connect(line_of.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contacts").fetchone()
        result = line_of.run("forget", KEVIN, "--yes")
        assert result.exit_code == 69
        assert "Datasette" in result.stderr
        reader.execute("ROLLBACK")

    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0
    assert traces(line_of.database, forms(KEVIN, TEXT)) == []


@contextmanager
def traffic(path: Path) -> Iterator[None]:
    """Let another process write to a database all the time and checkpoint as the daemon does."""
    program = (
        "import sqlite3, sys, time\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n"
        "db.execute('PRAGMA synchronous = FULL')\n"
        "while True:\n"
        "    db.execute(\"INSERT INTO events (at, kind, word) VALUES ('', 'traffic', ?)\", ('x' * 2000,))\n"
        "    time.sleep(0.002)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)]) as writer:
        try:
            yield
        finally:
            writer.kill()


@pytest.mark.parametrize("command", [("forget", KEVIN, "--yes"), ("purge",)], ids=["forget", "purge"])
def test_erasing_beside_traffic_leaves_no_copy(line_of: Filled, command: tuple[str, ...]) -> None:
    """Another process writes and checkpoints meanwhile; no reader is reported."""
    contact_id = answered(line_of)
    line_of.db.connection.execute("UPDATE contacts SET received_limit = -1e9 WHERE id = ?", (contact_id,))
    with line_of.db.transaction():
        for number in range(3000):
            events.record(line_of.db, line_of.now(), "filler", detail={"text": f"{number} " * 1500})
    with traffic(line_of.database):
        result = line_of.run(*command)

    assert (result.exit_code, "Datasette" in result.stderr) == (0, False), result.stderr
    assert line_of.database.with_name("hotlined.db-wal").stat().st_size < 64 * 1024 * 1024
    wanted = forms(KEVIN, TEXT) if command[0] == "forget" else {TEXT.encode()}
    assert traces(line_of.database, wanted) == []


def test_erasure_during_a_rebuild_causes_another_rebuild(line_of: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure comes after VACUUM, before the rebuild is noted.

    A person is erased, or rows are erased by age.
    """
    answered(line_of)
    for number in (LEA, other := "+32470999999"):
        line_of.text(TEXT, number)
    checkpoint, said = erasing._checkpoint, list[str]()
    others = [
        lambda db: forgotten(db, LEA, line_of.now()),
        lambda db: [*purging.purge(db, timedelta(0), timedelta(0), line_of.now())],
    ]

    def meanwhile(db: Database) -> bool:
        if others:
            with open_beside_daemon(line_of.database) as beside:
                others.pop()(beside)
        return checkpoint(db)

    assert forgotten(line_of.db, other, line_of.now()) is not None
    monkeypatch.setattr(erasing, "_checkpoint", meanwhile)
    line_of.db.connection.set_trace_callback(said.append)

    assert erasing.rebuild(line_of.db)
    assert (said.count("VACUUM"), row_of(line_of.db).needs_rebuild) == (3, False)


def test_rebuild_gives_up_when_erasures_never_pause(line_of: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """`forget` exits with 69, and a later rebuild finishes the work."""
    checkpoint = erasing._checkpoint

    def meanwhile(db: Database) -> bool:
        line_of.text(TEXT, LEA)
        forgotten(line_of.db, LEA, line_of.now())
        return checkpoint(db)

    answered(line_of)
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_checkpoint", meanwhile)
        assert line_of.run("forget", KEVIN, "--yes").exit_code == 69
    assert row_of(line_of.db).needs_rebuild

    assert erasing.rebuild(line_of.db)
    assert not row_of(line_of.db).needs_rebuild


def forgotten(db: Database, name: str, now: Now) -> stored.StoredCounts | None:
    """Forget a number or name, and return the counts of its data."""
    return erasing.forget(db, name, "pi", now, opts_out=lambda _text: False)


def test_wal_shrinks_after_a_long_reader_ends(line_of: Filled) -> None:
    """The open transaction made it grow; the next commits truncate it."""
    wal = line_of.database.with_name("hotlined.db-wal")
    with closing(sqlite3.connect(line_of.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contacts").fetchone()
        for number in range(400):
            with line_of.db.transaction():
                events.record(line_of.db, line_of.now(), "filler", detail={"text": f"{number} " * 50_000})
        grown = wal.stat().st_size
        reader.execute("ROLLBACK")
    for _ in range(3):
        line_of.text()

    assert grown > 2 * database_files.WAL_OCTETS
    assert wal.stat().st_size <= database_files.WAL_OCTETS


# ---- erasure by age


def test_texts_are_erased_first_and_numbers_later(line_of: Filled) -> None:
    """`keep_texts` erases texts and PDUs; `keep_numbers` later makes numbers pseudonyms.

    All else stays.
    """
    contact_id = answered(line_of)
    before = line_of.log()[0]
    assert purge(line_of, moment(line_of, 89)) == (0, 0)
    assert purge(line_of, moment(line_of, 91)) == (1, 0)
    contact = maybe_contact(line_of.db, contact_id)
    assert contact
    assert contact.answer
    assert (contact.originator, contact.text, contact.answer.text) == (KEVIN, None, None)
    assert {part.pdu for part in (*contact.parts, *contact.answer.parts)} == {None}
    assert purge(line_of, moment(line_of, 366)) == (0, 1)
    after = line_of.log()[0]
    assert pseudonym.is_one(after["originator"])
    assert line_of.db.one("SELECT 1 FROM answers WHERE recipient = ?", after["originator"])
    assert after | {"originator": KEVIN, "text": TEXT, "answer": before["answer"]} == before
    assert purge(line_of, moment(line_of, 366)) == (0, 0)
    assert line_of.log("--number", KEVIN) == [after]


def test_rows_without_a_contact_are_purged_too(line_of: Filled) -> None:
    """Texts by hand, requests, decisions, events and reports age, too."""
    db, now = line_of.db, line_of.now()
    request_id = requests.ask(db, RequestVerb.SEND, {"number": LEA, "text": "Tout va bien"}, "pi", now)
    with db.transaction():
        answer_id = verdicts.enqueue_by_hand(
            db, LEA, alphabet.plan("Tout va bien"), RULES, now, kind=ByHand.SEND, who="pi"
        )
        assert isinstance(answer_id, int)
        requests.await_answer(db, request_id, answer_id)
    decisions.block(db, KEVIN, "pi", now)
    line_of.pdu(report(LEA, 3))
    assert purge(line_of, moment(line_of, 400)) == (1, 2)  # the report; the decision and its event
    line_of.send([5])
    requests.next_request(db, now)
    requests.settle(db, now)
    assert purge(line_of, moment(line_of, 400)) == (2, 2)

    tables = ("answers", "answer_segments", "segments", "numbers", "requests", "events")
    raw = str([rows(db, f"SELECT * FROM {table}") for table in tables])
    assert not any(each in raw for each in (LEA, KEVIN, "Tout va bien", mask(KEVIN), semi_octets(LEA[1:])))
    assert rows(db, "SELECT number, who FROM events WHERE kind = 'block'") == [(None, "pi")]
    assert history_of(db, LEA).answers == 0  # a text by hand does not count as an answer


def test_purge_leaves_pending_work_alone(line_of: Filled) -> None:
    """An unjudged contact and a queued answer keep all their data."""
    line_of.text(TEXT)
    line_of.judge(line_of.text(TEXT, LEA))
    before = [rows(line_of.db, f"SELECT * FROM {table}") for table in ("contacts", "segments", "answers")]

    assert purge(line_of, moment(line_of, 4000)) == (0, 0)
    assert [rows(line_of.db, f"SELECT * FROM {table}") for table in ("contacts", "segments", "answers")] == before


def test_purge_leaves_a_kept_contact_alone(line_of: Filled) -> None:
    """`show` names person and time; `keep --undo` lets it age."""
    contact_id = answered(line_of)
    assert line_of.run("keep", str(contact_id), env={"SUDO_UID": "1", "USER": "marie"}).exit_code == 0
    shown = json.loads(line_of.run("show", str(contact_id), "--json").stdout)
    assert shown["kept"]["by"] == user_name(1)
    assert f"by {user_name(1)}" in line_of.run("show", str(contact_id)).stdout
    assert purge(line_of, moment(line_of, 4000)) == (0, 0)
    assert json.loads(line_of.run("show", str(contact_id), "--json").stdout) == shown
    assert line_of.run("keep", "99").exit_code == 1
    assert line_of.run("keep", str(contact_id), "--undo").exit_code == 0
    assert purge(line_of, moment(line_of, 4000)) == (1, 1)

    assert line_of.db.one("SELECT kept_by FROM contacts")["kept_by"] is None  # type: ignore[index]


@pytest.mark.parametrize("years", [-56, 50])
def test_wrong_clock_erases_nothing(line_of: Filled, years: int) -> None:
    """The unsynchronised calendar is decades wrong, at reception or at the purge."""
    now = line_of.now()._replace(synchronised=True)
    judged(line_of, now)
    wrong = now._replace(utc=now.utc + 365 * years * DAY, synchronised=False)
    judged(line_of, wrong, sender=LEA)
    line_of.db.connection.execute("UPDATE answers SET state = 'cancelled'")

    assert purge(line_of, wrong._replace(limit=now.limit + 3600)) == (0, 0)
    assert purge(line_of, now._replace(limit=now.limit + 3600)) == (0, 0)
    assert purge(line_of, now._replace(limit=now.limit + 91 * 86400)) == (2, 0)


def test_synchronised_calendar_counts_time_without_power(line_of: Filled) -> None:
    """A text with a trusted date ages during a year without power."""
    now = line_of.now()._replace(synchronised=True)
    judged(line_of, now)
    line_of.db.connection.execute("UPDATE answers SET state = 'cancelled'")
    later = now._replace(utc=now.utc + 400 * DAY, limit=now.limit + 60)

    assert purge(line_of, later._replace(synchronised=False)) == (0, 0)
    assert purge(line_of, later) == (1, 1)


def test_purge_reports_its_counts(line_of: Filled) -> None:
    """It also says that nothing was old enough."""
    answered(line_of)
    line_of.settings["privacy"] = {"keep_texts": "0s", "keep_numbers": "0s"}
    line_of.config.write_text(json.dumps(line_of.settings))
    line_of.db.connection.execute("UPDATE contacts SET received_limit = -1")

    assert line_of.run("purge").stdout == "Texts are erased in 1 entry, numbers replaced by pseudonyms in 1 entry.\n"
    assert line_of.run("purge").output == "Nothing was old enough.\n"


# ---- rules for pseudonyms


def never(_: Filled) -> None:
    """Make no decision."""


@pytest.mark.parametrize(
    ("answers", "decide", "days", "reason"),
    [
        (3, never, 400, policy.Reason.PER_NUMBER),
        (1, never, 366, policy.Reason.COOLDOWN_OVER),
        (1, lambda filled: decisions.block(filled.db, KEVIN, "pi", filled.now()), 400, policy.Reason.BLOCKED),
        (1, lambda filled: judged(filled, filled.now(), "Stop."), 400, policy.Reason.OPTED_OUT),
        (0, never, 400, policy.Reason.FIRST_CONTACT),
    ],
    ids=["cap", "cooldown", "block", "optout", "nothing"],
)
def test_limits_hold_for_a_pseudonym(
    line_of: Filled, answers: int, decide: Callable[[Filled], Any], days: float, reason: policy.Reason
) -> None:
    """It keeps the number's cap, history, block and opt-out."""
    for _ in range(answers):
        line_of.db.connection.execute("UPDATE attempts SET begun_limit = begun_limit - 2000000")
        answered(line_of)
    decide(line_of)
    purge(line_of, moment(line_of, days))
    assert KEVIN not in str(
        [rows(line_of.db, f"SELECT * FROM {table}") for table in ("contacts", "answers", "numbers")]
    )

    assert judged(line_of, moment(line_of, days)).reason is reason


def test_number_and_its_pseudonym_have_one_history(line_of: Filled) -> None:
    """Their answers count together, and the cooldown runs from the latest."""
    contact_id = answered(line_of)
    decisions.keep(line_of.db, contact_id, "pi", line_of.now())
    line_of.db.connection.execute("UPDATE attempts SET begun_limit = begun_limit - 2000000")
    answered(line_of)
    purge(line_of, moment(line_of, 400))
    assert len({recipient for (recipient,) in rows(line_of.db, "SELECT recipient FROM answers")}) == 2

    history = history_of(line_of.db, KEVIN)
    assert (history.answers, history.pending) == (2, False)
    assert history.last_answer == line_of.db.one("SELECT max(begun_limit) AS last FROM attempts")["last"]  # type: ignore[index]
    assert len(line_of.log("--number", KEVIN)) == 2


def test_cooldown_holds_when_the_number_becomes_a_pseudonym(line_of: Filled) -> None:
    """A keep_numbers of one hour ends within the cooldown."""
    answered(line_of)
    now = moment(line_of, 0.1)
    for _ in purging.purge(line_of.db, timedelta(hours=1), timedelta(hours=1), now):
        pass
    assert pseudonym.is_one(line_of.log()[0]["originator"])

    assert judged(line_of, now).reason is policy.Reason.COOLDOWN


def test_decision_about_a_pseudonym_changes_its_row(line_of: Filled) -> None:
    """Block, unblock and a lifted opt-out leave one row."""
    answered(line_of)
    judged(line_of, line_of.now(), "stop")
    purge(line_of, moment(line_of, 400))
    (number,) = rows(line_of.db, "SELECT number FROM numbers WHERE opted_out_at IS NOT NULL")
    for words in ("block", "unblock --opted-out --yes", "unblock"):
        assert line_of.run(*words.split(), KEVIN).exit_code == 0

    assert rows(line_of.db, "SELECT number, blocked_at, opted_out_at FROM numbers") == [(*number, None, None)]
    assert judged(line_of, moment(line_of, 400)).reason is policy.Reason.COOLDOWN_OVER


def test_erasure_frees_no_segment_of_a_window(line_of: Filled) -> None:
    """Neither `purge` nor `forget` does."""
    answered(line_of)
    now = moment(line_of, 0.01)
    spent = windows.spent(line_of.db, now)
    assert spent["month"].total == 2
    for _ in purging.purge(line_of.db, timedelta(0), timedelta(0), now):
        pass
    assert windows.spent(line_of.db, now) == spent
    assert erasing.forget(line_of.db, KEVIN, "pi", now, opts_out=lambda _: False)

    assert windows.spent(line_of.db, now) == spent
    assert rows(line_of.db, "SELECT contact_id, recipient, text FROM answers") == [(None, pseudonym.NOBODY, None)]


def test_erased_text_is_recognised_when_it_comes_again(line_of: Filled) -> None:
    """Delivered again it is a repeat; listed again it is the same.

    Neither is answered.
    """
    entries = pdus.write_text(KEVIN, TEXT, scts=SENT, reference=1)
    line_of.pdu(*entries)
    line_of.judge(line_of.newest())
    line_of.send()
    listed = [contacts.read(pdu, None, 4) for pdu in pdus.write_text(LEA, TEXT, scts=SENT, reference=1)]
    (still,) = contacts.record_listing(line_of.db, line_of.source, listed, line_of.now(), complete=True)
    line_of.judge(line_of.newest())
    line_of.send()
    purge(line_of, moment(line_of, 91))

    assert contacts.record_listing(line_of.db, line_of.source, listed, line_of.now(), complete=True) == [still]
    line_of.pdu(*entries)
    assert [entry["repeats"] for entry in line_of.log()] == [1, 0]
    assert purge(line_of, moment(line_of, 92)) == (1, 0)  # the repeat's PDU


def test_report_settles_an_answer_to_a_pseudonym(line_of: Filled) -> None:
    """The status report came after the number's erasure."""
    answered(line_of)
    for _ in purging.purge(line_of.db, timedelta(0), timedelta(0), moment(line_of, 0.1)):
        pass
    line_of.pdu(*(report(KEVIN, mr) for mr in (7, 8)))

    assert rows(line_of.db, "SELECT state FROM answers") == [("delivered",)]


def test_export_has_no_decisions_about_others(line_of: Filled) -> None:
    """Two numbers have the same mask, and only one opted out."""
    hers, his = "+32471555123", "+32471888123"
    line_of.judge(line_of.text("stop", hers))
    assert [each.kind for each in exported(line_of, hers).events] == ["optout"]
    line_of.judge(line_of.text("salut", his))

    assert mask(hers) == mask(his)
    assert exported(line_of, his).events == ()
    decided = exported(line_of, hers).decided
    assert exported(line_of, his).decided is None
    assert decided
    assert decided.opted_out_at


def test_answer_without_its_text_is_not_requeued(line_of: Filled) -> None:
    """The error says that the text is erased."""
    contact_id = line_of.text()
    line_of.judge(contact_id)
    line_of.send([None])
    purge(line_of, moment(line_of, 91))
    result = line_of.run("requeue", str(contact_id))

    assert result.exit_code == 75
    assert "is erased." in result.stderr
    line_of.config.write_text(json.dumps(line_of.settings | {"language": "fr"}))
    assert "erased" not in line_of.run("requeue", str(contact_id)).stderr


def test_answer_whose_number_is_erased_is_not_requeued(line_of: Filled) -> None:
    """This answer never had a text, and could be composed."""
    contact_id = line_of.text()
    line_of.judge(contact_id)
    line_of.db.connection.execute("UPDATE answers SET state = 'cancelled', reason = 'stale'")
    for _ in purging.purge(line_of.db, timedelta(0), timedelta(0), moment(line_of, 0.1)):
        pass
    result = line_of.run("requeue", str(contact_id))

    assert result.exit_code == 75
    assert "erased" in result.stderr
    assert rows(line_of.db, "SELECT state FROM answers") == [("cancelled",)]


# ---- the key of the pseudonyms


def test_pseudonym_depends_on_number_and_key() -> None:
    """The pseudonym of a pseudonym is itself."""
    key, other = b"k" * 32, b"o" * 32
    made = pseudonym.of(key, KEVIN)

    assert pseudonym.is_one(made)
    assert made == pseudonym.of(key, KEVIN) == pseudonym.of(key, made)
    assert len({made, pseudonym.of(other, KEVIN), pseudonym.of(key, LEA)}) == 3
    assert pseudonym.digest(key) != pseudonym.digest(other)
    assert not any(map(pseudonym.is_one, ("~", KEVIN, "~0123456789AB", "~0123456789abc")))
    assert mask(made) == f"{made[:4]}…"


def test_key_is_in_a_folder_beside_the_database(line_of: Filled) -> None:
    """The key has 32 bytes; modes are 640 and 750.

    No temporary file is left.
    """
    answered(line_of)
    purge(line_of, moment(line_of, 91))
    path = line_of.db.key_path

    assert path == line_of.folder / "keys/hotlined.db.key"
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o640, 32)
    assert path.parent.stat().st_mode & 0o777 == 0o750
    assert [each.name for each in line_of.folder.rglob(".*")] == []


def test_purge_without_a_writable_key_erases_nothing(line_of: Filled) -> None:
    """It raises StoreError: pseudonyms need a key."""
    answered(line_of)
    line_of.db.key_path.mkdir(parents=True)
    (line_of.db.key_path / "x").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        purge(line_of, moment(line_of, 91))

    assert line_of.log()[0]["text"] == TEXT
    assert [each.name for each in line_of.folder.glob(".*")] == []


@pytest.mark.parametrize("key", [None, b"x" * 32], ids=["missing", "another"])
def test_line_without_its_key_sends_nothing_until_resumed(line: Line, key: bytes | None) -> None:
    """A number whose pseudonym is lost then counts as new."""
    with pseudonyms_lost(line, key) as lost:
        assert "key" in line.cli("status", check=False)
        assert json.loads(line.cli("status", "--json", check=False))["sending"]["reason"] == "key_lost"
        assert line.rows("SELECT kind FROM events WHERE kind = 'key_lost'") == [("key_lost",)]
        assert subprocess.run(command(line, "purge"), capture_output=True, check=False).returncode == 1
        line.sim.do("deliver", from_=KEVIN, text="Encore")
        wait_until(lambda: line.rows(WAITING) == [("held",)])
        assert len(line.submitted()) == 1
        assert "Another key" in line.cli("resume")
        wait_until(line.settled)

    assert len(line.submitted()) == 2
    assert line.count("SELECT count(*) FROM events WHERE kind = 'key_new'") == 1
    assert (line.folder / "keys/hotlined.db.key").read_bytes() != lost
    assert ((line.folder / "keys/hotlined.db.key").read_bytes() == key) == (key == b"x" * 32)


def test_resume_asks_before_a_lost_key_is_given_up(line: Line) -> None:
    """On a terminal it names the file and what is forgotten without it, also where no answer waits."""
    with pseudonyms_lost(line, None):
        ours, theirs = pty.openpty()
        os.write(ours, b"n\n")
        done = subprocess.run(command(line, "resume"), stdin=theirs, capture_output=True, text=True, check=False)
        os.close(ours)
        os.close(theirs)

        assert str(line.folder / "keys/hotlined.db.key") in done.stdout
        assert "forgets who was blocked or opted out. Let answers go out again? [y/N]" in " ".join(done.stdout.split())
        assert line.count("SELECT count(*) FROM events WHERE kind = 'key_new'") == 0


def test_database_made_anew_beside_its_old_key_begins_paused(line: Line) -> None:
    """The line was told to forget who opted out: it answers nobody before a person says so, also after a restart."""
    line.start()
    line.wait_state("ready")
    line.stop()
    key = (line.folder / "keys/hotlined.db.key").read_bytes()
    for ending in ("", "-wal", "-shm"):
        (line.folder / f"hotlined.db{ending}").rename(line.folder / f"away{ending}")
    for text in ("Un", "Deux"):
        line.start()
        line.wait_state("ready")
        line.sim.do("deliver", from_=KEVIN, text=text)
        wait_until(lambda: line.rows(WAITING) == [("paused",)])
        line.stop()
    line.start()
    line.wait_state("ready")
    assert json.loads(line.cli("status", "--json", check=False))["sending"]["reason"] == "made_anew"
    assert "The database is new" in line.cli("status", check=False)
    assert line.submitted() == []
    line.cli("resume")
    wait_until(line.settled)

    assert len(line.submitted()) == 1
    assert (line.folder / "keys/hotlined.db.key").read_bytes() == key


def test_line_goes_on_beside_the_key_of_its_first_start(line: Line) -> None:
    """The key is bound to the database with the first pseudonym, and is the one that was made then."""
    line.start()
    line.wait_state("ready")
    line.stop()
    key = (line.folder / "keys/hotlined.db.key").read_bytes()
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="Un")
    wait_until(line.settled)

    assert len(line.submitted()) == 1
    assert line.rows("SELECT key_digest FROM line_state") == [(None,)]
    line.cli("forget", KEVIN, "--yes")
    assert line.rows("SELECT key_digest FROM line_state") == [(pseudonym.digest(key),)]


def test_line_whose_key_is_restored_goes_on_as_before(line: Line) -> None:
    """`resume` makes no new key, and a cooldown from before holds."""
    with pseudonyms_lost(line, None) as lost:
        (line.folder / "keys/hotlined.db.key").write_bytes(lost)
        assert "Another key" not in line.cli("resume")  # the daemon may have seen the key first and ended the hold
        line.sim.do("deliver", from_=KEVIN, text="Encore")
        wait_until(lambda: line.log("--number", KEVIN)[-1]["reason"] == "cooldown")

    assert len(line.submitted()) == 1
    assert line.count("SELECT count(*) FROM events WHERE kind = 'key_new'") == 0


def test_restored_key_moves_queued_answers_back_to_their_share(line: Line) -> None:
    """Answered numbers count as new only without the key."""
    with pseudonyms_lost(line, None) as lost:
        line.sim.do("deliver", from_=KEVIN, text="Encore")
        wait_until(lambda: line.rows(WAITING) == [("held",)])
        shares = "SELECT share FROM answers WHERE state = 'queued'"
        assert line.rows(shares) == [("new",)]
        (line.folder / "keys/hotlined.db.key").write_bytes(lost)
        line.cli("pause")
        wait_until(lambda: line.rows(shares) == [("known",)], "that it stands among those that were answered before")


@pytest.mark.parametrize("key", [None, b"", b"x" * 31, b"x" * 32], ids=["missing", "empty", "short", "another"])
def test_first_resume_after_a_key_is_lost_is_refused(line_of: Filled, key: bytes | None) -> None:
    """The error says why; the second `resume` decides to go on."""
    answered(line_of)
    purge(line_of, moment(line_of, 400))
    line_of.db.key_path.unlink()
    if key is not None:
        line_of.db.key_path.write_bytes(key)
    line_of.db.keys.clear()
    decisions.pause(line_of.db, "pi", line_of.now())
    with pytest.raises(RefusedError, match="missing or another key"):
        decisions.resume(line_of.db, "pi", line_of.now())
    assert not decisions.commit_key_lack(line_of.db, line_of.now())
    assert history_of(line_of.db, KEVIN) == policy.History(hidden=True)

    assert decisions.resume(line_of.db, "pi", line_of.now()).another_key
    assert not decisions.resume(line_of.db, "pi", line_of.now()).another_key


def test_decisions_without_the_key_add_to_earlier_ones(line_of: Filled) -> None:
    """A later block hides no earlier opt-out, nor a stop a block.

    They stay when the rows of number and pseudonym become one.
    """
    blocked_first, stopped_first = KEVIN, LEA
    for number in (blocked_first, stopped_first):
        answered(line_of, number)
    decisions.block(line_of.db, blocked_first, "pi", line_of.now())
    judged(line_of, line_of.now(), "Stop", stopped_first)
    purge(line_of, moment(line_of, 400))
    away = line_of.db.key_path.rename(line_of.folder / "away")
    line_of.db.keys.clear()
    decisions.block(line_of.db, stopped_first, "pi", moment(line_of, 400))
    judged(line_of, moment(line_of, 400), "Stop", blocked_first)
    assert line_of.db.one("SELECT count(*) FROM numbers")[0] == 4  # type: ignore[index]
    away.rename(line_of.db.key_path)

    for days in (401, 1000):
        purge(line_of, moment(line_of, days))
        for number in (blocked_first, stopped_first):
            history = history_of(line_of.db, number)
            assert (history.blocked, history.opted_out) == (True, True)
            assert stored.stored_of(line_of.db, number).opted_out
            decided = exported(line_of, number).decided
            assert decided
            assert decided.blocked_at
            assert decided.opted_out_at
    assert line_of.db.one("SELECT count(*) FROM numbers")[0] == 2  # type: ignore[index]


@pytest.mark.parametrize("words", ["unblock --opted-out --yes", "unblock"])
def test_unblock_without_the_key_fails_and_changes_nothing(line_of: Filled, words: str) -> None:
    """The pseudonym with the decision cannot be found."""
    answered(line_of)
    judged(line_of, line_of.now(), "Stop")
    purge(line_of, moment(line_of, 400))
    line_of.db.key_path.unlink()
    before = rows(line_of.db, "SELECT number, blocked_at, opted_out_at FROM numbers")
    result = line_of.run(*words.split(), KEVIN)

    assert result.exit_code == 1
    assert "missing or another key" in result.stderr
    assert rows(line_of.db, "SELECT number, blocked_at, opted_out_at FROM numbers") == before


def test_unreadable_key_is_not_replaced(line_of: Filled) -> None:
    """The line reports key_denied, not key_lost."""
    answered(line_of)
    purge(line_of, moment(line_of, 400))
    key = line_of.db.key_path.read_bytes()
    line_of.db.key_path.chmod(0)
    for words in ("may not be read by", "Permission denied"):
        resumed = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-m", "hotlined", "--config", line_of.config, "resume"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert resumed.returncode
        assert words in " ".join(resumed.stderr.split())
    told = json.loads(line_of.run("status", "--json").stdout)
    line_of.db.key_path.chmod(0o660)

    assert told["sending"]["reason"] == "key_denied"
    assert "key_denied" in [each["code"] for each in told["trouble"]]
    assert "A key of the pseudonyms may not be read" in " ".join(line_of.run("status").stdout.split())
    assert line_of.db.key_path.read_bytes() == key
    assert line_of.run("resume").stdout == "The daemon does not run. Answers go out again when you start it.\n"
    assert json.loads(line_of.run("status", "--json").stdout)["sending"]["state"] == "free"


def test_daemon_without_the_key_holds_again_after_a_resume(line: Line) -> None:
    """The resuming person may have read a key that the daemon cannot."""
    with pseudonyms_lost(line, None):
        line.sim.do("deliver", from_=LEA, text="Encore")
        wait_until(lambda: line.rows(WAITING) == [("held",)])
        with closing(sqlite3.connect(line.database)) as connection, connection:
            connection.execute("UPDATE line_state SET key_lost_at = NULL")
        wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'key_lost'") == 2)
        assert json.loads(line.cli("status", "--json", check=False))["sending"]["reason"] == "key_lost"
        assert line.rows(WAITING) == [("held",)]
        assert len(line.submitted()) == 1


WAITING = "SELECT answer_waiting_for FROM log WHERE answer_state = 'queued'"


class pseudonyms_lost:  # noqa: N801  # a context like closing()
    """A line with an answered number under a pseudonym, whose daemon starts again without the right key."""

    def __init__(self, line: Line, key: bytes | None) -> None:
        self.line = line
        self.key = key

    def __enter__(self) -> bytes:
        line = self.line
        path = line.folder / "keys/hotlined.db.key"
        line.configure(privacy={"keep_texts": "0s", "keep_numbers": "0s"})
        line.start()
        line.sim.do("deliver", from_=KEVIN, text="Un")
        wait_until(lambda: len(line.submitted()) == 1 and line.settled())
        line.cli("purge")
        line.stop()
        lost = path.read_bytes()
        path.unlink()
        if self.key is not None:
            path.write_bytes(self.key)
        line.start()
        line.wait_state("ready")
        return lost

    def __exit__(self, *_: object) -> None:
        self.line.stop()


def command(line: Line, *arguments: str) -> list[str]:
    """Return the arguments that run a command of the admin."""
    return [sys.executable, "-m", "hotlined", "--config", str(line.config), *arguments]


# ---- forgetting


def test_forget_erases_everything_and_reports_counts(line_of: Filled) -> None:
    """Kept contacts go; texts of others that mention the number stay."""
    db, now = line_of.db, line_of.now()
    contact_id = answered(line_of)
    decisions.keep(db, contact_id, "pi", now)
    line_of.text(f"Appelle {KEVIN} pour moi", LEA)
    decisions.block(db, KEVIN, "pi", now)
    requests.end(db, requests.ask(db, RequestVerb.SEND, {"number": KEVIN, "text": TEXT}, "pi", now), "sent", now)
    asked = requests.ask(db, RequestVerb.SEND, {"number": KEVIN, "text": TEXT}, "pi", now)
    with db.transaction():
        events.record(db, now, "note", detail={"text": f"about {KEVIN}"})
    line_of.pdu(
        report(KEVIN, 7),
        report(KEVIN, 99),
        pdus.write_text(KEVIN, TEXT, scts=SENT + DAY, reference=5)[0][:40],
    )
    line_of.judge(line_of.newest())
    result = line_of.run("forget", "0470/12.34.56", "--yes")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        f"Erased everything about {KEVIN}: 2 contacts, 4 segments, 1 answer, 2 requests, what was decided"
    )
    assert "1 text of other people" in result.stdout
    assert rows(db, "SELECT originator FROM contacts") == [(LEA,)]
    assert traces(line_of.database, forms(KEVIN, TEXT) - forms(KEVIN)) == []
    assert rows(db, "SELECT detail FROM events WHERE kind = 'note'") == [('{"text": "about …"}',)]
    assert requests.progress_of(db, asked) == requests.RequestProgress(RequestState.REFUSED, Refusal.FORGOTTEN, None)
    assert db.all("PRAGMA foreign_key_check") == []
    assert line_of.run("forget", KEVIN, "--yes").stdout.startswith(f"Nothing is stored about {KEVIN}.\n")


def test_pseudonym_can_be_forgotten(line_of: Filled) -> None:
    """Its number or its name in the log selects it."""
    for sender in (KEVIN, LEA):
        answered(line_of, sender)
        decisions.block(line_of.db, sender, "pi", line_of.now())
    purge(line_of, moment(line_of, 400))
    shown = line_of.log("--number", LEA)[0]["originator"]
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0
    assert line_of.run("forget", shown, "--yes").exit_code == 0

    assert [rows(line_of.db, f"SELECT * FROM {table}") for table in ("contacts", "segments", "numbers")] == [[]] * 3


@pytest.mark.parametrize("old", [False, True], ids=["number", "pseudonym"])
def test_forget_keeps_an_opt_out(line_of: Filled, *, old: bool) -> None:
    """Its pseudonym stays until a person lifts it; a block does not stay."""
    answered(line_of)
    judged(line_of, line_of.now(), "stop")
    decisions.block(line_of.db, KEVIN, "pi", line_of.now())
    if old:
        purge(line_of, moment(line_of, 400))
    said = " ".join(line_of.run("forget", KEVIN, "--yes").stdout.split())
    assert f"{KEVIN} is not blocked any more. Only its opt-out stays, as a pseudonym" in said

    ((number, blocked, opted_out),) = rows(line_of.db, "SELECT number, blocked_at, opted_out_at FROM numbers")
    assert (pseudonym.is_one(number), blocked, bool(opted_out)) == (True, None, True)
    assert judged(line_of, moment(line_of, 400)).reason is policy.Reason.OPTED_OUT
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0
    assert decisions.lift_opt_out(line_of.db, KEVIN, "pi", line_of.now())
    assert judged(line_of, moment(line_of, 401)).answer


def test_forget_keeps_an_unjudged_opt_out(line_of: Filled) -> None:
    """The stop is received, and not judged yet."""
    answered(line_of)
    line_of.text("Stop !", KEVIN)
    line_of.text("texte", LEA)
    assert "Only its opt-out stays" in line_of.run("forget", KEVIN, "--yes").stdout
    assert "opt-out" not in line_of.run("forget", LEA, "--yes").stdout

    ((number, opted_out),) = rows(line_of.db, "SELECT number, opted_out_at FROM numbers")
    assert (pseudonym.is_one(number), bool(opted_out)) == (True, True)
    assert judged(line_of, moment(line_of, 400)).reason is policy.Reason.OPTED_OUT


def test_forget_refuses_while_a_segment_is_submitted(line_of: Filled) -> None:
    """The exit code is 75; a queued answer is erased."""
    line_of.judge(line_of.text())
    now = line_of.now()
    begun = store_steps.segment_of(store_steps.begin_next(line_of.db, now))
    result = line_of.run("forget", KEVIN, "--yes")
    assert (result.exit_code, len(line_of.log())) == (75, 1)
    fates.withdraw_segment(line_of.db, begun, now)
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0

    assert queue.due(line_of.db, moment(line_of, 1)) == []
    assert rows(line_of.db, "SELECT * FROM answers") == []


def test_forget_waits_for_the_result_of_a_segment(line: Line) -> None:
    """Then everything is erased, and the unconfirmed segment still counts."""
    line.configure(modem={"send_timeout": "2s"})
    line.sim.do("fault", kind="no_result", count=1)
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="Un")
    wait_until(lambda: line.count("SELECT count(*) FROM answer_segments WHERE state = 'submitting'"))

    assert "1 contact" in line.cli("forget", KEVIN, "--yes")
    assert line.rows("SELECT recipient, state FROM answers") == [(pseudonym.NOBODY, "unconfirmed")]
    assert line.count(SPENT) == 1
    assert line.log() == []


def test_forgotten_text_still_on_the_sim_makes_no_contact(line_of: Filled) -> None:
    """The row that recognises it stays until the SIM has deleted it."""
    entries = [contacts.read(pdu, None, 3) for pdu in pdus.write_text(KEVIN, TEXT, scts=SENT, reference=1)]
    (kept,) = contacts.record_listing(line_of.db, line_of.source, entries, line_of.now(), complete=True)
    line_of.judge(line_of.newest())
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0

    assert contacts.record_listing(line_of.db, line_of.source, entries, line_of.now(), complete=True) == [kept]
    assert line_of.log() == []
    contacts.confirm_deleted(line_of.db, "SM", [kept.segment_id], line_of.now())
    (again,) = contacts.record_listing(line_of.db, line_of.source, entries, line_of.now(), complete=True)
    assert (again.segment_id, len(line_of.log())) != (kept.segment_id, 0)


@pytest.mark.parametrize(("by", "erased"), [("8600", "8600"), (LEA, KEVIN)])
def test_later_parts_of_an_mms_of_an_erased_person_are_received(line_of: Filled, by: str, erased: str) -> None:
    """An address is erased between parts; the line goes on."""
    first, *rest = pdus.write_mms(KEVIN, "photo" * 40, scts=SENT, reference=7, originator=by)
    line_of.pdu(first)
    erasing.forget(line_of.db, erased, "pi", line_of.now(), opts_out=lambda _: False)
    line_of.pdu(*rest)

    assert rows(line_of.db, "SELECT count(*) FROM segments WHERE contact_id IS NOT NULL") == [(1 + len(rest),)]


def test_contact_erased_before_its_verdict_stops_nothing(line_of: Filled) -> None:
    """It gets no answer; a late result is ignored."""
    contact_id = line_of.text()
    assert fates.settle_late(line_of.db, 99, 7, RULES, line_of.now()) is None
    erasing.forget(line_of.db, KEVIN, "pi", line_of.now(), opts_out=lambda _: False)

    assert line_of.judge(contact_id) == policy.Verdict(answer=False, reason=policy.Reason.PERSON)


def test_forget_without_a_terminal_needs_yes(line_of: Filled) -> None:
    """A number without stored data needs no question."""
    answered(line_of)
    assert line_of.run("forget", KEVIN).exit_code == 2
    assert len(line_of.log()) == 1
    assert line_of.run("forget", LEA).exit_code == 0
    assert line_of.run("forget", "+3247…456").exit_code == 2


def test_forget_records_who_decided_and_not_whom(line_of: Filled) -> None:
    """The person who erased is named in its event."""
    answered(line_of)
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0

    event = line_of.db.the("SELECT who, number, word, contact_id, detail FROM events WHERE kind = 'forget'")
    assert tuple(event) == (user_name(os.getuid()), None, None, None, None)


@pytest.mark.parametrize("was_stored", [False, True], ids=["never", "opt-out"])
def test_forget_of_nobody_writes_nothing(line_of: Filled, *, was_stored: bool) -> None:
    """Neither an event nor a rewritten database comes of what is not stored, or of an opt-out that stays."""
    answered(line_of, LEA)
    if was_stored:
        judged(line_of, line_of.now(), "stop")
    assert forgotten(line_of.db, KEVIN, line_of.now())
    assert erasing.rebuild(line_of.db)
    before = [*line_of.db.connection.iterdump()]
    assert forgotten(line_of.db, KEVIN, line_of.now())
    assert line_of.run("forget", KEVIN, "--yes").exit_code == 0

    assert [*line_of.db.connection.iterdump()] == before


def test_forget_on_a_terminal_asks(line_of: Filled) -> None:
    """The question names kept contacts, the block and the opt-out; only yes erases."""
    contact_id = answered(line_of)
    decisions.keep(line_of.db, contact_id, "pi", line_of.now())
    judged(line_of, line_of.now(), "stop")
    decisions.block(line_of.db, KEVIN, "pi", line_of.now())
    for typed, left in (("n", 2), ("y", 0)):
        said = on_a_terminal(line_of, typed, "forget", KEVIN)
        asked = " ".join(said.split())
        assert "1 KEPT contact is among them, which a person wanted to keep. Erase everything about" in asked
        assert "for good: 2 contacts" in asked
        assert "what was decided about it? Its block does not stay. Its opt-out stays as a pseudonym" in asked
        assert len(line_of.log()) == left


def on_a_terminal(filled: Filled, typed: str, *arguments: str) -> str:
    """Run a command on a terminal, type a reply, and return the output."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "hotlined", "--config", str(filled.config), *arguments]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        os.write(ours, f"{typed}\n".encode())
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    return shown.decode()


def test_flood_that_began_with_a_forgotten_contact_has_a_size(line_of: Filled) -> None:
    """Erased contacts and those before the flood do not count."""
    line_of.text(sender=LEA)
    began = line_of.now().limit + 86400.0
    for number in range(contacts.FLOOD_CONTACTS):
        moment = Now(SENT, began + number, synchronised=False)
        identity = identify(Address(KEVIN[1:] if number == 0 else f"32471{number:06}", Ton.INTERNATIONAL), "BE")
        contacts.record_call(line_of.db, "fr", identity, moment)
    assert contacts.watch_flood(line_of.db, moment) == "flood_begin"
    erasing.forget(line_of.db, KEVIN, "pi", moment, opts_out=lambda _: False)
    over = moment._replace(limit=moment.limit + contacts.FLOOD_SECONDS)

    assert contacts.watch_flood(line_of.db, over) == "flood_end"
    size = "SELECT detail ->> 'contacts' FROM events WHERE kind = 'flood_end'"
    assert rows(line_of.db, size) == [(contacts.FLOOD_CONTACTS - 1,)]


def test_forget_names_a_block_in_the_configuration(tmp_path: Path) -> None:
    """`forget` cannot erase that block itself."""
    filled = Filled(tmp_path, numbers={"blocked": [KEVIN]})
    with filled.db:
        filled.text()
        assert "numbers.blocked" in filled.run("forget", KEVIN, "--yes").stdout


# ---- export


@pytest.mark.parametrize(("language", "expected"), [("en", "by anna, "), ("fr", "par anna, ")])
def test_export_names_who_blocked_a_number(tmp_path: Path, language: str, expected: str) -> None:
    """An opt-out is the number's own decision and names nobody."""
    line = Filled(tmp_path, language=language)
    with line.db:
        with line.db.transaction():
            decisions.opt_out(line.db, KEVIN, line.now())
        decisions.block(line.db, LEA, "anna", line.now())

        opted_out = json.loads(line.run("export", KEVIN, "--json").stdout)["decided"]
        assert opted_out["opted_out_at"]
        assert (opted_out["blocked_at"], opted_out["blocked_by"]) == (None, None)
        assert re.search(rf"^\S.* {expected}", line.run("export", LEA).stdout, re.MULTILINE)


def test_export_shows_everything_stored_about_a_number(line_of: Filled) -> None:
    """JSON has texts exactly; the text form escapes control characters."""
    db, now = line_of.db, line_of.now()
    hostile = "\x1b[31mSalut\u202e"
    line_of.judge(line_of.text(hostile))
    line_of.send()
    with db.transaction():
        verdicts.enqueue_by_hand(db, KEVIN, alphabet.plan("À la main"), RULES, now, kind=ByHand.SEND, who="pi")
    decisions.block(db, KEVIN, "pi", now)
    requests.end(db, requests.ask(db, RequestVerb.SEND, {"number": KEVIN, "text": "À la main"}, "pi", now), "sent", now)
    line_of.pdu(report(KEVIN, 99))
    held = json.loads(line_of.run("export", KEVIN, "--json").stdout)
    shown = line_of.run("export", KEVIN).stdout

    received = parse_rfc3339(held["contacts"][0]["received_at"]).astimezone()
    assert re.search(rf"^contact +1: text on line fr, {received.day} {received:%b %Y %H:%M:%S}$", shown, re.MULTILINE)
    assert not re.search(r"(?<![:0-9])[0-9]{2}:[0-9]{2}(?!:[0-9]{2})", shown)  # each time has its seconds
    assert re.search(r"^bytes +a message byte by byte, as the network delivered or took it$", shown, re.MULTILINE)
    assert held["contacts"] == [json.loads(json_line(maybe_contact(db, 1)))]
    assert held["contacts"][0]["text"] == hostile
    assert (held["number"], held["decided"]["number"], held["pseudonym"]) == (KEVIN, KEVIN, None)
    assert [len(held[each]) for each in ("requests", "by_hand", "segments", "events")] == [1, 1, 1, 1]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not re.search(r"^ *(originator|recipient|scts|suppress)\b", shown, re.MULTILINE)  # no terms of the standard
    for part in (r"\x1b[31mSalut\u202e", held["contacts"][0]["parts"][0]["pdu"], ANSWER.strip(), "À la main", "block"):
        assert part in shown
    assert line_of.run("export", LEA).stdout == f"Nothing is stored about {LEA}.\n"


@pytest.mark.parametrize("word", ["withheld", "masqué", "verborgen"])
def test_export_of_withheld_numbers_says_how_many_there_are(line_of: Filled, word: str) -> None:
    """`export` cannot tell whose they are, and JSON and `forget` refuse."""
    assert line_of.run("export", word).stdout == "No contact came without a number.\n"
    line_of.call()
    line_of.call()
    line_of.db.connection.execute("UPDATE contacts SET originator = NULL, country = NULL")
    said = line_of.run("export", word)

    assert said.exit_code == 0
    assert said.stdout == (
        "2 contacts came without a number, and nobody can tell whose they are."
        f" `hotlined --config {line_of.config} log --number withheld` shows them.\n"
    )
    for arguments in (("export", word, "--json"), ("forget", word, "--yes")):
        refused = line_of.run(*arguments)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "Nobody can tell who withholds a number" in refused.stderr


def test_export_by_number_names_its_pseudonym(line_of: Filled) -> None:
    """JSON and text have it."""
    answered(line_of)
    purge(line_of, moment(line_of, 400))
    held = json.loads(line_of.run("export", KEVIN, "--json").stdout)

    assert [contact["originator"] for contact in held["contacts"]] == [held["pseudonym"]]
    assert pseudonym.is_one(held["pseudonym"])
    assert held["pseudonym"] in line_of.run("export", KEVIN).stdout


# ---- interruptions


@pytest.mark.parametrize("act", ["purge", "forget"])
def test_erasure_killed_at_any_statement_leaves_no_half_contact(line_of: Filled, act: str) -> None:
    """The next run finishes the work."""
    for sender in (KEVIN, LEA):
        answered(line_of, sender)
        decisions.block(line_of.db, sender, "pi", line_of.now())
    now = moment(line_of, 400)
    line_of.db.close()
    statements = erase_with_copies(line_of.database, act, now)
    left = copies(line_of.database, statements)
    for path in (*left, line_of.database):
        with open_beside_daemon(path) as db:
            db.connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
            assert [tuple(row) for row in db.all("PRAGMA integrity_check")] == [("ok",)]
            assert db.all("PRAGMA foreign_key_check") == []
            halves = db.all(
                "SELECT c.id FROM contacts c JOIN segments s ON s.contact_id = c.id"
                " JOIN answers a ON a.contact_id = c.id WHERE (c.text IS NULL) <> (s.pdu GLOB '~*')"
                " OR (c.text IS NULL) <> (a.text IS NULL)"
                " OR (c.originator GLOB '~*') <> (a.recipient GLOB '~*')"
            )
            assert halves == []
            erased = db.one("SELECT 2 - count(text) AS contacts FROM contacts")["contacts"]  # type: ignore[index]
            assert row_of(db).needs_rebuild == (path in left and erased > 0)
            erase(db, act, now)
        assert traces(path, forms(KEVIN, TEXT) if act == "purge" else forms(KEVIN)) == []
    assert statements > 20
    assert len(left) > 3


def erase(db: Database, act: str, now: Now) -> None:
    """Do the whole work of a command."""
    if act == "purge":
        for _ in purging.purge(db, KEEP_TEXTS, KEEP_NUMBERS, now):
            pass
    else:
        assert erasing.forget(db, KEVIN, "pi", now, opts_out=lambda _: False)
    assert erasing.rebuild(db)


def erase_with_copies(database: Path, act: str, now: Now) -> int:
    """Erase, with a copy of the files before each statement, as a kill leaves them; return the number of statements."""
    taken = Copies(database)
    with open_beside_daemon(database) as db:
        db.connection.execute("PRAGMA synchronous = OFF")
        db.connection.set_trace_callback(taken.take)
        erase(db, act, now)
        db.connection.set_trace_callback(None)
    return taken.count


def test_contact_kept_during_a_purge_is_not_touched(line_of: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision comes after the purge has found the contact."""
    monkeypatch.setattr(purging, "BATCH", 1)
    answered(line_of)
    second = answered(line_of, LEA)
    now = moment(line_of, 91)
    batches = purging.purge(line_of.db, KEEP_TEXTS, KEEP_NUMBERS, now)
    next(batches)
    decisions.keep(line_of.db, second, "pi", now)
    list(batches)

    assert [entry["text"] for entry in line_of.log()] == [None, TEXT]


def test_events_mask_numbers_in_one_field(line_of: Filled) -> None:
    """`keep_numbers` empties that field; no other module masks numbers."""
    store = Path(events.__file__).parents[1]
    maskers = {
        path.stem
        for path in store.rglob("*.py")
        if path.stem not in {"erasing", "export", "stored"}
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "mask"
    }
    now = line_of.now()
    with line_of.db.transaction():
        events.record(line_of.db, now, "of a later version", who="pi", number=KEVIN, word="insult")
    assert purge(line_of, moment(line_of, 400)) == (0, 1)

    assert maskers == {"events"}
    assert rows(line_of.db, "SELECT number, who, word FROM events") == [(None, "pi", "insult")]
