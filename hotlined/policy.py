"""The rules, pure: `judge` says whether a contact is to be answered, `gate` lets a queued answer out.

No modem, no SQL, no calendar: the callers bring what is known as values, and every moment is a reading of
the limit clock in seconds. What a text says is read in `recognition`. A refusal is a value with its reason,
never an exception.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hotlined.gsm.address import Identity, LineType
from hotlined.recognition import is_among
from hotlined.states import ContactKind

ANSWERABLE_LINES = frozenset({LineType.MOBILE, LineType.FIXED_OR_MOBILE})
ANSWERABLE_KINDS = frozenset({ContactKind.TEXT, ContactKind.CALL, ContactKind.MMS})
CENTRES = (LineType.SHORT_CODE, LineType.ALPHANUMERIC)
"""The senders of an operator's own texts and notifications: no person has one."""
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
    NO_ANSWER_TEXT = "no_answer_text"
    RESTORED = "restored"
    PERSON = "person"
    TOO_LONG = "too_long"
    SHADOW = "shadow"
    SET_ASIDE = "set_aside"


class AttemptCause(StrEnum):
    """Why an attempt at an answer ended as it did; the number of a +CMS ERROR is a cause, too (`cms_code`)."""

    ERROR = "error"
    """The modem said no, and gave no number."""
    NO_RESULT = "no_result"
    STOPPED = "stopped"
    """The daemon was told to end while a segment was being submitted."""
    CRASHED = "crashed"
    """The daemon ended while a segment was being submitted, within one boot."""
    REBOOTED = "rebooted"
    """The same, and the machine was started anew."""
    HALF = "half"
    """A part of the answer is proven to have left, and the rest may not follow."""
    RESTORED = "restored"
    """The answer waited in a backup that was restored: it may have left since."""


_CMS = "cms_"


def cms_code(cms: int) -> str:
    """Return the cause of an attempt for the number of a +CMS ERROR: cms_38."""
    return f"{_CMS}{cms}"


def maybe_cms(cause: str | None) -> int | None:
    """Return the number of a +CMS ERROR from the cause of an attempt; None for other causes."""
    number = cause.removeprefix(_CMS) if cause and cause.startswith(_CMS) else ""
    return int(number) if number.isdecimal() else None


class WaitingFor(StrEnum):
    """The reason that holds a queued answer back: the first of these that does."""

    DUE = "due"
    HELD = "held"
    PAUSED = "paused"
    NETWORK = "network"
    OUTAGE = "outage"
    CREDIT = "credit"
    COUNTRY_OUTAGE = "country_outage"
    RETRY = "retry"
    BUDGET_MONTH = "budget_month"
    BUDGET_DAY = "budget_day"
    BUDGET_HOUR = "budget_hour"
    RESERVE = "reserve"
    SEND_INTERVAL = "send_interval"


BUDGETS = {"hour": WaitingFor.BUDGET_HOUR, "day": WaitingFor.BUDGET_DAY, "month": WaitingFor.BUDGET_MONTH}
"""The reason for which an answer waits while a window is full, by the window."""
FULL_WINDOWS = frozenset({*BUDGETS.values(), WaitingFor.RESERVE})
"""The reasons that hold back one share of the queue, not the whole line."""


class Share(StrEnum):
    """The queue of an answer: its head waits for no other queue, and nobody in it passes its head."""

    NEW = "new"
    KNOWN = "known"
    BY_HAND = "by_hand"


class Windows(NamedTuple):
    """The budget of the SIM, in segments, for a sliding hour, day and 30 days; 0 means nothing."""

    hour: int = 60
    day: int = 300
    month: int = 3000


class Limits(NamedTuple):
    """The section `limits` of the configuration."""

    cooldown: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(days=7))
    per_number: int = 3
    segments: Windows = Windows()
    reserve_for_new: int = 50
    price_per_segment: Decimal | None = None
    currency: str = "EUR"


class Numbers(NamedTuple):
    """The section `numbers` of the configuration."""

    country: str = "BE"
    answer_countries: tuple[str, ...] = ("BE",)
    blocked: tuple[str, ...] = ()
    opt_out_words: tuple[str, ...] = ("stop", "stopp", "stoppen", "arret", "arretez")
    mms_centres: tuple[str, ...] = ()


