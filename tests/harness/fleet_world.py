"""Lines with their real stores and a hub, played by histories that lose, delay, double or restore messages.

A history is words: `stop A 0; whole A; backup B` and so on; `Played.step` knows each. The hub is PostgreSQL with the
real function, or `PlainHub`, the same in Python with a clock that can be wrong. Two rows are a page, so that every
history has a second one.
"""

import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_lines import KEY, SHARED, Line
from fleet_oracle import Oracle
from hubs import Hub
from store_steps import begin_next, judge, segment_of, take

from hotlined import policy, pseudonym
from hotlined.clock import Now
from hotlined.gsm.address import Address, Ton, identify
from hotlined.gsm.alphabet import plan
from hotlined.states import ContactKind
from hotlined.store import fleet
from hotlined.store.answers import contacts, decisions
from hotlined.store.line import history
from hotlined.store.people import erasing

PERSONS = ("+32470000001", "+32470000002")
"""The first says stop, the second is blocked by a person."""
MANY = policy.Windows(10**6, 10**6, 10**6)
LIMITS = policy.Limits(cooldown=(timedelta(0),), per_number=10**6, segments=MANY, reserve_for_new=0)
RULES = policy.Rules(LIMITS, policy.Numbers(), timedelta(hours=24))
NO_ANSWER = RULES._replace(numbers=policy.Numbers(answer_countries=("FR",)))
PAGE = 2
_SECONDS = 4000.0  # a step: longer than the bounds that run by the hour

Row = dict[str, Any]


class PlainHub:
    """The rules of hub.sql in Python; `without` names rules to leave out, `skew` is the error of its clock."""

    def __init__(self, digest: str, names: Sequence[str], without: str = "", page: int = 200) -> None:
        self.digest, self.allowed, self.without, self.page = digest, set(names), without, page
        self.known: dict[tuple[str, str], Row] = {}
        self.place, self.id, self.skew, self._ticks = 0, str(uuid.uuid4()), 0, 0

    def _now(self) -> int:
        self._ticks += 1000
        return 1_800_000_000_000_000 + self._ticks + self.skew

    def _highest(self, line: str) -> int:
        return max((row["version"] for row in self.known.values() if row["line"] == line), default=0)

    def ask(self, line: str, question: Mapping[str, Any]) -> Row | None:
        """Answer a question."""
        if line not in self.allowed:
            return None
        base, upto, cursor = question["base"], question["upto"], question["cursor"]
        fits = question["hub"] == self.id and cursor <= self.place
        if fits and question["rows"] and (self._highest(line) == base or self.without == "R1"):
            if self.without != "R5":
                self.place = max(self.place, self._now())
            for said in question["rows"]:
                self.place += 1
                key = (line, said["person"])
                if key not in self.known or self.known[key]["version"] < said["version"]:
                    self.known[key] = {**said, "line": line, "place": self.place}
        fits = fits and (self._highest(line) in {base, upto} or self.without == "R1")
        found = sorted((row for row in self.rows() if row["place"] > cursor), key=lambda row: int(row["place"]))
        page = found[: self.page] if fits else []
        return {
            "hub": self.id,
            "key": self.digest,
            "fits": fits,
            "full": False,
            "highest": self._highest(line),
            "now": self._now(),
            "rows": json.loads(json.dumps(page)),
            "more": len(page) == self.page,
            "lines": None,
            "echo": {name: value for name, value in question.items() if name != "rows"},
        }

    def rows(self) -> list[Row]:
        """Return every row."""
        return list(self.known.values())

    def copy(self) -> Any:
        """Return the contents of a backup."""
        return dict(self.known), self.place, self.id

    def put_back(self, copy: Any) -> None:
        """Restore a backup."""
        self.known, self.place, self.id = dict(copy[0]), copy[1], copy[2]

    def begin_anew(self) -> None:
        """Become another, empty hub."""
        self.put_back(({}, 0, str(uuid.uuid4())))

    def remove(self, line: str) -> None:
        """Remove a line."""
        self.allowed.discard(line)

    def invite(self, line: str) -> None:
        """Let a line in."""
        self.allowed.add(line)

    def lift(self, line: str) -> None:
        """Blank the rows of a line."""
        nothing = {"opted_out_at": None, "blocked_at": None, "asked": None, "asked_at": None, "answers": 0, "age": None}
        for key, row in list(self.known.items()):
            if row["line"] == line:
                self.place = max(self.place, self._now()) + 1
                self.known[key] = {**row, **nothing, "version": row["version"] + 1, "place": self.place}


