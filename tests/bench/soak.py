"""Throws all kinds of faults at the daemon and its modem as texts arrive, and checks each promise; scripts/run soak.

One fault at a time, drawn by a seed; texts go on arriving. A fault ends when the simulated world has done its part: the
stick is in again, the network is back, or nothing is left to do. Two times are measured from then on: until a later
text is on the disk and the modem ready, and until the SIM is seen empty. The soak plays the network, the people and the
unit that switches the stick's power. The machine stays as it is: the daemon's calendar and USB are files.

Known to be wrong: the drawn faults depend on the seed alone, but their moments do not.
"""

import bisect
import contextlib
import itertools
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / room) for room in ("", "harness"))

import click
from conftest import Line
from sysfs import Plugged, build

from hotlined.rules.policy import WINDOW_SECONDS
from hotlined.simulator import client as simulation
from hotlined.simulator.makes import MAKES

IN_SERVICE_SECONDS = 120.0  # the promise
DRAINED_SECONDS = 120.0  # until a readable SIM is empty, with refused deletions
SETTLED_SECONDS = 120.0  # for the last texts and answers at the end
TAKEN_SECONDS = 20.0  # until a fault that is switched on has to strike
SUBMITTED_SECONDS = 4.0  # at most, of the simulated network for a segment
LINES_SHOWN = 60  # of the log, after a broken promise
LATE_SECONDS = 150.0  # at most, between the counting of a segment and its leaving
MOST_MIB = 64.0  # of memory for a daemon
SHORT_CODE = "8888"
NAMES = ("ttyUSB0", "ttyUSB1", "ttyUSB2")  # of the stick: another at each plugging in
SEGMENTS_A_MINUTE, LEAST_SEGMENTS = 4, 60  # of the hour's limit: less than can be sent, so that it is reached
RESERVE_PERCENT = 90  # so that the reserve is reached, too
TEXTS = ("1. Non, c'est non. " * 9, "2. Toujours non.", "3. C'est la dernière fois.")
"""The answers: two segments, one, one; each number gets each at most once."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "modem": {
        "port": "auto", "poll_interval": "5s", "send_interval": "1s", "send_timeout": "20s", "ring_for": "8s",
        "delivery_reports": True,
    },
    "answer": {"delay": ["0s", "5s"]},
    "limits": {"cooldown": "60s"},
    "credit": {"ussd": "*100#"},
}  # fmt: skip
"""Changes of the defaults, so that much happens in a short time."""


class ViolatedError(AssertionError):
    """A promise was not kept."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the end of a fault until the daemon was in service again, and until the SIM was empty."""

    kind: str
    in_service: float
    empty: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a soak."""

    seed: int
    recoveries: Sequence[Recovery]
    texts: int
    repeats: int
    calls: int
    missed: int
    """Faults that did not strike in time: their condition did not come about."""
    answers: int
    segments: int
    limit: int
    peak_mib: float


@dataclass(slots=True)
class Ledger:
    """The simulated network's records: PDUs handed over with their counts, segments with their times, ended calls."""

    handed_over: Counter[str] = field(default_factory=Counter)
    unstored: Counter[str] = field(default_factory=Counter)
    """PDUs among these that were handed over without being stored: reports, lost if the daemon ends unread."""
    left: list[tuple[float, str, str]] = field(default_factory=list)
    """Monotonic time, recipient and PDU of each segment that left."""
    calls_over: list[str] = field(default_factory=list)

    def follow(self, events: Iterator[dict[str, Any]]) -> None:
        """Record the simulator's events until it ends."""
        for event in events:
            match event["event"]:
                case "delivered":
                    self.handed_over[event["pdu"]] += 1
                    self.unstored[event["pdu"]] += event["storage"] is None
                case "segment":
                    self.left.append((time.monotonic(), event["recipient"], event["pdu"]))
                case "hung_up":
                    self.calls_over.append(event["number"])


Message = tuple[str, Mapping[str, Any]]
Fault = Callable[["Soak"], object]
Check = Callable[["Soak"], Iterator[str]]