class Rules(NamedTuple):
    """The facts on which a verdict depends beside the contact and its history."""

    limits: Limits
    numbers: Numbers
    max_age: timedelta
    max_segments: int = 255
    own_numbers: frozenset[str] = frozenset()
    sim_changed: bool = False
    answer_calls: bool = True
    text_countries: frozenset[str] | None = None
    """The countries whose numbers alone there is a text for; None where there is one for every number."""
    our_texts: tuple[str, ...] = ()
    """Our own texts, folded: `is_loop` compares received texts with them."""


class Contact(NamedTuple):
    """A text or a call that asks for an answer; `text` is folded, empty where there is none."""

    kind: str
    identity: Identity
    age: timedelta
    text: str = ""
    opts_out: bool = False
    """Whether its text is nothing but a word that opts out."""


class History(NamedTuple):
    """The history of one number: the answers that count, without the one that is being decided."""

    answers: int = 0
    last_answer: float | None = None
    pending: bool = False
    blocked: bool = False
    opted_out: bool = False
    other: str | None = None
    """Another address of the same contact, as an MMS notification has: a block of either holds."""
    same_texts: int = 0
    """How many earlier texts from this number were the same; looked at once it was answered."""
    hidden: bool = False
    """Whether there are pseudonyms that nobody can tell from this number: it may have had answers, or opted out."""
    answers_elsewhere: int = 0
    """How many of the answers are not in this database: other lines of the fleet sent them, or they were lost."""
    elsewhere: Mapping[Reason, tuple[str, ...]] = {}
    """The lines of the fleet that a refusal for this reason is due to, if it is not this line's own word."""

    @property
    def known(self) -> bool:
        """Whether this line has answered the number before, as far as is known. Others may use the reserve."""
        return self.answers > self.answers_elsewhere


class Verdict(NamedTuple):
    """Whether a contact is answered, and why."""

    answer: bool
    reason: Reason


class Queued(NamedTuple):
    """An answer before the gate; `segments` are those not yet submitted."""

    identity: Identity
    kind: str
    segments: int
    age: timedelta
    skips_number_limits: bool = False
    """Whether only blocks, opt-outs and age are asked about: a person wants it sent, or it is the rest of an answer."""
    by_hand: bool = False
    """Whether it is a text of a person's own: then an opt-out does not cancel it either."""
    begun: bool = False
    """Whether a segment of it has left already: its place in the windows is its own."""
    known: bool = False
    """Whether an earlier attempt of it may have left: its number is no new one."""
    has_text: bool = True
    """Whether a text is stored with it, or there is one for it now."""


class LineHold(StrEnum):
    """The reasons that hold back the line at the gate, or answers to a country; without any, nothing is held back."""

    PAUSED = "paused"
    BREAKER_OPEN = "breaker_open"
    """The breaker is open, and this is not its trial."""
    COUNTRY_OUT = "country_out"
    """The country waits by itself, and this is not its trial."""


class Spent(NamedTuple):
    """Segments counted in one window: all of them, and those to numbers that were answered before."""

    total: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Pass:
    """The answer may go; `known` says from which share it is counted."""

    known: bool


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
        (not _is_answered(contact.kind, rules), Reason.NOT_TEXT),
        (identity.originator in rules.own_numbers, Reason.OWN_NUMBER),
        (identity.e164 is None or identity.line_type not in ANSWERABLE_LINES, Reason.NOT_ANSWERABLE),
        (_blocked(identity.originator, history, rules), Reason.BLOCKED),
        (history.opted_out or contact.opts_out, Reason.OPTED_OUT),
        (is_loop(contact.text, history, rules), Reason.LOOP),
        (identity.country not in rules.numbers.answer_countries, Reason.COUNTRY),
        (rules.sim_changed, Reason.SIM_CHANGED),
        (not _has_text(identity.country, rules), Reason.NO_ANSWER_TEXT),
        (contact.age > rules.max_age, Reason.STALE),
        (history.pending, Reason.PENDING),
        (history.answers >= rules.limits.per_number, Reason.PER_NUMBER),
        (cooldown_left(history, rules.limits, now) > 0, Reason.COOLDOWN),
    )
    for refused, reason in refusals:
        if refused:
            return Verdict(answer=False, reason=reason)
    return Verdict(answer=True, reason=Reason.COOLDOWN_OVER if history.answers else Reason.FIRST_CONTACT)


