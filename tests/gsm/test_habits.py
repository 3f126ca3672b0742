"""Habits of modems that nobody here wrote: each as its source has it, and what the driver and the daemon make of it."""

from typing import Any

import pytest
from conftest import Line, Open, driver, wait_until

from hotlined.errors import ModemRefusedError
from hotlined.gsm.at import Final, Information
from hotlined.gsm.profiles import STANDARD_CNMI
from hotlined.gsm.responses import REGISTERED, Registration, SimState, entry_of, is_busy, signal_percent

PDU = "07912374151616F6040B912374103254F600006211422200000005E8329BFD06"
OTHER_PDU = "07912374151616F6040B912374103255F600006211422200000005E8329BFD06"
MSM_REFUSES = [f"+CNMI={form}" for form in STANDARD_CNMI if form.startswith("2")]


def recorded(line: Line) -> list[str]:
    """Return who wrote the texts that are recorded."""
    return sorted(number for (number,) in line.rows("SELECT originator FROM contacts"))


def deliver(line: Line, *numbers: str) -> None:
    """Let numbers write a text each."""
    for number in numbers:
        line.sim.do("deliver", from_=number, text="coucou")


def commands(line: Line) -> dict[str, int]:
    """Count the commands that the modem was given, by name."""
    return dict(line.sim.do("counters")["counters"])


def polled(line: Line) -> None:
    """Wait until the storages were listed a few times more."""
    line.sim.do("reset_counters")
    line.sim.do("wait", for_="+CMGL", count=4, timeout=60)


def troubles(line: Line) -> list[str]:
    """Return the codes of what the daemon says is wrong."""
    return [each["code"] for each in line.status().get("trouble", [])]


# Storages


def test_a_stick_that_takes_three_memories_alone_is_served(open_line: Open) -> None:
    """The E3372-325 refuses AT+CPMS with one memory: it gets three each time, and what lies in either is read."""
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
    assert line.sim.do("state")["memories"][1:] == ["SM", "SM"]  # what comes goes on going to the SIM
    assert line.sim.do("state")["events"]["reset"] == 1


def test_that_stick_is_reset_by_a_command_that_it_obeys(open_line: Open) -> None:
    """AT+CFUN=1,1 does nothing to it, so it is reset by AT^RESET."""
    line = open_line(make="brovi")
    with driver(line) as modem:
        assert modem.profile.name == "brovi"
        modem.reset()
        line.sim.do("wait", for_="reset", count=2)


@pytest.mark.parametrize(
    ("said", "percent"), [("0,0", 0), ("31,99", 100), ("16,0", 52), ("32,0", None), ("99,99", None)]
)
def test_a_signal_is_a_percentage_or_unknown(said: str, percent: int | None) -> None:
    """27.007 8.5: 0 to 31 are a strength, 99 is none."""
    assert signal_percent(said) == percent


@pytest.mark.parametrize(("octets", "is_read"), [(3, True), (2, False), (4, False)])
def test_an_entry_whose_length_is_wrong_is_not_read(octets: int, is_read: bool) -> None:
    """27.005 3.4.2: the header says how long the PDU is; one that lost or won octets on its way is listed again."""
    line = Information(f"+CMGL: 1,0,,{octets}", "00010203")

    assert (entry_of(line) is not None) is is_read


@pytest.mark.parametrize("says", ["+CMS ERROR: 314", "+CMS ERROR: 515", "+CME ERROR: 14", "+CME ERROR: SIM busy"])
def test_a_modem_that_is_busy_is_no_modem_that_refuses(says: str) -> None:
    """The SIM is busy, or the modem is still starting: it is asked again; other causes are refusals."""
    assert is_busy(Final(says))
    assert not is_busy(Final(says.replace("14", "13").replace("515", "516").replace("busy", "failure")))


