"""Sockets of the control program: who may decide about a line, and through which socket."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE_SECONDS, listens, speaking, wait_until
from filled import Filled
from needs import needs_root
from persons import (
    ADMIN,
    COMMAND,
    DESK,
    EXCHANGE,
    LINE,
    MEMBER,
    NOBODY,
    OTHER_LINE,
    ROOT,
    STRANGER,
    Lists,
    Person,
    give,
)
from running import CliRunner, Result
from store_steps import make_empty

import hotlined
from hotlined import config as configuration
from hotlined.cli import main
from hotlined.control import LONG
from hotlined.control.client import decide
from hotlined.control.server import RefusalCounts, Server
from hotlined.control.verbs import DESK as DESKS_VERBS
from hotlined.control.verbs import VERBS, Decision
from hotlined.errors import RefusedError
from hotlined.language import Language
from hotlined.machine import wire
from hotlined.machine.clock import boottime
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.line.requests import RequestVerb, next_request

NUMBER = "+32470123456"
ACTIVATED = f"os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); {COMMAND}"
HANDED = """
import os, sys
given = [int(number) for number in sys.argv[1].split(",")]
sockets = [os.dup(number) for number in given]
for number, listener in enumerate(sockets, 3):
    os.dup2(listener, number)
for number in {*given, *sockets} - {*range(3, 3 + len(sockets))}:
    os.close(number)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()))
del sys.argv[1]
"""
"""Code that hands sockets over to the rest of a program, as systemd does."""
ASK = """
import contextlib, socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    with contextlib.suppress(BrokenPipeError):  # refused before anything was said
        channel.sendall(sys.argv[2].replace("MANY", "x" * int(sys.argv[3] if sys.argv[3:] else 0)).encode() + b"\\n")
    print(channel.makefile().readline())
"""
"""A program that writes one line to a socket, with a number of letters for MANY, and prints the answer."""


@dataclass
class Sockets:
    """A line with a user of its own, and the program at its control socket."""

    folder: Path
    program: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The configuration, which belongs to root."""
        return self.folder / "main.yaml"

    @property
    def database(self) -> Path:
        """The database, which belongs to the line's user."""
        return self.folder / "state/hotlined.db"

    @property
    def lists(self) -> Lists:
        """The users and groups of the system, as the control program sees them."""
        return Lists(self.folder)

    @property
    def socket(self) -> Path:
        """The members' socket, in a folder of root's."""
        return self.folder / "run-control/main.sock"

    @property
    def desks(self) -> Path:
        """The socket for the desk's user."""
        return self.folder / "run-control/main-desk.sock"

    @property
    def fleets(self) -> Path:
        """The socket for the user of the exchange."""
        return self.folder / "run-control/main-fleet.sock"

    def start(self) -> None:
        """Start the control program as systemd does: root makes the sockets and hands them over."""
        own = ((self.desks, DESK.uid, 0, 0o600), (self.fleets, EXCHANGE.uid, 0, 0o600))
        with contextlib.ExitStack() as stack:
            handed = []
            for path, uid, gid, mode in ((self.socket, 0, LINE.gids[0], 0o660), *own):
                listener = stack.enter_context(socket.socket(socket.AF_UNIX))
                listener.bind(str(path))
                os.chown(path, uid, gid)
                path.chmod(mode)
                listener.listen()
                handed.append(listener.fileno())
            program = LINE.program(
                HANDED + COMMAND, ",".join(map(str, handed)), "--config", str(self.config), "control"
            )
            self.program = subprocess.Popen(
                self.lists.program(*program), pass_fds=handed, cwd="/", stderr=subprocess.PIPE
            )

    def stop(self) -> None:
        """End it, and remove its sockets."""
        if self.program:
            self.program.kill()
            self.program.communicate()
        for path in (self.socket, self.desks, self.fleets):
            path.unlink(missing_ok=True)

    def request(self, **claims: Any) -> str:
        """Return a request for a pause."""
        return json.dumps({"verb": "pause", "arguments": {}, "database": str(self.database), **claims})

    def one(self, sql: str) -> Any:
        """Return one value of the database, read as root."""
        with contextlib.closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchone()[0]


def make_database(path: Path, owner: Person) -> None:
    """Make the database of a line as after the end of a daemon, and give it and its folder to a user."""
    open_for_daemon(make_empty(path)).close()
    for each in (path.parent, *path.parent.iterdir()):
        os.chown(each, owner.uid, owner.gids[0])


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """Give a line as an installation has it: folders of root's above, one of the line's user below."""
    folder = Path(tempfile.mkdtemp(prefix="hotlined-sockets-"))
    folder.chmod(0o755)
    sockets = Sockets(folder)
    for name in ("run", "run-control"):
        (folder / name).mkdir(mode=0o755)
    sockets.database.parent.mkdir(mode=0o750)
    os.chown(sockets.database.parent, LINE.uid, LINE.gids[0])
    sockets.config.write_text(
        json.dumps({"database": str(sockets.database), "runtime_dir": str(folder / "run"), "answer": {"text": "Non."}})
    )
    make_database(sockets.database, LINE)
    sockets.lists.write("anna")
    try:
        yield sockets
    finally:
        sockets.stop()
        shutil.rmtree(folder)


