"""Explores the money path: every sequence of events up to a depth, on the real store, judged by the oracle.

Two sequences that lead to the same rows, the same truth and the same future are followed once. The output has states,
steps and depth. `python tests/harness/explore.py --depth 9` goes further than the tests do; `--mutant NAME` breaks one
thing on purpose, and has to find it.
"""

import argparse
import contextlib
import sqlite3
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import oracle
import store_steps
from oracle import (
    Blocked,
    Cancelled,
    Configured,
    LateTaken,
    Promised,
    Purged,
    Received,
    Requeued,
    Restarted,
    Rested,
    Submitted,
)

from hotlined import migrations, pseudonym, states
from hotlined.gsm import tpdu
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.rules import breaker, policy
from hotlined.simulator import pdus
from hotlined.store.answers import contacts, decisions, fates, gate, lifecycle, queue, verdicts, windows
from hotlined.store.file import integrity
from hotlined.store.file.opening import opened
from hotlined.store.line import history, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of, set_breaker
from hotlined.store.people import purging

START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
ALICE, BOB, DORA, ZARA = "+32470000001", "+32470000002", "+4915112345678", "Zara"
HOUR = 3600.0
LIMITS = policy.Limits((timedelta(hours=2),), 2, policy.Windows(hour=5, day=9, month=20), reserve_for_new=50)
RULES = policy.Rules(LIMITS, policy.Numbers(answer_countries=("BE", "DE")), timedelta(hours=3), max_segments=2)
TWO_SEGMENTS = plan("n" * 200)
CHANGES = 1000  # of the database: more than those of one event
FOREVER = 40 * 86400.0  # longer than any query looks back


class Withdrawn(Enum):
    """A segment that was not handed over after all, in place of a result."""

    ONLY = auto()


WITHDRAWN = Withdrawn.ONLY


class FoundError(AssertionError):
    """A sequence of events broke a promise."""


@dataclass(frozen=True, slots=True)
class World:
    """The result of a sequence of events: the database, the time, the true facts, and the number of contacts."""

    database: bytes
    """The file, compressed: there are many worlds."""
    now: float = 10 * 86400.0
    facts: tuple[oracle.Fact, ...] = ()
    contacts: int = 0
    path: tuple[str, ...] = ()
    attempts: Mapping[int, int] = field(default_factory=dict)
    """The attempt in which each segment was handed over: 1, and one more for each requeue."""


