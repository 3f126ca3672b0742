"""What this line tells its fleet of persons that it decided about or erased, and what the other lines tell of theirs.

A row of a person has a version, which only the line that it is of raises. Nothing that comes from the hub takes a row
back: a claim is undone by a line alone, which has to have seen it. A line that is in no fleet has nothing here and does
nothing here. A person that was erased stays here as a pseudonym: that it was, and what was decided about it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.states import DecisionKind, EventKind
from hotlined.store import claims, pseudonyms
from hotlined.store.claims import Claim, Placed, Undone
from hotlined.store.database import Database
from hotlined.store.line import needs_rebuild

MOST_ROWS = 500
"""The most rows that are sent to the hub, or handed in at the control socket, at once."""
LARGEST_BATCH = 200_000
"""The most characters that those rows have: a line of the control socket has an end."""
MOST_STORED = 500_000
"""The most rows of other lines that are kept, about 40 MB: a hub that lies does not fill the card."""
ONE_ERASURE = True
"""Whether a transaction erases one person at most: the daemon waits for it no longer than for `forget`."""
ERASED_SECONDS = 7 * 86_400.0
"""How far back `erased_elsewhere` counts the persons whom other lines had erased here."""
_TABLES = (
    "fleet_line",
    "fleet_own",
    "fleet_persons",
    "fleet_kept",
    "fleet_answers_line",
    "fleet_answers_own",
    "fleet_answers",
)
"""All that a line knows of its fleet."""
_COLUMNS = {DecisionKind.OPT_OUTS: "opted_out", DecisionKind.BLOCKS: "blocked"}


@dataclass(frozen=True, slots=True)
class Membership:
    """The line's name in its fleet, its hub and what is exchanged there.

    The hub was read up to the place `cursor`. Up to the place `recall` the line reads its own rows back, too: its
    database is older than they are.
    """

    line: str
    hub: str | None
    version: int
    cursor: int
    recall: int
    exchanged: frozenset[DecisionKind]


@dataclass(frozen=True, slots=True)
class Followed:
    """A decision about a person that this line follows: a block or opt-out holds, or no longer; `line` decided so."""

    person: str
    kind: DecisionKind
    holds: bool
    line: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """The erasure of a person, which a line ordered; `at` is when, None where its clock was not synchronised."""

    person: str
    line: str
    at: str | None
    own: bool
    """Whether this line ordered it itself, and lost that with its database."""


class Consequences(Protocol):
    """What carries out on this line what rows of lines call for, inside the transaction in which these are taken."""

    def names(self, persons: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return for persons the names under which this line has rows of them; not in the transaction: it is slow."""

    def follow(self, followed: Sequence[Followed]) -> None:
        """Record the decisions that hold here from now on, or no longer."""

    def maybe_erasure(self, names: Sequence[str]) -> Callable[[Ordered], None] | None:
        """Return what erases the person of these names, given an order; None while an answer to it is being sent."""


def maybe_membership(db: Database) -> Membership | None:
    """Return the line's place in a fleet, None where it is in none."""
    row = db.one("SELECT line, hub, version, cursor, recall, shared FROM fleet_line")
    if row is None:
        return None
    exchanged = frozenset(map(DecisionKind, json.loads(row["shared"])))
    return Membership(row["line"], row["hub"], row["version"], row["cursor"], row["recall"], exchanged)


def join(db: Database, line: str) -> int:
    """Make the line a member, inside the transaction that is open; return how many persons it claims something of."""
    # who joins again sends and reads all anew, whatever a hub has said before
    sql = "INSERT INTO fleet_line (id, line) VALUES (1, ?) ON CONFLICT DO UPDATE SET line = excluded.line, hub = NULL"
    db.execute(sql, line)
    claim_all(db)
    return int(db.value("SELECT count(*) FROM fleet_own"))


def leave(db: Database, now: Now) -> int:
    """Make the line a member of no fleet, inside the transaction that is open; return how many persons stay refused.

    They are those whom other lines have opted out or blocked, this one too or not: that is its own decision now.
    """
    # max() is 1 where one line's claim holds; where a line claims nothing the comparison is NULL, which max() skips
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

    Without the pseudonyms' key it cannot be claimed: it is noted that it is to be done.
    """
    rows = db.execute("UPDATE fleet_line SET version = version + 1 RETURNING version").fetchall()
    if not rows:
        return
    person = pseudonyms.person(db, number)
    if person == number and db.one("SELECT 1 FROM numbers WHERE number = ? AND former", number):
        return  # nobody else knows whose pseudonym that is
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
    """Undo every claim about a number that this line has seen, of whichever line.

    It runs inside the transaction that is open. What is claimed elsewhere at the same time, or later, holds.
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


