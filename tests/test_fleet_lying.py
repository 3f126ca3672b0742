"""A hub that lies: it delays and keeps back, and gets nothing else; once it is honest again all goes on."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from postgres import cluster
from test_fleet import STOP, Enter, Member, enter, hub

from hotlined import config as configuration
from hotlined.errors import HotlinedError, RefusedError, UnavailableError
from hotlined.fleet import hub as hubs
from hotlined.fleet import sync
from hotlined.fleet.hub import opened
from hotlined.states import DecisionKind
from hotlined.store import claims, fleet

__all__ = ["cluster", "enter", "hub"]
FORGED = "('fr', '~{person:012x}', {version}, {version}, {version}, '{{}}', repeat('0', 64))"
INSERT = "INSERT INTO hotlined.persons (line, person, version, opted_out, blocked, undone, signature) VALUES "


def lie(hub: str, *statements: str) -> None:
    """Have the hub hold something else, as whoever owns it can; no rule of its own holds for that."""
    with psycopg.connect(hub, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def held(line: Member) -> int:
    """Return how many rows of others a line keeps."""
    return int(line.db.value("SELECT count(*) FROM fleet_persons"))


# ---- what it says


def test_forged_rows_leave_nothing_and_hide_nothing(enter: Enter, hub: str) -> None:
    """However many rows the hub makes up, none is kept, and what a line says behind them is heard."""
    fr, nl = enter("fr"), enter("nl")
    lie(hub, INSERT + ", ".join(FORGED.format(person=number, version=claims.HIGHEST) for number in range(1200)))
    fr.receive(STOP)
    fr.sync()

    assert "Not believed: 1200." in nl.sync()
    assert (held(nl), nl.shown(nl.receive("Salut"))[1:]) == (1, ("opted_out", "fr"))


def test_places_that_do_not_exist_hide_nothing_once_the_hub_is_honest(enter: Enter, hub: str) -> None:
    """A line that was told of a place far behind all others reads from the beginning when the hub has no such place."""
    fr, nl = enter("fr"), enter("nl")
    far = f"SELECT setval('hotlined.places', {claims.HIGHEST - 9})"
    lie(hub, far, INSERT + FORGED.format(person=1, version=1))
    nl.sync()
    assert nl.db.value("SELECT cursor FROM fleet_line") > 2**52
    lie(hub, "DELETE FROM hotlined.persons", "SELECT setval('hotlined.places', 1)")
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


@pytest.mark.parametrize(
    "rows",
    [
        "SELECT 1",
        "SELECT 'x', 'fr', now(), 1.5, NULL, 'NaN'::numeric, '{}', ''",
        "SELECT 'x'::bytea, 1, 1, 1, 1, 1, 1, 1",
    ],
)
def test_rows_of_another_form_are_an_error_that_says_so(
    enter: Enter, monkeypatch: pytest.MonkeyPatch, rows: str
) -> None:
    """Whatever kind of values the hub answers with, the exchange ends with a sentence, and has sent all its rows."""
    fr = enter("fr")
    fr.receive(STOP)
    monkeypatch.setattr(hubs, "_PULL", rows + " WHERE %s > -1 AND %s <> '' AND %s > -1 AND %s > 0")
    with sync.session(configuration.load(fr.config)) as session:
        assert session.push() == 1
        with pytest.raises(HotlinedError, match="no line writes"):
            session.pull()

    assert held(fr) == 0


def test_a_hub_that_is_none_is_an_error_that_says_so(enter: Enter, hub: str) -> None:
    """Without the row that says who it is, nothing is exchanged."""
    fr = enter("fr")
    lie(hub, "DELETE FROM hotlined.hub")

    with pytest.raises(HotlinedError, match="what no hub of a fleet does"):
        sync.exchange(configuration.load(fr.config))


def test_large_rows_of_a_line_stop_nobody(enter: Enter, hub: str) -> None:
    """A line that fills its rows to the brim, with the key or without it, holds up nobody: a batch has an end."""
    fr, nl = enter("fr"), enter("nl")
    large = INSERT + ", ".join(
        f"('be', '~{number:012x}', 1, 1, 1, repeat(chr(1), 8192), repeat('0', 64))" for number in range(30)
    )
    lie(hub, "INSERT INTO hotlined.lines (line) VALUES ('be')", large)
    fr.receive(STOP)
    fr.sync()
    with nl.doors():
        assert "Not believed: 30." in nl.sync()

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


# ---- who it says that it is


def test_another_hub_each_time_is_not_followed(enter: Enter, hub: str) -> None:
    """All is sent anew to another hub, which wears the card: so the service does that twice an hour at most."""
    fr = enter("fr")
    config = configuration.load(fr.config)
    with sync.session(config, lambda: False):
        pass  # the first hub is no other one
    lie(hub, "UPDATE hotlined.hub SET id = gen_random_uuid()")
    before = fr.db.value("SELECT hub FROM fleet_line")

    with pytest.raises(RefusedError, match="another one each time"), sync.session(config, lambda: False):
        pass
    assert fr.db.value("SELECT hub FROM fleet_line") == before
    with sync.session(config):
        pass
    assert fr.db.value("SELECT hub FROM fleet_line") != before


def test_who_joins_again_reads_all_anew(enter: Enter, hub: str) -> None:
    """The way out for a line that a hub has led astray is to join once more."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()
    nl.db.execute("DELETE FROM fleet_persons")  # as where the hub gave the place and kept the row back
    nl.sync()
    assert held(nl) == 0
    nl.join(hub, nl.folder.parent)
    nl.sync()

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


