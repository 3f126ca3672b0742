"""Three lines of a fleet with everything real, and what becomes of each decision; scripts/fleet-lab.

Each line is a daemon with a simulated stick, its control program and its exchange; the hub is a PostgreSQL of its own.
People say stop, are blocked and opted in; lines go off line, programs are killed, a clock says 1970, a backup is put
back. It prints what each line knew after how many seconds, and ends with 1 where a text was lost, or where somebody was
answered by a line that knew better. No limit of time is checked.
Known to be wrong: all run on one machine as one user, and the hub is reached at a Unix socket: `scripts/lab fleet` has
units, users and certificates.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import postgres
from conftest import Line, wait_until

from hotlined import wire
from hotlined.policy import History
from hotlined.simulator import client as simulation
from hotlined.store.history import history_of
from hotlined.store.opening import open_beside_daemon

NAMES = ("fr", "nl", "be")
HASTY, EXCHANGE = (Path(__file__).with_name(name) for name in ("hasty.py", "exchange.py"))
DELAY_SECONDS = 60  # of the answer that an opt-out elsewhere has to overtake: three exchanges
OFF_LINE_SECONDS = 30.0
DAYS_TO_1970 = -time.time() / 86_400 + 1
STOP, HELLO = "Stop", "Salut"


def is_open(path: Path) -> bool:
    """Tell whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(str(path)) == 0


class Member(Line):
    """A line of the fleet: its daemon, its control program, its exchange, and what left its SIM."""

    def __init__(self, folder: Path, simulator: simulation.Simulation, name: str, *, quick: bool) -> None:
        super().__init__(folder, simulator)
        self.name = name
        self.settings["line"] = name
        self.quick = quick
        self.delivered: list[tuple[str, str]] = []
        self.left: list[tuple[float, str]] = []
        """Of each segment the monotonic time and the recipient."""
        self.knew: dict[str, float] = {}
        """Whom the line has to leave alone, and since when it knows."""
        self.beside: dict[str, subprocess.Popen[bytes]] = {}
        self.is_in_1970 = False
        self.configure()
        self._follower = threading.Thread(target=self._follow, args=(self.sim.watch(),), daemon=True)
        self._follower.start()

    def __exit__(self, *_: object) -> None:
        """End all of it, the network that it is in, too."""
        self.halt("exchange", "control")
        self.end()
        self.simulator.process.terminate()
        self._follower.join()

    def _follow(self, events: Iterator[dict[str, str]]) -> None:
        for event in events:
            if event["event"] == "segment":
                self.left.append((time.monotonic(), event["recipient"]))

    def run(self) -> None:
        """Start whatever of it does not run."""
        if self.daemon is None or self.daemon.poll() is not None:
            self.start({"calendar": str(self.folder)} if self.is_in_1970 else None)
        door = wire.socket_path(self.folder / "run", "control", "main")
        door.parent.mkdir(exist_ok=True)
        if not is_open(door):
            door.unlink(missing_ok=True)  # of one that was killed; systemd's stays as it is
        self._run("control", "control", "--socket", str(door))
        if self.is_member:
            self._run("exchange", "fleet", "sync")
        wait_until(lambda: self.status()["modem"]["state"] == "ready", f"{self.name} in service")
        wait_until(lambda: is_open(door), f"the control program of {self.name}")

    @property
    def is_member(self) -> bool:
        """Whether it has joined."""
        return self.config.with_suffix(".fleet").exists()

    def _run(self, name: str, *words: str) -> None:
        if (known := self.beside.get(name)) and known.poll() is None:
            return
        program = ["-m", "hotlined"]
        if self.is_in_1970:
            program = [str(HASTY), json.dumps({"calendar": str(self.folder)})]
        command = [sys.executable, *program, "--config", str(self.config), *words]
        if self.quick and name == "exchange":
            command = [sys.executable, str(EXCHANGE), str(self.config)]
        with (self.folder / f"{name}.log").open("ab") as output:
            self.beside[name] = subprocess.Popen(command, stdout=output, stderr=output, cwd=self.folder)

    def halt(self, *names: str, number: int = signal.SIGTERM) -> None:
        """End programs of it by a signal: `daemon`, `control`, `exchange`."""
        for name in names:
            program = self.daemon if name == "daemon" else self.beside.get(name)
            if program and program.poll() is None:
                program.send_signal(number)
                program.wait()

    def deliver(self, number: str, text: str) -> None:
        """Let a text come to its SIM."""
        self.delivered.append((number, text))
        self.sim.do("deliver", from_=number, text=text)

    def history(self, number: str) -> History:
        """Return what the line knows of a number."""
        with open_beside_daemon(self.database) as db:
            return history_of(db, number, shadow=False)

    def leaves_alone(self, number: str) -> bool:
        """Tell whether the line knows that somebody is to be left alone."""
        found = self.history(number)
        return bool(found.blocked or found.opted_out or found.blocked_elsewhere or found.opted_out_elsewhere)

    def outcome(self, number: str, text: str) -> str | None:
        """Return what became of the last such text, by `log --json`; None as long as that is open."""
        found = [each for each in self.log() if (each["originator"], each["text"]) == (number, text)]
        if not found or found[-1]["verdict"] is None:
            return None
        entry = found[-1]
        by = f" by {entry['elsewhere']}" if entry["elsewhere"] else ""
        if entry["answer"] is None:
            return f"no answer: {entry['reason']}{by}"
        if entry["answer"]["state"] in {"queued", "sending"}:
            return None
        return f"{entry['answer']['state']}{by}" + (f": {why}" if (why := entry["answer"]["reason"]) else "")


