"""Records received texts: every entry of a listing once, as it was read, joined into contacts, before deletion.

An entry is deleted from the SIM only after it is recorded. To recognise the same text, the entries of a listing are
matched, as multisets of (IMSI, PDU), with the rows whose deletion is not confirmed. An entry with a row is the same
text read again; an entry without a row is new; a row without an entry has been deleted. If the same PDU comes again
after that in the same storage, or lies there twice, the network or the modem had it twice: it is a repeat of its
contact. What its sender writes again is none: it has another time stamp.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from hotlined import states
from hotlined.errors import LifecycleError, PduError
from hotlined.gsm import push, tpdu
from hotlined.gsm.address import Address, Identity, LineType, Ton
from hotlined.machine.clock import Now, parse_rfc3339
from hotlined.rules import policy
from hotlined.states import ContactKind, EventKind, PduProblem, SegmentKind
from hotlined.store.answers import fates, words_met
from hotlined.store.line import events, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import note_flood, row_of, save_limit_clock

BATCH = 50  # entries or verdicts in one commit: limits how long a flood keeps other processes from writing
INCOMPLETE_AFTER_SECONDS = 30.0  # this long after its first segment a contact is judged without the missing ones
SAME_MESSAGE_WITHIN = timedelta(hours=1)
"""The time stamps of one message's segments differ by this at most; after that the reference is used again."""

CANDIDATES = 50
"""A segment is compared with at most this many texts under one reference: a flood of first halves has no end."""

Identify = Callable[[Address | None], Identity]


