"""Conditions that keep a line from its work: their headlines, sentences and cures, and what follows from each.

TABLE has a row for every condition: how grave it is, what it is about, its words for people without a terminal, and its
alert. `reports.seen` finds which hold; `status`, the desk, doctor and the alerts go by that, and by no list of their
own. Names in braces are filled in. Commands are in backticks; an alert turns these into quotes, because GSM-7 has
none. A headline and what an alert says under it fit one segment.
"""

import math
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from hotlined.causes import CodedCause
from hotlined.language import N_, Phrases, _, in_digits, ngettext, unfilled
from hotlined.rules.policy import BUDGETS as _WINDOW_CODES
from hotlined.rules.policy import WaitingFor
from hotlined.states import (
    AlertCondition,
    DatabaseState,
    HoldReason,
    ModemState,
    SealFailure,
    SendingState,
    TroubleCode,
    database_trouble,
    is_about_database,
)


class Condition(NamedTuple):
    """A condition that keeps a line from its work: a headline, a sentence, and a cure.

    The fields are English sentences marked with `N_`; the properties return them in the current language.
    """

    title_message: str
    words_message: str
    cure_message: str
    waits_for_a_person: bool = False
    """True if the modem answers, and yet only a person can end this condition."""

    @property
    def title(self) -> str:
        """The headline."""
        return unfilled(self.title_message)

    @property
    def words(self) -> str:
        """The sentence."""
        return unfilled(self.words_message)

    @property
    def cure(self) -> str:
        """The cure."""
        return unfilled(self.cure_message)


NOT_RUNNING = Condition(
    N_("the daemon does not run"),
    N_("The daemon does not run."),
    N_("Start it: `sudo systemctl start hotlined@{name}`, or `hotlined run` where it is not a service."),
)
NOT_ALIVE = Condition(
    NOT_RUNNING.title_message,
    N_("The daemon (process {pid}) ended unexpectedly, or hangs; below is what was last known."),
    N_(
        "Start it again: `sudo systemctl restart hotlined@{name}`; `journalctl -u hotlined@{name}` says why."
        " Or `hotlined run`, where it is not a service."
    ),
)
OTHER_DAEMON = Condition(
    N_("another daemon has the line's name"),
    N_("The status of this line is that of another daemon (process {pid}), which has the database {database}."),
    N_("Give the file of one of the two another name, or another runtime_dir, and start it again."),
)
_LOST = N_("the modem is lost")
MODEM: dict[str, Condition] = {
    ModemState.ABSENT: Condition(
        _LOST,
        N_("The modem is not plugged in, or does not answer."),
        N_("Plug the stick in again, at another port if need be."),
    ),
    ModemState.STARTING: Condition(
        N_("the modem does not get ready"),
        N_("The modem is being set up."),
        N_("This takes a minute. If it takes longer, `hotlined doctor` says why."),
    ),
    ModemState.UNREGISTERED: Condition(
        N_("the modem has no network"),
        N_("The modem has no network."),
        N_("The daemon looks for it. Check the aerial, the place, and whether the SIM is still active."),
    ),
    ModemState.RECOVERING: Condition(
        _LOST, N_("The modem does not answer."), N_("Pull the stick out and plug it in again.")
    ),
    ModemState.BUSY_PORT: Condition(
        N_("another program has the modem"),
        N_("Another program has the modem."),
        N_("Stop it: often it is ModemManager."),
    ),
    ModemState.SIM_ABSENT: Condition(
        N_("there is no SIM"),
        N_("There is no SIM in the modem."),
        N_("Put it in, contacts down, and plug the stick in again."),
        waits_for_a_person=True,
    ),
    ModemState.PIN_REQUIRED: Condition(
        N_("the SIM wants its PIN"),
        N_("The SIM wants its PIN."),
        N_("Set modem.pin, or modem.pin_file and put it there; then reload the daemon. Or switch it off with a phone."),
        waits_for_a_person=True,
    ),
    ModemState.PIN_REFUSED: Condition(
        N_("the SIM refused its PIN"),
        N_("The SIM refused its PIN."),
        N_("Correct modem.pin, or its file: this value is not tried again, and two more wrong ones lock the SIM."),
        waits_for_a_person=True,
    ),
    ModemState.PUK_REQUIRED: Condition(
        N_("the SIM is locked"),
        N_("The SIM is locked and wants its PUK."),
        N_("Put it into a phone and enter the PUK that came with it; nothing is tried from here."),
        waits_for_a_person=True,
    ),
    ModemState.SIM_LOCKED: Condition(
        N_("the stick is locked to another operator"),
        N_("The stick is locked to another operator."),
        N_("Have it unlocked, or take another one."),
        waits_for_a_person=True,
    ),
    ModemState.SIM_CHANGED: Condition(
        N_("another stick or SIM is in"),
        N_("Another stick or SIM is in: nobody is answered."),
        N_("Put the old one back; `hotlined sim adopt` goes on with this one."),
        waits_for_a_person=True,
    ),
    ModemState.NO_SERVICE_CENTRE: Condition(
        N_("the SIM has no service centre"),
        N_("The SIM has no service centre."),
        N_("Nothing can be sent without one. Ask the operator for its number; `hotlined status` says how to set it."),
        waits_for_a_person=True,
    ),
    ModemState.NO_TEXTS: Condition(
        N_("the modem knows no texts"),
        N_("The modem knows no texts."),
        N_("Take another one: this variant is for data alone. See docs/sticks.md."),
        waits_for_a_person=True,
    ),
}
"""The conditions of a modem that is not ready. If the driver knows the cause, the cause's sentence is used instead."""

