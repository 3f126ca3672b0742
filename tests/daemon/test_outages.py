"""Networks that refuse: one country does not stop the line, and a stopped line opens by itself.

`outages` plays some hours with many people here; `scripts/run outages` prints longer runs.
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

from hotlined.daemon.breaker_watch import BreakerWatch
from hotlined.daemon.credit import Balance
from hotlined.daemon.recovery import Escalation
from hotlined.gsm.address import Address, Ton, identify
from hotlined.machine.clock import Now
from hotlined.machine.timing import USUAL
from hotlined.rules import breaker, policy
from hotlined.states import ByHand
from hotlined.store.answers import breakers, fates, gate, queue, verdicts
from hotlined.store.file.opening import open_for_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import bind_sim, row_of
from hotlined.store.people import erasing

HOUR = 3600.0
CREDIT = {"ussd": "*121#", "pattern": r"([0-9]+[.,][0-9]{2}) *EUR", "alert_below": 5}
DE, FR = "+4915112340000", "+33612345600"


# ---- whole days


@pytest.mark.parametrize(
    ("countries", "cause", "an_hour"), [(1, "10", 2.0), (4, "28", 2.0), (2, "500", 2.0), (1, "none", 0.5)]
)
def test_barred_countries_do_not_stop_the_line_for_others(countries: int, cause: str, an_hour: float) -> None:
    """Failed answers spend at most what the schedule of trials allows."""
    played = play(honest(an_hour), *barred(countries, 8, CAUSES[cause]), hours=8)

    assert played.answered == played.due == 8 * an_hour
    assert played.longest_hours <= 1.1  # the longest delay is an hour
    if cause in ("500", "none"):
        assert played.out == ABROAD[:countries]
        assert played.spent <= 3 + 2 + 3 * countries + 10  # opening, the line's trials, rounds of the countries, hours
    else:
        assert played.spent == 0


@pytest.mark.parametrize("cause", ["10", "28"])
def test_forged_domestic_numbers_do_not_stop_a_used_line(cause: str) -> None:
    """An answer accepted every three hours proves that the line works."""
    played = play(honest(2.0), Crowd("BE", 5, refused=CAUSES[cause]), hours=8, seed=2)

    assert played.answered == played.due
    assert played.longest_hours <= 1.1


@pytest.mark.parametrize("cause", ["none", "500", "38", "10"])
def test_outage_ends_for_all_countries(cause: str) -> None:
    """An outage spends at most three answers, and one a trial."""
    both = (honest(2.0), honest(1.0, "DE"))
    played = play(*both, hours=12, outage=Outage(3, 8, CAUSES[cause]))

    assert played.opened == 1
    assert played.escalations > 3
    assert played.out == ()
    assert played.answered + played.spent == played.due
    assert played.spent == 0 if cause == "10" else 0 < played.spent <= 3 + 7


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
        contact = store_steps.record_whole(db, "fr", "text", identity, f"salut {number} {seconds}", at(seconds))
        assert verdicts.judge(db, contact, outages.RULES, at(seconds), delay_seconds=0.0).answer


def begun(db: Database, seconds: float) -> gate.Begun:
    """Let out the answer that goes first."""
    for turn in queue.due(db, at(seconds)):
        found = store_steps.begin(db, turn.answer_id, at(seconds), outages.TEXT, outages.RULES, trial=turn.trial)
        if isinstance(found, gate.Begun):
            return found
    raise AssertionError("nobody has a turn")


def tried(db: Database, seconds: float) -> list[str]:
    """Return the recipients that may be tried, in order."""
    sql = "SELECT recipient FROM answers WHERE id = ?"
    return [db.value(sql, turn.answer_id) for turn in queue.due(db, at(seconds)) if turn.trial]


def lost(db: Database, seconds: float, *numbers: str) -> None:
    """Let answers to these numbers leave, without a result."""
    wrote(db, seconds, *numbers)
    for _ in numbers:
        store_steps.lose(db, begun(db, seconds), at(seconds))


def waiting_for(db: Database, number: str) -> str | None:
    """Return what the newest answer to a number waits for."""
    row = db.one("SELECT answer_waiting_for FROM log WHERE originator = ? ORDER BY id DESC", number)
    return row["answer_waiting_for"] if row else None


def country_out(db: Database) -> list[str]:
    """Open the line's breaker with three Germans, answer a Belgian, and return the countries that wait."""
    lost(db, 0.0, *(f"{DE[:-1]}{number}" for number in (1, 2, 3)))
    assert row_of(db).breaker.is_open
    wrote(db, 1.0, person(1))
    take(db, begun(db, 1.0), at(1.0))
    assert not row_of(db).breaker.is_open
    return [each.country for each in breakers.country_outages(db)]


