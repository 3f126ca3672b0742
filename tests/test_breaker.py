"""The line's breaker: what opens it, what it lets try, and what closes it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined import breaker
from hotlined.breaker import Breaker, Cause, Ended, Outcome

PAUSES = (60.0, 300.0, 900.0, 3600.0)
TAKEN, REFUSED, LOST, THEIRS, CUT = (
    Outcome.TAKEN,
    Outcome.REFUSED,
    Outcome.UNCONFIRMED,
    Outcome.RECIPIENT,
    Outcome.NO_EVIDENCE,
)


def row(*outcomes: Outcome, recipients: str = "abcdefghijklmnop", barred: bool = False) -> list[Ended]:
    """Give attempts at answers to different recipients that ended so, written oldest first."""
    ended = [Ended(answer, to, outcome, barred) for answer, (to, outcome) in enumerate(zip(recipients, outcomes))]  # noqa: B905
    return ended[::-1]


@pytest.mark.parametrize(
    ("ended", "cause"),
    [
        (row(REFUSED, REFUSED), None),
        (row(REFUSED, REFUSED, REFUSED), Cause.OUTAGE),
        (row(REFUSED, LOST, LOST), Cause.OUTAGE),
        (row(REFUSED, REFUSED, REFUSED, barred=True), Cause.CREDIT),
        (row(TAKEN, LOST, LOST), None),
        (row(LOST, LOST, TAKEN), None),
        (row(LOST, THEIRS, LOST, CUT, LOST), Cause.OUTAGE),
        (row(THEIRS, THEIRS, THEIRS, THEIRS), None),
        (row(CUT, CUT, CUT, CUT), None),
        (row(LOST, LOST, LOST, recipients="aab"), None),
        (row(LOST, TAKEN, LOST, LOST, TAKEN, LOST, TAKEN, LOST, LOST), Cause.OUTAGE),
        (row(LOST, TAKEN, LOST, TAKEN, LOST, TAKEN, LOST, TAKEN, LOST, TAKEN), None),
    ],
)
def test_what_opens_it(ended: list[Ended], cause: Cause | None) -> None:
    """Three people in a row, or six answers among ten; neither a dead number nor a restart counts."""
    assert breaker.maybe_cause(ended) is cause


def test_one_person_tried_again_and_again_is_no_outage() -> None:
    """Of an answer only its latest attempt is asked."""
    assert breaker.maybe_cause([Ended(1, "a", REFUSED)] * 20) is None


def test_trials_come_after_growing_pauses() -> None:
    """A minute after it opened, then five, fifteen, and sixty from then on."""
    state = breaker.opened(Breaker(), Cause.OUTAGE, 0.0, "", PAUSES)
    moments = []
    for _ in range(6):
        moments.append(state.due)
        assert not state.lets_try(state.due - 1)
        assert state.lets_try(state.due)
        state = breaker.trial_begun(state, state.due, PAUSES)
        state = breaker.trial_failed(state, state.due, certainly_not_sent=False)

    assert moments == [60.0, 360.0, 1260.0, 4860.0, 8460.0, 12060.0]


def test_where_nothing_left_two_others_are_tried_at_once() -> None:
    """A trial that cannot have left is followed by another recipient's, up to three in all."""
    state = breaker.opened(Breaker(), Cause.OUTAGE, 0.0, "", PAUSES)
    tries = 0
    while state.lets_try(60.0):
        tries += 1
        state = breaker.trial_begun(state, 60.0, PAUSES)
        state = breaker.trial_failed(state, 60.0, certainly_not_sent=True)

    assert (tries, state.due, state.rounds) == (3, 360.0, 1)


def test_a_round_that_finds_nobody_else_has_its_pause() -> None:
    """With one person left, he is not tried three times on end."""
    state = breaker.opened(Breaker(), Cause.OUTAGE, 0.0, "", PAUSES)
    state = breaker.trial_failed(breaker.trial_begun(state, 60.0, PAUSES), 61.0, certainly_not_sent=True)
    assert state.lets_try(61.0)

    assert breaker.round_over(state, PAUSES).due == 360.0


def test_a_trial_that_says_nothing_is_not_used_up() -> None:
    """What never reached the modem, or was the recipient's fault, leaves the schedule as it was."""
    state = breaker.opened(Breaker(), Cause.OUTAGE, 0.0, "", PAUSES)
    after = breaker.trial_withdrawn(breaker.trial_begun(state, 60.0, PAUSES), 61.0)

    assert (after.rounds, after.lets_try(61.0)) == (0, True)


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_no_two_trials_that_an_event_calls_for_come_within_the_gap(last: float, now: float) -> None:
    """An event makes a trial due at once, but not sooner than five minutes after the last, nor later than it was."""
    before = replace(breaker.opened(Breaker(), Cause.OUTAGE, 0.0, "", PAUSES), due=last + 3600.0, last_trial=last)
    after = breaker.trial_made_due(before, now, 300.0)

    assert after.due <= before.due
    assert after.due >= min(before.due, last + 300.0)