@pytest.mark.parametrize("cause", [{"cms": 314}, {"cms": 515}, {"cms": None, "cme": 14}])
def test_a_storage_that_is_busy_at_the_start_is_asked_again(open_line: Open, cause: dict[str, Any]) -> None:
    """A SIM that is still read refuses to be selected: what lies on it comes in as soon as it does not any more."""
    line = open_line(me_size=10)
    line.sim.do("fault", kind="storage_refused", storage="SM", **cause)
    deliver(line, "+32470000001")
    line.sim.do("store", pdu=PDU, storage="ME")
    line.start()
    wait_until(lambda: recorded(line) == ["+32470123456"])
    wait_until(lambda: "storage_unread" in troubles(line), "the storage as trouble")
    assert "SM" in line.trouble()
    line.sim.do("clear")
    wait_until(lambda: len(recorded(line)) == 2 and line.settled())
    wait_until(lambda: troubles(line) == [])

    assert {each["name"] for each in line.status()["modem"]["storages"]} == {"SM", "ME"}
    assert line.sim.do("state")["events"]["reset"] == 1


def test_a_sim_that_is_busy_after_its_pin_is_waited_for(open_line: Open) -> None:
    """An Alcatel X030 refuses its storage with 314 for half a minute: that is a start, and nothing is wrong with it."""
    line = open_line(make="x030", pin="48151")
    line.sim.do("fault", kind="storage_refused", storage="SM", cms=314)
    line.configure(modem={"pin": "48151"})
    line.start()
    wait_until(lambda: "The SIM is still busy (+CMS ERROR: 314)" in line.trouble())
    assert line.status()["modem"]["state"] == "starting"
    line.sim.do("wait", for_="+CPMS", count=12, timeout=60)  # three a try
    line.sim.do("clear")
    line.wait_state("ready")

    assert line.sim.do("state")["events"]["reset"] == 1
    assert "recovering" not in line.log_path.read_text()


def test_a_storage_that_never_can_be_selected_keeps_nothing_from_being_served(open_line: Open) -> None:
    """A make that offers what it then does not know is served from the other storage, and nothing is wrong."""
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
def test_texts_that_come_where_nothing_is_listed_are_told(open_line: Open, when: str) -> None:
    """The third role of AT+CPMS? is where texts come to: one that cannot be listed is told for as long as it is so."""
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


def test_texts_that_come_where_nothing_is_offered_are_found(open_line: Open) -> None:
    """A storage that is not offered and has the third role of AT+CPMS? is listed."""
    line = open_line(make="cinterion-mt")
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new='+CPMS: ("ME"),("ME"),("ME")')
    line.sim.do("store", pdu=PDU, storage="SM")
    line.start()
    wait_until(lambda: recorded(line) == ["+32470123456"] and line.settled())

    assert troubles(line) == []
    assert [each["name"] for each in line.status()["modem"]["storages"]] == ["MT"]


def test_noise_makes_no_storage(open_line: Open) -> None:
    """A notification that names what no storage is called lets texts be listed, and is no trouble (esphome, 4425)."""
    line = open_line()
    line.start()
    line.wait_state("ready")
    line.sim.do("reset_counters")
    line.sim.do("say", line='+CMTI: "SL",1     ')
    polled(line)

    assert commands(line).get("+CPMS", 0) <= 1  # what is asked now and then
    assert troubles(line) == []


def test_texts_go_on_coming_to_the_sim_after_both_storages_were_refused(open_line: Open) -> None:
    """Which storage texts come to is chosen once: what is refused for a while changes nothing in it."""
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


def test_a_notification_brings_a_storage_in(open_line: Open) -> None:
    """A storage that is not offered is read once +CMTI says that a text lies there, as an E3531 does (gammu, 369)."""
    line = open_line(me_size=10)
    line.configure(modem={"poll_interval": "10m"})
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new='+CPMS: ("SM"),("SM"),("SM")')
    line.start()
    line.wait_state("ready")
    line.sim.do("store", pdu=PDU, storage="ME", index=1)
    line.sim.do("say", line='+CMTI: "ME",1')
    wait_until(lambda: recorded(line) == ["+32470123456"] and line.settled())


