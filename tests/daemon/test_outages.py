"""Networks that refuse: one country does not close the line, and a line that is closed opens by itself.

What days with many people come to is played by `outages`, here for some hours; `scripts/run outages` prints more.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import outages
import promised
import pytest
import store_steps
from conftest import Line, wait_until
from outages import ABROAD, CAUSES, Crowd, Outage, barred, honest, play
from promised import NEVER, begin, deliver, fate, person, told, wait_open, wait_states, waits
from store_steps import refuse, segment_of, take

from hotlined import breaker, policy
from hotlined.clock import Now
from hotlined.daemon.breaker_watch import BreakerWatch
from hotlined.daemon.credit import Balance
from hotlined.daemon.recovery import Ladder
from hotlined.gsm.address import Address, Ton, identify
from hotlined.states import ByHand
from hotlined.store.answers import answers, breakers, contacts, fates, gate, queue
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line import bind_sim, breaker_of
from hotlined.store.people import erasing
from hotlined.timing import USUAL

HOUR = 3600.0
CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "alert_below": 5}
DE, FR = "+4915112340000", "+33612345600"


# ---- whole days


@pytest.mark.parametrize(
    ("countries", "cause", "an_hour"), [(1, "10", 2.0), (4, "38", 2.0), (2, "500", 2.0), (1, "none", 0.5)]
)
def test_barred_countries_close_the_line_to_nobody_else(countries: int, cause: str, an_hour: float) -> None:
    """Whoever can be reached is answered as if nobody else wrote; what cannot leave costs what the schedule says."""
    played = play(honest(an_hour), *barred(countries, 8, CAUSES[cause]), hours=8)

    assert played.answered == played.due == 8 * an_hour
    assert played.longest_hours <= 1.1  # the longest delay is an hour
    if cause in ("500", "none"):
        assert played.out == ABROAD[:countries]
        assert played.spent <= 3 + 2 + 3 * countries + 10  # what opened it, the line's trials, their own rounds, hours
    else:
        assert played.spent == 0


@pytest.mark.parametrize("cause", ["10", "38"])
def test_forged_numbers_of_the_own_country_do_not_close_a_line_that_is_used(cause: str) -> None:
    """While somebody is reached every three hours the network's refusals say nothing about the line."""
    played = play(honest(2.0), Crowd("BE", 5, refused=CAUSES[cause]), hours=8, seed=2)

    assert played.answered == played.due
    assert played.longest_hours <= 1.1


@pytest.mark.parametrize("cause", ["none", "500", "38"])
def test_an_outage_ends_for_all_countries(cause: str) -> None:
    """What waited in it goes out after it, and what it spends is one answer a trial beside those that opened it."""
    both = (honest(2.0), honest(1.0, "DE"))
    played = play(*both, hours=12, outage=Outage(3, 8, CAUSES[cause]))

    assert played.opened == 1
    assert played.climbs > 3
    assert played.out == ()
    assert played.answered + played.spent == played.due
    assert played.spent == 0 if cause == "38" else 0 < played.spent <= 3 + 7


# ---- rows


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give the database of a new line."""
    with open_for_daemon(store_steps.make_empty(tmp_path / "hotlined.db")) as opened:
        yield opened


def at(seconds: float) -> Now:
    """Give a moment."""
    return Now(outages.START, outages.BEFORE + seconds, synchronised=False)


def wrote(db: Database, seconds: float, *numbers: str) -> None:
    """Queue an answer to each of these numbers."""
    for number in numbers:
        identity = identify(Address(number[1:], Ton.INTERNATIONAL), "BE")
        contact = contacts.record_whole(db, "fr", "text", identity, f"salut {number} {seconds}", at(seconds))
        assert answers.judge(db, contact, outages.RULES, at(seconds), delay_seconds=0.0, shadow=False).answer


def begun(db: Database, seconds: float) -> gate.Begun:
    """Let out whoever goes first."""
    for turn in queue.due(db, at(seconds)):
        found = store_steps.begin(db, turn.answer_id, at(seconds), outages.TEXT, outages.RULES, trial=turn.trial)
        if isinstance(found, gate.Begun):
            return found
    raise AssertionError("nobody has a turn")


def tried(db: Database, seconds: float) -> list[str]:
    """Return who may be tried, in order."""
    sql = "SELECT recipient FROM answers WHERE id = ?"
    return [db.value(sql, turn.answer_id) for turn in queue.due(db, at(seconds)) if turn.trial]


def lost(db: Database, seconds: float, *numbers: str) -> None:
    """Let answers to these numbers go, and no result come."""
    wrote(db, seconds, *numbers)
    for _ in numbers:
        store_steps.lose(db, begun(db, seconds), at(seconds))


def waiting_for(db: Database, number: str) -> str | None:
    """Return what the newest answer to a number waits for."""
    row = db.one("SELECT answer_waiting_for FROM log WHERE originator = ? ORDER BY id DESC", number)
    return row["answer_waiting_for"] if row else None


def country_out(db: Database) -> list[str]:
    """Open the line's breaker with three Germans, let a Belgian be answered, and return who waits by themselves."""
    lost(db, 0.0, *(f"{DE[:-1]}{number}" for number in (1, 2, 3)))
    assert breaker_of(db).is_open
    wrote(db, 1.0, person(1))
    take(db, begun(db, 1.0), at(1.0))
    assert not breaker_of(db).is_open
    return [each.country for each in breakers.country_outages(db)]


