"""An idle line queries its database next to nothing, and writes nothing."""

import select
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from filled import KEVIN, LEA, Filled

from hotlined import config
from hotlined.daemon import shared as daemon
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.judging import Judge
from hotlined.daemon.sending import Sender
from hotlined.daemon.starting import Starter
from hotlined.daemon.watch import FolderWatch
from hotlined.states import ModemState
from hotlined.store.answers import decisions
from hotlined.store.line.line_row import row_of


class Answering(NamedTuple):
    """The parts of the daemon that judge and send."""

    sender: Sender
    judge: Judge


def look(filled: Filled, answering: Answering) -> list[str]:
    """Return the SQL statements of a pass without a modem."""
    asked: list[str] = []
    filled.db.connection.set_trace_callback(asked.append)
    with answering.sender.line.keep_version():
        answering.judge.judge_contacts()
        answering.sender.hold_without_modem()
    filled.db.connection.set_trace_callback(None)
    return asked


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Filled, Answering]:
    """Give the answering side of a line that has an answered contact, without a modem."""
    filled = Filled(tmp_path)
    filled.judge(filled.text())
    filled.send()
    line = daemon.Line(config.load(filled.config), filled.db)
    balance = Balance(line)
    sender = Sender(line, Connection(line, Starter(line, lambda _: None, 0)), balance)
    return filled, Answering(sender, Judge(line, sender, balance))


def wrote(filled: Filled, text: str, number: str) -> int:
    """Receive a text without a time of its own, which is as old as its arrival; return its contact's id."""
    contact_id = filled.text(text, number)
    with filled.db.transaction():
        filled.db.execute("UPDATE contacts SET scts = NULL WHERE id = ?", contact_id)
    return contact_id


def test_idle_pass_queries_only_the_data_version(sides: tuple[Filled, Answering]) -> None:
    """It looks for no work before anybody has written."""
    filled, answering = sides
    look(filled, answering)

    assert look(filled, answering) == ["PRAGMA data_version"]


def test_next_pass_sees_a_new_contact(sides: tuple[Filled, Answering]) -> None:
    """The contact was recorded after the previous pass."""
    filled, answering = sides
    look(filled, answering)
    filled.text("Salut", "+32470999999")
    look(filled, answering)

    assert filled.db.one("SELECT 1 FROM contacts WHERE originator = '+32470999999' AND verdict IS NOT NULL")


def test_verdict_that_was_rolled_back_is_given_again(sides: tuple[Filled, Answering]) -> None:
    """Cached reads are dropped if a shared commit fails."""
    filled, answering = sides
    contact_id = wrote(filled, "Salut", "+32470999999")
    with suppress(ZeroDivisionError), filled.db.shared_commit():
        answering.judge.judge_contacts()
        assert not answering.sender.is_idle()  # this caches the look-up until somebody writes
        raise ZeroDivisionError
    assert filled.db.one("SELECT 1 FROM contacts WHERE id = ? AND verdict IS NULL", contact_id)
    look(filled, answering)

    assert filled.db.one("SELECT 1 FROM contacts WHERE id = ? AND verdict IS NOT NULL", contact_id)


@pytest.mark.parametrize("held", ["paused", "no modem"])
def test_held_queue_costs_no_writes(sides: tuple[Filled, Answering], held: str) -> None:
    """A pause or a missing modem may last for long."""
    filled, answering = sides
    filled.judge(filled.text("Salut", "+32470999999"))
    if held == "paused":
        decisions.pause(filled.db, "pi", filled.now())
    for _ in range(2):
        look(filled, answering)
    before = filled.db.connection.total_changes
    for _ in range(5):
        look(filled, answering)

    assert filled.db.connection.total_changes == before


