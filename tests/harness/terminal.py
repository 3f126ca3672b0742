"""The other end of a simulated modem in this process, with a clock that is turned by hand.

It is a driver's view of the simulator, not the daemon's: tests of the daemon have `Line` in `tests/conftest.py`, with
the simulator in a thread.
"""

import select
from pathlib import Path

import serial
from conftest import PATIENCE_SECONDS

from hotlined.gsm import tpdu
from hotlined.gsm.alphabet import plan
from hotlined.simulator import control
from hotlined.simulator.bench import Bench, Options

ALICE = "+32470123456"
INITIALISATION = ("ATE0", "AT+CMEE=1;+CMGF=0", "AT+CNMI=2,1,0,2,0", 'AT+CPMS="SM","SM","SM"')


class Terminal:
    """A simulated modem in this process, on a clock that is turned by hand, and pyserial at its port."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.now = 0.0
        self.bench = Bench(Options(link=folder / "modem", **options), lambda: self.now)
        self.port: serial.Serial | None = None
        self.heard = 0
        self.open()

    def open(self) -> None:
        """Plug the stick in and open its port; the first output of the make is lost with the old terminal."""
        self.close()
        self.bench.plug()
        self.heard = self.bench.modem.octets_out
        self.port = serial.Serial(str(self.bench.port.name), timeout=PATIENCE_SECONDS, exclusive=True)

    def close(self) -> None:
        """Close the port and pull the stick."""
        if self.port:
            self.port.close()
        self.bench.unplug()

    def hear(self) -> str:
        """Return all output of the modem since the last call."""
        due = self.bench.modem.octets_out - self.heard
        self.heard += due
        return self.port.read(due).decode("latin-1")

    def type(self, data: bytes) -> str:
        """Write to the port and return the immediate output."""
        due = self.bench.modem.octets_in + len(data)
        self.port.write(data)
        while self.bench.modem.octets_in < due:
            assert select.select([self.bench.port.master], [], [], PATIENCE_SECONDS)[0]
            self.bench.modem.receive(self.bench.port.read())
        return self.hear()

    def at(self, command: str) -> list[str]:
        """Give a command and return the lines of output, without blank ones."""
        return lines(self.type(command.encode() + b"\r"))

    def submit(self, segment: tpdu.EncodedSegment) -> list[str]:
        """Submit a segment as a driver does."""
        assert self.at(f"AT+CMGS={segment.tpdu_length}") == ["> "]
        return lines(self.type(segment.pdu.encode() + b"\x1a"))

    def send(self, text: str, recipient: str = ALICE, **options: object) -> list[list[str]]:
        """Submit a text, to Alice unless another is named, segment by segment."""
        return [self.submit(segment) for segment in tpdu.encode_submit(recipient, plan(text), **options)]

    def later(self, seconds: float) -> list[str]:
        """Let time pass and return the output."""
        self.now += seconds
        self.bench.timers.run()
        return lines(self.hear())

    def do(self, name: str, /, **fields: object) -> control.Result:
        """Carry out a control message."""
        return control.do(self.bench, name, {key.removesuffix("_"): value for key, value in fields.items()})

    def deliver(self, text: str = "coucou", **options: object) -> list[str]:
        """Let Alice send a text and return the output."""
        self.do("deliver", from_=ALICE, text=text, **options)
        return lines(self.hear())

    def initialise(self) -> None:
        """Set the modem up as the daemon does."""
        for command in INITIALISATION:
            assert self.at(command)[-1] == "OK"


def lines(said: str) -> list[str]:
    """Return the lines of output, without blank ones."""
    return [line for line in said.split("\r\n") if line]
