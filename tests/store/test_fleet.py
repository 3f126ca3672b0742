"""Lines that share decisions: a decision of one line holds at the others, and is lifted where it was made."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fleet_lines import KEY, SHARED, Line
from fleet_world import PlainHub
from store_steps import RULES, begin_next, refuse, segment_of

from hotlined import policy, pseudonym
from hotlined.database_files import FLEET, beside
from hotlined.errors import RefusedError, StoreError
from hotlined.gsm.alphabet import plan
from hotlined.policy import Reason
from hotlined.states import FleetTrouble, HoldReason, Shared
from hotlined.store import fleet
from hotlined.store.answers import answers, decisions
from hotlined.store.line import line as line_state
from hotlined.store.line import pseudonyms
from hotlined.store.line.history import history_of
from hotlined.store.people import backup, purging, stored
from hotlined.words.times import moment

LEA = "+32470000001"
KEVIN = "+32470000002"
PERSON = pseudonym.of(KEY, LEA)


@pytest.fixture
def hub() -> PlainHub:
    """Give a hub that knows three lines."""
    return PlainHub(pseudonym.digest(KEY), ("fr", "nl", "de"))


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


def meet(hub: PlainHub, *lines: Line) -> None:
    """Let all lines exchange, twice round."""
    for line in (*lines, *lines):
        line.exchange(hub)


# ---- decisions of another line


def test_stop_to_one_line_holds_at_all_lines(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Another line's log names the line that received the stop."""
    assert fr.text(LEA, "stop").reason is Reason.OPTED_OUT
    meet(hub, fr, nl)

    assert nl.text(LEA) == policy.Verdict(answer=False, reason=Reason.OPTED_OUT)
    assert nl.text(KEVIN).answer
    assert [contact.elsewhere for contact in nl.log()] == [("fr",), ()]
    assert fr.text(LEA).reason is Reason.OPTED_OUT
    assert fr.log()[-1].elsewhere == ()


