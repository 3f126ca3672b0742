"""What the lines of a fleet know of each other's answers: how often a person had one at each line, and how long ago.

An answer of another line counts for cooldown and cap as one of this line does. A line publishes how many seconds ago
its last answer was, the hub adds the time that the row is there, and a reader subtracts the sum from its own limit
clock: no two clocks are ever compared. A line that does not exchange answers has no rows here.
Known to be wrong: no signature covers an age. A hub that lies about it moves the end of a cooldown, but not the cap.
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
"""The most answers to a person that a row counts: more than anybody has from one line."""
OLDEST = 10**9
"""The highest age in a row, in seconds, 32 years: an older answer counts as this old."""
_FORM = "hotlined answered 1"


@dataclass(frozen=True, slots=True)
class Answered:
    """How often a line answered a person: a row that only this line writes, each time with a higher version.

    `answers` is 0 if the line knows of none any more. `age` is how many seconds ago the last answer was: it grows while
    the row is at the hub, so the signature does not cover it. `signature` has 64 hexadecimal digits.
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
class AnswerExchange:
    """How far this line has come in exchanging answers; `is_on` is False while it retracts what it has published.

    The hub was read up to the place `cursor`. Up to the place `recall` the line reads its own rows, too: they are newer
    than its database.
    """

    line: str
    is_on: bool
    hub: str
    version: int
    cursor: int
    recall: int


def maybe_exchange(db: Database) -> AnswerExchange | None:
    """Return how far the line has come in exchanging answers; None if it exchanges none."""
    row = db.one(
        "SELECT line, sharing, a.hub, a.version, a.cursor, a.recall FROM fleet_answers_line a"
        " JOIN fleet_line l ON l.id = a.id WHERE a.id = 1"
    )
    return AnswerExchange(row[0], bool(row[1]), *tuple(row)[2:]) if row else None


def publish_answers(db: Database, number: str) -> None:
    """Write the row that says how many answers a number had, if that has changed, inside the open transaction."""
    exchange = maybe_exchange(db)
    if exchange is None or not exchange.is_on:
        return
    person = pseudonyms.person(db, number)
    if pseudonym.is_one(person):
        history = history_of(db, number, shadow=False)
        _publish(db, exchange, person, history.answers, history.last_answer)


def _publish_all(db: Database, exchange: AnswerExchange) -> None:
    pseudonyms.teach(db)
    for row in db.all(ANSWERED):
        if pseudonym.is_one(row["person"]):
            _publish(db, exchange, row["person"], row["answers"], row["last_answer"])


def _publish(db: Database, exchange: AnswerExchange, person: str, answers: int, last: float | None) -> None:
    """Write the row of a person, if it changes; `last` is a reading of the limit clock."""
    # answers that this line published and lost with its database stand among those of other lines, under its own name
    lost = db.one("SELECT answers, last_limit FROM fleet_answers WHERE person = ? AND line = ?", person, exchange.line)
    if lost:
        answers, last = answers + lost["answers"], max(lost["last_limit"], lost["last_limit"] if last is None else last)
    own = db.one("SELECT answers, last_limit FROM fleet_answers_own WHERE person = ?", person)
    if (answers, last) != ((own["answers"], own["last_limit"]) if own and own["answers"] else (0, None)):
        _write_own_row(db, person, answers, last)


def _write_own_row(db: Database, person: str, answers: int, last: float | None) -> None:
    db.execute(
        "INSERT INTO fleet_answers_own (person, version, answers, last_limit) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET version = excluded.version, answers = excluded.answers, last_limit = excluded.last_limit",
        person,
        db.execute("UPDATE fleet_answers_line SET version = version + 1 RETURNING version").fetchall()[0][0],
        min(answers, MOST_ANSWERS),
        0.0 if last is None else last,
    )


def join_again(db: Database) -> None:
    """Forget the hub, so that all rows are sent and read again, inside the open transaction."""
    db.execute("UPDATE fleet_answers_line SET hub = ''")


