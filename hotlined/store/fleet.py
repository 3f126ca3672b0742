"""What this line and the other lines of its fleet decided about persons, and whom they erased: a row of each person.

Only the line that made a row changes it, each time with a higher version. A claim, that a person opted out or is
blocked, holds until a line that has read it undoes it; the hub cannot undo one. Of a person that was erased, the
pseudonym stays here: that it was erased, and what was decided about it. A line in no fleet has no rows here.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.states import DecisionKind, EventKind
from hotlined.store import claims, pseudonyms
from hotlined.store.claims import Claim, Placed
from hotlined.store.database import Database
from hotlined.store.line import needs_rebuild

MOST_ROWS = 500
"""The most rows that are sent to the hub, or handed in at the control socket, at once."""
LARGEST_BATCH = 200_000
"""The most characters that those rows have: a line of the control socket has an end."""
MOST_STORED = 500_000
"""The most rows of other lines that are stored, about 40 MB: a hub that lies does not fill the card."""
ONE_ERASURE = True
"""Whether a transaction erases one person at most: the daemon waits for it no longer than for `forget`."""
ERASED_SECONDS = 7 * 86_400.0
"""How far back `erased_elsewhere` counts the persons who were erased here because other lines ordered it."""
_TABLES = (
    "fleet_line",
    "fleet_own",
    "fleet_persons",
    "fleet_kept",
    "fleet_answers_line",
    "fleet_answers_own",
    "fleet_answers",
)
"""Every table of what a line knows about its fleet."""
_COLUMNS = {DecisionKind.OPT_OUTS: "opted_out", DecisionKind.BLOCKS: "blocked"}


class Membership(NamedTuple):
    """The line's name in its fleet, its hub and what is exchanged there.

    The hub was read up to the place `cursor`. Up to the place `recall` the line reads its own rows, too: they are newer
    than its database.
    """

    line: str
    hub: str | None
    version: int
    cursor: int
    recall: int
    exchanged: frozenset[DecisionKind]


class Followed(NamedTuple):
    """A decision about a person that this line follows: a block or opt-out holds, or no longer, as `line` decided."""

    person: str
    kind: DecisionKind
    holds: bool
    line: str


class ErasureOrder(NamedTuple):
    """The erasure of a person that a line ordered; `at` is when, None if its clock was not synchronised."""

    person: str
    line: str
    at: str | None
    own: bool
    """Whether this line ordered it itself, and lost the order when its database was restored."""


class Consequences(Protocol):
    """The consequences of rows for this line; they are carried out in the transaction that stores the rows."""

    def names(self, persons: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return for persons the names under which this line has rows of them, before the transaction: it is slow."""

    def follow(self, followed: Sequence[Followed]) -> None:
        """Record the decisions that hold here from now on, or no longer."""

    def maybe_erasure(self, names: Sequence[str]) -> Callable[[ErasureOrder], None] | None:
        """Return what erases the person of these names, given an order; None while an answer to it is being sent."""


def maybe_membership(db: Database) -> Membership | None:
    """Return the membership of the line, None if it is in no fleet."""
    row = db.one("SELECT line, hub, version, cursor, recall, shared FROM fleet_line")
    if row is None:
        return None
    exchanged = frozenset(map(DecisionKind, json.loads(row["shared"])))
    return Membership(row["line"], row["hub"], row["version"], row["cursor"], row["recall"], exchanged)


def join(db: Database, line: str) -> int:
    """Make the line a member, inside the transaction that is open; return how many rows it has, each of a person."""
    # the hub of before is forgotten, so that all rows are sent and read again
    sql = "INSERT INTO fleet_line (id, line) VALUES (1, ?) ON CONFLICT DO UPDATE SET line = excluded.line, hub = NULL"
    db.execute(sql, line)
    claim_all(db)
    return int(db.value("SELECT count(*) FROM fleet_own"))


