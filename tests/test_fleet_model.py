"""Whatever happens to three lines and their hub, they end in the same state, and no opt-out is lost."""

from collections.abc import Iterator

import extent
import fleet_model
import pytest
from fleet_model import Fleet
from postgres import Cluster, cluster

from hotlined.states import DecisionKind

__all__ = ["cluster"]

KEVIN, LEA = fleet_model.NUMBERS[:2]


@pytest.fixture(autouse=True, scope="module")
def _hub(cluster: Cluster) -> Iterator[None]:
    """Give one hub, which is emptied for each history."""
    with fleet_model.hub_of(cluster):
        yield


def test_three_lines_end_in_the_same_state() -> None:
    """No order, repetition, kill, backup or clock has an answer go to who is refused, or an opt-out lost."""
    fleet_model.play(extent.examples(10, 200))


@pytest.fixture
def three() -> Iterator[Fleet]:
    """Give three lines that are played by hand; at the end they have to agree."""
    fleet = Fleet()
    yield fleet
    fleet.teardown()


def test_postgresql_is_killed_in_the_middle(three: Fleet) -> None:
    """A hub that is killed after a commit, of which the line hears nothing more, has lost and doubled nothing."""
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.say_stop("fr", LEA)
    three.decide("fr", KEVIN, "optin")
    three.exchange_while_the_hub_is_killed("fr")


@pytest.mark.parametrize("verb", ["stop", "block"])
def test_who_is_refused_at_one_line_is_answered_at_none_that_has_heard_of_it(three: Fleet, verb: str) -> None:
    """What was queued before does not leave, and what comes later is not queued."""
    three.text("nl", KEVIN)
    if verb == "stop":
        three.say_stop("fr", KEVIN)
    else:
        three.decide("fr", KEVIN, "block")
    three.exchange("fr")
    three.exchange("nl")
    three.send("nl")
    three.text("nl", KEVIN)
    three.send("nl")


def test_who_is_erased_stays_opted_out_and_what_is_kept_stays(three: Fleet) -> None:
    """An erasure undoes blocks, but no opt-out, at the line that orders it and at those that carry it out."""
    three.text("nl", KEVIN)
    three.keep("nl", KEVIN)
    three.text("nl", KEVIN)
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.exchange("be")
    three.forget("be", KEVIN)
    three.exchange("be")
    for name in ("fr", "nl"):
        three.exchange(name)
        three.text(name, KEVIN)


def test_what_the_hub_makes_up_is_not_believed(three: Fleet) -> None:
    """A row without the signature of a line undoes nothing."""
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.exchange("nl")
    three.forge(KEVIN, DecisionKind.OPT_OUTS)
    three.exchange("fr")
    three.exchange("nl")


# ---- what was found so, in its shortest form


def test_who_says_stop_again_had_not_been_heard_by_an_opt_in_elsewhere(three: Fleet) -> None:
    """Who has opted out here already and says so again is left alone, though another line answers again meanwhile."""
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.exchange("nl")
    three.decide("nl", KEVIN, "optin")
    three.say_stop("fr", KEVIN)


def test_what_is_said_after_a_restoration_takes_no_version_that_was_lost(three: Fleet) -> None:
    """A restored line that has something new to say still hears what it had said before."""
    three.exchange("fr")
    three.back_up("fr")
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.restore(0)
    three.say_stop("fr", LEA)


def test_what_a_restored_line_had_said_and_another_undid_is_undone(three: Fleet) -> None:
    """A restored line reads back at once what it had said and that it was undone since: the latter is the last word."""
    three.back_up("nl")
    three.say_stop("nl", KEVIN)
    three.exchange("nl")
    three.exchange("be")
    three.decide("be", KEVIN, "optin")
    three.exchange("be")
    three.restore(0)


def test_what_a_restored_line_decides_is_later_than_all_that_it_had_said(three: Fleet) -> None:
    """It says so under a higher version than the hub has of it, however many were lost."""
    three.back_up("fr")
    for _time in range(20):
        three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.put_back("fr")
    three.decide("fr", KEVIN, "block")


@pytest.mark.parametrize("commits", range(4))
def test_what_is_decided_between_a_commit_and_its_note_is_owed_still(three: Fleet, commits: int) -> None:
    """Whoever is blocked while his opt-out is on its way to the hub is blocked everywhere in the end."""
    three.say_stop("fr", KEVIN)
    three.exchange_while_somebody_decides("fr", KEVIN, "block", commits)


def test_what_was_taken_back_is_not_said_again_to_a_hub_that_was_put_back(three: Fleet) -> None:
    """A line that has heard that its opt-out was undone says it no more, though who undid it has not told the hub."""
    three.back_up_hub()
    three.two_lines_disagree(["be", "fr", "nl"], LEA, (DecisionKind.OPT_OUTS, "optin"), again=False, killed=None)
    three.restore_hub()
    three.exchange("be")
    three.exchange("nl")
    three.text("nl", LEA)