def test_contact_that_cannot_be_judged_is_set_aside(sides: tuple[Filled, Answering]) -> None:
    """Its row stays, and the next contact is judged.

    An event has the reason.
    """
    filled, answering = sides
    odd, fine = wrote(filled, "Un", "+32470111111"), wrote(filled, "Deux", "+32470222222")
    filled.db.connection.execute(
        "INSERT INTO answers (contact_id, recipient, state, share, draw, queued_at, queued_limit, age_limit,"
        " due_limit) VALUES (?, 'x', 'cancelled', 'new', 0, '', 0, 0, 0)",
        (odd,),
    )
    look(filled, answering)

    reasons = filled.db.all("SELECT reason FROM contacts WHERE id IN (?, ?) ORDER BY id", odd, fine)
    assert [row["reason"] for row in reasons] == ["set_aside", "first_contact"]
    assert filled.db.one("SELECT 1 FROM events WHERE kind = 'set_aside' AND contact_id = ?", odd)


def test_stale_answers_end_before_a_new_text_is_judged(sides: tuple[Filled, Answering]) -> None:
    """The text is not pending behind one of three hundred stale answers."""
    filled, answering = sides
    number = "+32470999999"
    filled.judge(filled.text("Salut", number))
    filled.db.connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300)"
        " INSERT INTO answers (recipient, state, share, draw, queued_at, queued_limit, age_limit, due_limit)"
        " SELECT '+3247' || i, 'queued', 'new', 0, '', -1e6, -1e6, 0 FROM n"
    )
    filled.db.connection.execute(
        "UPDATE answers SET age_limit = -5e5 WHERE recipient = ? AND state = 'queued'", (number,)
    )
    wrote(filled, "Encore", number)
    for _ in range(5):
        look(filled, answering)

    row = filled.db.one("SELECT reason FROM contacts ORDER BY id DESC LIMIT 1")
    assert row
    assert row["reason"] == "first_contact"


# ---- sleep


def is_readable(watch: FolderWatch) -> bool:
    """Tell whether a sleep would end."""
    assert watch.descriptor is not None
    return select.select([watch.descriptor], [], [], 0)[0] != []


def test_commit_of_another_process_ends_the_sleep_once(sides: tuple[Filled, Answering]) -> None:
    """One commit gives one hint."""
    filled, _ = sides
    watch = FolderWatch(filled.db.path.parent)
    assert not is_readable(watch)
    decisions.pause(filled.db, "pi", filled.now())
    assert is_readable(watch)
    watch.clear()
    assert not is_readable(watch)
    watch.close()


def test_folder_that_cannot_be_watched_gives_no_hints(tmp_path: Path) -> None:
    """The loop then asks each second."""
    assert FolderWatch(tmp_path / "none").descriptor is None


def test_refused_write_of_a_state_is_repeated_once(sides: tuple[Filled, Answering]) -> None:
    """The next pass writes since when the modem is ready."""
    filled, answering = sides
    connection, recorded = answering.sender.connection, "SELECT at_limit FROM events WHERE kind = 'modem_ready'"
    filled.db.connection.execute("PRAGMA query_only = ON")
    connection.set_state(ModemState.READY)
    filled.db.connection.execute("PRAGMA query_only = OFF")
    assert filled.db.all(recorded) == []
    for _ in range(2):
        connection.announce_state()

    assert [row["at_limit"] for row in filled.db.all(recorded)] == [connection.since.limit]
    assert row_of(filled.db).ready_limit == connection.since.limit


def test_second_text_compiles_no_sql_statement(tmp_path: Path) -> None:
    """Compiling takes longer than running."""
    filled = Filled(tmp_path)
    compiled: list[int] = []

    def asked_for_leave(*_: object) -> int:  # SQLite calls this at least once for each compiled statement
        compiled.append(1)
        return sqlite3.SQLITE_OK

    filled.db.connection.set_authorizer(asked_for_leave)
    for sender in (KEVIN, LEA):
        compiled.clear()
        filled.judge(filled.text(sender=sender))
        filled.send()

    assert not compiled
