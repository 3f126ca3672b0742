"""One modem, one SIM, one network and one port, put together, with everything that happens as events."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotlined.simulator.device import Device
from hotlined.simulator.faults import Faults
from hotlined.simulator.makes import MAKES
from hotlined.simulator.modem import LATENCIES, Modem
from hotlined.simulator.network import Network
from hotlined.simulator.port import Port
from hotlined.simulator.sim import Sim, Storage
from hotlined.simulator.timers import Timers

Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a simulator is made of."""

    link: Path | None = None
    sim_size: int = 10
    me_size: int = 0
    me_is_sim: bool = False
    latency: str = "zero"
    number: str = "+32460209399"
    imsi: str = "206012345678901"
    iccid: str = "8932012345678901234"
    imei: str = "356938035643809"
    pin: str | None = None
    make: str = "generic"
    factory: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def _storages(options: Options) -> dict[str, Storage]:
    """Make the storages that there are; ME may be another name of SM."""
    first = MAKES[options.make].first_index
    storages = {"SM": Storage("SM", options.sim_size, first)}
    if options.me_is_sim:
        storages["ME"] = storages["SM"]
    elif options.me_size:
        storages["ME"] = Storage("ME", options.me_size, first)
    return storages


class Bench:
    """Everything but the sockets; `listeners` hear each event, `tally` counts them by name."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.listeners: list[Listener] = []
        self.tally: Counter[str] = Counter()
        self.timers = Timers(clock)
        self.faults = Faults()
        self.port = Port(options.link)
        self.reference = 0
        self.device = Device(
            make=MAKES[options.make],
            imei=options.imei,
            sim=Sim(options.imsi, options.iccid, options.number, options.pin),
            network=Network(),
            storages=_storages(options),
            timers=self.timers,
            announce=self._announce,
            event=self.event,
            factory=options.factory,
        )
        self.modem = Modem(
            self.device, self.faults, LATENCIES[options.latency], self.timers, self.port.write, self.event
        )

    def event(self, name: str, **fields: Any) -> None:
        """Count an event and tell it to every listener."""
        self.tally[name] += 1
        for listener in list(self.listeners):
            listener({"event": name, **fields})

    def _announce(self, *lines: str) -> None:
        self.modem.announce(*lines)

    def plug(self, link: Path | None = None) -> None:
        """Plug the stick in, under another name if one is given; it starts, for the port feeds it."""
        self.unplug()
        self.port.link = link or self.port.link
        self.port.plug()
        self.event("plugged", port=self.port.name)
        self.modem.start()

    def unplug(self) -> None:
        """Pull the stick."""
        if self.port.name:
            name = self.port.name
            self.port.unplug()
            self.modem.stop()
            self.event("unplugged", port=name)

    def next_reference(self) -> int:
        """Return a fresh concatenation reference."""
        self.reference += 1
        return self.reference
