"""Breakers, pure: closed, open with a cause, or trying one answer; the line's, and those of countries.

Whatever keeps answers from leaving (no credit, a service centre that is out, a network that refuses, a stick that dies
at each transmission) looks the same from here: answers to different people, one after the other, that were not taken.
Without a breaker each of them would be lost: an answer of which nobody knows whether it left is never sent again by the
line, so an hour without a network would cost everybody of that hour his answer, and the SIM perhaps its credit. With
one, three people pay for the outage, and all others wait. What has to be got right is the way back, the trials:

- A trial is an answer to a person, and may be lost like the others. So one is out at a time, after pauses that grow.
- Its round is used up when it *begins* (`trial_begun`), in the transaction that lets the segment out. Were it used up
  by its result, a stick that takes the Pi down with each transmission would be tried at every start. What never
  reached the modem gives its round back (`trial_withdrawn`).
- Where nothing can have left, the next recipient follows at once, up to three: one wrong number must not cost an hour.
  Where something may have left the round is over, for each further one might be paid, and lost.
- Who is tried is chosen by hope: where the fewest have failed since it opened (`by_hope`), there whoever was reached
  before (`store.answers.queue`). A
  country where nothing has failed yet is tried before the round is due, and so is anybody once something may have
  ended the outage (a balance, a network that is back, a person's word); but not within `trial_gap` of the last trial.
- One that is taken closes the breaker. In the same transaction the refusals since its first failure are void, for they
  were the line's and not the recipients'; and a country of which all failed meanwhile begins to wait by itself. Were
  that left for later, its answers would be at the head of the queue, and close the line again.
- A country's trial says nothing about the line, in either direction but one: what is taken anywhere was taken.

What opens it is evidence only where it is about the line. A recipient who is never reached is one recipient, so the
row counts different ones, and of each answer its latest attempt. While anything left in the last three hours, what the
*network* refuses is about recipients; what the modem refuses, and silence, is not.

Every moment is a reading of the limit clock in seconds, so that neither a restart nor a wrong calendar buys a trial.
The callers keep a `Breaker` where it survives a power cut.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from hotlined.timing import pause_after

ROW = 3
"""So many answers in a row to different recipients, none of them taken, open it."""
AMONG, FAILURES = 10, 6
"""So many failures among so many answers open it, too: a line on which now and then one leaves."""
TRIALS_AT_ONCE = 3
"""So many recipients are tried one after the other, as long as nothing can have left."""
LATELY_SECONDS = 3 * 3600.0
"""For so long after something was taken the network's refusals say nothing about the line: it works, and has credit."""
SHARED_FROM = 3
"""From this round of trials on all countries that wait by themselves have one round together in the last pause."""


class Cause(StrEnum):
    """Why the breaker is open."""

    OUTAGE = "outage"
    CREDIT = "credit"


class Outcome(StrEnum):
    """The evidence that an attempt at an answer gives about the line."""

    TAKEN = "taken"
    DECLINED = "declined"
    """The network or the service centre refused it, with a number of its own: stick, SIM and radio work."""
    REFUSED = "refused"
    """The modem refused it."""
    UNCONFIRMED = "unconfirmed"
    RECIPIENT = "recipient"
    """The recipient's fault: it says nothing about the line."""
    NO_EVIDENCE = "no_evidence"
    """It says nothing about the line, for one of three reasons.

    The daemon ended while the segment was being submitted, within one boot. The answer waited in a backup that was
    restored. A segment was proven late to have left, and the rest may not follow.
    """


NOT_TAKEN = frozenset({Outcome.DECLINED, Outcome.REFUSED, Outcome.UNCONFIRMED})


class TrialOf(StrEnum):
    """The breaker that an attempt tries."""

    LINE = "line"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt at an answer that ended: to whom, its outcome, when, and whether its cause speaks of credit."""

    answer_id: int
    recipient: str
    outcome: Outcome
    at: float
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """Why a breaker opens, and when the first of the failures ended that open it."""

    cause: Cause
    failed_from: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of the breaker of a line or of a country."""

    cause: Cause | None = None
    """None while it is closed."""
    since: str | None = None
    """When it opened, as people read it."""
    failed_from: float = 0.0
    """The first failure of what opened it; where a balance did, its opening."""
    rounds: int = 0
    """How many trials began since, those at once counted as one."""
    refused: int = 0
    """How many recipients of the present round were refused, while another one may follow at once."""
    due: float = 0.0
    """When the next round may begin."""
    last_trial: float | None = None
    trial_requested: bool = False
    """Whether a person did something that may have ended the outage, and no trial was made due for it yet."""
    closed_at_attempt: int = 0
    closed_limit: float = -math.inf
    """When it closed last, and the latest attempt of then: what had ended before says nothing any more."""

    @property
    def is_open(self) -> bool:
        """Whether answers wait."""
        return self.cause is not None

    def lets_follow(self, now: float) -> bool:
        """Tell whether another recipient's trial may follow now, in the round that goes on."""
        return self.is_open and self.refused > 0 and now < self.due

    def lets_try(self, now: float) -> bool:
        """Tell whether a round may begin now, or goes on."""
        return self.is_open and (now >= self.due or self.lets_follow(now))

    def lets_try_fresh(self, now: float, gap: float) -> bool:
        """Tell whether an answer to a country that has not failed yet may be tried before the next round is due."""
        return self.is_open and (self.last_trial is None or now >= self.last_trial + gap)


