"""The states of the modem, the database, answers and segments, and the codes of contacts, requests, events and alerts.

Why the daemon refused a request, and what is wrong with a line, are codes here, too; why `requeue` and `cancel` refuse
is said in `store.answers`. No other module spells a state or such a code. FACTS says which segments count in the
windows and for their number, TRANSITIONS which state follows which.
`store.lifecycle` alone writes the states of answers and segments, and its head says why they are as they are.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, NewType


class ModemState(StrEnum):
    """The states of the modem that `status` shows; `words.conditions` has a title and a cure for each."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    UNREGISTERED = "unregistered"
    RECOVERING = "recovering"
    BUSY_PORT = "busy_port"
    SIM_ABSENT = "sim_absent"
    PIN_REQUIRED = "pin_required"
    PIN_REFUSED = "pin_refused"
    PUK_REQUIRED = "puk_required"
    SIM_CHANGED = "sim_changed"
    NO_SERVICE_CENTRE = "no_service_centre"
    NO_TEXTS = "no_texts"
    """The modem knows no texts at all."""


class SmsService(StrEnum):
    """The domain that texts are sent in (3GPP TS 27.007 10.1.21): `status --json` has these words."""

    PACKET = "packet"
    CIRCUIT = "circuit"
    PACKET_FIRST = "packet_first"
    CIRCUIT_FIRST = "circuit_first"


class ModemTrouble(StrEnum):
    """Why a modem does not do its work, for the ladder of its recovery."""

    SILENT = "silent"
    """It does not answer as it should."""
    ABSENT = "absent"
    UNREADY = "unready"
    """It answers, and cannot be set up."""
    NO_SIM = "no_sim"
    UNREGISTERED = "unregistered"
    NOT_LEAVING = "not_leaving"


class DatabaseState(StrEnum):
    """The states of a database that `status` shows; `words.conditions` has a title for each that nobody can use."""

    OK = "ok"
    FULL = "full"
    LOCKED = "locked"
    DAMAGED = "damaged"
    DENIED = "denied"
    """A user lacks a right: the daemon's own, or the person's who asks."""
    REPLACED = "replaced"
    """The file at its path is not the one that the daemon has open."""


class NoModemState(StrEnum):
    """The modem's state where no daemon says one: it ended as it was asked to, or none is known of."""

    STOPPED = "stopped"
    UNKNOWN = "unknown"


class SendingState(StrEnum):
    """Whether answers go out, or how they are kept back: one at a time to see (trial), by a person, or otherwise."""

    FREE = "free"
    TRIAL = "trial"
    PAUSED = "paused"
    HELD = "held"
    NO_DAEMON = "no_daemon"
    """For the outcome of a contact alone: `status` says apart whether a daemon runs."""


class HoldReason(StrEnum):
    """Why answers are kept back; `words.conditions.HOLDS` has words and cures."""

    KEY_LOST = "key_lost"
    KEY_DENIED = "key_denied"
    """It is there, and the daemon may not read it."""
    SIM_CHANGED = "sim_changed"
    PERSON = "person"
    RESTORED = "restored"
    OUTAGE = "outage"
    CREDIT = "credit"


KEPT_BACK = {
    HoldReason.KEY_LOST: SendingState.HELD,
    HoldReason.KEY_DENIED: SendingState.HELD,
    HoldReason.SIM_CHANGED: SendingState.HELD,
    HoldReason.PERSON: SendingState.PAUSED,
    HoldReason.RESTORED: SendingState.PAUSED,
    HoldReason.OUTAGE: SendingState.TRIAL,
    HoldReason.CREDIT: SendingState.TRIAL,
}
"""How answers are kept back for each reason."""


class SelftestObstacle(StrEnum):
    """The obstacles that keep the line from texting itself; `words.selftest.OBSTACLES` has each in words."""

    NO_NUMBER = "no_number"
    NOT_RUNNING = "not_running"
    MODEM_NOT_READY = "modem_not_ready"
    SHADOW = "shadow"
    PAUSED = "paused"
    CREDIT = "credit"
    OUTAGE = "outage"
    HELD = "held"
    FULL = "full"


