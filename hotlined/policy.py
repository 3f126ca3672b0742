"""The rules, pure: `judge` says whether a contact is to be answered, `gate` lets a queued answer out.

No modem, no SQL, no calendar: the callers bring what is known as values, and every moment is a reading of
the limit clock in seconds. A refusal is a value with its reason, never an exception.
"""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from hotlined.gsm.address import Identity, LineType

ANSWERABLE_LINES = frozenset({LineType.MOBILE, LineType.FIXED_OR_MOBILE, LineType.PERSONAL})
ANSWERABLE_KINDS = frozenset({"text", "call", "mms"})
SHARED_RUN = 24
"""So many letters and digits in a row in common with our answer, about five words: it is coming back."""
LONG_TEXT = 40  # letters and digits: nobody types the same forty twice
SAME_SHORT_TEXTS = 3  # how often a number may have sent the same short text before it is taken for a machine

WINDOW_SECONDS = {"hour": 3600.0, "day": 86400.0, "month": 30 * 86400.0}


class Reason(StrEnum):
    """Why a contact is answered or not, and why a queued answer was cancelled."""

    FIRST_CONTACT = "first_contact"
    COOLDOWN_OVER = "cooldown_over"
    PENDING = "pending"
    COOLDOWN = "cooldown"
    PER_NUMBER = "per_number"
    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"
    COUNTRY = "country"
    NOT_ANSWERABLE = "not_answerable"
    OWN_NUMBER = "own_number"
    LOOP = "loop"
    STALE = "stale"
    NOT_TEXT = "not_text"
    SIM_CHANGED = "sim_changed"
    RESTORED = "restored"
    PERSON = "person"


class WaitingFor(StrEnum):
    """What a queued answer waits for."""

    DUE = "due"
    SEND_INTERVAL = "send_interval"
    BUDGET_HOUR = "budget_hour"
    BUDGET_DAY = "budget_day"
    BUDGET_MONTH = "budget_month"
    RESERVE = "reserve"
    NETWORK = "network"
    CREDIT = "credit"
    PAUSED = "paused"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Windows:
    """What the SIM may spend, in segments, in a sliding hour, day and 30 days; 0 means nothing."""

    hour: int = 60
    day: int = 300
    month: int = 3000


@dataclass(frozen=True, slots=True)
class Limits:
    """The section `limits` of the configuration."""

    cooldown: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(days=7))
    per_number: int = 3
    segments: Windows = field(default_factory=Windows)
    reserve_for_new: int = 50
    price_per_segment: Decimal = Decimal("0.05")
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The section `numbers` of the configuration."""

    country: str = "BE"
    answer_countries: tuple[str, ...] = ("BE", "FR", "NL", "LU", "DE")
    blocked: tuple[str, ...] = ()
    opt_out_words: tuple[str, ...] = ("stop", "arret", "stoppen")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a verdict depends on beside the contact and its history."""

    limits: Limits
    numbers: Numbers
    max_age: timedelta
    own_numbers: frozenset[str] = frozenset()
    sim_changed: bool = False
    answer_calls: bool = True
    our_texts: tuple[str, ...] = ()
    """What we answer, folded: the guard knows it when it comes back."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A text or a call that asks for an answer; `text` is folded, empty where there is none."""

    kind: str
    identity: Identity
    age: timedelta
    text: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one number: the answers that count, without the one that is being decided."""

    answers: int = 0
    last_answer: float | None = None
    pending: bool = False
    blocked: bool = False
    opted_out: bool = False
    same_texts: int = 0
    """How many earlier texts from this number were the same; looked at once it was answered."""
    hidden: bool = False
    """Whether there are pseudonyms that nobody can tell from this number: it may have had answers, or opted out."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a contact is answered, and why."""

    answer: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Queued:
    """An answer before the gate; `segments` are those not yet submitted."""

    recipient: str
    segments: int
    age: timedelta
    by_person: bool = False
    begun: bool = False
    """Whether a segment has left already: then it is finished, whatever its age."""
    known: bool = False
    """Whether an earlier attempt of it may have left: its number is no new one."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Segments counted in one window: all of them, and those to numbers that were answered before."""

    total: int = 0
    returning: int = 0


@dataclass(frozen=True, slots=True)
class Pass:
    """The answer may go; `returning` says from which share it is counted."""

    returning: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """The answer stays queued."""

    waiting_for: WaitingFor


@dataclass(frozen=True, slots=True)
class Cancel:
    """The answer is never sent."""

    reason: Reason


Gate = Pass | Wait | Cancel


