"""Judges whether lines that share what they know kept their promises, whatever was lost, late, doubled or put back.

It imports nothing of ours. It knows what people did at which line, what went over the wire and what was lost, and asks
a world of lines what they would do. The promises:

- Nobody who said stop at one line is answered by a line that has exchanged since both had the chance.
- A line's own decision is never lost, unless no copy of it was left.
- No answer is counted twice, and a line never counts more than were sent.
- A request for erasure is listed at each line that has something of the person, until it is answered there.
- Once all exchange, what each believes of another is what that one says.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

Said = tuple[str, int]
"""A line, and a person."""


class World(Protocol):
    """What can be asked of lines and their hub."""

    names: tuple[str, ...]
    persons: tuple[int, ...]

    def refuses(self, line: str, person: int) -> bool:
        """Tell whether a line would not answer somebody."""

    def has_decided(self, line: str, person: int) -> bool:
        """Tell whether a line refuses somebody of its own."""

    def counted(self, line: str, person: int) -> int:
        """Return how many answers a line counts."""

    def listed(self, line: str) -> set[Said]:
        """Return the requests of which line for whom are open at a line."""

    def says(self, line: str, person: int) -> tuple[bool, int | None, int]:
        """Return what a line says: refused, which request for erasure, answers."""

    def believes(self, line: str, other: str, person: int) -> tuple[bool, int | None, int]:
        """Return what a line believes that another says."""

    def at_hub(self, line: str, person: int) -> int | None:
        """Return the version of a row at the hub that refuses somebody; None where there is none."""

    def has_something(self, line: str, person: int) -> bool:
        """Tell whether something of a person is stored at a line."""


class Oracle:
    """What is true of a history so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.decided: set[Said] = set()
        self.since: dict[Said, int] = {}
        self.sent: Counter[Said] = Counter()
        self.knows: dict[str, set[Said]] = {name: set() for name in world.names}
        self.knew: dict[str, set[Said]] = {name: set() for name in world.names}
        self.requests: dict[Said, int] = {}
        self.heard: dict[str, dict[Said, int]] = {name: {} for name in world.names}
        self.heard_then: dict[str, dict[Said, int]] = {name: {} for name in world.names}
        self.exchanged = dict.fromkeys(world.names, True)
        self.restored_at = dict.fromkeys(world.names, -1)
        self.restored: set[str] = set()
        self.blanked: set[str] = set()

    # ---- what happened

    def decide(self, line: str, person: int, version: int) -> None:
        """Note that somebody said stop, or was blocked, at a line; its row has this version."""
        if (line, person) not in self.decided:
            self.decided.add((line, person))
            self.since[line, person] = version
            for known in (*self.knows.values(), *self.knew.values()):
                known.discard((line, person))

    def undo(self, line: str, person: int) -> None:
        """Note that it was lifted where it was decided."""
        self.decided.discard((line, person))

    def answer(self, line: str, person: int) -> None:
        """Note that a line answered."""
        self.sent[line, person] += 1

    def forget(self, line: str, person: int, version: int) -> None:
        """Note that a line erased somebody and asks the others; its row has this version."""
        self.requests[line, person] = version
        self.erase(line, person)

    def erase(self, line: str, person: int) -> None:
        """Note that a line erased somebody."""
        self.heard[line] = {said: request for said, request in self.heard[line].items() if said[1] != person}

    def hear(self, line: str, rows: Iterable[tuple[str, int, int, int]]) -> None:
        """Note rows that a line took in and that ask for erasure: whose, for whom, after which version, with which."""
        for other, person, before, version in rows:
            if before < self.requests.get((other, person), 0) <= version:  # else it is no new request
                if self.world.has_something(line, person):
                    self.heard[line][other, person] = version
                else:
                    self.heard[line].pop((other, person), None)

    def exchange(self, line: str, asked_at: int, at_hub: Iterable[tuple[str, int, int]]) -> None:
        """Note that a line took in all that the hub had at a moment: which rows refuse whom, with their versions."""
        self.exchanged[line] |= asked_at > self.restored_at[line]
        for other, person, version in at_hub:
            if other != line and version >= self.since.get((other, person), 0):
                self.knows[line].add((other, person))

    def backup(self, line: str) -> None:
        """Note that a line's database was copied."""
        self.knew[line] = set(self.knows[line])
        self.heard_then[line] = dict(self.heard[line])

    def restore(self, line: str, at: int, *, empty: bool) -> None:
        """Note that the copy took the place of the database, or an empty one did."""
        self.knows[line] = set() if empty else set(self.knew[line])
        self.heard[line] = {} if empty else dict(self.heard_then[line])
        self.restored.add(line)
        self.exchanged[line], self.restored_at[line] = False, at
        for person in self.world.persons:
            self._drop_what_no_copy_has(line, person)
            if self.requests.get((line, person), 0) > (self.world.says(line, person)[1] or 0):
                self.requests.pop((line, person), None)
        if empty:
            self.backup(line)

    def lose_hub(self) -> None:
        """Note that the hub was put back or replaced."""
        for line, person in list(self.decided):
            if not self.exchanged[line]:
                self._drop_what_no_copy_has(line, person)

    def _drop_what_no_copy_has(self, line: str, person: int) -> None:
        version = self.world.at_hub(line, person)
        in_copy = version is not None and version >= self.since.get((line, person), 0)
        if not self.world.has_decided(line, person) and not in_copy:
            self.decided.discard((line, person))

    def blank(self, line: str) -> None:
        """Note that what a line had said was blanked: until it says so again it holds nowhere else."""
        self.blanked.add(line)
        self.decided = {said for said in self.decided if said[0] != line}
        self.requests = {said: request for said, request in self.requests.items() if said[0] != line}
        for known in (self.knows, self.knew):
            for name in known:
                known[name] = {said for said in known[name] if said[0] != line}

    # ---- what must hold

    def broken(self, line: str) -> str | None:
        """Return which promise a line does not keep now; None where it keeps all."""
        world = self.world
        for person in world.persons:
            if (line, person) in self.decided and self.exchanged[line] and not world.has_decided(line, person):
                return f"{line} lost its own decision about {person}"
            for other in world.names:
                known = (other, person) in self.decided and (other, person) in self.knows[line]
                if known and not world.refuses(line, person):
                    return f"{line} would answer {person}, who said stop at {other}, and has exchanged since"
            counted, sent = world.counted(line, person), sum(self.sent[name, person] for name in world.names)
            if counted > sent:
                return f"{line} counts {counted} answers to {person}, and {sent} were sent"
        listed = world.listed(line)
        for other, person in self.heard[line]:
            present = world.believes(line, other, person)[1] is not None
            if present and world.has_something(line, person) and (other, person) not in listed:
                return f"{line} no longer lists that {other} asks to erase {person}"
        return None

    def differs(self) -> str | None:
        """Return in what lines differ that have all exchanged; None where they believe of each what it says."""
        world = self.world
        for line in world.names:
            for person in world.persons:
                for other in world.names:
                    said = world.says(other, person)
                    if other != line and world.believes(line, other, person) != said:
                        return f"{line} believes of {other} on {person} what it does not say: {said}"
                request = self.requests.get((line, person))
                if request and world.says(line, person)[1] is None and line not in self.restored:
                    return f"{line} no longer asks to erase {person}"
                is_own = (line, person) in self.decided or line in self.restored | self.blanked
                if world.has_decided(line, person) and not is_own:
                    return f"{line} decided again what it had lifted about {person}"
        return None
