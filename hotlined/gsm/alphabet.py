"""The alphabets of short messages (3GPP TS 23.038), and the division of a text into segments.

A segment is one short message. A septet is a 7-bit character code; here it is one byte with bit 7 clear, until `pack`
puts septets into octets. Texts are sent in the GSM 7 bit default alphabet or in UCS-2, which is in fact UTF-16: every
phone reads surrogate pairs. National tables are only read, never used for sending. Known gap: of the national tables
only Turkish, Spanish and Portuguese are here; the ten Indic and Urdu ones read as the default table, which TS 23.038
6.2.1.2.5 allows.
"""

import re
import unicodedata
from codecs import charmap_decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from hotlined.causes import CauseCode
from hotlined.errors import TextError

ESCAPE: Final = 0x1B

# TS 23.038 6.2.1 and annex A.3: one table for each language that defines one; the position in the string is the
# septet's value. At the position of the escape is a space: 6.2.1.1 shows an unknown escape like that.
_DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_LOCKING: Final[dict[int, str]] = {
    1: "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ŞşßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà",
    3: "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó| ÂâÊÉ !\"#º%&'()*+,-./0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà",
}

# TS 23.038 6.2.1.1 and annex A.2: the meaning of the septet after an escape.
_EXTENSION: Final[dict[int, str]] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
_SINGLE: Final[dict[int, dict[int, str]]] = {
    1: _EXTENSION | {
        0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş",
    },
    2: _EXTENSION | {
        0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú",
    },
    3: _EXTENSION | {
        0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x15: "Ω",
        0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú",
        0x5B: "Ã", 0x5C: "Õ", 0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â",
    },
}  # fmt: skip

_SEPTETS: Final[dict[str, bytes]] = {
    character: bytes((septet,)) for septet, character in enumerate(_DEFAULT) if septet != ESCAPE
} | {character: bytes((ESCAPE, septet)) for septet, character in _EXTENSION.items()}

_ESCAPED: Final = re.compile(rb"\x1b(.?)", re.DOTALL)


class Encoding(StrEnum):
    """The alphabet in which a text is sent."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


def _lacking(text: str) -> tuple[str, ...]:
    """Return the characters of the text that GSM-7 lacks, in order, each once."""
    return tuple(dict.fromkeys(character for character in text if character not in _SEPTETS))


def encode_gsm7(text: str) -> bytes:
    """Encode into the default alphabet: one septet per byte, two for each character of the extension table.

    Raises TextError with the characters that the alphabet lacks.
    """
    if lacking := _lacking(text):
        raise TextError(CauseCode.GSM7_LACKS, characters=lacking)
    return b"".join(_SEPTETS[character] for character in text)


def decode_gsm7(septets: bytes, locking: int = 0, single: int = 0) -> str:
    """Decode septets, one per byte, with the tables of these national languages (TS 23.038 6.2.1.2.4).

    An escape pair that is not in the extension table shows the character of the main table; a lone or doubled escape
    shows a space (6.2.1.1). An unknown language reads as the default. A byte above 0x7F becomes U+FFFD.
    """
    table = _LOCKING.get(locking, _DEFAULT)
    extension = _SINGLE.get(single, _EXTENSION)
    pieces = _ESCAPED.split(septets)
    decoded = [charmap_decode(piece, "replace", table)[0] for piece in pieces]
    for at in range(1, len(pieces), 2):  # every second piece came after an escape
        decoded[at] = extension.get(int.from_bytes(pieces[at])) or decoded[at] if pieces[at] else " "
    return "".join(decoded)


def decode_ucs2(octets: bytes) -> str:
    """Decode UTF-16BE: each lone surrogate becomes U+FFFD, an odd last octet is dropped."""
    return octets[: len(octets) & ~1].decode("utf-16-be", "replace")


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, after `fill_bits` zero bits (TS 23.038 6.1.2.1, TS 23.040 9.2.3.24)."""
    bits = 0
    for septet in reversed(septets):
        bits = bits << 7 | septet
    return (bits << fill_bits).to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Unpack `count` septets, or as many as the octets contain, from after the fill bits."""
    bits = int.from_bytes(octets, "little") >> fill_bits
    count = min(count, (8 * len(octets) - fill_bits) // 7)
    return bytes([bits >> shift & 0x7F for shift in range(0, 7 * count, 7)])


# The replacements of `smart`; removing diacritics and the many kinds of space is in `_substitute`.
_SUBSTITUTES: Final[dict[str, str]] = (
    dict.fromkeys("’‘‚‛′", "'")
    | dict.fromkeys("“”„«»″", '"')
    | dict.fromkeys("–—‑−", "-")
    | {"…": "...", "•": "*", "œ": "oe", "Œ": "OE", "\t": " "}
)
_WITH_MARKS: Final = re.compile(r".[\u0300-\u036f]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A character that `smart` replaced, its replacement, and how many times."""

    original: str
    replacement: str
    count: int


class Smart(NamedTuple):
    """A text after `smart`: its replacements, in order of appearance, and each character that GSM-7 still lacks.

    If any remain, the text is sent as it was typed, in UCS-2: replacing the others would gain nothing.
    """

    text: str
    replaced: tuple[Replacement, ...]
    remaining: tuple[str, ...]


