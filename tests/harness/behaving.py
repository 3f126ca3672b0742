"""A modem on a pseudo-terminal that behaves as a row of `tests/data/behaviours.yaml` says, and the network behind it.

It is no simulator: it knows a few commands, answers as its row says, lies where its row says so, and holds no promise.
`tests/data/README.md` describes the keys of a row. A row's times are seconds, as they
were posted; they pass at `PACE`.
"""

import contextlib
import itertools
import os
import pty
import re
import select
import threading
import time
import tty
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

DATA = Path(__file__).parent.parent / "data/behaviours.yaml"
PACE = 0.05
"""The duration of a row's second."""
UNREAD_SECONDS = 1.0
"""The time for a port that is full; after it nobody reads, and what was said is lost."""
CENTRE = "07912374151616F0"
"""The address of the service centre in front of a TPDU."""
RESETS = re.compile(r"AT(\+CFUN=1,1|\+CFUN=6|\+CRESET|\^RESET|!RESET)")
SENT, UNSENT = 3, 2
"""Stored by the owner of a SIM (27.005 3.1)."""
OWN = "+32475000000"
"""The number of a line that knows it. What it texts to itself does not come back."""

USUAL: Mapping[str, Sequence[str]] = {
    "AT": ("OK",),
    "AT+CGSN": ("861111111111111", "OK"),
    "AT+CIMI": ("206011111111111", "OK"),
    "AT+CPIN?": ("+CPIN: READY", "OK"),
    "AT+CREG?": ("+CREG: 1,1", "OK"),
    "AT+CREG=1": ("OK",),
    "AT+CGREG=1": ("OK",),
    "AT+CGREG?": ("+CGREG: 1,1", "OK"),
    "AT+CSQ": ("+CSQ: 18,99", "OK"),
    "AT+COPS?": ('+COPS: 0,0,"Proximus",7', "OK"),
    "AT+CSCA?": ('+CSCA: "+32475161616",145', "OK"),
    "AT+CLIP=1": ("OK",),
    "AT+CSMS=1": ("+CSMS: 1,1,1", "OK"),
    "AT+CSMS?": ("+CSMS: 1,1,1,1", "OK"),
    "AT+CMGF=?": ("+CMGF: (0,1)", "OK"),
    "AT+CPMS=?": ('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")', "OK"),
    "AT+CHUP": ("OK",),
    "AT+CNMA": ("OK",),
}
"""The answers of a modem about which nothing is posted."""
LTE: Mapping[str, Sequence[str]] = {
    "AT+CEREG=1": ("OK",),
    "AT+CEREG?": ("+CEREG: 1,1", "OK"),
    "AT+CEREG=?": ("+CEREG: (0-2)", "OK"),
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A row of the data: what a modem is, what it does, what happens, and what has to be true then."""

    name: str
    source: str
    unreached: bool = False
    model: str = "sim7600"
    sizes: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    lists: str = ""
    slots: str = ""
    deletes: str = ""
    first_index: int = 0
    selected: str = "SM"
    receives: Mapping[str, Any] = field(default_factory=dict)
    submits: Mapping[str, Any] = field(default_factory=dict)
    line: Mapping[str, Any] = field(default_factory=dict)
    chatter: Sequence[Sequence[Any]] = ()
    holds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    quiet: float = 0
    before: int = 1
    steps: Sequence[Mapping[str, Any]] = ({"texts": 2},)
    modem: Mapping[str, Any] = field(default_factory=dict)
    promise: Mapping[str, Any] = field(default_factory=dict)


class Made(NamedTuple):
    """A make of modem, as far as the rows need one."""

    maker: str
    model: str
    revision: str
    sizes: Mapping[str, int]
    is_lte: bool = True
    refusal: str = ""
    """The answer to a command that it does not know."""


MADE = {
    "sim7600": Made("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "LE20B04SIM7600M22", {"SM": 20, "ME": 23}),
    "sim800": Made("SIMCOM_Ltd", "SIMCOM_SIM800L", "Revision:1418B05SIM800L24", {"SM": 20}, is_lte=False),
    "eg25": Made("Quectel", "EG25", "EG25GGBR07A08M2G", {"SM": 20, "ME": 23}),
    "ec200a": Made("Quectel", "EC200A", "EC200AEUHAR01A24M16", {"SM": 15, "ME": 180}),
    "e3531": Made(
        *("huawei", "E3531", "21.318.15.00.55", {"SM": 20, "ME": 20}),
        is_lte=False,
        refusal="COMMAND NOT SUPPORT",
    ),
    "rc7620": Made("Sierra Wireless, Incorporated", "RC7620-1", "SWI9X07H_00.04.03.00", {"SM": 20, "ME": 23}),
}


def behaviours() -> list[Behaviour]:
    """Return the rows."""
    rows = yaml.load(DATA.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [Behaviour(**row) for row in rows]


class Entry(NamedTuple):
    """A stored text: its PDU, the length of its TPDU, and its status (27.005 3.1)."""

    pdu: str
    length: int
    status: int


def packed(text: str) -> str:
    """Return ASCII letters as septets (23.038 6.1.2.1), hexadecimal."""
    bits = sum(ord(sign) << 7 * place for place, sign in enumerate(text))
    return bits.to_bytes((7 * len(text) + 7) // 8, "little").hex().upper()


def swapped(digits: str) -> str:
    """Return digits as semi-octets (23.040 9.1.2.3)."""
    digits += "F" * (len(digits) % 2)
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))


def now() -> str:
    """Return the time stamp of a service centre (23.040 9.2.3.11)."""
    return swapped(time.strftime("%y%m%d%H%M%S", time.gmtime())) + "00"


def incoming(number: str, text: str, stamp: str = "", status: int = 0) -> Entry:
    """Return a DELIVER from a number."""
    digits = number.lstrip("+")
    tpdu = f"04{len(digits):02X}91{swapped(digits)}0000{stamp or now()}{len(text):02X}{packed(text)}"
    return Entry(CENTRE + tpdu, len(tpdu) // 2, status)


def outgoing(number: str, status: int) -> Entry:
    """Return a SUBMIT that the SIM's owner has stored."""
    digits = number.lstrip("+")
    tpdu = f"1100{len(digits):02X}91{swapped(digits)}0000AA03{packed('oui')}"
    return Entry("00" + tpdu, len(tpdu) // 2, status)


def report(number: str, reference: int) -> Entry:
    """Return a STATUS-REPORT that a text has arrived."""
    digits = number.lstrip("+")
    tpdu = f"06{reference:02X}{len(digits):02X}91{swapped(digits)}{now()}{now()}00"
    return Entry(CENTRE + tpdu, len(tpdu) // 2, 0)


def recipient(pdu: str) -> str:
    """Return the recipient of a SUBMIT with its service centre."""
    octets = bytes.fromhex(pdu)
    at = octets[0] + 3
    digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets[at + 2 : at + 2 + (octets[at] + 1) // 2])
    return "+" * (octets[at + 1] & 0x70 == 0x10) + digits[: octets[at]]


class Modem:
    """The modem of one row, and its network: `left` counts the texts that left for others, by recipient."""

    def __init__(self, row: Behaviour) -> None:
        self.row = row
        self.made = MADE[row.model]
        self.sizes = {**self.made.sizes, **row.sizes}
        self.stores: dict[str, dict[int, Entry]] = {name: {} for name in self.sizes}
        self.asked: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        """The numbers that a text came from, with the number of their texts."""
        self.waiting: list[Entry] = []
        """The texts that the network keeps, because there is no room for them."""
        self.happened: set[str | None] = {None}
        """The events that texts may wait for: one was `sent`, the `radio` was switched on."""
        self.resets = 0
        self.reference = 30
        self._answers = {
            "AT+CGMI": (self.made.maker, "OK"),
            "AT+CGMM": (self.made.model, "OK"),
            "AT+CGMR": (self.made.revision, "OK"),
            **USUAL,
            **(LTE if self.made.is_lte else {}),
            **row.answers,
        }
        self._rules = [(re.compile(rule["asked"]), rule) for rule in row.rules]
        self._used_rules: Counter[int] = Counter()
        self._numbers = (f"+32471{place:06d}" for place in itertools.count(1))
        self._lock = threading.RLock()
        self._restart()
        self._fill()
        self.is_verbose, self.is_quiet = not row.line.get("numeric"), bool(row.line.get("quiet"))
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._input, self._payload = "", False
        self._ends, self._wakes = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._wakes)
        self._thread.join()
        for descriptor in (self._ends, self._master, self._slave):
            os.close(descriptor)

    def _fill(self) -> None:
        """Put what lies on the SIM and in the modem from before."""
        for name, kinds in self.row.holds.items():
            made: Iterator[Entry] = itertools.chain(
                (outgoing(f"+32470{place:06d}", SENT) for place in range(kinds.get("sent", 0))),
                (outgoing(f"+32470{place:06d}", UNSENT) for place in range(kinds.get("drafts", 0))),
                (incoming(self.number(), "avant", status=1) for _ in range(kinds.get("received", 0))),
                # of 2013, read then: the owner of the SIM knew these people
                (incoming(self.number(), "vieux", "31211091206000", 1) for _ in range(kinds.get("old", 0))),
            )
            self.stores[name].update(enumerate(made, self.row.first_index))
        for _ in range(self.row.before):
            self.deliver(self.number())

    def _restart(self) -> None:
        """Start: nothing that was set is kept."""
        self.began = time.monotonic()
        self.roles = [self.row.selected] * 3
        self.indications, self.is_text_mode, self.errors, self.echoes = [0] * 5, False, 0, True
        self.radio = "1"
        self._shown: dict[int, Entry] = {}
        self.is_verbose, self.is_quiet = True, False

    # ---- what happens

    def number(self) -> str:
        """Return the next person's number; she writes one text."""
        number = next(self._numbers)
        self.texts[number] += 1
        return number

    def deliver(self, number: str) -> None:
        """Let a person write a text."""
        with self._lock:
            self.waiting.append(incoming(number, "coucou"))
            self._pump()

    def store(self, storage: str, entry: Entry) -> bool:
        """Put an entry into a storage as soon as it has room; return whether it had."""
        with self._lock:
            if len(self.stores[storage]) >= self.sizes[storage]:
                return False
            free = next(at for at in itertools.count(self.row.first_index) if at not in self.stores[storage])
            self.stores[storage][free] = entry
            self._announce(storage, free)
            return True

    def say(self, *lines: str) -> None:
        """Say lines that nobody asked for."""
        for line in lines:
            self._write(f"\r\n{line}\r\n")

    def lose_settings(self) -> None:
        """Restart silently, as a modem does that is set to echo nothing: it is in text mode, and its storage is ME."""
        with self._lock:
            self._restart()
            self.roles, self.is_text_mode, self.echoes = ["ME"] * 3, True, False

    @property
    def pdus(self) -> set[str]:
        """The texts of people that lie in the modem, or wait in the network."""
        with self._lock:
            stored = [entry for name, store in self.stores.items() if name != "SR" for entry in store.values()]
            return {entry.pdu for entry in (*stored, *self.waiting) if entry.status < UNSENT}

    def _pump(self) -> None:
        while self.waiting and self._take_in(self.waiting[0]):
            self.waiting.pop(0)

    def _take_in(self, entry: Entry) -> bool:
        """Store a text that the network has, or hand it over; return whether that was possible."""
        how = self.row.receives
        if how.get("until") not in self.happened:
            return False
        if how.get("hands_over") or (self.indications[0] and self.indications[1] == 2):
            for _ in how.get("into", [""]):
                self.say(f"+CMT: ,{entry.length}\r\n{entry.pdu}")
            return True
        first = "SM" if self.roles[2] == "MT" else self.roles[2]
        return sum(self.store(storage, entry) for storage in how.get("into", [first])) > 0

    def _announce(self, storage: str, index: int) -> None:
        how = self.row.receives
        if self.indications[1] == 1 and (line := how.get("announces", '+CMTI: "{storage}",{index}')):
            self.say(line.format(storage=how.get("named", storage), index=index))

    # ---- the line

    def _serve(self) -> None:
        chatter = [[self.began + each[0] * PACE, *each] for each in self.row.chatter]
        while True:
            ready, _, _ = select.select([self._master, self._ends], [], [], 0.02 if chatter else None)
            if self._ends in ready:
                return
            for each in chatter:
                if time.monotonic() >= each[0]:
                    each[0] = time.monotonic() + each[1] * PACE
                    self.say(each[2])
            if self._master in ready:
                for octet in os.read(self._master, 4096).decode("latin-1"):
                    self._take(octet)

    def _take(self, sign: str) -> None:
        ends = {"\x1a": self._submit, "\x1b": lambda _: self._reply("OK")} if self._payload else {"\r": self._command}
        if sign in ends:
            given, self._input = self._input, ""
            self._payload = False
            ends[sign](given)
        elif sign == "\x1b":
            self._input = ""
        elif sign != "\n":
            self._input += sign

    def _write(self, octets: str) -> None:
        left, gives_up = octets.encode("latin-1"), time.monotonic() + UNREAD_SECONDS
        with self._lock:
            while left and time.monotonic() < gives_up:
                with contextlib.suppress(BlockingIOError):
                    left = left[os.write(self._master, left) :]
                    continue
                time.sleep(0.005)

    def _reply(self, *lines: str) -> None:
        """Write an answer, its final result code last (V.250 5.7.1)."""
        *more, final = lines
        if not self.is_verbose:
            self._write("".join(f"{line}\r\n" for line in more) + ("0\r" if final == "OK" else "4\r"))
            return
        lines = tuple(more) if self.is_quiet else lines
        every = self.row.line.get("glues_each")
        if every and self.asked.total() % every == 0 and lines:
            lines = (self.row.line["glued"] + lines[0], *lines[1:])
        self._write("".join(f"\r\n{line}\r\n" for line in lines))

    # ---- commands

    def _command(self, text: str) -> None:
        text = text.strip()
        if not text or self.row.line.get("mute"):
            return
        with self._lock:
            self.asked[re.split("[=?]", text)[0]] += 1
            if self.echoes:
                self._write(text + "\r")
            if text.startswith("AT+CMGS="):
                self._prompt(text)
                return
            parts = text.split(";") if '"' not in text else [text]
            lines: list[str] = []
            final = "OK"
            for part in parts:
                *more, final = self._answer(part if part.startswith("AT") else f"AT{part}")
                lines += more
                if final != "OK":
                    break
            self._reply(*lines, final)
            if RESETS.match(text) and final == "OK":
                self.resets += 1
                self._restart()
            self._pump()

    def _answer(self, text: str) -> Sequence[str]:
        ruled = self._ruled(text)
        if ruled is not None:
            return ruled
        if (basic := re.fullmatch("AT((?:[EVQ][01])+)", text)) is not None:
            return self._set_basic(basic[1])
        if text in self._answers:
            return self._answers[text]
        name, _, given = text.removeprefix("AT").partition("=")
        commands = {
            "+CMEE": self._errors,
            "+CMEE?": lambda _: [f"+CMEE: {self.errors}", "OK"],
            "+CMGF": self._mode,
            "+CMGF?": lambda _: [f"+CMGF: {int(self.is_text_mode)}", "OK"],
            "+CSCS": lambda _: ["OK"],
            "+CSCS?": lambda _: ['+CSCS: "IRA"', "OK"],
            "+CNMI": self._set_indications,
            "+CNMI?": lambda _: ["+CNMI: " + ",".join(map(str, self.indications)), "OK"],
            "+CPMS": self._select,
            "+CPMS?": lambda _: ["+CPMS: " + ",".join(map(self._use, self.roles)), "OK"],
            "+CMGL": self._list,
            "+CMGR": self._read,
            "+CMGD": self._delete,
            "+CFUN": self._set_radio,
            "+CFUN?": lambda _: [f"+CFUN: {self.radio}", "OK"],
            **dict.fromkeys(("+CRESET", "^RESET", "!RESET"), lambda _: ["OK"]),
        }
        if given == "?" or name not in commands:
            return [self._refusal()]
        return commands[name](given)

    def _refusal(self) -> str:
        return self.made.refusal or ("+CME ERROR: 100" if self.errors else "ERROR")

    def _ruled(self, text: str) -> Sequence[str] | None:
        """Return the answer of the first rule that says one."""
        for place, (pattern, rule) in enumerate(self._rules):
            if not pattern.fullmatch(text):
                continue
            age = (time.monotonic() - self.began) / PACE
            if age >= rule.get("until", float("inf")) or rule.get("selected", self.roles[0]) != self.roles[0]:
                continue
            if rule.get("empty") and self._all():
                continue
            if self._used_rules[place] >= rule.get("times", float("inf")):
                continue
            self._used_rules[place] += 1
            time.sleep(rule.get("after", 0) * PACE)
            if "says" in rule:
                return list(rule["says"])
        return None

    def _set_basic(self, letters: str) -> Sequence[str]:
        for letter, digit in zip(letters[::2], letters[1::2], strict=True):
            match letter:
                case "E":
                    self.echoes = digit == "1"
                case "V":
                    self.is_verbose = digit == "1"
                case "Q":
                    self.is_quiet = digit == "1"
        return ["OK"]

    def _errors(self, given: str) -> Sequence[str]:
        self.errors = int(given)
        return ["OK"]

    def _mode(self, given: str) -> Sequence[str]:
        self.is_text_mode = given == "1"
        return ["OK"]

    def _set_radio(self, given: str) -> Sequence[str]:
        self.radio = given[:1]
        self.happened |= {"radio"} if self.radio == "1" else set()
        return ["OK"]

    def _set_indications(self, given: str) -> Sequence[str]:
        values = [int(value) for value in given.split(",")]
        self.indications[: len(values)] = values
        return ["OK"]

    # ---- storages

    def _parts(self, name: str) -> list[str]:
        return ["SM", "ME"] if name == "MT" else [name]

    def _all(self, name: str = "") -> dict[int, Entry]:
        """Return the entries of a storage, of the selected one if none is named; ME follows SM in MT."""
        found: dict[int, Entry] = {}
        for place, part in enumerate(self._parts(name or self.roles[0])):
            found |= {index + 1000 * place: entry for index, entry in self.stores.get(part, {}).items()}
        return found

    def _use(self, name: str) -> str:
        size = sum(self.sizes.get(part, 0) for part in self._parts(name))
        return f'"{name}",{len(self._all(name))},{size}'

    def _select(self, given: str) -> Sequence[str]:
        names = re.findall(r'"(\w+)"', given)
        known = self.row.receives.get("roles", [[*self.sizes, "MT"]] * 3)
        if any(name not in role for name, role in zip(names, known, strict=False)):
            return ["+CMS ERROR: 302"]
        self.happened |= {"selected in turn"} if names[:1] != self.roles[:1] else set()
        self.roles[: len(names)] = names
        self._shown = self._all()
        uses = [self._use(name) for name in self.roles]
        form = self.row.line.get("uses", "{used},{total}")
        said = [form.format(name=n, used=u, total=t) for n, u, t in (use.split(",") for use in uses)]
        return ["+CPMS: " + ",".join(said), "OK"]

    def _list(self, _: str) -> Sequence[str]:
        if self.is_text_mode:
            return ["+CMS ERROR: 305"]
        entries = [(index, entry) for index, entry in self._all().items() if self._is_listed(index, entry)]
        match self.row.lists:
            case "three":
                entries = entries[:3]
            case "twice":
                entries = [each for each in entries for _ in range(2)]
            case "unread":  # and it is read from then on
                for index, entry in entries:
                    self.stores[self.roles[0]][index] = entry._replace(status=1)
        more = 8 if self.row.lists == "whole length" else 0
        lines = [(f"+CMGL: {index},{entry.status},,{entry.length + more}", entry.pdu) for index, entry in entries]
        return [*itertools.chain.from_iterable(lines), "OK"]

    def _is_listed(self, index: int, entry: Entry) -> bool:
        match self.row.lists:
            case "unread":
                return entry.status == 0
            case "as selected":
                return index in self._shown
            case "nothing":
                return False
        return True

    def _read(self, given: str) -> Sequence[str]:
        index = int(given)
        if (entry := self._all().get(index)) is None:
            return ["OK"] if self.row.slots == "empty is OK" else ["+CMS ERROR: 321"]
        if self.row.slots == "deleted when read":
            self._remove(index)
        return [f"+CMGR: {entry.status},,{entry.length}", entry.pdu, "OK"]

    def _remove(self, index: int) -> None:
        part = self._parts(self.roles[0])[index // 1000 if self.roles[0] == "MT" else 0]
        self.stores[part].pop(index % 1000 if self.roles[0] == "MT" else index, None)

    def _delete(self, given: str) -> Sequence[str]:
        index, *flag = (int(each) for each in given.split(","))
        match self.row.deletes:
            case "nothing":
                return ["OK"]
            case "all":
                self.stores[self.roles[0]].clear()
            case "with a flag" if not flag:
                return ["ERROR"]
        if index not in self._all() and self.row.deletes != "all":
            return ["+CMS ERROR: 321"]
        self._remove(index)
        return ["OK"]

    # ---- sending

    def _prompt(self, text: str) -> None:
        refusal = self._ruled(text)
        if refusal is not None:
            self._reply(*refusal)
            return
        self._payload = True
        self._write(self.row.submits.get("prompt", "\r\n> "))

    def _submit(self, pdu: str) -> None:
        how = self.row.submits
        if how.get("echoes"):
            self._write(pdu)
        time.sleep(how.get("after", 0) * PACE)
        with self._lock:
            self.reference += 1
            if how.get("leaves", True):
                self.left.update({recipient(pdu)} - {OWN})
                self.happened.add("sent")
            if "raw" in how:
                self._write(how["raw"].format(reference=self.reference))
            else:
                self._reply(*how.get("says", (f"+CMGS: {self.reference}", "OK")))
            self._report(recipient(pdu))
            self._pump()

    def _report(self, number: str) -> None:
        entry = report(number, self.reference)
        if self.indications[3] == 1:
            self.say(f"+CDS: {entry.length}\r\n{entry.pdu}")
        elif self.indications[3] == 2 and "SR" in self.stores:
            self.stores["SR"][len(self.stores["SR"])] = entry
            self.say(self.row.receives.get("reports", '+CDSI: "SR",{index}').format(index=len(self.stores["SR"]) - 1))
