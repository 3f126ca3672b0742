"""Says what a line did wrong, from facts alone: contacts, decisions, submissions and their times.

It imports nothing of hotlined, reads no database and believes no count: a rewrite of rules and store is judged by the
same facts. Where a promise leaves room, only what breaks every reading of it is wrong.

Known to be wrong: a low balance is not a fact here, so a breaker opened by it is not judged; neither is the order of
trials and of texts by hand, nor a fleet.
"""

import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile

WINDOWS = {"hour": 3600, "day": 86400, "month": 30 * 86400}  # seconds

RECIPIENTS_FAULT = frozenset({27, 195, 196})  # +CMS ERROR: network or centre do not know the recipient
EITHERS_FAULT = frozenset({1, 21, 28, 29, 30})  # the recipient's fault or the line's: one of them proves neither
PROVES_NOTHING = frozenset({38})  # the network says it, too, if the centre that has the text did not answer in time

TRIAL_PAUSES = (60, 300, 900, 3600)  # seconds before each trial while the breaker is open; the last repeats
TRIALS_AT_ONCE = 3
LATELY_SECONDS = 3 * 3600  # within this time after a success, refusals by network or centre say nothing about the line
NUMBERS_OF_THE_NETWORK = range(1, 256)  # +CMS ERROR
SHARED_FROM = 3  # from this round on, countries in outage share one trial in the last pause
BETWEEN_TRIALS_SECONDS = 300  # also after a reason for hope
ROW = 3  # failed answers in a row, to different recipients
LATEST, MOST_FAILURES = 10, 6
LONGEST = 2  # segments of an answer in written histories
LOST_SECONDS = 7200  # of the time powered on that the line's own clock may lose by a boot
LATE_SECONDS = 3600  # a later result continues no answer
RETRY_PAUSES = (60, 300, 900, 3600)  # seconds after each refusal of an answer; the last repeats
MOST_REFUSALS = 6  # of an answer, while other answers leave
SAME_LONG, LONG, SAME_SHORT, LATEST_TEXTS = 1, 40, 3, 20  # a machine sends the same text after each answer

OPT_OUT_WORDS = (
    *("stop", "stopp", "stoppe", "stoppen", "stoppez", "arret", "arrete", "arretes", "arreter", "arretez"),
    *("unsubscribe", "desabonner", "desinscrire", "afmelden", "hou op", "stop ermee"),
)
POLITE_WORDS = (
    *("sms", "ok", "oui", "non", "merci", "beaucoup", "pardon", "desole", "desolee", "sorry", "svp", "stp"),
    *("s'il vous plait", "s'il te plait", "aub", "alstublieft", "alsjeblieft", "please", "thanks", "bitte", "danke"),
)

CALLING_CODES = {"BE": "32", "FR": "33", "NL": "31", "LU": "352", "DE": "49", "GB": "44", "MA": "212", "ES": "34"}
"""ITU-T E.164, for the countries in histories."""
MOBILES = {"BE": "4", "FR": "[67]", "NL": "6", "LU": "6", "DE": "1[567]", "GB": "7[1-57-9]", "MA": "[67]", "ES": "[67]"}
"""First digits of mobile numbers there; other numbers cannot receive texts, or cost any price."""


# ---- facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened; `at` in seconds powered on, in all boots."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured(Fact):
    """A configuration comes into force: segments a window, percent, seconds, answers a number."""

    hour: int = 60
    day: int = 300
    month: int = 3000
    reserve_percent: int = 50
    cooldowns: tuple[float, ...] = (86400, 7 * 86400)
    per_number: int = 3
    opt_out_words: tuple[str, ...] = ()
    """They opt out, too."""
    answer_countries: tuple[str, ...] | None = None
    """None: not judged."""
    blocked: tuple[str, ...] = ()
    max_age: float | None = None
    """None: not judged."""
    interval: float = 0
    """Seconds between two segments."""
    texts: tuple[tuple[str, ...], ...] | None = None
    """Variants of the first answer to a number, the second …; the last ones repeat. None: not judged."""
    max_segments: int = 255
    own_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Fact):
    """A text or call is whole; `contact` is its serial number, `number` the recipient of an answer.

    `sender` is the originating address if that is another one (an MMS notification's centre or phone).
    """

    contact: int
    number: str
    text: str = ""
    kind: str = "text"
    delivered_again: bool = False
    """The same bytes came before: nobody wrote anything."""
    sender: str | None = None
    delay: float = 0
    """Seconds until its answer is due."""
    old: float = 0
    """Seconds from the centre's time stamp to the newest moment that was known when it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised(Fact):
    """The line decided to answer a contact."""

    answer: int
    contact: int
    segments: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested(Fact):
    """The line had nothing to submit when asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Fact):
    """A person decided that this number is never answered."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocked(Fact):
    """A person decided that this number is like any other again."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedIn(Fact):
    """A person lifted the opt-out of this number."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Fact):
    """A person paused the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Fact):
    """A person resumed the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoped(Fact):
    """The line may work again: registration regained after ten minutes, another SIM adopted, credit topped up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued(Fact):
    """A person requeued an answer, and was not refused."""

    answer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Fact):
    """A person cancelled an answer, and was not refused."""

    answer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand(Fact):
    """A person sent a text to a number, and was not refused."""

    answer: int
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Fact):
    """A person erased somebody; the number is a new one from then on, but its opt-out stays."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Fact):
    """The modem was given a segment to transmit, with this result.

    taken: +CMGS. refused: nothing can have left, unless `cause` proves nothing. unknown: it may have left. crash: the
    program ended during the submission, and it may have left.
    """

    answer: int
    contact: int | None
    """The answered contact; None for a text by hand."""
    number: str
    attempt: int = 1
    """1, and one more for each requeue."""
    sequence: int = 1
    total: int = 1
    by: str = "line"
    """line, requeue, hand (a typed text) or try (the first answer, to a person's own phone)."""
    outcome: str = "taken"
    cause: int | None = None
    """+CMS ERROR, if there was one."""
    text: str | None = None
    """The words of the segment; None: not judged."""

    @property
    def left(self) -> bool:
        """Whether it may have left."""
        return self.outcome != "refused" or self.cause in PROVES_NOTHING

    @property
    def by_hand(self) -> bool:
        """Whether it is a text by hand."""
        return self.by in ("hand", "answer")

    @property
    def key(self) -> tuple[int, int, int]:
        """Answer, attempt and sequence: this key must never leave twice."""
        return self.answer, self.attempt, self.sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class LateTaken(Fact):
    """The result of a segment came after its time limit, or a status report proves that it left."""

    answer: int
    attempt: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Fact):
    """The line says that a segment of an answer to a number was sent, or that it has arrived or will not."""

    number: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged(Fact):
    """Texts that came before were erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Fact):
    """The program ended and started again, in the same boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooted(Fact):
    """The machine was off and is on again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSet(Fact):
    """The machine's calendar was set: by it, what waits may be too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored(Fact):
    """A backup was restored: the line has lost everything after `copied_at`."""

    copied_at: float


