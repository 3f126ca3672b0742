"""Habits of modems as others reported them, each with its source, and how driver and daemon react."""

from typing import Any

import pytest
from conftest import BRISK, Line, Open, driver, wait_until

from hotlined.errors import ModemRefusedError
from hotlined.gsm.profiles import STANDARD_CNMI
from hotlined.gsm.responses import REGISTERED, Registration, SimState

PDU = "07912374151616F6040B912374103254F600009621133295950005E8329BFD06"
OTHER_PDU = "07912374151616F6040B912374103255F600009621133295950005E8329BFD06"
MSM_REFUSES = [f"+CNMI={form}" for form in STANDARD_CNMI if form.startswith("2")]


def recorded(line: Line) -> list[str]:
    """Return the originators of the recorded texts."""
    return sorted(number for (number,) in line.rows("SELECT originator FROM contacts"))


def deliver(line: Line, *numbers: str) -> None:
    """Deliver a text from each number."""
    for number in numbers:
        line.sim.do("deliver", from_=number, text="coucou")


def commands(line: Line) -> dict[str, int]:
    """Count the modem's commands by name."""
    return dict(line.sim.do("counters")["counters"])


def polled(line: Line) -> None:
    """Wait until the storages were listed a few times more."""
    line.sim.do("reset_counters")
    line.wait_for("+CMGL", 4)


def troubles(line: Line) -> list[str]:
    """Return the codes of the daemon's troubles."""
    return [each["code"] for each in line.status().get("trouble", [])]


# Storages


def test_a_stick_that_needs_three_memories_is_served(open_line: Open) -> None:
    """The E3372-325 refuses AT+CPMS with one memory.

    It gets three each time, and texts in both storages are read.
    """
    line = open_line(make="brovi")
    line.sim.do("store", pdu=PDU, storage="ME")
    deliver(line, "+32470000001")
    line.configure(modem={"delivery_reports": True})
    line.start()
    wait_until(lambda: line.settled() and len(line.submitted()) == 2)
    deliver(line, "+32470000002")
    wait_until(lambda: line.settled() and len(line.submitted()) == 3)

    assert [(each["name"], each["total"]) for each in line.status()["modem"]["storages"]] == [("SM", 20), ("ME", 20)]
    assert line.status()["modem"]["state"] == "ready"
    assert line.sim.do("state")["memories"][1:] == ["SM", "SM"]  # texts still come to the SIM
    assert line.sim.do("state")["events"]["reset"] == 1


def test_a_stick_that_ignores_cfun_is_reset_by_its_own_command(open_line: Open) -> None:
    """The E3372-325 ignores AT+CFUN=1,1 and is reset by AT^RESET."""
    line = open_line(make="brovi")
    with driver(line) as modem:
        assert modem.profile.name == "brovi"
        modem.reset()
        line.wait_for("reset", 2)


@pytest.mark.parametrize("cause", [{"cms": 314}, {"cms": 515}, {"cms": None, "cme": 14}])
def test_a_storage_that_is_busy_at_the_start_is_asked_again(open_line: Open, cause: dict[str, Any]) -> None:
    """A SIM that is still being read refuses to be selected."""
    line = open_line(me_size=10)
    line.sim.do("fault", kind="storage_refused", storage="SM", **cause)
    deliver(line, "+32470000001")
    line.sim.do("store", pdu=PDU, storage="ME")
    line.start(BRISK)
    wait_until(lambda: recorded(line) == ["+32470123456"])
    wait_until(lambda: "storage_unread" in troubles(line), "the storage as trouble")
    assert "SM" in line.trouble()
    line.sim.do("clear")
    wait_until(lambda: len(recorded(line)) == 2 and line.settled())
    wait_until(lambda: troubles(line) == [])

    assert {each["name"] for each in line.status()["modem"]["storages"]} == {"SM", "ME"}
    assert line.sim.do("state")["events"]["reset"] == 1


