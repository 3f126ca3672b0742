"""Full and read-only disks and damaged databases: texts wait on the SIM, and the daemon goes on by itself."""

import contextlib
import json
import logging
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import PATIENCE_SECONDS, Line, wait_until
from needs import forbidden, needs_root
from store_steps import make_empty

from hotlined.daemon.database_outage import outage_of
from hotlined.errors import DatabaseInUseError, DatabaseVersionError, StoreError
from hotlined.machine.clock import LimitClock
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.file.trouble import DatabaseTrouble

NUMBER = "+32470112233"


def used(line: Line) -> int:
    """Return the number of texts on the SIM."""
    return int(line.sim.do("state")["storages"]["SM"]["used"])


def wait_database(line: Line, state: str) -> None:
    """Wait until the status file has this state of the database."""
    wait_until(lambda: line.status().get("database_state") == state, f"database {state}")


def outages(line: Line) -> list[str]:
    """Return the kinds of events about trouble with the database."""
    return [kind for (kind,) in line.rows("SELECT kind FROM events WHERE kind GLOB 'database_*' ORDER BY id")]


def hold(line: Line, state: str) -> None:
    """Check that nothing is taken, answered or lost in a state of the database, and that `status` has that state."""
    wait_database(line, state)
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_until(lambda: used(line) == 1)
    told = json.loads(line.cli("status", "--json", check=False))
    assert (told["alive"], told["database_state"]) == (True, state)
    shown = line.cli("status", check=False)
    assert re.search(r"^trouble .*(Make room|End what|.* Put back the last copy)", shown, re.MULTILINE), shown
    assert used(line) == 1
    assert line.submitted() == []
    assert line.daemon
    assert line.daemon.poll() is None


def goes_on(line: Line) -> None:
    """Check that the text is answered once, now that the database can be used."""
    wait_until(lambda: line.submitted() and line.settled(), "an answer")
    wait_database(line, "ok")
    assert len(line.submitted()) == line.count("SELECT count(*) FROM contacts") == 1


@pytest.fixture
def stopped(line: Line) -> Line:
    """Give a line with a database whose daemon does not run."""
    line.configure()
    make_empty(line.database)
    return line


# ---- a damaged database


def cut(path: Path) -> None:
    """Truncate a database, as a card may."""
    os.truncate(path, 4096 * 3)


def scribble(path: Path) -> None:
    """Overwrite a page of a database."""
    with path.open("r+b") as file:
        file.seek(4096 * 8)
        file.write(b"\xa5" * 4096)


def replace(path: Path) -> None:
    """Put another file in the place of a database."""
    path.write_bytes(b"this is no database" * 1000)


@pytest.mark.parametrize("damage", [cut, scribble, replace])
def test_daemon_waits_for_a_damaged_database_and_leaves_it_alone(stopped: Line, damage: Callable[[Path], None]) -> None:
    """Texts stay on the SIM until a good database is back."""
    line = stopped
    good = line.database.read_bytes()
    damage(line.database)
    bad = line.database.read_bytes()
    line.start()
    hold(line, "damaged")
    assert line.database.read_bytes() == bad
    line.database.write_bytes(good)
    goes_on(line)

    assert outages(line) == ["database_damaged"]
    assert line.stop() == 0


def test_wal_beside_a_damaged_database_is_left_alone(tmp_path: Path) -> None:
    """SQLite would write it into the file, or drop it.

    It drops it for an empty file, and writes it on closing.
    """
    path = tmp_path / "hotlined.db"
    kept = tmp_path / "kept"
    kept.mkdir()
    with open_for_daemon(path) as db:
        db.connection.execute("UPDATE line_state SET paused_by = 'me'")
        for name in ("hotlined.db", "hotlined.db-wal"):
            (kept / name).write_bytes((tmp_path / name).read_bytes())
    for damage in (scribble, lambda file: os.truncate(file, 0)):
        for file in kept.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        damage(path)
        before = [(tmp_path / file.name).read_bytes() for file in kept.iterdir()]
        with pytest.raises(StoreError) as caught:
            open_for_daemon(path)

        assert DatabaseTrouble.of(caught.value).state == "damaged"
        assert [(tmp_path / file.name).read_bytes() for file in kept.iterdir()] == before


