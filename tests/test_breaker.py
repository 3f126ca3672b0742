"""The breakers of a line and of countries: what opens them, what they let try, and in which order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined import breaker
from hotlined.breaker import Breaker, Cause, Ended, Opening, Outcome, Record

PAUSES = (60.0, 300.0, 900.0, 3600.0)
TAKEN, DECLINED, REFUSED, LOST = Outcome.TAKEN, Outcome.DECLINED, Outcome.REFUSED, Outcome.UNCONFIRMED
OUTAGE = Opening(Cause.OUTAGE, 0.0)


def row(*outcomes: Outcome, recipients: str = "abcdefghijklmnop", barred: bool = False) -> list[Ended]:
    """Give attempts at answers to different recipients that ended so, one a second, written oldest first."""
    ended = [
        Ended(answer, to, outcome, float(answer), barred)
        for answer, (to, outcome) in enumerate(zip(recipients, outcomes))  # noqa: B905
    ]
    return ended[::-1]


def cause(ended: list[Ended]) -> Cause | None:
    """Return why the breaker opens."""
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
def test_what_opens_it(ended: list[Ended], expected: Cause | None) -> None:
    """Three people in a row open it, or six answers among ten."""
    assert cause(ended) is expected


@pytest.mark.parametrize(("barred", "expected"), [(1, Cause.OUTAGE), (2, Cause.CREDIT)])
def test_most_refusals_say_whether_it_is_credit(barred: int, expected: Cause) -> None:
    """Of three refusals that open it one that speaks of credit is an outage, and two are credit."""
    speaks = row(DECLINED, DECLINED, DECLINED, barred=True)[:barred]

    assert cause([*speaks, *row(DECLINED, DECLINED, DECLINED)[barred:]]) is expected


def test_it_knows_since_when_answers_fail() -> None:
    """What fails with the row that opens it begins with the first of that."""
    assert breaker.maybe_opening(row(TAKEN, LOST, LOST, LOST)) == Opening(Cause.OUTAGE, 1.0)
    assert breaker.maybe_opening(row(LOST, TAKEN, LOST, LOST, TAKEN, LOST, TAKEN, LOST, LOST)) == OUTAGE


def test_the_networks_refusals_are_no_evidence_while_others_leave() -> None:
    """Of all outcomes that alone says nothing once something was taken lately; neither do dead numbers or restarts."""
    assert breaker.evidence(taken_lately=False) == {TAKEN, DECLINED, REFUSED, LOST}
    assert breaker.evidence(taken_lately=True) == {TAKEN, REFUSED, LOST}


def test_one_person_tried_again_and_again_is_no_outage() -> None:
    """Of an answer only its latest attempt is asked."""
    assert cause([Ended(1, "a", REFUSED, 0.0)] * 20) is None


def test_an_attempt_before_the_latest_says_nothing_any_more() -> None:
    """What was refused and then taken ends a row; what was taken, and lost when a person wanted it again, is in one."""
    others = [Ended(2, "b", LOST, 3.0), Ended(3, "c", LOST, 2.0)]

    assert cause([Ended(1, "a", TAKEN, 4.0), *others, Ended(1, "a", REFUSED, 1.0)]) is None
    assert cause([Ended(1, "a", LOST, 4.0), *others, Ended(1, "a", TAKEN, 1.0)]) is Cause.OUTAGE


def test_trials_come_after_growing_pauses() -> None:
    """A minute after it opened, then five, fifteen, and sixty from then on."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    moments = []
    for _ in range(6):
        moments.append(state.due)
        assert not state.lets_try(state.due - 1)
        assert state.lets_try(state.due)
        state = breaker.trial_begun(state, state.due, PAUSES)
        state = breaker.trial_failed(state, certainly_not_sent=False)

    assert moments == [60.0, 360.0, 1260.0, 4860.0, 8460.0, 12060.0]


def test_where_nothing_left_two_others_are_tried_at_once() -> None:
    """A trial that cannot have left is followed by another recipient's, up to three in all."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    tries = 0
    while state.lets_try(60.0):
        tries += 1
        state = breaker.trial_begun(state, 60.0, PAUSES)
        state = breaker.trial_failed(state, certainly_not_sent=True)

    assert (tries, state.due, state.rounds) == (3, 360.0, 1)


def test_a_round_that_finds_nobody_else_has_its_pause() -> None:
    """After the pause the next round begins, whoever could have followed in this one."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    state = breaker.trial_failed(breaker.trial_begun(state, 60.0, PAUSES), certainly_not_sent=True)
    assert (state.lets_follow(359.0), state.lets_follow(360.0), state.lets_try(360.0)) == (True, False, True)
    state = breaker.trial_begun(state, 360.0, PAUSES)

    assert (state.rounds, state.refused, state.due) == (2, 0, 1260.0)