def test_a_country_that_waits_by_itself_holds_up_nobody_behind_it(db: Database) -> None:
    """Its answers wait and say for what; the one behind them in the same share goes."""
    assert country_out(db) == ["DE"]
    wrote(db, 2.0, DE, person(2))

    assert begun(db, 3.0).recipient == person(2)
    assert waiting_for(db, DE) == "country_outage"
    assert (tried(db, 60.0), tried(db, 61.0)) == ([], [DE])


@pytest.mark.parametrize("result", [policy.Refused(10), outages.NOTHING_SAID])
def test_what_fails_in_it_says_nothing_about_the_line(db: Database, result: policy.Result) -> None:
    """However many trials there fail, the line stays open to all others, and nothing counts to an answer's end."""
    country_out(db)
    wrote(db, 2.0, *(f"{DE[:-2]}{number}" for number in range(10, 40)))
    seconds, failed = 3.0, 0
    while failed < 12:
        seconds += 60.0
        while tried(db, seconds):
            settled = fates.settle(db, begun(db, seconds), result, at(seconds))
            assert settled.update.change is None
            failed += 1
    wrote(db, seconds, person(9))
    segment = begun(db, seconds)
    assert segment.recipient == person(9)
    store_steps.lose(db, segment, at(seconds))

    assert not breaker_of(db).is_open


def test_tries_in_it_are_no_end_of_an_answer(db: Database) -> None:
    """Others leave all the time, but none there: however often it is tried, it waits until it is too old."""
    country_out(db)
    wrote(db, 2.0, DE)
    seconds = 60.0
    for number in range(10, 20):
        seconds += 3600.0
        wrote(db, seconds, person(number))
        trial = begun(db, seconds)
        assert trial.recipient == DE
        refuse(db, trial, at(seconds), 10)
        take(db, begun(db, seconds + 1.0), at(seconds + 1.0))

    assert db.value("SELECT refusals FROM answers WHERE state = 'queued'") == 10
    assert waiting_for(db, DE) == "country_outage"


def test_the_gate_itself_keeps_its_answers(db: Database) -> None:
    """Whoever asks for it: without a trial nothing is let out to a country that waits, but what a person typed."""
    country_out(db)
    wrote(db, 2.0, DE)
    answer = db.value("SELECT max(id) FROM answers")
    wait = policy.Wait(policy.WaitingFor.COUNTRY_OUTAGE)

    assert store_steps.begin(db, answer, at(2.0), outages.TEXT, outages.RULES) == wait
    assert isinstance(store_steps.begin(db, answer, at(61.0), outages.TEXT, outages.RULES, trial=True), gate.Begun)


@pytest.mark.parametrize("how", ["trial", "by hand", "late"])
def test_anything_taken_there_ends_it(db: Database, how: str) -> None:
    """An answer that is tried, a text by hand and a late proof: what waited there goes out at once."""
    country_out(db)
    wrote(db, 2.0, DE, f"{DE[:-1]}9")
    if how == "trial":
        take(db, begun(db, 61.0), at(61.0))
    elif how == "by hand":
        with db.transaction():
            answers.enqueue_by_hand(
                db, DE[:-2] + "77", outages.TEXT, outages.RULES, at(3.0), kind=ByHand.SEND, who="pi", shadow=False
            )
        take(db, begun(db, 3.0), at(3.0))
    else:
        segment = db.value("SELECT id FROM answer_segments WHERE state = 'unconfirmed' LIMIT 1")
        fates.settle_late(db, segment, 7, outages.RULES, at(3.0))

    assert breakers.country_outages(db) == []
    assert begun(db, 62.0).recipient[:3] == "+49"


