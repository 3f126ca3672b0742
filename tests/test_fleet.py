"""Several lines know the same people: what one of them decides holds at the others, by way of a hub."""

import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import kept_hub
import pytest
import store_steps
from click.testing import CliRunner
from conftest import wait_until
from filled import KEVIN, LEA, RULES, Filled
from postgres import Cluster, cluster

from hotlined import pseudonym, recognition
from hotlined.cli import main
from hotlined.clock import Now
from hotlined.control.verbs import VERBS
from hotlined.errors import UsageError
from hotlined.policy import Cancel, Reason
from hotlined.states import DecisionKind
from hotlined.store import claims, decisions, fleet, fleet_erasure, purging
from hotlined.store.claims import Placed

__all__ = ["cluster"]
STOP = "Stop"
FLEET_TABLES = (
    *("fleet_line", "fleet_own", "fleet_persons", "fleet_kept", "elsewhere"),
    *("fleet_answers_line", "fleet_answers_own", "fleet_answers"),
)


def is_open(path: Path) -> bool:
    """Tell whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(str(path)) == 0


class Member(Filled):
    """A line that can join a fleet; `at` is when it hears what others say, the next moment else."""

    at: Now | None = None

    def join(self, hub: str, keys: Path) -> None:
        """Be invited and join."""
        name = self.settings["line"]
        invitation = keys / f"{name}.invitation"

        def invite() -> None:
            assert self.run("fleet", "hub", "invite", name, str(invitation), "--hub", hub).exit_code == 0

        kept_hub.invite(hub, name, invitation, invite)
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

    def person(self, number: str = KEVIN) -> str:
        """Return a number's pseudonym in the fleet."""
        return pseudonym.of(pseudonym.keys(self.database.with_name("hotlined.db.key"))[0], number)

    def age(self) -> None:
        """Have all numbers become pseudonyms."""
        now = self.now()
        later = Now(now.utc + timedelta(days=400), now.limit + 400 * 86400, synchronised=False)
        for _batch in purging.purge(self.db, timedelta(days=90), timedelta(days=365), later):
            pass

    def said(self, line: str, version: int, place: int = 1, **said: object) -> Placed[claims.Claim]:
        """Return a row about Kevin as a line of the fleet writes it, signed."""
        fields = {"person": self.person(), "opted_out": version, "blocked": None, "undone": "{}"} | said
        claim = claims.Claim(line, version=version, **fields)  # type: ignore[arg-type]
        return Placed(place, claim.signed(claims.key_of(self.database)))

    def take(self, *placed: Placed[claims.Claim], exchanged: Collection[DecisionKind] = frozenset(DecisionKind)) -> int:
        """Hand in rows as if the hub had sent them; return how many are not believed."""
        return int(
            fleet.take(
                self.db,
                (int(self.db.value("SELECT cursor FROM fleet_line")), max(each.place for each in placed)),
                placed,
                exchanged,
                claims.key_of(self.database),
                self.consequences(),
            )
        )

    def consequences(self) -> fleet_erasure.LocalConsequences:
        """Return what has to follow here from what lines say."""
        return fleet_erasure.LocalConsequences(
            self.db, self.at or self.now(), lambda text: recognition.opts_out(text, RULES.numbers.opt_out_words)
        )

    def unsent_rows(self) -> list[claims.Claim]:
        """Return what goes to the hub next."""
        return fleet.unsent_rows(self.db, frozenset(DecisionKind), claims.key_of(self.database))

    def let_out(self) -> object:
        """Ask the gate for the answer that is queued."""
        row = self.db.one("SELECT id FROM answers WHERE state = 'queued'")
        assert row
        return store_steps.begin(self.db, row["id"], self.now(), rules=RULES)

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
    """Give the URL of a hub without rows, as whoever made it."""

    def make(url: str) -> None:
        made = CliRunner().invoke(main, ["fleet", "hub", "init", url])
        assert made.exit_code == 0, made.output

    return kept_hub.give(cluster, make)


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