def as_root(config: Path, *words: str) -> Result:
    """Run a command as root, who runs the tests that need it."""
    return CliRunner().invoke(main, ["--config", str(config), *words])


FOR_ROOT = {"HOTLINED_FOR_ROOT": "1"}
"""The variable that the installed command sets when root starts it, once it has become the line's user."""


@needs_root
def test_decision_is_recorded_under_the_name_from_the_kernel(sockets: Sockets) -> None:
    """A member's claims do not count; sudo as root names the person."""
    sockets.start()

    for person, name, claims in (
        (MEMBER, "anna", {"USER": "root", "SUDO_USER": "root", "SUDO_UID": "0", **FOR_ROOT}),
        (LINE, "uid 61001", {}),
        (LINE, "uid 61001", {"SUDO_UID": "61005"}),  # by `sudo -u`, without root
        (LINE, "uid 61005", {"SUDO_UID": "61005", **FOR_ROOT}),
        (LINE, "uid 61006", {"PKEXEC_UID": "61006", **FOR_ROOT}),
        (LINE, "root", {"SUDO_UID": "0", **FOR_ROOT}),
        (LINE, "uid 61001", FOR_ROOT),
    ):
        done = person.hotlined(sockets.config, "pause", **claims)
        assert (done.returncode, done.stderr) == (0, "")
        assert sockets.one("SELECT who FROM events WHERE kind = 'pause' ORDER BY id DESC LIMIT 1") == name
    assert sockets.one("SELECT paused_by FROM line_state") == "anna"  # the first of these pauses
    assert MEMBER.hotlined(sockets.config, "resume").returncode == 0
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1


@needs_root
@pytest.mark.parametrize("has_socket", [True, False], ids=["control socket", "directly"])
def test_block_with_sudo_is_recorded_under_the_person(sockets: Sockets, has_socket: bool) -> None:
    """The line's user carries it out, as `sudo hotlined block` does."""
    if has_socket:
        sockets.start()
    done = LINE.hotlined(sockets.config, "block", NUMBER, SUDO_UID=str(MEMBER.uid), **FOR_ROOT)

    assert (done.returncode, done.stderr) == (0, "")
    assert sockets.one("SELECT blocked_by FROM numbers") == "uid 61002"


@needs_root
def test_root_is_not_a_member_by_itself(sockets: Sockets) -> None:
    """NSS decides about membership: root's process in the group is refused."""
    sockets.start()
    for root in (ADMIN, Person(0, (0, LINE.gids[0]))):
        done = root.call(ASK, str(sockets.socket), sockets.request(who="anna"))
        assert json.loads(done.stdout)["error"]["kind"] == "RefusedError", done.stderr
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1
    sockets.lists.write("root")
    assert json.loads(ADMIN.call(ASK, str(sockets.socket), sockets.request()).stdout) == {"result": None}


UNIT = Person(STRANGER.uid, (*STRANGER.gids, *LINE.gids))
"""A stranger whose process has the line's group, from an old session or the settings of a unit."""


def kind(person: Person, path: Path, request: str, *many: str) -> str:
    """Return the result at a socket: `decided`, the kind of an error, or `nothing` if it stays closed."""
    said = person.call(ASK, str(path), request, *many).stdout
    return str(json.loads(said).get("error", {}).get("kind", "decided")) if said else "nothing"


@needs_root
def test_membership_is_checked_at_each_request(sockets: Sockets) -> None:
    """The group's list decides at once, not the session's groups."""
    sockets.start()
    asked = sockets.socket, sockets.request()

    assert (kind(MEMBER, *asked), kind(UNIT, *asked), kind(DESK, *asked)) == ("decided", "RefusedError", "RefusedError")
    sockets.lists.write("stranger")
    assert (kind(MEMBER, *asked), kind(UNIT, *asked)) == ("RefusedError", "decided")


@needs_root
def test_each_socket_serves_its_own_users_only(sockets: Sockets) -> None:
    """Strangers, other lines' users and unknown users of a namespace decide nowhere.

    The desk's socket refuses members, the line's user and root, and the members' socket refuses the desk. The socket of
    the exchange refuses all of them, and the exchange cannot pause at any.
    """
    sockets.start()
    whose = ((sockets.socket, (MEMBER, LINE)), (sockets.desks, (DESK,)), (sockets.fleets, ()))

    for person in (STRANGER, OTHER_LINE, UNIT, NOBODY, ADMIN, MEMBER, LINE, DESK, EXCHANGE):
        for path in (path for path, its in whose if person not in its):
            assert kind(person, path, sockets.request(who="root")) in ("nothing", "RefusedError"), (person, path)
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1