class Change(StrEnum):
    """The changes that an outcome has made, for those who watch."""

    OPENED = "opened"
    TRIAL_FAILED = "trial_failed"
    CLOSED = "closed"
    ROW_DECLINED = "row_declined"
    """Answers to different people were refused in a row, and the breaker stays closed: others left lately."""


# ---- what opens it


def evidence(*, taken_lately: bool) -> frozenset[Outcome]:
    """Return the outcomes that say something about the line, by whether something was taken in `LATELY_SECONDS`."""
    every = NOT_TAKEN | {Outcome.TAKEN}
    return every - {Outcome.DECLINED} if taken_lately else every


def row(ended: Iterable[Ended]) -> list[Ended]:
    """Return the latest answers in a row that were not taken, the latest first; empty where they are no row of three.

    Of each answer only its latest attempt is asked.
    """
    run = list(itertools.takewhile(lambda attempt: attempt.outcome in NOT_TAKEN, _latest(ended)))
    return run if len({attempt.recipient for attempt in run}) >= ROW else []  # one who is never reached is no outage


def maybe_opening(ended: Sequence[Ended]) -> Opening | None:
    """Return why the breaker opens after these attempts that are evidence, the latest first, or None."""
    run = row(ended)
    if not run:
        run = [attempt for attempt in _latest(ended)[:AMONG] if attempt.outcome in NOT_TAKEN]
        if len(run) < FAILURES:
            return None
    credit = 2 * sum(attempt.barred for attempt in run) > len(run)
    return Opening(Cause.CREDIT if credit else Cause.OUTAGE, min(attempt.at for attempt in run))


def _latest(ended: Iterable[Ended]) -> list[Ended]:
    latest: dict[int, Ended] = {}
    for attempt in ended:
        latest.setdefault(attempt.answer_id, attempt)
    return list(latest.values())


def opened(breaker: Breaker, opening: Opening, now: float, since: str, pauses: Sequence[float]) -> Breaker:
    """Return a breaker as it is from its opening on."""
    return replace(
        breaker,
        cause=opening.cause,
        since=since,
        failed_from=opening.failed_from,
        rounds=0,
        refused=0,
        due=now + pause_after(pauses, 0),
        last_trial=None,
        trial_requested=False,
    )


# ---- whom it lets try


class Record(NamedTuple):
    """The fate of the answers to a country since the first failure of what opened the line's breaker.

    `taken_at` is when something was last taken there, whenever that was; None for never.
    """

    country: str | None
    failures: int
    taken_at: float | None
    waits_by_itself: bool = False
    """Whether it had failed before: then it says nothing about the line, and comes last."""


def is_fresh(record: Record) -> bool:
    """Tell whether nothing has failed in a country: an answer to it is tried before the next round is due."""
    return not record.failures and not record.waits_by_itself


def by_hope(records: Iterable[Record]) -> list[Record]:
    """Return countries in the order in which an answer is tried: where the fewest failed, and one was taken last."""
    return sorted(
        records,
        key=lambda each: (each.waits_by_itself, each.failures, math.inf if each.taken_at is None else -each.taken_at),
    )


def trial_begun(breaker: Breaker, now: float, pauses: Sequence[float]) -> Breaker:
    """Return the breaker when a trial is about to be handed to the modem: from now on it is used up."""
    if breaker.lets_follow(now):
        return replace(breaker, last_trial=now)
    rounds = breaker.rounds + 1
    return replace(breaker, rounds=rounds, refused=0, due=now + pause_after(pauses, rounds), last_trial=now)


def trial_withdrawn(breaker: Breaker, now: float) -> Breaker:
    """Return the breaker where a trial never reached the modem, or says nothing about the line."""
    if breaker.refused:  # the next may follow as this one did
        return breaker
    return replace(breaker, rounds=max(0, breaker.rounds - 1), due=now)


def trial_failed(breaker: Breaker, *, certainly_not_sent: bool) -> Breaker:
    """Return the breaker after a trial that was not taken: another recipient may follow at once where nothing left."""
    refused = breaker.refused + 1
    return replace(breaker, refused=refused if certainly_not_sent and refused < TRIALS_AT_ONCE else 0)


def trial_made_due(breaker: Breaker, now: float, gap: float) -> Breaker:
    """Return the breaker after something that may have ended the outage: the next trial is due now, or soon."""
    due = now if breaker.last_trial is None else max(now, breaker.last_trial + gap)
    return replace(breaker, due=min(breaker.due, due), refused=0, trial_requested=False)


def country_lets_try(breaker: Breaker, now: float, countries: Iterable[Breaker], pauses: Sequence[float]) -> bool:
    """Tell whether a country that waits by itself may be tried now; `countries` are all of them."""
    if not breaker.lets_try(now) or breaker.lets_follow(now) or breaker.rounds + 1 < SHARED_FROM:
        return breaker.lets_try(now)
    shared = (each.last_trial for each in countries if each.rounds >= SHARED_FROM and each.last_trial is not None)
    return now >= max(shared, default=-math.inf) + pauses[-1]
