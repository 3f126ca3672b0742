"""Every check in one table; one that cannot look is unknown, never an error."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from hotlined.doctor import calls, line, machine, sim, stick
from hotlined.doctor.findings import Finding, fail, unknown
from hotlined.doctor.scene import Scene
from hotlined.errors import HotlinedError

CHECKS: Mapping[str, Callable[[Scene], Finding]] = MappingProxyType(
    {
        "interpreter": machine.interpreter,
        "libraries": machine.packages,
        "configuration": line.configuration,
        "user": machine.user,
        "clock": machine.clocks,
        "power": machine.power,
        "disk": machine.disk,
        "service": machine.unit,
        "stick": stick.stick,
        "UART": stick.uarts,
        "sandbox": stick.sandbox,
        "port": stick.holders,
        "ModemManager": stick.modemmanager,
        "brltty": stick.brltty,
        "daemon": line.daemon,
        "database": line.database,
        "budgets": line.budgets,
        "SIM": sim.sim,
        "SIM's life": sim.life,
        "generation": stick.generation,
        "registration": sim.registration,
        "technology": sim.technology,
        "signal": sim.signal,
        "service centre": sim.service_centre,
        "storages": sim.storages,
        "forwarding": calls.forwarding,
    }
)
"""Every check by its name, in the order in which they are shown."""


def examine(scene: Scene) -> Iterator[tuple[str, Finding]]:
    """Run all checks; one that cannot look is unknown."""
    for name, check in CHECKS.items():
        try:
            yield name, check(scene)
        except HotlinedError as error:
            yield name, fail(error.message.rstrip("."), error.hint)
        except (OSError, KeyError, ValueError) as error:
            yield name, unknown(f"{type(error).__name__}: {error}")
