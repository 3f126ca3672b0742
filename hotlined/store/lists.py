"""The exchange of a line with the hub of its fleet: each line's whole list of those whom it refuses, and one number.

A decision holds at a line if the line made it itself, or if the last list of another line has it. So a list is sent
whole whenever it differs from the one at the hub, and nothing has to arrive in order or be remembered as undone. At the
hub (hotlined/fleet/hub.sql) a list has a number that grows with each writing, and a mark that the line draws anew.

The exchange brings what the hub has (`turn`), and is told which list to read next, or what to write. Each step may be
the last one, be late, or be done twice. The database of a line or of the hub may be restored from a backup without the
other's knowledge, and two machines may act as one line. What each rule keeps out (A and B are lines, P is a person):

S1 The list of another line is only replaced by one with a higher number. Without: P says stop at A; B takes that in;
   the hub is put back to before the stop; B asks it before A does, and answers P.
S2 A line writes only over the list that it knows by its number. If the hub's number is higher, that list is of before a
   restore, or of another machine: the line takes the list in first, and then writes both. Without: P says stop at A;
   exchange; A is restored from a backup of before; its next list has no P, and B answers P.
S3 If the hub's number is lower, the hub was put back, and the line writes its list again, with the number it knows: the
   hub goes on from there. Without: P says stop at A; the hub is put back to before; A has nothing new, and whoever
   joins later answers P.
S4 The line stores the mark of a list before it sends it. A list with that mark has arrived, even if the reply was lost,
   and is not taken in. Without: P is blocked at A, and the reply to that list is lost; P is unblocked; A takes in its
   own old list, and P is blocked again. (A digest of the list would not do: a list may come back.)

Known to be wrong: if line and hub are both restored to a time before a decision, it is lost. While two machines act as
one line, what one of them lifts comes back from the other; if the hub is put back then, other lines have the decisions
of one of them only once it has exchanged again. docs/fleet.md has the rest.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from hotlined import pseudonym
from hotlined.database_files import FLEET, beside
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.machine.clock import Now
from hotlined.states import FleetTrouble
from hotlined.store.line import line_row, pseudonyms
from hotlined.store.line.database import Database
from hotlined.store.line.elsewhere import Kinds

MOST_PERSONS = 50_000
"""The highest number of persons in a list; hub.sql has the same."""
MOST_REFUSED = 500_000
"""The highest number of persons in the lists of other lines, about 20 MB: a hub that lies cannot fill the card."""
MOST_LINES = 1000
_OCTETS = 7  # of a person in a list: six of the pseudonym, and what was decided
_KINDS = Kinds.OPTED_OUT | Kinds.BLOCKED
_LARGEST = (1 << 63) - 1
_LINE = re.compile(r"[a-z0-9][a-z0-9_]{0,21}")


# ---- the line in its fleet


@dataclass(frozen=True, slots=True)
class Member:
    """The line in its fleet: its name there, and the trouble with the hub."""

    line: str
    trouble: FleetTrouble | None
    trouble_at: str | None


def maybe_member(db: Database) -> Member | None:
    """Return the line as a member of its fleet; None if it is in no fleet."""
    if line_row.key_digests_of(db.connection)[1] is None:
        return None
    row = db.the("SELECT line, trouble, trouble_at FROM fleet")
    return Member(row["line"], FleetTrouble(row["trouble"]) if row["trouble"] else None, row["trouble_at"])


def join(db: Database, name: str, key: bytes, now: Now) -> int:
    """Commit that the line is in a fleet; return how many decisions are stored under an own pseudonym only.

    Those are shared once their number comes again. A line that joins again forgets the numbers of the others' lists,
    because a hub that lies may have named the highest ones; the lists stay. It writes its own list again, because
    others may know a higher number of it, where it was emptied and the hub then put back. Raises RefusedError if it is
    in a fleet with another key, StoreError if its own key is lost.
    """
    digest, (_own, known) = pseudonym.digest(key), line_row.key_digests_of(db.connection)
    if known not in (None, digest) or db.one("SELECT 1 FROM fleet WHERE line <> ?", name):
        raise RefusedError(
            _("The line is in a fleet already, and the invitation is of another fleet or for another line."),
            _("`hotlined fleet leave`, or `sudo hotlined-setup fleet NAME --leave`, takes it out of that one."),
        )
    with db.transaction():
        pseudonyms.pause_beside_old_key(db, now)
    pseudonyms.have_fleet_key(db, key)  # before the row: from then on the line needs the key
    pseudonyms.have_key(db, now)
    with db.transaction():
        line_row.bind_fleet_key(db, digest)
        db.execute(
            "INSERT INTO fleet (id, line) VALUES (1, ?)"
            " ON CONFLICT DO UPDATE SET trouble = NULL, trouble_at = NULL, arrived = NULL",
            name,
        )
        db.execute("DELETE FROM fleet_lists")
    return int(
        db.value(
            "SELECT count(*) FROM numbers WHERE number GLOB ? AND fleet_pseudonym IS NULL"
            " AND coalesce(blocked_at, opted_out_at) IS NOT NULL",
            pseudonym.GLOB,
        )
    )


def leave(db: Database) -> int:
    """Commit that the line is in no fleet; return how many persons other lines refused, which holds here no longer."""
    lifted = sum(refused(db).values())
    with db.transaction():
        for table in ("fleet", "fleet_lists", "fleet_refused"):
            db.execute(f"DELETE FROM {table}")
        db.execute("UPDATE numbers SET fleet_pseudonym = NULL WHERE fleet_pseudonym IS NOT NULL")
        line_row.bind_fleet_key(db, None)
    beside(db.path, FLEET).unlink(missing_ok=True)
    return lifted


def refused(db: Database) -> dict[str, int]:
    """Return how many persons each other line refuses."""
    sql = "SELECT line, count(*) FROM fleet_refused WHERE line NOT IN (SELECT line FROM fleet) GROUP BY line"
    return dict(map(tuple, db.all(sql)))


def is_unsent(db: Database) -> bool:
    """Tell whether the hub lacks this line's present list."""
    return bool(db.value("SELECT arrived FROM fleet") != _digest(pack(own_list(db))))