History = Sequence[Fact]
Rule = Callable[[History], Iterator[str]]


# ---- rules


def windows(facts: History) -> Iterator[str]:
    """Check that in any hour, day or 30 days no more segments left than the limits in force allowed.

    A segment counts from its submission if it may have left. An answer is finished under the limits at its beginning.
    """
    left: dict[str, deque[float]] = {name: deque() for name in WINDOWS}
    for fact, limits in _limited(facts):
        for name, seconds in WINDOWS.items():
            recent = _recent(left[name], fact.at - seconds)
            if len(recent) >= (limit := max(getattr(each, name) for each in limits)):
                yield _say(fact, f"{len(recent) + 1} segments in the {name}, and the limit is {limit}")
            if fact.left:
                recent.append(fact.at)


def reserve(facts: History) -> Iterator[str]:
    """Check that numbers answered before have at most the share that is not reserved for new ones.

    Of texts by hand, tries count in it; a typed one does if its number was answered before.
    """
    answered = _Answered()
    known: dict[str, deque[float]] = {name: deque() for name in WINDOWS}
    judged = {id(fact): limits for fact, limits in _limited(facts)}
    for fact in facts:
        if isinstance(fact, Submitted) and (fact.by == "answer" or answered.before(fact)):
            for name, seconds in WINDOWS.items():
                recent = _recent(known[name], fact.at - seconds)
                share = max(_share_of_known(getattr(each, name), each.reserve_percent) for each in judged[id(fact)])
                if len(recent) >= share:
                    yield _say(fact, f"{len(recent) + 1} to known numbers in the {name}, and their share is {share}")
                if fact.left:
                    recent.append(fact.at)
        answered.learn(fact)


def cap(facts: History) -> Iterator[str]:
    """Check that no number has more answers by the line than allowed; requeued ones are exempt, but count."""
    for fact, limits, earlier in _begun(facts):
        if len(earlier) >= limits.per_number:
            yield _say(fact, f"answer {len(earlier) + 1} to the number, and it may have {limits.per_number}")


def cooldown(facts: History) -> Iterator[str]:
    """Check that no number is answered sooner after its previous answer than its cooldown allows."""
    for fact, limits, earlier in _begun(facts):
        seconds = limits.cooldowns[min(len(earlier), len(limits.cooldowns)) - 1]
        elapsed = fact.at - max(earlier.values(), default=0.0)
        if earlier and elapsed < seconds:
            yield _say(fact, f"{elapsed:.12g} s after the previous answer, and the cooldown is {seconds:.12g} s")


def block(facts: History) -> Iterator[str]:
    """Check that nothing is submitted to a blocked number, also by hand, or to a contact sent from one."""
    blocked: set[str] = set()
    senders: dict[int, str] = {}
    for fact, limits in _configured(facts):
        match fact:
            case Received(sender=str(sender)):
                senders[fact.contact] = sender
            case Blocked():
                blocked.add(fact.number)
            case Unblocked() | Forgotten():
                blocked.discard(fact.number)
            case Submitted():
                for number in {fact.number, senders.get(fact.contact or 0, fact.number)}:
                    if number in blocked or number in limits.blocked:
                        yield _say(fact, f"{number} is blocked")
            case _:
                pass


def opt_out(facts: History) -> Iterator[str]:
    """Check that only texts by hand are submitted to a number that has opted out, at any time."""
    opted_out: set[str] = set()
    senders: dict[int, str] = {}
    for fact, limits in _configured(facts):
        match fact:
            case Received():
                senders[fact.contact] = fact.sender or fact.number
                if not fact.delivered_again and opts_out(fact.text, limits.opt_out_words):
                    opted_out.add(senders[fact.contact])
            case OptedIn():
                opted_out.discard(fact.number)
            case Submitted() if fact.by != "hand":
                for number in {fact.number, senders.get(fact.contact or 0, fact.number)} & opted_out:
                    yield _say(fact, f"{number} has opted out")
            case _:
                pass


def pause(facts: History) -> Iterator[str]:
    """Check that nothing is submitted while the line is paused."""
    paused = False
    for fact in facts:
        match fact:
            case Paused():
                paused = True
            case Resumed():
                paused = False
            case Submitted() if paused:
                yield _say(fact, "the line is paused")
            case _:
                pass