def erase(db: Database, name: str, now: Now) -> None:
    """Order that the lines of the fleet erase a person, inside the transaction in which this line does.

    Blocks that this line has seen are undone, opt-outs stay. A line in no fleet orders nothing.
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
    """Note whose decision it was that a contact or its answer was refused; None takes that away."""
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
    """Return a row without what is not exchanged."""
    undone = {each: lines for each, lines in claims.undone_of(claim.undone).items() if each in exchanged}
    return replace(
        claim,
        opted_out=claim.opted_out if DecisionKind.OPT_OUTS in exchanged else None,
        blocked=claim.blocked if DecisionKind.BLOCKS in exchanged else None,
        undone=claims.written(undone),
    )


def count_formerly(db: Database) -> int:
    """Return how many persons are decided about under former pseudonyms alone: that cannot be shared."""
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
            claim_all(db)
        member = maybe_membership(db)
        if member is None:
            raise _no_member()
        # only a row with the line's signature counts: else a hub could make one up that has the highest version of all
        if highest and not (highest.line == member.line and highest.is_signed(key)):
            highest = None
        is_older = highest is not None and _is_older(db, highest, member.exchanged)
        if (member.hub, member.exchanged) == (hub, frozenset(exchanged)) and not is_older:
            _go_on(db, member, top, highest.version if highest else 0)
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


def _go_on(db: Database, member: Membership, top: int, highest_version: int) -> None:
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
    """Tell whether this database is older than a row of its own line, or has another one of that version."""
    row = db.one(
        "SELECT person, version, opted_out, blocked, undone, erased, erased_at FROM fleet_own WHERE person = ?",
        highest.person,
    )
    if row is None or row["version"] < highest.version:
        return True
    own = _limited(Claim(highest.line, **dict(row)), exchanged)
    if own.version > highest.version:
        return False
    # another line may have undone what is claimed; nothing else changes without a new version
    if any(own.of(each) not in (None, highest.of(each)) for each in DecisionKind):
        return True
    return (own.undone, own.erased, own.erased_at) != (highest.undone, highest.erased, highest.erased_at)


def acknowledge(db: Database, sent: Iterable[tuple[str, int]]) -> None:
    """Commit which rows the hub has committed: each by its person, up to the version that was sent."""
    with db.transaction():
        for person, version in sent:
            # a row that has changed since it was sent has a higher version, and is still to be sent
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

    Return how many rows are not believed. It ends before an erasure that has to wait: the hub is read up to there then.
    Nothing is done where another program has read further meanwhile. Raises RefusedError where there is no room for
    more.
    """
    since, until = span
    sound = {
        each.place: _limited(each.row, exchanged)
        for each in placed
        if since < each.place <= until and _is_sound(each.row) and each.row.is_signed(key)
    }
    names = consequences.names({claim.person for claim in sound.values() if claim.erased})
    with db.transaction():
        now = maybe_membership(db)
        if now is None:
            raise _no_member()
        if now.cursor != since or until <= since:
            return 0
        stored = int(db.value("SELECT count(*) FROM fleet_persons"))
        if stored + len(placed) > MOST_STORED:
            raise RefusedError(
                _("The line knows {number} decisions of other lines and takes no more.", number=stored),
                _("Somebody floods the hub: look there who."),
            )
        reached = _carry_out(db, sound, now.line, names, consequences)
        until = until if reached is None else reached
        db.execute("UPDATE fleet_line SET cursor = ?", until)
        confirm(db)
    return sum(each.place not in sound for each in placed if each.place <= until or reached is None)


def _carry_out(
    db: Database,
    sound: Mapping[int, Claim],
    here: str,
    names: Mapping[str, Sequence[str]],
    consequences: Consequences,
) -> int | None:
    """Keep rows of lines and do what they call for; return the place before an erasure that must wait, or None."""
    followed: list[Followed] = []

    def follow() -> None:
        consequences.follow(list({(each.person, each.kind): each for each in followed}.values()))  # the last words
        followed.clear()

    reached, erased = None, False
    for place, claim in sorted(sound.items()):
        ordered = _maybe_ordered(db, claim, here)
        known = names[claim.person] if ordered else ()
        erase = consequences.maybe_erasure(known) if known and not (erased and ONE_ERASURE) else None
        if known and erase is None:
            reached = place - 1
            break
        followed += _recalled(db, claim) if claim.line == here else _heard(db, claim, here)
        if ordered and erase:
            follow()  # a block that is undone goes before what is erased
            erase(ordered)
            erased = True
    follow()
    return reached


def _maybe_ordered(db: Database, claim: Claim, here: str) -> Ordered | None:
    """Return the erasure that a row orders; None where it is known, or it orders none."""
    if claim.erased is None:
        return None
    if claim.line == here:
        known = db.one("SELECT erased FROM fleet_own WHERE person = ?", claim.person)
    else:
        known = db.one("SELECT erased FROM fleet_persons WHERE person = ? AND line = ?", claim.person, claim.line)
    if known and claim.erased <= (known["erased"] or 0):
        return None
    return Ordered(claim.person, claim.line, claim.erased_at, own=claim.line == here)


def confirm(db: Database) -> None:
    """Record that no file holds what was erased up to where the hub was read; do nothing where one may hold it.

    It runs inside the transaction that is open.
    """
    if not needs_rebuild(db):
        db.execute("UPDATE fleet_line SET confirmed = cursor")


