"""A decoder of SUBMITs (3GPP TS 23.040 9.2.2.2), which the daemon only writes: of its own, and of those in the corpus.

hotlined/gsm/tpdu.py reads the parts that all TPDUs share; this module reads those that only a SUBMIT has.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from hotlined.errors import PduError
from hotlined.gsm import tpdu
from hotlined.gsm.address import Address
from hotlined.gsm.tpdu import Content, Deliver, StatusReport


class ValidityFormat(StrEnum):
    """The format of a validity period; the order is that of TP-VPF (TS 23.040 9.2.3.3)."""

    NONE = "none"
    ENHANCED = "enhanced"
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


_VALIDITY_FORMATS: Final = tuple(ValidityFormat)
_VALIDITY_OCTETS: Final = {
    ValidityFormat.NONE: 0,
    ValidityFormat.ENHANCED: 7,
    ValidityFormat.RELATIVE: 1,
    ValidityFormat.ABSOLUTE: 7,
}


@dataclass(frozen=True, slots=True)
class Submit:
    """A decoded SUBMIT (TS 23.040 9.2.2.2).

    `vp` has the octets of the validity period; `validity_minutes` or `validity_until` has its meaning, except for the
    enhanced format, which is not decoded.
    """

    service_centre: str | None
    mr: int
    recipient: Address
    pid: int
    content: Content
    report_request: bool
    reject_duplicates: bool
    reply_path: bool
    vpf: ValidityFormat
    vp: bytes
    validity_minutes: int | None = None
    validity_until: datetime | None = None
    issues: tuple[str, ...] = ()


def decode_submit(pdu: str, *, service_centre: bool = True) -> Submit:
    """Decode a SUBMIT with the types of `tpdu.decode`; raises PduError for other PDUs."""
    reader, centre, first = tpdu._opened(pdu, service_centre=service_centre)
    if first & 0x03 != 1:
        raise PduError(f"message type {first & 0x03} is no SUBMIT")
    reference = reader.octet()
    recipient, _ = tpdu._party(reader, "the recipient")
    pid = reader.octet()
    dcs = reader.octet()
    vpf = _VALIDITY_FORMATS[first >> 3 & 3]
    vp = reader.take(_VALIDITY_OCTETS[vpf])
    content = tpdu._content(reader, dcs, reader.octet(), has_header=bool(first & 0x40))
    absolute = vpf is ValidityFormat.ABSOLUTE
    return Submit(
        service_centre=centre,
        mr=reference,
        recipient=recipient,
        pid=pid,
        content=content,
        report_request=bool(first & 0x20),
        reject_duplicates=bool(first & 0x04),
        reply_path=bool(first & 0x80),
        vpf=vpf,
        vp=vp,
        validity_minutes=tpdu._VALIDITY_MINUTES[vp[0]] if vpf is ValidityFormat.RELATIVE else None,
        validity_until=tpdu._maybe_time(vp, "the validity period", reader.issues) if absolute else None,
        issues=tuple(reader.issues),
    )


def decode_any(pdu: str, *, inbound: bool, service_centre: bool = True) -> Deliver | StatusReport | Submit:
    """Decode a PDU of either direction."""
    read = tpdu.decode if inbound else decode_submit
    return read(pdu, service_centre=service_centre)