def pauses(db: Database) -> list[tuple[int, float]]:
    """Return of each answer that waits how often it was refused, and when it is due."""
    rows = db.all("SELECT refusals, due_limit FROM answers WHERE state = 'queued' ORDER BY id")
    return [(row["refusals"], row["due_limit"] - outages.BEFORE) for row in rows]


def test_pauses_of_an_outage_are_void_when_it_is_over(db: Database) -> None:
    """What was refused in it is due at once, with all its tries; the line's outage and a country's."""
    wrote(db, 0.0, *(person(number) for number in range(4)))
    for moment in (0.0, 0.0, 0.0, 60.0):
        refuse(db, begun(db, moment), at(moment), 38)
    assert pauses(db) == [(1, 60.0), (1, 60.0), (1, 60.0), (1, 120.0)]
    take(db, begun(db, 61.0), at(61.0))
    assert pauses(db) == [(0, 60.0), (0, 60.0), (0, 61.0)]


def test_pauses_of_a_countrys_outage_are_void_when_it_is_over(db: Database) -> None:
    """What was refused in it is due at once."""
    country_out(db)
    wrote(db, 2.0, DE)
    refuse(db, begun(db, 61.0), at(61.0), 10)
    assert pauses(db) == [(1, 121.0)]
    segment = db.value("SELECT id FROM answer_segments WHERE state = 'unconfirmed' LIMIT 1")
    fates.settle_late(db, segment, 7, outages.RULES, at(62.0))

    assert pauses(db) == [(0, 62.0)]


def test_erasing_people_changes_nothing_of_it(db: Database) -> None:
    """An attempt knows the country of its recipient, whoever that was."""
    numbers = [f"{DE[:-1]}{number}" for number in (1, 2, 3)]
    wrote(db, 0.0, *numbers)
    for _ in numbers:
        refuse(db, begun(db, 0.0), at(0.0), 10)
    assert breaker_of(db).is_open
    for number in numbers:
        assert erasing.forget(db, number, at(1.0), keep_opt_out=False, opts_out=lambda _: False)
    wrote(db, 2.0, person(1))
    take(db, begun(db, 2.0), at(2.0))

    assert [each.country for each in breakers.country_outages(db)] == ["DE"]


def test_another_sim_may_text_where_the_one_before_might_not(db: Database) -> None:
    """Nothing is known of it, and where the configuration answers no more nobody waits."""
    with db.transaction():
        bind_sim(db, "imei", "206010000000001")
    country_out(db)
    breakers.keep_countries(db, ("BE", "DE"))
    assert [each.country for each in breakers.country_outages(db)] == ["DE"]
    with db.transaction():
        bind_sim(db, "imei", "206010000000002")
    assert breakers.country_outages(db) == []


def test_a_country_that_is_not_answered_any_more_waits_for_nothing(db: Database) -> None:
    """What stands in the queue for it has its turn, and is cancelled there."""
    country_out(db)
    wrote(db, 2.0, DE)
    breakers.keep_countries(db, ("BE", "FR"))
    (turn,) = queue.due(db, at(3.0))
    rules = outages.RULES._replace(numbers=policy.Numbers())

    assert breakers.country_outages(db) == []
    assert store_steps.begin(db, turn.answer_id, at(3.0), outages.TEXT, rules) == policy.Cancel(policy.Reason.COUNTRY)


def test_trials_of_the_line_go_to_another_country_first(db: Database) -> None:
    """Where none has failed one is tried at once; among those with as few failures where one was taken last."""
    wrote(db, -7200.0, FR)
    take(db, begun(db, -7200.0), at(-7200.0))
    lost(db, 0.0, *(f"{DE[:-1]}{number}" for number in (1, 2, 3)))
    wrote(db, 1.0, DE, person(1), f"{FR[:-1]}7")
    assert tried(db, 2.0) == [f"{FR[:-1]}7", person(1)]
    store_steps.lose(db, begun(db, 2.0), at(2.0))

    assert tried(db, 301.0) == []
    assert tried(db, 302.0) == [person(1), DE]


