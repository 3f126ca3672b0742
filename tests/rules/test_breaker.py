"""The breakers of a line and of countries: the outcomes that open them, and the order of their trials."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined.rules import breaker
from hotlined.rules.breaker import Breaker, Cause, Ended, Opening, Outcome, Record

PAUSES = (60.0, 300.0, 900.0, 3600.0)
TAKEN, DECLINED, REFUSED, LOST = Outcome.TAKEN, Outcome.DECLINED, Outcome.REFUSED, Outcome.UNCONFIRMED
OUTAGE = Opening(Cause.OUTAGE, 0.0)


def row(*outcomes: Outcome, recipients: str = "abcdefghijklmnop", barred: bool = False) -> list[Ended]:
    """Return attempts at answers to different recipients with these outcomes, one a second, from the oldest on."""
    ended = [
        Ended(answer, to, outcome, float(answer), barred)
        for answer, (to, outcome) in enumerate(zip(recipients, outcomes))  # noqa: B905
    ]
    return ended[::-1]


def cause(ended: list[Ended]) -> Cause | None:
    """Return the cause for which the breaker opens, if any."""
    opening = breaker.maybe_opening(ended)
    return opening.cause if opening else None


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (row(REFUSED, REFUSED), None),
        (row(REFUSED, REFUSED, REFUSED), Cause.OUTAGE),
        (row(REFUSED, LOST, DECLINED), Cause.OUTAGE),
        (row(DECLINED, DECLINED, DECLINED, barred=True), Cause.CREDIT),
        (row(TAKEN, LOST, LOST), None),
        (row(LOST, LOST, TAKEN), None),
        (row(LOST, LOST, LOST, recipients="aab"), None),
        (row(LOST, TAKEN, LOST, LOST, TAKEN, LOST, TAKEN, LOST, LOST), Cause.OUTAGE),
        (row(LOST, TAKEN, LOST, TAKEN, LOST, TAKEN, LOST, TAKEN, LOST, TAKEN), None),
    ],
)
def test_three_people_or_six_of_ten_answers_open_it(ended: list[Ended], expected: Cause | None) -> None:
    """The three people fail in a row."""
    assert cause(ended) is expected


@pytest.mark.parametrize(("barred", "expected"), [(1, Cause.OUTAGE), (2, Cause.CREDIT)])
def test_most_refusals_decide_between_credit_and_outage(barred: int, expected: Cause) -> None:
    """Two of three refusals have to name credit; one is too few."""
    speaks = row(DECLINED, DECLINED, DECLINED, barred=True)[:barred]

    assert cause([*speaks, *row(DECLINED, DECLINED, DECLINED)[barred:]]) is expected


def test_the_outage_began_with_its_first_failure() -> None:
    """The outage dates from the first failure that opened the breaker."""
    assert breaker.maybe_opening(row(TAKEN, LOST, LOST, LOST)) == Opening(Cause.OUTAGE, 1.0)
    assert breaker.maybe_opening(row(LOST, TAKEN, LOST, LOST, TAKEN, LOST, TAKEN, LOST, LOST)) == OUTAGE


@pytest.mark.parametrize(
    ("outcomes", "since"),
    [
        ([TAKEN, *[Outcome.RECIPIENT] * 10], 1.0),
        ([TAKEN, *[Outcome.RECIPIENT, LOST, DECLINED] * 4], 3.0),
        ([TAKEN, *[Outcome.RECIPIENT] * 9], None),
        ([Outcome.RECIPIENT] * 9, None),
        ([*[Outcome.RECIPIENT] * 10, TAKEN], None),
    ],
)
def test_ten_answers_of_which_none_was_taken_are_noticed(outcomes: list[Outcome], since: float | None) -> None:
    """The cause of each does not matter; one that was tried again counts once."""
    ended = row(*outcomes)
    first = breaker.maybe_first_failed([*ended[:1] * 5, *ended])

    assert (first and first.at) == since


def test_the_networks_refusals_do_not_count_while_others_are_taken() -> None:
    """Dead numbers and restarts never count."""
    assert breaker.evidence(taken_lately=False) == {TAKEN, DECLINED, REFUSED, LOST}
    assert breaker.evidence(taken_lately=True) == {TAKEN, REFUSED, LOST}


def test_repeated_attempts_at_one_person_are_not_an_outage() -> None:
    """Only the latest attempt at an answer counts."""
    assert cause([Ended(1, "a", REFUSED, 0.0)] * 20) is None


def test_only_the_latest_attempt_at_an_answer_counts() -> None:
    """A refused answer that is then taken ends a row.

    A taken one that is lost when sent again is in one.
    """
    others = [Ended(2, "b", LOST, 3.0), Ended(3, "c", LOST, 2.0)]

    assert cause([Ended(1, "a", TAKEN, 4.0), *others, Ended(1, "a", REFUSED, 1.0)]) is None
    assert cause([Ended(1, "a", LOST, 4.0), *others, Ended(1, "a", TAKEN, 1.0)]) is Cause.OUTAGE


def test_trials_come_after_growing_pauses() -> None:
    """The pauses are 1, 5, 15, and then always 60 minutes."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    moments = []
    for _ in range(6):
        moments.append(state.due)
        assert not state.lets_try(state.due - 1)
        assert state.lets_try(state.due)
        state = breaker.trial_begun(state, state.due, PAUSES)
        state = breaker.trial_failed(state, certainly_not_sent=False)

    assert moments == [60.0, 360.0, 1260.0, 4860.0, 8460.0, 12060.0]


