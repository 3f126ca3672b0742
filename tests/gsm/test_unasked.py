"""Unsolicited lines between any two lines of an answer: they change neither the answer nor the state.

The codes are those in ModemManager, oFono, gammu and the manuals of the makes.
"""

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from hotlined.gsm import profiles
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.gsm.profiles import Meaning
from hotlined.gsm.responses import Sent

PDU = "07912374151616F6040B912374103254F600009621133295950005E8329BFD06"
OTHER_PDU = "07912374151616F6040B912374103255F600009621133295950005E8329BFD06"
SUBMIT = "0011000B913254769810F20000AA05E8329BFD06"

CODES = (
    # 3GPP TS 27.005 and 27.007
    *('+CMTI: "SM",3', '+CMTI:"ME",0', '+CDSI: "SM",3', f"+CMT: ,26\r\n{OTHER_PDU}", f"+CDS: 26\r\n{OTHER_PDU}"),
    *(f"+CBM: 26\r\n{OTHER_PDU}", "RING", "+CRING: VOICE", '+CLIP: "+32470123456",145,"",,"",0', '+CLIP: "",128'),
    *('+CCWA: "+32470123456",145,1', "+COLP: 1", "+CSSI: 1", "+CSSU: 2", "NO CARRIER", "BUSY", "+CUSD: 2"),
    *('+CUSD: 0,"Solde: 5 EUR",15', '+CUSD: 1,"\r\n1. Solde\r\n2. Fin",15', "+CREG: 1", '+CREG: 5,"00C3","0000A1B2",7'),
    *("+CREG: 001", "+CGREG: 1", "+CEREG: 1,00C3,0000A1B2,7", "+C5GREG: 1,1F00,79D903,11,6,ABCDEF"),
    *("+CGEV: NW DETACH", "+CGEV: ME PDN ACT 1", "+CPIN: NOT READY", "+CPIN: READY", "+CFUN: 1", '+CIEV: "MESSAGE",1'),
    *("+CIEV: 2,3", "+CIEV: rssi,4", "+CTZV: 4", '+CTZE: "+04",0,"2026/11/24,21:18:00"', "+CSQ: 20,99", "+CSQ:31,0"),
    *('+CLCC: 1,1,4,0,0,"+32470123456",145', "+CIND: 5,5,1,0,0,0,0,0", "+CUSATP: D01A", "+CUSATEND", "+CESQ: 99,99"),
    # Huawei
    *("^BOOT:20952548,0,0,0,64", "^RSSI:18", '^HCSQ:"LTE",30,19,66,0', "^MODE:5,4", "^SIMST:1", "^SRVST:2"),
    *("^DSFLOWRPT:0000000C,00000000,00000000,0000000000000000", "^CSNR:-70,-10", "^STIN: 0,0,0", "^NWTIME: 26/11/24"),
    *("^ORIG:1,0", "^CONF:1", "^CONN:1,0", "^CEND:1,0,104,31", "^RRCSTAT:1", "^LTERSRP:-90,-10", "^SMMEMFULL: SM"),
    *("^HRSSILVL:20", "^RSSILVL: 40", "^DSDORMANT:1", "^CSCHANNELINFO: 1,2", "^NDISEND:1", "^SCN:0,0,1"),
    # ZTE
    *('+ZPASR: "UMTS"', '+ZDONR: "PROXIMUS",206,1,"CS_PS","ROAM_OFF"', "+ZUSIMR:2", "+ZPSTM: 0,0", "+ZEND", "+ZPAS: 1"),
    *('+ZOPRT: "PROXIMUS"', "+ZMSRI", "+SPNWNAME: 206,1", "+PSBEARER: 0,0"),
    # SIMCom
    *("RDY", "Call Ready", "SMS Ready", "SMS DONE", "PB DONE", "*ATREADY: 1", "+CNSMOD: 7", "^RFSWITCH:1,1"),
    *("MISSED_CALL: 09:32AM +32470123456", "VOICE CALL: BEGIN", "VOICE CALL: END: 000012", "+SIMCARD: NOT AVAILABLE"),
    *('*PSUTTZ: 2026,11,24,21,18,0,"+4",0', "DST: 0", "NORMAL POWER DOWN", "UNDER-VOLTAGE WARNNING", "+CPING: 1"),
    # Quectel, u-blox, Cinterion, Wavecom, Telit, Ericsson, Option, Icera, Samsung
    *('+QIND: "csq",20,99', "+QUSIM: 1", "+QSIMSTAT: 1,0", "POWERED DOWN", "+UUSIMSTAT: 6", "+UUPSDD: 0"),
    *("+UCALLSTAT: 1,3", "+UUDTMFD: 5", "^SYSSTART", "^SHUTDOWN", "^SBC: Undervoltage", "^SCKS: 1", "+WIND: 4"),
    *('+WIND: 15,1,"Proximus"', "#STN: 25", "#QSS: 1", "#NITZ: 26/11/24", "*EMRDY: 1", "*E2NAP: 1", "*ERINFO: 0,0,1"),
    *("*EMWI: 1,2", "*ESTKSMS: 1", "*RADIOPOWER: 1", "*ISIMAID: 00", "*EBCA: 4", "_OSIGQ: 18,0", "_OCTI: 2"),
    *("%CTZV: 26/11/24", "%NWSTATE: 1", "+PACSP0", "+PBREADY", "+ECSQ: 5,20,-90", "$QCSIMSTAT: 1", "HANGUP: 1"),
    *("_OWCTI: 1", "SAMSUNG PTS DG Test", "NOT FOND ^,NOT CUSTOM AT"),
)