def test_a_sim_that_is_busy_after_its_pin_is_waited_for(open_line: Open) -> None:
    """An Alcatel X030 refuses its storage with 314 for half a minute.

    That is not a trouble.
    """
    line = open_line(make="x030", pin="48151")
    line.sim.do("fault", kind="storage_refused", storage="SM", cms=314)
    line.configure(modem={"pin": "48151"})
    line.start()
    wait_until(lambda: "The SIM is still busy (+CMS ERROR: 314)" in line.trouble())
    assert line.status()["modem"]["state"] == "starting"
    line.wait_for("+CPMS", 12)  # three in each attempt
    line.sim.do("clear")
    line.wait_state("ready")

    assert line.sim.do("state")["events"]["reset"] == 1
    assert "recovering" not in line.log_path.read_text()


def test_a_storage_that_can_never_be_selected_is_skipped(open_line: Open) -> None:
    """A make may offer a storage that it does not know.

    The other storage serves it, without a trouble.
    """
    line = open_line(make="huawei-e352")
    deliver(line, "+32470000001")
    line.start()
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)
    assert line.sim.do("state")["events"]["reset"] == 1
    polled(line)

    assert line.status()["modem"]["state"] == "ready"
    assert troubles(line) == []
    line.sim.do("say", line='+CMTI: "ME",1')
    wait_until(lambda: [each["name"] for each in line.status()["modem"]["storages"]] == ["MT"])
    assert troubles(line) == []


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_texts_that_come_to_an_unlisted_storage_are_reported(open_line: Open, when: str) -> None:
    """The third storage of AT+CPMS? receives texts but cannot be listed.

    The trouble stays as long as it is so.
    """
    line = open_line()
    if when == "later":
        line.start()
        line.wait_state("ready")
        assert troubles(line) == []
    line.sim.do("fault", kind="rewrites", command="+CPMS", old='"SM"(,[0-9]+,[0-9]+)$', new=r'"TA"\1')
    if when == "at the start":
        line.start()
    wait_until(lambda: troubles(line) == ["storage_unread"])
    polled(line)

    assert troubles(line) == ["storage_unread"]
    assert "TA" in line.trouble()
    assert "No phone shows" in line.trouble()


def test_texts_in_an_unoffered_storage_are_found(open_line: Open) -> None:
    """AT+CPMS? may name a third storage that AT+CPMS=? does not offer."""
    line = open_line(make="cinterion-mt")
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new='+CPMS: ("ME"),("ME"),("ME")')
    line.sim.do("store", pdu=PDU, storage="SM")
    line.start()
    wait_until(lambda: recorded(line) == ["+32470123456"] and line.settled())

    assert troubles(line) == []
    assert [each["name"] for each in line.status()["modem"]["storages"]] == ["MT"]


def test_noise_does_not_add_a_storage(open_line: Open) -> None:
    """An impossible storage name causes a listing, no trouble (esphome, 4425)."""
    line = open_line()
    line.start()
    line.wait_state("ready")
    line.sim.do("reset_counters")
    line.sim.do("say", line='+CMTI: "SL",1     ')
    polled(line)

    assert commands(line).get("+CPMS", 0) <= 1  # one occasional question
    assert troubles(line) == []


def test_the_storage_for_new_texts_is_chosen_once(open_line: Open) -> None:
    """Refusals of both storages for a while do not change it."""
    line = open_line(me_size=10)
    with driver(line) as modem:
        modem.initialise()
        for storage in ("SM", "ME"):
            line.sim.do("fault", kind="storage_refused", storage=storage, cms=500)
        for storage in ("SM", "ME"):
            with pytest.raises(ModemRefusedError):
                modem.storages.require_selection(storage)
        line.sim.do("clear")
        for storage in ("ME", "SM"):
            modem.storages.require_selection(storage)
            assert line.sim.do("state")["memories"][1:] == ["SM", "SM"]


def test_a_notification_adds_a_storage(open_line: Open) -> None:
    """An E3531 announces texts in a storage not offered (gammu, 369)."""
    line = open_line(me_size=10)
    line.configure(modem={"poll_interval": "10m"})
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new='+CPMS: ("SM"),("SM"),("SM")')
    line.start()
    line.wait_state("ready")
    line.sim.do("store", pdu=PDU, storage="ME", index=1)
    line.sim.do("say", line='+CMTI: "ME",1')
    wait_until(lambda: recorded(line) == ["+32470123456"] and line.settled())


