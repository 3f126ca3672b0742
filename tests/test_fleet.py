"""Several lines know the same people: what one of them decides holds at the others, by way of a hub."""

import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import store_steps
from click.testing import CliRunner
from conftest import wait_until
from filled import KEVIN, LEA, RULES, Filled
from postgres import Cluster, cluster

from hotlined import pseudonym
from hotlined.cli import main
from hotlined.control.verbs import VERBS
from hotlined.errors import UsageError
from hotlined.policy import Cancel, Reason
from hotlined.states import Shared
from hotlined.store import decisions, fleet

__all__ = ["cluster"]
STOP = "Stop"
FLEET_TABLES = ("fleet_line", "fleet_own", "fleet_persons", "elsewhere")


def is_open(path: Path) -> bool:
    """Tell whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(str(path)) == 0


class Member(Filled):
    """A line that can join a fleet."""

    def join(self, hub: str, keys: Path) -> None:
        """Be invited and join."""
        invitation = keys / f"{self.settings['line']}.invitation"
        assert self.run("fleet", "hub", "invite", self.settings["line"], str(invitation), "--hub", hub).exit_code == 0
        joined = self.run("fleet", "join", str(invitation))
        assert joined.exit_code == 0, joined.output

    def sync(self) -> str:
        """Exchange with the hub, and return what that says."""
        result = self.run("fleet", "sync", "--once")
        assert result.exit_code == 0, result.output
        return result.output

    def receive(self, text: str, sender: str = KEVIN) -> int:
        """Receive a text and judge it; return its contact's id."""
        contact_id = self.text(text, sender)
        self.judge(contact_id)
        return contact_id

    def shown(self, contact_id: int) -> tuple[str, str, str | None]:
        """Return the verdict on a contact, its reason, and whose decision that was, as `log --json` has them."""
        entry = next(entry for entry in self.log() if entry["id"] == contact_id)
        return entry["verdict"], entry["reason"], entry["elsewhere"]

    def let_out(self) -> object:
        """Ask the gate for the answer that is queued."""
        row = self.db.one("SELECT id FROM answers WHERE state = 'queued'")
        assert row
        return store_steps.begin(self.db, row["id"], self.now(), rules=RULES)[0]

    @contextlib.contextmanager
    def doors(self) -> Iterator[None]:
        """Have the control program serve the line, and nobody write beside it."""
        path = self.folder / "run-control" / "main.sock"
        path.parent.mkdir()
        command = [sys.executable, "-m", "hotlined", "--config", str(self.config), "control", "--socket", str(path)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:
            wait_until(lambda: is_open(path), "the control socket")
            try:
                yield
            finally:
                program.terminate()


Enter = Callable[[str], Member]


@pytest.fixture
def hub(cluster: Cluster) -> str:
    """Give the URL of a new hub, as whoever made it."""
    url = cluster.database()
    made = CliRunner().invoke(main, ["fleet", "hub", "init", url])
    assert made.exit_code == 0, made.output
    return url


@pytest.fixture
def enter(tmp_path: Path, hub: str) -> Iterator[Enter]:
    """Give lines of one fleet."""
    with contextlib.ExitStack() as stack:

        def enter(name: str) -> Member:
            folder = tmp_path / name
            folder.mkdir()
            line = Member(folder, line=name)
            stack.callback(line.db.close)
            line.join(hub, tmp_path)
            return line

        yield enter


# ---- what it is for


def test_who_says_stop_at_one_line_is_left_alone_by_the_other(enter: Enter) -> None:
    """An opt-out at fr, once both have exchanged, is the reason at nl, which names fr; nobody else is meant by it."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    with fr.doors():
        assert "Sent: 1. Taken: 0." in fr.sync()
    with nl.doors():
        assert "Sent: 0. Taken: 1." in nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")
    assert nl.shown(nl.receive("Salut", LEA)) == ("answer", "first_contact", None)
    assert "opted out elsewhere: fr" in nl.run("number", KEVIN).output
    assert "elsewhere" not in nl.run("number", LEA).output


def test_who_is_blocked_at_one_line_is_blocked_at_the_other(enter: Enter) -> None:
    """A block at fr is one at nl."""
    fr, nl = enter("fr"), enter("nl")
    fr.run("block", KEVIN)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "blocked", "fr")
    assert "blocked elsewhere: fr" in nl.run("number", KEVIN).output


def test_the_gate_refuses_an_answer_that_was_queued_before(enter: Enter) -> None:
    """What is queued while another line hears of an opt-out is not sent, and the log says whose decision that was."""
    fr, nl = enter("fr"), enter("nl")
    queued = nl.receive("Salut")
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.let_out() == Cancel(Reason.OPTED_OUT, "fr")
    assert nl.shown(queued) == ("answer", "first_contact", "fr")
    assert nl.log()[-1]["answer"]["reason"] == "opted_out"


def test_stop_is_this_line_s_own_decision_too(enter: Enter) -> None:
    """Who says stop here as well has opted out here, whatever is known from elsewhere, and the others hear of it."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive(STOP)) == ("suppress", "opted_out", None)
    assert "Sent: 1." in nl.sync()
    assert "elsewhere" not in nl.run("number", KEVIN).output


def test_a_person_can_answer_again_whom_another_line_had_opted_out(enter: Enter) -> None:
    """An opt-in here undoes what this line has seen: a later opt-out elsewhere holds again."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()
    nl.run("optin", KEVIN)
    assert nl.shown(nl.receive("Salut"))[:2] == ("answer", "first_contact")
    fr.run("optin", KEVIN)
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.let_out() == Cancel(Reason.OPTED_OUT, "fr")


def test_what_was_decided_before_a_line_joined_is_shared(enter: Enter, hub: str, tmp_path: Path) -> None:
    """A line brings its opt-outs and blocks along."""
    (tmp_path / "be").mkdir()
    be = Member(tmp_path / "be", line="be")
    with be.db:
        be.receive(STOP)
        decisions.block(be.db, LEA, "anna", be.now())
        be.join(hub, tmp_path)
        be.sync()
    nl = enter("nl")
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "be")
    assert nl.shown(nl.receive("Salut", LEA)) == ("suppress", "blocked", "be")


def test_only_what_is_shared_is_exchanged(enter: Enter) -> None:
    """`fleet.share` holds for what goes and for what comes, and a change of it for what was known before."""
    fr, nl = enter("fr"), enter("nl")
    fr.run("block", KEVIN)
    fr.settings["fleet"] = {"share": ["opt_outs"]}
    fr.config.write_text(json.dumps(fr.settings))
    fr.sync()
    nl.sync()
    assert nl.shown(nl.receive("Salut"))[0] == "answer"
    del fr.settings["fleet"]
    fr.config.write_text(json.dumps(fr.settings))
    fr.sync()
    nl.sync()
    assert nl.shown(nl.receive("Encore"))[1:] == ("blocked", "fr")
    nl.settings["fleet"] = {"share": ["opt_outs"]}
    nl.config.write_text(json.dumps(nl.settings))
    nl.sync()

    assert nl.shown(nl.receive("Encore"))[1:] == ("pending", None)


# ---- what never leaves a line


def test_no_number_and_no_text_reaches_the_hub(enter: Enter, hub: str, cluster: Cluster) -> None:
    """A person is a pseudonym there, and the keys of the fleet are nowhere in it."""
    fr = enter("fr")
    fr.receive(STOP)
    fr.sync()
    dump = cluster.dump(hub)
    key = fr.database.with_name("hotlined.db.key").read_bytes()

    assert pseudonym.of(key, KEVIN) in dump
    assert not [word for word in (KEVIN[1:], KEVIN[3:], STOP.lower(), key.hex()) if word in dump.lower()]


def test_a_role_writes_its_own_rows_alone(enter: Enter, cluster: Cluster) -> None:
    """Whoever has the address of one line can change nothing of another's."""
    fr, _nl = enter("fr"), enter("nl")
    address = json.loads(fr.config.with_suffix(".fleet").read_text())["hub"]

    for statement in (
        "INSERT INTO hotlined.persons (line, person, version) VALUES ('nl', '~000000000000', 1)",
        "DELETE FROM hotlined.persons",
        "UPDATE hotlined.hub SET id = gen_random_uuid()",
        "CREATE TABLE hotlined.mine (i int)",
        "SET ROLE hotlined_nl",
    ):
        assert "denied" in (said := cluster.refusal(address, statement)) or "row-level security" in said


# ---- whatever is killed


def test_what_was_sent_and_not_noted_is_sent_again(enter: Enter) -> None:
    """A line that is killed after the hub's commit sends the same again, which changes nothing there."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()
    fr.db.execute("UPDATE fleet_own SET sent = 0")
    assert "Sent: 1." in fr.sync()

    assert "Taken: 0." in nl.sync()


def test_what_changes_while_it_is_sent_is_owed_still(enter: Enter) -> None:
    """An acknowledgement holds up to the version that was sent."""
    fr = enter("fr")
    fr.receive(STOP)
    (before,) = fleet.owed(fr.db)
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    fleet.acknowledge(fr.db, [(before.person, before.version)])

    (left,) = fleet.owed(fr.db)
    assert (left.opted_out, left.blocked, left.version) == (before.version, before.version + 1, before.version + 1)


def test_a_flood_owes_no_more_rows_than_there_are_persons(enter: Enter) -> None:
    """However often people change their minds while the hub is away, one row each is owed."""
    fr = enter("fr")
    for _ in range(5):
        for number in (KEVIN, LEA):
            fr.receive(STOP, number)
            decisions.opt_in(fr.db, number, "anna", fr.now())

    assert len(fleet.owed(fr.db, 100)) == 2


def test_a_restored_line_goes_on_from_its_own_highest_version(enter: Enter) -> None:
    """A line that is put back to before its last exchange is not ignored for ever."""
    fr, nl = enter("fr"), enter("nl")
    fr.sync()
    backup = fr.folder / "backup.db"
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        fr.db.connection.backup(copy)
    for number in (LEA, KEVIN):
        fr.receive(STOP, number)
    fr.sync()
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        copy.backup(fr.db.connection)
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "blocked", "fr")


def test_what_is_decided_without_the_key_is_claimed_once_it_is_back(enter: Enter) -> None:
    """An opt-out while the key is lost cannot be told as a pseudonym; it is not forgotten."""
    fr, nl = enter("fr"), enter("nl")
    key = fr.database.with_name("hotlined.db.key")
    octets = key.read_bytes()
    key.unlink()
    fr.db.key = None
    with fr.db.transaction():
        decisions.opt_out(fr.db, KEVIN, fr.now())
    assert fleet.owed(fr.db) == []
    key.write_bytes(octets)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


def test_what_is_written_later_is_never_behind_a_reader(enter: Enter, hub: str) -> None:
    """The hub gives out places to one transaction at a time: else one that commits late is read past."""
    import psycopg  # noqa: PLC0415  the fixture looks for it

    fr, nl = enter("fr"), enter("nl")
    push = "INSERT INTO hotlined.persons (line, person, version, opted_out) VALUES ({line!r}, '~00000000000{n}', 1, 1)"
    with psycopg.connect(hub) as late, psycopg.connect(hub) as early:
        late.execute(push.format(line="fr", n=1))
        early.execute("SET lock_timeout = 1")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            early.execute(push.format(line="nl", n=2))

    assert "Taken: 1." in nl.sync()
    assert "Taken: 0." in fr.sync()


# ---- a hub that lies


def test_a_claim_is_never_taken_back_by_a_row(enter: Enter) -> None:
    """What the hub sends later, without the claim or with a lower version, has nobody answered again."""
    nl = enter("nl")
    person = pseudonym.of(nl.database.with_name("hotlined.db.key").read_bytes(), KEVIN)
    everything = frozenset(Shared)
    for place, version in enumerate((7, 3, None), 1):
        fleet.take(nl.db, place - 1, place, [fleet.OthersClaim(place, "fr", person, version, None)], everything)

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


def test_rows_of_this_line_and_of_the_past_are_not_believed(enter: Enter) -> None:
    """The hub cannot say what this line itself decided, nor go back behind what was read."""
    nl = enter("nl")
    claims = [
        fleet.OthersClaim(place, line, "~0123456789ab", 1, 1) for place, line in ((6, "nl"), (2, "fr"), (9, "fr"))
    ]

    assert fleet.take(nl.db, 0, 5, [], frozenset(Shared)) == 0
    assert fleet.take(nl.db, 5, 8, claims, frozenset(Shared)) == 3
    assert nl.db.value("SELECT count(*) FROM fleet_persons") == 0


@pytest.mark.parametrize(
    "claim",
    [
        [1, "fr", "+32470123456", 1, None],
        [1, "fr", "~0123456789ab", 2**53, None],
        [1, "fr", "~0123456789ab", True, None],
        [1, "FR", "~0123456789ab", 1, None],
        [1, "fr", "~0123456789ab", 1],
        [-1, "fr", "~0123456789ab", 1, None],
        [1, "fr", "~0123456789ab", "1", None],
    ],
    ids=repr,
)
def test_what_is_no_claim_is_not_handed_in(claim: list[object]) -> None:
    """The control program takes rows of one form, and no more of them than are read at once."""
    fits = {"since": 0, "until": 1, "claims": [[1, "fr", "~0123456789ab", 1, None]]}
    VERBS["fleet_take"].require(fits)
    for claims in ([claim], fits["claims"] * (fleet.MOST_ROWS + 1)):  # type: ignore[operator]
        with pytest.raises(UsageError):
            VERBS["fleet_take"].require(fits | {"claims": claims})


# ---- a line in no fleet


def asked(line: Filled, act: Callable[[], object]) -> list[str]:
    """Return what is asked of the database while something is done."""
    statements: list[str] = []
    line.db.connection.set_trace_callback(statements.append)
    act()
    line.db.connection.set_trace_callback(None)
    return statements


def test_a_line_in_no_fleet_keeps_nothing_of_one(tmp_path: Path) -> None:
    """Whatever happens and is decided there, no table of the fleet has a row, and no key of a fleet is made."""
    line = Filled(tmp_path)
    with line.db:
        line.judge(line.text())
        line.send()
        line.judge(line.text(STOP))
        line.run("block", LEA)
        line.run("optin", KEVIN)
        line.run("unblock", LEA)
        assert line.run("fleet", "sync", "--once").exit_code == 75

        assert {table: line.db.value(f"SELECT count(*) FROM {table}") for table in FLEET_TABLES} == dict.fromkeys(
            FLEET_TABLES, 0
        )
        assert line.log()[-1]["elsewhere"] is None
    assert not [path for path in tmp_path.iterdir() if path.suffix in {".key", ".orders", ".fleet"}]


def test_verdict_and_gate_ask_no_question_more(tmp_path: Path) -> None:
    """What the hub says is looked for in the statement that asks for this line's own decisions."""
    line = Filled(tmp_path)
    with line.db:
        contact_id = line.text()
        judged = asked(line, lambda: line.judge(contact_id))
        let_out = asked(line, line.send)

    for statements in (judged, let_out):
        about = [statement for statement in statements if "fleet" in statement or "elsewhere" in statement]
        assert [statement.count("FROM numbers") for statement in about] == [1] * len(about)
        assert about