def test_a_number_that_got_something_is_tried_before_others(db: Database) -> None:
    """It is known to be reached, however many are older, or were tried less."""
    wrote(db, -3 * 86400.0, person(1))
    take(db, begun(db, -3 * 86400.0), at(-3 * 86400.0))
    lost(db, -2 * 86400.0, person(6))
    lost(db, 0.0, person(2), person(3))
    wrote(db, 1.0, person(5), person(6))
    wrote(db, 2.0, person(1))

    assert tried(db, 60.0) == [person(1), person(5)]


def test_a_balance_that_opened_it_makes_no_country_a_fresh_one(db: Database) -> None:
    """Nothing has failed then, so the first trial comes after its pause."""
    with db.transaction():
        opening = breaker.Opening(breaker.Cause.CREDIT, at(0.0).limit)
        breakers.open_breaker(db, opening, at(0.0), USUAL.trial_after)
    wrote(db, 1.0, person(1))

    assert (tried(db, 59.0), tried(db, 60.0)) == ([], [person(1)])


def test_a_country_in_which_one_was_taken_meanwhile_does_not_wait(db: Database) -> None:
    """Six of ten stopped the line, and among the four that were taken is a Frenchman."""
    numbers = [person(number) for number in range(7)]
    lost(db, 0.0, f"{FR[:-1]}1", numbers[0])
    wrote(db, 1.0, f"{FR[:-1]}2")
    take(db, begun(db, 1.0), at(1.0))
    for seconds, each in enumerate((numbers[1:3], numbers[3:5]), 2):
        lost(db, float(seconds), *each)
        if not breaker_of(db).is_open:
            wrote(db, float(seconds), f"{DE[:-1]}{seconds}")
            take(db, begun(db, float(seconds)), at(float(seconds)))
    assert breaker_of(db).is_open
    wrote(db, 4.0, f"{DE[:-1]}9")
    take(db, begun(db, 4.0), at(4.0))

    assert [each.country for each in breakers.country_outages(db)] == ["BE"]


def test_a_country_that_waits_by_itself_is_tried_last_and_says_nothing(db: Database) -> None:
    """While the whole line waits it has its turn after all others, and its failure is none of the line's."""
    country_out(db)
    lost(db, 2.0, *(person(number) for number in (2, 3, 4)))
    wrote(db, 3.0, DE, person(5))
    assert waiting_for(db, DE) == "outage"
    assert tried(db, 62.0) == [person(5), DE]
    assert store_steps.lose(db, begun(db, 62.0), at(62.0)).update.change is breaker.Change.TRIAL_FAILED
    settled = store_steps.lose(db, begun(db, 362.0), at(362.0))

    assert (settled.update.change, settled.update.breaker.rounds) == (None, 2)


def test_three_refusals_in_a_row_are_a_reason_to_ask_for_the_balance(db: Database) -> None:
    """Others left lately, so nothing is stopped; but the SIM may be running out of credit."""
    balance = Balance(SimpleNamespace(db=db))  # type: ignore[arg-type]
    watch = BreakerWatch(SimpleNamespace(db=db, timing=USUAL), balance)  # type: ignore[arg-type]
    watch.report(breakers.BreakerUpdate(None, breaker_of(db)), Ladder())
    assert not balance._has_reason
    watch.report(breakers.BreakerUpdate(breaker.Change.ROW_DECLINED, breaker_of(db)), Ladder())

    assert balance._has_reason


def test_the_networks_refusals_open_it_three_hours_after_the_last_was_taken(db: Database) -> None:
    """Before that they are named with their times, and the row of three is a reason to ask for the balance."""
    wrote(db, 0.0, person(1))
    take(db, begun(db, 0.0), at(0.0))
    wrote(db, 600.0, *(person(number) for number in range(2, 6)))
    moments = [600.0, 601.0, 602.0, 603.0]
    changes = [refuse(db, begun(db, moment), at(moment), 38).update.change for moment in moments]
    assert changes == [None, None, breaker.Change.ROW_DECLINED, breaker.Change.ROW_DECLINED]
    declined = breakers.maybe_declined(db, at(700.0))
    assert declined
    assert declined.since > declined.left_at
    wrote(db, 3 * HOUR, person(7))
    late = [turn for turn in queue.due(db, at(3 * HOUR)) if turn.share][-1]
    segment = segment_of(store_steps.begin(db, late.answer_id, at(3 * HOUR), outages.TEXT, outages.RULES))

    assert refuse(db, segment, at(3 * HOUR), 38).update.change is breaker.Change.OPENED
    assert breakers.maybe_declined(db, at(3 * HOUR)) is None