def test_an_announced_storage_that_cannot_be_read_is_reported(open_line: Open) -> None:
    """A union of storages that are read is no trouble."""
    line = open_line(offers="SM,ME,MT", me_size=10)
    line.start()
    line.wait_state("ready")
    line.sim.do("say", line='+CMTI: "MT",1')
    line.sim.do("say", line='+CMTI: "SM_P",1')
    wait_until(lambda: troubles(line) == ["storage_unread"])

    assert "SM_P" in line.trouble()
    assert [each["name"] for each in line.status()["modem"]["storages"]] == ["SM", "ME"]


OFFERED = (
    ('("SM","ME"), ("SM","ME"), ("SM","ME")', ["SM", "ME"]),  # gammu, tests/at-cpms/generic
    ('(ME", "SR"), ("ME", "SR"), ("ME")', ["ME", "SM"]),  # gammu, tests/at-cpms-sr/generic
    ('"SM","SM","SM"', ["SM", "ME"]),  # gammu, tests/at-cpms-sm/iwow
    (
        '("SM", "ME", "SM_P", "ME_P", "MT"), ("SM", "ME", "SM_P", "ME_P", "MT")',
        ["SM", "ME"],
    ),  # gammu, tests/at-cpms/alcatel-s320
    ("", ["SM", "ME"]),  # gammu, tests/at-cpms/samsung-j700
    ('("SR","SM")', ["SM", "ME"]),
    ('("ME","MT"),("ME","SM","MT"),("SM","MT")', ["MT"]),  # ModemManager, test_cpms_response_cinterion
    ('("ME","MT"),"ME",("SM")', ["MT"]),  # ModemManager, test_cpms_response_mixed
    ('    (  "ME"  ,  "MT"  )   ,  "ME" ,   (  "SM"  )', ["MT"]),  # the same, spaces
    ('("MT","SM","ME"),("MT","SM","ME"),("MT","SM")', ["SM", "ME"]),  # a Siemens MC35i
    ('("SM","MT"),("SM","MT"),("SM","MT")', ["SM", "ME"]),
    ('("ME","SM","MT"', ["SM", "ME"]),  # cut short
    ("(),(),()", ["SM", "ME"]),  # ModemManager, test_cpms_response_nokia_c6
)
"""Answers to AT+CPMS=?, and the storages that are then listed."""


def test_offered_storages_are_read_in_every_form(open_line: Open) -> None:
    """Every known form of the answer to AT+CPMS=? is understood; of SM and ME the one not offered is tried, too."""
    line = open_line(offers="SM,ME,MT", me_size=10)
    for offered, chosen in OFFERED:
        form = f"+CPMS: {offered}"
        line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new=form, count=1)
        with driver(line) as modem:
            modem.initialise()
            assert list(modem.storages.names) == chosen, offered


@pytest.mark.parametrize("cms", [320, 321, 500])
def test_an_empty_storage_may_refuse_its_listing(open_line: Open, cms: int) -> None:
    """Phonesim and some phones do so; no recovery begins."""
    line = open_line()
    line.sim.do("fault", kind="empty_refused", cms=cms)
    line.start(BRISK)
    line.wait_state("ready")
    line.sim.do("reset_counters")
    line.wait_for("+CMGL", 4)
    deliver(line, "+32470000001")
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)
    line.wait_for("+CMGL", 8)

    assert line.status()["modem"]["steps"] == 0
    assert "recovering" not in line.log_path.read_text()


def test_a_refused_listing_of_a_filled_storage_leads_to_its_slots(open_line: Open) -> None:
    """The same refusal from a storage with entries says nothing about them: the slots do."""
    line = open_line()
    deliver(line, "+32470000001")
    line.sim.do("fault", kind="error", command="+CMGL", cms=321, count=1)
    with driver(line) as modem:
        modem.initialise()
        assert modem.storages.list("SM")[:3] == ("SM", (), False)
        assert [bool(modem.storages.read_next_slot("SM")) for _slot in range(2)] == [False, True]
        assert not modem.storages.has_slots_to_read("SM")
        assert len(modem.storages.list("SM").entries) == 1


