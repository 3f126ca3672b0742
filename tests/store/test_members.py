"""Members of a line's group read its database in every state, and write nothing."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import extent
import pytest
from conftest import PATIENCE_SECONDS, Line, wait_until
from filled import KEVIN, Filled
from needs import needs_root
from persons import COMMAND, LINE, give
from persons import MEMBER as A_MEMBER
from persons import STRANGER as A_STRANGER

from hotlined.config import load
from hotlined.errors import DatabaseInUseError, StoreError
from hotlined.reports.trouble import said
from hotlined.status import DaemonTrouble
from hotlined.store.file import holders
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon

ROOT = Path(__file__).parents[2]
OWNER, MEMBER, STRANGER, GROUP = LINE.uid, A_MEMBER.uid, A_STRANGER.uid, LINE.gids[0]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that every user of the machine can reach; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def state(folder: Path) -> Path:
    """Give the folder of a stopped line as its user has it: mode 2750, database 0640 with one contact."""
    state = folder / "state"
    state.mkdir()
    filled = Filled(state)
    filled.config.unlink()
    with filled.db:
        filled.text()
    (folder / "main.yaml").write_text(
        json.dumps({"database": "state/hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}})
    )
    give(state)
    state.chmod(0o2750)
    return state


def run(state: Path, uid: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command on that line as a user; the stranger alone is outside its group."""
    person = next(each for each in (LINE, A_MEMBER, A_STRANGER) if each.uid == uid)
    return person.hotlined(state.parent / "main.yaml", *arguments)


OPENING = """
import sys
from pathlib import Path
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
path = Path(sys.argv[1])
"""


def as_owner(state: Path, program: str) -> "subprocess.Popen[str]":
    """Start a program as the line's user; it prints a line when it is ready, and then waits for input."""
    words = LINE.program(OPENING + program, str(state / "hotlined.db"))
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    return started


SERVING = """
db = open_for_daemon(path)
with db.transaction():
    db.execute("UPDATE line_state SET paused_by = 'me'")
print("ready", flush=True)
sys.stdin.readline()
db.close()
"""


def running(state: Path, read: Callable[[], None]) -> None:
    """Read beside a daemon that has written, before and after it ends."""
    with as_owner(state, SERVING) as daemon:
        read()
        daemon.communicate("\n")
    assert daemon.returncode == 0
    read()


def started_again(state: Path, read: Callable[[], None]) -> None:
    """Read beside a daemon that has opened the database after a kill and has not written."""
    killed(state, read)
    with as_owner(state, "db = open_for_daemon(path)\nprint('ready', flush=True)\nsys.stdin.readline()\ndb.close()"):
        read()


def killed(state: Path, read: Callable[[], None]) -> None:
    """Read after a daemon was killed: the -wal has content."""
    with as_owner(state, SERVING) as daemon:
        daemon.kill()
    assert (state / "hotlined.db-wal").stat().st_size
    read()


def closed_by(*arguments: str) -> Callable[[Path, Callable[[], None]], None]:
    """Read after a command of the line's user closed the database last."""

    def close(state: Path, read: Callable[[], None]) -> None:
        done = run(state, OWNER, *(word.format(folder=state) for word in arguments))
        assert done.returncode in (0, 69), done.stderr
        read()

    return close


STATES = {
    "running": running,
    "killed": killed,
    "started again": started_again,
    "stopped": lambda _state, read: read(),
    "after log": closed_by("log"),
    "after purge": closed_by("purge"),
}


@needs_root
@pytest.mark.parametrize("name", STATES)
def test_member_reads_the_database_in_every_state(state: Path, name: str) -> None:
    """A stranger reads nothing, whatever the line's user did last."""
    reads = 0

    def read() -> None:
        nonlocal reads
        listed = run(state, MEMBER, "log", "--json")
        assert (json.loads(listed.stdout or "{}").get("id"), listed.stderr, listed.returncode) == (1, "", 0)
        reads += 1

    STATES[name](state, read)
    refused = run(state, STRANGER, "log", "--json")

    assert reads
    assert '"database_state": "ok"' in run(state, MEMBER, "status", "--json").stdout
    assert {path.stat().st_mode & 0o777 for path in state.glob("hotlined.db*")} == {0o640, 0o600}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in state.iterdir()} == {(OWNER, GROUP)}
    assert (refused.stdout, refused.returncode) == ("", 1)


@needs_root
def test_member_without_the_socket_cannot_write(state: Path) -> None:
    """The error names sudo, and not the group, which only reads."""
    done = run(state, MEMBER, "block", KEVIN)

    assert done.returncode == 75
    assert "is another user's" in done.stderr
    assert "in its group" not in done.stderr
    assert "sudo" in done.stderr