def test_country_outage_holds_up_no_other_answer(db: Database) -> None:
    """The next answer in the same share goes."""
    assert country_out(db) == ["DE"]
    wrote(db, 2.0, DE, person(2))

    assert begun(db, 3.0).recipient == person(2)
    assert waiting_for(db, DE) == "country_outage"
    assert (tried(db, 60.0), tried(db, 61.0)) == ([], [DE])


@pytest.mark.parametrize("result", [policy.Refused(10), outages.NOTHING_SAID])
def test_failures_in_a_country_outage_do_not_count_for_the_line(db: Database, result: policy.Result) -> None:
    """The line stays open to others, however many trials fail."""
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

    assert not row_of(db).breaker.is_open


def test_refused_trials_in_a_country_outage_fail_no_answer(db: Database) -> None:
    """The answer waits until it is stale, though others leave."""
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


def test_gate_holds_answers_to_a_country_in_outage(db: Database) -> None:
    """It lets them out as a trial only."""
    country_out(db)
    wrote(db, 2.0, DE)
    answer = db.value("SELECT max(id) FROM answers")
    wait = policy.Wait(policy.WaitingFor.COUNTRY_OUTAGE)

    assert store_steps.begin(db, answer, at(2.0), outages.TEXT, outages.RULES) == wait
    assert isinstance(store_steps.begin(db, answer, at(61.0), outages.TEXT, outages.RULES, trial=True), gate.Begun)


@pytest.mark.parametrize("how", ["trial", "by hand", "late"])
def test_any_accepted_segment_ends_a_country_outage(db: Database, how: str) -> None:
    """Waiting answers to that country go at once.

    The segment is of a trial or of a text by hand, or it is proved late.
    """
    country_out(db)
    wrote(db, 2.0, DE, f"{DE[:-1]}9")
    if how == "trial":
        take(db, begun(db, 61.0), at(61.0))
    elif how == "by hand":
        with db.transaction():
            verdicts.enqueue_by_hand(
                db, DE[:-2] + "77", outages.TEXT, outages.RULES, at(3.0), kind=ByHand.SEND, who="pi"
            )
        take(db, begun(db, 3.0), at(3.0))
    else:
        segment = db.value("SELECT id FROM answer_segments WHERE state = 'unconfirmed' LIMIT 1")
        fates.settle_late(db, segment, 7, outages.RULES, at(3.0))

    assert breakers.country_outages(db) == []
    assert begun(db, 62.0).recipient[:3] == "+49"


def pauses(db: Database) -> list[tuple[int, float]]:
    """Return for each waiting answer its number of refusals and its due time."""
    rows = db.all("SELECT refusals, due_limit FROM answers WHERE state = 'queued' ORDER BY id")
    return [(row["refusals"], row["due_limit"] - outages.BEFORE) for row in rows]


def test_end_of_an_outage_resets_tries_and_pauses(db: Database) -> None:
    """Answers that were refused in it are due at once."""
    wrote(db, 0.0, *(person(number) for number in range(4)))
    for moment in (0.0, 0.0, 0.0, 60.0):
        refuse(db, begun(db, moment), at(moment), 42)
    assert pauses(db) == [(1, 120.0), (1, 60.0), (1, 60.0), (1, 60.0)]
    take(db, begun(db, 61.0), at(61.0))
    assert pauses(db) == [(0, 61.0), (0, 60.0), (0, 60.0)]


def test_end_of_a_country_outage_resets_tries_and_pauses(db: Database) -> None:
    """Answers that were refused in it are due at once."""
    country_out(db)
    wrote(db, 2.0, DE)
    refuse(db, begun(db, 61.0), at(61.0), 10)
    assert pauses(db) == [(1, 121.0)]
    segment = db.value("SELECT id FROM answer_segments WHERE state = 'unconfirmed' LIMIT 1")
    fates.settle_late(db, segment, 7, outages.RULES, at(62.0))

    assert pauses(db) == [(0, 62.0)]


