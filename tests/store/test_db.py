"""`hotlined db`: findings of the check, contents of a backup, and a line after a restore."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ANSWER as TEXT
from conftest import Line, wait_until
from filled import KEVIN, LEA, Filled
from test_docs import TEXTS

from hotlined import migrations, pseudonym
from hotlined.database_files import FLEET, KEY, beside, write_key
from hotlined.errors import DatabaseVersionError
from hotlined.store import lists
from hotlined.store.answers import decisions
from hotlined.store.file import integrity, trouble
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.history import history_of
from hotlined.store.people import backup


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with one answer sent, one half sent, one queued, and one contact that is not judged."""
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
    """Query a database with SQLite alone, as another program does."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def spoil(path: Path) -> None:
    """Overwrite a page in the middle of a closed database: one of an index that has all contacts."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'contacts_originator'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)


@contextmanager
def small_files(octets: int) -> Iterator[None]:
    """Limit the size of files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# ---- the check


@pytest.mark.parametrize("options", [[], ["--full"]])
def test_check_says_that_a_sound_database_is_whole(filled: Filled, options: list[str]) -> None:
    """Both checks pass beside the daemon, and the file does not change."""
    before = filled.database.read_bytes()
    result = filled.run("db", "check", *options)

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{filled.database} is whole.\n"
    assert filled.database.read_bytes() == before


@pytest.mark.parametrize(("options", "words"), [([], "btreeInitPage"), (["--full"], "the check goes no further")])
def test_check_finds_an_overwritten_page(filled: Filled, options: list[str], words: str) -> None:
    """Both checks name the cure and leave the file unchanged."""
    filled.db.close()
    spoil(filled.database)
    before = filled.database.read_bytes()
    result = filled.run("db", "check", *options)

    assert result.exit_code == 1
    assert words in result.stdout
    cure = "Put back the last copy: `sudo hotlined-setup restore NAME < COPY`"
    assert f"Error: {filled.database} is damaged.\nHint: {cure}" in result.stderr
    assert filled.database.read_bytes() == before


def test_cure_of_a_damaged_database_is_its_newest_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new database comes last, with what it forgets."""
    monkeypatch.setattr(trouble, "COPIES", tmp_path / "backups")
    for folder in ("backups/main", "hotlined-main"):
        (tmp_path / folder).mkdir(parents=True)
    for day, at in (("Fri", 1), ("Mon", 3), ("Tue", 2)):
        (tmp_path / f"backups/main/{day}.db").touch()
        os.utime(tmp_path / f"backups/main/{day}.db", (at, at))
    line = Filled(tmp_path / "hotlined-main")
    line.db.close()
    spoil(line.database)
    said = line.run("db", "check").stderr

    assert f"`sudo hotlined-setup restore main < {tmp_path}/backups/main/Mon.db`" in said
    assert said.index("restore") < said.index("Only if there is none") < said.index("forgotten")


BROKEN = [
    ("DELETE FROM line_state", "is there once"),
    ("UPDATE contacts SET segments_received = 3 WHERE id = 1", "as many segments as it counts (1)"),
    ("UPDATE contacts SET repeats = 1 WHERE id = 2", "as many repeats as it counts (2)"),
    ("UPDATE contacts SET verdict = 'suppress' WHERE id = 1", "a contact that was to be answered (1)"),
    ("UPDATE answers SET state = 'sent' WHERE id = 2", "each of them left (2)"),
    ("UPDATE answers SET state = 'failed' WHERE id = 1", "segments have all left was sent (1)"),
    ("UPDATE answer_segments SET state = 'submitting' WHERE id = 1", "has a segment that is being submitted (1)"),
    ("UPDATE answer_segments SET submitted_limit = NULL WHERE id = 2", "handed over has its time (2)"),
    ("UPDATE answer_segments SET submitted_limit = NULL WHERE id = 2", "count the same segments"),
    ("UPDATE answer_segments SET state = 'waiting' WHERE id = 2", "an answer that may still be sent (1)"),
    ("UPDATE answer_segments SET state = 'refused' WHERE id = 3", "a segment that did not leave (4)"),
    ("UPDATE answers SET state = 'unconfirmed' WHERE id = 1", "is unconfirmed because of a segment (1)"),
    ("UPDATE attempts SET outcome = 'refused' WHERE id = 1", "whose segments all left was taken (1)"),
    (
        "UPDATE attempts SET outcome = 'refused', cause = 'cms_38' WHERE id = 2",
        "has the cause of one of its segments (2)",
    ),
    ("UPDATE answers SET reason = 'cms_38' WHERE id = 3", "has the cause of its latest attempt (3)"),
    ("UPDATE answers SET recipient = '+32470123456' WHERE state = 'queued'", "is in the share of its number (3)"),
    ("UPDATE line_state SET limit_time = 0", "has not reached (1, 2, 3)"),
]
"""For each promise of the rows: a change that breaks it, and the words of the check."""