ASKED = {
    "ask": {"request": "send", "arguments": {"number": NUMBER, "text": "Tout va bien."}},
    "forget": {"name": NUMBER},
    "lift_opt_out": {"number": NUMBER},
    "purge": {},
    "pause": {},
}
"""Some verbs with their arguments; only `pause` is on the desk's pages."""
OF_THE_EXCHANGE = {"verb": "exchange", "arguments": {"brought": None}}


@needs_root
def test_desk_gets_only_the_verbs_of_its_pages(sockets: Sockets) -> None:
    """The members' socket gives it none, whatever its unit's group."""
    sockets.start()
    requests = {verb: sockets.request(verb=verb, arguments=given, who="ada") for verb, given in ASKED.items()}

    for verb, request in requests.items():
        assert kind(DESK, sockets.socket, request) == "RefusedError", verb
        assert kind(DESK, sockets.desks, request) == ("decided" if verb in DESKS_VERBS else "RefusedError"), verb
    assert sockets.one("SELECT (SELECT count(*) FROM requests) + erasures FROM line_state") == 0
    for verb, request in requests.items():
        assert kind(MEMBER, sockets.socket, request) == "decided", verb


@needs_root
def test_verbs_of_the_exchange_are_refused_to_all_others(sockets: Sockets) -> None:
    """A member could otherwise forge rows of other lines.

    The exchange names no database: its socket decides the line.
    """
    sockets.start()
    request = sockets.request(**OF_THE_EXCHANGE)

    assert kind(EXCHANGE, sockets.socket, request) == "nothing"
    for person, path in ((MEMBER, sockets.socket), (DESK, sockets.desks)):
        said = json.loads(person.call(ASK, str(path), request).stdout)
        assert said["error"]["message"] == "This is not decided at this socket (exchange)."
    for person, path, asked in (
        (EXCHANGE, sockets.fleets, OF_THE_EXCHANGE),
        (LINE, sockets.socket, json.loads(request)),
    ):
        said = json.loads(person.call(ASK, str(path), json.dumps(asked)).stdout)
        assert said["error"]["message"] == "The line is in no fleet."
    huge = json.dumps(OF_THE_EXCHANGE | {"arguments": {"brought": {"list": "MANY"}}})  # too long to hand over
    assert kind(EXCHANGE, sockets.fleets, huge, str(wire.MOST_OCTETS)) == "UsageError"


@needs_root
def test_desk_may_name_the_person_at_its_own_socket(sockets: Sockets) -> None:
    """The client finds the desk's socket, and for members theirs."""
    sockets.start()
    decide = """
import sys
from pathlib import Path
from hotlined import config
from hotlined.control.client import decide
decide(config.load(Path(sys.argv[1])), "ada (proxy)", "pause")
decide(config.load(Path(sys.argv[1])), "ada (proxy)", "resume", drops=False)
"""
    for person, name in ((DESK, "ada (proxy)"), (MEMBER, "anna")):
        done = person.call(decide, str(sockets.config))
        assert (done.returncode, done.stderr) == (0, "")
        assert sockets.one("SELECT who FROM events WHERE kind = 'resume' ORDER BY id DESC LIMIT 1") == name


@needs_root
def test_claimed_name_of_a_member_does_not_count(sockets: Sockets) -> None:
    """The decision is recorded under the member's own name."""
    sockets.start()
    done = MEMBER.call(ASK, str(sockets.socket), sockets.request(who="root"))

    assert json.loads(done.stdout) == {"result": None}, done.stderr
    assert sockets.one("SELECT paused_by FROM line_state") == "anna"


@needs_root
def test_stranger_may_not_decide(sockets: Sockets) -> None:
    """The command ends with a sentence and 75."""
    sockets.start()
    done = STRANGER.hotlined(sockets.config, "block", NUMBER)

    assert done.returncode == 75
    assert "may not decide for this line" in done.stderr
    assert sockets.one("SELECT count(*) FROM numbers") == 0


@needs_root
def test_owner_alone_decides_without_a_socket(sockets: Sockets) -> None:
    """No other user writes to the database, not even root."""
    refused = MEMBER.hotlined(sockets.config, "pause")
    assert refused.returncode == 75
    assert "there is no control socket" in refused.stderr

    assert as_root(sockets.config, "pause").exit_code == 1
    assert LINE.hotlined(sockets.config, "pause").returncode == 0
    assert LINE.hotlined(sockets.config, "resume").returncode == 0
    assert {path.stat().st_uid for path in sockets.database.parent.iterdir()} == {LINE.uid}


