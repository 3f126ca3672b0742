"""The rules, pure: `judge` says whether a contact gets an answer, `gate` lets a queued answer out.

No modem, no SQL, no calendar: callers pass all facts as values, and every moment is a reading of the limit clock in
seconds. `recognition` reads the texts. A refusal is a value with its reason, never an exception.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hotlined.gsm.address import Identity, LineType
from hotlined.rules.recognition import is_among
from hotlined.states import ContactKind

ANSWERABLE_LINES = frozenset({LineType.MOBILE, LineType.FIXED_OR_MOBILE})
ANSWERABLE_KINDS = frozenset({ContactKind.TEXT, ContactKind.CALL, ContactKind.MMS})
CENTRES = (LineType.SHORT_CODE, LineType.ALPHANUMERIC)
"""The types of sender that operators use for their own texts and notifications; a person has none of them."""
LONG_TEXT = 40  # letters and digits: nobody types the same forty twice
SAME_SHORT_TEXTS = 3  # after three earlier texts that were the same, a short text is taken for a machine's

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
    SET_ASIDE = "set_aside"


class AttemptCause(StrEnum):
    """Why an attempt at an answer ended as it did; the number of a +CMS ERROR is a cause, too (`cms_code`)."""

    ERROR = "error"
    """The modem refused without a number."""
    NO_RESULT = "no_result"
    STOPPED = "stopped"
    """The daemon was asked to stop while a segment was being submitted."""
    CRASHED = "crashed"
    """The daemon ended unasked while a segment was being submitted; the machine did not restart."""
    REBOOTED = "rebooted"
    """The machine restarted while a segment was being submitted."""
    HALF = "half"
    """One segment of the answer is proven to have left, and the others may not follow it."""
    RESTORED = "restored"
    """The answer waited in a backup that was restored: it may have left after the backup was made."""


_CMS = "cms_"


def cms_code(cms: int) -> str:
    """Return the cause for the number of a +CMS ERROR, such as cms_38."""
    return f"{_CMS}{cms}"


def maybe_cms(cause: str | None) -> int | None:
    """Return the number of a +CMS ERROR from a cause that `cms_code` made; None for other causes."""
    number = (cause or "").removeprefix(_CMS)
    return int(number) if number.isdecimal() else None


class WaitingFor(StrEnum):
    """The reason that holds a queued answer back; if several do, the first in this order."""

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
"""The reason for which an answer waits while a window is full, by the name of the window."""
FULL_WINDOWS = frozenset({*BUDGETS.values(), WaitingFor.RESERVE})
"""The reasons that hold back one share of the queue, not the whole line."""


class Share(StrEnum):
    """The share of the queue that an answer is in: it waits only for the answers before it in the same share."""

    NEW = "new"
    KNOWN = "known"
    BY_HAND = "by_hand"


class Windows(NamedTuple):
    """The budget of the SIM, in segments, for a sliding hour, day and 30 days; with 0 nothing is sent."""

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
    opt_out_words: tuple[str, ...] = ()
    mms_centres: tuple[str, ...] = ()


class Rules(NamedTuple):
    """The facts of the line and its configuration on which a verdict depends, beside the contact and its history."""

    limits: Limits
    numbers: Numbers
    max_age: timedelta
    max_segments: int = 255
    own_numbers: frozenset[str] = frozenset()
    sim_changed: bool = False
    answer_calls: bool = True
    text_countries: frozenset[str] | None = None
    """The only countries that have a text of the answer; None if there is a text for every number."""
    our_texts: tuple[str, ...] = ()
    """The answers' texts, folded: `is_loop` compares received texts with them."""


class Contact(NamedTuple):
    """A text or a call that asks for an answer; `text` is folded, and empty if there is none."""

    kind: str
    identity: Identity
    age: timedelta
    text: str = ""
    opts_out: bool = False
    """Whether its text opts out (`recognition.opts_out`)."""