class Soak:
    """A line under fire. `longest` bounds how long a fault of the outside world lasts, in seconds."""

    def __init__(self, line: Line, seed: int, *, longest: float, limit: int) -> None:
        self.line = line
        self.sim = line.sim
        self.chance = random.Random(seed)
        self.longest = longest
        self.limit = limit
        self.ledger = Ledger()
        self.bodies: dict[str, str] = {}
        self.callers: list[str] = []
        self.mms = 0
        self.missed = 0
        self.queued: Counter[str] = Counter()
        self.peak_mib = 0.0
        self._traffic = random.Random(seed + 1)
        self._serial = 0
        self._arrivals: deque[Message] = deque()
        self._next_arrival = 0.0
        self._is_down = False
        self._names = itertools.cycle(NAMES)
        self._wish = line.folder / "run" / "main" / "power-cycle"
        self._follower = threading.Thread(target=self.ledger.follow, args=(self.sim.watch(),), daemon=True)

    def begin(self) -> None:
        """Plug the stick in, configure the line and bring it into service."""
        segments = {"hour": self.limit, "day": 2 * self.limit, "month": 4 * self.limit}
        self.line.settings |= {
            "answer": {"texts": TEXTS},
            "limits": {"segments": segments, "reserve_for_new": f"{RESERVE_PERCENT}%"},
        }
        self.line.configure(**SETTINGS)
        self.set_calendar(0, known=True)
        self.plug()
        self._follower.start()
        self.start()
        self.until(self.is_ready, "the daemon is in service", IN_SERVICE_SECONDS)

    def end(self) -> None:
        """End the simulator, and with it the ledger."""
        self.line.simulator.process.terminate()
        if self._follower.is_alive():
            self._follower.join()

    # ---- time

    def tick(self) -> None:
        """Let texts arrive for a moment, and cycle the power of the stick if that is requested."""
        assert self.line.daemon
        if not self._is_down and self.line.daemon.poll() is not None:
            raise ViolatedError(f"the daemon has ended by itself ({self.line.daemon.returncode})")
        if self._wish.exists():
            self._wish.unlink()
            self.sim.do("power_cycle", off=2.0)
        if time.monotonic() >= self._next_arrival:
            self._next_arrival = time.monotonic() + self._traffic.expovariate(0.5)
            self._let_arrive()
        time.sleep(0.05)

    def play(self, seconds: float) -> None:
        """Let some time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()

    def a_while(self) -> float:
        """Draw a duration, in seconds."""
        return self.chance.uniform(0.5, self.longest)

    def until(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        """Let time pass until a condition is true; it is a violation if that takes too long."""
        if not self.comes_true(condition, seconds):
            raise ViolatedError(f"not within {seconds:g} s: {what}")

    def comes_true(self, condition: Callable[[], object], seconds: float) -> bool:
        """Let time pass until a condition is true, and tell whether it came true in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end:
                return False
            self.tick()
        return True

    # ---- traffic

    def new_number(self) -> str:
        """Return a number that was never used."""
        self._serial += 1
        return f"+3247{self._serial:07}"

    def text(self) -> str:
        """Let a text from a new number arrive at once, and return its words."""
        body = self._body()
        self._hand_over("deliver", {"from_": self.bodies[body], "text": body})
        return body

    def _body(self, originator: str = "", words: str = "") -> str:
        """Return new words, noted as those of this originator; a new number if none is given."""
        self._serial += 1
        body = f"no. {self._serial} {words}".strip()
        self.bodies[body] = originator or self.new_number()
        return body

    def _let_arrive(self) -> None:
        if not self._arrivals:
            kinds = (self._short, self._short, self._known, self._known, self._long, self._mms, self._again)
            self._arrivals += self._traffic.choice(kinds)()
        if self._arrivals:
            self._hand_over(*self._arrivals.popleft())

    def _hand_over(self, name: str, given: Mapping[str, Any]) -> None:
        self.queued.update(pdu.upper() for pdu in self.sim.do(name, **given)["pdus"])

    def _short(self) -> Iterator[Message]:
        body = self._body(words=self._traffic.choice(("coucou", "ça va ? 😀", "t où")))
        yield "deliver", {"from_": self.bodies[body], "text": body}

    def _known(self) -> Iterator[Message]:
        body = self._body(self._traffic.choice((*self.bodies.values(), SHORT_CODE)))
        yield "deliver", {"from_": self.bodies[body], "text": body}

    def _long(self) -> Iterator[Message]:
        """Split a text into segments that come in any order, with a pause in between."""
        body = self._body(words=self._traffic.choice(("pourquoi ? " * 35, "mais ê " * 25)))
        parts = [1, 2, 3]
        self._traffic.shuffle(parts)
        text: dict[str, Any] = {
            "from_": self.bodies[body],
            "text": body,
            "scts": datetime.now().astimezone().isoformat(),
        }
        text |= {"reference": self._serial % 256, "bits": self._traffic.choice((8, 16))}
        at = self._traffic.randint(1, 2)
        yield from (("deliver", text | {"parts": each}) for each in (parts[:at], parts[at:]))

    def _mms(self) -> Iterator[Message]:
        self.mms += 1
        yield "mms", {"from_": self.new_number(), "subject": "photo"}

    def _again(self) -> Iterator[Message]:
        """Deliver a text again that is known to have left the SIM; before that it would not count as a repeat."""
        deleted = self.line.rows("SELECT pdu, count(*) FROM segments GROUP BY pdu HAVING count(deleted_at) = count(*)")
        known = sorted(pdu for pdu, count in deleted if self.queued[pdu] == count)
        if known:
            yield "deliver_pdu", {"pdu": self._traffic.choice(known)}

    # ---- the daemon

    def start(self) -> None:
        """Start the daemon on its own machine."""
        folder = self.line.folder
        self.line.start({"calendar": str(folder), "sysfs": str(folder / "usb/sys"), "dev": str(folder / "usb/dev")})
        self._is_down = False

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the daemon by a signal; SIGTERM and SIGINT end it in order."""
        self._is_down = True
        if self.line.stop(number) not in {0, -signal.SIGKILL}:
            raise ViolatedError(f"the daemon ended with {self.line.daemon and self.line.daemon.returncode}")

    def is_ready(self) -> bool:
        """Whether the status file is this daemon's and says that the modem is ready."""
        assert self.line.daemon
        status = self.line.status()
        return status.get("pid") == self.line.daemon.pid and status["modem"]["state"] == "ready"

    def is_empty(self) -> bool:
        """Whether everything in the network and on the SIM has been received."""
        state = self.sim.do("state")
        return not state["queue"] and not any(storage["used"] for storage in state["storages"].values())

    # ---- the daemon's machine

    def plug(self) -> None:
        """Plug the stick in under another name; the link `by-id` follows it."""
        name = next(self._names)
        tree = self.line.folder / name
        if not tree.exists():
            build(tree, [Plugged("1-1.2", "1a86:7523", (f"00 ff/01/02 ch341-uart {name}",))])
        self.sim.do("replug", name=str(tree / "dev" / name))
        self._link("usb", name)
        self._link("by-id", f"usb/dev/{name}")

    def pull(self) -> None:
        """Pull the stick."""
        self.sim.do("unplug")
        self._link("usb", "nothing")

    def set_calendar(self, days: int, *, known: bool) -> None:
        """Set the daemon's calendar off by some days, synchronised for its kernel or not."""
        fresh = self.line.folder / "days.new"
        fresh.write_text(str(days))
        fresh.replace(self.line.folder / "days")
        mark = self.line.folder / "synchronised"
        mark.touch() if known else mark.unlink(missing_ok=True)

    def _link(self, name: str, target: str) -> None:
        fresh = self.line.folder / f"{name}.new"
        fresh.symlink_to(target)
        fresh.replace(self.line.folder / name)

    # ---- faults

    def suffer(self, kind: str) -> Recovery:
        """Let a fault happen, and return the times until the daemon is in service again."""
        with self.line.log_path.open("a") as log:
            log.write(f"-- soak: {kind}\n")
        FAULTS[kind](self)
        began = time.monotonic()
        body = self.text()
        self.until(
            lambda: self.line.count("SELECT count(*) FROM contacts WHERE text = ?", body) and self.is_ready(),
            f"a new text is recorded and the modem is ready after {kind!r}",
            IN_SERVICE_SECONDS,
        )
        in_service = time.monotonic() - began
        self.until(self.is_empty, f"the SIM is empty after {kind!r}", DRAINED_SECONDS)
        self.sim.do("clear")
        return Recovery(kind, in_service, time.monotonic() - began)

    def struck(self, seconds: float = TAKEN_SECONDS) -> bool:
        """Let time pass until the active fault has struck as often as it should."""
        return self.comes_true(lambda: not self.sim.do("state")["faults"], seconds)

    def settle(self) -> None:
        """Stop the traffic, let all pending work end, and then stop the daemon.

        Not all due answers have to leave, but one has to.
        """
        while self._arrivals:
            self._hand_over(*self._arrivals.popleft())
        self._next_arrival = float("inf")
        left = len(self.ledger.left)
        self.until(
            lambda: (
                self.is_empty()
                and not self.line.count("SELECT count(*) FROM contacts WHERE verdict IS NULL")
                and not self.line.count(UNCONFIRMED)
                and not self.line.count(OPEN)
                and (len(self.ledger.left) > left or not self.line.count(DUE))
            ),
            "all texts are judged, no answer is half sent, and one that was due has left",
            SETTLED_SECONDS,
        )
        self.stop()


