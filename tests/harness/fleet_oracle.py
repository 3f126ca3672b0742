"""Judges whether lines that share decisions kept their promises, whatever was lost, cut, doubled or restored.

It imports nothing of ours. It knows the decisions of people at each line, who exchanged when, and what was restored. It
queries a world of machines, several of which may act as one line. The promises:

- A decision is never lost while a machine of its line, or the hub, has it.
- A machine that has taken in a decision refuses the person until it is lifted, or the machine is restored; or the hub
  was put back while two machines acted as the line that decided.
- Once all have exchanged, each refuses whom any line has decided to refuse.
- What a line lifted stays lifted there, unless it was restored, or has a second machine.
"""

from typing import Protocol

Decision = tuple[str, int]
"""A line, and a person."""


class World(Protocol):
    """Queries about machines and their hub."""

    persons: tuple[int, ...]

    def machines(self) -> dict[str, str]:
        """Return the line of each machine."""

    def refuses(self, machine: str, person: int) -> bool:
        """Tell whether a machine would not answer a person."""

    def has_decided(self, machine: str, person: int) -> bool:
        """Tell whether a machine refuses a person by its line's own decision."""

    def at_hub(self) -> set[Decision]:
        """Return all that the lists at the hub have."""


class Oracle:
    """The truth of a history so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.standing: set[Decision] = set()
        self.lifted: set[Decision] = set()
        self.known: dict[str, set[Decision]] = {}
        self.stale: set[Decision] = set()
        """Decisions that were lifted and made again, while the hub has the list of before."""
        self.restored: set[str] = set()
        """Lines that were restored, or had a second machine."""
        self.old: set[str] = set()
        """Lines that did not exchange since their list was emptied or the hub put back: others may know a newer one."""

    # ---- events

    def decide(self, line: str, person: int) -> None:
        """Note a stop or a block at a line."""
        if (line, person) in self.world.at_hub():
            self.stale.add((line, person))
        self.standing.add((line, person))
        self.lifted.discard((line, person))
        self._forget({(line, person)})  # an earlier decision may have been known, and this one is another

    def lift(self, line: str, person: int) -> None:
        """Note that a line lifted its decision."""
        self.standing.discard((line, person))
        self.lifted.add((line, person))
        self._forget({(line, person)})

    def exchanged(self, machine: str, at_hub: set[Decision]) -> None:
        """Note that a machine exchanged to the end; `at_hub` is what the lists had when it began."""
        line = self.world.machines()[machine]
        self.old.discard(line)
        found = {each for each in at_hub & self.standing - self.stale if each[0] not in self.old}
        self.known.setdefault(machine, set()).update(found)
        self.stale -= {(line, person) for person in self.world.persons if self.world.has_decided(machine, person)}

    def lose(self, *, machine: str | None = None, known: set[Decision] | None = None) -> None:
        """Note that a machine (or the hub) was replaced by a copy that knew this much; what no copy has is lost."""
        if machine:
            self.restored.add(self.world.machines()[machine])
            self.known[machine] = {each for each in (known or ()) if each in self.standing and each[0] not in self.old}
        else:  # the list that one machine of a line writes then lacks what the other has not written again
            lines = list(self.world.machines().values())
            self._forget({each for each in self.standing if lines.count(each[0]) > 1})
        lost = self.standing - self._held()
        self.standing -= lost
        self._forget(lost)

    def put_back(self) -> None:
        """Note that the hub was replaced by a copy."""
        self.old.update(self.world.machines().values())
        self.lose()

    def blank(self, line: str) -> None:
        """Note that the list of a line was emptied at the hub: until the line writes it again it holds nowhere else."""
        self.old.add(line)
        self.lose()
        self._forget({each for each in self.standing if each[0] == line})

    def _forget(self, decisions: set[Decision]) -> None:
        for known in self.known.values():
            known.difference_update(decisions)

    def _held(self) -> set[Decision]:
        machines = self.world.machines().items()
        own = {(line, p) for name, line in machines for p in self.world.persons if self.world.has_decided(name, p)}
        return own | self.world.at_hub() - self.stale

    # ---- promises

    def broken(self) -> str | None:
        """Return the promise that is broken now; None if all are kept."""
        if lost := self.standing - self._held():
            return f"lost: {sorted(lost)}"
        for machine, line in self.world.machines().items():
            for other, person in self.known.get(machine, ()):
                if not self.world.refuses(machine, person):
                    return f"{machine} would answer {person}, whom {other} refuses, and has exchanged since"
            for person in self.world.persons:
                is_lifted = (line, person) in self.lifted and line not in self.restored
                if is_lifted and self.world.has_decided(machine, person):
                    return f"{machine} decided again what it had lifted about {person}"
        return None

    def differs(self) -> str | None:
        """Return who would be answered, once all have exchanged; None if nobody whom a line refuses."""
        for machine in self.world.machines():
            for line, person in self.standing:
                if not self.world.refuses(machine, person):
                    return f"{machine} would answer {person}, whom {line} refuses"
        return None
