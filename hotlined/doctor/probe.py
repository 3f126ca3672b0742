"""Asks the modem itself, on a port that no other program holds; no PIN is entered."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from hotlined.errors import ModemError, ModemRefusedError, PortError
from hotlined.gsm import uart
from hotlined.gsm.modem import TEXTS, Modem
from hotlined.gsm.port import Port
from hotlined.gsm.responses import (
    REGISTERED,
    SMS_SERVICES,
    Forwarding,
    ForwardingReason,
    Generation,
    Network,
    Registration,
    SimState,
    StorageUse,
    maybe_forwarding,
)
from hotlined.language import _

INDICATIONS = "AT+CNMI=?"
BAUDRATE = 115_200  # without a configuration
FORWARDING_SECONDS = 20.0  # the time limit: the modem has to ask the network
NOTHING = Network(Registration.UNKNOWN, None, "")
TRIES = (
    ('AT+CPINR="SIM PIN"', "+CPINR:", r"SIM PIN,\s*(\d+)"),  # 27.007 8.65
    ("AT^CPIN?", "^CPIN:", r"[^,]*,[^,]*,\d*,(\d+)"),  # Huawei: code, tries, PUK, PIN, PUK2, PIN2
    ("AT+SPIC", "+SPIC:", r"(\d+)"),  # SIMCom: PIN, PUK, PIN2, PUK2
    ('AT+QPINC="SC"', "+QPINC:", r'"SC",\s*(\d+)'),  # Quectel: PIN, PUK
)
"""The commands of several makes for the number of PIN tries that are left: command, prefix, pattern of the answer."""
_PREFIXES = ("+CMGF:", "+CSMS:", "+CNMI:")
FORWARDING = {reason: f"AT+CCFC={reason:d},2" for reason in ForwardingReason}
"""The command that asks the network about each reason; mode 2 only asks (27.007 7.11)."""


URC_PORT = '"urcport"'  # Quectel EC2x&EG9x&EM05 AT Commands Manual, AT+QURCCFG
HEARD = ("", "usbat", "all")


@dataclass(frozen=True, slots=True)
class Probe:
    """The answers of the modem itself; `why_not` is the reason if it was not asked."""

    why_not: str = ""
    sim: SimState | None = None
    words: str = ""
    tries: int | None = None
    model: str = ""
    generation: Generation | None = None
    refused: frozenset[str] | None = None
    """The commands for texts that the modem refuses; None if it was not asked."""
    network: Network = NOTHING
    service_centre: str | None = None
    """Empty if the SIM has none; None if the modem does not say."""
    sms_service: str = ""
    storages: tuple[StorageUse, ...] = ()
    unread: tuple[str, ...] = ()
    """Storages that may have texts but cannot be read."""
    unknown: tuple[str, ...] = ()
    """Storages that the modem offers but does not have."""
    why_no_storage: str = ""
    announces_at: str = ""
    """The port at which a Quectel modem on USB announces calls, if that is not the one for commands."""
    forwarding: tuple[Forwarding, ...] | None = None
    """The active forwardings of calls; None if the network was not asked or did not say."""


def probe(ports: Iterable[str], held: Collection[str], baudrate: int) -> Probe:
    """Ask the first modem that answers; ports in `held`, which other programs hold, are not opened."""
    why_not = _("there is no port to ask")
    for name in ports:
        if name in held:
            why_not = _("{port} is held by another program", port=name)
            continue
        try:
            port = Port(name, baudrate)
        except PortError as error:
            why_not = error.message.rstrip(".")
            continue
        try:
            return _answers(Modem(port, lambda _until: None))
        except (PortError, ModemError) as error:
            why_not = error.message.rstrip(".")
        finally:
            port.close()
    return Probe(why_not)


def _answers(modem: Modem) -> Probe:
    modem.begin(tries=2)
    sim, words = modem.sim_state()
    tries = next((left for row in TRIES if (left := _maybe_tries(modem, *row)) is not None), None)
    known = Probe(sim=sim, words=words, tries=tries, model=modem.model, generation=modem.generation())
    if sim is not SimState.READY:
        return known
    modem.choose_charset()  # after another program that chose UCS-2, the operator's name would be hexadecimal digits
    network = modem.network()
    why_no_storage = ""
    try:
        modem.storages.choose()
    except ModemRefusedError as error:
        why_no_storage = error.message.rstrip(".")
    return replace(
        known,
        refused=frozenset(
            question for question in (*TEXTS, INDICATIONS) if not modem.exchange.run(question, *_PREFIXES).final.ok
        ),
        network=network,
        service_centre=modem.service_centre(),
        sms_service=SMS_SERVICES.get(modem.exchange.ask("AT+CGSMS?", "+CGSMS:"), ""),
        storages=modem.storages.uses,
        unread=tuple(modem.storages.unread),
        unknown=tuple(modem.storages.unknown),
        announces_at=_other_port(modem),
        why_no_storage=why_no_storage,
        forwarding=_maybe_forwarding(modem) if network.registration in REGISTERED else None,
    )


def _maybe_tries(modem: Modem, command: str, prefix: str, pattern: str) -> int | None:
    match = re.match(pattern, modem.exchange.ask(command, prefix))
    return int(match[1]) if match else None


def _other_port(modem: Modem) -> str:
    """Return the port at which the modem announces calls, if that is known to be another than the one for commands."""
    if modem.profile.name != "quectel" or uart.is_uart(modem.port.name):
        return ""
    port = modem.exchange.ask(f"AT+QURCCFG={URC_PORT}", "+QURCCFG:").removeprefix(f"{URC_PORT},").strip('"')
    return "" if port in HEARD else port


def _maybe_forwarding(modem: Modem) -> tuple[Forwarding, ...] | None:
    """Ask the network for the active forwardings of calls; None if it does not say."""
    active = []
    for reason, command in FORWARDING.items():
        response = modem.exchange.run(command, "+CCFC:", seconds=FORWARDING_SECONDS)
        if not response.final.ok:
            return None
        active += [found for line in response.lines if (found := maybe_forwarding(reason, line.text))]
    return tuple(active)
