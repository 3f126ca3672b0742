"""The exchange of a line with the hub: invitation, joining, and requests through its control socket."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filled import KEVIN, LEA, Filled
from hubs import Cluster, cluster

from hotlined import fleet_files, pseudonym
from hotlined.config import load
from hotlined.control import joining
from hotlined.daemon.mark import MarkWriter
from hotlined.daemon.shared import Line
from hotlined.errors import HotlinedError, UnavailableError
from hotlined.fleet.hub import opened
from hotlined.fleet.invitation import Invitation
from hotlined.fleet.sync import HubExchange, Pace
from hotlined.fleet_files import HubState, RunFiles
from hotlined.reports.fleet import FleetLine, lines, maybe_fleet

__all__ = ["cluster"]
KEY = bytes(range(32))
AT_ONCE = Pace(look=1.0, read=3.0, pauses=(0.0,), refused=0.0)
Enter = Callable[..., Filled]


@pytest.fixture
def hub(cluster: Cluster) -> Iterator[str]:
    """Give the URL of an empty hub, as its admin uses it."""
    with cluster.connect("postgres") as session:
        session.execute("DROP DATABASE IF EXISTS exchanged (FORCE)")
        session.execute("CREATE DATABASE exchanged")
    url = cluster.url("exchanged")
    with opened(url) as found:
        found.init()
    yield url
    with opened(url) as found, cluster.connect("postgres") as session:
        for (role,) in session.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'hotlined\\_%'").fetchall():
            found.remove(role.removeprefix("hotlined_"))


def invitation(hub: str, line: str, key: bytes = KEY) -> str:
    """Return an invitation."""
    with opened(hub) as found:
        return Invitation(line, key, found.invite(line, pseudonym.digest(key), None)).to_json()


@pytest.fixture
def enter(tmp_path: Path, hub: str) -> Iterator[Enter]:
    """Give lines that have joined."""
    with contextlib.ExitStack() as stack:

        def enter(name: str, **settings: Any) -> Filled:
            (tmp_path / name).mkdir()
            line = Filled(tmp_path / name, line=name, **settings)
            stack.callback(line.db.close)
            joined = line.run("fleet", "join", "-", input=invitation(hub, name))
            assert joined.exit_code == 0, joined.output
            return line

        yield enter


def sync(*lines: Filled) -> None:
    """Let lines exchange until nothing is new."""
    for line in lines:
        done = line.run("fleet", "sync", "--once")
        assert (done.exit_code, done.output) == (0, "")


def refused(line: Filled, sender: str = KEVIN) -> tuple[str, list[str]]:
    """Let somebody text a line; return the reason of the verdict, and the lines that caused it."""
    line.judge(line.text(sender=sender))
    (found,) = line.log("-n", "1")
    return found["reason"], found["elsewhere"]


def test_opt_out_at_one_line_holds_at_the_other(enter: Enter) -> None:
    """Line nl names fr as its origin, and answers other numbers."""
    fr, nl = enter("fr"), enter("nl")
    fr.judge(fr.text("Stop"))
    sync(fr, nl)

    assert refused(nl) == ("opted_out", ["fr"])
    assert refused(nl, LEA) == ("first_contact", [])


def state(line: Filled) -> dict[str, Any]:
    """Return the exchange's report about the hub."""
    found: dict[str, Any] = json.loads(place(line).hub.read_text())
    return found


def place(line: Filled) -> RunFiles:
    """Return the files that line and exchange leave for each other."""
    config = load(line.config)
    return RunFiles(config.runtime_dir, config.name)


def mark(line: Filled, number: int) -> None:
    """Write the mark as the daemon does."""
    fleet_files.write(place(line).mark, number, 0o640)


class Stopped(BaseException):
    """The exchange is stopped."""


def served(
    line: Filled, *steps: Callable[[], object], pace: Pace = AT_ONCE
) -> tuple[list[dict[str, Any] | None], list[float]]:
    """Let the exchange run, with a step each time that it sleeps; return its requests to the line, and its pauses."""
    config = load(line.config)
    ask_line, url = joining.asker(config, "hotfleet"), joining.maybe_url(config)
    handed: list[dict[str, Any] | None] = []
    pauses: list[float] = []
    left = iter(steps)

    def ask(brought: dict[str, Any] | None) -> dict[str, Any]:
        handed.append(brought)
        return ask_line(brought)

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        step = next(left, None)
        if step is None:
            raise Stopped
        step()

    with contextlib.suppress(Stopped):
        HubExchange(ask, url, place(line), pace, sleep).run()
    return handed, pauses