def test_owner_decides_where_no_socket_is_possible(tmp_path: Path) -> None:
    """The runtime folder's path is too long for a socket."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    filled = Filled(folder)
    done = filled.run("pause")
    filled.db.close()

    assert done.exit_code == 0, done.output


@needs_root
def test_failing_socket_is_an_error(sockets: Sockets) -> None:
    """Not even the owner writes beside an existing socket."""
    sockets.start()
    assert sockets.program
    wait_until(lambda: MEMBER.hotlined(sockets.config, "resume").returncode == 0)
    sockets.program.kill()
    sockets.program.wait()

    done = LINE.hotlined(sockets.config, "pause")
    assert done.returncode == 69
    assert "does not answer" in done.stderr
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1


@needs_root
def test_socket_of_another_line_is_not_used(sockets: Sockets) -> None:
    """A configuration of the same name has its own database."""
    sockets.start()
    mine = sockets.folder / "mine"
    mine.mkdir()
    os.chown(mine, MEMBER.uid, MEMBER.gids[0])
    settings = json.loads(sockets.config.read_text()) | {"database": str(mine / "hotlined.db")}
    (sockets.folder / "elsewhere").mkdir()
    other = sockets.folder / "elsewhere/main.yaml"
    other.write_text(json.dumps(settings))
    make_database(mine / "hotlined.db", MEMBER)

    assert MEMBER.hotlined(other, "pause").returncode == 0
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1


@needs_root
def test_every_decision_works_for_a_member(sockets: Sockets) -> None:
    """A member's commands have the same effects as the owner's."""
    sockets.start()
    contact = """
from pathlib import Path
import sys
from hotlined.store.file.opening import open_beside_daemon
with open_beside_daemon(Path(sys.argv[1])) as db, db.transaction():
    now = db.now()
    db.insert(
        "contacts", kind="text", line="fr", line_type="mobile", originator="+32470123456", text="Salut",
        segments_received=1, segments_total=1, received_at=now.rfc3339, received_limit=now.limit, synchronised=1,
        verdict="suppress", reason="stale",
    )
"""
    made = LINE.call(contact, str(sockets.database))
    assert made.returncode == 0, made.stderr

    def does(*words: str) -> str:
        done = MEMBER.hotlined(sockets.config, *words)
        assert done.returncode == 0, (words, done.stderr)
        return " ".join(done.stdout.split())

    assert "is blocked" in does("block", NUMBER)
    assert "is not blocked any more" in does("unblock", NUMBER)
    assert "had not opted out" in does("unblock", "--opted-out", NUMBER)
    assert "is tagged insult" in does("tag", "1", "insult")
    assert "was already tagged" in does("tag", "1", "insult")
    assert "is no longer tagged" in does("tag", "1", "insult", "--remove")
    assert "is kept" in does("keep", "1")
    assert "will be erased like any other" in does("keep", "1", "--undo")
    assert "no answer" in MEMBER.hotlined(sockets.config, "cancel", "1").stderr
    assert "Salut" in does("log")
    assert "Nothing was old enough." in does("purge")
    assert "Erased everything about" in does("forget", NUMBER, "--yes")
    assert sockets.one("SELECT count(*) FROM contacts WHERE originator = '+32470123456'") == 0
    assert sockets.one("SELECT erasures > 0 AND erasures = erasures_rebuilt FROM line_state") == 1


def purge_steps(folder: Path, old: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Erase so many old contacts as the command does, by a clock that goes with SQLite's steps; return their number."""
    (folder / "main.yaml").write_text(json.dumps({"database": "hotlined.db", "answer": {"text": "Non."}}))
    config = configuration.load(folder / "main.yaml")
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 100
        return 0

    with open_for_daemon(make_empty(folder / "hotlined.db")) as db:
        now = db.now()
        with db.transaction():
            db.connection.executemany(
                "INSERT INTO contacts (line, kind, originator, line_type, text, segments_received, segments_total,"
                " received_at, received_limit, synchronised, verdict, reason)"
                " VALUES ('fr', 'text', ?, 'mobile', 'Salut', 1, 1, ?, ?, 0, 'suppress', 'stale')",
                [(f"+32470{each:06}", now.rfc3339, now.limit - 500 * 86400) for each in range(old)],
            )
        monkeypatch.setattr("time.monotonic", lambda: steps / 10_000)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        db.connection.set_progress_handler(step, 100)
        while VERBS["purge"].act(Decision(db, {}, "pi", now, lambda: config)) is not None:
            pass
        db.connection.set_progress_handler(None, 0)
        assert not db.all("SELECT 1 FROM contacts WHERE text IS NOT NULL OR originator LIKE '+%'")
    return steps


