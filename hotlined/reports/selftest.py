"""The line's self-test: whether its last text to itself came back, when the next is due, and what prevents it."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta

from hotlined.clock import Now
from hotlined.config import Config
from hotlined.errors import HotlinedError
from hotlined.language import _, in_digits, ngettext
from hotlined.policy import Limits
from hotlined.states import HoldReason, SelftestObstacle, SendingState
from hotlined.store.answers import contacts
from hotlined.store.line.database import Database
from hotlined.store.line.line import Sending, own_number
from hotlined.store.line.reception import SelfTest, maybe_selftest
from hotlined.words import selftest as words
from hotlined.words.amounts import segments_and_price
from hotlined.words.times import moment

_YEAR = timedelta(days=365)
_COMES_BACK_SECONDS = 120.0  # a person waits for it
_LOOK_SECONDS = 0.2
LATE_SECONDS = 900.0
"""A text that is not back after this time by the limit clock is lost."""
AGAIN_SECONDS = 3600.0
"""The pause before the next try, if a text did not leave."""


def own(config: Config, db: Database) -> str | None:
    """Return the line's own number; None if neither the configuration nor the SIM has it."""
    return config.line_number or own_number(db)


def text() -> str:
    """Return the text of a self-test; each is different, so that it can be recognised when it comes back."""
    return " ".join(("hotlined", "selftest", os.urandom(4).hex()))


def awaited() -> str:
    """Return in words the seconds within which a self-test has to come back."""
    return _("It has {seconds} s to come back …", seconds=in_digits(_COMES_BACK_SECONDS))


def wait_until_back(db: Database, text: str) -> None:
    """Wait until a text that left is received; raises HotlinedError if it does not come back in time."""
    deadline = time.monotonic() + _COMES_BACK_SECONDS
    while not contacts.is_received(db, text):
        if time.monotonic() > deadline:
            raise HotlinedError(
                _("It left, and did not come back within {seconds} s.", seconds=in_digits(_COMES_BACK_SECONDS)),
                _("Is line_number this SIM's? Networks are slow at times: `hotlined log` shows it when it comes."),
            )
        time.sleep(_LOOK_SECONDS)


def last(config: Config, db: Database) -> SelfTest | None:
    """Return the last self-test that the timer caused; None before the first, or if alerts.selftest is not set."""
    number = own(config, db)
    return maybe_selftest(db, number) if config.alerts.selftest and number else None


def is_due(test: SelfTest | None, every: timedelta, now: Now) -> bool:
    """Tell whether a self-test is due: `every` after the last one, or sooner if the last one did not leave."""
    if test is None:
        return True
    if test.is_pending:
        return False
    pause = every.total_seconds() if test.left else min(AGAIN_SECONDS, every.total_seconds())
    return now.limit - test.at_limit >= pause


def is_lost(test: SelfTest | None, now: Now) -> bool | None:
    """Tell whether the text of the last self-test is lost; None while that is not known yet."""
    if test is None:
        return None
    if test.back:
        return False
    return True if test.left and now.limit - test.left_limit >= LATE_SECONDS else None


def obstacles(
    *, alive: bool, modem_is_ready: bool, shadow: bool, holds: tuple[Sending, ...], full: bool, knows_itself: bool
) -> Iterator[SelftestObstacle]:
    """Yield why the line cannot make a self-test now; nothing if it can."""
    if not knows_itself:
        yield SelftestObstacle.NO_NUMBER
    if not alive:
        yield SelftestObstacle.NOT_RUNNING
    elif not modem_is_ready:
        yield SelftestObstacle.MODEM_NOT_READY
    if shadow:
        yield SelftestObstacle.SHADOW
    for hold in holds:
        if hold.state is SendingState.PAUSED:
            yield SelftestObstacle.PAUSED
        elif hold.reason is HoldReason.CREDIT:
            yield SelftestObstacle.CREDIT
        elif hold.reason is HoldReason.OUTAGE:
            yield SelftestObstacle.OUTAGE
        else:
            yield SelftestObstacle.HELD
    if full:
        yield SelftestObstacle.FULL


def cost_in_words(every: timedelta, limits: Limits) -> str:
    """Return how many self-tests a year has, and what they cost: each is one segment."""
    times = _YEAR // every
    return ngettext(
        "alerts.selftest makes the line text itself {number} time a year: {segments}.",
        "alerts.selftest makes the line text itself {number} times a year: {segments}.",
        times,
        segments=segments_and_price(times, limits),
    )


def in_words(test: SelfTest | None, now: Now) -> str:
    """Return the result of the last self-test in words, as `status` shows it."""
    if test is None:
        return _(words.NONE_YET)
    lost = is_lost(test, now)
    known = {True: words.LOST, False: words.BACK}.get(lost) if lost is not None else None
    known = known or (words.ON_ITS_WAY if test.left or test.is_pending else words.NOT_SENT)
    return _(known, at=moment(test.at))
