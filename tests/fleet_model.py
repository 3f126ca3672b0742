"""Three lines of one fleet on real databases and a real hub, played in any order, cut anywhere, and what has to hold.

What has to hold is kept in plain sets: each time that somebody opts out or is blocked is a thing of its own, which an
opt-in or unblock takes away where its line had heard of it. The code knows nothing of these sets, nor they of versions.
Each erasure is a thing of its own, too: whoever hears of it has nothing more of that person but what is kept. No clock
is synchronised, so nothing counts as later than an erasure. What a line counts are its own answers and what each other
line told last, as far as it has heard that since it erased the person.
`scripts/run fleet-model` plays at length.
"""

import contextlib
import functools
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from traceback import format_exception
from typing import Any, ClassVar, Self

import click
import hypothesis
import postgres
import psycopg
import pytest
import store_steps
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from hotlined import policy, pseudonym
from hotlined.clock import LimitClock, Now
from hotlined.config.loading import load
from hotlined.control.verbs import VERBS, Decision
from hotlined.fleet import hub as hub_module
from hotlined.fleet import join, sync
from hotlined.fleet.invitation import Invitation, Keys
from hotlined.gsm import alphabet
from hotlined.simulator import pdus
from hotlined.states import DecisionKind
from hotlined.store import backup, claims, contacts, fates, fleet, gate, opening, purging, queue
from hotlined.store.database import Database
from hotlined.store.history import history_of
from hotlined.store.line import clock_of
from hotlined.store.opening import open_for_daemon

NAMES = ("fr", "nl", "be")
FORGER = "zz"
NUMBERS = ("+32470000001", "+32470000002", "+32470000003")
KEYS = Keys("11" * 32, "22" * 32)
SHM = Path("/dev/shm")  # processes die here, disks do not: nothing has to wait for one
START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
CALENDARS = (datetime(1970, 1, 1, tzinfo=UTC), START - timedelta(days=400), START, START + timedelta(days=400))
RULES = policy.Rules(
    policy.Limits((timedelta(0),), 10_000, policy.Windows(10_000, 10_000, 10_000), 0),
    policy.Numbers(),
    timedelta(days=10_000),
)
_PLACES = {"persons": 7, "answers": 6}  # of the columns of a row at the hub
AT_ONCE = 50
"""Histories that are drawn by one seed: the rest of them is not played where one fails."""
MOST_POINTS = 130
"""More than there are in most exchanges: between any two statements it can be cut."""

lines = st.sampled_from(NAMES)
numbers = st.sampled_from((NUMBERS[0], *NUMBERS, NUMBERS[0], NUMBERS[0]))  # most of it about one person
points = st.integers(0, MOST_POINTS)


class CutError(BaseException):
    """The exchange was killed here."""


# ---- what has to hold


@dataclass(slots=True)
class Held:
    """What a line has of people: contacts of each number, which are answered or kept, and whom it has anything of."""

    contacts: dict[str, set[int]] = field(default_factory=lambda: {number: set() for number in NUMBERS})
    answered: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    texts: dict[int, int] = field(default_factory=dict)
    """Which text a contact is: a line that is put back gives its number to another one."""

    def answers(self, number: str) -> int:
        """Return how many answers a number had from here."""
        return len(self.contacts[number] & self.answered)

    def erase(self, number: str, *, own: bool) -> None:
        """Erase a person; what is kept stays where another line has ordered it."""
        self.contacts[number] &= set() if own else self.kept
        if not self.contacts[number]:
            self.named.discard(number)


