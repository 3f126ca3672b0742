"""Pauses and intervals, and the program that gives the daemon other waits."""

from conftest import Line

from hotlined.machine.timing import Backoff, Interval


def test_pauses_grow_until_the_last_which_repeats() -> None:
    """A success begins with the first pause again."""
    backoff = Backoff((1.0, 2.0, 5.0))
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 5.0, 5.0, 5.0]
    assert backoff.failures == 5
    backoff.reset()
    assert backoff.next() == 1.0


def test_an_interval_is_due_at_once_and_then_after_its_time() -> None:
    """A request makes it due at once, too."""
    now = 1000.0
    interval = Interval(10.0, lambda: now)
    assert interval.is_due()
    interval.restart()
    assert (interval.is_due(), interval.seconds_left) == (False, 10.0)
    now += 10
    assert interval.is_due()
    interval.restart()
    interval.make_due()
    assert (interval.is_due(), interval.seconds_left) == (True, 0.0)


def test_a_shorter_interval_counts_from_its_beginning() -> None:
    """The change applies to the interval in progress."""
    now = 1000.0
    interval = Interval(3600.0, lambda: now)
    interval.restart()
    now += 8
    interval.seconds = 10.0
    assert interval.seconds_left == 2.0


def test_waits_are_given_to_the_daemon(line: Line) -> None:
    """Its status file has the given age at which it counts as hanging."""
    line.start({"alive": 7777.0})
    line.wait_state("ready")
    assert line.status()["alive_seconds"] == 7777.0
