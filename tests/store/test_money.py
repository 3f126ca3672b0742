"""Nobody makes us pay: in every history, the segments that leave stay within the limits in force.

Store and rules are the real ones, the kernel's clocks are played. Submissions are counted here, by seconds powered on,
and never by what the store counted. At the end the oracle, which knows neither, judges the whole history.
"""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import count
from pathlib import Path
from typing import Any

import extent
import oracle
import pytest
import store_steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hotlined import states
from hotlined.database_files import KEY, beside, write_key
from hotlined.gsm import alphabet
from hotlined.gsm.address import Address, Ton, identify
from hotlined.machine import clock
from hotlined.machine.clock import LimitClock, Now
from hotlined.rules import policy, recognition
from hotlined.simulator import pdus
from hotlined.states import ByHand
from hotlined.store.answers import contacts, decisions, fates, gate, lifecycle, queue, verdicts
from hotlined.store.file import integrity
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.line.line_row import save_limit_clock
from hotlined.store.people import backup, erasing, purging

EXAMPLES = extent.examples(25, 60)
SHM = Path("/dev/shm")  # only processes die here, not the disk: no write has to wait for it
START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
NUMBERS = ("+32470000001", "+32470000002", "+4915112345678")
PLANS = (alphabet.plan("Non."), alphabet.plan("n" * 200))  # one segment, two
WINDOWS = {"hour": 3600, "day": 86400, "month": 30 * 86400}  # seconds, as config.yaml has them


durations = st.sampled_from((1, 29, 60, 300, 900, 3599, 3600, 3601, 7200, 43200, 86400, 7 * 86400, 30 * 86400))
numbers = st.sampled_from(NUMBERS)
keeps = st.sampled_from(((0, 0), (0, 86400), (3600, 3600), (3600, 86400)))  # seconds: texts, numbers


# ---- the machine


@dataclass(slots=True)
class Machine:
    """The kernel's facts: the name of the boot, the seconds since, and a calendar that may be wrong.

    `powered` is what the kernel does not know: seconds powered on since the beginning, in all boots. They are whole
    numbers, so that no test fails by rounding.
    """

    boot_id: Path
    boots: int = 0
    boottime: int = 0
    powered: int = 0
    calendar: datetime = START
    synchronised: bool = False
    known: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def run(self, seconds: int) -> None:
        """Let time pass with the power on."""
        self.boottime += seconds
        self.powered += seconds
        self.calendar += timedelta(seconds=seconds)

    def boot(self, seconds_off: int = 0) -> None:
        """Start the kernel after these seconds without power; it is up for a while before the daemon is."""
        self.boots += 1
        self.boot_id.write_text(f"boot {self.boots}\n")
        self.boottime = 0
        self.calendar += timedelta(seconds=seconds_off)
        self.run(20)


@contextmanager
def machine() -> Iterator[Machine]:
    """Give a machine that has just started, and let the limit clock read its kernel."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        played = Machine(Path(folder) / "boot_id")
        patch.setattr(clock, "_BOOT_ID", played.boot_id)
        patch.setattr(time, "clock_gettime", lambda _: float(played.boottime))
        played.boot()
        yield played


# ---- the line


class Fate(Enum):
    """The fate of a segment that the gate let out."""

    SENT = auto()
    AGAIN = auto()
    REFUSED = auto()
    UNCONFIRMED = auto()
    CRASH = auto()
    POWER_CUT = auto()
    WITHDRAWN = auto()


NOTHING_LEFT = {Fate.AGAIN, Fate.REFUSED, Fate.WITHDRAWN}

OUTCOMES: dict[Fate, tuple[str, int | None]] = {
    Fate.SENT: ("taken", None),
    Fate.AGAIN: ("refused", 42),
    Fate.REFUSED: ("refused", 27),
    Fate.UNCONFIRMED: ("unknown", None),
    Fate.CRASH: ("crash", None),
    Fate.POWER_CUT: ("crash", None),
}
"""The modem's result for each fate, and its +CMS ERROR."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A segment that may have left, and the facts at its submission."""

    moment: int
    number: str
    answer_id: int
    attempt: int
    """The number of requeues before it."""
    sequence: int
    by_person: bool
    known: bool
    limits: policy.Limits
    placed: bool
    """True for the rest of an answer whose place in the windows was taken before, under other limits."""

    @property
    def key(self) -> tuple[int, int, int]:
        """Return answer, attempt and sequence: this key must never leave twice."""
        return self.answer_id, self.attempt, self.sequence