@dataclass(frozen=True, slots=True)
class Said:
    """Once that a person opted out or was blocked."""

    serial: int
    number: str
    kind: DecisionKind
    line: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Once that a line erased a person."""

    serial: int
    number: str
    line: str


@dataclass(frozen=True, slots=True)
class Told:
    """Once that a line said how many answers a person had from it."""

    serial: int
    answers: int


Tellings = dict[tuple[str, str], Told]
"""What was told last, by line and number."""


@dataclass(slots=True)
class Known:
    """What somebody has heard: what was said, what of it was taken away, and who was erased."""

    said: set[Said] = field(default_factory=set)
    undone: set[Said] = field(default_factory=set)
    erased: set[Erased] = field(default_factory=set)

    def hear(self, other: "Known") -> None:
        """Learn what another knows."""
        self.said |= other.said
        self.undone |= other.undone
        self.erased |= other.erased

    def copy(self) -> "Known":
        """Return what is known now."""
        return Known(set(self.said), set(self.undone), set(self.erased))

    def refuses(self, number: str, kind: DecisionKind) -> bool:
        """Tell whether a number is refused for one of the two reasons."""
        return any((said.number, said.kind) == (number, kind) for said in self.said - self.undone)


class Oracle:
    """What each line has to know, what it has decided itself, and what each has committed at the hub."""

    def __init__(self) -> None:
        self.known = {name: Known() for name in NAMES}
        self.own = {name: Known() for name in NAMES}
        self.hub = {name: Known() for name in NAMES}
        self.held = {name: Held() for name in NAMES}
        self.told: Tellings = {}
        self.told_hub: Tellings = {}
        self.heard: dict[str, Tellings] = {name: {} for name in NAMES}
        self._read: dict[str, set[Told]] = {name: set() for name in NAMES}
        self._serials = count()

    def say(self, name: str, number: str, kind: DecisionKind) -> None:
        """Have a person opt out, or be blocked, at a line."""
        said = Said(next(self._serials), number, kind, name)
        for knows in (self.known[name], self.own[name]):
            knows.said.add(said)

    def must_refuse(self, name: str, number: str, kind: DecisionKind) -> bool:
        """Tell whether a line has to refuse a number: for something that its own line has not heard to be taken away.

        What a line has heard to be taken away it says no more; who hears of it by nobody else knows of neither.
        """
        known = self.known[name]
        left = {said for said in known.said - known.undone if said not in self.known[said.line].undone}
        return any((said.number, said.kind) == (number, kind) for said in left)

    def undo(self, name: str, number: str, kind: DecisionKind) -> None:
        """Take away what a line has heard."""
        seen = {said for said in self.known[name].said if (said.number, said.kind) == (number, kind)}
        for knows in (self.known[name], self.own[name]):
            knows.undone |= seen

    def erase(self, name: str, number: str) -> None:
        """Erase a person at a line, which all lines are to do; blocks that it has heard of go, opt-outs stay."""
        self.undo(name, number, DecisionKind.BLOCKS)
        erased = Erased(next(self._serials), number, name)
        for knows in (self.known[name], self.own[name]):
            knows.erased.add(erased)
        self._erase_here(name, number, own=True)

    def _erase_here(self, name: str, number: str, *, own: bool) -> None:
        """Have a line forget a person, and what others answered."""
        self.held[name].erase(number, own=own)
        self.heard[name] = {told: each for told, each in self.heard[name].items() if told[1] != number}
        self.tell(name, number)

    def tell(self, name: str, number: str) -> None:
        """Have a line say how many answers a person had from it, where that is another number than before."""
        answers = self.held[name].answers(number)
        if answers != (self.told[name, number].answers if (name, number) in self.told else 0):
            self.told[name, number] = Told(next(self._serials), answers)

    def pushed_answers(self, name: str) -> None:
        """Note that the hub has committed how many answers a line says that there were."""
        self.told_hub |= {told: each for told, each in self.told.items() if told[0] == name}

    def taken_answers(self, name: str, read: Tellings) -> None:
        """Note that a line has taken what others told the hub: each of it once."""
        news = {told: each for told, each in read.items() if told[0] != name and each not in self._read[name]}
        self.heard[name] |= news
        self._read[name] |= set(news.values())

    def counts(self, name: str, number: str) -> int:
        """Return how many answers of all lines a line has to count, where nothing was put back."""
        return self.held[name].answers(number) + sum(
            each.answers for (_line, told), each in self.heard[name].items() if told == number
        )

    def pushed(self, name: str) -> None:
        """Note that the hub has committed what a line decided."""
        self.hub[name].hear(self.own[name])

    def taken(self, name: str, read: dict[str, Known]) -> None:
        """Note that a line has taken what it read at the hub, and erased whom others have erased."""
        news = set().union(*(known.erased for known in read.values())) - self.known[name].erased
        for each in news:
            self._erase_here(name, each.number, own=False)  # no clock tells what was kept before the order
        for known in read.values():
            self.known[name].hear(known)
        self.own[name].hear(read[name])


def forms(number: str) -> tuple[bytes, bytes]:
    """Return how a number stands in a database: as digits, and within a PDU."""
    digits = number[1:] + "F" * (len(number[1:]) % 2)
    return number[1:].encode(), "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)).encode()


# ---- what is cut


@dataclass(slots=True)
class Play:
    """The exchange that runs: after how many points it is cut, and what happens in the middle of it."""

    left: int | None = None
    verb: str = ""
    interlude: tuple[int, str, str] | None = None
    pushed: set[str] = field(default_factory=set)
    machine: "Fleet | None" = None
    read: dict[str, Known] = field(default_factory=dict)
    read_answers: Tellings = field(default_factory=dict)
    name: str = ""
    crash: Callable[[], object] = bool

    def point(self) -> None:
        """Be cut here, where it is its turn."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise CutError


PLAY = Play()
_LOGINS = count()


