"""One modem: initialise and verify, list, delete, submit, calls, status. Knows nothing of hotlines or databases.

How it is asked and listened to is in `exchange`: a command is a method here, and its answer is read in `responses`.
Known to be wrong: a make that cannot do AT+CSMS=1 hands direct deliveries over without waiting for our acknowledgement.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from hotlined.errors import ModemError, ModemRefusedError, ModemSilentError, PortLostError
from hotlined.gsm import profiles, responses, tpdu
from hotlined.gsm.at import Final, Information, Prompt, Response
from hotlined.gsm.exchange import PROBES, SLOW_COMMAND_SECONDS, Exchange, answered
from hotlined.gsm.port import Port
from hotlined.gsm.responses import (
    CMS_SMSC_UNKNOWN,
    REGISTERED,
    REGISTRATIONS,
    SMS_SERVICES,
    Entry,
    Identification,
    Listing,
    NetworkCondition,
    Refused,
    Registration,
    Sent,
    SimState,
    StorageUse,
    SubmitOutcome,
    Unknown,
)
from hotlined.language import _

log = logging.getLogger(__name__)

LISTING_SECONDS = 15.0  # before the first line of a listing
LINE_SECONDS = 10.0  # between two lines of a listing
USSD_SECONDS = 30.0
RADIO_SECONDS = 20.0
RADIO_OFF = ("0", "4")  # +CFUN: <fun> (27.007 8.2)
DEREGISTERED = "2"  # +COPS: <mode> (27.007 7.3)
STORAGES = ("SM", "ME")
UNION = "MT"  # of both, and never scanned beside them
REPORTS = "SR"  # where some makes keep status reports: scanned once it is said that one is there
STATE_SECONDS = 1.0  # after +CPIN: some makes end it with nothing

CHARSETS = ("IRA", "GSM")  # 27.007 5.5, best first: in the second a USSD string is septets

CHECKS = (("AT+CMGF?;+CNMI?;+CSCS?",), ("AT+CMGF?;+CNMI?",), ("AT+CMGF?", "AT+CNMI?", "AT+CSCS?"))
"""What asks for the settings that matter: in one command line (V.250 5.2.1), else apart.