@pytest.mark.parametrize(("change", "promise"), BROKEN)
def test_full_check_names_rows_that_contradict_each_other(filled: Filled, change: str, promise: str) -> None:
    """The quick check does not look at the promises of rows."""
    filled.db.connection.executescript(change)
    quick, full = filled.run("db", "check"), filled.run("db", "check", "--full")

    assert quick.exit_code == 0
    assert full.exit_code == 1
    assert promise in full.stdout
    assert "contradict each other" in full.stderr


def test_every_promise_of_the_rows_has_a_case() -> None:
    """The table above breaks each promise once."""
    assert len(BROKEN) == len(integrity.PROMISES)


def test_full_check_finds_a_row_without_its_parent(filled: Filled) -> None:
    """Foreign keys are part of the full check."""
    filled.db.connection.execute("PRAGMA foreign_keys = OFF")
    filled.db.connection.execute("DELETE FROM contacts WHERE id = 4")
    result = filled.run("db", "check", "--full")

    assert result.exit_code == 1
    assert "segments 3 belongs to an entry of contacts that is not there" in result.stdout


def test_check_lists_ten_rows_at_most(filled: Filled) -> None:
    """An ellipsis replaces the others."""
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
def test_check_and_backup_explain_a_file_that_is_not_a_database(
    filled: Filled, content: bytes | None, code: int, words: str
) -> None:
    """Each such file has its sentence; standard output stays empty."""
    filled.db.close()
    filled.database.unlink()
    if content is not None:
        filled.database.write_bytes(content)
    for command in (("check",), ("backup", "-")):
        result = filled.run("db", *command)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
        assert result.stdout_bytes == b""


def _older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE _sqlite_migrations SET name = 'first'")
        connection.execute("DROP VIEW log")
        connection.execute("CREATE VIEW log AS SELECT id, line, kind, originator, text, received_at FROM contacts")


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE contacts (id)")


ODD: dict[str, tuple[int, Callable[[Path], object]]] = {
    "of an older version": (78, _older),
    "of another program": (1, _foreign),
    "empty": (69, lambda path: path.write_bytes(b"")),
    "cut off": (1, lambda path: path.write_bytes(path.read_bytes()[:70_000])),
    "cut off in its first page": (1, lambda path: path.write_bytes(path.read_bytes()[:1000])),
}
"""Files in the place of the database, each with the exit code of commands."""


@pytest.mark.parametrize("name", ODD)
def test_log_and_show_refuse_an_odd_database_in_words(filled: Filled, name: str) -> None:
    """No file there makes them end with a traceback."""
    filled.db.close()
    code, put = ODD[name]
    put(filled.database)
    for command in (("log",), ("log", "--json"), ("log", "--by-hand"), ("show", "1"), ("show", KEVIN)):
        result = filled.run(*command)
        assert isinstance(result.exception, SystemExit), command
        assert result.exit_code == code, result.stderr
        assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize(("name", "code"), [("later", 78), ("initial", 78)])