def leave(db: Database, now: Now) -> int:
    """Make the line a member of no fleet, inside the transaction that is open; return how many persons stay refused.

    They are the persons whom other lines had opted out or blocked. That is a decision of this line now.
    """
    # max() is 1 if one line's claim holds; if a line claims nothing, its comparison is NULL, which max() skips
    rows = db.execute(
        "INSERT INTO numbers (number, opted_out_at, blocked_at, changed_by, changed_limit)"
        " SELECT person, iif(max(opted_out > opted_out_undone), ?1, NULL),"
        " iif(max(blocked > blocked_undone), ?1, NULL), min(line), ?2"
        " FROM fleet_persons WHERE opted_out > opted_out_undone OR blocked > blocked_undone GROUP BY person"
        " ON CONFLICT DO UPDATE SET opted_out_at = coalesce(opted_out_at, excluded.opted_out_at),"
        " blocked_at = coalesce(blocked_at, excluded.blocked_at)"
        " RETURNING 1",
        now.rfc3339,
        now.limit,
    ).fetchall()
    for table in _TABLES:
        db.execute(f"DELETE FROM {table}")
    return len(rows)


def claim(db: Database, number: str, kind: DecisionKind) -> None:
    """Claim what was decided about a number just now, inside the transaction that is open.

    Without the pseudonyms' key it cannot be claimed yet: it is noted that decisions are still to be claimed.
    """
    rows = db.execute("UPDATE fleet_line SET version = version + 1 RETURNING version").fetchall()
    if not rows:
        return
    person = pseudonyms.person(db, number)
    if person == number and db.one("SELECT 1 FROM numbers WHERE number = ? AND former", number):
        return  # it is a pseudonym under a former key, which no other line recognises
    if pseudonym.is_one(person):
        _claim(db, person, kind, rows[0]["version"])
    else:
        db.execute("UPDATE fleet_line SET unclaimed = 1")


def _claim(db: Database, person: str, kind: DecisionKind, version: int) -> None:
    column = _COLUMNS[kind]
    db.execute(
        f"INSERT INTO fleet_own (person, version, {column}) VALUES (?1, ?2, ?2)"
        f" ON CONFLICT DO UPDATE SET version = excluded.version, {column} = excluded.{column}",
        person,
        version,
    )


def claim_all(db: Database) -> None:
    """Claim all that is decided and not claimed yet, inside the transaction that is open."""
    pseudonyms.teach(db)
    for kind, column in _COLUMNS.items():
        rows = db.all(
            f"SELECT DISTINCT pseudonym_of(number) AS person FROM numbers WHERE {column}_at IS NOT NULL AND NOT former"
            f" AND NOT EXISTS (SELECT 1 FROM fleet_own WHERE person = pseudonym_of(number) AND {column} IS NOT NULL)"
        )
        for row in rows:
            if pseudonym.is_one(row["person"]):
                _claim(db, row["person"], kind, _next_version(db))
    db.execute("UPDATE fleet_line SET unclaimed = ?", int(pseudonyms.is_lost(db)))


def undo(db: Database, number: str, kind: DecisionKind) -> None:
    """Undo every claim about a number that this line has read or made, of whichever line.

    It runs inside the transaction that is open. What another line claims at the same time, or later, holds.
    """
    member = maybe_membership(db)
    if member is None:
        return
    column, person = _COLUMNS[kind], pseudonyms.person(db, number)
    own = db.one(f"SELECT {column} AS claimed, undone FROM fleet_own WHERE person = ?", person)
    seen = {
        row["line"]: row["claimed"]
        for row in db.all(
            f"SELECT line, {column} AS claimed FROM fleet_persons WHERE person = ? AND {column} IS NOT NULL", person
        )
    }
    if own and own["claimed"]:
        seen[member.line] = own["claimed"]
    if not seen:
        return
    undone = claims.merged(claims.undone_of(own["undone"]) if own else {}, {kind: seen})
    db.execute(
        "INSERT INTO fleet_own (person, version, undone) VALUES (?1, ?2, ?3)"
        f" ON CONFLICT DO UPDATE SET version = excluded.version, undone = excluded.undone, {column} = NULL",
        person,
        _next_version(db),
        claims.written(undone),
    )
    db.execute(
        f"UPDATE fleet_persons SET {column}_undone = max({column}_undone, {column})"
        f" WHERE person = ? AND {column} IS NOT NULL",
        person,
    )


