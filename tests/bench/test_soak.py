"""A minute of the soak with a fixed seed in each run of the tests; scripts/run soak has half an hour and all faults."""

import contextlib
import copy
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import soak
from conftest import Line

from hotlined.simulator import client as simulation

QUICK = (
    "stick pulled", "modem resets", "power cycled", "commands fail", "garbage", "byte by byte", "echo back",
    "codes in between", "listing lies", "listing and reset", "no prompt", "submission refused", "error after leaving",
    "network gone", "settings forgotten", "SIM taken out", "SIM full", "call", "daemon killed", "daemon stopped",
    "configuration read", "database locked",
)  # fmt: skip
"""Kinds of faults that last seconds with a modem that answers at once."""


def test_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    """Service returns in time; nothing is lost, doubled or false."""
    figures = soak.run(tmp_path, minutes=1, seed=1, kinds=QUICK, longest=2.0, latency="zero")

    assert figures.texts > 0
    assert 0 < figures.segments <= figures.limit
    assert figures.recoveries


def test_seed_gives_the_same_faults() -> None:
    """Each kind comes once before any comes twice, in the seed's order."""
    kinds = tuple(soak.FAULTS)
    drawn = [list(islice(soak.draw(seed, kinds), len(kinds))) for seed in (7, 7, 8)]

    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(drawn[0]) == sorted(kinds)


# ---- the soak can fail


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[soak.Soak]:
    """Give a soak without faults whose daemon has ended in order."""
    folder = tmp_path_factory.mktemp("soak")
    with simulation.start(folder, sim_size=10, me_size=5) as simulator:
        quiet = soak.Soak(Line(folder, simulator), seed=1, longest=1.0, limit=20)
        try:
            quiet.begin()
            quiet.suffer("call")
            quiet.settle()
            yield quiet
        finally:
            quiet.line.end()
            quiet.end()


@pytest.fixture
def spoilt(quiet: soak.Soak) -> Iterator[soak.Soak]:
    """Give the quiet soak to be spoilt, and restore it afterwards."""
    line = quiet.line
    kept = [(path, path.read_bytes()) for path in (line.database, line.log_path)]
    ledger, settings = copy.deepcopy(quiet.ledger), copy.deepcopy(line.settings)
    soak.check(quiet, soak.AT_THE_END)
    yield quiet
    quiet.ledger, line.settings = ledger, settings
    for path, octets in kept:
        path.write_bytes(octets)


def sql(*statements: str) -> Callable[[soak.Soak], object]:
    """Return a function that changes the database behind the daemon's back."""

    def spoil(spoilt: soak.Soak) -> None:
        with contextlib.closing(sqlite3.connect(spoilt.line.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return spoil


def a_traceback(spoilt: soak.Soak) -> None:
    """Write a traceback into the daemon's log."""
    with spoilt.line.log_path.open("a") as log:
        log.write("Traceback (most recent call last):\n")


def later_answers(spoilt: soak.Soak) -> None:
    """Make all sent answers later ones, and set the limits to what was sent."""
    settings = spoilt.line.settings
    settings["answer"]["texts"] = ("", *settings["answer"]["texts"])
    settings["limits"]["segments"]["hour"] = len(spoilt.ledger.left)


SPOILT: dict[str, Callable[[soak.Soak], object]] = {
    "a contact is missing": sql("DELETE FROM contacts WHERE id = (SELECT min(id) FROM contacts WHERE kind = 'text')"),
    "one too many": sql("UPDATE contacts SET text = 'no. 0' WHERE kind = 'text'"),
    "1 other contacts, not 0": sql("UPDATE contacts SET kind = 'unreadable' WHERE kind = 'call'"),
    "calls from": sql("DELETE FROM contacts WHERE kind = 'call'"),
    "recorded 0 times": sql("DELETE FROM segments"),  # one may be a report from right before the end of the daemon
    "recorded 1 times": lambda spoilt: spoilt.ledger.handed_over.update([next(iter(spoilt.queued))]),
    "its deletion never confirmed": sql("UPDATE segments SET deleted_at = NULL WHERE kind = 'deliver'"),
    "repeats, not": sql("UPDATE contacts SET repeats = repeats + 1 WHERE id = 1"),
    "left 2 times": lambda spoilt: spoilt.ledger.left.append(spoilt.ledger.left[0]),
    "were not counted": sql("UPDATE answer_segments SET state = 'cancelled'"),
    "called refused, which is not so": sql("UPDATE answer_segments SET state = 'refused'"),
    "called sent, which is not so": sql("UPDATE answer_segments SET state = 'sent', pdu = 'none'"),
    "0 may": lambda spoilt: spoilt.line.settings["limits"]["segments"].update(hour=0),
    "later answers": later_answers,
    "has a traceback": a_traceback,
}
"""Words of each finding, and the change that causes it."""


@pytest.mark.parametrize("words", SPOILT)
def test_soak_finds_each_broken_promise(spoilt: soak.Soak, words: str) -> None:
    """Its words are in the error."""
    SPOILT[words](spoilt)

    with pytest.raises(soak.ViolatedError, match=words):
        soak.check(spoilt, soak.AT_THE_END)


def test_soak_finds_a_daemon_that_ended_by_itself(tmp_path: Path) -> None:
    """The soak ends with the end of the log."""
    with simulation.start(tmp_path, sim_size=10, me_size=5) as simulator:
        dying = soak.Soak(Line(tmp_path, simulator), seed=1, longest=1.0, limit=20)
        try:
            dying.begin()
            dying.line.stop()
            with pytest.raises(soak.ViolatedError, match="by itself"):
                dying.tick()
        finally:
            dying.end()