@dataclass(slots=True)
class Explorer:
    """The store with a database that goes back and forth between worlds."""

    db: Database
    file: BinaryIO
    """The file of the database, for reading and replacing it; closing it would drop SQLite's locks."""
    mutants: frozenset[str] = frozenset()
    world: World = field(init=False)
    taken: set[str] = field(default_factory=set)
    """The transitions of states that were taken in any world, as `arrows` spells them."""
    entered: int = 0
    """The number of worlds so far."""

    # ---- time and worlds

    @property
    def now(self) -> Now:
        """The moment of this world."""
        return Now(START + timedelta(seconds=self.world.now), self.world.now, synchronised=False)

    def enter(self, world: World) -> None:
        """Go to a world, as if another process had written it.

        The connection stays open: reading the schema and preparing the statements again would take longer than the
        rest.
        """
        octets = bytearray(_unpacked(world.database))
        self.entered += 1
        # SQLite drops its cache if this count of changes has changed (sqlite.org/fileformat2.html, 1.3.6
        # and 1.3.17), and increments it at each change: so no number may come twice
        octets[24:28] = octets[92:96] = (self.entered * CHANGES).to_bytes(4)
        self.file.seek(0)
        self.file.write(octets)
        self.file.truncate()
        self.world = world

    def database(self) -> bytes:
        """Return the present file, compressed."""
        self.file.seek(0)
        return zlib.compress(self.file.read(), 1)

    def note(self, *facts: oracle.Fact, **changes: Any) -> None:
        """Record true facts."""
        self.world = replace(self.world, facts=(*self.world.facts, *facts), **changes)

    # ---- events

    def text(self, number: str, words: str = "qui es-tu") -> None:
        """Receive and judge a text."""
        identity = identify(Address(number[1:], Ton.INTERNATIONAL), "BE")
        contact_id = store_steps.record_whole(self.db, "fr", "text", identity, words, self.now)
        self.judge(contact_id, number, words)

    def judge(self, contact_id: int, number: str, words: str = "", kind: str = "text") -> None:
        """Judge a contact that came from a number."""
        fact = Received(at=self.world.now, contact=contact_id, number=number, text=words, kind=kind)
        self.note(fact, contacts=self.world.contacts + 1)
        verdict = verdicts.judge(self.db, contact_id, RULES, self.now, delay_seconds=0.0)
        if verdict.answer:
            answer = self.db.value("SELECT id FROM answers WHERE contact_id = ?", contact_id)
            self.note(Promised(at=self.world.now, answer=answer, contact=contact_id, segments=2))

    def announce(self) -> None:
        """Receive the notification of an MMS from a number, announced under a name."""
        (pdu,) = pdus.write_mms(ALICE, "x", scts=START, reference=self.world.contacts, originator=ZARA)
        centres = (ZARA,) if "names are believed" in self.mutants else ()
        source = store_steps.SOURCE._replace(mms_centres=centres)
        contacts.record(self.db, source, [contacts.read(pdu, None, None)], self.now)
        self.judge(self.db.value("SELECT max(id) FROM contacts"), ZARA, kind="mms")

    def block(self) -> None:
        """Block a number."""
        decisions.block(self.db, BOB, "admin", self.now)
        self.note(Blocked(at=self.world.now, number=BOB))

    def send(self, result: policy.Result | Withdrawn | None) -> None:
        """Let the next segment out, if there is one; None: the daemon is killed during the submission.

        WITHDRAWN: it never reached the modem.
        """
        if "stale not swept" not in self.mutants:
            queue.sweep(self.db, RULES.max_age, self.now, by_calendar=False)
        for turn in queue.due(self.db, self.now):
            became = gate.begin(
                self.db,
                turn.answer_id,
                RULES,
                self.now,
                compose=lambda *_: gate.Composition(TWO_SEGMENTS),
                encode=store_steps.encode,
                trial=turn.trial,
            )
            if isinstance(became, gate.Begun):
                self.submit(became, result)
            if not isinstance(became, policy.Wait):
                return
            if became.waiting_for in policy.FULL_WINDOWS and self.has_room(known=turn.share is policy.Share.KNOWN):
                raise FoundError(f"{' > '.join(self.world.path)}: it waits for {became.waiting_for}, and there is room")
        self.note(Rested(at=self.world.now))

    def has_room(self, *, known: bool) -> bool:
        """Tell by the facts whether two more segments fit; the rest of an answer keeps its own place."""
        facts = self.world.facts
        if self.db.one("SELECT 1 FROM answer_segments WHERE state = 'waiting'"):
            return False
        left = [fact for fact in facts if isinstance(fact, Submitted) and fact.left]
        first = {fact.number: fact.key[:2] for fact in reversed(left)}
        for name, seconds in policy.WINDOW_SECONDS.items():
            recent = [fact for fact in left if fact.at > self.world.now - seconds]
            limit = getattr(LIMITS.segments, name)
            share = limit - limit * LIMITS.reserve_for_new // 100
            of_known = [fact for fact in recent if fact.key[:2] != first[fact.number]]
            if len(recent) + 2 > limit or (known and len(of_known) + 2 > share):
                return False
        return True

    def submit(self, begun: gate.Begun, result: policy.Result | Withdrawn | None) -> None:
        """Give a segment to the modem and commit its result."""
        if result is WITHDRAWN:
            fates.withdraw_segment(self.db, begun, self.now)
            return
        row = self.db.one("SELECT contact_id, asked_by FROM answers WHERE id = ?", begun.answer_id)
        assert row is not None
        asked = sum(isinstance(fact, Requeued) and fact.answer == begun.answer_id for fact in self.world.facts)
        self.world = replace(self.world, attempts={**self.world.attempts, begun.segment_id: asked + 1})
        outcome, cause = "crash", None
        if isinstance(result, policy.Taken):
            outcome = "taken"
        elif isinstance(result, policy.Unknown):
            outcome = "unknown"
        elif isinstance(result, policy.Refused):
            outcome, cause = "refused", result.cms
        self.note(
            Submitted(
                at=self.world.now,
                answer=begun.answer_id,
                contact=row["contact_id"],
                number=begun.recipient,
                attempt=asked + 1,
                sequence=begun.sequence,
                total=begun.total,
                by="requeue" if row["asked_by"] else "line",
                outcome=outcome,
                cause=cause,
            )
        )
        if result is None:
            self.restart()
        else:
            fates.settle(self.db, begun, result, self.now)

    def restart(self) -> None:
        """Start the daemon again within the same boot."""
        fates.recover(self.db, self.now)
        if "breaker forgotten at a restart" in self.mutants:
            with self.db.transaction():
                set_breaker(self.db, breaker.Breaker())
        self.note(Restarted(at=self.world.now))

    def hour(self) -> None:
        """Let an hour pass."""
        self.note(now=self.world.now + HOUR)

    def requeue(self) -> None:
        """Requeue the oldest answer that allows it."""
        row = self.db.one(
            f"SELECT id, contact_id FROM answers WHERE state IN {states.listed(states.REPEATABLE)} ORDER BY id LIMIT 1"
        )
        if row and verdicts.requeue(self.db, row["contact_id"], "admin", self.now) is None:
            self.note(Requeued(at=self.world.now, answer=row["id"]))

    def late(self) -> None:
        """Let the result of the latest unconfirmed segment come late."""
        row = self.db.one(
            "SELECT s.id, s.sequence, t.answer_id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            f" WHERE s.state = '{states.SegmentState.UNCONFIRMED}' ORDER BY s.id DESC LIMIT 1"
        )
        if row:
            fates.settle_late(self.db, row["id"], 7, RULES, self.now)
            self.prove(row["id"], row["answer_id"], row["sequence"])

    def prove(self, segment_id: int, answer: int, sequence: int) -> None:
        """Note that a segment is known to have left."""
        attempt = self.world.attempts[segment_id]
        self.note(LateTaken(at=self.world.now, answer=answer, attempt=attempt, sequence=sequence))

    def cancel(self) -> None:
        """Cancel the oldest waiting answer."""
        row = self.db.one(f"SELECT id, contact_id FROM answers WHERE {states.WAITS} ORDER BY id LIMIT 1")
        if row and verdicts.cancel(self.db, row["contact_id"], "admin", self.now) is None:
            self.note(Cancelled(at=self.world.now, answer=row["id"]))

    def purge(self) -> None:
        """Make pseudonyms of all numbers without pending work."""
        for _ in purging.purge(self.db, timedelta(0), timedelta(0), self.now):
            pass
        self.note(Purged(at=self.world.now))

    def report(self, sequence: int, status: int) -> None:
        """Let a status report come about the latest segment with this sequence that may have left, by its reference.

        No report comes for a pseudonym: nobody can write one.
        """
        row = self.db.one(
            "SELECT s.id, a.recipient, t.answer_id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            f" JOIN answers a ON a.id = t.answer_id WHERE s.sequence = ? AND s.state IN {states.MAY_HAVE_LEFT}"
            " AND a.recipient GLOB '+*' ORDER BY s.id DESC LIMIT 1",
            sequence,
        )
        if row is None:
            return
        with self.db.transaction():
            self.db.execute("UPDATE answer_segments SET mr = 100 + id WHERE id = ?", row["id"])
            recipient = Address(row["recipient"][1:], Ton.INTERNATIONAL)
            report = tpdu.StatusReport(None, 100 + row["id"], recipient, None, None, status)
            assert fates.apply_report(self.db, report, self.now) == row["id"]
        self.prove(row["id"], row["answer_id"], sequence)

    @property
    def rare(self) -> Mapping[str, Callable[[], None]]:
        """Further events by name; to follow them everywhere would take too long."""
        return {
            "2 undelivered": lambda: self.report(2, 0x40),
            "2 pending": lambda: self.report(2, 0x20),
        }

    @property
    def events(self) -> Mapping[str, Callable[[], None]]:
        """The events by name."""
        return {
            "A writes": lambda: self.text(ALICE),
            "B writes": lambda: self.text(BOB),
            "D writes": lambda: self.text(DORA),
            "A says stop": lambda: self.text(ALICE, "Stop svp"),
            "B is blocked": self.block,
            "sent": lambda: self.send(policy.Taken(7)),
            "refused": lambda: self.send(policy.Refused(42)),
            "dead": lambda: self.send(policy.Refused(27)),
            "unknown": lambda: self.send(policy.Refused(38)),
            "killed": lambda: self.send(None),
            "restarted": self.restart,
            "an hour": self.hour,
            "requeued": self.requeue,
            "late": self.late,
            "purged": self.purge,
            "cancelled": self.cancel,
            "withdrawn": lambda: self.send(WITHDRAWN),
            "1 delivered": lambda: self.report(1, 0x00),
            "1 undelivered": lambda: self.report(1, 0x40),
            "2 delivered": lambda: self.report(2, 0x00),
            "Zara names A": self.announce,
        }

    # ---- equal worlds

    def key(self) -> tuple[object, ...]:
        """Return what tells this world from others: rows and truth that matter in future, times by their age."""
        now = self.world.now

        def age(moment: float | None) -> float | None:
            return None if moment is None else min(now - moment, FOREVER)

        rows: list[object] = [
            (
                row["state"],
                self.name(row["recipient"]),
                row["share"],
                row["asked_by"],
                row["refusals"],
                row["refusals_counted"],
                age(row["refused_limit"]),
                age(row["age_limit"]) if row["state"] == "queued" else None,
                max(0.0, row["due_limit"] - now) if row["state"] == "queued" else None,
                row["text"] is not None,
                row["encoding"] is not None,
            )
            for row in self.db.all("SELECT * FROM answers ORDER BY id")
        ]
        rows += [
            (
                *(row["answer_id"], row["share"], row["trial"], row["outcome"], row["cause"], row["recipient_country"]),
                *(age(row["begun_limit"]), age(row["ended_limit"])),
            )
            for row in self.db.all("SELECT * FROM attempts ORDER BY id")
        ]
        rows += [
            (row["country"], row["rounds"], row["refused"], max(0.0, row["due"] - now), age(row["last_trial"]))
            for row in self.db.all("SELECT * FROM country_outages ORDER BY country")
        ]
        rows += [
            (row["attempt_id"], row["sequence"], row["state"], age(row["submitted_limit"]))
            for row in self.db.all("SELECT * FROM answer_segments ORDER BY id")
        ]
        rows += [
            (self.name(row["number"]), row["blocked_at"] is not None, row["opted_out_at"] is not None)
            for row in self.db.all("SELECT * FROM numbers ORDER BY number")
        ]
        state = row_of(self.db).breaker
        rows.append(
            (
                *(state.cause, state.rounds, state.refused, max(0.0, state.due - now), age(state.last_trial)),
                age(state.failed_from) if state.is_open else None,
            )
        )
        truth = tuple(
            replace(fact, at=age(fact.at) or 0.0)
            for fact in self.world.facts
            if not isinstance(fact, Received | Restarted | Promised | Rested)
        )
        stopped = any(isinstance(fact, Received) and "Stop" in fact.text for fact in self.world.facts)
        return (*rows, truth, stopped)

    def name(self, number: str) -> str:
        """Return a number, marked if it is a pseudonym."""
        if pseudonym.is_one(number):
            return "~" + next((each for each in (ALICE, BOB, DORA) if pseudonyms.names(self.db, each)[1] == number), "")
        return number

    def check(self) -> None:
        """Raise FoundError if a promise is broken here."""
        wrong = [*oracle.violations(self.world.facts)]
        contradictions = integrity.contradictions(self.db.connection, lambda _, __: None)
        # the contacts here have no segments
        wrong += [each for each in contradictions if "as many segments as it counts" not in each]
        wrong += self.miscounts()
        if wrong:
            raise FoundError(f"{' > '.join(self.world.path)}: {'; '.join(wrong)}")

    def miscounts(self) -> Iterator[str]:
        """Yield the differences between the store's counts and what left."""
        left = [fact for fact in self.world.facts if isinstance(fact, Submitted) and fact.left]
        for name, seconds in policy.WINDOW_SECONDS.items():
            truth = sum(fact.at > self.world.now - seconds for fact in left)
            counted = windows.spent(self.db, self.now)[name].total
            waiting = self.db.one("SELECT count(*) AS rows FROM answer_segments WHERE state = 'waiting'")
            assert waiting is not None
            if counted - waiting["rows"] != truth:
                yield f"the {name} counts {counted}, {waiting['rows']} of them wait, and {truth} left"


