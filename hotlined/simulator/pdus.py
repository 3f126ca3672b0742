"""The network's side of the codec: writes DELIVER and STATUS-REPORT, reads SUBMIT (3GPP TS 23.040).

A DELIVER is a text to the SIM, a SUBMIT one from it, a STATUS-REPORT says what became of a SUBMIT. SUBMITs are read
with python-gsmmodem, a decoder that was not written here, so that it finds the errors of the daemon's codec. The known
errors of that decoder are in one table, `FLAWS`, and are read another way. Validity period and protocol identifier are
not checked.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hotlined.errors import PduError, TextError, UsageError
from hotlined.gsm.alphabet import decode_gsm7, encode_gsm7, pack, unpack

with warnings.catch_warnings():  # its source has invalid escapes, which a strict interpreter treats as errors
    warnings.simplefilter("ignore")
    from gsmmodem import pdu as gsmmodem_pdu
    from gsmmodem.exceptions import EncodingError

CENTRE = "+32475161616"
MMS_CENTRE = "8600"  # the sender of MMS notifications: a short code or name of the operator, never a subscriber
USER_DATA_OCTETS = 140  # TS 23.040, 9.2.3.16
DCS = {"gsm7": 0x00, "8bit": 0x04, "ucs2": 0x08}  # TS 23.038, 4
CLASS_BIT = 0x10  # TS 23.038, 4: bits 1 and 0 hold a message class
SEMI_OCTETS = str.maketrans("*#abc", "ABCDE")  # TS 23.040, 9.1.2.3
PUSH_PORTS = bytes.fromhex("05040B8423F0")  # TS 23.040, 9.2.3.24.4: to port 2948 (WAP push) from port 9200
PUSH = bytes.fromhex("0603BEAF84")  # WAP-230, 8.2.4: a push; its 3 octets of headers mean MMS


def _semi_octets(digits: str) -> bytes:
    """Encode digits two per octet, the first in the low half, filled up with F."""
    padded = digits.translate(SEMI_OCTETS) + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(high + low for low, high in zip(padded[::2], padded[1::2], strict=True)))


def _address(text: str) -> bytes:
    """Encode an address: international with a plus, else digits, else alphanumeric (TS 23.040, 9.1.2.5).

    Also digits are alphanumeric if they are in “ ”.
    """
    digits = text.removeprefix("+")
    if set(digits) <= set("0123456789*#"):
        return bytes([len(digits), 0x91 if text.startswith("+") else 0x81]) + _semi_octets(digits)
    septets = encode_gsm7(text.removeprefix("“").removesuffix("”"))
    return bytes([-(-len(septets) * 7 // 4), 0xD0]) + pack(septets)


def _centre() -> bytes:
    """Encode the service centre, which comes before the TPDU and counts octets (TS 27.005, 3.1)."""
    digits = _semi_octets(CENTRE.removeprefix("+"))
    return bytes([len(digits) + 1, 0x91]) + digits


def _timestamp(when: datetime) -> bytes:
    """Encode a time with its zone in quarters of an hour (TS 23.040, 9.2.3.11)."""
    quarters = round((when.utcoffset() or timedelta()) / timedelta(minutes=15))
    octets = bytearray(_semi_octets(f"{when:%y%m%d%H%M%S}{abs(quarters):02}"))
    octets[-1] |= 0x08 if quarters < 0 else 0
    return bytes(octets)


def _encode(text: str, encoding: str | None) -> tuple[str, bytes]:
    """Encode in the given encoding, else in GSM-7 if possible; return septets, one per byte, or octets."""
    match encoding:
        case "ucs2":
            return "ucs2", text.encode("utf-16-be", "surrogatepass")
        case "8bit":
            return "8bit", text.encode("latin-1")
        case "gsm7":
            return "gsm7", encode_gsm7(text)
        case None:
            try:
                return "gsm7", encode_gsm7(text)
            except TextError:
                return _encode(text, "ucs2")
        case _:
            raise UsageError(f"there is no encoding {encoding!r}", hint="gsm7, ucs2 or 8bit")


# For each encoding, how far a cut at `end` has to move back so that it splits no pair.
_BACK: dict[str, Callable[[bytes, int], int]] = {
    "gsm7": lambda body, end: int(body[end - 1] == 0x1B),
    "ucs2": lambda body, end: 2 * (body[end - 2] & 0xFC == 0xD8),
    "8bit": lambda _body, _end: 0,
}


def _cut(encoding: str, body: bytes, header_octets: int) -> list[bytes]:
    """Cut a body so that each piece fits after a header."""
    room = USER_DATA_OCTETS - header_octets
    size = room * 8 // 7 if encoding == "gsm7" else room - room % 2
    pieces = []
    while len(body) > size:
        end = size - _BACK[encoding](body, size)
        pieces.append(body[:end])
        body = body[end:]
    return [*pieces, body]


def _user_data(encoding: str, header: bytes, body: bytes) -> bytes:
    """Encode TP-UDL and TP-UD (TS 23.040, 9.2.3.16 and 9.2.3.24)."""
    if encoding != "gsm7":
        return bytes([len(header + body)]) + header + body
    fill_bits = -len(header) * 8 % 7
    return bytes([(len(header) * 8 + fill_bits) // 7 + len(body)]) + header + pack(body, fill_bits)


def _concatenation(reference: int, bits: int, total: int, sequence: int) -> bytes:
    """Encode the information element of concatenation (TS 23.040, 9.2.3.24.1 and 9.2.3.24.8)."""
    octets = bits // 8
    element = bytes([0x00 if octets == 1 else 0x08, octets + 2])
    return element + (reference % (1 << bits)).to_bytes(octets, "big") + bytes([total, sequence])


def write_delivers(
    sender: str,
    encoding: str,
    body: bytes,
    *,
    scts: datetime,
    reference: int,
    bits: int = 8,
    message_class: int | None = None,
    ports: bytes = b"",
) -> list[str]:
    """Encode one message as SMS-DELIVERs (TS 23.040, 9.2.2.1), in sequence, in hexadecimal digits.

    `body` has septets, one per byte, for `gsm7`, else octets; `ports` is an information element.
    """
    pieces = _cut(encoding, body, len(ports) + 1 if ports else 0)
    if len(pieces) > 1:
        pieces = _cut(encoding, body, len(ports) + len(_concatenation(reference, bits, 1, 1)) + 1)
    dcs = DCS[encoding] | (0 if message_class is None else CLASS_BIT | message_class)
    written = []
    for sequence, piece in enumerate(pieces, 1):
        elements = ports
        if len(pieces) > 1:
            elements += _concatenation(reference, bits, len(pieces), sequence)
        header = bytes([len(elements)]) + elements if elements else b""
        tpdu = bytes([0x44 if header else 0x04]) + _address(sender) + bytes([0x00, dcs]) + _timestamp(scts)
        written.append((_centre() + tpdu + _user_data(encoding, header, piece)).hex().upper())
    return written


def write_text(sender: str, text: str, *, encoding: str | None = None, **options: Any) -> list[str]:
    """Encode a text as SMS-DELIVERs; `options` are those of `write_delivers`."""
    return write_delivers(sender, *_encode(text, encoding), **options)


# WAP-230, table 42: the name of each codec, and its number as an integer value
CHARSETS = {"utf-8": b"\xea", "latin-1": b"\x84", "ascii": b"\x83", "utf-16-be": b"\x02\x03\xe8"}


def _subject(text: str, charset: str | None) -> bytes:
    """Encode a subject (OMA MMS encapsulation, 7.3.8) with its character set; ASCII needs none."""
    if charset is None and text.isascii():
        return text.encode() + b"\x00"
    charset = charset or "utf-8"
    body = text.encode(charset) + b"\x00" * (2 if charset == "utf-16-be" else 1)
    if charset != "utf-16-be" and body[0] >= 0x80:
        body = b"\x7f" + body
    body = CHARSETS[charset] + body
    return (bytes([len(body)]) if len(body) <= 30 else b"\x1f" + _uintvar(len(body))) + body


def _uintvar(number: int) -> bytes:
    """Encode an integer of variable length (WAP-230, 8.1.2), below 16,384."""
    return bytes([0x80 | number >> 7, number & 0x7F]) if number > 0x7F else bytes([number])


def write_mms(
    sender: str | None,
    subject: str,
    *,
    scts: datetime,
    reference: int,
    originator: str = MMS_CENTRE,
    charset: str | None = None,
) -> list[str]:
    """Encode the WAP push of an m-notification-ind (OMA MMS encapsulation, 6.2); None hides the sender.

    `originator` sent the push (TP-OA): the operator's centre, or a subscriber who forges one. `charset` is that of the
    subject, one of `CHARSETS`; None: only what is not ASCII has one, UTF-8.
    """
    token = b"\x80" + f"{sender}/TYPE=PLMN".encode() + b"\x00" if sender else b"\x81"
    fields = {
        0x0C: b"\x82",  # X-Mms-Message-Type: m-notification-ind
        0x18: f"T{reference:05}".encode() + b"\x00",  # X-Mms-Transaction-Id
        0x0D: b"\x90",  # X-Mms-MMS-Version: 1.0
        0x09: bytes([len(token)]) + token,  # From
        0x16: _subject(subject, charset) if subject else None,  # Subject
        0x0A: b"\x80",  # X-Mms-Message-Class: personal
        0x0E: b"\x02\x75\x30",  # X-Mms-Message-Size: 30,000
        0x08: b"\x05\x81\x03\x01\x51\x80",  # X-Mms-Expiry: in a day
        0x03: f"http://mms.invalid/{reference}".encode() + b"\x00",  # X-Mms-Content-Location
    }
    notification = b"".join(bytes([0x80 | code]) + value for code, value in fields.items() if value)
    body = bytes([reference % 256]) + PUSH + notification
    return write_delivers(originator, "8bit", body, scts=scts, reference=reference, ports=PUSH_PORTS)


def write_status_report(mr: int, recipient: str, scts: datetime, discharged_at: datetime, status: int) -> str:
    """Encode an SMS-STATUS-REPORT (TS 23.040, 9.2.2.3); `status` is TP-ST."""
    tpdu = bytes([0x06, mr]) + _address(recipient) + _timestamp(scts) + _timestamp(discharged_at)
    return (_centre() + tpdu + bytes([status])).hex().upper()


def write_ussd(text: str) -> str:
    """Pack a USSD string into hexadecimal digits; CR fills seven spare bits (TS 23.038, 6.1.2.3)."""
    septets = encode_gsm7(text)
    return pack(septets + b"\r" * (len(septets) % 8 == 7)).hex().upper()


def read_ussd(digits: str) -> str:
    """Unpack a USSD string; ValueError if it is not made of pairs of digits."""
    octets = bytes.fromhex(digits)
    return decode_gsm7(unpack(octets, len(octets) * 8 // 7)).removesuffix("\r")


@dataclass(frozen=True, slots=True)
class Segment:
    """One SUBMIT as it was read; reference, total and sequence are 0, 1, 1 for a text in one segment."""

    recipient: str
    text: str
    encoding: str
    reference: int
    total: int
    sequence: int
    report: bool
    pdu: str


@dataclass(frozen=True, slots=True)
class _Raw:
    """The user data of a SUBMIT, found without the library; `length` is TP-UDL."""

    encoding: str
    length: int
    header: bytes
    octets: bytes

    @property
    def septets(self) -> bytes:
        """The septets after the header."""
        skipped = -(-len(self.header) * 8 // 7)
        bits = int.from_bytes(self.octets, "little")
        return bytes(bits >> 7 * i & 0x7F for i in range(skipped, self.length))


def _raw(octets: bytes) -> _Raw:
    """Find the user data of a SUBMIT (TS 23.040, 9.2.2.2)."""
    tpdu = octets[1 + octets[0] :]
    if tpdu[0] & 0x03 != 0x01:
        raise PduError("this is no SUBMIT")
    pid = 4 + (tpdu[2] + 1) // 2
    dcs = tpdu[pid + 1]
    at = pid + 2 + (0, 7, 1, 7)[tpdu[0] >> 3 & 0x03]  # after the validity period, which has one of four formats
    encoding = {0: "gsm7", 1: "8bit", 2: "ucs2"}[dcs >> 2 & 0x03 if dcs < 0x40 else 0]
    length, data = tpdu[at], tpdu[at + 1 :]
    if len(data) != (-(-length * 7 // 8) if encoding == "gsm7" else length) or len(data) > USER_DATA_OCTETS:
        raise PduError(f"{len(data)} octets of user data do not go with a length of {length}")
    return _Raw(encoding, length, data[: data[0] + 1] if tpdu[0] & 0x40 else b"", data)


def _septets_anew(raw: _Raw, _text: str) -> str:
    """Read the septets here, and decode them with the library."""
    runs = [gsmmodem_pdu.decodeGsm7(bytearray(run)) for run in raw.septets.split(b"\x1b\x0a")]
    return "\f".join(runs)


@dataclass(frozen=True, slots=True)
class Flaw:
    """An error of python-gsmmodem 0.13.0: its condition, and the way to read the text instead."""

    what: str
    met: Callable[[_Raw, str], bool]
    read: Callable[[_Raw, str], str]


FLAWS = (
    Flaw(
        "behind a header of a multiple of seven octets (a 16-bit reference) the first character is lost",
        lambda raw, _: raw.encoding == "gsm7" and bool(raw.header) and len(raw.header) % 7 == 0,
        _septets_anew,
    ),
    Flaw(
        "a last @ is lost where the septets end with an octet, and seven spare bits are read as a character",
        lambda raw, _: raw.encoding == "gsm7" and raw.length % 8 in {0, 7},
        _septets_anew,
    ),
    Flaw(
        "a form feed is lost",
        lambda raw, _: raw.encoding == "gsm7" and b"\x1b\x0a" in raw.septets,
        _septets_anew,
    ),
    Flaw(
        "§ is read as a backtick, which GSM-7 does not have",
        lambda raw, text: raw.encoding == "gsm7" and "`" in text,
        lambda _, text: text.replace("`", "§"),
    ),
    Flaw(
        "a character beyond the BMP comes as two surrogates",
        lambda raw, _: raw.encoding == "ucs2",
        lambda _, text: text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace"),
    ),
)
RECIPIENT_FLAW = str.maketrans("abcde", "*#abc")  # it reads the digits * # a b c as hexadecimal ones

_LIBRARY_ERRORS = (EncodingError, ValueError, LookupError, TypeError, StopIteration)


def _concatenated(elements: Sequence[Any]) -> tuple[int, int, int]:
    """Return reference, total and sequence of the last element that has them."""
    found = [(e.reference, e.parts, e.number) for e in elements if hasattr(e, "parts")]
    reference, total, sequence = found[-1] if found else (0, 1, 1)
    if not 1 <= sequence <= total:
        raise PduError(f"there is no segment {sequence} of {total}")
    return reference, total, sequence


def read_submit(pdu: str) -> Segment:
    """Read a SUBMIT with its service centre; PduError for everything that a strict network would refuse."""
    try:
        raw = _raw(bytes.fromhex(pdu))
        decoded = gsmmodem_pdu.decodeSmsPdu(pdu)
        text = decoded["text"]
        for flaw in FLAWS:
            if flaw.met(raw, text):
                text = flaw.read(raw, text)
        recipient = (decoded["number"] or "").translate(RECIPIENT_FLAW)
        concatenation = _concatenated(decoded.get("udh", ()))
    except _LIBRARY_ERRORS as error:
        raise PduError(f"this SUBMIT cannot be read: {error!r}") from error
    if not recipient or set(recipient.removeprefix("+")) - set("0123456789*#abc"):
        raise PduError(f"{recipient!r} is no recipient")
    report = bool(bytes.fromhex(pdu)[1 + int(pdu[:2], 16)] & 0x20)
    return Segment(recipient, text, raw.encoding, *concatenation, report, pdu)


def maybe_segment(pdu: str) -> Segment | None:
    """Read a SUBMIT; None if it is not one."""
    try:
        return read_submit(pdu)
    except PduError:
        return None
