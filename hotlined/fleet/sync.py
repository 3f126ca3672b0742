"""The exchange: brings what the hub has to the line, and the line's list to the hub, until it is stopped.

It has no database and reads no list: the control program says what to read and what to write (`store.fleet.turn`).
While neither the line nor the hub has anything new, the exchange does not start the control program.
"""

import hashlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotlined.errors import HotlinedError, NotLetInError, UnavailableError, reason_of
from hotlined.fleet.hub import Hub, opened
from hotlined.fleet_files import HubState, RunFiles, write
from hotlined.language import Language, _
from hotlined.machine import clock, systemd, wire
from hotlined.machine.timing import Backoff

_SEEN_SECONDS = 600.0
"""Seconds between two reports that this line was at the hub, each of which the hub writes to its disk."""
_ASK_SECONDS = 30.0  # a Pi Zero may have to start the control program first; a database may be locked for a while
_MOST_TURNS = 2000  # of one exchange: each line's list, and some that were written meanwhile
_UNMARKED = 4  # looks at the hub without a daemon's mark before the line is asked: a minute
_ANYWAY = 240  # looks at the hub before the line is asked in any case: an hour
_STATE_MODE = 0o644  # no number is in it, and its readers share no group with the exchange

AskLine = Callable[[dict[str, Any] | None], dict[str, Any]]
"""Brings what the hub has, or None, to the line, and returns what to do next (`store.fleet.turn`).

It also has `hub`, the hub's address, if the configuration has one.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """The waits of the exchange, in seconds."""

    look: float = 2.0
    """Between two looks at the daemon's mark."""
    read: float = 15.0
    """Between two looks at the hub: the other lines have a decision within 30 s."""
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    """Before the next try at a hub that was not reached."""
    refused: float = 60.0
    """Before the next try at a line that refuses to exchange."""