@dataclass(slots=True)
class Step:
    """A row of the table."""

    what: str
    where: str
    seconds: str = "-"
    then: dict[str, str] = field(default_factory=dict)


class Fleet:
    """Three lines and their hub."""

    def __init__(self, folder: Path, cluster: postgres.Cluster, lines: Sequence[Member], *, quick: bool) -> None:
        self.folder = folder
        self.cluster = cluster
        self.lines = {line.name: line for line in lines}
        self.quick = quick
        self.steps: list[Step] = []
        self._since = 0.0
        self._numbers = (f"+3247{number:07}" for number in itertools.count(1_000_000))
        self._texts = itertools.count(1)

    def mark(self) -> None:
        """Count seconds from now on: somebody decides, or what was away is started again."""
        self._since = time.monotonic()

    def person(self) -> str:
        """Return the number of somebody new."""
        return next(self._numbers)

    def begin(self) -> None:
        """Make the hub, and all lines its members."""
        url = self.cluster.database()
        any_line = next(iter(self.lines.values()))
        any_line.cli("fleet", "hub", "init", url)
        for line in self.lines.values():
            line.run()
            invitation = self.folder / f"{line.name}.invitation"
            line.cli("fleet", "hub", "invite", line.name, str(invitation), "--hub", url)
            line.cli("fleet", "join", str(invitation))
            line.run()

    def until_all(self, condition: Callable[[Member], bool], what: str) -> str:
        """Wait until something is so at all lines; return how many seconds after the last `mark`."""
        for line in self.lines.values():
            wait_until(lambda line=line: condition(line), f"{what} at {line.name}")  # type: ignore[misc]
        return f"{time.monotonic() - self._since:.1f}"

    def until_known(self, number: str) -> str:
        """Wait until all lines leave somebody alone; return after how many seconds."""
        seconds = self.until_all(lambda line: line.leaves_alone(number), f"{number} is known")
        for line in self.lines.values():
            line.knew.setdefault(number, time.monotonic())
        return seconds

    def texts(self, number: str, *names: str) -> dict[str, str]:
        """Let somebody write to lines, to all where none is named; return what each then did."""
        text = f"{HELLO} {next(self._texts)}"
        named = names or tuple(self.lines)
        for name in named:
            self.lines[name].deliver(number, text)
        return {
            name: wait_until(lambda name=name: self.lines[name].outcome(number, text), f"{text} at {name}")  # type: ignore[misc]
            for name in named
        }

    def step(self, what: str, where: str, number: str) -> None:
        """Wait until all know that somebody is to be left alone, then let that person write to all."""
        self.steps.append(Step(what, where, self.until_known(number), self.texts(number)))


# ---- the steps


def stop(fleet: Fleet) -> None:
    """Have somebody say stop at one line."""
    person = fleet.person()
    fleet.mark()
    fleet.lines["fr"].deliver(person, STOP)
    fleet.step("stop", "fr", person)


def block(fleet: Fleet) -> None:
    """Block somebody at one line."""
    person = fleet.person()
    fleet.mark()
    fleet.lines["nl"].cli("block", person)
    fleet.step("block", "nl", person)