def test_joining_again_leaves_the_key_of_the_pseudonyms_where_it_is(enter: Enter, hub: str, tmp_path: Path) -> None:
    """An exchange that runs does not see the file; another in its place it would. One that is lost is brought back."""
    fr = enter("fr")
    key = fr.database.with_name("hotlined.db.key")
    before, content = key.stat().st_ino, key.read_bytes()
    fr.join(hub, tmp_path)
    assert key.stat().st_ino == before
    for lost in (b"", b"x" * len(content)):
        key.write_bytes(lost)
        fr.join(hub, tmp_path)
        assert key.read_bytes() == content


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
        "INSERT INTO hotlined.persons (line, person, version, undone, signature) VALUES ('nl', '~00', 1, '', '')",
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
    (before,) = fr.unsent_rows()
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    fleet.acknowledge(fr.db, [(before.person, before.version)])

    (left,) = fr.unsent_rows()
    assert (left.opted_out, left.blocked, left.version) == (before.version, before.version + 1, before.version + 1)


def test_a_flood_owes_no_more_rows_than_there_are_persons(enter: Enter) -> None:
    """However often people change their minds while the hub is away, one row of each is to be sent."""
    fr = enter("fr")
    for _ in range(5):
        for number in (KEVIN, LEA):
            fr.receive(STOP, number)
            decisions.opt_in(fr.db, number, "anna", fr.now())

    assert len(fr.unsent_rows()) == 2


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
    assert fr.unsent_rows() == []
    key.write_bytes(octets)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


def test_what_is_written_later_is_never_behind_a_reader(enter: Enter, hub: str) -> None:
    """The hub gives out places to one transaction at a time: else one that commits late is read past."""
    import psycopg  # noqa: PLC0415  the fixture looks for it

    fr, nl = enter("fr"), enter("nl")
    push = (
        "INSERT INTO hotlined.persons (line, person, version, opted_out, undone, signature)"
        " VALUES ({line!r}, '~00000000000{n}', 1, 1, '', repeat('0', 64))"
    )
    with psycopg.connect(hub) as late, psycopg.connect(hub) as early:
        late.execute(push.format(line="fr", n=1))
        early.execute("SET lock_timeout = 1")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            early.execute(push.format(line="nl", n=2))

    assert "Taken: 0." in fr.sync()
    assert "Not believed: 1." in nl.sync()


# ---- what is undone


@pytest.mark.parametrize(("said", "undo", "reason"), [("stop", "optin", "opted_out"), ("block", "unblock", "blocked")])
def test_what_is_undone_at_one_line_is_undone_at_all(enter: Enter, said: str, undo: str, reason: str) -> None:
    """An opt-in or unblock at nl undoes at fr, where it was decided, and at be, what nl had heard of."""
    fr, nl, be = enter("fr"), enter("nl"), enter("be")
    if said == "stop":
        fr.receive(STOP)
    else:
        fr.run("block", KEVIN)
    for line in (fr, nl, be):
        line.sync()
    assert be.shown(be.receive("Salut"))[1:] == (reason, "fr")
    nl.run(undo, KEVIN)
    for line in (nl, fr, be):
        line.sync()

    assert fr.shown(fr.receive("Salut"))[0] == "answer"
    assert be.shown(be.receive("Encore"))[0] == "answer"
    assert "by nl" in json.dumps([dict(row) for row in fr.db.all("SELECT kind, detail FROM events")])


def test_an_opt_out_that_an_opt_in_had_not_seen_holds(enter: Enter) -> None:
    """Who is answered again at nl and said stop at fr meanwhile is left alone by all."""
    fr, nl, be = enter("fr"), enter("nl"), enter("be")
    nl.receive(STOP)
    fr.receive(STOP)
    nl.run("optin", KEVIN)
    for line in (nl, be, fr, nl, be):
        line.sync()

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")
    assert be.shown(be.receive("Salut"))[1:] == ("opted_out", "fr")
    assert fr.shown(fr.receive("Salut"))[1:] == ("opted_out", None)