def is_unconfirmed(db: Database) -> bool:
    """Tell whether a file may hold a copy of what was erased by orders that were read at the hub."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM fleet_line WHERE confirmed < cursor)"))


def confirmed(db: Database) -> int:
    """Return the place at the hub up to which the line has carried out all orders, so that no file holds a copy."""
    return int(db.value("SELECT min(confirmed, cursor) FROM fleet_line"))


def unsent_erasures(db: Database) -> list[str | None]:
    """Return when this line erased those whose erasure the hub has not committed; None where the clock was not sure."""
    return [row["erased_at"] for row in db.all("SELECT erased_at FROM fleet_own WHERE erased > sent ORDER BY version")]


def kept(db: Database) -> list[int]:
    """Return the contacts of persons whom another line has erased that are kept here."""
    return [row["contact_id"] for row in db.all("SELECT contact_id FROM fleet_kept ORDER BY contact_id")]


def erased_elsewhere(db: Database, now: Now) -> list[tuple[str, int]]:
    """Return how many persons were erased here in seven days, by the limit clock, and which line ordered it."""
    rows = db.all(
        "SELECT line, count(*) AS persons FROM events"
        f" WHERE kind = '{EventKind.FORGET_ELSEWHERE}' AND at_limit > ?"
        " GROUP BY line ORDER BY persons DESC, line LIMIT ?",
        now.limit - ERASED_SECONDS,
        claims.MOST_LINES,
    )
    return [(row["line"], row["persons"]) for row in rows]


def _is_sound(claim: Claim) -> bool:
    try:
        claims.undone_of(claim.undone)
    except (ValueError, RecursionError):
        return False
    return True


def _heard(db: Database, claim: Claim, here: str) -> list[Followed]:
    """Keep the row of another line; return the decisions of this line that follow from it."""
    followed = []
    _grow(db, claim.person, claim.line, {kind: claim.of(kind) for kind in DecisionKind}, "")
    if claim.erased:
        db.execute(
            "INSERT INTO fleet_persons (person, line, erased) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET erased = max(ifnull(erased, 0), excluded.erased)",
            claim.person,
            claim.line,
            claim.erased,
        )
    for kind, lines in claims.undone_of(claim.undone).items():
        for line, said in lines.items():
            version = min(said, claims.MOST_UNDONE)
            if line != here:
                _grow(db, claim.person, line, {kind: version}, "_undone")
                continue
            # what was undone before this line has said it was invented: all that it says from now on is later
            db.execute("UPDATE fleet_line SET version = ?1 WHERE version < ?1", version)
            if _undo_own(db, claim.person, kind, version):
                followed.append(Followed(claim.person, kind, holds=False, line=claim.line))
    return followed


def _grow(db: Database, person: str, line: str, versions: Mapping[DecisionKind, int | None], ending: str) -> None:
    """Raise what is known of a person's claims at a line, or of what is undone of them; nothing is ever lowered."""
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
    """Take away what this line claims of a person, up to a version; tell whether it claimed it."""
    column = _COLUMNS[kind]
    sql = f"UPDATE fleet_own SET {column} = NULL WHERE person = ? AND {column} <= ?"
    return db.execute(sql, person, version).rowcount > 0


def _recalled(db: Database, claim: Claim) -> list[Followed]:
    """Take back what this line said itself and lost since, with its database; return what holds again."""
    erased = _maybe_ordered(db, claim, claim.line)
    own = db.one("SELECT undone, opted_out, blocked FROM fleet_own WHERE person = ?", claim.person)
    undone = claims.merged(claims.undone_of(own["undone"]) if own else {}, claims.undone_of(claim.undone))
    known = {kind: own[column] if own else None for kind, column in _COLUMNS.items()}
    back = {
        kind: version
        for kind in DecisionKind
        if (version := claim.of(kind)) and version > max(undone[kind].get(claim.line, 0), known[kind] or 0)
    }
    over = [kind for kind in DecisionKind if kind not in back and _undo_recalled(db, claim, kind, undone)]
    if not back and not over and not erased and own and claims.written(undone) == own["undone"]:
        return []
    db.execute(
        "INSERT INTO fleet_own (person, version, undone) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, undone = excluded.undone",
        claim.person,
        _next_version(db),
        claims.written(undone),
    )
    for kind, version in back.items():
        db.execute(f"UPDATE fleet_own SET {_COLUMNS[kind]} = ? WHERE person = ?", version, claim.person)
    if erased:
        sql = "UPDATE fleet_own SET erased = ?, erased_at = ? WHERE person = ?"
        db.execute(sql, claim.erased, claim.erased_at, claim.person)
    for kind, lines in undone.items():
        for line, version in lines.items():
            if line != claim.line:
                _grow(db, claim.person, line, {kind: version}, "_undone")
    return [Followed(claim.person, kind, holds=kind in back, line=claim.line) for kind in (*back, *over)]


def _undo_recalled(db: Database, claim: Claim, kind: DecisionKind, undone: Undone) -> bool:
    return _undo_own(db, claim.person, kind, undone[kind].get(claim.line, 0))


def _no_member() -> RefusedError:
    return RefusedError(_("This line is in no fleet."), _("`hotlined fleet join FILE` makes it a member."))
