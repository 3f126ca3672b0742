"""What the lines of a fleet know of each other's people, on this line: what it claims itself, and what others claim.

A claim says that a person opted out at a line, or is blocked there. It has a version, which only its own line raises,
and is never taken back by what comes from the hub. A line that is in no fleet has nothing here and does nothing here.
Known to be wrong: what is undone here is not told to the other lines, and what is erased here stays claimed.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from hotlined import pseudonym
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.states import Shared
from hotlined.store import pseudonyms
from hotlined.store.database import Database

MOST_ROWS = 500
"""So many claims are sent or handed in at once."""
MOST_CLAIMS = 500_000
"""So many claims of others are kept, about 40 MB: a hub that lies does not fill the card."""
HIGHEST = 2**53 - 1
"""The highest version and place that is believed: JSON of others has no larger whole number."""
_COLUMNS = {Shared.OPT_OUTS: "opted_out", Shared.BLOCKS: "blocked"}


@dataclass(frozen=True, slots=True)
class Membership:
    """The line's name in its fleet, its hub and what is exchanged there; `cursor` is up to where the hub was read."""

    line: str
    hub: str | None
    version: int
    cursor: int
    shared: frozenset[Shared]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a line claims of a person: the versions at which an opt-out and a block were claimed, None for neither.

    `version` is the later of both.
    """

    person: str
    version: int
    opted_out: int | None
    blocked: int | None


@dataclass(frozen=True, slots=True)
class OthersClaim:
    """What another line claims of a person, and its place at the hub."""

    place: int
    line: str
    person: str
    opted_out: int | None
    blocked: int | None


def maybe_membership(db: Database) -> Membership | None:
    """Return the line's place in a fleet, None where it is in none."""
    row = db.one("SELECT line, hub, version, cursor, shared FROM fleet_line")
    if row is None:
        return None
    shared = frozenset(map(Shared, json.loads(row["shared"])))
    return Membership(row["line"], row["hub"], row["version"], row["cursor"], shared)


def join(db: Database, line: str) -> int:
    """Make the line a member, inside the transaction that is open; return how many persons it claims something of."""
    db.execute("INSERT INTO fleet_line (id, line) VALUES (1, ?) ON CONFLICT DO UPDATE SET line = excluded.line", line)
    claim_all(db)
    return int(db.value("SELECT count(*) FROM fleet_own"))


def claim(db: Database, number: str, shared: Shared) -> None:
    """Claim what was decided about a number just now, inside the transaction that is open.

    Without the pseudonyms' key it cannot be claimed: it is noted that it is to be done.
    """
    rows = db.execute("UPDATE fleet_line SET version = version + 1 RETURNING version").fetchall()
    if not rows:
        return
    person = pseudonyms.both(db, number)[1]
    if pseudonym.is_one(person):
        _claim(db, person, shared, rows[0]["version"])
    else:
        db.execute("UPDATE fleet_line SET unclaimed = 1")


def _claim(db: Database, person: str, shared: Shared, version: int) -> None:
    column = _COLUMNS[shared]
    db.execute(
        f"INSERT INTO fleet_own (person, version, {column}) VALUES (?1, ?2, ?2)"
        f" ON CONFLICT DO UPDATE SET version = excluded.version, {column} = excluded.{column}",
        person,
        version,
    )


def claim_all(db: Database) -> None:
    """Claim all that is decided and not claimed yet, inside the transaction that is open."""
    pseudonyms.teach(db)
    for shared, column in _COLUMNS.items():
        rows = db.all(
            f"SELECT DISTINCT pseudonym_of(number) AS person FROM numbers WHERE {column}_at IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM fleet_own WHERE person = pseudonym_of(number) AND {column} IS NOT NULL)"
        )
        for row in rows:
            if pseudonym.is_one(row["person"]):
                version = db.execute("UPDATE fleet_line SET version = version + 1 RETURNING version").fetchall()[0][0]
                _claim(db, row["person"], shared, version)
    db.execute("UPDATE fleet_line SET unclaimed = ?", int(pseudonyms.is_lost(db)))


def undo(db: Database, number: str, shared: Shared) -> None:
    """Have what is claimed of a number up to now hold no longer here, inside the transaction that is open."""
    column, person = _COLUMNS[shared], pseudonyms.both(db, number)[1]
    db.execute(f"UPDATE fleet_own SET {column} = NULL WHERE person = ?", person)
    db.execute(f"UPDATE fleet_persons SET {column}_undone = {column} WHERE person = ? AND {column} IS NOT NULL", person)