@dataclass(frozen=True, slots=True)
class Targets:
    """The states that a state may lead to; it notes the transitions taken."""

    kind: str
    source: StrEnum
    targets: Collection[StrEnum]
    taken: set[str]

    def __contains__(self, to: StrEnum) -> bool:
        """Tell whether the state may lead there, and note it."""
        if to in self.targets:
            self.taken.add(f"{self.kind} {self.source} > {to}")
        return to in self.targets


TABLES: Mapping[str, tuple[str, Mapping[Any, Collection[StrEnum]]]] = {
    "answer": ("TRANSITIONS", states.TRANSITIONS),
    "segment": ("SEGMENT_TRANSITIONS", states.SEGMENT_TRANSITIONS),
}


def arrows() -> set[str]:
    """Return every transition of the tables of states, spelt `answer queued > sending`."""
    return {
        f"{kind} {source} > {to}" for kind, (_, table) in TABLES.items() for source, row in table.items() for to in row
    }


MUTANTS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {}


def mutant(name: str) -> Callable[[Callable[[], Iterator[None]]], None]:
    """Return a decorator that enters a mutant into the table."""

    def enter(broken: Callable[[], Iterator[None]]) -> None:
        MUTANTS[name] = contextlib.contextmanager(broken)

    return enter


@contextlib.contextmanager
def patched(place: Any, name: str, value: object) -> Iterator[None]:
    """Give a name another value for a while."""
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


