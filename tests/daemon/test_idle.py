"""A line that nothing happens to asks its database next to nothing, and writes nothing."""

import select
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from filled import KEVIN, LEA, Filled

from hotlined import config, systemd
from hotlined.daemon import line as daemon
from hotlined.daemon.connection import Connection
from hotlined.daemon.credit import Balance
from hotlined.daemon.judging import Judge
from hotlined.daemon.sending import Sender
from hotlined.daemon.starting import Starter
from hotlined.daemon.watch import FolderWatch
from hotlined.states import ModemState
from hotlined.store.answers import decisions
from hotlined.store.line.line import maybe_ready_since


class Answering(NamedTuple):
    """What judges and sends."""

    sender: Sender
    judge: Judge


def look(filled: Filled, answering: Answering) -> list[str]:
    """Return what a pass without a modem asks the database."""
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


def test_an_idle_pass_asks_only_whether_somebody_has_written(sides: tuple[Filled, Answering]) -> None:
    """Nothing of what waits is looked for again before anything is written, by us or by others."""
    filled, answering = sides
    look(filled, answering)

    assert look(filled, answering) == ["PRAGMA data_version"]


def test_what_is_written_is_seen_in_the_next_pass(sides: tuple[Filled, Answering]) -> None:
    """A contact that was recorded since, and one that another process queues an answer to, is looked at."""
    filled, answering = sides
    look(filled, answering)
    filled.text("Salut", "+32470999999")
    look(filled, answering)

    assert filled.db.one("SELECT 1 FROM contacts WHERE originator = '+32470999999' AND verdict IS NOT NULL")


def test_a_verdict_that_never_came_to_the_disk_is_given_again(sides: tuple[Filled, Answering]) -> None:
    """Where the disk fails at the end of a shared commit, what was read before that is not believed any more."""
    filled, answering = sides
    contact_id = filled.text("Salut", "+32470999999")
    with suppress(ZeroDivisionError), filled.db.shared_commit():
        answering.judge.judge_contacts()
        assert not answering.sender.is_idle()  # which is looked up now, and not again before somebody writes
        raise ZeroDivisionError
    assert filled.db.one("SELECT 1 FROM contacts WHERE id = ? AND verdict IS NULL", contact_id)
    look(filled, answering)

    assert filled.db.one("SELECT 1 FROM contacts WHERE id = ? AND verdict IS NOT NULL", contact_id)


@pytest.mark.parametrize("held", ["paused", "no modem"])
def test_a_queue_that_is_held_back_costs_no_writing(sides: tuple[Filled, Answering], held: str) -> None:
    """However long a pause or a missing modem keeps answers waiting, no pass writes to the disk for it."""
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


def test_a_row_that_cannot_be_judged_is_set_aside_and_the_next_one_judged(sides: tuple[Filled, Answering]) -> None:
    """A contradiction in one row is no damage of the database: the row is kept, an event says why, the line goes on."""
    filled, answering = sides
    odd, fine = filled.text("Un", "+32470111111"), filled.text("Deux", "+32470222222")
    filled.db.connection.execute(
        "INSERT INTO answers (contact_id, recipient, state, share, draw, queued_at, queued_limit, age_limit,"
        " due_limit) VALUES (?, 'x', 'cancelled', 'new', 0, '', 0, 0, 0)",
        (odd,),
    )
    look(filled, answering)

    reasons = filled.db.all("SELECT reason FROM contacts WHERE id IN (?, ?) ORDER BY id", odd, fine)
    assert [row["reason"] for row in reasons] == ["set_aside", "first_contact"]
    assert filled.db.one("SELECT 1 FROM events WHERE kind = 'set_aside' AND contact_id = ?", odd)


def test_nobody_is_told_that_a_stale_answer_is_on_its_way(sides: tuple[Filled, Answering]) -> None:
    """However many answers have grown stale, they are ended before a fresh text of the same number is judged."""
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
    filled.text("Encore", number)
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


def test_what_is_written_beside_the_daemon_ends_its_sleep(sides: tuple[Filled, Answering]) -> None:
    """A commit by another process is a hint, however long the loop would have slept; one hint, not one a look."""
    filled, _ = sides
    watch = FolderWatch(filled.db.path.parent)
    assert not is_readable(watch)
    decisions.pause(filled.db, "pi", filled.now())
    assert is_readable(watch)
    watch.clear()
    assert not is_readable(watch)
    watch.close()


def test_a_folder_that_cannot_be_watched_gives_no_hints(tmp_path: Path) -> None:
    """Then the loop asks each second, as it does on a file system that tells nothing."""
    assert FolderWatch(tmp_path / "none").descriptor is None


@pytest.mark.parametrize(("given", "seconds"), [("3000000", 1.5), ("", 10.0), ("odd", 10.0)])
def test_the_watchdog_is_fed_twice_in_its_time(given: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the loop sleeps, systemd hears of it in time."""
    monkeypatch.setenv("WATCHDOG_USEC", given)
    assert systemd.watchdog_seconds(10.0) == seconds


def test_a_state_that_the_disk_refuses_is_written_later_and_once(sides: tuple[Filled, Answering]) -> None:
    """Since when the modem is ready is not lost because the database was busy then: the next pass writes it."""
    filled, answering = sides
    connection, recorded = answering.sender.connection, "SELECT at_limit FROM events WHERE kind = 'modem_ready'"
    filled.db.connection.execute("PRAGMA query_only = ON")
    connection.set_state(ModemState.READY)
    filled.db.connection.execute("PRAGMA query_only = OFF")
    assert filled.db.all(recorded) == []
    for _ in range(2):
        connection.announce_state()

    assert [row["at_limit"] for row in filled.db.all(recorded)] == [connection.since.limit]
    assert maybe_ready_since(filled.db) == connection.since.limit


def test_a_text_like_the_one_before_compiles_no_statement_anew(tmp_path: Path) -> None:
    """What SQLite has compiled serves for every later text: to compile takes longer than to run."""
    filled = Filled(tmp_path)
    compiled: list[int] = []

    def asked_for_leave(*_: object) -> int:  # once and more for each statement that is compiled
        compiled.append(1)
        return sqlite3.SQLITE_OK

    filled.db.connection.set_authorizer(asked_for_leave)
    for sender in (KEVIN, LEA):
        compiled.clear()
        filled.judge(filled.text(sender=sender))
        filled.send()

    assert not compiled
