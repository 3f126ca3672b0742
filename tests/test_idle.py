"""A line that nothing happens to asks its database next to nothing, and writes nothing."""

from pathlib import Path

import pytest
from filled import Filled

from hotlined import config
from hotlined.daemon import line as daemon
from hotlined.daemon.connection import Connection
from hotlined.daemon.sending import Sender
from hotlined.store import people


def look(filled: Filled, sender: Sender) -> list[str]:
    """Return what a pass without a modem asks the database."""
    asked: list[str] = []
    filled.db.connection.set_trace_callback(asked.append)
    sender.judge()
    sender.note_hold()
    filled.db.connection.set_trace_callback(None)
    return asked


@pytest.fixture
def sender(tmp_path: Path) -> tuple[Filled, Sender]:
    """Give the answering side of a line that has an answered contact, without a modem."""
    filled = Filled(tmp_path)
    filled.judge(filled.text())
    filled.send()
    line = daemon.Line(config.load(filled.config), filled.db)
    return filled, Sender(line, Connection(line, lambda _: None, 0))


def test_an_idle_pass_asks_only_whether_somebody_has_written(sender: tuple[Filled, Sender]) -> None:
    """Nothing of what waits is looked for again before anything is written, by us or by others."""
    filled, answering = sender
    look(filled, answering)

    assert set(look(filled, answering)) == {"PRAGMA data_version"}


def test_what_is_written_is_seen_in_the_next_pass(sender: tuple[Filled, Sender]) -> None:
    """A contact that was recorded since, and one that another process queues an answer to, is looked at."""
    filled, answering = sender
    look(filled, answering)
    filled.text("Salut", "+32470999999")
    look(filled, answering)

    assert filled.db.one("SELECT 1 FROM contacts WHERE originator = '+32470999999' AND verdict IS NOT NULL")


@pytest.mark.parametrize("held", ["paused", "no modem"])
def test_a_queue_that_is_held_back_costs_no_writing(sender: tuple[Filled, Sender], held: str) -> None:
    """However long a pause or a missing modem keeps answers waiting, no pass writes to the disk for it."""
    filled, answering = sender
    filled.judge(filled.text("Salut", "+32470999999"))
    if held == "paused":
        people.pause(filled.db, "pi", filled.now())
    for _ in range(2):
        look(filled, answering)
    before = filled.db.connection.total_changes
    for _ in range(5):
        look(filled, answering)

    assert filled.db.connection.total_changes == before
