"""All checks in one table; a check that fails to look is `unknown`, and never an error."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from hotlined.doctor import calls, machine, operation, sim, stick
from hotlined.doctor.findings import Finding, fail, unknown
from hotlined.doctor.host import Host
from hotlined.errors import HotlinedError, refusal_of
from hotlined.language import NP_, Phrases

CHECKS: Mapping[str, Callable[[Host], Finding]] = MappingProxyType(
    {
        "answer": operation.answer,
        "interpreter": machine.interpreter,
        "libraries": machine.libraries,
        "configuration": operation.configuration,
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
        "daemon": operation.daemon,
        "database": operation.database,
        "budgets": operation.budgets,
        "backup": operation.backup,
        "reception": operation.reception,
        "MMS": operation.mms,
        "SIM": sim.sim,
        "SIM's life": sim.life,
        "generation": stick.generation,
        "registration": sim.registration,
        "technology": sim.technology,
        "signal": sim.signal,
        "service centre": sim.service_centre,
        "texts": sim.texts,
        "storages": sim.storages,
        "forwarding": calls.forwarding,
    }
)
"""Every check by its name, in the order in which they are shown."""

NAMES = Phrases(
    {
        "answer": NP_("check", "answer"),
        "interpreter": NP_("check", "interpreter"),
        "libraries": NP_("check", "libraries"),
        "configuration": NP_("check", "configuration"),
        "user": NP_("check", "user"),
        "clock": NP_("check", "clock"),
        "power": NP_("check", "power"),
        "disk": NP_("check", "disk"),
        "service": NP_("check", "service"),
        "stick": NP_("check", "stick"),
        "UART": NP_("check", "UART"),
        "sandbox": NP_("check", "sandbox"),
        "port": NP_("check", "port"),
        "ModemManager": NP_("check", "ModemManager"),
        "brltty": NP_("check", "brltty"),
        "daemon": NP_("check", "daemon"),
        "database": NP_("check", "database"),
        "budgets": NP_("check", "budgets"),
        "backup": NP_("check", "last backup"),
        "reception": NP_("check", "reception"),
        "MMS": NP_("check", "MMS"),
        "SIM": NP_("check", "SIM"),
        "SIM's life": NP_("check", "SIM's life"),
        "generation": NP_("check", "generation"),
        "registration": NP_("check", "registration"),
        "technology": NP_("check", "technology"),
        "signal": NP_("check", "signal"),
        "service centre": NP_("check", "service centre"),
        "texts": NP_("check", "texts"),
        "storages": NP_("check", "storages"),
        "forwarding": NP_("check", "forwarding"),
    }
)
"""The name of each check for people, in a column of 14 characters."""


OF_A_MODEM = frozenset(
    {
        *(stick.sandbox, stick.holders, stick.generation),
        *(sim.sim, sim.registration, sim.technology, sim.signal, sim.service_centre, sim.texts, sim.storages),
        calls.forwarding,
    }
)
"""Checks that are pointless without a modem: a missing modem is one trouble, reported by the check of the stick."""


def examine(host: Host) -> Iterator[tuple[str, Finding]]:
    """Run all checks, and yield the name and the finding of each."""
    for name, check in CHECKS.items():
        try:
            yield name, check(host)
        except HotlinedError as error:
            yield name, fail(error.message.rstrip("."), error.hint)
        except OSError as error:
            yield name, unknown(refusal_of(error))
        except (KeyError, ValueError) as error:
            yield name, unknown(f"{type(error).__name__}: {error}")
