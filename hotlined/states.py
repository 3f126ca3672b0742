"""The states of the modem, the database, answers and segments, and the codes of contacts, requests, events and alerts.

The refusals of the daemon and the troubles of a line are codes here, too; the refusals of `requeue` and `cancel` are in
`store.answers`. No other module spells out a state or such a code. FACTS says which segments count in the windows and
for their number; TRANSITIONS says which state may follow which. Only `store.answers.lifecycle` writes the states of
answers and segments; its docstring explains them.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, NewType


class ModemState(StrEnum):
    """The states of the modem that `status` shows; `conditions` has a title and a cure for each."""

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
    SIM_LOCKED = "sim_locked"
    """The modem is locked to an operator, and this SIM is of another one."""
    SIM_CHANGED = "sim_changed"
    NO_SERVICE_CENTRE = "no_service_centre"
    NO_TEXTS = "no_texts"
    """The modem does not support texts."""


class SmsService(StrEnum):
    """The domain in which the modem sends texts (3GPP TS 27.007 10.1.21), as `status --json` names it."""

    PACKET = "packet"
    CIRCUIT = "circuit"
    PACKET_FIRST = "packet_first"
    CIRCUIT_FIRST = "circuit_first"


class ModemTrouble(StrEnum):
    """Why a modem does not do its work, for the escalation of its recovery."""

    SILENT = "silent"
    """It does not answer, or not as the protocol demands."""
    ABSENT = "absent"
    UNREADY = "unready"
    """It answers, but cannot be set up."""
    NO_SIM = "no_sim"
    UNREGISTERED = "unregistered"
    NOT_LEAVING = "not_leaving"
    NOT_ARRIVING = "not_arriving"
    """A text to the line itself did not come back."""


class DatabaseState(StrEnum):
    """The states of a database that `status` shows; `conditions` has a title for each of them except OK."""

    OK = "ok"
    FULL = "full"
    LOCKED = "locked"
    DAMAGED = "damaged"
    DENIED = "denied"
    """The daemon, or the person who asks, lacks a right."""
    REPLACED = "replaced"
    """The file at its path is not the one that the daemon has open."""


class NoModemState(StrEnum):
    """The state of the modem where no daemon reports one: the daemon was stopped, or nothing is known of a daemon."""

    STOPPED = "stopped"
    UNKNOWN = "unknown"


class SendingState(StrEnum):
    """Whether answers go out, or how they are kept back."""

    FREE = "free"
    TRIAL = "trial"
    """A breaker is open: one answer at a time is tried."""
    PAUSED = "paused"
    """Until a person resumes the line."""
    HELD = "held"
    NO_DAEMON = "no_daemon"
    """Only for the outcome of a contact; `status` reports separately whether a daemon runs."""


class HoldReason(StrEnum):
    """Why answers are kept back; `conditions.HOLDS` has words and cures."""

    KEY_LOST = "key_lost"
    KEY_DENIED = "key_denied"
    """The key is there, but the daemon may not read it."""
    SIM_CHANGED = "sim_changed"
    PERSON = "person"
    RESTORED = "restored"
    MADE_ANEW = "made_anew"
    """The database was made beside the key of another one, which is gone; nobody chose this pause."""
    OUTAGE = "outage"
    CREDIT = "credit"


KEPT_BACK = {
    HoldReason.KEY_LOST: SendingState.HELD,
    HoldReason.KEY_DENIED: SendingState.HELD,
    HoldReason.SIM_CHANGED: SendingState.HELD,
    HoldReason.PERSON: SendingState.PAUSED,
    HoldReason.RESTORED: SendingState.PAUSED,
    HoldReason.MADE_ANEW: SendingState.PAUSED,
    HoldReason.OUTAGE: SendingState.TRIAL,
    HoldReason.CREDIT: SendingState.TRIAL,
}
"""The state of sending for each reason."""


class SelftestObstacle(StrEnum):
    """The obstacles that keep the line from texting itself; `reports.selftest.OBSTACLES` has each in words."""

    NO_NUMBER = "no_number"
    NEVER_BACK = "never_back"
    """None ever came back on this SIM, and nobody wrote its number into the configuration."""
    NO_ANSWER = "no_answer"
    """The line has no text for its answer yet."""
    NOT_RUNNING = "not_running"
    MODEM_NOT_READY = "modem_not_ready"
    PAUSED = "paused"
    CREDIT = "credit"
    OUTAGE = "outage"
    HELD = "held"
    FULL = "full"


class FleetTrouble(StrEnum):
    """The troubles that what the hub has shows."""

    OTHER_KEY = "other_key"
    """The hub belongs to another fleet."""
    REFUSED = "refused"
    """It does not have the right form, or there is more of it than the line stores."""


class EventKind(StrEnum):
    """The kinds of events in the table `events`, beside `StateEvent`; a later version may have others."""

    SIM_ADOPTED = "sim_adopted"
    RECOVERY = "recovery"
    """The recovery took a step that disturbs the modem."""
    UNDERVOLTAGE = "undervoltage"
    OVERVOLTAGE = "overvoltage"
    DELETE_REFUSED = "delete_refused"
    """The modem refused to delete a text from a storage."""
    TEXT_LOST = "text_lost"
    """A text came, but the modem did not store it."""
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
    """The copy was made; this event is only in the copy."""
    RESTORED = "restored"
    PAUSE_RESTORED = "pause_restored"
    UNCONFIRMED = "unconfirmed"
    """Segments were being submitted when the daemon last ended."""
    SET_ASIDE = "set_aside"
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
    """A person skipped a contact in the review, which then comes last."""
    TOLD = "told"
    """A person asked the admin to look at a contact."""
    ALERTED = "alerted"
    """An alert named what a person asked the admin to look at."""
    SEEN = "seen"
    """An admin has seen what a person asked, or decided about the number."""
    EVIDENCE = "evidence"
    CANCEL = "cancel"
    REQUEUE = "requeue"
    FORGET = "forget"


StateEvent = NewType("StateEvent", str)
"""The kind of an event whose name contains a state; `modem_event` and `database_event` make it."""
_MODEM, _DATABASE = "modem_", "database_"


def modem_event(state: ModemState | NoModemState) -> StateEvent:
    """Return the kind of the event that the modem's state changed to this one."""
    return StateEvent(_MODEM + state)


