"""Queries of the tests of promises: by simulator and command line alone, so that they survive a rewrite.

No table and no module of the store is used: `log`, `show`, `limits`, `stats` and `status` have the facts.
"""

import json
import signal
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import oracle
from conftest import Line, wait_until

from hotlined.simulator.pdus import read_submit, write_text

NUMBER = "+32470123456"
GERMAN = "+4915112345678"
FIXED = "+3222345678"
LONG = "Non. " * 50  # two segments
WIDE = {"hour": 1000, "day": 1000, "month": 1000}
NEVER = {"trial_after": [3600]}  # no trial by itself during a test

Answer = dict[str, Any]


def begin(line: Line, **more: Any) -> None:
    """Start the daemon and wait until it serves the modem."""
    line.start(**more)
    line.wait_state("ready")


def run(line: Line, *arguments: str) -> tuple[int, str]:
    """Run a command and return its exit code and output."""
    done = line.run(*arguments)
    return done.exit_code, done.output


def told(line: Line, *command: str) -> dict[str, Any]:
    """Return the object that a command prints with --json, with any exit code."""
    document: dict[str, Any] = json.loads(line.cli(*command, "--json", check=False))
    return document


def person(number: int) -> str:
    """Return a Belgian mobile number."""
    return f"+3247000{number:04}"


def deliver(line: Line, *numbers: int, text: str = "t'es où ?") -> list[str]:
    """Deliver a text from each of these people, and return their numbers."""
    people = [person(number) for number in numbers]
    for each in people:
        line.sim.do("deliver", from_=each, text=text)
    return people


def put(line: Line, *numbers: int, text: str = "t'es où ?") -> list[str]:
    """Put a text from each of these people straight into the SIM; the network cannot deliver."""
    people = [person(number) for number in numbers]
    for each in people:
        (pdu,) = write_text(each, text, scts=datetime.now().astimezone(), reference=0)
        line.sim.do("store", pdu=pdu)
    return people


def judged(line: Line, count: int) -> list[dict[str, Any]]:
    """Wait until this number of contacts has verdicts, and return them."""

    def found() -> list[dict[str, Any]] | None:
        contacts = line.log()
        return contacts if len(contacts) == count and all(each["verdict"] for each in contacts) else None

    return list(wait_until(found, f"{count} judged contacts"))


def contact(line: Line, text: str, originator: str | None = None) -> dict[str, Any]:
    """Wait until a text is judged, and return its contact."""

    def found() -> list[dict[str, Any]]:
        return [
            each
            for each in line.log()
            if each["text"] == text and originator in {None, each["originator"]} and each["verdict"]
        ]

    return dict(wait_until(found, f"a judged {text!r}")[-1])


def answers(line: Line) -> dict[str, Answer]:
    """Return the newest answer to each number."""
    return {each["originator"]: each["answer"] for each in line.log() if each["answer"]}


def states(line: Line) -> Counter[str]:
    """Count the answers by state."""
    return Counter(each["answer"]["state"] for each in line.log() if each["answer"])


def waits(line: Line) -> Counter[str | None]:
    """Count the queued answers by what they wait for."""
    found = [each["answer"] for each in line.log() if each["answer"]]
    return Counter(each["waiting_for"] for each in found if each["state"] == "queued")


def wait_states(line: Line, **wanted: int) -> None:
    """Wait until there are these answers and no others."""
    wait_until(lambda: states(line) == Counter(wanted), f"{wanted}")


def fate(line: Line, number: str) -> tuple[str | None, str | None]:
    """Return state and reason of the newest answer to a number."""
    answer = answers(line).get(number, {})
    return answer.get("state"), answer.get("reason")


def submissions(line: Line) -> int:
    """Count the segments that the modem was asked to submit."""
    return int(line.sim.do("counters")["counters"].get("+CMGS", 0))


def look(line: Line, times: int = 3) -> None:
    """Wait until the daemon has listed the SIM some more times, so that everything due was done."""
    seen = line.sim.do("counters")["counters"].get("+CMGL", 0)
    line.wait_for("+CMGL", seen + times)


def untrue(line: Line) -> list[str]:
    """Return what the line says of its segments and the modem's record denies, by the oracle."""
    facts: list[oracle.Fact] = [oracle.Configured(at=0)]
    for number, pdu in enumerate(pdu for text in line.submitted() for pdu in text["pdus"]):
        left = read_submit(pdu)
        facts.append(
            oracle.Submitted(at=0, answer=number, contact=number, number=left.recipient, sequence=left.sequence)
        )
    for each in line.log():
        shown = told(line, "show", str(each["id"]))["answer"]
        facts += [
            oracle.Said(at=0, number=each["originator"], sequence=part["sequence"])
            for part in (shown["parts"] if shown else ())
            if part["state"] in {"sent", "delivered", "undelivered"}
        ]
    return list(oracle.violations(facts, [oracle.truth]))


def wait_open(line: Line) -> None:
    """Wait until the line is in an outage: answers are held, and one is tried now and then."""
    wait_until(lambda: told(line, "status")["sending"]["state"] in {"held", "trial"}, "answers that are held back")


def recipients(line: Line) -> list[str]:
    """Return the recipients of whole texts that have left, in order."""
    return [each["recipient"] for each in line.submitted() if each["complete"]]


def reload(line: Line, **sections: Any) -> None:
    """Change the configuration and let the running daemon read it again."""
    times = line.log_path.read_text().count("read again")
    line.configure(**sections)
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: line.log_path.read_text().count("read again") > times, "the configuration read again")


def by_hand(line: Line) -> list[dict[str, Any]]:
    """Return the rows of `log --by-hand`."""
    return line.log("--by-hand")


def moment(text: str) -> datetime:
    """Read a time of the output."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text).astimezone(UTC)


def is_alive(line: Line) -> bool:
    """Whether the daemon runs."""
    return line.daemon is not None and line.daemon.poll() is None