def country(facts: History) -> Iterator[str]:
    """Check that the line begins no answer to a country that the configuration in force does not answer."""
    begun: set[tuple[int, int]] = set()
    for fact, limits in _configured(facts):
        if not isinstance(fact, Submitted):
            continue
        countries = limits.answer_countries
        if fact.by == "line" and countries is not None and fact.key[:2] not in begun:
            codes = tuple(f"+{CALLING_CODES[name]}" for name in countries)
            if not fact.number.startswith(codes):
                yield _say(fact, f"{fact.number} is in none of {', '.join(countries)}")
        if fact.left:
            begun.add(fact.key[:2])


def stale(facts: History) -> Iterator[str]:
    """Check that the line begins no answer later after its contact than allowed."""
    arrived: dict[int | None, float] = {}
    begun: set[tuple[int, int]] = set()
    for fact, limits in _configured(facts):
        if isinstance(fact, Received) and not fact.delivered_again:
            arrived.setdefault(fact.contact, fact.at - fact.old)
        if not isinstance(fact, Submitted):
            continue
        age = fact.at - arrived.get(fact.contact, fact.at)
        if fact.by == "line" and fact.key[:2] not in begun and limits.max_age is not None and age > limits.max_age:
            yield _say(fact, f"it is {age:.12g} s old, and the oldest that may be answered is {limits.max_age:.12g} s")
        if fact.left:
            begun.add(fact.key[:2])


def at_most_once(facts: History) -> Iterator[str]:
    """Check that no segment that may have left is submitted again, and that no attempt is made without a requeue.

    No attempt is made once the latest is known to have left whole, either. A restored backup has lost facts; segments
    that left stay left.
    """
    left: set[tuple[int, int, int]] = set()
    latest: dict[int, int] = defaultdict(lambda: 1)
    asked: dict[int, int] = defaultdict(lambda: 1)
    totals: dict[tuple[int, int], int] = {}
    known: dict[tuple[int, int], set[int]] = defaultdict(set)
    whole: set[int] = set()
    for fact in facts:
        if isinstance(fact, Requeued):
            asked[fact.answer] += 1
            whole.discard(fact.answer)
        if isinstance(fact, Submitted) and fact.answer in whole:
            yield _say(fact, "all of it is known to have left")
        if isinstance(fact, LateTaken) or (isinstance(fact, Submitted) and fact.outcome == "taken"):
            if isinstance(fact, Submitted):
                totals[fact.key[:2]] = fact.total
            attempt = fact.answer, fact.attempt
            known[attempt].add(fact.sequence)
            if fact.attempt >= latest[fact.answer] and len(known[attempt]) == totals.get(attempt, 0):
                whole.add(fact.answer)
        if not isinstance(fact, Submitted):
            continue
        totals[fact.key[:2]] = fact.total
        if fact.key in left:
            yield _say(fact, "it may have left before")
        if fact.attempt > asked[fact.answer]:
            yield _say(fact, "nobody asked for this attempt")
        if fact.attempt < latest[fact.answer]:
            yield _say(fact, "a later attempt was made already")
        if (fact.attempt > 1) != (fact.by == "requeue"):
            yield _say(fact, f"attempt {fact.attempt} is said to be by {fact.by}")
        latest[fact.answer] = max(latest[fact.answer], fact.attempt)
        if fact.left:
            left.add(fact.key)


def in_order(facts: History) -> Iterator[str]:
    """Check that a segment leaves only after the previous one was accepted, or proven within an hour to have left.

    In between, nothing else went to the number.
    """
    taken: set[tuple[int, int, int]] = set()
    submitted: dict[tuple[int, int, int], Submitted] = {}
    totals: dict[tuple[int, int], int] = {}
    latest: dict[str, Submitted] = {}
    for fact in facts:
        if isinstance(fact, LateTaken):
            segment = submitted.get((fact.answer, fact.attempt, fact.sequence))
            if segment and fact.at - segment.at <= LATE_SECONDS and latest[segment.number] is segment:
                taken.add(segment.key)
        if not isinstance(fact, Submitted):
            continue
        if not 1 <= fact.sequence <= fact.total or totals.setdefault(fact.key[:2], fact.total) != fact.total:
            yield _say(fact, "these are not the segments that it began with")
        if fact.sequence > 1 and (*fact.key[:2], fact.sequence - 1) not in taken:
            yield _say(fact, "the segment before it was not taken")
        if fact.outcome == "taken":
            taken.add(fact.key)
        elif fact.sequence == 1 and not fact.left:  # it waits again and no segment has left: it is composed anew
            totals.pop(fact.key[:2])
        submitted[fact.key] = latest[fact.number] = fact


def cancelled(facts: History) -> Iterator[str]:
    """Check that no segment of a cancelled answer is submitted until it is requeued."""
    ended: set[int] = set()
    for fact in facts:
        match fact:
            case Cancelled():
                ended.add(fact.answer)
            case Requeued():
                ended.discard(fact.answer)
            case Submitted() if fact.answer in ended:
                yield _say(fact, "a person has cancelled it")
            case _:
                pass


def delay(facts: History) -> Iterator[str]:
    """Check that no answer goes before its drawn delay, also after a requeue if nothing of it has left."""
    due: dict[int | None, float] = {}
    left: set[int] = set()
    for fact in facts:
        if isinstance(fact, Received) and not fact.delivered_again:
            due.setdefault(fact.contact, fact.at + fact.delay)
        if not isinstance(fact, Submitted):
            continue
        if fact.answer not in left and fact.at < due.get(fact.contact, fact.at):
            yield _say(fact, f"it is due at {due[fact.contact]:.12g} s")
        if fact.left:
            left.add(fact.answer)


