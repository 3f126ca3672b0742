"""Makes of modems: the main job on each, and the effects of their storages, direct delivery and USSD."""

import contextlib
import json
import re
from functools import partial

import extent
import pytest
from answers import PAIRS
from conftest import ANSWER, BRISK, PATIENCE_SECONDS, Line, Open, driver, wait_until

from hotlined.errors import ModemError, ModemRefusedError, ModemSilentError
from hotlined.gsm import profiles, tpdu
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.gsm.profiles import PROFILES, Meaning
from hotlined.gsm.responses import SimState
from hotlined.simulator.bench import Bench, Options
from hotlined.simulator.commands import execute, parse
from hotlined.simulator.makes import MAKES
from hotlined.simulator.pdus import write_status_report

PROFILE_OF = {
    "sim800": "simcom",
    "sim7600": "simcom-lte",
    "huawei-e352": "huawei",
    "qdc507": "generic",
    "gtm382": "generic",
    "x030": "generic",
    "sim7000": "simcom-lte",
    "a7670e-lnxy": "simcom-lte",
    "cinterion-mt": "cinterion",
    "cinterion-sm": "cinterion",
    "huawei-e1752": "huawei",
    "huawei-e220": "huawei",
    "huawei-e3531": "huawei",
    "zte-mf710": "zte",
    "a7670e-fase": "simcom-lte",
    "sim7670": "simcom-lte",
    "eg25": "quectel",
    "mr6400": "qualcomm",
    **dict.fromkeys(("onda", "dwm157", "m26", "ml307c", "air724", "l850"), "generic"),
}
"""The profile of each make whose profile has another name."""
STATES = {"a7670e-lnxy": "no_texts", "a7670e-fase": "unregistered"}
"""The state of the line for each make that is not `ready`."""
TROUBLES = {"a7670e-lnxy": ["no_texts"], "a7670e-fase": ["unregistered"], "qdc507": ["volte_only"]}
"""The trouble in `status` for each make that has one."""
PINS = {"x030": "1234"}
OF_NO_PROFILE = (
    *("+CTZV", "+VOICEMAIL", "+CPIN", "HANGUP", "_OSIGQ", "AA", "+CDSI", "*RADIOPOWER", "*ISIMAID", "*COPN", "+CGEV"),
)
"""Unsolicited lines of some makes that are in no profile: they have no meaning, or announce a text."""
POSTED = {
    "huawei": ("Huawei E173",),
    "huawei-e1752": ("Huawei E1752",),
    "huawei-e3531": ("Huawei E3531",),
    "huawei-e352": ("Huawei E352", "Huawei E352 (chan_dongle)"),
    "brovi": ("Brovi E3372-325", "gammu tests: brovi-e3372-325"),
    "zte-mf710": ("ZTE MF710", "ZTE MF626"),
    "onda": ("Onda DM4000 (Marvell)",),
    "dwm157": ("D-Link DWM-157 C1 (MediaTek)",),
    "gtm382": ("Option GTM382",),
    "x030": ("Alcatel OT-X030 (Icera)",),
    "sim7670": ("SIMCom SIM7670G-MNGV",),
    "a7670e-lnxy": ("SIMCom A7670E",),
    "a7670e-fase": ("SIMCom A7670E-FASE",),
    "eg25": ("Quectel EG25-G (NuttX, UART)", "Quectel EC25"),
    "qdc507": ("Baiwang QDC507 (DJI Cellular Gen 1, an EG25)",),
    "m26": ("Quectel M26 (FOXCOM)",),
    "ml307c": ("China Mobile ML307C",),
    "air724": ("OpenLuat Air724UG (UNISOC 8910)",),
    "l850": ("Fibocom L850-GL",),
    "mr6400": ("TP-Link TL-MR6400 v1 (built-in LTE)",),
    "wavecom": ("Wavecom Q2403A",),
    "cinterion": ("Siemens MC35i",),
    "cinterion-mt": ("ModemManager test: cpms_response_cinterion",),
}
"""The models of tests/data/answers.jsonl that each simulated make is made of."""
LONG = "Coucou, c'est encore moi. " * 12
TWO_SEGMENTS = ANSWER + " Ce numéro est une hotline." * 7
PDU = "07912374151616F6040B912374103254F600009621133295950005E8329BFD06"
OTHER_PDU = "07912374151616F6040B912374103255F600009621133295950005E8329BFD06"
ANSWERS = "SELECT state FROM answers ORDER BY id"