Answers = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Dialogue:
    """A command of the driver, the answer to each AT command (lines, the final result code last), and the result."""

    name: str
    ask: Callable[[Modem], object]
    answers: Answers
    also: str = ""
    """A code that means the same unsolicited as in this answer, and may be taken for it."""


def selected(ask: Callable[[Modem], object]) -> Callable[[Modem], object]:
    """Select the storage after asking for the IMSI."""

    def run(modem: Modem) -> object:
        modem.imsi()
        modem.storages.require_selection("SM")
        return ask(modem)

    return run


CIMI = {"AT+CIMI": ["206012345678901", "OK"]}
SELECTION = CIMI | {'AT+CPMS="SM","SM","SM"': ["+CPMS: 1,10,1,10,1,10", "OK"]}
DIALOGUES = (
    Dialogue("IMSI", Modem.imsi, CIMI),
    Dialogue("IMEI", Modem.imei, {"AT+CGSN": ["356938035643809", "OK"]}),
    Dialogue("ICCID", Modem.sim_identity, {"AT+CCID": ["8932012345678901234f", "OK"]}),
    Dialogue("maker", lambda modem: modem.exchange.ask("AT+CGMI"), {"AT+CGMI": ["QUALCOMM INCORPORATED", "OK"]}),
    Dialogue("model", lambda modem: modem.exchange.ask("AT+CGMM"), {"AT+CGMM": [" MULTIBAND  900E  1800", "OK"]}),
    Dialogue("SIM", Modem.sim_state, {"AT+CPIN?": ["+CPIN: READY", "OK"]}, "+CPIN"),
    Dialogue("no SIM", Modem.sim_state, {"AT+CPIN?": ["+CME ERROR: 10"]}, "+CPIN"),
    Dialogue(
        "network",
        Modem.network,
        {
            "AT+CREG?": ['+CREG: 2,1,"00C3","0012"', "OK"],
            "AT+CSQ": ["+CSQ: 18,99", "OK"],
            "AT+COPS?": ['+COPS: 0,0,"Proximus",2', "OK"],
        },
        "+CSQ",
    ),
    Dialogue("centre", Modem.service_centre, {"AT+CSCA?": ['+CSCA: "+32475161616",145', "OK"]}),
    Dialogue("number", Modem.own_number, {"AT+CNUM": ['+CNUM: ,"+32460209399",145', "OK"]}),
    Dialogue("selection", lambda modem: modem.storages.require_selection("SM"), SELECTION),
    Dialogue(
        "listing",
        selected(lambda modem: modem.storages.list("SM")),
        SELECTION | {"AT+CMGL=4": ["+CMGL: 1,0,,24", PDU, "+CMGL: 2,1,,24", OTHER_PDU, "OK"]},
    ),
    Dialogue("empty listing", selected(lambda modem: modem.storages.list("SM")), SELECTION | {"AT+CMGL=4": ["OK"]}),
    Dialogue("reading", lambda modem: modem.storages.read(1), {"AT+CMGR=1": ["+CMGR: 0,,24", PDU, "OK"]}),
    Dialogue("deletion", selected(lambda modem: modem.storages.delete("SM", 1)), SELECTION | {"AT+CMGD=1": ["OK"]}),
    Dialogue(
        "submission",
        lambda modem: modem.submit(SUBMIT, 19, 5.0),
        {"AT+CMGS=19": ["> "], SUBMIT: ["+CMGS: 99", "OK"]},
    ),
    Dialogue(
        "refusal",
        lambda modem: modem.submit(SUBMIT, 19, 5.0),
        {"AT+CMGS=19": ["> "], SUBMIT: ["+CMS ERROR: 38"]},
    ),
    Dialogue(
        "USSD",
        lambda modem: modem.ussd("*100#"),
        {'AT+CUSD=1,"*100#",15': ["OK", '+CUSD: 0,"5 EUR",15']},
        "+CUSD",
    ),
)


