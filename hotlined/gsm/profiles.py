"""The differences between makes of modem, as data: for another make, add a row to `PROFILES`.

The only code chooses a row, by AT+CGMI and AT+CGMM. Unsolicited codes are looked up in all rows together
(`UNSOLICITED`), because a modem sends them before it has said its make. Each row names the manual it was taken from.
Known to be wrong: the rows come from manuals, without the hardware, and firmware of one make differs; so each command
has a fallback.
"""

import functools
import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple


class Meaning(Enum):
    """The meaning of an unsolicited result code."""

    CHATTER = "chatter"  # signal, counters, times: ignored
    RESET = "reset"  # the modem has restarted, or will: its settings are lost, and indexes may have changed
    SIM = "sim"  # the SIM was put in, taken out or became ready
    NETWORK = "network"  # the registration may have changed
    UNDERVOLTAGE = "undervoltage"
    OVERVOLTAGE = "overvoltage"


class Query(NamedTuple):
    """A command that asks for something, and the prefix of its answer; empty if the answer has none."""

    command: str
    prefix: str = ""


STANDARD_CNMI = ("2,1,0,2,0", "2,1,0,1,0", "1,1,0,2,0", "1,1,0,1,0", "2,1,0,0,0", "1,1,0,0,0", "2,1")
"""Parameters of AT+CNMI, tried in turn until the modem accepts one (27.005 3.4.1).

All store a text and announce it. Status reports are stored, else handed over, else do not come. MSM sticks refuse mode
2, though they offer it.
"""

STANDARD_ICCID = (Query("AT+CCID", "+CCID:"), Query("AT+CCID"))


class Profile(NamedTuple):
    """One make of modem. The commands of each tuple are tried in turn until the modem accepts one.

    `manufacturer` and `model` are searched in the answers to AT+CGMI and AT+CGMM. `unsolicited` maps the beginning of a
    line to its meaning; the longest match counts. `finals` are final result codes that V.250 does not have.
    `packs_ussd`: the string of AT+CUSD is septets in hexadecimal digits; plain text is tried second. Each of `radio_on`
    undoes each of `radio_off`.
    """

    name: str
    manufacturer: re.Pattern[str]
    model: re.Pattern[str] = re.compile("")
    unsolicited: Mapping[str, Meaning] = MappingProxyType({})
    finals: frozenset[str] = frozenset()
    iccid: tuple[Query, ...] = STANDARD_ICCID
    cnmi: tuple[str, ...] = STANDARD_CNMI
    radio_off: tuple[str, ...] = ("AT+CFUN=4", "AT+CFUN=0")  # 27.007 8.2
    radio_on: tuple[str, ...] = ("AT+CFUN=1",)
    reset: tuple[str, ...] = ("AT+CFUN=1,1",)
    packs_ussd: bool = False