def interval(facts: History) -> Iterator[str]:
    """Check that the configured interval lies between two segments."""
    last: float | None = None
    for fact, limits in _configured(facts):
        if isinstance(fact, Submitted):
            if last is not None and fact.at - last < limits.interval:
                yield _say(fact, f"{fact.at - last:.12g} s after the one before")
            last = fact.at


def answerable(facts: History) -> Iterator[str]:
    """Check that only texts, calls and photos of mobiles are answered; not the line's own number or returned text.

    Machines, which send the same text after each answer, are not answered, either.
    """
    received: dict[int, Received] = {}
    texts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    answered: dict[str, float] = {}
    ours: set[str] = set()
    for fact, limits in _configured(facts):
        ours.update(_folded(text) for step in limits.texts or () for text in step)
        match fact:
            case Received(delivered_again=False):
                received[fact.contact] = fact
                texts[fact.number].append((fact.contact, _folded(fact.text)))
            case Forgotten():
                texts.pop(fact.number, None)
                answered.pop(fact.number, None)
            case Purged():
                texts.clear()
            case Submitted(by="line", contact=int(contact)) if contact in received:
                asks = received[contact]
                if asks.kind not in ("text", "call", "mms"):
                    yield _say(fact, f"nobody asks for an answer to {asks.kind}")
                if not _MOBILE.fullmatch(fact.number):
                    yield _say(fact, f"{fact.number} is no mobile")
                if fact.number == limits.own_number:
                    yield _say(fact, "it is the line's own number")
                said = _folded(asks.text)
                if any(text and text in said for text in ours):
                    yield _say(fact, "it is our own text that came back")
                before = [text for serial, text in texts[fact.number] if serial < contact][-LATEST_TEXTS:]
                often = SAME_LONG if len(said) >= LONG else SAME_SHORT
                if said and answered.get(fact.number, asks.at) < asks.at and before.count(said) >= often:
                    yield _say(fact, "a machine sends the same again and again")
            case _:
                pass
        if isinstance(fact, Submitted) and fact.left and not fact.by_hand:
            answered.setdefault(fact.number, fact.at)


def wording(facts: History) -> Iterator[str]:
    """Check that each answer has the text in force for its step at its number, and is not too long.

    A requeued answer has the same text as before.
    """
    answered = _Answered()
    said: dict[tuple[int, int], str] = defaultdict(str)
    stored: dict[int, tuple[str, ...]] = {}
    chosen: dict[tuple[int, int], tuple[str, ...]] = {}
    ever: set[str] = set()
    restored = False
    for fact, limits in _configured(facts):
        restored = restored or isinstance(fact, Restored)
        ever.update(text for step in limits.texts or () for text in step)
        if isinstance(fact, Submitted) and fact.text is not None and not fact.by_hand and limits.texts is not None:
            attempt = fact.key[:2]
            if fact.sequence == 1:
                others = {*answered.before(fact)} - {fact.answer}
                now = limits.texts[min(len(others), len(limits.texts) - 1)]
                if restored:  # answers that waited in the backup count, with unknown words
                    now = tuple(text for step in limits.texts for text in step)
                said[attempt], chosen[attempt] = "", now
                if fact.by == "requeue":  # an answer that never left may have a stored text from any earlier try
                    chosen[attempt] = stored.get(fact.answer, tuple(ever))
                if fact.by == "line" and fact.total > limits.max_segments:
                    yield _say(fact, f"{fact.total} segments, and at most {limits.max_segments} are configured")
            joined = said[attempt] + fact.text
            fitting = tuple(text for text in chosen[attempt] if text.startswith(joined))
            if not fitting or (fact.sequence == fact.total and joined not in fitting):
                yield _say(fact, f"it says {joined!r}")
            if fact.left:
                said[attempt], stored[fact.answer] = joined, fitting
        answered.learn(fact)


def tries(facts: History) -> Iterator[str]:
    """Check that refused answers are tried again after growing pauses, with an end; not if the recipient refuses.

    During an outage of the line or a country the breaker has its own times, and answers are due at once when it closes.
    """
    refused: dict[tuple[int, int], list[Submitted]] = defaultdict(list)
    counted: dict[tuple[int, int], int] = defaultdict(int)
    over: set[tuple[int, int]] = set()
    taken: dict[str, float] = {}
    shut = _Breaker()
    for fact in facts:
        was_out = shut.is_out
        shut.take_in(fact)
        if was_out:
            refused.clear()
            counted.clear()
            over.clear()
        if not isinstance(fact, Submitted) or fact.by_hand:
            if isinstance(fact, Submitted) and fact.outcome == "taken":
                taken[fact.number] = fact.at
            continue
        attempt, before = fact.key[:2], refused[fact.key[:2]]
        if any(each.cause in RECIPIENTS_FAULT for each in before):
            yield _say(fact, "its recipient cannot be reached")
        if before:
            pause = RETRY_PAUSES[min(len(before), len(RETRY_PAUSES)) - 1]
            if fact.at < before[-1].at + pause:
                yield _say(fact, f"{fact.at - before[-1].at:.12g} s after it was refused the {len(before)}. time")
            if counted[attempt] >= MOST_REFUSALS or attempt in over:
                yield _say(fact, f"it was refused {len(before)} times while others got theirs")
        if not fact.left:
            others = [at for number, at in taken.items() if number != fact.number]
            if not before or any(at > before[-1].at for at in others):
                counted[attempt] += 1
                if before and {before[-1].cause, fact.cause} <= EITHERS_FAULT:
                    over.add(attempt)
            before.append(fact)
        if fact.outcome == "taken":
            taken[fact.number] = fact.at


