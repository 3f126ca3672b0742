"""A line with a configuration and a real database, filled as by the daemon, for tests of the command line."""

import io
import json
import os
import pty
import re
import time
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import store_steps
from running import CliRunner, Result

from hotlined.cli import main
from hotlined.gsm import alphabet
from hotlined.gsm.address import Address, Ton, identify
from hotlined.machine.clock import Now, boottime
from hotlined.rules import policy
from hotlined.simulator import pdus
from hotlined.states import ModemState
from hotlined.status import DaemonStatus, ModemStatus
from hotlined.store.answers import contacts, queue
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database

SENT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
KEVIN, LEA = "+32470123456", "+33612345678"
RULES = policy.Rules(policy.Limits(), policy.Numbers(answer_countries=("BE", "FR")), timedelta(hours=24))
ANSWER = "Non, c'est non. " * 12  # two segments

# the promised keys of `log --json`, in their order
LOG_KEYS = [
    "id", "line", "kind", "originator", "other_originator", "text", "segments", "scts", "received_at", "repeats",
    "tags", "verdict", "reason", "elsewhere", "answer",
]  # fmt: skip
ANSWER_KEYS = [
    "id", "state", "reason", "text", "encoding", "segments", "segments_sent", "waiting_for", "queued_at", "due_at",
    "sent_at", "reported_at", "composed",
]  # fmt: skip


def unpack(octets: bytes, folder: Path) -> None:
    """Unpack a ZIP, and check that it is whole."""
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)


class Filled:
    """One line; each contact comes a minute after the one before."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.database = folder / "hotlined.db"
        if not self.database.exists():  # otherwise it is the copy of a filled one
            store_steps.make_empty(self.database)
        self.config = folder / "main.yaml"
        self.settings = {"line": "fr", "database": "hotlined.db", "runtime_dir": "run", "answer": {"text": ANSWER}}
        self.settings |= {"numbers": {"answer_countries": ["BE", "FR"]}}
        self.settings |= settings
        self.config.write_text(json.dumps(self.settings))
        self.db: Database = open_for_daemon(self.database)
        self._moments = count()
        self._began = self.db.now().limit
        self.source = store_steps.SOURCE

    def now(self) -> Now:
        """Return the next moment: a minute later on both clocks."""
        minutes = timedelta(minutes=next(self._moments))
        return Now(SENT + minutes, self._began + minutes.total_seconds(), synchronised=False)

    def pdu(self, *entries: str) -> None:
        """Receive entries of the SIM as they are, and delete them there."""
        now = self.now()
        kept = store_steps.record(self.db, *entries, now=now, source=self.source)
        contacts.confirm_deleted(self.db, "SM", [entry.segment_id for entry in kept], now)

    def text(self, text: str = "Salut, ça va ?", sender: str = KEVIN) -> int:
        """Receive a text and return its contact's id."""
        moment = self.now()
        self.pdu(*pdus.write_text(sender, text, scts=moment.utc, reference=int(moment.limit) % 256))
        return self.newest()

    def call(self, sender: str = LEA) -> int:
        """Receive a call and return its contact's id."""
        return contacts.record_call(self.db, "fr", identify(Address(sender[1:], Ton.INTERNATIONAL), "BE"), self.now())

    def newest(self) -> int:
        """Return the id of the newest contact."""
        row = self.db.one("SELECT max(id) FROM contacts")
        assert row
        return int(row[0])

    def judge(self, contact_id: int, delay: float = 0.0) -> policy.Verdict:
        """Judge a contact and queue its answer."""
        return store_steps.judge(self.db, contact_id, self.now(), RULES, delay=delay)

    def send(self, mrs: Sequence[int | None] = (7, 8)) -> None:
        """Send the answer that is due; a segment without a reference stays unconfirmed."""
        for mr in mrs:
            now = self.now()
            turn = queue.due(self.db, now)[0]
            result = store_steps.begin(self.db, turn.answer_id, now, alphabet.plan(ANSWER), RULES)
            begun = store_steps.segment_of(result)
            if mr is None:
                store_steps.lose(self.db, begun, self.now())
            else:
                store_steps.take(self.db, begun, self.now(), mr)

    def refuse(self, cms: int) -> None:
        """Let the network refuse the answer that is due."""
        now = self.now()
        turn = queue.due(self.db, now)[0]
        begun = store_steps.begin(self.db, turn.answer_id, now, alphabet.plan(ANSWER), RULES)
        store_steps.refuse(self.db, store_steps.segment_of(begun), self.now(), cms)

    def daemon_runs(self, *, runs: bool = True, modem: ModemState | None = None, sim_changed: bool = False) -> None:
        """Write the status of a daemon with this database, alive or long gone."""
        path = self.folder / "run" / "main" / "status.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        at = boottime() - (0.0 if runs else 1e6)
        status = DaemonStatus(
            pid=os.getpid(),
            database=str(self.database),
            modem=ModemStatus(state=modem),
            sim_changed=sim_changed,
            pass_boottime=at,
        )
        path.write_text(status.to_json())

    def run(self, *arguments: str, **options: Any) -> Result:
        """Run a command of the admin."""
        return CliRunner().invoke(main, ["--config", str(self.config), *arguments], **options)

    def evidence(self, number: str, folder: Path) -> Result:
        """Take the evidence of a number, unpack its ZIP into a folder, and return the command's result."""
        result = self.run("evidence", "--", number)
        assert result.exit_code == 0, result.output
        unpack(result.stdout_bytes, folder)
        return result

    def log(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the contacts of `log --json`."""
        result = self.run("log", "--json", *arguments)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def on_a_terminal(self, columns: int, *arguments: str, **environment: str) -> list[str]:
        """Return the lines that a command shows on a terminal of this width."""
        ours, theirs = pty.openpty()
        chosen = {"COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"} | environment
        with os.fdopen(ours, "rb") as screen:
            with os.fdopen(theirs, "w") as terminal, redirect_stdout(terminal), pytest.MonkeyPatch.context() as patch:
                for name, value in chosen.items():
                    patch.setenv(name, value)
                time.tzset()
                with suppress(SystemExit):
                    main(["--config", str(self.config), *arguments])
            time.tzset()
            shown = b""
            with suppress(OSError):  # a pseudo-terminal ends with this error
                while octets := os.read(screen.fileno(), 4096):
                    shown += octets
        return re.sub("\x1b\\[[0-9;]*m", "", shown.decode()).splitlines()