@dataclass(frozen=True, slots=True)
class DecodedEntry:
    """One entry as the modem returned it, decoded: a message, or the problem with it."""

    pdu: str
    tpdu_length: int | None
    index: int | None
    message: tpdu.Deliver | tpdu.StatusReport | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry that is on the disk, so that it may be deleted from the SIM."""

    segment_id: int
    index: int


class Source(NamedTuple):
    """The source of entries: SIM, storage (None for entries handed over directly), and how originators are named."""

    line: str
    imsi: str
    storage: str | None
    identify: Identify
    words_met: Callable[[str], list[str]] = lambda _text: []
    """A function that returns the words of alerts.words in a text."""
    mms_centres: tuple[str, ...] = ()
    """The names whose MMS notifications are believed; those of short codes always are."""


def read(pdu: str, tpdu_length: int | None, index: int | None) -> DecodedEntry:
    """Decode one entry; an entry that cannot be decoded is returned, too, with the reason."""
    try:
        message = tpdu.decode(pdu)
    except PduError as error:
        return DecodedEntry(pdu, tpdu_length, index, None, error.message)
    return DecodedEntry(pdu, tpdu_length, index, message, None)


def record_listing(
    db: Database,
    source: Source,
    entries: Sequence[DecodedEntry],
    now: Now,
    *,
    complete: bool,
    unseen: Collection[int | None] = (),
) -> list[Recorded]:
    """Commit what a listing of one storage showed and return the entries that may be deleted there.

    `complete` says whether the listing was read to its end: only then are the rows that it did not show taken for
    deleted, except those at the places `unseen`.
    """
    rows = _undeleted(db, source)
    known: list[Recorded] = []
    moved: list[Recorded] = []
    new: list[DecodedEntry] = []
    for entry in entries:
        assert entry.index is not None
        if (row := _take_row(db, rows, entry.pdu)) is None:
            new.append(entry)
            continue
        known.append(Recorded(row.segment_id, entry.index))
        if (row.storage, row.index) != (source.storage, entry.index):
            moved.append(known[-1])
    left = itertools.chain.from_iterable(rows.values())
    absent = (row for row in left if row.storage == source.storage and row.index not in unseen)
    gone = [row.segment_id for row in absent] if complete else []
    if moved or gone:
        with db.transaction():
            _move(db, source, moved)
            _mark_deleted(db, source.storage, gone, now)
    return known + _record_new(db, source, new, now)


@dataclass(frozen=True, slots=True)
class _Row:
    """A segment that may still be in a storage of the SIM, and the place where it was last seen."""

    segment_id: int
    storage: str
    index: int


def _undeleted(db: Database, source: Source) -> dict[str | None, list[_Row]]:
    """Return the segments of a SIM that may still be in its storages, by PDU."""
    found = db.all(
        "SELECT id, pdu, storage, storage_index FROM segments WHERE imsi = ? AND deleted_at IS NULL"
        " ORDER BY storage IS ? DESC, id",
        source.imsi,
        source.storage,
    )
    # If several rows have the same PDU, pop() has to take those of this storage first, and the oldest of them. It takes
    # from the end, so the rows are put in in reverse order. Otherwise a listing of SM could take the row of the same
    # text in ME, and would then mark the row in SM as deleted, though its text is still on the SIM.
    rows: dict[str | None, list[_Row]] = {}
    for row in reversed(found):
        rows.setdefault(row["pdu"], []).append(_Row(row["id"], row["storage"], row["storage_index"]))
    return rows


def _take_row(db: Database, rows: dict[str | None, list[_Row]], pdu: str) -> _Row | None:
    """Remove the row of the same text from the rows left, and return it; None for a new text."""
    # `purge` may have erased the PDU of a text that is still on the SIM: then its row has the pseudonym. An empty list
    # is falsy: if there are more entries than rows, the last entry is a new text
    names = (pdu,) if rows.get(pdu) or not rows else pseudonyms.names(db, pdu)
    same = next(filter(None, map(rows.get, names)), None)
    return same.pop() if same else None


def _move(db: Database, source: Source, moved: Iterable[Recorded]) -> None:
    """Record that known segments are now at another place, and are to be deleted there."""
    for recorded in moved:
        db.execute(
            "UPDATE segments SET storage = ?, storage_index = ?, deleted_at = NULL WHERE id = ?",
            source.storage,
            recorded.index,
            recorded.segment_id,
        )


def _record_new(db: Database, source: Source, entries: Sequence[DecodedEntry], now: Now) -> list[Recorded]:
    """Commit new entries of a listing, `BATCH` at a time."""
    recorded: list[Recorded] = []
    for start in range(0, len(entries), BATCH):
        batch = entries[start : start + BATCH]
        for segment_id, entry in zip(record(db, source, batch, now), batch, strict=True):
            assert entry.index is not None
            recorded.append(Recorded(segment_id, entry.index))
        db.flush()  # where the caller shares a commit
    return recorded


def record(db: Database, source: Source, entries: Sequence[DecodedEntry], now: Now) -> list[int]:
    """Commit new entries in one transaction and return the ids of their segments, in order."""
    with db.transaction():
        save_limit_clock(db, now)
        came: dict[int, _Parts] = {}  # by contact, in the order of the entries
        segment_ids = [_insert(db, source, entry, now, came) for entry in entries]
        for contact_id, parts in came.items():
            _join(db, source, contact_id, parts)
    return segment_ids


_Parts = dict[int, tpdu.Deliver]
"""The parts of a message by their sequence."""


def record_call(db: Database, line: str, identity: Identity, now: Now) -> int:
    """Commit a call as a contact and return its id."""
    with db.transaction():
        # a call has 0 of 0 segments, so it is complete at once
        contact_id = _insert_contact(db, line, ContactKind.CALL, identity, now, received=0, total=0)
        save_limit_clock(db, now)
    return contact_id


def has_call(db: Database, identity: Identity, since: float) -> bool:
    """Tell whether a call from this originator was recorded after this reading of the limit clock."""
    return bool(
        db.one(  # IS, because a withheld caller is NULL: with = each ring would be recorded
            "SELECT 1 FROM contacts WHERE received_limit > ? AND kind = ? AND originator IS ?",
            since,
            ContactKind.CALL,
            identity.originator,
        )
    )


def is_received(db: Database, text: str) -> bool:
    """Tell whether a text that the line sent to itself is among the latest that were received."""
    latest = "SELECT text FROM contacts ORDER BY id DESC LIMIT 1000"  # more than a modem receives while somebody waits
    return db.one(f"SELECT 1 FROM ({latest}) WHERE text = ?", text) is not None


def confirm_deleted(db: Database, storage: str, segment_ids: Iterable[int], now: Now) -> None:
    """Commit that entries have left a storage; those that were seen in another one since are still there."""
    with db.transaction():
        _mark_deleted(db, storage, segment_ids, now)


FLOOD_SECONDS = 600.0
FLOOD_CONTACTS = 60
"""This number of contacts in FLOOD_SECONDS is a flood; it ends when there are fewer than half as many."""


def watch_flood(db: Database, now: Now) -> EventKind | None:
    """Record the beginning or the end of a flood; return the event's kind, or None if nothing changed.

    The event of the end says how many contacts the flood brought. The beginning is in the line's row, so a restart does
    not lose it.
    """
    recent = _contacts_since(db, now.limit - FLOOD_SECONDS)
    began = row_of(db).flood_limit
    if began is None:
        if recent < FLOOD_CONTACTS:
            return None
        with db.transaction():
            note_flood(db, now.limit)
            events.record(db, now, EventKind.FLOOD_BEGIN, detail={"contacts": recent, "seconds": int(FLOOD_SECONDS)})
        return EventKind.FLOOD_BEGIN
    if recent >= FLOOD_CONTACTS / 2:
        return None
    brought = _contacts_since(db, began - FLOOD_SECONDS)
    with db.transaction():
        note_flood(db, None)
        events.record(db, now, EventKind.FLOOD_END, detail={"contacts": brought})
    return EventKind.FLOOD_END


def _contacts_since(db: Database, limit: float) -> int:
    return int(db.value("SELECT count(*) FROM contacts WHERE received_limit > ?", limit))


class Unjudged(NamedTuple):
    """A contact without a verdict; `is_from_centre` is true if it comes from a short code or a name."""

    contact_id: int
    is_from_centre: bool


def unjudged(db: Database, now: Now) -> list[Unjudged]:
    """Return the contacts that are complete or have waited long enough for missing segments, the oldest first.

    They are `BATCH` at most.
    """
    rows = db.all(
        f"SELECT id, line_type IN {states.listed(policy.CENTRES)} AS is_from_centre FROM contacts"
        " WHERE verdict IS NULL AND (segments_received >= segments_total OR received_limit <= ?)"
        " ORDER BY received_limit, id LIMIT ?",
        now.limit - INCOMPLETE_AFTER_SECONDS,
        BATCH,
    )
    return [Unjudged(row["id"], bool(row["is_from_centre"])) for row in rows]


def _insert(db: Database, source: Source, entry: DecodedEntry, now: Now, came: dict[int, _Parts]) -> int:
    """Write a new entry as a segment of the contact or the answer that it belongs to, and return the segment's id.

    If this SIM has received the same PDU before, the entry is a repeat, of that contact or of the report on an answer;
    in another storage than before it is the same text, which some modems store twice: its segment is there again.
    A part of a message goes into `came`, under its contact; later `_join` writes the text of all parts.
    """
    # A row of a forgotten person keeps its PDU's pseudonym, but has no contact. If it were found here, a text that
    # comes again after `forget` would be a repeat without a contact, and would never be answered. A report never has a
    # contact.
    earlier = db.one(
        "SELECT contact_id, answer_segment_id, sequence, id, storage FROM segments"
        f" WHERE pdu IN {pseudonyms.both(':pdu')}"
        f" AND imsi = :imsi AND (contact_id IS NOT NULL OR kind = '{SegmentKind.STATUS_REPORT}') ORDER BY id LIMIT 1",
        pdu=entry.pdu,
        imsi=source.imsi,
    )
    contact_id = answer_segment_id = sequence = None
    problem = entry.problem
    message = entry.message
    if earlier and source.storage and entry.index is not None and earlier["storage"] not in (None, source.storage):
        _move(db, source, [Recorded(earlier["id"], entry.index)])
        return int(earlier["id"])
    if earlier:
        contact_id, answer_segment_id, sequence, *_ = earlier
        db.execute("UPDATE contacts SET repeats = repeats + 1 WHERE id = ?", contact_id)
    elif isinstance(message, tpdu.StatusReport):
        answer_segment_id, problem = _apply(db, message, now)
    elif message is None:
        contact_id = _insert_contact(db, source.line, ContactKind.UNREADABLE, _WITHHELD, now, received=1, total=1)
    else:
        sequence = message.content.concatenation.sequence if message.content.concatenation else 1
        contact_id = _contact_of(db, source, message, now)
        came.setdefault(contact_id, {})[sequence] = message
    return db.insert(
        "segments",
        contact_id=contact_id,
        answer_segment_id=answer_segment_id,
        kind=_kind(message),
        sequence=sequence,
        pdu=entry.pdu,
        tpdu_length=entry.tpdu_length,
        problem=problem,
        repeat=int(earlier is not None),
        imsi=source.imsi,
        storage=source.storage,
        storage_index=entry.index,
        scts=_isoformat(message.scts if message else None),
        received_at=now.rfc3339,
        received_limit=now.limit,
        deleted_at=None if source.storage else now.rfc3339,
    )


def _kind(message: tpdu.Deliver | tpdu.StatusReport | None) -> SegmentKind:
    if message is None:
        return SegmentKind.UNREADABLE
    return SegmentKind.STATUS_REPORT if isinstance(message, tpdu.StatusReport) else SegmentKind.DELIVER


def _apply(db: Database, report: tpdu.StatusReport, now: Now) -> tuple[int | None, PduProblem | None]:
    """Apply a status report; return its segment, or the problem if it contradicts the rows: it is kept anyway."""
    try:
        with db.savepoint():
            return fates.apply_report(db, report, now), None
    except LifecycleError:
        return None, PduProblem.CONTRADICTS


_WITHHELD = Identity(originator=None, e164=None, country=None, line_type=LineType.WITHHELD)


def _contact_of(db: Database, source: Source, message: tpdu.Deliver, now: Now) -> int:
    """Return the contact that a segment belongs to: the one whose message it completes, or a new one."""
    identity = source.identify(message.originator)
    if (concatenation := message.content.concatenation) is None:
        return _insert_contact(db, source.line, ContactKind.TEXT, identity, now, message.scts, received=1, total=1)
    key = "/".join(
        str(part)
        for part in (
            message.originator,
            concatenation.reference,
            concatenation.bits,
            concatenation.total,
        )
    )
    candidates = db.all(
        "SELECT id, scts, received_limit FROM"
        " (SELECT id, scts, received_limit FROM contacts WHERE concatenation = ? ORDER BY id DESC LIMIT ?) c"
        " WHERE NOT EXISTS (SELECT 1 FROM segments s WHERE s.contact_id = c.id AND s.sequence = ?)",
        key,
        CANDIDATES,
        concatenation.sequence,
    )
    distances = [
        (_distance(message.scts, row["scts"], now.limit - row["received_limit"]), row["id"]) for row in candidates
    ]
    if distances and min(distances)[0] <= SAME_MESSAGE_WITHIN:
        return int(min(distances)[1])
    return _insert_contact(
        db,
        source.line,
        ContactKind.TEXT,
        identity,
        now,
        message.scts,
        received=0,
        total=concatenation.total,
        concatenation=key,
    )


def _distance(scts: datetime | None, first: str | None, elapsed: float) -> timedelta:
    """Return the time between two segments, by the centre's clock if both have its time, else by ours."""
    if scts is None or first is None:
        return timedelta(seconds=elapsed)
    return abs(scts - parse_rfc3339(first))