def opt_in(fleet: Fleet) -> None:
    """Opt somebody in at another line than the one where stop was said: all answer again."""
    person = fleet.person()
    fleet.lines["fr"].deliver(person, STOP)
    fleet.until_known(person)
    for line in fleet.lines.values():
        del line.knew[person]
    fleet.mark()
    fleet.lines["be"].cli("optin", person)
    seconds = fleet.until_all(lambda line: not line.leaves_alone(person), "the opt-in")
    fleet.steps.append(Step("stop at fr, then opt-in", "be", seconds, fleet.texts(person)))


def waiting_answer(fleet: Fleet) -> None:
    """Let a stop elsewhere overtake an answer that waits: the gate refuses it."""
    person, line, text = fleet.person(), fleet.lines["nl"], "En?"
    restart(line, delay=f"{DELAY_SECONDS}s")
    line.deliver(person, text)
    wait_until(lambda: line.count("SELECT count(*) FROM answers WHERE recipient = ?", person), "an answer that waits")
    fleet.mark()
    fleet.lines["fr"].deliver(person, STOP)
    seconds = fleet.until_known(person)
    became = wait_until(lambda: line.outcome(person, text), "the gate")
    restart(line, delay="0s")
    fleet.steps.append(Step(f"an answer of nl waits {DELAY_SECONDS} s, then stop", "fr", seconds, {"nl": became}))


def restart(line: Member, **answer: str) -> None:
    """Start a daemon anew with another configuration."""
    line.halt("daemon")
    line.configure(answer=answer)
    line.run()


def off_line(fleet: Fleet) -> None:
    """Take a line off line for a while: it answers whom it cannot know of, and no longer once it is back."""
    person, be = fleet.person(), fleet.lines["be"]
    be.halt("exchange")
    fleet.lines["fr"].deliver(person, STOP)
    wait_until(lambda: fleet.lines["nl"].leaves_alone(person), "the stop at nl")
    fleet.steps.append(Step("be is off line; stop", "fr", then=fleet.texts(person, "be", "nl")))
    time.sleep(1.0 if fleet.quick else OFF_LINE_SECONDS)
    fleet.mark()
    be.run()
    fleet.step("be is back", "be", person)


def hub_killed(fleet: Fleet) -> None:
    """Kill PostgreSQL as people say stop, and start it again."""
    before, meanwhile = fleet.person(), fleet.person()
    fleet.lines["fr"].deliver(before, STOP)
    children = Path(f"/proc/{fleet.cluster.process.pid}/task/{fleet.cluster.process.pid}/children").read_text().split()  # type: ignore[union-attr]
    fleet.cluster.kill()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    fleet.lines["nl"].deliver(meanwhile, STOP)
    wait_until(lambda: fleet.lines["nl"].leaves_alone(meanwhile), "the stop at nl")
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the end of PostgreSQL")
    fleet.mark()
    fleet.cluster.start()
    fleet.step("stop, and kill -9 of PostgreSQL", "fr", before)
    fleet.step("stop while it was down", "nl", meanwhile)


def programs_killed(fleet: Fleet) -> None:
    """Kill programs of a line as somebody says stop, and start them again as systemd does."""
    for what, name, killed in (
        ("stop, and kill -9 of its daemon", "nl", ("daemon",)),
        ("stop, and kill -9 of its exchange", "fr", ("exchange",)),
        ("stop, and kill -9 of all of be", "fr", ()),
    ):
        person = fleet.person()
        fleet.mark()
        fleet.lines[name].deliver(person, STOP)
        victim = fleet.lines[name if killed else "be"]
        victim.halt(*(killed or ("daemon", "control", "exchange")), number=signal.SIGKILL)
        victim.run()
        fleet.step(what, name, person)


def clock_of_1970(fleet: Fleet) -> None:
    """Start a line with a clock that says 1970: what it says and hears holds as before."""
    line, there, elsewhere = fleet.lines["be"], fleet.person(), fleet.person()
    line.halt("daemon", "control", "exchange")
    (line.folder / "days").write_text(str(DAYS_TO_1970))
    line.is_in_1970 = True
    line.run()
    fleet.mark()
    line.deliver(there, STOP)
    fleet.step("be says 1970; stop", "be", there)
    fleet.mark()
    fleet.lines["fr"].deliver(elsewhere, STOP)
    fleet.step("be says 1970; stop", "fr", elsewhere)
    line.halt("daemon", "control", "exchange")
    line.is_in_1970 = False
    line.run()