class Shared(StrEnum):
    """The things that lines of a fleet tell each other about persons, as `fleet.share` chooses."""

    OPT_OUTS = "opt_outs"
    BLOCKS = "blocks"
    ANSWERS = "answers"
    """How often each was answered, and when last."""


class FleetTrouble(StrEnum):
    """The troubles between a line and the hub that answered it."""

    OTHER_KEY = "other_key"
    """The hub is of another fleet."""
    TWICE = "twice"
    """Another machine speaks as this line."""
    FULL = "full"
    """There is no more room for what lines say: at the hub for this one's, or here for what others say."""
    REFUSED = "refused"
    """The answer has not the form of one."""


class EventKind(StrEnum):
    """The kind of an event of the table `events`, beside a `StateEvent`; a later version may have others."""

    SIM_ADOPTED = "sim_adopted"
    RECOVERY = "recovery"
    """A rung of the recovery that disturbs the modem."""
    UNDERVOLTAGE = "undervoltage"
    OVERVOLTAGE = "overvoltage"
    DELETE_REFUSED = "delete_refused"
    """The modem does not delete an entry of a storage."""
    TEXT_LOST = "text_lost"
    """A text came, and the modem stored it nowhere."""
    FLOOD_BEGIN = "flood_begin"
    FLOOD_END = "flood_end"
    OUTAGE_BEGIN = "outage_begin"
    OUTAGE_END = "outage_end"
    COUNTRY_OUTAGE_BEGIN = "country_outage_begin"
    COUNTRY_OUTAGE_END = "country_outage_end"
    CREDIT_OUT = "credit_out"
    CREDIT_OK = "credit_ok"
    BALANCE = "balance"
    BALANCE_LOW = "balance_low"
    TOPUP = "topup"
    KEY_LOST = "key_lost"
    KEY_DENIED = "key_denied"
    KEY_BACK = "key_back"
    KEY_NEW = "key_new"
    BACKUP = "backup"
    """It is written into the copy alone."""
    RESTORED = "restored"
    PAUSE_RESTORED = "pause_restored"
    UNCONFIRMED = "unconfirmed"
    """Segments were being submitted when the daemon ended last."""
    SET_ASIDE = "set_aside"
    MODE_SHADOW = "mode_shadow"
    MODE_LIVE = "mode_live"
    PAUSE = "pause"
    RESUME = "resume"
    BLOCK = "block"
    UNBLOCK = "unblock"
    OPTOUT = "optout"
    OPTOUT_LIFTED = "optout_lifted"
    TAG = "tag"
    UNTAG = "untag"
    KEEP = "keep"
    UNKEEP = "unkeep"
    SKIP = "skip"
    """A person put off reading a text."""
    TOLD = "told"
    """A person asked the admin to look at a contact."""
    EVIDENCE = "evidence"
    CANCEL = "cancel"
    REQUEUE = "requeue"
    LOOK = "look"
    FORGET = "forget"


StateEvent = NewType("StateEvent", str)
"""The kind of an event with a state in its name: `modem_event` and `database_event` make it."""
_MODEM, _DATABASE = "modem_", "database_"


def modem_event(state: ModemState | NoModemState) -> StateEvent:
    """Return the kind of the event that the modem came into a state, or that its daemon ended."""
    return StateEvent(_MODEM + state)


def modem_state_of(kind: str) -> str:
    """Return the state in a kind that `modem_event` has made."""
    return kind.removeprefix(_MODEM)


def database_event(state: DatabaseState) -> StateEvent:
    """Return the kind of the event that the database can be used again, with the state that it was in."""
    return StateEvent(_DATABASE + state)


