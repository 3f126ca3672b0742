"""The messages of the control socket, as a table: the function of each, and its first docstring line as help.

A message is a JSON object {"do": NAME, ...}; the other fields are the function's parameters, where `from_` is written
`from` and `class_` `class`. A message that makes no sense raises UsageError, TypeError or ValueError.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from keyword import iskeyword
from pathlib import Path
from typing import Any

from hotlined.errors import UsageError
from hotlined.simulator.bench import Away, Bench
from hotlined.simulator.device import ACKNOWLEDGE_SECONDS, LINES, SETTINGS, as_json
from hotlined.simulator.faults import FaultRemedy
from hotlined.simulator.makes import REGISTERS
from hotlined.simulator.network import FORWARDING, REGISTRATION, Call, Forwarding, UssdKind, UssdReply
from hotlined.simulator.pdus import MMS_CENTRE, write_mms, write_text
from hotlined.simulator.sim import Status

Result = Mapping[str, Any]


def _when(scts: str | None) -> datetime:
    """Read a time with its zone; None is now, in the machine's zone."""
    when = datetime.fromisoformat(scts) if scts else datetime.now().astimezone()
    if when.tzinfo is None:
        raise UsageError(f"{scts!r} has no zone", hint="2026-11-24T22:18:00+01:00")
    return when


def _queue(bench: Bench, pdus: Sequence[str]) -> Result:
    bench.device.network.queue.extend(pdus)
    bench.event("queued", pdus=list(pdus))
    bench.device.pump()
    return {"pdus": list(pdus)}


def _pick(pdus: Sequence[str], parts: Sequence[int] | None) -> Sequence[str]:
    """Choose segments by sequence, in any order; a segment may be chosen twice or not at all."""
    if parts is None:
        return pdus
    if not all(1 <= part <= len(pdus) for part in parts):
        raise UsageError(f"there are {len(pdus)} segments, not {list(parts)}")
    return [pdus[part - 1] for part in parts]


def deliver(
    bench: Bench,
    *,
    from_: str | None,
    text: str,
    encoding: str | None = None,
    scts: str | None = None,
    reference: int | None = None,
    bits: int = 8,
    class_: int | None = None,
    parts: Sequence[int] | None = None,
) -> Result:
    """Queue a text for the SIM; from null is withheld; parts picks segments ([2, 1, 2]), bits is 8 or 16."""
    if bits not in {8, 16}:
        raise UsageError(f"a concatenation reference has 8 or 16 bits, not {bits}")
    pdus = write_text(
        from_ or "",
        text,
        encoding=encoding,
        scts=_when(scts),
        reference=bench.next_reference() if reference is None else reference,
        bits=bits,
        message_class=class_,
    )
    return _queue(bench, _pick(pdus, parts))


def deliver_pdu(bench: Bench, *, pdu: str) -> Result:
    """Queue a PDU unchanged, with its service centre; it may be garbage."""
    return _queue(bench, [pdu])


def mms(
    bench: Bench,
    *,
    from_: str | None = None,
    subject: str = "",
    scts: str | None = None,
    parts: Sequence[int] | None = None,
    originator: str = MMS_CENTRE,
    charset: str | None = None,
) -> Result:
    """Queue the notification of an MMS, a WAP push in one or more segments; originator is its TP-OA."""
    reference = bench.next_reference()
    pdus = write_mms(from_, subject, scts=_when(scts), reference=reference, originator=originator, charset=charset)
    return _queue(bench, _pick(pdus, parts))


def store(bench: Bench, *, pdu: str, storage: str = "SM", index: int | None = None, status: int = 0) -> Result:
    """Put an entry directly into a storage; status 0 unread, 1 read, 2 unsent, 3 sent."""
    place = bench.device.storages[storage]
    if index is None:
        index = place.add(Status(status), pdu)
    elif index in place.indexes:
        place.put(index, Status(status), pdu)
    else:
        index = None
    if index is None:
        raise UsageError(f"there is no such place in {storage}, or none is free")
    bench.event("stored", storage=storage, index=index, pdu=pdu)
    return {"index": index}


def call(bench: Bench, *, from_: str | None = None, rings: int | None = None, interval: float = 5.0) -> Result:
    """Ring every `interval` seconds, `rings` times or until hung up; from null is withheld."""
    if interval <= 0:
        raise UsageError("a call rings every so many seconds, more than none")
    bench.device.ring(Call(from_, rings, interval))
    return {}


def state(bench: Bench) -> Result:
    """Return everything: settings, storages, queue, submitted texts, counters, faults, port."""
    return {
        **as_json(bench.device),
        **counters(bench),
        "faults": [fault.as_json() for fault in bench.faults.on],
        "port": bench.port.name,
        "modem": bench.modem.state.value,
        "octets_in": bench.modem.octets_in,
        "octets_out": bench.modem.octets_out,
    }


def submitted(bench: Bench) -> Result:
    """List the texts that left, complete or not yet."""
    return {"submitted": [text.as_json() for text in bench.device.network.submitted]}