class CutConnection(opening._Connection):
    """A connection to a line's database."""

    _is_inside = False
    """Whether a statement runs: a function of ours in it may run another, where SQLite would hide the cut."""

    def execute(self, sql: str, *arguments: Any) -> Any:  # type: ignore[override]
        """Run a statement, unless it is cut before; after a COMMIT it may be cut, too."""
        if sql != "ROLLBACK" and not self._is_inside:
            PLAY.point()
        was_inside, self._is_inside = self._is_inside, True
        try:
            cursor = super().execute(sql, *arguments)
        finally:
            self._is_inside = was_inside
        if sql == "COMMIT":
            verb, PLAY.verb = PLAY.verb, ""
            if verb == "fleet_take" and PLAY.machine:
                PLAY.machine.oracle.taken(PLAY.name, PLAY.read)
            elif verb == "fleet_answers_take" and PLAY.machine:
                PLAY.machine.oracle.taken_answers(PLAY.name, PLAY.read_answers)
            PLAY.point()
        return cursor


class CutHubConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection to the hub."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement, unless it is cut before; outside a transaction it is committed."""
        PLAY.point()
        cursor = super().execute(query, params, **options)
        text = str(query)
        PLAY.pushed |= {table for table in _PLACES if f"INSERT INTO hotlined.{table}" in text}
        if "SELECT place" in text and "hotlined.persons" in text and PLAY.machine:
            PLAY.read = {name: known.copy() for name, known in PLAY.machine.oracle.hub.items()}
        if "SELECT place" in text and "hotlined.answers" in text and PLAY.machine:
            PLAY.read_answers = dict(PLAY.machine.oracle.told_hub)
        if self.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._note_commit()
        return cursor

    @contextlib.contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        """Commit, unless it is cut before."""
        with super().transaction(*arguments, **options) as transaction:
            yield transaction
            PLAY.point()
        self._note_commit()

    def _note_commit(self) -> None:
        """Be cut after it, where it is its turn; somebody may decide something then."""
        pushed, PLAY.pushed = PLAY.pushed, set()
        if PLAY.machine:
            if "answers" in pushed:
                PLAY.machine.oracle.pushed_answers(PLAY.name)
            if "persons" in pushed:
                PLAY.machine.oracle.pushed(PLAY.name)
                PLAY.crash()
            PLAY.machine.meanwhile()
        PLAY.point()


class KeptDatabase(Database):
    """A line's database, open beside its daemon, whose connection is kept for the next who opens it.

    An exchange opens it seven times, each as a program of its own would: for the schema to be read anew each time took
    a quarter of a history. One that is closed within a transaction is closed, and the transaction undone.
    """

    idle: ClassVar[dict[Path, list[sqlite3.Connection]]] = {}

    @classmethod
    def open(cls, path: Path, cache_kib: int) -> Self:  # noqa: ARG003  it is as `_open_beside` is called
        """Open a database as `opening` does, but for the connection."""
        kept = cls.idle.setdefault(path, [])
        connection = kept.pop() if kept else opening._connect(path)
        try:
            opening.require_current(path, connection)
            anchor, epoch = clock_of(connection)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, LimitClock(anchor), epoch, bool)

    @classmethod
    def forget(cls, path: Path) -> None:
        """Close every connection to a database that is kept."""
        for connection in cls.idle.pop(path, ()):
            connection.close()

    def close(self) -> None:
        """Keep the connection."""
        if self.connection.in_transaction or self.path not in self.idle:
            self.connection.close()
        else:
            self.idle[self.path].append(self.connection)


def _decide(real: Any, config: Any, who: str, verb: str, **arguments: Any) -> Any:
    PLAY.verb = verb
    try:
        return real(config, who, verb, **arguments)
    finally:
        PLAY.verb = ""


# ---- the lines


