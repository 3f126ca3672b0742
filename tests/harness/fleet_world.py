"""Lines with their real stores and a hub in PostgreSQL, played by histories that cut, race, copy and restore.

A history is words: `stop a 0; go a; hub_backup` and so on; `Played.step` knows each. A machine has the name of its line
and perhaps a digit: `a2` is a second machine that acts as line `a`.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_lines import KEY, Line
from fleet_oracle import Decision, Oracle
from hubs import Hub

from hotlined import pseudonym
from hotlined.fleet.hub import Hub as HubOfLine
from hotlined.store import lists
from hotlined.store.answers import decisions
from hotlined.store.line.history import history_of

PERSONS = ("+32470000001", "+32470000002", "+32470000003")
"""The first says stop; the others are blocked by a person."""
NAMES = ("a", "b", "c")
_PSEUDONYMS = {pseudonym.of(KEY, number): person for person, number in enumerate(PERSONS)}
_SKEWED = "(clock_timestamp() + make_interval(secs => (SELECT seconds FROM public.skew)))"


class CutError(Exception):
    """The connection broke, or the machine lost its power."""


class CutHub(HubOfLine):
    """A hub whose calls are interrupted: `at` is called before and after each, and may raise CutError."""

    def __init__(self, connection: Any, at: Callable[[int, bool], None]) -> None:
        super().__init__(connection)
        self._at, self._calls = at, 0

    def _through(self, call: Callable[[], Any]) -> Any:
        self._calls += 1
        calls = self._calls
        self._at(calls, False)
        found = call()
        self._at(calls, True)
        return found

    def numbers(self) -> tuple[str, dict[str, int]]:
        """Do as the hub does."""
        found: tuple[str, dict[str, int]] = self._through(super().numbers)
        return found

    def read(self, line: str) -> dict[str, Any]:
        """Do as the hub does."""
        found: dict[str, Any] = self._through(lambda: HubOfLine.read(self, line))
        return found

    def write(self, line: str, wanted: Any) -> dict[str, Any] | None:
        """Do as the hub does."""
        found: dict[str, Any] | None = self._through(lambda: HubOfLine.write(self, line, wanted))
        return found

    def report(self) -> dict[str, str | None]:
        """Leave out what no promise is about."""
        return {}


def make_skewed(hub: Hub) -> None:
    """Give a hub a clock that can be wrong, as `Played` wants it."""
    hub.admin.execute("CREATE TABLE IF NOT EXISTS public.skew AS SELECT 0::float8 AS seconds")
    hub.admin.execute("GRANT SELECT ON public.skew TO PUBLIC")
    text = hub.one("SELECT pg_get_functiondef('hotlined.number_it'::regproc)")
    hub.admin.execute(text.replace("clock_timestamp()", _SKEWED).encode())


class Played:
    """Machines and their hub, and the oracle's judgement of each step."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.hub, self.persons = folder, hub, tuple(range(len(PERSONS)))
        self.lines = {name: Line(folder, name) for name in NAMES}
        self.out: set[str] = set()
        self._clones = 0
        self.oracle = Oracle(self)
        self.put_back([(name, 0, None, b"") for name in NAMES])
        self._skew("0")
        for line in self.lines.values():
            line.db.connection.execute("PRAGMA synchronous = OFF")
        self.copies = {name: [(line.copy(), set[Decision]())] for name, line in self.lines.items()}
        self.hub_copies = [self._hub_copy()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self.lines.values():
            line.db.close()

    # ---- queries of the oracle

    def machines(self) -> dict[str, str]:
        """Return the line of each machine."""
        return {name: name[0] for name in self.lines}

    def refuses(self, machine: str, person: int) -> bool:
        """Tell whether a machine would not answer a person."""
        found = history_of(self.lines[machine].db, PERSONS[person])
        return found.blocked or found.opted_out

    def has_decided(self, machine: str, person: int) -> bool:
        """Tell whether a machine refuses a person by its line's own decision."""
        return pseudonym.of(KEY, PERSONS[person]) in lists.own_list(self.lines[machine].db)

    def at_hub(self) -> set[Decision]:
        """Return all that the lists at the hub have."""
        return {
            (line, _PSEUDONYMS[person])
            for line, _number, _mark, octets in self._hub_copy()
            for person in lists.unpack(octets)
            if person in _PSEUDONYMS
        }

    # ---- steps

    def step(self, words: str) -> str | None:
        """Play one step; return the promise that it breaks, None if it breaks none."""
        verb, *rest = words.split()
        return getattr(self, f"_{verb}")(*rest) or self.oracle.broken()

    def _stop(self, machine: str, person: str) -> None:
        db, number = self.lines[machine].db, PERSONS[int(person)]
        now = self.lines[machine].now()
        if person != "0":
            decisions.block(db, number, "anna", now)
        else:
            with db.transaction():
                decisions.opt_out(db, number, now)
        self.oracle.decide(machine[0], int(person))

    def _lift(self, machine: str, person: str) -> None:
        lift = decisions.unblock if person != "0" else decisions.lift_opt_out
        lift(self.lines[machine].db, PERSONS[int(person)], "anna", self.lines[machine].now())
        self.oracle.lift(machine[0], int(person))

    def _go(self, machine: str, at: Callable[[int, bool], None] = lambda _calls, _after: None) -> None:
        if machine[0] in self.out:
            return
        before = self.at_hub()
        self.lines[machine].exchange(CutHub(self.hub.session(machine[0]), at))
        self.oracle.exchanged(machine, before)

    def _cut(self, machine: str, call: str, when: str) -> None:
        """Let an exchange break before or after its call of this number."""

        def at(calls: int, after: bool) -> None:
            if calls == int(call) and after is (when == "after"):
                raise CutError

        try:
            self._go(machine, at)
        except CutError:
            return

    def _race(self, machine: str, call: str, *others: str) -> None:
        """Let others exchange before a call of an exchange."""

        def at(calls: int, after: bool) -> None:
            if calls == int(call) and not after:
                for other in others:
                    self._go(other)

        self._go(machine, at)

    def _settle(self) -> str | None:
        for name in [*self.lines] * 3:
            self._go(name)
        return None if self.out else self.oracle.differs()

    def _backup(self, machine: str) -> None:
        self.copies[machine[0]].append((self.lines[machine].copy(), set(self.oracle.known.get(machine, ()))))

    def _restore(self, machine: str, which: str = "-1") -> None:
        octets, known = self.copies[machine[0]][int(which)]
        self._replace(machine, octets, known)

    def _wipe(self, machine: str) -> None:
        self._replace(machine, self.lines[machine].empty, set())
        self.lines[machine].join()

    def _replace(self, machine: str, octets: bytes, known: set[Decision]) -> None:
        self.lines[machine].put_back(octets)
        self.lines[machine].db.connection.execute("PRAGMA synchronous = OFF")
        self.oracle.lose(machine=machine, known=known)

    def _clone(self, machine: str, name: str) -> None:
        """Start a second machine with the database of the first."""
        if name in self.lines:
            return
        self._clones += 1
        self.lines[name] = Line(self.folder / str(self._clones), name, joins=False)
        self.lines[name].name = machine[0]
        keys = self.lines[name].folder / "keys"
        keys.mkdir()
        (keys / "hotlined.db.key").write_bytes(self.lines[machine].db.key_path.read_bytes())
        (keys / "hotlined.db.fleet").write_bytes(KEY)
        self._replace(name, self.lines[machine].copy(), set(self.oracle.known.get(machine, ())))

    def _unclone(self, name: str) -> None:
        if name in self.lines:
            self.lines.pop(name).db.close()
            self.oracle.known.pop(name, None)
            self.oracle.lose()

    def _hub_copy(self) -> list[Any]:
        return self.hub.admin.execute("SELECT line, number, mark, persons FROM hotlined.lists").fetchall()

    def put_back(self, rows: list[Any]) -> None:
        """Replace what the hub has."""
        with self.hub.admin.transaction():
            self.hub.admin.execute("DELETE FROM hotlined.lists")
            for row in rows:
                sql = "INSERT INTO hotlined.lists (line, number, mark, persons) VALUES (%s, %s, %s, %s)"
                self.hub.admin.execute(sql, row)

    def _hub_backup(self) -> None:
        self.hub_copies.append(self._hub_copy())

    def _hub_restore(self, which: str = "-1") -> None:
        self.put_back(self.hub_copies[int(which)])
        self.oracle.put_back()

    def _hub_new(self) -> None:
        self.put_back([(name, 0, None, b"") for name in NAMES])
        self.oracle.put_back()

    def _remove(self, machine: str) -> None:
        self.out.add(machine[0])

    def _invite(self, machine: str) -> None:
        """Let a line in again, which forgets the numbers that it knew."""
        self.out.discard(machine[0])
        for name in [each for each in self.lines if each[0] == machine[0]]:
            self.lines[name].join()
            self.oracle.known.pop(name, None)

    def _blank(self, machine: str) -> None:
        """Shut a line out, and empty its list."""
        self.out.add(machine[0])
        self.hub.admin.execute("UPDATE hotlined.lists SET persons = '', mark = NULL WHERE line = %s", [machine[0]])
        self.oracle.blank(machine[0])

    def _skew(self, seconds: str) -> None:
        self.hub.admin.execute("UPDATE public.skew SET seconds = %s", [float(seconds)])

    def calm(self) -> str | None:
        """Let all in, and all exchange; return the broken promise."""
        for name in NAMES:
            if name in self.out:
                self._invite(name)
        return self._settle() or self.oracle.broken()

    def play(self, words: str) -> str | None:
        """Play a history and a full exchange; return the first broken promise."""
        return next(filter(None, map(self.step, words.split("; "))), None) or self.calm()


WEIGHTS = {
    "stop": 6, "lift": 3, "go": 12, "cut": 10, "race": 3, "settle": 2, "backup": 2, "restore": 1.5, "wipe": 0.3,
    "clone": 0.6, "unclone": 0.4, "hub_backup": 1.5, "hub_restore": 1, "hub_new": 0.3, "remove": 0.4, "invite": 0.8,
    "blank": 0.2, "skew": 1,
}  # fmt: skip
"""The weight of each kind of step."""
_LINES, _HUB = {"restore", "wipe"}, {"hub_restore", "hub_new"}
LEFT_OUT = ({*_HUB, "clone"}, {*_LINES, "clone"}, {"clone"}, _LINES, set[str]())
"""The steps that a kind of history does without."""


def steps(world: Played, drawn: random.Random, length: int, *, skew: bool) -> Iterator[str]:
    """Draw the steps of a history; a hub with a wrong clock is never put back, which is a known limit."""
    without = drawn.choice(LEFT_OUT) | (_HUB if skew else {"skew"})
    verbs = [verb for verb in WEIGHTS if verb not in without]
    for verb in drawn.choices(verbs, [WEIGHTS[verb] for verb in verbs], k=length):
        name = drawn.choice([*world.lines])
        match verb:
            case "stop" | "lift":
                yield f"{verb} {name} {drawn.choice(world.persons)}"
            case "cut":
                yield f"cut {name} {drawn.randrange(1, 6)} {drawn.choice(('before', 'after'))}"
            case "race":
                yield f"race {name} {drawn.randrange(1, 6)} {' '.join(drawn.sample([*world.lines], 2))}"
            case "restore":
                yield f"restore {name} {drawn.randrange(len(world.copies[name[0]]))}"
            case "hub_restore":
                yield f"hub_restore {drawn.randrange(len(world.hub_copies))}"
            case "clone":
                yield f"clone {name} {name[0]}2"
            case "unclone":
                yield f"unclone {name[0]}2"
            case "skew":
                yield f"skew {drawn.choice((0, 50, -50, 3600, -3600))}"
            case "settle" | "hub_backup" | "hub_new":
                yield verb
            case _:
                yield f"{verb} {name}"


def history_found(world: Played, seed: int, length: int = 60, *, skew: bool = False) -> tuple[str | None, str]:
    """Play the history of a seed; return the broken promise, None if there is none, and the history."""
    played: list[str] = []
    for words in steps(world, random.Random(seed), length, skew=skew):
        played.append(words)
        if found := world.step(words):
            return found, "; ".join(played)
    return world.calm(), "; ".join(played)