# Registration


REGISTRATIONS = {
    "home_sms": Registration.HOME,
    "roaming_sms": Registration.ROAMING,
    "home_no_csfb": Registration.HOME,
    "roaming_no_csfb": Registration.ROAMING,
    "emergency": Registration.DENIED,
    "emergency_lte": Registration.DENIED,
}


@pytest.mark.parametrize("question", ["+CREG", "+CGREG", "+CEREG", "+C5GREG"])
def test_each_state_of_registration_is_known(open_line: Open, question: str) -> None:
    """Texts alone, or no calls over LTE, count as registered.

    Registered for emergencies alone counts as denied.
    """
    line = open_line()
    line.sim.do("habits", registers=[question])
    with driver(line) as modem:
        modem.initialise()
        for name, registration in REGISTRATIONS.items():
            line.sim.do("network", registered=name)
            assert modem.network().registration is registration, name


@pytest.mark.parametrize("question", ["+CREG", "+CGREG", "+CEREG", "+C5GREG"])
def test_an_lte_modem_for_emergencies_alone_is_denied(open_line: Open, question: str) -> None:
    """An A7670E without a subscription reports 0,11 for minutes."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command=question, old=r"(\d),\d.*", new=r"\1,11")
    line.sim.do("habits", registers=[question])
    with driver(line) as modem:
        modem.initialise()
        assert modem.network().registration is Registration.DENIED


def test_an_unsolicited_registration_in_the_form_of_an_answer_is_read(open_line: Open) -> None:
    """An MD400 sends such a line amid AT+CREG?, too.

    The state is the second number in both.
    """
    line = open_line()
    urc = '+CREG: 2,5,"0502","0404736D"'
    with driver(line) as modem:
        modem.initialise()
        line.sim.do("fault", kind="urc_inside", command="+CREG", urc=urc, at=0, count=1)
        assert modem.network().registration is Registration.ROAMING
        assert modem.network().registration is Registration.HOME


def test_a_state_with_leading_zeros_is_a_state(open_line: Open) -> None:
    """An Iridium modem reports 001 for 1 (ModemManager, test_creg2_iridium_solicited)."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CREG", old=r"(\d),(\d).*", new=r'002,00\2,"0001","0010"')
    with driver(line) as modem:
        modem.initialise()
        assert modem.network().registration in REGISTERED


@pytest.mark.parametrize(("registered", "kind"), [("searching", "hang"), ("searching", "slow"), ("none", "hang")])
def test_a_delayed_answer_without_network_causes_no_reset(open_line: Open, registered: str, kind: str) -> None:
    """Some makes delay AT+COPS? until a network is found.

    Texts are read meanwhile.
    """
    line = open_line()
    line.sim.do("network", registered=registered)
    line.sim.do("fault", kind=kind, command="+COPS", **({"seconds": 60.0} if kind == "slow" else {}))
    deliver(line, "+32470000001")
    line.sim.do("store", pdu=PDU)
    line.start(BRISK)
    line.wait_state("unregistered")
    wait_until(lambda: len(recorded(line)) == 1)

    assert line.status()["modem"]["steps"] == 0


# The SIM


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ('"READY"', SimState.READY),
        ('"SIM PIN"', SimState.PIN),
        ("SIM PIN2", SimState.READY),
        ("SIM PUK2", SimState.READY),
        ("NOT INSERTED", SimState.ABSENT),
        ("SIM REMOVED", SimState.ABSENT),
        ("SIM PUK", SimState.PUK),
        ("NOT READY", SimState.OTHER),
        ("PH-NET PIN", SimState.LOCKED),
        ("PH-SP PUK", SimState.LOCKED),
    ],
)
def test_the_state_of_the_sim_is_understood(open_line: Open, words: str, state: SimState) -> None:
    """Quotes change nothing, and PIN2 locks nothing that is used.

    A SIM that is not inserted is absent; words that begin with PH- are about a lock of the modem.
    """
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CPIN", old="READY", new=words)
    with driver(line) as modem:
        assert modem.sim_state()[0] is state