def liveness(facts: History) -> Iterator[str]:
    """Check that, when the line has nothing to submit, no due answer waits without a cause.

    Everything that may be a cause counts as one.
    """
    waiting, shut = _Waiting(), _Breaker()
    for fact, limits in _configured(facts):
        shut.take_in(fact)
        if isinstance(fact, Rested) and not shut.is_out:
            for answer in waiting.without_cause(fact.at, limits):
                yield f"{fact.at:.12g} s: answer {answer} waits, and nothing keeps it back"
        waiting.take_in(fact, limits)


def newest_first(facts: History) -> Iterator[str]:
    """Check that no answer goes before a newer one that is due, if both numbers are new, or both known.

    An answer is as old as its contact, or as the latest requeue; to be tried again makes it no newer. Everything that
    may have ended the newer one counts as its end, and trials are in another order.
    """
    queue, shut = _Queue(), _Breaker()
    for fact, limits in _configured(facts):
        if isinstance(fact, Submitted) and fact.sequence == 1 and not fact.by_hand and not shut.is_out:
            for answer in queue.newer(fact):
                yield _say(fact, f"answer {answer} is newer, and due")
        shut.take_in(fact)
        queue.take_in(fact, limits)


def asked_for(facts: History) -> Iterator[str]:
    """Check that each contact has at most one answer, to its own number, and that nothing else leaves.

    Nothing leaves after an erasure, either.
    """
    number_of: dict[int, str] = {}
    answer_of: dict[int, int] = {}
    by_hand: dict[int, str] = {}
    for fact in facts:
        match fact:
            case Received(delivered_again=False):
                number_of[fact.contact] = fact.number
            case ByHand():
                by_hand[fact.answer] = fact.number
            case Forgotten():
                for kept in (number_of, by_hand):
                    for key in [key for key, number in kept.items() if number == fact.number]:
                        del kept[key]
            case Submitted(contact=None):
                if not fact.by_hand or by_hand.get(fact.answer) != fact.number:
                    yield _say(fact, "nobody asked for this text")
            case Submitted(contact=int(contact)):
                if fact.by_hand or number_of.get(contact) != fact.number:
                    yield _say(fact, f"{fact.number} is not waiting for an answer to contact {contact}")
                if answer_of.setdefault(contact, fact.answer) != fact.answer:
                    yield _say(fact, f"contact {contact} has another answer")
            case _:
                pass


def breaker(facts: History) -> Iterator[str]:
    """Check that, in an outage of the line or a country, no more is tried than the schedule of trials allows.

    The breaker opens once the last three answers, to different recipients, or six of the last ten failed without a
    recipient's fault; refusals by the network do not count within three hours after a success. When an answer is
    accepted again, each other country that only failed since the outage began has an outage of its own. A trial is an
    answer; if nothing of it can have left, three may be made in its place. Texts by hand are not held.
    """
    state, taken_in = _Breaker(), list[Fact]()
    for fact in facts:
        if isinstance(fact, Restored):  # undone outcomes are in no row, and a person let the line go on
            taken_in = [each for each in taken_in if each.at <= fact.copied_at]
            state = _Breaker()
            for each in taken_in:
                state.take_in(each)
            last = {each.answer: each for each in taken_in if isinstance(each, Submitted)}
            # an answer that was to be tried again proves nothing: its later fate is unknown
            state.ended = [each for each in state.ended if last[each.key[0]].left]
            continue
        taken_in.append(fact)
        if (words := state.take_in(fact)) and isinstance(fact, Submitted):
            yield _say(fact, words)


def truth(facts: History) -> Iterator[str]:
    """Check that the line calls no segment sent that was not taken, for each number and place in the answer."""
    submitted: dict[tuple[int, int, int], Submitted] = {}
    taken: Counter[tuple[str, int]] = Counter()
    said: Counter[tuple[str, int]] = Counter()
    for fact in facts:
        match fact:
            case Submitted():
                submitted[fact.key] = fact
                taken[fact.number, fact.sequence] += fact.outcome == "taken"
            case LateTaken():
                if late := submitted.get((fact.answer, fact.attempt, fact.sequence)):
                    taken[late.number, late.sequence] += 1
            case Said():
                said[fact.number, fact.sequence] += 1
                if said[fact.number, fact.sequence] > taken[fact.number, fact.sequence]:
                    yield f"{fact.at:.12g} s: segment {fact.sequence} to {fact.number} is called sent; nobody took it"
            case _:
                pass


RULES: tuple[Rule, ...] = (
    windows, reserve, cap, cooldown, block, opt_out, pause, country, stale, at_most_once, in_order, asked_for,
    breaker, cancelled, delay, interval, answerable, wording, tries, liveness, truth, newest_first,
)  # fmt: skip


def violations(facts: Iterable[Fact], rules: Iterable[Rule] = RULES) -> Iterator[str]:
    """Yield each fault as the name of the rule and a sentence; facts are in their order."""
    whole = list(facts)
    known = _known(whole)
    for rule in rules:
        for words in rule(whole if rule in (at_most_once, breaker) else known):
            yield f"{rule.__name__}: {words}"


# ---- shared by the rules


def opts_out(text: str, words: Iterable[str]) -> bool:
    """Tell whether a text has only opt-out words, these among them, and polite ones, and one of the former."""
    return _opting_out((*OPT_OUT_WORDS, *words)).fullmatch(_letters(text)) is not None


@cache
def _opting_out(words: tuple[str, ...]) -> re.Pattern[str]:
    polite, wanted = ("|".join(re.escape(_letters(word)) for word in each) for each in (POLITE_WORDS, words))
    return re.compile(f"(?:{polite})*(?:{wanted})(?:{polite}|{wanted})*")


