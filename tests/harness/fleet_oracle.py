"""Judges whether lines that share decisions kept their promises, whatever was lost, late, doubled or restored.

It imports nothing of ours. It knows the decisions of people at each line, the messages and the lost ones, and queries a
world of lines. The promises:

- A number that said stop at one line is not answered by a line that has exchanged since both had the chance.
- A line's own decision is never lost, unless no copy of it was left.
- No answer is counted twice, and a line never counts more than were sent.
- A request for erasure is listed at each line that has data of the person, until it is answered there.
- Once all exchange, each line believes of another what that one says.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

Said = tuple[str, int]
"""A line, and a person."""


class World(Protocol):
    """Queries about lines and their hub."""

    names: tuple[str, ...]
    persons: tuple[int, ...]

    def refuses(self, line: str, person: int) -> bool:
        """Tell whether a line would not answer a person."""

    def has_decided(self, line: str, person: int) -> bool:
        """Tell whether a line refuses a person by its own decision."""

    def counted(self, line: str, person: int) -> int:
        """Return the number of answers that a line counts."""

    def listed(self, line: str) -> set[Said]:
        """Return the open requests at a line: the asking line and the person of each."""

    def says(self, line: str, person: int) -> tuple[bool, int | None, int]:
        """Return a line's own row: refused, version of a request for erasure, answers."""

    def believes(self, line: str, other: str, person: int) -> tuple[bool, int | None, int]:
        """Return the row of another line that a line has."""

    def at_hub(self, line: str, person: int) -> int | None:
        """Return the version of a row at the hub that refuses a person; None if there is none."""

    def has_something(self, line: str, person: int) -> bool:
        """Tell whether a line stores data of a person."""


class Oracle:
    """The truth of a history so far."""

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

    # ---- events

    def decide(self, line: str, person: int, version: int) -> None:
        """Note a stop or a block at a line; its row has this version."""
        if (line, person) not in self.decided:
            self.decided.add((line, person))
            self.since[line, person] = version
            for known in (*self.knows.values(), *self.knew.values()):
                known.discard((line, person))

    def undo(self, line: str, person: int) -> None:
        """Note that a decision was lifted where it was made."""
        self.decided.discard((line, person))

    def answer(self, line: str, person: int) -> None:
        """Note that a line answered."""
        self.sent[line, person] += 1

    def forget(self, line: str, person: int, version: int) -> None:
        """Note that a line erased a person and asks the others; its row has this version."""
        self.requests[line, person] = version
        self.erase(line, person)

    def erase(self, line: str, person: int) -> None:
        """Note that a line erased a person."""
        self.heard[line] = {said: request for said, request in self.heard[line].items() if said[1] != person}

    def hear(self, line: str, rows: Iterable[tuple[str, int, int, int]]) -> None:
        """Note rows that a line received and that ask for erasure: line, person, previous version, version."""
        for other, person, before, version in rows:
            if before < self.requests.get((other, person), 0) <= version:  # otherwise the request is not new
                if self.world.has_something(line, person):
                    self.heard[line][other, person] = version
                else:
                    self.heard[line].pop((other, person), None)

    def exchange(self, line: str, asked_at: int, at_hub: Iterable[tuple[str, int, int]]) -> None:
        """Note that a line received all that the hub had at a moment: refusing rows with their versions."""
        self.exchanged[line] |= asked_at > self.restored_at[line]
        for other, person, version in at_hub:
            if other != line and version >= self.since.get((other, person), 0):
                self.knows[line].add((other, person))

    def backup(self, line: str) -> None:
        """Note that a line's database was copied."""
        self.knew[line] = set(self.knows[line])
        self.heard_then[line] = dict(self.heard[line])

    def restore(self, line: str, at: int, *, empty: bool) -> None:
        """Note that the copy, or an empty database, replaced the database."""
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
        """Note that the hub was restored or replaced."""
        for line, person in list(self.decided):
            if not self.exchanged[line]:
                self._drop_what_no_copy_has(line, person)

    def _drop_what_no_copy_has(self, line: str, person: int) -> None:
        version = self.world.at_hub(line, person)
        in_copy = version is not None and version >= self.since.get((line, person), 0)
        if not self.world.has_decided(line, person) and not in_copy:
            self.decided.discard((line, person))

    def blank(self, line: str) -> None:
        """Note that a line's rows were blanked: until it sends them again they hold nowhere else."""
        self.blanked.add(line)
        self.decided = {said for said in self.decided if said[0] != line}
        self.requests = {said: request for said, request in self.requests.items() if said[0] != line}
        for known in (self.knows, self.knew):
            for name in known:
                known[name] = {said for said in known[name] if said[0] != line}

    # ---- promises

    def broken(self, line: str) -> str | None:
        """Return the promise that a line breaks now; None if it keeps all."""
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
        """Return the difference between lines after a full exchange; None if each believes what the others say."""
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