class Peer:
    """A modem that answers from a script: `inserted` comes before one line of one answer, once."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self._slave = slave
        self.answers: Answers = {}
        self.inserted = ("", "", 0)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close it."""
        os.write(self._slave, b"\x04\r")
        self._thread.join()
        os.close(self.master)
        os.close(self._slave)

    def _serve(self) -> None:
        line = b""
        while True:
            for octet in os.read(self.master, 4096):
                if octet not in b"\r\x1a":
                    line += bytes([octet])
                    continue
                if line == b"\x04":
                    return
                os.write(self.master, self._answer(line.decode().lstrip("\x1b")))
                line = b""

    def _answer(self, command: str) -> bytes:
        code, asked, at = self.inserted
        lines = list(self.answers.get(command, ["ERROR"]))
        if command == asked:
            lines.insert(at, code)
        return "".join("\r\n> " if line == "> " else f"\r\n{line}\r\n" for line in lines).encode()


@contextmanager
def dialogue(peer: Peer, answers: Answers) -> Iterator[Modem]:
    """Give a modem that is in step and gives these answers."""
    peer.answers, peer.inserted = {"AT+CSMS?": ["+CSMS: 1,1,1,1", "OK"], **answers}, ("", "", 0)
    port = Port(peer.name)
    try:
        modem = Modem(port, lambda _: None)
        modem.exchange.resynchronise()
        yield modem
    finally:
        port.close()


@pytest.fixture(name="peer", scope="module")
def _peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.mark.parametrize("spoken", DIALOGUES, ids=lambda spoken: spoken.name)
def test_an_unsolicited_line_alters_no_answer(peer: Peer, spoken: Dialogue) -> None:
    """Every code is tried at each place; the state stays, too."""
    places = [(asked, at) for asked, lines in spoken.answers.items() for at in range(len(lines) + 1)]
    with dialogue(peer, spoken.answers) as modem:
        plain = spoken.ask(modem)
        wrong = []
        for code in CODES:
            if spoken.also and code.startswith(spoken.also):
                continue
            if spoken.name == "deletion" and profiles.meaning(code) is Meaning.RESET:
                continue  # it has restarted: its indexes may have changed
            for asked, at in places:
                peer.inserted = (code, asked, at)
                said = spoken.ask(modem)
                if said != plain or not modem.in_step:
                    wrong.append((code, asked, at, said))
                if not modem.in_step:
                    peer.inserted = ("", "", 0)
                    modem.exchange.resynchronise()
                peer.inserted = ("", "", 0)
                list(modem.exchange.take_unsolicited())
        assert wrong == []


def test_a_signal_each_second_leaves_no_segment_unconfirmed(peer: Peer) -> None:
    """AT+AUTOCSQ=1 makes SIMCom's send +CSQ between Ctrl-Z and +CMGS."""
    with dialogue(peer, {"AT+CMGS=19": ["> "], SUBMIT: ["+CSQ: 18,99", "+CSQ: 17,99", "+CMGS: 7", "OK"]}) as modem:
        assert modem.submit(SUBMIT, 19, 5.0) == Sent(7)
        assert [event.text for event in modem.exchange.take_unsolicited()] == ["+CSQ: 18,99", "+CSQ: 17,99"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param(
            "+CUSD: 0, 49B41C74ACD3D16171D90D66666666666666666666B45CAC76C3CD6CB41B2D060389CB74F9FE4C07"
            "DD5CB91AA85897BF1B",
            "Ihr Guthaben¿LΘ3fLΘ3fLΘ34915783647410 beträgt 7.95 Euro",
            id="E160, without quotes",  # its recorder made the number unreadable
        ),
        pytest.param(
            '+CUSD: 0,"49B41C74ACD3D16171D90D32FBE52072BA0C72CA5DB45CAC76C3CD6CB41B2D060389CB74F9FE4C07'
            'D55C371CA85897BF1B",15',
            "Ihr Guthaben für die Nr.4915783647410 beträgt 5.78 Euro",
            id="E160",
        ),
        pytest.param(
            '+CUSD: 0,"0414043B044F00200441043F044004300432043A04380020043E002004310430043B0430043D04410435'
            "0020043D04300431043504400438044204350020002A0031003000350023002E002004230441043B0443043304300020"
            '043104350441043F043B04300442043D0430002E",72',
            "Для справки о балансе наберите *105#. Услуга бесплатна.",
            id="E3276",
        ),
        pytest.param(
            '+CUSD: 2,"Maaf, permintaan Anda tidak dapat kami proses. Silakan coba beberapa saat lagi.",0',
            "Maaf, permintaan Anda tidak dapat kami proses. Silakan coba beberapa saat lagi.",
            id="plain",
        ),
    ],
)
def test_recorded_ussd_is_read_in_every_form(peer: Peer, said: str, text: str) -> None:
    """Gammu's users recorded it packed, in UCS-2, plain and without quotes."""
    with dialogue(peer, {'AT+CUSD=1,"*100#",15': ["OK", said]}) as modem:
        assert modem.ussd("*100#") == text
