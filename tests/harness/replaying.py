"""A modem that answers as a recorded one did, on a pseudo-terminal; the simulator gives all other answers.

`recorded` and `simulated` count the commands that each of them answered.
"""

import re
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotlined.gsm.recording import Recording
from hotlined.simulator import control
from hotlined.simulator.bench import Bench, Options

STICKS = Path(__file__).parents[1] / "data" / "sticks"
NUMBER = "+32470123456"

_SELECTION = re.compile(r'AT\+CPMS="(\w+)"')
_OF_A_STORAGE = re.compile(r"AT\+CMG[LR]")


class Replay:
    """A recorded modem on a port, with its answers in their recorded order."""

    def __init__(self, recording: Recording, folder: Path, **options: int) -> None:
        self.bench = Bench(Options(link=folder / "modem", **options))
        self.recorded: dict[str, None] = {}
        self.simulated: dict[str, None] = {}
        self._told, self._place = _told(recording), -1
        self._line, self._selected, self._is_submitting = b"", "", False
        self._over = False
        self.bench.plug()
        control.do(self.bench, "deliver", {"from": NUMBER, "text": "coucou"})
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def name(self) -> str:
        """The name of the port."""
        return str(self.bench.port.name)

    def close(self) -> None:
        """End it."""
        self._over = True
        self._thread.join()
        self.bench.unplug()

    def _serve(self) -> None:
        assert self.bench.port.master is not None
        while not self._over:
            if select.select([self.bench.port.master], [], [], 0.05)[0]:
                for octet in self.bench.port.read():
                    self._take(bytes([octet]))
            self.bench.timers.run()

    def _take(self, octet: bytes) -> None:
        """Write the recorded answer after a command line that has one; the simulator does the rest."""
        self._line += octet
        if octet not in b"\r\x1a":
            return
        line, self._line = self._line, b""
        text = line.decode("latin-1")
        command = text.strip("\x1b\r")
        if found := _SELECTION.match(command):
            self._selected = found[1]
        answer = None if self._is_submitting else self._maybe_answer(text)
        if answer is None:
            self._is_submitting = command.startswith("AT+CMGS=")
            if command.startswith("AT"):  # otherwise it is a PDU
                self.simulated[command] = None
            self.bench.modem.receive(line)
            return
        self.recorded[command] = None
        self.bench.port.write(answer.encode("latin-1"))

    def _maybe_answer(self, text: str) -> str | None:
        """Return the next answer to a command, otherwise the last one; the answer behind an ESC, if there is one."""
        for question in (text, text.strip("\x1b")):
            places = [
                place
                for place, each in enumerate(self._told)
                if each.question == question and (each.selected == self._selected or not _OF_A_STORAGE.match(question))
            ]
            if places:
                self._place = next((place for place in places if place > self._place), places[-1])
                return self._told[self._place].answer
        return None


@dataclass(slots=True)
class _Told:
    """A command, the storage that was selected, and the answer."""

    question: str
    selected: str
    answer: str = ""


def _told(recording: Recording) -> list[_Told]:
    found: list[_Told] = []
    selected = ""
    for said in recording.lines:
        if said.ours:
            selection = _SELECTION.match(said.text)
            selected = selection[1] if selection else selected
            found.append(_Told(said.text, selected))
        elif found:
            found[-1].answer += said.text
    return [told for told in found if not told.question.startswith(("AT+CMGS=", "\x1b\r"))]


@contextmanager
def replayed(recording: Recording, folder: Path, **options: int) -> Iterator[Replay]:
    """Give a recorded modem, and close it at the end."""
    replay = Replay(recording, folder, **options)
    try:
        yield replay
    finally:
        replay.close()
