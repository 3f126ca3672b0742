"""Measures how many lines one PostgreSQL carries as the hub of a fleet: `scripts/run fleet`.

No test: it judges nothing. Each line is the program's own side of the hub, over TCP with its certificate, at the pace
of the service, but keeps what it knows in memory: no SQLite, no control program, no signature looked at. Lines and
PostgreSQL share this machine, on the disk of /var/tmp; the processor of each is told apart.
"""

import contextlib
import heapq
import multiprocessing
import os
import random
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
import psycopg
from postgres import PROGRAMS, SUPERUSER, Cluster, running

from hotlined.errors import HotlinedError
from hotlined.fleet import certificates
from hotlined.fleet.health import AGAIN_SECONDS, LINE_SECONDS
from hotlined.fleet.hub import HBA, Hub, HubAddress, new_login, opened
from hotlined.fleet.service import Pace
from hotlined.reports.fleet import MOST_LINES, Figures
from hotlined.states import MemberState
from hotlined.store.claims import Claim
from hotlined.store.fleet import MOST_ROWS

DISK = Path("/var/tmp")  # of all temporary folders the one that is on a disk everywhere
HOST = "localhost"
PACE = Pace()
PROCESSES = 2
THREADS = 24  # in each: as many lines are at the hub at once
DAY = 86400
SEGMENT = 52  # octets of the headers of IPv4 and TCP, with its timestamps
UNSIGNED = "0" * 64
DISTANCE = 0.1  # seconds there and back, as on a mobile connection
FAR = 20
FRESH = 100_000
BURST = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """One result."""

    what: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """How many lines, what happens at each, and for how long."""

    lines: int
    contacts: float
    """A minute, at each line."""
    one_in: int
    """Of so many contacts one changes a person."""
    seconds: float
    connections: int


# ---- the hub


@contextlib.contextmanager
def hub_of(load: Load) -> Iterator[tuple[Cluster, str, dict[str, HubAddress]]]:
    """Have a hub that is set up as the documentation says; give the superuser's URL, and each line's address."""
    assert PROGRAMS, "PostgreSQL is missing"
    options = ("listen_addresses=127.0.0.1", f"max_connections={load.connections}")
    with running(PROGRAMS[-1], options, DISK) as cluster, tempfile.TemporaryDirectory(dir=DISK) as name:
        folder, data = Path(name), cluster.folder / "data"
        local = cluster.database()
        with opened(local) as hub:
            hub.init()
        certificates.have_hub(folder, [HOST])
        for file in (certificates.HUB, certificates.AUTHORITY_CERTIFICATE):
            shutil.copy(folder / file, data / file)
            shutil.chown(data / file, data.owner(), data.group())
            (data / file).chmod(0o600)
        ours = [f"local all {SUPERUSER} trust", f"hostnossl hub {SUPERUSER} 127.0.0.1/32 trust"]
        (data / "pg_hba.conf").write_text("\n".join([*(line.format(database="hub") for line in HBA), *ours, ""]))
        names = {"hub": certificates.HUB, "authority": certificates.AUTHORITY_CERTIFICATE}
        for setting in certificates.SETTINGS[1:]:
            assert cluster.refusal(local, f"ALTER SYSTEM SET {setting.format(**names)}") == ""
        cluster.stop()
        cluster.start()
        yield cluster, local, invited(cluster, folder, load.lines)


def invited(cluster: Cluster, folder: Path, lines: int) -> dict[str, HubAddress]:
    """Invite so many lines over TCP; return with what each comes."""
    found = {}
    with opened(f"postgresql://{SUPERUSER}@{HOST}:{cluster.port}/hub") as hub:
        for count in range(lines):
            line = f"line{count}"
            login = new_login(line)
            shown = certificates.for_line(folder, login)
            found[line] = HubAddress(hub.invite(line, login), shown)
    return found


def tree(cluster: Cluster) -> list[Path]:
    """Return what the kernel knows of each process of PostgreSQL, the first before all others."""
    assert cluster.process
    first = Path(f"/proc/{cluster.process.pid}")
    # setpriv has become PostgreSQL
    return [first, *(Path(f"/proc/{pid}") for pid in (first / f"task/{first.name}/children").read_text().split())]


