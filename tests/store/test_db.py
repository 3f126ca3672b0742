"""`hotlined db`: what the check finds, what a backup is worth, and what becomes of one that is put back."""

import json
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ANSWER as TEXT
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from test_docs import TEXTS

from hotlined import pseudonym
from hotlined.database_files import FLEET, KEY, beside, write_key
from hotlined.store import fleet
from hotlined.store.answers import decisions
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.history import history_of
from hotlined.store.people import backup


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line of which one answer is sent, one half sent, one waits, and one contact is not judged."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.judge(filled.text())
        filled.send()
        filled.judge(filled.text(sender=LEA))
        filled.send([9])
        filled.judge(filled.call("+32471223344"), delay=3600.0)
        filled.text(sender="+32499887766")
        yield filled


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask a database as any program may."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def spoil(path: Path) -> None:
    """Overwrite a page in the middle of a database, which is closed: that of an index which all contacts are in."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'contacts_originator'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


@contextmanager
def small_files(octets: int) -> Iterator[None]:
    """Let no file grow beyond so many octets, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# ---- the check


@pytest.mark.parametrize("options", [[], ["--full"]])
def test_a_whole_database_is_called_so(filled: Filled, options: list[str]) -> None:
    """What the daemon wrote passes both checks beside it, and nothing of it changes."""
    before = filled.database.read_bytes()
    result = filled.run("db", "check", *options)

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{filled.database} is whole.\n"
    assert filled.database.read_bytes() == before


@pytest.mark.parametrize(("options", "words"), [([], "btreeInitPage"), (["--full"], "the check goes no further")])
def test_a_damaged_database_is_found_out(filled: Filled, options: list[str], words: str) -> None:
    """A page that was overwritten is found by both, and what to do is said."""
    filled.db.close()
    spoil(filled.database)
    before = filled.database.read_bytes()
    result = filled.run("db", "check", *options)

    assert result.exit_code == 1
    assert words in result.stdout
    assert f"Error: {filled.database} is damaged.\nHint: Stop the daemon; move" in result.stderr
    assert filled.database.read_bytes() == before


BROKEN = [
    ("DELETE FROM line_state", "is there once"),
    ("UPDATE contacts SET segments_received = 3 WHERE id = 1", "as many segments as it counts (1)"),
    ("UPDATE contacts SET repeats = 1 WHERE id = 2", "as many repeats as it counts (2)"),
    ("UPDATE contacts SET verdict = 'suppress' WHERE id = 1", "a contact that was to be answered (1)"),
    ("UPDATE answers SET state = 'sent' WHERE id = 2", "each of them left (2)"),
    ("UPDATE answers SET state = 'failed' WHERE id = 1", "every segment left was sent (1)"),
    ("UPDATE answer_segments SET state = 'submitting' WHERE id = 1", "has a segment that is being submitted (1)"),
    ("UPDATE answer_segments SET submitted_limit = NULL WHERE id = 2", "handed over has its time (2)"),
    ("UPDATE answer_segments SET submitted_limit = NULL WHERE id = 2", "count the same segments"),
    ("UPDATE answer_segments SET state = 'waiting' WHERE id = 2", "something may still leave (1)"),
    ("UPDATE answer_segments SET state = 'refused' WHERE id = 3", "a segment that did not leave (4)"),
    ("UPDATE answers SET state = 'unconfirmed' WHERE id = 1", "is unconfirmed because of a segment (1)"),
    ("UPDATE attempts SET outcome = 'refused' WHERE id = 1", "whose segments all left was taken (1)"),
    (
        "UPDATE attempts SET outcome = 'refused', cause = 'cms_38' WHERE id = 2",
        "has the cause of one of its segments (2)",
    ),
    ("UPDATE answers SET reason = 'cms_38' WHERE id = 3", "has the cause of its latest attempt (3)"),
    ("UPDATE answers SET recipient = '+32470123456' WHERE state = 'queued'", "stands in the share of its number (3)"),
    ("UPDATE line_state SET limit_time = 0", "has not reached (1, 2, 3)"),
    ("UPDATE totals SET total = 0 WHERE name = 'contacts'", "a contact was counted when it was judged"),
    ("UPDATE sums SET total = 9 WHERE name = 'segments'", "what the totals of all hours are (segments)"),
    ("DELETE FROM totals WHERE state = 'queued'", "when it came into its state (queued)"),
    ("DELETE FROM totals WHERE name = 'segments'", "a segment that left was counted"),
]
"""A change that breaks each promise of the rows, and how the check tells of it."""


