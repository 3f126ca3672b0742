"""The corpus of PDUs: every record decodes as its README promises."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from submits import Submit, decode_any

from hotlined.errors import PduError
from hotlined.gsm.address import Address
from hotlined.gsm.tpdu import (
    Content,
    Deliver,
    MessageWaiting,
    StatusReport,
    decode_ussd,
    join,
    join_data,
)

DATA = Path(__file__).parents[1] / "data" / "pdus.jsonl"
RECORDS = [json.loads(line) for line in DATA.read_text(encoding="ascii").splitlines()]
SMS = [record for record in RECORDS if record["kind"] == "sms"]
USSD = [record for record in RECORDS if record["kind"] == "ussd"]

GROUPS: dict[str, list[dict[str, Any]]] = defaultdict(list)
for each in SMS:
    if "group" in each:
        GROUPS[each["group"]].append(each)

NPI = {0: "unknown", 1: "isdn", 3: "data", 4: "telex", 5: "sc-specific", 6: "sc-specific", 8: "national",
       9: "private", 10: "ermes"}  # fmt: skip


def read(record: dict[str, Any]) -> Deliver | StatusReport | Submit:
    """Decode a record's PDU."""
    return decode_any(record["pdu"], inbound=record["dir"] == "mt", service_centre=record["smsc_prefix"])


def address_fields(address: Address) -> dict[str, Any]:
    """Return the fields of an address under the corpus' names."""
    npi = NPI.get(address.npi, "reserved")
    return {"number": str(address), "ton": address.ton.name.lower(), "npi": npi}


def waiting_fields(mwi: MessageWaiting | None) -> dict[str, Any] | None:
    """Return the fields of a message waiting indication under the corpus' names."""
    if mwi is None:
        return None
    return {"store": mwi.store, "active": mwi.active, "type": str(mwi.indication)}


def content_fields(content: Content) -> dict[str, Any]:
    """Return the fields of the user data under the corpus' names."""
    concat, ports = content.concatenation, content.ports
    return {
        "dcs": content.dcs,
        "alphabet": str(content.alphabet),
        "class": content.message_class,
        "mwi": waiting_fields(content.mwi),
        "udh": None if content.udh is None else content.udh.hex().upper(),
        "concat": concat
        and {"ref": concat.reference, "total": concat.total, "seq": concat.sequence, "bits": concat.bits},
        "ports": ports and {"dst": ports.destination, "src": ports.source, "bits": ports.bits},
        "language": {"locking": content.locking, "shift": content.single},
        "text": content.text,
        "data": None if content.data is None else content.data.hex().upper(),
    }


def fields(message: Deliver | StatusReport | Submit) -> dict[str, Any]:
    """Return all decoded fields under the corpus' names."""
    match message:
        case Deliver():
            return content_fields(message.content) | address_fields(message.originator) | {
                "type": message.type_name,
                "smsc": message.service_centre,
                "scts": message.scts and message.scts.isoformat(),
                "pid": message.pid,
                "mms": message.more_messages,
                "sri": message.report_indication,
                "reply_path": message.reply_path,
            }  # fmt: skip
        case StatusReport():
            content = content_fields(message.content) if message.content else {}
            return content | address_fields(message.recipient) | {
                "type": "status-report",
                "smsc": message.service_centre,
                "mr": message.mr,
                "scts": message.scts and message.scts.isoformat(),
                "discharge": message.discharged_at and message.discharged_at.isoformat(),
                "status": message.status,
                "status_class": str(message.status_class),
                "pid": message.pid,
            }  # fmt: skip
        case Submit():
            return content_fields(message.content) | address_fields(message.recipient) | {
                "type": "submit",
                "smsc": message.service_centre,
                "mr": message.mr,
                "pid": message.pid,
                "srr": message.report_request,
                "rd": message.reject_duplicates,
                "reply_path": message.reply_path,
                "vpf": str(message.vpf),
                "vp": message.vp.hex().upper(),
                "validity_minutes": message.validity_minutes,
                "validity_until": message.validity_until and message.validity_until.isoformat(),
            }  # fmt: skip