def modem_state_of(kind: str) -> str:
    """Return the state from a kind that `modem_event` made."""
    return kind.removeprefix(_MODEM)


def database_event(state: DatabaseState) -> StateEvent:
    """Return the kind of the event that the database can be used again; `state` is the one that ended."""
    return StateEvent(_DATABASE + state)


class TroubleCode(StrEnum):
    """The troubles of a line, in `status --json`.

    Other codes of troubles are the states of the modem, the reasons of `KEPT_BACK`, a pause, the names of budgets, and
    the codes that `database_trouble` returns; `conditions.TABLE` has what follows from each.
    """

    NOT_RUNNING = "not_running"
    NOT_ALIVE = "not_alive"
    OTHER_DAEMON = "other_daemon"
    CONFIG_BROKEN = "config_broken"
    CONFIG_REFUSED = "config_refused"
    """A reload failed, so the configuration in force is not that of the file."""
    CONFIG_DIFFERS = "config_differs"
    """The file has other values than those that the daemon has in force, because nobody has reloaded it."""
    NO_ANSWER_TEXT = "no_answer_text"
    """The answer's file is empty or cannot be used, so nobody is answered."""
    ANSWER_REFUSED = "answer_refused"
    """The answer's file could not be used at a reload, so the former answer stays in force."""
    ANSWER_DIFFERS = "answer_differs"
    """The text in the answer's file differs from the answer in force."""
    DATABASE_MISSING = "database_missing"
    DATABASE_VERSION = "database_version"
    DATABASE_UNKNOWN = "database_unknown"
    STORAGE_UNREAD = "storage_unread"
    STORAGE_FULL = "storage_full"
    """Texts come into a storage that has no room for another, and no other storage has."""
    VOLTE_ONLY = "volte_only"
    """The network accepts the SIM for LTE but not for the older service: texts may come and go only by SMS over IP."""
    TEXT_LOST = "text_lost"
    """A text came lately, but the modem did not store it."""
    NO_REPORTS = "no_reports"
    COUNTRY_OUTAGE = "country_outage"
    """No answer to a country leaves, while other answers do."""
    REFUSALS = "refusals"
    """The network refuses answers one after the other, though others left lately."""
    ANSWERS_FAIL = "answers_fail"
    """None of the last ten answers was taken, whatever the cause."""
    SIM_ENDS = "sim_ends"
    SIM_ENDED = "sim_ended"
    SELFTEST_LOST = "selftest_lost"
    NUMBER_UNSURE = "number_unsure"
    """A text to the line itself did not come back, and none ever did: its number may be wrong."""
    SILENCE = "silence"
    SIM_COUNTRY = "sim_country"
    """The SIM is of a country that the line does not answer."""
    BACKUP_OLD = "backup_old"
    CREDIT_LOW = "credit_low"
    ALERTS_NOWHERE = "alerts_nowhere"
    """`alerts.words` is set, but the alerts have no destination."""
    DISK_LOW = "disk_low"
    HUB_AWAY = "hub_away"
    HUB_LOGIN = "hub_login"
    """The line has no login for the hub of its fleet, as after a restore, or the hub refuses the login."""
    HUB_REFUSED = "hub_refused"
    FLEET_OTHER_KEY = "fleet_other_key"
    READER = "reader"
    """A program reads the database for so long that its -wal file cannot be emptied."""