def recorded(line: Line) -> list[str]:
    """Return the recorded texts."""
    return [text for (text,) in line.rows("SELECT text FROM contacts ORDER BY id")]


def entries(line: Line, storage: str) -> dict[int, str]:
    """Return the entries of a storage."""
    listed = line.sim.do("state")["storages"][storage]["entries"]
    return {entry["index"]: entry["pdu"] for entry in listed}


def draft() -> str:
    """Return a PDU as AT+CMGW stores it."""
    (segment,) = tpdu.encode_submit(parse_number("+32470000000", "BE"), plan("brouillon"))
    return segment.pdu


@pytest.mark.parametrize("make", sorted({*extent.sample(sorted(MAKES), 3), *STATES, *TROUBLES, *PINS}))
def test_the_main_job_on_each_make(open_line: Open, make: str) -> None:
    """Texts and calls are recorded, answered, reported and deleted.

    One text is stored before the start, one is new, one is long.

    A make without texts or without a registration reports that, and does the rest of the job.
    """
    state = STATES.get(make, "ready")
    line = open_line(make=make, pin=PINS.get(make))
    line.configure(
        answer={"text": TWO_SEGMENTS},
        modem={"calls": "hang_up", "delivery_reports": True, "pin": PINS.get(make)},
    )
    line.sim.do("store", pdu=PDU, storage=line.sim.do("state")["memories"][2])
    line.start()
    line.wait_state(state)
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    line.sim.do("deliver", from_="+32470000002", text=LONG)
    line.sim.do("call", from_="+32470000003", interval=1.0)
    expected = [
        ("text", "+32470000001", "coucou", 0),
        ("text", "+32470000002", LONG, 0),
        ("call", "+32470000003", None, 0),
        ("text", "+32470123456", "hello", 0),
    ]
    if state == "no_texts":
        expected = []
    contacts = "SELECT kind, originator, text, repeats FROM contacts ORDER BY originator"
    wait_until(lambda: len(line.rows(contacts)) == len(expected), "the contacts")
    wait_until(lambda: not expected or line.sim_is_empty(), "the deletions")
    if state == "ready":
        wait_until(lambda: [state for (state,) in line.rows(ANSWERS)] == ["delivered"] * 4, "the answers")

    assert line.rows(contacts) == expected
    submitted = sorted(line.submitted(), key=lambda text: text["recipient"])
    assert [(text["recipient"], text["text"], text["segments"]) for text in submitted] == [
        (originator, TWO_SEGMENTS, 2) for _, originator, _, _ in expected if state == "ready"
    ]
    status = line.status()
    assert (status["modem"]["state"], [each["code"] for each in status["trouble"]]) == (state, TROUBLES.get(make, []))
    assert (status["modem"]["manufacturer"], status["modem"]["model"]) == (
        called(MAKES[make].manufacturer) or None,
        called(MAKES[make].model),
    )
    assert status["modem"]["steps"] == 0
    assert line.sim.do("state")["events"]["reset"] == 1


def called(words: str) -> str:
    """Return a name without the make's prefix and quotes."""
    return re.sub(r"^\+CGM[IM]:", "", words).strip(' "')


COMPARED = re.compile(
    r"AT\+(CGM[IMR]|CPMS.*|CNMI\?|CMGF.*|CSMS.*|WS46=\?|CPROT=\?|SYNCML=\?)|AT\$TSSPCSW=\?|AT\^ICCID\?"
)
"""Commands whose answers do not depend on SIM and network, except for the number of stored texts."""


@pytest.mark.parametrize("make", sorted(POSTED))
def test_a_make_answers_as_its_owner_posted(make: str) -> None:
    """Names, storage sizes and refusals are those of a real one."""
    pairs = [pair for pair in PAIRS if pair["model"] in POSTED[make] and COMPARED.fullmatch(pair["command"])]
    assert pairs
    device = Bench(Options(make=make)).device
    device.start()
    for pair in pairs:
        answer = execute(device, next(parse(pair["command"].removeprefix("AT"))))
        *lines, final = pair["answer"]
        if pair["command"] in lines:  # lines before the echo
            del lines[: lines.index(pair["command"]) + 1]
        finals = {answer.error.final(verbosity) for verbosity in (0, 1)} if answer.error else {"OK"}
        assert [unused(text) for text in answer.lines] == [unused(text) for text in lines], pair["command"]
        assert final in finals, pair["command"]


