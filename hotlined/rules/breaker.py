"""Breakers, pure: closed, open with a cause, or trying one answer. The line has one, and each country may have one.

Many faults keep answers from leaving: no credit, a service centre that is out, a network that refuses, a stick that
crashes at each transmission. From here they all look the same: answers to different people, one after the other, that
the network did not take. Without a breaker all these answers would be lost, because the line never repeats an answer
that may have left. An hour without a network would cost everybody who wrote in that hour their answer, and perhaps the
SIM its credit. With a breaker three people lose their answers, and all others wait. The difficult part is the way
back, the trials:

- A trial is an answer to a person, and it may be lost like the others. So there is one trial at a time, and the pauses
  between trials grow.
- A trial uses up its round when it *begins* (`trial_begun`), in the transaction that lets the segment out. If its
  result used the round up, a stick that takes the Pi down at each transmission would be tried at every start. A segment
  that never reached the modem gives the round back (`trial_withdrawn`).
- If the trial certainly did not leave, the next recipient is tried at once, three at most: one wrong number must not
  cost an hour. If it may have left, the round is over, because each further answer might be paid for and lost.
- The next trial goes where success is most likely: to the country with the fewest failures since the breaker opened
  (`by_hope`), and there to a person who was reached before (`store.answers.queue`). A country without a failure is
  tried before the round is due. So is anybody after something that may have ended the outage: a balance, a network that
  is back, a decision of a person. But no such trial begins within `trial_gap` of the last one.
- A trial that is taken closes the breaker. The same transaction makes the refusals since the first failure void,
  because the line was their reason and not the recipients. It also makes each country where every answer failed
  meanwhile wait by itself. If that happened later, the answers to this country would be at the head of the queue and
  open the line's breaker again.
- The trial of a country that waits by itself says nothing about the line if it fails. If it is taken, the line works.

The line's breaker opens only on evidence about the line. A recipient who is never reached is only one recipient, so the
row counts different recipients, and only the latest attempt of each answer. If any answer left in the last three hours,
a refusal by the *network* is evidence about the recipient; a refusal by the modem, or silence, is still about the line.

Every moment is a reading of the limit clock in seconds, so neither a restart nor a wrong calendar brings a trial
forward. The callers store each `Breaker` where it survives a power cut.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from hotlined.machine.timing import pause_after

ROW = 3
"""The number of recipients in a row whose answers were not taken that opens the breaker."""
AMONG, FAILURES = 10, 6
"""Six failures among the last ten answers open the breaker, too: now and then an answer leaves, but most fail."""
TRIALS_AT_ONCE = 3
"""The most recipients that one round tries, as long as it is certain that no segment left."""
LATELY_SECONDS = 3 * 3600.0
"""Seconds after a success in which refusals by the network say nothing about the line: it works and has credit."""
SHARED_FROM = 3
"""From this round on, the countries with an open breaker take turns: one trial for all of them per longest pause."""


class Cause(StrEnum):
    """Why the breaker is open."""

    OUTAGE = "outage"
    CREDIT = "credit"


class Outcome(StrEnum):
    """The evidence that an attempt at an answer gives about the line."""

    TAKEN = "taken"
    DECLINED = "declined"
    """The network or the service centre refused it, with an error number: so stick, SIM and radio work."""
    REFUSED = "refused"
    """The modem refused it."""
    UNCONFIRMED = "unconfirmed"
    RECIPIENT = "recipient"
    """The recipient's fault: it says nothing about the line."""
    NO_EVIDENCE = "no_evidence"
    """It says nothing about the line, for one of three reasons.

    The daemon ended while the segment was being submitted, and the machine did not restart. Or the answer waited in a
    backup that was restored. Or a proof came late that a segment had left, and the other segments may not follow it.
    """


NOT_TAKEN = frozenset({Outcome.DECLINED, Outcome.REFUSED, Outcome.UNCONFIRMED})


class TrialOf(StrEnum):
    """The breaker that an attempt tries."""

    LINE = "line"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt at an answer that ended; `barred` says whether its cause is one that a SIM without credit gives."""

    answer_id: int
    recipient: str
    outcome: Outcome
    at: float
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """Why a breaker opens, and when the first of the failures that open it ended."""

    cause: Cause
    failed_from: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of the breaker of a line or of a country."""

    cause: Cause | None = None
    """None while it is closed."""
    since: str | None = None
    """When it opened, in RFC 3339."""
    failed_from: float = 0.0
    """When the first failure that opened it ended; if a low balance opened it, when it opened."""
    rounds: int = 0
    """How many rounds of trials began since it opened; trials that follow at once belong to the same round."""
    refused: int = 0
    """How many recipients were refused in the present round; 0 when no other recipient may follow at once."""
    due: float = 0.0
    """When the next round may begin."""
    last_trial: float | None = None
    trial_requested: bool = False
    """Whether a person did something that may have ended the outage, and no trial was made due for it yet."""
    closed_at_attempt: int = 0
    closed_limit: float = -math.inf
    """When it closed last; `closed_at_attempt` is the latest attempt at that moment. Older outcomes no longer count."""

    @property
    def is_open(self) -> bool:
        """Whether answers wait."""
        return self.cause is not None

    def lets_follow(self, now: float) -> bool:
        """Tell whether another recipient may be tried now, in the present round."""
        return self.is_open and self.refused > 0 and now < self.due

    def lets_try(self, now: float) -> bool:
        """Tell whether a trial may begin now, in a new round or in the present one."""
        return self.is_open and (now >= self.due or self.lets_follow(now))

    def lets_try_fresh(self, now: float, gap: float) -> bool:
        """Tell whether an answer to a country without failures may be tried now, before the next round is due."""
        return self.is_open and (self.last_trial is None or now >= self.last_trial + gap)