def _letters(text: str) -> str:
    """Remove case, accents and all that is not a letter."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    return "".join(character for character in decomposed if character.isalpha()).casefold()


_MOBILE = re.compile("|".join(rf"\+{CALLING_CODES[name]}{begins}[0-9]+" for name, begins in MOBILES.items()))


def _folded(text: str) -> str:
    """Remove case, accents and all that is neither letter nor digit."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    return "".join(character for character in decomposed if character.isalnum()).casefold()


def _say(fact: Submitted, words: str) -> str:
    return (
        f"{fact.at:.12g} s, answer {fact.answer}, attempt {fact.attempt}, segment {fact.sequence}/{fact.total}"
        f" ({fact.by}): {words}"
    )


def _share_of_known(limit: int, percent: int) -> int:
    """Return the part of a window that is not reserved; the reserve is rounded down."""
    return limit - limit * percent // 100


def _recent(moments: deque[float], after: float) -> deque[float]:
    """Drop the moments that have left the window."""
    while moments and moments[0] <= after:
        moments.popleft()
    return moments


def _known(facts: History) -> list[Fact]:
    """Return the facts that the line can know, without those that a restore has undone."""
    known: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Restored):
            known = [each for each in known if each.at <= fact.copied_at]
        known.append(fact)
    return known


def _configured(facts: History) -> Iterator[tuple[Fact, Configured]]:
    """Yield each fact with the configuration in force."""
    configured: Configured | None = None
    for fact in facts:
        if isinstance(fact, Configured):
            configured = fact
        assert configured is not None, "a history begins with its configuration"
        yield fact, configured


def _limited(facts: History) -> Iterator[tuple[Submitted, tuple[Configured, ...]]]:
    """Yield each submission with the configurations in force, now and at its answer's beginning."""
    began: dict[tuple[int, int], Configured] = {}
    for fact, configured in _configured(facts):
        if isinstance(fact, Submitted):
            earlier = began.get(fact.key[:2])
            yield fact, (configured, earlier) if earlier else (configured,)
            if fact.left:
                began.setdefault(fact.key[:2], configured)


class _Answered:
    """Answers by number, answer and attempt, with the moment that their first segment may have left."""

    def __init__(self) -> None:
        self._moments: dict[str, dict[int, dict[int, float]]] = defaultdict(dict)

    def learn(self, fact: Fact) -> None:
        """Add a fact; a text by hand does not count as an answer."""
        if isinstance(fact, Submitted) and fact.left and not fact.by_hand:
            self._moments[fact.number].setdefault(fact.answer, {}).setdefault(fact.attempt, fact.at)
        elif isinstance(fact, Forgotten):
            self._moments.pop(fact.number, None)

    def is_begun(self, fact: Submitted) -> bool:
        """Tell whether a segment of this attempt may have left."""
        return fact.attempt in self._moments.get(fact.number, {}).get(fact.answer, {})

    def ever(self, number: str) -> bool:
        """Tell whether an answer to the number may have left."""
        return number in self._moments

    def before(self, fact: Submitted) -> dict[int, float]:
        """Return the answers to the number that began before this attempt, and when each began last."""
        moments = {
            answer: [at for attempt, at in attempts.items() if (answer, attempt) != fact.key[:2]]
            for answer, attempts in self._moments.get(fact.number, {}).items()
        }
        return {answer: max(each) for answer, each in moments.items() if each}


def _begun(facts: History) -> Iterator[tuple[Submitted, Configured, dict[int, float]]]:
    """Yield each submission by which the line begins an answer, the configuration, and the earlier answers.

    An answer that waits again before anything left begins again.
    """
    answered = _Answered()
    for fact, limits in _configured(facts):
        if isinstance(fact, Submitted) and fact.by == "line" and not answered.is_begun(fact):
            yield fact, limits, answered.before(fact)
        answered.learn(fact)


class _Waiting:
    """Promised answers, and what may hold each back."""

    def __init__(self) -> None:
        self._promised: dict[int, Promised] = {}
        self._asks: dict[int, Received] = {}
        self._excused: set[str] = set()
        self._left: list[float] = []
        self._half: dict[int, int] = {}
        self._paused = False
        self._lost = 0

    def take_in(self, fact: Fact, limits: Configured) -> None:
        """Add a fact; an answer that was tried is over, keeps its place, or waits for its next try."""
        match fact:
            case Received():
                self._asks[fact.contact] = fact
                if opts_out(fact.text, limits.opt_out_words):
                    self._excused |= {fact.number, fact.sender or fact.number}
            case Promised():
                self._promised[fact.answer] = fact
            case Submitted():
                self._promised.pop(fact.answer, None)
                self._half[fact.answer] = fact.total - fact.sequence + (not fact.left)
                if not fact.by_hand:
                    self._excused.add(fact.number)  # cap and cooldown
                self._left += [fact.at] * fact.left
            case Cancelled():
                self._promised.pop(fact.answer, None)
            case Requeued():  # its stored text may be longer, and no answer overtakes it
                self._half[fact.answer] = LONGEST
            case Rebooted():
                self._lost += LOST_SECONDS
            case Blocked() | Forgotten():
                self._excused.add(fact.number)
            case Paused() | Resumed():
                self._paused = isinstance(fact, Paused)
            case Restored() | Configured() | Hoped() | CalendarSet():  # it may have ended by the earlier state
                self._promised.clear()
            case _:
                pass

    def without_cause(self, now: float, limits: Configured) -> Iterator[int]:
        """Yield the answers that wait without a cause."""
        if self._paused:
            return
        for each in self._promised.values():
            came = self._asks[each.contact]
            is_due = each.at + came.delay + self._lost <= now  # the verdict on an incomplete text waits for its rest
            is_fresh = limits.max_age is None or now <= came.at + limits.max_age / 2
            if is_due and is_fresh and came.number not in self._excused and self._has_room(each.segments, now, limits):
                yield each.answer

    def _has_room(self, segments: int, now: float, limits: Configured) -> bool:
        """Tell whether the segments fit into each window, beside those that may have a place already."""
        wanted = segments + sum(self._half.values())
        return all(
            sum(at > now - seconds - self._lost for at in self._left) + wanted <= getattr(limits, name)
            for name, seconds in WINDOWS.items()
        )


