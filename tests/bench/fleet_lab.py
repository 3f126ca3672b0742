"""Measures the costs of a large fleet for its hub and each line, with and without shared answers.

It judges nothing. The hub is a temporary PostgreSQL with the real function; each line has its own session. The lines
ask the questions of the protocol but store only their place; one more is real, and joins at the end with its own
database. The rows of a day are sent first; then some rounds are played as fast as possible, with as many questions of
each line as between two polls, and a day is computed from them. Bytes are those of one line over TCP with TLS, with the
headers of its packets.

Known to be wrong: the hub is 0 ms away, new connections are not counted, and no line restores anything.
"""

import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
import psycopg
from fleet_lines import KEY, Line
from hubs import Cluster, Hub, programs, running

from hotlined import pseudonym
from hotlined.fleet import sync
from hotlined.states import Shared
from hotlined.store import fleet

DAY = 86_400
PACE = sync.Pace()
POLL = -(-PACE.read // PACE.look) * PACE.look
"""Seconds between two questions of a line: the pause, rounded up to its looks at the mark."""
SEGMENT = 52  # bytes of the headers of IPv4 and TCP, with its timestamps
FIGURES = '{"state": "answering", "contacts_today": 50, "answers_today": 44, "trouble": [], "open": {}}'
MOMENT = "2026-01-01T12:00:00Z"
WARM, SAMPLE = 6, 20  # questions
DRAWN = Random(1)
STOPS, BLOCKS = 0.04, 0.02
"""Shares of all contacts."""
TCP_ACKED, TCP_SEGMENTS = 120, 136  # offsets in Linux' struct tcp_info: bytes and segments, there and back


@dataclass
class Simulated:
    """A line that asks as the program does, and stores only its place."""

    name: str
    hub: str
    version: int = 0
    cursor: int = 0

    def ask(self, hub: Hub, rows: list[dict[str, Any]], **more: str) -> list[dict[str, Any]]:
        """Send these rows, and return a page of news."""
        base, self.version = self.version, self.version + len(rows)
        said = [{"asked": None, "asked_at": None, "version": base + n, **row} for n, row in enumerate(rows, 1)]
        place = {"hub": self.hub, "base": base, "upto": self.version, "cursor": self.cursor, "again": False}
        answer = hub.ask(self.name, place | {"rows": said} | more)
        assert answer["fits"], answer
        found: list[dict[str, Any]] = answer["rows"]
        self.cursor = found[-1]["place"] if found else self.cursor
        return found

    def poll(self, hub: Hub, rows: list[dict[str, Any]]) -> int:
        """Ask as the exchange does, until it pauses; return the number of questions."""
        asked, is_settled = 0, True
        while True:
            has_news, rows = bool(self.ask(hub, rows) or rows), []
            asked += 1
            if is_settled and not has_news:
                return asked
            is_settled = not has_news  # the exchange hands in the first answer without news, too, and asks again


def said_of(contacts: int, *, shares_answers: bool) -> Iterator[dict[str, Any]]:
    """Yield the rows of a line for this number of contacts, each about another person."""
    for _ in range(contacts):
        drawn, person = DRAWN.random(), f"~{DRAWN.getrandbits(48):012x}"
        stops, is_blocked = drawn < STOPS, STOPS <= drawn < STOPS + BLOCKS
        answers = int(shares_answers and not is_blocked)
        if stops or is_blocked or answers:
            decided = {"opted_out_at": MOMENT if stops else None, "blocked_at": MOMENT if is_blocked else None}
            yield {"person": person, **decided, "answers": answers, "age": 60 if answers else None}


def processor(hub: Hub) -> float:
    """Return the processor seconds of the sessions of all lines."""
    pids = hub.admin.execute("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'hotlined\\_%'").fetchall()
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for (pid,) in pids) / 1e9


def memory(hub: Hub) -> int:
    """Return the bytes of memory of all sessions; shared pages count in part for each."""
    pids = hub.admin.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchall()
    lines = (Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for (pid,) in pids)
    return sum(1024 * int(line.split()[1]) for each in lines for line in each if line.startswith("Pss:"))


def octets(session: psycopg.Connection[Any]) -> int:
    """Return the bytes of a TCP connection so far, there and back."""
    with socket.fromfd(session.fileno(), socket.AF_INET, socket.SOCK_STREAM) as channel:
        info = channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return sum(struct.unpack_from("QQ", info, TCP_ACKED)) + SEGMENT * sum(struct.unpack_from("II", info, TCP_SEGMENTS))


def over_tls(cluster: Cluster, hub: Hub, line: str) -> psycopg.Connection[Any]:
    """Return a session of a line over TCP with TLS, set up as in docs/fleet.md but without the password."""
    made, key = cluster.folder / "hub.pem", cluster.folder / "hub.key"
    openssl = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=hub -keyout {key} -out {made}"
    subprocess.run(openssl.split(), check=True, capture_output=True)
    for name, value in (("ssl_cert_file", made), ("ssl_key_file", key), ("ssl", "on")):
        if value != "on":
            cluster.own(Path(value))
        hub.admin.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    hub.admin.execute("SELECT pg_reload_conf()")
    url = f"host=127.0.0.1 port={cluster.port} dbname={hub.name} user=hotlined_{line} sslmode=require"
    for _ in range(50):
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("no TLS")