def test_end_of_a_country_outage_changes_nothing_for_other_countries(db: Database) -> None:
    """Somebody whose answer was refused meanwhile is not tried again at once."""
    country_out(db)
    wrote(db, 2.0, DE, person(2))
    refuse(db, begun(db, 3.0), at(3.0), 10)
    assert pauses(db) == [(0, 2.0), (1, 63.0)]
    take(db, begun(db, 61.0), at(61.0))

    assert pauses(db) == [(1, 63.0)]


def test_country_is_out_since_its_first_failure(db: Database) -> None:
    """A day after it the SIM seems unable to text that country."""
    country_out(db)
    (outage,) = breakers.country_outages(db)

    assert (outage.is_barred(at(86399.0)), outage.is_barred(at(86400.0))) == (False, True)


def test_country_that_an_answer_once_reached_is_never_called_barred(db: Database) -> None:
    """The SIM can text it, however long its outage lasts."""
    wrote(db, -7200.0, DE)
    take(db, begun(db, -7200.0), at(-7200.0))
    country_out(db)
    (outage,) = breakers.country_outages(db)

    assert not outage.is_barred(at(10 * 86400.0))


def test_late_result_of_before_an_outage_shows_that_its_country_works(db: Database) -> None:
    """It ends the outage, and that country does not wait by itself."""
    lost(db, -100.0, FR)
    wrote(db, -50.0, person(1))
    take(db, begun(db, -50.0), at(-50.0))
    lost(db, 0.0, *(f"{FR[:-1]}{number}" for number in (1, 2, 3)))
    assert row_of(db).breaker.is_open
    segment = db.value("SELECT min(id) FROM answer_segments WHERE state = 'unconfirmed'")
    fates.settle_late(db, segment, 7, outages.RULES, at(5.0))

    assert not row_of(db).breaker.is_open
    assert breakers.country_outages(db) == []


def test_erasing_people_does_not_end_a_country_outage(db: Database) -> None:
    """An attempt stores the country of its recipient."""
    numbers = [f"{DE[:-1]}{number}" for number in (1, 2, 3)]
    wrote(db, 0.0, *numbers)
    for _ in numbers:
        refuse(db, begun(db, 0.0), at(0.0), 10)
    assert row_of(db).breaker.is_open
    for number in numbers:
        assert erasing.forget(db, number, "pi", at(1.0), opts_out=lambda _: False)
    wrote(db, 2.0, person(1))
    take(db, begun(db, 2.0), at(2.0))

    assert [each.country for each in breakers.country_outages(db)] == ["DE"]


def test_another_sim_starts_without_country_outages(db: Database) -> None:
    """A country that stays configured keeps its outage until then."""
    with db.transaction():
        bind_sim(db, "imei", "206010000000001")
    country_out(db)
    breakers.keep_countries(db, ("BE", "DE"))
    assert [each.country for each in breakers.country_outages(db)] == ["DE"]
    with db.transaction():
        bind_sim(db, "imei", "206010000000002")
    assert breakers.country_outages(db) == []


def test_country_outage_ends_when_the_country_is_not_answered(db: Database) -> None:
    """Its queued answers become due and are cancelled."""
    country_out(db)
    wrote(db, 2.0, DE)
    breakers.keep_countries(db, ("BE", "FR"))
    (turn,) = queue.due(db, at(3.0))
    rules = outages.RULES._replace(numbers=policy.Numbers())

    assert breakers.country_outages(db) == []
    assert store_steps.begin(db, turn.answer_id, at(3.0), outages.TEXT, rules) == policy.Cancel(policy.Reason.COUNTRY)


def test_trials_prefer_countries_without_failures(db: Database) -> None:
    """The country that accepted an answer last is first among equals."""
    wrote(db, -7200.0, FR)
    take(db, begun(db, -7200.0), at(-7200.0))
    lost(db, 0.0, *(f"{DE[:-1]}{number}" for number in (1, 2, 3)))
    wrote(db, 1.0, DE, person(1), f"{FR[:-1]}7")
    assert tried(db, 2.0) == [f"{FR[:-1]}7", person(1)]
    store_steps.lose(db, begun(db, 2.0), at(2.0))

    assert tried(db, 301.0) == []
    assert tried(db, 302.0) == [person(1), DE]