# a text that is whole, two segments, the first of two, one that repeats, a word that opts out, a call
HALF, STOP = "moitié {} " + "x" * 200, "Stop {marks}"
MARKS = str.maketrans("01", ".!")  # no two texts have the same bytes; for the loop guard they have the same words
BODIES = (*["texte {}"] * 6, "long {} " + "x" * 200, HALF, "encore {marks}", STOP, "call")

small_limits = st.builds(
    lambda hours, cap, hour, day, month, reserve: policy.Limits(
        tuple(timedelta(hours=each) for each in hours),
        cap,
        policy.Windows(hour, max(hour, day), max(hour, day, month)),
        reserve,
    ),
    hours=st.sampled_from(((0,), (0,), (0, 1), (1, 24), (24, 168))),
    cap=st.sampled_from((9, 9, 5, 3, 2, 1, 0)),
    hour=st.sampled_from((9, 12, 6, 5, 4, 3, 2, 0)),
    day=st.sampled_from((8, 20, 6, 4)),
    month=st.sampled_from((12, 30, 6)),
    reserve=st.sampled_from((0, 0, 50, 50, 34, 100)),
)
fate_lists = st.lists(st.sampled_from([Fate.SENT] * 6 + list(Fate)), max_size=8)

REMEMBERED = (
    "source", "paused", "blocked", "opted_out", "texts", "contacts", "submissions", "by_person", "by_hand", "attempts",
    "unconfirmed", "unsettled", "let_out",
)  # fmt: skip
"""The facts here that the database has, too: a restore takes them back in time together."""


UNSAVED_SECONDS = 7200
"""Seconds; more than the limit clock loses by the boots of one history: before the daemon is up, nobody saves it."""