def forget(db: Database, name: str, until: float) -> None:
    """Erase what is known of a person's answers up to a reading of the limit clock.

    It runs inside the transaction that erased the answers here. If this line had published some, the person's pseudonym
    stays until the hub has committed that there are none.
    """
    sql = "DELETE FROM fleet_answers WHERE person = ? AND last_limit <= ?"
    db.execute(sql, pseudonyms.person(db, name), until)
    publish_answers(db, name)


# ---- with the hub


def begin_exchange(db: Database, hub: str, top: int, highest: Answered | None, key: bytes, *, exchanged: bool) -> None:
    """Commit which hub the line is connected to, and whether answers are exchanged there.

    `top` is the last place that the hub has given out, `highest` the latest row that it has of this line. If answers
    are exchanged from now on, all of them are published. If they are no longer exchanged, the rows of other lines are
    erased and those of this line retracted. If this is another hub than before, or if this database is older than that
    row, all rows are sent and read again.
    """
    with db.transaction():
        member, exchange = fleet.maybe_membership(db), maybe_exchange(db)
        if member is None or (exchange is None and not exchanged):
            return
        # only a row with the line's signature counts, as in `fleet.begin_exchange`
        latest = highest if highest and highest.line == member.line and highest.is_signed(key) else None
        begins = exchanged and not (exchange and exchange.is_on)
        if exchange is None:
            db.execute("INSERT INTO fleet_answers_line (id, sharing, hub) VALUES (1, 1, ?)", hub)
            exchange = AnswerExchange(member.line, is_on=True, hub=hub, version=0, cursor=0, recall=0)
        is_older = latest is not None and latest.version > exchange.version
        if is_older and latest:
            recall = top if exchanged else 0
            db.execute("UPDATE fleet_answers_line SET version = ?, cursor = 0, recall = ?", latest.version, recall)
        if exchange.hub != hub or top < exchange.cursor:
            db.execute("UPDATE fleet_answers_line SET hub = ?, cursor = 0", hub)
        if is_older or exchange.hub != hub:
            _renew_versions(db)
        else:  # a hub that was restored lacks rows that it had committed
            db.execute("UPDATE fleet_answers_own SET sent = 0 WHERE sent > ?", latest.version if latest else 0)
        if exchanged:
            if is_older or begins:
                db.execute("UPDATE fleet_answers_line SET sharing = 1, cursor = 0")
                _publish_all(db, exchange)
        elif exchange.is_on:
            _retract(db)


def _renew_versions(db: Database) -> None:
    """Mark all rows of this line as unsent, with new versions: the hub takes none that it has had already."""
    db.execute(
        "UPDATE fleet_answers_own SET sent = 0, version = (SELECT version FROM fleet_answers_line) + number"
        " FROM (SELECT person AS named, row_number() OVER (ORDER BY version) AS number FROM fleet_answers_own)"
        " WHERE named = person"
    )
    db.execute("UPDATE fleet_answers_line SET version = version + (SELECT count(*) FROM fleet_answers_own)")


def _retract(db: Database) -> None:
    """End the exchange of answers: erase the rows of other lines, and publish that this line answered nobody."""
    db.execute("UPDATE fleet_answers_line SET sharing = 0, recall = 0")
    db.execute("DELETE FROM fleet_answers")
    db.execute("UPDATE fleet_answers_own SET answers = 0")
    _renew_versions(db)
    _erase_retracted(db)


def _erase_retracted(db: Database) -> None:
    """Erase rows without answers that the hub has committed; after the last one the exchange itself, if it is off."""
    db.execute("DELETE FROM fleet_answers_own WHERE answers = 0 AND sent = version")
    db.execute("DELETE FROM fleet_answers_line WHERE NOT sharing AND NOT EXISTS (SELECT 1 FROM fleet_answers_own)")


