"""Thirty contacts of every kind, end to end: rows, fates, and the keys of `log --json`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import simulated
from conftest import ANSWER, Line, wait_until

from hotlined.simulator import pdus

CORPUS = Path(__file__).parents[1] / "data" / "pdus.jsonl"
BY_ID = {record["id"]: record for record in map(json.loads, CORPUS.read_text(encoding="ascii").splitlines())}
PARIS = datetime.now(timezone(timedelta(hours=1))).replace(microsecond=0)
LONG = "".join(f"{count:03} " for count in range(100))  # three segments of 153, 153 and 94 characters
LONGER = "".join(f"{count:05} " for count in range(990))
UCS2 = "Où es-tu ? Réponds ! ☎ " * 8
RTL = "مرحبا، كيف حالك؟"
BIDI = "photo_\u202egpj.exe\u202c \u2066x\u2069"
CONTROLS = "\x00\x07\x1b[31mrouge\x1b[0m\r\n\x7f\x9b2J"
SERVICE_INDICATION = bytes.fromhex("01060203AE8184") + b"\x02\x05\x6a\x00\x45\xc6\x0c\x03buy.invalid\x00\x01\x01\x01"


@dataclass(frozen=True, slots=True)
class Fate:
    """Verdict and reason of a contact, and the state of its answer."""

    verdict: str
    reason: str
    state: str | None = None


ANSWERED = Fate("answer", "first_contact", "sent")


def suppressed(reason: str) -> Fate:
    """Return the fate of a contact that is not answered."""
    return Fate("suppress", reason)


@dataclass(frozen=True, slots=True)
class Case:
    """A message for the simulator, and the row that it becomes."""

    name: str
    given: dict[str, Any]
    kind: str
    originator: str | None
    text: str | None
    fate: Fate
    segments: tuple[int, int] = (1, 1)


def text(name: str, sender: str | None, body: str, fate: Fate, total: int = 1, **given: Any) -> Case:
    """Make the case of a text that arrives whole and as it was sent."""
    message = {"do": "deliver", "from": sender, "text": body} | given
    return Case(name, message, "text", sender, body, fate, (total, total))


def pdu(name: str, digits: str, kind: str, originator: str | None, body: str | None, fate: Fate) -> Case:
    """Make the case of a raw PDU."""
    return Case(name, {"do": "deliver_pdu", "pdu": digits}, kind, originator, body, fate)


(PUSH,) = pdus.write_delivers(
    "+32470100021", "8bit", SERVICE_INDICATION, scts=PARIS, reference=1, ports=pdus.PUSH_PORTS
)

CASES = (
    # first, because the daemon waits for its missing segment
    Case("a segment is missing", {"do": "deliver", "from": "+32470100001", "text": LONG, "parts": [1, 3]},
         "text", "+32470100001", f"{LONG[:153]}…{LONG[306:]}", ANSWERED, (2, 3)),
    text("GSM-7", "+32470100002", "Salut, ça va pas ? @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", ANSWERED, encoding=None),
    text("extension table", "+32470100003", "5 € [ou] {6} ^~\\|", ANSWERED, encoding="gsm7"),
    text("emoji", "+32470100004", "👩‍👩‍👧‍👦 😀", ANSWERED),
    text("one character", "+32470100005", "?", ANSWERED),
    text("empty", "+32470100006", "", ANSWERED),
    text("shuffled", "+32470100007", LONG, ANSWERED, 3, parts=[3, 1, 2]),
    text("long UCS-2, 16-bit reference", "+32470100008", UCS2, ANSWERED, 3, bits=16),
    text("flash", "+32470100009", "Regarde !", ANSWERED, class_=0),
    text("39 segments", "+32470100010", LONGER, ANSWERED, 39),
    text("right to left", "+32470100011", RTL, ANSWERED),
    text("control characters", "+32470100012", CONTROLS, ANSWERED, encoding="ucs2"),
    text("bidi overrides", "+32470100013", BIDI, ANSWERED),
    text("a final result code", "+32470100014", "OK", ANSWERED),
    text("France", "+33612345678", "Coucou", ANSWERED, scts=PARIS.isoformat()),
    Case("MMS", {"do": "mms", "from": "+32470100016"}, "mms", "+32470100016", None, ANSWERED),
    Case("call", {"do": "call", "from": "+32470100017", "rings": 1, "interval": 1},
         "call", "+32470100017", None, ANSWERED, (0, 0)),
    Case("8-bit data", {"do": "deliver", "from": "+32470100018", "text": "\x01\xff", "encoding": "8bit"},
         "data", "+32470100018", None, suppressed("not_text")),
    text("the line's own number", "+32460209399", "Non, c'est non.", suppressed("own_number")),
    text("alphanumeric", "Proximus", "Votre facture", suppressed("not_answerable")),
    text("short code", "8850", "Votez 1", suppressed("not_answerable")),
    text("premium rate", "+3290212345", "Rappelez-moi", suppressed("not_answerable")),
    text("toll-free", "+3280012345", "Rappelez-moi", suppressed("not_answerable")),
    text("withheld", None, "Devine", suppressed("not_answerable")),
    text("abroad", "+447400123456", "Hello", suppressed("country")),
    pdu("Turkish tables", BY_ID["nl-004"]["pdu"], "text", "+447700900123", BY_ID["nl-004"]["expect"]["text"],
        suppressed("not_answerable")),
    pdu("message waiting", BY_ID["made-083"]["pdu"], "service", "+447700900123",
        "You have 1 new message", suppressed("not_text")),
    pdu("WAP push that is no MMS", PUSH, "data", "+32470100021", None, suppressed("not_text")),
    pdu("undecodable", "07912374151616F6FFFFFF", "unreadable", None, None, suppressed("not_text")),
)  # fmt: skip
AGAIN = text("a second text", "+32470100005", "??", suppressed("cooldown"))


@dataclass(slots=True)
class Evening:
    """The results at the end: the output of `log --json`, the accepted segments, the SIM."""

    output: str = ""
    submitted: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The objects of `log --json`."""
        return [json.loads(line) for line in self.output.splitlines()]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """Deliver everything to a SIM of ten places; then a second text, and one PDU again."""
    folder = tmp_path_factory.mktemp("evening")
    with simulated.start(folder, sim_size=10) as simulator:
        line = Line(folder, simulator)
        line.start()
        try:
            line.wait_state("ready")
            delivered = {case.name: tell(line, case.given) for case in CASES}
            wait_until(lambda: line.count("SELECT count(*) FROM contacts") == len(CASES), "a row each")
            wait_until(line.settled, "everything settled")
            tell(line, AGAIN.given)
            line.sim.do("deliver_pdu", pdu=delivered["GSM-7"]["pdus"][0])
            wait_until(lambda: line.count("SELECT sum(repeats) FROM contacts") and line.settled(), "the repeat")
            yield Evening(line.cli("log", "-n", "0", "--json"), line.submitted(), line.sim.do("state"))
        finally:
            line.stop()
            sys.stdout.write(line.log_path.read_text())  # shown where a test fails