@dataclass(slots=True)
class _Queued:
    """A promised answer, when its age began, when it is due, and how often it was refused since."""

    asks: Received
    age: float
    due: float
    refused: int = 0


class _Queue:
    """The answers that certainly wait, and their order."""

    def __init__(self) -> None:
        self._asks: dict[int, Received] = {}
        self._promised: dict[int, _Queued] = {}
        self._waits: set[int] = set()
        self._answered = _Answered()
        self._unsure: set[str] = set()
        """The numbers to which an answer may have left that no fact names."""

    def newer(self, fact: Submitted) -> Iterator[int]:
        """Yield the answers that should have gone before this one."""
        mine = self._promised.get(fact.answer)
        if mine is None or fact.number in self._unsure:
            return
        for answer in self._waits - {fact.answer}:
            each, number = self._promised[answer], self._promised[answer].asks.number
            alike = self._answered.ever(number) == self._answered.ever(fact.number)
            if each.age > mine.age and each.due <= fact.at and alike and number not in self._unsure:
                yield answer

    def take_in(self, fact: Fact, limits: Configured) -> None:
        """Add a fact; what may have ended no longer waits."""
        match fact:
            case Received():
                self._asks[fact.contact] = fact
                if opts_out(fact.text, limits.opt_out_words):
                    self._end(fact.number, fact.sender)
            case Promised():
                asks = self._asks[fact.contact]
                self._promised[fact.answer] = _Queued(asks, asks.at, fact.at + asks.delay)
                self._waits.add(fact.answer)
            case Submitted(by_hand=False):
                self._end(fact.number)  # cap and cooldown of the others
                self._put_back(fact)
            case Requeued() if fact.answer in self._promised:
                each = self._promised[fact.answer]
                each.age, each.due, each.refused = fact.at, max(fact.at, each.due), 0
                self._waits.add(fact.answer)
            case LateTaken() | Cancelled():
                self._waits.discard(fact.answer)
            case Blocked() | Forgotten():
                self._end(fact.number)
            case Restored():
                self._unsure |= {each.asks.number for each in self._promised.values()}
                self._waits.clear()
            case Rebooted():  # its clock may have lost time
                self._promised.clear()
                self._waits.clear()
            case Configured() | CalendarSet():
                self._waits.clear()
            case _:
                pass
        self._answered.learn(fact)

    def _put_back(self, fact: Submitted) -> None:
        """Let an answer wait for its next try, if it certainly has one; its age is as before."""
        each = self._promised.get(fact.answer)
        if each and fact.sequence == 1 and not fact.left:
            each.refused += 1
            each.due = fact.at + RETRY_PAUSES[min(each.refused, len(RETRY_PAUSES)) - 1]
            if fact.cause not in RECIPIENTS_FAULT | EITHERS_FAULT and each.refused < MOST_REFUSALS:
                self._waits.add(fact.answer)

    def _end(self, *numbers: str | None) -> None:
        """Forget the answers to these numbers, or to contacts sent from one of them."""
        self._waits -= {
            answer
            for answer in self._waits
            if {self._promised[answer].asks.number, self._promised[answer].asks.sender} & {*filter(None, numbers)}
        }


def _country(number: str) -> str | None:
    return next((name for name, code in CALLING_CODES.items() if number.startswith(f"+{code}")), None)


@dataclass(slots=True)
class _Trials:
    """The trials that are allowed in an outage, of the line or of a country."""

    since: float
    due: float = field(init=False)
    rounds: int = 0
    last: float | None = None
    """The moment of the last trial."""
    answers: set[tuple[int, int]] = field(default_factory=set)
    """Answer and attempt of each trial in the present round."""
    recipients: list[str] = field(default_factory=list)
    may_follow: bool = False

    def __post_init__(self) -> None:
        self.due = self.since + TRIAL_PAUSES[0]

    def refuses(self, fact: Submitted, due: float) -> str | None:
        """Return why a submission is not allowed now, or None; count it if it is a trial."""
        if fact.key[:2] in self.answers and fact.sequence > 1:
            return None
        follows = self.may_follow and len(self.recipients) < TRIALS_AT_ONCE and fact.number not in self.recipients
        if not follows and fact.at < due:
            return f"nothing leaves since {self.since:.12g} s, and the next trial is due at {due:.12g} s"
        if fact.outcome == "refused" and fact.cause in RECIPIENTS_FAULT:
            return None  # it proves nothing
        if fact.at >= due:
            self.rounds += 1
            self.due = fact.at + TRIAL_PAUSES[min(self.rounds, len(TRIAL_PAUSES) - 1)]
            self.may_follow = True
            self.answers.clear()
            self.recipients.clear()
        self.last = fact.at
        self.answers.add(fact.key[:2])
        self.recipients.append(fact.number)
        return None


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt at an answer that ended: taken, declined (by the network, with a cause of its own) or failed."""

    at: float
    key: tuple[int, int]
    """Its answer and its number among that answer's attempts."""
    number: str
    what: str