def say(what: str, value: float, unit: str = "") -> None:
    """Print one figure."""
    click.echo(f"  {what:66} {value:>12,.2f} {unit}" if value < 100 else f"  {what:66} {value:>12,.0f} {unit}")


def play(cluster: Cluster, lines: int, daily: int, rounds: int, *, shares_answers: bool) -> None:
    """Play a fleet and print its figures."""
    names = [f"l{number}" for number in range(lines)]
    with cluster.hub(pseudonym.digest(KEY), *names, "real") as hub, tempfile.TemporaryDirectory() as folder:
        members = [Simulated(name, hub.one("SELECT id::text FROM hotlined.hub")) for name in names]
        hub.sessions["l0"] = measured = over_tls(cluster, hub, "l0")
        place = 0
        for member in members:  # the rows of a day; each line begins at the place that the previous one has read to
            member.cursor = place
            rows = list(said_of(daily, shares_answers=shares_answers))
            for first in range(0, len(rows), fleet.MOST_ROWS):
                member.ask(hub, rows[first : first + fleet.MOST_ROWS])
            place = member.cursor
        day = hub.one("SELECT count(*) FROM hotlined.said")
        for member in members:
            member.cursor = hub.one("SELECT place FROM hotlined.hub")
            for _ in range(WARM):  # until PostgreSQL has cached its plans
                member.ask(hub, [])
            member.ask(hub, [], figures=FIGURES)

        began, before = processor(hub), octets(measured)
        for member in members:
            member.ask(hub, [])
        idle = (processor(hub) - began) / lines
        for _ in range(SAMPLE):
            members[0].ask(hub, [])
        idle_octets = (octets(measured) - before) / (SAMPLE + 1)

        before, began = octets(measured), processor(hub)
        for _ in range(SAMPLE):
            members[0].ask(hub, [], figures=FIGURES)
        figures_octets = (octets(measured) - before) / SAMPLE - idle_octets
        figures = (processor(hub) - began) / SAMPLE - idle

        began, before, clock, asked = processor(hub), octets(measured), time.monotonic(), 0
        for _ in range(rounds):
            for member in members:
                contacts = DRAWN.random() < daily * POLL / DAY
                asked += member.poll(hub, list(said_of(contacts, shares_answers=shares_answers)))
        used, seconds = processor(hub) - began, time.monotonic() - clock
        shared_octets = (octets(measured) - before) / rounds
        rows = hub.one("SELECT count(*) FROM hotlined.said")

        share = tuple(Shared) if shares_answers else (Shared.OPT_OUTS, Shared.BLOCKS)
        with Line(Path(folder), "real", share) as real:
            clock = time.monotonic()
            real.exchange(hub, most=rows)
            joined = time.monotonic() - clock
            heard = real.db.value("SELECT count(*) FROM fleet_heard")
            assert heard == rows, (heard, rows)
            size = sum(each.stat().st_size for each in real.folder.glob("hotlined.db*")) - len(real.empty)

        click.echo(f"{lines} lines, {daily} contacts a line and day; they share {', '.join(share)}")
        say("rows at the hub, new each day", day)
        say(f"days until a line has its {fleet.MOST_HEARD:,} rows of others", fleet.MOST_HEARD / day)
        say("processor of the hub, an idle question", idle * 1000, "ms")
        say("processor of the hub, a question among those of the rounds", used / asked * 1000, "ms")
        say("more for a question with figures, each minute", figures * 1000, "ms")
        say("questions a second that a core of the hub takes", asked / used)
        say("questions a second that were asked here, one after the other", asked / seconds)
        say("questions a second of all lines", asked / rounds / POLL)
        minutely = lines * figures / sync._FIGURES_SECONDS
        say("processor of the hub, of one core", (used / rounds / POLL + minutely) * 100, "%")
        say("memory of the hub, its sessions", memory(hub) / 1e6, "MB")
        say("octets of an idle question and its answer", idle_octets)
        say("more octets of a question with figures and its answer", figures_octets)
        say("a line's day of idle questions", idle_octets * DAY / POLL / 1e6, "MB")
        say("a line's day of questions, with the rows of others", shared_octets * DAY / POLL / 1e6, "MB")
        say("more for a line's day of figures", figures_octets * DAY / sync._FIGURES_SECONDS / 1e6, "MB")
        for table in ("said", "lines"):
            say(f"table {table} at the hub", hub.one(f"SELECT pg_total_relation_size('hotlined.{table}')") / 1e6, "MB")
        say(f"a new line has read {heard:,} rows after", joined, "s")
        say("its database has grown by", size / 1e6, "MB")


@click.command(help=__doc__)
@click.option("--lines", default=1000, show_default=True)
@click.option("--contacts", "daily", default=50, show_default=True, help="Of a line in a day.")
@click.option("--rounds", default=10, show_default=True, help="How often all lines ask.")
def main(lines: int, daily: int, rounds: int) -> None:
    """Play both fleets."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (lines + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(programs(), port, ("listen_addresses=127.0.0.1", f"max_connections={lines + 20}")) as cluster:
        for shares_answers in (False, True):
            play(cluster, lines, daily, rounds, shares_answers=shares_answers)


if __name__ == "__main__":
    main()