class Line:
    """A line with a real database, which is served as the daemon does."""

    def __init__(self, folder: Path, name: str, address: str) -> None:
        folder.mkdir()
        self.name = name
        self.copy = folder / "backup"
        path = folder / "config.yaml"
        settings = {"line": name, "database": "hotlined.db", "runtime_dir": "run", "answer": {"text": "Non."}}
        path.write_text(json.dumps(settings | {"fleet": {"hub": address, "share": ["opt_outs", "blocks", "answers"]}}))
        self.config = load(path)
        self.db = open_for_daemon(store_steps.make_empty(folder / "hotlined.db"))
        self.source = store_steps.SOURCE._replace(line=name)
        self.calendar = START
        self.serials = count()
        join.join(self.db, Invitation(name, address, KEYS), self.now())

    def now(self) -> Now:
        """Return the moment, with the calendar that this line believes in."""
        return self.db.now()._replace(utc=self.calendar, synchronised=False)

    def act(self, verb: str, **arguments: Any) -> Any:
        """Carry out what a person decides, as the control program does."""
        return VERBS[verb].act(Decision(self.db, arguments, "anna", self.now(), lambda: self.config))

    def receive(self, number: str, text: str) -> policy.Verdict:
        """Receive a text and judge it."""
        serial = next(self.serials)
        moment = START + timedelta(seconds=serial)
        parts = pdus.write_text(number, text, scts=moment, reference=serial % 256)
        kept = store_steps.record(self.db, *parts, now=self.now(), source=self.source)
        contacts.confirm_deleted(self.db, [each.segment_id for each in kept], self.now())
        contact_id = int(self.db.value("SELECT max(id) FROM contacts"))
        return store_steps.judge(self.db, contact_id, self.now(), RULES)

    def send(self) -> list[tuple[str, int]]:
        """Let out what the gate lets out; return to whom, and to which contact that was the answer."""
        left = []
        for turn in queue.due(self.db, self.now(), trial=False):
            begun = store_steps.begin(self.db, turn.answer_id, self.now(), alphabet.plan("Non."), RULES)
            if isinstance(begun, gate.Begun):
                sql = "SELECT contact_id FROM answers WHERE id = ?"
                left.append((begun.recipient, int(self.db.value(sql, turn.answer_id))))
                store_steps.take(self.db, begun, self.now())
        return left

    def waiting(self) -> set[int]:
        """Return the contacts whose answers wait."""
        return {row["contact_id"] for row in self.db.all("SELECT contact_id FROM answers WHERE state = 'queued'")}

    def history(self, number: str) -> policy.History:
        """Return what verdict and gate read of a number."""
        return history_of(self.db, number, shadow=False)

    def refuses(self, number: str) -> dict[DecisionKind, bool]:
        """Return for which of the two reasons a number is refused."""
        history = self.history(number)
        return {
            DecisionKind.OPT_OUTS: bool(history.opted_out or history.opted_out_elsewhere),
            DecisionKind.BLOCKS: bool(history.blocked or history.blocked_elsewhere),
        }

    def counts(self, number: str) -> tuple[int, int]:
        """Return how many answers a number had from here, and from all lines."""
        history = self.history(number)
        return history.answers, history.answers + history.answers_elsewhere

    def close(self) -> None:
        """End the daemon, and whoever else has the database open."""
        KeptDatabase.forget(self.db.path)
        self.db.close()

    def reopen(self) -> None:
        """End the daemon and start it again."""
        path = self.db.path
        self.close()
        self.db = open_for_daemon(path)
        backup.quarantine_restored(self.db, self.now())
        fates.recover(self.db, self.now())

    def restore(self) -> None:
        """Put the backup back."""
        path = self.db.path
        self.close()
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        shutil.copy(self.copy, path)
        self.db = open_for_daemon(path)
        self.reopen()


# ---- the hub