def test_a_trial_that_says_nothing_is_not_used_up() -> None:
    """What never reached the modem, or was the recipient's fault, leaves the schedule as it was."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    after = breaker.trial_withdrawn(breaker.trial_begun(state, 60.0, PAUSES), 61.0)

    assert (after.rounds, after.lets_try(61.0)) == (0, True)
    second = replace(after, rounds=1, refused=1, due=360.0)
    assert breaker.trial_withdrawn(breaker.trial_begun(second, 62.0, PAUSES), 63.0) == replace(second, last_trial=62.0)


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_no_two_trials_that_an_event_calls_for_come_within_the_gap(last: float, now: float) -> None:
    """An event makes a trial due at once, but not sooner than five minutes after the last, nor later than it was."""
    before = replace(breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES), due=last + 3600.0, last_trial=last)
    after = breaker.trial_made_due(before, now, 300.0)

    assert after.due <= before.due
    assert after.due >= min(before.due, last + 300.0)


# ---- countries


def test_trials_go_where_the_fewest_failed_and_one_was_taken_last() -> None:
    """A country that waits by itself comes last: what it refuses says nothing about the line."""
    records = [
        Record("BE", 1, 500.0),
        Record("FR", 0, None),
        Record("NL", 0, 10.0),
        Record("LU", 0, 20.0),
        Record("DE", 0, 900.0, waits_by_itself=True),
    ]

    assert [each.country for each in breaker.by_hope(records)] == ["LU", "NL", "FR", "BE", "DE"]
    assert [each.country for each in records if breaker.is_fresh(each)] == ["FR", "NL", "LU"]


def test_a_fresh_country_is_tried_before_the_pause_is_over() -> None:
    """Where nothing has failed yet no pause is waited for, but never are two trials made within five minutes."""
    state = breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES)
    assert state.lets_try_fresh(1.0, 300.0)
    tried = breaker.trial_begun(state, 1.0, PAUSES)

    assert (tried.lets_try_fresh(300.0, 300.0), tried.lets_try_fresh(301.0, 300.0)) == (False, True)
    assert not Breaker().lets_try_fresh(1.0, 300.0)


def played(countries: int, hours: float) -> dict[float, str]:
    """Let countries that waited by themselves from 0 s on be tried in vain, and return when which one was."""
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


def test_a_country_is_tried_after_the_same_pauses_as_the_line() -> None:
    """After 1, 5, 15, and then every 60 minutes."""
    assert [*played(1, 3.0)] == [60.0, 360.0, 1260.0, 4860.0, 8460.0]


def test_from_the_third_round_on_all_countries_have_one_trial_an_hour() -> None:
    """Four of them are tried by themselves twice, then one after the other; each has its turn."""
    tried = played(4, 9.0)
    own = {moment: name for moment, name in tried.items() if moment < 1000.0}
    shared = {moment: name for moment, name in tried.items() if moment >= 1000.0}

    assert sorted(own.values()) == sorted(["DE", "FR", "LU", "NL"] * 2)
    moments = [*shared]
    assert all(later - earlier >= 3600.0 for earlier, later in zip(moments, moments[1:]))  # noqa: B905, RUF007
    assert [*shared.values()] == ["DE", "FR", "LU", "NL"] * 2 + ["DE"]


def test_where_nothing_left_another_recipient_of_the_country_follows_at_once() -> None:
    """The shared hour is that of a round, not of each trial in it."""
    state = replace(breaker.opened(Breaker(), OUTAGE, 0.0, "", PAUSES), rounds=5, due=9000.0, last_trial=0.0)
    assert breaker.country_lets_try(state, 9000.0, [state], PAUSES)
    refused = breaker.trial_failed(breaker.trial_begun(state, 9000.0, PAUSES), certainly_not_sent=True)

    assert breaker.country_lets_try(refused, 9001.0, [refused], PAUSES)
    assert not breaker.country_lets_try(replace(refused, refused=0), 9001.0, [refused], PAUSES)