def test_trials_prefer_a_number_that_was_reached_before(db: Database) -> None:
    """Such a number goes before older and less tried ones."""
    wrote(db, -3 * 86400.0, person(1))
    take(db, begun(db, -3 * 86400.0), at(-3 * 86400.0))
    lost(db, -2 * 86400.0, person(6))
    lost(db, 0.0, person(2), person(3))
    wrote(db, 1.0, person(5), person(6))
    wrote(db, 2.0, person(1))

    assert tried(db, 60.0) == [person(1), person(5)]


def test_first_trial_after_an_empty_balance_waits_its_pause(db: Database) -> None:
    """Nothing has failed then, so no country counts as untried."""
    with db.transaction():
        opening = breaker.Opening(breaker.Cause.CREDIT, at(0.0).limit)
        breakers.open_breaker(db, opening, at(0.0), USUAL.trial_after)
    wrote(db, 1.0, person(1))

    assert (tried(db, 59.0), tried(db, 60.0)) == ([], [person(1)])


def test_country_with_an_accepted_answer_gets_no_outage(db: Database) -> None:
    """A Frenchman is among the four accepted of the last ten.

    The other six failed, and stopped the line.
    """
    numbers = [person(number) for number in range(7)]
    lost(db, 0.0, f"{FR[:-1]}1", numbers[0])
    wrote(db, 1.0, f"{FR[:-1]}2")
    take(db, begun(db, 1.0), at(1.0))
    for seconds, each in enumerate((numbers[1:3], numbers[3:5]), 2):
        lost(db, float(seconds), *each)
        if not row_of(db).breaker.is_open:
            wrote(db, float(seconds), f"{DE[:-1]}{seconds}")
            take(db, begun(db, float(seconds)), at(float(seconds)))
    assert row_of(db).breaker.is_open
    wrote(db, 4.0, f"{DE[:-1]}9")
    take(db, begun(db, 4.0), at(4.0))

    assert [each.country for each in breakers.country_outages(db)] == ["BE"]


def test_country_in_outage_is_tried_last_in_an_outage_of_the_line(db: Database) -> None:
    """Its failure does not count for the line."""
    country_out(db)
    lost(db, 2.0, *(person(number) for number in (2, 3, 4)))
    wrote(db, 3.0, DE, person(5))
    assert waiting_for(db, DE) == "outage"
    assert tried(db, 62.0) == [person(5), DE]
    assert store_steps.lose(db, begun(db, 62.0), at(62.0)).update.change is breaker.Change.TRIAL_FAILED
    settled = store_steps.lose(db, begun(db, 362.0), at(362.0))

    assert (settled.update.change, settled.update.breaker.rounds) == (None, 2)


def test_three_refusals_in_a_row_cause_a_balance_query(db: Database) -> None:
    """The line goes on, but its credit may be low."""
    balance = Balance(SimpleNamespace(db=db))  # type: ignore[arg-type]
    watch = BreakerWatch(SimpleNamespace(db=db, timing=USUAL), balance)  # type: ignore[arg-type]
    watch.report(breakers.BreakerUpdate(None, row_of(db).breaker), Escalation())
    assert not balance._has_reason
    watch.report(breakers.BreakerUpdate(breaker.Change.ROW_DECLINED, row_of(db).breaker), Escalation())

    assert balance._has_reason


def test_refusals_open_the_breaker_three_hours_after_the_last_success(db: Database) -> None:
    """Refusals are reported with their times before that."""
    wrote(db, 0.0, person(1))
    take(db, begun(db, 0.0), at(0.0))
    wrote(db, 600.0, *(person(number) for number in range(2, 6)))
    moments = [600.0, 601.0, 602.0, 603.0]
    changes = [refuse(db, begun(db, moment), at(moment), 42).update.change for moment in moments]
    assert changes == [None, None, breaker.Change.ROW_DECLINED, breaker.Change.ROW_DECLINED]
    declined = breakers.maybe_declined(db, at(700.0))
    assert declined
    assert declined.since > declined.left_at
    wrote(db, 3 * HOUR, person(7))
    late = [turn for turn in queue.due(db, at(3 * HOUR)) if turn.share][-1]
    segment = segment_of(store_steps.begin(db, late.answer_id, at(3 * HOUR), outages.TEXT, outages.RULES))

    assert refuse(db, segment, at(3 * HOUR), 42).update.change is breaker.Change.OPENED
    assert breakers.maybe_declined(db, at(3 * HOUR)) is None