def test_who_says_stop_again_is_left_alone_whatever_was_undone_before(enter: Enter) -> None:
    """An opt-in elsewhere undoes the opt-out that it had seen, not the later one of the same line."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    nl.sync()
    nl.run("optin", KEVIN)
    fr.run("optin", KEVIN)
    fr.receive(STOP)
    for line in (nl, fr, nl):
        line.sync()

    assert fr.shown(fr.receive("Salut"))[1:] == ("opted_out", None)
    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


def test_an_unblock_is_not_told_where_blocks_are_not_shared(enter: Enter) -> None:
    """`fleet.share` holds for what is undone, too, both ways."""
    nl = enter("nl")
    undone = claims.written({DecisionKind.BLOCKS: {"nl": 9}, DecisionKind.OPT_OUTS: {"nl": 9}})
    nl.run("block", KEVIN)
    nl.receive(STOP)
    nl.run("unblock", LEA)
    nl.take(nl.said("fr", 3, opted_out=None, undone=undone), exchanged={DecisionKind.OPT_OUTS})
    assert nl.shown(nl.receive("Salut"))[1:] == ("blocked", None)
    nl.run("unblock", KEVIN)

    assert nl.shown(nl.receive("Encore"))[0] == "answer"
    (row,) = fleet.unsent_rows(nl.db, [DecisionKind.OPT_OUTS], claims.key_of(nl.database))
    assert claims.undone_of(row.undone) == {}


def test_what_undoes_may_come_before_what_it_undoes(enter: Enter) -> None:
    """A row that undoes a claim holds for the claim that comes later, and for none with a later version."""
    nl = enter("nl")
    undone = claims.written({DecisionKind.OPT_OUTS: {"fr": 7}})
    assert nl.take(nl.said("be", 3, opted_out=None, undone=undone)) == 0
    assert nl.take(nl.said("fr", 7, place=2)) == 0
    assert nl.shown(nl.receive("Salut"))[0] == "answer"
    assert nl.take(nl.said("fr", 8, place=3)) == 0

    assert nl.let_out() == Cancel(Reason.OPTED_OUT, "fr")


def test_minds_that_change_often_leave_one_row_a_person(enter: Enter) -> None:
    """What a line has undone stands in the row of the person, and names each line once."""
    fr, nl = enter("fr"), enter("nl")
    for _ in range(3):
        fr.receive(STOP)
        fr.sync()
        nl.sync()
        nl.run("optin", KEVIN)
        nl.sync()
        fr.sync()

    (row,) = nl.db.all("SELECT undone FROM fleet_own")
    version = fr.db.value("SELECT version FROM fleet_line")
    assert claims.undone_of(row["undone"]) == {DecisionKind.OPT_OUTS: {"fr": version}}


def test_a_restored_line_hears_again_what_it_had_said_itself(enter: Enter) -> None:
    """Who said stop after the last backup is left alone by the line that was restored from it."""
    fr = enter("fr")
    fr.sync()
    backup = fr.folder / "backup.db"
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        fr.db.connection.backup(copy)
    fr.receive(STOP)
    fr.receive(STOP, LEA)
    fr.run("optin", LEA)
    fr.sync()
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        copy.backup(fr.db.connection)
    assert fr.shown(fr.receive("Salut"))[0] == "answer"
    fr.sync()

    assert fr.shown(fr.receive("Encore"))[1:] == ("opted_out", None)
    assert fr.shown(fr.receive("Salut", LEA))[0] == "answer"


def restored_after(member: Member, meanwhile: Callable[[], object]) -> None:
    """Put a line's database back to now, after it has done something and exchanged that with the hub."""
    backup = member.folder / "backup.db"
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        member.db.connection.backup(copy)
    meanwhile()
    member.sync()
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        copy.backup(member.db.connection)


