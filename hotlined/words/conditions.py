"""What keeps a line from its work: one catalogue of headline, sentence and cure for all who show it.

`status`, `limits`, `number`, `doctor` and the alerts fill in what stands between braces. Commands stand between
backticks; GSM-7 has none, so an alert turns them into quotes. A title and its sentences fit one segment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hotlined.states import HoldReason, ModemState, SendingState


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that keeps a line from its work: a headline, a sentence, and what a person can do."""

    title: str
    words: str
    cure: str
    waits_for_a_person: bool = False
    """Whether the modem answers, and nothing but a person can end this."""


NOT_RUNNING = Condition(
    "the daemon does not run",
    "The daemon does not run.",
    "Start it: `hotlined run`, or `systemctl start hotlined` if it is a service; `journalctl -u hotlined` says why.",
)
_LOST = "the modem is lost"
MODEM: dict[str, Condition] = {
    ModemState.ABSENT: Condition(
        _LOST,
        "The modem is not plugged in, or does not answer.",
        "Plug the stick in again, at another port if need be.",
    ),
    ModemState.STARTING: Condition(
        "the modem does not get ready",
        "The modem is being set up.",
        "This takes a minute. If it takes longer, `hotlined doctor` says why.",
    ),
    ModemState.UNREGISTERED: Condition(
        "the modem has no network",
        "The modem has no network.",
        "The daemon looks for it. Check the aerial, the place, and whether the SIM is still active.",
    ),
    ModemState.RECOVERING: Condition(_LOST, "The modem does not answer.", "Pull the stick out and plug it in again."),
    ModemState.BUSY_PORT: Condition(
        "another program has the modem", "Another program has the modem.", "Stop it: often it is ModemManager."
    ),
    ModemState.SIM_ABSENT: Condition(
        "there is no SIM",
        "There is no SIM in the modem.",
        "Put it in, contacts down, and plug the stick in again.",
        waits_for_a_person=True,
    ),
    ModemState.PIN_REQUIRED: Condition(
        "the SIM wants its PIN",
        "The SIM wants its PIN.",
        "Set modem.pin, or modem.pin_file and put it there; then reload the daemon. Or switch it off with a phone.",
        waits_for_a_person=True,
    ),
    ModemState.PIN_REFUSED: Condition(
        "the SIM refused its PIN",
        "The SIM refused its PIN.",
        "Correct modem.pin, or its file: this value is not tried again, and two more wrong ones lock the SIM.",
        waits_for_a_person=True,
    ),
    ModemState.PUK_REQUIRED: Condition(
        "the SIM is locked",
        "The SIM is locked and wants its PUK.",
        "Put it into a phone and enter the PUK that came with it; nothing is tried from here.",
        waits_for_a_person=True,
    ),
    ModemState.SIM_CHANGED: Condition(
        "another stick or SIM is in",
        "Another stick or SIM is in: nobody is answered.",
        "Put the old one back; `hotlined adopt` goes on with this one.",
        waits_for_a_person=True,
    ),
    ModemState.NO_SERVICE_CENTRE: Condition(
        "the SIM has no service centre",
        "The SIM has no service centre.",
        "Nothing can be sent without one. Ask the operator for its number; `hotlined status` says how to set it.",
        waits_for_a_person=True,
    ),
}
"""The states of a modem that is not ready. What the driver knows of one in particular goes before this."""

SIM_STATES: frozenset[str] = frozenset({
    ModemState.SIM_ABSENT, ModemState.PIN_REQUIRED, ModemState.PIN_REFUSED, ModemState.PUK_REQUIRED,
    ModemState.SIM_CHANGED,
})  # fmt: skip
"""The states of `MODEM` that are about the SIM."""

LAST_PIN_TRY = "One more wrong PIN locks the SIM: enter it in a phone, and switch it off there."
"""The cure of a SIM that wants its PIN and takes one wrong one at most."""

CENTRE_CURE = (
    "Nothing can be sent without it. Ask the operator for its number, stop the daemon, and give it to the SIM:"
    """ `printf 'AT+CSCA="+32…",145\\r' > PORT`."""
)
"""The cure of a SIM without a service centre where there is room for it: an alert names `hotlined status` for it."""

PIN_FILE_CURE = "Put the SIM's PIN into that file, readable by the daemon's user, then reload the daemon."
"""The cure of a `modem.pin_file` that has no PIN for the daemon."""

