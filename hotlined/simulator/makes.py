"""The differences between makes of modem, as data: for another make, add a row to `MAKES`; the table has no code.

The rows imitate the known habits of these makes. Their sources are manuals, answers of real modems in python-gsmmodem's
tests, and answers that owners posted: a comment says where, and tests/data/answers.jsonl has them. Sizes that nobody
posted are invented. No hardware was at hand. This table does not use the daemon's tables of makes: a mistake in one of
them would otherwise be in both, and no test would fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

Ranges = tuple[tuple[int, int], ...]


REGISTERS = ("+CREG", "+CGREG", "+CEREG", "+C5GREG")
LTE = frozenset({"+CEREG"})
NO_TEXTS = frozenset({f"+C{name}" for name in ("MGF", "SMS", "PMS", "NMI", "MGL", "MGR", "MGD", "MGS", "SCA")})
"""The commands that a modem without texts does not know."""
_PHS8 = (("ME", "MT"), ("ME", "SM", "MT"), ("SM", "MT"))  # ModemManager, test_cpms_response_cinterion


class UssdForm(Enum):
    """The form in which a make takes a USSD code and gives the answer."""

    TEXT = "text"  # plain text, or UCS-2 if necessary
    PACKED = "packed"  # septets in hexadecimal digits (TS 23.038, 6.1.2.3)
    UCS2 = "ucs2"  # the answer is always UCS-2


@dataclass(frozen=True, slots=True)
class Make:
    """One make of modem.

    It writes `boot` at start, one line of `chatter` before each fourth answer, in turn, and `sim_in` and `sim_out` when
    the SIM comes and goes. `unknown` is the final result code of a command that it does not know, such as those in
    `lacks` (`+CMGF`, or only `+CMGF?`); None stands for a numbered error (`+CME ERROR: 100`). `iccid` is the command
    and its answer. `factory` has the settings that differ from the standard's.
    """

    manufacturer: str
    model: str
    revision: str
    boot: tuple[str, ...] = ("RDY", "+CFUN: 1", "+CPIN: {pin}", "Call Ready", "SMS Ready")
    chatter: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()  # settings of its own, answered with OK; ^CURC=0 ends its chatter
    sim_in: tuple[str, ...] = ()
    sim_out: tuple[str, ...] = ()
    first_index: int = 1
    sim_size: int = 10
    me_size: int = 0
    unknown: str | None = None
    lacks: frozenset[str] = frozenset()
    iccid: tuple[str, str] = ("+CCID", "+CCID: {iccid}")
    factory: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    cnmi: Ranges = ((0, 3), (0, 3), (0, 3), (0, 2), (0, 1))
    registers: frozenset[str] = frozenset(REGISTERS)  # the queries that show the registration
    elsewhere: str = "none"  # the state that the queries not in `registers` always show
    offers: tuple[tuple[str, ...], ...] = ()  # the storages that AT+CPMS=? names for each role; empty: all
    receives: str = ""  # the storage of all three roles at the start; empty: the first that is not SR
    radio_off: bool = False  # off at the start
    notifies_part: bool = False  # +CMTI names the part of MT that a text came into
    acknowledges: bool = True  # AT+CSMS=1 can be set
    class_0_direct: bool = False  # a text of class 0 is handed over even if +CNMI asks to store texts
    status_in_cmgr: bool = True
    alpha: str = ""  # the field between status and length in a listing
    delete_flag: bool = True  # AT+CMGD takes a second parameter
    cpin_ends: bool = True  # AT+CPIN? ends with OK
    nested_memories: bool = False  # AT+CPMS=? answers ((…),(…))
    memories: tuple[int, ...] = (1, 2, 3)  # how many storages AT+CPMS may name at once
    counts_memories: bool = True  # the answer to AT+CPMS=… has the number of entries of each storage
    networks: str = ""  # the list of AT+WS46=?; empty if unknown
    ussd: UssdForm = UssdForm.TEXT
    reset: str = "+CFUN=1,1"  # the command that restarts it
    ignores_reset: bool = False  # AT+CFUN=1,1 answers OK and does nothing


MAKES = {
    "generic": Make("Hotlined", "Simulator", "1"),
    "huawei": Make(  # wammu; its own: +CLAC of a K3715 and an E1752 in python-gsmmodem
        "huawei",
        "E173",
        "11.126.85.00.209",
        boot=("^SIMST:1", "^SRVST:2", "^RSSI:18"),
        chatter=("^BOOT:20952548,0,0,0,64", "^RSSI:17", "^MODE:5,4", '^HCSQ:"WCDMA",30,30,58', "^STIN: 0,0,0"),
        own=frozenset({"^CURC=0", "^PORTSEL=1"}),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        first_index=0,
        sim_size=20,
        me_size=20,
        unknown="COMMAND NOT SUPPORT",
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        ussd=UssdForm.PACKED,
    ),
    "huawei-e352": Make(  # chan_dongle, gammu
        "huawei",
        "E352",
        "31.116.22.00.51",
        chatter=("^RSSI:17", "^BOOT:20952548,0,0,0,64"),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        first_index=0,
        sim_size=50,
        unknown="COMMAND NOT SUPPORT",
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        ussd=UssdForm.PACKED,
        offers=(("ME", "MT", "SM", "SR"),) * 3,
        receives="SM",
    ),
    "huawei-e1752": Make(  # gammu, issues 126, 138; its storages: python-gsmmodem's record
        "huawei",
        "E1752",
        "11.126.13.00.00",
        boot=("^SIMST:1", "^SRVST:2"),
        chatter=("^RSSI:14", "^BOOT:58372880,0,0,0,6"),
        own=frozenset({"^CURC=0", "^PORTSEL=1"}),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        first_index=0,
        sim_size=50,
        me_size=23,
        unknown="COMMAND NOT SUPPORT",
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        ussd=UssdForm.PACKED,
        offers=(("ME", "MT", "SM", "SR"),) * 3,
        receives="SM",
    ),
    "huawei-e220": Make(  # poplog's vedutils, pop_mobile_connect.p
        "huawei",
        "E220",
        "11.117.10.05.00",
        boot=(),
        chatter=(
            "^DSFLOWRPT:507626C9,00000000,00000000,084246642277766D,1164937208247B54,0422B099,413EB244",
            "AA",
            "^BOOT:19207796,0,0,0,75",
        ),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        first_index=0,
        sim_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        ussd=UssdForm.PACKED,
    ),
    "huawei-e3531": Make(  # gammu, issues 369, 438, 490: texts come into ME, whatever was set
        "huawei",
        "E3531",
        "21.318.15.00.55",
        boot=("^SIMST:1", "^SRVST:2"),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        first_index=0,
        sim_size=20,
        me_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        ussd=UssdForm.PACKED,
        offers=(("SM", "ME"), ("SM", "ME"), ("ME",)),
        receives="ME",
    ),
    "brovi": Make(  # gammu
        "ZOWEE TECHNOLOGY (HEYUAN) CO., LTD.",
        "E3372-325",
        "3.0.2.61(H057SP7C983)",
        boot=("^SIMST:1", "^SRVST:2"),
        chatter=('^HCSQ: "LTE",45,40,100,20', "^RRCSTAT:1", "^RSSI: 20", "^DSFLOWRPT:00000001,00000000"),
        sim_in=("^SIMST:1",),
        sim_out=("^SIMST:255",),
        sim_size=20,
        me_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CCID"}),
        iccid=("^ICCID", "^ICCID: {iccid}"),
        memories=(3,),
        counts_memories=False,
        reset="^RESET",
        ignores_reset=True,
    ),
    "zte": Make(
        "ZTE INCORPORATED",
        "MF190",
        "BD_P673A2V1.0.0B09",
        boot=("+ZUSIMR:2", '+ZPASR: "UMTS"'),
        chatter=('+ZPASR: "HSDPA"', '+ZDONR: "PROXIMUS",206,1,"CS_PS","ROAM_OFF"', "+ZUSIMR:2"),
        first_index=0,
        sim_size=20,
        me_size=30,
        unknown="ERROR",
        lacks=frozenset({"+CNUM", "+CEREG"}),
        status_in_cmgr=False,
    ),
    "zte-mf710": Make(  # gammu; its counts and its reports are those of an MF626
        "+CGMI: ZTE CORPORATION",
        "+CGMM: MF710",
        "BD_MF710",
        boot=("+ZUSIMR:2",),
        chatter=("+ZUSIMR:2", '+ZPASR: "EDGE"', '+CDSI: "SR",50'),
        first_index=0,
        sim_size=50,
        me_size=100,
        lacks=frozenset({"+CEREG"}),
        offers=(("ME", "MT", "SM", "SR"),) * 3,
        receives="ME",
    ),
    "onda": Make(  # a DM4000 with Marvell's modem: gammu, wammu
        '+CGMI: "Marvell"',
        '+CGMM: "LINUX"',
        "XX-YY-ZZ",
        boot=(),
        chatter=("*RADIOPOWER: 1",),
        sim_size=20,
        me_size=23,
        unknown="ERROR",
        registers=LTE,
    ),
    "dwm157": Make(  # D-Link, with MediaTek's modem: gammu, issues 395, 488
        "MTK1",
        "MTK2",
        "0.3.9",
        boot=(),
        sim_size=20,
        me_size=50,
        lacks=frozenset({"+CEREG"}),
        radio_off=True,
    ),
    "sim800": Make(
        "SIMCOM_Ltd",
        "SIMCOM_SIM800L",
        "Revision:1418B05SIM800L24",
        chatter=('*PSUTTZ: 2026,11,24,21,18,0,"+4",0', "DST: 0"),
        sim_in=("+CPIN: READY", "Call Ready", "SMS Ready"),
        sim_out=("+CPIN: NOT READY",),
        iccid=("+CCID", "{iccid}f"),
        factory={"+CMGF": (1,)},
        cnmi=((0, 3), (0, 3), (0, 3), (0, 1), (0, 1)),
        lacks=frozenset({"+CEREG"}),
        alpha='""',
    ),
    "sim7600": Make(
        "SIMCOM INCORPORATED",
        "SIMCOM_SIM7600E-H",
        "SIM7600M22_V2.0",
        boot=("RDY", "+CPIN: {pin}", "SMS DONE", "PB DONE"),
        chatter=("+CTZV: 4", "+VOICEMAIL: WAIT"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: SIM REMOVED",),
        first_index=0,
        sim_size=20,
        me_size=23,
        lacks=frozenset({"+CCID"}),
        reset="+CRESET",
        iccid=("+CICCID", "+ICCID: {iccid}"),
        factory={"+CMGF": (1,)},
        registers=LTE,
        alpha='""',
    ),
    "quectel": Make(
        "Quectel",
        "EC25",
        "EC25EFAR06A06M4G",
        boot=("RDY", "+CFUN: 1", "+CPIN: {pin}", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
        chatter=('+QIND: "csq",18,99', '+QIND: "act","FDD LTE"'),
        sim_in=("+CPIN: READY", "+QUSIM: 1"),
        sim_out=("+CPIN: NOT READY",),
        first_index=0,
        sim_size=20,
        me_size=23,
        lacks=frozenset({"+CCID"}),
        iccid=("+QCCID", "+QCCID: {iccid}"),
        factory={"+CMGF": (1,)},
        registers=LTE,
        class_0_direct=True,
    ),
    "eg25": Make(  # of a PinePhone: pinephone_modem_sdk; lupyuen's notes on NuttX; an EC25: gammu
        "Quectel",
        "EG25",
        "EG25GGBR07A08M2G",
        boot=("RDY", "+CPIN: {pin}", "+QUSIM: 1", "+CFUN: 4", "+QIND: SMS DONE"),
        sim_in=("+CPIN: READY", "+QUSIM: 1"),
        sim_out=("+CPIN: NOT READY",),
        first_index=0,
        sim_size=50,
        me_size=255,
        unknown="ERROR",
        lacks=frozenset({"+CCID"}),
        iccid=("+QCCID", "+QCCID: {iccid}"),
        factory={"+CGSMS": (3,)},
        registers=LTE,
        offers=(("SM", "ME", "MT"),) * 3,
        receives="ME",
        radio_off=True,
    ),
    "m26": Make(  # a FOXCOM with Quectel's M26: warthog618/modem
        "FOXCOM MODEM",
        "Quectel_M26",
        "Revision: M26FBR03A06-TTS",
        sim_size=50,
        me_size=255,
        lacks=frozenset({"+CEREG"}),
        iccid=("+CCID", '+CCID: "{iccid}"'),
        factory={"+CNMI": (2, 1, 0, 0, 0)},
        offers=(("SM", "ME", "MT"),) * 3,
        receives="SM",
        acknowledges=False,
        alpha='""',
    ),
    "qdc507": Make(  # a Baiwang, DJI's Cellular: notes of modemcat
        "Baiwang",
        "QDC507",
        "QDC507GLEFM21",
        boot=("+CPIN: {pin}", "+QIND: SMS DONE", "+QIND: PB DONE"),
        chatter=('+QIND: "csq",18,99',),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT READY",),
        first_index=0,
        sim_size=50,
        me_size=23,
        registers=frozenset({"+CEREG", "+CGREG"}),
        elsewhere="denied",
        receives="ME",
    ),
    "a7670e-lnxy": Make(  # SIMCom, for data only: LilyGo-Modem-Series, issues 247, 254
        "SIMCOM INCORPORATED",
        "A7670E-LNXY-UBL",
        "23110B01A7670M4A_CUS_UBIA",
        boot=("*ATREADY: 1", "+CPIN: {pin}", "PB DONE"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT INSERTED",),
        unknown="ERROR",
        lacks=NO_TEXTS | {"+CCID"},
        iccid=("+CICCID", "+ICCID: {iccid}"),
        registers=LTE,
        reset="+CRESET",
    ),
    "a7670e-fase": Make(  # SIMCom: esphome; for emergency calls only: LilyGo-Modem-Series
        "SIMCOM INCORPORATED",
        "A7670E-FASE",
        "A7670M7",
        boot=("*ATREADY: 1", "+CPIN: {pin}", "SMS DONE", "PB DONE"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT INSERTED",),
        first_index=0,
        sim_size=20,
        me_size=23,
        lacks=frozenset({"+CCID"}),
        iccid=("+CICCID", "+ICCID: {iccid}"),
        registers=frozenset(),
        elsewhere="emergency_lte",
        reset="+CRESET",
        alpha='""',
    ),
    "sim7670": Make(  # SIMCom: notes, modem-sim7670g-sms-poll; an A7670's chatter: onlinegill's tracker
        "SIMCOM INCORPORATED",
        "SIM7670G-MNGV",
        "2374B03SIM767XM5A_M",
        boot=("*ATREADY: 1", '*ISIMAID: "C1517498093930CACABDDC2965048308CA"', "+CPIN: {pin}", "SMS DONE"),
        chatter=("+CGEV: NW REATTACH", "+CGEV: EPS PDN ACT 1", '*COPN:0,"KT"', "PB DONE"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT INSERTED",),
        first_index=0,
        sim_size=30,
        me_size=10,
        lacks=frozenset({"+CCID"}),
        iccid=("+CICCID", "+ICCID: {iccid}"),
        registers=LTE,
        offers=(("ME", "SM"),) * 3,
        receives="ME",
        reset="+CRESET",
        alpha='""',
    ),
    "sim7000": Make(  # SIMCom: T-SIM7600X
        "SIMCOM INCORPORATED",
        "SIMCOM_SIM7000G",
        "1529B11SIM7000G",
        boot=("RDY", "+CFUN: 1", "+CPIN: {pin}", "SMS Ready"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT INSERTED",),
        reset="+CRESET",
        offers=(("SM",),) * 3,
    ),
    "x030": Make(  # an Alcatel with Icera's modem: a thread of Ubuntu's forum, 2008
        "T & A Mobile Phones",
        "OT-X030",
        "LQA0007.1.2_D02B",
        boot=(),
        sim_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CEREG"}),
        offers=(("SM",),) * 3,
    ),
    "gtm382": Make(  # Option: wammu
        "Option N.V.",
        "GTM382",
        "2.12.0Hd",
        boot=(),
        chatter=("_OSIGQ: 9,0",),
        sim_size=20,
        me_size=23,
        lacks=frozenset({"+CEREG"}),
        offers=(("SM", "MT", "ME", "SR"),) * 3,
        networks="(12,22,25)",
    ),
    "ml307c": Make(  # China Mobile: sms_forwarding; another program left it in the mode that hands texts over
        "CMCC",
        "ML307C",
        "ML307C-DC-CN",
        boot=(),
        sim_size=50,
        me_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CREG", "+CGREG"}),
        factory={"+CNMI": (3, 2, 0, 0, 0)},
        registers=LTE,
    ),
    "air724": Make(  # OpenLuat, with UNISOC's modem: QModem's test cases
        '+CGMI: ""',
        '+CGMM: "Air724UG"',
        '+CGMR: "LuatOS-Air_V4032"',
        boot=(),
        sim_size=40,
        unknown="+CME ERROR: invalid command line",
        registers=LTE | {"+CREG"},
    ),
    "l850": Make(  # Fibocom: luci-app-3ginfo-lite
        "+CGMI: Fibocom",
        "+CGMM: L850 LTE Module,L850",
        "18500.5001.00.05.27.16",
        boot=(),
        sim_size=20,
        me_size=100,
        registers=LTE,
        receives="ME",
    ),
    "wavecom": Make(  # gammu
        " WAVECOM MODEM",
        " MULTIBAND  900E  1800",
        "641b09gg.Q2403A 1320676 061804 14:38",
        boot=("+WIND: 3", "+WIND: 7", "+WIND: 4"),
        chatter=('+WIND: 15,1,"Proximus"', '+WIND: 10,"SM",1'),
        sim_in=("+WIND: 1",),
        sim_out=("+WIND: 0",),
        sim_size=15,
        unknown="ERROR",
        lacks=frozenset({"+CEREG", "+CNUM", "+CHUP"}),
        reset="+CFUN=1",
        acknowledges=False,
        cpin_ends=False,
        nested_memories=True,
        memories=(1, 2),
    ),
    "cinterion": Make(  # its storages: gammu
        "SIEMENS",
        "MC35i",
        "REVISION 02.00",
        boot=("^SYSSTART",),
        chatter=("+CIEV: rssi,4", "^SCKS: 1"),
        sim_in=("^SCKS: 1",),
        sim_out=("^SCKS: 0",),
        me_size=25,
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^SCID", "^SCID: {iccid}"),
        cnmi=((0, 3), (0, 3), (0, 3), (0, 2), (1, 1)),
        factory={"+CNMI": (0, 0, 0, 0, 1)},
        delete_flag=False,
        offers=(("MT", "SM", "ME"), ("MT", "SM", "ME"), ("MT", "SM")),
        receives="SM",
    ),
    "cinterion-mt": Make(
        "Cinterion",
        "PHS8-E",
        "REVISION 02.003",
        boot=("^SYSSTART",),
        chatter=("+CIEV: rssi,4", "^SCKS: 1"),
        sim_in=("^SCKS: 1",),
        sim_out=("^SCKS: 0",),
        sim_size=30,
        me_size=25,
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^SCID", "^SCID: {iccid}"),
        cnmi=((0, 3), (0, 3), (0, 3), (0, 2), (1, 1)),
        factory={"+CNMI": (0, 0, 0, 0, 1)},
        delete_flag=False,
        offers=_PHS8,
        receives="MT",
    ),
    "qualcomm": Make(
        "QUALCOMM INCORPORATED",
        "M6280",
        "M6280_V1.0.0",
        boot=(),
        chatter=("HANGUP: 1",),
        first_index=0,
        sim_size=20,
        me_size=23,
        unknown="ERROR",
        lacks=frozenset({"+CNUM", "+CCID", "+CEREG"}),
        cnmi=((0, 2), (0, 3), (0, 2), (0, 1), (0, 1)),
        ussd=UssdForm.UCS2,
    ),
    "mr6400": Make(  # the modem of a TP-Link TL-MR6400: sms_tool
        "QUALCOMM INCORPORATED",
        "MDM9225",
        "1",
        boot=(),
        sim_size=20,
        me_size=23,
        registers=LTE,
        offers=(("ME", "MT", "SM", "SR"),) * 3,
        receives="SM",
    ),
    "u-blox": Make(
        "u-blox",
        "SARA-U201",
        "23.60",
        boot=("+UUSIMSTAT: 6",),
        chatter=("+UUPSDD: 0", "+UUSIMSTAT: 6"),
        sim_in=("+UUSIMSTAT: 6",),
        sim_out=("+UUSIMSTAT: 0",),
        reset="+CFUN=16",
        me_size=20,
        class_0_direct=True,
        alpha='""',
    ),
}
MAKES["cinterion-sm"] = replace(MAKES["cinterion-mt"], notifies_part=True)
"""The same make, but +CMTI names the part of MT that a text came into: SM, which AT+CPMS cannot select for reading."""