class TroubleCode(StrEnum):
    """The troubles of a line, in `status --json`.

    The states of the modem, the reasons of `KEPT_BACK`, a pause, the names of budgets and what `database_trouble`
    returns are such codes, too.
    """

    NOT_RUNNING = "not_running"
    NOT_ALIVE = "not_alive"
    OTHER_DAEMON = "other_daemon"
    CONFIG_BROKEN = "config_broken"
    CONFIG_REFUSED = "config_refused"
    """The file's words were not taken at a reload."""
    NO_ANSWER_TEXT = "no_answer_text"
    """The answer's file is empty or cannot be used, and nobody is answered."""
    ANSWER_REFUSED = "answer_refused"
    """The answer's file cannot be used, and at a reload what was in force stayed."""
    ANSWER_DIFFERS = "answer_differs"
    """The answer's file is not what is in force."""
    DATABASE_MISSING = "database_missing"
    DATABASE_VERSION = "database_version"
    DATABASE_UNKNOWN = "database_unknown"
    STORAGE_UNREAD = "storage_unread"
    VOLTE_ONLY = "volte_only"
    """The network has the SIM for LTE and denies it the older way: texts may come and go only by VoLTE."""
    TEXT_LOST = "text_lost"
    """A text came lately, and the modem stored it nowhere."""
    NO_REPORTS = "no_reports"
    COUNTRY_OUTAGE = "country_outage"
    """Nothing leaves to a country, while other answers do."""
    REFUSALS = "refusals"
    """The network refuses answers in a row, though others left lately."""
    SHADOW = "shadow"
    SIM_ENDS = "sim_ends"
    SIM_ENDED = "sim_ended"
    SELFTEST_LOST = "selftest_lost"
    SILENCE = "silence"
    BACKUP_OLD = "backup_old"
    CREDIT_LOW = "credit_low"
    ALERTS_NOWHERE = "alerts_nowhere"
    """Texts with a word of alerts.words are to raise an alert, and there is nowhere for it to go."""
    HUB_AWAY = "hub_away"
    HUB_LOGIN = "hub_login"
    """The line has no login at its fleet's hub, as after a restore, or the hub does not take it."""
    HUB_REFUSED = "hub_refused"
    FLEET_OTHER_KEY = "fleet_other_key"
    FLEET_TWICE = "fleet_twice"
    """Another machine speaks as this line."""
    FLEET_FULL = "fleet_full"
    READER = "reader"
    """A program keeps old pages of the database."""


def database_trouble(name: str) -> str:
    """Return the code of a trouble for the state of a database, or the right that is lacking there."""
    return _DATABASE + name


def is_about_database(code: str) -> bool:
    """Tell whether the code of a trouble is about the database."""
    return code.startswith(_DATABASE)


class AlertCondition(StrEnum):
    """The subjects of alerts, beside the budgets by their names; of each, `words.alerts` has what begins and ends."""

    MODEM = "modem"
    DATABASE = "database"
    CONFIG = "config"
    ANSWER = "answer"
    """Nobody is answered for want of a text, or nobody will be after a restart."""
    DISK = "disk"
    FLOOD = "flood"
    CREDIT = "credit"
    OUTAGE = "outage"
    COUNTRY = "country"
    """Nothing leaves to a country: each has a condition of its own, which ends with its code (`country_condition`)."""
    BALANCE = "balance"
    KEY = "key"
    PAUSED = "paused"
    SHADOW = "shadow"
    SIM_LIFE = "sim_life"
    SELFTEST = "selftest"
    SILENCE = "silence"
    RECEPTION = "reception"
    """Texts may not come in, though the modem is ready: by VoLTE alone (1), or where they cannot be read (2)."""
    TEXT_LOST = "text_lost"
    BACKUP = "backup"
    HUB = "hub"
    """Something is wrong with the exchange: how much says which trouble (`reports.fleet.LEVELS`)."""
    ASKED = "asked"
    """Other lines ask that somebody be erased: its level is how many, up to nine."""
    WORDS = "words"
    """A text has a word of alerts.words."""
    TOLD = "told"
    """A person at the desk asks the admin to look at a contact."""
    TEST = "test"
    """It is sent once, and never again where a channel does not take it."""
    DIGEST = "digest"
    """The newest one is repeated to a channel until it takes it, or another one follows."""


_OF_COUNTRY = f"{AlertCondition.COUNTRY}_"


def country_condition(country: str) -> str:
    """Return what alerts are about where nothing leaves to a country."""
    return _OF_COUNTRY + country


def maybe_country(condition: str) -> str | None:
    """Return the country of what `country_condition` has made; None of any other condition."""
    return condition.removeprefix(_OF_COUNTRY) if condition.startswith(_OF_COUNTRY) else None