SIM_STATES: frozenset[str] = frozenset({
    ModemState.SIM_ABSENT, ModemState.PIN_REQUIRED, ModemState.PIN_REFUSED, ModemState.PUK_REQUIRED,
    ModemState.SIM_LOCKED, ModemState.SIM_CHANGED,
})  # fmt: skip
"""The states of `MODEM` that are about the SIM."""

LAST_PIN_TRY = N_("One more wrong PIN locks the SIM: enter it in a phone, and switch it off there.")
"""The cure of a SIM that needs its PIN and accepts one wrong PIN at most."""

_CENTRE_CURE = N_(
    "Nothing can be sent without it. Ask the operator for its number, stop the daemon, and give it to the SIM:"
    """ `printf 'AT+CSCA="+32…",145\\r' > PORT`."""
)
"""The cure of a SIM without a service centre, for pages that have room; an alert names `hotlined status` instead."""

UNKNOWN_STATE = Condition(_LOST, N_("The modem is not ready."), N_("`hotlined status` says what is wrong."))
"""The condition of a state that `MODEM` does not have."""

HOLDS: dict[HoldReason | None, Condition] = {
    HoldReason.KEY_LOST: Condition(
        N_("a key of the pseudonyms is lost"),
        N_("A key of the pseudonyms is lost: nothing is sent."),
        N_("Bring it back from a backup: without it, `hotlined resume` forgets who was blocked or opted out."),
    ),
    HoldReason.KEY_DENIED: Condition(
        N_("a key of the pseudonyms may not be read"),
        N_("A key of the pseudonyms may not be read: nothing is sent."),
        N_("Give it the database's owner and rights, then `hotlined resume`."),
    ),
    HoldReason.SIM_CHANGED: MODEM[ModemState.SIM_CHANGED],
    HoldReason.PERSON: Condition(
        N_("the line is paused"),
        N_("Paused by {by}: nothing is sent."),
        N_("`hotlined resume` lets answers go out again."),
    ),
    HoldReason.RESTORED: Condition(
        N_("the line is paused"),
        N_("Paused by {by}, and the pause came back with a backup: nothing is sent."),
        N_("`hotlined resume` ends it."),
    ),
    HoldReason.MADE_ANEW: Condition(
        N_("the line is paused"),
        N_("The database is new, without opt-outs and blocks: nothing is sent."),
        N_("`hotlined resume` ends it."),
    ),
    HoldReason.OUTAGE: Condition(
        N_("nothing leaves"),
        N_("Nothing leaves, though the network is there: answers wait, and one is tried now and then."),
        N_("Top the SIM up, or try it in a phone."),
    ),
    HoldReason.CREDIT: Condition(
        N_("the SIM cannot pay"),
        N_("The SIM is out of credit or barred: answers wait, and one is tried now and then."),
        N_("Top it up. What waits then goes out by itself."),
    ),
}
"""The conditions that keep answers back, by their reason."""

COUNTRY_OUTAGE = Condition(
    N_("nothing leaves to {country}"),
    N_("Nothing leaves to numbers of {country}, but other answers do. One is tried now and then, the rest waits."),
    N_("If this lasts, take {code} out of numbers.answer_countries."),
)
COUNTRY_BARRED = Condition(
    N_("this SIM cannot text {country}"),
    N_("For a day nothing has left to numbers of {country}, and nothing ever did: this SIM cannot text there."),
    N_("Take {code} out of numbers.answer_countries, then reload the daemon, or start it."),
)
"""Replaces `COUNTRY_OUTAGE` after a day, if the network never took an answer to that country."""
REFUSALS = Condition(
    N_("the network refuses answers"),
    N_("The network refuses answers since {since}; the last one left at {left}."),
    N_("They are tried again by themselves; `hotlined log` shows to whom they go. Top the SIM up if need be."),
)
ANSWERS_FAIL = Condition(
    N_("no answer is taken"),
    N_("None of the last ten answers was taken, since {since}."),
    N_(
        "`hotlined log` says to whom, `hotlined show` why. If these are real numbers, the SIM's service centre may be"
        " wrong: `hotlined doctor` shows it, the operator knows the right one."
    ),
)
NETWORK_OR_CREDIT = N_("The network has a fault, or the SIM has no credit.")
ASK_BALANCE = N_("`hotlined sim balance` says if the SIM has credit.")