def unused(text: str) -> str:
    """Return an answer to AT+CPMS with empty storages."""
    return re.sub(r"\d+,(\d+)", r"0,\1", text) if text.startswith("+CPMS:") else text


SPARSE = [
    *("+CMGF?", "+CPMS?", "+CPMS=?", "+CSMS", "+CNMI", "+CMEE", "+CLIP", "+CHUP", "+CFUN", "+CEREG", "+COPS", "+CSQ"),
    *("+CIMI", "+CGSN", "+CGMI", "+CGMM", "+CNUM", "+CSCA", "+CCID"),
]


@pytest.mark.parametrize("unknown", ["ERROR", "OK"])
def test_a_modem_that_knows_little_does_the_main_job(open_line: Open, unknown: str) -> None:
    """Listings suffice where every question is refused or every command accepted."""
    line = open_line(lacks=SPARSE, unknown=unknown)
    line.configure(answer={"text": TWO_SEGMENTS})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    line.sim.do("deliver", from_="+32470000002", text=LONG)
    wait_until(lambda: [state for (state,) in line.rows(ANSWERS)] == ["sent"] * 2 and line.settled())

    assert line.rows("SELECT text FROM contacts ORDER BY id") == [("coucou",), (LONG,)]
    assert [text["text"] for text in line.submitted()] == [TWO_SEGMENTS] * 2


def test_a_late_refusal_does_not_answer_the_last_question(open_line: Open) -> None:
    """The refusal belongs to an earlier question."""
    line = open_line(lacks=["+CMGF?", "+CPMS?", "+CSMS", "+CNMI", "+CFUN"], unknown="ERROR")
    with driver(line) as modem:
        line.sim.do("fault", kind="one_late")
        with pytest.raises(ModemSilentError):
            modem.exchange.run("AT+CLIP=1", seconds=1.0)
        with pytest.raises(ModemSilentError):
            modem.exchange.resynchronise()
        line.sim.do("clear", what="faults")
        with contextlib.suppress(ModemSilentError):  # the late answer to the last one
            modem.exchange.resynchronise()
        modem.exchange.resynchronise()
        assert modem.exchange.ask("AT+CGMM") == MAKES["generic"].model


@pytest.mark.parametrize("make", sorted(MAKES.keys() - {"a7670e-lnxy"}))
def test_each_make_is_recognised(open_line: Open, make: str) -> None:
    """Each also identifies its SIM, finds the network, receives, submits, and restarts."""
    line = open_line(make=make)
    with driver(line) as modem:
        assert modem.profile.name == PROFILE_OF.get(make, make)
        assert modem.sim_state() == (SimState.READY, "READY")
        assert modem.sim_identity() == ("356938035643809" if make == "qualcomm" else "8932012345678901234")
        modem.initialise()
        line.sim.do("store", pdu=PDU, storage=line.sim.do("state")["memories"][2])
        found = []
        for name in modem.storages.names:
            for entry in modem.storages.list(name).entries:
                found.append(entry.pdu)
                assert modem.storages.delete(name, entry.index)
        assert found == [PDU]
        assert line.sim_is_empty()
        (segment,) = tpdu.encode_submit(parse_number("+32470000001", "BE"), plan(ANSWER))
        modem.submit(segment.pdu, segment.tpdu_length, 20.0)
        assert [text["text"] for text in line.submitted()] == [ANSWER]
        modem.restart_radio()
        assert modem.network().registration == ("denied" if make in STATES else "home")
        modem.reset()
        line.wait_for("reset", 2)


@pytest.mark.parametrize("make", sorted(MAKES))
def test_unsolicited_lines_of_a_make_are_registered(make: str) -> None:
    """Each line is known; those about the SIM keep their meaning."""
    row = MAKES[make]
    known = re.compile("|".join(map(re.escape, (*profiles.UNSOLICITED, *OF_NO_PROFILE))))
    for text in (*row.boot, *row.chatter):
        assert known.match(text.replace(":", ": ").replace(":  ", ": ")), text
    for text in (*row.sim_in, *row.sim_out):
        assert profiles.meaning(text) in (Meaning.SIM, Meaning.CHATTER)
    assert not row.sim_out or profiles.meaning(row.sim_out[0]) is Meaning.SIM