def test_a_storage_that_is_named_and_cannot_be_read_is_told(open_line: Open) -> None:
    """A text in a storage that cannot be selected is trouble; a union of what is read is none."""
    line = open_line(offers="SM,ME,MT", me_size=10)
    line.start()
    line.wait_state("ready")
    line.sim.do("say", line='+CMTI: "MT",1')
    line.sim.do("say", line='+CMTI: "SM_P",1')
    wait_until(lambda: troubles(line) == ["storage_unread"])

    assert "SM_P" in line.trouble()
    assert [each["name"] for each in line.status()["modem"]["storages"]] == ["SM", "ME"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ('("SM","ME"), ("SM","ME"), ("SM","ME")', ["SM", "ME"]),  # gammu, tests/at-cpms/generic
        ('(ME", "SR"), ("ME", "SR"), ("ME")', ["ME"]),  # gammu, tests/at-cpms-sr/generic
        ('"SM","SM","SM"', ["SM"]),  # gammu, tests/at-cpms-sm/iwow
        (
            '("SM", "ME", "SM_P", "ME_P", "MT"), ("SM", "ME", "SM_P", "ME_P", "MT")',
            ["SM", "ME"],
        ),  # gammu, tests/at-cpms/alcatel-s320
        ("", ["SM"]),  # gammu, tests/at-cpms/samsung-j700
        ('("SR","SM")', ["SM"]),
        ('("ME","MT"),("ME","SM","MT"),("SM","MT")', ["MT"]),  # ModemManager, test_cpms_response_cinterion
        ('("ME","MT"),"ME",("SM")', ["MT"]),  # ModemManager, test_cpms_response_mixed
        ('    (  "ME"  ,  "MT"  )   ,  "ME" ,   (  "SM"  )', ["MT"]),  # the same, spaces
        ('("MT","SM","ME"),("MT","SM","ME"),("MT","SM")', ["SM", "ME"]),  # a Siemens MC35i
        ('("SM","MT"),("SM","MT"),("SM","MT")', ["SM"]),
        ('("ME","SM","MT"', ["SM", "ME"]),  # cut short
        ("(),(),()", ["SM"]),  # ModemManager, test_cpms_response_nokia_c6
    ],
)
def test_what_is_offered_is_read_as_it_is_written(open_line: Open, offered: str, chosen: list[str]) -> None:
    """The storages for texts are found in every form that AT+CPMS=? was seen in."""
    line = open_line(offers="SM,ME,MT", me_size=10)
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\+CPMS: \(.*", new=f"+CPMS: {offered}", count=1)
    with driver(line) as modem:
        modem.initialise()
        assert list(modem.storages.names) == chosen


@pytest.mark.parametrize("cms", [320, 321, 500])
def test_an_empty_storage_that_is_listed_with_an_error_is_empty(open_line: Open, cms: int) -> None:
    """Phonesim and some phones refuse to list what holds nothing: that climbs no ladder, and texts come in."""
    line = open_line()
    line.sim.do("fault", kind="empty_refused", cms=cms)
    line.start()
    line.wait_state("ready")
    line.sim.do("reset_counters")
    line.sim.do("wait", for_="+CMGL", count=4, timeout=30)
    deliver(line, "+32470000001")
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)
    line.sim.do("wait", for_="+CMGL", count=8, timeout=30)

    assert line.status()["modem"]["steps"] == 0
    assert "recovering" not in line.log_path.read_text()


def test_a_listing_that_is_refused_while_something_lies_there_is_not_empty(open_line: Open) -> None:
    """The same error of a storage that holds something is an error."""
    line = open_line()
    deliver(line, "+32470000001")
    line.sim.do("fault", kind="error", command="+CMGL", cms=321, count=1)
    with driver(line) as modem:
        modem.initialise()
        with pytest.raises(ModemRefusedError, match="does not list SM"):
            modem.storages.list("SM")
        assert len(modem.storages.list("SM").entries) == 1


# Registration


@pytest.mark.parametrize(
    ("name", "registration"),
    [
        ("home_sms", Registration.HOME),
        ("roaming_sms", Registration.ROAMING),
        ("home_no_csfb", Registration.HOME),
        ("roaming_no_csfb", Registration.ROAMING),
        ("emergency", Registration.DENIED),
        ("emergency_lte", Registration.DENIED),
    ],
)
@pytest.mark.parametrize("question", ["+CREG", "+CGREG", "+CEREG", "+C5GREG"])
def test_each_state_of_registration_is_known(open_line: Open, name: str, registration: str, question: str) -> None:
    """Registered for texts alone, or without calls over LTE, is registered; for emergencies alone is not."""
    line = open_line()
    line.sim.do("habits", registers=[question])
    line.sim.do("network", registered=name)
    with driver(line) as modem:
        modem.initialise()
        assert modem.network().registration is registration


