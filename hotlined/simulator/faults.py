"""The faults that can be switched on, as a table; each acts a number of times, or until it is cleared.

A fault acts in one of four places: on the command before it runs, on the lines of its answer, on the way they are
written, or on the result of a text after Ctrl-Z. It changes nothing in network or SIM except what its line in the table
says. With `until` it ends at a remedy; the command that is the remedy works in spite of the fault. A fault of a
submission can be limited to one `recipient`, or to one `segment` (1, 2, …) of every text.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

from hotlined.errors import UsageError
from hotlined.simulator.commands import Error
from hotlined.simulator.pdus import Segment


class FaultRemedy(IntEnum):
    """The remedies that may end a fault; a stronger one includes the weaker ones."""

    RADIO = 1  # AT+CFUN=0 or 4, AT+COPS=2
    RESET = 2  # by the make's command, or by itself
    POWER = 3


class FaultSite(Enum):
    """The place where a fault acts."""

    COMMAND = "command"
    LINES = "lines"
    SUBMIT = "submit"
    OUTPUT = "output"


Lines = list[str]
Given = Mapping[str, Any]


def _garbage(lines: Lines, given: Given) -> Lines:
    noise = given["octets"]
    return [noise, *(each for line in lines for each in (line, noise))]


def _urc_inside(lines: Lines, given: Given) -> Lines:
    at = min(given["at"], len(lines))
    return [*lines[:at], "\r\n" + given["urc"], *lines[at:]]


def _on_pdus(change: Callable[[str], str]) -> Callable[[Lines, Given], Lines]:
    """Return a change of every line that follows a header of +CMGL or +CMGR."""

    def lies(lines: Lines, _: Given) -> Lines:
        return [
            change(line) if header.startswith(("+CMGL:", "+CMGR:")) else line
            for header, line in zip(["", *lines], lines, strict=False)
        ]

    return lies


def _wrong_used(lines: Lines, _: Given) -> Lines:
    """Increase the first <used> of +CPMS by one."""
    said = []
    for line in lines:
        head, colon, counts = line.partition(": ")
        fields = counts.split(",")
        at = 1 if fields[0].startswith('"') else 0
        if head == "+CPMS" and fields[at].isdigit():
            fields[at] = str(int(fields[at]) + 1)
        said.append(head + colon + ",".join(fields))
    return said


def _wrong_length(lines: Lines, _: Given) -> Lines:
    """Announce one octet too many in every header of a listing."""
    said = []
    for line in lines:
        head, comma, length = line.rpartition(",")
        listed = line.startswith(("+CMGL:", "+CMGR:")) and length.isdigit()
        said.append(f"{head}{comma}{int(length) + 1}" if listed else line)
    return said


# The variants of `list_lies`.
_LIES: dict[str, Callable[[Lines, Given], Lines]] = {
    "used": _wrong_used,
    "length": _wrong_length,
    "empty": _on_pdus(lambda _: ""),
    "nonhex": _on_pdus(lambda pdu: "Z" + pdu[1:]),
}


def _list_lies(lines: Lines, given: Given) -> Lines:
    return _LIES[given["how"]](lines, given)


def _truncate(lines: Lines, given: Given) -> Lines:
    return lines[: given["lines"]]


def _hide(lines: Lines, given: Given) -> Lines:
    """Leave out the last entries of a listing; each has two lines."""
    return [] if given["entries"] is None else lines[: -2 * given["entries"]]


def _rewrite(lines: Lines, given: Given) -> Lines:
    return [re.sub(given["old"], given["new"], line) for line in lines]


ONE_SEGMENT: Given = {"recipient": None, "segment": None}
"""The submissions that a fault affects; None: every one."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault: its effect, its place, its command if none is named, and its parameters."""

    doc: str
    place: FaultSite
    command: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[Lines, Given], Lines] = lambda lines, _: lines
    silent: bool = False  # the answer lacks its final result code
    resets: bool = False  # then the modem restarts