class HubOfModel:
    """A real hub, emptied for each history, and what its operator does."""

    def __init__(self, cluster: postgres.Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.database("model")
        with hub_module.opened(self.url) as hub:
            hub.init()
            self.addresses = {name: hub.invite(name, f"hotlined_{name}_{next(_LOGINS)}") for name in NAMES}
        self.operator = psycopg.connect(self.url, autocommit=True)

    def empty(self) -> None:
        """Make it a new hub."""
        self.operator.execute("TRUNCATE hotlined.persons, hotlined.answers")
        self.operator.execute("ALTER SEQUENCE hotlined.places RESTART")
        self.rename()

    def rename(self) -> None:
        """Give it another name, as its operator does who put a backup back."""
        self.operator.execute("UPDATE hotlined.hub SET id = gen_random_uuid()")

    def rows(self, table: str = "persons") -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self.operator.execute(f"SELECT * FROM hotlined.{table} WHERE line <> %s", (FORGER,)).fetchall()

    def put_back(self, saved: dict[str, list[tuple[Any, ...]]]) -> None:
        """Put a backup back, under another name; places begin anew behind what it holds."""
        with self.operator.transaction():
            self.operator.execute("SET LOCAL session_replication_role = replica")
            self.operator.execute("TRUNCATE hotlined.persons, hotlined.answers")
            for table, rows in saved.items():
                for row in rows:
                    self.operator.execute(f"INSERT INTO hotlined.{table} VALUES ({', '.join(['%s'] * len(row))})", row)
            top = max((row[_PLACES[table]] for table, rows in saved.items() for row in rows), default=0)
            self.operator.execute("SELECT setval('hotlined.places', %s, %s)", (max(top, 1), top > 0))
        self.rename()

    def deliver_again(self, order: list[int]) -> None:
        """Give rows new places, in another order: all read them again."""
        rows = self.operator.execute("SELECT line, person FROM hotlined.persons ORDER BY line, person").fetchall()
        for index in order:
            if rows:
                self.operator.execute(
                    "UPDATE hotlined.persons SET version = version WHERE (line, person) = (%s, %s)",
                    rows[index % len(rows)],
                )

    def forge(self, number: str, kind: DecisionKind) -> None:
        """Send, as a line that has no keys, a row that undoes all that was ever said of a number."""
        person = pseudonym.of(bytes.fromhex(KEYS.pseudonyms), number)
        self.operator.execute("INSERT INTO hotlined.lines (line) VALUES (%s) ON CONFLICT DO NOTHING", (FORGER,))
        self.operator.execute(
            "INSERT INTO hotlined.persons AS p (line, person, version, undone, signature)"
            " VALUES (%s, %s, 1, %s, repeat('0', 64)) ON CONFLICT (line, person)"
            " DO UPDATE SET version = p.version + 1, undone = excluded.undone",
            (FORGER, person, claims.written({kind: dict.fromkeys(NAMES, claims.HIGHEST)})),
        )

    def recover(self) -> None:
        """Start PostgreSQL again."""
        self.cluster.start()
        self.operator.close()
        self.operator = psycopg.connect(self.url, autocommit=True)


# ---- what happens


class Fleet(RuleBasedStateMachine):
    """Three lines and what happens to them, in any order."""

    hub: HubOfModel

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(opening, "_Connection", CutConnection)
        self.patch.setattr(opening, "_open_beside", KeptDatabase.open)
        self.patch.setattr(psycopg, "connect", CutHubConnection.connect)
        self.patch.setattr(fleet, "ONE_ERASURE", False)  # else one reading is two of the sets
        self.patch.setattr(sync, "decide", functools.partial(_decide, sync.decide))
        self.folder = tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None)
        self.hub.empty()
        self.lines = {name: Line(Path(self.folder.name) / name, name, self.hub.addresses[name]) for name in NAMES}
        self.saved: dict[str, tuple[Known, Known, Held, set[int]]] = {}
        self.texts = count()
        self.saved_hub: tuple[dict[str, list[tuple[Any, ...]]], dict[str, Known]] | None = None
        self.restored = False
        self.hub_restored = self.both_restored = False
        self.sent: dict[str, set[int]] = {number: set() for number in NUMBERS}
        self.doubted: set[str] = set()
        """Who had been answered when something was put back: what counts then depends on who reads what when."""

    def teardown(self) -> None:
        """Have all exchange in peace, and compare."""
        try:
            self.all_end_the_same()
        finally:
            self.patch.undo()
            for line in self.lines.values():
                line.close()
            self.folder.cleanup()

    # ---- people

    @rule(name=lines, number=numbers)
    def say_stop(self, name: str, number: str) -> None:
        """Have somebody text stop."""
        self.oracle.say(name, number, DecisionKind.OPT_OUTS)
        assert not self.receive(name, number, "Stop").answer
        self.compare(name)

    def receive(self, name: str, number: str, text: str) -> policy.Verdict:
        """Have a line receive a text."""
        line, held = self.lines[name], self.oracle.held[name]
        verdict = line.receive(number, text)
        contact_id = int(line.db.value("SELECT max(id) FROM contacts"))
        held.contacts[number].add(contact_id)
        held.texts[contact_id] = next(self.texts)
        held.named.add(number)
        return verdict

    @rule(name=lines, number=numbers)
    def text(self, name: str, number: str) -> None:
        """Have somebody text; who is refused is not answered, and the reason is the right one."""
        verdict = self.receive(name, number, "Salut")
        must = any(self.oracle.must_refuse(name, number, kind) for kind in DecisionKind)
        may = any(self.oracle.known[name].refuses(number, kind) for kind in DecisionKind)
        refused = verdict.reason in {policy.Reason.OPTED_OUT, policy.Reason.BLOCKED}
        assert must <= refused <= (may or self.restored), (name, number, verdict, must, may)
        assert not (refused and verdict.answer)

    @rule(name=lines)
    def send(self, name: str) -> None:
        """Let out what waits: nothing to who is refused."""
        for number, contact_id in self.lines[name].send():
            self.has_left(name, number, contact_id)
            must = [kind for kind in DecisionKind if self.oracle.must_refuse(name, number, kind)]
            assert not must, (name, number)

    def has_left(self, name: str, number: str, contact_id: int) -> None:
        """Note that an answer has left, or may have."""
        held = self.oracle.held[name]
        held.answered.add(contact_id)
        self.sent[number].add(held.texts[contact_id])
        self.oracle.tell(name, number)

    @rule(name=lines, number=numbers, verb=st.sampled_from(("block", "unblock", "optin", "optin")))
    def decide(self, name: str, number: str, verb: str) -> None:
        """Have a person decide about a number."""
        if verb == "block":
            self.oracle.say(name, number, DecisionKind.BLOCKS)
        else:
            self.oracle.undo(name, number, DecisionKind.BLOCKS if verb == "unblock" else DecisionKind.OPT_OUTS)
        self.oracle.held[name].named.add(number)
        self.lines[name].act(verb, number=number)
        self.compare(name)

    @rule(name=lines, number=numbers)
    def forget(self, name: str, number: str) -> None:
        """Have a person erased: by a line that knows it, or does not."""
        self.oracle.erase(name, number)
        done = self.lines[name].act("forget", name=number, keep_opt_out=False)
        assert done
        assert done["rebuilt"]
        self.compare(name)

    forget_too = forget

    @rule(name=lines, number=numbers)
    def keep(self, name: str, number: str) -> None:
        """Have a contact kept."""
        held = self.oracle.held[name]
        for contact_id in sorted(held.contacts[number])[:1]:
            held.kept.add(contact_id)
            self.lines[name].act("keep", contact_id=contact_id)

    # ---- exchanges

    @rule(name=lines)
    def exchange(self, name: str) -> None:
        """Exchange wholly."""
        self.run_sync(name)

    exchange_too = exchange

    @rule(
        names=st.permutations(NAMES),
        number=numbers,
        said=st.sampled_from(((DecisionKind.OPT_OUTS, "optin"), (DecisionKind.BLOCKS, "unblock"))),
        again=st.booleans(),
        killed=st.sampled_from((None, None, *range(0, MOST_POINTS, 3))),
    )
    def two_lines_disagree(
        self, names: list[str], number: str, said: tuple[DecisionKind, str], again: bool, killed: int | None
    ) -> None:
        """Have something said at one line and undone at another that has heard of it, and said again meanwhile."""
        one, other, _third = names
        kind, undo = said
        say = self.say_stop if kind is DecisionKind.OPT_OUTS else functools.partial(self.decide, verb="block")
        say(name=one, number=number)
        self.run_sync(one, killed)
        self.run_sync(other)
        if again:
            say(name=one, number=number)
        self.decide(other, number, undo)
        self.run_sync(other, killed)
        self.run_sync(one)

    two_lines_disagree_too = two_lines_disagree

    @rule(names=st.permutations(NAMES), number=numbers, kept=st.booleans())
    def one_line_answers_and_another_erases(self, names: list[str], number: str, kept: bool) -> None:
        """Have somebody erased at a line that has heard of an answer, which may belong to a contact that is kept."""
        one, other, _third = names
        refused = {each: any(self.lines[one].refuses(each).values()) for each in NUMBERS}
        number = min(NUMBERS, key=lambda each: (refused[each], each in self.doubted, each != number))
        self.text(one, number)
        self.send(one)
        if kept:
            self.keep(one, number)
        self.run_sync(one)
        self.run_sync(other)
        self.forget(other, number)
        self.run_sync(other)
        self.run_sync(one)

    @rule(name=lines, left=points)
    def exchange_until_it_is_killed(self, name: str, left: int) -> None:
        """Kill an exchange between two statements."""
        self.run_sync(name, left)

    @rule(
        name=lines,
        number=numbers,
        verb=st.sampled_from(("stop", "optin", "block", "unblock", "forget", "answer")),
        commits=st.sampled_from((1, 1, 0, 2, 3)),
    )
    def exchange_while_somebody_decides(self, name: str, number: str, verb: str, commits: int) -> None:
        """Have something decided at the line after so many commits of the hub."""
        PLAY.interlude = (commits, number, verb)
        self.run_sync(name)

    def meanwhile(self) -> None:
        """Decide what is to be decided in the middle of an exchange."""
        if PLAY.interlude is None:
            return
        commits, number, verb = PLAY.interlude
        PLAY.interlude = (commits - 1, number, verb) if commits else None
        if not commits:
            left, PLAY.left = PLAY.left, None
            if verb == "stop":
                self.say_stop(PLAY.name, number)
            elif verb == "forget":
                self.forget(PLAY.name, number)
            elif verb == "answer":
                self.text(PLAY.name, number)
                self.send(PLAY.name)
            else:
                self.decide(PLAY.name, number, verb)
            PLAY.left = left

    def run_sync(self, name: str, left: int | None = None) -> sync.Exchanged | None:
        """Exchange; return what was, None where it was killed."""
        PLAY.left, PLAY.name, PLAY.machine, PLAY.pushed = left, name, self, set()
        try:
            done = sync.exchange(self.lines[name].config)
            self.only_what_was_sent_is_noted(name)
        except CutError:
            return None
        else:
            return done
        finally:
            PLAY.left = PLAY.machine = PLAY.interlude = None
            PLAY.crash = bool
            self.compare(name)

    def only_what_was_sent_is_noted(self, name: str) -> None:
        """Find at the hub whatever a line counts as sent."""
        for table in _PLACES:
            sql = f"SELECT person, version FROM hotlined.{table} WHERE line = %s"
            there = dict(self.hub.operator.execute(sql, (name,)).fetchall())
            own = "fleet_own" if table == "persons" else "fleet_answers_own"
            for row in self.lines[name].db.all(f"SELECT person, sent FROM {own}"):
                assert row["sent"] <= there.get(row["person"], 0), (name, table, row["sent"], there)

    def exchange_while_the_hub_is_killed(self, name: str) -> None:
        """Kill PostgreSQL after it has committed what a line says, and the exchange with it."""

        def crash() -> None:
            self.hub.cluster.kill()
            PLAY.left = 0

        PLAY.crash = crash
        assert self.run_sync(name) is None
        self.hub.recover()

    @rule(order=st.lists(st.integers(0, 8), max_size=6))
    def deliver_again(self, order: list[int]) -> None:
        """Have the hub deliver rows again, in another order."""
        self.hub.deliver_again(order)

    @rule(number=numbers, kind=st.sampled_from(DecisionKind))
    def forge(self, number: str, kind: DecisionKind) -> None:
        """Have the hub make up that everything was undone: nobody believes it."""
        self.hub.forge(number, kind)

    # ---- machines

    @rule(name=lines, calendar=st.sampled_from(CALENDARS))
    def set_calendar(self, name: str, calendar: datetime) -> None:
        """Have the clock of a line jump."""
        self.lines[name].calendar = calendar

    @rule(name=lines)
    def restart(self, name: str) -> None:
        """Start a daemon again."""
        self.lines[name].reopen()
        self.compare(name)

    @rule(name=lines)
    def purge(self, name: str) -> None:
        """Make pseudonyms of all numbers of a line."""
        line = self.lines[name]
        for _batch in purging.purge(line.db, timedelta(0), timedelta(0), line.now()):
            pass
        self.compare(name)

    @rule(name=lines)
    def back_up(self, name: str) -> None:
        """Back a line up once the hub has all its rows: what the backup had not sent, a restored line sends anew."""
        self.run_sync(name)
        line = self.lines[name]
        backup.make(line.db.path, line.copy, lambda _, __: None)
        oracle = self.oracle
        self.saved[name] = deepcopy((oracle.known[name], oracle.own[name], oracle.held[name], line.waiting()))

    @precondition(lambda self: self.saved)
    @rule(which=st.integers(0, 2))
    def restore(self, which: int) -> None:
        """Put a line's backup back: what it had not told the hub is lost. It exchanges before it says anything."""
        name = sorted(self.saved)[which % len(self.saved)]
        self.both_restored |= self.hub_restored
        self.put_back(name)
        self.compare(name)
        self.run_sync(name)

    def put_back(self, name: str) -> None:
        """Put a line's backup back: what waited when it was made may have left."""
        self.restored = True
        self.doubted |= {number for number in NUMBERS if self.sent[number]}
        self.lines[name].restore()
        self.oracle.known[name], self.oracle.own[name], self.oracle.held[name], waited = deepcopy(self.saved[name])
        for number, contacts_of in self.oracle.held[name].contacts.items():
            for contact_id in contacts_of & waited:
                self.has_left(name, number, contact_id)

    @rule()
    def back_up_hub(self) -> None:
        """Back the hub up."""
        self.saved_hub = {table: self.hub.rows(table) for table in _PLACES}, deepcopy(self.oracle.hub)

    @precondition(lambda self: self.saved_hub)
    @rule()
    def restore_hub(self) -> None:
        """Put the hub's backup back."""
        assert self.saved_hub
        self.hub_restored = True
        self.doubted |= {number for number in NUMBERS if self.sent[number]}
        self.hub.put_back(self.saved_hub[0])
        self.oracle.hub = deepcopy(self.saved_hub[1])

    # ---- what has to hold

    def compare(self, name: str) -> None:
        """Verdict and gate of a line refuse whom they have to, for what it has heard.

        Where a line was restored they may refuse more: what it had decided and another undid may hold again.
        """
        for number in NUMBERS:
            found = self.lines[name].refuses(number)
            for kind, refused in found.items():
                must = self.oracle.must_refuse(name, number, kind)
                may = self.oracle.known[name].refuses(number, kind) or self.restored
                assert must <= refused <= may, (name, number, kind, found)
            own, known = self.lines[name].counts(number)
            assert own == self.oracle.held[name].answers(number), (name, number, own)
            counted = self.oracle.counts(name, number)
            assert number in self.doubted or known == counted, (name, number, known, counted)
        rows = self.lines[name].db.all("SELECT id FROM contacts")
        assert {row["id"] for row in rows} == set().union(*self.oracle.held[name].contacts.values()), name

    def all_end_the_same(self) -> None:
        """Once all have exchanged, nobody has anything to send, and all refuse the same.

        What a line takes may have it say something, which the others take in the round after.
        """
        for _round in range(2 * len(NAMES)):
            done = [self.run_sync(name) for name in NAMES]
            if all(each == sync.Exchanged() for each in done):
                break
        assert all(each == sync.Exchanged() for each in done), done
        for number in NUMBERS:
            found = [self.lines[name].refuses(number) for name in NAMES]
            # what line and hub have both lost nobody says any more: it holds where it was heard
            assert self.both_restored or found[0] == found[1] == found[2], (number, found)
            self.answers_count_once(number)
        persons = {pseudonym.of(bytes.fromhex(KEYS.pseudonyms), number) for number in NUMBERS}
        assert len(self.hub.rows()) <= len(NAMES) * len(persons)
        for line in self.lines.values():
            own = line.db.all("SELECT person FROM fleet_own")
            others = line.db.all("SELECT person FROM fleet_persons")
            assert {row["person"] for row in (*own, *others)} <= persons
            assert len(own) <= len(persons)
            assert not fleet.unsent_rows(line.db, frozenset(DecisionKind), bytes.fromhex(KEYS.orders))
            assert set(fleet.kept(line.db)) <= self.oracle.held[line.name].kept
        self.nobody_is_left()

    def answers_count_once(self, number: str) -> None:
        """Each line counts the answers of all, once; those count still that a restored one has lost.

        What counts of who was erased is compared all the time, as long as nothing was put back after an answer.
        """
        own, known = zip(*(line.counts(number) for line in self.lines.values()), strict=True)
        assert max(known) <= len(self.sent[number]), (number, own, known, self.sent)
        is_erased = any(each.number == number for name in NAMES for each in self.oracle.known[name].erased)
        if self.both_restored or is_erased:
            return
        assert known[0] == known[1] == known[2], (number, own, known)
        assert sum(own) <= known[0]
        assert self.restored or sum(own) == known[0], (number, own, known)

    def nobody_is_left(self) -> None:
        """Nobody whom a line has erased is in a file of it, or at the hub, but who has come again or is kept."""
        for name, line in self.lines.items():
            files = [path for path in line.db.path.parent.glob("hotlined.db*") if path.is_file()]
            held = b"".join(path.read_bytes() for path in files)
            gone = {each.number for each in self.oracle.known[name].erased} - self.oracle.held[name].named
            assert not [number for number in gone for form in forms(number) if form in held], (name, gone)
        assert not [number for number in NUMBERS if number[1:] in str(self.hub.rows())]


