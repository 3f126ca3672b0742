"""Lines that share decisions: a decision of one line holds at the others, and is lifted where it was made."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fleet_lines import KEY, Line
from hubs import Cluster, Hub, cluster  # noqa: F401  a fixture
from store_steps import begin_next

from hotlined import pseudonym
from hotlined.database_files import FLEET, beside
from hotlined.errors import RefusedError, StoreError
from hotlined.gsm.alphabet import plan
from hotlined.rules import policy
from hotlined.rules.policy import Reason
from hotlined.states import FleetTrouble, HoldReason
from hotlined.store import lists
from hotlined.store.answers import decisions, verdicts
from hotlined.store.line import line_row as line_state
from hotlined.store.line import pseudonyms
from hotlined.store.line.elsewhere import Kinds
from hotlined.store.line.history import history_of
from hotlined.store.people import backup, purging

LEA = "+32470000001"
KEVIN = "+32470000002"
PERSON = pseudonym.of(KEY, LEA)


@pytest.fixture
def hub(cluster: Cluster) -> Iterator[Hub]:  # noqa: F811
    """Give a hub that knows three lines."""
    with cluster.hub(pseudonym.digest(KEY), "fr", "nl", "de") as hub:
        yield hub


@pytest.fixture
def fr(tmp_path: Path) -> Iterator[Line]:
    """Give the French line."""
    with Line(tmp_path, "fr") as line:
        yield line


@pytest.fixture
def nl(tmp_path: Path) -> Iterator[Line]:
    """Give the Dutch line."""
    with Line(tmp_path, "nl") as line:
        yield line


def exchange(hub: Hub, *lines: Line) -> None:
    """Let all lines exchange, twice round."""
    for line in (*lines, *lines):
        line.exchange(hub)


def trouble(line: Line) -> FleetTrouble | None:
    """Return the trouble of a line with its hub."""
    member = lists.maybe_member(line.db)
    assert member
    return member.trouble


# ---- decisions of another line


def test_stop_to_one_line_holds_at_all_lines(hub: Hub, fr: Line, nl: Line) -> None:
    """Another line's log names the line that received the stop."""
    assert fr.text(LEA, "stop").reason is Reason.OPTED_OUT
    exchange(hub, fr, nl)

    assert nl.text(LEA) == policy.Verdict(answer=False, reason=Reason.OPTED_OUT)
    assert nl.text(KEVIN).answer
    assert [contact.elsewhere for contact in nl.log()] == [("fr",), ()]
    assert fr.text(LEA).reason is Reason.OPTED_OUT
    assert fr.log()[-1].elsewhere == ()