DATABASE_TITLES: Phrases[str] = Phrases(
    {
        DatabaseState.FULL: N_("the database cannot be written"),
        DatabaseState.DENIED: N_("the daemon may not use its database"),
        DatabaseState.LOCKED: N_("the database is locked"),
        DatabaseState.DAMAGED: N_("the database is damaged"),
        DatabaseState.REPLACED: N_("the database was replaced"),
    }
)
"""Headlines of a database that cannot be used. The store has the sentences and cures, beside its errors."""

REPLACED = Condition(
    DATABASE_TITLES.messages[DatabaseState.REPLACED],
    N_("{database} was moved, removed or replaced while the daemon had it open."),
    N_("Put the file back with its -wal and -shm; or restart the daemon, to begin with what is there now."),
)

UNKNOWN_DATABASE_STATE = N_("the database cannot be used")
"""The headline of a database's state that `DATABASE_TITLES` does not have."""

WINDOW_NAMES = Phrases({"hour": N_("hour"), "day": N_("day"), "month": N_("month")})
"""The windows' names at the head of a line."""

BUDGETS = Phrases({"hour": N_("the hour's budget"), "day": N_("the day's budget"), "month": N_("the month's budget")})
"""The windows' names in a sentence about the segments that may be spent."""

SHORT_BUDGETS = Phrases({"hour": N_("hour's budget"), "day": N_("day's budget"), "month": N_("month's budget")})
"""The same names as labels."""

WINDOW_FULL = Condition(
    N_("{budget} is spent"),
    N_("{used} of {limit} segments are spent of {budget}: answers wait until there is room."),
    N_("`hotlined limits` says when there is room again."),
)

SIM_ENDS_DAYS = (60, 30, 7)
"""An alert warns at these numbers of days before the SIM's end."""
SIM_ENDS = Condition(
    N_("the SIM is switched off in {left}"),
    N_("Without a top-up the SIM is switched off on {end}, in {left}, and its number is lost."),
    N_("Top it up, then say so: `hotlined sim topup`."),
)
SIM_ENDED = Condition(
    N_("the SIM may be switched off"),
    N_(
        "The SIM was not topped up since {topped_up}: since {end} the operator may switch it off, and its number is"
        " lost."
    ),
    N_("Top it up, then say so: `hotlined sim topup`."),
)
SIM_UNKNOWN = N_("Look up when the SIM was topped up last, and say so: `hotlined sim topup DATE`.")
"""The cure if nobody knows when the SIM was topped up."""

SIM_COUNTRY = Condition(
    N_("the SIM is of a country that is not answered"),
    N_("The SIM is of {country}, and numbers of {country} are not answered."),
    N_("Set numbers.country to {code}, or add it to numbers.answer_countries; then reload the daemon, or start it."),
)

SELFTEST_LOST = Condition(
    N_("the line does not hear itself"),
    N_("The line texted itself at {at}, and that did not come back: maybe it receives nothing."),
    N_("`hotlined selftest` tries it once more; if it fails, try the SIM in a phone."),
)
NUMBER_UNSURE = Condition(
    N_("the line does not know whether it receives"),
    N_("The line texted itself at {at}, and that did not come back; none ever did. Is {number} its number?"),
    N_("Correct line_number in the configuration, if it is not; then `hotlined selftest`."),
)

CREDIT_LOW = Condition(
    N_("the balance is low"),
    N_("{balance} is left on the SIM."),
    N_("Top it up. `hotlined sim balance` then asks the operator again."),
)
ALERTS_NOWHERE = Condition(
    N_("alerts have nowhere to go"),
    N_("A text with a word of alerts.words raises an alert, and that goes nowhere: nobody hears of a threat."),
    N_("Set alerts.urls or alerts.sms_to; or `sudo hotlined-setup alerts {name}` asks for the addresses."),
)

DISK_LOW = Condition(
    N_("the disk is nearly full"),
    N_("{free} MB are left where the database is."),
    N_("Make room: once it is full, nothing is answered."),
)

STORAGE_UNREAD = Condition(
    N_("texts come where they cannot be read"),
    N_("The modem keeps texts in {storage} and does not let it be read ({answer}): the texts there are not seen."),
    N_(
        "It is tried again and again. No phone shows what is in the stick's own memory: if it stays so, take another"
        " stick."
    ),
)
_HIDDEN = N_("The modem counts texts in {storage} that it does not show ({count}): they are not seen.")
_STORAGE_OF_SIM_CURE = N_(
    "It is tried again and again. If it stays so, move the SIM to a phone and delete what is in it."
)
_OF_SIM = ("SM", "SM_P")
"""The storages that are on the SIM and go with it into a phone (3GPP TS 27.005 3.1)."""

