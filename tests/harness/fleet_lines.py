"""A line's real database as a member of a fleet, and decisions of people there."""

import json
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hubs import Hub
from running import CliRunner, Result
from store_steps import RULES, begin_next, judge, make_empty, record_whole, segment_of, take

from hotlined.cli import main
from hotlined.database_files import SHM, WAL, beside
from hotlined.documents import LoggedContact
from hotlined.fleet.hub import Hub as HubOfLine
from hotlined.fleet.sync import HubExchange
from hotlined.fleet_files import RunFiles
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.rules import policy
from hotlined.states import ContactKind
from hotlined.store import lists
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.reading import log

KEY = bytes(range(32))
"""The key of the fleet."""


class Line:
    """A line, joined if wanted; `hours` is its time since the beginning."""

    def __init__(self, folder: Path, name: str, *, joins: bool = True) -> None:
        self.name, self.hours = name, 0.0
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.config = self.folder / "main.yaml"
        (self.folder / "answer.txt").write_text("Non.")
        settings = {"line": name, "database": "hotlined.db", "runtime_dir": "run"}
        self.config.write_text(json.dumps(settings | {"answer": {"text_file": "answer.txt"}}))
        self.path = make_empty(self.folder / "hotlined.db")
        self.empty = self.path.read_bytes()
        self.db = open_for_daemon(self.path)
        self._began = self.db.now()
        if joins:
            self.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def copy(self) -> bytes:
        """Return the bytes of its database."""
        return self.db.connection.serialize()

    def put_back(self, octets: bytes) -> None:
        """Replace its database, without a mark that it is a copy."""
        self.db.close()
        for ending in (WAL, SHM):
            beside(self.path, ending).unlink(missing_ok=True)
        self.path.write_bytes(octets)
        self.db = open_for_daemon(self.path)

    def join(self) -> int:
        """Join the fleet."""
        return lists.join(self.db, self.name, KEY, self.now())

    def now(self) -> Now:
        """Return the moment by its clocks."""
        later = timedelta(hours=self.hours)
        return Now(self._began.utc + later, self._began.limit + later.total_seconds(), self._began.synchronised)

    def text(self, number: str, text: str = "hello", rules: policy.Rules = RULES) -> policy.Verdict:
        """Let a text arrive and be judged."""
        who = identify(Address(number.removeprefix("+"), Ton.INTERNATIONAL), "BE")
        contact = record_whole(self.db, self.name, ContactKind.TEXT, who, text, self.now())
        return judge(self.db, contact, self.now(), rules)

    def answer(self, number: str, text: str = "hello") -> policy.Reason:
        """Let a text arrive and be answered if the verdict says so; return the reason of the verdict."""
        verdict = self.text(number, text)
        if verdict.answer:
            take(self.db, segment_of(begin_next(self.db, self.now(), plan("Non."))), self.now())
        return verdict.reason

    def ask(self, brought: dict[str, Any] | None) -> dict[str, Any]:
        """Take in what an exchange brings; return what it does next."""
        return lists.turn(self.db, brought, self.now()) | {"hub": None}

    def exchange(self, hub: Hub | HubOfLine) -> None:
        """Exchange with the hub until neither side has anything new."""
        place = RunFiles(self.folder / "run", "main")
        HubExchange(self.ask, None, place).exchange(hub.of(self.name) if isinstance(hub, Hub) else hub)

    def log(self) -> list[LoggedContact]:
        """Return its contacts."""
        return list(log.entries(self.db, log.Filter()))

    def run(self, *arguments: str, **options: Any) -> Result:
        """Run a command of the admin."""
        return CliRunner().invoke(main, ["--config", str(self.config), *arguments], **options)