def tell(line: Line, message: dict[str, Any]) -> dict[str, Any]:
    """Give the simulator a message."""
    return line.sim.do(message["do"], **{f"{key}_": value for key, value in message.items() if key != "do"})


def test_thirty_contacts_are_thirty_rows_with_their_fates(evening: Evening) -> None:
    """Kind, originator, text, segments, verdict, reason and answer are right."""
    rows = [
        (
            contact["kind"],
            contact["originator"],
            contact["text"],
            tuple(contact["segments"].values()),
            Fate(contact["verdict"], contact["reason"], contact["answer"] and contact["answer"]["state"]),
        )
        for contact in evening.log
    ]
    expected = [(case.kind, case.originator, case.text, case.segments, case.fate) for case in (*CASES, AGAIN)]

    assert len(rows) == 30
    assert sorted(rows, key=repr) == sorted(expected, key=repr)


def test_exactly_the_allowed_numbers_are_answered(evening: Evening) -> None:
    """Each gets the answer once and whole."""
    allowed = [case.originator for case in CASES if case.fate is ANSWERED]

    assert sorted((sent["recipient"], sent["text"], sent["complete"]) for sent in evening.submitted) == sorted(
        (number, ANSWER, True) for number in allowed
    )


def test_sim_and_queue_of_the_network_are_empty_at_the_end(evening: Evening) -> None:
    """All entries were deleted."""
    assert {name: storage["used"] for name, storage in evening.state["storages"].items()} == {"SM": 0}
    assert evening.state["queue"] == 0