def maybe_name(db: Database, person: str) -> str | None:
    """Return the name in this database of a person whom the fleet's pseudonym means; reads all names.

    That may be a pseudonym of the line, as of an opt-out that was kept. None if no name here is of that person.
    """
    key = pseudonyms.maybe_fleet_key(db)
    row = db.one("SELECT number FROM numbers WHERE fleet_pseudonym = ?", person)
    names = db.rows(
        "SELECT originator FROM contacts UNION SELECT other_originator FROM contacts"
        " UNION SELECT recipient FROM answers UNION SELECT number FROM numbers"
    )
    found = (
        name for (name,) in names if key and name and not pseudonym.is_one(name) and pseudonym.of(key, name) == person
    )
    return next(found, row["number"] if row else None)


# ---- lists


def own_list(db: Database) -> dict[str, Kinds]:
    """Return whom this line refuses by its own decision, by the fleet's pseudonym."""
    key = pseudonyms.maybe_fleet_key(db)
    persons = {
        person: Kinds(kinds)
        for person, kinds in db.all("SELECT person, kinds FROM fleet_refused WHERE line = (SELECT line FROM fleet)")
    }
    for number, known, opted_out, blocked in db.all(
        "SELECT number, fleet_pseudonym, opted_out_at IS NOT NULL, blocked_at IS NOT NULL FROM numbers"
        " WHERE opted_out_at IS NOT NULL OR blocked_at IS NOT NULL"
    ):
        person = known or (pseudonym.of(key, number) if key and not pseudonym.is_one(number) else None)
        if person:
            kinds = Kinds.OPTED_OUT * opted_out | Kinds.BLOCKED * blocked
            persons[person] = Kinds(persons.get(person, 0) | kinds)
    return persons


def pack(persons: Mapping[str, Kinds]) -> bytes:
    """Return a list as the hub stores it: of each person the pseudonym and what was decided, sorted."""
    return b"".join(
        bytes.fromhex(person[1:]) + bytes([persons[person]]) for person in islice(sorted(persons), MOST_PERSONS)
    )


def unpack(octets: bytes) -> dict[str, Kinds]:
    """Return the persons of a list; raises ValueError for anything else."""
    if len(octets) % _OCTETS or len(octets) > MOST_PERSONS * _OCTETS:
        raise ValueError
    return {
        pseudonym.NOBODY + octets[at : at + _OCTETS - 1].hex(): Kinds(kinds)
        for at in range(0, len(octets), _OCTETS)
        if (kinds := octets[at + _OCTETS - 1] & _KINDS)
    }


def _digest(octets: bytes) -> str:
    import hashlib  # noqa: PLC0415  it loads OpenSSL, 4 MiB

    return hashlib.sha256(octets).hexdigest()


# ---- the exchange


class _List(NamedTuple):
    """A list as the hub has it."""

    line: str
    number: int
    mark: str | None
    octets: bytes


class _Brought(NamedTuple):
    """The digest of the hub's key, the numbers of all lists there, and a list that was read or written."""

    key: str
    numbers: dict[str, int]
    read: _List | None
    written: _List | None


def turn(db: Database, brought: Mapping[str, Any] | None, now: Now) -> dict[str, Any]:
    """Commit what the exchange brings from the hub; return what it does next.

    That is `line`, and `read`, the name of a list, or `write`, a list to write; with neither, both sides are done.
    `taken_back` is true if an own list was taken in that this database did not send. Raises RefusedError for a line in
    no fleet, StoreError if a key is lost.
    """
    member = maybe_member(db)
    if member is None:
        raise RefusedError(_("The line is in no fleet."), _("The person who runs the hub invites it."))
    pseudonyms.require_key(db, now)
    if brought is None:
        return {"line": member.line}
    with db.transaction():
        try:
            found = _read(brought)
            if found.key != line_row.key_digests_of(db.connection)[1]:
                _note(db, FleetTrouble.OTHER_KEY, now)
                return {"line": member.line}
            is_taken_back = _take(db, member.line, found)
            following = _next(db, member.line, found.numbers)
        except (KeyError, TypeError, ValueError):
            _note(db, FleetTrouble.REFUSED, now)
            return {"line": member.line}
        if not following:
            _note(db, None, now)
    return {"line": member.line, "taken_back": is_taken_back, **following}


