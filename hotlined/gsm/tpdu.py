"""The codec of short messages (3GPP TS 23.040): reads DELIVER and STATUS-REPORT, writes SUBMIT.

A TPDU is a message as octets: DELIVER is a text that comes in, SUBMIT one that goes out, STATUS-REPORT says whether a
sent one arrived. A PDU is a TPDU with the service centre's number in front, as modems show it. PDUs come from strangers
and from faulty modems: as much of a message is read as possible, `issues` lists its faults, and PduError is raised only
if nothing can be read. The module keeps no raw PDU, and joins the parts that it is given: the caller knows which belong
together. Compressed text (TS 23.042) stays octets. Fields that no caller uses (`npi`, `indication`, `more_messages`)
are read, too, so that the tests can compare a whole decoded PDU with the results of other decoders.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from hotlined.causes import CauseCode
from hotlined.errors import AddressError, PduError
from hotlined.gsm.address import Address, Ton
from hotlined.gsm.alphabet import ESCAPE, Encoding, Plan, decode_gsm7, decode_ucs2, encode_gsm7, pack, unpack
from hotlined.gsm.push import is_mms_notification
from hotlined.states import PduProblem


class Alphabet(StrEnum):
    """The coding of user data (TS 23.038 clause 4)."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    OCTETS = "8bit"
    COMPRESSED = "compressed"


class Indication(StrEnum):
    """The kind of message that waits, such as a voice mail, in the order of the coding (TS 23.038 clause 4)."""

    VOICEMAIL = "voicemail"
    FAX = "fax"
    EMAIL = "email"
    OTHER = "other"


_INDICATIONS: Final = tuple(Indication)


class MessageWaiting(NamedTuple):
    """A message waiting indication: whether to keep its text, whether something waits, and of what kind."""

    store: bool
    active: bool
    indication: Indication


class Concatenation(NamedTuple):
    """A segment's place in its message, 1 ≤ `sequence` ≤ `total`; `bits`: the size of its reference (9.2.3.24.1, 8)."""

    reference: int
    total: int
    sequence: int
    bits: int


class Ports(NamedTuple):
    """The application ports of a message, of 8 or 16 bits (TS 23.040 9.2.3.24.3, 4)."""

    destination: int
    source: int
    bits: int


class Content(NamedTuple):
    """User data, its coding and the content of its header.

    `user_data` comes after the header: septets, one per byte, or octets. `text` is None for octets and compressed text,
    `data` is None for all others. `udh`, the user data header, includes its length octet; it is None if there is no
    sound header. `locking` and `single` are the language identifiers of national tables, 0 for none.
    """

    dcs: int
    alphabet: Alphabet
    message_class: int | None
    mwi: MessageWaiting | None
    udh: bytes | None
    concatenation: Concatenation | None
    ports: Ports | None
    locking: int
    single: int
    user_data: bytes
    text: str | None
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Deliver:
    """A text as the network delivered it (TS 23.040 9.2.2.1).

    `scts` is the service centre's time, in its zone; None if it is not a valid time. `type_name` is `deliver`, or
    `reserved` for type 3. `issues` says in words what is wrong with the PDU.
    """

    service_centre: str | None
    originator: Address
    scts: datetime | None
    pid: int
    content: Content
    more_messages: bool
    report_indication: bool
    reply_path: bool
    type_name: str = "deliver"
    issues: tuple[str, ...] = ()


class StatusClass(StrEnum):
    """The outcome that a status report gives for its message (TS 23.040 9.2.3.15)."""

    DELIVERED = "delivered"
    COMPLETED = "completed"
    PENDING = "pending"
    FAILED = "failed"
    TEMPORARY_FAILED = "temporary-failed"
    RESERVED = "reserved"