UNKNOWN_STATE = Condition(_LOST, "The modem is not ready.", "`hotlined status` says what is wrong.")
"""A state that `MODEM` has yet to learn."""

HOLDS: dict[tuple[SendingState, HoldReason | None], Condition] = {
    (SendingState.HELD, HoldReason.KEY_LOST): Condition(
        "a key is lost",
        "The key of the pseudonyms is lost: nothing is sent.",
        "Restore it from a backup. `hotlined resume` then goes on, also without it.",
    ),
    (SendingState.HELD, HoldReason.KEY_DENIED): Condition(
        "a key may not be read",
        "The key of the pseudonyms may not be read: nothing is sent.",
        "Give it the database's owner and rights, then `hotlined resume`.",
    ),
    (SendingState.HELD, HoldReason.SIM_CHANGED): MODEM[ModemState.SIM_CHANGED],
    (SendingState.PAUSED, HoldReason.PERSON): Condition(
        "the line is paused", "Paused by {by}: nothing is sent.", "`hotlined resume` lets answers go out again."
    ),
    (SendingState.PAUSED, HoldReason.RESTORED): Condition(
        "the line is paused",
        "Paused by {by}, and the pause came back with a backup: nothing is sent.",
        "`hotlined resume` ends it.",
    ),
    (SendingState.TRIAL, HoldReason.OUTAGE): Condition(
        "nothing leaves",
        "Nothing leaves though the network has the line: answers wait, and one is tried now and then.",
        "If this lasts, try the SIM in a phone.",
    ),
    (SendingState.TRIAL, HoldReason.CREDIT): Condition(
        "the SIM cannot pay",
        "The SIM is out of credit or barred: answers wait, and one is tried now and then.",
        "Top it up. What waits then goes out by itself.",
    ),
}
"""What keeps answers back, by state and reason."""

DATABASE_TITLES = {
    "full": "the database cannot be written",
    "denied": "the daemon may not use its database",
    "locked": "the database is locked",
    "damaged": "the database is damaged",
    "replaced": "the database was replaced",
}
"""The states of a database that nobody can use. Their words and cures stand beside the errors, in the store."""

REPLACED_CURE = "Put the file back with its -wal and -shm; or restart the daemon, to begin with what is there now."
"""The cure of a database file that is not the one which the daemon has open."""

UNKNOWN_DATABASE_STATE = "the database cannot be used"
"""The headline of a state that `DATABASE_TITLES` has yet to learn."""

WINDOWS = {"hour": "hour", "day": "24 hours", "month": "30 days"}
"""Every window, after `the last`."""

WINDOW_FULL = Condition(
    "the {window}'s budget is spent",
    "{used} of {limit} segments of the last {length} are spent: answers wait.",
    "`hotlined limits` says when there is room again.",
)

SHADOW = Condition(
    "the line is in shadow mode",
    "Shadow mode: everything is done but transmit, so nobody is answered.",
    "Set `mode: live` in {config}, then reload the daemon, or start it.",
)

SIM_ENDS = Condition(
    "the SIM is switched off in {left}",
    "Without a top-up the SIM is switched off on {end}, in {left}, and its number is lost.",
    "Top it up, then say so: `hotlined topup`.",
)
SIM_ENDED = Condition(
    "the SIM may be switched off",
    "The SIM was not topped up since {topped_up}: since {end} the operator may switch it off, and its number is lost.",
    "Top it up, then say so: `hotlined topup`.",
)
SIM_UNKNOWN = "Look up when the SIM was topped up last, and say so: `hotlined topup DATE`."
"""The cure where nobody knows when the SIM was topped up."""

CONFIG_BROKEN = Condition(
    "the configuration cannot be used",
    "{problem}; {consequence}.",
    "`hotlined config check` names the lines. Correct them, then {then}.",
)


def hold_in_words(state: SendingState, reason: HoldReason | None, by: str | None) -> tuple[str, str]:
    """Return what keeps answers back, in a sentence, and its cure."""
    known = HOLDS[state, reason]
    return known.words.format(by=by or "somebody"), known.cure


def spent_in_words(window: str, budget: Mapping[str, int]) -> str:
    """Return what is spent of a window: 3 of 60 in the last hour."""
    return f"{budget['used']} of {budget['limit']} in the last {WINDOWS[window]}"