def _insert_contact(
    db: Database,
    line: str,
    kind: str,
    identity: Identity,
    now: Now,
    scts: datetime | None = None,
    *,
    received: int,
    total: int,
    concatenation: str | None = None,
) -> int:
    return db.insert(
        "contacts",
        line=line,
        kind=kind,
        originator=identity.originator,
        country=identity.country,
        line_type=identity.line_type,
        segments_received=received,
        segments_total=total,
        concatenation=concatenation,
        scts=_isoformat(scts),
        received_at=now.rfc3339,
        received_limit=now.limit,
        synchronised=int(now.synchronised),
    )


def _join(db: Database, source: Source, contact_id: int, came: _Parts) -> None:
    """Set a contact's text, kind and originator from the parts that came now and the parts on the disk."""
    first = next(iter(came.values()))
    total = first.content.concatenation.total if first.content.concatenation else 1
    rows = (
        db.all("SELECT sequence, pdu FROM segments WHERE contact_id = ? AND repeat = 0", contact_id)
        if total > 1
        else []
    )
    earlier = {row["sequence"]: tpdu.decode(row["pdu"]) for row in rows if row["sequence"] not in came}
    by_sequence = earlier | came
    parts = [by_sequence.get(sequence) for sequence in range(1, total + 1)]
    delivers = [part if isinstance(part, tpdu.Deliver) else None for part in parts]
    text = tpdu.join(delivers)  # includes a text that is addressed to a port
    kind = tpdu.kind(delivers, text)
    if kind is tpdu.MessageKind.MMS:
        _name_mms(db, source, contact_id, _mms_originator(tpdu.join_data(delivers)))
        text = push.mms_subject(tpdu.join_data([*itertools.takewhile(bool, delivers)]))
    db.execute(
        "UPDATE contacts SET kind = ?, text = ?, segments_received = ? WHERE id = ?",
        kind.value,
        text,
        len(by_sequence),
        contact_id,
    )
    if (words := source.words_met(text or "")) or earlier:  # a contact that is new has no words on record
        words_met.note(db, contact_id, words)