def _take(db: Database, me: str, brought: _Brought) -> bool:
    """Take in a list that was read or written; return whether it is an own one that this database did not send."""
    state = db.the("SELECT number, mark FROM fleet")
    if brought.written and brought.written.mark == state["mark"]:
        _note_arrived(db, brought.written)
    found = brought.read
    if found is None:
        return False
    persons = unpack(found.octets)
    if found.line != me:
        known = db.one("SELECT number FROM fleet_lists WHERE line = ?", found.line)
        if known is None or found.number > known["number"]:  # S1
            _replace(db, found, persons)
        return False
    if found.number <= state["number"]:
        return False
    if found.mark and found.mark == state["mark"]:  # S4
        _note_arrived(db, found)
        return False
    # a line that has joined again has to write, whatever is there
    db.execute(
        "UPDATE fleet SET number = ?, arrived = iif(arrived IS NULL, NULL, ?)", found.number, _digest(found.octets)
    )
    own = own_list(db)  # S2
    for person, kinds in persons.items():
        if lost := kinds & ~own.get(person, Kinds(0)):
            db.execute(
                "INSERT INTO fleet_refused VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET kinds = kinds | excluded.kinds",
                person,
                me,
                int(lost),
            )
    return bool(persons)


def _note_arrived(db: Database, found: _List) -> None:
    db.execute("UPDATE fleet SET number = ?, arrived = ?", found.number, _digest(found.octets))


def _replace(db: Database, found: _List, persons: Mapping[str, Kinds]) -> None:
    """Replace the list of another line; what stays is not written. Raises ValueError if there is no room for it."""
    others = db.value("SELECT count(*) FROM fleet_refused WHERE line <> ?", found.line)
    if others + len(persons) > MOST_REFUSED:
        raise ValueError
    before = dict(map(tuple, db.all("SELECT person, kinds FROM fleet_refused WHERE line = ?", found.line)))
    for person in before.keys() - persons.keys():
        db.execute("DELETE FROM fleet_refused WHERE person = ? AND line = ?", person, found.line)
    for person, kinds in persons.items() - before.items():
        db.execute("INSERT OR REPLACE INTO fleet_refused VALUES (?, ?, ?)", person, found.line, int(kinds))
    db.execute("INSERT OR REPLACE INTO fleet_lists VALUES (?, ?)", found.line, found.number)


def _next(db: Database, me: str, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return which list to read next, or what to write; empty if neither side has anything new."""
    known = dict(map(tuple, db.all("SELECT line, number FROM fleet_lists")))
    new = [name for name, number in numbers.items() if name != me and number > known.get(name, -1)]
    if new:
        return {"read": min(new)}
    state = db.the("SELECT number, arrived FROM fleet")
    there = numbers[me]
    if there > state["number"]:  # S2
        return {"read": me}
    octets = pack(own_list(db))
    if there == state["number"] and _digest(octets) == state["arrived"]:  # S3
        return {}
    mark = secrets.token_hex(8)
    db.execute("UPDATE fleet SET mark = ?", mark)
    return {
        "write": {"list": base64.b64encode(octets).decode(), "mark": mark, "number": state["number"], "over": there},
    }


def _note(db: Database, trouble: FleetTrouble | None, now: Now) -> None:
    """Record the trouble with the hub, and its beginning, if it has changed."""
    db.execute(
        "UPDATE fleet SET trouble = ?, trouble_at = ? WHERE trouble IS NOT ?",
        trouble,
        now.rfc3339 if trouble else None,
        trouble,
    )


# ---- the form of what the exchange brings


def _read(brought: Mapping[str, Any]) -> _Brought:
    """Return what the exchange brings; raises KeyError, TypeError or ValueError if its form is wrong."""
    numbers = {_text(name, _LINE): _number(number) for name, number in dict(brought["numbers"]).items()}
    if len(numbers) > MOST_LINES:
        raise ValueError
    read, written = (None if brought[each] is None else _read_list(brought[each]) for each in ("read", "written"))
    return _Brought(str(brought["key"]), numbers, read, written)


def _read_list(found: Mapping[str, Any]) -> _List:
    mark = found["mark"]
    if not isinstance(mark, str | None) or not isinstance(found["list"], str):
        raise TypeError
    octets = base64.b64decode(found["list"], validate=True)
    return _List(_text(found["line"], _LINE), _number(found["number"]), mark, octets)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _text(value: object, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError
    return value