def test_a_restored_line_does_not_overwrite_what_it_had_said_of_a_person_it_knew(enter: Enter) -> None:
    """A person whom the backup has blocked, and who said stop since, has opted out here and for lines that come."""
    fr = enter("fr")
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    fr.sync()
    restored_after(fr, lambda: fr.receive(STOP))
    fr.sync()
    fr.sync()
    decisions.unblock(fr.db, KEVIN, "anna", fr.now())
    fr.sync()
    nl = enter("nl")
    nl.sync()

    assert fr.shown(fr.receive("Salut"))[1:] == ("opted_out", None)
    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")


def test_stop_after_a_restore_holds_whatever_was_undone_before(enter: Enter) -> None:
    """What a restored line claims before it exchanges is later than all that it had undone."""
    fr, nl = enter("fr"), enter("nl")
    fr.sync()

    def change_of_mind() -> None:
        fr.receive(STOP)
        fr.run("optin", KEVIN)
        fr.sync()
        nl.sync()

    restored_after(fr, change_of_mind)
    fr.receive(STOP)
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut"))[1:] == ("opted_out", "fr")
    assert fr.shown(fr.receive("Salut"))[1:] == ("opted_out", None)


def test_a_restored_line_that_said_more_than_it_lost_is_known_as_one(enter: Enter) -> None:
    """A line that decided more between its restore and its next exchange than it had lost takes that back, too."""
    fr = enter("fr")
    fr.sync()
    restored_after(fr, lambda: fr.receive(STOP))
    for number in (LEA, "+32470000001", "+32470000002"):
        decisions.block(fr.db, number, "anna", fr.now())
    fr.sync()

    assert fr.shown(fr.receive("Salut"))[1:] == ("opted_out", None)


def test_a_restored_line_hears_again_whom_it_had_opted_in(enter: Enter) -> None:
    """Who had opted out when the backup was made, and was opted in since, is answered by all lines again."""
    fr, nl = enter("fr"), enter("nl")
    fr.receive(STOP)
    fr.sync()
    restored_after(fr, lambda: fr.run("optin", KEVIN))
    fr.sync()
    fr.sync()
    nl.sync()

    assert nl.shown(nl.receive("Salut"))[0] == "answer"
    assert fr.shown(fr.receive("Salut"))[0] == "answer"


# ---- a hub that lies


def test_a_claim_is_never_taken_back_by_a_row(enter: Enter) -> None:
    """What the hub sends later, without the claim or with a lower version, has nobody answered again."""
    nl = enter("nl")
    for place, said in enumerate(({}, {"opted_out": 3}, {"opted_out": None}), 1):
        assert nl.take(nl.said("fr", 7, place, **said)) == 0

    assert nl.shown(nl.receive("Salut")) == ("suppress", "opted_out", "fr")


@pytest.mark.parametrize(
    "change",
    [
        {"line": "be"},
        {"person": "~0123456789ab"},
        {"version": claims.HIGHEST},
        {"opted_out": claims.HIGHEST},
        {"blocked": 1},
        {"undone": '{"opt_outs":{"nl":9}}'},
        {"signature": "0" * 64},
    ],
    ids=repr,
)
def test_a_row_that_its_line_did_not_sign_is_not_believed(enter: Enter, change: dict[str, Any]) -> None:
    """The hub can keep back what a line says and repeat it, but change nothing in it."""
    nl = enter("nl")
    said = nl.said("fr", 7)

    assert nl.take(Placed(1, replace(said.row, **change))) == 1
    assert nl.shown(nl.receive("Salut"))[0] == "answer"


def test_rows_of_the_past_and_of_other_places_are_not_believed(enter: Enter) -> None:
    """The hub cannot go back behind what was read, nor jump over the end of what it says it sends."""
    nl = enter("nl")
    key = claims.key_of(nl.database)
    placed = [nl.said("fr", 1, place) for place in (2, 9)]

    assert fleet.take(nl.db, (0, 5), [], frozenset(DecisionKind), key, nl.consequences()) == 0
    assert fleet.take(nl.db, (5, 8), placed, frozenset(DecisionKind), key, nl.consequences()) == 2
    assert nl.db.value("SELECT count(*) FROM fleet_persons") == 0