def counters(bench: Bench) -> Result:
    """Return the counts of commands and of events, by name."""
    return {"counters": dict(bench.modem.counters), "events": dict(bench.tally)}


def reset_counters(bench: Bench) -> Result:
    """Set all counters to zero."""
    bench.modem.counters.clear()
    bench.tally.clear()
    return {}


def fault(
    bench: Bench,
    *,
    kind: str,
    command: str | None = None,
    count: int | None = None,
    after: int = 0,
    until: str | None = None,
    **given: Any,
) -> Result:
    """Switch a fault on for one command or all, `count` times or until a remedy or clear, after `after` passes."""
    if command is not None:
        command = command.upper().removeprefix("AT") or "AT"
    return bench.faults.add(kind, command, count, after, given, until).as_json()


def clear(bench: Bench, *, what: str = "faults") -> Result:
    """Remove faults, submitted, queue, storages or all of these."""

    def empty_storages() -> None:
        for place in bench.device.storages.values():
            place.entries.clear()

    forgettable: dict[str, Callable[[], None]] = {
        "faults": bench.faults.on.clear,
        "submitted": bench.device.network.submitted.clear,
        "queue": bench.device.network.queue.clear,
        "storages": empty_storages,
    }
    if what not in {"all", *forgettable}:
        raise UsageError(f"{what!r} cannot be cleared", hint=f"one of {', '.join(forgettable)}, all")
    for name, forget in forgettable.items():
        if what in {"all", name}:
            forget()
    return {}


def unplug(bench: Bench) -> Result:
    """Pull the stick out: the port and its link are gone."""
    bench.unplug()
    return {}


def replug(bench: Bench, *, name: str | None = None, after: float = 0.0) -> Result:
    """Pull the stick out and plug it in after `after` seconds, under another link if named."""
    link = _link(name)
    bench.unplug()
    bench.faults.cure(FaultRemedy.POWER)
    if after:
        bench.timers.after(after, lambda: bench.plug(link))
    else:
        bench.plug(link)
    return {"port": bench.port.name}


def _link(name: str | None) -> Path | None:
    link = Path(name) if name else None
    if link and not link.parent.is_dir():
        raise UsageError(f"there is no folder for {name}")
    return link


def power_cycle(bench: Bench, *, off: float = 1.0) -> Result:
    """Cut the stick's power for `off` seconds, as a hub does: the port goes, and faults that only this cures end."""
    return replug(bench, after=off)


def reset(bench: Bench) -> Result:
    """Restart the modem by itself, as after a brown-out: settings are lost, the port stays."""
    bench.modem.start()
    return {}


def away(bench: Bench, *, seconds: float | None = None, name: str | None = None) -> Result:
    """Make each reset by command take the port away for `seconds`, under another link if named; else the port stays."""
    bench.away = None if seconds is None else Away(seconds, _link(name))
    return {}


def forget(bench: Bench, *, settings: Sequence[str] = ()) -> Result:
    """Silently put settings back to the factory's (E is the echo); all of them if none is named."""
    if unknown := set(settings) - set(SETTINGS):
        raise UsageError(f"{', '.join(sorted(unknown))} is no setting", hint=", ".join(SETTINGS))
    device = bench.device
    kept = {name: values for name, values in device.settings.items() if settings and name not in settings}
    memories, charset = list(device.memories), device.charset
    device.reset_settings()
    device.settings |= kept
    if settings:
        device.memories, device.charset = memories, charset
    return {}


def habits(
    bench: Bench,
    *,
    overflows: bool = False,
    renumbers: bool = False,
    patience: float = ACKNOWLEDGE_SECONDS,
    registers: Sequence[str] | None = None,
    lines: str = "any",
) -> Result:
    """Set habits: texts overflow from SM into ME, a start renumbers entries, a text waits `patience` s for +CNMA.

    `registers` names those of +CREG, +CGREG, +CEREG and +C5GREG that know the registration. `lines` says what happens
    to a line with something before its AT: that is skipped (any), the line is ignored (silent) or refused.
    """
    if overflows and "ME" not in bench.device.storages:
        raise UsageError("there is no ME", hint="--me-size")
    if set(registers or ()) - set(REGISTERS) or lines not in LINES:
        raise UsageError("there is no such habit", hint=f"registers: {', '.join(REGISTERS)}; lines: {LINES}")
    device = bench.device
    device.overflows, device.renumbers, device.patience, device.lines = overflows, renumbers, patience, lines
    device.registers = bench.device.make.registers if registers is None else frozenset(registers)
    return {}


def power(bench: Bench, *, on: bool) -> Result:
    """Switch the modem off or on; the port stays, but silent."""
    if on:
        bench.modem.start()
    else:
        bench.modem.stop()
    return {}