def test_no_two_makes_contradict_each_other() -> None:
    """Unsolicited lines are read before the make is known."""
    for row in PROFILES:
        assert {text: profiles.UNSOLICITED[text] for text in row.unsolicited} == dict(row.unsolicited)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("+WIND: 1", Meaning.SIM),
        ("+WIND: 15,1", Meaning.CHATTER),
        ("+WIND: 3", Meaning.RESET),
        ("^SIMST:255", Meaning.SIM),
        ("^BOOT:20952548,0,0,0,64", Meaning.CHATTER),
        ("RDY", Meaning.RESET),
        ("RDYX", Meaning.CHATTER),
        ("+CPIN: SIM REMOVED", Meaning.SIM),
        ("UNDER-VOLTAGE WARNNING", Meaning.UNDERVOLTAGE),
        ("^SBC: Overvoltage", Meaning.OVERVOLTAGE),
        ("+CMTI: 1", Meaning.CHATTER),
    ],
)
def test_the_longest_beginning_counts(text: str, meaning: Meaning) -> None:
    """The longest registered beginning of whole words gives a line its meaning."""
    assert profiles.meaning(text) is meaning


def test_repeated_undervoltage_is_one_event(open_line: Open) -> None:
    """The modem complains of its supply again and again, and goes on."""
    line = open_line(make="sim800")
    line.start()
    line.wait_state("ready")
    for _ in range(3):
        line.sim.do("say", line="UNDER-VOLTAGE WARNNING")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: recorded(line) == ["coucou"] and line.settled())

    assert line.rows("SELECT detail FROM events WHERE kind = 'undervoltage'") == [
        ('{"answer": "UNDER-VOLTAGE WARNNING"}',)
    ]


def test_a_modem_without_texts_is_named_and_not_reset(open_line: Open) -> None:
    """A data-only variant has a state of its own; no recovery begins."""
    line = open_line(make="a7670e-lnxy")
    line.start(timing={"unready_grace": 0.0, "reconnect_pauses": [0.2]})
    line.wait_state("no_texts")
    line.wait_for("+CMGF", 8)

    assert "SIMCOM INCORPORATED A7670E-LNXY-UBL knows no texts" in line.trouble()
    assert "Take another one" in line.trouble()
    assert (line.status()["modem"]["manufacturer"], line.status()["modem"]["model"]) == (
        "SIMCOM INCORPORATED",
        "A7670E-LNXY-UBL",
    )
    assert line.status()["modem"]["steps"] == 0
    assert line.sim.do("state")["events"]["reset"] == 1
    verdict, seen = checked(line, "texts")
    assert (verdict, "A7670E-LNXY-UBL knows no texts" in seen) == ("fail", True)


def checked(line: Line, name: str) -> tuple[str, str]:
    """Return the verdict and the observation of one of doctor's checks."""
    rows = map(json.loads, line.cli("doctor", "--json", check=False).splitlines())
    return next((row["verdict"], row["seen"]) for row in rows if row["check"] == name)


def test_a_stick_that_begins_to_refuse_texts_is_recovered(open_line: Open) -> None:
    """A stick that served the line before is no data-only variant."""
    line = open_line()
    line.start()
    line.wait_state("ready")
    line.stop()
    for name in ("+CMGF", "+CSMS"):
        line.sim.do("fault", kind="error", command=name, cms=None, until="reset")
    line.start(timing={"unready_grace": 0.0, "reconnect_pauses": [0.2]})
    line.wait_state("recovering")
    assert "AT+CMGF=0" in line.trouble()
    line.wait_state("ready")


def test_a_text_that_the_modem_could_not_store_is_reported(open_line: Open) -> None:
    """A SIM7000G's +CMTI: ,-1 becomes an event, a trouble and an alert."""
    line = open_line(make="sim7000")
    line.start()
    line.wait_state("ready")
    for _ in range(3):
        line.sim.do("say", line="+CMTI: ,-1")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: recorded(line) == ["coucou"] and line.settled())

    assert line.rows("SELECT detail FROM events WHERE kind = 'text_lost'") == [('{"answer": "+CMTI: ,-1"}',)]
    status = json.loads(line.cli("status", "--json", check=False))
    assert [each["code"] for each in status["trouble"]] == ["text_lost"]
    assert "stored it nowhere" in status["trouble"][0]["words"]
    line.configure(alerts={"sms_to": "+32470999888"})
    assert "a text was lost" in line.cli("alerts", "--dry-run")