class RealHub:
    """PostgreSQL with the real function, with the interface of a hub in histories."""

    skew = 0

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def ask(self, line: str, question: Mapping[str, Any]) -> Row | None:
        """Answer a question, if the line may log in."""
        sql = "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s"
        allowed = self.hub.admin.execute(sql, [f"hotlined_{line}"]).fetchone()
        return self.hub.ask(line, question) if allowed and allowed[0] else None

    def rows(self) -> list[Row]:
        """Return every row."""
        found = self.hub.admin.execute("SELECT to_jsonb(s) FROM hotlined.said s").fetchall()
        return [row for (row,) in found]

    def copy(self) -> Any:
        """Return the contents of a backup."""
        return self.hub.admin.execute(
            "SELECT id, place, coalesce((SELECT jsonb_agg(s) FROM hotlined.said s), '[]')::text FROM hotlined.hub"
        ).fetchone()

    def put_back(self, copy: Any) -> None:
        """Restore a backup."""
        self.hub.admin.execute("TRUNCATE hotlined.said")
        self.hub.admin.execute(
            "INSERT INTO hotlined.said SELECT * FROM jsonb_populate_recordset(NULL::hotlined.said, %s)", [copy[2]]
        )
        self.hub.admin.execute("UPDATE hotlined.hub SET id = %s, place = %s", copy[:2])

    def begin_anew(self) -> None:
        """Become another, empty hub."""
        self.put_back((uuid.uuid4(), 0, "[]"))

    def remove(self, line: str) -> None:
        """Remove a line."""
        self.hub.admin.execute(f"ALTER ROLE hotlined_{line} NOLOGIN".encode())

    def invite(self, line: str) -> None:
        """Let a line in."""
        self.hub.invite(line)

    def lift(self, line: str) -> None:
        """Blank the rows of a line."""
        self.hub.admin.execute("SELECT hotlined.lift(%s)", [line])


AnyHub = PlainHub | RealHub