def network(
    bench: Bench,
    *,
    registered: bool | str | None = None,
    report_status: int | str | Sequence[int] | None = None,
    centre: str | None = None,
    technology: int | None = None,
) -> Result:
    """Set registration (true, false, home, roaming, searching, denied, none), statuses of reports (or none), centre.

    `technology` is from then on the <AcT> of +COPS.
    """
    known = {True: "home", False: "none"} | {name: name for name in REGISTRATION}
    if registered is not None:
        if registered not in known:
            raise UsageError(f"{registered!r} is no state of registration", hint=", ".join(REGISTRATION))
        bench.device.network.registration = known[registered]
        bench.device.announce_registration()
        bench.device.pump()
    if report_status is not None:
        several = [] if report_status == "none" else report_status
        bench.device.network.report_status = tuple(map(int, several if isinstance(several, list) else [several]))
    if technology is not None:
        bench.device.network.technology = technology
    if centre is not None:
        bench.device.centre = centre
    return {"registration": bench.device.registration}


def say(bench: Bench, *, line: str) -> Result:
    """Make the modem write an unsolicited line."""
    bench.device.announce(line)
    return {}


def signal(bench: Bench, *, rssi: int) -> Result:
    """Set the signal, 0 to 31, or 99 for unknown."""
    bench.device.network.signal = int(rssi)
    return {}


def sim(
    bench: Bench,
    *,
    absent: bool | None = None,
    pin: str | None = None,
    imsi: str | None = None,
    iccid: str | None = None,
    number: str | None = None,
) -> Result:
    """Take the SIM out or put it in, require a PIN from now on, or make it another SIM."""
    card = bench.device.sim
    changed = absent is not None and absent is not card.absent
    card.absent = card.absent if absent is None else absent
    card.imsi = imsi or card.imsi
    card.iccid = iccid or card.iccid
    card.number = number or card.number
    if pin is not None:
        card.pin = pin
        card.start()
    for line in (bench.device.make.sim_out if card.absent else bench.device.make.sim_in) if changed else ():
        bench.device.announce(line)
    bench.device.announce_registration()
    bench.device.pump()
    return {"sim": str(card.state)}


def ussd(bench: Bench, *, code: str, text: str = "", kind: str = "notify") -> Result:
    """Set the answer to a USSD code: notify, menu (it waits for a choice), error, timeout or silence."""
    bench.device.network.ussd[code] = UssdReply(text, UssdKind(kind))
    return {}


def forward(bench: Bench, *, when: str, to: str | None = None, services: int = 1, seconds: int = 20) -> Result:
    """Forward calls: always, busy, no_reply (after `seconds`) or not_reachable; without `to` that forwarding ends."""
    if when not in FORWARDING:
        raise ValueError(f"when is one of {', '.join(FORWARDING)}")
    bench.device.network.forwarding.pop(when, None)
    if to is not None:
        bench.device.network.forwarding[when] = Forwarding(to, services, seconds)
    return {}


MESSAGES: dict[str, Callable[..., Result]] = {
    function.__name__: function
    for function in (
        deliver,
        deliver_pdu,
        mms,
        store,
        call,
        state,
        submitted,
        counters,
        reset_counters,
        fault,
        clear,
        unplug,
        replug,
        reset,
        away,
        forget,
        habits,
        power,
        power_cycle,
        network,
        say,
        signal,
        sim,
        ussd,
        forward,
    )
}


def _spelling(parameter: inspect.Parameter) -> str:
    """Return the name of a parameter in a message, in brackets if the parameter is optional."""
    name = parameter.name.rstrip("_")
    if parameter.kind is parameter.VAR_KEYWORD:
        return "[...]"
    return name if parameter.default is parameter.empty else f"[{name}]"


def summaries() -> dict[str, tuple[str, str]]:
    """Return, for each message, its parameters and its help."""
    found = {}
    for name, function in MESSAGES.items():
        taken = [_spelling(each) for each in list(inspect.signature(function).parameters.values())[1:]]
        found[name] = (" ".join(taken), (inspect.getdoc(function) or "").splitlines()[0])
    return found


def do(bench: Bench, name: str, given: Mapping[str, Any]) -> Result:
    """Do what a message asks for."""
    if name not in MESSAGES:
        raise UsageError(f"there is no message {name!r}", hint=f"one of {', '.join(MESSAGES)}, watch, wait")
    return MESSAGES[name](bench, **{f"{key}_" if iskeyword(key) else key: value for key, value in given.items()})


def condition(bench: Bench, what: str, count: int) -> Callable[[], bool]:
    """Return a check for `wait`: `submitted`, `empty`, a command (+CMGL, AT) or an event, at least `count` times."""
    network_, storages = bench.device.network, bench.device.storages
    if what == "submitted":
        return lambda: sum(text.complete for text in network_.submitted) >= count
    if what == "empty":
        received = {Status.UNREAD, Status.READ}
        return lambda: (
            not network_.queue
            and not any(entry.status in received for place in storages.values() for _, entry in place.occupied())
        )
    if what.startswith(("+", "AT")):
        return lambda: bench.modem.counters[what.removeprefix("AT") or what] >= count
    return lambda: bench.tally[what] >= count
