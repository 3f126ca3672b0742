"""Keeps and reads all that is stored of one number, for the police. What it means is told by the room `evidence`."""

import json
from typing import Any

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.states import EventKind
from hotlined.store.line import events, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line import bound_sim, own_number
from hotlined.store.reading import log

_NAMED = "IN (SELECT value FROM json_each(:names))"
_OF = f"originator {_NAMED} OR other_originator {_NAMED}"


def keep_all(db: Database, name: str, who: str, now: Now) -> int:
    """Commit that every contact of a number or name is exempt from erasure, and that somebody takes its evidence.

    Return how many contacts there are. What was kept before stays as it was.
    """
    names = _names(db, name)
    with db.transaction():
        total = int(db.value(f"SELECT count(*) FROM contacts WHERE {_OF}", **names))
        if total:
            values = names | {"at": now.rfc3339, "limit": now.limit, "kind": EventKind.KEEP, "who": who}
            db.execute(
                "INSERT INTO events (at, at_limit, kind, who, contact_id)"
                f" SELECT :at, :limit, :kind, :who, id FROM contacts WHERE kept_at IS NULL AND ({_OF})",
                **values,
            )
            db.execute(f"UPDATE contacts SET kept_at = :at, kept_by = :who WHERE kept_at IS NULL AND ({_OF})", **values)
            events.record(db, now, EventKind.EVIDENCE, who=who, number=name)
    return total


def of_number(db: Database, name: str) -> dict[str, Any]:
    """Return all that is stored of a number or name and kept, in the order of time, as one object for JSON.

    All of it is of one moment, whatever is erased meanwhile.
    """
    names = _names(db, name)
    with db.snapshot():
        return _all_of(db, name, names)


def _all_of(db: Database, name: str, names: dict[str, str]) -> dict[str, Any]:
    rows = db.all(
        "SELECT id, country, line_type, other_originator, synchronised FROM contacts"
        f" WHERE kept_at IS NOT NULL AND ({_OF}) ORDER BY received_limit, id",
        **names,
    )
    decided = db.the(
        "SELECT max(blocked_at) AS blocked_at, max(blocked_by) AS blocked_by, max(opted_out_at) AS opted_out_at"
        f" FROM numbers WHERE number {_NAMED}",
        **names,
    )
    sim = bound_sim(db)
    return {
        "number": name,
        "line": {"number": own_number(db), "imei": sim[0] if sim else None, "imsi": sim[1] if sim else None},
        "decided": dict(decided),
        "contacts": [_contact(db, dict(row)) for row in rows],
        "by_hand": [log.by_hand_entry(row) for row in log.texts_by_hand(db, 0, name)],
    }


def _names(db: Database, name: str) -> dict[str, str]:
    return {"names": json.dumps(pseudonyms.names(db, name))}


def _contact(db: Database, more: dict[str, Any]) -> dict[str, Any]:
    """Return a contact as `show --json` has it, with what evidence needs beside it."""
    contact = log.maybe_contact(db, more["id"])
    assert contact is not None  # it is kept
    del contact["by_hand"]  # told once, for the number
    more["synchronised"] = bool(more["synchronised"])
    sims = {row["id"]: row["imsi"] for row in db.all("SELECT id, imsi FROM segments WHERE contact_id = ?", more["id"])}
    for part in contact["parts"]:
        part["imsi"] = sims[part["id"]]
    if contact["answer"]:
        sent = json.dumps([part["id"] for part in contact["answer"]["parts"]])
        reports = db.all(
            f"SELECT id, answer_segment_id, iif(pdu GLOB '{pseudonym.GLOB}', NULL, pdu) AS pdu, scts, received_at"
            " FROM segments WHERE answer_segment_id IN (SELECT value FROM json_each(?)) ORDER BY id",
            sent,
        )
        contact["answer"]["reports"] = [dict(row) for row in reports]
    return contact | more