_STATUS_CLASSES: Final = (
    StatusClass.COMPLETED,
    StatusClass.PENDING,
    StatusClass.FAILED,
    StatusClass.TEMPORARY_FAILED,
)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The outcome of a message that was submitted under the reference `mr` (TS 23.040 9.2.2.3).

    `scts` is when the service centre took the message, `discharged_at` when it was delivered, given up or last tried.
    """

    service_centre: str | None
    mr: int
    recipient: Address
    scts: datetime | None
    discharged_at: datetime | None
    status: int
    pid: int | None = None
    content: Content | None = None
    issues: tuple[str, ...] = ()

    @property
    def status_class(self) -> StatusClass:
        """The class of `status`: `delivered` only for 0, `completed` for every other end that is not a failure."""
        if self.status == 0:
            return StatusClass.DELIVERED
        return _STATUS_CLASSES[self.status >> 5] if self.status < 0x80 else StatusClass.RESERVED


# Minutes for each value of a relative validity period (TS 23.040 9.2.3.12.1).
_VALIDITY_MINUTES: Final = (
    *((value + 1) * 5 for value in range(144)),
    *(12 * 60 + (value - 143) * 30 for value in range(144, 168)),
    *((value - 166) * 24 * 60 for value in range(168, 197)),
    *((value - 192) * 7 * 24 * 60 for value in range(197, 256)),
)


@dataclass(slots=True)
class _Reader:
    """The octets of a PDU, the current place in them, and the faults found so far."""

    octets: bytes
    at: int = 0
    issues: list[str] = field(default_factory=list)

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.octets):
            raise PduError(PduProblem.TRUNCATED)
        self.at += count
        return self.octets[self.at - count : self.at]

    def octet(self) -> int:
        return self.take(1)[0]

    def take_what_there_is(self, count: int) -> bytes:
        """Take `count` octets of user data, the last field, and note if there are fewer or more."""
        taken = self.octets[self.at : self.at + count]
        self.at += len(taken)
        if len(taken) < count:
            self.issues.append(f"user data shorter than its length ({len(taken)} of {count} octets)")
        if beyond := len(self.octets) - self.at:
            self.issues.append(f"{beyond} octets after the TPDU")
        return taken


_SEMI_OCTETS: Final = "0123456789*#abc"  # TS 23.040 9.1.2.3; 0xF fills up an odd number
_LONGEST_ADDRESS: Final = 20  # semi-octets (TS 23.040 9.1.2.5)
_LONGEST_SERVICE_CENTRE: Final = 12  # octets after the length; one more than TS 24.011 8.2.5 allows


def _semi_octets(octets: bytes) -> Iterator[int]:
    for octet in octets:
        yield octet & 0x0F
        yield octet >> 4


def address_digits(digits: str) -> str:
    """Return the hex digits of an address with these digits, each pair swapped (TS 23.040 9.1.2.3).

    If their number is odd, the F that fills up the last octet comes before the last digit.

    Every PDU with this number contains these hex digits, whichever of its addresses it is.
    """
    pairs = [digits[at : at + 2][::-1] for at in range(0, len(digits), 2)]
    return "".join(pair if len(pair) == 2 else f"F{pair}" for pair in pairs)


def _address(type_of_address: int, octets: bytes, length: int, name: str, issues: list[str]) -> Address:
    """Read an address value of `length` semi-octets, each one digit (TS 23.040 9.1.2.5)."""
    if not type_of_address & 0x80:
        issues.append(f"bit 7 of the type of {name} is 0")
    ton = Ton(type_of_address >> 4 & 7)
    if ton is Ton.ALPHANUMERIC:
        value = decode_gsm7(unpack(octets, 4 * length // 7))
    else:
        digits = list(_semi_octets(octets))
        if length % 2 and digits.pop() != 0x0F:
            issues.append(f"the filler of {name} is not F")
        value = "".join(_SEMI_OCTETS[digit] for digit in digits if digit != 0x0F)
        if len(value) < len(digits):
            issues.append(f"fillers inside {name}")
    return Address(value, ton, type_of_address & 0x0F)


def _service_centre(reader: _Reader) -> str | None:
    """Read the service centre's address before a TPDU, with its length in octets (TS 27.005 3.1, TS 24.011 8.2.5.1)."""
    length = reader.octet()
    if length == 0:
        return None
    if length > _LONGEST_SERVICE_CENTRE:
        reader.issues.append(f"service centre of {length} octets")
    type_of_address, *octets = reader.take(length)
    filled = bool(octets) and octets[-1] >> 4 == 0x0F
    semi_octets = 2 * len(octets) - filled
    return str(_address(type_of_address, bytes(octets), semi_octets, "the service centre", reader.issues))