STORAGE_FULL = Condition(
    N_("the SIM has no room for texts"),
    N_("Texts come into {storage}, and none of its {places} places is free: they wait in the network."),
    N_(
        "Put the SIM into a phone and delete the texts and drafts on it. If the modem still deletes none, take another"
        " SIM."
    ),
)
_NO_PLACES = (
    N_("Texts come into {storage}, and the SIM says that it has no place for any: they wait in the network."),
    N_("Some eSIM cards keep no texts. Take a SIM of the usual kind, or a stick that stores texts itself."),
)
_STICK_IS_FULL_CURE = N_("No phone shows what is in the stick's own memory. Reset the stick, or take another one.")

VOLTE_ONLY = Condition(
    N_("texts may not reach the SIM"),
    N_("The network takes this SIM for LTE alone: texts may reach it only by SMS over IP."),
    N_("Ask the operator for SMS over IP, or take another stick. `hotlined selftest` says if texts come."),
)

TEXT_LOST = Condition(
    N_("a text was lost"),
    N_("A text came at {at}, and the modem stored it nowhere: it is lost."),
    N_("Nobody knows whose it was. Was the SIM full? If this comes back, take another stick."),
)

SILENCE = Condition(
    N_("nothing comes in"),
    N_("No contact for {silence}; usually one comes within {usual}."),
    N_("`hotlined selftest` says if texts arrive."),
)

SEAL_FAILURES: dict[SealFailure, Condition] = {
    SealFailure.ABSENT: Condition(
        N_("there is no disk for the backup"),
        N_("{folder} is missing, or its disk is not in."),
        N_("Plug the backup stick in, which has to be called HOTLINED; or make the folder."),
    ),
    SealFailure.FULL: Condition(
        N_("the disk of the backup is full"),
        N_("There is no room for another backup in {folder}."),
        N_("Remove what else is on it, or lower backup.keep, or take a larger one."),
    ),
    SealFailure.READ_ONLY: Condition(
        N_("the disk of the backup is read-only"),
        N_("{folder} is read-only."),
        N_("Move the switch of the stick. If it has none, it is worn out: take another."),
    ),
    SealFailure.DENIED: Condition(
        N_("the disk of the backup may not be written"),
        N_("The line's user may not write in {folder}."),
        N_("Give it the right; see docs/backup.md."),
    ),
    SealFailure.LOST: Condition(
        N_("the disk of the backup was lost"),
        N_("The disk of {folder} went away, or does not work."),
        N_("Plug it in again; if this comes back, take another stick."),
    ),
    SealFailure.ALTERED: Condition(
        N_("the disk of the backup is broken"),
        N_("{folder} gives back something else than was written there."),
        N_("Take another stick: this one is broken, or smaller than it says."),
    ),
    SealFailure.NO_AGE: Condition(
        N_("the backup cannot be encrypted"),
        N_("The backup could not be encrypted: age is missing, or failed."),
        N_("Install it: `sudo apt install age`."),
    ),
    SealFailure.DATABASE: Condition(
        N_("the database cannot be backed up"),
        N_("The database could not be read for the backup."),
        N_("`hotlined db check` says why."),
    ),
}
"""The reasons why no sealed backup could be made."""

BACKUP_NONE = Condition(
    N_("there is no sealed backup"),
    N_("There is no sealed backup yet: if the card dies, all is lost."),
    N_("Plug the backup stick in, if there is one, then `sudo systemctl start hotlined-offcard@{name}`."),
)
BACKUP_OLD = Condition(
    N_("the backup is old"),
    N_("The last sealed backup is of {at}: if the card dies, what came since is lost."),
    N_("Plug the backup stick in, if there is one, then `sudo systemctl start hotlined-offcard@{name}`."),
)

ANSWER_EMPTY = Condition(
    N_("the answer has no text"),
    N_("{file} is empty: nobody is answered."),
    N_(
        "Write the answer into it (`sudo nano {file}`) and see what it costs (`hotlined text check`), then"
        " `sudo systemctl reload {unit}`."
    ),
)
ANSWER_UNREAD = Condition(
    ANSWER_EMPTY.title_message,
    N_("{file} has a text, and the daemon has not read it: nobody is answered."),
    N_("`hotlined text check` shows it, `sudo systemctl reload {unit}` puts it in force."),
)
ANSWER_UNUSABLE = Condition(
    N_("the answer's file cannot be used"),
    N_("{place}: {problem}. Nobody is answered."),
    N_("Correct it until `hotlined text check` takes it, then `sudo systemctl reload {unit}`."),
)
ANSWER_REFUSED = Condition(
    ANSWER_UNUSABLE.title_message,
    N_("{place}: {problem}. What is in force stays, and after a restart this line answers nobody."),
    ANSWER_UNUSABLE.cure_message,
)
ANSWER_DIFFERS = Condition(
    N_("the answer's file was changed"),
    N_("{file} is not what is in force: the daemon answers as it stood before."),
    ANSWER_UNREAD.cure_message,
)
ANSWER_EMPTIED = Condition(
    ANSWER_DIFFERS.title_message,
    N_("{file} is empty, and the daemon answers as it stood before: after a reload or a restart, nobody is answered."),
    ANSWER_EMPTY.cure_message,
)

