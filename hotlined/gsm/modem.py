"""One modem: initialise and verify, list, delete, submit, calls, status. Knows nothing of hotlines or databases.

Every wait has a time limit and goes on reading: unsolicited codes are kept for `take_unsolicited`, whatever is being
waited for. After an answer that did not come in time the modem is out of step until `resynchronise` has succeeded.
Known to be wrong: a make that cannot do AT+CSMS=1 hands direct deliveries over without waiting for our acknowledgement.
"""

import contextlib
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from hotlined.errors import ModemError, ModemRefusedError, ModemSilentError, PortLostError
from hotlined.gsm import profiles, tpdu
from hotlined.gsm.at import (
    Command,
    Event,
    Final,
    Information,
    Late,
    OutOfStep,
    Prompt,
    Protocol,
    ProtocolState,
    Response,
    Unrecognised,
    Unsolicited,
)
from hotlined.gsm.port import Port
from hotlined.gsm.profiles import Meaning

log = logging.getLogger(__name__)

COMMAND_SECONDS = 5.0
SLOW_COMMAND_SECONDS = 20.0  # what asks the SIM or the network
LISTING_SECONDS = 15.0  # before the first line of a listing
LINE_SECONDS = 10.0  # between two lines of a listing
LISTED_SECONDS = 150.0  # for all lines; 255 entries at 9,600 Bd take 100 s
PROMPT_SECONDS = 10.0
USSD_SECONDS = 30.0
RADIO_SECONDS = 20.0
CMS_SMSC_UNKNOWN = 330  # 27.005 3.2.5: SMSC address unknown
RADIO_OFF = ("0", "4")  # +CFUN: <fun> (27.007 8.2)
DEREGISTERED = "2"  # +COPS: <mode> (27.007 7.3)
QUIET_SECONDS = 0.2
LATE_SECONDS = 0.5  # for a probe's own answer, after something else came
DRAIN_SECONDS = 5.0
PROBE_SECONDS = 2.0
STORAGES = ("SM", "ME")
UNION = "MT"  # of both, and never scanned beside them
REPORTS = "SR"  # where some makes keep status reports: scanned once it is said that one is there
STATE_SECONDS = 1.0  # after +CPIN: some makes end it with nothing

CHARSETS = ("IRA", "GSM")  # 27.007 5.5, best first: in the second a USSD string is septets
BUSY = frozenset({314, 515})  # +CMS ERROR: the SIM is busy (27.005 3.2.5), the modem is still starting (SIMCom, Telit)
SIM_CAUSES = frozenset(range(310, 319))  # +CMS ERROR: no SIM, its PIN, its PUK, its failure (27.005 3.2.5)
BUSY_CME = 14  # 27.007 9.2.1: SIM busy
EMPTY = frozenset({320, 321, 500})  # +CMS ERROR: what some say for the listing of an empty storage

PROBES = tuple(Command(f"AT{name}?", prefixes=(f"{name}:",)) for name in ("+CMGF", "+CSMS", "+CNMI", "+CPMS", "+CFUN"))
"""Asked in turn when resynchronising: a late answer to one cannot be taken for that of the next."""

PLAIN = Command("AT")

CHECKS = (("AT+CMGF?;+CNMI?;+CSCS?",), ("AT+CMGF?;+CNMI?",), ("AT+CMGF?", "AT+CNMI?", "AT+CSCS?"))
"""What asks for the settings that matter: in one command line (V.250 5.2.1), else apart.

The first of which every question is answered, else the last."""


class SimState(StrEnum):
    """What AT+CPIN? says (27.007 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    ABSENT = "absent"
    OTHER = "other"


class Registration(StrEnum):
    """Whether the network has us (27.007 7.2)."""

    HOME = "home"
    ROAMING = "roaming"
    SEARCHING = "searching"
    DENIED = "denied"
    NONE = "none"
    UNKNOWN = "unknown"


_REGISTRATION = {
    0: Registration.NONE,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    5: Registration.ROAMING,
    6: Registration.HOME,  # for SMS only
    7: Registration.ROAMING,
    8: Registration.DENIED,  # but for emergencies
    9: Registration.HOME,  # without calls over LTE
    10: Registration.ROAMING,
}
REGISTRATIONS = ("+CREG", "+CEREG", "+CGREG", "+C5GREG")
"""What knows the registration: circuits, LTE, packets, 5G (27.007 7.2, 10.1). A stick may know it by one alone."""
REGISTERED = frozenset({Registration.HOME, Registration.ROAMING})
_REGISTRATION_RANK = (
    Registration.UNKNOWN,
    Registration.NONE,
    Registration.SEARCHING,
    Registration.DENIED,
    Registration.ROAMING,
    Registration.HOME,
)
"""Of two answers the later one here counts: +CREG of an LTE stick may always say none."""


TECHNOLOGIES = {
    **dict.fromkeys(("0", "1", "3", "8"), "2G"),
    **dict.fromkeys(("2", "4", "5", "6"), "3G"),
    **dict.fromkeys(("7", "10"), "LTE"),
    "9": "NB-IoT",
    **dict.fromkeys(("11", "12", "13"), "5G"),
}
"""<AcT> of +COPS (27.007 7.3)."""

SMS_SERVICES = {"0": "packet", "1": "circuit", "2": "packet, else circuit", "3": "circuit, else packet"}
"""<service> of +CGSMS (27.007 10.1.21): the domain that texts are sent in."""


@dataclass(frozen=True, slots=True)
class Identification:
    """Who the modem and its SIM say that they are; empty where they do not say."""

    manufacturer: str = ""
    model: str = ""
    imei: str = ""
    imsi: str = ""
    own_number: str = ""
    service_centre: str | None = None
    sms_service: str = ""
    """Which way the modem sends texts: one of SMS_SERVICES."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a storage: its index, its status (27.005 3.1: 0 unread … 3 sent) and its raw PDU."""

    index: int
    status: int
    tpdu_length: int | None
    pdu: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a storage showed, and whether the listing came to its end."""

    storage: str
    entries: tuple[Entry, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class StorageUse:
    """How full a storage says that it is, in entries."""

    name: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took the segment, under this reference (None where the make gives none)."""

    mr: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network refused; `cms` is the cause, `before_payload` proves that nothing left."""

    text: str
    cms: int | None
    before_payload: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the segment left."""

    text: str