@pytest.mark.parametrize("cms", [1, 10])
def test_refusals_without_a_subscription_are_about_credit(db: Database, cms: int) -> None:
    """An unassigned number, which may be the service centre's, says nothing about it."""
    wrote(db, 0.0, *(person(number) for number in range(3)))
    for _ in range(3):
        refuse(db, begun(db, 0.0), at(0.0), cms)

    assert row_of(db).breaker.cause is (breaker.Cause.OUTAGE if cms == 1 else breaker.Cause.CREDIT)


def test_failed_texts_by_hand_do_not_open_the_breaker(db: Database) -> None:
    """People mistype numbers: a failed text says nothing about the line."""
    for number in range(4):
        with db.transaction():
            verdicts.enqueue_by_hand(
                db, person(number), outages.TEXT, outages.RULES, at(0.0), kind=ByHand.SEND, who="pi"
            )
        refuse(db, begun(db, 0.0), at(0.0), 42)

    assert not row_of(db).breaker.is_open


def test_rest_of_an_answer_waits_when_the_breaker_opens(db: Database) -> None:
    """It is queued and may become stale; a trial continues it."""
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


def test_second_trial_at_once_goes_to_another_recipient(db: Database) -> None:
    """A country's next round begins with the first recipient."""
    country_out(db)
    numbers = [f"{DE[:-2]}{number}" for number in (10, 11)]
    wrote(db, 2.0, *numbers)
    for number in numbers:
        assert tried(db, 70.0) == [number]
        refuse(db, begun(db, 70.0), at(70.0), 10)

    assert tried(db, 71.0) == tried(db, 369.0) == []
    assert tried(db, 370.0) == numbers[:1]


def test_withdrawn_trial_is_not_used_up(db: Database) -> None:
    """A withdrawn trial never reached the modem.

    This holds for the line and for a country.
    """
    lost(db, -100.0, *(person(number) for number in (5, 6, 7)))
    wrote(db, -99.0, person(4))
    fates.withdraw_segment(db, begun(db, -40.0), at(-40.0))
    assert (row_of(db).breaker.rounds, tried(db, -39.0)) == (0, [person(4)])
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
def test_balance_below_the_price_of_a_segment_stops_the_line(
    line: Line, price: float | None, balance: str, opens: bool
) -> None:
    """A balance of zero does so without a configured price."""
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
    """Return the troubles of `status`, by code."""
    return {trouble["code"]: trouble for trouble in told(line, "status")["trouble"]}


def test_refusals_abroad_are_named_and_stop_no_other_answer(line: Line) -> None:
    """The next Belgian is answered after four refused Germans."""
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


def test_country_that_fails_alone_is_in_outage_alone(line: Line) -> None:
    """The first Belgian reopens the line, an hour before its trial."""
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


def test_reload_without_a_country_ends_its_outage(line: Line) -> None:
    """The country's queued answers are cancelled, and `status` has no trouble."""
    begin(line, timing=NEVER)
    germans = foreigners(line, 3)
    wait_open(line)
    deliver(line, 0)
    wait_states(line, sent=1, queued=3)
    promised.reload(line, numbers={"answer_countries": ["BE"]})
    wait_until(lambda: {fate(line, each) for each in germans} == {("cancelled", "country")}, "what is cancelled")

    assert not codes(line)


def test_limit_clock_is_saved_more_often_while_an_answer_waits(line: Line) -> None:
    """A delay of 45 minutes survives power cuts every half hour."""
    line.configure(answer={"delay": "45m"})
    begin(line, timing={"anchor_waiting": 1.0})
    saved = line.rows("SELECT limit_time FROM line_state")
    promised.look(line, 4)
    assert line.rows("SELECT limit_time FROM line_state") == saved  # no answer waits: no write to the card
    deliver(line, 0)
    promised.judged(line, 1)
    saved = line.rows("SELECT limit_time FROM line_state")
    wait_until(lambda: line.rows("SELECT limit_time FROM line_state") > saved, "a later anchor")
    wait_until(lambda: line.rows("SELECT limit_time FROM line_state")[0][0] > saved[0][0] + 2.0, "another one")