@needs_root
def test_error_for_a_database_closed_by_sqlite_alone_names_the_cure(state: Path) -> None:
    """Members cannot make -wal and -shm; the line's user can."""
    for ending in ("-wal", "-shm"):
        (state / f"hotlined.db{ending}").unlink()
    refused = run(state, MEMBER, "log")
    run(state, OWNER, "status")
    again = run(state, MEMBER, "log", "--json")

    assert refused.returncode == 1
    assert "sudo hotlined status" in refused.stderr
    assert (again.returncode, again.stderr) == (0, "")


def test_closing_leaves_foreign_files_alone(tmp_path: Path) -> None:
    """A moved database gets no files; links are not followed or replaced."""
    filled = Filled(tmp_path)
    with filled.db:
        filled.text()
        shutil.move(filled.database, tmp_path / "moved")
        for ending in ("-wal", "-shm"):
            shutil.move(f"{filled.database}{ending}", tmp_path / f"moved{ending}")
    left = [*tmp_path.glob("hotlined.db-*")]
    shutil.move(tmp_path / "moved", filled.database)
    link, target = tmp_path / "hotlined.db-shm", tmp_path / "target"
    link.symlink_to(target)
    with pytest.raises(StoreError):
        open_for_daemon(filled.database)

    assert not left
    assert (link.is_symlink(), target.exists()) == (True, False)


@needs_root
def test_database_of_another_user_waits_with_a_cure(state: Path) -> None:
    """The card is from another machine; the named chown works."""
    give(state, 4321, 4322)
    run_dir = state.parent / "run"
    run_dir.mkdir()
    os.chown(run_dir, OWNER, GROUP)
    words = ["--config", str(state.parent / "main.yaml")]
    with subprocess.Popen(LINE.program(COMMAND, *words, "run"), cwd="/") as daemon:
        try:
            told = wait_until(lambda: maybe_status(state))
            give(state)
            wait_until(lambda: maybe_status(state).get("database_state") == "ok", "a database that is ours")
        finally:
            daemon.terminate()

    assert told["database_state"] == "denied"
    assert [each["code"] for each in told["trouble"] if "database" in each["code"]] == ["database_denied"]
    assert f"{state} belongs to 4321, and this runs as {OWNER}." in [each["words"] for each in told["trouble"]]
    assert f"`sudo chown -R {OWNER}:{GROUP} {state}`." in " ".join(each["cure"] for each in told["trouble"])


@needs_root
def test_database_in_an_unreachable_folder_is_explained(folder: Path) -> None:
    """The daemon makes nothing, and does not speak of a full card."""
    database, run_dir = folder / "theirs/hotlined.db", folder / "run"
    run_dir.mkdir()
    os.chown(run_dir, OWNER, GROUP)
    config = folder / "main.yaml"
    config.write_text(json.dumps({"database": str(database), "runtime_dir": "run", "answer": {"text": "Non."}}))
    with subprocess.Popen(LINE.program(COMMAND, "--config", str(config), "run"), cwd="/") as daemon:
        try:
            told = json.loads(wait_until(lambda: maybe_text(run_dir / "main/status.json")))
        finally:
            daemon.terminate()

    trouble = said(DaemonTrouble(**told["trouble"][0]), load(config))
    assert f"There is no folder {database.parent}, and none can be made there" in trouble.words
    assert "Does `database` name this line's own?" in trouble.cure
    assert not database.parent.exists()


def maybe_text(path: Path) -> str:
    """Return the text of a file, or nothing while it does not exist."""
    return path.read_text() if path.exists() else ""


def maybe_status(state: Path) -> dict[str, Any]:
    """Return the output of `status` once the daemon is alive and has looked at its database, else nothing."""
    told: dict[str, Any] = json.loads(run(state, OWNER, "status", "--json").stdout or "{}")
    return told if told.get("alive") and told["database_state"] in ("denied", "ok") else {}


OPENER = """
import sys
from pathlib import Path
from hotlined.store.file.opening import open_beside_daemon
path, number, turns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for turn in range(turns):
    with open_beside_daemon(path) as db:
        if number % 2:
            with db.transaction():
                db.execute("INSERT INTO events (at, kind, word) VALUES ('', 'race', ?)", f"{number}:{turn}")
        else:
            db.all("SELECT * FROM events")
"""