def test_gate_cancels_a_queued_answer_after_a_block_elsewhere(hub: Hub, fr: Line, nl: Line) -> None:
    """The contact names the line that blocked the number."""
    exchange(hub, fr, nl)
    assert nl.text(LEA).answer
    decisions.block(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)

    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Cancel(Reason.BLOCKED)
    assert nl.log()[-1].elsewhere == ("fr",)
    assert verdicts.requeue(nl.db, 1, "anna", nl.now()) == Reason.BLOCKED
    decisions.unblock(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    assert verdicts.requeue(nl.db, 1, "anna", nl.now()) is None
    assert nl.log()[-1].elsewhere == ()


def test_block_of_another_line_is_lifted_there(hub: Hub, fr: Line, nl: Line) -> None:
    """`unblock`, `show` and `export` name that line."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.text(LEA, "stop")
    exchange(hub, fr, nl)

    assert " ".join(nl.run("unblock", LEA).output.split()) == (
        f"{LEA} was not blocked. It is blocked at fr: that is lifted there."
        " It has opted out at fr: that is lifted there."
    )
    shown = nl.run("show", LEA).output
    assert "elsewhere" in shown
    assert PERSON in shown
    document = json.loads(nl.run("show", LEA, "--json").output)
    assert document["fleet_pseudonym"] == PERSON
    assert document["elsewhere"] == [{"line": "fr", "opted_out": True, "blocked": True}]
    assert json.loads(nl.run("export", LEA, "--json").output)["elsewhere"] == document["elsewhere"]
    assert PERSON in nl.run("export", LEA).output
    decisions.unblock(fr.db, LEA, "anna", fr.now())
    decisions.lift_opt_out(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    assert nl.text(LEA).answer


def test_opt_out_at_two_lines_is_lifted_at_each(hub: Hub, fr: Line, nl: Line) -> None:
    """The first `unblock` names the other line, and never its own."""
    for line in (fr, nl):
        line.text(LEA, "stop")
    exchange(hub, fr, nl)
    assert nl.text(LEA).reason is Reason.OPTED_OUT
    assert nl.log()[-1].elsewhere == ()

    said = " ".join(nl.run("unblock", "--opted-out", "--yes", LEA).output.split())
    assert said == f"The opt-out of {LEA} is lifted. It has opted out at fr: that is lifted there."
    assert nl.text(LEA).reason is Reason.OPTED_OUT
    assert nl.log()[-1].elsewhere == ("fr",)


def test_block_elsewhere_of_the_other_address_of_a_contact_holds(hub: Hub, fr: Line, nl: Line) -> None:
    """Photo messages have two addresses."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    assert history_of(nl.db, KEVIN, other=LEA).blocked


# ---- joining, leaving, keys of the fleet


def test_decision_about_a_pseudonym_is_shared_when_its_number_comes(hub: Hub, tmp_path: Path, fr: Line) -> None:
    """`join` returns the number of decisions that cannot be shared yet."""
    with Line(tmp_path, "nl", joins=False) as nl:
        nl.text(LEA, "stop")
        with nl.db.transaction():
            pseudonyms.adopt_key(nl.db)
        nl.hours = 1
        for _ in purging.purge(nl.db, timedelta(0), timedelta(0), nl.now()):
            pass
        assert nl.join() == 1
        exchange(hub, fr, nl)
        assert fr.text(LEA).answer
        nl.text(LEA)
        exchange(hub, nl, fr)
        assert fr.text(LEA).reason is Reason.OPTED_OUT
        assert nl.join() == 0


def test_line_shares_decisions_from_before_it_joined(hub: Hub, tmp_path: Path, fr: Line) -> None:
    """It does where the number is still stored."""
    with Line(tmp_path, "nl", joins=False) as nl:
        decisions.block(nl.db, LEA, "anna", nl.now())
        assert nl.join() == 0
        exchange(hub, nl, fr)
    assert fr.text(LEA).reason is Reason.BLOCKED


def test_invitation_of_another_fleet_is_refused(fr: Line) -> None:
    """The line has to leave its fleet: under another key nobody is the same person."""
    with pytest.raises(RefusedError, match="already"):
        lists.join(fr.db, "fr", b"x" * 32, fr.now())
    assert beside(fr.db.path, FLEET).read_bytes() == KEY
    with pytest.raises(RefusedError, match="already"):
        lists.join(fr.db, "nl", KEY, fr.now())


def test_line_that_leaves_forgets_the_other_lines(hub: Hub, fr: Line, nl: Line) -> None:
    """`leave` returns the number of persons; the line's own decisions stay."""
    fr.text(LEA, "stop")
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    nl.text(KEVIN, "stop")
    exchange(hub, fr, nl)

    assert lists.leave(nl.db) == 2
    assert not beside(nl.db.path, FLEET).exists()
    assert nl.db.all("SELECT 1 FROM fleet_refused") == []
    assert nl.text(LEA).answer
    assert nl.text(KEVIN).reason is Reason.OPTED_OUT
    with pytest.raises(RefusedError, match="no fleet"):
        nl.ask(None)


def test_line_without_the_fleets_key_sends_nothing(hub: Hub, fr: Line, nl: Line) -> None:
    """It cannot tell whom the lists of others name."""
    fr.text(LEA, "stop")
    exchange(hub, fr, nl)
    assert nl.text(KEVIN).answer
    away = beside(nl.db.path, FLEET).rename(nl.folder / "away")
    nl.db.keys.clear()

    assert decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.row_of(nl.db).key_lack is HoldReason.KEY_LOST
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Wait(policy.WaitingFor.HELD)
    with pytest.raises(StoreError, match=r"hotlined\.db\.fleet is missing"):
        nl.ask(None)
    with pytest.raises(RefusedError, match="nobody whom other lines refuse"):
        decisions.resume(nl.db, "anna", nl.now())
    decisions.block(nl.db, KEVIN, "anna", nl.now())
    assert nl.text(LEA).answer is True  # the gate holds it
    away.rename(beside(nl.db.path, FLEET))
    assert not decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.row_of(nl.db).key_lack is None
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Cancel(Reason.OPTED_OUT)
    exchange(hub, nl, fr)
    assert fr.text(KEVIN).reason is Reason.BLOCKED


def test_line_leaves_its_fleet_without_the_key(fr: Line) -> None:
    """The key may be lost for good."""
    beside(fr.db.path, FLEET).unlink()
    fr.db.keys.clear()
    assert fr.run("fleet", "leave", "--yes").exit_code == 0
    assert not decisions.commit_key_lack(fr.db, fr.now())
    assert line_state.row_of(fr.db).key_lack is None


def test_backup_contains_the_key_of_the_fleet(fr: Line) -> None:
    """It does not where the file has the key of another fleet."""
    assert backup.maybe_key(fr.db.path, FLEET) == KEY
    beside(fr.db.path, FLEET).write_bytes(b"x" * 32)
    assert backup.maybe_key(fr.db.path, FLEET) is None


def test_restored_line_takes_its_own_decisions_back(hub: Hub, fr: Line, nl: Line) -> None:
    """The hub has those made since the backup; they can be lifted."""
    exchange(hub, fr, nl)
    old = fr.copy()
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.text(KEVIN, "stop")
    exchange(hub, fr, nl)
    fr.put_back(old)
    fr.exchange(hub)

    assert fr.text(LEA).reason is Reason.BLOCKED
    assert fr.log()[-1].elsewhere == ()
    assert decisions.unblock(fr.db, LEA, "anna", fr.now())
    assert not decisions.unblock(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    assert nl.text(LEA).answer
    assert nl.text(KEVIN).reason is Reason.OPTED_OUT


def test_two_machines_of_one_line_get_and_give_decisions(hub: Hub, tmp_path: Path, nl: Line) -> None:
    """They settle: afterwards neither writes."""
    with Line(tmp_path / "one", "fr") as one, Line(tmp_path / "two", "fr") as two:
        one.text(LEA, "stop")
        two.text(KEVIN, "stop")
        exchange(hub, one, two, nl)
        exchange(hub, one, two, nl)
        number = hub.one("SELECT number FROM hotlined.lists WHERE line = 'fr'")
        exchange(hub, one, two, nl)

        assert hub.one("SELECT number FROM hotlined.lists WHERE line = 'fr'") == number
        for line in (one, two, nl):
            assert {line.text(LEA).reason, line.text(KEVIN).reason} == {Reason.OPTED_OUT}


# ---- erasure


def test_forget_names_the_pseudonym_that_forget_takes_elsewhere(hub: Hub, fr: Line, nl: Line) -> None:
    """A stop stays at both lines; the rest of the person goes."""
    fr.text(LEA, "stop")
    nl.text(LEA)
    nl.text(KEVIN)
    exchange(hub, fr, nl)

    assert f"forget {PERSON}` there erases it" in " ".join(fr.run("forget", LEA, "--yes").output.split())
    assert f"Erased everything about {LEA}" in nl.run("forget", PERSON, "--yes").output
    assert [contact.originator for contact in nl.log()] == [KEVIN]
    exchange(hub, fr, nl)
    assert fr.text(LEA).reason is nl.text(LEA).reason is Reason.OPTED_OUT
    assert f"Nothing is stored about {PERSON[:-1]}" in nl.run("forget", PERSON[:-1] + "0", "--yes").output


def test_forgotten_block_ends_at_every_line(hub: Hub, fr: Line, nl: Line) -> None:
    """It ends although a restore had lost it, and only the list at the hub had it."""
    old = fr.copy()
    decisions.block(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    fr.put_back(old)
    exchange(hub, fr, nl)
    assert nl.text(LEA).reason is Reason.BLOCKED

    assert fr.run("forget", LEA, "--yes").exit_code == 0
    exchange(hub, fr, nl)
    assert fr.text(LEA).answer
    assert nl.text(LEA).answer


def test_purged_line_can_still_lift_its_own_block(hub: Hub, fr: Line, nl: Line) -> None:
    """Its own pseudonym is enough to lift the block everywhere."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.hours = 1
    for _ in purging.purge(fr.db, timedelta(0), timedelta(0), fr.now()):
        pass
    exchange(hub, fr, nl)
    own = fr.db.value("SELECT number FROM numbers")
    assert (own != LEA, nl.text(LEA).reason) == (True, Reason.BLOCKED)

    decisions.unblock(fr.db, own, "anna", fr.now())
    exchange(hub, fr, nl)
    assert nl.text(LEA).answer
    assert fr.db.value("SELECT count(fleet_pseudonym) FROM numbers") == 1
    lists.leave(fr.db)
    assert fr.db.value("SELECT count(fleet_pseudonym) FROM numbers") == 0


# ---- the list


def test_hub_gets_no_number(hub: Hub, fr: Line) -> None:
    """Its row has seven octets a person."""
    fr.text(LEA, "stop")
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.exchange(hub)
    ((_line, persons),) = hub.admin.execute("SELECT line, persons FROM hotlined.lists WHERE line = 'fr'").fetchall()
    assert persons == bytes.fromhex(PERSON[1:]) + b"\x03"
    assert lists.unpack(persons) == {PERSON: Kinds.OPTED_OUT | Kinds.BLOCKED}


def test_line_writes_only_a_list_that_is_new(hub: Hub, fr: Line) -> None:
    """Nothing is written to card or hub while nothing is new."""
    fr.text(LEA, "stop")
    assert lists.is_unsent(fr.db)
    fr.exchange(hub)
    assert not lists.is_unsent(fr.db)
    before = fr.db.connection.total_changes, hub.one("SELECT number FROM hotlined.lists WHERE line = 'fr'")
    fr.exchange(hub)
    assert (fr.db.connection.total_changes, hub.one("SELECT number FROM hotlined.lists WHERE line = 'fr'")) == before


def test_list_of_fifty_thousand_persons_arrives(hub: Hub, nl: Line) -> None:
    """That is the most that a line has at the hub; a longer one is refused there."""
    persons = {f"~{each:012x}": Kinds.BLOCKED for each in range(lists.MOST_PERSONS + 1)}
    octets = lists.pack(persons)
    assert len(octets) == 350_000
    hub.admin.execute("UPDATE hotlined.lists SET persons = %s WHERE line = 'fr'", [octets])
    nl.exchange(hub)
    assert lists.refused(nl.db) == {"fr": 50_000}
    refusal = hub.cluster.refusal(hub.cluster.url(hub.name), "UPDATE hotlined.lists SET persons = persons || '\\x00'")
    assert "violates check constraint" in refusal


# ---- without a fleet


def test_line_without_a_fleet_reads_no_fleet_tables(tmp_path: Path) -> None:
    """Its statements name none; the daemon loads neither `store.fleet` nor psycopg."""
    with Line(tmp_path, "fr", joins=False) as fr:
        statements: list[str] = []
        fr.db.connection.set_trace_callback(statements.append)
        fr.answer(LEA)
        fr.text(LEA, "stop")
        decisions.block(fr.db, KEVIN, "anna", fr.now())
        decisions.unblock(fr.db, KEVIN, "anna", fr.now())
        fr.db.connection.set_trace_callback(None)
        assert [each for each in statements if re.search(r"fleet_(lists|refused)|(FROM|UPDATE) fleet\b", each)] == []
        assert [row["number"] for row in fr.db.all("SELECT number FROM numbers")] == [LEA, KEVIN]
    loaded = "import sys, hotlined.daemon.loop; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert {"psycopg", "hotlined.fleet", "hotlined.store.lists"}.isdisjoint(done.stdout.split())


# ---- a hub that lies


def found(line: str, number: int, persons: bytes, mark: str | None = None) -> dict[str, Any]:
    """Return a list as the exchange brings it."""
    return {"line": line, "number": number, "mark": mark, "list": base64.b64encode(persons).decode()}


def told(*numbers: tuple[str, int], read: Any = None, **lies: Any) -> dict[str, Any]:
    """Return what the exchange brings."""
    usual = {"key": pseudonym.digest(KEY), "numbers": dict(numbers), "read": read, "written": None}
    return {**usual, **lies}


def test_lying_hub_erases_nothing_and_raises_no_limit(fr: Line) -> None:
    """It can only make the line refuse somebody more."""
    fr.answer(LEA)
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    invented = bytes.fromhex(PERSON[1:]) + b"\x01"
    for read in (found("nowhere", 2**62, invented), found("fr", 2**62, b""), found("nowhere", 2**62 + 1, b"")):
        fr.ask(told(("fr", 2**62), ("nowhere", 2**62), read=read))

    assert len(fr.log()) == 1
    assert history_of(fr.db, KEVIN).blocked
    assert history_of(fr.db, LEA).answers == 1
    assert fr.ask(told(("fr", 2**62), ("nowhere", 2**62)))["write"]["list"]


def test_only_a_newer_list_of_its_own_is_taken_in(hub: Hub, fr: Line) -> None:
    """An older one would bring back what was lifted, and a list with another mark is of another machine."""
    person = bytes.fromhex(pseudonym.of(KEY, LEA)[1:])
    fr.exchange(hub)
    known = fr.db.value("SELECT number FROM fleet")
    for number in (known - 1, known):
        fr.ask(told(("fr", known), read=found("fr", number, person + b"\x02")))
    fr.ask(told(("fr", known), written=found("fr", known + 1, b"", mark="another")))

    assert fr.text(LEA).answer
    assert fr.db.value("SELECT number FROM fleet") == known


def test_decisions_that_came_back_stay_beside_others(fr: Line) -> None:
    """The line shares all of them."""
    person = pseudonym.of(KEY, LEA)
    for number, kinds in ((5, b"\x01"), (6, b"\x02")):
        fr.ask(told(("fr", number), read=found("fr", number, bytes.fromhex(person[1:]) + kinds)))
    assert lists.own_list(fr.db) == {person: Kinds.OPTED_OUT | Kinds.BLOCKED}
    decisions.block(fr.db, LEA, "anna", fr.now())

    assert lists.own_list(fr.db) == {person: Kinds.OPTED_OUT | Kinds.BLOCKED}


def test_own_decision_is_not_taken_back_as_well(fr: Line) -> None:
    """A list of this line that another machine wrote has it, too; it stands in one place, and is lifted once."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.ask(told(("fr", 5), read=found("fr", 5, bytes.fromhex(pseudonym.of(KEY, LEA)[1:]) + b"\x02")))
    assert fr.db.all("SELECT 1 FROM fleet_refused") == []
    decisions.unblock(fr.db, LEA, "anna", fr.now())

    assert fr.text(LEA).answer


def test_line_is_well_at_an_honest_hub_after_a_hostile_one(hub: Hub, fr: Line, nl: Line) -> None:
    """Numbers of 2**62 end with the new invitation; a list that was invented ends with `leave`."""
    fr.text(LEA, "stop")
    exchange(hub, fr, nl)
    invented = bytes.fromhex(pseudonym.of(KEY, KEVIN)[1:]) + b"\x02"
    for line, other in ((fr, "nl"), (nl, "fr")):
        line.ask(told((line.name, 2**62), (other, 2**62), read=found(other, 2**62, invented)))
        line.ask(told((line.name, 2**62), (other, 2**62), read=found(line.name, 2**62, b"")))
        line.ask(told((line.name, 2**62), ("de", 2**62), read=found("de", 2**62, invented)))
    for line in (fr, nl):
        line.join()
    exchange(hub, fr, nl)

    assert nl.text(LEA).reason is Reason.OPTED_OUT
    assert fr.text(KEVIN).answer  # `de` is at the honest hub, too, with an empty list
    decisions.unblock(fr.db, LEA, "anna", fr.now())
    decisions.lift_opt_out(fr.db, LEA, "anna", fr.now())
    exchange(hub, fr, nl)
    assert nl.text(LEA).answer


def test_hub_with_the_key_of_another_fleet_gets_nothing(fr: Line) -> None:
    """The line answers on, and says the trouble."""
    fr.text(LEA, "stop")
    assert fr.ask(told(("fr", 0), key="0" * 64)) == {"line": "fr", "hub": None}
    assert trouble(fr) is FleetTrouble.OTHER_KEY
    assert fr.text(KEVIN).answer
    assert "write" in fr.ask(told(("fr", 0)))


@pytest.mark.parametrize(
    "lies",
    [
        {"numbers": None},
        {"numbers": {"../../x": 1}},
        {"numbers": {"fr": 1, "nl\x1b[2J": 1}},
        {"numbers": {"fr": -1}},
        {"numbers": {}},
        {"numbers": {"fr": True}},
        {"numbers": {"fr": 2**63}},
        {"numbers": {f"l{each}": 1 for each in range(lists.MOST_LINES + 1)}},
        {"numbers": {"nl": 1}, "read": 5},
        {"read": {"line": "nl"}},
        {"read": found("NL", 2, b"")},
        {"read": found("nl", 2, b"123456")},
        {"read": found("nl", 2, bytes(350_007))},
        {"read": {**found("nl", 2, b""), "list": "!"}},
        {"read": {**found("nl", 2, b""), "list": 7}},
        {"read": {**found("nl", 2, b""), "mark": 7}},
        {"written": {}},
    ],
    ids=lambda lies: str(lies)[:40],
)
def test_malformed_list_is_refused(hub: Hub, fr: Line, lies: dict[str, Any]) -> None:
    """It changes nothing; a proper hub ends the trouble."""
    fr.text(LEA, "stop")
    assert fr.ask(told(("fr", 1), ("nl", 1)) | lies) == {"line": "fr", "hub": None}
    assert trouble(fr) is FleetTrouble.REFUSED
    assert lists.refused(fr.db) == {}
    fr.exchange(hub)
    assert trouble(fr) is None
    assert not lists.is_unsent(fr.db)


def test_lists_of_others_are_bounded(fr: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that invents lists cannot fill the card; those of before stay."""
    monkeypatch.setattr(lists, "MOST_REFUSED", 2)
    three = b"".join(bytes([each] * 6) + b"\x01" for each in range(3))
    fr.ask(told(("fr", 1), ("nl", 1), read=found("nl", 1, three[:14])))
    fr.ask(told(("fr", 1), ("nl", 2), read=found("nl", 2, three)))
    assert (trouble(fr), lists.refused(fr.db)) == (FleetTrouble.REFUSED, {"nl": 2})
    fr.ask(told(("fr", 1), ("nl", 2), ("xx", 2), read=found("xx", 2, three[:7])))
    assert lists.refused(fr.db) == {"nl": 2}