def test_purge_of_four_times_as_many_costs_four_times_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each decision of a purge looks at all that is old: it must not do that for a few rows."""
    (tmp_path / "few").mkdir()
    (tmp_path / "many").mkdir()
    few, many = (purge_steps(tmp_path / name, old, monkeypatch) for name, old in (("few", 2000), ("many", 8000)))

    assert many < 5 * few, (few, many)


@needs_root
def test_member_can_pause_with_a_broken_configuration(sockets: Sockets) -> None:
    """The control program uses the configuration in force, as commands do."""
    told = {"pid": os.getpid(), "database": str(sockets.database), "modem": {}, "config": str(sockets.config)}
    told |= {"pass_boottime": boottime(), "in_force": sockets.config.read_text()}
    status = sockets.folder / "run/main/status.json"
    status.parent.mkdir()
    status.write_text(json.dumps(told))
    give(status.parent)
    sockets.config.write_text(sockets.config.read_text().replace('"Non."', '"Non.", "txet": "x"'))
    sockets.start()

    done = MEMBER.hotlined(sockets.config, "pause")
    assert done.returncode == 0, done.stderr
    assert sockets.one("SELECT paused_by FROM line_state") == "anna"


# ---- the protocol of the socket


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Give the socket of a control program that runs as this user, and its database."""
    database, path = tmp_path / "hotlined.db", tmp_path / "c.sock"
    make_empty(database)
    config = tmp_path / "main.yaml"
    config.write_text(json.dumps({"database": str(database), "answer": {"text": "Non."}}))
    program = subprocess.Popen(
        [sys.executable, "-m", "hotlined", "--config", str(config), "control", "--socket", str(path)]
    )
    wait_until(lambda: listens(path))
    try:
        yield path, database
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait()


def say(path: Path, octets: bytes) -> dict[str, Any]:
    """Write bytes to the socket and return the answer."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(path))
        channel.sendall(octets)
        channel.shutdown(socket.SHUT_WR)
        answer = json.loads(b"".join(iter(lambda: channel.recv(65_536), b"")))
        assert isinstance(answer, dict)
        return answer


def test_malformed_requests_are_refused(asked: tuple[Path, Path]) -> None:
    """Nothing of them reaches the database, and the program goes on."""
    path, database = asked
    fits = {"database": str(database), "verb": "block", "arguments": {"number": NUMBER}}
    odd = [
        *(b"", b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"verb": "block"'),
        *(
            json.dumps(fits | change).encode() + b"\n"
            for change in (
                {"verb": "sql"},
                {"verb": None},
                {"verb": ["block"]},
                {"arguments": None},
                {"arguments": {}},
                {"arguments": {"number": NUMBER, "more": 1}},
                {"arguments": {"number": "'; DROP TABLE numbers"}},
                {"arguments": {"number": "\ud800"}},
                {"arguments": {"number": 32470123456}},
                {"verb": "tag", "arguments": {"contact_id": True, "word": "x"}},
                {"verb": "tag", "arguments": {"contact_id": 2**63, "word": "x"}},
                {"verb": "tag", "arguments": {"contact_id": 1, "word": "two words"}},
                {"verb": "ask", "arguments": {"request": "reboot", "arguments": {}}},
                {"verb": "ask", "arguments": {"request": "send", "arguments": {"number": NUMBER, "file": "x"}}},
                {"verb": "forget", "arguments": {"name": ""}},
            )
        ),
    ]
    for octets in odd:
        assert say(path, octets)["error"]["kind"] == "UsageError", octets[:80]
    assert say(path, json.dumps(fits | {"database": "/etc/passwd"}).encode() + b"\n")["error"]["kind"] == "other line"

    with contextlib.closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    assert say(path, json.dumps(fits).encode() + b"\n") == {"result": 0}
    odd_name = {"verb": "forget", "arguments": {"name": "Pro\u00a0ximus\n"}}
    assert say(path, json.dumps(fits | odd_name).encode() + b"\n")["result"]["erased"]["contacts"] == 0


@pytest.mark.parametrize("verb", RequestVerb)
def test_socket_takes_every_request_to_the_daemon(asked: tuple[Path, Path], verb: RequestVerb) -> None:
    """The control program stores it, and the daemon begins it."""
    path, database = asked
    arguments = {"number": NUMBER, "text": "Tout va bien."}
    request = {"database": str(database), "verb": "ask", "arguments": {"request": verb, "arguments": arguments}}
    request_id = say(path, json.dumps(request).encode() + b"\n")["result"]
    with open_beside_daemon(database) as db:
        begun = next_request(db, db.now())

    assert begun is not None
    assert (begun.request_id, begun.verb) == (request_id, verb)


def test_refusal_is_in_the_language_of_the_request(asked: tuple[Path, Path]) -> None:
    """The program itself began in English; an unknown language gives English."""
    path, database = asked
    fits = {"database": str(database), "verb": "topup", "arguments": {"at": "1890-01-01T00:00:00.000Z"}}
    words = {"fr": "À cette époque", "nl": "Toen werden", "de": "No SIM was", None: "No SIM was"}
    for language, beginning in words.items():
        error = say(path, json.dumps(fits | {"language": language}).encode() + b"\n")["error"]
        assert (error["kind"], error["message"].startswith(beginning)) == ("RefusedError", True), error
    # the language of the previous request is forgotten
    assert say(path, b"{}\n")["error"]["message"] == "The request is malformed."


def test_command_sends_its_language(asked: tuple[Path, Path]) -> None:
    """A program in English refuses a Dutch command in Dutch."""
    path, database = asked
    for name in ("etc", "run-control"):
        (path.parent / name).mkdir()
    (path.parent / "run-control/main.sock").symlink_to(path)
    written = {"database": str(database), "runtime_dir": str(path.parent / "run"), "answer": {"text": "Nee."}}
    (path.parent / "etc/main.yaml").write_text(json.dumps(written))
    config = configuration.load(path.parent / "etc/main.yaml")

    with speaking(Language.DUTCH), pytest.raises(RefusedError, match="Toen werden er nog geen simkaarten herladen"):
        decide(config, "anna", "topup", at="1890-01-01T00:00:00.000Z")


@needs_root
def test_refusal_is_in_the_lines_language_and_the_journal_in_english(sockets: Sockets) -> None:
    """The line is French, and a stranger asks."""
    sockets.config.write_text(json.dumps(json.loads(sockets.config.read_text()) | {"language": "fr"}))
    sockets.start()
    refused = "n’a pas le droit de décider pour cette ligne."

    for _ in range(5):
        said = json.loads(UNIT.call(ASK, str(sockets.socket), sockets.request()).stdout)
        assert refused in said["error"]["message"]
    assert sockets.program
    sockets.program.kill()
    _, journal = sockets.program.communicate()
    sockets.program = None
    assert journal.count(b"a decision of stranger was refused") == 1
    assert refused.encode() not in journal


def test_recorded_name_is_one_short_line(asked: tuple[Path, Path]) -> None:
    """Claims of several lines do not count; long ones are cut."""
    path, database = asked
    fits = {"database": str(database), "verb": "pause", "arguments": {}}
    for claimed, taken in (("anna", "anna"), ("anna\nroot", None), ("", None), (7, None), ("x" * 200, "x" * 64)):
        assert say(path, json.dumps(fits | {"who": claimed}).encode() + b"\n") == {"result": None}
        with contextlib.closing(sqlite3.connect(database)) as db:
            (paused_by,) = db.execute("SELECT paused_by FROM line_state").fetchone()
            db.execute("UPDATE line_state SET paused_at = NULL")  # makes the next pause a new one
            db.commit()
        assert (paused_by == taken) if taken else ("\n" not in paused_by and paused_by != str(claimed))


def test_silent_connections_hold_up_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They send nothing, or half a request, and none of them is ended."""
    monkeypatch.setattr(wire, "SAY_SECONDS", 3600.0)
    database, path = tmp_path / "hotlined.db", tmp_path / "c.sock"
    make_empty(database)
    server = Server(database, lambda: configuration.load(tmp_path / "main.yaml"), idle_seconds=0.05)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen()
        program = threading.Thread(target=server.serve, args=([listener],))
        stack.callback(program.join)
        silent = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(90)]
        for number, channel in enumerate(silent):
            channel.connect(str(path))
            channel.sendall(b'{"verb":'[: number % 2 * 8])
        program.start()
        fits = {"database": str(database), "verb": "pause", "arguments": {}}
        assert say(path, json.dumps(fits).encode() + b"\n") == {"result": None}
        assert select.select(silent, (), (), 0) == ([], [], [])