def is_loop(text: str, history: History, rules: Rules) -> bool:
    """Tell whether a folded text was written by a machine that answers us, or is our own answer coming back.

    A machine (an out-of-office, another hotline) sends the same text again and again to each of our answers.
    """
    if is_among(text, rules.our_texts):
        return True
    often = 1 if len(text) >= LONG_TEXT else SAME_SHORT_TEXTS
    return bool(text) and history.answers > 0 and history.same_texts >= often


def _has_text(country: str | None, rules: Rules) -> bool:
    """Tell whether there is a text for numbers of a country."""
    return rules.text_countries is None or country in rules.text_countries


def _is_answered(kind: str, rules: Rules) -> bool:
    return kind in ANSWERABLE_KINDS and (kind != ContactKind.CALL or rules.answer_calls)


def gate(
    answer: Queued, history: History, spent: Mapping[str, Spent], rules: Rules, now: float, line: LineHold | None = None
) -> Gate:
    """Say whether a queued answer goes out, waits, or is cancelled, by the configuration and the history of now.

    `spent` holds the segments of all other answers by window name; `history` leaves the answer itself out. The
    verdict's questions are asked again, but for three (whether the contact can be answered, comes from a machine, or
    has an answer under way); whether the text is too long is asked here alone, for it is chosen only now.
    Of an answer that skips the number's limits, or whose first segment has left, only four are asked: whether the
    number is blocked, whether it opted out, and, before the first segment, whether the answer is stale or has no text.
    While history is hidden, whatever is not cancelled waits.
    """
    identity, fresh = answer.identity, not (answer.skips_number_limits or answer.begun)
    cancellations = (
        (_blocked(identity.originator, history, rules), Reason.BLOCKED),
        (history.opted_out and not answer.by_hand, Reason.OPTED_OUT),
        (answer.age > rules.max_age and not answer.begun, Reason.STALE),
        (not answer.has_text, Reason.NO_ANSWER_TEXT),
        (fresh and answer.segments > rules.max_segments, Reason.TOO_LONG),
        (fresh and not _is_answered(answer.kind, rules), Reason.NOT_TEXT),
        (fresh and identity.originator in rules.own_numbers, Reason.OWN_NUMBER),
        (fresh and identity.country not in rules.numbers.answer_countries, Reason.COUNTRY),
        (fresh and rules.sim_changed, Reason.SIM_CHANGED),
        (fresh and history.answers >= rules.limits.per_number, Reason.PER_NUMBER),
        (fresh and cooldown_left(history, rules.limits, now) > 0, Reason.COOLDOWN),
    )
    for cancelled, reason in cancellations:
        if cancelled:
            return Cancel(reason)
    if history.hidden:
        return Wait(WaitingFor.HELD)
    if line is LineHold.PAUSED:
        return Wait(WaitingFor.PAUSED)
    if line is not None and not answer.by_hand:
        return Wait(WaitingFor.OUTAGE if line is LineHold.BREAKER_OPEN else WaitingFor.COUNTRY_OUTAGE)
    known = history.known or answer.known
    if answer.begun:
        return Pass(known)
    full = full_window(answer.segments, spent, rules.limits, known=known)
    return Wait(full) if full else Pass(known)


def full_window(segments: int, spent: Mapping[str, Spent], limits: Limits, *, known: bool) -> WaitingFor | None:
    """Return what an answer of so many segments has to wait for: the longest window without room for it, or None."""
    for name in reversed(WINDOW_SECONDS):
        limit = getattr(limits.segments, name)
        if spent[name].total + segments > limit:
            return BUDGETS[name]
        if known and spent[name].known + segments > unreserved(limit, limits):
            return WaitingFor.RESERVE
    return None


def reserve(limit: int, limits: Limits) -> int:
    """Return how many segments of a window are only for numbers never answered before."""
    return math.floor(limit * limits.reserve_for_new / 100)


def unreserved(limit: int, limits: Limits) -> int:
    """Return how many segments of a window numbers that were answered before may take."""
    return limit - reserve(limit, limits)


def cooldown_left(history: History, limits: Limits, now: float) -> float:
    """Return for how many seconds more a number is not answered again."""
    if history.last_answer is None:
        return 0.0
    cooldown = limits.cooldown[min(history.answers, len(limits.cooldown)) - 1]
    return max(0.0, history.last_answer + cooldown.total_seconds() - now)


