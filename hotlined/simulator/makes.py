"""What differs from make to make, as data: another make is another row of `MAKES`; it holds no code.

The rows imitate what these makes are known for, from their manuals and from the answers of real ones that
python-gsmmodem's tests hold; no hardware was at hand. It is a table of its own: the daemon's is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

Ranges = tuple[tuple[int, int], ...]


REGISTERS = ("+CREG", "+CGREG", "+CEREG", "+C5GREG")
LTE = frozenset({"+CEREG"})
NO_TEXTS = frozenset({f"+C{name}" for name in ("MGF", "SMS", "PMS", "NMI", "MGL", "MGR", "MGD", "MGS", "SCA")})
"""What a modem without texts does not know."""
_PHS8 = (("ME", "MT"), ("ME", "SM", "MT"), ("SM", "MT"))  # ModemManager, test_cpms_response_cinterion


class UssdForm(Enum):
    """How a make takes a USSD code and gives the answer."""

    TEXT = "text"  # as it is, or in UCS-2 if it needs that
    PACKED = "packed"  # septets in hexadecimal digits (TS 23.038, 6.1.2.3)
    UCS2 = "ucs2"  # the answer is UCS-2 always


@dataclass(frozen=True, slots=True)
class Make:
    """One make of modem.

    `boot` is said at start, `chatter` before each fourth answer, one line after another, `sim_in` and `sim_out` as
    the SIM comes and goes. `unknown` ends a command that it does not know, as are those in `lacks` (`+CMGF`, or
    `+CMGF?` alone); None is a numbered error. `iccid` is the command, and how it answers. `factory`: the settings that
    are not the standard's.
    """

    manufacturer: str
    model: str
    revision: str
    boot: tuple[str, ...] = ("RDY", "+CFUN: 1", "+CPIN: {pin}", "Call Ready", "SMS Ready")
    chatter: tuple[str, ...] = ()
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
    registers: frozenset[str] = frozenset(REGISTERS)  # what knows the registration
    elsewhere: str = "none"  # the registration that the others always say
    offers: tuple[tuple[str, ...], ...] = ()  # for each role of AT+CPMS, where it differs: one need not be there at all
    receives: str = ""  # the storage of each role at the start; else the first
    notifies_part: bool = False  # +CMTI names the part of MT that a text came into
    acknowledges: bool = True  # AT+CSMS=1 can be set
    class_0_direct: bool = False  # a text of class 0 is handed over even where +CNMI stores
    status_in_cmgr: bool = True
    alpha: str = ""  # the field between status and length of a listing
    delete_flag: bool = True  # AT+CMGD takes a second parameter
    cpin_ends: bool = True  # AT+CPIN? ends with OK
    nested_memories: bool = False  # AT+CPMS=? answers ((…),(…))
    memories: tuple[int, ...] = (1, 2, 3)  # how many AT+CPMS takes at once
    counts_memories: bool = True  # and answers with how many entries they hold
    networks: str = ""  # what AT+WS46=? lists; empty where it is not known
    ussd: UssdForm = UssdForm.TEXT
    reset: str = "+CFUN=1,1"  # what makes it start anew
    ignores_reset: bool = False  # AT+CFUN=1,1 is OK and does nothing


MAKES = {
    "generic": Make("Hotlined", "Simulator", "1"),
    "huawei": Make(
        "huawei",
        "E173",
        "11.126.85.00.209",
        boot=("^SIMST:1", "^SRVST:2", "^RSSI:18"),
        chatter=("^BOOT:20952548,0,0,0,64", "^RSSI:17", "^MODE:5,4", '^HCSQ:"WCDMA",30,30,58', "^STIN: 0,0,0"),
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
    "huawei-e352": Make(  # chan_dongle, issue 137
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
    "brovi": Make(
        "ZOWEE TECHNOLOGY (HEYUAN) CO., LTD.",
        "E3372-325",
        "3.0.2.61(H057SP5C983)",
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
    "a7670e-lnxy": Make(  # SIMCom, for data alone: LilyGo-Modem-Series, issues 247, 254
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
    "sim7000": Make(  # SIMCom: T-SIM7600X, issue 63
        "SIMCOM INCORPORATED",
        "SIMCOM_SIM7000G",
        "1529B11SIM7000G",
        boot=("RDY", "+CFUN: 1", "+CPIN: {pin}", "SMS Ready"),
        sim_in=("+CPIN: READY",),
        sim_out=("+CPIN: NOT INSERTED",),
        reset="+CRESET",
        offers=(("SM",),) * 3,
    ),
    "x030": Make(  # an Alcatel with Icera's modem
        "T & A Mobile Phones",
        "OT-X030",
        "LQA0007.1.2_D02B",
        boot=(),
        sim_size=20,
        unknown="ERROR",
        lacks=frozenset({"+CEREG"}),
        offers=(("SM",),) * 3,
    ),
    "gtm382": Make(  # Option
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
    "wavecom": Make(
        " WAVECOM MODEM",
        " MULTIBAND  900E  1800",
        "641b09gg.Q2403A",
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
    "cinterion": Make(
        "SIEMENS",
        "MC35i",
        "REVISION 02.00",
        boot=("^SYSSTART",),
        chatter=("+CIEV: rssi,4", "^SCKS: 1"),
        sim_in=("^SCKS: 1",),
        sim_out=("^SCKS: 0",),
        lacks=frozenset({"+CCID", "+CEREG"}),
        iccid=("^SCID", "^SCID: {iccid}"),
        cnmi=((0, 3), (0, 3), (0, 3), (0, 2), (1, 1)),
        factory={"+CNMI": (0, 0, 0, 0, 1)},
        delete_flag=False,
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
"""The same, which names where a text lies, and does not let that be listed."""