UNCONFIRMED = "SELECT count(*) FROM segments WHERE deleted_at IS NULL AND kind != 'status_report'"
SUBMITTING = "SELECT count(*) FROM answer_segments WHERE state = 'submitting'"
OPEN = "SELECT count(*) FROM answers WHERE state = 'sending'"
DUE = "SELECT count(*) FROM log WHERE answer_waiting_for IN ('due', 'send_interval', 'network', 'retry')"


# ---- the faults: each returns when the simulated world has done its part


def _switched(kind: str, *commands: str | None, most: int = 1, **choices: Any) -> Fault:
    """Return a function that switches a simulator's fault on, for a number of times, and waits until it has struck."""

    def inject(soak: Soak) -> None:
        given = {name: soak.chance.choice(values) for name, values in choices.items()}
        command = soak.chance.choice(commands) if commands else None
        soak.sim.do("fault", kind=kind, command=command, count=soak.chance.randint(1, most), **given)
        soak.text()
        if not soak.struck():
            soak.missed += 1
            soak.sim.do("clear")

    return inject


def _late_beside_an_open_one(soak: Soak) -> None:
    """Let a result come late, just before or at the next submission, whose own result proves nothing."""
    late = soak.chance.choice(({"kind": "one_late", "command": "+CMGS"}, {"kind": "result_at_prompt"}))
    soak.sim.do("fault", count=1, **late)
    soak.sim.do("fault", kind="error", command="+CMGS", cms=500, count=1, after=1)
    soak.text()
    soak.text()
    if not soak.struck(2 * TAKEN_SECONDS):
        soak.missed += 1
        soak.sim.do("clear")