SubmitOutcome = Sent | Refused | Unknown


@dataclass(frozen=True, slots=True)
class NetworkCondition:
    """Registration, signal (percent, None where unknown), the operator's name, and the technology in use."""

    registration: Registration
    signal_percent: int | None
    operator: str
    technology: str = ""
    """As people say it: 2G, 3G, LTE, NB-IoT, 5G; empty where the modem does not say."""


class Modem:
    """The modem behind one open port.

    `progress` is called at every turn of every wait with the monotonic time until which the step in hand may
    take; it may return an earlier one (or None), and the wait ends then.
    """

    def __init__(self, port: Port, progress: Callable[[float], float | None]) -> None:
        self.port = port
        self.profile = profiles.GENERIC
        self._manufacturer = self._model = ""
        self.storages: dict[str, StorageUse] = {}
        self.acknowledges = False
        self.reports = True
        """Whether it was told to hand status reports over, or to store them."""
        self.unread: dict[str, str] = {}
        """The storages for texts that are offered and cannot be selected, with the modem's words."""
        self._progress = progress
        self._protocol = Protocol()
        self._unsolicited: deque[Unsolicited] = deque()
        self._late: deque[str] = deque(maxlen=16)
        self._unrecognised: deque[str] = deque(maxlen=16)
        self._information: list[Information] = []
        self._probe = 0
        self._named: set[str] = set()  # storages of which the modem has spoken
        self._roles: dict[str, tuple[str, ...]] = {}  # by storage, the form of AT+CPMS that was taken
        self._charset = ""
        self._was_busy = False  # since it was asked for its codes
        self._selected = ""  # the storage that was listed last, while its indexes hold
        self._imsi = ""  # whose SIM it was when that was asked last
        self.is_sim_certain = False
        """Whether the SIM said who it is, and nothing has hinted since that it may be another one."""
        self._has_sim_moved = False  # since a deletion was last known to be of the same SIM
        self._hanging_slots: set[tuple[str, int]] = set()  # slots that the modem hangs on
        self._checks: tuple[str, ...] = CHECKS[0]
        self._settings: tuple[str, ...] = ()
        self._echoes = False
        self._is_complete = False

    @property
    def in_step(self) -> bool:
        """Whether commands may be sent: not after an answer that did not come."""
        return self._protocol.state is not ProtocolState.DESYNCHRONISED

    @property
    def is_submitting(self) -> bool:
        """Whether a segment was handed over whose result has not come yet."""
        return self._protocol.state is ProtocolState.PAYLOAD

    @property
    def has_unsolicited(self) -> bool:
        """Whether something waits for `take_unsolicited`."""
        return bool(self._unsolicited)

    def take_unsolicited(self) -> Iterable[Unsolicited]:
        """Yield the unsolicited codes that came since the last call, each once, oldest first."""
        while self._unsolicited:
            yield self._unsolicited[0]
            self._unsolicited.popleft()  # only now: what could not be dealt with comes again

    def take_late_reference(self) -> int | None:
        """Return the reference of a +CMGS that came after its time limit, once."""
        while self._late:
            if match := _CMGS.match(self._late.popleft()):
                return int(match[1])
        return None

    def listen(self, seconds: float) -> bool:
        """Read until something has come or the time is over, at most a second; return whether it is to be acted on."""
        if not self._unsolicited:
            self._receive(time.monotonic() + seconds)
        return self._needs_attention

    def wait(self, seconds: float, *others: int) -> bool:
        """Wait until something has come, the time is over or one of `others` is readable; return as `listen` does.

        It may wait for longer than `listen`: `progress` is not called meanwhile.
        """
        if self._needs_attention:
            return True
        return self.port.wait(seconds, *others) and self.listen(0.0)

    @property
    def _needs_attention(self) -> bool:
        return bool(self._unsolicited or self._late) or not self.in_step

    # ---- being in step

    def resynchronise(self, tries: int = len(PROBES)) -> None:
        """Leave a prompt that may stand open, let late answers pass, and ask until an answer fits its question.

        Raises ModemSilentError if none does.
        """
        if self.in_step:
            self._protocol = Protocol()
        self._selected = ""  # it may have started anew without a word
        self.is_sim_certain = False
        deadline = time.monotonic() + DRAIN_SECONDS
        is_clean = True
        while self._receive(time.monotonic() + QUIET_SECONDS) and not self._is_over(deadline):
            is_clean = False
        strays: list[int] = []  # for each probe, how many answers came that were not its own
        for _ in range(tries):
            if self._is_over(time.monotonic() + PROBE_SECONDS):
                break
            strays.append(self._ask_probe(self._next_probe(), is_clean=is_clean and not strays))
            if self.in_step:
                return
        if strays in ([0] * tries, [1] * tries):
            self._ask_probe(self._next_probe(), escapes=False)
            if self.in_step:
                return
        # one that knows none of the questions is in step if it refused each of them, and nothing else came
        if strays == [1] * tries and self._ask_probe(PLAIN, escapes=False) == 0 and self.in_step:
            return
        raise ModemSilentError(
            f"The modem at {self.port.name} does not answer.",
            "Is this its AT port? Sticks have several; pulling and plugging it helps one that hangs.",
        )

    def _next_probe(self) -> Command:
        self._probe += 1
        return PROBES[self._probe % len(PROBES)]

    def _ask_probe(self, probe: Command, *, escapes: bool = True, is_clean: bool = False) -> int:
        """Write a probe, read until it is quiet again, and return how many answers came that were not the probe's.

        `is_clean`: nothing came before it; where nothing but its own answer comes then, no more can, and none is
        waited for: a modem answers in turn.
        """
        self._write(self._protocol.resynchronise(probe, escapes=escapes))
        late, deadline = 0, time.monotonic() + PROBE_SECONDS
        while not self._is_over(deadline):
            events = self._receive(deadline)
            answers = [event for event in events if isinstance(event, Response)]
            late += sum(isinstance(event, Late) for event in events) + sum(not answer.final.ok for answer in answers)
            if answers and is_clean and not late:
                break
            if late or answers:
                deadline = min(deadline, time.monotonic() + (LATE_SECONDS if late else QUIET_SECONDS))
        if self._protocol.state is not ProtocolState.IDLE and self.in_step:
            self._protocol.time_out()
        return late

    # ---- commands

    def run(
        self,
        text: str,
        *prefixes: str,
        seconds: float = COMMAND_SECONDS,
        bare: bool = False,
        payload: bool = False,
        line_seconds: float | None = None,
    ) -> Response:
        """Run one command and return its response, whatever its final result code.

        Raises ModemSilentError if none came in time (`line_seconds`: counted anew from each line), PortLostError.
        """
        self.require_step()
        if self._is_over(time.monotonic() + seconds):
            raise ModemSilentError(f"{text} was not asked any more.", "The daemon is being stopped.")
        command = Command(text, prefixes=prefixes, payload_after=prefixes if payload else (), bare=bare)
        self._information.clear()
        self._write(self._protocol.command(command))
        response = self._response(seconds, line_seconds)
        self._note_final(response.final)
        return response

    def _note_final(self, final: Final) -> None:
        """Note what a final result code hints at: that the SIM is busy, or may be another one."""
        self._was_busy = self._was_busy or _is_busy(final)
        if final.cme is not None or final.cms in SIM_CAUSES:
            self.is_sim_certain = False

    def require(self, text: str, *prefixes: str, seconds: float = COMMAND_SECONDS, bare: bool = False) -> Response:
        """Run one command that must succeed; raises ModemRefusedError otherwise."""
        response = self.run(text, *prefixes, seconds=seconds, bare=bare)
        if not response.final.ok:
            raise ModemRefusedError(f"The modem answered {text} with {response.final.text}.", response.final.text)
        return response

    def ask(self, text: str, prefix: str = "", seconds: float = COMMAND_SECONDS) -> str:
        """Return what a query says behind its prefix, or an empty string if it is refused."""
        response = self.run(text, *([prefix] if prefix else ()), seconds=seconds, bare=not prefix)
        if not response.final.ok or not response.lines:
            return ""
        return response.lines[0].text.removeprefix(prefix).strip() if prefix else _words(response)

    def ask_digits(self, text: str, prefix: str = "") -> str:
        """Return the long number that a query says (an IMSI, IMEI or ICCID), or an empty string."""
        response = self.run(text, *([prefix] if prefix else ()), seconds=SLOW_COMMAND_SECONDS, bare=not prefix)
        return _digits(response)

    # ---- initialisation

    def begin(self, tries: int = len(PROBES)) -> None:
        """Bring a modem in whatever state to the point where its SIM can be asked: in step, no echo, numeric causes."""
        self.resynchronise(tries)
        for _ in range(2):
            self.run("ATE0")  # the echo of the first may be garbled; one that goes on echoing can be used, too
        self.run("AT+CMEE=1")
        self._manufacturer, self._model = self.ask("AT+CGMI"), self.ask("AT+CGMM")
        self.profile = profiles.choose(self._manufacturer, self._model)
        self._ensure_radio()

    def _ensure_radio(self) -> None:
        """Switch the radio on where it was left off: by a restart of it that was cut short, or by another program."""
        if self.ask("AT+CFUN?", "+CFUN:")[:1] in RADIO_OFF or self._is_deregistered():
            log.warning("the modem's radio was off: it is switched on")
            with contextlib.suppress(ModemRefusedError):
                self._run_first(self.profile.radio_on)

    def _is_deregistered(self) -> bool:
        """Tell whether the modem was told to leave the network (AT+COPS=2).

        A modem that is searching was not, and is not asked: some makes hold AT+COPS? back until the search ends, and
        whatever is written meanwhile aborts it (V.250 5.6.1).
        """
        if self._registration()[0] is not Registration.NONE:
            return False
        try:
            return self.ask("AT+COPS?", "+COPS:", seconds=SLOW_COMMAND_SECONDS)[:1] == DEREGISTERED
        except ModemSilentError:
            self.resynchronise()
            return False

    def sim_state(self) -> tuple[SimState, str]:
        """Return the state of the SIM and the modem's own words for it."""
        try:
            response = self.run("AT+CPIN?", "+CPIN:", seconds=SLOW_COMMAND_SECONDS, line_seconds=STATE_SECONDS)
            final, lines = response.final, response.lines
        except ModemSilentError:
            if not self._information:
                raise
            final, lines = Final("OK"), tuple(self._information)  # old Wavecom modems do not say it
            self.resynchronise()
        if final.ok and lines:
            words = lines[0].text.removeprefix("+CPIN:").strip(' "')
            return _SIM_WORDS.get(words, SimState.OTHER), words
        return _SIM_CAUSES.get(final.cme, SimState.OTHER), final.text

    def sim_identity(self) -> str:
        """Return what tells one SIM from another before its PIN is given: the ICCID, else the modem's IMEI."""
        for query in self.profile.iccid:
            if iccid := self.ask_digits(query.command, query.prefix):
                return iccid
        return self.imei()

    def enter_pin(self, pin: str) -> bool:
        """Give the PIN, once; return whether it was taken."""
        return self.run(f'AT+CPIN="{pin}"', seconds=SLOW_COMMAND_SECONDS).final.ok

    def initialise(self) -> Identification:
        """Set all that the daemon relies on, verify it, and return who is there. The SIM must be ready.

        Raises ModemRefusedError where the modem cannot be used for this.
        """
        return self.complete(self.prepare())

    def prepare(self) -> Identification:
        """Set what a listing relies on, and return which modem and SIM are there; `complete` does the rest."""
        self._is_complete = False
        self.require("AT+CMGF=0")
        self._choose_storages()
        response = self.run("AT+CIMI", bare=True, seconds=SLOW_COMMAND_SECONDS)
        self._note_imsi(response)
        if not self._imsi and response.final.cme is not None:
            raise ModemRefusedError(
                "The SIM does not say who it is (AT+CIMI).", response.final.text, "It is asked again soon."
            )
        return Identification(imei=self.imei(), imsi=self._imsi)

    def complete(self, identification: Identification) -> Identification:
        """Set and verify the rest, and return what else modem and SIM say of themselves."""
        self.choose_charset()
        self._ask_for_codes()
        if self.ask("AT+CMEE?", "+CMEE:") != "1":
            log.warning("the modem does not number its errors: a refusal after Ctrl-Z will be unconfirmed")
        if _field(self.ask("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS), 0) not in self.storages:
            log.warning("the modem does not keep the storage that was chosen for texts")
        return replace(
            identification,
            manufacturer=self._manufacturer,
            model=self._model,
            sms_service=SMS_SERVICES.get(self.ask("AT+CGSMS?", "+CGSMS:"), ""),
            own_number=self.own_number(),
            service_centre=self.service_centre(),
        )

    def imsi(self) -> str:
        """Return whose SIM it is (27.007 5.6), or an empty string where it does not say."""
        self._note_imsi(self.run("AT+CIMI", bare=True, seconds=SLOW_COMMAND_SECONDS))
        return self._imsi

    def _note_imsi(self, response: Response) -> None:
        self._imsi = _digits(response)
        self.is_sim_certain = self._imsi != ""

    def imei(self) -> str:
        """Return which modem it is (27.007 5.4), or an empty string where it does not say."""
        return self.ask_digits("AT+CGSN")

    def own_number(self) -> str:
        """Return the SIM's number as it knows it (27.007 7.1), or an empty string: it names its own first."""
        return _field(self.ask("AT+CNUM", "+CNUM:", seconds=SLOW_COMMAND_SECONDS), 1) or ""

    def service_centre(self) -> str | None:
        """Return the number of the SIM's service centre (27.005 3.3.1).

        Empty where the SIM has none, None where the modem does not say.
        """
        response = self.run("AT+CSCA?", "+CSCA:", seconds=SLOW_COMMAND_SECONDS)
        if response.final.cms == CMS_SMSC_UNKNOWN:
            return ""
        return _field(response.lines[0].text.removeprefix("+CSCA:"), 0) if response.lines else None

    def verify(self) -> None:
        """Check that the settings still stand, with one command; raises ModemRefusedError where they do not.

        A modem that has not been set up completely has none to check.
        """
        if not self._is_complete:
            return
        self._protocol.take_echoed()
        settings = self._read_settings()
        if settings != self._settings:
            raise _not_kept(settings)
        self._require_no_echo()

    def _require_no_echo(self) -> None:
        """Check that the modem does not echo; raises ModemRefusedError where it does and did not before.

        A modem that has reset itself without a word echoes again: this costs no command, so each listing checks it.
        """
        if self._is_complete and self._protocol.take_echoed() and not self._echoes:
            raise _not_kept(("the echo is back",))

    def _note_settings(self) -> None:
        """Read back what was set, for `verify`; raises ModemRefusedError where it is not what was wanted."""
        self._protocol.take_echoed()
        self._note_checks()
        if any(_HANDED_OVER.match(line) for line in self._settings):
            self._choose_indications()  # it may have started anew in between
            self._note_checks()
            if any(_HANDED_OVER.match(line) for line in self._settings):
                log.warning("the modem hands texts over instead of storing them, and takes no other setting")
        if any(_UNWANTED.match(line) for line in self._settings):
            raise _not_kept(self._settings)
        if cnmi := next((line for line in self._settings if line.startswith("+CNMI:")), ""):
            self.reports = _REPORTED.match(cnmi) is not None
        self._echoes = self._protocol.take_echoed()
        self._is_complete = True

    def _note_checks(self) -> None:
        """Find the questions for the settings that the modem answers, and note the answers."""
        for checks in CHECKS:
            self._checks = checks
            self._settings = self._read_settings()
            if len(self._settings) == sum(check.count("?") for check in checks):
                break
        if not self._settings:
            self._checks = ()  # it never says

    def _read_settings(self) -> tuple[str, ...]:
        responses = [self.run(check, "+CMGF:", "+CNMI:", "+CSCS:") for check in self._checks]
        return tuple(line.text for response in responses for line in response.lines)

    # ---- recovery

    def restart_radio(self) -> None:
        """Switch the radio off and on again (27.007 8.2); the network is looked for anew."""
        self._run_first(self.profile.radio_off)
        self._run_first(self.profile.radio_on)

    def reset(self) -> None:
        """Reset the modem; one that is out of step gets the command blindly. The port may go away."""
        with contextlib.suppress(ModemSilentError):
            if self.in_step:
                self._run_first(self.profile.reset)
            else:
                self._write(f"\x1b{self.profile.reset[0]}\r".encode("ascii"))

    def _run_first(self, commands: Iterable[str], seconds: float = RADIO_SECONDS) -> None:
        """Run the first of these commands that the modem takes; raises ModemRefusedError where it takes none."""
        for command in commands:
            final = self.run(command, seconds=seconds).final
            if final.ok:
                return
        raise ModemRefusedError(f"The modem answered {command} with {final.text}.", final.text)

    def choose_charset(self) -> None:
        """Set the alphabet of strings, which lasts until the modem starts anew: another program may have left UCS-2."""
        self._charset = next((charset for charset in CHARSETS if self.run(f'AT+CSCS="{charset}"').final.ok), "")

    def _choose_storages(self) -> None:
        answer = self.ask("AT+CPMS=?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS)
        first = re.match(r"\(+([^)]*)\)", answer)  # what can be listed; some leave quotes out, or parentheses
        offered = dict.fromkeys(re.findall(r"\w+", first[1] if first else answer))
        names = [name for name in offered if name != REPORTS]
        usable = [name for name in STORAGES if name in names] or [UNION for name in names if name == UNION]
        usable = usable or names[:1] or [STORAGES[0]]
        self._selected = ""  # each of them is selected in turn
        self.storages, self.unread, self._roles, self._named = {}, {}, {}, set()
        for name in usable:
            self._select(name)
        if not self.storages:
            words = next(iter(self.unread.values()))
            raise ModemRefusedError(
                f"The modem lets no storage for texts be selected ({words}).",
                words,
                "Is this a data-only stick or SIM? It is tried again soon.",
            )

    def _select(self, name: str) -> Response:
        """Select a storage, in the form that was taken before, else in the first that is; note whether it can be read.

        The storage that texts come to is the first that takes all three roles; others are only read.
        """
        receiving = next(iter(self._roles.values()), (name,) * 3)
        known = self._roles.get(name)
        if receiving[0] == name:
            forms = [(name,) * count for count in (3, 2, 1)]
        else:
            wide = (name, *receiving[1:])
            forms = list(dict.fromkeys([(name,), wide, (name,) * len(wide)]))
        for roles in [known] if known else forms:
            quoted = ",".join(f'"{role}"' for role in roles)
            response = self.run(f"AT+CPMS={quoted}", "+CPMS:", seconds=SLOW_COMMAND_SECONDS)
            if response.final.ok:
                self._roles[name] = roles
                self._note_use(name, response)
                self.unread.pop(name, None)
                break
            if _is_busy(response.final):
                break
        else:
            self._roles.pop(name, None)  # the next time in any form
        if not response.final.ok and name not in self.storages:
            self.unread[name] = response.final.text
        return response

    def retry_refused(self) -> None:
        """Set again what a busy SIM or modem refused, and select the storages that were refused or named since."""
        if self._was_busy:
            self._ask_for_codes()
        for name in (*self._named, *self.unread):
            self._named.discard(name)  # before it is asked: a modem that hangs on it is not asked again and again
            self._selected = ""
            if self._select(name).final.ok:
                log.info("%s can be read now", name)

    def note_storage(self, name: str) -> None:
        """Note a storage that a notification named, for `retry_refused`; not MT, where SM or ME is read.

        Some sticks put texts into a storage that they do not offer in AT+CPMS=?.
        """
        if name not in self.storages and not (name == UNION and self.storages.keys() & set(STORAGES)):
            self._named.add(name)

    def _ask_for_codes(self) -> None:
        """Ask for what is to come unasked: texts, reports, callers, registration; note the settings for `verify`."""
        self._was_busy = False
        self.acknowledges = self.ask("AT+CSMS=1", "+CSMS:") != "" and self.ask("AT+CSMS?", "+CSMS:").startswith("1")
        self.run("AT+CLIP=1", seconds=SLOW_COMMAND_SECONDS)
        for registration in REGISTRATIONS:
            self.run(f"AT{registration}=1")
        self._choose_indications()
        self._note_settings()

    def _choose_indications(self) -> None:
        taken = next((cnmi for cnmi in self.profile.cnmi if self.run(f"AT+CNMI={cnmi}").final.ok), None)
        if taken is None:
            log.warning("the modem announces no texts: they are found when the storages are listed")
        self.reports = taken is not None and _REPORTED.match(taken) is not None

    # ---- condition

    def condition(self) -> NetworkCondition:
        """Ask for registration, signal and operator."""
        registration, name = self._registration()
        rssi = self.ask("AT+CSQ", "+CSQ:").split(",")[0]
        # 27.007 8.5: 0 to 31, 99 unknown
        signal = round(int(rssi) * 100 / 31) if rssi.isdecimal() and int(rssi) <= 31 else None
        operator = technology = ""
        if registration in REGISTERED:  # else some makes keep the question until they have found one
            answer = self.ask("AT+COPS?", "+COPS:", seconds=SLOW_COMMAND_SECONDS)
            operator, access = _field(answer, 2) or "", _field(answer, 3) or ""
            technology = TECHNOLOGIES.get(access.lstrip("0") or "0", "") if access else "LTE" * (name == "+CEREG")
        return NetworkCondition(registration, signal, operator, technology)

    def _registration(self) -> tuple[Registration, str]:
        """Return how the modem is registered, and by the answer to which question."""
        registration, name = Registration.UNKNOWN, ""
        for name in REGISTRATIONS:
            state = _field(self.ask(f"AT{name}?", f"{name}:"), 1) or ""
            answer = _REGISTRATION.get(int(state), Registration.UNKNOWN) if state.isdecimal() else Registration.UNKNOWN
            registration = max(registration, answer, key=_REGISTRATION_RANK.index)
            if registration in REGISTERED:
                break
        return registration, name

    # ---- receiving

    @property
    def scan_order(self) -> Iterable[str]:
        """The storages that are scanned, first the one that is selected: that saves one selection a scan."""
        return sorted(self.storages, key=lambda name: name != self._selected)

    def forget_deleted(self, storage: str, entries: int) -> None:
        """Count so many deleted entries out of what a storage says that it holds."""
        use = self.storages[storage]
        self.storages[storage] = replace(use, used=max(0, use.used - entries))

    def drop_alias(self, storage: str) -> None:
        """Leave a storage alone from now on: it is another name of one that is listed."""
        del self.storages[storage]

    def reselect(self, storage: str, tries: int = len(PROBES)) -> None:
        """Bring the modem back into step after a listing that broke off, and select the same storage again.

        Raises ModemError where the modem has lost its settings or the storage cannot be selected.
        """
        self.resynchronise(tries)
        self.verify()
        self.require_selection(storage)

    def list(self, storage: str) -> Listing:
        """List all entries of a storage without deleting any; an entry that makes no sense is left out and logged.

        Raises ModemRefusedError where the modem does not list it, or echoes again: it has started anew by itself.
        """
        if self._selected != storage or self._has_sim_moved:
            self.require_selection(storage)
        self._protocol.take_echoed()
        try:
            response = self.run("AT+CMGL=4", "+CMGL:", seconds=LISTING_SECONDS, line_seconds=LINE_SECONDS, payload=True)
        except ModemSilentError:
            log.warning("the listing of %s broke off after %d entries", storage, len(self._information))
            entries_so_far = (_entry(line) for line in self._information)
            return Listing(storage, tuple(entry for entry in entries_so_far if entry), complete=False)
        self._require_no_echo()
        if response.final.cms in EMPTY and not response.lines and self._holds_nothing(storage):
            return Listing(storage, (), complete=True)
        if not response.final.ok:
            raise ModemRefusedError(
                f"The modem does not list {storage} ({response.final.text}).",
                response.final.text,
                "It is being set up again; a modem that has reset itself has lost its settings.",
            )
        entries = [entry for line in response.lines if (entry := _entry(line) or self._read_alone(line))]
        complete = len(entries) == len(response.lines)
        self.storages[storage] = StorageUse(storage, len(entries), self.storages[storage].total)
        return Listing(storage, tuple(entries), complete)

    def _read_alone(self, line: Information) -> Entry | None:
        """Read one entry by its index because its line in the listing was garbled; return it as it stands then.

        None for a slot that is empty after all, or whose text the modem does not show: such a one is never deleted.
        """
        if not (index := re.match(r"\+CMGL:\s*(\d{1,5})\b", line.text)):
            return None
        entry = self.read(int(index[1]))
        if entry is None:
            log.warning("slot %s is listed, but empty", index[1])
        return entry

    def read(self, index: int) -> Entry | None:
        """Read one slot of the storage that was selected last; None where it is empty or does not show its text."""
        self._unrecognised.clear()
        response = self.run(f"AT+CMGR={index}", "+CMGR:", payload=True, seconds=SLOW_COMMAND_SECONDS)
        if not response.final.ok or not response.lines:
            return None
        line = response.lines[0]
        payload = (line.payload or "\n".join(self._unrecognised)).strip().upper()
        status = re.match(r"\+CMGR:\s*(\d)\s*,", line.text)
        return Entry(index, int(status[1]) if status else _status(payload), None, payload) if payload else None

    def list_slots(self, storage: str) -> Listing:
        """Read a storage slot by slot, because the modem hangs when it lists it.

        A slot that it hangs on ends this, and is passed over from then on.
        """
        self.require_selection(storage)
        entries = []
        for index in range(self.storages[storage].total + 1):  # the first is 0 or 1
            if (storage, index) in self._hanging_slots:
                continue
            try:
                entry = self.read(index)
            except ModemSilentError:
                log.warning("the modem hangs on slot %d of %s: passed over from now on", index, storage)
                self._hanging_slots.add((storage, index))
                break
            if entry:
                entries.append(entry)
        return Listing(
            storage, tuple(entries), complete=not any(storage == hanging for hanging, _ in self._hanging_slots)
        )

    def require_selection(self, storage: str) -> None:
        """Make a storage the one that is listed and deleted from."""
        self._selected = ""
        response = self._select(storage)
        if not response.final.ok:
            raise ModemRefusedError(f"The modem answered AT+CPMS with {response.final.text}.", response.final.text)
        self._selected = storage

    def _holds_nothing(self, storage: str) -> bool:
        """Select a storage again and tell whether the modem counts no entry in it."""
        self.require_selection(storage)
        return self.storages[storage].total > 0 and self.storages[storage].used == 0

    def holds_listing(self, storage: str) -> bool:
        """Tell whether the last listing was of this storage and its indexes still hold."""
        return self.in_step and self._selected == storage

    def delete(self, storage: str, index: int) -> bool:
        """Delete one entry of the listing that was just made; return whether the modem did.

        Raises ModemError if the modem has started anew since, or has another SIM: its indexes may be others.
        """
        if self._has_sim_moved:  # some say so all the time
            self._has_sim_moved, before = False, self._imsi
            if self.imsi() != before:
                self._selected = ""
        if self._selected != storage:
            raise ModemError(f"The modem has started anew since {storage} was listed.", "It is listed again.")
        return self.run(f"AT+CMGD={index}", seconds=SLOW_COMMAND_SECONDS).final.ok

    def acknowledge(self) -> None:
        """Tell the network that a text that was handed over is safe (27.005 3.4.4)."""
        if self.acknowledges:
            self.run("AT+CNMA", seconds=SLOW_COMMAND_SECONDS)

    # ---- sending

    def submit(self, pdu: str, tpdu_length: int, seconds: float) -> SubmitOutcome:
        """Hand one segment to the network and say what came of it within `seconds` of Ctrl-Z.

        Raises PortLostError only where nothing can have left.
        """
        if not self.in_step:
            return Refused("out of step", None, before_payload=True)
        command = Command(f"AT+CMGS={tpdu_length}", prefixes=("+CMGS:",), prompt=True)
        self._write(self._protocol.command(command))
        answer = self._until(lambda event: isinstance(event, Prompt | Response), PROMPT_SECONDS, None)
        if isinstance(answer, Response):
            self._note_final(answer.final)
            return Refused(answer.final.text, answer.final.cms, before_payload=True)
        if not isinstance(answer, Prompt):
            return Refused("no prompt came", None, before_payload=True)
        try:
            self._write(self._protocol.submit(pdu))
            response = self._response(seconds)
        except (ModemSilentError, PortLostError) as error:
            self.is_sim_certain = False
            return Unknown(error.message)
        self._note_final(response.final)
        if not response.final.ok:
            return Refused(response.final.text, response.final.cms, before_payload=False)
        references = [match[1] for line in response.lines if (match := _CMGS.match(line.text))]
        return Sent(int(references[0]) if references else None)

    # ---- USSD

    def ussd(self, code: str, seconds: float = USSD_SECONDS) -> str:
        """Ask the network a question such as *121# and return what it says; a menu that wants an answer is cancelled.

        Raises ModemRefusedError where the network refuses, ModemSilentError where nothing comes in time.
        """
        self._take_ussd()
        forms = (tpdu.encode_ussd(code), code) if self.profile.packs_ussd else (code,)
        self._run_first([f'AT+CUSD=1,"{form}",15' for form in forms], seconds)
        deadline = time.monotonic() + seconds
        while (event := self._take_ussd()) is None:
            if time.monotonic() >= deadline and self.in_step:
                self.run("AT+CUSD=2", seconds=SLOW_COMMAND_SECONDS)  # or a late answer would be the next one's
            if self._is_over(deadline) or not self.in_step:
                raise ModemSilentError(
                    f"The network did not answer {code} in {seconds:g} s.", "It is asked again later."
                )
            self._receive(deadline)
        match = _CUSD.match(event.text)
        if match and match["wants"] == "1":
            self.run("AT+CUSD=2", seconds=SLOW_COMMAND_SECONDS)
        text = (match["text"] or match["unquoted"] or "").strip() if match else ""
        dcs = int(match["dcs"]) if match and match["dcs"] else None
        answer = text and tpdu.decode_ussd(text, dcs, as_septets=self._charset == "GSM")
        if not answer:
            raise ModemRefusedError(f"The network has no answer to {code}.", event.text, "Is the code right?")
        return answer

    def _take_ussd(self) -> Unsolicited | None:
        """Take the oldest answer to a USSD question out of the unsolicited codes."""
        answer = next((event for event in self._unsolicited if event.code == "+CUSD"), None)
        if answer:
            self._unsolicited.remove(answer)
        return answer

    # ---- calls

    def hang_up(self) -> None:
        """End a call that rings: AT+CHUP, where a make does not know that, ATH."""
        if not self.run("AT+CHUP").final.ok:
            self.run("ATH")

    # ---- below

    def require_step(self) -> None:
        """Raise ModemSilentError if the modem is out of step."""
        if not self.in_step:
            raise ModemSilentError("The modem is out of step.", "The daemon brings it back by itself.")

    def _write(self, octets: bytes) -> None:
        self.port.write(octets)

    def _response(self, seconds: float, line_seconds: float | None = None) -> Response:
        event = self._until(lambda event: isinstance(event, Response), seconds, line_seconds)
        if not isinstance(event, Response):
            raise ModemSilentError(
                f"The modem did not answer in {seconds:g} s.",
                "The daemon brings it back into step by itself.",
            )
        return event

    def _until(self, wanted: Callable[[Event], bool], seconds: float, line_seconds: float | None) -> Event | None:
        """Read until an event is the wanted one; None after the time limit or out of step, which is final."""
        deadline = time.monotonic() + seconds
        latest = time.monotonic() + max(seconds, LISTED_SECONDS)
        while True:
            events = self._receive(deadline)
            for event in events:
                if wanted(event):
                    return event
                if isinstance(event, OutOfStep):
                    return None
                if isinstance(event, Information) and line_seconds:
                    deadline = min(time.monotonic() + line_seconds, latest)
            if self._is_over(deadline):
                self._protocol.time_out()
                return None

    def _is_over(self, deadline: float) -> bool:
        """Tell whether a wait ends: at its time limit, or where `progress` says so."""
        ends = self._progress(deadline)
        return time.monotonic() >= (deadline if ends is None else min(deadline, ends))

    def _receive(self, deadline: float) -> tuple[Event, ...]:
        """Read once, at most until the deadline, and keep what is nobody's answer."""
        self._progress(deadline)
        octets = self.port.read(min(max(0.0, deadline - time.monotonic()), 1.0))
        events = tuple(self._protocol.receive(octets)) if octets else ()
        for event in events:
            if isinstance(event, Unsolicited):
                self._unsolicited.append(event)
                meaning = profiles.meaning(event.text)
                if meaning is Meaning.RESET:
                    self._selected = ""  # its indexes may be others now
                if meaning in (Meaning.RESET, Meaning.SIM):
                    self.is_sim_certain = False
                self._has_sim_moved = self._has_sim_moved or meaning is Meaning.SIM
            elif isinstance(event, Late):
                self._late.append(event.text)
            elif isinstance(event, Unrecognised):
                self._unrecognised.append(event.text)
                log.debug("unrecognised: %d characters", len(event.text))
            elif isinstance(event, Information):
                self._information.append(event)
        return events

    def _note_use(self, storage: str, response: Response) -> None:
        """Note how full a storage is that was just selected; some makes say it only when asked (27.005 3.2.2)."""
        if (counts := _counts(response)) is None:
            counts = _counts(self.run("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS))
        if counts:
            self.storages[storage] = StorageUse(storage, *counts)
        self.storages.setdefault(storage, StorageUse(storage, 0, 0))


# 27.007 7.15: +CUSD: <m>[,"<str>"[,<dcs>]], the string over several lines
# an E160 leaves the quotes out
_CUSD = re.compile(
    r'\+CUSD:\s*(?P<wants>\d)(?:\s*,\s*(?:"(?P<text>.*)"|(?P<unquoted>[0-9A-F]+))(?:\s*,\s*(?P<dcs>\d+))?)?',
    re.DOTALL,
)
_CMGS = re.compile(r"\+CMGS:\s*(\d{1,3})\b")
_CMGL = re.compile(r"\+CMGL:\s*(\d{1,5})\s*,\s*(\d)\s*,.*?(\d{0,4})\s*$")

_UNWANTED = re.compile(r"\+CMGF:\s*1")  # text mode
_HANDED_OVER = re.compile(r"\+CNMI:\s*\d\s*,\s*[23]")  # texts come by themselves and are not stored
_REPORTED = re.compile(r"(?:\+CNMI:)?\s*(?:\d\s*,\s*){3}[12]")  # its <ds>: status reports come
_LONG_NUMBER = re.compile(r'(?:[+^*]?\w+:)?\s*"?(\d{10,22})F?"?(?:[ ,/].*)?', re.IGNORECASE)
_UNASKED = re.compile(r"[+^*#$%_]|[A-Z][A-Z_ ]*:")  # how a code begins that no table knows

_HEX = re.compile(r"(?:[0-9A-F]{2})+")

_SIM_WORDS = {state.value: state for state in SimState} | {
    # a second PIN is for what is not done here
    "SIM PIN2": SimState.READY,
    "SIM PUK2": SimState.READY,
    "NOT INSERTED": SimState.ABSENT,
    "SIM REMOVED": SimState.ABSENT,
}

# 27.007 9.2.1; a modem without a SIM answers AT+CPIN? with one of the first
_SIM_CAUSES: dict[int | None, SimState] = {
    10: SimState.ABSENT,
    13: SimState.ABSENT,
    15: SimState.ABSENT,
    11: SimState.PIN,
    12: SimState.PUK,
}


def _entry(line: Information) -> Entry | None:
    """Read +CMGL: <index>,<stat>,[<alpha>],<length> and its PDU; None where the two do not fit together."""
    match = _CMGL.match(line.text)
    if not match or line.payload is None:
        return None
    entry = Entry(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, line.payload.strip().upper())
    return entry if _has_its_length(entry) else None


def _has_its_length(entry: Entry) -> bool:
    """Tell whether a PDU is as long as its header said: the service centre and its length octet, then the TPDU."""
    octets = len(entry.pdu) // 2
    return entry.tpdu_length is None or octets == 1 + int(entry.pdu[:2], 16) + entry.tpdu_length


def _status(pdu: str) -> int:
    """Return the status of an entry that comes without one: what we could have submitted is unsent (23.040 9.2.3.1)."""
    first = pdu[2 + 2 * int(pdu[:2], 16) :][:2] if _HEX.fullmatch(pdu) else ""
    return 2 if first and int(first, 16) & 3 == 1 else 1


def _is_busy(final: Final) -> bool:
    return final.cms in BUSY or final.cme == BUSY_CME


def _not_kept(settings: tuple[str, ...]) -> ModemRefusedError:
    return ModemRefusedError(
        f"The modem does not keep its settings ({', '.join(settings) or 'it does not say which it has'}).",
        "ERROR",
        "It is being set up again; if this comes back, the stick needs a better power supply or is broken.",
    )


def _field(text: str, position: int) -> str | None:
    """Return a parameter of an answer without its quotes, of which some makes leave out one or both.

    None where the parameter is missing or left empty; "" only where the modem wrote two quotes.
    """
    fields = re.findall(r'\s*("(?:[^"]|"")*"|[^,]*)(?:,|$)', text)
    parameter = fields[position].strip() if len(fields) > position else ""
    return parameter.strip('"') if parameter else None


def _counts(response: Response) -> tuple[int, int] | None:
    """Return how many entries a storage holds, and has room for, by an answer to AT+CPMS; None if it does not say."""
    for line in response.lines:
        numbers = [int(number) for number in re.findall(r"\b\d{1,5}\b", line.text.split(":", 1)[1])[:2]]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
    return None


def _digits(response: Response) -> str:
    """Return the long number that is an answer (an IMSI, IMEI or ICCID): the first line that is one, or nothing."""
    lines = [line.text.strip() for line in response.lines] if response.final.ok else []
    number = next((match[1] for line in lines if (match := _LONG_NUMBER.fullmatch(line))), "")
    if not number and len(lines) == 1 and (match := re.search(r"\d{10,22}", lines[0])):
        return match[0]  # alone, it is the answer, whatever stands around it
    return number


def _words(response: Response) -> str:
    """Return the words that are an answer: its first line that does not begin as an unsolicited code does."""
    lines = [line.text.strip() for line in response.lines]
    return next((line for line in lines if not _UNASKED.match(line)), lines[0])
