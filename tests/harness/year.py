"""A year of traffic, drawn by a seed and played in virtual seconds against a `Peer`.

Nothing here knows hotlined or reads a clock: the same year is always the same list of operations, and the network does
the same with the same segment at the same moment. The events are written as facts for the oracle, and as a record in
which each contact has its verdict and its segments.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import oracle

MINUTE, HOUR, DAY = 60, 3600, 86400
SEND_INTERVAL = 3  # seconds from the result of one segment to the next
MOST_PASSES = 500_000  # of passes with something due: a line that looks every second never ends a year
NO_RESULT = 120  # seconds until a result counts as missing
BY_HAND = 1_000_000
"""The first number of texts by hand; contacts have lower ones."""

FIRST_TEXT = (
    "Hey! Non, non, c'est pas qui tu crois. Tu sais, mettre les autres mal a l'aise, c'est pas cool. Quand on te dit"
    " non, bah... c'est non en fait. Apprends a respecter les femmes et leurs decisions"
)
SECOND_TEXT = "Toujours non. Ce numero n'est a personne que tu puisses joindre."
LATER_TEXT = "Coucou! Ce numero repond tout seul, et il repond non. Si on te l'a donne, c'est que la reponse est non."


# ---- operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of a configuration; seconds, percent, segments a window."""

    hour: int = 60
    day: int = 300
    month: int = 2500
    reserve_percent: int = 50
    cooldowns: tuple[int, ...] = (DAY, 7 * DAY)
    per_number: int = 3
    opt_out_words: tuple[str, ...] = ("stop", "arret", "stoppen")
    answer_countries: tuple[str, ...] = ("BE", "FR", "NL", "LU", "DE")
    blocked: tuple[str, ...] = ()
    max_age: int = DAY
    texts: tuple[str, ...] = (FIRST_TEXT, SECOND_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation at a second powered on."""

    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Operation):
    """A text is on the SIM, whole; an answer to it is due after `delay` seconds."""

    contact: int
    number: str
    text: str
    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Operation):
    """A call; an answer to it is due after `delay` seconds."""

    contact: int
    number: str
    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Again(Operation):
    """The network delivers the text of a contact once more, byte for byte the same."""

    contact: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Operation):
    """A person decides: block, unblock, optin (about a number), pause, resume."""

    verb: str
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue(Operation):
    """A person requeues the answer to a contact."""

    contact: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Operation):
    """A person sends a text by hand; `hand` is its serial number, from `BY_HAND`."""

    hand: int
    number: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Operation):
    """A person erases somebody."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge(Operation):
    """Old data is erased."""

    keep_texts: int = 60 * DAY
    keep_numbers: int = 150 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(Operation):
    """The program ends and starts again; None: the power stays on, otherwise it is off for these seconds."""

    seconds_off: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Operation):
    """Another configuration comes into force."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Outage:
    """From `begin` to `end` nothing leaves: the network returns one of these causes, or no proof (None)."""

    begin: int
    end: int
    causes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Year:
    """All operations, in order, and the network's results."""

    seed: int
    operations: tuple[Operation, ...]
    outages: tuple[Outage, ...]

    @property
    def contacts(self) -> dict[int, Text | Call]:
        """Every contact by its serial number."""
        return {each.contact: each for each in self.operations if isinstance(each, Text | Call)}


# ---- the peer