def test_the_corpus_is_whole() -> None:
    """The corpus has all 739 records: a missing one could not fail."""
    assert (len(SMS), len(USSD)) == (724, 15)


def wrong(record: dict[str, Any]) -> dict[str, Any]:
    """Return the differences from a record, by field: the found and the expected value."""
    try:
        decoded = fields(read(record))
    except PduError as error:
        return {} if record["verdict"] == "error" else {"verdict": (error, record["verdict"])}
    if record["verdict"] == "error":
        return {"verdict": (decoded, "error")}
    also = record.get("also_accept", {})
    return {
        name: (decoded[name], value)
        for name, value in record["expect"].items()
        if decoded[name] != value and decoded[name] not in also.get(name, ())
    }


def test_every_pdu_decodes_as_its_record_says() -> None:
    """Lenient values are read, too; what is no message gives PduError."""
    assert {record["id"]: found for record in SMS if (found := wrong(record))} == {}


def test_a_sound_pdu_has_no_issues() -> None:
    """A PDU that conforms to the standard is decoded without an issue."""
    sound = [record for record in SMS if record["verdict"] == "ok"]

    assert len(sound) > 500
    assert {record["id"]: issues for record in sound if (issues := read(record).issues)} == {}


def test_a_faulty_pdu_is_decoded_with_its_issue() -> None:
    """The fault of a frame that breaks the standard is named."""
    broken = [
        record
        for record in SMS
        if record["verdict"] == "lenient"
        and any(
            "ESC" not in issue and issue != "lone surrogate" and "table" not in issue
            for issue in record.get("issues", ())
        )
    ]

    assert len(broken) > 80
    assert [record["id"] for record in broken if not read(record).issues] == []


def test_every_ussd_string_decodes_as_its_record_says() -> None:
    """A +CUSD string gives its text, or None for data."""
    found = {record["id"]: decode_ussd(record["pdu"], record["expect"]["dcs"]) for record in USSD}

    assert found == {record["id"]: record["expect"]["text"] for record in USSD}


def parts(group: str) -> list[Deliver]:
    """Decode a group's delivered parts, in order."""
    decoded = [read(record) for record in GROUPS[group]]
    delivered = [part for part in decoded if isinstance(part, Deliver) and part.content.concatenation]
    return sorted(delivered, key=lambda part: part.content.concatenation.sequence if part.content.concatenation else 0)


APART = {"collision", "emoji-split", "m29"}
DELIVERED = sorted(name for name in GROUPS if name not in APART and GROUPS[name][0]["dir"] == "mt")


@pytest.mark.parametrize("group", DELIVERED)
def test_the_parts_of_a_group_join(group: str) -> None:
    """The joined text or octets are the single parts' in order."""
    members = parts(group)
    assert len(members) == len(GROUPS[group])
    ordered = sorted(GROUPS[group], key=lambda record: record["expect"]["concat"]["seq"])
    if ordered[0]["expect"]["text"] is None:
        assert join(members) is None
        assert join_data(members).hex().upper() == "".join(record["expect"]["data"] for record in ordered)
    else:
        assert join(members) == "".join(record["expect"]["text"] for record in ordered)


def test_an_emoji_split_between_parts_is_whole() -> None:
    """The sender cut a surrogate pair in two."""
    assert join(parts("emoji-split")) == "x" * 66 + "😀tail"


def test_an_escape_pair_split_between_parts_is_whole() -> None:
    """The repeated escape gives one euro sign and no space.

    This sender ends a part with the escape and begins the next part with it again.
    """
    assert join(parts("m29")) == "1234567890" * 15 + "12€1234567890"


def test_parts_of_different_messages_stay_apart() -> None:
    """Messages that share a reference differ in text or total."""
    first, second, other = (read(record) for record in GROUPS["collision"])
    assert isinstance(first, Deliver)
    assert isinstance(second, Deliver)
    assert isinstance(other, Deliver)
    assert first.content.concatenation == second.content.concatenation
    assert first.content.text != second.content.text
    assert first.content.concatenation
    assert other.content.concatenation
    assert first.content.concatenation.reference == other.content.concatenation.reference
    assert first.content.concatenation.total != other.content.concatenation.total