class SealFailure(StrEnum):
    """Why no sealed backup could be put off the card; `words.conditions.SEAL_FAILURES` has the words and cures."""

    ABSENT = "absent"
    """The folder is not there, or lies on the disk of the database: nothing is plugged in."""
    FULL = "full"
    READ_ONLY = "read_only"
    DENIED = "denied"
    LOST = "lost"
    """The disk went away, or does not take what is written."""
    ALTERED = "altered"
    """The bytes read back are not those that were written."""
    NO_AGE = "no_age"
    """The program that seals is missing, or failed."""
    DATABASE = "database"
    """The database cannot be read, or is damaged."""
    UNSENT = "unsent"
    """It did not arrive on the other machine."""


class MemberState(StrEnum):
    """How a line of a fleet is: the first four it says itself."""

    ANSWERING = "answering"
    SHADOW = "shadow"
    PAUSED = "paused"
    NOT_ANSWERING = "not_answering"
    UNSEEN = "unseen"
    """It was not at the hub for an hour."""
    NEW = "new"
    """It was never there."""


class ContactKind(StrEnum):
    """The kind of a contact."""

    TEXT = "text"
    CALL = "call"
    MMS = "mms"
    DATA = "data"
    SERVICE = "service"
    UNREADABLE = "unreadable"


class ContactVerdict(StrEnum):
    """The word on a contact: is it answered? `policy.Verdict` is the judgement itself, doctor's is about a check."""

    ANSWER = "answer"
    SUPPRESS = "suppress"


class SegmentKind(StrEnum):
    """The kind of a segment that was received."""

    DELIVER = "deliver"
    STATUS_REPORT = "status_report"
    UNREADABLE = "unreadable"


class PduProblem(StrEnum):
    """The problem of a segment that was received; `words.problems` has each in words."""

    TRUNCATED = "truncated"
    NOISE = "noise"
    """Neither its address nor its time is one."""
    NOT_HEXADECIMAL = "not_hexadecimal"
    WRONG_DIRECTION = "wrong_direction"
    """Its type of message only goes out."""
    CONTRADICTS = "contradicts"
    """A status report that does not fit the state of its segment."""


class SubmitProblem(StrEnum):
    """Why a segment was not taken, or nobody knows, where the modem itself says nothing of it."""

    OUT_OF_STEP = "out_of_step"
    NO_PROMPT = "no_prompt"
    NO_RESPONSE = "no_response"
    PORT_LOST = "port_lost"


class ByHand(StrEnum):
    """How a person had a text sent: the mark of the answer that is queued for the request."""

    SEND = "send"
    ANSWER = "answer"
    """The first answer, to a phone of the house: it counts as one to a number that was answered."""


class RequestState(StrEnum):
    """How far a request to the daemon is."""

    OPEN = "open"
    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"

    @property
    def is_pending(self) -> bool:
        """Whether the daemon may still carry it out."""
        return self in (RequestState.OPEN, RequestState.BEGUN)


class Refusal(StrEnum):
    """Why the daemon did not do what a person asked, beside causes, reasons of a verdict and what makes an answer wait.

    Some have values, which `words.requests` puts into the sentence.
    """

    SHADOW = "shadow_mode"
    TOO_MANY_SEGMENTS = "too_many_segments"
    ANSWERS_USED_UP = "answers_used_up"
    NO_USSD = "no_ussd"
    MODEM_UNUSABLE = "modem_unusable"
    UNKNOWN_VERB = "unknown_verb"
    MALFORMED = "malformed"
    STOPPED = "stopped"
    """The daemon ended before it was done."""
    FORGOTTEN = "forgotten"
    NOT_SENT = "not_sent"
    """The answer that was queued for it has come to another end."""


class Adoption(StrEnum):
    """The change that `sim adopt` made: nothing, another SIM, or another stick."""

    UNCHANGED = "unchanged"
    SIM = "another_sim"
    STICK = "another_stick"


class AnswerState(StrEnum):
    """How far an answer is."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SHADOWED = "shadowed"


class SegmentState(StrEnum):
    """How far a segment of an attempt is."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    SHADOWED = "shadowed"


class Facts(NamedTuple):
    """The meaning of a segment's state: for the windows, for its number, and for the rest of its answer."""

    occupies: bool
    """It takes a place in the windows: it was handed over, or may be at any moment."""
    may_have_left: bool
    """It was handed over, and nothing proves that it did not leave: its number counts as answered."""
    left: bool
    """The network took it."""
    in_shadow: bool = False
    """It was let out in shadow mode: it occupies the windows of shadow mode alone."""