class Played:
    """Lines and their hub, and the oracle's judgement of each step."""

    def __init__(self, folder: Path, hub: AnyHub, names: tuple[str, ...] = ("a", "b", "c")) -> None:
        self.hub, self.names, self.persons = hub, names, tuple(range(len(PERSONS)))
        self.time = 0.0
        self.lines = {name: Line(folder, name, joins=False) for name in names}
        self.on_the_way: list[tuple[str, str, Row, list[tuple[str, int, int]], int]] = []
        self.moment = 0
        self.copies: dict[str, bytes] = {}
        self.oracle = Oracle(self)
        self.numbers = {pseudonym.of(KEY, number): person for person, number in enumerate(PERSONS)}
        for name in names:
            self._join(name)
            self.copies[name] = self.lines[name].copy()
        self.hub_copy = hub.copy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self.lines.values():
            line.db.close()

    @property
    def now(self) -> Now:
        """Return the moment by the limit clock that is handed in; no calendar enters."""
        return Now(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time), 1e6 + self.time, synchronised=True)

    def _join(self, name: str) -> None:
        fleet.join(self.lines[name].db, name, KEY, self.now)

    # ---- queries of the oracle

    def _history(self, line: str, person: int) -> policy.History:
        return history.history_of(self.lines[line].db, PERSONS[person])

    def _heard(self, line: str, other: str, person: int) -> Mapping[str, Any]:
        sql = "SELECT * FROM fleet_heard WHERE line = ? AND person = ?"
        return self.lines[line].db.one(sql, other, pseudonym.of(KEY, PERSONS[person])) or {  # type: ignore[return-value]
            **dict.fromkeys(("opted_out_at", "blocked_at", "asked")),
            **dict.fromkeys(("answers", "version"), 0),
        }

    def refuses(self, line: str, person: int) -> bool:
        """Tell whether a line would not answer a person."""
        found = self._history(line, person)
        return found.blocked or found.opted_out

    def has_decided(self, line: str, person: int) -> bool:
        """Tell whether a line refuses a person by its own decision."""
        own = history.own_of(self.lines[line].db, PERSONS[person])
        lost = self._heard(line, line, person)
        return bool(own.blocked or own.opted_out or lost["opted_out_at"] or lost["blocked_at"])

    def counted(self, line: str, person: int) -> int:
        """Return the number of answers that a line counts."""
        return self._history(line, person).answers

    def listed(self, line: str) -> set[tuple[str, int]]:
        """Return the requests that are open at a line."""
        return {(request.by, self.numbers[request.person]) for request in fleet.asked(self.lines[line].db)}

    def says(self, line: str, person: int) -> tuple[bool, int | None, int]:
        """Return a line's own row about a person, from its tables."""
        own = history.own_of(self.lines[line].db, PERSONS[person])
        lost = self._heard(line, line, person)
        sql = "SELECT asked FROM fleet_said WHERE person = ?"
        said = self.lines[line].db.one(sql, pseudonym.of(KEY, PERSONS[person]))
        return self.has_decided(line, person), said["asked"] if said else None, own.answers + lost["answers"]

    def believes(self, line: str, other: str, person: int) -> tuple[bool, int | None, int]:
        """Return the row of another line that a line has."""
        heard = self._heard(line, other, person)
        return bool(heard["opted_out_at"] or heard["blocked_at"]), heard["asked"], heard["answers"]

    def at_hub(self, line: str, person: int) -> int | None:
        """Return the version of a row at the hub that refuses a person."""
        found = {(row[0], row[1]): row[2] for row in self._refusing()}
        return found.get((line, person))

    def has_something(self, line: str, person: int) -> bool:
        """Tell whether a line stores data of a person."""
        sql = "SELECT 1 FROM contacts WHERE originator = ? UNION SELECT 1 FROM numbers WHERE number = ?"
        return self.lines[line].db.one(sql, PERSONS[person], PERSONS[person]) is not None

    def _refusing(self) -> list[tuple[str, int, int]]:
        return [
            (row["line"], self.numbers[row["person"]], row["version"])
            for row in self.hub.rows()
            if row["opted_out_at"] or row["blocked_at"]
        ]

    # ---- steps

    def step(self, words: str) -> str | None:
        """Play one step; return the promise that it breaks, None if it breaks none."""
        verb, *rest = words.split()
        line = rest[0] if rest else self.names[0]
        self.time += _SECONDS
        self.moment += 1
        getattr(self, f"_{verb}")(line, *map(int, rest[1:]))
        return self.oracle.broken(line)

    def _text(self, name: str, person: int, rules: policy.Rules = NO_ANSWER) -> policy.Verdict:
        db = self.lines[name].db
        who = identify(Address(PERSONS[person].removeprefix("+"), Ton.INTERNATIONAL), "BE")
        return judge(
            db,
            contacts.record_whole(db, name, ContactKind.TEXT, who, f"hello {self.moment}", self.now),
            self.now,
            rules,
        )

    def _stop(self, name: str, person: int) -> None:
        db = self.lines[name].db
        if person:
            decisions.block(db, PERSONS[person], "anna", self.now)
        else:
            with db.transaction():
                decisions.opt_out(db, PERSONS[person], self.now)
        self.oracle.decide(name, person, self._version(name, person))

    def _version(self, name: str, person: int) -> int:
        sql = "SELECT version FROM fleet_said WHERE person = ?"
        return int(self.lines[name].db.value(sql, pseudonym.of(KEY, PERSONS[person])))

    def _lift(self, name: str, person: int) -> None:
        lift = decisions.unblock if person else decisions.lift_opt_out
        lift(self.lines[name].db, PERSONS[person], "anna", self.now)
        self.oracle.undo(name, person)

    def _answer(self, name: str, person: int) -> None:
        db = self.lines[name].db
        refused = self.refuses(name, person)
        verdict = self._text(name, person, RULES)
        assert verdict.answer is not refused, verdict
        if verdict.answer:
            begun = segment_of(begin_next(db, self.now, plan("no"), RULES))
            take(db, begun, self.now)
            self.oracle.answer(name, person)

    def _forget(self, name: str, person: int) -> None:
        self._erase(name, PERSONS[person], asks=True)
        if person:
            self.oracle.undo(name, person)
        self.oracle.forget(name, person, self._version(name, person))

    def _erase(self, name: str, whom: str, *, asks: bool) -> None:
        erasing.forget(self.lines[name].db, whom, "pi", self.now, opts_out=lambda _text: False, asks=asks)

    def _confirm(self, name: str) -> None:
        for request in fleet.asked(self.lines[name].db):
            person = self.numbers[request.person]
            self._erase(name, PERSONS[person], asks=False)
            if person:
                self.oracle.undo(name, person)
            self.oracle.erase(name, person)

    def _ask(self, name: str) -> None:
        self.on_the_way.append(("question", name, fleet.question(self.lines[name].db, SHARED, self.now), [], 0))

    def _deliver(self, _name: str, place: int, *, twice: bool = False) -> None:
        kind, name, question, _, _ = message = self.on_the_way.pop(place)
        if twice or kind != "question":
            self.on_the_way.append(message)
        if kind == "question" and (answer := self.hub.ask(name, question)):
            self.on_the_way.append(("answer", name, answer, self._refusing(), self.moment))

    def _double(self, name: str, place: int) -> None:
        self._deliver(name, place, twice=True)

    def _lose(self, _name: str, place: int) -> None:
        self.on_the_way.pop(place)

    def _hand(self, _name: str, place: int) -> None:
        kind, name, answer, refusing, moment = message = self.on_the_way.pop(place)
        if kind != "answer":
            self.on_the_way.append(message)
            return
        self._take(name, answer, refusing, moment)

    def _take(self, name: str, answer: Row, refusing: list[tuple[str, int, int]], moment: int) -> bool:
        db = self.lines[name].db
        before = db.the("SELECT hub, base, cursor, again, batch FROM fleet")
        echo = answer["echo"]
        is_ours = all(echo[column] == before[column] for column in ("hub", "base", "cursor", "again"))
        batch = [] if before["again"] else json.loads(before["batch"])
        is_ours &= echo["upto"] == (batch[-1]["version"] if batch else before["base"])
        asking = [
            (row["line"], person, self._heard(name, row["line"], person)["version"], row["version"])
            for row in answer["rows"]
            if row["asked"] and (person := self.numbers[row["person"]]) is not None and row["line"] != name
        ]
        more = fleet.take(db, answer, self.now)
        if is_ours and answer["fits"]:
            self.oracle.hear(name, asking)
            if not answer["more"]:
                self.oracle.exchange(name, moment, refusing)
        return more

    def _whole(self, name: str) -> None:
        if answer := self.hub.ask(name, fleet.question(self.lines[name].db, SHARED, self.now)):
            self._take(name, answer, self._refusing(), self.moment)

    def _backup(self, name: str) -> None:
        self.copies[name] = self.lines[name].copy()
        self.oracle.backup(name)

    def _restore(self, name: str) -> None:
        self.lines[name].put_back(self.copies[name])
        self.oracle.restore(name, self.moment, empty=False)

    def _wipe(self, name: str) -> None:
        self.lines[name].put_back(self.lines[name].empty)
        self._join(name)
        self.copies[name] = self.lines[name].copy()
        self.oracle.restore(name, self.moment, empty=True)

    def _hub_backup(self, _name: str) -> None:
        self.hub_copy = self.hub.copy()

    def _hub_restore(self, _name: str) -> None:
        self.hub.put_back(self.hub_copy)
        self.oracle.lose_hub()

    def _hub_new(self, _name: str) -> None:
        self.hub.begin_anew()
        self.hub_copy = self.hub.copy()
        self.oracle.lose_hub()

    def _remove(self, name: str) -> None:
        self.hub.remove(name)

    def _invite(self, name: str) -> None:
        self.hub.invite(name)
        self._join(name)

    def _blank(self, name: str) -> None:
        self.hub.remove(name)
        self.hub.lift(name)
        self.oracle.blank(name)

    def _skew(self, _name: str, seconds: int) -> None:
        assert isinstance(self.hub, PlainHub)
        self.hub.skew = seconds * 1_000_000

    def calm(self) -> str | None:
        """Let all lines exchange without faults; return the broken promise or the difference between them."""
        self.on_the_way = []
        if isinstance(self.hub, PlainHub):
            self.hub.skew = max(0, self.hub.skew)
        for name in self.names:
            self._invite(name)
        for name in self.names * 3:
            for _ in range(20):
                self.time += _SECONDS
                self.moment += 1
                question = fleet.question(self.lines[name].db, SHARED, self.now)
                answer = self.hub.ask(name, question)
                assert answer
                more = self._take(name, answer, self._refusing(), self.moment)
                if found := self.oracle.broken(name):
                    return found
                if not more:
                    break
            else:
                return f"{name} never comes to rest"
        return self.oracle.differs()

    def play(self, words: str) -> str | None:
        """Play a history and a full exchange; return the first broken promise."""
        return next(filter(None, map(self.step, words.split("; "))), None) or self.calm()