@mutant("cooldown off")
def _cooldown_off() -> Iterator[None]:
    with patched(policy, "cooldown_left", lambda *_: 0.0):
        yield


@mutant("count released")
def _count_released() -> Iterator[None]:
    facts = dict(states.FACTS)
    facts[states.SegmentState.UNCONFIRMED] = states.Facts(occupies=False, may_have_left=False, left=False)
    released = states.listed(state for state, each in facts.items() if each.occupies)
    with (
        patched(windows, "_SPENT", windows._SPENT.replace(states.OCCUPIES, released)),
        patched(history, "_HISTORY", history._HISTORY.replace(states.MAY_HAVE_LEFT, released)),
    ):
        yield


@mutant("old attempt resumed")
def _old_attempt_resumed() -> Iterator[None]:
    settle = fates.settle_late

    def resumes(db: Database, segment_id: int, mr: int, *more: Any, **named: Any) -> object:
        told = settle(db, segment_id, mr, *more, **named)
        row = db.one(
            "SELECT t.id, t.answer_id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            " JOIN answers a ON a.id = t.answer_id WHERE s.id = ? AND a.state = 'queued'",
            segment_id,
        )
        if row:
            db.connection.execute(
                "UPDATE answer_segments SET state = 'waiting' WHERE attempt_id = ? AND state = 'cancelled'", (row[0],)
            )
            db.connection.execute("UPDATE answers SET state = 'sending' WHERE id = ?", (row["answer_id"],))
        return told

    with patched(fates, "settle_late", resumes):
        yield