# ---- answers


def answer(three: Fleet, name: str) -> None:
    """Have a line answer Kevin."""
    three.text(name, KEVIN)
    three.send(name)


def test_the_answers_of_all_lines_count_once_at_each(three: Fleet) -> None:
    """Also those that a line has sent after its backup, and its hub before it was put back."""
    answer(three, "fr")
    three.back_up("fr")
    three.back_up_hub()
    answer(three, "fr")
    answer(three, "nl")
    three.exchange("fr")
    three.restore(0)
    three.exchange("be")
    three.restore_hub()
    answer(three, "fr")
    for name in (*fleet_model.NAMES, *fleet_model.NAMES):
        three.exchange(name)
    assert [line.counts(KEVIN)[1] for line in three.lines.values()] == [4, 4, 4]


def test_a_restored_line_that_answers_before_it_exchanges_counts_no_less_than_its_own(three: Fleet) -> None:
    """What it reads back of itself, an earlier count, takes nothing away."""
    answer(three, "fr")
    three.back_up("fr")
    for _lost in range(3):
        three.text("fr", LEA)
        three.send("fr")
    three.exchange("fr")
    three.put_back("fr")
    answer(three, "fr")
    three.exchange("fr")
    assert three.lines["fr"].counts(KEVIN) == (2, 2)
    assert three.lines["fr"].counts(LEA) == (0, 3)


@pytest.mark.parametrize("commits", range(5))
def test_an_answer_between_a_commit_and_its_note_is_owed_still(three: Fleet, commits: int) -> None:
    """Whoever is answered again while the first answer is on its way to the hub has had two everywhere in the end."""
    answer(three, "fr")
    three.exchange_while_somebody_decides("fr", KEVIN, "answer", commits)


def test_answers_of_who_is_erased_count_at_no_line_and_later_ones_do(three: Fleet) -> None:
    """Who texts again after it has had as many answers as have left since."""
    for name in ("fr", "nl"):
        answer(three, name)
        three.exchange(name)
    three.exchange("be")
    three.forget("be", KEVIN)
    three.exchange("be")
    three.exchange("fr")
    answer(three, "fr")


def test_what_line_and_hub_have_both_lost_still_holds_where_it_was_heard(three: Fleet) -> None:
    """Nobody says it any more, so no other line hears of it; who has heard of it refuses as before."""
    three.back_up_hub()
    three.back_up("fr")
    three.say_stop("fr", KEVIN)
    three.exchange("fr")
    three.exchange("be")
    three.restore_hub()
    three.restore(0)
    assert [line.refuses(KEVIN)[DecisionKind.OPT_OUTS] for line in three.lines.values()] == [False, False, True]


def counts(three: Fleet) -> list[int]:
    """Have all exchange until nobody has anything new; return how many answers each then counts for Kevin."""
    for name in fleet_model.NAMES * 3:
        three.exchange(name)
    return [line.counts(KEVIN)[1] for line in three.lines.values()]


def test_what_is_kept_of_who_is_erased_counts_at_its_line_and_everywhere_once_there_is_more(three: Fleet) -> None:
    """The others forget the answer to a contact that is kept; they hear of it again with the next one."""
    answer(three, "nl")
    three.keep("nl", KEVIN)
    assert counts(three) == [1, 1, 1]
    three.forget("be", KEVIN)
    assert counts(three) == [0, 1, 0]
    answer(three, "nl")
    assert counts(three) == [2, 2, 2]


def test_what_is_kept_stays_where_a_restored_line_hears_its_own_order_again(three: Fleet) -> None:
    """Without a clock nobody knows what was kept before the order: it may be evidence, and stays."""
    three.text("fr", KEVIN)
    three.keep("fr", KEVIN)
    three.back_up("fr")
    three.forget("fr", KEVIN)
    three.exchange("fr")
    three.restore(0)


# ---- limits: it may count too much of who was erased, never too little, and another erasure mends that


def test_a_restored_line_takes_back_answers_to_who_was_erased_meanwhile(three: Fleet) -> None:
    """It reads at the hub how many it had sent, which may have been since the erasure."""
    three.back_up("fr")
    answer(three, "fr")
    three.exchange("fr")
    three.exchange("be")
    three.forget("be", KEVIN)
    three.exchange("be")
    three.restore(0)
    assert counts(three) == [1, 1, 1]
    three.forget("be", KEVIN)
    assert counts(three) == [0, 0, 0]


def test_a_hub_of_before_an_erasure_tells_others_of_answers_from_before_it(three: Fleet) -> None:
    """The line that had sent them has nothing more of the person that it could take back."""
    answer(three, "fr")
    assert counts(three) == [1, 1, 1]
    three.back_up_hub()
    three.forget("be", KEVIN)
    assert counts(three) == [0, 0, 0]
    three.restore_hub()
    assert counts(three) == [0, 1, 1]
    three.forget("be", KEVIN)
    assert counts(three) == [0, 0, 0]