@pytest.mark.parametrize("half", [b"", b'{"verb":'])
def test_a_silent_connection_is_ended_with_an_answer(asked: tuple[Path, Path], half: bytes) -> None:
    """It sends nothing, or half a request."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(asked[0]))
        channel.sendall(half)
        assert b"The request is malformed" in channel.recv(65_536)


def test_many_silent_connections_keep_no_request_out(asked: tuple[Path, Path]) -> None:
    """The oldest ones are closed at once."""
    path, database = asked
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        fits = {"database": str(database), "verb": "pause", "arguments": {}}
        assert say(path, json.dumps(fits).encode() + b"\n") == {"result": None}


def test_journal_counts_a_refusal_once_a_minute() -> None:
    """The entry has the number of equal refusals since the last."""
    refusals = RefusalCounts()
    heard = [refusals.count("anna", now) for now in (0, 1, 59.9, 60, 61, 130)]

    assert heard == [1, 0, 0, 3, 0, 2]
    assert refusals.count("desk", 131) == 1


def test_idle_program_ends(tmp_path: Path) -> None:
    """It frees its memory."""
    database = tmp_path / "hotlined.db"
    make_empty(database)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "c.sock"))
        listener.listen()
        Server(database, lambda: configuration.load(tmp_path / "main.yaml"), idle_seconds=0.05).serve([listener])


def test_every_verb_is_used_by_a_command_or_page() -> None:
    """An unused verb lets people in for nothing."""
    package = Path(hotlined.__file__).parent
    asking = [path for room in ("cli", "desk") for path in (package / room).rglob("*.py")]
    asking += [package / "control/erase_requests.py", package / "control/joining.py"]
    source = "".join(path.read_text() for path in asking)
    assert [verb for verb in VERBS if f'"{verb}"' not in source] == []


def test_names_of_long_verbs_are_verbs() -> None:
    """A misspelt name would make neither end wait longer."""
    assert LONG - VERBS.keys() == set()


HOLD = """
import socket, sys, time
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    try:
        while True:
            channel.send(b"x")
            time.sleep(0.01)
    except OSError:
        print("ended")
