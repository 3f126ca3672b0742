"""Actions for later, by a clock that is passed in. Nothing here sleeps or starts a thread: the caller runs them."""

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], object]


class Timers:
    """A queue of actions, each with its due time; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()  # for actions of the same time: heapq cannot compare functions

    def after(self, seconds: float, action: Action) -> Callable[[], None]:
        """Run `action` after `seconds`; call the returned function to cancel it."""
        live = True

        def cancel() -> None:
            nonlocal live
            live = False

        heapq.heappush(self._due, (self._clock() + seconds, next(self._order), lambda: action() if live else None))
        return cancel

    def wait_seconds(self) -> float | None:
        """Return the seconds until the next action; None if there is none."""
        return max(0.0, self._due[0][0] - self._clock()) if self._due else None

    def run(self) -> None:
        """Run the actions that are due, the earliest first."""
        while self._due and self._due[0][0] <= self._clock():
            heapq.heappop(self._due)[2]()
