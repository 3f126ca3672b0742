"""One number: who is meant, what stands under it, and when it may next be answered.

Whether a number may be answered is asked of the policy itself, as for a text that came now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hotlined import policy
from hotlined.clock import Now
from hotlined.config import Config, Mode
from hotlined.errors import UsageError
from hotlined.gsm.address import Address, Identity, Ton, identify, parse_number
from hotlined.gsm.alphabet import plan
from hotlined.policy import Reason
from hotlined.reports.limits import look_ahead
from hotlined.reports.line import holds_of
from hotlined.reports.rules import rules_of
from hotlined.states import AnswerState, ContactKind, HoldReason, SendingState
from hotlined.store import attempts, correspondents, log, pseudonyms
from hotlined.store.correspondents import Correspondent, Order
from hotlined.store.database import Database
from hotlined.store.forecast import Ahead
from hotlined.store.line import FREE, Sending


@dataclass(frozen=True, slots=True)
class NumberOutlook:
    """Whether a text that came now would be answered and why, and when the next answer can go at the earliest.

    `in_seconds` is None where a decision of people has to come first, or the end of an outage. `windows` gives the
    seconds until each window has room for that answer (0: now, None: never), after the answers that are due before it
    (`ahead`).
    """

    answer: bool
    reason: Reason
    in_seconds: float | None
    windows: dict[str, float | None]
    ahead: Ahead


@dataclass(frozen=True, slots=True)
class NumberReport:
    """Everything that is known of one number; `queued` is the answer that waits for it or is being sent, if any."""

    originator: str
    identity: Identity
    correspondent: Correspondent
    outlook: NumberOutlook
    holds: tuple[Sending, ...]
    queued: Mapping[str, Any] | None


def report_number(db: Database, config: Config, text: str, now: Now) -> NumberReport:
    """Return the report of a number in any spelling; raises AddressError and UsageError where it is none."""
    identity = _identify(db, text, config.numbers.country)
    originator = identity.originator
    assert originator
    names = pseudonyms.both(db, originator)
    entries = correspondents.correspondents(db, Order.LAST, 0, shadow=config.mode is Mode.SHADOW, only=names)
    holds = holds_of(db, config)
    outlook = _outlook(db, config, identity, now, holds[0] if holds else FREE)
    queued = None
    if outlook.reason is Reason.PENDING:
        where = log.Filter(originator=originator, states=(AnswerState.QUEUED, AnswerState.SENDING))
        queued = next((contact["answer"] for contact in log.entries(db, where, 1)), None)
    return NumberReport(originator, identity, _together(entries, originator, config), outlook, holds, queued)


def _outlook(db: Database, config: Config, identity: Identity, now: Now, sending: Sending) -> NumberOutlook:
    """Return the outlook of a number by policy and windows; no time is promised while all answers are kept back."""
    limits, shadow = config.limits, config.mode is Mode.SHADOW
    rules = rules_of(db, config, sim_changed=sending.reason is HoldReason.SIM_CHANGED)
    history = attempts.history_of(db, identity.originator, shadow=shadow)
    verdict = policy.judge(policy.Contact(ContactKind.TEXT, identity, timedelta(0)), history, rules, now.limit)
    segments = plan(config.answer.text_after(history.answers), config.answer.encoding).segments
    known = history.answers > 0
    room = look_ahead(db, config, now).outlook(segments, known=known)
    windows = {name: None if at is None else at - now.limit for name, at in room.windows.items()}
    waits = [None if room.at is None else room.at - now.limit]
    if verdict.reason is Reason.COOLDOWN:
        waits.append(policy.cooldown_left(history, limits, now.limit) + config.answer.delay[0].total_seconds())
    elif not verdict.answer:
        waits.append(None)
    if sending.state is not SendingState.FREE:
        waits.append(None)
    in_seconds = None if None in waits else max(filter(None, waits), default=0.0)
    return NumberOutlook(verdict.answer, verdict.reason, in_seconds, windows, room.ahead)


def _identify(db: Database, text: str, country: str) -> Identity:
    """Return the identity of a number in any spelling, or of a name or short code that contacted the line."""
    if text.strip().lower() == log.WITHHELD:
        raise UsageError(
            "Nobody can tell those apart who withhold their number.",
            f"`hotlined log --number {log.WITHHELD}` shows what they sent.",
        )
    if known := correspondents.maybe_identity(db, text.strip()):
        return known
    return identify(Address(parse_number(text, country)[1:], Ton.INTERNATIONAL), country)


def _together(entries: Sequence[Correspondent], number: str, config: Config) -> Correspondent:
    """Add up the entries of a number and of its pseudonym."""
    return Correspondent(
        number=number,
        contacts=sum(entry.contacts for entry in entries),
        first_at=min((entry.first_at for entry in entries if entry.first_at), default=None),
        last_at=max((entry.last_at for entry in entries if entry.last_at), default=None),
        answers=sum(entry.answers for entry in entries),
        segments=sum(entry.segments for entry in entries),
        blocked=any(entry.blocked for entry in entries) or number in config.numbers.blocked,
        opted_out=any(entry.opted_out for entry in entries),
    )