def _party(reader: _Reader, name: str) -> tuple[Address, bool]:
    """Read an originator or recipient, with its length in semi-octets; also return whether the length is allowed."""
    length = reader.octet()
    type_of_address = reader.octet()
    octets = reader.take((length + 1) // 2)
    within_limit = length <= _LONGEST_ADDRESS
    if not within_limit:
        reader.issues.append(f"{name} of {length} semi-octets")
    return _address(type_of_address, octets, length, name, reader.issues), within_limit


def _is_decimal(stamp: bytes) -> bool:
    """Return whether a time stamp has only decimal digits; bit 3 of its last octet is the sign of the zone."""
    return all(digit <= 9 for digit in _semi_octets(stamp[:-1] + bytes((stamp[-1] & 0xF7,))))


def _maybe_time(stamp: bytes, name: str, issues: list[str]) -> datetime | None:
    """Read a time stamp; its zone is in quarters of an hour (TS 23.040 9.2.3.11). None and an issue if invalid."""
    if not _is_decimal(stamp):
        issues.append(f"{name} has a digit that is not decimal")
        return None
    year, month, day, hour, minute, second = ((octet & 0x0F) * 10 + (octet >> 4) for octet in stamp[:6])
    quarters = (stamp[6] & 0x07) * 10 + (stamp[6] >> 4)
    if quarters > 14 * 4:
        issues.append(f"the zone of {name} is beyond 14 hours")
    offset = timedelta(minutes=15 * (-quarters if stamp[6] & 0x08 else quarters))
    century = 1900 if year >= 90 else 2000
    try:
        return datetime(century + year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        issues.append(f"{name} is no time of the calendar")
        return None


def _refuse_noise(stamp: bytes, *, is_address: bool) -> None:
    """Raise PduError for noise that looks like a message by chance, such as an erased record of the SIM.

    If the address is too long and the time is not a time, nothing shows that the rest is a message.
    """
    if not is_address and not _is_decimal(stamp):
        raise PduError(PduProblem.NOISE)


def coding(dcs: int) -> tuple[Alphabet, int | None, MessageWaiting | None]:
    """Return alphabet, message class and message waiting of a data coding scheme (TS 23.038 clause 4).

    Reserved values read as the GSM 7 bit default alphabet, as that clause asks.
    """
    group = dcs >> 4
    if group < 0x8:  # general data coding; from 0x4 on the text is marked for deletion
        alphabets = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM7)
        alphabet = Alphabet.COMPRESSED if dcs & 0x20 else alphabets[dcs >> 2 & 3]
        return alphabet, dcs & 3 if dcs & 0x10 else None, None
    if group == 0xF:
        return Alphabet.OCTETS if dcs & 0x04 else Alphabet.GSM7, dcs & 3, None
    if group >= 0xC:  # message waiting: discard the text, store it, store it in UCS-2
        waiting = MessageWaiting(group > 0xC, bool(dcs & 0x08), _INDICATIONS[dcs & 3])
        return Alphabet.UCS2 if group == 0xE else Alphabet.GSM7, None, waiting
    return Alphabet.GSM7, None, None


@dataclass(slots=True)
class _Header:
    """The content of the information elements of a user data header (TS 23.040 9.2.3.24)."""

    concatenation: Concatenation | None = None
    ports: Ports | None = None
    locking: int = 0
    single: int = 0
    mwi: MessageWaiting | None = None


def _elements(header: bytes) -> list[tuple[int, bytes]] | None:
    """Return the information elements after the length octet; None if they overrun the header."""
    elements = []
    at = 1
    while at < len(header):
        end = at + 2 + header[at + 1] if at + 1 < len(header) else at + 2
        if end > len(header):
            return None
        elements.append((header[at], header[at + 2 : end]))
        at = end
    return elements


def _meaning(elements: list[tuple[int, bytes]], issues: list[str]) -> _Header:
    """Interpret information elements. An invalid one does not count; of two valid ones the last counts."""
    header = _Header()
    for identifier, value in elements:
        match identifier, *value:
            case (0x00, reference, total, sequence) if 1 <= sequence <= total:
                header.concatenation = Concatenation(reference, total, sequence, 8)
            case (0x08, high, low, total, sequence) if 1 <= sequence <= total:
                header.concatenation = Concatenation(high << 8 | low, total, sequence, 16)
            case (0x04, destination, source):
                header.ports = Ports(destination, source, 8)
            case (0x05, _, _, _, _):
                header.ports = Ports(int.from_bytes(value[:2]), int.from_bytes(value[2:]), 16)
            case (0x25, language):
                header.locking = language
            case (0x24, language):
                header.single = language
            case (0x01, kind, count):  # 9.2.3.24.2
                header.mwi = MessageWaiting(bool(kind & 0x80), count > 0, _INDICATIONS[kind & 3])
            case (0x00 | 0x01 | 0x04 | 0x05 | 0x08 | 0x24 | 0x25, *_):
                issues.append(f"unsound information element {identifier:#04x}")
    return header


def _header(octets: bytes, issues: list[str]) -> tuple[int, bytes | None, _Header]:
    """Find the header before the user data: return its length in octets, its octets if it counts, and its content.

    An element that overruns the header makes the whole header invalid (9.2.3.24).
    """
    if not octets:
        issues.append("a header is announced and there is no user data")
        return 0, None, _Header()
    length = 1 + octets[0]
    if length > len(octets):
        issues.append("the header is longer than the user data")
        return 0, None, _Header()
    elements = _elements(octets[:length])
    if elements is None:
        issues.append("an information element overruns the header")
        return length, None, _Header()
    return length, octets[:length], _meaning(elements, issues)


def _text(alphabet: Alphabet, user_data: bytes, locking: int, single: int) -> str | None:
    match alphabet:
        case Alphabet.GSM7:
            return decode_gsm7(user_data, locking, single)
        case Alphabet.UCS2:
            return decode_ucs2(user_data)
        case _:
            return None


def _content(reader: _Reader, dcs: int, length: int, *, has_header: bool) -> Content:
    """Read the user data; its length is in septets for GSM-7, else in octets (TS 23.040 9.2.3.16)."""
    alphabet, message_class, mwi = coding(dcs)
    septets = alphabet is Alphabet.GSM7
    if length > (160 if septets else 140):
        reader.issues.append(f"user data length of {length}")
    octets = reader.take_what_there_is((7 * length + 7) // 8 if septets else length)
    start, udh, header = _header(octets, reader.issues) if has_header else (0, None, _Header())
    user_data = octets[start:]
    if septets:
        behind = length - (8 * start + 6) // 7
        if behind < 0:
            reader.issues.append("the header is longer than the user data")
        user_data = unpack(user_data, behind, -8 * start % 7)
    if alphabet is Alphabet.UCS2 and len(user_data) % 2:
        reader.issues.append("odd number of octets in UCS-2")
    text = _text(alphabet, user_data, header.locking, header.single)
    return Content(
        dcs,
        alphabet,
        message_class,
        header.mwi or mwi,  # 9.2.3.24.2: the header overrides the data coding scheme
        udh,
        header.concatenation,
        header.ports,
        header.locking,
        header.single,
        user_data,
        text,
        user_data if text is None else None,
    )


def _deliver(reader: _Reader, first: int, service_centre: str | None) -> Deliver:
    originator, is_address = _party(reader, "the originator")
    pid = reader.octet()
    dcs = reader.octet()
    stamp = reader.take(7)
    _refuse_noise(stamp, is_address=is_address)
    scts = _maybe_time(stamp, "the time stamp", reader.issues)
    content = _content(reader, dcs, reader.octet(), has_header=bool(first & 0x40))
    reserved = first & 0x03 == 0x03
    if reserved:
        reader.issues.append("message type 3 is reserved")
    return Deliver(
        service_centre=service_centre,
        originator=originator,
        scts=scts,
        pid=pid,
        content=content,
        more_messages=not first & 0x04,
        report_indication=bool(first & 0x20),
        reply_path=bool(first & 0x80),
        type_name="reserved" if reserved else "deliver",
        issues=tuple(reader.issues),
    )


def _parameters(reader: _Reader, first: int) -> tuple[int | None, Content | None]:
    """Read the optional fields after the status (TS 23.040 9.2.3.27): protocol identifier, coding and user data.

    No fault in them is a reason to lose the report: fields that are cut off, or announced by reserved bits, are ignored
    (the 0xFF that fills up a record of a SIM looks like such bits).
    """
    try:
        indicator = reader.octet()
        if indicator & 0xF8:
            return None, None
        pid = reader.octet() if indicator & 0x01 else None
        dcs = reader.octet() if indicator & 0x02 else 0
        length = reader.octet() if indicator & 0x04 else 0
    except PduError:
        return None, None
    if not indicator & 0x06:
        return pid, None
    return pid, _content(reader, dcs, length, has_header=bool(first & 0x40))


def _status_report(reader: _Reader, first: int, service_centre: str | None) -> StatusReport:
    reference = reader.octet()
    recipient, is_address = _party(reader, "the recipient")
    taken = reader.take(7)
    discharged = reader.take(7)
    status = reader.octet()
    _refuse_noise(taken, is_address=is_address)
    scts = _maybe_time(taken, "the time stamp", reader.issues)
    discharged_at = _maybe_time(discharged, "the discharge time", reader.issues)
    pid, content = _parameters(reader, first)
    return StatusReport(
        service_centre, reference, recipient, scts, discharged_at, status, pid, content, tuple(reader.issues)
    )


# By message type indicator (TS 23.040 9.2.3.1), for incoming messages; the reserved type 3 reads as a DELIVER, as that
# clause asks. The missing type is a report, which a modem does not show.
_TYPES: Final[dict[int, Callable[[_Reader, int, str | None], Deliver | StatusReport]]] = {
    0: _deliver,
    2: _status_report,
    3: _deliver,
}
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def _opened(pdu: str, *, service_centre: bool) -> tuple[_Reader, str | None, int]:
    """Return a reader placed after the first octet of a TPDU, the service centre before it, and that octet."""
    digits = pdu.strip(" \t\r\n")
    if not _HEX.fullmatch(digits):
        raise PduError(PduProblem.NOT_HEXADECIMAL)
    reader = _Reader(bytes.fromhex(digits))
    centre = _service_centre(reader) if service_centre else None
    return reader, centre, reader.octet()


def decode(pdu: str, *, service_centre: bool = True) -> Deliver | StatusReport:
    """Decode a PDU in hexadecimal digits, as a modem lists it; `service_centre=False` for a TPDU alone.

    Raises PduError, and nothing else, if it is not an incoming message.
    """
    reader, centre, first = _opened(pdu, service_centre=service_centre)
    read = _TYPES.get(first & 0x03)
    if read is None:
        raise PduError(PduProblem.WRONG_DIRECTION)
    return read(reader, first, centre)


_MISSING: Final = "…"


def _joined(parts: Sequence[Deliver]) -> bytes:
    """Join parts of one alphabet; an escape that the sender repeats at the seam counts once."""
    joined = b""
    for part in parts:
        octets = part.content.user_data
        if part.content.alphabet is Alphabet.GSM7 and octets[:1] == bytes((ESCAPE,)):
            joined = joined.removesuffix(octets[:1])
        joined += octets
    return joined


def _decoded_with(part: Deliver | None) -> tuple[Alphabet, int, int] | None:
    """Return the alphabet and tables that decode a part's user data; None if it has no text."""
    if part is None or part.content.text is None:
        return None
    return part.content.alphabet, part.content.locking, part.content.single


def join(parts: Sequence[Deliver | None]) -> str | None:
    """Join the parts of a message, in order, into its text; None if it is data.

    Septets and octets are joined before they are decoded, so a pair that the sender split stays whole. A part that is
    missing, or data among text, becomes one `…`; where the alphabet changes, decoding starts again.
    """
    present = [part for part in parts if part]
    if present and all(part.content.text is None for part in present):
        return None
    text = ""
    for key, run in groupby(parts, _decoded_with):
        if key is None:
            text += _MISSING * len(list(run))
        else:
            text += _text(key[0], _joined([part for part in run if part]), *key[1:]) or ""
    return text


def join_data(parts: Sequence[Deliver | None]) -> bytes:
    """Join the user data of the parts that are there, in order: octets, or septets, one per byte."""
    return b"".join(part.content.user_data for part in parts if part)


class MessageKind(StrEnum):
    """The meaning of a message for the person who gets it."""

    TEXT = "text"
    MMS = "mms"
    DATA = "data"
    SERVICE = "service"


_WAP_PUSH_PORT: Final = 2948  # WAP-259 WDP, annex B
# TS 23.040 9.2.3.9: type 0 (acknowledged, never shown), ANSI-136 R-DATA, ME data download, ME de-personalization,
# (U)SIM data download. None is for a person.
_SERVICE_PIDS: Final = frozenset({0x40, 0x7C, 0x7D, 0x7E, 0x7F})
_SIM_CLASS: Final = 2  # TS 23.038 clause 4


def _is_service(part: Deliver, text: str | None) -> bool:
    """Return whether a part is for the phone or the SIM: by its PID, as class 2 data, or as message waiting.

    A message waiting indication is a text if its text is to be stored and is not blank: somebody wrote it.
    """
    content = part.content
    if part.pid in _SERVICE_PIDS or (content.message_class == _SIM_CLASS and content.text is None):
        return True
    return content.mwi is not None and not (content.mwi.store and text and text.strip())


def kind(parts: Sequence[Deliver | None], text: str | None) -> MessageKind:
    """Return the kind of a message, by those of its parts that are there; `text` is the result of `join`.

    A message for the phone or the SIM is `service`, whatever its port. Any other message with a port is for an
    application: `mms` if it is a readable MMS notification, else `data`. Of the rest, a message without text is `data`.
    """
    present = [part for part in parts if part]
    if any(_is_service(part, text) for part in present):
        return MessageKind.SERVICE
    ports = {part.content.ports.destination for part in present if part.content.ports}
    if _WAP_PUSH_PORT in ports and is_mms_notification(join_data(parts)):
        return MessageKind.MMS
    return MessageKind.DATA if ports or text is None else MessageKind.TEXT


class EncodedSegment(NamedTuple):
    """A PDU for +CMGS in hexadecimal digits; its 00 in front means the service centre of +CSCA.

    `tpdu_length` is the number that +CMGS takes: octets without the service centre.
    """

    pdu: str
    tpdu_length: int


_RECIPIENT: Final = re.compile(rf"(\+?)([0-9*#]{{1,{_LONGEST_ADDRESS}}})")
_DCS: Final = {Encoding.GSM7: 0x00, Encoding.UCS2: 0x08}


def _recipient(text: str) -> bytes:
    """Encode a recipient: international with a plus, else of unknown type, as it would be dialled."""
    match = _RECIPIENT.fullmatch(text)
    if match is None:
        raise AddressError(CauseCode.NOT_TEXTED, typed=text)
    plus, digits = match.groups()
    nibbles = [_SEMI_OCTETS.index(digit) for digit in digits] + [0x0F] * (len(digits) % 2)
    octets = bytes(high << 4 | low for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes((len(digits), 0x91 if plus else 0x81)) + octets


def encode_submit(
    recipient: str,
    plan: Plan,
    *,
    reference: int = 0,
    report: bool = False,
    validity: timedelta | None = None,
) -> tuple[EncodedSegment, ...]:
    """Encode a planned text as SMS-SUBMITs (TS 23.040 9.2.2.2) with message reference 0: the modem sets it.

    `reference` (0 to 255) joins the segments, if there are several. `report` asks for a status report for each one.
    `validity` is rounded up to a step of the format, 5 minutes to 63 weeks. Raises AddressError if the recipient is not
    a number.
    """
    first = 0x01 | (validity is not None) << 4 | report << 5 | (plan.segments > 1) << 6
    address = _recipient(recipient)
    vp = b""
    if validity is not None:
        step = bisect_left(_VALIDITY_MINUTES, validity / timedelta(minutes=1))
        vp = bytes((min(step, 0xFF),))
    front = bytes((first, 0x00)) + address + bytes((0x00, _DCS[plan.encoding])) + vp
    segments = []
    for sequence, body in enumerate(plan.bodies, 1):
        udh = bytes((5, 0x00, 3, reference, plan.segments, sequence)) if plan.segments > 1 else b""
        bits = 8 * len(udh)
        if plan.encoding is Encoding.GSM7:
            length, octets = (bits + 6) // 7 + len(body), pack(body, -bits % 7)
        else:
            length, octets = len(udh) + len(body), body
        tpdu = front + bytes((length,)) + udh + octets
        segments.append(EncodedSegment(f"00{tpdu.hex().upper()}", len(tpdu)))
    return tuple(segments)


_CODED_AS_IN_SMS: Final = frozenset({0x4, 0x5, 0xF})  # groups of TS 23.038 clause 5 that mean the same as in clause 4


def encode_ussd(code: str) -> str:
    """Pack a USSD code into hexadecimal digits, as some makes of modem want it (TS 23.038 clause 6.1.2.3)."""
    septets = encode_gsm7(code)
    return pack(septets + b"\r" * (len(septets) % 8 == 7)).hex().upper()


def decode_ussd(text: str, dcs: int | None, *, as_septets: bool = False) -> str | None:
    """Decode the string of a +CUSD result by its data coding scheme (TS 23.038 clause 5); None for octets.

    A string that is not hexadecimal is text already: some makes of modem decode it. `as_septets`: each of its
    characters is a septet of the GSM alphabet (27.007 5.5). An odd last digit is dropped.
    """
    digits = text[: len(text) & ~1]
    if not _HEX.fullmatch(digits):
        return decode_gsm7(text.encode("latin-1", "replace")) if as_septets else text
    octets = bytes.fromhex(digits)
    dcs = 0x0F if dcs is None else dcs
    if dcs == 0x11:  # UCS-2 after a language in two octets
        return decode_ucs2(octets[2:])
    alphabet = coding(dcs)[0] if dcs >> 4 in _CODED_AS_IN_SMS else Alphabet.GSM7
    if alphabet is not Alphabet.GSM7:
        return _text(alphabet, octets, 0, 0)
    septets = unpack(octets, 8 * len(octets) // 7)
    if len(septets) % 8 == 0:
        septets = septets.removesuffix(b"\r")  # 6.1.2.3.1: a CR that fills seven spare bits
    decoded = decode_gsm7(septets)
    return decoded[3:] if dcs == 0x10 else decoded  # without the language: two letters and CR