def test_an_old_row_of_this_line_brings_back_nothing_that_it_has_undone(enter: Enter) -> None:
    """The hub may repeat to a line what that line said long ago."""
    nl = enter("nl")
    nl.receive(STOP)
    (before,) = nl.unsent_rows()
    nl.run("optin", KEVIN)

    assert nl.take(Placed(1, before)) == 0
    assert nl.shown(nl.receive("Salut"))[0] == "answer"


def test_a_latest_row_that_the_hub_made_up_moves_no_version(enter: Enter) -> None:
    """A hub cannot drive the versions of a line to their end, after which it could say nothing more."""
    nl = enter("nl")
    nl.receive(STOP)
    version = nl.db.value("SELECT version FROM fleet_line")
    forged = replace(nl.said("nl", 7).row, version=claims.HIGHEST)
    for highest in (forged, nl.said("fr", claims.HIGHEST).row):
        fleet.begin_exchange(nl.db, "0" * 36, 0, highest, frozenset(DecisionKind), claims.key_of(nl.database))

    assert nl.db.value("SELECT version FROM fleet_line") == version + 1


def test_what_is_claimed_late_is_a_row_that_a_new_hub_takes(enter: Enter) -> None:
    """A person opts out and is blocked while the key is lost. No claim of the row then is above the row's version."""
    nl = enter("nl")
    key = nl.database.with_name("hotlined.db.key")
    kept, nl.db.key = key.read_bytes(), None
    key.unlink()
    nl.receive(STOP)
    decisions.block(nl.db, KEVIN, "anna", nl.now())
    key.write_bytes(kept)
    fleet.begin_exchange(nl.db, "0" * 36, 0, None, frozenset(DecisionKind), claims.key_of(nl.database))

    (claim,) = nl.unsent_rows()
    assert claim.opted_out
    assert claim.blocked
    assert max(claim.opted_out, claim.blocked) <= claim.version


_FITS: list[object] = [1, ["fr", "~0123456789ab", 1, 1, None, "{}", None, None, "0" * 64]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (1, "+32470123456"),
        (3, 2**53),
        (3, True),
        (0, "FR"),
        (2, None),
        (4, "1"),
        (5, "{" * 9000),
        (6, 0),
        (7, "yesterday"),
        (8, "z" * 64),
        (8, None),
    ],
    ids=repr,
)
def test_what_is_no_claim_is_not_handed_in(field: int, value: object) -> None:
    """The control program takes rows of one form, and no more of them than are read at once."""
    fits = {"since": 0, "until": 1, "placed": [_FITS]}
    VERBS["fleet_take"].require(fits)
    row = [*_FITS[1]]  # type: ignore[misc]
    row[field] = value
    for placed in ([[1, row]], [[-1, _FITS[1]]], [[1, row[:-1]]], [_FITS] * (fleet.MOST_ROWS + 1)):
        with pytest.raises(UsageError):
            VERBS["fleet_take"].require(fits | {"placed": placed})


@pytest.mark.parametrize(
    "undone", ["", "[]", '{"x":{}}', '{"blocks":[]}', '{"blocks":{"fr":0}}', '{"blocks":{"fr":true}}', "[" * 8000]
)
def test_what_is_undone_is_read_strictly(enter: Enter, undone: str) -> None:
    """A row with something else there is not believed, though it is signed."""
    nl = enter("nl")

    assert nl.take(nl.said("fr", 7, undone=undone)) == 1


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
        # what the gate lets out may be for others to know: it asks whether that is exchanged, of a table of one row
        asked_of = [statement for statement in statements if "FROM fleet_answers_line" not in statement]
        about = [statement for statement in asked_of if "fleet" in statement or "elsewhere" in statement]
        assert [statement.count("FROM numbers") for statement in about] == [1] * len(about)
        assert about