def test_running_daemon_stops_writing_at_damage(stopped: Line) -> None:
    """SQLite reports it; the line goes on with a good database, and its status was there at every moment."""
    line = stopped
    line.start()
    line.wait_state("ready")
    assert line.stop() == 0
    line.log_path.write_text("")
    good = line.database.read_bytes()
    line.start()
    line.wait_state("ready")
    with closing(sqlite3.connect(line.database)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with line.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (len(good) - 4096))
    with closing(sqlite3.connect(line.database, isolation_level=None)) as other:
        other.execute("PRAGMA writable_schema = ON")  # makes SQLite read the schema again, and with it the pages
        other.execute("PRAGMA schema_version = 99")
    hold(line, "damaged")
    for ending in ("-wal", "-shm"):
        line.database.with_name(line.database.name + ending).unlink(missing_ok=True)
    line.database.write_bytes(good)
    goes_on(line)

    assert outages(line) == ["database_damaged"]
    assert "stopped" not in line.log_path.read_text()


def test_daemon_that_waits_for_its_database_stops_at_once(stopped: Line) -> None:
    """SIGTERM and SIGINT end it with 0; its status file goes."""
    line = stopped
    replace(line.database)
    for number in (signal.SIGTERM, signal.SIGINT):
        line.start()
        wait_database(line, "damaged")
        assert line.stop(number) == 0
        assert not (line.folder / "run" / "main" / "status.json").exists()


def test_reload_while_the_database_is_damaged_is_done_later(stopped: Line) -> None:
    """SIGHUP does not end the wait for a good database."""
    line = stopped
    good = line.database.read_bytes()
    replace(line.database)
    line.start()
    wait_database(line, "damaged")
    line.configure(limits={"per_number": 0})
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    line.database.write_bytes(good)
    wait_until(lambda: "per_number: 0" in line.status().get("in_force", ""))
    assert "the configuration was read again" in line.log_path.read_text()


def test_reload_while_the_database_is_locked_is_done_later(line: Line) -> None:
    """It holds before anything is sent, and the outage of a country that is no longer answered is forgotten."""
    line.configure(numbers={"answer_countries": ["BE", "FR"]})
    line.start()
    line.wait_state("ready")
    with closing(sqlite3.connect(line.database, isolation_level=None)) as other:
        other.execute(
            "INSERT INTO country_outages (country, since, since_limit, due) VALUES ('FR', '2026-11-24T22:00Z', 0, 1e9)"
        )
        other.execute("BEGIN IMMEDIATE")
        line.configure(numbers={"answer_countries": ["BE"]}, limits={"per_number": 0})
        assert line.daemon
        line.daemon.send_signal(signal.SIGHUP)
        hold(line, "locked")
        other.execute("ROLLBACK")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts WHERE reason = 'per_number'") == 1, "a verdict")
    assert line.count("SELECT count(*) FROM country_outages") == 0
    assert line.submitted() == []


def test_database_of_a_later_version_ends_the_daemon_with_78(stopped: Line) -> None:
    """The database is unchanged, and systemd does not restart it."""
    line = stopped
    with closing(sqlite3.connect(line.database)) as other, other:
        other.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hotlined', 'x', '')")
    before = line.database.read_bytes()
    line.start()
    assert line.daemon
    assert line.daemon.wait(PATIENCE_SECONDS) == 78
    assert line.database.read_bytes() == before


def test_run_once_does_not_wait_for_a_damaged_database(stopped: Line) -> None:
    """It ends with 1 and names the cure."""
    replace(stopped.database)
    command = ["-m", "hotlined", "--config", str(stopped.config), "run", "--once"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=stopped.folder)

    assert (done.returncode, "Hint: Put back the last copy" in done.stderr) == (1, True)