def test_a_sim_served_by_lte_alone_is_reported(open_line: Open) -> None:
    """Texts may need IMS where circuits are denied: a warning beside `ready`.

    There is an alert, too.
    """
    line = open_line(make="qdc507")
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)
    status = json.loads(line.cli("status", "--json"))  # a warning: it ends with 0

    assert [each["code"] for each in status["trouble"]] == ["volte_only"]
    assert "SMS over IP" in status["trouble"][0]["cure"]
    assert "SMS over IP" in line.cli("status")
    verdict, seen = checked(line, "registration")
    assert (verdict, "SMS over IP" in seen) == ("warn", True)
    assert checked(line, "texts")[0] == checked(line, "generation")[0] == "ok"


# Storages


def test_a_union_is_used_without_its_parts(open_line: Open) -> None:
    """A modem without SM and ME has both parts of MT read."""
    line = open_line(offers="SR,MT", sim_size=1, me_size=3)
    for number in (1, 2, 3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    line.start()
    wait_until(lambda: sorted(recorded(line)) == ["1", "2", "3"] and line.settled())

    assert [storage["name"] for storage in line.status()["modem"]["storages"]] == ["MT"]
    assert len(line.submitted()) == 3


def test_a_union_is_not_read_beside_its_parts(open_line: Open) -> None:
    """MT is not listed where SM and ME are offered.

    Nothing is read or answered twice.
    """
    line = open_line(offers="MT,SM,ME", me_size=5)
    line.start()
    line.wait_state("ready")
    for number in (1, 2):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    wait_until(lambda: sorted(recorded(line)) == ["1", "2"] and line.settled())

    assert [storage["name"] for storage in line.status()["modem"]["storages"]] == ["SM", "ME"]
    assert len(line.submitted()) == 2


def test_an_alias_of_a_storage_costs_nothing_while_deletions_work(open_line: Open) -> None:
    """ME is another name of SM; each text is handled once."""
    line = open_line(me_is_sim=True)
    for number in range(6):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    line.start()
    wait_until(lambda: len(recorded(line)) == 6 and line.settled())

    assert line.count("SELECT coalesce(sum(repeats), 0) FROM contacts") == 0
    assert len(line.submitted()) == 6
    assert line.sim.do("counters")["counters"]["+CMGD"] == 6


def test_texts_in_the_other_storage_are_found(open_line: Open) -> None:
    """A modem uses ME because the SIM is full."""
    line = open_line(sim_size=2, me_size=3)
    line.sim.do("habits", overflows=True)
    for number in range(5):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    assert len(entries(line, "ME")) == 3
    line.start()
    wait_until(lambda: sorted(recorded(line)) == list("01234") and line.settled())


def test_a_full_sim_is_drained_before_the_first_answer(open_line: Open) -> None:
    """All texts on the SIM are recorded and deleted at the start."""
    line = open_line(sim_size=3)
    happened = line.sim.watch()
    for number in range(3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    line.start()
    before = []
    for event in happened:
        if event["event"] == "segment":
            break
        before.append(event["event"])

    assert before.count("deleted") == 3


def test_one_refused_deletion_costs_nothing_else(open_line: Open) -> None:
    """The text is answered once, and its neighbours are deleted.

    An event is recorded.
    """
    line = open_line()
    line.sim.do("fault", kind="delete_refused", index=2)
    for number in range(3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    line.start()
    wait_until(lambda: len(line.submitted()) == 3 and list(entries(line, "SM")) == [2])
    line.sim.do("reset_counters")
    line.wait_for("+CMGL", 3)

    assert "+CMGD" not in line.sim.do("counters")["counters"]
    assert sorted(recorded(line)) == ["0", "1", "2"]
    assert len(line.submitted()) == 3
    assert line.rows("SELECT detail FROM events WHERE kind = 'delete_refused'") == [('{"storage": "SM", "index": 2}',)]
    assert json.loads(line.cli("status", "--json"))["modem"]["undeletable"] == 1


def test_another_text_at_an_undeleted_index_is_another_text(open_line: Open) -> None:
    """The index is read anew and may be deleted at once."""
    line = open_line()
    line.sim.do("fault", kind="delete_refused", index=1, count=1)
    line.sim.do("store", pdu=PDU, index=1)
    line.start()
    wait_until(lambda: len(line.submitted()) == 1)
    line.sim.do("store", pdu=OTHER_PDU, index=1)
    wait_until(lambda: len(line.submitted()) == 2 and not entries(line, "SM"))

    assert recorded(line) == ["hello", "hello"]
    wait_until(lambda: line.status()["modem"]["undeletable"] == 0)


def test_nothing_is_deleted_by_an_index_from_before_a_reset(open_line: Open) -> None:
    """A reset during a listing may move texts without changing settings."""
    line = open_line(make="qualcomm", factory=["E=0", "+CNMI=2,1,0,1,0", "+CSMS=1", "+CMEE=1"])
    line.sim.do("habits", renumbers=True)
    for number in range(3):
        line.sim.do("deliver", from_=f"+3247000000{number}", text=str(number))
    line.sim.do("fault", kind="interrupt_listing", lines=2, count=1)
    line.start()
    wait_until(lambda: len(recorded(line)) == 3 and line.settled())

    assert sorted(recorded(line)) == ["0", "1", "2"]


def test_deletions_end_when_the_modem_restarts(open_line: Open) -> None:
    """The reported restart protects entries that were listed before it."""
    line = open_line(sim_size=3)
    line.sim.do("store", pdu=PDU, index=1)
    with driver(line) as modem:
        modem.initialise()
        assert [entry.pdu for entry in modem.storages.list("SM").entries] == [PDU]
        line.sim.do("reset")
        modem.exchange.listen(5.0)
        with pytest.raises(ModemError, match="has restarted"):
            modem.storages.delete("SM", 1)
    assert entries(line, "SM") == {1: PDU}


@pytest.mark.parametrize("make", ["cinterion", "u-blox"])
def test_words_about_an_unchanged_sim_do_not_disturb_deletions(open_line: Open, make: str) -> None:
    """The word costs one question and no recovery."""
    line = open_line(make=make, sim_size=20)
    for number in range(20):
        line.sim.do("deliver", from_=f"+324700000{number:02}", text=str(number))
    line.start()
    wait_until(lambda: len(recorded(line)) == 20 and not entries(line, "SM"))

    assert "has restarted" not in line.log_path.read_text()


def test_nothing_is_deleted_from_another_sim(open_line: Open) -> None:
    """The modem reports its SIM; another one makes listed entries invalid."""
    line = open_line(make="cinterion")
    line.sim.do("store", pdu=PDU, index=1)
    with driver(line) as modem:
        modem.initialise()
        assert [entry.pdu for entry in modem.storages.list("SM").entries] == [PDU]
        line.sim.do("sim", absent=True, imsi="206019999999999")
        line.sim.do("sim", absent=False)
        modem.exchange.listen(5.0)
        with pytest.raises(ModemError, match="has restarted"):
            modem.storages.delete("SM", 1)
    assert entries(line, "SM") == {1: PDU}


@pytest.mark.parametrize("make", ["generic", "zte"])
def test_a_storage_without_listing_is_read_index_by_index(open_line: Open, make: str) -> None:
    """An index that hangs is passed over from then on; drafts are known without status."""
    line = open_line(make=make, sim_size=4, me_size=0)
    first = MAKES[make].first_index
    for index, (pdu, status) in enumerate([(PDU, 0), (draft(), 2), (OTHER_PDU, 1)], first):
        line.sim.do("store", pdu=pdu, index=index, status=status)
    line.sim.do("fault", kind="error", command="+CMGL", cms=303)
    with driver(line, patience=1.0) as modem:
        modem.sim_state()
        modem.initialise()
        line.sim.do("fault", kind="hang", command="+CMGR", after=first + 1, count=1)  # indexes are read from 0
        assert not modem.storages.list("SM").complete
        found = [modem.storages.read_next_slot("SM") for _slot in range(first + 1)]
        with pytest.raises(ModemSilentError):
            modem.storages.read_next_slot("SM")
        modem.exchange.resynchronise()
        assert not modem.storages.list("SM").complete
        while modem.storages.has_slots_to_read("SM"):
            found.append(modem.storages.read_next_slot("SM"))

        assert [(entry.index, entry.status < 2) for entry in found if entry] == [(first, True), (first + 2, True)]
        assert dict(modem.storages.hidden) == {"SM": 1}


def test_a_storage_that_hangs_when_listed_is_served(open_line: Open) -> None:
    """Two failed listings lead to reading by index, without loss."""
    line = open_line(sim_size=3)
    line.sim.do("fault", kind="truncate_listing", lines=0)
    line.start(BRISK)
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: recorded(line) == ["coucou"] and line.settled(), seconds=2 * PATIENCE_SECONDS)

    assert [text["recipient"] for text in line.submitted()] == ["+32470000001"]


def test_drafts_are_neither_contacts_nor_deleted(open_line: Open) -> None:
    """Stored drafts stay where they are, in either storage."""
    line = open_line(make="zte")
    line.sim.do("store", pdu=draft(), storage="SM", status=2)
    line.sim.do("store", pdu=draft(), storage="ME", status=3)
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    line.start()
    wait_until(line.submitted)

    assert recorded(line) == ["coucou"]
    assert list(entries(line, "SM").values()) == list(entries(line, "ME").values()) == [draft()]


# Direct delivery and status reports


@pytest.mark.parametrize("make", ["quectel", "wavecom"])
def test_a_directly_delivered_text_is_recorded_and_acknowledged(open_line: Open, make: str) -> None:
    """The text is stored nowhere else; some makes cannot acknowledge."""
    line = open_line(make=make)
    line.start()
    line.wait_state("ready")
    if make == "quectel":
        line.sim.do("deliver", from_="+32470000001", text="coucou", class_=0)
    else:
        line.sim.do("say", line=f"+CMT: ,{len(PDU) // 2 - 8}\r\n{PDU}")
    wait_until(lambda: line.submitted() and line.settled())

    assert len(recorded(line)) == 1
    assert line.sim.do("state")["unacknowledged"] is None
    assert line.sim.do("counters")["counters"].get("+CNMA", 0) == (make == "quectel")


def test_a_stored_copy_of_a_direct_delivery_is_a_repeat(open_line: Open) -> None:
    """The two copies are one contact with one answer."""
    line = open_line(make="u-blox")
    line.start()
    line.wait_state("ready")
    (pdu,) = line.sim.do("deliver", from_="+32470000001", text="coucou", class_=0)["pdus"]
    wait_until(line.submitted)
    line.sim.do("store", pdu=pdu)
    wait_until(lambda: not entries(line, "SM") and line.count("SELECT coalesce(sum(repeats), 0) FROM contacts") == 1)

    assert recorded(line) == ["coucou"]
    assert len(line.submitted()) == 1


def test_an_unacknowledged_text_is_not_answered_twice(open_line: Open) -> None:
    """The network delivers an unacknowledged text again: one contact, one answer."""
    line = open_line(make="quectel")
    line.sim.do("habits", patience=1)
    line.sim.do("fault", kind="error", command="+CNMA", count=1, cms=500)
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou", class_=0)
    wait_until(lambda: line.count("SELECT coalesce(sum(repeats), 0) FROM contacts") == 1 and line.settled())

    assert recorded(line) == ["coucou"]
    assert len(line.submitted()) == 1


def test_an_unanswered_acknowledgement_makes_no_repeat(open_line: Open) -> None:
    """The modem may not answer it; the text is recorded once."""
    line = open_line(make="quectel")
    line.sim.do("fault", kind="lost_answer", command="+CNMA", count=1)
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou", class_=0)
    line.sim.do("deliver", from_="+32470000002", text="hello")
    wait_until(lambda: len(line.submitted()) == 2 and line.settled(), seconds=2 * PATIENCE_SECONDS)

    assert recorded(line) == ["coucou", "hello"]
    assert line.count("SELECT sum(repeats) FROM contacts") == 0


def test_reports_in_a_storage_of_their_own_are_found(open_line: Open) -> None:
    """Some makes keep status reports in SR."""
    line = open_line(offers="SM,SR")
    line.configure(modem={"delivery_reports": True})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: line.rows(ANSWERS) == [("delivered",)] and line.settled())


@pytest.mark.parametrize(
    ("statuses", "state"),
    [([0x20, 0x00], "delivered"), ([0x00, 0x20], "delivered"), ([0x30], "sent"), ([0x46], "undelivered")],
)
def test_temporary_and_final_reports_differ(open_line: Open, statuses: list[int], state: str) -> None:
    """A temporary report settles nothing, and is ignored after the final one."""
    line = open_line()
    line.configure(modem={"delivery_reports": True})
    line.sim.do("network", report_status=statuses)
    line.start()
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    reports = "SELECT count(*) FROM segments WHERE kind = 'status_report' AND answer_segment_id IS NOT NULL"
    wait_until(lambda: line.count(reports) == len(statuses) and line.settled())

    assert line.rows(ANSWERS) == [(state,)]


@pytest.mark.parametrize("make", ["generic", "sim800"])
def test_a_report_is_matched_after_a_restart(open_line: Open, make: str) -> None:
    """Recipient and reference alone settle an answer of an earlier process.

    The report may be stored or direct.
    """
    line = open_line(make=make)
    line.configure(modem={"delivery_reports": True})
    line.sim.do("network", report_status="none")
    line.start()
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: line.rows(ANSWERS) == [("sent",)])
    line.stop()
    (mr,) = line.rows("SELECT mr FROM answer_segments")[0]
    now = tpdu.decode(line.sim.do("deliver", from_="+32470000009", text="x")["pdus"][0]).scts
    if make == "sim800":  # its direct deliveries are lost while nobody listens
        line.start()
        line.wait_state("ready")
    for recipient in ("+32470000002", "+32470000001"):
        line.sim.do(
            "deliver_pdu", pdu=write_status_report(mr, recipient, now, now, 0x46 if recipient[-1] == "2" else 0)
        )
    if make == "generic":
        line.start()
    wait_until(lambda: line.rows(ANSWERS)[0] == ("delivered",) and line.settled())

    assert line.count("SELECT count(*) FROM segments WHERE answer_segment_id IS NULL AND kind = 'status_report'") == 1
    stored = line.rows("SELECT DISTINCT storage FROM segments WHERE kind = 'status_report'")
    assert stored == [("SM",) if make == "generic" else (None,)]