@pytest.mark.parametrize("question", ["+CREG", "+CGREG", "+CEREG", "+C5GREG"])
def test_an_lte_modem_for_emergencies_alone_is_denied(open_line: Open, question: str) -> None:
    """An A7670E without a subscription says 0,11 for minutes: that is no network, and no unknown one."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command=question, old=r"(\d),\d.*", new=r"\1,11")
    line.sim.do("habits", registers=[question])
    with driver(line) as modem:
        modem.initialise()
        assert modem.network().registration is Registration.DENIED


def test_a_registration_that_comes_unasked_in_the_form_of_an_answer_is_one(open_line: Open) -> None:
    """An MD400 says +CREG: 2,5,"0502","0404736D" amid AT+CREG?, too: the state is the second number in both."""
    line = open_line()
    urc = '+CREG: 2,5,"0502","0404736D"'
    with driver(line) as modem:
        modem.initialise()
        line.sim.do("fault", kind="urc_inside", command="+CREG", urc=urc, at=0, count=1)
        assert modem.network().registration is Registration.ROAMING
        assert modem.network().registration is Registration.HOME


def test_a_state_with_leading_zeros_is_a_state(open_line: Open) -> None:
    """An Iridium modem says 001 for 1 (ModemManager, test_creg2_iridium_solicited)."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CREG", old=r"(\d),(\d).*", new=r'002,00\2,"0001","0010"')
    with driver(line) as modem:
        modem.initialise()
        assert modem.network().registration in REGISTERED


@pytest.mark.parametrize(("registered", "kind"), [("searching", "hang"), ("searching", "slow"), ("none", "hang")])
def test_a_question_that_is_held_while_there_is_no_network_resets_nothing(
    open_line: Open, registered: str, kind: str
) -> None:
    """A make may keep AT+COPS? until it has found a network: its texts are read meanwhile."""
    line = open_line()
    line.sim.do("network", registered=registered)
    line.sim.do("fault", kind=kind, command="+COPS", **({"seconds": 60.0} if kind == "slow" else {}))
    deliver(line, "+32470000001")
    line.sim.do("store", pdu=PDU)
    line.start()
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
        ("PH-NET PIN", SimState.OTHER),
    ],
)
def test_what_the_sim_says_is_understood(open_line: Open, words: str, state: SimState) -> None:
    """Quotes change nothing, a second PIN locks nothing that is used here, and a SIM that is not inserted is absent."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CPIN", old="READY", new=words)
    with driver(line) as modem:
        assert modem.sim_state()[0] is state


def test_a_sim_that_is_not_ready_is_told_in_the_log(open_line: Open) -> None:
    """A state of the SIM that no rule knows is told in its own words, once."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CPIN", old="READY", new="PH-NET PIN")
    line.start()
    line.sim.do("wait", for_="+CPIN", count=3, timeout=30)
    wait_until(lambda: "PH-NET PIN" in line.trouble())

    assert line.log_path.read_text().count("PH-NET PIN") == 1


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
def test_the_own_number_is_read_with_and_without_a_name(open_line: Open, old: str, new: str, number: str) -> None:
    """Of +CNUM the second field is the number, whatever stands before and behind it."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CNUM", old=old, new=new)
    with driver(line) as modem:
        assert modem.initialise().own_number == number


def test_of_several_own_numbers_the_first_counts(open_line: Open) -> None:
    """A SIM with several numbers names its own first (ModemManager, test_cnum_response_generic_multiple_numbers)."""
    line = open_line()
    several = '+CNUM: something,"+34600000001",145\r\n+CNUM: ,"+34600000002",145\r\n+CNUM: "another","1234567890",161'
    line.sim.do("fault", kind="rewrites", command="+CNUM", old=".+", new=several)
    with driver(line) as modem:
        assert modem.initialise().own_number == "+34600000001"


def test_the_line_does_not_answer_itself(open_line: Open) -> None:
    """A SIM that says its number without a name is known by it."""
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
    """A number without quotes is one; what is not understood is unknown, and only an empty one is none."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CSCA", old=old, new=new)
    with driver(line) as modem:
        assert modem.service_centre() == centre


