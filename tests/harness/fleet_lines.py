"""A line's real database as a member of a fleet, with a clock that a test sets, and what people do there."""

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from store_steps import judge, make_empty

from hotlined import policy
from hotlined.clock import Now
from hotlined.gsm.address import Address, Ton, identify
from hotlined.states import ContactKind, Shared
from hotlined.store import fleet
from hotlined.store.answers import contacts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.reading import log

KEY = bytes(range(32))
"""The key of the fleet."""
SHARED = (Shared.OPT_OUTS, Shared.BLOCKS, Shared.ANSWERS)


class Asked(Protocol):
    """What answers the questions of lines."""

    def ask(self, line: str, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a question of a line; None where it is not let in."""


class Line:
    """A line that has joined."""

    def __init__(self, folder: Path, name: str, share: Collection[Shared] = SHARED) -> None:
        self.name, self.share = name, share
        (folder / name).mkdir()
        self.db = open_for_daemon(make_empty(folder / name / "hotlined.db"))
        self.limit = 0.0
        fleet.join(self.db, name, KEY, self.now())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def now(self) -> Now:
        """Return what its clocks say."""
        return self.db.now()

    def text(self, number: str, text: str) -> policy.Verdict:
        """Let a text come in and be judged."""
        who = identify(Address(number.removeprefix("+"), Ton.INTERNATIONAL), "BE")
        contact = contacts.record_whole(self.db, self.name, ContactKind.TEXT, who, text, self.now())
        return judge(self.db, contact, self.now())

    def exchange(self, hub: Asked, most: int = 50) -> None:
        """Ask the hub until there is nothing more to ask."""
        for _ in range(most):
            answer = hub.ask(self.name, fleet.question(self.db, self.share, self.now()))
            if answer is None or not fleet.take(self.db, answer, self.now()):
                return
        raise AssertionError("the line never comes to its end")

    def log(self) -> list[dict[str, Any]]:
        """Return its contacts."""
        return list(log.entries(self.db, log.Filter()))