CONFIG_DIFFERS = Condition(
    N_("the configuration was changed"),
    N_("The configuration was changed, and the daemon does not go by it yet: {keys}."),
    N_("`hotlined config check` checks it, `sudo systemctl reload {unit}` puts it in force."),
)
CONFIG_BROKEN = Condition(
    N_("the configuration cannot be used"),
    N_("{problem}; the daemon keeps the configuration that it has."),
    N_("`hotlined config check` names the lines. Correct them, then `sudo systemctl reload {unit}`."),
)
CONFIG_REFUSED = Condition(
    CONFIG_BROKEN.title_message,
    N_("The configuration was not read again, and the old one holds."),
    N_("`hotlined config check` names the lines. Correct them, then reload."),
)
NO_REPORTS = Condition(
    N_("nobody hears whether answers arrive"),
    N_("The modem passes no status reports on, so no answer will be known as delivered."),
    N_("Set modem.delivery_reports to false, or use another stick."),
)
READER = Condition(
    N_("another program reads the database"),
    N_("The database is read by {programs}, who does not let go: {file} cannot shrink, and grows with each text."),
    N_("End that program, or what it does in the database."),
)


def modem_in_words(state: str, cause: CodedCause | None) -> tuple[str, str]:
    """Return the sentence and the cure for a modem that is not ready.

    A cause says more than a state, so its sentence and its cure come first. The state's are used if the cause has
    none, or is not known here because another version wrote it.
    """
    known = MODEM.get(state, UNKNOWN_STATE)
    cure = _(_CENTRE_CURE) if state == ModemState.NO_SERVICE_CENTRE else known.cure
    return (cause and cause.words) or known.words, (cause and cause.cure) or cure


def unread_in_words(storage: str, answer: str, count: str) -> tuple[str, str]:
    """Return the sentence and the cure for a storage that cannot be read, or of which so many texts are not shown."""
    cure = _(_STORAGE_OF_SIM_CURE) if storage in _OF_SIM else STORAGE_UNREAD.cure
    words = _(_HIDDEN) if count else STORAGE_UNREAD.words
    return words.format(storage=storage, answer=answer, count=count), cure


def full_in_words(storage: str, places: str) -> tuple[str, str]:
    """Return the sentence and the cure for a storage without room for texts; some SIMs have 0 places."""
    words, cure = map(_, _NO_PLACES) if places == "0" else (STORAGE_FULL.words, STORAGE_FULL.cure)
    return words.format(storage=storage, places=places), cure if storage in _OF_SIM else _(_STICK_IS_FULL_CURE)


FLEET: Mapping[str, Condition] = {
    TroubleCode.HUB_AWAY: Condition(
        N_("the hub is away"),
        N_("The hub of the fleet was not reached: other lines get nothing new from here."),
        N_("`hotlined fleet status` says since when; what was decided is exchanged once it is back."),
    ),
    TroubleCode.HUB_LOGIN: Condition(
        N_("the hub does not let the line in"),
        N_("The line has no login at the hub of its fleet, or the hub does not take it: nothing is exchanged."),
        N_("Have it invited again there: `hotlined fleet hub invite`; then `sudo hotlined-setup fleet`."),
    ),
    TroubleCode.FLEET_OTHER_KEY: Condition(
        N_("the hub is of another fleet"),
        N_("The hub has the fingerprint of another key than the line: nothing is exchanged."),
        N_("Have it invited again with the fleet's key; or `sudo hotlined-setup fleet --leave`, and join the other."),
    ),
    TroubleCode.HUB_REFUSED: Condition(
        N_("the hub's answer makes no sense"),
        N_("A list at the hub cannot be read, or has too many persons: it was not taken in."),
        N_("Ask the person who runs the hub: it is damaged, or of another version."),
    ),
}
"""Troubles of the exchange with the fleet; none of them keeps the line from answering."""


# ---- what follows from a condition


class Gravity(IntEnum):
    """How grave a trouble is for a line whose daemon runs."""

    NOTE = 0
    """It passes by itself, is still to come, or may be harmless; with only such notes, `status` ends with 0."""
    PERSON = 1
    """A person has to deal with it, and answers go on; `status` ends with 69."""
    STOPS = 2
    """Nobody is answered; `status` ends with 69."""


class Row(NamedTuple):
    """The consequences of a condition. The key of its row is its code, and after a full stop which of several it is."""

    gravity: Gravity
    subject: str
    """The thing it is about: an `AlertCondition`, or for a window its code; empty if no alert is about that."""
    rank: int
    """The highest rank that holds is what a subject shows and tells; 0: no alert."""
    known: Condition
    """The headline, the sentence and the cure; in an alert they are never replaced by what more is known."""
    plain_message: str = ""
    """A sentence without commands, files and keys; empty if the sentence of the trouble can be shown without them."""
    alert_message: str = "{cure}"
    """The text of the alert; `words` and `cure` are those of `known`."""
    after_seconds: float = 0.0
    """The time that its subject has to last until it is an alert."""
    again_seconds: float = math.inf
    """The time after which it is told once more, if it still holds."""
    rests: bool = False
    """True if after its end it is not told again within `again_seconds`: strangers can make it come and go."""
    is_news: bool = False
    """True if it is told again whenever it began anew, although it was not over in between."""
    is_shown: bool = True
    """False if only an alert tells it."""


