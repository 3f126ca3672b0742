"""The current line as the peer of a year: the daemon's own sender and store, with played clocks and modem.

The daemon's work at a start, at SIGHUP and for commands is its own, too; people write beside it.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from store_steps import make_empty, record
from year import BY_HAND, HOUR, Handed, Network, Outcome, Settings, Verdict

from hotlined import config
from hotlined.daemon.loop import Daemon
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.responses import Sent, SubmitRefused, SubmitUnknown
from hotlined.machine import clock
from hotlined.machine.timing import Interval
from hotlined.rules import policy, recognition
from hotlined.simulator import pdus
from hotlined.store.answers import contacts, decisions, queue, verdicts
from hotlined.store.file.opening import open_beside_daemon, open_for_daemon
from hotlined.store.line import requests
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of, save_limit_clock
from hotlined.store.line.requests import RequestVerb
from hotlined.store.people import erasing, purging

START = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
LOOK_SECONDS = 600  # while an answer waits for a window


class Ended(BaseException):
    """The program ended while a segment was being submitted."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


@dataclass(slots=True)
class Machine:
    """The kernel's clocks, in whole seconds; the calendar is right."""

    boot_id: Path
    boots: int = 0
    boottime: int = 0
    powered: int = 0
    off: int = 0

    @property
    def calendar(self) -> datetime:
        """Return the calendar time."""
        return START + timedelta(seconds=self.powered + self.off)

    def run(self, seconds: int) -> None:
        """Let time pass with the power on."""
        assert seconds >= 0
        self.boottime += seconds
        self.powered += seconds

    def boot(self, seconds_off: int) -> None:
        """Start the kernel after these seconds without power."""
        self.boots += 1
        self.boot_id.write_text(f"boot {self.boots}\n")
        self.boottime = 0
        self.off += seconds_off


class Escalation:
    """An escalation that never takes a step: the modem works."""

    def clear(self, *_: Any) -> None:
        """Do nothing."""

    report = clear


class Connection:
    """A modem that is always registered."""

    mismatch = ""
    registered = can_send = True
    escalation = Escalation()
    modem: "Modem"

    def confirm_sim(self, _answer_id: int) -> bool:
        """Say yes."""
        return True

    def ask_network(self) -> None:
        """Do nothing: nothing changes."""

    recheck = recheck_service_centre = ask_network


class Modem:
    """A modem that returns the network's results."""

    in_step = True

    def __init__(self, line: "Line") -> None:
        self.line = line
        self.network: Network | None = None
        self.handed: Handed | None = None

    def submit(self, pdu: str, _length: int, _seconds: float) -> Sent | SubmitRefused | SubmitUnknown:
        """Hand a segment over."""
        assert self.network is not None
        assert self.handed is None
        segment = pdus.read_submit(pdu)
        self.handed = Handed(self.line.submitting(), segment.recipient, segment.sequence, segment.total)
        outcome = self.network(self.handed)
        if outcome.kind in ("crash", "power_cut"):
            raise Ended(outcome)
        self.line.machine.run(outcome.seconds)
        if outcome.kind == "taken":
            return Sent(1)
        if outcome.cause is None:
            return SubmitUnknown("no result")
        return SubmitRefused(f"+CMS ERROR: {outcome.cause}", outcome.cause, before_payload=False)


