"""Reads WAP pushes (WAP-230 WSP), the messages that announce an MMS: whether it is one, its sender and its subject.

It fetches no MMS and reads no other push. The octets come from strangers, so nothing is raised, whatever they are:
unreadable octets are not an MMS notification, or have no sender or subject.
"""

from collections.abc import Iterator
from typing import Final

_PUSH: Final = 0x06  # WSP 8.2.1, table 34: PDU type
_MMS_TYPES: Final = frozenset({b"application/vnd.wap.mms-message", b"\xbe"})  # the second is its assigned number 0x3E
_MESSAGE_TYPE: Final = 0x8C  # X-Mms-Message-Type (OMA-TS-MMS-ENC 7.3.30)
_NOTIFICATION: Final = b"\x82"  # m-notification-ind
_FROM: Final = 0x89  # From (OMA-TS-MMS-ENC 7.3.20)
_SUBJECT: Final = 0x96  # Subject (OMA-TS-MMS-ENC 7.3.43)
_ADDRESS_PRESENT: Final = b"\x80"
_LENGTH_FOLLOWS: Final = 0x1F  # WSP 8.4.1.2: the octet before a length of more than 30


def _uintvar(octets: bytes, at: int) -> tuple[int, int]:
    """Read an integer of variable length, at most five octets (WSP 8.1.2): its value and the place after it."""
    value = 0
    for end in range(at, at + 5):
        value = value << 7 | octets[end] & 0x7F
        if octets[end] < 0x80:
            return value, end + 1
    raise ValueError


def _value(octets: bytes, at: int) -> tuple[bytes, int]:
    """Read the value of a header (WSP 8.4.1.2): its octets without length or end mark, and the place after it."""
    first = octets[at]
    if first >= 0x80:
        return octets[at : at + 1], at + 1
    if first > _LENGTH_FOLLOWS:
        end = octets.index(0, at)
        return octets[at:end], end + 1
    length, start = _uintvar(octets, at + 1) if first == _LENGTH_FOLLOWS else (first, at + 1)
    if start + length > len(octets):
        raise ValueError
    return octets[start : start + length], start + length


def _mms_headers(push: bytes) -> Iterator[tuple[int, bytes]]:
    """Read the headers of the MMS message in a push, as far as possible; none if it is another kind of push."""
    try:
        if push[1] != _PUSH:
            return
        headers_length, at = _uintvar(push, 2)
        content_type, _ = _value(push, at)
        name = content_type[:1] if content_type[:1] >= b"\x80" else content_type.partition(b"\0")[0].lower()
        if name not in _MMS_TYPES:
            return
        at += headers_length
        while at < len(push):
            field = push[at]
            if field < 0x80:  # a header whose name is spelled out
                _, at = _value(push, at)
            else:
                at += 1
            value, at = _value(push, at)
            yield field, value
    except (IndexError, ValueError):
        return


_LATIN_1: Final = 4  # WAP-230, table 42: the numbers of IANA
_WIDE: Final = frozenset({1000, 1015})  # UCS-2, UTF-16


def _text(value: bytes) -> str:
    """Read an encoded string (OMA-TS-MMS-ENC 7.3.8), without its length: any unknown character set is read as UTF-8.

    Without a character set it begins with a letter, or with the quote 0x7F before what is not ASCII.
    """
    if not value or _LENGTH_FOLLOWS < value[0] < 0x80:
        return value.removeprefix(b"\x7f").decode("utf-8", "replace")
    # IANA has numbers of two octets at most; some centres write a small one (4: Latin-1) without the first bit
    number, start = (value[:1], 1) if 2 < value[0] <= _LENGTH_FOLLOWS else _value(value, 0)
    charset, text = int.from_bytes(number, "big") & (0x7F if len(number) == 1 else -1), value[start:]
    if charset in _WIDE:
        text = text[: len(text) & ~1]  # one octet may end it, too
        mark = text[:2] in {b"\xfe\xff", b"\xff\xfe"}
        return text.decode("utf-16" if mark else "utf-16-be", "replace").partition("\0")[0]
    text = text.partition(b"\0")[0].removeprefix(b"\x7f")
    return text.decode("latin-1" if charset == _LATIN_1 else "utf-8", "replace")


def is_mms_notification(data: bytes) -> bool:
    """Return whether the joined user data is a push that announces an MMS (m-notification-ind)."""
    return (_MESSAGE_TYPE, _NOTIFICATION) in _mms_headers(data)


def mms_sender(data: bytes) -> str | None:
    """Return the sender of an MMS notification: a number, an e-mail address or a name; None if it does not say.

    The address type of OMA-TS-MMS-ENC 8, such as `/TYPE=PLMN`, is cut off. Never raises.
    """
    headers = dict(_mms_headers(data))
    sender = headers.get(_FROM, b"")
    if headers.get(_MESSAGE_TYPE) != _NOTIFICATION or sender[:1] != _ADDRESS_PRESENT:
        return None
    try:
        return _text(_value(sender, 1)[0]).partition("/TYPE=")[0] or None
    except (IndexError, ValueError):
        return None


def mms_subject(data: bytes) -> str | None:
    """Return the subject of an MMS notification; None if it has none that can be read. Never raises."""
    headers = dict(_mms_headers(data))
    try:
        return _text(headers[_SUBJECT]) or None if headers.get(_MESSAGE_TYPE) == _NOTIFICATION else None
    except (IndexError, KeyError, ValueError):
        return None