def test_texts_by_hand_that_fail_open_nothing(db: Database) -> None:
    """People mistype: what they send says nothing about the line unless it is taken."""
    for number in range(4):
        with db.transaction():
            answers.enqueue_by_hand(
                db, person(number), outages.TEXT, outages.RULES, at(0.0), kind=ByHand.SEND, who="pi", shadow=False
            )
        refuse(db, begun(db, 0.0), at(0.0), 38)

    assert not breaker_of(db).is_open


def test_half_an_answer_waits_where_the_breaker_opens_between_its_segments(db: Database) -> None:
    """A balance may stop the line then: the rest waits in the queue, where it can get too old; a trial goes on."""
    wrote(db, 0.0, person(1))
    two = store_steps.PLAN
    turn = queue.due(db, at(0.0))[0]
    take(db, segment_of(store_steps.begin(db, turn.answer_id, at(0.0), two, outages.RULES)), at(0.0))
    with db.transaction():
        opening = breaker.Opening(breaker.Cause.CREDIT, at(1.0).limit)
        breakers.open_breaker(db, opening, at(1.0), USUAL.trial_after)
    (turn,) = queue.due(db, at(2.0))
    wait = policy.Wait(policy.WaitingFor.OUTAGE)
    assert store_steps.begin(db, turn.answer_id, at(2.0), two, outages.RULES) == wait
    assert db.value("SELECT state FROM answers") == "queued"
    (trial,) = [turn for turn in queue.due(db, at(61.0)) if turn.trial]
    begun = segment_of(store_steps.begin(db, trial.answer_id, at(61.0), two, outages.RULES, trial=True))

    assert (begun.sequence, take(db, begun, at(61.0)).update.change) == (2, breaker.Change.CLOSED)


def test_a_second_trial_at_once_is_another_recipients(db: Database) -> None:
    """In a country, too: three may follow where nothing left, and the next round begins with whoever was first."""
    country_out(db)
    numbers = [f"{DE[:-2]}{number}" for number in (10, 11)]
    wrote(db, 2.0, *numbers)
    for number in numbers:
        assert tried(db, 70.0) == [number]
        refuse(db, begun(db, 70.0), at(70.0), 10)

    assert tried(db, 71.0) == tried(db, 369.0) == []
    assert tried(db, 370.0) == numbers[:1]


def test_nothing_is_tried_in_shadow_mode(db: Database) -> None:
    """What goes nowhere uses no trial up: once the line is live again it is due as it was."""
    lost(db, 0.0, *(person(number) for number in (5, 6, 7)))
    wrote(db, 1.0, person(4))
    assert tried(db, 60.0) == [person(4)]
    before = breaker_of(db)
    for turn in queue.due(db, at(60.0), shadow=True):
        store_steps.begin(db, turn.answer_id, at(60.0), outages.TEXT, outages.RULES, shadow=True, trial=turn.trial)

    assert db.value("SELECT state FROM answers WHERE recipient = ?", person(4)) == "shadowed"
    assert breaker_of(db) == before


def test_a_trial_that_never_reached_the_modem_may_begin_again(db: Database) -> None:
    """The line's and a country's: what was not handed over uses nothing up."""
    lost(db, -100.0, *(person(number) for number in (5, 6, 7)))
    wrote(db, -99.0, person(4))
    fates.withdraw_segment(db, begun(db, -40.0), at(-40.0))
    assert (breaker_of(db).rounds, tried(db, -39.0)) == (0, [person(4)])
    take(db, begun(db, -39.0), at(-39.0))
    country_out(db)
    wrote(db, 2.0, DE)
    fates.withdraw_segment(db, begun(db, 61.0), at(61.0))
    assert tried(db, 62.0) == [DE]
    store_steps.lose(db, begun(db, 62.0), at(62.0))

    wrote(db, 63.0, f"{DE[:-1]}5")
    assert (tried(db, 361.0), tried(db, 362.0)) == ([], [f"{DE[:-1]}5"])