class AtFault(StrEnum):
    """The party that a refusal concerns, if it proves that nothing left."""

    LINE = "line"
    RECIPIENT = "recipient"
    EITHER = "either"


NETWORK_REFUSED = range(1, 128)  # TS 24.011 E-2
CENTRE_REFUSED = range(128, 256)  # TS 23.040 9.2.3.22
MODEM_REFUSED = range(300, 332)  # TS 27.005 3.2.5
CERTAINLY_NOT_SENT = (NETWORK_REFUSED, CENTRE_REFUSED, MODEM_REFUSED)
"""The numbers of +CMS ERROR by which nothing left. What else may come after Ctrl-Z proves nothing."""
# TS 24.011 E-2: unassigned number, destination out of order; TS 23.040 9.2.3.22: invalid address, destination barred
RECIPIENTS = frozenset({1, 27, 195, 196})
# TS 24.011 E-2: transfer rejected, unidentified subscriber, facility rejected, unknown subscriber
EITHERS = frozenset({21, 28, 29, 30})
# TS 24.011 E-2: operator determined barring, call barred, those above, facility not subscribed; TS 23.040 9.2.3.22: no
# subscription to the service centre
BARRED = EITHERS | {8, 10, 50, 193}

MOST_REFUSALS = 5
"""So many refusals of an answer that count (`Refusals`) are followed by another try; after one more it has failed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The network took a segment, under this reference (None where the make gives none)."""

    mr: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network said no: the number of its +CMS ERROR, and `detail` where there was none."""

    cms: int | None = None
    before_payload: bool = False
    """The modem refused before it had the segment."""
    detail: str = ""
    """The modem's words, or a `SubmitProblem`."""

    @property
    def cause(self) -> str:
        """The cause of its attempt."""
        return AttemptCause.ERROR if self.cms is None else cms_code(self.cms)

    @property
    def by_network(self) -> bool:
        """Whether the network or the service centre has refused it, with a number of its own."""
        return self.cms in NETWORK_REFUSED or self.cms in CENTRE_REFUSED

    @property
    def proves_not_sent(self) -> bool:
        """Whether nothing can have left."""
        return self.before_payload or any(self.cms in numbers for numbers in CERTAINLY_NOT_SENT)

    @property
    def fault(self) -> AtFault:
        """The party at fault."""
        if self.cms in RECIPIENTS:
            return AtFault.RECIPIENT
        return AtFault.EITHER if self.cms in EITHERS else AtFault.LINE


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the segment left."""

    cause: AttemptCause
    detail: str = ""


Result = Taken | Refused | Unknown
"""The result of handing a segment to the modem."""


class Fate(StrEnum):
    """The fate of a segment and its answer."""

    TAKEN = "taken"
    UNCONFIRMED = "unconfirmed"
    RETRY = "retry"
    """It waits for another try."""
    FAILED = "failed"


class Refusals(NamedTuple):
    """How often an answer was refused so far."""

    total: int = 0
    counted: int = 0
    """Refusals that use up a try. One does only if a segment to somebody else was taken since the refusal before it (in
    the same country, where that waits by itself), so an outage uses up none."""
    last_cms: int | None = None
    others_left: bool = True
    """Whether a segment to somebody else was taken since the last refusal."""

    def plus(self, refused: Refused) -> "Refusals":
        """Return them with one more."""
        return Refusals(self.total + 1, self.counted + self.others_left, refused.cms)


def fate(result: Result, refusals: Refusals) -> Fate:
    """Say what becomes of a segment after its result; `refusals` are those of its answer before."""
    if isinstance(result, Taken):
        return Fate.TAKEN
    if isinstance(result, Unknown) or not result.proves_not_sent:
        return Fate.UNCONFIRMED
    if result.fault is AtFault.RECIPIENT:
        return Fate.FAILED
    if result.fault is AtFault.EITHER and refusals.last_cms in EITHERS and refusals.others_left:
        return Fate.FAILED
    return Fate.FAILED if refusals.plus(result).counted > MOST_REFUSALS else Fate.RETRY


def _blocked(number: str | None, history: History, rules: Rules) -> bool:
    return history.blocked or not {number, history.other}.isdisjoint(rules.numbers.blocked)