class Hotline(RuleBasedStateMachine):
    """One line that runs on and on: the daemon's steps on the real store, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.playing = machine()
        self.machine = self.playing.__enter__()
        self.folder = tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None)
        self.db = open_for_daemon(store_steps.make_empty(Path(self.folder.name) / "hotlined.db"))
        self.limits = policy.Limits()
        self.plan = PLANS[0]
        self.paused = False
        self.blocked: set[str] = set()
        self.opted_out: set[str] = set()
        self.source = store_steps.SOURCE
        self.texts: list[tuple[str, list[str]]] = []
        self.serial = 0
        self.contacts = 0
        self.submissions: list[Submission] = []
        self.by_person: set[int] = set()
        self.by_hand: set[int] = set()
        self.attempts: Counter[int] = Counter()
        self.let_out: dict[tuple[int, int], policy.Limits] = {}
        """The limits in force when the gate let each attempt out."""
        self.unconfirmed: set[tuple[int, int]] = set()
        self.unsettled: list[tuple[int, str]] = []
        self.saved: dict[str, Any] = {}
        self.key_is_away = False
        self.facts: list[oracle.Fact] = []
        self.names: dict[tuple[str, int], int] = {}
        self.serials = count(1)
        self.requeued: Counter[int] = Counter()
        self.delays: dict[int, int] = {}

    def teardown(self) -> None:
        """Ask the oracle, and remove all files."""
        self.tell_what_is_said()
        self.db.close()
        self.folder.cleanup()
        self.playing.__exit__(None, None, None)
        assert not list(oracle.violations(self.facts))

    # ---- facts for the oracle

    def tell(self, fact: type[oracle.Fact], /, **facts: Any) -> None:
        """Note a fact at its moment."""
        self.facts.append(fact(at=float(self.machine.powered), **facts))

    def tell_what_is_said(self) -> None:
        """Note the segments that the line calls sent."""
        for row in self.db.all(
            "SELECT a.recipient, s.sequence FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            f" JOIN answers a ON a.id = t.answer_id WHERE s.state IN {states.LEFT} AND a.recipient LIKE '+%'"
        ):
            self.tell(oracle.Said, number=row["recipient"], sequence=row["sequence"])

    def name(self, table: str, row_id: int) -> int:
        """Return a lasting name for a row: after a restore or an erasure its id is given to another row."""
        return self.names.setdefault((table, row_id), next(self.serials))

    def forget_names(self) -> None:
        """Forget the names of rows that are gone."""
        there = {
            (table, row["id"]) for table in ("contacts", "answers") for row in self.db.all(f"SELECT id FROM {table}")
        }
        self.names = {row: name for row, name in self.names.items() if row in there}

    def tell_configuration(self) -> None:
        """Note the configuration that is in force from now on."""
        segments, rules = self.limits.segments, self.in_force()
        self.tell(
            oracle.Configured,
            hour=segments.hour,
            day=segments.day,
            month=segments.month,
            reserve_percent=self.limits.reserve_for_new,
            cooldowns=tuple(each.total_seconds() for each in self.limits.cooldown),
            per_number=self.limits.per_number,
            max_age=rules.max_age.total_seconds() + UNSAVED_SECONDS,
            texts=((self.plan.text,), (self.plan.text.swapcase(),)),
        )

    def tell_contact(self, number: str, kind: str, text: str, delay: int) -> None:
        """Note the contact that was recorded last, and the delay of its answer."""
        contact = self.name("contacts", self.db.value("SELECT max(id) FROM contacts"))
        self.delays[contact] = delay
        # the service centre has the machine's calendar, which may have been set back; 1970 is read as 2070
        sent = self.machine.calendar
        dated = kind == "text" and sent.year >= 1990
        old = max(0.0, (self.now().newest - sent).total_seconds()) if dated else 0.0
        self.tell(oracle.Received, contact=contact, number=number, text=text, kind=kind, delay=delay, old=old)

    def tell_submission(self, begun: gate.Begun, number: str, fate: Fate) -> None:
        """Note a segment that the modem was given, and its fate."""
        if fate is Fate.WITHDRAWN:
            return
        row = self.db.one("SELECT contact_id FROM answers WHERE id = ?", begun.answer_id)
        assert row
        answer, contact = self.name("answers", begun.answer_id), row["contact_id"]
        attempt = self.requeued[answer] + 1
        outcome, cause = OUTCOMES[fate]
        self.tell(
            oracle.Submitted,
            answer=answer,
            contact=None if contact is None else self.name("contacts", contact),
            number=number,
            attempt=attempt,
            sequence=begun.sequence,
            total=begun.total,
            by="hand" if contact is None else "requeue" if attempt > 1 else "line",
            outcome=outcome,
            cause=cause,
            text=pdus.read_submit(begun.pdu).text,
        )

    def now(self) -> Now:
        """Read the clocks: the limit clock is the real one."""
        played = self.machine
        now = self.db.now()._replace(utc=played.calendar, synchronised=played.synchronised, known=played.known)
        played.known = now.newest
        return now

    def in_force(self) -> policy.Rules:
        """Return the configured rules."""
        return policy.Rules(self.limits, policy.Numbers(answer_countries=("BE", "DE")), timedelta(hours=24))

    # ---- contacts

    @initialize(limits=small_limits)
    def begin(self, limits: policy.Limits) -> None:
        """Start the daemon for the first time."""
        self.limits = limits
        self.tell_configuration()
        self.start()

    @rule(
        senders=st.lists(numbers, min_size=1, max_size=4),
        body=st.sampled_from(BODIES),
        national=st.booleans(),
        delay=st.sampled_from((0, 0, 600)),
        seconds=st.sampled_from((0, 1, 600, 1800, 3600, 86400)),
        results=fate_lists,
    )
    def traffic(
        self, senders: list[str], body: str, national: bool, delay: int, seconds: int, results: list[Fate]
    ) -> None:
        """Receive and judge contacts, let a moment pass, and send."""
        for sender in senders:
            self.arrive(sender, body, national=national, delay=delay)
            self.judge()
        self.time_passes(seconds)
        self.send(results)

    morning = noon = evening = night = traffic  # five names, so that it is as likely as all other rules together

    @rule(sender=numbers, body=st.sampled_from(BODIES))
    def a_contact_arrives(self, sender: str, body: str) -> None:
        """Receive a contact and leave it unjudged for now."""
        self.arrive(sender, body, national=False)

    @precondition(lambda self: self.texts and not self.key_is_away)  # without the key, an erased text is not recognised
    @rule(which=st.integers(0, 1000))
    def the_network_delivers_again(self, which: int) -> None:
        """Receive an old text once more, byte for byte the same."""
        _, parts = self.texts[which % len(self.texts)]
        self.receive(parts)

    def arrive(self, sender: str, body: str, *, national: bool, delay: int = 0) -> None:
        """Receive a contact: a call, or a text that is new unless its body is one that repeats."""
        self.contacts += 1
        if body == "call":
            contacts.record_call(self.db, "fr", identify(Address(sender[1:], Ton.INTERNATIONAL), "BE"), self.now())
            self.tell_contact(sender, "call", "", delay)
            return
        self.serial += 1
        text = body.format(self.serial, marks=f"{self.serial:b}".translate(MARKS))
        parts = pdus.write_text(
            sender.replace("+32", "0") if national else sender,
            text,
            scts=self.machine.calendar,
            reference=self.serial % 256,
        )
        parts = parts[:1] if body == HALF else parts
        self.receive(parts)
        self.tell_contact(sender, "text", text, delay)
        self.texts.append((sender, parts))

    def judge(self) -> None:
        """Judge the unjudged contacts, as the daemon does."""
        for contact_id, _ in contacts.unjudged(self.db, self.now()):
            row = self.db.one("SELECT originator, text FROM contacts WHERE id = ?", contact_id)
            assert row
            if (row["text"] or "").startswith("Stop"):
                self.opted_out.add(row["originator"])
            contact = self.name("contacts", contact_id)
            delay = float(self.delays.get(contact, 0))
            verdict = store_steps.judge(self.db, contact_id, self.now(), self.in_force(), delay=delay)
            if verdict.answer:
                answer = self.name("answers", self.db.value("SELECT max(id) FROM answers"))
                self.tell(oracle.Promised, answer=answer, contact=contact, segments=self.plan.segments)

    def receive(self, parts: list[str]) -> None:
        """List the SIM with a text on it, and delete the text there."""
        entries = [contacts.read(pdu, None, index) for index, pdu in enumerate(parts, 1)]
        kept = contacts.record_listing(self.db, self.source, entries, self.now(), complete=True)
        contacts.confirm_deleted(self.db, "SM", [entry.segment_id for entry in kept], self.now())

    # ---- answers that leave

    def send(self, results: list[Fate]) -> None:
        """Let segments out as far as the gate does, each with its fate."""
        for fate in results:
            now = self.now()
            queue.sweep(self.db, self.in_force().max_age, now, by_calendar=True)
            if self.paused:
                queue.requeue_half_sent(self.db)
            for turn in queue.due(self.db, now):
                result = gate.begin(
                    self.db,
                    turn.answer_id,
                    self.in_force(),
                    now,
                    compose=self.compose,
                    encode=store_steps.encode,
                    trial=turn.trial,
                )
                if isinstance(result, policy.Wait):
                    continue
                if isinstance(result, gate.Begun):
                    self.submit(result.recipient, result, fate)
                break
            else:
                if not self.key_is_away:
                    self.tell(oracle.Rested)

    def compose(self, step: int, _country: str | None, _draw: int) -> gate.Composition:
        """Return the text for the first answer to a number, or for a further one."""
        return gate.Composition(alphabet.plan(self.plan.text.swapcase()) if step else self.plan)

    def submit(self, number: str, begun: gate.Begun, fate: Fate) -> None:
        """Note a segment as it leaves, and commit its fate as the daemon does."""
        attempt = self.attempts[begun.answer_id]
        submission = Submission(
            self.machine.powered,
            number,
            begun.answer_id,
            attempt,
            begun.sequence,
            begun.answer_id in self.by_person,
            any(
                (each.answer_id, each.attempt) != (begun.answer_id, attempt) and each.answer_id not in self.by_hand
                for each in self.submissions
                if each.number == number
            ),
            self.limits,
            # exactly these: a configuration in between may have let more out
            self.let_out.setdefault((begun.answer_id, attempt), self.limits) is not self.limits,
        )
        assert not self.paused
        assert not self.key_is_away
        assert number not in self.blocked
        assert begun.answer_id in self.by_hand or number not in self.opted_out
        assert (begun.answer_id, attempt) not in self.unconfirmed
        assert submission.key not in {each.key for each in self.submissions}
        self.tell_submission(begun, number, fate)
        if fate not in NOTHING_LEFT:
            self.submissions.append(submission)
        if fate in (Fate.UNCONFIRMED, Fate.CRASH, Fate.POWER_CUT):
            self.unconfirmed.add((begun.answer_id, attempt))
            self.unsettled.append((begun.segment_id, number))
        commit: dict[Fate, Callable[[], object]] = {
            Fate.SENT: lambda: store_steps.take(self.db, begun, self.now(), begun.sequence),
            Fate.AGAIN: lambda: store_steps.refuse(self.db, begun, self.now(), 42),
            Fate.REFUSED: lambda: store_steps.refuse(self.db, begun, self.now(), 27),
            Fate.UNCONFIRMED: lambda: store_steps.lose(self.db, begun, self.now()),
            Fate.CRASH: self.restart,
            Fate.POWER_CUT: lambda: self.restart(60),
            Fate.WITHDRAWN: lambda: fates.withdraw_segment(self.db, begun, self.now()),
        }
        commit[fate]()

    @precondition(lambda self: self.unsettled)
    @rule(which=st.integers(0, 1000), reported=st.booleans(), status=st.sampled_from((0x00, 0x20, 0x46)))
    def the_result_comes_late(self, which: int, reported: bool, status: int) -> None:
        """Settle an unconfirmed segment by its +CMGS or by a status report."""
        segment_id, number = self.unsettled.pop(which % len(self.unsettled))
        row = self.db.one(
            "SELECT t.answer_id, s.sequence FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            " WHERE s.id = ?",
            segment_id,
        )
        if row:  # a report has proven before that it left
            answer = self.name("answers", row["answer_id"])
            attempt = self.requeued[answer] + 1
            self.tell(oracle.LateTaken, answer=answer, attempt=attempt, sequence=row["sequence"])
            self.unconfirmed.discard((row["answer_id"], self.attempts[row["answer_id"]]))
        if reported:
            report = pdus.write_status_report(segment_id % 256, number, START, START, status)
            contacts.record(self.db, self.source, [contacts.read(report, None, None)], self.now())
        else:
            fates.settle_late(self.db, segment_id, segment_id % 256, self.in_force(), self.now())

    # ---- time

    @rule(seconds=durations)
    def time_passes(self, seconds: int) -> None:
        """Let the machine run; the daemon saves the limit clock meanwhile, as it does each hour."""
        self.machine.run(seconds)
        with self.db.transaction():
            save_limit_clock(self.db, self.now())

    @rule(to=st.sampled_from((-365, -1, 1, 365, None)), synchronised=st.booleans())
    def the_calendar_steps(self, to: int | None, synchronised: bool) -> None:
        """Set the calendar forward, back, or to where a machine without a clock begins."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        self.machine.calendar = epoch if to is None else START + timedelta(days=to)
        self.machine.synchronised = synchronised
        self.tell(oracle.CalendarSet)

    @rule(seconds_off=st.sampled_from((None, None, 1, 7200, 60 * 86400)))
    def the_daemon_stops(self, seconds_off: int | None) -> None:
        """End the daemon in the middle of any step, with or without the power, and start it again."""
        self.restart(seconds_off)

    def restart(self, seconds_off: int | None = None) -> None:
        """Start the daemon again; None: the power was on."""
        if seconds_off is not None:
            self.machine.boot(seconds_off)
        self.tell(oracle.Restarted if seconds_off is None else oracle.Rebooted)
        path = self.db.path
        self.db.close()
        self.db = open_for_daemon(path)
        self.start()

    def start(self) -> None:
        """Do the daemon's first steps."""
        backup.quarantine_restored(self.db, self.now())
        decisions.commit_key_lack(self.db, self.now())
        fates.recover(self.db, self.now())

    # ---- people's data

    @precondition(lambda self: not self.key_is_away)
    @rule(keep=keeps)
    def purge(self, keep: tuple[int, int]) -> None:
        """Erase texts and make pseudonyms of numbers, beside the daemon."""
        texts, numbers = (timedelta(seconds=seconds) for seconds in keep)
        with open_beside_daemon(self.db.path) as db:
            for _ in purging.purge(db, texts, numbers, self.now()):
                pass
        self.tell(oracle.Purged)

    @precondition(lambda self: not self.key_is_away)
    @rule(number=numbers)
    def forget(self, number: str) -> None:
        """Erase a person, who counts as somebody else from then on, but for an opt-out; the spent segments stay."""
        with open_beside_daemon(self.db.path) as db:
            erased = erasing.forget(
                db,
                number,
                "admin",
                self.now(),
                opts_out=lambda text: recognition.opts_out(text, self.in_force().numbers.opt_out_words),
            )
        assert erased
        self.tell(oracle.Forgotten, number=number)
        self.forget_names()
        self.contacts -= erased.contacts
        self.serial += 1
        self.submissions = [
            replace(each, number=f"{number} until {self.serial}") if each.number == number else each
            for each in self.submissions
        ]
        self.texts = [each for each in self.texts if each[0] != number]
        self.unsettled = [each for each in self.unsettled if each[1] != number]
        self.blocked.discard(number)

    @precondition(lambda self: self.db.one("SELECT 1 FROM line_state WHERE key_digest NOTNULL"))
    @rule()
    def the_key_goes_or_comes_back(self) -> None:
        """Lose the pseudonyms' key before a start of the daemon, or bring it back and decide to go on."""
        away = self.db.key_path.with_suffix(".away")
        if self.key_is_away:
            away.rename(self.db.key_path)
            decisions.resume(self.db, "admin", self.now())
            self.tell(oracle.Resumed)
            self.key_is_away = self.paused = False
        else:
            self.db.key_path.rename(away)
            self.restart()
            self.key_is_away = True

    # ---- going back in time

    @property
    def copy(self) -> Path:
        """Path of the backup."""
        return Path(self.folder.name) / "backup"

    @precondition(lambda self: not self.key_is_away)
    @rule()
    def back_up(self) -> None:
        """Make a backup, beside the daemon."""
        with backup.copied(self.db.path, lambda _, __: None) as made:
            self.copy.write_bytes(made.read())
        if (key := backup.maybe_key(self.db.path)) is not None:
            write_key(self.copy, KEY, key)
        self.saved = {name: copy(getattr(self, name)) for name in REMEMBERED} | {"copied_at": self.machine.powered}
        self.machine.run(1)  # everything from now on is later than the backup

    @precondition(lambda self: self.saved and not self.key_is_away)
    @rule()
    def restore(self) -> None:
        """Restore the backup: later rows are lost, and its queued answers are not sent by themselves."""
        path = self.db.path
        self.db.close()
        for each in (*path.parent.glob(f"{path.name}*"), beside(path, KEY)):
            each.unlink(missing_ok=True)
        shutil.copy(self.copy, path)
        if beside(self.copy, KEY).exists():
            write_key(path, KEY, beside(self.copy, KEY).read_bytes())
        for name in REMEMBERED:
            setattr(self, name, copy(self.saved[name]))
        self.db = open_for_daemon(path)
        self.tell(oracle.Restored, copied_at=float(self.saved["copied_at"]))
        self.tell_configuration()
        self.forget_names()
        waited = self.db.all("SELECT id FROM answers WHERE state IN ('queued', 'sending')")
        self.unconfirmed |= {(row["id"], self.attempts[row["id"]]) for row in waited}
        self.start()
        assert not self.db.one("SELECT 1 FROM contacts WHERE verdict IS NULL")

    # ---- decisions of people

    @rule(limits=small_limits, plan=st.sampled_from(PLANS))
    def configure(self, limits: policy.Limits, plan: alphabet.Plan) -> None:
        """Load another configuration."""
        self.limits, self.plan = limits, plan
        self.tell_configuration()

    @rule(
        number=numbers,
        decision=st.sampled_from(
            ("block", "unblock", "unblock", "lift opt-out", "pause", "resume", "resume", "top up")
        ),
    )
    def decide(self, number: str, decision: str) -> None:
        """Decide about a number or the line."""
        if self.key_is_away and decision not in ("block", "pause"):
            return
        match decision:
            case "block":
                decisions.block(self.db, number, "admin", self.now())
                self.tell(oracle.Blocked, number=number)
                self.blocked.add(number)
            case "unblock":
                decisions.unblock(self.db, number, "admin", self.now())
                self.tell(oracle.Unblocked, number=number)
                self.blocked.discard(number)
            case "lift opt-out":
                decisions.lift_opt_out(self.db, number, "admin", self.now())
                self.tell(oracle.OptedIn, number=number)
                self.opted_out.discard(number)
            case "pause":
                decisions.pause(self.db, "admin", self.now())
                self.tell(oracle.Paused)
                self.paused = True
            case "resume":
                decisions.resume(self.db, "admin", self.now())
                self.tell(oracle.Resumed)
                self.paused = False
            case "top up":
                decisions.top_up(self.db, None, "admin", self.now())
                self.tell(oracle.Hoped)

    @precondition(lambda self: self.contacts)
    @rule(which=st.integers(0, 1000))
    def requeue(self, which: int) -> None:
        """Ask for the answer to a contact again."""
        contacts = self.db.all("SELECT id FROM contacts ORDER BY id")
        contact_id = contacts[which % len(contacts)]["id"]
        if verdicts.requeue(self.db, contact_id, "admin", self.now()) is None:
            row = self.db.one("SELECT id FROM answers WHERE contact_id = ?", contact_id)
            assert row
            answer = self.name("answers", row["id"])
            self.requeued[answer] += 1
            self.tell(oracle.Requeued, answer=answer)
            self.attempts[row["id"]] += 1
            self.by_person.add(row["id"])

    @precondition(lambda self: self.contacts)
    @rule(which=st.integers(0, 1000))
    def cancel(self, which: int) -> None:
        """Take the answer to a contact back."""
        contacts = self.db.all("SELECT id FROM contacts ORDER BY id")
        contact_id = contacts[which % len(contacts)]["id"]
        if verdicts.cancel(self.db, contact_id, "admin", self.now()) is None:
            answer_id = self.db.value("SELECT id FROM answers WHERE contact_id = ?", contact_id)
            self.tell(oracle.Cancelled, answer=self.name("answers", answer_id))

    @rule(number=numbers, plan=st.sampled_from(PLANS))
    def send_by_hand(self, number: str, plan: alphabet.Plan) -> None:
        """Send a text to a number."""
        with self.db.transaction():
            queued = verdicts.enqueue_by_hand(
                self.db, number, plan, self.in_force(), self.now(), kind=ByHand.SEND, who="admin"
            )
        if isinstance(queued, int):
            self.tell(oracle.ByHand, answer=self.name("answers", queued), number=number)
            self.by_person.add(queued)
            self.by_hand.add(queued)

    @rule()
    def adopt(self) -> None:
        """Serve the line with another SIM: answers queued for the one before are cancelled."""
        with self.db.transaction():
            lifecycle.end_all(self.db, policy.Reason.SIM_CHANGED)
        self.tell(oracle.Hoped)
        self.source = self.source._replace(imsi=f"20601{self.serial:010}")
        self.texts = []

    # ---- invariants

    @invariant()
    def windows_hold(self) -> None:
        """In any hour, day or 30 days, no more segments left than the limits allowed when each was let out."""
        for last, each in enumerate(self.submissions):
            if each.placed:
                continue
            for name, seconds in WINDOWS.items():
                limit = getattr(each.limits.segments, name)
                recent = [one for one in self.submissions[: last + 1] if one.moment > each.moment - seconds]
                assert len(recent) <= limit, (name, limit, recent)

    @invariant()
    def the_reserve_is_for_new_numbers(self) -> None:
        """Numbers that were answered before have, together, no more than the share that is not reserved."""
        for last, each in enumerate(self.submissions):
            if not each.known or each.placed:
                continue
            for name, seconds in WINDOWS.items():
                limit = getattr(each.limits.segments, name)
                share = limit - limit * each.limits.reserve_for_new // 100
                recent = [one for one in self.submissions[: last + 1] if one.moment > each.moment - seconds]
                assert sum(one.known for one in recent) <= share, (name, share, recent)

    @invariant()
    def each_number_has_its_cap_and_its_cooldown(self) -> None:
        """No number is answered more often, or sooner after its previous answer, than the limits allowed."""
        for number in NUMBERS:
            begins: dict[tuple[int, int], Submission] = {}
            for each in self.submissions:
                if each.number == number:
                    begins.setdefault(each.key[:2], each)
            earlier: list[Submission] = []
            for begin in begins.values():
                if begin.answer_id in self.by_hand:
                    continue
                if not begin.by_person:
                    answers = len({one.answer_id for one in earlier if not one.by_person})
                    assert answers < begin.limits.per_number, (begin, earlier)
                    if earlier:
                        cooldowns = begin.limits.cooldown
                        count = len({one.answer_id for one in earlier})
                        cooldown = cooldowns[min(count, len(cooldowns)) - 1]
                        assert begin.moment - earlier[-1].moment >= cooldown.total_seconds(), (begin, earlier)
                earlier.append(begin)

    @invariant()
    def a_contact_has_one_answer(self) -> None:
        """Each text and call is one contact, even when it is delivered again, and has one answer at most."""
        counted = self.db.one("SELECT (SELECT count(*) FROM contacts), count(contact_id), count(DISTINCT contact_id)"
                              " FROM answers")  # fmt: skip
        assert counted
        contacts, answers, answered = counted
        assert contacts == self.contacts
        assert answers == answered

    @invariant()
    def the_rows_keep_their_promises(self) -> None:
        """Find nothing in a full check of this undamaged database."""
        assert not list(integrity.contradictions(self.db.connection, lambda _, __: None))

    @invariant()
    def the_limit_clock_is_never_ahead(self) -> None:
        """Seconds without power do not count for limits."""
        assert self.db.now().limit <= self.machine.powered


