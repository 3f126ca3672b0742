"""Behaviours of modems, each from where it was reported, played to the real daemon.

The rows are data, and were written before the driver knew of them: `tests/data/README.md` says how.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from behaving import DATA, OWN, PACE, Behaviour, Entry, Modem, behaviours
from conftest import PATIENCE_SECONDS, Line, wait_until
from store_steps import make_empty

from hotlined.machine.clock import boot_id, boottime

WAITS: dict[str, Any] = {
    "dialogue": {
        "command": 1.5,
        "slow_command": 3.0,
        "radio": 3.0,
        "prompt": 10 * PACE,
        "sim_state": 0.3,
        "first_line": 2.0,
        "next_line": 1.0,
        "whole_listing": 15.0,
        "probe": 0.5,
        "quiet": 0.05,
        "late": 0.2,
        "late_answers": 0.5,
    },
    "reconnect_pauses": (0.1, 0.2, 0.5),
    "reset": 5 * PACE,
    "sim_ready": 10 * PACE,
    "sim_certain": 60 * PACE,
    "network_registered": 60 * PACE,
    "network_unregistered": 10 * PACE,
    "settings_polls": 1,
    "settings_longest": 1.0,
    "silent_pauses": (0.0, 0.0, 0.0, 0.0, 20 * PACE, 60 * PACE),
    "escalation_rest": 60 * PACE,
    "unready_grace": 60 * PACE,
    "unready_pauses": (120 * PACE, 600 * PACE),
    "no_sim_grace": 300 * PACE,
    "unregistered_grace": 300 * PACE,
    "list_pauses": (0.0, 0.0, 30 * PACE),
    "delete_pauses": (30 * PACE, 120 * PACE),
    "deletions_first": 60 * PACE,
    "retry_after": (0.2,),
    "trial_after": (60 * PACE,),
    "trial_gap": 60 * PACE,
    "clip": 1.0,
    "ring_gap": 20 * PACE,
    "last_ring": 3 * PACE,
    "selftest_look": 0.2,
    "selftest_late": 60 * PACE,
}
"""The daemon's waits: where a row has seconds, they pass at its pace; the others leave a busy machine its time."""
MORE_LISTINGS = 2
"""The listings after a promise is kept: what was read or sent twice shows then."""
ODD = [json.loads(each)["pdu"] for each in (DATA.parent / "odd_pdus.jsonl").read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Stage:
    """A row that is being played: the modem, its line, and the texts of those who were erased since."""

    row: Behaviour
    modem: Modem
    line: Line
    erased: set[str]

    def listed(self, more: int) -> None:
        """Wait until the storages were listed, or their slots read, so many times more."""
        before = self._listings()
        wait_until(lambda: self._listings() >= before + more, "the next listings")

    def _listings(self) -> int:
        return self.modem.asked["AT+CMGL"] + self.modem.asked["AT+CMGR"]

    def play(self) -> None:
        """Let happen what the row says."""
        for step in self.row.steps:
            if step.get("text_mode"):
                self.modem.is_text_mode = True
            if step.get("loses_settings"):
                self.modem.lose_settings()
            self.modem.say(*step.get("say", ()))
            for place in range(step.get("times", 0)):
                self.modem.say(step["noise"].format(place=place))
            for _ in range(step.get("texts", 0)):
                self.modem.deliver(self.modem.number())
            self._deliver_odd(step.get("odd", ""))
            for _ in range(step.get("forget", 0)):
                number = next(iter(self.modem.texts))
                self.erased.update(pdu for (pdu,) in self.line.rows(PDUS_OF, number))
                self.line.cli("forget", number, "--yes")
            self.listed(step.get("listed", 0))
            time.sleep(step.get("wait", 0) * PACE)

    def _deliver_odd(self, how: str) -> None:
        for pdu in ODD if how else ():
            entry = Entry(pdu, max(0, len(pdu) // 2 - 1 - int(pdu[:2], 16)), 0)
            if how == "stored":
                self.modem.store("SM", entry)
            else:
                self.modem.say(f"+CMT: ,{entry.length}\r\n{entry.pdu}")

    # ---- what became of it

    def faults(self) -> list[str]:
        """Return what is not as the row promises."""
        promise, status = self.row.promise, self.line.status()
        found = list(self._always())
        recorded = self.line.count("SELECT count(*) FROM contacts WHERE kind <> 'call'")
        wanted = {
            "recorded": (promise.get("recorded", self.modem.texts.total()), recorded),
            "answered": (promise.get("answered", self.modem.texts.total()), len(self.modem.left)),
            "state": (promise.get("state"), status["modem"]["state"]),
            "calls": (promise.get("calls"), self.line.count("SELECT count(*) FROM contacts WHERE kind = 'call'")),
            "delivered": (
                promise.get("delivered"),
                self.line.count("SELECT count(*) FROM answers WHERE state = 'delivered'"),
            ),
            "resets": (promise.get("resets"), self.modem.resets),
        }
        found += [
            f"{name}: {is_now}, not {wish}"
            for name, (wish, is_now) in wanted.items()
            if wish not in (None, "any", is_now)
        ]
        if (event := promise.get("event")) and not self.line.count("SELECT 1 FROM events WHERE kind = ?", event):
            found.append(f"no event {event}")
        return found or self._exit_code()

    def _always(self) -> Iterator[str]:
        """Yield what must never be, whatever a row promises."""
        if twice := [number for number, count in self.modem.left.items() if count > 1]:
            yield f"answered twice: {twice}"
        copies = len(self.row.receives.get("into", [""]))
        if again := self.line.rows("SELECT pdu FROM segments GROUP BY pdu HAVING count(*) > ?", copies):
            yield f"recorded twice: {len(again)}"

    def _exit_code(self) -> list[str]:
        """Return what is wrong with the exit code of `status`: it may be 0 only while no text is unread."""
        code = self.line.run("status").exit_code
        known = {pdu for (pdu,) in self.line.rows("SELECT pdu FROM segments")} | self.erased
        if code == 0 and (unread := len(self.modem.pdus - known)):
            return [f"status says that all is well: {unread} texts are unread"]
        wish = self.row.promise.get("exit", 0)
        return [] if wish in ("any", code) else [f"status ends with {code}, not {wish}"]


PDUS_OF = "SELECT pdu FROM segments JOIN contacts ON contacts.id = segments.contact_id WHERE originator = ?"


def broken_for(stage: Stage, seconds: float) -> list[str]:
    """Return the row's faults as soon as it has none, or after so many seconds."""
    ends = time.monotonic() + seconds
    while (faults := stage.faults()) and time.monotonic() < ends:
        time.sleep(0.05)
    return faults


def has_tried(status: dict[str, Any]) -> bool:
    """Tell whether the daemon has tried to connect, by its status."""
    state = status["modem"]["state"]
    return state is not None and (state != "starting" or status["trouble"][0]["cause"] is not None)


def make_quiet(line: Line, seconds: float) -> None:
    """Give a line a database that has been in use for so long without a text, and on whose number a text came back."""
    make_empty(line.database)
    values = (seconds, boot_id(), boottime(), *((OWN, "2026-11-24T12:00:00.000Z") if seconds else (None, None)))
    with contextlib.closing(sqlite3.connect(line.database)) as db, db:
        db.execute(
            "UPDATE line_state SET limit_time = ?, boot_id = ?, boottime = ?,"
            " selftest_number = ?, selftest_back_at = ?",
            values,
        )


@pytest.mark.parametrize("row", behaviours(), ids=lambda row: row.name)
def test_what_a_modem_does_is_survived(tmp_path: Path, row: Behaviour) -> None:
    """Each text is recorded and answered once, or `status` says that it is not."""
    with Modem(row) as modem:
        peer: Any = SimpleNamespace(port=modem.port, client=None)
        (tmp_path / "days").write_text("0")
        with Line(tmp_path, peer) as line:
            line.configure(modem=row.modem, line_number=OWN if row.quiet else None)
            make_quiet(line, row.quiet)
            line.start(WAITS | {"calendar": str(tmp_path)})
            stage = Stage(row, modem, line, set())
            wait_until(lambda: has_tried(line.status()), "the daemon")
            stage.play()
            faults = broken_for(stage, PATIENCE_SECONDS)
            if not faults and line.status()["modem"]["state"] == "ready":
                stage.listed(MORE_LISTINGS)
                faults = stage.faults()
            assert not faults, (row.source, faults, line.log_path.read_text()[-3000:])


def test_each_row_has_a_name_of_its_own() -> None:
    """A name is how a row is chosen."""
    names = [row.name for row in behaviours()]
    assert sorted(names) == sorted(set(names))