@dataclass(slots=True)
class _Breaker:
    """The known outages of a line and of countries."""

    ended: list[_Ended] = field(default_factory=list)
    """Attempts at answers since the end of the line's last outage."""
    taken_at: float | None = None
    trials: _Trials | None = None
    """The trials of an outage of the line; None while it works."""
    failed_from: float = 0.0
    """The end of the first failure that opened the breaker."""
    failed_in: dict[str | None, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The moments of failed answers, by country."""
    taken_in: dict[str | None, float] = field(default_factory=dict)
    """The moment of the last success, by country."""
    countries: dict[str, _Trials] = field(default_factory=dict)
    """The trials of countries in an outage of their own."""
    pending: dict[tuple[int, int], Submitted] = field(default_factory=dict)
    either: set[int] = field(default_factory=set)
    """Answers whose last refusal may have been the recipient's fault; a second one counts as that."""
    crashed: Submitted | None = None

    @property
    def is_out(self) -> bool:
        """Whether the line, or a country, is in an outage."""
        return self.trials is not None or bool(self.countries)

    def take_in(self, fact: Fact) -> str | None:
        """Add a fact; return why it is not allowed, or None."""
        words = None
        match fact:
            case Resumed() | Hoped():
                self.hope(fact.at)
            case LateTaken():
                late = self.pending.get((fact.answer, fact.attempt))
                if late and late.total == fact.sequence:
                    self.take(fact.at, late)
                elif late and late.key[2] == fact.sequence:
                    self.ended = [each for each in self.ended if each.key != late.key[:2]]
            case Requeued():
                self.either.discard(fact.answer)
            case Restarted():
                self.crashed = None
            case Rebooted():
                if self.crashed:
                    self.fail(self.crashed, fact.at, "failed")
                self.crashed = None
            case Submitted():
                self.pending[fact.key[:2]] = fact
                words = None if fact.by_hand else self.refuses(fact)
                self.learn(fact)
            case _:
                pass
        return words

    def refuses(self, fact: Submitted) -> str | None:
        """Return why a submission is not allowed now, or None."""
        country = _country(fact.number)
        if self.trials:
            due = self.trials.due
            fresh = self.trials.last is None or fact.at >= self.trials.last + BETWEEN_TRIALS_SECONDS
            if fresh and not any(at >= self.failed_from for at in self.failed_in[country]):
                due = min(due, fact.at)  # a country without failures may be tried now
            return self.trials.refuses(fact, due)
        if country in self.countries:
            trials = self.countries[country]
            due = trials.due
            if trials.rounds + 1 >= SHARED_FROM:
                shared = [each.last for each in self.countries.values() if each.rounds >= SHARED_FROM and each.last]
                due = max(due, *(at + TRIAL_PAUSES[-1] for at in shared), 0.0)
            return trials.refuses(fact, due)
        return None

    def learn(self, fact: Submitted) -> None:
        """Add the result of a submission."""
        for trials in filter(None, (self.trials, self.countries.get(_country(fact.number) or ""))):
            if fact.left:
                trials.may_follow = False
        if fact.outcome == "taken" and fact.sequence == fact.total:
            self.take(fact.at, fact)
        elif fact.outcome == "taken" or fact.by_hand:
            pass
        elif fact.outcome == "crash":
            self.crashed = fact
        elif fact.left:
            self.fail(fact, fact.at, "failed")
        elif fact.cause not in RECIPIENTS_FAULT and not (fact.cause in EITHERS_FAULT and fact.answer in self.either):
            if fact.cause in EITHERS_FAULT:
                self.either.add(fact.answer)
            self.fail(fact, fact.at, "declined" if fact.cause in NUMBERS_OF_THE_NETWORK else "failed")

    def fail(self, fact: Submitted, at: float, what: str) -> None:
        """Add a failed answer without a recipient's fault: maybe nothing leaves."""
        country = _country(fact.number)
        self.failed_in[country].append(at)
        if self.trials or country in self.countries:
            return
        self.ended.append(_Ended(at, fact.key[:2], fact.number, what))
        lately = self.taken_at is not None and at - self.taken_at < LATELY_SECONDS
        latest: dict[int, _Ended] = {}
        for each in reversed(self.ended):
            if not (lately and each.what == "declined"):
                latest.setdefault(each.key[0], each)
        run = list(takewhile(lambda each: each.what != "taken", latest.values()))
        if len({each.number for each in run}) < ROW:
            run = [each for each in [*latest.values()][:LATEST] if each.what != "taken"]
            if len(run) < MOST_FAILURES:
                return
        self.failed_from = min(each.at for each in run)
        self.trials = _Trials(at)

    def take(self, at: float, fact: Submitted) -> None:
        """Add a success, of an answer or a text by hand: the line works, and so does its country."""
        country = _country(fact.number)
        self.taken_at = at
        self.taken_in[country] = at
        self.countries.pop(country or "", None)
        if self.trials:
            self.trials = None
            self.ended.clear()
            self.either.clear()
            for name, failures in self.failed_in.items():
                has_failed = any(moment >= self.failed_from for moment in failures)
                if name and has_failed and self.taken_in.get(name, -1.0) < self.failed_from:
                    self.countries.setdefault(name, _Trials(at))
        else:
            self.ended.append(_Ended(at, fact.key[:2], fact.number, "taken"))

    def hope(self, at: float) -> None:
        """Make the next trial due now, but at least five minutes after the last one."""
        if self.trials:
            last = self.trials.last
            self.trials.due = min(self.trials.due, at if last is None else max(at, last + BETWEEN_TRIALS_SECONDS))