def order_erasure(db: Database, name: str, now: Now) -> None:
    """Order the other lines of the fleet to erase a person, inside the transaction in which this line erases it.

    Blocks that this line has read are undone, opt-outs stay. A line in no fleet orders nothing.
    """
    if maybe_membership(db) is None:
        return
    undo(db, name, DecisionKind.BLOCKS)
    db.execute(
        "INSERT INTO fleet_own (person, version, erased, erased_at) VALUES (?1, ?2, ?2, ?3)"
        " ON CONFLICT DO UPDATE"
        " SET version = excluded.version, erased = excluded.erased, erased_at = excluded.erased_at",
        pseudonyms.person(db, name),
        _next_version(db),
        now.rfc3339 if now.synchronised else None,
    )


def _next_version(db: Database) -> int:
    return int(db.execute("UPDATE fleet_line SET version = version + 1 RETURNING version").fetchall()[0][0])


def note_elsewhere(db: Database, contact_id: int, line: str | None) -> None:
    """Note which line decided that a contact or its answer is refused; None erases the note."""
    if line is None:
        db.execute("DELETE FROM elsewhere WHERE contact_id = ?", contact_id)
    else:
        db.execute(
            "INSERT INTO elsewhere (contact_id, line) VALUES (?, ?) ON CONFLICT DO UPDATE SET line = excluded.line",
            contact_id,
            line,
        )


def unsent_rows(db: Database, exchanged: Collection[DecisionKind], key: bytes) -> list[Claim]:
    """Return the rows of this line that the hub has not committed, signed, the oldest first, as many as go at once."""
    member = maybe_membership(db)
    if member is None:
        raise _no_member()
    rows = db.all(
        "SELECT person, version, opted_out, blocked, undone, erased, erased_at FROM fleet_own WHERE sent < version"
        " ORDER BY version LIMIT ?",
        MOST_ROWS,
    )
    found: list[Claim] = []
    size = 0
    for row in rows:
        size += len(row["undone"])
        if found and size > LARGEST_BATCH:
            break
        found.append(_limited(Claim(member.line, **dict(row)), exchanged).signed(key))
    return found


def _limited(claim: Claim, exchanged: Collection[DecisionKind]) -> Claim:
    """Return a row without the kinds of decisions that are not exchanged."""
    undone = {each: lines for each, lines in claims.undone_of(claim.undone).items() if each in exchanged}
    return replace(
        claim,
        opted_out=claim.opted_out if DecisionKind.OPT_OUTS in exchanged else None,
        blocked=claim.blocked if DecisionKind.BLOCKS in exchanged else None,
        undone=claims.written(undone),
    )


def count_formerly(db: Database) -> int:
    """Return of how many persons the decisions stand under former pseudonyms alone: these cannot be exchanged."""
    return int(
        db.value("SELECT count(*) FROM numbers WHERE former AND (opted_out_at IS NOT NULL OR blocked_at IS NOT NULL)")
    )


def begin_exchange(
    db: Database, hub: str, top: int, highest: Claim | None, exchanged: Collection[DecisionKind], key: bytes
) -> None:
    """Commit which hub the line is connected to, and what is exchanged there.

    `top` is the last place that the hub has given out, `highest` the latest row that it has of this line. If this is
    another hub than before, if other kinds are exchanged, or if this database is older than that row, all rows are sent
    and read again.
    """
    with db.transaction():
        if db.one("SELECT 1 FROM fleet_line WHERE unclaimed"):
            claim_all(db)  # before the version is read: rows that are renewed have to be above what is claimed here
        member = maybe_membership(db)
        if member is None:
            raise _no_member()
        # a hub could make up a row with the highest version of all, after which this line would have none left
        if highest and not (highest.line == member.line and highest.is_signed(key)):
            highest = None
        is_older = highest is not None and _is_older(db, highest, member.exchanged)
        if (member.hub, member.exchanged) == (hub, frozenset(exchanged)) and not is_older:
            _continue_exchange(db, member, top, highest.version if highest else 0)
            return
        # a line that has yet to read its own rows back goes on with that, if it is the same hub
        recall = top if is_older else member.recall if member.hub == hub else 0
        highest_version = max(member.version, highest.version if highest else 0)
        db.execute(
            "UPDATE fleet_line SET hub = ?, version = ?, cursor = 0, confirmed = 0, recall = ?, shared = ?",
            hub,
            highest_version,
            recall,
            json.dumps(sorted(exchanged)),
        )
        _renew_versions(db, highest_version, is_older=is_older)
        for kind in set(DecisionKind) - set(exchanged):
            db.execute(f"UPDATE fleet_persons SET {_COLUMNS[kind]} = NULL WHERE {_COLUMNS[kind]} IS NOT NULL")