def _name_mms(db: Database, source: Source, contact_id: int, sender: Address | None) -> None:
    """Set an MMS notification's originator to the sender in From, if that is believed, and keep the other address.

    An MMS notification has two addresses: TP-OA, and From in its text, in which anybody can write any address. From is
    believed only if TP-OA is a short code, which only an operator's centre can use, or a name that the configuration
    trusts: anybody can send under another name.
    """
    row = db.one("SELECT originator, line_type, other_originator FROM contacts WHERE id = ?", contact_id)
    if row is None or sender is None or row["other_originator"] is not None:  # its segments may come one by one
        return
    claimed = source.identify(sender)
    line_type = LineType(row["line_type"])
    is_known = line_type is LineType.ALPHANUMERIC and row["originator"] in source.mms_centres
    if line_type is not LineType.SHORT_CODE and not is_known:
        db.execute("UPDATE contacts SET other_originator = ? WHERE id = ?", claimed.originator, contact_id)
        return
    db.execute(
        "UPDATE contacts SET other_originator = originator, originator = ?, country = ?, line_type = ? WHERE id = ?",
        claimed.originator,
        claimed.country,
        claimed.line_type.value,
        contact_id,
    )


def _mms_originator(data: bytes) -> Address | None:
    sender = push.mms_sender(data)
    if sender is None:
        return None
    if sender.startswith("+"):
        return Address(sender[1:], Ton.INTERNATIONAL, 1)
    if sender.isdecimal():
        return Address(sender, Ton.UNKNOWN, 1)
    return Address(sender, Ton.ALPHANUMERIC, 0)


def _mark_deleted(db: Database, storage: str | None, segment_ids: Iterable[int], now: Now) -> None:
    for segment_id in segment_ids:
        db.execute("UPDATE segments SET deleted_at = ? WHERE id = ? AND storage IS ?", now.rfc3339, segment_id, storage)


def _isoformat(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
