"""Decisions of people about numbers, the line and contacts: block, opt-out, pause, exemption from erasure, tags.

A decision is a row that the gate reads, so it holds before the next send, whether or not a daemon runs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.machine.clock import Now, parse_rfc3339
from hotlined.rules.policy import Reason
from hotlined.states import EventKind
from hotlined.store.answers import lifecycle, tells
from hotlined.store.line import elsewhere, events, line_row, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.elsewhere import Kinds

_LISTED = {"blocked_at": Kinds.BLOCKED, "opted_out_at": Kinds.OPTED_OUT}
THREAT = "threat"
"""The tag that also exempts a contact from erasure by age."""
_YEARS = range(1970, 3000)  # a calendar date in these years can be shown and counted from in any time zone


def block(db: Database, number: str, who: str, now: Now) -> int:
    """Commit that a number is no longer answered, and cancel its waiting answers; return how many were cancelled."""
    with db.transaction():
        # a number that is blocked twice keeps the date and the person of its first block
        first = "blocked_at = coalesce(blocked_at, ?), blocked_by = coalesce(blocked_by, ?)"
        _change(db, first, (now.rfc3339, who), number, now)
        events.record(db, now, EventKind.BLOCK, who=who, number=number)
        tells.see_all(db, json.dumps(pseudonyms.names(db, number)), who, now)
        return lifecycle.end_open(db, pseudonyms.names(db, number), Reason.BLOCKED, by_hand=True)


def unblock(db: Database, number: str, who: str, now: Now) -> bool:
    """Commit that a number is treated like any other again; return whether it was blocked.

    Raises StoreError while the pseudonyms' key is lost.
    """
    pseudonyms.require_key(db, now)
    with db.transaction():
        return _lift(db, EventKind.UNBLOCK, ("blocked_at", "blocked_by"), number, who, now)


def lift_opt_out(db: Database, number: str, who: str, now: Now) -> bool:
    """Commit that a number that had opted out is answered again; returns and raises as `unblock` does."""
    pseudonyms.require_key(db, now)
    with db.transaction():
        return _lift(db, EventKind.OPTOUT_LIFTED, ("opted_out_at",), number, who, now)


def opt_out(db: Database, number: str, now: Now) -> None:
    """Record that a number wants no more answers, for good, and cancel what waits for it.

    It runs inside the transaction that is open.
    """
    _change(db, "opted_out_at = ?", (now.rfc3339,), number, now)
    events.record(db, now, EventKind.OPTOUT, number=number)
    lifecycle.end_open(db, pseudonyms.names(db, number), Reason.OPTED_OUT, by_hand=False)


def pause(db: Database, who: str, now: Now) -> None:
    """Commit that nothing is sent until `resume`; receiving goes on."""
    with db.transaction():
        line_row.note_pause(db, who, now)
        events.record(db, now, EventKind.PAUSE, who=who)


class Resumed(NamedTuple):
    """The result of `resume`: whether another key of the pseudonyms is in use, and how many answers it dropped."""

    another_key: bool
    dropped: int


def resume(db: Database, who: str, now: Now, *, drops: bool = False) -> Resumed:
    """Commit that answers go out again; with `drops`, that those which the pause held back are cancelled.

    If the pseudonyms' key is lost, the key that is beside the database, or a new one, is used from then on. Raises
    RefusedError if the loss was not on record yet, so that the person first learns what the decision is about and calls
    again; and if the lost key is the fleet's. After a pause the breaker may try an answer.
    """
    known = not commit_key_lack(db, now)
    if pseudonyms.is_fleet_key_lost(db):
        raise RefusedError(
            _(
                "{problem}: without it this line knows nobody whom other lines refuse.",
                problem=pseudonyms.lost_in_words(db),
            ),
            _("Bring it back from a backup or with the invitation, or take the line out of the fleet."),
        )
    if not known:
        raise RefusedError(
            _("{problem}, and there are pseudonyms that were made with it.", problem=pseudonyms.lost_in_words(db)),
            _(
                "Bring it back from a backup, then `hotlined resume`. Without it the same command"
                " goes on with another key, and a number that is stored as a pseudonym counts as new:"
                " its limits, its block and its opt-out are forgotten."
            ),
        )
    lost = pseudonyms.is_lost(db)
    with db.transaction():
        dropped = lifecycle.end_all(db, Reason.PERSON) if drops and (lost or line_row.row_of(db).is_paused) else ()
        for answer in dropped:
            number = answer["recipient"] if answer["contact_id"] is None else None
            events.record(db, now, EventKind.CANCEL, contact_id=answer["contact_id"], who=who, number=number)
        if lost:
            pseudonyms.adopt_key(db)
            events.record(db, now, EventKind.KEY_NEW, who=who)
        line_row.end_pause(db)
        events.record(db, now, EventKind.RESUME, who=who)
    return Resumed(lost, len(dropped))


def top_up(db: Database, at: str | None, who: str, now: Now) -> str:
    """Commit that the SIM was topped up, now or `at` a moment in RFC 3339, and return that moment.

    The balance known before is void, and the breaker may then try an answer.

    Raises RefusedError for a moment in the future, if the clock can be trusted, and for one outside the years 1970 to
    2999.
    """
    if at and parse_rfc3339(at).year not in _YEARS:
        raise RefusedError(_("No SIM was topped up then."), _("Name the day on which the SIM was topped up."))
    if at and now.synchronised and parse_rfc3339(at) > now.utc:
        raise RefusedError(_("That is in the future."), _("Name the day on which the SIM was topped up."))
    moment = at or now.rfc3339
    with db.transaction():
        line_row.note_top_up(db, line_row.TopUp(moment, by=who), now, dated=bool(at) or now.synchronised)
        line_row.forget_balance(db)
        line_row.note_trial_request(db)
        events.record(db, now, EventKind.TOPUP, who=who, detail={"topped_up_at": moment})
    return moment


def commit_key_lack(db: Database, now: Now) -> bool:
    """Commit whether the pseudonyms' key can be used, and if not, why; return True if it has just become unusable.

    Without the key the line does not know whom it answered long ago, so nothing is sent. Answers that are queued during
    this time all go into the share of new numbers; after each change the queued answers are put into shares anew.
    """
    lack = pseudonyms.maybe_lack(db)
    if lack == line_row.row_of(db).key_lack:
        return False
    with db.transaction():
        line_row.note_key_lack(db, lack, pseudonyms.lacking_file(db).name, now)
        lifecycle.refile(db)
    return lack is not None


def _lift(db: Database, kind: EventKind, columns: Sequence[str], number: str, who: str, now: Now) -> bool:
    """Take back a decision about a number; return whether there was one. Without one nothing is recorded."""
    decided = f"SELECT 1 FROM numbers WHERE number IN (?, ?) AND {columns[0]} IS NOT NULL"
    if not elsewhere.lift(db, number, _LISTED[columns[0]]) and not db.one(decided, *pseudonyms.names(db, number)):
        return False
    _change(db, ", ".join(f"{column} = NULL" for column in columns), (), number, now)
    events.record(db, now, kind, who=who, number=number)
    return True


def _change(db: Database, change: str, values: tuple[str, ...], number: str, now: Now) -> None:
    """Change the decisions about a number, which may be stored under the number or its pseudonym."""
    names = pseudonyms.names(db, number)
    # ON CONFLICT would only compare the number itself, and add a second row for a person whose row has the pseudonym
    db.execute(
        "INSERT INTO numbers (number) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM numbers WHERE number IN (?, ?))",
        number,
        *names,
    )
    db.execute(
        f"UPDATE numbers SET {change}, changed_limit = ? WHERE number IN (?, ?)",
        *values,
        now.limit,
        *names,
    )


def keep(db: Database, contact_id: int, who: str, now: Now) -> bool | None:
    """Commit that a contact is exempt from erasure by age; return whether it was not before, None if it does not exist.

    If it is exempt already, the first person and date stay.
    """
    row = db.one("SELECT kept_at FROM contacts WHERE id = ?", contact_id)
    if row is None:
        return None
    return row["kept_at"] is None and _keep(db, contact_id, EventKind.KEEP, (now.rfc3339, who), who, now)


def keep_all(db: Database, name: str, who: str, now: Now) -> int:
    """Commit that every contact of a number or name is exempt from erasure, and that a person takes its evidence.

    Returns the number of contacts. Those that were exempt before stay as they were.
    """
    names = {"names": json.dumps(pseudonyms.names(db, name))}
    with db.transaction():
        total = int(db.value(f"SELECT count(*) FROM contacts WHERE {_OF}", **names))
        if total:
            _keep_each(db, _OF, who, now, names)
            tells.see_all(db, names["names"], who, now)
            events.record(db, now, EventKind.EVIDENCE, who=who, number=name)
    return total


_OF = "originator IN (SELECT value FROM json_each(:names)) OR other_originator IN (SELECT value FROM json_each(:names))"


_OF_THREAT = (
    f"id = :contact OR ({_OF}) AND received_at >= (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', received_at,"
    " '-30 days') FROM contacts WHERE id = :contact)"
)


def _keep_each(
    db: Database, which: str, who: str, now: Now, places: Mapping[str, object], tap: int | None = None
) -> None:
    """Exempt contacts from erasure, inside the transaction that is open; `tap` is the contact whose tag does it."""
    detail = None if tap is None else json.dumps({"threat": tap})
    values = {**places, "at": now.rfc3339, "limit": now.limit, "kind": EventKind.KEEP, "who": who}
    values |= {"tap": tap, "detail": detail}
    which = f"contacts WHERE kept_at IS NULL AND ({which})"
    db.execute(
        "INSERT INTO events (at, at_limit, kind, who, detail, contact_id)"
        f" SELECT :at, :limit, :kind, :who, CASE WHEN id IS NOT :tap THEN :detail END, id FROM {which}",
        **values,
    )
    db.execute(f"UPDATE {which.replace(' ', ' SET kept_at = :at, kept_by = :who ', 1)}", **values)


def keep_no_more(db: Database, contact_id: int, who: str, now: Now) -> bool:
    """Commit that a contact is no longer exempt from erasure by age; return whether the contact exists."""
    return _keep(db, contact_id, EventKind.UNKEEP, (None, None), who, now)


def _keep(
    db: Database, contact_id: int, kind: EventKind, values: tuple[str | None, str | None], who: str, now: Now
) -> bool:
    with db.transaction():
        return _note_keeping(db, contact_id, kind, values, who, now)


def _note_keeping(
    db: Database, contact_id: int, kind: EventKind, values: tuple[str | None, str | None], who: str, now: Now
) -> bool:
    cursor = db.execute("UPDATE contacts SET kept_at = ?, kept_by = ? WHERE id = ?", *values, contact_id)
    if not cursor.rowcount:
        return False
    events.record(db, now, kind, contact_id=contact_id, who=who)
    return True


def skip(db: Database, contact_id: int, who: str, now: Now) -> bool:
    """Commit that a person skipped a contact, which then comes last; return whether the contact exists."""
    return events.commit_at_contact(db, contact_id, EventKind.SKIP, who, now)


def tag(
    db: Database, contact_id: int, word: str, who: str, now: Now, seen: Sequence[str] | None = None
) -> bool | str | None:
    """Commit that a person put a tag on a contact; return whether it was new there, None if there is no such contact.

    A threat is evidence: its tag also exempts the contact from erasure by age, with what came from its number in the
    30 days before and since.

    `seen` are the tags that the person saw on the contact. If it has others by now, nothing is changed, and the name of
    the person who changed them last is returned.
    """
    with db.transaction():
        return _retag(db, EventKind.TAG, contact_id, word, who, now, seen)


def untag(db: Database, contact_id: int, word: str, who: str, now: Now, *, undo: bool = False) -> bool | None:
    """Commit that a person took a tag off a contact; return whether it was there, None if there is no such contact.

    What the tag kept stays kept. Only to `undo` the tag at once takes that back, too.
    """
    with db.transaction():
        by_tag = db.all(_KEPT_BY_TAG, contact=contact_id, word=word, who=who) if undo and word == THREAT else ()
        found = _retag(db, EventKind.UNTAG, contact_id, word, who, now)
        for (kept_id,) in by_tag:
            _note_keeping(db, kept_id, EventKind.UNKEEP, (None, None), who, now)
    return None if found is None else bool(found)


_KEPT_BY_TAG = f"""
  SELECT c.id FROM events tag JOIN events kept ON kept.id > tag.id JOIN contacts c ON c.id = kept.contact_id
  WHERE tag.contact_id = :contact AND tag.word = :word AND tag.who = :who AND tag.kind = '{EventKind.TAG}'
    AND kept.kind = '{EventKind.KEEP}' AND (c.id = :contact OR json_extract(kept.detail, '$.threat') = :contact)
    AND NOT EXISTS (
      SELECT 1 FROM events later
      WHERE later.id > tag.id AND (later.kind = '{EventKind.EVIDENCE}' OR later.contact_id = tag.contact_id
        AND later.kind IN ('{EventKind.TAG}', '{EventKind.UNTAG}', '{EventKind.UNKEEP}')))
    AND NOT EXISTS (
      SELECT 1 FROM events later JOIN contacts o ON o.id = later.contact_id
      WHERE later.id > kept.id AND (o.id = c.id AND later.kind = '{EventKind.UNKEEP}'
        OR o.id <> tag.contact_id AND later.kind = '{EventKind.TAG}' AND later.word = :word
        AND o.originator = c.originator AND :word IN (SELECT value FROM json_each(o.tags))))