"""
"""A program that writes a little at a time, without end."""


@needs_root
def test_endless_request_is_ended(sockets: Sockets) -> None:
    """Octets that come slowly do not extend its time limit."""
    sockets.start()

    assert MEMBER.call(HOLD, str(sockets.socket)).stdout == "ended\n"


@needs_root
def test_wrong_type_of_a_request_leaves_the_program_running(sockets: Sockets) -> None:
    """It is refused as a malformed request."""
    sockets.start()
    for name in ([], {}, 1, None):
        assert (
            kind(MEMBER, sockets.socket, sockets.request(verb="ask", arguments={"request": name, "arguments": {}}))
            == "UsageError"
        )
    assert MEMBER.hotlined(sockets.config, "pause").returncode == 0
    assert sockets.program
    assert sockets.program.poll() is None


MANY = """
import json, socket, sys
asked = []
for _ in range(20):
    asked.append(socket.socket(socket.AF_UNIX))
    asked[-1].connect(sys.argv[1])
    asked[-1].sendall(sys.argv[2].encode() + b"\\n")
for channel in asked:
    print(json.loads(channel.makefile().readline()).get("error", {}).get("kind"))
"""
"""A program that sends the same line many times at once, and prints the kind of each error."""


@needs_root
def test_number_of_erasures_at_a_time_is_limited(sockets: Sockets) -> None:
    """Further ones are refused, and the program goes on."""
    with contextlib.closing(sqlite3.connect(sockets.database)) as db:
        db.execute("BEGIN IMMEDIATE")  # so that nothing is erased meanwhile
        sockets.start()
        request = json.dumps(
            {
                "verb": "forget",
                "arguments": {"name": NUMBER},
                "database": str(sockets.database),
            }
        )
        with subprocess.Popen(
            MEMBER.program(MANY, str(sockets.socket), request),
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as asking:
            assert asking.stdout
            said = asking.stdout.read().split()

    assert said.count("RefusedError") == 16
    assert LINE.hotlined(sockets.config, "pause").returncode == 0


@needs_root
def test_running_erasure_does_not_keep_the_socket_open(sockets: Sockets) -> None:
    """Connections are refused after the program's end, not left waiting."""
    with contextlib.closing(sqlite3.connect(sockets.database)) as db:
        db.execute("BEGIN IMMEDIATE")  # so that nothing is erased meanwhile
        sockets.start()
        assert sockets.program
        assert kind(MEMBER, sockets.socket, "{}") == "UsageError"  # it serves: a child is an erasure from now on
        forget = {"verb": "forget", "arguments": {"name": NUMBER}}
        request = json.dumps(forget | {"database": str(sockets.database)})
        with subprocess.Popen(
            MEMBER.program(ASK, str(sockets.socket), request), cwd="/", stdout=subprocess.PIPE, text=True
        ) as asking:
            children = Path(f"/proc/{sockets.program.pid}/task/{sockets.program.pid}/children")
            wait_until(lambda: children.read_text().strip(), "that it is being erased")
            sockets.program.kill()
            sockets.program.wait()
            wait_until(lambda: not listens(sockets.socket), "that no socket is left open")
            db.rollback()
            assert asking.stdout
            assert "result" in json.loads(asking.stdout.read())