def _is(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


GENERIC = Profile(
    "generic",
    _is(""),
    unsolicited={
        "+CPIN: READY": Meaning.SIM,
        "+CPIN: NOT READY": Meaning.SIM,
        "+CPIN: NOT INSERTED": Meaning.SIM,
        "+CPIN: SIM": Meaning.SIM,  # SIM PIN, SIM PUK, SIM REMOVED
        "+CREG": Meaning.NETWORK,
        "+CEREG": Meaning.NETWORK,
        "SAMSUNG PTS DG Test": Meaning.CHATTER,  # of a make that is not in the table; gammu ignores them, too
        "NOT FOND ^,NOT CUSTOM AT": Meaning.CHATTER,
        "+CGREG": Meaning.NETWORK,
        "+C5GREG": Meaning.NETWORK,
    },
)
"""The profile of a make without a row: the codes of 27.007, and some of makes that are not in the table."""

PROFILES = (
    Profile(  # HUAWEI UMTS Datacard Modem AT Command Interface Specification V2.3; that of ME909s, 03
        "huawei",
        _is("huawei"),
        unsolicited={
            "^BOOT": Meaning.CHATTER,  # E1xx sticks say it every few seconds, for as long as they run
            "^SYSSTART": Meaning.RESET,
            "^SIMST": Meaning.SIM,  # 255: no SIM
            "^SRVST": Meaning.NETWORK,
            "^MODE": Meaning.CHATTER,
            "^RSSI": Meaning.CHATTER,
            "^HCSQ": Meaning.CHATTER,
            "^CSNR": Meaning.CHATTER,
            "^STIN": Meaning.CHATTER,
            "^DSFLOWRPT": Meaning.CHATTER,
            "^SMMEMFULL": Meaning.CHATTER,  # the next scan drains it
        },
        finals=frozenset({"COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"}),
        iccid=(Query("AT^ICCID?", "^ICCID:"), *STANDARD_ICCID),
        reset=("AT+CFUN=1,1", "AT^RESET"),
        packs_ussd=True,
    ),
    Profile(  # notes of trackIT-Systems' package modemmanager-e3372: it imitates Huawei, and AT+CFUN=1,1 does nothing
        "brovi",
        _is("zowee|brovi"),
        unsolicited={"^RRCSTAT": Meaning.CHATTER},
        iccid=(Query("AT^ICCID?", "^ICCID:"), *STANDARD_ICCID),
        reset=("AT^RESET", "AT+CFUN=1,1"),
        packs_ussd=True,
    ),
    Profile(  # from ModemManager's plugin and python-gsmmodem's record of a K3565-Z; no manual is public
        "zte",
        _is("zte"),
        unsolicited={
            "+ZUSIMR": Meaning.CHATTER,  # it looks for the SIM, every two seconds while there is none
            "+ZDONR": Meaning.CHATTER,  # operator and technology
            "+ZPASR": Meaning.CHATTER,
            "+ZPSTM": Meaning.CHATTER,
            "+ZEND": Meaning.CHATTER,
        },
    ),
    Profile(  # SIM7500_SIM7600 Series AT Command Manual V2.00; A76XX Series AT Command Manual V1.09
        "simcom-lte",
        _is("simcom|incorporated"),  # A76xx leave out their maker
        _is(r"SIM7\d{3}|A7\d{3}"),
        unsolicited={
            "*ATREADY": Meaning.RESET,
            "PB DONE": Meaning.CHATTER,  # minutes after the start on a large SIM
            "+SIMCARD": Meaning.SIM,
            "UNDER-VOLTAGE WARNNING": Meaning.UNDERVOLTAGE,  # spelled like this
            "UNDER-VOLTAGE WARNING": Meaning.UNDERVOLTAGE,
            "OVER-VOLTAGE WARNNING": Meaning.OVERVOLTAGE,
            "OVER-VOLTAGE WARNING": Meaning.OVERVOLTAGE,
        },
        iccid=(Query("AT+CICCID", "+ICCID:"), *STANDARD_ICCID),
        reset=("AT+CRESET", "AT+CFUN=1,1"),
    ),
    Profile(  # SIM800 Series AT Command Manual V1.09, chapter 19
        "simcom",
        _is("simcom"),
        unsolicited={
            "RDY": Meaning.RESET,
            "+CFUN": Meaning.CHATTER,  # follows RDY, and each change of the radio's state
            "Call Ready": Meaning.CHATTER,  # follow RDY, and switching the radio on
            "SMS Ready": Meaning.CHATTER,
            "NORMAL POWER DOWN": Meaning.RESET,
            "UNDER-VOLTAGE WARNNING": Meaning.UNDERVOLTAGE,
            "UNDER-VOLTAGE WARNING": Meaning.UNDERVOLTAGE,
            "UNDER-VOLTAGE POWER DOWN": Meaning.UNDERVOLTAGE,
            "OVER-VOLTAGE WARNNING": Meaning.OVERVOLTAGE,
            "OVER-VOLTAGE WARNING": Meaning.OVERVOLTAGE,
            "OVER-VOLTAGE POWER DOWN": Meaning.OVERVOLTAGE,
            "*PSUTTZ": Meaning.CHATTER,
            "DST": Meaning.CHATTER,
            "+CSMINS": Meaning.SIM,
        },
        iccid=(Query("AT+CCID"), *STANDARD_ICCID),
    ),
    Profile(  # EC20 AT Commands Manual V1.3, chapter 15; M95 AT Commands Manual V3.1
        "quectel",
        _is("quectel"),
        unsolicited={
            "RDY": Meaning.RESET,
            "+QIND": Meaning.CHATTER,
            "+QUSIM": Meaning.SIM,
            "+QSIMSTAT": Meaning.SIM,
            "POWERED DOWN": Meaning.RESET,
            "NORMAL POWER DOWN": Meaning.RESET,
            "SMS DONE": Meaning.CHATTER,
            "UNDER_VOLTAGE WARNING": Meaning.UNDERVOLTAGE,
            "UNDER_VOLTAGE POWER DOWN": Meaning.UNDERVOLTAGE,
        },
        iccid=(Query("AT+QCCID", "+QCCID:"), Query("AT+QCCID"), *STANDARD_ICCID),
        cnmi=("2,1,0,1,0", *STANDARD_CNMI),  # EC25 and EG25 store a report in SR, but announce it in SM
    ),
    Profile(  # AirPrime EM74xx/MC74xx AT Command Reference 41111748; AT+CFUN=1 resets nothing there
        "sierra",
        _is("sierra wireless"),
        _is(r"[EMR]C\d{4}|EM\d{4}|AC\d{3}|USB 3\d\d|AirCard"),
        reset=("AT!RESET", "AT+CFUN=1,1"),
    ),
    Profile(  # Wavecom AT Commands Interface Guide WM_DEV_OAT_UGD_049, 7.1
        "wavecom",
        _is("wavecom|sierra wireless"),
        unsolicited={
            "+WIND": Meaning.CHATTER,
            "+WIND: 0": Meaning.SIM,
            "+WIND: 1": Meaning.SIM,
            "+WIND: 13": Meaning.SIM,  # the holder of the SIM was opened or closed
            "+WIND: 3": Meaning.RESET,
            "+WIND: 7": Meaning.NETWORK,
            "+WIND: 8": Meaning.NETWORK,
        },
        # AT+CFUN=1 resets the modem here
        radio_off=("AT+COPS=2",),
        radio_on=("AT+COPS=0",),
        reset=("AT+CFUN=1",),
    ),
    Profile(  # BGS2T AT Command Set V01.301, 1.7.1; MC35 AT Command Set V04.00
        "cinterion",
        _is("siemens|cinterion|gemalto|thales"),
        unsolicited={
            "^SYSSTART": Meaning.RESET,
            "^SHUTDOWN": Meaning.RESET,
            "^SBC: Undervoltage": Meaning.UNDERVOLTAGE,
            "^SBC: Overvoltage": Meaning.OVERVOLTAGE,
            "^SCKS": Meaning.SIM,
            "+CIEV": Meaning.CHATTER,
            "+CIEV: simstatus": Meaning.SIM,
        },
        iccid=(Query("AT^SCID", "^SCID:"), *STANDARD_ICCID),
        cnmi=("2,1,0,2,1", "2,1,0,1,1", "2,1,0,0,1", *STANDARD_CNMI),  # only 1 is allowed as <bfr>
        # AT+CFUN=0 is a sleep that ends at any character, and older modems do not have 4
        radio_off=("AT+COPS=2",),
        radio_on=("AT+COPS=0",),
    ),
    Profile(  # python-gsmmodem's record of an M6280; 80-VR432 is not public
        "qualcomm",
        _is("qualcomm"),
        unsolicited={"HANGUP": Meaning.CHATTER, "$QCSIMSTAT": Meaning.SIM},
    ),
    Profile(  # u-blox Cellular Modules AT Commands Manual UBX-13002752 R51
        "u-blox",
        _is("u-?blox"),
        unsolicited={
            "+UUSIMSTAT": Meaning.SIM,
            "+UUSTS": Meaning.CHATTER,  # temperature and voltage, if asked for
            "+UUPSDD": Meaning.CHATTER,
        },
        finals=frozenset({"ABORTED"}),  # a character came while the command was running
        reset=("AT+CFUN=16", "AT+CFUN=1,1"),
    ),
)
"""The known makes; the first row that fits a modem counts."""

UNSOLICITED: Mapping[str, Meaning] = {
    beginning: meaning for profile in (GENERIC, *PROFILES) for beginning, meaning in profile.unsolicited.items()
}
"""The unsolicited codes of all makes, by the beginning of the line."""

FINALS = frozenset[str]().union(*(profile.finals for profile in PROFILES))
"""Final result codes of every make; each is a whole line."""

_LONGEST_FIRST = sorted(UNSOLICITED, key=len, reverse=True)
_GOES_ON = re.compile(r"\w")
"""A character that continues the word: then the code is another, longer one."""


def choose(manufacturer: str, model: str) -> Profile:
    """Return the profile of a modem by its answers to AT+CGMI and AT+CGMM; `GENERIC` if no row fits."""
    return next((row for row in PROFILES if row.manufacturer.search(manufacturer) and row.model.search(model)), GENERIC)


@functools.lru_cache(maxsize=64)  # each line is looked up about three times, and most lines come again and again
def meaning(text: str) -> Meaning:
    """Return the meaning of an unsolicited line; CHATTER if it is in no row."""
    spaced = re.sub(r":(?=\S)", ": ", text, count=1)  # some makes write ^SIMST:255, some +CPIN: READY
    for beginning in _LONGEST_FIRST:
        if spaced.startswith(beginning) and not _GOES_ON.match(spaced, len(beginning)):
            return UNSOLICITED[beginning]
    return Meaning.CHATTER
