"""The line's texts to itself: whether the last one came back, what prevents the next one, and what they may cost."""

import time
from datetime import timedelta

from hotlined import conditions
from hotlined.conditions import HOLDS
from hotlined.config import Config
from hotlined.errors import HotlinedError
from hotlined.language import N_, Phrases, _, in_digits
from hotlined.machine.clock import Now
from hotlined.machine.timing import USUAL
from hotlined.rules.policy import Limits
from hotlined.states import HoldReason, SelftestObstacle
from hotlined.store.answers import contacts
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import SelfTest, row_of
from hotlined.store.line.reception import MOST_TRIES, last_text_limit, selftest_due_limit
from hotlined.words.amounts import lasting, segments_and_price
from hotlined.words.times import moment

OBSTACLES = Phrases(
    {
        SelftestObstacle.NO_NUMBER: N_("the line does not know its own number: set line_number"),
        SelftestObstacle.NEVER_BACK: N_(
            "no text to itself came back on this SIM yet: `hotlined selftest`, or set line_number"
        ),
        SelftestObstacle.NO_ANSWER: N_("its answer has no text"),
        SelftestObstacle.NOT_RUNNING: conditions.NOT_RUNNING.title_message,
        SelftestObstacle.MODEM_NOT_READY: N_("the modem is not ready"),
        SelftestObstacle.PAUSED: HOLDS[HoldReason.PERSON].title_message,
        SelftestObstacle.CREDIT: HOLDS[HoldReason.CREDIT].title_message,
        SelftestObstacle.OUTAGE: HOLDS[HoldReason.OUTAGE].title_message,
        SelftestObstacle.HELD: N_("the line holds all answers back"),
        SelftestObstacle.FULL: N_("the budget is spent"),
    }
)
"""The obstacles to a self-test."""

_NONE_YET = N_("none by itself yet")
_BACK = N_("came back, sent {at}")
_LOST = N_("did not come back, sent {at}")
_ON_ITS_WAY = N_("on its way, sent {at}")
_NOT_SENT = N_("not sent yet, asked for {at}")
_OTHERS_CAME = N_("sent {at}; a text from somebody else came since")
DUE = N_("{last}; no next one: {obstacle}")

_YEAR = timedelta(days=365)
_COMES_BACK_SECONDS = 120.0  # a person waits for it
_LOOK_SECONDS = 0.2


def own(config: Config, db: Database) -> str | None:
    """Return the line's own number; None if neither the configuration nor the SIM has it."""
    return config.line_number or row_of(db).own_number


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
    """Return what is known of the texts of the line to itself; None if it makes none, or does not know its number."""
    number = own(config, db)
    return row_of(db).selftest(number) if config.alerts.selftest and number else None


def is_due(config: Config, db: Database, now: Now) -> bool:
    """Tell whether the line should text itself now, if nothing prevents it."""
    every, test = config.alerts.selftest, last(config, db)
    if every is None:
        return False
    due = selftest_due_limit(test or SelfTest(""), last_text_limit(db), every, USUAL)
    return due is not None and now.limit >= due


def cost_in_words(every: timedelta, limits: Limits) -> str:
    """Return after how long the line texts itself, and what that costs in a year, if none ever comes back."""
    return _(
        "After {time} without any text the line texts itself: at most {segments} a year.",
        time=lasting(every),
        segments=segments_and_price(MOST_TRIES * (_YEAR // every), limits),
    )


def in_words(test: SelfTest | None) -> str:
    """Return the result of the last text to itself in words, as `status` shows it."""
    if test is None or test.at is None:
        return _(_NONE_YET)
    if test.back_at is not None and test.back_at >= test.at:
        known = _BACK
    elif test.tries and test.lost_at:
        known = _LOST
    elif test.tries:
        known = _NOT_SENT if test.left_limit is None else _ON_ITS_WAY
    else:
        known = _OTHERS_CAME
    return _(known, at=moment(test.at))