The first of which every question is answered, else the last."""


class Modem:
    """The modem behind one open port.

    `progress` is called at every turn of every wait with the monotonic time until which the step in hand may
    take; it may return an earlier one (or None), and the wait ends then.
    """

    def __init__(self, port: Port, progress: Callable[[float], float | None]) -> None:
        self.port = port
        exchange = self._exchange = Exchange(port, progress)
        # a modem is asked and listened to as its exchange does it
        self.run, self.require, self.ask, self.ask_digits = (
            exchange.run,
            exchange.require,
            exchange.ask,
            exchange.ask_digits,
        )
        self.listen, self.wait = exchange.listen, exchange.wait
        self.take_unsolicited, self.take_late_reference = exchange.take_unsolicited, exchange.take_late_reference
        self.require_step, self.resynchronise = exchange.require_step, exchange.resynchronise
        self._certainty = exchange.certainty
        self.profile = profiles.GENERIC
        self._manufacturer = self._model = ""
        self.storages: dict[str, StorageUse] = {}
        self.acknowledges = False
        self.reports = True
        """Whether it was told to hand status reports over, or to store them."""
        self.unread: dict[str, str] = {}
        """The storages for texts that are offered and cannot be selected, with the modem's words."""
        self._named: set[str] = set()  # storages of which the modem has spoken
        self._roles: dict[str, tuple[str, ...]] = {}  # by storage, the form of AT+CPMS that was taken
        self._charset = ""
        self._imsi = ""  # whose SIM it was when that was asked last
        self._hanging_slots: set[tuple[str, int]] = set()  # slots that the modem hangs on
        self._checks: tuple[str, ...] = CHECKS[0]
        self._settings: tuple[str, ...] = ()
        self._echoes = False
        self._is_complete = False

    @property
    def in_step(self) -> bool:
        """Whether commands may be sent: not after an answer that did not come."""
        return self._exchange.in_step

    @property
    def is_submitting(self) -> bool:
        """Whether a segment was handed over whose result has not come yet."""
        return self._exchange.is_submitting

    @property
    def has_unsolicited(self) -> bool:
        """Whether something waits for `take_unsolicited`."""
        return self._exchange.has_unsolicited

    @property
    def is_sim_certain(self) -> bool:
        """Whether the SIM said who it is, and nothing has hinted since that it may be another one."""
        return self._certainty.is_sim_certain

    # ---- initialisation

    def begin(self, tries: int = len(PROBES)) -> None:
        """Bring a modem in whatever state to the point where its SIM can be asked: in step, no echo, numeric causes."""
        self.resynchronise(tries)
        for _time in range(2):
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
            if not self._exchange.information:
                raise
            final, lines = Final("OK"), tuple(self._exchange.information)  # old Wavecom modems do not say it
            self.resynchronise()
        return responses.sim_state(final, lines)

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
                _("The SIM does not say who it is (AT+CIMI)."), response.final.text, _("It is asked again soon.")
            )
        return Identification(imei=self.imei(), imsi=self._imsi)

    def complete(self, identification: Identification) -> Identification:
        """Set and verify the rest, and return what else modem and SIM say of themselves."""
        self.choose_charset()
        self._ask_for_codes()
        if self.ask("AT+CMEE?", "+CMEE:") != "1":
            log.warning("the modem does not number its errors: a refusal after Ctrl-Z will be unconfirmed")
        if responses.field(self.ask("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS), 0) not in self.storages:
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
        self._imsi = responses.digits(response)
        self._certainty.is_sim_certain = self._imsi != ""

    def imei(self) -> str:
        """Return which modem it is (27.007 5.4), or an empty string where it does not say."""
        return self.ask_digits("AT+CGSN")

    def own_number(self) -> str:
        """Return the SIM's number as it knows it (27.007 7.1), or an empty string: it names its own first."""
        return responses.field(self.ask("AT+CNUM", "+CNUM:", seconds=SLOW_COMMAND_SECONDS), 1) or ""

    def service_centre(self) -> str | None:
        """Return the number of the SIM's service centre (27.005 3.3.1).

        Empty where the SIM has none, None where the modem does not say.
        """
        response = self.run("AT+CSCA?", "+CSCA:", seconds=SLOW_COMMAND_SECONDS)
        if response.final.cms == CMS_SMSC_UNKNOWN:
            return ""
        return responses.field(response.lines[0].text.removeprefix("+CSCA:"), 0) if response.lines else None

    def verify(self) -> None:
        """Check that the settings still stand, with one command; raises ModemRefusedError where they do not.

        A modem that has not been set up completely has none to check.
        """
        if not self._is_complete:
            return
        self._exchange.take_echoed()
        settings = self._read_settings()
        if settings != self._settings:
            raise _not_kept(settings)
        self._require_no_echo()

    def _require_no_echo(self) -> None:
        """Check that the modem does not echo; raises ModemRefusedError where it does and did not before.

        A modem that has reset itself without a word echoes again: this costs no command, so each listing checks it.
        """
        if self._is_complete and self._exchange.take_echoed() and not self._echoes:
            raise _not_kept(("the echo is back",))

    def _note_settings(self) -> None:
        """Read back what was set, for `verify`; raises ModemRefusedError where it is not what was wanted."""
        self._exchange.take_echoed()
        self._note_checks()
        if any(map(responses.hands_over, self._settings)):
            self._choose_indications()  # it may have started anew in between
            self._note_checks()
            if any(map(responses.hands_over, self._settings)):
                log.warning("the modem hands texts over instead of storing them, and takes no other setting")
        if any(map(responses.is_text_mode, self._settings)):
            raise _not_kept(self._settings)
        if cnmi := next((line for line in self._settings if line.startswith("+CNMI:")), ""):
            self.reports = responses.reports_come(cnmi)
        self._echoes = self._exchange.take_echoed()
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
                self._exchange.write(f"\x1b{self.profile.reset[0]}\r".encode("ascii"))

    def _run_first(self, commands: Iterable[str], seconds: float = RADIO_SECONDS) -> None:
        """Run the first of these commands that the modem takes; raises ModemRefusedError where it takes none."""
        for command in commands:
            final = self.run(command, seconds=seconds).final
            if final.ok:
                return
        raise answered(command, final)

    def choose_charset(self) -> None:
        """Set the alphabet of strings, which lasts until the modem starts anew: another program may have left UCS-2."""
        self._charset = next((charset for charset in CHARSETS if self.run(f'AT+CSCS="{charset}"').final.ok), "")

    def _choose_storages(self) -> None:
        offered = responses.offered(self.ask("AT+CPMS=?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS))
        names = [name for name in offered if name != REPORTS]
        usable = [name for name in STORAGES if name in names] or [UNION for name in names if name == UNION]
        usable = usable or names[:1] or [STORAGES[0]]
        self._certainty.selected = ""  # each of them is selected in turn
        self.storages, self.unread, self._roles, self._named = {}, {}, {}, set()
        for name in usable:
            self._select(name)
        if not self.storages:
            words = next(iter(self.unread.values()))
            raise ModemRefusedError(
                _("The modem lets no storage for texts be selected ({answer}).", answer=words),
                words,
                _("Is this a data-only stick or SIM? It is tried again soon."),
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
            if responses.is_busy(response.final):
                break
        else:
            self._roles.pop(name, None)  # the next time in any form
        if not response.final.ok and name not in self.storages:
            self.unread[name] = response.final.text
        return response

    def retry_refused(self) -> None:
        """Set again what a busy SIM or modem refused, and select the storages that were refused or named since."""
        if self._certainty.was_busy:
            self._ask_for_codes()
        for name in (*self._named, *self.unread):
            self._named.discard(name)  # before it is asked: a modem that hangs on it is not asked again and again
            self._certainty.selected = ""
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
        self._certainty.was_busy = False
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
        self.reports = taken is not None and responses.reports_come(taken)

    # ---- condition

    def condition(self) -> NetworkCondition:
        """Ask for registration, signal and operator."""
        registration, question = self._registration()
        signal = responses.signal_percent(self.ask("AT+CSQ", "+CSQ:"))
        operator = technology = ""
        if registration in REGISTERED:  # else some makes keep the question until they have found one
            answer = self.ask("AT+COPS?", "+COPS:", seconds=SLOW_COMMAND_SECONDS)
            operator, technology = responses.operator(answer, question)
        return NetworkCondition(registration, signal, operator, technology)

    def _registration(self) -> tuple[Registration, str]:
        """Return how the modem is registered, and by the answer to which question."""
        registration, name = Registration.UNKNOWN, ""
        for name in REGISTRATIONS:
            answer = responses.registration_of(self.ask(f"AT{name}?", f"{name}:"))
            registration = responses.better(registration, answer)
            if registration in REGISTERED:
                break
        return registration, name

    # ---- receiving

    @property
    def scan_order(self) -> Iterable[str]:
        """The storages that are scanned, first the one that is selected: that saves one selection a scan."""
        return sorted(self.storages, key=lambda name: name != self._certainty.selected)

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
        if self._certainty.selected != storage or self._certainty.has_sim_moved:
            self.require_selection(storage)
        self._exchange.take_echoed()
        try:
            response = self.run("AT+CMGL=4", "+CMGL:", seconds=LISTING_SECONDS, line_seconds=LINE_SECONDS, payload=True)
        except ModemSilentError:
            log.warning("the listing of %s broke off after %d entries", storage, len(self._exchange.information))
            entries_so_far = map(responses.entry_of, self._exchange.information)
            return Listing(storage, tuple(entry for entry in entries_so_far if entry), complete=False)
        self._require_no_echo()
        if response.final.cms in responses.EMPTY and not response.lines and self._holds_nothing(storage):
            return Listing(storage, (), complete=True)
        if not response.final.ok:
            raise ModemRefusedError(
                _("The modem does not list {storage} ({answer}).", storage=storage, answer=response.final.text),
                response.final.text,
                _("It is being set up again; a modem that has reset itself has lost its settings."),
            )
        entries = [entry for line in response.lines if (entry := responses.entry_of(line) or self._read_alone(line))]
        complete = len(entries) == len(response.lines)
        self.storages[storage] = StorageUse(storage, len(entries), self.storages[storage].total)
        return Listing(storage, tuple(entries), complete)

    def _read_alone(self, line: Information) -> Entry | None:
        """Read one entry by its index because its line in the listing was garbled; return it as it stands then.

        None for a slot that is empty after all, or whose text the modem does not show: such a one is never deleted.
        """
        if (index := responses.maybe_index(line.text)) is None:
            return None
        entry = self.read(index)
        if entry is None:
            log.warning("slot %d is listed, but empty", index)
        return entry

    def read(self, index: int) -> Entry | None:
        """Read one slot of the storage that was selected last; None where it is empty or does not show its text."""
        self._exchange.unrecognised.clear()
        response = self.run(f"AT+CMGR={index}", "+CMGR:", payload=True, seconds=SLOW_COMMAND_SECONDS)
        if not response.final.ok or not response.lines:
            return None
        return responses.slot(index, response.lines[0], self._exchange.unrecognised)

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
            storage, tuple(entries), complete=not any(storage == hanging for hanging, _slot in self._hanging_slots)
        )

    def require_selection(self, storage: str) -> None:
        """Make a storage the one that is listed and deleted from."""
        self._certainty.selected = ""
        response = self._select(storage)
        if not response.final.ok:
            raise answered("AT+CPMS", response.final)
        self._certainty.selected = storage

    def _holds_nothing(self, storage: str) -> bool:
        """Select a storage again and tell whether the modem counts no entry in it."""
        self.require_selection(storage)
        return self.storages[storage].total > 0 and self.storages[storage].used == 0

    def holds_listing(self, storage: str) -> bool:
        """Tell whether the last listing was of this storage and its indexes still hold."""
        return self.in_step and self._certainty.selected == storage

    def delete(self, storage: str, index: int) -> bool:
        """Delete one entry of the listing that was just made; return whether the modem did.

        Raises ModemError if the modem has started anew since, or has another SIM: its indexes may be others.
        """
        if self._certainty.has_sim_moved:  # some say so all the time
            self._certainty.has_sim_moved, before = False, self._imsi
            if self.imsi() != before:
                self._certainty.selected = ""
        if self._certainty.selected != storage:
            raise ModemError(
                _("The modem has started anew since {storage} was listed.", storage=storage), _("It is listed again.")
            )
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
        answer = self._exchange.open_prompt(f"AT+CMGS={tpdu_length}", "+CMGS:")
        if isinstance(answer, Response):
            return Refused(answer.final.text, answer.final.cms, before_payload=True)
        if not isinstance(answer, Prompt):
            return Refused("no prompt came", None, before_payload=True)
        try:
            response = self._exchange.send_payload(pdu, seconds)
        except (ModemSilentError, PortLostError) as error:
            self._certainty.is_sim_certain = False
            return Unknown(error.message)
        if not response.final.ok:
            return Refused(response.final.text, response.final.cms, before_payload=False)
        references = (responses.maybe_reference(line.text) for line in response.lines)
        return Sent(next((reference for reference in references if reference is not None), None))

    # ---- USSD

    def ussd(self, code: str, seconds: float = USSD_SECONDS) -> str:
        """Ask the network a question such as *121# and return what it says; a menu that wants an answer is cancelled.

        Raises ModemRefusedError where the network refuses, ModemSilentError where nothing comes in time.
        """
        self._exchange.take_code("+CUSD")
        forms = (tpdu.encode_ussd(code), code) if self.profile.packs_ussd else (code,)
        self._run_first([f'AT+CUSD=1,"{form}",15' for form in forms], seconds)
        deadline = time.monotonic() + seconds
        while (event := self._exchange.take_code("+CUSD")) is None:
            if time.monotonic() >= deadline and self.in_step:
                self.run("AT+CUSD=2", seconds=SLOW_COMMAND_SECONDS)  # or a late answer would be the next one's
            if self._exchange.is_over(deadline) or not self.in_step:
                raise ModemSilentError(
                    _("The network did not answer {code} in {seconds} s.", code=code, seconds=format(seconds, "g")),
                    _("It is asked again later."),
                )
            self._exchange.receive(deadline)
        answer, is_menu = responses.ussd(event.text, as_septets=self._charset == "GSM")
        if is_menu:
            self.run("AT+CUSD=2", seconds=SLOW_COMMAND_SECONDS)
        if answer is None:
            raise ModemRefusedError(
                _("The network has no answer to {code}.", code=code), event.text, _("Is the code right?")
            )
        return answer

    # ---- calls

    def hang_up(self) -> None:
        """End a call that rings: AT+CHUP, where a make does not know that, ATH."""
        if not self.run("AT+CHUP").final.ok:
            self.run("ATH")

    # ---- below

    def _note_use(self, storage: str, response: Response) -> None:
        """Note how full a storage is that was just selected; some makes say it only when asked (27.005 3.2.2)."""
        if (counts := responses.counts(response)) is None:
            counts = responses.counts(self.run("AT+CPMS?", "+CPMS:", seconds=SLOW_COMMAND_SECONDS))
        if counts:
            self.storages[storage] = StorageUse(storage, *counts)
        self.storages.setdefault(storage, StorageUse(storage, 0, 0))


def _not_kept(settings: tuple[str, ...]) -> ModemRefusedError:
    return ModemRefusedError(
        _(
            "The modem does not keep its settings ({settings}).",
            settings=", ".join(settings) or _("it does not say which it has"),
        ),
        "ERROR",
        _("It is being set up again; if this comes back, the stick needs a better power supply or is broken."),
    )
