"""Replaces everything about a person in a modem's answers: numbers, identities, names, places, texts. Lengths stay.

The same digits become the same other digits everywhere; a letter of a text becomes an x; a PDU (a short message in
hexadecimal digits) keeps its frame (types, lengths, alphabet, concatenation) and loses its content. An unknown line
counts as a text. The replacements are random, so that nobody can undo them. Known to be wrong: the operator's name, the
model, its firmware and a code of up to four digits in a known answer stay as they are; a word that a make of modem
writes at an unknown place becomes x's.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hotlined.gsm import at, profiles
from hotlined.gsm.alphabet import pack
from hotlined.gsm.tpdu import Alphabet, coding

TEXT_COMMANDS = frozenset({"ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR"})
"""Commands whose answers have no prefix and are about no person: maker, model, firmware."""

_KEPT = frozenset(
    (
        *("+CCFC", "+CCID", "+CFUN", "+CGMI", "+CGMM", "+CGMR", "+CGSMS", "+CGSN", "+CIMI", "+CMEE", "+CMGF", "+CMGS"),
        *("+CMTI", "+CDSI", "+CNMI", "+COPS", "+CPIN", "+CPINR", "+CPMS", "+CSCA", "+CSCS", "+CSMS", "+CSQ", "+SPIC"),
        *("+ICCID", "+QCCID", "+QPINC", "^CPIN", "^ICCID", "^SCID"),
    )
)
"""Prefixes of answers without words about a person, if the command asked for them."""

_IDENTITIES = frozenset({"+CCFC", "+CCID", "+CGSN", "+CIMI", "+CSCA", "+ICCID", "+QCCID", "^ICCID", "^SCID"})
"""The prefixes of `_KEPT` with a person's number, or the number of a SIM or modem."""

_HEADERS = ("+CMGL:", "+CMGR:", "+CMT:", "+CDS:", "+CBM:")  # the lines after them are a text
_NOTICES = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CFUN", "+CMTI", "+CDSI"})  # come unasked, too

_SEVERAL_DIGITS = re.compile(r"\d{5,}")
_HEX_WORD = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{8,}(?![0-9A-Za-z])")
_SHORT = re.compile(r"\s*\d{0,3}\s*")  # an index, a status, a length, a type of number
_STATUS = re.compile(r"\s*0*(?:\d|1\d)\s*")  # of the registration, or its technology (27.007 7.2)
_CELL = re.compile(r"[0-9A-Fa-f]{2,}")
_BARE_NUMBER = re.compile(r"\"?\d{10,22}[Ff]?\"?")  # IMSI (of the SIM), IMEI (of the modem), ICCID (of the card)
_STORED = re.compile(r'\+C[MD][TS]I: ?"\w\w", ?\d{1,3}')  # a notification: it may come between the lines of a listing
_CODE = re.compile(r"[+^*$%#&!]\w+:")
_CELLS = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_SAID_UNASKED = tuple(profiles.UNSOLICITED)
_DIGITS = "0123456789"
_PDU = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_ALPHANUMERIC = 5  # type of number (23.040 9.1.2.5)
_IMPERSONAL_ELEMENTS = frozenset({0x00, 0x04, 0x05, 0x08, 0x24, 0x25})  # concatenation, ports, language (9.2.3.24)
_X = ord("x")
_STAMP_OCTETS = 7


@dataclass(frozen=True, slots=True)
class RecordedLine:
    r"""A line written to the modem or read from it, with its ends (`\r\nOK\r\n`); `seconds` since the start."""

    seconds: float
    ours: bool
    text: str