def test_same_pdu_again_is_a_repeat(evening: Evening) -> None:
    """The repeat counts at its contact."""
    assert [contact["originator"] for contact in evening.log if contact["repeats"]] == ["+32470100002"]


def test_scts_keeps_its_offset(evening: Evening) -> None:
    """It is null for a call."""
    scts = {contact["originator"]: contact["scts"] for contact in evening.log}

    assert scts["+33612345678"] == PARIS.isoformat()
    assert scts["+32470100017"] is None


# ---- log --json, key by key

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TIME_WITH_OFFSET = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
REASON = (
    "first_contact|cooldown_over|pending|cooldown|per_number|blocked|opted_out|country|not_answerable|own_number|loop"
    "|stale|not_text|sim_changed"
)
STATE = "queued|sending|sent|delivered|undelivered|unconfirmed|failed|cancelled"
WAITING_FOR = "due|send_interval|budget_hour|budget_day|budget_month|reserve|network|credit|paused|retry"
SCHEMA: dict[str, Any] = {
    "id": int,
    "line": str,
    "kind": "text|call|mms|data|service|unreadable",
    "originator": (str, None),
    "other_originator": (str, None),
    "text": (str, None),
    "segments": {"received": int, "total": int},
    "scts": (TIME_WITH_OFFSET, None),
    "received_at": TIME,
    "repeats": int,
    "tags": [str],
    "verdict": ("answer|suppress", None),
    "reason": (REASON, None),
    "elsewhere": [str],
    "answer": (
        None,
        {
            "id": int,
            "state": STATE,
            "reason": (str, None),
            "text": (str, None),
            "encoding": ("gsm7|ucs2", None),
            "segments": (int, None),
            "segments_sent": int,
            "waiting_for": (WAITING_FOR, None),
            "queued_at": TIME,
            "due_at": TIME,
            "sent_at": (TIME, None),
            "reported_at": (TIME, None),
            "composed": bool,
        },
    ),
}
"""The promise for an object: a type, a form, [for each], (one or the other), {exactly these keys}."""


def fits(value: Any, wanted: Any) -> bool:
    """Tell whether a value is as promised, all the way down."""
    match wanted:
        case dict():
            return (
                isinstance(value, dict)
                and value.keys() == wanted.keys()
                and all(fits(value[key], wanted[key]) for key in wanted)
            )
        case list():
            return isinstance(value, list) and all(fits(each, wanted[0]) for each in value)
        case tuple():
            return any(fits(value, alternative) for alternative in wanted)
        case str():
            return isinstance(value, str) and bool(re.fullmatch(wanted, value))
        case None:
            return value is None
        case _:
            return type(value) is wanted


@pytest.mark.parametrize("key", SCHEMA)
def test_each_key_of_the_log_has_its_promised_form(evening: Evening, key: str) -> None:
    """Type, words and form are right in every `log --json` object."""
    assert [contact[key] for contact in evening.log if not fits(contact[key], SCHEMA[key])] == []


def test_log_is_json_lines_in_ascii_oldest_first(evening: Evening) -> None:
    """Each line has the promised keys, and harms no terminal."""
    assert evening.output.isascii()
    assert evening.output.replace("\n", "").isprintable()
    assert {frozenset(contact) for contact in evening.log} == {frozenset(SCHEMA)}
    ids = [contact["id"] for contact in evening.log]
    assert ids == sorted(ids)