def processor(cluster: Cluster) -> float:
    """Return the seconds of the processor that PostgreSQL has taken, processes that have ended included."""
    ticks = 0
    for count, process in enumerate(tree(cluster)):
        with contextlib.suppress(OSError):
            times = (process / "stat").read_text().rpartition(")")[2].split()[11:15]
            ticks += sum(map(int, times if count == 0 else times[:2]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(cluster: Cluster) -> float:
    """Return the MiB of memory that PostgreSQL has, what its processes share counted once."""
    kibibytes = 0
    for process in tree(cluster):
        with contextlib.suppress(OSError):
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kibibytes += int(line.split()[1])
    return kibibytes / 1024


# ---- the lines


def octets(hub: Hub) -> int:
    """Return how many octets went over a connection so far, both ways, with TLS and the headers of its segments."""
    with socket.socket(fileno=os.dup(hub._connection.fileno())) as channel:
        found = channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
    acknowledged, received, out, back = struct.unpack_from("=QQII", found, 120)
    return int(acknowledged + received + SEGMENT * (out + back))


@dataclass
class Line:
    """A line before its hub, which does what the service does."""

    name: str
    hub: Hub
    load: Load
    cursor: int = 0
    version: int = 0
    contacts: int = 0
    next_contact: float = 0.0
    next_read: float = 0.0
    next_report: float = 0.0
    polls: int = 0
    unsent: list[Claim] = field(default_factory=list)
    decided: dict[str, float] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)

    def begin(self, now: float) -> None:
        """Be in the middle of what it does: no two lines read at the same moment."""
        self.cursor = self.hub.greet(self.name).top
        self.next_contact = now + random.expovariate(self.load.contacts / 60)
        self.next_read = now + random.uniform(0, PACE.read)
        self.next_report = now + random.uniform(0, self.report_seconds)

    @property
    def report_seconds(self) -> float:
        """How long it is until it tells how it is, and hears how the others are."""
        return AGAIN_SECONDS + LINE_SECONDS * self.load.lines

    def decide(self, now: float) -> None:
        """Have the contacts that have come meanwhile, some of whom change a person."""
        while self.next_contact <= now:
            self.contacts += 1
            if random.randrange(self.load.one_in) == 0:
                self.version += 1
                person = f"~{random.getrandbits(48):012x}"
                self.unsent.append(Claim(self.name, person, self.version, self.version, None, "{}", signature=UNSIGNED))
                self.decided[person] = self.next_contact
            self.next_contact += random.expovariate(self.load.contacts / 60)

    def look(self) -> None:
        """Do what is due, as `Service` and `HubSession` do."""
        now = time.monotonic()
        self.decide(now)
        while self.unsent:
            sent, self.unsent = self.unsent[:MOST_ROWS], self.unsent[MOST_ROWS:]
            self.hub.push(sent)
        if now >= self.next_read:
            self.next_read = now + PACE.read
            self.read()

    def read(self) -> None:
        """Hear what others say, and tell how this line is."""
        while rows := self.hub.pull(self.name, self.cursor, 0):
            self.polls += 1
            self.cursor, now = rows[-1][0], time.monotonic()
            for _place, claim in rows:
                self.heard[claim[1]] = now
        self.polls += 1
        now = time.monotonic()
        if now >= self.next_report:
            self.hub.report(Figures(MemberState.ANSWERING, self.contacts, self.contacts // 2).to_json())
            self.hub.lines(MOST_LINES)
            self.next_report = now + self.report_seconds


@dataclass(slots=True)
class Outcome:
    """What a process of lines has seen."""

    lines: int
    refused: list[str]
    polls: int
    octets: int
    processor: float
    late: float
    """By how much a line was kept from looking, at most."""
    failed: list[str]
    decided: dict[str, float]
    heard: dict[str, tuple[int, float]]
    """Who was heard of: at how many lines, and when at the last."""


def run_lines(addresses: dict[str, HubAddress], load: Load, go: Any, outcomes: Any) -> None:
    """Be a number of lines, in a process of its own: let in, wait for all others, run, and say what was seen."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(THREADS) as pool:
        stack_lock, refused = threading.Lock(), []

        def enter(line: str) -> tuple[str, Hub] | None:
            try:
                context = opened(addresses[line])
                hub = context.__enter__()
            except HotlinedError as error:
                refused.append(str(error))
                return None
            with stack_lock:
                stack.callback(leave, context)
            return line, hub

        hubs = [found for found in pool.map(enter, addresses) if found]
        go.wait()
        began = time.monotonic()
        random.seed(hubs[0][0] if hubs else None)  # else each process has the same contacts
        lines = [Line(*each, load) for each in hubs]
        list(pool.map(lambda line: line.begin(began), lines))
        before = sum(octets(line.hub) for line in lines)
        paced = Paced(lines, began + load.seconds)
        busy = time.process_time()
        failed = paced.run(pool)
        busy = time.process_time() - busy
        spent = sum(octets(line.hub) for line in lines if line.name not in failed) - before
        decided = {person: at for line in lines for person, at in line.decided.items()}
        polls = sum(line.polls for line in lines)
        outcome = Outcome(
            len(lines), refused, polls, spent, busy, paced.late, [*failed.values()], decided, heard_by(lines)
        )
        outcomes.put(outcome)


def leave(context: Any) -> None:
    """Close a connection, whatever became of it."""
    with contextlib.suppress(Exception):
        context.__exit__(None, None, None)


def heard_by(lines: list[Line]) -> dict[str, tuple[int, float]]:
    """Return who was heard of, at how many of the lines, and when at the last."""
    found: dict[str, tuple[int, float]] = {}
    for line in lines:
        for person, at in line.heard.items():
            count, last = found.get(person, (0, 0.0))
            found[person] = count + 1, max(last, at)
    return found


class Paced:
    """Lines that each look every two seconds, at whichever thread is free."""

    def __init__(self, lines: list[Line], until: float) -> None:
        now = time.monotonic()
        self._due = [(now + random.uniform(0, PACE.look), count, line) for count, line in enumerate(lines)]
        heapq.heapify(self._due)
        self._lock = threading.Lock()
        self._until = until
        self.late = 0.0
        self._failed: dict[str, str] = {}

    def run(self, pool: ThreadPoolExecutor) -> dict[str, str]:
        """Go on until it is time; return which lines were thrown out, and why."""
        list(pool.map(lambda _count: self._work(), range(THREADS)))
        return self._failed

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._due or self._due[0][0] >= self._until or time.monotonic() >= self._until:
                    return
                due, count, line = heapq.heappop(self._due)
            time.sleep(max(0.0, due - time.monotonic()))
            self.late = max(self.late, time.monotonic() - due)
            try:
                line.look()
            except (HotlinedError, psycopg.Error) as error:
                self._failed[line.name] = str(error)
                continue
            with self._lock:
                heapq.heappush(self._due, (time.monotonic() + PACE.look, count, line))


# ---- at the pace of the service


def at_pace(cluster: Cluster, addresses: dict[str, HubAddress], load: Load) -> Iterator[Row]:
    """Have all lines go about what they do."""
    empty = memory(cluster)
    context = multiprocessing.get_context("fork")
    go, outcomes = context.Barrier(PROCESSES + 1), context.Queue()
    shares = [dict(list(addresses.items())[each::PROCESSES]) for each in range(PROCESSES)]
    children = [context.Process(target=run_lines, args=(share, load, go, outcomes)) for share in shares]
    for child in children:
        child.start()
    go.wait()
    busy, began = processor(cluster), time.monotonic()
    time.sleep(load.seconds - 1)
    full, busy, seconds = memory(cluster), processor(cluster) - busy, time.monotonic() - began
    found: list[Outcome] = [outcomes.get() for _child in children]
    for child in children:
        child.join()
    inside = sum(each.lines for each in found)
    refused = [reason for each in found for reason in each.refused]
    yield Row(f"{load.lines:,} lines, {load.contacts:g} contacts a minute each: let in", inside, "lines")
    if refused:
        yield Row(f"  not let in: {refused[0][-70:]}", len(refused), "lines")
    if failed := [reason for each in found for reason in each.failed]:
        yield Row(f"  thrown out: {failed[0][-70:]}", len(failed), "lines")
    decided = {person: at for each in found for person, at in each.decided.items()}
    yield Row(f"  rows committed, a person of {load.one_in} contacts", len(decided) / load.seconds, "rows/s")
    yield Row("  polls", sum(each.polls for each in found) / seconds, "polls/s")
    yield Row(
        "  rows read, all lines together",
        sum(n for each in found for n, _ in each.heard.values()) / load.seconds,
        "rows/s",
    )
    # whoever decides later is not heard of before the end
    early = {person: at for person, at in decided.items() if at < began + load.seconds - PACE.read - 4 * PACE.look}
    yield from spread(found, early, inside)
    yield Row("  a look came late, at most by", max(each.late for each in found), "s")
    yield Row("  processor of PostgreSQL", 100 * busy / seconds, "% of one")
    yield Row("  processor of the lines", 100 * sum(each.processor for each in found) / seconds, "% of one")
    yield Row("  octets of a line", sum(each.octets for each in found) / max(inside, 1) / seconds * DAY / 1e6, "MB/day")
    yield Row("  memory of PostgreSQL", full, "MiB")
    yield Row("    of it a connection", (full - empty) / max(inside, 1), "MiB")


def spread(found: list[Outcome], decided: dict[str, float], lines: int) -> Iterator[Row]:
    """Tell how long it took from a decision until the last of the other lines knew."""
    seconds = []
    for person, at in decided.items():
        heard = [each.heard[person] for each in found if person in each.heard]
        if sum(count for count, _ in heard) == lines - 1:
            seconds.append(max(last for _, last in heard) - at)
    if len(seconds) > 1:
        yield Row("  from a decision until the last line knows", median(seconds), "s")
        yield Row("    99 of 100", quantiles(seconds, n=100)[-1], "s")
    if missing := len(decided) - len(seconds):
        yield Row("    not everywhere at the end", missing, "persons")


# ---- as fast as it goes


def claims_of(line: str, numbers: Iterator[int], count: int) -> list[Claim]:
    """Return what a line says of so many persons whom it has not named before."""
    return [
        Claim(line, f"~{n:012x}", n, n, None, "{}", signature=UNSIGNED)
        for _each in range(count)
        for n in (next(numbers),)
    ]


def repeated(hubs: dict[str, Hub], work: Callable[[str, Hub], object]) -> float:
    """Have each of some lines do something again and again; return how often a second it is done."""
    until = time.monotonic() + BURST

    def one(line: str) -> int:
        done = 0
        while time.monotonic() < until:
            work(line, hubs[line])
            done += 1
        return done

    with ThreadPoolExecutor(len(hubs)) as pool:
        return sum(pool.map(one, hubs)) / BURST


@contextlib.contextmanager
def entered(addresses: dict[str, HubAddress]) -> Iterator[dict[str, Hub]]:
    """Give some lines that are let in."""
    with contextlib.ExitStack() as stack:
        yield {line: stack.enter_context(opened(address)) for line, address in addresses.items()}


def flat_out(cluster: Cluster, addresses: dict[str, HubAddress]) -> Iterator[Row]:
    """Have eight lines do each thing without a pause, and tell what PostgreSQL's processor spends on one."""
    numbers = iter(range(1, 10**9))
    with entered(dict(list(addresses.items())[:8])) as hubs:
        tops = {line: hub.greet(line).top for line, hub in hubs.items()}

        def push(count: int, line: str, hub: Hub) -> None:
            hub.push(claims_of(line, numbers, count))

        for what, each, work in (
            ("pushes of one row", 1, partial(push, 1)),
            (f"rows, {MOST_ROWS} a push", MOST_ROWS, partial(push, MOST_ROWS)),
            ("polls that bring nothing", 1, lambda line, hub: hub.pull(line, 2**53, 0)),
            (f"rows read, {MOST_ROWS} a poll", MOST_ROWS, lambda line, hub: hub.pull(line, tops[line], 0)),
            ("reports", 1, lambda _line, hub: hub.report("{}")),
            (f"lines heard of, {len(addresses):,} at once", len(addresses), lambda _line, hub: hub.lines(MOST_LINES)),
        ):
            before = processor(cluster)
            rate = repeated(hubs, work) * each
            busy = processor(cluster) - before
            yield Row(f"eight lines without a pause: {what}", rate, "/s")
            yield Row("  PostgreSQL's processor for one", busy / BURST / rate * 1e6, "µs")


def on_the_wire(cluster: Cluster, local: str, addresses: dict[str, HubAddress]) -> Iterator[Row]:
    """Tell how many octets one line sends and receives for each thing that it does."""
    (line, address), numbers = next(iter(addresses.items())), iter(range(10**9, 2 * 10**9))
    figures = Figures(MemberState.ANSWERING, 1000, 500).to_json()
    assert cluster.refusal(local, f"UPDATE hotlined.lines SET seen_at = now(), figures = '{figures}'") == ""
    connecting = []
    for _each in range(5):
        began = time.perf_counter()
        with opened(address) as hub:
            hub.greet(line)
            connecting.append(time.perf_counter() - began)
            spent = octets(hub)
    yield Row("octets: to connect and greet", spent, "octets")
    yield Row("  seconds that takes, the hub beside it", median(connecting), "s")
    with opened(address) as hub:
        top = hub.greet(line).top
        for what, each, work in (
            ("a poll that brings nothing", 1, lambda: hub.pull(line, 2**53, 0)),
            ("a row that is read, of 500", MOST_ROWS, lambda: hub.pull("", top - MOST_ROWS, 0)),
            ("a push of one row", 1, lambda: hub.push(claims_of(line, numbers, 1))),
            ("a row that is pushed, of 500", MOST_ROWS, lambda: hub.push(claims_of(line, numbers, MOST_ROWS))),
            ("a report", 1, lambda: hub.report(figures)),
            ("a line that is heard of", len(addresses), lambda: hub.lines(MOST_LINES)),
        ):
            for _each in range(6):  # a statement is prepared after five
                before = octets(hub)
                work()
                time.sleep(0.06)  # for the last acknowledgement
                spent = octets(hub) - before
            yield Row(f"octets: {what}", spent / each, "octets")


def fresh(cluster: Cluster, local: str, addresses: dict[str, HubAddress]) -> Iterator[Row]:
    """Tell what many rows take on the disk, and how long a line that is new reads them."""
    filled = f"""
        INSERT INTO hotlined.persons (line, person, version, opted_out, undone, signature)
        SELECT 'line0', '~' || lpad(to_hex(n), 12, '0'), n, n, '{{}}', repeat('0', 64)
        FROM generate_series(3000000001, {3_000_000_000 + FRESH}) AS n
    """
    size = "SELECT pg_total_relation_size('hotlined.persons'), count(*) FROM hotlined.persons"
    for statement in ("TRUNCATE hotlined.persons", filled, "VACUUM ANALYZE hotlined.persons"):
        assert cluster.refusal(local, statement) == ""
    with opened(local) as hub:
        ((taken, count),) = hub._connection.execute(size).fetchall()
    yield Row("disk of a million rows, indexes included", taken / count, "MB")
    line = list(addresses)[-1]
    before, began, cursor = processor(cluster), time.perf_counter(), 0
    with opened(addresses[line]) as hub:
        while rows := hub.pull(line, cursor, 0):
            cursor = rows[-1][0]
        spent = octets(hub)
    seconds = time.perf_counter() - began
    yield Row(f"a new line reads {FRESH:,} rows", seconds, "s")
    yield Row("  PostgreSQL's processor for it", processor(cluster) - before, "s")
    yield Row("  octets", spent / 1e6, "MB")


# ---- far away, and in the way


class Distance:
    """A program between lines and hub that keeps whatever passes for half of the way there and back."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._half = port, seconds / 2
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _whence = self._listening.accept()
                other = socket.create_connection(("127.0.0.1", self._port))
                for one, two in ((channel, other), (other, channel)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._carry, args=(one, two), daemon=True).start()

    def _carry(self, one: socket.socket, two: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets_read := one.recv(65536):
                time.sleep(self._half)
                two.sendall(octets_read)
        with contextlib.suppress(OSError):
            two.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let nobody through any more."""
        self._listening.close()


def far_away(cluster: Cluster, addresses: dict[str, HubAddress]) -> Iterator[Row]:
    """Have lines push that are a tenth of a second away, as they do and in a transaction that waits for them."""
    between = Distance(cluster.port, DISTANCE)
    numbers = iter(range(2 * 10**9, 3 * 10**9))
    some = {
        line: HubAddress(address.url.replace(f"port={cluster.port}", f"port={between.port}"), address.certificates)
        for line, address in list(addresses.items())[:FAR]
    }

    def push(line: str, hub: Hub) -> None:
        hub.push(claims_of(line, numbers, 1))

    def push_in_a_transaction(line: str, hub: Hub) -> None:
        with hub._connection.transaction():
            push(line, hub)

    with entered(some) as hubs:
        yield Row(f"{FAR} lines, {DISTANCE * 1000:.0f} ms there and back: pushes", repeated(hubs, push), "/s")
        yield Row("  each in a transaction", repeated(hubs, push_in_a_transaction), "/s")
    between.close()


def in_the_way(addresses: dict[str, HubAddress]) -> Iterator[Row]:
    """Have a line begin to say something and never go on, while others push."""
    numbers = iter(range(3 * 10**9, 4 * 10**9))
    waited, refused = [], []

    def push(line: str, hub: Hub) -> None:
        began = time.monotonic()
        try:
            hub.push(claims_of(line, numbers, 1))
        except psycopg.Error:
            refused.append(line)
        waited.append(time.monotonic() - began)

    with contextlib.suppress(HotlinedError), entered(dict(list(addresses.items())[:8])) as hubs:
        slow, hub = hubs.popitem()
        hub._connection.execute("BEGIN")
        hub.push(claims_of(slow, numbers, 1))
        with ThreadPoolExecutor(len(hubs)) as pool:
            list(pool.map(push, hubs, hubs.values()))
    yield Row("one line has begun and does not go on: others wait at most", max(waited), "s")
    yield Row(f"  of {len(waited)} lines have to try again", len(refused), "lines")


@click.command
@click.option("--lines", default=100, show_default=True, help="So many lines; of more than 1,000 no line hears.")
@click.option("--contacts", default=12.0, show_default=True, help="A minute, at each line.")
@click.option("--one-in", default=20, show_default=True, help="Of so many contacts one changes a person.")
@click.option("--seconds", default=40.0, show_default=True, help="So long all lines go about what they do.")
@click.option("--connections", type=int, help="What PostgreSQL has as max_connections; enough, if not given.")
@click.option("--pace-only", is_flag=True, help="Leave out what each step costs.")
def main(*, lines: int, contacts: float, one_in: int, seconds: float, connections: int | None, pace_only: bool) -> None:
    """Measure how many lines one PostgreSQL carries, and print it.

    Example: scripts/run fleet --lines 1000 --seconds 120
    """
    load = Load(lines, contacts, one_in, seconds, connections or lines + 20)
    with hub_of(load) as (cluster, local, addresses):
        sections: list[Iterator[Row]] = [at_pace(cluster, addresses, load)]
        if not pace_only:
            sections += [
                flat_out(cluster, addresses),
                on_the_wire(cluster, local, addresses),
                far_away(cluster, addresses),
            ]
            sections += [in_the_way(addresses), fresh(cluster, local, addresses)]
        for section in sections:
            for row in section:
                click.echo(f"{row.what:<64}{row.value:>12,.2f} {row.unit}".rstrip())


if __name__ == "__main__":
    main()