def judge(contact: Contact, history: History, rules: Rules, now: float) -> Verdict:
    """Say whether a contact is to be answered; `now` is a reading of the limit clock.

    Whether the contact can be answered at all comes first, then what people decided, then limits.
    """
    identity = contact.identity
    refusals = (
        (contact.kind not in ANSWERABLE_KINDS, Reason.NOT_TEXT),
        (contact.kind == "call" and not rules.answer_calls, Reason.NOT_TEXT),
        (identity.originator in rules.own_numbers, Reason.OWN_NUMBER),
        (identity.e164 is None or identity.line_type not in ANSWERABLE_LINES, Reason.NOT_ANSWERABLE),
        (_blocked(identity.originator, history, rules), Reason.BLOCKED),
        (history.opted_out or opts_out(contact.text, history, rules), Reason.OPTED_OUT),
        (is_loop(contact.text, history, rules), Reason.LOOP),
        (identity.country not in rules.numbers.answer_countries, Reason.COUNTRY),
        (rules.sim_changed, Reason.SIM_CHANGED),
        (contact.age > rules.max_age, Reason.STALE),
        (history.pending, Reason.PENDING),
        (history.answers >= rules.limits.per_number, Reason.PER_NUMBER),
        (cooldown_left(history, rules.limits, now) > 0, Reason.COOLDOWN),
    )
    for refused, reason in refusals:
        if refused:
            return Verdict(answer=False, reason=reason)
    return Verdict(answer=True, reason=Reason.COOLDOWN_OVER if history.answers else Reason.FIRST_CONTACT)


def fold(text: str) -> str:
    """Put case, accents, blanks and punctuation aside: what is left are letters and digits.

    An œ is written oe, as on the air, so that our answer is known when it comes back.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    return "".join(character for character in decomposed if character.isalnum())


def opts_out(text: str, history: History, rules: Rules) -> bool:
    """Tell whether a folded text is nothing but a word that opts out, from a number that had or may have had an answer.

    A first contact that says "stop" is a contact like any other.
    """
    return (history.answers > 0 or history.hidden) and text in {fold(word) for word in rules.numbers.opt_out_words}


def is_loop(text: str, history: History, rules: Rules) -> bool:
    """Tell whether a folded text was written by a machine that answers us, or is our own answer coming back.

    Our answer is known by a long run in common, so also shortened, quoted or with something in front. A machine (an
    out-of-office, another hotline) sends the same text again and again to each of our answers.
    """
    if any(_shares_a_run(text, ours) for ours in rules.our_texts):
        return True
    often = 1 if len(text) >= LONG_TEXT else SAME_SHORT_TEXTS
    return bool(text) and history.answers > 0 and history.same_texts >= often


def _shares_a_run(text: str, ours: str) -> bool:
    run = min(SHARED_RUN, len(ours))
    return run > 0 and any(text[start : start + run] in ours for start in range(len(text) - run + 1))


def gate(
    answer: Queued,
    history: History,
    spent: Mapping[str, Spent],
    rules: Rules,
    now: float,
    *,
    paused: bool = False,
) -> Gate:
    """Let a queued answer out, keep it, or cancel it, whatever was true when it was queued.

    `spent` holds the segments of all other answers by window name. An answer that a person asked for by hand is
    held to the windows and the block alone. An answer of which a segment has left already is finished if the windows
    allow it; its own count is not part of `history`. While history is hidden all wait.
    """
    if _blocked(answer.recipient, history, rules):
        return Cancel(Reason.BLOCKED)
    if not answer.by_person:
        cancellations = (
            (history.opted_out, Reason.OPTED_OUT),
            (rules.sim_changed, Reason.SIM_CHANGED),
            (answer.age > rules.max_age and not answer.begun, Reason.STALE),
            (history.answers >= rules.limits.per_number, Reason.PER_NUMBER),
            (cooldown_left(history, rules.limits, now) > 0, Reason.COOLDOWN),
        )
        for cancelled, reason in cancellations:
            if cancelled:
                return Cancel(reason)
    if paused or history.hidden:
        return Wait(WaitingFor.PAUSED)
    returning = history.answers > 0 or answer.known
    short = short_window(answer.segments, spent, rules.limits, returning=returning)
    return Wait(short) if short else Pass(returning)


def short_window(segments: int, spent: Mapping[str, Spent], limits: Limits, *, returning: bool) -> WaitingFor | None:
    """Return the window that has no room for so many more segments, the longest first, or None."""
    for name in reversed(WINDOW_SECONDS):
        limit = getattr(limits.segments, name)
        if spent[name].total + segments > limit:
            return WaitingFor(f"budget_{name}")
        if returning and spent[name].returning + segments > limit - reserve(limit, limits):
            return WaitingFor.RESERVE
    return None


def reserve(limit: int, limits: Limits) -> int:
    """Return how many segments of a window are only for numbers never answered before."""
    return math.floor(limit * limits.reserve_for_new / 100)


def cooldown_left(history: History, limits: Limits, now: float) -> float:
    """Return for how many seconds more a number is not answered again."""
    if history.last_answer is None:
        return 0.0
    cooldown = limits.cooldown[min(history.answers, len(limits.cooldown)) - 1]
    return max(0.0, history.last_answer + cooldown.total_seconds() - now)


def _blocked(number: str | None, history: History, rules: Rules) -> bool:
    return history.blocked or number in rules.numbers.blocked
