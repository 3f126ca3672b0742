"""The AT commands of the modem, as a table of functions (3GPP TS 27.005, TS 27.007, ITU-T V.250).

Each function takes the device, the operation and its parameters, and returns an answer; it raises ValueError for
malformed parameters, and the caller answers ERROR. Text mode is refused, and there is no dialling.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial

from hotlined.errors import TextError
from hotlined.gsm.alphabet import encode_gsm7
from hotlined.simulator.device import SETTINGS, Device, Radio
from hotlined.simulator.makes import MAKES, UssdForm
from hotlined.simulator.network import FORWARDING, USSD_CODES, UssdKind, UssdReply
from hotlined.simulator.pdus import Segment, maybe_segment, read_ussd, write_ussd
from hotlined.simulator.sim import SimState, Status, Storage, Union, tpdu_length


class Operation(Enum):
    """The four forms of a command (V.250, 5.4.3 and 5.4.4)."""

    RUN = ""
    READ = "?"
    TEST = "=?"
    SET = "="


@dataclass(frozen=True, slots=True)
class Error:
    """An error as an answer: a number and its words, or, without a family, only words."""

    family: str = ""
    number: int = 0
    words: str = "ERROR"

    def final(self, verbosity: int) -> str:
        """Return the final result code; `verbosity` is +CMEE (TS 27.007, 9.1): at 0 a CME error is only ERROR."""
        if not self.family:
            return self.words
        if self.family == "CME" and verbosity == 0:
            return "ERROR"
        return f"+{self.family} ERROR: {self.words if verbosity == 2 else self.number}"


ERROR = Error()
NOT_ALLOWED = Error("CME", 3, "operation not allowed")
NO_SIM = Error("CME", 10, "SIM not inserted")
PIN_REQUIRED = Error("CME", 11, "SIM PIN required")
PUK_REQUIRED = Error("CME", 12, "SIM PUK required")
WRONG_PASSWORD = Error("CME", 16, "incorrect password")
NO_NETWORK = Error("CME", 30, "no network service")
UNKNOWN = Error("CME", 100, "unknown")
SMS_NOT_ALLOWED = Error("CMS", 302, "operation not allowed")
SMS_NOT_SUPPORTED = Error("CMS", 303, "operation not supported")
SMS_BAD_PDU = Error("CMS", 304, "invalid PDU mode parameter")
SMS_NO_SIM = Error("CMS", 310, "SIM not inserted")
SMS_PIN_REQUIRED = Error("CMS", 311, "SIM PIN required")
SMS_PUK_REQUIRED = Error("CMS", 316, "SIM PUK required")
SMS_UNKNOWN_CENTRE = Error("CMS", 330, "SMSC address unknown")
SMS_BAD_INDEX = Error("CMS", 321, "invalid memory index")
SMS_MEMORY_FULL = Error("CMS", 322, "memory full")
SMS_NO_NETWORK = Error("CMS", 331, "no network service")
SMS_NOTHING_TO_ACKNOWLEDGE = Error("CMS", 340, "no +CNMA acknowledgement expected")

# The answers of a command that needs the SIM, if there is none: CME errors, or CMS ones for short messages.
_WITHOUT_SIM = {
    SimState.ABSENT: (NO_SIM, SMS_NO_SIM),
    SimState.PIN: (PIN_REQUIRED, SMS_PIN_REQUIRED),
    SimState.PUK: (PUK_REQUIRED, SMS_PUK_REQUIRED),
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt for a PDU: `done` takes its digits and returns the answer."""

    done: Callable[[str], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Information text and its end: OK, an error, or a prompt; `then` runs after the final result code."""

    lines: tuple[str, ...] = ()
    error: Error | None = None
    prompt: Prompt | None = None
    then: Callable[[], None] | None = None
    restarts: bool = False
    ends: bool = True  # with a final result code


OK = Answer()
CHARSETS = ("GSM", "IRA", "UCS2")  # TS 27.007, 5.5
Run = Callable[[Device, Operation, list[str]], Answer]


class Need(Enum):
    """The condition for a command to run at all."""

    NOTHING = 0
    SIM = 1
    MESSAGES = 2  # a SIM, and PDU mode


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table."""

    run: Run
    need: Need = Need.NOTHING


_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')


def parameters(text: str) -> list[str]:
    """Split parameters at commas outside quotes; the quotes stay (V.250, 5.4.2)."""
    return [part.strip() for part in _COMMA.split(text)] if text else []


def _number(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _string(text: str) -> str:
    if not re.fullmatch(r'"[^"]*"', text):
        raise ValueError(text)
    return text[1:-1]


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    return ",".join(f"({low}-{high})" for low, high in ranges)


def _says(text: Callable[[Device], str]) -> Run:
    """Return a function that answers every operation except SET with one line."""

    def run(device: Device, operation: Operation, _: list[str]) -> Answer:
        if operation is Operation.SET:
            raise ValueError(operation)
        return Answer((text(device),) if operation is not Operation.TEST else ())

    return run


def _setting(name: str, extra: Callable[[Device], str] = lambda _: "") -> Run:
    """Return a function that reads, lists and sets a row of SETTINGS; omitted parameters get the factory's values."""
    setting = SETTINGS[name]

    def run(device: Device, operation: Operation, given: list[str]) -> Answer:
        match operation:
            case Operation.TEST:
                return Answer((f"{name}: {_ranges(setting.ranges)}",))
            case Operation.READ:
                return Answer((f"{name}: {','.join(map(str, device.settings[name]))}{extra(device)}",))
            case Operation.SET if 0 < len(given) <= len(setting.ranges):
                pairs = zip(given, setting.ranges, strict=False)
                chosen = [
                    _number(text, *limits) if text else setting.default[i] for i, (text, limits) in enumerate(pairs)
                ]
                device.settings[name] = (*chosen, *setting.default[len(chosen) :])
                return OK
        raise ValueError(operation)

    return run


def _echo(device: Device, _: Operation, given: list[str]) -> Answer:
    device.settings["E"] = (_number(given[0] or "0", 0, 1),)
    return OK


def _reset(device: Device, _: Operation, __: list[str]) -> Answer:
    device.reset_settings()
    return OK


def _hang_up(device: Device, _: Operation, __: list[str]) -> Answer:
    device.hang_up("hung up")
    return OK


def _identify(device: Device, _: Operation, __: list[str]) -> Answer:
    return Answer((device.make.manufacturer, device.make.model, f"Revision: {device.make.revision}"))


def _number_of_subscriber(device: Device) -> str:
    return f'+CNUM: "","{_in_charset(device, device.sim.number)}",145'


def _pin(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CPIN (TS 27.007, 8.3)."""
    if device.sim.state is SimState.ABSENT:
        return Answer(error=NO_SIM)
    if operation is Operation.READ:
        return Answer((f"+CPIN: {device.sim.state}",), ends=device.make.cpin_ends)
    if operation is not Operation.SET or not 1 <= len(given) <= 2:
        raise ValueError(operation)
    if device.sim.state is SimState.READY:
        return Answer(error=NOT_ALLOWED)
    codes = [text.strip('"') for text in given]
    if not device.sim.enter(*codes):
        return Answer(error=PUK_REQUIRED if device.sim.state is SimState.PUK else WRONG_PASSWORD)
    return Answer(then=device.announce_registration)


def _radio(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CFUN (TS 27.007, 8.2)."""
    if operation is Operation.READ:
        return Answer((f"+CFUN: {int(device.radio)}",))
    if operation is Operation.TEST:
        return Answer(("+CFUN: (0,1,4),(0,1)",))
    if operation is not Operation.SET or not 1 <= len(given) <= 2:
        raise ValueError(operation)
    radio = Radio(_number(given[0], 0, 4))
    if len(given) == 2 and _number(given[1], 0, 1):
        return Answer(restarts=not device.make.ignores_reset)
    changed = radio is not device.radio
    device.radio = radio
    return Answer(then=device.announce_registration if changed else None)


def _registration(name: str) -> Run:
    def extra(device: Device) -> str:
        cell = ',"00C3","0012"' if device.settings[name][0] == 2 and device.registered else ""
        return f",{device.registration_in(name)}{cell}"

    return _setting(name, extra)


def _networks(device: Device, operation: Operation, _: list[str]) -> Answer:
    """AT+WS46=? (TS 27.007, 5.9), where the make knows it."""
    if operation is not Operation.TEST or not device.make.networks:
        return Answer(error=UNKNOWN if device.make.unknown is None else Error(words=device.make.unknown))
    return Answer((f"+WS46: {device.make.networks}",))


def _operator(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+COPS (TS 27.007, 7.3); its mode 3 only sets the format."""
    mode, form = device.settings["+COPS"]
    if operation is Operation.READ:
        name = _in_charset(device, device.network.operator[form == 2])
        technology = "" if device.network.technology is None else f",{device.network.technology}"
        return Answer((f'+COPS: {mode},{form},"{name}"{technology}' if device.registered else f"+COPS: {mode}",))
    answer = _setting("+COPS")(device, operation, given)
    if device.settings["+COPS"][0] == 3:
        device.settings["+COPS"] = (mode, device.settings["+COPS"][1])
    changed = device.settings["+COPS"][0] != mode
    return Answer(then=device.announce_registration) if changed else answer


def _centre(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CSCA (TS 27.005, 3.3.1)."""
    if operation is Operation.READ:
        return Answer((f'+CSCA: "{_in_charset(device, device.centre)}",{145 if device.centre else 129}',))
    if operation is Operation.SET and 1 <= len(given) <= 2:
        device.centre = _string(given[0])
        return OK
    raise ValueError(operation)


def _iccid(device: Device, _: Operation, __: list[str]) -> Answer:
    return Answer((device.make.iccid[1].format(iccid=device.sim.iccid),))


def _indications(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CNMI (TS 27.005, 3.4.1), within the values that the make accepts."""
    if operation is Operation.TEST:
        return Answer((f"+CNMI: {_ranges(device.make.cnmi)}",))
    if operation is Operation.SET:
        for text, limits in zip(given, device.make.cnmi, strict=False):
            _number(text or str(limits[0]), *limits)
    return _setting("+CNMI")(device, operation, given)


def _service(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CSMS (TS 27.005, 3.2.1); setting it has an answer, too."""
    if operation is Operation.SET and given != ["0"] and not device.make.acknowledges:
        return Answer(error=SMS_NOT_SUPPORTED)
    answer = _setting("+CSMS", lambda _: ",1,1,1")(device, operation, given)
    return Answer(("+CSMS: 1,1,1",)) if operation is Operation.SET else answer


def _used(device: Device, names: list[str], *, named: bool) -> str:
    stores = [(name, device.storages[name]) for name in names]
    return ",".join((f'"{name}",' if named else "") + f"{len(store.entries)},{store.size}" for name, store in stores)


def _offered(device: Device) -> tuple[Iterable[str], ...]:
    """Return the storages allowed for each of the three roles of AT+CPMS."""
    return device.make.offers or (device.storages,) * 3


def _memories(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CPMS (TS 27.005, 3.2.2)."""
    if operation is Operation.TEST:
        roles = ["(" + ",".join(f'"{name}"' for name in role) + ")" for role in _offered(device)]
        if device.make.nested_memories:
            return Answer((f"+CPMS: ({','.join(roles[:2])})",))
        return Answer((f"+CPMS: {','.join(roles)}",))
    if operation is Operation.READ:
        return Answer((f"+CPMS: {_used(device, device.memories, named=True)}",))
    if operation is not Operation.SET or len(given) not in device.make.memories:
        raise ValueError(operation)
    names = [_string(text) for text in given]
    if any(name not in role for name, role in zip(names, _offered(device), strict=False)) or "SR" in names[1:]:
        return Answer(error=SMS_NOT_ALLOWED)
    if set(names) - device.storages.keys():
        return Answer(error=ERROR)
    device.memories[: len(names)] = names
    said = f"+CPMS: {_used(device, device.memories, named=False)}"
    return Answer((said,) if device.make.counts_memories else ())


def _in_charset(device: Device, text: str) -> str:
    """Return a string as +CSCS asks: in hexadecimal digits of UCS-2, or unchanged."""
    return text.encode("utf-16-be").hex().upper() if device.charset == "UCS2" else text


def _charset(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CSCS (TS 27.007, 5.5)."""
    if operation is Operation.TEST:
        return Answer(('+CSCS: ("GSM","IRA","UCS2")',))
    if operation is Operation.READ:
        return Answer((f'+CSCS: "{device.charset}"',))
    device.charset = CHARSETS[CHARSETS.index(_string(given[0]) if given else "")]
    return OK


def _reading(device: Device) -> Storage | Union:
    return device.storages[device.memories[0]]


def _listed(device: Device, index: int) -> str:
    """Return the parameters of an entry, and mark it as read (TS 27.005, 3.4.2)."""
    entry = _reading(device).entries[index]
    header = f"{int(entry.status)},{device.make.alpha},{entry.tpdu_length}"
    if entry.status is Status.UNREAD:
        entry.status = Status.READ
    return f"{header}\r\n{entry.pdu}"


def _list(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CMGL (TS 27.005, 4.1); 4 means every status."""
    if operation is Operation.TEST:
        return Answer(("+CMGL: (0-4)",))
    if operation is Operation.READ or len(given) > 1:
        raise ValueError(operation)
    wanted = _number(given[0], 0, 4) if given else 0
    occupied = [i for i, entry in _reading(device).occupied() if wanted in {4, entry.status}]
    return Answer(tuple(f"+CMGL: {index},{_listed(device, index)}" for index in occupied))


def _index(device: Device, text: str) -> int | None:
    """Return an index of the storage for reading, None if there is no such place."""
    index = _number(text, 0, 99_999)
    return index if index in _reading(device).indexes else None


def _read(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CMGR (TS 27.005, 4.2)."""
    if operation is Operation.TEST:
        return OK
    if operation is not Operation.SET or len(given) != 1:
        raise ValueError(operation)
    index = _index(device, given[0])
    if index not in _reading(device).entries:
        return Answer(error=SMS_BAD_INDEX)
    said = _listed(device, index)
    return Answer((f"+CMGR: {said if device.make.status_in_cmgr else said[1:]}",))


# The statuses that <delflag> deletes, too (TS 27.005, 3.5.4).
_DELETED = {
    1: {Status.READ},
    2: {Status.READ, Status.SENT},
    3: {Status.READ, Status.SENT, Status.UNSENT},
    4: set(Status),
}


def _delete(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CMGD (TS 27.005, 3.5.4); deleting an empty place is OK, as with most makes."""
    storage = _reading(device)
    if operation is Operation.TEST:
        return Answer((f"+CMGD: ({','.join(str(i) for i, _ in storage.occupied())}),(0-4)",))
    if operation is not Operation.SET or not 1 <= len(given) <= 1 + device.make.delete_flag:
        raise ValueError(operation)
    flag = _number(given[1], 0, 4) if len(given) == 2 else 0
    index = _index(device, given[0])
    if flag:
        indexes = [i for i, entry in storage.occupied() if entry.status in _DELETED[flag]]
    elif index is None:
        return Answer(error=SMS_BAD_INDEX)
    else:
        indexes = [index] if index in storage.entries else []
    for each in indexes:
        device.event("deleted", storage=storage.name, index=each, pdu=storage.remove(each).pdu)
    return OK


def _checked(length: int, pdu: str) -> Segment | None:
    """Read a PDU typed at the prompt; None if it is wrong or not as long as announced."""
    return maybe_segment(pdu) if tpdu_length(pdu) == length else None


def _submit(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CMGS in PDU mode (TS 27.005, 4.3)."""
    if operation is Operation.TEST:
        return OK
    if operation is not Operation.SET or len(given) != 1:
        raise ValueError(operation)
    length = _number(given[0], 1, 164)  # TS 23.040: 140 octets of user data after a header of 24

    def done(pdu: str) -> Answer:
        segment = _checked(length, pdu)
        if segment is None:
            return Answer(error=SMS_BAD_PDU)
        if not device.registered:
            return Answer(error=SMS_NO_NETWORK)
        if not device.centre:
            return Answer(error=SMS_UNKNOWN_CENTRE)
        return Answer((f"+CMGS: {device.submit(segment)}",))

    return Answer(prompt=Prompt(done))


def _write(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CMGW in PDU mode (TS 27.005, 4.4)."""
    if operation is Operation.TEST:
        return OK
    if operation is not Operation.SET or not 1 <= len(given) <= 2:
        raise ValueError(operation)
    length = _number(given[0], 1, 164)
    status = Status(_number(given[1], 0, 3)) if len(given) == 2 else Status.UNSENT

    def done(pdu: str) -> Answer:
        if tpdu_length(pdu) != length or not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", pdu):
            return Answer(error=SMS_BAD_PDU)
        storage = device.storages[device.memories[1]]
        index = storage.add(status, pdu)
        if index is None:
            return Answer(error=SMS_MEMORY_FULL)
        device.event("stored", storage=storage.name, index=index, pdu=pdu)
        return Answer((f"+CMGW: {index}",))

    return Answer(prompt=Prompt(done))


def _acknowledge(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CNMA in PDU mode (TS 27.005, 4.7): 0 and 1 acknowledge, 2 refuses."""
    if operation is Operation.TEST:
        return Answer(("+CNMA: (0-2)",))
    code = _number(given[0], 0, 2) if given else 0
    if device.unacknowledged is None:
        return Answer(error=SMS_NOTHING_TO_ACKNOWLEDGE)
    if code == 2:
        device.refuse()
    else:
        device.acknowledge()
    return OK


def _ussd(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CUSD (TS 27.007, 7.15): the answer of the network is unsolicited; 2 ends a session."""
    if operation is Operation.SET and given == ["2"]:
        device.network.menu = False
    if operation is not Operation.SET or len(given) < 2:
        return _setting("+CUSD")(device, operation, given)
    if not device.registered:
        return Answer(error=NO_NETWORK)
    code = _string(given[1])
    if device.make.ussd is UssdForm.PACKED:
        code = read_ussd(code)
    elif device.charset == "UCS2":
        code = bytes.fromhex(code).decode("utf-16-be")
    device.settings["+CUSD"] = (_number(given[0], 0, 2),)
    reply = device.network.ussd.get(code, UssdReply(kind=UssdKind.ERROR))
    device.network.menu = reply.kind is UssdKind.MENU
    if reply.kind is UssdKind.SILENCE:
        return OK
    said = f"+CUSD: {USSD_CODES[reply.kind]}"
    if reply.kind in {UssdKind.NOTIFY, UssdKind.MENU}:
        said += _ussd_text(device, reply.text)
    return Answer(then=partial(device.announce, said))


def _forwarding(device: Device, operation: Operation, given: list[str]) -> Answer:
    """AT+CCFC (TS 27.007, 7.11): only queries (mode 2), for one reason; the time is that of no reply."""
    if operation is Operation.TEST:
        return Answer((f"+CCFC: ({','.join(map(str, range(len(FORWARDING))))})",))
    if operation is not Operation.SET or len(given) < 2:
        return Answer(error=ERROR)
    reason = FORWARDING[_number(given[0], 0, len(FORWARDING) - 1)]
    if _number(given[1], 0, 4) != 2:
        return Answer(error=NOT_ALLOWED)
    if not device.registered:
        return Answer(error=NO_NETWORK)
    active = device.network.forwarding.get(reason)
    if active is None:
        return Answer(("+CCFC: 0,7",))
    kind = 145 if active.number.startswith("+") else 129
    seconds = f",,,{active.seconds}" if reason == "no_reply" else ""
    return Answer((f'+CCFC: 1,{active.services},"{active.number}",{kind}{seconds}',))


def _ussd_text(device: Device, text: str) -> str:
    """Return the string of an answer and its data coding scheme (TS 23.038, 5): 15 is GSM-7, 72 UCS-2."""
    octets = text.encode("utf-16-be").hex().upper()
    if device.charset == "UCS2":
        return f',"{octets}",15'
    if device.charset == "GSM" and device.make.ussd is UssdForm.TEXT:
        with suppress(TextError):
            return f',"{encode_gsm7(text).decode("latin-1")}",15'
    if device.make.ussd is UssdForm.UCS2 or not text.isascii():
        return f',"{octets}",72'
    return f',"{write_ussd(text) if device.make.ussd is UssdForm.PACKED else text}",15'


def _clock(_: Device) -> str:
    now = datetime.now().astimezone()
    quarters = int((now.utcoffset() or now - now).total_seconds()) // 900
    return f'+CCLK: "{now:%y/%m/%d,%H:%M:%S}{quarters:+03}"'


def _accept(_: Device, __: Operation, ___: list[str]) -> Answer:
    return OK


COMMANDS = {
    "": Command(_accept),
    "E": Command(_echo),
    "H": Command(_hang_up),
    "I": Command(_identify),
    "Z": Command(_reset),
    "&F": Command(_reset),
    "+CHUP": Command(_hang_up),
    "+CGMI": Command(_says(lambda device: device.make.manufacturer)),
    "+CGMM": Command(_says(lambda device: device.make.model)),
    "+CGMR": Command(_says(lambda device: device.make.revision)),
    "+CGSN": Command(_says(lambda device: device.imei)),
    "+CIMI": Command(_says(lambda device: device.sim.imsi), Need.SIM),
    **dict.fromkeys(sorted({make.iccid[0] for make in MAKES.values()}), Command(_iccid)),
    "+CNUM": Command(_says(_number_of_subscriber), Need.SIM),
    "+CMEE": Command(_setting("+CMEE")),
    "+CPIN": Command(_pin),
    "+CFUN": Command(_radio),
    "+CSQ": Command(_says(lambda device: f"+CSQ: {device.network.signal},99")),
    "+CREG": Command(_registration("+CREG")),
    "+CGREG": Command(_registration("+CGREG")),
    "+CEREG": Command(_registration("+CEREG")),
    "+C5GREG": Command(_registration("+C5GREG")),
    "+COPS": Command(_operator, Need.SIM),
    "+WS46": Command(_networks),
    "+CGSMS": Command(_setting("+CGSMS")),
    "+CLIP": Command(_setting("+CLIP")),
    "+CSCS": Command(_charset),
    "+CSSN": Command(_setting("+CSSN")),
    "+CUSD": Command(_ussd, Need.SIM),
    "+CCFC": Command(_forwarding, Need.SIM),
    "+CCLK": Command(_says(_clock)),
    "+CSCA": Command(_centre, Need.SIM),
    "+CSMS": Command(_service),
    "+CPMS": Command(_memories, Need.SIM),
    "+CMGF": Command(_setting("+CMGF")),
    "+CNMI": Command(_indications),
    "+CMGL": Command(_list, Need.MESSAGES),
    "+CMGR": Command(_read, Need.MESSAGES),
    "+CMGD": Command(_delete, Need.SIM),
    "+CMGS": Command(_submit, Need.MESSAGES),
    "+CMGW": Command(_write, Need.MESSAGES),
    "+CNMA": Command(_acknowledge),
}
SHORT_MESSAGES = re.compile(r"\+C(MG|PM|NM|SCA|SMS)")  # commands whose errors are CMS errors


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """One command of a command line."""

    name: str
    operation: Operation
    given: tuple[str, ...]

    def __str__(self) -> str:
        """Return the command as it was given, without AT and spaces."""
        return self.name + self.operation.value + ",".join(self.given)


_COMMAND = re.compile(
    r"""\s*(?:
        (?P<extended>[+^*$%][A-Z][A-Z0-9]*)\s*(?P<operation>=\?|\?|=|)(?P<given>(?:"[^"]*"|[^";])*)(?:;|$)
      | (?P<basic>&?[A-Z])(?P<value>\d*)
      )""",
    re.VERBOSE | re.IGNORECASE,
)


def parse(line: str) -> Iterator[GivenCommand]:
    """Split a command line after its AT (V.250, 5.4); raises ValueError at a part that is not a command."""
    if not line.strip():
        yield GivenCommand("", Operation.RUN, ())
    at = 0
    while line[at:].strip():
        found = _COMMAND.match(line, at)
        if found is None:
            raise ValueError(line[at:])
        at = found.end()
        if found["basic"]:
            yield GivenCommand(found["basic"].upper(), Operation.RUN, (found["value"],))
            continue
        operation = Operation(found["operation"])
        if operation is not Operation.SET and found["given"].strip():
            raise ValueError(line)
        yield GivenCommand(found["extended"].upper(), operation, tuple(parameters(found["given"].strip())))


def execute(device: Device, call: GivenCommand) -> Answer:
    """Run one command."""
    if str(call) == device.make.reset:
        return Answer(restarts=True)
    if str(call) in device.make.own:
        device.is_silent |= str(call) == "^CURC=0"
        return OK
    command = COMMANDS.get(call.name)
    others = {make.iccid[0] for make in MAKES.values()} - {device.make.iccid[0]}
    if command is None or {call.name, str(call)} & (device.make.lacks | others):
        return Answer(error=UNKNOWN if device.make.unknown is None else Error(words=device.make.unknown))
    messages = SHORT_MESSAGES.match(call.name) is not None
    if command.need is not Need.NOTHING and device.sim.state in _WITHOUT_SIM:
        return Answer(error=_WITHOUT_SIM[device.sim.state][messages])
    if command.need is Need.MESSAGES and device.settings["+CMGF"] != (0,):
        return Answer(error=SMS_NOT_SUPPORTED)
    try:
        return command.run(device, call.operation, list(call.given))
    except ValueError:
        return Answer(error=ERROR)