WEIGHTS = {
    "stop": 4, "lift": 2, "text": 2, "answer": 4, "forget": 2, "confirm": 2, "ask": 12, "deliver": 12, "double": 2,
    "hand": 12, "lose": 2, "whole": 8, "backup": 2, "restore": 1, "wipe": 0.3, "hub_backup": 1.5, "hub_restore": 0.8,
    "hub_new": 0.3, "remove": 0.4, "invite": 0.8, "blank": 0.2, "skew": 0.3,
}  # fmt: skip
"""The weight of each kind of step."""
_ABOUT_PERSONS = ("stop", "lift", "text", "answer", "forget")
_MESSAGES = ("deliver", "double", "hand", "lose")
_LINES_LOST, _HUB_LOST = {"restore", "wipe"}, {"hub_restore", "hub_new"}


def steps(world: Played, drawn: random.Random, length: int, *, skew: bool) -> Iterator[str]:
    """Draw the steps of a history; it restores lines or the hub, not both, since no promise would be left."""
    lost = drawn.choice((_LINES_LOST, _HUB_LOST))
    verbs = [verb for verb in WEIGHTS if verb not in lost and (skew or verb != "skew")]
    for verb in drawn.choices(verbs, [WEIGHTS[verb] for verb in verbs], k=length):
        name = drawn.choice(world.names)
        if verb in _ABOUT_PERSONS:
            yield f"{verb} {name} {drawn.choice(world.persons)}"
        elif verb in _MESSAGES:
            if world.on_the_way:
                yield f"{verb} {name} {drawn.randrange(len(world.on_the_way))}"
        elif verb == "skew":
            yield f"{verb} {name} {drawn.choice((0, -1_000_000, 50, -50))}"
        else:
            yield f"{verb} {name}"


def history_found(world: Played, seed: int, length: int = 60, *, skew: bool = False) -> tuple[str | None, str]:
    """Play the history of a seed; return the broken promise, None if there is none, and the history."""
    played: list[str] = []
    for words in steps(world, random.Random(seed), length, skew=skew):
        played.append(words)
        if found := world.step(words):
            return found, "; ".join(played)
    return world.calm(), "; ".join(played)
