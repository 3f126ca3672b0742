"""The knowledge that the lines of a fleet share: a row for each line and person, written by that line alone.

A row is what its line says of the person now: opted out, blocked, how many answers and when the last, and whether the
other lines are asked to erase the person. A decision holds at a line if it made the decision itself, or if the present
row of another line has it. No line undoes another's decision, and none erases for another, so a decision that was
undone need not be remembered. A person is a pseudonym under the fleet's key (`fleet_said.person`); beside it is the
pseudonym under the line's own key. The hub has neither key.

The line asks one question (`question`), the hub answers it in one transaction (hotlined/fleet/hub.sql), and the line
takes in the answer (`take`). Each of the three may be lost, late or done twice. The database of a line or of the hub
may be restored from a backup, and the other side is not informed. A line composes its rows from its tables when it
sends them: `fleet_said` only has their versions. Statements that this line sent before a restore and has lost by it are
in `fleet_heard`, under its own name. The rules, and what happens without each (A and B are lines, P is a person):

R1 The line remembers the highest version of its rows that the hub had (`base`); the hub takes a batch only if it still
   has that one as the highest. Without: backup of A; P says stop at A; exchange; A is restored and makes as many new
   decisions as it had lost; exchange. The hub drops the new rows as old, A believes that they were sent, and P is
   answered.
R2 A version grows by a random step. Without: the same, because A reaches exactly the version that the hub has.
R3 Whatever the mismatch (another hub, another highest version, a cursor above the hub's last place), the line reads all
   rows again, its own, too; only then every row gets a version above all that the hub has, and is sent. Without: A is
   restored and says something else of P first; its row without the stop replaces the row with it, everywhere.
R4 A line believes an own row from the hub only if the version is above the one that the hub had acknowledged, and is
   not under way; so the batch under way is stored as it was composed. Without: P is blocked; backup of the hub; P is
   unblocked; the hub is restored: A reads its own old block and blocks P again.
R5 The place of a row at the hub is at least the hub's clock. Without: the hub is restored to place 3, while B has read
   up to 4; P says stop at A, and that row gets place 4, A's next row 5: B never reads of the stop.
R6 A row of another line is only replaced by a newer one, and never removed because the hub lacks it. Without: an empty
   hub is set up, B asks it before A does, and B answers P, who said stop to A.
R7 A request for erasure is identified by the version of the row at that moment, and each line notes which request it
   has answered. Without (one number for all lines): A asks, B answers, C asks with a number that is not higher: B never
   lists that request.
C8 The answers that a restore lost are the hub's count minus those that the database has at that moment. Without: A
   answers; backup of A; exchange; A is restored; the hub's count is added to A's own, and one answer counts twice.
C9 Lifting a block or an opt-out writes a row even if there is none. Without: line and hub were both restored, and only
   other lines still know what A had said of P; they refuse P for ever.

Known to be wrong: if line and hub are both restored to a time before a decision, both forget it, though other lines may
not; what a line had not sent yet when it was restored is lost. docs/fleet.md has the rest.
"""

import json
import random
import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from hotlined import pseudonym
from hotlined.clock import Now, parse_rfc3339, rfc3339
from hotlined.database_files import FLEET, beside
from hotlined.errors import RefusedError
from hotlined.forms import Time
from hotlined.language import _
from hotlined.policy import History, Reason
from hotlined.states import FleetTrouble, Shared
from hotlined.store.line import history, pseudonyms
from hotlined.store.line.database import Database