FACTS = {
    SegmentState.WAITING: Facts(occupies=True, may_have_left=False, left=False),
    SegmentState.SUBMITTING: Facts(occupies=True, may_have_left=True, left=False),
    SegmentState.SENT: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.DELIVERED: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.UNDELIVERED: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.UNCONFIRMED: Facts(occupies=True, may_have_left=True, left=False),
    SegmentState.REFUSED: Facts(occupies=False, may_have_left=False, left=False),
    SegmentState.CANCELLED: Facts(occupies=False, may_have_left=False, left=False),
    SegmentState.SHADOWED: Facts(occupies=False, may_have_left=False, left=False, in_shadow=True),
}

TRANSITIONS = {
    AnswerState.QUEUED: {
        AnswerState.SENDING, AnswerState.CANCELLED, AnswerState.FAILED, AnswerState.SHADOWED, AnswerState.UNCONFIRMED,
        AnswerState.SENT,
    },
    AnswerState.SENDING: {AnswerState.SENT, AnswerState.QUEUED, AnswerState.FAILED, AnswerState.UNCONFIRMED},
    AnswerState.SENT: {AnswerState.DELIVERED, AnswerState.UNDELIVERED},
    AnswerState.DELIVERED: {AnswerState.UNDELIVERED},
    AnswerState.UNDELIVERED: {AnswerState.SENT, AnswerState.DELIVERED},
    AnswerState.UNCONFIRMED: {AnswerState.SENDING, AnswerState.SENT, AnswerState.FAILED},
    AnswerState.FAILED: set(),
    AnswerState.CANCELLED: set(),
    AnswerState.SHADOWED: set(),
}  # fmt: skip
"""From which state an answer comes into which by itself; a person alone may have one sent again (`REPEATABLE`).

What is unconfirmed and proven to be delivered was sent before. Each of these is taken by a test: there is no spare one.
"""

SEGMENT_TRANSITIONS = {
    SegmentState.WAITING: {SegmentState.SUBMITTING, SegmentState.CANCELLED},
    SegmentState.SUBMITTING: {
        SegmentState.SENT, SegmentState.UNCONFIRMED, SegmentState.REFUSED, SegmentState.WAITING,
    },
    SegmentState.SENT: {SegmentState.DELIVERED, SegmentState.UNDELIVERED},
    SegmentState.DELIVERED: {SegmentState.UNDELIVERED},
    SegmentState.UNDELIVERED: {SegmentState.DELIVERED},
    SegmentState.UNCONFIRMED: {SegmentState.SENT, SegmentState.DELIVERED, SegmentState.UNDELIVERED},
    SegmentState.REFUSED: set(),
    SegmentState.CANCELLED: {SegmentState.WAITING},
    SegmentState.SHADOWED: set(),
}  # fmt: skip
"""The same of a segment. A cancelled one waits again only where the one before it is proven to have left after all."""


def listed(states: Iterable[StrEnum]) -> str:
    """Write states as SQL compares with them: ('queued', 'sending')."""
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


def _where(fact: str) -> str:
    return listed(state for state, facts in FACTS.items() if getattr(facts, fact))


PENDING = listed(state for state in RequestState if state.is_pending)
"""A request that the daemon may still carry out."""
OPEN = (AnswerState.QUEUED, AnswerState.SENDING)
"""An answer of which something may still be handed over by itself."""
REPEATABLE = (AnswerState.UNCONFIRMED, AnswerState.FAILED, AnswerState.CANCELLED)
"""The states from which a person may have it sent again; `answers.requeue` may still refuse, as for what is erased."""
TAKEN = (AnswerState.SENT, AnswerState.DELIVERED, AnswerState.UNDELIVERED)
"""An answer that the network took whole."""
OCCUPIES = _where("occupies")
MAY_HAVE_LEFT = _where("may_have_left")
LEFT = _where("left")
IN_SHADOW = _where("in_shadow")

WAITS = (
    f"state IN {listed(OPEN)} AND NOT EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"  # noqa: S608
    f" WHERE t.answer_id = answers.id AND s.state = '{SegmentState.SUBMITTING}')"
)
"""The condition on `answers` that no segment of it is being submitted and one may still be."""