def _continue_exchange(db: Database, member: Membership, top: int, highest_version: int) -> None:
    """Go on with the hub of the last exchange: read again from the start if need be, and send again what it lacks."""
    if top < member.cursor:  # it had sent places that it does not have, and what it has stands before them
        db.execute("UPDATE fleet_line SET cursor = 0, confirmed = 0")
    db.execute("UPDATE fleet_own SET sent = 0 WHERE sent > ?", highest_version)


def _renew_versions(db: Database, highest_version: int, *, is_older: bool) -> None:
    """Mark all rows of this line as unsent, with versions above the highest: a hub takes none that it has had already.

    What an older database claims and no hub has was decided after the backup. Its claim gets the new version, too: the
    rows that were lost may have undone the old one.
    """
    db.execute(
        "UPDATE fleet_own SET sent = 0, version = ?1 + number,"
        " opted_out = iif(?2 AND opted_out > sent, ?1 + number, opted_out),"
        " blocked = iif(?2 AND blocked > sent, ?1 + number, blocked),"
        " erased = iif(?2 AND erased > sent, ?1 + number, erased)"
        " FROM (SELECT person AS named, row_number() OVER (ORDER BY version) AS number FROM fleet_own)"
        " WHERE named = person",
        highest_version,
        is_older,
    )
    db.execute("UPDATE fleet_line SET version = version + (SELECT count(*) FROM fleet_own)")


def _is_older(db: Database, highest: Claim, exchanged: Collection[DecisionKind]) -> bool:
    """Tell whether this database is older than a row of its own line at the hub, or has another row of that version."""
    row = db.one(
        "SELECT person, version, opted_out, blocked, undone, erased, erased_at FROM fleet_own WHERE person = ?",
        highest.person,
    )
    if row is None or row["version"] < highest.version:
        return True
    own = _limited(Claim(highest.line, **dict(row)), exchanged)
    if own.version > highest.version:
        return False
    # a claim can be missing here, because another line undid it; nothing else changes without a new version
    if any(own.of(each) not in (None, highest.of(each)) for each in DecisionKind):
        return True
    return (own.undone, own.erased, own.erased_at) != (highest.undone, highest.erased, highest.erased_at)


def acknowledge(db: Database, sent: Iterable[tuple[str, int]]) -> None:
    """Commit which rows the hub has committed: each by its person, up to the version that was sent."""
    with db.transaction():
        for person, version in sent:
            # a row that has changed since it was sent has a higher version, and stays unsent
            db.execute(
                "UPDATE fleet_own SET sent = max(sent, ?2) WHERE person = ?1 AND version >= ?2",
                person,
                version,
            )


def take(
    db: Database,
    span: tuple[int, int],
    placed: Sequence[Placed[Claim]],
    exchanged: Collection[DecisionKind],
    key: bytes,
    consequences: Consequences,
) -> int:
    """Commit rows of lines that were read at the hub: those behind the first place of `span`, up to its second.

    Return how many rows are not believed. An erasure may have to wait: then only the rows before it are stored, and the
    hub is read up to there. Nothing is stored if another program has read further meanwhile. Raises RefusedError if
    there is no room for more rows.
    """
    since, until = span
    believed = {
        each.place: _limited(each.row, exchanged)
        for each in placed
        if since < each.place <= until and _is_readable(each.row) and each.row.is_signed(key)
    }
    names = consequences.names({claim.person for claim in believed.values() if claim.erased})
    with db.transaction():
        member = maybe_membership(db)
        if member is None:
            raise _no_member()
        if member.cursor != since or until <= since:
            return 0
        stored = int(db.value("SELECT count(*) FROM fleet_persons"))
        if stored + len(placed) > MOST_STORED:
            raise RefusedError(
                _("The line knows {number} decisions of other lines and takes no more.", number=stored),
                _("Somebody floods the hub: look there who."),
            )
        reached = _carry_out(db, believed, member.line, names, consequences)
        until = until if reached is None else reached
        db.execute("UPDATE fleet_line SET cursor = ?", until)
        confirm(db)
    return sum(each.place not in believed for each in placed if each.place <= until or reached is None)