def _until(kind: str, command: str | None, remedy: str, **given: Any) -> Fault:
    """Return a function that switches on a simulator's fault that only a remedy ends; the daemon has to find it."""
    return lambda soak: soak.sim.do("fault", kind=kind, command=command, until=remedy, **given)


def _hang(soak: Soak) -> None:
    """Hang until a reset, which may remove the port."""
    soak.sim.do("away", seconds=soak.chance.choice((None, 2.0)))
    soak.sim.do("fault", kind="hang", until="reset")


def _lying_registration(soak: Soak) -> None:
    """Let nothing leave though the modem is registered, until the radio was off."""
    soak.sim.do("fault", kind="error_after_submit", cms=500, until="radio")
    for _ in range(4):
        soak.text()
    soak.missed += not soak.struck(3 * TAKEN_SECONDS)


def _during(message: str, given: Mapping[str, Sequence[Any]], after: Mapping[str, Any]) -> Fault:
    """Return a function that changes the simulated world for a while."""

    def inject(soak: Soak) -> None:
        soak.sim.do(message, **{name: soak.chance.choice(values) for name, values in given.items()})
        soak.play(soak.a_while())
        soak.sim.do(message, **after)

    return inject


def _unplug(soak: Soak) -> None:
    """Pull the stick, and plug it in again under another name."""
    soak.pull()
    soak.play(soak.a_while())
    soak.plug()


def _forget(soak: Soak) -> None:
    settings = ("E", "+CMGF", "+CNMI", "+CMEE", "+CSMS", "+CREG")
    soak.sim.do("forget", settings=soak.chance.sample(settings, soak.chance.randint(1, len(settings))))


def _call(soak: Soak) -> None:
    number = soak.new_number()
    soak.callers.append(number)
    soak.sim.do("call", from_=number, rings=soak.chance.randint(2, 6), interval=3.0)
    soak.until(lambda: number in soak.ledger.calls_over, "a call that rings is hung up", IN_SERVICE_SECONDS)