def test_unusable_configuration_is_reported_to_all_who_wait(tmp_path: Path) -> None:
    """A remaining connection would make systemd restart it without end.

    The answer is in the line's language, the journal in English.
    """
    (tmp_path / "main.yaml").write_text("language: fr\ndatabase: hotlined.db\nanswer: {txet: Non}\n")
    words = (
        "-c",
        f"import os; os.dup2(int(os.environ['LISTENER']), 3); {ACTIVATED}",
        "--config",
        "main.yaml",
        "control",
    )
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(tmp_path / "c.sock"))
        listener.listen()
        waiting = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(3)]
        for channel in waiting:
            channel.settimeout(PATIENCE_SECONDS)
            channel.connect(str(tmp_path / "c.sock"))
        done = subprocess.run(
            [sys.executable, *words],
            pass_fds=[listener.fileno()],
            env=os.environ | {"LISTENER": str(listener.fileno()), "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        said = [json.loads(channel.makefile().readline())["error"] for channel in waiting]
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert done.returncode == 78, done.stderr
    assert {one["kind"] for one in said} == {"ConfigError"}
    assert "main.yaml est inutilisable" in said[0]["message"]
    assert "Error: " in done.stderr
    assert "main.yaml cannot be used" in done.stderr
    assert "inutilisable" not in done.stderr
    assert "txet" not in json.dumps(said)  # strangers may wait, too


# ---- root in a checkout: `python3 -m hotlined`, without the command that becomes the line's user


COMMANDS = [
    *("status", "log", "pause", "metrics", "db check", "db backup -", "alerts", "run --once", "config check"),
    *("doctor", "stats", "limits", "purge", "udev-rule", "evidence +32470123456"),
]


@needs_root
@pytest.mark.parametrize("words", COMMANDS)
def test_root_refuses_to_work_on_another_users_database(sockets: Sockets, words: str) -> None:
    """It ends with 1, names the right commands, changes nothing."""
    before = there(sockets.folder)
    done = as_root(sockets.config, *words.split())

    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{sockets.database} is uid 61001's, and root does not work there." in done.stderr
    assert "`sudo hotlined --line main …`" in done.stderr
    assert "`sudo -u '#61001' …`" in done.stderr
    assert there(sockets.folder) == before


def there(folder: Path) -> set[tuple[Path, int, int]]:
    """Return the files in a folder and the times of their changes."""
    return {(path, path.stat().st_ino, path.stat().st_ctime_ns) for path in folder.rglob("*")}


@needs_root
def test_root_may_use_a_database_of_its_own(tmp_path: Path) -> None:
    """All folders above it are root's, as in a container."""
    filled = Filled(tmp_path)
    filled.db.close()
    assert as_root(filled.config, "pause").exit_code == 0
    os.chown(tmp_path, LINE.uid, LINE.gids[0])  # not in a folder that another user can write to
    assert as_root(filled.config, "pause").exit_code == 1


@needs_root
@pytest.mark.parametrize("target", ["root", "another line"])
def test_root_follows_no_link_of_the_lines_user(sockets: Sockets, tmp_path: Path, target: str) -> None:
    """Links in the database's place are refused, whoever owns the target."""
    theirs = sockets.folder / "theirs.db"
    make_empty(theirs)
    if target == "another line":
        for each in theirs.parent.glob("theirs.db*"):
            os.chown(each, OTHER_LINE.uid, OTHER_LINE.gids[0])
    theirs.chmod(0o600)
    for each in sockets.database.parent.iterdir():
        each.rename(tmp_path / each.name)
    sockets.database.symlink_to(theirs)
    os.lchown(sockets.database, LINE.uid, LINE.gids[0])
    sockets.database.parent.chmod(0o755)
    there = sorted(sockets.folder.iterdir())

    assert as_root(sockets.config, "pause").exit_code == 1
    assert as_root(sockets.config, "status").exit_code == 1
    assert sorted(sockets.folder.iterdir()) == there
    with contextlib.closing(sqlite3.connect(theirs)) as db:
        assert db.execute("SELECT paused_at FROM line_state").fetchone() == (None,)


@needs_root
@pytest.mark.parametrize("link", ["file", "folder", "file that the line's user has replaced"])
def test_root_refuses_a_link_of_its_own_to_another_users_folder(sockets: Sockets, link: str) -> None:
    """An admin moved the database to where its user can write."""
    path = sockets.folder / "elsewhere"
    path.symlink_to(sockets.database.parent if link == "folder" else sockets.database)
    if link.endswith("replaced"):
        precious = sockets.folder / "precious.db"
        sockets.database.rename(precious)
        os.chown(precious, 0, 0)
        sockets.database.symlink_to(precious)
    sockets.database.parent.chmod(0o755)
    settings = json.loads(sockets.config.read_text())
    settings["database"] = str(path / sockets.database.name if link == "folder" else path)
    sockets.config.write_text(json.dumps(settings))

    assert as_root(sockets.config, "pause").exit_code == 1
    assert sockets.one("SELECT paused_at IS NULL FROM line_state") == 1


@needs_root
@pytest.mark.parametrize("whose", ["database", "runtime folder"])
def test_root_ignores_the_status_of_another_users_daemon(sockets: Sockets, tmp_path: Path, whose: str) -> None:
    """A captured daemon may write anything there.

    Commands use the status while the configuration is broken.
    """
    precious = sockets.folder / "precious.db"
    make_empty(precious)
    told = {
        "pid": os.getpid(),
        "database": str(precious),
        "modem": {},
        "config": str(sockets.config),
        "pass_boottime": 0.0,
        "in_force": json.dumps(json.loads(sockets.config.read_text()) | {"database": str(precious)}),
    }
    theirs = sockets.folder / "run/main"
    theirs.mkdir()
    (theirs / "status.json").write_text(json.dumps(told))
    for path in (theirs, theirs / "status.json"):
        os.chown(path, LINE.uid, LINE.gids[0])
    broken = json.loads(sockets.config.read_text()) | {"answer": {"text": "Non.", "txet": "x"}}
    if whose == "runtime folder":
        broken["database"] = str(tmp_path / "roots.db")
    sockets.config.write_text(json.dumps(broken))
    done = as_root(sockets.config, "pause")

    assert done.exit_code == 1
    assert "root does not work there" in done.stderr
    with contextlib.closing(sqlite3.connect(precious)) as db:
        assert db.execute("SELECT paused_at FROM line_state").fetchone() == (None,)