def _carry_out(
    db: Database,
    believed: Mapping[int, Claim],
    own_line: str,
    names: Mapping[str, Sequence[str]],
    consequences: Consequences,
) -> int | None:
    """Store rows and carry out their consequences; return the place before an erasure that has to wait, else None."""
    followed: list[Followed] = []

    def follow() -> None:  # of each person and kind the last decision counts
        consequences.follow(list({(each.person, each.kind): each for each in followed}.values()))
        followed.clear()

    reached, erased = None, False
    for place, claim in sorted(believed.items()):
        order = _maybe_order(db, claim, own_line)
        known = names[claim.person] if order else ()
        erase = consequences.maybe_erasure(known) if known and not (erased and ONE_ERASURE) else None
        if known and erase is None:
            reached = place - 1
            break
        if claim.line == own_line:
            followed += _restore_own_row(db, claim)
        else:
            followed += _store_row_of_another(db, claim, own_line)
        if order and erase:
            follow()  # a block that the row undoes ends before the person is erased
            erase(order)
            erased = True
    follow()
    return reached


def _maybe_order(db: Database, claim: Claim, own_line: str) -> ErasureOrder | None:
    """Return the erasure that a row orders, None if it orders none, or one that was carried out before."""
    if claim.erased is None:
        return None
    if claim.line == own_line:
        known = db.one("SELECT erased FROM fleet_own WHERE person = ?", claim.person)
    else:
        known = db.one("SELECT erased FROM fleet_persons WHERE person = ? AND line = ?", claim.person, claim.line)
    if known and claim.erased <= (known["erased"] or 0):
        return None
    return ErasureOrder(claim.person, claim.line, claim.erased_at, own=claim.line == own_line)


def confirm(db: Database) -> None:
    """Record that no file contains what was erased up to where the hub was read, unless one may still contain it.

    It runs inside the transaction that is open.
    """
    if not needs_rebuild(db):
        db.execute("UPDATE fleet_line SET confirmed = cursor")


