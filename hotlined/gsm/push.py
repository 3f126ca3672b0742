"""Reads WAP pushes (WAP-230 WSP), the messages that announce an MMS: whether it is one, and its sender.

It fetches no MMS and reads no other push. The octets come from strangers, so nothing is raised, whatever they are:
unreadable octets are not an MMS notification, or have no sender.
"""

from collections.abc import Iterator
from typing import Final

_PUSH: Final = 0x06  # WSP 8.2.1, table 34: PDU type
_MMS_TYPES: Final = frozenset({b"application/vnd.wap.mms-message", b"\xbe"})  # the second is its assigned number 0x3E
_MESSAGE_TYPE: Final = 0x8C  # X-Mms-Message-Type (OMA-TS-MMS-ENC 7.3.30)
_NOTIFICATION: Final = b"\x82"  # m-notification-ind
_FROM: Final = 0x89  # From (OMA-TS-MMS-ENC 7.3.20)
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


def _text(octets: bytes, at: int) -> str:
    """Read an encoded string (OMA-TS-MMS-ENC 7.3.8); its character set is assumed to be UTF-8 or ASCII."""
    text, _ = _value(octets, at)
    if octets[at] <= _LENGTH_FOLLOWS:
        _, start = _value(text, 0)  # the character set
        text = text[start:].partition(b"\0")[0]
    return text.removeprefix(b"\x7f").decode("utf-8", "replace")  # 0x7F quotes a text that is not ASCII


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
        return _text(sender, 1).partition("/TYPE=")[0] or None
    except (IndexError, ValueError):
        return None