def put_back(fleet: Fleet) -> None:
    """Put a line back from a backup of before a stop there: it hears its own words from the hub."""
    person, line = fleet.person(), fleet.lines["nl"]
    copy = fleet.folder / "copy.db"
    line.cli("db", "backup", str(copy))
    line.deliver(person, STOP)
    fleet.until_known(person)
    line.halt("daemon", "control", "exchange")
    del line.knew[person]
    kept = line.folder / "before"
    kept.mkdir()
    for path in line.folder.glob("hotlined.db*"):
        path.rename(kept / path.name)
    shutil.copy(copy, line.database)
    shutil.copy(copy.with_name("copy.db.key"), line.folder / "hotlined.db.key")
    shutil.copy(kept / "hotlined.db.orders", line.folder)
    line.delivered = [each for each in line.delivered if each[0] != person]  # what came after the backup is lost
    fleet.mark()
    line.run()
    fleet.step("stop, and a backup of before is restored", "nl", person)


SHORT = (stop, block, hub_killed)
EVERY = (stop, block, opt_in, waiting_answer, off_line, hub_killed, programs_killed, clock_of_1970, put_back)
BY_NAME = {each.__name__.replace("_", "-"): each for each in EVERY}


# ---- what it came to


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def lost(line: Member) -> Counter[tuple[str, str]]:
    """Return what came to a line and is not in its log."""
    return Counter(line.delivered) - Counter((each["originator"], each["text"]) for each in line.log())


def wrongly_answered(line: Member) -> list[str]:
    """Return whom a line answered that knew better."""
    return [number for at, number in line.left if at > line.knew.get(number, float("inf"))]


def found(line: Member) -> Iterator[str]:
    """Yield each promise that a line did not keep."""
    yield from (f"{text!r} of {number} is lost" for number, text in lost(line))
    yield from (f"{number} was answered, and the line knew better" for number in wrongly_answered(line))


def report(fleet: Fleet) -> Iterator[str]:
    """Yield the tables."""
    head = ["what", "where", "known by all after s", *(f"a text to {name}" for name in fleet.lines)]
    rows = [
        [each.what, each.where, each.seconds, *(each.then.get(name, "-") for name in NAMES)] for each in fleet.steps
    ]
    yield from table([head, *rows])
    yield ""
    totals = [["line", "contacts", "answers", "opt-outs of its own", "known of others", "lost", "answered wrongly"]]
    for name, line in fleet.lines.items():
        counts = (
            len(line.log()),
            len(line.submitted()),
            line.count("SELECT count(*) FROM numbers WHERE opted_out_at IS NOT NULL"),
            line.count(
                "SELECT count(*) FROM fleet_persons WHERE opted_out > opted_out_undone OR blocked > blocked_undone"
            ),
            lost(line).total(),
            len(wrongly_answered(line)),
        )
        totals.append([name, *map(str, counts)])
    yield from table(totals)


@contextlib.contextmanager
def fleet_of_three(folder: Path, cluster: postgres.Cluster, *, quick: bool) -> Iterator[Fleet]:
    """Give three lines in service that are members of one fleet; nothing of them is left behind."""
    with contextlib.ExitStack() as stack:
        lines = []
        for name in NAMES:
            (folder / name).mkdir()
            simulator = stack.enter_context(simulation.start(folder / name, sim_size=10, me_size=0))
            line = stack.enter_context(Member(folder / name, simulator, name, quick=quick))
            lines.append(line)
        fleet = Fleet(folder, cluster, lines, quick=quick)
        fleet.begin()
        yield fleet


@click.command()
@click.option("--quick", is_flag=True, help="The shortest form: three steps, and exchanges that hardly wait.")
@click.option("--step", "names", multiple=True, type=click.Choice(tuple(BY_NAME)), help="Only this one.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave databases and logs in this folder."
)
def main(quick: bool, names: Sequence[str], keep: Path | None) -> None:
    """Play what people and machines do to a fleet of three lines; ends with 1 where a promise was not kept."""
    if not postgres.PROGRAMS:
        raise click.ClickException("The hub needs PostgreSQL: apt install postgresql")
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        folder.mkdir(parents=True, exist_ok=True)
        cluster = stack.enter_context(postgres.running(postgres.PROGRAMS[-1]))
        fleet = stack.enter_context(fleet_of_three(folder, cluster, quick=quick))
        for play in [BY_NAME[name] for name in names] or (SHORT if quick else EVERY):
            click.echo((play.__doc__ or "").strip(), err=True)
            play(fleet)
        click.echo("\n".join(report(fleet)))
        wrong = [f"{line.name}: {name}" for line in fleet.lines.values() for name in found(line)]
    told = ["VIOLATED", *wrong] if wrong else ["nothing lost, nobody answered by a line that knew better"]
    click.echo("\n".join(["", *told]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