# The network


def is_shown(line: Line, registration: str) -> bool:
    """Tell whether the status shows this registration."""
    return bool(line.status()["modem"]["registration"] == registration)


@pytest.mark.parametrize("make", ["generic", "quectel"])
def test_the_registration_is_shown(open_line: Open, make: str) -> None:
    """Denied, searching and none differ, and answers wait; roaming is service.

    For one make only +CEREG knows it.
    """
    line = open_line(make=make)
    line.configure(answer={"delay": "2s"})
    line.start()
    line.wait_state("ready")
    line.sim.do("deliver", from_="+32470000001", text="coucou")
    wait_until(lambda: line.rows(ANSWERS), "an answer")
    line.sim.do("reset_counters")
    for registration in ("none", "searching", "denied"):
        line.sim.do("network", registered=registration)
        wait_until(partial(is_shown, line, registration), registration)
        assert line.status()["modem"]["state"] == "unregistered"
    wait_until(lambda: line.rows("SELECT answer_waiting_for FROM log") == [("network",)], "an answer that waits")
    assert line.submitted() == []
    assert "+COPS" not in line.sim.do("counters")["counters"]  # some makes need long to say that there is none
    line.sim.do("network", registered="roaming")
    wait_until(lambda: line.submitted() and line.settled())

    assert (line.status()["modem"]["state"], line.status()["modem"]["registration"]) == ("ready", "roaming")