def _substitute(character: str) -> str:
    """Return one character, with its combining marks, in a form that GSM-7 has; unchanged if there is none."""
    if not _lacking(character):
        return character
    if (substitute := _SUBSTITUTES.get(character)) is not None:
        return substitute
    if unicodedata.category(character[0]) == "Zs":
        return " "
    marked = unicodedata.normalize("NFD", character)
    for length in range(len(marked) - 1, 0, -1):  # mark by mark: u with diaeresis and macron still contains ü
        plain = unicodedata.normalize("NFC", marked[:length])
        if plain.isalpha() and not _lacking(plain):
            return plain
    return character


def smart(text: str) -> Smart:
    """Replace typographic characters by those of GSM-7, and letters that it lacks by letters without their diacritics.

    The text is composed first (NFC): e with a combining accent becomes é, which GSM-7 has.
    """
    originals = _WITH_MARKS.findall(unicodedata.normalize("NFC", text))
    written = [_substitute(original) for original in originals]
    counts = Counter(pair for pair in zip(originals, written, strict=True) if pair[0] != pair[1])
    plain = "".join(written)
    replaced = tuple(Replacement(original, new, count) for (original, new), count in counts.items())
    return Smart(plain, replaced, _lacking(plain))


class Plan(NamedTuple):
    """A text ready to be sent: its encoding, the text as on the air, and the body of each segment.

    A body is septets, one per byte, in GSM-7 and octets in UCS-2, without the header that joins the segments. `forcing`
    has the characters that force UCS-2: empty in GSM-7, and if UCS-2 was asked for.
    """

    encoding: Encoding
    text: str
    bodies: tuple[bytes, ...]
    replaced: tuple[Replacement, ...] = ()
    forcing: tuple[str, ...] = ()

    @property
    def segments(self) -> int:
        """The number of short messages that the text takes."""
        return len(self.bodies)

    def room(self, segments: int) -> int:
        """Return how much text fits into this number of segments in this encoding: septets, or units of 16 bits."""
        room = _ROOM[self.encoding]
        return (room.alone if segments == 1 else segments * room.part) // room.width

    def beyond(self, segments: int) -> int:
        """Return how many characters at the end of the text do not fit into this number of segments."""
        if self.segments <= segments:
            return 0
        room = _ROOM[self.encoding]
        kept = b"".join(self.bodies[:segments])
        if segments == 1:  # a single segment needs no header, and so has room for more
            kept = b"".join(self.bodies)[: room.alone]
            kept = kept[: -room.width] if kept[-room.width] in room.opens else kept
        return len(self.text) - len(self._decode(kept))

    def _decode(self, body: bytes) -> str:
        return decode_gsm7(body) if self.encoding is Encoding.GSM7 else decode_ucs2(body)


class _Room(NamedTuple):
    """The room in a segment, in bytes of its body: `alone`, or as a `part` of a longer message.

    A unit takes `width` bytes. A unit that begins with a byte of `opens` is the first of a pair, which must not be
    split.
    """

    alone: int
    part: int
    width: int
    opens: frozenset[int]


# 140 octets; a header with an 8 bit concatenation reference takes 6 of them (TS 23.040 9.2.3.24.1).
_ROOM: Final = {
    Encoding.GSM7: _Room(160, 153, 1, frozenset({ESCAPE})),
    Encoding.UCS2: _Room(140, 134, 2, frozenset(range(0xD8, 0xDC))),
}
_MOST_SEGMENTS: Final = 255


def _split(units: bytes, room: _Room) -> tuple[bytes, ...]:
    """Cut into the fewest bodies that do not split an escape pair or a surrogate pair."""
    if len(units) <= room.alone:
        return (units,)
    bodies = []
    start = 0
    while start < len(units):
        end = start + room.part
        if end < len(units) and units[end - room.width] in room.opens:
            end -= room.width
        bodies.append(units[start:end])
        start = end
    if len(bodies) > _MOST_SEGMENTS:
        raise TextError(CauseCode.TEXT_TOO_LONG, number=len(bodies), most=_MOST_SEGMENTS)
    return tuple(bodies)


def _plan_gsm7(text: str, replaced: tuple[Replacement, ...] = ()) -> Plan:
    composed = unicodedata.normalize("NFC", text)
    return Plan(Encoding.GSM7, composed, _split(encode_gsm7(composed), _ROOM[Encoding.GSM7]), replaced)


def _plan_ucs2(text: str, forcing: tuple[str, ...] = ()) -> Plan:
    units = text.encode("utf-16-be")
    return Plan(Encoding.UCS2, text, _split(units, _ROOM[Encoding.UCS2]), forcing=forcing)


def _plan_smart(text: str) -> Plan:
    made = smart(text)
    return _plan_ucs2(text, made.remaining) if made.remaining else _plan_gsm7(made.text, made.replaced)


_MODES: Final[dict[str, Callable[[str], Plan]]] = {
    "smart": _plan_smart,
    "gsm7": _plan_gsm7,
    "ucs2": _plan_ucs2,
}


def plan(text: str, mode: str = "smart") -> Plan:
    """Plan the segments of a text in the mode `smart`, `gsm7` or `ucs2`. An empty text is one empty segment.

    Raises TextError for characters that the mode cannot send, lone surrogates, and more than 255 segments.
    """
    if mode not in _MODES:
        raise ValueError(mode)
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise TextError(CauseCode.HALF_CHARACTER)
    return _MODES[mode](text)
