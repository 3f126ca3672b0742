"""What keeps a line from its work, in words: one catalogue for `status`, `limits`, `number` and the alerts.

Whoever shows an entry fills in what stands between braces. Commands stand between backticks; where GSM-7 is wanted,
which has none, they are turned into quotes. A title and its sentences fit one segment.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that keeps a line from its work: a headline, a sentence, and what a person can do."""

    title: str
    words: str
    cure: str


NOT_RUNNING = Condition(
    "the daemon does not run",
    "The daemon does not run.",
    "Start it: `systemctl start hotlined`. Its journal says why: `journalctl -u hotlined`.",
)
_LOST = "the modem is lost"
MODEM = {
    "absent": Condition(
        _LOST,
        "The modem is gone.",
        "It is not plugged in, or does not answer. Plug the stick in again, at another port if need be.",
    ),
    "starting": Condition(
        "the modem does not get ready",
        "The modem is being set up.",
        "That takes a minute; where it takes longer, `hotlined doctor` says why.",
    ),
    "unregistered": Condition(
        "the modem has no network",
        "The modem has no network.",
        "It is looked for. Check the aerial, the place, and whether the SIM is still active.",
    ),
    "recovering": Condition(
        _LOST, "The modem does not answer.", "It does not answer. Pull the stick and plug it in again."
    ),
    "busy_port": Condition(
        "another program has the modem", "Another program has the modem.", "Stop it: often it is ModemManager."
    ),
    "sim_absent": Condition(
        "there is no SIM", "There is no SIM.", "Put it in, contacts down, and plug the stick in again."
    ),
    "pin_required": Condition(
        "the SIM wants its PIN", "The SIM wants its PIN.", "Set modem.pin or modem.pin_file, then reload the daemon."
    ),
    "pin_refused": Condition(
        "the SIM refused its PIN", "The SIM refused its PIN.", "Correct modem.pin; two more wrong ones lock the SIM."
    ),
    "puk_required": Condition("the SIM is locked", "The SIM is locked.", "Put it into a phone and enter its PUK."),
    "sim_changed": Condition(
        "another stick or SIM is in",
        "Another stick or SIM is in: nobody is answered.",
        "Put the old one back; `hotlined adopt` goes on with this one.",
    ),
    "no_service_centre": Condition(
        "the SIM has no service centre",
        "The SIM has no service centre: nothing can be sent.",
        "Nothing can be sent. Ask the operator for its number; `hotlined status` says how to set it.",
    ),
}
"""The states of a modem that is not ready. What the driver knows of one in particular goes before this."""

ODD = Condition(_LOST, "The modem is not ready.", "`hotlined status` says what is wrong.")
"""A state that `MODEM` has yet to learn."""

HOLDS = {
    ("held", "key_lost"): Condition(
        "a key is lost",
        "The key of the pseudonyms is lost: nothing is sent.",
        "Bring it back from a backup; with it or without, `hotlined resume` goes on.",
    ),
    ("held", "sim_changed"): MODEM["sim_changed"],
    ("paused", "person"): Condition(
        "the line is paused", "Paused by {by}: nothing is sent.", "`hotlined resume` lets answers go out again."
    ),
    ("paused", "restored"): Condition(
        "the line is paused",
        "Paused by {by}, and that came back with a backup: nothing is sent.",
        "`hotlined resume` ends it.",
    ),
    ("trial", "outage"): Condition(
        "nothing leaves",
        "Nothing leaves though the network has the line: answers wait, one is tried now and then.",
        "If that lasts, try the SIM in a phone.",
    ),
    ("trial", "credit"): Condition(
        "the SIM cannot pay",
        "Out of credit, or barred: answers wait, one is tried now and then.",
        "Top it up; what waited then goes out by itself.",
    ),
}
"""What keeps answers back, by state and reason."""