def nothing() -> None:
    """Do nothing."""


def test_decisions_made_during_the_exchange_are_exchanged(enter: Enter) -> None:
    """A changed mark starts an exchange, and so does a list at the hub."""
    fr, nl = enter("fr"), enter("nl")
    mark(fr, 1)

    def decide() -> None:
        fr.judge(fr.text("Stop"))
        mark(fr, 2)

    def decide_there() -> None:
        sync(nl)
        nl.run("block", LEA)
        sync(nl)

    served(fr, nothing, decide, nothing, nothing, decide_there, *[nothing] * 6)

    assert refused(nl) == ("opted_out", ["fr"])
    assert refused(fr, LEA) == ("blocked", ["nl"])


def test_exchange_with_nothing_new_leaves_the_line_alone(enter: Enter) -> None:
    """Further looks at the hub start no program and write nothing."""
    fr = enter("fr")
    mark(fr, 1)
    served(fr, *[nothing] * 4)
    before = fr.db.changed_elsewhere()

    handed, pauses = served(fr, *[lambda: mark(fr, 1)] * 30)

    assert len(handed) == 3  # the hub's address, the line's name, and what the hub has
    assert pauses == [1.0] * 31
    assert fr.db.changed_elsewhere() == before


def test_daemon_writes_a_mark_for_each_decision(enter: Enter) -> None:
    """It is one number; outside a fleet there is none."""
    fr = enter("fr")
    writer, file = MarkWriter(Line(load(fr.config), fr.db)), place(fr).mark
    fr.judge(fr.text("Stop"))

    writer.write()
    first = place(fr).maybe_mark()
    file.unlink()
    writer.write()
    assert not file.exists()
    fr.run("block", LEA)
    writer.write()
    second = place(fr).maybe_mark()

    assert first
    assert second
    assert first < second
    assert fr.run("fleet", "leave", "--yes").exit_code == 0
    writer.write()
    assert not file.exists()


def test_exchange_queries_a_line_without_a_daemon_now_and_then(enter: Enter) -> None:
    """No mark shows decisions then."""
    fr, nl = enter("fr"), enter("nl")

    served(fr, nothing, lambda: fr.run("block", LEA), *[nothing] * 24)
    sync(nl)

    assert refused(nl, LEA) == ("blocked", ["fr"])


def test_unreachable_hub_is_tried_again(enter: Enter, cluster: Cluster) -> None:
    """Its report says why; the exchange goes on once it is back."""
    fr, nl = enter("fr"), enter("nl")
    mark(fr, 1)
    states = []

    def cut() -> None:
        states.append(state(fr))
        with cluster.connect("exchanged") as session:
            session.execute("ALTER DATABASE exchanged CONNECTION LIMIT 0")
            session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'hotlined_fr'")

    def back() -> None:
        states.append(state(fr))
        with cluster.connect("exchanged") as session:
            session.execute("ALTER DATABASE exchanged CONNECTION LIMIT -1")

    def decide() -> None:
        states.append(state(fr))
        fr.run("block", LEA)
        mark(fr, 2)

    served(fr, cut, nothing, nothing, back, nothing, nothing, decide, *[nothing] * 6)
    sync(nl)

    assert [(each["reachable"], bool(each["reason"])) for each in states] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert refused(nl, LEA) == ("blocked", ["fr"])


def test_exchange_by_hand_updates_the_state_of_the_hub(enter: Enter, cluster: Cluster) -> None:
    """`fleet status` says after a failure that it is away, and names no hour to a line that has just joined."""
    fr = enter("fr")
    assert "hour" not in fr.run("fleet", "status").stdout
    sync(fr)
    assert state(fr)["reachable"]
    with cluster.connect("exchanged") as session:
        session.execute("ALTER DATABASE exchanged CONNECTION LIMIT 0")
        assert fr.run("fleet", "sync", "--once").exit_code == 69
        session.execute("ALTER DATABASE exchanged CONNECTION LIMIT -1")
    assert not state(fr)["reachable"]
    assert "is away since" in fr.run("fleet", "status").stdout