@contextlib.contextmanager
def hub_of(cluster: postgres.Cluster) -> Iterator[None]:
    """Have a hub for all histories that are played meanwhile."""
    Fleet.hub = HubOfModel(cluster)
    try:
        yield
    finally:
        Fleet.hub.operator.close()


def play(histories: int, steps: int = 30, seed: int | None = None) -> None:
    """Play so many histories; with a seed, those that it draws."""
    drawn = Fleet if seed is None else hypothesis.seed(seed)(type("Fleet", (Fleet,), {}))
    run_state_machine_as_test(
        drawn,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@click.command()
@click.option("--histories", default=500, show_default=True, help="How many are played.")
@click.option("--steps", default=50, show_default=True, help="How many steps each has.")
@click.option("--seed", type=int, help="The first of those that they are drawn by; a random one if none is given.")
def main(histories: int, steps: int, seed: int | None) -> None:
    r"""Play random histories of three lines and their hub; print each that fails, as short as it can be, with its seed.

    \b
    Example: scripts/run fleet-model --histories 2000
    Example: scripts/run fleet-model --histories 50 --seed 4711
    """
    first = random.SystemRandom().randrange(10**6) if seed is None else seed
    failed = 0
    assert postgres.PROGRAMS, "PostgreSQL is missing"
    with postgres.running(postgres.PROGRAMS[-1]) as cluster, hub_of(cluster):
        for each, begun in enumerate(range(0, histories, AT_ONCE), first):
            try:
                play(min(AT_ONCE, histories - begun), steps, each)
            except Exception as error:  # noqa: BLE001  whatever it is, the others are played, too
                failed += 1
                traceback = "".join(format_exception(error, limit=-3))
                click.echo(f"seed {each} failed:\n{traceback}")
            else:
                click.echo(f"seed {each}: {min(AT_ONCE, histories - begun)} histories of {steps} steps, none failed")
    click.echo(f"{histories} histories from seed {first}: {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