WINDOWS = tuple(_WINDOW_CODES.values())
"""The codes of full windows: hour, day, month."""
_RECORDS = N_("Its records cannot be used.")
_SETTINGS = N_("There is a mistake in its settings.")
_NOTE, _PERSON, _STOPS = Gravity.NOTE, Gravity.PERSON, Gravity.STOPS
_LASTS = 600.0  # a person may still be editing a file, or a modem be looking for its network
_FORGOTTEN = 3600.0
_DAY = 86_400.0
_ALL = "{words} {cure}"
_CHECK = N_("`hotlined config check` names the lines. Correct them, then reload the daemon, or start it.")
_WHERE = N_("'hotlined status' says where, and what helps.")
_PAUSED = N_("Since {since}: {words} {cure}")
_LIFE = N_("On {end} its number is lost. {cure}")
_NO_TEXT = N_("Its answer has no text.")
_DATABASE = Condition(UNKNOWN_DATABASE_STATE, "", "")  # the store has its sentences
_SPENT_80 = {
    "hour": Condition(N_("80 % of the hour's budget"), "", ""),
    "day": Condition(N_("80 % of the day's budget"), "", ""),
    "month": Condition(N_("80 % of the month's budget"), "", ""),
}
BUDGET_LEVEL, BUDGET_OVER = 80, 40
"""Percent of a window: from the first on there is an alert, and below the second it is over."""

_COUNTRY = Row(
    _NOTE, AlertCondition.COUNTRY, 1, COUNTRY_OUTAGE, after_seconds=_FORGOTTEN, again_seconds=_DAY, rests=True
)

