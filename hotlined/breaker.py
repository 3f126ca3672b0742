"""One breaker for the line, pure: closed, open with its cause, or trying one answer.

Whatever keeps answers from leaving (no credit, a service centre that is out, a network that refuses, a stick that dies
at each transmission) looks the same from here: answers to different people, one after the other, that were not taken.
Then all wait, and one is tried now and then. Every moment is a reading of the limit clock in seconds, so that neither a
restart nor a wrong calendar buys a trial. The callers keep a `Breaker` where it survives a power cut.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hotlined.timing import pause_after

ROW = 3
"""So many answers in a row to different recipients, none of them taken, open it."""
AMONG, FAILURES = 10, 6
"""So many failures among so many answers open it, too: a line on which now and then one leaves."""
TRIALS_AT_ONCE = 3
"""So many recipients are tried one after the other, as long as nothing can have left."""


class Cause(StrEnum):
    """Why the breaker is open."""

    OUTAGE = "outage"
    CREDIT = "credit"


class Outcome(StrEnum):
    """What an attempt at an answer says about the line."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    RECIPIENT = "recipient"
    """The recipient's fault: it says nothing about the line."""
    NO_EVIDENCE = "no_evidence"
    """It says nothing about the line, for one of four reasons.

    The daemon ended while the segment was being submitted, within one boot. A text by hand was refused for what may be
    the recipient's fault. The answer waited in a backup that was restored. A segment was proven late to have left, and
    the rest may not follow.
    """


NOT_TAKEN = frozenset({Outcome.REFUSED, Outcome.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt at an answer that ended: to whom, its outcome, and whether its cause speaks of credit."""

    answer_id: int
    recipient: str
    outcome: Outcome
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one line's breaker."""

    cause: Cause | None = None
    """None while it is closed."""
    since: str | None = None
    """When it opened, as people read it."""
    rounds: int = 0
    """How many trials began since, those at once counted as one."""
    refused: int = 0
    """How many recipients of the present round were refused."""
    due: float = 0.0
    """When the next trial may begin."""
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

    def lets_try(self, now: float) -> bool:
        """Tell whether an answer may be tried now."""
        return self.is_open and now >= self.due


class Change(StrEnum):
    """What an outcome has changed, for whoever watches."""

    OPENED = "opened"
    TRIAL_FAILED = "trial_failed"
    CLOSED = "closed"


def maybe_cause(ended: Iterable[Ended]) -> Cause | None:
    """Return why the breaker opens after these attempts, the latest first, or None.

    Of each answer only its latest attempt is asked. The run ends at the first answer that was taken; what is the
    recipient's fault, or is no evidence, is passed over.
    """
    latest: dict[int, Ended] = {}
    for attempt in ended:
        if attempt.outcome in NOT_TAKEN or attempt.outcome is Outcome.TAKEN:
            latest.setdefault(attempt.answer_id, attempt)
    run = list(itertools.takewhile(lambda attempt: attempt.outcome in NOT_TAKEN, latest.values()))
    if len({attempt.recipient for attempt in run}) < ROW:  # one who is never reached is no outage
        run = [attempt for attempt in list(latest.values())[:AMONG] if attempt.outcome in NOT_TAKEN]
        if len(run) < FAILURES:
            return None
    return Cause.CREDIT if 2 * sum(attempt.barred for attempt in run) > len(run) else Cause.OUTAGE


def opened(breaker: Breaker, cause: Cause, now: float, since: str, pauses: Sequence[float]) -> Breaker:
    """Return the breaker as it is from its opening on."""
    return replace(
        breaker, cause=cause, since=since, rounds=0, refused=0, due=now + pause_after(pauses, 0), trial_requested=False
    )


def trial_begun(breaker: Breaker, now: float, pauses: Sequence[float]) -> Breaker:
    """Return the breaker when a trial is about to be handed to the modem: from now on it is used up."""
    rounds = breaker.rounds if breaker.refused else breaker.rounds + 1
    return replace(breaker, rounds=rounds, due=now + pause_after(pauses, rounds), last_trial=now)


def trial_withdrawn(breaker: Breaker, now: float) -> Breaker:
    """Return the breaker where a trial never reached the modem, or says nothing about the line."""
    return replace(breaker, rounds=breaker.rounds if breaker.refused else max(0, breaker.rounds - 1), due=now)


def trial_failed(breaker: Breaker, now: float, *, certainly_not_sent: bool) -> Breaker:
    """Return the breaker after a trial that was not taken: another recipient follows at once where nothing left."""
    if certainly_not_sent and breaker.refused + 1 < TRIALS_AT_ONCE:
        return replace(breaker, refused=breaker.refused + 1, due=now)
    return replace(breaker, refused=0)


def trial_made_due(breaker: Breaker, now: float, gap: float) -> Breaker:
    """Return the breaker after something that may have ended the outage: the next trial is due now, or soon."""
    due = now if breaker.last_trial is None else max(now, breaker.last_trial + gap)
    return replace(breaker, due=min(breaker.due, due), refused=0, trial_requested=False)


def round_over(breaker: Breaker, pauses: Sequence[float]) -> Breaker:
    """Return the breaker where nobody else is there to be tried at once: this round's pause runs from its trial."""
    pause = pause_after(pauses, breaker.rounds)
    return replace(breaker, refused=0, due=max(breaker.due, (breaker.last_trial or 0.0) + pause))
