"""Measures the costs of the daemon and prints them as a table: `scripts/run bench`.

It judges nothing. Times are medians, on this machine with the disk of /var/tmp. The modem is the simulator, which
answers at once: a real one takes seconds for each segment sent, and tens of milliseconds for each command.

With --against COMMIT the daemon of that commit is measured beside this one, in the same run with the same simulator.
"""

import itertools
import json
import os
import re
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.extend(str(Path(__file__).parents[1] / room) for room in ("", "daemon", "harness"))

import click
import store_steps
from conftest import Line, wait_until
from desk import Browser, Desk
from persons import COMMAND
from test_cost import COUNTED, SHM, TWO_SEGMENTS, commands, proc, read_meters, received, start_bare

from hotlined.desk.app import PAGES
from hotlined.errors import PduError
from hotlined.gsm import address, alphabet, tpdu
from hotlined.machine.clock import rfc3339
from hotlined.rules import policy
from hotlined.simulator import client as simulation
from hotlined.store.answers import contacts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import save_limit_clock

ROOT = Path(__file__).parents[2]
DISK = Path("/var/tmp")  # the only temporary folder that is on a disk everywhere
CORPUS = Path(__file__).parents[1] / "data" / "pdus.jsonl"
TEXTS = 200
BEHIND = 2000
STARTS = 5
ROUNDS = 40
PASSES = 20
ONE_SEGMENT = "Non, c'est non."
UNLIMITED = {"hour": 10**6, "day": 10**6, "month": 10**6}
MODULES = "hotlined.cli.run, hotlined.daemon, hotlined.config, hotlined.store.line.database, phonenumbers"


@dataclass(frozen=True, slots=True)
class Row:
    """One result."""

    what: str
    value: float
    unit: str


AS_INSTALLED = ("-m", "hotlined")


def start_daemon(line: Line, tree: Path, program: Sequence[str] = AS_INSTALLED) -> None:
    """Start the daemon of a source tree."""
    start_bare(line, *program, PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="")  # with bytecode, as installed


@contextmanager
def running(
    poll_interval: str,
    tree: Path,
    me_size: int = 20,
    answer: str = TWO_SEGMENTS,
    program: Sequence[str] = AS_INSTALLED,
) -> Iterator[Line]:
    """Give a line whose daemon has listed the SIM; its database is on a disk, its status on a tmpfs if possible."""
    with (
        tempfile.TemporaryDirectory(dir=DISK) as name,
        tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as runtime,
        simulation.start(name, me_size=me_size) as simulator,
    ):
        line = Line(Path(name), simulator)
        (line.folder / "run").symlink_to(runtime)
        line.configure(modem={"poll_interval": poll_interval}, answer={"text": answer}, limits={"segments": UNLIMITED})
        start_daemon(line, tree, program)
        try:
            line.sim.do("wait", for_="+CMGL", count=1, timeout=30)
            line.sim.do("wait", for_="+COPS", count=1, timeout=30)
            yield line
        finally:
            line.stop()