# USSD


@pytest.mark.parametrize("make", ["generic", "huawei", "qualcomm"])
def test_ussd_in_every_form(open_line: Open, make: str) -> None:
    """USSD is text, packed or UCS-2, also multi-line; menus are cancelled."""
    line = open_line(make=make)
    with driver(line) as modem:
        modem.sim_state()
        modem.initialise()
        for text in ("Solde: 12,34 EUR", "Votre crédit\nest épuisé", "Solde 12,34 €"):
            line.sim.do("ussd", code="*121#", text=text if make != "huawei" else text.replace("\n", " "))
            assert modem.ussd("*121#") == text if make != "huawei" else text.replace("\n", " ")
        line.sim.do("ussd", code="*121#", text="1 Solde", kind="menu")
        assert modem.ussd("*121#") == "1 Solde"
        assert line.sim.do("state")["menu"] is False


def test_failed_ussd_says_why(open_line: Open) -> None:
    """After an error, the next answer belongs to the next question.

    A refusal, a time-out and silence of the network are errors.
    """
    line = open_line()
    with driver(line) as modem:
        modem.initialise()
        for kind in ("error", "timeout"):
            line.sim.do("ussd", code="*121#", kind=kind)
            with pytest.raises(ModemRefusedError):
                modem.ussd("*121#")
        line.sim.do("ussd", code="*121#", kind="silence")
        with pytest.raises(ModemSilentError):
            modem.ussd("*121#", seconds=0.5)
        assert line.sim.do("counters")["counters"]["+CUSD"] == 4
        line.sim.do("network", registered=False)
        with pytest.raises(ModemRefusedError):
            modem.ussd("*121#")
        line.sim.do("network", registered=True)
        line.sim.do("ussd", code="*121#", text="Solde: 1 EUR")
        assert modem.ussd("*121#") == "Solde: 1 EUR"
