"""The files of the evidence: the page, its data as JSON and CSV, and the list of their SHA-256."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping

from hotlined.evidence.facts import EvidenceFacts, document
from hotlined.evidence.page import draw
from hotlined.evidence.words import FILES
from hotlined.forms import by_key, plain
from hotlined.store.people.stored_evidence import EvidenceContact
from hotlined.words.harmless import csv_cell

_PAGE, _JSON, _CONTACTS, _SEGMENTS, SUMS = FILES


def zipped(facts: EvidenceFacts) -> tuple[bytes, str]:
    """Return all files in one ZIP, and the SHA-256 of the list of checksums."""
    files, sum_of_sums = compose(facts)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return written.getvalue(), sum_of_sums


def compose(facts: EvidenceFacts) -> tuple[dict[str, bytes], str]:
    """Return the files by name, and the SHA-256 of the list of checksums."""
    data = {
        _JSON: json.dumps(document(facts), indent=1, ensure_ascii=True, default=plain).encode() + b"\n",
        _CONTACTS: _table(_CONTACT_COLUMNS, map(_contact_row, facts.contacts)),
        _SEGMENTS: _table(_SEGMENT_COLUMNS, _segment_rows(facts)),
    }
    page = draw(facts, {name: digest(octets) for name, octets in data.items()}).encode()
    files = {_PAGE: page, **data}
    sums = "".join(f"{digest(octets)}  {name}\n" for name, octets in files.items()).encode()
    return files | {SUMS: sums}, digest(sums)


def digest(octets: bytes) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(octets).hexdigest()


def _table(columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return a table in the form of RFC 4180, with the column names first; no spreadsheet will calculate its cells."""
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns, lineterminator="\r\n")
    table.writeheader()
    table.writerows({column: csv_cell(row[column]) for column in columns} for row in rows)
    return written.getvalue().encode()


_CONTACT_COLUMNS = (
    *("id", "kind", "originator", "received_at", "clock_synchronised", "scts", "text", "segments_received"),
    *("segments_total", "repeats", "tags", "kept_at", "kept_by", "verdict", "reason", "answer_state", "answer_text"),
    *("answer_sent_at", "answer_reported_at"),
)
_SEGMENT_COLUMNS = (
    *("contact_id", "kind", "sequence", "repeat", "received_at", "scts", "service_centre", "imsi", "storage"),
    *("storage_index", "deleted_at", "problem", "tpdu_length", "pdu"),
)


def _contact_row(contact: EvidenceContact) -> dict[str, object]:
    answer = contact.answer
    return by_key(contact) | {
        "clock_synchronised": int(contact.synchronised),
        "segments_received": contact.segments.received,
        "segments_total": contact.segments.total,
        "tags": " ".join(contact.tags),
        "kept_at": contact.kept.at,
        "kept_by": contact.kept.by,
        "answer_state": answer.state if answer else None,
        "answer_text": answer.text if answer else None,
        "answer_sent_at": answer.sent_at if answer else None,
        "answer_reported_at": answer.reported_at if answer else None,
    }


def _segment_rows(facts: EvidenceFacts) -> Iterable[dict[str, object]]:
    for contact in facts.contacts:
        for part in contact.parts:
            yield by_key(part) | {"contact_id": contact.id, "repeat": int(part.repeat)}