def test_sync_once_reports_a_hub_of_another_fleet(enter: Enter, cluster: Cluster) -> None:
    """A person sees the trouble, and a script the exit code 69."""
    fr = enter("fr")
    with cluster.connect("exchanged") as session:
        session.execute("UPDATE hotlined.key SET digest = repeat('0', 64)")

    done = fr.run("fleet", "sync", "--once")

    assert done.exit_code == 69
    assert done.stderr.startswith("Error: The hub has the fingerprint of another key than the line")


def test_restored_line_needs_another_invitation(enter: Enter) -> None:
    """No backup has its login; the lists that it has still hold."""
    fr, nl = enter("fr"), enter("nl")
    nl.judge(nl.text("Stop"))
    sync(nl, fr)
    fleet_files.login_path(fr.config).unlink()

    assert refused(fr) == ("opted_out", ["nl"])
    for words in (("fleet", "status", "--json"), ("status", "--json")):
        shown = fr.run(*words)
        assert shown.exit_code == 69
        assert "hub_login" in [each["code"] for each in json.loads(shown.stdout)["trouble"]]
    assert "invited again" in fr.run("fleet", "status").stdout


def test_fleet_status_shows_the_other_lines(enter: Enter) -> None:
    """It says when each was at the hub, and how many persons it refuses; a time without form is left out."""
    fr, nl = enter("fr"), enter("nl")
    fr.judge(fr.text("Stop"))
    served(fr, nothing)
    served(nl, nothing)

    found = json.loads(nl.run("fleet", "status", "--json").stdout)
    assert found["hub"]["reachable"] is True
    assert (found["unsent"], found["trouble"]) == (False, [])
    assert [(each["line"], each["refused"]) for each in found["lines"]] == [("fr", 1), ("nl", 0)]
    assert all(each["seen_at"].endswith("Z") for each in found["lines"])
    assert "is at the hub" in nl.run("fleet", "status").stdout
    nl.run("block", LEA)
    assert "still to send" in nl.run("fleet", "status").stdout
    lie = HubState(reachable=True, since="2026-01-01T00:00:00.000Z", boottime=0.0, seen={"fr": "<b>", "../x": "x"})
    fleet_files.write(place(nl).hub, lie, 0o644)
    assert [(each.line, each.seen_at) for each in shown(nl)] == [("fr", None), ("nl", None)]


def shown(line: Filled) -> list[FleetLine]:
    """Return the lines that `fleet status` shows."""
    found = maybe_fleet(line.db, load(line.config))
    assert found
    return lines(line.db, found)


def test_two_machines_of_one_line_are_in_the_log(enter: Enter, caplog: pytest.LogCaptureFixture) -> None:
    """Both get and give decisions meanwhile."""
    fr = enter("fr")
    fr.judge(fr.text("Stop"))
    served(fr, nothing)
    assert "another machine" not in caplog.text
    with fr.db.transaction():
        fr.db.execute("UPDATE fleet SET number = 0, mark = NULL")  # as a copy of before has it
    served(fr, nothing)
    assert "another machine wrote as this line" in caplog.text


def test_invitation_for_another_line_is_refused(tmp_path: Path, hub: str) -> None:
    """So are malformed ones; nothing is stored."""
    fr = Filled(tmp_path, line="fr")
    with contextlib.closing(fr.db):
        other = fr.run("fleet", "join", "-", input=invitation(hub, "nl"))
        none = [
            fr.run("fleet", "join", "-", input=text) for text in ("", "{}", '{"line": "fr", "key": "00"}', "[" * 5000)
        ]

        assert (other.exit_code, [each.exit_code for each in none]) == (75, [2] * 4)
        assert "is for line nl; this one is fr" in other.output
        assert fr.run("fleet", "status").exit_code == 75
        assert not fleet_files.login_path(fr.config).exists()


def test_line_that_leaves_drops_lists_and_login(enter: Enter) -> None:
    """The command says how many persons others refused."""
    fr, nl = enter("fr"), enter("nl")
    nl.judge(nl.text("Stop"))
    sync(nl, fr)

    left = fr.run("fleet", "leave", "--yes")

    assert "1 person" in left.output
    assert not fleet_files.login_path(fr.config).exists()
    assert refused(fr) == ("first_contact", [])
    assert fr.run("fleet", "leave", "--yes").exit_code == 75


def test_missing_psycopg_is_explained(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names Debian's package."""
    fr = enter("fr")
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    done = fr.run("fleet", "sync", "--once")

    assert done.exit_code == UnavailableError.exit_code
    assert "sudo apt install python3-psycopg" in done.output
    assert issubclass(UnavailableError, HotlinedError)