KINDS: dict[str, FaultKind] = {
    "hang": FaultKind("swallows the command silently", FaultSite.COMMAND),
    "error": FaultKind(
        "is not carried out and answers an error; a text has had its prompt and does not leave",
        FaultSite.COMMAND,
        given={"cms": None, "cme": None, **ONE_SEGMENT},
    ),
    "delete_refused": FaultKind(
        "refuses to delete, one index alone if it is named",
        FaultSite.COMMAND,
        "+CMGD",
        {"cms": 500, "cme": None, "index": None},
    ),
    "delete_ignored": FaultKind("accepts a deletion and keeps the entry", FaultSite.COMMAND, "+CMGD"),
    "storage_refused": FaultKind(
        "refuses to select a storage", FaultSite.COMMAND, "+CPMS", {"cms": 314, "cme": None, "storage": "SM"}
    ),
    "empty_refused": FaultKind(
        "lists nothing with an error instead of an empty listing", FaultSite.COMMAND, "+CMGL", {"cms": 321, "cme": None}
    ),
    "prompt_refused": FaultKind(
        "answers an error instead of a prompt", FaultSite.COMMAND, "+CMGS", {"cms": 302, "cme": None}
    ),
    "lost_answer": FaultKind(
        "is carried out and answers nothing", FaultSite.LINES, change=lambda _, __: [], silent=True
    ),
    "garbage": FaultKind(
        "puts noise before, between and behind the lines",
        FaultSite.LINES,
        given={"octets": "\xff\xfe\x80\x1b~{\xe9"},
        change=_garbage,
    ),
    "urc_inside": FaultKind(
        "puts an unsolicited code behind so many lines of the answer (1: between a header and its PDU)",
        FaultSite.LINES,
        given={"urc": '+CMTI: "SM",1', "at": 1},
        change=_urc_inside,
    ),
    "rewrites": FaultKind(
        "says each line in another form: a regular expression, and what stands for it",
        FaultSite.LINES,
        given={"old": "$", "new": ""},
        change=_rewrite,
    ),
    "list_lies": FaultKind(
        f"says what is not so ({', '.join(_LIES)})", FaultSite.LINES, given={"how": "length"}, change=_list_lies
    ),
    "hides": FaultKind(
        "lists so many entries less than there are (None: no entry), counts them, and shows them alone",
        FaultSite.LINES,
        "+CMGL",
        {"entries": None},
        _hide,
    ),
    "undecodable": FaultKind(
        "lists octets FF instead of each TPDU, as many",
        FaultSite.LINES,
        change=_on_pdus(lambda pdu: "00" + "FF" * (len(pdu) // 2 - 1)),
    ),
    "truncate_listing": FaultKind(
        "stops after so many lines and says no more", FaultSite.LINES, "+CMGL", {"lines": 1}, _truncate, silent=True
    ),
    "interrupt_listing": FaultKind(
        "resets itself after so many lines of the answer",
        FaultSite.LINES,
        "+CMGL",
        {"lines": 1},
        _truncate,
        silent=True,
        resets=True,
    ),
    "error_after_submit": FaultKind(
        "the text leaves, the answer is an error", FaultSite.SUBMIT, "+CMGS", {"cms": None, "cme": None, **ONE_SEGMENT}
    ),
    "no_result": FaultKind("the text leaves, nothing is said", FaultSite.SUBMIT, "+CMGS", ONE_SEGMENT),
    "late_result": FaultKind(
        "the text leaves, its result comes late, commands are taken meanwhile",
        FaultSite.SUBMIT,
        "+CMGS",
        {"seconds": 1.0, **ONE_SEGMENT},
    ),
    "result_at_prompt": FaultKind(
        "the text leaves, its result comes right behind the prompt for the next one",
        FaultSite.SUBMIT,
        "+CMGS",
        ONE_SEGMENT,
    ),
    "one_late": FaultKind("answers only when the next command has come, before its answer", FaultSite.OUTPUT),
    "slow": FaultKind("waits before each line", FaultSite.OUTPUT, given={"seconds": 0.1}),
    "bytewise": FaultKind("writes byte by byte", FaultSite.OUTPUT),
    "echo_back": FaultKind("echoes the command though ATE0 was given", FaultSite.OUTPUT),
}


@dataclass(slots=True)
class Fault:
    """A fault that is on: `count` times (None: always) for `command` (None: any), after the first `after` uses."""

    kind: str
    command: str | None
    count: int | None
    after: int
    given: Mapping[str, Any]
    until: FaultRemedy | None = None

    def fits(
        self, names: Collection[str], index: str | None, remedy: FaultRemedy | None, segment: Segment | None = None
    ) -> bool:
        """Return whether the fault acts on these commands, with first parameter `index`, which submit `segment`.

        It does not act on its own remedy.
        """
        if self.command not in {None, *names} or (self.until and remedy and remedy >= self.until):
            return False
        for name, value in (
            ("recipient", segment and segment.recipient),
            ("segment", segment and segment.sequence),
        ):
            if self.given.get(name) not in {None, value}:
                return False
        if "storage" in self.given:
            return index == f'"{self.given["storage"]}"'
        return self.given.get("index") is None or str(self.given["index"]) == index

    @property
    def error(self) -> Error:
        """The error that it answers: a CMS one, a CME one or plain ERROR."""
        for family in ("cms", "cme"):
            if self.given[family] is not None:
                return Error(family.upper(), self.given[family], "unknown")
        return Error()

    def as_json(self) -> dict[str, Any]:
        """Return the fault for JSON."""
        until = self.until.name.lower() if self.until else None
        plain = {"kind": self.kind, "command": self.command, "count": self.count, "after": self.after, "until": until}
        return {**plain, **self.given}


@dataclass(slots=True)
class Faults:
    """The faults that are on."""

    on: list[Fault] = field(default_factory=list)

    def add(
        self, kind: str, command: str | None, count: int | None, after: int, given: Given, until: str | None = None
    ) -> Fault:
        """Switch a fault on; UsageError if there is no such kind, parameter or remedy."""
        if kind not in KINDS:
            raise UsageError(f"there is no fault {kind!r}", hint=f"one of {', '.join(KINDS)}")
        known = KINDS[kind].given
        if unknown := set(given) - set(known):
            raise UsageError(
                f"fault {kind} takes no {', '.join(sorted(unknown))}", hint=f"it takes {', '.join(known) or 'none'}"
            )
        if given.get("how", "length") not in _LIES:
            raise UsageError(f"there is no lie {given['how']!r}", hint=f"one of {', '.join(_LIES)}")
        if until not in {None, *(remedy.name.lower() for remedy in FaultRemedy)}:
            raise UsageError(f"{until!r} is no remedy", hint="radio, reset or power")
        ends = FaultRemedy[until.upper()] if until else None
        fault = Fault(kind, command or KINDS[kind].command, count, after, {**known, **given}, ends)
        self.on.append(fault)
        return fault

    def cure(self, remedy: FaultRemedy) -> None:
        """Switch off the faults that this remedy ends."""
        self.on[:] = [fault for fault in self.on if fault.until is None or fault.until > remedy]

    def take(
        self,
        kinds: Collection[str],
        names: Collection[str],
        index: str | None = None,
        remedy: FaultRemedy | None = None,
        segment: Segment | None = None,
    ) -> Fault | None:
        """Return the first fault of these kinds for one of these commands, and count it as used."""
        for fault in self.on:
            if fault.kind not in kinds or not fault.fits(names, index, remedy, segment):
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.count is not None:
                fault.count -= 1
                if not fault.count:
                    self.on.remove(fault)
            return fault
        return None

    def take_all(self, place: FaultSite, names: Collection[str]) -> Sequence[Fault]:
        """Return all faults of a place for these commands, in the order of the table, and count them as used."""
        kinds = [name for name, kind in KINDS.items() if kind.place is place]
        return [fault for kind in kinds if (fault := self.take({kind}, names))]