def test_processes_that_open_and_close_together_lose_nothing(tmp_path: Path) -> None:
    """All committed rows survive files that are left, written and removed together."""
    with Filled(tmp_path).db as db:
        path = db.path
    turns, many = extent.examples(40, 120), 6
    started = [
        subprocess.Popen([sys.executable, "-c", OPENER, str(path), str(number), str(turns)], cwd=ROOT)
        for number in range(many)
    ]
    for process in started:
        assert process.wait(PATIENCE_SECONDS) == 0
    with closing(sqlite3.connect(path)) as db:
        (whole,) = db.execute("PRAGMA integrity_check").fetchone()
        written = {word for (word,) in db.execute("SELECT word FROM events WHERE kind = 'race'")}

    assert whole == "ok"
    assert written == {f"{number}:{turn}" for number in range(1, many, 2) for turn in range(turns)}


@needs_root
def test_member_can_open_while_the_owner_closes(state: Path) -> None:
    """A member retries while -wal and -shm are away."""
    reading = (
        "for _ in range(200):\n    with open_beside_daemon(path) as db:\n        assert db.one('SELECT id FROM log')"
    )
    started = [
        subprocess.Popen(person.program(OPENING + reading, str(state / "hotlined.db")), cwd="/")
        for person in (LINE, A_MEMBER, A_MEMBER)
    ]

    assert [process.wait(PATIENCE_SECONDS) for process in started] == [0, 0, 0]


# ---- processes that hold the database


HOLDING = """
import fcntl, os, sqlite3, sys
path, what = sys.argv[1:]
if what == "pages":
    db = sqlite3.connect("file:" + path + "?mode=ro", uri=True, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM contacts").fetchone()
elif what == "daemon":
    file = os.open(path, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
else:
    file = os.open(path + "-shm", os.O_RDONLY)
    fcntl.lockf(file, fcntl.LOCK_SH, 1, 120)
print("ready", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(database: Path, what: str) -> Iterator[str]:
    """Let another user of the group hold a lock on a database; yield the words that name the process."""
    program = A_MEMBER.program(HOLDING, str(database), what)
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        comm = Path(f"/proc/{process.pid}/comm").read_text().strip()
        yield f"{comm} (process {process.pid} of {MEMBER})"
        process.communicate("\n")


@needs_root
def test_process_that_holds_a_database_is_named(state: Path) -> None:
    """It has a writer's lock byte, or a transaction on old pages."""
    path = state / "hotlined.db"
    with open_beside_daemon(path) as db:
        assert db.one("SELECT 1 FROM log")
        assert (holders.who_blocks(path), holders.who_reads(path)) == ((), ())
        with held(path, "writer") as who:
            assert (holders.who_blocks(path), holders.who_reads(path)) == ((who,), ())
        with held(path, "pages") as who:
            assert (holders.who_blocks(path), holders.who_reads(path)) == ((), (who,))
        assert (holders.who_blocks(path), holders.who_reads(path)) == ((), ())
        with db.transaction():
            assert holders.who_blocks(path) == ()  # it is this one


@needs_root
def test_member_who_locks_the_database_is_named_by_status(folder: Path, line: Line) -> None:
    """`doctor` names the process, too; afterwards the daemon goes on."""
    os.chown(folder, 0, GROUP)
    folder.chmod(0o2755)
    line.configure(database=str(folder / "hotlined.db"))
    line.database = folder / "hotlined.db"
    line.start()
    line.wait_state("ready")
    with held(line.database, "writer") as who:
        line.sim.do("deliver", from_=KEVIN, text="un")
        wait_until(lambda: line.status().get("database_state") == "locked", "that it is locked")
        told = json.loads(line.cli("status", "--json", check=False))
        seen = line.cli("doctor", check=False)
    wait_until(lambda: line.submitted() and line.settled(), "an answer")

    assert [each["words"] for each in told["trouble"] if f"It is held by {who}." in each["words"]]
    assert who in " ".join(seen.split())


@needs_root
def test_forget_names_the_reader_of_old_pages(state: Path) -> None:
    """The erased text stays in the -wal until that reader ends.

    `forget` exits with 69 until then.
    """
    with held(state / "hotlined.db", "pages") as who:
        kept = run(state, OWNER, "forget", KEVIN, "--yes")
    gone = run(state, OWNER, "forget", KEVIN, "--yes")

    assert (kept.returncode, gone.returncode) == (69, 0), gone.stderr
    assert f"{who} still has it open" in " ".join(kept.stderr.split())
    assert not [file for file in state.glob("hotlined.db*") if KEVIN.encode() in file.read_bytes()]


@needs_root
def test_process_that_keeps_a_daemon_out_is_named(state: Path) -> None:
    """It is another daemon, or a reader with the same lock."""
    with held(state / "hotlined.db", "daemon") as who, pytest.raises(DatabaseInUseError) as refused:
        open_for_daemon(state / "hotlined.db")

    assert refused.value.message == f"Another daemon has {state / 'hotlined.db'}, {who}."