def test_an_unknown_state_of_the_sim_is_logged(open_line: Open) -> None:
    """The log has it once, in the modem's words."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CPIN", old="READY", new="NOT READY")
    line.start()
    line.wait_for("+CPIN", 3)
    wait_until(lambda: "NOT READY" in line.trouble())

    assert line.log_path.read_text().count("NOT READY") == 1


@pytest.mark.parametrize(
    ("old", "new", "number"),
    [
        (r'"",', ",", "+32460209399"),  # ModemManager, test_cnum_response_generic_without_detail
        (r'"",(.*)', r"something,\1", "+32460209399"),  # the same, detail unquoted
        (r'""', r'"a, ""b"', "+32460209399"),
        (r',"(.*)",145', r",\1,145,,4", "+32460209399"),
        (r".*", '+CNUM: ,"+358501234567",145,,4', "+358501234567"),  # oFono's phonesim
        (r".*", "+CNUM: ,,", ""),
        (r".*", "+CNUM:", ""),
    ],
)
def test_the_own_number_is_read_with_or_without_a_name(open_line: Open, old: str, new: str, number: str) -> None:
    """The second field of +CNUM is the number, whatever others have."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CNUM", old=old, new=new)
    with driver(line) as modem:
        assert modem.initialise().own_number == number


def test_the_first_of_several_own_numbers_counts(open_line: Open) -> None:
    """A SIM with several numbers lists its own first (ModemManager, test_cnum_response_generic_multiple_numbers)."""
    line = open_line()
    several = '+CNUM: something,"+34600000001",145\r\n+CNUM: ,"+34600000002",145\r\n+CNUM: "another","1234567890",161'
    line.sim.do("fault", kind="rewrites", command="+CNUM", old=".+", new=several)
    with driver(line) as modem:
        assert modem.initialise().own_number == "+34600000001"


def test_the_line_does_not_answer_its_own_number(open_line: Open) -> None:
    """The number is known even from a +CNUM without a name."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CNUM", old=r'"",', new=",")
    line.start()
    line.wait_state("ready")
    deliver(line, "+32460209399")
    wait_until(lambda: line.rows("SELECT reason FROM contacts") == [("own_number",)])


@pytest.mark.parametrize(
    ("old", "new", "centre"),
    [
        ('"', "", "+32475161616"),  # a Motorola, gammu, tests/at-smsc/01
        (r"\+CSCA: .*", '+CSCA: "",129', ""),  # gammu, tests/at-smsc-failing/04
        (r"\+CSCA: .*", "+CSCA:", None),
        (r"\+CSCA: .*", "+CSCA: ,", None),
    ],
)
def test_the_service_centre_is_read_or_unknown(open_line: Open, old: str, new: str, centre: str | None) -> None:
    """An unreadable centre is unknown; only an empty one is missing."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CSCA", old=old, new=new)
    with driver(line) as modem:
        assert modem.service_centre() == centre


# Alphabets


@pytest.mark.parametrize("left", ["UCS2", "GSM"])
def test_a_foreign_character_set_is_replaced(open_line: Open, left: str) -> None:
    """ModemManager and gammu leave UCS2 set; the driver sets IRA.

    Number, operator and credit are read with it.
    """
    line = open_line(charset=left)
    with driver(line) as modem:
        identification = modem.initialise()
        assert line.sim.do("state")["charset"] == "IRA"
        assert identification.own_number == "+32460209399"
        assert identification.service_centre == "+32475161616"
        assert modem.network().operator == "Proximus"
        assert modem.ussd("*100#") == "Solde: 12,34 EUR"
        modem.verify()
        modem.exchange.run('AT+CSCS="UCS2"')
        with pytest.raises(ModemRefusedError, match="does not keep"):
            modem.verify()


def test_the_gsm_alphabet_is_second_best(open_line: Open) -> None:
    """A make without IRA has é at 5 and @ at 0."""
    line = open_line(lacks=['+CSCS="IRA"'])
    with driver(line) as modem:
        modem.initialise()
        assert line.sim.do("state")["charset"] == "GSM"
        line.sim.do("ussd", code="*100#", text="crédit: 5 EUR à @moi")
        assert modem.ussd("*100#") == "crédit: 5 EUR à @moi"