class Line:
    """The current line, as a `year.Peer`."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder = folder
        self.machine = machine
        self.daemon: Daemon
        self.beside: Database
        self.modem = Modem(self)
        self.serials: dict[int, int] = {}
        self.ids: dict[int, int] = {}
        self.hands: dict[int, int] = {}
        self.delays: dict[int, int] = {}
        self.parts: dict[int, list[str]] = {}
        self.verdicts: list[Verdict] = []
        self._judge = verdicts.judge

    @property
    def db(self) -> Database:
        """Return the database of the running daemon."""
        return self.daemon.db

    # ---- life

    def to(self, at: int) -> None:
        """Move the clocks to a moment; each hour an anchor is committed."""
        hour = at // HOUR * HOUR
        if self.machine.powered < hour:
            self.machine.run(hour - self.machine.powered)
            with self.db.transaction():
                save_limit_clock(self.db, self.db.now())
        self.machine.run(at - self.machine.powered)

    def configure(self, settings: Settings) -> Path:
        """Write the configuration."""
        path = self.folder / "main.yaml"
        written = {
            "line": "fr",
            "database": "hotlined.db",
            "runtime_dir": "run",
            "log_level": "error",
            "answer": {"texts": list(settings.texts), "delay": "30m", "max_age": f"{settings.max_age}s"},
            "limits": {
                "cooldown": [f"{each}s" for each in settings.cooldowns],
                "per_number": settings.per_number,
                "segments": {"hour": settings.hour, "day": settings.day, "month": settings.month},
                "reserve_for_new": f"{settings.reserve_percent}%",
            },
            "numbers": {
                "answer_countries": list(settings.answer_countries),
                "blocked": list(settings.blocked),
                "opt_out_words": list(settings.opt_out_words),
            },
        }
        path.write_text(json.dumps(written))
        return path

    def start(self, at: int, settings: Settings) -> None:
        """Start for the first time."""
        assert at == 0
        self.begin(self.configure(settings))

    def begin(self, path: Path) -> None:
        """Do the daemon's first steps."""
        database = self.folder / "hotlined.db"
        db = open_for_daemon(database if database.exists() else make_empty(database))
        db.connection.execute("PRAGMA synchronous = OFF")  # only processes die here, not the disk
        self.daemon = Daemon(config.load(path), db)
        sender = self.daemon.sender
        sender.connection = Connection()  # type: ignore[assignment]
        sender.connection.modem = self.modem  # type: ignore[assignment]
        judge = self.daemon.judge
        judge._by_calendar = Interval(judge._by_calendar.seconds, time.monotonic)
        self.daemon._begin()
        self.beside = open_beside_daemon(db.path)
        self.beside.connection.execute("PRAGMA synchronous = OFF")

    def end(self) -> None:
        """End the daemon, at any step."""
        self.beside.close()
        self.db.close()
        self.daemon._watch.close()  # a user has few of these
        for descriptor in (self.daemon._wake, self.daemon._waker):
            os.close(descriptor)

    def reload(self, at: int, settings: Settings) -> None:
        """Do the work of SIGHUP, before the next step."""
        self.to(at)
        self.configure(settings)
        self.daemon._load_again()
        self.daemon._begin()

    def restart(self, at: int, seconds_off: int | None) -> None:
        """End and start again."""
        self.to(at)
        self.again(seconds_off, 0)

    def again(self, seconds_off: int | None, seconds: int) -> None:
        """End, and start again after these seconds."""
        self.end()
        if seconds_off is not None:
            self.machine.boot(seconds_off)
        self.machine.run(seconds)
        self.begin(self.folder / "main.yaml")

    # ---- contacts

    def receive(self, at: int, contact: int, number: str, text: str, delay: int) -> None:
        """Receive a text from the SIM."""
        self.to(at)
        parts = pdus.write_text(number, text, scts=self.machine.calendar, reference=contact % 256)
        self.list_storage(parts)
        self.parts[contact] = parts
        self.know(contact, delay)

    def know(self, contact: int, delay: int) -> None:
        """Note the row of the last contact."""
        row = self.db.one("SELECT max(id) AS id FROM contacts WHERE verdict IS NULL")
        assert row
        assert row["id"]
        self.serials[row["id"]], self.ids[contact], self.delays[row["id"]] = contact, row["id"], delay

    def list_storage(self, parts: list[str]) -> None:
        """List a storage with these entries, and delete them there."""
        kept = record(self.db, *parts, now=self.db.now())
        contacts.confirm_deleted(self.db, "SM", [entry.segment_id for entry in kept], self.db.now())

    def receive_again(self, at: int, contact: int) -> None:
        """Receive the same bytes from the SIM again: they make no new contact."""
        self.to(at)
        self.list_storage(self.parts[contact])
        assert self.db.one("SELECT 1 FROM contacts WHERE verdict IS NULL") is None

    def receive_call(self, at: int, contact: int, number: str, delay: int) -> None:
        """Receive a call."""
        self.to(at)
        contacts.record_call(self.db, "fr", identify(Address(number[1:], Ton.INTERNATIONAL), "BE"), self.db.now())
        self.know(contact, delay)

    def judge_all(self, at: int) -> list[Verdict]:
        """Sweep and judge."""
        self.to(at)
        self.verdicts = []
        self.daemon.judge.judge_contacts()
        return self.verdicts

    def judge(self, db: Database, contact_id: int, *arguments: Any, **named: Any) -> policy.Verdict:
        """Judge a contact in place of `answers.judge`, with its drawn delay."""
        verdict = self._judge(db, contact_id, *arguments, **named | {"delay_seconds": float(self.delays[contact_id])})
        self.verdicts.append((self.serials[contact_id], "answer" if verdict.answer else "suppress", verdict.reason))
        return verdict

    # ---- answers that leave

    def next_due(self, at: int) -> int | None:
        """Return the time at which a daemon that looks every second would find work."""
        self.to(at)
        if not queue.waiting(self.db).answers:
            return None
        now = self.db.now().limit
        moments = [*self._stale_at(at, now)]
        row = self.db.one("SELECT min(due_limit) AS at FROM answers WHERE state = 'queued' AND due_limit > ?", now)
        if row and row["at"] is not None:
            moments.append(row["at"] - now + at)
        moments += [max(row["due"] - now + at, at + 60) for row in self.db.all("SELECT due FROM country_outages")]
        sender = self.daemon.sender
        if sender.has_due_answer():
            moments.append(max(sender.next_segment_at, at + 1))
        elif not row_of(self.db).is_paused and queue.due(self.db, self.db.now()):
            state = row_of(self.db).breaker
            if state.is_open and not (sender._all_wait and state.lets_try(now)):
                moments.append(max(state.due - now + at, sender.next_segment_at, at + 1))
            moments += [
                max(each, *sender._asked_again_at.values(), sender.next_segment_at, at + 1)
                for each in self._room_at(at, now)
            ]
            moments.append(at + LOOK_SECONDS)
        return int(-(-min(moments) // 1)) if moments else None

    def _stale_at(self, at: int, now: float) -> Iterator[float]:
        """Yield the times at which the oldest answer becomes stale, by the limit clock and by the calendar."""
        longest = self.daemon.line.config.answer.max_age.total_seconds()
        row = self.db.one(
            "SELECT min(age_limit) AS oldest, unixepoch(min(c.scts) FILTER (WHERE a.asked_by IS NULL)) AS sent"
            " FROM answers a LEFT JOIN contacts c ON c.id = a.contact_id WHERE a.state = 'queued'"
        )
        assert row
        if row["oldest"] is not None:
            yield max(at + 1, row["oldest"] + longest + 1 - now + at)
        if row["sent"] is not None:
            left = row["sent"] + longest + 1 - self.machine.calendar.timestamp()
            yield at + max(1, left, self.daemon.judge._by_calendar.seconds_left)

    def _room_at(self, at: int, now: float) -> Iterator[float]:
        """Yield the times at which the oldest segment leaves each window."""
        for seconds in policy.WINDOW_SECONDS.values():
            row = self.db.one(
                "SELECT min(submitted_limit) AS first FROM answer_segments WHERE submitted_limit > ?", now - seconds
            )
            if row and row["first"] is not None:
                yield row["first"] + seconds - now + at

    def submit_due(self, at: int, network: Network) -> Handed | None:
        """Let the sender work until it has nothing left to do or a segment is out."""
        self.to(at)
        self.modem.network, self.modem.handed = network, None
        while self.modem.handed is None:
            before = self.db.connection.total_changes
            try:
                if begun := self.daemon.sender.begin_next(self.modem):  # type: ignore[arg-type]
                    self.daemon.sender.submit(self.modem, begun)  # type: ignore[arg-type]
            except Ended as ended:
                is_cut = ended.outcome.kind == "power_cut"
                self.again(ended.outcome.seconds_off if is_cut else None, ended.outcome.seconds)
                break
            if self.db.connection.total_changes == before:
                break
        return self.modem.handed

    def submitting(self) -> int:
        """Return the contact or text by hand whose segment is committed as submitting."""
        (row,) = self.db.all(
            "SELECT a.id, a.contact_id FROM answer_segments s JOIN attempts t ON t.id = s.attempt_id"
            " JOIN answers a ON a.id = t.answer_id WHERE s.state = 'submitting'"
        )
        return self.hands[row["id"]] if row["contact_id"] is None else self.serials[row["contact_id"]]

    def late_result(self, at: int, handed: Handed) -> None:
        """Receive a result after the wait for it."""
        self.to(at)
        assert handed == self.modem.handed
        self.daemon.sender.settle_late_result(2)

    # ---- decisions of people, beside the daemon

    def decide(self, at: int, verb: str, number: str) -> None:
        """Decide about a number or the line."""
        self.to(at)
        now = self.beside.now()
        match verb:
            case "block":
                decisions.block(self.beside, number, "admin", now)
            case "unblock":
                decisions.unblock(self.beside, number, "admin", now)
            case "optin":
                decisions.lift_opt_out(self.beside, number, "admin", now)
            case "pause":
                decisions.pause(self.beside, "admin", now)
            case "resume":
                decisions.resume(self.beside, "admin", now)
            case _:
                raise ValueError(verb)
        self.daemon._serve_requests()

    def requeue(self, at: int, contact: int) -> bool:
        """Requeue an answer."""
        self.to(at)
        refused = verdicts.requeue(self.beside, self.ids[contact], "admin", self.beside.now())
        self.daemon._serve_requests()
        return refused is None

    def send(self, at: int, hand: int, number: str, text: str) -> bool:
        """Request a text by hand from the daemon."""
        self.to(at)
        assert hand >= BY_HAND
        request_id = requests.ask(
            self.beside, RequestVerb.SEND, {"number": number, "text": text}, "admin", self.beside.now()
        )
        self.daemon._serve_requests()
        queued = requests.progress_of(self.beside, request_id).answer_id
        if queued is not None:
            self.hands[queued] = hand
        return queued is not None

    def forget(self, at: int, number: str) -> bool:
        """Erase a person."""
        self.to(at)
        rules = self.daemon.line.config.rules()
        done = erasing.forget(
            self.beside,
            number,
            "admin",
            self.beside.now(),
            opts_out=lambda text: recognition.opts_out(text, rules.numbers.opt_out_words),
        )
        self.daemon._serve_requests()
        return done is not None

    def purge(self, at: int, keep_texts: int, keep_numbers: int) -> None:
        """Erase by age."""
        self.to(at)
        keep = (timedelta(seconds=seconds) for seconds in (keep_texts, keep_numbers))
        for _ in purging.purge(self.beside, *keep, self.beside.now()):
            pass
        self.daemon._serve_requests()


@contextmanager
def line(folder: Path) -> Iterator[Line]:
    """Give a line in a folder, on a machine with played clocks, and end it."""
    machine = Machine(folder / "boot_id")
    machine.boot(0)

    class Calendar(datetime):
        @classmethod
        def now(cls, _zone: Any = None) -> datetime:
            return machine.calendar

    log_level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_BOOT_ID", machine.boot_id)
        patch.setattr(clock, "datetime", Calendar)
        patch.setattr(clock, "synchronised", lambda: True)
        patch.setattr(time, "clock_gettime", lambda _: float(machine.boottime))
        patch.setattr(time, "monotonic", lambda: float(machine.powered))
        played = Line(folder, machine)
        patch.setattr(verdicts, "judge", played.judge)
        try:
            yield played
        finally:
            played.end()
            logging.getLogger().setLevel(log_level)
