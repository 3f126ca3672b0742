"""The exchange: takes the line's question to the hub and the hub's answer to the line, until it is stopped.

It has no database and understands no row: the control program makes the question and judges the answer. While neither
the line nor the hub has news, the exchange repeats the same question and does not start the control program.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotlined import clock, systemd, wire
from hotlined.errors import HotlinedError, NotLetInError, UnavailableError, reason_of
from hotlined.exchange import Heard, Mark, RunFiles, write
from hotlined.fleet.hub import Hub, opened
from hotlined.language import Language, _
from hotlined.timing import Backoff

_FIGURES_SECONDS = 60.0
"""Seconds between two reports of the line's state, in a fleet of up to 60 lines; in a larger one, a second per line.

The hub writes each report to its disk, and its answer has the reports of all lines.
"""
_DOOR_SECONDS = 30.0  # a Pi Zero may have to start the control program first; a database may be locked for a while
_AT_ONCE = 100  # answers with news in a row before a pause: twenty thousand rows
_UNMARKED = 4  # questions to the hub without a daemon's mark before the line is asked: a minute
_AWAY = '{"state": "not_answering"}'  # the figures of a line whose daemon does not run
_HEARD_MODE = 0o644  # no number is in it, and its readers share no group with the exchange

Told = dict[str, Any]
Door = Callable[[dict[str, Any] | None], Told]
"""Hands an answer of the hub, or None, to the line and returns its next question.

The result has `question`, and `hub`, the hub's address if the configuration has it.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """The waits of the exchange, in seconds."""

    look: float = 2.0
    """Between two looks at the daemon's mark."""
    read: float = 15.0
    """Between two questions without news: the other lines know of a decision within 30 s."""
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    """Before the next try at a hub that was not reached."""
    misfits: tuple[float, ...] = (0.0, 1.0, 10.0, 60.0, 600.0)
    """Before the line is asked again after an answer that does not fit: the line may refuse to start again."""
    refused: float = 60.0
    """Before the next try at a line that refuses to exchange."""


