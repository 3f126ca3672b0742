"""Lines that share what they know: what one decides holds at the others, and is lifted where it was said."""

import json
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
    """Let lines exchange all."""
    for line in (*lines, *lines):
        line.exchange(hub)


# ---- what holds here


def test_a_stop_to_one_is_a_stop_to_all(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Who says stop to one line is not answered by another that has exchanged since, and the log names the line."""
    assert fr.text(LEA, "stop").reason is Reason.OPTED_OUT
    meet(hub, fr, nl)

    assert nl.text(LEA) == policy.Verdict(answer=False, reason=Reason.OPTED_OUT)
    assert nl.text(KEVIN).answer
    assert [contact.elsewhere for contact in nl.log()] == [("fr",), ()]
    assert fr.text(LEA).reason is Reason.OPTED_OUT
    assert fr.log()[-1].elsewhere == ()


def test_what_was_queued_before_a_block_elsewhere_is_cancelled_at_its_turn(hub: PlainHub, fr: Line, nl: Line) -> None:
    """The gate asks again: an answer that waited is not sent, and its contact says which line that is due to."""
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


def test_it_is_lifted_where_it_was_said(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Who lifts a block at another line is told where it stands, and `show` says since when."""
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


def test_two_who_said_it_lift_it_each(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Who lifts an opt-out here is told that it goes on at another line, and none is named for one's own word."""
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
    """The cooldown runs from the latest answer of any line, step and cap count the sum; the reserve does not."""
    fr.answer(LEA)
    fr.hours = 2
    meet(hub, fr, nl)

    assert nl.answer(LEA, "one") is Reason.COOLDOWN
    assert nl.log()[-1].elsewhere == ("fr",)
    known = fleet.history_of(nl.db, LEA, shadow=False)
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


def test_an_answer_that_did_not_leave_counts_nowhere(hub: PlainHub, fr: Line, nl: Line) -> None:
    """What the network refuses for certain is taken back at the other lines."""
    assert fr.text(LEA).answer
    begun = segment_of(begin_next(fr.db, fr.now(), plan("Non.")))
    meet(hub, fr, nl)
    assert fleet.history_of(nl.db, LEA, shadow=False).answers == 1
    refuse(fr.db, begun, fr.now(), 38)
    meet(hub, fr, nl)
    assert fleet.history_of(nl.db, LEA, shadow=False).answers == 0


def test_a_line_shares_what_it_says_it_shares(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """What a line does not share it neither says nor follows; once it does, all of it is said."""
    with Line(tmp_path, "nl", (Shared.BLOCKS,)) as nl:
        nl.text(LEA, "stop")
        nl.answer(KEVIN)
        fr.text(KEVIN, "stop")
        meet(hub, fr, nl)
        assert fr.text(LEA).answer
        assert fleet.history_of(fr.db, KEVIN, shadow=False).answers == 0
        assert not fleet.history_of(nl.db, KEVIN, shadow=False).opted_out
        nl.share = SHARED
        meet(hub, nl, fr)
        assert fleet.history_of(fr.db, KEVIN, shadow=False).answers == 1
        assert fleet.history_of(fr.db, LEA, shadow=False).opted_out
        assert fleet.history_of(nl.db, KEVIN, shadow=False).opted_out


def test_a_photo_message_of_somebody_refused_elsewhere_is_not_answered(hub: PlainHub, fr: Line, nl: Line) -> None:
    """What is decided elsewhere about the other address of a contact holds, too."""
    decisions.block(fr.db, LEA, "anna", fr.now())
    meet(hub, fr, nl)
    assert fleet.history_of(nl.db, KEVIN, shadow=False, other=LEA).blocked
    assert fleet.history_of(nl.db, KEVIN, shadow=False, other=LEA).answers == 0


# ---- joining, leaving, keys


def test_what_stands_as_a_pseudonym_is_shared_when_its_number_comes(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """Joining says how many decisions nobody can share yet; each is shared once its number comes again."""
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
        assert fleet.history_of(fr.db, KEVIN, shadow=False).answers == 1
        assert nl.join() == 0


def test_what_was_decided_before_joining_is_said(hub: PlainHub, tmp_path: Path, fr: Line) -> None:
    """A line says what it had decided while it still has the number."""
    with Line(tmp_path, "nl", joins=False) as nl:
        decisions.block(nl.db, LEA, "anna", nl.now())
        nl.answer(KEVIN)
        assert nl.join() == 0
        meet(hub, nl, fr)
    assert fr.text(LEA).reason is Reason.BLOCKED
    assert fr.text(KEVIN).reason is Reason.COOLDOWN


def test_an_invitation_of_another_fleet_is_refused(fr: Line) -> None:
    """A line with another key would know nobody of whom the others speak: it leaves its fleet first."""
    with pytest.raises(RefusedError, match="already"):
        fleet.join(fr.db, "fr", b"x" * 32, fr.now())
    assert beside(fr.db.path, FLEET).read_bytes() == KEY
    with pytest.raises(RefusedError, match="already"):
        fleet.join(fr.db, "nl", KEY, fr.now())


def test_who_leaves_goes_on_alone(hub: PlainHub, fr: Line, nl: Line) -> None:
    """A line that leaves knows nothing of the others any more, and says how much that was; its own word stays."""
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


def test_without_the_fleets_key_nothing_is_sent(hub: PlainHub, fr: Line, nl: Line) -> None:
    """A line that has rows of others and not their key knows nobody of whom they speak: it is held, and says why."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    assert nl.text(KEVIN).answer
    away = beside(nl.db.path, FLEET).rename(nl.folder / "away")
    nl.db.keys.clear()

    assert decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.key_lack(nl.db) is HoldReason.KEY_LOST
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Wait(policy.WaitingFor.HELD)
    with pytest.raises(StoreError, match=r"hotlined\.db\.fleet is missing"):
        nl.question()
    with pytest.raises(RefusedError, match="nobody of whom other lines speak"):
        decisions.resume(nl.db, "anna", nl.now())
    decisions.block(nl.db, KEVIN, "anna", nl.now())
    assert nl.text(LEA).answer is True  # the gate holds it
    away.rename(beside(nl.db.path, FLEET))
    assert not decisions.commit_key_lack(nl.db, nl.now())
    assert line_state.key_lack(nl.db) is None
    assert begin_next(nl.db, nl.now(), plan("Non.")) == policy.Cancel(Reason.OPTED_OUT)
    meet(hub, nl, fr)
    assert fr.text(KEVIN).reason is Reason.BLOCKED


def test_the_fleets_key_goes_with_a_copy(fr: Line) -> None:
    """A copy of the database gets the key beside it, unless what lies there is another one."""
    assert backup.maybe_key(fr.db.path, FLEET) == KEY
    beside(fr.db.path, FLEET).write_bytes(b"x" * 32)
    assert backup.maybe_key(fr.db.path, FLEET) is None


def test_a_line_that_was_put_back_knows_what_it_had_said(hub: PlainHub, fr: Line, nl: Line) -> None:
    """What a restored line said after its backup it reads back: it refuses again, and lifts it as its own word."""
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
    assert fleet.history_of(nl.db, KEVIN, shadow=False).answers == 1


# ---- erasure


def test_a_line_is_asked_to_erase_and_people_there_do(hub: PlainHub, fr: Line, nl: Line) -> None:
    """`forget` asks; the other line lists it with what may be evidence, erases nothing by itself, and does not ask."""
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
    assert fleet.open_here(fr.db) == {}  # fr has nothing of her: it confirms by itself
    assert fleet.history_of(fr.db, LEA, shadow=False).opted_out
    assert nl.text(LEA).reason is Reason.OPTED_OUT


def test_forget_wants_a_number_or_asked(fr: Line) -> None:
    """Either somebody is named, or those are meant whom other lines name."""
    for arguments in ((), (LEA, "--asked")):
        result = fr.run("forget", *arguments)
        assert (result.exit_code, "Give a number, or --asked." in result.output) == (2, True)


def test_a_request_for_somebody_who_has_gone_meanwhile_is_answered(hub: PlainHub, fr: Line, nl: Line) -> None:
    """What `purge` or a person erased since is nothing more to erase, and the request can be answered."""
    nl.text(LEA)
    fr.run("forget", LEA, "--yes")
    meet(hub, fr, nl)
    with nl.db.transaction():
        nl.db.execute("DELETE FROM contacts")
    assert [each.name for each in fleet.asked(nl.db)] == [PERSON]
    assert stored.evidence_of(nl.db, PERSON) == []
    assert nl.run("forget", "--asked", "--yes").exit_code == 0
    assert fleet.asked(nl.db) == []
    assert {row["asked"] for row in nl.question()["rows"]} <= {None}  # who answers does not ask in turn


def test_alert_words_may_be_evidence(nl: Line) -> None:
    """A contact with alert words is named before it goes."""
    nl.text(LEA)
    with nl.db.transaction():
        nl.db.execute("INSERT INTO words_met (contact_id, words) VALUES (1, '[]')")
    assert stored.evidence_of(nl.db, LEA) == [stored.LikelyEvidence(1, kept=False, threat=False, alert_words=True)]


def test_what_purge_replaces_is_still_the_lines_word(hub: PlainHub, fr: Line, nl: Line) -> None:
    """No number stays beside a pseudonym of the fleet; by the own pseudonym it is still lifted everywhere."""
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


# ---- the question and its answer


def test_idle_writes_nothing(hub: PlainHub, fr: Line, nl: Line) -> None:
    """A line that has nothing new asks and hears without a write to the card."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    for line in (fr, nl):
        before = line.db.connection.total_changes
        for _ in range(3):
            line.exchange(hub)
        assert line.db.connection.total_changes == before


def test_a_question_under_way_is_repeated_as_it_was(fr: Line, hub: PlainHub) -> None:
    """What was composed is sent until it is answered, whatever is decided meanwhile."""
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


def test_a_late_answer_changes_nothing(hub: PlainHub, fr: Line) -> None:
    """An answer that comes twice, or after another one, is not taken."""
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


def test_two_machines_that_speak_as_one_line_are_noticed(hub: PlainHub, fr: Line) -> None:
    """All is read again twice an hour at most; then it is the line's trouble, and goes on an hour later."""
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


def test_a_hub_of_another_fleet_is_refused(fr: Line) -> None:
    """A line that reaches the hub of others takes nothing from it."""
    other = PlainHub(pseudonym.digest(b"x" * 32), ("fr",))
    fr.exchange(other)
    member = fleet.maybe_member(fr.db)
    assert member
    assert (member.trouble, member.hub) == (FleetTrouble.OTHER_KEY, None)


def test_a_line_takes_so_much_and_no_more(hub: PlainHub, fr: Line, nl: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others say does not fill the card: what finds no room is the line's trouble, and read once there is."""
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


def test_no_more_than_a_page_goes_at_once(hub: PlainHub, fr: Line, nl: Line) -> None:
    """Many persons go in several questions, and all arrive."""
    fr.exchange(hub)
    for number in range(450):
        decisions.block(fr.db, f"+3247{number:07}", "anna", fr.now())
    assert len(fr.question()["rows"]) == fleet.MOST_ROWS
    meet(hub, fr, nl)
    assert fleet.counts(nl.db).blocks == 450


# ---- without a fleet


def test_without_a_fleet_nothing_of_it_is_read_or_written(tmp_path: Path) -> None:
    """A line in no fleet reads that there is none, and nothing else of it; nothing that speaks to a hub is loaded."""
    with Line(tmp_path, "fr", joins=False) as fr:
        statements: list[str] = []
        fr.db.connection.set_trace_callback(statements.append)
        fr.answer(LEA)
        fr.text(LEA, "stop")
        decisions.block(fr.db, KEVIN, "anna", fr.now())
        decisions.unblock(fr.db, KEVIN, "anna", fr.now())
        fr.db.connection.set_trace_callback(None)
        assert [each for each in statements if "fleet_said" in each or "fleet_heard" in each] == []
        assert [row["number"] for row in fr.db.all("SELECT number FROM numbers")] == [LEA, KEVIN]
    loaded = "import sys, hotlined.daemon.loop; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert {"psycopg", "hotlined.fleet"}.isdisjoint(done.stdout.split())


# ---- a hub that lies


class Liar(PlainHub):
    """A hub that says what a test wants, in the form of an answer."""

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


def test_a_hub_that_invents_erases_nothing_and_raises_no_limit(fr: Line) -> None:
    """Whatever it says of somebody, he is not answered more than before, and nothing of him goes."""
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
    assert fleet.history_of(fr.db, KEVIN, shadow=False).blocked
    generous = RULES._replace(limits=RULES.limits._replace(per_number=5))
    assert fr.text(LEA, "again", generous).reason is Reason.OPTED_OUT
    assert fleet.history_of(fr.db, LEA, shadow=False).answers >= 1
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
def test_what_has_not_the_form_of_an_answer_is_refused(fr: Line, lies: dict[str, Any]) -> None:
    """It changes nothing, and is the line's trouble until the hub answers as one."""
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


def test_a_hub_that_withholds_is_only_not_heard(hub: PlainHub, fr: Line, nl: Line) -> None:
    """A hub that keeps a stop back or takes it back from one line cannot take it from the line to which it was said."""
    fr.text(LEA, "stop")
    meet(hub, fr, nl)
    row = hub.known["fr", PERSON]
    hub.known["fr", PERSON] = {**row, "version": row["version"] + 1, "opted_out_at": None, "place": hub.place + 1}
    hub.place += 1
    meet(hub, nl, fr)
    assert fr.text(LEA).reason is Reason.OPTED_OUT
    assert nl.text(LEA).reason is Reason.OPTED_OUT  # fr has read that something is not its own, and said all again