def database_trouble(name: str) -> str:
    """Return the code of a trouble for a `DatabaseState`, or for a right that is missing there."""
    return _DATABASE + name


def is_about_database(code: str) -> bool:
    """Tell whether a code of trouble is about the database."""
    return code.startswith(_DATABASE)


class AlertCondition(StrEnum):
    """The subjects of alerts, beside the names of budgets."""

    MODEM = "modem"
    DATABASE = "database"
    CONFIG = "config"
    ANSWER = "answer"
    """Nobody is answered because there is no text, or nobody will be after a restart."""
    DISK = "disk"
    FLOOD = "flood"
    OUTAGE = "outage"
    """No answer leaves, perhaps because the SIM has no credit."""
    COUNTRY = "country"
    """No answer to a country leaves; each country is a subject of its own (`about`)."""
    BALANCE = "balance"
    KEY = "key"
    PAUSED = "paused"
    SIM_LIFE = "sim_life"
    SELFTEST = "selftest"
    SILENCE = "silence"
    RECEPTION = "reception"
    """The modem is ready, but texts may come in only by SMS over IP."""
    STORAGE = "storage"
    """Texts in a storage cannot be read, or it has no room for more; each storage is a subject of its own."""
    TEXT_LOST = "text_lost"
    BACKUP = "backup"
    HUB = "hub"
    """Something is wrong with the exchange; the level says which trouble it is."""
    WORDS = "words"
    """A text has a word of alerts.words."""
    TOLD = "told"
    """A person at the desk asks the admin to look at a contact."""
    SEVERAL = "several"
    """All that holds in the first run, in one alert; each condition is recorded beside it as told."""
    TEST = "test"
    """It is sent once; a channel that does not take it does not get it again."""
    DIGEST = "digest"
    """Each channel gets the newest digest again until it takes it, or until another digest replaces it."""


def about(subject: str, instance: str) -> str:
    """Return the subject of an alert, and of which country or storage."""
    return f"{subject}:{instance}" if instance else subject


class SealFailure(StrEnum):
    """Why no sealed backup left the card; `conditions.SEAL_FAILURES` has the words and cures."""

    ABSENT = "absent"
    """The folder is missing, or is where disks are mounted, and no disk is."""
    FULL = "full"
    READ_ONLY = "read_only"
    DENIED = "denied"
    LOST = "lost"
    """The disk went away, or does not accept data."""
    ALTERED = "altered"
    """The file that was read back differs from the one that was written."""
    NO_AGE = "no_age"
    """The program that seals is missing, or failed."""
    DATABASE = "database"
    """The database cannot be read, or is damaged."""


class ContactKind(StrEnum):
    """The kind of a contact."""

    TEXT = "text"
    CALL = "call"
    MMS = "mms"
    DATA = "data"
    SERVICE = "service"
    UNREADABLE = "unreadable"


class ContactVerdict(StrEnum):
    """Whether a contact is answered. `policy.Verdict` adds the reason; the verdicts of `doctor` are in its `Health`."""

    ANSWER = "answer"
    SUPPRESS = "suppress"


class SegmentKind(StrEnum):
    """The kind of a segment that was received."""

    DELIVER = "deliver"
    STATUS_REPORT = "status_report"
    UNREADABLE = "unreadable"


class PduProblem(StrEnum):
    """The problem of a segment that was received; `words.reasons` has each in words."""

    TRUNCATED = "truncated"
    NOISE = "noise"
    """Neither its address nor its time is valid."""
    NOT_HEXADECIMAL = "not_hexadecimal"
    WRONG_DIRECTION = "wrong_direction"
    """A message of this type is only sent, never received."""
    CONTRADICTS = "contradicts"
    """A status report contradicts the state of its segment."""


class SubmitProblem(StrEnum):
    """Why a segment was not taken, or its fate is unknown, where the modem gives no reason."""

    OUT_OF_STEP = "out_of_step"
    NO_PROMPT = "no_prompt"
    NO_RESPONSE = "no_response"
    PORT_LOST = "port_lost"


class ByHand(StrEnum):
    """The kind of a text by hand: the command by which a person had it sent."""

    SEND = "send"
    ANSWER = "answer"
    """The first answer, sent to a phone of one's own; it counts as one to a number that was answered before."""