class HubExchange:
    """The exchange of one line: `ask_line` asks the line; `url` is its hub's, unless the line gives it."""

    def __init__(
        self,
        ask_line: AskLine,
        url: str | None,
        place: RunFiles,
        pace: Pace = Pace(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask_line, self._url, self._place, self._pace, self._sleep = ask_line, url, place, pace, sleep
        self._state = place.maybe_hub()
        self._reported = float("-inf")
        self._mark: int | None = None
        self._said = ""

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Exchange again and again, whatever fails."""
        pauses = Backoff(self._pace.pauses)
        while goes_on():
            systemd.notify(WATCHDOG=1)
            try:
                with opened(self._begin()["url"]) as hub:
                    self._stay(hub, goes_on, pauses)
            except _LineError as error:
                self._complain(error)
                self._sleep(self._pace.refused)
            except HotlinedError as error:
                self._note_failure(error)
                self._complain(error)
                self._sleep(pauses.next())

    def run_once(self) -> None:
        """Exchange until neither side has anything new; raises HotlinedError."""
        try:
            with opened(self._begin()["url"]) as hub:
                self.exchange(hub)
        except _LineError as error:
            raise error.__cause__ or error from None
        except (NotLetInError, UnavailableError) as error:
            self._note_failure(error)
            raise

    def _begin(self) -> dict[str, Any]:
        """Return the line's name, and the hub's URL."""
        line = self._ask(None)
        url = self._url or line.get("hub")
        if not isinstance(url, str):
            raise NotLetInError(_("There is no login at the hub here."))
        return line | {"url": url}

    def _stay(self, hub: Hub, goes_on: Callable[[], bool], pauses: Backoff) -> None:
        """Exchange over one connection, until it breaks: whenever the hub has other numbers or the line a new mark."""
        known, looks = "", 0
        while goes_on():
            systemd.notify(WATCHDOG=1)
            mark = self._place.maybe_mark()
            is_due = looks >= (_ANYWAY if mark is not None else _UNMARKED)
            if is_due or mark != self._mark or hub.digest() != known:
                self._mark, looks = mark, 0
                known = digest_of(self.exchange(hub))
            else:
                self._note_reached(hub)
            pauses.reset()
            looks += 1
            self._wait()

    def _wait(self) -> None:
        """Wait until it is time to look at the hub again, or the line may have something new."""
        waited = 0.0
        while waited < self._pace.read:
            self._sleep(self._pace.look)
            waited += self._pace.look
            if self._place.maybe_mark() not in (None, self._mark):
                return

    def exchange(self, hub: Hub) -> Mapping[str, int]:
        """Exchange until neither side has anything new; return the numbers of all lists."""
        line = self._ask(None)["line"]
        key, numbers = _numbers(hub, line)
        self._note_reached(hub, line)
        brought: dict[str, Any] = {"key": key, "numbers": numbers, "read": None, "written": None}
        for _turn in range(_MOST_TURNS):
            systemd.notify(WATCHDOG=1)
            following = self._ask(brought)
            if following.get("taken_back"):
                log.warning("another machine wrote as this line, or this database was restored: its list was taken in")
            brought["read"] = brought["written"] = None
            if name := following.get("read"):
                brought["read"] = hub.read(name)
                numbers[name] = brought["read"]["number"]
            elif wanted := following.get("write"):
                brought["written"] = hub.write(line, wanted)
                if brought["written"] is None:  # somebody else was faster
                    brought["key"], numbers = _numbers(hub, line)
                    brought["numbers"] = numbers
                else:
                    numbers[line] = brought["written"]["number"]
            else:
                break
        return numbers

    def _ask(self, brought: dict[str, Any] | None) -> dict[str, Any]:
        """Ask the line; raises _LineError if it does not take part."""
        try:
            return self._ask_line(brought)
        except NotLetInError:
            raise
        except HotlinedError as error:
            raise _LineError(error.message, error.hint) from error

    def _note_reached(self, hub: Hub, line: str | None = None) -> None:
        """Note that the hub is there; and now and then there, that this line is."""
        now = clock.boottime()
        seen = None
        if line is not None or now - self._reported >= _SEEN_SECONDS:
            self._reported = now
            seen = hub.report()
        before = self._state
        if before and before.reachable and seen is None:
            return
        since = before.since if before and before.reachable else clock.rfc3339(clock.here())
        if before is None or not before.reachable:
            log.warning("the hub is there")
        self._write(HubState(reachable=True, since=since, boottime=now, seen=seen or (before.seen if before else {})))

    def _note_failure(self, error: HotlinedError) -> None:
        before = self._state or HubState(reachable=True, since="", boottime=0.0)
        since = clock.rfc3339(clock.here()) if before.reachable else before.since
        is_shut = isinstance(error, NotLetInError)
        found = replace(before, reachable=False, since=since, reason=error.message, not_let_in=is_shut)
        if found != self._state:
            self._write(found)

    def _write(self, state: HubState) -> None:
        self._state = state
        with suppress(OSError):  # another user's folder, as when a person exchanges by hand
            write(self._place.hub, state, _STATE_MODE)

    def _complain(self, error: HotlinedError) -> None:
        if error.message != self._said:
            log.warning("%s", error.message)  # only once, because the log is on the card
        self._said = error.message


class _LineError(HotlinedError):
    """The line does not take part: its control program does not run, or refuses."""


def _numbers(hub: Hub, line: str) -> tuple[str, dict[str, int]]:
    """Return what `Hub.numbers` does; raises NotLetInError if the line is not among them."""
    key, numbers = hub.numbers()
    if line not in numbers:
        raise NotLetInError(_("The hub knows no line {line}.", line=line))
    return key, numbers


def digest_of(numbers: Mapping[str, int]) -> str:
    """Return what `Hub.digest` does."""
    text = " ".join(f"{line}:{numbers[line]}" for line in sorted(numbers))
    return hashlib.sha256(text.encode()).hexdigest()


def at(path: Path) -> AskLine:
    """Return a function that asks a line's control program, at the socket `path`."""

    def ask(brought: dict[str, Any] | None) -> dict[str, Any]:
        request = {"verb": "exchange", "arguments": {"brought": brought}, "language": Language.ENGLISH}
        try:
            with socket.socket(socket.AF_UNIX) as channel:
                channel.connect(os.fspath(path))
                said = wire.ask(channel, request, time.monotonic() + _ASK_SECONDS)
        except (OSError, ValueError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else _("it ended")
            raise UnavailableError(
                _("The control program at {socket} does not answer: {reason}.", socket=path, reason=reason)
            ) from error
        if "error" in said:
            raise wire.to_error(said["error"])
        result: dict[str, Any] = said["result"]
        return result

    return ask
