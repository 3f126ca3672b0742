"""WAP pushes: those that announce an MMS, its sender and its subject."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.gsm.push import is_mms_notification, mms_sender, mms_subject
from hotlined.gsm.tpdu import Deliver, MessageKind, decode, join, join_data, kind

DATA = Path(__file__).parents[1] / "data" / "pdus.jsonl"
RECORDS = {r["id"]: r for r in map(json.loads, DATA.read_text(encoding="ascii").splitlines())}

NAMED = b"application/vnd.wap.mms-message\0"
FROM_NUMBER = b"\x89\x18\x80+32470123456/TYPE=PLMN\0"


def push(content_type: bytes, body: bytes) -> bytes:
    """Return a push with one header besides its content type: X-Wap-Application-Id."""
    headers = content_type + b"\xaf\x84"
    return bytes((1, 6, len(headers))) + headers + body


def notification(sender: bytes) -> bytes:
    """Return an m-notification-ind with this From header among others."""
    return push(NAMED, b"\x8c\x82\x98T1\0\x8d\x90" + sender + b"\x8a\x80\x8e\x02\x74\x00\x88\x05\x81\x03\x01\x19\x40")


def delivered(identifier: str) -> Deliver:
    """Decode a record of the corpus."""
    message = decode(RECORDS[identifier]["pdu"])
    assert isinstance(message, Deliver)
    return message


@pytest.mark.parametrize(
    ("identifiers", "sender"),
    [
        (["messaging-002", "messaging-003"], "+447785123456"),
        (["messaging-002"], "+447785123456"),
        (["aosp-006", "aosp-007"], "+15122123456"),
        (["gammu-004"], "+33333123456"),
        (["gammu-027"], "33707123456"),
        (["ofono-015"], "Erotik"),
        (["osml-004"], "+60192123456"),
    ],
)
def test_captured_notifications_name_their_sender(identifiers: list[str], sender: str) -> None:
    """Whole or cut, notifications from real networks have the kind mms."""
    parts = [delivered(identifier) for identifier in identifiers]
    assert kind(parts, join(parts)) is MessageKind.MMS
    assert mms_sender(join_data(parts)) == sender


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (FROM_NUMBER, "+32470123456"),
        (b"\x89\x11\x80ann@example.org\0", "ann@example.org"),
        (b"\x89\x01\x81", None),
        (b"", None),
        (b"\x89\x1f\x18\x80+32470123456/TYPE=PLMN\0", "+32470123456"),
        (b"\x89\x0a\x80\x08\xeaJos\xc3\xa9\0\0", "José"),
        (b"\x89\x0b\x80\x09\x01\x6aJos\xc3\xa9\0\0", "José"),
        (b"\x89\x08\x80\x7f\xc3\xa9ric\0", "éric"),
        (b"\x89\x02\x80\0", None),
        (b"\x89\x04\x80abc", None),
        (b"\x89\x01\x80", None),
        (b"X-Name\0value\0" + FROM_NUMBER, "+32470123456"),
    ],
)
def test_the_sender_is_read_in_every_form_of_the_standard(header: bytes, sender: str | None) -> None:
    """Number, address or name is read; a broken From gives None.

    A token and a missing From give None, too. A name is read in its character set.
    """
    data = notification(header)
    assert is_mms_notification(data)
    assert mms_sender(data) == sender


@pytest.mark.parametrize(
    ("identifier", "subject"), [("ofono-015", "Pin-Ups"), ("gammu-027", "yBO"), ("gammu-004", None), ("osml-004", None)]
)
def test_captured_notifications_have_their_subject(identifier: str, subject: str | None) -> None:
    """An empty one is none."""
    assert mms_subject(join_data([delivered(identifier)])) == subject


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"\x96STOP\0", "STOP"),
        (b"\x96\x7f\xc3\xa9t\xc3\xa9\0", "été"),
        (b"\x96\x09\xeaarr\xc3\xaate\0", "arrête"),
        (b"\x96\x0b\xea\x7f\xc3\xa9t\xc3\xa9\0\0\0\0", "été"),
        (b"\x96\x09\x01\x6aarr\xc3\xaat\0", "arrêt"),
        (b"\x96\x08\x84arr\xeate\0", "arrête"),
        (b"\x96\x08\x04arr\xeate\0", "arrête"),
        (b"\x96\x06\x83STOP\0", "STOP"),
        (b"\x96\x0d\x02\x03\xe8\0S\0T\0O\0P\0\0", "STOP"),
        (b"\x96\x0c\x02\x03\xe8\0S\0T\0O\0P\0", "STOP"),
        (b"\x96\x0d\x02\x03\xf7\xff\xfeS\0T\0O\0P\0", "STOP"),
        (b"\x96\x05\x02\x03\xe8\xd8\x3d", "\ufffd"),
        (b"\x96\x07\x02\x08\xcc\x80ab\0", "\ufffdab"),
        (b"\x96\x1f\x06\xeaSTOP\0", "STOP"),
        (b"\x96\0", None),
        (b"\x96\x01\xea", None),
        (b"\x96\xea", None),
        (b"\x96\x02\x02\x03", None),
        (b"\x96\x1e\xeaSTOP\0", None),
        (b"\x96STOP", None),
        (b"\x96", None),
        (b"", None),
    ],
)
def test_the_subject_is_read_in_its_character_set(header: bytes, subject: str | None) -> None:
    """One that is broken or missing is None, and an unknown set is read as UTF-8."""
    data = push(NAMED, b"\x8c\x82" + FROM_NUMBER + header)
    assert (mms_subject(data), mms_sender(data)) == (subject, "+32470123456")


@pytest.mark.parametrize("header", [FROM_NUMBER, b"\x89\x0a\x80\x08\xeaJos\xc3\xa9\0\0"])
def test_a_truncated_sender_is_none(header: bytes) -> None:
    """Half a number would be another number."""
    data = push(NAMED, b"\x8c\x82" + header)
    assert mms_sender(data)
    assert {mms_sender(data[:-cut]) for cut in range(1, len(header) + 1)} == {None}


@pytest.mark.parametrize(
    "content_type", [NAMED, NAMED.upper(), b"\xbe", b"\x03\xbe\x81\xea", b"\x1f\x21" + NAMED + b"\x83"]
)
def test_the_content_type_is_read_in_every_form(content_type: bytes) -> None:
    """Names, numbers and parameters are understood."""
    assert mms_sender(push(content_type, b"\x8c\x82" + FROM_NUMBER)) == "+32470123456"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x01\x06",
        b"\x01\x06" + b"\x80" * 5 + push(NAMED, b"\x8c\x82")[2:],
        b"\x01\x07" + push(NAMED, b"\x8c\x82" + FROM_NUMBER)[2:],
        push(b"\xae", b"\x8c\x82" + FROM_NUMBER),
        push(b"\x00", b"\x8c\x82" + FROM_NUMBER),
        push(NAMED, b"\x8c\x84" + FROM_NUMBER),
        push(NAMED, FROM_NUMBER),
        push(NAMED, b"\x8c"),
        b"Hello, this is no push at all",
    ],
)
def test_other_pushes_are_not_notifications(data: bytes) -> None:
    """Another push, another MMS message and noise have no sender."""
    assert not is_mms_notification(data)
    assert mms_sender(data) is None
    assert mms_subject(data) is None


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 80))
def test_no_octets_raise(noise: bytes, cut: int) -> None:
    """Noise, alone or after the start of a notification, gives a value."""
    for data in (noise, notification(FROM_NUMBER)[:cut] + noise):
        assert mms_sender(data) is None or is_mms_notification(data)
        assert mms_subject(data + noise) is None or is_mms_notification(data + noise)