@dataclass(frozen=True, slots=True)
class Handed:
    """A segment that the modem was given, with its contact (or text by hand) and number."""

    contact: int
    number: str
    sequence: int
    total: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a segment after some seconds.

    taken: +CMGS. refused: +CMS ERROR `cause`, nothing left. unknown: `cause` proves nothing, or there is no result;
    with `late`, the result comes after the wait for it. crash, power_cut: the program ends meanwhile.
    """

    kind: str
    seconds: int
    cause: int | None = None
    late: bool = False
    seconds_off: int = 0


Network = Callable[[Handed], Outcome]
Verdict = tuple[int, str, str]
"""Contact, `answer` or `suppress`, reason."""


class Peer(Protocol):
    """A line, with its clocks and its modem played.

    `at` is always the present, in seconds powered on, and never goes back; the calendar is that plus the seconds
    without power. All random draws are given to a peer, except the choice among several texts. The modem is registered
    all the time, and the player keeps the interval between two segments.
    """

    def start(self, at: int, settings: Settings) -> None:
        """Start for the first time, with nothing in the database."""

    def reload(self, at: int, settings: Settings) -> None:
        """Load another configuration, as at SIGHUP."""

    def restart(self, at: int, seconds_off: int | None) -> None:
        """End and start again, in the same boot (None) or after these seconds without power."""

    def receive(self, at: int, contact: int, number: str, text: str, delay: int) -> None:
        """Find a text on the SIM, record it and delete it there; not yet judged. Names and short codes are numbers."""

    def receive_again(self, at: int, contact: int) -> None:
        """Find the bytes of that contact's text on the SIM once more."""

    def receive_call(self, at: int, contact: int, number: str, delay: int) -> None:
        """Record a call; not yet judged."""

    def judge_all(self, at: int) -> list[Verdict]:
        """Judge the unjudged contacts, each answer due after its delay; cancel stale answers first."""

    def next_due(self, at: int) -> int | None:
        """Return the next second after `at` at which something may leave or be cancelled; None if nothing waits.

        Too early does no harm; too late is a line that sleeps. An answer that waits for a window is due when the oldest
        segment leaves it, one that waits for the breaker at its trial.
        """

    def submit_due(self, at: int, network: Network) -> Handed | None:
        """Let at most one segment out; cancel or keep answers as the gate says. None if nothing left.

        `network` is called once with the submitted PDU, when the segment is committed as submitting; its result is the
        modem's after these seconds. crash and power_cut end the program at that moment: the peer is started again
        before this returns.
        """

    def late_result(self, at: int, handed: Handed) -> None:
        """Receive the +CMGS of the last segment after the wait for it."""

    def decide(self, at: int, verb: str, number: str) -> None:
        """Commit a decision of a person: block, unblock, optin, pause, resume."""

    def requeue(self, at: int, contact: int) -> bool:
        """Requeue a contact's answer; return whether it was accepted."""

    def send(self, at: int, hand: int, number: str, text: str) -> bool:
        """Queue a text by hand; return whether it was accepted."""

    def forget(self, at: int, number: str) -> bool:
        """Erase a person; return whether that was done."""

    def purge(self, at: int, keep_texts: int, keep_numbers: int) -> None:
        """Erase by age."""


# ---- playing it


@dataclass(frozen=True, slots=True)
class Submission:
    """A segment that was handed over, with its result; `contact` from `BY_HAND` on is a text by hand."""

    contact: int
    attempt: int
    sequence: int
    total: int
    at: int
    outcome: str
    cause: int | None


@dataclass(slots=True)
class Record:
    """The record of a peer's year."""

    verdicts: dict[int, tuple[str, str]] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)
    granted: list[tuple[str, int, int]] = field(default_factory=list)
    """Requests of people that were accepted: verb, contact or text by hand, time."""