def note_elsewhere(db: Database, contact_id: int, line: str | None) -> None:
    """Note whose decision it was that a contact or its answer was refused; None takes that away."""
    if line is None:
        db.execute("DELETE FROM elsewhere WHERE contact_id = ?", contact_id)
    else:
        db.execute(
            "INSERT INTO elsewhere (contact_id, line) VALUES (?, ?) ON CONFLICT DO UPDATE SET line = excluded.line",
            contact_id,
            line,
        )


def owed(db: Database, most: int = MOST_ROWS) -> list[Claim]:
    """Return what this line claims and the hub has not committed, the oldest first."""
    rows = db.all(
        "SELECT person, version, opted_out, blocked FROM fleet_own WHERE sent < version ORDER BY version LIMIT ?", most
    )
    return [Claim(**dict(row)) for row in rows]


def met(db: Database, hub: str, version: int, shared: Collection[Shared]) -> None:
    """Commit which hub the line has before it, the highest version that it has of this line, and what is exchanged.

    At another hub, after a change of what is exchanged, or where this database is older than what it has sent, all is
    owed and read anew.
    """
    listed = json.dumps(sorted(shared))
    with db.transaction():
        now = maybe_membership(db)
        if now is None:
            raise _no_member()
        if db.value("SELECT unclaimed FROM fleet_line"):
            claim_all(db)
        if (now.hub, now.shared) == (hub, frozenset(shared)) and version <= now.version:
            return
        raised = max(now.version, version)
        db.execute("UPDATE fleet_line SET hub = ?, version = ?, cursor = 0, shared = ?", hub, raised, listed)
        # with new versions: the hub takes no version that it has had already
        db.execute(
            "UPDATE fleet_own SET sent = 0, version = ? + number FROM"
            " (SELECT person AS named, row_number() OVER (ORDER BY version) AS number FROM fleet_own)"
            " WHERE named = person",
            raised,
        )
        db.execute("UPDATE fleet_line SET version = version + (SELECT count(*) FROM fleet_own)")
        for each in set(Shared) - set(shared):
            db.execute(f"UPDATE fleet_persons SET {_COLUMNS[each]} = NULL WHERE {_COLUMNS[each]} IS NOT NULL")


def acknowledge(db: Database, sent: Iterable[tuple[str, int]]) -> None:
    """Commit what the hub has committed: persons, each up to the version that was sent."""
    with db.transaction():
        for person, version in sent:
            db.execute(
                "UPDATE fleet_own SET sent = max(sent, ?2) WHERE person = ?1 AND version >= ?2",
                person,
                version,
            )


def take(db: Database, since: int, until: int, claims: Sequence[OthersClaim], shared: Collection[Shared]) -> int:
    """Commit what others claim and that the hub was read up to a place; return how many rows are not believed.

    Where somebody else has read on from `since` meanwhile nothing is done. A claim grows and is never taken back.
    Raises RefusedError where there is no room for more.
    """
    with db.transaction():
        now = maybe_membership(db)
        if now is None:
            raise _no_member()
        if now.cursor != since:
            return 0
        held = int(db.value("SELECT count(*) FROM fleet_persons"))
        if held + len(claims) > MOST_CLAIMS:
            raise RefusedError(
                _("The line knows {number} decisions of other lines and takes no more.", number=held),
                _("Somebody floods the hub: look there who."),
            )
        believed = [each for each in claims if each.line != now.line and since < each.place <= until]
        for each in believed:
            db.execute(
                "INSERT INTO fleet_persons (person, line, opted_out, blocked) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET"
                " opted_out = nullif(max(ifnull(opted_out, 0), ifnull(excluded.opted_out, 0)), 0),"
                " blocked = nullif(max(ifnull(blocked, 0), ifnull(excluded.blocked, 0)), 0)",
                each.person,
                each.line,
                each.opted_out if Shared.OPT_OUTS in shared else None,
                each.blocked if Shared.BLOCKS in shared else None,
            )
        db.execute("UPDATE fleet_line SET cursor = ?", until)
    return len(claims) - len(believed)


def _no_member() -> RefusedError:
    return RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