def unsent_rows(db: Database, key: bytes, now: Now) -> list[Answered]:
    """Return the rows of this line that the hub has not committed, signed, the oldest first, as many as go at once."""
    exchange = maybe_exchange(db)
    if exchange is None:
        return []
    rows = db.all(
        "SELECT person, version, answers, last_limit FROM fleet_answers_own WHERE sent < version"
        " ORDER BY version LIMIT ?",
        fleet.MOST_ROWS,
    )
    return [
        Answered(exchange.line, row["person"], row["version"], row["answers"], "", _age(row, now)).signed(key)
        for row in rows
    ]


def _age(row: sqlite3.Row, now: Now) -> int:
    return min(max(0, int(now.limit - row["last_limit"])), OLDEST) if row["answers"] else 0


def acknowledge(db: Database, sent: Iterable[tuple[str, int]]) -> None:
    """Commit which rows the hub has committed: each by its person, up to the version that was sent."""
    with db.transaction():
        for person, version in sent:
            # a row that has changed since it was sent has a higher version, and stays unsent
            db.execute(
                "UPDATE fleet_answers_own SET sent = max(sent, ?2) WHERE person = ?1 AND version >= ?2", person, version
            )
        _erase_retracted(db)


def take(db: Database, span: tuple[int, int], placed: Sequence[claims.Placed[Answered]], key: bytes, now: Now) -> int:
    """Commit rows of lines that were read at the hub: those behind the first place of `span`, up to its second.

    Return how many rows are not believed. It does nothing if another program has read further meanwhile, or if answers
    are no longer exchanged. Raises RefusedError if there is no room for more rows.
    """
    since, until = span
    with db.transaction():
        exchange = maybe_exchange(db)
        if exchange is None or not exchange.is_on or exchange.cursor != since or until <= since:
            return 0
        stored = int(db.value("SELECT count(*) FROM fleet_answers"))
        if stored + len(placed) > fleet.MOST_STORED:
            raise RefusedError(
                _("The line knows {number} persons whom other lines answered, and takes no more.", number=stored),
                _("Somebody floods the hub: look there who."),
            )
        believed = [each for each in placed if since < each.place <= until and each.row.is_signed(key)]
        for each in believed:
            if each.row.line != exchange.line:
                _store_row_of_another(db, each.row, now)
            elif each.place <= exchange.recall:
                _restore_own_row(db, each.row, now)
        # own rows are read back once: behind that place the hub has those that this line sends now
        db.execute("UPDATE fleet_answers_line SET cursor = ?1, recall = iif(recall <= ?1, 0, recall)", until)
    return len(placed) - len(believed)


def _store_row_of_another(db: Database, row: Answered, now: Now) -> None:
    """Store the row of another line, if it is newer than the one that is stored."""
    stored = db.one("SELECT version FROM fleet_answers WHERE person = ? AND line = ?", row.person, row.line)
    if stored is None or stored["version"] < row.version:
        _store(db, row, row.answers, now.limit - max(0, row.age))


def _restore_own_row(db: Database, row: Answered, now: Now) -> None:
    """Store how many answers this line had published that its database, which is older, does not have."""
    own = db.one("SELECT answers, last_limit FROM fleet_answers_own WHERE person = ?", row.person)
    known, last = (own["answers"], own["last_limit"]) if own else (0, -math.inf)
    if row.answers > known:
        where = "FROM fleet_answers WHERE person = ? AND line = ?"
        lost = int(db.value(f"SELECT ifnull(sum(answers), 0) {where}", row.person, row.line))
        moment = now.limit - max(0, row.age)
        _store(db, row, lost + row.answers - known, moment)
        _write_own_row(db, row.person, row.answers, max(last, moment) if known else moment)


def _store(db: Database, row: Answered, answers: int, last: float) -> None:
    db.execute("DELETE FROM fleet_answers WHERE person = ? AND line = ?", row.person, row.line)
    if answers:
        db.connection.execute(
            "INSERT INTO fleet_answers (person, line, version, answers, last_limit)"
            " VALUES (:person, :line, :version, :answers, :last)",
            asdict(row) | {"answers": answers, "last": last},
        )
