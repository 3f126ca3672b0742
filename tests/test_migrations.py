"""Migrations: cut off anywhere, made twice, made by two, and none backwards.

What an earlier version made is kept in tests/data/schema, with rows, as `.dump` of sqlite3 writes it.
"""

import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import extent
import interrupting
import pytest
from conftest import Line, wait_until

from hotlined import migrations
from hotlined.errors import DatabaseVersionError, StoreError
from hotlined.store import events, fleet, rebuilding
from hotlined.store.line import needs_rebuild
from hotlined.store.opening import open_beside_daemon, open_for_daemon

DUMPS = Path(__file__).parent / "data" / "schema"
BEFORE = migrations.names()[:-1]
"""What each migration but the first one begins with."""

TABLES = ("contacts", "segments", "answers", "answer_segments", "numbers", "requests", "events", "alerts", "pin_tries")


def load(path: Path, name: str | None) -> Path:
    """Make the database that the migrations up to one have made, with rows; None: an empty file."""
    path.touch()
    if name:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((DUMPS / f"{name}.sql").read_text("utf-8"))
            connection.execute("PRAGMA journal_mode = WAL")
    return path


def schema(path: Path) -> list[str]:
    """Return the schema of a database; whether it is whole is looked at on the way."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY type, name"
        return [row[0] for row in connection.execute(sql)]


@cache
def known() -> dict[tuple[str, ...], list[str]]:
    """Return the schemas that the first migrations make, as many as there are."""
    made: dict[tuple[str, ...], list[str]] = {(): []}
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/made.db")) as connection:
        for name, statements in migrations.SCHEMA:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
            made[*[*made][-1], name] = schema(Path(folder) / "made.db")
    return made


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows that the dumps have, by the columns that every version has."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT {', '.join(_columns(table))} FROM {table} ORDER BY 1").fetchall()
            for table in TABLES
        }


@cache
def _columns(table: str) -> list[str]:
    """Return the columns that a table had in the first version."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in migrations.SCHEMA[0][1]:
            connection.execute(statement)
        return [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]


def applied(path: Path) -> tuple[str, ...]:
    """Return the names of the migrations that a database has."""
    with closing(sqlite3.connect(path)) as connection:
        return migrations.applied(connection)


@pytest.mark.parametrize("name", [None, *BEFORE])
def test_a_migration_cut_off_anywhere_is_made_again(tmp_path: Path, name: str | None) -> None:
    """Killed before any of its statements, each migration is there wholly or not at all, and the next run ends it."""
    path = load(tmp_path / "old.db", name)
    before = rows(path) if name else None
    count = interrupting.migrate(path)
    whole = schema(path)
    assert count > sum(len(statements) for key, statements in migrations.SCHEMA if key not in _up_to(name))
    found = []
    copies = interrupting.copies(path, count)
    some = extent.sample(copies, 3)
    for copy in copies:
        half = applied(copy)
        found.append(half)
        if copy not in some:
            continue
        assert [sql for sql in schema(copy) if "_sqlite_migrations" not in sql] == known()[half]
        if before and "pins" in half:
            before["pin_tries"] = []  # that migration erases them
        assert before is None or rows(copy) == before
        migrations.apply(copy)
        assert schema(copy) == whole
        assert applied(copy) == migrations.names()
    assert {*found} == {half for half in known() if half[: len(_up_to(name))] == _up_to(name)} - {migrations.names()}


def _up_to(name: str | None) -> tuple[str, ...]:
    names = migrations.names()
    return names[: names.index(name) + 1] if name else ()


@pytest.mark.parametrize("name", extent.sample([None, *BEFORE], 3))
def test_two_who_migrate_at_once_make_one_database(tmp_path: Path, name: str | None) -> None:
    """Whoever comes second waits or fails; what is there afterwards is whole."""
    path = load(tmp_path / "old.db", name)
    command = [sys.executable, "-m", migrations.__name__, str(path)]
    children = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(4)]

    assert 0 in [child.wait() for child in children]
    assert applied(path) == migrations.names()
    migrations.apply(load(tmp_path / "new.db", None))
    assert schema(path) == schema(tmp_path / "new.db")


def test_two_daemons_that_start_at_once_are_one(line: Line) -> None:
    """One makes the database and serves, the other one ends with 1."""
    line.configure()
    line.start()
    first = line.daemon
    line.start()
    second = line.daemon
    assert first
    assert second
    wait_until(lambda: {first.poll(), second.poll()} == {None, 1})
    line.daemon = first if first.poll() is None else second
    line.wait_state("ready")

    assert applied(line.database) == migrations.names()