def test_full_check_needs_the_schema_of_this_version(filled: Filled, name: str, code: int) -> None:
    """Other versions may promise other things; the quick check accepts them all."""
    filled.db.connection.execute("UPDATE _sqlite_migrations SET name = ? WHERE id = 1", (name,))

    assert filled.run("db", "check").exit_code == 0
    assert filled.run("db", "check", "--full").exit_code == code


@pytest.mark.parametrize(("seconds", "told_to_end"), [(0.0, False), (60.0, True)])
def test_check_at_start_ends_in_time_or_when_the_daemon_stops(
    filled: Filled, seconds: float, told_to_end: bool
) -> None:
    """The part that it did not check counts as whole."""
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


TRIGGER = "CREATE TRIGGER %s AFTER INSERT ON contacts BEGIN DELETE FROM answers; END"
HOSTILE = {
    "a trigger": ("later", [TRIGGER % "later"]),
    "a trigger with a name of SQLite's own": (
        "sqlite_x",
        [
            "PRAGMA writable_schema = ON",
            f"INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_x', 'contacts', 0, '{TRIGGER % 'sqlite_x'}')",
        ],
    ),
    "a table more": ("later", ["CREATE TABLE later (x)"]),
    "a column more": ("contacts", ["ALTER TABLE contacts ADD COLUMN later TEXT"]),
    "a table less": ("words_met", ["DROP TABLE words_met"]),
    "another view": ("log_by_hand", ["DROP VIEW log_by_hand", "CREATE VIEW log_by_hand AS SELECT * FROM answers"]),
}
"""Statements of somebody else, and the name that is then not as hotlined makes it."""


def alter(path: Path, statements: list[str]) -> None:
    """Change a closed database with SQLite alone, and leave no -wal."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(("name", "statements"), HOSTILE.values(), ids=HOSTILE)
def test_database_with_a_schema_of_somebody_elses_is_refused(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, name: str, statements: list[str]
) -> None:
    """A start, the check and a restore leave it as it is, and name what is not hotlined's."""
    filled.db.close()
    alter(filled.database, statements)
    before = filled.database.read_bytes()
    checked = filled.run("db", "check")
    assert (checked.exit_code, f"than hotlined makes ({name})" in checked.stderr) == (78, True), checked.stderr
    with pytest.raises(DatabaseVersionError, match=f"than hotlined makes \\({name}\\)"):
        backup.stage(filled.folder / "new/hotlined.db", [before], "2026-11-24T22:00:00.000Z", {})
    monkeypatch.setattr(migrations, "SCHEMA", (*migrations.SCHEMA, ("next", ("CREATE TABLE next (x)",))))
    with pytest.raises(DatabaseVersionError, match=f"than hotlined makes \\({name}\\)"):
        open_for_daemon(filled.database)

    assert filled.database.read_bytes() == before


def test_other_indexes_are_named_by_the_check_alone(filled: Filled) -> None:
    """They change no result: the daemon starts with one more, with one less, and after ANALYZE."""
    filled.db.close()
    alter(filled.database, ["CREATE INDEX more ON contacts (text)", "DROP INDEX contacts_originator", "ANALYZE"])
    open_for_daemon(filled.database).close()
    result = filled.run("db", "check")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:-1] == [
        "The index contacts_originator is not as hotlined makes it.",
        "The index more is not as hotlined makes it.",
    ]


# ---- the backup


def copied(database: Path, target: Path, tell: backup.Progress = lambda _, __: None) -> None:
    """Copy a database into a file."""
    with backup.copied(database, tell) as copy:
        target.write_bytes(copy.read())


def test_backup_is_one_whole_file(filled: Filled) -> None:
    """It has the latest commit, and leaves nothing beside the database."""
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


def test_backup_says_where_the_key_of_the_pseudonyms_is(filled: Filled) -> None:
    """Another database's key at that place does not count."""
    first, second = b"1" * 32, b"2" * 32
    key = filled.folder / "keys/hotlined.db.key"
    assert backup.maybe_key(filled.database) is None
    write_key(filled.database, KEY, first)
    assert backup.maybe_key(filled.database) == first
    assert f"not in it, but in {key}" in filled.run("db", "backup", "-").stderr
    filled.db.connection.execute("UPDATE line_state SET key_digest = ?", (pseudonym.digest(second),))

    assert backup.maybe_key(filled.database) is None
    assert str(key) not in filled.run("db", "backup", "-").stderr