TABLE: Mapping[str, Row] = {
    TroubleCode.NOT_RUNNING: Row(
        _STOPS, AlertCondition.MODEM, 3, NOT_RUNNING, N_("Its program is not running."), after_seconds=_LASTS
    ),
    TroubleCode.NOT_ALIVE: Row(
        _STOPS,
        AlertCondition.MODEM,
        3,
        NOT_ALIVE,
        N_("Its program ended unexpectedly, or hangs."),
        NOT_RUNNING.cure_message,
        _LASTS,
    ),
    TroubleCode.OTHER_DAEMON: Row(
        _STOPS, AlertCondition.MODEM, 3, OTHER_DAEMON, N_("Another program has the line."), after_seconds=_LASTS
    ),
    # the driver may know more than these sentences, but in words about modems
    **{
        state: Row(
            _STOPS,
            AlertCondition.MODEM,
            1 + known.waits_for_a_person,
            known,
            known.words_message,
            after_seconds=_LASTS,
        )
        for state, known in MODEM.items()
    },
    **{
        database_trouble(state): Row(_STOPS, AlertCondition.DATABASE, 1, _DATABASE, _RECORDS)
        for state in DatabaseState
        if state is not DatabaseState.OK
    },
    TroubleCode.DATABASE_MISSING: Row(_STOPS, "", 0, _DATABASE, _RECORDS),
    TroubleCode.DATABASE_VERSION: Row(_STOPS, "", 0, _DATABASE, _RECORDS),
    TroubleCode.DATABASE_UNKNOWN: Row(_STOPS, AlertCondition.DATABASE, 1, _DATABASE, _RECORDS),
    HoldReason.KEY_LOST: Row(_STOPS, AlertCondition.KEY, 1, HOLDS[HoldReason.KEY_LOST]),
    HoldReason.KEY_DENIED: Row(_STOPS, AlertCondition.KEY, 2, HOLDS[HoldReason.KEY_DENIED]),
    SendingState.PAUSED: Row(
        _STOPS,
        AlertCondition.PAUSED,
        1,
        HOLDS[HoldReason.PERSON],
        alert_message=_PAUSED,
        after_seconds=_FORGOTTEN,
        again_seconds=_DAY,
    ),
    **{
        f"{SendingState.PAUSED}.{reason}": Row(
            _STOPS, AlertCondition.PAUSED, 1, HOLDS[reason], alert_message=_PAUSED, again_seconds=_DAY
        )
        for reason in (HoldReason.RESTORED, HoldReason.MADE_ANEW)
    },
    HoldReason.OUTAGE: Row(_STOPS, AlertCondition.OUTAGE, 1, HOLDS[HoldReason.OUTAGE], alert_message=_ALL),
    HoldReason.CREDIT: Row(_STOPS, AlertCondition.OUTAGE, 2, HOLDS[HoldReason.CREDIT], alert_message=_ALL),
    TroubleCode.NO_ANSWER_TEXT: Row(
        _STOPS,
        AlertCondition.ANSWER,
        2,
        ANSWER_EMPTY,
        _NO_TEXT,
        N_("Nobody is answered. 'hotlined status' says what to write, and where."),
    ),
    TroubleCode.ANSWER_REFUSED: Row(
        _PERSON,
        AlertCondition.ANSWER,
        1,
        ANSWER_REFUSED,
        N_("Its answer was changed, and the new text cannot be used."),
        N_("After a restart nobody is answered. 'hotlined text check' says what is wrong."),
    ),
    TroubleCode.ANSWER_DIFFERS: Row(
        _NOTE,
        AlertCondition.ANSWER,
        0,
        ANSWER_DIFFERS,
        N_("Its answer was changed, and it still sends the old one."),
    ),
    TroubleCode.CONFIG_BROKEN: Row(_PERSON, AlertCondition.CONFIG, 1, CONFIG_BROKEN, _SETTINGS, _CHECK, _LASTS),
    TroubleCode.CONFIG_REFUSED: Row(_PERSON, AlertCondition.CONFIG, 1, CONFIG_REFUSED, _SETTINGS, _CHECK, _LASTS),
    TroubleCode.CONFIG_DIFFERS: Row(_NOTE, AlertCondition.CONFIG, 0, CONFIG_DIFFERS),
    TroubleCode.STORAGE_UNREAD: Row(
        _PERSON,
        AlertCondition.STORAGE,
        1,
        STORAGE_UNREAD,
        N_("Some texts may lie where they cannot be read."),
        _WHERE,
        _LASTS,
    ),
    TroubleCode.STORAGE_FULL: Row(
        _PERSON,
        AlertCondition.STORAGE,
        2,
        STORAGE_FULL,
        N_("The SIM has no room for texts: they wait in the network."),
        _WHERE,
        _LASTS,
    ),
    TroubleCode.VOLTE_ONLY: Row(_NOTE, AlertCondition.RECEPTION, 1, VOLTE_ONLY, after_seconds=_LASTS),
    TroubleCode.TEXT_LOST: Row(
        _PERSON,
        AlertCondition.TEXT_LOST,
        1,
        TEXT_LOST,
        alert_message=N_("{words} 'hotlined status' says what helps."),
        is_news=True,
    ),
    TroubleCode.NO_REPORTS: Row(_PERSON, "", 0, NO_REPORTS, N_("Nobody hears whether answers arrive.")),
    TroubleCode.COUNTRY_OUTAGE: _COUNTRY,
    f"{TroubleCode.COUNTRY_OUTAGE}.barred": _COUNTRY._replace(rank=2, known=COUNTRY_BARRED),
    TroubleCode.REFUSALS: Row(_NOTE, "", 0, REFUSALS),
    TroubleCode.ANSWERS_FAIL: Row(_NOTE, "", 0, ANSWERS_FAIL),
    **{f"{code}.waits": Row(_NOTE, code, 0, WINDOW_FULL) for code in WINDOWS},
    **{
        f"{code}.80": Row(
            _NOTE,
            code,
            BUDGET_LEVEL,
            _SPENT_80[window],
            alert_message=N_("{used} of {limit} segments are spent. 'hotlined pause' stops all answers."),
            is_shown=False,
        )
        for window, code in _WINDOW_CODES.items()
    },
    **{
        code: Row(
            _NOTE,
            code,
            100,
            WINDOW_FULL,
            alert_message=N_(
                "{used} of {limit} segments are spent. Answers wait until there is room; those too old are cancelled."
            ),
        )
        for code in WINDOWS
    },
    **{
        f"{TroubleCode.SIM_ENDS}.{days}": Row(_NOTE, AlertCondition.SIM_LIFE, rank, SIM_ENDS, alert_message=_LIFE)
        for rank, days in enumerate(SIM_ENDS_DAYS, 1)
    },
    TroubleCode.SIM_ENDED: Row(_PERSON, AlertCondition.SIM_LIFE, len(SIM_ENDS_DAYS) + 1, SIM_ENDED),
    TroubleCode.SELFTEST_LOST: Row(_PERSON, AlertCondition.SELFTEST, 1, SELFTEST_LOST),
    TroubleCode.NUMBER_UNSURE: Row(_NOTE, AlertCondition.SELFTEST, 0, NUMBER_UNSURE),
    TroubleCode.SILENCE: Row(_NOTE, AlertCondition.SILENCE, 1, SILENCE, alert_message=_ALL),
    TroubleCode.SIM_COUNTRY: Row(_NOTE, "", 0, SIM_COUNTRY),
    **{
        code: Row(
            _NOTE,
            AlertCondition.BACKUP,
            1,
            known,
            N_("There is no new backup: if the card dies, what came since the last one is lost."),
        )
        for code, known in (
            (TroubleCode.BACKUP_OLD, BACKUP_OLD),
            (f"{TroubleCode.BACKUP_OLD}.none", BACKUP_NONE),
        )
    },
    TroubleCode.CREDIT_LOW: Row(
        _NOTE, AlertCondition.BALANCE, 1, CREDIT_LOW, alert_message=N_("{balance} is left. Top the SIM up.")
    ),
    TroubleCode.ALERTS_NOWHERE: Row(
        _NOTE, "", 0, ALERTS_NOWHERE, N_("Nobody is warned when a threat comes in: it is only on these pages.")
    ),
    **{code: Row(_PERSON, AlertCondition.HUB, rank, known) for rank, (code, known) in enumerate(FLEET.items(), 1)},
    TroubleCode.DISK_LOW: Row(_NOTE, AlertCondition.DISK, 1, DISK_LOW, alert_message=N_("{free} MB are left. {cure}")),
    TroubleCode.READER: Row(_NOTE, "", 0, READER, N_("Another program keeps its records from shrinking.")),
}
"""Every condition, by its code as `status --json` shows it, except the rights that may be missing at a database."""