# Notifications


def test_a_stick_that_refuses_an_offered_mode_still_reports(open_line: Open) -> None:
    """MSM sticks refuse mode 2 of +CNMI; mode 1 serves them."""
    line = open_line(lacks=MSM_REFUSES)
    line.configure(modem={"delivery_reports": True})
    line.start()
    line.wait_state("ready")
    deliver(line, "+32470000001")
    wait_until(lambda: line.rows("SELECT state FROM answers") == [("delivered",)])

    assert line.sim.do("state")["settings"]["+CNMI"][:2] == [1, 1]
    assert troubles(line) == []


def test_impossible_status_reports_are_reported(open_line: Open) -> None:
    """No form of +CNMI with reports works: `delivery_reports: true` is vain."""
    line = open_line(lacks=[f"+CNMI={form}" for form in STANDARD_CNMI if form.split(",")[3:4] not in (["0"], [])])
    line.configure(modem={"delivery_reports": True})
    line.start()
    line.wait_state("ready")
    wait_until(lambda: troubles(line) == ["no_reports"])
    line.configure(modem={"delivery_reports": False})
    line.cli("config", "check")
    line.stop()
    line.start()
    line.wait_state("ready")
    assert troubles(line) == []


def test_a_modem_that_delivers_directly_is_served(open_line: Open) -> None:
    """Android keeps 1,2,2,1,1 and refuses our +CNMI; its texts are acknowledged."""
    line = open_line(lacks=[f"+CNMI={form}" for form in STANDARD_CNMI], factory=["+CNMI=1,2,2,1,1"])
    line.start()
    line.wait_state("ready")
    deliver(line, "+32470000001", "+32470000002")
    wait_until(lambda: line.settled() and len(line.submitted()) == 2)

    assert commands(line)["+CNMA"] == 2
    assert line.sim.do("state")["unacknowledged"] is None
    assert line.sim.do("state")["events"]["reset"] == 1


# Getting through to the parser


@pytest.mark.parametrize("lines", ["silent", "refused"])
def test_the_first_word_is_understood_by_every_parser(open_line: Open, lines: str) -> None:
    """Parsers judging a line's first two letters need one probe without ESC."""
    line = open_line()
    line.sim.do("habits", lines=lines)
    deliver(line, "+32470000001")
    line.start(BRISK)
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)

    assert line.sim.do("state")["events"]["reset"] == 1


def test_settings_refused_by_a_busy_sim_are_set_later(open_line: Open) -> None:
    """A starting modem refuses settings; the next poll sets them."""
    line = open_line()
    line.sim.do("fault", kind="error", command="+CLIP", cms=None, cme=14, count=1)
    line.sim.do("fault", kind="error", command="+CNMI", cms=515, count=len(STANDARD_CNMI))
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.sim.do("state")["settings"]["+CNMI"][:2] == [2, 1], "texts that are announced")

    assert line.sim.do("state")["settings"]["+CLIP"] == [1]
    assert line.status()["modem"]["steps"] == 0


def test_a_notification_reads_a_busy_storage_at_once(open_line: Open) -> None:
    """The next poll is not awaited once +CMTI names the SIM."""
    line = open_line(me_size=10)
    line.configure(modem={"poll_interval": "10m"})
    line.sim.do("fault", kind="storage_refused", storage="SM", cms=314)
    line.start()
    line.wait_state("ready")
    wait_until(lambda: troubles(line) == ["storage_unread"])
    line.sim.do("clear")
    line.sim.do("store", pdu=PDU, storage="SM")
    line.sim.do("say", line='+CMTI: "SM",1')
    wait_until(lambda: recorded(line) == ["+32470123456"] and line.settled())


def test_a_modem_that_keeps_echoing_is_served(open_line: Open) -> None:
    """Android's emulated modem refuses ATE0 and echoes each command."""
    line = open_line(lacks=["E"])
    deliver(line, "+32470000001")
    line.start(BRISK)
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)

    assert line.sim.do("state")["events"]["reset"] == 1
