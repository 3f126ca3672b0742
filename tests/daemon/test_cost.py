"""Costs of the daemon: commands as the simulator counts them; memory, writes and wake-ups as the kernel does."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
import simulated
from conftest import Line, Open, wait_until
from needs import forbidden

from hotlined.simulator import pdus

POLLS = 6
TWO_SEGMENTS = "é" * 200
DISK, SHM = Path("/var/tmp"), Path("/dev/shm")
CHECK = ("+CMGF", "+CNMI", "+CPMS", "+CSCS")
"""Queries that check whether the modem has kept its settings and storages."""
SENDERS = {"SM": "+3247010", "ME": "+3247011"}


# runs in place of the daemon: writes each SQL statement to a file, one a line
COUNTED = """
import os, runpy, sqlite3, sys
asked = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def connect(*arguments, factory=sqlite3.Connection, **options):
    class Counted(factory):
        def execute(self, sql, *values):
            os.write(asked, " ".join(sql.split()).encode() + b"\\n")
            return super().execute(sql, *values)
    return plain(*arguments, factory=Counted, **options)
plain, sqlite3.connect = sqlite3.connect, connect
runpy.run_module("hotlined", run_name="__main__", alter_sys=True)
"""


def commands(line: Line) -> Counter[str]:
    """Return how often each command was given."""
    return Counter(line.sim.do("counters")["counters"])


def received(line: Line, contacts: int) -> bool:
    """Tell whether this number of contacts is recorded and nothing is left to do for them."""
    return line.count("SELECT count(*) FROM contacts") == contacts and line.settled()


def lay(line: Line, storage: str, *texts: str) -> None:
    """Put texts into a storage without a notification, each from another number."""
    for count, text in enumerate(texts):
        written = pdus.write_text(
            f"{SENDERS[storage]}{count:04}", text, scts=datetime.now().astimezone(), reference=count
        )
        for pdu in written:
            line.sim.do("store", storage=storage, pdu=pdu)


def start_bare(line: Line, *interpreter: str, **more: str) -> None:
    """Start the daemon as an installation does, with `more` in its environment and without coverage."""
    line.configure()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with line.log_path.open("ab") as output:
        line.daemon = subprocess.Popen(
            [sys.executable, "-B", *interpreter, "--config", str(line.config), "run"],
            env=environment | more,
            stderr=output,
            stdout=output,
            cwd=line.folder,
        )


def proc(line: Line, name: str) -> dict[str, str]:
    """Return a file of /proc/PID of the daemon as names and values, one a line."""
    assert line.daemon
    rows = Path(f"/proc/{line.daemon.pid}/{name}").read_text().splitlines()
    return {key: value.strip() for key, _, value in (row.partition(":") for row in rows)}


# ---- texts


def test_scan_costs_one_listing_and_one_deletion_a_segment(line: Line) -> None:
    """An answer costs one query of the IMSI and its segments."""
    line.configure(modem={"poll_interval": "60s"}, answer={"text": TWO_SEGMENTS})
    line.start()
    line.wait_state("ready")
    before = commands(line)
    lay(line, "SM", *(["Salut"] * 6), "x" * 400)  # six segments and three
    line.sim.do("deliver", from_="+32470999999", text="the one that is announced")
    wait_until(lambda: received(line, 8))

    assert len(line.submitted()) == 8
    assert commands(line) - before == {"+CMGL": 1, "+CMGD": 10, "+CIMI": 8, "+CMGS": 16}


def test_flood_costs_at_most_one_listing_a_text(line: Line) -> None:
    """Each text costs one deletion and one answer besides."""
    line.configure(modem={"poll_interval": "60s"})
    line.start()
    line.wait_state("ready")
    before = commands(line)
    for count in range(25):
        line.sim.do("deliver", from_=f"+3247012{count:04}", text=f"texte {count}")
    wait_until(lambda: received(line, 25))
    cost = commands(line) - before

    assert cost.pop("+CMGL") <= 25
    assert cost == {"+CMGD": 25, "+CIMI": 25, "+CMGS": 25}


def test_full_sim_that_refills_is_emptied_listing_by_listing(line: Line) -> None:
    """The network fills each free place at once."""
    line.configure(modem={"poll_interval": "60s"})
    line.start({"delete_least": 60.0})
    line.wait_state("ready")
    before = commands(line)
    line.sim.do("network", registered=False)
    for count in range(40):
        line.sim.do("deliver", from_=f"+4474001{count:05}", text="Hello?")
    line.sim.do("network", registered=True)
    wait_until(lambda: received(line, 40))
    cost = commands(line) - before

    assert cost["+CMGD"] == 40
    assert cost["+CMGL"] <= 6  # ten texts at a time: the first listing may have fewer


def test_scan_lists_each_of_two_storages_once(open_line: Open) -> None:
    """The scan begins with the selected storage, and empties the other one that was named, too."""
    line = open_line(sim_size=10, me_size=20)
    line.configure(modem={"poll_interval": "60s"})
    line.start()
    line.wait_state("ready")
    before = commands(line)
    lay(line, "SM", *(["Salut"] * 5))
    lay(line, "ME", *(["Coucou"] * 15))
    line.sim.do("say", line='+CMTI: "ME",1')
    wait_until(lambda: received(line, 20))

    assert commands(line) - before == {"+CPMS": 1, "+CMGL": 2, "+CMGD": 20, "+CIMI": 20, "+CMGS": 20}


def test_text_costs_three_commits_and_sixty_statements_at_most(line: Line, tmp_path: Path) -> None:
    """Commits come before the deletion, before the submission, and after its result.

    The verdict is committed with the next of these, and the confirmation of the deletion with the next listing.
    """
    asked = tmp_path / "aside" / "asked"  # outside the folder of the database, which the daemon watches
    asked.parent.mkdir()
    line.configure(modem={"poll_interval": "60s"}, limits={"segments": {"hour": 100, "day": 100, "month": 100}})
    start_bare(line, "-c", COUNTED, str(asked))
    line.wait_state("ready")
    for count in range(11):
        if count == 1:
            asked.write_text("")  # the first text builds the rules and compiles the statements
        line.sim.do("deliver", from_=f"+3247012{count:04}", text=f"texte {count}")
        wait_until(partial(received, line, count + 1))
    statements = asked.read_text().splitlines()

    assert statements.count("COMMIT") == 30
    assert len(statements) <= 10 * 60


def test_answer_that_is_not_due_causes_no_passes(line: Line, tmp_path: Path) -> None:
    """A delay of 45 minutes adds no passes of the loop."""
    asked = tmp_path / "aside" / "asked"
    asked.parent.mkdir()
    line.configure(modem={"poll_interval": "5s"}, answer={"delay": "45m"})
    start_bare(line, "-c", COUNTED, str(asked))
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470123456", text="Salut")
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE state = 'queued'"), "an answer that waits")
    line.wait_more("+CMGL", 2)
    asked.write_text("")
    before = commands(line)
    line.wait_more("+CMGL", 2)
    statements, polls = len(asked.read_text().splitlines()), (commands(line) - before)["+CMGL"]

    assert statements <= 20 * polls  # an idle pass between two polls would cost 6 more


# ---- nothing


@dataclass(frozen=True, slots=True)
class Meters:
    """Amounts spent up to a moment; `files` has size and time of change of each file."""

    commands: Counter[str]
    files: dict[str, tuple[int, int]]
    octets_written: int
    switches: int
    processor_seconds: float


def read_meters(line: Line) -> Meters:
    """Read the counts of the simulator, the file system and the kernel."""
    assert line.daemon
    paths = [Path(f"{line.database}{suffix}") for suffix in ("", "-wal")]
    nanoseconds = Path(f"/proc/{line.daemon.pid}/schedstat").read_text().split()[0]
    return Meters(
        commands(line),
        {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths},
        int(proc(line, "io")["write_bytes"]),
        int(proc(line, "status")["voluntary_ctxt_switches"]),
        int(nanoseconds) / 1e9,  # of its one thread; utime and stime of proc_pid_stat(5) have only hundredths
    )


def test_waiting_answers_cost_the_modem_no_commands(line: Line) -> None:
    """Polls cost the same whether or not answers wait for the budget."""
    line.configure(limits={"segments": {"hour": 1, "day": 1, "month": 1}})
    line.start()
    for count in range(2):
        line.sim.do("deliver", from_=f"+3247012{count:04}", text="un")
    wait_until(
        lambda: line.count("SELECT count(*) FROM log WHERE answer_waiting_for LIKE 'budget_%'"), "an answer that waits"
    )
    before = commands(line)
    line.wait_for("+CMGL", before["+CMGL"] + POLLS)

    assert set(commands(line) - before) <= {"+CMGL", *CHECK}


def test_six_polls_of_two_storages_cost_at_most_27_commands(tmp_path: Path) -> None:
    """A poll costs two listings and a selection, besides the checks.

    There is one check a minute.
    """
    with simulated.start(tmp_path, sim_size=10, me_size=20) as simulator, Line(tmp_path, simulator) as line:
        line.start()
        line.wait_state("ready")
        line.wait_more("+CMGL", 2)
        before = commands(line)
        line.wait_for("+CMGL", before["+CMGL"] + 2 * POLLS)
        cost = commands(line) - before

    polls = cost["+CMGL"] / 2  # more than `POLLS` if the machine is busy
    assert cost["+CPMS"] <= polls + 1
    assert cost.total() <= 27 * polls / POLLS


@pytest.fixture(scope="module")
def idle() -> Iterator[tuple[Meters, Meters, float]]:
    """Read the meters, let the daemon idle for `POLLS` polls with its status on a tmpfs, and read them again."""
    if not SHM.is_dir():
        forbidden("there is no tmpfs at /dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=DISK) as name,
        simulated.start(Path(name)) as simulator,
        tempfile.TemporaryDirectory(dir=SHM) as runtime,
    ):
        folder = Path(name)
        (folder / "run").symlink_to(runtime)
        line = Line(folder, simulator)
        start_bare(line, "-m", "hotlined")
        try:
            line.wait_state("ready")
            line.wait_more("+CMGL", 1)
            began = time.monotonic()
            before = read_meters(line)
            line.wait_for("+CMGL", before.commands["+CMGL"] + POLLS)
            after = read_meters(line)
            yield before, after, time.monotonic() - began
        finally:
            line.stop()


def test_idle_poll_costs_a_listing_alone(idle: tuple[Meters, Meters, float]) -> None:
    """Every sixth poll also queries the settings, in one line."""
    before, after, seconds = idle
    cost = after.commands - before.commands

    assert set(cost) <= {"+CMGL", *CHECK}
    assert POLLS <= cost["+CMGL"] <= seconds + 1  # one a second at most, however long the machine took
    assert all(cost[name] <= 1 + cost["+CMGL"] / POLLS for name in CHECK)


def test_idle_line_writes_nothing(idle: tuple[Meters, Meters, float]) -> None:
    """Neither its database, its -wal nor any disk is written."""
    before, after, _ = idle

    assert after.files == before.files
    assert after.octets_written == before.octets_written


def test_idle_daemon_sleeps(idle: tuple[Meters, Meters, float]) -> None:
    """A poll costs under six wake-ups and 20 ms of processor."""
    before, after, _ = idle
    polls = (after.commands - before.commands)["+CMGL"]

    assert after.switches - before.switches < 6 * polls
    assert after.processor_seconds - before.processor_seconds < 0.02 * polls


# ---- memory


def once(line: Line) -> None:
    """Run the daemon until nothing is left to do."""
    subprocess.run([sys.executable, "-m", "hotlined", "--config", str(line.config), "run", "--once"], check=True)


def test_daemon_stays_under_32_mebibytes(line: Line) -> None:
    """Its memory is measured after nine texts, at its second start."""
    line.configure()
    once(line)
    start_bare(line, "-m", "hotlined")
    for count in range(9):
        line.sim.do("deliver", from_=f"+3247012{count:04}", text=f"texte {count} 😀")
    wait_until(lambda: received(line, 9))

    assert int(proc(line, "status")["VmRSS"].removesuffix(" kB")) < 32 * 1024


def test_daemon_loads_no_modules_of_other_programs(line: Line) -> None:
    """These are consoles, documents, the simulator, tests, and migrations not due."""
    line.configure()
    once(line)
    start_bare(line, "-c", LIST_MODULES)
    line.sim.do("deliver", from_="+32470123456", text="un")
    wait_until(lambda: line.submitted() and line.settled())
    assert line.stop() == 0
    (modules,) = [row.split() for row in line.log_path.read_text().splitlines() if row.startswith("modules ")]

    assert "hotlined.daemon.loop" in modules
    others = {"sqlite_utils", "gsmmodem", "rich", "pytest", "hotlined.documents", "hotlined.simulator"}
    assert not others & set(modules)


def test_daemon_loads_no_library_after_ready(line: Line) -> None:
    """Texts, calls and reloads load none: an upgrade may replace libraries.

    Python's own modules are left out, and so are the number plans of countries: they come with our own package, whose
    upgrade stops the daemon.
    """
    start_bare(line, "-c", LIST_WHEN_READY)
    for count, sender in enumerate(("+32470123456", "+33612345678", "8850", "+491711234567")):
        line.sim.do("deliver", from_=sender, text="stop" if count == 3 else "un")
    line.sim.do("call", from_="+32470123457", rings=1, interval=0.1)
    wait_until(lambda: line.submitted() and line.settled())
    assert line.daemon
    for settings in ({"numbers": {"answer_countries": ["BE", "NL"]}}, {"limits": {"per_numbr": 2}}):
        line.configure(**settings)
        line.daemon.send_signal(signal.SIGHUP)
        line.sim.do("deliver", from_="+31612345678", text="deux")
        wait_until(line.settled)
    assert line.stop() == 0
    rows = [row.split() for row in line.log_path.read_text().splitlines() if row.startswith(("ready ", "modules "))]
    ready, ended = (set(row[1:]) for row in rows)

    assert "phonenumbers" in ready
    later = {name for name in ended - ready if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in later if not name.startswith("phonenumbers.data.")} == set()


LIST_MODULES = """
import atexit, sys
atexit.register(lambda: print("modules", *sys.modules))
from hotlined.cli import main
main()
"""
LIST_WHEN_READY = f"""
import sys
from hotlined.machine import systemd

def notify(told=systemd.notify, **fields):
    if "READY" in fields:
        print("ready", *sys.modules, flush=True)
    told(**fields)

systemd.notify = notify
{LIST_MODULES}
"""
