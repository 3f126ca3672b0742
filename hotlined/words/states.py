"""States of a line, its modem and its contacts as people read them: each code of `states`, in words."""

from typing import TYPE_CHECKING

from hotlined.language import N_, NP_, Phrases, _
from hotlined.states import (
    ContactKind,
    DatabaseState,
    EventKind,
    MemberState,
    ModemState,
    RequestState,
    SegmentKind,
    SmsService,
)
from hotlined.words.tags import tag_in_words

if TYPE_CHECKING:  # each command says a state, and few show a contact
    from hotlined.documents import ExportedEvent, ShownEvent

MODES = Phrases({"live": N_("live"), "shadow": N_("shadow")})
"""Whether answers are transmitted."""

MEMBER_STATES: Phrases[str] = Phrases(
    {
        MemberState.ANSWERING: N_("answering"),
        MemberState.SHADOW: N_("shadow mode"),
        MemberState.PAUSED: N_("paused"),
        MemberState.NOT_ANSWERING: N_("not answering"),
        MemberState.UNSEEN: N_("not seen for an hour"),
        MemberState.NEW: N_("never seen"),
    }
)
"""How a line of a fleet is."""

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
        ModemState.SIM_CHANGED: N_("sim changed"),
        ModemState.NO_SERVICE_CENTRE: N_("no service centre"),
        ModemState.NO_TEXTS: N_("no texts"),
    }
)
"""How the modem is."""

RUNGS = Phrases(
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
"""What the daemon does to get a modem back that does not work."""

REGISTRATIONS = Phrases(
    {
        "home": NP_("network", "home"),
        "roaming": NP_("network", "roaming"),
        "searching": NP_("network", "searching"),
        "denied": NP_("network", "denied"),
        "none": NP_("network", "none"),
    }
)
"""Whether the SIM is registered in the network; an unknown registration has no words."""

SMS_SERVICES: Phrases[str] = Phrases(
    {
        SmsService.PACKET: N_("the data network"),
        SmsService.CIRCUIT: N_("the telephone network"),
        SmsService.PACKET_FIRST: N_("the data network, else the telephone network"),
        SmsService.CIRCUIT_FIRST: N_("the telephone network, else the data network"),
    }
)
"""The domain that texts are sent in: packets, or circuits."""

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
"""How the database is."""

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
"""The kind of line that a number belongs to."""

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
"""What a contact is."""

SEGMENT_KINDS: Phrases[str] = Phrases(
    {
        SegmentKind.DELIVER: NP_("segment", "text"),
        SegmentKind.STATUS_REPORT: NP_("segment", "status report"),
        SegmentKind.UNREADABLE: NP_("segment", "unreadable"),
    }
)
"""What a segment that was received is."""

EVENTS: Phrases[str] = Phrases(
    {
        EventKind.TAG: NP_("event", "tag"),
        EventKind.UNTAG: NP_("event", "untag"),
        EventKind.KEEP: NP_("event", "keep"),
        EventKind.UNKEEP: NP_("event", "unkeep"),
        EventKind.SKIP: NP_("event", "skip"),
        EventKind.TOLD: NP_("event", "told"),
        EventKind.CANCEL: NP_("event", "cancel"),
        EventKind.LOOK: NP_("event", "look"),
        EventKind.REQUEUE: NP_("event", "requeue"),
        EventKind.SET_ASIDE: NP_("event", "set aside"),
    }
)
"""What people did with a contact, or the program could not do, by the kind of its event."""

REQUEST_STATES: Phrases[str] = Phrases(
    {
        RequestState.OPEN: NP_("request", "open"),
        RequestState.BEGUN: NP_("request", "begun"),
        RequestState.DONE: NP_("request", "done"),
        RequestState.REFUSED: NP_("request", "refused"),
        RequestState.EXPIRED: NP_("request", "expired"),
    }
)
"""How far a request to the daemon is."""


def event_in_words(event: "ShownEvent | ExportedEvent") -> str:
    """Write the details of an event: where a person did it, to what, and who it was."""
    values = [tag_in_words(event.word) if event.word else event.number, *map(str, (event.detail or {}).values())]
    what = ", ".join(filter(None, values))
    if event.who is None:
        return what
    return _("{what} by {by}", what=what, by=event.who) if what else _("by {by}", by=event.who)