def is_unconfirmed(db: Database) -> bool:
    """Tell whether a file may contain a copy of what was erased by orders that were read at the hub."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM fleet_line WHERE confirmed < cursor)"))


def confirmed(db: Database) -> int:
    """Return the place at the hub up to which all orders are carried out here, so that no file contains a copy."""
    return int(db.value("SELECT min(confirmed, cursor) FROM fleet_line"))


def unsent_erasures(db: Database) -> list[str | None]:
    """Return the moments of erasures here that the hub has not committed; None if the clock was not synchronised."""
    return [row["erased_at"] for row in db.all("SELECT erased_at FROM fleet_own WHERE erased > sent ORDER BY version")]


def kept(db: Database) -> list[int]:
    """Return the contacts that are kept here although another line ordered the erasure of their persons."""
    return [row["contact_id"] for row in db.all("SELECT contact_id FROM fleet_kept ORDER BY contact_id")]


def erased_elsewhere(db: Database, now: Now) -> list[tuple[str, int]]:
    """Return how many persons were erased here in seven days, by the limit clock, by the line that ordered it."""
    rows = db.all(
        "SELECT line, count(*) AS persons FROM events"
        f" WHERE kind = '{EventKind.FORGET_ELSEWHERE}' AND at_limit > ?"
        " GROUP BY line ORDER BY persons DESC, line LIMIT ?",
        now.limit - ERASED_SECONDS,
        claims.MOST_LINES,
    )
    return [(row["line"], row["persons"]) for row in rows]


def _is_readable(claim: Claim) -> bool:
    try:
        claims.undone_of(claim.undone)
    except (ValueError, RecursionError):
        return False
    return True


def _store_row_of_another(db: Database, claim: Claim, own_line: str) -> list[Followed]:
    """Store the row of another line; return the decisions that hold here, or no longer, because of it."""
    followed = []
    _raise_versions(db, claim.person, claim.line, {kind: claim.of(kind) for kind in DecisionKind}, "")
    if claim.erased:
        db.execute(
            "INSERT INTO fleet_persons (person, line, erased) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET erased = max(ifnull(erased, 0), excluded.erased)",
            claim.person,
            claim.line,
            claim.erased,
        )
    for kind, lines in claims.undone_of(claim.undone).items():
        for line, highest in lines.items():
            version = min(highest, claims.MOST_UNDONE)
            if line != own_line:
                _raise_versions(db, claim.person, line, {kind: version}, "_undone")
                continue
            # if this line has not reached that version, somebody made it up: what it claims from now on is above it
            db.execute("UPDATE fleet_line SET version = ?1 WHERE version < ?1", version)
            if _undo_own(db, claim.person, kind, version):
                followed.append(Followed(claim.person, kind, holds=False, line=claim.line))
    return followed


def _raise_versions(
    db: Database, person: str, line: str, versions: Mapping[DecisionKind, int | None], ending: str
) -> None:
    """Raise the versions of a line's claims about a person, or with `_undone` of what is undone; never lower one."""
    for kind, version in versions.items():
        if version is not None:
            column = _COLUMNS[kind] + ending
            # ifnull(): max() of two values is NULL where one of them is
            db.execute(
                f"INSERT INTO fleet_persons (person, line, {column}) VALUES (?, ?, ?)"
                f" ON CONFLICT DO UPDATE SET {column} = max(ifnull({column}, 0), excluded.{column})",
                person,
                line,
                version,
            )


def _undo_own(db: Database, person: str, kind: DecisionKind, version: int) -> bool:
    """End this line's claim about a person, if it is no later than a version; return whether there was one."""
    column = _COLUMNS[kind]
    sql = f"UPDATE fleet_own SET {column} = NULL WHERE person = ? AND {column} <= ?"
    return db.execute(sql, person, version).rowcount > 0


def _restore_own_row(db: Database, claim: Claim) -> list[Followed]:
    """Restore a row of this line that its database had lost; return the decisions that hold again, or no longer."""
    order = _maybe_order(db, claim, claim.line)
    own = db.one("SELECT undone, opted_out, blocked FROM fleet_own WHERE person = ?", claim.person)
    undone = claims.merged(claims.undone_of(own["undone"]) if own else {}, claims.undone_of(claim.undone))
    known = {kind: own[column] if own else None for kind, column in _COLUMNS.items()}
    restored = {
        kind: version
        for kind in DecisionKind
        if (version := claim.of(kind)) and version > max(undone[kind].get(claim.line, 0), known[kind] or 0)
    }
    ended = [
        kind
        for kind in DecisionKind
        if kind not in restored and _undo_own(db, claim.person, kind, undone[kind].get(claim.line, 0))
    ]
    if not restored and not ended and not order and own and claims.written(undone) == own["undone"]:
        return []
    db.execute(
        "INSERT INTO fleet_own (person, version, undone) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, undone = excluded.undone",
        claim.person,
        _next_version(db),
        claims.written(undone),
    )
    for kind, version in restored.items():
        db.execute(f"UPDATE fleet_own SET {_COLUMNS[kind]} = ? WHERE person = ?", version, claim.person)
    if order:
        sql = "UPDATE fleet_own SET erased = ?, erased_at = ? WHERE person = ?"
        db.execute(sql, claim.erased, claim.erased_at, claim.person)
    for kind, lines in undone.items():
        for line, version in lines.items():
            if line != claim.line:
                _raise_versions(db, claim.person, line, {kind: version}, "_undone")
    return [Followed(claim.person, kind, holds=kind in restored, line=claim.line) for kind in (*restored, *ended)]


def _no_member() -> RefusedError:
    return RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