def test_gate_cancels_a_queued_answer_after_a_block_elsewhere(hub: PlainHub, fr: Line, nl: Line) -> None:
    """The contact names the line that blocked the number."""
    meet(hub, fr, nl)
    assert nl.text(LEA).answer
    decisions.block(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)

    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Cancel(Reason.BLOCKED)
    assert nl.log()[-1].elsewhere == ("fr",)
    assert answers.requeue(nl.db, 1, "anna", nl.now()) == Reason.BLOCKED
    decisions.unblock(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    assert answers.requeue(nl.db, 1, "anna", nl.now()) is None
    assert nl.log()[-1].elsewhere == ()


def test_block_of_another_line_is_lifted_there(hub: PlainHub, fr: Line, nl: Line) -> None:
    """`unblock`, `show` and `export` name that line and the block's time."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.text(LEA, "stop")
    meet(hub, fr, nl)

    said = nl.run("unblock", LEA).output.split()
    ((blocked, opted_out),) = fr.db.all("SELECT blocked_at, opted_out_at FROM numbers")
    assert " ".join(said) == (
        f"{LEA} was not blocked. It is blocked at fr ({moment(blocked)}): that is lifted there."
        f" It has opted out at fr ({moment(opted_out)}): that is lifted there."
    )
    shown = nl.run("show", LEA).output
    assert "elsewhere" in shown
    assert PERSON in shown
    document = json.loads(nl.run("show", LEA, "--json").output)
    ((_, blocked_at, opted_out_at),) = fr.db.all("SELECT number, blocked_at, opted_out_at FROM numbers")
    assert document["fleet_pseudonym"] == PERSON
    assert document["elsewhere"] == [
        {"line": "fr", "opted_out_at": opted_out_at, "blocked_at": blocked_at, "answers": 0}
    ]
    assert json.loads(nl.run("export", LEA, "--json").output)["elsewhere"] == document["elsewhere"]
    assert PERSON in nl.run("export", LEA).output
    decisions.unblock(fr.db, LEA, "anna", fr.now())
    decisions.lift_opt_out(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    assert nl.text(LEA).answer


def test_opt_out_at_two_lines_is_lifted_at_each(hub: PlainHub, fr: Line, nl: Line) -> None:
    """The first `unblock` names the other line, and never its own."""
    for line in (fr, nl):
        line.text(LEA, "stop")
    meet(hub, fr, nl)
    assert nl.text(LEA).reason is Reason.OPTED_OUT
    assert nl.log()[-1].elsewhere == ()

    said = " ".join(nl.run("unblock", "--opted-out", "--yes", LEA).output.split())
    since = moment(fr.db.value("SELECT opted_out_at FROM numbers"))
    assert said == f"The opt-out of {LEA} is lifted. It has opted out at fr ({since}): that is lifted there."
    assert nl.text(LEA).reason is Reason.OPTED_OUT
    assert nl.log()[-1].elsewhere == ("fr",)


def test_answers_of_all_lines_count(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Cooldown, its step and the cap count them; the reserve does not."""
    fr.answer(LEA)
    fr.hours = 2
    meet(hub, fr, nl)

    assert nl.answer(LEA, "one") is Reason.COOLDOWN
    assert nl.log()[-1].elsewhere == ("fr",)
    known = history_of(nl.db, LEA)
    assert (known.answers, known.known) == (1, False)
    assert 7100 < nl.now().limit - (known.last_answer or 0) < 7300
    nl.hours = 21.5
    assert nl.answer(LEA, "two") is Reason.COOLDOWN
    nl.hours = 22.5
    assert nl.answer(LEA, "three") is Reason.COOLDOWN_OVER
    meet(hub, nl, fr)
    fr.hours += 24 * 8
    assert fr.answer(LEA, "four") is Reason.COOLDOWN_OVER
    meet(hub, fr, nl)
    nl.hours += 24 * 30
    assert nl.answer(LEA, "five") is Reason.PER_NUMBER


def test_refused_answer_counts_at_no_line(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Other lines stop counting once the network refuses it for certain."""
    assert fr.text(LEA).answer
    begun = segment_of(begin_next(fr.db, fr.now(), plan("Non.")))
    meet(hub, fr, nl)
    assert history_of(nl.db, LEA).answers == 1
    refuse(fr.db, begun, fr.now(), 42)
    meet(hub, fr, nl)
    assert history_of(nl.db, LEA).answers == 0


def test_line_exchanges_only_the_kinds_that_it_shares(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """A kind that it shares later brings all earlier decisions."""
    with Line(tmp_path, "nl", (Shared.BLOCKS,)) as nl:
        nl.text(LEA, "stop")
        nl.answer(KEVIN)
        fr.text(KEVIN, "stop")
        meet(hub, fr, nl)
        assert fr.text(LEA).answer
        assert history_of(fr.db, KEVIN).answers == 0
        assert not history_of(nl.db, KEVIN).opted_out
        nl.share = SHARED
        meet(hub, nl, fr)
        assert history_of(fr.db, KEVIN).answers == 1
        assert history_of(fr.db, LEA).opted_out
        assert history_of(nl.db, KEVIN).opted_out


def test_block_elsewhere_of_the_other_address_of_a_contact_holds(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Photo messages have two addresses; answers count by the originator alone."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    assert history_of(nl.db, KEVIN, other=LEA).blocked
    assert history_of(nl.db, KEVIN, other=LEA).answers == 0


# ---- joining, leaving, keys of the fleet


def test_decision_about_a_pseudonym_is_shared_when_its_number_writes(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """`join` returns the number of decisions that cannot be shared yet."""
    with Line(tmp_path, "nl", joins=False) as nl:
        nl.text(LEA, "stop")
        nl.answer(KEVIN)
        with nl.db.transaction():
            pseudonyms.adopt_key(nl.db)
        nl.hours = 1
        for _ in purging.purge(nl.db, timedelta(0), timedelta(0), nl.now()):
            pass
        assert nl.join() == 1
        meet(hub, fr, nl)
        assert fr.text(LEA).answer
        nl.text(LEA)
        nl.text(KEVIN)
        meet(hub, nl, fr)
        assert fr.text(LEA).reason is Reason.OPTED_OUT
        assert history_of(fr.db, KEVIN).answers == 1
        assert nl.join() == 0


def test_line_shares_decisions_from_before_it_joined(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """It does where the number is still stored."""
    with Line(tmp_path, "nl", joins=False) as nl:
        decisions.block(nl.db, LEA, "anna", nl.now())
        nl.answer(KEVIN)
        assert nl.join() == 0
        meet(hub, nl, fr)
    assert fr.text(LEA).reason is Reason.BLOCKED
    assert fr.text(KEVIN).reason is Reason.COOLDOWN


def test_invitation_of_another_fleet_is_refused(fr: Line) -> None:
    """The line has to leave its fleet: other keys match no rows."""
    with pytest.raises(RefusedError, match="already"):
        fleet.join(fr.db, "fr", b"x" * 32, fr.now())
    assert beside(fr.db.path, FLEET).read_bytes() == KEY
    with pytest.raises(RefusedError, match="already"):
        fleet.join(fr.db, "nl", KEY, fr.now())


def test_line_that_leaves_forgets_the_other_lines(hub: PlainHub, fr: Line, nl: Line) -> None:
    """`leave` returns the number of forgotten decisions; the line's own stay."""
    fr.text(LEA, "stop")
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    nl.text(KEVIN, "stop")
    meet(hub, fr, nl)

    assert fleet.counts(nl.db) == fleet.leave(nl.db) == (1, 1)
    assert not beside(nl.db.path, FLEET).exists()
    assert nl.text(LEA).answer
    assert nl.text(KEVIN).reason is Reason.OPTED_OUT
    with pytest.raises(RefusedError, match="no fleet"):
        nl.question()


def test_line_without_the_fleets_key_sends_nothing(hub: PlainHub, fr: Line, nl: Line) -> None:
    """It cannot tell whom the rows of others name."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    assert nl.text(KEVIN).answer
    away = beside(nl.db.path, FLEET).rename(nl.folder / "away")
    nl.db.keys.clear()

    assert decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.row_of(nl.db).key_lack is HoldReason.KEY_LOST
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Wait(policy.WaitingFor.HELD)
    with pytest.raises(StoreError, match=r"hotlined\.db\.fleet is missing"):
        nl.question()
    with pytest.raises(RefusedError, match="nobody of whom other lines speak"):
        decisions.resume(nl.db, "anna", nl.now())
    decisions.block(nl.db, KEVIN, "anna", nl.now())
    assert nl.text(LEA).answer is True  # the gate holds it
    away.rename(beside(nl.db.path, FLEET))
    assert not decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.row_of(nl.db).key_lack is None
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Cancel(Reason.OPTED_OUT)
    meet(hub, nl, fr)
    assert fr.text(KEVIN).reason is Reason.BLOCKED


def test_backup_contains_the_key_of_the_fleet(fr: Line) -> None:
    """It does not where the file has the key of another fleet."""
    assert backup.maybe_key(fr.db.path, FLEET) == KEY
    beside(fr.db.path, FLEET).write_bytes(b"x" * 32)
    assert backup.maybe_key(fr.db.path, FLEET) is None


def test_restored_line_reads_back_its_own_decisions(hub: PlainHub, fr: Line, nl: Line) -> None:
    """The hub returns those made since the backup; they can be lifted."""
    meet(hub, fr, nl)
    old = fr.copy()
    decisions.block(fr.db, LEA, "anna", fr.now())
    fr.answer(KEVIN)
    meet(hub, fr, nl)
    fr.put_back(old)
    fr.exchange(hub)

    assert fr.text(LEA).reason is Reason.BLOCKED
    assert fr.log()[-1].elsewhere == ()
    assert fr.text(KEVIN).reason is Reason.COOLDOWN
    assert decisions.unblock(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    assert nl.text(LEA).answer
    assert history_of(nl.db, KEVIN).answers == 1


# ---- erasure


def test_erasure_at_another_line_needs_a_person_there(hub: PlainHub, fr: Line, nl: Line) -> None:
    """`forget --asked` there lists requests and likely evidence; nothing is erased unasked."""
    meet(hub, fr, nl)
    nl.text(LEA, "I'll find you")
    nl.text(KEVIN)
    decisions.keep(nl.db, 1, "anna", nl.now())
    decisions.tag(nl.db, 1, "threat", "anna", nl.now())
    fr.text(LEA, "stop")
    assert fr.run("forget", LEA, "--yes").exit_code == 0
    assert fr.run("forget", KEVIN, "--yes").output.endswith("people there decide.\n")
    meet(hub, fr, nl)

    assert {(each.person, each.by, each.name) for each in fleet.asked(nl.db)} == {
        (PERSON, "fr", LEA),
        (pseudonym.of(KEY, KEVIN), "fr", KEVIN),
    }
    assert fleet.open_here(nl.db) == {"fr": 2}
    assert len(nl.log()) == 2
    said = " ".join(nl.run("forget", "--asked", "--yes").output.split())
    assert "Contact 1 may be evidence: a person keeps it; it is tagged as a threat. It stays, and the request" in said
    assert f"Erased everything about {KEVIN}" in said
    assert [contact.id for contact in nl.log()] == [1]
    assert fleet.open_here(nl.db) == {"fr": 1}
    assert nl.run("forget", LEA, "--yes").exit_code == 0
    assert fleet.open_here(nl.db) == {}
    assert nl.log() == []
    assert nl.run("forget", "--asked").output == "No line asks to erase anybody.\n"
    meet(hub, nl, fr)
    assert fleet.open_here(fr.db) == {}  # fr has no rows about her: it confirms without a person
    assert history_of(fr.db, LEA).opted_out
    assert nl.text(LEA).reason is Reason.OPTED_OUT


def test_forget_needs_either_a_number_or_asked(fr: Line) -> None:
    """`--asked` takes the numbers that other lines name."""
    for arguments in ((), (LEA, "--asked")):
        result = fr.run("forget", *arguments)
        assert (result.exit_code, "Give a number, or --asked." in result.output) == (2, True)


def test_request_to_erase_an_already_erased_person_is_confirmed(hub: PlainHub, fr: Line, nl: Line) -> None:
    """`purge` or a person may have erased the rows before."""
    nl.text(LEA)
    fr.run("forget", LEA, "--yes")
    meet(hub, fr, nl)
    with nl.db.transaction():
        nl.db.execute("DELETE FROM contacts")
    assert [each.name for each in fleet.asked(nl.db)] == [PERSON]
    assert stored.evidence_of(nl.db, PERSON) == []
    assert nl.run("forget", "--asked", "--yes").exit_code == 0
    assert fleet.asked(nl.db) == []
    assert {row["asked"] for row in nl.question()["rows"]} <= {None}  # a confirmation is not a request of its own


def test_contact_with_alert_words_counts_as_likely_evidence(nl: Line) -> None:
    """The contact is evidence though nobody kept or tagged it."""
    nl.text(LEA)
    with nl.db.transaction():
        nl.db.execute("INSERT INTO words_met (contact_id, words) VALUES (1, '[]')")
    assert stored.evidence_of(nl.db, LEA) == [stored.LikelyEvidence(1, kept=False, threat=False, alert_words=True)]


def test_purged_line_can_still_lift_its_own_block(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Its own pseudonym is enough to lift the block everywhere.

    No number stays beside the pseudonym of the fleet.
    """
    decisions.block(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    fr.hours = 1
    for _ in purging.purge(fr.db, timedelta(0), timedelta(0), fr.now()):
        pass
    assert LEA.encode() not in b"".join(str(tuple(row)).encode() for row in fr.db.all("SELECT * FROM fleet_said"))
    own = fr.db.value("SELECT number FROM numbers")
    with fr.db.transaction():
        fr.db.execute("UPDATE fleet SET anew = 1")
    meet(hub, fr, nl)
    assert nl.text(LEA).reason is Reason.BLOCKED
    decisions.unblock(fr.db, own, "anna", fr.now())
    meet(hub, fr, nl)
    assert nl.text(LEA).answer


# ---- a line's question and the hub's answer


def test_exchange_without_news_writes_nothing(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Nothing goes to the card."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    for line in (fr, nl):
        before = line.db.connection.total_changes
        for _ in range(3):
            line.exchange(hub)
        assert line.db.connection.total_changes == before


def test_unanswered_question_is_repeated_unchanged(fr: Line, hub: PlainHub) -> None:
    """Decisions made meanwhile wait for the next question."""
    fr.exchange(hub)
    fr.text(LEA, "stop")
    first = fr.question()
    fr.text(KEVIN, "stop")
    decisions.lift_opt_out(fr.db, LEA, "anna", fr.now())
    assert fr.question() == first
    assert len(first["rows"]) == 1
    assert str(first).count("+32") == 0
    fr.exchange(hub)
    assert fleet.unsent(fr.db) == 0


def test_late_answer_of_the_hub_changes_nothing(hub: PlainHub, fr: Line) -> None:
    """It comes a second time, after a newer question."""
    fr.exchange(hub)
    fr.text(LEA, "stop")
    answer = hub.ask("fr", fr.question())
    assert answer
    fleet.take(fr.db, answer, fr.now())
    fr.text(KEVIN, "stop")
    fr.question()
    before = fr.db.connection.total_changes
    assert not fleet.take(fr.db, answer, fr.now())
    assert fr.db.connection.total_changes == before


def test_two_machines_with_the_same_line_are_reported(hub: PlainHub, fr: Line) -> None:
    """A third complete reading within the hour is a trouble.

    The line reads all rows again at most twice an hour; the trouble ends an hour later.
    """
    fr.exchange(hub)
    other = PlainHub(hub.digest, ("fr",))
    for number, asked in enumerate((other, hub, other)):
        fr.exchange(asked)
        member = fleet.maybe_member(fr.db)
        assert member
        assert (member.trouble is FleetTrouble.TWICE) == (number == 2)
    fr.hours = 1.1
    fr.exchange(other)
    member = fleet.maybe_member(fr.db)
    assert member
    assert (member.trouble, member.hub) == (None, other.id)


def test_hub_of_another_fleet_is_refused(fr: Line) -> None:
    """The line stores nothing of its answer."""
    other = PlainHub(pseudonym.digest(b"x" * 32), ("fr",))
    fr.exchange(other)
    member = fleet.maybe_member(fr.db)
    assert member
    assert (member.trouble, member.hub) == (FleetTrouble.OTHER_KEY, None)


def test_rows_of_others_are_bounded(hub: PlainHub, fr: Line, nl: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full line reports a trouble, then reads on with more room."""
    monkeypatch.setattr(fleet, "MOST_HEARD", 0)
    for number in (LEA, KEVIN):
        fr.text(number, "stop")
        meet(hub, fr, nl)
    member = fleet.maybe_member(nl.db)
    assert member
    assert member.trouble is FleetTrouble.FULL
    assert fleet.counts(nl.db).opt_outs == 1
    monkeypatch.undo()
    nl.exchange(hub)
    assert fleet.counts(nl.db).opt_outs == 2
    member = fleet.maybe_member(nl.db)
    assert member
    assert member.trouble is None


def test_question_has_at_most_one_page_of_rows(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Further rows go in further questions, and all arrive."""
    fr.exchange(hub)
    for number in range(450):
        decisions.block(fr.db, f"+3247{number:07}", "anna", fr.now())
    assert len(fr.question()["rows"]) == fleet.MOST_ROWS
    meet(hub, fr, nl)
    assert fleet.counts(nl.db).blocks == 450


# ---- without a fleet


def test_line_without_a_fleet_reads_no_fleet_tables(tmp_path: Path) -> None:
    """Its statements name none; the daemon does not load psycopg."""
    with Line(tmp_path, "fr", joins=False) as fr:
        statements: list[str] = []
        fr.db.connection.set_trace_callback(statements.append)
        fr.answer(LEA)
        fr.text(LEA, "stop")
        decisions.block(fr.db, KEVIN, "anna", fr.now())
        decisions.unblock(fr.db, KEVIN, "anna", fr.now())
        fr.db.connection.set_trace_callback(None)
        asked = [each for each in statements if re.search(r"fleet_|(FROM|UPDATE) fleet (?!WHERE id = 1\))", each)]
        assert asked == []
        assert [row["number"] for row in fr.db.all("SELECT number FROM numbers")] == [LEA, KEVIN]
    loaded = "import sys, hotlined.daemon.loop; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert {"psycopg", "hotlined.fleet"}.isdisjoint(done.stdout.split())


# ---- a hub that lies


class Liar(PlainHub):
    """A hub that returns whatever a test wants, in the form of an answer."""

    def __init__(self, **lies: Any) -> None:
        super().__init__(pseudonym.digest(KEY), ("fr", "nl"))
        self.lies = lies

    def ask(self, line: str, question: Any) -> dict[str, Any] | None:
        """Answer a question, and lie."""
        answer = super().ask(line, question)
        return answer and {**answer, **self.lies}


def _row(**lies: Any) -> dict[str, Any]:
    return {
        "line": "nl",
        "person": PERSON,
        "version": 7,
        "opted_out_at": None,
        "blocked_at": None,
        "asked": None,
        "asked_at": None,
        "answers": 0,
        "age": None,
        "place": 9,
        **lies,
    }


def test_lying_hub_erases_nothing_and_raises_no_limit(fr: Line) -> None:
    """A hub cannot cause more answers, or the loss of rows."""
    at = fr.now().rfc3339
    fr.answer(LEA)
    decisions.block(fr.db, KEVIN, "anna", fr.now())
    hub = Liar()
    fr.exchange(hub)
    lies = [
        _row(asked=7, asked_at=at, place=11),
        _row(version=8, answers=10**6, age=0, place=12),
        _row(line="fr", version=2**53, place=13),
        _row(line="fr", person=pseudonym.of(KEY, KEVIN), version=2**53, place=14),
        _row(line="nowhere", opted_out_at=at, place=15),
    ]
    hub.lies = {"rows": lies, "fits": True, "place": 2**50}
    fr.exchange(hub)
    hub.lies = {"fits": False, "highest": 2**53, "now": 2**53}
    fr.exchange(hub)
    hub.lies = {"rows": lies, "fits": True, "highest": 2**53, "now": 2**53}
    fr.exchange(hub)

    assert len(fr.log()) == 1
    assert history_of(fr.db, KEVIN).blocked
    generous = RULES._replace(limits=RULES.limits._replace(per_number=5))
    assert fr.text(LEA, "again", generous).reason is Reason.OPTED_OUT
    assert history_of(fr.db, LEA).answers >= 1
    assert fr.db.value("SELECT version FROM fleet") < 2**54
    decisions.block(fr.db, "+32470000003", "anna", fr.now())


@pytest.mark.parametrize(
    "lies",
    [
        {"rows": None},
        {"rows": [_row(place=p) for p in (12, 11)]},
        {"rows": [_row(version=2**61)]},
        {"rows": [_row(version=-1)]},
        {"rows": [_row(version=True)]},
        {"rows": [_row(answers=1e400)]},
        {"rows": [_row(line="../../x")]},
        {"rows": [_row(person=LEA)]},
        {"rows": [_row(opted_out_at="yesterday")]},
        {"rows": [_row(opted_out_at="9999-99-99T00:00:00Z")]},
        {"rows": [_row(asked=4)]},
        {"rows": [_row(age="x")]},
        {"rows": [{"line": "nl"}]},
        {"rows": [_row(place=place) for place in range(1, 202)]},
        {"fits": 1},
        {"highest": 2**62},
        {"now": 2**60},
        {"key": "x"},
        {"hub": 5},
    ],
    ids=lambda lies: str(lies)[:40],
)
def test_malformed_answer_of_the_hub_is_refused(fr: Line, lies: dict[str, Any]) -> None:
    """It changes nothing; a proper answer ends the reported trouble."""
    hub = Liar()
    fr.exchange(hub)
    fr.text(LEA, "stop")
    hub.lies = lies
    fr.exchange(hub)
    member = fleet.maybe_member(fr.db)
    assert member
    assert member.trouble is FleetTrouble.REFUSED
    assert fr.db.value("SELECT count(*) FROM fleet_heard") == 0
    hub.lies = {}
    fr.exchange(hub)
    member = fleet.maybe_member(fr.db)
    assert member
    assert member.trouble is None
    assert fleet.unsent(fr.db) == 0


def test_hub_cannot_take_a_stop_from_its_own_line(hub: PlainHub, fr: Line, nl: Line) -> None:
    """A stop that it revokes at other lines is sent again."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    row = hub.known["fr", PERSON]
    hub.known["fr", PERSON] = {**row, "version": row["version"] + 1, "opted_out_at": None, "place": hub.place + 1}
    hub.place += 1
    meet(hub, nl, fr)
    assert fr.text(LEA).reason is Reason.OPTED_OUT
    assert nl.text(LEA).reason is Reason.OPTED_OUT  # fr has read that something is not its own, and said all again