def test_backup_names_the_key_of_the_fleet(filled: Filled) -> None:
    """A copy without the key could not match other lines' rows."""
    assert "fleet" not in filled.run("db", "backup", "-").stderr
    lists.join(filled.db, "test", b"3" * 32, filled.db.now())

    said = " ".join(filled.run("db", "backup", "-").stderr.split())

    assert f"The key of its fleet is in {beside(filled.database, FLEET)}: keep that, too." in said


def test_damaged_database_is_not_backed_up(filled: Filled) -> None:
    """Standard output has nothing that passes for a good backup."""
    filled.db.close()
    spoil(filled.database)
    result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert "damaged" in result.stderr


def test_backup_removes_the_files_of_a_killed_backup(filled: Filled) -> None:
    """These are half a copy, its journal and its -wal."""
    for name in ("hotlined.db.copy", "hotlined.db.copy-journal", "hotlined.db.copy-wal"):
        (filled.folder / name).write_bytes(b"half of something" * 1000)

    assert filled.run("db", "backup", "-").exit_code == 0
    assert list(filled.folder.glob("*copy*")) == []


def test_second_backup_at_the_same_time_is_refused(filled: Filled) -> None:
    """It exits with 75."""
    with backup._alone_in(filled.folder):
        result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (75, b"")
    assert "Another backup is being made" in result.stderr


def test_full_disk_is_reported_for_the_copy(filled: Filled) -> None:
    """A limit on file sizes plays the disk; no part is left."""
    with small_files(65536):
        result = filled.run("db", "backup", "-")

    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert f"{filled.database}.copy cannot be written: the disk is full" in result.stderr
    assert list(filled.folder.glob("*copy*")) == []


def test_backup_refuses_to_write_to_a_terminal(filled: Filled, capfd: pytest.CaptureFixture[str]) -> None:
    """The error says which command to type."""
    assert filled.on_a_terminal(200, "db", "backup", "-") == []
    assert "db backup - > hotlined-backup.db`" in capfd.readouterr().err


def test_backup_reports_its_progress(filled: Filled) -> None:
    """The last report names every page as done."""
    told: list[tuple[int, int]] = []
    copied(filled.database, filled.folder / "copy.db", lambda done, total: told.append((done, total)))

    assert told[-1][0] == told[-1][1] > 0


def test_backup_beside_a_writing_daemon_does_not_begin_again(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are committed after its beginning are not in it."""
    monkeypatch.setattr(backup, "PAGES", 4)
    told: list[int] = []

    def write(done: int, _: int) -> None:
        told.append(done)
        filled.text()

    copied(filled.database, filled.folder / "copy.db", write)

    assert told == sorted(set(told))
    assert query(filled.folder / "copy.db", "SELECT max(id) FROM contacts") == [(4,)]
    assert filled.newest() == 4 + len(told) > 9


# ---- a restored backup


def test_restored_line_sends_no_answer_that_was_queued(filled: Filled) -> None:
    """Queued answers become unconfirmed and count; no contact is judged late.

    No half answer is finished.
    """
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
        assert all(history_of(db, row["recipient"]).answers for row in states)
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


def test_pause_that_returns_with_a_backup_is_reported(filled: Filled) -> None:
    """The person who restores may not know about the pause."""
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


def test_database_that_was_copied_does_not_count_as_restored(filled: Filled) -> None:
    """Its daemon goes on as before."""
    copied(filled.database, filled.folder / "copy.db")

    assert backup.quarantine_restored(filled.db, filled.now()) is None


def test_restore_as_documented_brings_the_line_back(line: Line) -> None:
    """No number is answered twice, and limits hold.

    Queued answers are not sent.
    """
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
    with (media / "hotlined.db").open("rb") as file:  # the steps that hotlined-setup runs as the line's user
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