class Player:
    """Plays a year against a peer: one operation after the other, each segment when it may be due."""

    def __init__(self, year: Year, peer: Peer) -> None:
        self.year = year
        self.peer = peer
        self.record = Record()
        self.facts: list[oracle.Fact] = []
        self.at = 0
        self._contacts = year.contacts
        self.passes = 0
        self._free = 0  # the time of the next segment
        self._tries: Counter[tuple[int, int]] = Counter()
        self._attempts: Counter[int] = Counter()

    def play(self, until: int | None = None) -> Record:
        """Play all operations, or those up to a second; return the record."""
        for operation in self.year.operations:
            if until is not None and operation.at > until:
                break
            if operation.at > self.at:
                self._wait(operation.at)
            self._do(operation)
            self._work()
        self._wait(self.at + 2 * DAY)
        return self.record

    def _wait(self, until: int) -> None:
        """Let time pass, and do what becomes due."""
        while (due := self.peer.next_due(self.at)) is not None:
            moment = max(due, self._free, self.at + 1)
            if moment >= until:
                break
            self.at = moment
            self.passes += 1
            assert self.passes <= MOST_PASSES, f"at {self.at} s something is due again and again, and nothing happens"
            self._work()
        self.at = max(self.at, until)

    def _work(self) -> None:
        """Do the work of a daemon's pass; a submission takes its time."""
        for contact, verdict, reason in self.peer.judge_all(self.at):
            self.record.verdicts[contact] = verdict, reason
            if verdict == "answer":
                self.facts.append(oracle.Promised(at=self.at, answer=contact, contact=contact))
        if self.at < self._free:
            return
        given: list[tuple[Handed, Outcome]] = []

        def network(handed: Handed) -> Outcome:
            outcome = self._outcome(handed)
            given.append((handed, outcome))
            return outcome

        result = self.peer.submit_due(self.at, network)
        assert [result] * len(given) == [handed for handed, _ in given], "one segment at a time"
        for handed, outcome in given:
            self._note(handed, outcome)

    def _note(self, handed: Handed, outcome: Outcome) -> None:
        by_hand = handed.contact >= BY_HAND
        attempt = 1 + self._attempts[handed.contact]
        ended = outcome.kind in ("crash", "power_cut")
        self.facts.append(
            oracle.Submitted(
                at=self.at,
                answer=handed.contact,
                contact=None if by_hand else handed.contact,
                number=handed.number,
                attempt=attempt,
                sequence=handed.sequence,
                total=handed.total,
                by="hand" if by_hand else "requeue" if attempt > 1 else "line",
                outcome="crash" if ended else outcome.kind,
                cause=outcome.cause,
            )
        )
        self.record.submissions.append(
            Submission(handed.contact, attempt, handed.sequence, handed.total, self.at, outcome.kind, outcome.cause)
        )
        self.at += outcome.seconds
        self._free = self.at + SEND_INTERVAL
        if ended:
            kind = oracle.Restarted if outcome.kind == "crash" else oracle.Rebooted
            self.facts.append(kind(at=self.at))
        if outcome.late:
            self.at += 1
            self.peer.late_result(self.at, handed)
            self.facts.append(
                oracle.LateTaken(at=self.at, answer=handed.contact, attempt=attempt, sequence=handed.sequence)
            )

    def _outcome(self, handed: Handed) -> Outcome:
        """Return the network's result: by the moment in an outage, otherwise by the draw for this try."""
        for outage in self.year.outages:
            if outage.begin <= self.at < outage.end:
                cause = outage.causes[self.at // 600 % len(outage.causes)]
                if cause is None:
                    return Outcome("unknown", NO_RESULT)
                return Outcome("unknown" if cause >= 332 else "refused", 4, cause)
        self._tries[handed.contact, handed.sequence] += 1  # also after an outage
        tries = self._tries[handed.contact, handed.sequence]
        chance = random.Random(f"{self.year.seed} {handed.contact} {handed.sequence} {tries}")
        if random.Random(f"{self.year.seed} {handed.number}").random() < 0.01:  # this number is not assigned
            return Outcome("refused", 3, chance.choice((1, 27, 27, 27)))
        drawn = chance.random()
        for share, outcome in SHARES:
            drawn -= share
            if drawn < 0:
                return outcome
        return Outcome("taken", chance.randint(1, 6))

    def _do(self, operation: Operation) -> None:
        """Carry out an operation, and note it."""
        at, peer = self.at, self.peer
        match operation:
            case Text():
                peer.receive(at, operation.contact, operation.number, operation.text, operation.delay)
                self._came(operation)
            case Call():
                peer.receive_call(at, operation.contact, operation.number, operation.delay)
                self._came(operation)
            case Again():
                peer.receive_again(at, operation.contact)
                self._came(self._contacts[operation.contact], delivered_again=True)
            case Purge():
                peer.purge(at, operation.keep_texts, operation.keep_numbers)
                self.facts.append(oracle.Purged(at=at))
            case Restart():
                peer.restart(at, operation.seconds_off)
                kind = oracle.Restarted if operation.seconds_off is None else oracle.Rebooted
                self.facts.append(kind(at=at))
            case Reload():
                (peer.reload if self.facts else peer.start)(at, operation.settings)
                self.facts.append(configured(at, operation.settings))
            case _:
                self._decide(operation)

    def _decide(self, operation: Operation) -> None:
        """Let a person decide; a refused decision is not noted."""
        at, peer = self.at, self.peer
        match operation:
            case Decision():
                peer.decide(at, operation.verb, operation.number)
                self.facts.append(DECISIONS[operation.verb](at, operation.number))
            case Requeue():
                if peer.requeue(at, operation.contact):
                    self._attempts[operation.contact] += 1
                    self.record.granted.append(("requeue", operation.contact, at))
                    self.facts.append(oracle.Requeued(at=at, answer=operation.contact))
            case Send():
                if peer.send(at, operation.hand, operation.number, operation.text):
                    self.record.granted.append(("send", operation.hand, at))
                    self.facts.append(oracle.ByHand(at=at, answer=operation.hand, number=operation.number))
            case Forget():
                if peer.forget(at, operation.number):
                    self.record.granted.append(("forget", 0, at))
                    self.facts.append(oracle.Forgotten(at=at, number=operation.number))
            case _:
                raise TypeError(operation)

    def _came(self, contact: Text | Call, *, delivered_again: bool = False) -> None:
        self.facts.append(
            oracle.Received(
                at=self.at,
                contact=contact.contact,
                number=contact.number,
                text=contact.text if isinstance(contact, Text) else "",
                kind="text" if isinstance(contact, Text) else "call",
                delay=contact.delay,
                delivered_again=delivered_again,
            )
        )


SHARES = (
    (0.004, Outcome("refused", 3, 27)),
    (0.001, Outcome("refused", 3, 1)),
    (0.001, Outcome("refused", 3, 196)),
    (0.001, Outcome("refused", 3, 21)),
    (0.003, Outcome("refused", 5, 38)),
    (0.002, Outcome("refused", 5, 42)),
    (0.002, Outcome("unknown", 8, 500)),
    (0.003, Outcome("unknown", NO_RESULT)),
    (0.002, Outcome("unknown", NO_RESULT, late=True)),
    (0.003, Outcome("crash", 40)),
    (0.001, Outcome("power_cut", 60, seconds_off=900)),
)
"""Results of segments on an ordinary day, and their frequency; all others are accepted."""

DECISIONS: dict[str, Callable[[int, str], oracle.Fact]] = {
    "block": lambda at, number: oracle.Blocked(at=at, number=number),
    "unblock": lambda at, number: oracle.Unblocked(at=at, number=number),
    "optin": lambda at, number: oracle.OptedIn(at=at, number=number),
    "pause": lambda at, _: oracle.Paused(at=at),
    "resume": lambda at, _: oracle.Resumed(at=at),
}


def configured(at: int, settings: Settings) -> oracle.Configured:
    """Return a configuration as a fact."""
    names = set(Settings.__slots__) - {"texts"}
    more = {"texts": tuple((text,) for text in settings.texts), "interval": SEND_INTERVAL}
    return oracle.Configured(at=at, **{name: getattr(settings, name) for name in names} | more)


# ---- the writing of a year


OPENINGS = (
    "Salut c'est {name}, on s'est vus hier", "Coucou {name} du bar", "Hey", "Salut ça va ?", "c'est {name}",
    "T'es rentrée ?", "Hoi met {name}, leuk je gezien te hebben", "Hallo! {name} hier", "Hi it's {name} from the party",
    "Tu fais quoi ce soir", "Bonsoir, c'est bien ton numéro ?", "Alors on se voit quand ?", "👋😀", "",
    "Je t'avais promis que j'écrirais, alors voilà, j'écris. " * 4,
)  # fmt: skip
REACTIONS = (
    "quoi ?", "tu te fous de moi", "ok désolé", "Pardon", "c'est une blague", "Sale {name}", "haha bien joué",
    "réponds", "allez", "wat?", "fuck you", "Je voulais juste discuter {name}", "Ok j'ai compris, bonne soirée", "non",
)  # fmt: skip
NAMES = ("Kevin", "Marc", "Jean", "Tom", "Léo", "Karim", "Luc", "Bart", "Wout", "Nico")
STOPS = (
    "stop",
    "STOP",
    "Stop.",
    "Arrêt",
    "stoppen",
    "stop svp",
    "Merci stop",
    "SMS STOP",
    "stoppen aub",
    "Stop please",
)
NEARLY_STOPS = ("stop ça", "pourquoi stop ?", "arrête", "non stop", "don't stop")
"""The third and the fourth opt out; the others do not."""
AWAY = (
    "Bonjour, je suis absent jusqu'à lundi et ne lis pas mes messages. Cordialement.",
    "Je conduis. Message automatique.",
)
UNANSWERABLE = ("8850", "1999", "Proximus", "bpost", "Orange BE")
PREFIXES = {"BE": ("+32470", 6), "FR": ("+33612", 6), "NL": ("+31612", 6), "LU": ("+352621", 6), "DE": ("+491511", 7)}
FOREIGN = {"GB": ("+447400", 6), "ES": ("+34612", 6), "MA": ("+212612", 6)}


class _Author:
    """Writes a year: contacts have provisional numbers until they are put in order."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.operations: list[Operation] = []
        self.outages: list[Outage] = []
        self.serials: Counter[str] = Counter()
        self.numbers: list[str] = []
        self.contacts: list[Text | Call] = []
        self.hands = BY_HAND

    def person(self, foreign: float = 0.02) -> str:
        """Return a new number."""
        codes = FOREIGN if self.random.random() < foreign else PREFIXES
        weights = [12, *[1] * (len(codes) - 1)]
        (country,) = self.random.choices(list(codes), weights)
        self.serials[country] += 1
        prefix, digits = codes[country]
        self.numbers.append(f"{prefix}{self.serials[country] * 37 % 10**digits:0{digits}}")
        return self.numbers[-1]

    def delay(self) -> int:
        """Return half an hour to an hour."""
        return self.random.randint(1800, 3600)

    def text(self, at: int, number: str, text: str) -> Text:
        """Let a text arrive."""
        name = self.random.choice(NAMES)
        said = Text(
            at=at, contact=len(self.contacts), number=number, text=text.replace("{name}", name), delay=self.delay()
        )
        self.contacts.append(said)
        self.operations.append(said)
        if self.random.random() < 0.012:
            self.operations.append(Again(at=at + self.random.choice((7, 300, 4000, 2 * DAY)), contact=said.contact))
        return said

    def call(self, at: int, number: str) -> None:
        """Let somebody call."""
        rung = Call(at=at, contact=len(self.contacts), number=number, delay=self.delay())
        self.contacts.append(rung)
        self.operations.append(rung)

    def decide(self, at: int, verb: str, number: str = "") -> None:
        """Let a person decide."""
        self.operations.append(Decision(at=at, verb=verb, number=number))

    def send(self, at: int, number: str, text: str) -> None:
        """Let a person send a text."""
        self.operations.append(Send(at=at, hand=self.hands, number=number, text=text))
        self.hands += 1

    def visit(self, at: int) -> None:
        """Let somebody write for the first time, with any sequel."""
        draw, number = self.random.random(), self.person()
        if draw < 0.12:
            self.call(at, number)
        else:
            self.text(at, number, self.random.choice(OPENINGS))
        after = at + self.random.randint(62 * MINUTE, 5 * HOUR)  # after the answer
        if draw < 0.35:
            for _ in range(self.random.randint(1, 3)):
                self.text(after, number, self.random.choice(REACTIONS))
                after += self.random.randint(20, 20 * MINUTE)
        if self.random.random() < 0.1:
            self.call(at + self.random.randint(30, 25 * MINUTE), number)
        if self.random.random() < 0.12:
            self.text(at + self.random.choice((26 * HOUR, 3 * DAY, 9 * DAY, 20 * DAY)), number, "toujours là ?")
        self.end(at, after, number)

    def end(self, at: int, after: int, number: str) -> None:
        """End a visit in one of the usual ways, and sometimes begin again."""
        draw = self.random.random()
        later = after + self.random.randint(HOUR, 12 * DAY)
        if draw < 0.06:
            self.stop(draw, at, after, later, number)
        elif draw < 0.07:  # an autoresponder
            said = self.random.choice(AWAY)
            for pause in (3, 27 * HOUR, 28 * HOUR, 10 * DAY):
                self.text(after + pause, number, said)
        elif draw < 0.078:  # our own answer comes back
            self.text(after, number, f"Fwd: {FIRST_TEXT}")
        elif draw < 0.09:
            self.decide(after + 5 * MINUTE, "block", number)
            if draw < 0.083:
                self.decide(later, "unblock", number)
        elif draw < 0.094:
            self.operations.append(Forget(at=later, number=number))
        elif draw < 0.10:
            self.send(after + 30 * MINUTE, number, "Bonjour, ici l'association. Ecrivez-nous si vous voulez en parler.")
        if draw < 0.10:
            self.text(later + self.random.randint(60, 3 * DAY), number, self.random.choice(OPENINGS))

    def stop(self, draw: float, at: int, after: int, later: int, number: str) -> None:
        """Let somebody opt out, before the answer, after it or at first; or write almost such a word."""
        if draw < 0.02:
            self.text(at + self.random.randint(60, 25 * MINUTE), number, self.random.choice(STOPS))
        elif draw < 0.04:
            self.text(after, number, self.random.choice(STOPS))
        elif draw < 0.05:
            self.text(after, number, self.random.choice(NEARLY_STOPS))
        else:
            self.text(after, self.person(), self.random.choice(STOPS))
            self.text(later, self.numbers[-1], "et maintenant ?")
        if 0.02 <= draw < 0.03:
            self.decide(later + 3 * DAY, "optin", number)
            self.text(later + 9 * DAY, number, "me revoilà")

    def crowd(self, begin: int, end: int, visits: int) -> None:
        """Let a number of people write between two moments."""
        for _ in range(visits):
            self.visit(self.random.randrange(begin, end))

    def requeue(self, begin: int, end: int, share: float, at: int) -> None:
        """Let a person requeue answers to contacts of a period, a few seconds each."""
        for contact in self.contacts:
            if begin <= contact.at < end and self.random.random() < share:
                self.operations.append(Requeue(at=at, contact=contact.contact))
                at += self.random.randint(5, 90)

    def outage(self, begin: int, seconds: int, causes: tuple[int | None, ...], visits: int) -> None:
        """Let nothing leave for a while, while people write."""
        self.outages.append(Outage(begin, begin + seconds, causes))
        self.crowd(begin - 30 * MINUTE, begin + seconds, visits)

    def year(self) -> Year:
        """Put everything in order and number the contacts by their arrival."""
        erased = {each.number for each in self.operations if isinstance(each, Forget)}
        unknown = {each.contact for each in self.contacts if each.number in erased}  # in case they come again
        ordered = sorted(
            (each for each in self.operations if not (isinstance(each, Again) and each.contact in unknown)),
            key=lambda each: each.at,
        )
        contacts = [each for each in ordered if isinstance(each, Text | Call)]
        serial = {each.contact: number for number, each in enumerate(contacts, 1)}
        operations = tuple(
            replace(each, contact=serial[each.contact]) if isinstance(each, Text | Call | Again | Requeue) else each
            for each in ordered
        )
        return Year(self.seed, operations, tuple(self.outages))


def write(seed: int = 1) -> Year:
    """Write the year of a seed."""
    author = _Author(seed)
    settings = Settings()
    author.operations.append(Reload(at=0, settings=settings))
    for day in range(365):
        author.crowd(day * DAY + 600, (day + 1) * DAY, author.random.randint(3, 8))
        if author.random.random() < 0.15:
            author.text(day * DAY + 9 * HOUR, author.random.choice(UNANSWERABLE), f"Votre colis arrive jour {day}")
    _ordinary(author)
    _press(author, 120)
    _outages(author)
    _few_trolls(author, 200)
    _many_trolls(author, 260)
    _reloads(author, settings)
    return author.year()


def _ordinary(author: _Author) -> None:
    """Add events of every line: restarts, power cuts, purges, pauses, texts by hand."""
    for first in range(3, 30, 3):  # a number that writes again until its cap
        regular = author.person(0)
        for day in range(first, 365, author.random.choice((4, 8, 10))):
            author.text(day * DAY + author.random.randrange(DAY), regular, author.random.choice(OPENINGS))
    for day in range(5, 365, 13):
        author.operations.append(Restart(at=day * DAY + author.random.randrange(DAY)))
    for day in range(11, 365, 29):
        off = author.random.choice((30, 2 * HOUR, 3 * DAY))
        author.operations.append(Restart(at=day * DAY + author.random.randrange(DAY), seconds_off=off))
    for day in range(30, 365, 30):
        author.operations.append(Purge(at=day * DAY + 3 * HOUR))
    for day in (40, 95, 170, 310):
        begin = day * DAY + 18 * HOUR
        author.decide(begin, "pause")
        author.crowd(begin - HOUR, begin + HOUR, 6)
        author.decide(begin + author.random.choice((HOUR, 7 * HOUR, 30 * HOUR)), "resume")
    for day in range(20, 365, 15):
        author.send(day * DAY + 11 * HOUR, author.person(0), "Bonjour, vous nous aviez demandé un rappel.")
        author.text(day * DAY + 12 * HOUR, author.numbers[-1], "merci ! encore une question")
        author.requeue((day - 3) * DAY, day * DAY, 0.2, day * DAY + 10 * HOUR)


def _press(author: _Author, day: int) -> None:
    """Let a newspaper print the number: hundreds of people a day for a week, and an hour in which nothing leaves."""
    for nth, visits in enumerate((420, 350, 260, 220, 150, 120, 100)):
        author.crowd((day + nth) * DAY + 7 * HOUR, (day + nth) * DAY + 23 * HOUR, visits)
    author.outage((day + 1) * DAY + 12 * HOUR, 50 * MINUTE, (38,), 20)


def _outages(author: _Author) -> None:
    """Let the network fail in its usual ways, and people requeue lost answers."""
    author.outage(150 * DAY + 14 * HOUR, 3 * HOUR, (38, 42), 30)
    author.outage(180 * DAY + 12 * HOUR, 5 * HOUR, (500,), 50)
    author.requeue(180 * DAY + 11 * HOUR, 180 * DAY + 17 * HOUR, 0.6, 180 * DAY + 20 * HOUR)
    author.outage(230 * DAY + 19 * HOUR, 2 * HOUR, (None,), 15)
    author.outage(300 * DAY + 18 * HOUR, 60 * HOUR, (10,), 90)
    author.outage(340 * DAY + 8 * HOUR, 30 * MINUTE, (196,), 12)


def _few_trolls(author: _Author, day: int) -> None:
    """Let six phones send thousands of texts in an evening; two are blocked, one says stop and goes on."""
    trolls = [author.person(0) for _ in range(6)]
    begin = day * DAY + 19 * HOUR
    for nth in range(2400):
        said = author.random.choice(("Réponds {} !", "{}", "ha {} ha", "tu vas répondre oui ou non {}")).format(nth)
        author.text(begin + nth * 5 + author.random.randint(0, 2), author.random.choice(trolls), said)
    author.text(begin + HOUR, trolls[2], "STOP")
    author.decide(begin + 2 * HOUR, "block", trolls[0])
    author.decide(begin + 2 * HOUR + 60, "block", trolls[1])
    author.decide(begin + 9 * DAY, "unblock", trolls[1])
    for troll in trolls:
        author.text(begin + 12 * DAY, troll, "je suis de retour")


def _many_trolls(author: _Author, day: int) -> None:
    """Let thousands of numbers write in a day: a person pauses, lowers the limits, and resumes."""
    for _ in range(2600):
        author.text(day * DAY + author.random.randrange(8 * HOUR, DAY), author.person(0.1), "Coucou toi")
    author.decide(day * DAY + 14 * HOUR, "pause")
    author.decide(day * DAY + 16 * HOUR, "resume")


def _reloads(author: _Author, settings: Settings) -> None:
    """Let a person change the configuration now and then."""
    changes: Sequence[tuple[int, Settings]] = (
        (60 * DAY + 12 * HOUR, replace(settings, hour=20, day=60, cooldowns=(2 * HOUR, DAY, 7 * DAY))),
        (80 * DAY + 12 * HOUR, replace(settings, texts=(FIRST_TEXT, SECOND_TEXT, LATER_TEXT), per_number=5)),
        (100 * DAY + 20 * HOUR, replace(settings, answer_countries=("BE",))),
        (104 * DAY + 9 * HOUR, settings),
        (260 * DAY + 15 * HOUR, replace(settings, hour=30, day=120, reserve_percent=34)),
        (262 * DAY, replace(settings, texts=(LATER_TEXT, SECOND_TEXT))),
        (320 * DAY, replace(settings, hour=4, day=12, reserve_percent=75)),
        (330 * DAY, replace(settings, cooldowns=(0,), per_number=9)),
        (335 * DAY, replace(settings, max_age=2 * HOUR)),
    )
    for at, changed in changes:
        author.operations.append(Reload(at=at, settings=changed))
    author.crowd(100 * DAY + 19 * HOUR, 100 * DAY + 20 * HOUR, 25)  # queued; then their country is not answered


def by_contact(submissions: Iterable[Submission]) -> Iterator[tuple[int, list[Submission]]]:
    """Yield each contact, or text by hand, with its submissions."""
    found: dict[int, list[Submission]] = {}
    for each in submissions:
        found.setdefault(each.contact, []).append(each)
    yield from found.items()