@dataclass(slots=True)
class Replacer:
    """Replaces text, and remembers each replacement: use one for each recording, so that equal things stay equal."""

    chance: random.Random = field(default_factory=random.SystemRandom)
    _others: dict[str, str] = field(default_factory=dict)

    def digits(self, run: str) -> str:
        """Return other digits of the same number; the first is 0 only if the run begins with 0."""
        if run not in self._others:
            firsts = "0" if run[0] == "0" and len(run) > 1 else "123456789"
            other = run
            while other == run:
                other = self.chance.choice(firsts) + "".join(self.chance.choice(_DIGITS) for _ in run[1:])
            self._others[run] = other
        return self._others[run]

    def text(self, text: str) -> str:
        """Replace every letter and every digit."""
        return re.sub(r"[^\W\d_]", "x", re.sub(r"\d+", lambda found: self.digits(found[0]), text))

    def answer(self, text: str) -> str:
        """Replace long numbers in an answer whose words are not about a person."""
        return _SEVERAL_DIGITS.sub(lambda found: self.digits(found[0]), _HEX_WORD.sub(self._hex, text))

    def header(self, text: str) -> str:
        """Replace everything in a line about a person except its short numbers: index, status, length."""
        prefix, colon, fields = text.partition(":")
        replaced = (each if _SHORT.fullmatch(each) else self.text(each) for each in fields.split(","))
        return prefix + colon + ",".join(replaced)

    def identity(self, text: str) -> str:
        """Replace all digits of an answer that is a person's number, with or without spaces, except in short fields."""
        prefix, colon, fields = text.rpartition(":")
        replaced = (
            each if _SHORT.fullmatch(each) else re.sub(r"\d+", lambda found: self.digits(found[0]), each)
            for each in fields.split(",")
        )
        return prefix + colon + ",".join(replaced)

    def cell(self, text: str) -> str:
        """Replace location area and cell in a line of +CREG and similar codes (27.007 7.2); the technology stays."""
        prefix, colon, fields = text.partition(":")
        first, *others = fields.split(",")
        kept = 1 if others and _STATUS.fullmatch(others[0]) else 0  # an answer has <n>, an unsolicited line has not
        technology = kept + 2  # after location area and cell
        replaced = (
            each if place < kept or (place == technology and _STATUS.fullmatch(each)) else _CELL.sub(self._hex, each)
            for place, each in enumerate(others)
        )
        return prefix + colon + ",".join((first, *replaced))

    def pdu(self, digits: str) -> str:
        """Replace addresses, times and user data of a PDU; if it cannot be read, replace all of it."""
        if digits in self._others:
            return self._others[digits]
        octets = bytearray.fromhex(digits)
        try:
            self._service_centre_and_tpdu(octets)
        except (IndexError, ValueError):
            octets = bytearray(self.chance.randbytes(len(octets)))
        self._others[digits] = octets.hex() if digits.islower() else octets.hex().upper()
        return self._others[digits]

    def _hex(self, found: re.Match[str]) -> str:
        """Replace hexadecimal digits; the filler F at the end stays."""
        stem = found[0].rstrip("Ff")
        if stem.isdecimal():
            return self.digits(stem) + found[0][len(stem) :]
        if found[0] not in self._others:
            letters = "ABCDE" if found[0].upper() == found[0] else "abcde"
            other = found[0]
            while other == found[0]:
                other = "".join(self.chance.choice(_DIGITS if each.isdecimal() else letters) for each in found[0])
            self._others[found[0]] = other
        return self._others[found[0]]

    def _service_centre_and_tpdu(self, octets: bytearray) -> None:
        at_first = 1 + octets[0]
        if octets[0]:
            self._semi_octets(octets, 2, at_first)
        first = octets[at_first]
        place = at_first + 1
        kind = first & 3  # message type (23.040 9.2.3.1)
        if kind == 3:
            raise ValueError("reserved")
        place += kind != 0  # TP-MR, the message reference, which a DELIVER lacks
        place = self._address(octets, place)
        if kind == 2:
            self._stamp(octets, place)
            self._stamp(octets, place + _STAMP_OCTETS)
            _parameters(octets, place + 2 * _STAMP_OCTETS + 1)
            return
        dcs = octets[place + 1]
        place += 2
        if kind == 0:
            self._stamp(octets, place)
            place += _STAMP_OCTETS
        else:
            place += (0, 7, 1, 7)[first >> 3 & 3]  # 23.040 9.2.3.3: validity missing, enhanced, relative, absolute
        _user_data(octets, place, dcs, has_header=bool(first & 0x40))

    def _address(self, octets: bytearray, place: int) -> int:
        """Replace an address (9.1.2.5) and return the place after it."""
        length, kind = octets[place], octets[place + 1]
        end = place + 2 + (length + 1) // 2
        if end > len(octets):
            raise ValueError("truncated")
        if kind >> 4 & 7 == _ALPHANUMERIC:
            packed = pack(bytes([_X]) * (4 * length // 7))
            octets[place + 2 : end] = packed.ljust(end - place - 2, b"\0")[: end - place - 2]
        else:
            self._semi_octets(octets, place + 2, end)
        return end

    def _semi_octets(self, octets: bytearray, begin: int, end: int) -> None:
        if end > len(octets):
            raise ValueError("truncated")
        nibbles = octets[begin:end].hex()
        swapped = "".join(nibbles[place + 1] + nibbles[place] for place in range(0, len(nibbles), 2))
        other = re.sub(r"\d+", lambda found: self.digits(found[0]), swapped)
        octets[begin:end] = bytes.fromhex("".join(other[at + 1] + other[at] for at in range(0, len(other), 2)))

    def _stamp(self, octets: bytearray, place: int) -> None:
        """Replace a time by another one of the same month, so that it stays a valid time; the zone stays."""
        if place + _STAMP_OCTETS > len(octets):
            raise ValueError("truncated")
        for offset, most in ((2, 28), (3, 23), (4, 59), (5, 59)):
            tens, ones = divmod(self.chance.randint(1, most), 10)
            octets[place + offset] = ones << 4 | tens


def _parameters(octets: bytearray, place: int) -> None:
    """Replace the optional end of a report (9.2.3.27): an octet that says which fields follow, then those fields."""
    indicator = octets[place] if place < len(octets) else 0
    pid, dcs, user_data = (indicator & bit for bit in (1, 2, 4))
    after = place + 1 + bool(pid) + bool(dcs)
    if user_data and not indicator & 0x80 and after < len(octets):
        _user_data(octets, after, octets[after - 1] if dcs else 0, has_header=False)
    else:
        _fill(octets, after)


def _user_data(octets: bytearray, place: int, dcs: int, *, has_header: bool) -> None:
    """Replace user data by the same amount in the same alphabet; header elements that are not about a person stay."""
    length, begin = octets[place], place + 1
    alphabet = coding(dcs)[0]
    header = 0
    if has_header and begin < len(octets):
        header = 1 + octets[begin]
        if begin + header > len(octets):
            raise ValueError("the header is longer than the user data")
        _elements(octets, begin + 1, begin + header)
    body = begin + header
    if alphabet is Alphabet.GSM7:
        fill_bits = -8 * header % 7
        septets = max(0, length - (8 * header + 6) // 7)
        filling = pack(bytes([_X]) * septets, fill_bits)
    elif alphabet is Alphabet.UCS2:
        filling = (bytes((0, _X)) * length)[: max(0, length - header)]
    else:
        filling = bytes([_X]) * max(0, length - header)
    room = max(0, min(len(octets) - body, len(filling)))
    octets[body : body + room] = filling[:room]
    _fill(octets, body + room)


def _elements(octets: bytearray, place: int, end: int) -> None:
    """Overwrite the information elements that may be about a person, and all octets that overrun the header."""
    while place < end:
        last = place + 2 + octets[place + 1] if place + 1 < end else end + 1
        if last > end:
            octets[place:end] = bytes(end - place)
        elif octets[place] not in _IMPERSONAL_ELEMENTS:
            octets[place + 2 : last] = bytes(last - place - 2)
        place = last


def _fill(octets: bytearray, place: int) -> None:
    octets[place:] = b"\xff" * len(octets[place:])


def anonymise(lines: Iterable[RecordedLine], replacer: Replacer | None = None) -> list[RecordedLine]:
    """Return the lines of a recording with everything about a person replaced; the lines that we wrote stay."""
    replacer = replacer or Replacer()
    command, is_text, replaced = "", False, []
    for line in lines:
        if line.ours:
            command, is_text = line.text.strip("\x1b\r\x1a"), False
            replaced.append(line)
            continue
        content = line.text.strip("\r\n\0\x1b ")
        other, is_text = _replacement(content, command, replacer, is_text=is_text)
        replaced.append(replace(line, text=line.text.replace(content, other, 1) if content else line.text))
    return replaced


def _replacement(content: str, command: str, replacer: Replacer, *, is_text: bool) -> tuple[str, bool]:
    """Return the replacement of a line, and whether the next line is a text."""
    prefix = content.partition(":")[0]
    if content in ("", ">", command) or content in at.DIAL_RESULTS or _STORED.fullmatch(content):
        return content, is_text
    if content in at.FINAL_RESULTS:
        return content, False
    if content.startswith(at.FINAL_RESULT_PREFIXES):
        return replacer.header(content) if is_text else replacer.answer(content), False
    if content.startswith(_HEADERS):
        return replacer.header(content), True
    if is_text:
        return replacer.pdu(content) if _PDU.fullmatch(content) else replacer.text(content), True
    if prefix in _CELLS:
        return replacer.cell(content), False
    is_answer = prefix in _KEPT and (prefix in _NOTICES or prefix.lstrip("+^") in command)
    is_known = is_answer or command in TEXT_COMMANDS or content.startswith(_SAID_UNASKED)
    if is_answer and prefix in _IDENTITIES:
        return replacer.identity(content), False
    if is_known or content == "RING" or _BARE_NUMBER.fullmatch(content):
        return replacer.answer(content), False
    if _CODE.match(content):
        return replacer.header(content), prefix == "+CUSD"
    return replacer.text(content), False
