"""The steps that the daemon takes with the store, in a line each: judge, let out, settle."""

from datetime import timedelta

from hotlined import policy
from hotlined.clock import Now
from hotlined.gsm import tpdu
from hotlined.gsm.alphabet import Plan, plan
from hotlined.store import answers, fates, gate
from hotlined.store.database import Database

RULES = policy.Rules(policy.Limits(), policy.Numbers(), timedelta(hours=24))
PLAN = plan("x" * 200)
"""Two segments."""


def judge(
    db: Database,
    contact_id: int,
    now: Now,
    rules: policy.Rules = RULES,
    *,
    delay: float = 0.0,
    shadow: bool = False,
) -> policy.Verdict:
    """Judge a contact and queue its answer."""
    return answers.judge(db, contact_id, rules, now, delay_seconds=delay, shadow=shadow)


def encode(recipient: str, planned: Plan, reference: int) -> tuple[tpdu.EncodedSegment, ...]:
    """Make TPDUs as the daemon does."""
    return tpdu.encode_submit(recipient, planned, reference=reference, report=True, validity=timedelta(hours=24))


def begin(
    db: Database,
    answer_id: int,
    now: Now,
    planned: Plan = PLAN,
    rules: policy.Rules = RULES,
    *,
    shadow: bool = False,
    trial: bool = False,
) -> tuple[gate.Step, gate.Begun | None]:
    """Ask the gate for an answer of this text."""
    return gate.begin(
        db,
        answer_id,
        rules,
        now,
        compose=lambda *_: gate.Composition(planned),
        encode=encode,
        shadow=shadow,
        trial=trial,
    )


def begin_next(
    db: Database, now: Now, planned: Plan = PLAN, rules: policy.Rules = RULES, *, shadow: bool = False
) -> tuple[gate.Step, gate.Begun | None]:
    """Ask the gate for the first answer whose turn it is."""
    (turn, *_) = answers.due(db, now, trial=True)
    return begin(db, turn.answer_id, now, planned, rules, shadow=shadow, trial=turn.trial)


def take(db: Database, begun: gate.Begun, now: Now, mr: int | None = 1) -> fates.Settled:
    """Let the network take a segment."""
    return fates.settle(db, begun, policy.Taken(mr), now)


def refuse(db: Database, begun: gate.Begun, now: Now, cms: int) -> fates.Settled:
    """Let the network refuse a segment."""
    return fates.settle(db, begun, policy.Refused(f"cms_{cms}", cms), now)


def lose(db: Database, begun: gate.Begun, now: Now) -> fates.Settled:
    """Let no result come for a segment."""
    return fates.settle(db, begun, policy.Unknown("no_result", "The modem did not answer in 120 s."), now)