def test_no_answer_is_let_out_and_none_undone_by_any_row(enter: Enter, hub: str) -> None:
    """Rows that say that all is undone, in every name, undo nothing where no line has signed them."""
    nl = enter("nl")
    nl.receive(STOP)
    nl.sync()
    undone = '{"blocks":{"nl":9},"opt_outs":{"nl":9}}'
    lie(
        hub,
        f"UPDATE hotlined.persons SET undone = '{undone}', opted_out = NULL, version = {claims.HIGHEST}",
        "INSERT INTO hotlined.lines (line) VALUES ('fr')",
        INSERT + f"('fr', '{nl.person()}', 9, NULL, NULL, '{undone}', repeat('0', 64))",
    )
    assert "Not believed: 1." in nl.sync()
    assert nl.shown(nl.receive("Encore")) == ("suppress", "opted_out", None)
    own = replace(nl.said("nl", 9, undone=undone).row, signature="0" * 64)
    assert nl.take(claims.Placed(10**6, own)) == 1
    assert nl.shown(nl.receive("Encore")) == ("suppress", "opted_out", None)


# ---- how slowly it says it


@contextlib.contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """Give the URL of a program that lets a line in and then says an octet now and then, of a row without an end."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        channel, _ = listener.accept()
        with channel, contextlib.suppress(OSError):
            channel.recv(4096)
            channel.sendall(first)
            while not over.wait(0.01):
                channel.sendall(b"\0")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield f"postgresql://x@127.0.0.1:{listener.getsockname()[1]}/x?sslmode=disable&gssencmode=disable"
        finally:
            over.set()
            thread.join()


def message(kind: bytes, body: bytes) -> bytes:
    """Write a message of PostgreSQL's protocol."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


LET_IN = (
    message(b"R", bytes(4))
    + b"".join(
        message(b"S", name + b"\0" + value + b"\0")
        for name, value in ((b"client_encoding", b"UTF8"), (b"server_version", b"17.0"))
    )
    + message(b"Z", b"I")
)


def test_a_hub_that_drips_is_cut_off() -> None:
    """An octet now and then is no silence, and still no reason to wait for ever."""
    endless = LET_IN + message(b"C", b"BEGIN\0") + message(b"Z", b"T") + b"D\x10\0\0\0"

    with (
        dripping(endless) as url,
        pytest.raises(UnavailableError),
        opened(url) as connection,
        connection.within(0.3),
    ):
        connection.greet("fr")


def test_a_hub_that_drips_before_it_lets_a_line_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds while the connection is made."""
    monkeypatch.setattr(hubs, "_SECONDS", 2)  # libpq's least

    with dripping(b"S\x10\0\0\0") as url, pytest.raises(UnavailableError), opened(url):
        pass


def test_the_highest_version_that_it_makes_up_counts_for_nothing(enter: Enter, hub: str) -> None:
    """It cannot drive a line's own versions to their end by a row of that line's, whatever greeting it sends."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    lie(hub, f"UPDATE hotlined.persons SET version = {claims.HIGHEST}")
    fr.run("block", "0470123456")
    fr.sync()
    assert fr.db.value("SELECT version FROM fleet_line") < 10
    lie(hub, "DELETE FROM hotlined.persons", "UPDATE hotlined.hub SET id = gen_random_uuid()")
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut"))[1:] in {("opted_out", "fr"), ("blocked", "fr")}
    assert fleet.unsent_rows(fr.db, frozenset(DecisionKind), claims.key_of(fr.database)) == []
