"""Power cuts: the daemon's system calls are replayed up to each call, and data that was not synced is lost.

The calls of a real run are traced (strace). A cut keeps synced data, and of the rest anything: none, all, some of the
calls, half of the last. Each result has to open, and to agree with the commands that the modem was given by then.

Known to be wrong: a sync is believed, also for the name of a new file (ext4, f2fs, btrfs), and synced data stays; a
card that lies about either is beyond us.
"""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import extent
import pytest
import simulated
from conftest import Line, wait_until
from needs import needs, needs_allowance

PIN = "1234"
TEXTS = 45  # enough for a checkpoint of SQLite during the run: it comes every 1,000 pages
LOGGED = 0.25  # the share of writes to the -wal that are tried: they are most of the calls, and alike
CALLED = 1.0 if extent.WHOLE else 0.15  # the share of all calls that one run of the tests tries
SUFFIXES = ("", "-wal", "-journal")  # of the database's files
CALLS = "openat,unlink,ftruncate,read,write,pwrite64,fsync,fdatasync"
Files = dict[str, bytearray]


def _may_trace() -> bool:
    command = ["strace", "-f", "-o", os.devnull, "true"]
    return not shutil.which("strace") or not subprocess.run(command, capture_output=True, check=False).returncode


pytestmark = [needs("strace"), needs_allowance(_may_trace(), "strace may not trace")]


# ---- system calls


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for a place in a file."""

    path: str
    at: int
    octets: bytes

    def apply(self, files: Files) -> None:
        """Apply the change."""
        content = files.setdefault(self.path, bytearray())
        content.extend(bytes(max(0, self.at - len(content))))
        content[self.at : self.at + len(self.octets)] = self.octets


@dataclass(frozen=True, slots=True)
class Cut:
    """A file is cut to a length."""

    path: str
    length: int

    def apply(self, files: Files) -> None:
        """Apply the change."""
        content = files.setdefault(self.path, bytearray())
        content[:] = content[: self.length].ljust(self.length, b"\0")


@dataclass(frozen=True, slots=True)
class Make:
    """A name in a folder, with an empty file."""

    path: str

    def apply(self, files: Files) -> None:
        """Apply the change."""
        files[self.path] = bytearray()


@dataclass(frozen=True, slots=True)
class Remove:
    """A name is removed."""

    path: str

    def apply(self, files: Files) -> None:
        """Apply the change."""
        files.pop(self.path, None)


@dataclass(frozen=True, slots=True)
class Sync:
    """A file, or the names in a folder, are put on the disk."""

    path: str


@dataclass(frozen=True, slots=True)
class ToModem:
    """Bytes for the modem."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class FromModem:
    """Bytes from the modem."""

    octets: bytes


Change = Write | Cut | Make | Remove
Event = Change | Sync | ToModem | FromModem