def _ussd(soak: Soak) -> None:
    """Let a person ask for the balance, with any result of the network."""
    kind = soak.chance.choice(("notify", "menu", "error", "timeout", "silence"))
    soak.sim.do("ussd", code="*100#", text="Solde: 12,34 EUR", kind=kind)
    balance = subprocess.Popen(
        [sys.executable, "-m", "hotlined", "--config", str(soak.line.config), "sim", "balance"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    soak.until(lambda: balance.poll() is not None, f"the balance is told ({kind})", IN_SERVICE_SECONDS)


def _while_sending(fault: Fault) -> Fault:
    """Return a function that causes a fault during a submission, before or after the segment leaves."""

    def inject(soak: Soak) -> None:
        soak.text()
        soak.missed += not soak.comes_true(lambda: soak.line.count(SUBMITTING), TAKEN_SECONDS)
        soak.play(soak.chance.uniform(0.0, SUBMITTED_SECONDS))
        fault(soak)

    return inject


def _full(soak: Soak) -> None:
    """Start with a full SIM, and further texts in the network."""
    soak.stop()
    for _ in range(25):
        soak.text()
    soak.start()


def _kill(soak: Soak) -> None:
    soak.stop(signal.SIGKILL)
    soak.play(soak.a_while() / 4)
    soak.start()


def _kill_later(soak: Soak) -> None:
    soak.play(soak.a_while() / 2)
    _kill(soak)


def _kill_in_recovery(soak: Soak) -> None:
    """Kill the daemon in the midst of a recovery."""
    _hang(soak)
    _kill_later(soak)


def _stop(soak: Soak) -> None:
    soak.stop()
    soak.start()


def _reload(soak: Soak) -> None:
    """Name the port or let it be found, and reload."""
    assert soak.line.daemon
    soak.line.configure(modem={"port": soak.chance.choice(("auto", str(soak.line.folder / "by-id")))})
    soak.line.daemon.send_signal(signal.SIGHUP)


def _lock(soak: Soak) -> None:
    """Lock the database."""
    with contextlib.closing(sqlite3.connect(soak.line.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        soak.play(soak.a_while())
        connection.execute("ROLLBACK")


def _step_calendar(soak: Soak) -> None:
    """Step the calendar of a running daemon back or forth, and back again; some daemons start with it, too."""
    soak.set_calendar(soak.chance.choice((-20_000, -400, -1, 1, 400, 4_000)), known=soak.chance.choice((True, False)))
    soak.play(soak.a_while())
    if soak.chance.choice((True, False)):
        _kill(soak)
        soak.play(soak.a_while())
    soak.set_calendar(0, known=True)


ASKED = ("+CMGL", "+CPMS", "+CMGD", "+CREG", "+CMGF", "+CIMI")  # commands of a daemon in service

# Causes of a text that did not leave: TS 24.011 E-2, TS 23.040 9.2.3.22, TS 27.005 3.2.5
CAUSES = (8, 21, 41, 42, 47, 50, 96, 111, 127, 192, 195, 208, 255, 304, 310, 322, 330, 331)

FAULTS: Mapping[str, Fault] = {
    "stick pulled": _unplug,
    "modem switched off": _during("power", {"on": (False,)}, {"on": True}),
    "modem resets": lambda soak: soak.sim.do("reset"),
    "power cycled": lambda soak: soak.sim.do("power_cycle"),
    "hangs until reset": _hang,
    "hangs until power": _until("hang", None, "power"),
    "lists only after radio": _until("error", "+CMGL", "radio"),
    "lists only after reset": _until("error", "+CMGL", "reset"),
    "commands swallowed": _switched("hang", *ASKED, most=2),
    "commands fail": _switched("error", *ASKED, most=3, cms=(None, 321, 500)),
    "answers lost": _switched("lost_answer", *ASKED, most=2),
    "answer late": _switched("one_late", *ASKED),
    "garbage": _switched("garbage", most=20),
    "slow": _switched("slow", most=20),
    "byte by byte": _switched("bytewise", most=20),
    "echo back": _switched("echo_back", most=5),
    "codes in between": _switched("urc_inside", "+CMGL", "+CPMS", "+CREG", most=3, at=(0, 1, 2, 3)),
    "listing lies": _switched("list_lies", "+CMGL", most=3, how=("length", "empty", "nonhex")),
    "signal in between": _switched("urc_inside", "+CMGS", "+CMGL", most=3, at=(0, 1), urc=("+CSQ: 20,99",)),
    "SIM busy": _switched("storage_refused", most=5, cms=(None, 314, 515)),
    "empty is an error": _switched("empty_refused", most=5, cms=(320, 321, 500)),
    "counts lie": _switched("list_lies", "+CPMS", most=3, how=("used",)),
    "listing breaks off": _switched("truncate_listing", lines=(1, 2, 3)),
    "listing and reset": _switched("interrupt_listing", lines=(1, 2, 3)),
    "deletion refused": _switched("delete_refused", cms=(None, 320, 500)),
    "no prompt": _switched("prompt_refused", cms=(None, 302, 310, 331, 500)),
    "prompt lost": _switched("hang", "+CMGS"),
    "submission refused": _switched("error", "+CMGS", cms=CAUSES),
    "error after leaving": _switched("error_after_submit", cms=(None, 38, 332, 500, 512)),
    "result lost": _switched("no_result"),
    "result late": _switched("late_result", seconds=(5.0, 15.0, 25.0)),
    "result late, then open": _late_beside_an_open_one,
    "registration lies": _lying_registration,
    "network gone": _during("network", {"registered": ("searching", "denied", "none")}, {"registered": "home"}),
    "roaming": _during("network", {"registered": ("roaming",)}, {"registered": "home"}),
    "no service centre": _during("network", {"centre": ("",)}, {"centre": "+32475161616"}),
    "settings forgotten": _forget,
    "SIM taken out": _during("sim", {"absent": (True,)}, {"absent": False}),
    "SIM full": _full,
    "call": _call,
    "balance asked": _ussd,
    "daemon killed": _kill_later,
    "daemon stopped": _stop,
    "resets while sending": _while_sending(lambda soak: soak.sim.do("reset")),
    "pulled while sending": _while_sending(_unplug),
    "killed in recovery": _kill_in_recovery,
    "killed while sending": _while_sending(_kill),
    "stopped while sending": _while_sending(_stop),
    "configuration read": _reload,
    "database locked": _lock,
    "calendar steps": _step_calendar,
}
"""The faults, by their names in the figures."""


def draw(seed: int, kinds: Sequence[str]) -> Iterator[str]:
    """Yield kinds of faults without end, all of them before any comes again."""
    chance = random.Random(seed)
    while True:
        yield from chance.sample(kinds, len(kinds))


# ---- the promises


def _traceback(soak: Soak) -> Iterator[str]:
    if "Traceback" in soak.line.log_path.read_text():
        yield "the daemon's log has a traceback"


def _memory(soak: Soak) -> Iterator[str]:
    assert soak.line.daemon
    with contextlib.suppress(FileNotFoundError, StopIteration):
        rows = Path(f"/proc/{soak.line.daemon.pid}/status").read_text().splitlines()
        soak.peak_mib = max(soak.peak_mib, next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmHWM:")))
    if soak.peak_mib > MOST_MIB:
        yield f"the daemon has held {soak.peak_mib:.0f} MiB"


def _twice(soak: Soak) -> Iterator[str]:
    for (recipient, pdu), count in Counter((recipient, pdu) for _, recipient, pdu in soak.ledger.left).items():
        if count > 1:
            yield f"a segment for {recipient} left {count} times: {pdu}"
    answers = Counter((text["recipient"], text["text"][:2]) for text in soak.line.submitted())
    for (recipient, answer), count in answers.items():
        if count > 1:
            yield f"{recipient} got answer {answer!r} {count} times"


def _limits(soak: Soak) -> Iterator[str]:
    """Check that no window lets out more than its limit, or more later answers than the reserve leaves."""
    later = {text[:2] for text in soak.line.settings["answer"]["texts"][1:]}
    of_later = {pdu for text in soak.line.submitted() if text["text"][:2] in later for pdu in text["pdus"]}
    everything = [at for at, _, _ in soak.ledger.left]
    returning = [at for at, _, pdu in soak.ledger.left if pdu in of_later]
    for window, limit in soak.line.settings["limits"]["segments"].items():
        width = WINDOW_SECONDS[window] - LATE_SECONDS
        for times, what, may in (
            (everything, "segments", limit),
            (returning, "segments of later answers", limit - limit * RESERVE_PERCENT // 100),
        ):
            most = max((bisect.bisect(times, at + width) - first for first, at in enumerate(times)), default=0)
            if most > may:
                yield f"{most} {what} left within one {window}, {may} may"


def _counted(soak: Soak) -> Iterator[str]:
    # before the query: the daemon may begin another segment meanwhile
    left = Counter(recipient for _, recipient, _ in soak.ledger.left)
    counted = soak.line.rows(
        "SELECT a.recipient, count(*) FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
        " JOIN answers a ON a.id = t.answer_id WHERE s.state NOT IN ('refused', 'cancelled') GROUP BY a.recipient"
    )
    for recipient, extra in (left - Counter(dict(counted))).items():
        yield f"{extra} segments for {recipient} left and were not counted"


ALWAYS: Sequence[Check] = (_traceback, _memory, _twice, _limits, _counted)


def _once(soak: Soak) -> Iterator[str]:
    """Check that each PDU handed over is in the log once, and that further deliveries are repeats of it.

    A report of a segment that left right before the stop is on the SIM instead, recorded or not.
    """
    lying = sum(storage["used"] for storage in soak.sim.do("state")["storages"].values())
    rows = Counter(dict(soak.line.rows("SELECT pdu, count(*) FROM segments GROUP BY pdu")))
    if soak.queued - soak.ledger.handed_over:
        yield "the simulator kept something to itself"
    for pdu in sorted(rows.keys() | soak.ledger.handed_over.keys()):
        most = soak.ledger.handed_over[pdu]
        missing = most - soak.ledger.unstored[pdu] - rows[pdu]
        if _is_report(pdu) and 0 < missing <= lying:
            lying -= missing
        elif missing > 0 or rows[pdu] > most:
            yield f"handed over {most} times, recorded {rows[pdu]} times: {pdu}"
    recorded = Counter(soak.line.rows("SELECT text, originator FROM contacts WHERE kind = 'text'"))
    for contact in sorted((recorded - Counter(soak.bodies.items())).elements()):
        yield f"a contact that nobody has sent, or one too many: {contact}"
    for contact in sorted((Counter(soak.bodies.items()) - recorded).elements()):
        yield f"a contact is missing: {contact}"
    repeats = sum(soak.ledger.handed_over[pdu] - 1 for pdu in soak.queued)
    for what, wanted, sql in (
        ("notifications of an MMS", soak.mms, "SELECT count(*) FROM contacts WHERE kind = 'mms'"),
        ("other contacts", 0, "SELECT count(*) FROM contacts WHERE kind NOT IN ('text', 'mms', 'call')"),
        ("repeats", repeats, "SELECT sum(repeats) FROM contacts"),
    ):
        if (found := soak.line.count(sql)) != wanted:
            yield f"{found} {what}, not {wanted}"
    if soak.line.count(UNCONFIRMED):  # of a report from right before the stop the next start confirms it
        yield "a text is recorded, and its deletion never confirmed"


def _is_report(pdu: str) -> bool:
    """Tell whether a PDU in hexadecimal is a status report: 23.040 9.2.3.1, after the service centre's address."""
    first = 2 + 2 * int(pdu[:2], 16)
    return int(pdu[first : first + 2], 16) & 3 == 2


def _calls(soak: Soak) -> Iterator[str]:
    recorded = Counter(number for (number,) in soak.line.rows("SELECT originator FROM contacts WHERE kind = 'call'"))
    if recorded != Counter(soak.callers):
        yield f"calls from {sorted(recorded.elements())} are recorded, not from {soak.callers}"


def _truth(soak: Soak) -> Iterator[str]:
    """Check that sent answers have left, and failed ones have not."""
    left = {pdu for _, _, pdu in soak.ledger.left}
    for state, pdu in soak.line.rows("SELECT state, pdu FROM answer_segments"):
        if (state in {"sent", "delivered", "undelivered"} and pdu not in left) or (state == "refused" and pdu in left):
            yield f"a segment is called {state}, which is not so: {pdu}"


AT_THE_END: Sequence[Check] = (*ALWAYS, _once, _calls, _truth)


def check(soak: Soak, checks: Sequence[Check]) -> None:
    """Raise ViolatedError with all findings of these checks."""
    if found := [words for each in checks for words in each(soak)]:
        raise ViolatedError("\n".join(found))


# ---- the soak


def run(
    folder: Path,
    *,
    minutes: float,
    seed: int,
    kinds: Sequence[str] = (),
    longest: float = 30.0,
    latency: str = "real",
    make: str = "generic",
    report: Callable[[str], object] = lambda _: None,
) -> Figures:
    """Cause faults for this time and return the figures; raise ViolatedError with the end of the log.

    No `kinds` means all of them; `report` is called after each fault.
    """
    with simulation.start(folder, sim_size=10, me_size=5, latency=latency, make=make) as simulator:
        line = Line(folder, simulator)
        soak = Soak(line, seed, longest=longest, limit=max(LEAST_SEGMENTS, round(SEGMENTS_A_MINUTE * minutes)))
        recoveries: list[Recovery] = []
        began = time.monotonic()
        try:
            soak.sim.do("habits", renumbers=True, overflows=soak.chance.choice((True, False)))
            soak.begin()
            for kind in draw(seed, kinds or tuple(FAULTS)):
                if time.monotonic() - began >= 60 * minutes:
                    break
                recoveries.append(back := soak.suffer(kind))
                report(f"{time.monotonic() - began:7.1f}  {kind:<26}{back.in_service:12.1f}{back.empty:10.1f}")
                check(soak, ALWAYS)
            soak.settle()
            check(soak, AT_THE_END)
        except BaseException as error:
            lines = line.log_path.read_text().splitlines() if line.log_path.exists() else []
            error.add_note("\n".join([f"seed {seed}; the end of the log:", *lines[-LINES_SHOWN:]]))
            raise
        else:
            left = line.submitted()
            return Figures(
                seed=seed,
                recoveries=recoveries,
                texts=len(soak.bodies) + soak.mms,
                repeats=line.count("SELECT sum(repeats) FROM contacts"),
                calls=len(soak.callers),
                missed=soak.missed,
                answers=len(left),
                segments=sum(text["segments"] for text in left),
                limit=soak.limit,
                peak_mib=soak.peak_mib,
            )
        finally:
            line.end()
            soak.end()


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long faults are thrown.")
@click.option("--seed", type=int, help="What is drawn depends on it; a random one if none is given.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(tuple(FAULTS)), help="Only faults of this kind.")
@click.option("--make", type=click.Choice(sorted(MAKES)), default="generic", show_default=True, help="Of the modem.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Leave database and log in this folder.")
def main(minutes: float, seed: int | None, kinds: Sequence[str], make: str, keep: Path | None) -> None:
    """Throw faults at the real daemon while texts arrive, and print the times until it is in service again."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        folder.mkdir(parents=True, exist_ok=True)
        unlike = (f"{part}.{key} {value}" for part, keys in SETTINGS.items() for key, value in keys.items())
        click.echo(f"seed {seed}, {minutes:g} minutes; unlike the defaults: {', '.join(unlike)}")
        click.echo(f"{'at s':>7}  {'fault':<26}{'in service s':>12}{'empty s':>10}")
        try:
            figures = run(folder, minutes=minutes, seed=seed, kinds=kinds, make=make, report=click.echo)
        except ViolatedError as error:
            click.echo("\n".join(["", "VIOLATED", str(error), *error.__notes__]))
            sys.exit(1)
    click.echo(f"\n{'fault':<26}{'count':>6}{'median s':>10}{'worst s':>9}{'SIM empty: worst s':>20}")
    by_kind: dict[str, list[Recovery]] = defaultdict(list)
    for back in figures.recoveries:
        by_kind[back.kind].append(back)
    for kind, backs in (*sorted(by_kind.items()), ("all", list(figures.recoveries))):
        seconds = [back.in_service for back in backs]
        click.echo(
            f"{kind:<26}{len(backs):>6}{statistics.median(seconds):>10.1f}{max(seconds):>9.1f}"
            f"{max(back.empty for back in backs):>20.1f}"
        )
    click.echo(
        f"\nseed {figures.seed}: {len(figures.recoveries)} faults ({figures.missed} did not strike in time),"
        f" {figures.texts} texts, {figures.repeats} repeats, {figures.calls} calls, {figures.answers} answers of"
        f" {figures.segments} segments ({figures.limit} an hour may), peak {figures.peak_mib:.0f} MiB;"
        " nothing lost, nothing sent twice, every limit held"
    )


if __name__ == "__main__":
    main()