@mutant("breaker forgotten at a restart")
def _breaker_forgotten() -> Iterator[None]:
    yield


@mutant("countries tried without a pause")
def _country_without_pause() -> Iterator[None]:
    with patched(breaker, "country_lets_try", lambda *_: True):
        yield


@mutant("reserve rounded up")
def _reserve_rounded() -> Iterator[None]:
    with patched(policy, "reserve", lambda limit, limits: -(-limit * limits.reserve_for_new // 100)):
        yield


@mutant("opt-out ignored while queued")
def _opt_out_ignored() -> Iterator[None]:
    gate_before = policy.gate

    def deaf(answer: policy.Queued, history: policy.History, *more: Any) -> policy.Gate:
        return gate_before(answer, history._replace(opted_out=False), *more)

    with patched(policy, "gate", deaf), patched(lifecycle, "end_open", lambda *_, **__: []):
        yield


@mutant("stale not swept")
def _stale_not_swept() -> Iterator[None]:
    gate_before = policy.gate

    def ageless(answer: policy.Queued, *more: Any) -> policy.Gate:
        return gate_before(answer._replace(age=timedelta(0)), *more)

    with patched(policy, "gate", ageless):
        yield


@mutant("second segment after a refusal")
def _second_after_refusal() -> Iterator[None]:
    refuse = fates._refuse

    def goes_on(
        db: Database, begun: gate.Begun, result: policy.Refused, *more: Any
    ) -> tuple[policy.Fate, breaker.Outcome]:
        if begun.sequence == 1 and policy.fate(result, policy.Refusals()) is policy.Fate.RETRY:
            db.connection.execute("UPDATE answer_segments SET state = 'refused' WHERE id = ?", (begun.segment_id,))
            return policy.Fate.RETRY, fates._outcome_of(result, policy.Fate.RETRY)
        return refuse(db, begun, result, *more)

    with patched(fates, "_refuse", goes_on):
        yield


@mutant("requeue counted twice")
def _requeue_twice() -> Iterator[None]:
    requeue = verdicts.requeue

    def twice(db: Database, *more: Any) -> str | None:
        said = requeue(db, *more)
        db.connection.execute("UPDATE answer_segments SET state = 'unconfirmed' WHERE state = 'cancelled'")
        return said

    with patched(verdicts, "requeue", twice):
        yield


@mutant("proof ends no requeue")
def _proof_ends_nothing() -> Iterator[None]:
    follow = fates._follow_whole

    def follows(db: Database, answer: sqlite3.Row, *more: Any) -> None:
        if answer["state"] != "queued":
            follow(db, answer, *more)

    with patched(fates, "_follow_whole", follows):
        yield


@mutant("what was ended goes on")
def _ended_goes_on() -> Iterator[None]:
    follow = fates._follow_half

    def follows(db: Database, answer: sqlite3.Row, *more: Any) -> None:
        follow(db, dict(answer) | {"reason": None}, *more)  # type: ignore[arg-type]

    with patched(fates, "_follow_half", follows):
        yield


@mutant("oldest first")
def _oldest_first() -> Iterator[None]:
    with patched(queue, "_HEADS", queue._HEADS.replace("DESC", "ASC")):
        yield


@mutant("names are believed")
def _names_are_believed() -> Iterator[None]:
    yield


@mutant("pseudonym not recognised")
def _pseudonym_unknown() -> Iterator[None]:
    with patched(pseudonyms, "_second", lambda _db, name, _wanted: name):
        yield


@lru_cache(1)
def _unpacked(database: bytes) -> bytes:
    """Return the file of a world; it is cached, since all events are tried in one world after the other."""
    return zlib.decompress(database)


def open_empty(path: Path) -> sqlite3.Connection:
    """Open an empty database that waits for no disk and keeps all prepared statements."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=1000)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


@contextlib.contextmanager
def explorer(folder: Path, mutants: Sequence[str] = ()) -> Iterator[Explorer]:
    """Give an explorer with an empty database."""
    path = folder / "explored.db"
    path.unlink(missing_ok=True)
    connection = open_empty(path)
    connection.execute("BEGIN")
    for _, statements in migrations.SCHEMA:
        for statement in statements:
            connection.execute(statement)
    connection.execute("COMMIT")
    db = opened(path, connection)
    with path.open("r+b", buffering=0) as file, contextlib.ExitStack() as stack:
        stack.callback(db.close)
        with db.transaction():
            pseudonyms.adopt_key(db)
        for room in (breaker, oracle):  # two numbers have to be enough for a row of failures
            stack.enter_context(patched(room, "ROW", 2))
        for name in mutants:
            stack.enter_context(MUTANTS[name]())
        exploring = Explorer(db, file, frozenset(mutants))
        for kind, (name, table) in TABLES.items():
            noting = {source: Targets(kind, source, targets, exploring.taken) for source, targets in table.items()}
            stack.enter_context(patched(lifecycle, name, noting))
        configured = Configured(
            at=10 * 86400.0,
            hour=LIMITS.segments.hour,
            day=LIMITS.segments.day,
            month=LIMITS.segments.month,
            reserve_percent=LIMITS.reserve_for_new,
            cooldowns=tuple(each.total_seconds() for each in LIMITS.cooldown),
            per_number=LIMITS.per_number,
            max_age=RULES.max_age.total_seconds(),
        )
        exploring.world = World(exploring.database(), facts=(configured,))
        yield exploring


@dataclass(slots=True)
class Found:
    """The figures of an exploration."""

    states: list[int] = field(default_factory=list)
    """The number of states first reached at each depth."""
    steps: int = 0


def explore(exploring: Explorer, depth: int, only: Sequence[str] = ()) -> Found:
    """Follow every sequence of events to a depth, each state once; raise FoundError at the first broken promise."""
    start = exploring.world
    exploring.enter(start)
    seen = {hash(exploring.key())}
    frontier, found = [start], Found([1])
    names = only or tuple(exploring.events)
    for level in range(1, depth + 1):
        following, new = [], 0
        for world in frontier:
            for name in names:
                exploring.enter(replace(world, path=(*world.path, name)))
                exploring.events[name]()
                found.steps += 1
                key = hash(exploring.key())
                if key in seen:
                    continue
                seen.add(key)
                exploring.check()
                new += 1
                if level < depth:
                    following.append(replace(exploring.world, database=exploring.database()))
        frontier = following
        found.states.append(new)
    return found


def walk(exploring: Explorer, path: str) -> None:
    """Follow one sequence of events (`A writes > sent`) from the empty database, rare ones included."""
    events = {**exploring.events, **exploring.rare}
    for name in path.split(" > "):
        events[name]()


def main() -> None:
    """Explore, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--mutant", choices=MUTANTS, action="append", default=[])
    parser.add_argument("--only", action="append", default=[], help="one of the events")
    chosen = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, explorer(Path(folder), chosen.mutant) as exploring:
        try:
            found = explore(exploring, chosen.depth, chosen.only)
        except FoundError as error:
            sys.exit(f"found: {error}")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{sum(found.states)} states, {found.steps} steps, depth {chosen.depth}, {seconds:.0f} s\n")
    sys.stdout.write(f"new states by depth: {' '.join(map(str, found.states))}\n")
    sys.stdout.write(f"arrows between states taken: {len(exploring.taken)} of {len(arrows())}\n")


if __name__ == "__main__":
    main()