_CALL = re.compile(r"\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_HEX = re.compile(r'["<]((?:\\x[0-9a-f]{2})*)[">]')


def events(trace: Path, database: Path, port: str) -> Iterator[Event]:
    """Yield the calls of a trace about the database's files and the modem, in order.

    SQLite's shared memory (-shm) is left out: the first process that opens the database makes it again.
    """
    kept = {f"{database}{suffix}" for suffix in SUFFIXES}
    existing: set[str] = set()
    for line in trace.read_text().splitlines():
        call = _CALL.match(line)
        if not call:
            assert "unfinished" not in line, "two processes at the same time"
            continue
        strings = [bytes.fromhex(text.replace("\\x", "")) for text in _HEX.findall(call["arguments"])]
        name, result = call["name"], int(call["result"])
        if result < 0 or not strings:
            continue
        numbers = [int(number) for number in re.findall(r", (\d+)(?=,|$)", call["arguments"])]
        path = os.fsdecode(strings[1 if name == "openat" else 0])
        if name in {"read", "write"} and path == port:
            yield (ToModem if name == "write" else FromModem)(strings[1][:result])
        elif name in {"fsync", "fdatasync"}:
            yield Sync(path)
        elif path not in kept:
            continue
        elif name == "openat" and "O_CREAT" in call["arguments"] and path not in existing:
            existing.add(path)
            yield Make(path)
        elif name == "unlink":
            existing.discard(path)
            yield Remove(path)
        elif name == "pwrite64":
            yield Write(path, numbers[-1], strings[1])
        elif name == "ftruncate":
            yield Cut(path, numbers[-1])
        else:
            assert name in {"openat", "read", "pread64"}, line


@dataclass(slots=True)
class Disk:
    """Data that is on the disk for certain, and pending data that may be."""

    files: Files = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    syncs: int = 0
    """The number of syncs."""

    def sync(self, path: str) -> None:
        """Put a file on the disk with its name, or the names in a folder; a removed file loses its pending data."""
        self.syncs += 1
        named = [
            isinstance(change, Make | Remove) and Path(change.path).parent == Path(path) for change in self.pending
        ]
        gone = {
            change.path: number
            for number, change in enumerate(self.pending)
            if named[number] and isinstance(change, Remove)
        }
        waiting: list[Change] = []
        for number, change in enumerate(self.pending):
            if change.path == path or named[number] or number < gone.get(change.path, 0):
                change.apply(self.files)
            else:
                waiting.append(change)
        self.pending = waiting

    def cuts(self, chance: random.Random) -> Iterator[Files]:
        """Yield results of a cut: pending changes are lost, kept except half of the last, kept in part, or all kept."""
        if self.pending:
            *before, last = self.pending
            yield self._left(self._some(chance))
            if isinstance(last, Write):
                yield self._left([*before, Write(last.path, last.at, last.octets[: len(last.octets) // 2])])
            yield self._left(self.pending)

    def _some(self, chance: random.Random) -> Iterator[Change]:
        """Yield half of the pending changes; after a lost change of a name, all later changes of that name are lost."""
        lost: set[str] = set()
        for change in self.pending:
            if change.path not in lost and chance.random() < 0.5:
                yield change
            elif isinstance(change, Make | Remove):
                lost.add(change.path)

    def _left(self, survivors: Iterable[Change]) -> Files:
        files = {path: bytearray(content) for path, content in self.files.items()}
        for change in survivors:
            change.apply(files)
        return files


# ---- promises


@dataclass(slots=True)
class Told:
    """The commands to the modem so far: entries to delete, submissions, and tries of the PIN."""

    heard: bytes = b""
    deleted: list[str] = field(default_factory=list)
    submissions: int = 0
    submitted: list[str] = field(default_factory=list)
    pins: int = 0

    def hear(self, octets: bytes) -> None:
        """Read the modem's output: a listing maps indexes to PDUs."""
        self.heard += octets

    def tell(self, octets: bytes) -> None:
        """Take in a command, or a PDU behind a prompt."""
        if index := re.match(rb"AT\+CMGD=(\d+)", octets):
            listed = re.findall(rb"\+CMGL: (\d+),[^\r]*\r\n([0-9A-F]+)", self.heard)
            self.deleted.append(dict(listed)[index[1]].decode())
        elif octets.startswith(b"AT+CMGS="):
            self.submissions += 1
        elif octets.endswith(b"\x1a"):
            self.submitted.append(octets[:-1].decode())
        elif octets.startswith(b"AT+CPIN="):
            self.pins += 1

    @property
    def weight(self) -> int:
        """The number of commands that must not be forgotten."""
        return len(self.deleted) + self.submissions + len(self.submitted) + self.pins

    def agrees(self, db: sqlite3.Connection) -> bool:
        """Tell whether a database has all of them."""
        if not self.weight:
            return True
        recorded = {pdu for (pdu,) in db.execute("SELECT pdu FROM segments")}
        begun = {
            pdu
            for (pdu,) in db.execute(
                "SELECT pdu FROM answer_segments WHERE state NOT IN ('waiting', 'refused', 'cancelled')"
            )
        }
        (tries,) = db.execute("SELECT count(*) FROM pin_tries").fetchone()
        return (
            recorded.issuperset(self.deleted)
            and begun.issuperset(self.submitted)
            and len(begun) >= self.submissions
            and tries >= self.pins
        )


def opens(files: Files, told: Told, folder: Path) -> bool:
    """Tell whether a cut left a sound database that agrees with the commands to the modem."""
    for old in folder.iterdir():
        old.unlink()
    for path, content in files.items():
        (folder / Path(path).name).write_bytes(content)
    with closing(sqlite3.connect(folder / "hotlined.db")) as db:
        db.execute("PRAGMA synchronous = OFF")
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and told.agrees(db)


# ---- the run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """Give the calls of a daemon from its first start to its end: a PIN, texts, an answer to each."""
    folder = tmp_path_factory.mktemp("run")
    trace = folder / "trace"
    with simulated.start(folder, sim_size=10, me_size=0, pin=PIN) as simulator:
        line = Line(folder, simulator)
        line.configure(modem={"pin": PIN}, limits={"segments": {"hour": 100, "day": 300, "month": 3000}})
        port = os.path.realpath(simulator.port)
        files = [str(folder), *(f"{line.database}{suffix}" for suffix in SUFFIXES), simulator.port, port]
        for number in range(TEXTS):
            line.sim.do("deliver", from_=f"+3247012{number:04}", text=f"texte {number}")
        with line.log_path.open("ab") as log:
            strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}", "-o", str(trace)]
            traced = [argument for path in files for argument in ("-P", path)]
            line.daemon = subprocess.Popen(
                [*strace, *traced, sys.executable, "-m", "hotlined", "--config", str(line.config), "run"],
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: len(line.submitted()) == TEXTS and line.settled(), "all texts answered")
            os.kill(line.status()["pid"], signal.SIGTERM)
            assert line.daemon.wait() == 0
        finally:
            line.end()
            sys.stdout.write(line.log_path.read_text())
        return list(events(trace, line.database, port))


def test_configuration_in_force_is_synced(tmp_path: Path) -> None:
    """The daemon syncs it at start and reload, with the answer.

    An editor does not, and a person may unplug the Pi a moment after writing them.
    """
    trace = tmp_path / "trace"
    with simulated.start(tmp_path, sim_size=10) as simulator:
        line = Line(tmp_path, simulator)
        answer = tmp_path / "answer.txt"
        answer.write_text("Non.\n")
        line.configure(answer={"text": None, "text_file": str(answer)})
        with line.log_path.open("ab") as log:
            strace = ["strace", "-f", "-qq", "-y", "-e", "trace=fsync", "-o", str(trace)]
            line.daemon = subprocess.Popen(
                [*strace, sys.executable, "-m", "hotlined", "--config", str(line.config), "run"], stdout=log, stderr=log
            )

        def synced() -> list[int]:
            text = trace.read_text() if trace.exists() else ""
            return [text.count(f"<{path}>) = 0") for path in (line.config, answer)]

        try:
            wait_until(lambda: synced() == [1, 1], "both synced at the start")
            wait_until(lambda: line.status().get("pid"), "it runs")
            os.kill(line.status()["pid"], signal.SIGHUP)
            wait_until(lambda: synced() == [2, 2], "both synced at the reload")
            os.kill(line.status()["pid"], signal.SIGTERM)
            assert line.daemon.wait() == 0
        finally:
            line.end()
            sys.stdout.write(line.log_path.read_text())


def replayed(run: Iterable[Event]) -> Iterator[tuple[Event, Disk, Told]]:
    """Yield each event with the disk and the commands to the modem right after it."""
    disk, told = Disk(), Told()
    for event in run:
        match event:
            case ToModem(octets):
                told.tell(octets)
            case FromModem(octets):
                told.hear(octets)
            case Sync(path):
                disk.sync(path)
            case _:
                disk.pending.append(event)
        yield event, disk, told


def test_commands_to_the_modem_are_synced_before_they_are_given(run: list[Event], tmp_path: Path) -> None:
    """Texts are synced before AT+CMGD, segments before AT+CMGS, PIN tries before AT+CPIN=."""
    known = 0
    for event, disk, told in replayed(run):
        if isinstance(event, ToModem) and told.weight > known:
            assert opens(disk.files, told, tmp_path), event
            known = told.weight

    assert (len(told.deleted), told.submissions, len(told.submitted), told.pins) == (TEXTS, TEXTS, TEXTS, 1)


def test_power_cut_at_any_call_leaves_a_sound_database(run: list[Event], tmp_path: Path) -> None:
    """The database agrees with the commands to the modem."""
    chance, tried = random.Random(extent.SEED), (0, 0)
    for event, disk, told in replayed(run):
        logged = isinstance(event, Write) and event.path.endswith("-wal")
        is_tried = chance.random() < CALLED * (LOGGED if logged else 1.0)
        if not isinstance(event, ToModem | FromModem) and is_tried:
            if tried != (disk.syncs, told.weight):  # otherwise losing all pending data gives the same files as before
                tried = disk.syncs, told.weight
                assert opens(disk.files, told, tmp_path), event
            for files in disk.cuts(chance):
                assert opens(files, told, tmp_path), event

    first, *_, last = [number for number, event in enumerate(run) if isinstance(event, ToModem)]
    moved = [isinstance(event, Write) and event.path.endswith(".db") for event in run[first:last]]
    assert any(moved), "the run is so short that the log was not moved into the database on the way"