@pytest.mark.parametrize(
    ("price", "balance", "opens"),
    [(None, "0.00", True), (None, "0.01", False), (0.05, "0.04", True), (0, "0.00", False)],
)
def test_a_balance_that_pays_for_nothing_stops_the_line(
    line: Line, price: float | None, balance: str, opens: bool
) -> None:
    """Below the price of a segment, or of nothing at all where no price is set."""
    line.configure(credit=CREDIT, limits={} if price is None else {"price_per_segment": price})
    line.sim.do("ussd", code="*121#", text=f"Solde: {balance} EUR")
    begin(line, timing=NEVER)
    wait_until(lambda: line.rows("SELECT balance FROM line_state") == [(balance,)], "the balance")
    promised.look(line)

    assert told(line, "status")["sending"]["state"] == ("trial" if opens else "free")


# ---- the whole program


def foreigners(line: Line, count: int, cms: int | None = 10) -> list[str]:
    """Deliver texts of Germans whom the SIM may not answer, and return their numbers."""
    numbers = [f"+49151123450{number:02}" for number in range(count)]
    for number in numbers:
        if cms is not None:
            line.sim.do("fault", kind="error", command="+CMGS", cms=cms, recipient=number)
        line.sim.do("deliver", from_=number, text="wer bist du")
    return numbers


def codes(line: Line) -> dict[str, dict[str, Any]]:
    """Return what `status` says is wrong, by code."""
    return {trouble["code"]: trouble for trouble in told(line, "status")["trouble"]}


def test_refusals_abroad_stop_nobody_and_are_named(line: Line) -> None:
    """Four Germans whom the SIM may not text after a Belgian: the next Belgian is answered, and `status` warns."""
    begin(line, timing=NEVER)
    deliver(line, 0)
    wait_states(line, sent=1)
    foreigners(line, 4)
    wait_until(lambda: waits(line) == {"retry": 4}, "four that are tried again later")
    assert "refuses answers since" in codes(line)["refusals"]["words"]
    assert promised.run(line, "status")[0] == 0
    deliver(line, 1)
    wait_states(line, sent=2, queued=4)

    assert told(line, "status")["sending"]["state"] == "free"
    assert not codes(line)
    assert "recovery:" not in line.log_path.read_text()


def test_a_country_that_fails_alone_waits_alone(line: Line) -> None:
    """A line that was stopped by Germans is open again with the first Belgian, though no trial was due for an hour."""
    begin(line, timing=NEVER)
    germans = foreigners(line, 3)
    wait_open(line)
    deliver(line, 0)
    wait_states(line, sent=1, queued=3)
    deliver(line, 1)
    wait_states(line, sent=2, queued=3)

    assert waits(line) == {"country_outage": 3}
    assert promised.run(line, "status")[0] == 0
    trouble = codes(line)["country_outage"]
    assert "Germany" in trouble["words"]
    assert "DE" in trouble["cure"]
    assert "Germany" in line.cli("doctor", check=False)
    line.stop()
    begin(line, timing=NEVER)
    assert waits(line) == {"country_outage": 3}
    line.sim.do("clear", what="faults")
    line.cli("send", "--answer", "+4915112345099")
    wait_until(lambda: {fate(line, each)[0] for each in germans} == {"sent"}, "Germans that are answered")
    assert "country_outage" not in codes(line)


def test_a_country_that_is_taken_out_of_the_configuration_waits_no_more(line: Line) -> None:
    """What stood in the queue for it is cancelled, and nothing is wrong any more."""
    begin(line, timing=NEVER)
    germans = foreigners(line, 3)
    wait_open(line)
    deliver(line, 0)
    wait_states(line, sent=1, queued=3)
    promised.reload(line, numbers={"answer_countries": ["BE"]})
    wait_until(lambda: {fate(line, each) for each in germans} == {("cancelled", "country")}, "what is cancelled")

    assert not codes(line)


def test_the_limit_clock_is_saved_more_often_while_an_answer_is_due_soon(line: Line) -> None:
    """Where the power goes every half hour a delay of 45 minutes ends all the same."""
    line.configure(answer={"delay": "45m"})
    begin(line, timing={"anchor_waiting": 1.0})
    saved = line.rows("SELECT limit_time FROM line_state")
    promised.look(line, 4)
    assert line.rows("SELECT limit_time FROM line_state") == saved  # nothing waits: the card is spared
    deliver(line, 0)
    promised.judged(line, 1)
    saved = line.rows("SELECT limit_time FROM line_state")
    wait_until(lambda: line.rows("SELECT limit_time FROM line_state") > saved, "a later anchor")
    wait_until(lambda: line.rows("SELECT limit_time FROM line_state")[0][0] > saved[0][0] + 2.0, "another one")