MOST_ROWS = 200
"""The highest number of rows in a question or an answer."""
MOST_HEARD = 500_000
"""The highest number of stored rows of other lines, about 40 MB: a hub that lies cannot fill the card."""
RENEWALS_SECONDS = 3600.0
"""All rows are read again twice in this time at most: two machines that act as one line would repeat it for ever."""
_STEP = 1_000_000  # R2; a line that speaks of a million persons, a hundred times each, stays far below 2**53
_LATEST = 1 << 53  # the highest clock or version that a hub may send: the year 2255, in microseconds
_LARGEST = 1 << 60  # the highest version of another line, which may have got a false one from its own hub
_MOST_ANSWERS = 1_000_000
_COLUMNS = {Shared.OPT_OUTS: "opted_out_at", Shared.BLOCKS: "blocked_at"}
_LINE = re.compile(r"[a-z0-9][a-z0-9_]{0,21}")
_PERSON = re.compile(r"~[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HUB = re.compile(r"[0-9a-f-]{36}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(\+00:00|Z)", re.ASCII)


# ---- the line in its fleet


@dataclass(frozen=True, slots=True)
class Member:
    """The line in its fleet: its name there, what is shared, the hub that it knows, and the trouble with that hub."""

    line: str
    shared: frozenset[Shared]
    hub: str | None
    trouble: FleetTrouble | None
    trouble_at: str | None
    version: int
    """Grows whenever the line has something new for the others."""


def maybe_member(db: Database) -> Member | None:
    """Return the line as a member of its fleet; None if it is in no fleet."""
    row = db.one("SELECT line, shared, hub, trouble, trouble_at, version FROM fleet WHERE id = 1")
    if row is None:
        return None
    shared = frozenset(map(Shared, json.loads(row["shared"])))
    trouble = FleetTrouble(row["trouble"]) if row["trouble"] else None
    return Member(row["line"], shared, row["hub"], trouble, row["trouble_at"], row["version"])


def join(db: Database, line: str, key: bytes, now: Now) -> int:
    """Commit that the line is in a fleet; return how many decisions are stored under an own pseudonym only.

    Those are shared once their number comes again. A line that is invited again reads all rows again. Raises
    RefusedError if it is in a fleet with another key, StoreError if its own key is lost.
    """
    digest = pseudonym.digest(key)
    if db.one("SELECT 1 FROM fleet WHERE key_digest <> ? OR line <> ?", digest, line):
        raise RefusedError(
            _("The line is in a fleet already, and the invitation is of another fleet or for another line."),
            _("`hotlined fleet leave`, or `sudo hotlined-setup fleet NAME --leave`, takes it out of that one."),
        )
    with db.transaction():
        pseudonyms.pause_beside_old_key(db, now)
    pseudonyms.have_fleet_key(db, key)  # before the row: from then on the line needs the key
    pseudonyms.have_key(db, now)
    with db.transaction():
        # `hub` is forgotten, so that all is read again (R3), whatever the hub's admin has removed meanwhile
        db.execute(
            "INSERT INTO fleet (id, line, key_digest) VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET hub = NULL,"
            " anew = 1, trouble = NULL, trouble_at = NULL",
            line,
            digest,
        )
    return int(
        db.value(
            "SELECT count(*) FROM numbers WHERE number GLOB ? AND (blocked_at IS NOT NULL OR opted_out_at IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM fleet_said WHERE own = numbers.number)",
            pseudonym.GLOB,
        )
    )


class DecidedElsewhere(NamedTuple):
    """The number of opt-outs and blocks of other lines that hold at this one."""

    opt_outs: int
    blocks: int


def counts(db: Database) -> DecidedElsewhere:
    """Return the number of opt-outs and blocks of other lines that hold here."""
    return DecidedElsewhere(*db.the("SELECT count(opted_out_at), count(blocked_at) FROM fleet_heard"))


def leave(db: Database) -> DecidedElsewhere:
    """Commit that the line is in no fleet; return the number of other lines' decisions that no longer hold here."""
    lifted = counts(db)
    with db.transaction():
        for table in ("fleet", "fleet_said", "fleet_heard"):
            db.execute(f"DELETE FROM {table}")
    beside(db.path, FLEET).unlink(missing_ok=True)
    return lifted


# ---- the rows of this line


def touch(db: Database, name: str) -> None:
    """Note that the line's row of a number or name has changed, inside the transaction that changes it.

    Does nothing if only the line's own pseudonym is known: the fleet's pseudonym of it is unknown then.
    """
    if name == pseudonym.NOBODY or not db.one("SELECT 1 FROM fleet WHERE id = 1"):
        return
    met = person(db, name)
    if met is None:
        return
    own = pseudonyms.names(db, name)[1] if name != met else ""
    before = db.one("SELECT own FROM fleet_said WHERE person = ?", met)
    db.execute(
        "INSERT INTO fleet_said (person, own, number, version) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " own = coalesce(excluded.own, own), number = coalesce(excluded.number, number), version = excluded.version",
        met,
        own if pseudonym.is_one(own) else None,
        None if pseudonym.is_one(name) else name,
        _next_version(db),
    )
    if before and before["own"] is None:  # C8: only now it is known whose lost answers these are
        had = _answered(db, met).answers
        sql = (
            "UPDATE fleet_heard SET answers = max(0, answers - ?) WHERE person = ? AND line IN (SELECT line FROM fleet)"
        )
        db.execute(sql, had, met)


def meet(db: Database, name: str) -> None:
    """Note that a number came, in case its decisions or answers are only stored under its own pseudonym.

    It runs inside the transaction that is open.
    """
    met = person(db, name)
    if met is None or db.one("SELECT 1 FROM fleet_said WHERE person = ? AND own IS NOT NULL", met):
        return
    found = history.own_of(db, name, shadow=False)
    if found.answers or found.blocked or found.opted_out:
        touch(db, name)


def lift(db: Database, name: str, column: str) -> bool:
    """Lift a decision that this line had sent and lost, inside the open transaction; tell whether there was one.

    The row is sent in any case: other lines may know of a decision that no database here has (C9).
    """
    met = person(db, name)
    touch(db, name)
    if met is None:
        return False
    return bool(
        db.execute(
            f"UPDATE fleet_heard SET {column} = NULL WHERE person = ? AND line IN (SELECT line FROM fleet)"
            f" AND {column} IS NOT NULL RETURNING 1",
            met,
        ).fetchall()
    )


def forget(db: Database, name: str, now: Now, *, asks: bool) -> None:
    """Note that a person is erased here, which answers every request for it, inside the transaction that erases.

    With `asks` the other lines are asked to erase the person, too. Opt-outs stay.
    """
    met = person(db, name)
    if met is None:
        return
    if asks or db.one("SELECT 1 FROM fleet_said WHERE person = ?", met):
        touch(db, name)
    db.execute("UPDATE fleet_said SET number = NULL WHERE person = ?", met)
    if asks:
        db.execute("UPDATE fleet_said SET asked = version, asked_at = ? WHERE person = ?", now.rfc3339, met)
    db.execute("UPDATE fleet_heard SET confirmed = asked WHERE person = ?", met)
    db.execute(
        "UPDATE fleet_heard SET blocked_at = NULL, answers = 0, last_limit = NULL"
        " WHERE person = ? AND line IN (SELECT line FROM fleet)",
        met,
    )


def unsent(db: Database) -> int:
    """Return the number of this line's rows that the hub has not acknowledged."""
    return int(db.value("SELECT count(*) FROM fleet_said WHERE version > sent"))


def _next_version(db: Database) -> int:
    step = random.SystemRandom().randrange(1, _STEP + 1)
    return int(db.execute("UPDATE fleet SET version = version + ? RETURNING version", step).fetchall()[0][0])


def _say_all(db: Database, shared: Collection[Shared]) -> None:
    """Note that every row of this line is to be sent anew, inside the transaction that is open."""
    names = db.all("SELECT number FROM numbers WHERE blocked_at IS NOT NULL OR opted_out_at IS NOT NULL")
    if Shared.ANSWERS in shared:
        names += db.all("SELECT DISTINCT recipient FROM answers WHERE by_hand IS NULL")
    for name in sorted({name for (name,) in names}):
        touch(db, name)
    _renew(db)


def _renew(db: Database) -> None:
    """Give every row of this line a new version, in the order of the old ones."""
    for row in db.all("SELECT person FROM fleet_said ORDER BY version"):
        db.execute("UPDATE fleet_said SET version = ? WHERE person = ?", _next_version(db), row["person"])


def _answered(db: Database, met: str) -> History:
    """Return this line's own history of a person, without other lines."""
    row = db.the("SELECT coalesce(number, own) AS name FROM fleet_said WHERE person = ?", met)
    return history.own_of(db, row["name"], shadow=False)


# ---- the rows that hold here


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another line's decisions about a person and the number of its answers, as far as this line shares those."""

    line: str
    opted_out_at: Time | None
    blocked_at: Time | None
    answers: int


def person(db: Database, name: str) -> str | None:
    """Return the fleet's pseudonym of a number, a name or an own pseudonym; None if it has none."""
    if pseudonym.is_one(name):
        row = db.one(
            "SELECT person FROM fleet_said WHERE own = :name UNION SELECT person FROM fleet_heard WHERE person = :name",
            name=name,
        )
        return row["person"] if row else None
    key = pseudonyms.maybe_fleet_key(db)
    return pseudonym.of(key, name) if key else None


def elsewhere(db: Database, name: str) -> list[Elsewhere]:
    """Return the rows of other lines about a number or name."""
    met = person(db, name)
    member = maybe_member(db) if met else None
    if met is None or member is None:
        return []
    columns = Elsewhere.__dataclass_fields__
    return [
        Elsewhere(**{column: row[column] for column in columns})
        for row in _heard(db, member, met)
        if row["line"] != member.line
    ]


def _heard(db: Database, member: Member, met: str) -> list[sqlite3.Row]:
    """Return the rows of `fleet_heard` about a person that say anything in the fields that this line shares."""
    rows = db.all(
        "SELECT line, iif(?, opted_out_at, NULL) AS opted_out_at, iif(?, blocked_at, NULL) AS blocked_at,"
        " iif(?, answers, 0) AS answers, last_limit FROM fleet_heard WHERE person = ? ORDER BY line",
        *(kind in member.shared for kind in (Shared.OPT_OUTS, Shared.BLOCKS, Shared.ANSWERS)),
        met,
    )
    return [row for row in rows if row["opted_out_at"] or row["blocked_at"] or row["answers"]]


def with_others(db: Database, known: History, number: str, other: str | None) -> History:
    """Return the history of a number for the limits together with other lines' rows."""
    met = person(db, number)
    member = maybe_member(db) if met else None
    if met is None or member is None:
        return known
    rows = _heard(db, member, met)
    decided = rows + (_heard(db, member, named) if other and (named := person(db, other)) else [])
    blocked = [row["line"] for row in decided if row["blocked_at"]]
    opted_out = [row["line"] for row in decided if row["opted_out_at"]]
    answered = [row["line"] for row in rows if row["answers"]]
    moments = [known.last_answer, *(row["last_limit"] for row in rows if row["answers"])]
    counted = sum(row["answers"] for row in rows)
    return known._replace(
        answers=known.answers + counted,
        answers_elsewhere=counted,
        last_answer=max((at for at in moments if at is not None), default=None),
        blocked=known.blocked or bool(blocked),
        opted_out=known.opted_out or bool(opted_out),
        elsewhere={
            Reason.BLOCKED: _others(member, blocked, is_own=known.blocked),
            Reason.OPTED_OUT: _others(member, opted_out, is_own=known.opted_out),
            Reason.PER_NUMBER: (others := _others(member, answered)),
            Reason.COOLDOWN: others,
        },
    )


def _others(member: Member, lines: Sequence[str], *, is_own: bool = False) -> tuple[str, ...]:
    """Return the lines whose rows cause a refusal; none if this line's own decision does."""
    return () if is_own or member.line in lines else tuple(dict.fromkeys(lines))


# ---- requests for erasure


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of another line to erase a person who is here under `name`; or of this line, if a restore lost it."""

    person: str
    by: str
    since: str
    name: str


def asked(db: Database) -> list[Asked]:
    """Return the requests that this line has not answered, the oldest first."""
    rows = db.all(f"SELECT * {_OPEN} ORDER BY asked_at, person, line")
    names = _names_here(db, {row["person"] for row in rows}) if rows else {}
    return [Asked(row["person"], row["line"], row["asked_at"], names.get(row["person"], row["person"])) for row in rows]


def open_here(db: Database) -> dict[str, int]:
    """Return the number of requests by each line that this line has not answered."""
    return dict(map(tuple, db.all(f"SELECT line, count(*) {_OPEN} GROUP BY line ORDER BY line")))


_OPEN = "FROM fleet_heard WHERE asked IS NOT NULL AND asked IS NOT confirmed"


def _names_here(db: Database, persons: Collection[str]) -> dict[str, str]:
    """Return the name of each of these persons in this database, for those in it; reads all names.

    An opt-out that was kept under a pseudonym does not count: nothing else of the person is left.
    """
    key = pseudonyms.maybe_fleet_key(db)
    owns = {
        row["own"]: row["person"]
        for row in db.all(
            "SELECT own, person FROM fleet_said WHERE person IN (SELECT value FROM json_each(?))",
            json.dumps(sorted(persons)),
        )
    }
    found: dict[str, str] = {}
    for (name,) in db.rows(
        "SELECT originator FROM contacts UNION SELECT other_originator FROM contacts UNION SELECT recipient"
        " FROM answers UNION SELECT number FROM numbers WHERE number NOT GLOB ? OR blocked_at IS NOT NULL",
        pseudonym.GLOB,
    ):
        if name and key:
            met = owns.get(name) if pseudonym.is_one(name) else pseudonym.of(key, name)
            if met and met in persons and (met not in found or not pseudonym.is_one(name)):
                found[met] = name
    return found


# ---- the question and its answer


def question(db: Database, share: Collection[Shared], now: Now) -> dict[str, Any]:
    """Return the question for the hub, committing the batch that it sends; writes nothing if nothing is new.

    Raises RefusedError for a line in no fleet, StoreError if a key is lost.
    """
    state = _require_state(db)
    pseudonyms.require_key(db, now)
    shared = json.dumps(sorted(share))
    is_anew = state["anew"] or state["shared"] != shared
    if is_anew or (state["batch"] == "[]" and not state["again"] and unsent(db)):
        with db.transaction():
            if is_anew:
                db.execute("UPDATE fleet SET shared = ?, anew = 0", shared)
                _say_all(db, share)
            if state["batch"] == "[]" and not state["again"]:
                db.execute("UPDATE fleet SET batch = ?", json.dumps(_compose(db)))
            state = _require_state(db)
    rows = [] if state["again"] else [_aged(row, now) for row in json.loads(state["batch"])]
    return _header(state) | {"rows": rows}


def _require_state(db: Database) -> sqlite3.Row:
    row = db.one("SELECT * FROM fleet WHERE id = 1")
    if row is None:
        raise RefusedError(_("The line is in no fleet."), _("The person who runs the hub invites it."))
    return row


def _header(state: sqlite3.Row) -> dict[str, Any]:
    """Return the part of a question that its answer repeats, so that a late answer to another one is recognised."""
    batch = [] if state["again"] else json.loads(state["batch"])
    return {
        "hub": state["hub"],
        "base": state["base"],
        "upto": batch[-1]["version"] if batch else state["base"],
        "cursor": state["cursor"],
        "again": bool(state["again"]),
    }


def _compose(db: Database) -> list[dict[str, Any]]:
    """Return the rows that the hub has not acknowledged, the oldest first, as many as fit into one batch."""
    member = maybe_member(db)
    assert member
    rows = db.all("SELECT * FROM fleet_said WHERE version > sent ORDER BY version LIMIT ?", MOST_ROWS)
    return [_row_of(db, member, row) for row in rows]


def _row_of(db: Database, member: Member, said: sqlite3.Row) -> dict[str, Any]:
    names = said["number"], said["own"]
    sql = "SELECT min(opted_out_at) AS opted_out_at, min(blocked_at) AS blocked_at FROM numbers WHERE number IN (?, ?)"
    lost = db.one("SELECT * FROM fleet_heard WHERE person = ? AND line = ?", said["person"], member.line)
    decided = [db.the(sql, *names), *([lost] if lost else [])]
    had = _answered(db, said["person"])
    answers = had.answers + (lost["answers"] if lost else 0)
    moments = [at for at in (had.last_answer, lost["last_limit"] if lost else None) if at is not None]
    shares = Shared.ANSWERS in member.shared
    return {
        "person": said["person"],
        "version": said["version"],
        **{
            column: min(filter(None, (row[column] for row in decided)), default=None) if kind in member.shared else None
            for kind, column in _COLUMNS.items()
        },
        "asked": said["asked"],
        "asked_at": said["asked_at"],
        "answers": min(answers, _MOST_ANSWERS) if shares else 0,
        "last_limit": max(moments) if shares and answers and moments else None,
    }


def _aged(row: Mapping[str, Any], now: Now) -> dict[str, Any]:
    """Return a row with the age of the last answer in seconds instead of its time, so that no calendar matters."""
    last = row["last_limit"]
    said = {name: value for name, value in row.items() if name != "last_limit"}
    return said | {"age": None if last is None else max(0, int(now.limit - last))}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as the hub sends it; `last_limit` is the time of the last answer on this line's limit clock."""

    line: str
    person: str
    version: int
    opted_out_at: str | None
    blocked_at: str | None
    asked: int | None
    asked_at: str | None
    answers: int
    last_limit: float | None
    place: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the hub that has passed the checks of its form."""

    hub: str
    key: str
    fits: bool
    full: bool
    highest: int
    now: int
    rows: list[_Row]
    more: bool


def take(db: Database, answer: Mapping[str, Any], now: Now) -> bool:
    """Commit what an answer of the hub says; return whether to ask again at once.

    A late or repeated answer changes nothing. One with a wrong form is recorded as the line's trouble.
    """
    state = _require_state(db)
    try:
        if answer["echo"] != _header(state):
            return False
        said = _read(answer, max(_LATEST, state["version"]), now)
    except (KeyError, TypeError, ValueError, OverflowError):
        with db.transaction():
            _note(db, FleetTrouble.REFUSED, now)
        return False
    # outside the transaction, because it reads all names
    wanted = {row.person for row in said.rows if row.asked is not None}
    here = _names_here(db, wanted) if wanted else {}
    with db.transaction():
        state = _require_state(db)
        if answer["echo"] != _header(state):
            return False
        if said.key != state["key_digest"]:
            _note(db, FleetTrouble.OTHER_KEY, now)
            return False
        if not said.fits:
            return _begin_anew(db, state, said, now)
        return _take(db, state, said, here, now)


def _begin_anew(db: Database, state: sqlite3.Row, said: _Answer, now: Now) -> bool:
    """Begin to read all rows again, the own ones, too, before anything is sent: R3.

    A third time within `RENEWALS_SECONDS` means that two machines act as this line, each with versions that the other
    does not know: then nothing is read, and the trouble is recorded. The first exchange with a hub does not count.
    """
    renewals = (state["renewed_limit"], state["renewed_before"])
    if state["hub"] is not None:
        before = state["renewed_before"]
        if before is not None and now.limit - before < RENEWALS_SECONDS:
            _note(db, FleetTrouble.TWICE, now)
            return False
        renewals = (now.limit, state["renewed_limit"])
    db.execute(
        "UPDATE fleet SET hub = ?, base = ?, cursor = 0, again = 1, version = max(version, ?),"
        " renewed_limit = ?, renewed_before = ?",
        said.hub,
        said.highest,
        said.highest,
        *renewals,
    )
    return True


def _take(db: Database, state: sqlite3.Row, said: _Answer, here: Collection[str], now: Now) -> bool:
    """Take in an answer that fits; return whether to ask again at once.

    The hub's highest version tells whether the batch arrived. While all rows are read again (R3), own rows are
    recovered instead of skipped, and no batch is sent. After the last of them every own row gets a version above all
    that the hub has, so that each is sent again. If the table of other lines' rows is full, the cursor stays: the rows
    are read once there is room.
    """
    batch = json.loads(state["batch"])
    arrived = bool(batch) and not state["again"] and said.highest == batch[-1]["version"]
    if arrived:
        for row in batch:
            db.execute("UPDATE fleet_said SET sent = ? WHERE person = ?", row["version"], row["person"])
        db.execute("UPDATE fleet SET base = ?, batch = '[]'", said.highest)
    is_full = bool(said.rows) and db.value("SELECT count(*) FROM fleet_heard") > MOST_HEARD
    for row in () if is_full else said.rows:
        if row.line != state["line"]:
            _hear(db, row, is_here=row.person in here)
        elif state["again"]:
            _take_back(db, row, {each["version"] for each in batch}, is_here=row.person in here)
        db.execute("UPDATE fleet SET cursor = ?", row.place)
    if state["again"] and not said.more and not is_full:
        db.execute("UPDATE fleet SET again = 0, batch = '[]', version = max(version, base, ?)", said.now)
        _renew(db)
    _note(db, FleetTrouble.FULL if is_full or said.full else None, now)
    return not (is_full or said.full) and (said.more or bool(state["again"]) or (arrived and unsent(db) > 0))


def _hear(db: Database, row: _Row, *, is_here: bool) -> None:
    """Store the row of a line about a person, unless a newer one is stored: R6."""
    values = asdict(row)
    del values["place"]
    changes = (f"{name} = excluded.{name}" for name in values if name not in {"line", "person"})
    db.execute(
        f"INSERT INTO fleet_heard ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"
        f" ON CONFLICT DO UPDATE SET {', '.join(changes)} WHERE excluded.version > version",
        **values,
    )
    if not is_here:  # R7: there is nothing to erase
        _confirm(db, row)


def _take_back(db: Database, row: _Row, under_way: Collection[int], *, is_here: bool) -> None:
    """Recover an own row that this line sent after the backup from which it was restored: R4, C8.

    A row that the hub had acknowledged, or that is under way, is known here, and skipped. Of any other row, the
    decisions and the answers that this database lacks are stored in `fleet_heard` under the line's own name. There they
    hold and count like those of other lines, and the line's next row about the person contains them.
    """
    before = db.one("SELECT sent, asked FROM fleet_said WHERE person = ?", row.person)
    if row.version in under_way or (before and row.version <= before["sent"]):
        return
    db.execute("INSERT INTO fleet_said (person, version) VALUES (?, 0) ON CONFLICT DO NOTHING", row.person)
    db.execute(
        "UPDATE fleet_said SET version = max(version, :version), sent = :version, asked = coalesce(asked, :asked),"
        " asked_at = coalesce(asked_at, :asked_at) WHERE person = :person",
        version=row.version,
        asked=row.asked,
        asked_at=row.asked_at,
        person=row.person,
    )
    lost = max(0, row.answers - _answered(db, row.person).answers)
    known = db.one("SELECT * FROM fleet_heard WHERE person = ? AND line = ?", row.person, row.line)
    lost_before = known["answers"] if known else 0
    kept = replace(
        row,
        opted_out_at=(known and known["opted_out_at"]) or row.opted_out_at,
        blocked_at=(known and known["blocked_at"]) or row.blocked_at,
        answers=max(lost, lost_before),
        last_limit=row.last_limit if lost > lost_before or known is None else known["last_limit"],
    )
    _hear(db, kept, is_here=is_here)
    if before and before["asked"] == row.asked:
        _confirm(db, row)


def _confirm(db: Database, row: _Row) -> None:
    db.execute(
        "UPDATE fleet_heard SET confirmed = asked WHERE person = ? AND line = ? AND asked = ?",
        row.person,
        row.line,
        row.asked,
    )


def _note(db: Database, trouble: FleetTrouble | None, now: Now) -> None:
    """Record the trouble between line and hub, and its beginning, if it has changed."""
    db.execute(
        "UPDATE fleet SET trouble = ?, trouble_at = ? WHERE trouble IS NOT ?",
        trouble,
        now.rfc3339 if trouble else None,
        trouble,
    )


# ---- the form of an answer


def _read(answer: Mapping[str, Any], latest: int, now: Now) -> _Answer:
    """Return an answer; raises KeyError, TypeError or ValueError if its form is wrong."""
    rows = answer["rows"]
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise ValueError
    read = [_read_row(row, now) for row in rows]
    places = [answer["echo"]["cursor"], *(row.place for row in read)]
    if places != sorted(set(places)):
        raise ValueError
    return _Answer(
        hub=_text(answer["hub"], _HUB),
        key=_text(answer["key"], _DIGEST),
        fits=_flag(answer["fits"]),
        full=_flag(answer["full"]),
        highest=_integer(answer["highest"], latest),
        now=_integer(answer["now"], _LATEST),
        rows=read,
        more=_flag(answer["more"]) and bool(read),
    )


def _read_row(row: Mapping[str, Any], now: Now) -> _Row:
    age = row["age"]
    if (row["asked"] is None) is not (row["asked_at"] is None):
        raise ValueError
    return _Row(
        line=_text(row["line"], _LINE),
        person=_text(row["person"], _PERSON),
        version=_integer(row["version"], _LARGEST),
        opted_out_at=_maybe_moment(row["opted_out_at"]),
        blocked_at=_maybe_moment(row["blocked_at"]),
        asked=None if row["asked"] is None else _integer(row["asked"], _LARGEST),
        asked_at=_maybe_moment(row["asked_at"]),
        answers=_integer(row["answers"], _MOST_ANSWERS),
        # the hub's clock may have been set back meanwhile
        last_limit=None if age is None else now.limit - _integer(max(0, age), _LATEST),
        place=_integer(row["place"], _LARGEST),
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _text(value: object, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError
    return value


def _maybe_moment(value: object) -> str | None:
    if value is None:
        return None
    return rfc3339(parse_rfc3339(_text(value, _MOMENT)))