_SENDS_AGAIN = N_("Answers go out again.")
_RECEIVES_AGAIN = N_("Texts are received and answered again.")
_ROOM_AGAIN = N_("Less than 40 % of it is spent.")
OVER: Mapping[str, tuple[str, str]] = {
    AlertCondition.MODEM: (N_("the modem is ready"), _RECEIVES_AGAIN),
    AlertCondition.DATABASE: (N_("the database is fine again"), _RECEIVES_AGAIN),
    AlertCondition.CONFIG: (N_("the configuration can be used again"), N_("Nothing is wrong with it any more.")),
    AlertCondition.ANSWER: (N_("the answer is fine again"), N_("It has a text that can be sent.")),
    AlertCondition.DISK: (N_("the disk has room again"), N_("Twice as much is free as the line needs.")),
    AlertCondition.OUTAGE: (
        N_("answers go out again"),
        N_("Waiting answers go out by themselves: the network took one."),
    ),
    AlertCondition.COUNTRY: (
        N_("answers to {country} do not wait any more"),
        N_("Answers leave again, or the country is no longer in numbers.answer_countries."),
    ),
    AlertCondition.BALANCE: (N_("the balance is fine again"), N_("It is no longer below credit.alert_below.")),
    AlertCondition.KEY: (N_("the key of the pseudonyms can be used again"), _SENDS_AGAIN),
    AlertCondition.PAUSED: (N_("the pause is over"), _SENDS_AGAIN),
    AlertCondition.SIM_LIFE: (N_("the SIM's life counts from the beginning"), N_("It was topped up.")),
    AlertCondition.SELFTEST: (N_("the line hears itself again"), N_("A text to itself has come back.")),
    AlertCondition.SILENCE: (N_("something comes in again"), N_("The line has a new contact.")),
    AlertCondition.RECEPTION: (N_("texts come in again"), N_("Nothing keeps them away any more.")),
    AlertCondition.STORAGE: (
        N_("texts in {storage} are within reach again"),
        N_("They can be read, and there is room for more."),
    ),
    AlertCondition.BACKUP: (N_("the backup is recent again"), N_("A new one was made.")),
    AlertCondition.HUB: (N_("the hub is back"), N_("The lines share their decisions again.")),
    WaitingFor.BUDGET_HOUR: (N_("the hour's budget has room again"), _ROOM_AGAIN),
    WaitingFor.BUDGET_DAY: (N_("the day's budget has room again"), _ROOM_AGAIN),
    WaitingFor.BUDGET_MONTH: (N_("the month's budget has room again"), _ROOM_AGAIN),
}
"""The all-clear of each subject: headline and text. One that is not here ends without."""


def row(key: str) -> Row:
    """Return the row of a condition; one of another version is as grave as any, and most likely about the modem."""
    if is_about_database(key):
        return TABLE.get(key, TABLE[TroubleCode.DATABASE_UNKNOWN])
    return TABLE.get(key) or TABLE[ModemState.ABSENT]._replace(
        known=UNKNOWN_STATE, plain_message=UNKNOWN_STATE.words_message
    )


def hold_in_words(reason: HoldReason | None, by: str | None) -> tuple[str, str]:
    """Return the sentence and the cure for a reason that keeps answers back."""
    known = HOLDS[reason]
    return known.words.format(by=by or _("somebody")), known.cure


def spent_in_words(window: str, used: int, limit: int) -> str:
    """Return how many segments of a window are spent: hour 3 of 60."""
    return _("{window} {used} of {limit}", used=in_digits(used), limit=in_digits(limit), window=WINDOW_NAMES[window])


def month_in_words(used: int, limit: int) -> str:
    """Say how many segments of the month's budget are spent.

    The budget's 30 days slide, so no month of the calendar is named.
    """
    return ngettext(
        "Of the month's budget {used} of {number} segment is spent.",
        "Of the month's budget {used} of {number} segments are spent.",
        limit,
        used=in_digits(used),
    )