class Change(StrEnum):
    """The change that an outcome made, for the daemon's log, events and alerts."""

    OPENED = "opened"
    TRIAL_FAILED = "trial_failed"
    CLOSED = "closed"
    ROW_DECLINED = "row_declined"
    """The network refused answers to different people in a row; the breaker stays closed: others left lately."""


# ---- opening


def evidence(*, taken_lately: bool) -> frozenset[Outcome]:
    """Return the outcomes that are evidence about the line.

    `taken_lately` is whether the network took a segment within the last `LATELY_SECONDS`.
    """
    every = NOT_TAKEN | {Outcome.TAKEN}
    return every - {Outcome.DECLINED} if taken_lately else every


def row(ended: Iterable[Ended]) -> list[Ended]:
    """Return the latest answers in a row that were not taken, the latest first; empty with fewer than `ROW` recipients.

    Only the latest attempt of each answer counts.
    """
    run = list(itertools.takewhile(lambda attempt: attempt.outcome in NOT_TAKEN, _latest(ended)))
    # one recipient who is never reached is not an outage
    return run if len({attempt.recipient for attempt in run}) >= ROW else []


def maybe_opening(ended: Sequence[Ended]) -> Opening | None:
    """Return why the breaker opens after these attempts, or None; all are `evidence`, the latest comes first."""
    run = row(ended)
    if not run:
        run = [attempt for attempt in _latest(ended)[:AMONG] if attempt.outcome in NOT_TAKEN]
        if len(run) < FAILURES:
            return None
    credit = 2 * sum(attempt.barred for attempt in run) > len(run)
    return Opening(Cause.CREDIT if credit else Cause.OUTAGE, min(attempt.at for attempt in run))


def maybe_first_failed(ended: Iterable[Ended]) -> Ended | None:
    """Return the first of the last ten answers if none of them was taken, whatever the cause; the latest comes first.

    It may be chance, if the recipients are at fault, so it opens nothing.
    """
    last = _latest(ended)[:AMONG]
    return last[-1] if len(last) == AMONG and all(each.outcome is not Outcome.TAKEN for each in last) else None


def _latest(ended: Iterable[Ended]) -> list[Ended]:
    latest: dict[int, Ended] = {}
    for attempt in ended:
        latest.setdefault(attempt.answer_id, attempt)
    return list(latest.values())


def opened(breaker: Breaker, opening: Opening, now: float, since: str, pauses: Sequence[float]) -> Breaker:
    """Return a closed breaker, opened."""
    return replace(
        breaker,
        cause=opening.cause,
        since=since,
        failed_from=opening.failed_from,
        rounds=0,
        refused=0,
        due=now + pause_after(pauses, 0),
        trial_requested=False,
    )


# ---- trials


class Record(NamedTuple):
    """The record of a country: its failures since the first failure of those that opened the line's breaker.

    `taken_at` is when the network last took an answer to this country, at any time; None for never.
    """

    country: str | None
    failures: int
    taken_at: float | None
    waits_by_itself: bool = False
    """Whether the country has a breaker of its own that is open: it says nothing about the line, and is tried last."""


def is_fresh(record: Record) -> bool:
    """Tell whether no answer to a country has failed: an answer to it may be tried before the next round is due."""
    return not record.failures and not record.waits_by_itself


def by_hope(records: Iterable[Record]) -> list[Record]:
    """Return the countries in the order of trials: the fewest failures first, then the latest success."""
    return sorted(
        records,
        key=lambda each: (each.waits_by_itself, each.failures, math.inf if each.taken_at is None else -each.taken_at),
    )


def trial_begun(breaker: Breaker, now: float, pauses: Sequence[float]) -> Breaker:
    """Return the breaker when a trial is about to be handed to the modem, which uses up its round."""
    if breaker.lets_follow(now):
        return replace(breaker, last_trial=now)
    rounds = breaker.rounds + 1
    return replace(breaker, rounds=rounds, refused=0, due=now + pause_after(pauses, rounds), last_trial=now)


def trial_withdrawn(breaker: Breaker, now: float) -> Breaker:
    """Return the breaker after a trial that never reached the modem, or that says nothing about the line."""
    if breaker.refused:  # the next may follow as this one did
        return breaker
    return replace(breaker, rounds=max(0, breaker.rounds - 1), due=now)


def trial_failed(breaker: Breaker, *, certainly_not_sent: bool) -> Breaker:
    """Return the breaker after a trial that failed; if it certainly did not leave, another recipient may follow."""
    refused = breaker.refused + 1
    return replace(breaker, refused=refused if certainly_not_sent and refused < TRIALS_AT_ONCE else 0)


def trial_made_due(breaker: Breaker, now: float, gap: float) -> Breaker:
    """Return the breaker after something that may have ended the outage: the next trial is due now, or after `gap`."""
    due = now if breaker.last_trial is None else max(now, breaker.last_trial + gap)
    return replace(breaker, due=min(breaker.due, due), refused=0, trial_requested=False)


def country_lets_try(breaker: Breaker, now: float, countries: Iterable[Breaker], pauses: Sequence[float]) -> bool:
    """Tell whether a country that waits by itself may be tried now; `countries` are the breakers of all of them."""
    if not breaker.lets_try(now) or breaker.lets_follow(now) or breaker.rounds + 1 < SHARED_FROM:
        return breaker.lets_try(now)
    shared = (each.last_trial for each in countries if each.rounds >= SHARED_FROM and each.last_trial is not None)
    return now >= max(shared, default=-math.inf) + pauses[-1]
