"""Runs our driver against the answers of real modems that python-gsmmodem recorded: `scripts/recorded`.

No test: it prints, for each model, what initialisation, listing and submission come to. A command that the record
holds gets the recorded answer; all others get the simulator's, for no record is whole.
"""

import importlib.util
import select
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click

from hotlined.errors import HotlinedError
from hotlined.gsm import tpdu
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.simulator import control
from hotlined.simulator.bench import Bench, Options

NUMBER = "+32470123456"
SECONDS = 15.0  # for one submission


class Recording:
    """A simulated modem on a port that gives recorded answers where there are some."""

    def __init__(self, model: Any, folder: Path) -> None:
        self.bench = Bench(Options(link=folder / "modem", me_size=5))
        self.recorded: set[str] = set()
        self._model = model
        self._line = b""
        self._over = False
        self.bench.plug()
        control.do(self.bench, "deliver", {"from": NUMBER, "text": "coucou"})
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._over = True
        self._thread.join()
        self.bench.unplug()

    def _serve(self) -> None:
        assert self.bench.port.master
        while not self._over:
            if select.select([self.bench.port.master], [], [], 0.05)[0]:
                for octet in self.bench.port.read():
                    self._take(bytes([octet]))
            self.bench.timers.run()

    def _take(self, octet: bytes) -> None:
        """Give a recorded answer at the end of a command line that has one; all else is the simulator's."""
        self._line += octet
        if octet not in b"\r\x1a":
            return
        line, self._line = self._line, b""
        command = line.decode("latin-1").removeprefix("\x1b")
        if command not in self._model.responses:
            self.bench.modem.receive(line)
            return
        self.recorded.add(command.strip())
        for text in self._model.getResponse(command):
            self.bench.port.write(b"\r\n" + text.encode("latin-1"))


def say(what: str, *words: object) -> None:
    """Print one finding."""
    click.echo(f"  {what:12} {' '.join(map(str, words))}")


def try_out(modem: Modem) -> None:
    """Do with a modem what the daemon does, and print what came of it."""
    modem.begin()
    say("make", modem.profile.name)
    say("SIM", modem.sim_state()[0])
    who = modem.initialise()
    say("who", who.manufacturer, "/", who.model)
    say("storages", ", ".join(f"{use.name} {use.used}/{use.total}" for use in modem.storages.values()))
    modem.verify()
    condition = modem.condition()
    say("registration", condition.registration, "at", condition.operator)
    for storage in modem.storages:
        for entry in modem.list(storage).entries:
            message = tpdu.decode(entry.pdu)
            say("listed", storage, entry.index, message.text if isinstance(message, tpdu.Deliver) else message)
            say("deleted", modem.delete(storage, entry.index))
    (segment,) = tpdu.encode_submit(parse_number(NUMBER, "BE"), plan("Non, c'est non."))
    say("submitted", modem.submit(segment.pdu, segment.tpdu_length, SECONDS))


def main() -> None:
    """Try every recorded model out."""
    specification = importlib.util.spec_from_file_location("fakemodems", sys.argv[1])
    assert specification
    assert specification.loader
    records = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(records)
    for model in records.createModems():
        click.echo(str(model))
        with tempfile.TemporaryDirectory() as folder:
            recording = Recording(model, Path(folder))
            port = Port(str(recording.bench.port.name))
            began = time.monotonic()
            try:
                try_out(Modem(port, lambda _: None))
            except HotlinedError as error:
                say("ends with", error.message)
            finally:
                port.close()
                recording.close()
            say("took", f"{len(recording.recorded)} recorded answers, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