def test_systemd_sees_why_the_daemon_waits(stopped: Line) -> None:
    """READY comes without a database, and STATUS has the trouble.

    The watchdog is fed, too.
    """
    replace(stopped.database)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(stopped.folder / "notify"))
        channel.settimeout(PATIENCE_SECONDS)
        stopped.start(NOTIFY_SOCKET=str(stopped.folder / "notify"))
        said = [channel.recv(4096).decode() for _ in range(3)]

    assert said[:2] == ["READY=1", "WATCHDOG=1"]
    assert "it is damaged, or no database" in said[2]
    assert stopped.stop() == 0


# ---- a full disk


def limit(line: Line, octets: int) -> None:
    """Limit the size of the daemon's files to these bytes; existing content stays."""
    assert line.daemon
    resource.prlimit(line.daemon.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


def test_daemon_waits_for_room_on_the_disk(line: Line) -> None:
    """A limit on the size of files plays the full disk.

    Texts stay on the SIM, one event records it, and all goes on with room.
    """
    line.configure()
    line.start()
    line.wait_state("ready")
    limit(line, line.database.with_name("hotlined.db-wal").stat().st_size)
    line.sim.do("deliver", from_=NUMBER, text="deux")
    wait_database(line, "full")
    assert (used(line), line.submitted()) == (1, [])
    shown = line.cli("status", check=False)
    assert "the disk is full or takes nothing any more. Make room" in shown
    limit(line, resource.RLIM_INFINITY)
    goes_on(line)

    assert outages(line) == ["database_full"]
    assert line.log_path.read_text().count("the database can be used again") == 1


@pytest.fixture
def small(line: Line) -> Iterator[Path]:
    """Give a disk of 1 MiB with the empty database of the line."""
    folder = line.folder / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-n", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode:
        forbidden("nobody may mount a small disk")
    line.database = folder / "hotlined.db"
    line.configure(database=str(line.database))
    make_empty(line.database)
    try:
        yield folder
    finally:
        line.end()
        subprocess.run(["umount", "-n", folder], check=True)


def fill(folder: Path) -> Path:
    """Write to a disk until it is full."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(folder).f_bavail == 0
    return path


@needs_root
def test_daemon_waits_on_a_really_full_disk(line: Line, small: Path) -> None:
    """A waiting text is answered once there is room, despite a restart."""
    line.start()
    line.wait_state("ready")
    filling = fill(small)
    line.sim.do("deliver", from_=NUMBER, text="un")
    wait_database(line, "full")
    assert (used(line), line.submitted()) == (1, [])
    assert line.stop() == 0
    line.start()
    wait_until(lambda: line.status().get("database_state") == "full")
    assert (used(line), line.submitted()) == (1, [])
    filling.unlink()
    goes_on(line)
    assert outages(line) == ["database_full"]


@needs_root
def test_first_start_on_a_full_disk_makes_no_partial_database(line: Line, small: Path) -> None:
    """The database is whole once there is room."""
    line.database.unlink()
    filling = fill(small)
    line.start()
    hold(line, "full")
    filling.unlink()
    goes_on(line)
    line.cli("db", "check", "--full")


@needs_root
def test_daemon_waits_on_a_disk_without_inodes(line: Line, small: Path) -> None:
    """SQLite cannot make the -wal; this does not count as damage."""
    line.start()
    line.wait_state("ready")
    assert line.stop() == 0
    for ending in ("-wal", "-shm"):  # as after a restore
        line.database.with_name(line.database.name + ending).unlink()
    inodes = len(list(small.rglob("*"))) + 1
    subprocess.run(["mount", "-n", "-o", f"remount,nr_inodes={inodes}", small], check=True)
    line.start()
    hold(line, "full")
    subprocess.run(["mount", "-n", "-o", "remount,nr_inodes=1000", small], check=True)
    goes_on(line)


@needs_root
def test_daemon_waits_on_a_read_only_disk(line: Line, small: Path) -> None:
    """A card may become read-only overnight, and writable again."""
    line.start()
    line.wait_state("ready")
    assert line.stop() == 0
    subprocess.run(["mount", "-n", "-o", "remount,ro", small], check=True)
    line.start()
    hold(line, "full")
    subprocess.run(["mount", "-n", "-o", "remount,rw", small], check=True)
    goes_on(line)


# ---- states of errors


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (sqlite3.SQLITE_FULL, "full"),
        (sqlite3.SQLITE_IOERR_WRITE, "full"),
        (sqlite3.SQLITE_IOERR_FSYNC, "full"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "full"),
        (sqlite3.SQLITE_READONLY, "denied"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "denied"),
        (sqlite3.SQLITE_CANTOPEN, "denied"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "locked"),
        (sqlite3.SQLITE_LOCKED, "locked"),
        (sqlite3.SQLITE_IOERR_RDLOCK, "locked"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "damaged"),
        (sqlite3.SQLITE_NOTADB, "damaged"),
        (sqlite3.SQLITE_IOERR_READ, "damaged"),
        (sqlite3.SQLITE_IOERR_SHORT_READ, "damaged"),
        (sqlite3.SQLITE_ERROR, "damaged"),
    ],
)
def test_sqlite_errors_have_the_state_of_their_cause(code: int, state: str) -> None:
    """Failed writes are full, missing rights denied, failed reads damaged."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code

    assert DatabaseTrouble.of(error).state == state


@pytest.mark.parametrize(
    ("number", "trouble"),
    [(28, "full"), (122, "full"), (30, "full"), (5, "damaged"), (13, "not_readable"), (20, "not_readable")],
)
def test_errors_of_the_system_have_a_trouble_name(number: int, trouble: str) -> None:
    """An unwritable folder has the same trouble as an unwritable database."""
    assert DatabaseTrouble.of(OSError(number, "")).name == trouble


def test_daemon_does_not_wait_for_permanent_errors() -> None:
    """These are another daemon and a later version.

    Every other trouble with a database is a state.
    """
    assert issubclass(DatabaseInUseError, StoreError)
    assert issubclass(DatabaseVersionError, StoreError)
    assert DatabaseVersionError.exit_code == 78


def beside(line: Line) -> list[Path]:
    """Return the files of the database: itself, -wal, -shm and the lock."""
    return [path for path in line.folder.glob("hotlined.db*") if path.is_file()]


@pytest.mark.parametrize("how", ["moved", "replaced"])
def test_moved_or_replaced_database_keeps_texts_on_the_sim(line: Line, how: str) -> None:
    """`status` names the cure; all goes on with the files back."""
    line.start({"database_pause": 0.2})
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470123456", text="un")
    wait_until(line.settled, "all done")
    away = line.folder / "away"
    away.mkdir()
    for path in beside(line):
        path.rename(away / path.name)
        if how == "replaced" and path.suffix == ".db":
            shutil.copy(away / path.name, path)
    line.sim.do("deliver", from_="+32470123457", text="deux")
    wait_until(lambda: line.status()["database_state"] == "replaced", "a state")
    told = json.loads(line.cli("status", "--json", check=False))
    assert told["database_state"] == "replaced"
    assert "Put the file back" in " ".join(line.cli("status", check=False).split())
    assert line.sim.do("state")["storages"]["SM"]["used"] == 1
    assert refusal(line, "pause") == refusal(line, "block", "+32470123457") == 75
    for path in beside(line):
        path.unlink()
    for path in away.iterdir():
        path.rename(line.folder / path.name)
    wait_until(lambda: len(line.submitted()) == 2 and line.settled(), "the text that waited")
    wait_until(lambda: line.status()["database_state"] == "ok", "a database that can be used")

    assert line.rows("SELECT text FROM contacts ORDER BY id") == [("un",), ("deux",)]


def refusal(line: Line, *command: str) -> int:
    """Return the exit code of a command."""
    arguments = [sys.executable, "-m", "hotlined", "--config", str(line.config), *command]
    return subprocess.run(arguments, check=False).returncode


def test_journal_names_the_trouble_with_the_database(caplog: pytest.LogCaptureFixture) -> None:
    """Denied databases are not called full: admins would look at the disk."""
    denied = StoreError("/a.db: Permission denied", "", "not_readable")
    with caplog.at_level(logging.ERROR, "hotlined"):
        outage = outage_of(Path("/a.db"), denied, None, LimitClock(None).now())

    assert outage.state == "denied"
    assert caplog.messages == ["database: /a.db: Permission denied; texts stay on the SIM and nothing is answered"]