def test_a_migration_that_finds_no_room_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with SQLite's code, which becomes the trouble, and the database is as it was."""
    path = load(tmp_path / "old.db", None)
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # what it measures finds no room either
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(StoreError) as caught:
            open_for_daemon(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert caught.value.trouble == "full"
    assert applied(path) == ()
    open_for_daemon(path).close()


def test_a_migration_that_fails_for_another_reason_says_so(tmp_path: Path) -> None:
    """A table that somebody made by hand is in the way: the sentence says that it stands above."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (x)")
    with pytest.raises(StoreError, match="could not be brought up to date: see above") as caught:
        open_for_daemon(path)

    assert caught.value.trouble is None


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    """What is applied is not applied again."""
    path = load(tmp_path / "new.db", None)
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def test_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    """A migration that this version does not know is refused, also where known ones are pending."""
    path = load(tmp_path / "later.db", None)
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE _sqlite_migrations SET name = 'later' WHERE id = 1")
    is_left_as_it_is(path, "a later version")


def test_a_database_from_before_the_first_release_is_left_as_it_is(tmp_path: Path) -> None:
    """Its schema is another one: it is refused in words, by the daemon as by a command, and nothing of it changes."""
    is_left_as_it_is(load(tmp_path / "old.db", "initial"), "before the first release")


def is_left_as_it_is(path: Path, words: str) -> None:
    """Check that whoever opens a database is refused with these words, and that not an octet of it changes."""
    before = path.read_bytes()
    for opens in (open_for_daemon, open_beside_daemon):
        with pytest.raises(DatabaseVersionError, match=words):
            opens(path)

    assert path.read_bytes() == before


def test_what_events_said_of_the_line_is_its_state_afterwards(tmp_path: Path) -> None:
    """Pause, shadow mode, flood, balance and the mark of a copy are what the last events of an earlier version say."""
    path = load(tmp_path / "old.db", "pins")
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        state = connection.execute(
            "SELECT paused_limit, pause_restored, shadow_at, shadow_limit, flood_limit, balance, balance_low,"
            " balance_at, copied_at FROM line_state"
        ).fetchone()

    assert state == (
        617.0, 0, "2026-11-24T22:12:00.000Z", 612.0, 613.0, "3.20", 1, "2026-11-24T22:15:00.000Z",
        "2026-11-24T22:16:00.000Z",
    )  # fmt: skip


def test_what_had_ended_by_the_events_is_no_state_afterwards(tmp_path: Path) -> None:
    """A flood that is over, live mode and a copy that was found long ago say nothing any more."""
    path = load(tmp_path / "old.db", "pins")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO events (at, at_limit, kind) VALUES ('2026-11-24T23:00:00.000Z', 660, ?)",
            [("mode_live",), ("flood_end",), ("restored",), ("pause_restored",)],
        )
    migrations.apply(path)
    with closing(sqlite3.connect(path)) as connection:
        state = connection.execute(
            "SELECT pause_restored, shadow_at, shadow_limit, flood_limit, copied_at FROM line_state"
        ).fetchone()

    assert state == (1, None, None, None, None)


def test_since_when_something_holds_is_no_event_any_more(tmp_path: Path) -> None:
    """What the last event of a kind said of another SIM and of a key is the line's state, where it holds still."""
    happened = (("modem_sim_changed", 1), ("key_denied", 2), ("modem_sim_changed", 3))
    found = []
    for name, state in (("held", "hold = 'held', key_lost_at = 'then'"), ("free", "hold = NULL")):
        path = load(tmp_path / f"{name}.db", "sums")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE line_state SET {state}")
            connection.executemany("INSERT INTO events (kind, at) VALUES (?, ?)", happened)
        migrations.apply(path)
        with closing(sqlite3.connect(path)) as connection:
            found += connection.execute("SELECT sim_changed_at, key_denied, ready_limit FROM line_state").fetchall()

    assert found == [("3", 1, None), (None, 0, None)]


def test_which_line_ordered_an_erasure_is_in_no_sentence_any_more(tmp_path: Path) -> None:
    """What an event of an earlier version said of it is its column; a file that was to be written anew still is."""
    path = load(tmp_path / "old.db", "former")
    migrations.apply(path)
    with open_beside_daemon(path) as db:
        now = db.now()._replace(limit=622.0 + fleet.ERASED_SECONDS)
        assert fleet.erased_elsewhere(db, now._replace(limit=622.0)) == [("nl", 2), ("be", 1)]
        assert fleet.erased_elsewhere(db, now) == []
        assert [event.line for event in events.news(db, ["forget_elsewhere", "forget"], 0)] == [
            *("nl", "be", None, "nl", None)
        ]
        assert needs_rebuild(db)
        assert rebuilding.rebuild(db)
        assert not needs_rebuild(db)
