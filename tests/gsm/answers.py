"""Answers that owners of modems posted, from some seventy models, in every framing that a modem may use.

A line of tests/data/answers.jsonl has one pair: the model, its firmware and USB ID if known, the public source, the
command, and the lines of the answer (`octets` if the exact octets are known). Numbers, texts and cells are invented.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hotlined.gsm import at
from hotlined.gsm.at import Command, Event, Prompt, Protocol, ProtocolState

DATA = Path(__file__).parents[1] / "data/answers.jsonl"
PAIRS = [json.loads(line) for line in DATA.read_text().splitlines()]
CHATTER = ("", "\r\n^RSSI:12\r\n", '\r\n+CMTI: "SM",3\r\n', "\r\n*RADIOPOWER: 1\r\n")
PROMPTS = ("\r\n> ", "> ", "\r\n>", ">\r\n", "\r\n> \r\n")
UNASKED = "(unsolicited)"
_HERE = "\0"
"""The place of a prompt's payload among the octets of an answer."""


def is_final(line: str) -> bool:
    """Tell whether a line ends an answer."""
    return line in at.FINAL_RESULTS or line.startswith(at.FINAL_RESULT_PREFIXES)


def asked(text: str) -> Command:
    """Return a command as the driver would give it."""
    if text.startswith(("AT+CMGL=", "AT+CMGR=")):
        prefix = f"+{text[3:7]}:"
        return Command(text, prefixes=(prefix,), payload_after=(prefix,))
    if text.startswith("AT+CMGS="):
        return Command(text, prefixes=("+CMGS:",), prompt=True)
    if text in ("AT^ICCID?", "AT+CICCID"):
        return Command(text, prefixes=("^ICCID:" if "^" in text else "+ICCID:",))
    name = re.match(r"AT([+^!#$*%][A-Z0-9]+)(.*)", text)
    if not name or text in ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CIMI", "AT+CGSN", "AT+GMM", "AT+GSN", "AT+SIMCOMATI"):
        return Command(text, bare=True)
    return Command(text, prefixes=(f"{name[1]}:",), bare=not name[1].startswith("+C"))


def framings(pair: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield an answer's octets in each framing, by name: line ends of four makes, with and without echo."""
    command, lines = pair["command"], pair["answer"]
    if "octets" in pair:
        yield "as recorded", pair["octets"]
    if command.startswith("AT+CMGS="):
        rest = "".join(f"\r\n{line}\r\n" for line in lines[1:])
        for prompt in PROMPTS:
            yield f"{prompt!r}", f"{prompt}{_HERE}{rest}"
            yield f"{prompt!r}, echoed", f"{command}\r{prompt}{_HERE}00\x1a{rest}"
        return
    parted = (f"\r\n{line}\r\n" if place and is_final(line) else f"{line}\r\n" for place, line in enumerate(lines))
    bodies = {
        "V.250": "\r\n" + "".join(parted),
        "each line alone": "".join(f"\r\n{line}\r\n" for line in lines),
        "one line end": "".join(f"{line}\r\n" for line in lines),
        "two carriage returns": "\r\r\n" + "".join(f"{line}\r\n" for line in lines),
    }
    for name, body in bodies.items():
        yield name, body
        if command not in lines:
            yield f"{name}, echoed", f"{command}\r{body}"


def idle() -> Protocol:
    """Return a protocol that is in step."""
    protocol = Protocol()
    protocol.resynchronise(Command("AT+CMGF?", prefixes=("+CMGF:",)))
    protocol.receive(b"+CMGF: 0\r\n\r\nOK\r\n")
    assert protocol.state is ProtocolState.IDLE
    return protocol


def play(command: Command | None, octets: str, *, singly: bool) -> list[Event]:
    """Return the events of octets that arrive in one piece (up to a prompt) or one by one."""
    protocol, events = idle(), list[Event]()
    if command:
        protocol.command(command)
    for half in octets.split(_HERE):
        data = half.encode("latin-1", "replace")
        for piece in [data[place : place + 1] for place in range(len(data))] if singly else [data]:
            for event in protocol.receive(piece):
                events.append(event)
                if isinstance(event, Prompt) and protocol.state is ProtocolState.PROMPT:
                    protocol.submit("00")
    return events