class RequestState(StrEnum):
    """The progress of a request to the daemon."""

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
    """Why the daemon refused a request. Causes, verdicts' reasons and `WaitingFor` are codes of refusals, too.

    Some codes have values, which `words.requests` puts into the sentence.
    """

    TOO_MANY_SEGMENTS = "too_many_segments"
    ANSWERS_USED_UP = "answers_used_up"
    NO_USSD = "no_ussd"
    MODEM_UNUSABLE = "modem_unusable"
    UNKNOWN_VERB = "unknown_verb"
    MALFORMED = "malformed"
    STOPPED = "stopped"
    """The daemon ended before the request was carried out."""
    FORGOTTEN = "forgotten"
    NOT_SENT = "not_sent"
    """The answer that was queued for the request ended without being sent."""


class Adoption(StrEnum):
    """The change that `sim adopt` made: nothing, another SIM, or another stick."""

    UNCHANGED = "unchanged"
    SIM = "another_sim"
    STICK = "another_stick"


class AnswerState(StrEnum):
    """The state of an answer."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SegmentState(StrEnum):
    """The state of a segment of an attempt."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Facts(NamedTuple):
    """The meaning of a segment's state: for the windows, for its number, and for the rest of its answer."""

    occupies: bool
    """It counts in the windows: it was handed to the modem, or may be at any moment."""
    may_have_left: bool
    """It was handed to the modem, and nothing proves that it did not leave: its number counts as answered."""
    left: bool
    """The network took it."""


FACTS = {
    SegmentState.WAITING: Facts(occupies=True, may_have_left=False, left=False),
    SegmentState.SUBMITTING: Facts(occupies=True, may_have_left=True, left=False),
    SegmentState.SENT: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.DELIVERED: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.UNDELIVERED: Facts(occupies=True, may_have_left=True, left=True),
    SegmentState.UNCONFIRMED: Facts(occupies=True, may_have_left=True, left=False),
    SegmentState.REFUSED: Facts(occupies=False, may_have_left=False, left=False),
    SegmentState.CANCELLED: Facts(occupies=False, may_have_left=False, left=False),
}

TRANSITIONS = {
    AnswerState.QUEUED: {
        AnswerState.SENDING, AnswerState.CANCELLED, AnswerState.FAILED, AnswerState.UNCONFIRMED, AnswerState.SENT,
    },
    AnswerState.SENDING: {AnswerState.SENT, AnswerState.QUEUED, AnswerState.FAILED, AnswerState.UNCONFIRMED},
    AnswerState.SENT: {AnswerState.DELIVERED, AnswerState.UNDELIVERED},
    AnswerState.DELIVERED: {AnswerState.UNDELIVERED},
    AnswerState.UNDELIVERED: {AnswerState.SENT, AnswerState.DELIVERED},
    AnswerState.UNCONFIRMED: {AnswerState.SENDING, AnswerState.SENT, AnswerState.FAILED},
    AnswerState.FAILED: set(),
    AnswerState.CANCELLED: set(),
}  # fmt: skip
"""The states that may follow each state of an answer without a person; only a person can have it sent again.

An unconfirmed answer that is proven to be delivered becomes sent first. A test needs each of these transitions, so
none is left over. For the states from which a person can send again see `REPEATABLE`.
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
}  # fmt: skip
"""The states that may follow each state of a segment.

A cancelled segment waits again only if the segment before it is proven to have left after all.
"""


def listed(states: Iterable[StrEnum]) -> str:
    """Return states as a list in SQL: ('queued', 'sending')."""
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


def _where(fact: str) -> str:
    return listed(state for state, facts in FACTS.items() if getattr(facts, fact))


PENDING = listed(state for state in RequestState if state.is_pending)
"""The states of a request that the daemon may still carry out, in SQL."""
OPEN = (AnswerState.QUEUED, AnswerState.SENDING)
"""The states in which the line may still hand over a segment of the answer without a person."""
REPEATABLE = (AnswerState.UNCONFIRMED, AnswerState.FAILED, AnswerState.CANCELLED)
"""The states from which a person may have it sent again; `answers.requeue` refuses it for other reasons, too."""
TAKEN = (AnswerState.SENT, AnswerState.DELIVERED, AnswerState.UNDELIVERED)
"""The states of an answer that the network took whole."""
OCCUPIES = _where("occupies")
MAY_HAVE_LEFT = _where("may_have_left")
LEFT = _where("left")

WAITS = (
    f"state IN {listed(OPEN)} AND NOT EXISTS (SELECT 1 FROM attempts t JOIN answer_segments s ON s.attempt_id = t.id"  # noqa: S608
    f" WHERE t.answer_id = answers.id AND s.state = '{SegmentState.SUBMITTING}')"
)
"""The condition in SQL on `answers`: no segment of the answer is being submitted, but one still may be."""