"""
"""SQL that finds what this person's tag kept: nothing if it is not the last decision about its contact.

What another tag of a threat would have kept later stays kept.
"""


def _retag(
    db: Database,
    kind: EventKind,
    contact_id: int,
    word: str,
    who: str,
    now: Now,
    seen: Sequence[str] | None = None,
) -> bool | str | None:
    """Note that a tag is put on or taken off, inside the transaction that is open."""
    row = db.one("SELECT tags, originator, other_originator FROM contacts WHERE id = ?", contact_id)
    if row is None:
        return None
    tags = json.loads(row["tags"])
    if seen is not None and tags != [*seen]:
        return _retagged_by(db, contact_id)
    wanted = [*(tag for tag in tags if tag != word), *([word] if kind is EventKind.TAG else [])]
    if news := len(wanted) != len(tags):
        db.execute("UPDATE contacts SET tags = ? WHERE id = ?", json.dumps(wanted, ensure_ascii=False), contact_id)
        events.record(db, now, kind, contact_id=contact_id, who=who, word=word)
    if kind is EventKind.TAG and word == THREAT:
        names = json.dumps([name for name in (row["originator"], row["other_originator"]) if name])
        _keep_each(db, _OF_THREAT, who, now, {"contact": contact_id, "names": names}, tap=contact_id)
    return news


def _retagged_by(db: Database, contact_id: int) -> str:
    """Return the name of the person who last changed the tags of a contact; empty if that is no longer known."""
    kinds = (EventKind.TAG, EventKind.UNTAG)
    changes = [event for event in events.of_contact(db, contact_id) if event["kind"] in kinds]
    return str(changes[-1]["who"] or "") if changes else ""


def tags_in_use(db: Database) -> list[str]:
    """Return every tag in use, in alphabetical order."""
    sql = "SELECT DISTINCT value FROM contacts, json_each(contacts.tags) WHERE contacts.tags <> '[]' ORDER BY 1"
    return [tag for (tag,) in db.rows(sql)]
