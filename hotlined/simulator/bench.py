"""One modem, one SIM, one network and one port, put together; everything that happens is an event."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from hotlined.simulator.device import Device
from hotlined.simulator.faults import Faults
from hotlined.simulator.makes import MAKES, Make
from hotlined.simulator.modem import LATENCIES, Modem
from hotlined.simulator.network import Network
from hotlined.simulator.port import Port
from hotlined.simulator.sim import Sim, Storage, Union
from hotlined.simulator.timers import Timers

Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Options:
    """The properties of a simulator."""

    link: Path | None = None
    sim_size: int | None = None
    me_size: int | None = None
    me_is_sim: bool = False
    offers: tuple[str, ...] = ()
    """The storages, each for every role of AT+CPMS; empty: those of the make."""
    latency: str = "zero"
    number: str = "+32460209399"
    imsi: str = "206012345678901"
    iccid: str = "8932012345678901234"
    imei: str = "356938035643809"
    pin: str | None = None
    make: str = "generic"
    lacks: tuple[str, ...] = ()
    unknown: str | None = None
    factory: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    charset: str = "GSM"
    loops_back: bool = False


def _make(options: Options) -> Make:
    """Return the row of the make, with the unknown commands of the options added."""
    make = MAKES[options.make]
    return replace(
        make,
        lacks=make.lacks | set(options.lacks),
        unknown=options.unknown or make.unknown,
        offers=() if options.offers else make.offers,
    )


def _storages(options: Options) -> dict[str, Storage | Union]:
    """Return the offered storages; ME may be another name of SM, MT is both."""
    make = MAKES[options.make]
    sizes = (
        make.sim_size if options.sim_size is None else options.sim_size,
        make.me_size if options.me_size is None else options.me_size,
    )
    sim, mobile = (Storage(name, size, make.first_index) for name, size in zip(("SM", "ME"), sizes, strict=True))
    every = {
        "SM": sim,
        "ME": sim if options.me_is_sim else mobile if mobile.size else None,
        "MT": Union((sim, mobile)),
        "SR": Storage("SR", sim.size, make.first_index),
    }
    names = options.offers or dict.fromkeys(name for role in make.offers for name in role) or ("SM", "ME")
    return {name: storage for name in names if (storage := every[name])}


@dataclass(frozen=True, slots=True)
class Away:
    """The absence of the port at a reset: it is gone for `seconds` and comes back, under `link` if given."""

    seconds: float
    link: Path | None = None


class Bench:
    """Everything except the sockets; `listeners` get each event, `tally` counts events by name."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.listeners: list[Listener] = []
        self.tally: Counter[str] = Counter()
        self.timers = Timers(clock)
        self.faults = Faults()
        self.port = Port(options.link)
        self.reference = 0
        self.device = Device(
            make=_make(options),
            imei=options.imei,
            sim=Sim(options.imsi, options.iccid, options.number, options.pin),
            network=Network(),
            storages=_storages(options),
            timers=self.timers,
            announce=self._announce,
            event=self.event,
            factory=options.factory,
            factory_charset=options.charset,
            loops_back=options.loops_back,
            registers=_make(options).registers,
        )
        self.away: Away | None = None
        self.modem = Modem(
            self.device,
            self.faults,
            LATENCIES[options.latency],
            self.timers,
            self.port.write,
            self.event,
            self._restart,
        )

    def event(self, name: str, **fields: Any) -> None:
        """Count an event and pass it to every listener."""
        self.tally[name] += 1
        for listener in list(self.listeners):
            listener({"event": name, **fields})

    def _announce(self, *lines: str) -> None:
        self.modem.announce(*lines)

    def plug(self, link: Path | None = None) -> None:
        """Plug the stick in, under another name if one is given; it starts, because the port gives it power."""
        self.unplug()
        self.port.link = link or self.port.link
        self.port.plug()
        self.event("plugged", port=self.port.name)
        self.modem.start()

    def _restart(self) -> None:
        """Restart as after AT+CFUN=1,1, and leave the bus meanwhile if `away` says so."""
        if self.away is None:
            self.modem.start()
            return
        self.unplug()
        self.timers.after(self.away.seconds, partial(self.plug, self.away.link))

    def unplug(self) -> None:
        """Pull the stick."""
        if self.port.name:
            name = self.port.name
            self.port.unplug()
            self.modem.stop()
            self.event("unplugged", port=name)

    def next_reference(self) -> int:
        """Return a new concatenation reference."""
        self.reference += 1
        return self.reference