class History(NamedTuple):
    """The history of one number; `answers` are those that count for limits, without the one that is being decided.

    `store.line.history.history_of` fills all but `same_texts`. Only `answers.judge` adds that one: `reports.number` and
    `daemon.requesting` judge without it, because no text came.
    """

    answers: int = 0
    last_answer: float | None = None
    pending: bool = False
    blocked: bool = False
    opted_out: bool = False
    other: str | None = None
    """The second address of an MMS notification: a block of either address counts."""
    same_texts: int = 0
    """How many earlier texts from this number were the same; counted only once the number has had an answer."""
    hidden: bool = False
    """Whether pseudonyms may hide a part of this history, because their key is missing: earlier answers, an opt-out."""
    elsewhere: Mapping[Reason, tuple[str, ...]] = {}
    """By the reason of a refusal, the other lines of the fleet that decided it; without an entry this line did."""

    @property
    def known(self) -> bool:
        """Whether this line is known to have answered the number before. Only other numbers may use the reserve."""
        return self.answers > 0


class Verdict(NamedTuple):
    """Whether a contact is answered, and why."""

    answer: bool
    reason: Reason


class Queued(NamedTuple):
    """An answer before the gate; `segments` is the number of segments that were not yet submitted."""

    identity: Identity
    kind: str
    segments: int
    age: timedelta
    skips_number_limits: bool = False
    """Whether only blocks, opt-outs and age can cancel it: a person wants it sent, or it is the rest of an answer."""
    by_hand: bool = False
    """Whether a person wrote it: an opt-out does not cancel such a text, but a block does."""
    begun: bool = False
    """Whether one of its segments has left: the windows then count the whole answer already."""
    known: bool = False
    """Whether an earlier attempt of it may have left: its number then counts as answered before."""
    has_text: bool = True
    """Whether a text is stored with it, or the configuration has one for it now."""


class LineHold(StrEnum):
    """The reason that holds back all answers of the line at the gate, or all answers to a country."""

    PAUSED = "paused"
    BREAKER_OPEN = "breaker_open"
    """The line's breaker is open, and the answer is not its trial."""
    COUNTRY_OUT = "country_out"
    """The country waits by itself, and the answer is not its trial."""


class Spent(NamedTuple):
    """Segments counted in one window: all of them, and those to numbers that were answered before."""

    total: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Pass:
    """The answer may go; `known` says whether it counts as one to a number that was answered before."""

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
    """Decide whether a contact gets an answer; `now` is a reading of the limit clock.

    The order: first whether the contact can be answered at all, then what people decided, then the limits.
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
    """Tell whether a folded text comes from a machine that answers us, or is our own answer that comes back.

    A machine (an out-of-office reply, another hotline) sends the same text after each of our answers.
    """
    if is_among(text, rules.our_texts):
        return True
    often = 1 if len(text) >= LONG_TEXT else SAME_SHORT_TEXTS
    return bool(text) and history.same_texts >= often


def _has_text(country: str | None, rules: Rules) -> bool:
    return rules.text_countries is None or country in rules.text_countries


def _is_answered(kind: str, rules: Rules) -> bool:
    return kind in ANSWERABLE_KINDS and (kind != ContactKind.CALL or rules.answer_calls)


def gate(
    answer: Queued, history: History, spent: Mapping[str, Spent], rules: Rules, now: float, line: LineHold | None = None
) -> Gate:
    """Decide whether a queued answer goes out, waits, or is cancelled, by the present configuration and history.

    `spent` holds the segments of all other answers by window name; `history` leaves the answer itself out. The gate
    asks the questions of the verdict again, except whether the contact can be answered at all, whether it comes from a
    machine, and whether another answer is under way. Only the gate asks whether the text is too long, because
    the text is chosen only now.

    An answer that skips the number's limits, or whose first segment has left, is asked only four questions: is the
    number blocked, has it opted out, and, before the first segment, is the answer stale or without a text.
    While a part of the history is hidden, an answer that is not cancelled waits.
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
    """Return the longest window that has no room for these segments: the answer waits for it. None if all have room.

    `known` says whether the number was answered before: such a number may not use the reserve.
    """
    for name in reversed(WINDOW_SECONDS):
        limit = getattr(limits.segments, name)
        if spent[name].total + segments > limit:
            return BUDGETS[name]
        if known and spent[name].known + segments > unreserved(limit, limits):
            return WaitingFor.RESERVE
    return None


