"""What the lines of a fleet know of each other's answers: how often a person had one at each line, and how long ago.

An answer of another line counts for cooldown and cap as one of this line does. A line says how many seconds ago its
last answer was, the hub adds the time that passes there, and the reader counts back from its own limit clock: no two
clocks are ever compared. A line that does not exchange answers has nothing here and does nothing here.
Known to be wrong: nobody can sign an age; a hub that lies about one makes a cooldown end early or late, never the cap.
"""

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, replace

from hotlined import pseudonym
from hotlined.clock import Now
from hotlined.errors import RefusedError
from hotlined.language import _
from hotlined.store import claims, fleet, pseudonyms
from hotlined.store.database import Database
from hotlined.store.history import ANSWERED, history_of

MOST_ANSWERS = 1_000_000
"""More answers than anybody has from one line."""
OLDEST = 10**9
"""The highest age that is said, in seconds, 32 years: what is older is as old as this."""
_FORM = "hotlined answered 1"


@dataclass(frozen=True, slots=True)
class Answered:
    """How often a line answered a person: its row, which only that line makes, each time with a higher version.

    `answers` is 0 where the line knows of none any more. `age` is how many seconds ago the last answer was: it grows on
    its way, so no signature holds it. `signature` has 64 hexadecimal digits.
    """

    line: str
    person: str
    version: int
    answers: int
    signature: str
    age: int

    def signed(self, key: bytes) -> "Answered":
        """Return the row with its signature: HMAC-SHA256 over the form's name and every field but the age."""
        return replace(self, signature=claims.signature(key, _FORM, astuple(self)[:4]))

    def is_signed(self, key: bytes) -> bool:
        """Tell whether the signature is of this row, under the key of the fleet."""
        return claims.is_same(self.signed(key).signature, self.signature)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How far this line has come in exchanging answers; `holds` is False while it takes back what it has said.

    The hub was read up to the place `cursor`. Up to the place `recall` the line reads its own rows back, too.
    """

    line: str
    holds: bool
    hub: str
    version: int
    cursor: int
    recall: int


def maybe_sharing(db: Database) -> Sharing | None:
    """Return how far the line has come in exchanging answers; None where it exchanges none."""
    row = db.one(
        "SELECT line, sharing, a.hub, a.version, a.cursor, a.recall FROM fleet_answers_line a"
        " JOIN fleet_line l ON l.id = a.id WHERE a.id = 1"
    )
    return Sharing(row[0], bool(row[1]), *tuple(row)[2:]) if row else None


def say_answers(db: Database, number: str) -> None:
    """Say how many answers a number had, if that differs from what was said, inside the transaction that is open."""
    sharing = maybe_sharing(db)
    if sharing is None or not sharing.holds:
        return
    person = pseudonyms.person(db, number)
    if pseudonym.is_one(person):
        history = history_of(db, number, shadow=False)
        _say(db, sharing, person, history.answers, history.last_answer)


def _say_all(db: Database, sharing: Sharing) -> None:
    pseudonyms.teach(db)
    for row in db.all(ANSWERED):
        if pseudonym.is_one(row["person"]):
            _say(db, sharing, row["person"], row["answers"], row["last_answer"])


def _say(db: Database, sharing: Sharing, person: str, answers: int, last: float | None) -> None:
    # under its own name stands what it said before a backup of it was put back, which knows nothing of these answers
    lost = db.one("SELECT answers, last_limit FROM fleet_answers WHERE person = ? AND line = ?", person, sharing.line)
    if lost:
        answers, last = answers + lost["answers"], max(lost["last_limit"], lost["last_limit"] if last is None else last)
    said = db.one("SELECT answers, last_limit FROM fleet_answers_own WHERE person = ?", person)
    if (answers, last) != ((said["answers"], said["last_limit"]) if said and said["answers"] else (0, None)):
        _write(db, person, answers, last)


def _write(db: Database, person: str, answers: int, last: float | None) -> None:
    db.execute(
        "INSERT INTO fleet_answers_own (person, version, answers, last_limit) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET version = excluded.version, answers = excluded.answers, last_limit = excluded.last_limit",
        person,
        db.execute("UPDATE fleet_answers_line SET version = version + 1 RETURNING version").fetchall()[0][0],
        min(answers, MOST_ANSWERS),
        0.0 if last is None else last,
    )


def join_again(db: Database) -> None:
    """Forget the hub, so that all rows are sent and read anew, inside the transaction that is open."""
    db.execute("UPDATE fleet_answers_line SET hub = ''")


def forget(db: Database, name: str, until: float) -> None:
    """Erase what is known of a person's answers up to a reading of the limit clock.

    It runs inside the transaction that erased the answers from here. Where this line had said something, its pseudonym
    stays until the hub has heard that it is over.
    """
    sql = "DELETE FROM fleet_answers WHERE person = ? AND last_limit <= ?"
    db.execute(sql, pseudonyms.person(db, name), until)
    say_answers(db, name)


# ---- with the hub


def begin_exchange(db: Database, hub: str, top: int, highest: Answered | None, key: bytes, *, share: bool) -> None:
    """Commit which hub the line has before it, and whether answers are exchanged there.

    `top` is the last place that the hub has given out, `highest` the latest row that it has of this line. Where answers
    are exchanged from now on, all is said; where they are no more, what others said is erased, and what was said here
    taken back. At another hub, or where this database is older than that row, all is owed and read anew.
    """
    with db.transaction():
        member, sharing = fleet.maybe_membership(db), maybe_sharing(db)
        if member is None or (sharing is None and not share):
            return
        mine = highest if highest and highest.line == member.line and highest.is_signed(key) else None
        begins = share and not (sharing and sharing.holds)
        if sharing is None:
            db.execute("INSERT INTO fleet_answers_line (id, sharing, hub) VALUES (1, 1, ?)", hub)
            sharing = Sharing(member.line, holds=True, hub=hub, version=0, cursor=0, recall=0)
        is_older = mine is not None and mine.version > sharing.version
        if is_older and mine:
            recall = top if share else 0
            db.execute("UPDATE fleet_answers_line SET version = ?, cursor = 0, recall = ?", mine.version, recall)
        if sharing.hub != hub or top < sharing.cursor:
            db.execute("UPDATE fleet_answers_line SET hub = ?, cursor = 0", hub)
        if is_older or sharing.hub != hub:
            _say_anew(db)
        else:  # a hub that was put back to an earlier day has not what it had said that it had
            db.execute("UPDATE fleet_answers_own SET sent = 0 WHERE sent > ?", mine.version if mine else 0)
        if share:
            if is_older or begins:
                db.execute("UPDATE fleet_answers_line SET sharing = 1, cursor = 0")
                _say_all(db, sharing)
        elif sharing.holds:
            _take_back(db)


def _say_anew(db: Database) -> None:
    """Owe all that was said, under new versions: the hub takes none that it has had already."""
    db.execute(
        "UPDATE fleet_answers_own SET sent = 0, version = (SELECT version FROM fleet_answers_line) + number"
        " FROM (SELECT person AS named, row_number() OVER (ORDER BY version) AS number FROM fleet_answers_own)"
        " WHERE named = person"
    )
    db.execute("UPDATE fleet_answers_line SET version = version + (SELECT count(*) FROM fleet_answers_own)")


def _take_back(db: Database) -> None:
    db.execute("UPDATE fleet_answers_line SET sharing = 0, recall = 0")
    db.execute("DELETE FROM fleet_answers")
    db.execute("UPDATE fleet_answers_own SET answers = 0")
    _say_anew(db)
    _end(db)


def _end(db: Database) -> None:
    """Erase the rows that are over and that the hub knows, and once none is left the place in the exchange."""
    db.execute("DELETE FROM fleet_answers_own WHERE answers = 0 AND sent = version")
    db.execute("DELETE FROM fleet_answers_line WHERE NOT sharing AND NOT EXISTS (SELECT 1 FROM fleet_answers_own)")


def unsent_rows(db: Database, key: bytes, now: Now) -> list[Answered]:
    """Return the rows of this line that the hub has not committed, signed, the oldest first, as many as go at once."""
    sharing = maybe_sharing(db)
    if sharing is None:
        return []
    rows = db.all(
        "SELECT person, version, answers, last_limit FROM fleet_answers_own WHERE sent < version"
        " ORDER BY version LIMIT ?",
        fleet.MOST_ROWS,
    )
    return [
        Answered(sharing.line, row["person"], row["version"], row["answers"], "", _age(row, now)).signed(key)
        for row in rows
    ]


def _age(row: sqlite3.Row, now: Now) -> int:
    return min(max(0, int(now.limit - row["last_limit"])), OLDEST) if row["answers"] else 0


def acknowledge(db: Database, sent: Iterable[tuple[str, int]]) -> None:
    """Commit which rows the hub has committed: each by its person, up to the version that was sent."""
    with db.transaction():
        for person, version in sent:
            # a row that has changed since it was sent has a higher version, and is still to be sent
            db.execute(
                "UPDATE fleet_answers_own SET sent = max(sent, ?2) WHERE person = ?1 AND version >= ?2", person, version
            )
        _end(db)


def take(db: Database, span: tuple[int, int], placed: Sequence[claims.Placed[Answered]], key: bytes, now: Now) -> int:
    """Commit rows of lines that were read at the hub: those behind the first place of `span`, up to its second.

    Return how many rows are not believed. Nothing is done where another program has read further meanwhile, or where
    answers are exchanged no more. Raises RefusedError where there is no room for more.
    """
    since, until = span
    with db.transaction():
        sharing = maybe_sharing(db)
        if sharing is None or not sharing.holds or sharing.cursor != since or until <= since:
            return 0
        held = int(db.value("SELECT count(*) FROM fleet_answers"))
        if held + len(placed) > fleet.MOST_HELD:
            raise RefusedError(
                _("The line knows {number} persons whom other lines answered, and takes no more.", number=held),
                _("Somebody floods the hub: look there who."),
            )
        believed = [each for each in placed if since < each.place <= until and each.row.is_signed(key)]
        for each in believed:
            if each.row.line != sharing.line:
                _hear(db, each.row, now)
            elif each.place <= sharing.recall:
                _recall(db, each.row, now)
        # own rows are read back once: later the hub has others than those that are said here just now
        db.execute("UPDATE fleet_answers_line SET cursor = ?1, recall = iif(recall <= ?1, 0, recall)", until)
    return len(placed) - len(believed)


def _hear(db: Database, said: Answered, now: Now) -> None:
    """Keep the row of another line, if it is newer than the one that is kept."""
    held = db.one("SELECT version FROM fleet_answers WHERE person = ? AND line = ?", said.person, said.line)
    if held is None or held["version"] < said.version:
        _keep(db, said, said.answers, now.limit - max(0, said.age))


def _recall(db: Database, said: Answered, now: Now) -> None:
    """Keep how many answers this line said that a person had of which its database, which is older, knows nothing."""
    own = db.one("SELECT answers, last_limit FROM fleet_answers_own WHERE person = ?", said.person)
    known, last = (own["answers"], own["last_limit"]) if own else (0, -math.inf)
    if said.answers > known:
        where = "FROM fleet_answers WHERE person = ? AND line = ?"
        lost = int(db.value(f"SELECT ifnull(sum(answers), 0) {where}", said.person, said.line))
        moment = now.limit - max(0, said.age)
        _keep(db, said, lost + said.answers - known, moment)
        _write(db, said.person, said.answers, max(last, moment) if known else moment)


def _keep(db: Database, said: Answered, answers: int, last: float) -> None:
    db.execute("DELETE FROM fleet_answers WHERE person = ? AND line = ?", said.person, said.line)
    if answers:
        db.connection.execute(
            "INSERT INTO fleet_answers (person, line, version, answers, last_limit)"
            " VALUES (:person, :line, :version, :answers, :last)",
            asdict(said) | {"answers": answers, "last": last},
        )