def test_a_certain_failure_is_followed_by_two_other_recipients() -> None:
    """The trial cannot have left, so others follow at once.

    There are up to three trials in all.
    """
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    tries = 0
    while state.lets_try(60.0):
        tries += 1
        state = breaker.trial_begun(state, 60.0, PAUSES)
        state = breaker.trial_failed(state, certainly_not_sent=True)

    assert (tries, state.due, state.rounds) == (3, 360.0, 1)


def test_a_round_without_another_recipient_ends_with_its_pause() -> None:
    """The next round begins then."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    state = breaker.trial_failed(breaker.trial_begun(state, 60.0, PAUSES), certainly_not_sent=True)
    assert (state.lets_follow(359.0), state.lets_follow(360.0), state.lets_try(360.0)) == (True, False, True)
    state = breaker.trial_begun(state, 360.0, PAUSES)

    assert (state.rounds, state.refused, state.due) == (2, 0, 1260.0)


def test_a_trial_without_a_result_is_not_counted() -> None:
    """It never reached the modem, or failed for its recipient."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    after = breaker.trial_withdrawn(breaker.trial_begun(state, 60.0, PAUSES), 61.0)

    assert (after.rounds, after.lets_try(61.0)) == (0, True)
    second = replace(after, rounds=1, refused=1, due=360.0)
    assert breaker.trial_withdrawn(breaker.trial_begun(second, 62.0, PAUSES), 63.0) == replace(second, last_trial=62.0)


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_trials_after_an_event_keep_their_distance(last: float, now: float) -> None:
    """An event makes no trial due within five minutes of the last.

    A trial never becomes due later than it was.
    """
    before = replace(breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES), due=last + 3600.0, last_trial=last)
    after = breaker.trial_made_due(before, now, 300.0)

    assert after.due <= before.due
    assert after.due >= min(before.due, last + 300.0)


# ---- countries


def test_trials_prefer_countries_with_few_failures_and_late_successes() -> None:
    """A country that waits by itself comes last.

    Its refusals say nothing about the line.
    """
    records = [
        Record("BE", 1, 500.0),
        Record("FR", 0, None),
        Record("NL", 0, 10.0),
        Record("LU", 0, 20.0),
        Record("DE", 0, 900.0, waits_by_itself=True),
    ]

    assert [each.country for each in breaker.by_hope(records)] == ["LU", "NL", "FR", "BE", "DE"]
    assert [each.country for each in records if breaker.is_fresh(each)] == ["FR", "NL", "LU"]


def test_a_fresh_country_is_tried_during_the_pause() -> None:
    """Five minutes have to pass since the last trial.

    A fresh country is one without a failure.
    """
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    assert state.lets_try_fresh(1.0, 300.0)
    tried = breaker.trial_begun(state, 1.0, PAUSES)

    assert (tried.lets_try_fresh(300.0, 300.0), tried.lets_try_fresh(301.0, 300.0)) == (False, True)
    assert not Breaker().lets_try_fresh(1.0, 300.0)


def played(countries: int, hours: float) -> dict[float, str]:
    """Try countries that wait by themselves from 0 s on, always in vain; return when each was tried."""
    states = {name: breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES) for name in ("DE", "FR", "LU", "NL")[:countries]}
    tried = {}
    for second in range(0, int(hours * 3600), 10):
        now = float(second)
        for name, state in sorted(states.items(), key=lambda each: (each[1].due, each[0])):
            if breaker.country_lets_try(state, now, states.values(), PAUSES):
                states[name] = breaker.trial_failed(breaker.trial_begun(state, now, PAUSES), certainly_not_sent=False)
                tried[now] = name
                break
    return tried


def test_a_country_has_the_pauses_of_the_line() -> None:
    """The pauses are 1, 5, 15, then always 60 minutes."""
    assert [*played(1, 3.0)] == [60.0, 360.0, 1260.0, 4860.0, 8460.0]


def test_from_the_third_round_on_all_countries_share_one_trial_an_hour() -> None:
    """Each of four is tried by itself twice, then they take turns."""
    tried = played(4, 9.0)
    own = {moment: name for moment, name in tried.items() if moment < 1000.0}
    shared = {moment: name for moment, name in tried.items() if moment >= 1000.0}

    assert sorted(own.values()) == sorted(["DE", "FR", "LU", "NL"] * 2)
    moments = [*shared]
    assert all(later - earlier >= 3600.0 for earlier, later in zip(moments, moments[1:]))  # noqa: B905, RUF007
    assert [*shared.values()] == ["DE", "FR", "LU", "NL"] * 2 + ["DE"]


def test_a_certain_failure_is_followed_by_another_recipient_of_the_country() -> None:
    """The shared hour is between rounds, not between trials of one round."""
    state = replace(breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES), rounds=5, due=9000.0, last_trial=0.0)
    assert breaker.country_lets_try(state, 9000.0, [state], PAUSES)
    refused = breaker.trial_failed(breaker.trial_begun(state, 9000.0, PAUSES), certainly_not_sent=True)

    assert breaker.country_lets_try(refused, 9001.0, [refused], PAUSES)
    assert not breaker.country_lets_try(replace(refused, refused=0), 9001.0, [refused], PAUSES)