def reserve(limit: int, limits: Limits) -> int:
    """Return how many segments of a window are reserved for numbers that were never answered."""
    return math.floor(limit * limits.reserve_for_new / 100)


def unreserved(limit: int, limits: Limits) -> int:
    """Return how many segments of a window numbers that were answered before may take."""
    return limit - reserve(limit, limits)


def cooldown_left(history: History, limits: Limits, now: float) -> float:
    """Return the seconds until the cooldown of a number is over; 0 if it is."""
    if history.last_answer is None:
        return 0.0
    cooldown = limits.cooldown[min(history.answers, len(limits.cooldown)) - 1]
    return max(0.0, history.last_answer + cooldown.total_seconds() - now)


class AtFault(StrEnum):
    """The party that causes a refusal: the line, the recipient, or one of them."""

    LINE = "line"
    RECIPIENT = "recipient"
    EITHER = "either"


# TS 24.011 E-2, without 38: a switch also says it if the service centre, which may have the text, did not answer it in
# time (TS 23.540, TS 23.040 clause 11)
NETWORK_REFUSED = frozenset({*range(1, 128)} - {38})
CENTRE_REFUSED = range(128, 256)  # TS 23.040 9.2.3.22
MODEM_REFUSED = range(300, 332)  # TS 27.005 3.2.5
CERTAINLY_NOT_SENT = (NETWORK_REFUSED, CENTRE_REFUSED, MODEM_REFUSED)
"""The numbers of +CMS ERROR that prove that nothing left. Any other result after Ctrl-Z proves nothing."""
# TS 24.011 E-2: destination out of order; TS 23.040 9.2.3.22: invalid address, destination barred
RECIPIENTS = frozenset({27, 195, 196})
# TS 24.011 E-2: unassigned number (TS 23.540: also an unknown service centre), transfer rejected, unidentified
# subscriber, facility rejected, unknown subscriber
EITHERS = frozenset({1, 21, 28, 29, 30})
# TS 24.011 E-2: operator determined barring, call barred, those above but the first, facility not subscribed; TS 23.040
# 9.2.3.22: no subscription to the service centre
BARRED = EITHERS - {1} | {8, 10, 50, 193}

MOST_REFUSALS = 5
"""The most refusals of an answer that are followed by another try; one more and it failed (see `Refusals.counted`)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The network took a segment; `mr` is its message reference, None if the make of modem gives none."""

    mr: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network refused a segment; `cms` is the number of its +CMS ERROR."""

    cms: int | None = None
    before_payload: bool = False
    """Whether the modem refused before it had the segment."""
    detail: str = ""
    """The modem's words, or a `SubmitProblem`, where there was no number."""

    @property
    def cause(self) -> str:
        """The cause that the attempt ends with."""
        return AttemptCause.ERROR if self.cms is None else cms_code(self.cms)

    @property
    def by_network(self) -> bool:
        """Whether the network or the service centre refused it, with a number of its own."""
        return self.cms in NETWORK_REFUSED or self.cms in CENTRE_REFUSED

    @property
    def proves_not_sent(self) -> bool:
        """Whether the segment certainly did not leave."""
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
    """The fate of a segment, and of its answer."""

    TAKEN = "taken"
    UNCONFIRMED = "unconfirmed"
    RETRY = "retry"
    """The answer waits for another try."""
    FAILED = "failed"


class Refusals(NamedTuple):
    """How often an answer was refused so far."""

    total: int = 0
    counted: int = 0
    """The refusals that use up a try. A refusal does so only if the network took a segment to somebody else since the
    refusal before it (a segment to the same country, while that country waits by itself). So an outage uses up none."""
    last_cms: int | None = None
    others_left: bool = True
    """Whether the network took such a segment since the last refusal."""

    def plus(self, refused: Refused) -> "Refusals":
        """Return these refusals with one more."""
        return Refusals(self.total + 1, self.counted + self.others_left, refused.cms)


def fate(result: Result, refusals: Refusals) -> Fate:
    """Decide what becomes of a segment after its result; `refusals` are the earlier ones of its answer."""
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
