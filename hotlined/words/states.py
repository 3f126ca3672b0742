"""States of a line, its modem and its contacts in words, by their codes in `states`."""

from typing import TYPE_CHECKING

from hotlined.language import N_, NP_, Phrases, _
from hotlined.states import (
    ContactKind,
    DatabaseState,
    EventKind,
    ModemState,
    RequestState,
    SegmentKind,
    SmsService,
)
from hotlined.words.tags import tag_in_words

if TYPE_CHECKING:  # every command needs states, few show a contact
    from hotlined.documents import ExportedEvent, ShownEvent

MODEM_STATES: Phrases[str] = Phrases(
    {
        ModemState.ABSENT: N_("absent"),
        ModemState.STARTING: N_("starting"),
        ModemState.READY: N_("ready"),
        ModemState.UNREGISTERED: N_("unregistered"),
        ModemState.RECOVERING: N_("recovering"),
        ModemState.BUSY_PORT: N_("busy port"),
        ModemState.SIM_ABSENT: N_("sim absent"),
        ModemState.PIN_REQUIRED: N_("pin required"),
        ModemState.PIN_REFUSED: N_("pin refused"),
        ModemState.PUK_REQUIRED: N_("puk required"),
        ModemState.SIM_LOCKED: N_("sim locked"),
        ModemState.SIM_CHANGED: N_("sim changed"),
        ModemState.NO_SERVICE_CENTRE: N_("no service centre"),
        ModemState.NO_TEXTS: N_("no texts"),
    }
)
"""The states of the modem."""

RECOVERY_STEPS = Phrases(
    {
        "resynchronise": N_("resynchronise"),
        "initialise": N_("initialise"),
        "radio": N_("radio"),
        "reset": N_("reset"),
        "reopen": N_("reopen"),
        "power_cycle": N_("power cycle"),
        "wait": N_("wait"),
    }
)
"""The daemon's steps to recover a modem that does not work."""

REGISTRATIONS = Phrases(
    {
        "home": NP_("network", "home"),
        "roaming": NP_("network", "roaming"),
        "searching": NP_("network", "searching"),
        "denied": NP_("network", "denied"),
        "none": NP_("network", "none"),
    }
)
"""The SIM's registration in the network; an unknown registration has no words."""

SMS_SERVICES: Phrases[str] = Phrases(
    {
        SmsService.PACKET: N_("the data network"),
        SmsService.CIRCUIT: N_("the telephone network"),
        SmsService.PACKET_FIRST: N_("the data network, else the telephone network"),
        SmsService.CIRCUIT_FIRST: N_("the telephone network, else the data network"),
    }
)
"""The network's domain that carries texts: packet or circuit (3GPP TS 27.007 AT+CGSMS)."""

DATABASE_STATES: Phrases[str] = Phrases(
    {
        DatabaseState.OK: NP_("database", "ok"),
        DatabaseState.FULL: NP_("database", "full"),
        DatabaseState.DENIED: NP_("database", "denied"),
        DatabaseState.LOCKED: NP_("database", "locked"),
        DatabaseState.DAMAGED: NP_("database", "damaged"),
        DatabaseState.REPLACED: NP_("database", "replaced"),
    }
)

LINE_TYPES = Phrases(
    {
        "mobile": NP_("number", "mobile"),
        "fixed": NP_("number", "fixed"),
        "fixed_or_mobile": NP_("number", "fixed or mobile"),
        "personal": NP_("number", "personal"),
        "premium": NP_("number", "premium"),
        "toll_free": NP_("number", "toll free"),
        "shared_cost": NP_("number", "shared cost"),
        "voip": NP_("number", "voip"),
        "pager": NP_("number", "pager"),
        "uan": NP_("number", "uan"),
        "voicemail": NP_("number", "voicemail"),
        "unknown": NP_("number", "unknown"),
        "short_code": NP_("number", "short code"),
        "alphanumeric": NP_("number", "alphanumeric"),
        "withheld": NP_("number", "withheld"),
    }
)
"""The kinds of numbers."""

KINDS: Phrases[str] = Phrases(
    {
        ContactKind.TEXT: NP_("contact", "text"),
        ContactKind.CALL: NP_("contact", "call"),
        ContactKind.MMS: NP_("contact", "mms"),
        ContactKind.DATA: NP_("contact", "data"),
        ContactKind.SERVICE: NP_("contact", "service"),
        ContactKind.UNREADABLE: NP_("contact", "unreadable"),
    }
)
"""The kinds of contacts."""

SEGMENT_KINDS: Phrases[str] = Phrases(
    {
        SegmentKind.DELIVER: NP_("segment", "text"),
        SegmentKind.STATUS_REPORT: NP_("segment", "status report"),
        SegmentKind.UNREADABLE: NP_("segment", "unreadable"),
    }
)
"""The kinds of received segments."""

EVENTS: Phrases[str] = Phrases(
    {
        EventKind.TAG: NP_("event", "tag"),
        EventKind.UNTAG: NP_("event", "untag"),
        EventKind.KEEP: NP_("event", "keep"),
        EventKind.UNKEEP: NP_("event", "unkeep"),
        EventKind.SKIP: NP_("event", "skip"),
        EventKind.TOLD: NP_("event", "admin asked"),
        EventKind.ALERTED: NP_("event", "told"),
        EventKind.SEEN: NP_("event", "seen"),
        EventKind.CANCEL: NP_("event", "cancel"),
        EventKind.REQUEUE: NP_("event", "requeue"),
        EventKind.SET_ASIDE: NP_("event", "set aside"),
    }
)
"""Events of a contact: a person's acts, and failures of the program, by their kind."""

REQUEST_STATES: Phrases[str] = Phrases(
    {
        RequestState.OPEN: NP_("request", "open"),
        RequestState.BEGUN: NP_("request", "begun"),
        RequestState.DONE: NP_("request", "done"),
        RequestState.REFUSED: NP_("request", "refused"),
        RequestState.EXPIRED: NP_("request", "expired"),
    }
)


def event_in_words(event: "ShownEvent | ExportedEvent") -> str:
    """Return the details of an event in words: where a person acted, on what, and who it was."""
    values = [tag_in_words(event.word) if event.word else event.number]
    for name, value in (event.detail or {}).items():
        values.append(_("with contact {id}", id=value) if name == "threat" else str(value))
    what = ", ".join(filter(None, values))
    if event.who is None:
        return what
    return _("{what} by {by}", what=what, by=event.who) if what else _("by {by}", by=event.who)
