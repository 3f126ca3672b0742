"""Turns answers of modems of any make into values. Pure: `dialogue` asks, `modem` decides.

Some makes leave out quotes, parentheses, spaces or whole fields, and some say more than they were asked; each function
here reads what there is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from hotlined.gsm import tpdu
from hotlined.gsm.at import FINAL_RESULTS, Final, Information, Response
from hotlined.states import SmsService

CMS_SMSC_UNKNOWN = 330  # 27.005 3.2.5: SMSC (service centre) address unknown
BUSY = frozenset({314, 515})  # +CMS ERROR: the SIM is busy (27.005 3.2.5), the modem is still starting (SIMCom, Telit)
BUSY_CME = 14  # 27.007 9.2.1: SIM busy
UNSUPPORTED = frozenset({302, 303})  # +CMS ERROR: operation not allowed, not supported (27.005 3.2.5)
UNSUPPORTED_CME = frozenset({3, 4, 100})  # the same, and unknown error (27.007 9.2.1)
SIM_CAUSES = frozenset(range(310, 319))  # +CMS ERROR: no SIM, or its PIN, its PUK, a failure of it (27.005 3.2.5)


class SimState(StrEnum):
    """The state of the SIM in the answer to AT+CPIN? (27.007 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    LOCKED = "locked"
    """The modem accepts only the SIMs of one operator, or only one SIM, and this one is another."""
    ABSENT = "absent"
    BUSY = "busy"
    OTHER = "other"


class Registration(StrEnum):
    """The modem's registration in a network (27.007 7.2)."""

    HOME = "home"
    ROAMING = "roaming"
    SEARCHING = "searching"
    DENIED = "denied"
    NONE = "none"
    UNKNOWN = "unknown"


_REGISTRATION = {
    0: Registration.NONE,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    5: Registration.ROAMING,
    6: Registration.HOME,  # for SMS only: texts come and go, calls do not
    7: Registration.ROAMING,  # for SMS only
    8: Registration.DENIED,  # except for emergency calls
    9: Registration.HOME,  # CSFB (calls by way of 2G or 3G) not preferred
    10: Registration.ROAMING,  # CSFB not preferred
    11: Registration.DENIED,  # except for RLOS (restricted local operator services), in LTE
}
REGISTRATIONS = ("+CREG", "+CEREG", "+CGREG", "+C5GREG")
"""The queries for the registration: in circuits, LTE, packets, 5G (27.007 7.2, 10.1). A stick may answer only one.

Circuits are the telephone network of 2G and 3G, packets their data network.
"""
SINCE_LTE = frozenset({"+CEREG", "+C5GREG"})
"""The queries about networks without circuits of their own."""
REGISTERED = frozenset({Registration.HOME, Registration.ROAMING})
_REGISTRATION_RANK = (
    Registration.UNKNOWN,
    Registration.NONE,
    Registration.SEARCHING,
    Registration.DENIED,
    Registration.ROAMING,
    Registration.HOME,
)
"""Registrations, worst first. The best answer to several queries counts: an LTE stick may always say NONE to +CREG."""


class Generation(StrEnum):
    """The newest networks that a modem knows."""

    SECOND = "2G"
    THIRD = "3G"
    BEFORE_LTE = "before LTE"
    """Older than LTE, but the modem does not say what."""
    LTE = "LTE"


_BEFORE_LTE = {12: Generation.SECOND, 22: Generation.THIRD, 25: Generation.THIRD, 29: Generation.THIRD}
"""<n> of +WS46 (27.007 5.9) without LTE; 25, which now means 2G, 3G and LTE, meant 2G and 3G before."""
TECHNOLOGIES = {
    **dict.fromkeys(("0", "1", "3", "8"), "2G"),
    **dict.fromkeys(("2", "4", "5", "6"), "3G"),
    **dict.fromkeys(("7", "10"), "LTE"),
    "9": "NB-IoT",
    **dict.fromkeys(("11", "12", "13"), "5G"),
}
"""<AcT> of +COPS (27.007 7.3)."""

SMS_SERVICES = {
    "0": SmsService.PACKET,
    "1": SmsService.CIRCUIT,
    "2": SmsService.PACKET_FIRST,
    "3": SmsService.CIRCUIT_FIRST,
}
"""<service> of +CGSMS (27.007 10.1.21): the domain that texts are sent in."""


class Identification(NamedTuple):
    """The names and numbers that modem and SIM give for themselves; a field is empty if they do not say it."""

    manufacturer: str = ""
    model: str = ""
    imei: str = ""
    imsi: str = ""
    own_number: str = ""
    service_centre: str | None = None
    sms_service: str = ""
    """The domain in which the modem sends texts: one of SMS_SERVICES."""
    generation: Generation | None = None


class ForwardingReason(IntEnum):
    """The situations in which a call is forwarded (27.007 7.11), with the numbers of AT+CCFC."""

    ALWAYS = 0
    BUSY = 1
    NO_REPLY = 2
    NOT_REACHABLE = 3


VOICE = 1  # the service class of telephony (27.007 7.11)
LONGEST_REPLY_SECONDS = 30  # 27.007 7.11: <time> is 1 to 30


class Forwarding(NamedTuple):
    """A forwarding of calls: its number and reason; `seconds` of ringing before it, None if the modem does not say."""

    reason: ForwardingReason
    number: str
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a storage: its index, its status (27.005 3.1: 0 unread … 3 sent) and its raw PDU."""

    index: int
    status: int
    tpdu_length: int | None
    pdu: str


class Listing(NamedTuple):
    """The listed entries of a storage; `complete` if there are no others, except at the places `unseen`.

    `counted` if the modem has counted the storage for this listing, or never counts.
    """

    storage: str
    entries: tuple[Entry, ...]
    complete: bool
    unseen: frozenset[int | None] = frozenset()
    counted: bool = False


class StorageUse(NamedTuple):
    """The use of a storage in entries, as the modem reports it."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took the segment and gave it this reference; None if the make reports none."""

    mr: int | None


@dataclass(frozen=True, slots=True)
class SubmitRefused:
    """The modem or the network refused; `cms` is the cause, `before_payload` proves that nothing left."""

    text: str
    cms: int | None
    before_payload: bool


@dataclass(frozen=True, slots=True)
class SubmitUnknown:
    """The modem's answer did not come: the segment may have left or not."""

    text: str


SubmitOutcome = Sent | SubmitRefused | SubmitUnknown


class Network(NamedTuple):
    """Registration, signal (percent, None if unknown), operator's name, and technology."""

    registration: Registration
    signal_percent: int | None
    operator: str
    technology: str = ""
    """2G, 3G, LTE, NB-IoT or 5G; empty if the modem does not say."""
    denies_circuits: bool = False
    """True if the network lets the SIM into LTE only: a modem without SMS over IP needs circuits to get texts."""


# ---- reading


# 27.007 7.15: +CUSD: <m>[,"<str>"[,<dcs>]]; the string may have several lines, and an E160 leaves out the quotes
_CUSD = re.compile(
    r'\+CUSD:\s*(?P<wants>\d)(?:\s*,\s*(?:"(?P<text>.*)"|(?P<unquoted>[0-9A-F]+))(?:\s*,\s*(?P<dcs>\d+))?)?',
    re.DOTALL,
)
_CMGS = re.compile(r"\+CMGS:\s*(\d{1,3})\b")
_CMGL = re.compile(r"\+CMGL:\s*(\d{1,5})\s*,\s*(\d)\s*,.*?(\d{0,4})\s*$")

_TEXT_MODE = re.compile(r"\+CMGF:\s*1")
_HANDED_OVER = re.compile(r"\+CNMI:\s*\d\s*,\s*[23]")  # texts are handed over and not stored
_REPORTED = re.compile(r"(?:\+CNMI:)?\s*(?:\d\s*,\s*){3}[12]")  # <ds>: status reports come
_LONG_NUMBER = re.compile(r'(?:[+^*]?\w+:)?\s*"?(\d{10,22})F?"?(?:[ ,/].*)?', re.IGNORECASE)
_UNASKED = re.compile(r"[+^*#$%_!@]|[A-Z][A-Z_ ]*:")  # the beginning of a code that is in no table

_HEX = re.compile(r"(?:[0-9A-F]{2})+")

_SIM_WORDS = {state.value: state for state in SimState} | {
    # the second PIN guards only functions that hotlined does not use
    "SIM PIN2": SimState.READY,
    "SIM PUK2": SimState.READY,
    "NOT INSERTED": SimState.ABSENT,
    "SIM REMOVED": SimState.ABSENT,
}

# 27.007 9.2.1; a modem without a SIM answers AT+CPIN? with one of the first
_SIM_CAUSES: dict[int | None, SimState] = {
    10: SimState.ABSENT,
    13: SimState.ABSENT,
    15: SimState.ABSENT,
    11: SimState.PIN,
    12: SimState.PUK,
} | dict.fromkeys((*range(5, 8), *range(40, 48)), SimState.LOCKED)
_LOCK = "PH-"  # 27.007 8.3: PH-SIM, PH-FSIM, PH-NET and four more, each with its PIN and PUK


def sim_state(final: Final, lines: Sequence[Information]) -> tuple[SimState, str]:
    """Return the state of the SIM by the response to AT+CPIN?, and the modem's own words for it."""
    if final.ok and lines:
        said = lines[0].text.removeprefix("+CPIN:").strip(' "')
        return SimState.LOCKED if said.startswith(_LOCK) else _SIM_WORDS.get(said, SimState.OTHER), said
    return SimState.BUSY if is_busy(final) else _SIM_CAUSES.get(final.cme, SimState.OTHER), final.text


def may_be_another_sim(final: Final) -> bool:
    """Return whether a final result code hints that the SIM is gone or is another one."""
    return final.cme is not None or final.cms in SIM_CAUSES


def registration_of(answer: str) -> Registration:
    """Return the registration in an answer, the part after +CREG: or the prefix of a similar query."""
    state = field(answer, 1) or ""
    return _REGISTRATION.get(int(state), Registration.UNKNOWN) if state.isdecimal() else Registration.UNKNOWN


def better(one: Registration, other: Registration) -> Registration:
    """Return the better of two registrations: an LTE stick may always answer NONE to +CREG."""
    return max(one, other, key=_REGISTRATION_RANK.index)


def signal_percent(answer: str) -> int | None:
    """Return the signal in percent, by the part after +CSQ: (27.007 8.5: 0 to 31, 99 unknown); None if unknown."""
    rssi = answer.split(",", maxsplit=1)[0]
    return round(int(rssi) * 100 / 31) if rssi.isdecimal() and int(rssi) <= 31 else None


def generation(lte: Sequence[Response], selectable: str) -> Generation | None:
    """Return the newest networks that a modem supports; None if unknown.

    `lte` are its responses about +CEREG, `selectable` is the part after +WS46:.
    """
    modes = {int(mode) for mode in re.findall(r"\d+", selectable)}
    if modes - _BEFORE_LTE.keys() or any(answer.lines for answer in lte):
        return Generation.LTE
    if modes:
        return max(_BEFORE_LTE[mode] for mode in modes)
    return Generation.BEFORE_LTE if all(is_unsupported(answer.final) for answer in lte) else None


def operator(answer: str, question: str) -> tuple[str, str]:
    """Return the operator's name and the technology, by the part after +COPS:.

    `question` is the query that found the modem registered: +CEREG can only mean LTE.
    """
    access = field(answer, 3) or ""
    # a string times True or False: without an access technology, +CEREG still means LTE, and the others mean nothing
    technology = TECHNOLOGIES.get(access.lstrip("0") or "0", "") if access else "LTE" * (question == "+CEREG")
    return field(answer, 2) or "", technology


def offered(answer: str) -> list[list[str]]:
    """Return the storages for reading, then those for writing, then those for receiving, by the part after +CPMS:.

    Some makes leave out quotes, parentheses or roles; without parentheses the answer is one list, for reading.
    """
    roles = re.findall(r"\(([^()]*)\)|(\w+)", answer) if re.search(r"\([^()]*\)", answer) else [(answer, "")]
    return [re.findall(r"\w+", several or one, re.ASCII) for several, one in roles]


def roles_of(response: Response) -> list[StorageUse]:
    """Return the storage of each role, in the order of `offered`, by an answer to AT+CPMS?; it may name none."""
    found = (re.findall(r'([A-Z]\w*)"?\s*,\s*(\d+)\s*,\s*(\d+)', line.text) for line in response.lines)
    return [StorageUse(name, int(used), int(total)) for uses in found for name, used, total in uses]


def is_text_mode(line: str) -> bool:
    """Return whether a +CMGF: line says text mode, in which texts are not shown as PDUs."""
    return _TEXT_MODE.match(line) is not None


def hands_over(line: str) -> bool:
    """Return whether a +CNMI: line says that texts are handed over and not stored."""
    return _HANDED_OVER.match(line) is not None


def reports_come(line: str) -> bool:
    """Return whether these parameters of +CNMI, with or without the prefix, let status reports come."""
    return _REPORTED.match(line) is not None


def maybe_reference(line: str) -> int | None:
    """Return the reference that the network gave a segment, by +CMGS: <mr>; None if the line is something else."""
    match = _CMGS.match(line)
    return int(match[1]) if match else None


def ussd(event: str, *, as_septets: bool) -> tuple[str | None, bool]:
    """Return the text of a +CUSD, None if unreadable, and whether the network waits for a choice."""
    match = _CUSD.match(event)
    if match is None:
        return None, False
    text = (match["text"] or match["unquoted"] or "").strip()
    dcs = int(match["dcs"]) if match["dcs"] else None
    answer = tpdu.decode_ussd(text, dcs, as_septets=as_septets) if text else None
    return answer or None, match["wants"] == "1"


def entry_of(line: Information) -> Entry | None:
    """Read +CMGL: <index>,<stat>,[<alpha>],<length> and its PDU; None if the two do not fit together."""
    match = _CMGL.match(line.text)
    if not match or line.payload is None:
        return None
    entry = Entry(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, line.payload.strip().upper())
    return entry if _has_its_length(entry) else None


def _has_its_length(entry: Entry) -> bool:
    """Return whether a PDU is as long as its line says: the service centre with its length octet, then the TPDU."""
    octets = len(entry.pdu) // 2
    return entry.tpdu_length is None or octets == 1 + int(entry.pdu[:2], 16) + entry.tpdu_length


def maybe_index(line: str) -> int | None:
    """Return the index in a garbled line of a listing; None if even the index is unreadable."""
    match = re.match(r"\+CMGL:\s*(\d{1,5})\b", line)
    return int(match[1]) if match else None


def slot(index: int, line: Information, more: Sequence[str]) -> Entry | None:
    """Read +CMGR: <stat>,… and its PDU, which may be among `more`; None if no text is shown."""
    payload = (line.payload or "\n".join(more)).strip().upper()
    status = re.match(r"\+CMGR:\s*(\d)\s*,", line.text)
    return Entry(index, int(status[1]) if status else _status(payload), None, payload) if payload else None


def _status(pdu: str) -> int:
    """Return the status of an entry that comes without one: a SUBMIT is unsent, others are read (23.040 9.2.3.1)."""
    first = pdu[2 + 2 * int(pdu[:2], 16) :][:2] if _HEX.fullmatch(pdu) else ""
    return 2 if first and int(first, 16) & 3 == 1 else 1


def is_unsupported(final: Final) -> bool:
    """Return whether a refusal says that the modem does not have this function at all, as far as its words show it."""
    says_no_more = final.text in FINAL_RESULTS and not final.ok
    return says_no_more or final.cms in UNSUPPORTED or final.cme in UNSUPPORTED_CME


def is_busy(final: Final) -> bool:
    """Return whether a final result code says that the SIM is busy, or the modem is still starting."""
    return final.cms in BUSY or final.cme == BUSY_CME


def field(text: str, position: int) -> str | None:
    """Return a parameter of an answer without its quotes; some makes leave out one or both of them.

    None if the parameter is missing or empty; "" only if the modem wrote two quotes.
    """
    fields = re.findall(r'\s*("(?:[^"]|"")*"|[^,]*)(?:,|$)', text)
    parameter = fields[position].strip() if len(fields) > position else ""
    return parameter.strip('"') if parameter else None


def counts(response: Response) -> tuple[int, int] | None:
    """Return a storage's entries and its capacity, by an answer to AT+CPMS; None if it does not say."""
    for line in response.lines:
        numbers = [int(number) for number in re.findall(r"\b\d{1,5}\b", line.text.split(":", 1)[1])[:2]]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
    return None


def digits(response: Response) -> str:
    """Return the long number of an answer (an IMSI, IMEI or ICCID): the first line that is one, or an empty string."""
    lines = [line.text.strip() for line in response.lines] if response.final.ok else []
    number = next((match[1] for line in lines if (match := _LONG_NUMBER.fullmatch(line))), "")
    if not number and len(lines) == 1 and (match := re.search(r"\d{10,22}", lines[0])):
        return match[0]  # the only number in the only line is the answer, whatever is around it
    return number


def words(response: Response, command: str) -> str:
    """Return the words of an answer to a command such as AT+CGMI, without the command's name and without quotes.

    They are the line that begins with the command's name, else the first line that does not look like an unsolicited
    code, else the first line.
    """
    lines = [line.text.strip() for line in response.lines]
    wrapped = re.compile(rf"\+C?{re.escape(command.removeprefix('AT+').removeprefix('C'))}:\s*")
    for line in lines:
        if match := wrapped.match(line):
            return line[match.end() :].strip(' "')
    return next((line for line in lines if not _UNASKED.match(line)), lines[0]).strip('"')


def maybe_forwarding(reason: ForwardingReason, line: str) -> Forwarding | None:
    """Read a line of +CCFC; None if it is inactive, or not for voice.

    The time is the seventh field (27.007 7.11), after a subaddress and its type. In Sierra's answers it is the fifth.
    """
    status, services, number, kind, fifth, _, seventh = [
        *(each.strip(' "') for each in line.removeprefix("+CCFC:").split(",")),
        *[""] * 6,
    ][:7]
    if status != "1" or not (services.isdecimal() or not services) or not int(services or VOICE) & VOICE:
        return None
    times = (int(each) for each in (seventh, fifth) if each.isdecimal())
    seconds = next((time for time in times if 0 < time <= LONGEST_REPLY_SECONDS), None)
    international = "+" if kind == "145" and number.isdecimal() else ""  # some leave out the + and give the type only
    return Forwarding(reason, international + number, seconds if reason is ForwardingReason.NO_REPLY else None)