class HubExchange:
    """The exchange of one line: `door` asks the line; `url` is its hub's, unless the line gives it."""

    def __init__(
        self,
        door: Door,
        url: str | None,
        place: RunFiles,
        pace: Pace = Pace(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door, self._url, self._place, self._pace, self._sleep = door, url, place, pace, sleep
        self._heard = place.maybe_heard()
        self._misfits = Backoff(pace.misfits)
        self._told_figures = float("-inf")
        self._members = 0
        self._seen: int | None = None
        self._unmarked = 0
        self._said = ""

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Exchange again and again, whatever fails."""
        pauses = Backoff(self._pace.pauses)
        while goes_on():
            systemd.notify(WATCHDOG=1)
            try:
                question, url = self._ask_line(None)
                with opened(url) as hub:
                    self._exchange(hub, question, goes_on, pauses)
            except _LineError as error:
                self._complain(error)
                self._sleep(self._pace.refused)
            except HotlinedError as error:
                self._note_failure(error)
                self._complain(error)
                self._sleep(pauses.next())

    def run_once(self) -> None:
        """Exchange until neither side has news; raises HotlinedError."""
        question, url = self._told(None)
        try:
            with opened(url) as hub:
                for _turn in range(_AT_ONCE):
                    answer = self._ask_hub(hub, question)
                    has_news = _has_news(question, answer)
                    question, _url = self._told(answer)
                    if not has_news:
                        return
        except (NotLetInError, UnavailableError) as error:
            self._note_failure(error)
            raise

    def _exchange(self, hub: Hub, question: dict[str, Any], goes_on: Callable[[], bool], pauses: Backoff) -> None:
        """Exchange over one connection, until it breaks.

        The first answer without news goes to the line, too, so that the line knows that nothing is wrong any more.
        """
        turns, is_settled = 0, False
        while goes_on():
            systemd.notify(WATCHDOG=1)
            answer = self._ask_hub(hub, question)
            pauses.reset()
            has_news = _has_news(question, answer)
            if has_news or not is_settled:
                is_settled = not has_news
                turns += 1
                if answer.get("fits"):
                    self._misfits.reset()
                else:
                    self._sleep(self._misfits.next())
                if turns % _AT_ONCE == 0:
                    self._sleep(self._pace.read)
                question, _url = self._ask_line(answer)
            elif self._wait():
                question, _url = self._ask_line(None)

    def _wait(self) -> bool:
        """Wait until it is time to ask the hub again; return whether the line may have news.

        Without a daemon there is no mark to show news, but people may still decide: so the line is asked now and then.
        """
        waited = 0.0
        mark = None
        while waited < self._pace.read:
            self._sleep(self._pace.look)
            waited += self._pace.look
            if (mark := self._fresh_mark()) and mark.changed != self._seen:
                return True
        self._unmarked = 0 if mark else self._unmarked + 1
        return self._unmarked >= _UNMARKED

    def _ask_line(self, answer: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
        """Do as `_told` does; raises _LineError if the line gives no question."""
        mark = self._fresh_mark()
        self._seen, self._unmarked = mark.changed if mark else None, 0
        try:
            return self._told(answer)
        except NotLetInError:
            raise
        except HotlinedError as error:
            raise _LineError(error.message, error.hint) from error

    def _told(self, answer: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
        """Hand an answer to the line; return its next question and the hub's URL."""
        told = self._door(answer)
        url = self._url or told.get("hub")
        if not isinstance(url, str):
            raise NotLetInError(_("There is no login at the hub here."))
        return told["question"], url

    def _fresh_mark(self) -> Mark | None:
        mark = self._place.maybe_mark()
        return mark if mark and mark.is_fresh(clock.boottime()) else None

    def _ask_hub(self, hub: Hub, question: dict[str, Any]) -> dict[str, Any]:
        now = clock.boottime()
        if is_due := now - self._told_figures >= max(_FIGURES_SECONDS, self._members):
            mark = self._fresh_mark()
            question = question | {"figures": mark.figures if mark else _AWAY}
        try:
            answer = json.loads(hub.ask(json.dumps(question)))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise HotlinedError(_("The hub answers what no hub of a fleet does."))
        lines = answer.pop("lines", None)
        if is_due:
            self._told_figures, self._members = now, len(lines) if isinstance(lines, list) else 0
        self._note(reachable=True, lines=lines if is_due and isinstance(lines, list) else None)
        return answer

    def _note(
        self, *, reachable: bool, reason: str = "", not_let_in: bool = False, lines: list[Any] | None = None
    ) -> None:
        """Write the state of the hub for everybody to read, when it changes, and each minute while it is reachable."""
        before, now = self._heard, clock.boottime()
        is_as_before = before is not None and before.reachable is reachable
        if is_as_before and before and before.reason == reason and lines is None:
            return
        began = (
            before
            if is_as_before and before
            else replace(before or Heard(reachable, "", 0.0), reachable=reachable, since=clock.rfc3339(clock.here()))
        )
        found = replace(began, reason=reason, not_let_in=not_let_in)
        if reachable:
            found = replace(found, boottime=now)
            if before is None or not before.reachable:
                log.warning("the hub is there")
        if lines is not None:
            found = replace(found, lines=tuple(lines), lines_boottime=now)
        self._heard = found
        with suppress(OSError):  # another user's folder, as when a person exchanges by hand
            write(self._place.heard, found, _HEARD_MODE)

    def _note_failure(self, error: HotlinedError) -> None:
        self._note(reachable=False, reason=error.message, not_let_in=isinstance(error, NotLetInError))

    def _complain(self, error: HotlinedError) -> None:
        if error.message != self._said:
            log.warning("%s", error.message)  # only once, because the log is on the card
        self._said = error.message


class _LineError(HotlinedError):
    """The line gives no question: its control program does not run, or refuses."""


def _has_news(question: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Return whether the line has to see an answer."""
    return bool(
        question.get("rows")
        or question.get("again")
        or answer.get("rows")
        or answer.get("more")
        or not answer.get("fits")
    )


def at(path: Path) -> Door:
    """Return the door of a line's control program, at the socket `path`."""

    def ask(answer: dict[str, Any] | None) -> Told:
        request = {"verb": "exchange", "arguments": {"answer": answer}, "language": Language.ENGLISH}
        try:
            with socket.socket(socket.AF_UNIX) as channel:
                channel.connect(os.fspath(path))
                said = wire.ask(channel, request, time.monotonic() + _DOOR_SECONDS)
        except (OSError, ValueError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else _("it ended")
            raise UnavailableError(
                _("The control program at {socket} does not answer: {reason}.", socket=path, reason=reason)
            ) from error
        if "error" in said:
            raise wire.to_error(said["error"])
        result: Told = said["result"]
        return result

    return ask