def test_limits_hold_in_every_history() -> None:
    """Nothing is sent twice unasked, after any faults, stops and decisions."""
    run_state_machine_as_test(
        Hotline,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


# ---- faults that this found, in their shortest form


ONE_A_DAY = policy.Limits((timedelta(days=1),), per_number=1)
SHARED = policy.Limits((timedelta(0),), 9, policy.Windows(6, 6, 6), reserve_for_new=67)
HERS, HIS, THEIRS = NUMBERS


@contextmanager
def hotline(limits: policy.Limits, plan: alphabet.Plan = PLANS[0]) -> Iterator[Hotline]:
    """Give a line that has just started; at the end, all invariants have to hold."""
    line = Hotline()
    try:
        line.plan = plan
        line.begin(limits)
        yield line
        line.windows_hold()
        line.the_reserve_is_for_new_numbers()
        line.each_number_has_its_cap_and_its_cooldown()
        line.a_contact_has_one_answer()
        line.the_rows_keep_their_promises()
        line.the_limit_clock_is_never_ahead()
    finally:
        line.teardown()


def come(line: Hotline, *senders: str, body: str = "texte {}", results: Sequence[Fate] = (Fate.SENT,)) -> None:
    """Receive a contact from each sender, judge it, and let segments out."""
    for sender in senders:
        line.arrive(sender, body, national=False)
    line.judge()
    line.send(list(results))


def test_cooldown_runs_from_a_requeued_answer() -> None:
    """That answer is the latest that left, though a person requeued it."""
    with hotline(ONE_A_DAY._replace(per_number=9)) as line:
        come(line, HERS, results=[Fate.UNCONFIRMED])
        line.machine.run(86399)
        line.requeue(0)
        line.send([Fate.SENT])
        line.machine.run(1)
        come(line, HERS)


def test_cooldown_runs_from_the_sent_half_of_an_answer() -> None:
    """The withdrawn second half of the requeued answer does not move it."""
    with hotline(ONE_A_DAY._replace(per_number=9), PLANS[1]) as line:
        come(line, HERS, results=[Fate.UNCONFIRMED])
        line.machine.run(86399)
        line.requeue(0)
        line.send([Fate.SENT, Fate.WITHDRAWN])
        line.machine.run(1)
        line.send([Fate.SENT])
        come(line, HERS, results=[Fate.SENT, Fate.SENT])


def test_requeued_answer_takes_nothing_from_the_reserve() -> None:
    """Its number is not new: the first attempt may have left."""
    with hotline(SHARED._replace(reserve_for_new=100)) as line:
        come(line, HERS, results=[Fate.UNCONFIRMED])
        line.requeue(0)
        line.send([Fate.SENT])


def test_retry_after_a_text_by_hand_takes_nothing_from_the_reserve() -> None:
    """The gate asks at each try whether a number is new."""
    with hotline(SHARED) as line:
        come(line, HERS, results=[Fate.AGAIN])
        line.send_by_hand(HERS, PLANS[0])
        line.send([Fate.SENT])
        line.machine.run(60)
        come(line, HIS, THEIRS, results=[Fate.SENT] * 3)
        line.machine.run(60)
        come(line, HIS, THEIRS, results=[Fate.SENT] * 3)


def test_stop_from_a_blocked_number_opts_it_out() -> None:
    """The opt-out stays when the block is lifted."""
    with hotline(SHARED) as line:
        come(line, HERS)
        line.decide(HERS, "block")
        come(line, HERS, body=STOP)
        line.decide(HERS, "unblock")
        come(line, HERS)


# ---- the limit clock


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("run"), st.integers(0, 10**7)),
            st.tuples(st.just("save"), st.none()),
            st.tuples(st.just("restart"), st.none()),
            st.tuples(st.just("boot"), st.integers(0, 10**9)),
        ),
        max_size=30,
    )
)
def test_limit_clock_counts_only_seconds_with_the_power_on(steps: list[tuple[str, int | None]]) -> None:
    """It is exact over restarts, and loses only seconds without an anchor."""
    with machine() as played:
        limit_clock, anchor = LimitClock(None), None
        missed = played.powered  # seconds that no anchor has saved
        for name, amount in steps:
            before = limit_clock.now().limit
            match name, amount:
                case "run", int(seconds):
                    played.run(seconds)
                    assert limit_clock.now().limit == before + seconds
                case "save", _:
                    anchor = limit_clock.anchor(before)
                case "boot", int(seconds_off) if anchor:
                    missed += int(before - anchor.limit_time)
                    played.boot(seconds_off)
                    limit_clock = LimitClock(anchor)
                case "restart", _ if anchor:
                    limit_clock = LimitClock(anchor)
            assert limit_clock.now().limit == played.powered - missed