@pytest.mark.parametrize(("change", "promise"), BROKEN)
def test_rows_that_contradict_each_other_are_found_out(filled: Filled, change: str, promise: str) -> None:
    """Each promise of the rows that somebody breaks is named with the rows; the quick check leaves that out."""
    filled.db.connection.executescript(change)
    quick, full = filled.run("db", "check"), filled.run("db", "check", "--full")

    assert quick.exit_code == 0
    assert full.exit_code == 1
    assert promise in full.stdout
    assert "contradict each other" in full.stderr


def test_every_promise_is_tried() -> None:
    """The table above breaks each promise of the rows once."""
    assert len(BROKEN) == len(integrity.PROMISES)


def test_a_row_without_its_parent_is_found_out(filled: Filled) -> None:
    """Foreign keys are part of the full check."""
    filled.db.connection.execute("PRAGMA foreign_keys = OFF")
    filled.db.connection.execute("DELETE FROM contacts WHERE id = 4")
    result = filled.run("db", "check", "--full")

    assert result.exit_code == 1
    assert "segments 3 belongs to an entry of contacts that is not there" in result.stdout


def test_long_lists_of_rows_are_cut_short(filled: Filled) -> None:
    """Ten rows are enough to look at."""
    for _ in range(11):
        filled.text()
    filled.db.connection.execute("UPDATE contacts SET repeats = 7")

    assert "(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …)" in filled.run("db", "check", "--full").stdout


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 69, "There is no database at"),
        (b"", 69, "There is no database at"),
        (b"no database at all " * 500, 1, "it is damaged, or no database"),
    ],
)
def test_what_is_no_database_is_said_so(filled: Filled, content: bytes | None, code: int, words: str) -> None:
    """A file that is missing, empty or something else is a sentence, for the check as for the backup."""
    filled.db.close()
    filled.database.unlink()
    if content is not None:
        filled.database.write_bytes(content)
    for command in (("check",), ("backup", "-")):
        result = filled.run("db", *command)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
        assert result.stdout_bytes == b""


@pytest.mark.parametrize(("name", "code"), [("later", 78), ("initial", 78)])
def test_a_full_check_wants_the_schema_of_this_version(filled: Filled, name: str, code: int) -> None:
    """The rows of another version may promise something else; whether the file is whole can be said."""
    filled.db.connection.execute("UPDATE _sqlite_migrations SET name = ? WHERE id = 1", (name,))

    assert filled.run("db", "check").exit_code == 0
    assert filled.run("db", "check", "--full").exit_code == code