# Alphabets


@pytest.mark.parametrize("left", ["UCS2", "GSM"])
def test_the_character_set_of_somebody_else_is_not_kept(open_line: Open, left: str) -> None:
    """ModemManager leaves UCS2 behind, gammu too: it is set to IRA, and number, operator and credit are read."""
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
    """A make without IRA writes in the alphabet of GSM, where é is 5 and @ is 0."""
    line = open_line(lacks=['+CSCS="IRA"'])
    with driver(line) as modem:
        modem.initialise()
        assert line.sim.do("state")["charset"] == "GSM"
        line.sim.do("ussd", code="*100#", text="crédit: 5 EUR à @moi")
        assert modem.ussd("*100#") == "crédit: 5 EUR à @moi"


# Notifications


def test_a_stick_that_refuses_what_it_offers_reports_all_the_same(open_line: Open) -> None:
    """MSM sticks refuse mode 2 of +CNMI: mode 1 brings texts and status reports."""
    line = open_line(lacks=MSM_REFUSES)
    line.configure(modem={"delivery_reports": True})
    line.start()
    line.wait_state("ready")
    deliver(line, "+32470000001")
    wait_until(lambda: line.rows("SELECT state FROM answers") == [("delivered",)])

    assert line.sim.do("state")["settings"]["+CNMI"][:2] == [1, 1]
    assert troubles(line) == []


def test_reports_that_cannot_come_are_told(open_line: Open) -> None:
    """Where a modem takes no form of +CNMI with reports, `delivery_reports: true` is in vain, and status says so."""
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


def test_a_modem_that_hands_texts_over_is_served(open_line: Open) -> None:
    """One that refuses every +CNMI of ours and says 1,2,2,1,1 (Android's) is served: texts are acknowledged."""
    line = open_line(lacks=[f"+CNMI={form}" for form in STANDARD_CNMI], factory=["+CNMI=1,2,2,1,1"])
    line.start()
    line.wait_state("ready")
    deliver(line, "+32470000001", "+32470000002")
    wait_until(lambda: line.settled() and len(line.submitted()) == 2)

    assert commands(line)["+CNMA"] == 2
    assert line.sim.do("state")["unacknowledged"] is None
    assert line.sim.do("state")["events"]["reset"] == 1


# Being heard


@pytest.mark.parametrize("lines", ["silent", "refused"])
def test_the_first_word_is_heard_by_all(open_line: Open, lines: str) -> None:
    """A parser that takes or refuses a line by its first two letters is in step after one probe without ESC."""
    line = open_line()
    line.sim.do("habits", lines=lines)
    deliver(line, "+32470000001")
    line.start()
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)

    assert line.sim.do("state")["events"]["reset"] == 1


def test_what_was_refused_while_the_sim_was_busy_is_set_later(open_line: Open) -> None:
    """A modem that is still starting refuses settings with that cause: they are set at the next poll."""
    line = open_line()
    line.sim.do("fault", kind="error", command="+CLIP", cms=None, cme=14, count=1)
    line.sim.do("fault", kind="error", command="+CNMI", cms=515, count=len(STANDARD_CNMI))
    line.start()
    line.wait_state("ready")
    wait_until(lambda: line.sim.do("state")["settings"]["+CNMI"][:2] == [2, 1], "texts that are announced")

    assert line.sim.do("state")["settings"]["+CLIP"] == [1]
    assert line.status()["modem"]["steps"] == 0


def test_a_notification_of_a_storage_that_was_busy_brings_it_in(open_line: Open) -> None:
    """What is announced to lie on a SIM that could not be selected is read at once, not at the next poll."""
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


def test_a_modem_that_goes_on_echoing_is_served(open_line: Open) -> None:
    """One that refuses ATE0 repeats what it is told, and does the main job all the same (Android's emulated modem)."""
    line = open_line(lacks=["E"])
    deliver(line, "+32470000001")
    line.start()
    wait_until(lambda: line.settled() and len(line.submitted()) == 1)

    assert line.sim.do("state")["events"]["reset"] == 1