def traffic(tree: Path) -> Iterator[Row]:
    """Receive and answer texts with one storage, then drain as many that are not answered."""
    with running("10s", tree, me_size=0) as line:
        before = commands(line)
        for count in range(TEXTS // 4):
            line.sim.do("deliver", from_=f"+3247000{count:04}", text="Salut, ça va ?")
        wait_until(lambda: received(line, TEXTS // 4), "everything answered")
        cost = commands(line) - before
        sent = sum(message["segments"] for message in line.submitted())
        yield Row("commands per text answered in two segments", cost.total() / (TEXTS // 4), "")
        yield Row("  of them submissions per segment sent", cost["+CMGS"] / sent, "")
        yield Row("texts received and not answered", drained(line), "texts/s")
        yield Row("resident memory", int(proc(line, "status")["VmRSS"].removesuffix(" kB")) / 1024, "MiB")


def drained(line: Line) -> float:
    """Return the texts a second that go from a SIM of ten places to the disk, from a country that is not answered."""
    line.sim.do("network", registered=False)
    for count in range(TEXTS):
        line.sim.do("deliver", from_=f"+4474001{count:05}", text="Hello, who is this?")
    began = time.monotonic()
    line.sim.do("network", registered=True)
    wait_until(lambda: received(line, TEXTS // 4 + TEXTS), "everything drained")
    return TEXTS / (time.monotonic() - began)


def written(tree: Path) -> Iterator[Row]:
    """Receive texts one by one after many others; yield the bytes that each writes to the -wal.

    The -wal is emptied before, and a reader prevents checkpoints meanwhile: it grows by the bytes written.
    """
    with running("10s", tree, me_size=0) as line:
        line.sim.do("network", registered=False)
        for count in range(BEHIND):
            line.sim.do("deliver", from_=f"+4474003{count:05}", text="Hello, who is this?")
        line.sim.do("network", registered=True)
        wait_until(lambda: received(line, BEHIND), "everything drained", seconds=120)
        log = line.database.with_name(line.database.name + "-wal")
        here = BEHIND
        # unanswered senders have written before, as trolls do
        for what, sender in (("not answered", "+4474003{:05}"), ("answered in two segments", "+3247004{:04}")):
            with closing(sqlite3.connect(line.database, isolation_level=None)) as reader:
                wait_until(partial(is_emptied, reader), "an empty log")
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM contacts").fetchone()
                for count in range(TEXTS):
                    line.sim.do("deliver", from_=sender.format(count), text="Hello, who is this?")
                    here += 1
                    wait_until(partial(received, line, here), "the text")
                yield Row(f"written to the log a text, {what}", log.stat().st_size / TEXTS / 1024, "KiB")


def is_emptied(connection: sqlite3.Connection) -> bool:
    """Checkpoint the -wal; tell whether no reader was in the way."""
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


class Spent(NamedTuple):
    """The cost of answering `TEXTS` texts: statements if counted, bytes of -wal, and seconds."""

    statements: list[str]
    octets: int
    processor_seconds: float
    seconds: float


def texts(tree: Path) -> Iterator[Row]:
    """Answer texts of one segment each, one by one and many at once: statements, writes and time."""
    for what, answer in (("one by one", one_by_one), ("at once", at_once)):
        counted, plain = spend(tree, answer, count=True), spend(tree, answer, count=False)
        yield Row(f"texts answered {what}: statements a text", len(counted.statements) / TEXTS, "")
        yield Row("  of them commits", counted.statements.count("COMMIT") / TEXTS, "")
        yield Row("  written to the log a text", plain.octets / TEXTS / 1024, "KiB")
        yield Row("  processor a text", plain.processor_seconds * 1000 / TEXTS, "ms")
        yield Row("  texts a second", TEXTS / plain.seconds, "")


def spend(tree: Path, answer: Callable[[Line], None], *, count: bool) -> Spent:
    """Let a daemon that has answered one text answer many; statements are counted separately, since that takes time.

    The -wal is emptied before, and a reader prevents checkpoints meanwhile: it grows by the bytes written.
    """
    with tempfile.NamedTemporaryFile() as asked:  # outside the folder of the database, which the daemon watches
        program = ("-c", COUNTED, asked.name) if count else AS_INSTALLED
        with running("60s", tree, me_size=0, answer=ONE_SEGMENT, program=program) as line:
            line.sim.do("deliver", from_="+32470060000", text="Salut, ça va ?")
            wait_until(partial(received, line, 1), "the answer")
            with closing(sqlite3.connect(line.database, isolation_level=None)) as reader:
                wait_until(partial(is_emptied, reader), "an empty log")
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM contacts").fetchone()
                os.truncate(asked.name, 0)
                before, began = read_meters(line).processor_seconds, time.monotonic()
                answer(line)
                return Spent(
                    Path(asked.name).read_text().splitlines(),
                    line.database.with_name(line.database.name + "-wal").stat().st_size,
                    read_meters(line).processor_seconds - before,
                    time.monotonic() - began,
                )


def one_by_one(line: Line) -> None:
    """Let texts come, each from another number and each after the answer to the one before."""
    for count in range(TEXTS):
        line.sim.do("deliver", from_=f"+3247005{count:04}", text="Salut, ça va ?")
        wait_until(partial(received, line, count + 2), "the answer")


def at_once(line: Line) -> None:
    """Let texts that wait in the network come, each from another number."""
    line.sim.do("network", registered=False)
    for count in range(TEXTS):
        line.sim.do("deliver", from_=f"+3247005{count:04}", text="Salut, ça va ?")
    line.sim.do("network", registered=True)
    wait_until(lambda: received(line, TEXTS + 1), "everything answered")


def idle(seconds: float, tree: Path) -> Iterator[Row]:
    """Let the daemon idle with the usual settings, beginning midway between two polls."""
    with running("10s", tree) as line:
        line.sim.do("wait", for_="+CMGL", count=commands(line)["+CMGL"] + 1, timeout=20)
        time.sleep(5)
        before = read_meters(line)
        time.sleep(seconds)
        after = read_meters(line)
        minutes = seconds / 60
        yield Row("idle: commands", (after.commands - before.commands).total() / minutes, "/min")
        yield Row("idle: context switches", (after.switches - before.switches) / minutes, "/min")
        yield Row("idle: processor", (after.processor_seconds - before.processor_seconds) * 1000 / minutes, "ms/min")
        yield Row("idle: written to disk", (after.octets_written - before.octets_written) / minutes, "octets/min")


def start(tree: Path) -> Iterator[Row]:
    """Start the daemon again and again on an existing database."""
    with running("60s", tree) as line:
        seconds = []
        for _ in range(STARTS):
            line.stop()
            listings = commands(line)["+CMGL"]
            began = time.monotonic()
            start_daemon(line, tree)
            line.sim.do("wait", for_="+CMGL", count=listings + 1, timeout=30)
            seconds.append(time.monotonic() - began)
        yield Row("start to the first listing", median(seconds) * 1000, "ms")
    bare, full = (median(timed(partial(interpret, code, tree)) for _ in range(STARTS)) for code in CODES)
    yield Row("  of it the interpreter", bare * 1000, "ms")
    yield Row("  of it imports", (full - bare) * 1000, "ms")


CODES = ("pass", f"import {MODULES}")


def interpret(code: str, tree: Path) -> None:
    """Run code in a new interpreter, with the package of a source tree."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": ""}  # with bytecode, as installed
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# ---- verdict and gate

RULES = policy.Rules(policy.Limits(segments=policy.Windows(**UNLIMITED)), policy.Numbers(), timedelta(hours=24))
PLAN = alphabet.plan("Non, c'est non.")


def number(count: int) -> str:
    """Return a Belgian mobile number."""
    return f"+32470{count:06}"


def fill(db: Database, size: int) -> None:
    """Write contacts of the last sixty days, the oldest first, four for each number; the newest is `number(0)`.

    They have as many answers as the default limits allow: 3,000 segments in 30 days.
    """
    now, step = db.now(), timedelta(days=60) / size
    contacts = [
        (size - each, number(each // 4), rfc3339(now.utc - each * step), now.limit - (each * step).total_seconds())
        for each in reversed(range(size))
    ]
    answered = contacts[:: -max(4, size // 6000)]
    with db.transaction():
        db.connection.executemany(
            "INSERT INTO contacts (id, line, kind, originator, country, line_type, text, segments_received,"
            " segments_total, received_at, received_limit, synchronised, verdict, reason)"
            " VALUES (?, 'fr', 'text', ?, 'BE', 'mobile',"
            " 'Salut, tu fais quoi ce soir ?', 1, 1, ?, ?, 0, 'suppress', 'cooldown')",
            contacts,
        )
        db.connection.executemany(
            "INSERT INTO answers (contact_id, recipient, state, encoding, segments, share, draw, queued_at,"
            " queued_limit, age_limit, due_limit, sent_at)"
            " VALUES (?1, ?2, 'sent', 'gsm7', 1, 'new', 0, ?3, ?4, ?4, ?4,"
            " strftime('%Y-%m-%dT%H:%M:%fZ', ?3, '+1 seconds'))",
            answered,
        )
        db.execute(
            "INSERT INTO attempts (answer_id, begun_at, begun_limit, step, variant, share, reference, outcome,"
            " ended_limit) SELECT id, queued_at, due_limit, 0, 0, 'new', 0, 'taken', due_limit FROM answers"
        )
        db.execute(
            "INSERT INTO answer_segments (attempt_id, sequence, state, tpdu_length, submitted_at, submitted_limit)"
            " SELECT id, 1, 'sent', 30, begun_at, begun_limit FROM attempts"
        )


def judge(db: Database, originator: str) -> float:
    """Record a contact and return the seconds for its verdict and the commit."""
    identity = address.identify(address.Address(originator[1:], address.Ton.INTERNATIONAL), "BE")
    contact_id = contacts.record_call(db, "fr", identity, db.now())
    return timed(lambda: store_steps.judge(db, contact_id, db.now(), RULES))


def gate(db: Database) -> float:
    """Let the due answer out and return the seconds until the commit."""
    began = time.perf_counter()
    result = store_steps.begin_next(db, db.now(), PLAN, RULES)
    seconds = time.perf_counter() - began
    store_steps.take(db, store_steps.segment_of(result), db.now())
    return seconds


def commit(db: Database) -> float:
    """Return the seconds of the smallest transaction: the cost of the disk."""

    def write() -> None:
        with db.transaction():
            save_limit_clock(db, db.now())

    return timed(write)


def rules(sizes: tuple[int, ...]) -> Iterator[Row]:
    """Judge and let out with these numbers of contacts in the database."""
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=DISK) as folder, open_for_daemon(Path(folder) / "hotlined.db") as db:
            fill(db, size)
            known = median(judge(db, number(0)) for _ in range(ROUNDS))
            new, out = zip(*((judge(db, number(size // 2 + each)), gate(db)) for each in range(ROUNDS)), strict=True)
            yield Row(f"{size:,} contacts: a commit alone", median(commit(db) for _ in range(ROUNDS)) * 1000, "ms")
        yield Row("  verdict, no answer", known * 1000, "ms")
        yield Row("  verdict, an answer queued", median(new) * 1000, "ms")
        yield Row("  gate, the first segment let out", median(out) * 1000, "ms")


# ---- figures

FIGURES = ("stats", "stats --by hour", "stats --html -", "numbers", "numbers --sort contacts", "numbers --sort first")


def figures(size: int) -> Iterator[Row]:
    """Measure the statistics of this number of contacts: the whole command and its peak memory."""
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        folder = Path(name)
        config = folder / "main.yaml"
        settings = {"database": "hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}}
        config.write_text(json.dumps(settings))
        with open_for_daemon(folder / "hotlined.db") as db:
            fill(db, size)
        yield Row(f"{size:,} contacts: database", (folder / "hotlined.db").stat().st_size / 2**20, "MiB")
        for words in FIGURES:
            command = [sys.executable, "-m", "hotlined", "--config", str(config), *words.split()]
            costs = [cost(command) for _ in range(STARTS)]
            yield Row(f"  {words}", median(seconds for seconds, _, _ in costs), "s")
            yield Row("    of it the processor", median(busy for _, busy, _ in costs), "s")
            yield Row("    memory at most", max(memory for _, _, memory in costs), "MiB")


# a small program starts the command: the peak memory of a process is at least that of its parent
MEASURED = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def cost(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, processor seconds, and peak memory in MiB."""
    done = subprocess.run([sys.executable, "-c", MEASURED, *command], check=True, capture_output=True, text=True)
    seconds, busy, memory = json.loads(done.stdout)
    return seconds, busy, memory


# ---- decisions


def decisions() -> Iterator[Row]:
    """Block a number: in the database, at a control program that has to start first, and at a running one."""
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        folder = Path(name)
        config, path = folder / "main.yaml", folder / "run-control/main.sock"
        settings = {"database": "state/hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}}
        config.write_text(json.dumps(settings))
        path.parent.mkdir()
        open_for_daemon(folder / "state/hotlined.db").close()
        hotlined = [sys.executable, "-m", "hotlined", "--config", str(config)]

        def block() -> None:
            subprocess.run([*hotlined, "block", number(0)], check=True, stdout=subprocess.DEVNULL)

        times: dict[str, list[float]] = {"directly": [], "at one that has to start": [], "at one that lives": []}
        for _ in range(ROUNDS // 4):
            times["directly"].append(timed(block))
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                listener.listen()
                words = handed(listener, config, "control")
                first = threading.Thread(target=lambda: times["at one that has to start"].append(timed(block)))
                first.start()
                select.select([listener], [], [])
                with subprocess.Popen(words, pass_fds=[listener.fileno()]) as program:
                    first.join()
                    times["at one that lives"].append(timed(block))
                    program.terminate()
            path.unlink()
        for what, seconds in times.items():
            yield Row(f"block, {what}", median(seconds) * 1000, "ms")
            if what != "directly":
                yield Row("  against directly", median(seconds) / median(times["directly"]), "times")


def handed(listener: socket.socket, config: Path, command: str) -> list[str]:
    """Return the program that runs a command with a socket handed over, as systemd does."""
    code = f"import os; os.dup2({listener.fileno()}, 3)"
    code += "; os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); " + COMMAND
    return [sys.executable, "-c", code, "--config", str(config), command]


# ---- the desk

CROWD = 200
"""The number of visitors at once."""
ALSO = {
    "/log": (
        "search=zzz", "number=0470000001", "number=foo", "number=withheld", "since=7d", "since=2100-01-01", "until=50d",
        "until=50d&search=zzz", "tag=threat", "kept=1", "verdicts=answer", "verdicts=suppress", "states=sent",
        "states=queued", "kinds=text", "kinds=call", "reasons=cooldown", "reasons=stale", "before=1000",
        "before=1000&reasons=stale",
    ),
    "/numbers": ("sort=contacts", "sort=first"),
    "/inbox": ("all=1", "all=1&here=1000"),
    "/stats": ("since=365d", "by=hour"),
}  # fmt: skip
"""Further requests for some pages: every filter with and without a hit, orders, old rows."""


def desk(size: int) -> Iterator[Row]:
    """Get each page of a desk with this number of contacts, as the group's first member, and again."""
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        folder = Path(name)
        config = folder / "main.yaml"
        settings = {"database": "hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}}
        config.write_text(json.dumps(settings))
        with open_for_daemon(folder / "hotlined.db") as db:
            fill(db, size)
        firsts = []
        for _ in range(STARTS):
            with controlled(config), awakened(config) as (seconds, browser, program):
                firsts.append(seconds)
                memory = {name: meters(program.pid)[name] for name in ("VmRSS",)}
                if len(firsts) == STARTS:
                    yield Row(f"desk, {size:,} contacts: the first page, asleep", median(firsts) * 1000, "ms")
                    yield Row("  memory then", memory["VmRSS"] / 1024, "MiB")
                    yield from warm_pages(browser, size, program.pid)
                    yield Row("  memory at most", meters(program.pid)["VmHWM"] / 1024, "MiB")
                    yield from nobody_looks(program.pid)


def warm_pages(browser: Browser, size: int, pid: int) -> Iterator[Row]:
    """Get each page many times; processor time says more than the clock on a busy machine."""
    for page in PAGES:
        if "GET" in page.methods and not page.path.startswith(("/act/", "/enter")):
            asked = [f"{page.path}?{query}" for query in ALSO.get(page.path, ())]
            for path in (re.sub("<.*?>", str(size), page.path), *asked):
                status = browser.get(path).status
                before = meters(pid)["ticks"]
                seconds = median(timed(partial(browser.get, path)) for _ in range(STARTS))
                busy = (meters(pid)["ticks"] - before) / os.sysconf("SC_CLK_TCK") / STARTS
                yield Row(f"  {path}{f', status {status}' * (status != 200)}", seconds * 1000, "ms")
                yield Row("    of it the processor", busy * 1000, "ms")


def nobody_looks(pid: int) -> Iterator[Row]:
    """Measure the desk while it runs without visitors, for ten minutes at most; then it has ended."""
    before, seconds = meters(pid), 10.0
    time.sleep(seconds)
    after = meters(pid)
    for what, name in (("  nobody looks: context switches", "voluntary_ctxt_switches"), ("  and processor", "ticks")):
        per_minute = (after[name] - before[name]) * 60 / seconds
        yield Row(
            what,
            per_minute * (1000 / os.sysconf("SC_CLK_TCK") if name == "ticks" else 1),
            "ms/min" if name == "ticks" else "/min",
        )


def meters(pid: int) -> dict[str, int]:
    """Return the kernel's figures of a process: memory in KiB, switches and ticks, of all its threads."""
    found: dict[str, int] = {"ticks": sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15]))}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for line in (thread / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in {"VmRSS", "VmHWM"}:
                found[name] = int(value.split()[0])
            elif name == "voluntary_ctxt_switches":
                found[name] = found.get(name, 0) + int(value)
    return found


@contextmanager
def controlled(config: Path) -> Iterator[None]:
    """Run the control program at its socket, as installed: it records look-ups for the desk."""
    path = config.parent / "run-control/main.sock"
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with subprocess.Popen(handed(listener, config, "control"), pass_fds=[listener.fileno()]) as program:
            try:
                yield
            finally:
                program.terminate()
                path.unlink()


@contextmanager
def awakened(config: Path) -> Iterator[tuple[float, Browser, "subprocess.Popen[bytes]"]]:
    """Start a desk as systemd does, at the first visit; give the seconds until the first page."""
    path = config.parent / "web.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        browser, times = Browser(path), []
        first = threading.Thread(target=lambda: times.append(timed(browser.get)))
        first.start()
        select.select([listener], [], [])
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "MALLOC_ARENA_MAX": "1"}  # as installed
        words = handed(listener, config, "web")
        with subprocess.Popen(words, pass_fds=[listener.fileno()], env=environment) as program:
            first.join()
            try:
                yield times[0], browser, program
            finally:
                program.terminate()
    path.unlink()


def crowded() -> Iterator[Row]:
    """Measure the time of a text from the network to the disk, alone and with two hundred visitors of the desk."""
    with running("10s", ROOT) as line, Desk(line.config) as desk:
        alone = [latency(line, each) for each in range(ROUNDS)]
        lasting = threading.Event()

        def look() -> None:
            while not lasting.is_set():
                desk.browser().get("/log")

        crowd = [threading.Thread(target=look) for _ in range(CROWD)]
        for visitor in crowd:
            visitor.start()
        beside = [latency(line, ROUNDS + each) for each in range(ROUNDS)]
        lasting.set()
        for visitor in crowd:
            visitor.join()
        yield Row("a text, from the network to the disk", median(alone) * 1000, "ms")
        yield Row(f"  while {CROWD} look at the desk", median(beside) / median(alone), "times")
        yield Row("  and the longest of these", max(beside) / median(alone), "times")


def latency(line: Line, count: int) -> float:
    """Return the seconds until a delivered text is a contact."""
    began = time.perf_counter()
    line.sim.do("deliver", from_=f"+4474002{count:05}", text="Hello, who is this?")
    wait_until(lambda: line.count("SELECT count(*) FROM contacts") > count, "a contact")
    return time.perf_counter() - began


# ---- codec


def decode() -> Iterator[Row]:
    """Decode every received PDU of the corpus, sound or not."""
    records = [json.loads(line) for line in CORPUS.read_text(encoding="ascii").splitlines()]
    entries = [
        (record["pdu"], record["smsc_prefix"])
        for record in records
        if record["kind"] == "sms" and record["dir"] == "mt"
    ]

    def once() -> None:
        for pdu, service_centre in entries:
            try:
                tpdu.decode(pdu, service_centre=service_centre)
            except PduError:
                continue

    seconds = median(timed(once) for _ in range(PASSES))
    yield Row(f"decoding, over {len(entries)} PDUs", seconds / len(entries) * 1e6, "µs/PDU")


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """Give the source tree of a commit, and remove it afterwards."""
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        tree = Path(name) / "tree"
        git = ["git", "-C", str(ROOT)]
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


def daemons(seconds: float, tree: Path) -> Iterator[Row]:
    """Measure the daemon of a source tree."""
    yield from traffic(tree)
    yield from written(tree)
    yield from idle(seconds, tree)
    yield from start(tree)


def compare(measure: Callable[[Path], Iterator[Row]], commits: Sequence[str]) -> None:
    """Print the costs of the daemon, beside those of some commits."""
    with ExitStack() as stack:
        trees = [ROOT, *(stack.enter_context(tree_of(commit)) for commit in commits)]
        click.echo(" " * 44 + "".join(f"{name[:9]:>10}" for name in ("now", *commits)))
        for rows in zip(*map(measure, trees), strict=True):
            values = "".join(f"{row.value:>10,.2f}" for row in rows)
            click.echo(f"{rows[0].what:<44}{values} {rows[0].unit}".rstrip())


@click.command()
@click.option("--quick", is_flag=True, help="Idle for twenty seconds and fill the database with no more than 10,000.")
@click.option(
    "--only", metavar="PART", help="Measure one part: texts, daemon, rules, figures, decisions, desk or codec."
)
@click.option(
    "--against", metavar="COMMIT", multiple=True, help="Measure the daemon alone, beside that of one or more commits."
)
def main(*, quick: bool, only: str | None, against: tuple[str, ...]) -> None:
    """Measure what the daemon costs and print it.

    Example: scripts/run bench --quick

    Example: scripts/run bench --only desk

    Example: scripts/run bench --only texts --against HEAD~20
    """
    seconds = 20.0 if quick else 60.0
    if against:
        compare(texts if only == "texts" else partial(daemons, seconds), against)
        return
    size = 10_000 if quick else 1_000_000
    parts = {
        "texts": [texts(ROOT)],
        "daemon": [daemons(seconds, ROOT)],
        "rules": [rules(tuple(each for each in (1000, 10_000, 100_000, 1_000_000) if each <= size))],
        "figures": [figures(size)],
        "decisions": [decisions()],
        "desk": [desk(size), crowded()],
        "codec": [decode()],
    }
    if only and only not in parts:
        raise click.BadParameter(f"There is no part {only}: {', '.join(parts)}.")
    for name, sections in parts.items():
        for row in itertools.chain(*sections) if only in {None, name} else ():
            click.echo(f"{row.what:<44}{row.value:>10,.2f} {row.unit}".rstrip())


if __name__ == "__main__":
    main()