@pytest.mark.parametrize(("seconds", "told_to_end"), [(0.0, False), (60.0, True)])
def test_the_check_at_start_has_an_end(filled: Filled, seconds: float, told_to_end: bool) -> None:
    """What is not looked through when its time is over, or when the daemon has to end, counts as whole."""
    with closing(sqlite3.connect(filled.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            "INSERT INTO segments (kind, pdu, imsi, received_at) WITH RECURSIVE n (i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
            " SELECT iif(i < 20000, 'deliver', 'nonsense'), '', '', '' FROM n"
        )
        connection.execute("PRAGMA ignore_check_constraints = OFF")
        assert integrity.first_damage(connection, 60.0, lambda: False)
        assert integrity.first_damage(connection, seconds, lambda: told_to_end) is None


# ---- the backup


def copied(database: Path, target: Path, tell: backup.Progress = lambda _, __: None) -> None:
    """Copy a database into a file."""
    with backup.copied(database, tell) as copy:
        target.write_bytes(copy.read())


def test_a_backup_is_a_whole_copy(filled: Filled) -> None:
    """It is one file that any program reads, has what was committed last, and leaves nothing beside the database."""
    target = filled.folder / "copy.db"
    there = sorted(filled.folder.iterdir())
    result = filled.run("db", "backup", "-")
    assert result.exit_code == 0, result.stderr
    assert "This is a whole copy of the database" in result.stderr
    assert sorted(filled.folder.iterdir()) == there
    target.write_bytes(result.stdout_bytes)

    assert query(target, "SELECT count(*), max(id) FROM contacts") == [(4, 4)]
    assert query(target, "SELECT kind FROM events") == [("backup",)]
    assert query(target, "PRAGMA integrity_check") == [("ok",)]
    assert query(filled.database, "SELECT count(*) FROM events") == [(0,)]


def test_the_key_of_the_pseudonyms_belongs_to_it(filled: Filled) -> None:
    """Where it lies is said; what lies in its place and is the key of another database is none."""
    first, second = b"1" * 32, b"2" * 32
    key = filled.folder / "keys/hotlined.db.key"
    assert backup.maybe_key(filled.database) is None
    write_key(filled.database, KEY, first)
    assert backup.maybe_key(filled.database) == first
    assert f"not in it, but in {key}" in filled.run("db", "backup", "-").stderr
    filled.db.connection.execute("UPDATE line_state SET key_digest = ?", (pseudonym.digest(second),))

    assert backup.maybe_key(filled.database) is None
    assert str(key) not in filled.run("db", "backup", "-").stderr


def test_a_copy_names_the_key_of_the_fleet(filled: Filled) -> None:
    """Without that key the line would know nobody of whom other lines speak, so it is kept with the copy."""
    assert "fleet" not in filled.run("db", "backup", "-").stderr
    fleet.join(filled.db, "test", b"3" * 32, filled.db.now())

    said = " ".join(filled.run("db", "backup", "-").stderr.split())

    assert f"The key of its fleet is in {beside(filled.database, FLEET)}: keep that, too." in said


def test_of_a_damaged_database_there_is_no_copy(filled: Filled) -> None:
    """Nothing is written of one, so nobody takes it for good."""
    filled.db.close()
    spoil(filled.database)
    result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert "damaged" in result.stderr


def test_what_a_killed_backup_left_is_no_hindrance(filled: Filled) -> None:
    """Half a copy and its journal are put away by the next backup."""
    for name in ("hotlined.db.copy", "hotlined.db.copy-journal", "hotlined.db.copy-wal"):
        (filled.folder / name).write_bytes(b"half of something" * 1000)

    assert filled.run("db", "backup", "-").exit_code == 0
    assert list(filled.folder.glob("*copy*")) == []


def test_one_backup_at_a_time_is_made(filled: Filled) -> None:
    """A second one is refused with 75."""
    with backup._alone_in(filled.folder):
        result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (75, b"")
    assert "Another backup is being made" in result.stderr


def test_no_room_for_a_copy_is_said_of_the_copy(filled: Filled) -> None:
    """A limit on the size of files stands for a full disk: the sentence names the copy, and nothing is left of it."""
    with small_files(65536):
        result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert f"{filled.database}.copy cannot be written: the disk is full" in result.stderr
    assert list(filled.folder.glob("*copy*")) == []


def test_a_backup_is_nothing_for_a_terminal(filled: Filled, capfd: pytest.CaptureFixture[str]) -> None:
    """The error says what to type."""
    assert filled.on_a_terminal(200, "db", "backup", "-") == []
    assert "db backup - > hotlined-backup.db`" in capfd.readouterr().err


def test_a_backup_shows_how_far_it_is(filled: Filled) -> None:
    """Every step is told, up to the last page."""
    told: list[tuple[int, int]] = []
    copied(filled.database, filled.folder / "copy.db", lambda done, total: told.append((done, total)))

    assert told[-1][0] == told[-1][1] > 0


def test_a_daemon_that_writes_does_not_make_it_begin_again(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is of the moment in which it began, whatever is committed meanwhile."""
    monkeypatch.setattr(backup, "PAGES", 4)
    told: list[int] = []

    def write(done: int, _: int) -> None:
        told.append(done)
        filled.text()

    copied(filled.database, filled.folder / "copy.db", write)

    assert told == sorted(set(told))
    assert query(filled.folder / "copy.db", "SELECT max(id) FROM contacts") == [(4,)]
    assert filled.newest() == 4 + len(told) > 9


# ---- a backup that is put back


def test_a_copy_that_is_put_back_sends_nothing_that_waited(filled: Filled) -> None:
    """What waited is unconfirmed and counts for its number, no half answer is finished, nothing is judged late."""
    filled.db.connection.execute(
        "INSERT INTO requests (verb, arguments, who, created_at, boot_id, expires_boottime, state)"
        " VALUES ('send', '{}', 'me', '', '', 1e9, 'open')"
    )
    target = filled.folder / "copy.db"
    copied(filled.database, target)
    with open_for_daemon(target) as db:
        now = filled.now()
        assert backup.quarantine_restored(db, now)
        states = db.all("SELECT state, recipient FROM answers ORDER BY id")
        segments = db.all("SELECT DISTINCT state FROM answer_segments WHERE attempt_id = 2 ORDER BY id")
        assert [row["state"] for row in states] == ["sent", "unconfirmed", "unconfirmed"]
        assert all(history_of(db, row["recipient"], shadow=False).answers for row in states)
        assert [row["state"] for row in segments] == ["sent", "unconfirmed"]
        assert [row["reason"] for row in db.all("SELECT reason FROM contacts WHERE id = 4")] == ["restored"]
        assert [row["state"] for row in db.all("SELECT state FROM requests")] == ["expired"]
        (event,) = db.all("SELECT detail FROM events WHERE kind = 'restored'")
        assert json.loads(event["detail"])["answers"] == 2
        assert backup.quarantine_restored(db, now) is None
        again = filled.folder / "again.db"
        copied(target, again)
    with open_for_daemon(again) as db:
        assert backup.quarantine_restored(db, filled.now())


def test_a_pause_that_comes_back_says_so(filled: Filled) -> None:
    """Who put a backup back may know nothing of the pause of then: it is an event, and `status` says it."""
    decisions.pause(filled.db, "marie", filled.now())
    copy = filled.folder / "copy.db"
    copied(filled.database, copy)
    decisions.resume(filled.db, "marie", filled.now())
    filled.db.close()
    for ending in ("", "-wal", "-shm"):
        filled.database.with_name(filled.database.name + ending).unlink(missing_ok=True)
    copy.rename(filled.database)
    with open_for_daemon(filled.database) as filled.db:
        backup.quarantine_restored(filled.db, filled.now())
        event = filled.db.the("SELECT kind, detail FROM events ORDER BY id DESC LIMIT 1")
        paused_at = json.loads(filled.run("status", "--json").stdout)["sending"]["since"]

        assert event["kind"] == "pause_restored"
        assert json.loads(event["detail"]) == {"paused_at": paused_at, "paused_by": "marie"}
        assert json.loads(filled.run("status", "--json").stdout)["sending"]["reason"] == "restored"
        assert "came back with a backup" in filled.run("status").stdout
        decisions.pause(filled.db, "luc", filled.now())
        assert json.loads(filled.run("status", "--json").stdout)["sending"]["reason"] == "person"


def test_the_database_that_was_copied_is_no_copy(filled: Filled) -> None:
    """The daemon that goes on as before notices nothing of a backup."""
    copied(filled.database, filled.folder / "copy.db")

    assert backup.quarantine_restored(filled.db, filled.now()) is None


def test_a_backup_is_put_back_as_the_documents_say(line: Line) -> None:
    """The commands of the page bring the line back: nobody is answered again, what waited is not sent, limits hold."""
    line.configure(limits={"per_number": 1}, database=str(line.database))
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=KEVIN, text="un")
    wait_until(lambda: line.submitted() and line.settled())
    line.configure(answer={"delay": "1h"})
    line.stop()
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_=LEA, text="deux")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'queued'") == 1)
    media = line.folder / "media"
    media.mkdir()
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "db", "backup", "-"]
    with (media / "hotlined.db").open("wb") as copy:
        subprocess.run(command, stdout=copy, check=True)
    line.sim.do("deliver", from_="+32499887766", text="trois")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts") == 3)

    assert "sudo hotlined-setup restore < /media/backup/hotlined.db\n" in TEXTS["docs/backup.md"]
    line.stop()
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "db"]
    with (media / "hotlined.db").open("rb") as file:  # what that command has the line's user do
        subprocess.run([*command, "unpack", "--plain"], stdin=file, check=True)
    subprocess.run([*command, "place"], check=True)
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'restored'") == 1)
    line.sim.do("deliver", from_=KEVIN, text="quatre")
    line.sim.do("deliver", from_=LEA, text="cinq")
    wait_until(lambda: len(line.log()) == 4 and line.settled())

    assert [message["text"] for message in line.submitted()] == [TEXT]
    assert [entry["reason"] for entry in line.log()] == ["first_contact", "first_contact", "per_number", "per_number"]
    assert [entry["answer"] and entry["answer"]["state"] for entry in line.log()] == ["sent", "unconfirmed", None, None]
    assert (line.folder / "before-1" / "hotlined.db").exists()
    line.cli("db", "check", "--full")
